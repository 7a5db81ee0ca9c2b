//! What a revision needs from the outside: SAT's public doors, what is kept of documents, and what
//! the installation knows of the world.

use super::model::*;
use crate::model::Environment;
use crate::ports::{CallError, Stored};
use async_trait::async_trait;
use fedatario_base::SystemScope;
use fedatario_base::id::{ListId, PackageId, RevisionId, TaxpayerId};
use fedatario_fiscal::mx::expresion::Facts;

/// SAT's answer about one document, in its own words; an empty text is a field that was empty or
/// absent.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
pub struct StatusAnswer {
    /// `CodigoEstatus`: was it found.
    pub codigo_estatus: String,
    /// `Estado`: current or cancelled.
    pub estado: String,
    /// `EsCancelable`.
    pub es_cancelable: String,
    /// `EstatusCancelacion`: how far a cancellation has come.
    pub estatus_cancelacion: String,
    /// `ValidacionEFOS`: whether somebody in it is on the list of 69-B.
    pub validacion_efos: String,
}

/// SAT's public doors. Everything here may be asked again freely.
#[async_trait]
pub trait Counter: Send + Sync {
    /// Asks how a document stands.
    async fn status(&self, environment: Environment, facts: &Facts) -> Result<StatusAnswer, CallError>;
    /// The certificate of a number, DER; none if there is no such.
    async fn certificate(&self, environment: Environment, number: &str) -> Result<Option<Vec<u8>>, CallError>;
    /// The list of article 69-B: the address that it came from, and a file without a name that holds it.
    async fn list(&self, environment: Environment, address: Option<&str>) -> Result<(String, std::fs::File), CallError>;
}

/// Emission, both ends included, as text: `yyyy-MM-ddTHH:mm:ss` sorts by time.
pub type Dates<'a> = (&'a str, &'a str);

/// What is kept of documents that were looked at.
#[async_trait]
pub trait Checks {
    /// Packages of CFDI that were read, in order of id, after one.
    async fn readable_packages(
        &mut self,
        taxpayer: TaxpayerId,
        after: Option<PackageId>,
        limit: u32,
    ) -> Stored<Vec<ReadablePackage>>;
    /// Keeps that all of a package was judged under this knowledge, and how many documents wanted
    /// certificates.
    async fn mark_package(&mut self, package: PackageId, knowledge: &str, wanting: u64) -> Stored<()>;
    /// What the tables know of these documents; unknown ones are left out.
    async fn briefs(&mut self, taxpayer: TaxpayerId, uuids: &[&str]) -> Stored<Vec<Brief>>;
    /// Keeps what became of seals; the last word counts.
    async fn put_seal_checks(&mut self, taxpayer: TaxpayerId, rows: &[SealCheck]) -> Stored<()>;
    /// Keeps what SAT answered; the last word counts.
    async fn put_status_checks(&mut self, taxpayer: TaxpayerId, rows: &[StatusCheck]) -> Stored<()>;
    /// Documents of the taxpayer that SAT may be asked about, in order of UUID, after one.
    async fn askable(&mut self, taxpayer: TaxpayerId, dates: Dates<'_>, after: &str, limit: u32) -> Stored<Vec<Askable>>;
    /// Documents of which something other than good is known, in order of UUID, after one.
    async fn suspects(&mut self, taxpayer: TaxpayerId, dates: Dates<'_>, after: &str, limit: u32) -> Stored<Vec<Suspect>>;
    /// How many documents ended in which way.
    async fn seal_counts(&mut self, taxpayer: TaxpayerId, dates: Dates<'_>) -> Stored<Vec<SealCount>>;
    /// Issuers of received and receivers of issued documents that stand on the current list, by RFC.
    async fn listed_counterparties(&mut self, taxpayer: TaxpayerId, dates: Dates<'_>) -> Stored<Vec<ListedCounterparty>>;
    /// Keeps a run, new or again.
    async fn put_run(&mut self, run: &RunRow) -> Stored<()>;
    /// A run, by id.
    async fn run(&mut self, id: RevisionId) -> Stored<Option<RunRow>>;
    /// Runs of a taxpayer, newest first.
    async fn runs(&mut self, taxpayer: TaxpayerId, limit: u32) -> Stored<Vec<RunRow>>;
    /// Adds findings to a run; one whose place is taken replaces it: the run was begun again.
    async fn add_findings(&mut self, run: RevisionId, rows: &[FindingRow]) -> Stored<()>;
    /// Findings of a run, in order, after one.
    async fn findings(&mut self, run: RevisionId, after: u64, limit: u32) -> Stored<Vec<FindingRow>>;
}

/// What the installation knows of the world: certificates and lists that everybody may see. They
/// belong to no tenant.
#[async_trait]
pub trait Registry: Send + Sync {
    /// Those of these numbers that are at hand.
    async fn certificates(&self, scope: &SystemScope, numbers: &[&str]) -> Stored<Vec<KnownCertificate>>;
    /// Adds those whose number is not taken; how many were new.
    async fn put_certificates(&self, scope: &SystemScope, rows: &[KnownCertificate]) -> Stored<u64>;
    /// How many are at hand; it only grows.
    async fn count_certificates(&self, scope: &SystemScope) -> Stored<u64>;
    /// Adds rows to a list that nobody sees yet.
    async fn add_listed(&self, scope: &SystemScope, list: ListId, rows: &[EfosRow]) -> Stored<()>;
    /// Makes a list the one that counts, and forgets the rows of all others. A conflict, and nothing
    /// changes, if not all of its rows are there: another list was published meanwhile.
    async fn publish_list(&self, scope: &SystemScope, list: &EfosList) -> Stored<()>;
    /// The list that counts.
    async fn current_list(&self, scope: &SystemScope) -> Stored<Option<EfosList>>;
    /// Its rows, of one RFC or all, in order of (RFC, place), after one.
    async fn listed(&self, scope: &SystemScope, rfc: Option<&str>, after: Option<(&str, u64)>, limit: u32) -> Stored<Vec<EfosRow>>;
}
