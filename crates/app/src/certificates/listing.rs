//! Certificates as they are looked up.

use crate::App;
use crate::error::{AppError, AppResult};
use crate::model::{CredentialFilter, CredentialRow, Delegation, Owner};
use crate::ports::Tx;
use fedatario_base::id::CredentialId;
use fedatario_base::{Actor, Permission, Scope};

/// Certificates of one owner and kind that are told at once: two centuries of them.
const HISTORY_AT_MOST: u32 = 100;

/// What an owner ever had of a kind.
#[derive(Debug, Clone)]
pub struct History {
    /// Newest first.
    pub rows: Vec<CredentialRow>,
    /// Whether there are older ones than those.
    pub more: bool,
    /// For whom the one that was asked for signs or signed by delegation.
    pub delegations: Vec<Delegation>,
}

/// Those that a filter lets through, newest first, before an id. Of personal ones, only the caller's.
pub async fn page(
    app: &App,
    scope: &Scope,
    filter: &CredentialFilter,
    before: Option<CredentialId>,
    limit: u32,
) -> AppResult<Vec<CredentialRow>> {
    may_read(scope)?;
    let filter = CredentialFilter { personal_of: person(scope), ..filter.clone() };
    Ok(app.store.read(scope).await?.credentials(&filter, before, limit).await?)
}

/// One; of personal ones, only the caller's.
pub async fn one(app: &App, scope: &Scope, id: CredentialId) -> AppResult<CredentialRow> {
    may_read(scope)?;
    let found = app.store.read(scope).await?.credential(id).await?;
    found.filter(|it| readable(scope, it)).ok_or_else(|| AppError::NotFound(id.to_string()))
}

/// One with everything that its owner ever had of its kind.
pub async fn history(app: &App, scope: &Scope, id: CredentialId) -> AppResult<History> {
    let row = one(app, scope, id).await?;
    let mut tx = app.store.read(scope).await?;
    let mut rows = tx.credential_history(row.owner, row.kind, HISTORY_AT_MOST + 1).await?;
    let more = rows.len() > HISTORY_AT_MOST as usize;
    rows.truncate(HISTORY_AT_MOST as usize);
    Ok(History { rows, more, delegations: tx.delegations(id).await? })
}

/// One for a transaction that is to change it; somebody else's personal one is not found.
pub(super) async fn within(tx: &mut dyn Tx, scope: &Scope, id: CredentialId) -> AppResult<CredentialRow> {
    let found = tx.credential(id).await?.filter(|it| readable(scope, it));
    found.ok_or_else(|| AppError::NotFound(id.to_string()))
}

/// Whether a scope sees a certificate: a personal one is its person's alone, and the shell's.
pub fn readable(scope: &Scope, row: &CredentialRow) -> bool {
    match (row.owner, scope.actor()) {
        (Owner::Taxpayer(_), _) | (Owner::User(_), Actor::Os(_) | Actor::System | Actor::Job { .. }) => true,
        (Owner::User(owner), Actor::User(caller)) => owner == *caller,
        (Owner::User(_), _) => false,
    }
}

fn person(scope: &Scope) -> Option<fedatario_base::id::UserId> {
    match scope.actor() {
        Actor::User(user) => Some(*user),
        _ => None,
    }
}

fn may_read(scope: &Scope) -> AppResult<()> {
    if scope.may(Permission::CredentialRead) { Ok(()) } else { Err(AppError::Denied(Permission::CredentialRead)) }
}
