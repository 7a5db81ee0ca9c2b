//! What the tax authorities write and ask for, as values: `mx` for Mexico's SAT,
//! `rnc` and `ruc` for the tax ids of the Dominican Republic and Panama.
//!
//! Everything here is pure: bytes in, values out. Nothing performs I/O beyond the reader it is
//! handed, nothing reads a clock (`now` is a parameter), and whatever a stranger's bytes meet has a
//! named bound. Storage, sending and deciding when belong to the services.

#[doc(hidden)]
pub mod fuzz;
pub mod mx;
pub mod rnc;
pub mod ruc;
