//! Certificates in an archive: a list of them, and beside it the files that it names.
//!
//! `manifest.csv` or `manifest.json` says whose each certificate is, where its files lie in the archive and what
//! opens its key. The archive is a stranger's: entries, bytes of each and of all, and how much comes out for what
//! went in are counted while it is read, and what it declares about itself is not believed. Names are labels:
//! nothing is ever written under one, and one that would climb out of a folder refuses the whole, as do two
//! entries of one name, links, and entries under a password. A row that cannot be read, or names a file that is
//! not there, is refused by itself.
//!
//! Promises: files and passwords are held as secrets; no error says a byte of either. It leaves to the import what
//! becomes of each certificate.

use super::upload::Asked;
use super::whose::Place;
use fedatario_base::id::TaxpayerId;
use fedatario_base::{Code, Secret};
use fedatario_vault::{Files, Handed};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::io::{Cursor, Read};
use unicode_normalization::UnicodeNormalization;
use zip::ZipReadOptions;
use zip::read::{Config, ZipFileEntry};
// Not `ZipArchive`: it keeps one entry of each name, and two of one name are refused here.
use zip::unstable::read::{ZipIterable, ZipIterableFiles};

/// Certificates of one archive: a firm's clients, twice over.
pub const ROWS_AT_MOST: usize = 500;
/// Bytes of an archive: what its certificates weigh with a chain in each.
pub const BUNDLE_BYTES: usize = 16 << 20;
/// Entries: two files a certificate, as many again that a Mac adds, the manifest and some folders.
const ENTRIES_AT_MOST: usize = 4 * ROWS_AT_MOST + 100;
/// Bytes of a file: the largest archive of a key that is opened.
const FILE_BYTES: u64 = 256 << 10;
/// Bytes of a manifest: two kilobytes a row.
const MANIFEST_BYTES: u64 = 1 << 20;
/// Bytes of all files together.
const TOTAL_BYTES: u64 = 64 << 20;
/// Bytes that may come out for one that went in. Keys and certificates hardly shrink, lists to a tenth.
const RATIO_AT_MOST: u64 = 100;
/// Bytes of an entry for which the ratio is not asked.
const RATIO_FREE_BYTES: u64 = 64 << 10;
/// Characters of a name.
const NAME_CHARS_AT_MOST: usize = 200;
/// Columns of a manifest: each once, and then some that are refused for what they are.
const COLUMNS_AT_MOST: usize = 32;

/// Why an archive is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BundleError {
    /// Not a ZIP, cut off, damaged, or packed in a way that is not read.
    #[error("it is not a readable ZIP archive")]
    Format,
    /// More entries than are read.
    #[error("more than {ENTRIES_AT_MOST} entries")]
    Entries,
    /// More bytes than are read.
    #[error("more comes out than is read")]
    TooLarge,
    /// More bytes than an honest archive packs into so few.
    #[error("more than {RATIO_AT_MOST} bytes come out for one that went in")]
    Ratio,
    /// A name that is none, or that leads out of its folder.
    #[error("an entry whose name is no path within the archive")]
    Name,
    /// Two entries of one name, whatever their case.
    #[error("two entries of one name")]
    Duplicate,
    /// An entry under a password of the archive's.
    #[error("an entry is encrypted")]
    Encrypted,
    /// A link.
    #[error("an entry is a link")]
    Link,
    /// No manifest, or several.
    #[error("there is no manifest.csv or manifest.json, or more than one")]
    ManifestMissing,
    /// A manifest that cannot be read.
    #[error("the manifest cannot be read")]
    Manifest,
    /// More rows than are let in at once.
    #[error("more than {ROWS_AT_MOST} rows")]
    Rows,
}

impl BundleError {
    /// Its place in the table of codes.
    pub fn code(self) -> Code {
        Code::CertificateBundle
    }

    /// A permanent word for it.
    pub fn reason(self) -> &'static str {
        match self {
            Self::Format => "format",
            Self::Entries => "entries",
            Self::TooLarge => "too_large",
            Self::Ratio => "ratio",
            Self::Name => "name",
            Self::Duplicate => "duplicate",
            Self::Encrypted => "encrypted",
            Self::Link => "link",
            Self::ManifestMissing => "manifest_missing",
            Self::Manifest => "manifest",
            Self::Rows => "rows",
        }
    }
}

/// Whether bytes begin as a ZIP does.
pub fn is_bundle(bytes: &[u8]) -> bool {
    bytes.starts_with(b"PK\x03\x04") || bytes.starts_with(b"PK\x05\x06")
}

/// The certificates of an archive in the order of its manifest, each by itself as it is asked for.
pub fn unpack(archive: &[u8]) -> Result<Vec<Result<Asked, Code>>, BundleError> {
    if archive.len() > BUNDLE_BYTES {
        return Err(BundleError::TooLarge);
    }
    let files = entries(archive)?;
    let manifests: Vec<&String> = files.keys().filter(|it| is_manifest(it)).collect();
    let [path] = manifests.as_slice() else { return Err(BundleError::ManifestMissing) };
    let text = files.get(*path).and_then(Secret::expose_str).ok_or(BundleError::Manifest)?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let rows = if path.ends_with(".json") { of_json(text)? } else { of_csv(text)? };
    if rows.len() > ROWS_AT_MOST {
        return Err(BundleError::Rows);
    }
    let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
    Ok(rows.into_iter().map(|it| it?.asked(folder, &files)).collect())
}

fn is_manifest(path: &str) -> bool {
    matches!(path.rsplit('/').next(), Some("manifest.csv" | "manifest.json"))
}

/// Everything in it, by the name that the manifest is compared with.
fn entries(archive: &[u8]) -> Result<BTreeMap<String, Secret>, BundleError> {
    let format = |_| BundleError::Format;
    let mut opened = ZipIterable::try_new(Cursor::new(archive), Config::default()).map_err(format)?;
    if opened.len() > ENTRIES_AT_MOST {
        return Err(BundleError::Entries);
    }
    let (mut found, mut total) = (BTreeMap::new(), 0);
    let files = opened.files().map_err(format)?;
    while let Some(file) = files.next() {
        let file = file.map_err(format)?;
        let Some(name) = wanted(&file)? else { continue };
        let bytes = inflated(file, files, is_manifest(&name))?;
        total += bytes.expose().len() as u64;
        if total > TOTAL_BYTES {
            return Err(BundleError::TooLarge);
        }
        if found.insert(name, bytes).is_some() {
            return Err(BundleError::Duplicate);
        }
    }
    Ok(found)
}

/// The name of an entry that is read; none for a folder and for what a Mac adds.
fn wanted(file: &ZipFileEntry<'_>) -> Result<Option<String>, BundleError> {
    let name = file.name().map_err(|_| BundleError::Name)?;
    let name = compared(&name).ok_or(BundleError::Name)?;
    if file.is_symlink() {
        return Err(BundleError::Link);
    }
    let last = name.rsplit('/').next().unwrap_or_default();
    let of_a_mac = name.split('/').any(|it| it == "__macosx") || last.starts_with("._") || last == ".ds_store";
    if file.is_dir() || of_a_mac {
        return Ok(None);
    }
    if file.encrypted() {
        return Err(BundleError::Encrypted);
    }
    Ok(Some(name))
}

/// A name as it is compared: NFC, without regard to case, as a Windows folder would. None for what is no path
/// within a folder.
fn compared(name: &str) -> Option<String> {
    let name = name.strip_suffix('/').unwrap_or(name);
    let is_odd = |it: char| it.is_control() || matches!(it, '\\' | ':');
    if name.chars().count() > NAME_CHARS_AT_MOST || name.chars().any(is_odd) {
        return None;
    }
    let is_step = |it: &str| !it.is_empty() && it != "." && it != "..";
    name.split('/').all(is_step).then(|| name.nfc().flat_map(char::to_lowercase).collect())
}

/// What an entry holds, within its bounds.
fn inflated(
    file: ZipFileEntry<'static>,
    files: &mut ZipIterableFiles<Cursor<&[u8]>>,
    is_manifest: bool,
) -> Result<Secret, BundleError> {
    let limit = if is_manifest { MANIFEST_BYTES } else { FILE_BYTES };
    let packed = file.compressed_size().min(BUNDLE_BYTES as u64);
    let reader = file.with_reader(files.reader_mut(), ZipReadOptions::new()).map_err(|_| BundleError::Format)?;
    let mut bytes = Vec::new();
    let read = reader.take(limit + 1).read_to_end(&mut bytes);
    let (bytes, size) = (Secret::new(bytes), read.map_err(|_| BundleError::Format)? as u64);
    if size > limit {
        return Err(BundleError::TooLarge);
    }
    if size > packed.saturating_mul(RATIO_AT_MOST).max(RATIO_FREE_BYTES) {
        return Err(BundleError::Ratio);
    }
    Ok(bytes)
}

/// A row of a manifest.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    password: String,
    #[serde(default)]
    tax_id: Option<String>,
    #[serde(default)]
    taxpayer: Option<String>,
    #[serde(default)]
    file: Option<String>,
    #[serde(default)]
    cer: Option<String>,
    #[serde(default)]
    key: Option<String>,
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    register: bool,
    #[serde(default)]
    activate_at: Option<Timestamp>,
    #[serde(default)]
    delegated: bool,
}

impl Row {
    /// Names of files begin at the manifest's folder.
    fn asked(self, folder: &str, files: &BTreeMap<String, Secret>) -> Result<Asked, Code> {
        let file = |name: &str| {
            let path = if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") };
            let found = compared(&path).and_then(|it| files.get(&it));
            found.map(Secret::duplicate).ok_or(Code::CertificateFileMissing)
        };
        let files = match (&self.file, &self.cer, &self.key) {
            (Some(both), None, None) => Files::Pkcs12(file(both)?),
            (None, Some(cer), Some(key)) => Files::Two { cer: file(cer)?, key: file(key)? },
            (None, _, _) => return Err(Code::FieldMissing),
            _ => return Err(Code::FieldInvalid),
        };
        let taxpayer = self.taxpayer.map(|it| it.parse::<TaxpayerId>().map_err(|_| Code::IdFormat)).transpose()?;
        Ok(Asked {
            handed: Handed::new(files, Secret::new(self.password.into_bytes())),
            name: self.name,
            place: Place::of(taxpayer, self.register),
            tax_id: self.tax_id,
            activate: self.activate_at,
            delegated: self.delegated,
        })
    }
}

/// Rows of a list in JSON. What the list itself lacks refuses it, what a row lacks that row.
fn of_json(text: &str) -> Result<Vec<Result<Row, Code>>, BundleError> {
    let rows: Vec<Value> = serde_json::from_str(text).map_err(|_| BundleError::Manifest)?;
    Ok(rows.into_iter().map(row).collect())
}

fn row(value: Value) -> Result<Row, Code> {
    serde_json::from_value(value).map_err(|_| Code::JsonMalformed)
}

/// Rows of a list as spreadsheets write it: a line of names, then a line each; commas or semicolons.
fn of_csv(text: &str) -> Result<Vec<Result<Row, Code>>, BundleError> {
    let head = text.lines().next().ok_or(BundleError::Manifest)?;
    let separator = if head.contains(';') { ';' } else { ',' };
    let mut records = records(text, separator)?.into_iter();
    let columns: Vec<String> = records.next().unwrap_or_default().iter().map(|it| it.trim().to_lowercase()).collect();
    let known = ["tax_id", "taxpayer", "file", "cer", "key", "password", "name", "register", "activate_at", "delegated"];
    let is_once = |it: &String| known.contains(&it.as_str()) && columns.iter().filter(|other| *other == it).count() == 1;
    if columns.len() > COLUMNS_AT_MOST || !columns.iter().all(is_once) {
        return Err(BundleError::Manifest);
    }
    Ok(records
        .map(|cells| if cells.len() == columns.len() { cells_of(&columns, cells) } else { Err(Code::FieldMissing) })
        .collect())
}

/// A line of a spreadsheet; empty cells say nothing, and a password keeps its blanks.
fn cells_of(columns: &[String], cells: Vec<String>) -> Result<Row, Code> {
    let mut object = Map::new();
    for (column, cell) in columns.iter().zip(cells) {
        let value = match column.as_str() {
            "password" => Value::String(cell),
            _ if cell.trim().is_empty() => continue,
            "register" | "delegated" => Value::Bool(truth(cell.trim())?),
            _ => Value::String(cell.trim().to_owned()),
        };
        object.insert(column.clone(), value);
    }
    row(Value::Object(object))
}

fn truth(text: &str) -> Result<bool, Code> {
    match text.to_lowercase().as_str() {
        "true" | "1" | "yes" | "si" | "sí" => Ok(true),
        "false" | "0" | "no" => Ok(false),
        _ => Err(Code::FieldInvalid),
    }
}

/// RFC 4180: cells in quotes may hold separators, lines and doubled quotes. Empty lines are passed over.
fn records(text: &str, separator: char) -> Result<Vec<Vec<String>>, BundleError> {
    let (mut all, mut cells, mut cell, mut quoted) = (Vec::new(), Vec::new(), String::new(), false);
    let mut rest = text.chars().peekable();
    while let Some(it) = rest.next() {
        match it {
            '"' if quoted && rest.next_if_eq(&'"').is_some() => cell.push('"'),
            '"' if quoted => quoted = false,
            '"' if cell.is_empty() => quoted = true,
            '\r' if !quoted && rest.peek() == Some(&'\n') => {}
            '\n' if !quoted => ended(&mut all, &mut cells, &mut cell)?,
            it if it == separator && !quoted => cells.push(std::mem::take(&mut cell)),
            it => cell.push(it),
        }
    }
    if quoted {
        return Err(BundleError::Manifest);
    }
    ended(&mut all, &mut cells, &mut cell)?;
    Ok(all)
}

fn ended(all: &mut Vec<Vec<String>>, cells: &mut Vec<String>, cell: &mut String) -> Result<(), BundleError> {
    cells.push(std::mem::take(cell));
    let cells = std::mem::take(cells);
    if cells.iter().any(|it| !it.is_empty()) {
        all.push(cells);
    }
    // The line of names is one more.
    if all.len() > ROWS_AT_MOST + 1 { Err(BundleError::Rows) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spreadsheet_is_read_as_spreadsheets_write() {
        let cases: [(&str, char, &[&[&str]]); 5] = [
            ("a,b\n1,2\n", ',', &[&["a", "b"], &["1", "2"]]),
            ("a;b\r\n\"1;\"\"x\"\"\";\" 2\n3\"", ';', &[&["a", "b"], &["1;\"x\"", " 2\n3"]]),
            ("a\n\n\n1", ',', &[&["a"], &["1"]]),
            ("a,b\n,x", ',', &[&["a", "b"], &["", "x"]]),
            ("a\nx\"y\n", ',', &[&["a"], &["x\"y"]]),
        ];
        for (text, separator, expected) in cases {
            assert_eq!(records(text, separator).expect("it is read"), expected, "{text}");
        }
        assert_eq!(records("a\n\"1", ','), Err(BundleError::Manifest), "a quote that does not end");
        assert_eq!(records(&"x\n".repeat(ROWS_AT_MOST + 2), ','), Err(BundleError::Rows));
        fedatario_testkit::covers!("certificates: a list of an archive is read as spreadsheets write it");
    }

    #[test]
    fn names_are_labels_and_never_climb() {
        assert_eq!(compared("Clientes/NIN\u{303}O.cer").as_deref(), Some("clientes/niño.cer"));
        assert_eq!(compared("a/").as_deref(), Some("a"));
        for name in ["", "/", "/etc/passwd", "../a", "a/../b", "a//b", "./a", "C:a", "a\\b", "a\0b", &"x".repeat(201)] {
            assert_eq!(compared(name), None, "{name:?}");
        }
        fedatario_testkit::covers!("certificates: a name in an archive is a path within it or refuses it");
    }
}
