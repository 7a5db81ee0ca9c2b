//! Cursors: where a page ended, sealed against whoever would write their own.
//!
//! A cursor names the operation, the tenant, the filters it was made under, and the last key. It is
//! signed (HMAC-SHA-256), so a cursor of another tenant, another list or other filters is refused as
//! `cursor_invalid`, and no query is ever built from one that we did not make.

use crate::problem::ApiError;
use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use fedatario_base::id::TenantId;
use fedatario_base::{Code, Secret};

/// The longest cursor that is looked at, in bytes: a key is a time and an id.
pub const CURSOR_BYTES: usize = 1_024;

const DOMAIN: &[u8] = b"fedatario.cursor.v1\0";
const TAG_BYTES: usize = 32;

/// Signs cursors. All processes of an installation share one.
pub struct CursorKey(hmac::Key);

impl std::fmt::Debug for CursorKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("CursorKey(…)")
    }
}

impl CursorKey {
    /// The text of a fresh secret: 32 random bytes.
    pub fn fresh_text() -> Result<String, ApiError> {
        let mut bytes = [0; 32];
        aws_lc_rs::rand::fill(&mut bytes).map_err(|_| ApiError::new(Code::CryptoFailed))?;
        Ok(URL_SAFE_NO_PAD.encode(bytes))
    }

    /// From a secret of at least 32 random bytes, or its text.
    pub fn new(secret: &Secret) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, secret.expose()))
    }

    /// The cursor of a place in a list.
    pub fn seal(&self, list: &str, tenant: TenantId, filters: &str, last: &str) -> String {
        let tag = hmac::sign(&self.0, &message(list, tenant, filters, last));
        URL_SAFE_NO_PAD.encode([tag.as_ref(), last.as_bytes()].concat())
    }

    /// The last key that a cursor names.
    pub fn open(&self, list: &str, tenant: TenantId, filters: &str, cursor: &str) -> Result<String, ApiError> {
        self.read(list, tenant, filters, cursor).ok_or_else(|| ApiError::new(Code::CursorInvalid))
    }

    fn read(&self, list: &str, tenant: TenantId, filters: &str, cursor: &str) -> Option<String> {
        if cursor.len() > CURSOR_BYTES {
            return None;
        }
        let bytes = URL_SAFE_NO_PAD.decode(cursor).ok()?;
        let (tag, last) = bytes.split_at_checked(TAG_BYTES)?;
        let last = std::str::from_utf8(last).ok()?;
        hmac::verify(&self.0, &message(list, tenant, filters, last), tag).ok()?;
        Some(last.to_owned())
    }
}

/// Each part with its length, so that no two quadruples are one text.
fn message(list: &str, tenant: TenantId, filters: &str, last: &str) -> Vec<u8> {
    let mut message = DOMAIN.to_vec();
    message.extend(tenant.bytes());
    for part in [list, filters, last] {
        message.extend((part.len() as u64).to_be_bytes());
        message.extend(part.as_bytes());
    }
    message
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::Timestamp;

    #[test]
    fn a_cursor_opens_only_where_it_was_made() {
        let key = CursorKey::new(&Secret::new([7; 32]));
        let (ours, theirs) = (TenantId::fresh(Timestamp::UNIX_EPOCH), TenantId::fresh(Timestamp::UNIX_EPOCH));
        let cursor = key.seal("jobs.list", ours, "state=dead", "job_1");
        assert_eq!(key.open("jobs.list", ours, "state=dead", &cursor).ok().as_deref(), Some("job_1"));
        let mut altered = cursor.clone().into_bytes();
        altered[40] ^= 1;
        let altered = String::from_utf8_lossy(&altered).into_owned();
        let other_key = CursorKey::new(&Secret::new([8; 32]));
        let refused = [
            key.open("jobs.list", theirs, "state=dead", &cursor),
            key.open("jobs.other", ours, "state=dead", &cursor),
            key.open("jobs.list", ours, "state=open", &cursor),
            key.open("jobs.list", ours, "state=dead", &altered),
            key.open("jobs.list", ours, "state=dead", ""),
            key.open("jobs.list", ours, "state=dead", "%%%"),
            key.open("jobs.list", ours, "state=dead", &"A".repeat(CURSOR_BYTES + 1)),
            other_key.open("jobs.list", ours, "state=dead", &cursor),
        ];
        for (n, refused) in refused.into_iter().enumerate() {
            assert_eq!(refused.err().map(|it| it.code()), Some(Code::CursorInvalid), "{n}");
        }
    }
}
