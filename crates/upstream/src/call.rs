//! The one way to call an authority, and how to pick up after a crash.
//!
//! [`Upstream::call`] runs whole attempts, each with an exchange row of its own, until one is
//! answered, its fault is final, or the caller's deadline or [`SENDS_AT_MOST`] ends the waiting. What a
//! fault means is decided in `react`, in one place, as the table of faults says.

use crate::Authority;
use crate::backoff::{Jitter, delay};
use crate::breaker::{Observed, Permit, between};
use crate::fault::{CallError, Fault, Notice, PortError, Refusal, Why};
use crate::limits::{Rate, Rates, Take};
use crate::operation::{Account, Call, Done, LeaseProof, Operation, Reply};
use crate::ports::{
    ANSWER_MAX_BYTES, Breakers, Closing, ExchangeRecord, Ledger, Limits, NewExchange, Outcome, Pause, Sealer, Sessions,
};
use crate::session::{Gates, Live, outcome_of};
use fedatario_base::id::ExchangeId;
use fedatario_base::{Clock, Code, Scope};
use futures_util::future::{Either, select};
use jiff::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

/// How often one call sends at most, whatever its deadline: what helps after that is time, and
/// jobs have more of it.
pub const SENDS_AT_MOST: u32 = 5;

/// How often the closing of a row is tried: the answer is in our hands and only the row is missing.
pub const CLOSE_TRIES: u32 = 3;

/// When a row that is still open belongs to nobody alive: longer than any login, waiting and operation.
pub const STALE_AFTER: Duration = Duration::from_secs(60 * 60);

/// What the engine is wired to.
#[derive(Clone)]
pub struct Ports {
    /// The exchanges.
    pub ledger: Arc<dyn Ledger>,
    /// The sessions.
    pub sessions: Arc<dyn Sessions>,
    /// The token buckets.
    pub limits: Arc<dyn Limits>,
    /// The breakers.
    pub breakers: Arc<dyn Breakers>,
    /// Seals sessions.
    pub sealer: Arc<dyn Sealer>,
    /// Waits.
    pub pause: Arc<dyn Pause>,
    /// Only its wall reading is used.
    pub clock: Arc<dyn Clock>,
    /// Spreads retries.
    pub jitter: Arc<dyn Jitter>,
}

/// An authority with everything that belongs around it. One for each process and authority; cheap
/// to share behind an `Arc`.
pub struct Upstream<A> {
    pub(crate) authority: A,
    pub(crate) rates: Rates,
    pub(crate) ports: Ports,
    pub(crate) gates: Gates,
}

/// Until when a call may wait, and how often it has sent.
pub(crate) struct Budget {
    until: Timestamp,
}

/// Why an attempt did not depart.
pub(crate) enum Halt {
    Later { after: Duration, why: Why },
    Login(Fault),
    LoginRefused(Notice),
    Refused(Refusal),
    Port(PortError),
}

impl From<PortError> for Halt {
    fn from(error: PortError) -> Self {
        Halt::Port(error)
    }
}

impl From<Refusal> for Halt {
    fn from(refusal: Refusal) -> Self {
        Halt::Refused(refusal)
    }
}

/// How an attempt ended.
enum Attempt<T, S> {
    Done(Done<T>),
    Faulty(Faulty<S>),
    Halted(Halt),
}

/// What went wrong, in which exchange, with which session.
struct Faulty<S> {
    exchange: ExchangeId,
    fault: Fault,
    used: Live<S>,
}

/// What one call has been through.
struct Course<S> {
    sends: u32,
    refused: Option<Live<S>>,
}

/// What became of an operation in an earlier life.
#[derive(Debug, Clone, PartialEq)]
pub enum Recalled<T> {
    /// Nothing that took effect was sent: go ahead.
    Nothing,
    /// It was answered: go on from there.
    Answered {
        /// By this exchange.
        exchange: ExchangeId,
        /// With this.
        value: T,
    },
    /// It was rejected, with their words.
    Rejected(Notice),
    /// It may have taken effect, or its answer is not kept: ask before sending again.
    Uncertain {
        /// The exchange in question.
        exchange: ExchangeId,
        /// What is known about it.
        notice: Option<Notice>,
    },
}

impl<A: Authority> Upstream<A> {
    /// The engine around `authority`.
    pub fn new(authority: A, rates: Rates, ports: Ports) -> Self {
        Self { authority, rates, ports, gates: Gates::default() }
    }

    /// The authority, for what needs no session.
    pub fn authority(&self) -> &A {
        &self.authority
    }

    /// Makes one call. `send` composes and sends the request with the session it is given and
    /// translates the answer; what it received is durable before it returns. It may be run
    /// several times, each under an exchange of its own, never twice at once.
    ///
    /// The future may be dropped at any point: rows then say how far it came.
    pub async fn call<T, F, Fut>(&self, account: &Account<A::Credential>, call: &Call<'_>, send: F) -> Result<Done<T>, CallError>
    where
        T: Serialize,
        F: Fn(A::Session, ExchangeId) -> Fut,
        Fut: Future<Output = Result<Reply<T>, Fault>>,
    {
        let budget = Budget { until: crate::breaker::after(self.now(), call.deadline) };
        let mut course = Course { sends: 0, refused: None };
        loop {
            match self.attempt(account, call, &send, course.refused.as_ref(), &budget).await? {
                Attempt::Done(done) => return Ok(done),
                Attempt::Halted(Halt::Login(fault)) => self.again(fault, &mut course, &budget).await?,
                Attempt::Halted(halt) => return Err(halt.into()),
                Attempt::Faulty(faulty) => self.react(account, call, faulty, &mut course, &budget).await?,
            }
        }
    }

    /// One attempt: recorded, admitted, departed, sent, closed.
    async fn attempt<T, F, Fut>(
        &self,
        account: &Account<A::Credential>,
        call: &Call<'_>,
        send: &F,
        refused: Option<&Live<A::Session>>,
        budget: &Budget,
    ) -> Result<Attempt<T, A::Session>, CallError>
    where
        T: Serialize,
        F: Fn(A::Session, ExchangeId) -> Fut,
        Fut: Future<Output = Result<Reply<T>, Fault>>,
    {
        let id = self.ports.ledger.open(&account.scope, self.exchange(account, call)).await?;
        let live = match self.admit(account, call, id, refused, budget).await {
            Ok(live) => live,
            Err(halt) => {
                self.close(&account.scope, id, unsent(&halt, self.now())).await?;
                return Ok(Attempt::Halted(halt));
            }
        };
        let departed = self.now();
        let answer = self.timed(send(live.session.clone(), id), call.operation.timeout).await;
        let closing = closing(&answer, departed, self.now());
        let kept = closing.answer.is_some();
        let elapsed = between(departed, closing.now);
        self.close(&account.scope, id, closing).await?;
        if let Err(error) = self.observe(answer.as_ref().err()).await {
            // Their answer is worth more than our statistics.
            tracing::warn!(%id, code = error.code().slug(), "the breaker could not be told");
        }
        Ok(match answer {
            Ok(reply) => Attempt::Done(Done { value: reply.value, exchange: id, elapsed, kept }),
            Err(fault) => Attempt::Faulty(Faulty { exchange: id, fault, used: live }),
        })
    }

    fn exchange(&self, account: &Account<A::Credential>, call: &Call<'_>) -> NewExchange {
        NewExchange {
            authority: self.authority.name(),
            operation: call.operation.name,
            subject: call.subject.clone(),
            credential: account.id,
            request_digest: Some(call.request_digest),
            request_size: call.request_size,
            lease: call.lease,
            attempts_at_most: call.operation.attempts_at_most,
            exclusive: !call.operation.effects.repeatable() && call.subject.is_some(),
            now: self.now(),
        }
    }

    /// Breaker, buckets, session, departure; the breaker learns what a login met, and gets a
    /// probe back that nothing came of.
    async fn admit(
        &self,
        account: &Account<A::Credential>,
        call: &Call<'_>,
        id: ExchangeId,
        refused: Option<&Live<A::Session>>,
        budget: &Budget,
    ) -> Result<Live<A::Session>, Halt> {
        let mut permit = Permit::Pass;
        self.permitted(&mut permit).await?;
        let admitted = self.ready(account, call, id, refused, budget, &mut permit).await;
        match &admitted {
            Err(Halt::Login(fault)) => self.observe(Some(fault)).await?,
            Err(Halt::LoginRefused(_)) => self.observe(None).await?,
            Err(_) if permit == Permit::Probe => self.record(Observed::Nothing).await?,
            Ok(_) | Err(_) => {}
        }
        admitted
    }

    /// Asks the breaker, again where others have had time to open it. A probe has its permit.
    pub(crate) async fn permitted(&self, permit: &mut Permit) -> Result<(), Halt> {
        if *permit == Permit::Probe {
            return Ok(());
        }
        match self.ports.breakers.permit(self.authority.name(), self.now()).await? {
            Permit::Wait(after) => Err(Halt::Later { after, why: Why::Breaker }),
            granted => {
                *permit = granted;
                Ok(())
            }
        }
    }

    async fn ready(
        &self,
        account: &Account<A::Credential>,
        call: &Call<'_>,
        id: ExchangeId,
        refused: Option<&Live<A::Session>>,
        budget: &Budget,
        permit: &mut Permit,
    ) -> Result<Live<A::Session>, Halt> {
        let name = self.authority.name();
        self.token(&format!("{name}/{}", account.id), self.rates.credential, budget).await?;
        self.token(name, self.rates.authority, budget).await?;
        let live = self.session(account, refused, budget, permit).await?;
        self.ports.ledger.depart(&account.scope, id, call.lease, self.now()).await?;
        Ok(live)
    }

    async fn token(&self, key: &str, rate: Rate, budget: &Budget) -> Result<(), Halt> {
        while let Take::Wait(wait) = self.ports.limits.take(key, rate, self.now()).await? {
            self.wait(wait, Why::Bucket, budget).await?;
        }
        Ok(())
    }

    /// The table of faults.
    async fn react(
        &self,
        account: &Account<A::Credential>,
        call: &Call<'_>,
        faulty: Faulty<A::Session>,
        course: &mut Course<A::Session>,
        budget: &Budget,
    ) -> Result<(), CallError> {
        let Faulty { exchange, fault, used } = faulty;
        match fault {
            Fault::SessionRefused(notice) => self.replace(account, notice, used, course).await,
            Fault::Throttled { .. } | Fault::Unreachable(_) => self.again(fault, course, budget).await,
            Fault::Unanswered(_) if call.operation.effects.repeatable() => self.again(fault, course, budget).await,
            Fault::Unanswered(_) => Err(CallError::Uncertain { exchange, notice: fault.notice() }),
            Fault::Rejected(_) => Err(CallError::Fault(fault)),
        }
    }

    /// The first refusal of a session replaces it; the second is the operation's.
    async fn replace(
        &self,
        account: &Account<A::Credential>,
        notice: Notice,
        used: Live<A::Session>,
        course: &mut Course<A::Session>,
    ) -> Result<(), CallError> {
        self.drop_session(account, &used).await?;
        if course.refused.is_some() {
            return Err(CallError::Fault(Fault::Rejected(notice)));
        }
        course.refused = Some(used);
        Ok(())
    }

    async fn drop_session(&self, account: &Account<A::Credential>, used: &Live<A::Session>) -> Result<(), PortError> {
        let slot = crate::ports::Slot { authority: self.authority.name(), credential: account.id };
        match used.generation {
            Some(generation) => self.ports.sessions.forget(&account.scope, slot, generation).await,
            None => Ok(()),
        }
    }

    /// Waits before another attempt, or hands the call back if that is too long or too often.
    async fn again(&self, fault: Fault, course: &mut Course<A::Session>, budget: &Budget) -> Result<(), CallError> {
        course.sends += 1;
        let after = match &fault {
            Fault::Throttled { after, .. } => *after,
            _ => delay(course.sends, self.ports.jitter.as_ref()),
        };
        let why = Why::Fault(fault);
        if course.sends >= SENDS_AT_MOST {
            return Err(CallError::Later { after, why });
        }
        Ok(self.wait(after, why, budget).await?)
    }

    /// Pauses if the deadline allows it, else says how long it would have been.
    pub(crate) async fn wait(&self, after: Duration, why: Why, budget: &Budget) -> Result<(), Halt> {
        if after > self.remaining(budget) {
            return Err(Halt::Later { after, why });
        }
        self.ports.pause.pause(after).await;
        Ok(())
    }

    pub(crate) fn remaining(&self, budget: &Budget) -> Duration {
        between(self.now(), budget.until)
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.ports.clock.wall()
    }

    /// The future's output, or `None` if `limit` passes first. A future that is ready wins.
    pub(crate) async fn within<O>(&self, future: impl Future<Output = O>, limit: Duration) -> Option<O> {
        match select(pin!(future), self.ports.pause.limit(limit)).await {
            Either::Left((output, _)) => Some(output),
            Either::Right(_) => None,
        }
    }

    /// An exchange under its timeout: no answer in time is [`Fault::Unanswered`].
    pub(crate) async fn timed<O>(&self, future: impl Future<Output = Result<O, Fault>>, limit: Duration) -> Result<O, Fault> {
        let silence = || Err(Fault::Unanswered(format!("no answer within {limit:?}")));
        self.within(future, limit).await.unwrap_or_else(silence).map_err(Fault::bounded)
    }

    /// Closes a row, stubbornly: an answer that is not in its row is an uncertainty made by us.
    pub(crate) async fn close(&self, scope: &Scope, id: ExchangeId, closing: Closing) -> Result<(), PortError> {
        let mut tries = 1;
        loop {
            match self.ports.ledger.close(scope, id, closing.clone()).await {
                Err(error) if tries < CLOSE_TRIES => {
                    tracing::warn!(%id, tries, code = error.code().slug(), "an exchange could not be closed; trying again");
                    self.ports.pause.pause(delay(tries, self.ports.jitter.as_ref())).await;
                    tries += 1;
                }
                done => return done,
            }
        }
    }

    async fn observe(&self, fault: Option<&Fault>) -> Result<(), PortError> {
        let ill = fault.is_some_and(Fault::is_outage);
        self.record(if ill { Observed::Outage } else { Observed::Alive }).await
    }

    async fn record(&self, observed: Observed) -> Result<(), PortError> {
        self.ports.breakers.record(self.authority.name(), observed, self.now()).await
    }

    /// What became of `operation` on `subject` in an earlier life. A job asks this before it calls an
    /// operation with effects; what an earlier life left open is closed, with its audit entry.
    ///
    /// Without a lease the caller vouches that it alone works on the subject.
    pub async fn recall<T: DeserializeOwned>(
        &self,
        scope: &Scope,
        operation: &Operation,
        subject: &str,
        lease: Option<LeaseProof>,
    ) -> Result<Recalled<T>, CallError> {
        self.ports.ledger.reclaim(scope, operation.name, subject, lease, self.now()).await?;
        let last = self.ports.ledger.last(scope, operation.name, Some(subject)).await?;
        Ok(last.map_or(Recalled::Nothing, recalled))
    }

    /// Closes what dead processes left open in this tenant, with an audit entry each, and returns it. For process
    /// start and a quiet hour; rows of living jobs and young rows are left alone.
    pub async fn sweep(&self, scope: &Scope) -> Result<Vec<ExchangeRecord>, PortError> {
        let now = self.now();
        let before = now.checked_sub(STALE_AFTER).unwrap_or(Timestamp::MIN);
        self.ports.ledger.sweep(scope, before, now).await
    }
}

impl From<Halt> for CallError {
    fn from(halt: Halt) -> Self {
        match halt {
            Halt::Later { after, why } => CallError::Later { after, why },
            Halt::Login(fault) => CallError::Fault(fault),
            Halt::LoginRefused(notice) => CallError::LoginRefused(notice),
            Halt::Refused(refusal) => refusal.into(),
            Halt::Port(error) => CallError::Port(error),
        }
    }
}

fn recalled<T: DeserializeOwned>(record: ExchangeRecord) -> Recalled<T> {
    let uncertain = Recalled::Uncertain { exchange: record.id, notice: record.notice.clone() };
    match record.outcome {
        None | Some(Outcome::Unanswered | Outcome::FoundOpen) => uncertain,
        Some(Outcome::SessionRefused | Outcome::Throttled | Outcome::Unreachable | Outcome::NotSent) => Recalled::Nothing,
        Some(Outcome::Rejected) => Recalled::Rejected(record.notice.unwrap_or_else(|| Notice::new("-", ""))),
        Some(Outcome::Answered) => match record.answer.as_deref().map(serde_json::from_str) {
            Some(Ok(value)) => Recalled::Answered { exchange: record.id, value },
            Some(Err(_)) | None => uncertain,
        },
    }
}

fn closing<T: Serialize>(answer: &Result<Reply<T>, Fault>, departed: Timestamp, now: Timestamp) -> Closing {
    let elapsed_ms = u64::try_from(between(departed, now).as_millis()).unwrap_or(u64::MAX);
    match answer {
        Ok(reply) => Closing {
            outcome: Outcome::Answered,
            notice: None,
            answer: json(&reply.value),
            response_digest: Some(reply.digest),
            response_size: Some(reply.size),
            elapsed_ms,
            quiet: reply.quiet,
            now,
        },
        Err(fault) => Closing {
            outcome: outcome_of(fault),
            notice: fault.notice(),
            answer: None,
            response_digest: None,
            response_size: None,
            elapsed_ms,
            quiet: false,
            now,
        },
    }
}

/// The answer for the row; one above the bound is not kept, which the caller is told.
fn json<T: Serialize>(value: &T) -> Option<String> {
    match serde_json::to_string(value) {
        Ok(text) if text.len() <= ANSWER_MAX_BYTES => Some(text),
        Ok(text) => {
            tracing::error!(bytes = text.len(), "an answer is too large for its exchange row");
            None
        }
        Err(error) => {
            tracing::error!(%error, "an answer has no JSON form");
            None
        }
    }
}

/// The closing of a row that never departed.
fn unsent(halt: &Halt, now: Timestamp) -> Closing {
    Closing {
        outcome: Outcome::NotSent,
        notice: Some(Notice::new(halt.code().slug(), "not sent")),
        answer: None,
        response_digest: None,
        response_size: None,
        elapsed_ms: 0,
        quiet: true,
        now,
    }
}

impl Halt {
    fn code(&self) -> Code {
        match self {
            Halt::Later { why, .. } => why.code(),
            Halt::Login(fault) => fault.code(),
            Halt::LoginRefused(_) => Code::AuthoritySession,
            Halt::Refused(refusal) => refusal.code(),
            Halt::Port(error) => error.code(),
        }
    }
}
