//! The ports that a worker never asks: nothing is there.

use super::world::{Nowhere, Shared};
use async_trait::async_trait;
use fedatario_app::audit_trail::ports::{AuditFound, AuditLog, AuditQuestion, AuditRow, AuditTree};
use fedatario_app::expiry::model::{Ending, Notice, NoticeRow};
use fedatario_app::expiry::ports::Notices;
use fedatario_app::hooks::events::EventKind;
use fedatario_app::hooks::model::*;
use fedatario_app::hooks::ports::Hooks;
use fedatario_app::identity::ports::{IdentityStore, IdentityTx};
use fedatario_app::model::*;
use fedatario_app::ports::*;
use fedatario_app::releases::model::{Backup, BackupState};
use fedatario_app::releases::ports::Releases;
use fedatario_app::revision::model::*;
use fedatario_app::revision::ports::{Checks, Dates};
use fedatario_app::signing::ports::{SignatureRow, Signatures};
use fedatario_app::trust::model::RevocationRow;
use fedatario_app::trust::ports::Revocations;
use fedatario_audit::tree::KeptNode;
use fedatario_audit::{Event, Head};
use fedatario_base::PlatformScope;
use fedatario_base::id::*;
use fedatario_vault::grant::Grant;
use jiff::Timestamp;

#[async_trait]
impl IdentityStore for Nowhere {
    async fn begin(&self, _: &PlatformScope) -> Stored<Box<dyn IdentityTx>> {
        Err(StoreError::NotFound)
    }

    async fn read(&self, _: &PlatformScope) -> Stored<Box<dyn IdentityTx>> {
        Err(StoreError::NotFound)
    }
}

#[async_trait]
impl Taxpayers for Shared {
    async fn add_taxpayer(&mut self, _: &Taxpayer) -> Stored<()> {
        Err(StoreError::NotFound)
    }

    async fn taxpayer(&mut self, _: TaxpayerId) -> Stored<Option<Taxpayer>> {
        Err(StoreError::NotFound)
    }

    async fn taxpayer_by_tax_id(&mut self, _: TaxpayerKind, _: &str) -> Stored<Option<Taxpayer>> {
        Err(StoreError::NotFound)
    }

    async fn taxpayers(&mut self, _: Option<TaxpayerId>, _: u32) -> Stored<Vec<Taxpayer>> {
        Err(StoreError::NotFound)
    }
}

#[async_trait]
impl Credentials for Shared {
    async fn put_credential(&mut self, _: &CredentialRow, _: Timestamp) -> Stored<()> {
        Err(StoreError::NotFound)
    }

    async fn promote_credential(&mut self, _: CredentialId, _: Timestamp, _: Timestamp) -> Stored<()> {
        Err(StoreError::NotFound)
    }

    async fn destroy_credential(&mut self, _: CredentialId) -> Stored<bool> {
        Err(StoreError::NotFound)
    }

    async fn credential(&mut self, _: CredentialId) -> Stored<Option<CredentialRow>> {
        Err(StoreError::NotFound)
    }

    async fn current_credential(&mut self, _: Owner, _: CredentialKind) -> Stored<Option<CredentialRow>> {
        Err(StoreError::NotFound)
    }

    async fn credentials(&mut self, _: &CredentialFilter, _: Option<CredentialId>, _: u32) -> Stored<Vec<CredentialRow>> {
        Err(StoreError::NotFound)
    }

    async fn credential_history(&mut self, _: Owner, _: CredentialKind, _: u32) -> Stored<Vec<CredentialRow>> {
        Err(StoreError::NotFound)
    }

    async fn set_credential_state(&mut self, _: CredentialId, _: CredentialState, _: Option<&str>) -> Stored<()> {
        Err(StoreError::NotFound)
    }

    async fn credentials_behind(&mut self, _: i64) -> Stored<u64> {
        Err(StoreError::NotFound)
    }

    async fn add_delegation(&mut self, _: &Delegation) -> Stored<()> {
        Err(StoreError::NotFound)
    }

    async fn end_delegations(&mut self, _: CredentialId, _: &str, _: Timestamp) -> Stored<u64> {
        Err(StoreError::NotFound)
    }

    async fn delegations(&mut self, _: CredentialId) -> Stored<Vec<Delegation>> {
        Err(StoreError::NotFound)
    }

    async fn signature_config(&mut self, _: UserId) -> Stored<SignatureConfig> {
        Err(StoreError::NotFound)
    }

    async fn put_signature_config(&mut self, _: UserId, _: &SignatureConfig) -> Stored<()> {
        Err(StoreError::NotFound)
    }
}

#[async_trait]
impl Signatures for Shared {
    async fn add_signature_grant(&mut self, _: &Grant) -> Stored<()> {
        Err(StoreError::NotFound)
    }

    async fn signature_grant(&mut self, _: GrantId) -> Stored<Option<Grant>> {
        Err(StoreError::NotFound)
    }

    async fn signature_grants(&mut self, _: Option<GrantId>, _: u32) -> Stored<Vec<Grant>> {
        Err(StoreError::NotFound)
    }

    async fn signature_grants_of(&mut self, _: CredentialId, _: &str) -> Stored<Vec<Grant>> {
        Err(StoreError::NotFound)
    }

    async fn revoke_signature_grant(&mut self, _: GrantId, _: Timestamp) -> Stored<bool> {
        Err(StoreError::NotFound)
    }

    async fn signatures(&mut self, _: CredentialId, _: Option<u64>, _: u32) -> Stored<Vec<SignatureRow>> {
        Err(StoreError::NotFound)
    }
}

#[async_trait]
impl Solicitudes for Shared {
    async fn add_solicitud(&mut self, _: &Solicitud) -> Stored<bool> {
        Err(StoreError::NotFound)
    }

    async fn solicitud(&mut self, _: SolicitudId) -> Stored<Option<Solicitud>> {
        Err(StoreError::NotFound)
    }

    async fn solicitudes(&mut self, _: TaxpayerId, _: Option<i16>) -> Stored<Vec<Solicitud>> {
        Err(StoreError::NotFound)
    }

    async fn update_solicitud(&mut self, _: &Solicitud) -> Stored<()> {
        Err(StoreError::NotFound)
    }
}

#[async_trait]
impl Packages for Shared {
    async fn add_package(&mut self, _: &PackageRow) -> Stored<bool> {
        Err(StoreError::NotFound)
    }

    async fn package(&mut self, _: PackageId) -> Stored<Option<PackageRow>> {
        Err(StoreError::NotFound)
    }

    async fn package_by_id_paquete(&mut self, _: TaxpayerId, _: &str) -> Stored<Option<PackageRow>> {
        Err(StoreError::NotFound)
    }

    async fn packages_of(&mut self, _: SolicitudId) -> Stored<Vec<PackageRow>> {
        Err(StoreError::NotFound)
    }

    async fn update_package(&mut self, _: &PackageRow) -> Stored<()> {
        Err(StoreError::NotFound)
    }
}

#[async_trait]
impl Documents for Shared {
    async fn add_documents(&mut self, _: &[DocumentRow]) -> Stored<Written> {
        Err(StoreError::NotFound)
    }

    async fn put_metadata(&mut self, _: &[MetadataRow]) -> Stored<Written> {
        Err(StoreError::NotFound)
    }

    async fn put_third_parties(&mut self, _: TaxpayerId, _: &[ThirdParty]) -> Stored<u64> {
        Err(StoreError::NotFound)
    }

    async fn metadata_status(&mut self, _: TaxpayerId, _: &str) -> Stored<Option<DocumentStatus>> {
        Err(StoreError::NotFound)
    }

    async fn count_metadata(&mut self, _: TaxpayerId, _: &CountOf, _: Grain) -> Stored<Vec<(String, u64)>> {
        Err(StoreError::NotFound)
    }

    async fn share_metadata(&mut self, _: TaxpayerId, _: &CountOf) -> Stored<Vec<Share>> {
        Err(StoreError::NotFound)
    }

    async fn late_cancellations(&mut self, _: TaxpayerId, _: u32) -> Stored<Vec<LateCancellation>> {
        Err(StoreError::NotFound)
    }

    async fn quarantine(&mut self, _: &QuarantineRow) -> Stored<()> {
        Err(StoreError::NotFound)
    }

    async fn quarantined(&mut self, _: TaxpayerId, _: u32) -> Stored<Vec<QuarantineRow>> {
        Err(StoreError::NotFound)
    }

    async fn document(&mut self, _: TaxpayerId, _: &str) -> Stored<Option<DocumentRow>> {
        Err(StoreError::NotFound)
    }

    async fn document_keys(
        &mut self,
        _: TaxpayerId,
        _: &DocumentFilter,
        _: Option<&DocumentKey>,
        _: u32,
    ) -> Stored<Vec<DocumentKey>> {
        Err(StoreError::NotFound)
    }

    async fn documents_named(&mut self, _: TaxpayerId, _: &[&str]) -> Stored<Vec<FoundDocument>> {
        Err(StoreError::NotFound)
    }

    async fn metadata_lines(&mut self, _: TaxpayerId, _: (i32, i32), _: Option<&str>, _: u32) -> Stored<Vec<MetadataRow>> {
        Err(StoreError::NotFound)
    }

    async fn document_counts(&mut self, _: TaxpayerId) -> Stored<DocumentCounts> {
        Err(StoreError::NotFound)
    }

    async fn completeness(
        &mut self,
        _: TaxpayerId,
        _: Family,
        _: Direction,
        _: (i32, i32),
        _: Option<&str>,
        _: u32,
    ) -> Stored<Vec<CompletenessRow>> {
        Err(StoreError::NotFound)
    }
}

#[async_trait]
impl Schedules for Shared {
    async fn put_schedule(&mut self, _: &ScheduleRow) -> Stored<()> {
        Err(StoreError::NotFound)
    }

    async fn schedules(&mut self) -> Stored<Vec<ScheduleRow>> {
        Err(StoreError::NotFound)
    }
}

#[async_trait]
impl AuditLog for Shared {
    async fn append(&mut self, _: Event, _: Option<Vec<u8>>) -> Stored<u64> {
        Err(StoreError::NotFound)
    }

    async fn audit_head(&mut self) -> Stored<Head> {
        Err(StoreError::NotFound)
    }

    async fn audit_rows(&mut self, _: u64, _: u32) -> Stored<Vec<AuditRow>> {
        Err(StoreError::NotFound)
    }

    async fn add_checkpoint(&mut self, _: u64, _: &str, _: bool) -> Stored<()> {
        Err(StoreError::NotFound)
    }

    async fn checkpoints(&mut self) -> Stored<Vec<(u64, String, bool)>> {
        Err(StoreError::NotFound)
    }

    async fn audit_found(&mut self, _: &AuditQuestion, _: Option<u64>, _: u32) -> Stored<Vec<AuditFound>> {
        Err(StoreError::NotFound)
    }

    async fn audit_tree(&mut self) -> Stored<AuditTree> {
        Err(StoreError::NotFound)
    }

    async fn grow_audit_tree(&mut self, _: u64, _: &AuditTree, _: &[KeptNode]) -> Stored<bool> {
        Err(StoreError::NotFound)
    }

    async fn audit_nodes(&mut self, _: &[(u32, u64)]) -> Stored<Vec<KeptNode>> {
        Err(StoreError::NotFound)
    }
}

#[async_trait]
impl Sat for Nowhere {
    async fn login(&self, _: &SatAccount) -> Result<Timestamp, CallError> {
        Err(CallError::LeaseLost)
    }

    async fn ask(&self, _: &SatAccount, _: &SatRequest, _: SolicitudId, _: Option<LeaseProof>) -> Result<SatAsked, CallError> {
        Err(CallError::LeaseLost)
    }

    async fn verify(&self, _: &SatAccount, _: &str, _: SolicitudId, _: Option<LeaseProof>) -> Result<SatVerified, CallError> {
        Err(CallError::LeaseLost)
    }

    async fn download(
        &self,
        _: &SatAccount,
        _: &str,
        _: PackageId,
        _: Option<LeaseProof>,
        _: &dyn Shelf,
    ) -> Result<SatDownloaded, CallError> {
        Err(CallError::LeaseLost)
    }

    async fn recall_ask(&self, _: &SatAccount, _: SolicitudId, _: Option<LeaseProof>) -> Result<Recalled<SatAsked>, CallError> {
        Err(CallError::LeaseLost)
    }

    async fn recall_download(
        &self,
        _: &SatAccount,
        _: PackageId,
        _: Option<LeaseProof>,
    ) -> Result<Recalled<SatDownloaded>, CallError> {
        Err(CallError::LeaseLost)
    }
}

#[async_trait]
impl Blobs for Nowhere {
    async fn put(&self, _: &str, _: &[u8]) -> Result<(), BlobError> {
        Err(BlobError::NotFound)
    }

    async fn get(&self, _: &str, _: u64) -> Result<Vec<u8>, BlobError> {
        Err(BlobError::NotFound)
    }

    async fn open(&self, _: &str) -> Result<Box<dyn ReadSeek>, BlobError> {
        Err(BlobError::NotFound)
    }

    async fn slot(&self, _: &str, _: NameByDigest, _: u64) -> Result<Box<dyn Slot>, BlobError> {
        Err(BlobError::NotFound)
    }

    async fn list(&self, _: &str) -> Result<Vec<String>, BlobError> {
        Err(BlobError::NotFound)
    }

    async fn delete(&self, _: &str) -> Result<(), BlobError> {
        Err(BlobError::NotFound)
    }
}

#[async_trait]
impl Checks for Shared {
    async fn readable_packages(&mut self, _: TaxpayerId, _: Option<PackageId>, _: u32) -> Stored<Vec<ReadablePackage>> {
        Err(StoreError::NotFound)
    }

    async fn mark_package(&mut self, _: PackageId, _: &str, _: u64) -> Stored<()> {
        Err(StoreError::NotFound)
    }

    async fn briefs(&mut self, _: TaxpayerId, _: &[&str]) -> Stored<Vec<Brief>> {
        Err(StoreError::NotFound)
    }

    async fn put_seal_checks(&mut self, _: TaxpayerId, _: &[SealCheck]) -> Stored<()> {
        Err(StoreError::NotFound)
    }

    async fn put_status_checks(&mut self, _: TaxpayerId, _: &[StatusCheck]) -> Stored<()> {
        Err(StoreError::NotFound)
    }

    async fn askable(&mut self, _: TaxpayerId, _: Dates<'_>, _: &str, _: u32) -> Stored<Vec<Askable>> {
        Err(StoreError::NotFound)
    }

    async fn suspects(&mut self, _: TaxpayerId, _: Dates<'_>, _: &str, _: u32) -> Stored<Vec<Suspect>> {
        Err(StoreError::NotFound)
    }

    async fn seal_counts(&mut self, _: TaxpayerId, _: Dates<'_>) -> Stored<Vec<SealCount>> {
        Err(StoreError::NotFound)
    }

    async fn listed_counterparties(&mut self, _: TaxpayerId, _: Dates<'_>) -> Stored<Vec<ListedCounterparty>> {
        Err(StoreError::NotFound)
    }

    async fn put_run(&mut self, _: &RunRow) -> Stored<()> {
        Err(StoreError::NotFound)
    }

    async fn run(&mut self, _: RevisionId) -> Stored<Option<RunRow>> {
        Err(StoreError::NotFound)
    }

    async fn runs(&mut self, _: TaxpayerId, _: u32) -> Stored<Vec<RunRow>> {
        Err(StoreError::NotFound)
    }

    async fn add_findings(&mut self, _: RevisionId, _: &[FindingRow]) -> Stored<()> {
        Err(StoreError::NotFound)
    }

    async fn findings(&mut self, _: RevisionId, _: u64, _: u32) -> Stored<Vec<FindingRow>> {
        Err(StoreError::NotFound)
    }
}

/// Nobody listens.
#[async_trait]
impl Hooks for Shared {
    async fn webhooks(&mut self) -> Stored<Vec<Webhook>> {
        Ok(Vec::new())
    }

    async fn add_webhook(&mut self, _: &Webhook) -> Stored<()> {
        Err(StoreError::NotFound)
    }

    async fn webhook(&mut self, _: WebhookId) -> Stored<Option<Webhook>> {
        Err(StoreError::NotFound)
    }

    async fn update_webhook(&mut self, _: &Webhook) -> Stored<()> {
        Err(StoreError::NotFound)
    }

    async fn mark_webhook(&mut self, _: WebhookId, _: Option<Timestamp>) -> Stored<()> {
        Err(StoreError::NotFound)
    }

    async fn delete_webhook(&mut self, _: WebhookId) -> Stored<bool> {
        Err(StoreError::NotFound)
    }

    async fn add_event(&mut self, _: &EventRow) -> Stored<()> {
        Err(StoreError::NotFound)
    }

    async fn event(&mut self, _: EventId) -> Stored<Option<EventRow>> {
        Err(StoreError::NotFound)
    }

    async fn events(&mut self, _: Option<EventKind>, _: Option<EventId>, _: u32) -> Stored<Vec<EventRow>> {
        Err(StoreError::NotFound)
    }

    async fn add_delivery(&mut self, _: &Delivery) -> Stored<()> {
        Err(StoreError::NotFound)
    }

    async fn delivery(&mut self, _: DeliveryId) -> Stored<Option<Delivery>> {
        Err(StoreError::NotFound)
    }

    async fn update_delivery(&mut self, _: &Delivery) -> Stored<()> {
        Err(StoreError::NotFound)
    }

    async fn deliveries(&mut self, _: &DeliveryFilter, _: Option<DeliveryId>, _: u32) -> Stored<Vec<Delivery>> {
        Err(StoreError::NotFound)
    }

    async fn prune_events(&mut self, _: Timestamp) -> Stored<u64> {
        Err(StoreError::NotFound)
    }
}

#[async_trait]
impl Revocations for Shared {
    async fn revocation(&mut self, _: &[u8; 32]) -> Stored<Option<RevocationRow>> {
        Err(StoreError::NotFound)
    }

    async fn put_revocation(&mut self, _: &RevocationRow) -> Stored<()> {
        Err(StoreError::NotFound)
    }

    async fn credentials_bearing(&mut self, _: &[u8]) -> Stored<Vec<CredentialRow>> {
        Err(StoreError::NotFound)
    }

    async fn certificates_due(&mut self, _: Timestamp, _: u32) -> Stored<Vec<Vec<u8>>> {
        Err(StoreError::NotFound)
    }
}

#[async_trait]
impl Notices for Shared {
    async fn credentials_ending(&mut self, _: Timestamp, _: Option<CredentialId>, _: u32) -> Stored<Vec<Ending>> {
        Err(StoreError::NotFound)
    }

    async fn add_notices(&mut self, _: &[Notice]) -> Stored<u64> {
        Err(StoreError::NotFound)
    }

    async fn notice(&mut self, _: NoticeId) -> Stored<Option<NoticeRow>> {
        Err(StoreError::NotFound)
    }

    async fn notices(&mut self, _: bool, _: Option<NoticeId>, _: u32) -> Stored<Vec<NoticeRow>> {
        Err(StoreError::NotFound)
    }

    async fn notices_untold(&mut self, _: u32) -> Stored<Vec<NoticeRow>> {
        Err(StoreError::NotFound)
    }

    async fn tell_notice(&mut self, _: NoticeId, _: Timestamp) -> Stored<bool> {
        Err(StoreError::NotFound)
    }

    async fn acknowledge_notice(&mut self, _: NoticeId, _: &str, _: Timestamp) -> Stored<bool> {
        Err(StoreError::NotFound)
    }
}

#[async_trait]
impl Releases for Shared {
    async fn backups_allowed(&mut self) -> Stored<bool> {
        Err(StoreError::NotFound)
    }

    async fn allow_backups(&mut self, _: bool, _: &str, _: Timestamp) -> Stored<()> {
        Err(StoreError::NotFound)
    }

    async fn members_beside(&mut self, _: UserId) -> Stored<u64> {
        Err(StoreError::NotFound)
    }

    async fn lapse_backups(&mut self, _: Timestamp) -> Stored<u64> {
        Err(StoreError::NotFound)
    }

    async fn add_backup(&mut self, _: &Backup) -> Stored<()> {
        Err(StoreError::NotFound)
    }

    async fn backup(&mut self, _: BackupId) -> Stored<Option<Backup>> {
        Err(StoreError::NotFound)
    }

    async fn backups(&mut self, _: Option<BackupId>, _: u32) -> Stored<Vec<Backup>> {
        Err(StoreError::NotFound)
    }

    async fn move_backup(&mut self, _: &Backup, _: BackupState) -> Stored<bool> {
        Err(StoreError::NotFound)
    }
}
