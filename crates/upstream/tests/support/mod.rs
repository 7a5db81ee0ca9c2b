//! An authority that does as it is told, and an engine around it in virtual time.
//!
//! Tokio's paused time moves when everybody waits, and [`VirtualClock`] is the fake clock plus that. So
//! timeouts, backoff and lapsing rights happen for real, in no time at all.
#![allow(dead_code, reason = "each test file uses its part")]

use async_trait::async_trait;
use fedatario_base::id::{CredentialId, TenantId};
use fedatario_base::{Clock, Scope, Secret};
use fedatario_testkit::FakeClock;
use fedatario_upstream::memory::{FixedJitter, Memory};
use fedatario_upstream::ports::{Outcome, Pause};
use fedatario_upstream::{
    Account, Authority, Call, CallError, Done, Effects, Fault, Lease, Notice, Operation, Rate, Rates, Reply, Upstream,
};
use jiff::{SignedDuration, Timestamp};
use std::collections::VecDeque;
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// How long a session of the test authority lives.
pub const SESSION_LIFE: SignedDuration = SignedDuration::from_mins(10);

/// What one request meets.
#[derive(Debug, Clone)]
pub enum Meets {
    Good,
    Fault(Fault),
    /// Accepts it, and is never heard of again.
    Silence,
    /// Takes this long over a good answer.
    Slow(Duration),
}

/// A queue of what comes next; good when it is empty, unless `forever` is set.
#[derive(Debug, Default)]
pub struct Script {
    next: Mutex<VecDeque<Meets>>,
    forever: Mutex<Option<Meets>>,
    pub asked: AtomicU32,
}

impl Script {
    pub fn then(&self, meets: Meets) {
        self.next.lock().unwrap().push_back(meets);
    }

    pub fn always(&self, meets: Option<Meets>) {
        *self.forever.lock().unwrap() = meets;
    }

    pub fn asked(&self) -> u32 {
        self.asked.load(SeqCst)
    }

    pub async fn ask(&self) -> Result<u32, Fault> {
        let number = self.asked.fetch_add(1, SeqCst) + 1;
        let next = self.next.lock().unwrap().pop_front();
        let meets = next.or_else(|| self.forever.lock().unwrap().clone()).unwrap_or(Meets::Good);
        tokio::task::yield_now().await;
        match meets {
            Meets::Good => Ok(number),
            Meets::Fault(fault) => Err(fault),
            Meets::Silence => std::future::pending().await,
            Meets::Slow(duration) => {
                tokio::time::sleep(duration).await;
                Ok(number)
            }
        }
    }
}

type Hook = Box<dyn Fn() + Send + Sync>;

#[derive(Default)]
pub struct Sim {
    pub logins: Script,
    pub sends: Script,
    /// The `prior` of each login.
    pub priors: Mutex<Vec<Option<u32>>>,
    /// The session of each request.
    pub used: Mutex<Vec<u32>>,
    /// Runs inside each login.
    pub while_opening: Mutex<Option<Hook>>,
}

pub struct TestAuthority {
    sim: Arc<Sim>,
    clock: Arc<VirtualClock>,
}

impl Authority for TestAuthority {
    type Credential = ();
    type Session = u32;

    fn name(&self) -> &'static str {
        "test.line"
    }

    async fn open(&self, _: &(), prior: Option<&u32>) -> Result<Lease<u32>, Fault> {
        self.sim.priors.lock().unwrap().push(prior.copied());
        if let Some(hook) = self.sim.while_opening.lock().unwrap().as_ref() {
            hook();
        }
        let session = self.sim.logins.ask().await?;
        Ok(Lease { session, expires: self.clock.wall() + SESSION_LIFE })
    }

    fn freeze(&self, session: &u32) -> Secret {
        Secret::new(session.to_string())
    }

    fn thaw(&self, frozen: &[u8]) -> Option<u32> {
        std::str::from_utf8(frozen).ok()?.parse().ok()
    }
}

/// The fake clock, which moves when told, plus what has been waited.
#[derive(Debug)]
pub struct VirtualClock {
    told: FakeClock,
    started: tokio::time::Instant,
}

impl VirtualClock {
    pub fn advance(&self, by: SignedDuration) {
        self.told.advance(by);
    }
}

impl Clock for VirtualClock {
    fn wall(&self) -> Timestamp {
        self.told.wall() + self.started.elapsed()
    }

    fn service(&self) -> Timestamp {
        self.wall()
    }
}

pub struct VirtualPause;

#[async_trait]
impl Pause for VirtualPause {
    async fn pause(&self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }
}

pub struct Bench {
    pub clock: Arc<VirtualClock>,
    pub sim: Arc<Sim>,
    pub memory: Arc<Memory>,
    pub upstream: Arc<Upstream<TestAuthority>>,
    pub account: Account<()>,
    pub rates: Rates,
}

/// So much that buckets do not matter.
pub const PLENTY: Rates =
    Rates { credential: Rate { per_minute: 60_000, burst: 10_000 }, authority: Rate { per_minute: 60_000, burst: 10_000 } };

pub fn bench() -> Bench {
    bench_at(PLENTY)
}

pub fn bench_at(rates: Rates) -> Bench {
    let clock = Arc::new(VirtualClock { told: FakeClock::at("2026-09-01T12:00:00Z"), started: tokio::time::Instant::now() });
    let (sim, memory) = (Arc::<Sim>::default(), Memory::new());
    let upstream = engine(&clock, &sim, &memory, rates);
    let account = account(&clock);
    Bench { clock, sim, memory, upstream, account, rates }
}

pub fn account(clock: &VirtualClock) -> Account<()> {
    let now = clock.wall();
    Account { id: CredentialId::fresh(now), scope: Scope::shell(TenantId::fresh(now), 1000), credential: () }
}

fn engine(clock: &Arc<VirtualClock>, sim: &Arc<Sim>, memory: &Arc<Memory>, rates: Rates) -> Arc<Upstream<TestAuthority>> {
    let ports = memory.ports(Arc::new(VirtualPause), clock.clone(), Arc::new(FixedJitter(0.0)));
    Arc::new(Upstream::new(TestAuthority { sim: sim.clone(), clock: clock.clone() }, rates, ports))
}

impl Bench {
    /// Another process over the same rows.
    pub fn another(&self) -> Arc<Upstream<TestAuthority>> {
        engine(&self.clock, &self.sim, &self.memory, self.rates)
    }

    pub async fn call(&self, call: &Call<'_>) -> Result<Done<u32>, CallError> {
        self.call_on(&self.upstream, call).await
    }

    pub async fn call_on(&self, upstream: &Upstream<TestAuthority>, call: &Call<'_>) -> Result<Done<u32>, CallError> {
        self.call_as(upstream, &self.account, call).await
    }

    pub async fn call_as(
        &self,
        upstream: &Upstream<TestAuthority>,
        account: &Account<()>,
        call: &Call<'_>,
    ) -> Result<Done<u32>, CallError> {
        let sim = &self.sim;
        let send = |session, _| async move {
            sim.used.lock().unwrap().push(session);
            sim.sends.ask().await.map(|number| Reply::new(number, [7; 32], 4))
        };
        upstream.call(account, call, send).await
    }

    /// How the exchanges of an operation ended, oldest first.
    pub fn outcomes(&self, operation: &str) -> Vec<Option<Outcome>> {
        let all = self.memory.exchanges(&self.account.scope);
        all.into_iter().filter(|it| it.operation == operation).map(|it| it.outcome).collect()
    }

    pub fn advance(&self, seconds: i64) {
        self.clock.advance(SignedDuration::from_secs(seconds));
    }

    pub fn since(&self, start: Timestamp) -> Duration {
        Duration::try_from(self.clock.wall().duration_since(start)).unwrap()
    }
}

pub fn operation(effects: Effects) -> Operation {
    Operation { name: "test.do", effects, timeout: Duration::from_secs(20), attempts_at_most: None }
}

/// A call about one subject whose caller has ten minutes.
pub fn about<'a>(operation: &'a Operation, subject: &str) -> Call<'a> {
    Call {
        operation,
        subject: Some(subject.to_owned()),
        lease: None,
        request_digest: [1; 32],
        request_size: 10,
        deadline: Duration::from_secs(600),
    }
}

pub fn notice() -> Notice {
    Notice::new("305", "Certificado Inválido")
}

pub const FAULTS: [&str; 5] = ["SessionRefused", "Throttled", "Unreachable", "Unanswered", "Rejected"];

pub fn fault(name: &str) -> Fault {
    match name {
        "SessionRefused" => Fault::SessionRefused(notice()),
        "Throttled" => Fault::Throttled { after: Duration::from_secs(2), notice: None },
        "Unreachable" => Fault::Unreachable("connection refused".into()),
        "Unanswered" => Fault::Unanswered("cut after the request".into()),
        "Rejected" => Fault::Rejected(notice()),
        other => panic!("no fault {other}"),
    }
}
