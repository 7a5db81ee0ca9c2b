//! The report of custody: what fits, what does not, and that nobody can edit it.

mod common;

use aws_lc_rs::signature::Ed25519KeyPair;
use base64::{Engine, engine::general_purpose::STANDARD};
use common::*;
use fedatario_audit::chain::{Appended, Head, append};
use fedatario_audit::custody::{Custody, CustodyReport, ENDED, INTENDED, REFUSED, SignedCustody, recounted, verify_custody};
use fedatario_audit::{Event, Outcome};
use fedatario_base::Actor;
use fedatario_testkit::covers;
use std::collections::BTreeMap;

const CREDENTIAL: &str = "cred_01h455vb4pex5vsknk084sn02q";

/// What happens to the key.
#[derive(Clone, Copy)]
enum Step {
    Intend(u64),
    /// Counter, and the number of the intent.
    End(u64, u64),
    Fail(u64, u64),
    Refuse,
    Other,
}
use Step::*;

fn event(step: Step) -> Event {
    let of = |action: &str| Event::new(at(), &Actor::Os(1000), action).object(CREDENTIAL);
    match step {
        Intend(counter) => of(INTENDED)
            .field("counter", counter)
            .field("profile", "dgii")
            .field("purpose", "document")
            .field("root", "ECF")
            .digest("document", &[counter as u8; 32]),
        End(counter, intent) => of(ENDED).field("counter", counter).field("intent", intent).digest("signed", &[0xee; 32]),
        Fail(counter, intent) => of(ENDED).field("counter", counter).field("intent", intent).outcome(Outcome::Failed),
        Refuse => of(REFUSED).outcome(Outcome::Refused),
        Other => Event::new(at(), &Actor::System, INTENDED).object("cred_other").field("counter", 9u64),
    }
}

fn chain_of(steps: &[Step]) -> Vec<Appended> {
    let mut head = Head::EMPTY;
    let next = |step: &Step| {
        let appended = append(TENANT, &head, &event(*step)).unwrap();
        head = appended.head();
        appended
    };
    steps.iter().map(next).collect()
}

fn read(chain: &[Appended]) -> Custody {
    let mut custody = Custody::of(CREDENTIAL);
    chain.iter().for_each(|it| custody.feed(&it.entry));
    custody
}

fn report(chain: &[Appended], signer: &Signer) -> CustodyReport {
    let note = signer.sign(&checkpoint(chain, chain.len()));
    read(chain).report(TENANT, BTreeMap::from([("number".into(), "30001".into())]), &note, &signer.key).unwrap()
}

fn signed(report: CustodyReport, seed: u8) -> Vec<u8> {
    let pair = Ed25519KeyPair::from_seed_unchecked(&[seed; 32]).unwrap();
    let signature = STANDARD.encode(pair.sign(&report.octets().unwrap()));
    serde_json::to_vec(&SignedCustody { report, signature }).unwrap()
}

fn kinds(report: &CustodyReport) -> Vec<(u64, String, u64)> {
    report.findings.iter().map(|it| (it.counter, it.kind.clone(), it.n)).collect()
}

/// What happened, and what is found of it: counter, kind, number of the entry.
type Case<'a> = (&'a [Step], &'a [(u64, &'a str, u64)]);

#[test]
fn what_does_not_fit_is_told() {
    let signer = Signer::new(1);
    let cases: &[Case<'_>] = &[
        (&[], &[]),
        (&[Intend(1), End(1, 1), Refuse, Other, Intend(2), Fail(2, 5)], &[]),
        // Two at once are no disorder.
        (&[Intend(1), Intend(2), End(2, 2), End(1, 1)], &[]),
        (&[Intend(1), End(1, 1), Intend(3), End(3, 3)], &[(2, "gap", 3)]),
        (&[Intend(2), End(2, 1)], &[(1, "gap", 1)]),
        (&[Intend(1), End(1, 1), Intend(1), End(1, 3)], &[(1, "double", 3)]),
        (&[Intend(1)], &[(1, "open", 1)]),
        (&[End(1, 7)], &[(1, "unmatched", 1)]),
        (&[Intend(1), End(1, 1), End(1, 1)], &[(1, "unmatched", 3)]),
        (&[Intend(2), End(2, 1), Intend(1), End(1, 3)], &[(1, "disordered", 3)]),
        (&[Intend(0), Intend(1), End(1, 2)], &[(0, "unreadable", 1)]),
    ];
    for (at, (steps, expected)) in cases.iter().enumerate() {
        let chain = chain_of(steps);
        let report = report(&chain, &signer);
        let expected: Vec<_> = expected.iter().map(|(counter, kind, n)| (*counter, (*kind).to_owned(), *n)).collect();
        assert_eq!(kinds(&report), expected, "case {at}");
        assert_eq!(report.gapless, expected.is_empty());
        let (verdict, read) = verify_custody(&signed(report.clone(), 1), Some(&signer.key)).unwrap();
        assert_eq!(verdict.flaw, None, "case {at}");
        assert_eq!(read.report, report);
    }
    covers!("audit: the custody report tells gaps, doubles, open ends, ends without beginning and disorder");
}

#[test]
fn a_report_is_checked_alone_and_beside_its_chain() {
    let signer = Signer::new(1);
    let chain = chain_of(&[Intend(1), End(1, 1), Intend(2), End(2, 3), Refuse]);
    let good = report(&chain, &signer);
    assert_eq!((good.uses, good.refusals, good.gapless), (2, 1, true));
    assert_eq!((good.signatures[1].intended, good.signatures[1].ended, good.signatures[1].result.as_str()), (3, Some(4), "done"));
    let head = chain.last().unwrap().hash;
    assert!(recounted(&good, read(&chain), &head));
    assert!(!recounted(&good, read(&chain[..4]), &chain[3].hash), "another chain says something else");

    let flaw = |report: &CustodyReport, seed| verify_custody(&signed(report.clone(), seed), Some(&signer.key)).unwrap().0.flaw;
    assert_eq!(flaw(&good, 1), None);
    assert_eq!(flaw(&good, 2), Some("signature"), "signed by another key");
    let edited = |edit: fn(&mut CustodyReport)| {
        let mut report = good.clone();
        edit(&mut report);
        report
    };
    // Even under the right key, a report does not say what it does not list.
    for (edit, expected) in [
        (edited(|it| drop(it.signatures.pop())), "counters"),
        (edited(|it| it.signatures[0].counter = 5), "counters"),
        (edited(|it| it.signatures[1].ended = None), "counters"),
        (edited(|it| it.signatures.swap(0, 1)), "counters"),
        (edited(|it| it.signatures[1].ended = Some(99)), "counters"),
        (edited(|it| it.tenant = "ten_00000000000000000000000000".into()), "tenant"),
        (edited(|it| it.checkpoint = it.checkpoint.replace("time 2", "time 3")), "checkpoint"),
        (edited(|it| it.format = "x".into()), "signature"),
    ] {
        assert_eq!(flaw(&edit, 1), Some(expected));
    }
    let file = signed(good.clone(), 1);
    for at in 0..file.len() {
        let mut bytes = file.clone();
        bytes[at] ^= 1;
        let found = verify_custody(&bytes, Some(&signer.key));
        assert!(found.is_err() || found.is_ok_and(|it| it.0.flaw.is_some()), "byte {at} unnoticed");
    }
    covers!("audit: the custody report is checked offline, edited bytes are found, and it agrees with its chain entry by entry");
}

#[test]
fn reports_have_the_same_verdict_in_python() {
    let (signer, folder) = (Signer::new(1), tempfile::tempdir().unwrap());
    let histories: &[&[Step]] = &[
        &[],
        &[Intend(1), End(1, 1), Refuse, Other, Intend(2), Fail(2, 5)],
        &[Intend(1), Intend(2), End(2, 2), End(1, 1)],
        &[Intend(1), End(1, 1), Intend(4), End(4, 3), Intend(9)],
        &[Intend(1), End(1, 1), Intend(1), End(1, 3)],
        &[Intend(2), End(2, 1), Intend(1), End(1, 3), End(7, 7)],
    ];
    let good: Vec<CustodyReport> = histories.iter().map(|it| report(&chain_of(it), &signer)).collect();
    let mut files: Vec<Vec<u8>> = good.iter().map(|it| signed(it.clone(), 1)).collect();
    let whole = files.len();
    type Edit = fn(&mut CustodyReport);
    let edits: &[Edit] = &[
        |it| drop(it.signatures.pop()),
        |it| it.signatures.iter_mut().take(1).for_each(|it| it.counter += 4),
        |it| it.signatures.iter_mut().take(1).for_each(|it| it.ended = None),
        |it| it.signatures.iter_mut().take(1).for_each(|it| it.ended = Some(99)),
        |it| it.signatures.reverse(),
        |it| drop(it.findings.pop()),
        |it| it.gapless = !it.gapless,
        |it| it.uses += 1,
        |it| it.tenant = "ten_00000000000000000000000000".into(),
        |it| it.checkpoint = it.checkpoint.replace("time 2", "time 3"),
        |it| it.credential = "cred_other".into(),
    ];
    for report in &good {
        for edit in edits {
            let mut edited = report.clone();
            edit(&mut edited);
            files.extend([signed(edited.clone(), 1), signed(edited, 2)]);
        }
    }
    for round in 0..2_000u64 {
        let mut choices = Choices(round * 7_919 + 3);
        let mut bytes = files[choices.between(0, whole - 1)].clone();
        let at = choices.between(0, bytes.len() - 1);
        bytes[at] ^= 1 << choices.between(0, 6);
        files.push(bytes);
    }
    let said = in_python(folder.path(), &files, Some(&signer.key));
    let mut broken = 0;
    for (at, (python, file)) in said.iter().zip(&files).enumerate() {
        let ours = verify_custody(file, Some(&signer.key)).is_ok_and(|it| it.0.holds());
        assert_eq!(python["intact"].as_bool().unwrap_or(false), ours, "{at}: {python} {}", String::from_utf8_lossy(file));
        assert!(at >= whole || ours, "a good report holds");
        broken += usize::from(!ours);
    }
    assert!(broken > 2_000, "{broken}");
    covers!("audit: the verifier in Python agrees with ours on reports of custody, good and mutated");
}
