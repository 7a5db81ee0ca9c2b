//! What revocation needs from the outside: rows, and a way to the authorities.

use super::model::RevocationRow;
use crate::model::CredentialRow;
use crate::ports::Stored;
use async_trait::async_trait;
use fedatario_base::Code;
use jiff::Timestamp;

/// The last words of authorities, by certificate.
#[async_trait]
pub trait Revocations {
    /// Of one certificate.
    async fn revocation(&mut self, fingerprint: &[u8; 32]) -> Stored<Option<RevocationRow>>;
    /// Keeps one in the place of the last.
    async fn put_revocation(&mut self, row: &RevocationRow) -> Stored<()>;
    /// The credentials that bear this certificate (DER) and whose key is there: in use, blocked, waiting or
    /// resting, in order of id.
    async fn credentials_bearing(&mut self, certificate: &[u8]) -> Stored<Vec<CredentialRow>>;
    /// Certificates (DER) of credentials that are in use, wait or rest, whose last word is over at an instant, or
    /// who have none; at most `limit`.
    async fn certificates_due(&mut self, now: Timestamp, limit: u32) -> Stored<Vec<Vec<u8>>>;
}

/// Something to be fetched from a configured address.
#[derive(Debug, Clone, Copy)]
pub struct Ask<'a> {
    /// Where.
    pub url: &'a str,
    /// The question, which is posted as one of OCSP; none gets what lies there.
    pub question: Option<&'a [u8]>,
    /// The most bytes that are read.
    pub bytes_at_most: usize,
}

/// Why nothing was fetched.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FetchFault {
    /// Not an address that is asked.
    #[error("{0}")]
    Url(String),
    /// The name leads to a place that is not public and was not allowed.
    #[error("the address is not public")]
    Forbidden,
    /// Nobody there, or no answer in time.
    #[error("no answer: {0}")]
    Unanswered(String),
    /// They answered with another status.
    #[error("they answer {0}")]
    Status(u16),
    /// More than is read.
    #[error("the answer is too large")]
    TooLarge,
}

impl FetchFault {
    /// Its place in the table of codes: whatever it is, nothing is known.
    pub fn code(&self) -> Code {
        match self {
            Self::Url(_) | Self::Forbidden | Self::Unanswered(_) | Self::Status(_) | Self::TooLarge => Code::RevocationUnknown,
        }
    }
}

/// Asks authorities, at places that may be reached.
#[async_trait]
pub trait Fetcher: Send + Sync {
    /// One attempt. Nothing is followed, nothing is repeated.
    async fn fetch(&self, ask: Ask<'_>) -> Result<Vec<u8>, FetchFault>;
}
