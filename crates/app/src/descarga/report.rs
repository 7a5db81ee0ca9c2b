//! The completeness report: what the metadata names, minus what is here.
//!
//! Empty, or itemised. What SAT does not deliver (received and cancelled before it was downloaded)
//! is listed apart, never as missing. The report is canonical JSON, signed with the tenant's
//! Ed25519 key: whoever holds the public key can check it without us.

use super::handlers::Gates;
use super::layout;
use super::plan::{YearOf, side};
use super::transition::{self, Moment, step};
use crate::App;
use crate::audit_trail::{self, entry};
use crate::error::{AppError, AppResult};
use crate::hooks;
use crate::jobs::JobFailure;
use crate::model::*;
use crate::ports::{BlobError, LeaseProof, Tx};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use fedatario_base::id::{SolicitudId, TaxpayerId};
use fedatario_base::{Code, Scope};
use fedatario_fiscal::mx::completeness::{Builder, Row, Totals, WindowLine};
use fedatario_fiscal::mx::metadata::Estatus;
use fedatario_fiscal::mx::window::{self, Window};
use fedatario_fiscal::mx::{rfc::Rfc, time, uuid::FiscalUuid};
use fedatario_vault::NotePurpose;
use jiff::Timestamp;

/// Rows of the comparison read at once.
const PAGE: u32 = 2_000;

/// A report as it is kept and carried around.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Signed {
    /// What is signed: the canonical JSON of this value, byte for byte.
    pub report: serde_json::Value,
    /// Who signed, base64 of 32 bytes.
    pub key: String,
    /// Ed25519 over the domain and the canonical JSON, base64.
    pub signature: String,
}

/// A report that was made.
#[derive(Debug, Clone)]
pub struct Made {
    /// What it counts.
    pub totals: Totals,
    /// Whether the whole year is here: every window answered, nothing missing.
    pub complete: bool,
    /// Windows that nothing has answered yet, as the report lists them.
    pub unsettled: u64,
    /// Where it lies.
    pub path: String,
    /// Its digest, lower-case hex.
    pub sha256: String,
}

/// A report before it is signed.
struct Drawn {
    canonical: Vec<u8>,
    totals: Totals,
    complete: bool,
    unsettled: u64,
}

/// A kept report, in bytes: two million rows of a line each.
const REPORT_BYTES_AT_MOST: u64 = 1 << 30;

/// Makes, signs and keeps the report of a year. One that says the same as the kept one but for its
/// time is not made again: the kept one stands.
pub async fn make(app: &App, scope: &Scope, taxpayer: &Taxpayer, family: Family, year: i16) -> AppResult<Made> {
    let path = layout::report(scope.tenant(), &taxpayer.tax_id, year, family);
    let of = YearOf { taxpayer: taxpayer.id, family, year };
    if let Some(kept) = still_true(app, scope, taxpayer, of, &path).await? {
        return Ok(kept);
    }
    let drawn = compute(app, scope, taxpayer, of, app.clock.service()).await?;
    let signed = sign(app, scope, &drawn.canonical).await?;
    let file = serde_json::to_vec_pretty(&signed).map_err(|error| AppError::Internal(error.to_string()))?;
    app.blobs.put(&path, &file).await?;
    let made = made(drawn, path, &file);
    tell(app, scope, of, &made).await?;
    Ok(made)
}

fn made(drawn: Drawn, path: String, file: &[u8]) -> Made {
    let sha256 = audit_trail::hex(&audit_trail::sha256(file));
    Made { totals: drawn.totals, complete: drawn.complete, unsettled: drawn.unsettled, path, sha256 }
}

async fn still_true(app: &App, scope: &Scope, taxpayer: &Taxpayer, of: YearOf, path: &str) -> AppResult<Option<Made>> {
    let file = match app.blobs.get(path, REPORT_BYTES_AT_MOST).await {
        Ok(file) => file,
        Err(BlobError::NotFound) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let Ok(kept) = serde_json::from_slice::<Signed>(&file) else { return Ok(None) };
    let Some(made_at) = made_at(&kept.report) else { return Ok(None) };
    let drawn = compute(app, scope, taxpayer, of, made_at).await?;
    let same = audit_trail::canonical(&kept.report)? == drawn.canonical;
    Ok(same.then(|| made(drawn, path.to_owned(), &file)))
}

fn made_at(report: &serde_json::Value) -> Option<Timestamp> {
    report.get("made_at")?.as_str()?.parse().ok()
}

/// The canonical bytes of the report, from the tables.
async fn compute(app: &App, scope: &Scope, taxpayer: &Taxpayer, of: YearOf, made_at: Timestamp) -> AppResult<Drawn> {
    let rfc: Rfc = taxpayer.tax_id.parse().map_err(|_| AppError::RfcFormat(taxpayer.tax_id.clone()))?;
    let report = Builder::new(rfc, of.year, made_at);
    let mut report = if of.family == Family::Retenciones { report.of_retenciones() } else { report };
    let mut tx = app.store.read(scope).await?;
    let mut all = tx.solicitudes(taxpayer.id, Some(of.year)).await?;
    all.retain(|it| of.holds(it));
    all.iter().for_each(|it| report.window(window_line(it, &all)));
    for direction in Direction::ALL {
        never_asked(&all, *direction, of.year).into_iter().for_each(|it| report.window(it));
        rows(tx.as_mut(), taxpayer, *direction, of, &mut report).await?;
    }
    let report = report.finish();
    let unsettled = report.windows.iter().filter(|it| !it.settled).count() as u64;
    Ok(Drawn { canonical: report.canonical(), totals: report.totals(), complete: report.is_complete(), unsettled })
}

/// The parts of the year that no request covers: a year is not complete for want of questions.
fn never_asked(all: &[Solicitud], direction: Direction, year: i16) -> Vec<WindowLine> {
    let meant = |it: &&Solicitud| it.direction == direction && it.relation != Some(Relation::Part);
    let asked: Vec<window::Asked> = all
        .iter()
        .filter(meant)
        .map(|it| window::Asked { content: super::plan::content(it.content), window: Window { from: it.base_from, to: it.to } })
        .collect();
    let over = jiff::civil::date(year.saturating_add(1), 1, 2).at(0, 0, 0, 0);
    let left = window::year_plan(year, side(direction), over, &asked);
    let line = |it: window::PlannedRequest| WindowLine {
        direction: it.direction,
        content: it.content,
        window: it.window,
        state: "not_asked".to_owned(),
        settled: false,
    };
    left.into_iter().map(line).collect()
}

/// A window is settled when its documents are here, or when the requests that stand for it are.
fn window_line(s: &Solicitud, all: &[Solicitud]) -> WindowLine {
    WindowLine {
        direction: side(s.direction),
        content: super::plan::content(s.content),
        window: Window { from: s.from, to: s.to },
        state: s.state.text().to_owned(),
        settled: settled(s, all),
    }
}

/// Any request for the same window will do: variants only widen.
pub fn settled(s: &Solicitud, all: &[Solicitud]) -> bool {
    all.iter().filter(|it| transition::is_same_window(it, s)).any(|it| match it.state {
        SolicitudState::Imported | SolicitudState::Reconciled | SolicitudState::Empty => true,
        SolicitudState::TooLarge => {
            let is_part = |part: &&Solicitud| part.relation == Some(Relation::Part) && part.replaces == Some(it.id);
            let mut parts = all.iter().filter(is_part).peekable();
            parts.peek().is_some() && parts.all(|part| settled(part, all))
        }
        _ => false,
    })
}

async fn rows(tx: &mut dyn Tx, taxpayer: &Taxpayer, direction: Direction, of: YearOf, report: &mut Builder) -> AppResult<()> {
    let periods = (i32::from(of.year) * 100 + 1, i32::from(of.year) * 100 + 12);
    let mut after: Option<String> = None;
    loop {
        let page = tx.completeness(taxpayer.id, of.family, direction, periods, after.as_deref(), PAGE).await?;
        let Some(last) = page.last() else { return Ok(()) };
        after = Some(last.uuid.clone());
        let counts = |it: &CompletenessRow| counts(it, &taxpayer.tax_id, direction);
        for row in page.into_iter().filter(counts).filter_map(|it| row_of(side(direction), it)) {
            report.row(&row);
        }
    }
}

/// A document to oneself is counted once, as issued.
fn counts(row: &CompletenessRow, rfc: &str, direction: Direction) -> bool {
    !(row.issuer == rfc && row.receiver == rfc && direction == Direction::Received)
}

/// None for a document without a stamp: SAT has never heard of it.
fn row_of(direction: window::Direction, row: CompletenessRow) -> Option<Row> {
    let uuid: FiscalUuid = row.uuid.parse().ok()?;
    let estatus = row.has_metadata.then_some(match row.status {
        DocumentStatus::Vigente => Estatus::Vigente,
        DocumentStatus::Cancelado => Estatus::Cancelado,
        DocumentStatus::Unknown => Estatus::Unknown(String::new()),
    });
    Some(Row {
        uuid,
        direction,
        estatus,
        has_cfdi: row.has_document,
        issued_at: time::parse(&row.issued_at),
        issuer: row.issuer,
        receiver: row.receiver,
        amount: row.amount,
        effect: row.effect,
    })
}

async fn sign(app: &App, scope: &Scope, canonical: &[u8]) -> AppResult<Signed> {
    let signature = app.vault.sign_note(scope, NotePurpose::Report, canonical).await?;
    let key = app.vault.public_key(scope).await?;
    let report = serde_json::from_slice(canonical).map_err(|error| AppError::Internal(error.to_string()))?;
    Ok(Signed { report, key: STANDARD.encode(key), signature: STANDARD.encode(signature) })
}

/// What checking a report found.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Checked {
    /// Whether the signature is good under the key that was used.
    pub signature: bool,
    /// `pinned` when the key is this tenant's own, `unpinned` when only the file vouches for it.
    pub key: &'static str,
    /// Whether the tables say the same today; none if the taxpayer is not here.
    pub agrees: Option<bool>,
}

/// Checks a report: its signature, and whether the tables still say the same.
pub async fn check(app: &App, scope: &Scope, file: &[u8]) -> AppResult<Checked> {
    let bad = |text: String| AppError::Input { code: Code::ReportSignature, text };
    let signed: Signed = serde_json::from_slice(file).map_err(|error| bad(error.to_string()))?;
    let canonical = audit_trail::canonical(&signed.report)?;
    let key = STANDARD.decode(&signed.key).map_err(|error| bad(error.to_string()))?;
    let signature = STANDARD.decode(&signed.signature).map_err(|error| bad(error.to_string()))?;
    let own = app.vault.public_key(scope).await?.to_vec() == key;
    let good = <[u8; 32]>::try_from(key.as_slice())
        .is_ok_and(|key| fedatario_vault::verify_note(&key, NotePurpose::Report, &canonical, &signature));
    let agrees = recount(app, scope, &signed.report).await?.map(|bytes| bytes == canonical);
    Ok(Checked { signature: good, key: if own { "pinned" } else { "unpinned" }, agrees })
}

async fn recount(app: &App, scope: &Scope, report: &serde_json::Value) -> AppResult<Option<Vec<u8>>> {
    let rfc = report.get("rfc").and_then(|it| it.as_str()).unwrap_or_default();
    let year = report.get("year").and_then(|it| it.as_i64()).and_then(|it| i16::try_from(it).ok());
    let found = app.store.read(scope).await?.taxpayer_by_tax_id(TaxpayerKind::Rfc, rfc).await?;
    match (found, year, made_at(report)) {
        (Some(taxpayer), Some(year), Some(made_at)) => {
            let family = report.get("family").and_then(|it| it.as_str()).map_or(Some(Family::Cfdi), Family::from_text);
            let Some(family) = family else { return Ok(None) };
            let of = YearOf { taxpayer: taxpayer.id, family, year };
            Ok(Some(compute(app, scope, &taxpayer, of, made_at).await?.canonical))
        }
        _ => Ok(None),
    }
}

/// The job `sat.report`, once for each request that ends: writes its record, and once every request
/// of the year has ended makes the report.
pub async fn after_import(app: &App, gates: &Gates, scope: &Scope, of: ReportOf, lease: LeaseProof) -> Result<(), JobFailure> {
    let mut tx = app.store.read(scope).await?;
    let taxpayer = tx.taxpayer(of.taxpayer).await?.ok_or_else(|| AppError::NotFound(of.taxpayer.to_string()))?;
    let cause = tx.solicitud(of.cause).await?.ok_or_else(|| AppError::NotFound(of.cause.to_string()))?;
    let year = YearOf { taxpayer: of.taxpayer, family: cause.family, year: of.year };
    let mut all = tx.solicitudes(of.taxpayer, Some(of.year)).await?;
    all.retain(|it| year.holds(it));
    drop(tx);
    // Of two that end together, the second finds the first one's report and makes none of its own.
    let _gate = gates.pass(of.taxpayer).await;
    if all.is_empty() || all.iter().any(|it| it.state.is_open()) {
        write_records(app, scope, &taxpayer, &[cause]).await?;
    } else {
        let mut all = reconcile(app, scope, year).await?;
        if !year.holds(&cause) {
            all.push(cause);
        }
        write_records(app, scope, &taxpayer, &all).await?;
        make(app, scope, &taxpayer, year.family, year.year).await?;
    }
    let mut tx = app.store.begin(scope).await?;
    tx.finish_job(lease).await?;
    Ok(tx.commit().await?)
}

/// What a report is made for.
#[derive(Debug, Clone, Copy)]
pub struct ReportOf {
    /// Whose.
    pub taxpayer: TaxpayerId,
    /// Of which year.
    pub year: i16,
    /// The request that ended.
    pub cause: SolicitudId,
}

/// Counts the imported requests as reconciled, before the report is made that names their state.
async fn reconcile(app: &App, scope: &Scope, of: YearOf) -> AppResult<Vec<Solicitud>> {
    let now = Moment::now(app, scope);
    let mut tx = app.store.begin(scope).await?;
    let mut all = tx.solicitudes(of.taxpayer, Some(of.year)).await?;
    all.retain(|it| of.holds(it));
    for s in all.iter_mut().filter(|it| it.state == SolicitudState::Imported) {
        step(tx.as_mut(), &now, s, SolicitudState::Reconciled).await?;
    }
    tx.commit().await?;
    Ok(all)
}

async fn tell(app: &App, scope: &Scope, of: YearOf, made: &Made) -> AppResult<()> {
    let now = Moment::now(app, scope);
    let mut tx = app.store.begin(scope).await?;
    let event = entry(&now, "sat.report", &of.taxpayer.to_string(), "made")
        .field("year", i64::from(of.year))
        .field("family", of.family.text())
        .field("missing", made.totals.missing)
        .field("not_delivered", made.totals.not_delivered)
        .field("unsettled", made.unsettled)
        .field("sha256", made.sha256.clone());
    tx.append(event, None).await?;
    hooks::year_compared(tx.as_mut(), &now, of, made).await?;
    Ok(tx.commit().await?)
}

/// Writes the records of requests beside their packages: SQL is the truth, these are for people.
async fn write_records(app: &App, scope: &Scope, taxpayer: &Taxpayer, all: &[Solicitud]) -> AppResult<()> {
    let mut tx = app.store.read(scope).await?;
    for s in all {
        let packages = tx.packages_of(s.id).await?;
        let record = super::status::record(s, &packages);
        let bytes = serde_json::to_vec_pretty(&record).map_err(|error| AppError::Internal(error.to_string()))?;
        app.blobs.put(&layout::solicitud(scope.tenant(), &taxpayer.tax_id, s.year, s.id), &bytes).await?;
    }
    Ok(())
}
