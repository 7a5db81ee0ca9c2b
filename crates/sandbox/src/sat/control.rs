//! The sandbox's own address, `/_sandbox/…`: counts, requests, log, clock, faults, forgeries, authority.
//!
//! It has no protection beyond where it listens: it is for tests and for the demo on one machine.

use super::fault::{Fault, Target};
use super::http::{Body, full};
use super::sandbox::Sandbox;
use base64::Engine as _;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::{Method, Response, StatusCode};
use jiff::SignedDuration;
use serde_json::{Value, json};

const BASE64: base64::engine::GeneralPurpose = base64::engine::general_purpose::STANDARD;
/// Farthest that one call moves the clock, in seconds: a hundred years.
const MAX_ADVANCE_SECONDS: i64 = 100 * 366 * 86_400;

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Advance {
    advance_s: i64,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Arm {
    #[serde(default = "any")]
    operation: String,
    fault: Value,
    #[serde(default)]
    code: Option<u16>,
    #[serde(default = "once")]
    times: u32,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Mint {
    rfc: String,
    #[serde(default)]
    name: Option<String>,
}

fn any() -> String {
    "any".into()
}

fn once() -> u32 {
    1
}

type Outcome = Result<Value, (StatusCode, String)>;

fn bad(reason: impl std::fmt::Display) -> (StatusCode, String) {
    (StatusCode::BAD_REQUEST, reason.to_string())
}

/// Answers one control call.
pub(super) fn answer(sandbox: &Sandbox, method: &Method, path: &str, body: &[u8]) -> Response<Body> {
    if (method, path) == (&Method::GET, "authority.cer") {
        return respond(StatusCode::OK, "application/pkix-cert", sandbox.authority_cer());
    }
    let (status, value) = match outcome(sandbox, method, path, body) {
        Ok(value) => (StatusCode::OK, value),
        Err((status, reason)) => (status, json!({ "error": reason })),
    };
    respond(status, "application/json", value.to_string().into_bytes())
}

fn respond(status: StatusCode, kind: &'static str, bytes: Vec<u8>) -> Response<Body> {
    let mut response = Response::new(full(bytes));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}

fn outcome(sandbox: &Sandbox, method: &Method, path: &str, body: &[u8]) -> Outcome {
    match (method.as_str(), path) {
        ("GET", "counts") => Ok(json!(sandbox.counts())),
        ("GET", "requests") => Ok(json!(sandbox.requests())),
        ("GET", "log") => Ok(json!(sandbox.log())),
        ("GET", "forged") => Ok(forged(sandbox)),
        ("GET", "status") => Ok(json!(sandbox.status_queries())),
        ("GET", "skipped") => Ok(json!(sandbox.config.corpus.skipped())),
        ("GET", "clock") => Ok(clock(sandbox)),
        ("GET", "faults") => Ok(json!({ "waiting": sandbox.faults_waiting() })),
        ("POST", "clock") => advance(sandbox, body),
        ("POST", "faults") => arm(sandbox, body),
        ("DELETE", "faults") => {
            sandbox.clear_faults();
            Ok(json!({ "waiting": 0 }))
        }
        ("POST", "release") => {
            sandbox.release();
            Ok(json!({}))
        }
        ("POST", "fiel") => mint(sandbox, body),
        _ => Err((StatusCode::NOT_FOUND, format!("no such control: {method} {path}"))),
    }
}

fn forged(sandbox: &Sandbox) -> Value {
    let all = sandbox.config.corpus.forgeries().into_iter();
    all.map(|(uuid, how)| json!({ "uuid": uuid.to_string().to_uppercase(), "how": how })).collect()
}

fn clock(sandbox: &Sandbox) -> Value {
    json!({ "wall": sandbox.config.clock.wall(), "service": sandbox.now() })
}

fn advance(sandbox: &Sandbox, body: &[u8]) -> Outcome {
    let Advance { advance_s } = serde_json::from_slice(body).map_err(bad)?;
    if !(0..=MAX_ADVANCE_SECONDS).contains(&advance_s) {
        return Err(bad("advance_s goes forward, at most a hundred years"));
    }
    let failed = |error| (StatusCode::INTERNAL_SERVER_ERROR, format!("{error}"));
    sandbox.advance(SignedDuration::from_secs(advance_s)).map_err(failed)?;
    Ok(clock(sandbox))
}

fn arm(sandbox: &Sandbox, body: &[u8]) -> Outcome {
    let arm: Arm = serde_json::from_slice(body).map_err(bad)?;
    let target = Target::parse(&arm.operation).ok_or_else(|| bad(format!("unknown operation `{}`", arm.operation)))?;
    let name = arm.fault.as_str().map_or_else(|| arm.fault.to_string(), str::to_owned);
    let name = arm.code.map_or(name.clone(), |code| format!("{name}:{code}"));
    let fault = Fault::parse(&name).ok_or_else(|| bad(format!("unknown fault `{name}`")))?;
    sandbox.fault(target, fault, arm.times).map_err(bad)?;
    Ok(json!({ "waiting": sandbox.faults_waiting() }))
}

fn mint(sandbox: &Sandbox, body: &[u8]) -> Outcome {
    let Mint { rfc, name } = serde_json::from_slice(body).map_err(bad)?;
    if !super::rules::is_rfc(&rfc) {
        return Err(bad(format!("`{rfc}` is no RFC")));
    }
    let name = name.unwrap_or_else(|| "CONTRIBUYENTE DE PRUEBA".into());
    let minted = sandbox.mint_fiel(&rfc, &name).map_err(|it| (StatusCode::INTERNAL_SERVER_ERROR, it.to_string()))?;
    Ok(json!({
        "cer": BASE64.encode(&minted.cer),
        "key": BASE64.encode(&minted.key),
        "password": minted.password.expose_str(),
    }))
}
