//! Documents found again: what is asked of them, and what a question answers with.

use super::documents::{DocumentRow, DocumentStatus};
use super::requests::Direction;

texts! {
    /// What a document is for: letters of `TipoDeComprobante`, and `R` for every retención.
    DocumentKind {
        /// Ingreso: an invoice.
        Ingreso = "I",
        /// Egreso: a credit note.
        Egreso = "E",
        /// Traslado of goods.
        Traslado = "T",
        /// Nómina.
        Nomina = "N",
        /// Pago of documents paid later.
        Pago = "P",
        /// Constancia de retenciones.
        Retencion = "R",
    }
}

/// What is asked of the documents here; every part narrows, an empty one does not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DocumentFilter {
    /// The taxpayer's part; `None` is any but foreign.
    pub direction: Option<Direction>,
    /// Types of document. None is all.
    pub kinds: Vec<DocumentKind>,
    /// Months of emission, AAAAMM, both included.
    pub periods: (i32, i32),
    /// Emission: from this `yyyy-MM-ddTHH:mm:ss` on, and before that one.
    pub dates: Option<(String, String)>,
    /// Tax id of the other party.
    pub counterparty: Option<String>,
    /// Totals in millionths, both included.
    pub totals: (i64, i64),
    /// Currency code.
    pub currency: Option<String>,
    /// What the metadata says; none is all.
    pub statuses: Vec<DocumentStatus>,
    /// Name of a complement, in any case.
    pub complement: Option<String>,
    /// UUID, lower case.
    pub uuid: Option<String>,
}

impl Default for DocumentFilter {
    fn default() -> Self {
        Self {
            direction: None,
            kinds: Vec::new(),
            periods: (0, i32::MAX),
            dates: None,
            counterparty: None,
            totals: (i64::MIN, i64::MAX),
            currency: None,
            statuses: Vec::new(),
            complement: None,
            uuid: None,
        }
    }
}

/// The place of a document in the order that they are shown in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DocumentKey {
    /// Emission, `yyyy-MM-ddTHH:mm:ss`; empty where it could not be read.
    pub date: String,
    /// UUID, lower case.
    pub uuid: String,
}

/// A document with what the metadata says of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundDocument {
    /// The document.
    pub row: DocumentRow,
    /// What the metadata says.
    pub status: DocumentStatus,
    /// When it was cancelled.
    pub cancelled_at: Option<String>,
}
