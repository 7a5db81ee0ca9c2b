//! Whether an authority has taken a certificate back, by its own word: a list (CRL, RFC 5280) or an answer
//! about one certificate (OCSP, RFC 6960).
//!
//! Pure: whoever fetches the bytes and keeps what they say is elsewhere. Nothing is believed that the
//! issuer's key, or that of a responder which the issuer appointed for this, did not sign; nothing about
//! another certificate; nothing out of its time. An error here is *unknown*, never *good*.

mod list;
mod ocsp;

pub use list::{List, MAX_LIST_BYTES};
pub use ocsp::{MAX_ANSWER_BYTES, NONCE_BYTES, answer, question};

use fedatario_base::Code;
use jiff::{SignedDuration, Timestamp};

/// How far the clock of an authority may run ahead of ours.
pub(crate) const CLOCK_SKEW: SignedDuration = SignedDuration::from_mins(5);
/// How long an answer counts that does not say until when.
pub(crate) const UNDATED_FOR: SignedDuration = SignedDuration::from_hours(24);

/// What an authority says of a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// It has not taken it back.
    Good,
    /// It has.
    Revoked {
        /// Since when.
        at: Timestamp,
        /// Why, in the words of RFC 5280; `unspecified` if it does not say.
        reason: &'static str,
    },
}

/// What an authority says, and from when until when that counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Told {
    /// What.
    pub state: State,
    /// As of when.
    pub this_update: Timestamp,
    /// Until when.
    pub next_update: Timestamp,
}

/// Why an answer says nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RevocationError {
    /// The bytes are no answer.
    #[error("not readable: {0}")]
    Format(&'static str),
    /// More than is read of one.
    #[error("larger than an answer may be")]
    Bounds,
    /// Neither the issuer nor anybody it appointed signed it.
    #[error("not signed by the issuer or by a responder that it appointed")]
    Signature,
    /// It is about another authority's certificates, or about another certificate.
    #[error("about another certificate")]
    Elsewhere,
    /// Its time is over.
    #[error("its time is over")]
    Stale,
    /// Its time has not come.
    #[error("its time has not come")]
    Early,
    /// It answers another question.
    #[error("the answer to another question")]
    Nonce,
    /// The responder answers that it does not answer, with its own code.
    #[error("the responder refuses, with status {0}")]
    Refused(u8),
    /// The responder does not know the certificate.
    #[error("the responder does not know the certificate")]
    Unlisted,
    /// It says something critical that nothing here understands.
    #[error("it depends on something that is not understood")]
    Critical,
}

impl RevocationError {
    /// Its place in the table of codes: whatever it is, nothing is known.
    pub fn code(&self) -> Code {
        match self {
            Self::Format(_)
            | Self::Bounds
            | Self::Signature
            | Self::Elsewhere
            | Self::Stale
            | Self::Early
            | Self::Nonce
            | Self::Refused(_)
            | Self::Unlisted
            | Self::Critical => Code::RevocationUnknown,
        }
    }
}

/// Refuses what is out of its time; until when it counts otherwise.
pub(crate) fn in_time(this: Timestamp, next: Option<Timestamp>, now: Timestamp) -> Result<Timestamp, RevocationError> {
    let after = |at: Timestamp, by: SignedDuration| at.saturating_add(by).unwrap_or(Timestamp::MAX);
    if this > after(now, CLOCK_SKEW) {
        return Err(RevocationError::Early);
    }
    let until = next.unwrap_or_else(|| after(this, UNDATED_FOR));
    if until < now || until < this { Err(RevocationError::Stale) } else { Ok(until) }
}

/// The words of RFC 5280, section 5.3.1.
pub(crate) fn reason(number: u32) -> &'static str {
    match number {
        1 => "key_compromise",
        2 => "ca_compromise",
        3 => "affiliation_changed",
        4 => "superseded",
        5 => "cessation_of_operation",
        6 => "certificate_hold",
        8 => "remove_from_crl",
        9 => "privilege_withdrawn",
        10 => "aa_compromise",
        _ => "unspecified",
    }
}

pub(crate) fn instant(since: std::time::Duration) -> Result<Timestamp, RevocationError> {
    let seconds = i64::try_from(since.as_secs()).ok().and_then(|it| Timestamp::from_second(it).ok());
    seconds.ok_or(RevocationError::Format("a date out of range"))
}
