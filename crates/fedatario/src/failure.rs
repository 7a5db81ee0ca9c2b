//! What ends a command: a code of the table, and what it says in a log.

use fedatario_app::AppError;
use fedatario_base::Code;
use std::io::ErrorKind;

/// A command's end without a result.
#[derive(Debug)]
pub struct Failure {
    /// For programs.
    pub code: Code,
    /// What happened, in the terms of whoever noticed.
    pub detail: String,
    /// The sentence of the catalogue that says it better than the code's own; its `.fix` goes along.
    pub sentence: Option<&'static str>,
}

impl Failure {
    /// A failure with its code.
    pub fn new(code: Code, detail: impl Into<String>) -> Self {
        Self { code, detail: detail.into(), sentence: None }
    }

    /// The same, told to people with a sentence of its own.
    pub fn saying(mut self, sentence: &'static str) -> Self {
        self.sentence = Some(sentence);
        self
    }

    /// A part of this program failed.
    pub fn internal(detail: impl Into<String>) -> Self {
        Self::new(Code::Internal, detail)
    }

    /// A file could not be read or written: because of the place, which may pass, or of what was named.
    pub fn file(path: &std::path::Path, error: &std::io::Error) -> Self {
        let code = match error.kind() {
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::ReadOnlyFilesystem => Code::BlobUnavailable,
            _ => Code::Usage,
        };
        Self::new(code, format!("{}: {error}", path.display()))
    }
}

macro_rules! from_coded {
    ($($type:ty),* $(,)?) => { $(
        impl From<$type> for Failure {
            fn from(error: $type) -> Self {
                Self::new(error.code(), error.to_string())
            }
        }
    )* };
}

from_coded!(
    AppError,
    fedatario_app::ports::StoreError,
    fedatario_app::ports::BlobError,
    fedatario_credentials::CredentialError,
    fedatario_signer::IdentityError,
    fedatario_vault::VaultError,
    fedatario_xmlsig::XmlSigError,
    fedatario_fiscal::mx::cfdi::CfdiError,
    fedatario_audit::AuditError,
    fedatario_app::jobs::schedule::ScheduleError,
);
