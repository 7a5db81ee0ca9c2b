//! What the engine needs of the outside: rows, sealing, pauses.
//!
//! Every method is one transaction and safe to be dropped half-way: it happened or it did not.
//! Rows are truth, for all tasks and processes; nothing here may be answered from memory. Instants
//! passed as `now` are wall time. Methods that take a [`Scope`] touch that tenant's rows only;
//! limits and breakers belong to the authority, cross tenants and hold nothing of theirs.
//!
//! Audit: [`Ledger::close`] and whatever closes a row that was found open append the one chained
//! entry of that exchange in the same transaction, unless the closing is quiet (then it is counted
//! and the count goes into the next entry of that operation and subject). The other methods
//! chain nothing: what they record is already told by an exchange.

use crate::breaker::{Observed, Permit};
use crate::fault::{Notice, PortError, Refusal};
use crate::limits::{Rate, Take};
use crate::operation::LeaseProof;
use async_trait::async_trait;
use fedatario_base::Scope;
use fedatario_base::id::{CredentialId, ExchangeId, HolderId};
use jiff::Timestamp;
use std::time::Duration;

/// The largest answer (as JSON) that an exchange row keeps. Answers are ids, states and digests;
/// bodies go to the object store.
pub const ANSWER_MAX_BYTES: usize = 64 * 1024;

/// An exchange to be opened.
#[derive(Debug, Clone)]
pub struct NewExchange {
    /// [`crate::Authority::name`].
    pub authority: &'static str,
    /// [`crate::Operation::name`].
    pub operation: &'static str,
    /// What it is about.
    pub subject: Option<String>,
    /// With which credential.
    pub credential: CredentialId,
    /// SHA-256 of the request; none for a login, which only the client composes.
    pub request_digest: Option<[u8; 32]>,
    /// Its size in bytes.
    pub request_size: u64,
    /// The job that asks.
    pub lease: Option<LeaseProof>,
    /// The bound on attempts for this operation and subject.
    pub attempts_at_most: Option<u32>,
    /// Whether an earlier exchange of this operation and subject that is not closed stands in the way
    /// (effects `Never`).
    pub exclusive: bool,
    /// Wall time.
    pub now: Timestamp,
}

/// How an exchange ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// Their good answer came.
    Answered,
    /// Without effect: the session was not honoured.
    SessionRefused,
    /// Without effect: not now.
    Throttled,
    /// Without effect: nothing reached them.
    Unreachable,
    /// No answer of theirs; it may have taken effect.
    Unanswered,
    /// Without effect: their no.
    Rejected,
    /// It never departed: breaker, bucket, login or a lost lease stood in the way.
    NotSent,
    /// It departed, and whoever sent it died before its end; it may have taken effect.
    FoundOpen,
}

impl Outcome {
    /// Every outcome.
    pub const ALL: [Outcome; 8] = [
        Outcome::Answered,
        Outcome::SessionRefused,
        Outcome::Throttled,
        Outcome::Unreachable,
        Outcome::Unanswered,
        Outcome::Rejected,
        Outcome::NotSent,
        Outcome::FoundOpen,
    ];

    /// Its permanent text, in rows and in the chain.
    pub fn text(self) -> &'static str {
        match self {
            Outcome::Answered => "answered",
            Outcome::SessionRefused => "session_refused",
            Outcome::Throttled => "throttled",
            Outcome::Unreachable => "unreachable",
            Outcome::Unanswered => "unanswered",
            Outcome::Rejected => "rejected",
            Outcome::NotSent => "not_sent",
            Outcome::FoundOpen => "found_open",
        }
    }

    /// The outcome of a stored text.
    pub fn from_text(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.text() == text)
    }

    /// Whether it counts towards `attempts_at_most`: it took effect or may have. Rows that are
    /// not closed count too.
    pub fn counts(self) -> bool {
        match self {
            Outcome::Answered | Outcome::Unanswered | Outcome::FoundOpen => true,
            Outcome::SessionRefused | Outcome::Throttled | Outcome::Unreachable | Outcome::Rejected | Outcome::NotSent => false,
        }
    }

    /// Whether it says something about what became of the operation; the others must never hide
    /// an earlier one that does.
    pub fn decides(self) -> bool {
        self.counts() || self == Outcome::Rejected
    }
}

/// The end of an exchange.
#[derive(Debug, Clone)]
pub struct Closing {
    /// How it ended.
    pub outcome: Outcome,
    /// Their code and words, or ours about their silence.
    pub notice: Option<Notice>,
    /// The translated answer as JSON, at most [`ANSWER_MAX_BYTES`].
    pub answer: Option<String>,
    /// SHA-256 of the answer's octets.
    pub response_digest: Option<[u8; 32]>,
    /// Their number.
    pub response_size: Option<u64>,
    /// From departure to end, in milliseconds.
    pub elapsed_ms: u64,
    /// Chained only as a count: nothing was sent, or nothing changed.
    pub quiet: bool,
    /// Wall time.
    pub now: Timestamp,
}

/// An exchange as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExchangeRecord {
    /// Its id.
    pub id: ExchangeId,
    /// The authority's name.
    pub authority: String,
    /// The operation's name.
    pub operation: String,
    /// What it was about.
    pub subject: Option<String>,
    /// With which credential.
    pub credential: CredentialId,
    /// When it was recorded.
    pub opened: Timestamp,
    /// When it was about to depart; none means that nothing left.
    pub departed: Option<Timestamp>,
    /// When it ended; none means that nobody has said so yet.
    pub closed: Option<Timestamp>,
    /// How it ended.
    pub outcome: Option<Outcome>,
    /// Their code and words.
    pub notice: Option<Notice>,
    /// The translated answer as JSON.
    pub answer: Option<String>,
}

/// The exchanges: what was sent to whom, and what became of it.
#[async_trait]
pub trait Ledger: Send + Sync {
    /// Records that a call begins. In one transaction:
    /// 1. the lease, if any, is ours: else [`Refusal::LeaseLost`];
    /// 2. if exclusive: an earlier row of this operation and subject that departed and is not closed
    ///    refuses with [`Refusal::StillOpen`]; one that never departed is closed as
    ///    [`Outcome::NotSent`] (its own `depart` will be refused);
    /// 3. rows of this operation and subject that count ([`Outcome::counts`], or not closed) are fewer
    ///    than `attempts_at_most`: else [`Refusal::AttemptsExhausted`];
    /// 4. the row is inserted under a fresh id.
    async fn open(&self, scope: &Scope, exchange: NewExchange) -> Result<ExchangeId, Refusal>;

    /// Records that the first byte may leave from now on. Checks the lease again (the login may have
    /// taken minutes) and that the row is still open: else [`Refusal::Superseded`].
    async fn depart(&self, scope: &Scope, id: ExchangeId, lease: Option<LeaseProof>, now: Timestamp) -> Result<(), Refusal>;

    /// Records how it ended, whether or not the lease is still ours: what happened, happened. A row
    /// that was closed as [`Outcome::FoundOpen`] meanwhile takes the late answer and chains it as a
    /// second entry; any other closed row is left alone.
    async fn close(&self, scope: &Scope, id: ExchangeId, closing: Closing) -> Result<(), PortError>;

    /// The latest exchange of this operation and subject that departed and is either not closed or
    /// ended in a way that decides ([`Outcome::decides`]).
    async fn last(&self, scope: &Scope, operation: &str, subject: Option<&str>) -> Result<Option<ExchangeRecord>, PortError>;

    /// How many attempts count against the bound.
    async fn count(&self, scope: &Scope, operation: &str, subject: Option<&str>) -> Result<u32, PortError>;

    /// Closes what an earlier life left open for one operation and subject, and tells how: departed rows as
    /// [`Outcome::FoundOpen`], others as [`Outcome::NotSent`] (quiet). `lease` is the new life's and
    /// is checked; it fences the earlier one.
    async fn reclaim(
        &self,
        scope: &Scope,
        operation: &str,
        subject: &str,
        lease: Option<LeaseProof>,
        now: Timestamp,
    ) -> Result<Vec<ExchangeRecord>, Refusal>;

    /// The same for every row of the tenant that was opened before `opened_before` and whose job's lease, if it has
    /// one, is over. Run at process start and now and then.
    async fn sweep(&self, scope: &Scope, opened_before: Timestamp, now: Timestamp) -> Result<Vec<ExchangeRecord>, PortError>;
}

/// Where a session is kept: one for each credential and authority (family included).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Slot {
    /// [`crate::Authority::name`].
    pub authority: &'static str,
    /// The credential.
    pub credential: CredentialId,
}

impl std::fmt::Display for Slot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.authority, self.credential)
    }
}

/// A session as kept: sealed, so that only its expiry can be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredSession {
    /// Counts the sessions of the slot, from one, never reused.
    pub generation: u64,
    /// The sealed bytes.
    pub sealed: Vec<u8>,
    /// When the authority stops honouring it, wall.
    pub expires: Timestamp,
}

/// A request for the right to open a slot's session.
#[derive(Debug, Clone, Copy)]
pub struct Opening {
    /// Whoever asks; fresh for each request.
    pub holder: HolderId,
    /// When the right lapses by itself, so that a dead holder blocks nobody for long.
    pub until: Timestamp,
    /// A session is good only if it expires after this instant…
    pub good_after: Timestamp,
    /// …and is not this generation, which was refused.
    pub refused: Option<u64>,
    /// Wall time.
    pub now: Timestamp,
}

/// The answer to an [`Opening`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Claim {
    /// There is a good session already.
    Ready(StoredSession),
    /// The right is the asker's.
    Yours {
        /// The slot's lapsing or lapsed session, for authorities that renew; never the refused one.
        prior: Option<StoredSession>,
        /// Refused logins in a row.
        refusals: u32,
    },
    /// Somebody else has the right until then.
    Taken(Timestamp),
    /// The credential cools down until then.
    Cooling(Timestamp),
}

/// The sessions. One row for each slot; single flight is in the row, not in memory.
#[async_trait]
pub trait Sessions: Send + Sync {
    /// The slot's session, if any.
    async fn load(&self, scope: &Scope, slot: Slot) -> Result<Option<StoredSession>, PortError>;

    /// Asks for the right to open. In this order: a good session is `Ready`; a cooling slot is
    /// `Cooling`; a right of another that has not lapsed is `Taken`; else the right is recorded.
    async fn claim(&self, scope: &Scope, slot: Slot, opening: Opening) -> Result<Claim, PortError>;

    /// Keeps a new session under the next generation, which is returned, ends the right and forgets refusals.
    /// `None`, and nothing changes, if the right is not the holder's any more.
    async fn store(
        &self,
        scope: &Scope,
        slot: Slot,
        holder: HolderId,
        sealed: Vec<u8>,
        expires: Timestamp,
    ) -> Result<Option<u64>, PortError>;

    /// Gives the right back without a session.
    async fn release(&self, scope: &Scope, slot: Slot, holder: HolderId) -> Result<(), PortError>;

    /// Drops the session if it still is that generation.
    async fn forget(&self, scope: &Scope, slot: Slot, generation: u64) -> Result<(), PortError>;

    /// After a refused login: counts it, ends the right, and keeps everybody out until then.
    async fn cool(&self, scope: &Scope, slot: Slot, holder: HolderId, until: Timestamp) -> Result<(), PortError>;
}

/// The token buckets: one number for each key ([`crate::limits::take`] decides).
#[async_trait]
pub trait Limits: Send + Sync {
    /// Takes a token, or says how long until there is one.
    async fn take(&self, key: &str, rate: Rate, now: Timestamp) -> Result<Take, PortError>;
}

/// The breakers: one row for each authority ([`crate::breaker`] decides).
#[async_trait]
pub trait Breakers: Send + Sync {
    /// Asks whether a request may pass.
    async fn permit(&self, key: &str, now: Timestamp) -> Result<Permit, PortError>;

    /// Records what became of one.
    async fn record(&self, key: &str, observed: Observed, now: Timestamp) -> Result<(), PortError>;
}

/// Seals bytes under the tenant's key. The vault implements it.
#[async_trait]
pub trait Sealer: Send + Sync {
    /// Seals; `label` is bound to the ciphertext as associated data.
    async fn seal(&self, scope: &Scope, label: &str, plain: &[u8]) -> Result<Vec<u8>, PortError>;

    /// Opens what was sealed for this tenant under this label.
    async fn open(&self, scope: &Scope, label: &str, sealed: &[u8]) -> Result<fedatario_base::Secret, PortError>;
}

/// Waiting, as a parameter.
#[async_trait]
pub trait Pause: Send + Sync {
    /// Comes back after `duration`.
    async fn pause(&self, duration: Duration);

    /// The same for the other side of a race: comes back when a request under way has had `duration`. A
    /// fake whose pauses take no time must not end requests that are merely slow.
    async fn limit(&self, duration: Duration) {
        self.pause(duration).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outcomes_keep_their_texts_and_what_may_have_taken_effect_counts_and_decides() {
        // (outcome, text, counts, decides)
        let rows = [
            (Outcome::Answered, "answered", true, true),
            (Outcome::SessionRefused, "session_refused", false, false),
            (Outcome::Throttled, "throttled", false, false),
            (Outcome::Unreachable, "unreachable", false, false),
            (Outcome::Unanswered, "unanswered", true, true),
            (Outcome::Rejected, "rejected", false, true),
            (Outcome::NotSent, "not_sent", false, false),
            (Outcome::FoundOpen, "found_open", true, true),
        ];
        assert_eq!(rows.map(|it| it.0), Outcome::ALL);
        for (outcome, text, counts, decides) in rows {
            assert_eq!((outcome.text(), outcome.counts(), outcome.decides()), (text, counts, decides));
            assert_eq!(Outcome::from_text(text), Some(outcome));
        }
        assert_eq!(Outcome::from_text("accepted"), None);
    }
}
