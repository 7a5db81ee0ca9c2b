//! Rows as others read them: CSV, XLSX, Parquet, an archive, a printable page.
//!
//! Each writer implements a port of `app::books` over anything that can be written to, and writes as
//! it goes: what a writer must keep in memory is said in its module. Text is text everywhere: no cell
//! that a document wrote can become a formula, a tag or a path. Formats are other people's crates;
//! what lies here is only what the columns become in them.

mod archive;
mod csv;
mod page;
mod parquet;
mod rows;
pub mod sheets;
mod xlsx;

pub use archive::Archive;
pub use csv::{Csv, CsvOptions};
pub use page::{Heading, Page, Section};
pub use parquet::Parquet;
pub use rows::{Format, Rows};
pub use xlsx::Xlsx;

use std::io;

/// What another crate's error is to whoever writes.
fn other(error: impl std::error::Error + Send + Sync + 'static) -> io::Error {
    io::Error::other(error)
}
