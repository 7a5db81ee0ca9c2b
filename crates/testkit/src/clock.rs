//! A clock that moves only when told.

use fedatario_base::Clock;
use jiff::{SignedDuration, Timestamp};
use std::sync::Mutex;

/// Both readings start at one instant; `advance` moves them together, `offset` sets them apart.
#[derive(Debug)]
pub struct FakeClock(Mutex<(Timestamp, SignedDuration)>);

impl FakeClock {
    /// A clock standing at an RFC 3339 instant, as `2026-09-01T12:00:00Z`.
    pub fn at(text: &str) -> Self {
        Self(Mutex::new((text.parse().expect("an RFC 3339 instant"), SignedDuration::ZERO)))
    }

    /// Lets time pass.
    pub fn advance(&self, by: SignedDuration) {
        self.0.lock().expect("no holder panics").0 += by;
    }

    /// How far the service reading runs ahead of the wall.
    pub fn set_offset(&self, offset: SignedDuration) {
        self.0.lock().expect("no holder panics").1 = offset;
    }
}

impl Clock for FakeClock {
    fn wall(&self) -> Timestamp {
        self.0.lock().expect("no holder panics").0
    }

    fn service(&self) -> Timestamp {
        let (wall, offset) = *self.0.lock().expect("no holder panics");
        wall + offset
    }
}
