//! Who is alive, where several machines share one PostgreSQL: each process holds an advisory lock
//! on a connection of its own, which the server frees when the process is gone, however it went.
//!
//! A server that was restarted has forgotten its locks, so whoever is alive looks after its own now
//! and then ([`Presence::ensure`]); until it has it again it must not take on anything new, because
//! its peers see it dead.

use crate::db::{Db, Pools};
use crate::error::stored;
use fedatario_app::ports::{StoreError, Stored};
use fedatario_base::id::HolderId;
use sqlx::{Connection, PgConnection, PgPool};
use std::time::Duration;
use tokio::sync::Mutex;
use tokio::time::timeout;

/// How long the server may take to answer for the lock: a small part of a lease, so that whoever
/// cannot be heard knows it before its leases end.
const ANSWER: Duration = Duration::from_secs(5);

/// The lock of one process; free when dropped. On SQLite there is none: files do it there.
#[derive(Debug)]
pub struct Presence(Option<Shared>);

#[derive(Debug)]
struct Shared {
    pool: PgPool,
    key: i64,
    /// None while the lock is lost.
    connection: Mutex<Option<PgConnection>>,
}

/// The lock's number: the random half of the holder's id.
fn key(holder: HolderId) -> i64 {
    let [.., a, b, c, d, e, f, g, h] = holder.bytes();
    i64::from_be_bytes([a, b, c, d, e, f, g, h])
}

impl Presence {
    /// Makes sure that the lock is held: asks the connection that holds it, and takes it anew on
    /// another one if that is gone. While this fails, the process counts as dead.
    pub async fn ensure(&self) -> Stored<()> {
        let Some(shared) = &self.0 else { return Ok(()) };
        let mut connection = shared.connection.lock().await;
        // Taken out while it is asked: whoever is dropped meanwhile leaves no doubtful one behind.
        if let Some(mut held) = connection.take()
            && matches!(timeout(ANSWER, held.ping()).await, Ok(Ok(())))
        {
            *connection = Some(held);
            return Ok(());
        }
        *connection = Some(shared.lock().await?);
        Ok(())
    }
}

impl Shared {
    async fn lock(&self) -> Stored<PgConnection> {
        let locked = async {
            let mut connection = PgConnection::connect_with(&self.pool.connect_options()).await?;
            sqlx::query("select pg_advisory_lock($1)").bind(self.key).execute(&mut connection).await?;
            Ok(connection)
        };
        let silence = |_| StoreError::Unavailable("the lock of this process could not be had in time".into());
        timeout(ANSWER, locked).await.map_err(silence)?.map_err(stored)
    }
}

impl Db {
    /// Whether other machines may work on the same rows.
    pub fn is_shared(&self) -> bool {
        matches!(self.0, Pools::Pg(_))
    }

    /// Says that this process is alive, until the answer is dropped.
    pub async fn hold(&self, holder: HolderId) -> Stored<Presence> {
        let Pools::Pg(pool) = &self.0 else { return Ok(Presence(None)) };
        let presence = Presence(Some(Shared { pool: pool.clone(), key: key(holder), connection: Mutex::new(None) }));
        presence.ensure().await?;
        Ok(presence)
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
