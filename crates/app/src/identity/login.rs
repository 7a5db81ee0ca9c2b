//! Coming in: a password, then a second factor where there is one.
//!
//! Whoever is not here, has another password or is disabled is told the same after the same work:
//! one hash is compared, one transaction is written. Storage is not held while a hash runs.

use super::door::Origin;
use super::model::{Factor, FactorKind, FactorState, LoginEvent, OneTime, Purpose, User, UserState};
use super::notices::Letter;
use super::ports::{Chain, IdentityTx};
use super::recovery::disarm;
use super::service::{Identity, NO_TENANT, act, chain_of};
use super::tokens::{Beginning, Entered, address_of, agent_of, device_of, record};
use super::tries::Tries;
use crate::error::{AppError, AppResult};
use crate::mail::MailKind;
use fedatario_audit::{Event, Outcome};
use fedatario_base::id::{FactorId, TenantId, UserId};
use fedatario_base::{Actor, Code, Scope, Secret};
use fedatario_identity::password::Verdict;
use fedatario_identity::{email, opaque, recovery, throttle, totp};
use jiff::{SignedDuration, Timestamp};

/// The kind of token that stands between password and second factor.
pub(super) const MFA: &str = "mfa";
/// How long it does.
pub const MFA_TOKEN_FOR: SignedDuration = SignedDuration::from_mins(5);
/// Wrong codes that one such token bears.
pub const MFA_TRIES_MOST: u32 = 5;
/// Seconds for which anonymous refusals from one address are counted together.
const ANONYMOUS_WINDOW_S: i64 = 60;

/// Kinds of factors that this program can verify.
const VERIFIED: &[FactorKind] =
    if cfg!(feature = "passkeys") { &[FactorKind::Totp, FactorKind::Passkey] } else { &[FactorKind::Totp] };

/// What somebody shows who wants to come in.
#[derive(Debug)]
pub struct LoginForm {
    /// Address of mail, as typed.
    pub email: String,
    /// Password.
    pub password: Secret,
    /// The tenant to come into; the last one used if none is named.
    pub tenant: Option<TenantId>,
    /// What this machine was given when it came in before.
    pub device: Option<String>,
}

/// What a good password leads to.
#[derive(Debug)]
pub enum LoggedIn {
    /// A second factor is asked for.
    Mfa(HalfIn),
    /// In.
    In(Box<Entered>),
}

/// Somebody whose password was right.
#[derive(Debug)]
pub struct HalfIn {
    /// Stands for the password.
    pub token: Secret,
    /// What they may prove next, each kind once: factors that count, and that this program can verify.
    pub kinds: Vec<FactorKind>,
    /// Whether they have a recovery code left.
    pub has_recovery_code: bool,
}

/// A second factor, as shown.
pub enum Proof {
    /// Six digits.
    Code(Secret),
    /// A recovery code.
    Recovery(Secret),
    /// What a device answered.
    #[cfg(feature = "passkeys")]
    Passkey(Box<super::passkeys::Shown>),
}

/// What a proof would use up.
pub(super) enum Claim {
    /// A step of a factor.
    Step(FactorId, i64),
    /// A recovery code.
    Recovery([u8; 32]),
    /// A question that was asked of a device, and what came of it.
    #[cfg(feature = "passkeys")]
    Passkey(Box<super::passkeys::Answered>),
    /// Nothing: it proves nothing.
    Nothing,
}

impl Claim {
    /// The names of RFC 8176 for it.
    pub(super) fn methods(&self) -> &'static str {
        match self {
            Claim::Step(..) => "pwd otp",
            #[cfg(feature = "passkeys")]
            Claim::Passkey(_) => "pwd hwk",
            Claim::Recovery(_) | Claim::Nothing => "pwd rcv",
        }
    }

    /// The factor that there may be two of, if it showed that.
    pub(super) fn suspect(&self) -> Option<FactorId> {
        match self {
            #[cfg(feature = "passkeys")]
            Claim::Passkey(it) => it.suspect(),
            _ => None,
        }
    }
}

/// What was found of whoever wants to come in.
struct Found {
    user: Option<User>,
    tries: Tries,
    device: Option<[u8; 32]>,
}

impl Identity {
    /// Lets somebody in by password, or to the second factor.
    pub async fn login(&self, form: LoginForm, origin: &Origin) -> AppResult<LoggedIn> {
        let found = self.look_up(&form, origin).await?;
        let stored = found.user.as_ref().and_then(|it| it.password.as_ref()).map(|it| it.0.as_str());
        let verdict = self.hasher.verify(&form.password, stored).await?;
        let known = found.user.filter(|it| it.state == UserState::Active);
        match known {
            Some(user) if verdict != Verdict::Wrong => {
                let rehashed = match verdict {
                    Verdict::RightButWeaker => Some(self.hasher.hash(&form.password).await?),
                    _ => None,
                };
                self.half_in(user, rehashed, form.tenant, found.device, &found.tries, origin).await
            }
            user => {
                self.refuse_password(user.as_ref().map(|it| (it.id, it.last_tenant)), &found.tries, origin).await?;
                Err(AppError::Refused(Code::LoginRefused))
            }
        }
    }

    /// Who is meant, and whether they have to wait: the same for an address that nobody has.
    async fn look_up(&self, form: &LoginForm, origin: &Origin) -> AppResult<Found> {
        let email = email::normal(&form.email).unwrap_or_default();
        let mut tx = self.reading().await?;
        let user = tx.user_by_email(&email).await?;
        let mut device = device_of(form.device.as_deref());
        if let Some(shown) = device {
            let id = user.as_ref().map_or(UserId(NO_TENANT.0), |it| it.id);
            device = tx.is_known_device(id, &shown).await?.then_some(shown);
        }
        let tries = Tries::password(&email, device.as_ref(), origin);
        tries.check(tx.as_mut(), self.now()).await?;
        Ok(Found { user, tries, device })
    }

    /// The password was right: a second factor is asked for, or there is none and they are in.
    async fn half_in(
        &self,
        user: User,
        rehashed: Option<String>,
        tenant: Option<TenantId>,
        device: Option<[u8; 32]>,
        tries: &Tries,
        origin: &Origin,
    ) -> AppResult<LoggedIn> {
        let now = self.now();
        let notice = self.notice_of(&user, device, origin).await?;
        let mut tx = self.writing_as(user.id).await?;
        let mut user = still_the_same(tx.as_mut(), user).await?;
        if let Some(hash) = rehashed {
            user.password = Some(super::model::Hidden(hash));
            tx.update_user(&user).await?;
            user.revision += 1;
        }
        let factors = active_factors(tx.as_mut(), user.id).await?;
        if factors.is_empty() {
            tries.forget(tx.as_mut()).await?;
            let begun =
                self.begin_line(tx.as_mut(), Beginning { user, tenant, methods: "pwd", device, origin, notice }, now).await?;
            tx.commit().await?;
            return Ok(LoggedIn::In(Box::new(self.entered(begun).await?)));
        }
        let (token, digest) = opaque::fresh(MFA)?;
        let (address, agent) = (address_of(origin), agent_of(origin));
        let device = device.map(|it| data_encoding::HEXLOWER.encode(&it));
        let detail = serde_json::json!({ "device": device, "address": address, "agent": agent });
        let expires = now + MFA_TOKEN_FOR;
        let purpose = Purpose::Mfa;
        let row = OneTime { digest, purpose, user: Some(user.id), tenant, detail, created: now, expires, attempts: 0, used: None };
        tx.add_one_time(&row).await?;
        let has_recovery_code = tx.recovery_codes_left(user.id).await? > 0;
        tx.commit().await?;
        let provable = |kind: &FactorKind| factors.iter().any(|it| it.state == FactorState::Active && it.kind == *kind);
        let kinds = VERIFIED.iter().copied().filter(provable).collect();
        Ok(LoggedIn::Mfa(HalfIn { token, kinds, has_recovery_code }))
    }

    /// Lets somebody in who was let to the second factor.
    pub async fn verify_mfa(&self, token: &str, proof: Proof, origin: &Origin) -> AppResult<Entered> {
        let refused = || AppError::Refused(Code::MfaRefused);
        let digest = opaque::read(MFA, token).ok_or_else(refused)?;
        let now = self.now();
        let mut tx = self.reading().await?;
        let half = tx.one_time(Purpose::Mfa, &digest).await?.filter(|it| is_open(it, now)).ok_or_else(refused)?;
        let id = half.user.ok_or_else(refused)?;
        let device = half.detail["device"].as_str().and_then(crate::audit_trail::unhex);
        let tries = Tries::factor(id, device.as_ref(), origin);
        tries.check(tx.as_mut(), now).await?;
        let factors = tx.factors(id).await?;
        let user = tx.user(id).await?.ok_or_else(refused)?;
        drop(tx);

        let notice = self.notice_of(&user, device, origin).await?;
        let claim = self.claim(id, &factors, &proof, now).await?;
        let mut tx = self.writing_as(id).await?;
        let user = tx.user(id).await?.filter(|it| it.state == UserState::Active).ok_or_else(refused)?;
        // Held from here on: what other attempts have used or failed meanwhile is seen.
        tries.check(tx.as_mut(), now).await?;
        let is_open = tx.one_time(Purpose::Mfa, &digest).await?.is_some_and(|it| is_open(&it, now));
        if !is_open || !take(tx.as_mut(), id, &claim, now).await? {
            tx.count_attempt(&digest).await?;
            self.refuse_factor(tx, &user, &tries, origin, claim.suspect()).await?;
            return Err(refused());
        }
        tx.use_one_time(&digest, now).await?;
        if matches!(claim, Claim::Recovery(_)) {
            tx.record_login(id, &record(now, LoginEvent::RecoveryUsed, origin, None)).await?;
        }
        let beginning = Beginning { user, tenant: half.tenant, methods: claim.methods(), device, origin, notice };
        tries.forget(tx.as_mut()).await?;
        let begun = self.begin_line(tx.as_mut(), beginning, now).await?;
        tx.commit().await?;
        self.entered(begun).await
    }

    /// What somebody is told who comes in from a machine that is not known.
    async fn notice_of(&self, user: &User, device: Option<[u8; 32]>, origin: &Origin) -> AppResult<Option<Letter>> {
        match device {
            Some(_) => Ok(None),
            None => self.notice(user, MailKind::NewDevice, origin).await.map(Some),
        }
    }

    /// What a proof would use up. Sealed secrets are opened here, before anything is written.
    pub(super) async fn claim(&self, user: UserId, factors: &[Factor], proof: &Proof, now: Timestamp) -> AppResult<Claim> {
        let code = match proof {
            Proof::Recovery(code) => {
                let digest = code.expose_str().and_then(|it| recovery::read(user, it));
                return Ok(digest.map_or(Claim::Nothing, Claim::Recovery));
            }
            #[cfg(feature = "passkeys")]
            Proof::Passkey(shown) => return self.passkey_claim(user, factors, shown, now).await,
            Proof::Code(code) => code.expose_str().unwrap_or_default(),
        };
        for factor in factors.iter().filter(|it| it.state == FactorState::Active && it.kind == FactorKind::Totp) {
            if let Some(step) = totp::step_of(&self.factor_secret(factor).await?, code, now, self.settings.totp_tolerance) {
                return Ok(Claim::Step(factor.id, step));
            }
        }
        Ok(Claim::Nothing)
    }

    pub(super) async fn factor_secret(&self, factor: &Factor) -> AppResult<Secret> {
        let opened = self.vault.open_bytes(&Scope::system(NO_TENANT), &factor_label(factor.id), &factor.secret.0).await?;
        Ok(Secret::new(opened.to_vec()))
    }

    /// A wrong password is counted, and told to its person's history or counted by address and minute.
    pub(super) async fn refuse_password(
        &self,
        user: Option<(UserId, Option<TenantId>)>,
        tries: &Tries,
        origin: &Origin,
    ) -> AppResult<()> {
        let now = self.now();
        let mut tx = self.writing().await?;
        tries.count(tx.as_mut(), now).await?;
        let refused = |event: Event| event.outcome(Outcome::Refused).code(Code::LoginRefused);
        let from = throttle::name("anonymous", &throttle::address(origin.address));
        let before = tx.counts(std::slice::from_ref(&from)).await?;
        let counted = tx.count_failure(&from, now, ANONYMOUS_WINDOW_S * 1_000).await?;
        match user {
            Some((id, tenant)) => {
                tx.record_login(id, &record(now, LoginEvent::PasswordRefused, origin, None)).await?;
                tx.append(chain_of(tenant), refused(act(now, id, "auth.login.refused")), None).await?;
            }
            // The first of a minute tells how many the one before had.
            None if counted.failures == 1 => {
                let event = Event::new(now, &Actor::System, "auth.login.refused").object(&from);
                let before = before.first().map_or(0, |it| it.failures);
                tx.append(Chain::Platform, refused(event).field("counted_before", before), None).await?;
            }
            None => {}
        }
        tx.commit().await?;
        tracing::info!(code = Code::LoginRefused.slug(), known = user.is_some(), "a login was refused");
        Ok(())
    }

    /// A wrong second factor is counted, and told to its person's history and chain; so is that one was
    /// suspended for it.
    pub(super) async fn refuse_factor(
        &self,
        mut tx: Box<dyn IdentityTx>,
        user: &User,
        tries: &Tries,
        origin: &Origin,
        suspended: Option<FactorId>,
    ) -> AppResult<()> {
        let now = self.now();
        tries.count(tx.as_mut(), now).await?;
        tx.record_login(user.id, &record(now, LoginEvent::FactorRefused, origin, None)).await?;
        let event = act(now, user.id, "auth.factor.refused").outcome(Outcome::Refused).code(Code::MfaRefused);
        tx.append(chain_of(user.last_tenant), event, None).await?;
        if let Some(factor) = suspended {
            let event = act(now, user.id, "auth.factor.suspended").field("factor", factor.to_string());
            tx.append(chain_of(user.last_tenant), event, None).await?;
        }
        tx.commit().await?;
        tracing::info!(code = Code::MfaRefused.slug(), user = %user.id, "a second factor was refused");
        Ok(())
    }
}

/// Under which label the secret of a factor is sealed.
pub(super) fn factor_label(id: FactorId) -> String {
    format!("identity.factor/{id}")
}

pub(super) fn is_open(token: &OneTime, now: Timestamp) -> bool {
    token.used.is_none() && now < token.expires && token.attempts < MFA_TRIES_MOST
}

/// Uses up what a proof claims: of many at once, one is told `true`. Whoever proves a factor has not lost
/// it: a recovery on its way is called off.
pub(super) async fn take(tx: &mut dyn IdentityTx, user: UserId, claim: &Claim, now: Timestamp) -> AppResult<bool> {
    let is_proven = match claim {
        Claim::Step(factor, step) => tx.take_step(user, *factor, *step, now).await?,
        Claim::Recovery(digest) => tx.use_recovery_code(user, digest, now).await?,
        #[cfg(feature = "passkeys")]
        Claim::Passkey(it) => it.take(tx, user, now).await?,
        Claim::Nothing => false,
    };
    if is_proven {
        disarm(tx, user, now).await?;
    }
    Ok(is_proven)
}

/// The factors that are asked of somebody: those that count, and suspended ones, which nobody passes by.
pub(super) async fn active_factors(tx: &mut dyn IdentityTx, user: UserId) -> AppResult<Vec<Factor>> {
    Ok(tx.factors(user).await?.into_iter().filter(|it| it.state != FactorState::Pending).collect())
}

/// The person as they are now, if what was compared meanwhile still holds.
async fn still_the_same(tx: &mut dyn IdentityTx, before: User) -> AppResult<User> {
    let now = tx.user(before.id).await?.filter(|it| it.state == UserState::Active && it.password == before.password);
    now.ok_or(AppError::Refused(Code::LoginRefused))
}
