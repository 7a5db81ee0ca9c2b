//! Rotation: new versions of keys, and moving what older ones wrap.
//!
//! Only rows move; no ciphertext object is touched. Each re-wrap is its own transaction and compares
//! before it replaces, so a crash between two of them loses nothing and the next run continues
//! where it stopped. While it runs, everything opens under whichever version its row names. An old
//! version is retired when, and only when, nothing is behind.
//!
//! A rotation can be rehearsed: a [`RotationPlan`] opens every row that would be moved, writes nothing
//! and says what the rotation then does.

use crate::credential::require;
use crate::{CredentialRow, KeyClass, KeyUse, TenantKeyRow, Vault, VaultError, WrappedDataKey};
use fedatario_base::id::{CredentialId, TenantId};
use fedatario_base::{Permission, Scope, SystemScope};
use std::collections::BTreeMap;

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

/// Rows of one place under one version, as a rehearsal finds them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Planned {
    /// Whose.
    pub tenant: TenantId,
    /// The use of the keys that are wrapped (root keys), or that wrap (a tenant's key).
    pub key_use: KeyUse,
    /// The version that wraps them now.
    pub version: u32,
    /// How many will be moved.
    pub moves: u64,
    /// How many are broken and will stay.
    pub broken: u64,
}

/// What a rotation would do now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RotationPlan {
    /// The version that would be made. None if an earlier rotation is still to be finished.
    pub makes: Option<u32>,
    /// The version that wraps everything when it is over.
    pub to: u32,
    /// What would be moved, by tenant, use and version.
    pub rows: Vec<Planned>,
}

impl RotationPlan {
    /// Rows that would be moved.
    pub fn moves(&self) -> u64 {
        self.rows.iter().map(|it| it.moves).sum()
    }

    /// Rows that would stay behind.
    pub fn broken(&self) -> u64 {
        self.rows.iter().map(|it| it.broken).sum()
    }
}

impl Vault {
    /// Keys of a class, of all tenants, that another root key than the current one wraps.
    pub async fn roots_behind(&self, system: &SystemScope, class: KeyClass) -> Result<u64, VaultError> {
        let (root_version, _) = self.roots(class)?.current()?;
        Ok(self.tenant_keys.behind(system, class, root_version).await?)
    }

    /// Moves up to [`MAX_BATCH`] tenant keys of a class under its current root key. Call while it moves any.
    pub async fn rewrap_tenant_keys(&self, system: &SystemScope, class: KeyClass) -> Result<Progress, VaultError> {
        let (root_version, _) = self.roots(class)?.current()?;
        let (mut tally, mut after) = (Tally::default(), None);
        // Whole pages of broken rows are walked past, so that they hold up nobody.
        while tally.moved < u64::from(MAX_BATCH) {
            let page = self.tenant_keys.next_behind(system, class, root_version, after, MAX_BATCH).await?;
            let Some((tenant, last)) = page.last() else { break };
            after = Some((*tenant, last.key_use, last.version));
            for (tenant, before) in &page {
                tally.count(self.rewrap_tenant_key(system, *tenant, before).await)?;
            }
        }
        Ok(tally.with(self.roots_behind(system, class).await?))
    }

    async fn rewrap_tenant_key(&self, system: &SystemScope, tenant: TenantId, before: &TenantKeyRow) -> Result<bool, VaultError> {
        let key = self.unwrap(tenant, before)?;
        let after = self.wrap(tenant, before.key_use, before.version, &key)?;
        Ok(self.tenant_keys.rewrap(system, tenant, before, &after).await?)
    }

    /// What rotating the root key of a class would do now.
    pub async fn plan_root(&self, system: &SystemScope, class: KeyClass) -> Result<RotationPlan, VaultError> {
        let (current, _) = self.roots(class)?.current()?;
        let makes = (self.roots_behind(system, class).await? == 0).then_some(current + 1);
        let to = makes.unwrap_or(current);
        let (mut rows, mut after) = (BTreeMap::new(), None);
        loop {
            let page = self.tenant_keys.next_behind(system, class, to, after, MAX_BATCH).await?;
            let Some((tenant, last)) = page.last() else { break };
            after = Some((*tenant, last.key_use, last.version));
            for (tenant, row) in &page {
                note(&mut rows, (*tenant, row.key_use, row.root_version), self.unwrap(*tenant, row).map(drop))?;
            }
        }
        Ok(RotationPlan { makes, to, rows: listed(rows) })
    }

    /// Makes the next version of the tenant's keys; they serve whatever is new from now on. Told is the
    /// version of the key that wraps credentials.
    pub async fn rotate_tenant_key(&self, scope: &Scope) -> Result<u32, VaultError> {
        require(scope, Permission::KeyRotate)?;
        if self.house.is_some() {
            self.next_key(scope, KeyUse::Data).await?;
        }
        match self.remote() {
            Some(signer) => signer.rotate(scope).await,
            None => self.next_key(scope, KeyUse::Credential).await,
        }
    }

    /// The same for the key that wraps credentials alone, which is all that a signer is asked for.
    pub async fn rotate_credential_key(&self, scope: &Scope) -> Result<u32, VaultError> {
        require(scope, Permission::KeyRotate)?;
        self.next_key(scope, KeyUse::Credential).await
    }

    async fn next_key(&self, scope: &Scope, key_use: KeyUse) -> Result<u32, VaultError> {
        let current = self.current_version(scope, key_use).await?;
        Ok(self.add_key(scope, key_use, current + 1).await?.version)
    }

    /// Credentials of the tenant whose data key an older version wraps, or a key of the house.
    pub async fn credentials_behind(&self, scope: &Scope) -> Result<u64, VaultError> {
        let current = self.tenant_keys.current(scope, KeyUse::Credential).await?.map_or(0, |it| it.version);
        Ok(self.credentials.behind(scope, current).await?)
    }

    /// Moves up to [`MAX_BATCH`] data keys under the tenant's current key for credentials. Call while it
    /// moves any.
    pub async fn rewrap_data_keys(&self, scope: &Scope) -> Result<Progress, VaultError> {
        require(scope, Permission::KeyRotate)?;
        if let Some(signer) = self.remote() {
            return signer.rewrap(scope).await;
        }
        let current = self.current_version(scope, KeyUse::Credential).await?;
        let (mut tally, mut after) = (Tally::default(), None);
        while tally.moved < u64::from(MAX_BATCH) {
            let page = self.credentials.next_behind(scope, current, after, MAX_BATCH).await?;
            let Some(last) = page.last() else { break };
            after = Some(last.id);
            for before in &page {
                tally.count(self.rewrap_data_key(scope, before.id, current).await)?;
            }
        }
        Ok(tally.with(self.credentials.behind(scope, current).await?))
    }

    async fn rewrap_data_key(&self, scope: &Scope, id: CredentialId, to: u32) -> Result<bool, VaultError> {
        // The row names kind and certificate, which the wrapping is bound to.
        let Some(row) = self.credentials.credential(scope, id).await? else { return Ok(false) };
        let data_key = self.rewrapped(scope, &row, to).await?;
        let before = WrappedDataKey { id, data_key: row.data_key, key_use: row.key_use, key_version: row.key_version };
        let after = WrappedDataKey { id, data_key, key_use: KeyUse::Credential, key_version: to };
        Ok(self.credentials.rewrap(scope, &before, &after).await?)
    }

    /// What rotating the tenant's key would do now to its credentials.
    pub async fn plan_tenant_key(&self, scope: &Scope) -> Result<RotationPlan, VaultError> {
        require(scope, Permission::KeyRotate)?;
        if let Some(signer) = self.remote() {
            return signer.plan(scope).await;
        }
        // A tenant without such a key gets its first version when the rotation looks, and then the second.
        let known = self.tenant_keys.current(scope, KeyUse::Credential).await?.map(|it| it.version);
        let behind = self.credentials.behind(scope, known.unwrap_or_default()).await?;
        let current = known.unwrap_or_default();
        let makes = (behind == 0).then_some(current.max(1) + 1);
        let to = makes.unwrap_or(current.max(1));
        let (mut rows, mut after) = (BTreeMap::new(), None);
        loop {
            let page = self.credentials.next_behind(scope, to, after, MAX_BATCH).await?;
            let Some(last) = page.last() else { break };
            after = Some(last.id);
            for it in &page {
                let Some(row) = self.credentials.credential(scope, it.id).await? else { continue };
                note(&mut rows, place_of(scope, &row), self.opens(scope, &row).await)?;
            }
        }
        Ok(RotationPlan { makes, to, rows: listed(rows) })
    }
}

type Place = (TenantId, KeyUse, u32);

fn place_of(scope: &Scope, row: &CredentialRow) -> Place {
    (scope.tenant(), row.key_use, row.key_version)
}

fn note(rows: &mut BTreeMap<Place, (u64, u64)>, place: Place, outcome: Result<(), VaultError>) -> Result<(), VaultError> {
    let (moves, broken) = rows.entry(place).or_default();
    match outcome {
        Ok(()) => *moves += 1,
        Err(VaultError::SealBroken) => *broken += 1,
        Err(error) => return Err(error),
    }
    Ok(())
}

fn listed(rows: BTreeMap<Place, (u64, u64)>) -> Vec<Planned> {
    let planned = |((tenant, key_use, version), (moves, broken))| Planned { tenant, key_use, version, moves, broken };
    rows.into_iter().map(planned).collect()
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
