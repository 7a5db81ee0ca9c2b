//! A span of days, as people name it: a year, a month, some months, two dates.

use crate::error::{AppError, AppResult};
use fedatario_base::Code;
use jiff::ToSpan;
use jiff::civil::Date;

/// Days of Mexico City, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Period {
    /// The first.
    pub from: Date,
    /// The last.
    pub to: Date,
}

impl Period {
    /// A whole year.
    pub fn year(year: i16) -> AppResult<Self> {
        Self::parse(&format!("{year:04}"))
    }

    /// `2025`, `2025-03`, `2025-03-01`, or two of them with `..` between, the second included.
    pub fn parse(text: &str) -> AppResult<Self> {
        let (first, last) = text.split_once("..").unwrap_or((text, text));
        let (from, _) = span(first).ok_or_else(|| bad(text))?;
        let (_, to) = span(last).ok_or_else(|| bad(text))?;
        Self::between(from, to)
    }

    /// Two days, both included.
    pub fn between(from: Date, to: Date) -> AppResult<Self> {
        if from > to {
            return Err(bad(&format!("{from}..{to}")));
        }
        Ok(Self { from, to })
    }

    /// Whether a day, `yyyy-MM-dd`, lies in it.
    pub fn holds(&self, day: &str) -> bool {
        day.parse::<Date>().is_ok_and(|it| self.from <= it && it <= self.to)
    }

    /// Its months, AAAAMM, both included.
    pub fn months(&self) -> (i32, i32) {
        (month(self.from), month(self.to))
    }

    /// The bounds of instants in it, as documents write them: from the first on, before the second.
    pub fn instants(&self) -> (String, String) {
        let after = self.to.checked_add(1.day()).unwrap_or(Date::MAX);
        (format!("{}T00:00:00", self.from), format!("{after}T00:00:00"))
    }

    /// The same, with months added around it.
    pub fn widened(&self, before: i32, after: i32) -> Self {
        let from = self.from.checked_sub(before.months()).unwrap_or(Date::MIN);
        let to = self.to.checked_add(after.months()).unwrap_or(Date::MAX);
        Self { from, to }
    }
}

/// The first and last day of a year, a month or a day.
fn span(text: &str) -> Option<(Date, Date)> {
    let digits = |it: &str, len: usize| it.len() == len && it.bytes().all(|it| it.is_ascii_digit());
    let parts: Vec<&str> = text.trim().split('-').collect();
    let lengths = [4, 2, 2];
    if parts.len() > lengths.len() || !parts.iter().zip(lengths).all(|(it, len)| digits(it, len)) {
        return None;
    }
    let year = parts[0].parse().ok()?;
    let number = |at: usize| parts.get(at).map(|it| it.parse::<i8>().ok());
    let from = Date::new(year, number(1).unwrap_or(Some(1))?, number(2).unwrap_or(Some(1))?).ok()?;
    let to = match parts.len() {
        1 => from.last_of_year(),
        2 => from.last_of_month(),
        _ => from,
    };
    Some((from, to))
}

fn month(date: Date) -> i32 {
    i32::from(date.year()) * 100 + i32::from(date.month())
}

fn bad(text: &str) -> AppError {
    let text = format!("{text:?} is no period: 2025, 2025-03, 2025-03..2025-06, 2025-03-01..2025-03-15");
    AppError::Input { code: Code::PeriodFormat, text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_name_periods_in_many_ways() {
        let cases = [
            ("2025", Some("2025-01-01..2025-12-31")),
            ("2024-02", Some("2024-02-01..2024-02-29")),
            ("2025-03..2025-06", Some("2025-03-01..2025-06-30")),
            ("2024..2025", Some("2024-01-01..2025-12-31")),
            ("2025-03-01..2025-03-15", Some("2025-03-01..2025-03-15")),
            ("2025-06..2025-03", None),
            ("2025-13", None),
            ("2025-02-30", None),
            ("25", None),
            ("2025-3", None),
            ("+025", None),
            ("", None),
            ("..", None),
        ];
        for (text, expected) in cases {
            let period = Period::parse(text).ok().map(|it| format!("{}..{}", it.from, it.to));
            assert_eq!(period.as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn instants_end_before_the_next_day() {
        let period = Period::parse("2025-02").unwrap();
        assert_eq!(period.instants(), ("2025-02-01T00:00:00".to_owned(), "2025-03-01T00:00:00".to_owned()));
        assert_eq!(period.months(), (202_502, 202_502));
        assert!(period.holds("2025-02-28") && !period.holds("2025-03-01") && !period.holds(""));
        assert_eq!(period.widened(1, 12).months(), (202_501, 202_602));
    }
}
