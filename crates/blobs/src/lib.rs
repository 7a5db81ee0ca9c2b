//! Objects: bytes under a path, durable before anybody hears of them.
//!
//! Three implementations of `Blobs`, one contract (`tests/contract.rs`): [`Folder`] for an
//! installation on one machine, [`S3`] for a bucket that several share, and [`Memory`] for tests.
//! All promise that an object is there whole
//! or not at all, that a slot which is dropped leaves nothing behind, and that no path leaves the
//! store. What lies where is decided by the services; sealing is the vault's, and happens before.

mod digest;
mod folder;
#[doc(hidden)]
pub mod fuzz;
mod memory;
mod path;
mod s3;
mod temporary;

pub use folder::Folder;
pub use memory::Memory;
pub use path::{MAX_PATH_BYTES, MAX_SEGMENT_BYTES};
pub use s3::{S3, S3Config, S3ConfigError, S3Keys, Sse};
