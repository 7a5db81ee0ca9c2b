//! Logins that went no further than the password: whoever made them knows it, and its person is told.
//!
//! Looked at when the token between password and second factor has lapsed unused, whether the factor was
//! wrong or never shown. Who came in from the same address after all only took two attempts. A person is
//! told once in [`TOLD_EVERY`] at most, however often somebody tries; many processes tell once.

use super::model::{LoginEvent, LoginRecord, OneTime, Purpose, User, UserState};
use super::notices::{Letter, send};
use super::service::{Identity, act, chain_of};
use crate::error::AppResult;
use crate::mail::MailKind;
use fedatario_base::id::UserId;
use fedatario_identity::throttle;
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeMap;

/// How often a person is told that somebody knows their password.
pub const TOLD_EVERY: SignedDuration = SignedDuration::from_hours(24);
/// How far back lapsed tokens are looked at: what is older tells nobody anything new.
const LOOKED_BACK: SignedDuration = SignedDuration::from_hours(24);
/// Lapsed tokens that are read at once.
const LAPSED_MOST: u32 = 500;
/// People who are looked at in one go; the others come next time.
const PEOPLE_MOST: usize = 20;
/// Lines of somebody's history in which a login that went on is looked for.
const HISTORY_READ: u32 = 50;

impl Identity {
    /// Tells people of logins that stopped between password and second factor; how many were told.
    pub async fn tell_of_partial_logins(&self) -> AppResult<u64> {
        let now = self.now();
        let from = now.checked_sub(LOOKED_BACK).unwrap_or(Timestamp::MIN);
        let mut of_people: BTreeMap<UserId, Vec<OneTime>> = BTreeMap::new();
        for token in self.reading().await?.lapsed_one_times(Purpose::Mfa, from, now, LAPSED_MOST).await? {
            if let Some(user) = token.user {
                of_people.entry(user).or_default().push(token);
            }
        }
        let mut told = 0;
        for (user, tokens) in of_people.into_iter().take(PEOPLE_MOST) {
            told += u64::from(self.settle_partial_logins(user, &tokens, now).await?);
        }
        Ok(told)
    }

    async fn settle_partial_logins(&self, user: UserId, tokens: &[OneTime], now: Timestamp) -> AppResult<bool> {
        let counted_as = throttle::name("partial", &user.bytes());
        let letter = self.letter_of_partial(user, tokens).await?;
        let mut tx = self.writing().await?;
        // Of many processes one finds them not looked at.
        if tx.settle_one_times(Purpose::Mfa, user, now).await? == 0 {
            return Ok(false);
        }
        let mut is_told = false;
        if let Some((letter, whose)) = letter {
            is_told = tx.count_failure(&counted_as, now, TOLD_EVERY.as_secs() * 1_000).await?.failures == 1;
            if is_told {
                send(tx.as_mut(), &letter, now).await?;
                tx.append(chain_of(whose.last_tenant), act(now, user, "auth.login.partial"), None).await?;
            }
        }
        tx.commit().await?;
        Ok(is_told)
    }

    /// What their person is told, if one of the tokens went no further.
    async fn letter_of_partial(&self, user: UserId, tokens: &[OneTime]) -> AppResult<Option<(Letter, User)>> {
        let mut tx = self.reading().await?;
        let Some(whose) = tx.user(user).await?.filter(|it| it.state == UserState::Active) else { return Ok(None) };
        let history = tx.login_history(user, HISTORY_READ).await?;
        drop(tx);
        let Some(odd) = tokens.iter().rfind(|it| !went_on(it, &history)) else { return Ok(None) };
        let text = |name: &str| odd.detail[name].as_str().unwrap_or_default().to_owned();
        let fields = [("at", odd.created.to_string()), ("device", text("agent")), ("address", text("address"))];
        let letter = self.letter(Some(&whose), MailKind::PartialLogin, &whose.email, &fields).await?;
        Ok(Some((letter, whose)))
    }
}

/// Whether somebody came in from the same address after a token was made.
fn went_on(token: &OneTime, history: &[LoginRecord]) -> bool {
    let is_login = |it: &LoginRecord| matches!(it.event, LoginEvent::Login | LoginEvent::PasswordReset);
    history.iter().any(|it| is_login(it) && it.at >= token.created && token.detail["address"].as_str() == Some(it.address.as_str()))
}
