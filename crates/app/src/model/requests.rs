//! Requests at SAT and their packages: what is asked, for what, and how far it came.

use fedatario_base::id::{PackageId, SolicitudId, TaxpayerId};
use jiff::Timestamp;
use jiff::civil::DateTime;

texts! {
    /// SAT's two families of service, with separate hosts and tokens.
    Family {
        /// CFDI.
        Cfdi = "cfdi",
        /// CFDI de Retenciones e información de pagos.
        Retenciones = "retenciones",
    }
}

texts! {
    /// From whose side documents are asked.
    Direction {
        /// The taxpayer issued them.
        Issued = "issued",
        /// The taxpayer received them.
        Received = "received",
    }
}

texts! {
    /// What a request brings.
    Content {
        /// The documents themselves.
        Cfdi = "cfdi",
        /// One line about each.
        Metadata = "metadata",
    }
}

texts! {
    /// `EstadoComprobante` of a request.
    Estado {
        /// Current and cancelled.
        Todos = "todos",
        /// Current only.
        Vigente = "vigente",
        /// Cancelled only.
        Cancelado = "cancelado",
    }
}

texts! {
    /// What a request was made for.
    Purpose {
        /// A year brought home: it counts in the year's completeness.
        Year = "year",
        /// Somebody asked for just this.
        Request = "request",
        /// Metadata asked once more, so that late cancellations are seen.
        Recheck = "recheck",
    }
}

texts! {
    /// How far a request has come. Names of the design; a request ends in one of the last rows.
    SolicitudState {
        /// Known to be needed, nothing sent.
        Planned = "planned",
        /// An attempt is open.
        Asked = "asked",
        /// SAT has it (state 1).
        Accepted = "accepted",
        /// SAT works on it (state 2).
        Running = "running",
        /// Packages are listed.
        Ready = "ready",
        /// Every package is durable here.
        Fetched = "fetched",
        /// Every package was read.
        Imported = "imported",
        /// Counted in a completeness report.
        Reconciled = "reconciled",
        /// Ended: no documents in the window.
        Empty = "empty",
        /// Ended: refused, with SAT's code.
        Rejected = "rejected",
        /// Ended: packages lapsed (state 6, 5007, 5008); a variant was planned.
        Expired = "expired",
        /// Ended: failed at SAT (state 4); a variant was planned.
        Failed = "failed",
        /// Waits for a person: certificate refused (304, 305) or variants used up.
        Blocked = "blocked",
        /// Ended: asked, answer lost; a variant was planned.
        Uncertain = "uncertain",
        /// Ended: over the maximum; its parts were planned.
        TooLarge = "too_large",
        /// In process for too long; a variant runs beside it.
        Stuck = "stuck",
        /// Ended: the request that ran beside it finished first.
        Superseded = "superseded",
    }
}

impl SolicitudState {
    /// Whether SAT may still change it, or we still have work to do on it.
    pub fn is_open(self) -> bool {
        use SolicitudState::*;
        match self {
            Planned | Asked | Accepted | Running | Ready | Fetched | Stuck => true,
            Imported | Reconciled | Empty | Rejected | Expired | Failed | Blocked | Uncertain | TooLarge | Superseded => false,
        }
    }
}

texts! {
    /// Why one request stands for another.
    Relation {
        /// Answer lost, lapsed, failed or lifetime used up: the same window, widened.
        Variant = "variant",
        /// Stuck: the same window, widened, running beside it.
        Stuck = "stuck",
        /// A part of a window that was too large.
        Part = "part",
        /// The rest of an unfinished year.
        Remainder = "remainder",
    }
}

texts! {
    /// How far a package has come.
    PackageState {
        /// Listed by SAT.
        Known = "known",
        /// Durable here.
        Stored = "stored",
        /// Read into the tables.
        Imported = "imported",
        /// Both downloads were cut.
        Lost = "lost",
        /// Durable, but no archive that can be read; kept.
        Unreadable = "unreadable",
    }
}

/// A mass-download request at SAT, as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Solicitud {
    /// Its id here.
    pub id: SolicitudId,
    /// For whom.
    pub taxpayer: TaxpayerId,
    /// At which service.
    pub family: Family,
    /// From whose side.
    pub direction: Direction,
    /// What it brings.
    pub content: Content,
    /// `EstadoComprobante`.
    pub estado: Estado,
    /// What narrows it beyond its window.
    pub filters: Filters,
    /// What it was made for.
    pub purpose: Purpose,
    /// Start of the window that is meant.
    pub base_from: DateTime,
    /// Start of the window that is asked: `base_from` minus `k` seconds.
    pub from: DateTime,
    /// End of the window, included.
    pub to: DateTime,
    /// Which variant of the window: 0 is as meant.
    pub k: u32,
    /// The fiscal year it was planned for.
    pub year: i16,
    /// How far it has come.
    pub state: SolicitudState,
    /// `IdSolicitud`, once SAT gave one.
    pub authority_id: Option<String>,
    /// SAT's last codes and words: `CodEstatus`, `EstadoSolicitud`, `CodigoEstadoSolicitud`, `Mensaje`.
    pub codes: AuthorityCodes,
    /// `NumeroCFDIs`; never decides anything.
    pub announced: Option<i64>,
    /// Why it waits for a person, when that is not SAT's doing: an error slug and words.
    pub problem: Option<String>,
    /// The request that it stands for.
    pub replaces: Option<SolicitudId>,
    /// Why it stands for it.
    pub relation: Option<Relation>,
    /// Whose jobs these are: the run that planned it.
    pub run: String,
    /// When SAT accepted it (service).
    pub accepted_at: Option<Timestamp>,
    /// When it ended (service).
    pub ended_at: Option<Timestamp>,
    /// How often it was verified.
    pub checks: u32,
    /// When it is verified next (service).
    pub next_check: Option<Timestamp>,
    /// Grows by one at each write; a writer that read an older one is refused.
    pub revision: i64,
    /// When it was planned (wall).
    pub created: Timestamp,
}

/// SAT's own codes and words, kept beside ours.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
pub struct AuthorityCodes {
    /// `CodEstatus`: was this call all right.
    pub cod_estatus: Option<String>,
    /// `EstadoSolicitud`: where the request stands.
    pub estado: Option<i64>,
    /// `CodigoEstadoSolicitud`: why.
    pub codigo_estado: Option<String>,
    /// `Mensaje`.
    pub mensaje: Option<String>,
    /// How many answers in a row were refusals or unexplained; a good one starts anew.
    #[serde(default)]
    pub odd_in_a_row: u32,
}

/// A package of a request, as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PackageRow {
    /// Its id here.
    pub id: PackageId,
    /// The request it belongs to; none for a package given by hand.
    pub solicitud: Option<SolicitudId>,
    /// Whose it is.
    pub taxpayer: TaxpayerId,
    /// SAT's id of it, opaque; `import-{sha256}` for one given by hand.
    pub id_paquete: String,
    /// What it holds.
    pub content: Content,
    /// How far it has come.
    pub state: PackageState,
    /// Where its bytes lie.
    pub path: Option<String>,
    /// SHA-256 of its bytes.
    pub sha256: Option<[u8; 32]>,
    /// Its size in bytes.
    pub size: Option<i64>,
    /// What its import found.
    pub tally: Tally,
    /// Why it is lost or unreadable: an error slug.
    pub problem: Option<String>,
    /// Grows by one at each write.
    pub revision: i64,
}

/// What an import found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
pub struct Tally {
    /// Entries of the archive that were looked at.
    pub files: u64,
    /// CFDI that are new here.
    pub cfdi: u64,
    /// Metadata lines that are new or changed something.
    pub metadata: u64,
    /// CFDI or lines already here from another package.
    pub duplicates: u64,
    /// Entries that could not be read, kept apart with the reason.
    pub quarantined: u64,
    /// CFDI whose parties lack the taxpayer.
    pub foreign: u64,
    /// Any other entry.
    pub ignored: u64,
    /// Lines that were here in force and are cancelled now; among `metadata` too.
    #[serde(default)]
    pub cancelled: u64,
}

impl std::ops::AddAssign for Tally {
    fn add_assign(&mut self, more: Self) {
        self.files += more.files;
        self.cfdi += more.cfdi;
        self.metadata += more.metadata;
        self.duplicates += more.duplicates;
        self.quarantined += more.quarantined;
        self.foreign += more.foreign;
        self.ignored += more.ignored;
        self.cancelled += more.cancelled;
    }
}

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
