//! `Idempotency-Key`, from outside.

use crate::support::Stage;
use axum::http::StatusCode;
use fedatario_api::answer::{Created, Json};
use fedatario_api::extract::{Body, Caller};
use fedatario_api::form::{Field, Fields, Form, Kind};
use fedatario_api::operation::Operation;
use fedatario_api::problem::{ApiError, Outcome};
use fedatario_api::routing::{Catalog, Routes};
use fedatario_api::testing::{TestAnswer, person};
use fedatario_base::Code;
use jiff::SignedDuration;
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use utoipa::ToSchema;

#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Thing {
    name: String,
    #[serde(default)]
    size: u32,
}

/// Operations that count how often they were done.
fn catalog(done: &Arc<AtomicU32>) -> Catalog {
    let count = |done: &Arc<AtomicU32>| {
        let done = done.clone();
        move || done.fetch_add(1, Ordering::SeqCst) + 1
    };
    let (one, two, three, four) = (count(done), count(done), count(done), count(done));
    let make = move |_: Caller, Body(thing): Body<Thing>| {
        let n = one();
        async move { Ok(Created { location: format!("/test/things/{n}"), body: thing }) }
    };
    let secret = move |_: Caller, Body(thing): Body<Thing>| {
        let n = two();
        async move { Ok(Created { location: format!("/test/keys/key_{n}"), body: thing }) }
    };
    let refuse = move |_: Caller| {
        three();
        async move { Err::<Json<Thing>, _>(ApiError::new(Code::StoreConflict)) }
    };
    let doubt = move |_: Caller| {
        four();
        async move { Err::<Json<Thing>, _>(ApiError::new(Code::AuthorityUnanswered).outcome(Outcome::Uncertain)) }
    };
    let post = |path, id| Operation::post(path, id, "For tests").signed_in();
    Catalog::new(vec![
        Routes::of("test")
            .add(post("/test/things", "test.make"), make)
            .add(post("/test/keys", "test.secret").answers_secret().idempotency_required(), secret)
            .add(post("/test/refused", "test.refuse"), refuse)
            .add(post("/test/doubted", "test.doubt"), doubt),
    ])
}

/// A form with a file.
struct Papers;

impl Fields for Papers {
    const FIELDS: &'static [Field] = &[
        Field { name: "file", kind: Kind::File, required: true, text: "A file" },
        Field { name: "note", kind: Kind::Text, required: false, text: "A note" },
    ];
}

#[tokio::test]
async fn a_form_is_the_same_by_its_fields_and_files_and_not_by_its_boundary() {
    let done = Arc::new(AtomicU32::new(0));
    let count = done.clone();
    let take = move |_: Caller, _: Form<Papers>| {
        let n = count.fetch_add(1, Ordering::SeqCst) + 1;
        async move { Ok::<_, ApiError>(Json(Thing { name: "taken".to_owned(), size: n })) }
    };
    let catalog =
        Catalog::new(vec![Routes::of("test").add(Operation::post("/test/papers", "test.papers", "For tests").signed_in(), take)]);
    let stage = Stage::of(&catalog).await;
    stage.api.knows("us", person(stage.ours, &[]));
    let form = |boundary: &str, parts: &[(&str, &str)]| {
        let part = |(name, value): &(&str, &str)| {
            let file = if *name == "file" { "; filename=\"x.bin\"" } else { "" };
            format!("--{boundary}\r\ncontent-disposition: form-data; name=\"{name}\"{file}\r\n\r\n{value}\r\n")
        };
        let body: String = parts.iter().map(part).collect::<String>() + &format!("--{boundary}--\r\n");
        let call = stage.api.post("/test/papers").bearer("us").header("idempotency-key", "one");
        call.body(&format!("multipart/form-data; boundary={boundary}"), body).send()
    };
    form("aaa", &[("file", "uno"), ("note", "x")]).await.is(200);
    let again = form("bbb", &[("note", "x"), ("file", "uno")]).await;
    assert_eq!((again.is(200)["size"].as_u64(), again.header("idempotency-replayed")), (Some(1), "true"));
    for other in [&[("file", "dos"), ("note", "x")][..], &[("file", "uno"), ("note", "y")], &[("file", "uno")]] {
        assert_eq!(form("aaa", other).await.is(422)["code"], "idempotency_reused", "{other:?}");
    }
    assert_eq!(done.load(Ordering::SeqCst), 1);
    fedatario_testkit::covers!("api: a form is compared by its fields and the digests of its files, whatever its boundary");
}

async fn stage() -> (Stage, Arc<AtomicU32>) {
    let done = Arc::new(AtomicU32::new(0));
    let stage = Stage::of(&catalog(&done)).await;
    stage.api.knows("us", person(stage.ours, &[]));
    stage.api.knows("friend", person(stage.ours, &[]));
    (stage, done)
}

async fn post(stage: &Stage, who: &str, path: &str, key: &str, body: &str) -> TestAnswer {
    stage.api.post(path).bearer(who).header("idempotency-key", key).body("application/json", body.to_owned()).send().await
}

#[tokio::test]
async fn the_same_call_again_is_answered_and_not_done_again() {
    let (stage, done) = stage().await;
    let first = post(&stage, "us", "/test/things", "k1", r#"{"name":"a","size":2}"#).await;
    let again = post(&stage, "us", "/test/things", "k1", "{ \"size\": 2,\n \"name\": \"a\" }").await;
    assert_eq!((first.is(201), first.header("location")), (again.is(201), again.header("location")));
    assert_eq!((first.header("idempotency-replayed"), again.header("idempotency-replayed")), ("", "true"));
    assert_eq!(done.load(Ordering::SeqCst), 1);
    let other = post(&stage, "us", "/test/things", "k1", r#"{"name":"b","size":2}"#).await;
    assert_eq!(other.is(422)["code"], "idempotency_reused");
    post(&stage, "friend", "/test/things", "k1", r#"{"name":"b"}"#).await.is(201);
    post(&stage, "us", "/test/things", "k2", r#"{"name":"a","size":2}"#).await.is(201);
    assert_eq!(done.load(Ordering::SeqCst), 3);
    fedatario_testkit::covers!("api: the same call under one key is done once, by its meaning");
}

#[tokio::test]
async fn of_many_at_once_one_is_done() {
    let (stage, done) = stage().await;
    let calls = (0..32).map(|_| post(&stage, "us", "/test/things", "k", r#"{"name":"a"}"#));
    let answers = futures_util::future::join_all(calls).await;
    assert_eq!(done.load(Ordering::SeqCst), 1);
    for answer in &answers {
        let code = answer.code();
        assert!(answer.status == StatusCode::CREATED || code == "idempotency_in_flight", "{} {code}", answer.status);
    }
    fedatario_testkit::covers!("api: of many calls at once under one key, one is done");
}

#[tokio::test]
async fn a_secret_is_told_once() {
    let (stage, done) = stage().await;
    post(&stage, "us", "/test/keys", "k", r#"{"name":"a"}"#).await.is(201);
    let again = post(&stage, "us", "/test/keys", "k", r#"{"name":"a"}"#).await.is(409);
    assert_eq!(
        (again["code"].as_str(), again["id"].as_str(), again["outcome"].as_str()),
        (Some("already_created"), Some("key_1"), Some("done"))
    );
    let bare = stage.api.post("/test/keys").bearer("us").json(&json!({"name": "a"})).send().await;
    assert_eq!(bare.is(400)["code"], "idempotency_key");
    for key in ["", "with space", "ñ", &"k".repeat(129)] {
        assert_eq!(post(&stage, "us", "/test/keys", key, r#"{"name":"a"}"#).await.is(400)["code"], "idempotency_key", "{key:?}");
    }
    assert_eq!(done.load(Ordering::SeqCst), 1);
    fedatario_testkit::covers!("api: an answer with a secret is never kept, and required keys are required");
}

#[tokio::test]
async fn a_refusal_gives_the_key_back_and_a_doubt_keeps_it() {
    let (stage, done) = stage().await;
    for _ in 0..2 {
        assert_eq!(post(&stage, "us", "/test/refused", "k", "").await.is(409)["code"], "store_conflict");
    }
    assert_eq!(done.load(Ordering::SeqCst), 2, "nothing was done, so it may be tried again");
    assert_eq!(post(&stage, "us", "/test/doubted", "k", "").await.is(504)["outcome"], "uncertain");
    assert_eq!(post(&stage, "us", "/test/doubted", "k", "").await.is(409)["code"], "idempotency_in_flight");
    stage.clock.advance(SignedDuration::from_mins(6));
    let late = post(&stage, "us", "/test/doubted", "k", "").await.is(409);
    assert_eq!((late["code"].as_str(), late["outcome"].as_str()), (Some("idempotency_interrupted"), Some("uncertain")));
    assert_eq!(done.load(Ordering::SeqCst), 3);
    fedatario_testkit::covers!("api: what may have been done is never done again under its key");
}
