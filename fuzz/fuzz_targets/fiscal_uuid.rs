//! What reads as a folio is written in one way, and both cases read back.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fedatario_fiscal::fuzz::uuid(bytes));
