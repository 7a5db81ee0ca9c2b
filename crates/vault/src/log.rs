//! The log of every use of a taxpayer's key: the port, and what is written.
//!
//! An intent is durable before a key is opened, and its outcome after; both are entries of the tenant's
//! chain. `counter` counts from 1 without gaps for each credential. Whoever keeps the log also holds the
//! intent against what may have changed since it was prepared: whether the credential is still in use, whose
//! document it is, what was granted; so that each is decided at the instant at which the intent is
//! written, in the same transaction. A refusal is an entry of its own and has no counter.

use crate::grant::{self, Amount, Grant, Wanted};
use crate::{CredentialRow, PortError};
use async_trait::async_trait;
use fedatario_base::id::{CredentialId, GrantId};
use fedatario_base::{Code, Scope};

/// What is about to be signed.
#[derive(Debug, Clone)]
pub struct Intention {
    /// With which credential.
    pub credential: CredentialId,
    /// `plain`, `dgii`, `sat_token` or `sat_request`.
    pub profile: &'static str,
    /// What for, in a short word: `document`, `session`, `request`.
    pub purpose: &'static str,
    /// The local name of the document's root.
    pub root: String,
    /// SHA-256 of the bytes handed in.
    pub document: [u8; 32],
    /// The total that was read.
    pub amount: Option<Amount>,
    /// The RNC that the document speaks for; it must be the taxpayer's or delegated to the credential.
    pub rnc: Option<String>,
    /// How whoever asks stands to grants.
    pub leave: Leave,
}

/// How whoever has something signed stands to grants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Leave {
    /// Grants are not looked at: the house's own clients, the shell, the clockwork.
    Free,
    /// A person, who signs by their role until somebody gave them a grant for the credential; from then on
    /// within their grants alone, and not at all when the last of them ended.
    Bound,
    /// A program, which signs by a grant or not at all.
    Granted,
}

impl Leave {
    /// Decides by the grants that somebody was ever given for a credential; by which one they sign.
    pub fn decide(self, grants: &[Grant], wanted: Wanted<'_>) -> Result<Option<GrantId>, Code> {
        match self {
            Self::Free => Ok(None),
            Self::Bound if grants.is_empty() => Ok(None),
            Self::Bound | Self::Granted => grant::decide(grants, wanted).map(Some),
        }
    }
}

/// An intent that is durable: the key may be opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Intent {
    /// With which credential.
    pub credential: CredentialId,
    /// Its number among the signatures of the credential, from 1.
    pub counter: u64,
    /// The number of its entry in the chain.
    pub entry: u64,
    /// The credential as it was when the intent was written.
    pub row: CredentialRow,
}

/// Why there is no intent.
#[derive(Debug, thiserror::Error)]
pub enum Unsigned {
    /// The rules say no; it is in the chain already.
    #[error("refused: {}", .0.slug())]
    Refused(Code),
    /// The log cannot be written, so nothing is signed.
    #[error(transparent)]
    Port(#[from] PortError),
}

/// What became of an intent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// It was signed; SHA-256 of the signed document.
    Signed([u8; 32]),
    /// Nothing was signed, and why.
    Failed(Code),
    /// Whoever held it is gone; it may have been signed.
    Uncertain,
}

impl Ending {
    /// Its permanent text, as stored and chained.
    pub fn text(self) -> &'static str {
        match self {
            Self::Signed(_) => "done",
            Self::Failed(_) => "failed",
            Self::Uncertain => "uncertain",
        }
    }
}

/// A refusal before the intent.
#[derive(Debug, Clone)]
pub struct Refusal {
    /// With which credential it was asked for.
    pub credential: CredentialId,
    /// Under which profile.
    pub profile: &'static str,
    /// SHA-256 of the bytes handed in.
    pub document: [u8; 32],
    /// Why not.
    pub code: Code,
}

/// The log. Each method is durable when it answers; what many ask for at once may share a transaction.
#[async_trait]
pub trait SignatureLog: Send + Sync {
    /// Writes an intent, or chains its refusal.
    async fn intend(&self, scope: &Scope, intention: Intention) -> Result<Intent, Unsigned>;

    /// Writes what became of an intent; the number of its entry in the chain.
    async fn ended(&self, scope: &Scope, intent: &Intent, ending: Ending) -> Result<u64, PortError>;

    /// The same by whoever cannot wait, because they are being dropped. Without a runtime it is left to
    /// the next start, which closes it as uncertain.
    fn abandon(&self, scope: &Scope, intent: &Intent, ending: Ending);

    /// Chains a refusal.
    async fn refused(&self, scope: &Scope, refusal: Refusal) -> Result<(), PortError>;
}
