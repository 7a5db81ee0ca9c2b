//! The verifier in Python that is handed out (`examples/verify_audit.py`), beside ours: the same verdict
//! on good exports, on ten thousand damaged ones, and on proofs.

mod common;

use common::*;
use fedatario_audit::chain::{Appended, Head};
use fedatario_audit::merkle::{consistency_proof, inclusion_proof, leaf_hash};
use fedatario_audit::proof::{ConsistencyProof, InclusionProof, verify_proof};
use fedatario_audit::{PublicKey, verify_export};
use fedatario_testkit::covers;
use serde_json::{Value, json};
use std::path::Path;

/// Damaged exports.
const MUTANTS: u64 = 10_000;
/// Damaged proofs.
const PROOFS: u64 = 1_000;

/// What Python says of exports. How many lines it took for entries is left out: it reads up to the first that
/// does not fit.
fn judged(folder: &Path, files: &[Vec<u8>], key: Option<&PublicKey>) -> Vec<Value> {
    let mut all = in_python(folder, files, key);
    all.iter_mut().filter_map(Value::as_object_mut).for_each(|it| drop(it.remove("entries")));
    all
}

/// What we say, in the same words.
fn ours(bytes: &[u8], key: Option<&PublicKey>) -> Value {
    match verify_export(bytes, key) {
        Ok(it) => json!({
            "what": "export", "intact": it.is_intact(), "first": it.first().map(|it| it.at()),
            "anchored": it.anchored, "key": it.key.text(),
        }),
        Err(_) => Value::Null,
    }
}

fn joined(lines: &[Vec<u8>]) -> Vec<u8> {
    [lines.join(&b'\n'), b"\n".to_vec()].concat()
}

/// One way to damage an export of a chain; the name says which.
fn mutant(choices: &mut Choices, chain: &[Appended], signer: &Signer) -> (&'static str, Vec<u8>) {
    let len = chain.len();
    let mut all = lines(&export(chain, signer));
    let k = choices.between(1, len);
    let name = match choices.between(0, 13) {
        0 => {
            let before = if k == 1 { Head::EMPTY } else { chain[k - 2].head() };
            all[k] = extend(TENANT, before, 1, 0xf0f0).remove(0).entry;
            "edit"
        }
        1 => {
            let at = choices.between(0, all[k].len() - 1);
            all[k][at] = choices.next() as u8;
            "byte of an entry"
        }
        2 => {
            let other = choices.between(1, len);
            all.swap(k, other);
            "swap"
        }
        3 => {
            let through = choices.between(k, len);
            all.drain(k..=through);
            "delete"
        }
        4 => {
            let copy = all[choices.between(1, len)].clone();
            all.insert(choices.between(1, len + 1), copy);
            "insert a copy"
        }
        5 => {
            let foreign = extend(OTHER, Head { n: k as u64 - 1, hash: [3; 64] }, 1, 5).remove(0);
            all.insert(k, foreign.entry);
            "insert"
        }
        6 => {
            all.truncate(k);
            "tail cut"
        }
        7 => {
            let kept = all.len() - 1;
            all.drain(k..kept);
            "tail cut before the checkpoint"
        }
        8 => {
            let before = if k == 1 { Head::EMPTY } else { chain[k - 2].head() };
            let anew = extend(TENANT, before, len + 1 - k, 99);
            all.splice(k..=len, anew.into_iter().map(|it| it.entry));
            "chained anew"
        }
        9 => {
            let other = [&chain[..k - 1], &extend(TENANT, if k == 1 { Head::EMPTY } else { chain[k - 2].head() }, len + 1 - k, 98)]
                .concat();
            let end = all.len() - 1;
            all[end] = lines(&export(&other, signer)).pop().unwrap();
            "checkpoint of another"
        }
        10 => {
            let end = all.len() - 1;
            all[end] = lines(&export(chain, &Signer::new(2))).pop().unwrap();
            "checkpoint of another key"
        }
        11 => {
            let text = String::from_utf8(all[0].clone()).unwrap();
            let last = format!("\"last\":{len}");
            all[0] = match choices.between(0, 4) {
                0 => text.replace(&last, &format!("\"last\":{}", len + 1)),
                1 => text.replace("\"first\":1", "\"first\":2"),
                2 => text.replace(":", ": "),
                3 => text.replace("ten_0", "ten_1"),
                _ => text.replace(".v1", ".v2"),
            }
            .into_bytes();
            "header"
        }
        12 => {
            let at = choices.between(0, all.len() - 1);
            all.remove(at);
            "a line gone"
        }
        _ => {
            let mut bytes = joined(&all);
            match choices.between(0, 2) {
                0 => bytes.truncate(choices.between(1, bytes.len() - 1)),
                _ => {
                    let at = choices.between(0, bytes.len() - 1);
                    bytes[at] ^= 1 << choices.between(0, 7);
                }
            }
            return ("byte", bytes);
        }
    };
    (name, joined(&all))
}

#[test]
fn good_and_damaged_exports_have_the_same_verdict_in_python() {
    let folder = tempfile::tempdir().unwrap();
    let signer = Signer::new(1);
    let (mut files, mut names) = (Vec::new(), Vec::new());
    for len in 0..=70 {
        for first in [1, len / 2 + 1] {
            files.push(export_from(&chain(TENANT, len, 3), first, &signer));
            names.push("good");
        }
    }
    let good = files.len();
    for round in 0..MUTANTS {
        let mut choices = Choices(round * 104_729 + 17);
        let chain = chain(TENANT, choices.between(2, 12), round);
        let (name, bytes) = mutant(&mut choices, &chain, &signer);
        files.push(bytes);
        names.push(name);
    }
    let said = judged(folder.path(), &files, Some(&signer.key));
    assert_eq!(said.len(), files.len());
    let (mut damaged, mut exact) = (0, 0);
    for (at, python) in said.iter().enumerate() {
        let rust = ours(&files[at], Some(&signer.key));
        let first = |it: &Value| it["first"].as_u64();
        // Bytes that were changed in their place show by the entry after them, which no longer follows; a first entry
        // that gives itself another number shows as a header that lies.
        let is_place = match (first(python), first(&rust)) {
            (Some(theirs), Some(ours)) => theirs.abs_diff(ours) <= 1,
            (theirs, ours) => theirs == ours,
        };
        let apart = |it: &Value| [it["what"].clone(), it["intact"].clone(), it["anchored"].clone(), it["key"].clone()];
        let same = is_place && python.is_null() == rust.is_null() && apart(python) == apart(&rust);
        assert!(same, "{} at {at}: {python} {rust}: {}", names[at], String::from_utf8_lossy(&files[at]));
        exact += usize::from(first(python) == first(&rust));
        damaged += usize::from(rust["intact"] != true);
        assert!(at >= good || rust["intact"] == true, "a good export is good");
    }
    // A swap with itself, or an edit to the same byte, damages nothing; nearly all others do.
    assert!(damaged > 9_000, "{damaged}");
    assert!(exact > 8_500, "nearly always it is the same entry: {exact}");
    covers!("audit: the verifier in Python agrees with ours on good and on 10,000 mutated exports, place by place");
}

#[test]
fn an_export_that_vouches_for_itself_is_unpinned_in_both() {
    let folder = tempfile::tempdir().unwrap();
    let chain = chain(TENANT, 5, 3);
    let (own, other) = (Signer::new(1), Signer::new(2));
    let files = [export(&chain, &own), export(&chain, &other)];
    let said = judged(folder.path(), &files, None);
    assert_eq!((said[0]["key"].as_str(), said[0]["intact"].as_bool()), (Some("unpinned"), Some(true)));
    assert_eq!(said[0], ours(&files[0], None));
    assert_eq!(judged(folder.path(), &files, Some(&own.key))[1]["intact"], false, "another key's checkpoint");
    covers!("audit: the verifier in Python takes a pinned key, or says that the file vouches for itself");
}

fn notes(chain: &[Appended], signer: &Signer, size: usize) -> String {
    signer.sign(&checkpoint(chain, size))
}

/// Proofs of every entry of a small chain, and between every two of its checkpoints.
fn proofs(chain: &[Appended], signer: &Signer) -> Vec<Vec<u8>> {
    let leaves: Vec<_> = chain.iter().map(|it| leaf_hash(&it.entry)).collect();
    let mut all = Vec::new();
    for size in 1..=chain.len() {
        let note = notes(chain, signer, size);
        for n in 1..=size {
            let path = inclusion_proof(&leaves[..size], n - 1).unwrap();
            all.push(serde_json::to_vec(&InclusionProof::new(&signer.key, &chain[n - 1].entry, &path, &note)).unwrap());
            let path = consistency_proof(&leaves[..size], n).unwrap();
            let old = notes(chain, signer, n);
            all.push(serde_json::to_vec(&ConsistencyProof::new(&signer.key, &old, &note, &path)).unwrap());
        }
    }
    all
}

fn our_proof(bytes: &[u8], key: &PublicKey) -> Option<bool> {
    verify_proof(bytes, Some(key)).ok().map(|it| it.holds())
}

#[test]
fn proofs_have_the_same_verdict_in_python() {
    let folder = tempfile::tempdir().unwrap();
    let signer = Signer::new(1);
    let mut files = proofs(&chain(TENANT, 9, 3), &signer);
    let good = files.len();
    for round in 0..PROOFS {
        let mut choices = Choices(round);
        let mut bytes = files[choices.between(0, good - 1)].clone();
        match choices.between(0, 1) {
            0 => {
                let at = choices.between(0, bytes.len() - 1);
                bytes[at] ^= 1 << choices.between(0, 6);
            }
            // A path, a note or an entry of another proof.
            _ => {
                let mut mixed: Value = serde_json::from_slice(&bytes).unwrap();
                let other: Value = serde_json::from_slice(&files[choices.between(0, good - 1)]).unwrap();
                for name in ["path", "checkpoint", "entry", "old", "new"] {
                    if choices.between(0, 3) == 0 && other.get(name).is_some() && mixed.get(name).is_some() {
                        mixed[name] = other[name].clone();
                    }
                }
                bytes = serde_json::to_vec(&mixed).unwrap();
            }
        }
        files.push(bytes);
    }
    let said = judged(folder.path(), &files, Some(&signer.key));
    for (at, (python, file)) in said.iter().zip(&files).enumerate() {
        let rust = our_proof(file, &signer.key);
        assert_eq!(python["intact"].as_bool().unwrap_or(false), rust.unwrap_or(false), "{at}: {}", String::from_utf8_lossy(file));
        assert!(at >= good || rust == Some(true), "a good proof holds: {}", String::from_utf8_lossy(file));
    }
    covers!("audit: the verifier in Python agrees with ours on proofs of entries and of consistency, good and mutated");
}
