//! Services over a real database in a folder, and an authority that is never reached.

use async_trait::async_trait;
use base64::Engine as _;
use fedatario_api::routing::Catalog;
use fedatario_api::testing::TestApi;
use fedatario_app::hooks::HOOK_EVENT;
use fedatario_app::identity::letters::Outside;
use fedatario_app::identity::people::People;
use fedatario_app::mail::MAIL_SEND;
use fedatario_app::ports::*;
use fedatario_app::{App, Settings};
use fedatario_base::id::{HolderId, PackageId, SolicitudId, TenantId};
use fedatario_base::{Clock, Scope, SystemScope};
use fedatario_blobs::Memory;
use fedatario_store::{Db, VaultStore};
use fedatario_testkit::FakeClock;
use fedatario_vault::{RootKeys, Vault};
use jiff::Timestamp;
use std::sync::Arc;

/// The matrix of what is tried at every operation.
pub const OPERATIONS: &str = "operation x refusal";
/// The instant at which every test begins.
pub const NOON: &str = "2026-09-01T12:00:00Z";

/// An API with what lies under it.
pub struct Stage {
    /// The API.
    pub api: TestApi,
    /// The services of people and organisations.
    pub people: People,
    /// The services.
    pub app: App,
    /// The database.
    pub db: Db,
    /// Time, moved by hand.
    pub clock: Arc<FakeClock>,
    /// The tenant of most tests.
    pub ours: TenantId,
    /// Another one.
    pub theirs: TenantId,
    _dir: tempfile::TempDir,
}

impl Stage {
    /// The operations of the product.
    pub async fn new() -> Self {
        Self::of(&fedatario_api::routes::all()).await
    }

    /// The operations of the product over an installation where nobody is yet: neither tenant is stored.
    pub async fn empty() -> Self {
        Self::made(&fedatario_api::routes::all(), false).await
    }

    /// These operations.
    pub async fn of(catalog: &Catalog) -> Self {
        Self::made(catalog, true).await
    }

    async fn made(catalog: &Catalog, with_tenants: bool) -> Self {
        let dir = tempfile::tempdir().expect("a folder");
        let db = Db::open_sqlite(dir.path().join("fedatario.db")).await.expect("a database");
        db.migrate().await.expect("its schema");
        let clock = Arc::new(FakeClock::at(NOON));
        let hands = SystemScope::for_this_process();
        let [ours, theirs] = [TenantId::fresh(clock.wall()), TenantId::fresh(clock.wall())];
        for (id, name) in [(ours, "ours"), (theirs, "theirs")].into_iter().filter(|_| with_tenants) {
            db.add_tenant(&hands, id, name, clock.wall()).await.expect("a tenant");
        }
        let app = app(&db, &dir, clock.clone());
        let people =
            People { app: app.clone(), identity: Arc::new(db.clone()), estate: Arc::new(db.clone()), outside: Outside::default() };
        let api = watched(TestApi::new(people.clone(), Arc::new(db.clone()), catalog));
        Self { api, people, app, db, clock, ours, theirs, _dir: dir }
    }

    /// Does something to the database behind everybody's back.
    pub fn tamper(&self, statement: &str) {
        let script = "import sys, sqlite3\nc = sqlite3.connect(sys.argv[1])\nc.execute(sys.argv[2])\nc.commit()";
        let mut done = std::process::Command::new("python3");
        done.args(["-c", script]).arg(self._dir.path().join("fedatario.db")).arg(statement);
        assert!(done.status().expect("python3 is there").success(), "{statement}");
    }

    /// The jobs of a kind that wait in a tenant, the newest last: (key, payload).
    pub async fn mails(&self, tenant: TenantId, kind: &'static str) -> Vec<(String, serde_json::Value)> {
        let filter = ClaimFilter { tenant: Some(tenant), kinds: vec![kind], ..ClaimFilter::default() };
        let (hands, holder, now) = (SystemScope::for_this_process(), HolderId::fresh(self.clock.wall()), self.clock.wall());
        let lease = std::time::Duration::from_millis(1);
        let mut rows = self.db.claim(&hands, holder, &filter, 100, now, now, lease).await.expect("jobs");
        self.clock.advance(jiff::SignedDuration::from_millis(2)); // The leases end: the next look finds them again.
        rows.sort_by_key(|it| it.id);
        rows.into_iter().map(|it| (it.key, it.payload)).collect()
    }

    /// What a job of mail keeps sealed.
    pub async fn opened(&self, tenant: TenantId, key: &str, payload: &serde_json::Value) -> serde_json::Value {
        let sealed = payload["sealed"].as_str().expect("it is sealed");
        let sealed = base64::engine::general_purpose::STANDARD.decode(sealed).expect("base64");
        let plain = self.app.vault.open_bytes(&Scope::system(tenant), &format!("mail:{key}"), &sealed).await.expect("its own seal");
        serde_json::from_slice(&plain).expect("JSON")
    }

    /// The mails of a tenant that wait, the newest last: each as it was worded.
    pub async fn letters(&self, tenant: TenantId) -> Vec<serde_json::Value> {
        let mut all = Vec::new();
        for (key, payload) in self.mails(tenant, MAIL_SEND).await {
            all.push(self.opened(tenant, &key, &payload).await);
        }
        all
    }

    /// The events of a tenant that wait to be told, the newest last: (kind, data).
    pub async fn told(&self, tenant: TenantId) -> Vec<(String, serde_json::Value)> {
        let rows = self.mails(tenant, HOOK_EVENT).await.into_iter();
        rows.map(|(_, it)| (it["kind"].as_str().expect("a kind").to_owned(), it["data"].clone())).collect()
    }

    /// The file of the database, for whoever writes to it past the services.
    pub fn file(&self) -> std::path::PathBuf {
        self._dir.path().join("fedatario.db")
    }

    /// The actions in a tenant's audit chain, in order.
    pub async fn chained(&self, tenant: TenantId) -> Vec<String> {
        let mut tx = self.app.store.read(&Scope::system(tenant)).await.expect("a transaction");
        let rows = tx.audit_rows(1, 1_000).await.expect("its rows");
        rows.iter()
            .map(|it| {
                serde_json::from_slice::<serde_json::Value>(&it.entry).expect("JSON")["action"]
                    .as_str()
                    .unwrap_or_default()
                    .to_owned()
            })
            .collect()
    }
}

/// Claims a cell for each operation that is seen to append the entry that it declares, and one for the values in it.
pub fn watched(mut api: TestApi) -> TestApi {
    api.chained = Some(|it| {
        let row = format!("{} {}", it.method, it.path);
        fedatario_testkit::covers!(OPERATIONS, row, "audit entry");
        if it.changes {
            fedatario_testkit::covers!(OPERATIONS, row, "before and after");
        }
    });
    api
}

fn app(db: &Db, dir: &tempfile::TempDir, clock: Arc<FakeClock>) -> App {
    let blobs: Arc<dyn Blobs> = Arc::new(Memory::new());
    let roots = RootKeys::open_or_create_file(&dir.path().join("root.key")).expect("a root key");
    let custody = VaultStore::new(db.clone(), blobs.clone()).held_by(HolderId::fresh(clock.wall()), clock.clone());
    let custody = Arc::new(custody);
    App {
        store: Arc::new(db.clone()),
        people: Arc::new(db.clone()),
        system: Arc::new(db.clone()),
        blobs,
        sat: Arc::new(Nowhere),
        vault: Arc::new(Vault::new(roots, Arc::new(db.clone()), custody)),
        clock,
        settings: Arc::new(Settings::sandbox()),
        trust: Arc::default(),
        lookups: Default::default(),
    }
}

/// An authority that nobody reaches.
pub struct Nowhere;

const AWAY: CallError = CallError::LeaseLost;

#[async_trait]
impl Sat for Nowhere {
    async fn login(&self, _: &SatAccount) -> Result<Timestamp, CallError> {
        Err(AWAY)
    }

    async fn ask(&self, _: &SatAccount, _: &SatRequest, _: SolicitudId, _: Option<LeaseProof>) -> Result<SatAsked, CallError> {
        Err(AWAY)
    }

    async fn verify(&self, _: &SatAccount, _: &str, _: SolicitudId, _: Option<LeaseProof>) -> Result<SatVerified, CallError> {
        Err(AWAY)
    }

    async fn download(
        &self,
        _: &SatAccount,
        _: &str,
        _: PackageId,
        _: Option<LeaseProof>,
        _: &dyn Shelf,
    ) -> Result<SatDownloaded, CallError> {
        Err(AWAY)
    }

    async fn recall_ask(&self, _: &SatAccount, _: SolicitudId, _: Option<LeaseProof>) -> Result<Recalled<SatAsked>, CallError> {
        Err(AWAY)
    }

    async fn recall_download(
        &self,
        _: &SatAccount,
        _: PackageId,
        _: Option<LeaseProof>,
    ) -> Result<Recalled<SatDownloaded>, CallError> {
        Err(AWAY)
    }
}
