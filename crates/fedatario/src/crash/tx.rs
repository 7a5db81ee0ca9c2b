//! Points before and after every commit, named by what it makes durable.
//!
//! A transaction is watched from its beginning: what was written into it gives its commit a name. A
//! new method of a port costs a line here; the compiler says which.

use super::{operation, reach};
use async_trait::async_trait;
use fedatario_app::audit_trail::ports::{AuditFound, AuditLog, AuditQuestion, AuditRow, AuditTree};
use fedatario_app::expiry::model::{Ending, Notice, NoticeRow};
use fedatario_app::expiry::ports::Notices;
use fedatario_app::hooks::events::EventKind;
use fedatario_app::hooks::model::*;
use fedatario_app::hooks::ports::Hooks;
use fedatario_app::model::*;
use fedatario_app::ports::*;
use fedatario_app::releases::model::{Backup, BackupState};
use fedatario_app::releases::ports::Releases;
use fedatario_app::revision::model::*;
use fedatario_app::revision::ports::{Checks, Dates};
use fedatario_app::signing::ports::{SignatureRow, Signatures};
use fedatario_app::trust::model::RevocationRow;
use fedatario_app::trust::ports::Revocations;
use fedatario_audit as audit;
use fedatario_audit::tree::KeptNode;
use fedatario_base::Scope;
use fedatario_base::id::{
    BackupId, CredentialId, DeliveryId, EventId, GrantId, JobId, NoticeId, PackageId, RevisionId, SolicitudId, TaxpayerId, UserId,
    WebhookId,
};
use fedatario_vault::grant::Grant;
use jiff::Timestamp;
use std::sync::Arc;

/// The database, whose commits can be died at.
pub struct Store(pub Arc<dyn fedatario_app::ports::Store>);

/// What was written so far.
#[derive(Default)]
struct Marks {
    /// What a row becomes, the first that says so.
    becomes: Option<&'static str>,
    /// What was written that is weightier than any row's state.
    whole: Option<&'static str>,
    /// What becomes of the job.
    job: Option<&'static str>,
    told: bool,
}

struct Tx {
    inner: Box<dyn fedatario_app::ports::Tx>,
    marks: Marks,
}

#[async_trait]
impl fedatario_app::ports::Store for Store {
    async fn begin(&self, scope: &Scope) -> Stored<Box<dyn fedatario_app::ports::Tx>> {
        Ok(Box::new(Tx { inner: self.0.begin(scope).await?, marks: Marks::default() }))
    }

    async fn read(&self, scope: &Scope) -> Stored<Box<dyn fedatario_app::ports::Tx>> {
        self.0.read(scope).await
    }
}

impl Marks {
    fn becomes(&mut self, state: &'static str) {
        self.becomes.get_or_insert(state);
    }

    /// The operation and what its commit makes durable; none for one that writes nothing of a life.
    fn name(&self) -> Option<(&'static str, &'static str)> {
        let by = operation();
        match (self.whole, self.becomes, self.job) {
            (Some("register"), ..) => Some(("register", "")),
            (Some("plan"), None, _) if by.is_none() => Some(("plan", "")),
            (Some(whole @ ("batch" | "added")), ..) => Some((by.unwrap_or("hand"), whole)),
            (_, Some(_), Some("given-back")) if by == Some("verify") => Some(("verify", "waiting")),
            (_, Some(state), _) => Some((by.unwrap_or("hand"), state)),
            (_, None, Some("given-back")) => Some(("job", "given-back")),
            (_, None, Some(job)) => Some((by.unwrap_or("job"), job)),
            (Some(_), ..) => None,
            (None, None, None) if self.told => Some(("report", "told")),
            (None, None, None) => None,
        }
    }
}

#[async_trait]
impl fedatario_app::ports::Tx for Tx {
    async fn commit(self: Box<Self>) -> Stored<()> {
        let Some((of, what)) = self.marks.name() else { return self.inner.commit().await };
        let named = |moment: &str| if what.is_empty() { moment.to_owned() } else { format!("{moment}-{what}") };
        reach(of, &named("before-commit"));
        self.inner.commit().await?;
        reach(of, if what == "batch" { "batch-committed".to_owned() } else { named("after-commit") }.as_str());
        Ok(())
    }
}

/// Hands each method on, marking what it writes.
macro_rules! forward {
    ($port:ident { $(fn $method:ident($($arg:ident: $type:ty),*) -> $out:ty $(= |$marks:ident| $mark:expr)?;)* }) => {
        #[async_trait]
        impl $port for Tx {
            $(async fn $method(&mut self, $($arg: $type),*) -> Stored<$out> {
                $({ let $marks = &mut self.marks; $mark; })?
                self.inner.$method($($arg),*).await
            })*
        }
    };
}

forward!(Taxpayers {
    fn add_taxpayer(taxpayer: &Taxpayer) -> () = |it| it.whole.get_or_insert("taxpayer");
    fn taxpayer(id: TaxpayerId) -> Option<Taxpayer>;
    fn taxpayer_by_tax_id(kind: TaxpayerKind, tax_id: &str) -> Option<Taxpayer>;
    fn taxpayers(after: Option<TaxpayerId>, limit: u32) -> Vec<Taxpayer>;
});

forward!(Credentials {
    fn put_credential(row: &CredentialRow, keep_until: Timestamp) -> () = |it| it.whole = Some("register");
    fn promote_credential(id: CredentialId, now: Timestamp, keep_until: Timestamp) -> ();
    fn destroy_credential(id: CredentialId) -> bool;
    fn credential(id: CredentialId) -> Option<CredentialRow>;
    fn current_credential(owner: Owner, kind: CredentialKind) -> Option<CredentialRow>;
    fn credentials(filter: &CredentialFilter, before: Option<CredentialId>, limit: u32) -> Vec<CredentialRow>;
    fn credential_history(owner: Owner, kind: CredentialKind, limit: u32) -> Vec<CredentialRow>;
    fn set_credential_state(id: CredentialId, state: CredentialState, reason: Option<&str>) -> ();
    fn credentials_behind(version: i64) -> u64;
    fn add_delegation(delegation: &Delegation) -> ();
    fn end_delegations(credential: CredentialId, rnc: &str, at: Timestamp) -> u64;
    fn delegations(credential: CredentialId) -> Vec<Delegation>;
    fn signature_config(user: UserId) -> SignatureConfig;
    fn put_signature_config(user: UserId, config: &SignatureConfig) -> ();
});

forward!(Signatures {
    fn add_signature_grant(grant: &Grant) -> ();
    fn signature_grant(id: GrantId) -> Option<Grant>;
    fn signature_grants(before: Option<GrantId>, limit: u32) -> Vec<Grant>;
    fn signature_grants_of(credential: CredentialId, principal: &str) -> Vec<Grant>;
    fn revoke_signature_grant(id: GrantId, now: Timestamp) -> bool;
    fn signatures(credential: CredentialId, before: Option<u64>, limit: u32) -> Vec<SignatureRow>;
});

forward!(Solicitudes {
    fn add_solicitud(solicitud: &Solicitud) -> bool = |it| it.whole.get_or_insert("plan");
    fn solicitud(id: SolicitudId) -> Option<Solicitud>;
    fn solicitudes(taxpayer: TaxpayerId, year: Option<i16>) -> Vec<Solicitud>;
    fn update_solicitud(solicitud: &Solicitud) -> () = |it| it.becomes(solicitud.state.text());
});

forward!(Packages {
    fn add_package(package: &PackageRow) -> bool = |it| if operation().is_none() { it.whole = Some("added") };
    fn package(id: PackageId) -> Option<PackageRow>;
    fn package_by_id_paquete(taxpayer: TaxpayerId, id_paquete: &str) -> Option<PackageRow>;
    fn packages_of(solicitud: SolicitudId) -> Vec<PackageRow>;
    fn update_package(package: &PackageRow) -> () = |it| it.becomes(package.state.text());
});

forward!(Documents {
    fn add_documents(rows: &[DocumentRow]) -> Written = |it| it.whole = Some("batch");
    fn put_metadata(rows: &[MetadataRow]) -> Written = |it| it.whole = Some("batch");
    fn put_third_parties(taxpayer: TaxpayerId, rows: &[ThirdParty]) -> u64 = |it| it.whole = Some("batch");
    fn metadata_status(taxpayer: TaxpayerId, uuid: &str) -> Option<DocumentStatus>;
    fn count_metadata(taxpayer: TaxpayerId, of: &CountOf, grain: Grain) -> Vec<(String, u64)>;
    fn share_metadata(taxpayer: TaxpayerId, of: &CountOf) -> Vec<Share>;
    fn late_cancellations(taxpayer: TaxpayerId, limit: u32) -> Vec<LateCancellation>;
    fn quarantine(row: &QuarantineRow) -> ();
    fn quarantined(taxpayer: TaxpayerId, limit: u32) -> Vec<QuarantineRow>;
    fn document(taxpayer: TaxpayerId, uuid: &str) -> Option<DocumentRow>;
    fn document_keys(taxpayer: TaxpayerId, filter: &DocumentFilter, after: Option<&DocumentKey>, limit: u32) -> Vec<DocumentKey>;
    fn documents_named(taxpayer: TaxpayerId, uuids: &[&str]) -> Vec<FoundDocument>;
    fn metadata_lines(taxpayer: TaxpayerId, periods: (i32, i32), after: Option<&str>, limit: u32) -> Vec<MetadataRow>;
    fn document_counts(taxpayer: TaxpayerId) -> DocumentCounts;
    fn completeness(
        taxpayer: TaxpayerId, family: Family, direction: Direction, periods: (i32, i32), after: Option<&str>, limit: u32
    ) -> Vec<CompletenessRow>;
});

forward!(Checks {
    fn readable_packages(taxpayer: TaxpayerId, after: Option<PackageId>, limit: u32) -> Vec<ReadablePackage>;
    fn mark_package(package: PackageId, knowledge: &str, wanting: u64) -> ();
    fn briefs(taxpayer: TaxpayerId, uuids: &[&str]) -> Vec<Brief>;
    fn put_seal_checks(taxpayer: TaxpayerId, rows: &[SealCheck]) -> ();
    fn put_status_checks(taxpayer: TaxpayerId, rows: &[StatusCheck]) -> ();
    fn askable(taxpayer: TaxpayerId, dates: Dates<'_>, after: &str, limit: u32) -> Vec<Askable>;
    fn suspects(taxpayer: TaxpayerId, dates: Dates<'_>, after: &str, limit: u32) -> Vec<Suspect>;
    fn seal_counts(taxpayer: TaxpayerId, dates: Dates<'_>) -> Vec<SealCount>;
    fn listed_counterparties(taxpayer: TaxpayerId, dates: Dates<'_>) -> Vec<ListedCounterparty>;
    fn put_run(run: &RunRow) -> ();
    fn run(id: RevisionId) -> Option<RunRow>;
    fn runs(taxpayer: TaxpayerId, limit: u32) -> Vec<RunRow>;
    fn add_findings(run: RevisionId, rows: &[FindingRow]) -> ();
    fn findings(run: RevisionId, after: u64, limit: u32) -> Vec<FindingRow>;
});

forward!(Jobs {
    fn enqueue(job: &NewJob, now: Timestamp) -> (JobId, bool);
    fn finish_job(lease: LeaseProof) -> () = |it| it.job = Some("ended");
    fn postpone_job(lease: LeaseProof, due: Timestamp, why: Option<&str>) -> () = |it| it.job = Some("given-back");
    fn fail_job(lease: LeaseProof, due: Timestamp, error: &str) -> () = |it| it.job = Some("given-back");
    fn bury_job(lease: LeaseProof, error: &str) -> () = |it| it.job = Some("given-back");
    fn jobs(state: Option<JobState>, after: Option<JobId>, limit: u32) -> Vec<JobView>;
    fn jobs_where(filter: &JobFilter, before: Option<JobId>, limit: u32) -> Vec<JobView>;
    fn job(id: JobId) -> Option<JobView>;
    fn retry_job(id: JobId, now: Timestamp) -> ();
    fn cancel_job(id: JobId) -> ();
    fn open_jobs(run: &str) -> u64;
});

forward!(Schedules {
    fn put_schedule(schedule: &ScheduleRow) -> ();
    fn schedules() -> Vec<ScheduleRow>;
});

forward!(Hooks {
    fn add_webhook(webhook: &Webhook) -> ();
    fn webhooks() -> Vec<Webhook>;
    fn webhook(id: WebhookId) -> Option<Webhook>;
    fn update_webhook(webhook: &Webhook) -> ();
    fn mark_webhook(id: WebhookId, failing_since: Option<Timestamp>) -> ();
    fn delete_webhook(id: WebhookId) -> bool;
    fn add_event(event: &EventRow) -> ();
    fn event(id: EventId) -> Option<EventRow>;
    fn events(kind: Option<EventKind>, before: Option<EventId>, limit: u32) -> Vec<EventRow>;
    fn add_delivery(delivery: &Delivery) -> ();
    fn delivery(id: DeliveryId) -> Option<Delivery>;
    fn update_delivery(delivery: &Delivery) -> ();
    fn deliveries(filter: &DeliveryFilter, before: Option<DeliveryId>, limit: u32) -> Vec<Delivery>;
    fn prune_events(before: Timestamp) -> u64;
});

forward!(AuditLog {
    fn append(event: audit::Event, detail: Option<Vec<u8>>) -> u64 = |it| it.told = true;
    fn audit_head() -> audit::Head;
    fn audit_rows(from: u64, limit: u32) -> Vec<AuditRow>;
    fn add_checkpoint(size: u64, note: &str, anchored: bool) -> ();
    fn checkpoints() -> Vec<(u64, String, bool)>;
    fn audit_found(question: &AuditQuestion, after: Option<u64>, limit: u32) -> Vec<AuditFound>;
    fn audit_tree() -> AuditTree;
    fn grow_audit_tree(from: u64, tree: &AuditTree, nodes: &[KeptNode]) -> bool;
    fn audit_nodes(places: &[(u32, u64)]) -> Vec<KeptNode>;
});

forward!(Revocations {
    fn revocation(fingerprint: &[u8; 32]) -> Option<RevocationRow>;
    fn put_revocation(row: &RevocationRow) -> ();
    fn credentials_bearing(certificate: &[u8]) -> Vec<CredentialRow>;
    fn certificates_due(now: Timestamp, limit: u32) -> Vec<Vec<u8>>;
});

forward!(Notices {
    fn credentials_ending(before: Timestamp, after: Option<CredentialId>, limit: u32) -> Vec<Ending>;
    fn add_notices(notices: &[Notice]) -> u64;
    fn notice(id: NoticeId) -> Option<NoticeRow>;
    fn notices(open_only: bool, before: Option<NoticeId>, limit: u32) -> Vec<NoticeRow>;
    fn notices_untold(limit: u32) -> Vec<NoticeRow>;
    fn tell_notice(id: NoticeId, now: Timestamp) -> bool;
    fn acknowledge_notice(id: NoticeId, by: &str, now: Timestamp) -> bool;
});

forward!(Releases {
    fn backups_allowed() -> bool;
    fn allow_backups(allowed: bool, by: &str, now: Timestamp) -> ();
    fn members_beside(user: UserId) -> u64;
    fn lapse_backups(now: Timestamp) -> u64;
    fn add_backup(backup: &Backup) -> ();
    fn backup(id: BackupId) -> Option<Backup>;
    fn backups(before: Option<BackupId>, limit: u32) -> Vec<Backup>;
    fn move_backup(backup: &Backup, from: BackupState) -> bool;
});
