//! The services, and the ports they need.
//!
//! A service decides; a port does. Everything that must be true together is written through one
//! [`ports::Tx`]: a state change, the job that follows it and its audit entry commit together or
//! not at all. The services never ask whether they run embedded or scaled.

pub mod audit_trail;
pub mod backups;
pub mod books;
pub mod called;
pub mod certificates;
pub mod custody;
pub mod descarga;
pub mod engine;
pub mod error;
pub mod expiry;
pub mod hooks;
pub mod identity;
pub mod inventory;
pub mod jobs;
pub mod lookups;
pub mod mail;
pub mod model;
pub mod ports;
pub mod releases;
pub mod replay;
pub mod revision;
pub mod settings;
pub mod signing;
pub mod taxpayers;
pub mod tenancy;
pub mod trust;

pub use error::AppError;
pub use settings::Settings;

use fedatario_base::Clock;
use fedatario_vault::Vault;
use std::sync::Arc;

/// The services with everything they were wired to. Cheap to clone.
#[derive(Clone)]
pub struct App {
    /// The database.
    pub store: Arc<dyn ports::Store>,
    /// People, as identity sees the database.
    pub people: Arc<dyn identity::ports::IdentityStore>,
    /// The installation's own hands.
    pub system: Arc<dyn ports::System>,
    /// The objects.
    pub blobs: Arc<dyn ports::Blobs>,
    /// SAT's mass download.
    pub sat: Arc<dyn ports::Sat>,
    /// Keys and what is done with them.
    pub vault: Arc<Vault>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// What an operator may set.
    pub settings: Arc<Settings>,
    /// The authorities that vouch for certificates.
    pub trust: Arc<trust::Trust>,
    /// Lookups that many calls share.
    pub lookups: lookups::Lookups,
}
