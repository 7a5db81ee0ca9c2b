//! One transaction, on either database.
//!
//! [`Work`] is the transaction itself; [`SqlTx`] is one with a tenant, the only way to a tenant's
//! rows. After a failed statement PostgreSQL answers a commit with a silent rollback, so a `Work`
//! remembers the failure and refuses to commit, on both databases alike.

use crate::error::stored;
use async_trait::async_trait;
use fedatario_app::ports::{StoreError, Stored, Tx};
use fedatario_base::Scope;
use sqlx::{Postgres, Sqlite, Transaction};
use std::sync::OnceLock;
use uuid::Uuid;

/// The transaction of one of the databases.
pub(crate) enum Inner {
    Lite(Transaction<'static, Sqlite>),
    Pg(Transaction<'static, Postgres>),
}

/// A transaction that knows whether it may still commit.
pub(crate) struct Work {
    pub(crate) inner: Inner,
    fallen: bool,
}

/// Makes a query with its binds: some as given, then some for each item of a list.
macro_rules! bound {
    ($query:expr; $($bind:expr),* $(; for $item:ident in $list:expr => $($each:expr),+)?) => {{
        #[allow(unused_mut, reason = "only lists bind in a loop")]
        let mut query = $query $(.bind($bind))*;
        $(for $item in $list { query = query $(.bind($each))+; })?
        query
    }};
}

/// Runs a statement that answers no rows; how many it touched.
macro_rules! run {
    ($work:expr, $sql:expr $(, $bind:expr)* $(; for $item:ident in $list:expr => $($each:expr),+)? $(,)?) => {{
        let done = match &mut $work.inner {
            $crate::tx::Inner::Lite(tx) => $crate::tx::bound!(sqlx::query::<sqlx::Sqlite>($crate::tx::worded($sql)); $($bind),* $(; for $item in $list => $($each),+)?)
                .execute(&mut **tx).await.map(|it| it.rows_affected()),
            $crate::tx::Inner::Pg(tx) => $crate::tx::bound!(sqlx::query::<sqlx::Postgres>($crate::tx::worded($sql)); $($bind),* $(; for $item in $list => $($each),+)?)
                .execute(&mut **tx).await.map(|it| it.rows_affected()),
        };
        $work.noted(done)
    }};
}

/// Runs a statement that answers rows, by `fetch_one`, `fetch_optional` or `fetch_all`.
macro_rules! fetch {
    ($work:expr, $how:ident, $sql:expr $(, $bind:expr)* $(; for $item:ident in $list:expr => $($each:expr),+)? $(,)?) => {{
        let done = match &mut $work.inner {
            $crate::tx::Inner::Lite(tx) => $crate::tx::bound!(sqlx::query_as::<sqlx::Sqlite, _>($crate::tx::worded($sql)); $($bind),* $(; for $item in $list => $($each),+)?)
                .$how(&mut **tx).await,
            $crate::tx::Inner::Pg(tx) => $crate::tx::bound!(sqlx::query_as::<sqlx::Postgres, _>($crate::tx::worded($sql)); $($bind),* $(; for $item in $list => $($each),+)?)
                .$how(&mut **tx).await,
        };
        $work.noted(done)
    }};
}

/// Runs a statement and answers every row of it, as the value that the function promises.
macro_rules! list {
    ($work:expr, $($statement:tt)+) => {
        $crate::tx::fetch!($work, fetch_all, $($statement)+).map(|rows: Vec<$crate::read::Read<_>>| rows.into_iter().map(|it| it.0).collect())
    };
}

/// Runs a statement that answers one row or none, as the value that the function promises.
macro_rules! one {
    ($work:expr, $($statement:tt)+) => {
        $crate::tx::fetch!($work, fetch_optional, $($statement)+).map(|row: Option<$crate::read::Read<_>>| row.map(|it| it.0))
    };
}

/// A statement as it is sent: as it was written.
#[cfg(not(feature = "no-predicates"))]
pub(crate) fn worded<S: sqlx::SqlSafeStr>(sql: S) -> S {
    sql
}

/// A statement as it is sent: with each condition on its tenant made void, so that the tests see what
/// row-level security holds by itself.
#[cfg(feature = "no-predicates")]
pub(crate) fn worded(sql: impl sqlx::SqlSafeStr) -> sqlx::AssertSqlSafe<String> {
    const PREDICATE: &str = "tenant_id = $";
    let sql = sql.into_sql_str();
    let mut parts = sql.as_str().split(PREDICATE);
    let mut worded = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let digits = part.find(|it: char| !it.is_ascii_digit()).unwrap_or(part.len());
        let alias = worded.rfind(|it: char| !it.is_ascii_alphanumeric() && it != '.' && it != '_').map_or(0, |it| it + 1);
        if worded[alias..].is_empty() || worded.ends_with('.') {
            worded.insert_str(alias, "(true or ");
            worded.push_str(&format!("{PREDICATE}{}){}", &part[..digits], &part[digits..]));
        } else {
            // The end of another column's name, as `last_tenant_id`.
            worded.push_str(&format!("{PREDICATE}{part}"));
        }
    }
    sqlx::AssertSqlSafe(worded)
}

pub(crate) use {bound, fetch, list, one, run};

/// `$from, $from+1, …` for a list of that many binds.
pub(crate) fn places(from: usize, count: usize) -> String {
    (from..from + count).map(|it| format!("${it}")).collect::<Vec<_>>().join(", ")
}

/// Rows that one statement writes, the larger first: few sizes, so that few statements are prepared, and each
/// half of the one before, so that few of them write any number of rows.
const ROWS_A_STATEMENT: [usize; 6] = [32, 16, 8, 4, 2, 1];

/// A statement over a number of rows, worded once for each of those sizes.
pub(crate) struct OfRows {
    word: fn(usize) -> String,
    worded: [OnceLock<String>; ROWS_A_STATEMENT.len()],
}

impl OfRows {
    /// By what words it for a number of rows.
    pub(crate) const fn new(word: fn(usize) -> String) -> Self {
        Self { word, worded: [const { OnceLock::new() }; ROWS_A_STATEMENT.len()] }
    }

    /// For a portion that [`parts`] cut.
    pub(crate) fn of<T>(&'static self, part: &[T]) -> &'static str {
        let size = ROWS_A_STATEMENT.iter().position(|it| *it == part.len()).unwrap_or_default();
        self.worded[size].get_or_init(|| (self.word)(ROWS_A_STATEMENT[size]))
    }
}

/// Cuts rows into portions of those sizes, in order.
pub(crate) fn parts<T>(mut rows: &[T]) -> Vec<&[T]> {
    let mut all = Vec::new();
    for size in ROWS_A_STATEMENT {
        while rows.len() >= size {
            let (part, rest) = rows.split_at(size);
            all.push(part);
            rows = rest;
        }
    }
    all
}

/// `($1, $2, $3), ($1, $4, $5), …`: rows that share the first `shared` binds and have `own` each.
pub(crate) fn rows_of(rows: usize, shared: usize, own: usize) -> String {
    let head: String = (1..=shared).map(|it| format!("${it}, ")).collect();
    let row = |it: usize| format!("({head}{})", places(shared + 1 + it * own, own));
    (0..rows).map(row).collect::<Vec<_>>().join(", ")
}

/// `($3, $4), ($5, $6), …`: rows of `own` binds each, behind the first `before` binds.
pub(crate) fn rows_after(rows: usize, before: usize, own: usize) -> String {
    let row = |it: usize| format!("({})", places(before + 1 + it * own, own));
    (0..rows).map(row).collect::<Vec<_>>().join(", ")
}

impl Work {
    pub(crate) fn new(inner: Inner) -> Self {
        Self { inner, fallen: false }
    }

    pub(crate) fn is_lite(&self) -> bool {
        matches!(self.inner, Inner::Lite(_))
    }

    /// Remembers a failure; gives the result back in our terms.
    pub(crate) fn noted<T>(&mut self, done: sqlx::Result<T>) -> Stored<T> {
        done.map_err(|error| self.fall(stored(error)))
    }

    /// Marks the whole transaction as one that can only fall.
    pub(crate) fn fall(&mut self, error: StoreError) -> StoreError {
        self.fallen = true;
        error
    }

    /// Makes everything durable, or nothing.
    pub(crate) async fn commit(self) -> Stored<()> {
        if self.fallen {
            return Err(StoreError::Conflict("a part of this transaction was refused".into()));
        }
        match self.inner {
            Inner::Lite(tx) => tx.commit().await,
            Inner::Pg(tx) => tx.commit().await,
        }
        .map_err(stored)
    }

    /// Waits until no other transaction holds `key`, and holds it to the end. SQLite has one writer
    /// anyway.
    pub(crate) async fn exclude(&mut self, key: i64) -> Stored<()> {
        self.advisory("select pg_advisory_xact_lock($1)", key).await
    }

    /// The same, beside others that share it.
    pub(crate) async fn share(&mut self, key: i64) -> Stored<()> {
        self.advisory("select pg_advisory_xact_lock_shared($1)", key).await
    }

    /// Says for which tenant the statements that follow are, in a transaction that began for none or for
    /// another: a chain is written by whoever reaches people, one row of one tenant at a time.
    pub(crate) async fn speak_for(&mut self, tenant: Uuid) -> Stored<()> {
        let done = match &mut self.inner {
            Inner::Lite(_) => Ok(()),
            Inner::Pg(tx) => sqlx::query("select set_config('fedatario.tenant', $1, true)")
                .bind(tenant.to_string())
                .execute(&mut **tx)
                .await
                .map(|_| ()),
        };
        self.noted(done)
    }

    async fn advisory(&mut self, sql: &'static str, key: i64) -> Stored<()> {
        let done = match &mut self.inner {
            Inner::Lite(_) => Ok(()),
            Inner::Pg(tx) => sqlx::query(sql).bind(key).execute(&mut **tx).await.map(|_| ()),
        };
        self.noted(done)
    }
}

/// A transaction of one tenant.
pub(crate) struct SqlTx {
    pub(crate) work: Work,
    /// The tenant that every statement is bound to.
    pub(crate) tenant: Uuid,
    /// Who stands behind what is enqueued here.
    pub(crate) originator: String,
    /// Whether taxpayers outside the sandbox are hidden from it.
    pub(crate) sandbox_only: bool,
}

impl SqlTx {
    pub(crate) fn new(work: Work, scope: &Scope) -> Self {
        Self { work, tenant: scope.tenant().0, originator: scope.actor().originator(), sandbox_only: scope.is_sandbox_only() }
    }
}

impl SqlTx {
    /// Whether a taxpayer is hidden from this transaction: it reaches the sandbox only, and they are not
    /// of it.
    pub(crate) async fn hides(&mut self, taxpayer: Uuid) -> Stored<bool> {
        if !self.sandbox_only {
            return Ok(false);
        }
        let sandbox: Option<(Uuid,)> = fetch!(
            self.work,
            fetch_optional,
            "select id from taxpayers where tenant_id = $1 and id = $2 and environment = 'sandbox'",
            self.tenant,
            taxpayer,
        )?;
        Ok(sandbox.is_none())
    }
}

#[async_trait]
impl Tx for SqlTx {
    async fn commit(self: Box<Self>) -> Stored<()> {
        self.work.commit().await
    }
}

/// Folds ids and names into the key of a lock; two things that share one merely wait for each other.
pub(crate) fn lock_key(parts: &[&[u8]]) -> i64 {
    // FNV-1a, 64 bits.
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    for byte in parts.iter().flat_map(|it| it.iter().chain(&[0xff])) {
        hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    }
    hash as i64
}

/// Holds that SQLite reaches the rows of a table by a key, and walks none of its indexes.
#[cfg(test)]
pub(crate) async fn assert_searches(db: &crate::db::Db, sql: &str, table: &str, key: &str) {
    let crate::db::Pools::Lite { write, .. } = &db.0 else { panic!("only SQLite tells its plan so") };
    let explained = sqlx::AssertSqlSafe(format!("explain query plan {sql}"));
    let plan: Vec<(i64, i64, i64, String)> = sqlx::query_as(explained).fetch_all(write).await.unwrap();
    let steps: Vec<&str> = plan.iter().map(|it| it.3.as_str()).filter(|it| it.contains(table)).collect();
    assert!(!steps.is_empty() && steps.iter().all(|it| it.starts_with("SEARCH") && it.ends_with(key)), "{steps:?} of {sql}");
}
