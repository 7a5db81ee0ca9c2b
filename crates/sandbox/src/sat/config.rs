//! How a sandbox is set up.

use super::corpus::Corpus;
use super::journal::{JournalError, StatePath};
use super::metadata::MetadataHeader;
use fedatario_base::Clock;
use fedatario_base::clock::SystemClock;
use fedatario_credentials::{Certificate, CredentialError};
use jiff::SignedDuration;
use std::collections::HashSet;
use std::sync::Arc;

/// How strictly signatures of requests are judged. Logins are always judged strictly.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mode {
    /// Any signature passes, as at SAT; the log says which form matched, or that none did.
    #[default]
    Lenient,
    /// 302 unless both the signature and the digest match one of the known forms.
    Strict,
}

/// Maxima, smaller when a test wants to reach them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Documents in one CFDI request.
    pub documents: usize,
    /// Rows in one metadata request.
    pub rows: usize,
    /// Documents in one package.
    pub documents_per_package: usize,
    /// Rows in one package.
    pub rows_per_package: usize,
    /// Requests for one document in one day.
    pub folios_per_day: usize,
    /// Identical CFDI requests that a taxpayer may have accepted in a lifetime.
    pub identical_per_life: usize,
    /// Downloads of one package.
    pub downloads_per_package: u32,
    /// Status queries, of CFDI and of retenciones together, in one second of the wall; more are answered
    /// 429. SAT publishes no figure; none means that all are answered.
    pub status_per_second: Option<u32>,
}

impl Default for Limits {
    fn default() -> Self {
        // The first two are SAT's; a package of this size stays a few tens of MiB.
        Self {
            documents: 200_000,
            rows: 1_000_000,
            documents_per_package: 5_000,
            rows_per_package: 250_000,
            folios_per_day: 2,
            identical_per_life: 2,
            downloads_per_package: 2,
            status_per_second: None,
        }
    }
}

/// How long a request stays in each state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Waits {
    /// In state 1.
    pub accepted: SignedDuration,
    /// In state 2.
    pub running: SignedDuration,
}

impl Default for Waits {
    fn default() -> Self {
        Self { accepted: SignedDuration::from_millis(150), running: SignedDuration::from_millis(150) }
    }
}

impl Waits {
    /// Done as soon as asked.
    pub const NONE: Self = Self { accepted: SignedDuration::ZERO, running: SignedDuration::ZERO };
}

/// Everything that a sandbox is told before it starts.
#[derive(Debug)]
pub struct SatConfig {
    /// Where its books are.
    pub state: StatePath,
    /// The documents it knows.
    pub corpus: Corpus,
    /// How it judges signatures.
    pub mode: Mode,
    /// Authorities trusted beside its own.
    pub trust: Vec<Certificate>,
    /// Certificates that it hands out by number, beside its own and those of its documents.
    pub certificates: Vec<Certificate>,
    /// Numbers of certificates that it says are revoked.
    pub revoked: HashSet<String>,
    /// Whether authorities that look real may be trusted.
    pub production_authorities: bool,
    /// Wall time; its service reading is not used.
    pub clock: Arc<dyn Clock>,
    /// How far the service's time runs ahead of the wall, before any advance.
    pub clock_offset: SignedDuration,
    /// Maxima.
    pub limits: Limits,
    /// Time in each state.
    pub waits: Waits,
    /// What the certifier's column of metadata is called.
    pub metadata_header: MetadataHeader,
    /// Whether cancelled issued documents are delivered when all states are asked for.
    pub cancelled_issued: bool,
}

impl Default for SatConfig {
    fn default() -> Self {
        Self {
            state: StatePath::Memory,
            corpus: Corpus::empty(),
            mode: Mode::Lenient,
            trust: Vec::new(),
            certificates: Vec::new(),
            revoked: HashSet::new(),
            production_authorities: false,
            clock: Arc::new(SystemClock::default()),
            clock_offset: SignedDuration::ZERO,
            limits: Limits::default(),
            waits: Waits::default(),
            metadata_header: MetadataHeader::RfcPac,
            cancelled_issued: true,
        }
    }
}

/// Why a sandbox could not do what it was told.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// Its books.
    #[error("the sandbox's books cannot be kept")]
    Journal(#[from] JournalError),
    /// Its own authority.
    #[error("the sandbox's test authority failed")]
    Authority(#[from] CredentialError),
    /// A real authority among those to be trusted.
    #[error("`{0}` looks like a real authority; a sandbox does not trust it unless told to")]
    ProductionAuthority(String),
}

impl SandboxError {
    /// Its place in the table of error codes.
    pub fn code(&self) -> fedatario_base::Code {
        match self {
            Self::Journal(it) => it.code(),
            Self::Authority(it) => it.code(),
            Self::ProductionAuthority(_) => fedatario_base::Code::EnvironmentMismatch,
        }
    }
}
