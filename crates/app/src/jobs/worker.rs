//! The loop that claims jobs, works on several at once, keeps their leases alive, and gives back
//! what it could not end.
//!
//! Storage that is away ends nothing here: what has begun is let end (a call that is cut in the
//! middle is spent), and the loop looks again after a pause. A handler that panics fails its job and
//! nothing else. Whatever becomes of a handler, its lease is kept alive no longer than it runs.

use super::rules::{self, FAILURES_AT_MOST, HEARTBEAT, JobFailure, LAPSES_AT_MOST, LEASE};
use crate::App;
use crate::called::{self, Called};
use crate::descarga::transition::Moment;
use crate::hooks;
use crate::identity::originator::stands;
use crate::model::ClaimedJob;
use crate::ports::{ClaimFilter, LeaseProof, StoreError, Stored, Tx};
use async_trait::async_trait;
use fedatario_base::id::By;
use fedatario_base::id::{HolderId, JobId};
use fedatario_base::{Code, Scope, SystemScope};
use futures_util::FutureExt;
use jiff::Timestamp;
use std::collections::{HashMap, HashSet};
use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::Instant;

/// The longest a worker sleeps when nothing is due, so that jobs of other processes are seen.
const IDLE_AT_MOST: Duration = Duration::from_millis(500);
/// The shortest, so that a clock that stands still does not spin the processor.
const IDLE_AT_LEAST: Duration = Duration::from_millis(5);
/// The same when something is due and was not to be had: it has to be held alone, or somebody was faster.
const IDLE_IN_THE_WAY: Duration = Duration::from_millis(50);
/// The longest pause before storage that failed is asked again: a database that is back is found soon.
const STORAGE_PAUSE_AT_MOST: Duration = Duration::from_secs(10);
/// How long a run that somebody waits for puts up with storage that fails again and again; whoever
/// serves waits for ever. Longer than a database takes to restart or to move.
pub const RUN_PATIENCE: Duration = Duration::from_secs(5 * 60);
/// Jobs that one pass of the shell does.
const PASS_JOBS_AT_MOST: usize = 64;

/// Does one kind of job. A handler ends its job itself, in the transaction of what it changed.
#[async_trait]
pub trait Handler: Send + Sync {
    /// The kinds it can do.
    fn kinds(&self) -> &'static [&'static str];
    /// Does one job and ends it, or says why not.
    async fn handle(&self, job: &ClaimedJob, scope: Scope) -> Result<(), JobFailure>;
    /// Changes what the job was for, in the transaction that gives it up: what nobody works on any
    /// more must not look as if somebody did.
    async fn buried(&self, _tx: &mut dyn Tx, _job: &ClaimedJob, _scope: &Scope, _why: &str) -> Result<(), JobFailure> {
        Ok(())
    }
}

/// Tells which other processes are certainly dead, so that their leases end at once.
#[async_trait]
pub trait Liveness: Send + Sync {
    /// Of these holders, those whose lock is free.
    async fn dead(&self, holders: &[HolderId]) -> Vec<HolderId>;

    /// Makes sure that this process's own lock is held, taking it anew if it was lost. While this is
    /// `false` its peers see it dead, and it must claim nothing.
    async fn hold(&self) -> bool {
        true
    }
}

/// The leases that are kept alive.
#[derive(Clone, Default)]
struct Leases(Arc<Mutex<Vec<LeaseProof>>>);

/// One of them; let go when dropped, however that comes about.
struct Held {
    leases: Leases,
    proof: LeaseProof,
}

impl Leases {
    fn hold(&self, job: &ClaimedJob) -> Held {
        let proof = LeaseProof { job: job.id, token: job.token };
        self.with(|it| it.push(proof));
        Held { leases: self.clone(), proof }
    }

    fn all(&self) -> Vec<LeaseProof> {
        self.with(|it| it.clone())
    }

    fn with<T>(&self, act: impl FnOnce(&mut Vec<LeaseProof>) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.leases.with(|it| it.retain(|other| *other != self.proof));
    }
}

/// What a look at the jobs came to.
enum Look {
    /// Look again.
    Again,
    /// No job of the run is open any more.
    Over,
}

/// How long storage has been failing.
#[derive(Default)]
struct Trouble {
    since: Option<Instant>,
    times: u32,
}

impl Trouble {
    /// One more failure; the pause to make, or the error itself if a run has waited long enough.
    fn another(&mut self, error: StoreError, is_run: bool) -> Stored<Duration> {
        let since = *self.since.get_or_insert_with(Instant::now);
        self.times = self.times.saturating_add(1);
        if is_run && since.elapsed() >= RUN_PATIENCE {
            return Err(error);
        }
        tracing::error!(code = error.code().slug(), %error, times = self.times, "storage failed the worker; it looks again");
        Ok(rules::backoff(self.times, rand::random()).min(STORAGE_PAUSE_AT_MOST))
    }
}

/// One process's worker.
pub struct Worker {
    app: App,
    scope: SystemScope,
    holder: HolderId,
    liveness: Arc<dyn Liveness>,
    handlers: HashMap<&'static str, Arc<dyn Handler>>,
    leases: Leases,
    /// Whether our own lock was held when it was last looked at.
    is_present: AtomicBool,
}

impl Worker {
    /// A worker that holds leases as `holder`.
    pub fn new(
        app: App,
        scope: SystemScope,
        holder: HolderId,
        liveness: Arc<dyn Liveness>,
        handlers: Vec<Arc<dyn Handler>>,
    ) -> Self {
        let handlers = handlers.into_iter().flat_map(|it| it.kinds().iter().map(move |kind| (*kind, it.clone()))).collect();
        Self { app, scope, holder, liveness, handlers, leases: Leases::default(), is_present: AtomicBool::new(true) }
    }

    /// Works on what `filter` lets through until `stop` turns true or, with `run` in the filter,
    /// until no job of the run is open any more. Fails only for a run, when storage has failed for
    /// [`RUN_PATIENCE`].
    pub async fn work(&self, mut filter: ClaimFilter, stop: watch::Receiver<bool>) -> Stored<()> {
        if filter.kinds.is_empty() {
            filter.kinds = self.handlers.keys().copied().collect();
        }
        self.alive_while(self.looks(&filter, stop)).await
    }

    /// Does what is open and fits, due or not, each job once; answers how many jobs that were.
    pub async fn pass(&self, filter: ClaimFilter) -> Stored<u64> {
        self.alive_while(self.pass_over(&filter)).await
    }

    async fn looks(&self, filter: &ClaimFilter, mut stop: watch::Receiver<bool>) -> Stored<()> {
        let (mut busy, mut trouble) = (JoinSet::new(), Trouble::default());
        self.look_for_dead().await;
        let outcome = loop {
            if *stop.borrow() {
                break Ok(());
            }
            match self.look(filter, &mut busy, &mut stop).await {
                Ok(Look::Over) => break Ok(()),
                Ok(Look::Again) => trouble = Trouble::default(),
                Err(error) => match trouble.another(error, filter.run.is_some()) {
                    Ok(pause) => rest(pause, &mut stop).await,
                    Err(error) => break Err(error),
                },
            }
        };
        // What has begun is let end, whatever the reason to stop.
        while busy.join_next().await.is_some() {}
        outcome
    }

    async fn look(&self, filter: &ClaimFilter, busy: &mut JoinSet<()>, stop: &mut watch::Receiver<bool>) -> Stored<Look> {
        while busy.try_join_next().is_some() {}
        let room = self.room(busy);
        if room == 0 {
            tokio::select! {
                _ = busy.join_next() => {}
                Ok(()) = stop.changed() => {}
            }
            return Ok(Look::Again);
        }
        self.present().await?;
        let claimed = self.claim(filter, room, self.app.clock.service()).await?;
        if !claimed.is_empty() {
            claimed.into_iter().for_each(|job| self.start(busy, job));
            return Ok(Look::Again);
        }
        let Some(idle) = self.idle(filter, busy.is_empty()).await? else { return Ok(Look::Over) };
        if busy.is_empty() {
            self.reclaim().await?; // What is left may be held by a process that died.
        }
        tokio::select! {
            _ = busy.join_next(), if !busy.is_empty() => {}
            Ok(()) = stop.changed() => {}
            _ = tokio::time::sleep(idle) => {}
        }
        Ok(Look::Again)
    }

    async fn pass_over(&self, filter: &ClaimFilter) -> Stored<u64> {
        self.look_for_dead().await;
        let (mut busy, mut met, mut again) = (JoinSet::new(), HashSet::new(), Vec::new());
        let outcome = loop {
            match self.pass_on(filter, &mut busy, &mut met, &mut again).await {
                Ok(true) => {}
                Ok(false) => break Ok(met.len() as u64),
                Err(error) => break Err(error),
            }
        };
        while busy.join_next().await.is_some() {}
        for (job, _held) in again {
            if let Err(error) = self.put_back(&job).await {
                tracing::warn!(job = %job.id, %error, "could not give a job back; its lease will end");
            }
        }
        outcome
    }

    /// Starts as many jobs as there is room for; whether there may be more. A job that was put off
    /// and is met again is held to the end of the pass, so that it hides no other one.
    async fn pass_on(
        &self,
        filter: &ClaimFilter,
        busy: &mut JoinSet<()>,
        met: &mut HashSet<JobId>,
        again: &mut Vec<(ClaimedJob, Held)>,
    ) -> Stored<bool> {
        let room = self.room(busy).min(PASS_JOBS_AT_MOST.saturating_sub(met.len()));
        if room == 0 {
            return Ok(busy.join_next().await.is_some());
        }
        let claimed = self.claim(filter, room, Timestamp::MAX).await?;
        if claimed.is_empty() {
            return Ok(busy.join_next().await.is_some());
        }
        for job in claimed {
            if met.insert(job.id) {
                self.start(busy, job);
            } else {
                let held = self.leases.hold(&job);
                again.push((job, held));
            }
        }
        Ok(true)
    }

    /// Gives back a job that was not touched, due as it was.
    async fn put_back(&self, job: &ClaimedJob) -> Stored<()> {
        let mut tx = self.app.store.begin(&Scope::job(job.tenant, job.id, job.originator.clone())).await?;
        tx.postpone_job(LeaseProof { job: job.id, token: job.token }, job.due, None).await?;
        tx.commit().await
    }

    fn room(&self, busy: &JoinSet<()>) -> usize {
        self.app.settings.concurrency.max(1).saturating_sub(busy.len())
    }

    /// Our lock, taken anew if it was lost: whoever is seen dead must not take on anything.
    async fn present(&self) -> Stored<()> {
        if self.is_present.load(Ordering::Relaxed) || self.look_after_lock().await {
            return Ok(());
        }
        Err(StoreError::Unavailable("the lock that says that this process is alive was lost".into()))
    }

    async fn look_after_lock(&self) -> bool {
        let held = self.liveness.hold().await;
        self.is_present.store(held, Ordering::Relaxed);
        held
    }

    /// How long to sleep; `None` when the run is over.
    async fn idle(&self, filter: &ClaimFilter, alone: bool) -> Stored<Option<Duration>> {
        let due = self.app.system.next_due(&self.scope, filter).await?;
        match due {
            None if alone && filter.run.is_some() => Ok(None),
            None => Ok(Some(IDLE_AT_MOST)),
            Some(due) => {
                let wait = due.duration_since(self.app.clock.service());
                let least = if alone { IDLE_AT_LEAST } else { IDLE_IN_THE_WAY };
                let wait = Duration::try_from(wait).unwrap_or(Duration::ZERO);
                Ok(Some(wait.clamp(least, IDLE_AT_MOST)))
            }
        }
    }

    async fn claim(&self, filter: &ClaimFilter, room: usize, service: Timestamp) -> Stored<Vec<ClaimedJob>> {
        let (limit, wall) = (u32::try_from(room).unwrap_or(u32::MAX), self.app.clock.wall());
        self.app.system.claim(&self.scope, self.holder, filter, limit, service, wall, LEASE).await
    }

    /// What `work` comes to; meanwhile our lock and our leases are kept alive, and the dead are
    /// looked for. Beside the work, so that neither waits for the other.
    async fn alive_while<T>(&self, work: impl Future<Output = T>) -> T {
        let alive = async {
            loop {
                tokio::time::sleep(HEARTBEAT).await;
                if let Err(error) = self.heartbeat().await {
                    tracing::error!(code = error.code().slug(), %error, "leases could not be extended");
                }
                self.look_after_lock().await;
                self.look_for_dead().await;
            }
        };
        tokio::select! {
            done = work => done,
            () = alive => unreachable!("it never ends"),
        }
    }

    async fn heartbeat(&self) -> Stored<()> {
        let held = self.leases.all();
        if held.is_empty() {
            return Ok(());
        }
        let lost = self.app.system.heartbeat(&self.scope, &held, self.app.clock.wall(), LEASE).await?;
        // One that ended while this was asked is no loss.
        let lost = self.leases.all().into_iter().filter(|it| lost.contains(&it.job) && held.contains(it)).count();
        if lost > 0 {
            tracing::warn!(jobs = lost, "leases were lost; their work will be refused when it commits");
        }
        Ok(())
    }

    /// As [`Self::reclaim`], where failing to is no reason to stop.
    async fn look_for_dead(&self) {
        if let Err(error) = self.reclaim().await {
            tracing::warn!(code = error.code().slug(), %error, "the dead could not be looked for");
        }
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

    fn start(&self, busy: &mut JoinSet<()>, job: ClaimedJob) {
        let held = self.leases.hold(&job);
        let (app, handler) = (self.app.clone(), self.handlers.get(job.kind.as_str()).cloned());
        let called = Called::inside(By::Job(job.id));
        busy.spawn(called::within(called, async move {
            let _held = held;
            let scope = Scope::job(job.tenant, job.id, job.originator.clone());
            let failure = match job.lapses >= LAPSES_AT_MOST {
                true => Err(taken_down()),
                false => match stands(app.people.as_ref(), job.tenant, &job.kind, &job.originator).await {
                    Ok(true) => outcome(handler.clone(), &job, &scope).await,
                    Ok(false) => Err(without_originator()),
                    Err(error) => Err(error.into()),
                },
            };
            if let Err(failure) = failure
                && let Err(error) = give_back(&app, &scope, &job, handler, failure).await
            {
                tracing::warn!(job = %job.id, ?error, "could not give a job back; its lease will end");
            }
        }));
    }
}

/// Pauses, unless it is time to stop.
async fn rest(pause: Duration, stop: &mut watch::Receiver<bool>) {
    tokio::select! {
        Ok(()) = stop.changed() => {}
        _ = tokio::time::sleep(pause) => {}
    }
}

/// What the handler says; one that panics has failed, and the process lives on. What it panicked
/// with is in the log alone: it may be anything.
async fn outcome(handler: Option<Arc<dyn Handler>>, job: &ClaimedJob, scope: &Scope) -> Result<(), JobFailure> {
    let failed = |text| Err(JobFailure::Failed { code: Code::Internal, text });
    match handler {
        Some(handler) => {
            let handled = AssertUnwindSafe(handler.handle(job, scope.clone())).catch_unwind().await;
            handled.unwrap_or_else(|_| failed(format!("the handler of {} panicked", job.kind)))
        }
        None => failed(format!("no handler for {}", job.kind)),
    }
}

/// Why a job is given up that took its workers down with it.
fn taken_down() -> JobFailure {
    let text = format!("its worker was gone {LAPSES_AT_MOST} times in a row before it ended");
    JobFailure::Failed { code: Code::JobDead, text }
}

/// Why a job is given up whose originator was disabled or left.
fn without_originator() -> JobFailure {
    JobFailure::Failed { code: Code::PermissionDenied, text: "whoever began it may not do so any more".into() }
}

/// Puts a job that was not ended where it belongs: later, again, or dead.
async fn give_back(
    app: &App,
    scope: &Scope,
    job: &ClaimedJob,
    handler: Option<Arc<dyn Handler>>,
    failure: JobFailure,
) -> Result<(), JobFailure> {
    if let JobFailure::LeaseLost = failure {
        return Ok(());
    }
    let lease = LeaseProof { job: job.id, token: job.token };
    let now = app.clock.service();
    let after = |delay: Duration| now.checked_add(delay).unwrap_or(Timestamp::MAX);
    let mut tx = app.store.begin(scope).await?;
    match failure {
        JobFailure::LeaseLost => {}
        JobFailure::Later { after: delay, why } => tx.postpone_job(lease, after(delay), Some(&why)).await?,
        JobFailure::Failed { code, text } if is_final(job, code) => {
            tracing::error!(job = %job.id, kind = job.kind, code = code.slug(), text, "a job was given up");
            let why = format!("{}: {text}", code.slug());
            tx.bury_job(lease, &why).await?;
            hooks::job_died(tx.as_mut(), &Moment::now(app, scope), job, &why).await?;
            if let Some(handler) = handler {
                handler.buried(tx.as_mut(), job, scope, &why).await?;
            }
        }
        JobFailure::Failed { code, text } => {
            tracing::warn!(job = %job.id, kind = job.kind, code = code.slug(), text, "a job failed and will be tried again");
            let delay = rules::backoff(job.failures + 1, rand::random());
            tx.fail_job(lease, after(delay), &format!("{}: {text}", code.slug())).await?;
        }
    }
    Ok(tx.commit().await?)
}

/// Whether another try is of no use: too many were made, or nobody may have it done any more.
fn is_final(job: &ClaimedJob, code: Code) -> bool {
    job.failures + 1 >= FAILURES_AT_MOST || job.lapses >= LAPSES_AT_MOST || code == Code::PermissionDenied
}
