//! Keys that programs show: `fed_live_…` and `fed_test_…`.
//!
//! The text tells which environment it reaches and which key it is; then come 256 random bits and a
//! checksum, so that a mistyped or cut key is refused without asking storage. Only a digest is kept.

use crate::{IdentityError, digest, random};
use fedatario_base::Secret;
use fedatario_base::id::{ApiKeyId, decode, encode};
use uuid::Uuid;
use zeroize::Zeroizing;

/// Bytes of a key's text: `fed_live_`, 26 of its id, `_`, 52 of the secret, 6 of the checksum.
pub const TEXT_BYTES: usize = 9 + ID + 1 + 2 * HALF + CHECK;

const ID: usize = 26;
const HALF: usize = 26;
const CHECK: usize = 6;

/// Which side of the line a key is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyEnvironment {
    /// Authorities.
    Live,
    /// The sandbox, and nothing else.
    Test,
}

impl KeyEnvironment {
    fn prefix(self) -> &'static str {
        match self {
            Self::Live => "fed_live_",
            Self::Test => "fed_test_",
        }
    }
}

/// A key as shown, read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ShownKey {
    /// Which side it claims to be for; part of the digest.
    pub environment: KeyEnvironment,
    /// Which key it claims to be.
    pub id: ApiKeyId,
    /// What must have been kept of it.
    pub digest: [u8; 32],
}

/// A fresh secret of a key: the text that is shown once, and what is kept.
pub fn fresh(environment: KeyEnvironment, id: ApiKeyId) -> Result<(Secret, [u8; 32]), IdentityError> {
    let bytes = random::<32>()?;
    let half = |from: usize| encode(u128::from_be_bytes(bytes[from..from + 16].try_into().expect("sixteen bytes")));
    let secret = Zeroizing::new(format!("{}{}", half(0), half(16)));
    let body = Zeroizing::new(format!("{}{}_{}", environment.prefix(), encode(id.0.as_u128()), secret.as_str()));
    let text = Secret::new(format!("{}{}", body.as_str(), checksum(&body)));
    Ok((text, kept(&body)))
}

/// Whether a text means to be a key rather than a token.
pub fn looks_like_one(text: &str) -> bool {
    [KeyEnvironment::Live, KeyEnvironment::Test].iter().any(|it| text.starts_with(it.prefix()))
}

/// Reads what a program shows.
pub fn read(text: &str) -> Result<ShownKey, IdentityError> {
    parse(text).ok_or(IdentityError::ApiKey)
}

fn parse(text: &str) -> Option<ShownKey> {
    if text.len() != TEXT_BYTES || !text.is_ascii() {
        return None;
    }
    let environment = [KeyEnvironment::Live, KeyEnvironment::Test].into_iter().find(|it| text.starts_with(it.prefix()))?;
    let (body, check) = text.split_at(TEXT_BYTES - CHECK);
    let (id, secret) = body[environment.prefix().len()..].split_once('_')?;
    let id = ApiKeyId(Uuid::from_u128(decode(id)?));
    let (left, right) = secret.split_at_checked(HALF)?;
    (decode(left).is_some() && decode(right).is_some() && checksum(body) == check).then(|| ShownKey {
        environment,
        id,
        digest: kept(body),
    })
}

fn kept(body: &str) -> [u8; 32] {
    digest("fedatario.api-key.v1", &[body.as_bytes()])
}

/// Thirty bits of a digest: it finds mistakes, it proves nothing.
fn checksum(body: &str) -> String {
    let hash = digest("fedatario.api-key.check.v1", &[body.as_bytes()]);
    encode(u128::from_be_bytes(hash[..16].try_into().expect("sixteen bytes")))[ID - CHECK..].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::Timestamp;

    #[test]
    fn a_key_tells_its_side_and_its_id_and_nothing_else() {
        let id = ApiKeyId::fresh(Timestamp::UNIX_EPOCH);
        for environment in [KeyEnvironment::Live, KeyEnvironment::Test] {
            let (text, kept) = fresh(environment, id).unwrap();
            let shown = text.expose_str().unwrap();
            assert_eq!(shown.len(), TEXT_BYTES);
            assert!(looks_like_one(shown) && shown.contains(&id.to_string()[4..]));
            assert_eq!(read(shown), Ok(ShownKey { environment, id, digest: kept }));
            let (another, other) = fresh(environment, id).unwrap();
            assert!(other != kept && another.expose() != text.expose());
            // A test key renamed to a live one is no key: the side is part of checksum and digest.
            let renamed = if environment == KeyEnvironment::Test {
                shown.replace("fed_test_", "fed_live_")
            } else {
                shown.replace("fed_live_", "fed_test_")
            };
            assert_eq!(read(&renamed), Err(IdentityError::ApiKey));
        }
        fedatario_testkit::covers!("identity: an API key tells its environment and id, and renaming it makes it none");
    }

    #[test]
    fn every_single_mistake_in_a_key_is_found() {
        let (text, _) = fresh(KeyEnvironment::Live, ApiKeyId::fresh(Timestamp::UNIX_EPOCH)).unwrap();
        let shown = text.expose_str().unwrap();
        for place in 0..shown.len() {
            for other in ["0", "z", "_", "A", "~"] {
                let mut mistyped = shown.to_owned();
                mistyped.replace_range(place..=place, other);
                assert!(mistyped == shown || read(&mistyped).is_err(), "{place} {other}");
            }
            assert!(read(&shown[..place]).is_err());
        }
        let long = shown.repeat(20_000);
        for bad in ["", "fed_live_", &long, &format!("{shown}0"), &format!("{}ñ", &shown[..shown.len() - 2]), &format!(" {shown}")]
        {
            assert!(read(bad).is_err(), "{} bytes", bad.len());
        }
        fedatario_testkit::covers!("identity: a mistyped, cut or padded API key is refused unasked");
    }
}
