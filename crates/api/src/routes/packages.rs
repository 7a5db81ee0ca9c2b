//! `/api/sat/…/packages`: packages given by hand, read by a job; and every package, taken out again.

use super::sat::taxpayer;
use crate::answer::{Accepted, Download, Json};
use crate::api::Api;
use crate::call;
use crate::extract::{At, Upload};
use crate::operation::Operation;
use crate::problem::ApiError;
use crate::routing::Routes;
use crate::spool::{lay_down, reading};
use fedatario_app::audit_trail::{entry, hex};
use fedatario_app::descarga::transition::Moment;
use fedatario_app::descarga::{fetch, import};
use fedatario_app::model::{PackageRow, QuarantineRow, Tally};
use fedatario_base::id::{PackageId, TaxpayerId};
use fedatario_base::{Code, Permission, Scope};
use serde::Serialize;
use utoipa::ToSchema;

/// Entries that are told of what was set aside.
const QUARANTINED_AT_MOST: u32 = 1_000;

/// The operations of this module.
pub fn routes() -> Routes {
    let most = usize::try_from(fetch::PACKAGE_BYTES_AT_MOST).unwrap_or(usize::MAX);
    Routes::of("packages")
        .add(
            Operation::post(
                "/api/sat/taxpayers/{taxpayer}/packages",
                "packages.import",
                "Brings in a package that was downloaded elsewhere",
            )
            .needs(Permission::DocumentImport)
            .idempotency_ignored()
            .body_at_most(most)
            .audits("sat.package.given")
            .refuses(&[Code::ArchiveFormat, Code::ArchiveTooLarge])
            .notes("The body is the ZIP. It is durable when this answers, and read by a job; the same file twice is one package."),
            give,
        )
        .add(
            Operation::get("/api/sat/packages/{package}", "packages.read", "How far a package has come")
                .needs(Permission::TaxpayerRead),
            one,
        )
        .add(
            Operation::get("/api/sat/packages/{package}/content", "packages.content", "The package, byte for byte")
                .needs(Permission::DocumentExport)
                .audits("sat.package.taken_out"),
            content,
        )
        .add(
            Operation::get(
                "/api/sat/taxpayers/{taxpayer}/quarantine",
                "packages.quarantine",
                "What could not be read, with the reason",
            )
            .needs(Permission::DocumentRead),
            quarantine,
        )
}

/// A package.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = SatPackage)]
pub struct PackageView {
    /// Its id.
    id: String,
    /// Whose it is.
    taxpayer: String,
    /// The request that it belongs to; none for one given by hand.
    request: Option<String>,
    /// SAT's id of it.
    id_paquete: String,
    /// `cfdi` or `metadata`.
    content: String,
    /// `known`, `stored`, `imported`, `lost` or `unreadable`.
    state: String,
    /// Digest of its bytes.
    sha256: Option<String>,
    /// How many bytes.
    size: Option<i64>,
    /// What reading it found.
    #[schema(value_type = Object)]
    tally: Tally,
    /// Why it is lost or unreadable.
    problem: Option<String>,
}

impl From<PackageRow> for PackageView {
    fn from(it: PackageRow) -> Self {
        Self {
            id: it.id.to_string(),
            taxpayer: it.taxpayer.to_string(),
            request: it.solicitud.map(|it| it.to_string()),
            id_paquete: it.id_paquete,
            content: it.content.text().to_owned(),
            state: it.state.text().to_owned(),
            sha256: it.sha256.map(|it| hex(&it)),
            size: it.size,
            tally: it.tally,
            problem: it.problem,
        }
    }
}

/// `POST /api/sat/taxpayers/{taxpayer}/packages`
async fn give(
    api: Api,
    asked: call::Asked,
    scope: Scope,
    At(id): At<TaxpayerId>,
    Upload(body): Upload,
) -> Result<Accepted<PackageView>, ApiError> {
    let taxpayer = taxpayer(&api, &scope, id).await?;
    let laid = lay_down(body, &api.lines.temporary, asked.request).await?;
    let package = import::take_in(&api.app, &scope, &taxpayer.tax_id, laid.path()).await?;
    Ok(Accepted { location: format!("/api/sat/packages/{}", package.id), body: package.into() })
}

async fn found(api: &Api, scope: &Scope, id: PackageId) -> Result<PackageRow, ApiError> {
    api.app.store.read(scope).await?.package(id).await?.ok_or_else(ApiError::not_found)
}

/// `GET /api/sat/packages/{package}`
async fn one(api: Api, scope: Scope, At(id): At<PackageId>) -> Result<Json<PackageView>, ApiError> {
    Ok(Json(found(&api, &scope, id).await?.into()))
}

/// `GET /api/sat/packages/{package}/content`
async fn content(api: Api, scope: Scope, At(id): At<PackageId>) -> Result<Download, ApiError> {
    let package = found(&api, &scope, id).await?;
    let path = package.path.ok_or_else(ApiError::not_found)?;
    let file = api.app.blobs.open(&path).await?;
    let mut tx = api.app.store.begin(&scope).await?;
    tx.append(entry(&Moment::now(&api.app, &scope), "sat.package", &id.to_string(), "taken_out"), None).await?;
    tx.commit().await?;
    Ok(Download { media: "application/zip", name: format!("{id}.zip"), body: reading(file, ()) })
}

/// An entry that could not be read.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Quarantined)]
pub struct QuarantinedView {
    /// The package that it lies in.
    package: String,
    /// Its name there; empty for the whole package.
    entry: String,
    /// Why.
    code: String,
}

/// What could not be read.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Quarantine)]
pub struct QuarantineView {
    /// A thousand at most.
    entries: Vec<QuarantinedView>,
}

/// `GET /api/sat/taxpayers/{taxpayer}/quarantine`
async fn quarantine(api: Api, scope: Scope, At(id): At<TaxpayerId>) -> Result<Json<QuarantineView>, ApiError> {
    taxpayer(&api, &scope, id).await?;
    let rows = api.app.store.read(&scope).await?.quarantined(id, QUARANTINED_AT_MOST).await?;
    let view = |it: QuarantineRow| QuarantinedView { package: it.package.to_string(), entry: it.entry, code: it.code };
    Ok(Json(QuarantineView { entries: rows.into_iter().map(view).collect() }))
}
