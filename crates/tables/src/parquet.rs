//! Parquet: amounts as DECIMAL(24, 6), instants as timestamps without zone, text as UTF-8.
//!
//! Memory: one row group of [`ROWS_OF_A_GROUP`] rows. An amount with more digits than the column has
//! is left out rather than changed.

use crate::other;
use arrow_array::builder::{Decimal128Builder, StringBuilder, TimestampMillisecondBuilder};
use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::{DataType, Field, Schema, TimeUnit};
use fedatario_app::books::sheet::{Cell, Column, Kind, SheetWriter};
use jiff::civil::DateTime;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;
use rust_decimal::Decimal;
use std::io::{self, Write};
use std::sync::Arc;

/// Rows of a group: what a reader decodes at once, and what is kept before it is written.
pub const ROWS_OF_A_GROUP: usize = 50_000;
/// Rows gathered before they are handed to the encoder.
const ROWS_OF_A_BATCH: usize = 5_000;
/// Digits of an amount.
const PRECISION: u8 = 24;
/// Digits after its point: as many as a CFDI may have.
const SCALE: i8 = 6;
/// The first amount, in units of the last digit, that has too many.
const TOO_LARGE: i128 = 10_i128.pow(PRECISION as u32);

/// A column being filled.
enum Filling {
    Text(StringBuilder),
    Amount(Decimal128Builder),
    Instant(TimestampMillisecondBuilder),
}

impl Filling {
    fn new(kind: Kind) -> Self {
        match kind {
            Kind::Text => Filling::Text(StringBuilder::new()),
            Kind::Amount => Filling::Amount(Decimal128Builder::new().with_data_type(decimal())),
            Kind::Instant => Filling::Instant(TimestampMillisecondBuilder::new()),
        }
    }

    fn push(&mut self, cell: &Cell) {
        match (self, cell) {
            (Filling::Text(it), Cell::Text(text)) => it.append_value(text),
            (Filling::Text(it), _) => it.append_null(),
            (Filling::Amount(it), Cell::Amount(amount)) => it.append_option(units(*amount)),
            (Filling::Amount(it), _) => it.append_null(),
            (Filling::Instant(it), Cell::Instant(at)) => it.append_option(millis(*at)),
            (Filling::Instant(it), _) => it.append_null(),
        }
    }

    fn finish(&mut self) -> ArrayRef {
        match self {
            Filling::Text(it) => Arc::new(it.finish()),
            Filling::Amount(it) => Arc::new(it.finish()),
            Filling::Instant(it) => Arc::new(it.finish()),
        }
    }
}

fn decimal() -> DataType {
    DataType::Decimal128(PRECISION, SCALE)
}

/// An amount in units of the column's last digit.
fn units(amount: Decimal) -> Option<i128> {
    let amount = amount.normalize();
    let missing = u32::from(SCALE.unsigned_abs()).checked_sub(amount.scale())?;
    let units = amount.mantissa().checked_mul(10_i128.pow(missing))?;
    (units.abs() < TOO_LARGE).then_some(units)
}

fn millis(at: DateTime) -> Option<i64> {
    at.to_zoned(jiff::tz::TimeZone::UTC).ok().map(|it| it.timestamp().as_millisecond())
}

fn schema(columns: &[Column]) -> Schema {
    let field = |it: &Column| {
        let kind = match it.kind {
            Kind::Text => DataType::Utf8,
            Kind::Amount => decimal(),
            Kind::Instant => DataType::Timestamp(TimeUnit::Millisecond, None),
        };
        Field::new(it.name, kind, true)
    };
    Schema::new(columns.iter().map(field).collect::<Vec<_>>())
}

/// Writes a Parquet file.
pub struct Parquet<W: Write + Send> {
    writer: ArrowWriter<W>,
    schema: Arc<Schema>,
    columns: Vec<Filling>,
    rows: usize,
}

impl<W: Write + Send> Parquet<W> {
    /// Begins a file.
    pub fn begin(out: W, columns: &[Column]) -> io::Result<Self> {
        let schema = Arc::new(schema(columns));
        let properties = WriterProperties::builder()
            .set_max_row_group_row_count(Some(ROWS_OF_A_GROUP))
            .set_compression(Compression::ZSTD(ZstdLevel::default()))
            .build();
        let writer = ArrowWriter::try_new(out, schema.clone(), Some(properties)).map_err(other)?;
        Ok(Self { writer, schema, columns: columns.iter().map(|it| Filling::new(it.kind)).collect(), rows: 0 })
    }

    fn hand_over(&mut self) -> io::Result<()> {
        let arrays = self.columns.iter_mut().map(Filling::finish).collect();
        self.rows = 0;
        let batch = RecordBatch::try_new(self.schema.clone(), arrays).map_err(other)?;
        self.writer.write(&batch).map_err(other)
    }
}

impl<W: Write + Send> SheetWriter for Parquet<W> {
    fn row(&mut self, cells: &[Cell]) -> io::Result<()> {
        self.columns.iter_mut().zip(cells).for_each(|(column, cell)| column.push(cell));
        self.rows += 1;
        if self.rows >= ROWS_OF_A_BATCH { self.hand_over() } else { Ok(()) }
    }

    fn finish(mut self: Box<Self>) -> io::Result<()> {
        if self.rows > 0 {
            self.hand_over()?;
        }
        let mut out = self.writer.into_inner().map_err(other)?;
        out.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_exact_or_left_out() {
        let cases = [
            ("1160.00", Some(1_160_000_000)),
            ("-0.000001", Some(-1)),
            ("0", Some(0)),
            ("1.10000000", Some(1_100_000)),
            ("0.0000001", None),
            ("999999999999999999", Some(999_999_999_999_999_999_000_000)),
            ("1000000000000000000", None),
            ("79228162514264337593543950335", None),
        ];
        for (text, expected) in cases {
            assert_eq!(units(Decimal::from_str_exact(text).unwrap()), expected, "{text}");
        }
    }
}
