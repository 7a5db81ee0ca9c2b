//! Jobs in memory, storage that fails when told, and a worker around them in virtual time.

use async_trait::async_trait;
use fedatario_app::called;
use fedatario_app::jobs::{Handler, JobFailure, Liveness, Worker};
use fedatario_app::model::*;
use fedatario_app::ports::*;
use fedatario_app::{App, Settings};
use fedatario_base::id::By;
use fedatario_base::id::*;
use fedatario_base::{Clock, Scope, SystemScope};
use fedatario_vault::RootKeys;
use jiff::Timestamp;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;
use tokio::time::Instant;

/// The wall of these tests: an instant, and whatever tokio's paused time has moved since.
#[derive(Debug)]
pub struct TokioClock(Instant);

impl Clock for TokioClock {
    fn wall(&self) -> Timestamp {
        "2026-09-01T12:00:00Z".parse::<Timestamp>().unwrap() + self.0.elapsed()
    }

    fn service(&self) -> Timestamp {
        self.wall()
    }
}

#[derive(Debug, Clone)]
pub struct Job {
    pub claimed: ClaimedJob,
    pub state: JobState,
    pub holder: Option<HolderId>,
    pub lease: Timestamp,
    pub error: Option<String>,
}

#[derive(Debug, Default)]
pub struct State {
    pub jobs: BTreeMap<JobId, Job>,
    /// When which keys were handled.
    pub handled: Vec<(Duration, String)>,
    /// What was told of jobs that were given up.
    pub buried: Vec<(String, String)>,
    /// When which leases were extended.
    pub beats: Vec<(Duration, Vec<String>)>,
    /// What each claim asked for.
    pub limits: Vec<u32>,
    /// Storage is away.
    pub is_away: bool,
    /// Our own lock is lost.
    pub is_unheld: bool,
}

/// What a job of a key does.
pub type Deed = fn(&str) -> (Duration, Doing);

pub enum Doing {
    Finish,
    Later(Duration),
    Panic,
}

pub struct World {
    state: Mutex<State>,
    pub clock: Arc<TokioClock>,
    deed: Deed,
}

impl World {
    pub fn new(deed: Deed) -> Arc<Self> {
        Arc::new(Self { state: Mutex::default(), clock: Arc::new(TokioClock(Instant::now())), deed })
    }

    pub fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    pub fn since(&self) -> Duration {
        self.clock.0.elapsed()
    }

    /// Puts in a job, due after so many seconds.
    pub fn job(&self, key: &str, seconds: u64) {
        let now = self.clock.wall();
        let claimed = ClaimedJob {
            id: JobId::fresh(now),
            tenant: TenantId::fresh(now),
            kind: "test.do".into(),
            key: key.into(),
            payload: serde_json::Value::Null,
            run: Some("run".into()),
            token: 0,
            failures: 0,
            lapses: 0,
            due: now + Duration::from_secs(seconds),
            originator: "os:1".into(),
        };
        let job = Job { state: JobState::Ready, holder: None, lease: now, error: None, claimed };
        self.state().jobs.insert(job.claimed.id, job);
    }

    pub fn find(&self, key: &str) -> Job {
        self.state().jobs.values().find(|it| it.claimed.key == key).cloned().expect("a job of this key")
    }

    /// How often a job was handled.
    pub fn handled(&self, key: &str) -> usize {
        self.state().handled.iter().filter(|it| it.1 == key).count()
    }

    fn there(&self) -> Stored<MutexGuard<'_, State>> {
        let state = self.state();
        if state.is_away { Err(StoreError::Unavailable("told to be away".into())) } else { Ok(state) }
    }

    fn app(self: &Arc<Self>) -> App {
        let dir = tempfile::TempDir::new().unwrap();
        let roots = RootKeys::open_or_create_file(&dir.path().join("root.key")).unwrap();
        let (vault, _) = fedatario_vault::memory::Memory::vault(roots);
        App {
            store: Arc::new(Shared(self.clone())),
            people: Arc::new(Nowhere),
            system: Arc::new(Shared(self.clone())),
            blobs: Arc::new(Nowhere),
            sat: Arc::new(Nowhere),
            vault: Arc::new(vault),
            clock: self.clock.clone(),
            settings: Arc::new(Settings::sandbox()),
            trust: Arc::default(),
            lookups: Default::default(),
        }
    }

    pub fn worker(self: &Arc<Self>) -> Worker {
        let handler: Arc<dyn Handler> = Arc::new(Shared(self.clone()));
        let holder = HolderId::fresh(self.clock.wall());
        Worker::new(self.app(), SystemScope::for_this_process(), holder, Arc::new(Shared(self.clone())), vec![handler])
    }
}

pub struct Shared(Arc<World>);

#[async_trait]
impl Handler for Shared {
    fn kinds(&self) -> &'static [&'static str] {
        &["test.do"]
    }

    async fn handle(&self, job: &ClaimedJob, scope: Scope) -> Result<(), JobFailure> {
        let (takes, doing) = (self.0.deed)(&job.key);
        let by = called::now().map(|it| it.by);
        assert_eq!(by, Some(By::Job(job.id)), "whatever a job does is told as its own");
        tokio::time::sleep(takes).await;
        self.0.state().handled.push((self.0.since(), job.key.clone()));
        match doing {
            Doing::Panic => panic!("told to"),
            Doing::Later(after) => Err(JobFailure::Later { after, why: "told to".into() }),
            Doing::Finish => {
                let mut tx = self.begin(&scope).await?;
                tx.finish_job(LeaseProof { job: job.id, token: job.token }).await?;
                Ok(tx.commit().await?)
            }
        }
    }

    async fn buried(&self, _: &mut dyn Tx, job: &ClaimedJob, _: &Scope, why: &str) -> Result<(), JobFailure> {
        self.0.state().buried.push((job.key.clone(), why.to_owned()));
        Ok(())
    }
}

#[async_trait]
impl Liveness for Shared {
    async fn dead(&self, _: &[HolderId]) -> Vec<HolderId> {
        Vec::new()
    }

    async fn hold(&self) -> bool {
        !self.0.state().is_unheld
    }
}

#[async_trait]
impl Store for Shared {
    async fn begin(&self, _: &Scope) -> Stored<Box<dyn Tx>> {
        drop(self.0.there()?);
        Ok(Box::new(Shared(self.0.clone())))
    }

    async fn read(&self, scope: &Scope) -> Stored<Box<dyn Tx>> {
        self.begin(scope).await
    }
}

#[async_trait]
impl System for Shared {
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
        let mut state = self.0.there()?;
        state.limits.push(limit);
        assert_eq!(filter.kinds, ["test.do"]);
        for job in state.jobs.values_mut().filter(|it| it.state == JobState::Running && it.lease <= wall) {
            (job.state, job.holder) = (JobState::Ready, None);
        }
        let mut due: Vec<&mut Job> =
            state.jobs.values_mut().filter(|it| it.state == JobState::Ready && it.claimed.due <= service).collect();
        due.sort_by_key(|it| (it.claimed.due, it.claimed.id));
        let mut claimed = Vec::new();
        for job in due.into_iter().take(limit as usize) {
            (job.state, job.holder, job.lease) = (JobState::Running, Some(holder), wall + lease);
            job.claimed.token += 1;
            claimed.push(job.claimed.clone());
        }
        Ok(claimed)
    }

    async fn heartbeat(&self, _: &SystemScope, leases: &[LeaseProof], wall: Timestamp, lease: Duration) -> Stored<Vec<JobId>> {
        let mut state = self.0.there()?;
        let (mut lost, mut keys) = (Vec::new(), Vec::new());
        for proof in leases {
            match state.jobs.get_mut(&proof.job).filter(|it| it.state == JobState::Running && it.claimed.token == proof.token) {
                Some(job) => {
                    job.lease = wall + lease;
                    keys.push(job.claimed.key.clone());
                }
                None => lost.push(proof.job),
            }
        }
        keys.sort();
        state.beats.push((self.0.since(), keys));
        Ok(lost)
    }

    async fn release(&self, _: &SystemScope, _: &[HolderId]) -> Stored<u64> {
        Ok(0)
    }

    async fn holders(&self, _: &SystemScope) -> Stored<Vec<HolderId>> {
        Ok(self.0.there()?.jobs.values().filter_map(|it| it.holder).collect())
    }

    async fn next_due(&self, _: &SystemScope, _: &ClaimFilter) -> Stored<Option<Timestamp>> {
        let state = self.0.there()?;
        let ready = state.jobs.values().filter(|it| it.state == JobState::Ready).map(|it| it.claimed.due).min();
        let held = state.jobs.values().any(|it| it.state == JobState::Running).then_some(Timestamp::MAX);
        Ok(ready.or(held))
    }

    async fn tick(&self, _: &SystemScope, _: Timestamp, _: &NextTime<'_>) -> Stored<u64> {
        Ok(0)
    }

    async fn tenants(&self, _: &SystemScope) -> Stored<Vec<(TenantId, String)>> {
        Ok(Vec::new())
    }

    async fn add_tenant(&self, _: &SystemScope, _: TenantId, _: &str, _: Timestamp) -> Stored<()> {
        Err(StoreError::NotFound)
    }

    async fn setting(&self, _: &SystemScope, _: &str) -> Stored<Option<String>> {
        Ok(None)
    }

    async fn set_setting(&self, _: &SystemScope, _: &str, _: &str) -> Stored<()> {
        Err(StoreError::NotFound)
    }
}

impl Shared {
    fn end(&self, lease: LeaseProof, state: JobState, act: impl FnOnce(&mut Job)) -> Stored<()> {
        let mut all = self.0.there()?;
        let job = all.jobs.get_mut(&lease.job).ok_or(StoreError::NotFound)?;
        if job.state != JobState::Running || job.claimed.token != lease.token {
            return Err(StoreError::LeaseLost);
        }
        (job.state, job.holder) = (state, None);
        act(job);
        Ok(())
    }
}

#[async_trait]
impl Jobs for Shared {
    async fn job(&mut self, _: JobId) -> Stored<Option<JobView>> {
        Err(StoreError::NotFound)
    }

    async fn enqueue(&mut self, _: &NewJob, _: Timestamp) -> Stored<(JobId, bool)> {
        Err(StoreError::NotFound)
    }

    async fn finish_job(&mut self, lease: LeaseProof) -> Stored<()> {
        self.end(lease, JobState::Done, |_| ())
    }

    async fn postpone_job(&mut self, lease: LeaseProof, due: Timestamp, why: Option<&str>) -> Stored<()> {
        self.end(lease, JobState::Ready, |it| (it.claimed.due, it.error) = (due, why.map(str::to_owned).or(it.error.take())))
    }

    async fn fail_job(&mut self, lease: LeaseProof, due: Timestamp, error: &str) -> Stored<()> {
        self.end(lease, JobState::Ready, |it| {
            it.claimed.failures += 1;
            (it.claimed.due, it.error) = (due, Some(error.to_owned()));
        })
    }

    async fn bury_job(&mut self, lease: LeaseProof, error: &str) -> Stored<()> {
        self.end(lease, JobState::Dead, |it| {
            it.claimed.failures += 1;
            it.error = Some(error.to_owned());
        })
    }

    async fn jobs_where(&mut self, _: &JobFilter, _: Option<JobId>, _: u32) -> Stored<Vec<JobView>> {
        Ok(Vec::new())
    }

    async fn jobs(&mut self, _: Option<JobState>, _: Option<JobId>, _: u32) -> Stored<Vec<JobView>> {
        Ok(Vec::new())
    }

    async fn retry_job(&mut self, _: JobId, _: Timestamp) -> Stored<()> {
        Err(StoreError::NotFound)
    }

    async fn cancel_job(&mut self, _: JobId) -> Stored<()> {
        Err(StoreError::NotFound)
    }

    async fn open_jobs(&mut self, _: &str) -> Stored<u64> {
        Ok(0)
    }
}

/// For the ports that a worker never asks.
pub struct Nowhere;

#[async_trait]
impl Tx for Shared {
    async fn commit(self: Box<Self>) -> Stored<()> {
        self.0.there().map(|_| ())
    }
}
