//! A person's own certificate in a tenant, and how they sign there.

use super::upload::{self, Entry, Uploaded, put};
use crate::App;
use crate::audit_trail::changes::{Telling, of_config};
use crate::audit_trail::entry;
use crate::descarga::layout;
use crate::error::{AppError, AppResult};
use crate::model::{CredentialRow, Owner, SignatureConfig, SignatureMode};
use crate::ports::Tx;
use fedatario_base::id::{CredentialId, UserId};
use fedatario_base::{Actor, Code, Permission, Scope};
use fedatario_vault::Handed;

/// Lets the caller's own certificate in, and makes it what they sign with.
pub async fn upload_personal(app: &App, scope: &Scope, handed: Handed, name: Option<&str>) -> AppResult<Uploaded> {
    let user = signer(scope)?;
    let now = Telling::begin(app, scope).await?;
    let name = upload::named(name)?;
    let sealed = app.vault.take_in(scope, handed, CredentialId::fresh(now.wall), now.wall).await?;
    sealed.certificate.check_valid_at(now.wall)?;
    let owner = Owner::User(user);
    if let Some(row) = upload::already(app, scope, owner, &sealed).await? {
        return Ok(Uploaded { row, taxpayer: None, warnings: Vec::new(), changed: false });
    }
    let folder = layout::person(scope.tenant(), user);
    let object = format!("{folder}/{}.sealed", sealed.id);
    app.blobs.put(&object, &sealed.object).await?;

    let mut tx = app.store.begin(scope).await?;
    let row = put(app, tx.as_mut(), &now, sealed, Entry { owner, name, activate: None, object }, None).await?;
    sign_with(tx.as_mut(), &now, user, &row).await?;
    tx.commit().await?;
    Ok(Uploaded { row, taxpayer: None, warnings: Vec::new(), changed: true })
}

async fn sign_with(tx: &mut dyn Tx, now: &Telling, user: UserId, row: &CredentialRow) -> AppResult<()> {
    let config = tx.signature_config(user).await?;
    let config = SignatureConfig { mode: SignatureMode::Personal, credential: Some(row.id), ..config };
    write(tx, now, user, &config).await
}

async fn write(tx: &mut dyn Tx, now: &Telling, user: UserId, config: &SignatureConfig) -> AppResult<()> {
    let before = tx.signature_config(user).await?;
    tx.put_signature_config(user, config).await?;
    let event = entry(now, "signature_config", &user.to_string(), "changed")
        .field("mode", config.mode.text())
        .field("auto_sign", config.auto_sign);
    now.change(tx, event, of_config(&before), of_config(config)).await
}

/// How the caller signs here.
pub async fn config(app: &App, scope: &Scope) -> AppResult<SignatureConfig> {
    let user = signer(scope)?;
    Ok(app.store.read(scope).await?.signature_config(user).await?)
}

/// Changes how the caller signs here; a certificate of their own has to be theirs.
pub async fn set_config(app: &App, scope: &Scope, config: SignatureConfig) -> AppResult<SignatureConfig> {
    let user = signer(scope)?;
    let now = Telling::begin(app, scope).await?;
    let mut tx = app.store.begin(scope).await?;
    if let Some(id) = config.credential {
        let found = tx.credential(id).await?.filter(|it| it.owner == Owner::User(user));
        found.ok_or_else(|| AppError::NotFound(id.to_string()))?;
    } else if config.mode == SignatureMode::Personal {
        return Err(AppError::Refused(Code::CredentialMissing));
    }
    write(tx.as_mut(), &now, user, &config).await?;
    let stored = tx.signature_config(user).await?;
    tx.commit().await?;
    Ok(stored)
}

/// The person who signs: a program has no certificate of its own.
fn signer(scope: &Scope) -> AppResult<UserId> {
    if !scope.may(Permission::CredentialSign) {
        return Err(AppError::Denied(Permission::CredentialSign));
    }
    match scope.actor() {
        Actor::User(user) => Ok(*user),
        _ => Err(AppError::Refused(Code::SessionRequired)),
    }
}
