//! What authorities say of certificates, and what was told of the end of them.

use crate::read::{Read, closed, exactly, from_row, instant};
use crate::tx::{SqlTx, fetch, list, one, run};
use async_trait::async_trait;
use fedatario_app::model::CredentialRow;
use fedatario_app::ports::Stored;
use fedatario_app::trust::model::{RevocationRow, RevocationState};
use fedatario_app::trust::ports::Revocations;
use fedatario_base::clock::to_millis;
use jiff::Timestamp;

from_row!(RevocationRow, row => RevocationRow {
    fingerprint: exactly(row.try_get("fingerprint")?)?,
    certificate: row.try_get("certificate")?,
    state: closed(row.try_get("state")?, RevocationState::from_text)?,
    source: row.try_get("source")?,
    problem: row.try_get("problem")?,
    reason: row.try_get("reason")?,
    revoked: row.try_get::<Option<i64>, _>("revoked_ms")?.map(instant),
    this_update: row.try_get::<Option<i64>, _>("this_ms")?.map(instant),
    next_update: row.try_get::<Option<i64>, _>("next_ms")?.map(instant),
    checked: instant(row.try_get("checked_ms")?),
    due: instant(row.try_get("due_ms")?),
});

/// A certificate and nothing else.
struct Der(Vec<u8>);

from_row!(Der, row => Der(row.try_get("certificate")?));

#[async_trait]
impl Revocations for SqlTx {
    async fn revocation(&mut self, fingerprint: &[u8; 32]) -> Stored<Option<RevocationRow>> {
        one!(self.work, "select * from revocations where tenant_id = $1 and fingerprint = $2", self.tenant, &fingerprint[..],)
    }

    async fn put_revocation(&mut self, it: &RevocationRow) -> Stored<()> {
        run!(
            self.work,
            "insert into revocations (tenant_id, fingerprint, certificate, state, source, problem, reason, revoked_ms, this_ms, \
             next_ms, checked_ms, due_ms) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) \
             on conflict (tenant_id, fingerprint) do update set state = excluded.state, source = excluded.source, \
             problem = excluded.problem, reason = excluded.reason, revoked_ms = excluded.revoked_ms, this_ms = excluded.this_ms, \
             next_ms = excluded.next_ms, checked_ms = excluded.checked_ms, due_ms = excluded.due_ms",
            self.tenant,
            &it.fingerprint[..],
            &it.certificate,
            it.state.text(),
            &it.source,
            &it.problem,
            &it.reason,
            it.revoked.map(to_millis),
            it.this_update.map(to_millis),
            it.next_update.map(to_millis),
            to_millis(it.checked),
            to_millis(it.due),
        )
        .map(|_| ())
    }

    async fn credentials_bearing(&mut self, certificate: &[u8]) -> Stored<Vec<CredentialRow>> {
        list!(
            self.work,
            "select * from credentials where tenant_id = $1 and certificate = $2 and state <> 'destroyed' \
             order by id",
            self.tenant,
            certificate,
        )
    }

    async fn certificates_due(&mut self, now: Timestamp, limit: u32) -> Stored<Vec<Vec<u8>>> {
        let rows: Vec<Read<Der>> = fetch!(
            self.work,
            fetch_all,
            "select distinct c.certificate from credentials c where c.tenant_id = $1 and c.state in ('active', 'next', 'replaced') \
             and not exists (select 1 from revocations r where r.tenant_id = $1 and r.certificate = c.certificate and r.due_ms > $2) \
             limit $3",
            self.tenant,
            to_millis(now),
            i64::from(limit),
        )?;
        Ok(rows.into_iter().map(|it| it.0.0).collect())
    }
}
