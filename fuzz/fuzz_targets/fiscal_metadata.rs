//! Rows and problems are no more than lines; a row has what a row must have.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fedatario_fiscal::fuzz::metadata(bytes));
