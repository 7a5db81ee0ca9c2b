//! Each fault of the authority on each operation, end to end: the built binary on one side, the
//! sandbox on the other, its counts the witness. What it must come to is data ([`cells`]), from which
//! `docs/fault-table.md` is made.

#[path = "../support/here.rs"]
mod here;
#[path = "../support/mod.rs"]
mod support;

mod cells;

use cells::{End, Means, OPERATIONS, ROWS, Row};
use here::{Here, is_home, state};
use serde_json::Value;
use std::fmt::Write;
use std::panic::AssertUnwindSafe;
use std::path::Path;
use std::sync::{Mutex, OnceLock};

const MATRIX: &str = "fault of the authority x operation";
/// The table that is made of the cells.
const TABLE: &str = "docs/fault-table.md";
/// Cells that run beside each other: most of their time is waiting.
const BESIDE: usize = 8;
/// Requests of the first days of a year, in one direction: metadata, CFDI.
const REQUESTS: u64 = 2;
/// How a command ends that the authority refused.
const REFUSED: i32 = 3;
/// How a command ends that was told to stop.
const LATER: i32 = 4;

/// What a year without faults brings: (cfdi, metadata).
fn whole() -> (u64, u64) {
    static WHOLE: OnceLock<(u64, u64)> = OnceLock::new();
    *WHOLE.get_or_init(|| {
        let summary = Here::new().year().good();
        (summary["cfdi"].as_u64().expect("a number"), summary["metadata"].as_u64().expect("a number"))
    })
}

/// Brings a house to where its next call is the operation.
fn brought_to(here: &Here, operation: &str) {
    match operation {
        "autentica" => {}
        "solicita" => drop(here.sat("auth").good()),
        _ => {
            here.arm("Verifica", "stuck", 100_000);
            let begun = here.begin();
            let pending = |it: &Value| state(it) == "accepted" && it["checks"].as_u64() > Some(0);
            here.until("both pending", |all| all.len() == REQUESTS as usize && all.iter().all(pending));
            assert_eq!(begun.signal("INT"), LATER);
            here.sandbox.clear_faults();
            if operation == "descargar" {
                here.sat("verify");
            }
        }
    }
}

/// Runs the year under a fault; the last run's summary.
fn year_under(here: &Here, means: Means, operation: &str, end: End) -> Value {
    match means {
        Means::Fault(fault, times) => {
            let operation = if operation == "descargar" { "Descargar" } else { operation };
            here.arm(operation, fault, times);
        }
        Means::Shut => {
            brought_to(here, operation);
            here.shut();
            let mut begun = here.begin_told();
            begun.closes(1);
            here.open();
            return begun.ended().good();
        }
        Means::Clock(seconds) => here.clock.by(seconds),
    }
    match end {
        End::Cooled => {
            let refused = here.sat("auth");
            assert_eq!(refused.exit, REFUSED, "{refused:?}");
            here.clock.by(0);
        }
        End::NewCertificate => {
            blocked(here);
            assert_eq!(here.sandbox.counts().refused, 1, "nothing more is sent with it");
            here.register();
        }
        End::Person => {
            blocked(here);
            let year = here.year.to_string();
            let retry = ["sat", "year", "--rfc", here::RFC, "--year", &year, "--issued", "--retry", "--json"];
            return here.shell.run(&retry).json();
        }
        _ => {}
    }
    here.year().good()
}

fn blocked(here: &Here) {
    let ended = here.year();
    assert_eq!((ended.exit, &ended.json()["open"]), (REFUSED, &serde_json::json!(0)), "{ended:?}");
    assert!(here.solicitudes().iter().any(|it| state(it) == "blocked"));
}

fn check(row: &Row, operation: &str, end: End) {
    let here = Here::new();
    let summary = year_under(&here, row.means, operation, end);
    let told = |name: &str| summary[name].as_u64().unwrap_or_else(|| panic!("{name} of {summary}"));
    assert_eq!((told("missing"), told("open")), (0, 0), "{summary}");
    assert_eq!((told("cfdi"), told("metadata")), whole(), "{summary}");
    here.assert_fair();
    assert_eq!(here.sandbox.faults_waiting(), 0, "the fault was met");
    came_to(&here, end, &here.solicitudes(), told("lost_packages"));
}

/// Holds the requests against the end that is stated.
fn came_to(here: &Here, end: End, all: &[Value], lost: u64) {
    let counts = here.sandbox.counts();
    let ended: Vec<&Value> = all.iter().filter(|it| !is_home(it)).collect();
    let states: Vec<&str> = ended.iter().map(|it| state(it)).collect();
    // The rest of the running year is asked when a command is run again.
    let windows = all.iter().filter(|it| it["replaces"].is_null()).count() as u64;
    // (states that are not at home, accepted requests, packages lost)
    let (expected, accepted, gone): (&[&str], u64, u64) = match end {
        End::Same | End::Login | End::Cooled | End::Twice | End::NewCertificate => (&[], windows, 0),
        End::Uncertain { done } => (&["uncertain"], windows + u64::from(done), 0),
        End::Anew("rejected") if counts.refused > 0 => (&["rejected"], windows, 0),
        End::Anew("failed") => (&["failed"], windows + 1, 0),
        End::Anew("expired") => (&["expired"], windows + 1, 0),
        End::Lost => (&["expired"], windows + 1, 1),
        End::Parts => (&["too_large"], windows + 2, 0),
        End::Person => (&["blocked"], windows + 1, 0),
        End::Anew(_) | End::Apart(_) => panic!("no such end: {end:?}"),
    };
    assert_eq!((states.as_slice(), counts.requests, lost), (expected, accepted, gone), "{counts:?} {all:#?}");
    if end == End::Login {
        assert_eq!(counts.logins, 2, "{counts:?}");
    }
    if !matches!(end, End::Parts) {
        ended.iter().for_each(|it| widened(all, it));
    }
}

/// It has one heir: the same window one second wider, and it came home.
fn widened(all: &[Value], s: &Value) {
    let heirs: Vec<&Value> = all.iter().filter(|it| it["replaces"] == s["id"]).collect();
    let [heir] = heirs[..] else { panic!("{s:#} {heirs:#?}") };
    let moment = |it: &Value, at: &str| it[at].as_str().expect("a moment").parse::<jiff::civil::DateTime>().expect("a moment");
    assert_eq!(moment(heir, "from"), moment(s, "from") - jiff::SignedDuration::from_secs(1), "wider, never narrower");
    assert_eq!((moment(heir, "to"), is_home(heir)), (moment(s, "to"), true));
}

#[test]
fn each_fault_on_each_operation_comes_to_the_state_that_is_stated() {
    let cells: Vec<(&Row, &str, End)> =
        ROWS.iter().flat_map(|row| OPERATIONS.iter().zip(row.ends).map(move |(operation, end)| (row, *operation, end))).collect();
    whole();
    let (waiting, wrong) = (Mutex::new(cells), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..BESIDE {
            scope.spawn(|| {
                loop {
                    let Some((row, operation, end)) = waiting.lock().expect("no cell panics with it").pop() else { return };
                    if let End::Apart(why) = end {
                        fedatario_testkit::covers!(format!("{MATRIX} n/a"), format!("{}: {why}", row.name), operation);
                    } else if std::panic::catch_unwind(AssertUnwindSafe(|| check(row, operation, end))).is_ok() {
                        fedatario_testkit::covers!(MATRIX, row.name, operation);
                    } else {
                        wrong.lock().expect("no cell panics with it").push(format!("{} on {operation}: not {end:?}", row.name));
                    }
                }
            });
        }
    });
    let wrong = wrong.into_inner().expect("every cell has ended");
    assert!(wrong.is_empty(), "{wrong:#?}");
    fedatario_testkit::covers!("faults: each fault of the authority on each operation comes to the final state that is stated");
}

fn table() -> String {
    let mut text = "# When the authority misbehaves\n\n\
        What each fault on each operation comes to, as `crates/fedatario/tests/faults` states and proves it, end to end, in\n\
        every test run. In every cell the year ends whole: nothing missing, nothing doubled, no two accepted requests equal, no\n\
        package fetched a third time, the chain intact. Made by that test with `FEDATARIO_FAULT_TABLE=1`; not to be edited.\n\n\
        | Fault | Autentica | Solicita | Verifica | Descargar |\n| --- | --- | --- | --- | --- |\n"
        .to_owned();
    for row in ROWS {
        let ends: Vec<String> = row.ends.iter().map(|it| it.says()).collect();
        let _ = writeln!(text, "| {} | {} |", row.name, ends.join(" | "));
    }
    text
}

#[test]
fn the_table_says_what_is_tested() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(TABLE);
    if std::env::var_os("FEDATARIO_FAULT_TABLE").is_some() {
        std::fs::write(&path, table()).expect("the table can be written");
    }
    assert_eq!(std::fs::read_to_string(path).unwrap_or_default(), table(), "FEDATARIO_FAULT_TABLE=1 makes it anew");
    fedatario_testkit::covers!("faults: docs/fault-table.md is made from the cells that are tested");
}
