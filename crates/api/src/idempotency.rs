//! `Idempotency-Key`: the same call again is answered with the same answer, and nothing is done twice.
//!
//! A key belongs to a tenant, a principal, a method and a path. What was sent is fingerprinted by its
//! meaning: JSON by its canonical form, forms by their fields and the digests of their files (a boundary
//! does not matter), other bytes as they are, the query in an order of its own. A
//! call with a key goes on when its caller hangs up, so that its answer is there when they come back.
//! Kept are answers of success, and failures that may have done something; a plain refusal gives the
//! key back. Answers that carry a secret are never kept: who repeats such a call is told
//! `already_created` and where it is.

use crate::call::{Call, Content};
use crate::operation::Idempotency;
use crate::problem::{ApiError, Outcome};
use crate::routing::Serve;
use aws_lc_rs::digest::{Context, SHA256};
use axum::body::Body;
use axum::extract::{FromRequest, Multipart, Request};
use axum::http::header::{CONTENT_TYPE, ETAG, LINK, LOCATION};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::Response;
use bytes::Bytes;
use fedatario_app::audit_trail::{canonical, sha256};
use fedatario_app::called;
use fedatario_app::replay::{ANSWER_BYTES, Answered, Claim, Named};
use fedatario_base::{Code, Scope};
use http_body_util::BodyExt;
use hyper::body::Body as _;
use std::time::Duration;

/// The longest key, in bytes: a UUID and room for a name.
pub const KEY_BYTES: usize = 128;

/// The header.
pub const KEY: &str = "idempotency-key";

/// Says of an answer that it was given before.
const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

/// When the first call is still under way, the second may come back after this.
const COME_BACK: Duration = Duration::from_secs(1);

/// Headers that belong to an answer; the edge makes the others anew.
const KEPT_HEADERS: [HeaderName; 5] =
    [CONTENT_TYPE, LOCATION, ETAG, LINK, HeaderName::from_static(crate::routes::sign::REPR_DIGEST)];

/// Runs the handler, once for each key.
pub async fn once(call: Call, serve: &Serve) -> Result<Response, ApiError> {
    let Some(key) = key_of(&call)? else { return serve(call).await };
    let scope = call.principal()?.scope.clone();
    let named = Named {
        principal: scope.actor().to_string(),
        method: call.parts.method.to_string(),
        path: call.parts.uri.path().to_owned(),
        key,
    };
    let form = match form_of(&call) {
        Some((media, bytes)) => fields(&media, bytes).await,
        None => None,
    };
    let fingerprint = fingerprint(&call, form)?;
    match call.api.replays.claim(&scope, &named, &fingerprint, call.api.app.clock.wall()).await? {
        Claim::Ours => done_by_itself(call, serve.clone(), scope, named).await,
        Claim::UnderWay => Err(ApiError::new(Code::IdempotencyInFlight).retry_after(COME_BACK)),
        Claim::Interrupted => Err(ApiError::new(Code::IdempotencyInterrupted).outcome(Outcome::Uncertain)),
        Claim::Reused => Err(ApiError::new(Code::IdempotencyReused)),
        Claim::Answered(answered) => replay(answered),
    }
}

/// The key, where the operation heeds one.
fn key_of(call: &Call) -> Result<Option<String>, ApiError> {
    let wanted = call.operation.idempotency;
    if wanted == Idempotency::Ignored {
        return Ok(None);
    }
    let bad = || ApiError::new(Code::IdempotencyKey);
    let Some(value) = call.parts.headers.get(KEY) else {
        return if wanted == Idempotency::Required { Err(bad()) } else { Ok(None) };
    };
    let text = value.to_str().map_err(|_| bad())?;
    let fits = (1..=KEY_BYTES).contains(&text.len()) && text.bytes().all(|it| it.is_ascii_graphic());
    if fits { Ok(Some(text.to_owned())) } else { Err(bad()) }
}

/// What was sent, by its meaning.
fn fingerprint(call: &Call, form: Option<Vec<u8>>) -> Result<[u8; 32], ApiError> {
    let mut query = call.query();
    query.sort();
    let body = match &call.content {
        Content::Whole(bytes) => form.unwrap_or_else(|| meaning(call, bytes)),
        Content::Nothing => Vec::new(),
        // A stream is not held, so it cannot be compared: no operation that reads one heeds a key
        // (see `routing::Catalog::faults`); it is idempotent by what it brings.
        Content::Stream(_) => Vec::new(),
    };
    let mut context = Context::new(&SHA256);
    for part in query.iter().flat_map(|(name, value)| [name.as_bytes(), value.as_bytes()]).chain([body.as_slice()]) {
        context.update(&(part.len() as u64).to_be_bytes());
        context.update(part);
    }
    context.finish().as_ref().try_into().map_err(|_| ApiError::new(Code::Internal))
}

/// The media type and the bytes of a form, where the operation reads one.
fn form_of(call: &Call) -> Option<(String, Bytes)> {
    call.description.body.as_ref().filter(|it| it.media == "multipart/form-data")?;
    match &call.content {
        Content::Whole(bytes) => Some((call.header(CONTENT_TYPE.as_str())?.to_owned(), bytes.clone())),
        Content::Nothing | Content::Stream(_) => None,
    }
}

/// The fields of a form in order, each by its name and the digest of what it holds; none if it is a
/// broken one, which whoever reads it refuses.
async fn fields(media: &str, bytes: Bytes) -> Option<Vec<u8>> {
    let request = Request::builder().header(CONTENT_TYPE, media);
    let mut form = Multipart::from_request(request.body(Body::from(bytes)).ok()?, &()).await.ok()?;
    let mut all = Vec::new();
    while let Some(field) = form.next_field().await.ok()? {
        let name = field.name().unwrap_or_default().to_owned();
        all.push((name, sha256(&field.bytes().await.ok()?)));
    }
    all.sort();
    let told = |(name, digest): &(String, [u8; 32])| [&(name.len() as u64).to_be_bytes()[..], name.as_bytes(), digest].concat();
    Some(all.iter().flat_map(told).collect())
}

/// JSON whose members are in order; what is no JSON is refused by whoever reads it, and is itself here.
fn meaning(call: &Call, bytes: &[u8]) -> Vec<u8> {
    let is_json = call.description.body.as_ref().is_some_and(|it| it.media == "application/json");
    let parsed = is_json.then(|| serde_json::from_slice::<serde_json::Value>(bytes).ok()).flatten();
    parsed.and_then(|it| canonical(&it).ok()).unwrap_or_else(|| bytes.to_vec())
}

/// Runs in a task of its own: whoever hangs up does not undo what was begun.
async fn done_by_itself(call: Call, serve: Serve, scope: Scope, named: Named) -> Result<Response, ApiError> {
    let (api, secret) = (call.api.clone(), call.operation.answers_secret);
    let task = tokio::spawn(called::carried(called::now(), async move {
        let (kept, answer) = match serve(call).await {
            Ok(response) => hold(response, secret).await?,
            Err(error) if error.what_became() == Outcome::None => {
                api.replays.give_back(&scope, &named).await?;
                return Err(error);
            }
            // It may have been done: the claim stays, and says so to whoever repeats it.
            Err(error) => return Err(error),
        };
        api.replays.keep(&scope, &named, &kept).await?;
        Ok(answer)
    }));
    task.await.map_err(|error| ApiError::new(Code::Internal).because(error).outcome(Outcome::Uncertain))?
}

/// An answer in two copies: one to keep, one to give.
async fn hold(response: Response, secret: bool) -> Result<(Answered, Response), ApiError> {
    let (parts, body) = response.into_parts();
    let text = |name: &HeaderName| Some((name.to_string(), parts.headers.get(name)?.to_str().ok()?.to_owned()));
    let headers = KEPT_HEADERS.iter().filter_map(text).collect();
    let mut kept = Answered { status: parts.status.as_u16(), headers, body: None };
    // What has no end in sight is not held, and a secret is not kept.
    if secret || body.size_hint().exact().is_none_or(|it| it > ANSWER_BYTES as u64) {
        return Ok((kept, Response::from_parts(parts, body)));
    }
    let bytes = body.collect().await.map_err(|error| ApiError::new(Code::Internal).because(error))?.to_bytes();
    kept.body = Some(bytes.to_vec());
    Ok((kept, Response::from_parts(parts, Body::from(bytes))))
}

/// The first answer again, or where what it made is.
fn replay(answered: Answered) -> Result<Response, ApiError> {
    let Some(body) = answered.body else {
        let location = answered.headers.iter().find(|it| it.0 == LOCATION.as_str()).map(|it| it.1.clone());
        let id = location.as_deref().and_then(|it| it.rsplit('/').next()).unwrap_or_default().to_owned();
        return Err(ApiError::new(Code::AlreadyCreated).outcome(Outcome::Done).member("id", id).member("location", location));
    };
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = StatusCode::from_u16(answered.status).unwrap_or(StatusCode::OK);
    for (name, value) in answered.headers {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            response.headers_mut().insert(name, value);
        }
    }
    response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
    Ok(response)
}
