//! The chain itself: how a hash follows from the one before it.
//!
//! `h_n = SHA-512(DOMAIN ‖ tenant (16 bytes) ‖ n (u64, big-endian) ‖ h_{n-1} ‖ entry)`, n from 1,
//! 64 zero bytes before the first. What belongs to no tenant lies on the chain of [`PLATFORM`].

use crate::error::AuditError;
use crate::event::{Event, Place, entry_bytes};
use aws_lc_rs::digest::{Context, SHA512};
use fedatario_base::id;

/// A hash of the chain.
pub type Link = [u8; 64];

/// Keeps these hashes apart from every other use of SHA-512.
pub const DOMAIN: &[u8] = b"fedatario.audit.v1\0";

/// What stands before the first entry.
pub const GENESIS: Link = [0; 64];

/// The tenant of the reserved chain for what belongs to no tenant.
pub const PLATFORM: [u8; 16] = [0; 16];

/// The hash of entry `n`, from the hash before it and the entry's bytes as stored.
pub fn link(tenant: [u8; 16], n: u64, prev: &Link, entry: &[u8]) -> Link {
    let mut context = Context::new(&SHA512);
    for part in [DOMAIN, &tenant, &n.to_be_bytes(), prev, entry] {
        context.update(part);
    }
    context.finish().as_ref().try_into().expect("SHA-512 has 64 bytes")
}

/// Where a chain ends: the number of its last entry and that entry's hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// The last number; 0 when nothing was written yet.
    pub n: u64,
    /// The last hash; [`GENESIS`] when nothing was written yet.
    pub hash: Link,
}

impl Head {
    /// The head of a chain without entries.
    pub const EMPTY: Head = Head { n: 0, hash: GENESIS };
}

/// What the store writes for one event, all of it in the caller's transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Appended {
    /// The entry's number.
    pub n: u64,
    /// The hash before it.
    pub prev: Link,
    /// Its own hash: the new head.
    pub hash: Link,
    /// Its bytes, to be stored as they are.
    pub entry: Vec<u8>,
}

impl Appended {
    /// The head after this entry.
    pub fn head(&self) -> Head {
        Head { n: self.n, hash: self.hash }
    }
}

/// The next entry of a tenant's chain. The caller holds the head row until it has stored both.
pub fn append(tenant: [u8; 16], head: &Head, event: &Event) -> Result<Appended, AuditError> {
    let n = head.n + 1;
    let entry = entry_bytes(event, &Place { tenant, n, prev: head.hash })?;
    let hash = link(tenant, n, &head.hash, &entry);
    Ok(Appended { n, prev: head.hash, hash, entry })
}

const TENANT_PREFIX: &str = "ten_";

/// The text of a tenant's 16 bytes, zeros included.
pub(crate) fn tenant_text(tenant: [u8; 16]) -> String {
    format!("{TENANT_PREFIX}{}", id::encode(u128::from_be_bytes(tenant)))
}

/// The 16 bytes of a tenant's text.
pub(crate) fn tenant_bytes(text: &str) -> Option<[u8; 16]> {
    id::decode(text.strip_prefix(TENANT_PREFIX)?).map(u128::to_be_bytes)
}
