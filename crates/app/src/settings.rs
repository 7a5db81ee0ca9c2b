//! What an operator may set about the services, with the defaults that SAT's pace asks for.

use crate::model::Environment;
use fedatario_fiscal::mx::asking;
use std::num::NonZeroU64;
use std::time::Duration;

/// SAT's pace: the unit of [`Settings::poll_unit`] in production (reference of the service, §9.4).
pub const SAT_POLL_UNIT: Duration = Duration::from_secs(60);

/// A request in process for longer than this is replaced by an equivalent one. SAT's own design
/// says up to 72 hours; the fourth day is already late.
pub const STUCK_AFTER: Duration = Duration::from_secs(4 * 24 * 3600);

/// How long a replaced key rests: a month, in which a mistake is noticed.
pub const KEEP_REPLACED: Duration = Duration::from_secs(30 * 24 * 3600);

/// Settings of the services.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where new taxpayers' calls go: decided by SAT's configured address.
    pub environment: Environment,
    /// The unit of the polling schedule: a minute against SAT, less against a simulator.
    pub poll_unit: Duration,
    /// When a request counts as stuck.
    pub stuck_after: Duration,
    /// Jobs that one process works on at once.
    pub concurrency: usize,
    /// CFDI that SAT puts into one request.
    pub cfdi_at_most: NonZeroU64,
    /// Lines of metadata that SAT puts into one request.
    pub metadata_at_most: NonZeroU64,
    /// How long the key of a replaced credential rests before it is destroyed.
    pub keep_replaced: Duration,
    /// Whether a Panamanian certificate of another RUC is let in with a warning: its profiles write the RUC
    /// in more than one way.
    pub ruc_match_warns: bool,
}

impl Settings {
    /// SAT's pace.
    pub fn production() -> Self {
        Self {
            environment: Environment::Production,
            poll_unit: SAT_POLL_UNIT,
            stuck_after: STUCK_AFTER,
            concurrency: 4,
            cfdi_at_most: NonZeroU64::new(asking::CFDI_AT_MOST).unwrap_or(NonZeroU64::MIN),
            metadata_at_most: NonZeroU64::new(asking::METADATA_AT_MOST).unwrap_or(NonZeroU64::MIN),
            keep_replaced: KEEP_REPLACED,
            ruc_match_warns: false,
        }
    }

    /// The pace of a simulator that answers at once.
    pub fn sandbox() -> Self {
        Self { environment: Environment::Sandbox, poll_unit: Duration::from_millis(200), ..Self::production() }
    }
}
