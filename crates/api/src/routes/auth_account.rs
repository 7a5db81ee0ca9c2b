//! `/api/auth`: one's own account: who one is, sessions, history, second factors, password, address.

use super::auth::{AccessView, TenantView, proof_of, shown};
use super::recovery::FactorRecoveryView;
use crate::answer::{Created, Json, Nothing};
use crate::api::Api;
use crate::call::Asked;
use crate::extract::{At, Body, Caller};
use crate::operation::Operation;
use crate::problem::ApiError;
use crate::routing::Routes;
use fedatario_app::identity::account::HISTORY_MOST;
use fedatario_app::identity::door::Means;
use fedatario_app::identity::factors::ConfirmedFactor;
use fedatario_app::identity::model::{Factor, LoginRecord, Session};
use fedatario_base::id::{FactorId, SessionId};
use fedatario_base::{Code, Secret};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The operations of this module.
pub fn routes() -> Routes {
    sessions(factors(Routes::of("identity")))
        .add(
            Operation::get("/api/auth/me", "auth.me", "Who the caller is, where they may go and what they may do")
                .signed_in()
                .refuses(&[Code::SessionRequired]),
            me,
        )
        .add(
            Operation::post("/api/auth/password", "auth.password.change", "Changes one's own password; other sessions end")
                .signed_in()
                .idempotency_ignored()
                .audits("auth.password.changed")
                .refuses(PASSWORD_REFUSALS)
                .example(r#"{"current":"el tren sale tarde hoy","new":"mañana pasa otro a las seis"}"#),
            change_password,
        )
        .add(
            Operation::post("/api/auth/password/reset", "auth.password.ask_reset", "Mails a link for another password")
                .anyone()
                .notes("The answer is the same whether anybody has that address.")
                .refuses(&[Code::TooManyAttempts])
                .example(r#"{"email":"ana@empresa.mx"}"#),
            ask_reset,
        )
        .add(
            Operation::post(
                "/api/auth/password/reset/confirm",
                "auth.password.reset",
                "Sets a password by a mailed link; all sessions end",
            )
            .anyone()
            .notes("Whoever has a second factor is asked for it here too. Nobody is let in by this.")
            .audits("auth.password.reset")
            .refuses(&[
                Code::OneTimeRefused,
                Code::MfaRequired,
                Code::MfaRefused,
                Code::TooManyAttempts,
                Code::PasswordShort,
                Code::PasswordLong,
                Code::PasswordWeak,
                Code::Busy,
            ])
            .example(r#"{"token":"fed_reset_…","password":"mañana pasa otro a las seis","code":"123456"}"#),
            reset,
        )
        .add(
            Operation::post("/api/auth/email", "auth.email.ask_change", "Mails a link to another address of one's own")
                .signed_in()
                .idempotency_ignored()
                .audits("auth.email.change_asked")
                .refuses(&[Code::SessionRequired, Code::StepUpRequired, Code::EmailFormat, Code::TooManyAttempts])
                .example(r#"{"email":"ana.perez@empresa.mx"}"#),
            ask_email_change,
        )
        .add(
            Operation::post("/api/auth/email/confirm", "auth.email.change", "Takes on the address that the link was mailed to")
                .anyone()
                .audits("auth.email.changed")
                .changes()
                .refuses(&[Code::OneTimeRefused])
                .example(r#"{"token":"fed_email_…"}"#),
            change_email,
        )
}

const PASSWORD_REFUSALS: &[Code] = &[
    Code::SessionRequired,
    Code::StepUpRequired,
    Code::LoginRefused,
    Code::TooManyAttempts,
    Code::PasswordShort,
    Code::PasswordLong,
    Code::PasswordWeak,
    Code::Busy,
];

fn sessions(routes: Routes) -> Routes {
    routes
        .add(
            Operation::get("/api/auth/sessions", "auth.sessions.list", "One's own sessions, with device and last use")
                .signed_in()
                .refuses(&[Code::SessionRequired]),
            list_sessions,
        )
        .add(
            Operation::delete("/api/auth/sessions/{session}", "auth.sessions.close", "Ends one of one's own sessions")
                .signed_in()
                .audits("auth.session.closed")
                .refuses(&[Code::SessionRequired, Code::NotFound, Code::IdFormat]),
            close_session,
        )
        .add(
            Operation::post(
                "/api/auth/sessions/close-others",
                "auth.sessions.close_others",
                "Ends all of one's own sessions but this one",
            )
            .signed_in()
            .idempotency_ignored()
            .audits("auth.session.others_closed")
            .refuses(&[Code::SessionRequired]),
            close_others,
        )
        .add(
            Operation::get("/api/auth/history", "auth.history", "What happened at one's own account, the newest first")
                .signed_in()
                .refuses(&[Code::SessionRequired]),
            history,
        )
}

fn factors(routes: Routes) -> Routes {
    routes
        .add(
            Operation::get("/api/auth/factors", "auth.factors.list", "One's own second factors")
                .signed_in()
                .refuses(&[Code::SessionRequired]),
            list_factors,
        )
        .add(
            Operation::post("/api/auth/factors/totp", "auth.factors.begin", "Begins a factor of codes by time, with its QR code")
                .signed_in()
                .notes("The first needs a login of the last five minutes, any other a step-up.")
                .idempotency_ignored()
                .answers_secret()
                .refuses(&[Code::SessionRequired, Code::StepUpRequired, Code::FactorState])
                .example(r#"{"label":"Teléfono"}"#),
            begin_totp,
        )
        .add(
            Operation::post(
                "/api/auth/factors/{factor}/confirm",
                "auth.factors.confirm",
                "Proves a factor that was begun; other sessions end",
            )
            .signed_in()
            .notes("With the first factor come ten recovery codes, which are shown this once.")
            .idempotency_ignored()
            .answers_secret()
            .audits("auth.factor.added")
            .refuses(&[Code::SessionRequired, Code::MfaRefused, Code::TooManyAttempts, Code::NotFound, Code::IdFormat])
            .example(r#"{"code":"123456"}"#),
            confirm_factor,
        )
        .add(
            Operation::delete(
                "/api/auth/factors/{factor}",
                "auth.factors.remove",
                "Takes one of one's own factors away; other sessions end",
            )
            .signed_in()
            .step_up()
            .audits("auth.factor.removed")
            .changes()
            .refuses(&[Code::SessionRequired, Code::FactorState, Code::NotFound, Code::IdFormat]),
            remove_factor,
        )
        .add(
            Operation::post("/api/auth/recovery-codes", "auth.recovery_codes.make", "Ten recovery codes in place of the last ones")
                .signed_in()
                .step_up()
                .idempotency_ignored()
                .answers_secret()
                .audits("auth.recovery_codes.made")
                .refuses(&[Code::SessionRequired, Code::FactorState]),
            new_recovery_codes,
        )
}

/// Who the caller is.
#[derive(Debug, Serialize, ToSchema)]
struct AccountView {
    user_id: String,
    email: String,
    name: String,
    /// `es` or `en`.
    language: String,
    /// The tenant of this token.
    tenant_id: String,
    /// Where the caller may go.
    tenants: Vec<TenantView>,
    /// What they may do with this token, in the tenant and on the installation.
    permissions: Vec<&'static str>,
    /// Whether a second factor is enrolled.
    mfa_enrolled: bool,
    /// Whether some of the caller's roles count only once a second factor is enrolled.
    mfa_enrolment_required: bool,
    /// Whether a factor was proven within the last minutes.
    is_stepped_up: bool,
    session_id: String,
}

/// `GET /api/auth/me`
async fn me(api: Api, Caller(caller): Caller) -> Result<Json<AccountView>, ApiError> {
    let it = api.identity.account(&caller).await?;
    let session_id = match caller.means {
        Means::Session { session, .. } => session.to_string(),
        Means::Key { .. } => return Err(ApiError::new(Code::SessionRequired)),
    };
    let permissions = caller.scope.permissions().iter().chain(&caller.platform).map(|it| it.text()).collect();
    Ok(Json(AccountView {
        user_id: it.user.id.to_string(),
        email: it.user.email,
        name: it.user.name,
        language: it.user.language,
        tenant_id: caller.scope.tenant().to_string(),
        tenants: it.tenants.into_iter().map(TenantView::of).collect(),
        permissions,
        mfa_enrolled: it.has_factor,
        mfa_enrolment_required: it.lacks_second_factor,
        is_stepped_up: caller.is_stepped_up,
        session_id,
    }))
}

/// A session of the caller.
#[derive(Debug, Serialize, ToSchema)]
struct SessionView {
    session_id: String,
    /// Whether it is the one that asks.
    is_this: bool,
    tenant_id: Option<String>,
    #[schema(value_type = String, format = DateTime)]
    created_at: jiff::Timestamp,
    #[schema(value_type = String, format = DateTime)]
    last_used_at: jiff::Timestamp,
    #[schema(value_type = String, format = DateTime)]
    expires_at: jiff::Timestamp,
    /// How its person came in (RFC 8176).
    methods: Vec<String>,
    /// From where it was last used.
    address: String,
    /// With what it was last used.
    user_agent: String,
}

impl SessionView {
    fn of(it: Session, this: Option<SessionId>) -> Self {
        Self {
            session_id: it.id.to_string(),
            is_this: this == Some(it.id),
            tenant_id: it.tenant.map(|it| it.to_string()),
            created_at: it.created,
            last_used_at: it.used,
            expires_at: it.expires,
            methods: it.methods.split(' ').map(str::to_owned).collect(),
            address: it.address,
            user_agent: it.user_agent,
        }
    }
}

/// Sessions of the caller.
#[derive(Debug, Serialize, ToSchema)]
struct SessionsView {
    data: Vec<SessionView>,
}

/// `GET /api/auth/sessions`
async fn list_sessions(api: Api, Caller(caller): Caller) -> Result<Json<SessionsView>, ApiError> {
    let this = match caller.means {
        Means::Session { session, .. } => Some(session),
        Means::Key { .. } => None,
    };
    let all = api.identity.sessions(&caller).await?;
    Ok(Json(SessionsView { data: all.into_iter().map(|it| SessionView::of(it, this)).collect() }))
}

/// `DELETE /api/auth/sessions/{session}`
async fn close_session(api: Api, Caller(caller): Caller, At(session): At<SessionId>) -> Result<Nothing, ApiError> {
    api.identity.close_session(&caller, session).await?;
    Ok(Nothing)
}

/// How many sessions were ended.
#[derive(Debug, Serialize, ToSchema)]
struct ClosedView {
    closed: u64,
}

/// `POST /api/auth/sessions/close-others`
async fn close_others(api: Api, Caller(caller): Caller) -> Result<Json<ClosedView>, ApiError> {
    Ok(Json(ClosedView { closed: api.identity.close_other_sessions(&caller).await? }))
}

/// Something that happened at the caller's account.
#[derive(Debug, Serialize, ToSchema)]
struct HistoryView {
    #[schema(value_type = String, format = DateTime)]
    at: jiff::Timestamp,
    /// What.
    event: String,
    address: String,
    user_agent: String,
    session_id: Option<String>,
}

impl From<LoginRecord> for HistoryView {
    fn from(it: LoginRecord) -> Self {
        let (event, session_id) = (it.event.text().to_owned(), it.session.map(|it| it.to_string()));
        Self { at: it.at, event, address: it.address, user_agent: it.user_agent, session_id }
    }
}

/// What happened at the caller's account.
#[derive(Debug, Serialize, ToSchema)]
struct HistoriesView {
    data: Vec<HistoryView>,
}

/// `GET /api/auth/history`
async fn history(api: Api, Caller(caller): Caller) -> Result<Json<HistoriesView>, ApiError> {
    let all = api.identity.history(&caller, HISTORY_MOST).await?;
    Ok(Json(HistoriesView { data: all.into_iter().map(HistoryView::from).collect() }))
}

/// A second factor of the caller.
#[derive(Debug, Serialize, ToSchema)]
struct FactorView {
    factor_id: String,
    /// `totp` or `passkey`.
    kind: String,
    label: String,
    /// `pending`, `active` or `suspended`.
    state: String,
    #[schema(value_type = String, format = DateTime)]
    created_at: jiff::Timestamp,
    #[schema(value_type = Option<String>, format = DateTime)]
    last_used_at: Option<jiff::Timestamp>,
}

impl From<Factor> for FactorView {
    fn from(it: Factor) -> Self {
        Self {
            factor_id: it.id.to_string(),
            kind: it.kind.text().to_owned(),
            label: it.label,
            state: it.state.text().to_owned(),
            created_at: it.created,
            last_used_at: it.used,
        }
    }
}

/// Second factors of the caller.
#[derive(Debug, Serialize, ToSchema)]
struct FactorsView {
    data: Vec<FactorView>,
    /// Recovery codes that were not used yet.
    recovery_codes_left: u32,
    /// The recovery of one's factors that is on its way, if an administrator began one.
    recovery: Option<FactorRecoveryView>,
}

/// `GET /api/auth/factors`
async fn list_factors(api: Api, Caller(caller): Caller) -> Result<Json<FactorsView>, ApiError> {
    let (all, recovery_codes_left) = api.identity.factors(&caller).await?;
    let recovery = api.identity.own_recovery(&caller).await?.map(|it| FactorRecoveryView::of(it, &caller.scope));
    Ok(Json(FactorsView { data: all.into_iter().map(FactorView::from).collect(), recovery_codes_left, recovery }))
}

/// A factor to begin.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct FactorForm {
    /// What its owner calls it.
    #[serde(default)]
    pub(super) label: String,
}

/// What an authenticator is given.
#[derive(Serialize, ToSchema)]
struct BegunView {
    factor_id: String,
    /// `otpauth://totp/…`
    uri: String,
    /// The secret in base32, for those who type.
    secret: String,
    /// The address as a QR code: SVG.
    qr_svg: String,
}

/// `POST /api/auth/factors/totp`
async fn begin_totp(api: Api, Caller(caller): Caller, Body(form): Body<FactorForm>) -> Result<Created<BegunView>, ApiError> {
    let it = api.identity.begin_totp(&caller, &form.label).await?;
    let (uri, secret, qr_svg) = (shown(&it.enrolment.uri)?, shown(&it.enrolment.typed)?, shown(&it.enrolment.qr)?);
    let location = format!("/api/auth/factors/{}", it.id);
    Ok(Created { location, body: BegunView { factor_id: it.id.to_string(), uri, secret, qr_svg } })
}

/// Six digits of the factor that was begun.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ConfirmForm {
    /// Six digits.
    code: String,
}

/// A factor that counts now.
#[derive(Serialize, ToSchema)]
pub(super) struct ConfirmedView {
    /// A token that knows of the factor.
    #[serde(flatten)]
    access: AccessView,
    /// Recovery codes, with the first factor; shown this once.
    recovery_codes: Vec<String>,
}

impl ConfirmedView {
    pub(super) fn of(it: &ConfirmedFactor) -> Result<Self, ApiError> {
        let recovery_codes = it.recovery_codes.iter().map(shown).collect::<Result<_, _>>()?;
        Ok(Self { access: AccessView::of(&it.access)?, recovery_codes })
    }
}

/// `POST /api/auth/factors/{factor}/confirm`
async fn confirm_factor(
    api: Api,
    asked: Asked,
    Caller(caller): Caller,
    At(factor): At<FactorId>,
    Body(form): Body<ConfirmForm>,
) -> Result<Json<ConfirmedView>, ApiError> {
    let it = api.identity.confirm_totp(&caller, factor, &Secret::new(form.code), &asked.origin).await?;
    Ok(Json(ConfirmedView::of(&it)?))
}

/// `DELETE /api/auth/factors/{factor}`
async fn remove_factor(api: Api, asked: Asked, Caller(caller): Caller, At(factor): At<FactorId>) -> Result<Nothing, ApiError> {
    api.identity.remove_factor(&caller, factor, &asked.origin).await?;
    Ok(Nothing)
}

/// Recovery codes, shown this once.
#[derive(Serialize, ToSchema)]
struct RecoveryView {
    recovery_codes: Vec<String>,
}

/// `POST /api/auth/recovery-codes`
async fn new_recovery_codes(api: Api, asked: Asked, Caller(caller): Caller) -> Result<Json<RecoveryView>, ApiError> {
    let codes = api.identity.new_recovery_codes(&caller, &asked.origin).await?;
    Ok(Json(RecoveryView { recovery_codes: codes.iter().map(shown).collect::<Result<_, _>>()? }))
}

/// The last password and the next.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct PasswordForm {
    /// The one in force.
    current: String,
    /// 12 to 128 characters.
    new: String,
}

/// `POST /api/auth/password`
async fn change_password(
    api: Api,
    asked: Asked,
    Caller(caller): Caller,
    Body(form): Body<PasswordForm>,
) -> Result<Nothing, ApiError> {
    let (current, new) = (Secret::new(form.current), Secret::new(form.new));
    api.identity.change_password(&caller, &current, &new, &asked.origin).await?;
    Ok(Nothing)
}

/// An address of mail.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct EmailForm {
    /// The address.
    email: String,
}

/// `POST /api/auth/password/reset`
async fn ask_reset(api: Api, asked: Asked, Body(form): Body<EmailForm>) -> Result<Nothing, ApiError> {
    api.identity.request_reset(&form.email, &asked.origin).await?;
    Ok(Nothing)
}

/// A mailed token and the next password.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ResetForm {
    /// The token of the link.
    token: String,
    /// 12 to 128 characters.
    password: String,
    /// Six digits, where there is a second factor.
    code: Option<String>,
    /// A recovery code, in place of the six digits.
    recovery_code: Option<String>,
}

/// `POST /api/auth/password/reset/confirm`
async fn reset(api: Api, asked: Asked, Body(form): Body<ResetForm>) -> Result<Nothing, ApiError> {
    let proof = proof_of(form.code, form.recovery_code)?;
    api.identity.reset_password(&form.token, &Secret::new(form.password), proof, &asked.origin).await?;
    Ok(Nothing)
}

/// `POST /api/auth/email`
async fn ask_email_change(
    api: Api,
    asked: Asked,
    Caller(caller): Caller,
    Body(form): Body<EmailForm>,
) -> Result<Nothing, ApiError> {
    api.identity.request_email_change(&caller, &form.email, &asked.origin).await?;
    Ok(Nothing)
}

/// A mailed token.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct TokenForm {
    /// The token of the link.
    token: String,
}

/// `POST /api/auth/email/confirm`
async fn change_email(api: Api, asked: Asked, Body(form): Body<TokenForm>) -> Result<Nothing, ApiError> {
    api.identity.confirm_email_change(&form.token, &asked.origin).await?;
    Ok(Nothing)
}
