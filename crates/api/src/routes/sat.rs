//! `/api/sat/taxpayers`: an e.firma registered, how its taxpayer stands, and whether SAT accepts it.

use super::sat_requests::told;
use crate::answer::{Document, Json};
use crate::api::Api;
use crate::call::Asked;
use crate::extract::At;
use crate::form::{Field, Fields, Form, Kind};
use crate::operation::Operation;
use crate::problem::ApiError;
use crate::routing::Routes;
use fedatario_app::certificates::{Files, Handed};
use fedatario_app::descarga::nightly::{self, Wish as NightlyWish};
use fedatario_app::descarga::{register, status, transition};
use fedatario_app::model::{Family, SolicitudState, Taxpayer};
use fedatario_base::id::TaxpayerId;
use fedatario_base::{Code, Permission, Scope};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// Bytes of a form with an e.firma: two files of a few kilobytes, or a `.p12` of 256 KiB at most.
const FORM_BYTES: usize = 512 << 10;

/// The operations of this module.
pub fn routes() -> Routes {
    let register_codes = &[
        Code::CertificateFormat,
        Code::KeyFormat,
        Code::KeyPassword,
        Code::KeyMismatch,
        Code::Pkcs12Format,
        Code::Pkcs12Bounds,
        Code::FielRequired,
        Code::CertificateExpired,
        Code::CertificateNotYetValid,
        Code::EnvironmentMismatch,
    ];
    Routes::of("sat")
        .add(
            Operation::post("/api/sat/taxpayers", "sat.taxpayers.register", "Registers a taxpayer with its e.firma")
                .needs(Permission::CredentialUpload)
                .step_up()
                .body_at_most(FORM_BYTES)
                .audits("credential.admitted")
                .changes()
                .refuses(register_codes)
                .notes(
                    "Send `cer`, `key` and `password`, or `p12` and `password`. The key is sealed in the vault; neither it nor \
                     its password is ever told again. With `daily` = `true` the running year is asked for every night. \
                     Registering the same certificate again changes nothing (`changed` is false).",
                ),
            register,
        )
        .add(
            Operation::get("/api/sat/taxpayers/{taxpayer}", "sat.taxpayers.read", "How a taxpayer stands")
                .needs(Permission::TaxpayerRead),
            standing,
        )
        .add(
            Operation::post("/api/sat/taxpayers/{taxpayer}/login", "sat.login", "Does SAT accept the e.firma?")
                .needs(Permission::SatAsk)
                .idempotency_ignored()
                .refuses(&[
                    Code::CredentialMissing,
                    Code::CredentialBlocked,
                    Code::EnvironmentMismatch,
                    Code::AuthorityRejected,
                    Code::AuthorityUnreachable,
                    Code::AuthorityUnanswered,
                    Code::LeaseLost,
                ]),
            login,
        )
}

/// The taxpayer of an id; somebody else's is not found.
pub async fn taxpayer(api: &Api, scope: &Scope, id: TaxpayerId) -> Result<Taxpayer, ApiError> {
    api.app.store.read(scope).await?.taxpayer(id).await?.ok_or_else(ApiError::not_found)
}

/// The same, for calls to SAT.
pub(super) async fn for_calls(api: &Api, scope: &Scope, id: TaxpayerId) -> Result<Taxpayer, ApiError> {
    let taxpayer = taxpayer(api, scope, id).await?;
    register::same_environment(&api.app, &taxpayer)?;
    Ok(taxpayer)
}

/// An e.firma as it is sent.
pub struct Efirma;

impl Fields for Efirma {
    const FIELDS: &'static [Field] = &[
        Field { name: "cer", kind: Kind::File, required: false, text: "The certificate, `.cer`." },
        Field { name: "key", kind: Kind::File, required: false, text: "The private key, `.key`." },
        Field { name: "p12", kind: Kind::File, required: false, text: "Both in one, `.p12` or `.pfx`." },
        Field { name: "password", kind: Kind::Password, required: true, text: "The password of the key." },
        Field { name: "daily", kind: Kind::Text, required: false, text: "`true`: the running year is asked for every night." },
    ];
}

/// A taxpayer that was registered.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = SatRegistered)]
pub struct RegisteredView {
    /// The taxpayer.
    taxpayer: String,
    /// Its RFC.
    rfc: String,
    /// Its name, as the certificate has it.
    name: String,
    /// The credential in use.
    credential: String,
    /// The certificate number.
    number: String,
    /// Last instant of validity.
    not_after: String,
    /// `sandbox` or `production`.
    environment: String,
    /// False if this very certificate was in use already.
    changed: bool,
    /// Whether it is asked for every night.
    daily: bool,
}

/// `POST /api/sat/taxpayers`
async fn register(api: Api, scope: Scope, mut form: Form<Efirma>) -> Result<Json<RegisteredView>, ApiError> {
    let daily = match form.text("daily") {
        None | Some("false") => false,
        Some("true") => true,
        Some(_) => return Err(ApiError::field("/daily", Code::FieldInvalid)),
    };
    let done = register::register(&api.app, &scope, handed(&mut form)?).await?;
    if daily {
        let taxpayer = register::find(&api.app, &scope, &done.rfc).await?;
        nightly::put(&api.app, &scope, &taxpayer, &NightlyWish::daily()).await?;
    }
    Ok(Json(RegisteredView {
        taxpayer: done.taxpayer,
        rfc: done.rfc,
        name: done.name,
        credential: done.credential,
        number: done.number,
        not_after: done.not_after,
        environment: done.environment.text().to_owned(),
        changed: done.changed,
        daily,
    }))
}

/// What a form hands in: `p12`, or `cer` and `key`, and the password.
fn handed(form: &mut Form<Efirma>) -> Result<Handed, ApiError> {
    let password = form.take("password").ok_or_else(|| ApiError::field("/password", Code::FieldMissing))?;
    let files = match (form.take("cer"), form.take("key"), form.take("p12")) {
        (Some(cer), Some(key), None) => Files::Two { cer, key },
        (None, None, Some(p12)) => Files::Pkcs12(p12),
        (None, Some(_), None) => return Err(ApiError::field("/cer", Code::FieldMissing)),
        (Some(_), None, None) | (None, None, None) => return Err(ApiError::field("/key", Code::FieldMissing)),
        _ => return Err(ApiError::field("/p12", Code::FieldInvalid)),
    };
    Ok(Handed::new(files, password))
}

/// `GET /api/sat/taxpayers/{taxpayer}`
async fn standing(api: Api, asked: Asked, scope: Scope, At(id): At<TaxpayerId>) -> Result<Document, ApiError> {
    let taxpayer = taxpayer(&api, &scope, id).await?;
    let status = status::year(&api.app, &scope, &taxpayer, None).await?;
    let states: BTreeMap<&str, usize> = status.by_state().into_iter().map(|(state, n)| (state.text(), n)).collect();
    let blocked = status.solicitudes.iter().filter(|(s, _)| s.state == SolicitudState::Blocked);
    let blocked: Vec<Value> = blocked.map(|(s, packages)| told(s, packages, asked.language)).collect();
    Ok(Document(json!({
        "taxpayer": taxpayer.id.to_string(), "rfc": taxpayer.tax_id, "name": taxpayer.name, "environment": taxpayer.environment,
        "requests": status.solicitudes.len(), "states": states, "open": status.open(), "blocked": blocked,
        "cfdi": status.counts.cfdi, "metadata": status.counts.metadata, "foreign": status.counts.foreign,
        "quarantined": status.counts.quarantined, "third_party": status.counts.third_party,
        "retenciones": { "cfdi": status.counts.retenciones, "metadata": status.counts.retenciones_metadata },
        "cancelled_late": { "count": status.counts.cancelled_late, "last": status.cancelled_late },
        "dead_jobs": status.dead_jobs.iter().map(|it| it.id.to_string()).collect::<Vec<_>>(),
    })))
}

/// A session at SAT.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = SatSession)]
pub struct SessionView {
    /// Whose.
    rfc: String,
    /// When it lapses.
    #[schema(value_type = String, format = DateTime)]
    expires_at: Timestamp,
    /// `sandbox` or `production`.
    environment: String,
}

/// `POST /api/sat/taxpayers/{taxpayer}/login`
async fn login(api: Api, scope: Scope, At(id): At<TaxpayerId>) -> Result<Json<SessionView>, ApiError> {
    let taxpayer = for_calls(&api, &scope, id).await?;
    let account = {
        let mut tx = api.app.store.read(&scope).await?;
        transition::account_of(tx.as_mut(), &scope, &taxpayer, Family::Cfdi).await?
    };
    let expires_at = api.app.sat.login(&account).await?;
    Ok(Json(SessionView { rfc: taxpayer.tax_id, expires_at, environment: taxpayer.environment.text().to_owned() }))
}
