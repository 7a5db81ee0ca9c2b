//! The Merkle tree where its nodes are kept, so that a proof over millions of entries reads a few rows.
//!
//! Kept are the roots of full subtrees from [`KEPT_LEVEL`] upwards: two rows for every sixty-four
//! entries. What lies below is hashed again from the entries themselves, at most two stretches of
//! fewer than sixty-four. A proof is planned here as ranges of leaves ([`inclusion_ranges`],
//! [`consistency_ranges`]), [`Wanted`] says what to read for them, and [`Known`] makes the path of
//! what was read. Nothing here reads anything.

use crate::merkle::{Merkle, Node, inner_hash, root};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

/// The lowest level whose nodes are kept: a node there covers 2^6 entries. Lower ones would be more
/// rows than they save; higher ones would hash more entries for each proof.
pub const KEPT_LEVEL: u32 = 6;

/// The root of a full subtree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeptNode {
    /// It covers 2^level leaves.
    pub level: u32,
    /// The how-manieth of its level, from 0.
    pub index: u64,
    /// Its hash.
    pub hash: Node,
}

impl Merkle {
    /// Adds the next leaf, and tells of each subtree that it completes and that is worth keeping.
    pub fn push_keeping(&mut self, leaf: Node, kept: &mut Vec<KeptNode>) {
        let (number, mut hash) = (self.size(), leaf);
        for level in 1..=number.trailing_ones() {
            let Some(left) = self.peak(level - 1) else { break };
            hash = inner_hash(&left, &hash);
            if level >= KEPT_LEVEL {
                kept.push(KeptNode { level, index: number >> level, hash });
            }
        }
        self.push_leaf(leaf);
    }
}

/// The largest power of two below `len`, which is at least 2.
fn split(len: u64) -> u64 {
    1 << (len - 1).ilog2()
}

/// The subtrees whose roots prove leaf `index` (from 0) to be among the first `size`, in the order of
/// the path; `None` if it is not among them.
pub fn inclusion_ranges(index: u64, size: u64) -> Option<Vec<Range<u64>>> {
    if index >= size {
        return None;
    }
    let (mut first, mut end, mut path) = (0, size, Vec::new());
    while end - first > 1 {
        let at = first + split(end - first);
        if index < at {
            path.push(at..end);
            end = at;
        } else {
            path.push(first..at);
            first = at;
        }
    }
    path.reverse();
    Some(path)
}

/// The subtrees whose roots prove the first `old` leaves to be a prefix of the first `new`; `None` for
/// no leaf, or more than there are.
pub fn consistency_ranges(old: u64, new: u64) -> Option<Vec<Range<u64>>> {
    if old == 0 || old > new {
        return None;
    }
    let (mut first, mut end, mut path) = (0, new, Vec::new());
    while old != end {
        let at = first + split(end - first);
        if old <= at {
            path.push(at..end);
            end = at;
        } else {
            path.push(first..at);
            first = at;
        }
    }
    if first > 0 {
        path.push(first..end);
    }
    path.reverse();
    Some(path)
}

/// The full subtrees of a range that begins where a subtree of its length may: level and index,
/// largest first.
fn subtrees(range: &Range<u64>) -> Vec<(u32, u64)> {
    let (mut first, mut all) = (range.start, Vec::new());
    while first < range.end {
        let level = (range.end - first).ilog2();
        all.push((level, first >> level));
        first += 1 << level;
    }
    all
}

/// What has to be read for some ranges.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Wanted {
    /// Kept nodes: level and index.
    pub nodes: Vec<(u32, u64)>,
    /// Leaves, from 0, in stretches.
    pub leaves: Vec<Range<u64>>,
}

impl Wanted {
    /// What these ranges need.
    pub fn of(ranges: &[Range<u64>]) -> Self {
        let all: BTreeSet<(u32, u64)> = ranges.iter().flat_map(subtrees).collect();
        let (nodes, low): (Vec<_>, Vec<_>) = all.into_iter().partition(|(level, _)| *level >= KEPT_LEVEL);
        let mut leaves: Vec<Range<u64>> = low.iter().map(|(level, index)| index << level..(index + 1) << level).collect();
        leaves.sort_by_key(|it| it.start);
        leaves.dedup_by(|next, before| {
            let meets = next.start <= before.end;
            before.end = if meets { before.end.max(next.end) } else { before.end };
            meets
        });
        Self { nodes, leaves }
    }
}

/// What was read.
#[derive(Debug, Clone, Default)]
pub struct Known {
    /// Kept nodes, by level and index.
    pub nodes: BTreeMap<(u32, u64), Node>,
    /// Hashes of leaves, by their place from 0.
    pub leaves: BTreeMap<u64, Node>,
}

impl Known {
    /// The roots of the ranges, in their order; `None` if something that they need was not read.
    pub fn path(&self, ranges: &[Range<u64>]) -> Option<Vec<Node>> {
        ranges.iter().map(|it| self.root(it)).collect()
    }

    /// The tree of the first `size` leaves, to be gone on with.
    pub fn merkle(&self, size: u64) -> Option<Merkle> {
        let peaks: Option<Vec<Node>> = subtrees(&(0..size)).iter().map(|it| self.subtree(*it)).collect();
        Merkle::from_bytes(size, &peaks?.concat())
    }

    fn root(&self, range: &Range<u64>) -> Option<Node> {
        let mut roots = Vec::new();
        for it in subtrees(range) {
            roots.push(self.subtree(it)?);
        }
        roots.into_iter().rev().reduce(|right, left| inner_hash(&left, &right))
    }

    fn subtree(&self, (level, index): (u32, u64)) -> Option<Node> {
        if level >= KEPT_LEVEL {
            return self.nodes.get(&(level, index)).copied();
        }
        let leaves: Option<Vec<Node>> = (index << level..(index + 1) << level).map(|it| self.leaves.get(&it).copied()).collect();
        Some(root(&leaves?))
    }
}
