//! The audit chain.

use crate::bench::{Bench, methods, noon, on_both};
use crate::samples::falls;
use fedatario_app::audit_trail::ports::{AuditFound, AuditQuestion, AuditTree};
use fedatario_app::called::{self, Called, Sealed};
use fedatario_app::ports::{Store, StoreError, Tx};
use fedatario_audit::merkle::leaf_hash;
use fedatario_audit::tree::KeptNode;
use fedatario_audit::{ChainVerifier, Event, Head, Outcome, Row};
use fedatario_base::Scope;
use fedatario_base::id::By;
use fedatario_base::id::RequestId;

on_both!(
    many_writers_make_one_chain,
    a_chain_is_its_tenants_alone,
    an_entry_falls_with_its_transaction,
    a_bad_event_fells_the_whole,
    entries_are_found_by_what_stands_beside_them,
    a_tree_grows_from_where_it_stood
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

async fn entries_are_found_by_what_stands_beside_them(bench: &Bench) {
    let request = RequestId::fresh(noon());
    let origin = Sealed { tenant: bench.ours.tenant(), bytes: vec![9; 40], digest: [7; 32] };
    let called = Called { by: By::Request(request), origin: Some(origin.clone()) };
    let mut tx = bench.our_tx().await;
    called::within(called, async {
        let refused = Event::new(noon(), bench.ours.actor(), "test.refused").object("thing_1").outcome(Outcome::Refused);
        tx.append(refused, Some(vec![1, 2])).await.unwrap();
    })
    .await;
    for number in 0..5 {
        tx.append(event(&bench.ours, number), None).await.unwrap();
    }
    tx.commit().await.unwrap();
    let mut theirs = bench.their_tx().await;
    theirs.append(event(&bench.theirs, 1), None).await.unwrap();
    theirs.commit().await.unwrap();

    let mut tx = bench.db.read(&bench.ours).await.unwrap();
    let numbers = |found: Vec<AuditFound>| found.iter().map(|it| it.row.n).collect::<Vec<_>>();
    let actor = bench.ours.actor().to_string();
    let asks = |it: AuditQuestion| it;
    let unasked = AuditQuestion::default;
    let later = noon() + jiff::SignedDuration::from_secs(1);
    for (question, after, limit, expected) in [
        (unasked(), None, 10, vec![1, 2, 3, 4, 5, 6]),
        (unasked(), Some(4), 10, vec![5, 6]),
        (asks(AuditQuestion { newest_first: true, ..unasked() }), None, 2, vec![6, 5]),
        (asks(AuditQuestion { newest_first: true, ..unasked() }), Some(2), 2, vec![1]),
        (asks(AuditQuestion { actor: Some(actor), ..unasked() }), None, 1, vec![1]),
        (asks(AuditQuestion { actor: Some("nobody".into()), ..unasked() }), None, 9, vec![]),
        (asks(AuditQuestion { action: Some("test.refused".into()), ..unasked() }), None, 9, vec![1]),
        (asks(AuditQuestion { action: Some("test.".into()), ..unasked() }), None, 9, vec![1, 2, 3, 4, 5, 6]),
        (asks(AuditQuestion { object: Some("thing_1".into()), ..unasked() }), None, 9, vec![1]),
        (asks(AuditQuestion { result: Some(Outcome::Refused), ..unasked() }), None, 9, vec![1]),
        (asks(AuditQuestion { result: Some(Outcome::Done), ..unasked() }), None, 2, vec![2, 3]),
        (asks(AuditQuestion { request: Some(request.to_string()), ..unasked() }), None, 9, vec![1]),
        (asks(AuditQuestion { from: Some(later), ..unasked() }), None, 9, vec![]),
        (asks(AuditQuestion { until: Some(later), ..unasked() }), None, 1, vec![1]),
    ] {
        assert_eq!(numbers(tx.audit_found(&question, after, limit).await.unwrap()), expected, "{question:?}");
    }
    let first = tx.audit_found(&unasked(), None, 1).await.unwrap().remove(0);
    assert_eq!((first.detail, first.origin), (Some(vec![1, 2]), Some(origin.stored())));
    let entry: serde_json::Value = serde_json::from_slice(&first.row.entry).unwrap();
    assert_eq!(
        (entry["request"].as_str(), entry["address"].as_str().map(str::len)),
        (Some(request.to_string().as_str()), Some(64))
    );
    assert_eq!(verified(&mut tx, &bench.ours).await, 6);
    methods!(bench; "AuditLog::audit_found");
}

async fn a_tree_grows_from_where_it_stood(bench: &Bench) {
    let mut tx = bench.our_tx().await;
    let mut tree = tx.audit_tree().await.unwrap();
    assert_eq!(tree, AuditTree::empty());
    let mut nodes = Vec::new();
    (0..200u64).for_each(|it| tree.merkle.push_keeping(leaf_hash(&it.to_be_bytes()), &mut nodes));
    (tree.head, tree.before) = ([1; 64], [2; 64]);
    assert!(tx.grow_audit_tree(0, &tree, &nodes).await.unwrap());
    assert!(!tx.grow_audit_tree(0, &tree, &nodes).await.unwrap(), "whoever was slower adds nothing");
    tx.commit().await.unwrap();

    let mut theirs = bench.their_tx().await;
    assert_eq!(theirs.audit_tree().await.unwrap(), AuditTree::empty());
    assert_eq!(theirs.audit_nodes(&[(6, 0)]).await.unwrap(), []);
    drop(theirs);
    let mut tx = bench.our_tx().await;
    assert_eq!(tx.audit_tree().await.unwrap(), tree);
    let places: Vec<(u32, u64)> = nodes.iter().map(|it| (it.level, it.index)).chain([(6, 99), (30, 0)]).collect();
    let by_place = |mut all: Vec<KeptNode>| {
        all.sort_by_key(|it| (it.level, it.index));
        all
    };
    assert_eq!(by_place(tx.audit_nodes(&places).await.unwrap()), by_place(nodes.clone()));
    assert_eq!(tx.audit_nodes(&[]).await.unwrap(), []);
    let many: Vec<(u32, u64)> = (0..200).map(|it| (6, it)).collect();
    assert_eq!(tx.audit_nodes(&many).await.unwrap().len(), 3, "more than one statement takes");
    methods!(bench; "AuditLog::audit_tree", "AuditLog::grow_audit_tree", "AuditLog::audit_nodes");
}
