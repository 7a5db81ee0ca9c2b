//! The one form of everything sealed, and the only use of AES-256-GCM.
//!
//! A blob is `format (1) ‖ algorithm (1) ‖ key version (4, big-endian) ‖ nonce (12) ‖ ciphertext ‖
//! tag (16)`. The associated data are the six bytes of that head and the [`Binding`]: what the blob
//! is, whose it is, and which object. A nonce is random; 2³² blobs under one key are the limit for
//! that, and tenant keys are rotated long before it.

use crate::VaultError;
use aws_lc_rs::aead::{AES_256_GCM, Aad, Nonce, RandomizedNonceKey};
use aws_lc_rs::rand;
use fedatario_base::id::TenantId;
use zeroize::Zeroizing;

/// Bytes of a key.
pub(crate) const KEY_BYTES: usize = 32;
/// Most bytes that are sealed as one blob: keys, sessions and details are far smaller, and whatever
/// is opened is held in memory whole.
pub(crate) const MAX_BLOB_BYTES: usize = 16 * 1024 * 1024;

const FORMAT: u8 = 1;
const AES_256_GCM_RANDOM: u8 = 1;
const HEAD_BYTES: usize = 6;
const NONCE_BYTES: usize = 12;
const TAG_BYTES: usize = 16;
const DOMAIN: &[u8] = b"fedatario.vault.v1\0";

/// A symmetric key, or an Ed25519 seed. Neither printed nor cloned, wiped when dropped.
pub(crate) struct KeyBytes(Zeroizing<[u8; KEY_BYTES]>);

impl KeyBytes {
    /// A fresh key from the system.
    pub(crate) fn generate() -> Result<Self, VaultError> {
        let mut bytes = Zeroizing::new([0; KEY_BYTES]);
        rand::fill(bytes.as_mut_slice()).map_err(|_| VaultError::Crypto("no entropy"))?;
        Ok(Self(bytes))
    }

    /// A key of exactly the right length.
    pub(crate) fn from_slice(bytes: &[u8]) -> Option<Self> {
        let mut own = Zeroizing::new([0; KEY_BYTES]);
        (bytes.len() == KEY_BYTES).then(|| own.copy_from_slice(bytes))?;
        Some(Self(own))
    }

    pub(crate) fn expose(&self) -> &[u8] {
        self.0.as_slice()
    }
}

/// What a blob is and whose: it opens under the same binding only.
#[derive(Clone, Copy)]
pub(crate) struct Binding<'a> {
    /// Which level or use: `tenant-key`, `data-key`, `credential`, `bytes`.
    pub what: &'static str,
    pub tenant: TenantId,
    /// The object inside the tenant, with its own version where it has one.
    pub object: &'a str,
}

impl Binding<'_> {
    /// Lengths before texts, so that no two bindings write the same bytes.
    fn associated_data(&self, head: &[u8]) -> Vec<u8> {
        let mut data = Vec::with_capacity(96);
        data.extend_from_slice(DOMAIN);
        data.extend_from_slice(head);
        data.extend_from_slice(&self.tenant.bytes());
        for text in [self.what, self.object] {
            data.extend_from_slice(&(text.len() as u64).to_be_bytes());
            data.extend_from_slice(text.as_bytes());
        }
        data
    }
}

/// Seals `plaintext` under `key`, which is version `version` of its kind.
pub(crate) fn seal(key: &KeyBytes, version: u32, binding: Binding<'_>, plaintext: &[u8]) -> Result<Vec<u8>, VaultError> {
    if plaintext.len() > MAX_BLOB_BYTES {
        return Err(VaultError::Crypto("more than one blob may hold"));
    }
    let mut blob = vec![FORMAT, AES_256_GCM_RANDOM];
    blob.extend_from_slice(&version.to_be_bytes());
    let data = binding.associated_data(&blob);
    // Encrypted in place: the buffer is given its whole capacity first, so that growing it for the
    // tag leaves no copy of the plaintext behind.
    let mut body = Vec::with_capacity(plaintext.len() + TAG_BYTES);
    body.extend_from_slice(plaintext);
    let key = RandomizedNonceKey::new(&AES_256_GCM, key.expose()).map_err(|_| VaultError::Crypto("key"))?;
    let nonce = key.seal_in_place_append_tag(Aad::from(data), &mut body).map_err(|_| VaultError::Crypto("sealing"))?;
    blob.extend_from_slice(nonce.as_ref());
    blob.extend_from_slice(&body);
    Ok(blob)
}

/// Opens a blob that must be of version `version` and of this binding.
pub(crate) fn open(key: &KeyBytes, version: u32, binding: Binding<'_>, blob: &[u8]) -> Result<Zeroizing<Vec<u8>>, VaultError> {
    if blob.len() > HEAD_BYTES + NONCE_BYTES + MAX_BLOB_BYTES + TAG_BYTES || self::version(blob) != Some(version) {
        return Err(VaultError::SealBroken);
    }
    let (head, rest) = blob.split_at(HEAD_BYTES);
    let (nonce, body) = rest.split_at_checked(NONCE_BYTES).ok_or(VaultError::SealBroken)?;
    let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| VaultError::SealBroken)?;
    let key = RandomizedNonceKey::new(&AES_256_GCM, key.expose()).map_err(|_| VaultError::Crypto("key"))?;
    let mut body = Zeroizing::new(body.to_vec());
    let data = binding.associated_data(head);
    let len = key.open_in_place(nonce, Aad::from(data), &mut body).map_err(|_| VaultError::SealBroken)?.len();
    body.truncate(len);
    Ok(body)
}

/// The key version that a blob's head claims; `None` if this is no blob of ours.
pub(crate) fn version(blob: &[u8]) -> Option<u32> {
    match blob {
        [FORMAT, AES_256_GCM_RANDOM, a, b, c, d, ..] => Some(u32::from_be_bytes([*a, *b, *c, *d])),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::Timestamp;

    fn tenant(second: i64) -> TenantId {
        TenantId::fresh(Timestamp::from_second(second).unwrap())
    }

    #[test]
    fn a_blob_opens_under_its_own_binding_and_no_other() {
        let (key, other) = (KeyBytes::generate().unwrap(), KeyBytes::generate().unwrap());
        let (mine, yours) = (tenant(1_700_000_000), tenant(1_700_000_001));
        let binding = Binding { what: "bytes", tenant: mine, object: "tokens/cfdi" };
        let blob = seal(&key, 3, binding, b"token").unwrap();
        assert_eq!(open(&key, 3, binding, &blob).unwrap().as_slice(), b"token");
        let swaps = [
            (&key, 3, Binding { tenant: yours, ..binding }),
            (&key, 3, Binding { object: "tokens/retenciones", ..binding }),
            (&key, 3, Binding { what: "credential", ..binding }),
            (&key, 3, Binding { what: "bytestokens", object: "/cfdi", ..binding }),
            (&key, 2, binding),
            (&key, 4, binding),
            (&other, 3, binding),
        ];
        for (key, version, binding) in swaps {
            assert!(
                matches!(open(key, version, binding, &blob), Err(VaultError::SealBroken)),
                "{} {}",
                binding.what,
                binding.object
            );
        }
        // A head rewritten to claim another version does not open under that version either.
        let mut older = blob.clone();
        older[5] = 2;
        assert!(matches!(open(&key, 2, binding, &older), Err(VaultError::SealBroken)));
        fedatario_testkit::covers!("vault: a blob swapped between tenants, objects, uses, keys or versions does not open");
    }

    #[test]
    fn every_bit_counts_and_every_failure_is_the_same() {
        let key = KeyBytes::generate().unwrap();
        let binding = Binding { what: "bytes", tenant: tenant(1_700_000_000), object: "x" };
        let blob = seal(&key, 1, binding, b"forty-two bytes of something secret......").unwrap();
        for place in 0..blob.len() {
            for bit in 0..8 {
                let mut flipped = blob.clone();
                flipped[place] ^= 1 << bit;
                assert!(matches!(open(&key, 1, binding, &flipped), Err(VaultError::SealBroken)), "byte {place} bit {bit}");
            }
        }
        for len in 0..blob.len() {
            assert!(matches!(open(&key, 1, binding, &blob[..len]), Err(VaultError::SealBroken)), "cut at {len}");
        }
        let longer = [blob.as_slice(), &[0]].concat();
        assert!(matches!(open(&key, 1, binding, &longer), Err(VaultError::SealBroken)));
        fedatario_testkit::covers!("vault: every flipped bit and every cut of a blob is one and the same error");
    }

    #[test]
    fn nonces_are_never_met_twice() {
        let key = KeyBytes::generate().unwrap();
        let binding = Binding { what: "bytes", tenant: tenant(1_700_000_000), object: "x" };
        let mut seen = std::collections::BTreeSet::new();
        for _ in 0..2_000 {
            let blob = seal(&key, 1, binding, b"the same").unwrap();
            assert!(seen.insert(blob[HEAD_BYTES..HEAD_BYTES + NONCE_BYTES].to_vec()));
        }
        fedatario_testkit::covers!("vault: a registry of 2,000 nonces holds none twice");
    }
}
