//! The demo killed for real at many moments, and run again: the same end, and the sandbox's own
//! counts are the witness.

mod support;

use serde_json::Value;
use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::Stdio;
use support::{Shell, get, start};

/// Moments are counted in SQL statements: each is a line of the log when it is done.
const LOG: &str = "sqlx=debug";
/// The statement after which a call to the authority is on its way.
const DEPARTURE: &str = "update exchanges set departed";
/// Folders that are killed over and over.
const FOLDERS: u64 = 4;
/// Where a kill falls is the machine's doing: more folders are taken until some kill fell inside an
/// open request, which is what the test is about.
const FOLDERS_AT_MOST: u64 = 16;
/// Kills of one folder.
const KILLS: u64 = 12;

/// When a life ends.
#[derive(Debug, Clone, Copy)]
enum Moment {
    /// After so many statements of any kind.
    Statement(u64),
    /// With the n-th call to the authority on its way.
    Departure(u64),
}

/// Runs the demo until a moment and kills it; false if it ended before.
fn run_until(shell: &Shell, arguments: &[&str], moment: Moment) -> bool {
    let mut command = shell.command(arguments);
    let mut child =
        command.env("FEDATARIO_LOG", LOG).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("the binary starts");
    let lines = BufReader::new(child.stderr.take().expect("piped")).lines().map_while(Result::ok);
    let (count, wanted): (u64, fn(&String) -> bool) = match moment {
        Moment::Statement(count) => (count, |_| true),
        Moment::Departure(count) => (count, |it| it.contains(DEPARTURE)),
    };
    let seen = lines.filter(wanted).take(count as usize).count() as u64;
    child.kill().expect("a child can be killed");
    child.wait().expect("a child can be waited for");
    seen == count
}

/// How many statements a whole run logs.
fn length(dir: &Path, arguments: &[&str]) -> u64 {
    let shell = Shell::new(dir);
    let done = shell.command(arguments).env("FEDATARIO_LOG", LOG).output().expect("the binary starts");
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    done.stderr.split(|it| *it == b'\n').count() as u64
}

/// A small seeded sequence, so that a failure can be run again.
fn moments(seed: u64, whole: u64) -> Vec<Moment> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15).wrapping_add(1);
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    // Each life gets a part of the way, so that the next one begins in another place.
    let moment = |n: u64| {
        if n.is_multiple_of(2) { Moment::Departure(1 + next() % 9) } else { Moment::Statement(1 + next() % (whole / KILLS)) }
    };
    (0..KILLS).map(moment).collect()
}

/// No two accepted requests have equal criteria.
fn assert_all_different(requests: &Value) {
    let criteria: Vec<String> = requests.as_array().expect("a list").iter().map(|it| it["criteria"].to_string()).collect();
    let different: BTreeSet<&String> = criteria.iter().collect();
    assert_eq!(different.len(), criteria.len(), "{criteria:#?}");
}

#[test]
fn a_year_survives_being_killed_at_many_moments() {
    let examples = support::examples();
    let cfdi = examples.to_str().expect("UTF-8");
    let arguments = ["demo", "--once", "--json", "--cfdi", cfdi];
    let base = tempfile::tempdir().unwrap();
    let whole = length(&base.path().join("measured"), &arguments);
    let clean = Shell::new(base.path().join("clean")).run(&arguments).good();
    let mut uncertain = 0;

    for seed in 0..FOLDERS_AT_MOST {
        if seed >= FOLDERS && uncertain > 0 {
            break;
        }
        let shell = Shell::new(base.path().join(format!("killed-{seed}")));
        let mut killed = 0;
        for moment in moments(seed, whole) {
            killed += u64::from(run_until(&shell, &arguments, moment));
        }
        assert!(killed > 0, "seed {seed}: no run was killed");
        let last = start(shell.command(&["demo", "--json", "--cfdi", cfdi]));
        let summary = &last.first;
        for count in ["cfdi", "metadata", "missing", "not_delivered"] {
            assert_eq!(summary[count], clean[count], "seed {seed}: {count} of {summary}");
        }
        let url = std::fs::read_to_string(shell.dir.join("sandbox/url")).expect("the demo says where its sandbox is");
        let counts = get(&format!("{}/_sandbox/counts", url.trim()));
        let requests = get(&format!("{}/_sandbox/requests", url.trim()));
        assert_all_different(&requests);
        let allowed = 28 + summary["uncertain"].as_u64().unwrap() + summary["lost_packages"].as_u64().unwrap();
        assert!(counts["requests"].as_u64().unwrap() <= allowed, "seed {seed}: {counts} {summary}");
        assert!(summary["uncertain"].as_u64().unwrap() <= killed, "seed {seed}: one open request a kill: {summary}");
        assert!(counts["most_downloads_of_one_package"].as_u64().unwrap() <= 2, "seed {seed}: {counts}");
        uncertain += summary["uncertain"].as_u64().unwrap();
        drop(last);
        let verdict = shell.run(&["audit", "verify", "--json"]).good();
        assert_eq!(verdict["intact"], true, "seed {seed}");
    }
    assert!(uncertain > 0, "no kill fell inside an open request: the moments prove nothing");
    fedatario_testkit::covers!("done: kill -9 in the middle of the demo at many moments, then the same command, ends the same");
}

#[test]
fn run_again_changes_nothing() {
    let base = tempfile::tempdir().unwrap();
    let examples = support::examples();
    let arguments = ["demo", "--once", "--json", "--cfdi", examples.to_str().expect("UTF-8")];
    let shell = Shell::new(base.path().join("demo"));
    let first = shell.run(&arguments).good();
    let second = shell.run(&arguments).good();
    for field in ["requests", "packages", "cfdi", "metadata", "missing", "not_delivered", "report", "authority"] {
        assert_eq!(first[field], second[field], "{field}");
    }
    assert_eq!(first["requests"], 28);
    assert_eq!(first["missing"], 0);
    fedatario_testkit::covers!("demo: brings a year home with 0 missing and again changes nothing");
}

#[test]
fn a_folder_of_somebody_else_is_refused_and_untouched() {
    let base = tempfile::tempdir().unwrap();
    std::fs::write(base.path().join("letter.txt"), "dear").unwrap();
    let ended = Shell::new(base.path()).run(&["demo", "--once", "--json"]);
    assert_eq!(ended.exit, 2, "{ended:?}");
    assert_eq!(ended.json()["error"]["code"], "data_foreign");
    let names: Vec<_> = std::fs::read_dir(base.path()).unwrap().map(|it| it.unwrap().file_name()).collect();
    assert_eq!(names, ["letter.txt"]);
    fedatario_testkit::covers!("demo: refuses a folder that it did not create");
}
