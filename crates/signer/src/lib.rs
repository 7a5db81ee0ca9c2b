//! The signer alone: the vault's hands in a process of their own, and the wire to it.
//!
//! The other roles hold a [`Client`], which the vault asks instead of opening keys itself; the role
//! `signer` runs [`serve`] over a vault that holds the root keys of the class signer. Between them is TLS
//! 1.3 with a certificate on each side, all from one private authority ([`identity`]): a stranger gets no
//! further than the handshake. One question and one answer at a time go over a connection, as frames of
//! bounded size ([`frame`]); files and passwords as they came, documents whole, never bytes to sign.
//!
//! Promises: what cannot be asked is one coded error that may be tried again; a connection that died is
//! replaced; every wait has an end. What carried a password over is closed and wiped, on both sides.
//!
//! It leaves to the vault: who may, what is signed, and what is written of it.

pub mod call;
mod client;
pub mod frame;
pub mod identity;
mod server;
mod wire;

pub use call::{Call, Origin, Within};
pub use client::{Client, Timeouts};
pub use identity::{Identity, IdentityError};
pub use server::{Served, serve};
