//! How long somebody waits after failures, by whom they aimed at and where they came from.
//!
//! Every rule is a waiting time that grows and is bounded, never a lock: an attacker can slow an
//! account down for strangers, and a machine from which its owner came in before has a budget of its
//! own. Counts live in SQL, so that replicas share them.

use crate::digest;
use data_encoding::BASE64URL_NOPAD;
use jiff::{SignedDuration, Timestamp};
use std::net::IpAddr;

/// A rule of waiting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rule {
    /// Failures that cost nothing.
    pub free: u32,
    /// The wait after the first that costs, in seconds; it doubles with each that follows.
    pub first_s: i64,
    /// The longest wait, in seconds.
    pub most_s: i64,
    /// How long a run of failures is remembered, in seconds from its first.
    pub window_s: i64,
    /// Failures in a window after which nothing is tried until it ends.
    pub at_most: u32,
}

/// Passwords of one account, tried from machines that it does not know.
pub const ACCOUNT: Rule = Rule { free: 5, first_s: 1, most_s: 900, window_s: 86_400, at_most: u32::MAX };
/// Passwords of one account, tried from one machine that it knows.
pub const DEVICE: Rule = Rule { free: 10, first_s: 1, most_s: 300, window_s: 3_600, at_most: u32::MAX };
/// Whatever comes from one address: an office shares one.
pub const ADDRESS: Rule = Rule { free: 30, first_s: 2, most_s: 900, window_s: 900, at_most: 300 };
/// Whatever comes from one network (IPv4 /24, IPv6 /48).
pub const NETWORK: Rule = Rule { free: 120, first_s: 2, most_s: 900, window_s: 900, at_most: 1_200 };
/// Second factors of one account: at most twenty wrong codes a day, of which three in a million are
/// right at any time, keep a day of guessing below one in ten thousand.
pub const FACTOR: Rule = Rule { free: 5, first_s: 15, most_s: 900, window_s: 86_400, at_most: 20 };
/// Mails that somebody asks for to one address of mail.
pub const MAIL: Rule = Rule { free: 3, first_s: 60, most_s: 3_600, window_s: 86_400, at_most: 20 };

/// Longest window of all, in seconds: what is older says nothing.
pub const LONGEST_WINDOW_S: i64 = 86_400;

/// When the next try may be made after `failures` that ended at `last`; none if now.
pub fn wait(rule: Rule, failures: u32, first: Timestamp, last: Timestamp, now: Timestamp) -> Option<SignedDuration> {
    let window_ends = first.saturating_add(SignedDuration::from_secs(rule.window_s)).unwrap_or(Timestamp::MAX);
    if failures <= rule.free.min(rule.at_most.saturating_sub(1)) || now >= window_ends {
        return None;
    }
    let until = if failures >= rule.at_most {
        window_ends
    } else {
        let doublings = (failures - rule.free - 1).min(20);
        let wait = rule.first_s.saturating_mul(1 << doublings).min(rule.most_s);
        last.saturating_add(SignedDuration::from_secs(wait)).unwrap_or(Timestamp::MAX)
    };
    (now < until).then(|| until.duration_since(now))
}

/// The name under which failures of a kind are counted: no address and no mail stands in storage.
pub fn name(kind: &str, subject: &[u8]) -> String {
    format!("{kind}:{}", BASE64URL_NOPAD.encode(&digest("fedatario.throttle.v1", &[kind.as_bytes(), subject])[..16]))
}

/// The network of an address: /24 of IPv4 (also mapped), /48 of IPv6.
pub fn network(address: IpAddr) -> Vec<u8> {
    match address.to_canonical() {
        IpAddr::V4(it) => it.octets()[..3].to_vec(),
        IpAddr::V6(it) => it.octets()[..6].to_vec(),
    }
}

/// What counts as one address: of IPv6 the /64, which one subscriber has whole.
pub fn address(address: IpAddr) -> Vec<u8> {
    match address.to_canonical() {
        IpAddr::V4(it) => it.octets().to_vec(),
        IpAddr::V6(it) => it.octets()[..8].to_vec(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).unwrap()
    }

    #[test]
    fn waits_double_and_never_pass_their_bound() {
        // (rule, failures, seconds since the last) -> seconds left
        let table = [
            (ACCOUNT, 0, 0, None),
            (ACCOUNT, 5, 0, None),
            (ACCOUNT, 6, 0, Some(1)),
            (ACCOUNT, 6, 1, None),
            (ACCOUNT, 7, 0, Some(2)),
            (ACCOUNT, 9, 3, Some(5)),
            (ACCOUNT, 16, 0, Some(900)),
            (ACCOUNT, u32::MAX - 1, 0, Some(900)),
            (DEVICE, 10, 0, None),
            (DEVICE, 11, 0, Some(1)),
            (FACTOR, 5, 0, None),
            (FACTOR, 6, 0, Some(15)),
            (FACTOR, 19, 900, None),
            (FACTOR, 20, 0, Some(86_300)),
            (FACTOR, 20, 900, Some(85_400)),
            (ADDRESS, 31, 0, Some(2)),
        ];
        for (rule, failures, passed, expected) in table {
            let left = wait(rule, failures, at(-100), at(0), at(passed));
            assert_eq!(left.map(|it| it.as_secs()), expected, "{rule:?} {failures} {passed}");
        }
        fedatario_testkit::covers!("identity: waits after failures double, and none is longer than its bound");
    }

    #[test]
    fn a_day_of_guessing_codes_wins_less_than_once_in_ten_thousand() {
        let (mut now, mut last, mut tried) = (0, 0, 0u32);
        while now < 86_400 {
            match wait(FACTOR, tried, at(0), at(last), at(now)) {
                Some(left) => now += left.as_secs().max(1),
                None => (last, tried) = (now, tried + 1),
            }
        }
        assert_eq!(tried, FACTOR.at_most);
        assert!(f64::from(tried) * 3.0 / 1e6 < 1e-4);
        fedatario_testkit::covers!("identity: a day of guessing second factors wins less than once in ten thousand");
    }

    #[test]
    fn addresses_fold_into_networks_and_no_name_shows_them() {
        let net = |it: &str| network(it.parse().unwrap());
        assert_eq!(net("203.0.113.7"), net("203.0.113.250"));
        assert_eq!(net("203.0.113.7"), net("::ffff:203.0.113.9"));
        assert_ne!(net("203.0.113.7"), net("203.0.114.7"));
        assert_eq!(net("2001:db8:1:2::1"), net("2001:db8:1:ffff::1"));
        assert_ne!(net("2001:db8:1::1"), net("2001:db8:2::1"));
        assert_eq!(address("2001:db8::1".parse().unwrap()), address("2001:db8::ffff:1".parse().unwrap()));
        let name = name("login", b"ana@example.mx");
        assert!(name.starts_with("login:") && !name.contains("ana") && name.len() == 28, "{name}");
        assert_ne!(super::name("a", b"bc"), super::name("ab", b"c"));
        fedatario_testkit::covers!("identity: failures are counted under names that show nobody");
    }
}
