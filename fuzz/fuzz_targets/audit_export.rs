//! An export is judged or refused; what is intact has as many entries as lines between the first
//! and the last; nobody's key makes it good.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fedatario_audit::fuzz::export(bytes));
