//! `sandbox sat`: the simulator of SAT as a server of its own.

use crate::cli::{Sandbox as Command, SandboxSat};
use crate::failure::Failure;
use crate::present::Screen;
use fedatario_base::Code;
use fedatario_base::code::Exit;
use fedatario_credentials::Certificate;
use fedatario_sandbox::sat::{Corpus, Mode, Sandbox, SatConfig, Seals, StatePath, Tls};
use serde_json::json;
use std::path::Path;
use std::sync::Arc;

/// Files of one folder of trusted authorities that are looked at.
const TRUSTED_AT_MOST: usize = 1_000;

/// Runs one of the simulators until it is told to stop.
pub async fn run(command: Command, screen: &Screen) -> Result<Exit, Failure> {
    let Command::Sat(arguments) = command;
    let corpus = corpus(&arguments)?;
    for skipped in corpus.skipped() {
        eprintln!("{}: {}", skipped.file, skipped.reason);
    }
    let config = SatConfig {
        state: arguments.state.clone().map_or(StatePath::Memory, StatePath::File),
        mode: if arguments.strict { Mode::Strict } else { Mode::Lenient },
        trust: arguments.trust.as_deref().map(trusted).transpose()?.unwrap_or_default(),
        corpus,
        ..SatConfig::default()
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
    let seals = if arguments.seals == "real" { Seals::Real } else { Seals::Filler };
    let rfc = arguments.rfc.as_deref().unwrap_or(super::demo::DEMO_RFC);
    generate(count, arguments.seed, rfc, arguments.year.unwrap_or(super::demo::DEMO_YEAR), seals)
}

/// A generated corpus.
pub fn generate(count: u64, seed: u64, rfc: &str, year: i16, seals: Seals) -> Result<Corpus, Failure> {
    let count = u32::try_from(count).map_err(|_| Failure::new(Code::Usage, format!("{count} documents are too many")))?;
    Corpus::generate(count, seed, rfc, year, seals).map_err(|error| Failure::new(error.code(), error.to_string()))
}

fn trusted(dir: &Path) -> Result<Vec<Certificate>, Failure> {
    let entries = std::fs::read_dir(dir).map_err(|error| Failure::file(dir, &error))?;
    let mut paths: Vec<_> = entries.filter_map(|it| it.ok().map(|it| it.path())).take(TRUSTED_AT_MOST).collect();
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
