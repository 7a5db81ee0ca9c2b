//! Making a package durable, before anybody opens it.
//!
//! SAT hands a package out twice in its life. Each attempt is on record before its first byte; what
//! came home is durable under its digest before the attempt is closed. A crash in between is
//! repaired from the object itself, not with the second download.

use super::transition::{self, Moment, end_and_widen, step};
use super::{handlers, layout};
use crate::App;
use crate::audit_trail::entry;
use crate::error::{AppError, AppResult};
use crate::jobs::JobFailure;
use crate::model::*;
use crate::ports::{BlobError, Blobs, CallError, Kept, LeaseProof, Recalled, SatAccount, SatDownloaded, Shelf, Slot, Tx};
use async_trait::async_trait;
use fedatario_base::id::{CredentialId, PackageId};
use fedatario_base::{Code, Scope};
use fedatario_fiscal::mx::sat_codes::{self, Operation, Reaction};
use std::sync::Arc;

/// A package's bytes: the ceiling of the reference (§10), far above what SAT sends.
pub const PACKAGE_BYTES_AT_MOST: u64 = 1 << 30;
/// SAT hands a package out so often.
pub const DOWNLOADS_AT_MOST: u32 = 2;

/// Room for each document that SAT announced, in bytes: a CFDI of 6 KB takes a third of that when it is
/// packed, a line of metadata far less.
const ROOM_PER_CFDI: u64 = 4 << 10;
const ROOM_PER_LINE: u64 = 256;
/// Room for whatever was announced, in bytes: small packages, and the rows beside them.
const ROOM_AT_LEAST: u64 = 4 << 20;

struct PackageShelf {
    blobs: Arc<dyn Blobs>,
    folder: String,
    id_paquete: String,
}

#[async_trait]
impl Shelf for PackageShelf {
    async fn begin(&self) -> Result<Box<dyn Slot>, BlobError> {
        let id_paquete = self.id_paquete.clone();
        let name = Box::new(move |sha256: &str| layout::package_name(&id_paquete, sha256));
        self.blobs.slot(&self.folder, name, PACKAGE_BYTES_AT_MOST).await
    }
}

/// What became of a package.
enum Outcome {
    Kept(Kept),
    /// Both downloads are used, or SAT no longer has it: an error slug and SAT's code.
    Gone(Code, String),
    /// It may be fetched once more.
    Again(String),
    /// SAT refused for a reason that is not the package's.
    Refused(SatDownloaded, Reaction),
}

/// The job `sat.fetch`.
pub async fn fetch(app: &App, scope: &Scope, id: PackageId, lease: LeaseProof) -> Result<(), JobFailure> {
    let mut tx = app.store.begin(scope).await?;
    let found = tx.package(id).await?.filter(|it| it.state == PackageState::Known);
    let (Some(package), s) = (found, package_request(tx.as_mut(), id).await?) else {
        tx.finish_job(lease).await?;
        return Ok(tx.commit().await?);
    };
    let s = s.ok_or_else(|| AppError::NotFound(id.to_string()))?;
    let account = match transition::account(tx.as_mut(), scope, &s).await {
        Ok(account) => account,
        Err(AppError::CredentialBlocked { reason, .. }) => return Ok(transition::block(app, scope, tx, s, lease, &reason).await?),
        Err(error) => return Err(error.into()),
    };
    drop(tx);
    let shelf = shelf(app, scope, &account, &s, &package);
    make_sure_of_room(app, &s).await?;
    let outcome = attempt(app, &account, &package, &shelf, lease).await?;
    match outcome {
        Outcome::Refused(downloaded, Reaction::BlockCredential) => {
            Ok(refused(app, scope, account.credential, s, &downloaded, lease).await?)
        }
        other => settle(app, scope, s, package, other, lease).await,
    }
}

async fn package_request(tx: &mut dyn Tx, id: PackageId) -> AppResult<Option<Solicitud>> {
    let Some(package) = tx.package(id).await? else { return Ok(None) };
    let Some(solicitud) = package.solicitud else { return Ok(None) };
    Ok(tx.solicitud(solicitud).await?)
}

fn shelf(app: &App, scope: &Scope, account: &SatAccount, s: &Solicitud, package: &PackageRow) -> PackageShelf {
    let folder = layout::packages(scope.tenant(), &account.rfc, s.year, s.content);
    PackageShelf { blobs: app.blobs.clone(), folder, id_paquete: package.id_paquete.clone() }
}

/// A disk that is full must not cost one of two downloads, and then a request: the job waits for room.
async fn make_sure_of_room(app: &App, s: &Solicitud) -> Result<(), JobFailure> {
    let each = if s.content == Content::Cfdi { ROOM_PER_CFDI } else { ROOM_PER_LINE };
    let announced = u64::try_from(s.announced.unwrap_or_default()).unwrap_or_default();
    let wanted = announced.saturating_mul(each).min(PACKAGE_BYTES_AT_MOST) + ROOM_AT_LEAST;
    match app.blobs.room().await.map_err(AppError::from)? {
        Some(free) if free < wanted => {
            let why = format!("{}: {wanted} bytes of room are wanted, {free} are free", Code::BlobUnavailable.slug());
            Err(JobFailure::Later { after: app.settings.poll_unit, why })
        }
        _ => Ok(()),
    }
}

/// Finds what an earlier life of this job brought home, else fetches.
async fn attempt(
    app: &App,
    account: &SatAccount,
    package: &PackageRow,
    shelf: &PackageShelf,
    lease: LeaseProof,
) -> Result<Outcome, JobFailure> {
    match app.sat.recall_download(account, package.id, Some(lease)).await.map_err(AppError::from)? {
        Recalled::Answered(downloaded) if downloaded.kept.is_some() => return Ok(judge(downloaded)),
        Recalled::Uncertain(attempts) => {
            if let Some(kept) = adopt(app, shelf).await.map_err(AppError::from)? {
                return Ok(Outcome::Kept(kept));
            }
            if attempts >= DOWNLOADS_AT_MOST {
                return Ok(Outcome::Gone(Code::PackageTruncated, String::new()));
            }
        }
        Recalled::Answered(_) | Recalled::Nothing => {}
    }
    match app.sat.download(account, &package.id_paquete, package.id, Some(lease), shelf).await {
        Ok(downloaded) => Ok(judge(downloaded)),
        Err(CallError::AttemptsExhausted { .. }) => Ok(Outcome::Gone(Code::PackageTruncated, String::new())),
        Err(CallError::Uncertain { .. }) => Ok(Outcome::Again("the download was cut".to_owned())),
        Err(error) => Err(AppError::from(error).into()),
    }
}

/// A crash after the bytes were durable and before the attempt was closed: the object's name holds
/// its digest, so that a whole one is told from any other.
async fn adopt(app: &App, shelf: &PackageShelf) -> Result<Option<Kept>, BlobError> {
    let prefix = format!("{}/{}-", shelf.folder, layout::segment(&shelf.id_paquete));
    for path in app.blobs.list(&prefix).await? {
        let named = path.strip_prefix(&prefix).and_then(|it| it.strip_suffix(".zip")).unwrap_or_default().to_owned();
        let (sha256, size) = digest(app, &path).await?;
        if sha256 == named {
            return Ok(Some(Kept { path, sha256, size }));
        }
    }
    Ok(None)
}

async fn digest(app: &App, path: &str) -> Result<(String, u64), BlobError> {
    let mut object = app.blobs.open(path).await?;
    let read = tokio::task::spawn_blocking(move || crate::audit_trail::sha256_of(&mut object));
    let done = read.await.map_err(|error| BlobError::Unavailable(error.to_string()))?;
    done.map_err(|error| BlobError::Unavailable(error.to_string()))
}

fn judge(downloaded: SatDownloaded) -> Outcome {
    let reaction = sat_codes::reaction(Operation::Descargar, &downloaded.cod_estatus);
    match (reaction, downloaded.kept.clone()) {
        (Reaction::Accepted, Some(kept)) => Outcome::Kept(kept),
        (Reaction::Accepted, None) => Outcome::Again("the package was empty".to_owned()),
        (Reaction::AskAgain | Reaction::Empty | Reaction::NextVariant, _) => {
            Outcome::Gone(Code::AuthorityRejected, downloaded.cod_estatus)
        }
        // Nobody knows the code, but one of two downloads is spent and its bytes are here: whether
        // they are the package is found out by reading them.
        (Reaction::Unknown, Some(kept)) => Outcome::Kept(kept),
        (other, _) => Outcome::Refused(downloaded, other),
    }
}

async fn settle(
    app: &App,
    scope: &Scope,
    s: Solicitud,
    package: PackageRow,
    outcome: Outcome,
    lease: LeaseProof,
) -> Result<(), JobFailure> {
    match outcome {
        Outcome::Kept(kept) => Ok(stored(app, scope, s, package, kept, lease).await?),
        Outcome::Gone(code, words) => Ok(gone(app, scope, s, package, code, &words, lease).await?),
        Outcome::Again(why) => Err(JobFailure::Later { after: app.settings.poll_unit, why }),
        Outcome::Refused(downloaded, _) => {
            let text = format!("{} {}", downloaded.cod_estatus, downloaded.mensaje);
            Err(JobFailure::Failed { code: Code::AuthorityRejected, text })
        }
    }
}

async fn stored(
    app: &App,
    scope: &Scope,
    mut s: Solicitud,
    mut package: PackageRow,
    kept: Kept,
    lease: LeaseProof,
) -> AppResult<()> {
    let now = Moment::now(app, scope);
    let mut tx = app.store.begin(scope).await?;
    package.state = PackageState::Stored;
    package.sha256 = crate::audit_trail::unhex(&kept.sha256);
    package.size = i64::try_from(kept.size).ok();
    package.path = Some(kept.path);
    tx.update_package(&package).await?;
    let event = entry(&now, "sat.package", &package.id.to_string(), "stored")
        .field("id_paquete", package.id_paquete.clone())
        .field("sha256", kept.sha256)
        .field("size", kept.size.to_string());
    tx.append(event, None).await?;
    tx.enqueue(&handlers::job(handlers::IMPORT, package.id, now.service, &s.run), now.service).await?;
    s.codes.odd_in_a_row = 0;
    if s.state == SolicitudState::Ready && none_is(&tx.packages_of(s.id).await?, PackageState::Known) {
        step(tx.as_mut(), &now, &mut s, SolicitudState::Fetched).await?;
    }
    tx.finish_job(lease).await?;
    Ok(tx.commit().await?)
}

fn none_is(packages: &[PackageRow], state: PackageState) -> bool {
    packages.iter().all(|it| it.state != state)
}

/// Both downloads were cut, or the package lapsed: its window is asked again, widened.
async fn gone(
    app: &App,
    scope: &Scope,
    mut s: Solicitud,
    mut package: PackageRow,
    code: Code,
    words: &str,
    lease: LeaseProof,
) -> AppResult<()> {
    let now = Moment::now(app, scope);
    let mut tx = app.store.begin(scope).await?;
    package.state = PackageState::Lost;
    package.problem = Some(code.slug().to_owned());
    tx.update_package(&package).await?;
    let event = entry(&now, "sat.package", &package.id.to_string(), "lost")
        .field("id_paquete", package.id_paquete.clone())
        .field("cod_estatus", words.to_owned());
    tx.append(event, None).await?;
    if matches!(s.state, SolicitudState::Ready | SolicitudState::Fetched) {
        end_and_widen(tx.as_mut(), &now, &mut s, SolicitudState::Expired).await?;
    }
    tx.finish_job(lease).await?;
    Ok(tx.commit().await?)
}

async fn refused(
    app: &App,
    scope: &Scope,
    credential: CredentialId,
    mut s: Solicitud,
    downloaded: &SatDownloaded,
    lease: LeaseProof,
) -> AppResult<()> {
    let now = Moment::now(app, scope);
    let mut tx = app.store.begin(scope).await?;
    s.codes.odd_in_a_row += 1;
    if downloaded.cod_estatus == "304" || s.codes.odd_in_a_row > sat_codes::TRIES_BEFORE_BLOCK {
        super::ask::block_credential(tx.as_mut(), &now, credential, &downloaded.cod_estatus).await?;
        return transition::block(app, scope, tx, s, lease, &downloaded.cod_estatus).await;
    }
    let state = s.state;
    step(tx.as_mut(), &now, &mut s, state).await?;
    let text = format!("{} {}", downloaded.cod_estatus, downloaded.mensaje);
    tx.postpone_job(lease, now.after(app.settings.poll_unit * 30), Some(&text)).await?;
    Ok(tx.commit().await?)
}
