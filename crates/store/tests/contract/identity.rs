//! Taxpayers and credentials.

use crate::bench::{Bench, methods, noon, on_both};
use crate::samples::{RFC, credential, falls, our_taxpayer, taxpayer};
use fedatario_app::model::{CredentialKind, CredentialState, Owner, TaxpayerKind};
use fedatario_app::ports::StoreError;

on_both!(taxpayers_are_found_by_their_tenant_alone, one_credential_is_in_use, credentials_are_found_by_their_tenant_alone);

async fn taxpayers_are_found_by_their_tenant_alone(bench: &Bench) {
    let first = our_taxpayer(bench).await;
    let second = taxpayer("ÑAÑ900101AB1");

    let mut tx = bench.our_tx().await;
    tx.add_taxpayer(&second).await.unwrap();
    assert_eq!(tx.taxpayer(first.id).await.unwrap(), Some(first.clone()));
    assert_eq!(tx.taxpayer_by_tax_id(TaxpayerKind::Rfc, "ÑAÑ900101AB1").await.unwrap(), Some(second.clone()));
    assert_eq!(tx.taxpayer_by_tax_id(TaxpayerKind::Rnc, RFC).await.unwrap(), None);
    let mut both = vec![first.clone(), second];
    both.sort_by_key(|it| it.id);
    assert_eq!(tx.taxpayers(None, 10).await.unwrap(), both);
    assert_eq!(tx.taxpayers(None, 1).await.unwrap(), both[..1]);
    assert_eq!(tx.taxpayers(Some(both[0].id), 10).await.unwrap(), both[1..]);
    tx.commit().await.unwrap();

    let mut tx = bench.our_tx().await;
    assert!(matches!(tx.add_taxpayer(&taxpayer(RFC)).await, Err(StoreError::Conflict(_))));
    assert!(falls(tx).await);

    let mut tx = bench.their_tx().await;
    assert_eq!(tx.taxpayer(first.id).await.unwrap(), None);
    assert_eq!(tx.taxpayer_by_tax_id(TaxpayerKind::Rfc, RFC).await.unwrap(), None);
    assert_eq!(tx.taxpayers(None, 10).await.unwrap(), []);
    // The same RFC in two tenants is two taxpayers.
    tx.add_taxpayer(&taxpayer(RFC)).await.unwrap();
    tx.commit().await.unwrap();
    methods!(bench; "Taxpayers::add_taxpayer", "Taxpayers::taxpayer", "Taxpayers::taxpayer_by_tax_id", "Taxpayers::taxpayers");
}

async fn one_credential_is_in_use(bench: &Bench) {
    let owner = our_taxpayer(bench).await;
    let mut rows = [credential(owner.id), credential(owner.id)];
    rows[1].key_version = 2;
    let mut tx = bench.our_tx().await;
    for row in &rows {
        tx.put_credential(row, noon()).await.unwrap();
    }
    let first = tx.credential(rows[0].id).await.unwrap().unwrap();
    assert_eq!(first.state, CredentialState::Replaced);
    assert_eq!(tx.current_credential(Owner::Taxpayer(owner.id), CredentialKind::Fiel).await.unwrap(), Some(rows[1].clone()));
    assert_eq!(tx.current_credential(Owner::Taxpayer(owner.id), CredentialKind::Csd).await.unwrap(), None);
    assert_eq!(tx.credentials_behind(2).await.unwrap(), 1);

    tx.set_credential_state(rows[1].id, CredentialState::Blocked, Some("305")).await.unwrap();
    let blocked = tx.current_credential(Owner::Taxpayer(owner.id), CredentialKind::Fiel).await.unwrap().unwrap();
    assert_eq!((blocked.state, blocked.reason.as_deref()), (CredentialState::Blocked, Some("305")));
    tx.commit().await.unwrap();

    let mut tx = bench.our_tx().await;
    let two = tx.set_credential_state(rows[0].id, CredentialState::Active, None).await;
    assert!(matches!(two, Err(StoreError::Conflict(_))), "{two:?}");
    assert!(falls(tx).await);
}

async fn credentials_are_found_by_their_tenant_alone(bench: &Bench) {
    let owner = our_taxpayer(bench).await;
    let row = credential(owner.id);
    let mut tx = bench.our_tx().await;
    tx.put_credential(&row, noon()).await.unwrap();
    tx.commit().await.unwrap();

    let mut tx = bench.their_tx().await;
    assert_eq!(tx.credential(row.id).await.unwrap(), None);
    assert_eq!(tx.current_credential(Owner::Taxpayer(owner.id), CredentialKind::Fiel).await.unwrap(), None);
    assert_eq!(tx.credentials_behind(9).await.unwrap(), 0);
    let foreign = tx.set_credential_state(row.id, CredentialState::Blocked, None).await;
    assert!(matches!(foreign, Err(StoreError::NotFound)));
    let foreign = tx.put_credential(&credential(owner.id), noon()).await;
    assert!(matches!(foreign, Err(StoreError::NotFound)), "{foreign:?}");
    assert!(falls(tx).await);

    let mut tx = bench.our_tx().await;
    assert_eq!(tx.credential(row.id).await.unwrap(), Some(row));
    methods!(bench; "Credentials::put_credential", "Credentials::credential", "Credentials::current_credential",
        "Credentials::set_credential_state", "Credentials::credentials_behind");
}
