//! Streams of events.

use crate::support::Stage;
use axum::http::HeaderMap;
use fedatario_api::events::{Event, Events};
use fedatario_api::extract::{Caller, LastEvent};
use fedatario_api::operation::Operation;
use fedatario_api::problem::ApiError;
use fedatario_api::routing::{Catalog, Routes};
use fedatario_api::testing::person;
use futures_util::StreamExt;
use futures_util::stream;
use http_body_util::BodyExt;

fn catalog() -> Catalog {
    let counts = Operation::get("/test/counts", "test.counts", "Counts").signed_in();
    let silent = Operation::get("/test/silence", "test.silence", "Says nothing").signed_in();
    Catalog::new(vec![Routes::of("test").add(counts, count).add(silent, silence)])
}

async fn count(_: Caller, LastEvent(last): LastEvent) -> Result<Events, ApiError> {
    let from: u32 = last.and_then(|it| it.parse().ok()).map_or(1, |it: u32| it + 1);
    Ok(Events::of(stream::iter((from..=3).map(|it| Event::new(it, "count", &it)))))
}

async fn silence(_: Caller) -> Result<Events, ApiError> {
    Ok(Events::of(stream::pending()))
}

#[tokio::test]
async fn a_stream_is_resumed_after_the_last_event_that_was_seen() {
    let stage = Stage::of(&catalog()).await;
    stage.api.knows("us", person(stage.ours, &[]));
    let all = stage.api.get("/test/counts").bearer("us").send().await;
    let headers: &HeaderMap = &all.headers;
    assert_eq!(headers["content-type"], "text/event-stream");
    let text = String::from_utf8_lossy(&all.bytes).into_owned();
    assert_eq!(
        text,
        "retry: 1000\n\nid: 1\nevent: count\ndata: 1\n\nid: 2\nevent: count\ndata: 2\n\nid: 3\nevent: count\ndata: 3\n\n"
    );
    let rest = stage.api.get("/test/counts").bearer("us").header("last-event-id", "2").send().await;
    assert_eq!(String::from_utf8_lossy(&rest.bytes), "retry: 1000\n\nid: 3\nevent: count\ndata: 3\n\n");
    fedatario_testkit::covers!("api: a stream of events is resumed after the last one that was seen");
}

#[tokio::test]
async fn a_stream_ends_when_its_reader_loses_the_right_to_it() {
    let stage = Stage::of(&catalog()).await;
    tokio::time::pause(); // Only now: a database takes the time that it takes.
    stage.api.knows("us", person(stage.ours, &[]));
    let mut body = stage.api.get("/test/silence").bearer("us").open().await.into_body().into_data_stream();
    assert_eq!(body.next().await.expect("a frame").expect("bytes"), "retry: 1000\n\n");
    assert_eq!(body.next().await.expect("a frame").expect("bytes"), ": still here\n\n");
    stage.api.door.as_ref().expect("the map").forgets("us");
    let last = body.next().await.expect("a frame").expect("bytes");
    assert_eq!(last, "event: end\ndata: {\"why\":\"refused\"}\n\n");
    assert!(body.next().await.is_none());
    fedatario_testkit::covers!("api: an open stream ends within a second of losing the right to it");
}

#[tokio::test]
async fn a_stream_lets_go_when_the_process_leaves() {
    let stage = Stage::of(&catalog()).await;
    tokio::time::pause(); // Only now: a database takes the time that it takes.
    stage.api.knows("us", person(stage.ours, &[]));
    let response = stage.api.get("/test/silence").bearer("us").open().await;
    stage.api.api.leave();
    let text = String::from_utf8_lossy(&response.into_body().collect().await.expect("an end").to_bytes()).into_owned();
    assert_eq!(text, "retry: 1000\n\nevent: end\ndata: {\"why\":\"resume\"}\n\n");
    fedatario_testkit::covers!("api: open streams tell their readers to resume when the process leaves");
}
