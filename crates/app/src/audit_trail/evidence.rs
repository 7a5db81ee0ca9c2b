//! What proves something of the chain to whoever has not got it: checkpoints, proofs of one entry, proofs
//! that an old checkpoint is a beginning of a new one.
//!
//! The Merkle tree grows when somebody asks, not when somebody appends: [`grown`] reads what was
//! appended since, checks that it follows, and keeps the nodes. The first time over a long chain costs
//! one pass; every time after that costs what is new. Nothing is signed over rows that do not lead to
//! the head, and a proof that does not hold is not given away.

use super::ports::{AuditRow, AuditTree};
use super::{PAGE, entry, public_key, sign};
use crate::App;
use crate::descarga::transition::Moment;
use crate::error::{AppError, AppResult};
use fedatario_audit::merkle::{Node, leaf_hash, verify_inclusion};
use fedatario_audit::proof::{ConsistencyProof, InclusionProof, is_prefix};
use fedatario_audit::tree::{KeptNode, Known, Wanted, consistency_ranges, inclusion_ranges};
use fedatario_audit::{Checkpoint, Damage, link, parse_note, verify_note};
use fedatario_base::{Code, Permission, Scope};
use std::ops::Range;

/// Entries that the tree grows by in one transaction: a second's work at most, while nobody else writes.
const GROWN_AT_ONCE: u32 = 4 * PAGE;

/// Entries of a stretch below a kept node, at most.
const STRETCH: u64 = 1 << fedatario_audit::tree::KEPT_LEVEL;

/// What a chain is told apart by when it does not lead where it should.
pub(super) fn broken(code: Code, n: u64) -> AppError {
    AppError::Input { code, text: format!("the chain breaks at entry {n}; run `audit verify`") }
}

/// The tree over every entry there is now.
pub async fn grown(app: &App, scope: &Scope) -> AppResult<AuditTree> {
    loop {
        let mut tx = app.store.read(scope).await?;
        let (head, mut tree) = (tx.audit_head().await?, tx.audit_tree().await?);
        let size = tree.merkle.size();
        if size > head.n {
            return Err(broken(Code::AuditTruncated, head.n + 1));
        }
        if size == head.n {
            return if tree.head == head.hash { Ok(tree) } else { Err(broken(Code::AuditAltered, size)) };
        }
        let rows = tx.audit_rows(size + 1, GROWN_AT_ONCE).await?;
        drop(tx);
        if rows.is_empty() {
            return Err(broken(Code::AuditTruncated, size + 1));
        }
        let mut nodes = Vec::new();
        rows.iter().try_for_each(|row| take(&mut tree, row, &mut nodes))?;
        let mut tx = app.store.begin(scope).await?;
        // Whoever was faster has grown it as far, or farther.
        if tx.grow_audit_tree(size, &tree, &nodes).await? {
            tx.commit().await?;
        }
    }
}

/// The next entry, if it follows.
fn take(tree: &mut AuditTree, row: &AuditRow, nodes: &mut Vec<KeptNode>) -> AppResult<()> {
    let n = tree.merkle.size() + 1;
    if row.n != n {
        return Err(broken(Code::AuditGap, n));
    }
    let own = link(row.tenant.bytes(), n, &tree.head, &row.entry);
    if row.prev != tree.head || row.hash != own {
        return Err(broken(Code::AuditAltered, n));
    }
    tree.merkle.push_keeping(leaf_hash(&row.entry), nodes);
    (tree.before, tree.head) = (tree.head, own);
    Ok(())
}

/// A checkpoint over everything there is now, signed and handed out. It is not kept here.
pub async fn fresh(app: &App, scope: &Scope) -> AppResult<(Checkpoint, String)> {
    let tree = grown(app, scope).await?;
    let checkpoint = Checkpoint {
        tenant: scope.tenant().bytes(),
        size: tree.merkle.size(),
        root: tree.merkle.root(),
        head: tree.head,
        before: tree.before,
        at: app.clock.wall(),
    };
    let note = sign(app, scope, &checkpoint, &public_key(app, scope).await?).await?;
    Ok((checkpoint, note))
}

/// Makes a checkpoint, keeps it and hands it out: whoever has it can hold the chain to it later, so it
/// counts as anchored.
pub async fn make_checkpoint(app: &App, scope: &Scope) -> AppResult<(Checkpoint, String)> {
    if !scope.may(Permission::AuditExport) {
        return Err(AppError::Denied(Permission::AuditExport));
    }
    let (checkpoint, note) = fresh(app, scope).await?;
    let now = Moment::now(app, scope);
    let mut tx = app.store.begin(scope).await?;
    tx.add_checkpoint(checkpoint.size, &note, true).await?;
    let made = entry(&now, "audit.checkpoint", &scope.tenant().to_string(), "made").field("size", checkpoint.size);
    tx.append(made, None).await?;
    tx.commit().await?;
    Ok((checkpoint, note))
}

/// A proof that entry `n` is in the chain, under the newest checkpoint that was handed out and covers it,
/// else under a fresh one.
pub async fn prove(app: &App, scope: &Scope, n: u64) -> AppResult<InclusionProof> {
    let key = public_key(app, scope).await?;
    let tree = grown(app, scope).await?;
    let absent = || AppError::NotFound(format!("entry {n}"));
    let index = n.checked_sub(1).filter(|it| *it < tree.merkle.size()).ok_or_else(absent)?;
    let kept = app.store.read(scope).await?.checkpoints().await?;
    let held = kept.into_iter().rev().find(|(size, note, anchored)| *anchored && *size >= n && verify_note(note, &key).is_ok());
    let (checkpoint, note) = match held {
        Some((_, note, _)) => (parse_note(&note)?.checkpoint, note),
        None => fresh(app, scope).await?,
    };
    let path = match inclusion_ranges(index, checkpoint.size) {
        Some(ranges) => path(app, scope, &ranges).await?,
        None => return Err(absent()),
    };
    let rows = app.store.read(scope).await?.audit_rows(n, 1).await?;
    let row = rows.into_iter().next().filter(|it| it.n == n).ok_or_else(|| broken(Code::AuditGap, n))?;
    if !verify_inclusion(&leaf_hash(&row.entry), index, checkpoint.size, &path, &checkpoint.root) {
        return Err(broken(Code::AuditAltered, n));
    }
    Ok(InclusionProof::new(&key, &row.entry, &path, &note))
}

/// What became of an old checkpoint.
#[derive(Debug, Clone)]
pub struct Consistency {
    /// The two checkpoints and the path between them; it proves what it says only without damage.
    pub proof: ConsistencyProof,
    /// How many entries the old one covers.
    pub old: u64,
    /// How many the new one covers.
    pub new: u64,
    /// What is wrong, if the old one is no beginning of what is here now.
    pub damage: Option<Damage>,
}

/// Lays an old checkpoint beside a fresh one. One that this tenant's key did not sign is refused.
pub async fn consistency(app: &App, scope: &Scope, old_note: &str) -> AppResult<Consistency> {
    let key = public_key(app, scope).await?;
    let old = verify_note(old_note, &key)?;
    if old.tenant != scope.tenant().bytes() {
        return Err(AppError::Input { code: Code::AuditCheckpoint, text: "the checkpoint is of another chain".into() });
    }
    let (new, note) = fresh(app, scope).await?;
    let steps = match consistency_ranges(old.size, new.size) {
        Some(ranges) => path(app, scope, &ranges).await?,
        None => Vec::new(),
    };
    let damage = match () {
        () if old.size > new.size => Some(Damage::Truncated { last: new.size, expected: old.size }),
        () if !is_prefix(&old, &new, &steps) => Some(Damage::CheckpointMismatch { size: old.size }),
        () => None,
    };
    let proof = ConsistencyProof::new(&key, old_note, &note, &steps);
    Ok(Consistency { proof, old: old.size, new: new.size, damage })
}

/// The hashes of some subtrees: from kept nodes, and from entries below them.
async fn path(app: &App, scope: &Scope, ranges: &[Range<u64>]) -> AppResult<Vec<Node>> {
    read(app, scope, ranges).await?.path(ranges).ok_or_else(|| broken(Code::AuditGap, ranges.first().map_or(1, |it| it.start + 1)))
}

/// The tree of the first entries, to be gone on with.
pub async fn merkle_of(app: &App, scope: &Scope, size: u64) -> AppResult<fedatario_audit::Merkle> {
    grown(app, scope).await?;
    let known = read(app, scope, std::slice::from_ref(&(0..size))).await?;
    known.merkle(size).ok_or_else(|| broken(Code::AuditGap, size))
}

async fn read(app: &App, scope: &Scope, ranges: &[Range<u64>]) -> AppResult<Known> {
    let wanted = Wanted::of(ranges);
    let mut tx = app.store.read(scope).await?;
    let mut known = Known::default();
    for node in tx.audit_nodes(&wanted.nodes).await? {
        known.nodes.insert((node.level, node.index), node.hash);
    }
    for stretch in &wanted.leaves {
        let count = (stretch.end - stretch.start).min(STRETCH * 2);
        let rows = tx.audit_rows(stretch.start + 1, u32::try_from(count).unwrap_or(PAGE)).await?;
        known.leaves.extend(rows.iter().map(|it| (it.n.saturating_sub(1), leaf_hash(&it.entry))));
    }
    Ok(known)
}
