//! A ZIP of originals in folders, with sheets beside them.
//!
//! Written front to back, so that a pipe will do. Memory: one file, and the archive's directory,
//! which the format puts at its end: some hundred bytes for each file. Names are made here from
//! checked parts; what climbs or is absolute is refused all the same.

use crate::csv::{Csv, CsvOptions};
use crate::other;
use fedatario_app::books::originals::ArchiveWriter;
use fedatario_app::books::sheet::{Cell, Column};
use jiff::civil::DateTime;
use std::io::{self, Write};
use zip::write::{SimpleFileOptions, StreamWriter};
use zip::{CompressionMethod, ZipWriter};

/// How hard files are compressed: a year of XML is read once and written once.
const LEVEL: i64 = 3;

/// Writes an archive.
pub struct Archive<W: Write> {
    zip: ZipWriter<StreamWriter<W>>,
    sheet: CsvOptions,
}

impl<W: Write> Archive<W> {
    /// Begins an archive; its sheets are CSV.
    pub fn begin(out: W, sheet: CsvOptions) -> Self {
        Self { zip: ZipWriter::new_stream(out), sheet }
    }
}

/// Whether a path stays below where it is unpacked, on every system.
fn is_safe(path: &str) -> bool {
    let forbidden = ['\\', ':', '*', '?', '"', '<', '>', '|'];
    let part = |it: &str| !it.is_empty() && it != "." && it != ".." && !it.ends_with(['.', ' ']);
    path.split('/').all(part) && !path.contains(forbidden) && !path.chars().any(char::is_control)
}

fn options(at: Option<DateTime>) -> SimpleFileOptions {
    let number = |it: i8| it.unsigned_abs();
    let date = at.and_then(|it| {
        let (hour, minute, second) = (number(it.hour()), number(it.minute()), number(it.second()));
        zip::DateTime::from_date_and_time(it.year().unsigned_abs(), number(it.month()), number(it.day()), hour, minute, second).ok()
    });
    let options = SimpleFileOptions::default().compression_method(CompressionMethod::Deflated).compression_level(Some(LEVEL));
    options.last_modified_time(date.unwrap_or_default()).unix_permissions(0o644)
}

impl<W: Write + Send> ArchiveWriter for Archive<W> {
    fn file(&mut self, path: &str, at: Option<DateTime>, bytes: &[u8]) -> io::Result<()> {
        if !is_safe(path) {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, format!("not a safe name: {path:?}")));
        }
        self.zip.start_file(path, options(at)).map_err(other)?;
        self.zip.write_all(bytes)
    }

    fn sheet(&mut self, path: &str, columns: &[Column]) -> io::Result<()> {
        if !is_safe(path) {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, format!("not a safe name: {path:?}")));
        }
        self.zip.start_file(path, options(None).large_file(true)).map_err(other)?;
        Csv::begin(&mut self.zip, columns, self.sheet).map(drop)
    }

    fn row(&mut self, cells: &[Cell]) -> io::Result<()> {
        Csv::resumed(&mut self.zip, self.sheet).write(cells)
    }

    fn finish(self: Box<Self>) -> io::Result<()> {
        let mut out = self.zip.finish().map_err(other)?.into_inner();
        out.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_climb_are_refused() {
        for path in ["a/b.xml", "OÑO120726RX3/2025/03/emitidos/x.xml", "H&E951128469/metadata.csv"] {
            assert!(is_safe(path), "{path}");
        }
        for path in ["", "/a", "a/../b", "../a", "a//b", "a\\b", "C:a", "a/b.", "a\n", "a/."] {
            assert!(!is_safe(path), "{path:?}");
        }
    }
}
