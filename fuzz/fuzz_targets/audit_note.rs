//! A note that is read says the same when it is written again, and a stranger's key did not sign it.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fedatario_audit::fuzz::note(bytes));
