//! Webhooks over their routes, with a courier whose receivers are played by the test.

use crate::support::{Stage, watched};
use async_trait::async_trait;
use axum::http::Method;
use fedatario_api::lines::Lines;
use fedatario_api::testing::{MapDoor, TestApi, parts, person};
use fedatario_app::hooks::Deliveries;
use fedatario_app::hooks::ports::{Answer, Courier, CourierFault, Parcel};
use fedatario_app::jobs::{Handler, Liveness, Worker};
use fedatario_app::model::JobFilter;
use fedatario_app::ports::ClaimFilter;
use fedatario_base::id::HolderId;
use fedatario_base::{Clock, Permission, Scope, SystemScope};
use jiff::SignedDuration;
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};

/// What was sent: where, under which id, how many secrets signed.
type Sent = (String, String, usize);

/// Answers as it is told, and remembers what it was given.
#[derive(Default)]
struct Played {
    status: Mutex<u16>,
    sent: Mutex<Vec<Sent>>,
}

#[async_trait]
impl Courier for Played {
    fn check(&self, url: &str) -> Result<(), CourierFault> {
        if url.starts_with("https://") { Ok(()) } else { Err(CourierFault::Url("only https".into())) }
    }

    async fn deliver(&self, parcel: Parcel<'_>) -> Result<Answer, CourierFault> {
        self.sent.lock().unwrap().push((parcel.url.to_owned(), parcel.id, parcel.secrets.len()));
        match *self.status.lock().unwrap() {
            0 => Err(CourierFault::Unanswered("nobody there".into())),
            status => Ok(Answer { status, retry_after: None, said: "¿qué?".into() }),
        }
    }
}

struct Alone;

#[async_trait]
impl Liveness for Alone {
    async fn dead(&self, _: &[HolderId]) -> Vec<HolderId> {
        Vec::new()
    }
}

struct Scene {
    stage: Stage,
    api: TestApi,
    courier: Arc<Played>,
    worker: Worker,
}

impl Scene {
    async fn new() -> Self {
        let stage = Stage::new().await;
        let (door, courier) = (Arc::new(MapDoor::default()), Arc::new(Played::default()));
        door.knows("ours", person(stage.ours, Permission::ALL));
        door.knows("theirs", person(stage.theirs, Permission::ALL));
        door.knows("viewer", person(stage.ours, &[Permission::DocumentRead]));
        let mut parts = parts(stage.people.clone(), Arc::new(stage.db.clone()), door);
        parts.lines = Lines { courier: courier.clone(), ..Lines::closed() };
        let api = watched(TestApi::over(parts, &fedatario_api::routes::all()));
        let deliveries: Arc<dyn Handler> = Arc::new(Deliveries::new(stage.app.clone(), courier.clone()));
        let holder = HolderId::fresh(stage.clock.wall());
        let worker = Worker::new(stage.app.clone(), SystemScope::for_this_process(), holder, Arc::new(Alone), vec![deliveries]);
        Self { stage, api, courier, worker }
    }

    async fn call(&self, who: &str, method: Method, path: &str, body: Value) -> fedatario_api::testing::TestAnswer {
        let call = self.api.call(method, path).bearer(who);
        if body.is_null() { call.send().await } else { call.json(&body).send().await }
    }

    async fn post(&self, path: &str, body: Value, status: u16) -> Value {
        self.call("ours", Method::POST, path, body).await.is(status)
    }

    async fn get(&self, path: &str) -> Value {
        self.call("ours", Method::GET, path, Value::Null).await.is(200)
    }

    /// An address that listens to these events.
    async fn address(&self, url: &str, events: &[&str]) -> String {
        let made = self.post("/api/webhooks", json!({ "url": url, "events": events }), 201).await;
        made["webhook"]["id"].as_str().unwrap().to_owned()
    }

    /// What is due is sent, and answered with this status.
    async fn deliver(&self, status: u16) -> Vec<Sent> {
        *self.courier.status.lock().unwrap() = status;
        let kinds = vec!["hook.deliver"];
        self.worker.pass(ClaimFilter { kinds, ..ClaimFilter::default() }).await.unwrap();
        std::mem::take(&mut *self.courier.sent.lock().unwrap())
    }
}

#[tokio::test]
async fn a_secret_is_shown_once_and_two_sign_during_a_rotation() {
    let scene = Scene::new().await;
    let body = json!({ "url": "https://a.example/x", "signatures": ["v1", "v1a"], "notify": "ana@example.com" });
    let made = scene.post("/api/webhooks", body, 201).await;
    let shown: Vec<&str> = made["secrets"].as_array().unwrap().iter().map(|it| it["secret"].as_str().unwrap()).collect();
    assert!(shown[0].starts_with("whsec_") && shown[1].starts_with("whpk_"), "{shown:?}");
    let path = format!("/api/webhooks/{}", made["webhook"]["id"].as_str().unwrap());
    let read = scene.call("ours", Method::GET, &path, Value::Null).await;
    assert!(!String::from_utf8_lossy(&read.bytes).contains(shown[0]), "never again");
    assert!(!scene.get("/api/audit/logs").await.to_string().contains(shown[0]));

    scene.post(&format!("{path}/tests"), Value::Null, 201).await;
    assert_eq!(scene.deliver(200).await[0].2, 2, "both kinds sign");
    let rotated = scene.post(&format!("{path}/secrets"), json!({ "kind": "v1", "overlap_s": 60 }), 201).await;
    assert_ne!(rotated["secrets"][0]["secret"], shown[0]);
    scene.post(&format!("{path}/tests"), Value::Null, 201).await;
    assert_eq!(scene.deliver(200).await[0].2, 3, "the former signs beside its successor");
    scene.stage.clock.advance(SignedDuration::from_secs(61));
    scene.post(&format!("{path}/tests"), Value::Null, 201).await;
    assert_eq!(scene.deliver(200).await[0].2, 2, "and no longer");
    let refused = scene.call("ours", Method::POST, &format!("{path}/secrets"), json!({ "kind": "v1", "overlap_s": 604_801 })).await;
    assert_eq!(refused.status.as_u16(), 422);
    fedatario_testkit::covers!("webhooks: a secret is shown once; two of them live during a rotation, and the former ends");
}

#[tokio::test]
async fn what_is_not_taken_is_sent_again_and_can_be_replayed() {
    let scene = Scene::new().await;
    let id = scene.address("https://a.example/x", &[]).await;
    let event = scene.post(&format!("/api/webhooks/{id}/tests"), Value::Null, 201).await["event"].as_str().unwrap().to_owned();
    let first = scene.deliver(500).await;
    assert_eq!(first.len(), 1);
    assert_eq!(first[0].1, event, "the event's own id");
    for _ in 0..8 {
        assert_eq!(scene.deliver(0).await.len(), 1);
    }
    let log = || scene.get("/api/webhooks/deliveries");
    let waiting = log().await["data"][0].clone();
    assert_eq!((waiting["state"].as_str(), waiting["attempts"].as_array().map(Vec::len)), (Some("waiting"), Some(9)));
    assert_eq!((waiting["attempts"][0]["status"].as_u64(), waiting["attempts"][0]["said"].as_str()), (Some(500), Some("¿qué?")));
    assert_eq!(waiting["attempts"][1]["code"], "webhook_unanswered");
    assert_eq!(scene.deliver(503).await.len(), 1, "the tenth");
    assert_eq!(log().await["data"][0]["state"], "failed");
    assert!(scene.deliver(200).await.is_empty(), "no more by itself");

    let replayed = scene.post(&format!("/api/webhooks/{id}/replays"), json!({}), 200).await;
    assert_eq!((replayed["replayed"].as_u64(), replayed["more"].as_bool()), (Some(1), Some(false)));
    assert_eq!(scene.deliver(204).await[0].1, event, "the same event");
    let delivery = log().await["data"][0].clone();
    assert_eq!(delivery["state"], "delivered");
    let path = format!("/api/webhooks/deliveries/{}", delivery["id"].as_str().unwrap());
    assert_eq!(scene.get(&path).await["event"]["body"]["type"], "webhook.test");
    scene.post(&format!("{path}/replays"), Value::Null, 200).await;
    assert_eq!(scene.deliver(200).await.len(), 1, "one alone, whatever became of it");
    let range = json!({ "from": "2026-09-01T00:00:00Z", "to": "2026-09-02T00:00:00Z" });
    assert_eq!(scene.post(&format!("/api/webhooks/{id}/replays"), range, 200).await["replayed"], 1);
    let none = json!({ "from": "2026-09-02T00:00:00Z" });
    assert_eq!(scene.post(&format!("/api/webhooks/{id}/replays"), none, 200).await["replayed"], 0);
    fedatario_testkit::covers!(
        "webhooks: sent again until it is taken, logged with what was said, and replayed: one, a range, all that failed"
    );
}

#[tokio::test]
async fn an_address_that_is_gone_is_switched_off_with_notice() {
    let scene = Scene::new().await;
    let gone = scene.address("https://gone.example/x", &["webhook.test"]).await;
    let other = scene.address("https://other.example/x", &["webhook.disabled"]).await;
    let path = format!("/api/webhooks/{gone}");
    let tag = scene.call("ours", Method::GET, &path, Value::Null).await.header("etag").to_owned();
    let patch = |tag: &str, body: Value| scene.api.call(Method::PATCH, &path).bearer("ours").header("if-match", tag).json(&body);
    patch(&tag, json!({ "notify": "ana@example.com" })).send().await.is(200);
    assert_eq!(patch(&tag, json!({ "notify": "" })).send().await.status.as_u16(), 412, "somebody changed it meanwhile");
    assert_eq!(scene.call("ours", Method::PATCH, &path, json!({ "notify": "" })).await.status.as_u16(), 428);

    for _ in 0..4 {
        scene.post(&format!("{path}/tests"), Value::Null, 201).await;
    }
    let to_it = |sent: Vec<Sent>| sent.iter().filter(|it| it.0 == "https://gone.example/x").count();
    let at_once = to_it(scene.deliver(410).await);
    assert!((1..=2).contains(&at_once), "no more than two at once: {at_once}");
    assert_eq!(to_it(scene.deliver(410).await), 0, "nothing after its 410");
    let read = scene.get(&path).await;
    assert_eq!((read["state"].as_str(), read["reason"].as_str()), (Some("disabled"), Some("webhook_gone")));
    let states = scene.get(&format!("/api/webhooks/deliveries?webhook={gone}")).await;
    let states: Vec<&str> = states["data"].as_array().unwrap().iter().map(|it| it["state"].as_str().unwrap()).collect();
    assert!(states.contains(&"failed") && states.contains(&"skipped"), "{states:?}");
    let told = scene.get("/api/events?type=webhook.disabled").await;
    assert_eq!((&told["data"][0]["body"]["data"]["webhook"], told["data"].as_array().unwrap().len()), (&json!(gone), 1));
    let mail = JobFilter { kind: Some("mail.send".into()), ..JobFilter::default() };
    let mut tx = scene.stage.app.store.read(&Scope::system(scene.stage.ours)).await.unwrap();
    assert_eq!(tx.jobs_where(&mail, None, 10).await.unwrap().len(), 1, "whoever wanted to know is mailed");
    drop(tx);
    scene.call("ours", Method::POST, &format!("{path}/tests"), Value::Null).await.is(409);
    let tag = scene.call("ours", Method::GET, &path, Value::Null).await.header("etag").to_owned();
    patch(&tag, json!({ "state": "enabled" })).send().await.is(200);
    scene.post(&format!("{path}/tests"), Value::Null, 201).await;
    assert!(scene.deliver(200).await.iter().any(|it| it.0 == "https://gone.example/x"));
    let chained = scene.stage.chained(scene.stage.ours).await;
    for action in ["webhook.created", "webhook.changed", "webhook.tested", "webhook.disabled", "webhook.delivery.delivered"] {
        assert!(chained.iter().any(|it| it == action), "{action} in {chained:?}");
    }
    let _ = other;
    fedatario_testkit::covers!("webhooks: 410 switches an address off, mails whoever wants to know, and tells the others");
}

#[tokio::test]
async fn addresses_are_their_tenants_alone_and_bounded() {
    let scene = Scene::new().await;
    let id = scene.address("https://a.example/x", &["job.dead"]).await;
    scene.post(&format!("/api/webhooks/{id}/tests"), Value::Null, 201).await;
    let delivery = scene.get("/api/webhooks/deliveries").await["data"][0]["id"].as_str().unwrap().to_owned();
    let cases = [
        (Method::GET, format!("/api/webhooks/{id}"), Value::Null),
        (Method::DELETE, format!("/api/webhooks/{id}"), Value::Null),
        (Method::POST, format!("/api/webhooks/{id}/tests"), Value::Null),
        (Method::POST, format!("/api/webhooks/{id}/secrets"), json!({ "kind": "v1" })),
        (Method::POST, format!("/api/webhooks/{id}/replays"), json!({})),
        (Method::GET, format!("/api/webhooks/deliveries/{delivery}"), Value::Null),
        (Method::POST, format!("/api/webhooks/deliveries/{delivery}/replays"), Value::Null),
    ];
    for (method, path, body) in cases {
        let theirs = scene.call("theirs", method.clone(), &path, body.clone()).await;
        assert_eq!(theirs.status.as_u16(), 404, "{method} {path}");
        let viewer = scene.call("viewer", method.clone(), &path, body).await;
        assert_eq!((viewer.status.as_u16(), viewer.code().as_str()), (403, "permission_denied"), "{method} {path}");
    }
    assert_eq!(scene.call("theirs", Method::GET, "/api/webhooks/deliveries", Value::Null).await.is(200)["data"], json!([]));
    for (body, code) in [
        (json!({ "url": "http://a.example/" }), "webhook_url"),
        (json!({ "url": "https://a.example/", "notify": "ana" }), "mail_address"),
        (json!({ "url": "https://a.example/", "events": ["sat.everything"] }), "field_invalid"),
        (json!({ "url": "https://a.example/", "secret": "mine" }), "field_unknown"),
        (json!({ "url": "https://a.example/", "description": "a\nb" }), "webhook_url"),
    ] {
        let refused = scene.call("ours", Method::POST, "/api/webhooks", body.clone()).await;
        assert_eq!((refused.status.as_u16(), refused.code().as_str()), (422, code), "{body}");
    }
    for n in 1..20 {
        scene.address(&format!("https://a.example/{n}"), &[]).await;
    }
    let over = scene.call("ours", Method::POST, "/api/webhooks", json!({ "url": "https://a.example/20" })).await;
    assert_eq!((over.status.as_u16(), over.code().as_str()), (409, "webhook_limit"));
    assert_eq!(scene.call("ours", Method::DELETE, &format!("/api/webhooks/{id}"), Value::Null).await.status.as_u16(), 204);
    assert!(scene.deliver(200).await.is_empty(), "what was on its way to it is not sent");
    fedatario_testkit::covers!("webhooks: an address is its tenant's alone, needs its permission, and there are twenty at most");
}
