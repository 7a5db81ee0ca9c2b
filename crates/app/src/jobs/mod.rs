//! The rules of jobs: who works on what, how failures back off, when schedules fire.
//!
//! A job is enqueued in the transaction of the change that needs it, and ended in the transaction
//! of the change that it makes. A worker that dies leaves a lease that ends; a worker that is late
//! finds its lease gone and writes nothing.

pub mod desk;
pub mod rules;
pub mod schedule;
pub mod worker;

pub use rules::JobFailure;
pub use worker::{Handler, Liveness, Worker};
