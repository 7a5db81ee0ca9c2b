//! Metadata of the mass download, row by row: what exists, and what was cancelled.
//!
//! SAT's files have `~` between columns and neither quotes nor escapes; names hold line feeds and
//! even the separator. Columns are found by the names of the header, whatever their order. A row
//! that cannot be read is a [`RowProblem`] with its line; it never ends the file and is never
//! dropped in silence. Memory is one line, however long the file. What the rows mean for stored
//! documents is left to the caller.

use super::encoding::{BOM, decode_line};
use super::rfc::Rfc;
use super::time;
use super::uuid::FiscalUuid;
use fedatario_base::Code;
use jiff::civil::DateTime;
use rust_decimal::Decimal;
use std::io::{self, BufRead, BufReader, Read};

/// Bytes of one line, inner line feeds included; real ones stay below 1 KiB.
pub const MAX_LINE_BYTES: usize = 64 * 1024;
/// Bytes of one file; a million rows, SAT's maximum, are about 250 MiB.
pub const MAX_FILE_BYTES: u64 = 1024 * 1024 * 1024;
/// Columns of a header; today there are twelve.
pub const MAX_COLUMNS: usize = 64;
/// What stands between columns.
const SEPARATOR: char = '~';

/// Whether SAT has the document in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Estatus {
    /// `1`.
    Vigente,
    /// `0`.
    Cancelado,
    /// Anything else, kept as written: neither in force nor cancelled until somebody knows.
    Unknown(String),
}

impl Estatus {
    /// Reads SAT's digit or its word.
    pub fn parse(text: &str) -> Self {
        match text.trim() {
            "1" => Estatus::Vigente,
            "0" => Estatus::Cancelado,
            word if word.eq_ignore_ascii_case("vigente") => Estatus::Vigente,
            word if word.eq_ignore_ascii_case("cancelado") => Estatus::Cancelado,
            other => Estatus::Unknown(other.to_owned()),
        }
    }
}

/// What SAT says about one document.
#[derive(Debug, Clone, PartialEq)]
pub struct MetadataRow {
    /// Line of the file, the header being 1; inner line feeds do not count.
    pub line: u64,
    /// The folio.
    pub uuid: FiscalUuid,
    /// Tax id of the issuer, as written.
    pub issuer_rfc: String,
    /// Name of the issuer.
    pub issuer_name: String,
    /// Tax id of the receiver, as written; not always an RFC in retenciones.
    pub receiver_rfc: String,
    /// Name of the receiver.
    pub receiver_name: String,
    /// RFC of the PAC that certified it.
    pub pac_rfc: String,
    /// When it was issued, Mexican civil time.
    pub issued_at: DateTime,
    /// When it was certified.
    pub certified_at: Option<DateTime>,
    /// The amount, in the document's own currency.
    pub amount: Decimal,
    /// `I E T N P`; what retenciones have here is not documented.
    pub effect: String,
    /// In force or cancelled.
    pub estatus: Estatus,
    /// When it was cancelled, if SAT says so.
    pub cancelled_at: Option<DateTime>,
    /// Columns that are not known here: name and value.
    pub extra: Vec<(String, String)>,
    /// The row had to be mended: a separator inside a name, or bytes that were no UTF-8.
    pub mended: bool,
}

/// A document made on the account of somebody else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ThirdPartyRow {
    /// Line of the file, the header being 1.
    pub line: u64,
    /// The folio of the document.
    pub uuid: FiscalUuid,
    /// On whose account.
    pub rfc: String,
    /// The name.
    pub name: String,
}

/// Why a file is not metadata.
#[derive(Debug, thiserror::Error)]
pub enum MetadataError {
    /// The first line is not a header, or lacks what a row cannot do without.
    #[error("the file does not start with a header of {0}")]
    Header(&'static str),
    /// Reading failed.
    #[error("the file could not be read")]
    Io(#[from] io::Error),
}

impl MetadataError {
    /// The entry of the table of codes.
    pub fn code(&self) -> Code {
        match self {
            MetadataError::Header(_) => Code::MetadataFormat,
            MetadataError::Io(error) => code_of_io(error),
        }
    }
}

/// Why a row could not be read.
#[derive(Debug, thiserror::Error)]
pub enum RowProblem {
    /// More than [`MAX_LINE_BYTES`]; the reader goes on after it.
    #[error("line {line} is longer than {MAX_LINE_BYTES} bytes")]
    LineTooLong {
        /// Line of the file.
        line: u64,
    },
    /// Too few columns, or too many to say where they belong.
    #[error("line {line} has {found} columns where {expected} were announced")]
    Columns {
        /// Line of the file.
        line: u64,
        /// Columns of the row.
        found: usize,
        /// Columns of the header.
        expected: usize,
    },
    /// A value that cannot be what its column says.
    #[error("line {line}: the value of {column} cannot be read")]
    Value {
        /// Line of the file.
        line: u64,
        /// The column.
        column: &'static str,
    },
    /// More than [`MAX_FILE_BYTES`]; nothing follows.
    #[error("the file is longer than {MAX_FILE_BYTES} bytes")]
    FileTooLarge,
    /// Reading failed; nothing follows.
    #[error("the file could not be read")]
    Io(#[from] io::Error),
}

impl RowProblem {
    /// The entry of the table of codes.
    pub fn code(&self) -> Code {
        match self {
            RowProblem::LineTooLong { .. } => Code::LineTooLong,
            RowProblem::Columns { .. } | RowProblem::Value { .. } => Code::MetadataFormat,
            RowProblem::FileTooLarge => Code::ArchiveTooLarge,
            RowProblem::Io(error) => code_of_io(error),
        }
    }

    /// Whether the rest of the file cannot be read either.
    pub fn ends_file(&self) -> bool {
        matches!(self, RowProblem::FileTooLarge | RowProblem::Io(_))
    }
}

fn code_of_io(error: &io::Error) -> Code {
    super::package::ArchiveError::from_io(error).code()
}

/// Lines of a file, bounded, ended the way its first line is.
struct Lines<R> {
    inner: BufReader<R>,
    /// Whether only CR LF ends a line, so that bare line feeds belong to names.
    crlf: bool,
    line: u64,
    read: u64,
    max_file: u64,
    done: bool,
}

/// What came where a line was due.
enum Line {
    Text(String, bool),
    TooLong,
}

impl<R: Read> Lines<R> {
    /// Takes the first line, which decides how lines end. `None` when it is no line of text.
    fn open(inner: R, max_file: u64) -> io::Result<(Self, Option<String>)> {
        let inner = BufReader::with_capacity(MAX_LINE_BYTES, inner);
        let mut lines = Self { inner, crlf: false, line: 0, read: 0, max_file, done: false };
        let (bytes, fits) = lines.take_until_end()?;
        lines.crlf = bytes.ends_with(b"\r\n");
        let mut bytes = bytes.as_slice();
        while let Some(rest) = bytes.strip_prefix(BOM) {
            bytes = rest;
        }
        let (text, _) = decode_line(bytes);
        let text = text.trim_end_matches(['\r', '\n']).to_owned();
        Ok((lines, fits.then_some(text)))
    }

    /// The bytes up to the next end of line, and whether they fit; what does not fit is passed over.
    fn take_until_end(&mut self) -> io::Result<(Vec<u8>, bool)> {
        let (mut bytes, mut fits) = (Vec::new(), true);
        self.line += 1;
        loop {
            let room = (MAX_LINE_BYTES + 1 - bytes.len()) as u64;
            let read = self.inner.by_ref().take(room).read_until(b'\n', &mut bytes)?;
            self.read += read as u64;
            let ended = bytes.ends_with(if self.crlf { b"\r\n" } else { b"\n" });
            fits &= bytes.len() <= MAX_LINE_BYTES;
            if read == 0 || ended || self.read > self.max_file {
                return Ok((bytes, fits));
            }
            if !fits {
                // Only the last byte matters on: it may be the first half of a CR LF.
                bytes.drain(..bytes.len() - 1);
            }
        }
    }

    /// The next line that is not blank, without its end and without line feeds inside.
    fn next_line(&mut self) -> Option<Result<Line, RowProblem>> {
        while !self.done {
            let (bytes, fits) = match self.take_until_end() {
                Err(error) => return self.last(error.into()),
                Ok(_) if self.read > self.max_file => return self.last(RowProblem::FileTooLarge),
                Ok(taken) => taken,
            };
            if !fits {
                return Some(Ok(Line::TooLong));
            }
            self.done = bytes.is_empty();
            let (text, recoded) = decode_line(&bytes);
            let text = text.trim_end_matches(['\r', '\n']);
            if !text.trim().is_empty() {
                return Some(Ok(Line::Text(text.replace('\n', ""), recoded)));
            }
        }
        None
    }

    fn last<T>(&mut self, problem: RowProblem) -> Option<Result<T, RowProblem>> {
        self.done = true;
        Some(Err(problem))
    }
}

/// The columns of a metadata file, in the order of its header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Column {
    Uuid,
    IssuerRfc,
    IssuerName,
    ReceiverRfc,
    ReceiverName,
    PacRfc,
    Issued,
    Certified,
    Amount,
    Effect,
    Estatus,
    Cancelled,
    Other,
}

/// Names of the header, with the ones that SAT has used since 2026.
const COLUMNS: &[(&str, Column)] = &[
    ("Uuid", Column::Uuid),
    ("RfcEmisor", Column::IssuerRfc),
    ("NombreEmisor", Column::IssuerName),
    ("RfcReceptor", Column::ReceiverRfc),
    ("NombreReceptor", Column::ReceiverName),
    ("RfcPac", Column::PacRfc),
    ("PacCertifico", Column::PacRfc),
    ("FechaEmision", Column::Issued),
    ("FechaCertificacionSat", Column::Certified),
    ("Monto", Column::Amount),
    ("MontoTotal", Column::Amount),
    ("EfectoComprobante", Column::Effect),
    ("Estatus", Column::Estatus),
    ("FechaCancelacion", Column::Cancelled),
];

/// Without these a row says nothing.
const NEEDED: [Column; 5] = [Column::Uuid, Column::IssuerRfc, Column::ReceiverRfc, Column::Issued, Column::Estatus];

/// A header of metadata.
struct Header {
    names: Vec<String>,
    columns: Vec<Column>,
}

impl Header {
    fn read(text: &str) -> Option<Self> {
        let names: Vec<String> = text.split(SEPARATOR).take(MAX_COLUMNS + 1).map(|it| it.trim().to_owned()).collect();
        let known = |name: &String| COLUMNS.iter().find(|(it, _)| it.eq_ignore_ascii_case(name)).map_or(Column::Other, |it| it.1);
        let columns: Vec<Column> = names.iter().map(known).collect();
        let repeated = COLUMNS.iter().any(|(_, it)| columns.iter().filter(|other| *other == it).count() > 1);
        let complete = NEEDED.iter().all(|it| columns.contains(it));
        (names.len() <= MAX_COLUMNS && complete && !repeated).then_some(Self { names, columns })
    }

    /// The pieces of a row, one for each column, and whether the row had to be mended.
    fn fit(&self, text: &str, line: u64) -> Result<(Vec<String>, bool), RowProblem> {
        let mut pieces: Vec<String> = text.split(SEPARATOR).map(str::to_owned).collect();
        let (found, expected) = (pieces.len(), self.columns.len());
        let problem = || RowProblem::Columns { line, found, expected };
        if found + 1 == expected {
            pieces.push(String::new()); // The last column may lack its separator.
        } else if found > expected {
            return self.mend(&pieces).map(|it| (it, true)).ok_or_else(problem);
        } else if found < expected {
            return Err(problem());
        }
        Ok((pieces, false))
    }

    /// Puts a name that holds the separator together again: what lies left and right of the names
    /// is fixed, and the receiver's RFC between them shows where one name ends.
    fn mend(&self, pieces: &[String]) -> Option<Vec<String>> {
        let names = [Column::IssuerName, Column::ReceiverRfc, Column::ReceiverName];
        let at = self.columns.windows(names.len()).position(|it| it == names)?;
        let right = self.columns.len() - at - names.len();
        let middle = pieces.get(at..pieces.len().checked_sub(right)?)?;
        let is_rfc = |it: &usize| middle[*it].parse::<Rfc>().is_ok();
        let rfc = (1..middle.len() - 1).find(is_rfc)?;
        let glue = |pieces: &[String]| pieces.join("~");
        let middle = [glue(&middle[..rfc]), middle[rfc].clone(), glue(&middle[rfc + 1..])];
        Some([&pieces[..at], &middle, &pieces[pieces.len() - right..]].concat())
    }

    fn row(&self, text: &str, line: u64, recoded: bool) -> Result<MetadataRow, RowProblem> {
        let (values, mended) = self.fit(text, line)?;
        let value = |column: Column| self.columns.iter().position(|it| *it == column).map_or("", |it| values[it].trim());
        let wrong = |column| move || RowProblem::Value { line, column };
        let date = |column: Column| Some(value(column)).filter(|it| !it.is_empty()).map(time::parse);
        Ok(MetadataRow {
            line,
            uuid: value(Column::Uuid).parse().map_err(|_| wrong("Uuid")())?,
            issuer_rfc: value(Column::IssuerRfc).to_owned(),
            issuer_name: value(Column::IssuerName).to_owned(),
            receiver_rfc: value(Column::ReceiverRfc).to_owned(),
            receiver_name: value(Column::ReceiverName).to_owned(),
            pac_rfc: value(Column::PacRfc).to_owned(),
            issued_at: date(Column::Issued).flatten().ok_or_else(wrong("FechaEmision"))?,
            certified_at: date(Column::Certified).map(|it| it.ok_or_else(wrong("FechaCertificacionSat"))).transpose()?,
            amount: amount(value(Column::Amount)).ok_or_else(wrong("Monto"))?,
            effect: value(Column::Effect).to_owned(),
            estatus: Estatus::parse(value(Column::Estatus)),
            cancelled_at: date(Column::Cancelled).map(|it| it.ok_or_else(wrong("FechaCancelacion"))).transpose()?,
            extra: self.extra(&values),
            mended: mended || recoded,
        })
    }

    fn extra(&self, values: &[String]) -> Vec<(String, String)> {
        let others = self.columns.iter().zip(&self.names).zip(values).filter(|((it, _), _)| **it == Column::Other);
        others.map(|((_, name), value)| (name.clone(), value.clone())).collect()
    }
}

/// An absent amount is none, as in types P and T.
fn amount(text: &str) -> Option<Decimal> {
    if text.is_empty() { Some(Decimal::ZERO) } else { Decimal::from_str_exact(text).ok() }
}

/// Whether a first line is a header of metadata or of the third-party file: tells noise in an archive apart.
pub fn looks_like_header(first: &[u8]) -> Option<HeaderKind> {
    let first = first.strip_prefix(BOM).unwrap_or(first);
    let (text, _) = decode_line(first.split(|it| *it == b'\n').next().unwrap_or_default());
    let names: Vec<&str> = text.trim_end().split(SEPARATOR).map(str::trim).collect();
    let has = |name: &str| names.iter().any(|it| it.eq_ignore_ascii_case(name));
    match (has("Uuid"), has("RfcACuentaTerceros"), has("RfcEmisor")) {
        (true, true, false) => Some(HeaderKind::ThirdParty),
        (true, _, true) => Some(HeaderKind::Metadata),
        _ => None,
    }
}

/// Which of SAT's two text files a header opens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HeaderKind {
    /// One row a document.
    Metadata,
    /// On whose account documents were made.
    ThirdParty,
}

/// The rows of a metadata file.
pub struct MetadataReader<R> {
    lines: Lines<R>,
    header: Header,
}

impl<R: Read> MetadataReader<R> {
    /// Reads the header.
    pub fn new(inner: R) -> Result<Self, MetadataError> {
        Self::bounded(inner, MAX_FILE_BYTES)
    }

    fn bounded(inner: R, max_file: u64) -> Result<Self, MetadataError> {
        let (lines, first) = Lines::open(inner, max_file)?;
        let header = first.and_then(|it| Header::read(&it)).ok_or(MetadataError::Header("metadata"))?;
        Ok(Self { lines, header })
    }
}

impl<R: Read> Iterator for MetadataReader<R> {
    type Item = Result<MetadataRow, RowProblem>;

    fn next(&mut self) -> Option<Self::Item> {
        let next = self.lines.next_line()?;
        let line = self.lines.line;
        Some(next.and_then(|it| match it {
            Line::Text(text, recoded) => self.header.row(&text, line, recoded),
            Line::TooLong => Err(RowProblem::LineTooLong { line }),
        }))
    }
}

/// The rows of a third-party file. A row without a folio names no document and is passed over.
pub struct ThirdPartyReader<R> {
    lines: Lines<R>,
    columns: [usize; 3],
    width: usize,
}

impl<R: Read> ThirdPartyReader<R> {
    /// Reads the header.
    pub fn new(inner: R) -> Result<Self, MetadataError> {
        let (lines, first) = Lines::open(inner, MAX_FILE_BYTES)?;
        let names: Vec<String> = first.iter().flat_map(|it| it.split(SEPARATOR)).map(|it| it.trim().to_owned()).collect();
        let place =
            |name: &str| names.iter().position(|it| it.eq_ignore_ascii_case(name)).ok_or(MetadataError::Header("third parties"));
        let columns = [place("Uuid")?, place("RfcACuentaTerceros")?, place("NombreACuentaTerceros")?];
        Ok(Self { lines, columns, width: names.len() })
    }

    fn row(&self, text: &str, line: u64) -> Option<Result<ThirdPartyRow, RowProblem>> {
        // The name is last in every file seen, so what exceeds the header belongs to it.
        let pieces: Vec<&str> = text.splitn(self.width, SEPARATOR).map(str::trim).collect();
        let [uuid, rfc, name] = self.columns.map(|it| pieces.get(it).copied());
        if uuid.is_none_or(str::is_empty) {
            return None;
        }
        let (Some(uuid), Some(rfc)) = (uuid, rfc) else {
            return Some(Err(RowProblem::Columns { line, found: pieces.len(), expected: self.width }));
        };
        let row =
            uuid.parse().map(|uuid| ThirdPartyRow { line, uuid, rfc: rfc.to_owned(), name: name.unwrap_or_default().to_owned() });
        Some(row.map_err(|_| RowProblem::Value { line, column: "Uuid" }))
    }
}

impl<R: Read> Iterator for ThirdPartyReader<R> {
    type Item = Result<ThirdPartyRow, RowProblem>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let next = self.lines.next_line()?;
            let line = self.lines.line;
            match next {
                Err(problem) => return Some(Err(problem)),
                Ok(Line::TooLong) => return Some(Err(RowProblem::LineTooLong { line })),
                Ok(Line::Text(text, _)) => {
                    if let Some(row) = self.row(&text, line) {
                        return Some(row);
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: &str = "Uuid~RfcEmisor~NombreEmisor~RfcReceptor~NombreReceptor~RfcPac~FechaEmision~FechaCertificacionSat~Monto~EfectoComprobante~Estatus~FechaCancelacion";
    const ROW: &str = "26DA5355-E4BD-57D7-8E8E-B567754A287F~EKU9003173C9~A~H&E951128469~B~SPR190613I52~2026-09-01 09:15:02~2026-09-01 09:15:33~1160.00~I~1~";

    #[test]
    fn a_file_beyond_its_bound_ends_with_that_problem() {
        let text = format!("{HEADER}\r\n{ROW}\r\n{ROW}\r\n");
        for (max, rows, ends) in [(text.len(), 2, false), (text.len() - 1, 1, true), (HEADER.len() + 4, 0, true)] {
            let mut reader = MetadataReader::bounded(text.as_bytes(), max as u64).unwrap();
            let read = reader.by_ref().take_while(Result::is_ok).count();
            assert_eq!(read, rows, "{max}");
            let mut again = MetadataReader::bounded(text.as_bytes(), max as u64).unwrap();
            let problem = again.find_map(Result::err);
            assert_eq!(problem.map(|it| (it.code(), it.ends_file())), ends.then_some((Code::ArchiveTooLarge, true)));
            assert!(again.next().is_none());
        }
        fedatario_testkit::covers!("metadata: the file is bounded, whatever its length says");
    }
}
