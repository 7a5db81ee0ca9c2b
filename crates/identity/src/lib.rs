//! Who somebody is: passwords, second factors, tokens and keys, as formats and rules.
//!
//! Everything here takes the instant and the bytes and answers a value; it performs no I/O. Who
//! exists, and what was used before, is asked of the services that hold this.
