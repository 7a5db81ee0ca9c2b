//! Answers of SAT's own that are not the good one.

use crate::stage::{A_YEAR, Begun, Stage, assert_widened_once, heirs, is_home, state, tally, those};
use fedatario_testkit::covers;
use serde_json::Value;

const MATRIX: &str = "lifecycle fault x operation";
/// A little more than the four days after which a request counts as stuck, in seconds.
const STUCK_S: i64 = 4 * 86_400 + 600;
/// A little more than SAT keeps packages, in seconds.
const LAPSED_S: i64 = 73 * 3_600;

#[test]
fn requests_that_come_to_nothing_are_asked_again() {
    let stage = Stage::past();
    let faults =
        ["state4", "expired", "rejected:5002", "rejected:5005", "5010", "zero_count", "wrong_id", "code:5002", "code:5005"];
    stage.arm_all("Solicita", &faults);
    stage.assert_whole(&stage.year());
    let all = stage.solicitudes();
    let ended: Vec<&Value> = all.iter().filter(|it| !is_home(it)).collect();
    let count = |of: &str| those(&all, of).len();
    assert_eq!((count("failed"), count("expired"), count("rejected")), (2, 1, 4), "{:?}", tally(&all));
    assert_widened_once(&all, &ended, "variant");
    faults.iter().for_each(|it| covers!(MATRIX, it, "solicita"));
    covers!("lifecycle: failed at SAT, expired, used up for life or already under way: asked again as the next variant");
}

#[test]
fn verifications_that_tell_of_another_state_are_believed() {
    let mut stage = Stage::past();
    stage.arm("Verifica", "stuck", 1_000);
    interrupted_when(&stage, "all pending", |all| all.len() == A_YEAR && all_pending(all));
    stage.disarm();
    stage.advance(60); // All are finished in truth.
    let faults = ["code:5004", "stuck", "state4", "expired", "rejected:5002", "wrong_id", "unknown_code", "305"];
    stage.arm_all("Verifica", &faults);
    stage.assert_whole(&stage.year());
    let all = stage.solicitudes();
    let count = |of: &str| those(&all, of).len();
    // An answer that names packages of another request is found out when they are fetched.
    assert!((1..=2).contains(&count("expired")), "{:?}", tally(&all));
    assert_eq!((count("failed"), count("rejected")), (2, 1), "{:?}", tally(&all));
    let ended: Vec<&Value> = all.iter().filter(|it| !is_home(it)).collect();
    assert_widened_once(&all, &ended, "variant");
    faults.iter().for_each(|it| covers!(MATRIX, it, "verifica"));
    covers!("lifecycle: a request that SAT no longer knows (5004) is asked again; state 0, 305 and unknown answers are pending");
}

#[test]
fn too_large_is_split_into_months_or_halves() {
    let stage = Stage::past();
    stage.arm("Solicita", "5003", 6);
    stage.assert_whole(&stage.year());
    let all = stage.solicitudes();
    let large = those(&all, "too_large");
    assert_eq!(large.len(), 6, "{:?}", tally(&all));
    for s in &large {
        let mut parts = heirs(&all, s);
        parts.sort_by_key(|it| it["from"].as_str());
        let months = s["content"] == "metadata" && s["relation"].is_null();
        assert_eq!(parts.len(), if months { 6 } else { 2 }, "{s:#}");
        assert_eq!((&parts[0]["from"], &parts[parts.len() - 1]["to"]), (&s["from"], &s["to"]), "nothing falls out at the ends");
        for pair in parts.windows(2) {
            let moment = |it: &Value| it.as_str().unwrap().parse::<jiff::civil::DateTime>().unwrap();
            assert_eq!(moment(&pair[0]["to"]) + jiff::SignedDuration::from_secs(1), moment(&pair[1]["from"]), "nor between");
        }
        assert!(parts.iter().all(|it| it["relation"] == "part"));
    }
    let again = stage.year().good();
    assert_eq!(again["planned"], 0, "a window that was split is held by its parts: {again}");
    covers!(MATRIX, "5003", "solicita");
    covers!("lifecycle: too large → halves or months, automatically, and every part is imported");
}

/// Runs the year until the requests are as they should be, and interrupts it.
fn interrupted_when(stage: &Stage, what: &str, holds: impl Fn(&[Value]) -> bool) {
    let begun: Begun = stage.begin();
    stage.until(what, holds);
    assert_eq!(begun.signal("INT"), 4, "try later");
}

fn all_pending(solicitudes: &[Value]) -> bool {
    solicitudes.iter().all(|it| matches!(state(it), "accepted" | "running") && it["checks"].as_u64() > Some(0))
}

#[test]
fn stuck_for_four_days_is_replaced_and_the_replacement_wins() {
    let mut stage = Stage::past();
    stage.arm("Solicita", "stuck", 1);
    interrupted_when(&stage, "all but one at home", |all| {
        let open: Vec<&Value> = all.iter().filter(|it| !is_home(it)).collect();
        open.len() == 1 && state(open[0]) == "accepted"
    });
    stage.advance(STUCK_S - 2 * 600);
    stage.sat("verify");
    assert_eq!(those(&stage.solicitudes(), "accepted").len(), 1, "not yet four days");
    stage.advance(2 * 600);
    stage.assert_whole(&stage.year());
    let all = stage.solicitudes();
    let superseded = those(&all, "superseded");
    assert_eq!((superseded.len(), all.len()), (1, A_YEAR + 1), "{:?}", tally(&all));
    assert_widened_once(&all, &superseded, "stuck");
    covers!(MATRIX, "stuck", "solicita");
    covers!(
        "lifecycle: in process for more than four days → replaced by a wider one, both linked; the replacement ends first and wins"
    );
}

#[test]
fn stuck_for_four_days_and_the_old_one_wins() {
    let mut stage = Stage::with(2024, &["--rfc", crate::stage::RFC]);
    stage.arm("Verifica", "stuck", 1_000);
    interrupted_when(&stage, "all pending", |all| all.len() == A_YEAR && all_pending(all));
    stage.advance(STUCK_S);
    stage.sat("verify");
    let all = stage.solicitudes();
    let stuck = those(&all, "stuck");
    assert_eq!((stuck.len(), those(&all, "planned").len()), (A_YEAR, A_YEAR), "{:?}", tally(&all));
    assert_eq!(stage.accepted(), A_YEAR as u64, "nothing of it was asked yet");
    stage.disarm();
    stage.sat("verify");
    stage.assert_whole(&stage.year());
    let all = stage.solicitudes();
    for old in all.iter().filter(|it| it["replaces"].is_null()) {
        let [beside] = heirs(&all, old)[..] else { panic!("{old:#}") };
        assert_eq!((state(old), state(beside)), ("empty", "superseded"));
    }
    assert_eq!(stage.accepted(), A_YEAR as u64, "a replacement that nobody needs any more is not asked");
    covers!("lifecycle: in process for more than four days → replaced, whichever ends first wins: the old one");
}

#[test]
fn both_of_a_pair_under_way_come_to_one_answer() {
    let mut stage = Stage::with(2024, &["--rfc", crate::stage::RFC]);
    stage.arm("Verifica", "stuck", 100_000);
    interrupted_when(&stage, "all pending", |all| all.len() == A_YEAR && all_pending(all));
    stage.advance(STUCK_S);
    interrupted_when(&stage, "a pair of each", |all| {
        all.len() == 2 * A_YEAR
            && all.iter().all(|it| matches!(state(it), "stuck" | "accepted" | "running") && it["checks"].as_u64() > Some(0))
    });
    assert_eq!(stage.accepted(), 2 * A_YEAR as u64);
    stage.disarm();
    stage.assert_whole(&stage.year());
    let all = stage.solicitudes();
    assert!(all.iter().all(|it| matches!(state(it), "empty" | "superseded")), "{:?}", tally(&all));
    covers!("lifecycle: of a stuck request and the one beside it, the first to end supersedes the other, both under way");
}

#[test]
fn a_replacement_that_fails_is_replaced_too_and_the_last_one_wins() {
    let mut stage = Stage::past();
    stage.arm("Solicita", "stuck", 1);
    interrupted_when(&stage, "all but one at home", |all| {
        all.len() == A_YEAR && all.iter().filter(|it| is_home(it)).count() == A_YEAR - 1
    });
    stage.advance(STUCK_S);
    stage.arm("Solicita", "state4", 1);
    stage.assert_whole(&stage.year());
    let all = stage.solicitudes();
    let (superseded, failed) = (those(&all, "superseded"), those(&all, "failed"));
    assert_eq!((superseded.len(), failed.len(), all.len()), (1, 1, A_YEAR + 2), "{:?}", tally(&all));
    assert_eq!(failed[0]["replaces"], superseded[0]["id"]);
    assert_widened_once(&all, &failed, "variant");
    covers!("lifecycle: a replacement of a stuck request that fails is replaced in its turn");
}

#[test]
fn a_stuck_request_that_fails_leaves_its_window_to_the_one_beside_it() {
    let mut stage = Stage::january(20);
    stage.arm("Verifica", "stuck", 100_000);
    interrupted_when(&stage, "both pending", |all| all.len() == 2 && all_pending(all));
    stage.advance(STUCK_S);
    // Two with one beside each, and two for the days since.
    interrupted_when(&stage, "pairs", |all| {
        all.len() == 6
            && all.iter().all(|it| matches!(state(it), "stuck" | "accepted" | "running") && it["checks"].as_u64() > Some(0))
    });
    stage.disarm();
    stage.assert_whole(&stage.year());
    let all = stage.solicitudes();
    for old in all.iter().filter(|it| heirs(&all, it).len() == 1) {
        assert!(matches!(state(old), "expired" | "superseded"), "its packages are long gone: {old:#}");
    }
    assert_eq!((stage.accepted(), all.len()), (6, 6), "{:?}", tally(&all));
    covers!("lifecycle: a stuck request that fails leaves its window to the one beside it; no third is asked");
}

#[test]
fn packages_that_lapsed_before_they_were_fetched_are_asked_again() {
    let mut stage = Stage::past();
    stage.arm("Verifica", "stuck", 1_000);
    interrupted_when(&stage, "all pending", |all| all.len() == A_YEAR && all_pending(all));
    stage.disarm();
    stage.sat("verify");
    let ready = those(&stage.solicitudes(), "ready").len();
    assert!(ready > 0, "packages are listed and not yet fetched");
    stage.advance(LAPSED_S);
    stage.assert_whole(&stage.year());
    let all = stage.solicitudes();
    let expired = those(&all, "expired");
    assert_eq!(expired.len(), ready, "{:?}", tally(&all));
    assert_widened_once(&all, &expired, "variant");
    covers!("lifecycle: expired → asked again: 5007 on a package after 72 hours");
}

#[test]
fn requests_that_lapsed_before_they_were_verified_are_asked_again() {
    let mut stage = Stage::january(20);
    stage.arm("Verifica", "stuck", 1_000);
    interrupted_when(&stage, "both pending", |all| all.len() == 2 && all_pending(all));
    stage.disarm();
    stage.advance(LAPSED_S);
    stage.assert_whole(&stage.year());
    let all = stage.solicitudes();
    let expired = those(&all, "expired");
    assert_eq!(expired.len(), 2, "{:?}", tally(&all));
    assert_widened_once(&all, &expired, "variant");
    covers!("lifecycle: expired → asked again: state 6 after 72 hours");
}

#[test]
fn a_code_that_nobody_knows_is_never_success_and_is_shown() {
    let stage = Stage::past();
    stage.arm("Solicita", "unknown_code", 1);
    let ended = stage.year();
    let summary = ended.json();
    assert_eq!((ended.exit, &summary["blocked"], &summary["open"]), (3, &serde_json::json!(1), &serde_json::json!(0)), "{ended:?}");
    let all = stage.solicitudes();
    let [blocked] = those(&all, "blocked")[..] else { panic!("{:?}", tally(&all)) };
    assert_eq!(blocked["sat"]["cod_estatus"], "5999");
    let words = stage.shell.run(&["sat", "status", "--rfc", crate::stage::RFC]);
    assert!(words.stdout.contains("5999"), "{words:?}");
    let report = stage.shell.dir.join("objects").join(summary["report"].as_str().unwrap());
    let report: Value = serde_json::from_slice(&std::fs::read(report).unwrap()).unwrap();
    let unsettled = report["report"]["windows"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|it| it["settled"] == false && it["state"] != "not_asked")
        .count();
    assert_eq!(unsettled, 1, "the report does not vouch for that window");
    let year = stage.year.to_string();
    stage.shell.run(&["sat", "year", "--rfc", crate::stage::RFC, "--year", &year, "--issued", "--retry", "--json"]);
    let all = stage.solicitudes();
    assert_widened_once(&all, &those(&all, "blocked"), "variant");
    assert_eq!(stage.accepted(), A_YEAR as u64 + 1, "the person decided: asked once more, as another");
    stage.assert_fair();
    covers!(MATRIX, "unknown_code", "solicita");
    covers!("lifecycle: an unknown code of a request is kept and shown, never success, and a person decides");
}

#[test]
fn a_state_that_nobody_knows_is_pending_and_is_shown() {
    let stage = Stage::january(20);
    stage.arm("Verifica", "stuck", 1_000);
    interrupted_when(&stage, "both pending", |all| all.len() == 2 && all_pending(all));
    stage.disarm();
    stage.arm("Verifica", "unknown_code", 2);
    stage.sat("verify");
    for s in stage.solicitudes() {
        assert!(matches!(state(&s), "accepted" | "running"), "{s:#}");
        assert_eq!((&s["sat"]["cod_estatus"], &s["sat"]["estado"]), (&serde_json::json!("5999"), &serde_json::json!(9)));
    }
    stage.assert_whole(&stage.year());
    covers!("lifecycle: an unknown state of a request is pending and shown, never success");
}

#[test]
fn a_download_with_a_code_that_nobody_knows_is_judged_by_what_came() {
    let stage = Stage::january(20);
    stage.arm("Descargar", "unknown_code", 1);
    stage.assert_whole(&stage.year());
    assert_eq!(stage.sandbox.witness("counts")["most_downloads_of_one_package"], 1);
    covers!(MATRIX, "unknown_code", "descargar");
}
