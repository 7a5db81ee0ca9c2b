//! A path that is taken stays inside, whatever it is joined to, and is the same when read again.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fedatario_blobs::fuzz::path(bytes));
