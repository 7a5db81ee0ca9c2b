//! Notices of the end of certificates.

use crate::credentials::owner;
use crate::read::{closed, from_row, instant};
use crate::tx::{SqlTx, list, one, run};
use async_trait::async_trait;
use fedatario_app::expiry::model::{Ending, Notice, NoticeRow};
use fedatario_app::expiry::ports::Notices;
use fedatario_app::model::CredentialKind;
use fedatario_app::ports::Stored;
use fedatario_base::clock::to_millis;
use fedatario_base::id::{CredentialId, NoticeId};
use jiff::Timestamp;
use sqlx::AssertSqlSafe;

/// Notices written by one statement: seven values each, far below what either database binds.
const AT_ONCE: usize = 500;

/// A notice with its credential and taxpayer.
const SHOWN: &str = "select n.*, c.taxpayer_id, c.user_id, c.kind, c.number, c.name, t.tax_id, t.name as holder \
    from expiry_notices n join credentials c on c.tenant_id = n.tenant_id and c.id = n.credential_id \
    left join taxpayers t on t.tenant_id = c.tenant_id and t.id = c.taxpayer_id";

from_row!(Ending, row => Ending {
    credential: CredentialId(row.try_get("id")?),
    not_after: instant(row.try_get("not_after_ms")?),
    last_days: row.try_get("last_days")?,
    is_acknowledged: row.try_get::<Option<i64>, _>("last_acknowledged_ms")?.is_some(),
});

from_row!(NoticeRow, row => NoticeRow {
    notice: Notice {
        id: NoticeId(row.try_get("id")?),
        credential: CredentialId(row.try_get("credential_id")?),
        days: row.try_get("days")?,
        not_after: instant(row.try_get("not_after_ms")?),
        escalated: row.try_get("escalated")?,
        at: instant(row.try_get("at_ms")?),
    },
    owner: owner(row.try_get("taxpayer_id")?, row.try_get("user_id")?)?,
    kind: closed(row.try_get("kind")?, CredentialKind::from_text)?,
    number: row.try_get("number")?,
    name: row.try_get("name")?,
    tax_id: row.try_get("tax_id")?,
    holder: row.try_get("holder")?,
    told: row.try_get::<Option<i64>, _>("told_ms")?.map(instant),
    acknowledged: row.try_get::<Option<i64>, _>("acknowledged_ms")?.map(instant),
    acknowledged_by: row.try_get("acknowledged_by")?,
});

impl SqlTx {
    /// What a key that is bound to the sandbox does not see of notices.
    fn notices_seen(&self) -> &'static str {
        match self.sandbox_only {
            true => " and t.environment = 'sandbox'",
            false => "",
        }
    }
}

#[async_trait]
impl Notices for SqlTx {
    async fn credentials_ending(&mut self, before: Timestamp, after: Option<CredentialId>, limit: u32) -> Stored<Vec<Ending>> {
        list!(
            self.work,
            "select c.id, c.not_after_ms, \
             (select n.days from expiry_notices n where n.tenant_id = $1 and n.credential_id = c.id order by n.days limit 1) \
             as last_days, \
             (select n.acknowledged_ms from expiry_notices n where n.tenant_id = $1 and n.credential_id = c.id \
             order by n.days limit 1) as last_acknowledged_ms \
             from credentials c where c.tenant_id = $1 and c.state in ('active', 'blocked', 'next') and c.not_after_ms < $2 \
             and ($3 is null or c.id > $3) order by c.id limit $4",
            self.tenant,
            to_millis(before),
            after.map(|it| it.0),
            i64::from(limit),
        )
    }

    async fn add_notices(&mut self, notices: &[Notice]) -> Stored<u64> {
        let mut new = 0;
        for batch in notices.chunks(AT_ONCE) {
            let row = |at: usize| {
                let from = 2 + 6 * at;
                format!("($1, ${}, ${}, ${}, ${}, ${}, ${})", from, from + 1, from + 2, from + 3, from + 4, from + 5)
            };
            let rows: Vec<String> = (0..batch.len()).map(row).collect();
            let sql = format!(
                "insert into expiry_notices (tenant_id, id, credential_id, days, not_after_ms, escalated, at_ms) values {} \
                 on conflict (tenant_id, credential_id, days) do nothing",
                rows.join(", "),
            );
            new += run!(
                self.work, AssertSqlSafe(sql.as_str()), self.tenant;
                for it in batch => it.id.0, it.credential.0, it.days, to_millis(it.not_after), it.escalated, to_millis(it.at)
            )?;
        }
        Ok(new)
    }

    async fn notice(&mut self, id: NoticeId) -> Stored<Option<NoticeRow>> {
        let sql = format!("{SHOWN} where n.tenant_id = $1 and n.id = $2{}", self.notices_seen());
        one!(self.work, AssertSqlSafe(sql.as_str()), self.tenant, id.0)
    }

    async fn notices(&mut self, open_only: bool, before: Option<NoticeId>, limit: u32) -> Stored<Vec<NoticeRow>> {
        let open = if open_only { " and n.acknowledged_ms is null" } else { "" };
        let sql = format!(
            "{SHOWN} where n.tenant_id = $1 and ($2 is null or n.id < $2){open}{} order by n.id desc limit $3",
            self.notices_seen(),
        );
        list!(self.work, AssertSqlSafe(sql.as_str()), self.tenant, before.map(|it| it.0), i64::from(limit))
    }

    async fn notices_untold(&mut self, limit: u32) -> Stored<Vec<NoticeRow>> {
        let sql = format!("{SHOWN} where n.tenant_id = $1 and n.told_ms is null order by n.id limit $2");
        list!(self.work, AssertSqlSafe(sql.as_str()), self.tenant, i64::from(limit))
    }

    async fn tell_notice(&mut self, id: NoticeId, now: Timestamp) -> Stored<bool> {
        let changed = run!(
            self.work,
            "update expiry_notices set told_ms = $3 where tenant_id = $1 and id = $2 and told_ms is null",
            self.tenant,
            id.0,
            to_millis(now),
        )?;
        Ok(changed == 1)
    }

    async fn acknowledge_notice(&mut self, id: NoticeId, by: &str, now: Timestamp) -> Stored<bool> {
        let changed = run!(
            self.work,
            "update expiry_notices set acknowledged_ms = $3, acknowledged_by = $4 where tenant_id = $1 and acknowledged_ms is null \
             and credential_id = (select o.credential_id from expiry_notices o where o.tenant_id = $1 and o.id = $2) \
             and days >= (select o.days from expiry_notices o where o.tenant_id = $1 and o.id = $2)",
            self.tenant,
            id.0,
            to_millis(now),
            by,
        )?;
        Ok(changed > 0)
    }
}
