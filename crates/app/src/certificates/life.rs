//! What becomes of a certificate after it was let in: put into use, put back, destroyed.

use super::jobs::follow_up;
use super::upload::{in_use, keep_until};
use crate::App;
use crate::audit_trail::entry;
use crate::descarga::transition::Moment;
use crate::error::{AppError, AppResult};
use crate::model::{CredentialRow, CredentialState};
use crate::ports::Tx;
use fedatario_base::id::CredentialId;
use fedatario_base::{Code, Permission, Scope};
use fedatario_credentials::Certificate;
use jiff::Timestamp;

/// Puts a certificate that waits or rests into use now: a hand-over brought forward, or a roll-back. The
/// one in use rests from then on.
pub async fn put_into_use(app: &App, scope: &Scope, id: CredentialId) -> AppResult<CredentialRow> {
    if !scope.may(Permission::CredentialUpload) {
        return Err(AppError::Denied(Permission::CredentialUpload));
    }
    let now = Moment::now(app, scope);
    let mut tx = app.store.begin(scope).await?;
    let row = tx.credential(id).await?.ok_or_else(|| AppError::NotFound(id.to_string()))?;
    let how = match row.state {
        CredentialState::Active => return Ok(row),
        CredentialState::Next => "activated",
        CredentialState::Replaced if rests(&row, now.wall) => "restored",
        CredentialState::Replaced | CredentialState::Blocked | CredentialState::Destroyed => {
            return Err(AppError::Refused(Code::CertificateState));
        }
    };
    Certificate::parse(&row.certificate)?.check_valid_at(now.wall)?;
    promote(app, tx.as_mut(), &now, &row, how).await?;
    let row = tx.credential(id).await?.ok_or_else(|| AppError::NotFound(id.to_string()))?;
    tx.commit().await?;
    Ok(row)
}

fn rests(row: &CredentialRow, now: Timestamp) -> bool {
    row.keep_until.is_none_or(|it| it > now)
}

/// The move itself, in a transaction that looked at the row.
pub(super) async fn promote(app: &App, tx: &mut dyn Tx, now: &Moment, row: &CredentialRow, how: &str) -> AppResult<()> {
    let former = tx.current_credential(row.owner, row.kind).await?;
    let keep_until = keep_until(app, now.wall);
    tx.promote_credential(row.id, now.wall, keep_until).await?;
    let mut event = entry(now, "credential", &row.id.to_string(), how).field("kind", row.kind.text());
    if let Some(former) = &former {
        event = event.field("replaces", former.id.to_string());
    }
    tx.append(event, None).await?;
    let promoted = CredentialRow { state: CredentialState::Active, activate: None, ..row.clone() };
    follow_up(tx, now, &promoted, former.map(|it| (it.id, keep_until))).await?;
    in_use(tx, now, &promoted).await
}

/// Destroys a key at once, whatever state its credential is in. The certificate stays, and so does the
/// record of what was signed with it.
pub async fn destroy(app: &App, scope: &Scope, id: CredentialId) -> AppResult<()> {
    if !scope.may(Permission::CredentialDestroy) {
        return Err(AppError::Denied(Permission::CredentialDestroy));
    }
    let now = Moment::now(app, scope);
    let mut tx = app.store.begin(scope).await?;
    let row = tx.credential(id).await?.ok_or_else(|| AppError::NotFound(id.to_string()))?;
    if row.state == CredentialState::Destroyed {
        return Err(AppError::Refused(Code::CertificateState));
    }
    forget(tx.as_mut(), &now, &row, "destroyed").await?;
    tx.commit().await?;
    sweep(app, &row.object).await;
    Ok(())
}

/// Without its wrapped data key, the sealed object opens for nobody.
pub(super) async fn forget(tx: &mut dyn Tx, now: &Moment, row: &CredentialRow, how: &str) -> AppResult<()> {
    tx.destroy_credential(row.id).await?;
    let event = entry(now, "credential", &row.id.to_string(), how).field("kind", row.kind.text());
    tx.append(event.field("number", row.number.clone()), None).await?;
    Ok(())
}

/// The ciphertext goes last. What is left of it is noise, so that a failure here is no failure of the act.
pub(super) async fn sweep(app: &App, object: &str) {
    if let Err(error) = app.blobs.delete(object).await {
        tracing::warn!(code = error.code().slug(), "a sealed key that nothing opens any more is still there");
    }
}
