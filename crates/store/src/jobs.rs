//! Jobs, in the caller's transaction.
//!
//! A job is held by whoever knows its token while it runs: every statement that ends a lease names
//! both, so a worker that lost its lease changes nothing, and its whole transaction falls.

use crate::read::{closed, from_row, instant, small};
use crate::tx::{SqlTx, fetch, list, one, run};
use async_trait::async_trait;
use fedatario_app::model::{JobFilter, JobState, JobView, NewJob};
use fedatario_app::ports::{Jobs, LeaseProof, StoreError, Stored};
use fedatario_base::clock::to_millis;
use fedatario_base::id::JobId;
use jiff::Timestamp;
use sqlx::types::Json;
use uuid::Uuid;

/// How often an enqueue looks again when the open job that it met ended meanwhile.
const ENQUEUE_ROUNDS: usize = 5;

from_row!(JobView, row => JobView {
    id: JobId(row.try_get("id")?),
    kind: row.try_get("kind")?,
    key: row.try_get("key")?,
    state: closed(row.try_get("state")?, JobState::from_text)?,
    due: instant(row.try_get("due_ms")?),
    claims: row.try_get("token")?,
    failures: small(row.try_get("failures")?)?,
    error: row.try_get("error")?,
    run: row.try_get("run")?,
});

#[async_trait]
impl Jobs for SqlTx {
    async fn enqueue(&mut self, job: &NewJob, now: Timestamp) -> Stored<(JobId, bool)> {
        let id = JobId::fresh(now);
        for _ in 0..ENQUEUE_ROUNDS {
            if self.insert_job(id, job, now).await? {
                return Ok((id, true));
            }
            if let Some(open) = self.join_open(job).await? {
                return Ok((open, false));
            }
        }
        Err(self.work.fall(StoreError::Conflict("the open job of this key keeps changing".into())))
    }

    async fn finish_job(&mut self, lease: LeaseProof) -> Stored<()> {
        let changed = run!(
            self.work,
            "update jobs set state = 'done', holder_id = null, lease_ms = null, error = null \
             where tenant_id = $1 and id = $2 and token = $3 and state = 'running'",
            self.tenant,
            lease.job.0,
            lease.token,
        )?;
        self.held(changed)
    }

    async fn postpone_job(&mut self, lease: LeaseProof, due: Timestamp, why: Option<&str>) -> Stored<()> {
        let changed = run!(
            self.work,
            "update jobs set state = 'ready', holder_id = null, lease_ms = null, lapses = 0, due_ms = $4, error = coalesce($5, error) \
             where tenant_id = $1 and id = $2 and token = $3 and state = 'running'",
            self.tenant,
            lease.job.0,
            lease.token,
            to_millis(due),
            why,
        )?;
        self.held(changed)
    }

    async fn fail_job(&mut self, lease: LeaseProof, due: Timestamp, error: &str) -> Stored<()> {
        let changed = run!(
            self.work,
            "update jobs set state = 'ready', holder_id = null, lease_ms = null, lapses = 0, due_ms = $4, error = $5, failures = failures + 1 \
             where tenant_id = $1 and id = $2 and token = $3 and state = 'running'",
            self.tenant,
            lease.job.0,
            lease.token,
            to_millis(due),
            error,
        )?;
        self.held(changed)
    }

    async fn bury_job(&mut self, lease: LeaseProof, error: &str) -> Stored<()> {
        let changed = run!(
            self.work,
            "update jobs set state = 'dead', holder_id = null, lease_ms = null, error = $4, failures = failures + 1 \
             where tenant_id = $1 and id = $2 and token = $3 and state = 'running'",
            self.tenant,
            lease.job.0,
            lease.token,
            error,
        )?;
        self.held(changed)
    }

    async fn jobs(&mut self, state: Option<JobState>, after: Option<JobId>, limit: u32) -> Stored<Vec<JobView>> {
        list!(
            self.work,
            "select * from jobs where tenant_id = $1 and id > $2 and ($3 = '' or state = $3) order by id limit $4",
            self.tenant,
            after.map_or(Uuid::nil(), |it| it.0),
            state.map_or("", JobState::text),
            i64::from(limit),
        )
    }

    async fn jobs_where(&mut self, filter: &JobFilter, before: Option<JobId>, limit: u32) -> Stored<Vec<JobView>> {
        // A cause is what stands before the colon of the last words.
        list!(
            self.work,
            "select * from jobs where tenant_id = $1 and id < $2 and ($3 = '' or state = $3) and ($4 = '' or kind = $4) \
             and ($5 = '' or run = $5) and ($6 = '' or error = $6 or substr(error, 1, length($6) + 1) = $6 || ':') \
             order by id desc limit $7",
            self.tenant,
            before.map_or(Uuid::max(), |it| it.0),
            filter.state.map_or("", JobState::text),
            filter.kind.as_deref().unwrap_or_default(),
            filter.run.as_deref().unwrap_or_default(),
            filter.cause.as_deref().unwrap_or_default(),
            i64::from(limit),
        )
    }

    async fn job(&mut self, id: JobId) -> Stored<Option<JobView>> {
        one!(self.work, "select * from jobs where tenant_id = $1 and id = $2", self.tenant, id.0)
    }

    async fn retry_job(&mut self, id: JobId, now: Timestamp) -> Stored<()> {
        let changed = run!(
            self.work,
            "update jobs set state = 'ready', due_ms = $3, failures = case when state = 'dead' then 0 else failures end, \
             lapses = case when state = 'dead' then 0 else lapses end \
             where tenant_id = $1 and id = $2 and state in ('dead', 'ready')",
            self.tenant,
            id.0,
            to_millis(now),
        )?;
        self.idle(changed, id).await
    }

    async fn cancel_job(&mut self, id: JobId) -> Stored<()> {
        let changed = run!(
            self.work,
            "update jobs set state = 'cancelled' where tenant_id = $1 and id = $2 and state in ('dead', 'ready')",
            self.tenant,
            id.0,
        )?;
        self.idle(changed, id).await
    }

    async fn open_jobs(&mut self, run: &str) -> Stored<u64> {
        let (count,): (i64,) = fetch!(
            self.work,
            fetch_one,
            "select count(*) from jobs where tenant_id = $1 and run = $2 and state in ('ready', 'running')",
            self.tenant,
            run,
        )?;
        Ok(count.unsigned_abs())
    }
}

impl SqlTx {
    async fn insert_job(&mut self, id: JobId, job: &NewJob, now: Timestamp) -> Stored<bool> {
        let added = run!(
            self.work,
            "insert into jobs (tenant_id, id, kind, key, payload, state, due_ms, token, failures, run, originator, created_ms) \
             values ($1, $2, $3, $4, $5, 'ready', $6, 0, 0, $7, $8, $9) \
             on conflict (tenant_id, kind, key) where state in ('ready', 'running') do nothing",
            self.tenant,
            id.0,
            job.kind,
            &job.key,
            Json(&job.payload),
            to_millis(job.due),
            &job.run,
            &self.originator,
            to_millis(now),
        )?;
        Ok(added == 1)
    }

    /// The open job of the same kind and key, which the new one's run takes over.
    async fn join_open(&mut self, job: &NewJob) -> Stored<Option<JobId>> {
        let row: Option<(Uuid,)> = fetch!(
            self.work,
            fetch_optional,
            "update jobs set run = coalesce($4, run) \
             where tenant_id = $1 and kind = $2 and key = $3 and state in ('ready', 'running') returning id",
            self.tenant,
            job.kind,
            &job.key,
            &job.run,
        )?;
        Ok(row.map(|it| JobId(it.0)))
    }

    fn held(&mut self, changed: u64) -> Stored<()> {
        if changed == 1 { Ok(()) } else { Err(self.work.fall(StoreError::LeaseLost)) }
    }

    /// Why a person's wish about a job changed nothing: there is none, or it is not at rest.
    async fn idle(&mut self, changed: u64, id: JobId) -> Stored<()> {
        if changed == 1 {
            return Ok(());
        }
        let row: Option<(String,)> =
            fetch!(self.work, fetch_optional, "select state from jobs where tenant_id = $1 and id = $2", self.tenant, id.0)?;
        let (state,) = row.ok_or(StoreError::NotFound)?;
        Err(StoreError::Conflict(format!("the job is {state}")))
    }
}
