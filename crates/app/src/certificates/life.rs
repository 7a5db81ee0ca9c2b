//! What becomes of a certificate after it was let in: put into use, put back, destroyed.

use super::jobs::follow_up;
use super::listing;
use super::upload::{in_use, keep_until};
use crate::audit_trail::changes::{Telling, of_credential};
use crate::audit_trail::entry;
use crate::descarga::transition::Moment;
use crate::error::{AppError, AppResult};
use crate::model::{CredentialRow, CredentialState};
use crate::ports::Tx;
use crate::{App, hooks, trust};
use fedatario_audit::Outcome;
use fedatario_base::id::CredentialId;
use fedatario_base::{Code, Permission, Scope};
use fedatario_credentials::Certificate;
use jiff::Timestamp;
use serde_json::json;

/// Puts a certificate that waits or rests into use now: a hand-over brought forward, or a roll-back. The
/// one in use rests from then on. What somebody refused stays out of use: it is uploaded anew, and judged anew.
pub async fn put_into_use(app: &App, scope: &Scope, id: CredentialId) -> AppResult<CredentialRow> {
    if !scope.may(Permission::CredentialUpload) {
        return Err(AppError::Denied(Permission::CredentialUpload));
    }
    let row = listing::within(app.store.read(scope).await?.as_mut(), scope, id).await?;
    if row.state == CredentialState::Active {
        return Ok(row);
    }
    // Whoever is asked outside of a transaction: what they said is looked at again within.
    trust::standing(app, scope, &Certificate::parse(&row.certificate)?).await?;
    let now = Telling::begin(app, scope).await?;
    let mut tx = app.store.begin(scope).await?;
    let row = listing::within(tx.as_mut(), scope, id).await?;
    let how = match row.state {
        CredentialState::Active => return Ok(row),
        CredentialState::Next => "activated",
        CredentialState::Replaced if rests(&row, now.wall) => "restored",
        CredentialState::Replaced | CredentialState::Blocked | CredentialState::Destroyed => {
            return Err(AppError::Refused(Code::CertificateState));
        }
    };
    fit(app, tx.as_mut(), &now, &row).await?;
    promote(app, tx.as_mut(), &now, &row, how).await?;
    let row = listing::within(tx.as_mut(), scope, id).await?;
    tx.commit().await?;
    Ok(row)
}

/// Whether a certificate may be put into use at all, whoever or whatever asks for it: nobody refused it
/// while it was in use or waited, it is valid now, and nothing speaks against it that is known.
pub(super) async fn fit(app: &App, tx: &mut dyn Tx, now: &Moment, row: &CredentialRow) -> AppResult<()> {
    if row.reason.is_some() {
        return Err(AppError::Refused(Code::CertificateState));
    }
    let certificate = Certificate::parse(&row.certificate)?;
    certificate.check_valid_at(now.wall)?;
    let standing = trust::kept(app, tx, &certificate).await?;
    standing.bearable()
}

/// A certificate whose instant came and that may not be used: it stays where it was, marked, and people
/// are told. What is wrong with it is a code; nothing of that is the job's failure.
pub(super) async fn pass_over(tx: &mut dyn Tx, now: &Moment, row: &CredentialRow, code: Code) -> AppResult<()> {
    let reason = row.reason.as_deref().unwrap_or(code.slug());
    tx.set_credential_state(row.id, row.state, Some(reason)).await?;
    let event = entry(now, "credential.activation", &row.id.to_string(), "refused").outcome(Outcome::Refused).code(code);
    tx.append(event.field("kind", row.kind.text()).field("reason", reason), None).await?;
    let Some(owner) = row.owner.taxpayer() else { return Ok(()) };
    match tx.taxpayer(owner).await? {
        Some(taxpayer) => hooks::credential_blocked(tx, now, &taxpayer, &row.number, reason).await,
        None => Ok(()),
    }
}

fn rests(row: &CredentialRow, now: Timestamp) -> bool {
    row.keep_until.is_none_or(|it| it > now)
}

/// The move itself, in a transaction that looked at the row.
pub(super) async fn promote(app: &App, tx: &mut dyn Tx, now: &Telling, row: &CredentialRow, how: &str) -> AppResult<()> {
    let former = tx.current_credential(row.owner, row.kind).await?;
    let keep_until = keep_until(app, now.wall);
    tx.promote_credential(row.id, now.wall, keep_until).await?;
    let mut event = entry(now, "credential", &row.id.to_string(), how).field("kind", row.kind.text());
    if let Some(former) = &former {
        event = event.field("replaces", former.id.to_string());
    }
    let promoted = CredentialRow { state: CredentialState::Active, activate: None, ..row.clone() };
    let before = json!({ "it": of_credential(row), "in_use": former.as_ref().map(of_credential) });
    let after = json!({ "it": of_credential(&promoted), "in_use": of_credential(&promoted) });
    now.change(tx, event, before, after).await?;
    follow_up(tx, now, &promoted, former.map(|it| (it.id, keep_until))).await?;
    in_use(tx, now, &promoted).await
}

/// Destroys a key at once, whatever state its credential is in. The certificate stays, and so does the
/// record of what was signed with it.
pub async fn destroy(app: &App, scope: &Scope, id: CredentialId) -> AppResult<()> {
    if !scope.may(Permission::CredentialDestroy) {
        return Err(AppError::Denied(Permission::CredentialDestroy));
    }
    let now = Telling::begin(app, scope).await?;
    let mut tx = app.store.begin(scope).await?;
    let row = listing::within(tx.as_mut(), scope, id).await?;
    if row.state == CredentialState::Destroyed {
        return Err(AppError::Refused(Code::CertificateState));
    }
    forget(tx.as_mut(), &now, &row, "destroyed").await?;
    tx.commit().await?;
    sweep(app, &row.object).await;
    Ok(())
}

/// Without its wrapped data key, the sealed object opens for nobody.
pub(super) async fn forget(tx: &mut dyn Tx, now: &Telling, row: &CredentialRow, how: &str) -> AppResult<()> {
    tx.destroy_credential(row.id).await?;
    let event = entry(now, "credential", &row.id.to_string(), how).field("kind", row.kind.text());
    let after = CredentialRow { state: CredentialState::Destroyed, ..row.clone() };
    now.change(tx, event.field("number", row.number.clone()), of_credential(row), of_credential(&after)).await
}

/// The ciphertext goes last. What is left of it is noise, so that a failure here is no failure of the act.
pub(super) async fn sweep(app: &App, object: &str) {
    if let Err(error) = app.blobs.delete(object).await {
        tracing::warn!(code = error.code().slug(), "a sealed key that nothing opens any more is still there");
    }
}
