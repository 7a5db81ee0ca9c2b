//! What happens across tenants: claims, leases, the tick, the tenants themselves.
//!
//! An organisation that is suspended or leaves has no turn: its jobs and schedules wait.
//!
//! A claim is fair: tenants take turns, and what a tenant already has running counts as turns it
//! had. Claims follow one another (SQLite has one writer, PostgreSQL one lock), so two never take
//! the same job; rows that another transaction is changing are passed over, so that nothing here
//! ever waits for a row while it holds another.

use crate::db::Db;
use crate::reach::Reach;
use crate::read::{Read, from_row, instant, small};
use crate::tx::{Inner, Work, fetch, lock_key, places, run};
use async_trait::async_trait;
use fedatario_app::jobs::rules::SUSPECT_AFTER;
use fedatario_app::mail::MAIL_SEND;
use fedatario_app::model::ClaimedJob;
use fedatario_app::ports::{ClaimFilter, LeaseProof, NextTime, Stored, System};
use fedatario_base::SystemScope;
use fedatario_base::clock::to_millis;
use fedatario_base::id::{HolderId, JobId, TenantId};
use jiff::Timestamp;
use sqlx::AssertSqlSafe;
use sqlx::types::Json;
use std::time::Duration;
use uuid::Uuid;

/// Jobs leased by one claim at most, whatever a worker asks for.
const CLAIM_MOST: u32 = 1_000;

from_row!(ClaimedJob, row => ClaimedJob {
    id: JobId(row.try_get("id")?),
    tenant: TenantId(row.try_get("tenant_id")?),
    kind: row.try_get("kind")?,
    key: row.try_get("key")?,
    payload: row.try_get::<Json<serde_json::Value>, _>("payload")?.0,
    run: row.try_get("run")?,
    token: row.try_get("token")?,
    failures: small(row.try_get("failures")?)?,
    lapses: small(row.try_get("lapses")?)?,
    due: instant(row.try_get("due_ms")?),
    originator: row.try_get("originator")?,
});

#[async_trait]
impl System for Db {
    async fn claim(
        &self,
        _: &SystemScope,
        holder: HolderId,
        filter: &ClaimFilter,
        limit: u32,
        service: Timestamp,
        wall: Timestamp,
        lease: Duration,
    ) -> Stored<Vec<ClaimedJob>> {
        if filter.kinds.is_empty() || limit == 0 {
            return Ok(Vec::new());
        }
        let mut work = self.writing(Reach::System).await?;
        work.exclude(lock_key(&[b"claim"])).await?;
        give_back_lapsed(&mut work, wall).await?;
        let sql = claim_sql(filter, matches!(work.inner, Inner::Pg(_)));
        let rows: Vec<Read<ClaimedJob>> = fetch!(
            work, fetch_all, AssertSqlSafe(sql.as_str()),
            holder.0,
            to_millis(ends(wall, lease)),
            to_millis(service),
            i64::from(limit.min(CLAIM_MOST)),
            filter.run.as_deref().unwrap_or_default(),
            filter.tenant.map_or(Uuid::nil(), |it| it.0),
            Uuid::nil();
            for kind in &filter.kinds => *kind
        )?;
        work.commit().await?;
        let mut jobs: Vec<ClaimedJob> = rows.into_iter().map(|it| it.0).collect();
        jobs.sort_by_key(|it| it.id);
        Ok(jobs)
    }

    async fn heartbeat(&self, _: &SystemScope, leases: &[LeaseProof], wall: Timestamp, lease: Duration) -> Stored<Vec<JobId>> {
        let mut lost = Vec::new();
        for proof in leases {
            // Each by itself: whoever held two rows could wait in a circle with whoever ends them.
            let mut work = self.writing(Reach::System).await?;
            let extended = run!(
                work,
                "update jobs set lease_ms = $3 where id = $1 and token = $2 and state = 'running'",
                proof.job.0,
                proof.token,
                to_millis(ends(wall, lease)),
            )?;
            work.commit().await?;
            if extended == 0 {
                lost.push(proof.job);
            }
        }
        Ok(lost)
    }

    async fn release(&self, _: &SystemScope, dead: &[HolderId]) -> Stored<u64> {
        if dead.is_empty() {
            return Ok(0);
        }
        let mut work = self.writing(Reach::System).await?;
        let held = format!("state = 'running' and holder_id in ({})", places(1, dead.len()));
        let sql = lapse_sql(&held, matches!(work.inner, Inner::Pg(_)));
        let released = run!(work, AssertSqlSafe(sql.as_str()); for holder in dead => holder.0)?;
        work.commit().await?;
        Ok(released)
    }

    async fn holders(&self, _: &SystemScope) -> Stored<Vec<HolderId>> {
        let mut work = self.reading(Reach::System).await?;
        let rows: Vec<(Uuid,)> = fetch!(
            work,
            fetch_all,
            "select distinct holder_id from jobs where state = 'running' and holder_id is not null order by holder_id",
        )?;
        Ok(rows.into_iter().map(|it| HolderId(it.0)).collect())
    }

    async fn next_due(&self, _: &SystemScope, filter: &ClaimFilter) -> Stored<Option<Timestamp>> {
        if filter.kinds.is_empty() {
            return Ok(None);
        }
        let mut work = self.reading(Reach::System).await?;
        match first_due(&mut work, filter).await? {
            Some(due) => Ok(Some(due)),
            None => Ok(any_held(&mut work, filter).await?.then_some(Timestamp::MAX)),
        }
    }

    async fn tick(&self, _: &SystemScope, now: Timestamp, next: &NextTime<'_>) -> Stored<u64> {
        crate::schedules::tick(self, now, next).await
    }

    async fn tenants(&self, _: &SystemScope) -> Stored<Vec<(TenantId, String)>> {
        let mut work = self.reading(Reach::System).await?;
        let rows: Vec<(Uuid, String)> = fetch!(work, fetch_all, "select id, name from tenants order by id")?;
        Ok(rows.into_iter().map(|(id, name)| (TenantId(id), name)).collect())
    }

    async fn add_tenant(&self, _: &SystemScope, id: TenantId, name: &str, now: Timestamp) -> Stored<()> {
        let mut work = self.writing(Reach::System).await?;
        run!(work, "insert into tenants (id, name, created_ms) values ($1, $2, $3)", id.0, name, to_millis(now))?;
        work.commit().await
    }

    async fn setting(&self, _: &SystemScope, key: &str) -> Stored<Option<String>> {
        let mut work = self.reading(Reach::Nobody).await?;
        let row: Option<(String,)> = fetch!(work, fetch_optional, "select value from settings where key = $1", key)?;
        Ok(row.map(|it| it.0))
    }

    async fn set_setting(&self, _: &SystemScope, key: &str, value: &str) -> Stored<()> {
        let mut work = self.writing(Reach::Nobody).await?;
        run!(
            work,
            "insert into settings (key, value) values ($1, $2) on conflict (key) do update set value = excluded.value",
            key,
            value,
        )?;
        work.commit().await
    }
}

fn ends(wall: Timestamp, lease: Duration) -> Timestamp {
    wall.checked_add(lease).unwrap_or(Timestamp::MAX)
}

async fn give_back_lapsed(work: &mut Work, wall: Timestamp) -> Stored<()> {
    let sql = lapse_sql("state = 'running' and lease_ms <= $1", matches!(work.inner, Inner::Pg(_)));
    run!(work, AssertSqlSafe(sql.as_str()), to_millis(wall)).map(|_| ())
}

/// Takes jobs from whoever held them: ready again, due as before. That it happened is counted (whoever
/// gives a job back himself ends the count), and whoever claims one that has made a habit of it buries
/// it instead. Their token stays: the next claim raises it, and until then a late worker finds them not
/// running. One that is held alone by now goes behind those that were due with it: whatever can end does
/// so before the job that cannot. A row that somebody is changing is being ended right now, and is left
/// to the next look.
fn lapse_sql(held: &str, postgres: bool) -> String {
    let passing_over = if postgres { " for update skip locked" } else { "" };
    format!(
        "update jobs set state = 'ready', due_ms = due_ms + case when lapses + 1 >= {SUSPECT_AFTER} then 1 else 0 end, \
         lapses = lapses + 1, holder_id = null, lease_ms = null \
         where id in (select id from jobs where {held}{passing_over})"
    )
}

/// Organisations whose jobs are looked at: the open ones, and those whose doors are closed as long as a
/// mail waits there, which tells their people so.
fn has_turns() -> String {
    format!(
        "(t.state = 'active' or (t.state in ('suspended', 'leaving') and exists \
         (select 1 from jobs m where m.tenant_id = t.id and m.kind = '{MAIL_SEND}' and m.state = 'ready')))"
    )
}

/// Jobs that have a turn there: all, or mails alone.
fn of_its_turn() -> String {
    format!("(t.state = 'active' or c.kind = '{MAIL_SEND}')")
}

/// When the first waiting job that fits is due: one look into each tenant's index.
async fn first_due(work: &mut Work, filter: &ClaimFilter) -> Stored<Option<Timestamp>> {
    let sql = format!(
        "select min(first.due_ms) from (select (select c.due_ms from jobs c where c.tenant_id = t.id and c.state = 'ready' \
         and {} and {} order by c.due_ms limit 1) as due_ms from tenants t where {}) first",
        of_its_turn(),
        fits(filter, 1),
        has_turns()
    );
    let (due,): (Option<i64>,) = fetch!(
        work, fetch_one, AssertSqlSafe(sql.as_str()),
        filter.run.as_deref().unwrap_or_default(),
        filter.tenant.map_or(Uuid::nil(), |it| it.0),
        Uuid::nil();
        for kind in &filter.kinds => *kind
    )?;
    Ok(due.map(instant))
}

/// Whether somebody holds a job that fits.
async fn any_held(work: &mut Work, filter: &ClaimFilter) -> Stored<bool> {
    let sql = format!(
        "select c.id from tenants t join jobs c on c.tenant_id = t.id and c.state = 'running' where {} limit 1",
        fits(filter, 1)
    );
    let held: Option<(Uuid,)> = fetch!(
        work, fetch_optional, AssertSqlSafe(sql.as_str()),
        filter.run.as_deref().unwrap_or_default(),
        filter.tenant.map_or(Uuid::nil(), |it| it.0),
        Uuid::nil();
        for kind in &filter.kinds => *kind
    )?;
    Ok(held.is_some())
}

/// The conditions of a filter on jobs `c` of tenants `t`: run, tenant and the nil id are bound at
/// `from` and the two places after it, the kinds behind them.
fn fits(filter: &ClaimFilter, from: usize) -> String {
    let (run, tenant, nil) = (from, from + 1, from + 2);
    let kinds = places(from + 3, filter.kinds.len());
    format!("(${run} = '' or c.run = ${run}) and (${tenant} = ${nil} or t.id = ${tenant}) and c.kind in ({kinds})")
}

/// Of each tenant its first due jobs (of one whose doors are closed only mails, which tell its people so), ranked by the turns it has and had; the first of all of them, up to
/// one that must be held alone. That one is taken when its turn has come and the holder has nothing else,
/// and while it is held nothing is taken beside it.
fn claim_sql(filter: &ClaimFilter, postgres: bool) -> String {
    let due = format!(
        "from jobs c where c.tenant_id = t.id and c.state = 'ready' and c.due_ms <= $3 and {} and {} \
         order by c.due_ms, c.id limit $4",
        of_its_turn(),
        fits(filter, 5)
    );
    let turns = has_turns();
    let candidates = if postgres {
        format!("cross join lateral (select c.tenant_id, c.id, c.due_ms, c.lapses {due} for update skip locked) j")
    } else {
        format!("join jobs j on j.rowid in (select c.rowid {due})")
    };
    format!(
        "with ranked as materialized (\
           select *, row_number() over (order by turn, due_ms, id) as place from (\
             select j.tenant_id, j.id, j.due_ms, j.lapses, \
               row_number() over (partition by j.tenant_id order by j.due_ms, j.id) \
               + (select count(*) from jobs r where r.tenant_id = j.tenant_id and r.state = 'running') as turn \
             from tenants t {candidates} where {turns}) turns), \
         held as materialized (select count(*) as jobs, coalesce(max(h.lapses), 0) as lapses \
           from tenants t join jobs h on h.tenant_id = t.id and h.state = 'running' where h.holder_id = $1), \
         alone as materialized (select coalesce(min(place), $4 + 1) as place from ranked where lapses >= {SUSPECT_AFTER}), \
         picked as materialized (\
           select tenant_id, id from ranked, held, alone \
           where held.lapses < {SUSPECT_AFTER} and ranked.place <= $4 \
             and (ranked.place < alone.place or (ranked.place = 1 and held.jobs = 0))) \
         update jobs set state = 'running', token = token + 1, holder_id = $1, lease_ms = $2 \
         where (tenant_id, id) in (select tenant_id, id from picked) \
         returning id, tenant_id, kind, key, payload, run, token, failures, lapses, due_ms, originator"
    )
}
