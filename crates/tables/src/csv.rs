//! CSV by RFC 4180, safe to open in a spreadsheet.
//!
//! A spreadsheet runs what begins with `=`, `+`, `-`, `@`, a tab or a line break. Whoever issues an
//! invoice chooses its texts, so a text that begins so gets an apostrophe in front, which
//! spreadsheets take for "this is text". Amounts and instants come from us, not from a text, and are
//! never touched, so a negative amount stays one; nor is a text that is wholly a number.
//! Memory: one row.

use fedatario_app::books::sheet::{Cell, Column, SheetWriter};
use rust_decimal::Decimal;
use std::io::{self, Write};

/// How a CSV file is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CsvOptions {
    /// Between the cells.
    pub separator: u8,
    /// Whether it begins with a UTF-8 mark, by which Excel knows the encoding.
    pub mark: bool,
}

impl Default for CsvOptions {
    fn default() -> Self {
        Self { separator: b',', mark: false }
    }
}

/// Writes CSV, heading first.
#[derive(Debug)]
pub struct Csv<W> {
    out: W,
    separator: u8,
}

impl<W: Write> Csv<W> {
    /// Begins a file with its heading.
    pub fn begin(mut out: W, columns: &[Column], options: CsvOptions) -> io::Result<Self> {
        if options.mark {
            out.write_all("\u{feff}".as_bytes())?;
        }
        let mut csv = Self { out, separator: options.separator };
        csv.write(&columns.iter().map(|it| Cell::text(it.name)).collect::<Vec<_>>())?;
        Ok(csv)
    }

    /// Goes on with a file whose heading is written.
    pub(crate) fn resumed(out: W, options: CsvOptions) -> Self {
        Self { out, separator: options.separator }
    }

    pub(crate) fn write(&mut self, cells: &[Cell]) -> io::Result<()> {
        let mut line = Vec::with_capacity(256);
        for (place, cell) in cells.iter().enumerate() {
            if place > 0 {
                line.push(self.separator);
            }
            self.quoted(&mut line, &written(cell));
        }
        line.extend_from_slice(b"\r\n");
        self.out.write_all(&line)
    }

    fn quoted(&self, line: &mut Vec<u8>, text: &str) {
        let plain = !text.bytes().any(|it| it == self.separator || matches!(it, b'"' | b'\r' | b'\n'));
        if plain && !text.starts_with(' ') && !text.ends_with(' ') {
            return line.extend_from_slice(text.as_bytes());
        }
        line.push(b'"');
        line.extend_from_slice(text.replace('"', "\"\"").as_bytes());
        line.push(b'"');
    }
}

fn written(cell: &Cell) -> String {
    match cell {
        Cell::Empty => String::new(),
        Cell::Text(text) => safe(text),
        Cell::Amount(amount) => amount.to_string(),
        Cell::Instant(at) => at.to_string(),
    }
}

/// A text that no spreadsheet takes for a formula.
fn safe(text: &str) -> String {
    // The wide forms are what some input methods write; spreadsheets of East Asia run them too.
    let dangerous = ['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠'];
    let is_number = || Decimal::from_str_exact(text).is_ok();
    if text.starts_with(dangerous) && !is_number() { format!("'{text}") } else { text.to_owned() }
}

impl<W: Write + Send> SheetWriter for Csv<W> {
    fn row(&mut self, cells: &[Cell]) -> io::Result<()> {
        self.write(cells)
    }

    fn finish(mut self: Box<Self>) -> io::Result<()> {
        self.out.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formulas_become_text_and_numbers_stay_numbers() {
        let cases = [
            ("=1+1", "'=1+1"),
            ("+52 55 1234", "'+52 55 1234"),
            ("-5.50", "-5.50"),
            ("+5", "+5"),
            ("-5.50-1", "'-5.50-1"),
            ("@SUM(A1)", "'@SUM(A1)"),
            ("\t=1", "'\t=1"),
            ("\r=1", "'\r=1"),
            ("＝1", "'＝1"),
            ("a=1", "a=1"),
            ("", ""),
        ];
        for (text, expected) in cases {
            assert_eq!(safe(text), expected, "{text:?}");
        }
        let amount = Cell::Amount(Decimal::from_str_exact("-1160.00").unwrap());
        assert_eq!(written(&amount), "-1160.00");
    }
}
