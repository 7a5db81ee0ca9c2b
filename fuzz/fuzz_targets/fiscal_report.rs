//! A report that is read is written in the same bytes.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fedatario_fiscal::fuzz::report(bytes));
