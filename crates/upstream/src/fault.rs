//! What goes wrong, in the only terms the engine acts on, and what it tells its caller.
//!
//! A [`Fault`] is how a client classifies an authority's behaviour; a [`CallError`] is what is left
//! after the engine has reacted. Texts here are for logs; [`CallError::code`] is for programs, and
//! the authority's own code and words travel in the [`Notice`].

use fedatario_base::Code;
use fedatario_base::id::ExchangeId;
use std::time::Duration;

/// The longest text of an authority that is kept, in characters: enough for every message known,
/// too little for an error page to fill the ledger.
pub const NOTICE_MAX_CHARS: usize = 2_000;

/// The longest delay that an authority's "later" is believed, so that a hostile or broken
/// `Retry-After` cannot park a job for years.
pub const THROTTLE_MAX: Duration = Duration::from_secs(6 * 60 * 60);

/// An authority's own code and words, kept beside ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// Their code, as `5002`, `503`, `a:InvalidSecurity`.
    pub code: String,
    /// Their words.
    pub text: String,
}

impl Notice {
    /// Keeps both, cut at [`NOTICE_MAX_CHARS`].
    pub fn new(code: impl Into<String>, text: impl Into<String>) -> Self {
        Self { code: cut(code.into()), text: cut(text.into()) }
    }

    fn bounded(self) -> Self {
        Self::new(self.code, self.text)
    }
}

impl std::fmt::Display for Notice {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.code, self.text)
    }
}

fn cut(mut text: String) -> String {
    if let Some((at, _)) = text.char_indices().nth(NOTICE_MAX_CHARS) {
        text.truncate(at);
    }
    text
}

/// What went wrong, as the client classified it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The session is not honoured; the operation took no effect.
    #[error("the session was refused ({0})")]
    SessionRefused(Notice),
    /// Not now; the operation took no effect.
    #[error("asked to come back in {after:?}")]
    Throttled {
        /// When to come back.
        after: Duration,
        /// Their words, if any.
        notice: Option<Notice>,
    },
    /// Nothing reached them, so repeating is safe. The text never holds a secret.
    #[error("could not be reached: {0}")]
    Unreachable(String),
    /// It may have reached them. Ask what became of it before sending it again. The text never
    /// holds a secret.
    #[error("gave no answer of its own: {0}")]
    Unanswered(String),
    /// Their no: final, and without effect.
    #[error("rejected ({0})")]
    Rejected(Notice),
}

impl Fault {
    /// Its name, as rows and the coverage table write it.
    pub fn name(&self) -> &'static str {
        match self {
            Fault::SessionRefused(_) => "SessionRefused",
            Fault::Throttled { .. } => "Throttled",
            Fault::Unreachable(_) => "Unreachable",
            Fault::Unanswered(_) => "Unanswered",
            Fault::Rejected(_) => "Rejected",
        }
    }

    /// The code a caller sees if this is where it ends.
    pub fn code(&self) -> Code {
        match self {
            Fault::SessionRefused(_) => Code::AuthoritySession,
            Fault::Throttled { .. } => Code::AuthorityThrottled,
            Fault::Unreachable(_) => Code::AuthorityUnreachable,
            Fault::Unanswered(_) => Code::AuthorityUnanswered,
            Fault::Rejected(_) => Code::AuthorityRejected,
        }
    }

    /// Their words, or ours about their silence (under the code `-`).
    pub fn notice(&self) -> Option<Notice> {
        match self {
            Fault::SessionRefused(notice) | Fault::Rejected(notice) => Some(notice.clone()),
            Fault::Throttled { notice, .. } => notice.clone(),
            Fault::Unreachable(text) | Fault::Unanswered(text) => Some(Notice::new("-", text.as_str())),
        }
    }

    /// Whether it says that the authority is ill, rather than that it said no.
    pub fn is_outage(&self) -> bool {
        match self {
            Fault::Unreachable(_) | Fault::Unanswered(_) => true,
            Fault::SessionRefused(_) | Fault::Throttled { .. } | Fault::Rejected(_) => false,
        }
    }

    /// Every text and delay within its bound, whatever the client let through.
    pub(crate) fn bounded(self) -> Self {
        match self {
            Fault::SessionRefused(notice) => Fault::SessionRefused(notice.bounded()),
            Fault::Throttled { after, notice } => {
                Fault::Throttled { after: after.min(THROTTLE_MAX), notice: notice.map(Notice::bounded) }
            }
            Fault::Unreachable(text) => Fault::Unreachable(cut(text)),
            Fault::Unanswered(text) => Fault::Unanswered(cut(text)),
            Fault::Rejected(notice) => Fault::Rejected(notice.bounded()),
        }
    }
}

/// A port failed. The code is the implementation's own.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct PortError {
    code: Code,
    message: String,
    #[source]
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl PortError {
    /// A failure with the code of whoever failed and an English text for logs.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), source: None }
    }

    /// The same, keeping its cause.
    pub fn caused(code: Code, message: impl Into<String>, cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self { code, message: message.into(), source: Some(cause.into()) }
    }

    /// The implementation's code.
    pub fn code(&self) -> Code {
        self.code
    }
}

/// Why the ledger would not let an exchange open or depart.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// The job's lease is not ours any more.
    #[error("the job's lease was lost")]
    LeaseLost,
    /// A later exchange for the same subject took this one's place before it departed.
    #[error("a later exchange took this one's place")]
    Superseded,
    /// The operation has reached the authority for this subject as often as it may.
    #[error("no attempt is left for this subject ({made} made)")]
    AttemptsExhausted {
        /// How often it did.
        made: u32,
    },
    /// An earlier exchange for the same subject departed and was never closed.
    #[error("exchange {0} departed and was never closed")]
    StillOpen(ExchangeId),
    /// The ledger itself failed.
    #[error("the ledger failed")]
    Port(#[from] PortError),
}

impl Refusal {
    /// The code a caller sees.
    pub fn code(&self) -> Code {
        match self {
            Refusal::LeaseLost | Refusal::Superseded => Code::LeaseLost,
            Refusal::AttemptsExhausted { .. } => Code::AttemptsExhausted,
            Refusal::StillOpen(_) => Code::AuthorityUnanswered,
            Refusal::Port(error) => error.code(),
        }
    }
}

/// Why a call has to wait longer than its deadline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Why {
    /// The authority was out of reach, silent or busy, as often as one call tries.
    Fault(Fault),
    /// The breaker of the authority is open.
    Breaker,
    /// No token is left for the credential or the authority.
    Bucket,
    /// The credential cools down after a refused login.
    Cooling,
    /// Somebody else is opening this credential's session.
    Login,
}

impl Why {
    /// The code a caller sees.
    pub fn code(&self) -> Code {
        match self {
            Why::Fault(fault) => fault.code(),
            Why::Breaker => Code::BreakerOpen,
            Why::Bucket => Code::AuthorityThrottled,
            Why::Cooling | Why::Login => Code::LoginCooling,
        }
    }
}

/// How a call ended that was not answered.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// Final: the authority's no, with its words.
    #[error("the authority {0}")]
    Fault(Fault),
    /// The credential was refused at login, with the authority's words; the operation was not
    /// sent. The credential cools down.
    #[error("the login was refused ({0})")]
    LoginRefused(Notice),
    /// Nothing took effect; the same call may be made after the delay.
    #[error("to be tried again in {after:?}: {why:?}")]
    Later {
        /// How long to leave it.
        after: Duration,
        /// What is in the way.
        why: Why,
    },
    /// The operation may have taken effect and must not be repeated before asking.
    #[error("what became of exchange {exchange} is unknown")]
    Uncertain {
        /// The exchange that was not answered.
        exchange: ExchangeId,
        /// What is known about the silence.
        notice: Option<Notice>,
    },
    /// The job belongs to somebody else now; nothing was sent.
    #[error("the job's lease was lost")]
    LeaseLost,
    /// The operation has reached the authority for this subject as often as it may; nothing was sent.
    #[error("no attempt is left for this subject ({made} made)")]
    AttemptsExhausted {
        /// How often it did.
        made: u32,
    },
    /// One of our own parts failed.
    #[error("a port of the engine failed")]
    Port(#[from] PortError),
}

impl CallError {
    /// Its place in the table of codes.
    pub fn code(&self) -> Code {
        match self {
            CallError::Fault(fault) => fault.code(),
            CallError::LoginRefused(_) => Code::AuthoritySession,
            CallError::Later { why, .. } => why.code(),
            CallError::Uncertain { .. } => Code::AuthorityUnanswered,
            CallError::LeaseLost => Code::LeaseLost,
            CallError::AttemptsExhausted { .. } => Code::AttemptsExhausted,
            CallError::Port(error) => error.code(),
        }
    }
}

impl From<Refusal> for CallError {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::LeaseLost | Refusal::Superseded => CallError::LeaseLost,
            Refusal::AttemptsExhausted { made } => CallError::AttemptsExhausted { made },
            Refusal::StillOpen(exchange) => CallError::Uncertain { exchange, notice: None },
            Refusal::Port(error) => CallError::Port(error),
        }
    }
}
