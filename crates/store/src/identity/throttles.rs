//! Failures, counted: one statement counts, so that none is lost among many at once.

use super::IdTx;
use crate::read::{Read, from_row, instant, small};
use crate::tx::{fetch, run};
use async_trait::async_trait;
use fedatario_app::identity::model::Count;
use fedatario_app::identity::ports::Throttles;
use fedatario_app::ports::Stored;
use fedatario_base::clock::to_millis;
use jiff::Timestamp;

from_row!(Count, row => Count {
    failures: small(row.try_get("failures")?)?,
    first: instant(row.try_get("first_ms")?),
    last: instant(row.try_get("last_ms")?),
});

#[async_trait]
impl Throttles for IdTx {
    async fn counts(&mut self, names: &[String]) -> Stored<Vec<Count>> {
        let mut counts = Vec::with_capacity(names.len());
        for name in names {
            let row: Option<Read<Count>> =
                fetch!(self.tx.work, fetch_optional, "select failures, first_ms, last_ms from throttles where name = $1", name,)?;
            counts.push(row.map(|it| it.0).unwrap_or_default());
        }
        Ok(counts)
    }

    async fn count_failure(&mut self, name: &str, now: Timestamp, window_ms: i64) -> Stored<Count> {
        let row: Read<Count> = fetch!(
            self.tx.work,
            fetch_one,
            "insert into throttles (name, failures, first_ms, last_ms) values ($1, 1, $2, $2) \
             on conflict (name) do update set \
             failures = case when throttles.first_ms <= $2 - $3 then 1 else throttles.failures + 1 end, \
             first_ms = case when throttles.first_ms <= $2 - $3 then excluded.first_ms else throttles.first_ms end, \
             last_ms = excluded.last_ms returning failures, first_ms, last_ms",
            name,
            to_millis(now),
            window_ms,
        )?;
        Ok(row.0)
    }

    async fn forget_failures(&mut self, name: &str) -> Stored<()> {
        run!(self.tx.work, "delete from throttles where name = $1", name).map(|_| ())
    }

    async fn prune_throttles(&mut self, before: Timestamp, limit: u32) -> Stored<u64> {
        run!(
            self.tx.work,
            "delete from throttles where name in (select name from throttles where last_ms < $1 order by last_ms limit $2)",
            to_millis(before),
            i64::from(limit),
        )
    }
}
