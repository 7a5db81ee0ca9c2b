//! Lost second factors: another administrator begins their recovery, everybody who could object is told,
//! and after [`DELAY`] they are taken away ([`super::recovering`]), unless it is called off before.
//!
//! Whoever administers any tenant of the person may call it off, and the person; it is called off by
//! itself when the person proves a factor meanwhile. One at a time for a person, whichever tenant began it.
//! The row of the person is held first, then the recovery's, so that beginning, proving, calling off and
//! taking away come one after the other.

use super::door::Principal;
use super::factors::{Myself, stepped_up};
use super::login::active_factors;
use super::model::{LoginEvent, LoginRecord, Membership, Recovery, RecoveryState, User};
use super::notices::{Letter, send};
use super::people::{exceeding, refusal, require};
use super::ports::{Chain, IdentityTx};
use super::roles::built_in;
use super::service::Identity;
use crate::error::{AppError, AppResult};
use crate::mail::MailKind;
use crate::model::NewJob;
use fedatario_audit::Event;
use fedatario_base::id::{RecoveryId, TenantId, UserId};
use fedatario_base::text::{Language, say};
use fedatario_base::{Actor, Code, Permission, Scope};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

/// How long everybody has to object: three days, a long weekend.
pub const DELAY: SignedDuration = SignedDuration::from_hours(72);
/// The job that takes the factors away when the delay is over.
pub const IDENTITY_RECOVER: &str = "identity.recover";
/// People who are told of one recovery at most, its person among them.
pub const TOLD_MOST: u32 = 200;

/// What somebody may do in a tenant and on the installation.
pub(super) struct Powers {
    here: Vec<Permission>,
    platform: Vec<Permission>,
}

impl Identity {
    /// Begins the recovery of a member's lost factors; answers the one on its way if there is one.
    ///
    /// Not one's own, and not of whoever may do more than oneself here or on the installation.
    pub async fn start_recovery(&self, principal: &Principal, user: UserId) -> AppResult<Recovery> {
        require(&principal.scope, Permission::UserManage)?;
        let me = Myself::of(principal)?;
        stepped_up(principal)?;
        let now = self.now();
        let recovery = begun(principal, user, now);
        let mut tx = self.reading().await?;
        let whose = recoverable(tx.as_mut(), principal, user, now).await?;
        if let Some(open) = tx.open_recovery(user).await? {
            return Ok(open);
        }
        let by = tx.user(me.user).await?.map(|it| called(&it)).unwrap_or_default();
        drop(tx);
        let told = Told { kind: MailKind::RecoveryStarted, whose: &whose, begun_in: recovery.tenant, by, at: recovery.due };
        let letters = self.letters(&told).await?;

        let mut tx = self.writing_as(me.user).await?;
        tx.user(user).await?; // Held from here on.
        if let Some(open) = tx.open_recovery(user).await? {
            return Ok(open);
        }
        recoverable(tx.as_mut(), principal, user, now).await?;
        tx.add_recovery(&recovery).await?;
        tx.record_login(user, &unseen(LoginEvent::RecoveryStarted, now)).await?;
        tx.enqueue(recovery.tenant, &self.job_of(&recovery), now).await?;
        for letter in &letters {
            send(tx.as_mut(), letter, now).await?;
        }
        let event = entry(principal.scope.actor(), &recovery, "member.recovery_started", now);
        tx.append(Chain::Tenant(recovery.tenant), event.field("due", recovery.due.to_string()), None).await?;
        tx.commit().await?;
        Ok(recovery)
    }

    fn job_of(&self, recovery: &Recovery) -> NewJob {
        let key = recovery.id.to_string();
        let due = self.clock.service() + recovery.due.duration_since(recovery.started);
        NewJob { kind: IDENTITY_RECOVER, payload: json!({ "recovery": key }), key, due, run: None }
    }

    /// The recovery on its way of a member's factors, whichever tenant began it.
    pub async fn recovery_of(&self, scope: &Scope, user: UserId) -> AppResult<Recovery> {
        require(scope, Permission::UserRead)?;
        let mut tx = self.reading().await?;
        member_here(tx.as_mut(), scope.tenant(), user, self.now()).await?;
        tx.open_recovery(user).await?.ok_or_else(|| AppError::NotFound(user.to_string()))
    }

    /// The recovery on its way of the caller's own factors.
    pub async fn own_recovery(&self, principal: &Principal) -> AppResult<Option<Recovery>> {
        let me = Myself::of(principal)?;
        Ok(self.reading().await?.open_recovery(me.user).await?)
    }

    /// Calls off the recovery of a member's factors, whichever tenant began it.
    pub async fn call_off_recovery(&self, scope: &Scope, user: UserId) -> AppResult<()> {
        require(scope, Permission::UserManage)?;
        let now = self.now();
        let mut tx = self.writing().await?;
        tx.user(user).await?;
        member_here(tx.as_mut(), scope.tenant(), user, now).await?;
        let open = tx.open_recovery(user).await?.ok_or_else(|| AppError::NotFound(user.to_string()))?;
        call_off(tx.as_mut(), &open, scope.actor(), "administrator", Some(scope.tenant()), now).await?;
        Ok(tx.commit().await?)
    }

    /// Calls off the recovery of the caller's own factors.
    pub async fn call_off_own_recovery(&self, principal: &Principal) -> AppResult<()> {
        let me = Myself::of(principal)?;
        let now = self.now();
        let mut tx = self.writing_as(me.user).await?;
        tx.user(me.user).await?;
        let open = tx.open_recovery(me.user).await?.ok_or_else(|| AppError::NotFound(me.user.to_string()))?;
        call_off(tx.as_mut(), &open, principal.scope.actor(), "person", None, now).await?;
        Ok(tx.commit().await?)
    }

    /// Words what is told of a recovery: to its person, and to whoever administers a tenant of theirs.
    /// Other tenants than the one that began it are not told which that was.
    pub(super) async fn letters(&self, told: &Told<'_>) -> AppResult<Vec<Letter>> {
        let readers = self.readers(told).await?;
        let mut letters = Vec::with_capacity(readers.len());
        for (reader, place) in &readers {
            letters.push(self.letter_in(place.tenant, reader, told.kind, &told.fields(reader, place)).await?);
        }
        Ok(letters)
    }

    async fn readers(&self, told: &Told<'_>) -> AppResult<Vec<(User, Membership)>> {
        let mut tx = self.reading().await?;
        let mut places = tx.memberships(told.whose.id).await?;
        places.sort_by_key(|it| (it.tenant != told.begun_in, it.tenant)); // Where it began comes first.
        let mut readers: Vec<(User, Membership)> = places.first().map(|it| (told.whose.clone(), it.clone())).into_iter().collect();
        for place in places {
            for holder in tx.holders_of(place.tenant, Permission::UserManage, self.now(), TOLD_MOST).await? {
                if readers.len() < TOLD_MOST as usize && readers.iter().all(|it| it.0.id != holder.id) {
                    readers.push((holder, place.clone()));
                }
            }
        }
        Ok(readers)
    }
}

/// What is told of a recovery.
pub(super) struct Told<'a> {
    pub(super) kind: MailKind,
    /// Whose factors.
    pub(super) whose: &'a User,
    /// The tenant that began it; nobody's where the host did.
    pub(super) begun_in: TenantId,
    /// What others call whoever began it.
    pub(super) by: String,
    /// When it is due, or was done.
    pub(super) at: Timestamp,
}

impl Told<'_> {
    fn fields(&self, reader: &User, place: &Membership) -> Vec<(&'static str, String)> {
        let by = if place.tenant == self.begun_in {
            self.by.clone()
        } else {
            say(Language::from_tag(&reader.language), "mail-from-elsewhere", &[])
        };
        let (who, organisation, at) = (called(self.whose), place.tenant_name.clone(), self.at.to_string());
        match self.kind {
            MailKind::RecoveryStarted => vec![("who", who), ("by", by), ("organisation", organisation), ("until", at)],
            _ => vec![("who", who), ("organisation", organisation), ("at", at)],
        }
    }
}

/// What others call somebody.
pub(super) fn called(user: &User) -> String {
    if user.name.trim().is_empty() { user.email.clone() } else { user.name.clone() }
}

fn begun(principal: &Principal, user: UserId, now: Timestamp) -> Recovery {
    Recovery {
        id: RecoveryId::fresh(now),
        tenant: principal.scope.tenant(),
        user,
        state: RecoveryState::Open,
        started_by: principal.scope.actor().to_string(),
        started: now,
        due: now + DELAY,
        ended: None,
    }
}

/// A line of history of what happened elsewhere than at the person's own machine.
pub(super) fn unseen(event: LoginEvent, at: Timestamp) -> LoginRecord {
    LoginRecord { at, event, address: String::new(), user_agent: String::new(), session: None }
}

pub(super) fn entry(actor: &Actor, recovery: &Recovery, action: &str, now: Timestamp) -> Event {
    Event::new(now, actor, action).object(recovery.user).field("recovery", recovery.id.to_string())
}

/// Somebody who is a member here, with what they may do; *not found* otherwise.
pub(super) async fn member_here(
    tx: &mut dyn IdentityTx,
    tenant: TenantId,
    user: UserId,
    now: Timestamp,
) -> AppResult<(User, Powers)> {
    let nobody = || AppError::NotFound(user.to_string());
    let here = tx.allowed_in(tenant, user, now).await?.ok_or_else(nobody)?;
    let whose = tx.user(user).await?.ok_or_else(nobody)?;
    let platform = platform_powers(tx, user).await?;
    Ok((whose, Powers { here, platform }))
}

async fn platform_powers(tx: &mut dyn IdentityTx, user: UserId) -> AppResult<Vec<Permission>> {
    let roles = tx.platform_roles(user).await?;
    Ok(roles.iter().filter_map(|it| built_in(it)).flatten().filter(|it| it.is_platform()).collect())
}

impl Powers {
    /// Whether somebody else may do all of it.
    pub(super) fn within(&self, other: &Powers) -> bool {
        self.here.iter().all(|it| other.here.contains(it)) && self.platform.iter().all(|it| other.platform.contains(it))
    }

    pub(super) fn holds(&self, permission: Permission) -> bool {
        self.here.contains(&permission)
    }
}

/// Refuses whoever would act on somebody that may do more than they, here or on the installation.
pub(super) fn not_above(principal: &Principal, powers: &Powers) -> AppResult<()> {
    exceeding(&principal.scope, &powers.here)?;
    match powers.platform.iter().find(|it| !principal.platform.contains(it)) {
        Some(beyond) => Err(refusal(Code::PermissionExceeds, format!("{} is not held by whoever acts", beyond.text()))),
        None => Ok(()),
    }
}

/// The member whose factors may be recovered by whoever asks for it.
async fn recoverable(tx: &mut dyn IdentityTx, principal: &Principal, user: UserId, now: Timestamp) -> AppResult<User> {
    let (whose, powers) = member_here(tx, principal.scope.tenant(), user, now).await?;
    if principal.scope.actor() == &Actor::User(user) {
        return Err(refusal(Code::SecondPerson, "another administrator begins the recovery of one's own factors"));
    }
    not_above(principal, &powers)?;
    match active_factors(tx, user).await?.is_empty() {
        true => Err(AppError::Refused(Code::FactorState)),
        false => Ok(whose),
    }
}

/// The person proved a factor: it is not lost.
pub(super) async fn disarm(tx: &mut dyn IdentityTx, user: UserId, now: Timestamp) -> AppResult<()> {
    match tx.open_recovery(user).await? {
        Some(open) => call_off(tx, &open, &Actor::User(user), "proved", None, now).await,
        None => Ok(()),
    }
}

/// Ends an open recovery without its effect; told in the chain of the tenant that began it, and of the
/// tenant that called it off.
pub(super) async fn call_off(
    tx: &mut dyn IdentityTx,
    open: &Recovery,
    by: &Actor,
    why: &str,
    from: Option<TenantId>,
    now: Timestamp,
) -> AppResult<()> {
    if !tx.end_recovery(open.id, RecoveryState::CalledOff, &by.to_string(), now).await? {
        return Err(AppError::NotFound(open.user.to_string()));
    }
    tx.record_login(open.user, &unseen(LoginEvent::RecoveryCalledOff, now)).await?;
    let mut chains: Vec<TenantId> = from.into_iter().chain([open.tenant]).collect();
    chains.sort();
    chains.dedup();
    for tenant in chains {
        let event = entry(by, open, "member.recovery_called_off", now).field("why", why);
        tx.append(Chain::Tenant(tenant), event, None).await?;
    }
    Ok(())
}
