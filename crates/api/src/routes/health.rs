//! `/healthz` and `/readyz`: for supervisors and load balancers.
//!
//! *Healthy* says that the process answers; *ready* that it can do its work: storage is reached, and
//! it is not on its way out.

use crate::answer::Json;
use crate::api::Api;
use crate::operation::Operation;
use crate::problem::ApiError;
use crate::routing::Routes;
use fedatario_base::{Code, SystemScope};
use serde::Serialize;
use std::time::Duration;
use utoipa::ToSchema;

/// How long storage may take to answer before this process is not ready.
const STORAGE_WITHIN: Duration = Duration::from_secs(2);

/// The operations of this module.
pub fn routes() -> Routes {
    Routes::of("health")
        .add(Operation::get("/healthz", "health.live", "Whether the process answers").anyone().uncounted(), live)
        .add(
            Operation::get("/readyz", "health.ready", "Whether the process can work")
                .anyone()
                .uncounted()
                .refuses(&[Code::StoreUnavailable, Code::ShuttingDown]),
            ready,
        )
}

/// How it stands.
#[derive(Debug, Serialize, ToSchema)]
pub struct Health {
    /// `ok`.
    status: &'static str,
}

const OK: Json<Health> = Json(Health { status: "ok" });

/// `GET /healthz`
async fn live() -> Result<Json<Health>, ApiError> {
    Ok(OK)
}

/// `GET /readyz`
async fn ready(api: Api) -> Result<Json<Health>, ApiError> {
    if api.is_leaving() {
        return Err(ApiError::new(Code::ShuttingDown));
    }
    let hands = SystemScope::for_this_process();
    let asked = tokio::time::timeout(STORAGE_WITHIN, api.app.system.tenants(&hands)).await;
    asked.map_err(|_| ApiError::new(Code::StoreUnavailable).because("storage is slow"))??;
    Ok(OK)
}
