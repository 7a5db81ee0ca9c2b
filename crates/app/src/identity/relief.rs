//! What an administrator does for or to somebody's way in: failures forgotten, lines ended.
//!
//! A tenant's administrator ends lines in their own tenant only: a line that the person uses in another
//! tenant goes on there, and does not come back here. Failures are counted for a person, not for a tenant;
//! what a network did wrong stays counted.

use super::door::Principal;
use super::model::{SessionEnd, User};
use super::people::{Steward, require};
use super::ports::{Chain, IdentityTx};
use super::recovery::{member_here, not_above};
use super::service::Identity;
use super::tries::names_of;
use crate::error::{AppError, AppResult};
use fedatario_audit::Event;
use fedatario_base::id::UserId;
use fedatario_base::{Permission, PlatformScope};

impl Identity {
    /// Forgets the failures counted against a member: of their password and of their second factors.
    pub async fn unlock_member(&self, principal: &Principal, user: UserId) -> AppResult<()> {
        let scope = &principal.scope;
        require(scope, Permission::UserManage)?;
        let now = self.now();
        let mut tx = self.store.begin(&PlatformScope::of(scope.actor().clone())).await?;
        let (whose, powers) = member_here(tx.as_mut(), scope.tenant(), user, now).await?;
        not_above(principal, &powers)?;
        forget_failures_of(tx.as_mut(), &whose).await?;
        let event = Event::new(now, scope.actor(), "member.unlocked").object(user);
        tx.append(Chain::Tenant(scope.tenant()), event, None).await?;
        Ok(tx.commit().await?)
    }

    /// Ends a member's lines in this tenant; those that are in another are no good here any more. How
    /// many ended.
    pub async fn log_member_out(&self, principal: &Principal, user: UserId) -> AppResult<u64> {
        let scope = &principal.scope;
        require(scope, Permission::UserManage)?;
        let now = self.now();
        let mut tx = self.store.begin(&PlatformScope::of(scope.actor().clone())).await?;
        let (_, powers) = member_here(tx.as_mut(), scope.tenant(), user, now).await?;
        not_above(principal, &powers)?;
        let ended = tx.shut_lines(scope.tenant(), user, now).await?;
        let event = Event::new(now, scope.actor(), "member.logged_out").object(user).field("count", ended);
        tx.append(Chain::Tenant(scope.tenant()), event, None).await?;
        tx.commit().await?;
        self.standings.forget_all();
        Ok(ended)
    }

    /// Forgets the failures counted against anybody.
    pub async fn unlock_user(&self, by: &Steward, user: UserId) -> AppResult<()> {
        by.require(Permission::PlatformUserManage)?;
        let now = self.now();
        let mut tx = self.store.begin(&PlatformScope::of(by.actor().clone())).await?;
        let whose = tx.user(user).await?.ok_or_else(|| AppError::NotFound(user.to_string()))?;
        forget_failures_of(tx.as_mut(), &whose).await?;
        tx.append(Chain::Platform, Event::new(now, by.actor(), "user.unlocked").object(user), None).await?;
        Ok(tx.commit().await?)
    }

    /// Ends all lines of anybody, in whatever tenant; how many.
    pub async fn log_user_out(&self, by: &Steward, user: UserId) -> AppResult<u64> {
        by.require(Permission::PlatformUserManage)?;
        let now = self.now();
        let mut tx = self.store.begin(&PlatformScope::of(by.actor().clone())).await?;
        let mut whose = tx.user(user).await?.ok_or_else(|| AppError::NotFound(user.to_string()))?;
        whose.epoch += 1;
        tx.update_user(&whose).await?;
        let ended = tx.end_sessions(user, None, SessionEnd::Forced, now).await?;
        let event = Event::new(now, by.actor(), "user.logged_out").object(user).field("count", ended);
        tx.append(Chain::Platform, event, None).await?;
        tx.commit().await?;
        self.standings.forget_all();
        Ok(ended)
    }
}

/// Forgets what was counted against somebody, from anywhere and from their own machines.
pub(super) async fn forget_failures_of(tx: &mut dyn IdentityTx, user: &User) -> AppResult<()> {
    let devices = tx.known_devices(user.id).await?;
    for name in names_of(user, &devices) {
        tx.forget_failures(&name).await?;
    }
    Ok(())
}
