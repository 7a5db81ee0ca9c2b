//! A session that was kept thaws to what was frozen, or to nothing.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fedatario_sat::fuzz::session(bytes));
