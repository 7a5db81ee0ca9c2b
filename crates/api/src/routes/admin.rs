//! `/api/admin`: the organisations of the installation, and its figures.

use super::tenant::{Reason, TenantView};
use crate::answer::{Created, Json, Paged};
use crate::api::Api;
use crate::extract::{At, Body, Caller, Page};
use crate::operation::Operation;
use crate::problem::ApiError;
use crate::routing::Routes;
use fedatario_app::identity::model::UserState;
use fedatario_app::identity::people::Steward;
use fedatario_app::identity::tenancy::Tenant;
use fedatario_app::identity::tenancy_ports::Person;
use fedatario_base::id::{TenantId, UserId};
use fedatario_base::{Code, Permission};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

const NAMING: &[Code] = &[Code::TenantName, Code::TenantExists];
const MOVING: &[Code] = &[Code::TenantState, Code::ReasonRequired, Code::LegalHold, Code::SecondPerson];

/// The operations of this module.
pub fn routes() -> Routes {
    let suspends = Permission::PlatformTenantSuspend;
    let at = "/api/admin/companies/{company}";
    let routes = Routes::of("administration")
        .add(
            Operation::get("/api/admin/companies", "companies.list", "Organisations of the installation")
                .needs(Permission::PlatformTenantRead),
            list,
        )
        .add(
            Operation::post("/api/admin/companies", "companies.add", "Adds an organisation")
                .needs(Permission::PlatformTenantWrite)
                .audits("tenant.added")
                .changes()
                .refuses(NAMING)
                .example(r#"{"name":"despacho-dos"}"#),
            add,
        )
        .add(Operation::get(at, "companies.read", "One organisation").needs(Permission::PlatformTenantRead), read)
        .add(
            Operation::patch(at, "companies.rename", "Gives an organisation another name")
                .needs(Permission::PlatformTenantWrite)
                .audits("tenant.renamed")
                .changes()
                .refuses(NAMING)
                .example(r#"{"name":"despacho-tres"}"#),
            rename,
        )
        .add(
            Operation::get("/api/admin/metrics", "installation.metrics", "Figures of the installation")
                .needs(Permission::PlatformMetricsRead),
            metrics,
        )
        .add(
            Operation::get("/api/admin/users", "installation.users", "People, of all organisations")
                .needs(Permission::PlatformUserManage),
            users,
        )
        .add(
            Operation::post(
                "/api/admin/users/{user}/disable",
                "installation.disable_user",
                "Keeps somebody out of every organisation",
            )
            .needs(Permission::PlatformUserManage)
            .idempotency_ignored()
            .audits("user.disabled")
            .changes(),
            disable_user,
        )
        .add(
            Operation::post("/api/admin/users/{user}/enable", "installation.enable_user", "Lets somebody in again")
                .needs(Permission::PlatformUserManage)
                .idempotency_ignored()
                .audits("user.enabled")
                .changes(),
            enable_user,
        );
    routes
        .add(
            Operation::post("/api/admin/companies/{company}/suspend", "companies.suspend", "Nobody comes in and no job runs")
                .needs(suspends)
                .idempotency_ignored()
                .audits("tenant.suspended")
                .changes()
                .refuses(MOVING)
                .example(r#"{"reason":"falta de pago"}"#),
            suspend,
        )
        .add(
            Operation::post("/api/admin/companies/{company}/resume", "companies.resume", "It works again")
                .needs(suspends)
                .idempotency_ignored()
                .audits("tenant.resumed")
                .changes()
                .refuses(MOVING),
            resume,
        )
        .add(
            Operation::post("/api/admin/companies/{company}/hold", "companies.hold", "Nothing of it may be destroyed")
                .needs(suspends)
                .idempotency_ignored()
                .audits("tenant.held")
                .changes()
                .refuses(MOVING)
                .example(r#"{"reason":"oficio 123"}"#),
            hold,
        )
        .add(
            Operation::post(
                "/api/admin/companies/{company}/release",
                "companies.release",
                "Lifts what kept it from being destroyed",
            )
            .needs(suspends)
            .idempotency_ignored()
            .audits("tenant.released")
            .changes()
            .refuses(MOVING),
            release,
        )
        .add(
            Operation::post("/api/admin/companies/{company}/deletion", "companies.ask_deletion", "Asks for its deletion")
                .needs(suspends)
                .step_up()
                .idempotency_ignored()
                .audits("tenant.deletion_asked")
                .changes()
                .refuses(MOVING)
                .example(r#"{"reason":"contrato terminado"}"#),
            ask_deletion,
        )
        .add(
            Operation::post(
                "/api/admin/companies/{company}/deletion/confirm",
                "companies.confirm_deletion",
                "Confirms a deletion that another person asked for",
            )
            .needs(suspends)
            .step_up()
            .idempotency_ignored()
            .audits("tenant.deletion_confirmed")
            .changes()
            .refuses(MOVING),
            confirm_deletion,
        )
        .add(
            Operation::delete("/api/admin/companies/{company}/deletion", "companies.cancel_deletion", "Calls a deletion off")
                .needs(suspends)
                .audits("tenant.deletion_cancelled")
                .changes()
                .refuses(MOVING),
            cancel_deletion,
        )
}

/// An organisation's name.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CompanyName {
    /// 1 to 128 bytes; unique.
    #[schema(max_length = 128)]
    name: String,
}

/// Figures of the installation.
#[derive(Debug, Serialize, ToSchema)]
pub struct InstallationMetrics {
    /// Organisations whose data is here.
    tenants: u64,
    /// Of them, those that are suspended or leave.
    tenants_closed: u64,
    /// People.
    users: u64,
    /// Of them, those that may not come in.
    users_disabled: u64,
    /// Memberships that count.
    memberships: u64,
    /// Keys of programs that are not revoked.
    api_keys: u64,
}

/// Somebody, as whoever keeps the installation sees them.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Person)]
pub struct PersonView {
    /// Who.
    id: String,
    /// Their address of mail.
    email: String,
    /// What others call them.
    name: String,
    /// `active` or `disabled`.
    state: &'static str,
    /// Since when they are here.
    #[schema(value_type = String, format = DateTime)]
    created_at: jiff::Timestamp,
}

impl From<Person> for PersonView {
    fn from(it: Person) -> Self {
        Self { id: it.id.to_string(), email: it.email, name: it.name, state: it.state.text(), created_at: it.created }
    }
}

/// `GET /api/admin/users`
async fn users(api: Api, Caller(caller): Caller, page: Page) -> Result<Paged<PersonView>, ApiError> {
    let rows = api.people.users(&Steward::of(&caller), page.after()?, page.limit + 1).await?;
    Ok(Paged::new(&page, rows.into_iter().map(PersonView::from).collect(), |it| it.id.clone()))
}

/// `POST /api/admin/users/{user}/disable`
async fn disable_user(api: Api, Caller(caller): Caller, At(id): At<UserId>) -> Result<Json<PersonView>, ApiError> {
    Ok(Json(api.people.set_user(&Steward::of(&caller), id, UserState::Disabled).await?.into()))
}

/// `POST /api/admin/users/{user}/enable`
async fn enable_user(api: Api, Caller(caller): Caller, At(id): At<UserId>) -> Result<Json<PersonView>, ApiError> {
    Ok(Json(api.people.set_user(&Steward::of(&caller), id, UserState::Active).await?.into()))
}

async fn view(api: &Api, by: &Steward, it: Tenant) -> Result<TenantView, ApiError> {
    // Whoever may change it and not see the others sees what it became, and no more.
    let worlds = api.people.worlds(by, it.id).await.unwrap_or_default();
    Ok(TenantView::of(it, worlds))
}

/// `GET /api/admin/companies`
async fn list(api: Api, Caller(caller): Caller, page: Page) -> Result<Paged<TenantView>, ApiError> {
    let by = Steward::of(&caller);
    let mut rows = Vec::new();
    for tenant in api.people.organisations(&by, page.after()?, page.limit + 1).await? {
        rows.push(view(&api, &by, tenant).await?);
    }
    Ok(Paged::new(&page, rows, |it| it.id.clone()))
}

/// `POST /api/admin/companies`
async fn add(api: Api, Caller(caller): Caller, Body(form): Body<CompanyName>) -> Result<Created<TenantView>, ApiError> {
    let tenant = api.people.add_organisation(&Steward::of(&caller), &form.name).await?;
    Ok(Created { location: format!("/api/admin/companies/{}", tenant.id), body: TenantView::of(tenant, Vec::new()) })
}

/// `GET /api/admin/companies/{company}`
async fn read(api: Api, Caller(caller): Caller, At(id): At<TenantId>) -> Result<Json<TenantView>, ApiError> {
    let by = Steward::of(&caller);
    let tenant = api.people.organisation(&by, &id.to_string()).await?;
    Ok(Json(view(&api, &by, tenant).await?))
}

/// `PATCH /api/admin/companies/{company}`
async fn rename(
    api: Api,
    Caller(caller): Caller,
    At(id): At<TenantId>,
    Body(form): Body<CompanyName>,
) -> Result<Json<TenantView>, ApiError> {
    let by = Steward::of(&caller);
    let tenant = api.people.rename_organisation(&by, id, &form.name).await?;
    Ok(Json(view(&api, &by, tenant).await?))
}

/// `GET /api/admin/metrics`
async fn metrics(api: Api, Caller(caller): Caller) -> Result<Json<InstallationMetrics>, ApiError> {
    let it = api.people.census(&Steward::of(&caller)).await?;
    Ok(Json(InstallationMetrics {
        tenants: it.tenants,
        tenants_closed: it.tenants_closed,
        users: it.users,
        users_disabled: it.users_disabled,
        memberships: it.memberships,
        api_keys: it.api_keys,
    }))
}

macro_rules! moves {
    ($($(#[$doc:meta])* $name:ident => $service:ident $(, $form:ident)?;)*) => { $(
        $(#[$doc])*
        async fn $name(
            api: Api,
            Caller(caller): Caller,
            At(id): At<TenantId>,
            $(Body($form): Body<Reason>,)?
        ) -> Result<Json<TenantView>, ApiError> {
            let by = Steward::of(&caller);
            let tenant = api.people.$service(&by, id $(, &$form.reason)?).await?;
            Ok(Json(view(&api, &by, tenant).await?))
        }
    )* };
}

moves! {
    /// `POST /api/admin/companies/{company}/suspend`
    suspend => suspend, form;
    /// `POST /api/admin/companies/{company}/resume`
    resume => resume;
    /// `POST /api/admin/companies/{company}/hold`
    hold => hold, form;
    /// `POST /api/admin/companies/{company}/release`
    release => release;
    /// `POST /api/admin/companies/{company}/deletion`
    ask_deletion => ask_deletion_of, form;
    /// `POST /api/admin/companies/{company}/deletion/confirm`
    confirm_deletion => confirm_deletion_of;
    /// `DELETE /api/admin/companies/{company}/deletion`
    cancel_deletion => cancel_deletion_of;
}
