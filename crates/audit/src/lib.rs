//! What was done, in a form that cannot be rewritten unnoticed.
//!
//! Each tenant has one chain of entries. An entry is canonical JSON (RFC 8785), kept as the bytes
//! that were hashed; its hash covers the tenant, its number and the hash before it. Over the same
//! bytes runs a Merkle tree (RFC 9162), and a checkpoint signs its size, its root and the head of
//! the chain as a C2SP signed note.
//!
//! Promises: nothing is read from a clock, a network or a database; memory stays flat however long
//! the chain is; and a damaged chain is named by kind and place ([`Damage`]), from the rows of a
//! database ([`database`]) or from an export alone ([`export`]). It leaves signing to the vault
//! (texts go out, signatures come in), sealing of details to the vault, and rows to the store.

pub mod chain;
pub mod custody;
pub mod database;
pub mod error;
pub mod event;
pub mod export;
#[doc(hidden)]
pub mod fuzz;
pub mod merkle;
pub mod note;
pub mod proof;
pub mod tree;
pub mod verdict;
mod walk;

pub use chain::{Appended, Head, Link, append, link};
pub use database::{ChainVerifier, Part, Row};
pub use error::AuditError;
pub use event::{Detail, Event, Outcome, Place, entry_bytes};
pub use export::{ExportHeader, ExportWriter, verify_export};
pub use merkle::Merkle;
pub use note::{Checkpoint, PublicKey, assemble_note, parse_note, verify_note};
pub use verdict::{Damage, KeyTrust, Verdict};
