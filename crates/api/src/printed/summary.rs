//! The books of a period as tables, for a page and for a terminal alike.

use super::code;
use fedatario_app::books::summary::{self, Counterparty, Iva, Summary, Sums, iva_of, month_name};
use fedatario_base::text::{Language, say};
use fedatario_fiscal::mx::books::{Book, Figure, Line, Side};
use fedatario_tables::{Heading, Page, Section};
use rust_decimal::Decimal;

/// Months beside each other in one table: more do not fit on paper.
const MONTHS_ABREAST: usize = 6;
/// Counterparties on a page, by amount; all of them are in the JSON and the CSV.
const COUNTERPARTIES_SHOWN: usize = 200;

/// An amount for people: thousands apart.
fn shown(amount: Decimal) -> String {
    let plain = summary::shown(amount);
    let (sign, digits) = plain.strip_prefix('-').map_or(("", plain.as_str()), |it| ("-", it));
    let (whole, cents) = digits.split_once('.').unwrap_or((digits, ""));
    let grouped: Vec<&str> = (0..whole.len()).rev().step_by(3).map(|end| &whole[end.saturating_sub(2)..=end]).collect();
    let grouped = grouped.into_iter().rev().collect::<Vec<_>>().join(",");
    format!("{sign}{grouped}.{cents}")
}

/// A table's texts by their keys.
struct Texts(Language);

impl Texts {
    fn say(&self, key: &str) -> String {
        say(self.0, key, &[])
    }

    fn heads(&self, text: &[&str], numbers: &[&str]) -> Vec<Heading> {
        let text = text.iter().map(|it| Heading::text(self.say(&format!("cli-col-{it}"))));
        text.chain(numbers.iter().map(|it| Heading::number(self.say(&format!("cli-col-{it}"))))).collect()
    }

    fn section(&self, title: String, columns: Vec<Heading>, rows: Vec<Vec<String>>) -> Section {
        Section { title, columns, rows, empty: self.say("cli-page-empty"), cut: self.say("cli-page-cut"), ..Section::default() }
    }
}

/// The whole summary.
pub fn summary(language: Language, summary: &Summary) -> Page {
    let texts = Texts(language);
    let period = format!("{} – {}", summary.period.from, summary.period.to);
    let fact = |key: &str, value: String| (texts.say(key), value);
    let mut sections = vec![iva_section(&texts, summary)];
    for side in Side::ALL {
        for book in Book::ALL {
            sections.extend(book_sections(&texts, summary, *side, *book));
        }
    }
    sections.extend(Side::ALL.iter().map(|side| parties(&texts, summary, *side)));
    sections.push(documents(&texts, summary));
    sections.extend(uncounted(&texts, summary));
    Page {
        language: code(language).to_owned(),
        title: texts.say("cli-summary-title"),
        is_wide: false,
        facts: [
            fact("cli-page-rfc", summary.rfc.clone()),
            fact("cli-page-name", summary.name.clone()),
            fact("cli-page-period", period),
            fact("cli-page-currency", "MXN".to_owned()),
        ]
        .into_iter()
        .filter(|(_, value)| !value.is_empty())
        .collect(),
        verdict: None,
        notes: vec![texts.say("cli-summary-working-paper"), texts.say("cli-summary-rules")],
        sections,
        foot: texts.say("cli-summary-foot"),
    }
}

fn iva_section(texts: &Texts, summary: &Summary) -> Section {
    let row = |name: String, sums: &Sums| {
        let Iva { transferred, creditable, withheld, balance } = iva_of(sums);
        [name].into_iter().chain([transferred, creditable, withheld, balance].map(shown)).collect::<Vec<_>>()
    };
    let mut rows: Vec<Vec<String>> = summary.months.iter().map(|(month, sums)| row(month_name(*month), sums)).collect();
    rows.push(row(texts.say("cli-col-total"), &summary.total));
    let columns = texts.heads(&["mes"], &["iva-cobrado", "iva-pagado", "iva-retenido", "iva-saldo"]);
    let section = texts.section(texts.say("cli-summary-iva"), columns, rows);
    Section { sums: 1, note: texts.say("cli-summary-iva-note"), ..section }
}

/// A book of a side: its lines by month, as many tables as its months need; none if nothing is in it.
fn book_sections(texts: &Texts, summary: &Summary, side: Side, book: Book) -> Vec<Section> {
    let figure = |line: Line| Figure { side, book, line };
    let lines: Vec<Line> = book.lines().filter(|it| summary.total.contains_key(&figure(*it))).collect();
    let months: Vec<i32> = summary.months.keys().copied().collect();
    let title = format!(
        "{}: {}",
        texts.say(&format!("cli-figure-side-{}", side.text())),
        texts.say(&format!("cli-figure-book-{}", book.text()))
    );
    let mut sections = Vec::new();
    let chunks: Vec<&[i32]> = if months.len() > 1 { months.chunks(MONTHS_ABREAST).collect() } else { vec![&[]] };
    for (place, months) in chunks.iter().enumerate().filter(|_| !lines.is_empty()) {
        let is_last = place + 1 == chunks.len();
        let mut columns = vec![Heading::text(texts.say("cli-col-concepto"))];
        columns.extend(months.iter().map(|it| Heading::number(month_name(*it))));
        columns.extend(is_last.then(|| Heading::number(texts.say("cli-col-total"))));
        let row = |line: &Line| {
            let of = |sums: Option<&Sums>| shown(sums.and_then(|it| it.get(&figure(*line))).copied().unwrap_or_default());
            let name = texts.say(&format!("cli-figure-line-{}", line.text().replace('_', "-")));
            let by_month = months.iter().map(|it| of(summary.months.get(it)));
            [name].into_iter().chain(by_month).chain(is_last.then(|| of(Some(&summary.total)))).collect::<Vec<_>>()
        };
        sections.push(texts.section(title.clone(), columns, lines.iter().map(row).collect()));
    }
    sections
}

fn amount_of(party: &Counterparty, figure: Figure) -> Decimal {
    party.sums.get(&figure).copied().unwrap_or_default()
}

fn parties(texts: &Texts, summary: &Summary, side: Side) -> Section {
    let net = |book| Figure { side, book, line: Line::Net };
    let invoiced = net(Book::Invoiced);
    let mut all: Vec<(&str, &Counterparty)> =
        summary.counterparties.iter().filter(|((of, _), _)| *of == side).map(|((_, rfc), it)| (rfc.as_str(), it)).collect();
    all.sort_by_key(|(rfc, it)| (std::cmp::Reverse(amount_of(it, invoiced).abs()), *rfc));
    let iva = |it: &Counterparty, book| {
        [Line::Iva16, Line::Iva8, Line::IvaOther].map(|line| amount_of(it, Figure { side, book, line })).iter().sum()
    };
    let row = |(rfc, it): &(&str, &Counterparty)| {
        let amounts: [Decimal; 4] =
            [amount_of(it, invoiced), iva(it, Book::Invoiced), amount_of(it, net(Book::Cash)), iva(it, Book::Cash)];
        let text = [rfc.to_string(), it.name.clone(), it.documents.to_string()];
        text.into_iter().chain(amounts.map(shown)).collect::<Vec<_>>()
    };
    let left = all.len().saturating_sub(COUNTERPARTIES_SHOWN);
    let rows = all.iter().take(COUNTERPARTIES_SHOWN).map(row).collect();
    let columns = texts.heads(&["rfc", "nombre"], &["documentos", "facturado", "iva-facturado", "flujo", "iva-flujo"]);
    let section = texts.section(texts.say(&format!("cli-summary-parties-{}", side.text())), columns, rows);
    let note = if left > 0 { format!("{} {left}", texts.say("cli-page-cut")) } else { String::new() };
    Section { note, ..section }
}

fn documents(texts: &Texts, summary: &Summary) -> Section {
    let mut rows: Vec<Vec<String>> = summary
        .documents
        .iter()
        .map(|((side, kind), count)| vec![texts.say(&format!("cli-figure-side-{}", side.text())), kind.clone(), count.to_string()])
        .collect();
    for (key, count) in [("cli-summary-cancelled", summary.cancelled), ("cli-summary-unknown", summary.unknown)] {
        rows.push(vec![texts.say(key), String::new(), count.to_string()]);
    }
    texts.section(texts.say("cli-summary-documents"), texts.heads(&["lado", "tipo"], &["documentos"]), rows)
}

fn uncounted(texts: &Texts, summary: &Summary) -> Option<Section> {
    let rows: Vec<Vec<String>> = summary
        .uncounted
        .iter()
        .flat_map(|(reason, it)| {
            it.named.iter().map(|(uuid, detail)| vec![uuid.clone(), reason_text(texts, reason), detail.clone()])
        })
        .collect();
    if rows.is_empty() {
        return None;
    }
    let section = texts.section(texts.say("cli-summary-uncounted"), texts.heads(&["uuid", "motivo", "detalle"], &[]), rows);
    Some(Section { note: texts.say("cli-summary-uncounted-note"), ..section })
}

fn reason_text(texts: &Texts, reason: &str) -> String {
    texts.say(&format!("cli-figure-gap-{}", reason.replace('_', "-")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_stand_apart() {
        for (amount, expected) in
            [("0", "0.00"), ("-5.5", "-5.50"), ("999.995", "1,000.00"), ("1234567.1", "1,234,567.10"), ("-100000", "-100,000.00")]
        {
            assert_eq!(shown(Decimal::from_str_exact(amount).unwrap()), expected);
        }
    }
}
