//! Calls that name themselves, so that the same call again is answered and not done again.
//!
//! A caller's `Idempotency-Key` is claimed before anything is done, together with a fingerprint of
//! what was sent. What the call was answered with is kept beside it for [`KEPT_FOR`]. A claim that is
//! neither kept nor given back was interrupted: what it did is unknown, so nobody does it again under
//! that key.

use crate::ports::Stored;
use async_trait::async_trait;
use fedatario_base::{Scope, SystemScope};
use jiff::Timestamp;
use std::time::Duration;

/// How long an answer is kept: longer than a weekend in which nobody looks at a queue.
pub const KEPT_FOR: Duration = Duration::from_secs(4 * 24 * 3_600);

/// How long a call may be under way before its claim counts as interrupted.
pub const UNDER_WAY: Duration = Duration::from_secs(5 * 60);

/// The largest answer that is kept, in bytes: of a longer one only where its resource is.
pub const ANSWER_BYTES: usize = 64 * 1024;

/// A call that names itself. It belongs to the tenant and the principal of the scope.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    /// Who calls: the actor's text.
    pub principal: String,
    /// The method.
    pub method: String,
    /// The path, without the query.
    pub path: String,
    /// What the caller named it.
    pub key: String,
}

/// What a call was answered with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answered {
    /// The status.
    pub status: u16,
    /// Headers that belong to the answer: type, address, tag.
    pub headers: Vec<(String, String)>,
    /// The body; none if it carried a secret or was too long.
    pub body: Option<Vec<u8>>,
}

/// What a claim found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Claim {
    /// Nobody was there before: the call is to be done.
    Ours,
    /// The first call has not ended.
    UnderWay,
    /// The first call was cut off; it may have been done.
    Interrupted,
    /// The key was used for something else.
    Reused,
    /// This is what the first call was answered with.
    Answered(Answered),
}

/// Keeps answers.
#[async_trait]
pub trait Replays: Send + Sync {
    /// Claims a key for a call with this fingerprint, unless somebody did before.
    async fn claim(&self, scope: &Scope, named: &Named, fingerprint: &[u8; 32], now: Timestamp) -> Stored<Claim>;
    /// Keeps what the call was answered with.
    async fn keep(&self, scope: &Scope, named: &Named, answered: &Answered) -> Stored<()>;
    /// Gives the key back: nothing was done.
    async fn give_back(&self, scope: &Scope, named: &Named) -> Stored<()>;
    /// Forgets what is older than [`KEPT_FOR`]; how many there were.
    async fn forget(&self, scope: &SystemScope, now: Timestamp) -> Stored<u64>;
}
