//! Help for whoever cannot come in, or should not: recovery of lost second factors, failures forgotten,
//! sessions ended; and of whom a tenant asks a second factor.

use crate::answer::{Json, Nothing};
use crate::api::Api;
use crate::extract::{At, Body, Caller};
use crate::operation::Operation;
use crate::problem::ApiError;
use crate::routing::Routes;
use fedatario_app::identity::model::{Recovery, SecondFactor};
use fedatario_app::identity::people::Steward;
use fedatario_base::id::UserId;
use fedatario_base::{Code, Permission, Scope};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The operations of this module.
pub fn routes() -> Routes {
    installation(relief(Routes::of("recovery")))
        .add(
            Operation::post("/api/tenant/users/{user}/recovery", "recovery.start", "Begins the recovery of lost second factors")
                .needs(Permission::UserManage)
                .step_up()
                .idempotency_ignored()
                .notes(
                    "For another member, who may do no more than the caller. Whoever administers a tenant of theirs is told by \
                     mail, and they; 72 hours later the factors are taken away, unless it is called off or the person proves one. \
                     One that is on its way already is answered.",
                )
                .audits("member.recovery_started")
                .refuses(&[Code::SessionRequired, Code::PermissionExceeds, Code::SecondPerson, Code::FactorState]),
            start,
        )
        .add(
            Operation::get("/api/tenant/users/{user}/recovery", "recovery.read", "The recovery of a member that is on its way")
                .needs(Permission::UserRead),
            read,
        )
        .add(
            Operation::delete("/api/tenant/users/{user}/recovery", "recovery.call_off", "Calls the recovery of a member off")
                .needs(Permission::UserManage)
                .notes("Whichever of the member's organisations began it.")
                .audits("member.recovery_called_off"),
            call_off,
        )
        .add(
            Operation::delete("/api/auth/recovery", "auth.recovery.call_off", "Calls the recovery of one's own factors off")
                .signed_in()
                .audits("member.recovery_called_off")
                .refuses(&[Code::SessionRequired, Code::NotFound]),
            call_off_own,
        )
        .add(
            Operation::get("/api/tenant/policy", "tenant.policy", "Of whom the organisation asks a second factor")
                .needs(Permission::UserRead),
            policy,
        )
        .add(
            Operation::put("/api/tenant/policy", "tenant.set_policy", "Asks a second factor of everybody, or of whom roles ask it")
                .needs(Permission::SettingsManage)
                .step_up()
                .notes(
                    "`roles`: of whoever signs, sees keys or administers, which is always so. `everybody`: whoever has none may \
                     enrol one and nothing else. In force within two seconds; keys of programs are not touched.",
                )
                .audits("tenant.second_factor_changed")
                .changes()
                .example(r#"{"second_factor":"everybody"}"#),
            set_policy,
        )
}

fn relief(routes: Routes) -> Routes {
    routes
        .add(
            Operation::post("/api/tenant/users/{user}/unlock", "members.unlock", "Forgets failures counted against a member")
                .needs(Permission::UserManage)
                .idempotency_ignored()
                .notes("Of their password and their second factors; never what is counted against a network.")
                .audits("member.unlocked")
                .refuses(&[Code::PermissionExceeds]),
            unlock,
        )
        .add(
            Operation::post("/api/tenant/users/{user}/logout", "members.logout", "Ends a member's sessions in this organisation")
                .needs(Permission::UserManage)
                .idempotency_ignored()
                .notes("A session that is in another organisation goes on there, and does not come back here.")
                .audits("member.logged_out")
                .refuses(&[Code::PermissionExceeds]),
            log_out,
        )
}

fn installation(routes: Routes) -> Routes {
    routes
        .add(
            Operation::post(
                "/api/admin/users/{user}/unlock",
                "installation.unlock_user",
                "Forgets failures counted against somebody",
            )
            .needs(Permission::PlatformUserManage)
            .idempotency_ignored()
            .audits("user.unlocked"),
            unlock_user,
        )
        .add(
            Operation::post("/api/admin/users/{user}/logout", "installation.log_user_out", "Ends all sessions of somebody")
                .needs(Permission::PlatformUserManage)
                .idempotency_ignored()
                .audits("user.logged_out"),
            log_user_out,
        )
}

/// A recovery of second factors that is on its way.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = FactorRecovery)]
pub struct FactorRecoveryView {
    /// Which.
    id: String,
    /// Whose factors.
    user_id: String,
    /// The actor who began it; null where another organisation did.
    started_by: Option<String>,
    /// When it began.
    #[schema(value_type = String, format = DateTime)]
    started_at: jiff::Timestamp,
    /// When the factors are taken away.
    #[schema(value_type = String, format = DateTime)]
    due_at: jiff::Timestamp,
}

impl FactorRecoveryView {
    /// As a tenant sees it.
    pub(super) fn of(it: Recovery, scope: &Scope) -> Self {
        Self {
            id: it.id.to_string(),
            user_id: it.user.to_string(),
            started_by: (it.tenant == scope.tenant()).then_some(it.started_by),
            started_at: it.started,
            due_at: it.due,
        }
    }
}

/// `POST /api/tenant/users/{user}/recovery`
async fn start(api: Api, Caller(caller): Caller, At(user): At<UserId>) -> Result<Json<FactorRecoveryView>, ApiError> {
    let begun = api.identity.start_recovery(&caller, user).await?;
    Ok(Json(FactorRecoveryView::of(begun, &caller.scope)))
}

/// `GET /api/tenant/users/{user}/recovery`
async fn read(api: Api, scope: Scope, At(user): At<UserId>) -> Result<Json<FactorRecoveryView>, ApiError> {
    Ok(Json(FactorRecoveryView::of(api.identity.recovery_of(&scope, user).await?, &scope)))
}

/// `DELETE /api/tenant/users/{user}/recovery`
async fn call_off(api: Api, scope: Scope, At(user): At<UserId>) -> Result<Nothing, ApiError> {
    api.identity.call_off_recovery(&scope, user).await?;
    Ok(Nothing)
}

/// `DELETE /api/auth/recovery`
async fn call_off_own(api: Api, Caller(caller): Caller) -> Result<Nothing, ApiError> {
    api.identity.call_off_own_recovery(&caller).await?;
    Ok(Nothing)
}

/// `POST /api/tenant/users/{user}/unlock`
async fn unlock(api: Api, Caller(caller): Caller, At(user): At<UserId>) -> Result<Nothing, ApiError> {
    api.identity.unlock_member(&caller, user).await?;
    Ok(Nothing)
}

/// How many sessions were ended.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = SessionsEnded)]
struct EndedView {
    ended: u64,
}

/// `POST /api/tenant/users/{user}/logout`
async fn log_out(api: Api, Caller(caller): Caller, At(user): At<UserId>) -> Result<Json<EndedView>, ApiError> {
    Ok(Json(EndedView { ended: api.identity.log_member_out(&caller, user).await? }))
}

/// `POST /api/admin/users/{user}/unlock`
async fn unlock_user(api: Api, Caller(caller): Caller, At(user): At<UserId>) -> Result<Nothing, ApiError> {
    api.identity.unlock_user(&Steward::of(&caller), user).await?;
    Ok(Nothing)
}

/// `POST /api/admin/users/{user}/logout`
async fn log_user_out(api: Api, Caller(caller): Caller, At(user): At<UserId>) -> Result<Json<EndedView>, ApiError> {
    Ok(Json(EndedView { ended: api.identity.log_user_out(&Steward::of(&caller), user).await? }))
}

/// Of whom a second factor is asked.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = SecondFactorPolicy)]
enum Asked {
    /// Of whoever signs, sees keys or administers.
    Roles,
    /// Of everybody.
    Everybody,
}

/// What an organisation asks of its people.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = TenantPolicy)]
struct PolicyView {
    /// Of whom a second factor is asked.
    second_factor: Asked,
}

impl From<SecondFactor> for PolicyView {
    fn from(it: SecondFactor) -> Self {
        let second_factor = match it {
            SecondFactor::Roles => Asked::Roles,
            SecondFactor::Everybody => Asked::Everybody,
        };
        Self { second_factor }
    }
}

/// `GET /api/tenant/policy`
async fn policy(api: Api, scope: Scope) -> Result<Json<PolicyView>, ApiError> {
    Ok(Json(api.people.second_factor_policy(&scope).await?.into()))
}

/// `PUT /api/tenant/policy`
async fn set_policy(api: Api, scope: Scope, Body(form): Body<PolicyView>) -> Result<Json<PolicyView>, ApiError> {
    let asked = match form.second_factor {
        Asked::Roles => SecondFactor::Roles,
        Asked::Everybody => SecondFactor::Everybody,
    };
    let set = api.people.set_second_factor_policy(&scope, asked).await?;
    api.identity.forget_standings();
    Ok(Json(set.into()))
}
