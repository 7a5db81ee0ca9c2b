//! What surrounds every operation: names of requests and traces, languages, origins, bounds of
//! headers, the headers of every answer, one line of log, and the last resort when something panics.

use crate::api::Api;
use crate::call::Asked;
use crate::pipeline::Served;
use crate::problem::ApiError;
use crate::settings::Network;
use axum::Router;
use axum::extract::{Request, State};
use axum::http::header::{ALLOW, CACHE_CONTROL, CONNECTION, TRANSFER_ENCODING, VARY};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use fedatario_app::identity::door::Origin;
use fedatario_base::Code;
use fedatario_base::id::RequestId;
use fedatario_base::text::Language;
use futures_util::FutureExt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::panic::AssertUnwindSafe;
use std::time::{Duration, Instant};
use tower_http::cors::CorsLayer;

/// The longest user agent that is kept, in characters.
pub const USER_AGENT_CHARS: usize = 256;
/// The longest path with its query, in bytes: a cursor and a few filters.
pub const TARGET_BYTES: usize = 8 * 1024;
/// Bytes of all headers together: a token of 4 KiB and room for what proxies add.
pub const HEADERS_BYTES: usize = 16 * 1024;
/// The longest `X-Trace-ID` that is taken over, in bytes.
pub const TRACE_BYTES: usize = 64;
/// Proxies that are looked through at most.
pub const HOPS_AT_MOST: usize = 8;
/// The version of the API that answers, by date.
pub const VERSION: &str = "2026-11-21";

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const TRACE_ID: HeaderName = HeaderName::from_static("x-trace-id");
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const VERSION_HEADER: HeaderName = HeaderName::from_static("fedatario-version");

/// On every answer: what an API must say to browsers that come across it (security W1).
const ALWAYS: &[(&str, &str)] = &[
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "DENY"),
    ("referrer-policy", "no-referrer"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
    ("permissions-policy", "camera=(), geolocation=(), microphone=()"),
    ("strict-transport-security", "max-age=31536000; includeSubDomains"),
];

/// The policy of whatever is not a page: nothing may be loaded, nothing may frame it.
const POLICY: &str = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; sandbox";

/// Headers that pages of other sites may send.
const ASKED_HEADERS: &[&str] = &[
    "accept-language",
    "authorization",
    "content-type",
    "idempotency-key",
    "if-match",
    "if-none-match",
    "last-event-id",
    "traceparent",
    "x-tenant-id",
    "x-trace-id",
];

/// Headers that pages of other sites may read.
const TOLD_HEADERS: &[&str] = &[
    "etag",
    "fedatario-version",
    "idempotency-replayed",
    "link",
    "location",
    "ratelimit",
    "ratelimit-policy",
    "retry-after",
    "traceparent",
    "x-request-id",
    "x-trace-id",
];

/// How long a browser remembers what it may.
const CORS_AGE: Duration = Duration::from_secs(600);

/// The address of whoever holds the other end of the connection, set by the server.
#[derive(Debug, Clone, Copy)]
pub struct Peer(pub SocketAddr);

/// Puts the edge around a router.
pub fn surround(router: Router, api: Api) -> Router {
    let router = router.fallback(nowhere).method_not_allowed_fallback(not_so);
    let router = match cors(&api.settings.origins) {
        Some(layer) => router.layer(layer),
        None => router,
    };
    router.layer(from_fn_with_state(api, around))
}

/// Pages of these sites may call, with a credential of their own in the header and never with cookies.
fn cors(origins: &[String]) -> Option<CorsLayer> {
    let origins: Vec<HeaderValue> = origins.iter().filter_map(|it| HeaderValue::from_str(it).ok()).collect();
    let names = |all: &[&'static str]| all.iter().map(|it| HeaderName::from_static(it)).collect::<Vec<_>>();
    let layer = CorsLayer::new()
        .allow_methods([Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE])
        .allow_headers(names(ASKED_HEADERS))
        .expose_headers(names(TOLD_HEADERS))
        .max_age(CORS_AGE);
    (!origins.is_empty()).then(|| layer.allow_origin(origins))
}

async fn nowhere(request: Request) -> Response {
    refused(&request, Code::NotFound)
}

async fn not_so(request: Request) -> Response {
    refused(&request, Code::MethodNotAllowed)
}

fn refused(request: &Request, code: Code) -> Response {
    let asked = request.extensions().get::<Asked>();
    asked.map(|it| ApiError::new(code).render(it)).unwrap_or_default()
}

async fn around(State(api): State<Api>, mut request: Request, next: Next) -> Response {
    let began = Instant::now();
    let asked = asked(&api, &request);
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let trace = trace_of(request.headers(), &asked);
    let is_chunked = request.headers().contains_key(TRANSFER_ENCODING);
    request.extensions_mut().insert(asked.clone());
    let mut response = match bounded(request.method(), request.uri(), request.headers()) {
        Ok(()) => guarded(next.run(request), &asked).await,
        Err(error) => error.render(&asked),
    };
    finish(&mut response, &asked, trace);
    if is_chunked {
        // Where a proxy in front saw another end of this body, what follows is not a request of its own.
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    tell(&method, &path, &asked, &response, began);
    response
}

/// A panic ends its own request with a generic answer; the process goes on (security G2).
async fn guarded(run: impl Future<Output = Response>, asked: &Asked) -> Response {
    AssertUnwindSafe(run).catch_unwind().await.unwrap_or_else(|_| {
        tracing::error!(request_id = %asked.request, trace_id = %asked.trace, "a handler panicked");
        ApiError::new(Code::Internal).render(asked)
    })
}

fn bounded(method: &Method, uri: &Uri, headers: &HeaderMap) -> Result<(), ApiError> {
    let target = uri.path_and_query().map_or(0, |it| it.as_str().len());
    if target > TARGET_BYTES {
        return Err(ApiError::new(Code::TargetTooLong));
    }
    // What is allowed to override the method elsewhere overrides nothing here, and TRACE mirrors secrets.
    if *method == Method::TRACE || *method == Method::CONNECT {
        return Err(ApiError::new(Code::MethodNotAllowed).header(ALLOW, HeaderValue::from_static("GET, POST, PUT, PATCH, DELETE")));
    }
    let bytes: usize = headers.iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
    if bytes > HEADERS_BYTES {
        return Err(ApiError::new(Code::HeadersTooLarge));
    }
    let twice = |name: &str| headers.get_all(name).iter().nth(1).is_some();
    if ["content-type", "idempotency-key", "if-match", crate::pipeline::TENANT_HEADER].into_iter().any(twice) {
        return Err(ApiError::new(Code::HeaderInvalid));
    }
    Ok(())
}

fn asked(api: &Api, request: &Request) -> Asked {
    let headers = request.headers();
    let id = RequestId::fresh(api.app.clock.wall());
    Asked {
        request: id,
        trace: trace_id(headers).unwrap_or_else(|| format!("{:032x}", id.0.as_u128())),
        language: language(headers),
        origin: Origin { address: address(request, &api.settings.proxies), user_agent: user_agent(headers) },
    }
}

/// The caller's language: the first of ours in the order of its wishes, else Spanish.
fn language(headers: &HeaderMap) -> Language {
    let text = headers.get("accept-language").and_then(|it| it.to_str().ok()).unwrap_or_default();
    let mut wishes: Vec<(f32, Language)> = text.split(',').take(HOPS_AT_MOST).filter_map(wish).collect();
    wishes.sort_by(|a, b| b.0.total_cmp(&a.0));
    wishes.first().map_or(Language::Es, |it| it.1)
}

fn wish(item: &str) -> Option<(f32, Language)> {
    let (tag, weight) = item.split_once(';').unwrap_or((item, ""));
    let weight = weight.trim().strip_prefix("q=").map_or(Some(1.0), |it| it.parse().ok())?;
    let primary = tag.trim().split('-').next().unwrap_or_default().to_ascii_lowercase();
    let language = match primary.as_str() {
        "es" | "*" => Language::Es,
        "en" => Language::En,
        _ => return None,
    };
    (weight > 0.0).then_some((weight, language))
}

/// Who asks: the peer, or whom a proxy of ours speaks for. Only the entries that our own proxies
/// added are believed (security W3).
fn address(request: &Request, proxies: &[Network]) -> IpAddr {
    let peer = request.extensions().get::<Peer>().map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |it| it.0.ip());
    let ours = |it: IpAddr| proxies.iter().any(|network| network.holds(it));
    if !ours(peer) {
        return peer;
    }
    let lines = request.headers().get_all(FORWARDED_FOR).iter().rev().filter_map(|it| it.to_str().ok());
    let hops = lines.flat_map(|it| it.rsplit(',')).take(HOPS_AT_MOST).map_while(|it| it.trim().parse::<IpAddr>().ok());
    let mut nearest = peer;
    for hop in hops {
        nearest = hop;
        if !ours(hop) {
            break;
        }
    }
    nearest.to_canonical()
}

fn user_agent(headers: &HeaderMap) -> String {
    let text = headers.get("user-agent").and_then(|it| it.to_str().ok()).unwrap_or_default();
    text.chars().take(USER_AGENT_CHARS).collect()
}

/// The trace of the caller: that of `traceparent` (W3C), else `X-Trace-ID` as it is, if it is harmless.
fn trace_id(headers: &HeaderMap) -> Option<String> {
    let parent = headers.get(TRACEPARENT).and_then(|it| it.to_str().ok()).and_then(parent_trace);
    let named = headers.get(TRACE_ID).and_then(|it| it.to_str().ok());
    let harmless = |it: &&str| {
        (1..=TRACE_BYTES).contains(&it.len()) && it.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
    };
    parent.or(named.filter(harmless)).map(str::to_owned)
}

fn parent_trace(text: &str) -> Option<&str> {
    let hex = |it: &str, len: usize| it.len() == len && it.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    let mut parts = text.split('-');
    let (version, trace, span, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let shaped = hex(version, 2) && version != "ff" && hex(trace, 32) && hex(span, 16) && hex(flags, 2);
    let zero = |it: &str| it.bytes().all(|b| b == b'0');
    (shaped && !zero(trace) && !zero(span)).then_some(trace)
}

/// What is answered as `traceparent`: the caller's trace, and this request as its span.
fn trace_of(headers: &HeaderMap, asked: &Asked) -> Option<String> {
    headers.get(TRACEPARENT).and_then(|it| it.to_str().ok()).and_then(parent_trace)?;
    Some(format!("00-{}-{:016x}-01", asked.trace, asked.request.0.as_u128() as u64))
}

fn finish(response: &mut Response, asked: &Asked, trace: Option<String>) {
    let headers = response.headers_mut();
    for (name, value) in ALWAYS {
        headers.entry(*name).or_insert(HeaderValue::from_static(value));
    }
    headers.entry("content-security-policy").or_insert(HeaderValue::from_static(POLICY));
    headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    headers.append(VARY, HeaderValue::from_static("accept-language, authorization"));
    headers.insert(VERSION_HEADER, HeaderValue::from_static(VERSION));
    let named = [(REQUEST_ID, Some(asked.request.to_string())), (TRACE_ID, Some(asked.trace.clone())), (TRACEPARENT, trace)];
    for (name, value) in named.into_iter().filter_map(|(name, value)| Some((name, HeaderValue::try_from(value?).ok()?))) {
        headers.insert(name, value);
    }
}

/// One line and one measure for each request; the path without its query, which may hold what people wrote.
fn tell(method: &Method, path: &str, asked: &Asked, response: &Response, began: Instant) {
    let served = response.extensions().get::<Served>();
    let operation = served.map_or("none", |it| it.operation);
    let tenant = served.and_then(|it| it.tenant).map(|it| it.to_string());
    let status = response.status();
    let elapsed = began.elapsed();
    crate::metrics::request(operation, status, elapsed);
    let (method, status, ms) = (method.as_str(), status.as_u16(), elapsed.as_secs_f64() * 1_000.0);
    let address = asked.origin.address;
    tracing::info!(request_id = %asked.request, trace_id = %asked.trace, tenant_id = tenant, operation, method, path, status, ms, %address, "request");
    if response.status() == StatusCode::UNAUTHORIZED {
        tracing::warn!(request_id = %asked.request, trace_id = %asked.trace, operation, %address, "nobody was let in");
    }
}
