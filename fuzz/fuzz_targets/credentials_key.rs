//! A key that opens is one, and opens again from what it is kept as.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fedatario_credentials::fuzz::key(bytes));
