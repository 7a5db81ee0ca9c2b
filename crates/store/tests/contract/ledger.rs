//! Exchanges with authorities.

use crate::bench::{Bench, methods, noon, on_both};
use crate::samples::job;
use fedatario_app::ports::{ClaimFilter, Store, System};
use fedatario_base::Code;
use fedatario_base::id::{CredentialId, ExchangeId, HolderId};
use fedatario_upstream::ports::{Closing, Ledger, NewExchange, Outcome};
use fedatario_upstream::{LeaseProof, Notice, Refusal};
use jiff::{Timestamp, ToSpan};
use std::time::Duration;

on_both!(
    an_exchange_opens_departs_and_closes_into_the_chain,
    quiet_ends_are_chained_as_a_count,
    attempts_are_bounded,
    an_exclusive_exchange_waits_for_the_one_before,
    a_lost_lease_opens_and_departs_nothing,
    a_later_life_closes_what_an_earlier_left_open,
    a_sweep_closes_what_nobody_holds,
    two_that_open_at_once_share_no_attempt,
    exchanges_are_their_tenants_alone,
);

const ASK: &str = "sat.solicita";
const SUBJECT: &str = "sol_1";

fn new(lease: Option<LeaseProof>) -> NewExchange {
    NewExchange {
        authority: "sat.cfdi",
        operation: ASK,
        subject: Some(SUBJECT.into()),
        credential: CredentialId::fresh(noon()),
        request_digest: Some([1; 32]),
        request_size: 1_234,
        lease,
        attempts_at_most: None,
        exclusive: false,
        now: noon(),
    }
}

fn closing(outcome: Outcome) -> Closing {
    Closing {
        outcome,
        notice: Some(Notice::new("5000", "Solicitud Aceptada")),
        answer: Some(r#"{"id":"x"}"#.into()),
        response_digest: Some([2; 32]),
        response_size: Some(987),
        elapsed_ms: 55,
        quiet: false,
        now: noon(),
    }
}

/// The chained entries, as (action, object, outcome, quiet before it).
async fn chained(bench: &Bench) -> Vec<(String, String, String, Option<i64>)> {
    let mut tx = bench.db.read(&bench.ours).await.unwrap();
    let rows = tx.audit_rows(1, 100).await.unwrap();
    let entries = rows.iter().map(|it| serde_json::from_slice::<serde_json::Value>(&it.entry).unwrap());
    let text = |it: &serde_json::Value| it.as_str().unwrap_or_default().to_owned();
    entries
        .map(|it| (text(&it["action"]), text(&it["object"]), text(&it["fields"]["outcome"]), it["fields"]["quiet"].as_i64()))
        .collect()
}

async fn sent(bench: &Bench, exchange: NewExchange) -> ExchangeId {
    let lease = exchange.lease;
    let id = bench.db.open(&bench.ours, exchange).await.unwrap();
    bench.db.depart(&bench.ours, id, lease, noon()).await.unwrap();
    id
}

async fn close(bench: &Bench, id: ExchangeId, closing: Closing) {
    bench.db.close(&bench.ours, id, closing).await.unwrap();
}

/// A lease of a job of ours that is claimed at an instant.
async fn lease_at(bench: &Bench, key: &str, now: Timestamp) -> LeaseProof {
    let mut tx = bench.our_tx().await;
    tx.enqueue(&job(key), noon()).await.unwrap();
    tx.commit().await.unwrap();
    let filter = ClaimFilter { kinds: vec!["sat.ask"], ..ClaimFilter::default() };
    let claimed =
        bench.db.claim(&bench.hands, HolderId::fresh(noon()), &filter, 100, now, now, Duration::from_secs(60)).await.unwrap();
    let job = claimed.into_iter().find(|it| it.key == key).unwrap();
    LeaseProof { job: job.id, token: job.token }
}

async fn an_exchange_opens_departs_and_closes_into_the_chain(bench: &Bench) {
    let db = &bench.db;
    let lease = lease_at(bench, "a", noon()).await;
    let exchange = new(Some(lease));
    let credential = exchange.credential;
    let id = db.open(&bench.ours, exchange).await.unwrap();
    assert_eq!(db.last(&bench.ours, ASK, Some(SUBJECT)).await.unwrap(), None, "nothing departed");
    assert_eq!(db.count(&bench.ours, ASK, Some(SUBJECT)).await.unwrap(), 1);
    assert_eq!(chained(bench).await, []);

    db.depart(&bench.ours, id, Some(lease), noon() + 1.second()).await.unwrap();
    let open = db.last(&bench.ours, ASK, Some(SUBJECT)).await.unwrap().unwrap();
    assert_eq!((open.id, open.credential, open.departed, open.closed), (id, credential, Some(noon() + 1.second()), None));

    close(bench, id, closing(Outcome::Answered)).await;
    let closed = db.last(&bench.ours, ASK, Some(SUBJECT)).await.unwrap().unwrap();
    assert_eq!((closed.outcome, closed.closed), (Some(Outcome::Answered), Some(noon())));
    assert_eq!(closed.answer.as_deref(), Some(r#"{"id":"x"}"#));
    assert_eq!(closed.notice, Some(Notice::new("5000", "Solicitud Aceptada")));
    close(bench, id, closing(Outcome::Rejected)).await;
    assert_eq!(db.last(&bench.ours, ASK, Some(SUBJECT)).await.unwrap().unwrap(), closed, "an end is an end");
    let expected = ("exchange.sat.solicita".to_owned(), id.to_string(), "answered".to_owned(), None);
    assert_eq!(chained(bench).await, [expected]);
    fedatario_testkit::covers!("audit: a call to an authority has a row before its first byte and one entry at its end");
}

async fn quiet_ends_are_chained_as_a_count(bench: &Bench) {
    for _ in 0..3 {
        let id = sent(bench, new(None)).await;
        close(bench, id, Closing { quiet: true, ..closing(Outcome::Answered) }).await;
    }
    let other = sent(bench, NewExchange { subject: None, ..new(None) }).await;
    close(bench, other, closing(Outcome::Answered)).await;
    let loud = sent(bench, new(None)).await;
    close(bench, loud, closing(Outcome::Throttled)).await;
    let last = sent(bench, new(None)).await;
    close(bench, last, closing(Outcome::Rejected)).await;
    let seen: Vec<_> = chained(bench).await.into_iter().map(|(_, object, outcome, quiet)| (object, outcome, quiet)).collect();
    let expected = [
        (other.to_string(), "answered".to_owned(), None),
        (loud.to_string(), "throttled".to_owned(), Some(3)),
        (last.to_string(), "rejected".to_owned(), None),
    ];
    assert_eq!(seen, expected);
    fedatario_testkit::covers!("audit: calls that change nothing are chained as a count");
}

async fn attempts_are_bounded(bench: &Bench) {
    let bounded = || NewExchange { attempts_at_most: Some(2), ..new(None) };
    let ends = [Outcome::Unreachable, Outcome::Unanswered, Outcome::Rejected, Outcome::Answered];
    for end in ends {
        let id = sent(bench, bounded()).await;
        close(bench, id, closing(end)).await;
    }
    assert_eq!(bench.db.count(&bench.ours, ASK, Some(SUBJECT)).await.unwrap(), 2, "those without effect do not count");
    let refused = bench.db.open(&bench.ours, bounded()).await;
    assert!(matches!(refused, Err(Refusal::AttemptsExhausted { made: 2 })), "{refused:?}");
    let elsewhere = NewExchange { subject: Some("sol_2".into()), ..bounded() };
    assert!(bench.db.open(&bench.ours, elsewhere).await.is_ok());
    let last = bench.db.last(&bench.ours, ASK, Some(SUBJECT)).await.unwrap().unwrap();
    assert_eq!(last.outcome, Some(Outcome::Answered));
}

async fn an_exclusive_exchange_waits_for_the_one_before(bench: &Bench) {
    let exclusive = || NewExchange { exclusive: true, ..new(None) };
    let parked = bench.db.open(&bench.ours, exclusive()).await.unwrap();
    let second = bench.db.open(&bench.ours, exclusive()).await.unwrap();
    let late = bench.db.depart(&bench.ours, parked, None, noon()).await;
    assert!(matches!(late, Err(Refusal::Superseded)), "{late:?}");
    bench.db.depart(&bench.ours, second, None, noon()).await.unwrap();
    let third = bench.db.open(&bench.ours, exclusive()).await;
    assert!(matches!(third, Err(Refusal::StillOpen(id)) if id == second), "{third:?}");
    close(bench, second, closing(Outcome::Answered)).await;
    assert!(bench.db.open(&bench.ours, exclusive()).await.is_ok());
}

async fn a_lost_lease_opens_and_departs_nothing(bench: &Bench) {
    let first = lease_at(bench, "a", noon()).await;
    let opened = bench.db.open(&bench.ours, new(Some(first))).await.unwrap();
    let second = lease_at(bench, "a", noon() + 2.minutes()).await;
    let late = bench.db.depart(&bench.ours, opened, Some(first), noon()).await;
    assert!(matches!(late, Err(Refusal::LeaseLost)), "{late:?}");
    assert!(matches!(bench.db.open(&bench.ours, new(Some(first))).await, Err(Refusal::LeaseLost)));
    assert!(matches!(bench.db.reclaim(&bench.ours, ASK, SUBJECT, Some(first), noon()).await, Err(Refusal::LeaseLost)));
    assert!(bench.db.open(&bench.ours, new(Some(second))).await.is_ok());
}

async fn a_later_life_closes_what_an_earlier_left_open(bench: &Bench) {
    let db = &bench.db;
    let first = lease_at(bench, "a", noon()).await;
    let departed = sent(bench, new(Some(first))).await;
    let parked = db.open(&bench.ours, new(Some(first))).await.unwrap();
    let second = lease_at(bench, "a", noon() + 2.minutes()).await;
    let found = db.reclaim(&bench.ours, ASK, SUBJECT, Some(second), noon()).await.unwrap();
    let ends: Vec<_> = found.iter().map(|it| (it.id, it.outcome)).collect();
    assert_eq!(ends, [(departed, Some(Outcome::FoundOpen)), (parked, Some(Outcome::NotSent))]);
    assert_eq!(db.reclaim(&bench.ours, ASK, SUBJECT, Some(second), noon()).await.unwrap(), []);
    assert_eq!(db.count(&bench.ours, ASK, Some(SUBJECT)).await.unwrap(), 1, "it may have taken effect");

    // The earlier life was merely slow: what happened, happened.
    close(bench, departed, closing(Outcome::Answered)).await;
    close(bench, parked, closing(Outcome::Unreachable)).await;
    let last = db.last(&bench.ours, ASK, Some(SUBJECT)).await.unwrap().unwrap();
    assert_eq!((last.id, last.outcome), (departed, Some(Outcome::Answered)));
    let outcomes: Vec<_> = chained(bench).await.into_iter().map(|(_, object, outcome, quiet)| (object, outcome, quiet)).collect();
    let id = departed.to_string();
    assert_eq!(outcomes, [(id.clone(), "found_open".into(), None), (id, "answered".into(), Some(1))], "and is told twice");
}

async fn a_sweep_closes_what_nobody_holds(bench: &Bench) {
    let held = lease_at(bench, "held", noon()).await;
    let kept = sent(bench, new(Some(held))).await;
    let lost = sent(bench, NewExchange { subject: Some("sol_2".into()), ..new(None) }).await;
    let parked = bench.db.open(&bench.ours, NewExchange { subject: None, operation: "login", ..new(None) }).await.unwrap();
    assert_eq!(bench.db.sweep(&bench.ours, noon(), noon()).await.unwrap(), [], "too young");
    let later = noon() + 1.second();
    let found = bench.db.sweep(&bench.ours, later, later).await.unwrap();
    let mut ends: Vec<_> = found.iter().map(|it| (it.id, it.outcome.unwrap().text())).collect();
    ends.sort();
    let mut expected = vec![(lost, "found_open"), (parked, "not_sent")];
    expected.sort();
    assert_eq!(ends, expected);
    let over = noon() + 1.hour();
    let found = bench.db.sweep(&bench.ours, over, over).await.unwrap();
    assert_eq!(found.iter().map(|it| it.id).collect::<Vec<_>>(), [kept], "its lease is over");
}

async fn two_that_open_at_once_share_no_attempt(bench: &Bench) {
    let mut opening = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let (db, scope) = (bench.db.clone(), bench.ours.clone());
        opening.spawn(async move { db.open(&scope, NewExchange { attempts_at_most: Some(3), ..new(None) }).await.is_ok() });
    }
    let opened = opening.join_all().await.into_iter().filter(|it| *it).count();
    assert_eq!(opened, 3);
}

async fn exchanges_are_their_tenants_alone(bench: &Bench) {
    let db = &bench.db;
    let lease = lease_at(bench, "a", noon()).await;
    let id = sent(bench, new(Some(lease))).await;
    let parked = db.open(&bench.ours, NewExchange { subject: Some("sol_2".into()), ..new(None) }).await.unwrap();

    let quiet = sent(bench, NewExchange { operation: "login", subject: None, ..new(None) }).await;
    close(bench, quiet, Closing { quiet: true, ..closing(Outcome::Answered) }).await;

    let theirs = &bench.theirs;
    let login = db.open(theirs, NewExchange { operation: "login", subject: None, ..new(None) }).await.unwrap();
    db.close(theirs, login, closing(Outcome::Answered)).await.unwrap();
    assert_eq!(db.last(theirs, ASK, Some(SUBJECT)).await.unwrap(), None);
    assert_eq!(db.count(theirs, ASK, Some(SUBJECT)).await.unwrap(), 0);
    assert_eq!(db.reclaim(theirs, ASK, SUBJECT, None, noon()).await.unwrap(), []);
    let later = noon() + 1.hour();
    assert_eq!(db.sweep(theirs, later, later).await.unwrap(), []);
    assert!(matches!(db.open(theirs, new(Some(lease))).await, Err(Refusal::LeaseLost)), "our lease is not theirs");
    assert!(matches!(db.depart(theirs, parked, None, noon()).await, Err(Refusal::Superseded)));
    let foreign = db.close(theirs, id, closing(Outcome::Rejected)).await;
    assert_eq!(foreign.unwrap_err().code(), Code::NotFound);
    assert!(db.open(theirs, NewExchange { exclusive: true, ..new(None) }).await.is_ok(), "ours does not stand in their way");

    assert_eq!(chained(bench).await, []);
    assert_eq!(db.last(&bench.ours, ASK, Some(SUBJECT)).await.unwrap().unwrap().closed, None);
    assert!(db.depart(&bench.ours, parked, None, noon()).await.is_ok());
    let loud = sent(bench, NewExchange { operation: "login", subject: None, ..new(None) }).await;
    close(bench, loud, closing(Outcome::Answered)).await;
    let ours: Vec<_> = chained(bench).await.into_iter().map(|(_, object, _, quiet)| (object, quiet)).collect();
    assert_eq!(ours, [(loud.to_string(), Some(1))], "their entry did not take our count");
    methods!(bench; "Ledger::open", "Ledger::depart", "Ledger::close", "Ledger::last", "Ledger::count", "Ledger::reclaim", "Ledger::sweep");
}
