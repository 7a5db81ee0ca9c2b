//! SHA-256 and size of octets on their way, for the record of an exchange.

use aws_lc_rs::digest::{Context, SHA256, digest};

/// Counts and digests what passes by.
pub(crate) struct Digest {
    context: Context,
    size: u64,
}

impl Default for Digest {
    fn default() -> Self {
        Self { context: Context::new(&SHA256), size: 0 }
    }
}

impl Digest {
    pub(crate) fn update(&mut self, bytes: &[u8]) {
        self.context.update(bytes);
        self.size += bytes.len() as u64;
    }

    pub(crate) fn finish(self) -> ([u8; 32], u64) {
        (fixed(self.context.finish().as_ref()), self.size)
    }
}

/// The digest of bytes that are all here.
pub(crate) fn of(bytes: &[u8]) -> [u8; 32] {
    fixed(digest(&SHA256, bytes).as_ref())
}

fn fixed(bytes: &[u8]) -> [u8; 32] {
    bytes.try_into().expect("SHA-256 has 32 bytes")
}
