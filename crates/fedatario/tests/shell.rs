//! The shell's own promises: what it makes and leaves alone, what it refuses, how it ends.

mod support;

use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use support::{Ended, SandboxSat, Shell, examples, post, sandbox, start};

const RFC: &str = "EKU9003173C9";
/// A production folder is one without a simulator's address; nothing here ever calls SAT.
const SECONDS: &str = "86400";
/// Looks at a state before a test that waits for one gives up: minutes, on any machine.
const LOOKS_AT_MOST: usize = 2_000;

fn stage(dir: &Path) -> (SandboxSat, Shell) {
    let cfdi = examples();
    let sandbox = sandbox(dir, &["--strict", "--cfdi", cfdi.to_str().expect("UTF-8")]);
    let shell = sandbox.shell(dir.join("house"));
    (sandbox, shell)
}

fn refused(ended: &Ended, exit: i32, code: &str) {
    assert_eq!((ended.exit, ended.json()["error"]["code"].as_str()), (exit, Some(code)), "{ended:?}");
}

fn text(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap_or_else(|error| panic!("{}: {error}", path.display())).permissions().mode() & 0o777
}

fn signal(child: &Child, name: &str) {
    assert!(Command::new("kill").args([format!("-{name}"), child.id().to_string()]).status().expect("kill(1) runs").success());
}

/// The entries of the tenant's chain, taken outside.
fn chain(shell: &Shell, file: &Path) -> Vec<Value> {
    shell.run(&["audit", "export", "--output", text(file), "--json"]).good();
    std::fs::read_to_string(file).unwrap().lines().map(|it| serde_json::from_str(it).unwrap()).collect()
}

/// A SOAP message, read from a connection that is never answered.
fn message(mut peer: TcpStream) -> String {
    let (mut all, mut part) = (Vec::new(), [0; 4_096]);
    while !all.ends_with(b"Envelope>") {
        let read = peer.read(&mut part).expect("a connection");
        assert!(read > 0, "cut short: {}", String::from_utf8_lossy(&all));
        all.extend_from_slice(&part[..read]);
    }
    String::from_utf8(all).expect("UTF-8")
}

fn year_with_report(shell: &Shell) -> PathBuf {
    let year = shell.run(&["sat", "year", "--rfc", RFC, "--year", "2025", "--issued", "--json"]).json();
    shell.dir.join("objects").join(year["report"].as_str().expect("a report"))
}

#[test]
fn a_rotation_of_the_root_does_not_disturb_who_serves() {
    let base = tempfile::tempdir().unwrap();
    let (sandbox, shell) = stage(base.path());
    sandbox.register(&shell);
    let serve = start(shell.command(&["serve", "--json"]));
    for made in [2, 3] {
        let rotated = shell.run(&["vault", "rotate", "--root", "--json"]).good();
        assert_eq!((rotated["made"].as_u64(), rotated["behind"].as_u64()), (Some(made), Some(0)), "{rotated}");
        assert!(rotated["moved"].as_u64().unwrap() >= 1);
    }
    shell.run(&["sat", "year", "--rfc", RFC, "--year", "2025", "--issued", "--detach", "--json"]).good();
    let open = || shell.run(&["sat", "status", "--rfc", RFC, "--json"]).good()["taxpayers"][0]["open_jobs"].as_u64().unwrap();
    assert!((0..LOOKS_AT_MOST).any(|_| open() == 0), "serve does not get on");
    drop(serve);
    let jobs = shell.run(&["jobs", "list", "--json"]).good();
    assert!(jobs["jobs"].as_array().unwrap().iter().all(|it| it["failures"] == 0), "{jobs}");

    let chain = chain(&shell, &base.path().join("chain"));
    let told: Vec<&Value> = chain.iter().filter(|it| it["action"] == "vault.root_key.rotated").collect();
    assert_eq!(told.len(), 2);
    assert!(told[0].to_string().contains("\"moved\"") && told[0].to_string().contains("\"behind\""), "{}", told[0]);
    fedatario_testkit::covers!("vault: a rotation of the root key while serve runs disturbs no job, and is chained");
}

#[test]
fn rotations_at_once_lose_no_key() {
    let base = tempfile::tempdir().unwrap();
    let (sandbox, shell) = stage(base.path());
    sandbox.register(&shell);
    let begin =
        |_| shell.command(&["vault", "rotate", "--root", "--json"]).stdout(Stdio::null()).spawn().expect("the binary starts");
    for mut child in (0..6).map(begin).collect::<Vec<Child>>() {
        assert!(child.wait().expect("a child can be waited for").success());
    }
    assert_eq!(shell.run(&["vault", "rotate", "--root", "--json"]).good()["behind"], 0);
    shell.run(&["sat", "auth", "--rfc", RFC, "--json"]).good();
    fedatario_testkit::covers!("vault: rotations of the root key that run at once lose no version");
}

#[test]
fn a_root_key_of_the_environment_is_not_rotated_here() {
    let base = tempfile::tempdir().unwrap();
    let roots = [
        ("FEDATARIO_ROOT_KEY", "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="),
        ("FEDATARIO_ROOT_PASSPHRASE", "correcto caballo batería"),
    ];
    for (name, value) in roots {
        let shell = Shell::new(base.path().join(name)).with(name, value);
        shell.run(&["tenant", "add", "firma", "--json"]).good();
        refused(&shell.run(&["vault", "rotate", "--root", "--json"]), 2, "config_invalid");
        assert!(!shell.dir.join("root.key").exists());
        assert_eq!(shell.run(&["vault", "status", "--json"]).good()["behind"], 0);
    }
    assert_eq!(mode(&base.path().join("FEDATARIO_ROOT_PASSPHRASE/root.argon2")), 0o600);
    fedatario_testkit::covers!("vault: a root key from the environment or a passphrase is refused for rotation, with the reason");
}

#[test]
fn several_organisations_are_served_and_pinned_apart() {
    let base = tempfile::tempdir().unwrap();
    let (sandbox, shell) = stage(base.path());
    let added = shell.run(&["tenant", "add", "Firma Ñandú", "--json"]).good();
    assert_eq!(added["changed"], true);
    assert_eq!(shell.run(&["tenant", "add", "Firma Ñandú", "--json"]).good()["changed"], false);
    let other = shell.run(&["tenant", "add", "otra", "--json"]).good();
    let listed = shell.run(&["tenant", "list", "--json"]).good();
    let told = |place: usize, name: &str| listed["tenants"][place][name].clone();
    assert_eq!([told(0, "id"), told(0, "name"), told(0, "state")], [added["id"].clone(), json!("Firma Ñandú"), json!("active")]);
    assert_eq!([told(1, "id"), told(1, "name")], [other["id"].clone(), json!("otra")]);
    assert_eq!(listed["tenants"].as_array().map(Vec::len), Some(2));
    for name in ["", " ", "a\nb", added["id"].as_str().unwrap(), &"x".repeat(129)] {
        refused(&shell.run(&["tenant", "add", name, "--json"]), 2, "usage");
    }
    refused(&shell.run(&["sat", "status", "--json"]), 2, "tenant_required");
    refused(&shell.run(&["sat", "status", "--tenant", "nadie", "--json"]), 2, "not_found");

    let serve = start(shell.command(&["serve", "--json"]));
    let named = |it: &str| sandbox.shell(&shell.dir).with("FEDATARIO_TENANT", it);
    let files: Vec<PathBuf> = ["Firma Ñandú", other["id"].as_str().unwrap()]
        .iter()
        .enumerate()
        .map(|(n, tenant)| {
            sandbox.register(&named(tenant));
            let file = base.path().join(format!("chain-{n}"));
            let entries = chain(&named(tenant), &file);
            assert!(entries.iter().any(|it| it["action"] == "tenant.added"), "{entries:?}");
            file
        })
        .collect();
    drop(serve);
    let pins = std::fs::read_to_string(shell.dir.join("audit.pub")).unwrap();
    assert_eq!(pins.lines().count(), 2, "{pins}");
    for file in &files {
        assert_eq!(shell.run(&["audit", "verify", text(file), "--json"]).good()["key"], "pinned");
    }
    let stranger = sandbox.shell(base.path().join("stranger"));
    stranger.run(&["tenant", "add", "x", "--json"]).good();
    let theirs = base.path().join("theirs");
    chain(&stranger, &theirs);
    assert_eq!(shell.run(&["audit", "verify", text(&theirs), "--json"]).good()["key"], "unpinned");
    fedatario_testkit::covers!("tenants: several in one folder are added, served, named, and their keys pinned apart");
}

#[test]
fn a_clock_that_may_not_run_ahead_is_not_kept() {
    let base = tempfile::tempdir().unwrap();
    let with = |name: &str, value: &str| Shell::new(base.path().join("new")).with(name, value);
    let long = format!("http://127.0.0.1:1/{}", "x".repeat(2_048));
    let nonsense = [
        ("FEDATARIO_CLOCK_OFFSET_S", "mañana"),
        ("FEDATARIO_CLOCK_OFFSET_S", "-5"),
        ("FEDATARIO_CLOCK_OFFSET_S", "99999999999999999"),
        ("FEDATARIO_SAT_URL", &long),
        ("FEDATARIO_SAT_FORM", "otra"),
    ];
    for (name, value) in nonsense {
        refused(&with(name, value).run(&["tenant", "add", "x", "--json"]), 2, "config_invalid");
        assert!(!base.path().join("new").exists(), "{name}");
    }
    let plain = Shell::new(base.path().join("production"));
    plain.run(&["tenant", "add", "x", "--json"]).good();
    let ahead = Shell::new(&plain.dir).with("FEDATARIO_CLOCK_OFFSET_S", SECONDS);
    refused(&ahead.run(&["tenant", "list", "--json"]), 2, "clock_offset_refused");
    plain.run(&["tenant", "list", "--json"]).good();
    let single = Shell::new(&plain.dir).with("FEDATARIO_SAT_CFDI_SOLICITA_URL", &long);
    refused(&single.run(&["tenant", "list", "--json"]), 2, "config_invalid");
    fedatario_testkit::covers!(
        "configuration: nonsense is refused before anything is written; an offset is kept only for a sandbox"
    );
}

#[test]
fn the_official_form_of_signatures_can_be_chosen() {
    let base = tempfile::tempdir().unwrap();
    let (sandbox, shell) = stage(base.path());
    let official = sandbox.shell(&shell.dir).with("FEDATARIO_SAT_FORM", "official");
    sandbox.register(&official);
    let year = official.run(&["sat", "year", "--rfc", RFC, "--year", "2025", "--issued", "--json"]).json();
    assert_eq!(
        (year["requests"].as_u64(), year["open"].as_u64(), year["blocked"].as_u64()),
        (Some(14), Some(0), Some(0)),
        "{year}"
    );

    // What leaves the house, as a peer reads it: only the official form envelops its signature.
    for (form, envelops) in [("phpcfdi", false), ("official", true)] {
        let peer = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}/", peer.local_addr().unwrap());
        let shell = sandbox.shell(base.path().join(form)).with("FEDATARIO_SAT_FORM", form);
        let shell = shell.with("FEDATARIO_SAT_CFDI_SOLICITA_URL", &address);
        sandbox.register(&shell);
        let mut child =
            shell.command(&["sat", "year", "--rfc", RFC, "--year", "2025", "--issued"]).spawn().expect("the binary starts");
        let sent = message(peer.accept().unwrap().0);
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(sent.contains("#enveloped-signature"), envelops, "{form}: {sent}");
    }
    fedatario_testkit::covers!("sat: the official form of signatures is chosen by one variable, and a strict sandbox takes it");
}

#[test]
fn the_demo_leaves_other_peoples_data_alone() {
    let base = tempfile::tempdir().unwrap();
    let shell = Shell::new(base.path().join("firm"));
    shell.run(&["tenant", "add", "firma", "--json"]).good();
    std::fs::write(shell.dir.join(".fedatario-demo"), "").unwrap();
    refused(&shell.run(&["demo", "--once", "--json"]), 2, "data_foreign");
    // Neither a clock nor an address was set in it: it is still a folder for SAT's own service.
    shell.run(&["tenant", "list", "--json"]).good();
    let ahead = Shell::new(&shell.dir).with("FEDATARIO_CLOCK_OFFSET_S", SECONDS);
    refused(&ahead.run(&["tenant", "list", "--json"]), 2, "clock_offset_refused");
    fedatario_testkit::covers!("demo: writes no setting into a database that it did not make");
}

#[test]
fn an_export_that_fails_is_neither_kept_nor_called_anchored() {
    let base = tempfile::tempdir().unwrap();
    let (sandbox, shell) = stage(base.path());
    sandbox.register(&shell);
    let full = shell.run(&["audit", "export", "--output", "/dev/full", "--json"]);
    assert_ne!(full.exit, 0, "{full:?}");
    assert_eq!(shell.run(&["audit", "verify", "--json"]).good()["anchored"], Value::Null);
    let nowhere = base.path().join("no/such/folder");
    assert_ne!(shell.run(&["audit", "export", "--output", text(&nowhere), "--json"]).exit, 0);

    let kept = base.path().join("out/kept.ndjson");
    std::fs::create_dir(base.path().join("out")).unwrap();
    std::fs::write(&kept, "what was there").unwrap();
    shell.run(&["audit", "export", "--output", text(&kept), "--json"]).good();
    assert_eq!(shell.run(&["audit", "verify", text(&kept), "--json"]).good()["key"], "pinned");
    let names: Vec<_> = std::fs::read_dir(base.path().join("out")).unwrap().map(|it| it.unwrap().file_name()).collect();
    assert_eq!(names, ["kept.ndjson"], "no draft stays behind");
    fedatario_testkit::covers!("audit: an export is whole under its name or absent, and anchors only once it is durable");
}

#[test]
fn looking_makes_no_folder() {
    let base = tempfile::tempdir().unwrap();
    let shell = Shell::new(base.path().join("mistyped"));
    let looks: &[&[&str]] = &[
        &["audit", "verify"],
        &["audit", "export"],
        &["audit", "key"],
        &["sat", "status"],
        &["sat", "report", "--rfc", RFC, "--year", "2025"],
        &["sat", "auth", "--rfc", RFC],
        &["sat", "verify", "--rfc", RFC],
        &["sat", "download", "--rfc", RFC],
        &["jobs", "list"],
        &["schedule", "list"],
        &["schedule", "set", "--rfc", RFC],
        &["vault", "status"],
        &["vault", "rotate", "--root"],
        &["tenant", "list"],
    ];
    for look in looks {
        let ended = shell.run(&[look, &["--json"][..]].concat());
        refused(&ended, 2, "not_found");
        assert!(ended.json()["error"]["title"].as_str().unwrap().contains("carpeta"), "{ended:?}");
        assert!(!shell.dir.exists(), "{look:?}");
    }
    let made = Shell::new(base.path().join("made"));
    made.run(&["tenant", "add", "x", "--json"]).good();
    std::fs::remove_file(made.dir.join("root.key")).unwrap();
    refused(&made.run(&["audit", "verify", "--json"]), 2, "root_key_missing");
    assert!(!made.dir.join("root.key").exists(), "looking makes no root key either");
    fedatario_testkit::covers!("cli: a command that only looks makes neither folder nor key, and says that there is none");
}

#[test]
fn a_pin_is_found_where_the_data_is_and_never_passed_over() {
    let base = tempfile::tempdir().unwrap();
    let home = base.path().join("share/fedatario");
    let shell = Shell::new(&home);
    shell.run(&["tenant", "add", "x", "--json"]).good();
    let file = base.path().join("chain");
    chain(&shell, &file);
    let by_default = Shell::new("").with("XDG_DATA_HOME", text(&base.path().join("share")));
    assert_eq!(by_default.run(&["audit", "verify", text(&file), "--json"]).good()["key"], "pinned");
    let key = by_default.run(&["audit", "key", "--json"]).good()["key"].as_str().unwrap().to_owned();
    std::fs::write(home.join("audit.pub"), "nonsense\n").unwrap();
    refused(&by_default.run(&["audit", "verify", text(&file), "--json"]), 2, "audit_format");
    assert_eq!(by_default.run(&["audit", "verify", text(&file), "--key", &key, "--json"]).good()["key"], "pinned");
    fedatario_testkit::covers!("audit: the pinned key is looked up in the default folder too, and a broken pin is an error");
}

#[test]
fn a_report_is_checked_by_whoever_has_the_file() {
    let base = tempfile::tempdir().unwrap();
    let (sandbox, shell) = stage(base.path());
    sandbox.register(&shell);
    let report = year_with_report(&shell);
    let key = shell.run(&["audit", "key", "--json"]).good()["key"].as_str().unwrap().to_owned();
    let other = sandbox.shell(base.path().join("other"));
    other.run(&["tenant", "add", "x", "--json"]).good();
    let other_key = other.run(&["audit", "key", "--json"]).good()["key"].as_str().unwrap().to_owned();
    let nowhere = Shell::new(base.path().join("nowhere"));
    let check = |shell: &Shell, more: &[&str]| {
        let ended = shell.run(&[&["sat", "report", "--check", text(&report), "--json"], more].concat());
        (ended.exit, ended.json()["signature"].as_bool(), ended.json()["key"].as_str().unwrap_or_default().to_owned())
    };
    let expected = |exit: i32, signature: bool, key: &str| (exit, Some(signature), key.to_owned());
    assert_eq!(check(&nowhere, &[]), expected(0, true, "unpinned"));
    assert_eq!(check(&nowhere, &["--key", &key]), expected(0, true, "pinned"));
    assert_eq!(check(&nowhere, &["--key", &other_key]), expected(1, true, "other"));
    assert_eq!(check(&shell, &[]), expected(0, true, "pinned"));
    assert_eq!(check(&other, &[]), expected(1, true, "other"));
    let said = nowhere.run(&["sat", "report", "--check", text(&report)]);
    assert!(said.exit == 0 && said.stdout.contains("unpinned") && said.stdout.contains("--key"), "{said:?}");
    assert!(!nowhere.dir.exists());
    shell.run(&["tenant", "add", "segunda", "--json"]).good();
    assert_eq!(check(&shell, &[]), expected(0, true, "pinned"), "whichever tenant made it");

    let edited = std::fs::read_to_string(&report).unwrap().replace("\"year\": 2025", "\"year\": 2024");
    std::fs::write(&report, edited).unwrap();
    assert_eq!(check(&nowhere, &[]), expected(1, false, "unpinned"));
    assert_eq!(check(&nowhere, &["--key", &key]), expected(1, false, "pinned"));
    std::fs::write(&report, "{}").unwrap();
    refused(&nowhere.run(&["sat", "report", "--check", text(&report), "--json"]), 1, "report_signature");
    fedatario_testkit::covers!(
        "report: checked offline from the file alone (unpinned), with a key given, or beside its tables (pinned)"
    );
}

#[test]
fn what_is_private_is_for_its_owner_only() {
    let base = tempfile::tempdir().unwrap();
    let shell = Shell::new(base.path().join("demo"));
    let demo = shell.run(&["demo", "--once", "--generate", "3", "--json"]);
    assert!(demo.exit <= 1, "{demo:?}");
    for folder in ["", "run", "sandbox"] {
        assert_eq!(mode(&shell.dir.join(folder)), 0o700, "{folder}");
    }
    for file in ["root.key", "fedatario.db", "sandbox/sat.journal"] {
        assert_eq!(mode(&shell.dir.join(file)), 0o600, "{file}");
    }
    let (sandbox, _) = stage(base.path());
    for file in ["fiel.key", "password.txt"] {
        assert_eq!(mode(&sandbox.fiel.join(file)), 0o600, "{file}");
    }
    fedatario_testkit::covers!("cli: keys, passwords, books and folders are made for their owner only");
}

/// Reads lines until one is as wanted.
fn read_until(reader: &mut impl BufRead, wanted: impl Fn(&str) -> bool) {
    let found = reader.lines().map_while(Result::ok).any(|it| wanted(&it));
    assert!(found, "the line never came");
}

#[test]
fn an_interrupted_demo_says_so_and_goes_on_the_next_time() {
    let base = tempfile::tempdir().unwrap();
    let shell = Shell::new(base.path().join("demo"));
    let arguments = ["demo", "--generate", "60"];
    let mut child = shell.command(&arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the binary starts");
    let mut stdout = BufReader::new(child.stdout.take().expect("piped"));
    read_until(&mut stdout, |it| it.starts_with("Solicitudes nuevas"));
    signal(&child, "INT");
    let (mut rest, mut told) = (String::new(), String::new());
    stdout.read_to_string(&mut rest).unwrap();
    child.stderr.take().expect("piped").read_to_string(&mut told).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(4), "{rest} {told}");
    assert!(rest.contains("La misma orden sigue") && told.contains("lo empezado se deja terminar"), "{rest} {told}");

    let again = shell.run(&["demo", "--generate", "60", "--once", "--json"]).json();
    assert_eq!((again["requests"].as_u64(), again["open"].as_u64()), (Some(28), Some(0)), "{again}");
    fedatario_testkit::covers!("demo: Ctrl+C ends it with `try later`, and the same command goes on where it stopped");
}

#[test]
fn a_second_interrupt_ends_serve_at_once() {
    let base = tempfile::tempdir().unwrap();
    let (sandbox, shell) = stage(base.path());
    sandbox.register(&shell);
    let serve = |shell: &Shell| {
        let mut child =
            shell.command(&["serve", "--json"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the binary starts");
        read_until(&mut BufReader::new(child.stdout.take().expect("piped")), |it| it.contains("serving"));
        let stderr = BufReader::new(child.stderr.take().expect("piped"));
        (child, stderr)
    };
    let is_told = |it: &str| it.contains("Otro Ctrl+C");
    let (mut idle, mut stderr) = serve(&shell);
    signal(&idle, "INT");
    read_until(&mut stderr, is_told);
    assert_eq!(idle.wait().unwrap().code(), Some(0), "nothing was under way");

    shell.run(&["sat", "year", "--rfc", RFC, "--year", "2025", "--issued", "--detach", "--json"]).good();
    let faults = format!("{}/_sandbox/faults", sandbox.url);
    post(&faults, &json!({ "operation": "Solicita", "fault": "hang_before", "times": 4 }));
    let (mut busy, mut stderr) = serve(&shell);
    while support::get(&faults)["waiting"].as_u64() == Some(4) {}
    signal(&busy, "INT");
    read_until(&mut stderr, is_told);
    signal(&busy, "INT");
    assert_eq!(busy.wait().unwrap().code(), Some(4));
    assert_eq!(shell.run(&["audit", "verify", "--json"]).good()["intact"], true);
    fedatario_testkit::covers!("serve: the first Ctrl+C lets what has begun end and says so; the second ends at once");
}

#[test]
fn usage_is_an_error_like_the_others_and_help_speaks_the_readers_language() {
    let base = tempfile::tempdir().unwrap();
    let shell = Shell::new(base.path().join("house"));
    for arguments in [
        &["sat", "--json"][..],
        &["--json"],
        &["--json", "bogus"],
        &["sat", "year", "--year", "x", "--json"],
        &["jobs", "list", "--bogus", "--json"],
    ] {
        let ended = shell.run(arguments);
        refused(&ended, 2, "usage");
        assert!(ended.json()["error"]["detail"].as_str().is_some_and(|it| !it.is_empty()), "{ended:?}");
    }
    let plain = shell.run(&["sat", "year", "--bogus"]);
    assert_eq!((plain.exit, plain.stdout.as_str()), (2, ""), "{plain:?}");
    assert!(plain.stderr.contains("--bogus") && plain.stderr.contains("no se entiende"), "{plain:?}");

    let english = Shell::new(&shell.dir).with("LANG", "en_US.UTF-8");
    let foreign = ["Usage", "Options", "Commands", "Arguments", "Print", "default", "possible", "COMMAND"];
    for path in [&[][..], &["sat"], &["sat", "year"], &["sandbox", "sat"], &["jobs", "list"], &["tenant", "add"], &["help"]] {
        let help = if path == ["help"] { shell.run(path) } else { shell.run(&[path, &["--help"]].concat()) };
        assert_eq!(help.exit, 0, "{help:?}");
        assert!(help.stdout.contains("Uso: fedatario") && help.stdout.contains("Opciones:"), "{}", help.stdout);
        let lines = help.stdout.lines().filter(|it| foreign.iter().any(|word| it.contains(word)));
        assert_eq!(lines.collect::<Vec<_>>(), Vec::<&str>::new(), "{path:?}");
        let theirs = if path == ["help"] { english.run(path) } else { english.run(&[path, &["--help"]].concat()) };
        assert!(theirs.stdout.contains("Usage: fedatario") && theirs.stdout.contains("Options:"), "{}", theirs.stdout);
    }
    fedatario_testkit::covers!("cli: a usage error is a coded error with --json; help is wholly in the reader's language");
}

#[test]
fn what_is_set_to_nothing_is_not_set_and_an_rfc_may_be_typed_small() {
    let base = tempfile::tempdir().unwrap();
    let (sandbox, shell) = stage(base.path());
    let share = base.path().join("share");
    let unset = Shell::new("").with("XDG_DATA_HOME", text(&share)).with("FEDATARIO_TENANT", "");
    unset.run(&["tenant", "add", "x", "--json"]).good();
    assert!(share.join("fedatario/fedatario.db").exists());
    assert_eq!(unset.run(&["vault", "status", "--json"]).good()["behind"], 0);

    sandbox.register(&shell);
    shell.run(&["sat", "auth", "--rfc", "eku9003173c9", "--json"]).good();
    let status = shell.run(&["sat", "status", "--rfc", " Eku9003173c9", "--json"]).good();
    assert_eq!(status["taxpayers"][0]["rfc"], RFC);
    fedatario_testkit::covers!("cli: an empty FEDATARIO_DATA is none, and an RFC in small letters is understood");
}

#[test]
fn the_sandbox_takes_its_knobs_from_the_shell() {
    let base = tempfile::tempdir().unwrap();
    let knobs = ["--generate", "30", "--year", "2025", "--forge", "6", "--cancelled", "0", "--package-cfdi", "1"];
    let sandbox = sandbox(base.path(), &knobs);
    let shell = sandbox.shell(base.path().join("house"));
    sandbox.register(&shell);
    let forged = sandbox.witness("forged");
    let hows: Vec<&str> = forged.as_array().unwrap().iter().filter_map(|it| it["how"].as_str()).collect();
    assert_eq!((hows.len(), hows.iter().filter(|it| **it == "stamp").count()), (6, 2), "{forged}");
    let year = shell.run(&["sat", "year", "--rfc", RFC, "--year", "2025", "--issued", "--json"]).good();
    assert_eq!((year["missing"].as_u64(), year["not_delivered"].as_u64()), (Some(0), Some(0)), "{year}");
    let documents = year["cfdi"].as_u64().expect("a count");
    assert!(documents > 5, "{year}");
    // One document a package, and the two packages of metadata, if both halves have rows.
    assert!((documents + 1..=documents + 2).contains(&sandbox.witness("counts")["downloads"].as_u64().unwrap()), "{year}");
    let refused_at_once = shell.run(&["sandbox", "sat", "--generate", "3", "--forge", "9", "--json"]);
    refused(&refused_at_once, 2, "usage");
    fedatario_testkit::covers!("sandbox: its limits, forgeries and cancelled share are turned from the shell");
}
