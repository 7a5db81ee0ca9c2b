//! How a failed job is tried again, and when it is given up.

use crate::error::AppError;
use crate::ports::{CallError, StoreError};
use fedatario_base::Code;
use fedatario_upstream::{Fault, Why};
use std::time::Duration;

/// A job that failed this often is kept for a person.
pub const FAILURES_AT_MOST: u32 = 8;
/// A job whose worker was gone this often in a row, before it ended and without giving it back, is
/// kept for a person too: work that takes its worker down must not do so for ever. Far above what
/// restarts and power cuts can do to one job, since each time that it is given back counts anew.
pub const LAPSES_AT_MOST: u32 = 20;
/// A job whose worker was gone this often in a row is held alone from then on: by a worker that holds
/// nothing else and takes nothing beside it. Whatever merely shared a process with the work that takes
/// it down then ends by itself, and only that work comes to [`LAPSES_AT_MOST`].
pub const SUSPECT_AFTER: u32 = 3;
/// The first delay after a failure.
pub const BACKOFF_FIRST: Duration = Duration::from_secs(1);
/// No delay is longer.
pub const BACKOFF_LAST: Duration = Duration::from_secs(3600);
/// The longest that a job is put off, whatever stands in its way, unless the authority itself asked
/// for longer: what is in the way may be gone sooner than it says (another certificate is uploaded, a
/// probe succeeds), and looking costs a row.
pub const LATER_AT_MOST: Duration = Duration::from_secs(5 * 60);
/// The longest that a job leaves an open breaker alone: it closes for all with the first probe that
/// is answered.
pub const BREAKER_LOOK: Duration = Duration::from_secs(30);
/// A lease, unless a heartbeat extends it.
pub const LEASE: Duration = Duration::from_secs(60);
/// How often a worker extends what it holds.
pub const HEARTBEAT: Duration = Duration::from_secs(20);

/// Why a handler did not end its job.
#[derive(Debug)]
pub enum JobFailure {
    /// Not a failure: to be done again after a while.
    Later {
        /// How long to wait.
        after: Duration,
        /// Why, for whoever looks at the job.
        why: String,
    },
    /// Tried, and failed.
    Failed {
        /// What went wrong.
        code: Code,
        /// In words.
        text: String,
    },
    /// Another worker has it now; nothing was written.
    LeaseLost,
}

impl From<StoreError> for JobFailure {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::LeaseLost => JobFailure::LeaseLost,
            other => JobFailure::Failed { code: other.code(), text: other.to_string() },
        }
    }
}

impl From<AppError> for JobFailure {
    fn from(error: AppError) -> Self {
        match error {
            AppError::Store(error) => error.into(),
            AppError::Call(CallError::LeaseLost) => JobFailure::LeaseLost,
            AppError::Call(CallError::Later { after, why }) => {
                JobFailure::Later { after: put_off(after, &why), why: format!("{why:?}") }
            }
            other => JobFailure::Failed { code: other.code(), text: other.to_string() },
        }
    }
}

/// How long a job is put off by a call that names `after`.
fn put_off(after: Duration, why: &Why) -> Duration {
    match why {
        Why::Fault(Fault::Throttled { .. }) => after,
        Why::Breaker => after.min(BREAKER_LOOK),
        Why::Fault(_) | Why::Bucket | Why::Cooling | Why::Login => after.min(LATER_AT_MOST),
    }
}

/// The delay after the n-th failure (from 1): doubling, bounded, with up to a quarter of jitter.
/// `random` is uniform in 0..1.
pub fn backoff(failures: u32, random: f64) -> Duration {
    let doubled = BACKOFF_FIRST.saturating_mul(1u32 << failures.saturating_sub(1).min(20));
    let bounded = doubled.min(BACKOFF_LAST);
    bounded.mul_f64(1.0 - 0.25 * random.clamp(0.0, 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_looks_again_at_an_open_breaker_before_long() {
        let minutes = |it: u64| Duration::from_secs(60 * it);
        let throttled = || Why::Fault(Fault::Throttled { after: minutes(60), notice: None });
        let cases = [
            (Why::Breaker, minutes(10), BREAKER_LOOK),
            (Why::Breaker, Duration::from_secs(2), Duration::from_secs(2)),
            (Why::Cooling, minutes(60), LATER_AT_MOST),
            (Why::Cooling, minutes(1), minutes(1)),
            (Why::Fault(Fault::Unanswered("".into())), minutes(60), LATER_AT_MOST),
            (throttled(), minutes(60), minutes(60)),
        ];
        for (why, asked, expected) in cases {
            let error = AppError::Call(CallError::Later { after: asked, why: why.clone() });
            let JobFailure::Later { after, .. } = JobFailure::from(error) else { panic!("put off, not failed") };
            assert_eq!(after, expected, "{why:?} {asked:?}");
        }
        fedatario_testkit::covers!("jobs: none is put off for long, unless the authority itself asked for it");
        fedatario_testkit::covers!("jobs: one that met an open breaker comes back soon after it closed");
    }

    #[test]
    fn backoff_doubles_is_bounded_and_jitters_downwards() {
        let seconds: Vec<u64> = (1..=14).map(|n| backoff(n, 0.0).as_secs()).collect();
        assert_eq!(seconds, [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 3600, 3600]);
        assert_eq!(backoff(3, 1.0), Duration::from_secs(3));
        assert!(backoff(u32::MAX, 0.5) <= BACKOFF_LAST);
        fedatario_testkit::covers!("jobs: retried with backoff and jitter");
    }
}
