//! Which part gets which other part. Flat and dull.

use crate::failure::Failure;
use crate::{config, locks};
use async_trait::async_trait;
use fedatario_app::model::{Environment, Family};
use crate::house::House;
use fedatario_app::custody::KeyStatus;
use fedatario_app::ports::{Blobs, System};
use fedatario_base::{Clock, Code, Scope, Secret, SystemScope};
use fedatario_sat::{Addresses, Endpoints, SatClient, Timeouts};
use fedatario_store::{Db, VaultStore};
use fedatario_upstream::ports::{Pause, Sealer};
use fedatario_upstream::{PortError, Ports, RandomJitter, Rate, Rates};
use fedatario_vault::{PassphraseParams, RootKeys, Vault};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// The setting that holds the address of the simulator that this folder was made with.
pub const SAT_URL_SETTING: &str = "sat_url";
/// The setting that holds how far the service clock runs ahead, in seconds.
pub const OFFSET_SETTING: &str = "clock_offset_s";
/// A simulator answers at once; whoever dies in a login blocks the next for little more than this.
const SANDBOX_TIMEOUTS: Timeouts = Timeouts {
    connect: Duration::from_secs(2),
    login: Duration::from_secs(2),
    call: Duration::from_secs(5),
    download: Duration::from_secs(120),
    idle: Duration::from_secs(5),
};
/// Bytes of an address, to refuse nonsense early.
const URL_BYTES_AT_MOST: usize = 2_048;

/// The database: `FEDATARIO_DATABASE_URL`, else the file in the folder.
pub async fn database(dir: &Path) -> Result<Db, Failure> {
    let db = match config::value("FEDATARIO_DATABASE_URL")? {
        Some(url) => Db::open_postgres(&url).await?,
        None => Db::open_sqlite(dir.join("fedatario.db")).await?,
    };
    db.migrate().await?;
    Ok(db)
}

/// The root keys: `FEDATARIO_ROOT_KEY`, `FEDATARIO_ROOT_PASSPHRASE`, else `root.key` in the folder,
/// made on first use by whoever comes first.
pub fn root_keys(dir: &Path) -> Result<RootKeys, Failure> {
    if let Some(text) = config::secret("FEDATARIO_ROOT_KEY")? {
        return Ok(RootKeys::from_text(&text)?);
    }
    if let Some(passphrase) = config::secret("FEDATARIO_ROOT_PASSPHRASE")? {
        return passphrase_keys(dir, &passphrase);
    }
    Ok(RootKeys::open_or_create_file(&dir.join("root.key"))?)
}

/// The parameters of a passphrase lie beside the database; they are made once and are no secret.
fn passphrase_keys(dir: &Path, passphrase: &Secret) -> Result<RootKeys, Failure> {
    locks::alone(&dir.join("run"), "root", || {
        let path = dir.join("root.argon2");
        if let Ok(text) = std::fs::read_to_string(&path) {
            return Ok(text.trim().parse::<PassphraseParams>()?.unlock(passphrase)?);
        }
        let (params, roots) = PassphraseParams::fresh(1, passphrase)?;
        std::fs::write(&path, format!("{params}\n")).map_err(|error| Failure::file(&path, &error))?;
        Ok(roots)
    })
}

/// Makes a new version of the root key in its file and wraps every tenant's keys under it.
pub async fn rotate_root(house: &House) -> Result<KeyStatus, Failure> {
    let path = house.dir.join("root.key");
    let behind = house.app.vault.roots_behind(&house.hands).await?;
    let roots = if behind == 0 { RootKeys::add_version_to_file(&path)? } else { RootKeys::open_file(&path)? };
    let custody = Arc::new(VaultStore::new(house.db.clone(), house.app.blobs.clone()));
    let made = roots.current_version();
    let vault = Vault::new(roots, Arc::new(house.db.clone()), custody);
    let mut moved = 0;
    loop {
        let progress = vault.rewrap_tenant_keys(&house.hands).await?;
        moved += progress.moved;
        if progress.behind == 0 || progress.moved == 0 {
            // The vault of this house still holds the old keys: what is behind is asked of the new one.
            let behind = vault.credentials_behind(&house.scope).await?;
            return Ok(KeyStatus { behind, made: Some(made), moved });
        }
    }
}

/// SAT's addresses, and the world they belong to: the argument, else `FEDATARIO_SAT_URL`, else the
/// simulator that the folder was made with, else SAT itself. Each of the eight can be set alone.
pub async fn addresses(db: &Db, hands: &SystemScope, given: Option<String>) -> Result<(Addresses, Environment), Failure> {
    let url = match (given, config::value("FEDATARIO_SAT_URL")?) {
        (Some(url), _) | (None, Some(url)) => Some(url),
        (None, None) => db.setting(hands, SAT_URL_SETTING).await?,
    };
    let bad = |error: fedatario_sat::EndpointError| Failure::new(error.code(), error.to_string());
    let mut endpoints = match url.as_deref().filter(|it| it.len() <= URL_BYTES_AT_MOST) {
        Some(url) => Endpoints::from_base(url).map_err(bad)?,
        None => Endpoints::production(),
    };
    for family in Family::ALL {
        for door in fedatario_sat::Door::ALL {
            let name = format!("FEDATARIO_SAT_{}_{door:?}_URL", family.text()).to_uppercase();
            if let Some(url) = config::value(&name)? {
                endpoints = endpoints.with(*family, door, &url).map_err(bad)?;
            }
        }
    }
    let environment = fedatario_sat::endpoints::environment_of(endpoints.get(Family::Cfdi, fedatario_sat::Door::Autentica));
    Ok((Addresses::configured(endpoints), environment))
}

/// The client of SAT over the engine, with every record in the database.
pub fn sat_client(
    addresses: Addresses,
    db: &Db,
    vault: Arc<Vault>,
    blobs: Arc<dyn Blobs>,
    clock: Arc<dyn Clock>,
    environment: Environment,
) -> Result<SatClient, Failure> {
    let sessions = crate::commands::tokens::Mirrored { db: db.clone(), blobs };
    let ports = Ports {
        ledger: Arc::new(db.clone()),
        sessions: Arc::new(sessions),
        limits: Arc::new(db.clone()),
        breakers: Arc::new(db.clone()),
        sealer: Arc::new(VaultSealer(vault.clone())),
        pause: Arc::new(TokioPause),
        clock,
        jitter: Arc::new(RandomJitter),
    };
    let mut settings = fedatario_sat::Settings::default();
    if environment == Environment::Sandbox {
        let fast = Rate { per_minute: 60_000, burst: 1_000 };
        settings.rates = Rates { credential: fast, authority: fast };
        settings.timeouts = SANDBOX_TIMEOUTS;
    }
    let client = SatClient::new(addresses, vault, ports, settings);
    client.map_err(|error| Failure::new(error.code(), error.to_string()))
}

/// Sessions are sealed under the tenant's key.
struct VaultSealer(Arc<Vault>);

#[async_trait]
impl Sealer for VaultSealer {
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

struct TokioPause;

#[async_trait]
impl Pause for TokioPause {
    async fn pause(&self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }
}

/// An installation whose clock was set ahead lives in a sandbox for good.
pub fn check_offset(offset: jiff::SignedDuration, environment: Environment) -> Result<(), Failure> {
    if offset.is_zero() || environment == Environment::Sandbox {
        return Ok(());
    }
    Err(Failure::new(Code::ClockOffsetRefused, "the clock of this folder runs ahead, and the configured address is SAT's own"))
}
