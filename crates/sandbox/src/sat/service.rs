//! The order in which a call is judged, and what comes of it.
//!
//! Token first, then certificate, then whose RFC it is, then the signature, then the content, then
//! whether it was asked for before. A request is in the books, and a download counted, before the
//! answer that says so exists.

use super::answer::{self, Operation, SoapFault, Standing, Status};
use super::config::Mode;
use super::consulta;
use super::corpus::Family;
use super::fault::Fault;
use super::journal::{Durability, JournalError};
use super::ledger::{Event, Script, Solicitud, Stage};
use super::message::Message;
use super::package::Tipo;
use super::rules::{self, Criteria, Flaw, Sent};
use super::sandbox::{Call, Sandbox, append, is_done, mexico, package_id};
use super::signature::{self, Profile};
use super::token;
use fedatario_credentials::Certificate;
use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

/// Difference between the wall and a login's stamp that is accepted, in seconds: the framework's own.
const LOGIN_WINDOW_SECONDS: i64 = 300;
/// A code and a state that no document knows.
const UNKNOWN_CODE: u16 = 5999;
const UNKNOWN_STATE: u8 = 9;

/// A call as it came in, its transport taken off.
#[derive(Debug)]
pub(super) struct Incoming<'a> {
    pub family: Family,
    /// The operations that live at the address called.
    pub served: &'static [Operation],
    pub action: &'a str,
    pub token: &'a str,
    pub body: &'a [u8],
}

/// What goes back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Reply {
    pub status: u16,
    pub body: String,
    /// Sent in chunks, without a length.
    pub chunked: bool,
}

/// What a call came to, for the counts and the log.
struct Outcome {
    reply: Reply,
    code: Option<u16>,
    rfc: Option<String>,
    profile: Option<Profile>,
}

impl Outcome {
    fn fault(fault: &SoapFault) -> Self {
        Self { reply: Reply { status: 500, body: answer::fault(fault), chunked: false }, code: None, rfc: None, profile: None }
    }

    fn of(code: u16, body: String) -> Self {
        Self { reply: Reply { status: 200, body, chunked: false }, code: Some(code), rfc: None, profile: None }
    }
}

/// Who calls, once that is established.
struct Caller {
    certificate: Certificate,
    profile: Profile,
}

/// What was decided about a call before its own business.
struct Refusal {
    status: Status,
    rfc: Option<String>,
    profile: Option<Profile>,
}

impl Refusal {
    fn of(code: u16) -> Self {
        Self { status: Status::of(code), rfc: None, profile: None }
    }

    fn by(status: Status, caller: &Caller) -> Self {
        Self { status, rfc: Some(caller.certificate.rfc().to_owned()), profile: Some(caller.profile.clone()) }
    }
}

/// The operation that a SOAPAction names, bare or in quotes.
pub(super) fn operation(action: &str) -> Option<Operation> {
    let bare = action.trim().trim_matches('"');
    Operation::ALL.into_iter().find(|it| it.action() == bare)
}

impl Sandbox {
    /// Judges a call and does what it asks. Books that cannot be kept are an outage, never an answer.
    pub(super) fn answer(&self, call: &Incoming<'_>, fault: Option<Fault>) -> Result<Reply, JournalError> {
        let operation = operation(call.action);
        let outcome = self.outcome(call, operation, fault)?;
        let refused = outcome.code != Some(5000);
        if refused && operation != Some(Operation::Consulta) {
            self.record(Event::Refused, Durability::Later)?;
        }
        self.note(Call {
            at: self.config.clock.wall(),
            family: call.family,
            operation,
            rfc: outcome.rfc,
            code: outcome.code.map_or_else(|| "fault".into(), |it| it.to_string()),
            profile: outcome.profile,
            fault: fault.map(|it| format!("{it:?}")),
        });
        Ok(outcome.reply)
    }

    fn outcome(&self, call: &Incoming<'_>, operation: Option<Operation>, fault: Option<Fault>) -> Result<Outcome, JournalError> {
        let unsupported = || Outcome::fault(&SoapFault::ActionNotSupported(call.action.trim_matches('"').to_owned()));
        let Some(operation) = operation.filter(|it| call.served.contains(it)) else { return Ok(unsupported()) };
        let Ok(message) = Message::parse(call.body) else {
            return Ok(Outcome {
                reply: Reply { status: 400, body: String::new(), chunked: false },
                code: None,
                rfc: None,
                profile: None,
            });
        };
        if message.operation() != Some(operation.element()) {
            return Ok(unsupported());
        }
        match operation {
            Operation::Autentica => self.autentica(call, &message, fault),
            Operation::Consulta => Ok(Outcome::of(5000, consulta::answer(self, &message))),
            _ => self.signed(call, operation, &message, fault),
        }
    }

    fn autentica(&self, call: &Incoming<'_>, message: &Message, fault: Option<Fault>) -> Result<Outcome, JournalError> {
        let invalid = || Outcome::fault(&SoapFault::InvalidSecurity);
        let scripted = matches!(fault, Some(Fault::Code(_) | Fault::Unknown));
        let Some((certificate, profile)) = self.login(message).filter(|_| !scripted) else { return Ok(invalid()) };
        let now = self.config.clock.wall();
        let token = token::issue(&self.token_key, call.family, certificate.number(), now);
        self.record(Event::Login, Durability::Later)?;
        let mut outcome = Outcome::of(5000, answer::autentica(&token, now));
        (outcome.rfc, outcome.profile) = (Some(certificate.rfc().to_owned()), Some(profile));
        Ok(outcome)
    }

    /// A token goes to any certificate that can be read, a seal's too: production does the same.
    fn login(&self, message: &Message) -> Option<(Certificate, Profile)> {
        let login = message.login()?;
        let (created, expires): (Timestamp, Timestamp) = (login.created.parse().ok()?, login.expires.parse().ok()?);
        let now = self.config.clock.wall();
        let window = SignedDuration::from_secs(LOGIN_WINDOW_SECONDS);
        let fresh = created <= now + window && now - window <= created && created < expires;
        let certificate = Certificate::parse(login.certificate.as_bytes()).ok()?;
        let profile = signature::of_login(message, &login, &certificate);
        (fresh && login.is_bound() && profile.is_complete()).then_some((certificate, profile))
    }

    fn signed(
        &self,
        call: &Incoming<'_>,
        operation: Operation,
        message: &Message,
        fault: Option<Fault>,
    ) -> Result<Outcome, JournalError> {
        let unreadable = || Outcome::fault(&SoapFault::Deserialization(operation.element().1));
        let Some(sent) = message.sent(operation) else { return Ok(unreadable()) };
        if rules::readable(&sent).is_err() {
            return Ok(unreadable());
        }
        if let Some(Fault::Code(code)) = fault {
            return Ok(self.refuse(operation, &Refusal::of(code)));
        }
        let caller = match self.caller(call, operation, message, &sent) {
            Ok(caller) => caller,
            Err(refusal) => return Ok(self.refuse(operation, &refusal)),
        };
        let mut outcome = match operation {
            Operation::VerificaSolicitudDescarga => self.verifica(call.family, &caller, &sent, fault),
            Operation::Descargar => self.descargar(call.family, &caller, &sent, fault)?,
            _ => self.solicita(call.family, operation, &caller, &sent, fault)?,
        };
        (outcome.rfc, outcome.profile) = (Some(caller.certificate.rfc().to_owned()), Some(caller.profile));
        Ok(outcome)
    }

    fn caller(&self, call: &Incoming<'_>, operation: Operation, message: &Message, sent: &Sent) -> Result<Caller, Refusal> {
        let wall = self.config.clock.wall();
        let holder = token::check(&self.token_key, call.family, call.token, wall).ok_or_else(|| Refusal::of(300))?;
        let text = message.certificate(operation).ok_or_else(|| Refusal::of(302))?;
        let certificate = Certificate::parse(text.as_bytes()).map_err(|_| Refusal::of(305))?;
        if holder != certificate.number() {
            return Err(Refusal::of(300)); // Somebody else's token.
        }
        let profile = signature::of_request(operation, message, &certificate);
        if !profile.is_complete() {
            tracing::warn!(?operation, ?profile, "a signature matches no known form");
        }
        let caller = Caller { certificate, profile };
        if let Some(code) = self.trust.refusal(&caller.certificate, wall) {
            return Err(Refusal::by(Status::of(code), &caller));
        }
        let own = own_rfc(operation, sent);
        if own.is_some_and(|rfc| rfc.to_uppercase() != caller.certificate.rfc()) {
            return Err(Refusal::by(Status::of(303), &caller));
        }
        if self.config.mode == Mode::Strict && !caller.profile.is_complete() {
            return Err(Refusal::by(Status::of(302), &caller));
        }
        if own.is_none() && operation != Operation::SolicitaDescargaFolio {
            let missing = Status::malformed(&format!("El {} es obligatorio.", own_name(operation)));
            return Err(Refusal::by(missing, &caller));
        }
        Ok(caller)
    }

    fn refuse(&self, operation: Operation, refusal: &Refusal) -> Outcome {
        let body = match operation {
            Operation::VerificaSolicitudDescarga => answer::verifica(&refusal.status, &Standing::none()),
            Operation::Descargar => answer::descargar(&refusal.status, &[]),
            // The one refusal that was seen to bear an id, which proves nothing.
            _ if refusal.status.code == 404 => answer::solicita(operation, &refusal.status, Some(Uuid::new_v4()), None),
            _ => answer::solicita(operation, &refusal.status, None, None),
        };
        let mut outcome = Outcome::of(refusal.status.code, body);
        (outcome.rfc, outcome.profile) = (refusal.rfc.clone(), refusal.profile.clone());
        outcome
    }

    fn solicita(
        &self,
        family: Family,
        operation: Operation,
        caller: &Caller,
        sent: &Sent,
        fault: Option<Fault>,
    ) -> Result<Outcome, JournalError> {
        let refused = |status: Status| Ok(self.refuse(operation, &Refusal { status, rfc: None, profile: None }));
        let now = self.now();
        let criteria = match rules::criteria(operation, family, sent, mexico(now)) {
            Ok(criteria) => criteria,
            Err(Flaw::Refused(status)) => return refused(status),
            Err(Flaw::Unreadable) => return Ok(Outcome::fault(&SoapFault::Deserialization(operation.element().1))),
        };
        let rfc = caller.certificate.rfc();
        if sent.get("RfcSolicitante").is_some_and(|it| it != rfc) {
            return refused(Status::of(5001));
        }
        match self.register(family, rfc, criteria, now, fault)? {
            Ok(id) if fault == Some(Fault::NotControlledButDone) => {
                Ok(Outcome::of(404, answer::solicita(operation, &Status::of(404), Some(id), None)))
            }
            Ok(_) if fault == Some(Fault::Unknown) => {
                Ok(Outcome::of(UNKNOWN_CODE, answer::solicita(operation, &Status::of(UNKNOWN_CODE), None, None)))
            }
            Ok(id) => {
                let id = if fault == Some(Fault::WrongId) { Uuid::new_v4() } else { id };
                Ok(Outcome::of(5000, answer::solicita(operation, &Status::of(5000), Some(id), Some(rfc))))
            }
            // An id goes with these two although nothing was accepted.
            Err(code @ (5002 | 5004)) => {
                Ok(Outcome::of(code, answer::solicita(operation, &Status::of(code), Some(Uuid::new_v4()), Some(rfc))))
            }
            Err(code) => refused(Status::of(code)),
        }
    }

    /// Accepts a request unless it was asked for before; durable when this returns.
    fn register(
        &self,
        family: Family,
        rfc: &str,
        criteria: Criteria,
        now: Timestamp,
        fault: Option<Fault>,
    ) -> Result<Result<Uuid, u16>, JournalError> {
        let mut books = self.books();
        let identical: Vec<Timestamp> = books.ledger.identical(family, rfc, &criteria).map(|it| it.accepted).collect();
        let refusal = if let Some(folio) = criteria.folio {
            self.folio_refusal(family, rfc, folio, &identical, now)
        } else if books.ledger.has_active(family, rfc, &criteria, now) {
            Some(5005)
        } else if criteria.tipo == Tipo::Cfdi && identical.len() >= self.config.limits.identical_per_life {
            Some(5002)
        } else {
            None
        };
        if let Some(code) = refusal {
            return Ok(Err(code));
        }
        let mut solicitud = self.solicitud(family, rfc, criteria, now);
        if let Some(Fault::Scripted(script)) = fault {
            solicitud.script = Some(script);
        }
        let id = solicitud.id;
        append(&mut books, Event::Accepted { solicitud }, Durability::Now)?;
        Ok(Ok(id))
    }

    fn folio_refusal(&self, family: Family, rfc: &str, folio: Uuid, identical: &[Timestamp], now: Timestamp) -> Option<u16> {
        let found = self.config.corpus.find(folio).map(|place| self.config.corpus.facts(place));
        let Some(facts) = found.filter(|it| it.family == family) else { return Some(5004) };
        let today = mexico(now).date();
        let asked_today = identical.iter().filter(|at| mexico(**at).date() == today).count();
        if facts.emisor.rfc != rfc && facts.receptor.rfc != rfc {
            Some(5001)
        } else if facts.is_cancelled(mexico(now)) {
            Some(5012)
        } else if asked_today >= self.config.limits.folios_per_day {
            Some(5011)
        } else if identical.len() >= self.config.limits.identical_per_life {
            Some(5002)
        } else {
            None
        }
    }

    fn verifica(&self, family: Family, caller: &Caller, sent: &Sent, fault: Option<Fault>) -> Outcome {
        let id = sent.get("IdSolicitud").and_then(|it| Uuid::parse_str(it).ok());
        let now = self.now();
        let found = id.and_then(|id| self.books().ledger.find(id, family, caller.certificate.rfc()).cloned());
        let Some(solicitud) = found else { return self.refuse(Operation::VerificaSolicitudDescarga, &Refusal::of(5004)) };
        let standing = match fault {
            Some(Fault::Scripted(script)) => self.pretended(&solicitud, script, now),
            _ => self.standing(&solicitud, now),
        };
        let status = if fault == Some(Fault::Unknown) { Status::of(UNKNOWN_CODE) } else { Status::of(5000) };
        Outcome::of(status.code, answer::verifica(&status, &bent(standing, fault)))
    }

    /// Where a request stands, its documents counted.
    fn standing(&self, it: &Solicitud, now: Timestamp) -> Standing {
        let plain = |state, reason| Standing { state, reason: Some(reason), count: 0, packages: Vec::new() };
        match it.stage(now) {
            Stage::Accepted => plain(1, 5000),
            Stage::Running => plain(2, 5000),
            Stage::Failed => plain(4, 404),
            Stage::Rejected(code) => plain(5, code),
            Stage::Expired => plain(6, 5000),
            Stage::Done => self.finished(it, now),
        }
    }

    fn finished(&self, it: &Solicitud, now: Timestamp) -> Standing {
        let selection = self.selection(it);
        let limits = self.config.limits;
        let most = if it.criteria.tipo == Tipo::Cfdi { limits.documents } else { limits.rows };
        let plain = |state, reason| Standing { state, reason: Some(reason), count: 0, packages: Vec::new() };
        if selection.delivered.is_empty() {
            return plain(5, 5004);
        }
        if selection.matched > most {
            return plain(5, 5003);
        }
        if it.is_gone(now) {
            return plain(6, 5000);
        }
        let packages = selection.delivered.len().div_ceil(self.per_package(it.criteria.tipo));
        Standing {
            state: 3,
            reason: Some(if it.script == Some(Script::Code5010) { 5010 } else { 5000 }),
            count: if it.script == Some(Script::ZeroCount) { 0 } else { selection.matched },
            packages: (1..=packages).map(|n| package_id(it.id, n)).collect(),
        }
    }

    /// One answer as if the request had taken that course; the next tells the truth again.
    fn pretended(&self, it: &Solicitud, script: Script, now: Timestamp) -> Standing {
        self.standing(&Solicitud { script: Some(script), ..it.clone() }, now)
    }

    fn descargar(&self, family: Family, caller: &Caller, sent: &Sent, fault: Option<Fault>) -> Result<Outcome, JournalError> {
        let refused = |code| Ok(self.refuse(Operation::Descargar, &Refusal::of(code)));
        let id = sent.get("IdPaquete").unwrap_or_default();
        let now = self.now();
        let Some((solicitud, places)) = self.locate(family, caller.certificate.rfc(), id, now) else { return refused(5004) };
        if solicitud.is_gone(now) || solicitud.stage(now) == Stage::Expired {
            return refused(5007);
        }
        let id = id.to_uppercase();
        let zip = match fault {
            Some(Fault::EmptyPaquete) => Vec::new(),
            _ => self.package(&solicitud, &id, &places)?,
        };
        if !self.count_download(&id)? {
            return refused(5008);
        }
        let status = if fault == Some(Fault::Unknown) { Status::of(UNKNOWN_CODE) } else { Status::of(5000) };
        let mut outcome = Outcome::of(status.code, answer::descargar(&status, &zip));
        outcome.reply.chunked = true;
        Ok(outcome)
    }

    /// The request and the documents that a package id names.
    fn locate(&self, family: Family, rfc: &str, id: &str, now: Timestamp) -> Option<(Solicitud, Vec<u32>)> {
        let (request, n) = id.rsplit_once('_')?;
        let (request, n) = (Uuid::parse_str(request).ok()?, n.parse::<usize>().ok()?);
        let solicitud = self.books().ledger.find(request, family, rfc).cloned()?;
        if !is_done(&solicitud, now) {
            return None;
        }
        let size = self.per_package(solicitud.criteria.tipo);
        let selection = self.selection(&solicitud);
        let most = if solicitud.criteria.tipo == Tipo::Cfdi { self.config.limits.documents } else { self.config.limits.rows };
        let chunk = selection.delivered.chunks(size).nth(n.checked_sub(1)?).filter(|_| selection.matched <= most)?;
        Some((solicitud, chunk.to_vec()))
    }

    /// Spends one of a package's downloads; false when none is left.
    fn count_download(&self, id: &str) -> Result<bool, JournalError> {
        let mut books = self.books();
        if books.ledger.downloads_of(id) >= self.config.limits.downloads_per_package {
            return Ok(false);
        }
        append(&mut books, Event::Downloaded { package: id.to_owned() }, Durability::Now)?;
        Ok(true)
    }
}

fn bent(mut standing: Standing, fault: Option<Fault>) -> Standing {
    match fault {
        Some(Fault::WrongId) => {
            let other = Uuid::new_v4();
            standing.packages = (1..=standing.packages.len()).map(|n| package_id(other, n)).collect();
        }
        Some(Fault::Unknown) => standing.state = UNKNOWN_STATE,
        Some(Fault::State(state)) => standing = Standing { state, reason: Some(5000), count: 0, packages: Vec::new() },
        _ => {}
    }
    standing
}

/// The attribute that must hold the RFC of the certificate.
fn own_name(operation: Operation) -> &'static str {
    match operation {
        Operation::SolicitaDescargaEmitidos => "RfcEmisor",
        Operation::SolicitaDescargaRecibidos => "RfcReceptor",
        _ => "RfcSolicitante",
    }
}

fn own_rfc(operation: Operation, sent: &Sent) -> Option<&str> {
    sent.get(own_name(operation))
}
