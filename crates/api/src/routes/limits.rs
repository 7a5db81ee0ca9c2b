//! `/api/limits`: what a caller may still ask for.

use crate::answer::Json;
use crate::extract::{Caller, Standings};
use crate::limits::WINDOW_S;
use crate::operation::Operation;
use crate::problem::ApiError;
use crate::routing::Routes;
use serde::Serialize;
use utoipa::ToSchema;

/// The operations of this module.
pub fn routes() -> Routes {
    Routes::of("limits").add(
        Operation::get("/api/limits", "limits.read", "What the caller may still ask for")
            .signed_in()
            .notes("The same figures stand on every answer, in `RateLimit` and `RateLimit-Policy`."),
        read,
    )
}

/// What a caller may still ask for.
#[derive(Debug, Serialize, ToSchema)]
pub struct Limits {
    /// One entry for each window that the caller's calls count in.
    limits: Vec<Limit>,
}

/// One window.
#[derive(Debug, Serialize, ToSchema)]
pub struct Limit {
    /// Whose window it is: `tenant`, `key` or `session`.
    policy: &'static str,
    /// Calls in a window.
    quota: u32,
    /// Its length, in seconds.
    window_s: u64,
    /// Calls left in this window.
    remaining: u32,
    /// Seconds until it ends.
    resets_in_s: u64,
}

/// `GET /api/limits`
async fn read(_: Caller, standings: Standings) -> Result<Json<Limits>, ApiError> {
    let limits = standings.0.into_iter().map(|it| Limit {
        policy: it.policy,
        quota: it.quota,
        window_s: WINDOW_S,
        remaining: it.remaining,
        resets_in_s: it.resets_in_s,
    });
    Ok(Json(Limits { limits: limits.collect() }))
}
