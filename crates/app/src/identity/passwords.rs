//! Another password: by who knows the last one, or by mail. Neither passes by a second factor.
//!
//! Whoever asks for a mail is told the same whether anybody has that address. A token in a mail is
//! good for half an hour and once; if its person has a second factor, it asks for that too.

use super::door::{Origin, Principal};
use super::factors::Myself;
use super::login::{Proof, active_factors, take};
use super::model::{Hidden, LoginEvent, OneTime, Purpose, SessionEnd, User, UserState};
use super::notices::{Letter, send};
use super::ports::IdentityTx;
use super::service::{Identity, act, chain_of};
use super::tokens::record;
use super::tries::Tries;
use crate::error::{AppError, AppResult};
use crate::mail::MailKind;
use fedatario_base::{Code, Secret};
use fedatario_identity::password::Verdict;
use fedatario_identity::{email, opaque, password};
use jiff::{SignedDuration, Timestamp};

/// The kind of token that a mail carries.
pub(super) const RESET: &str = "reset";
/// How long it is good.
pub const RESET_TOKEN_FOR: SignedDuration = SignedDuration::from_mins(30);
/// Wrong second factors that one such token bears.
const RESET_TRIES_MOST: u32 = 5;

impl Identity {
    /// Whether a password may be somebody's: length, what is guessed first, what leaked.
    pub fn check_password(&self, password: &Secret, context: &[&str]) -> AppResult<()> {
        password::check(password, context)?;
        match &self.settings.leaked {
            Some(leaked) if leaked.holds(password) => Err(AppError::Refused(Code::PasswordWeak)),
            _ => Ok(()),
        }
    }

    /// Changes the caller's password. Their other lines end.
    pub async fn change_password(&self, principal: &Principal, current: &Secret, new: &Secret, origin: &Origin) -> AppResult<()> {
        let me = Myself::of(principal)?;
        let now = self.now();
        let mut tx = self.reading().await?;
        let user = tx.user(me.user).await?.ok_or(AppError::Refused(Code::Unauthenticated))?;
        let tries = Tries::password(&user.email, None, origin);
        tries.check(tx.as_mut(), now).await?;
        let has_factor = !active_factors(tx.as_mut(), me.user).await?.is_empty();
        drop(tx);
        if has_factor && !principal.is_stepped_up {
            return Err(AppError::Refused(Code::StepUpRequired));
        }
        self.check_password(new, &[&user.email, &user.name])?;
        let verdict = self.hasher.verify(current, user.password.as_ref().map(|it| it.0.as_str())).await?;
        if verdict == Verdict::Wrong {
            self.refuse_password(Some((user.id, user.last_tenant)), &tries, origin).await?;
            return Err(AppError::Refused(Code::LoginRefused));
        }
        let hash = self.hasher.hash(new).await?;
        let letter = self.notice(&user, MailKind::PasswordChanged, origin).await?;
        let mut tx = self.writing_as(me.user).await?;
        let mut now_there =
            tx.user(me.user).await?.filter(|it| it.password == user.password).ok_or(AppError::Refused(Code::LoginRefused))?;
        set_password(&mut now_there, hash, now);
        tx.update_user(&now_there).await?;
        tx.end_sessions(me.user, Some(me.session), SessionEnd::Changed, now).await?;
        tries.forget(tx.as_mut()).await?;
        tx.record_login(me.user, &record(now, LoginEvent::PasswordChanged, origin, Some(me.session))).await?;
        tell_of_password(tx.as_mut(), &now_there, &letter, "auth.password.changed", now).await?;
        tx.commit().await?;
        self.standings.forget_all();
        Ok(())
    }

    /// Mails a token to an address, if somebody has it. What is answered does not tell.
    pub async fn request_reset(&self, to: &str, origin: &Origin) -> AppResult<()> {
        let address = email::normal(to).unwrap_or_default();
        let now = self.now();
        let tries = Tries::mail(&address, origin);
        let mut tx = self.reading().await?;
        tries.check(tx.as_mut(), now).await?;
        let user = tx.user_by_email(&address).await?.filter(|it| it.state == UserState::Active);
        drop(tx);
        let (token, digest) = opaque::fresh(RESET)?;
        // Sealed for nobody too: the same work.
        let letter = self.link(user.as_ref(), MailKind::PasswordReset, &address, &token, now + RESET_TOKEN_FOR).await?;
        let mut tx = self.writing().await?;
        tries.count(tx.as_mut(), now).await?;
        let id = user.as_ref().map(|it| it.id);
        if id.is_some() {
            tx.void_one_times(Purpose::Reset, id, now).await?;
        }
        let (expires, detail) = (now + RESET_TOKEN_FOR, serde_json::Value::Null);
        let row = OneTime {
            digest,
            purpose: Purpose::Reset,
            user: id,
            tenant: None,
            detail,
            created: now,
            expires,
            attempts: 0,
            used: None,
        };
        tx.add_one_time(&row).await?;
        if let Some(user) = &user {
            send(tx.as_mut(), &letter, now).await?;
            tx.append(chain_of(user.last_tenant), act(now, user.id, "auth.reset.asked"), None).await?;
        }
        Ok(tx.commit().await?)
    }

    /// Sets a password by a mailed token; with a second factor where there is one. All lines end, and
    /// nobody is let in by it.
    pub async fn reset_password(&self, token: &str, new: &Secret, proof: Option<Proof>, origin: &Origin) -> AppResult<()> {
        let refused = || AppError::Refused(Code::OneTimeRefused);
        let digest = opaque::read(RESET, token).ok_or_else(refused)?;
        let now = self.now();
        let mut tx = self.reading().await?;
        let row = tx.one_time(Purpose::Reset, &digest).await?.filter(|it| is_open(it, now)).ok_or_else(refused)?;
        let id = row.user.ok_or_else(refused)?;
        let user = tx.user(id).await?.filter(|it| it.state == UserState::Active).ok_or_else(refused)?;
        let tries = Tries::factor(id, None, origin);
        let factors = active_factors(tx.as_mut(), id).await?;
        if !factors.is_empty() {
            tries.check(tx.as_mut(), now).await?;
        }
        drop(tx);
        self.check_password(new, &[&user.email, &user.name])?;
        let claim = match (&proof, factors.is_empty()) {
            (_, true) => None,
            (None, false) => return Err(AppError::Refused(Code::MfaRequired)),
            (Some(proof), false) => Some(self.claim(id, &factors, proof, now).await?),
        };
        let hash = self.hasher.hash(new).await?;
        let letter = self.notice(&user, MailKind::PasswordChanged, origin).await?;
        let mut tx = self.writing_as(id).await?;
        let mut user = tx.user(id).await?.filter(|it| it.state == UserState::Active).ok_or_else(refused)?;
        if !tx.one_time(Purpose::Reset, &digest).await?.is_some_and(|it| is_open(&it, now)) {
            return Err(refused());
        }
        // A factor that was added meanwhile is asked for too.
        if claim.is_none() && !active_factors(tx.as_mut(), id).await?.is_empty() {
            return Err(AppError::Refused(Code::MfaRequired));
        }
        if claim.is_some() {
            tries.check(tx.as_mut(), now).await?;
        }
        if let Some(claim) = &claim
            && !take(tx.as_mut(), id, claim, now).await?
        {
            tx.count_attempt(&digest).await?;
            self.refuse_factor(tx, &user, &tries, origin, claim.suspect()).await?;
            return Err(AppError::Refused(Code::MfaRefused));
        }
        if !tx.use_one_time(&digest, now).await? {
            return Err(refused());
        }
        set_password(&mut user, hash, now);
        user.epoch += 1;
        tx.update_user(&user).await?;
        tx.end_sessions(id, None, SessionEnd::Changed, now).await?;
        tx.forget_devices(id).await?;
        tx.record_login(id, &record(now, LoginEvent::PasswordReset, origin, None)).await?;
        tell_of_password(tx.as_mut(), &user, &letter, "auth.password.reset", now).await?;
        tx.commit().await?;
        self.standings.forget_all();
        Ok(())
    }
}

async fn tell_of_password(tx: &mut dyn IdentityTx, user: &User, letter: &Letter, action: &str, now: Timestamp) -> AppResult<()> {
    send(tx, letter, now).await?;
    tx.append(chain_of(user.last_tenant), act(now, user.id, action), None).await?;
    Ok(())
}

fn is_open(token: &OneTime, now: Timestamp) -> bool {
    token.used.is_none() && now < token.expires && token.attempts < RESET_TRIES_MOST
}

pub(super) fn set_password(user: &mut User, hash: String, now: Timestamp) {
    user.password = Some(Hidden(hash));
    user.password_set = Some(now);
}
