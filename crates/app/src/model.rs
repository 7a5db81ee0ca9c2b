//! What the services keep: taxpayers, credentials, requests, packages, documents, jobs.
//!
//! Plain values without behaviour beyond their texts. Each closed set has one permanent text, the
//! same in SQL, JSON and logs; an unknown text read back is an error, never a default.

use fedatario_base::id::{CredentialId, JobId, PackageId, ScheduleId, SolicitudId, TaxpayerId, TenantId};
use jiff::Timestamp;
use jiff::civil::DateTime;

mod requests;

pub use requests::as_text;
pub use requests::{CountOf, Filters, Grain, LateCancellation, Share, ThirdParty, Wanted};

macro_rules! texts {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $text:literal),* $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name { $($(#[$vdoc])* $variant),* }

        impl $name {
            /// Every value there is.
            pub const ALL: &'static [$name] = &[$($name::$variant),*];

            /// Its permanent text.
            pub fn text(self) -> &'static str { match self { $($name::$variant => $text),* } }

            /// The value of a text, if there is one.
            pub fn from_text(text: &str) -> Option<Self> { match text { $($text => Some($name::$variant),)* _ => None } }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result { f.pad(self.text()) }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> { to.serialize_str(self.text()) }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                let text = <std::borrow::Cow<'de, str>>::deserialize(from)?;
                Self::from_text(&text).ok_or_else(|| serde::de::Error::custom(format!("unknown {}: {text}", stringify!($name))))
            }
        }
    };
}

pub(crate) use texts;

texts! {
    /// Which kind of tax id names a taxpayer.
    TaxpayerKind {
        /// Mexico.
        Rfc = "rfc",
        /// Dominican Republic.
        Rnc = "rnc",
        /// Panama.
        Ruc = "ruc",
    }
}

texts! {
    /// Where a taxpayer's calls go; fixed at registration.
    Environment {
        /// A simulator.
        Sandbox = "sandbox",
        /// The authority itself.
        Production = "production",
    }
}

texts! {
    /// What a credential is for.
    CredentialKind {
        /// SAT's e.firma.
        Fiel = "fiel",
        /// SAT's seal certificate.
        Csd = "csd",
    }
}

texts! {
    /// Whether a credential may be used.
    CredentialState {
        /// The one in use.
        Active = "active",
        /// A newer one took its place.
        Replaced = "replaced",
        /// The authority refused it (304, 305), or an operator did.
        Blocked = "blocked",
    }
}

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

texts! {
    /// Where a job stands.
    JobState {
        /// Waits for its due time.
        Ready = "ready",
        /// Leased by a worker.
        Running = "running",
        /// Finished.
        Done = "done",
        /// Gave up; kept for a person.
        Dead = "dead",
        /// Called off.
        Cancelled = "cancelled",
    }
}

/// A fiscal identity of a tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taxpayer {
    /// Its id.
    pub id: TaxpayerId,
    /// Kind of tax id.
    pub kind: TaxpayerKind,
    /// The tax id, normalised.
    pub tax_id: String,
    /// Name as the certificate or the first document has it.
    pub name: String,
    /// Where its calls go.
    pub environment: Environment,
    /// When it was registered (wall).
    pub created: Timestamp,
}

/// A credential as stored: everything but the key in clear.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CredentialRow {
    /// Its id.
    pub id: CredentialId,
    /// Whose it is.
    pub taxpayer: TaxpayerId,
    /// What it is for.
    pub kind: CredentialKind,
    /// The certificate number, twenty digits.
    pub number: String,
    /// The certificate, DER.
    pub certificate: Vec<u8>,
    /// Validity, from.
    pub not_before: Timestamp,
    /// Validity, to.
    pub not_after: Timestamp,
    /// Whether it may be used.
    pub state: CredentialState,
    /// Why it is blocked, in SAT's code.
    pub reason: Option<String>,
    /// The data key, wrapped by the tenant key.
    pub wrapped_key: Vec<u8>,
    /// Version of the tenant key that wraps it.
    pub key_version: i64,
    /// SHA-256 of the object.
    pub digest: [u8; 32],
    /// Path of the object: the ciphertext of the private key.
    pub object: String,
    /// When it was admitted (wall).
    pub created: Timestamp,
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

/// Work to be done later, in the caller's transaction.
#[derive(Debug, Clone, PartialEq)]
pub struct NewJob {
    /// What is to be done: `sat.ask`, …
    pub kind: &'static str,
    /// Unique among the open jobs of its kind.
    pub key: String,
    /// What the handler needs to know.
    pub payload: serde_json::Value,
    /// Not before (service).
    pub due: Timestamp,
    /// The run it belongs to, if a foreground command waits for it.
    pub run: Option<String>,
}

/// A job that a worker holds.
#[derive(Debug, Clone, PartialEq)]
pub struct ClaimedJob {
    /// Its id.
    pub id: JobId,
    /// Whose it is.
    pub tenant: TenantId,
    /// What is to be done.
    pub kind: String,
    /// Its unique key.
    pub key: String,
    /// What the handler needs to know.
    pub payload: serde_json::Value,
    /// The run it belongs to.
    pub run: Option<String>,
    /// The fencing token of this lease: grows at each claim.
    pub token: i64,
    /// How often it failed so far.
    pub failures: u32,
    /// How often in a row its worker was gone before it ended.
    pub lapses: u32,
    /// When it was due (service).
    pub due: Timestamp,
    /// Text of the actor who enqueued it.
    pub originator: String,
}

/// A job as people see it.
#[derive(Debug, Clone, PartialEq)]
pub struct JobView {
    /// Its id.
    pub id: JobId,
    /// What is to be done.
    pub kind: String,
    /// Its unique key.
    pub key: String,
    /// Where it stands.
    pub state: JobState,
    /// Not before (service).
    pub due: Timestamp,
    /// How often it was claimed.
    pub claims: i64,
    /// How often it failed.
    pub failures: u32,
    /// The last failure: an error slug and words.
    pub error: Option<String>,
    /// The run it belongs to.
    pub run: Option<String>,
}

/// A schedule that makes jobs.
#[derive(Debug, Clone, PartialEq)]
pub struct ScheduleRow {
    /// Its id.
    pub id: ScheduleId,
    /// Unique in the tenant.
    pub name: String,
    /// Five cron fields and an IANA zone: `0 23 * * * America/Mexico_City`.
    pub expression: String,
    /// Kind of the jobs it makes.
    pub kind: String,
    /// Payload of the jobs it makes.
    pub payload: serde_json::Value,
    /// How many seconds later than the expression says it fires, so that many do not at once.
    pub spread_s: u32,
    /// When it fires next (service).
    pub next: Timestamp,
    /// Whether it is on.
    pub enabled: bool,
}
