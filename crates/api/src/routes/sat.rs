//! `/api/sat/…`: an e.firma registered, a year and single requests asked at SAT, and how they stand.
//!
//! Whatever takes time is taken on (202) and followed where its `Location` says, by looking again or as
//! server-sent events.

use super::follow::{Snapshot, follow};
use crate::answer::{Accepted, Document, Json, Paged};
use crate::api::Api;
use crate::call::Asked;
use crate::events::Events;
use crate::extract::{At, Body, LastEvent, Page, Query};
use crate::form::{Field, Fields, Form, Kind};
use crate::operation::Operation;
use crate::problem::{ApiError, Findings};
use crate::routing::Routes;
use fedatario_app::descarga::nightly::{self, Wish as NightlyWish};
use fedatario_app::descarga::plan::{self, Plan, YearOf};
use fedatario_app::descarga::progress::{self, Progress};
use fedatario_app::descarga::request::{self, Consent};
use fedatario_app::descarga::wish::{FOLIOS_AT_MOST, Wish};
use fedatario_app::descarga::{handlers, register, status, transition};
use fedatario_app::jobs::desk;
use fedatario_app::model::{
    Content, Direction, Estado, Family, JobFilter, JobState, PackageRow, Solicitud, SolicitudState, Taxpayer,
};
use fedatario_app::{App, AppError};
use fedatario_base::id::{SolicitudId, TaxpayerId};
use fedatario_base::text::Language;
use fedatario_base::{Code, Permission, Scope};
use fedatario_credentials::Pair;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use tokio::sync::Semaphore;
use utoipa::{IntoParams, ToSchema};

/// Bytes of a form with an e.firma: two files of a few kilobytes, or a `.p12` of 256 KiB at most.
const FORM_BYTES: usize = 512 << 10;
/// Keys that are opened at once: each takes a core for a while.
static OPENING: Semaphore = Semaphore::const_new(2);

/// The operations of this module.
pub fn routes() -> Routes {
    let register_codes = &[
        Code::CertificateFormat,
        Code::KeyFormat,
        Code::KeyPassword,
        Code::KeyMismatch,
        Code::Pkcs12Format,
        Code::Pkcs12Bounds,
        Code::FielRequired,
        Code::CertificateExpired,
        Code::CertificateNotYetValid,
        Code::EnvironmentMismatch,
    ];
    Routes::of("sat")
        .add(
            Operation::post("/api/sat/taxpayers", "sat.taxpayers.register", "Registers a taxpayer with its e.firma")
                .needs(Permission::CredentialUpload)
                .step_up()
                .body_at_most(FORM_BYTES)
                .audits("credential.admitted")
                .refuses(register_codes)
                .notes(
                    "Send `cer`, `key` and `password`, or `p12` and `password`. The key is sealed in the vault; neither it nor \
                     its password is ever told again. With `daily` = `true` the running year is asked for every night. \
                     Registering the same certificate again changes nothing (`changed` is false).",
                ),
            register,
        )
        .add(
            Operation::get("/api/sat/taxpayers/{taxpayer}", "sat.taxpayers.read", "How a taxpayer stands")
                .needs(Permission::TaxpayerRead),
            standing,
        )
        .add(
            Operation::post("/api/sat/taxpayers/{taxpayer}/login", "sat.login", "Does SAT accept the e.firma?")
                .needs(Permission::SatAsk)
                .idempotency_ignored()
                .refuses(&[
                    Code::CredentialMissing,
                    Code::CredentialBlocked,
                    Code::EnvironmentMismatch,
                    Code::AuthorityRejected,
                    Code::AuthorityUnreachable,
                    Code::AuthorityUnanswered,
                    Code::LeaseLost,
                ]),
            login,
        )
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
                .notes("`verify` asks how open requests stand, `download` fetches the packages that are ready.")
                .example(r#"{"what":"verify"}"#),
            poll,
        )
}

/// The taxpayer of an id; somebody else's is not found.
pub async fn taxpayer(api: &Api, scope: &Scope, id: TaxpayerId) -> Result<Taxpayer, ApiError> {
    api.app.store.read(scope).await?.taxpayer(id).await?.ok_or_else(ApiError::not_found)
}

/// The same, for calls to SAT.
async fn for_calls(api: &Api, scope: &Scope, id: TaxpayerId) -> Result<Taxpayer, ApiError> {
    let taxpayer = taxpayer(api, scope, id).await?;
    register::same_environment(&api.app, &taxpayer)?;
    Ok(taxpayer)
}

/// An e.firma as it is sent.
pub struct Efirma;

impl Fields for Efirma {
    const FIELDS: &'static [Field] = &[
        Field { name: "cer", kind: Kind::File, required: false, text: "The certificate, `.cer`." },
        Field { name: "key", kind: Kind::File, required: false, text: "The private key, `.key`." },
        Field { name: "p12", kind: Kind::File, required: false, text: "Both in one, `.p12` or `.pfx`." },
        Field { name: "password", kind: Kind::Password, required: true, text: "The password of the key." },
        Field { name: "daily", kind: Kind::Text, required: false, text: "`true`: the running year is asked for every night." },
    ];
}

/// A taxpayer that was registered.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = SatRegistered)]
pub struct RegisteredView {
    /// The taxpayer.
    taxpayer: String,
    /// Its RFC.
    rfc: String,
    /// Its name, as the certificate has it.
    name: String,
    /// The credential in use.
    credential: String,
    /// The certificate number.
    number: String,
    /// Last instant of validity.
    not_after: String,
    /// `sandbox` or `production`.
    environment: String,
    /// False if this very certificate was in use already.
    changed: bool,
    /// Whether it is asked for every night.
    daily: bool,
}

/// `POST /api/sat/taxpayers`
async fn register(api: Api, scope: Scope, mut form: Form<Efirma>) -> Result<Json<RegisteredView>, ApiError> {
    let daily = match form.text("daily") {
        None | Some("false") => false,
        Some("true") => true,
        Some(_) => return Err(ApiError::field("/daily", Code::FieldInvalid)),
    };
    let pair = opened(&mut form).await?;
    let done = register::register(&api.app, &scope, pair).await?;
    if daily {
        let taxpayer = register::find(&api.app, &scope, &done.rfc).await?;
        nightly::put(&api.app, &scope, &taxpayer, &NightlyWish::daily()).await?;
    }
    Ok(Json(RegisteredView {
        taxpayer: done.taxpayer,
        rfc: done.rfc,
        name: done.name,
        credential: done.credential,
        number: done.number,
        not_after: done.not_after,
        environment: done.environment.text().to_owned(),
        changed: done.changed,
        daily,
    }))
}

/// The pair of a form: what was sent is wiped when this is over.
async fn opened(form: &mut Form<Efirma>) -> Result<Pair, ApiError> {
    let password = form.take("password").ok_or_else(|| ApiError::field("/password", Code::FieldMissing))?;
    let (cer, key, p12) = (form.take("cer"), form.take("key"), form.take("p12"));
    let _turn = OPENING.acquire().await.map_err(|error| ApiError::new(Code::Internal).because(error))?;
    let opening = tokio::task::spawn_blocking(move || match (cer, key, p12) {
        (Some(cer), Some(key), None) => Ok(Pair::from_files(cer.expose(), key.expose(), &password)),
        (None, None, Some(p12)) => Ok(Pair::from_pkcs12(p12.expose(), &password)),
        (None, Some(_), None) => Err("/cer"),
        (Some(_), None, None) | (None, None, None) => Err("/key"),
        _ => Err("/p12"),
    });
    let opened = opening.await.map_err(|error| ApiError::new(Code::Internal).because(error))?;
    let opened = opened.map_err(|field| ApiError::field(field, Code::FieldMissing))?;
    Ok(opened.map_err(AppError::from)?)
}

/// `GET /api/sat/taxpayers/{taxpayer}`
async fn standing(api: Api, asked: Asked, scope: Scope, At(id): At<TaxpayerId>) -> Result<Document, ApiError> {
    let taxpayer = taxpayer(&api, &scope, id).await?;
    let status = status::year(&api.app, &scope, &taxpayer, None).await?;
    let states: BTreeMap<&str, usize> = status.by_state().into_iter().map(|(state, n)| (state.text(), n)).collect();
    let blocked = status.solicitudes.iter().filter(|(s, _)| s.state == SolicitudState::Blocked);
    let blocked: Vec<Value> = blocked.map(|(s, packages)| told(s, packages, asked.language)).collect();
    Ok(Document(json!({
        "taxpayer": taxpayer.id.to_string(), "rfc": taxpayer.tax_id, "name": taxpayer.name, "environment": taxpayer.environment,
        "requests": status.solicitudes.len(), "states": states, "open": status.open(), "blocked": blocked,
        "cfdi": status.counts.cfdi, "metadata": status.counts.metadata, "foreign": status.counts.foreign,
        "quarantined": status.counts.quarantined, "third_party": status.counts.third_party,
        "retenciones": { "cfdi": status.counts.retenciones, "metadata": status.counts.retenciones_metadata },
        "cancelled_late": { "count": status.counts.cancelled_late, "last": status.cancelled_late },
        "dead_jobs": status.dead_jobs.iter().map(|it| it.id.to_string()).collect::<Vec<_>>(),
    })))
}

/// A session at SAT.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = SatSession)]
pub struct SessionView {
    /// Whose.
    rfc: String,
    /// When it lapses.
    #[schema(value_type = String, format = DateTime)]
    expires: Timestamp,
    /// `sandbox` or `production`.
    environment: String,
}

/// `POST /api/sat/taxpayers/{taxpayer}/login`
async fn login(api: Api, scope: Scope, At(id): At<TaxpayerId>) -> Result<Json<SessionView>, ApiError> {
    let taxpayer = for_calls(&api, &scope, id).await?;
    let account = {
        let mut tx = api.app.store.read(&scope).await?;
        transition::account_of(tx.as_mut(), &scope, &taxpayer, Family::Cfdi).await?
    };
    let expires = api.app.sat.login(&account).await?;
    Ok(Json(SessionView { rfc: taxpayer.tax_id, expires, environment: taxpayer.environment.text().to_owned() }))
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
fn each<T: Copy>(
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
struct OfFamily {
    /// `cfdi` or `retenciones`; both unless said.
    family: Option<String>,
}

impl OfFamily {
    fn read(&self) -> Result<Option<Family>, ApiError> {
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
fn told(s: &Solicitud, packages: &[PackageRow], language: Language) -> Value {
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
