//! The operations, a module for each theme.
//!
//! A new module is a file beside this one with `pub fn routes() -> Routes`, and a line in [`all`].

pub mod audit;
pub mod auth;
pub mod auth_account;
pub mod checks;
pub mod documents;
pub mod follow;
pub mod health;
pub mod hooks;
pub mod jobs;
pub mod limits;
pub mod me;
pub mod packages;
pub mod published;
pub mod sat;

use crate::routing::Catalog;

/// Every operation there is.
pub fn all() -> Catalog {
    Catalog::new(vec![
        auth::routes(),
        auth_account::routes(),
        health::routes(),
        limits::routes(),
        me::routes(),
        sat::routes(),
        packages::routes(),
        documents::routes(),
        checks::routes(),
        jobs::routes(),
        hooks::routes(),
        audit::routes(),
        published::routes(),
    ])
}
