//! What people do with their own account: see it, leave, close lines, change tenant and address.

use super::door::{Origin, Principal};
use super::factors::{Myself, stepped_up};
use super::login::active_factors;
use super::model::{LoginEvent, LoginRecord, Membership, OneTime, Purpose, Session, SessionEnd, User, UserState};
use super::notices::send;
use super::service::{Identity, NO_TENANT, act, chain_of};
use super::tokens::{AccessToken, record};
use super::tries::Tries;
use crate::called::Pen;
use crate::error::{AppError, AppResult};
use crate::mail::MailKind;
use fedatario_base::Code;
use fedatario_base::id::{SessionId, TenantId};
use fedatario_identity::{email, opaque};
use jiff::SignedDuration;
use serde_json::json;

/// The kind of token that proves an address.
const EMAIL: &str = "email";
/// How long it is good.
pub const EMAIL_TOKEN_FOR: SignedDuration = SignedDuration::from_hours(24);
/// Lines of history that are told at once.
pub const HISTORY_MOST: u32 = 200;

/// Somebody, as they see themselves.
#[derive(Debug)]
pub struct Account {
    /// The person.
    pub user: User,
    /// Where they may go.
    pub tenants: Vec<Membership>,
    /// Whether a second factor is asked of them.
    pub has_factor: bool,
    /// Whether roles are held that count only with a second factor, and this line has none.
    pub lacks_second_factor: bool,
}

impl Identity {
    /// Who the caller is.
    pub async fn account(&self, principal: &Principal) -> AppResult<Account> {
        let me = Myself::of(principal)?;
        let tenant = Some(principal.scope.tenant()).filter(|it| *it != NO_TENANT);
        let standing = self.standing(me.session, me.user, tenant).await?;
        let mut tx = self.reading().await?;
        let user = tx.user(me.user).await?.ok_or(AppError::Refused(Code::Unauthenticated))?;
        let tenants = tx.memberships(me.user).await?;
        let has_factor = !active_factors(tx.as_mut(), me.user).await?.is_empty();
        Ok(Account { user, tenants, has_factor, lacks_second_factor: standing.lacks_second_factor() })
    }

    /// Ends the caller's line.
    pub async fn logout(&self, principal: &Principal, origin: &Origin) -> AppResult<()> {
        let me = Myself::of(principal)?;
        let now = self.now();
        let mut tx = self.writing_as(me.user).await?;
        tx.end_session(me.user, me.session, SessionEnd::Logout, now).await?;
        tx.record_login(me.user, &record(now, LoginEvent::Logout, origin, Some(me.session))).await?;
        let tenant = Some(principal.scope.tenant()).filter(|it| *it != NO_TENANT);
        tx.append(chain_of(tenant), act(now, me.user, "auth.session.ended").object(me.session), None).await?;
        tx.commit().await?;
        self.standings.forget(me.session);
        Ok(())
    }

    /// The caller's lines that are alive.
    pub async fn sessions(&self, principal: &Principal) -> AppResult<Vec<Session>> {
        let me = Myself::of(principal)?;
        Ok(self.reading().await?.live_sessions(me.user, self.now()).await?)
    }

    /// Ends one of the caller's lines.
    pub async fn close_session(&self, principal: &Principal, id: SessionId) -> AppResult<()> {
        let me = Myself::of(principal)?;
        let now = self.now();
        let mut tx = self.writing_as(me.user).await?;
        tx.end_session(me.user, id, SessionEnd::Closed, now).await?;
        let tenant = Some(principal.scope.tenant()).filter(|it| *it != NO_TENANT);
        tx.append(chain_of(tenant), act(now, me.user, "auth.session.closed").object(id), None).await?;
        tx.commit().await?;
        self.standings.forget(id);
        Ok(())
    }

    /// Ends all of the caller's lines but this one; how many.
    pub async fn close_other_sessions(&self, principal: &Principal) -> AppResult<u64> {
        let me = Myself::of(principal)?;
        let now = self.now();
        let mut tx = self.writing_as(me.user).await?;
        let ended = tx.end_sessions(me.user, Some(me.session), SessionEnd::Closed, now).await?;
        let tenant = Some(principal.scope.tenant()).filter(|it| *it != NO_TENANT);
        tx.append(chain_of(tenant), act(now, me.user, "auth.session.others_closed").field("count", ended), None).await?;
        tx.commit().await?;
        self.standings.forget_all();
        Ok(ended)
    }

    /// What happened at the caller's account, the newest first.
    pub async fn history(&self, principal: &Principal, limit: u32) -> AppResult<Vec<LoginRecord>> {
        let me = Myself::of(principal)?;
        Ok(self.reading().await?.login_history(me.user, limit.min(HISTORY_MOST)).await?)
    }

    /// The caller's line goes on in another of their tenants.
    pub async fn switch_tenant(&self, principal: &Principal, tenant: TenantId) -> AppResult<AccessToken> {
        let me = Myself::of(principal)?;
        let now = self.now();
        let mut tx = self.writing_as(me.user).await?;
        let mut user =
            tx.user(me.user).await?.filter(|it| it.state == UserState::Active).ok_or(AppError::Refused(Code::Unauthenticated))?;
        // No member, a tenant that is closed, or a line that was ended there: all the same.
        let there = tx.standing(me.session, me.user, Some(tenant), now).await?;
        if !there.is_some_and(|it| it.is_member) {
            return Err(AppError::NotFound(tenant.to_string()));
        }
        let line = tx.session(me.session).await?.filter(|it| it.user == me.user && it.ended.is_none());
        let mut line = line.ok_or(AppError::Refused(Code::Unauthenticated))?;
        tx.restate_session(line.id, Some(tenant), line.authenticated, &line.methods).await?;
        let epoch = user.epoch;
        if user.last_tenant != Some(tenant) {
            user.last_tenant = Some(tenant);
            tx.update_user(&user).await?;
        }
        tx.append(chain_of(Some(tenant)), act(now, me.user, "auth.session.switched").object(line.id), None).await?;
        tx.commit().await?;
        line.tenant = Some(tenant);
        self.access_for(&line, epoch).await
    }

    /// Mails a token to another address of the caller. What is answered does not tell whether somebody
    /// has it already.
    pub async fn request_email_change(&self, principal: &Principal, to: &str, origin: &Origin) -> AppResult<()> {
        let me = Myself::of(principal)?;
        let address = email::normal(to)?;
        let now = self.now();
        let tries = Tries::mail(&address, origin);
        let mut tx = self.reading().await?;
        tries.check(tx.as_mut(), now).await?;
        let user = tx.user(me.user).await?.ok_or(AppError::Refused(Code::Unauthenticated))?;
        let has_factor = !active_factors(tx.as_mut(), me.user).await?.is_empty();
        let is_fresh = now.duration_since(principal.authenticated) <= super::standing::STEPPED_UP_FOR;
        drop(tx);
        if has_factor || !is_fresh {
            stepped_up(principal)?;
        }
        let (token, digest) = opaque::fresh(EMAIL)?;
        let letter = self.link(Some(&user), MailKind::EmailChange, &address, &token, now + EMAIL_TOKEN_FOR).await?;
        let mut tx = self.writing_as(me.user).await?;
        tries.count(tx.as_mut(), now).await?;
        tx.void_one_times(Purpose::EmailChange, Some(me.user), now).await?;
        let (purpose, expires, detail) = (Purpose::EmailChange, now + EMAIL_TOKEN_FOR, json!({ "email": address }));
        let row =
            OneTime { digest, purpose, user: Some(me.user), tenant: None, detail, created: now, expires, attempts: 0, used: None };
        tx.add_one_time(&row).await?;
        send(tx.as_mut(), &letter, now).await?;
        tx.append(chain_of(user.last_tenant), act(now, me.user, "auth.email.change_asked"), None).await?;
        Ok(tx.commit().await?)
    }

    /// Puts the proven address in the place of the last one, which is told.
    pub async fn confirm_email_change(&self, token: &str, origin: &Origin) -> AppResult<()> {
        let refused = || AppError::Refused(Code::OneTimeRefused);
        let digest = opaque::read(EMAIL, token).ok_or_else(refused)?;
        let now = self.now();
        let mut tx = self.reading().await?;
        let row = tx.one_time(Purpose::EmailChange, &digest).await?.ok_or_else(refused)?;
        let (Some(id), Some(address)) = (row.user, row.detail["email"].as_str()) else { return Err(refused()) };
        let former = tx.user(id).await?.ok_or_else(refused)?;
        drop(tx);
        let letter = self.notice(&former, MailKind::EmailChanged, origin).await?;
        let pen = Pen::of(&self.vault, former.last_tenant.unwrap_or(NO_TENANT)).await?;
        let mut tx = self.writing().await?;
        let mut user = tx.user(id).await?.filter(|it| it.state == UserState::Active).ok_or_else(refused)?;
        if !tx.use_one_time(&digest, now).await? || tx.user_by_email(address).await?.is_some() {
            return Err(refused());
        }
        send(tx.as_mut(), &letter, now).await?;
        let before = std::mem::replace(&mut user.email, address.to_owned());
        tx.update_user(&user).await?;
        tx.record_login(id, &record(now, LoginEvent::EmailChanged, origin, None)).await?;
        let event = act(now, id, "auth.email.changed");
        let (event, detail) = pen.change(event, &json!({ "email": before }), &json!({ "email": user.email }))?;
        tx.append(chain_of(former.last_tenant), event, detail).await?;
        Ok(tx.commit().await?)
    }
}
