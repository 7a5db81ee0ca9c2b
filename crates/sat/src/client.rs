//! SAT's mass download over HTTP: the port [`Sat`], on the engine.
//!
//! Each call is signed first, so that the ledger holds the digest of what leaves, and an address of
//! the other world is refused before that. What an answer means to the engine is decided here, by
//! its code alone: 300 replaces the session, 404 of a verification is asked again after a while,
//! everything else is an answer that the services judge. A request is sent once and a package asked for twice, ever;
//! the ledger enforces both.

use crate::authority::{SatAuthority, Wires};
use crate::download::{self, Broken};
use crate::endpoints::{Addresses, Door, EndpointError};
use crate::envelope::{Message, Operation as Wire};
use crate::http::{Arrived, Http, Post, Settled, accept, silence, stream};
use crate::reply;
use crate::sealing::{self, Signer};
use crate::settings::Settings;
use crate::token::Token;
use async_trait::async_trait;
use bytes::Bytes;
use fedatario_app::model::{Environment, Family};
use fedatario_app::ports::{Recalled, Sat, SatAccount, SatAsked, SatDownloaded, SatRequest, SatVerified, Shelf, Slot};
use fedatario_base::Code;
use fedatario_base::clock::{from_millis, to_millis};
use fedatario_base::id::{PackageId, SolicitudId};
use fedatario_upstream as upstream;
use fedatario_upstream::{
    Account, Call, CallError, Done, Effects, Fault, LeaseProof, Notice, Operation, PortError, Ports, Reply, Upstream,
};
use jiff::Timestamp;
use reqwest::{Response, StatusCode, Url};
use serde::Serialize;
use std::sync::{Arc, Mutex, PoisonError};

/// How often one request may reach SAT with effect: identical ones are counted for life.
const ASKS_AT_MOST: u32 = 1;
/// How often one package may be fetched: SAT hands it out twice.
const DOWNLOADS_AT_MOST: u32 = 2;

/// SAT accepted the call.
const ACCEPTED: &str = "5000";
/// The token is not honoured.
const TOKEN_REFUSED: &str = "300";
/// "Error no controlado": an application code inside HTTP 200. SAT is there and in trouble with
/// this one request, so that it is no outage.
const UNCONTROLLED: &str = "404";

/// The client of SAT's mass download. One for each process.
pub struct SatClient {
    upstreams: [Upstream<SatAuthority>; 4],
    pub(crate) wires: Arc<Wires>,
    pub(crate) ports: Ports,
    settings: Settings,
    operations: Operations,
}

/// The three operations as the engine knows them.
struct Operations {
    session: Operation,
    ask: Operation,
    verify: Operation,
    download: Operation,
}

impl Operations {
    fn new(settings: &Settings) -> Self {
        let (call, download) = (settings.timeouts.call, settings.timeouts.download);
        let operation = |name, effects, timeout, attempts_at_most| Operation { name, effects, timeout, attempts_at_most };
        Self {
            session: operation("sat.sesion", Effects::Freely, call, None),
            ask: operation("sat.solicita", Effects::Never, call, Some(ASKS_AT_MOST)),
            verify: operation("sat.verifica", Effects::Freely, call, None),
            download: operation("sat.descargar", Effects::Never, download, Some(DOWNLOADS_AT_MOST)),
        }
    }
}

/// A signed message on its way.
struct Outgoing {
    url: Url,
    wire: Wire,
    body: Bytes,
    digest: [u8; 32],
}

impl SatClient {
    /// A client that signs with `signer`, speaks to `addresses` and keeps its records in `ports`.
    pub fn new(addresses: Addresses, signer: Arc<dyn Signer>, ports: Ports, settings: Settings) -> Result<Self, PortError> {
        let http = Http::new(&settings.timeouts);
        let http = http.map_err(|error| PortError::caused(Code::ConfigInvalid, "no client of HTTP could be made", error))?;
        let clock = ports.clock.clone();
        let wires = Arc::new(Wires { http, addresses, signer, clock, login_timeout: settings.timeouts.login });
        let upstreams = WORLDS.map(|(environment, family)| {
            let authority = SatAuthority::new(environment, family, wires.clone());
            Upstream::new(authority, settings.rates, ports.clone())
        });
        Ok(Self { upstreams, wires, ports, operations: Operations::new(&settings), settings })
    }

    /// Closes what dead processes left open in this tenant; for process start.
    pub async fn sweep(&self, scope: &fedatario_base::Scope) -> Result<(), PortError> {
        self.upstreams[0].sweep(scope).await.map(|_| ())
    }

    fn upstream(&self, account: &SatAccount) -> &Upstream<SatAuthority> {
        let at = WORLDS.iter().position(|it| *it == (account.environment, account.family));
        &self.upstreams[at.expect("every world and family is listed")]
    }

    fn account(&self, account: &SatAccount) -> Account<SatAccount> {
        Account { id: account.credential, scope: account.scope.clone(), credential: account.clone() }
    }

    /// An address in the account's own world, where its sessions are opened too.
    fn address(&self, account: &SatAccount, door: Door) -> Result<&Url, CallError> {
        let find = |door| self.wires.addresses.find(account.environment, account.family, door).map_err(crossed);
        find(Door::Autentica)?;
        find(door)
    }

    /// Finds the address and signs, in this order: nothing is signed for the wrong world.
    async fn compose(&self, account: &SatAccount, message: &Message) -> Result<Outgoing, CallError> {
        let wire = message.operation();
        let url = self.address(account, wire.door())?.clone();
        let now = self.ports.clock.wall();
        let signer = self.wires.signer.as_ref();
        let body = Bytes::from(sealing::request(signer, account, message, self.settings.form, now).await?);
        Ok(Outgoing { url, wire, digest: crate::digest::of(&body), body })
    }

    async fn call<T, Fut>(
        &self,
        account: &SatAccount,
        operation: &Operation,
        subject: String,
        lease: Option<LeaseProof>,
        outgoing: &Outgoing,
        send: impl Fn(Token) -> Fut,
    ) -> Result<Done<T>, CallError>
    where
        T: Serialize,
        Fut: Future<Output = Result<Reply<T>, Fault>>,
    {
        let call = Call {
            operation,
            subject: Some(subject),
            lease,
            request_digest: outgoing.digest,
            request_size: outgoing.body.len() as u64,
            deadline: self.settings.patience,
        };
        self.upstream(account).call(&self.account(account), &call, |token, _| send(token)).await
    }

    async fn post(&self, outgoing: &Outgoing, token: &Token, operation: &Operation) -> Result<Response, Fault> {
        let post = Post {
            url: &outgoing.url,
            action: outgoing.wire.soap_action(),
            body: outgoing.body.clone(),
            token: Some(token),
            timeout: operation.timeout,
        };
        self.wires.http.post(post).await
    }

    async fn send_ask(&self, outgoing: &Outgoing, token: &Token) -> Result<Reply<SatAsked>, Fault> {
        let arrived = Arrived::read(self.post(outgoing, token, &self.operations.ask).await?).await?;
        let settled = arrived.settle(|body| reply::asked(outgoing.wire, body))?;
        honoured(&settled.value.cod_estatus, &settled.value.mensaje)?;
        if is_refusal(outgoing.wire, &settled.value.cod_estatus) {
            return Err(Fault::Rejected(Notice::new(&settled.value.cod_estatus, &settled.value.mensaje)));
        }
        Ok(answered(settled))
    }

    async fn send_verify(&self, outgoing: &Outgoing, token: &Token) -> Result<Reply<SatVerified>, Fault> {
        let arrived = Arrived::read(self.post(outgoing, token, &self.operations.verify).await?).await?;
        if let Some(busy) = arrived.busy() {
            return Err(busy);
        }
        let settled = arrived.settle(reply::verified)?;
        honoured(&settled.value.cod_estatus, &settled.value.mensaje)?;
        if settled.value.cod_estatus == UNCONTROLLED {
            let notice = Notice::new(UNCONTROLLED, settled.value.mensaje);
            return Err(Fault::Throttled { after: self.settings.uncontrolled_wait, notice: Some(notice) });
        }
        let waiting = settled.value.cod_estatus == ACCEPTED && matches!(settled.value.estado, 1 | 2);
        Ok(answered(settled).quiet_if(waiting))
    }

    async fn send_download(&self, outgoing: &Outgoing, token: &Token, slot: Box<dyn Slot>) -> Result<Reply<SatDownloaded>, Fault> {
        let response = self.post(outgoing, token, &self.operations.download).await?;
        if response.status() != StatusCode::OK {
            return Err(Arrived::read(response).await?.failed());
        }
        let received = download::receive(stream(response), slot, self.settings.package_ceiling).await.map_err(broken)?;
        let respuesta = accept(StatusCode::OK, Ok(received.reply))?;
        honoured(&respuesta.cod_estatus, &respuesta.mensaje)?;
        let value = SatDownloaded { cod_estatus: respuesta.cod_estatus, mensaje: respuesta.mensaje, kept: received.kept };
        Ok(Reply::new(value, received.digest, received.size))
    }

    async fn recall<T>(
        &self,
        account: &SatAccount,
        operation: &Operation,
        subject: String,
        lease: Option<LeaseProof>,
    ) -> Result<Recalled<T>, CallError>
    where
        T: serde::de::DeserializeOwned,
    {
        match self.upstream(account).recall(&account.scope, operation, &subject, lease).await? {
            // A rejected message was not processed: as good as none.
            upstream::Recalled::Nothing | upstream::Recalled::Rejected(_) => Ok(Recalled::Nothing),
            upstream::Recalled::Answered { value, .. } => Ok(Recalled::Answered(value)),
            upstream::Recalled::Uncertain { .. } => {
                Ok(Recalled::Uncertain(self.ports.ledger.count(&account.scope, operation.name, Some(&subject)).await?))
            }
        }
    }
}

/// The authorities there are.
const WORLDS: [(Environment, Family); 4] = [
    (Environment::Production, Family::Cfdi),
    (Environment::Production, Family::Retenciones),
    (Environment::Sandbox, Family::Cfdi),
    (Environment::Sandbox, Family::Retenciones),
];

fn crossed(error: EndpointError) -> CallError {
    CallError::Port(PortError::caused(error.code(), error.to_string(), error))
}

/// A refused token is the one code that the engine can mend.
fn honoured(cod_estatus: &str, mensaje: &str) -> Result<(), Fault> {
    if cod_estatus == TOKEN_REFUSED {
        return Err(Fault::SessionRefused(Notice::new(cod_estatus, mensaje)));
    }
    Ok(())
}

/// Whether SAT turned a request away at the door: nothing was registered, so that the same request
/// may be sent again once the reason is gone. Any other answer may have counted. The day's limit of a
/// folio (5011) is gone the next day.
fn is_refusal(wire: Wire, cod_estatus: &str) -> bool {
    matches!(cod_estatus, "301" | "302" | "303" | "304" | "305") || (wire == Wire::Folio && cod_estatus == "5011")
}

fn answered<T>(settled: Settled<T>) -> Reply<T> {
    Reply::new(settled.value, settled.digest, settled.size)
}

/// A package that is not durable has not come, whoever is to blame; SAT may have counted it.
fn broken(error: Broken) -> Fault {
    match error {
        Broken::NoAnswer(error) => silence(StatusCode::OK, &error),
        Broken::Cut(_) | Broken::Kept(_) => Fault::Unanswered(error.to_string()),
    }
}

/// The slot of the first attempt, opened before anything is sent: a store that cannot take a
/// package must not cost one of its two downloads.
struct FirstSlot(Mutex<Option<Box<dyn Slot>>>);

impl FirstSlot {
    async fn open(shelf: &dyn Shelf) -> Result<Self, CallError> {
        let slot = shelf.begin().await;
        let slot = slot.map_err(|error| PortError::caused(error.code(), "no room for a package could be opened", error))?;
        Ok(Self(Mutex::new(Some(slot))))
    }

    /// Each attempt has its own.
    async fn take(&self, shelf: &dyn Shelf) -> Result<Box<dyn Slot>, Fault> {
        let first = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        match first {
            Some(slot) => Ok(slot),
            None => shelf.begin().await.map_err(|error| Fault::Unreachable(format!("no room for a package: {error}"))),
        }
    }
}

#[async_trait]
impl Sat for SatClient {
    async fn login(&self, account: &SatAccount) -> Result<Timestamp, CallError> {
        self.address(account, Door::Autentica)?;
        // A credential that cannot sign is told by its own code, and costs it no cooling down.
        sealing::login(self.wires.signer.as_ref(), account, self.ports.clock.wall()).await?;
        let operation = &self.operations.session;
        let call = Call {
            operation,
            subject: None,
            lease: None,
            request_digest: crate::digest::of(&[]),
            request_size: 0,
            deadline: self.settings.patience,
        };
        // Nothing but the session is wanted of this call, so nothing is sent with it.
        let found =
            |token: Token, _| async move { Ok(Reply::new(to_millis(token.expires()), crate::digest::of(&[]), 0).quiet_if(true)) };
        let done = self.upstream(account).call(&self.account(account), &call, found).await?;
        Ok(from_millis(done.value))
    }

    async fn ask(
        &self,
        account: &SatAccount,
        request: &SatRequest,
        subject: SolicitudId,
        lease: Option<LeaseProof>,
    ) -> Result<SatAsked, CallError> {
        let outgoing = &self.compose(account, &Message::ask(&account.rfc, request)).await?;
        let send = |token: Token| async move { self.send_ask(outgoing, &token).await };
        match self.call(account, &self.operations.ask, subject.to_string(), lease, outgoing, send).await {
            Ok(done) => Ok(done.value),
            // On record it is a no without effect; to the services it is an answer like any other.
            Err(CallError::Fault(Fault::Rejected(no))) if is_refusal(outgoing.wire, &no.code) => {
                Ok(SatAsked { cod_estatus: no.code, mensaje: no.text, id_solicitud: None })
            }
            Err(error) => Err(error),
        }
    }

    async fn verify(
        &self,
        account: &SatAccount,
        id_solicitud: &str,
        subject: SolicitudId,
        lease: Option<LeaseProof>,
    ) -> Result<SatVerified, CallError> {
        let outgoing = &self.compose(account, &Message::verifica(&account.rfc, id_solicitud)).await?;
        let send = |token: Token| async move { self.send_verify(outgoing, &token).await };
        let done = self.call(account, &self.operations.verify, subject.to_string(), lease, outgoing, send).await?;
        Ok(done.value)
    }

    async fn download(
        &self,
        account: &SatAccount,
        id_paquete: &str,
        subject: PackageId,
        lease: Option<LeaseProof>,
        shelf: &dyn Shelf,
    ) -> Result<SatDownloaded, CallError> {
        let outgoing = &self.compose(account, &Message::descargar(&account.rfc, id_paquete)).await?;
        let first = &FirstSlot::open(shelf).await?;
        let send = |token: Token| async move { self.send_download(outgoing, &token, first.take(shelf).await?).await };
        let done = self.call(account, &self.operations.download, subject.to_string(), lease, outgoing, send).await?;
        Ok(done.value)
    }

    async fn recall_ask(
        &self,
        account: &SatAccount,
        subject: SolicitudId,
        lease: Option<LeaseProof>,
    ) -> Result<Recalled<SatAsked>, CallError> {
        self.recall(account, &self.operations.ask, subject.to_string(), lease).await
    }

    async fn recall_download(
        &self,
        account: &SatAccount,
        subject: PackageId,
        lease: Option<LeaseProof>,
    ) -> Result<Recalled<SatDownloaded>, CallError> {
        self.recall(account, &self.operations.download, subject.to_string(), lease).await
    }
}
