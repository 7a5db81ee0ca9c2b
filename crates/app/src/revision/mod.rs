//! Which documents are what they say: seals and stamps verified, status asked at SAT, counterparties
//! looked up on the list of article 69-B.
//!
//! Three passes that only write tables, each resumable, and a telling at the end that reads them: so
//! a run that was cut and one that was not tell the same. What was judged under the same knowledge
//! (authorities and certificates at hand) is not judged again. Memory does not grow with the
//! number of documents. Nothing is taken for good that was not looked at.
//!
//! It leaves the cadena original to `fiscal`, the arithmetic to `credentials`, and asking to a
//! [`ports::Counter`].

pub mod certificates;
pub mod job;
pub mod lists;
pub mod model;
pub mod ports;
mod run;
mod seals;
mod status;
mod telling;
pub mod verdict;

pub use run::{Asked, Outcome, Parts};

use crate::App;
use certificates::{Authorities, Certificates};
use fedatario_base::SystemScope;
use ports::{Counter, Registry};
use std::sync::Arc;
use std::time::Duration;

/// Metadata older than this does not say any more that a document is current, unless somebody
/// chooses otherwise: a month of cancellations.
pub const STALE_DAYS: u32 = 30;
/// Questions to SAT under way at once: enough to keep its pace with slow answers.
const QUESTIONS_AT_ONCE: usize = 4;
/// An answer of SAT is not asked for again within this, so that a run that was cut goes on.
const FRESH: Duration = Duration::from_secs(24 * 3_600);
/// The same for “not found”, which may change within the hour.
const FRESH_NOT_FOUND: Duration = Duration::from_secs(3_600);
/// How long SAT may not know a document after it was stamped.
const YOUNG: Duration = Duration::from_secs(72 * 3_600);

/// What an operator may set about revisions.
#[derive(Debug, Clone, Copy)]
pub struct Settings {
    /// Days after which metadata is asked about again.
    pub stale_days: u32,
    /// Threads that judge.
    pub threads: usize,
}

impl Default for Settings {
    fn default() -> Self {
        let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Self { stale_days: STALE_DAYS, threads }
    }
}

/// The service, with everything it was wired to.
#[derive(Clone)]
pub struct Revision {
    /// The other services' ports.
    pub app: App,
    /// What the installation knows of the world.
    pub registry: Arc<dyn Registry>,
    /// SAT's public doors.
    pub counter: Arc<dyn Counter>,
    /// The installation's own hands: what is public belongs to no tenant.
    pub hands: SystemScope,
    /// Who vouches for certificates.
    pub authorities: Arc<Authorities>,
    /// Certificates met lately.
    pub certificates: Arc<Certificates>,
    /// What an operator may set.
    pub settings: Settings,
}
