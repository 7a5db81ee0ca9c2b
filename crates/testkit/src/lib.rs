//! What tests share: a clock they move by hand, the fixtures' whereabouts, seeded mutations, and the record of what
//! each test covers.
//!
//! Only tests see this crate. It promises that a test which needs published fixtures fails when the
//! folder is there and a file is missing, and is counted as skipped where the folder is not.

pub mod clock;
pub mod coverage;
pub mod fixtures;
pub mod storm;

pub use clock::FakeClock;
