//! What can go wrong before there is a verdict: an event that must not be written, a text that is
//! not what it should be. Damage of a chain is no error; it is a [`crate::Verdict`].

use fedatario_base::Code;

/// Why an entry, a note, a key or an export was refused.
#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    /// Two readers may print one float differently, so no entry holds any.
    #[error("an audit entry holds no floating point number and no integer beyond 2^53 - 1")]
    Number,
    /// A name that the documented shape of an entry does not allow.
    #[error("`{0}` is not a name that an audit entry may hold")]
    Name(String),
    /// Beyond [`crate::event::MAX_ENTRY_BYTES`].
    #[error("an audit entry of {0} bytes is too large")]
    TooLarge(usize),
    /// The value has no canonical form.
    #[error("a value has no canonical JSON form")]
    Canonical(#[source] serde_json::Error),
    /// Not a signed note, or not one that holds a checkpoint.
    #[error("not a signed checkpoint: {0}")]
    Note(&'static str),
    /// Not a verifier key in the C2SP form.
    #[error("not a verifier key: {0}")]
    Key(&'static str),
    /// No signature of that key verifies.
    #[error("the checkpoint's signature does not verify under the key")]
    Signature,
    /// Neither header nor entry nor checkpoint could be read.
    #[error("not an export of an audit chain")]
    NotAnExport,
    /// The exporter was fed other entries than its header says.
    #[error("the export's header announces entries up to {expected}, but entry {found} came")]
    Sequence {
        /// What the header led to expect.
        expected: u64,
        /// What came.
        found: u64,
    },
    /// Reading or writing an export failed.
    #[error("the export could not be read or written")]
    Io(#[from] std::io::Error),
}

impl AuditError {
    /// Its place in the table of codes.
    pub fn code(&self) -> Code {
        match self {
            AuditError::Number
            | AuditError::Name(_)
            | AuditError::TooLarge(_)
            | AuditError::Canonical(_)
            | AuditError::Sequence { .. }
            | AuditError::Io(_) => Code::Internal,
            AuditError::Signature => Code::AuditCheckpoint,
            AuditError::Note(_) | AuditError::Key(_) | AuditError::NotAnExport => Code::AuditFormat,
        }
    }
}
