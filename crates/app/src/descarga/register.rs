//! Registering a taxpayer with its e.firma.

use super::layout;
use crate::App;
use crate::audit_trail::changes::{Telling, of_taxpayer};
use crate::audit_trail::entry;
use crate::certificates;
use crate::error::{AppError, AppResult};
use crate::model::*;
use crate::ports::{StoreError, Tx};
use fedatario_base::id::{CredentialId, TaxpayerId};
use fedatario_base::{Permission, Scope};
use fedatario_credentials::Certificate;
use fedatario_vault::Handed;
use serde_json::Value;

/// What registering did.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Registered {
    /// The taxpayer.
    pub taxpayer: String,
    /// Its RFC.
    pub rfc: String,
    /// Its name, as the certificate has it.
    pub name: String,
    /// The credential in use.
    pub credential: String,
    /// The certificate number.
    pub number: String,
    /// Last day of validity.
    pub not_after: String,
    /// Where its calls go.
    pub environment: Environment,
    /// False if this very certificate was in use already.
    pub changed: bool,
}

/// Takes an e.firma in: the pair belongs together, is an e.firma, is valid now, and its environment is
/// the configured one. Registering it again changes nothing.
pub async fn register(app: &App, scope: &Scope, handed: Handed) -> AppResult<Registered> {
    if !scope.may(Permission::CredentialUpload) {
        return Err(AppError::Denied(Permission::CredentialUpload));
    }
    let now = Telling::begin(app, scope).await?;
    let id = CredentialId::fresh(now.wall);
    let sealed = app.vault.take_in(scope, handed, id, now.wall).await?;
    let certificate = sealed.certificate.clone();
    certificate.require_fiel()?;
    certificate.check_valid_at(now.wall)?;
    if let Some(done) = already(app, scope, &certificate).await? {
        return Ok(done);
    }
    let taxpayer_id = known_taxpayer(app, scope, certificate.rfc()).await?.unwrap_or_else(|| TaxpayerId::fresh(now.wall));
    let object = layout::credential(scope.tenant(), certificate.rfc(), id);
    certificates::keep(app, scope, &sealed, &object, certificate.rfc()).await?;

    let mut tx = app.store.begin(scope).await?;
    let taxpayer = taxpayer_of(app, tx.as_mut(), &now, &certificate, taxpayer_id).await?;
    let row = certificates::Entry { owner: Owner::Taxpayer(taxpayer.id), name: None, activate: None, object };
    certificates::put(app, tx.as_mut(), &now, sealed, row, Some(&taxpayer)).await?;
    tx.commit().await?;
    Ok(registered(&taxpayer, id, &certificate, true))
}

async fn already(app: &App, scope: &Scope, certificate: &Certificate) -> AppResult<Option<Registered>> {
    let mut tx = app.store.read(scope).await?;
    let Some(taxpayer) = tx.taxpayer_by_tax_id(TaxpayerKind::Rfc, certificate.rfc()).await? else { return Ok(None) };
    same_environment(app, &taxpayer)?;
    let current = tx.current_credential(Owner::Taxpayer(taxpayer.id), CredentialKind::Fiel).await?;
    let same = current.filter(|it| it.certificate == certificate.der() && it.state == CredentialState::Active);
    Ok(same.map(|it| registered(&taxpayer, it.id, certificate, false)))
}

async fn known_taxpayer(app: &App, scope: &Scope, rfc: &str) -> AppResult<Option<TaxpayerId>> {
    let found = app.store.read(scope).await?.taxpayer_by_tax_id(TaxpayerKind::Rfc, rfc).await?;
    Ok(found.map(|it| it.id))
}

async fn taxpayer_of(app: &App, tx: &mut dyn Tx, now: &Telling, certificate: &Certificate, id: TaxpayerId) -> AppResult<Taxpayer> {
    if let Some(found) = tx.taxpayer_by_tax_id(TaxpayerKind::Rfc, certificate.rfc()).await? {
        if found.id != id {
            // Somebody registered it meanwhile: the key was sealed for another id and would never open.
            return Err(StoreError::Conflict("the taxpayer was registered meanwhile".to_owned()).into());
        }
        return Ok(found);
    }
    let taxpayer = Taxpayer {
        id,
        kind: TaxpayerKind::Rfc,
        tax_id: certificate.rfc().to_owned(),
        name: certificate.name().to_owned(),
        environment: app.settings.environment,
        created: now.wall,
    };
    tx.add_taxpayer(&taxpayer).await?;
    now.change(tx, entry(now, "taxpayer", &taxpayer.id.to_string(), "added"), Value::Null, of_taxpayer(&taxpayer)).await?;
    Ok(taxpayer)
}

/// A taxpayer's environment is fixed at registration: the line is never crossed.
pub fn same_environment(app: &App, taxpayer: &Taxpayer) -> AppResult<()> {
    if taxpayer.environment == app.settings.environment {
        return Ok(());
    }
    Err(AppError::EnvironmentMismatch {
        tax_id: taxpayer.tax_id.clone(),
        registered: taxpayer.environment.text().to_owned(),
        configured: app.settings.environment.text().to_owned(),
    })
}

fn registered(taxpayer: &Taxpayer, credential: CredentialId, certificate: &Certificate, changed: bool) -> Registered {
    Registered {
        taxpayer: taxpayer.id.to_string(),
        rfc: certificate.rfc().to_owned(),
        name: certificate.name().to_owned(),
        credential: credential.to_string(),
        number: certificate.number().to_owned(),
        not_after: certificate.not_after().to_string(),
        environment: taxpayer.environment,
        changed,
    }
}

/// The taxpayer of an RFC, for calls to SAT: its environment is the configured one.
pub async fn find_for_calls(app: &App, scope: &Scope, rfc: &str) -> AppResult<Taxpayer> {
    let taxpayer = find(app, scope, rfc).await?;
    same_environment(app, &taxpayer)?;
    Ok(taxpayer)
}

/// The taxpayer of an RFC.
pub async fn find(app: &App, scope: &Scope, rfc: &str) -> AppResult<Taxpayer> {
    let parsed: fedatario_fiscal::mx::rfc::Rfc = rfc.parse().map_err(|_| AppError::RfcFormat(rfc.to_owned()))?;
    let mut tx = app.store.read(scope).await?;
    let found = tx.taxpayer_by_tax_id(TaxpayerKind::Rfc, &parsed.to_string()).await?;
    found.ok_or_else(|| AppError::TaxpayerUnknown(rfc.to_owned()))
}
