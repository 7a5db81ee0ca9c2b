//! What surrounds every operation.

use crate::support::Stage;
use axum::http::Method;
use fedatario_api::answer::Document;
use fedatario_api::call::Asked;
use fedatario_api::operation::Operation;
use fedatario_api::problem::ApiError;
use fedatario_api::routing::{Catalog, Routes};
use fedatario_api::testing::{TestApi, parts, person};
use serde_json::json;
use std::sync::Arc;

#[tokio::test]
async fn every_answer_carries_its_headers() {
    let stage = Stage::new().await;
    for target in ["/healthz", "/api/nowhere", "/api/limits", "/api/openapi.json"] {
        let answer = stage.api.get(target).send().await;
        let expected = [
            ("x-content-type-options", "nosniff"),
            ("x-frame-options", "DENY"),
            ("referrer-policy", "no-referrer"),
            ("cache-control", "no-store"),
            ("cross-origin-opener-policy", "same-origin"),
            ("strict-transport-security", "max-age=31536000; includeSubDomains"),
        ];
        for (name, value) in expected {
            assert_eq!(answer.header(name), value, "{target} {name}");
        }
        assert!(answer.header("content-security-policy").contains("frame-ancestors 'none'"), "{target}");
        assert!(answer.header("x-request-id").starts_with("req_"), "{target}");
        assert_eq!(answer.header("server"), "", "{target}: no banner");
    }
    fedatario_testkit::covers!("api: security headers stand on every answer");
}

#[tokio::test]
async fn what_is_not_there_and_what_is_not_so() {
    let stage = Stage::new().await;
    let nowhere = stage.api.get("/api/nowhere").send().await;
    assert_eq!(nowhere.is(404)["code"], "not_found");
    assert_eq!(nowhere.header("content-type"), "application/problem+json");
    for method in [Method::POST, Method::DELETE, Method::from_bytes(b"BREW").expect("a token")] {
        let refused = stage.api.call(method.clone(), "/api/limits").send().await;
        assert_eq!(refused.is(405)["code"], "method_not_allowed", "{method}");
        assert_eq!(refused.header("allow"), "GET,HEAD", "{method}");
    }
    for method in [Method::TRACE, Method::CONNECT] {
        assert_eq!(stage.api.call(method, "/api/limits").send().await.is(405)["code"], "method_not_allowed");
    }
    let long = format!("/api/limits?{}", "a".repeat(9_000));
    assert_eq!(stage.api.get(&long).send().await.is(414)["code"], "target_too_long");
    fedatario_testkit::covers!("api: unknown places are 404 and unknown methods 405, as problems");
}

#[tokio::test]
async fn a_problem_speaks_the_language_of_its_reader() {
    let stage = Stage::new().await;
    let cases = [
        (None, "es"),
        (Some("en"), "en"),
        (Some("en-US,en;q=0.9,es;q=0.8"), "en"),
        (Some("es-DO, en;q=0.5"), "es"),
        (Some("de, en;q=0.3, es;q=0.7"), "es"),
        (Some("de"), "es"),
        (Some("en;q=0, es"), "es"),
        (Some("en;q=oops"), "es"),
    ];
    for (wish, expected) in cases {
        let call = stage.api.get("/api/limits");
        let call = wish.map_or(stage.api.get("/api/limits"), |it| call.header("accept-language", it));
        let answer = call.send().await;
        assert_eq!(answer.header("content-language"), expected, "{wish:?}");
        let title = answer.is(401)["title"].as_str().expect("a title").to_owned();
        assert_eq!(title.contains("credencial"), expected == "es", "{title}");
    }
    fedatario_testkit::covers!("api: problems are told in the language of the caller, Spanish by default");
}

#[tokio::test]
async fn a_problem_has_every_member_and_nothing_of_the_inside() {
    let stage = Stage::new().await;
    let refused = stage.api.get("/api/limits").bearer("nobody").send().await;
    let problem = refused.is(401);
    let names: Vec<&str> = problem.as_object().expect("an object").keys().map(String::as_str).collect();
    let expected = ["code", "detail", "outcome", "request_id", "retryable", "source", "status", "title", "type"];
    assert_eq!(names, expected);
    assert_eq!(problem["request_id"], refused.header("x-request-id"));
    assert_eq!((problem["source"].as_str(), problem["outcome"].as_str()), (Some("caller"), Some("none")));
    assert!(!problem.to_string().contains("not known here"), "the log's text stays in the log");
    fedatario_testkit::covers!("api: problem+json has every member of the contract");
}

#[tokio::test]
async fn traces_of_callers_are_echoed_if_they_are_harmless() {
    let stage = Stage::new().await;
    let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
    let parent = format!("00-{trace}-00f067aa0ba902b7-01");
    let answer = stage.api.get("/healthz").header("traceparent", &parent).send().await;
    assert_eq!(answer.header("x-trace-id"), trace);
    assert!(answer.header("traceparent").starts_with(&format!("00-{trace}-")) && answer.header("traceparent") != parent);
    assert_eq!(stage.api.get("/healthz").header("x-trace-id", "pedido-42").send().await.header("x-trace-id"), "pedido-42");
    let odd = ["", "a b", "<script>", &"a".repeat(65), "á"];
    for text in odd {
        let answer = stage.api.get("/healthz").header("x-trace-id", text).send().await;
        assert_eq!(answer.header("x-trace-id").len(), 32, "{text:?}");
    }
    let zero = "00-00000000000000000000000000000000-00f067aa0ba902b7-01";
    for text in [zero, "00-4bf9-00f067aa0ba902b7-01", "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"] {
        let answer = stage.api.get("/healthz").header("traceparent", text).send().await;
        assert_eq!((answer.header("traceparent"), answer.header("x-trace-id") != trace), ("", true), "{text}");
    }
    fedatario_testkit::covers!("api: traces are echoed, and odd ones replaced");
}

#[tokio::test]
async fn credentials_are_read_once_and_bounded() {
    let stage = Stage::new().await;
    stage.api.knows("us", person(stage.ours, &[]));
    let with = |value: &str| stage.api.get("/api/principal").header("authorization", value).send();
    with("Bearer us").await.is(200);
    with("bearer us").await.is(200);
    let long = format!("Bearer {}", "x".repeat(5_000));
    for value in ["us", "Basic us", "Bearer", "Bearer ", "Bearer us us", &long] {
        assert_eq!(with(value).await.is(401)["code"], "unauthenticated", "{value:.20}");
    }
    let twice = stage.api.get("/api/principal").bearer("us").bearer("us").send().await;
    assert_eq!(twice.is(401)["code"], "unauthenticated");
    fedatario_testkit::covers!("api: one bearer of at most 4 KiB is looked at, and nothing else");
}

#[tokio::test]
async fn names_that_nobody_reads_are_refused() {
    let stage = Stage::new().await;
    stage.api.knows("us", person(stage.ours, &[]));
    let refused = stage.api.get("/api/limits?verbose=1").bearer("us").send().await.is(400);
    assert_eq!((refused["code"].as_str(), refused["errors"][0]["pointer"].as_str()), (Some("query_invalid"), Some("?verbose")));
    fedatario_testkit::covers!("api: unknown parameters are refused, never passed over");
}

/// Says whom the edge takes the caller for.
async fn whom(asked: Asked) -> Result<Document, ApiError> {
    Ok(Document(json!({ "address": asked.origin.address.to_string() })))
}

/// The networks believed, what the caller's side wrote, and who is taken for the caller.
#[tokio::test]
async fn only_proxies_of_ours_say_for_whom_they_speak() {
    let catalog = Catalog::new(vec![Routes::of("test").add(Operation::get("/test/whom", "test.whom", "Who").anyone(), whom)]);
    let stage = Stage::of(&catalog).await;
    let cases: &[(&[&str], &[&str], &str)] = &[
        (&[], &["203.0.113.9"], "127.0.0.1"),
        (&["127.0.0.1"], &[], "127.0.0.1"),
        (&["127.0.0.1"], &["203.0.113.9"], "203.0.113.9"),
        (&["127.0.0.1"], &["198.51.100.7, 203.0.113.9"], "203.0.113.9"),
        (&["127.0.0.1"], &["198.51.100.7", "203.0.113.9"], "203.0.113.9"),
        (&["127.0.0.1", "10.0.0.0/8"], &["198.51.100.7, 203.0.113.9, 10.1.2.3"], "203.0.113.9"),
        (&["127.0.0.1"], &["::ffff:203.0.113.9"], "203.0.113.9"),
        (&["127.0.0.1"], &["203.0.113.9, nonsense"], "127.0.0.1"),
        (&["127.0.0.1"], &["203.0.113.9:80"], "127.0.0.1"),
        (&["10.0.0.0/8"], &["203.0.113.9"], "127.0.0.1"),
    ];
    for (believed, said, expected) in cases {
        let mut parts = parts(stage.people.clone(), Arc::new(stage.db.clone()), stage.api.door.clone().expect("a door"));
        parts.settings.proxies = believed.iter().map(|it| it.parse().expect("a network")).collect();
        let api = TestApi::over(parts, &catalog);
        let call = said.iter().fold(api.get("/test/whom"), |call, it| call.header("x-forwarded-for", it));
        assert_eq!(call.send().await.is(200)["address"], *expected, "{believed:?} {said:?}");
    }
    fedatario_testkit::covers!("api: only proxies of ours say for whom they speak");
}

#[tokio::test]
async fn an_operation_on_its_way_out_says_so() {
    let answer = || async { Ok::<_, fedatario_api::ApiError>(fedatario_api::answer::Nothing) };
    let get = |path, id| fedatario_api::Operation::get(path, id, "For tests").anyone();
    let day = jiff::civil::date;
    let routes = fedatario_api::Routes::of("test")
        .add(get("/test/old", "test.old").deprecated(day(2026, 1, 31), Some(day(2027, 1, 31))), answer)
        .add(get("/test/older", "test.older").deprecated(day(2026, 1, 31), None), answer)
        .add(get("/test/new", "test.new"), answer);
    let catalog = fedatario_api::routing::Catalog::new(vec![routes]);
    let stage = crate::support::Stage::of(&catalog).await;
    let cases = [
        ("/test/old", "@1769817600", "Sun, 31 Jan 2027 00:00:00 GMT"),
        ("/test/older", "@1769817600", ""),
        ("/test/new", "", ""),
        ("/test/old?odd=1", "@1769817600", "Sun, 31 Jan 2027 00:00:00 GMT"),
    ];
    for (path, deprecation, sunset) in cases {
        let told = stage.api.get(path).send().await;
        assert_eq!((told.header("deprecation"), told.header("sunset")), (deprecation, sunset), "{path}");
    }
    let document = fedatario_api::openapi::document(&catalog);
    assert_eq!(document["paths"]["/test/old"]["get"]["deprecated"], true);
    assert!(document["paths"]["/test/new"]["get"].get("deprecated").is_none());
    fedatario_testkit::covers!("api: an operation on its way out says so in every answer and in the document");
}
