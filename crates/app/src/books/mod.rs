//! What is here, found again and taken out: questions, flat rows, originals, the books of a period.
//!
//! Everything here reads, in one consistent view that is opened once for each answer, and hands over
//! bounded batches: an answer of a million documents takes the memory of one of ten. What the rows
//! are written as (CSV, XLSX, Parquet, a page) is left to whoever implements [`sheet::SheetWriter`];
//! what the figures mean is decided in `fiscal::mx::books`.

pub mod flat;
pub mod originals;
pub mod out;
pub mod period;
pub mod question;
pub mod sheet;
pub mod summary;
pub mod text;
pub mod walk;
