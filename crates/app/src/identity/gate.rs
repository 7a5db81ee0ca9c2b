//! [`Identity`] as the door that edges hold.

use super::door::{Door, Means, Origin, Principal};
use super::ports::Chain;
use super::service::{Identity, NO_TENANT};
use crate::error::{AppError, AppResult};
use async_trait::async_trait;
use fedatario_audit::{Event, Outcome};
use fedatario_base::id::TenantId;
use fedatario_base::{Actor, Code, Scope};
use fedatario_identity::api_key;
use fedatario_identity::jwt::Access;

#[async_trait]
impl Door for Identity {
    async fn enter(&self, bearer: &str, tenant: Option<TenantId>, origin: &Origin) -> AppResult<Principal> {
        if api_key::looks_like_one(bearer) {
            return self.program(bearer, tenant, origin).await;
        }
        let access = self.judge(bearer).await?;
        if tenant.is_some_and(|it| access.tenant != Some(it)) {
            self.note_mismatch(&access).await?;
            return Err(AppError::Refused(Code::TenantMismatch));
        }
        self.principal(&access).await
    }

    async fn still_in(&self, principal: &Principal) -> bool {
        let (session, user) = match principal.means {
            Means::Session { session, user } => (session, user),
            Means::Key { .. } => match &self.programs {
                Some(programs) => return programs.still_in(principal).await,
                None => return false,
            },
        };
        let tenant = Some(principal.scope.tenant()).filter(|it| *it != NO_TENANT);
        let Ok(standing) = self.standing(session, user, tenant).await else { return false };
        let now = self.now();
        let held = standing.permissions_now(now);
        let is_member = tenant.is_none() || standing.is_member;
        standing.is_good(standing.epoch, now) && is_member && principal.scope.permissions().iter().all(|it| held.contains(it))
    }
}

impl Identity {
    /// What a token says, if its signature and its time are good.
    async fn judge(&self, bearer: &str) -> AppResult<Access> {
        let now = self.now();
        if let Ok(access) = self.ring().await?.table.verify(bearer, now) {
            return Ok(access);
        }
        // Another process may have made a key meanwhile.
        let again = self.ring_for_unknown().await?.table.verify(bearer, now);
        again.map_err(|_| AppError::Refused(Code::Unauthenticated))
    }

    async fn principal(&self, access: &Access) -> AppResult<Principal> {
        let now = self.now();
        let standing = self.standing(access.session, access.user, access.tenant).await?;
        let is_member = access.tenant.is_none() || standing.is_member;
        if !standing.is_good(access.epoch, now) || !is_member {
            return Err(AppError::Refused(Code::Unauthenticated));
        }
        let tenant = access.tenant.unwrap_or(NO_TENANT);
        Ok(Principal {
            scope: Scope::signed_in(tenant, Actor::User(access.user), standing.permissions_now(now)),
            means: Means::Session { session: access.session, user: access.user },
            platform: standing.platform_now(),
            authenticated: standing.authenticated,
            is_stepped_up: standing.is_stepped_up(now),
            calls_a_minute: None,
        })
    }

    async fn program(&self, bearer: &str, tenant: Option<TenantId>, origin: &Origin) -> AppResult<Principal> {
        let key = api_key::read(bearer)?;
        let programs = self.programs.as_ref().ok_or(AppError::Refused(Code::Unauthenticated))?;
        programs.enter(&key, tenant, origin).await
    }

    /// Somebody known asked for a tenant that their token is not for.
    async fn note_mismatch(&self, access: &Access) -> AppResult<()> {
        let mut tx = self.writing_as(access.user).await?;
        let event = Event::new(self.now(), &Actor::User(access.user), "auth.tenant.refused").object(access.session);
        let chain = access.tenant.map_or(Chain::Platform, Chain::Tenant);
        tx.append(chain, event.outcome(Outcome::Refused).code(Code::TenantMismatch), None).await?;
        Ok(tx.commit().await?)
    }
}
