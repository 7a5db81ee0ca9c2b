//! `/api/audit/…` and `/api/vault`: the chain read, verified and taken outside; the tenant's keys rotated.

use crate::answer::{Document, Download, Json, Paged};
use crate::api::Api;
use crate::call;
use crate::extract::Page;
use crate::operation::Operation;
use crate::problem::ApiError;
use crate::routing::Routes;
use crate::spool::{Laid, reading};
use fedatario_app::audit_trail::{self, hex};
use fedatario_app::custody::{self, KeyStatus};
use fedatario_app::ports::AuditRow;
use fedatario_audit::Verdict;
use fedatario_base::{Code, Permission, Scope};
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

/// The operations of this module.
pub fn routes() -> Routes {
    Routes::of("audit")
        .add(Operation::get("/api/audit/logs", "audit.list", "The chain, from its beginning").needs(Permission::AuditRead), logs)
        .add(
            Operation::post("/api/audit/verify", "audit.verify", "Is the record of all this intact?")
                .needs(Permission::AuditRead)
                .idempotency_ignored(),
            verify,
        )
        .add(
            Operation::get("/api/audit/key", "audit.key", "The public key of checkpoints and reports").needs(Permission::AuditRead),
            key,
        )
        .add(
            Operation::post("/api/audit/exports", "audit.export", "The whole chain with a fresh checkpoint, as a file")
                .needs(Permission::AuditExport)
                .step_up()
                .idempotency_ignored()
                .audits("audit.exported")
                .refuses(&[Code::AuditAltered])
                .notes("NDJSON; `fedatario audit verify FILE` checks it anywhere. What was exported counts as anchored."),
            export,
        )
        .add(
            Operation::get("/api/vault", "vault.read", "How far a rotation of the tenant's keys has come")
                .needs(Permission::KeyRotate),
            status,
        )
        .add(
            Operation::post("/api/vault/rotations", "vault.rotate", "Rotates the tenant's keys")
                .needs(Permission::KeyRotate)
                .step_up()
                .audits("vault.tenant_key.rotated"),
            rotate,
        )
}

/// An entry of the chain.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AuditEntry)]
pub struct EntryView {
    /// Its place, from 1.
    n: u64,
    /// Whose chain.
    tenant_id: String,
    /// The hash before it.
    hash_prev: String,
    /// Its own.
    hash_curr: String,
    /// What it says.
    #[schema(value_type = Object)]
    entry: Value,
}

impl From<AuditRow> for EntryView {
    fn from(it: AuditRow) -> Self {
        Self {
            n: it.n,
            tenant_id: it.tenant.to_string(),
            hash_prev: hex(&it.prev),
            hash_curr: hex(&it.hash),
            entry: serde_json::from_slice(&it.entry).unwrap_or_default(),
        }
    }
}

/// `GET /api/audit/logs`
async fn logs(api: Api, scope: Scope, page: Page) -> Result<Paged<EntryView>, ApiError> {
    let from = page.after::<u64>()?.map_or(1, |it| it.saturating_add(1));
    let rows = api.app.store.read(&scope).await?.audit_rows(from, page.limit + 1).await?;
    Ok(Paged::new(&page, rows.into_iter().map(EntryView::from).collect(), |it| it.n.to_string()))
}

/// `POST /api/audit/verify`
async fn verify(api: Api, scope: Scope) -> Result<Document, ApiError> {
    let verdict = audit_trail::verify(&api.app, &scope).await?;
    Ok(Document(verdict_json(&verdict)))
}

fn verdict_json(verdict: &Verdict) -> Value {
    let damage: Vec<Value> =
        verdict.damage.iter().map(|it| json!({ "code": it.code().slug(), "kind": it.kind(), "n": it.at() })).collect();
    json!({
        "intact": verdict.is_intact(), "entries": verdict.entries,
        "head": { "n": verdict.head.n, "hash": hex(&verdict.head.hash) }, "damage": damage, "more": verdict.more,
        "anchored": verdict.anchored, "unanchored": verdict.unanchored, "key": verdict.key.text(),
    })
}

/// A public key.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AuditKey)]
pub struct KeyView {
    /// As a C2SP verifier key.
    key: String,
}

/// `GET /api/audit/key`
async fn key(api: Api, scope: Scope) -> Result<Json<KeyView>, ApiError> {
    Ok(Json(KeyView { key: audit_trail::public_key(&api.app, &scope).await?.to_string() }))
}

/// `POST /api/audit/exports`
async fn export(api: Api, asked: call::Asked, scope: Scope) -> Result<Download, ApiError> {
    let laid = Laid::place(&api.lines.temporary, asked.request);
    let mut file = laid.create().await?.into_std().await;
    audit_trail::export(&api.app, &scope, &mut file).await?;
    drop(file);
    let file = std::fs::File::open(laid.path()).map_err(|error| ApiError::new(Code::BlobUnavailable).because(error))?;
    let name = format!("audit-{}.ndjson", scope.tenant());
    Ok(Download { media: "application/x-ndjson", name, body: reading(file, laid) })
}

/// Where the tenant's keys stand.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = VaultKeys)]
pub struct KeysView {
    /// Credentials whose data key an older version wraps.
    behind: u64,
    /// The version that was made, when one was.
    made: Option<u32>,
    /// Data keys that were wrapped anew.
    moved: u64,
}

impl From<KeyStatus> for KeysView {
    fn from(it: KeyStatus) -> Self {
        Self { behind: it.behind, made: it.made, moved: it.moved }
    }
}

/// `GET /api/vault`
async fn status(api: Api, scope: Scope) -> Result<Json<KeysView>, ApiError> {
    Ok(Json(custody::status(&api.app, &scope).await?.into()))
}

/// `POST /api/vault/rotations`
async fn rotate(api: Api, scope: Scope) -> Result<Json<KeysView>, ApiError> {
    Ok(Json(custody::rotate_tenant(&api.app, &scope).await?.into()))
}
