//! Parses, and walks whatever comes of it.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fedatario_xmlsig::fuzz::parse(bytes));
