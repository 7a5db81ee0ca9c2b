//! The tree, against RFC 9162: its definitions, the published vectors, and proofs of every size.

use data_encoding::HEXLOWER;
use fedatario_audit::Merkle;
use fedatario_audit::merkle::*;
use fedatario_testkit::covers;

/// The leaves and roots that implementations of RFC 6962 and RFC 9162 have exchanged since the first.
const VECTORS: [(&str, &str); 8] = [
    ("", "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"),
    ("00", "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"),
    ("10", "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77"),
    ("2021", "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7"),
    ("3031", "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4"),
    ("40414243", "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef"),
    ("5051525354555657", "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c"),
    ("606162636465666768696a6b6c6d6e6f", "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"),
];

/// Sizes of the property.
const SIZES: usize = 300;

#[test]
fn the_published_roots_come_out() {
    let mut merkle = Merkle::new();
    assert_eq!(HEXLOWER.encode(&merkle.root()), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    for (leaf, expected) in VECTORS {
        merkle.push(&HEXLOWER.decode(leaf.as_bytes()).unwrap());
        assert_eq!(HEXLOWER.encode(&merkle.root()), expected);
    }
    covers!("audit: Merkle roots agree with the published vectors");
}

#[test]
fn the_published_paths_come_out() {
    let leaves: Vec<_> = VECTORS.iter().map(|(leaf, _)| leaf_hash(&HEXLOWER.decode(leaf.as_bytes()).unwrap())).collect();
    let path = inclusion_proof(&leaves, 0).unwrap();
    let expected = [
        "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    ];
    assert_eq!(path.iter().map(|it| HEXLOWER.encode(it)).collect::<Vec<_>>(), expected);
    let path = consistency_proof(&leaves, 6).unwrap();
    let expected = [
        "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ];
    assert_eq!(path.iter().map(|it| HEXLOWER.encode(it)).collect::<Vec<_>>(), expected);
}

fn leaves(count: usize) -> Vec<Node> {
    (0..count).map(|it| leaf_hash(&it.to_be_bytes())).collect()
}

#[test]
fn the_growing_root_is_the_defined_one_and_survives_storage() {
    let leaves = leaves(SIZES);
    let mut merkle = Merkle::new();
    for size in 0..SIZES {
        assert_eq!(merkle.root(), root(&leaves[..size]));
        let kept = merkle.to_bytes();
        assert_eq!(Merkle::from_bytes(size as u64, &kept), Some(merkle.clone()));
        assert_eq!(Merkle::from_bytes(size as u64, &[kept, vec![0; 32]].concat()), None);
        merkle.push_leaf(leaves[size]);
    }
}

#[test]
fn every_leaf_of_every_size_is_proven_and_nothing_else() {
    let all = leaves(SIZES + 1);
    for size in 0..=SIZES {
        let leaves = &all[..size];
        let root = root(leaves);
        for index in 0..size {
            let path = inclusion_proof(leaves, index).unwrap();
            let (at, len) = (index as u64, size as u64);
            assert!(verify_inclusion(&leaves[index], at, len, &path, &root), "{index} of {size}");
            assert!(!verify_inclusion(&all[SIZES], at, len, &path, &root));
            assert!(!verify_inclusion(&leaves[index], at + 1, len, &path, &root) || path.is_empty() && size == 0);
            assert!(!verify_inclusion(&leaves[index], at, len, &[path.as_slice(), &[all[0]]].concat(), &root));
            assert!(path.is_empty() || !verify_inclusion(&leaves[index], at, len, &path[1..], &root));
        }
        assert_eq!(inclusion_proof(leaves, size), None);
    }
    covers!("audit: inclusion proofs of all sizes up to 300");
}

#[test]
fn every_prefix_of_every_size_is_consistent_and_nothing_else() {
    let all = leaves(SIZES);
    let roots: Vec<_> = (0..=SIZES).map(|size| root(&all[..size])).collect();
    for new in 0..=SIZES {
        for old in 1..=new {
            let path = consistency_proof(&all[..new], old).unwrap();
            let verify = |old_root, new_root, path: &[Node]| verify_consistency(old as u64, old_root, new as u64, new_root, path);
            assert!(verify(&roots[old], &roots[new], &path), "{old} in {new}");
            assert!(!verify(&roots[old - 1], &roots[new], &path), "{old} in {new}");
            assert!(!verify(&roots[old], &roots[(new + 1) % SIZES], &path), "{old} in {new}");
            assert!(!verify(&roots[old], &roots[new], &[path.as_slice(), &[all[0]]].concat()), "{old} in {new}");
            assert!(path.is_empty() || !verify(&roots[old], &roots[new], &path[1..]), "{old} in {new}");
        }
        assert_eq!((consistency_proof(&all[..new], 0), consistency_proof(&all[..new], new + 1)), (None, None));
    }
    covers!("audit: consistency proofs of all sizes up to 300");
}
