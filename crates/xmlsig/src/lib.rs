//! XML signatures: canonical forms, signing in two pure halves, and verification that hands back
//! only what was signed.
//!
//! Promises: no key, no clock, no I/O. [`prepare`] gives the octets to sign and [`Prepared::finish`]
//! takes the signature, so that keys stay where they live. [`verify()`] applies, in order, the five
//! rules that keep signatures honest (bounds, one signature, closed lists, our own trust, signature
//! before digest), and answers with a [`Verified`] whose tree was read again from the digested bytes:
//! nobody can read what was not signed. What a certificate is worth (chain, dates, tax id) is decided
//! by the caller's [`Trust`]. Forms that bind no digest to the message are no business of this crate.

pub mod algorithm;
pub mod c14n;
pub mod document;
mod error;
#[doc(hidden)]
pub mod fuzz;
pub mod sign;
pub mod verify;

pub use algorithm::{Hash, PublicKey, verify_rsa};
pub use c14n::{Method, canonicalize, canonicalize_node};
pub use document::{Document, Limits, Node, NodeId};
pub use error::{Refusal, XmlSigError};
pub use sign::{Form, Prepared, Profile, Signatory, Target, is_signed, prepare, prepare_detached, prepare_parsed};
pub use verify::{Trust, Verified, VerifyProfile, verify, verify_external};
