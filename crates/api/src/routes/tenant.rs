//! `/api/tenant`: the organisation that the caller acts for, its figures, its data, its end.

use crate::answer::{Accepted, Download, Json};
use crate::api::Api;
use crate::call::Asked;
use crate::extract::Body;
use crate::operation::Operation;
use crate::problem::ApiError;
use crate::routing::Routes;
use fedatario_app::identity::organisations::EXPORT_FAILED;
use fedatario_app::identity::tenancy::Tenant;
use fedatario_app::identity::welcome::Welcome;
use fedatario_app::model::JobState;
use fedatario_base::{Code, Permission, Scope};
use futures_util::StreamExt;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Dead jobs that the dashboard counts at most.
const DEAD_COUNTED_AT_MOST: u32 = 500;

const LEAVING: &[Code] = &[Code::TenantState, Code::LegalHold, Code::SecondPerson, Code::ReasonRequired];

/// The operations of this module.
pub fn routes() -> Routes {
    Routes::of("tenant")
        .add(Operation::get("/api/tenant", "tenant.read", "The organisation that the caller acts for").signed_in(), read)
        .add(
            Operation::get("/api/tenant/dashboard", "tenant.dashboard", "Figures of the organisation")
                .needs(Permission::TaxpayerRead),
            dashboard,
        )
        .add(
            Operation::get("/api/tenant/export", "tenant.export", "All data of the organisation, as NDJSON")
                .needs(Permission::DataExport)
                .step_up()
                .notes(
                    "One line for each row: `table` and `row`. The first line says what it is, the last how many came; without \
                     the last it is not whole. Keys and what opens something are left out.",
                )
                .audits("tenant.data_exported"),
            export,
        )
        .add(
            Operation::post("/api/tenant/mail/test", "tenant.test_mail", "Mails somebody a word: does mail arrive?")
                .needs(Permission::SettingsManage)
                .audits("mail.tested")
                .refuses(&[Code::FieldInvalid, Code::TooManyAttempts])
                .notes("The job tells what became of it: `mail_unconfigured`, `mail_unavailable`, `mail_refused`, or done.")
                .example(r#"{"to":"ana@example.com"}"#),
            test_mail,
        )
        .add(
            Operation::post("/api/tenant/deletion", "tenant.ask_deletion", "Asks for the deletion of all data")
                .needs(Permission::DataDelete)
                .step_up()
                .idempotency_ignored()
                .notes("Another person confirms it; from then on nobody comes in, and thirty days later all is destroyed.")
                .audits("tenant.deletion_asked")
                .changes()
                .refuses(LEAVING)
                .example(r#"{"reason":"cierre del despacho"}"#),
            ask_deletion,
        )
        .add(
            Operation::post(
                "/api/tenant/deletion/confirm",
                "tenant.confirm_deletion",
                "Confirms a deletion that another person asked for",
            )
            .needs(Permission::DataDelete)
            .step_up()
            .idempotency_ignored()
            .audits("tenant.deletion_confirmed")
            .changes()
            .refuses(LEAVING),
            confirm_deletion,
        )
        .add(
            Operation::delete("/api/tenant/deletion", "tenant.cancel_deletion", "Calls a deletion off that is not confirmed yet")
                .needs(Permission::DataDelete)
                .audits("tenant.deletion_cancelled")
                .changes()
                .refuses(LEAVING),
            cancel_deletion,
        )
}

/// A deletion on its way.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Leaving)]
pub struct LeavingView {
    /// The actor who asked for it.
    asked_by: String,
    /// The actor who confirmed it; null while nobody has.
    confirmed_by: Option<String>,
    /// When all will be destroyed, once it is confirmed.
    #[schema(value_type = String, format = DateTime)]
    at: jiff::Timestamp,
}

/// How many taxpayers are in a world.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = World)]
pub struct WorldView {
    /// `sandbox` or `production`.
    environment: String,
    /// Taxpayers.
    taxpayers: u64,
}

/// An organisation.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Tenant)]
pub struct TenantView {
    /// Which.
    pub(super) id: String,
    /// Its name.
    name: String,
    /// `active`, `suspended`, `leaving` or `gone`.
    state: &'static str,
    /// Why it is in that state.
    reason: Option<String>,
    /// The worlds that its taxpayers are in.
    environments: Vec<WorldView>,
    /// Its deletion, if one was asked for.
    deletion: Option<LeavingView>,
    /// Why nothing of it may be destroyed.
    legal_hold: Option<String>,
    /// Since when it is here.
    #[schema(value_type = String, format = DateTime)]
    created_at: jiff::Timestamp,
}

impl TenantView {
    /// An organisation and the worlds of its taxpayers.
    pub(super) fn of(it: Tenant, worlds: Vec<(String, u64)>) -> Self {
        Self {
            id: it.id.to_string(),
            name: it.name,
            state: it.state.text(),
            reason: it.reason,
            environments: worlds.into_iter().map(|(environment, taxpayers)| WorldView { environment, taxpayers }).collect(),
            deletion: it.leaving.map(|it| LeavingView { asked_by: it.by, confirmed_by: it.confirmed_by, at: it.at }),
            legal_hold: it.legal_hold,
            created_at: it.created,
        }
    }
}

/// Figures of an organisation.
#[derive(Debug, Serialize, ToSchema)]
pub struct Dashboard {
    /// The organisation.
    tenant: TenantView,
    /// Jobs that wait for a person, counted up to 500.
    dead_jobs: u32,
    /// Entries of the audit chain.
    audit_entries: u64,
}

/// Why.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Reason {
    /// In 1 to 512 bytes; kept with the organisation, its digest in the chain.
    #[schema(max_length = 512)]
    pub(super) reason: String,
}

async fn view(api: &Api, scope: &Scope) -> Result<TenantView, ApiError> {
    let (tenant, worlds) = api.people.own_organisation(scope).await?;
    Ok(TenantView::of(tenant, worlds))
}

/// `GET /api/tenant`
async fn read(api: Api, scope: Scope) -> Result<Json<TenantView>, ApiError> {
    Ok(Json(view(&api, &scope).await?))
}

/// `GET /api/tenant/dashboard`
async fn dashboard(api: Api, scope: Scope) -> Result<Json<Dashboard>, ApiError> {
    let tenant = view(&api, &scope).await?;
    let mut tx = api.app.store.read(&scope).await?;
    let dead = tx.jobs(Some(JobState::Dead), None, DEAD_COUNTED_AT_MOST).await?.len();
    Ok(Json(Dashboard { tenant, dead_jobs: u32::try_from(dead).unwrap_or(u32::MAX), audit_entries: tx.audit_head().await?.n }))
}

/// `GET /api/tenant/export`
async fn export(api: Api, scope: Scope) -> Result<Download, ApiError> {
    let rows = api.people.export_data(&scope).await?;
    let head = format!("{{\"format\":\"fedatario.tenant.v1\",\"tenant\":\"{}\"}}\n", scope.tenant());
    let lines = futures_util::stream::unfold((rows, Some(head), 0_u64, false), |(mut rows, head, count, over)| async move {
        if let Some(head) = head {
            return Some((Ok::<_, std::io::Error>(head), (rows, None, count, false)));
        }
        if over {
            return None;
        }
        match rows.recv().await {
            // A connection that breaks says that it is not whole; a last line would not.
            Some((table, _)) if table == EXPORT_FAILED => {
                Some((Err(std::io::Error::other("the export broke off")), (rows, None, count, true)))
            }
            Some((table, row)) => Some((Ok(format!("{{\"table\":\"{table}\",\"row\":{row}}}\n")), (rows, None, count + 1, false))),
            None => Some((Ok(format!("{{\"rows\":{count}}}\n")), (rows, None, count, true))),
        }
    });
    let name = format!("{}.ndjson", scope.tenant());
    Ok(Download { media: "application/x-ndjson", name, body: axum::body::Body::from_stream(lines.boxed()) })
}

/// `POST /api/tenant/deletion`
async fn ask_deletion(api: Api, scope: Scope, Body(form): Body<Reason>) -> Result<Json<TenantView>, ApiError> {
    api.people.ask_deletion(&scope, &form.reason).await?;
    Ok(Json(view(&api, &scope).await?))
}

/// `POST /api/tenant/deletion/confirm`
async fn confirm_deletion(api: Api, scope: Scope) -> Result<Json<TenantView>, ApiError> {
    api.people.confirm_deletion(&scope).await?;
    Ok(Json(view(&api, &scope).await?))
}

/// `DELETE /api/tenant/deletion`
async fn cancel_deletion(api: Api, scope: Scope) -> Result<Json<TenantView>, ApiError> {
    api.people.cancel_deletion(&scope).await?;
    Ok(Json(view(&api, &scope).await?))
}

/// Whom to mail.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = MailTest)]
pub struct MailTestForm {
    /// Their address of mail.
    #[schema(max_length = 254)]
    to: String,
}

/// A mail on its way.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = MailOnItsWay)]
pub struct MailJobView {
    /// The job that sends it.
    job: String,
    /// Whether mail leaves this installation at all.
    is_configured: bool,
}

/// `POST /api/tenant/mail/test`
async fn test_mail(
    api: Api,
    asked: Asked,
    scope: Scope,
    Body(form): Body<MailTestForm>,
) -> Result<Accepted<MailJobView>, ApiError> {
    let welcome = Welcome { people: &api.people, identity: &api.identity };
    let job = welcome.test_mail(&scope, &form.to, &asked.origin).await?.to_string();
    let is_configured = api.people.outside.has_mail;
    Ok(Accepted { location: format!("/api/jobs/{job}"), body: MailJobView { job, is_configured } })
}
