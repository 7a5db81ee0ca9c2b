//! Several processes on one folder: `serve` beside `sat year`, and one of them killed.

use crate::stage::{A_YEAR, RFC, Stage, is_home};
use fedatario_testkit::covers;

fn all_home(all: &[serde_json::Value]) -> bool {
    all.len() == A_YEAR && all.iter().all(is_home)
}

fn running(stage: &Stage) -> usize {
    stage.shell.run(&["jobs", "list", "--state", "running", "--json"]).good()["jobs"].as_array().expect("a list").len()
}

#[test]
fn serve_works_on_what_was_left_to_it_and_a_year_waits_for_it() {
    let stage = Stage::past();
    stage.detach();
    assert_eq!(stage.accepted(), 0);
    let serve = stage.serve();
    stage.until("all at home", all_home);
    stage.assert_whole(&stage.year());
    assert_eq!(serve.signal("TERM"), 0, "a graceful end");
    assert_eq!(stage.accepted(), A_YEAR as u64);
    covers!("lifecycle: serve works on the jobs that sat year --detach left");
}

#[test]
fn two_processes_share_a_year_and_nothing_is_done_twice() {
    let stage = Stage::past();
    stage.detach();
    stage.arm("Solicita", "slow", 4);
    let serve = stage.serve();
    let both = [stage.begin(), stage.begin()].map(crate::stage::Begun::ended);
    for ended in &both {
        let summary = stage.assert_whole(ended);
        assert_eq!((&summary["planned"], &summary["uncertain"]), (&serde_json::json!(0), &serde_json::json!(0)));
    }
    let counts = stage.sandbox.witness("counts");
    assert_eq!((&counts["requests"], &counts["most_downloads_of_one_package"]), (&serde_json::json!(14), &serde_json::json!(1)));
    assert_eq!(counts["logins"], 1, "one login for a crowd of processes");
    assert_eq!(serve.signal("TERM"), 0);
    covers!("lifecycle: a year that runs beside serve waits for the jobs that it holds; no work is done twice");
}

#[test]
fn a_killed_serve_gives_its_jobs_back_at_once() {
    let stage = Stage::past();
    stage.detach();
    stage.arm("Solicita", "hold", 1);
    let serve = stage.serve();
    while stage.armed() > 0 {}
    assert_eq!(serve.signal("KILL"), -1);
    assert!(running(&stage) > 0, "their leases have most of a minute to go");
    stage.sat("verify"); // Does nothing but look, and take back.
    assert_eq!(running(&stage), 0);
    let summary = stage.assert_whole(&stage.year());
    assert_eq!(summary["uncertain"], 1, "the one that was open at SAT");
    assert_eq!(stage.accepted(), A_YEAR as u64 + 1);
    covers!("lifecycle: a killed process's jobs are given back at once; what it had open at SAT is uncertain and replaced once");
}

#[test]
fn a_year_that_waits_takes_over_from_a_serve_that_dies() {
    let stage = Stage::past();
    stage.detach();
    stage.arm("Descargar", "hold", 1);
    let serve = stage.serve();
    while stage.armed() > 0 {}
    let year = stage.begin();
    stage.until("all but one at home", |all| all.iter().filter(|it| is_home(it)).count() == A_YEAR - 1);
    assert_eq!(serve.signal("KILL"), -1);
    let summary = stage.assert_whole(&year.ended());
    assert_eq!((summary["uncertain"].as_u64(), summary["lost_packages"].as_u64()), (Some(0), Some(0)));
    assert_eq!(
        stage.sandbox.witness("counts")["most_downloads_of_one_package"],
        2,
        "fetched again, as it was open when it was killed"
    );
    assert_eq!(stage.shell.run(&["sat", "status", "--rfc", RFC, "--json"]).good()["taxpayers"][0]["open_jobs"], 0);
    covers!("lifecycle: a package whose download was open when its process was killed is fetched a second time by another");
}
