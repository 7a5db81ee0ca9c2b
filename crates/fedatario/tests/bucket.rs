//! The same program with its objects in a bucket: one variable, nothing else changes.

mod support;

use serde_json::Value;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use support::{Shell, database, examples, sandbox, start};

/// The root key that the machines of one installation share: base64 of 32 bytes.
const ROOT_KEY: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
/// The year of the generated documents.
const YEAR: &str = "2025";
/// Looks at the database before the test gives up.
const LOOKS_AT_MOST: usize = 5_000;

/// A place of its own in the bucket that the tests run against, and the keys.
fn bucket(name: &str) -> (String, String, String) {
    let url = std::env::var("FEDATARIO_TEST_S3_URL").expect("FEDATARIO_TEST_S3_URL names a bucket; scripts/test starts a server");
    let pair = std::env::var("FEDATARIO_TEST_S3_KEY").expect("FEDATARIO_TEST_S3_KEY is id:secret");
    let (address, parameters) = url.split_once('?').expect("s3://bucket?endpoint=…");
    let (id, secret) = pair.split_once(':').expect("id:secret");
    let place = format!("{}/{name}-{}?{parameters}", address.trim_end_matches('/'), std::process::id());
    (place, id.to_owned(), secret.to_owned())
}

/// A shell whose secret key comes from a file, as in a container.
fn shell(dir: &Path, name: &str) -> Shell {
    let (url, id, secret) = bucket(name);
    let file = dir.with_extension("secret");
    std::fs::write(&file, format!("{secret}\n")).unwrap();
    Shell::new(dir)
        .with("FEDATARIO_BLOBS_URL", &url)
        .with("AWS_ACCESS_KEY_ID", &id)
        .with("AWS_SECRET_ACCESS_KEY_FILE", file.to_str().expect("UTF-8"))
}

fn assert_same_counts(one: &Value, other: &Value) {
    for count in ["requests", "packages", "cfdi", "metadata", "missing", "not_delivered"] {
        assert_eq!(one[count], other[count], "{count}");
    }
}

#[test]
fn a_year_comes_home_into_a_bucket_too() {
    let base = tempfile::tempdir().unwrap();
    let cfdi = examples();
    let arguments = ["demo", "--once", "--json", "--cfdi", cfdi.to_str().expect("UTF-8")];
    let embedded = Shell::new(base.path().join("embedded")).run(&arguments).good();
    let shell = shell(&base.path().join("bucket"), "year");
    let first = shell.run(&arguments).good();
    assert_same_counts(&first, &embedded);
    assert!(!shell.dir.join("objects").exists(), "no object lies in the folder");
    let report = first["report"].as_str().unwrap();
    assert!(report.starts_with("s3://") && report.contains("/tenants/"), "{report}");
    let second = shell.run(&arguments).good();
    assert_same_counts(&second, &embedded);
    assert_eq!(second["authority"], first["authority"], "the second run asks nothing");
    assert_eq!(shell.run(&["audit", "verify", "--json"]).good()["intact"], true);
    fedatario_testkit::covers!("blobs: the whole flow into a bucket, chosen by one variable; the second run changes nothing");
}

#[test]
fn a_bucket_that_cannot_be_used_is_said_before_anything_is_asked() {
    let base = tempfile::tempdir().unwrap();
    let run = |name: &str, variables: &[(&str, &str)]| {
        let shell = shell(&base.path().join(name), name);
        let shell = variables.iter().fold(shell, |shell, (name, value)| shell.with(name, value));
        let cfdi = examples();
        let ended = shell.run(&["demo", "--once", "--json", "--cfdi", cfdi.to_str().expect("UTF-8")]);
        let code = ended.json()["error"]["code"].as_str().unwrap_or_default().to_owned();
        let told = format!("{}{}", ended.stdout, ended.stderr);
        assert!(!told.contains("a-secret-that-is-wrong"), "{told}");
        (ended.exit, code)
    };
    let config = |code: &str| (2, code.to_owned());
    assert_eq!(run("http", &[("FEDATARIO_BLOBS_URL", "s3://bucket?endpoint=http://10.0.0.1:9000")]), config("config_invalid"));
    assert_eq!(run("typo", &[("FEDATARIO_BLOBS_URL", "s3://bucket?region=a&see=AES256")]), config("config_invalid"));
    assert_eq!(run("form", &[("FEDATARIO_BLOBS_URL", "bucket")]), config("config_invalid"));
    assert_eq!(run("key", &[("AWS_ACCESS_KEY_ID", "")]), config("config_invalid"));
    assert_eq!(run("wrong", &[("AWS_SECRET_ACCESS_KEY", "a-secret-that-is-wrong")]), (4, "blob_refused".to_owned()));
    fedatario_testkit::covers!("blobs: a bucket that is misspelt, in the clear or refuses is said at once, with its code");
}

/// A session that keeps everybody from writing documents, until it is dropped.
struct Holding(Child);

impl Holding {
    fn documents(url: &str) -> Self {
        let mut psql = Command::new("psql");
        let url = &support::as_administrator(url);
        let psql = psql.args([url, "-qAtX"]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        let mut psql = psql.expect("psql is there");
        let held = "begin; lock table documents in access exclusive mode; select 'held';\n";
        psql.stdin.as_mut().expect("piped").write_all(held.as_bytes()).unwrap();
        let mut said = String::new();
        BufReader::new(psql.stdout.as_mut().expect("piped")).read_line(&mut said).unwrap();
        assert_eq!(said.trim(), "held");
        Self(psql)
    }
}

impl Drop for Holding {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn ask(url: &str, sql: &str) -> String {
    let url = &support::as_administrator(url);
    let said = Command::new("psql").args([url, "-qAtXc", sql]).output().expect("psql is there");
    assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
    String::from_utf8_lossy(&said.stdout).trim().to_owned()
}

#[test]
fn what_one_machine_stored_another_imports() {
    let base = tempfile::tempdir().unwrap();
    let sat = sandbox(base.path(), &["--generate", "300", "--year", YEAR]);
    let rfc = "EKU9003173C9";
    let url = database("shared");
    let machine = |name: &str| {
        let shell = shell(&base.path().join(name), "shared");
        shell.with("FEDATARIO_DATABASE_URL", &url).with("FEDATARIO_SAT_URL", &sat.url).with("FEDATARIO_ROOT_KEY", ROOT_KEY)
    };
    let (one, other) = (machine("one"), machine("other"));
    sat.register(&one);
    one.run(&["sat", "year", "--rfc", rfc, "--year", YEAR, "--issued", "--detach", "--json"]).good();
    let held = Holding::documents(&url);
    let first = start(one.command(&["serve", "--json"]));
    let stored = || ask(&url, "select id_paquete from packages where state = 'stored' and content = 'cfdi'");
    let before = (0..LOOKS_AT_MOST).map(|_| stored()).find(|it| !it.is_empty()).expect("a package is stored");
    drop(first); // Killed, as a machine is that loses its current.
    drop(held);
    other.run(&["sat", "year", "--rfc", rfc, "--year", YEAR, "--issued", "--json"]).good();
    assert_eq!(stored(), "", "the other machine imported what the first one stored");
    assert_eq!(sat.witness("counts")["requests"], 14, "a kill asks nothing again");
    let asked = sat.witness("requests").to_string();
    for package in before.lines() {
        assert!(asked.contains(&format!(r#"{{"downloads":1,"id":"{package}"}}"#)), "{package} was fetched once: {asked}");
    }
    for machine in [&one, &other] {
        assert!(!machine.dir.join("objects").exists() && !machine.dir.join("fedatario.db").exists());
    }
    let distinct = ask(&url, "select count(distinct uuid) from documents");
    let known = ask(&url, "select count(*) from packages where content = 'cfdi' and state = 'imported'");
    assert!(distinct != "0" && known != "0", "{distinct} documents, {known} packages");
    assert_eq!(other.run(&["audit", "verify", "--json"]).good()["intact"], true);
    fedatario_testkit::covers!("blobs: what one machine stored in the bucket another imports, nothing is fetched twice");
}
