//! The client of SAT's public doors: status of documents, certificates by number, the 69-B list.
//!
//! Everything here may be repeated freely and goes through the engine's breaker and bucket alone,
//! a door's own, shared by all processes. What comes back is bounded, and kept in SAT's words; a
//! certificate must bear the number that was asked for. A list goes to a file without a name, never
//! into memory.

use crate::endpoints::EndpointError;
use crate::estado;
use crate::http::{Arrived, Http, Post, stream};
use crate::public::{PublicAddresses, PublicDoor, certificate_url};
use crate::reply::Reply;
use crate::settings::Timeouts;
use async_trait::async_trait;
use bytes::Bytes;
use fedatario_app::model::Environment;
use fedatario_app::revision::ports::{Counter, StatusAnswer};
use fedatario_credentials::Certificate;
use fedatario_fiscal::mx::efos::MAX_LIST_BYTES;
use fedatario_fiscal::mx::expresion::{Facts, expression};
use fedatario_upstream::{CallError, Desk, Fault, Notice, PortError, Ports, Rate};
use futures_util::StreamExt;
use reqwest::{StatusCode, Url};
use std::fs::File;
use std::io::{Seek, Write};
use std::time::Duration;

/// Three a second: SAT publishes no limit, and clients that stay below a few are left alone.
pub const PUBLIC_RATE: Rate = Rate { per_minute: 180, burst: 6 };
/// How long one question waits for its turn, a breaker or a busy server.
const PATIENCE: Duration = Duration::from_secs(2 * 60);
/// How long a busy server that does not say when is left alone.
const BUSY_WAIT: Duration = Duration::from_secs(5);
/// How long a whole list may take.
const LIST_TIMEOUT: Duration = Duration::from_secs(10 * 60);

/// What an operator may choose about the public doors.
#[derive(Debug, Clone, Copy)]
pub struct CounterSettings {
    /// How often each door is asked.
    pub rate: Rate,
    /// How long one question waits for its turn.
    pub patience: Duration,
    /// How long things may take.
    pub timeouts: Timeouts,
}

impl Default for CounterSettings {
    fn default() -> Self {
        Self { rate: PUBLIC_RATE, patience: PATIENCE, timeouts: Timeouts::default() }
    }
}

/// The client. One for each process.
pub struct SatCounter {
    http: Http,
    addresses: PublicAddresses,
    ports: Ports,
    settings: CounterSettings,
}

impl SatCounter {
    /// A client that speaks to `addresses` at the pace that `ports` keep.
    pub fn new(addresses: PublicAddresses, ports: Ports, settings: CounterSettings) -> Result<Self, PortError> {
        let http = Http::pooled(&settings.timeouts);
        let http =
            http.map_err(|error| PortError::caused(fedatario_base::Code::ConfigInvalid, "no client of HTTP could be made", error))?;
        Ok(Self { http, addresses, ports, settings })
    }

    fn address(&self, environment: Environment, door: PublicDoor) -> Result<&Url, CallError> {
        self.addresses.find(environment, door).map_err(crossed)
    }

    async fn at<T, Fut>(
        &self,
        environment: Environment,
        door: PublicDoor,
        timeout: Duration,
        send: impl Fn() -> Fut,
    ) -> Result<T, CallError>
    where
        Fut: Future<Output = Result<T, Fault>>,
    {
        let desk = Desk::new(door.name(environment), self.settings.rate, self.ports.clone());
        desk.ask(timeout, self.settings.patience, send).await
    }

    async fn ask_cfdi(&self, url: &Url, body: &Bytes) -> Result<StatusAnswer, Fault> {
        let post = Post { url, action: estado::ACTION, body: body.clone(), token: None, timeout: self.settings.timeouts.call };
        let arrived = patient(Arrived::read(self.http.post(post).await?).await?)?;
        Ok(arrived.settle(estado::read)?.value)
    }

    async fn ask_retencion(&self, url: &Url) -> Result<StatusAnswer, Fault> {
        let arrived = Arrived::read(self.http.get(url, self.settings.timeouts.call).await?).await?;
        let arrived = patient(arrived)?;
        Ok(arrived.settle(|bytes| estado::read_page(bytes).map(Reply::Result))?.value)
    }

    async fn fetch_certificate(&self, url: &Url, number: &str) -> Result<Option<Vec<u8>>, Fault> {
        let arrived = patient(Arrived::read(self.http.get(url, self.settings.timeouts.call).await?).await?)?;
        if arrived.status() == StatusCode::NOT_FOUND {
            return Ok(None);
        }
        let body = arrived.whole()?;
        let read = Certificate::parse(&body).map_err(|error| Fault::Unanswered(format!("no certificate: {error}")))?;
        if read.number() != number {
            return Err(Fault::Rejected(Notice::new("certificate", format!("it bears the number {}", read.number()))));
        }
        Ok(Some(read.der().to_vec()))
    }

    async fn fetch_list(&self, url: &Url) -> Result<File, Fault> {
        let response = self.http.get(url, LIST_TIMEOUT).await?;
        if response.status() != StatusCode::OK {
            let arrived = patient(Arrived::read(response).await?)?;
            return Err(refused(arrived.status()));
        }
        let mut file = tempfile::tempfile().map_err(|error| Fault::Rejected(Notice::new("-", format!("no room: {error}"))))?;
        let mut arriving = stream(response);
        let mut size = 0;
        while let Some(bytes) = arriving.next().await {
            let bytes = bytes.map_err(|error| Fault::Unanswered(format!("cut: {error}")))?;
            size += bytes.len() as u64;
            if size > MAX_LIST_BYTES {
                return Err(Fault::Rejected(Notice::new("-", format!("the list is over its bound of {MAX_LIST_BYTES} bytes"))));
            }
            file.write_all(&bytes).map_err(|error| Fault::Rejected(Notice::new("-", format!("no room: {error}"))))?;
        }
        file.rewind().map_err(|error| Fault::Rejected(Notice::new("-", error.to_string())))?;
        Ok(file)
    }
}

fn crossed(error: EndpointError) -> CallError {
    CallError::Port(PortError::caused(error.code(), error.to_string(), error))
}

/// A busy server is left alone for a while, also when it does not say for how long.
fn patient(arrived: Arrived) -> Result<Arrived, Fault> {
    match arrived.status() {
        StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => Err(arrived.busy().unwrap_or_else(|| {
            let notice = Notice::new(arrived.status().as_str(), "busy");
            Fault::Throttled { after: BUSY_WAIT, notice: Some(notice) }
        })),
        _ => Ok(arrived),
    }
}

fn refused(status: StatusCode) -> Fault {
    match status.is_client_error() {
        true => Fault::Rejected(Notice::new(status.as_str(), "there is no list at this address")),
        false => Fault::Unanswered(format!("HTTP {status}")),
    }
}

/// What is asked of the page about retenciones.
fn retencion_url(base: &Url, facts: &Facts) -> Url {
    let mut url = base.clone();
    url.query_pairs_mut()
        .append_pair("folio", &facts.uuid.upper())
        .append_pair("rfcEmisor", &facts.issuer)
        .append_pair("rfcReceptor", facts.receiver.text());
    url
}

#[async_trait]
impl Counter for SatCounter {
    async fn status(&self, environment: Environment, facts: &Facts) -> Result<StatusAnswer, CallError> {
        let timeout = self.settings.timeouts.call;
        if facts.form.is_retencion() {
            let url = &retencion_url(self.address(environment, PublicDoor::EstadoRetenciones)?, facts);
            return self.at(environment, PublicDoor::EstadoRetenciones, timeout, || self.ask_retencion(url)).await;
        }
        let url = self.address(environment, PublicDoor::Estado)?;
        let Some(expression) = expression(facts) else {
            let notice = Notice::new("expression", "the document's total is no amount");
            return Err(CallError::Fault(Fault::Rejected(notice)));
        };
        let body = &Bytes::from(estado::envelope(&expression));
        self.at(environment, PublicDoor::Estado, timeout, || self.ask_cfdi(url, body)).await
    }

    async fn certificate(&self, environment: Environment, number: &str) -> Result<Option<Vec<u8>>, CallError> {
        let base = self.address(environment, PublicDoor::Certificados)?;
        let Some(url) = &certificate_url(base, number) else { return Ok(None) };
        let timeout = self.settings.timeouts.call;
        self.at(environment, PublicDoor::Certificados, timeout, || self.fetch_certificate(url, number)).await
    }

    async fn list(&self, environment: Environment, address: Option<&str>) -> Result<(String, File), CallError> {
        let given = address.map(crate::endpoints::checked).transpose().map_err(crossed)?;
        let url = match &given {
            Some(url) => url,
            None => self.address(environment, PublicDoor::Lista69b)?,
        };
        let file = self.at(environment, PublicDoor::Lista69b, LIST_TIMEOUT, || self.fetch_list(url)).await?;
        Ok((url.to_string(), file))
    }
}
