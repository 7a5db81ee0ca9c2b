//! What every bench needs: parts that run in processes of their own, and the table at the end.
//!
//! A bench measures, compares and prints; it asserts nothing. Wall time is what a part says about
//! itself, processor time and peak memory are what the kernel says about its whole process.

pub mod database;
pub mod house;
pub mod input;
pub mod load;
pub mod part;
pub mod served;
pub mod stages;
pub mod table;

pub use part::{Bench, Measured};
pub use table::{Goal, Row, Table};
