//! Certificates and private keys as taxpayers hand them in: `.cer`, `.key`, `.pfx`, `.p12`.
//!
//! For reading what SAT issues (and what its users made of it: PEM, base64, re-exported keys), for
//! telling an e.firma from a seal (CSD), and for saying whether a key belongs to a certificate.
//! Promises: nothing here performs I/O or reads a clock; every input is bounded before any costly
//! work; a private key is wiped from memory when dropped and cannot be printed. It leaves the chain
//! of trust to whoever knows which authorities to trust ([`Certificate::is_issued_by`] is one link
//! of it), and signing to the vault.

pub mod certificate;
pub mod error;
pub mod issuer;
pub mod key;
pub mod mint;
pub mod pair;
mod pbe;
mod pem;
mod pkcs12;
pub mod sello;

pub use certificate::{Certificate, Kind};
pub use error::CredentialError;
pub use issuer::IssuerStyle;
pub use key::PrivateKey;
pub use pair::Pair;
pub use sello::{SealDigest, SealKey, verify_sello};
