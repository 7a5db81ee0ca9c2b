//! Civil times as SAT writes them: local, to the second, without a zone.
//!
//! Retenciones 1.0 carry an offset; what counts for SAT is the local reading, so the offset is
//! dropped and never applied. Fractions are dropped too.

use jiff::civil::DateTime;

/// Characters of `yyyy-MM-ddTHH:mm:ss`.
const TEXT_LEN: usize = 19;
/// The longest tail that is understood: a fraction of nine digits and an offset.
const MAX_TAIL: usize = 16;

/// Reads `yyyy-MM-ddTHH:mm:ss` or with a blank for the `T`, with or without fraction and offset.
pub fn parse(text: &str) -> Option<DateTime> {
    let text = text.trim();
    let (stem, tail) = text.split_at_checked(TEXT_LEN)?;
    let separated = matches!(stem.as_bytes()[10], b'T' | b' ');
    if !separated || !is_tail(tail) {
        return None;
    }
    let year = stem.get(..4)?.parse().ok()?;
    let number = |at: usize| -> Option<i8> {
        let digits = stem.get(at..at + 2)?;
        digits.bytes().all(|it| it.is_ascii_digit()).then(|| digits.parse().ok())?
    };
    let marks = [(4, b'-'), (7, b'-'), (13, b':'), (16, b':')];
    if marks.iter().any(|(at, mark)| stem.as_bytes()[*at] != *mark) {
        return None;
    }
    DateTime::new(year, number(5)?, number(8)?, number(11)?, number(14)?, number(17)?, 0).ok()
}

fn is_tail(tail: &str) -> bool {
    tail.len() <= MAX_TAIL
        && (tail.is_empty() || tail.starts_with(['.', '+', '-', 'Z']))
        && tail.bytes().all(|it| it.is_ascii_digit() || matches!(it, b'.' | b'+' | b'-' | b':' | b'Z'))
}

/// Writes `yyyy-MM-ddTHH:mm:ss`, the form of requests and reports.
pub fn format(at: DateTime) -> String {
    let (date, time) = (at.date(), at.time());
    let (year, month, day) = (date.year(), date.month(), date.day());
    format!("{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}", time.hour(), time.minute(), time.second())
}

/// The month as a number, AAAAMM.
pub fn period(at: DateTime) -> i32 {
    i32::from(at.year()) * 100 + i32::from(at.month())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_reads_and_nonsense_does_not() {
        let cases = [
            ("2026-09-01T09:15:02", Some("2026-09-01T09:15:02")),
            ("2026-09-01 09:15:02", Some("2026-09-01T09:15:02")),
            (" 2026-09-01T09:15:02 ", Some("2026-09-01T09:15:02")),
            ("2015-02-24T11:02:49-06:00", Some("2015-02-24T11:02:49")),
            ("2015-02-24T11:02:49.123Z", Some("2015-02-24T11:02:49")),
            ("2026-02-30T00:00:00", None),
            ("2026-09-01", None),
            ("2026-09-01T09:15:02 pm", None),
            ("2026-09-01T+9:15:02", None),
            ("2026/09/01T09:15:02", None),
            ("２２２２２２", None),
            ("", None),
        ];
        for (text, expected) in cases {
            assert_eq!(parse(text).map(format).as_deref(), expected, "{text:?}");
        }
        assert_eq!(parse("2026-09-01T09:15:02").map(period), Some(202609));
    }
}
