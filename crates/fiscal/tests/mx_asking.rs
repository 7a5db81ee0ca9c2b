//! What SAT would refuse of a request, and how a period that is too much is cut.

use fedatario_base::Code;
use fedatario_fiscal::mx::asking::{self, Query};
use fedatario_fiscal::mx::planner::*;
use fedatario_fiscal::mx::time;
use fedatario_fiscal::mx::window::{Content, Direction, Estado, Window};
use fedatario_testkit::covers;
use jiff::Span;
use jiff::civil::DateTime;
use proptest::prelude::*;

fn at(text: &str) -> DateTime {
    time::parse(text).unwrap_or_else(|| panic!("{text}"))
}

fn window(from: &str, to: &str) -> Window {
    Window { from: at(from), to: at(to) }
}

fn query<'a>(direction: Direction, content: Content, estado: Estado, counterparties: &'a [String]) -> Query<'a> {
    Query {
        is_retenciones: false,
        direction,
        content,
        estado,
        window: window("2026-01-01T00:00:00", "2026-01-31T23:59:59"),
        counterparties,
        kind: None,
        complement: None,
        third_party: None,
    }
}

fn codes(query: &Query<'_>) -> Vec<Code> {
    asking::check(query, at("2026-11-21T12:00:00")).iter().map(asking::Broken::code).collect()
}

#[test]
fn every_rule_of_a_request_is_known_before_it_is_asked() {
    let none: [String; 0] = [];
    let one = ["EKU9003173C9".to_owned()];
    let two = ["EKU9003173C9".to_owned(), "H&E951128469".to_owned()];
    let six: Vec<String> = vec!["EKU9003173C9".to_owned(); 6];
    let small = ["eku9003173c9".to_owned()];
    use {Content::*, Direction::*, Estado::*};
    let plain = query(Issued, Cfdi, Todos, &none);
    let cases: Vec<(Query<'_>, Vec<Code>)> = vec![
        (plain, vec![]),
        (Query { window: window("2026-01-01T00:00:00", "2026-01-01T00:00:00"), ..plain }, vec![Code::WindowOrder]),
        (Query { window: window("2026-02-01T00:00:00", "2026-01-01T00:00:00"), ..plain }, vec![Code::WindowOrder]),
        (Query { window: window("2020-11-20T23:59:59", "2020-12-01T00:00:00"), ..plain }, vec![Code::WindowTooOld]),
        (Query { window: window("2020-11-21T00:00:00", "2020-12-01T00:00:00"), ..plain }, vec![]),
        (Query { window: window("2026-11-01T00:00:00", "2026-11-21T12:00:01"), ..plain }, vec![Code::WindowFuture]),
        (query(Received, Cfdi, Vigente, &none), vec![]),
        (query(Received, Cfdi, Todos, &none), vec![Code::WindowReceivedCancelled]),
        (query(Received, Cfdi, Cancelado, &none), vec![Code::WindowReceivedCancelled]),
        (query(Received, Metadata, Cancelado, &none), vec![]),
        (query(Issued, Cfdi, Cancelado, &none), vec![]),
        (query(Issued, Cfdi, Todos, &six[..5]), vec![]),
        (query(Issued, Cfdi, Todos, &six), vec![Code::RequestCounterparties]),
        (query(Received, Metadata, Todos, &one), vec![]),
        (query(Received, Metadata, Todos, &two), vec![Code::RequestCounterparties]),
        (query(Issued, Cfdi, Todos, &small), vec![Code::RfcFormat]),
        (Query { kind: Some("I"), complement: Some("nomina12"), third_party: Some("EKU9003173C9"), ..plain }, vec![]),
        (Query { kind: Some("X"), ..plain }, vec![Code::RequestFilter]),
        (Query { complement: Some("cartaporte31"), ..plain }, vec![Code::RequestFilter]),
        (Query { complement: Some("dividendos"), ..plain }, vec![Code::RequestFilter]),
        (Query { complement: Some("dividendos"), is_retenciones: true, ..plain }, vec![]),
        (Query { third_party: Some("nobody"), kind: Some("x"), ..plain }, vec![Code::RfcFormat, Code::RequestFilter]),
    ];
    for (query, expected) in cases {
        assert_eq!(codes(&query), expected, "{query:?}");
    }
    assert_eq!(
        asking::folio(" 26DA5355-E4BD-57D7-8E8E-B567754A287F ").unwrap().to_string(),
        "26da5355-e4bd-57d7-8e8e-b567754a287f"
    );
    for bad in ["", "26DA5355", "26DA5355-E4BD-57D7-8E8E-B567754A287G", "26DA5355E4BD57D78E8EB567754A287F0000"] {
        assert_eq!(asking::folio(bad).unwrap_err().code(), Code::RequestFilter, "{bad}");
    }
    covers!("prediction: 301 by each of its reasons, and each said, not the first alone");
}

fn bucket(from: &str, to: &str, count: u64) -> Bucket {
    Bucket { window: window(from, to), count }
}

#[test]
fn a_period_is_cut_where_its_counts_say() {
    let period = window("2026-01-01T00:00:00", "2026-01-04T23:59:59");
    let day = |n: u32, count| bucket(&format!("2026-01-0{n}T00:00:00"), &format!("2026-01-0{n}T23:59:59"), count);
    let shown = |buckets: &[Bucket]| {
        pieces(period, 10, buckets).iter().map(|it| format!("{} {}", it.window, it.expected)).collect::<Vec<_>>()
    };
    let whole = "2026-01-01T00:00:00/2026-01-04T23:59:59";
    assert_eq!(shown(&[]), [format!("{whole} 0")]);
    assert_eq!(shown(&[day(1, 4), day(3, 6)]), [format!("{whole} 10")]);
    assert_eq!(
        shown(&[day(1, 4), day(3, 7), day(4, 4)]),
        [
            "2026-01-01T00:00:00/2026-01-02T23:59:59 4",
            "2026-01-03T00:00:00/2026-01-03T23:59:59 7",
            "2026-01-04T00:00:00/2026-01-04T23:59:59 4",
        ]
    );
    let second = bucket("2026-01-02T10:00:00", "2026-01-02T10:00:00", 11);
    assert_eq!(
        shown(&[day(1, 4), second, day(3, 9)]),
        [
            "2026-01-01T00:00:00/2026-01-02T09:59:59 4",
            "2026-01-02T10:00:00/2026-01-02T10:00:00 11",
            "2026-01-02T10:00:01/2026-01-04T23:59:59 9",
        ],
        "an overfull second stands alone"
    );
}

#[test]
fn grains_name_their_stretches() {
    let month = window("2026-01-01T08:30:00", "2026-01-31T23:59:59");
    let cases = [
        (Grain::Day, "2026-01-01", "2026-01-01T08:30:00/2026-01-01T23:59:59"),
        (Grain::Hour, "2026-01-02T07", "2026-01-02T07:00:00/2026-01-02T07:59:59"),
        (Grain::Minute, "2026-01-02T07:05", "2026-01-02T07:05:00/2026-01-02T07:05:59"),
        (Grain::Second, "2026-01-02T07:05:09", "2026-01-02T07:05:09/2026-01-02T07:05:09"),
    ];
    for (grain, prefix, expected) in cases {
        assert_eq!(grain.stretch(grain.start(prefix).unwrap(), month).to_string(), expected);
        assert_eq!(grain.start(&prefix[1..]), None);
    }
    assert_eq!(Grain::Day.finer().and_then(Grain::finer).and_then(Grain::finer), Some(Grain::Second));
}

#[test]
fn an_overfull_second_is_divided_by_what_sat_filters_by() {
    let share = |kind: &str, who: &str, count| Share { kind: kind.into(), counterparty: who.into(), count };
    let shares = [
        share("I", "AAA", 4),
        share("I", "BBB", 4),
        share("I", "CCC", 9),
        share("I", "DDD", 1),
        share("E", "AAA", 10),
        share("P", "ZZZ", 1),
    ];
    let shown = |direction, kinds| {
        by_filter(direction, kinds, 10, &shares)
            .into_iter()
            .map(|it| format!("{} {:?} {}", it.kind.unwrap_or("-".into()), it.counterparties, it.expected))
            .collect::<Vec<_>>()
    };
    assert_eq!(
        shown(Direction::Issued, true),
        [r#"I ["AAA", "BBB"] 8"#, r#"I ["CCC", "DDD"] 10"#, "E [] 10", "T [] 0", "N [] 0", "P [] 1",],
        "every kind is asked, so that none is lost"
    );
    assert_eq!(shown(Direction::Received, true)[..4], [r#"I ["AAA"] 4"#, r#"I ["BBB"] 4"#, r#"I ["CCC"] 9"#, r#"I ["DDD"] 1"#]);
    assert_eq!(shown(Direction::Issued, false)[0], r#"- ["AAA"] 14"#, "one that cannot be divided further is told by its count");
    covers!("prediction: a second that is too much is divided by kind, then by counterparty");
}

prop_compose! {
    /// A period of up to some days, and counts at some of its seconds.
    fn a_year_of_work()(
        start in 0i64..3_000_000,
        seconds in 2i64..400_000,
        counts in prop::collection::btree_map(0i64..400_000, 1u64..40, 0..120),
        cap in 1u64..60,
    ) -> (Window, Vec<(DateTime, u64)>, u64) {
        let origin = at("2025-11-01T00:00:00");
        let moment = |offset: i64| origin.saturating_add(Span::new().seconds(start + offset));
        let period = Window { from: moment(0), to: moment(seconds - 1) };
        let counts = counts.into_iter().filter(|(it, _)| *it < seconds).map(|(it, n)| (moment(it), n)).collect();
        (period, counts, cap)
    }
}

/// Looks as finely as it has to, as the services do over the database.
fn looked_at(period: Window, cap: u64, counts: &[(DateTime, u64)]) -> Vec<Bucket> {
    let mut grains = vec![(Grain::Day, period)];
    let mut found = Vec::new();
    while let Some((grain, within)) = grains.pop() {
        let mut by_prefix = std::collections::BTreeMap::<String, u64>::new();
        for (moment, count) in counts.iter().filter(|(it, _)| within.contains(*it)) {
            *by_prefix.entry(time::format(*moment)[..grain.characters()].to_owned()).or_default() += count;
        }
        for (prefix, count) in by_prefix {
            let stretch = grain.stretch(grain.start(&prefix).unwrap(), within);
            match grain.finer().filter(|_| count > cap) {
                Some(finer) => grains.push((finer, stretch)),
                None => found.push(Bucket { window: stretch, count }),
            }
        }
    }
    found.sort_by_key(|it| it.window);
    found
}

proptest! {
    #[test]
    fn pieces_cover_the_period_exactly_once_and_stay_below_the_cap((period, counts, cap) in a_year_of_work()) {
        let buckets = looked_at(period, cap, &counts);
        let pieces = pieces(period, cap, &buckets);
        prop_assert_eq!(pieces[0].window.from, period.from);
        prop_assert_eq!(pieces[pieces.len() - 1].window.to, period.to);
        for pair in pieces.windows(2) {
            prop_assert_eq!(pair[0].window.to.saturating_add(Span::new().seconds(1)), pair[1].window.from);
        }
        let seconds: i64 = pieces.iter().map(|it| it.window.seconds()).sum();
        prop_assert_eq!(seconds, period.seconds(), "each second once");
        for piece in &pieces {
            prop_assert!(piece.window.from <= piece.window.to);
            let held: u64 = counts.iter().filter(|(it, _)| piece.window.contains(*it)).map(|(_, n)| n).sum();
            prop_assert_eq!(held, piece.expected);
            prop_assert!(held <= cap || piece.window.seconds() == 1, "{} holds {held} of {cap}", piece.window);
        }
    }
}

#[test]
fn the_properties_of_the_planner_are_claimed() {
    assert_eq!(pieces(window("2026-01-01T00:00:00", "2026-01-01T00:00:00"), 1, &[]).len(), 1);
    covers!("prediction: the pieces of a period cover it exactly once at second resolution, each below the cap");
}
