//! The completeness report: what the metadata names, minus what is here.
//!
//! Empty, or itemised. What SAT does not deliver (received and cancelled before it was downloaded)
//! is listed apart, never as missing. The report is canonical JSON, signed with the tenant's
//! Ed25519 key: whoever holds the public key can check it without us.

use super::layout;
use super::transition::{self, Moment, step};
use crate::App;
use crate::audit_trail::{self, entry};
use crate::error::{AppError, AppResult};
use crate::jobs::JobFailure;
use crate::model::*;
use crate::ports::{LeaseProof, Tx};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use fedatario_base::id::TaxpayerId;
use fedatario_base::{Code, Scope};
use fedatario_fiscal::mx::completeness::{Builder, Row, Totals, WindowLine};
use fedatario_fiscal::mx::metadata::Estatus;
use fedatario_fiscal::mx::window::{self, Window};
use fedatario_fiscal::mx::{rfc::Rfc, time, uuid::FiscalUuid};
use jiff::Timestamp;
use fedatario_vault::NotePurpose;

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
    /// Where it lies.
    pub path: String,
    /// Its digest, lower-case hex.
    pub sha256: String,
}

/// Makes, signs and keeps the report of a year.
pub async fn make(app: &App, scope: &Scope, taxpayer: &Taxpayer, year: i16) -> AppResult<Made> {
    let (bytes, totals) = compute(app, scope, taxpayer, year, app.clock.service()).await?;
    let signed = sign(app, scope, &bytes).await?;
    let file = serde_json::to_vec_pretty(&signed).map_err(|error| AppError::Internal(error.to_string()))?;
    let path = layout::report(scope.tenant(), &taxpayer.tax_id, year);
    app.blobs.put(&path, &file).await?;
    let sha256 = audit_trail::hex(&audit_trail::sha256(&file));
    Ok(Made { totals, path, sha256 })
}

/// The canonical bytes of the report, from the tables.
async fn compute(app: &App, scope: &Scope, taxpayer: &Taxpayer, year: i16, made_at: Timestamp) -> AppResult<(Vec<u8>, Totals)> {
    let rfc: Rfc = taxpayer.tax_id.parse().map_err(|_| AppError::RfcFormat(taxpayer.tax_id.clone()))?;
    let mut report = Builder::new(rfc, year, made_at);
    let mut tx = app.store.read(scope).await?;
    let all = tx.solicitudes(taxpayer.id, Some(year)).await?;
    all.iter().for_each(|it| report.window(window_line(it, &all)));
    for direction in Direction::ALL {
        rows(tx.as_mut(), taxpayer.id, *direction, year, &mut report).await?;
    }
    let report = report.finish();
    Ok((report.canonical(), report.totals()))
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
fn settled(s: &Solicitud, all: &[Solicitud]) -> bool {
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

async fn rows(tx: &mut dyn Tx, taxpayer: TaxpayerId, direction: Direction, year: i16, report: &mut Builder) -> AppResult<()> {
    let periods = (i32::from(year) * 100 + 1, i32::from(year) * 100 + 12);
    let mut after: Option<String> = None;
    loop {
        let page = tx.completeness(taxpayer, direction, periods, after.as_deref(), PAGE).await?;
        let Some(last) = page.last() else { return Ok(()) };
        after = Some(last.uuid.clone());
        for row in page {
            if let Some(row) = row_of(side(direction), row) {
                report.row(&row);
            }
        }
    }
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

fn side(direction: Direction) -> window::Direction {
    match direction {
        Direction::Issued => window::Direction::Issued,
        Direction::Received => window::Direction::Received,
    }
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
    let good = <[u8; 32]>::try_from(key.as_slice()).is_ok_and(|key| fedatario_vault::verify_note(&key, NotePurpose::Report, &canonical, &signature));
    let agrees = recount(app, scope, &signed.report).await?.map(|bytes| bytes == canonical);
    Ok(Checked { signature: good, key: if own { "pinned" } else { "unpinned" }, agrees })
}

async fn recount(app: &App, scope: &Scope, report: &serde_json::Value) -> AppResult<Option<Vec<u8>>> {
    let rfc = report.get("rfc").and_then(|it| it.as_str()).unwrap_or_default();
    let year = report.get("year").and_then(|it| it.as_i64()).and_then(|it| i16::try_from(it).ok());
    let found = app.store.read(scope).await?.taxpayer_by_tax_id(TaxpayerKind::Rfc, rfc).await?;
    let made_at = report.get("made_at").and_then(|it| it.as_str()).and_then(|it| it.parse().ok());
    match (found, year, made_at) {
        (Some(taxpayer), Some(year), Some(made_at)) => Ok(Some(compute(app, scope, &taxpayer, year, made_at).await?.0)),
        _ => Ok(None),
    }
}

/// The job `sat.report`: once every request of the year has ended, makes the report.
pub async fn after_import(app: &App, scope: &Scope, id: TaxpayerId, year: i16, lease: LeaseProof) -> Result<(), JobFailure> {
    let mut tx = app.store.read(scope).await?;
    let taxpayer = tx.taxpayer(id).await?.ok_or_else(|| AppError::NotFound(id.to_string()))?;
    let all = tx.solicitudes(id, Some(year)).await?;
    drop(tx);
    write_records(app, scope, &taxpayer, &all).await?;
    if all.iter().any(|it| it.state.is_open()) {
        let mut tx = app.store.begin(scope).await?;
        tx.finish_job(lease).await?;
        return Ok(tx.commit().await?);
    }
    reconcile(app, scope, id, year).await?;
    let made = make(app, scope, &taxpayer, year).await?;
    Ok(told(app, scope, id, year, &made, lease).await?)
}

/// Counts the imported requests as reconciled, before the report is made that names their state.
async fn reconcile(app: &App, scope: &Scope, id: TaxpayerId, year: i16) -> AppResult<()> {
    let now = Moment::now(app, scope);
    let mut tx = app.store.begin(scope).await?;
    for mut s in tx.solicitudes(id, Some(year)).await? {
        if s.state == SolicitudState::Imported {
            step(tx.as_mut(), &now, &mut s, SolicitudState::Reconciled).await?;
        }
    }
    Ok(tx.commit().await?)
}

async fn told(app: &App, scope: &Scope, id: TaxpayerId, year: i16, made: &Made, lease: LeaseProof) -> AppResult<()> {
    let now = Moment::now(app, scope);
    let mut tx = app.store.begin(scope).await?;
    let event = entry(&now, "sat.report", &id.to_string(), "made")
        .field("year", i64::from(year))
        .field("missing", made.totals.missing)
        .field("not_delivered", made.totals.not_delivered)
        .field("sha256", made.sha256.clone());
    tx.append(event, None).await?;
    tx.finish_job(lease).await?;
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
