//! What can be wrong with a certificate, a key or the two together.
//!
//! Each case a person must act on differently is its own variant. Texts carry no input bytes.

use crate::Kind;
use fedatario_base::Code;
use jiff::Timestamp;

/// Why a credential was not accepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CredentialError {
    /// Not a certificate, or one that we cannot use (not RSA, too large).
    #[error("the certificate cannot be read: {0}")]
    CertificateFormat(&'static str),
    /// The subject names no RFC, so it belongs to nobody we know.
    #[error("the subject of the certificate carries no RFC")]
    SubjectWithoutRfc,
    /// The outer form of the key is broken or unknown.
    #[error("the private key cannot be read: {0}")]
    KeyFormat(&'static str),
    /// Wrong password or damaged ciphertext: the two cannot be told apart.
    #[error("the password does not open the key, or the key is damaged")]
    Password,
    /// Key and certificate do not belong together.
    #[error("the private key does not belong to the certificate")]
    KeyMismatch,
    /// Not a PKCS#12 file, or one without a usable pair.
    #[error("the PKCS#12 file cannot be read: {0}")]
    Pkcs12Format(&'static str),
    /// A PKCS#12 file that asks for more work or memory than we spend on one.
    #[error("the PKCS#12 file exceeds a bound: {0}")]
    Pkcs12Bounds(&'static str),
    /// A seal, or another certificate, where an e.firma is needed.
    #[error("an e.firma is needed and this certificate is {0:?}")]
    FielRequired(Kind),
    /// Its validity is over.
    #[error("the certificate expired at {0}")]
    Expired(Timestamp),
    /// Its validity has not begun.
    #[error("the certificate is not valid before {0}")]
    NotYetValid(Timestamp),
    /// No path leads from the certificate to an authority that is trusted.
    #[error("the chain of the certificate does not hold: {0}")]
    Chain(&'static str),
    /// The cryptographic library refused: no entropy, or a key it will not use.
    #[error("the cryptographic library failed: {0}")]
    Crypto(&'static str),
}

impl CredentialError {
    /// Its place in the table of codes.
    pub fn code(&self) -> Code {
        match self {
            Self::CertificateFormat(_) => Code::CertificateFormat,
            Self::SubjectWithoutRfc => Code::CertificateSubject,
            Self::KeyFormat(_) => Code::KeyFormat,
            Self::Password => Code::KeyPassword,
            Self::KeyMismatch => Code::KeyMismatch,
            Self::Pkcs12Format(_) => Code::Pkcs12Format,
            Self::Pkcs12Bounds(_) => Code::Pkcs12Bounds,
            Self::FielRequired(_) => Code::FielRequired,
            Self::Expired(_) => Code::CertificateExpired,
            Self::NotYetValid(_) => Code::CertificateNotYetValid,
            Self::Chain(_) => Code::CertificateChain,
            Self::Crypto(_) => Code::CryptoFailed,
        }
    }
}
