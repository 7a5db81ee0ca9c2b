//! `/api/sat/…/requests`: what would come of a request, single requests asked at SAT, and how they stand.
//!
//! What takes time is taken on (202) and followed where its `Location` says, by looking again or as
//! server-sent events.

use super::follow::follow;
use super::sat::{for_calls, taxpayer};
use super::sat_years::ProgressView;
use crate::answer::{Accepted, Document, Json, Paged};
use crate::api::Api;
use crate::call::Asked;
use crate::events::Events;
use crate::extract::{At, Body, LastEvent, Page, Query};
use crate::operation::Operation;
use crate::problem::{ApiError, Findings};
use crate::routing::Routes;
use fedatario_app::App;
use fedatario_app::descarga::progress::{self};
use fedatario_app::descarga::request::{self, Consent};
use fedatario_app::descarga::wish::{FOLIOS_AT_MOST, Wish};
use fedatario_app::descarga::{handlers, status};
use fedatario_app::jobs::desk;
use fedatario_app::model::{Content, Direction, Estado, Family, JobFilter, JobState, PackageRow, Solicitud, SolicitudState};
use fedatario_base::id::{SolicitudId, TaxpayerId};
use fedatario_base::text::Language;
use fedatario_base::{Code, Permission, Scope};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::{IntoParams, ToSchema};

/// The operations of this module.
pub fn routes() -> Routes {
    Routes::of("sat")
        .add(
            Operation::post(
                "/api/sat/taxpayers/{taxpayer}/forecasts",
                "sat.requests.foresee",
                "What would come of a request, and asks nothing",
            )
            .needs(Permission::TaxpayerRead)
            .idempotency_ignored()
            .refuses(&[Code::Usage])
            .example(r#"{"direction":"issued","from":"2025-01-01","to":"2025-01-31"}"#),
            foresee,
        )
        .add(
            Operation::post("/api/sat/taxpayers/{taxpayer}/requests", "sat.requests.ask", "Asks SAT for just this")
                .needs(Permission::SatAsk)
                .idempotency_required()
                .audits("sat.request.planned")
                .refuses(&[Code::RequestTooLarge, Code::WindowAsked, Code::WindowExhausted, Code::CredentialMissing])
                .example(r#"{"direction":"issued","from":"2025-01-01","to":"2025-01-31"}"#),
            ask,
        )
        .add(
            Operation::get("/api/sat/taxpayers/{taxpayer}/requests", "sat.requests.list", "Requests at SAT, oldest first")
                .needs(Permission::TaxpayerRead),
            requests,
        )
        .add(
            Operation::get("/api/sat/requests/{request}", "sat.requests.read", "One request with its packages")
                .needs(Permission::TaxpayerRead),
            one,
        )
        .add(
            Operation::get("/api/sat/requests/{request}/events", "sat.requests.follow", "A request's progress, as it happens")
                .needs(Permission::TaxpayerRead)
                .notes("With all that stands for it: its variants, its parts and theirs."),
            follow_request,
        )
        .add(
            Operation::post("/api/sat/taxpayers/{taxpayer}/polls", "sat.poll", "Looks at SAT now instead of when it is due")
                .needs(Permission::SatAsk)
                .audits("job.retried")
                .changes()
                .notes("`verify` asks how open requests stand, `download` fetches the packages that are ready.")
                .example(r#"{"what":"verify"}"#),
            poll,
        )
}

/// One request as somebody words it.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = SatRequestWish)]
pub struct RequestWish {
    /// `issued` or `received`; issued unless said.
    direction: Option<String>,
    /// `cfdi` or `metadata`; documents unless said.
    content: Option<String>,
    /// `cfdi` or `retenciones`; CFDI unless said.
    family: Option<String>,
    /// A date, or a moment to the second, civil time of Mexico City.
    #[schema(example = "2025-01-01")]
    from: Option<String>,
    /// The same, included.
    #[schema(example = "2025-01-31T23:59:59")]
    to: Option<String>,
    /// `todos`, `vigente`, `cancelado`; what SAT takes for the content unless said.
    estado: Option<String>,
    /// `I`, `E`, `T`, `N` or `P`.
    #[serde(rename = "type")]
    kind: Option<String>,
    /// Name of a complement.
    complement: Option<String>,
    /// RFCs of the other side, five at most.
    #[serde(default)]
    #[schema(max_items = 5)]
    counterparties: Vec<String>,
    /// RFC on whose account.
    third_party: Option<String>,
    /// UUIDs: just these documents, and nothing else of this counts.
    #[serde(default)]
    #[schema(max_items = 500)]
    folios: Vec<String>,
    /// Agreed: what is too much is asked in parts.
    #[serde(default)]
    split: bool,
    /// Agreed: what was asked before is asked once more, which costs a variant of its window.
    #[serde(default)]
    again: bool,
}

impl RequestWish {
    fn read(self) -> Result<(Wish, Consent), ApiError> {
        let mut findings = Findings::default();
        fn word<T>(findings: &mut Findings, pointer: &str, word: Option<&String>, read: impl Fn(&str) -> Option<T>) -> Option<T> {
            word.and_then(|it| findings.kept(pointer, read(it).ok_or(()), Code::FieldInvalid))
        }
        let direction = word(&mut findings, "/direction", self.direction.as_ref(), Direction::from_text);
        let content = word(&mut findings, "/content", self.content.as_ref(), Content::from_text);
        let family = word(&mut findings, "/family", self.family.as_ref(), Family::from_text);
        let estado = word(&mut findings, "/estado", self.estado.as_ref(), Estado::from_text);
        findings.check(self.folios.len() <= FOLIOS_AT_MOST, "/folios", Code::FieldInvalid);
        findings.check(!self.folios.is_empty() || self.from.is_some(), "/from", Code::FieldMissing);
        findings.check(!self.folios.is_empty() || self.to.is_some(), "/to", Code::FieldMissing);
        findings.done()?;
        let wish = Wish {
            family,
            direction,
            content,
            estado,
            from: self.from,
            to: self.to,
            kind: self.kind,
            complement: self.complement,
            counterparties: self.counterparties,
            third_party: self.third_party,
            folios: self.folios,
        };
        Ok((wish, Consent { split: self.split, again: self.again }))
    }
}

/// `POST /api/sat/taxpayers/{taxpayer}/forecasts`
async fn foresee(api: Api, scope: Scope, At(id): At<TaxpayerId>, Body(wish): Body<RequestWish>) -> Result<Document, ApiError> {
    let (wish, _) = wish.read()?;
    let taxpayer = taxpayer(&api, &scope, id).await?;
    let mut all = Vec::new();
    for wanted in wish.wanted()? {
        let forecast = request::forecast(&api.app, &scope, &taxpayer, &wanted).await?;
        all.push(json!({ "wanted": wanted, "forecast": forecast, "accepted": forecast.findings.is_empty() }));
    }
    Ok(Document(json!({ "taxpayer": id.to_string(), "requests": all })))
}

/// What asking came to.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = SatRequestsAsked)]
pub struct RequestsAsked {
    /// Whose.
    taxpayer: String,
    /// One for each window or folio.
    requests: Vec<RequestAsked>,
}

/// What asking for one window or folio came to.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = SatRequestAsked)]
pub struct RequestAsked {
    /// Requests that are new: one, or its parts.
    planned: Vec<String>,
    /// The request of before that answers it.
    held_by: Option<String>,
    /// What was foreseen.
    #[schema(value_type = Object)]
    forecast: Value,
}

/// `POST /api/sat/taxpayers/{taxpayer}/requests`
async fn ask(
    api: Api,
    scope: Scope,
    At(id): At<TaxpayerId>,
    Body(wish): Body<RequestWish>,
) -> Result<Accepted<RequestsAsked>, ApiError> {
    let (wish, consent) = wish.read()?;
    let taxpayer = for_calls(&api, &scope, id).await?;
    let mut all = Vec::new();
    for wanted in wish.wanted()? {
        let asked = request::ask(&api.app, &scope, &taxpayer, &wanted, consent).await?;
        if asked.needs_split {
            return Err(ApiError::new(Code::RequestTooLarge).member("forecast", json!(asked.forecast)));
        }
        let held_by = asked.held.map(|it| it.held_by);
        all.push(RequestAsked { planned: asked.planned, held_by, forecast: json!(asked.forecast) });
    }
    let first = all.first().and_then(|it| it.planned.first().or(it.held_by.as_ref()));
    let location = first.map_or_else(|| format!("/api/sat/taxpayers/{id}/requests"), |it| format!("/api/sat/requests/{it}"));
    Ok(Accepted { location, body: RequestsAsked { taxpayer: id.to_string(), requests: all } })
}

/// Which requests.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct OfRequests {
    /// Of this year.
    year: Option<i16>,
    /// In this state.
    state: Option<String>,
}

/// A request at SAT: its window and filters, its state, SAT's codes and words with what they mean, its
/// packages.
#[derive(Debug, Serialize, ToSchema)]
#[serde(transparent)]
#[schema(as = SatRequest, value_type = Object)]
pub struct RequestView(Value);

/// The record of a request, with SAT's codes explained.
pub(super) fn told(s: &Solicitud, packages: &[PackageRow], language: Language) -> Value {
    let mut record = status::record(s, packages);
    record["taxpayer"] = json!(s.taxpayer.to_string());
    record["explanation"] = json!(status::explain(s, language));
    record
}

/// `GET /api/sat/taxpayers/{taxpayer}/requests`
async fn requests(
    api: Api,
    asked: Asked,
    scope: Scope,
    At(id): At<TaxpayerId>,
    Query(of): Query<OfRequests>,
    page: Page,
) -> Result<Paged<RequestView>, ApiError> {
    let state =
        of.state.as_ref().map(|it| SolicitudState::from_text(it).ok_or_else(|| ApiError::field("?state", Code::FieldInvalid)));
    let (state, after) = (state.transpose()?, page.after::<SolicitudId>()?);
    taxpayer(&api, &scope, id).await?;
    let mut tx = api.app.store.read(&scope).await?;
    let all = tx.solicitudes(id, of.year).await?.into_iter();
    let wanted = all.filter(|it| after.is_none_or(|after| it.id > after) && state.is_none_or(|state| it.state == state));
    let mut rows = Vec::new();
    for s in wanted.take(page.limit as usize + 1) {
        let packages = tx.packages_of(s.id).await?;
        rows.push(RequestView(told(&s, &packages, asked.language)));
    }
    Ok(Paged::new(&page, rows, |it| it.0["id"].as_str().unwrap_or_default().to_owned()))
}

/// `GET /api/sat/requests/{request}`
async fn one(api: Api, asked: Asked, scope: Scope, At(id): At<SolicitudId>) -> Result<Json<RequestView>, ApiError> {
    let mut tx = api.app.store.read(&scope).await?;
    let s = tx.solicitud(id).await?.ok_or_else(ApiError::not_found)?;
    let packages = tx.packages_of(id).await?;
    Ok(Json(RequestView(told(&s, &packages, asked.language))))
}

/// `GET /api/sat/requests/{request}/events`
async fn follow_request(api: Api, scope: Scope, At(id): At<SolicitudId>, last: LastEvent) -> Result<Events, ApiError> {
    progress::of_request(&api.app, &scope, id).await?;
    Ok(follow(last, move || {
        let (app, scope): (App, Scope) = (api.app.clone(), scope.clone());
        async move { Ok(ProgressView::from(progress::of_request(&app, &scope, id).await?)) }
    }))
}

/// What is looked at now.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = SatPoll)]
pub struct Poll {
    /// `verify` or `download`.
    what: String,
}

/// What was made due.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = SatPolled)]
pub struct Polled {
    /// How many jobs are due now.
    jobs: u64,
}

/// `POST /api/sat/taxpayers/{taxpayer}/polls`
async fn poll(api: Api, scope: Scope, At(id): At<TaxpayerId>, Body(poll): Body<Poll>) -> Result<Accepted<Polled>, ApiError> {
    let kind = match poll.what.as_str() {
        "verify" => handlers::VERIFY,
        "download" => handlers::FETCH,
        _ => return Err(ApiError::field("/what", Code::FieldInvalid)),
    };
    for_calls(&api, &scope, id).await?;
    let runs: std::collections::BTreeSet<String> = api
        .app
        .store
        .read(&scope)
        .await?
        .solicitudes(id, None)
        .await?
        .into_iter()
        .filter(|it| it.state.is_open())
        .map(|it| it.run)
        .collect();
    let mut jobs = 0;
    for run in runs {
        let filter =
            JobFilter { state: Some(JobState::Ready), kind: Some(kind.to_owned()), run: Some(run), ..JobFilter::default() };
        jobs += desk::act_on_all(&api.app, &scope, &filter, desk::Wish::Retry).await?.0;
    }
    Ok(Accepted { location: format!("/api/sat/taxpayers/{id}"), body: Polled { jobs } })
}
