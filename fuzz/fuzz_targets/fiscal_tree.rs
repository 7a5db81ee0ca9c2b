//! The tree is one: every element but the root is the child of exactly one, no deeper than the bound;
//! and its JSON has each of its attributes.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fedatario_fiscal::fuzz::tree(bytes));
