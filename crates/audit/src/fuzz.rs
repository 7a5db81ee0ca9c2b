//! The bodies of the fuzz targets: exports and notes that a stranger wrote. Each panics when a
//! promise is broken, and only then.

use crate::{PublicKey, parse_note, verify_export};

/// An export is judged or refused; what is intact has as many entries as lines between the first
/// and the last; nobody's key makes it good.
pub fn export(bytes: &[u8]) {
    let Ok(verdict) = verify_export(bytes, None) else { return };
    let lines = bytes.iter().filter(|it| **it == b'\n').count() as u64;
    assert!(verdict.entries <= lines);
    if verdict.is_intact() {
        assert_eq!(verdict.entries + 2, lines, "an intact export is a header, its entries and a checkpoint");
        let stranger = PublicKey::new("nobody", [7; 32]).expect("a key");
        assert!(!verify_export(bytes, Some(&stranger)).is_ok_and(|it| it.is_intact()), "believed under a key that signed nothing");
    }
}

/// A note that is read says the same when it is written again, and a stranger's key did not sign it.
pub fn note(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let Ok(note) = parse_note(&text) else { return };
    assert!(text.starts_with(&note.checkpoint.text()));
    assert!(note.verify(&PublicKey::new("nobody", [7; 32]).expect("a key")).is_err());
    for it in &note.signatures {
        assert!(!it.name.is_empty() && !it.signature.is_empty());
    }
}

/// A public key has one text.
pub fn public_key(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    if let Ok(key) = text.parse::<PublicKey>() {
        assert_eq!(key.to_string().parse::<PublicKey>().map(|it| *it.bytes()).ok(), Some(*key.bytes()));
    }
}
