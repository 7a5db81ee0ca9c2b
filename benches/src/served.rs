//! A server under load, as a process of its own: ours or a peer's, ended when it is let go.

use crate::Bench;
use anyhow::{Context, ensure};
use serde_json::{Value, json};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// How long a server may take to answer at all.
const READY_WITHIN: Duration = Duration::from_secs(30);
/// Nobody is refused for asking too often here.
const MANY: &str = "4000000000";
/// Whoever comes in.
pub const EMAIL: &str = "ana@empresa.mx";
/// Their password.
pub const PASSWORD: &str = "el tren sale tarde hoy";

/// A process that answers at an address.
pub struct Served {
    /// Where it answers.
    pub address: SocketAddr,
    /// From its start to its first good answer.
    pub ready_in: Duration,
    child: Child,
}

impl Served {
    /// Starts a process that was told its port, and waits until a path is answered with 200.
    pub async fn started(mut command: Command, address: SocketAddr, path: &str) -> anyhow::Result<Self> {
        let began = Instant::now();
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).spawn()?;
        let mut served = Self { address, ready_in: Duration::ZERO, child };
        let client = reqwest::Client::new();
        let url = served.url(path);
        while !client.get(&url).send().await.is_ok_and(|it| it.status().is_success()) {
            ensure!(began.elapsed() < READY_WITHIN, "nobody answers at {address}");
        }
        served.ready_in = began.elapsed();
        Ok(served)
    }

    /// The address of a path.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// What its process holds in memory now, in MiB.
    pub fn resident_mib(&self) -> anyhow::Result<f64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find_map(|it| it.strip_prefix("VmRSS:")).context("no VmRSS")?;
        Ok(line.trim().trim_end_matches(" kB").parse::<f64>()? / 1_024.0)
    }
}

impl Served {
    /// The processor time that its process has taken so far.
    pub fn cpu(&self) -> anyhow::Result<Duration> {
        /// Ticks a second of every Linux that there is (`CLK_TCK`).
        const TICKS_A_SECOND: f64 = 100.0;
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id()))?;
        let (_, rest) = stat.rsplit_once(')').context("no name")?;
        let ticks: Vec<f64> = rest.split_whitespace().skip(11).take(2).map(str::parse).collect::<Result<_, _>>()?;
        Ok(Duration::from_secs_f64(ticks.iter().sum::<f64>() / TICKS_A_SECOND))
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// An address that is free now.
pub fn free_address() -> anyhow::Result<SocketAddr> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?)
}

/// The program itself, built beside the benches, over one folder.
pub struct Program {
    binary: PathBuf,
    data: PathBuf,
}

impl Program {
    /// Over a fresh folder of this run.
    pub fn of(bench: &Bench) -> anyhow::Result<Self> {
        let binary = std::env::current_exe()?.with_file_name("fedatario");
        ensure!(binary.exists(), "build the program beside the benches: cargo build --release -p fedatario");
        Ok(Self { binary, data: bench.scratch.join("program") })
    }

    /// Its database.
    pub fn database(&self) -> PathBuf {
        self.data.join("fedatario.db")
    }

    /// A command of the shell over the same folder, without its arguments.
    pub fn shell(&self) -> Command {
        let mut command = Command::new(&self.binary);
        command.env("FEDATARIO_DATA", &self.data).env("FEDATARIO_SAT_URL", "http://127.0.0.1:1");
        command
    }

    /// Serves with every role, as an operator would who is told nothing of limits.
    pub async fn serve(&self) -> anyhow::Result<Served> {
        let address = free_address()?;
        let mut command = Command::new(&self.binary);
        command.args(["serve", "--listen", &address.to_string(), "--data"]).arg(&self.data);
        for limit in ["FEDATARIO_LIMIT_TENANT", "FEDATARIO_LIMIT_KEY", "FEDATARIO_LIMIT_ADDRESS"] {
            command.env(limit, MANY);
        }
        command.env("FEDATARIO_SAT_URL", "http://127.0.0.1:1").stderr(Stdio::null());
        Served::started(command, address, "/readyz").await
    }

    /// The first owner comes in at a server of it; their access token.
    pub async fn owner(&self, served: &Served) -> anyhow::Result<String> {
        let said = Command::new(&self.binary).args(["owner-link", "--json", "--data"]).arg(&self.data).output()?;
        let link: Value = serde_json::from_slice(&said.stdout).context("no link for the owner")?;
        let form = json!({ "token": link["token"], "email": EMAIL, "name": "Ana", "password": PASSWORD });
        let entered = post(&served.url("/api/auth/bootstrap"), None, &form).await?;
        Ok(entered["access_token"].as_str().context("no access token")?.to_owned())
    }
}

/// Posts JSON and reads JSON; anything but success is an error with what was said.
pub async fn post(url: &str, bearer: Option<&str>, body: &Value) -> anyhow::Result<Value> {
    let mut request = reqwest::Client::new().post(url).json(body);
    if let Some(bearer) = bearer {
        request = request.bearer_auth(bearer);
    }
    let answer = request.send().await?;
    let (status, text) = (answer.status(), answer.text().await?);
    ensure!(status.is_success(), "{status}: {text}");
    Ok(serde_json::from_str(&text)?)
}

/// Reads JSON of an open address.
pub async fn get(url: &str) -> anyhow::Result<Value> {
    Ok(reqwest::get(url).await?.error_for_status()?.json().await?)
}

/// Writes an Ed25519 public key as SubjectPublicKeyInfo (RFC 8410) in PEM.
pub fn write_pem(path: &Path, raw: &[u8]) -> anyhow::Result<()> {
    use base64::Engine;
    let der = [&[0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00], raw].concat();
    let base64 = base64::engine::general_purpose::STANDARD.encode(der);
    Ok(std::fs::write(path, format!("-----BEGIN PUBLIC KEY-----\n{base64}\n-----END PUBLIC KEY-----\n"))?)
}
