//! `/api/certificates/notices`: what was told of the end of certificates, and who takes care of it.

use crate::answer::{Json, Paged};
use crate::api::Api;
use crate::extract::{At, Page, Query};
use crate::operation::Operation;
use crate::problem::ApiError;
use crate::routing::Routes;
use fedatario_app::expiry;
use fedatario_app::expiry::model::NoticeRow;
use fedatario_base::id::NoticeId;
use fedatario_base::{Permission, Scope};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// The operations of this module.
pub fn routes() -> Routes {
    Routes::of("certificates")
        .add(
            Operation::get("/api/certificates/notices", "certificates.notices", "Notices of certificates that end, the newest first")
                .needs(Permission::CredentialRead)
                .notes(
                    "Made once each at 90, 60, 30, 15, 7 and 1 days before the end and when it has come (`daysBefore` is 0). One that \
                     nobody acknowledges escalates the next one to every administrator. Those of somebody's personal certificate are \
                     theirs alone.",
                ),
            list,
        )
        .add(
            Operation::post(
                "/api/certificates/notices/{notice}/acknowledge",
                "certificates.notices.acknowledge",
                "Somebody takes care of it",
            )
            .needs(Permission::CredentialRead)
            .audits("certificate.notice.acknowledged").changes()
            .notes("Earlier notices of the same certificate are acknowledged with it. Once is enough: again changes nothing."),
            acknowledge,
        )
}

/// Which notices.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Which {
    /// Only those that nobody acknowledged.
    #[serde(default)]
    open: bool,
}

/// A notice.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = CertificateNotice)]
#[serde(rename_all = "camelCase")]
pub struct NoticeView {
    /// Which.
    id: String,
    /// About which certificate.
    certificate_id: String,
    /// The taxpayer; null if it is a person's own.
    taxpayer: Option<String>,
    /// The taxpayer's tax id.
    tax_id: Option<String>,
    /// `fiel`, `csd`, `ecf` or `pa`.
    kind: &'static str,
    /// The certificate number.
    number: String,
    /// What its people call it.
    name: String,
    /// The threshold in days; 0 when the end has come.
    days_before: i64,
    /// The last instant of the certificate.
    #[schema(value_type = String, format = DateTime)]
    valid_to: Timestamp,
    /// Whether it went to every administrator, because nobody acknowledged the last.
    escalated: bool,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    /// When people were told.
    #[schema(value_type = Option<String>, format = DateTime)]
    told_at: Option<Timestamp>,
    /// When somebody acknowledged it.
    #[schema(value_type = Option<String>, format = DateTime)]
    acknowledged_at: Option<Timestamp>,
    /// Who did.
    acknowledged_by: Option<String>,
}

impl From<NoticeRow> for NoticeView {
    fn from(it: NoticeRow) -> Self {
        Self {
            id: it.notice.id.to_string(),
            certificate_id: it.notice.credential.to_string(),
            taxpayer: it.owner.taxpayer().map(|it| it.to_string()),
            tax_id: it.tax_id,
            kind: it.kind.text(),
            number: it.number,
            name: it.name,
            days_before: it.notice.days,
            valid_to: it.notice.not_after,
            escalated: it.notice.escalated,
            created_at: it.notice.at,
            told_at: it.told,
            acknowledged_at: it.acknowledged,
            acknowledged_by: it.acknowledged_by,
        }
    }
}

/// `GET /api/certificates/notices`
async fn list(api: Api, scope: Scope, page: Page, Query(which): Query<Which>) -> Result<Paged<NoticeView>, ApiError> {
    let rows = expiry::page(&api.app, &scope, which.open, page.after()?, page.limit + 1).await?;
    Ok(Paged::new(&page, rows.into_iter().map(NoticeView::from).collect(), |it| it.id.clone()))
}

/// `POST /api/certificates/notices/{notice}/acknowledge`
async fn acknowledge(api: Api, scope: Scope, At(id): At<NoticeId>) -> Result<Json<NoticeView>, ApiError> {
    Ok(Json(expiry::acknowledge(&api.app, &scope, id).await?.into()))
}
