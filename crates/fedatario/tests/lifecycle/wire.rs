//! Answers that do not arrive, or not as SAT's own: each on each operation, once and in bursts.

use crate::stage::{A_YEAR, Stage, assert_widened_once, each, is_home, tally, those};
use fedatario_testkit::covers;

const MATRIX: &str = "lifecycle fault x operation";

fn cover(faults: &[&str], operation: &str) {
    faults.iter().for_each(|it| covers!(MATRIX, it, operation));
}

/// After Solicita, whatever is not SAT's own answer leaves the request uncertain: one replacement,
/// one second wider. `done` of the faults strike after the sandbox accepted.
fn lost_requests(faults: &[&str], done: u64) {
    let stage = Stage::past();
    stage.arm_all("Solicita", faults);
    stage.assert_whole(&stage.year());
    let all = stage.solicitudes();
    let uncertain = those(&all, "uncertain");
    assert_eq!(uncertain.len(), faults.len(), "{:?}", tally(&all));
    assert_widened_once(&all, &uncertain, "variant");
    assert_eq!(stage.accepted(), A_YEAR as u64 + done, "each lost one once, each replacement once");
    cover(faults, "solicita");
}

#[test]
fn an_unanswered_request_is_uncertain_and_replaced_once() {
    lost_requests(&["hang", "cut", "500", "truncated", "html"], 3);
    covers!("lifecycle: lost answers: a request without SAT's own answer is uncertain and gets one replacement, one second wider");
}

#[test]
fn a_request_answered_by_something_else_is_uncertain_too() {
    lost_requests(&["502", "error_404", "close", "truncated_gzip", "error_404_done", "404", "503"], 2);
    covers!("lifecycle: lost answers: 404 inside HTTP 200 is uncertain, with or without an IdSolicitud");
}

#[test]
fn the_same_window_lost_again_and_again_is_widened_again_and_again() {
    let stage = Stage::january(20);
    stage.arm("Solicita", "cut", 5);
    let summary = stage.assert_whole(&stage.year());
    let all = stage.solicitudes();
    assert_eq!(those(&all, "uncertain").len(), 5);
    assert_eq!(summary["uncertain"], 5);
    assert_eq!(stage.accepted(), 2 + 5);
    covers!("lifecycle: lost answers: each variant is an attempt like any other, never two accepted with equal criteria");
}

/// Verifications and logins are asked again, and nothing shows at the end.
fn asked_again(stage: &Stage, operation: &str, faults: &[&str]) {
    stage.arm_all(operation, faults);
    stage.assert_whole(&stage.year());
    let all = stage.solicitudes();
    assert_eq!((stage.armed(), stage.accepted()), (0, all.len() as u64), "{operation} {faults:?}");
    assert!(all.iter().all(|it| is_home(it) && it["k"] == 0), "{:?}", tally(&all));
    cover(faults, &operation.to_lowercase());
}

#[test]
fn a_login_that_fails_is_tried_again() {
    let cases = [["500", "html"], ["truncated", "cut"], ["503", "close"], ["502", "404"], ["truncated_gzip", "hang"]];
    each(&cases, |faults| asked_again(&Stage::january(20), "Autentica", faults));
    asked_again(&Stage::past(), "Autentica", &["500", "503", "html"]);
    covers!("lifecycle: a login that is not answered is tried again, and the year ends the same");
}

#[test]
fn a_verification_that_fails_is_asked_again() {
    let cases = [["500", "html", "truncated", "close", "hang"], ["cut", "503", "404", "truncated_gzip", "502"]];
    each(&cases, |faults| asked_again(&Stage::past(), "Verifica", faults));
    asked_again(&Stage::january(20), "Verifica", &["error_404", "error_404", "slow"]);
    covers!("lifecycle: a verification that is not answered is asked again, and the year ends the same");
}

#[test]
fn a_download_that_was_cut_is_fetched_a_second_time() {
    let cases = [["cut", "truncated", "empty_paquete", "500", "html"], ["close", "truncated_gzip", "502", "404", "503"]];
    each(&cases, |faults| {
        let stage = Stage::past();
        stage.arm_all("Descargar", faults);
        let summary = stage.assert_whole(&stage.year());
        assert_eq!((&summary["lost_packages"], stage.accepted()), (&serde_json::json!(0), A_YEAR as u64));
        cover(faults, "descargar");
    });
    covers!("lifecycle: a package whose download was cut is fetched a second time");
}

#[test]
fn a_download_that_hangs_is_fetched_a_second_time() {
    let stage = Stage::january(20);
    stage.arm("Descargar", "hang", 1);
    stage.assert_whole(&stage.year());
    assert_eq!(stage.accepted(), 2);
    assert_eq!(stage.sandbox.witness("counts")["most_downloads_of_one_package"], 2);
    cover(&["hang"], "descargar");
}

#[test]
fn a_package_that_was_cut_twice_is_lost_and_its_window_asked_again() {
    each(&["cut", "empty_paquete", "truncated"], |fault| {
        let stage = Stage::january(20);
        stage.arm("Descargar", fault, 4);
        let summary = stage.assert_whole(&stage.year());
        let lost = summary["lost_packages"].as_u64().unwrap();
        assert!((1..=2).contains(&lost), "four faults on two packages: {summary}");
        let all = stage.solicitudes();
        let expired = those(&all, "expired");
        assert_eq!(expired.len() as u64, lost);
        assert!(expired.iter().all(|it| it["packages"][0]["state"] == "lost"));
        assert_widened_once(&all, &expired, "variant");
        assert_eq!(stage.accepted(), 2 + lost);
    });
    covers!("lifecycle: a package lost twice is never fetched a third time; its window is asked again with the next k");
}

#[test]
fn a_session_refused_in_the_middle_costs_one_login() {
    each(&["Solicita", "Verifica", "Descargar"], |operation| {
        let stage = Stage::past();
        stage.arm(operation, "300", 1);
        stage.assert_whole(&stage.year());
        assert_eq!((stage.logins(), stage.accepted(), stage.armed()), (2, A_YEAR as u64, 0), "{operation}");
        cover(&["300"], &operation.to_lowercase());
    });
    covers!("lifecycle: a token refused in the middle of a batch costs one login and nothing else");
}
