//! `sandbox sat`: the simulator of SAT as a server of its own; `sandbox mint` is [`mint`](super::mint)'s.

use crate::cli::{Sandbox as Command, SandboxSat};
use crate::failure::Failure;
use crate::present::Screen;
use clap::Args;
use fedatario_base::Code;
use fedatario_base::code::Exit;
use fedatario_credentials::Certificate;
use fedatario_sandbox::sat::{
    Corpus, GenerateError, Limits, MetadataHeader, Mode, Sandbox, SatConfig, Seals, StatePath, Tls, Waits,
};
use jiff::SignedDuration;
use serde_json::json;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Files of one folder of certificates that are looked at.
const CERTIFICATES_AT_MOST: usize = 1_000;

/// How the simulated authority differs from its defaults: limits scaled down so that a small set meets
/// them, times, and what it does where SAT's own behaviour is not known.
#[derive(Args, Debug)]
pub struct Knobs {
    #[arg(long, value_name = "N", requires = "generate")]
    forge: Option<u32>,
    #[arg(long, value_name = "PERCENT", requires = "generate", value_parser = clap::value_parser!(u8).range(0..=100))]
    cancelled: Option<u8>,
    #[arg(long, value_name = "DIR")]
    certificates: Option<PathBuf>,
    #[arg(long, value_name = "N")]
    max_cfdi: Option<usize>,
    #[arg(long, value_name = "N")]
    max_rows: Option<usize>,
    #[arg(long, value_name = "N")]
    package_cfdi: Option<usize>,
    #[arg(long, value_name = "N")]
    package_rows: Option<usize>,
    #[arg(long, value_name = "N")]
    identical: Option<usize>,
    #[arg(long, value_name = "N")]
    downloads: Option<u32>,
    #[arg(long, value_name = "N")]
    folios_per_day: Option<usize>,
    #[arg(long, value_name = "N")]
    status_per_second: Option<u32>,
    #[arg(long, value_name = "TIME")]
    accepted: Option<SignedDuration>,
    #[arg(long, value_name = "TIME")]
    running: Option<SignedDuration>,
    #[arg(long, value_name = "TIME")]
    ahead: Option<SignedDuration>,
    #[arg(long, value_name = "NUMBER")]
    revoked: Vec<String>,
    #[arg(long)]
    keep_cancelled: bool,
    #[arg(long)]
    pac_certifico: bool,
}

impl Knobs {
    fn limits(&self) -> Limits {
        let usual = Limits::default();
        Limits {
            documents: self.max_cfdi.unwrap_or(usual.documents),
            rows: self.max_rows.unwrap_or(usual.rows),
            documents_per_package: self.package_cfdi.unwrap_or(usual.documents_per_package),
            rows_per_package: self.package_rows.unwrap_or(usual.rows_per_package),
            folios_per_day: self.folios_per_day.unwrap_or(usual.folios_per_day),
            identical_per_life: self.identical.unwrap_or(usual.identical_per_life),
            downloads_per_package: self.downloads.unwrap_or(usual.downloads_per_package),
            status_per_second: self.status_per_second,
        }
    }

    fn waits(&self) -> Waits {
        let usual = Waits::default();
        Waits { accepted: self.accepted.unwrap_or(usual.accepted), running: self.running.unwrap_or(usual.running) }
    }

    /// A configuration with everything that is turned here.
    fn config(&self) -> Result<SatConfig, Failure> {
        Ok(SatConfig {
            certificates: self.certificates.as_deref().map(certificates).transpose()?.unwrap_or_default(),
            revoked: self.revoked.iter().cloned().collect(),
            clock_offset: self.ahead.unwrap_or_default(),
            limits: self.limits(),
            waits: self.waits(),
            metadata_header: if self.pac_certifico { MetadataHeader::PacCertifico } else { MetadataHeader::RfcPac },
            cancelled_issued: !self.keep_cancelled,
            ..SatConfig::default()
        })
    }
}

/// Runs one of the simulators until it is told to stop.
pub async fn run(command: Command, screen: &Screen) -> Result<Exit, Failure> {
    let arguments = match command {
        Command::Sat(arguments) => arguments,
        Command::Mint(arguments) => return super::mint::run(&arguments, screen),
    };
    let corpus = corpus(&arguments)?;
    for skipped in corpus.skipped() {
        eprintln!("{}: {}", skipped.file, skipped.reason);
    }
    let config = SatConfig {
        state: arguments.state.clone().map_or(StatePath::Memory, StatePath::File),
        mode: if arguments.strict { Mode::Strict } else { Mode::Lenient },
        trust: arguments.trust.as_deref().map(certificates).transpose()?.unwrap_or_default(),
        corpus,
        ..arguments.knobs.config()?
    };
    let documents = config.corpus.len();
    let majority = config.corpus.majority();
    let sandbox = Sandbox::new(config).map_err(|error| Failure::new(error.code(), error.to_string()))?;
    if let Some(dir) = &arguments.mint {
        mint(&sandbox, majority.as_ref().map(|(rfc, _)| rfc.as_str()).or(arguments.rfc.as_deref()), dir)?;
    }
    serve(sandbox, &arguments, screen, documents).await
}

fn corpus(arguments: &SandboxSat) -> Result<Corpus, Failure> {
    let bad = |code: Code, text: String| Failure::new(code, text);
    if let Some(dir) = &arguments.cfdi {
        return Corpus::from_dir(dir).map_err(|error| bad(error.code(), error.to_string()));
    }
    let Some(count) = arguments.generate else { return Ok(Corpus::empty()) };
    let rfc = arguments.rfc.as_deref().unwrap_or(super::demo::DEMO_RFC);
    let (year, knobs) = (arguments.year.unwrap_or(super::demo::DEMO_YEAR), &arguments.knobs);
    let corpus = match knobs.forge {
        Some(forged) => generated(count, |count| Corpus::forged(count, arguments.seed, rfc, year, forged))?,
        None => generate(count, arguments.seed, rfc, year, seals(&arguments.seals))?,
    };
    Ok(match knobs.cancelled {
        Some(percent) => corpus.cancelling(percent),
        None => corpus,
    })
}

/// What seals of that name are.
pub fn seals(name: &str) -> Seals {
    if name == "real" { Seals::Real } else { Seals::Filler }
}

/// A generated corpus.
pub fn generate(count: u64, seed: u64, rfc: &str, year: i16, seals: Seals) -> Result<Corpus, Failure> {
    generated(count, |count| Corpus::generate(count, seed, rfc, year, seals))
}

fn generated(count: u64, make: impl FnOnce(u32) -> Result<Corpus, GenerateError>) -> Result<Corpus, Failure> {
    let count = u32::try_from(count).map_err(|_| Failure::new(Code::Usage, format!("{count} documents are too many")))?;
    make(count).map_err(|error| Failure::new(error.code(), error.to_string()))
}

/// Every `.cer` of a folder.
fn certificates(dir: &Path) -> Result<Vec<Certificate>, Failure> {
    let entries = std::fs::read_dir(dir).map_err(|error| Failure::file(dir, &error))?;
    let mut paths: Vec<_> = entries.filter_map(|it| it.ok().map(|it| it.path())).take(CERTIFICATES_AT_MOST).collect();
    paths.retain(|it| it.extension().is_some_and(|it| it.eq_ignore_ascii_case("cer")));
    paths.sort();
    paths.iter().map(|path| Ok(Certificate::parse(&super::sat::read(path)?)?)).collect()
}

/// Writes an e.firma that this sandbox accepts, so that any client can be pointed at it.
fn mint(sandbox: &Sandbox, rfc: Option<&str>, dir: &Path) -> Result<(), Failure> {
    let rfc = rfc.unwrap_or(super::demo::DEMO_RFC);
    std::fs::create_dir_all(dir).map_err(|error| Failure::file(dir, &error))?;
    let minted = sandbox.mint_fiel(rfc, super::demo::DEMO_NAME).map_err(|error| Failure::new(error.code(), error.to_string()))?;
    let files = [("fiel.cer", minted.cer.as_slice()), ("fiel.key", &minted.key), ("password.txt", minted.password.expose())];
    for (name, bytes) in files {
        crate::files::write_private(&dir.join(name), bytes)?;
    }
    Ok(())
}

async fn serve(sandbox: Arc<Sandbox>, arguments: &SandboxSat, screen: &Screen, documents: u32) -> Result<Exit, Failure> {
    let listener = tokio::net::TcpListener::bind(&arguments.listen).await;
    let listener = listener.map_err(|error| Failure::new(Code::Usage, format!("{}: {error}", arguments.listen)))?;
    let address = listener.local_addr().map_err(|error| Failure::internal(error.to_string()))?;
    let scheme = if arguments.tls.is_some() { "https" } else { "http" };
    let url = format!("{scheme}://{address}");
    screen.say("cli-sandbox-serving", &[("url", url.clone()), ("documents", documents.to_string())]);
    screen.result(&json!({ "url": url, "documents": documents }));
    let serving = async {
        match &arguments.tls {
            Some(file) => {
                let host = address.ip().to_string();
                let tls = Tls::generate(&[&host, "localhost"]).map_err(std::io::Error::other)?;
                std::fs::write(file, tls.authority_pem())?;
                fedatario_sandbox::sat::serve_tls(listener, sandbox, tls).await
            }
            None => fedatario_sandbox::sat::serve(listener, sandbox).await,
        }
    };
    tokio::select! {
        done = serving => done.map_err(|error| Failure::internal(error.to_string()))?,
        _ = tokio::signal::ctrl_c() => {}
    }
    Ok(Exit::Good)
}
