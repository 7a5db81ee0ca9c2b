//! Tokens for one act.

use super::IdTx;
use crate::read::{closed, exactly, from_row, instant, small};
use crate::tx::{fetch, list, one, run};
use async_trait::async_trait;
use fedatario_app::identity::model::{OneTime, Purpose};
use fedatario_app::identity::ports::OneTimes;
use fedatario_app::ports::Stored;
use fedatario_base::clock::to_millis;
use fedatario_base::id::{TenantId, UserId};
use jiff::Timestamp;
use sqlx::types::Json;
use uuid::Uuid;

from_row!(OneTime, row => OneTime {
    digest: exactly(row.try_get("digest")?)?,
    purpose: closed(row.try_get("purpose")?, Purpose::from_text)?,
    user: row.try_get::<Option<Uuid>, _>("user_id")?.map(UserId),
    tenant: row.try_get::<Option<Uuid>, _>("tenant_id")?.map(TenantId),
    detail: row.try_get::<Json<serde_json::Value>, _>("detail")?.0,
    created: instant(row.try_get("created_ms")?),
    expires: instant(row.try_get("expires_ms")?),
    attempts: small(row.try_get("attempts")?)?,
    used: row.try_get::<Option<i64>, _>("used_ms")?.map(instant),
});

#[async_trait]
impl OneTimes for IdTx {
    async fn add_one_time(&mut self, it: &OneTime) -> Stored<()> {
        run!(
            self.tx.work,
            "insert into one_time_tokens (digest, purpose, user_id, tenant_id, detail, created_ms, expires_ms, attempts, used_ms) \
             values ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
            &it.digest[..],
            it.purpose.text(),
            it.user.map(|it| it.0),
            it.tenant.map(|it| it.0),
            Json(&it.detail),
            to_millis(it.created),
            to_millis(it.expires),
            i64::from(it.attempts),
            it.used.map(to_millis),
        )
        .map(|_| ())
    }

    async fn one_time(&mut self, purpose: Purpose, digest: &[u8; 32]) -> Stored<Option<OneTime>> {
        let sql = self.holding(
            "select * from one_time_tokens where digest = $1 and purpose = $2",
            "select * from one_time_tokens where digest = $1 and purpose = $2 for update",
        );
        one!(self.tx.work, sql, &digest[..], purpose.text())
    }

    async fn use_one_time(&mut self, digest: &[u8; 32], now: Timestamp) -> Stored<bool> {
        let changed = run!(
            self.tx.work,
            "update one_time_tokens set used_ms = $2 where digest = $1 and used_ms is null and expires_ms > $2",
            &digest[..],
            to_millis(now),
        )?;
        Ok(changed == 1)
    }

    async fn count_attempt(&mut self, digest: &[u8; 32]) -> Stored<u32> {
        let row: Option<(i64,)> = fetch!(
            self.tx.work,
            fetch_optional,
            "update one_time_tokens set attempts = attempts + 1 where digest = $1 returning attempts",
            &digest[..],
        )?;
        Ok(row.map_or(0, |it| u32::try_from(it.0).unwrap_or(u32::MAX)))
    }

    async fn void_one_times(&mut self, purpose: Purpose, user: Option<UserId>, now: Timestamp) -> Stored<()> {
        match user {
            Some(user) => run!(
                self.tx.work,
                "update one_time_tokens set used_ms = $3 where purpose = $1 and user_id = $2 and used_ms is null",
                purpose.text(),
                user.0,
                to_millis(now),
            ),
            None => run!(
                self.tx.work,
                "update one_time_tokens set used_ms = $2 where purpose = $1 and user_id is null and used_ms is null",
                purpose.text(),
                to_millis(now),
            ),
        }
        .map(|_| ())
    }

    async fn lapsed_one_times(&mut self, purpose: Purpose, from: Timestamp, to: Timestamp, limit: u32) -> Stored<Vec<OneTime>> {
        list!(
            self.tx.work,
            "select * from one_time_tokens where expires_ms >= $2 and expires_ms <= $3 and purpose = $1 and used_ms is null \
             order by expires_ms, digest limit $4",
            purpose.text(),
            to_millis(from),
            to_millis(to),
            i64::from(limit),
        )
    }

    async fn settle_one_times(&mut self, purpose: Purpose, user: UserId, now: Timestamp) -> Stored<u64> {
        run!(
            self.tx.work,
            "update one_time_tokens set used_ms = $3 where purpose = $1 and user_id = $2 and used_ms is null and expires_ms <= $3",
            purpose.text(),
            user.0,
            to_millis(now),
        )
    }

    async fn prune_one_times(&mut self, before: Timestamp, limit: u32) -> Stored<u64> {
        run!(
            self.tx.work,
            "delete from one_time_tokens where digest in \
             (select digest from one_time_tokens where expires_ms < $1 order by expires_ms limit $2)",
            to_millis(before),
            i64::from(limit),
        )
    }
}
