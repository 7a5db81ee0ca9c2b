//! What is called, for whom, and what comes back.
//!
//! Data only. An [`Operation`] says what repeating it would do; everything the engine decides about
//! retries follows from that and from the fault.

use fedatario_base::Scope;
use fedatario_base::id::{CredentialId, ExchangeId, JobId};
use std::time::Duration;

/// What repeating an operation does to the world.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Effects {
    /// Nothing: reads, logins.
    Freely,
    /// Nothing, because a key makes the authority recognise the repetition.
    WithKey,
    /// Something: it is never repeated before asking what became of it.
    Never,
}

impl Effects {
    /// Whether a request that may have arrived may be sent again.
    pub fn repeatable(self) -> bool {
        match self {
            Effects::Freely | Effects::WithKey => true,
            Effects::Never => false,
        }
    }
}

/// One thing an authority can be asked to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operation {
    /// Its permanent name, unique among all authorities that share subjects, as `sat.descargar`.
    pub name: &'static str,
    /// What repeating it does.
    pub effects: Effects,
    /// How long an answer is awaited before it counts as [`crate::Fault::Unanswered`].
    pub timeout: Duration,
    /// How often it may reach the authority for one subject, ever. Attempts without effect
    /// (unreachable, throttled, session refused, rejected, never sent) are not counted.
    pub attempts_at_most: Option<u32>,
}

/// A credential of a tenant, as a caller holds it.
#[derive(Debug, Clone)]
pub struct Account<C> {
    /// The credential: the key of its session slot, bucket and cooling.
    pub id: CredentialId,
    /// For whom, and who acts.
    pub scope: Scope,
    /// What the authority's `open` takes.
    pub credential: C,
}

/// That a job is held: its id and the fencing token of its lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct LeaseProof {
    /// The job.
    pub job: JobId,
    /// What the claim handed out; a later claim has another.
    pub token: i64,
}

/// One call: what, about which subject, and until when the caller will wait.
#[derive(Debug, Clone)]
pub struct Call<'a> {
    /// What is asked.
    pub operation: &'a Operation,
    /// What it is about, by its id (`sol_…`, `pkg_…`). An operation with effects `Never` is exclusive per subject.
    pub subject: Option<String>,
    /// The lease of the job that asks. It is checked when the exchange opens and again just before it departs.
    pub lease: Option<LeaseProof>,
    /// SHA-256 of the request as it will be sent, without what only the session adds.
    pub request_digest: [u8; 32],
    /// Its size in bytes.
    pub request_size: u64,
    /// How long the caller lets the engine *wait* (bucket, backoff, throttle, another's login). A
    /// request under way is bounded by its operation's timeout alone: cutting it short would
    /// make it uncertain for nothing.
    pub deadline: Duration,
}

/// What `send` makes of an authority's good answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Reply<T> {
    /// The translated answer; its JSON is kept in the exchange row.
    pub value: T,
    /// SHA-256 of the answer's octets.
    pub digest: [u8; 32],
    /// Their number.
    pub size: u64,
    /// True if nothing changed (a poll): chained only as a count with the next that did.
    pub quiet: bool,
}

impl<T> Reply<T> {
    /// An answer that is chained by itself.
    pub fn new(value: T, digest: [u8; 32], size: u64) -> Self {
        Self { value, digest, size, quiet: false }
    }

    /// Marks it as one that changed nothing, if so.
    pub fn quiet_if(mut self, nothing_changed: bool) -> Self {
        self.quiet = nothing_changed;
        self
    }
}

/// A call that was answered.
#[derive(Debug, Clone, PartialEq)]
pub struct Done<T> {
    /// The translated answer.
    pub value: T,
    /// The exchange that brought it.
    pub exchange: ExchangeId,
    /// From departure to answer.
    pub elapsed: Duration,
    /// Whether the exchange row holds the answer; false only above [`crate::ports::ANSWER_MAX_BYTES`].
    pub kept: bool,
}
