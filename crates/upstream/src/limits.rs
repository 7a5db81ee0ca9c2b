//! Token buckets, as arithmetic on one stored number.
//!
//! The form is the generic cell rate algorithm: a row keeps the instant at which its bucket would be
//! full again, so that a bucket is one integer and an idle one needs no row. Pure; the ports
//! keep the integer and call [`take`] inside their transaction.

use std::time::Duration;

/// A refill rate and a depth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// Tokens that come back in a minute; none at all is treated as one.
    pub per_minute: u32,
    /// Tokens that may be taken at once; none at all is treated as one.
    pub burst: u32,
}

/// What one authority lets us do, by credential and in all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rates {
    /// For each credential.
    pub credential: Rate,
    /// For all credentials together.
    pub authority: Rate,
}

impl Default for Rates {
    /// Gentle to services that publish no limits: two a second for one credential, ten in all.
    fn default() -> Self {
        Self { credential: Rate { per_minute: 120, burst: 10 }, authority: Rate { per_minute: 600, burst: 50 } }
    }
}

impl Rate {
    fn interval_micros(self) -> i64 {
        60_000_000 / i64::from(self.per_minute.max(1))
    }
}

/// What a bucket says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Take {
    /// A token was taken.
    Taken,
    /// None is left; the next comes back after this long.
    Wait(Duration),
}

/// Takes a token at `now` from a bucket that is full again at `full_at` (both microseconds since
/// 1970, `None` for one never used). The second value is what to store; it is unchanged by a wait.
pub fn take(full_at: Option<i64>, rate: Rate, now: i64) -> (Take, i64) {
    let interval = rate.interval_micros();
    let from = full_at.unwrap_or(now).max(now);
    let room = interval.saturating_mul(i64::from(rate.burst.max(1)) - 1);
    let early = from.saturating_sub(now).saturating_sub(room);
    if early > 0 {
        return (Take::Wait(Duration::from_micros(early.unsigned_abs())), from);
    }
    (Take::Taken, from.saturating_add(interval))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_empties_refills_and_never_overflows() {
        let rate = Rate { per_minute: 60, burst: 3 };
        // (microseconds, what the bucket says)
        let wait = |ms| Take::Wait(Duration::from_millis(ms));
        let rows = [
            (0, Take::Taken),
            (0, Take::Taken),
            (0, Take::Taken),
            (0, wait(1_000)),
            (400_000, wait(600)),
            (1_000_000, Take::Taken),
            (1_000_000, wait(1_000)),
            (60_000_000, Take::Taken),
            (60_000_000, Take::Taken),
            (60_000_000, Take::Taken),
            (60_000_000, wait(1_000)),
        ];
        let mut stored = None;
        for (step, (now, expected)) in rows.into_iter().enumerate() {
            let (answer, next) = take(stored, rate, now);
            assert_eq!(answer, expected, "step {step}");
            stored = Some(next);
        }
        fedatario_testkit::covers!("upstream: the token bucket's sequence is exact");
    }

    #[test]
    fn absurd_rates_and_rows_do_not_panic() {
        let rates = [Rate { per_minute: 0, burst: 0 }, Rate { per_minute: u32::MAX, burst: u32::MAX }];
        for rate in rates {
            for stored in [None, Some(i64::MIN), Some(i64::MAX)] {
                for now in [i64::MIN, 0, i64::MAX] {
                    let (answer, next) = take(stored, rate, now);
                    assert!(next >= now, "{rate:?} {stored:?} {now} {answer:?}");
                }
            }
        }
    }
}
