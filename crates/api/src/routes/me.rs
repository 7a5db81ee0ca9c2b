//! `/api/principal`: who the caller is to us, whatever was shown at the door.

use crate::answer::Json;
use crate::extract::Caller;
use crate::operation::Operation;
use crate::problem::ApiError;
use crate::routing::Routes;
use fedatario_app::identity::door::Means;
use serde::Serialize;
use utoipa::ToSchema;

/// The operations of this module.
pub fn routes() -> Routes {
    Routes::of("identity")
        .add(Operation::get("/api/principal", "principal.read", "Who the caller is, and what it may do").signed_in(), read)
}

/// Who the caller is.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Principal)]
pub struct PrincipalView {
    /// The tenant that it acts for.
    tenant_id: String,
    /// The user or API key that acts.
    actor: String,
    /// `session` or `key`.
    means: &'static str,
    /// Whether it reaches the sandbox only.
    is_test: bool,
    /// What it may do in the tenant and on the installation.
    permissions: Vec<&'static str>,
    /// When it last proved a factor.
    #[schema(value_type = String, format = DateTime)]
    authenticated_at: jiff::Timestamp,
    /// Whether that is recent enough for acts that ask for it.
    is_stepped_up: bool,
}

/// `GET /api/principal`
async fn read(Caller(it): Caller) -> Result<Json<PrincipalView>, ApiError> {
    let (means, is_test) = match it.means {
        Means::Session { .. } => ("session", false),
        Means::Key { is_test, .. } => ("key", is_test),
    };
    let permissions = it.scope.permissions().iter().chain(&it.platform).map(|it| it.text()).collect();
    Ok(Json(PrincipalView {
        tenant_id: it.scope.tenant().to_string(),
        actor: it.scope.actor().to_string(),
        means,
        is_test,
        permissions,
        authenticated_at: it.authenticated,
        is_stepped_up: it.is_stepped_up,
    }))
}
