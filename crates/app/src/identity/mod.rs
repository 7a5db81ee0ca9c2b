//! People and programs: who they are, how they come in, and what they may do.
//!
//! The formats and rules (passwords, factors, tokens, keys) are `fedatario-identity`'s; here is who
//! exists, what was used before, and what each act writes.

pub mod door;
pub mod model;
pub mod ports;
pub mod roles;
pub mod tenancy;
pub mod tenancy_ports;
