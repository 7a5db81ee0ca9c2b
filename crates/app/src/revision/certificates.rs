//! Certificates made ready for many seals, and the authorities that vouch for them.
//!
//! A million documents bear some thousand certificates: each is read, and its chain walked, once
//! as long as it is remembered. What is remembered has a bound; what was forgotten is read again.

use crate::audit_trail::{hex, sha256};
use fedatario_credentials::sello::{SealDigest, SealKey};
use fedatario_credentials::{Certificate, CredentialError};
use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

/// Certificates remembered in each of two generations, some five kilobytes each: the counterparties
/// of a year, in forty megabytes at most.
const REMEMBERED: usize = 4_096;
/// Authorities that can be configured. SAT has had a dozen.
const AUTHORITIES_AT_MOST: usize = 1_000;

/// A certificate, its keys made ready when first asked for.
pub struct Known {
    /// The certificate.
    pub certificate: Certificate,
    sha1: OnceLock<Option<SealKey>>,
    sha256: OnceLock<Option<SealKey>>,
    vouched: OnceLock<bool>,
}

impl Known {
    /// Reads one.
    pub fn read(der: &[u8]) -> Result<Self, CredentialError> {
        let certificate = Certificate::parse(der)?;
        Ok(Self { certificate, sha1: OnceLock::new(), sha256: OnceLock::new(), vouched: OnceLock::new() })
    }

    /// Whether `seal` is over `message`, by its key.
    pub fn verifies(&self, digest: SealDigest, message: &[u8], seal: &[u8]) -> bool {
        let slot = match digest {
            SealDigest::Sha1 => &self.sha1,
            SealDigest::Sha256 => &self.sha256,
        };
        let key = slot.get_or_init(|| SealKey::new(self.certificate.rsa_public_key(), digest));
        key.as_ref().is_some_and(|it| it.verifies(message, seal))
    }
}

/// The authorities that somebody configured; each of them is trusted by itself.
#[derive(Debug, Clone, Default)]
pub struct Authorities {
    all: Vec<Certificate>,
    mark: String,
}

impl Authorities {
    /// These. Certificates of others than authorities are refused: whoever puts a taxpayer's
    /// certificate there means something else.
    pub fn new(mut all: Vec<Certificate>) -> Result<Self, CredentialError> {
        if all.len() > AUTHORITIES_AT_MOST {
            return Err(CredentialError::CertificateFormat("more authorities than there can be"));
        }
        if all.iter().any(|it| it.kind() != fedatario_credentials::Kind::Authority) {
            return Err(CredentialError::CertificateFormat("not the certificate of an authority"));
        }
        all.sort_by_key(Certificate::fingerprint_sha256);
        all.dedup();
        let prints: Vec<u8> = all.iter().flat_map(Certificate::fingerprint_sha256).collect();
        let mark = hex(&sha256(&prints)).chars().take(16).collect();
        Ok(Self { all, mark })
    }

    /// Whether there is any.
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// What tells this set from others: the same documents are judged anew under another one.
    pub fn mark(&self) -> &str {
        if self.all.is_empty() { "none" } else { &self.mark }
    }

    /// Whether one of them issued it. Revocation is not looked at.
    pub fn vouch(&self, known: &Known) -> bool {
        *known.vouched.get_or_init(|| self.all.iter().any(|it| known.certificate.is_issued_by(it)))
    }
}

/// What was met lately, in two generations: when the young one is full the old one is forgotten.
struct Memory<K, V> {
    young: HashMap<K, V>,
    old: HashMap<K, V>,
}

impl<K: Hash + Eq + Clone, V: Clone> Memory<K, V> {
    fn new() -> Self {
        Self { young: HashMap::new(), old: HashMap::new() }
    }

    fn get(&mut self, key: &K) -> Option<V> {
        if let Some(found) = self.young.get(key) {
            return Some(found.clone());
        }
        let found = self.old.remove(key)?;
        self.put(key.clone(), found.clone());
        Some(found)
    }

    fn put(&mut self, key: K, value: V) {
        if self.young.len() >= REMEMBERED {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(key, value);
    }
}

/// The certificates met lately: those that documents carry, and those known by number.
pub struct Certificates {
    carried: Mutex<Memory<[u8; 32], Option<Arc<Known>>>>,
    numbered: Mutex<Memory<String, Option<Arc<Known>>>>,
}

impl Default for Certificates {
    fn default() -> Self {
        Self { carried: Mutex::new(Memory::new()), numbered: Mutex::new(Memory::new()) }
    }
}

impl Certificates {
    /// The one that a document carries; none if it cannot be read.
    pub fn carried(&self, der: &[u8]) -> Option<Arc<Known>> {
        let print = sha256(der);
        let locked = || self.carried.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = locked().get(&print) {
            return found;
        }
        // Read outside the lock: others go on meanwhile, and two that read the same lose nothing.
        let read = Known::read(der).ok().map(Arc::new);
        locked().put(print, read.clone());
        read
    }

    /// The one of a number: none if nobody has it; nothing is known of a number never put here.
    pub fn numbered(&self, number: &str) -> Option<Option<Arc<Known>>> {
        self.numbered.lock().unwrap_or_else(PoisonError::into_inner).get(&number.to_owned())
    }

    /// Remembers what a number stands for.
    pub fn put(&self, number: &str, known: Option<Arc<Known>>) {
        self.numbered.lock().unwrap_or_else(PoisonError::into_inner).put(number.to_owned(), known);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_bounded_and_keeps_what_is_used() {
        let mut memory = Memory::new();
        for number in 0..3 * REMEMBERED {
            memory.put(number, number);
            assert_eq!(memory.get(&0), Some(0), "used all the time");
        }
        assert!(memory.young.len() + memory.old.len() <= 2 * REMEMBERED);
        assert_eq!(memory.get(&1), None);
    }
}
