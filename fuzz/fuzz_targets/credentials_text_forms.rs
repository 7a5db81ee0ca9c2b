//! What is written as PEM reads back; a file is of one kind, and the same whoever asks.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fedatario_credentials::fuzz::text_forms(bytes));
