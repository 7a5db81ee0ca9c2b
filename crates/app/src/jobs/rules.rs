//! How a failed job is tried again, and when it is given up.

use crate::error::AppError;
use crate::ports::{CallError, StoreError};
use fedatario_base::Code;
use std::time::Duration;

/// A job that failed this often is kept for a person.
pub const FAILURES_AT_MOST: u32 = 8;
/// The first delay after a failure.
pub const BACKOFF_FIRST: Duration = Duration::from_secs(1);
/// No delay is longer.
pub const BACKOFF_LAST: Duration = Duration::from_secs(3600);
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
            AppError::Call(CallError::Later { after, why }) => JobFailure::Later { after, why: format!("{why:?}") },
            other => JobFailure::Failed { code: other.code(), text: other.to_string() },
        }
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
    fn backoff_doubles_is_bounded_and_jitters_downwards() {
        let seconds: Vec<u64> = (1..=14).map(|n| backoff(n, 0.0).as_secs()).collect();
        assert_eq!(seconds, [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 3600, 3600]);
        assert_eq!(backoff(3, 1.0), Duration::from_secs(3));
        assert!(backoff(u32::MAX, 0.5) <= BACKOFF_LAST);
        fedatario_testkit::covers!("jobs: retried with backoff and jitter");
    }
}
