//! Packages as they are handed out: a ZIP of documents, or of lines about them.
//!
//! The same request gives the same bytes each time, because the selection is fixed by what was
//! asked and when, and the entries carry the time at which the package was made.

use super::corpus::Corpus;
use super::metadata::{self, MetadataHeader};
use jiff::civil::DateTime;
use std::io::{Cursor, Write};
use zip::write::SimpleFileOptions;

/// What goes into a package.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub enum Tipo {
    /// The documents themselves.
    #[serde(rename = "CFDI")]
    Cfdi,
    /// One line about each.
    Metadata,
}

/// One package to be made.
pub(super) struct Making<'a> {
    pub corpus: &'a Corpus,
    pub tipo: Tipo,
    /// `UUID_nn`, upper case.
    pub id: &'a str,
    pub places: &'a [u32],
    /// When it was made, in Mexico City civil time; also the instant its states are true of.
    pub made: DateTime,
    pub header: MetadataHeader,
}

impl Making<'_> {
    /// The bytes of the archive.
    pub fn zip(&self) -> std::io::Result<Vec<u8>> {
        let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
        match self.tipo {
            Tipo::Cfdi => self.documents(&mut zip)?,
            Tipo::Metadata => self.lines(&mut zip)?,
        }
        Ok(zip.finish()?.into_inner())
    }

    fn documents(&self, zip: &mut zip::ZipWriter<Cursor<Vec<u8>>>) -> std::io::Result<()> {
        for place in self.places {
            let uuid = self.corpus.facts(*place).uuid;
            zip.start_file(format!("{uuid}.xml"), self.options())?;
            zip.write_all(&self.corpus.xml(*place)?)?;
        }
        Ok(())
    }

    fn lines(&self, zip: &mut zip::ZipWriter<Cursor<Vec<u8>>>) -> std::io::Result<()> {
        zip.start_file(format!("{}.txt", self.id), self.options())?;
        metadata::heading(zip, self.header)?;
        let mut thirds = Vec::new();
        for place in self.places {
            let facts = self.corpus.facts(*place);
            metadata::row(zip, &facts, self.made)?;
            metadata::third_row(&mut thirds, &facts)?;
        }
        if thirds.is_empty() {
            return Ok(());
        }
        let request = self.id.split('_').next().unwrap_or(self.id);
        zip.start_file(format!("{request}_tercero.txt"), self.options())?;
        metadata::third_heading(zip)?;
        zip.write_all(&thirds)
    }

    fn options(&self) -> SimpleFileOptions {
        let at = self.made;
        let stamp = zip::DateTime::from_date_and_time(
            at.year().clamp(1980, 2107) as u16,
            at.month() as u8,
            at.day() as u8,
            at.hour() as u8,
            at.minute() as u8,
            at.second() as u8,
        );
        SimpleFileOptions::default()
            .compression_method(zip::CompressionMethod::Deflated)
            .last_modified_time(stamp.unwrap_or_default())
    }
}
