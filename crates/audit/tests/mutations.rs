//! Damage of every kind, in rows and in exports: found, and named with its kind and its place.

mod common;

use common::*;
use fedatario_audit::chain::{Appended, Head, link};
use fedatario_audit::{Damage, Verdict};
use fedatario_testkit::covers;

/// Mutations of each of five kinds in each medium: 10,000 of rows, and as many of exports.
const ROUNDS: u64 = 2_000;
const MATRIX: &str = "audit damage x medium";

/// Runs `mutate` over random chains; it says what should be found and what was.
fn try_all(kind: &str, medium: &str, mutate: impl Fn(&mut Choices, &[Appended]) -> (Damage, Verdict)) {
    for round in 0..ROUNDS {
        let mut choices = Choices(round * 7919 + kind.len() as u64);
        let chain = chain(TENANT, choices.between(3, 40), round);
        let (expected, verdict) = mutate(&mut choices, &chain);
        assert_eq!(verdict.damage, [expected], "{kind} in {medium}, round {round}, {} entries", chain.len());
        assert_eq!(expected.kind(), kind);
    }
    covers!(MATRIX, kind, medium);
}

fn in_export(chain: &[Appended], mutate: impl FnOnce(&mut Vec<Vec<u8>>)) -> Verdict {
    let signer = Signer::new(1);
    let mut lines = lines(&export(chain, &signer));
    mutate(&mut lines);
    verify_lines(&lines, &signer.key)
}

fn in_rows(chain: &[Appended], mutate: impl FnOnce(&mut Vec<Stored>)) -> Verdict {
    let mut rows = rows(chain);
    mutate(&mut rows);
    verify_rows(&rows, Some(head(chain)), &[])
}

/// Changes one byte to another that is not a newline.
fn edit(choices: &mut Choices, bytes: &mut [u8]) {
    let at = choices.between(0, bytes.len() - 1);
    let old = bytes[at];
    while bytes[at] == old || bytes[at] == b'\n' {
        bytes[at] = choices.next() as u8;
    }
}

/// Another entry that follows properly what stands before place `k`.
fn forged(chain: &[Appended], k: usize) -> Appended {
    let before = if k == 1 { Head::EMPTY } else { chain[k - 2].head() };
    extend(TENANT, before, 1, 0xf0f0).remove(0)
}

#[test]
fn altered_in_an_export() {
    try_all("altered", "export", |choices, chain| {
        let k = choices.between(1, chain.len());
        let verdict = in_export(chain, |lines| match choices.between(0, 3) {
            0 => lines[k] = forged(chain, k).entry,
            1 => lines[k] = b"{}".to_vec(),
            _ => edit(choices, &mut lines[k]),
        });
        (Damage::Altered { n: k as u64 }, verdict)
    });
}

#[test]
fn altered_in_a_database() {
    try_all("altered", "database", |choices, chain| {
        let k = choices.between(1, chain.len());
        let verdict = in_rows(chain, |rows| match choices.between(0, 6) {
            0 => rows[k - 1] = stored(&forged(chain, k)),
            1 => edit(choices, &mut rows[k - 1].prev),
            2 => edit(choices, &mut rows[k - 1].hash),
            3 => rows[k - 1].hash.clear(),
            4 => {
                let text = String::from_utf8(rows[k - 1].entry.clone()).unwrap().replace("done", "none");
                rows[k - 1].hash = link(TENANT, k as u64, &chain[k - 1].prev, text.as_bytes()).to_vec();
                rows[k - 1].entry = text.into_bytes();
            }
            5 => rows[k - 1].entry.clear(),
            _ => edit(choices, &mut rows[k - 1].entry),
        });
        (Damage::Altered { n: k as u64 }, verdict)
    });
}

#[test]
fn gap_in_an_export() {
    try_all("gap", "export", |choices, chain| {
        let (n, through) = hole(choices, chain.len());
        let verdict = in_export(chain, |lines| drop(lines.drain(n..=through)));
        (Damage::Gap { n: n as u64, through: through as u64 }, verdict)
    });
}

#[test]
fn gap_in_a_database() {
    try_all("gap", "database", |choices, chain| {
        let (n, through) = hole(choices, chain.len());
        let verdict = in_rows(chain, |rows| {
            rows.drain(n - 1..through);
            if choices.between(0, 1) == 0 {
                renumber(rows);
            }
        });
        (Damage::Gap { n: n as u64, through: through as u64 }, verdict)
    });
}

/// A range that leaves at least the last entry.
fn hole(choices: &mut Choices, len: usize) -> (usize, usize) {
    let n = choices.between(1, len - 1);
    (n, choices.between(n, len - 1))
}

/// Hides a hole or an extra row behind contiguous numbers.
fn renumber(rows: &mut [Stored]) {
    rows.iter_mut().zip(1..).for_each(|(row, n)| row.n = n);
}

/// Swaps, moves or reverses; the first place that another one occupies then.
fn shuffle<T>(choices: &mut Choices, items: &mut [T]) -> u64 {
    let i = choices.between(0, items.len() - 2);
    let j = choices.between(i + 1, items.len() - 1);
    match choices.between(0, 3) {
        0 => items.swap(i, j),
        1 => items[i..=j].rotate_left(1),
        2 => items[i..=j].rotate_right(1),
        _ => items[i..=j].reverse(),
    }
    i as u64 + 1
}

#[test]
fn reordered_in_an_export() {
    try_all("reordered", "export", |choices, chain| {
        let mut n = 0;
        let verdict = in_export(chain, |lines| {
            let end = lines.len() - 1;
            n = shuffle(choices, &mut lines[1..end]);
        });
        (Damage::Reordered { n }, verdict)
    });
}

#[test]
fn reordered_in_a_database() {
    try_all("reordered", "database", |choices, chain| {
        let mut n = 0;
        let verdict = in_rows(chain, |rows| match choices.between(0, 1) {
            // The entries change places under columns that stay.
            0 => {
                let mut entries: Vec<_> = rows.iter().map(|it| it.entry.clone()).collect();
                n = shuffle(choices, &mut entries);
                rows.iter_mut().zip(entries).for_each(|(row, entry)| row.entry = entry);
            }
            // Whole rows change places, and take the numbers of those.
            _ => {
                n = shuffle(choices, rows);
                renumber(rows);
            }
        });
        (Damage::Reordered { n }, verdict)
    });
}

#[test]
fn truncated_in_an_export() {
    try_all("truncated", "export", |choices, chain| {
        let signer = Signer::new(1);
        let whole = lines(&export(chain, &signer));
        let last = choices.between(0, chain.len() - 1);
        let expected = chain.len() as u64;
        let verdict = match choices.between(0, 2) {
            // Entries are gone, the checkpoint stays.
            0 => verify_lines(&[&whole[..=last], &whole[whole.len() - 1..]].concat(), &signer.key),
            // The file ends after a line,
            1 => verify_lines(&whole[..=last], &signer.key),
            // or in the middle of the next.
            _ => {
                let mut bytes = [whole[..=last].join(&b'\n'), b"\n".to_vec()].concat();
                bytes.extend_from_slice(&whole[last + 1][..choices.between(1, whole[last + 1].len() - 1)]);
                verify_bytes(&bytes, &signer.key)
            }
        };
        (Damage::Truncated { last: last as u64, expected }, verdict)
    });
}

#[test]
fn truncated_in_a_database() {
    try_all("truncated", "database", |choices, chain| {
        let last = choices.between(0, chain.len() - 1);
        let anchor = checkpoint(chain, choices.between(last + 1, chain.len()));
        let (kept, whole) = (rows(&chain[..last]), chain.len() as u64);
        let (verdict, expected) = match choices.between(0, 2) {
            0 => (verify_rows(&kept, Some(head(chain)), &[]), whole),
            // The head row was set back as well: only what was anchored outside remembers.
            1 => (verify_rows(&kept, Some(head(&chain[..last])), std::slice::from_ref(&anchor)), anchor.size),
            _ => (verify_rows(&kept, None, std::slice::from_ref(&anchor)), anchor.size),
        };
        (Damage::Truncated { last: last as u64, expected }, verdict)
    });
}

/// What does not belong at place `k`, and where it is then seen.
fn intruder(choices: &mut Choices, chain: &[Appended], k: usize) -> (Appended, u64) {
    match choices.between(0, 3) {
        0 => (extend(OTHER, Head { n: k as u64 - 1, hash: [3; 64] }, 1, 5).remove(0), k as u64),
        1 => (forged(chain, k), k as u64),
        2 => (extend(TENANT, Head { n: choices.between(0, 100) as u64, hash: [3; 64] }, 1, 5).remove(0), k as u64),
        _ => {
            let copied = choices.between(1, chain.len());
            // Which of two equal neighbours is the copy, nobody can tell: one beyond the known end is
            // named, else the one that the rest of the chain does not follow.
            let seen = match copied {
                _ if copied == chain.len() && k >= copied => copied + 1,
                _ if copied + 1 == k => copied,
                _ => k,
            };
            (chain[copied - 1].clone(), seen as u64)
        }
    }
}

#[test]
fn foreign_in_an_export() {
    try_all("foreign", "export", |choices, chain| {
        let k = choices.between(1, chain.len() + 1);
        let (intruder, n) = intruder(choices, chain, k);
        let garbage = choices.between(0, 4) == 0;
        let line = if garbage { b"garbage".to_vec() } else { intruder.entry };
        let verdict = in_export(chain, |lines| lines.insert(k, line));
        (Damage::Foreign { n: if garbage { k as u64 } else { n } }, verdict)
    });
}

#[test]
fn foreign_in_a_database() {
    try_all("foreign", "database", |choices, chain| {
        let k = choices.between(1, chain.len() + 1);
        let (intruder, n) = intruder(choices, chain, k);
        let verdict = in_rows(chain, |rows| {
            rows.insert(k - 1, Stored { n: k as u64, ..stored(&intruder) });
            if choices.between(0, 1) == 0 {
                renumber(rows);
            }
        });
        (Damage::Foreign { n }, verdict)
    });
}

#[test]
fn an_entry_of_another_tenant_in_the_place_of_ours_is_foreign() {
    let ours = chain(TENANT, 9, 1);
    let theirs = chain(OTHER, 9, 1);
    for k in 1..=9 {
        let expected = [Damage::Foreign { n: k as u64 }];
        // The first entry of any chain follows the same zeros, so there another tenant is an edit.
        let expected = if k == 1 { [Damage::Altered { n: 1 }] } else { expected };
        assert_eq!(in_export(&ours, |lines| lines[k] = theirs[k - 1].entry.clone()).damage, expected);
        assert_eq!(in_rows(&ours, |rows| rows[k - 1] = stored(&theirs[k - 1])).damage, expected);
    }
}

#[test]
fn a_chain_hashed_anew_from_the_middle_contradicts_what_was_anchored() {
    let signer = Signer::new(1);
    let ours = chain(TENANT, 12, 1);
    for k in 1..=12 {
        let before = if k == 1 { Head::EMPTY } else { ours[k - 2].head() };
        let anew = [&ours[..k - 1], &extend(TENANT, before, 13 - k, 99)].concat();
        // In an export, the original checkpoint still closes it; the last entry alone is an edit.
        let expected = if k == 12 { Damage::Altered { n: 12 } } else { Damage::CheckpointMismatch { size: 12 } };
        let mut lines = lines(&export(&ours, &signer));
        lines.splice(1..=12, anew.iter().map(|it| it.entry.clone()));
        assert_eq!(verify_lines(&lines, &signer.key).damage, [expected], "from {k}");
        // In a database the head row follows, and what lies after the last anchor is only unanchored.
        let verdict = verify_rows(&rows(&anew), Some(head(&anew)), &[checkpoint(&ours, 3), checkpoint(&ours, 7)]);
        let (found, anchored): (&[u64], _) = match k {
            1..=3 => (&[3, 7], None),
            4..=7 => (&[7], Some(3)),
            _ => (&[], Some(7)),
        };
        let expected: Vec<_> = found.iter().map(|size| Damage::CheckpointMismatch { size: *size }).collect();
        assert_eq!((verdict.damage, verdict.anchored), (expected, anchored), "from {k}");
        assert_eq!(verdict.unanchored, 12 - anchored.unwrap_or(0));
    }
    covers!("audit: what lies after the last anchor is reported as unanchored, a rewrite before it contradicts it");
}

#[test]
fn an_intact_chain_is_intact_of_any_length() {
    let signer = Signer::new(1);
    for len in 0..=20 {
        let chain = chain(TENANT, len, 3);
        let verdict = verify_rows(&rows(&chain), Some(head(&chain)), &[]);
        assert_eq!((verdict.damage, verdict.entries, verdict.head), (vec![], len as u64, head(&chain)));
        assert_eq!((verdict.anchored, verdict.unanchored), (None, len as u64));
        for first in 1..=len.max(1) {
            let verdict = verify_bytes(&export_from(&chain, first, &signer), &signer.key);
            assert_eq!((verdict.damage, verdict.head), (vec![], head(&chain)), "{first} of {len}");
            assert_eq!((verdict.anchored, verdict.unanchored), (Some(len as u64), 0));
        }
    }
    let bare = verify_rows(&[], None, &[]);
    assert!(bare.is_intact() && bare.head == Head::EMPTY);
}

#[test]
fn the_head_row_is_compared() {
    let chain = chain(TENANT, 5, 1);
    let (rows, good) = (rows(&chain), head(&chain));
    let cases = [
        (Some(Head { hash: [1; 64], ..good }), Damage::Altered { n: 5 }),
        (Some(Head { n: 7, ..good }), Damage::Truncated { last: 5, expected: 7 }),
        (Some(chain[2].head()), Damage::Foreign { n: 4 }),
        (None, Damage::Truncated { last: 5, expected: 5 }),
    ];
    for (head, expected) in cases {
        assert_eq!(verify_rows(&rows, head, &[]).damage, [expected]);
    }
}

#[test]
fn damage_in_several_places_is_listed_in_order_and_the_list_is_bounded() {
    let chain = chain(TENANT, 400, 1);
    let verdict = in_rows(&chain, |rows| {
        rows.swap(299, 309);
        rows.drain(99..104);
        rows[49].entry[10] ^= 1;
    });
    let expected = [Damage::Altered { n: 50 }, Damage::Gap { n: 100, through: 104 }, Damage::Reordered { n: 300 }];
    assert_eq!((verdict.damage, verdict.more), (expected.to_vec(), false));
    let verdict = in_rows(&chain, |rows| rows.iter_mut().for_each(|row| row.entry.clear()));
    assert_eq!((verdict.first(), verdict.damage.len(), verdict.more), (Some(Damage::Altered { n: 1 }), 100, true));
    let verdict = in_export(&chain, |lines| lines[1..=400].reverse());
    assert_eq!(verdict.first(), Some(Damage::Reordered { n: 1 }));
}
