//! What the tests of the vault share: tenants, minted pairs, a vault in memory, and ports that stall.
#![allow(dead_code, reason = "each test binary uses its part")]

use async_trait::async_trait;
use fedatario_base::id::{CredentialId, TenantId};
use fedatario_base::{Scope, Secret, SystemScope};
use fedatario_credentials::mint::{Authority, Minted, Subject};
use fedatario_credentials::{Kind, Pair};
use fedatario_vault::log::{Ending, Intent, Intention, Refusal, SignatureLog, Unsigned};
use fedatario_vault::memory::Memory;
use fedatario_vault::{
    CredentialKind, CredentialRow, CredentialState, CredentialStore, KeyClass, KeyPlace, KeyUse, PortError, RootKeys,
    SealedCredential, TenantKeyRow, TenantKeys, Vault, WrappedDataKey,
};
use jiff::Timestamp;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, LazyLock};
use tokio::sync::Notify;

pub static NOW: LazyLock<Timestamp> = LazyLock::new(|| "2026-09-01T12:00:00Z".parse().expect("an instant"));

pub fn scope(second: i64) -> Scope {
    let at = Timestamp::from_second(1_700_000_000 + second).expect("an instant");
    Scope::shell(TenantId::fresh(at), 1000)
}

pub fn roots(text: &str) -> RootKeys {
    RootKeys::from_text(&Secret::new(text)).expect("root keys")
}

/// Versions 1 and 2 of one installation.
pub const ROOT_1: &str = "1 MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";
pub const ROOT_1_2: &str = "1 MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=\n2 ZmVkY2JhOTg3NjU0MzIxMGZlZGNiYTk4NzY1NDMyMTA=";
pub const ROOT_2: &str = "2 ZmVkY2JhOTg3NjU0MzIxMGZlZGNiYTk4NzY1NDMyMTA=";

static AUTHORITY: LazyLock<Authority> = LazyLock::new(|| Authority::generate("AC", *NOW).expect("an authority"));

pub fn mint(kind: Kind) -> Minted {
    let subject = Subject {
        rfc: "EKU9003173C9".into(),
        representative_rfc: Some("VADA800927DJ3".into()),
        name: "ESCUELA KEMPER URGATE SA DE CV".into(),
        curp: None,
        branch: None,
    };
    let (from, to) = ("2025-01-01T00:00:00Z".parse().unwrap(), "2029-01-01T00:00:00Z".parse().unwrap());
    AUTHORITY.issue(&subject, kind, "30001000000500003415", from, to).expect("a certificate")
}

pub fn pair(minted: &Minted) -> Pair {
    Pair::from_files(&minted.cer_der, minted.pkcs8_der.expose(), &Secret::new("")).expect("a pair")
}

pub async fn admitted(vault: &Vault, memory: &Memory, scope: &Scope, minted: &Minted) -> SealedCredential {
    let id = CredentialId::fresh(*NOW);
    let sealed = vault.admit(scope, pair(minted), CredentialKind::Fiel, id, *NOW).await.expect("admitted");
    memory.put(scope, &sealed, CredentialState::Active);
    sealed
}

/// The ports of a [`Memory`], which stall for good at a chosen re-wrap: whoever waits is dropped
/// there, as a killed process is.
pub struct Stalling {
    pub inner: Arc<Memory>,
    pub before_stall: AtomicI64,
    pub stalled: Notify,
}

impl Stalling {
    pub fn after(inner: Arc<Memory>, rewraps: i64) -> Arc<Self> {
        Arc::new(Self { inner, before_stall: AtomicI64::new(rewraps), stalled: Notify::new() })
    }

    async fn pass(&self) {
        if self.before_stall.fetch_sub(1, Ordering::SeqCst) <= 0 {
            self.stalled.notify_one();
            std::future::pending::<()>().await;
        }
    }
}

#[async_trait]
impl TenantKeys for Stalling {
    async fn current(&self, scope: &Scope, key_use: KeyUse) -> Result<Option<TenantKeyRow>, PortError> {
        self.inner.current(scope, key_use).await
    }
    async fn by_version(&self, scope: &Scope, key_use: KeyUse, version: u32) -> Result<Option<TenantKeyRow>, PortError> {
        self.inner.by_version(scope, key_use, version).await
    }
    async fn insert_if_absent(&self, scope: &Scope, row: &TenantKeyRow) -> Result<bool, PortError> {
        self.inner.insert_if_absent(scope, row).await
    }
    async fn behind(&self, system: &SystemScope, class: KeyClass, root: u32) -> Result<u64, PortError> {
        TenantKeys::behind(&*self.inner, system, class, root).await
    }
    async fn next_behind(
        &self,
        system: &SystemScope,
        class: KeyClass,
        root: u32,
        after: Option<KeyPlace>,
        limit: u32,
    ) -> Result<Vec<(TenantId, TenantKeyRow)>, PortError> {
        TenantKeys::next_behind(&*self.inner, system, class, root, after, limit).await
    }
    async fn rewrap(
        &self,
        system: &SystemScope,
        tenant: TenantId,
        before: &TenantKeyRow,
        after: &TenantKeyRow,
    ) -> Result<bool, PortError> {
        self.pass().await;
        TenantKeys::rewrap(&*self.inner, system, tenant, before, after).await
    }
}

#[async_trait]
impl SignatureLog for Stalling {
    async fn intend(&self, scope: &Scope, intention: Intention) -> Result<Intent, Unsigned> {
        self.inner.intend(scope, intention).await
    }
    async fn ended(&self, scope: &Scope, intent: &Intent, ending: Ending) -> Result<u64, PortError> {
        self.inner.ended(scope, intent, ending).await
    }
    fn abandon(&self, scope: &Scope, intent: &Intent, ending: Ending) {
        self.inner.abandon(scope, intent, ending);
    }
    async fn refused(&self, scope: &Scope, refusal: Refusal) -> Result<(), PortError> {
        self.inner.refused(scope, refusal).await
    }
}

#[async_trait]
impl CredentialStore for Stalling {
    async fn credential(&self, scope: &Scope, id: CredentialId) -> Result<Option<CredentialRow>, PortError> {
        self.inner.credential(scope, id).await
    }
    async fn object(&self, scope: &Scope, path: &str) -> Result<Option<Vec<u8>>, PortError> {
        self.inner.object(scope, path).await
    }
    async fn behind(&self, scope: &Scope, version: u32) -> Result<u64, PortError> {
        CredentialStore::behind(&*self.inner, scope, version).await
    }
    async fn next_behind(
        &self,
        scope: &Scope,
        version: u32,
        after: Option<CredentialId>,
        limit: u32,
    ) -> Result<Vec<WrappedDataKey>, PortError> {
        CredentialStore::next_behind(&*self.inner, scope, version, after, limit).await
    }
    async fn rewrap(&self, scope: &Scope, before: &WrappedDataKey, after: &WrappedDataKey) -> Result<bool, PortError> {
        self.pass().await;
        CredentialStore::rewrap(&*self.inner, scope, before, after).await
    }
}
