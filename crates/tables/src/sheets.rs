//! The books of a period and the completeness report as CSV.

use crate::{Csv, CsvOptions};
use fedatario_app::books::sheet::{Cell, Column, Kind, SheetWriter};
use fedatario_app::books::summary::{Summary, Sums, month_name};
use rust_decimal::Decimal;
use serde_json::Value;
use std::io;

/// Digits after the point that amounts are written with.
const CENTS: u32 = 2;
/// The lists of a report, worst first.
pub const REPORT_LISTS: [&str; 3] = ["missing", "not_delivered", "extra"];

const fn column(name: &'static str, kind: Kind) -> Column {
    Column { name, kind }
}

/// One row a figure: of the period, of a month, of a counterparty.
const SUMMARY: &[Column] = &[
    column("ambito", Kind::Text),
    column("mes", Kind::Text),
    column("rfc", Kind::Text),
    column("nombre", Kind::Text),
    column("cifra", Kind::Text),
    column("importe", Kind::Amount),
];

/// The books of a period.
pub fn summary(made: &Summary) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut csv = Csv::begin(&mut bytes, SUMMARY, CsvOptions::default())?;
    let mut write = |scope: &str, month: &str, rfc: &str, name: &str, sums: &Sums| {
        sums.iter().try_for_each(|(figure, amount)| {
            let text = [scope, month, rfc, name, &figure.to_string()].map(Cell::text);
            csv.row(&text.into_iter().chain([Cell::Amount(cents(*amount))]).collect::<Vec<_>>())
        })
    };
    write("periodo", "", &made.rfc, &made.name, &made.total)?;
    for (month, sums) in &made.months {
        write("mes", &month_name(*month), &made.rfc, &made.name, sums)?;
    }
    for ((_, rfc), it) in &made.counterparties {
        write("contraparte", "", rfc, &it.name, &it.sums)?;
    }
    Ok(bytes)
}

/// Half away from zero, as the summary shows amounts.
fn cents(amount: Decimal) -> Decimal {
    amount.round_dp_with_strategy(CENTS, rust_decimal::RoundingStrategy::MidpointAwayFromZero)
}

const REPORT: &[Column] = &[
    column("lista", Kind::Text),
    column("uuid", Kind::Text),
    column("lado", Kind::Text),
    column("fecha", Kind::Instant),
    column("emisor_rfc", Kind::Text),
    column("receptor_rfc", Kind::Text),
    column("importe", Kind::Amount),
    column("efecto", Kind::Text),
    column("motivo", Kind::Text),
];

/// What a report lists, one row each.
pub fn report(report: &Value) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut csv = Csv::begin(&mut bytes, REPORT, CsvOptions::default())?;
    for list in REPORT_LISTS {
        for it in report[list].as_array().into_iter().flatten() {
            let text = |name: &str| it[name].as_str().unwrap_or_default();
            csv.row(&[
                Cell::text(list),
                Cell::text(text("uuid")),
                Cell::text(text("direction")),
                Cell::instant(text("issued_at")),
                Cell::text(text("issuer")),
                Cell::text(text("receiver")),
                Cell::amount(Decimal::from_str_exact(text("amount")).ok()),
                Cell::text(text("effect")),
                Cell::text(text("reason")),
            ])?;
        }
    }
    Ok(bytes)
}
