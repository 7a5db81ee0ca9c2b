//! Bodies and pages.

use crate::support::Stage;
use axum::body::Body as RawBody;
use bytes::Bytes;
use fedatario_api::answer::{Json, Nothing, Paged, Tagged};
use fedatario_api::extract::{At, Body, Caller, IfMatch, Page, Query};
use fedatario_api::operation::Operation;
use fedatario_api::problem::{ApiError, Findings};
use fedatario_api::routing::{Catalog, Routes};
use fedatario_api::testing::person;
use fedatario_base::Code;
use fedatario_base::id::JobId;
use futures_util::stream;
use serde::{Deserialize, Serialize};
use std::convert::Infallible;
use utoipa::{IntoParams, ToSchema};

#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Form {
    name: String,
    parts: Vec<Part>,
}

#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Part {
    size: u8,
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct Filter {
    /// Only even ones.
    even: Option<bool>,
}

fn catalog() -> Catalog {
    let op = |it: fedatario_api::operation::Unguarded| it.signed_in();
    Catalog::new(vec![
        Routes::of("test")
            .add(op(Operation::post("/test/forms", "test.form", "Takes")).body_at_most(200), form)
            .add(op(Operation::get("/test/numbers", "test.numbers", "Lists")), numbers)
            .add(op(Operation::get("/test/others", "test.others", "Lists")), numbers)
            .add(op(Operation::get("/test/jobs/{job}", "test.job", "Reads")), job)
            .add(op(Operation::put("/test/jobs/{job}", "test.change", "Changes")), change)
            .add(op(Operation::post("/test/panic", "test.panic", "Falls")), fall),
    ])
}

async fn form(_: Caller, Body(form): Body<Form>) -> Result<Json<Form>, ApiError> {
    let mut findings = Findings::default();
    findings.check(!form.name.is_empty(), "/name", Code::FieldInvalid);
    for (n, part) in form.parts.iter().enumerate() {
        findings.check(part.size > 0, &format!("/parts/{n}/size"), Code::FieldInvalid);
    }
    findings.done()?;
    Ok(Json(form))
}

async fn numbers(_: Caller, Query(filter): Query<Filter>, page: Page) -> Result<Paged<u32>, ApiError> {
    let step = if filter.even.unwrap_or(false) { 2 } else { 1 };
    let from = page.after::<u32>()?.map_or(0, |it| it + step);
    let rows = (from..10).step_by(step as usize).take(page.limit as usize + 1).collect();
    Ok(Paged::new(&page, rows, u32::to_string))
}

async fn job(_: Caller, At(_): At<JobId>) -> Result<Tagged<u32>, ApiError> {
    Ok(Tagged::new(7, 42))
}

async fn change(_: Caller, At(_): At<JobId>, seen: IfMatch) -> Result<Nothing, ApiError> {
    seen.allows(7)?;
    Ok(Nothing)
}

async fn fall(_: Caller) -> Result<Nothing, ApiError> {
    panic!("on purpose: a bug in a handler")
}

async fn stage() -> Stage {
    let stage = Stage::of(&catalog()).await;
    stage.api.knows("us", person(stage.ours, &[]));
    stage.api.knows("them", person(stage.theirs, &[]));
    stage
}

#[tokio::test]
async fn bodies_are_read_strictly() {
    let stage = stage().await;
    let send = |media: &'static str, text: &str| stage.api.post("/test/forms").bearer("us").body(media, text.to_owned()).send();
    send("application/json", r#"{"name":"a","parts":[]}"#).await.is(200);
    send("application/json; charset=utf-8", r#"{"name":"a","parts":[]}"#).await.is(200);
    let cases = [
        ("application/json", "", 400, "json_malformed", None),
        ("application/json", "{", 400, "json_malformed", None),
        ("application/json", r#"{"name":"a","parts":[]} x"#, 400, "json_malformed", None),
        ("application/json", "\u{0}", 400, "json_malformed", None),
        ("application/json", r#"{"name":"a"}"#, 422, "field_missing", Some("/parts")),
        ("application/json", r#"{"name":1,"parts":[]}"#, 422, "field_invalid", Some("/name")),
        ("application/json", r#"{"name":"a","name":"b","parts":[]}"#, 422, "field_invalid", Some("")),
        ("application/json", r#"{"name":"a","parts":[{"size":256}]}"#, 422, "field_invalid", Some("/parts/0/size")),
        ("application/json", r#"{"name":"a","parts":[{"size":1,"x":1}]}"#, 422, "field_unknown", Some("/parts/0/x")),
        ("application/json", r#"{"name":"a","parts":[],"role":"admin"}"#, 422, "field_unknown", Some("/role")),
        ("application/json", r#"{"name":"","parts":[{"size":1},{"size":0}]}"#, 422, "field_invalid", Some("/name")),
        ("application/json; charset=latin1", "{}", 415, "media_type", None),
        ("text/plain", "{}", 415, "media_type", None),
        ("application/x-www-form-urlencoded", "name=a", 415, "media_type", None),
    ];
    for (media, text, status, code, pointer) in cases {
        let problem = send(media, text).await.is(status);
        assert_eq!((problem["code"].as_str(), problem["errors"][0]["pointer"].as_str()), (Some(code), pointer), "{text}");
    }
    let both = send("application/json", r#"{"name":"","parts":[{"size":1},{"size":0}]}"#).await.is(422);
    assert_eq!(both["errors"][1]["pointer"], "/parts/1/size", "every finding in one answer");
    fedatario_testkit::covers!("api: bodies are read strictly, and each finding says where");
}

#[tokio::test]
async fn bodies_are_bounded_whether_or_not_they_say_so() {
    let stage = stage().await;
    let text = format!(r#"{{"name":"{}","parts":[]}}"#, "a".repeat(200));
    let told = stage.api.post("/test/forms").bearer("us").body("application/json", text.clone()).send().await;
    let pieces = text.into_bytes().chunks(50).map(|it| Ok::<_, Infallible>(Bytes::copy_from_slice(it))).collect::<Vec<_>>();
    let untold = stage
        .api
        .post("/test/forms")
        .bearer("us")
        .body("application/json", RawBody::from_stream(stream::iter(pieces)))
        .send()
        .await;
    for answer in [told, untold] {
        let problem = answer.is(413);
        assert_eq!((problem["code"].as_str(), problem["at_most_bytes"].as_u64()), (Some("body_too_large"), Some(200)));
    }
    tokio::time::pause(); // Only now: the database takes the time that it takes.
    let silent = RawBody::from_stream(stream::pending::<Result<Bytes, Infallible>>());
    let slow = stage.api.post("/test/forms").bearer("us").body("application/json", silent).send().await;
    assert_eq!(slow.is(408)["code"], "body_slow");
    fedatario_testkit::covers!("api: bodies are bounded in size and time");
}

#[tokio::test]
async fn pages_are_walked_by_cursors_that_belong_to_their_list() {
    let stage = stage().await;
    let get = |who: &str, target: &str| stage.api.get(target).bearer(who).send();
    let (mut seen, mut target) = (Vec::new(), "/test/numbers?limit=4".to_owned());
    loop {
        let answer = get("us", &target).await;
        let page = answer.is(200);
        seen.extend(page["data"].as_array().expect("rows").iter().filter_map(|it| it.as_u64()));
        let Some(link) = answer.header("link").strip_prefix('<') else { break };
        target = link.split_once('>').expect("a link").0.to_owned();
        assert!(target.contains(page["next"].as_str().expect("a cursor")));
    }
    assert_eq!(seen, (0..10).collect::<Vec<u64>>());
    let cursor = get("us", "/test/numbers?limit=4").await.is(200)["next"].as_str().expect("a cursor").to_owned();
    let refused = [
        ("them", format!("/test/numbers?cursor={cursor}")),
        ("us", format!("/test/others?cursor={cursor}")),
        ("us", format!("/test/numbers?even=true&cursor={cursor}")),
        ("us", "/test/numbers?cursor=AAAA".to_owned()),
    ];
    for (who, target) in refused {
        assert_eq!(get(who, &target).await.is(400)["code"], "cursor_invalid", "{target}");
    }
    for limit in ["0", "501", "-1", "x", ""] {
        assert_eq!(get("us", &format!("/test/numbers?limit={limit}")).await.is(422)["errors"][0]["pointer"], "?limit");
    }
    assert_eq!(get("us", "/test/numbers?even=perhaps").await.is(400)["code"], "query_invalid");
    assert_eq!(get("us", "/test/numbers?even=true&even=false").await.is(400)["code"], "query_invalid");
    fedatario_testkit::covers!("api: cursors are signed and bound to tenant, list and filters");
}

#[tokio::test]
async fn a_change_names_the_revision_that_it_saw() {
    let stage = stage().await;
    let target = "/test/jobs/job_01h455vb4pex5vsknk084sn02q";
    let read = stage.api.get(target).bearer("us").send().await;
    assert_eq!((read.is(200), read.header("etag")), (42.into(), "\"7\""));
    let seen = stage.api.get(target).bearer("us").header("if-none-match", "\"7\"").send().await;
    assert_eq!((seen.status.as_u16(), seen.bytes.len()), (304, 0));
    let put = |tag: &str| stage.api.call(axum::http::Method::PUT, target).bearer("us").header("if-match", tag).send();
    put("\"7\"").await.is(204);
    put("*").await.is(204);
    assert_eq!(put("\"6\"").await.is(412)["code"], "precondition_failed");
    let blind = stage.api.call(axum::http::Method::PUT, target).bearer("us").send().await;
    assert_eq!(blind.is(428)["code"], "precondition_required");
    for odd in ["/test/jobs/7", "/test/jobs/usr_01h455vb4pex5vsknk084sn02q", "/test/jobs/%2e%2e"] {
        assert_eq!(stage.api.get(odd).bearer("us").send().await.is(400)["code"], "id_format", "{odd}");
    }
    fedatario_testkit::covers!("api: ETag and If-Match guard changes");
}

#[tokio::test]
async fn a_bug_in_one_request_ends_that_request_alone() {
    let stage = stage().await;
    let fallen = stage.api.post("/test/panic").bearer("us").send().await;
    assert_eq!(fallen.is(500)["code"], "internal");
    assert!(fallen.header("x-request-id").starts_with("req_") && !String::from_utf8_lossy(&fallen.bytes).contains("purpose"));
    let keyed = stage.api.post("/test/panic").bearer("us").header("idempotency-key", "k").send().await;
    assert_eq!(keyed.is(500)["outcome"], "uncertain");
    stage.api.get("/test/numbers").bearer("us").send().await.is(200);
    fedatario_testkit::covers!("api: a panic ends its own request with a generic answer");
}
