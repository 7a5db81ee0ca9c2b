//! `/api/sat/taxpayers/{taxpayer}/documents` and what is made of them: found, read, taken out, summed up,
//! reported on.
//!
//! Exports stream: rows go out as they are read, in flat memory, and an answer that fails on its way is
//! broken off, so that half a file never looks like a whole one.

use super::sat::taxpayer;
use crate::answer::{Document, Download, Json, Paged};
use crate::api::Api;
use crate::call;
use crate::extract::{At, Page, Query, Raw};
use crate::operation::Operation;
use crate::printed;
use crate::problem::ApiError;
use crate::routing::Routes;
use crate::spool::{Failing, Pipe, pipe};
use axum::body::Body;
use fedatario_app::audit_trail::{entry, hex, sha256};
use fedatario_app::books::originals::{self, ArchiveWriter};
use fedatario_app::books::out;
use fedatario_app::books::period::Period;
use fedatario_app::books::question::{self, Question};
use fedatario_app::books::sheet::{Cell, Column};
use fedatario_app::books::summary::{self, Traced};
use fedatario_app::books::walk::{self, Walk};
use fedatario_app::books::{flat, question::Asked};
use fedatario_app::descarga::transition::Moment;
use fedatario_app::descarga::{layout, report};
use fedatario_app::error::AppResult;
use fedatario_app::model::{Direction, Family, Taxpayer};
use fedatario_app::{App, AppError};
use fedatario_base::id::TaxpayerId;
use fedatario_base::{Code, Permission, Scope};
use fedatario_fiscal::mx::books::Figure;
use fedatario_tables::{Archive, CsvOptions, Format, Rows, sheets};
use jiff::civil::{Date, DateTime};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::Semaphore;
use utoipa::{IntoParams, ToSchema};

/// Exports under way at once in one process: each holds a read of the database open.
const EXPORTS_AT_ONCE: usize = 4;
/// When to come back if there is no place for another.
const COME_BACK: Duration = Duration::from_secs(10);
/// Documents that one figure is explained by; a larger one has an export.
const TRACED_AT_MOST: usize = 10_000;
/// Bytes of a report that is checked.
const REPORT_BYTES: usize = 64 << 20;
/// Bytes of a kept report.
const KEPT_REPORT_BYTES: u64 = 1 << 30;

static EXPORTS: Semaphore = Semaphore::const_new(EXPORTS_AT_ONCE);

/// The operations of this module.
pub fn routes() -> Routes {
    use Permission::{DocumentExport, DocumentRead};
    const FILTERS: &[Code] = &[Code::FilterFormat, Code::PeriodFormat];
    Routes::of("documents")
        .add(
            Operation::get("/api/sat/taxpayers/{taxpayer}/documents", "documents.list", "Documents, found by columns and words")
                .needs(DocumentRead)
                .refuses(FILTERS),
            list,
        )
        .add(
            Operation::get(
                "/api/sat/taxpayers/{taxpayer}/documents/{uuid}",
                "documents.read",
                "One document as JSON, with its status",
            )
            .needs(DocumentRead),
            one,
        )
        .add(
            Operation::get(
                "/api/sat/taxpayers/{taxpayer}/documents/{uuid}/xml",
                "documents.original",
                "The original XML, byte for byte",
            )
            .needs(DocumentRead),
            xml,
        )
        .add(
            Operation::get("/api/sat/taxpayers/{taxpayer}/export", "documents.export", "Everything that answers, as a file")
                .needs(DocumentExport)
                .audits("documents.exported")
                .refuses(FILTERS)
                .notes("`format`: csv, xlsx, parquet, ndjson (`flat` for columns), or zip with the original XML. Streams."),
            export,
        )
        .add(
            Operation::get("/api/sat/taxpayers/{taxpayer}/summary", "documents.summary", "The books of a period")
                .needs(DocumentRead)
                .refuses(FILTERS),
            summarise,
        )
        .add(
            Operation::get(
                "/api/sat/taxpayers/{taxpayer}/summary/{figure}",
                "documents.explain",
                "What a figure of the books is made of",
            )
            .needs(DocumentRead)
            .refuses(FILTERS),
            explain,
        )
        .add(
            Operation::post(
                "/api/sat/taxpayers/{taxpayer}/years/{year}/report",
                "reports.make",
                "Makes the completeness report of a year",
            )
            .needs(DocumentRead)
            .audits("sat.report.made")
            .notes("A kept report that still says the same is not made again."),
            make_report,
        )
        .add(
            Operation::get("/api/sat/taxpayers/{taxpayer}/years/{year}/report", "reports.read", "The completeness report, signed")
                .needs(DocumentRead)
                .notes("`format`: json (the signed report), csv (what it lists) or html (a page to print)."),
            read_report,
        )
        .add(
            Operation::post("/api/sat/reports/check", "reports.check", "Is that report ours, and still true?")
                .needs(DocumentRead)
                .idempotency_ignored()
                .body_at_most(REPORT_BYTES)
                .refuses(&[Code::ReportSignature]),
            check_report,
        )
}

/// Which documents.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct OfDocuments {
    /// A whole year.
    year: Option<i16>,
    /// A year, a month or more: `2025`, `2025-03`, `2025-01..2025-06`.
    period: Option<String>,
    /// From this day, with `to`.
    from: Option<String>,
    /// To that day, included.
    to: Option<String>,
    /// `issued` or `received`.
    role: Option<String>,
    /// Letters: `I`, `E`, `T`, `N`, `P`, `R`; several with commas.
    r#type: Option<String>,
    /// Tax id of the other party.
    counterparty: Option<String>,
    /// The least total.
    min: Option<String>,
    /// The greatest.
    max: Option<String>,
    /// Currency code.
    currency: Option<String>,
    /// `vigente`, `cancelado`, `unknown`; several with commas.
    status: Option<String>,
    /// Name of a complement.
    complement: Option<String>,
    /// Words, in any case and without accents.
    text: Option<String>,
}

/// A file of documents.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct OfExport {
    /// `csv` unless said, `xlsx`, `parquet`, `ndjson`, `zip`.
    format: Option<String>,
    /// With `ndjson`: columns instead of the whole document.
    flat: Option<bool>,
    /// Between the cells of CSV: `,` `;` `|` or `tab`.
    separator: Option<String>,
    /// Whether CSV begins with a mark by which Excel knows the encoding.
    bom: Option<bool>,
}

fn period_of(year: Option<i16>, period: Option<&str>, from: Option<&str>, to: Option<&str>) -> Result<Option<Period>, ApiError> {
    let bad = |name: &str| ApiError::field(format!("?{name}"), Code::PeriodFormat);
    if let Some(year) = year {
        return Ok(Some(Period::year(year)?));
    }
    if let Some(text) = period {
        return Ok(Some(Period::parse(text)?));
    }
    let (from, to) = match (from, to) {
        (None, None) => return Ok(None),
        (Some(from), Some(to)) => (from, to),
        (None, _) => return Err(bad("from")),
        (_, None) => return Err(bad("to")),
    };
    let day = |name: &str, text: &str| text.trim().parse::<Date>().map_err(|_| bad(name));
    Ok(Some(Period::between(day("from", from)?, day("to", to)?)?))
}

fn words(text: Option<String>) -> Vec<String> {
    text.iter().flat_map(|it| it.split(',')).map(|it| it.trim().to_owned()).filter(|it| !it.is_empty()).collect()
}

impl OfDocuments {
    fn read(self, uuid: Option<String>) -> Result<(Question, Option<Period>), ApiError> {
        let period = period_of(self.year, self.period.as_deref(), self.from.as_deref(), self.to.as_deref())?;
        let role = self.role.map(|it| Direction::from_text(&it).ok_or_else(|| ApiError::field("?role", Code::FilterFormat)));
        let asked = Asked {
            period,
            direction: role.transpose()?,
            kinds: words(self.r#type),
            counterparty: self.counterparty,
            min: self.min,
            max: self.max,
            currency: self.currency,
            status: words(self.status),
            complement: self.complement,
            text: self.text,
            uuid,
        };
        Ok((Question::read(asked)?, period))
    }
}

/// A document in the columns that an accountant wants, by their Spanish names; amounts are texts.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = DocumentColumns)]
pub struct DocumentView {
    #[serde(flatten)]
    cells: serde_json::Map<String, Value>,
    #[serde(skip)]
    key: String,
}

/// `GET /api/sat/taxpayers/{taxpayer}/documents`
async fn list(
    api: Api,
    scope: Scope,
    At(id): At<TaxpayerId>,
    Query(of): Query<OfDocuments>,
    page: Page,
) -> Result<Paged<DocumentView>, ApiError> {
    let (question, _) = of.read(None)?;
    let taxpayer = taxpayer(&api, &scope, id).await?;
    let after = page.after.as_deref().map(question::after).transpose()?;
    let found = walk::page(&api.app, &scope, &taxpayer, question, after, page.limit + 1).await?;
    let view = |it: &walk::Read| DocumentView { cells: flat::object(it), key: question::cursor(&it.key()) };
    Ok(Paged::new(&page, found.documents.iter().map(view).collect(), |it| it.key.clone()))
}

/// `GET /api/sat/taxpayers/{taxpayer}/documents/{uuid}`
async fn one(api: Api, scope: Scope, At(id): At<TaxpayerId>, At(uuid): At<String>) -> Result<Document, ApiError> {
    taxpayer(&api, &scope, id).await?;
    let uuid = uuid.to_lowercase();
    let mut found = api.app.store.read(&scope).await?.documents_named(id, &[uuid.as_str()]).await?;
    let found = found.pop().ok_or_else(ApiError::not_found)?;
    let body: Value = serde_json::from_str(&found.row.json).unwrap_or_default();
    Ok(Document(json!({
        "uuid": found.row.uuid, "taxpayer": id.to_string(), "status": found.status, "cancelled_at": found.cancelled_at,
        "package": found.row.package.to_string(), "entry": found.row.entry, "document": body,
    })))
}

/// Keeps the one file that is taken out.
#[derive(Clone, Default)]
struct OneFile(Arc<Mutex<Option<Vec<u8>>>>);

impl OneFile {
    fn taken(&self) -> Option<Vec<u8>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl ArchiveWriter for OneFile {
    fn file(&mut self, path: &str, _: Option<DateTime>, bytes: &[u8]) -> io::Result<()> {
        if path.to_lowercase().ends_with(".xml") {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert_with(|| bytes.to_vec());
        }
        Ok(())
    }

    fn sheet(&mut self, _: &str, _: &[Column]) -> io::Result<()> {
        Ok(())
    }

    fn row(&mut self, _: &[Cell]) -> io::Result<()> {
        Ok(())
    }

    fn finish(self: Box<Self>) -> io::Result<()> {
        Ok(())
    }
}

/// `GET /api/sat/taxpayers/{taxpayer}/documents/{uuid}/xml`
async fn xml(api: Api, scope: Scope, At(id): At<TaxpayerId>, At(uuid): At<String>) -> Result<Download, ApiError> {
    let taxpayer = taxpayer(&api, &scope, id).await?;
    let (question, _) = OfDocuments::default().read(Some(uuid.clone())).map_err(|_| ApiError::not_found())?;
    let file = OneFile::default();
    originals::take_out(&api.app, &scope, &taxpayer, question, None, Box::new(file.clone())).await?;
    let bytes = file.taken().ok_or_else(ApiError::not_found)?;
    Ok(Download { media: "application/xml", name: format!("{}.xml", uuid.to_lowercase()), body: Body::from(bytes) })
}

fn separator(text: Option<&str>) -> Result<u8, ApiError> {
    match text {
        None => Ok(b','),
        Some("tab") => Ok(b'\t'),
        Some(text) if matches!(text, "," | ";" | "|") => Ok(text.as_bytes()[0]),
        Some(_) => Err(ApiError::field("?separator", Code::FilterFormat)),
    }
}

/// What is written.
#[derive(Clone, Copy)]
enum File {
    Rows(Format),
    Originals,
}

impl File {
    fn media(self) -> (&'static str, &'static str) {
        match self {
            File::Originals => ("application/zip", "zip"),
            File::Rows(Format::Csv) => ("text/csv; charset=utf-8", "csv"),
            File::Rows(Format::Xlsx) => ("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", "xlsx"),
            File::Rows(Format::Parquet) => ("application/vnd.apache.parquet", "parquet"),
            File::Rows(Format::Ndjson | Format::FlatNdjson) => ("application/x-ndjson", "ndjson"),
        }
    }
}

/// `GET /api/sat/taxpayers/{taxpayer}/export`
async fn export(
    api: Api,
    scope: Scope,
    At(id): At<TaxpayerId>,
    Query(of): Query<OfDocuments>,
    Query(form): Query<OfExport>,
) -> Result<Download, ApiError> {
    let (question, period) = of.read(None)?;
    let csv = CsvOptions { separator: separator(form.separator.as_deref())?, mark: form.bom.unwrap_or_default() };
    let format = form.format.as_deref().unwrap_or("csv");
    let rows = Format::named(format, form.flat.unwrap_or_default());
    let file = match (format, rows) {
        ("zip", _) => File::Originals,
        (_, Some(format)) => File::Rows(format),
        _ => return Err(ApiError::field("?format", Code::FilterFormat)),
    };
    let taxpayer = taxpayer(&api, &scope, id).await?;
    let place = EXPORTS.try_acquire().map_err(|_| ApiError::new(Code::RateLimited).retry_after(COME_BACK))?;
    told(&api.app, &scope, &taxpayer, format).await?;
    let (media, ending) = file.media();
    let (pipe, failing, body) = pipe();
    let app = api.app.clone();
    let name = format!("{}.{ending}", taxpayer.tax_id);
    tokio::spawn(async move {
        let _place = place;
        run(&app, &scope, &taxpayer, (question, period), (file, csv), (pipe, failing)).await;
    });
    Ok(Download { media, name, body })
}

async fn run(
    app: &App,
    scope: &Scope,
    taxpayer: &Taxpayer,
    (question, period): (Question, Option<Period>),
    (file, csv): (File, CsvOptions),
    (pipe, failing): (Pipe, Failing),
) {
    let done = match file {
        File::Originals => {
            let archive = Box::new(Archive::begin(pipe, csv));
            originals::take_out(app, scope, taxpayer, question, period, archive).await.map(|_| ())
        }
        File::Rows(format) => rows(app, scope, taxpayer, question, (format, csv), pipe).await,
    };
    if let Err(error) = done {
        failing.fail(error).await;
    }
}

async fn rows(
    app: &App,
    scope: &Scope,
    taxpayer: &Taxpayer,
    question: Question,
    (format, csv): (Format, CsvOptions),
    pipe: Pipe,
) -> AppResult<()> {
    let mut walk = Walk::begin(app, scope, taxpayer, question, None, None).await?;
    if !format.needs_amounts() {
        walk = walk.without_amounts();
    }
    // Beginning a file may write, and writing may wait for whoever reads.
    let sink = tokio::task::spawn_blocking(move || Rows::begin(format, csv, pipe)).await;
    let sink = sink.map_err(|error| AppError::Internal(error.to_string()))?;
    let sink = sink.map_err(|error| AppError::Output(error.to_string()))?;
    out::rows(&mut walk, sink, &|_| {}).await.map(|_| ())
}

/// Who took documents out is in the chain before the first of them leaves.
async fn told(app: &App, scope: &Scope, taxpayer: &Taxpayer, format: &str) -> AppResult<()> {
    let mut tx = app.store.begin(scope).await?;
    let event = entry(&Moment::now(app, scope), "documents", &taxpayer.id.to_string(), "exported");
    tx.append(event.field("format", format), None).await?;
    Ok(tx.commit().await?)
}

/// Which period, and how it is written.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct OfPeriod {
    /// A whole year.
    year: Option<i16>,
    /// A year, a month or more.
    period: Option<String>,
    /// From this day, with `to`.
    from: Option<String>,
    /// To that day, included.
    to: Option<String>,
    /// `json`, `csv`, or `html`: a page to print.
    format: Option<String>,
}

impl OfPeriod {
    fn read(&self) -> Result<Period, ApiError> {
        let period = period_of(self.year, self.period.as_deref(), self.from.as_deref(), self.to.as_deref())?;
        period.ok_or_else(|| ApiError::field("?period", Code::FieldMissing))
    }
}

/// JSON, or the same as CSV or as a page.
fn written(
    format: Option<&str>,
    json: Value,
    csv: impl FnOnce() -> io::Result<Vec<u8>>,
    page: impl FnOnce() -> fedatario_tables::Page,
    name: &str,
) -> Result<Download, ApiError> {
    let (media, ending, bytes) = match format {
        None | Some("json") => ("application/json", "json", json.to_string().into_bytes()),
        Some("csv") => ("text/csv; charset=utf-8", "csv", csv().map_err(|error| ApiError::new(Code::Internal).because(error))?),
        Some("html") => ("text/html; charset=utf-8", "html", page().html().into_bytes()),
        Some(_) => return Err(ApiError::field("?format", Code::FilterFormat)),
    };
    Ok(Download { media, name: format!("{name}.{ending}"), body: Body::from(bytes) })
}

/// `GET /api/sat/taxpayers/{taxpayer}/summary`
async fn summarise(
    api: Api,
    asked: call::Asked,
    scope: Scope,
    At(id): At<TaxpayerId>,
    Query(of): Query<OfPeriod>,
) -> Result<Download, ApiError> {
    let taxpayer = taxpayer(&api, &scope, id).await?;
    let period = of.read()?;
    let made = summary::summarise(&api.app, &scope, &taxpayer, period).await?;
    let (name, page) = (format!("resumen-{}", taxpayer.tax_id), || printed::summary(asked.language, &made));
    written(of.format.as_deref(), made.json(), || sheets::summary(&made), page, &name)
}

/// `GET /api/sat/taxpayers/{taxpayer}/summary/{figure}`
async fn explain(
    api: Api,
    scope: Scope,
    At(id): At<TaxpayerId>,
    At(name): At<String>,
    Query(of): Query<OfPeriod>,
) -> Result<Document, ApiError> {
    let figure = Figure::parse(&name).ok_or_else(ApiError::not_found)?;
    let taxpayer = taxpayer(&api, &scope, id).await?;
    let period = of.read()?;
    let (mut all, mut count) = (Vec::new(), 0u64);
    let mut take = |it: Traced| {
        count += 1;
        if all.len() < TRACED_AT_MOST {
            all.push(json!({
                "uuid": it.uuid, "type": it.kind, "day": it.day, "counterparty": it.counterparty, "name": it.name,
                "amount": it.amount.normalize().to_string(),
            }));
        }
    };
    let total = summary::explain(&api.app, &scope, &taxpayer, period, figure, &mut take).await?;
    Ok(Document(json!({ "figure": name, "total": summary::shown(total), "count": count, "documents": all })))
}

/// Which service's report, and how it is written.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct OfReport {
    /// `cfdi` or `retenciones`; CFDI unless said.
    family: Option<String>,
    /// `json`, `csv`, or `html`: a page to print.
    format: Option<String>,
}

impl OfReport {
    fn family(&self) -> Result<Family, ApiError> {
        let read = |it: &String| Family::from_text(it).ok_or_else(|| ApiError::field("?family", Code::FieldInvalid));
        self.family.as_ref().map_or(Ok(Family::Cfdi), read)
    }
}

/// A report that was made.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ReportMade)]
pub struct ReportMade {
    /// Whether the whole year is here: every window answered, nothing missing.
    complete: bool,
    /// Documents that the metadata name.
    metadata: u64,
    /// Documents whose XML is here.
    cfdi: u64,
    /// Metadata without XML.
    missing: u64,
    /// Cancelled and without XML: SAT does not deliver those.
    not_delivered: u64,
    /// XML without metadata.
    extra: u64,
    /// Windows that nothing has answered yet.
    unsettled: u64,
    /// Its digest.
    sha256: String,
}

/// `POST /api/sat/taxpayers/{taxpayer}/years/{year}/report`
async fn make_report(
    api: Api,
    scope: Scope,
    At(id): At<TaxpayerId>,
    At(year): At<i16>,
    Query(of): Query<OfReport>,
) -> Result<Json<ReportMade>, ApiError> {
    let (family, taxpayer) = (of.family()?, taxpayer(&api, &scope, id).await?);
    let made = report::make(&api.app, &scope, &taxpayer, family, year).await?;
    Ok(Json(ReportMade {
        complete: made.complete,
        metadata: made.totals.metadata,
        cfdi: made.totals.cfdi,
        missing: made.totals.missing,
        not_delivered: made.totals.not_delivered,
        extra: made.totals.extra,
        unsettled: made.unsettled,
        sha256: made.sha256,
    }))
}

/// `GET /api/sat/taxpayers/{taxpayer}/years/{year}/report`
async fn read_report(
    api: Api,
    asked: call::Asked,
    scope: Scope,
    At(id): At<TaxpayerId>,
    At(year): At<i16>,
    Query(of): Query<OfReport>,
) -> Result<Download, ApiError> {
    let (family, taxpayer) = (of.family()?, taxpayer(&api, &scope, id).await?);
    let path = layout::report(scope.tenant(), &taxpayer.tax_id, year, family);
    let file = api.app.blobs.get(&path, KEPT_REPORT_BYTES).await?;
    let signed: Value = serde_json::from_slice(&file).map_err(|error| ApiError::new(Code::Internal).because(error))?;
    let name = format!("reporte-{}-{year}", taxpayer.tax_id);
    let page = || {
        let is_complete = signed["report"]["complete"] == true;
        printed::report(asked.language, &signed, &taxpayer.name, is_complete, &hex(&sha256(&file)))
    };
    written(of.format.as_deref(), signed.clone(), || sheets::report(&signed["report"]), page, &name)
}

/// What checking a report found.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ReportChecked)]
pub struct ReportChecked {
    /// Whether the signature is good.
    signature: bool,
    /// `pinned` when the key is this tenant's own, `unpinned` when only the file vouches for it.
    key: &'static str,
    /// Whether the tables say the same today; none if the taxpayer is not here.
    agrees: Option<bool>,
}

/// `POST /api/sat/reports/check`
async fn check_report(api: Api, scope: Scope, file: Raw) -> Result<Json<ReportChecked>, ApiError> {
    let checked = report::check(&api.app, &scope, &file.bytes).await?;
    Ok(Json(ReportChecked { signature: checked.signature, key: checked.key, agrees: checked.agrees }))
}
