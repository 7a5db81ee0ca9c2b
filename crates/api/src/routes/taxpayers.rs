//! `/api/taxpayers`: the fiscal identities of the tenant.

use crate::answer::{Created, Json, Paged};
use crate::api::Api;
use crate::extract::{At, Body, Page};
use crate::operation::Operation;
use crate::problem::ApiError;
use crate::routing::Routes;
use fedatario_app::model::{Environment, Taxpayer, TaxpayerKind};
use fedatario_app::taxpayers::{self, TaxpayerAsked};
use fedatario_base::id::TaxpayerId;
use fedatario_base::{Code, Permission, Scope};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The operations of this module.
pub fn routes() -> Routes {
    Routes::of("taxpayers")
        .add(Operation::get("/api/taxpayers", "taxpayers.list", "Taxpayers of the tenant").needs(Permission::TaxpayerRead), list)
        .add(
            Operation::post("/api/taxpayers", "taxpayers.register", "Registers a taxpayer without a credential")
                .needs(Permission::TaxpayerWrite)
                .notes(
                    "The shape of the tax id is refused, its check digit only told: authorities have issued numbers that fail it.",
                )
                .audits("taxpayer.added")
                .changes()
                .refuses(&[Code::RfcFormat, Code::TaxIdFormat, Code::TaxpayerName, Code::TaxpayerExists, Code::EnvironmentMismatch])
                .example(r#"{"kind":"rnc","tax_id":"131880738","name":"EMPRESA DE EJEMPLO SRL","environment":"sandbox"}"#),
            register,
        )
        .add(Operation::get("/api/taxpayers/{taxpayer}", "taxpayers.read", "One taxpayer").needs(Permission::TaxpayerRead), read)
}

/// A taxpayer.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Taxpayer)]
pub struct TaxpayerView {
    /// Which.
    pub id: String,
    /// `rfc`, `rnc` or `ruc`.
    pub kind: &'static str,
    /// The tax id, in its normal form.
    pub tax_id: String,
    /// Its name.
    pub name: String,
    /// Where its calls go: `sandbox` or `production`; fixed when it was registered.
    pub environment: &'static str,
    /// Whether the check digit holds; null where there is nothing to hold it against. A warning, no more.
    pub check_digit_holds: Option<bool>,
    /// Since when it is here.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: jiff::Timestamp,
}

impl From<Taxpayer> for TaxpayerView {
    fn from(it: Taxpayer) -> Self {
        let check = taxpayers::tax_id(it.kind, &it.tax_id, None).ok().and_then(|it| it.check_digit);
        Self {
            id: it.id.to_string(),
            kind: it.kind.text(),
            tax_id: it.tax_id,
            name: it.name,
            environment: it.environment.text(),
            check_digit_holds: check,
            created_at: it.created,
        }
    }
}

/// A taxpayer to be registered.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewTaxpayer {
    /// `rfc`, `rnc` (a cédula too) or `ruc`.
    #[schema(value_type = String, example = "rnc")]
    kind: TaxpayerKind,
    /// The tax id.
    #[schema(max_length = 32)]
    tax_id: String,
    /// The two digits beside a RUC.
    #[serde(default)]
    #[schema(max_length = 2)]
    dv: Option<String>,
    /// Its name.
    #[schema(max_length = 300)]
    name: String,
    /// `sandbox` or `production`.
    #[schema(value_type = String, example = "sandbox")]
    environment: Environment,
}

/// `GET /api/taxpayers`
async fn list(api: Api, scope: Scope, page: Page) -> Result<Paged<TaxpayerView>, ApiError> {
    let rows = taxpayers::page(&api.app, &scope, page.after()?, page.limit + 1).await?;
    Ok(Paged::new(&page, rows.into_iter().map(TaxpayerView::from).collect(), |it| it.id.clone()))
}

/// `POST /api/taxpayers`
async fn register(api: Api, scope: Scope, Body(form): Body<NewTaxpayer>) -> Result<Created<TaxpayerView>, ApiError> {
    let asked = TaxpayerAsked { kind: form.kind, tax_id: form.tax_id, dv: form.dv, name: form.name, environment: form.environment };
    let (taxpayer, id) = taxpayers::register(&api.app, &scope, asked).await?;
    let mut body = TaxpayerView::from(taxpayer);
    body.check_digit_holds = id.check_digit;
    Ok(Created { location: format!("/api/taxpayers/{}", body.id), body })
}

/// `GET /api/taxpayers/{taxpayer}`
async fn read(api: Api, scope: Scope, At(id): At<TaxpayerId>) -> Result<Json<TaxpayerView>, ApiError> {
    Ok(Json(taxpayers::one(&api.app, &scope, id).await?.into()))
}
