//! What can be prepared can be finished, and what comes out parses.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fedatario_xmlsig::fuzz::prepared(bytes));
