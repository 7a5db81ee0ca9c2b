//! One document judged: its seal, its stamp, and the certificates behind them.
//!
//! Pure: everything it needs is in its arguments. All questions are asked and the worst answer
//! counts, so that a forged stamp is told even where the issuer's certificate is not at hand. A
//! certificate that no configured authority issued makes a document unverifiable, not forged: a folder
//! of authorities may lack one, and SAT has used one name for several keys.
//! Nothing here says that a certificate was valid on the day or was never revoked, nor that
//! whoever stamped is a certifier: SAT's own answer does.

use super::certificates::{Authorities, Certificates, Known};
use super::model::{Reason, Trust, Verdict};
use fedatario_credentials::sello::SealDigest;
use fedatario_fiscal::mx::cadena::{CadenaError, SealHash, Seals, Stamp};
use std::sync::Arc;

/// What became of a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judged {
    /// The worst that was found.
    pub verdict: Verdict,
    /// Why, if it is not good.
    pub reason: Option<Reason>,
    /// Everything else that was found.
    pub also: Vec<Reason>,
    /// Whether the certificates were vouched for.
    pub trust: Trust,
}

/// What a document is judged by.
pub struct Bench<'a> {
    /// The certificates at hand.
    pub certificates: &'a Certificates,
    /// Who vouches for them.
    pub authorities: &'a Authorities,
}

/// The findings of one document, on their way to a verdict.
#[derive(Default)]
struct Found {
    reasons: Vec<Reason>,
    untrusted: bool,
}

impl Found {
    fn add(&mut self, failed: bool, reason: Reason) {
        if failed {
            self.reasons.push(reason);
        }
    }
}

impl Bench<'_> {
    /// Judges what was read of a document, or why it could not be read.
    pub fn judge(&self, read: &Result<Seals, CadenaError>) -> Judged {
        let mut found = Found::default();
        match read {
            Ok(seals) => self.look(seals, &mut found),
            Err(_) => found.add(true, Reason::Unreadable),
        }
        self.sentence(found)
    }

    fn look(&self, seals: &Seals, found: &mut Found) {
        found.add(seals.sello.is_empty(), Reason::Unsealed);
        found.add(!seals.unknown.is_empty(), Reason::UnknownComplement);
        found.add(seals.bars, Reason::AmbiguousText);
        found.add(seals.stamps > 1, Reason::SeveralStamps);
        if !seals.sello.is_empty() {
            self.seal(seals, found);
        }
        match &seals.stamp {
            Some(stamp) => self.stamp(seals, stamp, found),
            None => found.add(true, Reason::Unstamped),
        }
    }

    fn seal(&self, seals: &Seals, found: &mut Found) {
        let known = match self.of_issuer(seals) {
            Ok(known) => known,
            Err(reason) => return found.add(true, reason),
        };
        let certificate = &known.certificate;
        found.add(certificate.number() != seals.no_certificado, Reason::CertificateNumber);
        found.add(!same_rfc(certificate.rfc(), &seals.emisor), Reason::CertificateOfAnother);
        let message = seals.document.as_bytes();
        match seals.hashes().iter().find(|it| known.verifies(digest(**it), message, &seals.sello)) {
            Some(hash) => found.add(*hash == SealHash::Sha1, Reason::Sha1),
            // What is missing from the text may be what was sealed.
            None => found.add(seals.unknown.is_empty(), Reason::SealMismatch),
        }
        self.vouch(&known, Reason::CertificateUntrusted, found);
    }

    /// The certificate in the document, else the one known by its number.
    fn of_issuer(&self, seals: &Seals) -> Result<Arc<Known>, Reason> {
        match &seals.certificate {
            Some(der) => self.certificates.carried(der).ok_or(Reason::CertificateUnreadable),
            None => self.certificates.numbered(&seals.no_certificado).flatten().ok_or(Reason::CertificateMissing),
        }
    }

    fn stamp(&self, seals: &Seals, stamp: &Stamp, found: &mut Found) {
        found.add(!stamp.matches, Reason::StampOfAnother);
        let Some(known) = self.certificates.numbered(&stamp.no_certificado_sat).flatten() else {
            return found.add(true, Reason::StampCertificateMissing);
        };
        let good = known.verifies(digest(stamp.hash), stamp.cadena.as_bytes(), &stamp.sello_sat);
        found.add(!good, Reason::StampMismatch);
        found.add(good && stamp.hash == SealHash::Sha1, Reason::Sha1);
        found.add(same_rfc(known.certificate.rfc(), &seals.emisor), Reason::SelfStamped);
        self.vouch(&known, Reason::StampCertificateUntrusted, found);
    }

    fn vouch(&self, known: &Known, reason: Reason, found: &mut Found) {
        if !self.authorities.is_empty() && !self.authorities.vouch(known) {
            found.untrusted = true;
            found.reasons.push(reason);
        }
    }

    fn sentence(&self, found: Found) -> Judged {
        let mut reasons = found.reasons;
        // The worst first; among equals the one that was asked first. Stable on purpose.
        reasons.sort_by_key(|it| std::cmp::Reverse(it.verdict()));
        reasons.dedup();
        let missing =
            reasons.iter().any(|it| it.wants_certificates() || *it == Reason::CertificateUnreadable || *it == Reason::Unreadable);
        let trust = match (self.authorities.is_empty(), found.untrusted, missing) {
            (true, _, _) => Trust::NotChecked,
            (_, true, _) => Trust::Untrusted,
            (_, _, true) => Trust::NotChecked,
            (false, false, false) => Trust::Chained,
        };
        let mut reasons = reasons.into_iter();
        let reason = reasons.next();
        Judged { verdict: reason.map_or(Verdict::Good, Reason::verdict), reason, also: reasons.collect(), trust }
    }
}

fn digest(hash: SealHash) -> SealDigest {
    match hash {
        SealHash::Sha1 => SealDigest::Sha1,
        SealHash::Sha256 => SealDigest::Sha256,
    }
}

/// Old documents write an RFC with blanks or in lower case. None at all is nobody's.
fn same_rfc(one: &str, other: &str) -> bool {
    let bare = |it: &str| it.trim().to_uppercase();
    !one.trim().is_empty() && bare(one) == bare(other)
}
