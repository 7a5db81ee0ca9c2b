//! The whole way by its commands, against a sandbox in a process of its own.

mod support;

use serde_json::Value;
use std::path::Path;
use support::{SandboxSat, Shell, examples, sandbox};

const RFC: &str = "EKU9003173C9";
/// How far ahead the service clock runs, so that the authored year is over.
const AHEAD_S: &str = "31536000";

fn stage(dir: &Path, more: &[&str]) -> (SandboxSat, Shell) {
    let cfdi = examples();
    let mut arguments = vec!["--cfdi", cfdi.to_str().expect("UTF-8")];
    arguments.extend_from_slice(more);
    let sandbox = sandbox(dir, &arguments);
    let shell = sandbox.shell(dir.join("house"));
    (sandbox, shell)
}

fn the_year(sandbox: &SandboxSat, shell: &Shell) -> Value {
    sandbox.register(shell);
    shell.run(&["sat", "year", "--rfc", RFC, "--year", "2025", "--json"]).good()
}

#[test]
fn from_an_efirma_to_a_signed_report_and_back() {
    let base = tempfile::tempdir().unwrap();
    let (sandbox, shell) = stage(base.path(), &["--strict"]);
    let registered = sandbox.register(&shell);
    assert_eq!((registered["rfc"].as_str(), registered["changed"].as_bool()), (Some(RFC), Some(true)));
    assert_eq!(sandbox.register(&shell)["changed"], false);
    shell.run(&["sat", "auth", "--rfc", RFC, "--json"]).good();

    let year = shell.run(&["sat", "year", "--rfc", RFC, "--year", "2025", "--json"]).good();
    assert_eq!((year["planned"].as_u64(), year["requests"].as_u64()), (Some(28), Some(28)), "{year}");
    assert_eq!((year["missing"].as_u64(), year["open"].as_u64()), (Some(0), Some(0)));
    assert_eq!(sandbox.witness("counts")["requests"], 28);
    assert_eq!(sandbox.witness("counts")["logins"], 1, "one login for all");

    let again = shell.run(&["sat", "year", "--rfc", RFC, "--year", "2025", "--json"]).good();
    assert_eq!(again["planned"], 0);
    assert_eq!(again["held"].as_array().unwrap().len(), 28);
    assert_eq!(again["held"][0]["variants_left"], 7);
    assert_eq!(sandbox.witness("counts")["requests"], 28);

    let report = shell.dir.join("objects").join(year["report"].as_str().unwrap());
    let check = |expected: i32| {
        let ended = shell.run(&["sat", "report", "--check", report.to_str().unwrap(), "--json"]);
        assert_eq!(ended.exit, expected, "{ended:?}");
        ended.json()
    };
    assert_eq!(check(0)["key"], "pinned");
    let text = std::fs::read_to_string(&report).unwrap();
    std::fs::write(&report, text.replace("\"year\": 2025", "\"year\": 2024")).unwrap();
    assert_eq!(check(1)["signature"], false);
    fedatario_testkit::covers!("report: signed with the tenant's Ed25519 key and re-checkable");
    fedatario_testkit::covers!("sat: year asks 14 requests a direction; the same window is not asked twice, and says who holds it");
    fedatario_testkit::covers!("sat: token sealed in the store, reused, one login for a crowd");
    fedatario_testkit::covers!("cli: sat register, auth, year, report");
}

#[test]
fn step_by_step_in_separate_processes_comes_to_the_same() {
    let base = tempfile::tempdir().unwrap();
    let (sandbox, shell) = stage(base.path(), &[]);
    sandbox.register(&shell);
    let detached = shell.run(&["sat", "year", "--rfc", RFC, "--year", "2025", "--issued", "--detach", "--json"]).good();
    assert_eq!(detached["planned"].as_array().unwrap().len(), 14);
    assert_eq!(sandbox.witness("counts")["requests"], 0, "nothing is asked by planning");
    let year = shell.run(&["sat", "year", "--rfc", RFC, "--year", "2025", "--issued", "--json"]).good();
    assert_eq!((year["planned"].as_u64(), year["requests"].as_u64(), year["open"].as_u64()), (Some(0), Some(14), Some(0)));
    shell.run(&["sat", "verify", "--rfc", RFC, "--json"]).good();
    shell.run(&["sat", "download", "--rfc", RFC, "--json"]).good();
    let status = shell.run(&["sat", "status", "--rfc", RFC, "--json"]).good();
    assert_eq!(status["taxpayers"][0]["solicitudes"].as_array().unwrap().len(), 14);
    fedatario_testkit::covers!("cli: sat verify, download, status; year --detach leaves jobs to others");
}

#[test]
fn an_edit_of_one_byte_of_an_exported_chain_is_found_and_named() {
    let base = tempfile::tempdir().unwrap();
    let (sandbox, shell) = stage(base.path(), &[]);
    the_year(&sandbox, &shell);
    let verdict = shell.run(&["audit", "verify", "--json"]).good();
    assert!(verdict["entries"].as_u64().unwrap() > 56, "each of 28 requests is asked and ends: {verdict}");
    assert_eq!((verdict["intact"].as_bool(), &verdict["anchored"]), (Some(true), &Value::Null));

    let file = base.path().join("chain.ndjson");
    shell.run(&["audit", "export", "--output", file.to_str().unwrap(), "--json"]).good();
    let nowhere = Shell::new(base.path().join("nowhere"));
    let alone = nowhere.run(&["audit", "verify", file.to_str().unwrap(), "--json"]).good();
    assert_eq!((alone["intact"].as_bool(), alone["key"].as_str()), (Some(true), Some("unpinned")));
    let pinned = shell.run(&["audit", "verify", file.to_str().unwrap(), "--json"]).good();
    assert_eq!(pinned["key"], "pinned");

    let text = std::fs::read_to_string(&file).unwrap();
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    let edited = lines[7].replacen("\"actor\":\"", "\"actor\":\"x", 1);
    assert_ne!(edited, lines[7]);
    lines[7] = edited;
    std::fs::write(&file, lines.join("\n") + "\n").unwrap();
    let found = nowhere.run(&["audit", "verify", file.to_str().unwrap(), "--json"]);
    assert_eq!(found.exit, 1, "{found:?}");
    assert_eq!(found.json()["damage"][0]["code"], "audit_altered");
    assert_eq!(found.json()["damage"][0]["n"], 7);
    fedatario_testkit::covers!("audit: verifies offline, from the database and from an export; one edited byte is found and named");
}

#[test]
fn keys_are_rotated_and_everything_still_opens() {
    let base = tempfile::tempdir().unwrap();
    let (sandbox, shell) = stage(base.path(), &[]);
    sandbox.register(&shell);
    shell.run(&["vault", "rotate", "--tenant-key", "--json"]).good();
    let root = shell.run(&["vault", "rotate", "--root", "--json"]).good();
    assert_eq!(root["behind"], 0);
    shell.run(&["sat", "auth", "--rfc", RFC, "--json"]).good();
    assert_eq!(shell.run(&["vault", "status", "--json"]).good()["behind"], 0);
    fedatario_testkit::covers!("vault: rotation of root and tenant keys from the shell, and the e.firma still signs");
}

#[test]
fn a_package_by_hand_needs_no_account() {
    let base = tempfile::tempdir().unwrap();
    let (sandbox, shell) = stage(base.path(), &[]);
    the_year(&sandbox, &shell);
    let status = shell.run(&["sat", "status", "--rfc", RFC, "--json"]).good();
    let all = status["taxpayers"][0]["solicitudes"].as_array().unwrap();
    let paths: Vec<String> =
        all.iter().flat_map(|it| it["packages"].as_array().unwrap()).map(|it| it["path"].as_str().unwrap().to_owned()).collect();
    let files: Vec<String> = paths.iter().map(|it| shell.dir.join("objects").join(it).to_str().unwrap().to_owned()).collect();

    let other = Shell::new(base.path().join("other"));
    let mut arguments = vec!["sat", "import", "--rfc", RFC, "--json"];
    arguments.extend(files.iter().map(String::as_str));
    let first = other.run(&arguments).good();
    let counts = &status["taxpayers"][0];
    assert_eq!(
        (first["cfdi"].as_u64(), first["metadata"].as_u64()),
        (counts["cfdi"].as_u64(), counts["metadata"].as_u64()),
        "{first}"
    );
    let second = other.run(&arguments).good();
    assert_eq!((second["cfdi"].as_u64(), second["metadata"].as_u64()), (Some(0), Some(0)), "{second}");
    assert_eq!(second["duplicates"].as_u64().unwrap(), first["cfdi"].as_u64().unwrap() + first["metadata"].as_u64().unwrap());
    fedatario_testkit::covers!("import: works alone, with no account anywhere; duplicates by uuid counted, not stored");
}

#[test]
fn bad_input_gets_its_code_and_exit() {
    let base = tempfile::tempdir().unwrap();
    let (sandbox, shell) = stage(base.path(), &[]);
    let garbage = base.path().join("garbage");
    std::fs::write(&garbage, b"nonsense").unwrap();
    let (garbage, fiel) = (garbage.to_str().unwrap(), |it: &str| sandbox.fiel.join(it).to_str().unwrap().to_owned());
    let (cer, key, password) = (fiel("fiel.cer"), fiel("fiel.key"), fiel("password.txt"));
    let cases: &[(&[&str], &str, i32)] = &[
        (&["sat", "register", "--cer", garbage, "--key", &key, "--password-file", &password], "certificate_format", 2),
        (&["sat", "register", "--cer", &cer, "--key", garbage, "--password-file", &password], "key_format", 2),
        (&["sat", "register", "--cer", &cer, "--key", &key, "--password-file", garbage], "key_password", 2),
        (&["sat", "import", "--rfc", RFC, garbage], "archive_format", 2),
        (&["sat", "import", "--rfc", "NOPE", garbage], "rfc_format", 2),
        (&["sat", "year", "--rfc", RFC, "--year", "2025"], "taxpayer_unknown", 2),
        (&["audit", "verify", garbage], "audit_format", 2),
        (&["explain", "no_such_code"], "not_found", 2),
    ];
    for (arguments, code, exit) in cases {
        let mut arguments = arguments.to_vec();
        arguments.push("--json");
        let ended = shell.run(&arguments);
        assert_eq!((ended.exit, ended.json()["error"]["code"].as_str()), (*exit, Some(*code)), "{arguments:?} {ended:?}");
        assert!(!ended.stderr.contains("nonsense"), "what was handed in is not echoed");
    }
    fedatario_testkit::covers!("bad input: a clear coded error at the shell, and nothing of it echoed");
}

#[test]
fn a_sandbox_taxpayer_never_reaches_sat() {
    let base = tempfile::tempdir().unwrap();
    let (sandbox, shell) = stage(base.path(), &[]);
    sandbox.register(&shell);
    let production = Shell::new(&shell.dir);
    let ended = production.run(&["sat", "auth", "--rfc", RFC, "--json"]);
    assert_eq!((ended.exit, ended.json()["error"]["code"].as_str()), (2, Some("environment_mismatch")), "{ended:?}");
    let ahead = Shell::new(base.path().join("ahead")).with("FEDATARIO_CLOCK_OFFSET_S", AHEAD_S);
    let refused = ahead.run(&["sat", "year", "--rfc", RFC, "--year", "2025", "--json"]);
    assert_eq!(refused.json()["error"]["code"], "clock_offset_refused");
    fedatario_testkit::covers!("environments: a sandbox taxpayer never reaches SAT, and a shifted clock is refused for it");
}

#[test]
fn a_refusal_is_never_called_complete_and_can_be_asked_again() {
    let base = tempfile::tempdir().unwrap();
    let (sandbox, shell) = stage(base.path(), &[]);
    sandbox.register(&shell);
    support::post(
        &format!("{}/_sandbox/faults", sandbox.url),
        &serde_json::json!({ "operation": "Solicita", "fault": "code:301", "times": 28 }),
    );
    let year = |more: &[&str]| shell.run(&[&["sat", "year", "--rfc", RFC, "--year", "2025", "--json"], more].concat());
    let refused = year(&[]);
    assert_eq!(
        (refused.exit, refused.json()["complete"].as_bool(), refused.json()["rejected"].as_u64()),
        (3, Some(false), Some(28))
    );
    let again = year(&[]);
    assert_eq!((again.exit, again.json()["planned"].as_u64()), (3, Some(0)), "{again:?}");
    let retried = year(&["--retry"]).good();
    assert_eq!((retried["planned"].as_u64(), retried["complete"].as_bool()), (Some(28), Some(true)), "{retried}");
    let other = year(&["--retry"]).good();
    assert_eq!(other["planned"], 0, "what is answered is not asked again");
    assert_eq!(sandbox.witness("counts")["requests"], 28);
    fedatario_testkit::covers!(
        "lifecycle: a window that was refused is asked again on request, widened, and never counts as complete"
    );
}

#[test]
fn what_was_never_asked_is_not_complete() {
    let base = tempfile::tempdir().unwrap();
    let (sandbox, shell) = stage(base.path(), &[]);
    sandbox.register(&shell);
    let report = |year: &str| shell.run(&["sat", "report", "--rfc", RFC, "--year", year, "--json"]);
    assert_eq!((report("2023").exit, report("2023").json()["complete"].as_bool()), (1, Some(false)));
    let future = shell.run(&["sat", "year", "--rfc", RFC, "--year", "2040", "--json"]);
    assert_eq!((future.exit, future.json()["error"]["code"].as_str()), (2, Some("window_future")));
    shell.run(&["sat", "year", "--rfc", RFC, "--year", "2025", "--issued", "--json"]).good();
    assert_eq!(report("2025").json()["complete"], false, "the received half was never asked");
    shell.run(&["sat", "year", "--rfc", RFC, "--year", "2025", "--json"]).good();
    assert_eq!(report("2025").json()["complete"], true);
    let digest = report("2025").json()["sha256"].clone();
    assert_eq!(report("2025").json()["sha256"], digest, "a report that says the same is not made again");
    fedatario_testkit::covers!("report: a year is complete only when every window of it was asked and answered");
}
