//! What reads as a time is written in one way, which reads back.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fedatario_fiscal::fuzz::civil_time(bytes));
