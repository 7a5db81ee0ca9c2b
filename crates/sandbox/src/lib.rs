//! Every authority as a small server that can be told to misbehave.
//!
//! Each module is one authority, written from its published documents and captured answers and
//! from nothing else: no client crate, no service, no store is in reach, so that a mistake there
//! cannot be repeated here and cancel itself out. A sandbox promises the envelopes, the signature
//! checks and the codes of the real thing, keeps its own books in its own file as another party
//! would, and counts what it was asked, so that a test can use it as a witness.

pub mod sat;
