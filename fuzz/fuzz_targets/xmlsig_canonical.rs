//! A canonical form is its own canonical form.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fedatario_xmlsig::fuzz::canonical(bytes));
