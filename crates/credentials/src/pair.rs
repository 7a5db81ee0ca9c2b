//! A certificate and the private key that belongs to it.

use crate::{Certificate, CredentialError, PrivateKey, pkcs12};
use fedatario_base::Secret;

/// A certificate with its key: the only form in which the vault takes a credential.
#[derive(Debug)]
pub struct Pair {
    certificate: Certificate,
    key: PrivateKey,
    along: Vec<Certificate>,
}

impl Pair {
    /// Refuses a key that belongs to another certificate.
    pub fn new(certificate: Certificate, key: PrivateKey) -> Result<Self, CredentialError> {
        if key.belongs_to(&certificate) {
            Ok(Self { certificate, key, along: Vec::new() })
        } else {
            Err(CredentialError::KeyMismatch)
        }
    }

    /// The same, with the other certificates of its file.
    pub(crate) fn beside(self, along: Vec<Certificate>) -> Self {
        Self { along, ..self }
    }

    /// From the two files SAT gives out. The certificate is read first, so that swapped files are
    /// told as what they are.
    pub fn from_files(cer: &[u8], key: &[u8], password: &Secret) -> Result<Self, CredentialError> {
        let certificate = Certificate::parse(cer)?;
        Self::new(certificate, PrivateKey::open(key, password)?)
    }

    /// From a `.pfx` or `.p12` file: its first key with the certificate of that key.
    pub fn from_pkcs12(bytes: &[u8], password: &Secret) -> Result<Self, CredentialError> {
        pkcs12::open(bytes, password)
    }

    /// The certificate.
    pub fn certificate(&self) -> &Certificate {
        &self.certificate
    }

    /// The key.
    pub fn key(&self) -> &PrivateKey {
        &self.key
    }

    /// Certificates that came in the same file, at most [`pkcs12::MAX_BAGS`]: a way up to an authority, as far as
    /// their signatures prove it, and nothing that anybody relies on by itself.
    pub fn along(&self) -> &[Certificate] {
        &self.along
    }

    /// Both, apart.
    pub fn into_parts(self) -> (Certificate, PrivateKey) {
        (self.certificate, self.key)
    }
}
