//! One contract for both databases, on real servers.
//!
//! Each test runs on SQLite and on PostgreSQL. With `FEDATARIO_TEST_POSTGRES_URL` set, that server
//! is used (its user must be allowed to create databases and roles: the tests themselves run as a plain one); without it this process starts a
//! throw-away one. A machine without PostgreSQL fails these tests; it never skips them.

mod audit;
mod bench;
mod certificates;
mod checks;
mod documents;
mod find;
mod hooks;
mod identity;
mod jobs;
mod ledger;
mod migration;
mod persons;
mod ports;
mod races;
mod releases;
mod replays;
mod requests;
mod rls;
mod samples;
mod sat;
mod schedules;
mod sessions;
mod signatures;
mod store;
mod system;
mod tenancy;
mod trust;
mod vault;
