//! `/api/jobs/…` and `/api/schedules/…`: what waits, runs, failed and why; and what happens by itself.

use crate::answer::{Json, Paged};
use crate::api::Api;
use crate::extract::{At, Body, Page, Query};
use crate::operation::Operation;
use crate::problem::{ApiError, Findings};
use crate::routes::sat;
use crate::routing::Routes;
use fedatario_app::descarga::nightly::{self, DAILY};
use fedatario_app::descarga::recheck::{MONTHS, MONTHS_AT_MOST};
use fedatario_app::jobs::desk::{self, Cause};
use fedatario_app::model::{Family, JobFilter, JobState, JobView, ScheduleRow};
use fedatario_base::id::{JobId, TaxpayerId};
use fedatario_base::{Code, Permission, Scope};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

/// Characters of a kind or a cause in a filter.
const WORD_CHARS_AT_MOST: usize = 200;

/// The operations of this module.
pub fn routes() -> Routes {
    use Permission::{JobManage, JobRead};
    Routes::of("jobs")
        .add(Operation::get("/api/jobs", "jobs.list", "Jobs, newest first").needs(JobRead), list)
        .add(
            Operation::get("/api/jobs/causes", "jobs.causes", "What is in the way of jobs, the most first")
                .needs(JobRead)
                .notes("Jobs of one kind with the same thing in their way, counted; `cause` filters `GET /api/jobs` and is retried as one."),
            causes,
        )
        .add(Operation::get("/api/jobs/{job}", "jobs.read", "One job").needs(JobRead), one)
        .add(
            Operation::post("/api/jobs/{job}/retry", "jobs.retry", "Makes a job due now")
                .needs(JobManage)
                .audits("job.retried").changes()
                .refuses(&[Code::JobState]),
            retry,
        )
        .add(
            Operation::post("/api/jobs/{job}/cancel", "jobs.cancel", "Calls a job off that nobody holds")
                .needs(JobManage)
                .audits("job.cancelled").changes()
                .refuses(&[Code::JobState]),
            cancel,
        )
        .add(
            Operation::post("/api/jobs/retry", "jobs.retry_all", "Makes all jobs of a cause due now")
                .needs(JobManage)
                .audits("job.retried").changes()
                .example(r#"{"state":"dead"}"#),
            retry_all,
        )
        .add(
            Operation::post("/api/jobs/cancel", "jobs.cancel_all", "Calls all jobs of a cause off")
                .needs(JobManage)
                .audits("job.cancelled").changes()
                .example(r#"{"state":"dead"}"#),
            cancel_all,
        )
        .add(Operation::get("/api/schedules", "schedules.list", "What happens by itself, and when").needs(JobRead), schedules)
        .add(
            Operation::put("/api/schedules", "schedules.set_all", "Sets the schedule of every taxpayer that has an e.firma")
                .needs(JobManage)
                .audits("schedule.set").changes()
                .refuses(&[Code::ScheduleFormat])
                .example(r#"{"cron":"0 23 * * * America/Mexico_City"}"#),
            set_all,
        )
        .add(
            Operation::get("/api/sat/taxpayers/{taxpayer}/schedule", "schedules.read", "A taxpayer's schedule").needs(JobRead),
            schedule,
        )
        .add(
            Operation::put("/api/sat/taxpayers/{taxpayer}/schedule", "schedules.set", "Sets a taxpayer's schedule")
                .needs(JobManage)
                .audits("schedule.set").changes()
                .refuses(&[Code::ScheduleFormat])
                .example(r#"{"cron":"0 23 * * * America/Mexico_City"}"#),
            set,
        )
        .add(
            Operation::delete("/api/sat/taxpayers/{taxpayer}/schedule", "schedules.off", "Switches a taxpayer's schedule off")
                .needs(JobManage)
                .audits("schedule.set").changes(),
            off,
        )
}

/// Which jobs.
#[derive(Debug, Default, Deserialize, IntoParams, ToSchema)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
#[schema(as = JobFilter)]
pub struct OfJobs {
    /// `ready`, `running`, `done`, `dead` or `cancelled`.
    state: Option<String>,
    /// Of this kind: `sat.ask`, …
    #[schema(max_length = 200)]
    kind: Option<String>,
    /// With this in their way: a code, or what an authority said.
    #[schema(max_length = 200)]
    cause: Option<String>,
}

impl OfJobs {
    fn read(self, mark: &str) -> Result<JobFilter, ApiError> {
        let mut findings = Findings::default();
        let state = self
            .state
            .and_then(|it| findings.kept(&format!("{mark}state"), JobState::from_text(&it).ok_or(()), Code::FieldInvalid));
        for (name, word) in [("kind", &self.kind), ("cause", &self.cause)] {
            let fits = word.as_ref().is_none_or(|it| it.chars().count() <= WORD_CHARS_AT_MOST);
            findings.check(fits, &format!("{mark}{name}"), Code::FieldInvalid);
        }
        findings.done()?;
        Ok(JobFilter { state, kind: self.kind, cause: self.cause, run: None })
    }
}

/// A job.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Job)]
pub struct JobShown {
    /// Its id.
    id: String,
    /// What is to be done.
    kind: String,
    /// Unique among the open jobs of its kind.
    key: String,
    /// `ready`, `running`, `done`, `dead` or `cancelled`.
    state: String,
    /// Not before.
    #[schema(value_type = String, format = DateTime)]
    due: Timestamp,
    /// How often it was claimed.
    claims: i64,
    /// How often it failed.
    failures: u32,
    /// What is in its way: a code, or what an authority said.
    cause: Option<String>,
    /// The last words about it.
    error: Option<String>,
    /// The run it belongs to.
    run: Option<String>,
}

impl From<JobView> for JobShown {
    fn from(it: JobView) -> Self {
        Self {
            cause: it.cause().map(str::to_owned),
            id: it.id.to_string(),
            kind: it.kind,
            key: it.key,
            state: it.state.text().to_owned(),
            due: it.due,
            claims: it.claims,
            failures: it.failures,
            error: it.error,
            run: it.run,
        }
    }
}

/// `GET /api/jobs`
async fn list(api: Api, scope: Scope, Query(of): Query<OfJobs>, page: Page) -> Result<Paged<JobShown>, ApiError> {
    let rows = desk::list(&api.app, &scope, &of.read("?")?, page.after::<JobId>()?, page.limit + 1).await?;
    Ok(Paged::new(&page, rows.into_iter().map(JobShown::from).collect(), |it| it.id.clone()))
}

/// Jobs with the same thing in their way.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = JobCause)]
pub struct CauseView {
    /// What they are.
    kind: String,
    /// Where they stand.
    state: String,
    /// What is in their way.
    cause: String,
    /// How many.
    count: u64,
    /// The newest of them.
    last: JobShown,
}

/// What is in the way of jobs.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = JobCauses)]
pub struct Causes {
    /// The most first.
    causes: Vec<CauseView>,
}

/// `GET /api/jobs/causes`
async fn causes(api: Api, scope: Scope, Query(of): Query<OfJobs>) -> Result<Json<Causes>, ApiError> {
    let view = |it: Cause| CauseView {
        kind: it.kind,
        state: it.state.text().to_owned(),
        cause: it.cause,
        count: it.count,
        last: it.last.into(),
    };
    let all = desk::causes(&api.app, &scope, &of.read("?")?).await?;
    Ok(Json(Causes { causes: all.into_iter().map(view).collect() }))
}

/// `GET /api/jobs/{job}`
async fn one(api: Api, scope: Scope, At(id): At<JobId>) -> Result<Json<JobShown>, ApiError> {
    Ok(Json(desk::get(&api.app, &scope, id).await?.into()))
}

/// `POST /api/jobs/{job}/retry`
async fn retry(api: Api, scope: Scope, At(id): At<JobId>) -> Result<Json<JobShown>, ApiError> {
    Ok(Json(desk::act(&api.app, &scope, id, desk::Wish::Retry).await?.into()))
}

/// `POST /api/jobs/{job}/cancel`
async fn cancel(api: Api, scope: Scope, At(id): At<JobId>) -> Result<Json<JobShown>, ApiError> {
    Ok(Json(desk::act(&api.app, &scope, id, desk::Wish::Cancel).await?.into()))
}

/// What was done with many.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = JobsChanged)]
pub struct Changed {
    /// How many.
    changed: u64,
    /// Whether there are more.
    more: bool,
}

async fn all(api: &Api, scope: &Scope, of: OfJobs, wish: desk::Wish) -> Result<Json<Changed>, ApiError> {
    let (changed, more) = desk::act_on_all(&api.app, scope, &of.read("/")?, wish).await?;
    Ok(Json(Changed { changed, more }))
}

/// `POST /api/jobs/retry`
async fn retry_all(api: Api, scope: Scope, Body(of): Body<OfJobs>) -> Result<Json<Changed>, ApiError> {
    all(&api, &scope, of, desk::Wish::Retry).await
}

/// `POST /api/jobs/cancel`
async fn cancel_all(api: Api, scope: Scope, Body(of): Body<OfJobs>) -> Result<Json<Changed>, ApiError> {
    all(&api, &scope, of, desk::Wish::Cancel).await
}

/// A schedule.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Schedule)]
pub struct ScheduleView {
    /// Its name.
    name: String,
    /// Five cron fields and a time zone.
    cron: String,
    /// How many seconds later it fires, so that many do not at once.
    spread_s: u32,
    /// Whether it is on.
    enabled: bool,
    /// What is done.
    #[schema(value_type = Object)]
    payload: Value,
    /// The next times.
    #[schema(value_type = Vec<String>)]
    next: Vec<Timestamp>,
}

fn shown(api: &Api, row: ScheduleRow) -> Result<ScheduleView, ApiError> {
    let next = if row.enabled { nightly::ahead(&row, api.app.clock.service())? } else { Vec::new() };
    let (name, cron, spread_s, enabled, payload) = (row.name, row.expression, row.spread_s, row.enabled, row.payload);
    Ok(ScheduleView { name, cron, spread_s, enabled, payload, next })
}

/// Schedules.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Schedules)]
pub struct SchedulesView {
    /// By name.
    schedules: Vec<ScheduleView>,
}

fn shown_all(api: &Api, rows: Vec<ScheduleRow>) -> Result<Json<SchedulesView>, ApiError> {
    let schedules = rows.into_iter().map(|it| shown(api, it)).collect::<Result<_, _>>()?;
    Ok(Json(SchedulesView { schedules }))
}

/// `GET /api/schedules`
async fn schedules(api: Api, scope: Scope) -> Result<Json<SchedulesView>, ApiError> {
    let rows = api.app.store.read(&scope).await?.schedules().await?;
    shown_all(&api, rows)
}

/// What happens by itself.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ScheduleWish)]
pub struct ScheduleWish {
    /// Five cron fields and a time zone; every night at 23:00 in Mexico City unless said.
    #[schema(max_length = 200)]
    cron: Option<String>,
    /// At the very second, not spread over half an hour.
    #[serde(default)]
    exact: bool,
    /// `cfdi`, `retenciones`; CFDI unless said.
    #[serde(default)]
    #[schema(max_items = 2)]
    families: Vec<String>,
    /// Metadata of how many months is asked again each time; two unless said.
    #[schema(maximum = 71)]
    recheck_months: Option<u32>,
    /// Nothing is asked again.
    #[serde(default)]
    no_recheck: bool,
}

impl ScheduleWish {
    fn read(self) -> Result<nightly::Wish, ApiError> {
        let mut findings = Findings::default();
        let families =
            self.families.iter().enumerate().filter_map(|(at, it)| {
                findings.kept(&format!("/families/{at}"), Family::from_text(it).ok_or(()), Code::FieldInvalid)
            });
        let mut families: Vec<Family> = families.collect();
        findings.check(self.recheck_months.is_none_or(|it| it <= MONTHS_AT_MOST), "/recheck_months", Code::FieldInvalid);
        findings.done()?;
        if self.families.is_empty() {
            families.push(Family::Cfdi);
        }
        Ok(nightly::Wish {
            cron: self.cron.unwrap_or_else(|| DAILY.to_owned()),
            exact: self.exact,
            families,
            recheck_months: (!self.no_recheck).then(|| self.recheck_months.unwrap_or(MONTHS)),
        })
    }
}

/// `PUT /api/schedules`
async fn set_all(api: Api, scope: Scope, Body(wish): Body<ScheduleWish>) -> Result<Json<SchedulesView>, ApiError> {
    let wish = wish.read()?;
    let mut rows = Vec::new();
    for taxpayer in nightly::everybody(&api.app, &scope).await? {
        rows.push(nightly::put(&api.app, &scope, &taxpayer, &wish).await?);
    }
    shown_all(&api, rows)
}

/// `GET /api/sat/taxpayers/{taxpayer}/schedule`
async fn schedule(api: Api, scope: Scope, At(id): At<TaxpayerId>) -> Result<Json<ScheduleView>, ApiError> {
    let taxpayer = sat::taxpayer(&api, &scope, id).await?;
    let row = nightly::of(&api.app, &scope, &taxpayer).await?.ok_or_else(ApiError::not_found)?;
    Ok(Json(shown(&api, row)?))
}

/// `PUT /api/sat/taxpayers/{taxpayer}/schedule`
async fn set(
    api: Api,
    scope: Scope,
    At(id): At<TaxpayerId>,
    Body(wish): Body<ScheduleWish>,
) -> Result<Json<ScheduleView>, ApiError> {
    let (wish, taxpayer) = (wish.read()?, sat::taxpayer(&api, &scope, id).await?);
    let row = nightly::put(&api.app, &scope, &taxpayer, &wish).await?;
    Ok(Json(shown(&api, row)?))
}

/// `DELETE /api/sat/taxpayers/{taxpayer}/schedule`
async fn off(api: Api, scope: Scope, At(id): At<TaxpayerId>) -> Result<Json<ScheduleView>, ApiError> {
    let taxpayer = sat::taxpayer(&api, &scope, id).await?;
    let row = nightly::switch_off(&api.app, &scope, &taxpayer).await?.ok_or_else(ApiError::not_found)?;
    Ok(Json(shown(&api, row)?))
}
