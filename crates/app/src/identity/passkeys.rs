//! Passkeys as a second factor: asked for, proven, suspended when there may be two of one.
//!
//! A question is a row of the tokens for one act, found by the digest of its challenge: whichever process
//! gets the answer can read it. It is good for five minutes and once, whatever the answer proves; and
//! only for the person, the purpose and the very act (token, session or factor) that it was asked for.
//! What a device proves is `fedatario_identity::passkey`'s to say.

use super::door::{Origin, Principal};
use super::factors::{Added, ConfirmedFactor, Myself, may_begin, pending};
use super::login::{Claim, MFA, Proof, active_factors, factor_label, is_open};
use super::model::{Factor, FactorKind, FactorState, Hidden, LoginEvent, NewPasskey, OneTime, Purpose, User, UserState};
use super::notices::{Change, Letter, send};
use super::passwords::RESET;
use super::ports::IdentityTx;
use super::service::{Identity, NO_TENANT};
use super::tokens::{AccessToken, Entered, record};
use super::tries::Tries;
use crate::error::{AppError, AppResult};
use fedatario_base::id::{FactorId, UserId};
use fedatario_base::{Code, Scope, Secret};
use fedatario_identity::passkey::{Made, Passkey, PasskeyError, Proven, QUESTION_GOOD_S, Question, Site};
use fedatario_identity::{opaque, throttle};
use jiff::{SignedDuration, Timestamp};
use std::time::Duration;

/// How long a question is good.
pub const QUESTION_FOR: SignedDuration = SignedDuration::from_secs(QUESTION_GOOD_S as i64);
/// Questions of one person within that time: no person needs more, and each is a row.
pub const QUESTIONS_MOST: u32 = 30;

/// A question for a device.
pub struct PasskeyAsked {
    /// What a browser is given, as JSON.
    pub options: serde_json::Value,
    /// Seconds for which it is good.
    pub expires_in_s: i64,
}

/// A passkey that was begun.
pub struct BegunPasskey {
    /// Which.
    pub id: FactorId,
    /// What the device is asked.
    pub asked: PasskeyAsked,
}

/// An answer of a device, with what it is shown for.
pub struct Shown {
    answer: Proven,
    purpose: Purpose,
    bound: String,
    origin: Origin,
}

/// A question that was asked, and what its answer proves.
pub(super) struct Answered {
    question: [u8; 32],
    verdict: Verdict,
}

enum Verdict {
    /// This factor, whose device counted so far.
    Proves(FactorId, u32),
    /// The counter of this factor went back; its person is told.
    Suspect(FactorId, Letter, Origin),
    /// Nothing.
    Wrong,
}

impl Answered {
    pub(super) fn suspect(&self) -> Option<FactorId> {
        match &self.verdict {
            Verdict::Suspect(id, ..) => Some(*id),
            Verdict::Proves(..) | Verdict::Wrong => None,
        }
    }

    /// Uses the question up, whatever was answered; `true` if the answer proves its factor.
    pub(super) async fn take(&self, tx: &mut dyn IdentityTx, user: UserId, now: Timestamp) -> AppResult<bool> {
        if !tx.use_one_time(&self.question, now).await? {
            return Ok(false);
        }
        match &self.verdict {
            Verdict::Wrong => Ok(false),
            Verdict::Proves(id, counter) => Ok(tx.use_passkey(user, *id, i64::from(*counter), now).await?),
            Verdict::Suspect(id, letter, origin) => {
                tx.suspend_factor(user, *id).await?;
                tx.record_login(user, &record(now, LoginEvent::FactorSuspended, origin, None)).await?;
                send(tx, letter, now).await?;
                Ok(false)
            }
        }
    }
}

/// A passkey of somebody, opened.
struct Opened {
    factor: Factor,
    key: Passkey,
}

fn refused(error: PasskeyError) -> AppError {
    AppError::Refused(error.code())
}

impl Identity {
    /// Begins a passkey. The first factor needs a login of the last minutes, any other a step-up.
    pub async fn begin_passkey(&self, principal: &Principal, label: &str) -> AppResult<BegunPasskey> {
        let me = Myself::of(principal)?;
        let (now, site) = (self.now(), self.site()?);
        let mut tx = self.reading().await?;
        let user = tx.user(me.user).await?.ok_or(AppError::Refused(Code::Unauthenticated))?;
        let factors = tx.factors(me.user).await?;
        drop(tx);
        let known: Vec<Passkey> = self.opened(&factors).await?.into_iter().map(|it| it.key).collect();
        let id = FactorId::fresh(now);
        let question = site.ask_new(me.user, &user.email, &user.name, &known).map_err(refused)?;

        let mut tx = self.writing_as(me.user).await?;
        may_begin(tx.as_mut(), principal, me, now).await?;
        tx.add_factor(&pending(id, me.user, FactorKind::Passkey, label, Vec::new(), now)).await?;
        let asked = keep(tx.as_mut(), me.user, question, Purpose::PasskeyNew, id.to_string(), now).await?;
        tx.commit().await?;
        Ok(BegunPasskey { id, asked })
    }

    /// Proves a passkey that was begun: from now on it is asked for. Other lines of the person end.
    pub async fn confirm_passkey(
        &self,
        principal: &Principal,
        id: FactorId,
        answer: &Made,
        origin: &Origin,
    ) -> AppResult<ConfirmedFactor> {
        let me = Myself::of(principal)?;
        let (now, site) = (self.now(), self.site()?);
        let tries = Tries::factor(me.user, None, origin);
        let question = answer.question().map_err(refused)?;
        let mut tx = self.reading().await?;
        tries.check(tx.as_mut(), now).await?;
        let user = tx.user(me.user).await?.ok_or(AppError::Refused(Code::Unauthenticated))?;
        let is_meant = |it: &Factor| it.id == id && it.state == FactorState::Pending && it.kind == FactorKind::Passkey;
        let factor = tx.factors(me.user).await?.into_iter().find(is_meant);
        let factor = factor.ok_or_else(|| AppError::NotFound(id.to_string()))?;
        let asked = asked(tx.as_mut(), me.user, &question, Purpose::PasskeyNew, &id.to_string(), now).await?;
        drop(tx);
        let key = asked.as_ref().and_then(|it| site.read_new(answer, &it.detail["state"]).ok());
        let new = match &key {
            Some(key) => Some(self.sealed_passkey(me.user, id, key).await?),
            None => None,
        };
        let letter = self.notice_of_factor(&user, Change::Added(&factor), origin).await?;

        let mut tx = self.writing_as(me.user).await?;
        let user = tx.user(me.user).await?.ok_or(AppError::Refused(Code::Unauthenticated))?;
        tries.check(tx.as_mut(), now).await?;
        let is_first = active_factors(tx.as_mut(), me.user).await?.is_empty();
        // Used up by a wrong answer too.
        let was_open = asked.is_some() && tx.use_one_time(&question, now).await?;
        let Some(new) = new.filter(|_| was_open) else {
            self.refuse_factor(tx, &user, &tries, origin, None).await?;
            return Err(AppError::Refused(Code::MfaRefused));
        };
        // A key is of one person: whoever has it already keeps it.
        if tx.is_passkey_known(&new.credential).await? {
            return Err(AppError::Refused(Code::FactorState));
        }
        tx.confirm_passkey(id, &new, now).await?;
        self.factor_counts(tx, Added { user, me, is_first, letter, methods: "pwd hwk" }, origin, now).await
    }

    /// What a device is asked for the second half of a login.
    pub async fn ask_passkey_of_login(&self, token: &str, origin: &Origin) -> AppResult<PasskeyAsked> {
        let refused = || AppError::Refused(Code::MfaRefused);
        let digest = opaque::read(MFA, token).ok_or_else(refused)?;
        self.ask_for_token(Purpose::Mfa, digest, Purpose::PasskeyLogin, refused, origin).await
    }

    /// Lets somebody in who was let to the second factor, by what a device answered.
    pub async fn verify_mfa_by_passkey(&self, token: &str, answer: Proven, origin: &Origin) -> AppResult<Entered> {
        let digest = opaque::read(MFA, token).ok_or(AppError::Refused(Code::MfaRefused))?;
        self.verify_mfa(token, shown(answer, Purpose::PasskeyLogin, hex(&digest), origin), origin).await
    }

    /// What a device is asked for an act that asks for a factor.
    pub async fn ask_passkey_of_step_up(&self, principal: &Principal, origin: &Origin) -> AppResult<PasskeyAsked> {
        let me = Myself::of(principal)?;
        self.ask_somebody(me.user, Purpose::PasskeyStepUp, me.session.to_string(), origin).await
    }

    /// Proves a passkey again, for acts that ask for it.
    pub async fn step_up_by_passkey(&self, principal: &Principal, answer: Proven, origin: &Origin) -> AppResult<AccessToken> {
        let me = Myself::of(principal)?;
        self.step_up(principal, shown(answer, Purpose::PasskeyStepUp, me.session.to_string(), origin), origin).await
    }

    /// What a device is asked for another password by a mailed token.
    pub async fn ask_passkey_of_reset(&self, token: &str, origin: &Origin) -> AppResult<PasskeyAsked> {
        let refused = || AppError::Refused(Code::OneTimeRefused);
        let digest = opaque::read(RESET, token).ok_or_else(refused)?;
        self.ask_for_token(Purpose::Reset, digest, Purpose::PasskeyReset, refused, origin).await
    }

    /// Sets a password by a mailed token and by what a device answered.
    pub async fn reset_password_by_passkey(&self, token: &str, new: &Secret, answer: Proven, origin: &Origin) -> AppResult<()> {
        let digest = opaque::read(RESET, token).ok_or(AppError::Refused(Code::OneTimeRefused))?;
        let proof = shown(answer, Purpose::PasskeyReset, hex(&digest), origin);
        self.reset_password(token, new, Some(proof), origin).await
    }

    /// What an answer of a device claims. Sealed keys are opened here, before anything is written.
    pub(super) async fn passkey_claim(&self, user: UserId, factors: &[Factor], shown: &Shown, now: Timestamp) -> AppResult<Claim> {
        let Ok(question) = shown.answer.question() else { return Ok(Claim::Nothing) };
        let mut tx = self.reading().await?;
        let asked = asked(tx.as_mut(), user, &question, shown.purpose, &shown.bound, now).await?;
        let person = tx.user(user).await?;
        drop(tx);
        let (Some(asked), Some(person)) = (asked, person) else { return Ok(Claim::Nothing) };
        let its = self.opened(factors).await?.into_iter().find(|it| shown.answer.is_of(&it.key));
        let verdict = match its {
            Some(its) => self.verdict(&person, &its, shown, &asked.detail["state"]).await?,
            None => Verdict::Wrong,
        };
        Ok(Claim::Passkey(Box::new(Answered { question, verdict })))
    }

    async fn verdict(&self, person: &User, its: &Opened, shown: &Shown, state: &serde_json::Value) -> AppResult<Verdict> {
        let counted = u32::try_from(its.factor.last_step).unwrap_or(u32::MAX);
        match self.site()?.read_proof(&shown.answer, state, &its.key, counted) {
            Ok(counter) => Ok(Verdict::Proves(its.factor.id, counter)),
            Err(PasskeyError::CounterBack) => {
                let letter = self.notice_of_factor(person, Change::Suspended(&its.factor), &shown.origin).await?;
                Ok(Verdict::Suspect(its.factor.id, letter, shown.origin.clone()))
            }
            Err(_) => Ok(Verdict::Wrong),
        }
    }

    /// Asks for whoever holds a token for one act.
    async fn ask_for_token(
        &self,
        of: Purpose,
        digest: [u8; 32],
        purpose: Purpose,
        refused: impl Fn() -> AppError,
        origin: &Origin,
    ) -> AppResult<PasskeyAsked> {
        let row = self.reading().await?.one_time(of, &digest).await?;
        let user = row.filter(|it| is_open(it, self.now())).and_then(|it| it.user).ok_or_else(refused)?;
        self.ask_somebody(user, purpose, hex(&digest), origin).await
    }

    async fn ask_somebody(&self, user: UserId, purpose: Purpose, bound: String, origin: &Origin) -> AppResult<PasskeyAsked> {
        let (now, site) = (self.now(), self.site()?);
        let mut tx = self.reading().await?;
        Tries::factor(user, None, origin).check(tx.as_mut(), now).await?;
        let is_active = tx.user(user).await?.is_some_and(|it| it.state == UserState::Active);
        let factors = tx.factors(user).await?;
        drop(tx);
        let known: Vec<Passkey> = self.opened(&factors).await?.into_iter().map(|it| it.key).collect();
        if known.is_empty() || !is_active {
            return Err(AppError::Refused(Code::FactorState));
        }
        let question = site.ask_proof(&known).map_err(refused)?;
        let mut tx = self.writing_as(user).await?;
        let asked = keep(tx.as_mut(), user, question, purpose, bound, now).await?;
        tx.commit().await?;
        Ok(asked)
    }

    /// This installation, as devices know it.
    fn site(&self) -> AppResult<Site> {
        Site::at(&self.settings.public_url, &self.settings.product).map_err(refused)
    }

    /// The passkeys among factors that prove something.
    async fn opened(&self, factors: &[Factor]) -> AppResult<Vec<Opened>> {
        let mut all = Vec::new();
        for it in factors.iter().filter(|it| it.state == FactorState::Active && it.kind == FactorKind::Passkey) {
            let plain = self.factor_secret(it).await?;
            let key = Passkey::read(plain.expose()).map_err(refused)?;
            all.push(Opened { factor: it.clone(), key });
        }
        Ok(all)
    }

    async fn sealed_passkey(&self, user: UserId, id: FactorId, key: &Passkey) -> AppResult<NewPasskey> {
        let plain = key.bytes().map_err(refused)?;
        let secret = Hidden(self.vault.seal_bytes(&Scope::system(NO_TENANT), &factor_label(id), &plain).await?);
        Ok(NewPasskey { user, secret, credential: key.digest(), counter: i64::from(key.counter()) })
    }
}

fn shown(answer: Proven, purpose: Purpose, bound: String, origin: &Origin) -> Proof {
    Proof::Passkey(Box::new(Shown { answer, purpose, bound, origin: origin.clone() }))
}

fn hex(digest: &[u8; 32]) -> String {
    data_encoding::HEXLOWER.encode(digest)
}

/// Keeps a question until its answer comes.
async fn keep(
    tx: &mut dyn IdentityTx,
    user: UserId,
    question: Question,
    purpose: Purpose,
    bound: String,
    now: Timestamp,
) -> AppResult<PasskeyAsked> {
    let window = i64::try_from(QUESTION_FOR.as_millis()).unwrap_or(i64::MAX);
    let counted = tx.count_failure(&throttle::name("passkey-questions", &user.bytes()), now, window).await?;
    if counted.failures > QUESTIONS_MOST {
        let after = Duration::from_secs(QUESTION_GOOD_S);
        return Err(AppError::Later { code: Code::TooManyAttempts, after });
    }
    let Question { digest, options, state } = question;
    let detail = serde_json::json!({ "state": state, "bound": bound });
    let (user, expires) = (Some(user), now + QUESTION_FOR);
    let row = OneTime { digest, purpose, user, tenant: None, detail, created: now, expires, attempts: 0, used: None };
    tx.add_one_time(&row).await?;
    Ok(PasskeyAsked { options, expires_in_s: QUESTION_FOR.as_secs() })
}

/// The open question of this digest, if it was asked of this person, for this purpose and this very act.
async fn asked(
    tx: &mut dyn IdentityTx,
    user: UserId,
    question: &[u8; 32],
    purpose: Purpose,
    bound: &str,
    now: Timestamp,
) -> AppResult<Option<OneTime>> {
    let is_meant = |it: &OneTime| it.user == Some(user) && it.detail["bound"] == bound && is_open(it, now);
    Ok(tx.one_time(purpose, question).await?.filter(is_meant))
}
