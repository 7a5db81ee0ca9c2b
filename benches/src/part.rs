//! Parts of a bench, each in a process of its own, and what they cost.
//!
//! The bench starts itself again as `part NAME ARGUMENTS…`, or a peer's script, waits for it and
//! reads the one line of JSON it prints.

use anyhow::{Context, bail};
use serde_json::Value;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use wait4::Wait4;

/// What a part did, and what its process cost.
#[derive(Debug, Clone)]
pub struct Measured {
    /// How many things it did.
    pub units: f64,
    /// How long it says that took.
    pub seconds: f64,
    /// User and system time of the whole process.
    pub cpu: Duration,
    /// The most memory that the process held at once, in bytes.
    pub peak: u64,
    /// Everything else it said.
    pub said: Value,
}

impl Measured {
    /// Things done in a second.
    pub fn rate(&self) -> f64 {
        self.units / self.seconds
    }

    /// The most memory that the process held at once, in MiB.
    pub fn peak_mib(&self) -> f64 {
        self.peak as f64 / f64::from(1 << 20)
    }

    /// Things done in a second of processor time.
    pub fn rate_of_cpu(&self) -> f64 {
        self.units / self.cpu.as_secs_f64()
    }
}

/// How this run was asked for.
#[derive(Debug, Clone)]
pub struct Bench {
    /// A hundredth of the size, to see that it works.
    pub small: bool,
    /// Where generated inputs are kept from one run to the next.
    pub cache: PathBuf,
    /// Where this run may write; removed by whoever started it.
    pub scratch: PathBuf,
    python: PathBuf,
}

impl Bench {
    /// The part asked for by the arguments, or the bench itself.
    pub fn start(
        part: impl FnOnce(&str, &[String]) -> anyhow::Result<()>,
        bench: impl FnOnce(&Bench) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        let arguments: Vec<String> = std::env::args().skip(1).collect();
        match arguments.split_first() {
            Some((first, [name, rest @ ..])) if first == "part" => part(name, rest),
            _ => bench(&Bench::of(&arguments)?),
        }
    }

    fn of(arguments: &[String]) -> anyhow::Result<Self> {
        let folder = |name: &str| std::env::var_os(name).map(PathBuf::from).with_context(|| format!("{name}: run scripts/bench"));
        Ok(Self {
            small: arguments.iter().any(|it| it == "--small"),
            cache: folder("FEDATARIO_BENCH_CACHE")?,
            scratch: folder("FEDATARIO_BENCH_SCRATCH")?,
            python: folder("FEDATARIO_BENCH_PYTHON")?,
        })
    }

    /// The size of the claim, or a hundredth of it.
    pub fn size(&self, claimed: usize) -> usize {
        if self.small { claimed.div_ceil(100) } else { claimed }
    }

    /// Runs a part of this very binary.
    pub fn ours(&self, name: &str, arguments: &[&str]) -> anyhow::Result<Measured> {
        let mut command = Command::new(std::env::current_exe()?);
        command.arg("part").arg(name).args(arguments);
        measure(&mut command).with_context(|| format!("part {name}"))
    }

    /// A peer's script, not yet started: for those that serve.
    pub fn peer_command(&self, script: &str) -> Command {
        let mut command = Command::new(&self.python);
        command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("peers").join(script));
        command
    }

    /// Runs a peer's script, by its name in `peers/`.
    pub fn peer(&self, script: &str, arguments: &[&str]) -> anyhow::Result<Measured> {
        let mut command = self.peer_command(script);
        command.args(arguments);
        measure(&mut command).with_context(|| format!("peer {script}"))
    }
}

/// Runs a process to its end; the kernel's word on it, and the line that it printed.
pub fn measure(command: &mut Command) -> anyhow::Result<Measured> {
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn()?;
    let mut printed = String::new();
    child.stdout.take().context("no output")?.read_to_string(&mut printed)?;
    let ended = child.wait4()?;
    if !ended.status.success() {
        bail!("{} {}", command.get_program().to_string_lossy(), ended.status);
    }
    let said: Value = serde_json::from_str(printed.trim()).with_context(|| format!("it said `{printed}`"))?;
    let number = |name: &str| said[name].as_f64().with_context(|| format!("it said no `{name}`"));
    Ok(Measured {
        units: number("units")?,
        seconds: number("seconds")?,
        cpu: ended.rusage.utime + ended.rusage.stime,
        peak: ended.rusage.maxrss,
        said,
    })
}

/// What a part prints when it is done.
pub fn done(units: usize, since: Instant) {
    told(units, since.elapsed().as_secs_f64());
}

/// The same where the part measured the seconds itself.
pub fn told(units: usize, seconds: f64) {
    println!("{}", serde_json::json!({ "units": units, "seconds": seconds }));
}
