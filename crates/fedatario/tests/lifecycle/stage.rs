//! What these tests share: a sandbox with generated documents, a registered taxpayer, and the
//! things that must hold whatever went wrong.

pub use crate::support::begun::Begun;
use crate::support::{Ended, SandboxSat, Shell, sandbox};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader};
use std::process::Stdio;
use std::sync::OnceLock;

/// Whose documents.
pub const RFC: &str = "EKU9003173C9";
/// Of which year, when it is over.
pub const YEAR: i16 = 2025;
/// Requests of one direction of a year.
pub const A_YEAR: usize = 14;
/// Documents generated: some in each month, in both directions.
const DOCUMENTS: &str = "120";
/// Looks at the state before a test that waits for one gives up: minutes, on any machine.
const LOOKS_AT_MOST: usize = 2_000;

/// A sandbox and a house that is registered there.
pub struct Stage {
    pub sandbox: SandboxSat,
    pub shell: Shell,
    pub year: i16,
    ahead_s: i64,
    base: tempfile::TempDir,
}

impl Stage {
    /// A year that is over, with documents in each month.
    pub fn past() -> Self {
        Self::with(YEAR, &["--generate", DOCUMENTS, "--rfc", RFC, "--year", "2025"])
    }

    /// Next year, some days after it began: two requests a direction, and every document in them.
    pub fn january(day: i8) -> Self {
        let now = jiff::Zoned::now().in_tz("America/Mexico_City").expect("a zone");
        let year = now.year() + 1;
        let mut stage = Self::with(year, &["--generate", DOCUMENTS, "--rfc", RFC, "--year", &year.to_string()]);
        let then = jiff::civil::date(year, 1, day).at(12, 0, 0, 0).in_tz("America/Mexico_City").expect("a moment");
        stage.advance(then.timestamp().as_second() - now.timestamp().as_second());
        stage
    }

    /// A year of a sandbox with these arguments.
    pub fn with(year: i16, arguments: &[&str]) -> Self {
        let base = tempfile::tempdir().expect("a folder");
        let sandbox = sandbox(base.path(), arguments);
        let shell = sandbox.shell(base.path().join("house"));
        sandbox.register(&shell);
        Self { sandbox, shell, year, ahead_s: 0, base }
    }

    /// A path of this stage's own.
    pub fn path(&self, name: &str) -> std::path::PathBuf {
        self.base.path().join(name)
    }

    /// Posts to the sandbox's control.
    pub fn control(&self, what: &str, body: &Value) -> Value {
        let url = format!("{}/_sandbox/{what}", self.sandbox.url);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let answer = reqwest::Client::new().post(url).json(body).send().await.expect("an answer");
            assert!(answer.status().is_success(), "{what} {body}: {}", answer.status());
            answer.json().await.expect("JSON")
        })
    }

    /// Lets the next calls of an operation go wrong.
    pub fn arm(&self, operation: &str, fault: &str, times: u32) {
        self.control("faults", &json!({ "operation": operation, "fault": fault, "times": times }));
    }

    /// One call each, in this order.
    pub fn arm_all(&self, operation: &str, faults: &[&str]) {
        faults.iter().for_each(|it| self.arm(operation, it, 1));
    }

    /// Forgets the faults that nobody met.
    pub fn disarm(&self) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let url = format!("{}/_sandbox/faults", self.sandbox.url);
        runtime.block_on(async { reqwest::Client::new().delete(url).send().await.expect("an answer") });
    }

    /// How many calls are still to go wrong.
    pub fn armed(&self) -> u64 {
        self.sandbox.witness("faults")["waiting"].as_u64().expect("a number")
    }

    /// Lets time pass on both sides of the wire: here for every command to come.
    pub fn advance(&mut self, seconds: i64) {
        self.control("clock", &json!({ "advance_s": seconds }));
        self.ahead_s += seconds;
        let house = self.shell.dir.clone();
        self.shell = self.elsewhere(house);
    }

    /// A shell over another folder, under the same clock.
    pub fn elsewhere(&self, dir: impl AsRef<std::path::Path>) -> Shell {
        let shell = self.sandbox.shell(dir);
        if self.ahead_s > 0 { shell.with("FEDATARIO_CLOCK_OFFSET_S", &self.ahead_s.to_string()) } else { shell }
    }

    /// Runs the year's issued documents to their end.
    pub fn year(&self) -> Ended {
        self.year_in(&self.shell)
    }

    /// The same, from another shell.
    pub fn year_in(&self, shell: &Shell) -> Ended {
        let year = self.year.to_string();
        shell.run(&["sat", "year", "--rfc", RFC, "--year", &year, "--issued", "--json"])
    }

    /// Runs a command on the taxpayer.
    pub fn sat(&self, command: &str) -> Ended {
        self.shell.run(&["sat", command, "--rfc", RFC, "--json"])
    }

    /// Plans the year and leaves its jobs to others.
    pub fn detach(&self) {
        let year = self.year.to_string();
        self.shell.run(&["sat", "year", "--rfc", RFC, "--year", &year, "--issued", "--detach", "--json"]).good();
    }

    /// The taxpayer as `sat status` shows it.
    pub fn status(&self) -> Value {
        self.sat("status").good()["taxpayers"][0].clone()
    }

    /// Its requests.
    pub fn solicitudes(&self) -> Vec<Value> {
        self.status()["solicitudes"].as_array().expect("a list").clone()
    }

    /// Looks again and again until the requests are as they should be.
    pub fn until(&self, what: &str, holds: impl Fn(&[Value]) -> bool) {
        let found = (0..LOOKS_AT_MOST).any(|_| holds(&self.solicitudes()));
        assert!(found, "never {what}: {:#?}", self.solicitudes());
    }

    /// Starts the year in a process that will be interrupted.
    pub fn begin(&self) -> Begun {
        let year = self.year.to_string();
        Begun::of(self.shell.command(&["sat", "year", "--rfc", RFC, "--year", &year, "--issued", "--json"]))
    }

    /// Starts `serve` and answers when it works.
    pub fn serve(&self) -> Begun {
        let mut command = self.shell.command(&["serve"]);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("the binary starts");
        let mut first = String::new();
        BufReader::new(child.stdout.take().expect("piped")).read_line(&mut first).expect("a line");
        assert!(!first.is_empty(), "serve ended at once: {:?}", child.wait());
        Begun(child)
    }

    /// What must hold at the end, whatever went wrong: the year is here, nothing was asked twice
    /// as it was, nothing was fetched a third time, and the chain and the report stand.
    pub fn assert_whole(&self, ended: &Ended) -> Value {
        let summary = ended.good();
        let told = |name: &str| summary[name].as_u64().unwrap_or_else(|| panic!("{name} of {summary}"));
        assert_eq!((told("missing"), told("open"), told("blocked")), (0, 0, 0), "{summary}");
        if self.year == YEAR {
            assert_eq!((told("cfdi"), told("metadata")), whole_year(), "{summary}");
        }
        self.assert_fair();
        let report = self.shell.dir.join("objects").join(summary["report"].as_str().expect("a path"));
        let checked = self.shell.run(&["sat", "report", "--check", report.to_str().expect("UTF-8"), "--json"]).good();
        assert_eq!((checked["signature"].as_bool(), checked["agrees"].as_bool()), (Some(true), Some(true)));
        let report: Value = serde_json::from_slice(&std::fs::read(report).expect("a report")).expect("JSON");
        // The other direction, and what is not over, nobody asked for.
        let asked = |it: &&Value| it["state"] != "not_asked";
        for window in report["report"]["windows"].as_array().expect("windows").iter().filter(asked) {
            assert_eq!(window["settled"], true, "{window}");
        }
        summary
    }

    /// The sandbox's own word, and the chain's.
    pub fn assert_fair(&self) {
        let requests = self.sandbox.witness("requests");
        let criteria: Vec<String> =
            requests.as_array().expect("a list").iter().map(|it| format!("{} {}", it["family"], it["criteria"])).collect();
        let different: BTreeSet<&String> = criteria.iter().collect();
        assert_eq!(different.len(), criteria.len(), "{criteria:#?}");
        let counts = self.sandbox.witness("counts");
        assert!(counts["most_downloads_of_one_package"].as_u64().expect("a number") <= 2, "{counts}");
        assert_eq!(self.shell.run(&["audit", "verify", "--json"]).good()["intact"], true);
    }

    /// Requests that the sandbox accepted.
    pub fn accepted(&self) -> u64 {
        self.sandbox.witness("counts")["requests"].as_u64().expect("a number")
    }

    /// Logins that the sandbox granted.
    pub fn logins(&self) -> u64 {
        self.sandbox.witness("counts")["logins"].as_u64().expect("a number")
    }
}

/// What a year without faults brings: (cfdi, metadata).
fn whole_year() -> (u64, u64) {
    static COUNTS: OnceLock<(u64, u64)> = OnceLock::new();
    *COUNTS.get_or_init(|| {
        let summary = Stage::past().year().good();
        (summary["cfdi"].as_u64().expect("a number"), summary["metadata"].as_u64().expect("a number"))
    })
}

/// Checks each case on a stage of its own, beside the others: most of their time is waiting.
pub fn each<T: Sync>(cases: &[T], check: impl Fn(&T) + Sync) {
    std::thread::scope(|scope| {
        for case in cases {
            scope.spawn(|| check(case));
        }
    });
}

/// How many requests there are of each state.
pub fn tally(solicitudes: &[Value]) -> BTreeMap<String, usize> {
    let mut tally = BTreeMap::new();
    for s in solicitudes {
        *tally.entry(state(s).to_owned()).or_default() += 1;
    }
    tally
}

/// Its state.
pub fn state(s: &Value) -> &str {
    s["state"].as_str().expect("a state")
}

/// Whether it brought its window home, or found it empty.
pub fn is_home(s: &Value) -> bool {
    matches!(state(s), "imported" | "reconciled" | "empty")
}

/// Those in a state.
pub fn those<'a>(solicitudes: &'a [Value], of: &str) -> Vec<&'a Value> {
    solicitudes.iter().filter(|it| state(it) == of).collect()
}

/// What stands for a request.
pub fn heirs<'a>(solicitudes: &'a [Value], s: &Value) -> Vec<&'a Value> {
    solicitudes.iter().filter(|it| it["replaces"] == s["id"]).collect()
}

/// Each of these has one heir: the same window one second wider, and it came home.
pub fn assert_widened_once(solicitudes: &[Value], ended: &[&Value], relation: &str) {
    for s in ended {
        let [heir] = heirs(solicitudes, s)[..] else { panic!("{s:#} {:#?}", heirs(solicitudes, s)) };
        assert_eq!((heir["k"].as_u64(), heir["relation"].as_str()), (s["k"].as_u64().map(|it| it + 1), Some(relation)), "{heir:#}");
        let moment =
            |it: &Value, end: &str| it[end].as_str().expect("a moment").parse::<jiff::civil::DateTime>().expect("a moment");
        assert_eq!(moment(heir, "from"), moment(s, "from") - jiff::SignedDuration::from_secs(1), "wider, never narrower");
        assert_eq!(moment(heir, "to"), moment(s, "to"));
        assert!(is_home(heir), "{heir:#}");
    }
}
