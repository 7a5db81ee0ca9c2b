//! The API over a real database in a folder, without a network.

mod audit;
mod auth;
mod belongings;
mod bodies;
mod certificates;
mod declarations;
mod edge;
mod entries;
mod events;
mod expiry;
mod hooks;
mod invitations;
mod limits;
mod matrix;
mod notices;
mod pages;
mod people;
mod recovery;
mod repeats;
mod reports;
mod sign;
mod sockets;
mod strangers;
mod support;
mod trust;
mod vault_backups;
