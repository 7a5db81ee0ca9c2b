//! The operations, a module for each theme.
//!
//! A new module is a file beside this one with `pub fn routes() -> Routes`, and a line in [`all`].

pub mod health;
pub mod limits;
pub mod me;
pub mod published;

use crate::routing::Catalog;

/// Every operation there is.
pub fn all() -> Catalog {
    Catalog::new(vec![health::routes(), limits::routes(), me::routes(), published::routes()])
}
