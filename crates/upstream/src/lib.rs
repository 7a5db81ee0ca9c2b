//! One engine for every outside party: sessions, limits, breaker, retry and the record of each call.
//!
//! An [`Authority`] translates and nothing more; [`Upstream::call`] does the rest, once, for all of
//! them. In this order: the exchange is recorded, the breaker asked, a token taken of the
//! credential and one of the authority, the session found or opened, the departure recorded, the
//! request sent under a timeout, the answer classified and the record closed.
//!
//! Promises: nothing that may have reached an authority is repeated unless its [`Effects`] allow
//! it; a row that says "departed" exists before the first byte leaves, whatever is killed when; a
//! login happens once for a crowd, across tasks and processes; every wait and retry is bounded by
//! a named constant and by the caller's deadline.
//!
//! It leaves the rows to the ports (`store` implements them), sealing to the vault, time and
//! randomness to the wiring, and what an answer *means* to the services. How a service picks up
//! after a crash is [`Upstream::recall`].

pub mod backoff;
pub mod breaker;
pub mod call;
pub mod desk;
pub mod fault;
pub mod limits;
pub mod memory;
pub mod operation;
pub mod ports;
pub mod session;

pub use backoff::{Jitter, RandomJitter};
pub use call::{Ports, Recalled, Upstream};
pub use desk::Desk;
pub use fault::{CallError, Fault, Notice, PortError, Refusal, Why};
pub use limits::{Rate, Rates};
pub use operation::{Account, Call, Done, Effects, LeaseProof, Operation, Reply};

use fedatario_base::Secret;
use jiff::Timestamp;
use std::time::Duration;

/// A session and the wall instant at which its authority stops honouring it.
#[derive(Debug, Clone, PartialEq)]
pub struct Lease<S> {
    /// What a request carries to be served.
    pub session: S,
    /// When it lapses; it is replaced [`session::RENEW_BEFORE`] earlier.
    pub expires: Timestamp,
}

/// A remote party that serves only holders of a session: SAT, DGII, a PAC, Ajax, Odoo, Stripe.
///
/// An implementation translates and nothing more. Caching, retries, limits and the record of the
/// exchange belong to [`Upstream`], so they are written, and tested, once.
pub trait Authority: Send + Sync {
    /// What a session is opened with; usually a handle, the key itself stays in the vault.
    type Credential: Send + Sync;
    /// What a request carries to be served. Equality tells a refused session from a new one.
    type Session: Clone + PartialEq + Send + Sync;

    /// Its permanent name, family included, as `sat.cfdi`; part of every row's key.
    fn name(&self) -> &'static str;

    /// Opens a session, renewing `prior` where the authority allows it.
    ///
    /// [`Fault::SessionRefused`] means that `prior` is no good: the engine asks again without it.
    /// [`Fault::Rejected`] means the credential was refused and cools it down.
    fn open(
        &self,
        credential: &Self::Credential,
        prior: Option<&Self::Session>,
    ) -> impl Future<Output = Result<Lease<Self::Session>, Fault>> + Send;

    /// The session as bytes, to be sealed and reused by restarts and other nodes.
    fn freeze(&self, session: &Self::Session) -> Secret;

    /// The session of [`Authority::freeze`]'s bytes; `None` opens a new one.
    fn thaw(&self, frozen: &[u8]) -> Option<Self::Session>;

    /// How a login is recorded and how long it may take. Its effects are always `Freely`.
    fn login(&self) -> Operation {
        Operation { name: "login", effects: Effects::Freely, timeout: Duration::from_secs(30), attempts_at_most: None }
    }
}
