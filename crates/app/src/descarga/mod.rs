//! *Descarga*: from an e.firma to every CFDI of a year, and the proof that nothing is missing.
//!
//! A request at SAT is a row that jobs move: `plan` writes it, `ask` sends it, `verify` waits for
//! it, `fetch` makes its packages durable, `import` reads them, `report` compares what the metadata
//! names with what is here. Each step commits its change, the next job and the audit entry
//! together, so that a crash between any two lines is found by the next worker and told apart:
//! nothing sent, sent and answered, or *uncertain*.
//!
//! What each code of SAT means is data in `fiscal::mx`; what is done about it is decided here.

pub mod ask;
pub mod counts;
pub mod fetch;
pub mod handlers;
pub mod import;
pub mod layout;
pub mod nightly;
pub mod plan;
pub mod progress;
pub mod reading;
pub mod recheck;
pub mod register;
pub mod report;
pub mod request;
pub mod status;
pub mod transition;
pub mod verify;
mod watched;
pub mod wish;
