//! SAT's *Descarga Masiva de CFDI y Retenciones*, version 1.5, as a client.
//!
//! Implements the port [`fedatario_app::ports::Sat`]: writes the envelopes, has them signed, sends
//! them to one of eight addresses through the engine and reads what comes back, within bounds.
//! Promises that a request or a download whose answer is not SAT's own is *uncertain* and never
//! repeated here, that a package is durable before its answer counts, and that no envelope, token,
//! signature or certificate reaches a log or an error. It leaves the meaning of SAT's codes to the
//! services and the keys to the vault.

mod authority;
mod client;
mod digest;
pub mod download;
pub mod endpoints;
pub mod envelope;
mod http;
mod probe;
pub mod reply;
mod sealing;
mod settings;
mod token;
mod xml;

pub use authority::SatAuthority;
pub use client::SatClient;
pub use endpoints::{Addresses, Door, EndpointError, Endpoints};
pub use probe::{Alive, Probe};
pub use sealing::{Form, Signer};
pub use settings::{Settings, Timeouts};
pub use token::Token;
pub use xml::{MAX_ANSWER_BYTES, NoAnswer};
