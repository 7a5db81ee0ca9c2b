//! The services of organisations, members, roles, invitations and keys of programs: what they share.
//!
//! Each act checks its permission here, whoever calls, and writes its change and its audit entry in one
//! transaction. What somebody gives away, they must hold themselves ([`exceeding`]). Step-up is the
//! edge's: an operation that asks for it says so where it is declared.

use super::door::Principal;
use super::letters::Outside;
use super::ports::Chain;
use super::roles;
use super::tenancy::Tenant;
use super::tenancy_ports::{Estate, PeopleStore, PeopleTx};
use crate::App;
use crate::called::Pen;
use crate::error::{AppError, AppResult};
use fedatario_audit::Event;
use fedatario_base::id::TenantId;
use fedatario_base::{Actor, Code, Permission, PlatformScope, Scope};
use jiff::Timestamp;
use serde_json::Value;
use std::sync::Arc;

/// What the services of people and organisations are wired to. Cheap to clone.
#[derive(Clone)]
pub struct People {
    /// The other services.
    pub app: App,
    /// People and organisations.
    pub identity: Arc<dyn PeopleStore>,
    /// All that a tenant has.
    pub estate: Arc<dyn Estate>,
    /// How this installation is seen from outside.
    pub outside: Outside,
}

/// Who acts on the installation itself.
#[derive(Debug, Clone)]
pub struct Steward {
    actor: Actor,
    permissions: Vec<Permission>,
}

impl Steward {
    /// The local shell: whoever holds the data holds the house.
    pub fn shell(uid: u32) -> Self {
        Self { actor: Actor::Os(uid), permissions: roles::of_platform() }
    }

    /// The installation's own clockwork.
    pub fn clockwork() -> Self {
        Self { actor: Actor::System, permissions: roles::of_platform() }
    }

    /// Somebody signed in, with what their roles on the installation allow.
    pub fn of(principal: &Principal) -> Self {
        Self { actor: principal.scope.actor().clone(), permissions: principal.platform.clone() }
    }

    /// Who acts.
    pub fn actor(&self) -> &Actor {
        &self.actor
    }

    /// Refuses whoever lacks a permission.
    pub fn require(&self, permission: Permission) -> AppResult<()> {
        if self.permissions.contains(&permission) { Ok(()) } else { Err(AppError::Denied(permission)) }
    }
}

impl People {
    /// Now (wall).
    pub(super) fn now(&self) -> Timestamp {
        self.app.clock.wall()
    }

    /// What seals the values that a change of this tenant is about. Before the transaction.
    pub(super) async fn pen(&self, tenant: TenantId) -> AppResult<Pen> {
        Pen::of(&self.app.vault, tenant).await
    }

    /// A transaction that writes, for whoever acts.
    pub(super) async fn begin(&self, actor: &Actor) -> AppResult<Box<dyn PeopleTx>> {
        Ok(self.identity.begin_people(&PlatformScope::of(actor.clone())).await?)
    }

    /// A transaction that reads, for whoever acts.
    pub(super) async fn read(&self, actor: &Actor) -> AppResult<Box<dyn PeopleTx>> {
        Ok(self.identity.read_people(&PlatformScope::of(actor.clone())).await?)
    }
}

/// Refuses whoever lacks a permission in their tenant.
pub(super) fn require(scope: &Scope, permission: Permission) -> AppResult<()> {
    if scope.may(permission) { Ok(()) } else { Err(AppError::Denied(permission)) }
}

/// Refuses to hand out what one does not hold.
pub(super) fn exceeding(scope: &Scope, given: &[Permission]) -> AppResult<()> {
    match given.iter().find(|it| !scope.may(**it)) {
        Some(beyond) => Err(refusal(Code::PermissionExceeds, format!("{} is not held by whoever gives it", beyond.text()))),
        None => Ok(()),
    }
}

/// A refusal of input, in our terms.
pub(super) fn refusal(code: Code, text: impl Into<String>) -> AppError {
    AppError::Input { code, text: text.into() }
}

/// An entry: `action`, done to `object`.
pub(super) fn event(actor: &Actor, now: Timestamp, action: &str, object: impl std::fmt::Display) -> Event {
    Event::new(now, actor, action).object(object)
}

/// Adds an entry to a tenant's chain.
pub(super) async fn tell(tx: &mut dyn PeopleTx, tenant: TenantId, event: Event) -> AppResult<()> {
    tx.append(Chain::Tenant(tenant), event, None).await?;
    Ok(())
}

/// The same with the values before and after; null before a beginning, null after an end.
pub(super) async fn tell_change(
    tx: &mut dyn PeopleTx,
    tenant: TenantId,
    pen: &Pen,
    event: Event,
    before: Value,
    after: Value,
) -> AppResult<()> {
    let (event, detail) = pen.change(event, &before, &after)?;
    tx.append(Chain::Tenant(tenant), event, detail).await?;
    Ok(())
}

/// The tenant, held until the end of the transaction: whoever changes who rules it takes it first, so
/// that two do not each leave it to the other.
pub(super) async fn held(tx: &mut dyn PeopleTx, id: TenantId) -> AppResult<Tenant> {
    tx.tenant(id).await?.ok_or_else(|| AppError::NotFound(id.to_string()))
}

/// A name of a role, key or organisation: what it may look like is said by whoever asks.
pub(super) fn printable(text: &str, bytes_at_most: usize) -> Option<String> {
    let text = text.trim();
    let good = !text.is_empty() && text.len() <= bytes_at_most && !text.chars().any(char::is_control);
    good.then(|| text.to_owned())
}
