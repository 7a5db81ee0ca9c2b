//! The port to whatever writes rows: columns that say what they hold, cells, and a writer.

use jiff::civil::DateTime;
use rust_decimal::Decimal;
use std::io;

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Text, never to be taken for a formula or a number.
    Text,
    /// An amount or a rate.
    Amount,
    /// A civil instant of Mexico City.
    Instant,
}

/// A column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Column {
    /// Its permanent name, snake_case.
    pub name: &'static str,
    /// What it holds.
    pub kind: Kind,
}

/// A cell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cell {
    /// Nothing.
    Empty,
    /// Text.
    Text(String),
    /// An amount.
    Amount(Decimal),
    /// An instant.
    Instant(DateTime),
}

impl Cell {
    /// A text; an empty one is nothing.
    pub fn text(text: impl Into<String>) -> Self {
        let text = text.into();
        if text.is_empty() { Cell::Empty } else { Cell::Text(text) }
    }

    /// An amount, if there is one.
    pub fn amount(amount: Option<Decimal>) -> Self {
        amount.map_or(Cell::Empty, Cell::Amount)
    }

    /// An instant as documents write it; an unreadable one is nothing.
    pub fn instant(text: &str) -> Self {
        fedatario_fiscal::mx::time::parse(text).map_or(Cell::Empty, Cell::Instant)
    }
}

/// Writes rows of the columns that it was made for; blocking.
pub trait SheetWriter: Send {
    /// Writes one row; as many cells as there are columns.
    fn row(&mut self, cells: &[Cell]) -> io::Result<()>;
    /// Writes what is left and flushes. Nothing is whole before.
    fn finish(self: Box<Self>) -> io::Result<()>;
}
