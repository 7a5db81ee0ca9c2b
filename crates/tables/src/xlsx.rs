//! XLSX: amounts as numbers, instants as dates, everything else as text.
//!
//! Rows go to a temporary file as they come, so memory stays flat; the archive is made at the end. A
//! spreadsheet's numbers are doubles of fifteen digits: an amount beyond that is shown rounded here,
//! and exact in CSV and Parquet. A sheet holds 1,048,576 rows, so more rows make more sheets.

use crate::other;
use fedatario_app::books::sheet::{Cell, Column, Kind, SheetWriter};
use jiff::civil::DateTime;
use rust_decimal::prelude::ToPrimitive;
use rust_xlsxwriter::{ExcelDateTime, Format, Workbook, Worksheet, XlsxError};
use std::io::{self, Write};

/// Rows of a sheet, its heading among them: the format's own bound.
const ROWS_OF_A_SHEET: u32 = 1_048_576;
/// Characters of a cell: the format's own bound.
const CHARS_OF_A_CELL: usize = 32_767;
/// The name of sheets.
const SHEET: &str = "CFDI";

/// Writes a workbook.
pub struct Xlsx<W> {
    out: W,
    book: Workbook,
    columns: Vec<Column>,
    rows_of_a_sheet: u32,
    sheets: usize,
    row: u32,
    head: Format,
    amount: Format,
    instant: Format,
}

impl<W: Write + Send> Xlsx<W> {
    /// Begins a workbook.
    pub fn begin(out: W, columns: &[Column]) -> io::Result<Self> {
        Self::bounded(out, columns, ROWS_OF_A_SHEET)
    }

    fn bounded(out: W, columns: &[Column], rows_of_a_sheet: u32) -> io::Result<Self> {
        let mut xlsx = Self {
            out,
            book: Workbook::new(),
            columns: columns.to_vec(),
            rows_of_a_sheet,
            sheets: 0,
            row: 0,
            head: Format::new().set_bold(),
            amount: Format::new().set_num_format("#,##0.00####"),
            instant: Format::new().set_num_format("yyyy-mm-dd hh:mm:ss"),
        };
        xlsx.next_sheet().map_err(other)?;
        Ok(xlsx)
    }

    fn next_sheet(&mut self) -> Result<(), XlsxError> {
        self.sheets += 1;
        let name = if self.sheets == 1 { SHEET.to_owned() } else { format!("{SHEET} {}", self.sheets) };
        let sheet = self.book.add_worksheet_with_constant_memory();
        let sheet = sheet?.set_name(name)?.set_freeze_panes(1, 0)?;
        for (at, column) in (0u16..).zip(&self.columns) {
            sheet.set_column_width(at, width(column))?;
        }
        for (at, column) in (0u16..).zip(&self.columns) {
            sheet.write_string_with_format(0, at, column.name, &self.head)?;
        }
        self.row = 1;
        Ok(())
    }

    fn write(&mut self, cells: &[Cell]) -> Result<(), XlsxError> {
        if self.row >= self.rows_of_a_sheet {
            self.next_sheet()?;
        }
        let (row, amount, instant) = (self.row, &self.amount, &self.instant);
        let sheet = self.book.worksheet_from_index(self.sheets - 1)?;
        for (at, cell) in (0u16..).zip(cells) {
            write_cell(sheet, row, at, cell, amount, instant)?;
        }
        self.row += 1;
        Ok(())
    }
}

fn write_cell(sheet: &mut Worksheet, row: u32, at: u16, cell: &Cell, amount: &Format, instant: &Format) -> Result<(), XlsxError> {
    match cell {
        Cell::Empty => {}
        Cell::Text(text) => drop(sheet.write_string(row, at, text.chars().take(CHARS_OF_A_CELL).collect::<String>())?),
        Cell::Amount(value) => match value.to_f64() {
            Some(number) => drop(sheet.write_number_with_format(row, at, number, amount)?),
            None => drop(sheet.write_string(row, at, value.to_string())?),
        },
        Cell::Instant(at_) => match excel(*at_) {
            Ok(date) => drop(sheet.write_datetime_with_format(row, at, &date, instant)?),
            // Before 1900 there are no dates in a spreadsheet.
            Err(_) => drop(sheet.write_string(row, at, at_.to_string())?),
        },
    }
    Ok(())
}

fn excel(at: DateTime) -> Result<ExcelDateTime, XlsxError> {
    let number = |it: i8| it.unsigned_abs();
    let date = ExcelDateTime::from_ymd(at.year().unsigned_abs(), number(at.month()), number(at.day()))?;
    date.and_hms(u16::from(number(at.hour())), number(at.minute()), f64::from(at.second()))
}

fn width(column: &Column) -> f64 {
    match column.kind {
        Kind::Amount => 14.0,
        Kind::Instant => 19.0,
        Kind::Text if column.name == "uuid" => 38.0,
        Kind::Text if column.name.ends_with("nombre") || column.name == "conceptos" => 40.0,
        Kind::Text => 16.0,
    }
}

impl<W: Write + Send> SheetWriter for Xlsx<W> {
    fn row(&mut self, cells: &[Cell]) -> io::Result<()> {
        self.write(cells).map_err(other)
    }

    fn finish(mut self: Box<Self>) -> io::Result<()> {
        self.book.save_to_writer(&mut self.out).map_err(other)?;
        self.out.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_sheet_is_followed_by_another() {
        let columns = [Column { name: "n", kind: Kind::Text }];
        let mut xlsx = Xlsx::bounded(Vec::new(), &columns, 3).unwrap();
        for n in 0..5 {
            xlsx.row(&[Cell::text(n.to_string())]).unwrap();
        }
        assert_eq!((xlsx.sheets, xlsx.row), (3, 2));
        Box::new(xlsx).finish().unwrap();
    }
}
