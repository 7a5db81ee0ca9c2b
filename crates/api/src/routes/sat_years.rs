//! `/api/sat/…/years`: a whole year asked at SAT, and how far it has come.
//!
//! What takes time is taken on (202) and followed where its `Location` says, by looking again or as
//! server-sent events.

use super::follow::{Snapshot, follow};
use super::sat::{for_calls, taxpayer};
use crate::answer::{Accepted, Json};
use crate::api::Api;
use crate::events::Events;
use crate::extract::{At, Body, LastEvent, Query};
use crate::operation::Operation;
use crate::problem::{ApiError, Findings};
use crate::routing::Routes;
use fedatario_app::descarga::plan::{self, Plan, YearOf};
use fedatario_app::descarga::progress::{self, Progress};
use fedatario_app::descarga::transition;
use fedatario_app::model::{Direction, Family};
use fedatario_base::id::TaxpayerId;
use fedatario_base::{Code, Permission, Scope};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use utoipa::{IntoParams, ToSchema};

/// The operations of this module.
pub fn routes() -> Routes {
    Routes::of("sat")
        .add(
            Operation::post("/api/sat/taxpayers/{taxpayer}/years", "sat.years.ask", "Asks SAT for a whole year")
                .needs(Permission::SatAsk)
                .idempotency_required()
                .audits("sat.year.planned")
                .refuses(&[Code::CredentialMissing, Code::CredentialBlocked, Code::WindowFuture, Code::EnvironmentMismatch])
                .example(r#"{"year":2025}"#),
            ask_year,
        )
        .add(
            Operation::get("/api/sat/taxpayers/{taxpayer}/years/{year}", "sat.years.read", "How far a year has come")
                .needs(Permission::TaxpayerRead),
            year,
        )
        .add(
            Operation::get(
                "/api/sat/taxpayers/{taxpayer}/years/{year}/events",
                "sat.years.follow",
                "A year's progress, as it happens",
            )
            .needs(Permission::TaxpayerRead)
            .notes("`progress` whenever something changed, `done` when nothing more happens by itself."),
            follow_year,
        )
}

/// A year to be asked for.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = SatYearWish)]
pub struct YearWish {
    /// Which year.
    #[schema(minimum = 2000, maximum = 9999)]
    year: i16,
    /// `issued`, `received`; both unless said.
    #[serde(default)]
    #[schema(max_items = 2)]
    directions: Vec<String>,
    /// `cfdi`, `retenciones`; CFDI unless said.
    #[serde(default)]
    #[schema(max_items = 2)]
    families: Vec<String>,
    /// Whether windows whose request was rejected or waits for a person are asked once more.
    #[serde(default)]
    retry: bool,
}

/// What asking for a year came to.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = SatYearAsked)]
pub struct YearAsked {
    /// Whose.
    taxpayer: String,
    /// Which year.
    year: i16,
    /// At each of the services.
    families: Vec<FamilyAsked>,
}

/// What asking one service came to.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = SatFamilyAsked)]
pub struct FamilyAsked {
    /// `cfdi` or `retenciones`.
    family: String,
    /// Requests that are new.
    planned: Vec<String>,
    /// Windows that a request of before holds.
    #[schema(value_type = Vec<Object>)]
    held: Value,
    /// Windows that SAT's rules do not let us ask, each with its code.
    refused: Vec<Vec<String>>,
}

impl FamilyAsked {
    fn of(family: Family, plan: Plan) -> Self {
        Self {
            family: family.text().to_owned(),
            planned: plan.planned,
            held: json!(plan.held),
            refused: plan.refused.into_iter().map(|(window, slug)| vec![window, slug.to_owned()]).collect(),
        }
    }
}

/// The words of a closed set, or a finding for each that is none; all of the default if none is said.
pub(super) fn each<T: Copy>(
    findings: &mut Findings,
    pointer: &str,
    words: &[String],
    read: impl Fn(&str) -> Option<T>,
    otherwise: &[T],
) -> Vec<T> {
    if words.is_empty() {
        return otherwise.to_vec();
    }
    let all = words.iter().enumerate();
    all.filter_map(|(at, word)| findings.kept(&format!("{pointer}/{at}"), read(word).ok_or(()), Code::FieldInvalid)).collect()
}

/// `POST /api/sat/taxpayers/{taxpayer}/years`
async fn ask_year(
    api: Api,
    scope: Scope,
    At(id): At<TaxpayerId>,
    Body(wish): Body<YearWish>,
) -> Result<Accepted<YearAsked>, ApiError> {
    let mut findings = Findings::default();
    let directions = each(&mut findings, "/directions", &wish.directions, Direction::from_text, Direction::ALL);
    let families = each(&mut findings, "/families", &wish.families, Family::from_text, &[Family::Cfdi]);
    findings.check((2_000..=9_999).contains(&wish.year), "/year", Code::FieldInvalid);
    findings.done()?;
    let taxpayer = for_calls(&api, &scope, id).await?;
    let mut all = Vec::new();
    for family in families {
        let mut tx = api.app.store.read(&scope).await?;
        transition::account_of(tx.as_mut(), &scope, &taxpayer, family).await?; // Without an e.firma nothing is planned.
        drop(tx);
        let of = YearOf { taxpayer: taxpayer.id, family, year: wish.year };
        let plan = plan::year(&api.app, &scope, of, &directions, wish.retry).await?;
        if let (true, Some((_, slug))) = (plan.planned.is_empty() && plan.held.is_empty(), plan.refused.first()) {
            return Err(ApiError::new(Code::from_slug(slug).unwrap_or(Code::Usage)));
        }
        all.push(FamilyAsked::of(family, plan));
    }
    let location = format!("/api/sat/taxpayers/{id}/years/{}", wish.year);
    Ok(Accepted { location, body: YearAsked { taxpayer: id.to_string(), year: wish.year, families: all } })
}

/// Which service.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct OfFamily {
    /// `cfdi` or `retenciones`; both unless said.
    pub(super) family: Option<String>,
}

impl OfFamily {
    pub(super) fn read(&self) -> Result<Option<Family>, ApiError> {
        let read = |it: &String| Family::from_text(it).ok_or_else(|| ApiError::field("?family", Code::FieldInvalid));
        self.family.as_ref().map(read).transpose()
    }
}

/// How far something has come.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = SatProgress)]
pub struct ProgressView {
    /// Requests that belong to it.
    requests: u64,
    /// Those that SAT or we still work on.
    open: u64,
    /// Those that wait for a person.
    blocked: u64,
    /// How many of each state.
    states: BTreeMap<&'static str, u64>,
    /// Packages that SAT listed.
    packages: u64,
    /// Those that were read, or could not be.
    packages_read: u64,
    /// Documents that were new.
    cfdi: u64,
    /// Lines of metadata that were new.
    metadata: u64,
    /// What was here already.
    duplicates: u64,
    /// What was set aside.
    quarantined: u64,
    /// Jobs that are open.
    open_jobs: u64,
    /// When SAT is asked next.
    #[schema(value_type = Option<String>, format = DateTime)]
    next_check: Option<Timestamp>,
    /// Whether nothing more happens by itself.
    over: bool,
}

impl From<Progress> for ProgressView {
    fn from(it: Progress) -> Self {
        let over = it.is_over();
        Self {
            requests: it.requests,
            open: it.open,
            blocked: it.blocked,
            states: it.states,
            packages: it.packages,
            packages_read: it.packages_read,
            cfdi: it.tally.cfdi,
            metadata: it.tally.metadata,
            duplicates: it.tally.duplicates,
            quarantined: it.tally.quarantined,
            open_jobs: it.open_jobs,
            next_check: it.next_check,
            over,
        }
    }
}

impl Snapshot for ProgressView {
    fn is_over(&self) -> bool {
        self.over
    }
}

/// `GET /api/sat/taxpayers/{taxpayer}/years/{year}`
async fn year(
    api: Api,
    scope: Scope,
    At(id): At<TaxpayerId>,
    At(year): At<i16>,
    Query(of): Query<OfFamily>,
) -> Result<Json<ProgressView>, ApiError> {
    let taxpayer = taxpayer(&api, &scope, id).await?;
    Ok(Json(progress::of_year(&api.app, &scope, &taxpayer, year, of.read()?).await?.into()))
}

/// `GET /api/sat/taxpayers/{taxpayer}/years/{year}/events`
async fn follow_year(
    api: Api,
    scope: Scope,
    At(id): At<TaxpayerId>,
    At(year): At<i16>,
    Query(of): Query<OfFamily>,
    last: LastEvent,
) -> Result<Events, ApiError> {
    let (taxpayer, family) = (taxpayer(&api, &scope, id).await?, of.read()?);
    Ok(follow(last, move || {
        let (app, scope, taxpayer) = (api.app.clone(), scope.clone(), taxpayer.clone());
        async move { Ok(ProgressView::from(progress::of_year(&app, &scope, &taxpayer, year, family).await?)) }
    }))
}
