//! Documents as rows of a format that somebody names.

use crate::{Csv, CsvOptions, Parquet, Xlsx};
use fedatario_app::books::flat;
use fedatario_app::books::out::RowSink;
use fedatario_app::books::sheet::SheetWriter;
use fedatario_app::books::walk::Read;
use serde_json::Value;
use std::io::{self, BufWriter, Write};

/// Bytes gathered before the output is asked to take them.
const BUFFER_BYTES: usize = 256 << 10;

/// A format of rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Comma-separated values.
    Csv,
    /// A workbook.
    Xlsx,
    /// Columns.
    Parquet,
    /// The JSON of each document, one a line.
    Ndjson,
    /// The flat columns of each document as JSON, one a line.
    FlatNdjson,
}

impl Format {
    /// The format of a name.
    pub fn named(name: &str, flat: bool) -> Option<Self> {
        match name {
            "csv" => Some(Self::Csv),
            "xlsx" => Some(Self::Xlsx),
            "parquet" => Some(Self::Parquet),
            "ndjson" if flat => Some(Self::FlatNdjson),
            "ndjson" => Some(Self::Ndjson),
            _ => None,
        }
    }

    /// Whether amounts have to be read for it.
    pub fn needs_amounts(self) -> bool {
        self != Self::Ndjson
    }
}

/// Rows being written.
pub struct Rows<W: Write + Send + 'static>(Inner<W>);

enum Inner<W: Write + Send + 'static> {
    Sheet(Box<dyn SheetWriter>),
    Json(BufWriter<W>),
    Flat(BufWriter<W>),
}

impl<W: Write + Send + 'static> Rows<W> {
    /// Begins.
    pub fn begin(format: Format, csv: CsvOptions, out: W) -> io::Result<Self> {
        let out = BufWriter::with_capacity(BUFFER_BYTES, out);
        Ok(Self(match format {
            Format::Csv => Inner::Sheet(Box::new(Csv::begin(out, flat::COLUMNS, csv)?)),
            Format::Xlsx => Inner::Sheet(Box::new(Xlsx::begin(out, flat::COLUMNS)?)),
            Format::Parquet => Inner::Sheet(Box::new(Parquet::begin(out, flat::COLUMNS)?)),
            Format::Ndjson => Inner::Json(out),
            Format::FlatNdjson => Inner::Flat(out),
        }))
    }
}

impl<W: Write + Send + 'static> RowSink for Rows<W> {
    fn take(&mut self, read: &Read) -> io::Result<()> {
        match &mut self.0 {
            Inner::Sheet(sheet) => sheet.row(&flat::cells(read)),
            Inner::Json(out) => writeln!(out, "{}", read.found.row.json),
            Inner::Flat(out) => writeln!(out, "{}", Value::Object(flat::object(read))),
        }
    }

    fn finish(self) -> io::Result<()> {
        match self.0 {
            Inner::Sheet(sheet) => sheet.finish(),
            Inner::Json(mut out) | Inner::Flat(mut out) => out.flush(),
        }
    }
}
