//! One POST to SAT, and what its outcome means to the engine.
//!
//! Promises: TLS by the system's trust store with no way around it, no redirect followed, nothing
//! repeated below the engine, every answer bounded. A connection serves one call: one kept open may
//! be closed by the peer just as a request leaves, and an answer lost costs one of a lifetime's few.

use crate::digest::Digest;
use crate::probe::Alive;
use crate::reply::{self, FaultKind, Reply, SoapFault};
use crate::settings::Timeouts;
use crate::token::Token;
use crate::xml::{MAX_ANSWER_BYTES, NoAnswer};
use bytes::Bytes;
use fedatario_base::Clock;
use fedatario_upstream::{Fault, Notice};
use futures_util::{Stream, StreamExt};
use jiff::Timestamp;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, DATE, RETRY_AFTER};
use reqwest::{Client, ClientBuilder, Response, StatusCode, Url};
use std::time::Duration;

/// What we call ourselves.
const USER_AGENT: &str = concat!("fedatario/", env!("CARGO_PKG_VERSION"));
/// As SAT expects it.
const XML: &str = "text/xml; charset=utf-8";
/// Connections kept open to one public host: as many as questions are under way at once.
const IDLE_CONNECTIONS: usize = 8;
/// How far two clocks may differ before we say so: SAT allows five minutes.
const NOTABLE_SKEW_SECS: i64 = 120;

/// What is posted.
pub(crate) struct Post<'a> {
    pub(crate) url: &'a Url,
    pub(crate) action: &'static str,
    pub(crate) body: Bytes,
    pub(crate) token: Option<&'a Token>,
    pub(crate) timeout: Duration,
}

/// A client for all of SAT's doors.
#[derive(Debug, Clone)]
pub(crate) struct Http(Client);

impl Http {
    pub(crate) fn new(timeouts: &Timeouts) -> Result<Self, reqwest::Error> {
        Self::built(|| builder(timeouts).pool_max_idle_per_host(0))
    }

    /// One that keeps connections open: for what may be repeated freely.
    pub(crate) fn pooled(timeouts: &Timeouts) -> Result<Self, reqwest::Error> {
        Self::built(|| builder(timeouts).pool_max_idle_per_host(IDLE_CONNECTIONS))
    }

    fn built(builder: impl Fn() -> ClientBuilder) -> Result<Self, reqwest::Error> {
        let built = builder().build().or_else(|error| {
            // A machine without a trust store trusts nobody; a simulator on it needs no TLS.
            tracing::warn!(error = chain(&error), "no trust store of the system: no address with TLS can be reached");
            builder().tls_certs_only([]).build()
        });
        built.map(Self)
    }

    /// One GET, of which only the head of the answer is looked at.
    pub(crate) async fn look(&self, url: &Url, timeout: Duration, clock: &dyn Clock) -> Result<Alive, String> {
        let response = self.0.get(url.clone()).timeout(timeout).send().await.map_err(|error| chain(&error))?;
        let date = response.headers().get(DATE).and_then(|it| it.to_str().ok());
        let date = date.and_then(|it| jiff::fmt::rfc2822::parse(it).ok()).map(|it| it.timestamp());
        let ahead_s = date.map(|it| clock.wall().duration_since(it).as_secs());
        Ok(Alive { status: response.status().as_u16(), ahead_s })
    }

    /// Asks for what lies at an address, and answers when the head of an answer is there.
    pub(crate) async fn get(&self, url: &Url, timeout: Duration) -> Result<Response, Fault> {
        self.0.get(url.clone()).timeout(timeout).send().await.map_err(not_sent)
    }

    /// Sends, and answers when the head of an answer is there.
    pub(crate) async fn post(&self, post: Post<'_>) -> Result<Response, Fault> {
        let mut request = self.0.post(post.url.clone()).timeout(post.timeout).header(CONTENT_TYPE, XML);
        request = request.header("SOAPAction", format!("\"{}\"", post.action)).body(post.body);
        if let Some(token) = post.token {
            let header = token.header();
            request = request.header(AUTHORIZATION, header.ok_or_else(|| Fault::Unreachable("the token fits no header".into()))?);
        }
        request.send().await.map_err(not_sent)
    }
}

fn builder(timeouts: &Timeouts) -> ClientBuilder {
    Client::builder()
        .user_agent(USER_AGENT)
        .http1_only()
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .connect_timeout(timeouts.connect)
        .read_timeout(timeouts.idle)
}

/// Before there is a connection nothing has reached them; after, anything may have.
fn not_sent(error: reqwest::Error) -> Fault {
    let text = chain(&error);
    if error.is_connect() || error.is_builder() { Fault::Unreachable(text) } else { Fault::Unanswered(text) }
}

/// An error with its causes and without its address.
fn chain(error: &reqwest::Error) -> String {
    let mut text = String::from(if error.is_timeout() { "timed out" } else { "transport" });
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

/// The body of an answer as it arrives.
pub(crate) fn stream(response: Response) -> impl Stream<Item = Result<Bytes, String>> + Unpin {
    response.bytes_stream().map(|it| it.map_err(|error| chain(&error)))
}

/// An answer that is all here.
pub(crate) struct Arrived {
    status: StatusCode,
    retry_after: Option<Duration>,
    date: Option<Timestamp>,
    body: Vec<u8>,
}

/// What the engine is told about a good answer.
pub(crate) struct Settled<T> {
    pub(crate) value: T,
    pub(crate) digest: [u8; 32],
    pub(crate) size: u64,
}

impl Arrived {
    /// Reads a small answer to its end.
    pub(crate) async fn read(response: Response) -> Result<Self, Fault> {
        let status = response.status();
        let header = |name| response.headers().get(name).and_then(|it| it.to_str().ok());
        let retry_after = header(RETRY_AFTER).and_then(|it| it.trim().parse().ok()).map(Duration::from_secs);
        let date = header(DATE).and_then(|it| jiff::fmt::rfc2822::parse(it).ok()).map(|it| it.timestamp());
        let mut body = Vec::new();
        let mut arriving = stream(response);
        while let Some(bytes) = arriving.next().await {
            let bytes = bytes.map_err(|error| Fault::Unanswered(format!("HTTP {status}, cut: {error}")))?;
            if body.len() + bytes.len() > MAX_ANSWER_BYTES {
                return Err(silence(status, &NoAnswer::TooLarge(MAX_ANSWER_BYTES as u64)));
            }
            body.extend_from_slice(&bytes);
        }
        Ok(Self { status, retry_after, date, body })
    }

    /// What it means, where `read` knows the operation's own result.
    pub(crate) fn settle<T>(&self, read: impl FnOnce(&[u8]) -> Result<Reply<T>, NoAnswer>) -> Result<Settled<T>, Fault> {
        if self.status != StatusCode::OK {
            return Err(self.failed());
        }
        let value = accept(self.status, read(&self.body))?;
        let mut seen = Digest::default();
        seen.update(&self.body);
        let (digest, size) = seen.finish();
        Ok(Settled { value, digest, size })
    }

    /// Its status.
    pub(crate) fn status(&self) -> StatusCode {
        self.status
    }

    /// The body of a good answer, as it came.
    pub(crate) fn whole(self) -> Result<Vec<u8>, Fault> {
        if self.status == StatusCode::OK { Ok(self.body) } else { Err(Fault::Unanswered(format!("HTTP {}", self.status))) }
    }

    /// What an error status means: a fault of theirs, or silence.
    pub(crate) fn failed(&self) -> Fault {
        match reply::fault(&self.body) {
            Ok(fault) => refusal(fault),
            Err(error) => silence(self.status, &error),
        }
    }

    /// For operations without effects: a busy server's "later" is believed.
    pub(crate) fn busy(&self) -> Option<Fault> {
        let busy = matches!(self.status, StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE);
        let after = self.retry_after.filter(|_| busy)?;
        Some(Fault::Throttled { after, notice: Some(Notice::new(self.status.as_str(), "busy")) })
    }

    /// What to add to a refused login: a clock that is wrong is blamed before a key is.
    pub(crate) fn skew(&self, clock: &dyn Clock) -> Option<String> {
        let ahead = clock.wall().duration_since(self.date?).as_secs();
        (ahead.abs() > NOTABLE_SKEW_SECS).then(|| format!("our clock is {ahead} s ahead of the server's"))
    }
}

/// A read answer, in the engine's terms.
pub(crate) fn accept<T>(status: StatusCode, read: Result<Reply<T>, NoAnswer>) -> Result<T, Fault> {
    match read {
        Ok(Reply::Result(value)) => Ok(value),
        Ok(Reply::Fault(fault)) => Err(refusal(fault)),
        Err(error) => Err(silence(status, &error)),
    }
}

/// A fault is final only where it says that the message was not processed.
fn refusal(fault: SoapFault) -> Fault {
    match fault.kind() {
        FaultKind::InvalidSecurity | FaultKind::NotUnderstood => Fault::Rejected(Notice::new(fault.code, fault.text)),
        FaultKind::Unknown => Fault::Unanswered(format!("fault {}: {}", fault.code, fault.text)),
    }
}

pub(crate) fn silence(status: StatusCode, error: &NoAnswer) -> Fault {
    Fault::Unanswered(format!("HTTP {}: {error}", status.as_u16()))
}
