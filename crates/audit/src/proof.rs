//! Proofs as JSON: of one entry without the others, and of an old checkpoint against a new one.
//!
//! A proof of an entry holds the entry's bytes as a string, the path to the root of a checkpoint, and
//! the checkpoint as it was signed. A proof of consistency holds two checkpoints and the path between
//! their roots. Both name the key; whoever holds the key from elsewhere gives it, and otherwise the
//! verdict says `unpinned`. What the file says about itself is not believed: entry, path and notes
//! have to agree.

use crate::chain::GENESIS;
use crate::error::AuditError;
use crate::event::{MAX_ENTRY_BYTES, claimed_place};
use crate::merkle::{Node, empty_root, leaf_hash, verify_consistency, verify_inclusion};
use crate::note::{Checkpoint, PublicKey, verify_note};
use crate::verdict::KeyTrust;
use base64::{Engine, engine::general_purpose::STANDARD};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What a proof of one entry calls itself.
pub const INCLUSION_FORMAT: &str = "fedatario.audit.proof.v1";

/// What a proof of consistency calls itself.
pub const CONSISTENCY_FORMAT: &str = "fedatario.audit.consistency.v1";

/// The largest proof that is read, in bytes: an entry with every byte escaped, two notes, a path.
pub const MAX_PROOF_BYTES: usize = 8 * MAX_ENTRY_BYTES;

/// The longest path: as many hashes as a tree of 2^53 entries has levels, and one.
pub const MAX_PATH: usize = 54;

/// That one entry is in the chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InclusionProof {
    /// [`INCLUSION_FORMAT`].
    pub format: String,
    /// The key that signed the checkpoint, as a C2SP verifier key.
    pub key: String,
    /// The entry's bytes as they were hashed.
    pub entry: String,
    /// Hashes from the leaf to the root, base64.
    pub path: Vec<String>,
    /// The signed note.
    pub checkpoint: String,
}

/// That what an old checkpoint covers is the beginning of what a new one covers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConsistencyProof {
    /// [`CONSISTENCY_FORMAT`].
    pub format: String,
    /// The key that signed both, as a C2SP verifier key.
    pub key: String,
    /// The older signed note.
    pub old: String,
    /// The newer signed note.
    pub new: String,
    /// Hashes between the two roots, base64.
    pub path: Vec<String>,
}

/// What checking a proof found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProofVerdict {
    /// What it proves: `inclusion` or `consistency`.
    pub what: &'static str,
    /// Why it proves nothing, if it does not.
    pub flaw: Option<&'static str>,
    /// The number of the entry, or the size of the older checkpoint.
    pub n: u64,
    /// The size of the (newer) checkpoint.
    pub size: u64,
    /// Whose word the checkpoints rest on.
    pub key: KeyTrust,
}

impl ProofVerdict {
    /// Whether it proves what it says.
    pub fn holds(&self) -> bool {
        self.flaw.is_none()
    }
}

/// Hashes as a proof writes them.
pub fn path_text(path: &[Node]) -> Vec<String> {
    path.iter().map(|it| STANDARD.encode(it)).collect()
}

fn path_of(texts: &[String]) -> Option<Vec<Node>> {
    let one = |text: &String| STANDARD.decode(text).ok()?.try_into().ok();
    if texts.len() > MAX_PATH { None } else { texts.iter().map(one).collect() }
}

impl InclusionProof {
    /// A proof of entry bytes under a signed note.
    pub fn new(key: &PublicKey, entry: &[u8], path: &[Node], note: &str) -> Self {
        Self {
            format: INCLUSION_FORMAT.to_owned(),
            key: key.to_string(),
            entry: String::from_utf8_lossy(entry).into_owned(),
            path: path_text(path),
            checkpoint: note.to_owned(),
        }
    }

    /// Whether entry, path and checkpoint agree.
    pub fn verify(&self, pinned: Option<&PublicKey>) -> Result<ProofVerdict, AuditError> {
        let (own, trust) = keys(&self.key, pinned)?;
        let place = claimed_place(self.entry.as_bytes());
        let n = place.map_or(0, |it| it.n);
        let told = |flaw, size| Ok(ProofVerdict { what: "inclusion", flaw, n, size, key: trust });
        let Ok(checkpoint) = verify_note(&self.checkpoint, &own) else { return told(Some("checkpoint"), 0) };
        let size = checkpoint.size;
        let Some(place) = place.filter(|it| it.n >= 1) else { return told(Some("entry"), size) };
        if place.tenant != checkpoint.tenant {
            return told(Some("tenant"), size);
        }
        let leaf = leaf_hash(self.entry.as_bytes());
        let leads = path_of(&self.path).is_some_and(|path| verify_inclusion(&leaf, n - 1, size, &path, &checkpoint.root));
        told((!leads).then_some("path"), size)
    }
}

impl ConsistencyProof {
    /// A proof between two signed notes.
    pub fn new(key: &PublicKey, old: &str, new: &str, path: &[Node]) -> Self {
        Self {
            format: CONSISTENCY_FORMAT.to_owned(),
            key: key.to_string(),
            old: old.to_owned(),
            new: new.to_owned(),
            path: path_text(path),
        }
    }

    /// Whether the older checkpoint is a beginning of the newer one.
    pub fn verify(&self, pinned: Option<&PublicKey>) -> Result<ProofVerdict, AuditError> {
        let (own, trust) = keys(&self.key, pinned)?;
        let told = |flaw, n, size| Ok(ProofVerdict { what: "consistency", flaw, n, size, key: trust });
        let (Ok(old), Ok(new)) = (verify_note(&self.old, &own), verify_note(&self.new, &own)) else {
            return told(Some("checkpoint"), 0, 0);
        };
        if old.tenant != new.tenant {
            return told(Some("tenant"), old.size, new.size);
        }
        let leads = path_of(&self.path).is_some_and(|path| is_prefix(&old, &new, &path));
        told((!leads).then_some("path"), old.size, new.size)
    }
}

/// Whether a path leads from one root to the other. Every chain begins with no entry; and two
/// checkpoints of one size name one head.
pub fn is_prefix(old: &Checkpoint, new: &Checkpoint, path: &[Node]) -> bool {
    match old.size {
        0 => path.is_empty() && old.root == empty_root() && old.head == GENESIS,
        size if size == new.size && (old.head != new.head || old.before != new.before) => false,
        size => verify_consistency(size, &old.root, new.size, &new.root, path),
    }
}

/// The key to verify with, and whose word it is.
fn keys(own: &str, pinned: Option<&PublicKey>) -> Result<(PublicKey, KeyTrust), AuditError> {
    let own: PublicKey = own.parse()?;
    Ok(match pinned {
        Some(key) => (key.clone(), KeyTrust::Pinned),
        None => (own, KeyTrust::Unpinned),
    })
}

/// Reads a proof of either kind and says whether it holds. What is no proof is [`AuditError::NotAnExport`].
pub fn verify_proof(bytes: &[u8], pinned: Option<&PublicKey>) -> Result<ProofVerdict, AuditError> {
    let value: Value = Some(bytes)
        .filter(|it| it.len() <= MAX_PROOF_BYTES)
        .and_then(|it| serde_json::from_slice(it).ok())
        .ok_or(AuditError::NotAnExport)?;
    match value["format"].as_str() {
        Some(INCLUSION_FORMAT) => read::<InclusionProof>(value)?.verify(pinned),
        Some(CONSISTENCY_FORMAT) => read::<ConsistencyProof>(value)?.verify(pinned),
        _ => Err(AuditError::NotAnExport),
    }
}

fn read<T: for<'a> Deserialize<'a>>(value: Value) -> Result<T, AuditError> {
    serde_json::from_value(value).map_err(|_| AuditError::NotAnExport)
}
