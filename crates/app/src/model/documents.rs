//! Documents, what the metadata says of them, and what is told by both together.

pub use fedatario_fiscal::mx::planner::{Grain, Share};

use super::requests::{Direction, Family, Filters, as_text};
use fedatario_base::id::{PackageId, TaxpayerId};
use jiff::Timestamp;
use jiff::civil::DateTime;

texts! {
    /// A taxpayer's part in a document.
    Role {
        /// Issuer.
        Issued = "issued",
        /// Receiver.
        Received = "received",
        /// Both.
        Both = "both",
        /// Neither: kept apart, counted apart.
        Foreign = "foreign",
    }
}

texts! {
    /// What the metadata says of a document.
    DocumentStatus {
        /// No metadata yet.
        Unknown = "unknown",
        /// Current.
        Vigente = "vigente",
        /// Cancelled.
        Cancelado = "cancelado",
    }
}

/// A CFDI, as stored: its columns and its JSON. The original is `entry` of `package`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DocumentRow {
    /// Whose copy it is.
    pub taxpayer: TaxpayerId,
    /// UUID of the stamp, lower case.
    pub uuid: String,
    /// The taxpayer's part in it.
    pub role: Role,
    /// Version of the document: `4.0`, `3.3`, …
    pub version: String,
    /// `TipoDeComprobante`, or `R` + CveRetenc of a retención.
    pub kind: String,
    /// RFC of the issuer.
    pub issuer: String,
    /// Name of the issuer.
    pub issuer_name: String,
    /// RFC of the receiver (or foreign id).
    pub receiver: String,
    /// Name of the receiver.
    pub receiver_name: String,
    /// Emission, `yyyy-MM-ddTHH:mm:ss`.
    pub date: String,
    /// Emission month, AAAAMM.
    pub period: i32,
    /// Currency code.
    pub currency: String,
    /// Total as written.
    pub total: String,
    /// Total in millionths, for sums and ranges.
    pub total_e6: i64,
    /// Names of the complements, comma separated.
    pub complements: String,
    /// What was odd about it, comma separated slugs.
    pub warnings: String,
    /// The package that brought it.
    pub package: PackageId,
    /// Its entry in the package.
    pub entry: String,
    /// The document as JSON (`xmltodict` shape).
    pub json: String,
}

/// A line of metadata, as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MetadataRow {
    /// Whose copy it is.
    pub taxpayer: TaxpayerId,
    /// UUID, lower case.
    pub uuid: String,
    /// RFC of the issuer.
    pub issuer: String,
    /// Name of the issuer.
    pub issuer_name: String,
    /// RFC of the receiver.
    pub receiver: String,
    /// Name of the receiver.
    pub receiver_name: String,
    /// RFC of the PAC.
    pub pac: String,
    /// Emission, `yyyy-MM-ddTHH:mm:ss`.
    pub issued_at: String,
    /// Stamp, `yyyy-MM-ddTHH:mm:ss`.
    pub stamped_at: String,
    /// Emission month, AAAAMM.
    pub period: i32,
    /// Amount as written.
    pub amount: String,
    /// `EfectoComprobante`.
    pub effect: String,
    /// Current or cancelled. Cancelled never goes back.
    pub status: DocumentStatus,
    /// When it was cancelled.
    pub cancelled_at: Option<String>,
    /// Columns that we do not know, as a JSON object.
    pub extra: String,
    /// Of which of the two services.
    pub family: Family,
    /// The package that brought it.
    pub package: PackageId,
}

/// What writing a batch of rows did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Written {
    /// New rows (or, for metadata, rows that changed).
    pub new: u64,
    /// Rows already here from the same package: an import that is done again.
    pub again: u64,
    /// Rows already here from another package.
    pub duplicates: u64,
    /// Of the new ones, lines that were here in force and are cancelled now.
    pub cancelled: u64,
}

/// An entry that could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuarantineRow {
    /// Whose it is.
    pub taxpayer: TaxpayerId,
    /// The package that holds it.
    pub package: PackageId,
    /// Its entry (or `line n` of a metadata file).
    pub entry: String,
    /// The reason: an error slug.
    pub code: String,
    /// The reason in words, for a person.
    pub detail: String,
}

/// One row of the comparison of metadata and documents.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CompletenessRow {
    /// UUID, lower case.
    pub uuid: String,
    /// RFC of the issuer.
    pub issuer: String,
    /// RFC of the receiver.
    pub receiver: String,
    /// Emission.
    pub issued_at: String,
    /// Amount or total as written.
    pub amount: String,
    /// `I E T N P`.
    pub effect: String,
    /// What the metadata says; `Unknown` when there is no line.
    pub status: DocumentStatus,
    /// Whether metadata names it.
    pub has_metadata: bool,
    /// Whether the document is here.
    pub has_document: bool,
}

/// Which lines of metadata are counted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CountOf {
    /// Of which service.
    pub family: Family,
    /// On which side of the taxpayer.
    pub direction: Direction,
    /// In which state; none means any.
    pub status: Option<DocumentStatus>,
    /// The first second, as text of the rows.
    pub from: DateTime,
    /// The last second.
    pub to: DateTime,
    /// What narrows it; what metadata does not tell (complements) is passed over.
    pub filters: Filters,
}

/// A document that was in force when it was first seen and was found cancelled later.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct LateCancellation {
    /// Its folio.
    pub uuid: String,
    /// Of which service.
    pub family: Family,
    /// RFC of the issuer.
    pub issuer: String,
    /// RFC of the receiver.
    pub receiver: String,
    /// Emission.
    pub issued_at: String,
    /// Amount as written.
    pub amount: String,
    /// When SAT says it was cancelled.
    pub cancelled_at: Option<String>,
    /// When the package that says so was listed to us.
    #[serde(serialize_with = "as_text")]
    pub noticed_at: Timestamp,
    /// Whether its XML is here.
    pub has_document: bool,
}

/// On whose account a document was made, as the third-party file of a metadata package says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ThirdParty {
    /// UUID of the document, lower case.
    pub uuid: String,
    /// RFC of the third party.
    pub rfc: String,
    /// Its name.
    pub name: String,
}
