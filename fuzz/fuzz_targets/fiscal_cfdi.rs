//! A document becomes JSON of one root, the same each time; or is refused with a code of XML.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fedatario_fiscal::fuzz::cfdi(bytes));
