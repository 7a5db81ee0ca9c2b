//! Tenants' keys, and credentials as the vault sees them.

use crate::bench::{Bench, methods, noon, on_both};
use crate::samples::{credential, our_taxpayer};
use async_trait::async_trait;
use fedatario_app::model::CredentialRow;
use fedatario_app::ports::{BlobError, Blobs, NameByDigest, ReadSeek, Slot};
use fedatario_base::id::TenantId;
use fedatario_store::VaultStore;
use fedatario_vault::ports::{CredentialState, CredentialStore, KeyClass, KeyUse, TenantKeyRow, TenantKeys, WrappedDataKey};
use std::sync::Arc;

on_both!(
    tenant_keys_have_versions,
    tenant_keys_are_their_tenants_alone,
    credentials_are_rewrapped_once,
    sealed_keys_are_their_tenants_alone
);

fn key(key_use: KeyUse, version: u32) -> TenantKeyRow {
    TenantKeyRow { key_use, version, root_version: 1, wrapped: vec![version as u8; 60] }
}

/// Objects that hold their own path.
pub struct Paths;

#[async_trait]
impl Blobs for Paths {
    async fn get(&self, path: &str, _: u64) -> Result<Vec<u8>, BlobError> {
        if path.ends_with("gone") { Err(BlobError::NotFound) } else { Ok(path.as_bytes().to_vec()) }
    }
    async fn put(&self, _: &str, _: &[u8]) -> Result<(), BlobError> {
        Err(BlobError::Unavailable("read only".into()))
    }
    async fn open(&self, _: &str) -> Result<Box<dyn ReadSeek>, BlobError> {
        Err(BlobError::NotFound)
    }
    async fn slot(&self, _: &str, _: NameByDigest, _: u64) -> Result<Box<dyn Slot>, BlobError> {
        Err(BlobError::Unavailable("read only".into()))
    }
    async fn list(&self, _: &str) -> Result<Vec<String>, BlobError> {
        Ok(Vec::new())
    }
    async fn delete(&self, _: &str) -> Result<(), BlobError> {
        Err(BlobError::Unavailable("read only".into()))
    }
}

fn vault_store(bench: &Bench) -> VaultStore {
    VaultStore::new(bench.db.clone(), Arc::new(Paths))
}

async fn put(bench: &Bench, rows: &[CredentialRow]) {
    let mut tx = bench.our_tx().await;
    for row in rows {
        tx.put_credential(row, noon()).await.unwrap();
    }
    tx.commit().await.unwrap();
}

async fn tenant_keys_have_versions(bench: &Bench) {
    let (db, scope) = (&bench.db, &bench.ours);
    assert_eq!(db.current(scope, KeyUse::Data).await.unwrap(), None);
    let first = key(KeyUse::Data, 1);
    let (a, b) = tokio::join!(db.insert_if_absent(scope, &first), db.insert_if_absent(scope, &first));
    assert!(a.unwrap() ^ b.unwrap(), "of two that race one wins");
    let taken = TenantKeyRow { wrapped: vec![0; 60], ..first.clone() };
    assert!(!db.insert_if_absent(scope, &taken).await.unwrap());
    assert!(db.insert_if_absent(scope, &key(KeyUse::Data, 2)).await.unwrap());
    assert!(db.insert_if_absent(scope, &key(KeyUse::Note, 1)).await.unwrap());
    assert_eq!(db.current(scope, KeyUse::Data).await.unwrap(), Some(key(KeyUse::Data, 2)));
    assert_eq!(db.by_version(scope, KeyUse::Data, 1).await.unwrap(), Some(first.clone()));

    assert!(db.insert_if_absent(scope, &key(KeyUse::Credential, 1)).await.unwrap());
    let (house, signer) = (KeyClass::House, KeyClass::Signer);
    assert_eq!(db.behind(&bench.hands, house, 2).await.unwrap(), 3);
    assert_eq!(db.behind(&bench.hands, signer, 2).await.unwrap(), 1);
    let (tenant, before) = db.next_behind(&bench.hands, house, 2, None, 1).await.unwrap().remove(0);
    let place = Some((tenant, before.key_use, before.version));
    let rest = db.next_behind(&bench.hands, house, 2, place, 9).await.unwrap();
    assert_eq!(rest.into_iter().map(|it| it.1).collect::<Vec<_>>(), [key(KeyUse::Data, 2), key(KeyUse::Note, 1)]);
    assert_eq!(db.next_behind(&bench.hands, signer, 2, None, 9).await.unwrap(), [(tenant, key(KeyUse::Credential, 1))]);
    assert_eq!((tenant, &before), (scope.tenant(), &first));
    let after = TenantKeyRow { root_version: 2, wrapped: vec![9; 60], ..before.clone() };
    assert!(db.rewrap(&bench.hands, tenant, &before, &after).await.unwrap());
    assert!(!db.rewrap(&bench.hands, tenant, &before, &after).await.unwrap(), "it is wrapped otherwise now");
    assert_eq!(db.by_version(scope, KeyUse::Data, 1).await.unwrap(), Some(after));
    assert_eq!(db.behind(&bench.hands, house, 2).await.unwrap(), 2);
}

async fn tenant_keys_are_their_tenants_alone(bench: &Bench) {
    let (db, hands) = (&bench.db, &bench.hands);
    let ours = key(KeyUse::Data, 1);
    assert!(db.insert_if_absent(&bench.ours, &ours).await.unwrap());
    assert_eq!(db.current(&bench.theirs, KeyUse::Data).await.unwrap(), None);
    assert_eq!(db.by_version(&bench.theirs, KeyUse::Data, 1).await.unwrap(), None);
    let theirs = TenantKeyRow { wrapped: vec![8; 60], ..ours.clone() };
    assert!(db.insert_if_absent(&bench.theirs, &theirs).await.unwrap(), "their version one is theirs");
    assert_eq!(db.current(&bench.ours, KeyUse::Data).await.unwrap(), Some(ours.clone()));

    let after = TenantKeyRow { root_version: 2, wrapped: vec![9; 60], ..ours.clone() };
    assert!(!db.rewrap(hands, bench.theirs.tenant(), &ours, &after).await.unwrap(), "named with the wrong tenant");
    assert!(!db.rewrap(hands, TenantId::fresh(noon()), &ours, &after).await.unwrap());
    let mut behind: Vec<_> = db.next_behind(hands, KeyClass::House, 2, None, 10).await.unwrap();
    behind.sort_by_key(|it| it.0);
    let mut expected = vec![(bench.ours.tenant(), ours), (bench.theirs.tenant(), theirs)];
    expected.sort_by_key(|it| it.0);
    assert_eq!(behind, expected);
    assert_eq!(db.behind(hands, KeyClass::House, 2).await.unwrap(), 2);
    methods!(bench; "TenantKeys::current", "TenantKeys::by_version", "TenantKeys::insert_if_absent", "TenantKeys::behind",
        "TenantKeys::next_behind", "TenantKeys::rewrap");
}

async fn credentials_are_rewrapped_once(bench: &Bench) {
    let owner = our_taxpayer(bench).await;
    let rows = [credential(owner.id), credential(owner.id), credential(owner.id)];
    put(bench, &rows).await;
    let store = vault_store(bench);
    let seen = store.credential(&bench.ours, rows[2].id).await.unwrap().unwrap();
    assert_eq!((seen.owner.taxpayer(), seen.state, seen.key_version), (Some(owner.id), CredentialState::Active, 1));
    assert_eq!((seen.data_key, seen.digest, seen.object_path), (rows[2].wrapped_key.clone(), [7; 32], rows[2].object.clone()));
    assert_eq!(store.behind(&bench.ours, 2).await.unwrap(), 3, "replaced ones rest sealed too");

    let mut left = 3;
    let mut ids: Vec<_> = rows.iter().map(|it| it.id).collect();
    ids.sort();
    let rest = store.next_behind(&bench.ours, 2, Some(ids[0]), 9).await.unwrap();
    assert_eq!(rest.iter().map(|it| it.id).collect::<Vec<_>>(), ids[1..]);
    while let Some(before) = store.next_behind(&bench.ours, 2, None, 1).await.unwrap().pop() {
        assert_eq!(before.key_use, KeyUse::Data);
        let of_the_house = WrappedDataKey { id: before.id, data_key: vec![8; 60], key_use: KeyUse::Data, key_version: 2 };
        assert!(store.rewrap(&bench.ours, &before, &of_the_house).await.unwrap());
        assert_eq!(store.behind(&bench.ours, 2).await.unwrap(), left, "the house's version two is not the signer's");
        let before = of_the_house;
        let after = WrappedDataKey { id: before.id, data_key: vec![9; 60], key_use: KeyUse::Credential, key_version: 2 };
        assert!(store.rewrap(&bench.ours, &before, &after).await.unwrap());
        assert!(!store.rewrap(&bench.ours, &before, &after).await.unwrap(), "once");
        left -= 1;
        assert_eq!(store.behind(&bench.ours, 2).await.unwrap(), left);
    }
    assert_eq!(left, 0);
    bench.tamper("update credentials set state = 'destroyed'").await;
    assert_eq!(store.behind(&bench.ours, 3).await.unwrap(), 0);
}

async fn sealed_keys_are_their_tenants_alone(bench: &Bench) {
    let owner = our_taxpayer(bench).await;
    let (row, mut gone) = (credential(owner.id), credential(owner.id));
    gone.object = "objects/gone".into();
    put(bench, &[gone.clone(), row.clone()]).await;
    let store = vault_store(bench);
    assert_eq!(store.object(&bench.ours, &row.object).await.unwrap(), Some(row.object.clone().into_bytes()));
    assert_eq!(store.object(&bench.ours, &gone.object).await.unwrap(), None, "no such object");
    assert_eq!(store.object(&bench.ours, "objects/other").await.unwrap(), None, "no credential names it");

    let theirs = &bench.theirs;
    assert_eq!(store.credential(theirs, row.id).await.unwrap(), None);
    assert_eq!(store.object(theirs, &row.object).await.unwrap(), None);
    assert_eq!(store.behind(theirs, 9).await.unwrap(), 0);
    assert_eq!(store.next_behind(theirs, 9, None, 10).await.unwrap(), []);
    let before = WrappedDataKey { id: row.id, data_key: row.wrapped_key.clone(), key_use: KeyUse::Data, key_version: 1 };
    let after = WrappedDataKey { data_key: vec![9; 60], key_version: 2, ..before.clone() };
    assert!(!store.rewrap(theirs, &before, &after).await.unwrap());
    assert_eq!(store.credential(&bench.ours, row.id).await.unwrap().unwrap().key_version, 1);
    methods!(bench; "CredentialStore::credential", "CredentialStore::object", "CredentialStore::behind", "CredentialStore::next_behind",
        "CredentialStore::rewrap");
}
