//! Tenants and settings.

use crate::bench::{Bench, methods, noon, on_both};
use fedatario_app::ports::{Store, StoreError, System};
use fedatario_base::Scope;
use fedatario_base::id::TenantId;

on_both!(tenants_have_names_of_their_own, settings_are_kept, nobody_works_for_a_tenant_that_is_not_there);

async fn tenants_have_names_of_their_own(bench: &Bench) {
    let (db, hands) = (&bench.db, &bench.hands);
    let mut expected = vec![(bench.ours.tenant(), "ours".to_owned()), (bench.theirs.tenant(), "theirs".to_owned())];
    expected.sort();
    assert_eq!(db.tenants(hands).await.unwrap(), expected);
    let taken = db.add_tenant(hands, TenantId::fresh(noon()), "ours", noon()).await;
    assert!(matches!(taken, Err(StoreError::Conflict(_))), "{taken:?}");
    assert_eq!(db.tenants(hands).await.unwrap(), expected);
    methods!(bench; "System::tenants", "System::add_tenant");
}

async fn settings_are_kept(bench: &Bench) {
    let (db, hands) = (&bench.db, &bench.hands);
    assert_eq!(db.setting(hands, "clock.offset_s").await.unwrap(), None);
    for value in ["1", "2"] {
        db.set_setting(hands, "clock.offset_s", value).await.unwrap();
        assert_eq!(db.setting(hands, "clock.offset_s").await.unwrap().as_deref(), Some(value));
    }
    let other = bench.reopened().await;
    assert_eq!(other.setting(hands, "clock.offset_s").await.unwrap().as_deref(), Some("2"));
    other.shut().await;
    methods!(bench; "System::setting", "System::set_setting");
}

async fn nobody_works_for_a_tenant_that_is_not_there(bench: &Bench) {
    let nobody = Scope::shell(TenantId::fresh(noon()), 1);
    let mut tx = bench.db.begin(&nobody).await.unwrap();
    assert!(matches!(tx.add_taxpayer(&crate::samples::taxpayer("AAA010101AAA")).await, Err(StoreError::NotFound)));
    drop(tx);
    let mut tx = bench.db.begin(&nobody).await.unwrap();
    assert!(matches!(tx.enqueue(&crate::samples::job("a"), noon()).await, Err(StoreError::NotFound)));
}
