//! From an archive to batches of rows, in two steps.
//!
//! [`read`] walks an archive on one thread and cuts it into portions: what is quickly told is done,
//! documents are inflated and no more. [`Portion::rows`] reads the documents of a portion, which is
//! the costly part and may be done by any thread. A portion becomes one batch, and one is in memory
//! here at a time. Nothing here touches the database: a portion goes to `take`, which answers
//! whether anybody still wants more.

use crate::model::*;
use fedatario_base::id::{PackageId, TaxpayerId};
use fedatario_fiscal::mx::cfdi::{self, Cfdi, CfdiError, Complement, Party, read_cfdi};
use fedatario_fiscal::mx::metadata::{self, Estatus, MetadataReader, ThirdPartyReader};
use fedatario_fiscal::mx::package::{ArchiveError, Entry, Package};
use fedatario_fiscal::mx::time;
use std::io::{Read, Seek};
use std::ops::Range;

/// Documents in one batch: large enough that a commit costs little beside its rows.
const BATCH_DOCUMENTS: usize = 1_000;
/// Lines of metadata in one batch; they weigh a tenth of a document. Their UUIDs fall all over the
/// index, so a commit writes most of its pages whatever it brings: the more lines, the fewer pages each.
const BATCH_LINES: usize = 12_000;
/// Bytes of documents in one batch, so that a thousand giants do not fill the memory.
const BATCH_BYTES: usize = 8 << 20;
/// The longest reason kept in words, in characters.
const DETAIL_CHARS: usize = 500;

/// Whose rows, from which package.
#[derive(Debug, Clone, Copy)]
pub struct Of {
    /// Whose.
    pub taxpayer: TaxpayerId,
    /// From where.
    pub package: PackageId,
    /// Of which service, where that is known.
    pub family: Option<Family>,
}

/// Rows on their way to the database.
#[derive(Debug, Default)]
pub struct Batch {
    /// Entries looked at.
    pub files: u64,
    /// Entries that are neither CFDI nor metadata.
    pub ignored: u64,
    /// CFDI with the taxpayer in them.
    pub documents: Vec<DocumentRow>,
    /// CFDI of others.
    pub foreign: Vec<DocumentRow>,
    /// Lines of metadata.
    pub metadata: Vec<MetadataRow>,
    /// On whose account documents were made; after the lines of the package that name them.
    pub third_parties: Vec<(TaxpayerId, ThirdParty)>,
    /// What could not be read.
    pub quarantine: Vec<QuarantineRow>,
}

impl Batch {
    fn set_aside(&mut self, of: Of, entry: String, code: fedatario_base::Code, detail: &str) {
        let detail = detail.chars().take(DETAIL_CHARS).collect();
        self.quarantine.push(QuarantineRow {
            taxpayer: of.taxpayer,
            package: of.package,
            entry,
            code: code.slug().to_owned(),
            detail,
        });
    }
}

/// A stretch of an archive: the batch that it becomes, and the documents still to be read into it.
#[derive(Debug, Default)]
pub struct Portion {
    batch: Batch,
    /// The names of the documents, and where in `inflated` each lies.
    documents: Vec<(String, Range<usize>)>,
    inflated: Vec<u8>,
}

impl Portion {
    fn is_full(&self) -> bool {
        let set_aside = self.batch.quarantine.len();
        self.documents.len() + set_aside >= BATCH_DOCUMENTS
            || self.batch.metadata.len() + self.batch.third_parties.len() + set_aside >= BATCH_LINES
            || self.inflated.len() >= BATCH_BYTES
    }

    /// Inflates a document, unread.
    fn inflate(&mut self, of: Of, name: String, mut reader: impl Read) {
        let start = self.inflated.len();
        match reader.read_to_end(&mut self.inflated) {
            Ok(_) => self.documents.push((name, start..self.inflated.len())),
            Err(error) => {
                self.inflated.truncate(start);
                let error = ArchiveError::from_io(&error);
                self.batch.set_aside(of, name, error.code(), &error.to_string());
            }
        }
    }

    /// Reads the documents: the rows of the whole portion.
    pub fn rows(self, of: Of, rfc: &str) -> Batch {
        let mut batch = self.batch;
        for (name, place) in self.documents {
            document(&mut batch, of, rfc, name, &self.inflated[place]);
        }
        batch
    }
}

/// Reads a whole archive. An `Err` says why it could not be read to its end; what was read before
/// that has been handed over.
pub fn read(mut archive: impl Read + Seek, of: Of, take: &mut dyn FnMut(Portion) -> bool) -> Result<(), ArchiveError> {
    let mut package = Package::open(&mut archive)?;
    let mut has_third_parties = false;
    let mut portion = Portion::default();
    let mut entries = package.entries()?;
    while let Some(entry) = entries.next_entry()? {
        portion.batch.files += 1;
        let name = entry.name().to_owned();
        match entry {
            Entry::Xml(reader) => portion.inflate(of, name, reader),
            Entry::Metadata(reader) => {
                if !lines(&mut portion, of, &name, reader, take) {
                    return Ok(());
                }
            }
            Entry::Refused { name, error } => portion.batch.set_aside(of, name, error.code(), &error.to_string()),
            // They speak of lines, which may come after them: they are read in a round of their own.
            Entry::ThirdParty(_) => has_third_parties = true,
            Entry::Ignored { .. } => portion.batch.ignored += 1,
        }
        if portion.is_full() && !take(std::mem::take(&mut portion)) {
            return Ok(());
        }
    }
    if take(portion) && has_third_parties {
        third_parties(archive, of, take)?;
    }
    Ok(())
}

/// The third-party files of an archive, once its lines are handed over.
fn third_parties(archive: impl Read + Seek, of: Of, take: &mut dyn FnMut(Portion) -> bool) -> Result<(), ArchiveError> {
    let mut package = Package::open(archive)?;
    let mut entries = package.entries()?;
    let mut portion = Portion::default();
    while let Some(entry) = entries.next_entry()? {
        let name = entry.name().to_owned();
        let Entry::ThirdParty(reader) = entry else { continue };
        let rows = match ThirdPartyReader::new(reader) {
            Ok(rows) => rows,
            Err(error) => {
                portion.batch.set_aside(of, name, error.code(), &error.to_string());
                continue;
            }
        };
        for row in rows {
            match row {
                Ok(row) => portion.batch.third_parties.push((of.taxpayer, third_party(row))),
                Err(problem) => {
                    let entry = format!("{name}#{}", portion.batch.quarantine.len());
                    portion.batch.set_aside(of, entry, problem.code(), &problem.to_string());
                }
            }
            if portion.is_full() && !take(std::mem::take(&mut portion)) {
                return Ok(());
            }
        }
    }
    take(portion);
    Ok(())
}

fn third_party(row: metadata::ThirdPartyRow) -> ThirdParty {
    ThirdParty { uuid: row.uuid.to_string(), rfc: row.rfc, name: row.name }
}

fn document(batch: &mut Batch, of: Of, rfc: &str, entry: String, bytes: &[u8]) {
    match read_cfdi(bytes) {
        Ok(cfdi) => {
            let uuid = cfdi.uuid.map_or_else(|| unstamped_key(bytes), |it| it.to_string());
            let row = row(of, rfc, entry, uuid, cfdi);
            let rows = if row.role == Role::Foreign { &mut batch.foreign } else { &mut batch.documents };
            rows.push(row);
        }
        // Good XML that is something else belongs to nobody here.
        Err(CfdiError::NotCfdi { .. }) => batch.ignored += 1,
        Err(error) => batch.set_aside(of, entry, error.code(), &error.to_string()),
    }
}

/// A document without a stamp has no UUID: it is known by its bytes, and carries its warning.
pub(crate) fn unstamped_key(bytes: &[u8]) -> String {
    format!("sha256-{}", crate::audit_trail::hex(&crate::audit_trail::sha256(bytes)))
}

fn role(rfc: &str, issuer: &str, receiver: &str) -> Role {
    match (issuer == rfc, receiver == rfc) {
        (true, true) => Role::Both,
        (true, false) => Role::Issued,
        (false, true) => Role::Received,
        (false, false) => Role::Foreign,
    }
}

fn row(of: Of, rfc: &str, entry: String, uuid: String, cfdi: Cfdi) -> DocumentRow {
    let names: Vec<&str> = cfdi.complements.iter().map(|it: &Complement| it.name.as_str()).collect();
    let warnings: Vec<&str> = cfdi.warnings.iter().map(|it| it.slug()).collect();
    DocumentRow {
        taxpayer: of.taxpayer,
        uuid,
        role: role(rfc, tax_id(&cfdi.issuer), tax_id(&cfdi.receiver)),
        kind: if cfdi.is_retenciones() { format!("R{}", cfdi.kind.text()) } else { cfdi.kind.text().to_owned() },
        complements: names.join(","),
        warnings: warnings.join(","),
        issuer: tax_id(&cfdi.issuer).to_owned(),
        issuer_name: cfdi.issuer.name.unwrap_or_default(),
        receiver: tax_id(&cfdi.receiver).to_owned(),
        receiver_name: cfdi.receiver.name.unwrap_or_default(),
        date: cfdi.date.map(time::format).unwrap_or_default(),
        period: cfdi.period.unwrap_or_default(),
        currency: cfdi.currency.unwrap_or_default(),
        total_e6: millionths(&cfdi.total_text),
        total: cfdi.total_text,
        version: cfdi.version,
        package: of.package,
        entry,
        json: cfdi.json,
    }
}

fn tax_id(party: &Party) -> &str {
    party.rfc.as_ref().map_or(party.id.as_str(), |it| it.as_str())
}

/// An amount as written, in millionths; what does not fit is clamped (the text keeps the truth).
fn millionths(amount: &str) -> i64 {
    let (whole, fraction) = amount.trim().split_once('.').unwrap_or((amount.trim(), ""));
    let negative = whole.starts_with('-');
    let digits: String =
        whole.trim_start_matches(['-', '+']).chars().chain(fraction.chars().chain("000000".chars()).take(6)).collect();
    let value = digits.parse::<i64>().unwrap_or(if digits.bytes().all(|it| it.is_ascii_digit()) { i64::MAX } else { 0 });
    if negative { -value } else { value }
}

/// Reads lines of metadata; false when nobody wants more.
fn lines(portion: &mut Portion, of: Of, name: &str, reader: impl Read, take: &mut dyn FnMut(Portion) -> bool) -> bool {
    let rows = match MetadataReader::new(reader) {
        Ok(rows) => rows,
        Err(error) => {
            portion.batch.set_aside(of, name.to_owned(), error.code(), &error.to_string());
            return true;
        }
    };
    for (place, row) in rows.enumerate() {
        match row {
            Ok(row) => portion.batch.metadata.push(line(of, row)),
            Err(problem) => {
                // What ends the file has no line: it is said of the file.
                let entry = if problem.ends_file() { name.to_owned() } else { format!("{name}#{place}") };
                portion.batch.set_aside(of, entry, problem.code(), &problem.to_string());
            }
        }
        if portion.is_full() && !take(std::mem::take(portion)) {
            return false;
        }
    }
    true
}

fn line(of: Of, row: metadata::MetadataRow) -> MetadataRow {
    let extra: serde_json::Map<String, serde_json::Value> =
        row.extra.into_iter().map(|(name, value)| (name, value.into())).collect();
    MetadataRow {
        taxpayer: of.taxpayer,
        uuid: row.uuid.to_string(),
        family: of.family.unwrap_or_else(|| told_by(&row.effect)),
        issuer: row.issuer_rfc,
        issuer_name: row.issuer_name,
        receiver: row.receiver_rfc,
        receiver_name: row.receiver_name,
        pac: row.pac_rfc,
        period: time::period(row.issued_at),
        issued_at: time::format(row.issued_at),
        stamped_at: row.certified_at.map(time::format).unwrap_or_default(),
        amount: row.amount.to_string(),
        effect: row.effect,
        status: match row.estatus {
            Estatus::Vigente => DocumentStatus::Vigente,
            Estatus::Cancelado => DocumentStatus::Cancelado,
            Estatus::Unknown(_) => DocumentStatus::Unknown,
        },
        cancelled_at: row.cancelled_at.map(time::format),
        extra: serde_json::Value::Object(extra).to_string(),
        package: of.package,
    }
}

/// The service that a line of a package given by hand is from. Retenciones were seen with the key of
/// the withholding where CFDI have their kind; SAT documents neither.
fn told_by(effect: &str) -> Family {
    let is_key = !effect.trim().is_empty() && effect.trim().bytes().all(|it| it.is_ascii_digit());
    if is_key { Family::Retenciones } else { Family::Cfdi }
}

/// What a package holds, as far as it decides where it is kept.
#[derive(Debug, Default)]
pub struct Survey {
    /// Year of the earliest document or line.
    pub earliest_year: Option<i16>,
    /// How many CFDI.
    pub cfdi: u64,
    /// How many lines of metadata.
    pub metadata: u64,
}

impl Survey {
    fn saw(&mut self, year: Option<i16>) {
        self.earliest_year = self.earliest_year.into_iter().chain(year).min();
    }

    /// Of a document, its first tag is enough.
    fn look(&mut self, portion: &Portion) {
        for (_, place) in &portion.documents {
            let Some(date) = cfdi::glimpse(&portion.inflated[place.clone()]) else { continue };
            self.saw(date.map(|it| it.year()));
            self.cfdi += 1;
        }
        for line in &portion.batch.metadata {
            self.saw(i16::try_from(line.period / 100).ok());
            self.metadata += 1;
        }
    }
}

/// Looks through a package given by hand. What cannot be read is left to the reading proper.
pub fn survey(archive: impl Read + Seek) -> Result<Survey, ArchiveError> {
    let nil = Of { taxpayer: TaxpayerId(Default::default()), package: PackageId(Default::default()), family: None };
    let mut survey = Survey::default();
    let ended = read(archive, nil, &mut |portion| {
        survey.look(&portion);
        true
    });
    match ended {
        Err(error) if survey.cfdi + survey.metadata == 0 => Err(error),
        _ => Ok(survey),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_become_millionths_and_never_overflow() {
        let cases = [
            ("1160.00", 1_160_000_000),
            ("0", 0),
            ("0.000001", 1),
            ("1.23456789", 1_234_567),
            ("-5.5", -5_500_000),
            ("99999999999999999999", i64::MAX),
            ("abc", 0),
            ("", 0),
        ];
        for (text, expected) in cases {
            assert_eq!(millionths(text), expected, "{text}");
        }
    }

    #[test]
    fn a_party_is_known_by_its_rfc() {
        let cases = [("A", "B", Role::Issued), ("B", "A", Role::Received), ("A", "A", Role::Both), ("B", "C", Role::Foreign)];
        for (issuer, receiver, expected) in cases {
            assert_eq!(role("A", issuer, receiver), expected);
        }
    }
}
