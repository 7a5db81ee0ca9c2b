//! `/api/certificates`: uploaded, looked up, put into use, destroyed.
//!
//! Bodies are camelCase here, and two refusals of an upload have the status 400: programs were promised so.

use super::certificate_views::{ListedView, Listing, UploadedView, refused};
use crate::answer::{Json, Nothing, Paged};
use crate::api::Api;
use crate::extract::{At, Body, Page, Query};
use crate::form::{Field, Fields, Form, Kind};
use crate::operation::Operation;
use crate::problem::ApiError;
use crate::routing::Routes;
use fedatario_app::certificates::{self, Asked, Files, Handed, Place};
use fedatario_app::model::{CredentialFilter, CredentialKind, CredentialRow, CredentialState, SignatureConfig, SignatureMode};
use fedatario_base::id::{CredentialId, TaxpayerId};
use fedatario_base::{Code, Permission, Scope};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// Bytes of a form with a certificate: two files of a few kilobytes, or a `.p12` of 256 KiB at most.
const FORM_BYTES: usize = 512 << 10;
/// Certificates in use that `GET /upload` tells at most: whoever has more asks page by page.
const ACTIVE_AT_MOST: u32 = 500;

/// What an upload may be refused with.
pub(super) const UPLOAD_CODES: &[Code] = &[
    Code::CertificateFormat,
    Code::CertificatePassword,
    Code::KeyMismatch,
    Code::CertificateExpired,
    Code::CertificateNotYetValid,
    Code::CertificateTaxpayerMismatch,
    Code::CertificateDelegation,
    Code::CertificateName,
    Code::TaxpayerRequired,
    Code::EnvironmentMismatch,
    Code::CertificateChain,
    Code::CertificateRevoked,
    Code::StoreConflict,
    Code::Busy,
];

/// An upload under one of its two addresses.
fn uploading(path: &'static str, id: &'static str, summary: &'static str) -> Operation {
    Operation::post(path, id, summary)
        .needs(Permission::CredentialUpload)
        .step_up()
        .body_at_most(FORM_BYTES)
        .audits("credential.admitted")
        .changes()
        .refuses(UPLOAD_CODES)
        .notes(
            "`file` and `password` for a `.p12` or `.pfx`; `cer`, `key` and `password` for what SAT hands out. Without `taxpayer` it \
             is that of the tax id in the certificate, else the tenant's only one. A cédula signs for an RNC when `delegated` is \
             `true`, or as long as the certificate that this one renews did. With `activateAt` it waits for that instant. The former \
             one's key rests for 30 days, in which it can be put back. The same certificate again changes nothing.",
        )
}

/// The operations of this module.
pub fn routes() -> Routes {
    Routes::of("certificates")
        .add(uploading("/api/certificates/upload", "certificates.upload", "Puts a taxpayer's certificate into use"), upload)
        .add(
            uploading("/api/tenant/certificates/upload", "tenant.certificates.upload", "The same as `/api/certificates/upload`"),
            upload,
        )
        .add(
            Operation::get("/api/certificates/upload", "certificates.active", "The certificates in use")
                .needs(Permission::CredentialRead)
                .notes("At most 500; `more` says that there are others, which `GET /api/certificates?state=active` gives page by page."),
            active,
        )
        .add(
            Operation::post("/api/certificates/simple-upload", "certificates.personal", "The caller's own certificate")
                .needs(Permission::CredentialSign)
                .step_up()
                .body_at_most(FORM_BYTES)
                .audits("credential.admitted").changes()
                .refuses(&[
                    Code::CertificateFormat,
                    Code::CertificatePassword,
                    Code::KeyMismatch,
                    Code::CertificateExpired,
                    Code::CertificateNotYetValid,
                    Code::CertificateName,
                    Code::SessionRequired,
                    Code::Busy,
                ])
                .notes("It becomes what the caller signs with (`signatureMode` `PERSONAL`). Nobody else sees it."),
            simple_upload,
        )
        .add(
            Operation::get("/api/certificates", "certificates.list", "Certificates of the tenant, newest first")
                .needs(Permission::CredentialRead)
                .notes("Of personal ones, the caller's alone."),
            list,
        )
        .add(
            Operation::get("/api/tenant/certificates", "tenant.certificates.list", "The same as `/api/certificates`")
                .needs(Permission::CredentialRead),
            list,
        )
        .add(
            Operation::get("/api/certificates/signature-config", "signature_config.read", "How the caller signs")
                .needs(Permission::CredentialSign)
                .refuses(&[Code::SessionRequired]),
            config,
        )
        .add(
            Operation::put("/api/certificates/signature-config", "signature_config.change", "Changes how the caller signs")
                .needs(Permission::CredentialSign)
                .step_up()
                .audits("signature_config.changed").changes()
                .refuses(&[Code::SessionRequired, Code::CredentialMissing, Code::StoreConflict])
                .notes(
                    "`ORGANIZATION` signs with the taxpayer's certificate in use, `PERSONAL` with the caller's own. With `autoSign` \
                     false each signature asks for a proof of presence.",
                )
                .example(r#"{"signatureMode":"ORGANIZATION","autoSign":false,"notifyOnExpiration":true}"#),
            set_config,
        )
        .add(
            Operation::get("/api/certificates/{certificate}", "certificates.read", "One certificate")
                .needs(Permission::CredentialRead),
            read,
        )
        .add(
            Operation::get("/api/certificates/{certificate}/history", "certificates.history", "What came before it and after")
                .needs(Permission::CredentialRead)
                .notes("Every certificate that its owner ever had of its kind, newest first."),
            history,
        )
        .add(
            Operation::post("/api/certificates/{certificate}/activate", "certificates.activate", "Puts one that waits or rests into use")
                .needs(Permission::CredentialUpload)
                .step_up()
                .audits("credential.activated").changes()
                .refuses(&[
                    Code::CertificateState,
                    Code::CertificateExpired,
                    Code::CertificateNotYetValid,
                    Code::CertificateChain,
                    Code::CertificateRevoked,
                ])
                .notes("A hand-over brought forward (`credential.activated` in the chain) or a roll-back (`credential.restored`). What was \
                     refused or revoked is not put back."),
            activate,
        )
        .add(
            Operation::delete("/api/certificates/{certificate}", "certificates.destroy", "Destroys its key, for good")
                .needs(Permission::CredentialDestroy)
                .step_up()
                .audits("credential.destroyed").changes()
                .refuses(&[Code::CertificateState])
                .notes("The certificate and the record of what was signed with it stay."),
            destroy,
        )
        .add(
            Operation::get("/api/certificates/{certificate}/delegations", "delegations.list", "For which RNC its holder signs")
                .needs(Permission::CredentialRead),
            delegations,
        )
        .add(
            Operation::post("/api/certificates/{certificate}/delegations", "delegations.grant", "Its holder signs for an RNC")
                .needs(Permission::CredentialUpload)
                .step_up()
                .audits("credential.delegated").changes()
                .refuses(&[Code::TaxIdFormat])
                .example(r#"{"rnc":"131880738"}"#),
            delegate,
        )
        .add(
            Operation::delete("/api/certificates/{certificate}/delegations/{rnc}", "delegations.end", "Its holder signs for it no more")
                .needs(Permission::CredentialUpload)
                .step_up()
                .audits("credential.undelegated").changes(),
            undelegate,
        )
}

/// A certificate as it is sent.
pub struct Certified;

impl Fields for Certified {
    const FIELDS: &'static [Field] = &[
        Field { name: "file", kind: Kind::File, required: false, text: "Certificate and key in one, `.p12` or `.pfx`." },
        Field { name: "cer", kind: Kind::File, required: false, text: "The certificate, `.cer`." },
        Field { name: "key", kind: Kind::File, required: false, text: "The private key, `.key`." },
        Field { name: "password", kind: Kind::Password, required: true, text: "What opens the key." },
        Field { name: "name", kind: Kind::Text, required: false, text: "What to call it." },
        Field { name: "taxpayer", kind: Kind::Text, required: false, text: "Whose it is to be." },
        Field { name: "activateAt", kind: Kind::Text, required: false, text: "When it goes into use, RFC 3339." },
        Field { name: "delegated", kind: Kind::Text, required: false, text: "`true`: the holder signs for the RNC by delegation." },
    ];
}

/// A person's own certificate as it is sent.
pub struct Personal;

impl Fields for Personal {
    const FIELDS: &'static [Field] = &[
        Field { name: "file", kind: Kind::File, required: false, text: "Certificate and key in one, `.p12` or `.pfx`." },
        Field { name: "cer", kind: Kind::File, required: false, text: "The certificate, `.cer`." },
        Field { name: "key", kind: Kind::File, required: false, text: "The private key, `.key`." },
        Field { name: "password", kind: Kind::Password, required: true, text: "What opens the key." },
        Field { name: "name", kind: Kind::Text, required: false, text: "What to call it." },
    ];
}

/// The files of a form and their password.
pub(super) fn handed<T: Fields>(form: &mut Form<T>) -> Result<Handed, ApiError> {
    let missing = |pointer: &str| ApiError::field(pointer, Code::FieldMissing);
    let password = form.take("password").ok_or_else(|| missing("/password"))?;
    let files = match (form.take("file"), form.take("cer"), form.take("key")) {
        (Some(file), None, None) => Files::Pkcs12(file),
        (None, Some(cer), Some(key)) => Files::Two { cer, key },
        (None, Some(_), None) => return Err(missing("/key")),
        (None, None, Some(_)) => return Err(missing("/cer")),
        (None, None, None) => return Err(missing("/file")),
        _ => return Err(ApiError::field("/file", Code::FieldInvalid)),
    };
    Ok(Handed::new(files, password))
}

/// A text field, parsed.
fn parsed<T: std::str::FromStr, F: Fields>(form: &Form<F>, name: &str) -> Result<Option<T>, ApiError> {
    let read = form.text(name).map(str::parse).transpose();
    read.map_err(|_| ApiError::field(format!("/{name}"), Code::FieldInvalid))
}

/// `POST /api/certificates/upload`
async fn upload(api: Api, scope: Scope, mut form: Form<Certified>) -> Result<Json<UploadedView>, ApiError> {
    let taxpayer: Option<TaxpayerId> = parsed(&form, "taxpayer")?;
    let activate: Option<Timestamp> = parsed(&form, "activateAt")?;
    let delegated: Option<bool> = parsed(&form, "delegated")?;
    let asked = Asked {
        name: form.text("name").map(str::to_owned),
        place: Place::of(taxpayer, false),
        tax_id: None,
        activate,
        delegated: delegated.unwrap_or_default(),
        handed: handed(&mut form)?,
    };
    let done = certificates::upload(&api.app, &scope, asked).await.map_err(refused)?;
    Ok(Json(UploadedView::new(done, api.app.clock.wall())?))
}

/// `POST /api/certificates/simple-upload`
async fn simple_upload(api: Api, scope: Scope, mut form: Form<Personal>) -> Result<Json<UploadedView>, ApiError> {
    let name = form.text("name").map(str::to_owned);
    let handed = handed(&mut form)?;
    let done = certificates::upload_personal(&api.app, &scope, handed, name.as_deref()).await.map_err(refused)?;
    Ok(Json(UploadedView::new(done, api.app.clock.wall())?))
}

/// `GET /api/certificates/upload`
async fn active(api: Api, scope: Scope) -> Result<Json<Listing>, ApiError> {
    let filter = CredentialFilter { states: vec![CredentialState::Active], ..CredentialFilter::default() };
    let mut rows = certificates::page(&api.app, &scope, &filter, None, ACTIVE_AT_MOST + 1).await?;
    let more = rows.len() > ACTIVE_AT_MOST as usize;
    rows.truncate(ACTIVE_AT_MOST as usize);
    listing(&api, &rows, more)
}

fn listing(api: &Api, rows: &[CredentialRow], more: bool) -> Result<Json<Listing>, ApiError> {
    let now = api.app.clock.wall();
    let certificates = rows.iter().map(|it| ListedView::new(it, now)).collect::<Result<_, _>>()?;
    Ok(Json(Listing { success: true, certificates, more }))
}

/// Which certificates are meant.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Which {
    /// `active`, `next`, `replaced`, `blocked` or `destroyed`.
    state: Option<String>,
    /// `fiel`, `csd`, `ecf` or `pa`.
    kind: Option<String>,
    /// Of this taxpayer.
    taxpayer: Option<String>,
    /// Not valid any more from this instant on.
    #[param(value_type = Option<String>, format = DateTime)]
    expires_before: Option<Timestamp>,
    /// The caller's own alone.
    personal: Option<bool>,
}

impl Which {
    fn filter(self) -> Result<CredentialFilter, ApiError> {
        let bad = |name: &str| ApiError::field(format!("?{name}"), Code::FieldInvalid);
        let state = self.state.as_deref().map(|it| CredentialState::from_text(it).ok_or_else(|| bad("state"))).transpose()?;
        let kind = self.kind.as_deref().map(|it| CredentialKind::from_text(it).ok_or_else(|| bad("kind"))).transpose()?;
        let taxpayer = self.taxpayer.as_deref().map(|it| it.parse().map_err(|_| bad("taxpayer"))).transpose()?;
        Ok(CredentialFilter {
            states: state.into_iter().collect(),
            kind,
            taxpayer,
            expires_before: self.expires_before,
            personal_of: None,
            personal_only: self.personal.unwrap_or_default(),
        })
    }
}

/// `GET /api/certificates`
async fn list(api: Api, scope: Scope, page: Page, Query(which): Query<Which>) -> Result<Paged<ListedView>, ApiError> {
    let rows = certificates::page(&api.app, &scope, &which.filter()?, page.after()?, page.limit + 1).await?;
    let now = api.app.clock.wall();
    let views = rows.iter().map(|it| ListedView::new(it, now)).collect::<Result<_, _>>()?;
    Ok(Paged::new(&page, views, ListedView::key))
}

/// `GET /api/certificates/{certificate}`
async fn read(api: Api, scope: Scope, At(id): At<CredentialId>) -> Result<Json<ListedView>, ApiError> {
    let row = certificates::one(&api.app, &scope, id).await?;
    Ok(Json(ListedView::new(&row, api.app.clock.wall())?))
}

/// `GET /api/certificates/{certificate}/history`
async fn history(api: Api, scope: Scope, At(id): At<CredentialId>) -> Result<Json<Listing>, ApiError> {
    let history = certificates::history(&api.app, &scope, id).await?;
    listing(&api, &history.rows, history.more)
}

/// `POST /api/certificates/{certificate}/activate`
async fn activate(api: Api, scope: Scope, At(id): At<CredentialId>) -> Result<Json<ListedView>, ApiError> {
    let row = certificates::one(&api.app, &scope, id).await?;
    let row = certificates::put_into_use(&api.app, &scope, row.id).await?;
    Ok(Json(ListedView::new(&row, api.app.clock.wall())?))
}

/// `DELETE /api/certificates/{certificate}`
async fn destroy(api: Api, scope: Scope, At(id): At<CredentialId>) -> Result<Nothing, ApiError> {
    certificates::destroy(&api.app, &scope, id).await?;
    Ok(Nothing)
}

/// How somebody signs.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = SignatureSettings)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ConfigView {
    /// `ORGANIZATION` or `PERSONAL`.
    #[schema(value_type = String, example = "ORGANIZATION")]
    signature_mode: SignatureMode,
    /// The caller's own certificate.
    #[serde(default)]
    digital_certificate_id: Option<String>,
    /// Whether without a proof of presence for each signature.
    auto_sign: bool,
    /// Whether they are told before their own expires.
    notify_on_expiration: bool,
}

impl From<SignatureConfig> for ConfigView {
    fn from(it: SignatureConfig) -> Self {
        Self {
            signature_mode: it.mode,
            digital_certificate_id: it.credential.map(|it| it.to_string()),
            auto_sign: it.auto_sign,
            notify_on_expiration: it.notify,
        }
    }
}

/// `GET /api/certificates/signature-config`
async fn config(api: Api, scope: Scope) -> Result<Json<ConfigView>, ApiError> {
    Ok(Json(certificates::config(&api.app, &scope).await?.into()))
}

/// `PUT /api/certificates/signature-config`
async fn set_config(api: Api, scope: Scope, Body(form): Body<ConfigView>) -> Result<Json<ConfigView>, ApiError> {
    let bad = |_| ApiError::field("/digitalCertificateId", Code::IdFormat);
    let credential = form.digital_certificate_id.as_deref().map(str::parse).transpose().map_err(bad)?;
    let current = certificates::config(&api.app, &scope).await?;
    let asked = SignatureConfig {
        mode: form.signature_mode,
        credential: credential.or(current.credential),
        auto_sign: form.auto_sign,
        notify: form.notify_on_expiration,
        revision: current.revision,
    };
    Ok(Json(certificates::set_config(&api.app, &scope, asked).await?.into()))
}

/// An RNC for which a certificate's holder signs.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Delegation)]
#[serde(rename_all = "camelCase")]
pub struct DelegationView {
    /// The RNC.
    rnc: String,
    /// From when.
    #[schema(value_type = String, format = DateTime)]
    from: Timestamp,
    /// Until when, if it ended or will.
    #[schema(value_type = Option<String>, format = DateTime)]
    to: Option<Timestamp>,
    /// Who wrote it down.
    granted_by: String,
}

impl From<fedatario_app::model::Delegation> for DelegationView {
    fn from(it: fedatario_app::model::Delegation) -> Self {
        Self { rnc: it.rnc, from: it.from, to: it.to, granted_by: it.granted_by }
    }
}

/// Those of a certificate.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Delegations)]
pub struct DelegationsView {
    /// Oldest first.
    delegations: Vec<DelegationView>,
}

/// `GET /api/certificates/{certificate}/delegations`
async fn delegations(api: Api, scope: Scope, At(id): At<CredentialId>) -> Result<Json<DelegationsView>, ApiError> {
    let history = certificates::history(&api.app, &scope, id).await?;
    Ok(Json(DelegationsView { delegations: history.delegations.into_iter().map(DelegationView::from).collect() }))
}

/// A delegation to be written down.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewDelegation {
    /// The RNC.
    #[schema(max_length = 20)]
    rnc: String,
    /// Until when, if that is known.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = DateTime)]
    to: Option<Timestamp>,
}

/// `POST /api/certificates/{certificate}/delegations`
async fn delegate(
    api: Api,
    scope: Scope,
    At(id): At<CredentialId>,
    Body(form): Body<NewDelegation>,
) -> Result<Json<DelegationView>, ApiError> {
    Ok(Json(certificates::delegate(&api.app, &scope, id, &form.rnc, form.to).await?.into()))
}

/// `DELETE /api/certificates/{certificate}/delegations/{rnc}`
async fn undelegate(api: Api, scope: Scope, At(id): At<CredentialId>, At(rnc): At<String>) -> Result<Nothing, ApiError> {
    certificates::undelegate(&api.app, &scope, id, &rnc).await?;
    Ok(Nothing)
}
