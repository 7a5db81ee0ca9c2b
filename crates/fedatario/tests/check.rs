//! Which documents are what they say: by the commands, against a sandbox that forges some.

mod support;

use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use support::{Ended, SandboxSat, Shell, get, post, sandbox};

const RFC: &str = "EKU9003173C9";
const YEAR: &str = "2025";

/// A year at home, of generated documents with real seals.
fn at_home(dir: &Path, documents: &str, more: &[&str]) -> (SandboxSat, Shell) {
    let mut arguments = vec!["--generate", documents, "--seals", "real", "--rfc", RFC, "--year", YEAR];
    arguments.extend_from_slice(more);
    let sandbox = sandbox(dir, &arguments);
    let shell = sandbox.shell(dir.join("house"));
    sandbox.register(&shell);
    let year = shell.run(&["sat", "year", "--rfc", RFC, "--year", YEAR, "--json"]).good();
    assert_eq!(year["missing"], 0, "{year}");
    (sandbox, shell)
}

/// The shell that trusts the sandbox's own authority.
fn trusting(dir: &Path, sandbox: &SandboxSat, shell: Shell) -> Shell {
    let file = dir.join("authority.cer");
    std::fs::write(&file, bytes(&format!("{}/_sandbox/authority.cer", sandbox.url))).expect("a file");
    shell.with("FEDATARIO_SAT_TRUST", file.to_str().expect("UTF-8"))
}

fn bytes(url: &str) -> Vec<u8> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async { reqwest::get(url).await.expect("an answer").bytes().await.expect("bytes").to_vec() })
}

fn check(shell: &Shell, more: &[&str]) -> Ended {
    let mut arguments = vec!["sat", "check", "--rfc", RFC, "--json"];
    arguments.extend_from_slice(more);
    shell.run(&arguments)
}

/// The lines before the last: one finding each.
fn findings(ended: &Ended) -> Vec<Value> {
    let mut lines: Vec<Value> = ended.stdout.lines().map(|it| serde_json::from_str(it).expect("NDJSON")).collect();
    lines.pop();
    lines
}

fn text(value: &Value, name: &str) -> String {
    value[name].as_str().unwrap_or_default().to_owned()
}

/// Verdict and reason of each document that was told.
fn told(ended: &Ended) -> BTreeMap<String, (String, String)> {
    findings(ended).iter().map(|it| (text(it, "uuid"), (text(it, "verdict"), text(it, "reason")))).collect()
}

/// What a judge of another make reads in the folder's database.
fn asked_of_python(shell: &Shell, script: &str) -> Value {
    let database = shell.dir.join("fedatario.db");
    let done = Command::new("python3").args(["-c", script]).arg(database).output().expect("python3 is installed");
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    serde_json::from_slice(&done.stdout).expect("JSON")
}

#[test]
fn exactly_the_forged_documents_are_found_and_none_else() {
    let base = tempfile::tempdir().unwrap();
    let (sandbox, shell) = at_home(base.path(), "300", &["--forge", "12", "--cancelled", "0"]);
    let forged: BTreeMap<String, (String, String)> = get(&format!("{}/_sandbox/forged", sandbox.url))
        .as_array()
        .expect("a list")
        .iter()
        .map(|it| {
            let (verdict, reason) = match it["how"].as_str() {
                Some("amount" | "seal") => ("altered", "seal_mismatch"),
                Some("stamp") => ("forged", "stamp_of_another"),
                other => panic!("a forgery of its own: {other:?}"),
            };
            (text(it, "uuid").to_lowercase(), (verdict.to_owned(), reason.to_owned()))
        })
        .collect();
    assert_eq!(forged.len(), 12);

    // Without the certificate of the stamps nothing is good, and nothing is called forged for that.
    let blind = check(&shell, &["--seals"]);
    assert_eq!((blind.exit, blind.json()["seals"]["verdicts"]["good"].as_u64()), (1, None), "{}", blind.json());
    assert!(told(&blind).values().all(|(verdict, _)| verdict != "good"));

    let seeing = check(&shell, &["--seals", "--fetch-certificates"]);
    assert_eq!((seeing.exit, told(&seeing)), (1, forged.clone()));
    let summary = seeing.json();
    assert_eq!((summary["seals"]["verdicts"]["good"].as_u64(), summary["trust"].as_str()), (Some(288), Some("not_checked")));
    assert_eq!(summary["seals"]["good_trust_not_checked"], 288, "good, and nobody vouches for it");

    // Known is known; another knowledge judges anew, and a file takes the findings.
    let again = check(&shell, &["--seals"]);
    assert_eq!((again.json()["seals"]["judged"].as_u64(), told(&again)), (Some(0), forged.clone()));
    let shell = trusting(base.path(), &sandbox, shell);
    let file = base.path().join("findings.ndjson");
    let trusted = check(&shell, &["--seals", "--year", YEAR, "--output", file.to_str().unwrap()]);
    let summary = trusted.json();
    assert_eq!((summary["seals"]["judged"].as_u64(), summary["trust"].as_str()), (Some(300), Some("checked")));
    assert_eq!(summary["seals"]["good_trust_not_checked"], 0);
    let lines: Vec<Value> = std::fs::read_to_string(&file).unwrap().lines().map(|it| serde_json::from_str(it).unwrap()).collect();
    let written: BTreeSet<String> = lines.iter().map(|it| text(it, "uuid")).collect();
    assert_eq!(written, forged.keys().cloned().collect());
    assert_eq!(trusted.stdout.lines().count(), 1, "only the summary is left for standard output");

    // One document, by its folio; a period without any.
    let one = forged.keys().next().unwrap();
    let alone = check(&shell, &["--seals", "--again", "--uuid", &one.to_uppercase()]);
    assert_eq!((alone.json()["seals"]["judged"].as_u64(), told(&alone).len()), (Some(1), 1));
    let elsewhere = check(&shell, &["--seals", "--from", "2020-01-01", "--to", "2020-12-31"]);
    assert_eq!((elsewhere.exit, elsewhere.json()["documents"].as_u64()), (0, Some(0)));
    shell.run(&["audit", "verify", "--json"]).good();
    let kept = asked_of_python(
        &shell,
        "import sqlite3,sys,json; c=sqlite3.connect(sys.argv[1]); \
         print(json.dumps([c.execute('select count(*) from check_runs where ended_ms is not null').fetchone()[0], \
         c.execute('select count(distinct subject) from check_findings').fetchone()[0], \
         c.execute(\"select count(*) from audit_entries where cast(entry as text) like '%sat.check.ended%'\").fetchone()[0]]))",
    );
    assert_eq!(kept, serde_json::json!([6, 300, 6]));
    fedatario_testkit::covers!(
        "check: of a generated year exactly the forged documents are found, each by its reason, and none else"
    );
    fedatario_testkit::covers!("check: a run is kept with its findings and has its audit entry");
}

#[test]
fn cancelled_documents_are_found_in_the_metadata_and_at_sat() {
    let base = tempfile::tempdir().unwrap();
    let (sandbox, shell) = at_home(base.path(), "150", &["--cancelled", "20"]);
    let by_metadata = check(&shell, &["--fetch-certificates"]);
    assert_eq!(by_metadata.json()["status"]["asked"], 0, "fresh metadata says enough");
    let known = told(&by_metadata);
    assert!(!known.is_empty());
    assert!(known.values().all(|it| *it == ("cancelled".to_owned(), "cancelled_in_metadata".to_owned())), "{known:?}");

    // A busy server is waited for, and all are asked.
    post(&format!("{}/_sandbox/faults", sandbox.url), &serde_json::json!({ "operation": "consulta", "fault": "503", "times": 3 }));
    let at_sat = check(&shell, &["--status"]);
    let summary = at_sat.json();
    assert_eq!(
        (summary["status"]["asked"].as_u64(), summary["status"]["unanswered"].as_u64()),
        (summary["documents"].as_u64(), Some(0))
    );
    let asked = told(&at_sat);
    assert_eq!(asked.keys().collect::<Vec<_>>(), known.keys().collect::<Vec<_>>());
    assert!(asked.values().all(|(_, reason)| reason == "cancelled_at_sat"), "{asked:?}");
    let finding = &findings(&at_sat)[0];
    assert_eq!(
        (finding["status"]["estado"].as_str(), finding["also"][0].as_str()),
        (Some("Cancelado"), Some("cancelled_in_metadata"))
    );
    assert_eq!(check(&shell, &["--status"]).json()["status"]["asked"], 0, "what was just asked is known");

    // A document whose metadata is gone is asked about by itself.
    asked_of_python(
        &shell,
        "import sqlite3,sys; c=sqlite3.connect(sys.argv[1]); c.execute('delete from status_checks'); \
         c.execute('delete from metadata where uuid in (select uuid from documents order by uuid limit 5)'); c.commit(); print(5)",
    );
    assert_eq!(check(&shell, &[]).json()["status"]["asked"], 5);
    assert_eq!(check(&shell, &["--stale-days", "0", "--again"]).json()["status"]["asked"], summary["documents"]);
    fedatario_testkit::covers!(
        "check: cancelled documents are found by the metadata, and at SAT when that is absent, old or not enough"
    );
    fedatario_testkit::covers!("check: SAT's four fields are kept, a busy server is waited for, nothing is asked twice in a day");
}

#[test]
fn counterparties_on_the_list_are_found() {
    let base = tempfile::tempdir().unwrap();
    let (_sandbox, shell) = at_home(base.path(), "400", &[]);
    assert_eq!(check(&shell, &["--efos"]).json()["list"], Value::Null);
    assert_eq!(shell.run(&["sat", "efos", "list", "--json"]).exit, 2, "none was loaded");
    let loaded = shell.run(&["sat", "efos", "load", "--json"]).good();
    assert_eq!(shell.run(&["sat", "efos", "load", "--json"]).good()["same"], true);
    let list = shell.run(&["sat", "efos", "list", "--json"]);
    assert_eq!(list.stdout.lines().count() as u64 - 1, loaded["rows"].as_u64().unwrap());

    let expected = asked_of_python(
        &shell,
        "import sqlite3,sys,json; c=sqlite3.connect(sys.argv[1]); \
         listed=dict(c.execute('select rfc, situation from efos_entries').fetchall()); found={}; \
         [found.__setitem__((r, role), found.get((r, role), 0) + 1) for role, i, x in c.execute('select role, issuer, receiver from documents') \
          for r in [x if role == 'issued' else i] if role in ('issued', 'received') and r in listed]; \
         print(json.dumps(sorted([r, role, listed[r], n] for (r, role), n in found.items())))",
    );
    let found = check(&shell, &["--efos"]);
    let mut told: Vec<Value> =
        findings(&found).iter().map(|it| serde_json::json!([it["rfc"], it["role"], it["situation"], it["documents"]])).collect();
    told.sort_by_key(ToString::to_string);
    assert_eq!(Value::from(told), expected);
    let of = |situations: &[&str]| {
        expected.as_array().unwrap().iter().filter(|it| situations.contains(&it[2].as_str().unwrap())).count() as u64
    };
    let summary = found.json();
    let (listed, otherwise) = (of(&["Presunto", "Definitivo"]), of(&["Desvirtuado", "Sentencia Favorable"]));
    assert!(listed > 0 && otherwise > 0, "{expected}");
    assert_eq!(
        (summary["findings"]["listed"].as_u64(), summary["findings"]["listed_otherwise"].as_u64()),
        (Some(listed), Some(otherwise))
    );
    assert_eq!(found.exit, 1);

    // A list of one's own takes its place: nobody on it is no finding; what is no list changes nothing.
    let file = base.path().join("69b.csv");
    std::fs::write(&file, "No,RFC,Nombre,Situación\n1,AAA080808HL8,A,Definitivo\n").unwrap();
    let path = file.to_str().unwrap();
    assert_eq!(shell.run(&["sat", "efos", "load", path, "--json"]).good()["rows"], 1);
    assert_eq!(check(&shell, &["--efos"]).exit, 0);
    std::fs::write(&file, "<html>no</html>").unwrap();
    let refused = shell.run(&["sat", "efos", "load", path, "--json"]);
    assert_eq!(
        (refused.exit, refused.json()["error"]["code"].as_str().map(str::to_owned)),
        (2, Some("efos_list_format".to_owned()))
    );
    assert_eq!(shell.run(&["sat", "efos", "list", "--json"]).good()["rows"], 1);
    fedatario_testkit::covers!(
        "check: issuers of received and receivers of issued documents are found on the 69-B list; only Presunto and Definitivo are findings"
    );
}

#[test]
fn a_run_that_was_killed_or_cut_goes_on_where_it_was() {
    let base = tempfile::tempdir().unwrap();
    let (sandbox, shell) = at_home(base.path(), "240", &["--cancelled", "0"]);
    // Ten a second: it is killed long before its end, when some groups of answers are kept.
    let slow = sandbox.shell(base.path().join("house")).with("FEDATARIO_SAT_PER_MINUTE", "600");
    let mut running = slow.command(&["sat", "check", "--rfc", RFC, "--status", "--json"]).stdout(Stdio::null()).spawn().unwrap();
    let kept = "import sqlite3,sys,json; c=sqlite3.connect(sys.argv[1]); print(json.dumps(c.execute('select count(*) from status_checks').fetchone()[0]))";
    while asked_of_python(&shell, kept) == 0 {
        std::thread::yield_now();
    }
    running.kill().unwrap();
    running.wait().unwrap();
    let before = asked_of_python(&shell, kept).as_u64().unwrap();
    assert!(before < 240, "it was killed in its midst: {before}");
    let rest = check(&shell, &["--status"]).json();
    assert_eq!((rest["status"]["asked"].as_u64(), rest["status"]["known"].as_u64()), (Some(240 - before), Some(before)));

    // A package that is out of reach ends the run; what was judged before stays judged.
    let packages = packages(&shell.dir);
    let last = packages.last().unwrap();
    let aside = base.path().join("aside.zip");
    std::fs::rename(last, &aside).unwrap();
    assert_ne!(check(&shell, &["--seals", "--fetch-certificates"]).exit, 0);
    std::fs::rename(&aside, last).unwrap();
    let judged = asked_of_python(&shell, &kept.replace("status_checks", "seal_checks")).as_u64().unwrap();
    let resumed = check(&shell, &["--seals"]);
    let seals = &resumed.json()["seals"];
    assert_eq!(seals["judged"].as_u64(), Some(240 - judged), "{seals}");
    assert_eq!((resumed.exit, seals["verdicts"]["good"].as_u64(), seals["unchecked"].as_u64()), (0, Some(240), Some(0)));
    fedatario_testkit::covers!("check: killed in its midst, or cut, a run goes on: nothing is asked or judged twice");
}

/// The packages of CFDI, in the order in which they are read.
fn packages(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![dir.join("objects")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true => folders.push(path),
                false if path.to_str().unwrap().contains("/paquetes/cfdi/") => found.push(path),
                false => {}
            }
        }
    }
    found.sort();
    found
}

/// The first document of a package.
fn first_document(package: &Path) -> String {
    let mut archive = zip::ZipArchive::new(std::fs::File::open(package).unwrap()).unwrap();
    let mut text = String::new();
    std::io::Read::read_to_string(&mut archive.by_index(0).unwrap(), &mut text).unwrap();
    text
}

#[test]
fn files_by_hand_need_no_account() {
    let base = tempfile::tempdir().unwrap();
    let (sandbox, shell) = at_home(base.path(), "60", &["--cancelled", "0"]);
    let full = packages(&shell.dir).into_iter().find(|it| std::fs::metadata(it).unwrap().len() > 1_000).unwrap();
    let document = first_document(&full);
    let file = base.path().join("one.xml");
    std::fs::write(&file, &document).unwrap();
    let path = file.to_str().unwrap();

    // Nowhere at all: no folder is made, and what is not at hand is said.
    let nowhere = Shell::new(base.path().join("nowhere"));
    let alone = nowhere.run(&["sat", "check", path, "--json"]);
    assert_eq!((alone.exit, findings(&alone)[0]["reason"].as_str()), (1, Some("stamp_certificate_missing")));
    assert!(!nowhere.dir.exists());

    // The certificates given by hand: the sandbox's own, by their numbers.
    let number = text(&findings(&alone)[0], "stamp_certificate");
    let cut = [&number[..6], &number[6..12], &number[12..14], &number[14..16], &number[16..18]].join("/");
    let stamps = base.path().join("stamps.cer");
    std::fs::write(&stamps, bytes(&format!("{}/rccf/{cut}/{number}.cer", sandbox.url))).unwrap();
    let nowhere = trusting(base.path(), &sandbox, nowhere);
    let with = ["sat", "check", path, "--json", "--certificates", stamps.to_str().unwrap()];
    let good = nowhere.run(&with);
    assert_eq!(
        (good.exit, text(&findings(&good)[0], "verdict"), text(&findings(&good)[0], "trust")),
        (0, "good".into(), "chained".into())
    );

    // Loaded once, they are known; SAT is asked only if one wants it.
    assert_eq!(shell.run(&["sat", "certificates", "load", stamps.to_str().unwrap(), "--json"]).good()["new"], 1);
    assert_eq!(shell.run(&["sat", "check", path, "--json"]).exit, 0);

    // Through a pipe, and changed on the way.
    let altered = document.replacen(" Fecha=\"2025-", " Fecha=\"2024-", 1);
    assert_ne!(altered, document);
    let mut piped = shell.command(&["sat", "check", "-", "--json"]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    piped.stdin.take().unwrap().write_all(altered.as_bytes()).unwrap();
    let done = piped.wait_with_output().unwrap();
    let said = String::from_utf8(done.stdout).unwrap();
    let first: Value = serde_json::from_str(said.lines().next().unwrap()).unwrap();
    assert_eq!(
        (done.status.code(), first["verdict"].as_str(), first["reason"].as_str()),
        (Some(1), Some("altered"), Some("seal_mismatch"))
    );
    assert_eq!(shell.run(&["sat", "check", "--json"]).exit, 2, "neither a taxpayer nor a file");
    fedatario_testkit::covers!("check: files and pipes are judged by hand, without account or folder, with certificates given");
}
