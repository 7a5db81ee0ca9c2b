//! Organisations, from their first day to their last.

use super::SqlPeopleTx;
use crate::read::{closed, from_row, instant};
use crate::tx::{fetch, list, one, run};
use async_trait::async_trait;
use fedatario_app::identity::model::SecondFactor;
use fedatario_app::identity::tenancy::{Departure, Tenant, TenantState};
use fedatario_app::identity::tenancy_ports::{Census, Tenants};
use fedatario_app::ports::{StoreError, Stored};
use fedatario_base::clock::to_millis;
use fedatario_base::id::TenantId;
use jiff::Timestamp;
use sqlx::AssertSqlSafe;
use uuid::Uuid;

from_row!(Tenant, row => Tenant {
    id: TenantId(row.try_get("id")?),
    name: row.try_get("name")?,
    state: closed(row.try_get("state")?, TenantState::from_text)?,
    reason: row.try_get("reason")?,
    created: instant(row.try_get("created_ms")?),
    changed: instant(row.try_get("changed_ms")?),
    leaving: match (row.try_get::<Option<String>, _>("leaving_by")?, row.try_get::<Option<i64>, _>("leaves_ms")?) {
        (Some(by), Some(at)) => Some(Departure { by, confirmed_by: row.try_get("leaving_confirmed_by")?, at: instant(at) }),
        _ => None,
    },
    legal_hold: row.try_get("legal_hold")?,
    second_factor: closed(row.try_get("second_factor")?, SecondFactor::from_text)?,
    revision: row.try_get("revision")?,
});

#[async_trait]
impl Tenants for SqlPeopleTx {
    async fn add_tenant(&mut self, id: TenantId, name: &str, now: Timestamp) -> Stored<()> {
        run!(self.tx.work, "insert into tenants (id, name, created_ms) values ($1, $2, $3)", id.0, name, to_millis(now)).map(|_| ())
    }

    async fn tenant(&mut self, id: TenantId) -> Stored<Option<Tenant>> {
        let sql = format!("select * from tenants where id = $1{}", self.holding());
        one!(self.tx.work, AssertSqlSafe(sql.as_str()), id.0)
    }

    async fn tenant_named(&mut self, name: &str) -> Stored<Option<Tenant>> {
        one!(self.tx.work, "select * from tenants where name = $1", name)
    }

    async fn tenants(&mut self, after: Option<TenantId>, limit: u32) -> Stored<Vec<Tenant>> {
        list!(
            self.tx.work,
            "select * from tenants where id > $1 order by id limit $2",
            after.map_or(Uuid::nil(), |it| it.0),
            i64::from(limit),
        )
    }

    async fn tenants_due(&mut self, now: Timestamp, limit: u32) -> Stored<Vec<Tenant>> {
        list!(
            self.tx.work,
            "select * from tenants where state = 'leaving' and leaving_confirmed_by is not null and legal_hold is null \
             and leaves_ms <= $1 order by leaves_ms, id limit $2",
            to_millis(now),
            i64::from(limit),
        )
    }

    async fn update_tenant(&mut self, it: &Tenant) -> Stored<()> {
        let changed = run!(
            self.tx.work,
            "update tenants set name = $2, state = $3, reason = $4, changed_ms = $5, leaving_by = $6, leaving_confirmed_by = $7, \
             leaves_ms = $8, legal_hold = $9, second_factor = $10, revision = revision + 1 where id = $1 and revision = $11",
            it.id.0,
            &it.name,
            it.state.text(),
            it.reason.as_deref(),
            to_millis(it.changed),
            it.leaving.as_ref().map(|it| it.by.as_str()),
            it.leaving.as_ref().and_then(|it| it.confirmed_by.as_deref()),
            it.leaving.as_ref().map(|it| to_millis(it.at)),
            it.legal_hold.as_deref(),
            it.second_factor.text(),
            it.revision,
        )?;
        match changed {
            1 => Ok(()),
            _ => Err(self.tx.work.fall(StoreError::Conflict("the organisation was changed meanwhile".into()))),
        }
    }

    async fn worlds(&mut self, id: TenantId) -> Stored<Vec<(String, u64)>> {
        self.tx.work.speak_for(id.0).await?;
        let rows: Vec<(String, i64)> = fetch!(
            self.tx.work,
            fetch_all,
            "select environment, count(*) from taxpayers where tenant_id = $1 group by environment order by environment",
            id.0,
        )?;
        Ok(rows.into_iter().map(|(world, count)| (world, count.unsigned_abs())).collect())
    }

    async fn census(&mut self) -> Stored<Census> {
        let (tenants, closed, users, disabled, memberships, keys): (i64, i64, i64, i64, i64, i64) = fetch!(
            self.tx.work,
            fetch_one,
            "select (select count(*) from tenants where state <> 'gone'), \
             (select count(*) from tenants where state in ('suspended', 'leaving')), \
             (select count(*) from users), (select count(*) from users where state = 'disabled'), \
             (select count(*) from memberships where state = 'active'), \
             (select count(*) from api_keys where revoked_ms is null)",
        )?;
        Ok(Census {
            tenants: tenants.unsigned_abs(),
            tenants_closed: closed.unsigned_abs(),
            users: users.unsigned_abs(),
            users_disabled: disabled.unsigned_abs(),
            memberships: memberships.unsigned_abs(),
            api_keys: keys.unsigned_abs(),
        })
    }
}
