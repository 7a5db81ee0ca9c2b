//! `docs/coverage.md`, made from what the tests of a passing run said that they cover.
//!
//! Each claim is a line of a file that `fedatario_testkit::coverage` wrote; what has to be covered is in
//! [`coverage_plan`](crate::coverage_plan) and [`coverage_promises`](crate::coverage_promises). A promise without a claim and a cell without a test
//! are empty in the document, and an empty cell fails `tidy`.

use crate::coverage_plan::{Bullet, MATRICES, Matrix, PORTS, Rows};
use crate::coverage_promises::BULLETS;
use crate::repository::Repository;
use anyhow::{Context, bail};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::Path;
use std::process::ExitCode;

/// Where the document lies.
pub const DOCUMENT: &str = "docs/coverage.md";

/// How a matrix is named in a claim that a cell cannot be covered.
const APART: &str = " n/a";

/// Modules of tests that stand behind something.
type Modules = BTreeSet<String>;

/// Matrix, row, column.
type Cell = (String, String, String);

/// What the tests said.
#[derive(Default)]
struct Claims {
    sentences: BTreeMap<String, Modules>,
    cells: BTreeMap<Cell, Modules>,
    apart: BTreeMap<Cell, String>,
}

/// Writes the document, and tells what is not covered.
pub fn write(repository: &Repository, from: &Path) -> anyhow::Result<ExitCode> {
    let claims = read(from)?;
    let text = document(repository, &claims)?;
    repository.write(DOCUMENT, &text)?;
    println!("{DOCUMENT} written");
    unclaimed(&claims).iter().for_each(|it| println!("no claim begins with: {it}"));
    Ok(tell(&text))
}

/// Compares the document with what the tests said.
pub fn check(repository: &Repository, from: &Path) -> anyhow::Result<ExitCode> {
    let text = document(repository, &read(from)?)?;
    let written = repository.read(DOCUMENT).unwrap_or_default();
    let told = tell(&text);
    if written == text {
        return Ok(told);
    }
    for line in text.lines().filter(|it| !written.lines().any(|other| other == *it)) {
        println!("+ {line}");
    }
    for line in written.lines().filter(|it| !text.lines().any(|other| other == *it)) {
        println!("- {line}");
    }
    println!("{DOCUMENT} is stale: scripts/test --write makes it anew");
    Ok(ExitCode::FAILURE)
}

/// Openings that the plan knows and no test used: no gap by themselves, but worth a look.
fn unclaimed(claims: &Claims) -> BTreeSet<&'static str> {
    let openings = BULLETS.iter().flat_map(|it| it.claims.iter().copied());
    openings.filter(|opening| !claims.sentences.keys().any(|it| it.starts_with(opening))).collect()
}

fn tell(text: &str) -> ExitCode {
    let gaps = gaps_of(text);
    gaps.iter().for_each(|it| println!("not covered: {it}"));
    if gaps.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Empty cells of the document as it is committed.
pub fn gaps(repository: &Repository) -> anyhow::Result<Vec<String>> {
    let Ok(text) = repository.read(DOCUMENT) else {
        return Ok(vec![format!("{DOCUMENT}: missing (scripts/test --write makes it)")]);
    };
    Ok(gaps_of(&text).into_iter().map(|it| format!("{DOCUMENT}: empty cell: {it}")).collect())
}

fn gaps_of(text: &str) -> Vec<String> {
    let is_row = |it: &&str| it.starts_with('|') && it.ends_with('|') && it.len() > 1;
    let is_empty = |it: &str| it[1..it.len() - 1].replace("\\|", "").split('|').any(|cell| cell.trim().is_empty());
    text.lines().filter(is_row).filter(|it| is_empty(it)).map(str::to_owned).collect()
}

fn read(folder: &Path) -> anyhow::Result<Claims> {
    let mut claims = Claims::default();
    for entry in std::fs::read_dir(folder).with_context(|| format!("looking into {}", folder.display()))? {
        let path = entry?.path();
        let text = std::fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
        text.lines().try_for_each(|it| claims.take(it)).with_context(|| format!("in {}", path.display()))?;
    }
    Ok(claims)
}

impl Claims {
    fn take(&mut self, line: &str) -> anyhow::Result<()> {
        match line.split('\t').collect::<Vec<_>>().as_slice() {
            ["bullet", sentence, module] => {
                self.sentences.entry((*sentence).to_owned()).or_default().insert(short(module));
            }
            ["cell", matrix, row, column, module] => match matrix.strip_suffix(APART) {
                None => {
                    let cell = ((*matrix).to_owned(), (*row).to_owned(), (*column).to_owned());
                    self.cells.entry(cell).or_default().insert(short(module));
                }
                Some(matrix) => {
                    let (row, reason) = row.split_once(": ").with_context(|| format!("no reason in `{row}`"))?;
                    self.apart.insert((matrix.to_owned(), row.to_owned(), (*column).to_owned()), reason.to_owned());
                }
            },
            ["skipped", _] => {}
            _ => bail!("not a claim: {line}"),
        }
        Ok(())
    }

    /// Rows that were claimed for a matrix, beyond those that it must have.
    fn rows_of(&self, matrix: &str) -> BTreeSet<&str> {
        let cells = self.cells.keys().chain(self.apart.keys());
        cells.filter(|it| it.0 == matrix).map(|it| it.1.as_str()).collect()
    }
}

/// A module as people look for it: without the prefix of the workspace and the name of test modules.
fn short(module: &str) -> String {
    let module = module.strip_prefix("fedatario_").or_else(|| module.strip_prefix("fedatario-")).unwrap_or(module);
    module.strip_suffix("::tests").unwrap_or(module).to_owned()
}

fn document(repository: &Repository, claims: &Claims) -> anyhow::Result<String> {
    let mut text = "# What the tests cover\n\n\
        Made by `scripts/test --write` from what the tests of a passing run say that they cover; not to be edited.\n\
        An empty cell is something that is not proven, and fails `xtask tidy`.\n"
        .to_owned();
    let mut section = "";
    for bullet in BULLETS {
        if bullet.section != section {
            section = bullet.section;
            let _ = write!(text, "\n## {section}\n\n| Promise | Covered by |\n| --- | --- |\n");
        }
        let _ = writeln!(text, "| {} | {} |", escaped(bullet.text), covered_by(bullet, claims));
    }
    for matrix in MATRICES {
        text.push_str(&table(repository, matrix, claims)?);
    }
    for name in unplanned(claims) {
        let matrix = Matrix { name: "", columns: &[], rows: Rows::Named(&[]), apart: &[] };
        text.push_str(&listed(&matrix, &name, claims));
    }
    text.push_str(&others(claims));
    Ok(text)
}

/// The claims of a bullet, each with its tests.
fn covered_by(bullet: &Bullet, claims: &Claims) -> String {
    let of_it = |it: &&String| bullet.claims.iter().any(|opening| it.starts_with(opening));
    let sentences = claims.sentences.keys().filter(of_it);
    let parts: Vec<String> = sentences.map(|it| format!("{} ({})", escaped(it), code(&claims.sentences[it]))).collect();
    parts.join("<br>")
}

/// Claims that no bullet asks for: nothing that is proven gets lost.
fn others(claims: &Claims) -> String {
    let asked = |it: &String| BULLETS.iter().flat_map(|bullet| bullet.claims).any(|opening| it.starts_with(opening));
    let rest: Vec<&String> = claims.sentences.keys().filter(|it| !asked(it)).collect();
    if rest.is_empty() {
        return String::new();
    }
    let mut text = "\n## Beyond that\n\n| Claim | Covered by |\n| --- | --- |\n".to_owned();
    for it in rest {
        let _ = writeln!(text, "| {} | {} |", escaped(it), code(&claims.sentences[it]));
    }
    text
}

fn unplanned(claims: &Claims) -> BTreeSet<String> {
    let is_planned = |it: &str| MATRICES.iter().any(|matrix| matrix.name == it);
    claims.cells.keys().map(|it| it.0.clone()).filter(|it| !is_planned(it)).collect()
}

fn table(repository: &Repository, matrix: &Matrix, claims: &Claims) -> anyhow::Result<String> {
    if matrix.columns.is_empty() {
        return Ok(listed(matrix, matrix.name, claims));
    }
    let mut text = format!("\n## {}\n\n| {} |", title(matrix.name), matrix.name.split(" x ").next().unwrap_or_default());
    matrix.columns.iter().for_each(|it| text.push_str(&format!(" {it} |")));
    text.push_str(&format!("\n|{}\n", " --- |".repeat(matrix.columns.len() + 1)));
    for row in rows(repository, matrix, claims)? {
        let _ = write!(text, "| {} |", escaped(&row));
        for column in matrix.columns {
            let _ = write!(text, " {} |", cell(matrix, &row, column, claims));
        }
        text.push('\n');
    }
    Ok(text)
}

/// A matrix whose rows name their one column.
fn listed(matrix: &Matrix, name: &str, claims: &Claims) -> String {
    let mut parts = name.split(" x ");
    let (row, column) = (parts.next().unwrap_or_default(), parts.next().unwrap_or("outcome"));
    let mut text = format!("\n## {}\n\n| {row} | {column} | covered by |\n| --- | --- | --- |\n", title(name));
    let cells: Vec<(&Cell, &Modules)> = claims.cells.iter().filter(|(it, _)| it.0 == name).collect();
    for ((_, row, column), modules) in &cells {
        let _ = writeln!(text, "| {} | {} | {} |", escaped(row), escaped(column), code(modules));
    }
    text.push_str(&missing(matrix, cells.len(), 2));
    text
}

/// One empty row for all that a count asks for and nobody claimed.
fn missing(matrix: &Matrix, have: usize, columns: usize) -> String {
    match matrix.rows {
        Rows::AtLeast(least) if have < least => format!("| {} more |{}\n", least - have, "  |".repeat(columns)),
        Rows::AtLeast(_) | Rows::Named(_) | Rows::Methods => String::new(),
    }
}

fn rows(repository: &Repository, matrix: &Matrix, claims: &Claims) -> anyhow::Result<Vec<String>> {
    let mut rows: Vec<String> = match matrix.rows {
        Rows::Named(rows) => rows.iter().map(|it| (*it).to_owned()).collect(),
        Rows::Methods => methods(repository)?,
        Rows::AtLeast(_) => Vec::new(),
    };
    for row in claims.rows_of(matrix.name) {
        if !rows.iter().any(|it| it == row) {
            rows.push(row.to_owned());
        }
    }
    if let Rows::AtLeast(least) = matrix.rows {
        rows.extend((rows.len()..least).map(|it| format!("file {}", it + 1)));
    }
    Ok(rows)
}

fn cell(matrix: &Matrix, row: &str, column: &str, claims: &Claims) -> String {
    let place = (matrix.name.to_owned(), row.to_owned(), column.to_owned());
    if let Some(modules) = claims.cells.get(&place) {
        return code(modules);
    }
    if let Some(word) = word_of(&place, claims) {
        return escaped(word);
    }
    let said = claims.apart.get(&place).map(String::as_str);
    let planned = matrix.apart.iter().find(|it| (it.0, it.1) == (row, column)).map(|it| it.2);
    said.or(planned).map_or(String::new(), |it| format!("n/a: {}", escaped(it)))
}

/// What a test found there, where that is a word of its own: it claims the column as `column: word`.
fn word_of<'a>(place: &Cell, claims: &'a Claims) -> Option<&'a str> {
    let of_row = claims.cells.range((place.0.clone(), place.1.clone(), place.2.clone())..).map(|it| it.0);
    let mut of_row = of_row.take_while(|it| (&it.0, &it.1) == (&place.0, &place.1));
    of_row.find_map(|it| it.2.strip_prefix(place.2.as_str())?.strip_prefix(": "))
}

/// `Trait::method` of every port that the database implements.
fn methods(repository: &Repository) -> anyhow::Result<Vec<String>> {
    let mut found = Vec::new();
    for (file, traits) in PORTS {
        let source = repository.read(file)?;
        for name in *traits {
            let methods = methods_of(&source, name).with_context(|| format!("{file}: no trait {name}"))?;
            found.extend(methods.into_iter().map(|it| format!("{name}::{it}")));
        }
    }
    Ok(found)
}

/// The methods of a trait in formatted source: those that are indented once, up to its closing brace.
fn methods_of<'a>(source: &'a str, name: &str) -> Option<Vec<&'a str>> {
    let opening = format!("pub trait {name}");
    let lines = source.lines().skip_while(|it| !it.strip_prefix(&opening).is_some_and(|it| it.starts_with([':', ' '])));
    let body: Vec<&str> = lines.skip(1).take_while(|it| *it != "}").collect();
    let method = |it: &&'a str| it.strip_prefix("    async fn ").or_else(|| it.strip_prefix("    fn "));
    let names = body.iter().filter_map(method).filter_map(|it| it.split(['(', '<']).next()).collect::<Vec<_>>();
    (!names.is_empty()).then_some(names)
}

fn title(name: &str) -> String {
    let mut letters = name.replace(" x ", " × ");
    if let Some(first) = letters.get_mut(0..1) {
        first.make_ascii_uppercase();
    }
    letters
}

fn code(modules: &Modules) -> String {
    modules.iter().map(|it| format!("`{it}`")).collect::<Vec<_>>().join(", ")
}

fn escaped(text: &str) -> String {
    text.replace('|', "\\|")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claims(lines: &[&str]) -> Claims {
        let mut claims = Claims::default();
        lines.iter().for_each(|it| claims.take(it).expect("a claim"));
        claims
    }

    const MATRIX: Matrix = Matrix {
        name: "colour x shape",
        columns: &["round", "square"],
        rows: Rows::Named(&["red", "blue"]),
        apart: &[("blue", "square", "there is none")],
    };

    fn here(claims: &Claims) -> String {
        table(&Repository::here(), &MATRIX, claims).expect("a table")
    }

    #[test]
    fn cells_are_filled_by_claims_or_by_a_reason() {
        let full = claims(&[
            "cell\tcolour x shape\tred\tround\tfedatario_a::b::tests",
            "cell\tcolour x shape\tred\tround\tc",
            "cell\tcolour x shape n/a\tred: too | pale\tsquare\tc",
            "cell\tcolour x shape\tblue\tround\tc",
            "cell\tcolour x shape\tgreen\tround: as a ball\tc",
            "cell\tcolour x shape n/a\tgreen: too pale\tsquare\tc",
            "skipped\tthat",
        ]);
        let text = here(&full);
        assert!(text.contains("| green | as a ball | n/a: too pale |\n"), "{text}");
        assert!(text.contains("| red | `a::b`, `c` | n/a: too \\| pale |\n"), "{text}");
        assert!(text.contains("| blue | `c` | n/a: there is none |\n"), "{text}");
        assert!(gaps_of(&text).is_empty(), "{text}");
    }

    #[test]
    fn a_cell_without_a_test_is_a_gap() {
        let text = here(&claims(&["cell\tcolour x shape\tgreen\tround\tc"]));
        let gaps = gaps_of(&text);
        assert_eq!(gaps.len(), 3, "{text}");
        assert!(
            gaps.iter().any(|it| it.starts_with("| green | `c` |")),
            "a row that nobody planned is held to its columns: {text}"
        );
        fedatario_testkit::covers!(
            "coverage: a cell without a test and a promise without a claim are empty, and an empty cell is found"
        );
    }

    #[test]
    fn a_promise_without_a_claim_is_a_gap_and_a_claim_without_a_promise_is_kept() {
        let bullet = Bullet { section: "S", text: "sings", claims: &["song:"] };
        assert_eq!(covered_by(&bullet, &claims(&["bullet\tdance: well\tc"])), "");
        let two = claims(&["bullet\tsong: high\tc", "bullet\tsong: low\tfedatario_d"]);
        assert_eq!(covered_by(&bullet, &two), "song: high (`c`)<br>song: low (`d`)");
        assert!(others(&claims(&["bullet\tno-such-line: x\tc"])).contains("| no-such-line: x | `c` |"));
    }

    #[test]
    fn what_is_no_claim_is_refused() {
        for line in ["", "bullet\talone", "cell\ta\tb\tc", "cell\ta n/a\tno reason\tc\td", "other\tx\ty"] {
            assert!(Claims::default().take(line).is_err(), "{line}");
        }
    }

    #[test]
    fn methods_of_a_port_are_its_own() {
        let source = "pub trait AB: Send {\n    fn no(&self);\n}\npub trait A: Send + Sync {\n    /// Says.\n    async fn one(&self);\n    fn two<T>(\n        &self,\n    ) -> T;\n}\n";
        assert_eq!(methods_of(source, "A"), Some(vec!["one", "two"]));
        assert_eq!(methods_of(source, "B"), None);
        assert!(methods(&Repository::here()).expect("ports").contains(&"Solicitudes::update_solicitud".to_owned()));
    }

    #[test]
    fn a_count_of_files_leaves_a_gap_for_each_that_lacks() {
        let matrix = Matrix { name: "file x mode", columns: &["on"], rows: Rows::AtLeast(2), apart: &[] };
        let text = table(&Repository::here(), &matrix, &claims(&["cell\tfile x mode\ta.xml\ton\tc"])).expect("a table");
        assert_eq!(gaps_of(&text).len(), 1, "{text}");
        let list = Matrix { columns: &[], ..matrix };
        assert_eq!(gaps_of(&listed(&list, list.name, &claims(&[]))).len(), 1);
    }
}
