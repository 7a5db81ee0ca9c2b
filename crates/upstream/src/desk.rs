//! Doors that serve anybody: no session, no effect, no record of each call.
//!
//! Lists, certificates and the status of one document are public, and a firm asks for them by the
//! hundred thousand: a row and an audit entry for each would bury the chain. What remains of the
//! engine is what protects the other side: the breaker and the bucket are rows, so that all
//! processes share one pace, and a fault is waited out, within bounds. Everything asked at a
//! [`Desk`] may be repeated freely. Who asked what, and why, is the caller's to record.

use crate::backoff::delay;
use crate::breaker::{Observed, Permit, after, between};
use crate::call::{Ports, SENDS_AT_MOST};
use crate::fault::{CallError, Fault, PortError, Why};
use crate::limits::{Rate, Take};
use futures_util::future::{Either, select};
use jiff::Timestamp;
use std::pin::pin;
use std::time::Duration;

/// How often a whole call asks the breaker or its bucket before it is given back: each time it was
/// told to wait and did, so that this only ends a crowd that starves one of its own.
const TURNS_AT_MOST: u32 = 1_000;

/// A public door of an authority. Cheap to make; one for each door.
#[derive(Clone)]
pub struct Desk {
    name: &'static str,
    rate: Rate,
    ports: Ports,
}

impl Desk {
    /// A door of this permanent name (the key of its breaker and its bucket), asked at this rate.
    pub fn new(name: &'static str, rate: Rate, ports: Ports) -> Self {
        Self { name, rate, ports }
    }

    /// Asks, again where that may help, and waits at most `patience` in all. `send` may be run
    /// several times, never twice at once; each time it has `timeout`.
    ///
    /// [`CallError::Later`] when the waiting would exceed the patience, [`CallError::Fault`] when
    /// they said no.
    pub async fn ask<T, F, Fut>(&self, timeout: Duration, patience: Duration, send: F) -> Result<T, CallError>
    where
        F: Fn() -> Fut,
        Fut: Future<Output = Result<T, Fault>>,
    {
        let until = after(self.now(), patience);
        let mut sends = 0;
        loop {
            let permit = self.admitted(until).await?;
            if let Err(error) = self.token(until).await {
                self.give_back(permit).await?;
                return Err(error);
            }
            let answer = self.timed(send(), timeout).await;
            let ill = answer.as_ref().is_err_and(Fault::is_outage);
            self.record(if ill { Observed::Outage } else { Observed::Alive }).await?;
            match answer {
                Ok(value) => return Ok(value),
                Err(fault @ (Fault::Rejected(_) | Fault::SessionRefused(_))) => return Err(CallError::Fault(fault)),
                Err(fault) => {
                    sends += 1;
                    self.again(fault, sends, until).await?;
                }
            }
        }
    }

    /// Passes the breaker, however long that takes within the patience.
    async fn admitted(&self, until: Timestamp) -> Result<Permit, CallError> {
        for _ in 0..TURNS_AT_MOST {
            match self.ports.breakers.permit(self.name, self.now()).await? {
                Permit::Wait(wait) => self.wait(wait, Why::Breaker, until).await?,
                granted => return Ok(granted),
            }
        }
        Err(CallError::Later { after: crate::breaker::PROBE_LOOK, why: Why::Breaker })
    }

    async fn token(&self, until: Timestamp) -> Result<(), CallError> {
        for _ in 0..TURNS_AT_MOST {
            match self.ports.limits.take(self.name, self.rate, self.now()).await? {
                Take::Taken => return Ok(()),
                Take::Wait(wait) => self.wait(wait, Why::Bucket, until).await?,
            }
        }
        Err(CallError::Later { after: crate::breaker::PROBE_LOOK, why: Why::Bucket })
    }

    /// A probe of which nothing came is somebody else's.
    async fn give_back(&self, permit: Permit) -> Result<(), PortError> {
        if permit == Permit::Probe { self.record(Observed::Nothing).await } else { Ok(()) }
    }

    async fn again(&self, fault: Fault, sends: u32, until: Timestamp) -> Result<(), CallError> {
        let after = match &fault {
            Fault::Throttled { after, .. } => *after,
            _ => delay(sends, self.ports.jitter.as_ref()),
        };
        let why = Why::Fault(fault);
        if sends >= SENDS_AT_MOST {
            return Err(CallError::Later { after, why });
        }
        self.wait(after, why, until).await
    }

    async fn wait(&self, wait: Duration, why: Why, until: Timestamp) -> Result<(), CallError> {
        if wait > between(self.now(), until) {
            return Err(CallError::Later { after: wait, why });
        }
        self.ports.pause.pause(wait).await;
        Ok(())
    }

    async fn timed<O>(&self, future: impl Future<Output = Result<O, Fault>>, limit: Duration) -> Result<O, Fault> {
        let answer = match select(pin!(future), self.ports.pause.limit(limit)).await {
            Either::Left((output, _)) => output,
            Either::Right(_) => Err(Fault::Unanswered(format!("no answer within {limit:?}"))),
        };
        answer.map_err(Fault::bounded)
    }

    async fn record(&self, observed: Observed) -> Result<(), PortError> {
        self.ports.breakers.record(self.name, observed, self.now()).await
    }

    fn now(&self) -> Timestamp {
        self.ports.clock.wall()
    }
}
