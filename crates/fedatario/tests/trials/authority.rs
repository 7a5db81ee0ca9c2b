//! The authority's part.

use crate::here::{Here, RFC, is_home, state};
use crate::support::{SandboxSat, Shell, sandbox, start};
use fedatario_testkit::covers;
use serde_json::{Value, json};

/// Lives of a command that is told to come later.
const LIVES_AT_MOST: usize = 5;
/// Variants of a window.
const VARIANTS: usize = 8;
/// Answers in a row that nobody explains before a person is asked.
const UNEXPLAINED: usize = 40;
/// Outages in a row that open the breaker.
const OUTAGES: usize = 8;
/// How a command ends that the authority refused.
const REFUSED: i32 = 3;
/// How a command ends that may be tried later.
const LATER: i32 = 4;

/// Starts a sandbox again at the address and over the books of one that is gone.
fn again(gone: &SandboxSat, arguments: &[&str]) -> SandboxSat {
    let address = gone.url.strip_prefix("http://").expect("an address");
    let mut all = vec!["sandbox", "sat", "--json", "--listen", address];
    all.extend_from_slice(arguments);
    let running = start(Shell::new(gone.fiel.parent().expect("a folder").join("unused")).command(&all));
    SandboxSat { running, url: gone.url.clone(), fiel: gone.fiel.clone() }
}

#[test]
fn an_authority_that_is_killed_and_comes_back_costs_what_was_under_way() {
    let base = tempfile::tempdir().unwrap();
    let books = base.path().join("books").to_str().expect("UTF-8").to_owned();
    let arguments = ["--state", &books, "--generate", "60", "--rfc", RFC, "--year", "2025"];
    let mut sat = sandbox(base.path(), &arguments);
    let shell = sat.shell(base.path().join("house"));
    sat.register(&shell);
    let year = ["sat", "year", "--rfc", RFC, "--year", "2025", "--issued", "--json"];
    let begun = crate::here::Begun::of(shell.command(&year));
    for least in [1, 6, 12] {
        while sat.witness("counts")["requests"].as_u64().expect("a number") < least {}
        sat.running.child.kill().expect("a child can be killed");
        sat.running.child.wait().expect("a child can be waited for");
        sat = again(&sat, &arguments);
    }
    let summary = begun.ended().good();
    let told = |name: &str| summary[name].as_u64().expect("a number");
    assert_eq!((told("missing"), told("open"), told("blocked")), (0, 0, 0), "{summary}");
    let counts = sat.witness("counts");
    assert!(counts["requests"].as_u64().unwrap() <= 14 + told("uncertain") + told("lost_packages"), "{counts} {summary}");
    assert!(counts["most_downloads_of_one_package"].as_u64().unwrap() <= 2, "{counts}");
    assert_eq!(shell.run(&["audit", "verify", "--json"]).good()["intact"], true);
    covers!("trials: an authority that is killed in the middle of a year and comes back three times: the year ends whole");
}

/// Whether a window is one of the year's first, or a variant of it: some seconds wider.
fn begins_with_the_year(it: &Value, year: i16) -> bool {
    let from: jiff::civil::DateTime = it["from"].as_str().expect("a moment").parse().expect("a moment");
    from < jiff::civil::date(year, 1, 2).at(0, 0, 0, 0)
}

#[test]
fn a_window_whose_variants_are_used_up_is_blocked_and_the_rest_goes_on() {
    let here = Here::new();
    here.arm("emitidos", "cut", 2 * VARIANTS as u32);
    let number = here.year.to_string();
    let year = || here.shell.run(&["sat", "year", "--rfc", RFC, "--year", &number, "--both", "--json"]);
    // Answers cut in a row open the breaker: whoever waited too long for it is told to come later.
    let mut lives = std::iter::repeat_with(year).take(LIVES_AT_MOST);
    let ended = lives.find(|it| it.exit != LATER).expect("an end");
    let summary = ended.json();
    assert_eq!((ended.exit, &summary["open"], &summary["blocked"]), (REFUSED, &json!(0), &json!(2)), "{ended:?}");
    // A life that began later asks for what the year has grown by since: windows of their own.
    let (all, grown): (Vec<Value>, Vec<Value>) = here.solicitudes().into_iter().partition(|it| begins_with_the_year(it, here.year));
    assert!(grown.iter().all(is_home), "{grown:#?}");
    let (issued, received): (Vec<&Value>, Vec<&Value>) = all.iter().partition(|it| it["direction"] == "issued");
    let count = |of: &str| issued.iter().filter(|it| state(it) == of).count();
    assert_eq!((count("uncertain"), count("blocked"), issued.len()), (2 * VARIANTS - 2, 2, 2 * VARIANTS), "{issued:#?}");
    assert!(received.len() == 2 && received.iter().all(|it| is_home(it)), "{received:#?}");
    let asked = (2 * VARIANTS + 2 + grown.len()) as u64;
    assert_eq!(here.sandbox.counts().requests, asked, "each variant once, and never a ninth");
    here.assert_fair();
    covers!("trials: all eight variants of a window used up: blocked, never a ninth, and the rest of the year goes on");
}

#[test]
fn forty_answers_that_nobody_explains_are_left_to_a_person() {
    let here = Here::new();
    here.arm("Verifica", "unknown_code", 100_000);
    let begun = here.begin();
    here.until("both asked after", |all| all.len() == 2 && all.iter().all(|it| it["checks"].as_u64() > Some(0)));
    assert_eq!(begun.signal("INT"), LATER);
    for _ in 0..UNEXPLAINED {
        here.sat("verify");
    }
    let all = here.solicitudes();
    for s in &all {
        assert_eq!((state(s), s["checks"].as_u64()), ("blocked", Some(UNEXPLAINED as u64)), "{s:#}");
        assert_eq!(s["sat"]["cod_estatus"], "5999", "SAT's own word is shown");
    }
    assert_eq!(here.sandbox.counts().requests, 2, "nothing was asked anew");
    here.assert_fair();
    covers!("trials: forty unexplained answers in a row block the request, show SAT's word and ask nothing anew");
}

#[test]
fn a_long_outage_costs_time_and_nothing_else() {
    let here = Here::new();
    here.shut();
    let mut begun = here.begin_told();
    begun.closes(OUTAGES + 1);
    let auth = here.sat("auth");
    assert_eq!((auth.exit, auth.json()["error"]["code"].as_str()), (LATER, Some("breaker_open")), "{auth:?}");
    here.open();
    let summary = begun.ended().good();
    assert_eq!((&summary["missing"], &summary["uncertain"], &summary["requests"]), (&json!(0), &json!(0), &json!(2)), "{summary}");
    let counts = here.sandbox.counts();
    assert_eq!((counts.requests, counts.most_downloads_of_one_package), (2, 1));
    here.assert_fair();
    covers!("trials: an outage over which the breaker opens costs time, and no request and no download");
}
