//! What the services need from the outside: storage, objects, SAT.
//!
//! `store`, `blobs` and `sat` implement these. Every repository is reached through a [`Tx`], and a
//! `Tx` exists only for a [`Scope`]: each of its methods sees and touches the scope's tenant alone,
//! and somebody else's id is *not found*.

use crate::audit_trail::ports::AuditLog;
use crate::expiry::ports::Notices;
use crate::hooks::ports::Hooks;
use crate::model::*;
use crate::releases::ports::Releases;
use crate::revision::ports::Checks;
use crate::signing::ports::Signatures;
use crate::trust::ports::Revocations;
use async_trait::async_trait;
use fedatario_base::id::{CredentialId, HolderId, JobId, PackageId, SolicitudId, TaxpayerId, TenantId, UserId};
use fedatario_base::{Code, Scope, SystemScope};
use jiff::Timestamp;
use std::time::Duration;

/// Why storage refused or failed.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// No such row in this tenant.
    #[error("not found")]
    NotFound,
    /// The row changed since it was read, or a unique value is taken.
    #[error("conflict: {0}")]
    Conflict(String),
    /// The lease of the job is no longer ours; nothing was written.
    #[error("the lease was lost")]
    LeaseLost,
    /// The database was written by a newer program.
    #[error("the database has a newer schema")]
    SchemaNewer,
    /// The database would not hold tenants apart: row-level security is void for this role, or missing
    /// on a table.
    #[error("the database does not protect tenants from each other: {0}")]
    Unprotected(String),
    /// A stored value that this program does not understand.
    #[error("stored value not understood: {0}")]
    Corrupt(String),
    /// The database cannot be reached or refused.
    #[error("storage unavailable: {0}")]
    Unavailable(String),
}

impl StoreError {
    /// Its place in the table of codes.
    pub fn code(&self) -> Code {
        match self {
            StoreError::NotFound => Code::NotFound,
            StoreError::Conflict(_) => Code::StoreConflict,
            StoreError::LeaseLost => Code::LeaseLost,
            StoreError::SchemaNewer => Code::SchemaNewer,
            StoreError::Unprotected(_) => Code::DatabaseUnprotected,
            StoreError::Corrupt(_) => Code::Internal,
            StoreError::Unavailable(_) => Code::StoreUnavailable,
        }
    }
}

/// What storage answers.
pub type Stored<T> = Result<T, StoreError>;

/// The database, as the services see it.
#[async_trait]
pub trait Store: Send + Sync {
    /// Opens a transaction that writes. Dropping it undoes everything.
    async fn begin(&self, scope: &Scope) -> Stored<Box<dyn Tx>>;

    /// Opens a transaction that only reads: one consistent view, beside any writer.
    async fn read(&self, scope: &Scope) -> Stored<Box<dyn Tx>>;
}

/// One transaction of one tenant.
#[async_trait]
pub trait Tx:
    Taxpayers
    + Credentials
    + Signatures
    + Solicitudes
    + Packages
    + Documents
    + Checks
    + Jobs
    + Schedules
    + Hooks
    + AuditLog
    + Revocations
    + Notices
    + Releases
    + Send
{
    /// Makes everything durable at once.
    async fn commit(self: Box<Self>) -> Stored<()>;
}

/// Fiscal identities.
#[async_trait]
pub trait Taxpayers {
    /// Adds one; a conflict if (kind, tax id) is taken in this tenant.
    async fn add_taxpayer(&mut self, taxpayer: &Taxpayer) -> Stored<()>;
    /// By id.
    async fn taxpayer(&mut self, id: TaxpayerId) -> Stored<Option<Taxpayer>>;
    /// By tax id.
    async fn taxpayer_by_tax_id(&mut self, kind: TaxpayerKind, tax_id: &str) -> Stored<Option<Taxpayer>>;
    /// Those after an id, in order of id.
    async fn taxpayers(&mut self, after: Option<TaxpayerId>, limit: u32) -> Stored<Vec<Taxpayer>>;
}

/// Certificates with their sealed keys.
#[async_trait]
pub trait Credentials {
    /// Puts one in. An active one takes the place of the one in use of its (owner, kind), whose key then
    /// rests until `keep_until`; one that waits takes the place of the one that waited.
    async fn put_credential(&mut self, row: &CredentialRow, keep_until: Timestamp) -> Stored<()>;
    /// Puts one that waits or rests into use, at `now`; the one in use rests until `keep_until`.
    /// `NotFound` if it is in no such state, or marked with a reason not to.
    async fn promote_credential(&mut self, id: CredentialId, now: Timestamp, keep_until: Timestamp) -> Stored<()>;
    /// Forgets the wrapped key of one; `false` if that was done before.
    async fn destroy_credential(&mut self, id: CredentialId) -> Stored<bool>;
    /// By id.
    async fn credential(&mut self, id: CredentialId) -> Stored<Option<CredentialRow>>;
    /// The one in use, blocked or not.
    async fn current_credential(&mut self, owner: Owner, kind: CredentialKind) -> Stored<Option<CredentialRow>>;
    /// Those that a filter lets through, newest first, before an id.
    async fn credentials(
        &mut self,
        filter: &CredentialFilter,
        before: Option<CredentialId>,
        limit: u32,
    ) -> Stored<Vec<CredentialRow>>;
    /// Every one that an owner ever had of a kind, newest first, at most `limit`.
    async fn credential_history(&mut self, owner: Owner, kind: CredentialKind, limit: u32) -> Stored<Vec<CredentialRow>>;
    /// Changes whether it may be used.
    async fn set_credential_state(&mut self, id: CredentialId, state: CredentialState, reason: Option<&str>) -> Stored<()>;
    /// How many have a data key wrapped by an older version than this.
    async fn credentials_behind(&mut self, version: i64) -> Stored<u64>;
    /// Writes down for which RNC a credential signs by delegation.
    async fn add_delegation(&mut self, delegation: &Delegation) -> Stored<()>;
    /// Ends the delegations of a credential for an RNC that run at `at`; how many they were.
    async fn end_delegations(&mut self, credential: CredentialId, rnc: &str, at: Timestamp) -> Stored<u64>;
    /// For which RNC a credential signs or signed by delegation, oldest first.
    async fn delegations(&mut self, credential: CredentialId) -> Stored<Vec<Delegation>>;
    /// How a person signs here.
    async fn signature_config(&mut self, user: UserId) -> Stored<SignatureConfig>;
    /// Changes it; `Conflict` unless the stored revision is `config.revision`, which becomes one more.
    async fn put_signature_config(&mut self, user: UserId, config: &SignatureConfig) -> Stored<()>;
}

/// Requests at SAT.
#[async_trait]
pub trait Solicitudes {
    /// Adds one. `false`, and nothing written, if the identity (taxpayer, family, direction,
    /// content, from, to, counterparties, folio) was ever used.
    async fn add_solicitud(&mut self, solicitud: &Solicitud) -> Stored<bool>;
    /// By id.
    async fn solicitud(&mut self, id: SolicitudId) -> Stored<Option<Solicitud>>;
    /// All of a taxpayer, of one year or all, in order of id.
    async fn solicitudes(&mut self, taxpayer: TaxpayerId, year: Option<i16>) -> Stored<Vec<Solicitud>>;
    /// Writes all but its identity; `Conflict` unless the stored revision is `solicitud.revision`.
    /// The stored revision becomes one more.
    async fn update_solicitud(&mut self, solicitud: &Solicitud) -> Stored<()>;
}

/// Packages of requests.
#[async_trait]
pub trait Packages {
    /// Adds one; `false` if the taxpayer has one of this `id_paquete` already.
    async fn add_package(&mut self, package: &PackageRow) -> Stored<bool>;
    /// By id.
    async fn package(&mut self, id: PackageId) -> Stored<Option<PackageRow>>;
    /// By SAT's id of it.
    async fn package_by_id_paquete(&mut self, taxpayer: TaxpayerId, id_paquete: &str) -> Stored<Option<PackageRow>>;
    /// Those of a request, in order of `id_paquete`.
    async fn packages_of(&mut self, solicitud: SolicitudId) -> Stored<Vec<PackageRow>>;
    /// Writes all but its identity, guarded by `revision` as for requests.
    async fn update_package(&mut self, package: &PackageRow) -> Stored<()>;
}

/// What can be counted about a taxpayer's documents.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DocumentCounts {
    /// Distinct documents of the taxpayer (without foreign ones), of both services.
    pub cfdi: u64,
    /// Distinct UUIDs that metadata names, of both services.
    pub metadata: u64,
    /// Of `cfdi`, those that are Retenciones.
    pub retenciones: u64,
    /// Of `metadata`, those of the service of Retenciones.
    pub retenciones_metadata: u64,
    /// Lines that name a third party, on whose account the document was made.
    pub third_party: u64,
    /// Lines that were here in force and were found cancelled later.
    pub cancelled_late: u64,
    /// CFDI whose parties lack the taxpayer.
    pub foreign: u64,
    /// Entries set aside.
    pub quarantined: u64,
}

/// Documents, metadata, quarantine.
#[async_trait]
pub trait Documents {
    /// Adds those whose UUID the taxpayer lacks; their status comes from metadata already here.
    async fn add_documents(&mut self, rows: &[DocumentRow]) -> Stored<Written>;
    /// Adds or updates lines, and the status of the documents they name. Cancelled wins.
    async fn put_metadata(&mut self, rows: &[MetadataRow]) -> Stored<Written>;
    /// Notes on whose account documents were made, on the lines of that taxpayer that are here; how
    /// many there are.
    async fn put_third_parties(&mut self, taxpayer: TaxpayerId, rows: &[ThirdParty]) -> Stored<u64>;
    /// What the metadata say of one document; none if no line names it.
    async fn metadata_status(&mut self, taxpayer: TaxpayerId, uuid: &str) -> Stored<Option<DocumentStatus>>;
    /// How many lines there are in each stretch of time of this grain, by the stretch's prefix, in
    /// order; stretches without lines are left out.
    async fn count_metadata(&mut self, taxpayer: TaxpayerId, of: &CountOf, grain: Grain) -> Stored<Vec<(String, u64)>>;
    /// The same lines by kind and counterparty.
    async fn share_metadata(&mut self, taxpayer: TaxpayerId, of: &CountOf) -> Stored<Vec<Share>>;
    /// Lines that were in force here and were found cancelled, the last noticed first.
    async fn late_cancellations(&mut self, taxpayer: TaxpayerId, limit: u32) -> Stored<Vec<LateCancellation>>;
    /// Sets an entry aside; once per (package, entry).
    async fn quarantine(&mut self, row: &QuarantineRow) -> Stored<()>;
    /// What is set aside of a taxpayer, at most `limit`.
    async fn quarantined(&mut self, taxpayer: TaxpayerId, limit: u32) -> Stored<Vec<QuarantineRow>>;
    /// One document.
    async fn document(&mut self, taxpayer: TaxpayerId, uuid: &str) -> Stored<Option<DocumentRow>>;
    /// Where the documents lie that a filter lets through, in order of emission and UUID, after one.
    /// Foreign documents are never among them.
    async fn document_keys(
        &mut self,
        taxpayer: TaxpayerId,
        filter: &DocumentFilter,
        after: Option<&DocumentKey>,
        limit: u32,
    ) -> Stored<Vec<DocumentKey>>;
    /// The documents of these UUIDs, whole, in order of UUID; those that are not here are left out.
    async fn documents_named(&mut self, taxpayer: TaxpayerId, uuids: &[&str]) -> Stored<Vec<FoundDocument>>;
    /// Lines of metadata of a period (AAAAMM, both included), in order of UUID, after one.
    async fn metadata_lines(
        &mut self,
        taxpayer: TaxpayerId,
        periods: (i32, i32),
        after: Option<&str>,
        limit: u32,
    ) -> Stored<Vec<MetadataRow>>;
    /// Counts of a taxpayer.
    async fn document_counts(&mut self, taxpayer: TaxpayerId) -> Stored<DocumentCounts>;
    /// Metadata and documents of a period (AAAAMM, both included) side by side, for one service and
    /// direction, in order of UUID, after one.
    async fn completeness(
        &mut self,
        taxpayer: TaxpayerId,
        family: Family,
        direction: Direction,
        periods: (i32, i32),
        after: Option<&str>,
        limit: u32,
    ) -> Stored<Vec<CompletenessRow>>;
}

/// The right to finish a job: its id and the fencing token of the claim.
pub use fedatario_upstream::LeaseProof;

/// Jobs, in the caller's transaction.
#[async_trait]
pub trait Jobs {
    /// Adds one, or finds the open one of the same (kind, key); says which, and whether it is new.
    /// An open one that is found takes over `run` if the new one names a run.
    async fn enqueue(&mut self, job: &NewJob, now: Timestamp) -> Stored<(JobId, bool)>;
    /// Ends a job that is held. `LeaseLost` if it is not: the caller's whole transaction must fall.
    async fn finish_job(&mut self, lease: LeaseProof) -> Stored<()>;
    /// Gives a held job back, to be done again at `due` (service). Not a failure.
    async fn postpone_job(&mut self, lease: LeaseProof, due: Timestamp, why: Option<&str>) -> Stored<()>;
    /// Gives a held job back after a failure.
    async fn fail_job(&mut self, lease: LeaseProof, due: Timestamp, error: &str) -> Stored<()>;
    /// Gives a held job up: kept for a person.
    async fn bury_job(&mut self, lease: LeaseProof, error: &str) -> Stored<()>;
    /// Jobs in a state (or all), newest last, after an id.
    async fn jobs(&mut self, state: Option<JobState>, after: Option<JobId>, limit: u32) -> Stored<Vec<JobView>>;
    /// Jobs that a filter lets through, newest first, before an id.
    async fn jobs_where(&mut self, filter: &JobFilter, before: Option<JobId>, limit: u32) -> Stored<Vec<JobView>>;
    /// By id.
    async fn job(&mut self, id: JobId) -> Stored<Option<JobView>>;
    /// Makes a dead or waiting job due now.
    async fn retry_job(&mut self, id: JobId, now: Timestamp) -> Stored<()>;
    /// Calls a job off that nobody holds.
    async fn cancel_job(&mut self, id: JobId) -> Stored<()>;
    /// How many of a run are open (ready or running).
    async fn open_jobs(&mut self, run: &str) -> Stored<u64>;
}

/// Schedules of a tenant.
#[async_trait]
pub trait Schedules {
    /// Adds or replaces the one of this name.
    async fn put_schedule(&mut self, schedule: &ScheduleRow) -> Stored<()>;
    /// All of them, by name.
    async fn schedules(&mut self) -> Stored<Vec<ScheduleRow>>;
}

/// What a worker asks for.
#[derive(Debug, Clone, Default)]
pub struct ClaimFilter {
    /// Only jobs of this run.
    pub run: Option<String>,
    /// Only jobs of this tenant.
    pub tenant: Option<TenantId>,
    /// Kinds that this worker can do.
    pub kinds: Vec<&'static str>,
}

/// The time of an expression that follows an instant; none if it has none.
pub type NextTime<'a> = dyn Fn(&str, Timestamp) -> Option<Timestamp> + Send + Sync + 'a;

/// The installation's own hands: what happens across tenants, and reads ids only.
#[async_trait]
pub trait System: Send + Sync {
    /// Leases up to `limit` due jobs, taking turns among tenants. A lease ends at `wall + lease`
    /// unless it is extended; a job whose lease ended is claimed again with a higher token, and alone once that
    /// has happened [`crate::jobs::rules::SUSPECT_AFTER`] times in a row.
    #[allow(clippy::too_many_arguments, reason = "two clocks, a bound and a filter: each says what it is")]
    async fn claim(
        &self,
        scope: &SystemScope,
        holder: HolderId,
        filter: &ClaimFilter,
        limit: u32,
        service: Timestamp,
        wall: Timestamp,
        lease: Duration,
    ) -> Stored<Vec<ClaimedJob>>;
    /// Extends leases; answers those that were lost.
    async fn heartbeat(&self, scope: &SystemScope, leases: &[LeaseProof], wall: Timestamp, lease: Duration) -> Stored<Vec<JobId>>;
    /// Ends at once the leases of holders that are known to be dead.
    async fn release(&self, scope: &SystemScope, dead: &[HolderId]) -> Stored<u64>;
    /// Who holds leases now.
    async fn holders(&self, scope: &SystemScope) -> Stored<Vec<HolderId>>;
    /// When the next job that fits is due (service); `None` if none is open. If all that are open
    /// are held, nobody knows: `Timestamp::MAX`.
    async fn next_due(&self, scope: &SystemScope, filter: &ClaimFilter) -> Stored<Option<Timestamp>>;
    /// Makes the jobs of schedules that are due, each once, and moves them to their next time as
    /// `next` computes it from the expression.
    async fn tick(&self, scope: &SystemScope, now: Timestamp, next: &NextTime<'_>) -> Stored<u64>;
    /// Every tenant there is.
    async fn tenants(&self, scope: &SystemScope) -> Stored<Vec<(TenantId, String)>>;
    /// Adds a tenant; a conflict if the name is taken.
    async fn add_tenant(&self, scope: &SystemScope, id: TenantId, name: &str, now: Timestamp) -> Stored<()>;
    /// A setting of the installation.
    async fn setting(&self, scope: &SystemScope, key: &str) -> Stored<Option<String>>;
    /// Writes a setting.
    async fn set_setting(&self, scope: &SystemScope, key: &str, value: &str) -> Stored<()>;
}

/// Who asks SAT, with what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SatAccount {
    /// In whose name.
    pub scope: Scope,
    /// The e.firma.
    pub credential: CredentialId,
    /// The RFC in it.
    pub rfc: String,
    /// Which of the two services.
    pub family: Family,
    /// Where the calls go; the client refuses an address of the other world.
    pub environment: Environment,
}

/// What is asked of `SolicitaDescarga{Emitidos,Recibidos,Folio}`; with a folio, of the last, and
/// nothing else of this counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SatRequest {
    /// From whose side.
    pub direction: Direction,
    /// Documents or metadata.
    pub content: Content,
    /// `EstadoComprobante`.
    pub estado: Estado,
    /// `FechaInicial`, Mexico City civil time.
    pub from: jiff::civil::DateTime,
    /// `FechaFinal`, included.
    pub to: jiff::civil::DateTime,
    /// What narrows it.
    pub filters: Filters,
}

/// SAT's own answer to a request, whatever its code. Code 5000 alone means accepted.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct SatAsked {
    /// `CodEstatus`.
    pub cod_estatus: String,
    /// `Mensaje`.
    pub mensaje: String,
    /// `IdSolicitud`; not a proof of acceptance.
    pub id_solicitud: Option<String>,
}

/// SAT's own answer to a verification.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct SatVerified {
    /// `CodEstatus`: was this call all right.
    pub cod_estatus: String,
    /// `EstadoSolicitud`: where the request stands.
    pub estado: i64,
    /// `CodigoEstadoSolicitud`: why.
    pub codigo_estado: Option<String>,
    /// `NumeroCFDIs`; never decides anything.
    pub numero_cfdis: i64,
    /// `Mensaje`.
    pub mensaje: String,
    /// `IdsPaquetes`, opaque.
    pub packages: Vec<String>,
}

/// SAT's own answer to a download; `kept` when a package came with it and is durable.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct SatDownloaded {
    /// `CodEstatus` of the header.
    pub cod_estatus: String,
    /// `Mensaje`.
    pub mensaje: String,
    /// Where the bytes lie now. `None` with 5000 is an empty `Paquete`.
    pub kept: Option<Kept>,
}

/// Bytes that are durable.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Kept {
    /// Where they lie.
    pub path: String,
    /// SHA-256, lower-case hex.
    pub sha256: String,
    /// How many.
    pub size: u64,
}

/// Why an object could not be kept or read.
#[derive(Debug, thiserror::Error)]
pub enum BlobError {
    /// No object there.
    #[error("no such object")]
    NotFound,
    /// More bytes than the bound allows.
    #[error("the object is over its bound of {0} bytes")]
    TooLarge(u64),
    /// What lies there is not what its name says.
    #[error("the object's bytes do not match its digest")]
    Corrupt,
    /// The place cannot be reached or refused.
    #[error("object storage unavailable: {0}")]
    Unavailable(String),
    /// The place answered, and will not serve us until somebody changes something: a key, a right, a
    /// name, a clock.
    #[error("object storage refuses: {0}")]
    Refused(String),
    /// Not a path of an object.
    #[error("not a path of an object: {0}")]
    Path(String),
}

impl BlobError {
    /// Its place in the table of codes.
    pub fn code(&self) -> Code {
        match self {
            BlobError::NotFound => Code::NotFound,
            BlobError::TooLarge(_) => Code::ArchiveTooLarge,
            BlobError::Corrupt => Code::BlobCorrupt,
            BlobError::Unavailable(_) => Code::BlobUnavailable,
            BlobError::Refused(_) => Code::BlobRefused,
            BlobError::Path(_) => Code::Usage,
        }
    }
}

/// Where the bytes of one download go: each attempt gets its own slot.
#[async_trait]
pub trait Shelf: Send + Sync {
    /// Opens a slot; nothing is visible until it is kept.
    async fn begin(&self) -> Result<Box<dyn Slot>, BlobError>;
}

/// Bytes on their way to being durable. Dropping it leaves nothing behind.
#[async_trait]
pub trait Slot: Send {
    /// Appends.
    async fn write(&mut self, bytes: &[u8]) -> Result<(), BlobError>;
    /// Makes them durable under their final name.
    async fn keep(self: Box<Self>) -> Result<Kept, BlobError>;
}

pub use fedatario_upstream::CallError;

/// SAT's mass download, as the services see it. Every well-formed answer of SAT is `Ok`, with its
/// codes; the services decide what they mean. `subject` names the request or package here: an
/// attempt is recorded under it before the first byte leaves.
#[async_trait]
pub trait Sat: Send + Sync {
    /// Opens a session (or finds the open one); answers when it lapses (wall).
    async fn login(&self, account: &SatAccount) -> Result<Timestamp, CallError>;
    /// Asks. Never repeated: an answer that is not SAT's own is `CallError::Uncertain`.
    async fn ask(
        &self,
        account: &SatAccount,
        request: &SatRequest,
        subject: SolicitudId,
        lease: Option<LeaseProof>,
    ) -> Result<SatAsked, CallError>;
    /// Asks how a request stands.
    async fn verify(
        &self,
        account: &SatAccount,
        id_solicitud: &str,
        subject: SolicitudId,
        lease: Option<LeaseProof>,
    ) -> Result<SatVerified, CallError>;
    /// Fetches a package into a slot of `shelf` and keeps it before answering.
    async fn download(
        &self,
        account: &SatAccount,
        id_paquete: &str,
        subject: PackageId,
        lease: Option<LeaseProof>,
        shelf: &dyn Shelf,
    ) -> Result<SatDownloaded, CallError>;
    /// What is known of the last `ask` for a request: the crash may have come between SAT's answer
    /// and our state. Closes an attempt that is found open; the lease fences whoever held it before.
    async fn recall_ask(
        &self,
        account: &SatAccount,
        subject: SolicitudId,
        lease: Option<LeaseProof>,
    ) -> Result<Recalled<SatAsked>, CallError>;
    /// The same for a download.
    async fn recall_download(
        &self,
        account: &SatAccount,
        subject: PackageId,
        lease: Option<LeaseProof>,
    ) -> Result<Recalled<SatDownloaded>, CallError>;
}

/// What is known of an earlier attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Recalled<T> {
    /// There was none that may have reached them.
    Nothing,
    /// It ended with their answer, which is kept.
    Answered(T),
    /// It may have reached them, and nothing more is known; how many such there were.
    Uncertain(u32),
}

/// Objects, as the services see them.
#[async_trait]
pub trait Blobs: Send + Sync {
    /// Writes a whole small object durably; replaces what was there.
    async fn put(&self, path: &str, bytes: &[u8]) -> Result<(), BlobError>;
    /// Reads a whole small object of at most `at_most` bytes.
    async fn get(&self, path: &str, at_most: u64) -> Result<Vec<u8>, BlobError>;
    /// Opens an object for reading with seeks (archives need them); blocking reads.
    async fn open(&self, path: &str) -> Result<Box<dyn ReadSeek>, BlobError>;
    /// Opens a slot under a folder; `name` makes the final name from the digest.
    async fn slot(&self, folder: &str, name: NameByDigest, at_most: u64) -> Result<Box<dyn Slot>, BlobError>;
    /// The paths under a prefix, in order.
    async fn list(&self, prefix: &str) -> Result<Vec<String>, BlobError>;
    /// Removes an object; nothing there is no error.
    async fn delete(&self, path: &str) -> Result<(), BlobError>;
    /// Bytes that there is room for, where that can be known.
    async fn room(&self) -> Result<Option<u64>, BlobError> {
        Ok(None)
    }
}

/// Makes an object's name from the lower-case hex of its SHA-256.
pub type NameByDigest = Box<dyn Fn(&str) -> String + Send>;

/// Something to read with seeks.
pub trait ReadSeek: std::io::Read + std::io::Seek + Send {}
impl<T: std::io::Read + std::io::Seek + Send> ReadSeek for T {}
