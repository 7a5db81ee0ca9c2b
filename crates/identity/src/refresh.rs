//! Refresh tokens: a line, a generation in it, and 256 random bits.
//!
//! Opaque to whoever holds one. Each is good once; whoever uses it is given its child. Because an
//! answer may be lost on its way, or two tabs may come at once, the child lies sealed under a key
//! derived from its parent for [`GRACE`]: who shows the parent again within it, from the same place,
//! is given the same child. Without the parent nothing of it can be opened, not by us either.

use crate::{IdentityError, SECRET_BYTES, digest, random};
use aws_lc_rs::aead::{AES_256_GCM, Aad, Nonce, RandomizedNonceKey};
use aws_lc_rs::hkdf::{HKDF_SHA256, KeyType, Salt};
use data_encoding::BASE64URL_NOPAD;
use fedatario_base::Secret;
use fedatario_base::id::SessionId;
use jiff::SignedDuration;
use uuid::Uuid;
use zeroize::Zeroizing;

/// How long a child is handed out again.
pub const GRACE: SignedDuration = SignedDuration::from_secs(10);
/// How long a line lives from its login on, however often it is refreshed.
pub const LIFETIME: SignedDuration = SignedDuration::from_hours(8);
/// Most tokens of one line: one a second for all its life, and no more rows than that.
pub const GENERATIONS_MOST: i64 = 28_800;
/// Longest text that is looked at, in bytes.
pub const MOST_BYTES: usize = 128;

const PREFIX: &str = "fed_rt_";
const BODY_BYTES: usize = 16 + 4 + SECRET_BYTES;
const NONCE_BYTES: usize = 12;

/// A refresh token.
pub struct RefreshToken {
    /// Its line.
    pub session: SessionId,
    /// Its place in the line, from 1.
    pub generation: i64,
    secret: Zeroizing<[u8; SECRET_BYTES]>,
}

impl std::fmt::Debug for RefreshToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "RefreshToken({}, {})", self.session, self.generation)
    }
}

impl RefreshToken {
    /// A fresh one, of a generation of a line.
    pub fn fresh(session: SessionId, generation: i64) -> Result<Self, IdentityError> {
        Ok(Self { session, generation, secret: random()? })
    }

    /// Reads what somebody shows; none if it is no such token.
    pub fn read(text: &str) -> Option<Self> {
        if text.len() > MOST_BYTES {
            return None;
        }
        let body = Zeroizing::new(BASE64URL_NOPAD.decode(text.strip_prefix(PREFIX)?.as_bytes()).ok()?);
        if body.len() != BODY_BYTES {
            return None;
        }
        let session = SessionId(Uuid::from_slice(&body[..16]).ok()?);
        let generation = i64::from(u32::from_be_bytes(body[16..20].try_into().ok()?));
        let mut secret = Zeroizing::new([0; SECRET_BYTES]);
        secret.copy_from_slice(&body[20..]);
        (generation > 0).then_some(Self { session, generation, secret })
    }

    /// What its holder is given.
    pub fn text(&self) -> Secret {
        let generation = u32::try_from(self.generation).unwrap_or(u32::MAX).to_be_bytes();
        let body = Zeroizing::new([&self.session.bytes()[..], &generation, self.secret.as_slice()].concat());
        Secret::new(format!("{PREFIX}{}", BASE64URL_NOPAD.encode(&body)))
    }

    /// What is kept of it.
    pub fn digest(&self) -> [u8; 32] {
        digest("fedatario.refresh.v1", &[&self.session.bytes(), &self.generation.to_be_bytes(), self.secret.as_slice()])
    }

    /// Seals the child for whoever shows this one again.
    pub fn seal_child(&self, child: &RefreshToken) -> Result<Vec<u8>, IdentityError> {
        let mut body = child.text().expose().to_vec();
        let sealed = self.child_key()?.seal_in_place_append_tag(Aad::from(self.session.bytes()), &mut body);
        let nonce = sealed.map_err(|_| IdentityError::Crypto("sealing a token"))?;
        Ok([&nonce.as_ref()[..], &body].concat())
    }

    /// Opens the child that was sealed for this one.
    pub fn open_child(&self, blob: &[u8]) -> Result<RefreshToken, IdentityError> {
        let broken = IdentityError::Stored("sealed token");
        let (nonce, body) = blob.split_at_checked(NONCE_BYTES).ok_or(broken)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| broken)?;
        let mut body = Zeroizing::new(body.to_vec());
        let open = self.child_key()?.open_in_place(nonce, Aad::from(self.session.bytes()), &mut body).map_err(|_| broken)?;
        std::str::from_utf8(open).ok().and_then(RefreshToken::read).ok_or(broken)
    }

    fn child_key(&self) -> Result<RandomizedNonceKey, IdentityError> {
        let crypto = IdentityError::Crypto("key of a token");
        let derived = Salt::new(HKDF_SHA256, b"fedatario.refresh.child.v1").extract(self.secret.as_slice());
        let mut key = Zeroizing::new([0; 32]);
        let generation = self.generation.to_be_bytes();
        derived.expand(&[&generation], KeyBytes).and_then(|it| it.fill(key.as_mut_slice())).map_err(|_| crypto)?;
        RandomizedNonceKey::new(&AES_256_GCM, key.as_slice()).map_err(|_| crypto)
    }
}

struct KeyBytes;

impl KeyType for KeyBytes {
    fn len(&self) -> usize {
        32
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::Timestamp;

    fn line() -> SessionId {
        SessionId::fresh(Timestamp::UNIX_EPOCH)
    }

    #[test]
    fn a_token_is_read_as_it_was_written() {
        let token = RefreshToken::fresh(line(), 7).unwrap();
        let text = token.text();
        let read = RefreshToken::read(text.expose_str().unwrap()).unwrap();
        assert_eq!((read.session, read.generation, read.digest()), (token.session, 7, token.digest()));
        let shown = text.expose_str().unwrap();
        assert!(!format!("{token:?} {text:?}").contains(&shown[30..]));
        let zero = RefreshToken { session: token.session, generation: 0, secret: random().unwrap() }.text();
        let long = format!("{shown}{}", "A".repeat(1 << 20));
        for bad in [
            "",
            "fed_rt_",
            &shown[..shown.len() - 1],
            &long,
            &shown[1..],
            &shown.replace("fed_rt_", "fed_at_"),
            zero.expose_str().unwrap(),
        ] {
            assert!(RefreshToken::read(bad).is_none(), "{} bytes", bad.len());
        }
        fedatario_testkit::covers!("identity: a refresh token is read whole and bounded, or not at all");
    }

    #[test]
    fn only_its_parent_opens_a_child() {
        let parent = RefreshToken::fresh(line(), 1).unwrap();
        let child = RefreshToken::fresh(parent.session, 2).unwrap();
        let blob = parent.seal_child(&child).unwrap();
        assert_eq!(parent.open_child(&blob).unwrap().digest(), child.digest());
        let mut others = vec![RefreshToken::fresh(parent.session, 1).unwrap(), RefreshToken::fresh(line(), 1).unwrap()];
        others.push(RefreshToken { session: parent.session, generation: 2, secret: parent.secret.clone() });
        others.push(RefreshToken { session: line(), generation: 1, secret: parent.secret.clone() });
        assert!(others.iter().all(|it| it.open_child(&blob).is_err()));
        for place in 0..blob.len() {
            let mut flipped = blob.clone();
            flipped[place] ^= 1;
            assert!(parent.open_child(&flipped).is_err(), "byte {place}");
        }
        assert!(parent.open_child(&[]).is_err() && parent.open_child(&blob[..13]).is_err());
        fedatario_testkit::covers!("identity: a child of the grace time opens under its parent and nothing else");
    }
}
