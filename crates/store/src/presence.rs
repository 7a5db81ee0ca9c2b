//! Who is alive, where several machines share one PostgreSQL: each process holds an advisory lock
//! on a connection of its own, which the server frees when the process is gone, however it went.

use crate::db::{Db, Pools};
use crate::error::stored;
use fedatario_app::ports::Stored;
use fedatario_base::id::HolderId;
use sqlx::{Connection, PgConnection};

/// The lock of one process; free when dropped. On SQLite there is none: files do it there.
#[derive(Debug)]
pub struct Presence(#[expect(dead_code, reason = "held, not read")] Option<PgConnection>);

/// The lock's number: the random half of the holder's id.
fn key(holder: HolderId) -> i64 {
    let [.., a, b, c, d, e, f, g, h] = holder.bytes();
    i64::from_be_bytes([a, b, c, d, e, f, g, h])
}

impl Db {
    /// Whether other machines may work on the same rows.
    pub fn is_shared(&self) -> bool {
        matches!(self.0, Pools::Pg(_))
    }

    /// Says that this process is alive, until the answer is dropped.
    pub async fn hold(&self, holder: HolderId) -> Stored<Presence> {
        let Pools::Pg(pool) = &self.0 else { return Ok(Presence(None)) };
        let mut connection = PgConnection::connect_with(&pool.connect_options()).await.map_err(stored)?;
        sqlx::query("select pg_advisory_lock($1)").bind(key(holder)).execute(&mut connection).await.map_err(stored)?;
        Ok(Presence(Some(connection)))
    }

    /// Of these holders, those whose lock nobody holds. On SQLite nobody is known to be dead here.
    pub async fn dead(&self, holders: &[HolderId]) -> Stored<Vec<HolderId>> {
        let Pools::Pg(pool) = &self.0 else { return Ok(Vec::new()) };
        let mut transaction = pool.begin().await.map_err(stored)?;
        let mut dead = Vec::new();
        for holder in holders {
            // Freed with the transaction: a holder that comes late is not kept waiting.
            let (free,): (bool,) = sqlx::query_as("select pg_try_advisory_xact_lock($1)")
                .bind(key(*holder))
                .fetch_one(&mut *transaction)
                .await
                .map_err(stored)?;
            dead.extend(free.then_some(*holder));
        }
        transaction.rollback().await.map_err(stored)?;
        Ok(dead)
    }
}
