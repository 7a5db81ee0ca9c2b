//! What people do with jobs: look, try again, call off, one or all of one cause.

use crate::App;
use crate::audit_trail::changes::Telling;
use crate::audit_trail::entry;
use crate::descarga::handlers;
use crate::error::{AppError, AppResult};
use crate::model::{JobFilter, JobState, JobView};
use crate::ports::{StoreError, Tx};
use fedatario_base::id::JobId;
use fedatario_base::{Code, Scope};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Jobs that one wish is about at most; whoever wants more wishes again.
pub const AT_ONCE: u32 = 1_000;
/// Jobs that are looked at for their causes.
const LOOKED_AT: usize = 20_000;

/// What is done with a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wish {
    /// Due now, counted from nothing if it was given up.
    Retry,
    /// Not any more.
    Cancel,
}

impl Wish {
    /// What was done when it is done.
    pub fn done(self) -> &'static str {
        match self {
            Wish::Retry => "retried",
            Wish::Cancel => "cancelled",
        }
    }
}

/// Jobs that have the same thing in their way.
#[derive(Debug, Clone, PartialEq)]
pub struct Cause {
    /// What they are.
    pub kind: String,
    /// Where they stand.
    pub state: JobState,
    /// What is in their way: a slug, or what an authority said.
    pub cause: String,
    /// How many.
    pub count: u64,
    /// The newest of them.
    pub last: JobView,
}

/// One of them.
pub async fn get(app: &App, scope: &Scope, id: JobId) -> AppResult<JobView> {
    let found = app.store.read(scope).await?.job(id).await?;
    found.ok_or_else(|| AppError::NotFound(id.to_string()))
}

/// Those that a filter lets through, newest first, before an id.
pub async fn list(app: &App, scope: &Scope, filter: &JobFilter, before: Option<JobId>, limit: u32) -> AppResult<Vec<JobView>> {
    Ok(app.store.read(scope).await?.jobs_where(filter, before, limit).await?)
}

/// What is in the way of those that a filter lets through, the most first. Looks at the newest
/// twenty thousand.
pub async fn causes(app: &App, scope: &Scope, filter: &JobFilter) -> AppResult<Vec<Cause>> {
    let mut tx = app.store.read(scope).await?;
    let mut found: BTreeMap<(String, JobState, String), Cause> = BTreeMap::new();
    let (mut before, mut seen) = (None, 0);
    while seen < LOOKED_AT {
        let page = tx.jobs_where(filter, before, AT_ONCE).await?;
        let Some(last) = page.last() else { break };
        (before, seen) = (Some(last.id), seen + page.len());
        for job in page {
            let Some(cause) = job.cause().map(str::to_owned) else { continue };
            let key = (job.kind.clone(), job.state, cause.clone());
            let of =
                found.entry(key).or_insert_with(|| Cause { kind: job.kind.clone(), state: job.state, cause, count: 0, last: job });
            of.count += 1;
        }
    }
    let mut all: Vec<Cause> = found.into_values().collect();
    all.sort_by(|one, other| other.count.cmp(&one.count).then_with(|| one.cause.cmp(&other.cause)));
    Ok(all)
}

/// Does one thing with one job.
pub async fn act(app: &App, scope: &Scope, id: JobId, wish: Wish) -> AppResult<JobView> {
    let now = Telling::begin(app, scope).await?;
    let mut tx = app.store.begin(scope).await?;
    do_one(app, scope, tx.as_mut(), &now, id, wish).await?;
    let job = tx.job(id).await?.ok_or_else(|| AppError::NotFound(id.to_string()))?;
    tx.commit().await?;
    Ok(job)
}

/// Does one thing with all that a filter lets through and that nobody holds; how many, and whether
/// there are more.
pub async fn act_on_all(app: &App, scope: &Scope, filter: &JobFilter, wish: Wish) -> AppResult<(u64, bool)> {
    let now = Telling::begin(app, scope).await?;
    let mut tx = app.store.begin(scope).await?;
    let mut all = tx.jobs_where(filter, None, AT_ONCE + 1).await?;
    let more = all.len() > AT_ONCE as usize;
    all.truncate(AT_ONCE as usize);
    all.retain(|it| matches!(it.state, JobState::Ready | JobState::Dead));
    for job in &all {
        do_one(app, scope, tx.as_mut(), &now, job.id, wish).await?;
    }
    tx.commit().await?;
    Ok((all.len() as u64, more))
}

/// Nobody was faster: the job is where nothing of the kind can be done to it.
fn not_at_rest(error: StoreError) -> AppError {
    match error {
        StoreError::Conflict(text) => AppError::Input { code: Code::JobState, text },
        error => error.into(),
    }
}

async fn do_one(app: &App, scope: &Scope, tx: &mut dyn Tx, now: &Telling, id: JobId, wish: Wish) -> AppResult<()> {
    let before = tx.job(id).await?.map(|it| of_job(&it));
    match wish {
        Wish::Retry => {
            tx.retry_job(id, now.service).await.map_err(not_at_rest)?;
            handlers::taken_up(app, scope, tx, id).await?;
        }
        Wish::Cancel => tx.cancel_job(id).await.map_err(not_at_rest)?,
    }
    let after = tx.job(id).await?.map(|it| of_job(&it));
    let event = entry(now, "job", &id.to_string(), wish.done());
    now.change(tx, event, before.unwrap_or_default(), after.unwrap_or_default()).await
}

/// What such a wish changes.
fn of_job(it: &JobView) -> Value {
    json!({ "kind": it.kind, "state": it.state.text(), "due": it.due.to_string() })
}
