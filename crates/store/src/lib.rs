//! The ports over SQL: SQLite for one machine, PostgreSQL for many, one contract suite for both.
//!
//! Promises: every statement of a tenant's table is bound to the scope's tenant; everything written
//! through one [`fedatario_app::ports::Tx`] commits together or not at all, and a transaction of
//! which a statement failed can only fall; what was committed is on disk. A method of the engine's
//! ports is one transaction of its own, so no caller may await one while it holds a `Tx`: on SQLite
//! there is one writer.
//!
//! On PostgreSQL row-level security is a second lock ([`Db::migrate`]): a transaction says for whom it is,
//! and the server shows it no row of anybody else's, whatever a statement forgets.
//!
//! It leaves to the services what the values mean, and to the vault what is sealed.

mod audit;
mod checks;
mod credentials;
mod db;
mod documents;
mod error;
mod exchanges;
mod expiry;
mod find;
mod group;
mod hooks;
mod identity;
mod jobs;
mod limits;
mod metadata;
mod metadata_counts;
mod packages;
mod people;
mod presence;
mod reach;
mod read;
mod registry;
mod releases;
mod replays;
mod schedules;
mod sessions;
mod shared;
mod signatures;
mod solicitudes;
mod system;
mod taxpayers;
mod trust;
mod tx;
mod vault;

pub use db::Db;
pub use presence::Presence;
pub use vault::VaultStore;
