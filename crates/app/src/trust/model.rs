//! What is kept of an authority's word.

use crate::model::texts;
use jiff::Timestamp;

texts! {
    /// What an authority says of a certificate.
    RevocationState {
        /// It has not taken it back.
        Good = "good",
        /// It has.
        Revoked = "revoked",
        /// Nobody said anything that counts.
        Unknown = "unknown",
    }
}

/// The last word of an authority on one certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RevocationRow {
    /// SHA-256 of the certificate.
    pub fingerprint: [u8; 32],
    /// The certificate, DER.
    pub certificate: Vec<u8>,
    /// What was said.
    pub state: RevocationState,
    /// Who said it: `ocsp` or `crl`, and the address.
    pub source: Option<String>,
    /// Why nothing was said when it was last asked.
    pub problem: Option<String>,
    /// Why it is revoked.
    pub reason: Option<String>,
    /// Since when it is revoked.
    pub revoked: Option<Timestamp>,
    /// As of when it was said.
    pub this_update: Option<Timestamp>,
    /// Until when it counts.
    pub next_update: Option<Timestamp>,
    /// When it was last asked (wall).
    pub checked: Timestamp,
    /// When it is to be asked again (wall).
    pub due: Timestamp,
}
