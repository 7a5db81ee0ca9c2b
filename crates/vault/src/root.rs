//! Root keys: from a file, an environment variable or a passphrase; several versions at once.
//!
//! The text form is one `version base64` a line, `#` for remarks; a bare base64 of 32 bytes is
//! version 1, which is how an environment variable usually brings it. The highest version wraps
//! whatever is new; older ones only open, until nothing is behind and they are retired. Files are
//! made with mode 0600, in one step (a crowd that starts at once ends with one key), and a file that
//! others may read is refused.
//!
//! Keys that came from a file follow it: a version that is not held is looked for there again, and
//! whatever is new is wrapped by the version that is newest in the file *now*. So a process that runs
//! for months lives through a rotation that another one does, and never wraps under a retired key.

use crate::VaultError;
use crate::envelope::{KEY_BYTES, KeyBytes};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use fedatario_base::Secret;
use std::collections::BTreeMap;
use std::io::{ErrorKind, Read as _, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use zeroize::Zeroizing;

/// Most bytes of a file of root keys: sixty-four versions with remarks.
const MAX_ROOT_FILE_BYTES: u64 = 16 * 1024;
/// Most versions held at once; more means that none is ever retired.
const MAX_VERSIONS: usize = 64;

const REMARK: &str = "# Root keys of fedatario. Whoever has this file opens everything sealed; without it nothing opens.\n";

/// Root keys by their version.
type Versions = BTreeMap<u32, Arc<KeyBytes>>;

/// The root keys of an installation, by version; never empty.
pub struct RootKeys {
    held: RwLock<Versions>,
    /// The file that they follow, when they came from one.
    file: Option<PathBuf>,
}

impl std::fmt::Debug for RootKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "RootKeys(versions {:?})", self.held().keys().collect::<Vec<_>>())
    }
}

impl RootKeys {
    /// Reads the text form, as an environment variable holds it.
    pub fn from_text(text: &Secret) -> Result<Self, VaultError> {
        Self::of(read_text(text)?)
    }

    /// Reads a file that is there, and follows it from then on.
    pub fn open_file(path: &Path) -> Result<Self, VaultError> {
        Ok(Self { file: Some(path.to_owned()), ..Self::of(read_file(path)?)? })
    }

    /// Reads a file, or makes it with a fresh key if there is none. Of several that make it at once,
    /// all come back with the same key.
    pub fn open_or_create_file(path: &Path) -> Result<Self, VaultError> {
        if !path.exists() {
            write_new(path, &to_text(&BTreeMap::from([(1, Arc::new(KeyBytes::generate()?))])))?;
        }
        Self::open_file(path)
    }

    /// Adds a fresh version to a file, which from then on wraps whatever is new. Of several that do so
    /// at once one would be lost: whoever calls this is alone.
    pub fn add_version_to_file(path: &Path) -> Result<Self, VaultError> {
        let mut keys = read_file(path)?;
        let version = newest(&keys).checked_add(1).ok_or(VaultError::RootKeyWrong("no higher version can be made"))?;
        keys.insert(version, Arc::new(KeyBytes::generate()?));
        rewrite(path, keys)
    }

    /// Takes an old version out of a file. Only when nothing is behind: what that key wraps is lost.
    /// Whoever calls this is alone.
    pub fn retire_in_file(path: &Path, version: u32) -> Result<Self, VaultError> {
        let mut keys = read_file(path)?;
        if version == newest(&keys) {
            return Err(VaultError::RootKeyWrong("the current version cannot be retired"));
        }
        keys.remove(&version).ok_or_else(|| VaultError::RootKeyMissing(format!("there is no version {version}")))?;
        rewrite(path, keys)
    }

    /// These and those together, as when a passphrase takes over from a file. Versions must differ,
    /// and no file is followed any more.
    pub fn and(self, other: Self) -> Result<Self, VaultError> {
        let mut keys = self.held().clone();
        for (version, key) in other.held().iter() {
            if keys.insert(*version, key.clone()).is_some() {
                return Err(VaultError::RootKeyWrong("a version stands twice"));
            }
        }
        Self::of(keys)
    }

    /// The version that wraps whatever is new, as far as is known here.
    pub fn current_version(&self) -> u32 {
        newest(&self.held())
    }

    pub(crate) fn single(version: u32, key: KeyBytes) -> Self {
        Self { held: RwLock::new(BTreeMap::from([(version, Arc::new(key))])), file: None }
    }

    /// The key that wraps whatever is new. The file is read again: what this process would wrap
    /// under a version that was retired meanwhile, nobody could open after it.
    pub(crate) fn current(&self) -> Result<(u32, Arc<KeyBytes>), VaultError> {
        self.follow()?;
        let held = self.held();
        let newest = held.iter().next_back().map(|(version, key)| (*version, key.clone()));
        newest.ok_or_else(|| VaultError::RootKeyMissing("there is none".into()))
    }

    /// A key by its version, looked for in the file if it is not held.
    pub(crate) fn version(&self, version: u32) -> Result<Arc<KeyBytes>, VaultError> {
        if let Some(key) = self.held().get(&version) {
            return Ok(key.clone());
        }
        self.follow()?;
        let found = self.held().get(&version).cloned();
        found.ok_or_else(|| VaultError::RootKeyMissing(format!("version {version} is not loaded")))
    }

    /// Takes over what the file holds now.
    fn follow(&self) -> Result<(), VaultError> {
        let Some(path) = &self.file else { return Ok(()) };
        let keys = checked(read_file(path)?)?;
        *self.held.write().unwrap_or_else(PoisonError::into_inner) = keys;
        Ok(())
    }

    fn held(&self) -> std::sync::RwLockReadGuard<'_, Versions> {
        self.held.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn of(keys: Versions) -> Result<Self, VaultError> {
        Ok(Self { held: RwLock::new(checked(keys)?), file: None })
    }
}

fn newest(keys: &Versions) -> u32 {
    keys.keys().next_back().copied().unwrap_or_default()
}

fn checked(keys: Versions) -> Result<Versions, VaultError> {
    match keys.len() {
        0 => Err(VaultError::RootKeyMissing("the text names none".into())),
        1..=MAX_VERSIONS => Ok(keys),
        _ => Err(VaultError::RootKeyWrong("more than 64 versions")),
    }
}

fn read_text(text: &Secret) -> Result<Versions, VaultError> {
    let text = text.expose_str().ok_or(VaultError::RootKeyWrong("not a text"))?.trim();
    if let Some(key) = decode(text) {
        return Ok(BTreeMap::from([(1, Arc::new(key))]));
    }
    let mut keys = BTreeMap::new();
    for line in text.lines().map(str::trim).filter(|it| !it.is_empty() && !it.starts_with('#')) {
        let (version, key) = line.split_once(' ').ok_or(VaultError::RootKeyWrong("a line is not `version base64`"))?;
        let version = version.parse().ok().filter(|it| *it > 0).ok_or(VaultError::RootKeyWrong("a version is not a number"))?;
        let key = decode(key.trim()).ok_or(VaultError::RootKeyWrong("a key is not the base64 of 32 bytes"))?;
        if keys.insert(version, Arc::new(key)).is_some() {
            return Err(VaultError::RootKeyWrong("a version stands twice"));
        }
    }
    Ok(keys)
}

fn read_file(path: &Path) -> Result<Versions, VaultError> {
    let missing = |error: std::io::Error| VaultError::RootKeyMissing(format!("{}: {error}", path.display()));
    let file = std::fs::File::open(path).map_err(missing)?;
    if file.metadata().map_err(missing)?.permissions().mode() & 0o077 != 0 {
        return Err(VaultError::RootKeyWrong("its file can be read by others; it must have mode 0600"));
    }
    let mut bytes = Zeroizing::new(Vec::with_capacity(MAX_ROOT_FILE_BYTES as usize + 1));
    file.take(MAX_ROOT_FILE_BYTES + 1).read_to_end(&mut bytes).map_err(missing)?;
    if bytes.len() as u64 > MAX_ROOT_FILE_BYTES {
        return Err(VaultError::RootKeyWrong("its file is too large"));
    }
    read_text(&Secret::new(bytes.as_slice()))
}

fn rewrite(path: &Path, keys: Versions) -> Result<RootKeys, VaultError> {
    let keys = checked(keys)?;
    replace(path, &to_text(&keys))?;
    Ok(RootKeys { held: RwLock::new(keys), file: Some(path.to_owned()) })
}

fn to_text(keys: &Versions) -> Zeroizing<String> {
    let mut text = Zeroizing::new(String::with_capacity(REMARK.len() + keys.len() * 64));
    text.push_str(REMARK);
    for (version, key) in keys {
        let digits = Zeroizing::new(STANDARD.encode(key.expose()));
        text.push_str(&version.to_string());
        text.push(' ');
        text.push_str(&digits);
        text.push('\n');
    }
    text
}

fn decode(text: &str) -> Option<KeyBytes> {
    let mut bytes = Zeroizing::new([0u8; KEY_BYTES + 4]);
    let len = STANDARD.decode_slice(text, bytes.as_mut_slice()).ok()?;
    KeyBytes::from_slice(&bytes[..len])
}

/// A hard link is made only where nothing is, so the first of a crowd wins and the rest read.
fn write_new(path: &Path, text: &str) -> Result<(), VaultError> {
    let draft = write_draft(path, text)?;
    let linked = std::fs::hard_link(&draft, path);
    let _ = std::fs::remove_file(&draft);
    match linked {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(unwritable(path, &error)),
        _ => sync_folder(path),
    }
}

fn replace(path: &Path, text: &str) -> Result<(), VaultError> {
    let draft = write_draft(path, text)?;
    std::fs::rename(&draft, path).map_err(|error| unwritable(path, &error))?;
    sync_folder(path)
}

fn write_draft(path: &Path, text: &str) -> Result<std::path::PathBuf, VaultError> {
    let mut tail = [0u8; 8];
    aws_lc_rs::rand::fill(&mut tail).map_err(|_| VaultError::Crypto("no entropy"))?;
    let draft = path.with_extension(format!("{:016x}.draft", u64::from_be_bytes(tail)));
    let write = || {
        let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()
    };
    write().map_err(|error| unwritable(path, &error))?;
    Ok(draft)
}

/// Without this the name may be gone after a power cut, and with it every sealed thing.
fn sync_folder(path: &Path) -> Result<(), VaultError> {
    let folder = path.parent().filter(|it| !it.as_os_str().is_empty()).unwrap_or(Path::new("."));
    std::fs::File::open(folder).and_then(|it| it.sync_all()).map_err(|error| unwritable(path, &error))
}

fn unwritable(path: &Path, error: &std::io::Error) -> VaultError {
    VaultError::RootKeyMissing(format!("{} cannot be written: {error}", path.display()))
}
