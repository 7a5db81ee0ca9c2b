//! A minted pair as a PKCS#12 archive: PBES2 with AES-256 and PBKDF2 over HMAC-SHA256, the integrity by
//! HMAC-SHA256, as programs of today write it (RFC 7292, RFC 8018).

use super::{Minted, any, asn1, explicit, oid, sequence};
use crate::{Certificate, CredentialError, pbe};
use ::pkcs12::kdf::{Pkcs12KeyType, derive_key};
use aws_lc_rs::{hmac, rand};
use fedatario_base::Secret;
use pkcs5::pbes2;
use sha2::Sha256;
use x509_cert::der::asn1::{OctetString, SetOfVec};
use x509_cert::der::{Any, Encode as _, Tag, TagNumber};

/// Rounds of each of the three derivations unless somebody chooses others: what openssl does today.
pub const ARCHIVE_ROUNDS: u32 = 2_048;

const DATA: &str = "1.2.840.113549.1.7.1";
const ENCRYPTED_DATA: &str = "1.2.840.113549.1.7.6";
const PBES2: &str = "1.2.840.113549.1.5.13";
const SHROUDED_KEY_BAG: &str = "1.2.840.113549.1.12.10.1.2";
const CERTIFICATE_BAG: &str = "1.2.840.113549.1.12.10.1.3";
const X509_CERTIFICATE: &str = "1.2.840.113549.1.9.22.1";
const FRIENDLY_NAME: &str = "1.2.840.113549.1.9.20";
const LOCAL_KEY_ID: &str = "1.2.840.113549.1.9.21";
const SHA256: &str = "2.16.840.1.101.3.4.2.1";
/// Bytes of a salt.
const SALT_BYTES: usize = 16;
/// Bytes of an HMAC-SHA256 and of its key.
const MAC_BYTES: usize = 32;

impl Minted {
    /// The pair, with the certificates of a chain, as an archive under a password.
    pub fn archive(&self, chain: &[&Certificate], name: &str, password: &Secret) -> Result<Vec<u8>, CredentialError> {
        archive_of(&[self], chain, name, password, ARCHIVE_ROUNDS)
    }

    fn key_bag(&self, name: &str, password: &Secret, rounds: u32) -> Result<Any, CredentialError> {
        let (algorithm, ciphertext) = sealed(self.pkcs8_der.expose(), password, rounds)?;
        let shrouded = sequence(&[algorithm, octets(ciphertext)?])?;
        sequence(&[oid(SHROUDED_KEY_BAG)?, explicit(0, shrouded)?, attributes(name)?])
    }
}

/// An archive of several pairs, or of none, with the certificates of a chain; each derivation of so many rounds.
pub fn archive_of(
    pairs: &[&Minted],
    chain: &[&Certificate],
    name: &str,
    password: &Secret,
    rounds: u32,
) -> Result<Vec<u8>, CredentialError> {
    let keys = pairs.iter().map(|it| it.key_bag(name, password, rounds)).collect::<Result<Vec<_>, _>>()?;
    let mut bags = pairs.iter().map(|it| certificate_bag(&it.cer_der, Some(name))).collect::<Result<Vec<_>, _>>()?;
    for it in chain {
        bags.push(certificate_bag(it.der(), None)?);
    }
    let certificates = encrypted(&sequence(&bags)?, password, rounds)?;
    let safe = sequence(&[certificates, content(&sequence(&keys)?)?])?.to_der().map_err(asn1)?;
    let integrity = integrity(&safe, password, rounds)?;
    let three = Any::new(Tag::Integer, [3u8]).map_err(asn1)?;
    sequence(&[three, data(safe)?, integrity])?.to_der().map_err(asn1)
}

fn certificate_bag(der: &[u8], name: Option<&str>) -> Result<Any, CredentialError> {
    let value = sequence(&[oid(X509_CERTIFICATE)?, explicit(0, octets(der)?)?])?;
    let mut parts = vec![oid(CERTIFICATE_BAG)?, explicit(0, value)?];
    if let Some(name) = name {
        parts.push(attributes(name)?);
    }
    sequence(&parts)
}

/// The name that programs show, and the mark by which a key finds its certificate.
fn attributes(name: &str) -> Result<Any, CredentialError> {
    let units: Vec<u8> = name.encode_utf16().flat_map(u16::to_be_bytes).collect();
    let one = |id: &str, value: Any| sequence(&[oid(id)?, any(&SetOfVec::try_from([value]).map_err(asn1)?)?]);
    let named = one(FRIENDLY_NAME, Any::new(Tag::BmpString, units).map_err(asn1)?)?;
    any(&SetOfVec::try_from(vec![named, one(LOCAL_KEY_ID, octets([1u8])?)?]).map_err(asn1)?)
}

fn octets(bytes: impl Into<Vec<u8>>) -> Result<Any, CredentialError> {
    any(&OctetString::new(bytes.into()).map_err(asn1)?)
}

fn data(bytes: Vec<u8>) -> Result<Any, CredentialError> {
    sequence(&[oid(DATA)?, explicit(0, octets(bytes)?)?])
}

fn content(bags: &Any) -> Result<Any, CredentialError> {
    data(bags.to_der().map_err(asn1)?)
}

fn encrypted(bags: &Any, password: &Secret, rounds: u32) -> Result<Any, CredentialError> {
    let (algorithm, ciphertext) = sealed(&bags.to_der().map_err(asn1)?, password, rounds)?;
    let implicit = Tag::ContextSpecific { constructed: false, number: TagNumber(0) };
    let inner = sequence(&[oid(DATA)?, algorithm, Any::new(implicit, ciphertext).map_err(asn1)?])?;
    let zero = Any::new(Tag::Integer, [0u8]).map_err(asn1)?;
    sequence(&[oid(ENCRYPTED_DATA)?, explicit(0, sequence(&[zero, inner])?)?])
}

/// A message under a password, with what says how.
fn sealed(message: &[u8], password: &Secret, rounds: u32) -> Result<(Any, Vec<u8>), CredentialError> {
    let (salt, iv): ([u8; SALT_BYTES], [u8; 16]) = (random()?, random()?);
    let parameters = pbes2::Parameters {
        kdf: pbes2::Kdf::Pbkdf2(pbes2::Pbkdf2Params {
            salt: salt.as_slice().try_into().map_err(|_| CredentialError::Crypto("salt"))?,
            iteration_count: rounds,
            key_length: None,
            prf: pbes2::Pbkdf2Prf::HmacWithSha256,
        }),
        encryption: pbes2::EncryptionScheme::Aes256Cbc { iv },
    };
    let ciphertext = parameters.encrypt(password.expose(), message);
    let ciphertext = ciphertext.map_err(|_| CredentialError::Crypto("the archive could not be encrypted"))?;
    Ok((sequence(&[oid(PBES2)?, any(&parameters)?])?, ciphertext))
}

/// The code that tells whether the password is right and the contents are whole.
fn integrity(safe: &[u8], password: &Secret, rounds: u32) -> Result<Any, CredentialError> {
    let salt: [u8; SALT_BYTES] = random()?;
    let turns = i32::try_from(rounds).map_err(|_| CredentialError::Crypto("rounds"))?;
    let key = derive_key::<Sha256>(&pbe::as_bmp(password.expose()), &salt, Pkcs12KeyType::Mac, turns, MAC_BYTES);
    let key = zeroize::Zeroizing::new(key);
    let code = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &key), safe);
    let digest = sequence(&[sequence(&[oid(SHA256)?, Any::null()])?, octets(code.as_ref())?])?;
    sequence(&[digest, octets(salt)?, any(&rounds)?])
}

fn random<const N: usize>() -> Result<[u8; N], CredentialError> {
    let mut bytes = [0u8; N];
    rand::fill(&mut bytes).map_err(|_| CredentialError::Crypto("no entropy"))?;
    Ok(bytes)
}
