//! The life of requests under an authority that misbehaves: the built binary on one side, the
//! sandbox in a process of its own on the other, its counts the witness.
//!
//! A fault may cost time and further requests, never a document, a second identical request, or a
//! third download of a package.

#[path = "../support/mod.rs"]
mod support;

mod certificate;
mod nights;
mod packages;
mod processes;
mod requests;
mod stage;
mod states;
mod time;
mod wire;
