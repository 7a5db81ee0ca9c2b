//! The audit by hand: one byte changed in the database is found and named; what is taken outside is checked
//! by the program and by the script that is handed out.

mod support;

use serde_json::Value;
use std::path::Path;
use std::process::Command;
use support::Shell;

/// Changes the database as whoever can write to it would.
fn tamper(shell: &Shell, script: &str) {
    let run = format!("import sqlite3, sys\nc = sqlite3.connect(sys.argv[1])\n{script}\nc.commit()\n");
    let done = Command::new("python3").args(["-c", &run]).arg(shell.dir.join("fedatario.db")).output().expect("python3 is there");
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
}

fn text(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

/// A house with some entries, and a checkpoint outside.
fn house(dir: &Path) -> Shell {
    let shell = Shell::new(dir.join("house"));
    for name in ["uno", "dos"] {
        shell.run(&["tenant", "add", name, "--json"]).good();
    }
    let shell = shell.with("FEDATARIO_TENANT", "uno");
    for _ in 0..4 {
        shell.run(&["audit", "checkpoint", "--json"]).good();
    }
    shell
}

fn python(arguments: &[&str]) -> (i32, Value) {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/verify_audit.py");
    let done = Command::new("python3").args(["-B", script]).args(arguments).output().expect("python3 with cryptography");
    let told = serde_json::from_slice(&done.stdout).unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&done.stderr)));
    (done.status.code().unwrap_or(-1), told)
}

#[test]
fn one_byte_flipped_in_the_database_is_found_and_named() {
    let base = tempfile::tempdir().unwrap();
    let shell = house(base.path());
    let good = shell.run(&["audit", "verify", "--json"]).good();
    let entries = good["entries"].as_u64().unwrap();
    assert!(entries >= 5, "{good}");
    let first = |arguments: &[&str]| {
        let ended = shell.run(&[arguments, &["--json"]].concat());
        let json = ended.json();
        assert_eq!(ended.exit, 1, "{json}");
        (json["damage"][0]["kind"].as_str().unwrap().to_owned(), json["damage"][0]["n"].as_u64().unwrap())
    };
    let flip = |column: &str, n: u64| {
        format!(
            "row = c.execute(\"select rowid, {column} from audit_entries where n = {n} and tenant_id in (select id from tenants where name = 'uno')\").fetchone()\n\
             old = bytearray(row[1] if isinstance(row[1], bytes) else row[1].encode())\n\
             old[10] ^= 1\n\
             c.execute(\"update audit_entries set {column} = ? where rowid = ?\", (bytes(old) if isinstance(row[1], bytes) else old.decode(), row[0]))"
        )
    };
    for (column, n) in [("entry", 3), ("hash", 2), ("prev", 4), ("action", 2)] {
        tamper(&shell, &flip(column, n));
        assert_eq!(first(&["audit", "verify"]), ("altered".to_owned(), n), "{column}");
        assert_eq!(first(&["audit", "verify", "--from", "2", "--to", "4"]), ("altered".to_owned(), n), "{column}, in a part");
        tamper(&shell, &flip(column, n)); // The same bit again: as it was.
        assert_eq!(shell.run(&["audit", "verify", "--json"]).good()["intact"], true);
    }
    // Nothing is signed over a chain that is broken.
    tamper(&shell, &flip("entry", entries));
    let refused = shell.run(&["audit", "export", "--output", text(&base.path().join("x")), "--json"]);
    assert_eq!(refused.json()["error"]["code"], "audit_altered");
    fedatario_testkit::covers!("audit: one byte flipped in the database by hand is found and named, in the whole and in a part");
}

#[test]
fn what_is_taken_outside_is_checked_by_the_program_and_by_the_script() {
    let base = tempfile::tempdir().unwrap();
    let shell = house(base.path());
    let at = |name: &str| base.path().join(name);
    let key = shell.run(&["audit", "key", "--json"]).good()["key"].as_str().unwrap().to_owned();
    let old = at("old.note");
    shell.run(&["audit", "checkpoint", "--output", text(&old), "--json"]).good();
    shell.run(&["audit", "export", "--output", text(&at("chain")), "--json"]).good();
    shell.run(&["audit", "export", "--from", "2", "--to", "3", "--output", text(&at("part")), "--json"]).good();
    shell.run(&["audit", "export", "--csv", "--output", text(&at("sheet")), "--json"]).good();
    shell.run(&["audit", "prove", "2", "--output", text(&at("proof")), "--json"]).good();
    shell.run(&["audit", "checkpoint", "--since", text(&old), "--output", text(&at("since")), "--json"]).good();
    assert!(std::fs::read_to_string(at("sheet")).unwrap().starts_with("n,at,actor,"));
    assert_eq!(shell.run(&["audit", "verify", "--since", text(&old), "--json"]).good()["intact"], true);

    let nowhere = Shell::new(at("nowhere"));
    for (name, arguments) in [("chain", vec![]), ("part", vec![]), ("proof", vec!["--proof"]), ("since", vec!["--proof"])] {
        let file = at(name);
        let told =
            nowhere.run(&[&["audit", "verify"], arguments.as_slice(), &[text(&file), "--key", &key, "--json"]].concat()).good();
        assert_eq!(told["key"], "pinned", "{name}");
        let (exit, said) = python(&["--key", &key, text(&file)]);
        assert_eq!((exit, said["intact"].as_bool(), said["key"].as_str()), (0, Some(true), Some("pinned")), "{name}: {said}");
        let mut bytes = std::fs::read(&file).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        std::fs::write(&file, bytes).unwrap();
        let ended = nowhere.run(&[&["audit", "verify"], arguments.as_slice(), &[text(&file), "--key", &key, "--json"]].concat());
        assert_ne!(ended.exit, 0, "{name}");
        let (exit, said) = python(&["--key", &key, text(&file)]);
        assert_ne!(exit, 0, "{name}: {said}");
    }
    fedatario_testkit::covers!(
        "audit: exports, parts, proofs and consistency are checked by the shell and by the script in Python"
    );
}

#[test]
fn what_jobs_and_commands_do_names_them() {
    let base = tempfile::tempdir().unwrap();
    let shell = house(base.path());
    let file = base.path().join("chain");
    shell.run(&["audit", "export", "--output", text(&file), "--json"]).good();
    let entries = std::fs::read_to_string(&file).unwrap();
    let entries: Vec<Value> = entries.lines().skip(1).filter_map(|it| serde_json::from_str(it).ok()).collect();
    let made: Vec<&Value> = entries.iter().filter(|it| it["action"] == "audit.checkpoint.made").collect();
    let by: std::collections::BTreeSet<&str> = made.iter().map(|it| it["request"].as_str().expect("a command")).collect();
    assert_eq!((made.len(), by.len()), (4, 4), "each command is one: {entries:?}");
    assert!(by.iter().all(|it| it.starts_with("cmd_")), "{by:?}");
    assert!(made.iter().all(|it| it["address"].is_null() && it["actor"].as_str().is_some_and(|it| it.starts_with("os:"))));
    fedatario_testkit::covers!("audit: what jobs and commands of the shell do names them, so that one can be followed");
}

#[test]
fn what_cannot_be_told_is_not_done() {
    let base = tempfile::tempdir().unwrap();
    let shell = house(base.path());
    let before = shell.run(&["audit", "verify", "--json"]).good();
    tamper(&shell, "c.execute(\"create trigger full before insert on audit_entries begin select raise(abort, 'full'); end\")");
    for arguments in [&["tenant", "add", "tres", "--json"][..], &["audit", "checkpoint", "--json"]] {
        let ended = shell.run(arguments);
        assert_ne!(ended.exit, 0, "{arguments:?}: {ended:?}");
    }
    tamper(&shell, "c.execute('drop trigger full')");
    assert_eq!(shell.run(&["audit", "verify", "--json"]).good(), before, "neither the act nor its entry");
    shell.run(&["tenant", "add", "tres", "--json"]).good();
    fedatario_testkit::covers!("audit: an entry that cannot be written undoes what it tells of");
}
