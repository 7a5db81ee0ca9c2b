//! What the audit trail needs of storage: the chain of a tenant, its checkpoints, and the tree over it.
//!
//! Entries are appended in the caller's transaction, so that what happened and the record of it are durable
//! together. Rows are given back as they are stored: what they are worth is for whoever verifies them.

use crate::ports::Stored;
use async_trait::async_trait;
use fedatario_audit as audit;
use fedatario_audit::tree::KeptNode;
use fedatario_base::id::TenantId;
use jiff::Timestamp;

/// The audit chain of the tenant.
#[async_trait]
pub trait AuditLog {
    /// Appends an event to the chain; answers its `n`. `detail` is sealed personal text.
    async fn append(&mut self, event: audit::Event, detail: Option<Vec<u8>>) -> Stored<u64>;
    /// The head of the chain: (n, hash).
    async fn audit_head(&mut self) -> Stored<audit::Head>;
    /// Rows from `n` on, in order of n.
    async fn audit_rows(&mut self, from: u64, limit: u32) -> Stored<Vec<AuditRow>>;
    /// Keeps a checkpoint note over the first `size` entries.
    async fn add_checkpoint(&mut self, size: u64, note: &str, anchored: bool) -> Stored<()>;
    /// Checkpoints, oldest first: (size, note, anchored).
    async fn checkpoints(&mut self) -> Stored<Vec<(u64, String, bool)>>;
    /// Entries that a question lets through, in its order, after a number (before it, for the newest
    /// first), with what is sealed beside them.
    async fn audit_found(&mut self, question: &AuditQuestion, after: Option<u64>, limit: u32) -> Stored<Vec<AuditFound>>;
    /// How far the tree of nodes has grown.
    async fn audit_tree(&mut self) -> Stored<AuditTree>;
    /// Adds nodes, and says how far the tree has grown with them; `false`, and nothing written, unless it
    /// stood at `from` before.
    async fn grow_audit_tree(&mut self, from: u64, tree: &AuditTree, nodes: &[KeptNode]) -> Stored<bool>;
    /// Nodes by level and place; those that are not there are left out.
    async fn audit_nodes(&mut self, places: &[(u32, u64)]) -> Stored<Vec<KeptNode>>;
}

/// Which entries of a chain are asked for. Empty texts ask for none in particular.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AuditQuestion {
    /// Who acted.
    pub actor: Option<String>,
    /// What was done, or the beginning of it, as `sat.` or `sat.solicitud.asked`.
    pub action: Option<String>,
    /// To which id.
    pub object: Option<String>,
    /// How it ended.
    pub result: Option<audit::Outcome>,
    /// By which request.
    pub request: Option<String>,
    /// Not before this instant.
    pub from: Option<Timestamp>,
    /// Before this instant.
    pub until: Option<Timestamp>,
    /// Whether the newest come first.
    pub newest_first: bool,
}

/// An entry with what is sealed beside it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditFound {
    /// The row of the chain.
    pub row: AuditRow,
    /// Its sealed detail.
    pub detail: Option<Vec<u8>>,
    /// Where it came from: whose key sealed it (16 bytes), then what was sealed.
    pub origin: Option<Vec<u8>>,
}

/// How far a chain's tree of nodes has grown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditTree {
    /// The tree over the entries so far.
    pub merkle: audit::Merkle,
    /// The hash of the last of them.
    pub head: audit::Link,
    /// The hash before that.
    pub before: audit::Link,
}

impl AuditTree {
    /// Over nothing.
    pub fn empty() -> Self {
        Self { merkle: audit::Merkle::new(), head: audit::chain::GENESIS, before: audit::chain::GENESIS }
    }
}

/// A row of the chain as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditRow {
    /// Its place, from 1.
    pub n: u64,
    /// Whose chain the row says it is.
    pub tenant: TenantId,
    /// The stored hash of the entry before.
    pub prev: Vec<u8>,
    /// The stored hash.
    pub hash: Vec<u8>,
    /// The entry's bytes, as hashed.
    pub entry: Vec<u8>,
    /// Who acted, as it stands beside the entry to find it by.
    pub actor: String,
    /// What was done, as it stands beside the entry.
    pub action: String,
    /// To which id, as it stands beside the entry.
    pub object: Option<String>,
    /// How it ended, as it stands beside the entry.
    pub result: String,
    /// By which request, as it stands beside the entry.
    pub request: Option<String>,
    /// When, as it stands beside the entry: milliseconds since 1970.
    pub at_ms: i64,
}
