//! Passkeys as a second factor: made, proven at a login, for acts that ask for it, and for another password.
//!
//! What devices are asked and answer is JSON as the browser has it (`PublicKeyCredential.parse…FromJSON`
//! and `toJSON()`), in the names of WebAuthn. Only with the feature `passkeys`.

use super::auth::{AccessView, EnteredView};
use super::auth_account::{ConfirmedView, FactorForm};
use crate::answer::{Created, Json, Nothing};
use crate::api::Api;
use crate::call::Asked;
use crate::extract::{At, Body, Caller};
use crate::operation::Operation;
use crate::problem::ApiError;
use crate::routing::Routes;
use fedatario_app::identity::passkeys::PasskeyAsked;
use fedatario_base::id::FactorId;
use fedatario_base::{Code, Secret};
use fedatario_identity::passkey::{ANSWER_BYTES_MOST, Made, PasskeyError, Proven};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

/// The largest body with an answer of a device, in bytes: the answer, and a token beside it.
const BODY_BYTES: usize = ANSWER_BYTES_MOST + 2 * 1024;

/// The operations of this module.
pub fn routes() -> Routes {
    reset(proofs(Routes::of("identity")))
        .add(
            Operation::post("/api/auth/factors/passkey", "auth.factors.passkey.begin", "Begins a passkey: what a device is asked")
                .signed_in()
                .notes("The first factor needs a login of the last five minutes, any other a step-up. `options` are for `PublicKeyCredential.parseCreationOptionsFromJSON`.")
                .idempotency_ignored()
                .answers_secret()
                .refuses(&[
                    Code::SessionRequired,
                    Code::StepUpRequired,
                    Code::FactorState,
                    Code::PasskeyOrigin,
                    Code::TooManyAttempts,
                ])
                .example(r#"{"label":"Llave azul"}"#),
            begin,
        )
        .add(
            Operation::post(
                "/api/auth/factors/{factor}/passkey/confirm",
                "auth.factors.passkey.confirm",
                "Proves a passkey that was begun; other sessions end",
            )
            .signed_in()
            .notes("With the first factor come ten recovery codes, which are shown this once.")
            .idempotency_ignored()
            .answers_secret()
            .body_at_most(BODY_BYTES)
            .audits("auth.factor.added")
            .refuses(&[
                Code::SessionRequired,
                Code::MfaRefused,
                Code::FactorState,
                Code::PasskeyOrigin,
                Code::TooManyAttempts,
                Code::NotFound,
                Code::IdFormat,
            ])
            .example(r#"{"credential":{"id":"…","rawId":"…","type":"public-key","response":{"clientDataJSON":"…","attestationObject":"…"}}}"#),
            confirm,
        )
}

fn proofs(routes: Routes) -> Routes {
    const PROVEN: &str = r#"{"credential":{"id":"…","rawId":"…","type":"public-key","response":{"clientDataJSON":"…","authenticatorData":"…","signature":"…"}}}"#;
    routes
        .add(
            Operation::post("/api/auth/mfa/passkey", "auth.mfa.passkey.ask", "What a device is asked to come in")
                .anyone()
                .refuses(&[Code::MfaRefused, Code::FactorState, Code::PasskeyOrigin, Code::TooManyAttempts])
                .example(r#"{"mfa_token":"fed_mfa_…"}"#),
            ask_login,
        )
        .add(
            Operation::post("/api/auth/mfa/passkey/verify", "auth.mfa.passkey.verify", "Comes in by a passkey")
                .anyone()
                .answers_secret()
                .body_at_most(BODY_BYTES)
                .audits("auth.session.started")
                .refuses(&[Code::MfaRefused, Code::PasskeyOrigin, Code::TooManyAttempts, Code::TenantMismatch])
                .example(r#"{"mfa_token":"fed_mfa_…","credential":{"id":"…","rawId":"…","type":"public-key","response":{"clientDataJSON":"…","authenticatorData":"…","signature":"…"}}}"#),
            verify_login,
        )
        .add(
            Operation::post("/api/auth/step-up/passkey", "auth.step_up.passkey.ask", "What a device is asked for acts that ask for it")
                .signed_in()
                .idempotency_ignored()
                .refuses(&[Code::SessionRequired, Code::FactorState, Code::PasskeyOrigin, Code::TooManyAttempts]),
            ask_step_up,
        )
        .add(
            Operation::post(
                "/api/auth/step-up/passkey/verify",
                "auth.step_up.passkey.verify",
                "Proves a passkey again, for acts that ask for it",
            )
            .signed_in()
            .idempotency_ignored()
            .answers_secret()
            .body_at_most(BODY_BYTES)
            .audits("auth.session.stepped_up")
            .refuses(&[Code::SessionRequired, Code::MfaRefused, Code::PasskeyOrigin, Code::TooManyAttempts])
            .example(PROVEN),
            verify_step_up,
        )
}

fn reset(routes: Routes) -> Routes {
    routes
        .add(
            Operation::post(
                "/api/auth/password/reset/passkey",
                "auth.password.reset.passkey.ask",
                "What a device is asked for another password",
            )
            .anyone()
            .refuses(&[Code::OneTimeRefused, Code::FactorState, Code::PasskeyOrigin, Code::TooManyAttempts])
            .example(r#"{"token":"fed_reset_…"}"#),
            ask_reset,
        )
        .add(
            Operation::post(
                "/api/auth/password/reset/passkey/confirm",
                "auth.password.reset.passkey.confirm",
                "Sets a password by a mailed token and a passkey; every session ends",
            )
            .anyone()
            .body_at_most(BODY_BYTES)
            .audits("auth.password.reset")
            .refuses(&[
                Code::OneTimeRefused,
                Code::PasswordShort,
                Code::PasswordLong,
                Code::PasswordWeak,
                Code::MfaRefused,
                Code::PasskeyOrigin,
                Code::TooManyAttempts,
                Code::Busy,
            ])
            .example(r#"{"token":"fed_reset_…","password":"mañana pasa otro a las seis","credential":{"id":"…","rawId":"…","type":"public-key","response":{"clientDataJSON":"…","authenticatorData":"…","signature":"…"}}}"#),
            confirm_reset,
        )
}

/// What a device is asked.
#[derive(Serialize, ToSchema)]
struct AskedView {
    /// For the browser, in the names of WebAuthn.
    #[schema(value_type = Object)]
    options: Value,
    /// Seconds for which the question is good, and it is good once.
    expires_in: i64,
}

impl From<PasskeyAsked> for AskedView {
    fn from(it: PasskeyAsked) -> Self {
        Self { options: it.options, expires_in: it.expires_in_s }
    }
}

/// A passkey that was begun.
#[derive(Serialize, ToSchema)]
struct BegunPasskeyView {
    factor_id: String,
    #[serde(flatten)]
    asked: AskedView,
}

/// What a device answered.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct AnswerForm {
    /// As the browser has it: `PublicKeyCredential.toJSON()`.
    #[schema(value_type = Object)]
    credential: Value,
}

/// A login whose password was right.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct HalfForm {
    /// What stands for the password.
    mfa_token: String,
}

/// The second factor of a login.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct HalfAnswerForm {
    /// What stands for the password.
    mfa_token: String,
    /// As the browser has it: `PublicKeyCredential.toJSON()`.
    #[schema(value_type = Object)]
    credential: Value,
}

/// A mailed token.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ResetAskForm {
    /// The token of the link.
    token: String,
}

/// A mailed token, the next password, and what a device answered.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ResetAnswerForm {
    /// The token of the link.
    token: String,
    /// 12 to 128 characters.
    password: String,
    /// As the browser has it: `PublicKeyCredential.toJSON()`.
    #[schema(value_type = Object)]
    credential: Value,
}

fn no_answer(_: PasskeyError) -> ApiError {
    ApiError::field("/credential", Code::FieldInvalid)
}

/// An answer that a device gave to some question.
fn proven(credential: Value) -> Result<Proven, ApiError> {
    let answer = Proven::read(credential).map_err(no_answer)?;
    answer.question().map_err(no_answer)?;
    Ok(answer)
}

/// `POST /api/auth/factors/passkey`
async fn begin(api: Api, Caller(caller): Caller, Body(form): Body<FactorForm>) -> Result<Created<BegunPasskeyView>, ApiError> {
    let it = api.identity.begin_passkey(&caller, &form.label).await?;
    let location = format!("/api/auth/factors/{}", it.id);
    Ok(Created { location, body: BegunPasskeyView { factor_id: it.id.to_string(), asked: it.asked.into() } })
}

/// `POST /api/auth/factors/{factor}/passkey/confirm`
async fn confirm(
    api: Api,
    asked: Asked,
    Caller(caller): Caller,
    At(factor): At<FactorId>,
    Body(form): Body<AnswerForm>,
) -> Result<Json<ConfirmedView>, ApiError> {
    let answer = Made::read(form.credential).map_err(no_answer)?;
    answer.question().map_err(no_answer)?;
    let it = api.identity.confirm_passkey(&caller, factor, &answer, &asked.origin).await?;
    Ok(Json(ConfirmedView::of(&it)?))
}

/// `POST /api/auth/mfa/passkey`
async fn ask_login(api: Api, asked: Asked, Body(form): Body<HalfForm>) -> Result<Json<AskedView>, ApiError> {
    Ok(Json(api.identity.ask_passkey_of_login(&form.mfa_token, &asked.origin).await?.into()))
}

/// `POST /api/auth/mfa/passkey/verify`
async fn verify_login(api: Api, asked: Asked, Body(form): Body<HalfAnswerForm>) -> Result<Json<EnteredView>, ApiError> {
    let answer = proven(form.credential)?;
    Ok(Json(EnteredView::of(&api.identity.verify_mfa_by_passkey(&form.mfa_token, answer, &asked.origin).await?)?))
}

/// `POST /api/auth/step-up/passkey`
async fn ask_step_up(api: Api, asked: Asked, Caller(caller): Caller) -> Result<Json<AskedView>, ApiError> {
    Ok(Json(api.identity.ask_passkey_of_step_up(&caller, &asked.origin).await?.into()))
}

/// `POST /api/auth/step-up/passkey/verify`
async fn verify_step_up(
    api: Api,
    asked: Asked,
    Caller(caller): Caller,
    Body(form): Body<AnswerForm>,
) -> Result<Json<AccessView>, ApiError> {
    let answer = proven(form.credential)?;
    Ok(Json(AccessView::of(&api.identity.step_up_by_passkey(&caller, answer, &asked.origin).await?)?))
}

/// `POST /api/auth/password/reset/passkey`
async fn ask_reset(api: Api, asked: Asked, Body(form): Body<ResetAskForm>) -> Result<Json<AskedView>, ApiError> {
    Ok(Json(api.identity.ask_passkey_of_reset(&form.token, &asked.origin).await?.into()))
}

/// `POST /api/auth/password/reset/passkey/confirm`
async fn confirm_reset(api: Api, asked: Asked, Body(form): Body<ResetAnswerForm>) -> Result<Nothing, ApiError> {
    let answer = proven(form.credential)?;
    api.identity.reset_password_by_passkey(&form.token, &Secret::new(form.password), answer, &asked.origin).await?;
    Ok(Nothing)
}
