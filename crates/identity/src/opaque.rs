//! Tokens for one act: an owner's link, the second half of a login, a reset, an invitation.
//!
//! A token is a prefix that tells what it is for and 256 random bits; only its digest is kept. Who
//! shows it has it: nothing can be read from it.

use crate::{IdentityError, SECRET_BYTES, digest, random};
use data_encoding::BASE64URL_NOPAD;
use fedatario_base::Secret;

/// Characters of the random part.
const BODY: usize = 43;

/// Longest token that is looked at, in bytes.
pub const MOST_BYTES: usize = 64;

/// A fresh token of a kind and the digest that is kept of it.
pub fn fresh(kind: &str) -> Result<(Secret, [u8; 32]), IdentityError> {
    let secret = random::<SECRET_BYTES>()?;
    let text = format!("fed_{kind}_{}", BASE64URL_NOPAD.encode(secret.as_slice()));
    Ok((Secret::new(text), digest_of(kind, secret.as_slice())))
}

/// The digest of a token of a kind; none if it is no such token.
pub fn read(kind: &str, text: &str) -> Option<[u8; 32]> {
    if text.len() > MOST_BYTES {
        return None;
    }
    let body = text.strip_prefix("fed_")?.strip_prefix(kind)?.strip_prefix('_')?;
    let secret = zeroize::Zeroizing::new((body.len() == BODY).then(|| BASE64URL_NOPAD.decode(body.as_bytes()).ok())??);
    Some(digest_of(kind, &secret))
}

fn digest_of(kind: &str, secret: &[u8]) -> [u8; 32] {
    digest("fedatario.one-time.v1", &[kind.as_bytes(), secret])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_read_for_its_own_purpose_only() {
        let (token, kept) = fresh("reset").unwrap();
        let text = token.expose_str().unwrap();
        assert_eq!(read("reset", text), Some(kept));
        assert!(!format!("{token:?}").contains("fed_"));
        let flipped = text.replacen(text.chars().nth(12).unwrap(), if text.as_bytes()[12] == b'A' { "B" } else { "A" }, 1);
        assert_ne!(read("reset", &flipped), Some(kept));
        let renamed = text.replacen("reset", "mfa", 1);
        assert_ne!(read("mfa", &renamed), Some(kept), "the purpose is part of the digest");
        let long = format!("{text}{}", "A".repeat(1 << 20));
        for bad in ["", "fed_reset_", &text[..text.len() - 1], &long, &format!("{text}="), "fed_reset_ñ", &text[4..]] {
            assert_eq!(read("reset", bad), None, "{} bytes", bad.len());
        }
        assert_eq!(read("mfa", text), None);
        fedatario_testkit::covers!("identity: a token for one act is read for that act only, whole and bounded");
    }
}
