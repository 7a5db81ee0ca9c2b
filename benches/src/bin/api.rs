//! An authenticated read over HTTP: the token, the scope, the permission, one row; beside the same in
//! FastAPI and SQLAlchemy over the same file, in the same run, on the same cores as the load.

use anyhow::Context;
use async_trait::async_trait;
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use fedatario_api::answer::Json;
use fedatario_api::api::Parts;
use fedatario_api::cursor::CursorKey;
use fedatario_api::extract::At;
use fedatario_api::lines::Lines;
use fedatario_api::operation::Operation;
use fedatario_api::problem::ApiError;
use fedatario_api::routing::{Catalog, Routes};
use fedatario_api::settings::{Rates, Settings};
use fedatario_api::{Api, server};
use fedatario_app::error::{AppError, AppResult};
use fedatario_app::identity::door::{Door, Means, Origin, Principal};
use fedatario_app::identity::people::People;
use fedatario_app::identity::{Identity, IdentitySettings};
use fedatario_app::model::{Environment, Taxpayer, TaxpayerKind};
use fedatario_base::clock::SystemClock;
use fedatario_base::id::{SessionId, TaxpayerId, TenantId, UserId};
use fedatario_base::{Actor, Clock, Code, Permission, Scope, Secret};
use fedatario_benches::house::House;
use fedatario_benches::load::{self, Load};
use fedatario_benches::{Bench, Goal, Row, Table};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};
use utoipa::ToSchema;

/// Connections of the load: more than either server has threads.
const CONNECTIONS: usize = 64;
/// How long each measurement lasts, in seconds; a tenth with `--small`.
const SECONDS: u64 = 20;
/// Tokens that one thread verifies.
const TOKENS: usize = 100_000;
/// How long a server may take to answer at all.
const READY_WITHIN: Duration = Duration::from_secs(30);
/// Nobody is refused for asking too often here.
const MANY: u32 = u32::MAX;

const ISSUER: &str = "fedatario";
const AUDIENCE: &str = "fedatario-api";
const RFC: &str = "EKU9003173C9";
const PATH: &str = "/bench/taxpayers/EKU9003173C9";

fn main() -> anyhow::Result<()> {
    Bench::start(part, bench)
}

fn part(name: &str, arguments: &[String]) -> anyhow::Result<()> {
    match (name, arguments) {
        ("serve", [dir, port]) => runtime()?.block_on(serve(Path::new(dir), port.parse()?)),
        ("verify", [dir]) => verify(Path::new(dir)),
        _ => anyhow::bail!("no part {name}"),
    }
}

fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    Ok(tokio::runtime::Builder::new_multi_thread().enable_all().build()?)
}

fn bench(bench: &Bench) -> anyhow::Result<()> {
    let dir = bench.scratch.join("house");
    let token = runtime()?.block_on(furnish(&dir))?;
    let lasts = if bench.small { Duration::from_secs(SECONDS / 10) } else { Duration::from_secs(SECONDS) };
    let mut table = Table::default();
    let (ours, paced) = {
        let served = Served::ours(&dir)?;
        let most = runtime()?.block_on(load::saturate(served.address, &load::get(PATH, &token), CONNECTIONS, lasts))?;
        let half = most.rate / 2.0;
        let paced = runtime()?.block_on(load::pace(served.address, &load::get(PATH, &token), CONNECTIONS, lasts, half))?;
        (most, paced)
    };
    let peer = {
        let served = Served::peer(bench, &dir)?;
        runtime()?.block_on(load::saturate(served.address, &load::get(PATH, &token), CONNECTIONS, lasts))?
    };
    table.push(beside("authenticated read, answers/s at saturation", &ours, &peer));
    table.push(Row::figure("the same, p99 at half of that, ms", paced.within_ms(0.99), Goal::AtMost(5.0)));
    table.push(Row::figure("the same, p50 at half of that, ms", paced.within_ms(0.50), Goal::None));
    let verified = bench.ours("verify", &[&dir.display().to_string()])?;
    table.push(Row::rate("tokens verified/s by one thread", &verified, Goal::AtLeast(20_000.0)));
    if let Some((ready_ms, idle_mib)) = of_the_program(bench)? {
        table.push(Row::figure("from start to /readyz, ms", ready_ms, Goal::AtMost(300.0)));
        table.push(Row::figure("idle memory, MiB", idle_mib, Goal::AtMost(80.0)));
    }
    println!("{table}");
    Ok(())
}

fn beside(what: &str, ours: &Load, peer: &Load) -> Row {
    Row { peer: Some(peer.rate), goal: Goal::Ratio(10.0), ..Row::figure(what, ours.rate, Goal::None) }
}

/// A database with one taxpayer, a key of tokens, and a token.
async fn furnish(dir: &Path) -> anyhow::Result<String> {
    let house = House::open(dir, None).await?;
    let now = SystemClock::default().wall();
    let taxpayer = Taxpayer {
        id: TaxpayerId::fresh(now),
        kind: TaxpayerKind::Rfc,
        tax_id: RFC.into(),
        name: "ESCUELA KEMPER URGATE".into(),
        environment: Environment::Sandbox,
        created: now,
    };
    let mut tx = house.app.store.begin(&house.scope).await?;
    tx.add_taxpayer(&taxpayer).await?;
    tx.commit().await?;
    house.db.shut().await;
    let pair = Ed25519KeyPair::generate()?;
    let pkcs8 = pair.to_pkcs8v1()?;
    std::fs::write(dir.join("public.raw"), pair.public_key().as_ref())?;
    std::fs::write(dir.join("public.pem"), pem(pair.public_key().as_ref()))?;
    let claims = Claims {
        iss: ISSUER.into(),
        aud: AUDIENCE.into(),
        exp: (now.as_second() + 3_600) as u64,
        nbf: now.as_second() as u64,
        iat: now.as_second() as u64,
        jti: "bench".into(),
        sub: UserId::fresh(now).to_string(),
        tenant_id: house.scope.tenant().to_string(),
        tenant: house.scope.tenant().bytes().iter().map(|it| format!("{it:02x}")).collect(),
        sid: SessionId::fresh(now).to_string(),
    };
    let mut header = Header::new(Algorithm::EdDSA);
    header.typ = Some("at+jwt".into());
    let token = jsonwebtoken::encode(&header, &claims, &EncodingKey::from_ed_der(pkcs8.as_ref()))?;
    std::fs::write(dir.join("token"), &token)?;
    Ok(token)
}

/// SubjectPublicKeyInfo of an Ed25519 key (RFC 8410), as PEM.
fn pem(raw: &[u8]) -> String {
    use base64::Engine;
    let der = [&[0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00], raw].concat();
    let base64 = base64::engine::general_purpose::STANDARD.encode(der);
    format!("-----BEGIN PUBLIC KEY-----\n{base64}\n-----END PUBLIC KEY-----\n")
}

/// What the token says; `tenant` is the peer's spelling of it.
#[derive(Debug, Serialize, Deserialize)]
struct Claims {
    iss: String,
    aud: String,
    exp: u64,
    nbf: u64,
    iat: u64,
    jti: String,
    sub: String,
    tenant_id: String,
    tenant: String,
    sid: String,
}

/// Verifies tokens by the rules of the product: one algorithm, issuer, audience, times.
struct Tokens {
    key: DecodingKey,
    rules: Validation,
}

impl Tokens {
    fn of(dir: &Path) -> anyhow::Result<Self> {
        let mut rules = Validation::new(Algorithm::EdDSA);
        rules.set_issuer(&[ISSUER]);
        rules.set_audience(&[AUDIENCE]);
        rules.set_required_spec_claims(&["exp", "nbf", "iss", "aud", "sub"]);
        rules.validate_nbf = true;
        let key = DecodingKey::from_ed_der(&std::fs::read(dir.join("public.raw"))?);
        Ok(Self { key, rules })
    }

    fn principal(&self, token: &str) -> Option<Principal> {
        let claims = jsonwebtoken::decode::<Claims>(token, &self.key, &self.rules).ok()?.claims;
        let (user, session): (UserId, SessionId) = (claims.sub.parse().ok()?, claims.sid.parse().ok()?);
        let tenant: TenantId = claims.tenant_id.parse().ok()?;
        Some(Principal {
            scope: Scope::signed_in(tenant, Actor::User(user), vec![Permission::TaxpayerRead]),
            means: Means::Session { session, user },
            platform: Vec::new(),
            authenticated: SystemClock::default().wall(),
            is_stepped_up: false,
            calls_a_minute: Some(MANY),
        })
    }
}

#[async_trait]
impl Door for Tokens {
    async fn enter(&self, bearer: &str, _: Option<TenantId>, _: &Origin) -> AppResult<Principal> {
        self.principal(bearer).ok_or_else(|| AppError::Input { code: Code::Unauthenticated, text: "refused".into() })
    }

    async fn still_in(&self, _: &Principal) -> bool {
        true
    }
}

#[derive(Debug, Serialize, ToSchema)]
struct View {
    id: String,
    kind: String,
    tax_id: String,
    name: String,
    environment: String,
}

async fn read(api: Api, scope: Scope, At(rfc): At<String>) -> Result<Json<View>, ApiError> {
    let mut tx = api.app.store.read(&scope).await?;
    let row = tx.taxpayer_by_tax_id(TaxpayerKind::Rfc, &rfc).await?.ok_or_else(ApiError::not_found)?;
    let (kind, environment) = ("rfc".into(), "sandbox".into());
    Ok(Json(View { id: row.id.to_string(), kind, tax_id: row.tax_id, name: row.name, environment }))
}

async fn serve(dir: &Path, port: u16) -> anyhow::Result<()> {
    let house = House::open(dir, None).await?;
    let limits = Rates { tenant: MANY, key: MANY, address: MANY };
    let identity = Arc::new(Identity::new(&house.app, IdentitySettings::default()));
    let people = People { app: house.app.clone(), identity: Arc::new(house.db.clone()), estate: Arc::new(house.db.clone()) };
    let parts = Parts {
        app: house.app,
        people,
        identity,
        door: Arc::new(Tokens::of(dir)?),
        lines: Lines::closed(),
        replays: Arc::new(house.db),
        cursors: CursorKey::new(&Secret::new([7; 32])),
        settings: Settings { limits, ..Settings::default() },
    };
    let operation = Operation::get("/bench/taxpayers/{taxpayer}", "bench.read", "Reads").needs(Permission::TaxpayerRead);
    let router = Catalog::new(vec![Routes::of("bench").add(operation, read)]).router(Api::new(parts));
    let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
    let (_stop, stopped) = tokio::sync::watch::channel(false);
    server::serve(listener, router, stopped).await;
    Ok(())
}

fn verify(dir: &Path) -> anyhow::Result<()> {
    let (tokens, token) = (Tokens::of(dir)?, std::fs::read_to_string(dir.join("token"))?);
    let began = Instant::now();
    for _ in 0..TOKENS {
        tokens.principal(&token).context("a good token was refused")?;
    }
    fedatario_benches::part::done(TOKENS, began);
    Ok(())
}

/// A server under load; ended when it is let go.
struct Served {
    address: SocketAddr,
    child: Child,
}

impl Served {
    fn ours(dir: &Path) -> anyhow::Result<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["part", "serve"]).arg(dir);
        Self::started(command)
    }

    fn peer(bench: &Bench, dir: &Path) -> anyhow::Result<Self> {
        let mut command = bench.peer_command("api.py");
        command.arg(dir.join("fedatario.db")).arg(dir.join("public.pem")).args([ISSUER, AUDIENCE]);
        Self::started(command)
    }

    /// Starts it with a free port as its last argument, and waits until it answers.
    fn started(mut command: Command) -> anyhow::Result<Self> {
        let address = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?;
        let child = command.arg(address.port().to_string()).stdin(Stdio::null()).stdout(Stdio::null()).spawn()?;
        let served = Self { address, child };
        let began = Instant::now();
        while TcpStream::connect(address).is_err() {
            anyhow::ensure!(began.elapsed() < READY_WITHIN, "nobody answers at {address}");
            std::thread::yield_now();
        }
        Ok(served)
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// How long the program takes to be ready, and what it holds then; `None` where it was not built beside us.
fn of_the_program(bench: &Bench) -> anyhow::Result<Option<(f64, f64)>> {
    let program = std::env::current_exe()?.with_file_name("fedatario");
    if !program.exists() {
        return Ok(None);
    }
    let address = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?;
    let mut command = Command::new(program);
    command.args(["serve", "--listen", &address.to_string(), "--data"]).arg(bench.scratch.join("program"));
    command.env("FEDATARIO_SAT_URL", "http://127.0.0.1:1").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let began = Instant::now();
    let served = Served { address, child: command.spawn()? };
    let request = load::get("/readyz", "none");
    let ready = runtime()?.block_on(async {
        while load::saturate(address, &request, 1, Duration::from_nanos(1)).await.is_err() {
            anyhow::ensure!(began.elapsed() < READY_WITHIN, "the program is never ready");
        }
        Ok(began.elapsed())
    })?;
    let status = std::fs::read_to_string(format!("/proc/{}/status", served.child.id()))?;
    let line = status.lines().find_map(|it| it.strip_prefix("VmRSS:")).context("no VmRSS")?;
    let kib: f64 = line.trim().trim_end_matches(" kB").parse()?;
    Ok(Some((ready.as_secs_f64() * 1_000.0, kib / 1_024.0)))
}
