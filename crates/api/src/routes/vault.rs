//! `/api/vault/…`: whether the vault opens, under which keys things lie, and which cryptography is in use.

use crate::answer::Json;
use crate::api::Api;
use crate::call::Asked;
use crate::operation::Operation;
use crate::problem::ApiError;
use crate::routing::Routes;
use fedatario_app::custody;
use fedatario_app::inventory::{self, Inventory, Keys, Use};
use fedatario_base::text::Language;
use fedatario_base::{Permission, Scope};
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

/// The operations of this module.
pub fn routes() -> Routes {
    Routes::of("vault")
        .add(
            Operation::get(
                "/api/vault/status",
                "vault.status",
                "Whether the vault opens, and under which versions of keys things lie",
            )
            .needs(Permission::KeyRotate),
            status,
        )
        .add(
            Operation::get("/api/vault/inventory", "vault.inventory", "Every algorithm in use, where, and until when")
                .needs(Permission::KeyRotate)
                .notes("Weak algorithms stand here with the reason why they are used; `quantum` says what becomes of each."),
            inventory,
        )
        .add(
            Operation::get("/api/vault/rotations/plan", "vault.plan", "What a rotation of the tenant's keys would do now")
                .needs(Permission::KeyRotate)
                .notes("A rehearsal: every data key is opened, nothing is written. `POST /api/vault/rotations` then does exactly this."),
            plan,
        )
}

/// What a rotation would do.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = VaultPlan)]
pub struct PlanView {
    /// The version that would be made. Null if an earlier rotation is still to be finished.
    makes: Option<u32>,
    /// The version that wraps everything when it is over.
    to: u32,
    /// Data keys that would be wrapped anew.
    moves: u64,
    /// Data keys whose seal is broken, which would stay.
    broken: u64,
    /// The same by what wraps them now.
    rows: Vec<PlannedView>,
}

/// Data keys under one version.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = VaultPlanned)]
pub struct PlannedView {
    /// The use of the key that wraps them now: `credential`, or `data` from before there were two classes.
    key_use: &'static str,
    /// Its version.
    version: u32,
    /// How many would be wrapped anew.
    moves: u64,
    /// How many are broken.
    broken: u64,
}

/// `GET /api/vault/rotations/plan`
async fn plan(api: Api, scope: Scope) -> Result<Json<PlanView>, ApiError> {
    let plan = custody::plan(&api.app, &scope).await?;
    let (moves, broken) = (plan.moves(), plan.broken());
    let rows = plan.rows.iter().map(|it| PlannedView {
        key_use: it.key_use.text(),
        version: it.version,
        moves: it.moves,
        broken: it.broken,
    });
    Ok(Json(PlanView { makes: plan.makes, to: plan.to, moves, broken, rows: rows.collect() }))
}

/// A tenant's newest key of a use.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = VaultKey)]
pub struct KeyView {
    /// What it is for: `data`, `note` or `credential`.
    key_use: &'static str,
    /// Its version.
    version: u32,
    /// The version of the root key that wraps it.
    root_version: u32,
    /// Whether that root key is here and opens it.
    opens: bool,
}

/// What lies under older keys.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = VaultBehind)]
pub struct BehindView {
    /// Data keys of credentials under an older key of the tenant.
    data_keys: u64,
    /// Keys of the tenant under an older root key.
    tenant_keys: u64,
}

/// How the vault stands.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = VaultStatus)]
pub struct StatusView {
    /// Whether something lies under a key that is not here.
    sealed: bool,
    /// The version of the root key that wraps what is new.
    root_key_version: u32,
    /// The tenant's keys.
    tenant_keys: Vec<KeyView>,
    /// What a rotation has still to move.
    rows_behind: BehindView,
}

/// `GET /api/vault/status`
async fn status(api: Api, scope: Scope) -> Result<Json<StatusView>, ApiError> {
    let (standing, data_keys) = inventory::standing(&api.app, &scope).await?;
    let root = standing.root_version;
    let tenant_keys = standing.under_older();
    let keys = standing.keys.iter().map(|it| KeyView {
        key_use: it.key_use.text(),
        version: it.version,
        root_version: it.root_version,
        opens: it.opens,
    });
    Ok(Json(StatusView {
        sealed: standing.is_sealed(),
        root_key_version: root,
        tenant_keys: keys.collect(),
        rows_behind: BehindView { data_keys, tenant_keys },
    }))
}

/// One algorithm in one place.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = VaultAlgorithm)]
pub struct UseView {
    /// Its name.
    algorithm: &'static str,
    /// What it is for.
    purpose: String,
    /// Where in the program.
    place: &'static str,
    /// Whether it protects what is new, or reads what others made.
    makes: bool,
    /// Strength in bits against today's computers.
    bits: u16,
    /// What a quantum computer makes of it: `broken`, `halved` or `none`.
    quantum: &'static str,
    /// Why it is used although it is weak; null if it is not.
    reason: Option<String>,
}

impl UseView {
    fn new(it: &Use, language: Language) -> Self {
        let (purpose, reason) = (it.purpose(language), it.reason(language));
        let Use { algorithm, place, makes, bits, quantum, .. } = *it;
        Self { algorithm, purpose, place, makes, bits, quantum, reason }
    }
}

/// Certificates of one kind and key.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = VaultCertificates)]
pub struct CertificatesView {
    /// `fiel`, `csd`, `ecf` or `pa`.
    kind: &'static str,
    /// `rsa`.
    algorithm: &'static str,
    /// Bits of the key.
    key_bits: u32,
    /// How many, in use, blocked or waiting.
    count: u64,
    /// When the first of them ends.
    #[schema(value_type = String, format = DateTime)]
    first_ends_at: Timestamp,
    /// When the last of them ends.
    #[schema(value_type = String, format = DateTime)]
    last_ends_at: Timestamp,
}

impl From<Keys> for CertificatesView {
    fn from(it: Keys) -> Self {
        let Keys { kind, algorithm, key_bits, count, first_ends_at, last_ends_at } = it;
        Self { kind, algorithm, key_bits, count, first_ends_at, last_ends_at }
    }
}

/// Everything.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = VaultInventory)]
pub struct InventoryView {
    /// What the program does.
    algorithms: Vec<UseView>,
    /// What the tenant's certificates are.
    certificates: Vec<CertificatesView>,
    /// What is to be done once there are quantum computers.
    post_quantum: String,
}

/// `GET /api/vault/inventory`
async fn inventory(api: Api, asked: Asked, scope: Scope) -> Result<Json<InventoryView>, ApiError> {
    let Inventory { algorithms, certificates } = inventory::of(&api.app, &scope).await?;
    Ok(Json(InventoryView {
        algorithms: algorithms.iter().map(|it| UseView::new(it, asked.language)).collect(),
        certificates: certificates.into_iter().map(CertificatesView::from).collect(),
        post_quantum: inventory::post_quantum(asked.language),
    }))
}
