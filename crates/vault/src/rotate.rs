//! Rotation: new versions of keys, and moving what older ones wrap.
//!
//! Only rows move; no ciphertext object is touched. Each re-wrap is its own transaction and compares
//! before it replaces, so a crash between two of them loses nothing and the next run continues
//! where it stopped. While it runs, everything opens under whichever version its row names. An old
//! version is retired when, and only when, nothing is behind.

use crate::credential::require;
use crate::{KeyUse, TenantKeyRow, Vault, VaultError, WrappedDataKey};
use fedatario_base::id::{CredentialId, TenantId};
use fedatario_base::{Permission, Scope, SystemScope};

/// Most rows that one call moves, so that a caller can report progress and heed a shutdown.
pub const MAX_BATCH: u32 = 500;

/// How far a rotation has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Rows moved by this call.
    pub moved: u64,
    /// Rows met by this call whose seal is broken. They stay behind, and do not hold up the others.
    pub broken: u64,
    /// Rows still to move.
    pub behind: u64,
}

impl Vault {
    /// Keys of all tenants that another root key than the current one wraps.
    pub async fn roots_behind(&self, system: &SystemScope) -> Result<u64, VaultError> {
        let (root_version, _) = self.roots.current()?;
        Ok(self.tenant_keys.behind(system, root_version).await?)
    }

    /// Moves up to [`MAX_BATCH`] tenant keys under the current root key. Call while it moves any.
    pub async fn rewrap_tenant_keys(&self, system: &SystemScope) -> Result<Progress, VaultError> {
        let (root_version, _) = self.roots.current()?;
        let mut tally = Tally::default();
        for (tenant, before) in self.tenant_keys.next_behind(system, root_version, MAX_BATCH).await? {
            tally.count(self.rewrap_tenant_key(system, tenant, &before).await)?;
        }
        Ok(tally.with(self.roots_behind(system).await?))
    }

    async fn rewrap_tenant_key(&self, system: &SystemScope, tenant: TenantId, before: &TenantKeyRow) -> Result<bool, VaultError> {
        let key = self.unwrap(tenant, before)?;
        let after = self.wrap(tenant, before.key_use, before.version, &key)?;
        Ok(self.tenant_keys.rewrap(system, tenant, before, &after).await?)
    }

    /// Makes the next version of the tenant's data key; it serves whatever is new from now on.
    pub async fn rotate_tenant_key(&self, scope: &Scope) -> Result<u32, VaultError> {
        require(scope, Permission::KeyRotate)?;
        let current = self.current_key(scope, KeyUse::Data).await?;
        Ok(self.add_key(scope, KeyUse::Data, current.version + 1).await?.version)
    }

    /// Credentials of the tenant whose data key an older version wraps.
    pub async fn credentials_behind(&self, scope: &Scope) -> Result<u64, VaultError> {
        let current = self.current_key(scope, KeyUse::Data).await?;
        Ok(self.credentials.behind(scope, current.version).await?)
    }

    /// Moves up to [`MAX_BATCH`] data keys under the tenant's current key. Call while it moves any.
    pub async fn rewrap_data_keys(&self, scope: &Scope) -> Result<Progress, VaultError> {
        require(scope, Permission::KeyRotate)?;
        let current = self.current_key(scope, KeyUse::Data).await?.version;
        let mut tally = Tally::default();
        for before in self.credentials.next_behind(scope, current, MAX_BATCH).await? {
            tally.count(self.rewrap_data_key(scope, before.id, current).await)?;
        }
        Ok(tally.with(self.credentials.behind(scope, current).await?))
    }

    async fn rewrap_data_key(&self, scope: &Scope, id: CredentialId, to: u32) -> Result<bool, VaultError> {
        // The row names kind and certificate, which the wrapping is bound to.
        let Some(row) = self.credentials.credential(scope, id).await? else { return Ok(false) };
        let data_key = self.rewrapped(scope, &row, to).await?;
        let before = WrappedDataKey { id, data_key: row.data_key, key_version: row.key_version };
        Ok(self.credentials.rewrap(scope, &before, &WrappedDataKey { id, data_key, key_version: to }).await?)
    }
}

#[derive(Default)]
struct Tally {
    moved: u64,
    broken: u64,
}

impl Tally {
    /// `false` means that another process moved the row meanwhile, which is as good.
    fn count(&mut self, outcome: Result<bool, VaultError>) -> Result<(), VaultError> {
        match outcome {
            Ok(moved) => self.moved += u64::from(moved),
            Err(VaultError::SealBroken) => self.broken += 1,
            Err(error) => return Err(error),
        }
        Ok(())
    }

    fn with(self, behind: u64) -> Progress {
        Progress { moved: self.moved, broken: self.broken, behind }
    }
}
