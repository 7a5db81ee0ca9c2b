//! Sessions with authorities: opened once, shared, renewed before they lapse.
//!
//! Opening is slow, so each credential has one slot and callers queue on it: the first opens, the
//! rest find it open. The queue is a row, with a lock in front of it so that one task of each process asks the
//! row. Nothing here retries; what a fault of a login means is decided in `call`.

use crate::backoff::doubled;
use crate::breaker::{Permit, after, between};
use crate::call::{Budget, Halt, Upstream};
use crate::fault::{Fault, Notice, Why};
use crate::operation::Account;
use crate::ports::{Claim, Closing, NewExchange, Opening, Outcome, Slot, StoredSession};
use crate::{Authority, Lease};
use fedatario_base::clock::to_millis;
use fedatario_base::id::{ExchangeId, HolderId};
use futures_util::lock::Mutex;
use jiff::Timestamp;
use std::collections::HashMap;
use std::sync::{Arc, Mutex as SyncMutex, PoisonError, Weak};
use std::time::Duration;

/// How long before its expiry a session is replaced: longer than a request takes to arrive and two clocks differ.
pub const RENEW_BEFORE: Duration = Duration::from_secs(30);

/// How often a slot that another process is opening is looked at.
pub const LOGIN_POLL: Duration = Duration::from_millis(200);

/// What the right to open outlives its logins by: the rows around them.
pub const OPENING_SLACK: Duration = Duration::from_secs(15);

/// How long a credential cools down after its first refused login.
pub const COOL_FIRST: Duration = Duration::from_secs(60);

/// How long it cools down at most, however often it was refused: authorities lock accounts for less.
pub const COOL_MOST: Duration = Duration::from_secs(60 * 60);

/// A session in use, and which of its slot it is.
#[derive(Debug, Clone)]
pub(crate) struct Live<S> {
    pub(crate) session: S,
    /// `None` for one that could not be kept because our right to open had lapsed.
    pub(crate) generation: Option<u64>,
}

/// One lock for each slot that somebody is waiting on.
#[derive(Default)]
pub(crate) struct Gates(SyncMutex<HashMap<Slot, Weak<Mutex<()>>>>);

impl Gates {
    fn of(&self, slot: Slot) -> Arc<Mutex<()>> {
        let mut gates = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(gate) = gates.get(&slot).and_then(Weak::upgrade) {
            return gate;
        }
        // Gates that nobody waits on go here, so the map is as large as the crowd, not as the past.
        gates.retain(|_, gate| gate.strong_count() > 0);
        let gate = Arc::new(Mutex::new(()));
        gates.insert(slot, Arc::downgrade(&gate));
        gate
    }
}

/// The right to open a slot, while we hold it.
struct Right {
    holder: HolderId,
    prior: Option<StoredSession>,
    refusals: u32,
}

impl<A: Authority> Upstream<A> {
    /// The account's live session, opened now if there is none. Never the one in `refused`.
    pub(crate) async fn session(
        &self,
        account: &Account<A::Credential>,
        refused: Option<&Live<A::Session>>,
        budget: &Budget,
        permit: &mut Permit,
    ) -> Result<Live<A::Session>, Halt> {
        let slot = self.slot(account);
        if let Some(live) = self.stored(account, slot, refused).await? {
            return Ok(live);
        }
        let gate = self.gates.of(slot);
        let busy = Halt::Later { after: LOGIN_POLL, why: Why::Login };
        let _turn = self.within(gate.lock(), self.remaining(budget)).await.ok_or(busy)?;
        loop {
            // A crowd behind a dead login must not knock fifty times: the breaker may be open by now.
            self.permitted(permit).await?;
            match self.claim(account, slot, refused).await? {
                (_, Claim::Ready(stored)) => match self.thaw(account, slot, &stored).await? {
                    Some(live) if !is(&live, refused) => return Ok(live),
                    _ => self.ports.sessions.forget(&account.scope, slot, stored.generation).await?,
                },
                (holder, Claim::Yours { prior, refusals }) => {
                    return self.open_session(account, slot, Right { holder, prior, refusals }, refused).await;
                }
                (_, Claim::Taken(_)) => self.wait(LOGIN_POLL, Why::Login, budget).await?,
                (_, Claim::Cooling(until)) => {
                    return Err(Halt::Later { after: between(self.now(), until), why: Why::Cooling });
                }
            }
        }
    }

    fn slot(&self, account: &Account<A::Credential>) -> Slot {
        Slot { authority: self.authority.name(), credential: account.id }
    }

    /// The kept session, if it is good: read, never claimed, so that the usual call writes nothing here.
    async fn stored(
        &self,
        account: &Account<A::Credential>,
        slot: Slot,
        refused: Option<&Live<A::Session>>,
    ) -> Result<Option<Live<A::Session>>, Halt> {
        let Some(stored) = self.ports.sessions.load(&account.scope, slot).await? else { return Ok(None) };
        if stored.expires <= after(self.now(), RENEW_BEFORE) {
            return Ok(None);
        }
        Ok(self.thaw(account, slot, &stored).await?.filter(|live| !is(live, refused)))
    }

    async fn claim(
        &self,
        account: &Account<A::Credential>,
        slot: Slot,
        refused: Option<&Live<A::Session>>,
    ) -> Result<(HolderId, Claim), Halt> {
        let now = self.now();
        let opening = Opening {
            holder: HolderId::fresh(now),
            // Twice: a refused `prior` costs a second login under the same right.
            until: after(now, self.authority.login().timeout * 2 + OPENING_SLACK),
            good_after: after(now, RENEW_BEFORE),
            refused: refused.and_then(|it| it.generation),
            now,
        };
        Ok((opening.holder, self.ports.sessions.claim(&account.scope, slot, opening).await?))
    }

    /// `None` for a session that this installation can no longer read: it is as good as none.
    async fn thaw(
        &self,
        account: &Account<A::Credential>,
        slot: Slot,
        stored: &StoredSession,
    ) -> Result<Option<Live<A::Session>>, Halt> {
        match self.ports.sealer.open(&account.scope, &label(slot, stored.expires), &stored.sealed).await {
            Ok(frozen) => {
                Ok(self.authority.thaw(frozen.expose()).map(|session| Live { session, generation: Some(stored.generation) }))
            }
            Err(error) => {
                tracing::warn!(%slot, code = error.code().slug(), "a kept session cannot be opened and is replaced");
                Ok(None)
            }
        }
    }

    async fn open_session(
        &self,
        account: &Account<A::Credential>,
        slot: Slot,
        right: Right,
        refused: Option<&Live<A::Session>>,
    ) -> Result<Live<A::Session>, Halt> {
        let prior = match &right.prior {
            Some(stored) => self.thaw(account, slot, stored).await?.filter(|live| !is(live, refused)),
            None => None,
        };
        let mut answer = self.login(account, prior.as_ref().map(|it| &it.session)).await;
        if prior.is_some() && matches!(answer, Err(Halt::Login(Fault::SessionRefused(_)))) {
            answer = self.login(account, None).await;
        }
        match answer {
            Ok(lease) => match self.keep(account, slot, right.holder, lease).await {
                Ok(live) => Ok(live),
                Err(halt) => self.give_back(account, slot, right, halt).await,
            },
            Err(Halt::Login(Fault::Rejected(notice) | Fault::SessionRefused(notice))) => {
                Err(self.cool(account, slot, &right, notice).await)
            }
            Err(halt) => self.give_back(account, slot, right, halt).await,
        }
    }

    async fn give_back(
        &self,
        account: &Account<A::Credential>,
        slot: Slot,
        right: Right,
        halt: Halt,
    ) -> Result<Live<A::Session>, Halt> {
        self.ports.sessions.release(&account.scope, slot, right.holder).await?;
        Err(halt)
    }

    /// Seals and keeps a new session. If our right lapsed meanwhile, it serves this call and is not kept.
    async fn keep(
        &self,
        account: &Account<A::Credential>,
        slot: Slot,
        holder: HolderId,
        lease: Lease<A::Session>,
    ) -> Result<Live<A::Session>, Halt> {
        // Milliseconds are what rows hold, and the label must be the same when it is read.
        let expires = fedatario_base::clock::from_millis(to_millis(lease.expires));
        let frozen = self.authority.freeze(&lease.session);
        let sealed = self.ports.sealer.seal(&account.scope, &label(slot, expires), frozen.expose()).await?;
        let generation = self.ports.sessions.store(&account.scope, slot, holder, sealed, expires).await?;
        Ok(Live { session: lease.session, generation })
    }

    async fn cool(&self, account: &Account<A::Credential>, slot: Slot, right: &Right, notice: Notice) -> Halt {
        let until = after(self.now(), doubled(COOL_FIRST, right.refusals, COOL_MOST));
        match self.ports.sessions.cool(&account.scope, slot, right.holder, until).await {
            Ok(()) => Halt::LoginRefused(notice),
            Err(error) => Halt::Port(error),
        }
    }

    /// One login as an exchange of its own. It rides on the breaker's permit and the tokens of the
    /// call that needs it; a second permit would be refused to the call that is itself the probe.
    async fn login(&self, account: &Account<A::Credential>, prior: Option<&A::Session>) -> Result<Lease<A::Session>, Halt> {
        let operation = self.authority.login();
        let exchange = NewExchange {
            authority: self.authority.name(),
            operation: operation.name,
            subject: None,
            credential: account.id,
            request_digest: None,
            request_size: 0,
            lease: None,
            attempts_at_most: None,
            exclusive: false,
            now: self.now(),
        };
        let id = self.ports.ledger.open(&account.scope, exchange).await?;
        self.ports.ledger.depart(&account.scope, id, None, self.now()).await?;
        let departed = self.now();
        let answer = self.timed(self.authority.open(&account.credential, prior), operation.timeout).await;
        self.close_login(account, id, departed, answer.as_ref().err()).await?;
        answer.map_err(Halt::Login)
    }

    async fn close_login(
        &self,
        account: &Account<A::Credential>,
        id: ExchangeId,
        departed: Timestamp,
        fault: Option<&Fault>,
    ) -> Result<(), Halt> {
        let now = self.now();
        let closing = Closing {
            outcome: fault.map_or(Outcome::Answered, outcome_of),
            notice: fault.and_then(Fault::notice),
            answer: None,
            response_digest: None,
            response_size: None,
            elapsed_ms: u64::try_from(between(departed, now).as_millis()).unwrap_or(u64::MAX),
            quiet: false,
            now,
        };
        Ok(self.close(&account.scope, id, closing).await?)
    }
}

pub(crate) fn outcome_of(fault: &Fault) -> Outcome {
    match fault {
        Fault::SessionRefused(_) => Outcome::SessionRefused,
        Fault::Throttled { .. } => Outcome::Throttled,
        Fault::Unreachable(_) => Outcome::Unreachable,
        Fault::Unanswered(_) => Outcome::Unanswered,
        Fault::Rejected(_) => Outcome::Rejected,
    }
}

/// What binds a sealed session to its place and its expiry: neither can be exchanged in the row.
fn label(slot: Slot, expires: Timestamp) -> String {
    format!("session/{slot}/{}", to_millis(expires))
}

/// Whether it is the refused one: by its number, and only without one by what it carries. Two logins
/// of one second may be answered with the same token; the second is a new session all the same.
fn is<S: PartialEq>(live: &Live<S>, refused: Option<&Live<S>>) -> bool {
    refused.is_some_and(|it| match (it.generation, live.generation) {
        (Some(refused), Some(live)) => refused == live,
        _ => it.session == live.session,
    })
}
