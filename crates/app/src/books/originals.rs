//! The original XML of documents, byte for byte, out of the packages that are kept.
//!
//! Documents are gathered by the thousands and read package by package, so that a package is passed
//! through once for each of these rounds and never held in memory. What comes out is looked at
//! before it is handed over: it must be the document that was meant. What cannot be found is
//! counted and named, never replaced.

use super::period::Period;
use super::question::Question;
use super::sheet::{Cell, Column, Kind};
use super::walk::{Read, Walk};
use crate::App;
use crate::error::{AppError, AppResult};
use crate::model::{Direction, MetadataRow, PackageRow, Role, Taxpayer};
use crate::ports::ReadSeek;
use fedatario_base::Scope;
use fedatario_base::id::PackageId;
use fedatario_fiscal::mx::cfdi::read_cfdi;
use fedatario_fiscal::mx::package::{Entry, Package};
use fedatario_fiscal::mx::time;
use jiff::civil::DateTime;
use rust_decimal::Decimal;
use std::collections::{BTreeMap, HashMap};
use std::io;

/// Documents gathered for one pass over their packages: their names take about ten megabytes.
const ROUND: usize = 50_000;
/// Lines of metadata read at once.
const LINES: u32 = 2_000;
/// Documents that are named when their originals are not found; the rest is counted.
pub const LOST_NAMED: usize = 100;

/// Writes an archive of files and sheets; blocking.
pub trait ArchiveWriter: Send {
    /// Writes one file; `at` is the instant that it is given.
    fn file(&mut self, path: &str, at: Option<DateTime>, bytes: &[u8]) -> io::Result<()>;
    /// Begins a sheet; rows follow until anything else begins.
    fn sheet(&mut self, path: &str, columns: &[Column]) -> io::Result<()>;
    /// Writes a row of the sheet that was begun.
    fn row(&mut self, cells: &[Cell]) -> io::Result<()>;
    /// Writes what is left and flushes. Nothing is whole before.
    fn finish(self: Box<Self>) -> io::Result<()>;
}

/// What an archive came to.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize)]
pub struct Archived {
    /// Originals written.
    pub documents: u64,
    /// Lines of metadata written beside them.
    pub metadata: u64,
    /// Documents whose original could not be found or is another.
    pub lost: u64,
    /// The first of them.
    pub lost_uuids: Vec<String>,
}

impl Archived {
    fn lose(&mut self, uuid: String) {
        self.lost += 1;
        if self.lost_uuids.len() < LOST_NAMED {
            self.lost_uuids.push(uuid);
        }
    }
}

/// A document whose original is wanted.
struct Wanted {
    uuid: String,
    path: String,
    at: Option<DateTime>,
}

/// Wanted documents by the entry that holds them; an entry's name may be used twice.
type ByEntry = HashMap<String, Vec<Wanted>>;

/// The archive under way: it goes to blocking threads and comes back.
struct Work {
    archive: Box<dyn ArchiveWriter>,
    done: Archived,
}

/// Writes the originals of every document that answers, in the folders
/// `RFC/year/month/emitidos|recibidos/UUID.xml`, and beside them the metadata of the period.
pub async fn take_out(
    app: &App,
    scope: &Scope,
    taxpayer: &Taxpayer,
    question: Question,
    period: Option<Period>,
    archive: Box<dyn ArchiveWriter>,
) -> AppResult<Archived> {
    let direction = question.filter.direction;
    let mut walk = Walk::begin(app, scope, taxpayer, question, None, None).await?.without_amounts();
    let mut work = Work { archive, done: Archived::default() };
    loop {
        let round = gather(&mut walk, &taxpayer.tax_id).await?;
        if round.is_empty() {
            break;
        }
        for (id, wanted) in round {
            let package = walk.tx().package(id).await?;
            work = from_package(app, package, wanted, work).await?;
        }
    }
    work = metadata(&mut walk, taxpayer, direction, period, work).await?;
    let Work { archive, done } = work;
    blocking(move || archive.finish()).await?;
    Ok(done)
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> io::Result<T> + Send + 'static) -> AppResult<T> {
    let done = tokio::task::spawn_blocking(work).await.map_err(|error| AppError::Internal(error.to_string()))?;
    done.map_err(|error| AppError::Output(error.to_string()))
}

/// The next round, by package; empty at the end.
async fn gather(walk: &mut Walk, rfc: &str) -> AppResult<BTreeMap<PackageId, ByEntry>> {
    let mut round: BTreeMap<PackageId, ByEntry> = BTreeMap::new();
    let mut count = 0;
    while count < ROUND {
        let Some(batch) = walk.next().await? else { break };
        count += batch.len();
        for read in batch {
            let entries = round.entry(read.found.row.package).or_default();
            let wanted = wanted(&read, rfc);
            entries.entry(read.found.row.entry).or_default().push(wanted);
        }
    }
    Ok(round)
}

fn wanted(read: &Read, rfc: &str) -> Wanted {
    let row = &read.found.row;
    let at = time::parse(&row.date);
    let folder = if row.role == Role::Received { "recibidos" } else { "emitidos" };
    let when = at.map_or_else(|| "sin-fecha".to_owned(), |it| format!("{:04}/{:02}", it.year(), it.month()));
    Wanted { path: format!("{rfc}/{when}/{folder}/{}.xml", row.uuid), uuid: row.uuid.clone(), at }
}

/// Takes the wanted entries out of one package.
async fn from_package(app: &App, package: Option<PackageRow>, wanted: ByEntry, work: Work) -> AppResult<Work> {
    let bytes = match package.and_then(|it| it.path) {
        Some(path) => Some(app.blobs.open(&path).await?),
        None => None,
    };
    blocking(move || read_package(bytes, wanted, work)).await
}

fn read_package(bytes: Option<Box<dyn ReadSeek>>, mut wanted: ByEntry, mut work: Work) -> io::Result<Work> {
    // A package that breaks off half-way was imported as far as it goes, and is read as far.
    let mut package = bytes.and_then(|it| Package::open(it).ok());
    let mut entries = package.as_mut().and_then(|it| it.entries().ok());
    while let Some(entries) = entries.as_mut() {
        if wanted.is_empty() {
            break;
        }
        let found = entries.next_wanted(&|name| wanted.contains_key(name));
        let Ok(Some(Entry::Xml(mut reader))) = found else {
            if matches!(found, Ok(Some(_))) {
                continue;
            }
            break;
        };
        let name = reader.name().to_owned();
        let Ok(bytes) = reader.read_all() else { continue };
        hand_over(&mut wanted, &name, &bytes, &mut work)?;
    }
    wanted.into_values().flatten().for_each(|it| work.done.lose(it.uuid));
    Ok(work)
}

fn hand_over(wanted: &mut ByEntry, name: &str, bytes: &[u8], work: &mut Work) -> io::Result<()> {
    let Some(candidates) = wanted.get_mut(name) else { return Ok(()) };
    let Some(place) = candidates.iter().position(|it| is_it(bytes, &it.uuid)) else { return Ok(()) };
    let it = candidates.swap_remove(place);
    if candidates.is_empty() {
        wanted.remove(name);
    }
    work.archive.file(&it.path, it.at, bytes)?;
    work.done.documents += 1;
    Ok(())
}

/// Whether bytes are the document of a key: its UUID stands in them, or they are what it digests.
fn is_it(bytes: &[u8], uuid: &str) -> bool {
    if let Some(digest) = uuid.strip_prefix("sha256-") {
        return crate::audit_trail::hex(&crate::audit_trail::sha256(bytes)) == digest;
    }
    let in_text = std::str::from_utf8(bytes).is_ok_and(|it| it.to_ascii_lowercase().contains(uuid));
    // Another encoding is read as the import read it.
    in_text || read_cfdi(bytes).ok().and_then(|it| it.uuid).is_some_and(|it| it.to_string() == uuid)
}

const fn column(name: &'static str, kind: Kind) -> Column {
    Column { name, kind }
}

/// The columns of metadata beside the originals.
const METADATA: &[Column] = &[
    column("uuid", Kind::Text),
    column("emisor_rfc", Kind::Text),
    column("emisor_nombre", Kind::Text),
    column("receptor_rfc", Kind::Text),
    column("receptor_nombre", Kind::Text),
    column("pac_rfc", Kind::Text),
    column("fecha", Kind::Instant),
    column("fecha_timbrado", Kind::Instant),
    column("monto", Kind::Amount),
    column("efecto", Kind::Text),
    column("estado", Kind::Text),
    column("fecha_cancelacion", Kind::Instant),
];

async fn metadata(
    walk: &mut Walk,
    taxpayer: &Taxpayer,
    direction: Option<Direction>,
    period: Option<Period>,
    mut work: Work,
) -> AppResult<Work> {
    let path = format!("{}/metadata.csv", taxpayer.tax_id);
    work = blocking(move || work.archive.sheet(&path, METADATA).map(|()| work)).await?;
    let periods = period.map_or((0, i32::MAX), |it| it.months());
    let mut after: Option<String> = None;
    loop {
        let lines = walk.tx().metadata_lines(taxpayer.id, periods, after.as_deref(), LINES).await?;
        let Some(last) = lines.last() else { return Ok(work) };
        after = Some(last.uuid.clone());
        let rfc = taxpayer.tax_id.clone();
        let meant = move |it: &MetadataRow| {
            let side = match direction {
                None => true,
                Some(Direction::Issued) => it.issuer == rfc,
                Some(Direction::Received) => it.receiver == rfc,
            };
            side && period.is_none_or(|period| it.issued_at.get(..10).is_some_and(|day| period.holds(day)))
        };
        work = blocking(move || write_lines(work, lines.iter().filter(|it| meant(it)))).await?;
    }
}

fn write_lines<'a>(mut work: Work, lines: impl Iterator<Item = &'a MetadataRow>) -> io::Result<Work> {
    for it in lines {
        work.archive.row(&[
            Cell::text(&it.uuid),
            Cell::text(&it.issuer),
            Cell::text(&it.issuer_name),
            Cell::text(&it.receiver),
            Cell::text(&it.receiver_name),
            Cell::text(&it.pac),
            Cell::instant(&it.issued_at),
            Cell::instant(&it.stamped_at),
            Cell::amount(Decimal::from_str_exact(&it.amount).ok()),
            Cell::text(&it.effect),
            Cell::text(it.status.text()),
            Cell::instant(it.cancelled_at.as_deref().unwrap_or_default()),
        ])?;
        work.done.metadata += 1;
    }
    Ok(work)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_known_by_their_stamp_or_their_digest() {
        let xml = br#"<c UUID="26DA5355-E4BD-57D7-8E8E-B567754A287F"/>"#;
        let digest = crate::audit_trail::hex(&crate::audit_trail::sha256(xml));
        for (key, expected) in [
            ("26da5355-e4bd-57d7-8e8e-b567754a287f".to_owned(), true),
            ("26da5355-e4bd-57d7-8e8e-b567754a2870".to_owned(), false),
            (format!("sha256-{digest}"), true),
            (format!("sha256-{}", "0".repeat(64)), false),
        ] {
            assert_eq!(is_it(xml, &key), expected, "{key}");
        }
    }
}
