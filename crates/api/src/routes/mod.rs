//! The operations, a module for each theme.
//!
//! A new module is a file beside this one with `pub fn routes() -> Routes`, and a line in [`all`].

pub mod admin;
pub mod audit;
pub mod auth;
pub mod auth_account;
pub mod certificate_import;
pub mod certificate_views;
pub mod certificates;
pub mod checks;
pub mod documents;
pub mod follow;
pub mod health;
pub mod hooks;
pub mod invitations;
pub mod jobs;
pub mod keys;
pub mod limits;
pub mod me;
pub mod members;
pub mod notices;
pub mod packages;
#[cfg(feature = "passkeys")]
pub mod passkeys;
pub mod published;
pub mod recovery;
pub mod roles;
pub mod sat;
pub mod sat_requests;
pub mod sat_years;
pub mod sign;
mod sign_batch;
pub mod taxpayers;
pub mod tenant;
pub mod trust;
pub mod vault;
pub mod vault_backups;

use crate::routing::Catalog;

/// Every operation there is.
pub fn all() -> Catalog {
    Catalog::new(vec![
        auth::routes(),
        auth_account::routes(),
        invitations::routes(),
        #[cfg(feature = "passkeys")]
        passkeys::routes(),
        health::routes(),
        limits::routes(),
        me::routes(),
        certificates::routes(),
        certificate_import::routes(),
        sat::routes(),
        sat_years::routes(),
        sat_requests::routes(),
        packages::routes(),
        documents::routes(),
        checks::routes(),
        jobs::routes(),
        hooks::routes(),
        sign::routes(),
        audit::routes(),
        notices::routes(),
        trust::routes(),
        vault::routes(),
        vault_backups::routes(),
        published::routes(),
        taxpayers::routes(),
        tenant::routes(),
        members::routes(),
        recovery::routes(),
        roles::routes(),
        keys::routes(),
        admin::routes(),
    ])
}
