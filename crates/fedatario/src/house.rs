//! A folder with everything embedded, opened: locks, keys, database, objects, services.

use crate::cli::Globals;
use crate::failure::Failure;
use crate::locks::{self, FileLiveness, Held, SharedLiveness};
use crate::{config, wiring};
use fedatario_app::descarga::handlers::Descarga;
use fedatario_app::jobs::{Handler, Liveness, Worker};
use fedatario_app::ports::{Blobs, System};
use fedatario_app::{App, Settings, tenancy};
use fedatario_base::clock::SystemClock;
use fedatario_base::id::HolderId;
use fedatario_base::{Clock, Scope, SystemScope};
use fedatario_blobs::Folder;
use fedatario_sat::SatClient;
use fedatario_store::{Db, Presence, VaultStore};
use fedatario_vault::Vault;
use jiff::SignedDuration;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Everything that a command needs.
pub struct House {
    /// The folder.
    pub dir: PathBuf,
    /// The services.
    pub app: App,
    /// The database, for what only the binary may ask.
    pub db: Db,
    /// The installation's own hands.
    pub hands: SystemScope,
    /// Whose data the shell works on.
    pub scope: Scope,
    /// The client, for recovery at start.
    pub sat: Arc<SatClient>,
    holder: HolderId,
    _lock: Held,
    _presence: Presence,
}

/// How a house is opened, beyond the global arguments.
#[derive(Default)]
pub struct Opening {
    /// Where SAT is, if a command knows better than the environment.
    pub sat_url: Option<String>,
    /// Set the service clock at least this far ahead (it only grows).
    pub offset: Option<SignedDuration>,
}

impl House {
    /// Opens the folder of the arguments, making it on first use.
    pub async fn open(globals: &Globals) -> Result<Self, Failure> {
        let dir = match &globals.data {
            Some(dir) => dir.clone(),
            None => config::default_data("fedatario")?,
        };
        Self::open_at(&dir, globals.tenant.as_deref(), Opening::default()).await
    }

    /// Opens a folder.
    pub async fn open_at(dir: &Path, tenant: Option<&str>, opening: Opening) -> Result<Self, Failure> {
        make_private(dir)?;
        make_private(&dir.join("run"))?;
        let holder = HolderId::fresh(SystemClock::default().wall());
        let lock = locks::hold(&dir.join("run"), holder)?;
        let hands = SystemScope::for_this_process();
        let db = wiring::database(dir).await?;
        let presence = db.hold(holder).await?;
        let offset = offset(&db, &hands, opening.offset).await?;
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::with_offset(offset));
        let blobs: Arc<dyn Blobs> = Arc::new(Folder::open(dir.join("objects"))?);
        let custody = Arc::new(VaultStore::new(db.clone(), blobs.clone()));
        let vault = Arc::new(Vault::new(wiring::root_keys(dir)?, Arc::new(db.clone()), custody));
        let (addresses, environment) = wiring::addresses(&db, &hands, opening.sat_url).await?;
        wiring::check_offset(offset, environment)?;
        let sat = wiring::sat_client(addresses, &db, vault.clone(), blobs.clone(), clock.clone(), environment)?;
        let sat = Arc::new(sat);
        let settings = match environment {
            fedatario_app::model::Environment::Production => Settings::production(),
            fedatario_app::model::Environment::Sandbox => Settings::sandbox(),
        };
        let app = App {
            store: Arc::new(db.clone()),
            system: Arc::new(db.clone()),
            blobs,
            sat: sat.clone(),
            vault,
            clock,
            settings: Arc::new(settings),
        };
        let scope = tenancy::shell_scope(&db, &hands, app.clock.as_ref(), tenant, user()).await?;
        Ok(Self { dir: dir.to_owned(), app, db, hands, scope, sat, holder, _lock: lock, _presence: presence })
    }

    /// A worker of this process.
    pub fn worker(&self) -> Worker {
        let handlers: Vec<Arc<dyn Handler>> = vec![Arc::new(Descarga::new(self.app.clone()))];
        let liveness: Arc<dyn Liveness> = if self.db.is_shared() {
            Arc::new(SharedLiveness(self.db.clone()))
        } else {
            Arc::new(FileLiveness { run: self.dir.join("run") })
        };
        Worker::new(self.app.clone(), self.hands.clone(), self.holder, liveness, handlers)
    }
}

/// The offset that the folder keeps, or the larger one that is asked for, or the environment's.
async fn offset(db: &Db, hands: &SystemScope, asked: Option<SignedDuration>) -> Result<SignedDuration, Failure> {
    let kept = db.setting(hands, wiring::OFFSET_SETTING).await?.and_then(|it| it.parse::<i64>().ok()).unwrap_or(0);
    let environment = config::value("FEDATARIO_CLOCK_OFFSET_S")?.and_then(|it| it.parse::<i64>().ok()).unwrap_or(0);
    let wanted = asked.map_or(0, |it| it.as_secs()).max(environment).max(kept);
    if wanted > kept {
        db.set_setting(hands, wiring::OFFSET_SETTING, &wanted.to_string()).await?;
    }
    Ok(SignedDuration::from_secs(wanted))
}

fn make_private(dir: &Path) -> Result<(), Failure> {
    use std::os::unix::fs::DirBuilderExt;
    let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(dir);
    made.map_err(|error| Failure::file(dir, &error))
}

/// The numeric id of whoever runs this, for the audit chain.
fn user() -> u32 {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata("/proc/self").map(|it| it.uid()).unwrap_or(u32::MAX)
}
