//! Second factors: begun, proven, taken away; recovery codes; proving one again for an act that asks.

use super::door::{Means, Origin, Principal};
use super::login::{Claim, Proof, active_factors, factor_label, take};
use super::model::{Factor, FactorKind, FactorState, Hidden, LoginEvent, SessionEnd, User, UserState};
use super::notices::{Change, Letter, send};
use super::ports::IdentityTx;
use super::service::{Identity, NO_TENANT, act, chain_of};
use super::standing::STEPPED_UP_FOR;
use super::tokens::{AccessToken, record};
use super::tries::Tries;
use crate::called::Pen;
use crate::error::{AppError, AppResult};
use fedatario_base::id::{FactorId, SessionId, UserId};
use fedatario_base::{Code, Scope, Secret};
use fedatario_identity::recovery;
use fedatario_identity::totp::{self, Enrolment};
use jiff::Timestamp;
use serde_json::{Value, json};

/// Factors of one person, pending ones too.
pub const FACTORS_MOST: usize = 10;
/// Longest name of a factor, in characters.
pub const LABEL_MOST: usize = 64;

/// A factor that was begun.
pub struct BegunFactor {
    /// Which.
    pub id: FactorId,
    /// What an authenticator is given.
    pub enrolment: Enrolment,
}

/// A factor that counts now.
pub struct ConfirmedFactor {
    /// Recovery codes, if these are the first; shown once.
    pub recovery_codes: Vec<Secret>,
    /// A token that knows of the factor.
    pub access: AccessToken,
}

/// Whoever signed in by a session: what acts about oneself need.
#[derive(Debug, Clone, Copy)]
pub(super) struct Myself {
    pub(super) user: UserId,
    pub(super) session: SessionId,
}

impl Myself {
    /// A program has no account of its own.
    pub(super) fn of(principal: &Principal) -> AppResult<Self> {
        match principal.means {
            Means::Session { session, user } => Ok(Self { user, session }),
            Means::Key { .. } => Err(AppError::Refused(Code::SessionRequired)),
        }
    }
}

impl Identity {
    /// Begins a factor of codes by time. The first needs a login of the last minutes, any other a step-up.
    pub async fn begin_totp(&self, principal: &Principal, label: &str) -> AppResult<BegunFactor> {
        let me = Myself::of(principal)?;
        let now = self.now();
        let (secret, id) = (totp::fresh()?, FactorId::fresh(now));
        let sealed = self.vault.seal_bytes(&Scope::system(NO_TENANT), &factor_label(id), secret.expose()).await?;
        let mut tx = self.writing_as(me.user).await?;
        let user = may_begin(tx.as_mut(), principal, me, now).await?;
        tx.add_factor(&pending(id, me.user, FactorKind::Totp, label, sealed, now)).await?;
        tx.commit().await?;
        Ok(BegunFactor { id, enrolment: totp::enrolment(&secret, &self.settings.product, &user.email)? })
    }

    /// Proves a factor that was begun: from now on it is asked for. Other lines of the person end.
    pub async fn confirm_totp(
        &self,
        principal: &Principal,
        id: FactorId,
        code: &Secret,
        origin: &Origin,
    ) -> AppResult<ConfirmedFactor> {
        let me = Myself::of(principal)?;
        let now = self.now();
        let tries = Tries::factor(me.user, None, origin);
        let mut tx = self.reading().await?;
        tries.check(tx.as_mut(), now).await?;
        let factors = tx.factors(me.user).await?;
        let user = tx.user(me.user).await?.ok_or(AppError::Refused(Code::Unauthenticated))?;
        drop(tx);
        let is_meant = |it: &&Factor| it.id == id && it.state == FactorState::Pending && it.kind == FactorKind::Totp;
        let factor = factors.iter().find(is_meant);
        let factor = factor.ok_or_else(|| AppError::NotFound(id.to_string()))?;
        let letter = self.notice_of_factor(&user, Change::Added(factor), origin).await?;
        let secret = self.factor_secret(factor).await?;
        let step = totp::step_of(&secret, code.expose_str().unwrap_or_default(), now, self.settings.totp_tolerance);

        let mut tx = self.writing_as(me.user).await?;
        let user = tx.user(me.user).await?.ok_or(AppError::Refused(Code::Unauthenticated))?;
        tries.check(tx.as_mut(), now).await?;
        let is_first = active_factors(tx.as_mut(), me.user).await?.is_empty();
        // The step that confirms is used up: the same code does not log in.
        let taken = match step {
            Some(step) => tx.take_step(me.user, id, step, now).await?,
            None => false,
        };
        if !taken {
            self.refuse_factor(tx, &user, &tries, origin, None).await?;
            return Err(AppError::Refused(Code::MfaRefused));
        }
        tx.confirm_factor(me.user, id, now).await?;
        self.factor_counts(tx, Added { user, me, is_first, letter, methods: "pwd otp" }, origin, now).await
    }

    /// What follows from every factor that was proven for the first time. Commits.
    pub(super) async fn factor_counts(
        &self,
        mut tx: Box<dyn IdentityTx>,
        added: Added,
        origin: &Origin,
        now: Timestamp,
    ) -> AppResult<ConfirmedFactor> {
        let Added { user, me, is_first, letter, methods } = added;
        let codes = if is_first { recovery::fresh(me.user)? } else { Vec::new() };
        if is_first {
            let digests: Vec<[u8; 32]> = codes.iter().map(|it| it.1).collect();
            tx.put_recovery_codes(me.user, &digests, now).await?;
        }
        tx.end_sessions(me.user, Some(me.session), SessionEnd::Changed, now).await?;
        tx.record_login(me.user, &record(now, LoginEvent::FactorAdded, origin, Some(me.session))).await?;
        send(tx.as_mut(), &letter, now).await?;
        let access = self.restate(tx, &user, me.session, methods, "auth.factor.added", now).await?;
        self.standings.forget_all();
        Ok(ConfirmedFactor { recovery_codes: codes.into_iter().map(|it| it.0).collect(), access })
    }

    /// Proves a factor again, for acts that ask for it.
    pub async fn step_up(&self, principal: &Principal, proof: Proof, origin: &Origin) -> AppResult<AccessToken> {
        let me = Myself::of(principal)?;
        let now = self.now();
        let tries = Tries::factor(me.user, None, origin);
        let mut tx = self.reading().await?;
        tries.check(tx.as_mut(), now).await?;
        let factors = tx.factors(me.user).await?;
        drop(tx);
        let claim = self.claim(me.user, &factors, &proof, now).await?;
        let mut tx = self.writing_as(me.user).await?;
        let user = tx.user(me.user).await?.filter(|it| it.state == UserState::Active);
        let user = user.ok_or(AppError::Refused(Code::Unauthenticated))?;
        tries.check(tx.as_mut(), now).await?;
        if !take(tx.as_mut(), me.user, &claim, now).await? {
            self.refuse_factor(tx, &user, &tries, origin, claim.suspect()).await?;
            return Err(AppError::Refused(Code::MfaRefused));
        }
        if matches!(claim, Claim::Recovery(_)) {
            tx.record_login(me.user, &record(now, LoginEvent::RecoveryUsed, origin, Some(me.session))).await?;
        }
        tries.forget(tx.as_mut()).await?;
        self.restate(tx, &user, me.session, claim.methods(), "auth.session.stepped_up", now).await
    }

    /// Takes a factor away. The last one stays while roles are held that count only with one.
    pub async fn remove_factor(&self, principal: &Principal, id: FactorId, origin: &Origin) -> AppResult<()> {
        let me = Myself::of(principal)?;
        stepped_up(principal)?;
        let now = self.now();
        let standing = self.standing(me.session, me.user, Some(principal.scope.tenant()).filter(|it| *it != NO_TENANT)).await?;
        let mut tx = self.reading().await?;
        let user = tx.user(me.user).await?.ok_or(AppError::Refused(Code::Unauthenticated))?;
        let factor = tx.factors(me.user).await?.into_iter().find(|it| it.id == id);
        let factor = factor.ok_or_else(|| AppError::NotFound(id.to_string()))?;
        drop(tx);
        let letter = self.notice_of_factor(&user, Change::Removed(&factor), origin).await?;
        let needs_one = standing.needs_second_factor();
        let pen = Pen::of(&self.vault, user.last_tenant.unwrap_or(NO_TENANT)).await?;
        let chain = chain_of(user.last_tenant);
        let mut tx = self.writing_as(me.user).await?;
        tx.user(me.user).await?.ok_or(AppError::Refused(Code::Unauthenticated))?;
        let active = active_factors(tx.as_mut(), me.user).await?;
        let proves_another = active.iter().any(|it| it.id != id && it.state == FactorState::Active);
        if needs_one && active.iter().any(|it| it.id == id) && !proves_another {
            return Err(AppError::Refused(Code::FactorState));
        }
        tx.remove_factor(me.user, id).await?;
        tx.end_sessions(me.user, Some(me.session), SessionEnd::Changed, now).await?;
        tx.record_login(me.user, &record(now, LoginEvent::FactorRemoved, origin, Some(me.session))).await?;
        send(tx.as_mut(), &letter, now).await?;
        let event = act(now, me.user, "auth.factor.removed").field("factor", id.to_string());
        let before = json!({ "kind": factor.kind.text(), "name": factor.label, "state": factor.state.text() });
        let (event, detail) = pen.change(event, &before, &Value::Null)?;
        tx.append(chain, event, detail).await?;
        tx.commit().await?;
        self.standings.forget_all();
        Ok(())
    }

    /// The factors of the caller, and how many recovery codes are left.
    pub async fn factors(&self, principal: &Principal) -> AppResult<(Vec<Factor>, u32)> {
        let me = Myself::of(principal)?;
        let mut tx = self.reading().await?;
        Ok((tx.factors(me.user).await?, tx.recovery_codes_left(me.user).await?))
    }

    /// A new set of recovery codes in place of the last; shown once.
    pub async fn new_recovery_codes(&self, principal: &Principal, origin: &Origin) -> AppResult<Vec<Secret>> {
        let me = Myself::of(principal)?;
        stepped_up(principal)?;
        let now = self.now();
        let codes = recovery::fresh(me.user)?;
        let digests: Vec<[u8; 32]> = codes.iter().map(|it| it.1).collect();
        let user = self.reading().await?.user(me.user).await?.ok_or(AppError::Refused(Code::Unauthenticated))?;
        let letter = self.notice_of_factor(&user, Change::Codes, origin).await?;
        let mut tx = self.writing_as(me.user).await?;
        let user = tx.user(me.user).await?.ok_or(AppError::Refused(Code::Unauthenticated))?;
        if active_factors(tx.as_mut(), me.user).await?.is_empty() {
            return Err(AppError::Refused(Code::FactorState));
        }
        tx.put_recovery_codes(me.user, &digests, now).await?;
        tx.record_login(me.user, &record(now, LoginEvent::CodesMade, origin, Some(me.session))).await?;
        send(tx.as_mut(), &letter, now).await?;
        tx.append(chain_of(user.last_tenant), act(now, me.user, "auth.recovery_codes.made"), None).await?;
        tx.commit().await?;
        Ok(codes.into_iter().map(|it| it.0).collect())
    }

    /// Notes in a line that its person proved a factor now, commits, and signs a token that knows it.
    async fn restate(
        &self,
        mut tx: Box<dyn IdentityTx>,
        user: &User,
        session: SessionId,
        methods: &str,
        action: &str,
        now: Timestamp,
    ) -> AppResult<AccessToken> {
        let refused = || AppError::Refused(Code::Unauthenticated);
        let mut line = tx.session(session).await?.filter(|it| it.user == user.id && it.ended.is_none()).ok_or_else(refused)?;
        tx.restate_session(session, line.tenant, now, methods).await?;
        tx.append(chain_of(line.tenant), act(now, user.id, action).object(session), None).await?;
        tx.commit().await?;
        self.standings.forget(session);
        (line.authenticated, line.methods) = (now, methods.to_owned());
        self.access_for(&line, user.epoch).await
    }
}

/// A factor that was just proven for the first time.
pub(super) struct Added {
    pub(super) user: User,
    pub(super) me: Myself,
    /// Whether none was asked for before.
    pub(super) is_first: bool,
    pub(super) letter: Letter,
    /// Names of RFC 8176.
    pub(super) methods: &'static str,
}

/// Whether somebody may begin a factor now; whatever they began before is forgotten.
pub(super) async fn may_begin(tx: &mut dyn IdentityTx, principal: &Principal, me: Myself, now: Timestamp) -> AppResult<User> {
    let user = tx.user(me.user).await?.ok_or(AppError::Refused(Code::Unauthenticated))?;
    let (pending, kept): (Vec<Factor>, Vec<Factor>) =
        tx.factors(me.user).await?.into_iter().partition(|it| it.state == FactorState::Pending);
    let is_fresh = now.duration_since(principal.authenticated) <= STEPPED_UP_FOR;
    if !(is_fresh && (principal.is_stepped_up || kept.is_empty())) {
        return Err(AppError::Refused(Code::StepUpRequired));
    }
    for old in pending {
        tx.remove_factor(me.user, old.id).await?;
    }
    if kept.len() >= FACTORS_MOST {
        return Err(AppError::Refused(Code::FactorState));
    }
    Ok(user)
}

/// A factor that was begun now.
pub(super) fn pending(id: FactorId, user: UserId, kind: FactorKind, label: &str, sealed: Vec<u8>, now: Timestamp) -> Factor {
    let label = label.chars().filter(|it| !it.is_control()).take(LABEL_MOST).collect();
    let (state, secret) = (FactorState::Pending, Hidden(sealed));
    Factor { id, user, kind, label, state, secret, last_step: 0, created: now, confirmed: None, used: None }
}

/// Acts about factors and passwords ask for a factor of the last minutes.
pub(super) fn stepped_up(principal: &Principal) -> AppResult<()> {
    if principal.is_stepped_up { Ok(()) } else { Err(AppError::Refused(Code::StepUpRequired)) }
}
