//! A fresh database for each test, and two tenants in it.

use fedatario_app::ports::{Store, System, Tx};
use fedatario_base::id::TenantId;
use fedatario_base::{Scope, SystemScope};
use fedatario_store::Db;
use jiff::Timestamp;
use std::io::BufRead;
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use tempfile::TempDir;

/// Makes each test function one test on each database.
macro_rules! on_both {
    ($($name:ident),+ $(,)?) => {
        mod sqlite { $(
            #[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                let bench = $crate::bench::Bench::sqlite().await;
                super::$name(&bench).await;
                bench.drop().await;
            }
        )+ }
        mod postgres { $(
            #[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                let bench = $crate::bench::Bench::postgres().await;
                super::$name(&bench).await;
                bench.drop().await;
            }
        )+ }
    };
}
pub(crate) use on_both;

/// Claims the cells of methods, once normal use and isolation were both seen.
macro_rules! methods {
    ($bench:expr; $($method:literal),+ $(,)?) => {
        $( fedatario_testkit::covers!("repository method x database", $method, $bench.name); )+
    };
}
pub(crate) use methods;

/// The role that the program works as: neither superuser nor BYPASSRLS, owner of its database.
pub const PLAIN: &str = "fedatario_plain";

/// Makes it, once for a server, whoever comes first.
const PLAIN_ROLE: &str = "do $$ begin \
     create role fedatario_plain login nosuperuser nobypassrls nocreatedb nocreaterole password 'plain'; \
     exception when duplicate_object or unique_violation then null; end $$";

pub enum Place {
    /// Held so that the folder lasts as long as the bench.
    File {
        _dir: TempDir,
    },
    Server {
        admin: String,
        name: String,
    },
}

pub struct Bench {
    pub db: Db,
    /// The column of the coverage table.
    pub name: &'static str,
    /// The tenant that owns things.
    pub ours: Scope,
    /// The tenant that must never see them.
    pub theirs: Scope,
    pub hands: SystemScope,
    /// The path or address of the database.
    pub address: String,
    place: Place,
}

pub fn at(text: &str) -> Timestamp {
    text.parse().expect("an RFC 3339 instant")
}

pub fn noon() -> Timestamp {
    at("2026-09-01T12:00:00Z")
}

impl Bench {
    pub async fn sqlite() -> Self {
        let dir = TempDir::new().expect("a temporary folder");
        let path = dir.path().join("fedatario.db");
        let db = Db::open_sqlite(&path).await.expect("a SQLite file");
        Self::with(db, "sqlite", path.display().to_string(), Place::File { _dir: dir }).await
    }

    pub async fn postgres() -> Self {
        let admin = server();
        let name = format!("fedatario_{}", uuid::Uuid::new_v4().simple());
        sql(&admin, PLAIN_ROLE).await;
        sql(&admin, &format!("create database {name} owner {PLAIN}")).await;
        let address = as_plain(&database(&admin, &name));
        let db = Db::open_postgres(&address).await.expect("the new database");
        Self::with(db, "postgres", address, Place::Server { admin, name }).await
    }

    async fn with(db: Db, name: &'static str, address: String, place: Place) -> Self {
        db.migrate().await.expect("the schema");
        let hands = SystemScope::for_this_process();
        let [ours, theirs] = ["ours", "theirs"].map(|name| (TenantId::fresh(noon()), name));
        for (id, name) in [ours, theirs] {
            db.add_tenant(&hands, id, name, noon()).await.expect("a tenant");
        }
        Self { db, name, ours: Scope::shell(ours.0, 1_000), theirs: Scope::shell(theirs.0, 2_000), hands, address, place }
    }

    /// A transaction of ours that writes.
    pub async fn our_tx(&self) -> Box<dyn Tx> {
        self.db.begin(&self.ours).await.expect("a transaction")
    }

    /// A transaction of the others that writes.
    pub async fn their_tx(&self) -> Box<dyn Tx> {
        self.db.begin(&self.theirs).await.expect("a transaction")
    }

    /// A second process's view of the same database.
    pub async fn reopened(&self) -> Db {
        match &self.place {
            Place::File { .. } => Db::open_sqlite(&self.address).await,
            Place::Server { .. } => Db::open_postgres(&self.address).await,
        }
        .expect("the same database")
    }

    /// The address of the same database as the server's administrator; none for a file.
    pub fn admin(&self) -> Option<String> {
        match &self.place {
            Place::Server { admin, name } => Some(database(admin, name)),
            Place::File { .. } => None,
        }
    }

    /// Runs statements behind the store's back, as somebody with the database in hand would.
    pub async fn tamper(&self, statements: &str) {
        match &self.place {
            Place::Server { admin, name } => sql(&database(admin, name), statements).await,
            Place::File { .. } => {
                let pool = sqlx::SqlitePool::connect(&self.address).await.expect("the file");
                sqlx::raw_sql(sqlx::AssertSqlSafe(statements)).execute(&pool).await.expect("the statements");
                pool.close().await;
            }
        }
    }

    pub async fn drop(self) {
        self.db.shut().await;
        if let Place::Server { admin, name } = self.place {
            sql(&admin, &format!("drop database {name} with (force)")).await;
        }
    }
}

pub async fn sql(address: &str, statements: &str) {
    let pool = sqlx::PgPool::connect(address).await.expect("the server answers");
    sqlx::raw_sql(sqlx::AssertSqlSafe(statements)).execute(&pool).await.expect("the statements");
    pool.close().await;
}

/// The address of another database of the same server.
fn database(admin: &str, name: &str) -> String {
    let (place, options) = admin.split_once('?').map_or((admin, String::new()), |(place, it)| (place, format!("?{it}")));
    let (server, _) = place.rsplit_once('/').expect("an address that names a database");
    format!("{server}/{name}{options}")
}

/// The same database, reached as the plain role.
pub fn as_plain(address: &str) -> String {
    as_role(address, PLAIN)
}

/// The same database, reached as a role whose password is `plain`.
pub fn as_role(address: &str, role: &str) -> String {
    let (scheme, rest) = address.split_once("://").expect("an address");
    let host = rest.split_once('@').map_or(rest, |(_, host)| host);
    format!("{scheme}://{role}:plain@{host}")
}

/// The server named by the environment, or one that lives as long as this process.
fn server() -> String {
    static OWN: OnceLock<(String, Child, TempDir)> = OnceLock::new();
    std::env::var("FEDATARIO_TEST_POSTGRES_URL").unwrap_or_else(|_| OWN.get_or_init(start).0.clone())
}

/// Starts a server that stops by itself when this process is gone: it watches its standard input.
fn start() -> (String, Child, TempDir) {
    let dir = TempDir::new().expect("a temporary folder");
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/postgres.sh");
    let mut child =
        Command::new("sh").arg(script).arg(dir.path()).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("a shell");
    let mut line = String::new();
    let out = child.stdout.take().expect("a pipe");
    std::io::BufReader::new(out).read_line(&mut line).expect("its address");
    assert!(line.starts_with("postgres://"), "these tests need PostgreSQL (apt install postgresql)");
    (line.trim().to_owned(), child, dir)
}
