//! What identity needs of storage: people, their factors and lines of tokens, across tenants.
//!
//! An [`IdentityTx`] is reached with a [`PlatformScope`] only and touches people, memberships and the
//! list of tenants; never what a tenant owns. It may add to a tenant's chain or the platform's, and
//! enqueue a job of a tenant, so that a change, its entry and what follows commit together.
//!
//! **Order.** Rows of people are changed first, entries appended last, a tenant's before the
//! platform's: so no two transactions wait for each other in a circle.

use super::model::*;
use crate::model::NewJob;
use crate::ports::Stored;
use async_trait::async_trait;
use fedatario_audit::Event;
use fedatario_base::id::{FactorId, JobId, RecoveryId, SessionId, TenantId, UserId};
use fedatario_base::{Permission, PlatformScope};
use jiff::Timestamp;

/// The database, as identity sees it.
#[async_trait]
pub trait IdentityStore: Send + Sync {
    /// Opens a transaction that writes. Dropping it undoes everything.
    async fn begin(&self, scope: &PlatformScope) -> Stored<Box<dyn IdentityTx>>;

    /// Opens a transaction that only reads: one consistent view, beside any writer.
    async fn read(&self, scope: &PlatformScope) -> Stored<Box<dyn IdentityTx>>;
}

/// Which chain an entry goes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Chain {
    /// A tenant's.
    Tenant(TenantId),
    /// The one of what belongs to no tenant.
    Platform,
}

/// One transaction over people.
#[async_trait]
pub trait IdentityTx: Users + Factors + Recoveries + Sessions + OneTimes + SigningKeys + Throttles + Members + Send {
    /// Adds an entry to a chain; answers its `n`. Comes last (see above).
    async fn append(&mut self, chain: Chain, event: Event, detail: Option<Vec<u8>>) -> Stored<u64>;
    /// Adds a job of a tenant, or finds the open one of the same (kind, key).
    async fn enqueue(&mut self, tenant: TenantId, job: &NewJob, now: Timestamp) -> Stored<(JobId, bool)>;
    /// Makes everything durable at once.
    async fn commit(self: Box<Self>) -> Stored<()>;
}

/// People.
#[async_trait]
pub trait Users {
    /// Adds one; a conflict if the address is taken.
    async fn add_user(&mut self, user: &User) -> Stored<()>;
    /// By id.
    async fn user(&mut self, id: UserId) -> Stored<Option<User>>;
    /// By normalised address.
    async fn user_by_email(&mut self, email: &str) -> Stored<Option<User>>;
    /// Writes all but the id; `Conflict` unless the stored revision is `user.revision`. The stored
    /// revision becomes one more.
    async fn update_user(&mut self, user: &User) -> Stored<()>;
    /// Whether anybody is here at all.
    async fn any_user(&mut self) -> Stored<bool>;
    /// Adds a line to somebody's history.
    async fn record_login(&mut self, user: UserId, record: &LoginRecord) -> Stored<()>;
    /// The newest lines first, at most `limit`.
    async fn login_history(&mut self, user: UserId, limit: u32) -> Stored<Vec<LoginRecord>>;
    /// Whether somebody came in from a machine before; notes that they do now if so.
    async fn is_known_device(&mut self, user: UserId, digest: &[u8; 32]) -> Stored<bool>;
    /// Remembers a machine; the oldest beyond `most` is forgotten.
    async fn remember_device(&mut self, user: UserId, digest: &[u8; 32], now: Timestamp, most: u32) -> Stored<()>;
    /// Forgets every machine of somebody.
    async fn forget_devices(&mut self, user: UserId) -> Stored<()>;
    /// The machines of somebody that are remembered, by digest.
    async fn known_devices(&mut self, user: UserId) -> Stored<Vec<[u8; 32]>>;
    /// Removes lines of history from before an instant, and of whoever had one since `since` all but the
    /// newest `most`: at most `limit` lines by age, and of at most `limit` people; how many lines.
    async fn prune_history(&mut self, before: Timestamp, since: Timestamp, most: u32, limit: u32) -> Stored<u64>;
}

/// Second factors.
#[async_trait]
pub trait Factors {
    /// Adds one.
    async fn add_factor(&mut self, factor: &Factor) -> Stored<()>;
    /// All of somebody, in order of id.
    async fn factors(&mut self, user: UserId) -> Stored<Vec<Factor>>;
    /// Makes a pending one count.
    async fn confirm_factor(&mut self, user: UserId, id: FactorId, now: Timestamp) -> Stored<()>;
    /// Takes a time step, once ever: `false` if it or a later one was taken before.
    async fn take_step(&mut self, user: UserId, id: FactorId, step: i64, now: Timestamp) -> Stored<bool>;
    /// Makes a pending passkey count: what proves it, sealed; the digest of its name; its counter. Nobody
    /// else may have a key of that name: `Conflict`.
    async fn confirm_passkey(&mut self, id: FactorId, key: &NewPasskey, now: Timestamp) -> Stored<()>;
    /// Whether anybody has a key whose name has this digest.
    async fn is_passkey_known(&mut self, credential: &[u8; 32]) -> Stored<bool>;
    /// Notes a use of an active passkey: `false` unless its counter rises, or stays at 0.
    async fn use_passkey(&mut self, user: UserId, id: FactorId, counter: i64, now: Timestamp) -> Stored<bool>;
    /// An active factor proves nothing from now on; it is still asked for.
    async fn suspend_factor(&mut self, user: UserId, id: FactorId) -> Stored<()>;
    /// Takes one away.
    async fn remove_factor(&mut self, user: UserId, id: FactorId) -> Stored<()>;
    /// Replaces all recovery codes of somebody by the ones of these digests.
    async fn put_recovery_codes(&mut self, user: UserId, digests: &[[u8; 32]], now: Timestamp) -> Stored<()>;
    /// Uses one up: `false` if there is none of this digest, or it was used before.
    async fn use_recovery_code(&mut self, user: UserId, digest: &[u8; 32], now: Timestamp) -> Stored<bool>;
    /// How many are left.
    async fn recovery_codes_left(&mut self, user: UserId) -> Stored<u32>;
}

/// Recoveries of lost factors.
#[async_trait]
pub trait Recoveries {
    /// Adds one; a conflict if one of the same person is open.
    async fn add_recovery(&mut self, recovery: &Recovery) -> Stored<()>;
    /// By id, in whatever state. In a transaction that writes, it is held until the end.
    async fn recovery(&mut self, id: RecoveryId) -> Stored<Option<Recovery>>;
    /// The one of somebody that is open. In a transaction that writes, it is held until the end.
    async fn open_recovery(&mut self, user: UserId) -> Stored<Option<Recovery>>;
    /// Ends an open one, in the name of an actor; `false` if it is not open.
    async fn end_recovery(&mut self, id: RecoveryId, state: RecoveryState, by: &str, now: Timestamp) -> Stored<bool>;
}

/// Lines of tokens.
#[async_trait]
pub trait Sessions {
    /// Adds one.
    async fn add_session(&mut self, session: &Session) -> Stored<()>;
    /// By id. In a transaction that writes, it is held until the end.
    async fn session(&mut self, id: SessionId) -> Stored<Option<Session>>;
    /// Those of somebody that are alive, in order of id.
    async fn live_sessions(&mut self, user: UserId, now: Timestamp) -> Stored<Vec<Session>>;
    /// A refresh token follows another: `false`, and nothing written, if `from` is not the one alive.
    async fn rotate(&mut self, rotation: &Rotation) -> Stored<bool>;
    /// The digest of a token that had its turn.
    async fn spent_token(&mut self, id: SessionId, generation: i64) -> Stored<Option<[u8; 32]>>;
    /// Notes that its person proved a factor now, how, and for which tenant the tokens are.
    async fn restate_session(
        &mut self,
        id: SessionId,
        tenant: Option<TenantId>,
        authenticated: Timestamp,
        methods: &str,
    ) -> Stored<()>;
    /// Ends one of somebody; `NotFound` if it is not theirs.
    async fn end_session(&mut self, user: UserId, id: SessionId, why: SessionEnd, now: Timestamp) -> Stored<()>;
    /// Ends all of somebody but one; how many.
    async fn end_sessions(&mut self, user: UserId, but: Option<SessionId>, why: SessionEnd, now: Timestamp) -> Stored<u64>;
    /// Removes what ended before an instant, at most `limit`; how many.
    async fn prune_sessions(&mut self, before: Timestamp, limit: u32) -> Stored<u64>;
    /// What decides on an access token; none if there is no such line of tokens of that person.
    async fn standing(
        &mut self,
        session: SessionId,
        user: UserId,
        tenant: Option<TenantId>,
        now: Timestamp,
    ) -> Stored<Option<Standing>>;
}

/// Tokens for one act.
#[async_trait]
pub trait OneTimes {
    /// Adds one.
    async fn add_one_time(&mut self, token: &OneTime) -> Stored<()>;
    /// The one of a digest and purpose, used or not. In a transaction that writes, it is held until the end.
    async fn one_time(&mut self, purpose: Purpose, digest: &[u8; 32]) -> Stored<Option<OneTime>>;
    /// Uses it: `false` if it was used before.
    async fn use_one_time(&mut self, digest: &[u8; 32], now: Timestamp) -> Stored<bool>;
    /// Counts a try with something wrong; how many there were.
    async fn count_attempt(&mut self, digest: &[u8; 32]) -> Stored<u32>;
    /// Makes those of a purpose useless, of one person or (for bootstrap) of nobody.
    async fn void_one_times(&mut self, purpose: Purpose, user: Option<UserId>, now: Timestamp) -> Stored<()>;
    /// Those of a purpose that lapsed from one instant to another without being used, the first to lapse
    /// first, at most `limit`.
    async fn lapsed_one_times(&mut self, purpose: Purpose, from: Timestamp, to: Timestamp, limit: u32) -> Stored<Vec<OneTime>>;
    /// Notes that somebody's tokens of a purpose that lapsed up to now were looked at; how many had not been.
    async fn settle_one_times(&mut self, purpose: Purpose, user: UserId, now: Timestamp) -> Stored<u64>;
    /// Removes what lapsed before an instant, at most `limit`; how many.
    async fn prune_one_times(&mut self, before: Timestamp, limit: u32) -> Stored<u64>;
}

/// Keys that sign access tokens.
#[async_trait]
pub trait SigningKeys {
    /// Those that still verify at an instant, the oldest first.
    async fn signing_keys(&mut self, now: Timestamp) -> Stored<Vec<SigningKeyRow>>;
    /// Waits until nobody else turns the keys over, and holds that right to the end.
    async fn hold_signing_keys(&mut self) -> Stored<()>;
    /// Adds one.
    async fn add_signing_key(&mut self, key: &SigningKeyRow) -> Stored<()>;
    /// Moves its end: when it stops signing, and verifying.
    async fn end_signing_key(&mut self, kid: &str, signs_until: Timestamp, verifies_until: Timestamp) -> Stored<()>;
    /// Removes those that ended before an instant.
    async fn prune_signing_keys(&mut self, before: Timestamp) -> Stored<u64>;
}

/// Failures, counted.
#[async_trait]
pub trait Throttles {
    /// The counts under these names, in their order; zero where there are none.
    async fn counts(&mut self, names: &[String]) -> Stored<Vec<Count>>;
    /// Counts a failure under a name; a run that began `window_ms` ago or earlier begins anew.
    async fn count_failure(&mut self, name: &str, now: Timestamp, window_ms: i64) -> Stored<Count>;
    /// Forgets what was counted under a name.
    async fn forget_failures(&mut self, name: &str) -> Stored<()>;
    /// Removes what was last counted before an instant, at most `limit`; how many.
    async fn prune_throttles(&mut self, before: Timestamp, limit: u32) -> Stored<u64>;
}

/// Who belongs where, with which roles.
#[async_trait]
pub trait Members {
    /// Adds a membership; a conflict if there is one.
    async fn add_membership(&mut self, membership: &Membership) -> Stored<()>;
    /// Those of somebody that count, in order of tenant id.
    async fn memberships(&mut self, user: UserId) -> Stored<Vec<Membership>>;
    /// Gives a role.
    async fn grant_role(&mut self, tenant: TenantId, grant: &RoleGrant) -> Stored<()>;
    /// The grants of somebody in a tenant, in order of id, lapsed ones too.
    async fn grants(&mut self, tenant: TenantId, user: UserId) -> Stored<Vec<RoleGrant>>;
    /// What the roles in force of a member allow; none for whoever is no member of an open tenant.
    async fn allowed_in(&mut self, tenant: TenantId, user: UserId, now: Timestamp) -> Stored<Option<Vec<Permission>>>;
    /// Members that count, of people who may come in, whose roles in force hold a permission: in order of
    /// id, at most `limit`.
    async fn holders_of(&mut self, tenant: TenantId, permission: Permission, now: Timestamp, limit: u32) -> Stored<Vec<User>>;
    /// Lines of a member that began up to an instant are no good in this tenant any more, and those that
    /// are for it end; how many ended. `NotFound` if there is no such member.
    async fn shut_lines(&mut self, tenant: TenantId, user: UserId, now: Timestamp) -> Stored<u64>;
    /// Gives a role on the installation; nothing happens if it is held.
    async fn grant_platform_role(&mut self, user: UserId, role: &str, granted_by: &str, now: Timestamp) -> Stored<()>;
    /// The roles of somebody on the installation.
    async fn platform_roles(&mut self, user: UserId) -> Stored<Vec<String>>;
    /// Tenants, in order of id, the first `limit`: (id, name).
    async fn first_tenants(&mut self, limit: u32) -> Stored<Vec<(TenantId, String)>>;
    /// Makes a tenant; a conflict if the name is taken.
    async fn make_tenant(&mut self, id: TenantId, name: &str, now: Timestamp) -> Stored<()>;
}
