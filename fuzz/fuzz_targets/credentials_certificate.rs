//! A certificate reads the same in each of its forms, and everything it says can be asked.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fedatario_credentials::fuzz::certificate(bytes));
