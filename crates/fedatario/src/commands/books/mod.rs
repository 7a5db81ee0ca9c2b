//! `sat query`, `sat export`, `sat summary`, and the report on paper: what is here, found and taken out.

mod export;
mod figures;
mod out;
mod query;
mod report;
mod summary;

pub use export::run as export;
pub use query::run as query;
pub use report::write as report;
pub use summary::run as summary;

use crate::cli::{Filters, Span};
use crate::failure::Failure;
use fedatario_app::books::period::Period;
use fedatario_app::books::question::{Asked, Question};
use fedatario_app::model::Direction;
use fedatario_base::Code;
use jiff::civil::Date;

/// The days that were named, if any.
fn period(span: &Span) -> Result<Option<Period>, Failure> {
    if let Some(year) = span.year {
        return Ok(Some(Period::year(year)?));
    }
    if let Some(text) = &span.period {
        return Ok(Some(Period::parse(text)?));
    }
    let Some((from, to)) = span.from.as_deref().zip(span.to.as_deref()) else { return Ok(None) };
    let day =
        |text: &str| text.trim().parse::<Date>().map_err(|_| Failure::new(Code::PeriodFormat, format!("{text:?} is no date")));
    Ok(Some(Period::between(day(from)?, day(to)?)?))
}

/// What was asked, and the days that it names.
fn question(filters: &Filters) -> Result<(Question, Option<Period>), Failure> {
    let period = period(&filters.span)?;
    let direction = filters.role.as_deref().map(|it| if it == "issued" { Direction::Issued } else { Direction::Received });
    let it = filters.clone();
    let asked = Asked {
        period,
        direction,
        kinds: it.types,
        counterparty: it.counterparty,
        min: it.min,
        max: it.max,
        currency: it.currency,
        status: it.status,
        complement: it.complement,
        text: it.text,
        uuid: it.uuid,
    };
    Ok((Question::read(asked)?, period))
}
