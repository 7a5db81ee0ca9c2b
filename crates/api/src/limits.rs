//! Who may ask how much more.
//!
//! Each tenant, each key or session, and each anonymous address has a window of a minute that begins
//! with its first call. What is left is told on every answer (`RateLimit`, `RateLimit-Policy`). The
//! windows are this process's; who asks past the bound of known callers is refused rather than
//! forgotten, so that strangers cannot make room for themselves.

use crate::problem::ApiError;
use crate::settings::Rates;
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use fedatario_app::identity::door::{Means, Principal};
use fedatario_base::Code;
use jiff::Timestamp;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Mutex;
use std::time::Duration;

/// The window, in seconds.
pub const WINDOW_S: u64 = 60;

/// Callers counted at once; each takes some 64 bytes.
pub const CALLERS_AT_MOST: usize = 200_000;

const LIMIT: HeaderName = HeaderName::from_static("ratelimit");
const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

/// How one policy stands for a caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// `tenant`, `key`, `session` or `address`.
    pub policy: &'static str,
    /// Calls in a window.
    pub quota: u32,
    /// Calls left in this one.
    pub remaining: u32,
    /// Seconds until it ends.
    pub resets_in_s: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Who {
    Tenant(u128),
    Key(u128),
    Session(u128),
    Address(u128),
}

impl Who {
    fn policy(self) -> &'static str {
        match self {
            Who::Tenant(_) => "tenant",
            Who::Key(_) => "key",
            Who::Session(_) => "session",
            Who::Address(_) => "address",
        }
    }
}

#[derive(Debug, Clone, Copy)]
struct Window {
    ends_ms: i64,
    used: u32,
}

/// Counts calls.
pub struct Limiter {
    rates: Rates,
    windows: Mutex<HashMap<Who, Window>>,
}

impl Limiter {
    /// With these rates, and nobody counted yet.
    pub fn new(rates: Rates) -> Self {
        Self { rates, windows: Mutex::default() }
    }

    /// Counts a call of somebody who was let in; the tenant's window and their own must both have room.
    pub fn count(&self, principal: &Principal, now: Timestamp) -> (Vec<Standing>, bool) {
        let own = match principal.means {
            Means::Key { key, .. } => Who::Key(key.0.as_u128()),
            Means::Session { session, .. } => Who::Session(session.0.as_u128()),
        };
        let own_quota = principal.calls_a_minute.unwrap_or(self.rates.key);
        let tenant = Who::Tenant(principal.scope.tenant().0.as_u128());
        self.take(&[(own, own_quota), (tenant, self.rates.tenant)], now)
    }

    /// Counts a call of nobody known. An IPv6 caller is counted by its /64, which is what one has.
    pub fn count_address(&self, address: IpAddr, now: Timestamp) -> (Vec<Standing>, bool) {
        let network = match address {
            IpAddr::V4(it) => u128::from(it.to_bits()),
            IpAddr::V6(it) => it.to_ipv4_mapped().map_or(it.to_bits() >> 64 << 64, |it| u128::from(it.to_bits())),
        };
        self.take(&[(Who::Address(network), self.rates.address)], now)
    }

    /// Takes one from each window, or from none.
    fn take(&self, wanted: &[(Who, u32)], now: Timestamp) -> (Vec<Standing>, bool) {
        let now = now.as_millisecond();
        // A panic elsewhere must not close the door: the counts are whole after every line.
        let mut windows = self.windows.lock().unwrap_or_else(|it| it.into_inner());
        make_room(&mut windows, now);
        let known = |windows: &HashMap<Who, Window>, who| windows.get(who).copied().filter(|it| it.ends_ms > now);
        let found: Vec<(Who, u32, Window)> = wanted
            .iter()
            .map(|(who, quota)| {
                let fresh = Window { ends_ms: now + WINDOW_S as i64 * 1_000, used: 0 };
                (*who, *quota, known(&windows, who).unwrap_or(fresh))
            })
            .collect();
        let passes = windows.len() < CALLERS_AT_MOST && found.iter().all(|(_, quota, window)| window.used < *quota);
        let mut standings = Vec::with_capacity(found.len());
        for (who, quota, mut window) in found {
            if passes {
                window.used += 1;
                windows.insert(who, window);
            }
            standings.push(standing(who, quota, window, now));
        }
        (standings, passes)
    }
}

fn standing(who: Who, quota: u32, window: Window, now: i64) -> Standing {
    let resets_in_s = u64::try_from(window.ends_ms - now).unwrap_or_default().div_ceil(1_000);
    Standing { policy: who.policy(), quota, remaining: quota.saturating_sub(window.used), resets_in_s }
}

/// Windows that ended go when the table is full: at most once for each that came.
fn make_room(windows: &mut HashMap<Who, Window>, now: i64) {
    if windows.len() >= CALLERS_AT_MOST {
        windows.retain(|_, it| it.ends_ms > now);
    }
}

/// The refusal of a caller whose windows are these.
pub fn refusal(standings: &[Standing]) -> ApiError {
    let wait = standings.iter().filter(|it| it.remaining == 0).map(|it| it.resets_in_s).max().unwrap_or(WINDOW_S);
    ApiError::new(Code::RateLimited).retry_after(Duration::from_secs(wait))
}

/// Tells what is left (draft-ietf-httpapi-ratelimit-headers).
pub fn tell(standings: &[Standing], headers: &mut HeaderMap) {
    if standings.is_empty() {
        return;
    }
    let policy: Vec<String> = standings.iter().map(|it| format!("\"{}\";q={};w={WINDOW_S}", it.policy, it.quota)).collect();
    let left: Vec<String> =
        standings.iter().map(|it| format!("\"{}\";r={};t={}", it.policy, it.remaining, it.resets_in_s)).collect();
    for (name, items) in [(POLICY, policy), (LIMIT, left)] {
        if let Ok(value) = HeaderValue::from_str(&items.join(", ")) {
            headers.insert(name, value);
        }
    }
}
