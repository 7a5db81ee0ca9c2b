//! An authenticated read over HTTP of the program itself: the token, who stands behind it, the permission,
//! one row; beside the same in FastAPI and SQLAlchemy over the same file with the same token, in the same
//! run, on the same cores as the load. Then a flood of logins, and what it does to everybody else.

use anyhow::Context;
use aws_lc_rs::signature::{ED25519, UnparsedPublicKey};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use fedatario_base::clock::SystemClock;
use fedatario_base::id::{SessionId, TenantId, UserId};
use fedatario_base::{Clock, Secret};
use fedatario_benches::load::{self, Load};
use fedatario_benches::served::{self, EMAIL, PASSWORD, Program, Served};
use fedatario_benches::{Bench, Goal, Row, Table};
use fedatario_identity::jwt::{Access, Audience, KeyTable, LIFETIME, SigningKey};
use jiff::Timestamp;
use serde_json::json;
use std::path::Path;
use std::time::{Duration, Instant};

/// Connections of the load: more than either server has threads.
const CONNECTIONS: usize = 64;
/// How long each measurement lasts, in seconds; a tenth with `--small`.
const SECONDS: u64 = 20;
/// Tokens that one thread verifies.
const TOKENS: usize = 50_000;
/// Logins that are under way at any moment of the flood.
const FLOOD: usize = 50;
/// Reads a second of everybody else, before the flood and in it.
const OTHERS_A_SECOND: f64 = 200.0;

/// What the program issues by default.
const ISSUER: &str = "fedatario";
const AUDIENCE: &str = "fedatario-api";
const RFC: &str = "EKU9003173C9";

fn main() -> anyhow::Result<()> {
    Bench::start(part, |bench| runtime()?.block_on(run(bench)))
}

fn part(name: &str, arguments: &[String]) -> anyhow::Result<()> {
    match (name, arguments) {
        ("verify", [how]) => verify(how),
        _ => anyhow::bail!("no part {name}"),
    }
}

fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    Ok(tokio::runtime::Builder::new_multi_thread().enable_all().build()?)
}

async fn run(bench: &Bench) -> anyhow::Result<()> {
    let lasts = if bench.small { Duration::from_secs(SECONDS / 10) } else { Duration::from_secs(SECONDS) };
    let mut table = Table::default();
    let program = Program::of(bench)?;
    drop(program.serve().await?); // The first start makes the database and its keys.
    let ours = program.serve().await?;
    table.push(Row::figure("from start to /readyz, ms", ours.ready_in.as_secs_f64() * 1_000.0, Goal::AtMost(300.0)));
    table.push(Row::figure("idle memory, MiB", ours.resident_mib()?, Goal::AtMost(80.0)));
    let (token, path) = furnish(&program, &ours, &bench.scratch).await?;
    let request = load::get(&path, &token);
    let most = load::saturate(ours.address, &request, CONNECTIONS, lasts).await?;
    let paced = load::pace(ours.address, &request, CONNECTIONS, lasts, most.rate / 2.0).await?;
    flood(&ours, &request, lasts, &mut table).await?;
    table.push(Row::figure("memory after all of it, MiB", ours.resident_mib()?, Goal::None));
    drop(ours);
    let peer = of_the_peer(bench, &program, &request, lasts).await?;
    table.push(beside("authenticated read, answers/s at saturation", &most, &peer));
    table.push(Row::figure("the same, p99 at half of that, ms", paced.within_ms(0.99), Goal::AtMost(5.0)));
    table.push(Row::figure("the same, p50 at half of that, ms", paced.within_ms(0.50), Goal::None));
    let verified = |how: &str| bench.ours("verify", &[how]);
    let goal = Goal::AtLeast(20_000.0);
    table.push(Row::rate("tokens verified/s by one thread, as they come back", &verified("known")?, goal));
    table.push(Row::rate("tokens verified/s by one thread, each for the first time", &verified("fresh")?, Goal::None));
    table.push(Row::rate("signatures of tokens alone, verified/s by one thread", &verified("raw")?, Goal::None));
    println!("{table}");
    Ok(())
}

fn beside(what: &str, ours: &Load, peer: &Load) -> Row {
    Row { peer: Some(peer.rate), goal: Goal::Ratio(10.0), ..Row::figure(what, ours.rate, Goal::None) }
}

/// An owner with a taxpayer; their token, and the path that reads it. The key of tokens is left in files.
async fn furnish(program: &Program, ours: &Served, dir: &Path) -> anyhow::Result<(String, String)> {
    let token = program.owner(ours).await?;
    let form = json!({ "kind": "rfc", "tax_id": RFC, "name": "ESCUELA KEMPER URGATE", "environment": "sandbox" });
    let taxpayer = served::post(&ours.url("/api/taxpayers"), Some(&token), &form).await?;
    let keys = served::get(&ours.url("/.well-known/jwks.json")).await?;
    let signs = token_key(&token)?;
    let key = keys["keys"].as_array().and_then(|all| all.iter().find(|it| it["kid"] == signs.as_str()));
    let raw = URL_SAFE_NO_PAD.decode(key.and_then(|it| it["x"].as_str()).context("no key of tokens")?)?;
    served::write_pem(&dir.join("public.pem"), &raw)?;
    Ok((token, format!("/api/taxpayers/{}", taxpayer["id"].as_str().context("no id")?)))
}

/// The name of the key that signed a token.
fn token_key(token: &str) -> anyhow::Result<String> {
    let header = URL_SAFE_NO_PAD.decode(token.split('.').next().context("no header")?)?;
    let header: serde_json::Value = serde_json::from_slice(&header)?;
    Ok(header["kid"].as_str().context("no kid")?.to_owned())
}

async fn of_the_peer(bench: &Bench, program: &Program, request: &str, lasts: Duration) -> anyhow::Result<Load> {
    let address = served::free_address()?;
    let mut command = bench.peer_command("api.py");
    command.arg(program.database()).arg(bench.scratch.join("public.pem")).args([ISSUER, AUDIENCE]);
    command.arg(address.port().to_string());
    let peer = Served::started(command, address, "/readyz").await?;
    load::saturate(peer.address, request, CONNECTIONS, lasts).await
}

/// Fifty log in at once, over and over; everybody else reads at a pace of their own.
async fn flood(ours: &Served, request: &str, lasts: Duration, table: &mut Table) -> anyhow::Result<()> {
    let calm = load::pace(ours.address, request, CONNECTIONS, lasts, OTHERS_A_SECOND).await?;
    let (url, until) = (ours.url("/api/auth/login"), Instant::now() + lasts);
    let mut all = tokio::task::JoinSet::new();
    for _ in 0..FLOOD {
        all.spawn(logins(url.clone(), until));
    }
    let flooded = load::pace(ours.address, request, CONNECTIONS, lasts, OTHERS_A_SECOND).await?;
    let (mut entered, mut busy) = (0_u64, 0_u64);
    while let Some(done) = all.join_next().await {
        let (more, refused) = done??;
        (entered, busy) = (entered + more, busy + refused);
    }
    let seconds = lasts.as_secs_f64();
    table.push(Row::figure("logins/s in a flood of 50", entered as f64 / seconds, Goal::AtLeast(2.0)));
    table.push(Row::figure("told to come again/s, in the flood", busy as f64 / seconds, Goal::None));
    let (before, during) = (calm.within_ms(0.95), flooded.within_ms(0.95));
    table.push(Row::figure("p95 of other reads before the flood, ms", before, Goal::None));
    table.push(Row::figure("p95 of other reads in the flood, ms", during, Goal::AtMost(2.0 * before)));
    Ok(())
}

/// Logs in until an instant; how often that worked, and how often it was too much at once.
async fn logins(url: String, until: Instant) -> anyhow::Result<(u64, u64)> {
    let (client, mut entered, mut busy) = (reqwest::Client::new(), 0, 0);
    while Instant::now() < until {
        let answer = client.post(&url).json(&json!({ "email": EMAIL, "password": PASSWORD })).send().await?;
        let wait = answer.headers().get("retry-after").and_then(|it| it.to_str().ok()?.parse().ok()).map(Duration::from_secs);
        match answer.status().as_u16() {
            200 => entered += 1,
            503 => busy += 1,
            status => anyhow::bail!("{status}: {}", answer.text().await?),
        }
        // As well-behaved clients do, who are told when to come again.
        let left = until.saturating_duration_since(Instant::now());
        tokio::time::sleep(wait.unwrap_or_default().min(left)).await;
    }
    Ok((entered, busy))
}

/// Tokens of one key, each with a name of its own.
fn tokens(key: &SigningKey, to: &Audience, now: Timestamp) -> anyhow::Result<Vec<Secret>> {
    let access = Access {
        user: UserId::fresh(now),
        tenant: Some(TenantId::fresh(now)),
        session: SessionId::fresh(now),
        epoch: 1,
        methods: vec!["pwd".into(), "otp".into()],
        authenticated: now,
        issued: now,
        expires: now + LIFETIME,
    };
    (0..TOKENS).map(|_| Ok(key.sign(to, &access)?)).collect()
}

/// `fresh`: each token for the first time; `known`: the same again and again; `raw`: the signature alone.
fn verify(how: &str) -> anyhow::Result<()> {
    let to = Audience { issuer: ISSUER.into(), audience: AUDIENCE.into() };
    let (clock, (key, _)) = (SystemClock::default(), SigningKey::fresh()?);
    let now = clock.wall();
    let keys = KeyTable::new(to.clone(), &[(key.public(), Timestamp::MAX)]);
    let tokens = tokens(&key, &to, now)?;
    let raw = UnparsedPublicKey::new(&ED25519, key.public());
    let began = Instant::now();
    for token in &tokens {
        let token = if how == "known" { &tokens[0] } else { token };
        let text = token.expose_str().context("a token is text")?;
        if how == "raw" {
            let (signed, signature) = text.rsplit_once('.').context("a signature")?;
            raw.verify(signed.as_bytes(), &URL_SAFE_NO_PAD.decode(signature)?)?;
        } else {
            keys.verify(text, clock.wall()).context("a good token was refused")?;
        }
    }
    fedatario_benches::part::done(TOKENS, began);
    Ok(())
}
