//! `Idempotency-Key`: the same call again is answered with the same answer, and nothing is done twice.

/// The longest key, in bytes: a UUID and room for a name.
pub const KEY_BYTES: usize = 128;
