//! RSA with SHA-1, which SAT's mass download demands and nothing else may use.
//!
//! The safe library refuses to sign with SHA-1, so this one module calls the C library beneath it,
//! which the program already links. Only the profiles of SAT reach it, through `seal`. Everything
//! allocated is freed on every path, and the key's memory is wiped by the library when it is.

#![allow(unsafe_code, reason = "the only signer of its kind; each block says why it is sound")]

use crate::VaultError;
use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use aws_lc_sys::{CBS, CBS_init, EVP_PKEY, EVP_PKEY_free, EVP_PKEY_get0_RSA, EVP_parse_private_key, NID_sha1, RSA_sign, RSA_size};
use std::mem::MaybeUninit;
use std::ptr::NonNull;

/// An owned key of the C library.
struct Key(NonNull<EVP_PKEY>);

impl Drop for Key {
    fn drop(&mut self) {
        // SAFETY: the pointer came from `EVP_parse_private_key`, is owned here alone and freed once.
        unsafe { EVP_PKEY_free(self.0.as_ptr()) };
    }
}

impl Key {
    fn parse(pkcs8: &[u8]) -> Option<Self> {
        let mut cbs = MaybeUninit::<CBS>::uninit();
        // SAFETY: `CBS_init` fills the whole structure with a pointer into `pkcs8` and its length;
        // `pkcs8` outlives both calls, and the parser reads no further than that length and keeps none of it.
        let key = unsafe {
            CBS_init(cbs.as_mut_ptr(), pkcs8.as_ptr(), pkcs8.len());
            EVP_parse_private_key(cbs.as_mut_ptr())
        };
        NonNull::new(key).map(Self)
    }

    fn sign_sha1(&self, sum: &[u8]) -> Option<Vec<u8>> {
        // SAFETY: the key is alive for as long as `self`; the borrowed RSA is null for other kinds of key.
        let rsa = unsafe { EVP_PKEY_get0_RSA(self.0.as_ptr()) };
        if rsa.is_null() {
            return None;
        }
        // SAFETY: `rsa` is not null and belongs to the living key.
        let size = unsafe { RSA_size(rsa) };
        let mut signature = vec![0u8; size as usize];
        let mut len = size;
        // SAFETY: `sum` is read for its own length; `signature` has room for `RSA_size` bytes, which is
        // what `RSA_sign` writes at most; `len` tells how many it wrote.
        let done = unsafe { RSA_sign(NID_sha1, sum.as_ptr(), sum.len(), signature.as_mut_ptr(), &mut len, rsa) };
        signature.truncate(len as usize);
        (done == 1).then_some(signature)
    }
}

/// RSASSA-PKCS1-v1_5 with SHA-1 over `octets`.
pub(crate) fn sign(pkcs8: &[u8], octets: &[u8]) -> Result<Vec<u8>, VaultError> {
    let sum = digest(&SHA1_FOR_LEGACY_USE_ONLY, octets);
    let key = Key::parse(pkcs8).ok_or(VaultError::Crypto("the key is not one the library reads"))?;
    key.sign_sha1(sum.as_ref()).ok_or(VaultError::Crypto("the key does not sign"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use fedatario_base::Secret;
    use fedatario_credentials::mint::{Authority, Subject};
    use fedatario_credentials::{Kind, PrivateKey};
    use fedatario_testkit::{covers, fixtures, fixtures_or_skip};

    #[test]
    fn published_vectors_reproduce() {
        let root = fixtures_or_skip!();
        let file = fixtures::read(&root, "mx/fiel/sat-test-2023-2027/EKU9003173C9_fiel.key");
        let key = PrivateKey::open(&file, &Secret::new("12345678a")).unwrap();
        let vectors = fixtures::read(&root, "mx/soap/official-v15/eku-vectors.json");
        let vectors: serde_json::Value = serde_json::from_slice(&vectors).unwrap();
        let vectors = vectors["vectors"].as_array().unwrap();
        assert_eq!(vectors.len(), 6);
        for vector in vectors {
            let signature = sign(key.pkcs8_der(), vector["signed_info_canonical"].as_str().unwrap().as_bytes()).unwrap();
            assert_eq!(STANDARD.encode(signature), vector["signature_value"].as_str().unwrap(), "{}", vector["operation"]);
        }
        covers!("vault: RSA-SHA1 reproduces the six published vectors");
    }

    #[test]
    fn openssl_verifies_what_is_signed() {
        let now = "2026-09-01T12:00:00Z".parse().unwrap();
        let subject = Subject { rfc: "AAA010101AAA".into(), representative_rfc: None, name: "A".into(), curp: None, branch: None };
        let authority = Authority::generate("AC", now).unwrap();
        let minted = authority.issue(&subject, Kind::Fiel, "30001000000500000001", now, now).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, bytes: &[u8]| std::fs::write(folder.path().join(name), bytes).unwrap();
        write("octets", b"<SignedInfo/>");
        write("signature", &sign(minted.pkcs8_der.expose(), b"<SignedInfo/>").unwrap());
        write("cer.der", &minted.cer_der);
        let openssl = |arguments: &[&str]| {
            let output = std::process::Command::new("openssl").current_dir(folder.path()).args(arguments).output();
            let output = output.expect("openssl is installed");
            assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        };
        openssl(&["x509", "-inform", "der", "-in", "cer.der", "-pubkey", "-noout", "-out", "public.pem"]);
        openssl(&["dgst", "-sha1", "-verify", "public.pem", "-signature", "signature", "octets"]);
        covers!("vault: openssl verifies an RSA-SHA1 signature of the vault");
    }

    #[test]
    fn what_is_no_rsa_key_is_an_error() {
        let ed25519 = aws_lc_rs::signature::Ed25519KeyPair::generate().unwrap().to_pkcs8v1().unwrap();
        for junk in [b"".as_slice(), b"junk", &[0x30, 0x82, 0xff, 0xff], ed25519.as_ref()] {
            assert!(matches!(sign(junk, b"octets"), Err(VaultError::Crypto(_))));
        }
        covers!("vault: the RSA-SHA1 signer refuses what is no RSA key");
    }
}
