//! Recoveries of lost factors. One is ended by one statement that asks whether it is open, so that of
//! many at once exactly one ends it.

use super::IdTx;
use crate::read::{closed, from_row, instant};
use crate::tx::{one, run};
use async_trait::async_trait;
use fedatario_app::identity::model::{Recovery, RecoveryState};
use fedatario_app::identity::ports::Recoveries;
use fedatario_app::ports::Stored;
use fedatario_base::clock::to_millis;
use fedatario_base::id::{RecoveryId, TenantId, UserId};
use jiff::Timestamp;

from_row!(Recovery, row => Recovery {
    id: RecoveryId(row.try_get("id")?),
    tenant: TenantId(row.try_get("tenant_id")?),
    user: UserId(row.try_get("user_id")?),
    state: closed(row.try_get("state")?, RecoveryState::from_text)?,
    started_by: row.try_get("started_by")?,
    started: instant(row.try_get("started_ms")?),
    due: instant(row.try_get("due_ms")?),
    ended: match (row.try_get::<Option<i64>, _>("ended_ms")?, row.try_get::<Option<String>, _>("ended_by")?) {
        (Some(at), Some(by)) => Some((instant(at), by)),
        _ => None,
    },
});

#[async_trait]
impl Recoveries for IdTx {
    async fn add_recovery(&mut self, it: &Recovery) -> Stored<()> {
        run!(
            self.tx.work,
            "insert into recoveries (tenant_id, id, user_id, state, started_by, ended_by, started_ms, due_ms, ended_ms) \
             values ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
            it.tenant.0,
            it.id.0,
            it.user.0,
            it.state.text(),
            &it.started_by,
            it.ended.as_ref().map(|it| it.1.as_str()),
            to_millis(it.started),
            to_millis(it.due),
            it.ended.as_ref().map(|it| to_millis(it.0)),
        )
        .map(|_| ())
    }

    async fn recovery(&mut self, id: RecoveryId) -> Stored<Option<Recovery>> {
        let sql = self.holding("select * from recoveries where id = $1", "select * from recoveries where id = $1 for update");
        one!(self.tx.work, sql, id.0)
    }

    async fn open_recovery(&mut self, user: UserId) -> Stored<Option<Recovery>> {
        let sql = self.holding(
            "select * from recoveries where user_id = $1 and state = 'open'",
            "select * from recoveries where user_id = $1 and state = 'open' for update",
        );
        one!(self.tx.work, sql, user.0)
    }

    async fn end_recovery(&mut self, id: RecoveryId, state: RecoveryState, by: &str, now: Timestamp) -> Stored<bool> {
        let changed = run!(
            self.tx.work,
            "update recoveries set state = $2, ended_by = $3, ended_ms = $4 where id = $1 and state = 'open'",
            id.0,
            state.text(),
            by,
            to_millis(now),
        )?;
        Ok(changed == 1)
    }
}
