//! `/api/auth/rbac/roles`: what each role allows, and the roles that the tenant defines.

use crate::answer::{Created, Json, Nothing, Tagged};
use crate::api::Api;
use crate::extract::{At, Body, IfMatch};
use crate::operation::Operation;
use crate::problem::ApiError;
use crate::routing::Routes;
use fedatario_app::identity::own_roles::{RoleAsked, Shown};
use fedatario_app::identity::tenancy::Role;
use fedatario_base::{Code, Permission, Scope};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The operations of this module.
pub fn routes() -> Routes {
    Routes::of("roles")
        .add(
            Operation::get("/api/auth/rbac/roles", "roles.list", "Built-in roles, then the tenant's own")
                .needs(Permission::UserRead),
            list,
        )
        .add(
            Operation::post("/api/auth/rbac/roles", "roles.add", "Defines a role")
                .needs(Permission::RoleManage)
                .step_up()
                .audits("role.added")
                .changes()
                .refuses(&[Code::RoleFormat, Code::RoleExists, Code::PermissionUnknown, Code::PermissionExceeds])
                .example(r#"{"name":"consulta","description":"Sólo lee","permissions":["TENANT_DOCUMENT_READ"]}"#),
            add,
        )
        .add(Operation::get("/api/auth/rbac/roles/{role}", "roles.read", "One role, by name").needs(Permission::UserRead), read)
        .add(
            Operation::put("/api/auth/rbac/roles/{role}", "roles.change", "Changes what a role of the tenant allows")
                .needs(Permission::RoleManage)
                .step_up()
                .audits("role.changed")
                .changes()
                .refuses(&[Code::RoleFormat, Code::PermissionUnknown, Code::PermissionExceeds, Code::StoreConflict])
                .example(r#"{"description":"Sólo lee","permissions":["TENANT_DOCUMENT_READ","TENANT_TAXPAYER_READ"]}"#),
            change,
        )
        .add(
            Operation::delete("/api/auth/rbac/roles/{role}", "roles.remove", "Removes a role that nobody holds")
                .needs(Permission::RoleManage)
                .step_up()
                .audits("role.removed")
                .changes()
                .refuses(&[Code::RoleInUse, Code::PermissionExceeds]),
            remove,
        )
}

/// A role.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Role)]
pub struct RoleView {
    /// Its name.
    name: String,
    /// Whether every installation has it.
    is_built_in: bool,
    /// What it is for; empty for a built-in one.
    description: String,
    /// What it allows.
    permissions: Vec<&'static str>,
    /// Whether whoever holds it must have a second factor.
    needs_second_factor: bool,
}

impl From<Shown> for RoleView {
    fn from(it: Shown) -> Self {
        Self {
            name: it.name,
            is_built_in: it.own.is_none(),
            description: it.own.map(|it| it.description).unwrap_or_default(),
            permissions: it.permissions.iter().map(|it| it.text()).collect(),
            needs_second_factor: it.permissions.iter().any(|it| it.needs_second_factor()),
        }
    }
}

impl From<Role> for RoleView {
    fn from(it: Role) -> Self {
        Shown { name: it.name.clone(), permissions: it.permissions.clone(), own: Some(it) }.into()
    }
}

/// All roles of the tenant.
#[derive(Debug, Serialize, ToSchema)]
pub struct RoleList {
    /// The built-in ones, then the tenant's own by name.
    data: Vec<RoleView>,
}

/// A role to be defined.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewRole {
    /// Small letters, digits, `-` and `_`, a letter first.
    #[schema(max_length = 48)]
    name: String,
    /// What it is for.
    #[serde(default)]
    #[schema(max_length = 256)]
    description: String,
    /// Texts of permissions; none that the caller does not hold.
    #[schema(max_items = 64)]
    permissions: Vec<String>,
}

/// What a role is to be from now on.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangedRole {
    /// What it is for.
    #[serde(default)]
    #[schema(max_length = 256)]
    description: String,
    /// Texts of permissions; none that the caller does not hold.
    #[schema(max_items = 64)]
    permissions: Vec<String>,
}

/// `GET /api/auth/rbac/roles`
async fn list(api: Api, scope: Scope) -> Result<Json<RoleList>, ApiError> {
    let all = api.people.roles(&scope).await?;
    Ok(Json(RoleList { data: all.into_iter().map(RoleView::from).collect() }))
}

/// `POST /api/auth/rbac/roles`
async fn add(api: Api, scope: Scope, Body(form): Body<NewRole>) -> Result<Created<RoleView>, ApiError> {
    let asked = RoleAsked { name: form.name, description: form.description, permissions: form.permissions };
    let role = api.people.add_role(&scope, asked).await?;
    Ok(Created { location: format!("/api/auth/rbac/roles/{}", role.name), body: role.into() })
}

/// `GET /api/auth/rbac/roles/{role}`
async fn read(api: Api, scope: Scope, At(name): At<String>) -> Result<Tagged<RoleView>, ApiError> {
    let role = api.people.role(&scope, &name).await?;
    Ok(Tagged::new(role.own.as_ref().map_or(0, |it| it.revision), role.into()))
}

/// `PUT /api/auth/rbac/roles/{role}`
async fn change(
    api: Api,
    scope: Scope,
    At(name): At<String>,
    seen: IfMatch,
    Body(form): Body<ChangedRole>,
) -> Result<Tagged<RoleView>, ApiError> {
    let revision = api.people.role(&scope, &name).await?.own.ok_or_else(ApiError::not_found)?.revision;
    seen.allows(revision)?;
    let asked = RoleAsked { name: name.clone(), description: form.description, permissions: form.permissions };
    let role = api.people.change_role(&scope, &name, revision, asked).await?;
    Ok(Tagged::new(role.revision, role.into()))
}

/// `DELETE /api/auth/rbac/roles/{role}`
async fn remove(api: Api, scope: Scope, At(name): At<String>) -> Result<Nothing, ApiError> {
    api.people.remove_role(&scope, &name).await?;
    Ok(Nothing)
}
