//! The text of a key of a program: `fed_live_` or `fed_test_`, its id, its secret, a checksum.
//!
//! The prefix says to a person and to a scanner of leaks whose it is and for which world; the checksum
//! lets both refuse what was mistyped or made up, without asking anybody. What proves the key is its
//! secret alone.

use aws_lc_rs::digest::{Context, SHA256};
use fedatario_base::Secret;
use fedatario_base::id::{ApiKeyId, decode, encode};

/// Random bytes of a secret: 256 bits.
pub const SECRET_BYTES: usize = 32;

/// How every key begins.
pub const BEGINNING: &str = "fed_";

const LIVE: &str = "fed_live_";
const TEST: &str = "fed_test_";
/// Digits of the id.
const ID: usize = 26;
/// Digits of the secret: two numbers of 128 bits.
const SECRET: usize = 52;
/// Digits of the checksum: thirty bits.
const CHECK: usize = 6;
/// What the checksum is of, so that it is no other digest of anything.
const DOMAIN: &[u8] = b"fedatario.api-key.v1\0";

/// A key as a program shows it. No `Debug`: it holds the secret.
pub struct KeyText {
    is_test: bool,
    id: ApiKeyId,
    secret: Secret,
}

/// The text is no key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a key of this product")]
pub struct KeyTextError;

impl KeyText {
    /// A key of these random bytes.
    pub fn new(is_test: bool, id: ApiKeyId, secret: [u8; SECRET_BYTES]) -> Self {
        Self { is_test, id, secret: Secret::new(secret) }
    }

    /// Reads what a program shows.
    pub fn parse(text: &str) -> Result<Self, KeyTextError> {
        let (is_test, rest) = match (text.strip_prefix(LIVE), text.strip_prefix(TEST)) {
            (Some(rest), _) => (false, rest),
            (_, Some(rest)) => (true, rest),
            _ => return Err(KeyTextError),
        };
        if rest.len() != ID + SECRET + CHECK || !rest.is_ascii() {
            return Err(KeyTextError);
        }
        let (body, check) = text.split_at(text.len() - CHECK);
        let (id, secret) = rest[..ID + SECRET].split_at(ID);
        let halves = decode(&secret[..ID]).zip(decode(&secret[ID..])).ok_or(KeyTextError)?;
        let id = format!("{}_{id}", ApiKeyId::PREFIX).parse().map_err(|_| KeyTextError)?;
        if checksum(body) != check {
            return Err(KeyTextError);
        }
        let mut bytes = [0; SECRET_BYTES];
        bytes[..16].copy_from_slice(&halves.0.to_be_bytes());
        bytes[16..].copy_from_slice(&halves.1.to_be_bytes());
        Ok(Self::new(is_test, id, bytes))
    }

    /// The text that a program shows.
    pub fn text(&self) -> String {
        let half = |from: usize| {
            let mut bytes = [0; 16];
            bytes.copy_from_slice(&self.secret.expose()[from..from + 16]);
            encode(u128::from_be_bytes(bytes))
        };
        let prefix = if self.is_test { TEST } else { LIVE };
        let body = format!("{prefix}{}{}{}", encode(u128::from_be_bytes(self.id.bytes())), half(0), half(16));
        format!("{body}{}", checksum(&body))
    }

    /// SHA-256 of the secret and of which key it is for.
    pub fn digest(&self) -> [u8; 32] {
        let mut context = Context::new(&SHA256);
        context.update(DOMAIN);
        context.update(&self.id.bytes());
        context.update(self.secret.expose());
        context.finish().as_ref().try_into().unwrap_or_default()
    }

    /// Which key it says that it is.
    pub fn id(&self) -> ApiKeyId {
        self.id
    }

    /// Whether it says that it reaches the sandbox only.
    pub fn is_test(&self) -> bool {
        self.is_test
    }
}

fn checksum(body: &str) -> String {
    let mut context = Context::new(&SHA256);
    context.update(DOMAIN);
    context.update(body.as_bytes());
    let digest = context.finish();
    let thirty_bits = digest.as_ref().iter().take(4).fold(0u128, |bits, byte| (bits << 8) | u128::from(*byte)) >> 2;
    encode(thirty_bits)[ID - CHECK..].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(is_test: bool) -> KeyText {
        let id = ApiKeyId::fresh("2026-09-01T12:00:00Z".parse().unwrap());
        KeyText::new(is_test, id, std::array::from_fn(|it| it as u8 * 7))
    }

    #[test]
    fn a_key_says_which_it_is_and_what_was_mistyped_is_refused() {
        for is_test in [false, true] {
            let key = key(is_test);
            let text = key.text();
            assert!(text.starts_with(if is_test { "fed_test_" } else { "fed_live_" }), "{text}");
            assert_eq!(text.len(), 93);
            let read = KeyText::parse(&text).unwrap();
            assert_eq!((read.id(), read.is_test(), read.digest()), (key.id(), is_test, key.digest()));
            for place in 0..text.len() {
                let mut bytes = text.clone().into_bytes();
                bytes[place] = if bytes[place] == b'7' { b'8' } else { b'7' };
                let other = String::from_utf8(bytes).unwrap();
                assert!(KeyText::parse(&other).is_err(), "{place}: {other}");
            }
            assert!(KeyText::parse(&text[..92]).is_err() && KeyText::parse(&format!("{text}0")).is_err());
        }
        let swapped = key(true).text().replacen("fed_test_", "fed_live_", 1);
        assert!(KeyText::parse(&swapped).is_err(), "a test key does not pass for a live one");
        for text in ["", "fed_", "fed_live_", &"ñ".repeat(46), &format!("fed_live_{}", "z".repeat(84))] {
            assert!(KeyText::parse(text).is_err(), "{text}");
        }
        fedatario_testkit::covers!("keys: a key tells its world and id, and one altered anywhere is refused by its checksum");
    }
}
