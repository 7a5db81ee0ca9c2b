//! Nothing is verified by a key that signed nothing.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fedatario_xmlsig::fuzz::unsigned(bytes));
