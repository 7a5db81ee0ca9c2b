//! A page of tables for a terminal.

use crate::present::Screen;
use fedatario_tables::{Page, Section};

/// A page for a terminal.
pub fn print(screen: &Screen, page: &Page) {
    screen.print(&page.title);
    page.facts.iter().for_each(|(name, value)| screen.print(&format!("{name} {value}")));
    page.verdict.iter().for_each(|(text, _)| screen.print(text));
    page.notes.iter().for_each(|it| screen.print(it));
    for section in page.sections.iter().filter(|it| !it.rows.is_empty()) {
        screen.print("");
        screen.print(&section.title);
        print_table(screen, section);
    }
}

fn print_table(screen: &Screen, section: &Section) {
    let head: Vec<String> = section.columns.iter().map(|it| it.text.clone()).collect();
    let width = |at: usize| {
        let all = section.rows.iter().chain([&head]);
        all.filter_map(|it| it.get(at)).map(|it| it.chars().count()).max().unwrap_or_default()
    };
    let widths: Vec<usize> = (0..head.len()).map(width).collect();
    for row in [&head].into_iter().chain(&section.rows) {
        let cell = |(at, text): (usize, &String)| {
            let (width, number) = (widths[at], section.columns[at].is_number);
            let text: String = text.chars().filter(|it| !it.is_control()).collect();
            if number { format!("{text:>width$}") } else { format!("{text:<width$}") }
        };
        screen.print(&format!("  {}", row.iter().enumerate().map(cell).collect::<Vec<_>>().join("  ").trim_end()));
    }
}
