//! People and programs: who they are, how they come in, and what they may do.
//!
//! The formats and rules (passwords, factors, tokens, keys) are `fedatario-identity`'s; here is who
//! exists, what was used before, and what each act writes. [`service::Identity`] is the one thing to
//! hold; edges hold it as a [`door::Door`].

pub mod account;
pub mod bootstrap;
pub mod door;
pub mod factors;
mod gate;
pub mod hasher;
pub mod invitations;
pub mod letters;
pub mod login;
pub mod members;
pub mod model;
pub mod notices;
pub mod organisations;
pub mod originator;
pub mod own_roles;
pub mod partial;
#[cfg(feature = "passkeys")]
pub mod passkeys;
pub mod passwords;
pub mod people;
mod policy;
pub mod ports;
pub mod program_keys;
pub mod programs;
pub mod recovering;
pub mod recovery;
mod refreshing;
mod relief;
pub mod roles;
pub mod service;
pub mod settings;
pub mod signing;
pub mod standing;
pub mod tokens;
mod tries;

pub use service::Identity;
pub use settings::IdentitySettings;
pub mod tenancy;
pub mod tenancy_ports;
pub mod users;
pub mod welcome;
