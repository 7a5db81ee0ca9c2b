//! How long to leave an authority alone after it could not be reached.
//!
//! Exponential, bounded, and half of it random, so that a crowd which failed together does not come
//! back together. Pure: the randomness is a parameter.

use std::time::Duration;

/// The first delay.
pub const BACKOFF_BASE: Duration = Duration::from_millis(500);

/// The longest delay between two sends of one call.
pub const BACKOFF_CAP: Duration = Duration::from_secs(60);

/// Where randomness comes from.
pub trait Jitter: Send + Sync {
    /// A number from 0 (inclusive) to 1 (exclusive).
    fn fraction(&self) -> f64;
}

/// The thread's random source.
#[derive(Debug, Clone, Copy, Default)]
pub struct RandomJitter;

impl Jitter for RandomJitter {
    fn fraction(&self) -> f64 {
        rand::random()
    }
}

/// The delay after `failures` failed sends (at least one): between half of the doubled base and all of it.
pub fn delay(failures: u32, jitter: &dyn Jitter) -> Duration {
    let whole = doubled(BACKOFF_BASE, failures.saturating_sub(1), BACKOFF_CAP);
    whole.mul_f64(0.5 + jitter.fraction().clamp(0.0, 1.0) / 2.0)
}

/// `base` doubled `times` times, never above `cap`.
pub(crate) fn doubled(base: Duration, times: u32, cap: Duration) -> Duration {
    base.saturating_mul(2u32.saturating_pow(times.min(31))).min(cap)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::FixedJitter;

    #[test]
    fn delays_double_stay_bounded_and_follow_the_jitter_alone() {
        let rows: [(u32, u64, u64); 6] =
            [(0, 250, 500), (1, 250, 500), (2, 500, 1_000), (5, 4_000, 8_000), (8, 30_000, 60_000), (u32::MAX, 30_000, 60_000)];
        for (failures, least, most) in rows {
            assert_eq!(delay(failures, &FixedJitter(0.0)), Duration::from_millis(least), "{failures}");
            assert_eq!(delay(failures, &FixedJitter(1.0)), Duration::from_millis(most), "{failures}");
            let half = delay(failures, &FixedJitter(0.5));
            assert_eq!(half, Duration::from_millis((least + most) / 2), "{failures}");
            assert_eq!(half, delay(failures, &FixedJitter(0.5)));
        }
        fedatario_testkit::covers!("upstream: backoff is exponential, bounded, and deterministic in its jitter");
    }

    #[test]
    fn the_random_source_stays_in_its_range() {
        let seen: Vec<f64> = (0..1_000).map(|_| RandomJitter.fraction()).collect();
        assert!(seen.iter().all(|it| (0.0..1.0).contains(it)));
        assert!(seen.iter().any(|it| *it != seen[0]));
    }
}
