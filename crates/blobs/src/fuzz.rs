//! The body of the fuzz target: paths that a stranger might have had a part in.

use crate::path::{MAX_PATH_BYTES, ObjectPath, Prefix};
use std::path::{Component, Path};

/// A path that is taken stays inside, whatever it is joined to, and is the same when read again.
pub fn path(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    if let Ok(path) = ObjectPath::parse(&text) {
        assert!(path.as_str() == text && text.len() <= MAX_PATH_BYTES);
        assert!(stays(&path.relative()), "{text}");
    }
    if let Ok(prefix) = Prefix::parse(&text) {
        assert!(stays(&prefix.folder) && text.starts_with(prefix.text));
    }
    if let Ok(path) = ObjectPath::inside("tenants/t/clientes", &text) {
        assert!(path.relative().parent() == Some(Path::new("tenants/t/clientes")), "{text}");
    }
}

fn stays(path: &Path) -> bool {
    path.components().all(|it| matches!(it, Component::Normal(_))) && !path.is_absolute()
}
