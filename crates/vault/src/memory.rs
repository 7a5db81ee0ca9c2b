//! The ports in memory, for tests and for nothing that must survive.

use crate::grant::{Grant, Wanted};
use crate::log::{Ending, Intent, Intention, Leave, Refusal, SignatureLog, Unsigned};
use crate::ports::{
    CredentialRow, CredentialState, CredentialStore, KeyClass, KeyPlace, KeyUse, Owner, PortError, TenantKeyRow, TenantKeys,
    WrappedDataKey,
};
use crate::{SealedCredential, Vault, require_state};
use async_trait::async_trait;
use fedatario_base::id::{CredentialId, TaxpayerId, TenantId};
use fedatario_base::{Code, Scope, SystemScope};
use jiff::Timestamp;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Whose every credential is here: the vault does not ask.
const NOBODY: TaxpayerId = TaxpayerId(uuid::Uuid::nil());

/// Both ports over maps. Rows and objects can be altered, as an attacker with the database would.
#[derive(Debug, Default)]
pub struct Memory {
    keys: Mutex<BTreeMap<(TenantId, KeyUse, u32), TenantKeyRow>>,
    credentials: Mutex<BTreeMap<(TenantId, CredentialId), CredentialRow>>,
    objects: Mutex<BTreeMap<(TenantId, String), Vec<u8>>>,
    grants: Mutex<Vec<Grant>>,
    log: Mutex<Vec<Logged>>,
}

/// A line of the log, in the order in which they were written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Logged {
    /// An intent: its counter, profile, purpose and root.
    Intended(u64, &'static str, &'static str, String),
    /// What became of it.
    Ended(u64, Ending),
    /// A refusal.
    Refused(Code),
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Memory {
    /// A vault over fresh maps, with the maps.
    pub fn vault(roots: crate::RootKeys) -> (Vault, Arc<Self>) {
        let memory = Arc::new(Self::default());
        (Vault::new(roots, memory.clone(), memory.clone()), memory)
    }

    /// Stores a credential as the services would: the object, then the row.
    pub fn put(&self, scope: &Scope, sealed: &SealedCredential, state: CredentialState) {
        let path = format!("certificados/{}", sealed.id);
        lock(&self.objects).insert((scope.tenant(), path.clone()), sealed.object.clone());
        lock(&self.credentials).insert((scope.tenant(), sealed.id), sealed.row(Owner::Taxpayer(NOBODY), &path, state));
    }

    /// Changes a row behind the vault's back.
    pub fn alter(&self, scope: &Scope, id: CredentialId, change: impl FnOnce(&mut CredentialRow)) {
        lock(&self.credentials).get_mut(&(scope.tenant(), id)).into_iter().for_each(change_once(change));
    }

    /// Wraps a credential's data key as versions before the two classes did: under the tenant's data key.
    pub async fn wrap_as_before(&self, vault: &Vault, scope: &Scope, id: CredentialId) {
        let row = lock(&self.credentials).get(&(scope.tenant(), id)).cloned();
        let Some(row) = row else { return };
        if let Ok((data_key, key_version)) = vault.wrapped_by_the_house(scope, &row).await {
            self.alter(scope, id, |it| (it.data_key, it.key_use, it.key_version) = (data_key, KeyUse::Data, key_version));
        }
    }

    /// Changes an object behind the vault's back.
    pub fn alter_object(&self, scope: &Scope, id: CredentialId, change: impl FnOnce(&mut Vec<u8>)) {
        let path = format!("certificados/{id}");
        lock(&self.objects).get_mut(&(scope.tenant(), path)).into_iter().for_each(change_once(change));
    }

    /// Changes a tenant key's row behind the vault's back.
    pub fn alter_key(&self, scope: &Scope, key_use: KeyUse, version: u32, change: impl FnOnce(&mut TenantKeyRow)) {
        lock(&self.keys).get_mut(&(scope.tenant(), key_use, version)).into_iter().for_each(change_once(change));
    }
}

/// An iterator over an `Option` runs its closure once at most.
fn change_once<T>(change: impl FnOnce(&mut T)) -> impl FnMut(&mut T) {
    let mut change = Some(change);
    move |it| change.take().into_iter().for_each(|change| change(it))
}

#[async_trait]
impl TenantKeys for Memory {
    async fn current(&self, scope: &Scope, key_use: KeyUse) -> Result<Option<TenantKeyRow>, PortError> {
        let keys = lock(&self.keys);
        let mut versions = keys.range((scope.tenant(), key_use, 0)..=(scope.tenant(), key_use, u32::MAX));
        Ok(versions.next_back().map(|(_, row)| row.clone()))
    }

    async fn by_version(&self, scope: &Scope, key_use: KeyUse, version: u32) -> Result<Option<TenantKeyRow>, PortError> {
        Ok(lock(&self.keys).get(&(scope.tenant(), key_use, version)).cloned())
    }

    async fn insert_if_absent(&self, scope: &Scope, row: &TenantKeyRow) -> Result<bool, PortError> {
        let mut keys = lock(&self.keys);
        let key = (scope.tenant(), row.key_use, row.version);
        let is_absent = !keys.contains_key(&key);
        if is_absent {
            keys.insert(key, row.clone());
        }
        Ok(is_absent)
    }

    async fn behind(&self, _: &SystemScope, class: KeyClass, root_version: u32) -> Result<u64, PortError> {
        let keys = lock(&self.keys);
        Ok(keys.values().filter(|it| it.key_use.class() == class && it.root_version != root_version).count() as u64)
    }

    async fn next_behind(
        &self,
        _: &SystemScope,
        class: KeyClass,
        root_version: u32,
        after: Option<KeyPlace>,
        limit: u32,
    ) -> Result<Vec<(TenantId, TenantKeyRow)>, PortError> {
        let keys = lock(&self.keys);
        let rest = keys.iter().filter(|(place, _)| after.is_none_or(|after| **place > after));
        let behind = rest.filter(|(_, row)| row.key_use.class() == class && row.root_version != root_version);
        Ok(behind.take(limit as usize).map(|((tenant, ..), row)| (*tenant, row.clone())).collect())
    }

    async fn rewrap(
        &self,
        _: &SystemScope,
        tenant: TenantId,
        before: &TenantKeyRow,
        after: &TenantKeyRow,
    ) -> Result<bool, PortError> {
        let mut keys = lock(&self.keys);
        let row = keys.get_mut(&(tenant, before.key_use, before.version)).filter(|it| *it == before);
        Ok(row.map(|it| *it = after.clone()).is_some())
    }
}

#[async_trait]
impl CredentialStore for Memory {
    async fn credential(&self, scope: &Scope, id: CredentialId) -> Result<Option<CredentialRow>, PortError> {
        Ok(lock(&self.credentials).get(&(scope.tenant(), id)).cloned())
    }

    async fn object(&self, scope: &Scope, path: &str) -> Result<Option<Vec<u8>>, PortError> {
        Ok(lock(&self.objects).get(&(scope.tenant(), path.to_owned())).cloned())
    }

    async fn behind(&self, scope: &Scope, key_version: u32) -> Result<u64, PortError> {
        Ok(self.rows_behind(scope, key_version).len() as u64)
    }

    async fn next_behind(
        &self,
        scope: &Scope,
        key_version: u32,
        after: Option<CredentialId>,
        limit: u32,
    ) -> Result<Vec<WrappedDataKey>, PortError> {
        let behind = self.rows_behind(scope, key_version).into_iter();
        Ok(behind.filter(|it| after.is_none_or(|after| it.id > after)).take(limit as usize).collect())
    }

    async fn rewrap(&self, scope: &Scope, before: &WrappedDataKey, after: &WrappedDataKey) -> Result<bool, PortError> {
        let mut credentials = lock(&self.credentials);
        let row = credentials.get_mut(&(scope.tenant(), before.id));
        let row =
            row.filter(|it| it.key_use == before.key_use && it.key_version == before.key_version && it.data_key == before.data_key);
        Ok(row
            .map(|it| {
                it.data_key.clone_from(&after.data_key);
                (it.key_use, it.key_version) = (after.key_use, after.key_version);
            })
            .is_some())
    }
}

impl Memory {
    /// Gives a grant.
    pub fn give(&self, grant: Grant) {
        lock(&self.grants).push(grant);
    }

    /// The log so far.
    pub fn logged(&self) -> Vec<Logged> {
        lock(&self.log).clone()
    }

    fn admits(&self, scope: &Scope, it: &Intention) -> Result<CredentialRow, Code> {
        let row = lock(&self.credentials).get(&(scope.tenant(), it.credential)).cloned().ok_or(Code::CredentialMissing)?;
        require_state(row.state)?;
        if it.leave != Leave::Free {
            let principal = scope.actor().originator();
            let mut grants = lock(&self.grants).clone();
            grants.retain(|grant| grant.principal == principal && grant.credential == it.credential);
            let now = Timestamp::UNIX_EPOCH;
            it.leave.decide(&grants, Wanted { profile: it.profile, amount: it.amount.as_ref(), now })?;
        }
        Ok(row)
    }
}

#[async_trait]
impl SignatureLog for Memory {
    async fn intend(&self, scope: &Scope, it: Intention) -> Result<Intent, Unsigned> {
        let row = self.admits(scope, &it);
        let mut log = lock(&self.log);
        match row {
            Ok(row) => {
                let counter = log.iter().filter(|it| matches!(it, Logged::Intended(..))).count() as u64 + 1;
                log.push(Logged::Intended(counter, it.profile, it.purpose, it.root));
                Ok(Intent { credential: it.credential, counter, entry: log.len() as u64, row })
            }
            Err(code) => {
                log.push(Logged::Refused(code));
                Err(Unsigned::Refused(code))
            }
        }
    }

    async fn ended(&self, _: &Scope, intent: &Intent, ending: Ending) -> Result<u64, PortError> {
        let mut log = lock(&self.log);
        log.push(Logged::Ended(intent.counter, ending));
        Ok(log.len() as u64)
    }

    fn abandon(&self, _: &Scope, intent: &Intent, ending: Ending) {
        lock(&self.log).push(Logged::Ended(intent.counter, ending));
    }

    async fn refused(&self, _: &Scope, refusal: Refusal) -> Result<(), PortError> {
        lock(&self.log).push(Logged::Refused(refusal.code));
        Ok(())
    }
}

impl Memory {
    fn rows_behind(&self, scope: &Scope, key_version: u32) -> Vec<WrappedDataKey> {
        let wrapped = |it: &CredentialRow| WrappedDataKey {
            id: it.id,
            data_key: it.data_key.clone(),
            key_use: it.key_use,
            key_version: it.key_version,
        };
        let is_behind = |it: &CredentialRow| it.key_use != KeyUse::Credential || it.key_version != key_version;
        let credentials = lock(&self.credentials);
        let of_tenant = credentials.iter().filter(|((tenant, _), _)| *tenant == scope.tenant()).map(|(_, row)| row);
        of_tenant.filter(|it| it.state != CredentialState::Destroyed && is_behind(it)).map(wrapped).collect()
    }
}
