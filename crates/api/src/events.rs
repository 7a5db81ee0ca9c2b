//! Server-sent events: progress as it happens, for as long as the caller would still be let in.
//!
//! A stream is resumable: each event has an id, and a reader that comes back says the last one it saw
//! ([`LastEvent`](crate::extract::LastEvent)). Every second the door is asked again; whoever lost their
//! rights is told `event: end` and nothing after it. A comment every few seconds keeps proxies from
//! closing a quiet line. A stream ends after an hour, and the reader resumes.

use crate::answer::Answer;
use crate::api::Api;
use crate::call::Call;
use crate::describe::Description;
use crate::problem::ApiError;
use axum::body::Body;
use axum::http::HeaderValue;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::Response;
use bytes::Bytes;
use fedatario_app::identity::door::Principal;
use futures_util::stream::{self, BoxStream, StreamExt};
use serde::Serialize;
use serde_json::json;
use std::convert::Infallible;
use std::fmt::Write;
use std::time::Duration;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval};

/// How often the door is asked whether the caller would still be let in.
pub const RECHECK: Duration = Duration::from_secs(1);
/// How often a quiet stream says that it lives.
pub const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// How long one stream lives; its reader resumes where it was.
pub const LIFETIME: Duration = Duration::from_secs(3_600);
/// What a reader that was cut off waits before it comes back, in milliseconds.
pub const COME_BACK_MS: u32 = 1_000;

/// One event.
#[derive(Debug, Clone)]
pub struct Event {
    /// Where a reader resumes: whatever the handler understands in `Last-Event-ID`.
    pub id: Option<String>,
    /// What kind it is.
    pub name: &'static str,
    /// What it says, as JSON in one line.
    pub data: serde_json::Value,
}

impl Event {
    /// An event with its place in the stream.
    pub fn new(id: impl std::fmt::Display, name: &'static str, data: &impl Serialize) -> Self {
        Self { id: Some(id.to_string()), name, data: serde_json::to_value(data).unwrap_or_default() }
    }

    fn text(&self) -> Bytes {
        let mut text = String::new();
        if let Some(id) = self.id.as_ref().filter(|it| !it.contains(['\n', '\r', '\0'])) {
            let _ = writeln!(text, "id: {id}"); // Writing to a string never fails.
        }
        // JSON escapes every line end, so data is always one line.
        let _ = write!(text, "event: {}\ndata: {}\n\n", self.name, self.data);
        Bytes::from(text)
    }
}

/// A stream of events as an answer.
pub struct Events(pub BoxStream<'static, Event>);

impl Events {
    /// The events of a stream.
    pub fn of(events: impl futures_util::Stream<Item = Event> + Send + 'static) -> Self {
        Self(events.boxed())
    }
}

impl Answer for Events {
    fn describe(description: &mut Description) {
        let schema = json!({ "type": "string", "description": "Server-sent events; `data` is JSON." });
        description.answers(200, "Events, as they happen.", Some(("text/event-stream", schema)));
    }

    fn answer(self, call: &Call) -> Result<Response, ApiError> {
        let watch = Watch { api: call.api.clone(), principal: call.principal.clone() };
        let mut response = Response::new(Body::from_stream(frames(self.0, watch)));
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store, no-transform"));
        headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
        Ok(response)
    }
}

/// Who reads, and what says whether they still may.
struct Watch {
    api: Api,
    principal: Option<Principal>,
}

struct Stream {
    events: BoxStream<'static, Event>,
    watch: Watch,
    recheck: Interval,
    quiet_until: Instant,
    ends: Instant,
    over: bool,
}

/// What is written, frame by frame.
fn frames(events: BoxStream<'static, Event>, watch: Watch) -> impl futures_util::Stream<Item = Result<Bytes, Infallible>> + Send {
    let now = Instant::now();
    let mut recheck = interval(RECHECK);
    recheck.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let state = Stream { events, watch, recheck, quiet_until: now + KEEP_ALIVE, ends: now + LIFETIME, over: false };
    let greeting = stream::once(async { Ok(Bytes::from(format!("retry: {COME_BACK_MS}\n\n"))) });
    greeting.chain(stream::unfold(state, |mut state| async move { Some((Ok(state.next().await?), state)) }))
}

impl Stream {
    async fn next(&mut self) -> Option<Bytes> {
        while !self.over {
            tokio::select! {
                biased;
                _ = self.recheck.tick() => {
                    if let Some(frame) = self.look().await {
                        return Some(frame);
                    }
                }
                event = self.events.next() => {
                    self.quiet_until = Instant::now() + KEEP_ALIVE;
                    return event.map(|it| it.text());
                }
            }
        }
        None
    }

    /// Each second: is the caller still in, is the stream too old, was it quiet for too long?
    async fn look(&mut self) -> Option<Bytes> {
        let now = Instant::now();
        let still_in = match &self.watch.principal {
            Some(principal) => self.watch.api.door.still_in(principal).await,
            None => true,
        };
        if !still_in || now >= self.ends || self.watch.api.is_leaving() {
            self.over = true;
            let why = if still_in { "resume" } else { "refused" };
            return Some(Event { id: None, name: "end", data: json!({ "why": why }) }.text());
        }
        if now < self.quiet_until {
            return None;
        }
        self.quiet_until = now + KEEP_ALIVE;
        Some(Bytes::from_static(b": still here\n\n"))
    }
}
