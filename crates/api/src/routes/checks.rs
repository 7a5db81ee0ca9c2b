//! `/api/sat/…/checks`: which documents are what they say; the list of article 69-B; certificates.

use super::follow::{Snapshot, follow};
use super::sat::taxpayer;
use crate::answer::{Accepted, Document, Json, Paged};
use crate::api::Api;
use crate::call;
use crate::events::Events;
use crate::extract::{At, Body, LastEvent, Page, Query, Raw, Upload};
use crate::operation::Operation;
use crate::problem::{ApiError, Findings};
use crate::routing::Routes;
use crate::spool::lay_down;
use fedatario_app::revision::model::RunRow;
use fedatario_app::revision::{Asked, Parts, Revision, job};
use fedatario_base::id::{RevisionId, TaxpayerId};
use fedatario_base::{Code, Permission, Scope};
use fedatario_fiscal::mx::cadena;
use fedatario_fiscal::mx::tree::MAX_DOCUMENT_BYTES;
use fedatario_fiscal::mx::uuid::FiscalUuid;
use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::fs::File;
use utoipa::{IntoParams, ToSchema};

/// UUIDs that one check names.
const UUIDS_AT_MOST: usize = 1_000;
/// Runs that are told.
const RUNS_AT_MOST: u32 = 200;

/// The operations of this module.
pub fn routes() -> Routes {
    use Permission::{DocumentRead, SatAsk};
    Routes::of("checks")
        .add(
            Operation::post("/api/sat/taxpayers/{taxpayer}/checks", "checks.ask", "Looks at a taxpayer's documents")
                .needs(SatAsk)
                .audits("sat.check.asked")
                .notes("Seals and stamps, status at SAT, the list of 69-B; all three unless some are said.")
                .example(r#"{"year":2025,"seals":true}"#),
            ask,
        )
        .add(
            Operation::get("/api/sat/taxpayers/{taxpayer}/checks", "checks.list", "Checks, newest first").needs(DocumentRead),
            list,
        )
        .add(
            Operation::get("/api/sat/checks/{check}", "checks.read", "How a check stands and what it came to").needs(DocumentRead),
            one,
        )
        .add(
            Operation::get("/api/sat/checks/{check}/events", "checks.follow", "A check's end, as it happens").needs(DocumentRead),
            follow_one,
        )
        .add(
            Operation::get("/api/sat/checks/{check}/findings", "checks.findings", "What a check found").needs(DocumentRead),
            findings,
        )
        .add(
            Operation::post("/api/sat/documents/check", "checks.judge", "Judges one document that is sent along")
                .needs(DocumentRead)
                .idempotency_ignored()
                .body_at_most(JUDGED_BYTES)
                .refuses(&[Code::NotFound])
                .notes("The body is the XML. Nothing of it is kept."),
            judge,
        )
        .add(
            Operation::get("/api/sat/efos", "efos.list", "The list of article 69-B that counts here")
                .needs(DocumentRead)
                .refuses(&[Code::NotFound]),
            efos,
        )
        .add(
            Operation::post("/api/sat/efos", "efos.load", "Loads the list of article 69-B, as SAT publishes it")
                .needs(Permission::PlatformReferenceLoad)
                .idempotency_ignored()
                .body_at_most(LIST_BYTES)
                .audits("sat.list_69b.loaded")
                .refuses(&[Code::NotFound, Code::EfosListFormat, Code::BlobUnavailable])
                .notes(
                    "The body is the CSV. It counts for every organisation, whole or not at all; the same file twice is one list.",
                ),
            load_efos,
        )
        .add(
            Operation::post("/api/sat/certificates", "certificates.load", "Loads certificates that documents are judged with")
                .needs(Permission::PlatformReferenceLoad)
                .idempotency_ignored()
                .body_at_most(CERTIFICATE_BYTES)
                .audits("sat.certificates.loaded")
                .refuses(&[Code::NotFound, Code::CertificateFormat])
                .notes("The body is one certificate as DER, or several as PEM. They count for every organisation."),
            load_certificates,
        )
}

/// The largest list over the wire: SAT's has some twenty megabytes.
const LIST_BYTES: usize = 128 << 20;
/// The largest file of certificates over the wire: some hundreds of them.
const CERTIFICATE_BYTES: usize = 1 << 20;
/// Where a list that was sent says that it comes from.
const SENT: &str = "api";

/// A list that was loaded.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = LoadedList)]
pub struct LoadedView {
    /// Whom it names.
    rows: u64,
    /// The day as of which it speaks, if it says so.
    dated: String,
    /// Rows without an RFC.
    passed_over: u64,
    /// Whether it was here already.
    same: bool,
    /// When it came in.
    #[schema(value_type = String, format = DateTime)]
    loaded_at: jiff::Timestamp,
}

/// Certificates that were loaded.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = LoadedCertificates)]
pub struct CertificatesView {
    /// How many were not known before.
    new: u64,
}

/// `POST /api/sat/efos`
async fn load_efos(api: Api, asked: call::Asked, scope: Scope, Upload(body): Upload) -> Result<Json<LoadedView>, ApiError> {
    let revision = revision(&api)?;
    let laid = lay_down(body, &api.lines.temporary, asked.request).await?;
    let file = File::open(laid.path()).map_err(|error| ApiError::new(Code::BlobUnavailable).because(error))?;
    let loaded = revision.load_list(&scope, SENT, file).await?;
    let (list, same, passed_over) = (loaded.list, loaded.same, loaded.passed_over);
    Ok(Json(LoadedView { rows: list.rows, dated: list.dated, passed_over, same, loaded_at: list.loaded }))
}

/// `POST /api/sat/certificates`
async fn load_certificates(api: Api, scope: Scope, file: Raw) -> Result<Json<CertificatesView>, ApiError> {
    Ok(Json(CertificatesView { new: revision(&api)?.load_certificate_file(&scope, &file.bytes).await? }))
}

/// The largest document that is judged over the wire: larger ones come in packages.
const JUDGED_BYTES: usize = 8 << 20;
const _: () = assert!(JUDGED_BYTES as u64 <= MAX_DOCUMENT_BYTES as u64);

fn revision(api: &Api) -> Result<&Revision, ApiError> {
    api.lines.revision.as_ref().ok_or_else(ApiError::not_found)
}

/// What is looked at.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = CheckWish)]
pub struct CheckWish {
    /// A whole year.
    #[schema(minimum = 2000, maximum = 9999)]
    year: Option<i16>,
    /// Emission from this day.
    #[schema(value_type = Option<String>, format = Date)]
    from: Option<Date>,
    /// Emission to this day, included.
    #[schema(value_type = Option<String>, format = Date)]
    to: Option<Date>,
    /// Only these documents.
    #[serde(default)]
    #[schema(max_items = 1000)]
    uuids: Vec<String>,
    /// Seals and stamps.
    #[serde(default)]
    seals: bool,
    /// Status at SAT; said alone or with UUIDs, of all of them.
    #[serde(default)]
    status: bool,
    /// The list of 69-B.
    #[serde(default)]
    efos: bool,
    /// Ask SAT for certificates that are not at hand.
    #[serde(default)]
    fetch_certificates: bool,
    /// Judge and ask again what was judged and asked.
    #[serde(default)]
    again: bool,
}

impl CheckWish {
    fn read(self) -> Result<Asked, ApiError> {
        let mut found = Findings::default();
        let day = |year: i16, month: i8, day: i8| Date::new(year, month, day).ok();
        let (from, to) = match self.year {
            Some(year) => (day(year, 1, 1), day(year, 12, 31)),
            None => (self.from, self.to),
        };
        found.check(self.year.is_none_or(|it| (2_000..=9_999).contains(&it)), "/year", Code::FieldInvalid);
        found.check(from.zip(to).is_none_or(|(from, to)| from <= to), "/from", Code::WindowOrder);
        found.check(self.uuids.len() <= UUIDS_AT_MOST, "/uuids", Code::FieldInvalid);
        for (at, uuid) in self.uuids.iter().enumerate().take(UUIDS_AT_MOST) {
            found.check(uuid.trim().parse::<FiscalUuid>().is_ok(), &format!("/uuids/{at}"), Code::FieldInvalid);
        }
        found.done()?;
        let none = !self.seals && !self.status && !self.efos;
        Ok(Asked {
            from,
            to,
            parts: Parts { seals: none || self.seals, status: none || self.status, efos: none || self.efos },
            status_of_all: self.status || !self.uuids.is_empty(),
            uuids: self.uuids,
            fetch_certificates: self.fetch_certificates,
            again: self.again,
        })
    }
}

/// A check.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Check)]
pub struct CheckView {
    /// Its id.
    id: String,
    /// Whose documents.
    taxpayer: String,
    /// When it was asked for.
    #[schema(value_type = String, format = DateTime)]
    begun_at: Timestamp,
    /// When it ended; none while it goes on.
    #[schema(value_type = Option<String>, format = DateTime)]
    ended_at: Option<Timestamp>,
    /// What was looked at.
    #[schema(value_type = Object)]
    asked: Value,
    /// What it came to.
    #[schema(value_type = Object)]
    counts: Value,
}

impl From<RunRow> for CheckView {
    fn from(it: RunRow) -> Self {
        let (id, taxpayer) = (it.id.to_string(), it.taxpayer.to_string());
        Self { id, taxpayer, begun_at: it.begun, ended_at: it.ended, asked: it.asked, counts: it.counts }
    }
}

impl Snapshot for CheckView {
    fn is_over(&self) -> bool {
        self.ended_at.is_some()
    }
}

/// `POST /api/sat/taxpayers/{taxpayer}/checks`
async fn ask(api: Api, scope: Scope, At(id): At<TaxpayerId>, Body(wish): Body<CheckWish>) -> Result<Accepted<CheckView>, ApiError> {
    let (asked, taxpayer) = (wish.read()?, taxpayer(&api, &scope, id).await?);
    revision(&api)?;
    let run = job::ask(&api.app, &scope, &taxpayer, &asked).await?;
    Ok(Accepted { location: format!("/api/sat/checks/{}", run.id), body: run.into() })
}

/// Checks of a taxpayer.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Checks)]
pub struct ChecksView {
    /// Newest first; two hundred at most.
    checks: Vec<CheckView>,
}

/// `GET /api/sat/taxpayers/{taxpayer}/checks`
async fn list(api: Api, scope: Scope, At(id): At<TaxpayerId>) -> Result<Json<ChecksView>, ApiError> {
    taxpayer(&api, &scope, id).await?;
    let runs = api.app.store.read(&scope).await?.runs(id, RUNS_AT_MOST).await?;
    Ok(Json(ChecksView { checks: runs.into_iter().map(CheckView::from).collect() }))
}

async fn found(app: &fedatario_app::App, scope: &Scope, id: RevisionId) -> Result<RunRow, ApiError> {
    app.store.read(scope).await?.run(id).await?.ok_or_else(ApiError::not_found)
}

/// `GET /api/sat/checks/{check}`
async fn one(api: Api, scope: Scope, At(id): At<RevisionId>) -> Result<Json<CheckView>, ApiError> {
    Ok(Json(found(&api.app, &scope, id).await?.into()))
}

/// `GET /api/sat/checks/{check}/events`
async fn follow_one(api: Api, scope: Scope, At(id): At<RevisionId>, last: LastEvent) -> Result<Events, ApiError> {
    found(&api.app, &scope, id).await?;
    Ok(follow(last, move || {
        let (app, scope) = (api.app.clone(), scope.clone());
        async move { Ok(CheckView::from(found(&app, &scope, id).await?)) }
    }))
}

/// A finding.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = CheckFinding)]
pub struct FindingView {
    /// Its place in the check, from 1.
    n: u64,
    /// The document, or the RFC of a listed counterparty.
    subject: String,
    /// `forged`, `altered`, `cancelled`, `unverifiable` or `listed`.
    verdict: String,
    /// Why.
    reason: String,
    /// Everything that is known of it.
    #[schema(value_type = Object)]
    told: Value,
}

/// `GET /api/sat/checks/{check}/findings`
async fn findings(api: Api, scope: Scope, At(id): At<RevisionId>, page: Page) -> Result<Paged<FindingView>, ApiError> {
    found(&api.app, &scope, id).await?;
    let after = page.after::<u64>()?.unwrap_or_default();
    let rows = api.app.store.read(&scope).await?.findings(id, after, page.limit + 1).await?;
    let view = rows.into_iter().map(|it| FindingView {
        n: it.seq,
        subject: it.subject,
        verdict: it.verdict,
        reason: it.reason,
        told: it.told,
    });
    Ok(Paged::new(&page, view.collect(), |it| it.n.to_string()))
}

/// `POST /api/sat/documents/check`
async fn judge(api: Api, _: Scope, file: Raw) -> Result<Document, ApiError> {
    let judged = revision(&api)?.judge_alone(api.app.settings.environment, &file.bytes, false).await?;
    let mut told = json!({ "verdict": judged.verdict, "reason": judged.reason, "also": judged.also, "trust": judged.trust });
    if let Ok(seals) = cadena::read_bytes(&file.bytes) {
        told["issuer"] = json!(seals.emisor);
        told["certificate"] = json!(seals.no_certificado);
        told["uuid"] = json!(seals.stamp.map(|it| it.uuid.to_lowercase()));
    }
    Ok(Document(told))
}

/// Whom of the list.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct OfList {
    /// Only this RFC.
    rfc: Option<String>,
}

/// Somebody on the list.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Listed)]
pub struct ListedView {
    /// Who.
    rfc: String,
    /// The name.
    name: String,
    /// How they stand, in the list's words.
    situation: String,
    #[serde(skip)]
    seq: u64,
}

/// `GET /api/sat/efos`
async fn efos(api: Api, _: Scope, Query(of): Query<OfList>, page: Page) -> Result<Paged<ListedView>, ApiError> {
    let revision = revision(&api)?;
    let rfc = of.rfc.map(|it| it.trim().to_uppercase());
    let after = page.after.as_deref().and_then(|it| it.split_once('~'));
    let after = after.map(|(rfc, seq)| seq.parse().map(|seq| (rfc, seq))).transpose();
    let after = after.map_err(|_| ApiError::new(Code::CursorInvalid))?;
    let rows = revision.registry.listed(&revision.hands, rfc.as_deref(), after, page.limit + 1).await?;
    let view = rows.into_iter().map(|it| ListedView { rfc: it.rfc, name: it.name, situation: it.situation, seq: it.seq });
    Ok(Paged::new(&page, view.collect(), |it| format!("{}~{}", it.rfc, it.seq)))
}
