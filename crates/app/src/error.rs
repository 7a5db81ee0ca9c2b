//! What a service answers when it does not do what was asked.

use crate::ports::{BlobError, CallError, StoreError};
use fedatario_base::{Code, Permission};

/// A service's refusal or failure; [`AppError::code`] is what programs read.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    /// The actor lacks a permission.
    #[error("{0:?} is needed")]
    Denied(Permission),
    /// No such thing in this tenant.
    #[error("not found: {0}")]
    NotFound(String),
    /// No taxpayer of that tax id here.
    #[error("no taxpayer {0} here")]
    TaxpayerUnknown(String),
    /// A taxpayer of the sandbox would reach the authority, or the reverse.
    #[error("{tax_id} is registered for {registered} and the configured address is for {configured}")]
    EnvironmentMismatch {
        /// Whose.
        tax_id: String,
        /// Where it is registered.
        registered: String,
        /// Where the address leads.
        configured: String,
    },
    /// The taxpayer has no e.firma here.
    #[error("{0} has no active e.firma")]
    CredentialMissing(String),
    /// The authority refused the certificate.
    #[error("the certificate of {rfc} is blocked ({reason})")]
    CredentialBlocked {
        /// Whose.
        rfc: String,
        /// SAT's code.
        reason: String,
    },
    /// A certificate or key is not what is needed.
    #[error(transparent)]
    Credential(#[from] fedatario_credentials::CredentialError),
    /// The tenant named is not here, or none was named and there are several.
    #[error("name the tenant: {0}")]
    TenantRequired(String),
    /// An RFC that is none.
    #[error("not an RFC: {0}")]
    RfcFormat(String),
    /// The window breaks a rule of the service.
    #[error("{text}")]
    Window {
        /// Which rule.
        code: Code,
        /// In words.
        text: String,
    },
    /// What was read is not what it should be.
    #[error("{text}")]
    Input {
        /// Which rule.
        code: Code,
        /// In words.
        text: String,
    },
    /// A password, a token or a key is not what it should be.
    #[error(transparent)]
    Identity(#[from] fedatario_identity::IdentityError),
    /// Refused, and the code says all that is told.
    #[error("refused: {}", .0.slug())]
    Refused(Code),
    /// Refused for now.
    #[error("{} for {} s", .code.slug(), .after.as_secs())]
    Later {
        /// Why.
        code: Code,
        /// When the same call makes sense again.
        after: std::time::Duration,
    },
    /// The vault refused or failed.
    #[error(transparent)]
    Vault(#[from] fedatario_vault::VaultError),
    /// The audit chain could not be written or read.
    #[error(transparent)]
    Audit(#[from] fedatario_audit::AuditError),
    /// The authority refused or is silent.
    #[error(transparent)]
    Call(#[from] CallError),
    /// Storage refused or failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Objects cannot be reached.
    #[error(transparent)]
    Blob(#[from] BlobError),
    /// What is being written cannot be written: a full disk, a reader that went away.
    #[error("the output cannot be written: {0}")]
    Output(String),
    /// A part of this program failed.
    #[error("internal: {0}")]
    Internal(String),
}

impl AppError {
    /// Its place in the table of codes.
    pub fn code(&self) -> Code {
        match self {
            AppError::Denied(_) => Code::PermissionDenied,
            AppError::NotFound(_) => Code::NotFound,
            AppError::TaxpayerUnknown(_) => Code::TaxpayerUnknown,
            AppError::EnvironmentMismatch { .. } => Code::EnvironmentMismatch,
            AppError::CredentialMissing(_) => Code::CredentialMissing,
            AppError::CredentialBlocked { .. } => Code::CredentialBlocked,
            AppError::Credential(error) => error.code(),
            AppError::TenantRequired(_) => Code::TenantRequired,
            AppError::RfcFormat(_) => Code::RfcFormat,
            AppError::Window { code, .. } | AppError::Input { code, .. } => *code,
            AppError::Identity(error) => error.code(),
            AppError::Refused(code) | AppError::Later { code, .. } => *code,
            AppError::Vault(error) => error.code(),
            AppError::Audit(error) => error.code(),
            AppError::Call(error) => error.code(),
            AppError::Store(error) => error.code(),
            AppError::Blob(error) => error.code(),
            AppError::Output(_) => Code::OutputFailed,
            AppError::Internal(_) => Code::Internal,
        }
    }
}

/// What services answer.
pub type AppResult<T> = Result<T, AppError>;
