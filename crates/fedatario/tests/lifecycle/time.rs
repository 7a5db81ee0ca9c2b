//! A year that is not over.

use crate::stage::{RFC, Stage, is_home};
use fedatario_testkit::covers;
use serde_json::Value;

/// Forty days, in seconds.
const LATER_S: i64 = 40 * 86_400;

fn windows(all: &[Value], content: &str) -> Vec<(String, String)> {
    let mut windows: Vec<(String, String)> = all
        .iter()
        .filter(|it| it["content"] == content)
        .map(|it| (it["from"].as_str().unwrap().to_owned(), it["to"].as_str().unwrap().to_owned()))
        .collect();
    windows.sort();
    windows
}

fn next_second(moment: &str) -> String {
    let moment: jiff::civil::DateTime = moment.parse().unwrap();
    (moment + jiff::SignedDuration::from_secs(1)).to_string()
}

#[test]
fn an_unfinished_year_is_asked_up_to_now_and_later_only_its_rest() {
    let mut stage = Stage::january(20);
    stage.assert_whole(&stage.year());
    let first = stage.solicitudes();
    assert_eq!(first.len(), 2, "the running half-year and the running month; nothing of the future");

    stage.advance(LATER_S);
    let summary = stage.assert_whole(&stage.year());
    let all = stage.solicitudes();
    assert!(all.iter().all(is_home));
    let year = stage.year;
    let metadata = windows(&all, "metadata");
    assert_eq!(metadata.len(), 2);
    assert_eq!(metadata[1].0, next_second(&metadata[0].1), "only the rest of the half-year");
    let cfdi = windows(&all, "cfdi");
    let starts: Vec<&str> = cfdi.iter().map(|it| it.0.as_str()).collect();
    assert_eq!((starts[0], starts[1]), (format!("{year}-01-01T00:00:00").as_str(), next_second(&cfdi[0].1).as_str()));
    assert_eq!(cfdi[1].1, format!("{year}-01-31T23:59:59"), "the rest of January, to its end");
    assert_eq!(starts[2], format!("{year}-02-01T00:00:00"));
    assert_eq!(stage.accepted() as usize, all.len());

    // Somebody who starts today, with whole windows, comes to the same.
    let other = stage.elsewhere(stage.path("other"));
    stage.sandbox.register(&other);
    let year = year.to_string();
    let whole = other.run(&["sat", "year", "--rfc", RFC, "--year", &year, "--issued", "--json"]).good();
    assert_eq!((&whole["cfdi"], &whole["metadata"]), (&summary["cfdi"], &summary["metadata"]));
    covers!(
        "lifecycle: an unfinished year: future windows are not asked, the running one is cut at now, the next run asks only the remainder"
    );
}

#[test]
fn a_remainder_that_is_lost_is_widened_from_its_own_start() {
    let mut stage = Stage::january(20);
    stage.assert_whole(&stage.year());
    stage.advance(LATER_S);
    stage.arm("Solicita", "cut", 2);
    stage.assert_whole(&stage.year());
    let all = stage.solicitudes();
    for lost in crate::stage::those(&all, "uncertain") {
        let [heir] = crate::stage::heirs(&all, lost)[..] else { panic!("{lost:#}") };
        assert_eq!(next_second(heir["from"].as_str().unwrap()), lost["from"].as_str().unwrap());
    }
    let again = stage.year().good();
    assert!(again["planned"].as_u64() <= Some(2), "at most the seconds since: {again}");
    covers!("lifecycle: lost answers: the rest of an unfinished year is widened from where it starts");
}

#[test]
fn years_that_cannot_be_asked_are_refused_here() {
    let stage = Stage::january(20);
    let run = |year: i16| {
        let ended = stage.shell.run(&["sat", "year", "--rfc", RFC, "--year", &year.to_string(), "--issued", "--json"]);
        (ended.exit, ended.json())
    };
    let (exit, old) = run(stage.year - 8);
    assert_eq!((exit, old["error"]["code"].as_str()), (2, Some("window_too_old")), "{old}");
    let (exit, future) = run(stage.year + 1);
    assert_eq!((exit, future["error"]["code"].as_str()), (2, Some("window_future")), "{future}");
    assert_eq!(stage.accepted(), 0);
    covers!("lifecycle: the rules of the service are enforced before asking: six years back, nothing of the future");
}
