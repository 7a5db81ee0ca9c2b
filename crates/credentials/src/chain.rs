//! From a certificate up to an authority that the caller trusts.
//!
//! Narrow on purpose: names must match byte for byte, every signature is checked, every certificate
//! of the path must be within its validity at the instant given, whoever issues must be a CA that may
//! sign certificates and whose path length allows what lies below, and a critical extension that is not
//! understood here ends the path. Whoever is trusted ends it well, self-signed or not. Revocation
//! is another question, and nothing is ever fetched.

use crate::{Certificate, CredentialError};
use jiff::Timestamp;

/// Longest path, certificates, the first and the trusted one included; SAT's has three.
pub const MAX_CHAIN: usize = 8;
/// Most authorities looked at for one path, trusted and others each.
pub const MAX_AUTHORITIES: usize = 512;
/// Most signatures verified for one path: several authorities may bear one name.
pub const MAX_SIGNATURES_CHECKED: usize = 64;

/// The path from `certificate` to one of `trusted`, both included, by way of `others`, who are only
/// believed as far as the path proves them. All of it must hold at `at`.
pub fn path<'a>(
    certificate: &'a Certificate,
    trusted: &'a [Certificate],
    others: &'a [Certificate],
    at: Timestamp,
) -> Result<Vec<&'a Certificate>, CredentialError> {
    if trusted.len() > MAX_AUTHORITIES || others.len() > MAX_AUTHORITIES {
        return Err(CredentialError::Chain("more authorities were given than are looked at"));
    }
    certificate.check_valid_at(at)?;
    if certificate.has_unknown_critical_extension() {
        return Err(CredentialError::Chain("a critical extension of the certificate is not understood"));
    }
    if trusted.contains(certificate) {
        return Ok(vec![certificate]);
    }
    let mut search = Search { trusted, others, at, path: vec![certificate], checks: 0, reason: "no authority given issued it" };
    if search.climb() { Ok(search.path) } else { Err(CredentialError::Chain(search.reason)) }
}

struct Search<'a> {
    trusted: &'a [Certificate],
    others: &'a [Certificate],
    at: Timestamp,
    path: Vec<&'a Certificate>,
    checks: usize,
    /// Why the last issuer of the right name was not good enough.
    reason: &'static str,
}

impl<'a> Search<'a> {
    /// Lengthens the path until it ends at somebody trusted; leaves it as it was if that cannot be.
    fn climb(&mut self) -> bool {
        if self.path.len() >= MAX_CHAIN {
            self.reason = "the chain is too long";
            return false;
        }
        let (trusted, others) = (self.trusted, self.others);
        if let Some(issuer) = trusted.iter().find(|it| self.issued(it)) {
            self.path.push(issuer);
            return true;
        }
        for issuer in others {
            if !self.path.contains(&issuer) && self.issued(issuer) {
                self.path.push(issuer);
                if self.climb() {
                    return true;
                }
                self.path.pop();
            }
        }
        false
    }

    /// Whether `issuer` issued the end of the path and was allowed to.
    fn issued(&mut self, issuer: &Certificate) -> bool {
        let Some(last) = self.path.last().filter(|it| it.names_as_issuer(issuer)) else { return false };
        // Those between the first certificate and this issuer, by RFC 5280, section 4.2.1.9.
        let between = self.path.len() - 1;
        if let Err(reason) = may_issue(issuer, between, self.at) {
            self.reason = reason;
            return false;
        }
        self.checks += 1;
        if self.checks > MAX_SIGNATURES_CHECKED {
            self.reason = "too many authorities bear the issuer's name";
            return false;
        }
        let holds = last.is_signed_by(issuer);
        if !holds {
            self.reason = "the issuer's key did not sign it";
        }
        holds
    }
}

fn may_issue(issuer: &Certificate, between: usize, at: Timestamp) -> Result<(), &'static str> {
    if !issuer.is_ca() {
        return Err("the issuer is no authority");
    }
    if issuer.check_valid_at(at).is_err() {
        return Err("an authority of the chain is outside its validity");
    }
    if issuer.has_unknown_critical_extension() {
        return Err("a critical extension of an authority is not understood");
    }
    if issuer.path_length().is_some_and(|it| between > usize::from(it)) {
        return Err("the chain is longer than an authority allows");
    }
    Ok(())
}
