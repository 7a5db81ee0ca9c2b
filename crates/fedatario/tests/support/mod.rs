//! The program as a user runs it: the built binary, a folder of its own, a sandbox on a free port.

#![allow(dead_code, reason = "each test file uses its part")]

pub mod begun;

use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

/// The binary under test.
pub const BINARY: &str = env!("CARGO_BIN_EXE_fedatario");

/// What a command came to.
#[derive(Debug)]
pub struct Ended {
    pub exit: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Ended {
    /// The last line of standard output, which `--json` promises to be one object.
    pub fn json(&self) -> Value {
        let last = self.stdout.lines().last().unwrap_or_default();
        serde_json::from_str(last).unwrap_or_else(|error| panic!("not JSON ({error}): {self:?}"))
    }

    /// The same, of a command that ended well.
    pub fn good(&self) -> Value {
        assert_eq!(self.exit, 0, "{self:?}");
        self.json()
    }
}

/// A folder and an environment, as one user has them.
pub struct Shell {
    pub dir: PathBuf,
    environment: Vec<(String, String)>,
}

impl Shell {
    /// A shell over a folder that nobody used yet.
    pub fn new(dir: impl AsRef<Path>) -> Self {
        Self { dir: dir.as_ref().to_owned(), environment: Vec::new() }
    }

    /// The same shell with one more variable.
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// A command of this shell, not yet started.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(BINARY);
        for name in [
            "FEDATARIO_DATABASE_URL",
            "FEDATARIO_BLOBS_URL",
            "FEDATARIO_SAT_URL",
            "FEDATARIO_SAT_FORM",
            "FEDATARIO_TENANT",
            "FEDATARIO_CLOCK_OFFSET_S",
        ] {
            command.env_remove(name);
        }
        command.env("LANG", "es_MX.UTF-8").env_remove("LC_ALL").env("FEDATARIO_DATA", &self.dir).args(arguments);
        command.env("FEDATARIO_LISTEN", "127.0.0.1:0"); // Whoever serves beside others takes what is free.
        command.envs(self.environment.iter().cloned()).stdin(Stdio::null());
        command
    }

    /// Runs a command to its end.
    pub fn run(&self, arguments: &[&str]) -> Ended {
        let done = self.command(arguments).output().expect("the binary starts");
        Ended {
            exit: done.status.code().unwrap_or(-1),
            stdout: String::from_utf8_lossy(&done.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&done.stderr).into_owned(),
        }
    }
}

/// A process that is killed when the test lets go of it.
pub struct Running {
    pub child: Child,
    pub first: Value,
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Starts a command and reads lines until one is a JSON object.
pub fn start(mut command: Command) -> Running {
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("the binary starts");
    let lines = BufReader::new(child.stdout.take().expect("piped")).lines();
    let first = lines.map_while(Result::ok).find_map(|it| serde_json::from_str(&it).ok());
    let Some(first) = first else {
        panic!("ended without a JSON object: {:?}", child.wait());
    };
    Running { child, first }
}

/// A sandbox of SAT in a process of its own.
pub struct SandboxSat {
    pub running: Running,
    pub url: String,
    pub fiel: PathBuf,
}

/// Starts a sandbox on a free port; `fiel` will hold an e.firma that it accepts.
pub fn sandbox(dir: &Path, arguments: &[&str]) -> SandboxSat {
    let fiel = dir.join("fiel");
    let shell = Shell::new(dir.join("unused"));
    let mut all = vec!["sandbox", "sat", "--listen", "127.0.0.1:0", "--json", "--mint", fiel.to_str().expect("UTF-8")];
    all.extend_from_slice(arguments);
    let running = start(shell.command(&all));
    let url = running.first["url"].as_str().expect("a url").to_owned();
    SandboxSat { running, url, fiel }
}

impl SandboxSat {
    /// A shell that points at this sandbox.
    pub fn shell(&self, dir: impl AsRef<Path>) -> Shell {
        Shell::new(dir).with("FEDATARIO_SAT_URL", &self.url)
    }

    /// What the sandbox says under `/_sandbox/…`.
    pub fn witness(&self, what: &str) -> Value {
        get(&format!("{}/_sandbox/{what}", self.url))
    }

    /// Registers the minted e.firma.
    pub fn register(&self, shell: &Shell) -> Value {
        let file = |name: &str| self.fiel.join(name).to_str().expect("UTF-8").to_owned();
        let (cer, key, password) = (file("fiel.cer"), file("fiel.key"), file("password.txt"));
        shell.run(&["sat", "register", "--cer", &cer, "--key", &key, "--password-file", &password, "--json"]).good()
    }
}

/// Reads JSON over HTTP.
pub fn get(url: &str) -> Value {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async { reqwest::get(url).await.expect("an answer").json().await.expect("JSON") })
}

/// The authored set of documents that comes with the repository.
pub fn examples() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/cfdi")
}

/// Posts JSON over HTTP.
pub fn post(url: &str, body: &Value) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let sent = runtime.block_on(reqwest::Client::new().post(url).json(body).send()).expect("an answer");
    assert!(sent.status().is_success(), "{url}: {}", sent.status());
}

/// Makes the role that the program works as, whoever comes first.
const PLAIN_ROLE: &str = "do $$ begin create role fedatario_plain login nosuperuser nobypassrls password 'plain'; \
     exception when duplicate_object or unique_violation then null; end $$";

/// A fresh database of the PostgreSQL server that the tests run against.
pub fn database(name: &str) -> String {
    static SERIAL: AtomicU32 = AtomicU32::new(0);
    let server = std::env::var("FEDATARIO_TEST_POSTGRES_URL")
        .expect("FEDATARIO_TEST_POSTGRES_URL names a PostgreSQL server; scripts/test starts one");
    let name = format!("{name}_{}_{}", std::process::id(), SERIAL.fetch_add(1, Ordering::Relaxed));
    for statement in [PLAIN_ROLE, &format!("create database {name} owner fedatario_plain")] {
        let made = Command::new("psql").args([&server, "-qc", statement]).status().expect("psql is there");
        assert!(made.success());
    }
    // The program refuses to work as the administrator.
    let (scheme, rest) = server.split_once("://").expect("an address");
    let host = rest.split_once('@').map_or(rest, |(_, host)| host);
    let server = format!("{scheme}://fedatario_plain:plain@{host}");
    let (base, query) = server.split_once('?').map_or((server.as_str(), None), |(base, query)| (base, Some(query)));
    let (host, _) = base.rsplit_once('/').expect("an address with a database");
    query.map_or(format!("{host}/{name}"), |query| format!("{host}/{name}?{query}"))
}

/// The same database as its administrator sees it: every row of everybody.
pub fn as_administrator(url: &str) -> String {
    let server = std::env::var("FEDATARIO_TEST_POSTGRES_URL").expect("named already");
    let (_, database) = url.rsplit_once('/').expect("an address with a database");
    let (host, _) = server.rsplit_once('/').expect("an address with a database");
    format!("{host}/{database}")
}
