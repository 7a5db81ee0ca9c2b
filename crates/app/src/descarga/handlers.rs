//! The kinds of jobs of this line, and who does them.

use super::report::ReportOf;
use super::transition::{self, Moment};
use super::{ask, fetch, import, report, verify};
use crate::App;
use crate::error::AppError;
use crate::jobs::{Handler, JobFailure};
use crate::model::{ClaimedJob, NewJob, SolicitudState};
use crate::ports::{LeaseProof, Tx};
use async_trait::async_trait;
use fedatario_base::Scope;
use fedatario_base::id::{JobId, PackageId, SolicitudId, TaxpayerId};
use jiff::Timestamp;
use serde_json::json;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

/// Ask SAT for a window.
pub const ASK: &str = "sat.ask";
/// Ask how a request stands.
pub const VERIFY: &str = "sat.verify";
/// Fetch a package.
pub const FETCH: &str = "sat.fetch";
/// Read a package.
pub const IMPORT: &str = "sat.import";
/// Compare metadata and documents of a year.
pub const REPORT: &str = "sat.report";
/// Plan the running year's remainder, from a schedule.
pub const SYNC: &str = "sat.sync";

/// Characters of a job's last words that its request keeps.
const WHY_CHARS_AT_MOST: usize = 500;

const KINDS: &[&str] = &[ASK, VERIFY, FETCH, IMPORT, REPORT, SYNC];

/// Does the jobs of this line.
pub struct Descarga {
    app: App,
    gates: Gates,
    reports: Gates,
}

impl Descarga {
    /// Over the services of this process.
    pub fn new(app: App) -> Self {
        Self { app, gates: Gates::default(), reports: Gates::default() }
    }
}

/// One request of a taxpayer is open at a time: a process that dies leaves one uncertain, not four. So are
/// its reports, since one that says the same as the last is not made again.
#[derive(Default)]
pub struct Gates(Mutex<HashMap<TaxpayerId, Weak<tokio::sync::Mutex<()>>>>);

impl Gates {
    /// The taxpayer's gate, held until dropped.
    pub async fn pass(&self, taxpayer: TaxpayerId) -> tokio::sync::OwnedMutexGuard<()> {
        let gate = {
            let mut gates = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            gates.retain(|_, gate| gate.strong_count() > 0);
            let gate = gates.get(&taxpayer).and_then(Weak::upgrade).unwrap_or_default();
            gates.insert(taxpayer, Arc::downgrade(&gate));
            gate
        };
        gate.lock_owned().await
    }
}

#[async_trait]
impl Handler for Descarga {
    fn kinds(&self) -> &'static [&'static str] {
        KINDS
    }

    async fn handle(&self, job: &ClaimedJob, scope: Scope) -> Result<(), JobFailure> {
        let lease = LeaseProof { job: job.id, token: job.token };
        let app = &self.app;
        match job.kind.as_str() {
            ASK => ask::ask(app, &self.gates, &scope, id::<SolicitudId>(job)?, lease).await,
            VERIFY => verify::verify(app, &scope, id::<SolicitudId>(job)?, lease).await,
            FETCH => fetch::fetch(app, &scope, id::<PackageId>(job)?, lease).await,
            IMPORT => import::import(app, &scope, id::<PackageId>(job)?, lease).await,
            REPORT => report::after_import(app, &self.reports, &scope, report_of(job)?, lease).await,
            SYNC => {
                let nightly = serde_json::from_value(job.payload.clone()).map_err(|_| malformed(job))?;
                super::plan::sync(app, &scope, id::<TaxpayerId>(job)?, &nightly, lease).await
            }
            other => Err(JobFailure::Failed { code: fedatario_base::Code::Internal, text: format!("unknown kind {other}") }),
        }
    }

    async fn buried(&self, tx: &mut dyn Tx, job: &ClaimedJob, scope: &Scope, why: &str) -> Result<(), JobFailure> {
        let solicitud = match job.kind.as_str() {
            ASK | VERIFY => Some(id::<SolicitudId>(job)?),
            FETCH | IMPORT => tx.package(id::<PackageId>(job)?).await?.and_then(|it| it.solicitud),
            _ => None,
        };
        let Some(id) = solicitud else { return Ok(()) };
        let Some(mut s) = tx.solicitud(id).await?.filter(|it| it.state.is_open()) else { return Ok(()) };
        let (slug, words) = (fedatario_base::Code::JobDead.slug(), why.chars().take(WHY_CHARS_AT_MOST).collect::<String>());
        s.problem = Some(format!("{slug}: {} {}: {words}", job.kind, job.id));
        let now = Moment::now(&self.app, scope);
        Ok(transition::end(tx, &now, &mut s, SolicitudState::Blocked).await?)
    }
}

/// Lets the request of a job that is tried again go on from where it was, in the caller's transaction.
pub async fn taken_up(app: &App, scope: &Scope, tx: &mut dyn Tx, job: JobId) -> Result<(), AppError> {
    let Some(job) = tx.job(job).await? else { return Ok(()) };
    let solicitud = match job.kind.as_str() {
        ASK | VERIFY => job.key.parse::<SolicitudId>().ok(),
        FETCH | IMPORT => match job.key.parse::<PackageId>() {
            Ok(id) => tx.package(id).await?.and_then(|it| it.solicitud),
            Err(_) => None,
        },
        _ => None,
    };
    let Some(id) = solicitud else { return Ok(()) };
    if let Some(mut s) = tx.solicitud(id).await?.filter(|it| it.state == SolicitudState::Blocked && it.problem.is_some()) {
        super::plan::reopen(tx, &Moment::now(app, scope), &mut s).await?;
    }
    Ok(())
}

fn id<T: std::str::FromStr>(job: &ClaimedJob) -> Result<T, JobFailure> {
    let text = job.payload.get("id").and_then(|it| it.as_str()).unwrap_or_default();
    text.parse().map_err(|_| malformed(job))
}

fn report_of(job: &ClaimedJob) -> Result<ReportOf, JobFailure> {
    let year = job.payload.get("year").and_then(|it| it.as_i64()).and_then(|it| i16::try_from(it).ok());
    let cause = job.payload.get("cause").and_then(|it| it.as_str()).and_then(|it| it.parse().ok());
    let (Some(year), Some(cause)) = (year, cause) else { return Err(malformed(job)) };
    Ok(ReportOf { taxpayer: id(job)?, year, cause })
}

fn malformed(job: &ClaimedJob) -> JobFailure {
    JobFailure::Failed { code: fedatario_base::Code::Internal, text: format!("payload of {} not understood", job.kind) }
}

/// A job of this line about one thing.
pub fn job(kind: &'static str, id: impl std::fmt::Display, due: Timestamp, run: &str) -> NewJob {
    let id = id.to_string();
    NewJob { kind, key: id.clone(), payload: json!({ "id": id }), due, run: Some(run.to_owned()) }
}

/// The job that compares a year, once for each request that ends: only the last finds all ended,
/// and a shared key would lose the one enqueued while another runs.
pub fn report_job(taxpayer: TaxpayerId, year: i16, cause: SolicitudId, due: Timestamp, run: &str) -> NewJob {
    let payload = json!({ "id": taxpayer.to_string(), "year": year, "cause": cause.to_string() });
    NewJob { kind: REPORT, key: format!("{taxpayer}:{year}:{cause}"), payload, due, run: Some(run.to_owned()) }
}
