//! Serves a simulated SAT with generated documents, for trying any client against it:
//! `cargo run -p fedatario-sandbox --example sat -- 127.0.0.1:8765 1000 FOLDER`.
//!
//! It writes the e.firma of the test taxpayer into FOLDER (`fiel.cer`, `fiel.key`; the password is
//! `12345678a`). Point a client's addresses at it; nothing else needs to change.

use fedatario_sandbox::sat::{Corpus, Sandbox, SatConfig, Seals};

const RFC: &str = "EKU9003173C9";
const YEAR: i16 = 2025;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let listen = arguments.next().unwrap_or_else(|| "127.0.0.1:8765".into());
    let documents = arguments.next().unwrap_or_else(|| "1000".into()).parse()?;
    let folder = std::path::PathBuf::from(arguments.next().unwrap_or_else(|| ".".into()));
    let corpus = Corpus::generate(documents, 7, RFC, YEAR, Seals::Filler)?;
    let sandbox = Sandbox::new(SatConfig { corpus, ..SatConfig::default() })?;
    let fiel = sandbox.mint_fiel(RFC, "ESCUELA KEMPER URGATE SA DE CV")?;
    std::fs::write(folder.join("fiel.cer"), &fiel.cer)?;
    std::fs::write(folder.join("fiel.key"), &fiel.key)?;
    let listener = tokio::net::TcpListener::bind(&listen).await?;
    println!("http://{}", listener.local_addr()?);
    fedatario_sandbox::sat::serve(listener, sandbox).await?;
    Ok(())
}
