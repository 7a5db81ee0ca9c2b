//! A root key from a passphrase: Argon2id with stored salt and parameters.
//!
//! The stored line holds no secret: `version argon2id m=65536 t=4 p=2 salt=… check=…`. The check is
//! a blob that only the right key opens, so that a mistyped passphrase is told as that
//! ([`VaultError::RootKeyWrong`]) and not as a house full of broken seals.

use crate::VaultError;
use crate::envelope::{self, Binding, KeyBytes};
use crate::root::RootKeys;
use argon2::{Algorithm, Argon2, Params, Version};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use fedatario_base::Secret;
use fedatario_base::id::TenantId;
use zeroize::Zeroizing;

/// Memory of a new derivation, in KiB: 64 MiB, about 0.2 s.
const MEMORY_KIB: u32 = 64 * 1024;
/// Passes of a new derivation.
const PASSES: u32 = 4;
/// Lanes of a new derivation.
const LANES: u32 = 2;
/// Most memory, passes and lanes that stored parameters may ask for (KiB, count, count).
const MOST: (u32, u32, u32) = (1024 * 1024, 32, 16);
/// Bytes of the salt.
const SALT_BYTES: usize = 16;
/// Shortest passphrase, in bytes: the key protects everything, and offline guessing is free.
const MIN_PASSPHRASE_BYTES: usize = 12;

/// How a passphrase becomes a root key. Not secret; keep it beside the data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PassphraseParams {
    version: u32,
    memory_kib: u32,
    passes: u32,
    lanes: u32,
    salt: Vec<u8>,
    check: Vec<u8>,
}

impl PassphraseParams {
    /// Fresh parameters for a new root key of `version`, with that key.
    pub fn fresh(version: u32, passphrase: &Secret) -> Result<(Self, RootKeys), VaultError> {
        let (params, key) = Self::fresh_key(version, passphrase)?;
        Ok((params, RootKeys::single(version, key)))
    }

    /// The same, with the bare key.
    pub(crate) fn fresh_key(version: u32, passphrase: &Secret) -> Result<(Self, KeyBytes), VaultError> {
        if passphrase.expose().len() < MIN_PASSPHRASE_BYTES {
            return Err(VaultError::RootKeyWrong("the passphrase is shorter than 12 bytes"));
        }
        let mut salt = vec![0; SALT_BYTES];
        aws_lc_rs::rand::fill(&mut salt).map_err(|_| VaultError::Crypto("no entropy"))?;
        let mut params = Self { version, memory_kib: MEMORY_KIB, passes: PASSES, lanes: LANES, salt, check: Vec::new() };
        let key = params.derive(passphrase)?;
        params.check = envelope::seal(&key, version, check_binding(), b"check")?;
        Ok((params, key))
    }

    /// The root key of a passphrase, if it is the one these parameters were made with.
    pub fn unlock(&self, passphrase: &Secret) -> Result<RootKeys, VaultError> {
        Ok(RootKeys::single(self.version, self.unlock_key(passphrase)?))
    }

    /// The version of the key that they make.
    pub(crate) fn version(&self) -> u32 {
        self.version
    }

    /// Whether they cost what ours do, and not what somebody wants us to spend.
    pub(crate) fn is_usual(&self) -> bool {
        (self.memory_kib, self.passes, self.lanes) == (MEMORY_KIB, PASSES, LANES)
    }

    /// The bare key of a passphrase.
    pub(crate) fn unlock_key(&self, passphrase: &Secret) -> Result<KeyBytes, VaultError> {
        let key = self.derive(passphrase)?;
        match envelope::open(&key, self.version, check_binding(), &self.check) {
            Ok(_) => Ok(key),
            Err(_) => Err(VaultError::RootKeyWrong("the passphrase is not the one it was made with")),
        }
    }

    fn derive(&self, passphrase: &Secret) -> Result<KeyBytes, VaultError> {
        let params = Params::new(self.memory_kib, self.passes, self.lanes, Some(envelope::KEY_BYTES));
        let params = params.map_err(|_| VaultError::RootKeyWrong("the parameters of the passphrase are out of range"))?;
        let mut key = Zeroizing::new([0; envelope::KEY_BYTES]);
        Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
            .hash_password_into(passphrase.expose(), &self.salt, key.as_mut_slice())
            .map_err(|_| VaultError::Crypto("key derivation"))?;
        KeyBytes::from_slice(key.as_slice()).ok_or(VaultError::Crypto("key derivation"))
    }
}

impl std::fmt::Display for PassphraseParams {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (salt, check) = (STANDARD.encode(&self.salt), STANDARD.encode(&self.check));
        let Self { version, memory_kib, passes, lanes, .. } = self;
        write!(f, "{version} argon2id m={memory_kib} t={passes} p={lanes} salt={salt} check={check}")
    }
}

impl std::str::FromStr for PassphraseParams {
    type Err = VaultError;

    fn from_str(text: &str) -> Result<Self, VaultError> {
        Self::read(text).ok_or(VaultError::RootKeyWrong("the parameters of the passphrase cannot be read"))
    }
}

impl PassphraseParams {
    fn read(text: &str) -> Option<Self> {
        let mut words = text.split_whitespace();
        let version = words.next()?.parse().ok().filter(|it| *it > 0)?;
        (words.next()? == "argon2id").then_some(())?;
        let mut value = |name: &str| words.next()?.strip_prefix(name);
        let memory_kib = value("m=")?.parse().ok().filter(|it| *it <= MOST.0)?;
        let passes = value("t=")?.parse().ok().filter(|it| *it <= MOST.1)?;
        let lanes = value("p=")?.parse().ok().filter(|it| *it <= MOST.2)?;
        let salt = STANDARD.decode(value("salt=")?).ok().filter(|it| it.len() == SALT_BYTES)?;
        let check = STANDARD.decode(value("check=")?).ok()?;
        Some(Self { version, memory_kib, passes, lanes, salt, check })
    }
}

/// Belongs to no tenant.
fn check_binding() -> Binding<'static> {
    Binding { what: "passphrase-check", tenant: TenantId(Default::default()), object: "" }
}
