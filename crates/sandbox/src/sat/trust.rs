//! Whose certificates this authority accepts, and what it says of the others.

use fedatario_credentials::{Certificate, Kind};
use jiff::Timestamp;
use std::collections::HashSet;

/// Names that only test authorities bear.
const TEST_NAMES: [&str; 6] = ["UAT", "PRUEBA", "BETA", "SIMULAD", "SANDBOX", "TEST"];
/// How the numbers of real taxpayers' certificates begin; test ones begin with 3.
const REAL_NUMBERS: &str = "00001";

/// Authorities trusted, certificates revoked.
#[derive(Debug)]
pub(super) struct Trust {
    authorities: Vec<Certificate>,
    revoked: HashSet<String>,
    production: bool,
}

/// Whether an authority is one of the real ones, as far as its name tells.
pub(super) fn is_production(authority: &Certificate) -> bool {
    let names = format!("{} {}", authority.name(), authority.issuer(fedatario_credentials::IssuerStyle::default())).to_uppercase();
    !TEST_NAMES.iter().any(|it| names.contains(it))
}

impl Trust {
    pub fn new(authorities: Vec<Certificate>, revoked: HashSet<String>, production: bool) -> Self {
        Self { authorities, revoked, production }
    }

    /// The code that refuses a certificate, if one does: 305 for what it is, 304 for what became of it.
    pub fn refusal(&self, certificate: &Certificate, now: Timestamp) -> Option<u16> {
        let known = self.authorities.iter().any(|it| certificate.is_issued_by(it));
        let real = certificate.number().starts_with(REAL_NUMBERS) && !self.production;
        if certificate.kind() != Kind::Fiel || !known || real || now < certificate.not_before() {
            return Some(305);
        }
        let over = now > certificate.not_after() || self.revoked.contains(certificate.number());
        over.then_some(304)
    }
}
