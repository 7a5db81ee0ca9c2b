//! The folder's part: locked, taken away, without its key.

use crate::here::Here;
use fedatario_testkit::covers;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::process::{Child, Command, Stdio};

/// How a command ends that was used wrongly, or found its installation so.
const USAGE: i32 = 2;
/// How a command ends that may be tried later.
const LATER: i32 = 4;

/// Somebody who writes in the database and does not come to an end.
struct Hog(Child);

impl Hog {
    fn over(here: &Here) -> Self {
        let script = "import sqlite3, sys\nit = sqlite3.connect(sys.argv[1], isolation_level=None)\nit.execute('begin immediate')\nprint('held', flush=True)\nsys.stdin.read()";
        let mut command = Command::new("python3");
        command.args(["-c", script]).arg(here.house().join("fedatario.db")).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("python3 runs");
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("piped")).read_line(&mut line).expect("a line");
        assert_eq!(line.trim(), "held");
        Self(child)
    }
}

impl Drop for Hog {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_database_locked_by_another_is_told_and_the_work_goes_on_later() {
    let here = Here::new();
    let hog = Hog::over(&here);
    let ended = here.year();
    assert_eq!((ended.exit, ended.json()["error"]["code"].as_str()), (LATER, Some("store_unavailable")), "{ended:?}");
    assert_eq!(here.sandbox.counts().requests, 0, "no first byte without a row");
    drop(hog);
    assert_eq!(here.year().good()["missing"], 0);

    // In the middle of a run, for longer than a statement waits: the run looks again and ends.
    let here = Here::new();
    here.arm("Solicita", "hold", 1);
    let begun = here.begin();
    while here.sandbox.faults_waiting() > 0 {}
    let hog = Hog::over(&here);
    here.sandbox.release();
    let busy = here.sat("verify");
    assert_eq!(busy.exit, LATER, "waited for as long as a statement waits, and told so: {busy:?}");
    drop(hog);
    let first = begun.ended();
    let summary = if first.exit == 0 { first.good() } else { here.year().good() };
    assert_eq!(summary["missing"], 0, "{summary}");
    here.assert_fair();
    covers!(
        "trials: a database locked by another for longer than a statement waits: its code, exit 4, and the same command finishes"
    );
}

#[test]
fn objects_that_are_taken_away_are_missed_by_name_and_found_again() {
    let here = Here::new();
    here.arm("Verifica", "stuck", 100_000);
    let begun = here.begin();
    here.until("both waiting", |all| all.len() == 2 && all.iter().all(|it| it["checks"].as_u64() > Some(0)));
    let (objects, away) = (here.house().join("objects"), here.path("away"));
    std::fs::rename(&objects, &away).unwrap();
    here.sandbox.clear_faults();
    let told = here.sat("auth");
    assert_ne!(told.exit, 0, "the sealed key is not there: {told:?}");
    assert!(told.json()["error"]["code"].is_string(), "{told:?}");
    assert_eq!(begun.signal("INT"), LATER);
    std::fs::remove_dir_all(&objects).unwrap();
    std::fs::rename(&away, &objects).unwrap();
    let summary = here.year().good();
    assert_eq!((&summary["missing"], &summary["lost_packages"]), (&serde_json::json!(0), &serde_json::json!(0)), "{summary}");
    assert_eq!(here.sandbox.counts().most_downloads_of_one_package, 1);
    here.assert_fair();
    covers!(
        "trials: an objects folder that is taken away in the middle of a run is missed with a code; back again, the work is finished"
    );
}

#[test]
fn a_root_key_that_cannot_be_read_is_told_and_never_replaced() {
    let here = Here::new();
    let (key, away) = (here.house().join("root.key"), here.path("root.key"));
    std::fs::rename(&key, &away).unwrap();
    let code = |ended: &crate::support::Ended| ended.json()["error"]["code"].as_str().expect("a code").to_owned();
    let missing = here.year();
    assert_eq!((missing.exit, code(&missing).as_str()), (USAGE, "root_key_missing"), "{missing:?}");
    assert!(!key.exists(), "a key made anew would open nothing");
    std::fs::create_dir(&key).unwrap();
    let unreadable = here.year();
    assert_eq!(unreadable.exit, USAGE, "{unreadable:?}");
    assert!(code(&unreadable).starts_with("root_key"), "{unreadable:?}");
    std::fs::remove_dir(&key).unwrap();
    std::fs::write(&key, "1 c29tZXRoaW5nIGVsc2U=\n").unwrap();
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o600)).unwrap();
    let other = here.year();
    assert_eq!(other.exit, USAGE, "{other:?}");
    assert!(code(&other).starts_with("root_key"), "{other:?}");
    assert_eq!(here.sandbox.counts().requests, 0);
    std::fs::rename(&away, &key).unwrap();
    assert_eq!(here.year().good()["missing"], 0);
    here.assert_fair();
    covers!(
        "trials: a root key that is gone, unreadable or another is told by its code and never replaced; back again, the work is done"
    );
}
