//! Identity, wired: what its acts share.
//!
//! One per process. It holds nothing that another process would miss: keys and standings are read
//! again after a second or a minute, everything else lies in storage.

use super::hasher::Hasher;
use super::ports::{Chain, IdentityStore, IdentityTx};
use super::programs::Programs;
use super::settings::IdentitySettings;
use super::signing::Keys;
use super::standing::Standings;
use crate::App;
use crate::error::AppResult;
use fedatario_audit::Event;
use fedatario_base::id::{TenantId, UserId};
use fedatario_base::{Actor, Clock, PlatformScope};
use fedatario_vault::Vault;
use jiff::{SignedDuration, Timestamp};
use std::sync::Arc;
use uuid::Uuid;

/// The tenant that what belongs to none is sealed and scoped under.
pub const NO_TENANT: TenantId = TenantId(Uuid::nil());

/// Who people are, how they come in, and what their tokens are worth.
pub struct Identity {
    pub(super) store: Arc<dyn IdentityStore>,
    pub(super) vault: Arc<Vault>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) settings: IdentitySettings,
    pub(super) hasher: Hasher,
    pub(super) keys: Keys,
    pub(super) standings: Standings,
    pub(super) programs: Option<Arc<dyn Programs>>,
}

impl Identity {
    /// Over the services, as an operator set it up. Nothing is read yet.
    pub fn new(app: &App, settings: IdentitySettings) -> Self {
        Self::over(app.people.clone(), app.vault.clone(), app.clock.clone(), settings)
    }

    /// The same, over what it needs of them.
    pub fn over(store: Arc<dyn IdentityStore>, vault: Arc<Vault>, clock: Arc<dyn Clock>, settings: IdentitySettings) -> Self {
        Self {
            store,
            vault,
            clock,
            hasher: Hasher::new(settings.cost, settings.cores),
            keys: Keys::default(),
            standings: Standings::default(),
            programs: None,
            settings,
        }
    }

    /// With programs that show keys.
    pub fn with_programs(self, programs: Arc<dyn Programs>) -> Self {
        Self { programs: Some(programs), ..self }
    }

    /// What an operator set up.
    pub fn settings(&self) -> &IdentitySettings {
        &self.settings
    }

    pub(super) fn now(&self) -> Timestamp {
        self.clock.wall()
    }

    /// A transaction that writes, for whoever is not known yet, or for an act of authentication.
    pub(super) async fn writing(&self) -> AppResult<Box<dyn IdentityTx>> {
        Ok(self.store.begin(&PlatformScope::for_authentication()).await?)
    }

    /// The same in the name of somebody.
    pub(super) async fn writing_as(&self, user: UserId) -> AppResult<Box<dyn IdentityTx>> {
        Ok(self.store.begin(&PlatformScope::of(Actor::User(user))).await?)
    }

    /// A transaction that reads.
    pub(super) async fn reading(&self) -> AppResult<Box<dyn IdentityTx>> {
        Ok(self.store.read(&PlatformScope::for_authentication()).await?)
    }
}

impl Identity {
    /// Takes away what says nothing any more, a bounded number of rows at a time. Called whenever keys
    /// are read again; a failure waits for the next time.
    pub(super) async fn sweep(&self) {
        let now = self.now();
        let before = |age: SignedDuration| now.checked_sub(age).unwrap_or(Timestamp::MIN);
        let swept = async {
            let mut tx = self.writing().await?;
            let mut rows = tx.prune_throttles(before(THROTTLES_KEPT), SWEPT_MOST).await?;
            rows += tx.prune_one_times(before(ONE_TIMES_KEPT), SWEPT_MOST).await?;
            rows += tx.prune_sessions(before(SESSIONS_KEPT), SWEPT_MOST).await?;
            let (old, busy) = (before(HISTORY_KEPT), before(HISTORY_LOOKED_BACK));
            rows += tx.prune_history(old, busy, HISTORY_LINES_KEPT, HISTORY_SWEPT_MOST).await?;
            tx.commit().await?;
            AppResult::Ok(rows)
        };
        if let Err(error) = swept.await {
            tracing::warn!(%error, "what is over of identity could not be taken away");
        }
    }

    /// What is to be done now and then, whether anybody comes in or not: keys turned over, what is over
    /// taken away, people told of logins that stopped half-way. A failure waits for the next time.
    pub async fn tend(&self) {
        if let Err(error) = self.look_after_keys().await {
            tracing::warn!(%error, "signing keys could not be looked after");
        }
        self.sweep().await;
        if let Err(error) = self.tell_of_partial_logins().await {
            tracing::warn!(%error, "logins that stopped half-way could not be told");
        }
    }
}

/// How long a line of somebody's history is kept: longer than a year, so that a year can be looked at.
pub const HISTORY_KEPT: SignedDuration = SignedDuration::from_hours(400 * 24);
/// Lines of one person's history that are kept, the newest: a flood of refusals is not kept whole.
pub const HISTORY_LINES_KEPT: u32 = 1_000;
/// Whose history grew within this is looked at for having too many.
const HISTORY_LOOKED_BACK: SignedDuration = SignedDuration::from_hours(1);
/// Old lines that one sweep takes away, and people whose number of lines it looks at.
const HISTORY_SWEPT_MOST: u32 = 200;

/// Rows of one kind that one sweep takes away.
const SWEPT_MOST: u32 = 1_000;
/// How long a count of failures is kept after its last one: longer than any window.
const THROTTLES_KEPT: SignedDuration = SignedDuration::from_hours(48);
/// How long a token for one act is kept after it lapsed, for whoever asks what became of it.
const ONE_TIMES_KEPT: SignedDuration = SignedDuration::from_hours(7 * 24);
/// How long a line of tokens is kept after its end, so that an old token is still known as a replay.
const SESSIONS_KEPT: SignedDuration = SignedDuration::from_hours(30 * 24);

/// An act of somebody, before it has a place in a chain.
pub(super) fn act(now: Timestamp, user: UserId, action: &str) -> Event {
    Event::new(now, &Actor::User(user), action).object(user)
}

/// The chain of a tenant, or the platform's where there is none.
pub(super) fn chain_of(tenant: Option<TenantId>) -> Chain {
    tenant.map_or(Chain::Platform, Chain::Tenant)
}
