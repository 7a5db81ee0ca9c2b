//! A folder with everything embedded, opened: locks, keys, database, objects, services.
//!
//! [`Premises`] are everything but whose data is meant, which is all that `serve` needs; a [`House`]
//! is premises with the tenant that the shell works for. Only a command that brings something in may
//! make a folder: to look at one that is not there is `not_found`, and leaves nothing behind.

use crate::cli::Globals;
use crate::failure::Failure;
use crate::locks::{self, FileLiveness, Held, SharedLiveness};
use crate::roots::RootFiles;
use crate::{claim, config, files, roots, wiring};
use fedatario_app::certificates::Certificates;
use fedatario_app::descarga::handlers::Descarga;
use fedatario_app::expiry::Watch;
use fedatario_app::hooks::Deliveries;
use fedatario_app::hooks::ports::Courier;
use fedatario_app::identity::letters::Outside;
use fedatario_app::identity::people::People;
use fedatario_app::identity::recovering::Recoverer;
use fedatario_app::jobs::{Handler, Liveness, Worker};
use fedatario_app::mail::{Mails, Postman};
use fedatario_app::ports::Blobs;
use fedatario_app::revision::{self, Revision};
use fedatario_app::trust::Checks;
use fedatario_app::trust::ports::Fetcher;
use fedatario_app::{App, tenancy};
use fedatario_base::clock::SystemClock;
use fedatario_base::id::HolderId;
use fedatario_base::{Clock, Code, Scope, SystemScope};
use fedatario_sat::{SatClient, SatCounter};
use fedatario_store::{Db, Presence, VaultStore};
use jiff::SignedDuration;
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// Everything that a command needs, whoever's data it is about.
pub struct Premises {
    /// The folder.
    pub dir: PathBuf,
    /// The services.
    pub app: App,
    /// The database, for what only the binary may ask.
    pub db: Db,
    /// The installation's own hands.
    pub hands: SystemScope,
    /// The client, for recovery at start.
    pub sat: Arc<SatClient>,
    /// The client of SAT's public doors.
    pub counter: Arc<SatCounter>,
    /// Who hands mail on.
    pub postman: Arc<dyn Postman>,
    /// How this installation is seen from outside.
    pub outside: Outside,
    /// Who sends events to addresses outside.
    pub courier: Arc<dyn Courier>,
    /// Who asks authorities whether they took certificates back.
    pub fetcher: Arc<dyn Fetcher>,
    /// Where objects lie.
    pub objects: wiring::Objects,
    /// The files of the root keys of each class, where they lie in one.
    pub root_files: RootFiles,
    holder: HolderId,
    _lock: Held,
    presence: Arc<Presence>,
}

/// How long folding the log back may take before the process ends without it.
const FOLDING: Duration = Duration::from_secs(5);

impl Drop for Premises {
    /// An embedded database is one file again when nobody works on it; whoever copies it then copies
    /// all of it.
    fn drop(&mut self) {
        if self.db.is_shared() {
            return;
        }
        let db = self.db.clone();
        tokio::task::block_in_place(|| {
            let folded = tokio::runtime::Handle::current().block_on(tokio::time::timeout(FOLDING, db.shut()));
            if folded.is_err() {
                tracing::warn!("the database was still in use; its log is folded by whoever opens it next");
            }
        });
    }
}

/// Premises, and whose data the shell works on.
pub struct House {
    premises: Premises,
    /// Whose data the shell works on.
    pub scope: Scope,
}

impl Deref for House {
    type Target = Premises;

    fn deref(&self) -> &Premises {
        &self.premises
    }
}

/// How a folder is opened, beyond the global arguments.
#[derive(Debug, Default)]
pub struct Opening {
    makes: bool,
    is_demo: bool,
    is_signer: bool,
    sat_url: Option<String>,
    offset: Option<SignedDuration>,
}

impl Opening {
    /// Only a folder that is there.
    pub fn existing() -> Self {
        Self::default()
    }

    /// One that is there, or a new one.
    pub fn making() -> Self {
        Self { makes: true, ..Self::default() }
    }

    /// The signer's, alone in its process: it makes its own key and needs none of the house.
    pub fn signer() -> Self {
        Self { makes: true, is_signer: true, ..Self::default() }
    }

    /// The shell of the signer's machine, for what only it can do there.
    pub fn signers_shell() -> Self {
        Self { is_signer: true, ..Self::default() }
    }

    /// The demo's: SAT is its own simulator, and the service clock runs at least this far ahead.
    pub fn demo(sat_url: &str, offset: SignedDuration) -> Self {
        Self { makes: true, is_demo: true, is_signer: false, sat_url: Some(sat_url.to_owned()), offset: Some(offset) }
    }
}

impl House {
    /// Opens the folder of the arguments for their tenant.
    pub async fn open(globals: &Globals, opening: Opening) -> Result<Self, Failure> {
        Premises::open(globals, opening).await?.of(globals.tenant()).await
    }

    /// Opens a folder for a tenant.
    pub async fn open_at(dir: &Path, tenant: Option<&str>, opening: Opening) -> Result<Self, Failure> {
        Premises::open_at(dir, opening).await?.of(tenant).await
    }
}

impl Premises {
    /// Whether the arguments name something that can be looked at.
    pub fn exist(globals: &Globals) -> Result<bool, Failure> {
        if config::value(wiring::DATABASE_URL)?.is_some() {
            return Ok(true);
        }
        Ok(config::data(globals, "fedatario").is_ok_and(|dir| dir.join(wiring::DATABASE_FILE).exists()))
    }

    /// Opens the folder of the arguments.
    pub async fn open(globals: &Globals, opening: Opening) -> Result<Self, Failure> {
        let dir = config::data(globals, "fedatario")?;
        if !opening.makes && !Self::exist(globals)? {
            let nothing = Failure::new(Code::NotFound, format!("{} holds no {}", dir.display(), wiring::DATABASE_FILE));
            return Err(nothing.saying("cli-no-folder"));
        }
        Self::open_at(&dir, opening).await
    }

    /// Opens a folder.
    pub async fn open_at(dir: &Path, opening: Opening) -> Result<Self, Failure> {
        // What the environment says is read before anything is made or written.
        let ahead = wiring::asked_offset(opening.offset)?;
        let (url, form, bucket) = (wiring::sat_url(opening.sat_url)?, wiring::form()?, wiring::bucket()?);
        files::private_dir(dir)?;
        files::private_dir(&dir.join("run"))?;
        let holder = HolderId::fresh(SystemClock::default().wall());
        let lock = locks::hold(&dir.join("run"), holder)?;
        let hands = SystemScope::for_this_process();
        let db = wiring::database(dir).await?;
        let presence = Arc::new(db.hold(holder).await?);
        if opening.is_demo {
            claim::database(&db, &hands).await?;
        }
        let (addresses, environment) = wiring::addresses(&db, &hands, url.clone()).await?;
        let public = wiring::public_addresses(&db, &hands, url, environment).await?;
        let offset = wiring::settle_offset(&db, &hands, ahead, environment).await?;
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::with_offset(offset));
        let objects = wiring::Objects::open(dir, bucket)?;
        let blobs: Arc<dyn Blobs> = objects.blobs.clone();
        #[cfg(feature = "crash-points")]
        let blobs: Arc<dyn Blobs> = Arc::new(crate::crash::Blobs(blobs));
        let custody = Arc::new(VaultStore::new(db.clone(), blobs.clone()).held_by(holder, clock.clone()));
        let liveness = liveness(&db, &presence, dir);
        close_lost_signatures(&custody, &hands, liveness.as_ref()).await?;
        let (vault, root_files) = match opening.is_signer {
            true => roots::signers_vault(dir, &db, &hands, custody, opening.makes).await?,
            false => roots::vault(dir, &db, &hands, custody, opening.makes).await?,
        };
        let vault = Arc::new(vault);
        let sat = wiring::sat_client(addresses, form, &db, vault.clone(), blobs.clone(), clock.clone(), environment)?;
        let sat = Arc::new(sat);
        let counter = wiring::sat_counter(public, &db, vault.clone(), blobs.clone(), clock.clone(), environment)?;
        let settings = wiring::settings(environment)?;
        let (postman, courier) = (Arc::new(wiring::mailer()?), Arc::new(wiring::courier(environment)?));
        let outside = Outside { public_url: crate::identity::public_url()?, has_mail: postman.is_configured() };
        let app = App {
            store: Arc::new(db.clone()),
            people: Arc::new(db.clone()),
            system: Arc::new(db.clone()),
            blobs,
            sat: sat.clone(),
            vault,
            clock,
            settings: Arc::new(settings),
            trust: Arc::new(wiring::trust()?),
            lookups: Default::default(),
        };
        #[cfg(feature = "crash-points")]
        let app =
            App { store: Arc::new(crate::crash::Store(app.store)), system: Arc::new(crate::crash::System(app.system)), ..app };
        Ok(Self {
            dir: dir.to_owned(),
            app,
            db,
            hands,
            sat,
            counter: Arc::new(counter),
            postman,
            outside,
            courier,
            fetcher: Arc::new(wiring::fetcher()?),
            objects,
            root_files,
            holder,
            _lock: lock,
            presence,
        })
    }

    /// The same for one tenant: the one named, else the only one.
    pub async fn of(self, tenant: Option<&str>) -> Result<House, Failure> {
        let scope = tenancy::shell_scope(&self.db, &self.hands, self.app.clock.as_ref(), tenant, user()).await?;
        Ok(House { premises: self, scope })
    }

    /// The service that says which documents are what they say.
    pub fn revision(&self, stale_days: Option<u32>) -> Result<Revision, Failure> {
        let mut settings = revision::Settings::default();
        settings.stale_days = stale_days.unwrap_or(settings.stale_days);
        Ok(Revision {
            app: self.app.clone(),
            registry: Arc::new(self.db.clone()),
            counter: self.counter.clone(),
            hands: SystemScope::for_this_process(),
            authorities: Arc::new(wiring::authorities()?),
            certificates: Arc::default(),
            settings,
        })
    }

    /// The services of people and organisations.
    pub fn people(&self) -> People {
        let db = Arc::new(self.db.clone());
        People { app: self.app.clone(), identity: db.clone(), estate: db, outside: self.outside.clone() }
    }

    /// A worker of this process.
    pub fn worker(&self) -> Worker {
        let mut handlers: Vec<Arc<dyn Handler>> = vec![
            Arc::new(Descarga::new(self.app.clone())),
            Arc::new(Certificates::new(self.app.clone())),
            Arc::new(Mails::new(self.app.clone(), self.postman.clone())),
            Arc::new(Deliveries::new(self.app.clone(), self.courier.clone())),
            Arc::new(Checks::new(self.app.clone(), self.fetcher.clone())),
            Arc::new(Watch::new(self.app.clone())),
        ];
        match self.revision(None) {
            Ok(revision) => handlers.push(Arc::new(revision)),
            Err(failure) => tracing::error!(code = failure.code.slug(), detail = failure.detail, "no checks are run here"),
        }
        match crate::identity::of(self) {
            Ok(identity) => handlers.push(Arc::new(Recoverer::new(self.app.clone(), Arc::new(identity)))),
            Err(failure) => tracing::error!(code = failure.code.slug(), detail = failure.detail, "no factors are recovered here"),
        }
        #[cfg(feature = "crash-points")]
        let handlers = handlers.into_iter().map(|it| Arc::new(crate::crash::Handler(it)) as Arc<dyn Handler>).collect();
        let liveness = liveness(&self.db, &self.presence, &self.dir);
        Worker::new(self.app.clone(), self.hands.clone(), self.holder, liveness, handlers)
    }
}

/// How the dead among processes are told.
fn liveness(db: &Db, presence: &Arc<Presence>, dir: &Path) -> Arc<dyn Liveness> {
    if db.is_shared() {
        return Arc::new(SharedLiveness { db: db.clone(), presence: presence.clone() });
    }
    Arc::new(FileLiveness { run: dir.join("run") })
}

/// Whoever died with a signature under way left it to the next start: it may have been made.
async fn close_lost_signatures(custody: &VaultStore, hands: &SystemScope, liveness: &dyn Liveness) -> Result<(), Failure> {
    let open = custody.open_intents(hands).await?;
    let mut holders: Vec<HolderId> = open.iter().map(|it| it.1).collect();
    holders.sort_unstable();
    holders.dedup();
    let dead = liveness.dead(&holders).await;
    for (tenant, holder) in open.into_iter().filter(|it| dead.contains(&it.1)) {
        let closed = custody.close_intents(hands, tenant, holder).await?;
        tracing::warn!(%tenant, closed, "signatures were under way when their process ended; their outcome is uncertain");
    }
    Ok(())
}

/// The numeric id of whoever runs this, for the audit chain.
pub fn user() -> u32 {
    rustix::process::getuid().as_raw()
}
