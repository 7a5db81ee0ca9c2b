//! The wire: paths, headers, gzip, and the many ways in which an answer does not arrive.
//!
//! Answers carry the headers of the captured ones. Everything that takes time or disk runs off the
//! async threads. A connection whose call is to vanish is closed without a byte, which only a server
//! that owns its connections can do.

use super::answer::Operation;
use super::control;
use super::corpus::Family;
use super::fault::Fault;
use super::pages::{self, Found, Page};
use super::sandbox::Sandbox;
use super::service::{Incoming, Reply, operation};
use super::tls::Tls;
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use futures_util::{StreamExt as _, stream};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full, Limited, StreamBody};
use hyper::body::{Frame, Incoming as RequestBody};
use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use std::convert::Infallible;
use std::io::Write as _;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::sync::watch::Receiver;

/// Largest request read, in bytes; real ones have some eight thousand.
const MAX_REQUEST_BYTES: usize = 1 << 20;
/// Connections served at once; more wait in the system's queue.
const MAX_CONNECTIONS: usize = 1_024;
/// Pause after the system refused a connection (too many open files), so as not to spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// Bytes of one piece of a chunked answer.
const CHUNK_BYTES: usize = 64 << 10;
/// Pieces of an answer that trickles, and the pause before each.
const SLOW_PIECES: usize = 20;
const SLOW_PAUSE: Duration = Duration::from_millis(100);

/// What an envelope is.
const ENVELOPE_TYPE: &str = "text/xml; charset=utf-8";

pub(super) type Body = UnsyncBoxBody<Bytes, std::io::Error>;

/// The connection is to end without an answer.
#[derive(Debug, thiserror::Error)]
#[error("dropped on purpose")]
struct Dropped;

/// Serves until the listener fails; dropping the future ends every connection.
pub async fn serve(listener: TcpListener, sandbox: Arc<Sandbox>) -> std::io::Result<()> {
    serve_with(listener, sandbox, None).await
}

/// A connection, plain or not.
pub(super) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

pub(super) async fn serve_with(listener: TcpListener, sandbox: Arc<Sandbox>, tls: Option<Arc<Tls>>) -> std::io::Result<()> {
    let permits = Arc::new(tokio::sync::Semaphore::new(MAX_CONNECTIONS));
    let mut connections = tokio::task::JoinSet::new();
    loop {
        let permit = permits.clone().acquire_owned().await.map_err(std::io::Error::other)?;
        while connections.try_join_next().is_some() {}
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::warn!(%error, "the sandbox could not accept a connection");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        if sandbox.books().armed.refuses_connection() {
            continue;
        }
        let (sandbox, tls) = (sandbox.clone(), tls.clone());
        connections.spawn(async move {
            let _ = stream.set_nodelay(true);
            let stream: Option<Box<dyn Stream>> = match tls {
                Some(tls) => tls.accept(stream).await,
                None => Some(Box::new(stream)),
            };
            if let Some(stream) = stream {
                connection(stream, sandbox).await;
            }
            drop(permit);
        });
    }
}

async fn connection(stream: Box<dyn Stream>, sandbox: Arc<Sandbox>) {
    let service = hyper::service::service_fn(move |request| handle(sandbox.clone(), request));
    let served =
        hyper::server::conn::http1::Builder::new().timer(TokioTimer::new()).serve_connection(TokioIo::new(stream), service);
    if let Err(error) = served.await {
        tracing::debug!(%error, "a connection of the sandbox ended early");
    }
}

async fn handle(sandbox: Arc<Sandbox>, request: Request<RequestBody>) -> Result<Response<Body>, Dropped> {
    if is_production_host(&request) {
        return Ok(html(StatusCode::MISDIRECTED_REQUEST, "This is a sandbox; it does not answer for sat.gob.mx."));
    }
    let path = request.uri().path().to_ascii_lowercase();
    if let Some(control) = path.strip_prefix("/_sandbox/").filter(|it| !it.ends_with(".csv")) {
        let (method, control) = (request.method().clone(), control.to_owned());
        let Ok(body) = read(request).await else { return Ok(html(StatusCode::PAYLOAD_TOO_LARGE, "")) };
        return Ok(control::answer(&sandbox, &method, &control, &body));
    }
    let page = pages::route(&path, request.uri().query().unwrap_or_default());
    if let Some(page) = page.filter(|_| request.method() == Method::GET) {
        return fetch(sandbox, page).await;
    }
    let Some((family, served)) = route(&path) else { return Ok(html(StatusCode::NOT_FOUND, "The resource cannot be found.")) };
    match *request.method() {
        Method::POST => call(sandbox, family, served, request).await,
        Method::GET if request.uri().query().is_some_and(|it| it.eq_ignore_ascii_case("wsdl")) => Ok(wsdl(served)),
        Method::GET => Ok(html(StatusCode::OK, "You have created a service.")),
        _ => Ok(html(StatusCode::METHOD_NOT_ALLOWED, "")),
    }
}

/// A sandbox that answers under the real name would be mistaken for the real thing.
fn is_production_host(request: &Request<RequestBody>) -> bool {
    let header = request.headers().get(header::HOST).and_then(|it| it.to_str().ok());
    let host = request.uri().host().or(header).unwrap_or_default().to_ascii_lowercase();
    host.split(':').next().is_some_and(|it| it.trim_end_matches('.').ends_with("sat.gob.mx"))
}

fn route(path: &str) -> Option<(Family, &'static [Operation])> {
    let (family, path) = match path.strip_prefix("/retenciones") {
        Some(rest) => (Family::Retenciones, rest),
        None => (Family::Cfdi, path),
    };
    let served: &'static [Operation] = match path {
        "/autenticacion/autenticacion.svc" => &[Operation::Autentica],
        "/solicitadescargaservice.svc" => {
            &[Operation::SolicitaDescargaEmitidos, Operation::SolicitaDescargaRecibidos, Operation::SolicitaDescargaFolio]
        }
        "/verificasolicituddescargaservice.svc" => &[Operation::VerificaSolicitudDescarga],
        "/descargamasivaservice.svc" => &[Operation::Descargar],
        "/consultacfdiservice.svc" => &[Operation::Consulta],
        _ => return None,
    };
    Some((family, served))
}

async fn read(request: Request<RequestBody>) -> Result<Bytes, Box<dyn std::error::Error + Send + Sync>> {
    Limited::new(request.into_body(), MAX_REQUEST_BYTES).collect().await.map(|it| it.to_bytes())
}

async fn call(
    sandbox: Arc<Sandbox>,
    family: Family,
    served: &'static [Operation],
    request: Request<RequestBody>,
) -> Result<Response<Body>, Dropped> {
    let text = |name: &HeaderName| request.headers().get(name).and_then(|it| it.to_str().ok()).unwrap_or_default().to_owned();
    let action = text(&HeaderName::from_static("soapaction"));
    let token = token(&text(&header::AUTHORIZATION));
    let gzip = text(&header::ACCEPT_ENCODING).to_ascii_lowercase().contains("gzip");
    let Ok(body) = read(request).await else { return Ok(html(StatusCode::PAYLOAD_TOO_LARGE, "")) };
    // From before it shows in the books: whoever lets go after having seen it there lets go of this call too.
    let released = sandbox.released();
    let fault = operation(&action).and_then(|it| sandbox.books().armed.meet(it));
    if let Some(fault) = fault.filter(|it| it.is_before()) {
        return before(released, fault).await;
    }
    if operation(&action) == Some(Operation::Consulta) && !sandbox.admits_status() {
        return Ok(throttled());
    }
    let judge = sandbox.clone();
    let judged = tokio::task::spawn_blocking(move || {
        let incoming = Incoming { family, served, action: &action, token: &token, body: &body };
        judge.answer(&incoming, fault).map(|reply| Wire::new(reply, gzip, fault))
    });
    match judged.await {
        Ok(Ok(wire)) => after(&sandbox, wire, fault, released).await,
        Ok(Err(error)) => {
            tracing::error!(%error, "the sandbox could not keep its books");
            Ok(html(StatusCode::INTERNAL_SERVER_ERROR, "Runtime Error"))
        }
        Err(_) => Ok(html(StatusCode::INTERNAL_SERVER_ERROR, "Runtime Error")),
    }
}

/// Serves what is fetched by GET.
async fn fetch(sandbox: Arc<Sandbox>, page: Page) -> Result<Response<Body>, Dropped> {
    let released = sandbox.released();
    let fault = sandbox.books().armed.meet(page.operation());
    if let Some(fault) = fault.filter(|it| it.is_before()) {
        return before(released, fault).await;
    }
    if matches!(page, Page::Retencion(_)) && !sandbox.admits_status() {
        return Ok(throttled());
    }
    let fetcher = sandbox.clone();
    match tokio::task::spawn_blocking(move || fetcher.page(&page)).await {
        Ok(Ok(found)) => after(&sandbox, Wire::page(found), fault, released).await,
        _ => Ok(html(StatusCode::INTERNAL_SERVER_ERROR, "Runtime Error")),
    }
}

/// What whoever asks too fast is told.
fn throttled() -> Response<Body> {
    let mut response = html(StatusCode::TOO_MANY_REQUESTS, "Too many requests.");
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
    response
}

/// `WRAP access_token="…"`; quotes may be missing.
fn token(header: &str) -> String {
    let value = header.trim().split_once("access_token=").map_or("", |(_, value)| value);
    value.trim().trim_matches('"').to_owned()
}

async fn before(mut released: Receiver<u64>, fault: Fault) -> Result<Response<Body>, Dropped> {
    match fault {
        Fault::HangBefore => {
            let _ = released.changed().await;
            Err(Dropped)
        }
        Fault::Http(status) => {
            Ok(html(StatusCode::from_u16(status).unwrap_or(StatusCode::SERVICE_UNAVAILABLE), "The service is unavailable."))
        }
        Fault::Html => Ok(html(StatusCode::OK, "Servicio en mantenimiento")),
        _ => Err(Dropped),
    }
}

async fn after(
    sandbox: &Sandbox,
    wire: Wire,
    fault: Option<Fault>,
    mut released: Receiver<u64>,
) -> Result<Response<Body>, Dropped> {
    match fault {
        Some(Fault::Cut) => Err(Dropped),
        Some(Fault::Hang) => {
            let _ = released.changed().await;
            Err(Dropped)
        }
        Some(Fault::Hold) => {
            let _ = released.changed().await;
            Ok(wire.response(sandbox, Delivery::Whole))
        }
        Some(Fault::Truncated) => Ok(wire.response(sandbox, Delivery::BreaksOff)),
        Some(Fault::Slow) => Ok(wire.response(sandbox, Delivery::Trickles)),
        _ => Ok(wire.response(sandbox, Delivery::Whole)),
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Delivery {
    Whole,
    BreaksOff,
    Trickles,
}

/// An answer as bytes, compressed if asked for.
struct Wire {
    status: u16,
    bytes: Bytes,
    gzip: bool,
    chunked: bool,
    kind: &'static str,
}

impl Wire {
    fn page(found: Found) -> Self {
        Self { status: found.status, bytes: found.bytes.into(), gzip: false, chunked: false, kind: found.kind }
    }

    fn new(reply: Reply, gzip: bool, fault: Option<Fault>) -> Self {
        let gzip = gzip || fault == Some(Fault::TruncatedGzip);
        let (status, chunked) = (reply.status, reply.chunked);
        let mut bytes = if gzip { compress(reply.body.as_bytes()) } else { reply.body.into_bytes() };
        if fault == Some(Fault::TruncatedGzip) {
            bytes.truncate(bytes.len() / 2);
        }
        Self { status, bytes: bytes.into(), gzip, chunked, kind: ENVELOPE_TYPE }
    }

    fn response(self, sandbox: &Sandbox, delivery: Delivery) -> Response<Body> {
        let length = self.bytes.len();
        let (gzip, chunked, status) = (self.gzip, self.chunked, self.status);
        let body = match delivery {
            Delivery::Whole if chunked => pieces(self.bytes, CHUNK_BYTES),
            Delivery::Whole => full(self.bytes),
            Delivery::BreaksOff => breaks_off(self.bytes),
            Delivery::Trickles => trickles(self.bytes),
        };
        let mut response = Response::new(body);
        *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let headers = response.headers_mut();
        common_headers(headers, sandbox);
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(self.kind));
        if gzip {
            headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        }
        if chunked {
            headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("private"));
            headers.insert("x-aspnet-version", HeaderValue::from_static("4.0.30319"));
        } else {
            headers.insert(header::CONTENT_LENGTH, length.into());
        }
        response
    }
}

fn compress(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    // Writing into memory cannot fail; if it ever did, the plain bytes would be the wrong answer.
    let _ = encoder.write_all(bytes);
    encoder.finish().unwrap_or_default()
}

fn common_headers(headers: &mut HeaderMap, sandbox: &Sandbox) {
    let fixed = [
        ("vary", "Accept-Encoding"),
        ("server", "Microsoft-IIS/10.0"),
        ("strict-transport-security", "max-age=31536000; includeSubDomains"),
        ("x-content-type-options", "nosniff"),
        ("x-frame-options", "SAMEORIGIN"),
        ("x-xss-protection", "1"),
    ];
    for (name, value) in fixed {
        headers.insert(name, HeaderValue::from_static(value));
    }
    let now = jiff::fmt::rfc2822::DateTimePrinter::new().timestamp_to_rfc9110_string(&sandbox.config.clock.wall());
    if let Some(value) = now.ok().and_then(|it| HeaderValue::from_str(&it).ok()) {
        headers.insert(header::DATE, value);
    }
}

pub(super) fn full(bytes: impl Into<Bytes>) -> Body {
    Full::new(bytes.into()).map_err(|never: Infallible| match never {}).boxed_unsync()
}

fn split(bytes: &Bytes, size: usize) -> Vec<Bytes> {
    (0..bytes.len()).step_by(size.max(1)).map(|at| bytes.slice(at..(at + size).min(bytes.len()))).collect()
}

fn pieces(bytes: Bytes, size: usize) -> Body {
    StreamBody::new(stream::iter(split(&bytes, size)).map(|it| Ok(Frame::data(it)))).boxed_unsync()
}

fn breaks_off(bytes: Bytes) -> Body {
    let half = bytes.slice(..bytes.len() / 2);
    let end = Err(std::io::Error::new(std::io::ErrorKind::ConnectionReset, Dropped));
    StreamBody::new(stream::iter([Ok(Frame::data(half)), end])).boxed_unsync()
}

fn trickles(bytes: Bytes) -> Body {
    let pieces = split(&bytes, bytes.len().div_ceil(SLOW_PIECES));
    let paused = stream::iter(pieces).then(|it| async move {
        tokio::time::sleep(SLOW_PAUSE).await;
        Ok(Frame::data(it))
    });
    StreamBody::new(paused).boxed_unsync()
}

fn html(status: StatusCode, words: &str) -> Response<Body> {
    let text = format!("<!DOCTYPE html><html><head><title>{status}</title></head><body><h2>{words}</h2></body></html>");
    let mut response = Response::new(full(text));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    response
}

/// Enough of a description for a tool that looks whether there is one.
fn wsdl(served: &[Operation]) -> Response<Body> {
    let operations: String = served
        .iter()
        .map(|it| {
            format!(
                "<wsdl:operation name=\"{it:?}\"><soap:operation soapAction=\"{}\" style=\"document\"/></wsdl:operation>",
                it.action()
            )
        })
        .collect();
    let text = format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?><wsdl:definitions xmlns:wsdl=\"http://schemas.xmlsoap.org/wsdl/\" \
         xmlns:soap=\"http://schemas.xmlsoap.org/wsdl/soap/\" targetNamespace=\"{}\"><wsdl:binding name=\"Sandbox\">{operations}\
         </wsdl:binding></wsdl:definitions>",
        served.first().map_or("", |it| it.element().0)
    );
    let mut response = Response::new(full(text));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/xml; charset=utf-8"));
    response
}
