//! What a stranger writes in the place of a list of revoked certificates, or of an answer about one, says nothing good.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fedatario_credentials::fuzz::revocation(bytes));
