//! What every other crate counts on: ids that sort and name their kind, secrets that cannot be
//! printed, two readings of one clock, and a table of codes that never changes its meaning.

use fedatario_base::id::{JobId, PREFIXES, SolicitudId};
use fedatario_base::{Clock, Code, Secret};
use fedatario_testkit::{FakeClock, covers};
use jiff::{SignedDuration, Timestamp};

/// The table as it was published. A line is never changed or removed; a new code adds one.
const PUBLISHED: &str = include_str!("codes.txt");

fn line(code: Code) -> String {
    let retry = if code.retryable() { "retry" } else { "final" };
    format!("{} {} {} {:?} {retry}", code.slug(), code.http_status(), code.exit() as u8, code.source()).to_lowercase()
}

#[test]
fn a_code_keeps_its_meaning_for_good() {
    let now: Vec<String> = Code::ALL.iter().map(|it| line(*it)).collect();
    for published in PUBLISHED.lines() {
        assert!(now.iter().any(|it| it == published), "changed or gone: {published}");
    }
    for it in &now {
        assert!(PUBLISHED.lines().any(|published| published == it), "add to tests/codes.txt: {it}");
    }
    covers!("base: the table of error codes is unique and permanent, held against its published form");
}

#[test]
fn ids_sort_by_time_as_values_and_as_text() {
    let at = |millis: i64| Timestamp::from_millisecond(1_780_000_000_000 + millis).expect("an instant");
    let ids: Vec<SolicitudId> = (0..200).map(|it| SolicitudId::fresh(at(it))).collect();
    assert!(ids.is_sorted());
    assert!(ids.iter().map(SolicitudId::to_string).is_sorted());
    for id in &ids {
        assert_eq!(id.to_string().parse(), Ok(*id));
        assert!(id.to_string().parse::<JobId>().is_err(), "a request is no job");
    }
    assert!(PREFIXES.iter().all(|it| it.len() == 3 && it.bytes().all(|it| it.is_ascii_lowercase())));
    covers!("base: typed prefixed ids that sort by time");
}

#[test]
fn a_secret_is_printed_by_nobody() {
    #[derive(Debug)]
    #[expect(dead_code, reason = "only its Debug is looked at")]
    struct Holder {
        password: Secret,
        more: Vec<Secret>,
    }
    let holder = Holder { password: Secret::new("correct horse"), more: vec![Secret::new(vec![0xAB; 32]), Secret::new("")] };
    for shown in [format!("{holder:?}"), format!("{holder:#?}")] {
        for part in ["correct", "horse", "171", "ab", "AB"] {
            assert!(!shown.contains(part), "{part} in {shown}");
        }
    }
    assert_eq!(Secret::new("correct horse").duplicate().expose_str(), Some("correct horse"));
    covers!("base: a Secret cannot be printed");
}

#[test]
fn both_readings_of_a_clock_move_together_and_stay_apart() {
    let clock = FakeClock::at("2026-09-01T12:00:00Z");
    assert_eq!(clock.wall(), clock.service());
    clock.set_offset(SignedDuration::from_hours(48));
    clock.advance(SignedDuration::from_secs(5));
    assert_eq!(clock.wall().to_string(), "2026-09-01T12:00:05Z");
    assert_eq!(clock.service().to_string(), "2026-09-03T12:00:05Z");
    covers!("base: a clock has a wall reading and a service reading");
}
