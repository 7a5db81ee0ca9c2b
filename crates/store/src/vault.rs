//! What the vault keeps: tenants' keys, and the part of a credential that it opens and re-wraps.
//!
//! Nothing here is a plaintext. Ciphertexts of private keys are objects, read through the objects'
//! port, and only those that a credential of the same tenant names.

use crate::credentials::owner;
use crate::db::Db;
use crate::reach::Reach;
use crate::read::{Read, closed, exactly, from_row, small};
use crate::signatures::SignatureBook;
use crate::tx::{Work, fetch, one, run};
use async_trait::async_trait;
use fedatario_app::ports::{BlobError, Blobs, StoreError, Stored};
use fedatario_base::clock::SystemClock;
use fedatario_base::id::{CredentialId, HolderId, TenantId};
use fedatario_base::{Clock, Scope, SystemScope};
use fedatario_vault::log::{Ending, Intent, Intention, Refusal, SignatureLog, Unsigned};
use fedatario_vault::ports::{
    CredentialKind, CredentialRow, CredentialState, CredentialStore, KeyClass, KeyPlace, KeyUse, PortError, TenantKeyRow,
    TenantKeys, WrappedDataKey,
};
use std::sync::Arc;
use uuid::Uuid;

/// The largest ciphertext of a private key, in bytes: an RSA-16384 key is a sixth of it.
const OBJECT_MOST: u64 = 64 * 1024;

from_row!(TenantKeyRow, row => TenantKeyRow {
    key_use: closed(row.try_get("key_use")?, KeyUse::from_text)?,
    version: small(row.try_get("version")?)?,
    root_version: small(row.try_get("root_version")?)?,
    wrapped: row.try_get("wrapped")?,
});

from_row!((TenantId, TenantKeyRow), row => (
    TenantId(row.try_get("tenant_id")?),
    <Read<TenantKeyRow> as sqlx::FromRow<_>>::from_row(row)?.0,
));

from_row!(CredentialRow, row => CredentialRow {
    id: CredentialId(row.try_get("id")?),
    owner: owner(row.try_get("taxpayer_id")?, row.try_get("user_id")?)?,
    kind: closed(row.try_get("kind")?, CredentialKind::from_text)?,
    state: closed(row.try_get("state")?, CredentialState::from_text)?,
    data_key: row.try_get("wrapped_key")?,
    key_use: closed(row.try_get("key_use")?, KeyUse::from_text)?,
    key_version: small(row.try_get("key_version")?)?,
    digest: exactly(row.try_get("digest")?)?,
    certificate: row.try_get("certificate")?,
    object_path: row.try_get("object")?,
});

from_row!(WrappedDataKey, row => WrappedDataKey {
    id: CredentialId(row.try_get("id")?),
    data_key: row.try_get("wrapped_key")?,
    key_use: closed(row.try_get("key_use")?, KeyUse::from_text)?,
    key_version: small(row.try_get("key_version")?)?,
});

fn port(error: StoreError) -> PortError {
    PortError::new(error.code(), error)
}

#[async_trait]
impl TenantKeys for Db {
    async fn current(&self, scope: &Scope, key_use: KeyUse) -> Result<Option<TenantKeyRow>, PortError> {
        let read = async {
            let mut work = self.reading(Reach::Tenant(scope.tenant().0)).await?;
            one!(
                work,
                "select * from tenant_keys where tenant_id = $1 and key_use = $2 order by version desc limit 1",
                scope.tenant().0,
                key_use.text(),
            )
        };
        read.await.map_err(port)
    }

    async fn by_version(&self, scope: &Scope, key_use: KeyUse, version: u32) -> Result<Option<TenantKeyRow>, PortError> {
        let read = async {
            let mut work = self.reading(Reach::Tenant(scope.tenant().0)).await?;
            one!(
                work,
                "select * from tenant_keys where tenant_id = $1 and key_use = $2 and version = $3",
                scope.tenant().0,
                key_use.text(),
                i64::from(version),
            )
        };
        read.await.map_err(port)
    }

    async fn insert_if_absent(&self, scope: &Scope, row: &TenantKeyRow) -> Result<bool, PortError> {
        let inserted = async {
            let mut work = self.writing(Reach::Tenant(scope.tenant().0)).await?;
            let added = run!(
                work,
                "insert into tenant_keys (tenant_id, key_use, version, root_version, wrapped) values ($1, $2, $3, $4, $5) \
                 on conflict (tenant_id, key_use, version) do nothing",
                scope.tenant().0,
                row.key_use.text(),
                i64::from(row.version),
                i64::from(row.root_version),
                &row.wrapped,
            )?;
            work.commit().await?;
            Ok(added == 1)
        };
        inserted.await.map_err(port)
    }

    async fn behind(&self, _: &SystemScope, class: KeyClass, root_version: u32) -> Result<u64, PortError> {
        let counted = async {
            let mut work = self.reading(Reach::System).await?;
            let (count,): (i64,) = fetch!(
                work,
                fetch_one,
                "select count(*) from tenant_keys where root_version <> $1 and (key_use = 'credential') = $2",
                i64::from(root_version),
                class == KeyClass::Signer,
            )?;
            Ok(count.unsigned_abs())
        };
        counted.await.map_err(port)
    }

    async fn next_behind(
        &self,
        _: &SystemScope,
        class: KeyClass,
        root_version: u32,
        after: Option<KeyPlace>,
        limit: u32,
    ) -> Result<Vec<(TenantId, TenantKeyRow)>, PortError> {
        let (tenant, key_use, version) = after.map_or((Uuid::nil(), "", 0), |(tenant, key_use, it)| (tenant.0, key_use.text(), it));
        let read = async {
            let mut work = self.reading(Reach::System).await?;
            let rows: Vec<Read<(TenantId, TenantKeyRow)>> = fetch!(
                work,
                fetch_all,
                "select * from tenant_keys where root_version <> $1 and (key_use = 'credential') = $2 \
                 and (tenant_id, key_use, version) > ($3, $4, $5) order by tenant_id, key_use, version limit $6",
                i64::from(root_version),
                class == KeyClass::Signer,
                tenant,
                key_use,
                i64::from(version),
                i64::from(limit),
            )?;
            Ok(rows.into_iter().map(|it| it.0).collect())
        };
        read.await.map_err(port)
    }

    async fn rewrap(
        &self,
        _: &SystemScope,
        tenant: TenantId,
        before: &TenantKeyRow,
        after: &TenantKeyRow,
    ) -> Result<bool, PortError> {
        let rewrapped = async {
            let mut work = self.writing(Reach::Tenant(tenant.0)).await?;
            let changed = run!(
                work,
                "update tenant_keys set wrapped = $6, root_version = $7 \
                 where tenant_id = $1 and key_use = $2 and version = $3 and wrapped = $4 and root_version = $5",
                tenant.0,
                before.key_use.text(),
                i64::from(before.version),
                &before.wrapped,
                i64::from(before.root_version),
                &after.wrapped,
                i64::from(after.root_version),
            )?;
            work.commit().await?;
            Ok(changed == 1)
        };
        rewrapped.await.map_err(port)
    }
}

/// The credentials as the vault sees them: rows here, ciphertexts among the objects.
#[derive(Clone)]
pub struct VaultStore {
    db: Db,
    blobs: Arc<dyn Blobs>,
    book: SignatureBook,
}

impl VaultStore {
    /// Over a database and the objects that its rows name.
    pub fn new(db: Db, blobs: Arc<dyn Blobs>) -> Self {
        let nobody = HolderId(Uuid::nil());
        let book = SignatureBook::new(db.clone(), nobody, Arc::new(SystemClock::default()));
        Self { db, blobs, book }
    }

    /// The same for a process that lives, and its time: intents are held open in its name.
    pub fn held_by(mut self, holder: HolderId, clock: Arc<dyn Clock>) -> Self {
        self.book = SignatureBook::new(self.db.clone(), holder, clock);
        self
    }

    /// Whose intents are open, in which tenant, other than this process's own.
    pub async fn open_intents(&self, scope: &SystemScope) -> Stored<Vec<(TenantId, HolderId)>> {
        self.book.holders(scope).await
    }

    /// Closes as uncertain what a dead process left open in a tenant; how many there were.
    pub async fn close_intents(&self, _: &SystemScope, tenant: TenantId, dead: HolderId) -> Stored<u64> {
        self.book.close_lost(tenant, dead).await
    }
}

#[async_trait]
impl SignatureLog for VaultStore {
    async fn intend(&self, scope: &Scope, intention: Intention) -> Result<Intent, Unsigned> {
        self.book.intend(scope, intention).await
    }

    async fn ended(&self, scope: &Scope, intent: &Intent, ending: Ending) -> Result<u64, PortError> {
        self.book.ended(scope, intent, ending).await
    }

    fn abandon(&self, scope: &Scope, intent: &Intent, ending: Ending) {
        self.book.abandon(scope, intent, ending);
    }

    async fn refused(&self, scope: &Scope, refusal: Refusal) -> Result<(), PortError> {
        self.book.refused(scope, refusal).await
    }
}

#[async_trait]
impl CredentialStore for VaultStore {
    async fn credential(&self, scope: &Scope, id: CredentialId) -> Result<Option<CredentialRow>, PortError> {
        let read = async {
            let mut work = self.db.reading(Reach::Tenant(scope.tenant().0)).await?;
            one!(work, "select * from credentials where tenant_id = $1 and id = $2", scope.tenant().0, id.0,)
        };
        read.await.map_err(port)
    }

    async fn object(&self, scope: &Scope, path: &str) -> Result<Option<Vec<u8>>, PortError> {
        let mut work = self.db.reading(Reach::Tenant(scope.tenant().0)).await.map_err(port)?;
        if !names(&mut work, scope, path).await.map_err(port)? {
            return Ok(None);
        }
        drop(work);
        match self.blobs.get(path, OBJECT_MOST).await {
            Ok(bytes) => Ok(Some(bytes)),
            Err(BlobError::NotFound) => Ok(None),
            Err(error) => Err(PortError::new(error.code(), error)),
        }
    }

    async fn behind(&self, scope: &Scope, key_version: u32) -> Result<u64, PortError> {
        let counted = async {
            let mut work = self.db.reading(Reach::Tenant(scope.tenant().0)).await?;
            let (count,): (i64,) = fetch!(
                work,
                fetch_one,
                "select count(*) from credentials \
                 where tenant_id = $1 and (key_use <> 'credential' or key_version <> $2) and state <> 'destroyed'",
                scope.tenant().0,
                i64::from(key_version),
            )?;
            Ok(count.unsigned_abs())
        };
        counted.await.map_err(port)
    }

    async fn next_behind(
        &self,
        scope: &Scope,
        key_version: u32,
        after: Option<CredentialId>,
        limit: u32,
    ) -> Result<Vec<WrappedDataKey>, PortError> {
        let read = async {
            let mut work = self.db.reading(Reach::Tenant(scope.tenant().0)).await?;
            let rows: Vec<Read<WrappedDataKey>> = fetch!(
                work,
                fetch_all,
                "select id, wrapped_key, key_use, key_version from credentials \
                 where tenant_id = $1 and (key_use <> 'credential' or key_version <> $2) and state <> 'destroyed' and id > $3 \
                 order by id limit $4",
                scope.tenant().0,
                i64::from(key_version),
                after.map_or(Uuid::nil(), |it| it.0),
                i64::from(limit),
            )?;
            Ok(rows.into_iter().map(|it| it.0).collect())
        };
        read.await.map_err(port)
    }

    async fn rewrap(&self, scope: &Scope, before: &WrappedDataKey, after: &WrappedDataKey) -> Result<bool, PortError> {
        let rewrapped = async {
            let mut work = self.db.writing(Reach::Tenant(scope.tenant().0)).await?;
            let changed = run!(
                work,
                "update credentials set wrapped_key = $6, key_use = $7, key_version = $8 \
                 where tenant_id = $1 and id = $2 and wrapped_key = $3 and key_use = $4 and key_version = $5",
                scope.tenant().0,
                before.id.0,
                &before.data_key,
                before.key_use.text(),
                i64::from(before.key_version),
                &after.data_key,
                after.key_use.text(),
                i64::from(after.key_version),
            )?;
            work.commit().await?;
            Ok(changed == 1)
        };
        rewrapped.await.map_err(port)
    }
}

/// Whether a credential of the tenant names the object.
async fn names(work: &mut Work, scope: &Scope, path: &str) -> Stored<bool> {
    let row: Option<(Uuid,)> = fetch!(
        work,
        fetch_optional,
        "select id from credentials where tenant_id = $1 and object = $2 limit 1",
        scope.tenant().0,
        path,
    )?;
    Ok(row.is_some())
}
