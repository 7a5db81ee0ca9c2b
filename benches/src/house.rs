//! The product's services over a folder or a PostgreSQL, as its binary wires them. SAT is nobody, or
//! a sandbox at an address.

use anyhow::Context;
use fedatario_app::App;
use fedatario_app::engine::{TokioPause, VaultSealer};
use fedatario_app::ports::*;
use fedatario_app::settings::Settings;
use fedatario_app::tenancy::shell_scope;
use fedatario_base::clock::SystemClock;
use fedatario_base::{Scope, SystemScope};
use fedatario_blobs::Folder;
use fedatario_sat::{Addresses, Endpoints, SatClient};
use fedatario_store::{Db, VaultStore};
use fedatario_upstream::{Ports, RandomJitter, Rate, Rates};
use fedatario_vault::{RootKeys, Vault};
use std::path::Path;
use std::sync::Arc;

/// An address where nobody listens, for benches that ask nothing.
const NOBODY: &str = "http://127.0.0.1:1";

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
    let sat = Arc::new(client(sat.unwrap_or(NOBODY), db, vault.clone())?);
    Ok(App {
        store: Arc::new(db.clone()),
        people: Arc::new(db.clone()),
        system: Arc::new(db.clone()),
        blobs,
        sat,
        vault,
        clock: Arc::new(SystemClock::default()),
        settings: Arc::new(Settings::sandbox()),
        trust: Arc::default(),
        lookups: Default::default(),
    })
}

/// The client of SAT over the engine, at a pace that a sandbox bears.
fn client(url: &str, db: &Db, vault: Arc<Vault>) -> anyhow::Result<SatClient> {
    let ports = Ports {
        ledger: Arc::new(db.clone()),
        sessions: Arc::new(db.clone()),
        limits: Arc::new(db.clone()),
        breakers: Arc::new(db.clone()),
        sealer: Arc::new(VaultSealer(vault.clone())),
        pause: Arc::new(TokioPause),
        clock: Arc::new(SystemClock::default()),
        jitter: Arc::new(RandomJitter),
    };
    let fast = Rate { per_minute: 60_000, burst: 1_000 };
    let settings = fedatario_sat::Settings { rates: Rates { credential: fast, authority: fast }, ..Default::default() };
    Ok(SatClient::new(Addresses::configured(Endpoints::from_base(url)?), vault, ports, settings)?)
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
