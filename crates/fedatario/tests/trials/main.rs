//! What an installation goes through in its years: an authority that is away for long or forgets
//! itself, workers and servers that are killed, a disk that fills up, a folder that goes away.

#[path = "../support/here.rs"]
mod here;
#[path = "../support/mod.rs"]
mod support;

mod authority;
mod disk;
mod folder;
mod server;
