//! `doctor` as an operator runs it: what is in order, what is not, and by which exit code.

mod support;

use serde_json::Value;
use std::os::unix::fs::PermissionsExt;
use support::{Shell, sandbox};

/// The outcomes of the checks of a name.
fn outcomes<'a>(told: &'a Value, name: &str) -> Vec<&'a str> {
    let checks = told["checks"].as_array().expect("a list");
    checks.iter().filter(|it| it["name"] == name).map(|it| it["outcome"].as_str().expect("a text")).collect()
}

#[test]
fn a_healthy_folder_a_silent_authority_and_a_folder_that_others_may_read() {
    let base = tempfile::tempdir().unwrap();
    let sat = sandbox(base.path(), &["--generate", "5"]);
    let shell = sat.shell(base.path().join("data"));
    sat.register(&shell);

    let told = shell.run(&["doctor", "--sat", "--json"]).good();
    assert_eq!(told["healthy"], true, "{told}");
    assert_eq!(outcomes(&told, "address"), ["good"; 8], "{told}");
    assert_eq!(outcomes(&told, "efirma"), ["good"], "{told}");
    assert!(outcomes(&told, "clock").is_empty(), "{told}");

    let alone = shell.with("FEDATARIO_SAT_URL", "http://127.0.0.1:1");
    let ended = alone.run(&["doctor", "--sat", "--json"]);
    assert_eq!((ended.exit, outcomes(&ended.json(), "address")), (1, vec!["bad"; 8]), "{ended:?}");
    assert_eq!(alone.run(&["doctor", "--json"]).exit, 0, "without --sat nobody is called");

    std::fs::set_permissions(&alone.dir, std::fs::Permissions::from_mode(0o755)).unwrap();
    let ended = alone.run(&["doctor"]);
    assert_eq!(ended.exit, 0, "a warning is no finding: {ended:?}");
    assert!(ended.stdout.contains("chmod 700"), "{ended:?}");
    fedatario_testkit::covers!("doctor: says what is in order and what is not, by its exit code");
}

#[test]
fn a_folder_that_is_not_there_is_not_made() {
    let base = tempfile::tempdir().unwrap();
    let dir = base.path().join("absent");
    let ended = Shell::new(&dir).run(&["doctor", "--json"]);
    assert_eq!((ended.exit, ended.json()["error"]["code"].as_str()), (2, Some("not_found")));
    assert!(!dir.exists());
}
