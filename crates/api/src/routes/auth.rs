//! `/api/auth`: coming in, going on, leaving; the first owner; the published keys.
//!
//! What is wrong with a password, an address or a code is never told apart beyond what the service
//! tells; nothing secret is ever in an address.

use crate::answer::{Answer, Json, Nothing, json_response};
use crate::api::Api;
use crate::call::{Asked, Call};
use crate::describe::Description;
use crate::extract::{Body, Caller};
use crate::operation::Operation;
use crate::problem::ApiError;
use crate::routing::Routes;
use axum::http::header::CACHE_CONTROL;
use axum::http::{HeaderValue, StatusCode};
use axum::response::Response;
use fedatario_app::identity::bootstrap::OwnerForm;
use fedatario_app::identity::login::{LoggedIn, LoginForm, Proof};
use fedatario_app::identity::model::Membership;
use fedatario_app::identity::signing::CACHE_PERIOD;
use fedatario_app::identity::tokens::{AccessToken, Entered, Tokens};
use fedatario_base::id::TenantId;
use fedatario_base::{Code, Secret};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;

/// The operations of this module.
pub fn routes() -> Routes {
    Routes::of("identity")
        .add(
            Operation::post("/api/auth/bootstrap", "auth.bootstrap", "Makes the first owner, by the link of the host's shell")
                .anyone()
                .answers_secret()
                .audits("auth.bootstrap.done")
                .refuses(&[Code::OneTimeRefused, Code::EmailFormat, Code::PasswordShort, Code::PasswordLong, Code::PasswordWeak, Code::Busy])
                .example(r#"{"token":"fed_owner_…","email":"ana@empresa.mx","name":"Ana","password":"el tren sale tarde hoy"}"#),
            bootstrap,
        )
        .add(
            Operation::post("/api/auth/login", "auth.login", "Comes in by address and password")
                .anyone()
                .notes("With a second factor the answer is `mfa_required` and a token for `POST /api/auth/mfa/verify`.")
                .answers_secret()
                .audits("auth.session.started")
                .refuses(&[Code::LoginRefused, Code::TooManyAttempts, Code::TenantMismatch, Code::Busy])
                .example(r#"{"email":"ana@empresa.mx","password":"el tren sale tarde hoy"}"#),
            login,
        )
        .add(
            Operation::post("/api/auth/mfa/verify", "auth.mfa.verify", "Comes in by the second factor")
                .anyone()
                .answers_secret()
                .audits("auth.session.started")
                .refuses(&[Code::MfaRefused, Code::TooManyAttempts, Code::TenantMismatch])
                .example(r#"{"mfa_token":"fed_mfa_…","code":"123456"}"#),
            verify_mfa,
        )
        .add(
            Operation::post("/api/auth/refresh", "auth.refresh", "The next pair of tokens for the last one")
                .anyone()
                .notes("Each refresh token is good once. The same one again within ten seconds, from the same place, gets the same answer.")
                .answers_secret()
                .refuses(&[Code::RefreshRefused])
                .example(r#"{"refresh_token":"fed_rt_…"}"#),
            refresh,
        )
        .add(
            Operation::post("/api/auth/logout", "auth.logout", "Ends this session")
                .signed_in()
                .idempotency_ignored()
                .audits("auth.session.ended")
                .refuses(&[Code::SessionRequired, Code::NotFound]),
            logout,
        )
        .add(
            Operation::post("/api/auth/switch", "auth.switch", "Goes on in another of the caller's tenants")
                .signed_in()
                .idempotency_ignored()
                .answers_secret()
                .audits("auth.session.switched")
                .refuses(&[Code::SessionRequired, Code::NotFound, Code::IdFormat])
                .example(r#"{"tenant_id":"ten_01h455vb4pex5vsknk084sn02q"}"#),
            switch,
        )
        .add(
            Operation::post("/api/auth/step-up", "auth.step_up", "Proves a second factor again, for acts that ask for it")
                .signed_in()
                .idempotency_ignored()
                .answers_secret()
                .audits("auth.session.stepped_up")
                .refuses(&[Code::SessionRequired, Code::MfaRefused, Code::TooManyAttempts])
                .example(r#"{"code":"123456"}"#),
            step_up,
        )
        .add(Operation::get("/.well-known/jwks.json", "auth.keys", "The keys that sign access tokens").anyone(), keys)
}

/// Whoever owns the link.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct BootstrapForm {
    /// The token of the link.
    token: String,
    /// Address of mail.
    email: String,
    /// What others call the owner.
    #[serde(default)]
    name: String,
    /// Password, 12 to 128 characters.
    password: String,
    /// `es` or `en`.
    #[serde(default)]
    language: String,
}

/// Address and password.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Credentials {
    /// Address of mail.
    email: String,
    /// Password.
    password: String,
    /// The tenant to come into; the last one used if none is named.
    tenant_id: Option<String>,
    /// What this machine was given when it came in before.
    device_token: Option<String>,
}

/// The second factor of a login.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct MfaForm {
    /// What stands for the password.
    mfa_token: String,
    /// Six digits.
    code: Option<String>,
    /// A recovery code, in place of the six digits.
    recovery_code: Option<String>,
}

/// A refresh token.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct RefreshForm {
    /// The last one.
    refresh_token: String,
}

/// A tenant to go on in.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct SwitchForm {
    /// Which.
    tenant_id: String,
}

/// A second factor.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ProofForm {
    /// Six digits.
    code: Option<String>,
    /// A recovery code, in place of the six digits.
    recovery_code: Option<String>,
}

/// A tenant of the caller.
#[derive(Debug, Serialize, ToSchema)]
pub struct TenantView {
    /// Which.
    tenant_id: String,
    /// Its name.
    name: String,
}

/// An access token.
#[derive(Debug, Serialize, ToSchema)]
pub struct AccessView {
    /// The token, for `Authorization: Bearer`.
    access_token: String,
    /// `Bearer`.
    token_type: &'static str,
    /// Seconds for which it is good.
    expires_in: i64,
    /// The tenant that it is for.
    tenant_id: Option<String>,
}

/// An access token and what fetches the next.
#[derive(Debug, Serialize, ToSchema)]
pub struct TokensView {
    /// The access token.
    #[serde(flatten)]
    access: AccessView,
    /// Good once.
    refresh_token: String,
    /// When this session ends, however often it is refreshed.
    #[schema(value_type = String, format = DateTime)]
    session_expires_at: jiff::Timestamp,
    /// The session.
    session_id: String,
}

/// Somebody who came in.
#[derive(Debug, Serialize, ToSchema)]
pub struct EnteredView {
    /// False: there is nothing more to prove.
    mfa_required: bool,
    /// The tokens.
    #[serde(flatten)]
    tokens: TokensView,
    /// Where the caller may go.
    tenants: Vec<TenantView>,
    /// For the next login from this machine, if it was not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    device_token: Option<String>,
    /// Whether some of the caller's roles count only once a second factor is enrolled.
    mfa_enrolment_required: bool,
}

/// A password was right, and a second factor is asked for.
#[derive(Debug, Serialize, ToSchema)]
pub struct MfaView {
    /// True.
    mfa_required: bool,
    /// Stands for the password at `POST /api/auth/mfa/verify`.
    mfa_token: String,
    /// Seconds for which it is good.
    expires_in: i64,
    /// What may be proven: `totp`, `passkey`, `recovery_code`.
    kinds: Vec<&'static str>,
}

/// What a good password leads to.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
pub enum LoginView {
    /// In.
    Entered(Box<EnteredView>),
    /// To the second factor.
    Mfa(MfaView),
}

/// The text of a secret that its owner is given now.
pub(super) fn shown(secret: &Secret) -> Result<String, ApiError> {
    secret.expose_str().map(str::to_owned).ok_or_else(|| ApiError::new(Code::Internal).because("a secret is no text"))
}

/// Six digits or a recovery code; not both, not neither.
pub(super) fn proof_of(code: Option<String>, recovery_code: Option<String>) -> Result<Option<Proof>, ApiError> {
    match (code, recovery_code) {
        (Some(code), None) => Ok(Some(Proof::Code(Secret::new(code)))),
        (None, Some(code)) => Ok(Some(Proof::Recovery(Secret::new(code)))),
        (None, None) => Ok(None),
        (Some(_), Some(_)) => Err(ApiError::field("/recovery_code", Code::FieldInvalid)),
    }
}

fn proof(code: Option<String>, recovery_code: Option<String>) -> Result<Proof, ApiError> {
    proof_of(code, recovery_code)?.ok_or_else(|| ApiError::field("/code", Code::FieldMissing))
}

fn tenant_of(text: &str) -> Result<TenantId, ApiError> {
    text.parse().map_err(|_| ApiError::field("/tenant_id", Code::IdFormat))
}

impl TenantView {
    /// By id and name.
    pub(super) fn named(id: TenantId, name: String) -> Self {
        Self { tenant_id: id.to_string(), name }
    }

    /// As a member sees it.
    pub(super) fn of(it: Membership) -> Self {
        Self { tenant_id: it.tenant.to_string(), name: it.tenant_name }
    }
}

impl AccessView {
    /// As its owner is given it.
    pub(super) fn of(it: &AccessToken) -> Result<Self, ApiError> {
        let tenant_id = it.tenant.map(|it| it.to_string());
        Ok(Self { access_token: shown(&it.token)?, token_type: "Bearer", expires_in: it.expires_in_s, tenant_id })
    }
}

impl TokensView {
    fn of(it: &Tokens) -> Result<Self, ApiError> {
        Ok(Self {
            access: AccessView::of(&it.access)?,
            refresh_token: shown(&it.refresh)?,
            session_expires_at: it.line_ends,
            session_id: it.session.to_string(),
        })
    }
}

impl EnteredView {
    /// As its owner is given it.
    pub(super) fn of(it: &Entered) -> Result<Self, ApiError> {
        let tenants = it.tenants.iter().cloned().map(TenantView::of);
        Ok(Self {
            mfa_required: false,
            tokens: TokensView::of(&it.tokens)?,
            tenants: tenants.collect(),
            device_token: it.device.as_ref().map(shown).transpose()?,
            mfa_enrolment_required: it.lacks_second_factor,
        })
    }
}

/// `POST /api/auth/bootstrap`
async fn bootstrap(api: Api, asked: Asked, Body(form): Body<BootstrapForm>) -> Result<Json<EnteredView>, ApiError> {
    let BootstrapForm { token, email, name, password, language } = form;
    let form = OwnerForm { token, email, name, password: Secret::new(password), language };
    Ok(Json(EnteredView::of(&api.identity.bootstrap(form, &asked.origin).await?)?))
}

/// `POST /api/auth/login`
async fn login(api: Api, asked: Asked, Body(form): Body<Credentials>) -> Result<Json<LoginView>, ApiError> {
    let tenant = form.tenant_id.as_deref().map(tenant_of).transpose()?;
    let form = LoginForm { email: form.email, password: Secret::new(form.password), tenant, device: form.device_token };
    Ok(Json(match api.identity.login(form, &asked.origin).await? {
        LoggedIn::In(entered) => LoginView::Entered(Box::new(EnteredView::of(&entered)?)),
        LoggedIn::Mfa(half) => {
            let expires_in = fedatario_app::identity::login::MFA_TOKEN_FOR.as_secs();
            let recovery = half.has_recovery_code.then_some("recovery_code");
            let kinds = half.kinds.iter().map(|it| it.text()).chain(recovery).collect();
            LoginView::Mfa(MfaView { mfa_required: true, mfa_token: shown(&half.token)?, expires_in, kinds })
        }
    }))
}

/// `POST /api/auth/mfa/verify`
async fn verify_mfa(api: Api, asked: Asked, Body(form): Body<MfaForm>) -> Result<Json<EnteredView>, ApiError> {
    let proof = proof(form.code, form.recovery_code)?;
    Ok(Json(EnteredView::of(&api.identity.verify_mfa(&form.mfa_token, proof, &asked.origin).await?)?))
}

/// `POST /api/auth/refresh`
async fn refresh(api: Api, asked: Asked, Body(form): Body<RefreshForm>) -> Result<Json<TokensView>, ApiError> {
    Ok(Json(TokensView::of(&api.identity.refresh(&form.refresh_token, &asked.origin).await?)?))
}

/// `POST /api/auth/logout`
async fn logout(api: Api, asked: Asked, Caller(caller): Caller) -> Result<Nothing, ApiError> {
    api.identity.logout(&caller, &asked.origin).await?;
    Ok(Nothing)
}

/// `POST /api/auth/switch`
async fn switch(api: Api, Caller(caller): Caller, Body(form): Body<SwitchForm>) -> Result<Json<AccessView>, ApiError> {
    let token = api.identity.switch_tenant(&caller, tenant_of(&form.tenant_id)?).await?;
    Ok(Json(AccessView::of(&token)?))
}

/// `POST /api/auth/step-up`
async fn step_up(
    api: Api,
    asked: Asked,
    Caller(caller): Caller,
    Body(form): Body<ProofForm>,
) -> Result<Json<AccessView>, ApiError> {
    let proof = proof(form.code, form.recovery_code)?;
    Ok(Json(AccessView::of(&api.identity.step_up(&caller, proof, &asked.origin).await?)?))
}

/// `GET /.well-known/jwks.json`
async fn keys(api: Api) -> Result<PublishedKeys, ApiError> {
    Ok(PublishedKeys(api.identity.jwks().await?))
}

/// A JWK set, which anybody may keep for a while: a key is announced that long before it signs.
struct PublishedKeys(Value);

impl Answer for PublishedKeys {
    fn describe(description: &mut Description) {
        let schema = json!({ "type": "object", "required": ["keys"], "properties": { "keys": { "type": "array", "items": { "type": "object" } } } });
        description.answers(200, "The keys, as a JWK set (RFC 7517).", Some(("application/json", schema)));
        description.header("Cache-Control", "How long they may be kept.");
    }

    fn answer(self, _: &Call) -> Result<Response, ApiError> {
        let mut response = json_response(StatusCode::OK, &self.0)?;
        let kept = format!("public, max-age={}", CACHE_PERIOD.as_secs() / 2);
        response
            .headers_mut()
            .insert(CACHE_CONTROL, HeaderValue::try_from(kept).map_err(|error| ApiError::new(Code::Internal).because(error))?);
        Ok(response)
    }
}
