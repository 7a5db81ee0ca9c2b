//! `sat report --format`: the completeness report as the signed JSON, as CSV, or as a page to print.

use super::out;
use crate::failure::Failure;
use crate::house::House;
use crate::present::Screen;
use fedatario_app::descarga::{register, report};
use fedatario_app::model::Family;
use fedatario_base::code::Exit;
use fedatario_tables::sheets::{self, REPORT_LISTS};
use fedatario_tables::{Heading, Page, Section};
use serde_json::{Value, json};
use std::path::Path;

/// Bytes of a kept report: what its maker keeps at most.
const REPORT_BYTES_AT_MOST: u64 = 1 << 30;

/// Makes the report of a year and writes it in a format.
pub async fn write(
    house: &House,
    screen: &Screen,
    rfc: &str,
    (family, year): (Family, i16),
    format: &str,
    output: Option<&Path>,
) -> Result<Exit, Failure> {
    let taxpayer = register::find(&house.app, &house.scope, rfc).await?;
    let made = report::make(&house.app, &house.scope, &taxpayer, family, year).await?;
    let file = house.app.blobs.get(&made.path, REPORT_BYTES_AT_MOST).await?;
    let bytes = match format {
        "json" => file,
        _ => {
            let signed: Value = serde_json::from_slice(&file).map_err(|error| Failure::internal(error.to_string()))?;
            match format {
                "csv" => sheets::report(&signed["report"]).map_err(|error| Failure::internal(error.to_string()))?,
                _ => page(screen, &signed, &taxpayer.name, made.complete, &made.sha256).html().into_bytes(),
            }
        }
    };
    let path = output.unwrap_or(Path::new("-"));
    out::write_whole(path, &bytes)?;
    if !out::is_standard(path) {
        screen.say("cli-written", &[("path", path.display().to_string())]);
        let result = json!({
            "path": path.display().to_string(), "format": format, "complete": made.complete, "missing": made.totals.missing,
            "not_delivered": made.totals.not_delivered, "unsettled": made.unsettled, "sha256": made.sha256,
        });
        screen.result(&result);
    }
    Ok(if made.complete { Exit::Good } else { Exit::Finding })
}

fn items<'a>(report: &'a Value, list: &str) -> impl Iterator<Item = &'a Value> {
    report[list].as_array().into_iter().flatten()
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_default()
}

fn page(screen: &Screen, signed: &Value, name: &str, complete: bool, sha256: &str) -> Page {
    let report = &signed["report"];
    let say = |key: &str| screen.text(key, &[]);
    let fact = |key: &str, value: &str| (say(key), value.to_owned());
    let mut sections = vec![totals(screen, report), windows(screen, report)];
    sections.extend(REPORT_LISTS.iter().map(|it| list(screen, report, it)));
    Page {
        language: screen.language_code().to_owned(),
        title: say("cli-report-title"),
        facts: vec![
            fact("cli-page-rfc", text(report, "rfc")),
            fact("cli-page-name", name),
            fact("cli-page-year", &report["year"].to_string()),
            fact("cli-page-made", text(report, "made_at")),
        ],
        verdict: Some((say(if complete { "cli-report-complete" } else { "cli-report-incomplete" }), complete)),
        notes: vec![say("cli-report-note")],
        sections,
        foot: screen.text("cli-report-foot", &[("key", text(signed, "key").to_owned()), ("sha256", sha256.to_owned())]),
    }
}

fn section(screen: &Screen, title: &str, text: &[&str], numbers: &[&str], rows: Vec<Vec<String>>) -> Section {
    let say = |key: &str| screen.text(key, &[]);
    let text = text.iter().map(|it| Heading::text(say(&format!("cli-col-{it}"))));
    let numbers = numbers.iter().map(|it| Heading::number(say(&format!("cli-col-{it}"))));
    Section {
        title: say(title),
        columns: text.chain(numbers).collect(),
        rows,
        empty: say("cli-page-empty"),
        cut: say("cli-page-cut"),
        ..Section::default()
    }
}

/// A state of a request has its permanent name; a window that has no request has words.
fn state(screen: &Screen, state: &str) -> String {
    if state == "not_asked" { screen.text("cli-report-not-asked", &[]) } else { state.to_owned() }
}

/// The word for a side, as the report writes it.
fn side(screen: &Screen, direction: &str) -> String {
    screen.text(if direction == "issued" { "cli-figure-side-emitidos" } else { "cli-figure-side-recibidos" }, &[])
}

fn totals(screen: &Screen, report: &Value) -> Section {
    let names = ["metadata", "cfdi", "vigente", "cancelled", "missing", "not_delivered", "extra"];
    let of = |direction: &str| &report["totals"][direction];
    let row = |direction: &&str| {
        let numbers = names.iter().map(|it| of(direction)[*it].to_string());
        [side(screen, direction)].into_iter().chain(numbers).collect::<Vec<_>>()
    };
    let rows = ["issued", "received"].iter().map(row).collect();
    let columns = ["metadata", "cfdi", "vigentes", "cancelados", "faltan", "no-entregados", "sin-metadata"];
    section(screen, "cli-report-totals", &["lado"], &columns, rows)
}

/// The windows that nothing has answered yet.
fn windows(screen: &Screen, report: &Value) -> Section {
    let open = items(report, "windows").filter(|it| it["settled"] == false);
    let row = |it: &Value| {
        vec![
            format!("{} – {}", text(it, "from"), text(it, "to")),
            side(screen, text(it, "direction")),
            text(it, "content").to_owned(),
            state(screen, text(it, "state")),
        ]
    };
    let section = section(screen, "cli-report-windows", &["ventana", "lado", "contenido", "estado"], &[], open.map(row).collect());
    Section { empty: screen.text("cli-report-windows-none", &[]), ..section }
}

fn list(screen: &Screen, report: &Value, name: &str) -> Section {
    let row = |it: &Value| {
        let cells = ["uuid", "direction", "issued_at", "issuer", "receiver", "effect", "reason", "amount"];
        let cell = |name: &&str| match *name {
            "direction" => side(screen, text(it, name)),
            "reason" => screen.text(&format!("cli-report-reason-{}", text(it, name).replace('_', "-")), &[]),
            name => text(it, name).to_owned(),
        };
        cells.iter().map(cell).collect::<Vec<_>>()
    };
    let title = format!("cli-report-{}", name.replace('_', "-"));
    let columns = ["uuid", "lado", "fecha", "emisor", "receptor", "tipo", "motivo"];
    section(screen, &title, &columns, &["importe"], items(report, name).map(row).collect())
}
