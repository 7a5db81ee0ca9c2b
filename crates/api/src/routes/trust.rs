//! `/api/sign/certificate/validate`: a certificate looked at before anybody relies on it. Nothing is kept of it.

use super::certificate_views;
use crate::answer::Json;
use crate::api::Api;
use crate::call::Asked;
use crate::form::{Field, Fields, Form, Kind};
use crate::operation::Operation;
use crate::problem::ApiError;
use crate::routing::Routes;
use fedatario_app::AppError;
use fedatario_app::certificates::COME_BACK;
use fedatario_app::trust::model::RevocationState;
use fedatario_app::trust::{self, Chain, Revocation};
use fedatario_base::text::say;
use fedatario_base::{Code, Permission, Scope, Secret};
use fedatario_credentials::{Certificate, CredentialError, FileKind, IssuerStyle, Pair, PrivateKey, Purpose};
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

/// Bytes of a form: an archive of 256 KiB at most, and what surrounds it.
const FORM_BYTES: usize = 512 << 10;
/// Seconds of a day.
const DAY_S: i64 = 24 * 3_600;

/// The operations of this module.
pub fn routes() -> Routes {
    Routes::of("sign").add(
        Operation::post("/api/sign/certificate/validate", "sign.certificate.validate", "Whether a certificate can be relied on")
            .needs(Permission::CredentialRead)
            .idempotency_ignored()
            .body_at_most(FORM_BYTES)
            .refuses(&[Code::CertificatePassword, Code::CertificateFormat, Code::Busy])
            .notes(
                "Send `file`: a `.p12` or `.pfx` with `password`, a certificate alone, or a certificate with `key` and `password`. \
                 Nothing is stored. What cannot be opened is 400; whatever opens is answered 200, and everything that speaks against it \
                 stands in `reasons` with the code that an upload would be refused with. Revocation is asked by a job, at configured \
                 addresses only: until it is answered the state is `unknown`, never `good`. Other certificates of an archive are \
                 used for the way up to a configured authority, as an upload uses them, and prove nothing by themselves.",
            ),
        validate,
    )
}

/// What is to be looked at.
pub struct Looked;

impl Fields for Looked {
    const FIELDS: &'static [Field] = &[
        Field { name: "file", kind: Kind::File, required: true, text: "`.p12`, `.pfx`, or a certificate in DER or PEM." },
        Field { name: "key", kind: Kind::File, required: false, text: "The private key, `.key`." },
        Field { name: "password", kind: Kind::Password, required: false, text: "The password of the archive or key." },
    ];
}

/// What a certificate says.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ValidatedCertificate)]
pub struct CertificateView {
    /// To whom.
    subject: String,
    /// By whom.
    issuer: String,
    /// Its number: SAT's twenty digits, else the serial number in hex.
    number: String,
    /// The name of its holder.
    name: String,
    /// The first instant of its validity.
    #[schema(value_type = String, format = DateTime)]
    valid_from: Timestamp,
    /// The last.
    #[schema(value_type = String, format = DateTime)]
    valid_to: Timestamp,
    /// Whole days from now to its end; below zero when it is over.
    days_until_expiration: i64,
    /// Whether its time is over.
    is_expired: bool,
    /// `fiel`, `csd`, `ecf`, `pa`, `authority` or `other`.
    purpose: &'static str,
    /// The tax id in it.
    tax_id: Option<String>,
    /// `rfc`, `rnc`, `cedula`, `ruc` or `other`.
    tax_id_kind: Option<&'static str>,
    /// The check digits beside a RUC.
    tax_id_check_digits: Option<String>,
    /// Bits of its RSA key.
    key_bits: u32,
    /// SHA-1, for display.
    fingerprint: String,
    /// SHA-256: its identity.
    fingerprint_sha256: String,
}

/// The way to an authority.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ValidatedChain)]
pub struct ChainView {
    /// `trusted`, `untrusted`, or `unknown` where no authority of its country is configured.
    state: &'static str,
    /// The subjects from the certificate up to the authority.
    path: Vec<String>,
    /// Why it ends nowhere.
    reason: Option<String>,
}

/// What its authority says of it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ValidatedRevocation)]
pub struct RevocationView {
    /// `good`, `revoked` or `unknown`.
    state: &'static str,
    /// When the authority was last asked.
    #[schema(value_type = Option<String>, format = DateTime)]
    checked_at: Option<Timestamp>,
    /// Until when its word counts.
    #[schema(value_type = Option<String>, format = DateTime)]
    valid_until: Option<Timestamp>,
    /// Since when it is revoked.
    #[schema(value_type = Option<String>, format = DateTime)]
    revoked_at: Option<Timestamp>,
    /// Why it is revoked.
    reason: Option<String>,
    /// Who said so.
    source: Option<String>,
    /// Why nothing is known.
    why: Option<String>,
}

/// What speaks against it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ValidatedReason)]
pub struct ReasonView {
    /// The code that an upload would be refused with.
    code: &'static str,
    /// The same for people.
    title: String,
    /// What to do about it.
    detail: String,
}

/// How a certificate stands.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = CertificateValidation)]
pub struct ValidationView {
    /// Whether nothing speaks against it.
    success: bool,
    /// What it says.
    certificate: CertificateView,
    /// Whether a private key came with it.
    has_private_key: bool,
    /// Whether that key is the certificate's; null without one.
    key_matches: Option<bool>,
    /// The way to an authority.
    chain: ChainView,
    /// What its authority says of it.
    revocation: RevocationView,
    /// Everything that speaks against it.
    reasons: Vec<ReasonView>,
}

/// What was sent, opened.
struct Opened {
    certificate: Certificate,
    /// Others of the same file.
    along: Vec<Certificate>,
    key_matches: Option<bool>,
}

/// `POST /api/sign/certificate/validate`
async fn validate(api: Api, asked: Asked, scope: Scope, mut form: Form<Looked>) -> Result<Json<ValidationView>, ApiError> {
    let file = form.take("file").ok_or_else(|| ApiError::field("/file", Code::FieldMissing))?;
    let (key, password) = (form.take("key"), form.take("password"));
    if password.is_none() && (FileKind::of(file.expose()) == Some(FileKind::Pkcs12) || key.is_some()) {
        return Err(ApiError::field("/password", Code::FieldMissing));
    }
    // In one queue with uploads: a core that opens a file is a core, whatever becomes of the file.
    let turn = api.app.vault.opening().take().await.ok_or_else(|| ApiError::new(Code::Busy).retry_after(COME_BACK))?;
    let opening = tokio::task::spawn_blocking(move || {
        let opened = open(&file, key.as_ref(), &password.unwrap_or_else(|| Secret::new("")));
        drop(turn);
        opened
    });
    let opened = opening
        .await
        .map_err(|error| ApiError::new(Code::Internal).because(error))?
        .map_err(|error| certificate_views::refused(AppError::from(error)))?;
    let standing = trust::standing_by(&api.app, &scope, &opened.certificate, &opened.along).await?;
    let found = reasons(&opened, &standing.chain, &standing.revocation, standing.at);
    let said = |key: &str| say(asked.language, key, &[]);
    let told =
        |code: Code| ReasonView { code: code.slug(), title: said(code.slug()), detail: said(&format!("{}.fix", code.slug())) };
    Ok(Json(ValidationView {
        success: found.is_empty(),
        certificate: certificate_view(&opened.certificate, standing.at),
        has_private_key: opened.key_matches.is_some(),
        key_matches: opened.key_matches,
        chain: chain_view(&standing.chain),
        revocation: revocation_view(standing.revocation),
        reasons: found.into_iter().map(told).collect(),
    }))
}

/// A certificate of its own, beside a key, or out of an archive. A key that is another certificate's is told as
/// such, and not refused: whoever asks wants to know.
fn open(file: &Secret, key: Option<&Secret>, password: &Secret) -> Result<Opened, CredentialError> {
    match (FileKind::of(file.expose()), key) {
        (Some(FileKind::Pkcs12), None) => {
            let pair = Pair::from_pkcs12(file.expose(), password)?;
            let along = pair.along().to_vec();
            Ok(Opened { certificate: pair.into_parts().0, along, key_matches: Some(true) })
        }
        (Some(FileKind::Pkcs12), Some(_)) => Err(CredentialError::KeyFormat("a key beside an archive that holds one")),
        (Some(FileKind::PlainKey | FileKind::EncryptedKey), _) => {
            Err(CredentialError::CertificateFormat("a key, and no certificate"))
        }
        (_, None) => Ok(Opened { certificate: Certificate::parse(file.expose())?, along: Vec::new(), key_matches: None }),
        (_, Some(key)) => {
            let certificate = Certificate::parse(file.expose())?;
            let matches = PrivateKey::open(key.expose(), password)?.belongs_to(&certificate);
            Ok(Opened { certificate, along: Vec::new(), key_matches: Some(matches) })
        }
    }
}

fn reasons(opened: &Opened, chain: &Chain, revocation: &Revocation, now: Timestamp) -> Vec<Code> {
    let it = &opened.certificate;
    let purpose = match it.purpose() {
        Purpose::Authority => Some(Code::CertificatePurpose),
        Purpose::Other => Some(Code::CertificateSubject),
        _ => it.tax_id().is_none().then_some(Code::CertificateSubject),
    };
    let all = [
        it.check_valid_at(now).err().map(|error| error.code()),
        (opened.key_matches == Some(false)).then_some(Code::KeyMismatch),
        purpose,
        matches!(chain, Chain::Untrusted(_)).then_some(Code::CertificateChain),
        (revocation.state == RevocationState::Revoked).then_some(Code::CertificateRevoked),
    ];
    all.into_iter().flatten().collect()
}

fn certificate_view(it: &Certificate, now: Timestamp) -> CertificateView {
    let tax_id = it.tax_id();
    let left = it.not_after().duration_since(now).as_secs();
    CertificateView {
        subject: it.subject().to_owned(),
        issuer: it.issuer(IssuerStyle::Rfc4514),
        number: it.number().to_owned(),
        name: it.name().to_owned(),
        valid_from: it.not_before(),
        valid_to: it.not_after(),
        days_until_expiration: left.div_euclid(DAY_S),
        is_expired: now > it.not_after(),
        purpose: it.purpose().text(),
        tax_id: tax_id.map(|it| it.number.clone()),
        tax_id_kind: tax_id.map(|it| it.kind.text()),
        tax_id_check_digits: tax_id.and_then(|it| it.check_digits.clone()),
        key_bits: it.key_bits(),
        fingerprint: it.fingerprint_sha1(),
        fingerprint_sha256: trust::name_of(it),
    }
}

fn chain_view(chain: &Chain) -> ChainView {
    let (path, reason) = match chain {
        Chain::Trusted(path) => (path.iter().map(|it| it.subject().to_owned()).collect(), None),
        Chain::Untrusted(error) => (Vec::new(), Some(error.to_string())),
        Chain::Unknown => (Vec::new(), None),
    };
    ChainView { state: chain.text(), path, reason }
}

fn revocation_view(it: Revocation) -> RevocationView {
    RevocationView {
        state: it.state.text(),
        checked_at: it.checked_at,
        valid_until: it.until,
        revoked_at: it.revoked_at,
        reason: it.reason,
        source: it.source,
        why: it.why,
    }
}
