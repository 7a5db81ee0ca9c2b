//! Jobs and the schedules that make them.

use fedatario_base::id::{JobId, ScheduleId, TenantId};
use jiff::Timestamp;

texts! {
    /// Where a job stands.
    JobState {
        /// Waits for its due time.
        Ready = "ready",
        /// Leased by a worker.
        Running = "running",
        /// Finished.
        Done = "done",
        /// Gave up; kept for a person.
        Dead = "dead",
        /// Called off.
        Cancelled = "cancelled",
    }
}

/// Work to be done later, in the caller's transaction.
#[derive(Debug, Clone, PartialEq)]
pub struct NewJob {
    /// What is to be done: `sat.ask`, …
    pub kind: &'static str,
    /// Unique among the open jobs of its kind.
    pub key: String,
    /// What the handler needs to know.
    pub payload: serde_json::Value,
    /// Not before (service).
    pub due: Timestamp,
    /// The run it belongs to, if a foreground command waits for it.
    pub run: Option<String>,
}

/// A job that a worker holds.
#[derive(Debug, Clone, PartialEq)]
pub struct ClaimedJob {
    /// Its id.
    pub id: JobId,
    /// Whose it is.
    pub tenant: TenantId,
    /// What is to be done.
    pub kind: String,
    /// Its unique key.
    pub key: String,
    /// What the handler needs to know.
    pub payload: serde_json::Value,
    /// The run it belongs to.
    pub run: Option<String>,
    /// The fencing token of this lease: grows at each claim.
    pub token: i64,
    /// How often it failed so far.
    pub failures: u32,
    /// How often in a row its worker was gone before it ended.
    pub lapses: u32,
    /// When it was due (service).
    pub due: Timestamp,
    /// Text of the actor who enqueued it.
    pub originator: String,
}

/// A job as people see it.
#[derive(Debug, Clone, PartialEq)]
pub struct JobView {
    /// Its id.
    pub id: JobId,
    /// What is to be done.
    pub kind: String,
    /// Its unique key.
    pub key: String,
    /// Where it stands.
    pub state: JobState,
    /// Not before (service).
    pub due: Timestamp,
    /// How often it was claimed.
    pub claims: i64,
    /// How often it failed.
    pub failures: u32,
    /// The last failure: an error slug and words.
    pub error: Option<String>,
    /// The run it belongs to.
    pub run: Option<String>,
}

impl JobView {
    /// What is in its way: what stands before the colon of its last words.
    pub fn cause(&self) -> Option<&str> {
        self.error.as_deref().map(|it| it.split(':').next().unwrap_or_default())
    }
}

/// Which jobs are meant; every part narrows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct JobFilter {
    /// In this state.
    pub state: Option<JobState>,
    /// Of this kind.
    pub kind: Option<String>,
    /// With this in their way: see [`JobView::cause`].
    pub cause: Option<String>,
    /// Of this run.
    pub run: Option<String>,
}

/// A schedule that makes jobs.
#[derive(Debug, Clone, PartialEq)]
pub struct ScheduleRow {
    /// Its id.
    pub id: ScheduleId,
    /// Unique in the tenant.
    pub name: String,
    /// Five cron fields and an IANA zone: `0 23 * * * America/Mexico_City`.
    pub expression: String,
    /// Kind of the jobs it makes.
    pub kind: String,
    /// Payload of the jobs it makes.
    pub payload: serde_json::Value,
    /// How many seconds later than the expression says it fires, so that many do not at once.
    pub spread_s: u32,
    /// When it fires next (service).
    pub next: Timestamp,
    /// Whether it is on.
    pub enabled: bool,
}
