//! `/api/sign`: documents signed on request, who may have them signed, what a signature is worth; and
//! every use of a certificate's key.

use super::sign_batch;
use crate::answer::{Answer, Created, Json, Nothing, Paged, json_response};
use crate::api::Api;
use crate::call::{Asked, Call};
use crate::describe::Description;
use crate::extract::{At, Body, Caller, Extract, Page, Query, Raw};
use crate::operation::Operation;
use crate::problem::{ApiError, Findings};
use crate::routing::Routes;
use axum::body::Body as Bytes;
use axum::http::HeaderValue;
use axum::http::header::{ACCEPT, CONTENT_TYPE};
use axum::response::Response;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use fedatario_app::audit_trail::hex;
use fedatario_app::certificates::{COME_BACK, Turns};
use fedatario_app::signing::grants::{self, GrantAsked};
use fedatario_app::signing::ports::SignatureRow;
use fedatario_app::signing::verify::{Expected, Outside, Report, Standing, report};
use fedatario_app::signing::{self, DOCUMENT_BYTES, Grant, Kind, Sealed, Wish};
use fedatario_app::trust::model::RevocationState;
use fedatario_app::trust::{self, Chain};
use fedatario_base::id::{CredentialId, GrantId, TaxpayerId};
use fedatario_base::{Code, Permission, Scope};
use fedatario_credentials::IssuerStyle;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::sync::LazyLock;
use utoipa::{IntoParams, ToSchema};

/// The header that digests an answer's body (RFC 9530).
pub const REPR_DIGEST: &str = "repr-digest";

/// What signing may refuse.
const REFUSALS: &[Code] = &[
    Code::TaxpayerRequired,
    Code::CredentialMissing,
    Code::CredentialBlocked,
    Code::CertificateExpired,
    Code::CertificateNotYetValid,
    Code::StepUpRequired,
    Code::PurposeRefused,
    Code::ProfileRefused,
    Code::DocumentForeign,
    Code::DocumentSigned,
    Code::SignatureGrantMissing,
    Code::SignatureGrantProfile,
    Code::SignatureGrantExpired,
    Code::SignatureGrantRevoked,
    Code::SignatureGrantAmount,
    Code::SignatureGrantCurrency,
    Code::SignatureGrantUnread,
    Code::XmlMalformed,
    Code::XmlDoctype,
    Code::XmlTooLarge,
    Code::XmlTooDeep,
];

/// Signatures that are verified at once: each takes a core for as long as its document is large.
const VERIFYING_AT_MOST: usize = 2;
/// Who may wait for that.
const WAITING_AT_MOST: usize = 16;

static VERIFYING: LazyLock<Turns> = LazyLock::new(|| Turns::new(VERIFYING_AT_MOST, WAITING_AT_MOST));

/// The operations of this module.
pub fn routes() -> Routes {
    Routes::of("sign")
        .add(
            Operation::post("/api/sign/xml", "sign.xml", "Signs a document, or many")
                .needs(Permission::CredentialSign)
                .idempotency_required()
                .body_at_most(sign_batch::BATCH_BYTES)
                .audits("signature.ended")
                .refuses(REFUSALS)
                .notes(
                    "`application/xml` is answered as XML with `Repr-Digest`, or as JSON where `Accept` asks for it: the document \
                     in base64, its digests, the credential, its counter and the entries of the audit chain. \
                     `application/x-ndjson` signs a document a line, `{\"id\", \"taxpayer\", \"profile\", \"document\"}` with the \
                     document in base64, and answers a line each, in order: the same JSON, or `{\"line\", \"id\", \"code\"}`. \
                     Without `taxpayer` it is the person's own certificate, if they sign with that, or the only taxpayer's. \
                     Sessions and requests at authorities are never signed here.",
                ),
            sign,
        )
        .add(
            Operation::post("/api/sign/verify", "sign.verify", "What a signature is worth, and what it does not cover")
                .signed_in()
                .idempotency_ignored()
                .body_at_most(DOCUMENT_BYTES)
                .refuses(&[Code::XmlMalformed, Code::XmlDoctype, Code::XmlTooLarge, Code::XmlTooDeep, Code::Busy])
                .notes(
                    "`valid` is the signature itself; chain, dates, purpose and revocation are told apart, each `good`, `bad` or \
                     `unknown`. `not_covered` is null where everything was signed.",
                ),
            verify,
        )
        .add(
            Operation::get("/api/sign/grants", "sign.grants.list", "Who may have what signed").needs(Permission::CredentialRead),
            list,
        )
        .add(
            Operation::post("/api/sign/grants", "sign.grants.give", "Lets a program or a person have documents signed")
                .needs(Permission::CredentialSign)
                .step_up()
                .audits("signature.grant.given").changes()
                .refuses(&[Code::SignatureGrantFormat, Code::SessionRequired])
                .example(
                    r#"{"principal":"key_01h455vb4pex5vsknk084sn02q","certificate":"crd_01h455vb4pex5vsknk084sn02q","profile":"plain","not_after":"2027-01-01T00:00:00Z"}"#,
                )
                .notes("With a cap only documents are signed whose total is read: `Total` of a CFDI, `MontoTotal` of an e-CF."),
            give,
        )
        .add(
            Operation::delete("/api/sign/grants/{grant}", "sign.grants.revoke", "Takes a grant back")
                .needs(Permission::CredentialSign)
                .step_up()
                .audits("signature.grant.revoked").changes()
                .refuses(&[Code::SessionRequired]),
            revoke,
        )
        .add(
            Operation::get(
                "/api/certificates/{certificate}/signatures",
                "certificates.signatures",
                "Every use of a certificate's key",
            )
            .needs(Permission::CredentialRead)
            .notes("Newest first; the counter has no gaps. A signature without an outcome is under way."),
            usage,
        )
}

/// What the caller would read.
pub struct Wants {
    is_json: bool,
}

impl Extract for Wants {
    fn describe(_: &mut Description) {}

    async fn extract(call: &mut Call) -> Result<Self, ApiError> {
        let accept = call.header(ACCEPT.as_str()).unwrap_or_default();
        let first = accept.split(',').next().unwrap_or_default();
        Ok(Self { is_json: media(first) == "application/json" })
    }
}

/// The type without its parameters.
fn media(text: &str) -> String {
    text.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

/// Which certificate, and how.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct How {
    /// With whose certificate; without it the person's own, or the only taxpayer's.
    taxpayer: Option<String>,
    /// `plain` (the default) or `dgii`.
    profile: Option<String>,
}

impl How {
    fn wish(self, is_stepped_up: bool) -> Result<Wish, ApiError> {
        wish(self.taxpayer.as_deref(), self.profile.as_deref(), is_stepped_up, "?")
    }
}

/// A wish as it is worded in a query or a line.
pub(super) fn wish(taxpayer: Option<&str>, profile: Option<&str>, is_stepped_up: bool, place: &str) -> Result<Wish, ApiError> {
    let mut findings = Findings::default();
    let taxpayer: Option<TaxpayerId> = taxpayer.and_then(|it| findings.parsed(&format!("{place}taxpayer"), it, Code::IdFormat));
    let kind = Kind::from_text(profile.unwrap_or(Kind::Plain.text()));
    findings.check(kind.is_some(), &format!("{place}profile"), Code::FieldInvalid);
    findings.done()?;
    Ok(Wish { taxpayer, kind: kind.unwrap_or_default(), is_stepped_up })
}

/// A document that was signed.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Signed)]
pub struct SignedView {
    /// The signed document, in base64.
    document: String,
    /// Its SHA-256.
    sha256: String,
    /// SHA-256 of the bytes handed in.
    handed_in_sha256: String,
    /// The certificate that signed.
    certificate: String,
    /// Its number among the signatures of that certificate.
    counter: u64,
    /// The entries of the audit chain: the intent and what became of it.
    entries: [u64; 2],
    /// The local name of the document's root.
    root: String,
}

impl From<&Sealed> for SignedView {
    fn from(it: &Sealed) -> Self {
        Self {
            document: STANDARD.encode(&it.document),
            sha256: hex(&it.digest),
            handed_in_sha256: hex(&it.handed_in),
            certificate: it.credential.to_string(),
            counter: it.counter,
            entries: [it.intended, it.ended],
            root: it.root.clone(),
        }
    }
}

/// What signing answers with.
pub enum SignedAnswer {
    /// The document itself.
    Xml(Sealed),
    /// With what is known of it.
    Json(SignedView),
    /// A line each.
    Lines(Bytes),
}

impl Answer for SignedAnswer {
    fn describe(description: &mut Description) {
        let schema = description.schema::<SignedView>();
        description.answers(200, "The signed document.", Some(("application/xml", json!({ "type": "string" }))));
        description.header("Repr-Digest", "SHA-256 of the signed document (RFC 9530).");
        description.answers(
            200,
            "The same as JSON, where it is asked for; of NDJSON a line each.",
            Some(("application/json", schema)),
        );
    }

    fn answer(self, _: &Call) -> Result<Response, ApiError> {
        match self {
            Self::Xml(sealed) => {
                let digest = format!("sha-256=:{}:", STANDARD.encode(sealed.digest));
                let digest = HeaderValue::try_from(digest).map_err(|error| ApiError::new(Code::Internal).because(error))?;
                let mut response = Response::new(Bytes::from(sealed.document));
                response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/xml"));
                response.headers_mut().insert(REPR_DIGEST, digest);
                Ok(response)
            }
            Self::Json(view) => json_response(axum::http::StatusCode::OK, &view),
            Self::Lines(lines) => {
                let mut response = Response::new(lines);
                response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/x-ndjson"));
                Ok(response)
            }
        }
    }
}

/// `POST /api/sign/xml`
async fn sign(
    api: Api,
    asked: Asked,
    caller: Caller,
    wants: Wants,
    Query(how): Query<How>,
    raw: Raw,
) -> Result<SignedAnswer, ApiError> {
    let is_stepped_up = caller.0.is_stepped_up;
    match media(&raw.media).as_str() {
        "application/xml" | "text/xml" => {
            let sealed = one(&api, &caller.0.scope, how.wish(is_stepped_up)?, &raw.bytes).await?;
            Ok(if wants.is_json { SignedAnswer::Json((&sealed).into()) } else { SignedAnswer::Xml(sealed) })
        }
        "application/x-ndjson" => {
            let (taxpayer, profile) = (how.taxpayer, how.profile);
            let lines = sign_batch::signed(api, caller.0, asked.language, (taxpayer, profile), raw.bytes)?;
            Ok(SignedAnswer::Lines(lines))
        }
        _ => Err(ApiError::new(Code::MediaType).member("accepts", "application/xml, application/x-ndjson")),
    }
}

/// Signs one document within its bound.
pub(super) async fn one(api: &Api, scope: &Scope, wish: Wish, document: &[u8]) -> Result<Sealed, ApiError> {
    if document.len() > DOCUMENT_BYTES {
        return Err(ApiError::new(Code::BodyTooLarge).member("at_most_bytes", DOCUMENT_BYTES));
    }
    Ok(signing::sign(&api.app, scope, wish, document).await?)
}

/// Which signature is expected.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Expecting {
    /// `plain`, `dgii`, `sat_token` or `sat_request`; without it whatever the document's own reference says.
    profile: Option<String>,
}

/// What a signature is worth.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = SignatureReport)]
pub struct ReportView {
    /// Whether the signature itself is good: of the signer's key, over what is here.
    valid: bool,
    /// Why it is not.
    code: Option<&'static str>,
    /// The profile that it was verified under; `element` for one element by its Id.
    profile: &'static str,
    /// What was signed: root, namespace, reference, bytes, digest.
    #[schema(value_type = Option<Object>)]
    signed: Option<Value>,
    /// By whom: subject, tax id, serial number, fingerprint, validity; only claimed if it is not valid.
    #[schema(value_type = Option<Object>)]
    signer: Option<Value>,
    /// Whether the chain reaches a configured authority: `state` is `good`, `bad` (with a code) or `unknown`.
    #[schema(value_type = Object)]
    chain: Value,
    /// Whether the certificate was within its dates now; likewise.
    #[schema(value_type = Object)]
    dates: Value,
    /// Whether such documents are signed with certificates of its kind; likewise.
    #[schema(value_type = Object)]
    purpose: Value,
    /// Whether it was revoked.
    revocation: &'static str,
    /// Elements that nobody signed, as paths, and how many, with the comments, which no signature covers, and the
    /// processing instructions outside of what was signed; null if everything was.
    #[schema(value_type = Option<Object>)]
    not_covered: Option<Value>,
}

fn standing(it: Standing) -> Value {
    json!({ "state": it.text(), "code": it.code().map(Code::slug) })
}

impl From<Report> for ReportView {
    fn from(it: Report) -> Self {
        let signer = it.signer.as_ref().map(|signer| {
            json!({
                "subject": signer.subject(), "issuer": signer.issuer(IssuerStyle::Phpcfdi),
                "tax_id": signer.tax_id().map(|it| it.number.clone()),
                "serial": signer.serial_decimal(), "fingerprint_sha256": hex(&signer.fingerprint_sha256()),
                "not_before": signer.not_before().to_string(), "not_after": signer.not_after().to_string(),
            })
        });
        let signed = it.signed.as_ref().ok().map(|signed| {
            let root = signed.root();
            json!({
                "root": root.local(), "namespace": root.namespace(), "reference": signed.reference(),
                "bytes": signed.octets().len(), "digest": STANDARD.encode(signed.digest()),
            })
        });
        let outside = |it: Outside| json!({ "elements": it.elements, "paths": it.paths, "comments": it.comments, "instructions": it.instructions });
        Self {
            valid: signed.is_some(),
            code: it.signed.as_ref().err().map(|it| it.code().slug()),
            profile: it.profile,
            signed,
            signer,
            chain: standing(it.chain),
            dates: standing(it.dates),
            purpose: standing(it.purpose),
            revocation: it.revocation.text(),
            not_covered: it.outside.map(outside),
        }
    }
}

/// `POST /api/sign/verify`
async fn verify(api: Api, scope: Scope, Query(expecting): Query<Expecting>, raw: Raw) -> Result<Json<ReportView>, ApiError> {
    let expected = match expecting.profile.as_deref() {
        None => Expected::Any,
        Some(text) => Expected::from_text(text).ok_or_else(|| ApiError::field("?profile", Code::FieldInvalid))?,
    };
    let at = api.app.clock.service();
    let turn = VERIFYING.take().await.ok_or_else(|| ApiError::new(Code::Busy).retry_after(COME_BACK))?;
    let reported = tokio::task::spawn_blocking(move || {
        let report = report(&raw.bytes, expected, &[], at);
        drop(turn);
        report
    });
    let reported = reported.await;
    let reported = reported.map_err(|error| ApiError::new(Code::Internal).because(error))?;
    let mut report = reported.map_err(|error| ApiError::new(error.code()).because(error))?;
    if let Some(signer) = &report.signer {
        (report.chain, report.revocation) = stands(&trust::standing(&api.app, &scope, signer).await?);
    }
    Ok(Json(report.into()))
}

/// What the configured authorities say of whoever signed, in the three words of a report.
fn stands(it: &trust::Standing) -> (Standing, Standing) {
    let chain = match &it.chain {
        Chain::Trusted(_) => Standing::Good,
        Chain::Untrusted(error) => Standing::Bad(error.code()),
        Chain::Unknown => Standing::Unknown,
    };
    let revocation = match it.revocation.state {
        RevocationState::Good => Standing::Good,
        RevocationState::Revoked => Standing::Bad(Code::CertificateRevoked),
        RevocationState::Unknown => Standing::Unknown,
    };
    (chain, revocation)
}

/// A grant to sign.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = SignatureGrant)]
pub struct GrantView {
    /// Its id.
    id: String,
    /// Who may have documents signed: a user or an API key.
    principal: String,
    /// With which certificate.
    certificate: String,
    /// `plain` or `dgii`.
    profile: String,
    /// Until when.
    #[schema(value_type = String, format = DateTime)]
    not_after: Timestamp,
    /// Up to which total of a document; null without a cap.
    max_amount: Option<String>,
    /// The currency of the cap.
    currency: Option<String>,
    /// Who gave it.
    created_by: String,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    /// When it was taken back.
    #[schema(value_type = Option<String>, format = DateTime)]
    revoked_at: Option<Timestamp>,
}

impl From<Grant> for GrantView {
    fn from(it: Grant) -> Self {
        let (max_amount, currency) = it.cap.map(|it| (it.value.to_string(), it.currency)).unzip();
        Self {
            id: it.id.to_string(),
            principal: it.principal,
            certificate: it.credential.to_string(),
            profile: it.profile,
            not_after: it.not_after,
            max_amount,
            currency,
            created_by: it.created_by,
            created_at: it.created,
            revoked_at: it.revoked,
        }
    }
}

/// `GET /api/sign/grants`
async fn list(api: Api, scope: Scope, page: Page) -> Result<Paged<GrantView>, ApiError> {
    let rows = grants::page(&api.app, &scope, page.after::<GrantId>()?, page.limit + 1).await?;
    Ok(Paged::new(&page, rows.into_iter().map(GrantView::from).collect(), |it| it.id.clone()))
}

/// A grant as it is asked for.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = NewSignatureGrant)]
#[serde(deny_unknown_fields)]
pub struct NewGrant {
    /// A user's or an API key's id.
    principal: String,
    /// A certificate's id.
    certificate: String,
    /// `plain` or `dgii`.
    profile: String,
    /// Until when; within four years.
    #[schema(value_type = String, format = DateTime)]
    not_after: Timestamp,
    /// Up to which total of a document.
    max_amount: Option<String>,
    /// The currency of the cap (ISO 4217).
    currency: Option<String>,
}

/// `POST /api/sign/grants`
async fn give(api: Api, scope: Scope, Body(form): Body<NewGrant>) -> Result<Created<GrantView>, ApiError> {
    let mut findings = Findings::default();
    let credential: Option<CredentialId> = findings.parsed("/certificate", &form.certificate, Code::IdFormat);
    let kind = Kind::from_text(&form.profile);
    findings.check(kind.is_some(), "/profile", Code::FieldInvalid);
    findings.check(form.max_amount.is_some() == form.currency.is_some(), "/currency", Code::SignatureGrantFormat);
    findings.done()?;
    let (Some(credential), Some(kind)) = (credential, kind) else { return Err(ApiError::new(Code::Internal)) };
    let cap = form.max_amount.zip(form.currency);
    let asked = GrantAsked { principal: form.principal, credential, kind, not_after: form.not_after, cap };
    let given = grants::give(&api.people, &scope, asked).await?;
    Ok(Created { location: format!("/api/sign/grants/{}", given.id), body: given.into() })
}

/// `DELETE /api/sign/grants/{grant}`
async fn revoke(api: Api, scope: Scope, At(id): At<GrantId>) -> Result<Nothing, ApiError> {
    grants::revoke(&api.app, &scope, id).await?;
    Ok(Nothing)
}

/// One use of a certificate's key.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = SignatureUse)]
pub struct UseView {
    /// Its number among the signatures of the certificate, from 1 without gaps.
    counter: u64,
    /// Who asked.
    actor: String,
    /// For whom, where a job did.
    on_behalf_of: Option<String>,
    /// `plain`, `dgii`, `sat_token` or `sat_request`.
    profile: String,
    /// `document`, `session` or `request`.
    purpose: String,
    /// The local name of the document's root.
    root: String,
    /// SHA-256 of the bytes handed in.
    document_sha256: String,
    /// SHA-256 of the signed document.
    signed_sha256: Option<String>,
    /// The total that was read.
    amount: Option<String>,
    /// Its currency.
    currency: Option<String>,
    /// By which grant, where one was needed.
    grant: Option<String>,
    /// When it was asked for.
    #[schema(value_type = String, format = DateTime)]
    intended_at: Timestamp,
    /// When it ended.
    #[schema(value_type = Option<String>, format = DateTime)]
    ended_at: Option<Timestamp>,
    /// `done`, `failed` or `uncertain`; null while it is under way.
    outcome: Option<String>,
    /// Why it failed.
    code: Option<String>,
    /// The entries of the audit chain.
    entries: Vec<u64>,
}

impl From<SignatureRow> for UseView {
    fn from(it: SignatureRow) -> Self {
        let (amount, currency) = it.amount.map(|it| (it.value.to_string(), it.currency)).unzip();
        Self {
            counter: it.counter,
            actor: it.actor,
            on_behalf_of: it.on_behalf,
            profile: it.profile,
            purpose: it.purpose,
            root: it.root,
            document_sha256: hex(&it.document),
            signed_sha256: it.signed.map(|it| hex(&it)),
            amount,
            currency,
            grant: it.grant.map(|it| it.to_string()),
            intended_at: it.intended.0,
            ended_at: it.ended.map(|it| it.0),
            outcome: it.outcome,
            code: it.code,
            entries: [Some(it.intended.1), it.ended.map(|it| it.1)].into_iter().flatten().collect(),
        }
    }
}

/// `GET /api/certificates/{certificate}/signatures`
async fn usage(api: Api, scope: Scope, At(id): At<CredentialId>, page: Page) -> Result<Paged<UseView>, ApiError> {
    let rows = signing::usage(&api.app, &scope, id, page.after::<u64>()?, page.limit + 1).await?;
    Ok(Paged::new(&page, rows.into_iter().map(UseView::from).collect(), |it| it.counter.to_string()))
}
