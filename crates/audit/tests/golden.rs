//! The formulas, against a chain that `data/golden.py` computed from their definition.

mod common;

use common::{TENANT, at};
use data_encoding::HEXLOWER;
use fedatario_audit::chain::{Head, append};
use fedatario_audit::{AuditError, Checkpoint, Detail, Event, Merkle, Outcome, link};
use fedatario_base::{Actor, Code};
use fedatario_testkit::covers;
use serde_json::{Value, json};

fn golden() -> Value {
    serde_json::from_str(include_str!("data/golden.json")).unwrap()
}

fn events() -> [Event; 3] {
    let os = Actor::Os(1000);
    let package: [u8; 32] = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, b"package").as_ref().try_into().unwrap();
    [
        Event::new(at(), &os, "taxpayer.registered").object("txp_01h455vb4pex5vsknk084sn02q").field("environment", "sandbox"),
        Event::new("2026-09-01T12:00:01.25Z".parse().unwrap(), &os, "sat.solicitud.asked")
            .outcome(Outcome::Refused)
            .code(Code::AuthorityRejected)
            .field("note", "Ñandú € \"quoted\" \\ \u{7} /")
            .field("k", 0)
            .field("below", -7)
            .field("list", json!([true, null, 9_007_199_254_740_991u64])),
        Event::new("2026-09-01T12:00:02Z".parse().unwrap(), &Actor::System, "sat.package.stored").digest("package", &package),
    ]
}

#[test]
fn entries_hashes_roots_and_the_checkpoint_are_those_of_the_definition() {
    let golden = golden();
    let (mut head, mut before, mut merkle) = (Head::EMPTY, [0; 64], Merkle::new());
    for (event, expected) in events().iter().zip(golden["entries"].as_array().unwrap()) {
        let appended = append(TENANT, &head, event).unwrap();
        assert_eq!(String::from_utf8_lossy(&appended.entry), expected["entry"].as_str().unwrap());
        assert_eq!(HEXLOWER.encode(&appended.hash), expected["hash"].as_str().unwrap());
        assert_eq!(link(TENANT, appended.n, &head.hash, &appended.entry), appended.hash);
        merkle.push(&appended.entry);
        assert_eq!(HEXLOWER.encode(&merkle.root()), expected["root"].as_str().unwrap());
        (before, head) = (head.hash, appended.head());
    }
    let time = "2026-09-01T13:00:00Z".parse().unwrap();
    let checkpoint = Checkpoint { tenant: TENANT, size: head.n, root: merkle.root(), head: head.hash, before, at: time };
    assert_eq!(checkpoint.text(), golden["checkpoint"].as_str().unwrap());
    covers!("audit: the chain's formula agrees with an independent computation");
}

#[test]
fn a_detail_is_bound_by_a_salted_digest_and_never_printed() {
    let body = json!({"name": "Peña"}).as_object().unwrap().clone();
    let detail = Detail::new(std::array::from_fn(|it| it as u8), &body).unwrap();
    assert_eq!(HEXLOWER.encode(&detail.digest()), golden()["detail"].as_str().unwrap());
    assert_eq!(fedatario_audit::event::detail_digest(&detail.plaintext()), detail.digest());
    assert_ne!(Detail::new([9; 32], &body).unwrap().digest(), detail.digest());
    assert!(!format!("{detail:?}").contains("Pe"));
    let entry = append(TENANT, &Head::EMPTY, &events()[0].clone().detail(&detail)).unwrap().entry;
    let entry = String::from_utf8(entry).unwrap();
    assert!(entry.contains(golden()["detail"].as_str().unwrap()) && !entry.contains("Peña"), "{entry}");
    covers!("audit: personal text is sealed apart, its salted digest in the entry");
}

#[test]
fn what_has_no_single_spelling_is_refused() {
    type Expected = fn(&AuditError) -> bool;
    let number: Expected = |it| matches!(it, AuditError::Number);
    let name: Expected = |it| matches!(it, AuditError::Name(_));
    let event = |field: &str, value: Value| events()[0].clone().field(field, value);
    let cases = [
        (event("amount", json!(1.5)), number),
        (event("whole_float", json!(1.0)), number),
        (event("nested", json!({"list": [{"deep": 0.25}]})), number),
        (event("big", json!(9_007_199_254_740_992u64)), number),
        (event("small", json!(-9_007_199_254_740_992i64)), number),
        (event("", json!(1)), name),
        (event("Upper", json!(1)), name),
        (event("nested", json!({"with space": 1})), name),
        (Event::new(at(), &Actor::System, "con espacio"), name),
        (Event::new(at(), &Actor::System, &"a".repeat(65)), name),
        (event("text", json!("x".repeat(70_000))), |it| matches!(it, AuditError::TooLarge(_))),
    ];
    for (event, expected) in cases {
        let error = append(TENANT, &Head::EMPTY, &event).unwrap_err();
        assert!(expected(&error), "{error:?}");
        assert_eq!(error.code(), Code::Internal);
    }
}

#[test]
fn a_job_names_whoever_enqueued_it() {
    let job = "job_01h455vb4pex5vsknk084sn02q";
    let actor = Actor::Job { job: job.parse().unwrap(), originator: "os:1000".into() };
    let entry = append(TENANT, &Head::EMPTY, &Event::new(at(), &actor, "sat.package.stored")).unwrap().entry;
    let entry: Value = serde_json::from_slice(&entry).unwrap();
    assert_eq!((entry["actor"].as_str(), entry["on_behalf_of"].as_str()), (Some(job), Some("os:1000")));
}
