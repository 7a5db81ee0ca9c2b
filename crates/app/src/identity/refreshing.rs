//! The next pair of tokens for the last one.
//!
//! Each refresh token is good once. Who shows the one before it within ten seconds, from the same
//! address and with the same words about itself, did not hear the answer or is another tab: the same
//! child is handed out again. Whoever else shows a spent one holds what another used: the line ends.

use super::door::Origin;
use super::model::{Hidden, LoginEvent, Rotation, SealedChild, Session, SessionEnd, User, UserState};
use super::notices::send;
use super::ports::IdentityTx;
use super::service::{Identity, act, chain_of};
use super::tokens::{Tokens, address_of, agent_of, record};
use crate::error::{AppError, AppResult};
use crate::hooks::event_job_over;
use crate::hooks::events::EventKind;
use crate::mail::MailKind;
use fedatario_audit::Outcome;
use fedatario_base::Code;
use fedatario_identity::refresh::{GENERATIONS_MOST, GRACE, RefreshToken};
use fedatario_identity::same;
use jiff::Timestamp;
use serde_json::json;

/// What becomes of a refresh token that was shown.
enum Verdict {
    /// It is the one alive.
    Alive,
    /// It is the one before, within the grace.
    Again,
    /// It had its turn.
    Replayed,
    /// It never was one of this line.
    Foreign,
}

impl Identity {
    /// Hands out the next pair.
    pub async fn refresh(&self, shown: &str, origin: &Origin) -> AppResult<Tokens> {
        let refused = || AppError::Refused(Code::RefreshRefused);
        let shown = RefreshToken::read(shown).ok_or_else(refused)?;
        let now = self.now();
        let mut tx = self.writing().await?;
        let session = tx.session(shown.session).await?.filter(|it| it.ended.is_none() && now < it.expires).ok_or_else(refused)?;
        let user = tx.user(session.user).await?.filter(|it| it.state == UserState::Active).ok_or_else(refused)?;
        let next = match judge(tx.as_mut(), &session, &shown, origin, now).await? {
            Verdict::Alive => rotate(tx, &session, &shown, origin, now).await?,
            Verdict::Again => {
                drop(tx); // Signing may write: keys are looked after there.
                let child = session.child.as_ref().ok_or_else(refused)?;
                shown.open_child(&child.blob.0)?
            }
            Verdict::Replayed => {
                self.end_replayed(tx, &session, &user, origin, now).await?;
                return Err(refused());
            }
            Verdict::Foreign => return Err(refused()),
        };
        let access = self.access_for(&session, user.epoch).await?;
        Ok(Tokens { access, refresh: next.text(), line_ends: session.expires, session: session.id })
    }

    /// Somebody else holds, or held, a token of this line: nobody goes on with it.
    async fn end_replayed(
        &self,
        tx: Box<dyn IdentityTx>,
        session: &Session,
        user: &User,
        origin: &Origin,
        now: Timestamp,
    ) -> AppResult<()> {
        drop(tx); // Sealing a mail may write.
        let letter = self.notice(user, MailKind::SessionReplayed, origin).await?;
        let mut tx = self.writing().await?;
        if tx.session(session.id).await?.is_none_or(|it| it.ended.is_some()) {
            return Ok(()); // Another replay was first.
        }
        tx.end_session(user.id, session.id, SessionEnd::Replay, now).await?;
        tx.record_login(user.id, &record(now, LoginEvent::Replay, origin, Some(session.id))).await?;
        send(tx.as_mut(), &letter, now).await?;
        if let Some(tenant) = session.tenant {
            let data = json!({ "user": user.id.to_string(), "session": session.id.to_string() });
            let job = event_job_over(self.clock.as_ref(), EventKind::SessionReplayed, data)?;
            tx.enqueue(tenant, &job, now).await?;
        }
        let event = act(now, user.id, "auth.session.replayed").object(session.id);
        tx.append(chain_of(session.tenant), event.outcome(Outcome::Refused).code(Code::RefreshRefused), None).await?;
        tx.commit().await?;
        self.standings.forget(session.id);
        tracing::warn!(session = %session.id, "a spent refresh token was shown again");
        Ok(())
    }
}

async fn judge(
    tx: &mut dyn IdentityTx,
    session: &Session,
    shown: &RefreshToken,
    origin: &Origin,
    now: Timestamp,
) -> AppResult<Verdict> {
    if shown.generation == session.generation {
        return Ok(if same(&shown.digest(), &session.digest) { Verdict::Alive } else { Verdict::Foreign });
    }
    let spent = tx.spent_token(session.id, shown.generation).await?;
    if !spent.is_some_and(|it| same(&it, &shown.digest())) {
        return Ok(Verdict::Foreign);
    }
    let is_parent = shown.generation + 1 == session.generation;
    let from_there = |it: &SealedChild| now < it.until && it.address == address_of(origin) && it.user_agent == agent_of(origin);
    Ok(if is_parent && session.child.as_ref().is_some_and(from_there) { Verdict::Again } else { Verdict::Replayed })
}

async fn rotate(
    mut tx: Box<dyn IdentityTx>,
    session: &Session,
    shown: &RefreshToken,
    origin: &Origin,
    now: Timestamp,
) -> AppResult<RefreshToken> {
    let refused = AppError::Refused(Code::RefreshRefused);
    if session.generation >= GENERATIONS_MOST {
        return Err(refused);
    }
    let next = RefreshToken::fresh(session.id, session.generation + 1)?;
    let blob = Hidden(shown.seal_child(&next)?);
    let child = SealedChild { blob, until: now + GRACE, address: address_of(origin), user_agent: agent_of(origin) };
    let (spent, digest) = (shown.digest(), next.digest());
    let rotation = Rotation { session: session.id, from: session.generation, spent, digest, child, at: now };
    if !tx.rotate(&rotation).await? {
        return Err(refused);
    }
    tx.commit().await?;
    Ok(next)
}
