//! What whoever came in is given: a line of tokens begins, or goes on.

use super::door::Origin;
use super::model::{LoginEvent, LoginRecord, Membership, Session, User};
use super::notices::{Letter, send};
use super::ports::IdentityTx;
use super::service::{Identity, act, chain_of};
use crate::error::{AppError, AppResult};
use fedatario_base::id::{SessionId, TenantId, UserId};
use fedatario_base::{Code, Secret};
use fedatario_identity::jwt;
use fedatario_identity::opaque;
use fedatario_identity::refresh::{self, RefreshToken};
use jiff::Timestamp;

/// The kind of token that a machine keeps to be known again.
pub(super) const DEVICE: &str = "dev";
/// Machines of one person that are remembered.
pub const DEVICES_MOST: u32 = 10;
/// Longest address or name of a caller that is kept, in characters.
const ORIGIN_MOST: usize = 256;

/// An access token.
#[derive(Debug)]
pub struct AccessToken {
    /// The token.
    pub token: Secret,
    /// How long it is good, in seconds.
    pub expires_in_s: i64,
    /// The tenant that it is for.
    pub tenant: Option<TenantId>,
}

/// A line of tokens, begun or gone on.
#[derive(Debug)]
pub struct Tokens {
    /// Opens the doors.
    pub access: AccessToken,
    /// Fetches the next pair.
    pub refresh: Secret,
    /// When the line ends, however often it is refreshed.
    pub line_ends: Timestamp,
    /// The line.
    pub session: SessionId,
}

/// Somebody who came in.
#[derive(Debug)]
pub struct Entered {
    /// Their tokens.
    pub tokens: Tokens,
    /// Where they may go.
    pub tenants: Vec<Membership>,
    /// What this machine keeps to be known again, if it was not known.
    pub device: Option<Secret>,
    /// Whether roles are held that count only with a second factor.
    pub lacks_second_factor: bool,
}

/// What is written of a caller, cut to a bound.
pub(super) fn address_of(origin: &Origin) -> String {
    origin.address.to_canonical().to_string()
}

pub(super) fn agent_of(origin: &Origin) -> String {
    origin.user_agent.chars().filter(|it| !it.is_control()).take(ORIGIN_MOST).collect()
}

pub(super) fn record(at: Timestamp, event: LoginEvent, origin: &Origin, session: Option<SessionId>) -> LoginRecord {
    LoginRecord { at, event, address: address_of(origin), user_agent: agent_of(origin), session }
}

/// The digest of what a machine shows to be known again.
pub(super) fn device_of(shown: Option<&str>) -> Option<[u8; 32]> {
    opaque::read(DEVICE, shown?)
}

/// A line that is about to begin.
pub(super) struct Beginning<'a> {
    pub(super) user: User,
    /// The tenant that was asked for.
    pub(super) tenant: Option<TenantId>,
    /// How they proved who they are.
    pub(super) methods: &'a str,
    /// The machine, if it is known.
    pub(super) device: Option<[u8; 32]>,
    pub(super) origin: &'a Origin,
    /// What its person is told, if the machine is not known.
    pub(super) notice: Option<Letter>,
}

/// A line that has begun, before its access token is signed.
pub(super) struct Begun {
    session: Session,
    epoch: i64,
    refresh: RefreshToken,
    tenants: Vec<Membership>,
    device: Option<Secret>,
}

impl Identity {
    /// Begins a line in the caller's transaction: session, history, machine, entry.
    pub(super) async fn begin_line(&self, tx: &mut dyn IdentityTx, it: Beginning<'_>, now: Timestamp) -> AppResult<Begun> {
        let Beginning { mut user, tenant, methods, device, origin, notice } = it;
        let tenants = tx.memberships(user.id).await?;
        let tenant = chosen(&tenants, tenant, user.last_tenant)?;
        let refresh = RefreshToken::fresh(SessionId::fresh(now), 1)?;
        let session = line(&user, tenant, methods, origin, &refresh, now);
        tx.add_session(&session).await?;
        tx.record_login(user.id, &record(now, LoginEvent::Login, origin, Some(session.id))).await?;
        let device = self.note_device(tx, user.id, device, now).await?;
        let (id, epoch) = (user.id, user.epoch);
        if user.last_tenant != tenant {
            user.last_tenant = tenant;
            tx.update_user(&user).await?;
        }
        if let Some(letter) = &notice {
            send(tx, letter, now).await?;
        }
        let event = act(now, id, "auth.session.started")
            .object(session.id)
            .field("methods", methods)
            .field("known_device", device.is_none());
        tx.append(chain_of(tenant), event, None).await?;
        Ok(Begun { session, epoch, refresh, tenants, device })
    }

    /// A machine that is known is noted; one that is not gets what it will be known by.
    async fn note_device(
        &self,
        tx: &mut dyn IdentityTx,
        user: UserId,
        known: Option<[u8; 32]>,
        now: Timestamp,
    ) -> AppResult<Option<Secret>> {
        let (token, digest) = match known {
            Some(digest) => (None, digest),
            None => opaque::fresh(DEVICE).map(|(token, digest)| (Some(token), digest))?,
        };
        tx.remember_device(user, &digest, now, DEVICES_MOST).await?;
        Ok(token)
    }

    /// Signs for a line whose transaction was committed.
    pub(super) async fn entered(&self, begun: Begun) -> AppResult<Entered> {
        let Begun { session, epoch, refresh, tenants, device } = begun;
        let access = self.access_for(&session, epoch).await?;
        let standing = self.standing(session.id, session.user, session.tenant).await?;
        let tokens = Tokens { access, refresh: refresh.text(), line_ends: session.expires, session: session.id };
        Ok(Entered { tokens, tenants, device, lacks_second_factor: standing.lacks_second_factor() })
    }

    /// An access token of a line, no longer than the line.
    pub(super) async fn access_for(&self, session: &Session, epoch: i64) -> AppResult<AccessToken> {
        let now = self.now();
        let expires = (now + jwt::LIFETIME).min(session.expires);
        let access = jwt::Access {
            user: session.user,
            tenant: session.tenant,
            session: session.id,
            epoch,
            methods: session.methods.split(' ').map(str::to_owned).collect(),
            authenticated: session.authenticated,
            issued: now,
            expires,
        };
        let token = self.sign(&access).await?;
        Ok(AccessToken { token, expires_in_s: expires.duration_since(now).as_secs(), tenant: session.tenant })
    }
}

fn line(user: &User, tenant: Option<TenantId>, methods: &str, origin: &Origin, token: &RefreshToken, now: Timestamp) -> Session {
    Session {
        id: token.session,
        user: user.id,
        tenant,
        created: now,
        expires: now + refresh::LIFETIME,
        used: now,
        authenticated: now,
        methods: methods.to_owned(),
        address: address_of(origin),
        user_agent: agent_of(origin),
        generation: token.generation,
        digest: token.digest(),
        child: None,
        ended: None,
    }
}

/// The tenant that was named, else the last one used, else the first; one that somebody is not in is
/// refused.
fn chosen(tenants: &[Membership], named: Option<TenantId>, last: Option<TenantId>) -> AppResult<Option<TenantId>> {
    let is_in = |id: &TenantId| tenants.iter().any(|it| it.tenant == *id);
    match named {
        Some(id) if is_in(&id) => Ok(Some(id)),
        Some(_) => Err(AppError::Refused(Code::TenantMismatch)),
        None => Ok(last.filter(is_in).or_else(|| tenants.first().map(|it| it.tenant))),
    }
}
