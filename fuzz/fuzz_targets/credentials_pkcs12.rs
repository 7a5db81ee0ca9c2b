//! What comes out of an archive belongs together.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fedatario_credentials::fuzz::pkcs12(bytes));
