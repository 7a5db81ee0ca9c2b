//! Certificates as programs were promised to see them.

use crate::problem::ApiError;
use axum::http::StatusCode;
use fedatario_app::AppError;
use fedatario_app::certificates::Uploaded;
use fedatario_app::model::{CredentialRow, CredentialState};
use fedatario_base::Code;
use fedatario_credentials::{Certificate, IssuerStyle, TaxIdKind};
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

/// Days before its end from which a certificate in a list warns.
const WARNING_DAYS: i64 = 30;
/// Seconds of a day.
const DAY_S: i64 = 86_400;

/// The tax id in a certificate, under the name that its country gives it.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TaxIdView {
    /// Mexico.
    #[serde(skip_serializing_if = "Option::is_none")]
    rfc: Option<String>,
    /// Dominican Republic, of a company or a person.
    #[serde(skip_serializing_if = "Option::is_none")]
    rnc: Option<String>,
    /// Panama.
    #[serde(skip_serializing_if = "Option::is_none")]
    ruc: Option<String>,
    /// Whichever it is.
    tax_id: Option<String>,
    /// `rfc`, `rnc`, `cedula`, `ruc` or `other`.
    tax_id_kind: Option<&'static str>,
}

impl TaxIdView {
    fn new(certificate: &Certificate) -> Self {
        let id = certificate.tax_id();
        let of = |kinds: &[TaxIdKind]| id.filter(|it| kinds.contains(&it.kind)).map(|it| it.number.clone());
        Self {
            rfc: of(&[TaxIdKind::Rfc]),
            rnc: of(&[TaxIdKind::Rnc, TaxIdKind::Cedula]),
            ruc: of(&[TaxIdKind::Ruc]),
            tax_id: id.map(|it| it.number.clone()),
            tax_id_kind: id.map(|it| it.kind.text()),
        }
    }
}

/// A certificate that was just let in.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = UploadedCertificate)]
#[serde(rename_all = "camelCase")]
pub struct CertificateView {
    /// Whom it names, as RFC 4514 writes it.
    subject: String,
    /// Who issued it.
    issuer: String,
    /// Validity, from.
    #[schema(value_type = String, format = DateTime)]
    valid_from: Timestamp,
    /// Validity, to.
    #[schema(value_type = String, format = DateTime)]
    valid_to: Timestamp,
    /// Whole days until then; negative after.
    days_until_expiration: i64,
    #[serde(flatten)]
    tax_id: TaxIdView,
    /// SHA-1 of its bytes, for display: upper-case hex.
    fingerprint: String,
    /// SHA-256 of its bytes: its identity.
    fingerprint_sha256: String,
}

impl CertificateView {
    /// As it is at an instant.
    pub fn new(certificate: &Certificate, now: Timestamp) -> Self {
        Self {
            subject: certificate.subject().to_owned(),
            issuer: certificate.issuer(IssuerStyle::Rfc4514),
            valid_from: certificate.not_before(),
            valid_to: certificate.not_after(),
            days_until_expiration: days_until(certificate.not_after(), now),
            tax_id: TaxIdView::new(certificate),
            fingerprint: certificate.fingerprint_sha1(),
            fingerprint_sha256: sha256(certificate),
        }
    }
}

/// Whole days, rounded down: the last day has none left.
fn days_until(end: Timestamp, now: Timestamp) -> i64 {
    (end.as_second() - now.as_second()).div_euclid(DAY_S)
}

fn sha256(certificate: &Certificate) -> String {
    fedatario_app::audit_trail::hex(&certificate.fingerprint_sha256()).to_uppercase()
}

/// What an upload did.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = CertificateUploaded)]
#[serde(rename_all = "camelCase")]
pub struct UploadedView {
    success: bool,
    /// Which it is here.
    certificate_id: String,
    certificate: CertificateView,
    /// `fiel`, `csd`, `ecf` or `pa`.
    kind: &'static str,
    /// `active`, or `next` until `activateAt`.
    state: &'static str,
    /// Whose it is; null for a personal one.
    taxpayer: Option<String>,
    /// When it goes into use.
    #[schema(value_type = Option<String>, format = DateTime)]
    activate_at: Option<Timestamp>,
    /// False if this very certificate was in use already.
    changed: bool,
    /// What was noticed, as codes, and is no reason to refuse it.
    warnings: Vec<&'static str>,
}

impl UploadedView {
    /// As it is at an instant.
    pub fn new(done: Uploaded, now: Timestamp) -> Result<Self, ApiError> {
        let certificate = certificate(&done.row)?;
        Ok(Self {
            success: true,
            certificate_id: done.row.id.to_string(),
            certificate: CertificateView::new(&certificate, now),
            kind: done.row.kind.text(),
            state: done.row.state.text(),
            taxpayer: done.row.owner.taxpayer().map(|it| it.to_string()),
            activate_at: done.row.activate,
            changed: done.changed,
            warnings: done.warnings.iter().map(|it| it.slug()).collect(),
        })
    }
}

impl UploadedView {
    /// Which it is, and what it says.
    pub fn into_parts(self) -> (String, CertificateView) {
        (self.certificate_id, self.certificate)
    }
}

/// A certificate in a list.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Certificate)]
#[serde(rename_all = "camelCase")]
pub struct ListedView {
    /// Which.
    id: String,
    /// What its people call it.
    name: String,
    /// Whom it names, as RFC 4514 writes it.
    certificate_subject: String,
    /// Who issued it.
    certificate_issuer: String,
    /// Validity, from.
    #[schema(value_type = String, format = DateTime)]
    valid_from: Timestamp,
    /// Validity, to.
    #[schema(value_type = String, format = DateTime)]
    valid_to: Timestamp,
    #[serde(flatten)]
    tax_id: TaxIdView,
    /// SHA-1 of its bytes, for display: upper-case hex.
    fingerprint: String,
    /// SHA-256 of its bytes: its identity.
    fingerprint_sha256: String,
    /// SAT's twenty digits, else the serial number.
    number: String,
    /// `fiel`, `csd`, `ecf` or `pa`.
    kind: &'static str,
    /// `active`, `next`, `replaced`, `blocked` or `destroyed`.
    state: &'static str,
    /// Why it is blocked, or may not be put into use: the authority's code, or one of ours.
    reason: Option<String>,
    /// Whose it is; null for a personal one.
    taxpayer: Option<String>,
    /// Whose it is, if a person's.
    user: Option<String>,
    is_active: bool,
    /// The one that is used when none is named.
    is_default: bool,
    /// Whole days until its end; negative after.
    days_until_expiration: i64,
    is_expired: bool,
    /// Whether it ends within 30 days.
    expiring_warning: bool,
    /// When it goes into use, while it waits.
    #[schema(value_type = Option<String>, format = DateTime)]
    activate_at: Option<Timestamp>,
    /// When another took its place.
    #[schema(value_type = Option<String>, format = DateTime)]
    replaced_at: Option<Timestamp>,
    /// Until when its key rests after that.
    #[schema(value_type = Option<String>, format = DateTime)]
    kept_until: Option<Timestamp>,
    /// Who put it in.
    uploaded_by: String,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
}

impl ListedView {
    /// As it is at an instant.
    pub fn new(row: &CredentialRow, now: Timestamp) -> Result<Self, ApiError> {
        let certificate = certificate(row)?;
        let days = days_until(row.not_after, now);
        let is_active = row.state == CredentialState::Active;
        Ok(Self {
            id: row.id.to_string(),
            name: row.name.clone(),
            certificate_subject: certificate.subject().to_owned(),
            certificate_issuer: certificate.issuer(IssuerStyle::Rfc4514),
            valid_from: row.not_before,
            valid_to: row.not_after,
            tax_id: TaxIdView::new(&certificate),
            fingerprint: certificate.fingerprint_sha1(),
            fingerprint_sha256: sha256(&certificate),
            number: row.number.clone(),
            kind: row.kind.text(),
            state: row.state.text(),
            reason: row.reason.clone(),
            taxpayer: row.owner.taxpayer().map(|it| it.to_string()),
            user: row.owner.user().map(|it| it.to_string()),
            is_active,
            is_default: is_active,
            days_until_expiration: days,
            is_expired: now > row.not_after,
            expiring_warning: now <= row.not_after && days <= WARNING_DAYS,
            activate_at: row.activate,
            replaced_at: row.replaced,
            kept_until: row.keep_until,
            uploaded_by: row.uploaded_by.clone(),
            created_at: row.created,
        })
    }

    /// What a page goes on after.
    pub fn key(&self) -> String {
        self.id.clone()
    }
}

/// Those in use, or those of one owner.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Certificates)]
pub struct Listing {
    /// Always true: a refusal is a problem document.
    pub success: bool,
    /// Newest first.
    pub certificates: Vec<ListedView>,
    /// Whether there are older ones that are not told here.
    pub more: bool,
}

fn certificate(row: &CredentialRow) -> Result<Certificate, ApiError> {
    Ok(Certificate::parse(&row.certificate).map_err(AppError::from)?)
}

/// The two refusals that were promised with a status of their own; the exact reason stands beside them.
pub fn refused(error: AppError) -> ApiError {
    let reason = error.code();
    match reason {
        Code::KeyPassword => ApiError::new(Code::CertificatePassword).because(error),
        Code::CertificateFormat | Code::CertificateSubject | Code::KeyFormat | Code::Pkcs12Format | Code::Pkcs12Bounds => {
            ApiError::new(Code::CertificateFormat).promised(StatusCode::BAD_REQUEST).member("reason", reason.slug()).because(error)
        }
        _ => error.into(),
    }
}
