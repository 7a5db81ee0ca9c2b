//! The session of SAT: a token of minutes, opaque, good for every operation of its family.

use fedatario_base::Secret;
use fedatario_base::clock::{from_millis, to_millis};
use jiff::Timestamp;
use reqwest::header::HeaderValue;
use std::sync::Arc;
use zeroize::Zeroizing;

/// What frozen bytes start with; another form would start otherwise and thaw to nothing.
const FROZEN: &str = "sat-token-1";

/// A token and when it lapses.
#[derive(Clone, Debug)]
pub struct Token {
    text: Arc<Secret>,
    expires: Timestamp,
}

impl PartialEq for Token {
    fn eq(&self, other: &Self) -> bool {
        self.text.expose() == other.text.expose()
    }
}

impl Token {
    /// A token that lapses at an instant of ours.
    pub fn new(text: Secret, expires: Timestamp) -> Self {
        // Rows hold milliseconds; a token must be equal to itself when it comes back.
        Self { text: Arc::new(text), expires: from_millis(to_millis(expires)) }
    }

    /// When it lapses, wall.
    pub fn expires(&self) -> Timestamp {
        self.expires
    }

    /// The value of the `Authorization` header, marked as secret; none if it fits into no header.
    pub(crate) fn header(&self) -> Option<HeaderValue> {
        let text = Zeroizing::new(format!("WRAP access_token=\"{}\"", self.text.expose_str()?));
        let mut value = HeaderValue::from_str(&text).ok()?;
        value.set_sensitive(true);
        Some(value)
    }

    /// As bytes to be sealed.
    pub(crate) fn freeze(&self) -> Secret {
        let mut bytes = format!("{FROZEN}\n{}\n", to_millis(self.expires)).into_bytes();
        bytes.extend_from_slice(self.text.expose());
        Secret::new(bytes)
    }

    /// From bytes that were sealed.
    pub(crate) fn thaw(bytes: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(bytes).ok()?;
        let (expires, token) = text.strip_prefix(FROZEN)?.strip_prefix('\n')?.split_once('\n')?;
        let token = Some(token).filter(|it| !it.is_empty())?;
        Some(Self::new(Secret::new(token), from_millis(expires.parse().ok()?)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(text: &str) -> Token {
        Token::new(Secret::new(text), "2026-09-01T12:05:00.123456Z".parse().unwrap())
    }

    #[test]
    fn a_token_survives_the_freezer_and_shows_itself_to_nobody() {
        let it = token("eyJh.x.y%26wrap_subject%3d33");
        let back = Token::thaw(it.freeze().expose()).unwrap();
        assert_eq!((&back, back.expires()), (&it, it.expires()));
        assert_ne!(it, token("another"));
        assert!(!format!("{it:?}").contains("eyJh"));
        let header = it.header().unwrap();
        assert_eq!(header.to_str().unwrap(), "WRAP access_token=\"eyJh.x.y%26wrap_subject%3d33\"");
        assert!(!format!("{header:?}").contains("eyJh"));
    }

    #[test]
    fn foreign_frozen_bytes_thaw_to_nothing() {
        for bytes in [
            &b""[..],
            b"sat-token-1",
            b"sat-token-1\n5\n",
            b"sat-token-1\nx\ny",
            b"sat-token-2\n5\ny",
            b"\xff",
            b"sat-token-15\n5\ny",
        ] {
            assert!(Token::thaw(bytes).is_none(), "{bytes:?}");
        }
        assert!(token("line\nbreak").header().is_none());
    }
}
