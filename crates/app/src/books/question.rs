//! A question about documents: columns by a filter, words by reading.

use super::period::Period;
use super::text::Words;
use crate::error::{AppError, AppResult};
use crate::model::{Direction, DocumentFilter, DocumentKey, DocumentKind, DocumentStatus};
use fedatario_base::Code;
use fedatario_fiscal::mx::uuid::FiscalUuid;

/// Millionths of one.
const MILLION: rust_decimal::Decimal = rust_decimal::Decimal::from_parts(1_000_000, 0, 0, false, 0);
/// Between the two parts of a cursor; no date or UUID has it.
const BETWEEN: char = '~';

/// What is asked.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Question {
    /// What columns answer.
    pub filter: DocumentFilter,
    /// What only reading answers.
    pub words: Words,
}

/// What is asked, as it was typed; every part is optional.
#[derive(Debug, Clone, Default)]
pub struct Asked {
    /// Days of emission.
    pub period: Option<Period>,
    /// Whose part.
    pub direction: Option<Direction>,
    /// Letters: `I`, `E`, …
    pub kinds: Vec<String>,
    /// Tax id of the other party.
    pub counterparty: Option<String>,
    /// The least total.
    pub min: Option<String>,
    /// The greatest total.
    pub max: Option<String>,
    /// Currency code.
    pub currency: Option<String>,
    /// `vigente`, `cancelado`, `unknown`.
    pub status: Vec<String>,
    /// Name of a complement.
    pub complement: Option<String>,
    /// Words.
    pub text: Option<String>,
    /// UUID.
    pub uuid: Option<String>,
}

impl Question {
    /// Reads what was typed, or says which part is not understood.
    pub fn read(asked: Asked) -> AppResult<Self> {
        let mut filter = DocumentFilter { direction: asked.direction, ..DocumentFilter::default() };
        if let Some(period) = asked.period {
            (filter.periods, filter.dates) = (period.months(), Some(period.instants()));
        }
        filter.kinds = each(&asked.kinds, "type", DocumentKind::from_text, str::to_uppercase)?;
        filter.statuses = each(&asked.status, "status", DocumentStatus::from_text, str::to_lowercase)?;
        filter.counterparty = asked.counterparty.map(|it| it.trim().to_uppercase());
        filter.totals = (limit(asked.min.as_deref(), i64::MIN)?, limit(asked.max.as_deref(), i64::MAX)?);
        filter.currency = asked.currency.map(|it| it.trim().to_uppercase());
        filter.complement = asked.complement.as_deref().map(complement).transpose()?;
        filter.uuid = asked.uuid.as_deref().map(uuid).transpose()?;
        Ok(Self { filter, words: Words::new(asked.text.as_deref().unwrap_or_default()) })
    }
}

fn bad(name: &str, value: &str) -> AppError {
    AppError::Input { code: Code::FilterFormat, text: format!("{name}: {value:?}") }
}

fn each<T>(all: &[String], name: &str, read: impl Fn(&str) -> Option<T>, case: impl Fn(&str) -> String) -> AppResult<Vec<T>> {
    all.iter().map(|it| read(&case(it.trim())).ok_or_else(|| bad(name, it))).collect()
}

/// An amount in millionths.
fn limit(text: Option<&str>, otherwise: i64) -> AppResult<i64> {
    use rust_decimal::prelude::ToPrimitive;
    let Some(text) = text else { return Ok(otherwise) };
    let amount = rust_decimal::Decimal::from_str_exact(text.trim()).ok().and_then(|it| it.checked_mul(MILLION));
    amount.and_then(|it| it.to_i64()).ok_or_else(|| bad("amount", text))
}

/// A complement by the name of its element, or by the name of its catalogue: `Pagos`, `pagos20`.
fn complement(text: &str) -> AppResult<String> {
    let name = text.trim().trim_end_matches(|it: char| it.is_ascii_digit());
    if name.is_empty() || !name.bytes().all(|it| it.is_ascii_alphanumeric()) {
        return Err(bad("complement", text));
    }
    Ok(name.to_ascii_lowercase())
}

/// A UUID, or the key of a document that was never stamped.
fn uuid(text: &str) -> AppResult<String> {
    let text = text.trim().to_ascii_lowercase();
    if text.strip_prefix("sha256-").is_some_and(|it| it.len() == 64 && it.bytes().all(|it| it.is_ascii_hexdigit())) {
        return Ok(text);
    }
    text.parse::<FiscalUuid>().map(|it| it.to_string()).map_err(|_| bad("uuid", &text))
}

/// A cursor as text, for a person to hand back.
pub fn cursor(key: &DocumentKey) -> String {
    format!("{}{BETWEEN}{}", key.date, key.uuid)
}

/// The place that a cursor names.
pub fn after(text: &str) -> AppResult<DocumentKey> {
    let (date, uuid) = text.trim().split_once(BETWEEN).ok_or_else(|| bad("cursor", text))?;
    let is_date = date.is_empty() || fedatario_fiscal::mx::time::parse(date).is_some();
    if !is_date {
        return Err(bad("cursor", text));
    }
    Ok(DocumentKey { date: date.to_owned(), uuid: self::uuid(uuid)? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_understood_is_named() {
        let asked = |change: &dyn Fn(&mut Asked)| {
            let mut asked = Asked::default();
            change(&mut asked);
            Question::read(asked).map_err(|it| (it.code(), it.to_string()))
        };
        type Change = Box<dyn Fn(&mut Asked)>;
        let cases: Vec<(&str, Change)> = vec![
            ("type", Box::new(|it| it.kinds = vec!["X".into()])),
            ("status", Box::new(|it| it.status = vec!["vivo".into()])),
            ("amount", Box::new(|it| it.min = Some("mil".into()))),
            ("amount", Box::new(|it| it.max = Some("99999999999999999999".into()))),
            ("complement", Box::new(|it| it.complement = Some("pagos%".into()))),
            ("uuid", Box::new(|it| it.uuid = Some("1".into()))),
        ];
        for (name, change) in cases {
            let (code, text) = asked(&change).unwrap_err();
            assert_eq!(code, Code::FilterFormat);
            assert!(text.starts_with(name), "{text}");
        }
        let good = asked(&|it| {
            (it.kinds, it.min, it.complement) = (vec!["i".into(), " P".into()], Some("-1.5".into()), Some("Pagos20".into()));
        });
        let filter = good.unwrap().filter;
        assert_eq!(filter.kinds, [DocumentKind::Ingreso, DocumentKind::Pago]);
        assert_eq!((filter.totals.0, filter.complement.as_deref()), (-1_500_000, Some("pagos")));
    }

    #[test]
    fn cursors_come_back_as_they_went() {
        for date in ["2025-03-04T05:06:07", ""] {
            let key = DocumentKey { date: date.into(), uuid: "26da5355-e4bd-57d7-8e8e-b567754a287f".into() };
            assert_eq!(after(&cursor(&key)).unwrap(), key);
        }
        for text in ["", "~", "2025~26da5355-e4bd-57d7-8e8e-b567754a287f", "2025-03-04T05:06:07"] {
            assert!(after(text).is_err(), "{text}");
        }
    }
}
