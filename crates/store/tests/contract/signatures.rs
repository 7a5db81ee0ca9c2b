//! The log of signatures, grants and delegations, on both databases.

use crate::bench::{Bench, methods, noon, on_both};
use crate::samples::{credential, our_taxpayer};
use crate::vault::Paths;
use fedatario_app::model::Delegation;
use fedatario_audit::Head;
use fedatario_base::id::{ApiKeyId, CredentialId, GrantId, HolderId, UserId};
use fedatario_base::{Actor, Code, Permission, Scope};
use fedatario_store::VaultStore;
use fedatario_testkit::{FakeClock, covers};
use fedatario_vault::grant::{Amount, Grant};
use fedatario_vault::log::{Ending, Intention, Leave, Refusal, SignatureLog, Unsigned};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use std::sync::Arc;

on_both!(
    counters_have_no_gaps_however_many_sign,
    what_a_dead_process_left_open_is_uncertain,
    rules_are_held_when_the_intent_is_written,
    grants_are_their_tenants_alone
);

fn book(bench: &Bench, holder: HolderId) -> VaultStore {
    let clock = Arc::new(FakeClock::at("2026-09-01T12:00:00Z"));
    VaultStore::new(bench.db.clone(), Arc::new(Paths)).held_by(holder, clock)
}

async fn seated(bench: &Bench) -> CredentialId {
    let taxpayer = our_taxpayer(bench).await.id;
    let row = credential(taxpayer);
    let mut tx = bench.our_tx().await;
    tx.put_credential(&row, noon()).await.unwrap();
    tx.commit().await.unwrap();
    row.id
}

fn intention(credential: CredentialId) -> Intention {
    Intention {
        credential,
        profile: "plain",
        purpose: "document",
        root: "aviso".into(),
        document: [1; 32],
        amount: None,
        rnc: None,
        leave: Leave::Free,
    }
}

async fn entries(bench: &Bench) -> Vec<Value> {
    let mut tx = bench.our_tx().await;
    let rows = tx.audit_rows(1, 10_000).await.unwrap();
    rows.iter().map(|it| serde_json::from_slice(&it.entry).unwrap()).collect()
}

async fn counters_have_no_gaps_however_many_sign(bench: &Bench) {
    let id = seated(bench).await;
    let book = book(bench, HolderId::fresh(noon()));
    let begun = (0..100).map(|place| {
        let (book, scope) = (book.clone(), bench.ours.clone());
        tokio::spawn(async move {
            let intent = book.intend(&scope, intention(id)).await.unwrap();
            let ending = if place % 10 == 0 { Ending::Failed(Code::CryptoFailed) } else { Ending::Signed([2; 32]) };
            (intent.counter, intent.entry, book.ended(&scope, &intent, ending).await.unwrap())
        })
    });
    let begun: Vec<_> = begun.collect();
    let mut all = Vec::new();
    for task in begun {
        all.push(task.await.unwrap());
    }
    all.sort_unstable();
    assert_eq!(all.iter().map(|it| it.0).collect::<Vec<_>>(), (1..=100).collect::<Vec<u64>>());
    let entries = entries(bench).await;
    for (counter, intended, ended) in &all {
        let [intended_at, ended_at] = [intended, ended].map(|n| &entries[*n as usize - 1]);
        assert_eq!((intended_at["action"].as_str(), intended_at["n"].as_u64()), (Some("signature.intended"), Some(*intended)));
        assert_eq!(intended_at["fields"]["counter"], *counter);
        assert_eq!(
            (ended_at["action"].as_str(), ended_at["fields"]["intent"].as_u64()),
            (Some("signature.ended"), Some(*intended))
        );
        assert!(intended < ended);
    }
    // The chain holds: the rows are in place and the head is the last of them.
    let mut tx = bench.our_tx().await;
    let rows = tx.audit_rows(1, 10_000).await.unwrap();
    let mut head = Head::EMPTY;
    for row in &rows {
        let hash = fedatario_audit::link(bench.ours.tenant().bytes(), row.n, &head.hash, &row.entry);
        assert_eq!((row.n, &row.prev[..], &row.hash[..]), (head.n + 1, &head.hash[..], &hash[..]));
        head = Head { n: row.n, hash };
    }
    assert_eq!((tx.audit_head().await.unwrap(), rows.len()), (head, 200));
    let page = tx.signatures(id, None, 3).await.unwrap();
    assert_eq!(page.iter().map(|it| it.counter).collect::<Vec<_>>(), [100, 99, 98]);
    let rest = tx.signatures(id, Some(3), 10).await.unwrap();
    assert_eq!(rest.iter().map(|it| it.counter).collect::<Vec<_>>(), [2, 1]);
    assert!(rest.iter().all(|it| it.ended.is_some() && it.actor == "os:1000"));
    drop(tx);
    assert!(bench.their_tx().await.signatures(id, None, 3).await.unwrap().is_empty());
    methods!(bench; "SignatureLog::intend", "SignatureLog::ended", "Signatures::signatures");
    covers!("signing: the counter of a credential has no gaps, however many sign at once, and the chain holds");
}

async fn what_a_dead_process_left_open_is_uncertain(bench: &Bench) {
    let id = seated(bench).await;
    let [dead, alive] = [HolderId::fresh(noon()), HolderId::fresh(noon())];
    let (lost, ours) = (book(bench, dead), book(bench, alive));
    let first = lost.intend(&bench.ours, intention(id)).await.unwrap();
    let second = lost.intend(&bench.ours, intention(id)).await.unwrap();
    lost.ended(&bench.ours, &first, Ending::Signed([2; 32])).await.unwrap();
    let third = ours.intend(&bench.ours, intention(id)).await.unwrap();
    assert_eq!(ours.open_intents(&bench.hands).await.unwrap(), [(bench.ours.tenant(), dead)]);
    assert_eq!(ours.close_intents(&bench.hands, bench.ours.tenant(), dead).await.unwrap(), 1);
    assert_eq!(ours.close_intents(&bench.hands, bench.ours.tenant(), dead).await.unwrap(), 0);
    ours.ended(&bench.ours, &third, Ending::Signed([3; 32])).await.unwrap();
    let rows = bench.our_tx().await.signatures(id, None, 10).await.unwrap();
    let outcomes: Vec<_> = rows.iter().map(|it| (it.counter, it.outcome.as_deref().unwrap_or("open"))).collect();
    assert_eq!(outcomes, [(3, "done"), (2, "uncertain"), (1, "done")]);
    let last = entries(bench).await.into_iter().rfind(|it| it["result"] == "uncertain").unwrap();
    assert_eq!((last["actor"].as_str(), last["fields"]["intent"].as_u64()), (Some("system"), Some(second.entry)));
    // Whoever comes late changes nothing of it.
    lost.abandon(&bench.ours, &second, Ending::Signed([9; 32]));
    lost.ended(&bench.ours, &second, Ending::Signed([9; 32])).await.unwrap();
    let rows = bench.our_tx().await.signatures(id, None, 10).await.unwrap();
    assert_eq!((rows[1].outcome.as_deref(), rows[1].signed), (Some("uncertain"), None));
    methods!(bench; "SignatureLog::abandon");
    covers!("signing: an intent whose process died is closed as uncertain by the next start, once");
}

async fn refused_with(book: &VaultStore, scope: &Scope, intention: Intention) -> Option<Code> {
    match book.intend(scope, intention).await {
        Err(Unsigned::Refused(code)) => Some(code),
        Err(Unsigned::Port(error)) => panic!("{error}"),
        Ok(_) => None,
    }
}

async fn rules_are_held_when_the_intent_is_written(bench: &Bench) {
    let id = seated(bench).await;
    let book = book(bench, HolderId::fresh(noon()));
    let of = |rnc: &str| Intention { rnc: Some(rnc.into()), ..intention(id) };
    assert_eq!(refused_with(&book, &bench.ours, of("101000001")).await, Some(Code::DocumentForeign));
    let mut tx = bench.our_tx().await;
    let delegation = Delegation { credential: id, rnc: "101000001".into(), from: noon(), to: None, granted_by: "os:1000".into() };
    tx.add_delegation(&delegation).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(refused_with(&book, &bench.ours, of("101000001")).await, None);
    let key = ApiKeyId::fresh(noon());
    let program = Scope::signed_in(bench.ours.tenant(), Actor::ApiKey(key), vec![Permission::CredentialSign]);
    let wanted = |amount: &str| Intention { leave: Leave::Granted, amount: Amount::read(amount, "DOP"), ..intention(id) };
    assert_eq!(refused_with(&book, &program, wanted("5")).await, Some(Code::SignatureGrantMissing));
    let grant = grant(id, &key.to_string());
    let mut tx = bench.our_tx().await;
    tx.add_signature_grant(&grant).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(refused_with(&book, &program, wanted("5")).await, None);
    assert_eq!(refused_with(&book, &program, wanted("11")).await, Some(Code::SignatureGrantAmount));
    let mut tx = bench.our_tx().await;
    assert!(tx.revoke_signature_grant(grant.id, noon()).await.unwrap());
    tx.commit().await.unwrap();
    assert_eq!(refused_with(&book, &program, wanted("5")).await, Some(Code::SignatureGrantRevoked));
    // A person needs none; once they have one they are within it, and taking it back sets nobody free.
    let user = UserId::fresh(noon());
    let person = Scope::signed_in(bench.ours.tenant(), Actor::User(user), vec![Permission::CredentialSign]);
    let bound = |amount: &str| Intention { leave: Leave::Bound, ..wanted(amount) };
    assert_eq!(refused_with(&book, &person, bound("11")).await, None);
    let theirs = self::grant(id, &user.to_string());
    let mut tx = bench.our_tx().await;
    tx.add_signature_grant(&theirs).await.unwrap();
    assert_eq!(tx.signature_grants_of(id, &user.to_string()).await.unwrap(), std::slice::from_ref(&theirs));
    tx.commit().await.unwrap();
    assert_eq!(refused_with(&book, &person, bound("11")).await, Some(Code::SignatureGrantAmount));
    assert_eq!(refused_with(&book, &person, bound("5")).await, None);
    let mut tx = bench.our_tx().await;
    assert!(tx.revoke_signature_grant(theirs.id, noon()).await.unwrap());
    tx.commit().await.unwrap();
    assert_eq!(refused_with(&book, &person, bound("5")).await, Some(Code::SignatureGrantRevoked));
    // Neither others nor a key of the sandbox find it; a credential that is blocked signs nothing.
    assert_eq!(refused_with(&book, &bench.theirs, intention(id)).await, Some(Code::CredentialMissing));
    let refusal = Refusal { credential: id, profile: "plain", document: [4; 32], code: Code::PurposeRefused };
    book.refused(&bench.ours, refusal).await.unwrap();
    let last = entries(bench).await.pop().unwrap();
    assert_eq!((last["action"].as_str(), last["code"].as_str()), (Some("signature.refused"), Some("purpose_refused")));
    let counters: Vec<u64> = bench.our_tx().await.signatures(id, None, 10).await.unwrap().iter().map(|it| it.counter).collect();
    assert_eq!(counters, [4, 3, 2, 1], "a refusal has no counter");
    methods!(bench; "SignatureLog::refused", "Signatures::signature_grants_of");
    covers!("signing: owner, delegation and grant are looked at in the transaction that writes the intent");
}

fn grant(credential: CredentialId, principal: &str) -> Grant {
    Grant {
        id: GrantId::fresh(noon()),
        principal: principal.into(),
        credential,
        profile: "plain".into(),
        not_after: noon() + SignedDuration::from_hours(1),
        cap: Amount::read("10.50", "DOP"),
        created_by: "os:1000".into(),
        created: noon(),
        revoked: None,
    }
}

async fn grants_are_their_tenants_alone(bench: &Bench) {
    let id = seated(bench).await;
    let (one, two) = (grant(id, "key_a"), Grant { cap: None, ..grant(id, "key_b") });
    let mut tx = bench.our_tx().await;
    for it in [&one, &two] {
        tx.add_signature_grant(it).await.unwrap();
    }
    assert_eq!(tx.signature_grant(one.id).await.unwrap().as_ref(), Some(&one));
    let newest = tx.signature_grants(None, 1).await.unwrap().remove(0);
    assert_eq!(tx.signature_grants(Some(newest.id), 9).await.unwrap().len(), 1);
    let later: Timestamp = noon() + SignedDuration::from_secs(1);
    assert!(tx.revoke_signature_grant(two.id, later).await.unwrap());
    assert!(!tx.revoke_signature_grant(two.id, later).await.unwrap());
    assert_eq!(tx.signature_grant(two.id).await.unwrap().unwrap().revoked, Some(later));
    tx.commit().await.unwrap();
    let mut tx = bench.their_tx().await;
    assert_eq!(tx.signature_grant(one.id).await.unwrap(), None);
    assert!(tx.signature_grants(None, 9).await.unwrap().is_empty());
    assert!(tx.signature_grants_of(id, "key_a").await.unwrap().is_empty());
    assert!(!tx.revoke_signature_grant(one.id, later).await.unwrap());
    drop(tx);
    methods!(bench; "Signatures::add_signature_grant", "Signatures::signature_grant", "Signatures::signature_grants");
    methods!(bench; "Signatures::revoke_signature_grant");
    covers!("signing: grants are their tenant's alone");
}
