//! What a request asks for beyond its window, and what it was asked for.

pub use fedatario_fiscal::mx::planner::{Grain, Share};

use super::{Content, Direction, DocumentStatus, Estado, Family};
use jiff::Timestamp;
use jiff::civil::DateTime;

/// What narrows a request beyond its window.
///
/// SAT takes two requests for the same whose dates and RFCs agree: counterparties count, the rest
/// does not. A folio makes a request of another kind, without dates.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default, serde::Serialize, serde::Deserialize)]
#[serde(default)]
pub struct Filters {
    /// Receivers of what was issued, or the issuer of what was received; in order, none means all.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub counterparties: Vec<String>,
    /// `TipoComprobante`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// `Complemento`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub complement: Option<String>,
    /// `RfcACuentaTerceros`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub third_party: Option<String>,
    /// UUID of the one document asked for, lower case.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub folio: Option<String>,
}

impl Filters {
    /// Whether nothing is narrowed.
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }
}

/// A window as somebody wants it, before it is planned.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Wanted {
    /// At which service.
    pub family: Family,
    /// From whose side.
    pub direction: Direction,
    /// What it brings.
    pub content: Content,
    /// `EstadoComprobante`.
    pub estado: Estado,
    /// The first second, Mexico City civil time.
    #[serde(serialize_with = "as_text")]
    pub from: DateTime,
    /// The last second.
    #[serde(serialize_with = "as_text")]
    pub to: DateTime,
    /// What narrows it.
    pub filters: Filters,
}

/// Writes a value as people read it.
pub fn as_text<T: std::fmt::Display, S: serde::Serializer>(value: &T, to: S) -> Result<S::Ok, S::Error> {
    to.collect_str(value)
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
