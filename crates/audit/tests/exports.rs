//! Exports as files: every byte counts, the key matters, and what is no export is said to be none.

mod common;

use common::*;
use fedatario_audit::{AuditError, Damage, ExportHeader, ExportWriter, KeyTrust, Merkle, verify_export};
use fedatario_base::Code;
use fedatario_testkit::covers;

/// What an edit of a byte in this line must be called.
fn name_of(line: usize, last: usize) -> Damage {
    if line <= last { Damage::Altered { n: line as u64 } } else { Damage::CheckpointMismatch { size: last as u64 } }
}

fn check_edit(bytes: &[u8], at: usize, line: usize, last: usize, pinned: &fedatario_audit::PublicKey) {
    let verdict = verify_bytes(bytes, pinned);
    let first = verdict.first().unwrap_or_else(|| panic!("byte {at} unnoticed"));
    // Without the last newline it is the same as a file that was cut there.
    let cut = Damage::Truncated { last: last as u64, expected: last as u64 };
    assert!(first == name_of(line, last) || (at + 1 == bytes.len() && first == cut), "byte {at} in line {line}: {first:?}");
}

#[test]
fn an_edit_of_any_byte_is_found_and_named() {
    let signer = Signer::new(1);
    for len in [0, 1, 2, 4] {
        let chain = chain(TENANT, len, 7);
        let good = export(&chain, &signer);
        let mut line = 0;
        for at in 0..good.len() {
            for new in [good[at] ^ 1, good[at] ^ 0x20, b'\n', b'"', b'0', b' ', 0xff] {
                let mut bytes = good.clone();
                bytes[at] = new;
                if bytes != good {
                    check_edit(&bytes, at, line, len, &signer.key);
                }
            }
            line += usize::from(good[at] == b'\n');
        }
    }
    covers!("audit: an edit to one byte of an exported chain is found and named");
}

#[test]
fn a_part_of_a_chain_is_as_strict() {
    let signer = Signer::new(1);
    let chain = chain(TENANT, 6, 7);
    let good = export_from(&chain, 4, &signer);
    let mut line = 3;
    for at in 0..good.len() - 1 {
        let mut bytes = good.clone();
        bytes[at] ^= 1;
        let first = verify_bytes(&bytes, &signer.key).first();
        let expected = if line == 3 { Damage::Altered { n: 0 } } else { name_of(line, 6) };
        assert_eq!(first, Some(expected), "byte {at}");
        line += usize::from(good[at] == b'\n');
    }
}

#[test]
fn whose_word_it_rests_on_is_said() {
    let (ours, theirs) = (Signer::new(1), Signer::new(2));
    let chain = chain(TENANT, 4, 7);
    let file = export(&chain, &ours);
    let unpinned = verify_export(file.as_slice(), None).unwrap();
    assert_eq!((unpinned.key, unpinned.anchored, unpinned.unanchored), (KeyTrust::Unpinned, None, 4));
    assert!(unpinned.is_intact());
    let pinned = verify_bytes(&file, &ours.key);
    assert_eq!((pinned.key, pinned.anchored, pinned.unanchored), (KeyTrust::Pinned, Some(4), 0));
    let forged = verify_bytes(&export(&chain, &theirs), &ours.key);
    assert_eq!((forged.key, forged.code()), (KeyTrust::Unused, Some(Code::AuditCheckpoint)));
    assert_eq!(forged.damage, [Damage::CheckpointMismatch { size: 4 }]);
    covers!("audit: a file checked only by its own key says so");
}

#[test]
fn lines_that_are_gone_twice_or_elsewhere() {
    let signer = Signer::new(1);
    let chain = chain(TENANT, 4, 7);
    let good = lines(&export(&chain, &signer));
    type Case = (&'static str, fn(&mut Vec<Vec<u8>>), Damage);
    let cases: [Case; 7] = [
        ("no header", |it| drop(it.remove(0)), Damage::Altered { n: 0 }),
        ("no checkpoint", |it| drop(it.pop()), Damage::Truncated { last: 4, expected: 4 }),
        ("two checkpoints", |it| it.push(it[5].clone()), Damage::Foreign { n: 5 }),
        ("an early checkpoint", |it| it.swap(4, 5), Damage::Reordered { n: 4 }),
        ("an empty line", |it| it.insert(2, Vec::new()), Damage::Foreign { n: 2 }),
        ("a line without end", |it| it.insert(2, vec![b'x'; 300_000]), Damage::Foreign { n: 2 }),
        ("header twice", |it| it.insert(1, it[0].clone()), Damage::Foreign { n: 1 }),
    ];
    for (name, mutate, expected) in cases {
        let mut lines = good.clone();
        mutate(&mut lines);
        assert_eq!(verify_lines(&lines, &signer.key).damage, [expected], "{name}");
    }
}

#[test]
fn a_checkpoint_of_another_time_or_tenant_does_not_close_this_export() {
    let signer = Signer::new(1);
    let chain = chain(TENANT, 5, 7);
    let with_note = |checkpoint: &fedatario_audit::Checkpoint| {
        let mut lines = lines(&export(&chain, &signer));
        *lines.last_mut().unwrap() = serde_json::to_vec(&signer.sign(checkpoint)).unwrap();
        verify_lines(&lines, &signer.key)
    };
    let mut earlier = checkpoint(&chain, 3);
    assert!(!with_note(&earlier).is_intact());
    (earlier.size, earlier.head, earlier.before) = (5, chain[4].hash, chain[4].prev);
    assert_eq!(with_note(&earlier).damage, [Damage::CheckpointMismatch { size: 5 }], "the root alone differs");
    let mut theirs = checkpoint(&chain, 5);
    theirs.tenant = OTHER;
    assert!(!with_note(&theirs).is_intact());
}

#[test]
fn what_is_no_export_is_an_error() {
    let long = vec![b'{'; 1_000_000];
    let cases: [&[u8]; 6] = [b"", b"\n", b"%PDF-1.7\n\n\xff\xfe", b"{}\n{}\n", b"\"text\"\n", &long];
    for bytes in cases {
        let error = verify_export(bytes, None).unwrap_err();
        assert!(matches!(error, AuditError::NotAnExport) && error.code() == Code::AuditFormat);
    }
}

#[test]
fn a_header_that_does_not_match_what_is_written_is_refused() {
    let signer = Signer::new(1);
    let chain = chain(TENANT, 3, 7);
    let header = ExportHeader { tenant: TENANT, first: 1, last: 2, prev: [0; 64], key: signer.key.clone() };
    let mut writer = ExportWriter::new(Vec::new(), header.clone(), Merkle::new()).unwrap();
    writer.entry(&chain[0].entry).unwrap();
    assert!(matches!(writer.checkpoint(at()), Err(AuditError::Sequence { expected: 2, found: 1 })));
    writer.entry(&chain[1].entry).unwrap();
    assert!(matches!(writer.entry(&chain[2].entry), Err(AuditError::Sequence { expected: 2, found: 3 })));
    let late = ExportHeader { first: 2, ..header };
    assert!(matches!(ExportWriter::new(Vec::new(), late, Merkle::new()), Err(AuditError::Sequence { .. })));
}

/// Bytes of strangers, a fixed number of seeded times.
#[test]
fn random_bytes_and_random_splices_never_panic() {
    let signer = Signer::new(1);
    let good = export(&chain(TENANT, 8, 7), &signer);
    for seed in 0..2000 {
        let mut choices = Choices(seed);
        let (from, to) = (choices.between(0, good.len()), choices.between(0, good.len()));
        let mut bytes = good[..from].to_vec();
        bytes.extend_from_slice(&good[to..]);
        for _ in 0..choices.between(0, 3) {
            let at = choices.between(0, bytes.len().max(1) - 1);
            bytes.splice(at..at, [choices.next() as u8]);
        }
        if let Ok(verdict) = verify_export(bytes.as_slice(), Some(&signer.key)) {
            assert_eq!(verdict.is_intact(), bytes == good, "seed {seed}");
        }
    }
}
