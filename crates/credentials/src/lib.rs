//! Certificates and private keys as taxpayers hand them in: `.cer`, `.key`, `.pfx`, `.p12`.
//!
//! For reading what SAT issues (and what its users made of it: PEM, base64, re-exported keys), for
//! telling an e.firma from a seal (CSD), and for saying whether a key belongs to a certificate.
//! Promises: nothing here performs I/O or reads a clock; every input is bounded before any costly
//! work; a private key is wiped from memory when dropped and cannot be printed. It leaves to its
//! callers which authorities to trust ([`chain::path`] finds the way up to one of them), fetching what
//! [`revocation`] reads, and signing to the vault.

pub mod certificate;
pub mod chain;
pub mod error;
pub mod file;
#[doc(hidden)]
pub mod fuzz;
pub mod holder;
pub mod issuer;
pub mod key;
pub mod mint;
pub mod pair;
mod pbe;
mod pem;
pub mod pkcs12;
pub mod revocation;
pub mod sello;

pub use certificate::{Certificate, Kind};
pub use error::CredentialError;
pub use file::FileKind;
pub use holder::{Purpose, TaxId, TaxIdKind};
pub use issuer::IssuerStyle;
pub use key::PrivateKey;
pub use pair::Pair;
pub use sello::{SealDigest, SealKey, verify_sello};
