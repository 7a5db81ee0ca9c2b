//! A sandbox in this process, a house beside it, and what has to hold at the end.

use crate::points::{Course, Point};
use crate::support::{Ended, Shell, examples};
use fedatario_sandbox::sat::{Corpus, Counts, Fault, Sandbox, SatConfig, Script, Target};
use serde_json::Value;
use std::collections::BTreeSet;
use std::io::Write as _;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::sync::{Arc, LazyLock};

/// Whose documents the authored set holds.
const RFC: &str = "EKU9003173C9";
/// The year that they are of.
const YEAR: &str = "2025";
/// Requests of a year in one direction; the other is the same again.
const A_YEAR: u64 = 14;
/// Downloads that are cut: more than there are packages of a year's issued documents, so that one
/// is cut twice.
const CUTS: u32 = 14;
/// How a process ends that aborts.
const SIGABRT: i32 = 6;
/// How often a command that says "try later" is run again before that is a failure.
const AGAIN_AT_MOST: usize = 20;

/// One runtime for every sandbox.
static RUNTIME: LazyLock<tokio::runtime::Runtime> =
    LazyLock::new(|| tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime"));

/// What a year that nothing disturbs brings home.
static WHOLE: LazyLock<Brought> = LazyLock::new(|| Stage::set(Course::Year, None).undisturbed());

/// What came home: CFDI, metadata, not delivered.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Brought([u64; 3]);

/// A point, the times at which lives end there, and on which database.
pub struct Case<'a> {
    pub point: &'a Point,
    pub moments: Vec<u64>,
    pub database: Option<String>,
}

/// What became of the cases of a point.
#[derive(Debug, Clone, Default)]
pub struct Fate {
    /// Lives that ended at the point.
    pub kills: u64,
    /// Cases that came to the same end as a life without death.
    pub resumed: u64,
    /// Documents or lines that are not there at the end.
    pub lost: u64,
    /// Documents, lines, requests or downloads that are there too often.
    pub doubled: u64,
    /// Requests of which nobody knew what became.
    pub uncertain: u64,
}

impl Fate {
    pub fn add(&mut self, other: &Fate) {
        self.kills += other.kills;
        self.resumed += other.resumed;
        self.lost += other.lost;
        self.doubled += other.doubled;
        self.uncertain += other.uncertain;
    }
}

impl Case<'_> {
    /// Kills, resumes, and asserts; what came of it.
    pub fn run(self) -> Fate {
        let (name, began) = (self.point.name, std::time::Instant::now());
        let stage = Stage::set(self.point.course, self.database);
        let kills: u64 = self.moments.iter().map(|nth| u64::from(stage.killed_at(name, *nth))).sum();
        let told = format!("{name} {:?}", self.moments);
        let fate = stage.resumed(&told, kills);
        eprintln!("{told}: {kills} kills, {} uncertain, {} ms", fate.uncertain, began.elapsed().as_millis());
        assert_eq!((fate.lost, fate.doubled), (0, 0), "{told}");
        fate
    }
}

/// A sandbox, a house, and a course of events between them.
pub struct Stage {
    course: Course,
    sandbox: Arc<Sandbox>,
    shell: Shell,
    base: tempfile::TempDir,
}

impl Stage {
    /// Everything before the first command of the course.
    pub fn set(course: Course, database: Option<String>) -> Self {
        let base = tempfile::tempdir().expect("a folder");
        let corpus = Corpus::from_dir(&examples()).expect("the authored set");
        let sandbox = Sandbox::new(SatConfig { corpus, ..SatConfig::default() }).expect("a sandbox");
        let listener = RUNTIME.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        RUNTIME.spawn(fedatario_sandbox::sat::serve(listener, sandbox.clone()));
        let mut shell = Shell::new(base.path().join("house")).with("FEDATARIO_SAT_URL", &url);
        if let Some(database) = &database {
            shell = shell.with("FEDATARIO_DATABASE_URL", database);
        }
        let stage = Self { course, sandbox, shell, base };
        stage.prepare();
        stage
    }

    fn prepare(&self) {
        let fiel = self.sandbox.mint_fiel(RFC, "ESCUELA KEMPER URGATE SA DE CV").expect("an e.firma");
        let write = |name: &str, bytes: &[u8]| std::fs::write(self.base.path().join(name), bytes).expect("a file");
        write("fiel.cer", &fiel.cer);
        write("fiel.key", &fiel.key);
        write("password.txt", fiel.password.expose());
        match self.course {
            Course::Register => {}
            Course::Year => {
                self.run(&self.register()).good();
                self.arm("Verifica", Fault::Scripted(Script::Stuck), 2); // In process when asked for the first time.
            }
            Course::Troubled => {
                self.run(&self.register()).good();
                self.trouble();
            }
            Course::ByHand => archive(&self.base.path().join("package.zip")),
        }
    }

    /// Lost answers, a request that SAT gives up, one that is too large, packages cut twice.
    fn trouble(&self) {
        self.arm("Solicita", Fault::Cut, 2);
        self.arm("Solicita", Fault::Scripted(Script::State4), 1);
        self.arm("Solicita", Fault::Scripted(Script::Rejected(5003)), 1);
        self.arm("Verifica", Fault::NotControlledButDone, 2);
        self.arm("Descargar", Fault::Truncated, CUTS);
    }

    fn arm(&self, operation: &str, fault: Fault, times: u32) {
        let target = Target::parse(operation).expect("an operation");
        self.sandbox.fault(target, fault, times).expect("room for a fault");
    }

    fn register(&self) -> Vec<String> {
        let path = |name: &str| self.base.path().join(name).to_str().expect("UTF-8").to_owned();
        let (cer, key, password) = (path("fiel.cer"), path("fiel.key"), path("password.txt"));
        ["sat", "register", "--cer", &cer, "--key", &key, "--password-file", &password, "--json"].map(str::to_owned).to_vec()
    }

    /// The command of the course, which is run until it is done.
    fn command(&self) -> Vec<String> {
        let package = self.base.path().join("package.zip");
        match self.course {
            Course::Register => self.register(),
            Course::Year | Course::Troubled => {
                ["sat", "year", "--rfc", RFC, "--year", YEAR, "--issued", "--json"].map(str::to_owned).to_vec()
            }
            Course::ByHand => {
                ["sat", "import", "--rfc", RFC, "--json", package.to_str().expect("UTF-8")].map(str::to_owned).to_vec()
            }
        }
    }

    fn run(&self, arguments: &[String]) -> Ended {
        self.shell.run(&arguments.iter().map(String::as_str).collect::<Vec<_>>())
    }

    /// Runs the command to its end while every point is written down; the points, in order.
    pub fn census(self) -> Vec<String> {
        let file = self.base.path().join("census");
        let arguments = self.command();
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let done = self.shell.command(&arguments).env("FEDATARIO_CRASH_CENSUS", &file).output().expect("the binary starts");
        assert!(done.status.success(), "{:?}: {}", self.course, String::from_utf8_lossy(&done.stdout));
        let passed = std::fs::read_to_string(file).expect("a census");
        passed.lines().map(str::to_owned).collect()
    }

    /// Every course by itself, ended as it should; how many there are.
    pub fn courses_without_death() -> usize {
        let courses = [Course::Register, Course::Year, Course::Troubled, Course::ByHand];
        courses.iter().filter(|it| Self::set(**it, None).resumed("no death", 0).kills == 0).count()
    }

    /// One life that ends at a point; whether it did, or came to its end before.
    fn killed_at(&self, point: &str, nth: u64) -> bool {
        let arguments = self.command();
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let done = self.shell.command(&arguments).env("FEDATARIO_CRASH", format!("{point}:{nth}")).output();
        let done = done.expect("the binary starts");
        match done.status.signal() {
            Some(signal) => assert_eq!(signal, SIGABRT, "{point}:{nth} {}", String::from_utf8_lossy(&done.stderr)),
            None => assert!(matches!(done.status.code(), Some(0 | 4)), "{point}:{nth} {}", String::from_utf8_lossy(&done.stdout)),
        }
        done.status.signal().is_some()
    }

    /// The last life, to its end.
    fn to_the_end(&self) -> Value {
        let arguments = self.command();
        let ended = (0..AGAIN_AT_MOST).map(|_| self.run(&arguments)).find(|it| it.exit != 4);
        let mut summary = ended.expect("an end").good();
        summary["held"].take();
        summary
    }

    /// Runs the command to its end and holds the outcome against a life without death.
    fn resumed(&self, told: &str, kills: u64) -> Fate {
        let summary = self.to_the_end();
        let fate = match self.course {
            Course::Register => self.registered(told, &summary),
            Course::Year | Course::Troubled => self.brought(told, &summary, kills),
            Course::ByHand => self.imported(told, &summary),
        };
        let verdict = self.shell.run(&["audit", "verify", "--json"]).good();
        assert_eq!(verdict["intact"], true, "{told}: {verdict}");
        Fate { kills, resumed: 1, ..fate }
    }

    /// One credential, and it can be used.
    fn registered(&self, told: &str, summary: &Value) -> Fate {
        assert_eq!(self.run(&self.register()).good()["changed"], false, "{told}: {summary}");
        let auth: Vec<String> = ["sat", "auth", "--rfc", RFC, "--json"].map(str::to_owned).to_vec();
        self.run(&auth).good();
        let keys = objects(&self.shell.dir, "sealed").into_iter().filter(|it| it.contains("/certificados/")).count();
        assert!(keys >= 1, "{told}: the sealed key lies there");
        Fate::default()
    }

    fn brought(&self, told: &str, summary: &Value, kills: u64) -> Fate {
        let number = |name: &str| summary[name].as_u64().unwrap_or_else(|| panic!("{told}: {name} of {summary}"));
        assert_eq!([number("missing"), number("open"), number("blocked")], [0, 0, 0], "{told}: {summary}");
        let counts = self.sandbox.counts();
        self.within_bounds(told, &counts, summary);
        if self.course == Course::Year {
            assert!(number("uncertain") <= kills, "{told}: at most one open request a death: {summary}");
        }
        let again = self.to_the_end();
        for name in ["requests", "packages", "cfdi", "metadata", "missing", "not_delivered", "uncertain", "report"] {
            assert_eq!(again[name], summary[name], "{told}: again changes {name}");
        }
        assert_eq!(self.sandbox.counts(), counts, "{told}: again asks SAT nothing");
        let (Brought(whole), Brought(here)) = (&*WHOLE, brought(summary));
        let differ = |more: bool| {
            let by = |(whole, here): (&u64, &u64)| if more { here.saturating_sub(*whole) } else { whole.saturating_sub(*here) };
            whole.iter().zip(&here).map(by).sum()
        };
        Fate { lost: differ(false), doubled: differ(true), uncertain: number("uncertain"), ..Fate::default() }
    }

    /// The sandbox's own word on what was asked and fetched.
    fn within_bounds(&self, told: &str, counts: &Counts, summary: &Value) {
        let number = |name: &str| summary[name].as_u64().expect("a number");
        let criteria: Vec<String> = self.sandbox.requests().iter().map(|it| format!("{:?}", it.solicitud.criteria)).collect();
        assert_eq!(criteria.iter().collect::<BTreeSet<_>>().len(), criteria.len(), "{told}: {criteria:#?}");
        assert!(counts.most_downloads_of_one_package <= 2, "{told}: {counts:?}");
        let allowed = match self.course {
            Course::Year => A_YEAR + number("uncertain") + number("lost_packages"),
            // Whatever SAT accepted is one of ours, and those that are uncertain may be.
            _ => number("requests") + number("uncertain"),
        };
        assert!(counts.requests <= allowed, "{told}: {counts:?} {summary}");
    }

    fn imported(&self, told: &str, summary: &Value) -> Fate {
        let again = self.to_the_end();
        let number = |of: &Value, name: &str| of[name].as_u64().unwrap_or_else(|| panic!("{told}: {name} of {of}"));
        assert_eq!([number(&again, "cfdi"), number(&again, "metadata")], [0, 0], "{told}: all of it is here: {again}");
        let whole = number(&again, "duplicates");
        let here = number(summary, "cfdi") + number(summary, "duplicates");
        let packages = objects(&self.shell.dir, "zip").len() as u64;
        Fate { lost: whole.saturating_sub(here), doubled: here.saturating_sub(whole) + packages - 1, ..Fate::default() }
    }

    fn undisturbed(&self) -> Brought {
        let summary = self.to_the_end();
        assert_eq!(summary["requests"].as_u64(), Some(A_YEAR));
        brought(&summary)
    }
}

fn brought(summary: &Value) -> Brought {
    Brought(["cfdi", "metadata", "not_delivered"].map(|it| summary[it].as_u64().expect("a number")))
}

/// The paths of the objects of a house whose names end so.
fn objects(house: &Path, ending: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![house.join("objects")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("a folder").map(|it| it.expect("an entry").path()) {
            if entry.is_dir() {
                folders.push(entry);
            } else if entry.extension().is_some_and(|it| it == ending) {
                found.push(entry.to_str().expect("UTF-8").to_owned());
            }
        }
    }
    found
}

/// The authored documents in one archive.
fn archive(path: &Path) {
    let mut zip = zip::ZipWriter::new(std::fs::File::create(path).expect("a file"));
    let mut files: Vec<_> = std::fs::read_dir(examples()).expect("the set").map(|it| it.expect("an entry").path()).collect();
    files.retain(|it| it.extension().is_some_and(|it| it == "xml"));
    files.sort();
    for file in files {
        let name = file.file_name().and_then(|it| it.to_str()).expect("UTF-8");
        zip.start_file(name, zip::write::SimpleFileOptions::default()).expect("an entry");
        zip.write_all(&std::fs::read(&file).expect("a document")).expect("an entry");
    }
    zip.finish().expect("an archive");
}
