//! SAT's mass download of CFDI and withholdings, and what can be asked about one document, as a server of
//! our own: its status, the certificates that sealed it, list 69-B.
//!
//! Six operations on two families of addresses, with the envelopes, checks, codes, limits and oddities
//! of the service as its documents and captured answers show them. It promises that what it answered
//! it will stand by (its books survive a kill), and that its counts are true. What nobody knows about
//! the real service is fixed here, and listed in the reference as such; clients must not build on it.
//!
//! Time is wall time for login stamps, tokens and certificates, and wall time plus an offset (which
//! [`Sandbox::advance`] moves) for states of requests, the 72 hours, the six years and future dates.

mod answer;
mod config;
mod consulta;
mod control;
mod corpus;
mod efos;
mod fault;
mod folder;
mod generate;
mod http;
mod journal;
mod ledger;
mod message;
mod metadata;
mod package;
mod pages;
mod rules;
mod sandbox;
mod service;
mod signature;
mod tls;
mod token;
mod trust;

pub use answer::Operation;
pub use config::{Limits, Mode, SandboxError, SatConfig, Waits};
pub use corpus::{Corpus, Estado, Facts, Family, FolderError, Forgery, GenerateError, Party, Seals, Skipped};
pub use fault::{Fault, Target, TooManyFaults};
pub use http::serve;
pub use journal::{JournalError, StatePath};
pub use ledger::{Counts, Script, Solicitud};
pub use metadata::MetadataHeader;
pub use package::Tipo;
pub use rules::Criteria;
pub use sandbox::{Asked, AskedPackage, Call, MintedFiel, Sandbox, StatusQueries};
pub use signature::Profile;
pub use tls::{Tls, TlsError, serve_tls};
