//! The product's services over a folder or a PostgreSQL, as its binary wires them. SAT is nobody, or
//! a sandbox at an address.

use anyhow::Context;
use async_trait::async_trait;
use fedatario_app::App;
use fedatario_app::ports::*;
use fedatario_app::settings::Settings;
use fedatario_app::tenancy::shell_scope;
use fedatario_base::clock::SystemClock;
use fedatario_base::id::{PackageId, SolicitudId};
use fedatario_base::{Scope, Secret, SystemScope};
use fedatario_blobs::Folder;
use fedatario_sat::{Addresses, Endpoints, SatClient};
use fedatario_store::{Db, VaultStore};
use fedatario_upstream::ports::{Pause, Sealer};
use fedatario_upstream::{PortError, Ports, RandomJitter, Rate, Rates};
use fedatario_vault::{RootKeys, Vault};
use jiff::Timestamp;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// The services, and who acts.
pub struct House {
    /// The services.
    pub app: App,
    /// Their database.
    pub db: Db,
    /// The only tenant.
    pub scope: Scope,
    /// The installation itself.
    pub hands: SystemScope,
}

impl House {
    /// Opens the folder, with its own database or the one at `postgres`; there is no SAT.
    pub async fn open(dir: &Path, postgres: Option<&str>) -> anyhow::Result<Self> {
        Self::open_with(dir, postgres, None).await
    }

    /// The same, with a sandbox at `sat`.
    pub async fn open_with(dir: &Path, postgres: Option<&str>, sat: Option<&str>) -> anyhow::Result<Self> {
        std::fs::create_dir_all(dir)?;
        let db = match postgres {
            Some(url) => Db::open_postgres(url).await?,
            None => Db::open_sqlite(dir.join("fedatario.db")).await?,
        };
        db.migrate().await?;
        let hands = SystemScope::for_this_process();
        let scope = shell_scope(&db, &hands, &SystemClock::default(), None, 0).await?;
        Ok(Self { app: services(dir, &db, sat)?, db, scope, hands })
    }
}

fn services(dir: &Path, db: &Db, sat: Option<&str>) -> anyhow::Result<App> {
    let blobs: Arc<dyn Blobs> = Arc::new(Folder::open(dir.join("objects"))?);
    let custody = Arc::new(VaultStore::new(db.clone(), blobs.clone()));
    let roots = RootKeys::open_or_create_file(&dir.join("root.key"))?;
    let vault = Arc::new(Vault::new(roots, Arc::new(db.clone()), custody));
    let sat: Arc<dyn Sat> = match sat {
        Some(url) => Arc::new(client(url, db, vault.clone())?),
        None => Arc::new(Nobody),
    };
    Ok(App {
        store: Arc::new(db.clone()),
        system: Arc::new(db.clone()),
        blobs,
        sat,
        vault,
        clock: Arc::new(SystemClock::default()),
        settings: Arc::new(Settings::sandbox()),
    })
}

/// The client of SAT over the engine, at a pace that a sandbox bears.
fn client(url: &str, db: &Db, vault: Arc<Vault>) -> anyhow::Result<SatClient> {
    let ports = Ports {
        ledger: Arc::new(db.clone()),
        sessions: Arc::new(db.clone()),
        limits: Arc::new(db.clone()),
        breakers: Arc::new(db.clone()),
        sealer: Arc::new(UnderTenant(vault.clone())),
        pause: Arc::new(Asleep),
        clock: Arc::new(SystemClock::default()),
        jitter: Arc::new(RandomJitter),
    };
    let fast = Rate { per_minute: 60_000, burst: 1_000 };
    let settings = fedatario_sat::Settings { rates: Rates { credential: fast, authority: fast }, ..Default::default() };
    Ok(SatClient::new(Addresses::configured(Endpoints::from_base(url)?), vault, ports, settings)?)
}

/// Sessions are sealed under the tenant's key.
struct UnderTenant(Arc<Vault>);

#[async_trait]
impl Sealer for UnderTenant {
    async fn seal(&self, scope: &Scope, label: &str, plain: &[u8]) -> Result<Vec<u8>, PortError> {
        let sealed = self.0.seal_bytes(scope, label, plain).await;
        sealed.map_err(|error| PortError::caused(error.code(), "a session could not be sealed", error))
    }

    async fn open(&self, scope: &Scope, label: &str, sealed: &[u8]) -> Result<Secret, PortError> {
        let opened = self.0.open_bytes(scope, label, sealed).await;
        let opened = opened.map_err(|error| PortError::caused(error.code(), "a session could not be opened", error))?;
        Ok(Secret::new(opened.as_slice()))
    }
}

struct Asleep;

#[async_trait]
impl Pause for Asleep {
    async fn pause(&self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }
}

/// A database of its own on the server that the run has started; `None` if it has none.
pub async fn fresh_postgres(name: &str) -> anyhow::Result<Option<String>> {
    use sqlx::Connection;
    let Ok(server) = std::env::var("FEDATARIO_BENCH_POSTGRES_URL") else { return Ok(None) };
    let mut connection = sqlx::PgConnection::connect(&server).await?;
    for statement in [format!("drop database if exists {name}"), format!("create database {name}")] {
        sqlx::query(sqlx::AssertSqlSafe(statement)).execute(&mut connection).await?;
    }
    let (base, _) = server.rsplit_once('/').context("an address without a database")?;
    Ok(Some(format!("{base}/{name}")))
}

/// Nobody answers: nothing here asks.
struct Nobody;

#[async_trait]
impl Sat for Nobody {
    async fn login(&self, _: &SatAccount) -> Result<Timestamp, CallError> {
        Err(CallError::LeaseLost)
    }

    async fn ask(&self, _: &SatAccount, _: &SatRequest, _: SolicitudId, _: Option<LeaseProof>) -> Result<SatAsked, CallError> {
        Err(CallError::LeaseLost)
    }

    async fn verify(&self, _: &SatAccount, _: &str, _: SolicitudId, _: Option<LeaseProof>) -> Result<SatVerified, CallError> {
        Err(CallError::LeaseLost)
    }

    async fn download(
        &self,
        _: &SatAccount,
        _: &str,
        _: PackageId,
        _: Option<LeaseProof>,
        _: &dyn Shelf,
    ) -> Result<SatDownloaded, CallError> {
        Err(CallError::LeaseLost)
    }

    async fn recall_ask(&self, _: &SatAccount, _: SolicitudId, _: Option<LeaseProof>) -> Result<Recalled<SatAsked>, CallError> {
        Err(CallError::LeaseLost)
    }

    async fn recall_download(
        &self,
        _: &SatAccount,
        _: PackageId,
        _: Option<LeaseProof>,
    ) -> Result<Recalled<SatDownloaded>, CallError> {
        Err(CallError::LeaseLost)
    }
}
