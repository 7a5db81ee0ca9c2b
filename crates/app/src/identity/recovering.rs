//! Lost factors are taken away: by the job that waited for everybody to object, or at once by whoever
//! holds the host.
//!
//! It is done in one transaction that ends the recovery too, and only if it is still open then: of two
//! workers, and of a worker that comes back, one does it. Whoever began it must still be able to: an
//! administrator who was kept out meanwhile takes what they began with them.

use super::login::active_factors;
use super::model::{LoginEvent, Purpose, Recovery, RecoveryState, SessionEnd, User, UserState};
use super::notices::send;
use super::people::Steward;
use super::ports::{Chain, IdentityTx};
use super::recovery::{IDENTITY_RECOVER, TOLD_MOST, Told, call_off, called, entry, member_here, unseen};
use super::relief::forget_failures_of;
use super::service::{Identity, NO_TENANT};
use crate::App;
use crate::error::{AppError, AppResult};
use crate::jobs::{Handler, JobFailure};
use crate::mail::MailKind;
use crate::model::ClaimedJob;
use crate::ports::LeaseProof;
use async_trait::async_trait;
use fedatario_audit::Event;
use fedatario_base::id::{RecoveryId, UserId};
use fedatario_base::{Actor, Code, Permission, PlatformScope, Scope};
use jiff::{SignedDuration, Timestamp};
use std::sync::Arc;
use std::time::Duration;

/// How long nothing is signed for somebody whose factors were taken away.
pub const NO_SIGNING_FOR: SignedDuration = SignedDuration::from_hours(24);

/// Does the job of recoveries.
pub struct Recoverer {
    app: App,
    identity: Arc<Identity>,
}

/// What became of a recovery when its job looked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recovered {
    /// The factors were taken away now.
    Done,
    /// It was over already, or was called off now.
    Over,
    /// Its time has not come.
    NotYet(Duration),
}

impl Identity {
    /// Takes the factors of a recovery away, if it is open, due, and whoever began it still may.
    pub async fn finish_recovery(&self, id: RecoveryId) -> AppResult<Recovered> {
        let now = self.now();
        let mut tx = self.reading().await?;
        let Some(open) = tx.recovery(id).await?.filter(|it| it.state == RecoveryState::Open) else { return Ok(Recovered::Over) };
        if now < open.due {
            return Ok(Recovered::NotYet(Duration::try_from(open.due.duration_since(now)).unwrap_or_default()));
        }
        let whose = tx.user(open.user).await?.ok_or_else(|| AppError::NotFound(open.user.to_string()))?;
        drop(tx);
        let told = Told { kind: MailKind::RecoveryFinished, whose: &whose, begun_in: open.tenant, by: called(&whose), at: now };
        let letters = self.letters(&told).await?;

        let mut tx = self.writing().await?;
        let whose = tx.user(open.user).await?.ok_or_else(|| AppError::NotFound(open.user.to_string()))?;
        if tx.recovery(id).await?.is_none_or(|it| it.state != RecoveryState::Open) {
            return Ok(Recovered::Over);
        }
        if let Some(why) = obstacle(tx.as_mut(), &open, now).await? {
            call_off(tx.as_mut(), &open, &Actor::System, why, None, now).await?;
            tx.commit().await?;
            return Ok(Recovered::Over);
        }
        tx.end_recovery(id, RecoveryState::Done, &Actor::System.to_string(), now).await?;
        self.take_factors_away(tx.as_mut(), whose, now).await?;
        for letter in &letters {
            send(tx.as_mut(), letter, now).await?;
        }
        let event = entry(&Actor::System, &open, "member.recovery_finished", now).field("started_by", open.started_by.as_str());
        tx.append(Chain::Tenant(open.tenant), event, None).await?;
        tx.commit().await?;
        self.standings.forget_all();
        Ok(Recovered::Done)
    }

    /// Takes somebody's factors away at once: for whoever holds the host, when nobody else could begin it.
    /// Refused while another administrator could, unless it is forced.
    pub async fn recover_at_once(&self, by: &Steward, user: UserId, is_forced: bool) -> AppResult<()> {
        by.require(Permission::PlatformUserManage)?;
        if !matches!(by.actor(), Actor::Os(_)) {
            return Err(AppError::Denied(Permission::PlatformUserManage));
        }
        let now = self.now();
        let mut tx = self.reading().await?;
        let whose = tx.user(user).await?.ok_or_else(|| AppError::NotFound(user.to_string()))?;
        if active_factors(tx.as_mut(), user).await?.is_empty() {
            return Err(AppError::Refused(Code::FactorState));
        }
        if !is_forced && another_could(tx.as_mut(), user, now).await? {
            return Err(AppError::Refused(Code::RecoveryElsewhere));
        }
        drop(tx);
        let told = Told { kind: MailKind::RecoveryFinished, whose: &whose, begun_in: NO_TENANT, by: String::new(), at: now };
        let letters = self.letters(&told).await?;

        let mut tx = self.store.begin(&PlatformScope::of(by.actor().clone())).await?;
        let whose = tx.user(user).await?.ok_or_else(|| AppError::NotFound(user.to_string()))?;
        if let Some(open) = tx.open_recovery(user).await? {
            tx.end_recovery(open.id, RecoveryState::Done, &by.actor().to_string(), now).await?;
        }
        let places = tx.memberships(user).await?;
        self.take_factors_away(tx.as_mut(), whose, now).await?;
        for letter in &letters {
            send(tx.as_mut(), letter, now).await?;
        }
        let chains = places.iter().map(|it| Chain::Tenant(it.tenant)).chain([Chain::Platform]);
        for chain in chains {
            let event = Event::new(now, by.actor(), "member.factors_recovered").object(user).field("forced", is_forced);
            tx.append(chain, event, None).await?;
        }
        tx.commit().await?;
        self.standings.forget_all();
        Ok(())
    }

    /// What a recovery does to somebody: no factor, no code, no line, no machine that is known, no failure
    /// that is counted, and nothing signed for a day.
    async fn take_factors_away(&self, tx: &mut dyn IdentityTx, mut user: User, now: Timestamp) -> AppResult<()> {
        let id = user.id;
        forget_failures_of(tx, &user).await?;
        for factor in tx.factors(id).await? {
            tx.remove_factor(id, factor.id).await?;
        }
        tx.put_recovery_codes(id, &[], now).await?;
        tx.forget_devices(id).await?;
        tx.end_sessions(id, None, SessionEnd::Changed, now).await?;
        for purpose in [Purpose::Mfa, Purpose::Reset] {
            tx.void_one_times(purpose, Some(id), now).await?;
        }
        user.epoch += 1;
        user.signing_from = Some(user.signing_from.unwrap_or(now).max(now + NO_SIGNING_FOR));
        tx.update_user(&user).await?;
        Ok(tx.record_login(id, &unseen(LoginEvent::FactorsRecovered, now)).await?)
    }
}

/// Why a recovery cannot be done any more.
async fn obstacle(tx: &mut dyn IdentityTx, open: &Recovery, now: Timestamp) -> AppResult<Option<&'static str>> {
    let starter: Option<UserId> = open.started_by.parse().ok();
    let Some(starter) = starter else { return Ok(Some("starter")) };
    let found = |it: AppResult<_>| match it {
        Ok(it) => Ok(Some(it)),
        Err(AppError::NotFound(_)) => Ok(None),
        Err(error) => Err(error),
    };
    let by = found(member_here(tx, open.tenant, starter, now).await)?;
    let by = by.filter(|(who, powers)| who.state == UserState::Active && powers.holds(Permission::UserManage));
    let Some((_, by)) = by else { return Ok(Some("starter")) };
    let Some((_, powers)) = found(member_here(tx, open.tenant, open.user, now).await)? else { return Ok(Some("member")) };
    Ok((!powers.within(&by)).then_some("exceeds"))
}

/// Whether somebody else could begin the recovery: whoever administers a tenant of the person, with a
/// factor, and may do no less.
async fn another_could(tx: &mut dyn IdentityTx, user: UserId, now: Timestamp) -> AppResult<bool> {
    for place in tx.memberships(user).await? {
        let Ok((_, powers)) = member_here(tx, place.tenant, user, now).await else { continue };
        for other in tx.holders_of(place.tenant, Permission::UserManage, now, TOLD_MOST).await? {
            if other.id == user || active_factors(tx, other.id).await?.is_empty() {
                continue;
            }
            if powers.within(&member_here(tx, place.tenant, other.id, now).await?.1) {
                return Ok(true);
            }
        }
    }
    Ok(false)
}

impl Recoverer {
    /// Over the services of this process.
    pub fn new(app: App, identity: Arc<Identity>) -> Self {
        Self { app, identity }
    }
}

#[async_trait]
impl Handler for Recoverer {
    fn kinds(&self) -> &'static [&'static str] {
        &[IDENTITY_RECOVER]
    }

    async fn handle(&self, job: &ClaimedJob, scope: Scope) -> Result<(), JobFailure> {
        let malformed =
            || JobFailure::Failed { code: Code::Internal, text: "payload of identity.recover not understood".to_owned() };
        let id: RecoveryId = job.payload["recovery"].as_str().and_then(|it| it.parse().ok()).ok_or_else(malformed)?;
        if let Recovered::NotYet(after) = self.identity.finish_recovery(id).await? {
            return Err(JobFailure::Later { after, why: "its time has not come".to_owned() });
        }
        let mut tx = self.app.store.begin(&scope).await.map_err(AppError::from)?;
        tx.finish_job(LeaseProof { job: job.id, token: job.token }).await.map_err(AppError::from)?;
        Ok(tx.commit().await.map_err(AppError::from)?)
    }
}
