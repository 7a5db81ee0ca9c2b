//! Reading packages into the tables: zip → XML → JSON and columns, or lines of metadata.
//!
//! A package is walked in one pass by a blocking thread that hands over bounded portions. The
//! documents of a portion are read on another thread, several portions at once, while one batch is
//! written; batches are written in the order of the archive, each in one transaction, so that
//! memory is the same for twenty documents and for two hundred thousand. Reading is idempotent by UUID: after a crash the same package is read again, and what
//! it already brought is recognised as its own. One bad entry is set aside with its reason and
//! does not stop the rest.

use super::layout;
use super::reading::{self, Batch, Of};
use super::transition::{self, Moment, end};
use super::watched::{Outage, Watched};
use crate::App;
use crate::audit_trail::changes::{Telling, of_taxpayer};
use crate::audit_trail::entry;
use crate::error::{AppError, AppResult};
use crate::hooks;
use crate::jobs::JobFailure;
use crate::model::*;
use crate::ports::{BlobError, LeaseProof, ReadSeek, Slot, Tx};
use fedatario_base::id::{PackageId, TaxpayerId};
use fedatario_base::{Code, Scope};
use fedatario_fiscal::mx::rfc::Rfc;
use serde_json::Value;
use std::path::Path;
use std::sync::Arc;
use tokio::sync::mpsc;
use tokio::task::{JoinHandle, spawn_blocking};

/// Portions that wait for the database, read or being read: what the writer takes next is ready, and
/// a few cores are busy meanwhile. Beside them one is being inflated and one written.
const PORTIONS_IN_FLIGHT: usize = 2;

/// Why a whole package could not be read.
#[derive(Debug)]
struct Unreadable {
    code: Code,
    text: String,
}

/// How often a package was read before this time: what its rows in the tables mean.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reading {
    /// Never: a row that is there already stands twice in the archive.
    First,
    /// In part, by a reader that died: rows of this package are what it left.
    Resumed,
    /// To its end: every row of it is there already.
    Again,
}

impl Reading {
    fn of_job(lease: LeaseProof) -> Self {
        if lease.token > 1 { Self::Resumed } else { Self::First }
    }

    /// Rows counted as brought by this reading, and rows counted as duplicates.
    fn share(self, it: Written) -> (u64, u64) {
        match self {
            Self::Resumed => (it.new + it.again, it.duplicates),
            Self::First | Self::Again => (it.new, it.duplicates + it.again),
        }
    }
}

/// The job `sat.import`.
pub async fn import(app: &App, scope: &Scope, id: PackageId, lease: LeaseProof) -> Result<(), JobFailure> {
    let mut tx = app.store.read(scope).await?;
    let found = tx.package(id).await?.filter(|it| it.state == PackageState::Stored);
    let Some((package, path)) = found.and_then(|it| it.path.clone().map(|path| (it, path))) else {
        drop(tx);
        let mut tx = app.store.begin(scope).await?;
        tx.finish_job(lease).await?;
        return Ok(tx.commit().await?);
    };
    let taxpayer = tx.taxpayer(package.taxpayer).await?.ok_or_else(|| AppError::NotFound(id.to_string()))?;
    drop(tx);
    let archive = app.blobs.open(&path).await.map_err(AppError::from)?;
    let outcome = read(app, scope, (&package, Reading::of_job(lease)), &taxpayer.tax_id, archive).await?;
    Ok(settle(app, scope, package, outcome, lease).await?)
}

/// Reads an archive into the tables; the tally, or why it could not be read to its end.
async fn read(
    app: &App,
    scope: &Scope,
    (package, reading): (&PackageRow, Reading),
    rfc: &str,
    archive: Box<dyn ReadSeek>,
) -> AppResult<(Tally, Option<Unreadable>)> {
    let family = family_of(app, scope, package).await?;
    let of = Of { taxpayer: package.taxpayer, package: package.id, family };
    let (archive, outage) = Watched::new(archive);
    let (mut batches, reader) = batches(archive, outage.clone(), of, rfc);
    let mut tally = Tally::default();
    while let Some(batch) = batches.recv().await {
        write(app, scope, joined(batch.await)?, reading, &mut tally).await?;
    }
    let ended = joined(reader.await)?;
    outage.ended()?;
    Ok((tally, ended.err().map(|error| Unreadable { code: error.code(), text: error.to_string() })))
}

/// Whoever walks the archive.
type Walk = JoinHandle<Result<(), fedatario_fiscal::mx::package::ArchiveError>>;

/// The batches of an archive in its order, each as a task that reads its documents. The walk waits
/// when the database does, and ends when nobody receives any more. What was set aside for want of
/// bytes is no finding: after an outage nothing more is handed over.
fn batches(archive: Watched, outage: Outage, of: Of, rfc: &str) -> (mpsc::Receiver<JoinHandle<Batch>>, Walk) {
    let (send, receive) = mpsc::channel(PORTIONS_IN_FLIGHT);
    let rfc: Arc<str> = rfc.into();
    let walk = spawn_blocking(move || {
        reading::read(archive, of, &mut |portion| {
            let rfc = rfc.clone();
            !outage.is_there() && send.blocking_send(spawn_blocking(move || portion.rows(of, &rfc))).is_ok()
        })
    });
    (receive, walk)
}

fn joined<T>(done: Result<T, tokio::task::JoinError>) -> AppResult<T> {
    done.map_err(|error| AppError::Internal(error.to_string()))
}

/// Which service a package came from; none for one given by hand, whose lines have to tell.
async fn family_of(app: &App, scope: &Scope, package: &PackageRow) -> AppResult<Option<Family>> {
    let Some(id) = package.solicitud else { return Ok(None) };
    Ok(app.store.read(scope).await?.solicitud(id).await?.map(|it| it.family))
}

/// Writes one batch in one transaction.
async fn write(app: &App, scope: &Scope, batch: Batch, reading: Reading, tally: &mut Tally) -> AppResult<()> {
    let mut tx = app.store.begin(scope).await?;
    let documents = tx.add_documents(&batch.documents).await?;
    let foreign = tx.add_documents(&batch.foreign).await?;
    let metadata = tx.put_metadata(&batch.metadata).await?;
    if let Some(of) = batch.third_parties.first().map(|(of, _)| *of) {
        let rows: Vec<ThirdParty> = batch.third_parties.into_iter().map(|(_, row)| row).collect();
        tx.put_third_parties(of, &rows).await?;
    }
    for row in &batch.quarantine {
        tx.quarantine(row).await?;
    }
    tx.commit().await?;
    tally.files += batch.files;
    tally.ignored += batch.ignored;
    tally.quarantined += batch.quarantine.len() as u64;
    tally.cancelled += metadata.cancelled;
    for (kept, written) in [(&mut tally.cfdi, documents), (&mut tally.foreign, foreign), (&mut tally.metadata, metadata)] {
        let (mine, duplicates) = reading.share(written);
        *kept += mine;
        tally.duplicates += duplicates;
    }
    Ok(())
}

async fn settle(
    app: &App,
    scope: &Scope,
    mut package: PackageRow,
    (tally, unreadable): (Tally, Option<Unreadable>),
    lease: LeaseProof,
) -> AppResult<()> {
    let now = Moment::now(app, scope);
    let mut tx = app.store.begin(scope).await?;
    package.tally = tally;
    match &unreadable {
        None => package.state = PackageState::Imported,
        Some(it) => {
            package.state = PackageState::Unreadable;
            package.problem = Some(it.code.slug().to_owned());
            tx.quarantine(&whole_package(&package, it)).await?;
        }
    }
    tx.update_package(&package).await?;
    tx.append(told(&now, &package), None).await?;
    hooks::package_read(tx.as_mut(), &now, &package).await?;
    if let Some(id) = package.solicitud
        && let Some(s) = tx.solicitud(id).await?
    {
        advance(tx.as_mut(), &now, s).await?;
    }
    tx.finish_job(lease).await?;
    Ok(tx.commit().await?)
}

fn whole_package(package: &PackageRow, why: &Unreadable) -> QuarantineRow {
    QuarantineRow {
        taxpayer: package.taxpayer,
        package: package.id,
        entry: String::new(),
        code: why.code.slug().to_owned(),
        detail: why.text.clone(),
    }
}

fn told(now: &Moment, package: &PackageRow) -> fedatario_audit::Event {
    entry(now, "sat.package", &package.id.to_string(), package.state.text())
        .field("id_paquete", package.id_paquete.clone())
        .field("cfdi", package.tally.cfdi)
        .field("metadata", package.tally.metadata)
        .field("duplicates", package.tally.duplicates)
        .field("quarantined", package.tally.quarantined)
        .field("foreign", package.tally.foreign)
        .field("cancelled", package.tally.cancelled)
}

/// Once every package of a request was read, the request is imported. One that could not be read
/// leaves documents missing: the window is asked again, once; then a person is needed.
async fn advance(tx: &mut dyn Tx, now: &Moment, mut s: Solicitud) -> AppResult<()> {
    let packages = tx.packages_of(s.id).await?;
    let open = packages.iter().any(|it| matches!(it.state, PackageState::Known | PackageState::Stored));
    if open || !matches!(s.state, SolicitudState::Ready | SolicitudState::Fetched) {
        return Ok(());
    }
    let unreadable = packages.iter().any(|it| it.state == PackageState::Unreadable);
    if !unreadable {
        return end(tx, now, &mut s, SolicitudState::Imported).await;
    }
    let asked_anew = transition::same_window(tx, &s).await?.iter().any(|it| it.id != s.id && it.state == SolicitudState::Failed);
    match asked_anew {
        false => transition::end_and_widen(tx, now, &mut s, SolicitudState::Failed).await,
        true => end(tx, now, &mut s, SolicitudState::Blocked).await,
    }
}

/// Reads a package given by hand: no account anywhere, no credential needed.
pub async fn by_hand(app: &App, scope: &Scope, rfc: &str, file: &Path) -> AppResult<Tally> {
    let rfc: Rfc = rfc.parse().map_err(|_| AppError::RfcFormat(rfc.to_owned()))?;
    let seen = survey(file).await?;
    let taxpayer = taxpayer_for(app, scope, &rfc.to_string()).await?;
    let (package, reading) = keep(app, scope, &taxpayer, file, &seen).await?;
    let archive = app.blobs.open(package.path.as_deref().unwrap_or_default()).await?;
    let (mut tally, unreadable) = read(app, scope, (&package, reading), &taxpayer.tax_id, archive).await?;
    tally.quarantined += u64::from(unreadable.is_some());
    finish(app, scope, package, tally, &unreadable).await?;
    Ok(tally)
}

/// Takes in a package given over the wire: durable when this answers, and read by a job. One that was
/// read before is only pointed at.
pub async fn take_in(app: &App, scope: &Scope, rfc: &str, file: &Path) -> AppResult<PackageRow> {
    let rfc: Rfc = rfc.parse().map_err(|_| AppError::RfcFormat(rfc.to_owned()))?;
    let seen = survey(file).await?;
    let taxpayer = taxpayer_for(app, scope, &rfc.to_string()).await?;
    let (package, _) = keep(app, scope, &taxpayer, file, &seen).await?;
    if package.state == PackageState::Stored {
        let now = Moment::now(app, scope);
        let run = format!("sat.import:{}", package.id);
        let mut tx = app.store.begin(scope).await?;
        tx.enqueue(&super::handlers::job(super::handlers::IMPORT, package.id, now.service, &run), now.service).await?;
        let event = entry(&now, "sat.package", &package.id.to_string(), "given");
        tx.append(event.field("id_paquete", package.id_paquete.clone()), None).await?;
        tx.commit().await?;
    }
    Ok(package)
}

/// Whether a file begins as an archive does: one that is damaged is kept, as one from SAT would be;
/// anything else was given by mistake.
fn begins_as_archive(file: &Path) -> bool {
    use std::io::Read;
    let mut first = [0; 4];
    let read = std::fs::File::open(file).and_then(|mut it| it.read_exact(&mut first));
    read.is_ok() && matches!(first, [b'P', b'K', 3 | 5, 4 | 6])
}

async fn taxpayer_for(app: &App, scope: &Scope, rfc: &str) -> AppResult<Taxpayer> {
    if let Some(found) = app.store.read(scope).await?.taxpayer_by_tax_id(TaxpayerKind::Rfc, rfc).await? {
        return Ok(found);
    }
    let now = Telling::begin(app, scope).await?;
    let mut tx = app.store.begin(scope).await?;
    if let Some(found) = tx.taxpayer_by_tax_id(TaxpayerKind::Rfc, rfc).await? {
        return Ok(found);
    }
    let taxpayer = Taxpayer {
        id: TaxpayerId::fresh(now.wall),
        kind: TaxpayerKind::Rfc,
        tax_id: rfc.to_owned(),
        name: String::new(),
        environment: app.settings.environment,
        created: now.wall,
    };
    tx.add_taxpayer(&taxpayer).await?;
    now.change(tx.as_mut(), entry(&now, "taxpayer", &taxpayer.id.to_string(), "added"), Value::Null, of_taxpayer(&taxpayer))
        .await?;
    tx.commit().await?;
    Ok(taxpayer)
}

async fn survey(file: &Path) -> AppResult<reading::Survey> {
    let file = file.to_owned();
    let looked = spawn_blocking(move || {
        let archive = std::fs::File::open(&file).map_err(|error| not_read(&file, &error))?;
        match reading::survey(archive) {
            Ok(seen) => Ok(seen),
            Err(_) if begins_as_archive(&file) => Ok(reading::Survey::default()),
            Err(error) => Err(AppError::Input { code: error.code(), text: error.to_string() }),
        }
    });
    joined(looked.await)?
}

fn not_read(file: &Path, error: &std::io::Error) -> AppError {
    AppError::Input { code: Code::Usage, text: format!("cannot read {}: {error}", file.display()) }
}

/// Copies the file under `import-{sha256}.zip`, in the year of its earliest document.
async fn keep(
    app: &App,
    scope: &Scope,
    taxpayer: &Taxpayer,
    file: &Path,
    seen: &reading::Survey,
) -> AppResult<(PackageRow, Reading)> {
    let year =
        seen.earliest_year.unwrap_or_else(|| transition::mexico(app.clock.service()).map(|it| it.year()).unwrap_or_default());
    let content = if seen.cfdi > 0 || seen.metadata == 0 { Content::Cfdi } else { Content::Metadata };
    let folder = layout::packages(scope.tenant(), &taxpayer.tax_id, year, content);
    let mut slot =
        app.blobs.slot(&folder, Box::new(|sha256| format!("import-{sha256}.zip")), super::fetch::PACKAGE_BYTES_AT_MOST).await?;
    copy(file, slot.as_mut()).await?;
    let kept = slot.keep().await?;
    let package = PackageRow {
        id: PackageId::fresh(app.clock.wall()),
        solicitud: None,
        taxpayer: taxpayer.id,
        id_paquete: format!("import-{}", kept.sha256),
        content,
        state: PackageState::Stored,
        sha256: crate::audit_trail::unhex(&kept.sha256),
        size: i64::try_from(kept.size).ok(),
        path: Some(kept.path),
        tally: Tally::default(),
        problem: None,
        revision: 0,
    };
    let mut tx = app.store.begin(scope).await?;
    if tx.add_package(&package).await? {
        tx.commit().await?;
        return Ok((package, Reading::First));
    }
    let earlier = tx.package_by_id_paquete(taxpayer.id, &package.id_paquete).await?;
    let earlier = earlier.ok_or_else(|| AppError::Internal("a package that is there is not found".to_owned()))?;
    let reading = if earlier.state == PackageState::Imported { Reading::Again } else { Reading::Resumed };
    Ok((earlier, reading))
}

async fn copy(file: &Path, slot: &mut dyn Slot) -> AppResult<()> {
    use tokio::io::AsyncReadExt;
    let mut source = tokio::fs::File::open(file).await.map_err(|error| not_read(file, &error))?;
    let mut buffer = vec![0; 256 * 1024];
    loop {
        let read = source.read(&mut buffer).await.map_err(|error| AppError::Blob(BlobError::Unavailable(error.to_string())))?;
        if read == 0 {
            return Ok(());
        }
        slot.write(&buffer[..read]).await?;
    }
}

async fn finish(app: &App, scope: &Scope, mut package: PackageRow, tally: Tally, unreadable: &Option<Unreadable>) -> AppResult<()> {
    let now = Moment::now(app, scope);
    if package.state == PackageState::Imported {
        return Ok(()); // Given a second time: what its first reading found stands.
    }
    let mut tx = app.store.begin(scope).await?;
    package.tally = tally;
    package.state = if unreadable.is_some() { PackageState::Unreadable } else { PackageState::Imported };
    if let Some(why) = unreadable {
        package.problem = Some(why.code.slug().to_owned());
        tx.quarantine(&whole_package(&package, why)).await?;
    }
    tx.update_package(&package).await?;
    tx.append(told(&now, &package), None).await?;
    hooks::package_read(tx.as_mut(), &now, &package).await?;
    Ok(tx.commit().await?)
}
