//! Lists of revoked certificates.
//!
//! A list is read once and asked about many certificates. It must be its issuer's own, whole (no delta, no
//! part of one) and direct: what needs an extension that is not understood here says nothing at all.

use super::{RevocationError, State, Told, in_time, instant, reason};
use crate::certificate::Signed;
use crate::{Certificate, pem};
use jiff::Timestamp;
use std::collections::HashMap;
use x509_cert::crl::{CertificateList, RevokedCert};
use x509_cert::der::Decode as _;
use x509_cert::ext::Extension;
use x509_cert::ext::pkix::CrlReason;

/// Most bytes of a list: two hundred thousand certificates. The largest of the three countries are a tenth.
pub const MAX_LIST_BYTES: usize = 8 * 1024 * 1024;

const REASON: &str = "2.5.29.21";
/// What a list may hold as critical: its number, its issuer's key, when the next comes.
const UNDERSTOOD: [&str; 2] = ["2.5.29.20", "2.5.29.35"];
const BROKEN: RevocationError = RevocationError::Format("its ASN.1 is broken");

/// A list whose signature was verified.
#[derive(Debug, Clone)]
pub struct List {
    issuer: Vec<u8>,
    key: Vec<u8>,
    this_update: Timestamp,
    next_update: Timestamp,
    revoked: HashMap<Vec<u8>, (Timestamp, &'static str)>,
}

impl List {
    /// Reads the list of an issuer, in DER or PEM; it must count at `now`.
    pub fn read(bytes: &[u8], issuer: &Certificate, now: Timestamp) -> Result<Self, RevocationError> {
        if bytes.len() > MAX_LIST_BYTES {
            return Err(RevocationError::Bounds);
        }
        if pem::is_pem(bytes) {
            let block = pem::block(bytes, |it| it == "X509 CRL").ok_or(RevocationError::Format("no intact X509 CRL block"))?;
            return Self::from_der(&block.contents, issuer, now);
        }
        Self::from_der(bytes, issuer, now)
    }

    fn from_der(der: &[u8], issuer: &Certificate, now: Timestamp) -> Result<Self, RevocationError> {
        let parsed = CertificateList::from_der(der).map_err(|_| BROKEN)?;
        let body = &parsed.tbs_cert_list;
        let named = x509_cert::der::Encode::to_der(&body.issuer).map_err(|_| BROKEN)?;
        if named != issuer.subject_der() {
            return Err(RevocationError::Elsewhere);
        }
        let algorithm = parsed.signature_algorithm.oid.to_string();
        let signed = Signed::of(der, algorithm, parsed.signature.as_bytes().unwrap_or_default()).ok_or(BROKEN)?;
        if !issuer.may_sign_lists() || !issuer.made(&signed) {
            return Err(RevocationError::Signature);
        }
        if has_unknown_critical(body.crl_extensions.as_deref().unwrap_or_default(), &UNDERSTOOD) {
            return Err(RevocationError::Critical);
        }
        let this_update = instant(body.this_update.to_unix_duration())?;
        let next = body.next_update.ok_or(RevocationError::Format("it does not say when the next one comes"))?;
        let next_update = in_time(this_update, Some(instant(next.to_unix_duration())?), now)?;
        let revoked = body.revoked_certificates.iter().flatten().map(entry).collect::<Result<_, _>>()?;
        Ok(Self { issuer: named, key: issuer.rsa_public_key().to_vec(), this_update, next_update, revoked })
    }

    /// What it says of a certificate of its issuer.
    pub fn state_of(&self, certificate: &Certificate, issuer: &Certificate) -> Result<Told, RevocationError> {
        let is_its = certificate.issuer_der() == self.issuer && issuer.rsa_public_key() == self.key;
        if !is_its || !certificate.is_signed_by(issuer) {
            return Err(RevocationError::Elsewhere);
        }
        let state = match self.revoked.get(certificate.serial()) {
            Some((at, reason)) => State::Revoked { at: *at, reason },
            None => State::Good,
        };
        Ok(Told { state, this_update: self.this_update, next_update: self.next_update })
    }

    /// Until when it counts.
    pub fn next_update(&self) -> Timestamp {
        self.next_update
    }

    /// How many it names.
    pub fn len(&self) -> usize {
        self.revoked.len()
    }

    /// Whether it names nobody.
    pub fn is_empty(&self) -> bool {
        self.revoked.is_empty()
    }
}

fn has_unknown_critical(all: &[Extension], understood: &[&str]) -> bool {
    all.iter().any(|it| it.critical && !understood.contains(&it.extn_id.to_string().as_str()))
}

fn entry(it: &RevokedCert) -> Result<(Vec<u8>, (Timestamp, &'static str)), RevocationError> {
    let all = it.crl_entry_extensions.as_deref().unwrap_or_default();
    if has_unknown_critical(all, &[REASON]) {
        return Err(RevocationError::Critical);
    }
    let why = all.iter().find(|it| it.extn_id.to_string() == REASON);
    let why = why.and_then(|it| CrlReason::from_der(it.extn_value.as_bytes()).ok()).map_or("unspecified", |it| reason(it as u32));
    Ok((it.serial_number.as_bytes().to_vec(), (instant(it.revocation_date.to_unix_duration())?, why)))
}
