//! Verification of the rows of a database, in the order of their number.
//!
//! What the entries say about themselves is laid out by the same walk as for an export. A
//! database holds more, and all of it must agree: the number, the hash before and the hash in
//! columns beside each entry, the head row, and checkpoints that were anchored outside. A chain
//! that was hashed anew from the middle, head row and all, contradicts only the last of these.

use crate::chain::{GENESIS, Head, Link, link};
use crate::event::{Place, claimed_place};
use crate::merkle::{Merkle, Node};
use crate::note::{Checkpoint, PublicKey, verify_note};
use crate::verdict::{Damage, KeyTrust, Verdict};
use crate::walk::{Expected, Pieces, Walked, walk};
use std::collections::BTreeMap;

/// A row as it lies in the table; the lengths are the table's word, not ours.
#[derive(Debug, Clone, Copy)]
pub struct Row<'a> {
    /// The number in its column.
    pub n: u64,
    /// The hash before it, in its column.
    pub prev: &'a [u8],
    /// Its hash, in its column.
    pub hash: &'a [u8],
    /// The bytes that were hashed.
    pub entry: &'a [u8],
}

/// Which part of a chain is verified, where it is not the whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Part {
    /// The first entry, from 1.
    pub first: u64,
    /// The hash before it: of a checkpoint whose signature was verified, or what the row before claims.
    pub prev: Link,
    /// The last entry, and its hash: the head row, or what the row after it claims.
    pub head: Head,
}

/// Takes the rows of one tenant one by one, and then says what is wrong with them.
#[derive(Debug)]
pub struct ChainVerifier {
    tenant: [u8; 16],
    /// The number and the hash before the first row.
    start: Head,
    head: Option<Head>,
    anchors: BTreeMap<u64, Vec<Anchor>>,
    refused: Vec<Damage>,
    pieces: Pieces,
    merkle: Merkle,
    columns: Columns,
    entries: u64,
}

/// A checkpoint that somebody outside holds, and what was found at its size.
#[derive(Debug)]
struct Anchor {
    checkpoint: Checkpoint,
    head_seen: bool,
    root_seen: Option<Node>,
}

/// Rows whose columns contradict their entry.
#[derive(Debug, Default)]
struct Columns {
    /// Entries whose stored hashes are not theirs.
    links: Vec<u64>,
    /// The first entry whose stored number is not its own.
    number: Option<u64>,
}

impl ChainVerifier {
    /// A verifier of a tenant's chain against its head row; `None` when there is no such row.
    pub fn new(tenant: [u8; 16], head: Option<Head>) -> Self {
        Self {
            tenant,
            start: Head::EMPTY,
            head,
            anchors: BTreeMap::new(),
            refused: Vec::new(),
            pieces: Pieces::default(),
            merkle: Merkle::new(),
            columns: Columns::default(),
            entries: 0,
        }
    }

    /// A verifier of a part of a tenant's chain. Checkpoints that do not end in it say nothing of it; those
    /// that do are compared by the head that they name, since their root covers what lies before as well.
    pub fn part(tenant: [u8; 16], part: Part) -> Self {
        let start = Head { n: part.first.saturating_sub(1), hash: part.prev };
        Self { start, ..Self::new(tenant, Some(part.head)) }
    }

    /// Adds a checkpoint that was anchored outside, before any row. One that does not verify under
    /// the tenant's key, or is another tenant's, is damage of its own.
    pub fn anchor(&mut self, note: &str, key: &PublicKey) {
        match verify_note(note, key) {
            Ok(checkpoint) if checkpoint.tenant == self.tenant => self.anchor_verified(checkpoint),
            Ok(Checkpoint { size, .. }) => self.refused.push(Damage::CheckpointMismatch { size }),
            Err(_) => {
                let size = crate::note::parse_note(note).map_or(0, |it| it.checkpoint.size);
                self.refused.push(Damage::CheckpointMismatch { size });
            }
        }
    }

    /// Adds a checkpoint whose signature the caller has verified, before any row.
    pub fn anchor_verified(&mut self, checkpoint: Checkpoint) {
        let beyond = self.head.is_some_and(|it| checkpoint.size > it.n);
        if self.start.n > 0 && (checkpoint.size <= self.start.n || beyond) {
            return;
        }
        let head_seen = checkpoint.size == 0 && checkpoint.head == GENESIS;
        self.anchors.entry(checkpoint.size).or_default().push(Anchor { checkpoint, head_seen, root_seen: None });
    }

    /// The next row, by number.
    pub fn feed(&mut self, row: Row<'_>) {
        self.entries += 1;
        let Some(place) = claimed_place(row.entry) else {
            self.pieces.unreadable(1);
            return;
        };
        let own = link(place.tenant, place.n, &place.prev, row.entry);
        self.pieces.entry(&place, own);
        if self.pieces.list.len() == 1 && place.n == self.merkle.size() + 1 {
            self.merkle.push(row.entry);
        }
        if place.tenant == self.tenant {
            self.columns.compare(&row, &place, &own);
            self.note_anchors(place.n, &own);
        }
    }

    /// The row that was fed last has something stored beside its entry that contradicts it.
    pub fn contradict(&mut self, n: u64) {
        if self.columns.links.last() != Some(&n) && self.columns.links.len() <= crate::verdict::MAX_DAMAGE {
            self.columns.links.push(n);
        }
    }

    fn note_anchors(&mut self, n: u64, own: &Link) {
        let root = || (self.merkle.size() == n).then(|| self.merkle.root());
        for anchor in self.anchors.get_mut(&n).into_iter().flatten() {
            anchor.head_seen |= anchor.checkpoint.head == *own;
            anchor.root_seen = anchor.root_seen.or_else(root);
        }
    }

    /// The Merkle tree of the rows so far, while nothing was wrong with them.
    pub fn merkle(&self) -> &Merkle {
        &self.merkle
    }

    /// What was found.
    pub fn finish(self) -> Verdict {
        let walked = walk(&self.pieces, self.expected());
        let mut damage = walked.damage.clone();
        self.columns.report(&mut damage);
        let anchored = self.compare_anchors(&walked, &mut damage);
        if self.head.is_none() && self.entries > 0 && damage.is_empty() {
            damage.push(Damage::Truncated { last: walked.last, expected: walked.last });
        }
        damage.extend(&self.refused);
        let head = Head { n: walked.last, hash: walked.hash.unwrap_or(GENESIS) };
        let unanchored = self.entries.saturating_sub(anchored.unwrap_or(self.start.n) - self.start.n);
        let key = if anchored.is_some() { KeyTrust::Pinned } else { KeyTrust::Unused };
        Verdict::new(self.entries, head, damage, self.pieces.overflow, anchored, unanchored, key)
    }

    fn expected(&self) -> Expected {
        Expected {
            tenant: self.tenant,
            first: self.start.n + 1,
            prev: Some(self.start.hash),
            last: self.head.map(|it| it.n),
            head: self.head.map(|it| it.hash),
            before: None,
            blame_start: self.start.n + 1,
        }
    }

    /// The largest size that a checkpoint and the rows agree on.
    fn compare_anchors(&self, walked: &Walked, damage: &mut Vec<Damage>) -> Option<u64> {
        let mut agreed = None;
        for (size, anchor) in self.anchors.iter().flat_map(|(size, list)| list.iter().map(move |it| (*size, it))) {
            let root_differs = anchor.root_seen.is_some_and(|root| root != anchor.checkpoint.root);
            if size > walked.last {
                expect_more(damage, walked.last, size);
            } else if anchor.head_seen && !root_differs {
                agreed = Some(size);
            } else if !damage.iter().any(|it| it.covers(size)) {
                damage.push(Damage::CheckpointMismatch { size });
            }
        }
        agreed
    }
}

/// Notes that a checkpoint covers more entries than there are, once for all of them.
fn expect_more(damage: &mut Vec<Damage>, last: u64, size: u64) {
    for it in damage.iter_mut() {
        if let Damage::Truncated { expected, .. } = it {
            *expected = size.max(*expected);
            return;
        }
    }
    damage.push(Damage::Truncated { last, expected: size });
}

impl Columns {
    fn compare(&mut self, row: &Row<'_>, place: &Place, own: &Link) {
        if row.n != place.n {
            self.number = self.number.or(Some(place.n));
        } else if (row.prev != place.prev || row.hash != own) && self.links.len() <= crate::verdict::MAX_DAMAGE {
            self.links.push(row.n);
        }
    }

    /// Adds what the entries themselves do not tell. A shifted number is damage of its own only
    /// when nothing was inserted, removed or moved: those shift the numbers of intact rows.
    fn report(&self, damage: &mut Vec<Damage>) {
        let shifted = self.number.filter(|_| damage.is_empty());
        let fresh = |n: &u64| !damage.iter().any(|it| it.covers(*n));
        let altered = self.links.iter().copied().filter(fresh).chain(shifted);
        let altered: Vec<_> = altered.map(|n| Damage::Altered { n }).collect();
        damage.extend(altered);
    }
}
