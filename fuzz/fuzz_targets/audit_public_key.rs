//! A public key has one text.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fedatario_audit::fuzz::public_key(bytes));
