//! Notices as people see them.

use super::model::NoticeRow;
use crate::App;
use crate::audit_trail::changes::Telling;
use crate::audit_trail::entry;
use crate::error::{AppError, AppResult};
use crate::model::Owner;
use fedatario_base::id::NoticeId;
use fedatario_base::{Actor, Permission, Scope};
use serde_json::json;

/// Notices of the tenant's certificates, the newest first, before one; of people's own only the caller's.
pub async fn page(app: &App, scope: &Scope, open_only: bool, before: Option<NoticeId>, limit: u32) -> AppResult<Vec<NoticeRow>> {
    if !scope.may(Permission::CredentialRead) {
        return Err(AppError::Denied(Permission::CredentialRead));
    }
    let mut rows = app.store.read(scope).await?.notices(open_only, before, limit).await?;
    rows.retain(|it| is_for(scope, it));
    Ok(rows)
}

/// Somebody takes care of it: the next notice of this certificate is not escalated.
pub async fn acknowledge(app: &App, scope: &Scope, id: NoticeId) -> AppResult<NoticeRow> {
    if !scope.may(Permission::CredentialRead) {
        return Err(AppError::Denied(Permission::CredentialRead));
    }
    let now = Telling::begin(app, scope).await?;
    let mut tx = app.store.begin(scope).await?;
    let found = tx.notice(id).await?.filter(|it| is_for(scope, it));
    let found = found.ok_or_else(|| AppError::NotFound(id.to_string()))?;
    if tx.acknowledge_notice(id, &now.actor.to_string(), now.wall).await? {
        let event = entry(&now, "certificate.notice", &id.to_string(), "acknowledged");
        let event = event.field("credential", found.notice.credential.to_string()).field("days", found.notice.days);
        let told = |by: Option<String>| json!({ "acknowledged_by": by });
        now.change(tx.as_mut(), event, told(found.acknowledged_by.clone()), told(Some(now.actor.to_string()))).await?;
    }
    let row = tx.notice(id).await?.ok_or_else(|| AppError::NotFound(id.to_string()))?;
    tx.commit().await?;
    Ok(row)
}

/// A person's own certificate is theirs alone.
fn is_for(scope: &Scope, it: &NoticeRow) -> bool {
    match it.owner {
        Owner::Taxpayer(_) => true,
        Owner::User(user) => matches!(scope.actor(), Actor::User(own) if *own == user),
    }
}
