//! The circuit breaker of an authority: closed, open, half-open.
//!
//! Pure decisions on a small state that the ports keep in one row per authority; each port method
//! reads the row, decides here and writes it in one transaction. Only outages count
//! ([`crate::Fault::is_outage`]): an authority that says no is alive.

use crate::backoff::doubled;
use fedatario_base::clock::{from_millis, to_millis};
use jiff::Timestamp;
use std::time::Duration;

/// Outages in a row that open the breaker.
pub const OPENS_AFTER: u32 = 8;

/// How long it stays open the first time.
pub const OPEN_FIRST: Duration = Duration::from_secs(30);

/// How long it stays open at most, however often the probe fails: an authority that is back is
/// found within five minutes.
pub const OPEN_MOST: Duration = Duration::from_secs(5 * 60);

/// How long one probe is believed to be under way: a slow login with a good part of the operation
/// after it. One that takes longer, or whose process died, is joined by another probe; a second
/// request costs an ailing authority little, and a dead process must not keep everybody out.
pub const PROBE_LIFE: Duration = Duration::from_secs(90);

/// How long the others wait before they ask again whether the probe came back: most are answered in
/// seconds, and then everybody may pass.
pub const PROBE_LOOK: Duration = Duration::from_secs(3);

/// The state of one authority's breaker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Requests pass.
    Closed {
        /// Outages since the last answer.
        failures: u32,
    },
    /// Requests are refused.
    Open {
        /// When a probe may pass, wall.
        until: Timestamp,
        /// How often in a row it has opened.
        trips: u32,
    },
    /// One probe is under way.
    HalfOpen {
        /// When another probe may pass, wall.
        until: Timestamp,
        /// How often in a row it has opened.
        trips: u32,
    },
}

impl Default for State {
    fn default() -> Self {
        State::Closed { failures: 0 }
    }
}

impl State {
    /// The row: kind (0 closed, 1 open, 2 half-open), count, milliseconds (0 when closed).
    pub fn to_row(self) -> (i64, i64, i64) {
        match self {
            State::Closed { failures } => (0, failures.into(), 0),
            State::Open { until, trips } => (1, trips.into(), to_millis(until)),
            State::HalfOpen { until, trips } => (2, trips.into(), to_millis(until)),
        }
    }

    /// The state of a row. An unknown kind is closed: a breaker protects, it does not testify.
    pub fn from_row((kind, count, millis): (i64, i64, i64)) -> Self {
        let count = u32::try_from(count).unwrap_or(0);
        match kind {
            1 => State::Open { until: from_millis(millis), trips: count },
            2 => State::HalfOpen { until: from_millis(millis), trips: count },
            _ => State::Closed { failures: count },
        }
    }
}

/// What the breaker says to a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Permit {
    /// It may pass.
    Pass,
    /// It may pass as the one probe; whoever gets this must record an [`Observed`].
    Probe,
    /// It may not, for this long.
    Wait(Duration),
}

/// What became of a request that was let pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Observed {
    /// The authority answered, be it no.
    Alive,
    /// It could not be reached or gave no answer.
    Outage,
    /// The request was not sent after all; a probe is given back.
    Nothing,
}

/// Asks for permission at `now`; the second value is what to store.
pub fn permit(state: State, now: Timestamp) -> (Permit, State) {
    match state {
        State::Closed { .. } => (Permit::Pass, state),
        State::Open { until, .. } if now < until => (Permit::Wait(between(now, until)), state),
        State::HalfOpen { until, .. } if now < until => (Permit::Wait(between(now, until).min(PROBE_LOOK)), state),
        State::Open { trips, .. } | State::HalfOpen { trips, .. } => {
            (Permit::Probe, State::HalfOpen { until: after(now, PROBE_LIFE), trips })
        }
    }
}

/// The state after an observation at `now`. A straggler's result does not move an open breaker.
pub fn record(state: State, observed: Observed, now: Timestamp) -> State {
    match (state, observed) {
        (State::Closed { .. } | State::HalfOpen { .. }, Observed::Alive) => State::default(),
        (State::Closed { failures }, Observed::Outage) if failures.saturating_add(1) < OPENS_AFTER => {
            State::Closed { failures: failures + 1 }
        }
        (State::Closed { .. }, Observed::Outage) => opened(0, now),
        (State::HalfOpen { trips, .. }, Observed::Outage) => opened(trips, now),
        (State::HalfOpen { trips, .. }, Observed::Nothing) => State::Open { until: now, trips },
        (State::Closed { .. }, Observed::Nothing) | (State::Open { .. }, _) => state,
    }
}

fn opened(trips: u32, now: Timestamp) -> State {
    State::Open { until: after(now, doubled(OPEN_FIRST, trips, OPEN_MOST)), trips: trips.saturating_add(1) }
}

/// `now + by`, clamped to what a timestamp can hold.
pub(crate) fn after(now: Timestamp, by: Duration) -> Timestamp {
    now.checked_add(by).unwrap_or(Timestamp::MAX)
}

/// From `now` to `until`, zero when that is past.
pub(crate) fn between(now: Timestamp, until: Timestamp) -> Duration {
    Duration::try_from(until.duration_since(now)).unwrap_or(Duration::ZERO)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).unwrap()
    }

    #[test]
    fn it_opens_lets_one_probe_through_and_closes_again() {
        let wait = |seconds| Permit::Wait(Duration::from_secs(seconds));
        let mut state = State::default();
        for failure in 1..OPENS_AFTER {
            state = record(state, Observed::Outage, at(0));
            assert_eq!(permit(state, at(0)).0, Permit::Pass, "after {failure}");
        }
        state = record(state, Observed::Outage, at(0));
        assert_eq!(permit(state, at(0)).0, wait(30));
        assert_eq!(permit(state, at(29)).0, wait(1));
        let (probe, half) = permit(state, at(30));
        assert_eq!(probe, Permit::Probe);
        assert_eq!(permit(half, at(30)).0, wait(3), "one probe at a time, and a look at it before long");
        assert_eq!(permit(half, at(118)).0, wait(2));
        let (second, still_half) = permit(half, at(120));
        assert_eq!(second, Permit::Probe, "a probe that nobody hears of is replaced");
        assert_eq!(permit(still_half, at(121)).0, wait(3), "by one");
        assert_eq!(record(still_half, Observed::Alive, at(121)), State::default(), "either of them closes it");
        assert_eq!(permit(record(half, Observed::Nothing, at(31)), at(31)).0, Permit::Probe, "a probe given back");
        assert_eq!(record(half, Observed::Alive, at(31)), State::default());
        fedatario_testkit::covers!("upstream: the breaker's sequence closed, open, half-open is exact");
    }

    #[test]
    fn failed_probes_keep_it_open_longer_up_to_the_cap() {
        let mut state = opened(0, at(0));
        let mut now = 0;
        for expected in [30, 60, 120, 240, 300, 300, 300] {
            let State::Open { until, .. } = state else { panic!("{state:?}") };
            assert_eq!(until, at(now + expected));
            now += expected;
            let (probe, half) = permit(state, at(now));
            assert_eq!(probe, Permit::Probe);
            state = record(half, Observed::Outage, at(now));
        }
    }

    #[test]
    fn an_answer_forgets_failures_and_stragglers_do_not_move_an_open_breaker() {
        let almost = State::Closed { failures: OPENS_AFTER - 1 };
        assert_eq!(record(almost, Observed::Alive, at(0)), State::default());
        let open = opened(2, at(0));
        for observed in [Observed::Alive, Observed::Outage, Observed::Nothing] {
            assert_eq!(record(open, observed, at(1)), open);
        }
    }

    #[test]
    fn rows_round_trip_and_unknown_kinds_are_closed() {
        for state in [State::Closed { failures: 3 }, opened(1, at(5)), permit(opened(1, at(5)), at(500)).1] {
            assert_eq!(State::from_row(state.to_row()), state);
        }
        assert_eq!(State::from_row((9, -4, 7)), State::default());
    }
}
