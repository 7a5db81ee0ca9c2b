//! Counting and digesting what passes, against a bound.

use aws_lc_rs::digest::{Context, SHA256};
use data_encoding::HEXLOWER;
use fedatario_app::ports::BlobError;

/// SHA-256 and length of a stream that may not exceed its bound.
#[derive(Clone)]
pub(crate) struct Tally {
    context: Context,
    size: u64,
    at_most: u64,
}

impl Tally {
    pub fn new(at_most: u64) -> Self {
        Self { context: Context::new(&SHA256), size: 0, at_most }
    }

    /// Counts the bytes, or refuses them all.
    pub fn add(&mut self, bytes: &[u8]) -> Result<(), BlobError> {
        let size = self.size.saturating_add(bytes.len() as u64);
        if size > self.at_most {
            return Err(BlobError::TooLarge(self.at_most));
        }
        self.size = size;
        self.context.update(bytes);
        Ok(())
    }

    /// The digest in lower-case hex, and the length.
    pub fn finish(self) -> (String, u64) {
        (HEXLOWER.encode(self.context.finish().as_ref()), self.size)
    }
}
