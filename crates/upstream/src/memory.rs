//! The ports in memory, for tests here and elsewhere, and as the plainest statement of their rules.
//!
//! [`Memory`] keeps every row behind one lock; each method yields once before and once after its
//! transaction, so that dropping a caller at each of its await points means something. Several
//! engines may share one `Memory`, as processes share a database. It leaves durability,
//! encryption and real time to the real ports.

use crate::backoff::Jitter;
use crate::breaker::{self, Observed, Permit, State as BreakerState};
use crate::call::Ports;
use crate::fault::{PortError, Refusal};
use crate::limits::{self, Rate, Take};
use crate::operation::LeaseProof;
use crate::ports::{
    Breakers, Claim, Closing, ExchangeRecord, Ledger, Limits, NewExchange, Opening, Outcome, Pause, Sealer, Sessions, Slot,
    StoredSession,
};
use async_trait::async_trait;
use fedatario_base::id::{ExchangeId, HolderId, JobId, TenantId};
use fedatario_base::{Clock, Code, Scope, Secret};
use jiff::Timestamp;
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::Poll;
use std::time::Duration;

/// What the chain would hold of an exchange.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chained {
    /// Which exchange.
    pub exchange: ExchangeId,
    /// How it ended.
    pub outcome: Outcome,
    /// Quiet closings of the same operation and subject since its last entry.
    pub quiet_before: u32,
}

#[derive(Debug, Clone)]
struct Row {
    tenant: TenantId,
    lease: Option<LeaseProof>,
    record: ExchangeRecord,
}

#[derive(Debug, Default)]
struct SessionRow {
    session: Option<StoredSession>,
    generations: u64,
    opening: Option<(HolderId, Timestamp)>,
    cooling: Option<Timestamp>,
    refusals: u32,
}

/// Operation and subject, within a tenant.
type Topic = (TenantId, String, Option<String>);

#[derive(Debug, Default)]
struct Rows {
    exchanges: Vec<Row>,
    chain: Vec<Chained>,
    quiet: HashMap<Topic, u32>,
    leases: HashMap<JobId, i64>,
    sessions: BTreeMap<(TenantId, Slot), SessionRow>,
    buckets: HashMap<String, i64>,
    breakers: HashMap<String, BreakerState>,
    closings_to_fail: u32,
}

/// All rows. Share it behind an `Arc`.
#[derive(Debug, Default)]
pub struct Memory(Mutex<Rows>);

impl Memory {
    /// No rows.
    pub fn new() -> Arc<Self> {
        Arc::default()
    }

    /// Everything an engine is wired to, with these rows behind it.
    pub fn ports(self: &Arc<Self>, pause: Arc<dyn Pause>, clock: Arc<dyn Clock>, jitter: Arc<dyn Jitter>) -> Ports {
        Ports {
            ledger: self.clone(),
            sessions: self.clone(),
            limits: self.clone(),
            breakers: self.clone(),
            sealer: Arc::new(LabelSealer),
            pause,
            clock,
            jitter,
        }
    }

    /// Makes `token` the job's current lease; every other proof of that job is lost from now on.
    pub fn grant(&self, job: JobId, token: i64) -> LeaseProof {
        self.rows().leases.insert(job, token);
        LeaseProof { job, token }
    }

    /// Makes the next closings of exchanges fail.
    pub fn fail_closings(&self, times: u32) {
        self.rows().closings_to_fail = times;
    }

    /// Every exchange of the tenant, oldest first.
    pub fn exchanges(&self, scope: &Scope) -> Vec<ExchangeRecord> {
        self.rows().exchanges.iter().filter(|it| it.tenant == scope.tenant()).map(|it| it.record.clone()).collect()
    }

    /// What was chained, oldest first.
    pub fn chain(&self) -> Vec<Chained> {
        self.rows().chain.clone()
    }

    fn rows(&self) -> MutexGuard<'_, Rows> {
        self.0.lock().expect("no holder panics")
    }

    async fn transaction<O>(&self, work: impl FnOnce(&mut Rows) -> O + Send) -> O {
        yield_once().await;
        let output = work(&mut self.rows());
        yield_once().await;
        output
    }
}

/// Lets others run once.
async fn yield_once() {
    let mut yielded = false;
    std::future::poll_fn(|context| {
        if std::mem::replace(&mut yielded, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

impl Row {
    fn is_about(&self, topic: &Topic) -> bool {
        self.tenant == topic.0 && self.record.operation == topic.1 && self.record.subject == topic.2
    }

    fn counts(&self) -> bool {
        self.record.outcome.is_none_or(Outcome::counts)
    }

    fn topic(&self) -> Topic {
        (self.tenant, self.record.operation.clone(), self.record.subject.clone())
    }
}

impl Rows {
    fn holds(&self, lease: Option<LeaseProof>) -> bool {
        lease.is_none_or(|it| self.leases.get(&it.job) == Some(&it.token))
    }

    fn open(&mut self, scope: &Scope, new: NewExchange) -> Result<ExchangeId, Refusal> {
        if !self.holds(new.lease) {
            return Err(Refusal::LeaseLost);
        }
        let topic = (scope.tenant(), new.operation.to_owned(), new.subject.clone());
        if new.exclusive {
            self.make_way(&topic, new.now)?;
        }
        let made = self.count(&topic);
        if new.attempts_at_most.is_some_and(|most| made >= most) {
            return Err(Refusal::AttemptsExhausted { made });
        }
        let record = ExchangeRecord {
            id: ExchangeId::fresh(new.now),
            authority: new.authority.to_owned(),
            operation: new.operation.to_owned(),
            subject: new.subject,
            credential: new.credential,
            opened: new.now,
            departed: None,
            closed: None,
            outcome: None,
            notice: None,
            answer: None,
        };
        let id = record.id;
        self.exchanges.push(Row { tenant: scope.tenant(), lease: new.lease, record });
        Ok(id)
    }

    fn make_way(&mut self, topic: &Topic, now: Timestamp) -> Result<(), Refusal> {
        let open: Vec<usize> = self.find(|row| row.is_about(topic) && row.record.closed.is_none());
        for at in open {
            if self.exchanges[at].record.departed.is_some() {
                return Err(Refusal::StillOpen(self.exchanges[at].record.id));
            }
            self.abandon(at, now);
        }
        Ok(())
    }

    fn count(&self, topic: &Topic) -> u32 {
        u32::try_from(self.exchanges.iter().filter(|row| row.is_about(topic) && row.counts()).count()).unwrap_or(u32::MAX)
    }

    fn find(&self, wanted: impl Fn(&Row) -> bool) -> Vec<usize> {
        self.exchanges.iter().enumerate().filter(|(_, row)| wanted(row)).map(|(at, _)| at).collect()
    }

    /// Closes a row that nobody will close.
    fn abandon(&mut self, at: usize, now: Timestamp) -> ExchangeRecord {
        let departed = self.exchanges[at].record.departed.is_some();
        let outcome = if departed { Outcome::FoundOpen } else { Outcome::NotSent };
        self.exchanges[at].record.closed = Some(now);
        self.exchanges[at].record.outcome = Some(outcome);
        self.chain(at, outcome, !departed);
        self.exchanges[at].record.clone()
    }

    fn chain(&mut self, at: usize, outcome: Outcome, quiet: bool) {
        let (exchange, topic) = (self.exchanges[at].record.id, self.exchanges[at].topic());
        if quiet {
            *self.quiet.entry(topic).or_default() += 1;
            return;
        }
        let quiet_before = self.quiet.remove(&topic).unwrap_or(0);
        self.chain.push(Chained { exchange, outcome, quiet_before });
    }

    fn depart(&mut self, scope: &Scope, id: ExchangeId, lease: Option<LeaseProof>, now: Timestamp) -> Result<(), Refusal> {
        if !self.holds(lease) {
            return Err(Refusal::LeaseLost);
        }
        let at = self.at(scope, id).ok_or(Refusal::Superseded)?;
        if self.exchanges[at].record.closed.is_some() {
            return Err(Refusal::Superseded);
        }
        self.exchanges[at].record.departed = Some(now);
        Ok(())
    }

    fn at(&self, scope: &Scope, id: ExchangeId) -> Option<usize> {
        self.exchanges.iter().position(|row| row.tenant == scope.tenant() && row.record.id == id)
    }

    fn close(&mut self, scope: &Scope, id: ExchangeId, closing: Closing) -> Result<(), PortError> {
        if self.closings_to_fail > 0 {
            self.closings_to_fail -= 1;
            return Err(PortError::new(Code::StoreUnavailable, "told to fail"));
        }
        let at = self.at(scope, id).ok_or_else(|| PortError::new(Code::NotFound, "no such exchange"))?;
        let record = &mut self.exchanges[at].record;
        if !matches!(record.outcome, None | Some(Outcome::FoundOpen)) {
            return Ok(());
        }
        record.closed = Some(closing.now);
        record.outcome = Some(closing.outcome);
        record.notice = closing.notice;
        record.answer = closing.answer;
        self.chain(at, closing.outcome, closing.quiet);
        Ok(())
    }

    fn last(&self, topic: &Topic) -> Option<ExchangeRecord> {
        let decisive = |row: &&Row| row.record.departed.is_some() && row.record.outcome.is_none_or(Outcome::decides);
        self.exchanges.iter().rev().filter(|row| row.is_about(topic)).find(decisive).map(|row| row.record.clone())
    }

    fn claim(&mut self, scope: &Scope, slot: Slot, opening: Opening) -> Claim {
        let row = self.sessions.entry((scope.tenant(), slot)).or_default();
        let prior = row.session.clone().filter(|it| Some(it.generation) != opening.refused);
        if let Some(good) = prior.clone().filter(|it| it.expires > opening.good_after) {
            return Claim::Ready(good);
        }
        if let Some(until) = row.cooling.filter(|it| *it > opening.now) {
            return Claim::Cooling(until);
        }
        if let Some((_, until)) = row.opening.filter(|(_, until)| *until > opening.now) {
            return Claim::Taken(until);
        }
        row.opening = Some((opening.holder, opening.until));
        Claim::Yours { prior, refusals: row.refusals }
    }

    fn session(&mut self, scope: &Scope, slot: Slot) -> &mut SessionRow {
        self.sessions.entry((scope.tenant(), slot)).or_default()
    }
}

impl SessionRow {
    fn is_held_by(&self, holder: HolderId) -> bool {
        self.opening.is_some_and(|(it, _)| it == holder)
    }

    fn keep(&mut self, holder: HolderId, sealed: Vec<u8>, expires: Timestamp) -> Option<u64> {
        if !self.is_held_by(holder) {
            return None;
        }
        self.generations += 1;
        self.session = Some(StoredSession { generation: self.generations, sealed, expires });
        (self.opening, self.cooling, self.refusals) = (None, None, 0);
        Some(self.generations)
    }

    fn cool(&mut self, holder: HolderId, until: Timestamp) {
        self.refusals += 1;
        self.cooling = Some(until);
        self.release(holder);
    }

    fn release(&mut self, holder: HolderId) {
        self.opening = self.opening.filter(|(it, _)| *it != holder);
    }
}

#[async_trait]
impl Ledger for Memory {
    async fn open(&self, scope: &Scope, exchange: NewExchange) -> Result<ExchangeId, Refusal> {
        self.transaction(|rows| rows.open(scope, exchange)).await
    }

    async fn depart(&self, scope: &Scope, id: ExchangeId, lease: Option<LeaseProof>, now: Timestamp) -> Result<(), Refusal> {
        self.transaction(|rows| rows.depart(scope, id, lease, now)).await
    }

    async fn close(&self, scope: &Scope, id: ExchangeId, closing: Closing) -> Result<(), PortError> {
        self.transaction(|rows| rows.close(scope, id, closing)).await
    }

    async fn last(&self, scope: &Scope, operation: &str, subject: Option<&str>) -> Result<Option<ExchangeRecord>, PortError> {
        let topic = (scope.tenant(), operation.to_owned(), subject.map(str::to_owned));
        Ok(self.transaction(|rows| rows.last(&topic)).await)
    }

    async fn count(&self, scope: &Scope, operation: &str, subject: Option<&str>) -> Result<u32, PortError> {
        let topic = (scope.tenant(), operation.to_owned(), subject.map(str::to_owned));
        Ok(self.transaction(|rows| rows.count(&topic)).await)
    }

    async fn reclaim(
        &self,
        scope: &Scope,
        operation: &str,
        subject: &str,
        lease: Option<LeaseProof>,
        now: Timestamp,
    ) -> Result<Vec<ExchangeRecord>, Refusal> {
        let topic = (scope.tenant(), operation.to_owned(), Some(subject.to_owned()));
        self.transaction(|rows| {
            if !rows.holds(lease) {
                return Err(Refusal::LeaseLost);
            }
            let open = rows.find(|row| row.is_about(&topic) && row.record.closed.is_none());
            Ok(open.into_iter().map(|at| rows.abandon(at, now)).collect())
        })
        .await
    }

    async fn sweep(&self, scope: &Scope, opened_before: Timestamp, now: Timestamp) -> Result<Vec<ExchangeRecord>, PortError> {
        let tenant = scope.tenant();
        let output = self.transaction(|rows| {
            let old = rows.find(|row| row.tenant == tenant && row.record.closed.is_none() && row.record.opened < opened_before);
            let dead: Vec<usize> = old
                .into_iter()
                .filter(|at| rows.exchanges[*at].lease.is_none() || !rows.holds(rows.exchanges[*at].lease))
                .collect();
            dead.into_iter().map(|at| rows.abandon(at, now)).collect()
        });
        Ok(output.await)
    }
}

#[async_trait]
impl Sessions for Memory {
    async fn load(&self, scope: &Scope, slot: Slot) -> Result<Option<StoredSession>, PortError> {
        Ok(self.transaction(|rows| rows.session(scope, slot).session.clone()).await)
    }

    async fn claim(&self, scope: &Scope, slot: Slot, opening: Opening) -> Result<Claim, PortError> {
        Ok(self.transaction(|rows| rows.claim(scope, slot, opening)).await)
    }

    async fn store(
        &self,
        scope: &Scope,
        slot: Slot,
        holder: HolderId,
        sealed: Vec<u8>,
        expires: Timestamp,
    ) -> Result<Option<u64>, PortError> {
        Ok(self.transaction(|rows| rows.session(scope, slot).keep(holder, sealed, expires)).await)
    }

    async fn release(&self, scope: &Scope, slot: Slot, holder: HolderId) -> Result<(), PortError> {
        self.transaction(|rows| rows.session(scope, slot).release(holder)).await;
        Ok(())
    }

    async fn forget(&self, scope: &Scope, slot: Slot, generation: u64) -> Result<(), PortError> {
        self.transaction(|rows| {
            let row = rows.session(scope, slot);
            row.session = row.session.take().filter(|it| it.generation != generation);
        })
        .await;
        Ok(())
    }

    async fn cool(&self, scope: &Scope, slot: Slot, holder: HolderId, until: Timestamp) -> Result<(), PortError> {
        self.transaction(|rows| rows.session(scope, slot).cool(holder, until)).await;
        Ok(())
    }
}

#[async_trait]
impl Limits for Memory {
    async fn take(&self, key: &str, rate: Rate, now: Timestamp) -> Result<Take, PortError> {
        let output = self.transaction(|rows| {
            let (answer, stored) = limits::take(rows.buckets.get(key).copied(), rate, now.as_microsecond());
            rows.buckets.insert(key.to_owned(), stored);
            answer
        });
        Ok(output.await)
    }
}

#[async_trait]
impl Breakers for Memory {
    async fn permit(&self, key: &str, now: Timestamp) -> Result<Permit, PortError> {
        let output = self.transaction(|rows| {
            let row = rows.breakers.entry(key.to_owned()).or_default();
            let (answer, stored) = breaker::permit(*row, now);
            *row = stored;
            answer
        });
        Ok(output.await)
    }

    async fn record(&self, key: &str, observed: Observed, now: Timestamp) -> Result<(), PortError> {
        self.transaction(|rows| {
            let row = rows.breakers.entry(key.to_owned()).or_default();
            *row = breaker::record(*row, observed, now);
        })
        .await;
        Ok(())
    }
}

/// Seals nothing, but refuses another tenant's bytes or another label, as a real one would.
#[derive(Debug, Clone, Copy, Default)]
pub struct LabelSealer;

#[async_trait]
impl Sealer for LabelSealer {
    async fn seal(&self, scope: &Scope, label: &str, plain: &[u8]) -> Result<Vec<u8>, PortError> {
        Ok([format!("{} {label}\n", scope.tenant()).as_bytes(), plain].concat())
    }

    async fn open(&self, scope: &Scope, label: &str, sealed: &[u8]) -> Result<Secret, PortError> {
        let head = format!("{} {label}\n", scope.tenant());
        let plain = sealed.strip_prefix(head.as_bytes());
        plain.map(Secret::new).ok_or_else(|| PortError::new(Code::SealBroken, "sealed for another place"))
    }
}

/// The same number each time.
#[derive(Debug, Clone, Copy)]
pub struct FixedJitter(pub f64);

impl Jitter for FixedJitter {
    fn fraction(&self) -> f64 {
        self.0
    }
}

/// Pauses that take no time but tell how long they would have been, for instance to a fake clock.
/// Requests under way are never ended by it: whatever hangs, hangs.
pub struct TellingPause<F>(pub F);

#[async_trait]
impl<F: Fn(Duration) + Send + Sync> Pause for TellingPause<F> {
    async fn pause(&self, duration: Duration) {
        (self.0)(duration);
        yield_once().await;
    }

    async fn limit(&self, _: Duration) {
        std::future::pending().await
    }
}
