//! Every reader of answers takes it or says why not; what it takes is bounded.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fedatario_sat::fuzz::answer(bytes));
