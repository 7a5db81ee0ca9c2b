//! Misbehaviour on request: which call goes wrong, how, and how often.
//!
//! A fault is armed for an operation and a number of calls and is spent one call at a time, first
//! armed first. What it does to the wire is `http`'s business; what it does to an answer,
//! `service`'s.

use super::answer::Operation;
use super::ledger::Script;
use std::collections::VecDeque;

/// Most faults that may wait at once; more is a mistake of the test.
const MAX_ARMED: usize = 1_000;

/// How a call goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The connection is dropped as soon as it is made; the operation does not matter.
    Refuse,
    /// The request is read and the connection dropped; nothing was done.
    Close,
    /// The request is done, durably, and the connection dropped before a byte of the answer.
    Cut,
    /// The request is read and nothing happens, until released.
    HangBefore,
    /// The request is done, durably, and never answered.
    Hang,
    /// The request is done, durably, and answered when released.
    Hold,
    /// That HTTP status with an HTML body; nothing was done.
    Http(u16),
    /// HTTP 200 with an HTML body; nothing was done.
    Html,
    /// The request is done; the answer breaks off half-way and the connection is dropped.
    Truncated,
    /// The request is done; the gzip stream of the answer ends half-way, the HTTP message does not.
    TruncatedGzip,
    /// The request is done; the answer trickles.
    Slow,
    /// The answer names another request, or packages of another.
    WrongId,
    /// A package is handed out and counted, with nothing in it.
    EmptyPaquete,
    /// The call is refused with that code; nothing was done.
    Code(u16),
    /// The call is answered 404 as an application code, after it was done.
    NotControlledButDone,
    /// The answer bears a code or state that no document knows.
    Unknown,
    /// A verification tells of that EstadoSolicitud, whatever is true.
    State(u8),
    /// The request takes that course (Solicita), or seems to (Verifica).
    Scripted(Script),
}

impl Fault {
    /// The fault of a name, as the control address takes it: `503`, `rejected:5002`, `code:305`.
    pub fn parse(name: &str) -> Option<Self> {
        let (name, number) = name.split_once(':').map_or((name, None), |(name, it)| (name, it.parse::<u16>().ok()));
        Some(match (name, number) {
            ("refuse", None) => Self::Refuse,
            ("close", None) => Self::Close,
            ("cut", None) => Self::Cut,
            ("hang_before", None) => Self::HangBefore,
            ("hang", None) => Self::Hang,
            ("hold", None) => Self::Hold,
            ("500", None) => Self::Http(500),
            ("502", None) => Self::Http(502),
            ("503", None) => Self::Http(503),
            ("404", None) => Self::Http(404),
            ("429", None) => Self::Http(429),
            ("http", Some(status)) => Self::Http(status),
            ("html", None) => Self::Html,
            ("truncated", None) => Self::Truncated,
            ("truncated_gzip", None) => Self::TruncatedGzip,
            ("slow", None) => Self::Slow,
            ("wrong_id", None) => Self::WrongId,
            ("empty_paquete", None) => Self::EmptyPaquete,
            ("300", None) => Self::Code(300),
            ("304", None) => Self::Code(304),
            ("305", None) => Self::Code(305),
            ("error_404", None) => Self::Code(404),
            ("error_404_done", None) => Self::NotControlledButDone,
            ("code", Some(code)) => Self::Code(code),
            ("state", Some(state)) => Self::State(u8::try_from(state).ok()?),
            ("unknown_code", None) => Self::Unknown,
            ("stuck", None) => Self::Scripted(Script::Stuck),
            ("state4", None) => Self::Scripted(Script::State4),
            ("rejected", Some(code)) => Self::Scripted(Script::Rejected(code)),
            ("5003", None) => Self::Scripted(Script::Rejected(5003)),
            ("5010", None) => Self::Scripted(Script::Code5010),
            ("zero_count", None) => Self::Scripted(Script::ZeroCount),
            ("expired", None) => Self::Scripted(Script::Expired),
            _ => return None,
        })
    }

    /// Whether it strikes before the call is looked at.
    pub(super) fn is_before(self) -> bool {
        matches!(self, Self::Refuse | Self::Close | Self::HangBefore | Self::Http(_) | Self::Html)
    }
}

/// Which calls a fault is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// The next call, whatever it is.
    Any,
    /// Any of the three that register a request.
    Solicita,
    /// One operation.
    Only(Operation),
}

impl Target {
    /// The target of a name: an operation's, its short form, `Solicita` or `any`.
    pub fn parse(name: &str) -> Option<Self> {
        let short = match name.to_ascii_lowercase().as_str() {
            "any" => return Some(Self::Any),
            "solicita" => return Some(Self::Solicita),
            "verifica" => Operation::VerificaSolicitudDescarga,
            "emitidos" => Operation::SolicitaDescargaEmitidos,
            "recibidos" => Operation::SolicitaDescargaRecibidos,
            "folio" => Operation::SolicitaDescargaFolio,
            "descarga" => Operation::Descargar,
            "69b" => Operation::Lista69B,
            "retencion" => Operation::ConsultaRetencion,
            other => *Operation::ALL.iter().chain(&Operation::PAGES).find(|it| format!("{it:?}").eq_ignore_ascii_case(other))?,
        };
        Some(Self::Only(short))
    }

    fn covers(self, operation: Operation) -> bool {
        match self {
            Self::Any => true,
            Self::Solicita => operation.is_solicita(),
            Self::Only(it) => it == operation,
        }
    }
}

/// Why a fault could not be armed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("at most {MAX_ARMED} faults can be armed at once")]
pub struct TooManyFaults;

impl TooManyFaults {
    /// Its place in the table of error codes.
    pub fn code(&self) -> fedatario_base::Code {
        fedatario_base::Code::Usage
    }
}

/// The faults that wait for their call.
#[derive(Debug, Default)]
pub(super) struct Armed(VecDeque<(Target, Fault, u32)>);

impl Armed {
    pub fn arm(&mut self, target: Target, fault: Fault, times: u32) -> Result<(), TooManyFaults> {
        if self.0.len() >= MAX_ARMED {
            return Err(TooManyFaults);
        }
        if times > 0 {
            self.0.push_back((target, fault, times));
        }
        Ok(())
    }

    pub fn clear(&mut self) {
        self.0.clear();
    }

    /// How many calls are still to go wrong.
    pub fn waiting(&self) -> u64 {
        self.0.iter().map(|(_, _, times)| u64::from(*times)).sum()
    }

    /// Spends one connection that is to be refused.
    pub fn refuses_connection(&mut self) -> bool {
        let at = self.0.iter().position(|(_, fault, _)| *fault == Fault::Refuse);
        at.map(|it| self.spend(it)).is_some()
    }

    /// Spends the fault that the call meets, if any.
    pub fn meet(&mut self, operation: Operation) -> Option<Fault> {
        let at = self.0.iter().position(|(target, fault, _)| *fault != Fault::Refuse && target.covers(operation))?;
        Some(self.spend(at))
    }

    fn spend(&mut self, at: usize) -> Fault {
        let (_, fault, times) = &mut self.0[at];
        *times -= 1;
        let (fault, left) = (*fault, *times);
        if left == 0 {
            self.0.remove(at);
        }
        fault
    }
}
