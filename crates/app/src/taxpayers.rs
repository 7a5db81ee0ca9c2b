//! Taxpayers of a tenant, registered without a credential.
//!
//! The shape of a tax id is refused, its check digit only told: all three authorities have issued
//! numbers that fail it. An organisation's taxpayer is unique by kind and tax id.

use crate::App;
use crate::audit_trail::changes::{Telling, of_taxpayer};
use crate::audit_trail::entry;
use crate::error::{AppError, AppResult};
use crate::model::{Environment, Taxpayer, TaxpayerKind};
use crate::ports::StoreError;
use fedatario_base::id::TaxpayerId;
use fedatario_base::{Code, Permission, Scope};
use fedatario_fiscal::mx::rfc::Rfc;
use fedatario_fiscal::rnc::Rnc;
use fedatario_fiscal::ruc::Ruc;
use serde_json::Value;

/// Bytes of a taxpayer's name.
const NAME_BYTES_AT_MOST: usize = 300;

/// A taxpayer as somebody words it.
#[derive(Debug, Clone)]
pub struct TaxpayerAsked {
    /// Kind of tax id.
    pub kind: TaxpayerKind,
    /// The tax id, as people write it.
    pub tax_id: String,
    /// The two digits beside a RUC, if they are known.
    pub dv: Option<String>,
    /// Its name.
    pub name: String,
    /// Where its calls go; fixed for good.
    pub environment: Environment,
}

/// What was looked at in a tax id, without a reason to refuse it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaxId {
    /// In its normal form.
    pub text: String,
    /// Whether its check digit holds; none if there is nothing to hold it against.
    pub check_digit: Option<bool>,
}

/// Reads a tax id; only its shape is a reason to refuse it.
pub fn tax_id(kind: TaxpayerKind, text: &str, dv: Option<&str>) -> AppResult<TaxId> {
    let refused = |code: Code, why: String| AppError::Input { code, text: why };
    match kind {
        TaxpayerKind::Rfc => {
            let rfc = Rfc::parse_lenient(text).map_err(|error| refused(error.code(), error.to_string()))?;
            if rfc.is_generic() {
                return Err(refused(Code::RfcFormat, "the RFC of everybody is nobody's".to_owned()));
            }
            Ok(TaxId { check_digit: Some(rfc.check_digit_holds()), text: rfc.to_string() })
        }
        TaxpayerKind::Rnc => {
            let rnc: Rnc =
                text.trim().parse().map_err(|error: fedatario_fiscal::rnc::RncError| refused(error.code(), error.to_string()))?;
            Ok(TaxId { check_digit: Some(rnc.check_digit_holds()), text: rnc.to_string() })
        }
        TaxpayerKind::Ruc => {
            let ruc: Ruc =
                text.trim().parse().map_err(|error: fedatario_fiscal::ruc::RucError| refused(error.code(), error.to_string()))?;
            Ok(TaxId { check_digit: dv.and_then(|it| ruc.dv_holds(it)), text: ruc.to_string() })
        }
    }
}

/// Registers one; its world is fixed from here on. A Mexican one belongs to the world that this
/// installation's SAT address is in.
pub async fn register(app: &App, scope: &Scope, asked: TaxpayerAsked) -> AppResult<(Taxpayer, TaxId)> {
    if !scope.may(Permission::TaxpayerWrite) {
        return Err(AppError::Denied(Permission::TaxpayerWrite));
    }
    let id = tax_id(asked.kind, &asked.tax_id, asked.dv.as_deref())?;
    let name = asked.name.trim();
    if name.is_empty() || name.len() > NAME_BYTES_AT_MOST || name.chars().any(char::is_control) {
        return Err(AppError::Input { code: Code::TaxpayerName, text: "a name is 1 to 300 printable bytes".to_owned() });
    }
    let now = Telling::begin(app, scope).await?;
    let taxpayer = Taxpayer {
        id: TaxpayerId::fresh(now.wall),
        kind: asked.kind,
        tax_id: id.text.clone(),
        name: name.to_owned(),
        environment: asked.environment,
        created: now.wall,
    };
    if taxpayer.kind == TaxpayerKind::Rfc {
        crate::descarga::register::same_environment(app, &taxpayer)?;
    }
    let mut tx = app.store.begin(scope).await?;
    match tx.add_taxpayer(&taxpayer).await {
        Err(StoreError::Conflict(_)) => {
            return Err(AppError::Input { code: Code::TaxpayerExists, text: "the tax id is registered already".to_owned() });
        }
        done => done?,
    }
    let event = entry(&now, "taxpayer", &taxpayer.id.to_string(), "added").field("kind", taxpayer.kind.text());
    now.change(tx.as_mut(), event.field("environment", taxpayer.environment.text()), Value::Null, of_taxpayer(&taxpayer)).await?;
    tx.commit().await?;
    Ok((taxpayer, id))
}

/// One of the tenant.
pub async fn one(app: &App, scope: &Scope, id: TaxpayerId) -> AppResult<Taxpayer> {
    if !scope.may(Permission::TaxpayerRead) {
        return Err(AppError::Denied(Permission::TaxpayerRead));
    }
    let found = app.store.read(scope).await?.taxpayer(id).await?;
    found.ok_or_else(|| AppError::NotFound(id.to_string()))
}

/// Those of the tenant after one, in order of id.
pub async fn page(app: &App, scope: &Scope, after: Option<TaxpayerId>, limit: u32) -> AppResult<Vec<Taxpayer>> {
    if !scope.may(Permission::TaxpayerRead) {
        return Err(AppError::Denied(Permission::TaxpayerRead));
    }
    Ok(app.store.read(scope).await?.taxpayers(after, limit).await?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tax_ids_of_three_countries() {
        use TaxpayerKind::*;
        let good = [
            (Rfc, "eku9003173c9", None, "EKU9003173C9", Some(true)),
            (Rfc, "EKU9003173C8", None, "EKU9003173C8", Some(false)),
            (Rnc, "1-31-88073-8", None, "131880738", Some(true)),
            (Rnc, "00199999996", None, "00199999996", Some(true)),
            (Ruc, "155646463-2-2017", Some("86"), "155646463-2-2017", Some(true)),
            (Ruc, "155646463-2-2017", Some("87"), "155646463-2-2017", Some(false)),
            (Ruc, "8-nt-1-13656", Some("10"), "8-NT-1-13656", None),
        ];
        for (kind, text, dv, normal, check) in good {
            let read = tax_id(kind, text, dv).unwrap();
            assert_eq!((read.text.as_str(), read.check_digit), (normal, check), "{text}");
        }
        let bad = [
            (Rfc, "XAXX010101000", Code::RfcFormat),
            (Rfc, "131880738", Code::RfcFormat),
            (Rnc, "EKU9003173C9", Code::TaxIdFormat),
            (Ruc, "131880738", Code::TaxIdFormat),
        ];
        for (kind, text, code) in bad {
            assert_eq!(tax_id(kind, text, None).unwrap_err().code(), code, "{text}");
        }
        fedatario_testkit::covers!(
            "taxpayers: a tax id of the wrong shape is refused for each country, a wrong check digit is told"
        );
    }
}
