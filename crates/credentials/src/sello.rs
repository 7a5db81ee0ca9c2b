//! Seals of fiscal documents: RSA (PKCS#1 v1.5) over the cadena original, under a certificate.
//!
//! Only the arithmetic: does this signature, over these bytes, come from the key of that certificate?
//! Whether the certificate was issued by somebody to be trusted, to whom, and whether it was valid at
//! the time, are questions to [`Certificate`]. A signature that cannot be one (empty, of another length)
//! is simply not verified.

use crate::Certificate;
use aws_lc_rs::signature::{self, ParsedPublicKey};

/// The digest under a seal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SealDigest {
    /// Until 2017: CFDI 3.2, Retenciones 1.0, stamp 1.0. Verified, never made.
    Sha1,
    /// Everything since.
    Sha256,
}

impl SealDigest {
    /// Seal certificates had 1,024 bits until about 2012, and what they sealed is still kept.
    fn algorithm(self) -> &'static signature::RsaParameters {
        match self {
            Self::Sha1 => &signature::RSA_PKCS1_1024_8192_SHA1_FOR_LEGACY_USE_ONLY,
            Self::Sha256 => &signature::RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY,
        }
    }
}

/// Whether `sello` is the seal of `message` by the key of the certificate.
pub fn verify_sello(certificate: &Certificate, digest: SealDigest, message: &[u8], sello: &[u8]) -> bool {
    verify_sello_by_key(certificate.rsa_public_key(), digest, message, sello)
}

/// As [`verify_sello`], by a public key in DER (PKCS#1 `RSAPublicKey`).
pub fn verify_sello_by_key(rsa_public_key: &[u8], digest: SealDigest, message: &[u8], sello: &[u8]) -> bool {
    SealKey::new(rsa_public_key, digest).is_some_and(|it| it.verifies(message, sello))
}

/// A certificate's key made ready once, for whoever has a million seals of it to verify.
#[derive(Debug, Clone)]
pub struct SealKey(ParsedPublicKey);

impl SealKey {
    /// The key in DER (PKCS#1 `RSAPublicKey`), for seals over one digest; `None` if it is no key.
    pub fn new(rsa_public_key: &[u8], digest: SealDigest) -> Option<Self> {
        ParsedPublicKey::new(digest.algorithm(), rsa_public_key).ok().map(Self)
    }

    /// Whether `sello` is the seal of `message`.
    pub fn verifies(&self, message: &[u8], sello: &[u8]) -> bool {
        self.0.verify_sig(message, sello).is_ok()
    }
}
