//! The list of article 69-B: who bills operations that did not happen (EFOS), as SAT publishes it.
//!
//! A CSV of some ten thousand lines, made by hand: a notice, a title and the names of columns stand
//! before the rows (or do not), values hold commas, quotes and line breaks, the code page is an old
//! one. Reads it one row at a time, bounded in every dimension; a row without an RFC is counted and
//! passed over, since some are blacked out by court order. What a situation means is said here,
//! who is affected by it elsewhere.

use super::encoding::{BOM, decode_line};
use super::rfc::Rfc;
use fedatario_base::Code;
use jiff::civil::Date;
use std::io::{BufRead, BufReader, Read};

/// Bytes of a list. The complete one has about four million; its bound leaves room for decades.
pub const MAX_LIST_BYTES: u64 = 100 * 1024 * 1024;
/// Bytes of one row: names, and a dozen office numbers with their dates.
pub const MAX_ROW_BYTES: usize = 64 * 1024;
/// Columns of one row. SAT writes some twenty.
const MAX_COLUMNS: usize = 256;
/// Rows before the first one with an RFC: a notice, a title, names of columns, blank ones.
const MAX_PREAMBLE: usize = 50;
/// Characters of a name or a situation that are kept.
const MAX_CHARS: usize = 500;
/// Where the columns are when no row names them.
const USUAL: Columns = Columns { rfc: 1, name: 2, situation: 3 };

/// How somebody stands on the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Situation {
    /// Presumed: may still prove the contrary.
    Presunto,
    /// Proved the contrary.
    Desvirtuado,
    /// Final.
    Definitivo,
    /// A court decided in favour.
    SentenciaFavorable,
    /// Anything else, as written. Taken neither for good nor for bad.
    Unknown(String),
}

impl Situation {
    /// Reads what the list says, by its first word and whatever the case.
    pub fn parse(text: &str) -> Self {
        let word: String = text.trim().chars().take_while(|it| it.is_alphabetic()).flat_map(char::to_lowercase).collect();
        match word.as_str() {
            "presunto" | "presuntos" => Situation::Presunto,
            "desvirtuado" | "desvirtuados" => Situation::Desvirtuado,
            "definitivo" | "definitivos" => Situation::Definitivo,
            "sentencia" | "sentencias" => Situation::SentenciaFavorable,
            _ => Situation::Unknown(kept(text)),
        }
    }

    /// Its name, as the list writes it.
    pub fn text(&self) -> &str {
        match self {
            Situation::Presunto => "Presunto",
            Situation::Desvirtuado => "Desvirtuado",
            Situation::Definitivo => "Definitivo",
            Situation::SentenciaFavorable => "Sentencia Favorable",
            Situation::Unknown(text) => text,
        }
    }

    /// Whether dealing with such a one has to be looked at.
    pub fn is_finding(&self) -> bool {
        matches!(self, Situation::Presunto | Situation::Definitivo)
    }
}

/// A row of the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Who.
    pub rfc: Rfc,
    /// The name, as written.
    pub name: String,
    /// How they stand.
    pub situation: Situation,
}

/// Why a list cannot be read on.
#[derive(Debug, thiserror::Error)]
pub enum ListError {
    /// More than [`MAX_LIST_BYTES`].
    #[error("the list is over its bound of {MAX_LIST_BYTES} bytes")]
    TooLarge,
    /// A row of more than [`MAX_ROW_BYTES`], or a quote that never ends.
    #[error("row {0} of the list is over its bound of {MAX_ROW_BYTES} bytes")]
    Row(u64),
    /// No row with an RFC where one must be: a page of a server, or another file.
    #[error("this is no list of RFCs: none in its first {MAX_PREAMBLE} rows")]
    NoList,
    /// The bytes stopped coming.
    #[error("the list could not be read: {0}")]
    Io(#[from] std::io::Error),
}

impl ListError {
    /// The entry of the table of codes.
    pub fn code(&self) -> Code {
        match self {
            ListError::TooLarge | ListError::Row(_) | ListError::NoList => Code::EfosListFormat,
            ListError::Io(_) => Code::BlobUnavailable,
        }
    }
}

#[derive(Debug, Clone, Copy)]
struct Columns {
    rfc: usize,
    name: usize,
    situation: usize,
}

/// The rows of a list, one at a time.
pub struct ListReader<R> {
    bytes: BufReader<std::io::Take<R>>,
    columns: Columns,
    date: Option<Date>,
    /// Rows read so far.
    rows: u64,
    /// Rows with an RFC.
    listed: u64,
    /// Rows of the list without an RFC.
    passed_over: u64,
    over: bool,
}

impl<R: Read> ListReader<R> {
    /// A reader over the bytes as published.
    pub fn new(bytes: R) -> Self {
        Self::within(bytes, MAX_LIST_BYTES)
    }

    fn within(bytes: R, limit: u64) -> Self {
        // One more than allowed, so that a list which ends exactly there is not refused.
        let bytes = BufReader::new(bytes.take(limit + 1));
        Self { bytes, columns: USUAL, date: None, rows: 0, listed: 0, passed_over: 0, over: false }
    }

    /// The day as of which the list speaks, when its notice says so; known once a row was read.
    pub fn date(&self) -> Option<Date> {
        self.date
    }

    /// Rows among those with an RFC that have none.
    pub fn passed_over(&self) -> u64 {
        self.passed_over
    }

    /// The next row with an RFC; `None` at the end.
    pub fn next_listed(&mut self) -> Result<Option<Listed>, ListError> {
        while !self.over {
            let Some(row) = self.row()? else {
                self.over = true;
                return if self.listed == 0 { Err(ListError::NoList) } else { Ok(None) };
            };
            if let Some(listed) = self.listed(&row) {
                self.listed += 1;
                return Ok(Some(listed));
            }
            self.other(&row)?;
        }
        Ok(None)
    }

    fn listed(&self, row: &[String]) -> Option<Listed> {
        let cell = |at: usize| row.get(at).map(String::as_str).unwrap_or_default();
        let rfc = Rfc::parse_lenient(cell(self.columns.rfc)).ok()?;
        Some(Listed { rfc, name: kept(cell(self.columns.name)), situation: Situation::parse(cell(self.columns.situation)) })
    }

    /// A row without an RFC: before the first of them it may say where the columns are.
    fn other(&mut self, row: &[String]) -> Result<(), ListError> {
        if row.iter().all(|it| it.trim().is_empty()) {
            return Ok(());
        }
        if self.listed > 0 {
            self.passed_over += 1;
            return Ok(());
        }
        if self.rows > MAX_PREAMBLE as u64 {
            return Err(ListError::NoList);
        }
        if let Some(columns) = named(row) {
            self.columns = columns;
        }
        self.date = self.date.or_else(|| row.iter().find_map(|it| date_in(it)));
        Ok(())
    }

    /// One record, whose quoted values may hold line breaks.
    fn row(&mut self) -> Result<Option<Vec<String>>, ListError> {
        let mut raw = Vec::new();
        loop {
            let room = (MAX_ROW_BYTES - raw.len()) as u64 + 1;
            let read = (&mut self.bytes).take(room).read_until(b'\n', &mut raw)?;
            if self.bytes.get_ref().limit() == 0 && self.bytes.buffer().is_empty() {
                return Err(ListError::TooLarge);
            }
            if raw.len() > MAX_ROW_BYTES {
                return Err(ListError::Row(self.rows + 1));
            }
            let open = raw.iter().filter(|it| **it == b'"').count() % 2 == 1;
            if read == 0 || !open {
                break;
            }
        }
        if raw.is_empty() {
            return Ok(None);
        }
        self.rows += 1;
        let raw = if self.rows == 1 { raw.strip_prefix(BOM).unwrap_or(&raw) } else { &raw };
        Ok(Some(cells(&decode_line(raw).0)))
    }
}

/// The cells of a record: quotes around a cell fall away, doubled ones inside become one.
fn cells(record: &str) -> Vec<String> {
    let record = record.trim_end_matches(['\r', '\n']);
    let mut cells = vec![String::new()];
    let mut quoted = false;
    let mut chars = record.chars().peekable();
    while let Some(it) = chars.next() {
        let last = cells.len() - 1;
        match it {
            '"' if quoted && chars.peek() == Some(&'"') => {
                chars.next();
                cells[last].push('"');
            }
            '"' => quoted = !quoted,
            ',' if !quoted && cells.len() < MAX_COLUMNS => cells.push(String::new()),
            other => cells[last].push(other),
        }
    }
    cells
}

/// Where the columns are, if this row names them.
fn named(row: &[String]) -> Option<Columns> {
    let at = |is: &dyn Fn(&str) -> bool| row.iter().position(|it| is(&it.trim().to_lowercase()));
    Some(Columns {
        rfc: at(&|it| it == "rfc")?,
        name: at(&|it| it.starts_with("nombre")).unwrap_or(USUAL.name),
        situation: at(&|it| it.starts_with("situaci")).unwrap_or(USUAL.situation),
    })
}

const MONTHS: [&str; 12] =
    ["enero", "febrero", "marzo", "abril", "mayo", "junio", "julio", "agosto", "septiembre", "octubre", "noviembre", "diciembre"];

/// A day in words, as in “actualizada al 30 de septiembre de 2026”.
fn date_in(text: &str) -> Option<Date> {
    let text = text.to_lowercase();
    let words: Vec<&str> = text.split(|it: char| !it.is_alphanumeric()).filter(|it| !it.is_empty()).collect();
    words.windows(5).find_map(|it| {
        let [day, "de", month, "de" | "del", year] = it else { return None };
        let month = MONTHS.iter().position(|name| name == month)? + 1;
        Date::new(year.parse().ok()?, i8::try_from(month).ok()?, day.parse().ok()?).ok()
    })
}

fn kept(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    words.join(" ").chars().take(MAX_CHARS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    type Row = (&'static str, &'static str, &'static str);

    fn read(bytes: &[u8]) -> Result<(Vec<Listed>, Option<Date>, u64), ListError> {
        let mut reader = ListReader::new(bytes);
        let mut rows = Vec::new();
        while let Some(row) = reader.next_listed()? {
            rows.push(row);
        }
        Ok((rows, reader.date(), reader.passed_over()))
    }

    fn check(bytes: &[u8], expected: &[Row], date: Option<&str>, passed_over: u64) {
        let shown = String::from_utf8_lossy(bytes).into_owned();
        let (rows, found, passed) = read(bytes).unwrap_or_else(|error| panic!("{error}: {shown}"));
        let rows: Vec<_> = rows.iter().map(|it| (it.rfc.as_str(), it.name.as_str(), it.situation.text())).collect();
        assert_eq!((rows.as_slice(), found, passed), (expected, date.map(|it| it.parse().unwrap()), passed_over), "{shown}");
    }

    const HEAD: &str = "Información actualizada al 30 de septiembre de 2026,,,\nListado completo de contribuyentes (Artículo 69-B),,,\nNo.,RFC,Nombre del Contribuyente,Situación del contribuyente,Número y fecha\n";

    #[test]
    fn a_list_as_published_and_as_people_pass_it_on() {
        let rows =
            "1,AAA080808HL8,\"ASESORES EN \"\"AVALÚOS\"\", S.A.\",Sentencia Favorable,x\n2,ABA050421HN6,Ñandú & Cía,Definitivo,y\n";
        let two: &[Row] = &[
            ("AAA080808HL8", "ASESORES EN \"AVALÚOS\", S.A.", "Sentencia Favorable"),
            ("ABA050421HN6", "Ñandú & Cía", "Definitivo"),
        ];
        let date = Some("2026-09-30");
        let whole = format!("{HEAD}{rows}");
        check(whole.as_bytes(), two, date, 0);
        check(whole.replace('\n', "\r\n").as_bytes(), two, date, 0);
        check(whole.trim_end().as_bytes(), two, date, 0);
        check(format!("\u{feff}{whole}").as_bytes(), two, date, 0);
        // One byte a character, as SAT writes it.
        let latin: Vec<u8> = whole.chars().map(|it| u8::try_from(u32::from(it)).unwrap()).collect();
        check(&latin, two, date, 0);
        // Without the lines before the rows, and with more of them.
        check(rows.as_bytes(), two, None, 0);
        check(format!("\n\n{HEAD},,,\n\n{rows}").as_bytes(), two, date, 0);
        // Columns in another order, an RFC with Ñ and &, a value with a line break.
        let moved = "Situación,RFC,Nombre\nPresunto,ñ&a010101ab1,\"dos\nlíneas\"\n";
        check(moved.as_bytes(), &[("Ñ&A010101AB1", "dos líneas", "Presunto")], None, 0);
        // Blacked out by court order; a situation nobody knows.
        let masked = format!("{HEAD}{rows}3,XXXXXXXXXXXX,XXXX,Definitivo\n,,,\n4,BAD010101AB1,B,En trámite\n");
        let (three, unknown) = (two.len() + 1, ("BAD010101AB1", "B", "En trámite"));
        let mut expected = two.to_vec();
        expected.push(unknown);
        assert_eq!(expected.len(), three);
        check(masked.as_bytes(), &expected, date, 1);
        fedatario_testkit::covers!("69-B: code pages, quotes, missing and added lines, BOM and line breaks inside values");
    }

    #[test]
    fn situations_are_a_closed_set_and_the_rest_is_kept() {
        for (text, expected, finding) in [
            ("Presunto", Situation::Presunto, true),
            (" DEFINITIVO ", Situation::Definitivo, true),
            ("Definitivos", Situation::Definitivo, true),
            ("Desvirtuado", Situation::Desvirtuado, false),
            ("Sentencia Favorable", Situation::SentenciaFavorable, false),
            ("Otra cosa", Situation::Unknown("Otra cosa".into()), false),
            ("", Situation::Unknown(String::new()), false),
        ] {
            let found = Situation::parse(text);
            assert_eq!((found.is_finding(), found), (finding, expected), "{text}");
        }
    }

    #[test]
    fn what_is_no_list_is_refused_within_bounds() {
        for page in ["", "<html><body>Not found</body></html>\n", "a,b,c\n"] {
            assert!(matches!(read(page.as_bytes()), Err(ListError::NoList)), "{page}");
        }
        assert!(matches!(read("x\n".repeat(MAX_PREAMBLE + 2).as_bytes()), Err(ListError::NoList)));
        let endless = format!("1,AAA080808HL8,\"{}", "x\n".repeat(MAX_ROW_BYTES));
        assert!(matches!(read(endless.as_bytes()), Err(ListError::Row(1))));
        assert!(matches!(read("y".repeat(MAX_ROW_BYTES + 1).as_bytes()), Err(ListError::Row(1))));
        let rows = "1,AAA080808HL8,A,Definitivo\n".repeat(1_000);
        let count = |limit: usize| {
            let mut reader = ListReader::within(rows.as_bytes(), limit as u64);
            loop {
                match reader.next_listed() {
                    Ok(Some(_)) => {}
                    Ok(None) => break Ok(reader.listed),
                    Err(error) => break Err(error),
                }
            }
        };
        assert!(matches!(count(rows.len()), Ok(1_000)));
        assert!(matches!(count(rows.len() - 1), Err(ListError::TooLarge)));
        fedatario_testkit::covers!("69-B: no list, endless rows and lists above 100 MB are refused");
    }
}
