//! `/api/tenant/api-keys`: keys of programs.

use crate::answer::{Created, Json, Paged};
use crate::api::Api;
use crate::extract::{At, Body, Caller, Page};
use crate::operation::Operation;
use crate::problem::ApiError;
use crate::routing::Routes;
use fedatario_app::identity::program_keys::{KeyAsked, Made};
use fedatario_app::identity::tenancy::ApiKey;
use fedatario_base::id::ApiKeyId;
use fedatario_base::{Code, Permission, Scope};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The operations of this module.
pub fn routes() -> Routes {
    Routes::of("api-keys")
        .add(
            Operation::get("/api/tenant/api-keys", "api_keys.list", "Keys of programs, without their secrets")
                .needs(Permission::ApiKeyManage),
            list,
        )
        .add(
            Operation::post("/api/tenant/api-keys", "api_keys.make", "Makes a key")
                .needs(Permission::ApiKeyManage)
                .step_up()
                .notes(
                    "The secret is shown this once. `fed_test_…` keys reach taxpayers of the sandbox only. A key may do what \
                     its scopes say, and none that whoever makes it does not hold.",
                )
                .answers_secret()
                .audits("api_key.made")
                .changes()
                .refuses(&[Code::ApiKeyFormat, Code::PermissionUnknown, Code::PermissionExceeds])
                .example(r#"{"name":"ERP","environment":"test","scopes":["TENANT_DOCUMENT_READ"],"networks":["203.0.113.0/24"]}"#),
            make,
        )
        .add(Operation::get("/api/tenant/api-keys/{key}", "api_keys.read", "One key").needs(Permission::ApiKeyManage), read)
        .add(
            Operation::post("/api/tenant/api-keys/{key}/rotate", "api_keys.rotate", "Gives a key a second secret")
                .needs(Permission::ApiKeyManage)
                .step_up()
                .notes("The first stays good for `overlap_hours` (24 by default), so that a program can go over without a pause.")
                .answers_secret()
                .audits("api_key.rotated")
                .changes()
                .refuses(&[Code::ApiKeyFormat, Code::ApiKeyRotating, Code::ApiKeyOver, Code::PermissionExceeds])
                .example(r#"{"overlap_hours":24}"#),
            rotate,
        )
        .add(
            Operation::delete("/api/tenant/api-keys/{key}", "api_keys.revoke", "Revokes a key, at once and for good")
                .needs(Permission::ApiKeyManage)
                .audits("api_key.revoked")
                .changes(),
            revoke,
        )
}

/// A key of a program.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ApiKey)]
pub struct KeyView {
    /// Which; it stands in the key itself.
    id: String,
    /// What people call it.
    name: String,
    /// `live` or `test`; a test key reaches the sandbox only.
    environment: &'static str,
    /// What it may do.
    scopes: Vec<&'static str>,
    /// Networks that it may be shown from; any if empty.
    networks: Vec<String>,
    /// Calls a minute, if it has a limit of its own.
    calls_a_minute: Option<u32>,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    created_at: jiff::Timestamp,
    /// The actor who made it.
    created_by: String,
    /// When it ends.
    #[schema(value_type = String, format = DateTime)]
    expires_at: jiff::Timestamp,
    /// When it was revoked.
    #[schema(value_type = Option<String>, format = DateTime)]
    revoked_at: Option<jiff::Timestamp>,
    /// When it was last shown; written once a minute at most.
    #[schema(value_type = Option<String>, format = DateTime)]
    used_at: Option<jiff::Timestamp>,
    /// From where.
    used_from: Option<String>,
    /// What the program shows; this once.
    #[serde(skip_serializing_if = "Option::is_none")]
    secret: Option<String>,
}

impl From<ApiKey> for KeyView {
    fn from(it: ApiKey) -> Self {
        Self {
            id: it.id.to_string(),
            name: it.name,
            environment: if it.is_test { "test" } else { "live" },
            scopes: it.scopes.iter().map(|it| it.text()).collect(),
            networks: it.networks,
            calls_a_minute: it.calls_a_minute,
            created_at: it.created,
            created_by: it.created_by,
            expires_at: it.expires,
            revoked_at: it.revoked.map(|it| it.0),
            used_at: it.used.as_ref().map(|it| it.0),
            used_from: it.used.map(|it| it.1),
            secret: None,
        }
    }
}

impl From<Made> for KeyView {
    fn from(it: Made) -> Self {
        let secret = it.secret.expose_str().map(str::to_owned);
        Self { secret, ..it.key.into() }
    }
}

/// Which world a key is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum KeyWorld {
    /// Everything.
    Live,
    /// The sandbox only.
    Test,
}

/// A key to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewKey {
    /// What people call it.
    #[schema(max_length = 96)]
    name: String,
    /// `live` or `test`.
    environment: KeyWorld,
    /// Texts of permissions.
    #[schema(max_items = 64)]
    scopes: Vec<String>,
    /// Networks or addresses that it may be shown from; any if absent.
    #[serde(default)]
    #[schema(max_items = 32)]
    networks: Vec<String>,
    /// Calls a minute, for a limit of its own.
    #[serde(default)]
    #[schema(minimum = 1, maximum = 100_000)]
    calls_a_minute: Option<u32>,
    /// Days that it is good: 365 if absent, 730 at most.
    #[serde(default)]
    #[schema(minimum = 1, maximum = 730)]
    days: Option<i64>,
}

/// How a key is turned over.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct KeyRotation {
    /// Hours that both secrets are good; 0 ends the former at once.
    #[serde(default)]
    #[schema(minimum = 0, maximum = 720)]
    overlap_hours: Option<i64>,
}

/// `GET /api/tenant/api-keys`
async fn list(api: Api, scope: Scope, page: Page) -> Result<Paged<KeyView>, ApiError> {
    let rows = api.people.keys(&scope, page.after()?, page.limit + 1).await?;
    Ok(Paged::new(&page, rows.into_iter().map(KeyView::from).collect(), |it| it.id.clone()))
}

/// `POST /api/tenant/api-keys`
async fn make(api: Api, Caller(caller): Caller, Body(form): Body<NewKey>) -> Result<Created<KeyView>, ApiError> {
    let asked = KeyAsked {
        name: form.name,
        is_test: form.environment == KeyWorld::Test,
        scopes: form.scopes,
        networks: form.networks,
        calls_a_minute: form.calls_a_minute,
        days: form.days,
    };
    let made = api.people.make_key(&caller.scope, asked, caller.is_stepped_up).await?;
    Ok(Created { location: format!("/api/tenant/api-keys/{}", made.key.id), body: made.into() })
}

/// `GET /api/tenant/api-keys/{key}`
async fn read(api: Api, scope: Scope, At(id): At<ApiKeyId>) -> Result<Json<KeyView>, ApiError> {
    Ok(Json(api.people.key(&scope, id).await?.0.into()))
}

/// `POST /api/tenant/api-keys/{key}/rotate`
async fn rotate(api: Api, scope: Scope, At(id): At<ApiKeyId>, Body(form): Body<KeyRotation>) -> Result<Json<KeyView>, ApiError> {
    Ok(Json(api.people.rotate_key(&scope, id, form.overlap_hours).await?.into()))
}

/// `DELETE /api/tenant/api-keys/{key}`
async fn revoke(api: Api, scope: Scope, At(id): At<ApiKeyId>) -> Result<Json<KeyView>, ApiError> {
    Ok(Json(api.people.revoke_key(&scope, id).await?.into()))
}
