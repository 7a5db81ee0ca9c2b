//! Signatures over HTTP of the program itself: a document of 6 KB, RSA-2048, intent and outcome durable,
//! one document a call and many (NDJSON); beside the raw private operation of the same cores, and the
//! same in FastAPI and xmlsec with the same check of a key and a durable audit row. Then where the
//! processor's time goes.

use anyhow::{Context, ensure};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeyPair;
use aws_lc_rs::signature::RSA_PKCS1_SHA256;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use fedatario_audit::{Event, Head, append};
use fedatario_base::clock::SystemClock;
use fedatario_base::id::CredentialId;
use fedatario_base::{Actor, Clock, Secret};
use fedatario_benches::load::{self, Load};
use fedatario_benches::served::{self, Program, Served};
use fedatario_benches::{Bench, Goal, Row, Table};
use fedatario_credentials::Kind;
use fedatario_credentials::mint::{Authority, Subject};
use fedatario_xmlsig::{Profile, Signatory, prepare};
use serde_json::{Value, json};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// The document of the claim, bytes.
const DOCUMENT_BYTES: usize = 6_000;
/// Connections of the load, for us and for the peer: enough that the cores never wait for the disk.
const CONNECTIONS: usize = 256;
/// How long each measurement lasts, in seconds; a tenth with `--small`.
const SECONDS: u64 = 20;
/// Lines of a batch.
const LINES: usize = 1_000;
/// Batches under way at once.
const BATCHES: usize = 2;
/// Units of a part whose processor time is measured.
const UNITS: usize = 2_000;
const RFC: &str = "EKU9003173C9";
const PASSWORD: &str = "clave de prueba";

fn main() -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    Bench::start(part, |bench| runtime.block_on(run(bench)))
}

fn part(name: &str, arguments: &[String]) -> anyhow::Result<()> {
    match (name, arguments) {
        ("cpu", [what, dir]) => cpu(what, Path::new(dir)),
        _ => anyhow::bail!("no part {name}"),
    }
}

async fn run(bench: &Bench) -> anyhow::Result<()> {
    let lasts = if bench.small { Duration::from_secs(SECONDS / 10) } else { Duration::from_secs(SECONDS) };
    let dir = bench.scratch.join("signer");
    std::fs::create_dir_all(&dir)?;
    mint(&dir)?;
    let raw = raw(&dir, lasts)?;
    let mut table = Table::default();
    table.push(Row::figure("raw RSA-2048 private operations/s of all cores", raw, Goal::None));
    let program = Program::of(bench)?;
    let (key, taxpayer) = furnish(&program, &dir)?;
    let ours = program.serve().await?;
    let (before, began) = (ours.cpu()?, Instant::now());
    let single = load::each(ours.address, one(&key, &taxpayer), CONNECTIONS, lasts).await?;
    let spent = ours.cpu()?.saturating_sub(before);
    let many = batches(&ours, &key, &taxpayer, began, lasts).await?;
    drop(ours);
    let peer = of_the_peer(bench, &dir, lasts).await?;
    table.push(Row::figure("signatures over HTTP/s, a call each", single.rate, Goal::AtLeast(0.35 * raw)));
    table.push(Row::figure("signatures over HTTP/s, NDJSON", many, Goal::AtLeast(0.60 * raw)));
    table.push(Row {
        peer: Some(peer.rate),
        goal: Goal::Ratio(3.0),
        ..Row::figure("a call each, beside FastAPI + xmlsec", single.rate, Goal::None)
    });
    table.push(Row::figure("p99 of a call at saturation, ms", single.within_ms(0.99), Goal::None));
    split(bench, &dir, &single, spent, &mut table)?;
    println!("{table}");
    Ok(())
}

/// A certificate, its key in the forms that both sides read, and the document.
fn mint(dir: &Path) -> anyhow::Result<()> {
    let now = SystemClock::default().wall();
    let subject =
        Subject { rfc: RFC.into(), representative_rfc: None, name: "ESCUELA KEMPER URGATE".into(), curp: None, branch: None };
    let until = now.saturating_add(Duration::from_secs(300 * 86_400))?;
    let minted = Authority::generate("AC", now)?.issue(&subject, Kind::Fiel, "30001000000500003415", now, until)?;
    let (cer, pkcs8) = (&minted.cer_der, &minted.pkcs8_der);
    let write = |name: &str, bytes: &[u8]| std::fs::write(dir.join(name), bytes);
    write("fiel.cer", cer)?;
    write("fiel.key", &minted.key_file(&Secret::new(PASSWORD))?)?;
    write("password.txt", PASSWORD.as_bytes())?;
    write("key.pk8", pkcs8.expose())?;
    let pem = |label: &str, der: &[u8]| format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines(der));
    write("key.pem", pem("PRIVATE KEY", pkcs8.expose()).as_bytes())?;
    write("cer.pem", pem("CERTIFICATE", cer).as_bytes())?;
    Ok(write("document.xml", document().as_bytes())?)
}

fn lines(der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    text.as_bytes().chunks(64).map(|it| String::from_utf8_lossy(it)).collect::<Vec<_>>().join("\n")
}

fn document() -> String {
    let mut text = String::from("<aviso xmlns=\"urn:aviso\" xmlns:p=\"urn:partida\">");
    let mut place = 0;
    while text.len() < DOCUMENT_BYTES {
        place += 1;
        text.push_str(&format!(
            "<p:partida numero=\"{place}\"><p:concepto>Papelería y útiles</p:concepto><p:importe>118.00</p:importe></p:partida>"
        ));
    }
    text + "</aviso>"
}

/// Private operations of every core at once.
fn raw(dir: &Path, lasts: Duration) -> anyhow::Result<f64> {
    let pkcs8 = std::fs::read(dir.join("key.pk8"))?;
    let cores = std::thread::available_parallelism()?.get();
    let (done, began) = (Arc::new(AtomicU64::new(0)), Instant::now());
    let threads: Vec<_> = (0..cores)
        .map(|_| {
            let (pkcs8, done) = (pkcs8.clone(), done.clone());
            std::thread::spawn(move || {
                let key = KeyPair::from_pkcs8(&pkcs8).map_err(|_| anyhow::anyhow!("not a key"))?;
                let mut signature = vec![0; key.public_modulus_len()];
                while began.elapsed() < lasts {
                    let signed = key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), b"octets", &mut signature);
                    signed.map_err(|_| anyhow::anyhow!("not signed"))?;
                    done.fetch_add(1, Ordering::Relaxed);
                }
                anyhow::Ok(())
            })
        })
        .collect();
    for thread in threads {
        thread.join().map_err(|_| anyhow::anyhow!("a thread fell"))??;
    }
    Ok(done.load(Ordering::Relaxed) as f64 / began.elapsed().as_secs_f64())
}

/// A taxpayer with an e.firma, a program's key and its grant; the key, and whose certificate.
fn furnish(program: &Program, dir: &Path) -> anyhow::Result<(String, String)> {
    let path = |name: &str| dir.join(name).display().to_string();
    let register =
        ["sat", "register", "--cer", &path("fiel.cer"), "--key", &path("fiel.key"), "--password-file", &path("password.txt")];
    let registered = shell(program, &register)?;
    let listed = shell(program, &["certificates", "list"])?;
    let text = |it: &Value| it.as_str().map(str::to_owned).context("an id");
    let certificate = text(&listed["certificates"][0]["id"])?;
    let made = shell(program, &["api-keys", "make", "erp", "--scope", "TENANT_CREDENTIAL_SIGN"])?;
    let until = (SystemClock::default().wall() + jiff::SignedDuration::from_hours(24)).to_string();
    let grant = ["sign", "grants", "add", "--principal", &text(&made["id"])?, "--certificate", &certificate];
    shell(program, &[&grant[..], &["--profile", "plain", "--until", &until]].concat())?;
    Ok((text(&made["secret"])?, text(&registered["taxpayer"])?))
}

fn shell(program: &Program, arguments: &[&str]) -> anyhow::Result<Value> {
    let output = program.shell().args(arguments).arg("--json").output()?;
    ensure!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    Ok(serde_json::from_slice(&output.stdout)?)
}

/// Calls of one document each, every one with a key of its own.
fn one(bearer: &str, taxpayer: &str) -> load::Make {
    let (document, bearer, taxpayer) = (document(), bearer.to_owned(), taxpayer.to_owned());
    Arc::new(move |place| {
        format!(
            "POST /api/sign/xml?taxpayer={taxpayer} HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: Bearer {bearer}\r\n\
             idempotency-key: k{place}\r\ncontent-type: application/xml\r\ncontent-length: {}\r\n\r\n{document}",
            document.len()
        )
    })
}

/// Batches one after the other, two at once; lines a second.
async fn batches(ours: &Served, key: &str, taxpayer: &str, began: Instant, lasts: Duration) -> anyhow::Result<f64> {
    let line = json!({ "document": STANDARD.encode(document()) }).to_string() + "\n";
    let body = Arc::new(line.repeat(LINES));
    let url = ours.url(&format!("/api/sign/xml?taxpayer={taxpayer}"));
    let (done, since) = (Arc::new(AtomicU64::new(0)), Instant::now());
    let mut all = tokio::task::JoinSet::new();
    for batch in 0..BATCHES {
        let (body, url, key, done) = (body.clone(), url.clone(), key.to_owned(), done.clone());
        all.spawn(async move {
            let client = reqwest::Client::new();
            while since.elapsed() < lasts {
                let name = format!("b{batch}-{}", began.elapsed().as_nanos());
                let call = client.post(&url).bearer_auth(&key).header("idempotency-key", name);
                let answer = call.header("content-type", "application/x-ndjson").body((*body).clone()).send().await?;
                let text = answer.error_for_status()?.text().await?;
                let signed = text.lines().filter(|it| it.contains("\"sha256\"")).count();
                ensure!(signed == LINES, "{signed} of {LINES}: {}", text.lines().next().unwrap_or_default());
                done.fetch_add(signed as u64, Ordering::Relaxed);
            }
            anyhow::Ok(())
        });
    }
    while let Some(it) = all.join_next().await {
        it??;
    }
    Ok(done.load(Ordering::Relaxed) as f64 / since.elapsed().as_secs_f64())
}

async fn of_the_peer(bench: &Bench, dir: &Path, lasts: Duration) -> anyhow::Result<Load> {
    let (address, bearer) = (served::free_address()?, "fed_live_peer");
    let mut command: Command = bench.peer_command("signing.py");
    command.arg(dir.join("key.pem")).arg(dir.join("cer.pem")).arg(dir.join("peer.db")).arg(bearer).arg(address.port().to_string());
    let peer = Served::started(command, address, "/readyz").await?;
    load::each(peer.address, one(bearer, "txp"), CONNECTIONS, lasts).await
}

/// Where the processor's time of a call goes: what is measured apart, and the rest.
fn split(bench: &Bench, dir: &Path, single: &Load, spent: Duration, table: &mut Table) -> anyhow::Result<()> {
    let whole = spent.as_secs_f64() * 1e6 / single.times.len().max(1) as f64;
    table.push(Row::figure("processor time of a call, the server's, µs", whole, Goal::None));
    let mut rest = whole;
    for (what, name) in [
        ("rsa", "of it: the private operation"),
        ("xml", "of it: reading, canonical forms, digests"),
        ("chain", "of it: two entries of the chain"),
    ] {
        let measured = bench.ours("cpu", &[what, &dir.display().to_string()])?;
        let each = measured.cpu.as_secs_f64() * 1e6 / measured.units;
        rest -= each;
        table.push(Row::figure(format!("{name}, µs"), each, Goal::None));
    }
    table.push(Row::figure("of it: HTTP, the key's check, replays, SQL, µs", rest, Goal::None));
    Ok(())
}

/// One part of a call, over and over.
fn cpu(what: &str, dir: &Path) -> anyhow::Result<()> {
    let (pkcs8, document) = (std::fs::read(dir.join("key.pk8"))?, std::fs::read(dir.join("document.xml"))?);
    let key = KeyPair::from_pkcs8(&pkcs8).map_err(|_| anyhow::anyhow!("not a key"))?;
    let signatory = Signatory {
        certificate_der: std::fs::read(dir.join("fiel.cer"))?,
        issuer_name: String::new(),
        serial_decimal: String::new(),
    };
    let (now, credential) = (SystemClock::default().wall(), CredentialId::fresh(SystemClock::default().wall()));
    let (mut signature, mut head, began) = (vec![0; key.public_modulus_len()], Head::EMPTY, Instant::now());
    for place in 0..UNITS {
        match what {
            "rsa" => key
                .sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), b"octets", &mut signature)
                .map_err(|_| anyhow::anyhow!("not signed"))?,
            "xml" => drop(prepare(Profile::Plain, &document, &signatory)?),
            _ => {
                for action in ["signature.intended", "signature.ended"] {
                    let event =
                        Event::new(now, &Actor::System, action).object(credential).field("counter", place).field("root", "aviso");
                    head = append([7; 16], &head, &event.digest("document", &[1; 32]))?.head();
                }
            }
        }
    }
    fedatario_benches::part::done(UNITS, began);
    Ok(())
}
