//! A download says the same however it was cut into pieces, and never more than was sent.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fedatario_sat::fuzz::download(bytes));
