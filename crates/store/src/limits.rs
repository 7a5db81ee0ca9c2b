//! Token buckets and breakers of authorities: one row each, shared by all processes and tenants.
//!
//! The arithmetic is the engine's; here a row is taken, asked and put back in one transaction.

use crate::db::Db;
use crate::error::port;
use crate::reach::Reach;
use crate::tx::{Work, fetch, run};
use async_trait::async_trait;
use fedatario_app::ports::Stored;
use fedatario_upstream::PortError;
use fedatario_upstream::breaker::{self, Observed, Permit, State};
use fedatario_upstream::limits::{self, Rate, Take};
use fedatario_upstream::ports::{Breakers, Limits};
use jiff::Timestamp;

#[async_trait]
impl Limits for Db {
    async fn take(&self, key: &str, rate: Rate, now: Timestamp) -> Result<Take, PortError> {
        let taken = async {
            let mut work = self.writing(Reach::Nobody).await?;
            let (full_at,): (Option<i64>,) = fetch!(
                work,
                fetch_one,
                "insert into limits (key) values ($1) on conflict (key) do update set full_at_us = limits.full_at_us returning full_at_us",
                key,
            )?;
            let (answer, full_at) = limits::take(full_at, rate, now.as_microsecond());
            run!(work, "update limits set full_at_us = $2 where key = $1", key, full_at)?;
            work.commit().await?;
            Ok(answer)
        };
        taken.await.map_err(port)
    }
}

#[async_trait]
impl Breakers for Db {
    async fn permit(&self, key: &str, now: Timestamp) -> Result<Permit, PortError> {
        let asked = async {
            let mut work = self.writing(Reach::Nobody).await?;
            let (answer, state) = breaker::permit(take_breaker(&mut work, key).await?, now);
            put_breaker(&mut work, key, state).await?;
            work.commit().await?;
            Ok(answer)
        };
        asked.await.map_err(port)
    }

    async fn record(&self, key: &str, observed: Observed, now: Timestamp) -> Result<(), PortError> {
        let recorded = async {
            let mut work = self.writing(Reach::Nobody).await?;
            let state = breaker::record(take_breaker(&mut work, key).await?, observed, now);
            put_breaker(&mut work, key, state).await?;
            work.commit().await
        };
        recorded.await.map_err(port)
    }
}

async fn take_breaker(work: &mut Work, key: &str) -> Stored<State> {
    let row: (i64, i64, i64) = fetch!(
        work,
        fetch_one,
        "insert into breakers (key, kind, count, until_ms) values ($1, 0, 0, 0) \
         on conflict (key) do update set kind = breakers.kind returning kind, count, until_ms",
        key,
    )?;
    Ok(State::from_row(row))
}

async fn put_breaker(work: &mut Work, key: &str, state: State) -> Stored<()> {
    let (kind, count, until_ms) = state.to_row();
    run!(work, "update breakers set kind = $2, count = $3, until_ms = $4 where key = $1", key, kind, count, until_ms).map(|_| ())
}
