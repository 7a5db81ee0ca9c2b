//! The line of SAT over the API, from an e.firma to the report: asked for over HTTP, followed by its
//! events, told by a webhook. Only the door is a test's own.

mod support;

use async_trait::async_trait;
use fedatario_api::lines::Lines;
use fedatario_api::testing::{MapDoor, parts, program};
use fedatario_api::{Api, routes, server};
use fedatario_app::descarga::handlers::Descarga;
use fedatario_app::engine::{TokioPause, VaultSealer};
use fedatario_app::hooks::Deliveries;
use fedatario_app::hooks::ports::Courier;
use fedatario_app::identity::door::Principal;
use fedatario_app::jobs::{Handler, Liveness, Worker};
use fedatario_app::model::Environment;
use fedatario_app::ports::{Blobs, CallError, ClaimFilter, System};
use fedatario_app::revision::Revision;
use fedatario_app::revision::ports::{Counter, StatusAnswer};
use fedatario_app::{App, Settings};
use fedatario_base::clock::SystemClock;
use fedatario_base::id::{HolderId, TenantId};
use fedatario_base::{Clock, Permission, SystemScope};
use fedatario_blobs::Folder;
use fedatario_fiscal::mx::expresion::Facts;
use fedatario_sat::{Addresses, Endpoints, SatClient};
use fedatario_store::{Db, VaultStore};
use fedatario_upstream::{Ports, RandomJitter, Rate, Rates};
use fedatario_vault::{RootKeys, Vault};
use fedatario_webhooks::{HttpCourier, SystemResolver};
use reqwest::{Client, Method, RequestBuilder, Response, StatusCode};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;
use support::{SandboxSat, examples, sandbox};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};

const RFC: &str = "EKU9003173C9";
/// Nothing of this takes longer unless it hangs.
const PATIENCE: Duration = Duration::from_secs(180);

/// Nobody else works here.
struct Alone;

#[async_trait]
impl Liveness for Alone {
    async fn dead(&self, holders: &[HolderId]) -> Vec<HolderId> {
        holders.to_vec()
    }
}

/// SAT's public doors are shut here.
struct Shut;

#[async_trait]
impl Counter for Shut {
    async fn status(&self, _: Environment, _: &Facts) -> Result<StatusAnswer, CallError> {
        Err(CallError::LeaseLost)
    }

    async fn certificate(&self, _: Environment, _: &str) -> Result<Option<Vec<u8>>, CallError> {
        Err(CallError::LeaseLost)
    }

    async fn list(&self, _: Environment, _: Option<&str>) -> Result<(String, std::fs::File), CallError> {
        Err(CallError::LeaseLost)
    }
}

fn revision(app: &App, db: &Db) -> Revision {
    Revision {
        app: app.clone(),
        registry: Arc::new(db.clone()),
        counter: Arc::new(Shut),
        hands: SystemScope::for_this_process(),
        authorities: Arc::default(),
        certificates: Arc::default(),
        settings: fedatario_app::revision::Settings::default(),
    }
}

/// The services with a sandbox at `sat`, behind an API on a port of its own, with a worker.
struct Stage {
    base: String,
    client: Client,
    stop: watch::Sender<bool>,
}

fn services(dir: &Path, db: &Db, sat: &str) -> App {
    let blobs: Arc<dyn Blobs> = Arc::new(Folder::open(dir.join("objects")).unwrap());
    let custody = Arc::new(VaultStore::new(db.clone(), blobs.clone()));
    let vault = Arc::new(Vault::new(RootKeys::open_or_create_file(&dir.join("root.key")).unwrap(), Arc::new(db.clone()), custody));
    let ports = Ports {
        ledger: Arc::new(db.clone()),
        sessions: Arc::new(db.clone()),
        limits: Arc::new(db.clone()),
        breakers: Arc::new(db.clone()),
        sealer: Arc::new(VaultSealer(vault.clone())),
        pause: Arc::new(TokioPause),
        clock: Arc::new(SystemClock::default()),
        jitter: Arc::new(RandomJitter),
    };
    let fast = Rate { per_minute: 60_000, burst: 1_000 };
    let settings = fedatario_sat::Settings { rates: Rates { credential: fast, authority: fast }, ..Default::default() };
    let sat = SatClient::new(Addresses::configured(Endpoints::from_base(sat).unwrap()), vault.clone(), ports, settings).unwrap();
    App {
        store: Arc::new(db.clone()),
        people: Arc::new(db.clone()),
        system: Arc::new(db.clone()),
        blobs,
        sat: Arc::new(sat),
        vault,
        clock: Arc::new(SystemClock::default()),
        settings: Arc::new(Settings::sandbox()),
        trust: Arc::default(),
        lookups: Default::default(),
    }
}

impl Stage {
    async fn set(dir: &Path, sat: &str) -> Self {
        std::fs::create_dir_all(dir).unwrap();
        let db = Db::open_sqlite(dir.join("fedatario.db")).await.unwrap();
        db.migrate().await.unwrap();
        let (hands, now) = (SystemScope::for_this_process(), SystemClock::default().wall());
        let (ours, theirs) = (TenantId::fresh(now), TenantId::fresh(now));
        db.add_tenant(&hands, ours, "ours", now).await.unwrap();
        db.add_tenant(&hands, theirs, "theirs", now).await.unwrap();
        let app = services(dir, &db, sat);
        let door = Arc::new(MapDoor::default());
        for (bearer, tenant) in [("ours", ours), ("theirs", theirs)] {
            // A program: jobs of a person whom nobody knows would lapse.
            door.knows(bearer, Principal { is_stepped_up: true, ..program(tenant, &Permission::of_tenants(), None) });
        }
        let keeper = Principal { platform: vec![Permission::PlatformReferenceLoad], ..program(ours, &[], None) };
        door.knows("keeper", Principal { is_stepped_up: true, ..keeper });
        let courier: Arc<dyn Courier> =
            Arc::new(HttpCourier::new("127.0.0.0/8".parse().unwrap(), Arc::new(SystemResolver)).unwrap());
        let lines = Lines { courier: courier.clone(), revision: Some(revision(&app, &db)), temporary: dir.to_owned() };
        let people = fedatario_app::identity::people::People {
            app: app.clone(),
            identity: Arc::new(db.clone()),
            outside: Default::default(),
            estate: Arc::new(db.clone()),
        };
        let mut parts = parts(people, Arc::new(db.clone()), door);
        parts.lines = lines;
        parts.settings.limits.tenant = 60_000;
        parts.settings.limits.key = 60_000;
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let (stop, stopped) = watch::channel(false);
        tokio::spawn(server::serve(listener, routes::all().router(Api::new(parts)), stopped.clone()));
        let handlers: Vec<Arc<dyn Handler>> =
            vec![Arc::new(Descarga::new(app.clone())), Arc::new(Deliveries::new(app.clone(), courier))];
        let worker = Worker::new(app, hands, HolderId::fresh(now), Arc::new(Alone), handlers);
        tokio::spawn(async move { worker.work(ClaimFilter::default(), stopped).await });
        Self { base, client: Client::new(), stop }
    }

    fn call(&self, who: &str, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("{}{path}", self.base)).bearer_auth(who)
    }

    async fn get(&self, path: &str) -> Value {
        good(self.call("ours", Method::GET, path).send().await.unwrap()).await
    }

    async fn post(&self, path: &str, body: &Value) -> Value {
        let key = format!("key-{}", path.replace('/', "-"));
        good(self.call("ours", Method::POST, path).header("idempotency-key", key).json(body).send().await.unwrap()).await
    }
}

async fn good(response: Response) -> Value {
    let (status, text) = (response.status(), response.text().await.unwrap());
    assert!(status.is_success(), "{status}: {text}");
    serde_json::from_str(&text).unwrap_or(Value::String(text))
}

/// A form with the e.firma that the sandbox minted.
fn form(fiel: &Path) -> (String, Vec<u8>) {
    const BOUNDARY: &str = "----fedatario-0b9f";
    let mut body = Vec::new();
    for (name, file) in [("cer", "fiel.cer"), ("key", "fiel.key"), ("password", "password.txt")] {
        let mut bytes = std::fs::read(fiel.join(file)).unwrap();
        if name == "password" {
            bytes.truncate(bytes.trim_ascii_end().len());
        }
        write!(body, "--{BOUNDARY}\r\ncontent-disposition: form-data; name=\"{name}\"; filename=\"{file}\"\r\n\r\n").unwrap();
        body.extend(bytes);
        body.extend(b"\r\n");
    }
    write!(body, "--{BOUNDARY}--\r\n").unwrap();
    (format!("multipart/form-data; boundary={BOUNDARY}"), body)
}

/// A receiver of webhooks that takes everything.
async fn receiver() -> (String, mpsc::UnboundedReceiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    let (send, receive) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let send = send.clone();
            tokio::spawn(async move {
                let (mut text, mut buffer) = (String::new(), vec![0; 64 << 10]);
                while !is_whole(&text) {
                    match stream.read(&mut buffer).await {
                        Ok(0) | Err(_) => return,
                        Ok(read) => text.push_str(&String::from_utf8_lossy(&buffer[..read])),
                    }
                }
                let _ = stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await;
                let _ = send.send(text);
            });
        }
    });
    (url, receive)
}

/// Whether a request came to its end.
fn is_whole(text: &str) -> bool {
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
    let length = head.to_lowercase().lines().find_map(|it| it.strip_prefix("content-length: ")?.trim().parse::<usize>().ok());
    body.len() >= length.unwrap_or_default()
}

/// Verifies as Standard Webhooks does, and holds the event against its published schema.
const JUDGE: &str = "
import json, sys
from jsonschema import Draft202012Validator
from standardwebhooks import Webhook
it = json.load(sys.stdin)
told = Webhook(it['secret']).verify(it['body'], it['headers'])
Draft202012Validator(it['schema']).validate(told)
";

fn judged(request: &str, secret: &str, schemas: &Value) -> Value {
    let (head, body) = request.split_once("\r\n\r\n").unwrap();
    let pairs = head.lines().skip(1).filter_map(|it| it.split_once(": "));
    let headers: serde_json::Map<String, Value> = pairs.map(|(name, value)| (name.to_lowercase(), value.into())).collect();
    let event: Value = serde_json::from_str(body).unwrap();
    let of = schemas["events"].as_array().unwrap().iter().find(|it| it["type"] == event["type"]).expect("a published event");
    let input = json!({ "headers": headers, "body": body, "secret": secret, "schema": of["schema"] });
    let mut judge = Command::new("python3").args(["-c", JUDGE]).stdin(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    judge.stdin.take().unwrap().write_all(input.to_string().as_bytes()).unwrap();
    let done = judge.wait_with_output().unwrap();
    assert!(done.status.success(), "python3 with standardwebhooks and jsonschema: {}", String::from_utf8_lossy(&done.stderr));
    event
}

/// One event of a stream: its id, name and data.
async fn next_event(response: &mut Response, text: &mut String) -> (String, String, Value) {
    loop {
        while let Some((frame, rest)) = text.clone().split_once("\n\n") {
            let (frame, rest) = (frame.to_owned(), rest.to_owned());
            *text = rest;
            let part = |name: &str| frame.lines().find_map(|it| it.strip_prefix(name)).unwrap_or_default().trim().to_owned();
            if !part("data:").is_empty() {
                return (part("id:"), part("event:"), serde_json::from_str(&part("data:")).unwrap());
            }
        }
        let chunk = response.chunk().await.unwrap().expect("a stream that goes on");
        text.push_str(&String::from_utf8_lossy(&chunk));
    }
}

/// Operations that were done here, or are done now: each has its entry in the chain.
const ACTS: [&str; 10] = [
    "sat.taxpayers.register",
    "sat.years.ask",
    "sat.requests.ask",
    "reports.make",
    "documents.export",
    "packages.content",
    "packages.import",
    "schedules.set_all",
    "efos.load",
    "certificates.load",
];

async fn acts_leave_entries(stage: &Stage, sat: &SandboxSat, taxpayer: &str, asked: &Value) {
    let of = |rest: &str| format!("/api/sat/taxpayers/{taxpayer}{rest}");
    let request = json!({ "direction": "received", "from": "2024-03-01", "to": "2024-03-02" });
    stage.post(&of("/requests"), &request).await;
    stage.post(&of("/years/2025/report"), &Value::Null).await;
    good(stage.call("ours", Method::PUT, "/api/schedules").json(&json!({ "exact": true })).send().await.unwrap()).await;
    let package = home(stage, asked).await;
    let path = format!("/api/sat/packages/{package}/content");
    let content = stage.call("ours", Method::GET, &path).send().await.unwrap().bytes().await.unwrap();
    let import = stage.call("ours", Method::POST, &of("/packages")).header("content-type", "application/octet-stream");
    good(import.header("idempotency-key", "package").body(content).send().await.unwrap()).await;
    let send = |path: &str, body: Vec<u8>| stage.call("keeper", Method::POST, path).body(body).send();
    good(send("/api/sat/efos", list_of(sat).await).await.unwrap()).await;
    good(send("/api/sat/certificates", std::fs::read(sat.fiel.join("fiel.cer")).unwrap()).await.unwrap()).await;
    let (catalog, chained) = (routes::all(), actions(stage).await);
    for id in ACTS {
        let operation = &catalog.named(id).expect("an operation").operation;
        let action = operation.audits.expect("an entry that it declares");
        assert!(chained.contains(action), "{id}: {action}: {chained:?}");
        let row = format!("{} {}", operation.method, operation.path);
        fedatario_testkit::covers!("operation x refusal", row, "audit entry");
        if operation.changes {
            let last = stage.get(&format!("/api/audit/logs?action={action}&order=newest&limit=1")).await;
            assert!(last["data"][0]["detail"]["after"].is_object(), "{id}: {last}");
            fedatario_testkit::covers!("operation x refusal", row, "before and after");
        }
    }
}

/// List 69-B, as the sandbox publishes it.
async fn list_of(sat: &SandboxSat) -> Vec<u8> {
    let answer = reqwest::get(format!("{}/_sandbox/69b.csv", sat.url)).await.unwrap().error_for_status().unwrap();
    answer.bytes().await.unwrap().to_vec()
}

/// A package of the year that is here.
async fn home(stage: &Stage, asked: &Value) -> String {
    for request in asked["families"][0]["planned"].as_array().unwrap() {
        let told = stage.get(&format!("/api/sat/requests/{}", request.as_str().unwrap())).await;
        if let Some(package) = told["packages"][0]["id"].as_str() {
            return package.to_owned();
        }
    }
    panic!("no package came home");
}

/// The actions of the chain.
async fn actions(stage: &Stage) -> BTreeSet<String> {
    let (mut all, mut path) = (BTreeSet::new(), "/api/audit/logs?limit=500".to_owned());
    loop {
        let page = stage.get(&path).await;
        let entries = page["data"].as_array().unwrap().iter();
        all.extend(entries.filter_map(|it| it["entry"]["action"].as_str().map(str::to_owned)));
        let Some(next) = page["next"].as_str() else { return all };
        path = format!("/api/audit/logs?limit=500&cursor={next}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_year_over_the_api_from_an_efirma_to_the_report() {
    tokio::time::timeout(PATIENCE, whole_way()).await.expect("it does not hang");
}

async fn whole_way() {
    let dir = tempfile::tempdir().unwrap();
    let sat = sandbox(dir.path(), &["--cfdi", examples().to_str().unwrap()]);
    let stage = Stage::set(&dir.path().join("house"), &sat.url).await;

    // The e.firma, by form. Its password is never told again.
    let (media, body) = form(&sat.fiel);
    let sent = stage.call("ours", Method::POST, "/api/sat/taxpayers").header("content-type", &media).body(body.clone()).send();
    let registered = good(sent.await.unwrap()).await;
    assert_eq!((registered["rfc"].as_str(), registered["changed"].as_bool()), (Some(RFC), Some(true)), "{registered}");
    let password = std::fs::read_to_string(sat.fiel.join("password.txt")).unwrap();
    assert!(!registered.to_string().contains(password.trim()));
    let again = stage.call("ours", Method::POST, "/api/sat/taxpayers").header("content-type", &media).body(body).send();
    assert_eq!(good(again.await.unwrap()).await["changed"], false);
    let id = registered["taxpayer"].as_str().unwrap().to_owned();
    let of = |rest: &str| format!("/api/sat/taxpayers/{id}{rest}");
    assert_eq!(stage.post(&of("/login"), &Value::Null).await["rfc"], RFC);

    // An address that is told.
    let (url, mut came) = receiver().await;
    let wish = json!({ "url": url, "events": ["sat.year.complete", "sat.package.imported", "webhook.test"] });
    let made = stage.post("/api/webhooks", &wish).await;
    let secret = made["secrets"][0]["secret"].as_str().unwrap().to_owned();
    let webhook = made["webhook"]["id"].as_str().unwrap().to_owned();
    let schemas = stage.get("/api/webhooks/events").await;
    stage.post(&format!("/api/webhooks/{webhook}/tests"), &Value::Null).await;
    assert_eq!(judged(&came.recv().await.unwrap(), &secret, &schemas)["type"], "webhook.test");

    // A year, followed; the reader is cut off once and resumes.
    let asked = stage.post(&of("/years"), &json!({ "year": 2025 })).await;
    assert_eq!(asked["families"][0]["planned"].as_array().unwrap().len(), 28, "{asked}");
    let mut stream = stage.call("ours", Method::GET, &of("/years/2025/events")).send().await.unwrap();
    let (seen, name, _) = next_event(&mut stream, &mut String::new()).await;
    assert!(["progress", "done"].contains(&name.as_str()));
    drop(stream);
    let resumed = stage.call("ours", Method::GET, &of("/years/2025/events")).header("last-event-id", &seen);
    let (mut stream, mut text) = (resumed.send().await.unwrap(), String::new());
    let last = loop {
        let (id, name, data) = next_event(&mut stream, &mut text).await;
        assert!(id != seen || name == "done", "what was seen is not told again");
        if name == "done" {
            break data;
        }
    };
    assert_eq!(
        (last["requests"].as_u64(), last["open"].as_u64(), last["over"].as_bool()),
        (Some(28), Some(0), Some(true)),
        "{last}"
    );

    // The webhook, as others verify it.
    let complete = loop {
        let event = judged(&came.recv().await.unwrap(), &secret, &schemas);
        if event["type"] == "sat.year.complete" {
            break event;
        }
        assert_eq!(event["type"], "sat.package.imported");
    };
    assert_eq!((complete["data"]["taxpayer"].as_str(), complete["data"]["missing"].as_u64()), (Some(id.as_str()), Some(0)));
    assert_eq!(complete["environment"], "sandbox");

    // What came home.
    let report = stage.get(&of("/years/2025/report")).await;
    assert_eq!(report["report"]["totals"]["issued"]["missing"], 0);
    let checked = stage.call("ours", Method::POST, "/api/sat/reports/check").body(report.to_string()).send().await.unwrap();
    let checked = good(checked).await;
    assert_eq!((checked["signature"].as_bool(), checked["agrees"].as_bool()), (Some(true), Some(true)), "{checked}");
    let documents = complete["data"]["cfdi"].as_u64().unwrap();
    let csv = stage.get(&of("/export?format=csv&year=2025")).await;
    let csv = csv.as_str().unwrap();
    assert!(csv.starts_with("fecha,uuid,") && csv.lines().count() as u64 > documents, "{documents} documents: {csv}");
    let page = stage.get(&of("/documents?limit=2")).await;
    assert_eq!(page["data"].as_array().unwrap().len(), 2);
    let next = stage.get(&of(&format!("/documents?limit=2&cursor={}", page["next"].as_str().unwrap()))).await;
    assert_ne!(next["data"][0]["uuid"], page["data"][0]["uuid"]);
    let uuid = page["data"][0]["uuid"].as_str().unwrap();
    assert_eq!(stage.get(&of(&format!("/documents/{uuid}"))).await["uuid"], uuid);
    let xml = stage.get(&of(&format!("/documents/{uuid}/xml"))).await;
    assert!(xml.as_str().unwrap().to_lowercase().contains(uuid), "the original, byte for byte");
    assert_eq!(stage.post("/api/audit/verify", &Value::Null).await["intact"], true);

    acts_leave_entries(&stage, &sat, &id, &asked).await;

    // What was sent is in the log, and nobody else sees any of it.
    let log = stage.get("/api/webhooks/deliveries?state=delivered&limit=1").await;
    let delivery = log["data"][0]["id"].as_str().unwrap().to_owned();
    assert_eq!(log["data"][0]["attempts"][0]["status"], 204);
    let request = asked["families"][0]["planned"][0].as_str().unwrap().to_owned();
    for path in [
        of(""),
        of("/years/2025"),
        of("/years/2025/events"),
        of("/documents"),
        of(&format!("/documents/{uuid}/xml")),
        of("/export?format=csv"),
        of("/schedule"),
        format!("/api/sat/requests/{request}"),
        format!("/api/sat/requests/{request}/events"),
        format!("/api/webhooks/{webhook}"),
        format!("/api/webhooks/deliveries/{delivery}"),
    ] {
        let theirs = stage.call("theirs", Method::GET, &path).send().await.unwrap();
        assert_eq!(theirs.status(), StatusCode::NOT_FOUND, "{path}");
    }
    let _ = stage.stop.send(true);
    fedatario_testkit::covers!("api: a year from an e.firma to the report, by events that resume and a webhook that others verify");
    fedatario_testkit::covers!("webhooks: an event has the shape of its published schema, by another validator");
    fedatario_testkit::covers!("api: another tenant's taxpayer, request, document, webhook and delivery are not found");
}
