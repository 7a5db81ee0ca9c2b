//! Objects: bytes under a path, durable before anybody hears of them.
//!
//! Two implementations of `Blobs`, one contract (`tests/contract.rs`): [`Folder`] for an
//! installation on one machine and [`Memory`] for tests. Both promise that an object is there whole
//! or not at all, that a slot which is dropped leaves nothing behind, and that no path leaves the
//! store. What lies where is decided by the services; sealing is the vault's, and happens before.

mod digest;
mod folder;
mod memory;
mod path;
mod temporary;

pub use folder::Folder;
pub use memory::Memory;
pub use path::{MAX_PATH_BYTES, MAX_SEGMENT_BYTES};
