//! The audit chain.

use crate::bench::{Bench, methods, noon, on_both};
use crate::samples::falls;
use fedatario_app::ports::{Store, StoreError, Tx};
use fedatario_audit::{ChainVerifier, Event, Head, Row};
use fedatario_base::Scope;

on_both!(
    many_writers_make_one_chain,
    a_chain_is_its_tenants_alone,
    an_entry_falls_with_its_transaction,
    a_bad_event_fells_the_whole
);

const WRITERS: u64 = 4;
const APPENDS: u64 = 200;

fn event(scope: &Scope, number: u64) -> Event {
    Event::new(noon(), scope.actor(), "test.happened").field("number", number)
}

async fn verified(tx: &mut Box<dyn Tx>, scope: &Scope) -> u64 {
    let head = tx.audit_head().await.unwrap();
    let mut verifier = ChainVerifier::new(scope.tenant().bytes(), Some(head));
    let mut from = 1;
    loop {
        let page = tx.audit_rows(from, 97).await.unwrap();
        let Some(last) = page.last() else { break };
        from = last.n + 1;
        for row in &page {
            assert_eq!(row.tenant, scope.tenant());
            verifier.feed(Row { n: row.n, prev: &row.prev, hash: &row.hash, entry: &row.entry });
        }
    }
    let verdict = verifier.finish();
    assert!(verdict.is_intact(), "{verdict:?}");
    assert_eq!(verdict.entries, head.n);
    head.n
}

async fn many_writers_make_one_chain(bench: &Bench) {
    let mut writers = tokio::task::JoinSet::new();
    for writer in 0..WRITERS {
        let (db, scope) = (bench.db.clone(), bench.ours.clone());
        writers.spawn(async move {
            let mut numbers = Vec::new();
            for round in 0..APPENDS {
                let mut tx = db.begin(&scope).await.unwrap();
                numbers.push(tx.append(event(&scope, writer * APPENDS + round), None).await.unwrap());
                tx.commit().await.unwrap();
            }
            numbers
        });
    }
    let mut numbers = writers.join_all().await.concat();
    numbers.sort_unstable();
    assert_eq!(numbers, (1..=WRITERS * APPENDS).collect::<Vec<_>>(), "contiguous");
    let mut tx = bench.db.read(&bench.ours).await.unwrap();
    assert_eq!(verified(&mut tx, &bench.ours).await, WRITERS * APPENDS);
    fedatario_testkit::covers!("audit: four writers at once make one contiguous chain that verifies");
}

async fn a_chain_is_its_tenants_alone(bench: &Bench) {
    let mut tx = bench.our_tx().await;
    for number in 1..=3 {
        assert_eq!(tx.append(event(&bench.ours, number), Some(vec![1, 2, 3])).await.unwrap(), number);
    }
    tx.add_checkpoint(2, "note over two", true).await.unwrap();
    tx.add_checkpoint(3, "note over three", false).await.unwrap();
    tx.commit().await.unwrap();

    let mut tx = bench.their_tx().await;
    assert_eq!(tx.audit_head().await.unwrap(), Head::EMPTY);
    assert_eq!(tx.audit_rows(1, 10).await.unwrap(), []);
    assert_eq!(tx.checkpoints().await.unwrap(), []);
    assert_eq!(tx.append(event(&bench.theirs, 9), None).await.unwrap(), 1, "a chain of its own");
    tx.add_checkpoint(1, "theirs", false).await.unwrap();
    tx.commit().await.unwrap();

    let mut tx = bench.db.read(&bench.ours).await.unwrap();
    let expected = [(2, "note over two".to_owned(), true), (3, "note over three".to_owned(), false)];
    assert_eq!(tx.checkpoints().await.unwrap(), expected);
    assert_eq!(tx.audit_rows(2, 1).await.unwrap().iter().map(|it| it.n).collect::<Vec<_>>(), [2]);
    assert_eq!(verified(&mut tx, &bench.ours).await, 3);
    methods!(bench; "AuditLog::append", "AuditLog::audit_head", "AuditLog::audit_rows", "AuditLog::add_checkpoint", "AuditLog::checkpoints");
}

async fn an_entry_falls_with_its_transaction(bench: &Bench) {
    let mut tx = bench.our_tx().await;
    tx.append(event(&bench.ours, 1), None).await.unwrap();
    drop(tx);
    let mut tx = bench.our_tx().await;
    assert_eq!(tx.audit_head().await.unwrap(), Head::EMPTY);
    assert_eq!(tx.append(event(&bench.ours, 2), None).await.unwrap(), 1, "no number is lost");
    tx.commit().await.unwrap();
    fedatario_testkit::covers!("store: state, job and audit entry commit together");
}

async fn a_bad_event_fells_the_whole(bench: &Bench) {
    let mut tx = bench.our_tx().await;
    let odd = Event::new(noon(), bench.ours.actor(), "Not An Action");
    assert!(matches!(tx.append(odd, None).await, Err(StoreError::Corrupt(_))));
    assert!(falls(tx).await);
}
