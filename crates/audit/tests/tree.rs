//! Proofs from kept nodes: the same paths as from all leaves, for every boundary up to 4096, with few reads.

use fedatario_audit::Merkle;
use fedatario_audit::merkle::{Node, consistency_proof, inclusion_proof, leaf_hash, root, verify_consistency, verify_inclusion};
use fedatario_audit::tree::{KeptNode, Known, Wanted, consistency_ranges, inclusion_ranges};
use fedatario_testkit::covers;
use std::collections::BTreeMap;
use std::ops::Range;

/// The largest tree of the property.
const LARGEST: u64 = 4_096;
/// Entries hashed again for one proof at most.
const HASHED_AGAIN: u64 = 127;

struct Kept {
    leaves: Vec<Node>,
    nodes: BTreeMap<(u32, u64), Node>,
}

fn kept(count: u64) -> Kept {
    let leaves: Vec<Node> = (0..count).map(|it| leaf_hash(&it.to_be_bytes())).collect();
    let (mut merkle, mut nodes) = (Merkle::new(), Vec::new());
    leaves.iter().for_each(|it| merkle.push_keeping(*it, &mut nodes));
    assert_eq!(merkle.root(), root(&leaves));
    Kept { leaves, nodes: nodes.into_iter().map(|KeptNode { level, index, hash }| ((level, index), hash)).collect() }
}

impl Kept {
    /// The path of ranges, reading nothing but what is wanted for them.
    fn path(&self, ranges: &[Range<u64>]) -> Vec<Node> {
        let wanted = Wanted::of(ranges);
        let hashed: u64 = wanted.leaves.iter().map(|it| it.end - it.start).sum();
        assert!(hashed <= HASHED_AGAIN, "{hashed} leaves for {ranges:?}");
        let node = |it: &(u32, u64)| (*it, *self.nodes.get(it).unwrap_or_else(|| panic!("{it:?} is kept")));
        let leaves = wanted.leaves.iter().cloned().flatten().map(|it| (it, self.leaves[it as usize])).collect();
        Known { nodes: wanted.nodes.iter().map(node).collect(), leaves }.path(ranges).expect("all was read")
    }
}

/// Sizes around every power of two, and some between.
fn sizes() -> Vec<u64> {
    let around = |power: u32| (1u64 << power).saturating_sub(2)..=(1 << power) + 2;
    let mut all: Vec<u64> = (0..=12).flat_map(around).chain((0..LARGEST).step_by(97)).filter(|it| *it <= LARGEST).collect();
    all.sort_unstable();
    all.dedup();
    all
}

#[test]
fn paths_from_kept_nodes_are_the_defined_ones() {
    let kept = kept(LARGEST);
    for size in sizes() {
        let leaves = &kept.leaves[..size as usize];
        let own_root = root(leaves);
        for at in sizes().into_iter().filter(|it| *it < size) {
            let path = kept.path(&inclusion_ranges(at, size).unwrap());
            assert_eq!(Some(&path), inclusion_proof(leaves, at as usize).as_ref(), "{at} of {size}");
            assert!(verify_inclusion(&leaves[at as usize], at, size, &path, &own_root));
        }
        for old in sizes().into_iter().filter(|it| (1..=size).contains(it)) {
            let path = kept.path(&consistency_ranges(old, size).unwrap());
            assert_eq!(Some(&path), consistency_proof(leaves, old as usize).as_ref(), "{old} in {size}");
            assert!(verify_consistency(old, &root(&leaves[..old as usize]), size, &own_root, &path));
        }
        assert_eq!(
            (inclusion_ranges(size, size), consistency_ranges(0, size), consistency_ranges(size + 1, size)),
            (None, None, None)
        );
    }
    covers!("audit: inclusion and consistency proofs at all boundaries of sizes 0 to 4096, from kept nodes as from all leaves");
}

#[test]
fn a_tree_is_gone_on_with_from_any_size() {
    let kept = kept(300);
    for size in 0..=300u64 {
        let wanted = Wanted::of(std::slice::from_ref(&(0..size)));
        let nodes = wanted.nodes.iter().map(|it| (*it, kept.nodes[it])).collect();
        let leaves = wanted.leaves.iter().cloned().flatten().map(|it| (it, kept.leaves[it as usize])).collect();
        let merkle = Known { nodes, leaves }.merkle(size).unwrap();
        assert_eq!((merkle.size(), merkle.root()), (size, root(&kept.leaves[..size as usize])));
    }
}

#[test]
fn a_proof_among_ten_million_has_at_most_twenty_four_hashes() {
    for size in [9_999_999u64, 10_000_000, 10_000_001, 1 << 23, (1 << 23) + 1] {
        for at in [0, 1, 63, 64, 4_999_999, size / 2, size - 2, size - 1] {
            let ranges = inclusion_ranges(at, size).unwrap();
            assert!(ranges.len() <= 24, "{} hashes", ranges.len());
            let wanted = Wanted::of(&ranges);
            let hashed: u64 = wanted.leaves.iter().map(|it| it.end - it.start).sum();
            assert!(hashed <= HASHED_AGAIN && wanted.nodes.len() <= 48, "{} nodes, {hashed} leaves", wanted.nodes.len());
        }
    }
    covers!("audit: a proof among 10 million entries has at most 24 hashes and reads at most 48 nodes and 127 entries");
}
