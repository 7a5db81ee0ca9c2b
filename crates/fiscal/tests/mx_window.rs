//! The windows of a year: what is asked, what is left, how a window grows and splits.

use fedatario_base::Code;
use fedatario_fiscal::mx::time;
use fedatario_fiscal::mx::window::*;
use fedatario_testkit::covers;
use jiff::civil::{DateTime, date};
use proptest::prelude::*;

fn at(text: &str) -> DateTime {
    time::parse(text).unwrap_or_else(|| panic!("{text}"))
}

fn window(from: &str, to: &str) -> Window {
    Window { from: at(from), to: at(to) }
}

#[test]
fn a_finished_year_is_fourteen_requests_metadata_first() {
    let plan = year_plan(2025, Direction::Received, at("2026-01-15T10:00:00"), &[]);
    let lines: Vec<String> = plan.iter().map(|it| format!("{} {} {}", it.content.sat(), it.estado.sat(), it.window)).collect();
    let ends = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let months =
        (1..).zip(ends).map(|(month, end)| format!("CFDI Vigente 2025-{month:02}-01T00:00:00/2025-{month:02}-{end}T23:59:59"));
    let halves =
        ["Metadata Todos 2025-01-01T00:00:00/2025-06-30T23:59:59", "Metadata Todos 2025-07-01T00:00:00/2025-12-31T23:59:59"];
    assert_eq!(lines, halves.map(str::to_owned).into_iter().chain(months).collect::<Vec<_>>());
    let issued = year_plan(2025, Direction::Issued, at("2026-01-15T10:00:00"), &[]);
    assert!(issued.iter().all(|it| it.estado == Estado::Todos && it.window == it.slot));
    assert_eq!(slots(2024).iter().filter(|it| it.1.to.day() == 29).count(), 1);
    assert!(slots(0).is_empty() && slots(i16::MAX).is_empty());
    covers!("year: fourteen requests a direction, metadata first, received XML only in force");
}

#[test]
fn an_unfinished_year_is_cut_at_now_and_goes_on_from_there() {
    let now = at("2026-03-10T12:30:15");
    let first = year_plan(2026, Direction::Issued, now, &[]);
    let shown = |plan: &[PlannedRequest]| plan.iter().map(|it| format!("{} {}", it.content.sat(), it.window)).collect::<Vec<_>>();
    assert_eq!(
        shown(&first),
        [
            "Metadata 2026-01-01T00:00:00/2026-03-10T12:30:15",
            "CFDI 2026-01-01T00:00:00/2026-01-31T23:59:59",
            "CFDI 2026-02-01T00:00:00/2026-02-28T23:59:59",
            "CFDI 2026-03-01T00:00:00/2026-03-10T12:30:15",
        ]
    );
    let mut asked: Vec<Asked> = first.iter().map(|it| Asked { content: it.content, window: it.window }).collect();
    assert_eq!(year_plan(2026, Direction::Issued, now, &asked), []);
    let second = year_plan(2026, Direction::Issued, at("2026-04-02T00:00:00"), &asked);
    assert_eq!(
        shown(&second),
        [
            "Metadata 2026-03-10T12:30:16/2026-04-02T00:00:00",
            "CFDI 2026-03-10T12:30:16/2026-03-31T23:59:59",
            "CFDI 2026-04-01T00:00:00/2026-04-02T00:00:00",
        ]
    );
    asked.extend(second.iter().map(|it| Asked { content: it.content, window: it.window }));
    assert_eq!(year_plan(2026, Direction::Issued, at("2026-04-02T00:00:00"), &asked), []);
    covers!("year: future windows wait, the running one ends now, the next run asks the remainder");
}

#[test]
fn the_last_second_of_a_slot_is_never_lost() {
    let asked = [Asked { content: Content::Cfdi, window: window("2025-01-01T00:00:00", "2025-01-31T23:59:58") }];
    let plan = year_plan(2025, Direction::Issued, at("2025-02-01T00:00:00"), &asked);
    let january = plan.iter().find(|it| it.content == Content::Cfdi).unwrap();
    assert_eq!(january.window, window("2025-01-31T23:59:58", "2025-01-31T23:59:59"));
    // A widened window covers what the plain one does; a gap is asked over, not left.
    let widened = [Asked { content: Content::Cfdi, window: widen(slots(2025)[2].1, 3) }];
    assert!(
        year_plan(2025, Direction::Issued, at("2026-02-01T00:00:00"), &widened)
            .iter()
            .all(|it| it.window.from != at("2025-01-01T00:00:00") || it.content == Content::Metadata)
    );
    let gap = [Asked { content: Content::Cfdi, window: window("2025-01-10T00:00:00", "2025-01-31T23:59:59") }];
    assert!(year_plan(2025, Direction::Issued, at("2026-02-01T00:00:00"), &gap).iter().any(|it| it.window == slots(2025)[2].1));
}

#[test]
fn rules_are_checked_before_asking() {
    let now = at("2026-09-01T12:00:00");
    let cases = [
        (window("2026-08-01T00:00:00", "2026-08-31T23:59:59"), Ok(())),
        (window("2026-08-01T00:00:00", "2026-08-01T00:00:01"), Ok(())),
        (window("2026-08-01T00:00:00", "2026-08-01T00:00:00"), Err(Code::WindowOrder)),
        (window("2026-08-02T00:00:00", "2026-08-01T00:00:00"), Err(Code::WindowOrder)),
        (window("2020-09-01T00:00:00", "2020-09-30T23:59:59"), Ok(())),
        (window("2020-08-31T23:59:59", "2020-09-30T23:59:59"), Err(Code::WindowTooOld)),
        (window("2026-09-01T00:00:00", "2026-09-01T12:00:00"), Ok(())),
        (window("2026-09-01T00:00:00", "2026-09-01T12:00:01"), Err(Code::WindowFuture)),
    ];
    for (window, expected) in cases {
        assert_eq!(check(window, now).map_err(|it| it.code()), expected, "{window}");
    }
    assert_eq!(oldest_start(at("2024-02-29T09:00:00")), at("2018-02-28T00:00:00"));
    for (direction, content) in
        [(Direction::Issued, Content::Cfdi), (Direction::Issued, Content::Metadata), (Direction::Received, Content::Metadata)]
    {
        assert_eq!(check_estado(direction, content, Estado::Todos), Ok(()));
    }
    let refused = check_estado(Direction::Received, Content::Cfdi, Estado::Todos).map_err(|it| it.code());
    assert_eq!(refused, Err(Code::WindowReceivedCancelled));
    covers!("windows: strict order, six years, no future, received XML only in force");
}

#[test]
fn a_window_has_eight_variants_each_wider_than_the_last() {
    let plain = slots(2025)[2].1;
    let mut variants = Vec::new();
    while let Some((k, variant)) = next_variant(plain, variants.len() as u32) {
        assert_eq!((k as usize, variant.to), (variants.len(), plain.to));
        variants.push(variant);
    }
    assert_eq!(variants.len() as u32, MAX_VARIANTS);
    assert_eq!(variants[0], plain);
    assert_eq!(variants[1].from, at("2024-12-31T23:59:59"));
    assert!(variants.windows(2).all(|it| it[1].from < it[0].from));
    covers!("windows: a variant only widens, eight at most");
}

#[test]
fn splits_fall_where_people_would_cut() {
    let cases = [
        (window("2025-01-01T00:00:00", "2025-06-30T23:59:59"), Some("2025-04-01T00:00:00")),
        (window("2025-01-01T00:00:00", "2025-02-28T23:59:59"), Some("2025-02-01T00:00:00")),
        (window("2025-01-01T00:00:00", "2025-01-31T23:59:59"), Some("2025-01-16T00:00:00")),
        (window("2025-01-01T00:00:00", "2025-01-01T23:59:59"), Some("2025-01-01T12:00:00")),
        (window("2025-01-01T00:00:00", "2025-01-01T00:00:03"), Some("2025-01-01T00:00:02")),
        (window("2025-01-01T00:00:00", "2025-01-01T00:00:02"), None),
        (window("2025-01-01T00:00:00", "2025-01-01T00:00:01"), None),
    ];
    for (whole, cut) in cases {
        assert_eq!(split(whole).map(|it| time::format(it.1.from)).as_deref(), cut, "{whole}");
    }
    let months = split_months(slots(2025)[0].1);
    assert_eq!(months, (2..8).map(|it| slots(2025)[it].1).collect::<Vec<_>>());
    let widened = split_months(widen(slots(2025)[0].1, 1));
    assert_eq!((widened[0], widened.len()), (window("2024-12-31T23:59:59", "2025-01-31T23:59:59"), 6));
    covers!("windows: too large is split into months or halves at a boundary of one second");
}

prop_compose! {
    fn moments()(day in 0i64..730, second in 0i64..86_400) -> DateTime {
        date(2024, 12, 1).at(0, 0, 0, 0).saturating_add(jiff::Span::new().days(day).seconds(second))
    }
}

/// Every second of `whole` lies in exactly one of the parts, which come in order.
fn tiles(whole: Window, parts: &[Window]) -> bool {
    let joined = parts.windows(2).all(|it| it[0].to.duration_until(it[1].from).as_secs() == 1);
    let askable = parts.iter().all(|it| it.from < it.to);
    askable && joined && parts.first().map(|it| it.from) == Some(whole.from) && parts.last().map(|it| it.to) == Some(whole.to)
}

proptest! {
    #[test]
    fn runs_at_any_moments_cover_the_year_without_gap_or_overlap(mut moments in prop::collection::vec(moments(), 1..6)) {
        moments.sort();
        moments.push(at("2026-06-01T00:00:00"));
        let mut asked: Vec<Asked> = Vec::new();
        for now in &moments {
            let plan = year_plan(2025, Direction::Issued, *now, &asked);
            prop_assert!(plan.iter().all(|it| check(it.window, *now).is_ok() && it.slot.contains(it.window.from) && it.slot.contains(it.window.to)));
            asked.extend(plan.iter().map(|it| Asked { content: it.content, window: it.window }));
        }
        for content in [Content::Metadata, Content::Cfdi] {
            let mut windows: Vec<Window> = asked.iter().filter(|it| it.content == content).map(|it| it.window).collect();
            windows.sort();
            // One second may be asked twice: the last of a slot, which cannot be asked alone.
            let joined = windows.windows(2).all(|it| it[0].to.duration_until(it[1].from).as_secs() <= 1 && it[0].to <= it[1].from);
            prop_assert!(joined, "{windows:?}");
            prop_assert_eq!((windows[0].from, windows[windows.len() - 1].to), (at("2025-01-01T00:00:00"), at("2025-12-31T23:59:59")));
        }
    }

    #[test]
    fn split_covers_exactly(from in moments(), seconds in 1i64..40_000_000) {
        // Ends and starts of months are where it would go wrong: every other case lies at one.
        let from = if seconds % 2 == 0 { from.date().last_of_month().at(23, 59, 57 + (seconds % 3) as i8, 0) } else { from };
        let whole = Window { from, to: from.saturating_add(jiff::Span::new().seconds(seconds)) };
        match split(whole) {
            Some((first, second)) => prop_assert!(tiles(whole, &[first, second]), "{whole}: {first} {second}"),
            None => prop_assert!(whole.seconds() < 4, "{whole}"),
        }
        prop_assert!(tiles(whole, &split_months(whole)), "{whole}: {:?}", split_months(whole));
    }

    #[test]
    fn widen_moves_only_the_start_and_only_earlier(from in moments(), seconds in 1i64..10_000_000, k in 0u32..100_000) {
        let whole = Window { from, to: from.saturating_add(jiff::Span::new().seconds(seconds)) };
        let wide = widen(whole, k);
        prop_assert_eq!((wide.to, wide.seconds()), (whole.to, whole.seconds() + i64::from(k)));
    }
}

#[test]
fn the_properties_of_windows_are_claimed() {
    runs_at_any_moments_cover_the_year_without_gap_or_overlap();
    split_covers_exactly();
    widen_moves_only_the_start_and_only_earlier();
    covers!("windows: the planner leaves no gap, widen only moves earlier, split covers exactly (properties)");
}
