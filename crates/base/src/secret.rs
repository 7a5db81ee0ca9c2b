//! Secrets that cannot be printed.
//!
//! A [`Secret`] has no `Display`, a `Debug` that shows only its length class, no `Clone`, and wipes
//! its memory when dropped. Reading it takes a call by name, so that a search finds every place.

use zeroize::Zeroizing;

/// Bytes that must not reach a log, an error text or a URL: passwords, keys, tokens.
pub struct Secret(Zeroizing<Vec<u8>>);

impl Secret {
    /// Takes ownership; the caller's other copies are the caller's to wipe.
    pub fn new(bytes: impl Into<Vec<u8>>) -> Self {
        Self(Zeroizing::new(bytes.into()))
    }

    /// The bytes, for the one place that needs them.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }

    /// The text, when it is UTF-8.
    pub fn expose_str(&self) -> Option<&str> {
        std::str::from_utf8(&self.0).ok()
    }

    /// A second owned copy, spelled out because it doubles what must be wiped.
    pub fn duplicate(&self) -> Self {
        Self(self.0.clone())
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(if self.0.is_empty() { "Secret(empty)" } else { "Secret(…)" })
    }
}

#[cfg(test)]
mod tests {
    use super::Secret;

    #[test]
    fn debug_shows_nothing_of_the_value() {
        let shown = format!("{:?} {:?}", Secret::new("hunter2"), Some(Secret::new("")));
        assert_eq!(shown, "Secret(…) Some(Secret(empty))");
    }
}
