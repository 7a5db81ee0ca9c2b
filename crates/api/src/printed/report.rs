//! The completeness report of a year as a page.

use super::code;
use fedatario_base::text::{Language, say};
use fedatario_tables::sheets::REPORT_LISTS;
use fedatario_tables::{Heading, Page, Section};
use serde_json::Value;

fn items<'a>(report: &'a Value, list: &str) -> impl Iterator<Item = &'a Value> {
    report[list].as_array().into_iter().flatten()
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_default()
}

/// The whole report.
pub fn report(language: Language, signed: &Value, name: &str, complete: bool, sha256: &str) -> Page {
    let report = &signed["report"];
    let word = |key: &str| say(language, key, &[]);
    let fact = |key: &str, value: &str| (word(key), value.to_owned());
    let mut sections = vec![totals(language, report), windows(language, report)];
    sections.extend(REPORT_LISTS.iter().map(|it| list(language, report, it)));
    Page {
        language: code(language).to_owned(),
        title: word("cli-report-title"),
        is_wide: false,
        facts: vec![
            fact("cli-page-rfc", text(report, "rfc")),
            fact("cli-page-name", name),
            fact("cli-page-year", &report["year"].to_string()),
            fact("cli-page-made", text(report, "made_at")),
        ],
        verdict: Some((word(if complete { "cli-report-complete" } else { "cli-report-incomplete" }), complete)),
        notes: vec![word("cli-report-note")],
        sections,
        foot: say(language, "cli-report-foot", &[("key", text(signed, "key").to_owned()), ("sha256", sha256.to_owned())]),
    }
}

fn section(language: Language, title: &str, text: &[&str], numbers: &[&str], rows: Vec<Vec<String>>) -> Section {
    let word = |key: &str| say(language, key, &[]);
    let text = text.iter().map(|it| Heading::text(word(&format!("cli-col-{it}"))));
    let numbers = numbers.iter().map(|it| Heading::number(word(&format!("cli-col-{it}"))));
    Section {
        title: word(title),
        columns: text.chain(numbers).collect(),
        rows,
        empty: word("cli-page-empty"),
        cut: word("cli-page-cut"),
        ..Section::default()
    }
}

/// A state of a request has its permanent name; a window that has no request has words.
fn state(language: Language, state: &str) -> String {
    if state == "not_asked" { say(language, "cli-report-not-asked", &[]) } else { state.to_owned() }
}

/// The word for a side, as the report writes it.
fn side(language: Language, direction: &str) -> String {
    say(language, if direction == "issued" { "cli-figure-side-emitidos" } else { "cli-figure-side-recibidos" }, &[])
}

fn totals(language: Language, report: &Value) -> Section {
    let names = ["metadata", "cfdi", "vigente", "cancelled", "missing", "not_delivered", "extra"];
    let of = |direction: &str| &report["totals"][direction];
    let row = |direction: &&str| {
        let numbers = names.iter().map(|it| of(direction)[*it].to_string());
        [side(language, direction)].into_iter().chain(numbers).collect::<Vec<_>>()
    };
    let rows = ["issued", "received"].iter().map(row).collect();
    let columns = ["metadata", "cfdi", "vigentes", "cancelados", "faltan", "no-entregados", "sin-metadata"];
    section(language, "cli-report-totals", &["lado"], &columns, rows)
}

/// The windows that nothing has answered yet.
fn windows(language: Language, report: &Value) -> Section {
    let open = items(report, "windows").filter(|it| it["settled"] == false);
    let row = |it: &Value| {
        vec![
            format!("{} – {}", text(it, "from"), text(it, "to")),
            side(language, text(it, "direction")),
            text(it, "content").to_owned(),
            state(language, text(it, "state")),
        ]
    };
    let section =
        section(language, "cli-report-windows", &["ventana", "lado", "contenido", "estado"], &[], open.map(row).collect());
    Section { empty: say(language, "cli-report-windows-none", &[]), ..section }
}

fn list(language: Language, report: &Value, name: &str) -> Section {
    let row = |it: &Value| {
        let cells = ["uuid", "direction", "issued_at", "issuer", "receiver", "effect", "reason", "amount"];
        let cell = |name: &&str| match *name {
            "direction" => side(language, text(it, name)),
            "reason" => say(language, &format!("cli-report-reason-{}", text(it, name).replace('_', "-")), &[]),
            name => text(it, name).to_owned(),
        };
        cells.iter().map(cell).collect::<Vec<_>>()
    };
    let title = format!("cli-report-{}", name.replace('_', "-"));
    let columns = ["uuid", "lado", "fecha", "emisor", "receptor", "tipo", "motivo"];
    section(language, &title, &columns, &["importe"], items(report, name).map(row).collect())
}
