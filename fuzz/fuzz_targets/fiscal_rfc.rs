//! What reads as an RFC reads again as the same.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fedatario_fiscal::fuzz::rfc(bytes));
