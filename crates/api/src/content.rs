//! Bodies, within their bound and their time.

use crate::call::Content;
use crate::problem::ApiError;
use crate::routing::Entry;
use axum::body::Body;
use fedatario_base::Code;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::Body as _;
use std::error::Error;
use std::time::Duration;
use tower_http::timeout::TimeoutBody;

/// How long a whole small body may take to arrive: a slow line, not a slow attacker.
pub const BODY_WITHIN: Duration = Duration::from_secs(15);

/// How long a stream may be silent.
pub const STREAM_IDLE: Duration = Duration::from_secs(30);

/// Reads the body as the operation wants it.
pub async fn read(entry: &Entry, media: Option<String>, body: Body) -> Result<Content, ApiError> {
    let Some(wanted) = &entry.description.body else { return Ok(Content::Nothing) };
    let at_most = entry.operation.body_bytes;
    // What says itself that it is too large is not read at all.
    if body.size_hint().lower() > at_most as u64 {
        return Err(too_large(at_most));
    }
    let is_absent = !wanted.required && media.is_none();
    if wanted.media == "application/json" && !is_absent && !is_json(media.as_deref()) {
        return Err(ApiError::new(Code::MediaType).member("accepts", wanted.media));
    }
    let limited = Limited::new(body, at_most);
    if wanted.streams {
        return Ok(Content::Stream(Body::new(TimeoutBody::new(STREAM_IDLE, limited))));
    }
    let collected = tokio::time::timeout(BODY_WITHIN, limited.collect()).await;
    let collected = collected.map_err(|_| ApiError::new(Code::BodySlow))?;
    collected.map(|it| Content::Whole(it.to_bytes())).map_err(|error| broken(error.as_ref(), at_most))
}

fn broken(error: &(dyn Error + 'static), at_most: usize) -> ApiError {
    if error.is::<LengthLimitError>() { too_large(at_most) } else { ApiError::new(Code::BodyBroken).because(error) }
}

fn too_large(at_most: usize) -> ApiError {
    ApiError::new(Code::BodyTooLarge).member("at_most_bytes", at_most)
}

/// JSON is UTF-8 by definition; another charset is another type.
fn is_json(value: Option<&str>) -> bool {
    let mut parts = value.unwrap_or_default().split(';').map(|it| it.trim().to_ascii_lowercase());
    parts.next().is_some_and(|it| it == "application/json")
        && parts.all(|it| matches!(it.as_str(), "" | "charset=utf-8" | "charset=\"utf-8\""))
}
