//! Grants to sign, and the log of signatures as it is read. What writes the log is the vault's own port.

use crate::ports::Stored;
use async_trait::async_trait;
use fedatario_base::id::{CredentialId, GrantId};
use fedatario_vault::grant::{Amount, Grant};
use jiff::Timestamp;

/// One use of a credential's key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignatureRow {
    /// Its number among the signatures of the credential, from 1 without gaps.
    pub counter: u64,
    /// Who asked: an actor's text.
    pub actor: String,
    /// For whom, where a job did.
    pub on_behalf: Option<String>,
    /// `plain`, `dgii`, `sat_token` or `sat_request`.
    pub profile: String,
    /// `document`, `session` or `request`.
    pub purpose: String,
    /// The local name of the document's root.
    pub root: String,
    /// SHA-256 of the bytes handed in.
    pub document: [u8; 32],
    /// The total that was read.
    pub amount: Option<Amount>,
    /// By which grant, where one was needed.
    pub grant: Option<GrantId>,
    /// When the intent was written (wall), and the number of its entry.
    pub intended: (Timestamp, u64),
    /// `done`, `failed` or `uncertain`; nothing while it is under way.
    pub outcome: Option<String>,
    /// Why it failed: a slug.
    pub code: Option<String>,
    /// When the outcome was written, and the number of its entry.
    pub ended: Option<(Timestamp, u64)>,
    /// SHA-256 of the signed document.
    pub signed: Option<[u8; 32]>,
}

/// Grants and usage, in the caller's transaction.
#[async_trait]
pub trait Signatures {
    /// Adds a grant.
    async fn add_signature_grant(&mut self, grant: &Grant) -> Stored<()>;
    /// By id.
    async fn signature_grant(&mut self, id: GrantId) -> Stored<Option<Grant>>;
    /// Those before an id, newest first, ended and revoked ones too.
    async fn signature_grants(&mut self, before: Option<GrantId>, limit: u32) -> Stored<Vec<Grant>>;
    /// Those that a principal was ever given for a credential, the newest hundred.
    async fn signature_grants_of(&mut self, credential: CredentialId, principal: &str) -> Stored<Vec<Grant>>;
    /// Takes one back; `false` if that was done before.
    async fn revoke_signature_grant(&mut self, id: GrantId, now: Timestamp) -> Stored<bool>;
    /// Uses of a credential before a counter, newest first.
    async fn signatures(&mut self, credential: CredentialId, before: Option<u64>, limit: u32) -> Stored<Vec<SignatureRow>>;
}
