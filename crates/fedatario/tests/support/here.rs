//! A sandbox in the test's own process, so that its door can be shut, its clock bent and its books
//! read, with a house beside it.

#![allow(dead_code, reason = "each test file uses its part")]

pub use crate::support::begun::Begun;
use crate::support::{Ended, Shell};
use fedatario_base::Clock;
use fedatario_base::clock::SystemClock;
use fedatario_sandbox::sat::{Corpus, Fault, Sandbox, SatConfig, Seals, Target, Waits};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use tokio::task::JoinHandle;

/// Whose documents.
pub const RFC: &str = "EKU9003173C9";
/// Documents generated, all of January.
const DOCUMENTS: u32 = 30;
/// Looks at a state before a test that waits for one gives up: minutes, on any machine.
const LOOKS_AT_MOST: usize = 2_000;

/// One runtime for every sandbox.
static RUNTIME: LazyLock<tokio::runtime::Runtime> =
    LazyLock::new(|| tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime"));

/// The simulator's wall, which can be set wrong.
#[derive(Debug, Default)]
pub struct Bent(AtomicI64);

impl Bent {
    /// Sets it so many seconds ahead of the true one.
    pub fn by(&self, seconds: i64) {
        self.0.store(seconds, Ordering::SeqCst);
    }
}

impl Clock for Bent {
    fn wall(&self) -> Timestamp {
        SystemClock::default().wall() + SignedDuration::from_secs(self.0.load(Ordering::SeqCst))
    }

    fn service(&self) -> Timestamp {
        self.wall()
    }
}

/// A sandbox and a registered house, some days after a year began: two requests a direction, and
/// every document in them.
pub struct Here {
    pub sandbox: Arc<Sandbox>,
    pub clock: Arc<Bent>,
    pub shell: Shell,
    pub year: i16,
    address: SocketAddr,
    serving: Mutex<Option<JoinHandle<()>>>,
    base: tempfile::TempDir,
}

impl Here {
    /// On SQLite.
    pub fn new() -> Self {
        Self::on(|shell| shell)
    }

    /// With a shell of the test's making.
    pub fn on(with: impl FnOnce(Shell) -> Shell) -> Self {
        let now = jiff::Zoned::now().in_tz("America/Mexico_City").expect("a zone");
        let year = now.year() + 1;
        let then = jiff::civil::date(year, 1, 20).at(12, 0, 0, 0).in_tz("America/Mexico_City").expect("a moment");
        let ahead = then.timestamp().as_second() - now.timestamp().as_second();
        let clock = Arc::new(Bent::default());
        let config = SatConfig {
            corpus: Corpus::generate(DOCUMENTS, 7, RFC, year, Seals::Filler).expect("documents"),
            clock: clock.clone(),
            clock_offset: SignedDuration::from_secs(ahead),
            waits: Waits::NONE,
            ..SatConfig::default()
        };
        let sandbox = Sandbox::new(config).expect("a sandbox");
        let base = tempfile::tempdir().expect("a folder");
        let listener = RUNTIME.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).expect("a port");
        let address = listener.local_addr().expect("an address");
        let shell = Shell::new(base.path().join("house")).with("FEDATARIO_SAT_URL", &format!("http://{address}"));
        let shell = with(shell.with("FEDATARIO_CLOCK_OFFSET_S", &ahead.to_string()));
        let here = Self { sandbox, clock, shell, year, address, serving: Mutex::default(), base };
        here.serve(listener);
        here.register();
        here
    }

    fn serve(&self, listener: tokio::net::TcpListener) {
        let sandbox = self.sandbox.clone();
        let serving = RUNTIME.spawn(async move { drop(fedatario_sandbox::sat::serve(listener, sandbox).await) });
        *self.serving.lock().unwrap_or_else(PoisonError::into_inner) = Some(serving);
    }

    /// Registers an e.firma that the sandbox has just made.
    pub fn register(&self) {
        let fiel = self.sandbox.mint_fiel(RFC, "ESCUELA KEMPER URGATE SA DE CV").expect("an e.firma");
        let write = |name: &str, bytes: &[u8]| {
            let path = self.path(name);
            std::fs::write(&path, bytes).expect("a file");
            path.to_str().expect("UTF-8").to_owned()
        };
        let (cer, key) = (write("fiel.cer", &fiel.cer), write("fiel.key", &fiel.key));
        let password = write("password.txt", fiel.password.expose());
        self.shell.run(&["sat", "register", "--cer", &cer, "--key", &key, "--password-file", &password, "--json"]).good();
    }

    /// A path beside the house.
    pub fn path(&self, name: &str) -> PathBuf {
        self.base.path().join(name)
    }

    /// Shuts the door: whoever comes is refused by the system itself.
    pub fn shut(&self) {
        if let Some(serving) = self.serving.lock().unwrap_or_else(PoisonError::into_inner).take() {
            serving.abort();
            let _ = RUNTIME.block_on(serving);
        }
    }

    /// Opens it again, at the same address.
    pub fn open(&self) {
        let listener = RUNTIME.block_on(async {
            let socket = tokio::net::TcpSocket::new_v4()?;
            socket.set_reuseaddr(true)?;
            socket.bind(self.address)?;
            socket.listen(128)
        });
        self.serve(listener.expect("the same address"));
    }

    /// Lets the next calls of an operation go wrong.
    pub fn arm(&self, operation: &str, fault: &str, times: u32) {
        let target = Target::parse(operation).expect("an operation");
        self.sandbox.fault(target, Fault::parse(fault).expect("a fault"), times).expect("room for a fault");
    }

    fn arguments(&self) -> Vec<String> {
        let year = self.year.to_string();
        ["sat", "year", "--rfc", RFC, "--year", &year, "--issued", "--json"].map(str::to_owned).to_vec()
    }

    /// Runs the year's issued documents to their end.
    pub fn year(&self) -> Ended {
        self.shell.run(&self.arguments().iter().map(String::as_str).collect::<Vec<_>>())
    }

    /// The command that asks for the year, not yet started.
    pub fn year_command(&self) -> Command {
        self.shell.command(&self.arguments().iter().map(String::as_str).collect::<Vec<_>>())
    }

    /// Starts the year.
    pub fn begin(&self) -> Begun {
        Begun::of(self.year_command())
    }

    /// The same, with every closed exchange told on standard error; for [`Begun::closes`].
    pub fn begin_told(&self) -> Begun {
        let mut command = self.year_command();
        let command = command.env("FEDATARIO_LOG", "sqlx=debug").stdout(Stdio::piped()).stderr(Stdio::piped());
        Begun(command.spawn().expect("the binary starts"))
    }

    /// Runs a command on the taxpayer.
    pub fn sat(&self, command: &str) -> Ended {
        self.shell.run(&["sat", command, "--rfc", RFC, "--json"])
    }

    /// Its requests.
    pub fn solicitudes(&self) -> Vec<Value> {
        self.sat("status").good()["taxpayers"][0]["solicitudes"].as_array().expect("a list").clone()
    }

    /// The same, of a house that only some commands can see.
    pub fn until_in(&self, inside: &dyn Fn(&Command) -> Command, what: &str, holds: impl Fn(&[Value]) -> bool) {
        let status = self.shell.command(&["sat", "status", "--rfc", RFC, "--json"]);
        let look = |_: usize| {
            let done = inside(&status).output().expect("the binary starts");
            let told: Value = serde_json::from_slice(&done.stdout).unwrap_or_default();
            told["taxpayers"][0]["solicitudes"].as_array().is_some_and(|it| holds(it))
        };
        assert!((0..LOOKS_AT_MOST).any(look), "never {what}");
    }

    /// Looks again and again until the requests are as they should be.
    pub fn until(&self, what: &str, holds: impl Fn(&[Value]) -> bool) {
        let found = (0..LOOKS_AT_MOST).any(|_| holds(&self.solicitudes()));
        assert!(found, "never {what}: {:#?}", self.solicitudes());
    }

    /// The sandbox's own word, and the chain's: no two accepted requests are equal, no package was
    /// fetched a third time, nothing was edited.
    pub fn assert_fair(&self) {
        let criteria: Vec<String> = self.sandbox.requests().iter().map(|it| format!("{:?}", it.solicitud.criteria)).collect();
        assert_eq!(criteria.iter().collect::<BTreeSet<_>>().len(), criteria.len(), "{criteria:#?}");
        let counts = self.sandbox.counts();
        assert!(counts.most_downloads_of_one_package <= 2, "{counts:?}");
        assert_eq!(self.shell.run(&["audit", "verify", "--json"]).good()["intact"], true);
    }

    /// The folder of the house.
    pub fn house(&self) -> &Path {
        &self.shell.dir
    }
}

impl Drop for Here {
    fn drop(&mut self) {
        self.sandbox.release();
        if let Some(serving) = self.serving.lock().unwrap_or_else(PoisonError::into_inner).take() {
            serving.abort();
        }
    }
}

/// Its state.
pub fn state(s: &Value) -> &str {
    s["state"].as_str().expect("a state")
}

/// Whether it brought its window home, or found it empty.
pub fn is_home(s: &Value) -> bool {
    matches!(state(s), "imported" | "reconciled" | "empty")
}
