//! What every other crate stands on: ids, clocks, secrets, scopes and the table of error codes.
//!
//! Promises: nothing here performs I/O (the system clock of [`clock::SystemClock`] and the random
//! source behind new ids are the two exceptions, both behind parameters), and every public name
//! keeps its meaning for good. It leaves money to the first crate that counts it, and sentences
//! for people to [`text`], which only the edges call.

pub mod clock;
pub mod code;
pub mod id;
pub mod scope;
pub mod secret;
pub mod text;

pub use clock::Clock;
pub use code::Code;
pub use scope::{Actor, Permission, PlatformScope, Scope, SystemScope};
pub use secret::Secret;
