//! SAT's *Descarga Masiva de CFDI y Retenciones*, version 1.5, as a client.
//!
//! Implements the port [`fedatario_app::ports::Sat`]: writes the envelopes, has them signed, sends
//! them to one of eight addresses through the engine and reads what comes back, within bounds.
//! Promises that a request or a download whose answer is not SAT's own is *uncertain* and never
//! repeated here, that a package is durable before its answer counts, and that no envelope, token,
//! signature or certificate reaches a log or an error. It leaves the meaning of SAT's codes to the
//! services and the keys to the vault. Beside it stand SAT's public doors, [`SatCounter`], which
//! need neither.

mod authority;
mod client;
mod counter;
mod digest;
pub mod download;
pub mod endpoints;
pub mod envelope;
pub mod estado;
#[doc(hidden)]
pub mod fuzz;
mod http;
mod probe;
pub mod public;
pub mod reply;
mod sealing;
mod settings;
mod token;
mod xml;

pub use authority::SatAuthority;
pub use client::SatClient;
pub use counter::{CounterSettings, PUBLIC_RATE, SatCounter};
pub use endpoints::{Addresses, Door, EndpointError, Endpoints};
pub use probe::{Alive, Probe};
pub use public::{PublicAddresses, PublicDoor, PublicEndpoints};
pub use sealing::{Form, Signer};
pub use settings::{Settings, Timeouts};
pub use token::Token;
pub use xml::{MAX_ANSWER_BYTES, NoAnswer};
