//! What can go wrong in the vault. No text here carries a byte of a key or of a plaintext.

use crate::ports::{CredentialKind, PortError};
use fedatario_base::id::CredentialId;
use fedatario_base::{Code, Permission};
use fedatario_credentials::CredentialError;

/// Why the vault refused or failed.
#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    /// The scope lacks a permission.
    #[error("{} is needed", .0.text())]
    PermissionDenied(Permission),
    /// No root key where one was expected, or not the version that is needed.
    #[error("the root key is missing: {0}")]
    RootKeyMissing(String),
    /// There is a root key and it cannot be the right one.
    #[error("the root key is not usable: {0}")]
    RootKeyWrong(&'static str),
    /// Something sealed does not open: altered, moved, or sealed under another key. Which of these is
    /// deliberately not said.
    #[error("something sealed does not open")]
    SealBroken,
    /// There is no such credential, or none that can still be used.
    #[error("there is no usable credential {0}")]
    CredentialMissing(CredentialId),
    /// The authority refused it, so it is not used.
    #[error("the credential {0} is blocked")]
    CredentialBlocked(CredentialId),
    /// This kind of credential does not sign that.
    #[error("a {} credential does not sign this", .0.text())]
    PurposeRefused(CredentialKind),
    /// A document that is a session, a request or a message of our own at some authority.
    #[error("what an authority takes for a message of our own clients is signed by those alone")]
    Oracle,
    /// A document that the profile does not sign.
    #[error("the profile does not sign this document: {0}")]
    ProfileRefused(&'static str),
    /// There is a signature in it.
    #[error("the document is signed already")]
    DocumentSigned,
    /// The rules of whoever keeps the log said no: no grant, another's document.
    #[error("refused before anything was signed: {}", .0.slug())]
    Refused(Code),
    /// A note that its purpose does not allow.
    #[error("not a note: {0}")]
    NoteRefused(&'static str),
    /// Certificate or key are not acceptable.
    #[error(transparent)]
    Credential(#[from] CredentialError),
    /// The document cannot be signed as it is.
    #[error(transparent)]
    Xml(#[from] fedatario_xmlsig::XmlSigError),
    /// The cryptographic library failed: no entropy, or a key it will not use.
    #[error("the cryptographic library failed: {0}")]
    Crypto(&'static str),
    /// The signer, which runs alone, refused or failed.
    #[error("the signer: {text}")]
    Remote {
        /// The code it has there.
        code: Code,
        /// What it said, for logs.
        text: String,
    },
    /// The signer, which runs alone, cannot be reached, or did not answer in time.
    #[error("the signer cannot be reached: {0}")]
    SignerUnavailable(String),
    /// A backup of credentials that is none of ours, was altered or cut, or has another passphrase.
    #[error("the backup does not open")]
    BackupBroken,
    /// A passphrase that protects nothing.
    #[error("the passphrase is shorter than 12 bytes")]
    PassphraseShort,
    /// So many keys are being opened that no more can wait.
    #[error("too many keys are being opened")]
    Busy,
    /// A port failed.
    #[error(transparent)]
    Port(#[from] PortError),
}

impl VaultError {
    /// Its place in the table of codes.
    pub fn code(&self) -> Code {
        match self {
            Self::PermissionDenied(_) => Code::PermissionDenied,
            Self::RootKeyMissing(_) => Code::RootKeyMissing,
            Self::RootKeyWrong(_) => Code::RootKeyWrong,
            Self::SealBroken => Code::SealBroken,
            Self::CredentialMissing(_) => Code::CredentialMissing,
            Self::CredentialBlocked(_) => Code::CredentialBlocked,
            Self::PurposeRefused(_) | Self::NoteRefused(_) | Self::Oracle => Code::PurposeRefused,
            Self::ProfileRefused(_) => Code::ProfileRefused,
            Self::DocumentSigned => Code::DocumentSigned,
            Self::Refused(code) => *code,
            Self::Credential(error) => error.code(),
            Self::Xml(error) => error.code(),
            Self::Crypto(_) => Code::CryptoFailed,
            Self::Remote { code, .. } => *code,
            Self::SignerUnavailable(_) => Code::SignerUnavailable,
            Self::PassphraseShort => Code::PasswordShort,
            Self::BackupBroken => Code::BackupBroken,
            Self::Busy => Code::Busy,
            Self::Port(error) => error.code(),
        }
    }
}
