//! The loop that claims jobs, works on several at once, keeps their leases alive, and gives back
//! what it could not end.

use super::rules::{self, FAILURES_AT_MOST, HEARTBEAT, JobFailure, LEASE};
use crate::App;
use crate::model::ClaimedJob;
use crate::ports::{ClaimFilter, LeaseProof, Stored, StoreError};
use async_trait::async_trait;
use fedatario_base::id::HolderId;
use fedatario_base::{Scope, SystemScope};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Mutex, watch};
use tokio::task::JoinSet;

/// The longest a worker sleeps when nothing is due, so that jobs of other processes are seen.
const IDLE_AT_MOST: Duration = Duration::from_millis(500);
/// The shortest, so that a clock that stands still does not spin the processor.
const IDLE_AT_LEAST: Duration = Duration::from_millis(5);

/// Jobs that one pass of the shell takes; their leases must outlive the pass.
const PASS_JOBS_AT_MOST: u32 = 64;

/// Does one kind of job. A handler ends its job itself, in the transaction of what it changed.
#[async_trait]
pub trait Handler: Send + Sync {
    /// The kinds it can do.
    fn kinds(&self) -> &'static [&'static str];
    /// Does one job and ends it, or says why not.
    async fn handle(&self, job: &ClaimedJob, scope: Scope) -> Result<(), JobFailure>;
}

/// Tells which other processes are certainly dead, so that their leases end at once.
#[async_trait]
pub trait Liveness: Send + Sync {
    /// Of these holders, those whose lock is free.
    async fn dead(&self, holders: &[HolderId]) -> Vec<HolderId>;
}

/// One process's worker.
pub struct Worker {
    app: App,
    scope: SystemScope,
    holder: HolderId,
    liveness: Arc<dyn Liveness>,
    handlers: HashMap<&'static str, Arc<dyn Handler>>,
    held: Arc<Mutex<Vec<LeaseProof>>>,
}

impl Worker {
    /// A worker that holds leases as `holder`.
    pub fn new(app: App, scope: SystemScope, holder: HolderId, liveness: Arc<dyn Liveness>, handlers: Vec<Arc<dyn Handler>>) -> Self {
        let handlers = handlers.into_iter().flat_map(|it| it.kinds().iter().map(move |kind| (*kind, it.clone()))).collect();
        Self { app, scope, holder, liveness, handlers, held: Arc::default() }
    }

    /// Works on what `filter` lets through until `stop` turns true or, with `run` in the filter,
    /// until no job of the run is open any more.
    pub async fn work(&self, mut filter: ClaimFilter, mut stop: watch::Receiver<bool>) -> Stored<()> {
        if filter.kinds.is_empty() {
            filter.kinds = self.handlers.keys().copied().collect();
        }
        let mut busy: JoinSet<()> = JoinSet::new();
        let mut beat = tokio::time::interval(HEARTBEAT);
        self.reclaim().await?;
        while !*stop.borrow() {
            let room = self.app.settings.concurrency.saturating_sub(busy.len());
            let claimed = if room > 0 { self.claim(&filter, room).await? } else { Vec::new() };
            let found = !claimed.is_empty();
            for job in claimed {
                self.start(&mut busy, job).await;
            }
            if found && busy.len() < self.app.settings.concurrency {
                continue;
            }
            let Some(idle) = self.idle(&filter, busy.is_empty()).await? else { break };
            if busy.is_empty() {
                self.reclaim().await?; // What is left may be held by a process that died.
            }
            tokio::select! {
                _ = busy.join_next(), if !busy.is_empty() => {}
                _ = beat.tick() => { self.heartbeat().await?; self.reclaim().await?; }
                _ = stop.changed() => {}
                _ = tokio::time::sleep(idle), if room > 0 => {}
            }
        }
        // A graceful stop lets what has begun end: a call to an authority is not cut in the middle.
        while !busy.is_empty() {
            tokio::select! {
                _ = busy.join_next() => {}
                _ = beat.tick() => { self.heartbeat().await?; }
            }
        }
        Ok(())
    }

    /// Does once what is open and fits, due or not; answers how many jobs that were.
    pub async fn pass(&self, filter: ClaimFilter) -> Stored<u64> {
        self.reclaim().await?;
        let (always, wall) = (jiff::Timestamp::MAX, self.app.clock.wall());
        // Claimed at once, so that a job that is put off again is not met twice.
        let jobs = self.app.system.claim(&self.scope, self.holder, &filter, PASS_JOBS_AT_MOST, always, wall, LEASE).await?;
        let count = jobs.len() as u64;
        let mut busy: JoinSet<()> = JoinSet::new();
        for job in jobs {
            while busy.len() >= self.app.settings.concurrency {
                busy.join_next().await;
            }
            self.start(&mut busy, job).await;
        }
        while busy.join_next().await.is_some() {}
        Ok(count)
    }

    /// How long to sleep; `None` when the run is over.
    async fn idle(&self, filter: &ClaimFilter, alone: bool) -> Stored<Option<Duration>> {
        let due = self.app.system.next_due(&self.scope, filter).await?;
        match due {
            None if alone && filter.run.is_some() => Ok(None),
            None => Ok(Some(IDLE_AT_MOST)),
            Some(due) => {
                let wait = due.duration_since(self.app.clock.service());
                let wait = Duration::try_from(wait).unwrap_or(Duration::ZERO);
                Ok(Some(wait.clamp(IDLE_AT_LEAST, IDLE_AT_MOST)))
            }
        }
    }

    async fn claim(&self, filter: &ClaimFilter, room: usize) -> Stored<Vec<ClaimedJob>> {
        let (service, wall) = (self.app.clock.service(), self.app.clock.wall());
        self.app.system.claim(&self.scope, self.holder, filter, room as u32, service, wall, LEASE).await
    }

    async fn heartbeat(&self) -> Stored<()> {
        let held = self.held.lock().await.clone();
        let lost = self.app.system.heartbeat(&self.scope, &held, self.app.clock.wall(), LEASE).await?;
        if !lost.is_empty() {
            tracing::warn!(jobs = lost.len(), "leases were lost; their work will be refused when it commits");
        }
        Ok(())
    }

    /// Ends the leases of processes that are certainly dead.
    async fn reclaim(&self) -> Stored<()> {
        let holders = self.app.system.holders(&self.scope).await?;
        let others: Vec<HolderId> = holders.into_iter().filter(|it| *it != self.holder).collect();
        if others.is_empty() {
            return Ok(());
        }
        let dead = self.liveness.dead(&others).await;
        if !dead.is_empty() {
            let freed = self.app.system.release(&self.scope, &dead).await?;
            tracing::info!(freed, "took back the jobs of processes that died");
        }
        Ok(())
    }

    async fn start(&self, busy: &mut JoinSet<()>, job: ClaimedJob) {
        let proof = LeaseProof { job: job.id, token: job.token };
        self.held.lock().await.push(proof);
        let (app, held) = (self.app.clone(), self.held.clone());
        let handler = self.handlers.get(job.kind.as_str()).cloned();
        busy.spawn(async move {
            let scope = Scope::job(job.tenant, job.id, job.originator.clone());
            let outcome = match handler {
                Some(handler) => handler.handle(&job, scope.clone()).await,
                None => Err(JobFailure::Failed { code: fedatario_base::Code::Internal, text: format!("no handler for {}", job.kind) }),
            };
            if let Err(failure) = outcome
                && let Err(error) = give_back(&app, &scope, &job, failure).await
            {
                tracing::warn!(job = %job.id, %error, "could not give a job back; its lease will end");
            }
            held.lock().await.retain(|it| it.job != proof.job);
        });
    }
}

/// Puts a job that was not ended where it belongs: later, again, or dead.
async fn give_back(app: &App, scope: &Scope, job: &ClaimedJob, failure: JobFailure) -> Result<(), StoreError> {
    let lease = LeaseProof { job: job.id, token: job.token };
    let now = app.clock.service();
    let after = |delay: Duration| now + jiff::SignedDuration::try_from(delay).unwrap_or_default();
    let mut tx = app.store.begin(scope).await?;
    match failure {
        JobFailure::LeaseLost => return Ok(()),
        JobFailure::Later { after: delay, why } => tx.postpone_job(lease, after(delay), Some(&why)).await?,
        JobFailure::Failed { code, text } if job.failures + 1 >= FAILURES_AT_MOST => {
            tracing::error!(job = %job.id, kind = job.kind, code = code.slug(), text, "a job was given up");
            tx.bury_job(lease, &format!("{}: {text}", code.slug())).await?;
        }
        JobFailure::Failed { code, text } => {
            tracing::warn!(job = %job.id, kind = job.kind, code = code.slug(), text, "a job failed and will be tried again");
            let delay = rules::backoff(job.failures + 1, rand::random());
            tx.fail_job(lease, after(delay), &format!("{}: {text}", code.slug())).await?;
        }
    }
    tx.commit().await
}
