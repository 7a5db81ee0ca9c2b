//! Progress as it happens: a snapshot whenever it changed, until nothing more will.

use crate::events::{Event, Events};
use crate::extract::LastEvent;
use crate::problem::ApiError;
use fedatario_app::audit_trail::{hex, sha256};
use serde::Serialize;
use std::future::Future;
use std::time::Duration;
use tokio::time::{Interval, MissedTickBehavior, interval};

/// How often something is looked at for those who follow it.
const LOOK: Duration = Duration::from_millis(500);
/// Digits of the name of a snapshot.
const NAME_DIGITS: usize = 16;

/// What can be followed.
pub trait Snapshot: Serialize + Send {
    /// Whether nothing more happens by itself.
    fn is_over(&self) -> bool;
}

struct Following<F> {
    look: F,
    every: Interval,
    seen: Option<String>,
    over: bool,
}

/// The snapshots of something, each as `progress`, the last as `done`. A reader that comes back is not
/// told again what it saw last.
pub fn follow<T, F, Fut>(last: LastEvent, look: F) -> Events
where
    T: Snapshot,
    F: Fn() -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<T, ApiError>> + Send,
{
    let mut every = interval(LOOK);
    every.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let following = Following { look, every, seen: last.0, over: false };
    Events::of(futures_util::stream::unfold(following, |mut it| async move { Some((next(&mut it).await?, it)) }))
}

async fn next<T, F, Fut>(it: &mut Following<F>) -> Option<Event>
where
    T: Snapshot,
    F: Fn() -> Fut,
    Fut: Future<Output = Result<T, ApiError>>,
{
    while !it.over {
        it.every.tick().await;
        let now = match (it.look)().await {
            Ok(now) => now,
            Err(error) => {
                // A database that is away for a moment ends no stream; its reader would only come back.
                tracing::warn!(code = error.code().slug(), why = error.log(), "could not look at what somebody follows");
                continue;
            }
        };
        let text = serde_json::to_vec(&now).unwrap_or_default();
        let name = hex(&sha256(&text))[..NAME_DIGITS].to_owned();
        it.over = now.is_over();
        if !it.over && it.seen.as_ref() == Some(&name) {
            continue;
        }
        it.seen = Some(name.clone());
        return Some(Event::new(name, if it.over { "done" } else { "progress" }, &now));
    }
    None
}
