//! One attempt: resolved, looked at, signed, sent.

use crate::guard;
use crate::networks::Networks;
use crate::signing::signatures;
use async_trait::async_trait;
use fedatario_app::hooks::ports::{Answer, Courier, CourierFault, Parcel};
use fedatario_base::Code;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::header::{CONTENT_TYPE, RETRY_AFTER};
use reqwest::redirect::Policy;
use reqwest::{Client, ClientBuilder, Response};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

/// What we call ourselves.
const USER_AGENT: &str = concat!("Fedatario-Webhooks/", env!("CARGO_PKG_VERSION"));
/// How long it may take to be there.
const CONNECT: Duration = Duration::from_secs(5);
/// How long a whole attempt may take, the answer included.
const WHOLE: Duration = Duration::from_secs(10);
/// Bytes of an answer that are looked at.
const SAID_BYTES_AT_MOST: usize = 1_024;
/// Places that one name may lead to; more is nobody's receiver.
const PLACES_AT_MOST: usize = 32;

/// Finds the places of a name.
#[async_trait]
pub trait Resolver: Send + Sync {
    /// Every place of it.
    async fn resolve(&self, name: &str) -> std::io::Result<Vec<IpAddr>>;
}

/// The system's own.
pub struct SystemResolver;

#[async_trait]
impl Resolver for SystemResolver {
    async fn resolve(&self, name: &str) -> std::io::Result<Vec<IpAddr>> {
        Ok(tokio::net::lookup_host((name, 0)).await?.map(|it| it.ip()).collect())
    }
}

/// Sends over HTTP.
pub struct HttpCourier {
    client: Client,
    allowed: Networks,
}

/// The transport could not be made.
#[derive(Debug, thiserror::Error)]
#[error("no client for webhooks: {0}")]
pub struct CourierError(String);

impl CourierError {
    /// Its place in the table of codes.
    pub fn code(&self) -> Code {
        Code::Internal
    }
}

impl HttpCourier {
    /// A courier that reaches public places, and those of `allowed`.
    pub fn new(allowed: Networks, resolver: Arc<dyn Resolver>) -> Result<Self, CourierError> {
        Ok(Self { client: client(allowed.clone(), resolver)?, allowed })
    }
}

/// A client that reaches public places, and those of `allowed`.
pub(crate) fn client(allowed: Networks, resolver: Arc<dyn Resolver>) -> Result<Client, CourierError> {
    let guard = Arc::new(GuardedNames { resolver, allowed });
    let built = builder(guard.clone()).build().or_else(|_| {
        // A machine without a trust store trusts nobody; an allowed network needs no TLS.
        tracing::warn!("no trust store of the system: nothing can be sent with TLS");
        builder(guard).tls_certs_only([]).build()
    });
    built.map_err(|error| CourierError(error.to_string()))
}

fn builder(guard: Arc<GuardedNames>) -> ClientBuilder {
    Client::builder()
        .user_agent(USER_AGENT)
        .http1_only()
        .no_proxy()
        .no_gzip()
        .redirect(Policy::none())
        .retry(reqwest::retry::never())
        .referer(false)
        .connect_timeout(CONNECT)
        .timeout(WHOLE)
        // A connection kept open would be used again without its name being looked at.
        .pool_max_idle_per_host(0)
        .dns_resolver(guard)
}

/// Names, each of whose places is looked at. What comes out is what is connected to: between looking
/// and connecting nobody resolves again.
struct GuardedNames {
    resolver: Arc<dyn Resolver>,
    allowed: Networks,
}

/// A name that leads where events are not sent.
#[derive(Debug, thiserror::Error)]
#[error("the address is not public")]
struct ForbiddenPlace;

impl Resolve for GuardedNames {
    fn resolve(&self, name: Name) -> Resolving {
        let (resolver, allowed) = (self.resolver.clone(), self.allowed.clone());
        Box::pin(async move {
            let places = resolver.resolve(name.as_str()).await?;
            // One that is not public spoils all of them: it would be tried when another does not answer.
            if places.len() > PLACES_AT_MOST || places.iter().any(|it| guard::admit(*it, &allowed).is_err()) {
                return Err(ForbiddenPlace.into());
            }
            let places: Addrs = Box::new(places.into_iter().map(|it| SocketAddr::new(it, 0)));
            Ok(places)
        })
    }
}

#[async_trait]
impl Courier for HttpCourier {
    fn check(&self, url: &str) -> Result<(), CourierFault> {
        guard::read(url, &self.allowed).map(|_| ())
    }

    async fn deliver(&self, parcel: Parcel<'_>) -> Result<Answer, CourierFault> {
        let url = guard::read(parcel.url, &self.allowed)?;
        let timestamp = parcel.at.as_second();
        let signature = signatures(&parcel.secrets, &parcel.id, timestamp, parcel.body).map_err(|_| CourierFault::Signing)?;
        let request = self
            .client
            .post(url)
            .header(CONTENT_TYPE, "application/json")
            .header("webhook-id", &parcel.id)
            .header("webhook-timestamp", timestamp)
            .header("webhook-signature", signature)
            .body(parcel.body.to_owned());
        let response = request.send().await.map_err(|error| fault(&error))?;
        let (status, retry_after) = (response.status().as_u16(), retry_after(&response));
        Ok(Answer { status, retry_after, said: said(response).await })
    }
}

/// Seconds, or nothing: a date would have to be held against somebody else's clock.
fn retry_after(response: &Response) -> Option<Duration> {
    let text = response.headers().get(RETRY_AFTER)?.to_str().ok()?;
    text.trim().parse().ok().map(Duration::from_secs)
}

/// The beginning of an answer, as one line; what does not come is not waited for beyond the attempt.
async fn said(mut response: Response) -> String {
    let mut bytes = Vec::new();
    while let Ok(Some(chunk)) = response.chunk().await {
        let room = SAID_BYTES_AT_MOST - bytes.len();
        bytes.extend_from_slice(&chunk[..chunk.len().min(room)]);
        if bytes.len() >= SAID_BYTES_AT_MOST {
            break;
        }
    }
    let text = String::from_utf8_lossy(&bytes);
    text.chars().map(|it| if it.is_control() { ' ' } else { it }).collect::<String>().trim().to_owned()
}

pub(crate) fn fault(error: &reqwest::Error) -> CourierFault {
    let mut cause = std::error::Error::source(error);
    while let Some(it) = cause {
        if it.downcast_ref::<ForbiddenPlace>().is_some() {
            return CourierFault::Forbidden;
        }
        cause = it.source();
    }
    let what = match error {
        it if it.is_timeout() => "timed out",
        it if it.is_connect() => "nobody there",
        _ => "broken off",
    };
    CourierFault::Unanswered(what.to_owned())
}
