//! Private keys: every form in which SAT, OpenSSL and their users keep an RSA key.
//!
//! Whatever came in, what stays is one form, PKCS#8 in DER, in memory that is wiped. The order of
//! refusal is that of a friendly message: first the outer form, then the password. Whether a
//! password is wrong or the ciphertext damaged cannot be told, so both are one error.

use crate::pbe::{self, PbeError, Scheme};
use crate::{Certificate, CredentialError, pem};
use aws_lc_rs::rsa::KeyPair;
use aws_lc_rs::signature::{KeyPair as _, RsaParameters};
use fedatario_base::Secret;
use pkcs8::PrivateKeyInfoRef;
use pkcs12::pbe_params::EncryptedPrivateKeyInfo;
use x509_cert::der::asn1::{AnyRef, ObjectIdentifier, OctetStringRef};
use x509_cert::der::{Decode as _, Encode as _, Header, Reader as _, SliceReader, Tag};
use x509_cert::spki::AlgorithmIdentifierRef;
use zeroize::Zeroizing;

/// Most bytes of a key file in any of its forms: an RSA key of 8,192 bits is about 5 KiB.
pub const MAX_KEY_BYTES: usize = 64 * 1024;

const RSA_ENCRYPTION: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
const UNUSABLE: CredentialError = CredentialError::KeyFormat("not an RSA key of 2,048 to 8,192 bits");

const DAMAGED: CredentialError = CredentialError::KeyFormat("an RSA key whose numbers do not belong together");
/// Bytes of a PKCS#1 key of 2,048 to 8,192 bits, with room for exponents of any size: what the library refuses
/// within them is damaged, beyond them it is of another size.
const SIZES: std::ops::RangeInclusive<usize> = 1_100..=5_400;

/// An RSA private key. It is neither cloned nor printed.
pub struct PrivateKey {
    pkcs8: Zeroizing<Vec<u8>>,
    public: Vec<u8>,
}

impl std::fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PrivateKey(…)")
    }
}

/// What the first bytes of a DER key say that it is.
enum Form {
    Pkcs1,
    Pkcs8,
    Encrypted,
}

impl PrivateKey {
    /// Opens a key file. The password of a plain key is not looked at.
    pub fn open(bytes: &[u8], password: &Secret) -> Result<Self, CredentialError> {
        if bytes.len() > MAX_KEY_BYTES {
            return Err(CredentialError::KeyFormat("larger than a key may be"));
        }
        if bytes.first() == Some(&0x30) {
            return Self::from_der(bytes, password);
        }
        if pem::is_pem(bytes) {
            return Self::from_pem(bytes, password);
        }
        let decoded = pem::base64(bytes).ok_or(CredentialError::KeyFormat("neither DER, PEM nor base64"))?;
        Self::from_der(&decoded, password)
    }

    fn from_pem(bytes: &[u8], password: &Secret) -> Result<Self, CredentialError> {
        let block = pem::block(bytes, |label| label.ends_with("PRIVATE KEY"));
        let block = block.ok_or(CredentialError::KeyFormat("no intact PRIVATE KEY block in the PEM text"))?;
        match (block.label.as_str(), &block.dek_info) {
            ("RSA PRIVATE KEY", Some(header)) => {
                let opened = pbe::open_dek_info(header, password.expose(), &block.contents).map_err(of_key)?;
                Self::from_pkcs1(&opened).map_err(|_| CredentialError::Password)
            }
            ("RSA PRIVATE KEY" | "PRIVATE KEY" | "ENCRYPTED PRIVATE KEY", None) => Self::from_der(&block.contents, password),
            _ => Err(CredentialError::KeyFormat("a PEM key of a kind we do not know")),
        }
    }

    fn from_der(der: &[u8], password: &Secret) -> Result<Self, CredentialError> {
        match form_of(der).ok_or(CredentialError::KeyFormat("its ASN.1 is broken"))? {
            Form::Pkcs1 => Self::from_pkcs1(der),
            Form::Pkcs8 => Self::from_pkcs8(der),
            Form::Encrypted => {
                let broken = |_| CredentialError::KeyFormat("its ASN.1 is broken");
                let info = EncryptedPrivateKeyInfo::from_der(der).map_err(broken)?;
                let scheme = Scheme::read(&info.encryption_algorithm).map_err(of_key)?;
                if scheme.cost() > pbe::MAX_ITERATIONS {
                    return Err(CredentialError::KeyFormat("its key derivation costs too much"));
                }
                let opened = scheme.open(password.expose(), info.encrypted_data.as_bytes()).map_err(of_key)?;
                Self::from_pkcs8(&opened).map_err(of_decrypted)
            }
        }
    }

    /// From an unencrypted PKCS#8; attributes that others add to it are dropped.
    pub(crate) fn from_pkcs8(der: &[u8]) -> Result<Self, CredentialError> {
        let broken = |_| CredentialError::KeyFormat("its ASN.1 is broken");
        let info = PrivateKeyInfoRef::from_der(der).map_err(broken)?;
        if info.algorithm.oid != RSA_ENCRYPTION {
            return Err(UNUSABLE);
        }
        Self::from_pkcs1(info.private_key.as_bytes())
    }

    fn from_pkcs1(der: &[u8]) -> Result<Self, CredentialError> {
        let broken = |_| CredentialError::KeyFormat("its ASN.1 is broken");
        let algorithm = AlgorithmIdentifierRef { oid: RSA_ENCRYPTION, parameters: Some(AnyRef::NULL) };
        let info = PrivateKeyInfoRef::new(algorithm, OctetStringRef::new(der).map_err(broken)?);
        let pkcs8 = Zeroizing::new(info.to_der().map_err(broken)?);
        let refused = || if SIZES.contains(&der.len()) { DAMAGED } else { UNUSABLE };
        let pair = KeyPair::from_pkcs8(&pkcs8).map_err(|_| refused())?;
        Ok(Self { public: pair.public_key().as_ref().to_vec(), pkcs8 })
    }

    /// The key as PKCS#8 in DER, for the vault and for nobody else.
    pub fn pkcs8_der(&self) -> &[u8] {
        &self.pkcs8
    }

    /// Its public half, as the DER of a PKCS#1 `RSAPublicKey`.
    pub fn rsa_public_key(&self) -> &[u8] {
        &self.public
    }

    /// How long its modulus is, bits.
    pub fn bits(&self) -> u32 {
        modulus_bits(&self.public)
    }

    /// Whether the certificate's public key is this key's.
    pub fn belongs_to(&self, certificate: &Certificate) -> bool {
        self.public == certificate.rsa_public_key()
    }
}

/// How long the modulus of an RSA public key is, bits; 0 of bytes that are no such key.
pub(crate) fn modulus_bits(rsa_public_key: &[u8]) -> u32 {
    RsaParameters::public_modulus_len(rsa_public_key).unwrap_or_default()
}

/// How what was decrypted is told that is no key of ours: another kind of key is one, and noise is the work of
/// a wrong password.
pub(crate) fn of_decrypted(error: CredentialError) -> CredentialError {
    if error == UNUSABLE { error } else { CredentialError::Password }
}

/// How a scheme's trouble is told of a key file.
fn of_key(error: PbeError) -> CredentialError {
    match error {
        PbeError::Format(what) | PbeError::Bounds(what) => CredentialError::KeyFormat(what),
        PbeError::Password => CredentialError::Password,
    }
}

/// All three begin with a SEQUENCE; its first two elements tell them apart.
fn form_of(der: &[u8]) -> Option<Form> {
    let mut reader = SliceReader::new(der).ok()?;
    Header::decode(&mut reader).ok()?;
    if Tag::peek(&reader).ok()? == Tag::Sequence {
        return Some(Form::Encrypted);
    }
    reader.tlv_bytes().ok()?;
    match Tag::peek(&reader).ok()? {
        Tag::Integer => Some(Form::Pkcs1),
        Tag::Sequence => Some(Form::Pkcs8),
        _ => None,
    }
}
