//! What comes out of an archive stays within what may come out, and every refusal has its code.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fedatario_fiscal::fuzz::package(bytes));
