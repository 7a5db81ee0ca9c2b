//! `sat query`: a page of documents, in the columns that an accountant wants.

use crate::cli::Query;
use crate::failure::Failure;
use crate::house::House;
use crate::present::Screen;
use fedatario_app::books::flat;
use fedatario_app::books::question;
use fedatario_app::books::walk::{self, Read};
use fedatario_app::descarga::register;
use fedatario_base::code::Exit;
use fedatario_fiscal::mx::accounts::{TaxKind, sum};
use rust_decimal::Decimal;
use serde_json::{Value, json};

/// The columns of a terminal, and whether they hold numbers.
const COLUMNS: [(&str, bool); 13] = [
    ("fecha", false),
    ("uuid", false),
    ("serie-folio", false),
    ("emisor", false),
    ("receptor", false),
    ("tipo", false),
    ("metodo", false),
    ("moneda", false),
    ("subtotal", true),
    ("iva", true),
    ("retenciones", true),
    ("total", true),
    ("estado", false),
];

/// Answers a question with one page.
pub async fn run(house: &House, screen: &Screen, query: &Query) -> Result<Exit, Failure> {
    let (question, _) = super::question(&query.filters)?;
    let after = query.after.as_deref().map(question::after).transpose()?;
    let taxpayer = register::find(&house.app, &house.scope, &query.filters.rfc).await?;
    let page = walk::page(&house.app, &house.scope, &taxpayer, question, after, query.limit).await?;
    let next = page.next.as_ref().map(question::cursor);
    show(screen, &page.documents);
    if let Some(cursor) = &next {
        screen.say("cli-query-more", &[("cursor", cursor.clone())]);
    }
    let documents: Vec<Value> = page.documents.iter().map(|it| Value::Object(flat::object(it))).collect();
    screen.result(&json!({ "rfc": taxpayer.tax_id, "count": documents.len(), "documents": documents, "next": next }));
    Ok(Exit::Good)
}

fn show(screen: &Screen, documents: &[Read]) {
    if documents.is_empty() {
        return screen.say("cli-query-nothing", &[]);
    }
    let head = COLUMNS.map(|(name, _)| screen.text(&format!("cli-col-{name}"), &[]));
    let rows: Vec<[String; 13]> = documents.iter().map(row).collect();
    let width = |at: usize| rows.iter().chain([&head]).map(|it| it[at].chars().count()).max().unwrap_or_default();
    let widths: Vec<usize> = (0..COLUMNS.len()).map(width).collect();
    for row in [&head].into_iter().chain(&rows) {
        let cell = |(at, text): (usize, &String)| {
            let width = widths[at];
            if COLUMNS[at].1 { format!("{text:>width$}") } else { format!("{text:<width$}") }
        };
        screen.print(row.iter().enumerate().map(cell).collect::<Vec<_>>().join("  ").trim_end());
    }
}

fn row(read: &Read) -> [String; 13] {
    let row = &read.found.row;
    let of = |amount: Option<Decimal>| amount.map(|it| format!("{it:.2}")).unwrap_or_default();
    let it = read.accounts.as_ref();
    let withheld = it.map(|it| sum([TaxKind::Iva, TaxKind::Isr, TaxKind::Ieps].map(|kind| it.withheld_of(kind))));
    let number =
        it.map(|it| [it.series.as_str(), it.folio.as_str()].into_iter().filter(|it| !it.is_empty()).collect::<Vec<_>>().join("-"));
    [
        row.date.get(..10).unwrap_or_default().to_owned(),
        row.uuid.clone(),
        shortened(&number.unwrap_or_default(), 20),
        row.issuer.clone(),
        row.receiver.clone(),
        row.kind.clone(),
        it.map(|it| shortened(&it.method, 5)).unwrap_or_default(),
        row.currency.clone(),
        of(it.and_then(|it| it.subtotal)),
        of(it.map(|it| it.transferred_of(TaxKind::Iva))),
        of(withheld),
        row.total.clone(),
        read.found.status.text().to_owned(),
    ]
}

/// Without what would move a terminal's cursor, and no longer than its column.
fn shortened(text: &str, chars: usize) -> String {
    text.chars().filter(|it| !it.is_control()).take(chars).collect()
}
