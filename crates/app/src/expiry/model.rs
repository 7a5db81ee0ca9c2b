//! What is kept of the notices about certificates that end.

use crate::model::{CredentialKind, Owner};
use fedatario_base::id::{CredentialId, NoticeId};
use jiff::Timestamp;

/// A credential in use whose certificate ends before long, with what was told of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ending {
    /// The credential.
    pub credential: CredentialId,
    /// The last instant of its certificate.
    pub not_after: Timestamp,
    /// The smallest threshold that was told, in days.
    pub last_days: Option<i64>,
    /// Whether somebody acknowledged that notice.
    pub is_acknowledged: bool,
}

/// A notice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// Its id.
    pub id: NoticeId,
    /// About which credential.
    pub credential: CredentialId,
    /// So many days before the end; 0 when it is over.
    pub days: i64,
    /// The last instant of the certificate.
    pub not_after: Timestamp,
    /// Whether all administrators are told, because nobody acknowledged the last.
    pub escalated: bool,
    /// When it was made (wall).
    pub at: Timestamp,
}

/// A notice as it is shown: with whose certificate it is, and what became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoticeRow {
    /// The notice.
    pub notice: Notice,
    /// Whose the credential is.
    pub owner: Owner,
    /// What it is for.
    pub kind: CredentialKind,
    /// The certificate number.
    pub number: String,
    /// What its people call it.
    pub name: String,
    /// The taxpayer's tax id, if it is a taxpayer's.
    pub tax_id: Option<String>,
    /// The taxpayer's name.
    pub holder: Option<String>,
    /// When people were told (wall).
    pub told: Option<Timestamp>,
    /// When somebody acknowledged it (wall).
    pub acknowledged: Option<Timestamp>,
    /// Who did.
    pub acknowledged_by: Option<String>,
}
