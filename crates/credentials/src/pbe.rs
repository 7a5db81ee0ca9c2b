//! Password-based encryption, as found around private keys: PBES2, PBES1, the PKCS#12 schemes and
//! the old PEM `DEK-Info`.
//!
//! Splits in two what libraries do in one: a scheme is first read, so that its cost can be refused,
//! and only then used. Ciphers, digests and derivations are the libraries'; this is their plumbing,
//! because none opens all the forms that users still hold.

use aes::{Aes128, Aes192, Aes256};
use cbc::cipher::block_padding::Pkcs7;
use cbc::cipher::{BlockCipherDecrypt, BlockModeDecrypt as _, KeyInit, KeyIvInit as _};
use des::{Des, TdesEde2, TdesEde3};
use md5::Md5;
use pkcs5::pbes2;
use pkcs12::kdf::{Pkcs12KeyType, derive_key};
use pkcs12::pbe_params::{Pbes2Params, Pkcs12PbeParams};
use rc2::Rc2;
use sha1::Sha1;
use sha2::Digest;
use x509_cert::der::asn1::OctetStringRef;
use x509_cert::der::{Decode as _, Encode as _};
use x509_cert::spki::AlgorithmIdentifierOwned;
use zeroize::{Zeroize as _, Zeroizing};

/// Most iterations spent on one file, over all of its derivations. About a second of work; OpenSSL
/// writes 2,048, careful tools up to 600,000.
pub(crate) const MAX_ITERATIONS: u64 = 2_000_000;
/// Most memory, in bytes, that a scrypt derivation may take.
pub(crate) const MAX_SCRYPT_BYTES: u64 = 64 * 1024 * 1024;
/// Most lanes of a scrypt derivation; each costs the whole memory's worth of work again.
const MAX_SCRYPT_LANES: u16 = 4;
/// Iterations that one byte of scrypt memory stands for in the common budget, inverted: 64 bytes
/// are mixed in about the time of one iteration.
const SCRYPT_BYTES_PER_ITERATION: u64 = 64;

/// Why a scheme could not be read or used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PbeError {
    /// Broken parameters, or a scheme nobody should use.
    Format(&'static str),
    /// It asks for more than we spend.
    Bounds(&'static str),
    /// Wrong password or damaged ciphertext.
    Password,
}

type Opened = Result<Zeroizing<Vec<u8>>, PbeError>;

/// A scheme with its parameters, read and within its own bounds.
pub(crate) enum Scheme {
    Pbes2(pbes2::Parameters),
    Pbes1 { hash: Hash, cipher: Cipher, salt: Vec<u8>, iterations: u32 },
    Pkcs12 { cipher: Cipher, salt: Vec<u8>, iterations: u32 },
}

#[derive(Clone, Copy)]
pub(crate) enum Hash {
    Md5,
    Sha1,
}

/// A cipher in CBC mode with padding.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cipher {
    Des,
    TwoKeyTripleDes,
    TripleDes,
    Rc2 { key_bytes: usize },
    Aes128,
    Aes192,
    Aes256,
}

impl Cipher {
    fn key_bytes(self) -> usize {
        match self {
            Self::Des => 8,
            Self::TwoKeyTripleDes | Self::Aes128 => 16,
            Self::TripleDes | Self::Aes192 => 24,
            Self::Rc2 { key_bytes } => key_bytes,
            Self::Aes256 => 32,
        }
    }

    fn block_bytes(self) -> usize {
        match self {
            Self::Aes128 | Self::Aes192 | Self::Aes256 => 16,
            _ => 8,
        }
    }

    fn decrypt(self, key: &[u8], iv: &[u8], data: &[u8]) -> Opened {
        match self {
            Self::Des => cbc_decrypt::<Des>(key, iv, data),
            Self::TwoKeyTripleDes => cbc_decrypt::<TdesEde2>(key, iv, data),
            Self::TripleDes => cbc_decrypt::<TdesEde3>(key, iv, data),
            Self::Rc2 { .. } => cbc_decrypt::<Rc2>(key, iv, data),
            Self::Aes128 => cbc_decrypt::<Aes128>(key, iv, data),
            Self::Aes192 => cbc_decrypt::<Aes192>(key, iv, data),
            Self::Aes256 => cbc_decrypt::<Aes256>(key, iv, data),
        }
    }
}

fn cbc_decrypt<C: BlockCipherDecrypt + KeyInit>(key: &[u8], iv: &[u8], data: &[u8]) -> Opened {
    let cipher = cbc::Decryptor::<C>::new_from_slices(key, iv).map_err(|_| PbeError::Format("key or vector length"))?;
    cipher.decrypt_padded_vec::<Pkcs7>(data).map(Zeroizing::new).map_err(|_| PbeError::Password)
}

impl Scheme {
    /// Reads an algorithm identifier and refuses what alone exceeds a bound.
    pub(crate) fn read(algorithm: &AlgorithmIdentifierOwned) -> Result<Self, PbeError> {
        let oid = algorithm.oid.to_string();
        let parameters = algorithm.parameters.as_ref().ok_or(PbeError::Format("an encryption without parameters"))?;
        let der = parameters.to_der().map_err(|_| PbeError::Format("broken encryption parameters"))?;
        if oid == "1.2.840.113549.1.5.13" {
            return pbes2_of(&der);
        }
        let (salt, iterations) = salt_and_iterations(&der)?;
        let pbes1 = |hash, cipher, salt| Ok(Self::Pbes1 { hash, cipher, salt, iterations });
        let pkcs12 = |cipher, salt| Ok(Self::Pkcs12 { cipher, salt, iterations });
        match oid.as_str() {
            "1.2.840.113549.1.5.3" => pbes1(Hash::Md5, Cipher::Des, salt),
            "1.2.840.113549.1.5.6" => pbes1(Hash::Md5, Cipher::Rc2 { key_bytes: 8 }, salt),
            "1.2.840.113549.1.5.10" => pbes1(Hash::Sha1, Cipher::Des, salt),
            "1.2.840.113549.1.5.11" => pbes1(Hash::Sha1, Cipher::Rc2 { key_bytes: 8 }, salt),
            "1.2.840.113549.1.12.1.3" => pkcs12(Cipher::TripleDes, salt),
            "1.2.840.113549.1.12.1.4" => pkcs12(Cipher::TwoKeyTripleDes, salt),
            "1.2.840.113549.1.12.1.5" => pkcs12(Cipher::Rc2 { key_bytes: 16 }, salt),
            "1.2.840.113549.1.12.1.6" => pkcs12(Cipher::Rc2 { key_bytes: 5 }, salt),
            _ => Err(PbeError::Format("an encryption scheme we do not know")),
        }
    }

    /// What one use costs, in iterations.
    pub(crate) fn cost(&self) -> u64 {
        match self {
            Self::Pbes2(parameters) => match &parameters.kdf {
                pbes2::Kdf::Pbkdf2(it) => u64::from(it.iteration_count),
                pbes2::Kdf::Scrypt(it) => scrypt_bytes(it) / SCRYPT_BYTES_PER_ITERATION,
                _ => u64::MAX,
            },
            Self::Pbes1 { iterations, .. } | Self::Pkcs12 { iterations, .. } => u64::from(*iterations),
        }
    }

    /// Opens a ciphertext. The caller has accepted the cost.
    pub(crate) fn open(&self, password: &[u8], data: &[u8]) -> Opened {
        match self {
            Self::Pbes2(parameters) => open_pbes2(parameters, password, data),
            Self::Pbes1 { hash, cipher, salt, iterations } => {
                let derived = pbkdf1(*hash, password, salt, *iterations);
                cipher.decrypt(&derived[..8], &derived[8..16], data)
            }
            Self::Pkcs12 { cipher, salt, iterations } => {
                let text = as_bmp(password);
                let derive = |kind, len| derive_key::<Sha1>(&text, salt, kind, *iterations as i32, len);
                let key = Zeroizing::new(derive(Pkcs12KeyType::EncryptionKey, cipher.key_bytes()));
                let iv = derive(Pkcs12KeyType::Iv, cipher.block_bytes());
                cipher.decrypt(&key, &iv, data)
            }
        }
    }
}

/// PKCS#12 derives from text in units of two bytes, with a zero unit at its end; a password that is not
/// UTF-8 was typed on a Latin-1 machine. What lies beyond the BMP, as an emoji, is written as a pair of
/// surrogates: the standard has no form for it, and this is what openssl and Java do.
pub(crate) fn as_bmp(password: &[u8]) -> Zeroizing<Vec<u8>> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(2 * password.len() + 2));
    match std::str::from_utf8(password) {
        Ok(text) => text.encode_utf16().for_each(|it| bytes.extend(it.to_be_bytes())),
        Err(_) => password.iter().for_each(|it| bytes.extend([0, *it])),
    }
    bytes.extend([0, 0]);
    bytes
}

/// The iterations of a file, as a number within the bound.
pub(crate) fn bounded_iterations(iterations: i64) -> Result<u32, PbeError> {
    match u32::try_from(iterations) {
        Ok(0) | Err(_) if iterations <= 0 => Err(PbeError::Format("an iteration count below one")),
        Ok(count) if u64::from(count) <= MAX_ITERATIONS => Ok(count),
        _ => Err(PbeError::Bounds("too many iterations")),
    }
}

fn salt_and_iterations(der: &[u8]) -> Result<(Vec<u8>, u32), PbeError> {
    let parameters = Pkcs12PbeParams::from_der(der).map_err(|_| PbeError::Format("broken encryption parameters"))?;
    Ok((parameters.salt.as_bytes().to_vec(), bounded_iterations(i64::from(parameters.iterations))?))
}

fn pbes2_of(der: &[u8]) -> Result<Scheme, PbeError> {
    require_whole_vector(der)?;
    let parameters = pbes2::Parameters::from_der(der).map_err(|_| PbeError::Format("PBES2 parameters we do not know"))?;
    match &parameters.kdf {
        pbes2::Kdf::Pbkdf2(it) => drop(bounded_iterations(i64::from(it.iteration_count))?),
        pbes2::Kdf::Scrypt(it) if scrypt_bytes(it) > MAX_SCRYPT_BYTES => {
            return Err(PbeError::Bounds("scrypt takes too much memory"));
        }
        pbes2::Kdf::Scrypt(it) if it.parallelization > MAX_SCRYPT_LANES => {
            return Err(PbeError::Bounds("scrypt takes too many lanes"));
        }
        pbes2::Kdf::Scrypt(_) => {}
        _ => return Err(PbeError::Format("a key derivation we do not know")),
    }
    Ok(Scheme::Pbes2(parameters))
}

fn scrypt_bytes(parameters: &pbes2::ScryptParams) -> u64 {
    128u64.saturating_mul(parameters.cost_parameter).saturating_mul(u64::from(parameters.block_size))
}

/// The library slices the vector of its DES ciphers without looking at its length.
fn require_whole_vector(der: &[u8]) -> Result<(), PbeError> {
    const WITH_EIGHT_BYTES: [&str; 2] = ["1.2.840.113549.3.7", "1.3.14.3.2.7"];
    let broken = PbeError::Format("broken PBES2 parameters");
    let parameters = Pbes2Params::from_der(der).map_err(|_| broken)?;
    if !WITH_EIGHT_BYTES.contains(&parameters.encryption.oid.to_string().as_str()) {
        return Ok(());
    }
    let vector = parameters.encryption.parameters.as_ref().ok_or(broken)?;
    let vector = vector.decode_as::<&OctetStringRef>().map_err(|_| broken)?;
    if vector.as_bytes().len() == 8 { Ok(()) } else { Err(broken) }
}

fn open_pbes2(parameters: &pbes2::Parameters, password: &[u8], data: &[u8]) -> Opened {
    let mut buffer = Zeroizing::new(data.to_vec());
    let opened = parameters.decrypt_in_place(password, &mut buffer).map(<[u8]>::len);
    match opened {
        Ok(len) => {
            buffer.truncate(len);
            Ok(buffer)
        }
        Err(pkcs5::Error::DecryptFailed) => Err(PbeError::Password),
        Err(_) => Err(PbeError::Format("PBES2 parameters that contradict each other")),
    }
}

/// PBKDF1 of RFC 8018: the first eight bytes are the key, the next eight the vector.
fn pbkdf1(hash: Hash, password: &[u8], salt: &[u8], iterations: u32) -> Zeroizing<[u8; 16]> {
    fn run<D: Digest>(password: &[u8], salt: &[u8], iterations: u32) -> Zeroizing<[u8; 16]> {
        let mut block = D::new().chain_update(password).chain_update(salt).finalize();
        for _ in 1..iterations {
            block = D::digest(&block);
        }
        let mut out = Zeroizing::new([0u8; 16]);
        out.copy_from_slice(&block[..16]);
        block.as_mut_slice().zeroize();
        out
    }
    match hash {
        Hash::Md5 => run::<Md5>(password, salt, iterations),
        Hash::Sha1 => run::<Sha1>(password, salt, iterations),
    }
}

/// Opens the body of an old PEM file by its header, as `DES-EDE3-CBC,0651BEED023929FF`: the key is
/// MD5 over password and the first eight bytes of the vector, repeated (`EVP_BytesToKey`).
pub(crate) fn open_dek_info(header: &str, password: &[u8], data: &[u8]) -> Opened {
    let (name, vector) = header.split_once(',').ok_or(PbeError::Format("a DEK-Info without a vector"))?;
    let cipher = match name.trim() {
        "DES-CBC" => Cipher::Des,
        "DES-EDE3-CBC" => Cipher::TripleDes,
        "AES-128-CBC" => Cipher::Aes128,
        "AES-192-CBC" => Cipher::Aes192,
        "AES-256-CBC" => Cipher::Aes256,
        _ => return Err(PbeError::Format("a DEK-Info cipher we do not know")),
    };
    let vector = from_hex(vector.trim()).filter(|it| it.len() == cipher.block_bytes());
    let vector = vector.ok_or(PbeError::Format("a DEK-Info vector of the wrong length"))?;
    let key = bytes_to_key(password, &vector[..8], cipher.key_bytes());
    cipher.decrypt(&key, &vector, data)
}

fn bytes_to_key(password: &[u8], salt: &[u8], len: usize) -> Zeroizing<Vec<u8>> {
    let mut key = Zeroizing::new(Vec::with_capacity(len + 16));
    let mut block = Zeroizing::new(Vec::new());
    while key.len() < len {
        let next = Md5::new().chain_update(&*block).chain_update(password).chain_update(salt).finalize();
        *block = next.to_vec();
        key.extend_from_slice(&block);
    }
    key.truncate(len);
    key
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    if !text.is_ascii() || !text.len().is_multiple_of(2) {
        return None;
    }
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use x509_cert::der::asn1::{ObjectIdentifier, OctetString};
    use x509_cert::der::{Any, Tag};

    fn algorithm(oid: &str, parameters: Vec<Any>) -> AlgorithmIdentifierOwned {
        let parameters = Any::from_der(&parameters.to_der().unwrap()).unwrap();
        AlgorithmIdentifierOwned { oid: ObjectIdentifier::new(oid).unwrap(), parameters: Some(parameters) }
    }

    fn octets(bytes: &[u8]) -> Any {
        Any::from_der(&OctetString::new(bytes).unwrap().to_der().unwrap()).unwrap()
    }

    fn number(value: i64) -> Any {
        Any::from_der(&value.to_der().unwrap()).unwrap()
    }

    fn nested(it: &AlgorithmIdentifierOwned) -> Any {
        Any::from_der(&it.to_der().unwrap()).unwrap()
    }

    fn pbes2_with(iterations: i64, vector: &[u8]) -> AlgorithmIdentifierOwned {
        let kdf = algorithm("1.2.840.113549.1.5.12", vec![octets(&[1; 8]), number(iterations)]);
        let cipher = AlgorithmIdentifierOwned {
            oid: ObjectIdentifier::new("1.2.840.113549.3.7").unwrap(),
            parameters: Some(Any::new(Tag::OctetString, vector).unwrap()),
        };
        algorithm("1.2.840.113549.1.5.13", vec![nested(&kdf), nested(&cipher)])
    }

    fn outcome(it: &AlgorithmIdentifierOwned) -> Result<u64, PbeError> {
        Scheme::read(it).map(|it| it.cost())
    }

    #[test]
    fn parameters_are_refused_before_any_work() {
        let three_des = |iterations| algorithm("1.2.840.113549.1.12.1.3", vec![octets(&[1; 8]), number(iterations)]);
        let too_many = Err(PbeError::Bounds("too many iterations"));
        let below_one = Err(PbeError::Format("an iteration count below one"));
        let cases = [
            (pbes2_with(2048, &[0; 8]), Ok(2048)),
            (pbes2_with(2_000_000, &[0; 8]), Ok(2_000_000)),
            (pbes2_with(2_000_001, &[0; 8]), too_many),
            (pbes2_with(0, &[0; 8]), below_one),
            // The library would slice seven bytes for eight and panic.
            (pbes2_with(2048, &[0; 7]), Err(PbeError::Format("broken PBES2 parameters"))),
            (pbes2_with(2048, &[]), Err(PbeError::Format("broken PBES2 parameters"))),
            (three_des(2048), Ok(2048)),
            (three_des(2_000_001), too_many),
            (three_des(0), below_one),
            (three_des(-1), below_one),
            (algorithm("1.2.3", vec![octets(&[1; 8]), number(1)]), Err(PbeError::Format("an encryption scheme we do not know"))),
        ];
        for (case, expected) in cases {
            assert_eq!(outcome(&case), expected);
        }
        fedatario_testkit::covers!("credentials: iterations and broken encryption parameters are refused before any work");
    }
}
