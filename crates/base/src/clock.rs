//! Time, as a parameter: nothing else in the workspace reads a clock.
//!
//! There are two readings. `wall` is what every other machine agrees on: WS-Security stamps, the
//! validity of tokens and certificates, leases, audit times, ids. `service` is `wall` plus an
//! offset: windows, the six years, the running year, due dates of jobs. The offset is zero in
//! production and lets a demo live in "15 January of the following year".

use jiff::{SignedDuration, Timestamp};

/// The two readings of time. Implementations are cheap to call.
pub trait Clock: Send + Sync + std::fmt::Debug {
    /// Civil reality: what a peer on the network would also read.
    fn wall(&self) -> Timestamp;

    /// `wall` plus this installation's offset.
    fn service(&self) -> Timestamp;
}

/// The machine's clock, with a fixed offset for the service reading.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock {
    offset: SignedDuration,
}

impl SystemClock {
    /// A clock whose service reading runs `offset` ahead of the wall.
    pub fn with_offset(offset: SignedDuration) -> Self {
        Self { offset }
    }

    /// How far the service reading runs ahead.
    pub fn offset(&self) -> SignedDuration {
        self.offset
    }
}

impl Clock for SystemClock {
    fn wall(&self) -> Timestamp {
        Timestamp::now()
    }

    fn service(&self) -> Timestamp {
        self.wall().saturating_add(self.offset).unwrap_or(Timestamp::MAX)
    }
}

/// Milliseconds since 1970, the form in which every instant is stored in SQL.
pub fn to_millis(at: Timestamp) -> i64 {
    at.as_millisecond()
}

/// The instant of stored milliseconds; out-of-range values are clamped, never a panic.
pub fn from_millis(millis: i64) -> Timestamp {
    Timestamp::from_millisecond(millis).unwrap_or(if millis < 0 { Timestamp::MIN } else { Timestamp::MAX })
}
