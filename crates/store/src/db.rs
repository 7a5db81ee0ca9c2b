//! The two databases, opened.
//!
//! SQLite: one file in WAL, one connection that writes, a few that only read; every commit is
//! synced before it is answered. PostgreSQL: one pool, and no weaker `synchronous_commit` than the
//! local disk.

use crate::error::{migrated, stored};
use crate::group::Group;
use crate::reach::Reach;
use crate::tx::{Inner, SqlTx, Work};
use async_trait::async_trait;
use fedatario_app::ports::{Store, StoreError, Stored, Tx};
use fedatario_base::Scope;
use sqlx::migrate::Migrator;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection, PgPool, SqlitePool};
use std::path::{Path, PathBuf};
use std::time::Duration;

static SQLITE: Migrator = sqlx::migrate!("migrations/sqlite");
static POSTGRES: Migrator = sqlx::migrate!("migrations/postgres");

/// How long a statement waits for another process that writes the same file.
const BUSY: Duration = Duration::from_secs(10);

/// How long a caller waits for a connection before storage counts as unavailable.
const ACQUIRE: Duration = Duration::from_secs(30);

/// Connections that read one SQLite file beside its writer: a few exports and pages at once.
const LITE_READERS: u32 = 4;

/// Connections of one process to PostgreSQL: workers and requests of two cores, far below the
/// hundred that a server allows by default.
const PG_CONNECTIONS: u32 = 16;

/// Page cache of the SQLite writer, in KiB (negative by SQLite's convention): an import's indexes
/// stay in memory.
const LITE_CACHE_KIB: &str = "-65536";

/// Bytes of a page of a new SQLite file: a document of the usual size lies in one page, and half as
/// many pages again are written for the same rows. A file keeps the size that it was made with.
const LITE_PAGE_BYTES: u32 = 16 << 10;

/// Pages in the write-ahead log before it is folded back (64 MiB): fewer folds during an import.
const LITE_CHECKPOINT_PAGES: &str = "4000";

/// Prepared statements kept by each connection: all of ours.
const STATEMENTS: usize = 256;

/// An answered commit survives a power cut, whatever the server's default.
const DURABLE: &str = "select set_config('synchronous_commit', 'on', false) where current_setting('synchronous_commit') = 'off'";

/// How a transaction begins that reads.
const SNAPSHOT: &str = "begin isolation level repeatable read read only";

#[derive(Clone)]
pub(crate) enum Pools {
    Lite { write: SqlitePool, read: SqlitePool, path: PathBuf },
    Pg(PgPool),
}

/// A database, and every port over it. Clones share it.
#[derive(Clone)]
pub struct Db(pub(crate) Pools, pub(crate) Group<crate::shared::Asked>);

impl std::fmt::Debug for Db {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.0 {
            Pools::Lite { path, .. } => write!(f, "Db(sqlite {})", path.display()),
            Pools::Pg(_) => f.write_str("Db(postgres)"),
        }
    }
}

impl Db {
    /// Opens a file, made with mode 0600 if there is none. Several processes may do so.
    pub async fn open_sqlite(path: impl AsRef<Path>) -> Stored<Self> {
        let path = path.as_ref().to_owned();
        make_private(&path)?;
        let options = lite_options(&path);
        let write = SqlitePoolOptions::new()
            .max_connections(1)
            .acquire_timeout(ACQUIRE)
            .test_before_acquire(false)
            .connect_with(options.clone().pragma("cache_size", LITE_CACHE_KIB).pragma("wal_autocheckpoint", LITE_CHECKPOINT_PAGES))
            .await
            .map_err(stored)?;
        let read = SqlitePoolOptions::new()
            .max_connections(LITE_READERS)
            .acquire_timeout(ACQUIRE)
            .test_before_acquire(false)
            .connect_lazy_with(options.read_only(true));
        Ok(Self(Pools::Lite { write, read, path }, Group::default()))
    }

    /// Connects to a server by its URL.
    pub async fn open_postgres(url: &str) -> Stored<Self> {
        let options: PgConnectOptions = url.parse().map_err(|_| StoreError::Unavailable("not a PostgreSQL address".into()))?;
        let options = options.statement_cache_capacity(STATEMENTS).application_name("fedatario");
        // A pool would try for as long as a caller may wait; a server that is not there is told at once.
        PgConnection::connect_with(&options).await.map_err(stored)?.close().await.map_err(stored)?;
        let pool = PgPoolOptions::new()
            .max_connections(PG_CONNECTIONS)
            .acquire_timeout(ACQUIRE)
            .after_connect(|connection, _| Box::pin(async move { connection.execute(DURABLE).await.map(|_| ()) }))
            .connect_lazy_with(options);
        Ok(Self(Pools::Pg(pool), Group::default()))
    }

    /// Brings the schema up to this program's, one process at a time; where it is, nothing is written,
    /// so that a role without rights over the schema may call it too. A database that a newer program
    /// has written is refused as [`StoreError::SchemaNewer`], one whose server would not hold tenants
    /// apart as [`StoreError::Unprotected`].
    pub async fn migrate(&self) -> Stored<()> {
        match &self.0 {
            Pools::Lite { write, path, .. } => {
                let lock = lock_beside(path.clone()).await?;
                let done = SQLITE.run(write).await.map_err(migrated);
                drop(lock);
                done
            }
            Pools::Pg(pool) => self.migrate_postgres(pool).await,
        }
    }

    async fn migrate_postgres(&self, pool: &PgPool) -> Stored<()> {
        self.refuse_unbound_roles().await?;
        if !is_current(pool).await? {
            // sqlx holds an advisory lock of the database meanwhile.
            POSTGRES.run(pool).await.map_err(migrated)?;
            self.lock_tables().await?;
        }
        self.refuse_unlocked_tables().await
    }

    /// What the writing connection says of syncing its commits: `2` (full) on SQLite, `on` or
    /// stronger on PostgreSQL. For doctors and tests.
    pub async fn durability(&self) -> Stored<String> {
        match &self.0 {
            Pools::Lite { write, .. } => {
                let level: Result<i64, _> = sqlx::query_scalar("pragma synchronous").fetch_one(write).await;
                level.map(|it| it.to_string()).map_err(stored)
            }
            Pools::Pg(pool) => sqlx::query_scalar("show synchronous_commit").fetch_one(pool).await.map_err(stored),
        }
    }

    /// Closes the connections once they are idle; SQLite folds its log back.
    pub async fn shut(&self) {
        match &self.0 {
            Pools::Lite { write, read, .. } => {
                read.close().await;
                write.close().await;
            }
            Pools::Pg(pool) => pool.close().await,
        }
    }

    /// A transaction that writes what `reach` may.
    pub(crate) async fn writing(&self, reach: Reach) -> Stored<Work> {
        let inner = match &self.0 {
            Pools::Lite { write, .. } => write.begin_with("begin immediate").await.map(Inner::Lite),
            Pools::Pg(pool) => pool.begin_with(AssertSqlSafe(reach.begin("begin"))).await.map(Inner::Pg),
        };
        inner.map(Work::new).map_err(stored)
    }

    /// A transaction that reads what `reach` may, all of it as of one moment.
    pub(crate) async fn reading(&self, reach: Reach) -> Stored<Work> {
        let inner = match &self.0 {
            Pools::Lite { read, .. } => read.begin().await.map(Inner::Lite),
            Pools::Pg(pool) => pool.begin_with(AssertSqlSafe(reach.begin(SNAPSHOT))).await.map(Inner::Pg),
        };
        inner.map(Work::new).map_err(stored)
    }
}

#[async_trait]
impl Store for Db {
    async fn begin(&self, scope: &Scope) -> Stored<Box<dyn Tx>> {
        Ok(Box::new(SqlTx::new(self.writing_in(scope.tenant().0).await?, scope)))
    }

    async fn read(&self, scope: &Scope) -> Stored<Box<dyn Tx>> {
        Ok(Box::new(SqlTx::new(self.reading(Reach::Tenant(scope.tenant().0)).await?, scope)))
    }
}

/// Whether exactly the migrations of this program were applied.
async fn is_current(pool: &PgPool) -> Stored<bool> {
    let (kept,): (bool,) =
        sqlx::query_as("select to_regclass('_sqlx_migrations') is not null").fetch_one(pool).await.map_err(stored)?;
    if !kept {
        return Ok(false);
    }
    let applied: Vec<(i64, Vec<u8>, bool)> =
        sqlx::query_as("select version, checksum, success from _sqlx_migrations order by version")
            .fetch_all(pool)
            .await
            .map_err(stored)?;
    let ours = POSTGRES.iter().map(|it| (it.version, it.checksum.to_vec(), true));
    Ok(ours.eq(applied))
}

fn lite_options(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .page_size(LITE_PAGE_BYTES)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .busy_timeout(BUSY)
        .foreign_keys(true)
        // A wrapped key that is destroyed, or sealed text that is forgotten, is overwritten and not merely unlinked.
        .pragma("secure_delete", "on")
        .statement_cache_capacity(STATEMENTS)
}

/// The log and its index take the mode of the database file.
fn make_private(path: &Path) -> Stored<()> {
    let mut options = std::fs::OpenOptions::new();
    options.create(true).append(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map(|_| ()).map_err(|error| StoreError::Unavailable(format!("{}: {error}", path.display())))
}

/// An exclusive lock on a file beside the database, held until it is dropped.
async fn lock_beside(mut path: PathBuf) -> Stored<std::fs::File> {
    path.as_mut_os_string().push(".lock");
    let locked = tokio::task::spawn_blocking(move || {
        let file = std::fs::OpenOptions::new().create(true).append(true).open(path)?;
        file.lock().map(|()| file)
    });
    match locked.await {
        Ok(Ok(file)) => Ok(file),
        Ok(Err(error)) => Err(StoreError::Unavailable(format!("the migration lock: {error}"))),
        Err(error) => Err(StoreError::Unavailable(format!("the migration lock: {error}"))),
    }
}
