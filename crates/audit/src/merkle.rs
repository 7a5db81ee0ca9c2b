//! The Merkle tree of RFC 9162 (SHA-256) over the bytes of entries.
//!
//! [`Merkle`] grows one leaf at a time and keeps only the roots of its full subtrees, so that a
//! checkpoint costs nothing to keep ready. Proofs are made from the leaf hashes of the whole
//! range, which the caller reads from its rows; verifying them needs only the proof.

use aws_lc_rs::digest::{Context, SHA256, digest};

/// A node's hash.
pub type Node = [u8; 32];

const LEAF: &[u8] = &[0];
const INNER: &[u8] = &[1];

/// Subtrees that a tree of 2^64 leaves can have at once.
const MAX_PEAKS: usize = 64;

/// `HASH(0x00 ‖ entry)`.
pub fn leaf_hash(entry: &[u8]) -> Node {
    sha256(&[LEAF, entry])
}

pub(crate) fn inner_hash(left: &Node, right: &Node) -> Node {
    sha256(&[INNER, left, right])
}

fn sha256(parts: &[&[u8]]) -> Node {
    let mut context = Context::new(&SHA256);
    parts.iter().for_each(|part| context.update(part));
    node(context.finish().as_ref())
}

fn node(bytes: &[u8]) -> Node {
    bytes.try_into().expect("SHA-256 has 32 bytes")
}

/// The root of a tree without leaves.
pub fn empty_root() -> Node {
    node(digest(&SHA256, b"").as_ref())
}

/// A growing tree: its size and the roots of its full subtrees, largest first.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Merkle {
    size: u64,
    peaks: Vec<Node>,
}

impl Merkle {
    /// A tree without leaves.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds the next entry.
    pub fn push(&mut self, entry: &[u8]) {
        self.push_leaf(leaf_hash(entry));
    }

    /// Adds the next leaf by its hash.
    pub fn push_leaf(&mut self, leaf: Node) {
        // Each trailing one bit of the size is a full subtree that the new leaf completes.
        let merges = self.size.trailing_ones();
        let whole = (0..merges).fold(leaf, |right, _| match self.peaks.pop() {
            Some(left) => inner_hash(&left, &right),
            None => right,
        });
        self.peaks.push(whole);
        self.size += 1;
    }

    /// The root of its full subtree of 2^level leaves, if it has one.
    pub(crate) fn peak(&self, level: u32) -> Option<Node> {
        let bit = self.size.checked_shr(level).unwrap_or(0);
        let larger = bit.checked_shr(1).unwrap_or(0).count_ones() as usize;
        self.peaks.get(larger).copied().filter(|_| bit & 1 == 1)
    }

    /// How many leaves it has.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The root over all leaves so far.
    pub fn root(&self) -> Node {
        let mut peaks = self.peaks.iter().rev();
        let Some(last) = peaks.next() else { return empty_root() };
        peaks.fold(*last, |right, left| inner_hash(left, &right))
    }

    /// The state to keep beside a head: 32 bytes a subtree.
    pub fn to_bytes(&self) -> Vec<u8> {
        self.peaks.concat()
    }

    /// A kept state; `None` when it cannot be one of a tree of that size.
    pub fn from_bytes(size: u64, bytes: &[u8]) -> Option<Self> {
        let fits = bytes.len() <= MAX_PEAKS * 32 && bytes.len() == size.count_ones() as usize * 32;
        fits.then(|| Self { size, peaks: bytes.chunks_exact(32).map(node).collect() })
    }
}

/// The root over leaf hashes, as RFC 9162 §2.1.1 defines it.
pub fn root(leaves: &[Node]) -> Node {
    match leaves {
        [] => empty_root(),
        [only] => *only,
        _ => {
            let (left, right) = leaves.split_at(split(leaves.len()));
            inner_hash(&root(left), &root(right))
        }
    }
}

/// The largest power of two below `len`, which is at least 2.
fn split(len: usize) -> usize {
    1 << (len - 1).ilog2()
}

/// The path that proves leaf `index` (from 0) to be in the tree of `leaves`, RFC 9162 §2.1.3.1.
pub fn inclusion_proof(leaves: &[Node], index: usize) -> Option<Vec<Node>> {
    if index >= leaves.len() {
        return None;
    }
    let mut path = Vec::new();
    let (mut leaves, mut index) = (leaves, index);
    while leaves.len() > 1 {
        let at = split(leaves.len());
        let (left, right) = leaves.split_at(at);
        let (own, other) = if index < at { (left, right) } else { (right, left) };
        path.push(root(other));
        index -= if index < at { 0 } else { at };
        leaves = own;
    }
    path.reverse();
    Some(path)
}

/// Whether `path` proves `leaf` to be number `index` of the `size` leaves under `root`, RFC 9162
/// §2.1.3.2.
pub fn verify_inclusion(leaf: &Node, index: u64, size: u64, path: &[Node], root: &Node) -> bool {
    if index >= size {
        return false;
    }
    let (mut first, mut last, mut hash) = (index, size - 1, *leaf);
    for step in path {
        if last == 0 {
            return false;
        }
        if first & 1 == 1 || first == last {
            hash = inner_hash(step, &hash);
            let skipped = if first & 1 == 0 { first.trailing_zeros().min(63) } else { 0 };
            (first, last) = (first >> skipped, last >> skipped);
        } else {
            hash = inner_hash(&hash, step);
        }
        (first, last) = (first >> 1, last >> 1);
    }
    last == 0 && hash == *root
}

/// The path that proves the tree of the first `size` leaves to be a prefix of the tree of `leaves`,
/// RFC 9162 §2.1.4.1. Empty for equal sizes; `None` for size 0 or one beyond the leaves.
pub fn consistency_proof(leaves: &[Node], size: usize) -> Option<Vec<Node>> {
    if size == 0 || size > leaves.len() {
        return None;
    }
    let mut path = Vec::new();
    let (mut leaves, mut size, mut whole) = (leaves, size, true);
    while size != leaves.len() {
        let at = split(leaves.len());
        let (left, right) = leaves.split_at(at);
        if size <= at {
            path.push(root(right));
            leaves = left;
        } else {
            path.push(root(left));
            (leaves, size, whole) = (right, size - at, false);
        }
    }
    if !whole {
        path.push(root(leaves));
    }
    path.reverse();
    Some(path)
}

/// Whether `path` proves the tree of `old_size` under `old_root` to be a prefix of the tree of
/// `new_size` under `new_root`, RFC 9162 §2.1.4.2.
pub fn verify_consistency(old_size: u64, old_root: &Node, new_size: u64, new_root: &Node, path: &[Node]) -> bool {
    if old_size == 0 || old_size > new_size {
        return false;
    }
    if old_size == new_size {
        return path.is_empty() && old_root == new_root;
    }
    // A tree that is one full subtree is itself the first step, and is not sent.
    let (seed, path) = match path {
        _ if old_size.is_power_of_two() => (old_root, path),
        [first, rest @ ..] => (first, rest),
        [] => return false,
    };
    let levels = (old_size - 1).trailing_ones();
    let (mut first, mut last) = ((old_size - 1) >> levels, (new_size - 1) >> levels);
    let (mut old, mut new) = (*seed, *seed);
    for step in path {
        if last == 0 {
            return false;
        }
        if first & 1 == 1 || first == last {
            (old, new) = (inner_hash(step, &old), inner_hash(step, &new));
            let skipped = if first & 1 == 0 { first.trailing_zeros().min(63) } else { 0 };
            (first, last) = (first >> skipped, last >> skipped);
        } else {
            new = inner_hash(&new, step);
        }
        (first, last) = (first >> 1, last >> 1);
    }
    last == 0 && old == *old_root && new == *new_root
}
