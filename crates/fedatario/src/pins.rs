//! The public keys that a folder holds fast: `audit.pub`, one line for each tenant.
//!
//! A key is pinned when it is first shown or used for an export; another key under the same name is
//! refused later, never taken over silently, and a file that cannot be read is an error, never "no pin".

use crate::failure::Failure;
use crate::{files, locks};
use fedatario_audit::PublicKey;
use fedatario_base::Code;
use std::io::ErrorKind;
use std::path::Path;

/// Bytes of a file of pins: some thousands of tenants.
const PINS_BYTES_AT_MOST: u64 = 1 << 20;

/// The key pinned under a name.
pub fn find(dir: &Path, name: &str) -> Result<Option<PublicKey>, Failure> {
    Ok(read(dir)?.into_iter().find(|it| it.name() == name))
}

/// Pins a key on first use.
pub fn pin(dir: &Path, key: &PublicKey) -> Result<(), Failure> {
    locks::alone(&dir.join("run"), "pins", || {
        let mut pins = read(dir)?;
        match pins.iter().find(|it| it.name() == key.name()) {
            Some(pinned) if pinned == key => Ok(()),
            Some(_) => Err(Failure::new(Code::AuditCheckpoint, format!("audit.pub holds another key of {}", key.name()))),
            None => {
                pins.push(key.clone());
                let text: String = pins.iter().map(|it| format!("{it}\n")).collect();
                files::write_private(&dir.join("audit.pub"), text.as_bytes())
            }
        }
    })
}

fn read(dir: &Path) -> Result<Vec<PublicKey>, Failure> {
    let path = dir.join("audit.pub");
    let unusable = |why: &str| Failure::new(Code::AuditFormat, format!("{}: {why}", path.display()));
    let text = match std::fs::metadata(&path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Ok(about) if about.len() > PINS_BYTES_AT_MOST => return Err(unusable("too large")),
        _ => std::fs::read_to_string(&path).map_err(|error| unusable(&error.to_string()))?,
    };
    let mut pins: Vec<PublicKey> = Vec::new();
    for line in text.lines().map(str::trim).filter(|it| !it.is_empty()) {
        let key: PublicKey = line.parse().map_err(|error| unusable(&format!("{error}")))?;
        if pins.iter().any(|it| it.name() == key.name()) {
            return Err(unusable(&format!("{} stands twice", key.name())));
        }
        pins.push(key);
    }
    if pins.is_empty() { Err(unusable("it holds no key")) } else { Ok(pins) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_name_keeps_its_first_key() {
        let dir = tempfile::tempdir().unwrap();
        files::private_dir(&dir.path().join("run")).unwrap();
        let key = |name: &str, byte: u8| PublicKey::new(name, [byte; 32]).unwrap();
        for key in [key("a", 1), key("b", 2), key("a", 1)] {
            pin(dir.path(), &key).unwrap();
        }
        assert_eq!(pin(dir.path(), &key("a", 9)).unwrap_err().code, Code::AuditCheckpoint);
        assert_eq!(find(dir.path(), "b").unwrap(), Some(key("b", 2)));
        assert_eq!(find(dir.path(), "c").unwrap(), None);

        let path = dir.path().join("audit.pub");
        assert_eq!(std::fs::read_to_string(&path).unwrap().lines().count(), 2);
        let twice = format!("{}\n{}\n", key("a", 1), key("a", 9));
        for broken in ["", "nonsense\n", &twice, "a+00000000+AAAA\n"] {
            std::fs::write(&path, broken).unwrap();
            assert_eq!(find(dir.path(), "a").unwrap_err().code, Code::AuditFormat, "{broken}");
            assert_eq!(pin(dir.path(), &key("a", 1)).unwrap_err().code, Code::AuditFormat, "{broken}");
        }
        fedatario_testkit::covers!(
            "audit: one pinned key for each tenant; another is refused, and a broken file of pins is an error"
        );
    }
}
