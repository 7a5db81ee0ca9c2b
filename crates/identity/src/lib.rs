//! Who somebody is: passwords, second factors, tokens and keys, as formats and rules.
//!
//! Everything here takes the instant and the bytes and answers a value; it performs no I/O (fresh
//! secrets come from the system's random source). Promises: whatever a stranger hands in is bounded
//! by a named constant before it is parsed; a refusal says nothing that tells one secret from
//! another; secrets are compared in constant time and never shown by `Debug`.
//!
//! It leaves to the services who exists, what was used before, and how many hashes run at once.

pub mod api_key;
pub mod email;
mod error;
pub mod jwt;
pub mod opaque;
#[cfg(feature = "passkeys")]
pub mod passkey;
pub mod password;
pub mod recovery;
pub mod refresh;
pub mod throttle;
pub mod totp;
mod weak;

pub use error::IdentityError;

use aws_lc_rs::digest::{Context, SHA256};
use zeroize::Zeroizing;

/// Bytes of every secret that we make: 256 bits from the system.
pub const SECRET_BYTES: usize = 32;

/// Fresh random bytes.
pub(crate) fn random<const N: usize>() -> Result<Zeroizing<[u8; N]>, IdentityError> {
    let mut bytes = Zeroizing::new([0; N]);
    aws_lc_rs::rand::fill(bytes.as_mut_slice()).map_err(|_| IdentityError::Crypto("no entropy"))?;
    Ok(bytes)
}

/// SHA-256 under a domain, so that a digest kept for one thing is none of another.
pub(crate) fn digest(domain: &str, parts: &[&[u8]]) -> [u8; 32] {
    let mut context = Context::new(&SHA256);
    context.update(domain.as_bytes());
    for part in parts {
        context.update(&[0]);
        context.update(part);
    }
    context.finish().as_ref().try_into().expect("SHA-256 has 32 bytes")
}

/// Whether two secrets are the same, in a time that does not tell where they differ.
pub fn same(left: &[u8], right: &[u8]) -> bool {
    aws_lc_rs::constant_time::verify_slices_are_equal(left, right).is_ok()
}
