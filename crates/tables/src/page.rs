//! A page to print: tables under a heading, in one file that needs nothing else.
//!
//! No script, no address outside; the style prints on A4, repeats the heads of tables on every sheet
//! and does not break a row. Every table has a caption and its heads say what they head. What a
//! document wrote is escaped. Memory: the page; a table shows at most [`ROWS_AT_MOST`] rows and says
//! how many it leaves out.

use maud::{DOCTYPE, Markup, PreEscaped, html};

/// Rows of a table on a page; a person prints no more, and other formats have them all.
pub const ROWS_AT_MOST: usize = 2_000;

const STYLE: &str = include_str!("page.css");

/// The head of a column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heading {
    /// What it says.
    pub text: String,
    /// Whether the column holds numbers: they stand to the right.
    pub is_number: bool,
    /// Whether it holds digests and commands, which are compared letter by letter: a line each, all as wide.
    pub is_code: bool,
}

impl Heading {
    /// A column of text.
    pub fn text(text: impl Into<String>) -> Self {
        Self { text: text.into(), is_number: false, is_code: false }
    }

    /// A column of numbers.
    pub fn number(text: impl Into<String>) -> Self {
        Self { text: text.into(), is_number: true, is_code: false }
    }

    /// A column of digests or commands.
    pub fn code(text: impl Into<String>) -> Self {
        Self { text: text.into(), is_number: false, is_code: true }
    }

    fn class(&self) -> Option<&'static str> {
        match (self.is_number, self.is_code) {
            (true, _) => Some("number"),
            (_, true) => Some("code"),
            _ => None,
        }
    }
}

/// A table with what stands around it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Section {
    /// Its heading.
    pub title: String,
    /// What is to be known before reading it.
    pub note: String,
    /// The heads of its columns; the first one heads each row.
    pub columns: Vec<Heading>,
    /// Its rows.
    pub rows: Vec<Vec<String>>,
    /// How many of the last rows are sums.
    pub sums: usize,
    /// What stands in place of a table without rows.
    pub empty: String,
    /// What stands below a table that is cut, before the number of rows left out.
    pub cut: String,
}

/// A page.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Page {
    /// The language of its texts: `es`.
    pub language: String,
    /// Its title.
    pub title: String,
    /// Whether its tables are wider than a sheet is high: it is printed across.
    pub is_wide: bool,
    /// Facts about the whole of it: name and value.
    pub facts: Vec<(String, String)>,
    /// A sentence that stands out, and whether it says that all is well.
    pub verdict: Option<(String, bool)>,
    /// What is to be known before reading it.
    pub notes: Vec<String>,
    /// Its tables.
    pub sections: Vec<Section>,
    /// What stands at its end.
    pub foot: String,
}

impl Page {
    /// The page as HTML.
    pub fn html(&self) -> String {
        let page = html! {
            (DOCTYPE)
            html lang=(self.language) {
                head {
                    meta charset="utf-8";
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    // Nothing is fetched or run, whatever a text may say.
                    meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'";
                    title { (self.title) }
                    style { (PreEscaped(STYLE)) }
                }
                body class=[self.is_wide.then_some("wide")] {
                    header {
                        h1 { (self.title) }
                        dl { @for (name, value) in self.facts.iter().filter(|(_, value)| !value.is_empty()) { div { dt { (name) } dd { (value) } } } }
                        @if let Some((text, good)) = &self.verdict {
                            p class=(if *good { "verdict good" } else { "verdict" }) { (text) }
                        }
                        @for note in &self.notes { p.note { (note) } }
                    }
                    main { @for section in &self.sections { (section.markup()) } }
                    footer { p { (self.foot) } }
                }
            }
        };
        page.into_string()
    }
}

impl Section {
    fn markup(&self) -> Markup {
        let shown = self.rows.len().min(ROWS_AT_MOST);
        let sums_from = self.rows.len().saturating_sub(self.sums);
        html! {
            section {
                h2 { (self.title) }
                @if !self.note.is_empty() { p.note { (self.note) } }
                @if self.rows.is_empty() { p.empty { (self.empty) } } @else {
                    table {
                        caption { (self.title) }
                        thead { tr { @for it in &self.columns { (it.markup()) } } }
                        tbody {
                            @for (place, row) in self.rows.iter().take(shown).enumerate() { (self.row(row, place >= sums_from)) }
                        }
                    }
                    @if shown < self.rows.len() { p.note { (self.cut) " " (self.rows.len() - shown) } }
                }
            }
        }
    }

    fn row(&self, row: &[String], is_sum: bool) -> Markup {
        let class = |place: usize| self.columns.get(place).and_then(Heading::class);
        html! {
            tr class=[is_sum.then_some("sum")] {
                @for (place, cell) in row.iter().enumerate() {
                    @if place == 0 { th scope="row" { (cell) } }
                    @else { td class=[class(place)] { (cell) } }
                }
            }
        }
    }
}

impl Heading {
    fn markup(&self) -> Markup {
        html! { th scope="col" class=[self.class()] { (self.text) } }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_document_wrote_is_escaped() {
        let evil = "</td><script>alert(1)</script>&\"'";
        let section = Section {
            title: evil.into(),
            columns: vec![Heading::text(evil), Heading::number("n")],
            rows: vec![vec![evil.into(), evil.into()]],
            ..Section::default()
        };
        let page = Page { title: evil.into(), facts: vec![(evil.into(), evil.into())], sections: vec![section], ..Page::default() };
        let html = page.html();
        assert!(!html.contains("<script") && html.contains("&lt;script&gt;"), "{html}");
        assert!(html.contains("scope=\"col\"") && html.contains("scope=\"row\"") && html.contains("<caption>"));
    }

    #[test]
    fn a_long_table_says_what_it_leaves_out() {
        let rows = vec![vec!["x".to_owned()]; ROWS_AT_MOST + 7];
        let section = Section { columns: vec![Heading::text("x")], rows, cut: "y más:".into(), ..Section::default() };
        let html = Page { sections: vec![section], ..Page::default() }.html();
        assert_eq!(html.matches("<tr>").count(), ROWS_AT_MOST + 1);
        assert!(html.contains("y más: 7"));
    }
}
