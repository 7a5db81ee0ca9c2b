//! The watch over the end of certificates: nobody is surprised by it.
//!
//! Once a day, and when the program starts, each tenant's credentials are looked through. At 90, 60, 30, 15,
//! 7 and 1 days before the end, and when it has come, one notice is made for a credential, ever; whoever
//! comes late is told of the nearest threshold alone. The notice, its entry in the chain and the job that
//! tells people commit together. A notice that nobody acknowledged escalates the next one: it goes to every
//! administrator. A person's own certificate is told to that person alone, if they want it.

pub mod model;
pub mod ports;
mod service;
mod sweep;
mod tell;

pub use service::{acknowledge, page};
pub use sweep::{SWEEP, summon, sweep, sweep_job};
pub use tell::TELL;

use crate::App;
use crate::jobs::{Handler, JobFailure};
use crate::model::ClaimedJob;
use async_trait::async_trait;
use fedatario_base::{Code, Scope};
use jiff::{SignedDuration, Timestamp};

/// How many days before the end a notice is made; 0 is the end itself.
pub const THRESHOLDS: [i64; 7] = [90, 60, 30, 15, 7, 1, 0];

/// The nearest threshold that a certificate has crossed; none while its end is far.
pub fn threshold(not_after: Timestamp, now: Timestamp) -> Option<i64> {
    let left = not_after.duration_since(now);
    let crossed = |days: &i64| match days {
        0 => left < SignedDuration::ZERO,
        days => left <= SignedDuration::from_hours(24 * days),
    };
    THRESHOLDS.into_iter().filter(crossed).min()
}

/// Does the jobs of the watch.
pub struct Watch {
    app: App,
}

impl Watch {
    /// Over the services of this process.
    pub fn new(app: App) -> Self {
        Self { app }
    }
}

#[async_trait]
impl Handler for Watch {
    fn kinds(&self) -> &'static [&'static str] {
        &[SWEEP, TELL]
    }

    async fn handle(&self, job: &ClaimedJob, scope: Scope) -> Result<(), JobFailure> {
        match job.kind.as_str() {
            SWEEP => sweep::handle(&self.app, job, &scope).await,
            TELL => tell::handle(&self.app, job, &scope).await,
            other => Err(JobFailure::Failed { code: Code::Internal, text: format!("{other} is no job of the watch") }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_threshold_counts() {
        let end: Timestamp = "2026-12-01T12:00:00Z".parse().unwrap();
        let hours = [
            (91 * 24, None),
            (90 * 24 + 1, None),
            (90 * 24, Some(90)),
            (60 * 24 + 1, Some(90)),
            (60 * 24, Some(60)),
            (20 * 24, Some(30)),
            (15 * 24, Some(15)),
            (8 * 24, Some(15)),
            (7 * 24, Some(7)),
            (25, Some(7)),
            (24, Some(1)),
            (0, Some(1)),
            (-1, Some(0)),
            (-9_000, Some(0)),
        ];
        for (before, expected) in hours {
            assert_eq!(threshold(end, end - SignedDuration::from_hours(before)), expected, "{before} h before");
        }
        fedatario_testkit::covers!("expiry: notices are made at 90, 60, 30, 15, 7 and 1 days before the end, and at the end");
    }
}
