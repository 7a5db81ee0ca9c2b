//! Text begins where its markup does, and a line is never lost.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fedatario_fiscal::fuzz::text(bytes));
