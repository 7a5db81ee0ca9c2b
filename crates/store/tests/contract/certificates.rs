//! Certificates that wait, rest and are destroyed; delegations; how people sign.

use crate::bench::{Bench, at, methods, noon, on_both};
use crate::samples::{RFC, credential, falls, our_taxpayer, taxpayer};
use fedatario_app::model::{
    CredentialFilter, CredentialKind, CredentialRow, CredentialState, Delegation, Owner, SignatureConfig, SignatureMode,
};
use fedatario_app::ports::{Store, StoreError, System};
use fedatario_base::id::{CredentialId, TaxpayerId, TenantId, UserId};
use fedatario_base::{Scope, SystemScope};
use fedatario_store::Db;

on_both!(
    a_certificate_waits_rests_and_is_destroyed,
    certificates_are_listed_by_what_is_asked,
    delegations_run_and_end,
    a_person_signs_as_they_chose
);

fn row(owner: TaxpayerId, n: u128) -> CredentialRow {
    let id = CredentialId(uuid::Uuid::from_u128(n));
    CredentialRow { id, object: format!("objects/{id}"), ..credential(owner) }
}

async fn a_certificate_waits_rests_and_is_destroyed(bench: &Bench) {
    let owner = our_taxpayer(bench).await.id;
    let rests_until = at("2026-10-01T12:00:00Z");
    let (first, second) = (row(owner, 1), row(owner, 2));
    let waits = CredentialRow { state: CredentialState::Next, activate: Some(at("2026-09-02T00:00:00Z")), ..row(owner, 3) };
    let mut tx = bench.our_tx().await;
    for it in [&first, &second, &waits] {
        tx.put_credential(it, rests_until).await.unwrap();
    }
    let rested = tx.credential(first.id).await.unwrap().unwrap();
    let rest = (rested.state, rested.replaced, rested.keep_until);
    assert_eq!(rest, (CredentialState::Replaced, Some(noon()), Some(rests_until)));
    assert_eq!(tx.credential(waits.id).await.unwrap(), Some(waits.clone()), "the one in use stays in use");

    tx.promote_credential(waits.id, noon(), rests_until).await.unwrap();
    let current = tx.current_credential(Owner::Taxpayer(owner), CredentialKind::Fiel).await.unwrap().unwrap();
    assert_eq!((current.id, current.activate), (waits.id, None));
    tx.promote_credential(first.id, noon(), rests_until).await.unwrap();
    let back = tx.credential(first.id).await.unwrap().unwrap();
    assert_eq!((back.state, back.replaced, back.keep_until), (CredentialState::Active, None, None));
    assert!(tx.destroy_credential(second.id).await.unwrap());
    assert!(!tx.destroy_credential(second.id).await.unwrap(), "once is enough");
    let gone = tx.credential(second.id).await.unwrap().unwrap();
    assert_eq!((gone.state, gone.wrapped_key.len(), gone.certificate), (CredentialState::Destroyed, 0, second.certificate));
    let history = tx.credential_history(Owner::Taxpayer(owner), CredentialKind::Fiel, 2).await.unwrap();
    assert_eq!(history.iter().map(|it| it.id).collect::<Vec<_>>(), [waits.id, second.id]);
    tx.commit().await.unwrap();

    let mut tx = bench.our_tx().await;
    assert!(matches!(tx.promote_credential(second.id, noon(), rests_until).await, Err(StoreError::NotFound)));
    assert!(falls(tx).await);
    let mut tx = bench.our_tx().await;
    tx.set_credential_state(waits.id, CredentialState::Replaced, Some("304")).await.unwrap();
    let marked = tx.promote_credential(waits.id, noon(), rests_until).await;
    assert!(matches!(marked, Err(StoreError::NotFound)), "what was refused is not put back");
    assert!(falls(tx).await);
    let mut tx = bench.their_tx().await;
    assert_eq!(tx.credential_history(Owner::Taxpayer(owner), CredentialKind::Fiel, 9).await.unwrap(), []);
    assert!(!tx.destroy_credential(first.id).await.unwrap());
    assert!(matches!(tx.promote_credential(waits.id, noon(), rests_until).await, Err(StoreError::NotFound)));
    assert!(falls(tx).await);
    methods!(bench; "Credentials::promote_credential", "Credentials::destroy_credential", "Credentials::credential_history");
}

async fn certificates_are_listed_by_what_is_asked(bench: &Bench) {
    let owner = our_taxpayer(bench).await.id;
    let me = UserId(uuid::Uuid::from_u128(9));
    let short = CredentialRow { not_after: at("2026-10-01T00:00:00Z"), kind: CredentialKind::Csd, ..row(owner, 2) };
    let mine = CredentialRow { owner: Owner::User(me), ..row(owner, 3) };
    let all = [row(owner, 1), short.clone(), mine.clone()];
    let mut tx = bench.our_tx().await;
    for it in &all {
        tx.put_credential(it, noon()).await.unwrap();
    }
    let everything = CredentialFilter::default();
    let cases = [
        (everything.clone(), vec![2, 1]),
        (CredentialFilter { personal_of: Some(me), ..everything.clone() }, vec![3, 2, 1]),
        (CredentialFilter { personal_of: Some(me), personal_only: true, ..everything.clone() }, vec![3]),
        (CredentialFilter { kind: Some(CredentialKind::Csd), ..everything.clone() }, vec![2]),
        (CredentialFilter { taxpayer: Some(owner), ..everything.clone() }, vec![2, 1]),
        (CredentialFilter { expires_before: Some(at("2027-01-01T00:00:00Z")), ..everything.clone() }, vec![2]),
        (CredentialFilter { states: vec![CredentialState::Next, CredentialState::Replaced], ..everything.clone() }, vec![]),
        (CredentialFilter { states: vec![CredentialState::Active], ..everything.clone() }, vec![2, 1]),
    ];
    for (filter, expected) in cases {
        let found = tx.credentials(&filter, None, 10).await.unwrap();
        assert_eq!(found.iter().map(|it| it.id.0.as_u128()).collect::<Vec<_>>(), expected, "{filter:?}");
    }
    let after = tx.credentials(&everything, Some(short.id), 10).await.unwrap();
    assert_eq!(after.iter().map(|it| it.id.0.as_u128()).collect::<Vec<_>>(), [1]);
    assert_eq!(tx.current_credential(mine.owner, CredentialKind::Fiel).await.unwrap(), Some(mine));
    tx.commit().await.unwrap();
    let mut tx = bench.their_tx().await;
    assert_eq!(tx.credentials(&everything, None, 10).await.unwrap(), []);
    methods!(bench; "Credentials::credentials");
}

async fn delegations_run_and_end(bench: &Bench) {
    let owner = our_taxpayer(bench).await.id;
    let it = row(owner, 1);
    let delegation =
        Delegation { credential: it.id, rnc: "131880738".into(), from: noon(), to: None, granted_by: "os:1000".into() };
    let mut tx = bench.our_tx().await;
    tx.put_credential(&it, noon()).await.unwrap();
    tx.add_delegation(&delegation).await.unwrap();
    assert_eq!(tx.delegations(it.id).await.unwrap(), std::slice::from_ref(&delegation));
    let end = at("2026-09-05T00:00:00Z");
    assert_eq!(tx.end_delegations(it.id, "131880738", end).await.unwrap(), 1);
    assert_eq!(tx.end_delegations(it.id, "131880738", end).await.unwrap(), 0, "it has ended");
    assert_eq!(tx.delegations(it.id).await.unwrap(), [Delegation { to: Some(end), ..delegation }]);
    tx.commit().await.unwrap();
    let mut tx = bench.their_tx().await;
    assert_eq!(tx.delegations(it.id).await.unwrap(), []);
    assert_eq!(tx.end_delegations(it.id, "131880738", noon()).await.unwrap(), 0);
    let foreign = Delegation { credential: it.id, rnc: "101000000".into(), from: noon(), to: None, granted_by: "x".into() };
    assert!(tx.add_delegation(&foreign).await.is_err(), "nobody's credential is another's");
    methods!(bench; "Credentials::add_delegation", "Credentials::end_delegations", "Credentials::delegations");
}

async fn a_person_signs_as_they_chose(bench: &Bench) {
    let owner = our_taxpayer(bench).await.id;
    let (me, it) = (UserId(uuid::Uuid::from_u128(9)), row(owner, 1));
    let mut tx = bench.our_tx().await;
    tx.put_credential(&it, noon()).await.unwrap();
    assert_eq!(tx.signature_config(me).await.unwrap(), SignatureConfig::default());
    let chosen = SignatureConfig {
        mode: SignatureMode::Personal,
        credential: Some(it.id),
        auto_sign: false,
        notify: false,
        ..SignatureConfig::default()
    };
    tx.put_signature_config(me, &chosen).await.unwrap();
    let stored = tx.signature_config(me).await.unwrap();
    assert_eq!(stored, SignatureConfig { revision: 1, ..chosen.clone() });
    tx.put_signature_config(me, &stored).await.unwrap();
    tx.commit().await.unwrap();
    let mut tx = bench.our_tx().await;
    let stale = tx.put_signature_config(me, &stored).await;
    assert!(matches!(stale, Err(StoreError::Conflict(_))), "{stale:?}");
    assert!(falls(tx).await);
    let mut tx = bench.their_tx().await;
    assert_eq!(tx.signature_config(me).await.unwrap(), SignatureConfig::default());
    methods!(bench; "Credentials::signature_config", "Credentials::put_signature_config");
}

/// What SQLite keeps in its file, once nobody has it open.
async fn file_of(db: Db, path: &std::path::Path) -> Vec<u8> {
    db.shut().await;
    std::fs::read(path).expect("its file")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_destroyed_key_is_overwritten_in_the_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("fedatario.db");
    let tenant = TenantId::fresh(noon());
    let scope = Scope::system(tenant);
    let wrapped: Vec<u8> = (0..60u8).map(|it| it.wrapping_mul(37) ^ 0xa5).collect();
    let holds = |file: &[u8]| file.windows(wrapped.len()).any(|it| it == wrapped);

    let db = Db::open_sqlite(path.clone()).await.expect("a database");
    db.migrate().await.expect("its schema");
    db.add_tenant(&SystemScope::for_this_process(), tenant, "uno", noon()).await.expect("a tenant");
    let taxpayer = taxpayer(RFC);
    let row = CredentialRow { wrapped_key: wrapped.clone(), ..row(taxpayer.id, 7) };
    let mut tx = db.begin(&scope).await.expect("a transaction");
    tx.add_taxpayer(&taxpayer).await.expect("a taxpayer");
    tx.put_credential(&row, noon()).await.expect("a credential");
    tx.commit().await.expect("committed");
    assert!(holds(&file_of(db, &path).await), "it lies in the file as it is");

    let db = Db::open_sqlite(path.clone()).await.expect("a database");
    let mut tx = db.begin(&scope).await.expect("a transaction");
    assert!(tx.destroy_credential(row.id).await.expect("destroyed"));
    tx.commit().await.expect("committed");
    assert!(!holds(&file_of(db, &path).await), "nothing of it is left");
    fedatario_testkit::covers!("store: a destroyed key is overwritten in SQLite's file");
}
