//! The algorithms there are, by their addresses, and the use of a public key.
//!
//! The lists are closed. SHA-1 lives in [`sha1`](self) below, one named place: SAT signs with
//! nothing else, and no other profile admits it. Keys reach this module from a caller's trust, never from a
//! document.

use aws_lc_rs::digest;
use aws_lc_rs::signature::{RSA_PKCS1_2048_8192_SHA256, RsaParameters, UnparsedPublicKey};

use crate::error::XmlSigError;

/// Canonical XML 1.0, comments dropped.
pub const C14N: &str = "http://www.w3.org/TR/2001/REC-xml-c14n-20010315";
/// Canonical XML 1.0 with comments.
pub const C14N_COMMENTS: &str = "http://www.w3.org/TR/2001/REC-xml-c14n-20010315#WithComments";
/// Exclusive canonical XML 1.0, comments dropped.
pub const EXCLUSIVE: &str = "http://www.w3.org/2001/10/xml-exc-c14n#";
/// Exclusive canonical XML 1.0 with comments.
pub const EXCLUSIVE_COMMENTS: &str = "http://www.w3.org/2001/10/xml-exc-c14n#WithComments";
/// The transform that leaves the signature itself out.
pub const ENVELOPED: &str = "http://www.w3.org/2000/09/xmldsig#enveloped-signature";
/// RSA PKCS#1 v1.5 with SHA-256.
pub const RSA_SHA256: &str = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256";
/// SHA-256.
pub const SHA256: &str = "http://www.w3.org/2001/04/xmlenc#sha256";

/// The one place of SHA-1. SAT's login and requests know no other hash (service documents 1.5), so
/// it is read and prepared here for the SAT profiles and reached only through [`Hash::Sha1`].
mod sha1 {
    use super::{RsaParameters, digest};

    pub(super) const SIGNATURE: &str = "http://www.w3.org/2000/09/xmldsig#rsa-sha1";
    pub(super) const DIGEST: &str = "http://www.w3.org/2000/09/xmldsig#sha1";
    pub(super) static RSA: &RsaParameters = &aws_lc_rs::signature::RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY;
    pub(super) static HASH: &digest::Algorithm = &digest::SHA1_FOR_LEGACY_USE_ONLY;
}

/// The hash of a signature and of its digests; a profile never mixes two.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Hash {
    /// Of the SAT profiles alone.
    Sha1,
    /// Of everything else.
    Sha256,
}

impl Hash {
    /// The address of RSA PKCS#1 v1.5 with this hash.
    pub fn signature_uri(self) -> &'static str {
        match self {
            Hash::Sha1 => sha1::SIGNATURE,
            Hash::Sha256 => RSA_SHA256,
        }
    }

    /// The address of the hash itself.
    pub fn digest_uri(self) -> &'static str {
        match self {
            Hash::Sha1 => sha1::DIGEST,
            Hash::Sha256 => SHA256,
        }
    }

    /// The digest of some octets.
    pub fn digest(self, octets: &[u8]) -> Vec<u8> {
        let algorithm = match self {
            Hash::Sha1 => sha1::HASH,
            Hash::Sha256 => &digest::SHA256,
        };
        digest::digest(algorithm, octets).as_ref().to_vec()
    }

    fn rsa(self) -> &'static RsaParameters {
        match self {
            Hash::Sha1 => sha1::RSA,
            Hash::Sha256 => &RSA_PKCS1_2048_8192_SHA256,
        }
    }
}

/// An RSA public key, DER: a PKCS#1 `RSAPublicKey`, as in a certificate's key field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicKey(Vec<u8>);

impl PublicKey {
    /// The key in these bytes; whether they are one shows when it is used.
    pub fn from_pkcs1_der(der: impl Into<Vec<u8>>) -> Self {
        Self(der.into())
    }

    /// Its bytes.
    pub fn as_der(&self) -> &[u8] {
        &self.0
    }
}

/// Checks an RSA PKCS#1 v1.5 signature, of 2048 to 8192 bits, over octets.
pub fn verify_rsa(hash: Hash, public_key_pkcs1_der: &[u8], octets: &[u8], signature: &[u8]) -> Result<(), XmlSigError> {
    let key = UnparsedPublicKey::new(hash.rsa(), public_key_pkcs1_der);
    key.verify(octets, signature).map_err(|_| XmlSigError::Invalid)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sha1_is_named_in_one_place() {
        let sources = [
            ("c14n.rs", include_str!("c14n.rs")),
            ("document/mod.rs", include_str!("document/mod.rs")),
            ("document/parse.rs", include_str!("document/parse.rs")),
            ("sign/template.rs", include_str!("sign/template.rs")),
            ("verify/shape.rs", include_str!("verify/shape.rs")),
            ("verify/mod.rs", include_str!("verify/mod.rs")),
        ];
        for (name, source) in sources {
            assert!(!source.contains("xmldsig#sha1") && !source.contains("SHA1_FOR"), "{name}");
        }
        assert_eq!(Hash::Sha1.digest(b"abc").len(), 20);
        assert_eq!(Hash::Sha256.digest(b"abc").len(), 32);
        fedatario_testkit::covers!("xmlsig: SHA-1 is in one named place");
    }
}
