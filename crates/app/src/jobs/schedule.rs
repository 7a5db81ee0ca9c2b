//! When a schedule fires next: five cron fields and an IANA time zone.

use fedatario_base::Code;
use fedatario_base::id::TaxpayerId;
use jiff::tz::{AmbiguousOffset, TimeZone};
use jiff::{SignedDuration, Timestamp};

/// The expression is not one we can follow.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a schedule (five cron fields and a time zone, as `0 23 * * * America/Mexico_City`): {0}")]
pub struct ScheduleError(String);

impl ScheduleError {
    /// Its place in the table of codes.
    pub fn code(&self) -> Code {
        Code::ScheduleFormat
    }
}

/// How far the fires of one expression are spread over different taxpayers, in seconds: with 200 of
/// them one begins every nine seconds, and the last is under way half an hour after the first.
pub const SPREAD_S: u32 = 30 * 60;

/// How much later than its expression says a taxpayer's schedule fires: always the same for one, and
/// evenly spread over many.
pub fn spread_s(taxpayer: TaxpayerId) -> u32 {
    let digest = crate::audit_trail::sha256(&taxpayer.bytes());
    u32::from_be_bytes([digest[0], digest[1], digest[2], digest[3]]) % SPREAD_S
}

/// As [`next_after`], so much later: both ways, so that a fire is moved and none is passed over.
pub fn next_spread(expression: &str, spread_s: u32, after: Timestamp) -> Result<Timestamp, ScheduleError> {
    let spread = SignedDuration::from_secs(i64::from(spread_s));
    let bad = |error: jiff::Error| ScheduleError(error.to_string());
    let next = next_after(expression, after.checked_sub(spread).map_err(bad)?)?;
    next.checked_add(spread).map_err(bad)
}

/// The first instant after `after` at which the expression fires. Fires that fell into a time
/// when nobody ran are not made up for: they collapse into the next one.
pub fn next_after(expression: &str, after: Timestamp) -> Result<Timestamp, ScheduleError> {
    let next = find(expression, after)?;
    Ok(in_the_gap(expression, after).map_or(next, |skipped| skipped.min(next)))
}

fn find(expression: &str, after: Timestamp) -> Result<Timestamp, ScheduleError> {
    let bad = |error: cronexpr::Error| ScheduleError(error.to_string());
    let crontab = cronexpr::parse_crontab(expression).map_err(bad)?;
    let after = cronexpr::MakeTimestamp::from_millisecond(after.as_millisecond()).map_err(bad)?;
    Ok(crontab.find_next(after).map_err(bad)?.timestamp())
}

/// A time of day that the clocks jump over would be passed over until the next day: it fires as
/// much later as they jumped.
fn in_the_gap(expression: &str, after: Timestamp) -> Option<Timestamp> {
    let (fields, zone) = expression.trim().rsplit_once(char::is_whitespace)?;
    let zone = TimeZone::get(zone).ok()?;
    let on_the_wall = TimeZone::UTC.to_timestamp(zone.to_datetime(after)).ok()?;
    let next = TimeZone::UTC.to_datetime(find(&format!("{fields} UTC"), on_the_wall).ok()?);
    let meant = zone.to_ambiguous_timestamp(next);
    let skipped = matches!(meant.offset(), AmbiguousOffset::Gap { .. });
    if skipped { meant.compatible().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fires_at_local_time_in_both_seasons_and_zones() {
        let cases = [
            ("0 23 * * * America/Mexico_City", "2026-01-15T12:00:00Z", "2026-01-16T05:00:00Z"),
            ("0 23 * * * America/Mexico_City", "2026-07-15T12:00:00Z", "2026-07-16T05:00:00Z"),
            ("0 8 * * MON America/Santo_Domingo", "2026-11-21T00:00:00Z", "2026-11-23T12:00:00Z"),
            // New York leaves standard time at 02:00 on 8 March 2026.
            ("30 2 * * * America/New_York", "2026-03-07T12:00:00Z", "2026-03-08T07:30:00Z"),
            ("*/15 * * * * UTC", "2026-03-08T07:30:00Z", "2026-03-08T07:45:00Z"),
        ];
        for (expression, after, expected) in cases {
            let next = next_after(expression, after.parse().unwrap()).unwrap();
            assert_eq!(next.to_string(), expected, "{expression} after {after}");
        }
        fedatario_testkit::covers!("jobs: cron with time zones");
    }

    #[test]
    fn many_do_not_begin_in_one_second_and_none_is_passed_over() {
        let daily = "0 23 * * * America/Mexico_City";
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let taxpayers: Vec<TaxpayerId> = (0..200).map(|_| TaxpayerId::fresh(at("2026-01-01T00:00:00Z"))).collect();
        let spreads: Vec<u32> = taxpayers.iter().map(|it| spread_s(*it)).collect();
        assert_eq!(spreads, taxpayers.iter().map(|it| spread_s(*it)).collect::<Vec<_>>(), "always the same for one");
        assert!(spreads.iter().all(|it| *it < SPREAD_S));
        let busiest = spreads.iter().map(|it| spreads.iter().filter(|other| *other == it).count()).max().unwrap();
        assert!(busiest < 10, "{busiest} of 200 begin in one second");

        // 23:00 in Mexico City is 05:00 UTC; whatever the spread, one fire a day, and a fire is never a day late.
        for spread in [0, 1, 600, SPREAD_S - 1] {
            let mut now = at("2026-03-01T00:00:00Z");
            for day in 1..=40 {
                let next = next_spread(daily, spread, now).unwrap();
                let expected = at("2026-03-01T05:00:00Z")
                    + SignedDuration::from_hours(24 * (day - 1))
                    + SignedDuration::from_secs(spread.into());
                assert_eq!(next, expected, "day {day}, spread {spread}");
                now = next;
            }
        }
        let often = next_spread("*/5 * * * * UTC", 600, at("2026-03-01T00:03:00Z")).unwrap();
        assert_eq!(often, at("2026-03-01T00:05:00Z"), "what is due more often than the spread is moved, not thinned");
        fedatario_testkit::covers!("schedule: 200 taxpayers do not begin in the same second, and each keeps its own");
    }

    #[test]
    fn nonsense_is_refused() {
        for expression in ["", "hola", "61 * * * * UTC", "* * * * * Mars/Olympus", "* * * *"] {
            assert!(next_after(expression, Timestamp::UNIX_EPOCH).is_err(), "{expression}");
        }
    }
}
