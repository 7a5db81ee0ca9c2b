//! The table of error codes: one slug for each thing that can go wrong, unique and permanent.
//!
//! A slug is for programs; its sentence for people is in `texts/*.ftl`, and `docs/errors/<slug>.md`
//! says what to do. Every error enum of the workspace maps to this table by an exhaustive match. A
//! slug is never reused and never changes meaning; the snapshot in the tests proves it.

/// Whose fault it is, so that a reader knows where to look first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// The caller: input, usage, order of steps.
    Caller,
    /// The authority or another outside party.
    Authority,
    /// This installation: its storage, configuration, keys.
    Installation,
}

/// Exit codes of the shell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Done.
    Good = 0,
    /// Done, and something was found: incomplete, invalid, broken.
    Finding = 1,
    /// Bad input or usage.
    Usage = 2,
    /// The authority refused.
    Refused = 3,
    /// Try again later.
    Later = 4,
}

macro_rules! codes {
    ($($name:ident = $slug:literal, $http:literal, $exit:ident, $source:ident, $retry:literal;)*) => {
        /// An error code; [`Code::slug`] is its permanent name.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[expect(missing_docs, reason = "the slug says it, and docs/errors has a page for each")]
        pub enum Code { $($name),* }

        impl Code {
            /// Every code there is, in the order of the table.
            pub const ALL: &'static [Code] = &[$(Code::$name),*];

            /// Its permanent name.
            pub fn slug(self) -> &'static str { match self { $(Code::$name => $slug),* } }
            /// The status it has over HTTP.
            pub fn http_status(self) -> u16 { match self { $(Code::$name => $http),* } }
            /// The exit code it gives the shell.
            pub fn exit(self) -> Exit { match self { $(Code::$name => Exit::$exit),* } }
            /// Whose fault it is.
            pub fn source(self) -> Source { match self { $(Code::$name => Source::$source),* } }
            /// Whether the same call may succeed later, unchanged.
            pub fn retryable(self) -> bool { match self { $(Code::$name => $retry),* } }
            /// The code of a slug.
            pub fn from_slug(slug: &str) -> Option<Code> { Code::ALL.iter().copied().find(|it| it.slug() == slug) }
        }
    };
}

codes! {
    // Usage and configuration.
    Usage = "usage", 400, Usage, Caller, false;
    ConfigInvalid = "config_invalid", 500, Usage, Installation, false;
    TenantRequired = "tenant_required", 400, Usage, Caller, false;
    EnvironmentMismatch = "environment_mismatch", 422, Usage, Caller, false;
    DataForeign = "data_foreign", 422, Usage, Caller, false;
    ClockOffsetRefused = "clock_offset_refused", 422, Usage, Caller, false;
    PermissionDenied = "permission_denied", 403, Usage, Caller, false;
    NotFound = "not_found", 404, Usage, Caller, false;
    IdFormat = "id_format", 400, Usage, Caller, false;
    // The API.
    Unauthenticated = "unauthenticated", 401, Usage, Caller, false;
    TenantMismatch = "tenant_mismatch", 403, Usage, Caller, false;
    StepUpRequired = "step_up_required", 403, Usage, Caller, false;
    RateLimited = "rate_limited", 429, Later, Caller, true;
    MethodNotAllowed = "method_not_allowed", 405, Usage, Caller, false;
    TargetTooLong = "target_too_long", 414, Usage, Caller, false;
    HeaderInvalid = "header_invalid", 400, Usage, Caller, false;
    HeadersTooLarge = "headers_too_large", 431, Usage, Caller, false;
    QueryInvalid = "query_invalid", 400, Usage, Caller, false;
    CursorInvalid = "cursor_invalid", 400, Usage, Caller, false;
    MediaType = "media_type", 415, Usage, Caller, false;
    BodyTooLarge = "body_too_large", 413, Usage, Caller, false;
    BodySlow = "body_slow", 408, Later, Caller, true;
    BodyBroken = "body_broken", 400, Usage, Caller, false;
    JsonMalformed = "json_malformed", 400, Usage, Caller, false;
    FieldInvalid = "field_invalid", 422, Usage, Caller, false;
    FieldUnknown = "field_unknown", 422, Usage, Caller, false;
    FieldMissing = "field_missing", 422, Usage, Caller, false;
    PreconditionRequired = "precondition_required", 428, Usage, Caller, false;
    PreconditionFailed = "precondition_failed", 412, Usage, Caller, false;
    IdempotencyKey = "idempotency_key", 400, Usage, Caller, false;
    IdempotencyReused = "idempotency_reused", 422, Usage, Caller, false;
    IdempotencyInFlight = "idempotency_in_flight", 409, Later, Caller, true;
    IdempotencyInterrupted = "idempotency_interrupted", 409, Finding, Installation, false;
    AlreadyCreated = "already_created", 409, Usage, Caller, false;
    ShuttingDown = "shutting_down", 503, Later, Installation, true;
    // People, and how they come in.
    EmailFormat = "email_format", 422, Usage, Caller, false;
    PasswordShort = "password_short", 422, Usage, Caller, false;
    PasswordLong = "password_long", 422, Usage, Caller, false;
    PasswordWeak = "password_weak", 422, Usage, Caller, false;
    LoginRefused = "login_refused", 401, Usage, Caller, false;
    MfaRefused = "mfa_refused", 401, Usage, Caller, false;
    MfaRequired = "mfa_required", 403, Usage, Caller, false;
    RefreshRefused = "refresh_refused", 401, Usage, Caller, false;
    OneTimeRefused = "one_time_refused", 422, Usage, Caller, false;
    SessionRequired = "session_required", 403, Usage, Caller, false;
    FactorState = "factor_state", 409, Usage, Caller, false;
    RecoveryElsewhere = "recovery_elsewhere", 409, Usage, Caller, false;
    PasskeyOrigin = "passkey_origin", 409, Usage, Installation, false;
    TooManyAttempts = "too_many_attempts", 429, Later, Caller, true;
    Busy = "busy", 503, Later, Installation, true;
    // Identities of taxpayers.
    RfcFormat = "rfc_format", 422, Usage, Caller, false;
    TaxpayerUnknown = "taxpayer_unknown", 404, Usage, Caller, false;
    TaxIdFormat = "tax_id_format", 422, Usage, Caller, false;
    TaxpayerExists = "taxpayer_exists", 409, Usage, Caller, false;
    TaxpayerName = "taxpayer_name", 422, Usage, Caller, false;
    // People, organisations, keys of programs.
    PermissionExceeds = "permission_exceeds", 403, Usage, Caller, false;
    PermissionUnknown = "permission_unknown", 422, Usage, Caller, false;
    RoleUnknown = "role_unknown", 422, Usage, Caller, false;
    RoleFormat = "role_format", 422, Usage, Caller, false;
    RoleExists = "role_exists", 409, Usage, Caller, false;
    RoleInUse = "role_in_use", 409, Usage, Caller, false;
    GrantFormat = "grant_format", 422, Usage, Caller, false;
    OwnerLast = "owner_last", 409, Usage, Caller, false;
    MemberExists = "member_exists", 409, Usage, Caller, false;
    InvitationInvalid = "invitation_invalid", 422, Usage, Caller, false;
    InvitationForeign = "invitation_foreign", 403, Usage, Caller, false;
    InvitationSignIn = "invitation_sign_in", 409, Usage, Caller, false;
    ApiKeyFormat = "api_key_format", 422, Usage, Caller, false;
    ApiKeyRotating = "api_key_rotating", 409, Usage, Caller, false;
    ApiKeyOver = "api_key_over", 409, Usage, Caller, false;
    TenantExists = "tenant_exists", 409, Usage, Caller, false;
    TenantName = "tenant_name", 422, Usage, Caller, false;
    TenantState = "tenant_state", 409, Usage, Caller, false;
    LegalHold = "legal_hold", 409, Usage, Caller, false;
    SecondPerson = "second_person", 409, Usage, Caller, false;
    ReasonRequired = "reason_required", 422, Usage, Caller, false;
    // Certificates and keys.
    CertificateFormat = "certificate_format", 422, Usage, Caller, false;
    CertificateSubject = "certificate_subject", 422, Usage, Caller, false;
    KeyFormat = "key_format", 422, Usage, Caller, false;
    KeyPassword = "key_password", 422, Usage, Caller, false;
    KeyMismatch = "key_mismatch", 422, Usage, Caller, false;
    Pkcs12Format = "pkcs12_format", 422, Usage, Caller, false;
    Pkcs12Bounds = "pkcs12_bounds", 422, Usage, Caller, false;
    FielRequired = "fiel_required", 422, Usage, Caller, false;
    CertificateExpired = "certificate_expired", 422, Usage, Caller, false;
    CertificateNotYetValid = "certificate_not_yet_valid", 422, Usage, Caller, false;
    CertificateChain = "certificate_chain", 422, Finding, Caller, false;
    CertificatePurpose = "certificate_purpose", 422, Usage, Caller, false;
    CertificateRevoked = "certificate_revoked", 422, Refused, Caller, false;
    RevocationUnknown = "revocation_unknown", 503, Later, Authority, true;
    CertificateTaxpayerMismatch = "certificate_taxpayer_mismatch", 422, Usage, Caller, false;
    CertificateDelegation = "certificate_delegation", 422, Usage, Caller, false;
    CertificatePassword = "certificate_password", 400, Usage, Caller, false;
    CertificateName = "certificate_name", 422, Usage, Caller, false;
    CertificateState = "certificate_state", 409, Usage, Caller, false;
    CertificateBundle = "certificate_bundle", 400, Usage, Caller, false;
    CertificateFileMissing = "certificate_file_missing", 422, Usage, Caller, false;
    TaxpayerRequired = "taxpayer_required", 400, Usage, Caller, false;
    // Vault.
    RootKeyMissing = "root_key_missing", 503, Usage, Installation, false;
    RootKeyWrong = "root_key_wrong", 503, Usage, Installation, false;
    SignerUnavailable = "signer_unavailable", 503, Later, Installation, true;
    BackupBroken = "backup_broken", 422, Usage, Caller, false;
    BackupsOff = "backups_off", 403, Usage, Caller, false;
    BackupState = "backup_state", 409, Usage, Caller, false;
    BackupAsker = "backup_asker", 403, Usage, Caller, false;
    SealBroken = "seal_broken", 500, Finding, Installation, false;
    CredentialMissing = "credential_missing", 404, Usage, Caller, false;
    CredentialBlocked = "credential_blocked", 409, Refused, Authority, false;
    PurposeRefused = "purpose_refused", 403, Usage, Caller, false;
    ProfileRefused = "profile_refused", 422, Usage, Caller, false;
    DocumentForeign = "document_foreign", 403, Usage, Caller, false;
    DocumentSigned = "document_signed", 422, Usage, Caller, false;
    SignatureAbandoned = "signature_abandoned", 409, Later, Caller, true;
    SignatureGrantMissing = "signature_grant_missing", 403, Usage, Caller, false;
    SignatureGrantProfile = "signature_grant_profile", 403, Usage, Caller, false;
    SignatureGrantExpired = "signature_grant_expired", 403, Usage, Caller, false;
    SignatureGrantRevoked = "signature_grant_revoked", 403, Usage, Caller, false;
    SignatureGrantAmount = "signature_grant_amount", 403, Usage, Caller, false;
    SignatureGrantCurrency = "signature_grant_currency", 403, Usage, Caller, false;
    SignatureGrantUnread = "signature_grant_unread", 403, Usage, Caller, false;
    SignatureGrantFormat = "signature_grant_format", 422, Usage, Caller, false;
    CryptoFailed = "crypto_failed", 500, Finding, Installation, false;
    // XML and signatures.
    XmlTooLarge = "xml_too_large", 422, Usage, Caller, false;
    XmlTooDeep = "xml_too_deep", 422, Usage, Caller, false;
    XmlDoctype = "xml_doctype", 422, Usage, Caller, false;
    XmlMalformed = "xml_malformed", 422, Usage, Caller, false;
    SignatureMissing = "signature_missing", 422, Finding, Caller, false;
    SignatureAmbiguous = "signature_ambiguous", 422, Finding, Caller, false;
    SignatureAlgorithm = "signature_algorithm", 422, Finding, Caller, false;
    SignatureReference = "signature_reference", 422, Finding, Caller, false;
    SignatureUntrusted = "signature_untrusted", 422, Finding, Caller, false;
    SignatureInvalid = "signature_invalid", 422, Finding, Caller, false;
    SignatureDigest = "signature_digest", 422, Finding, Caller, false;
    // Fiscal documents, metadata, archives.
    CfdiFormat = "cfdi_format", 422, Usage, Caller, false;
    CfdiUnstamped = "cfdi_unstamped", 422, Usage, Caller, false;
    MetadataFormat = "metadata_format", 422, Usage, Caller, false;
    EfosListFormat = "efos_list_format", 422, Usage, Caller, false;
    LineTooLong = "line_too_long", 422, Usage, Caller, false;
    ArchiveFormat = "archive_format", 422, Usage, Caller, false;
    ArchiveEmpty = "archive_empty", 422, Usage, Caller, false;
    ArchiveTooLarge = "archive_too_large", 422, Usage, Caller, false;
    ArchiveRatio = "archive_ratio", 422, Usage, Caller, false;
    ArchiveEntries = "archive_entries", 422, Usage, Caller, false;
    // Questions about what is here.
    PeriodFormat = "period_format", 422, Usage, Caller, false;
    FilterFormat = "filter_format", 422, Usage, Caller, false;
    OutputFailed = "output_failed", 500, Usage, Installation, false;
    // Windows of requests.
    WindowOrder = "window_order", 422, Usage, Caller, false;
    WindowTooOld = "window_too_old", 422, Usage, Caller, false;
    WindowFuture = "window_future", 422, Usage, Caller, false;
    WindowReceivedCancelled = "window_received_cancelled", 422, Usage, Caller, false;
    WindowAsked = "window_asked", 409, Usage, Caller, false;
    WindowExhausted = "window_exhausted", 409, Refused, Caller, false;
    // What else is asked.
    RequestCounterparties = "request_counterparties", 422, Usage, Caller, false;
    RequestFilter = "request_filter", 422, Usage, Caller, false;
    RequestTooLarge = "request_too_large", 409, Finding, Caller, false;
    // Authorities.
    AuthorityUnreachable = "authority_unreachable", 503, Later, Authority, true;
    AuthorityUnanswered = "authority_unanswered", 504, Later, Authority, false;
    AuthorityThrottled = "authority_throttled", 503, Later, Authority, true;
    AuthoritySession = "authority_session", 502, Refused, Authority, false;
    AuthorityRejected = "authority_rejected", 502, Refused, Authority, false;
    BreakerOpen = "breaker_open", 503, Later, Authority, true;
    LoginCooling = "login_cooling", 503, Later, Authority, true;
    AttemptsExhausted = "attempts_exhausted", 409, Refused, Installation, false;
    SoapMalformed = "soap_malformed", 502, Later, Authority, true;
    PackageTruncated = "package_truncated", 502, Later, Authority, false;
    // Storage and jobs.
    StoreUnavailable = "store_unavailable", 503, Later, Installation, true;
    StoreConflict = "store_conflict", 409, Later, Installation, true;
    SchemaNewer = "schema_newer", 503, Usage, Installation, false;
    DatabaseUnprotected = "database_unprotected", 503, Usage, Installation, false;
    BlobUnavailable = "blob_unavailable", 503, Later, Installation, true;
    BlobRefused = "blob_refused", 503, Later, Installation, true;
    BlobCorrupt = "blob_corrupt", 500, Finding, Installation, false;
    LeaseLost = "lease_lost", 409, Later, Installation, true;
    JobDead = "job_dead", 500, Finding, Installation, false;
    JobState = "job_state", 409, Usage, Caller, false;
    ScheduleFormat = "schedule_format", 422, Usage, Caller, false;
    Internal = "internal", 500, Finding, Installation, false;
    // Mail and webhooks.
    MailUnconfigured = "mail_unconfigured", 503, Later, Installation, true;
    MailAddress = "mail_address", 422, Usage, Caller, false;
    MailRefused = "mail_refused", 502, Refused, Authority, false;
    MailUnavailable = "mail_unavailable", 503, Later, Authority, true;
    WebhookUrl = "webhook_url", 422, Usage, Caller, false;
    WebhookForbidden = "webhook_forbidden", 422, Usage, Caller, false;
    WebhookLimit = "webhook_limit", 409, Usage, Caller, false;
    WebhookUnanswered = "webhook_unanswered", 502, Later, Authority, true;
    // Audit.
    AuditAltered = "audit_altered", 409, Finding, Installation, false;
    AuditGap = "audit_gap", 409, Finding, Installation, false;
    AuditReordered = "audit_reordered", 409, Finding, Installation, false;
    AuditTruncated = "audit_truncated", 409, Finding, Installation, false;
    AuditForeign = "audit_foreign", 409, Finding, Installation, false;
    AuditCheckpoint = "audit_checkpoint", 409, Finding, Installation, false;
    AuditFormat = "audit_format", 422, Usage, Caller, false;
    // Reports.
    ReportIncomplete = "report_incomplete", 409, Finding, Authority, false;
    ReportSignature = "report_signature", 422, Finding, Caller, false;
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn slugs_are_unique_snake_case_and_found_again() {
        let mut seen = BTreeSet::new();
        for code in Code::ALL {
            let slug = code.slug();
            assert!(seen.insert(slug), "{slug} twice");
            assert!(slug.bytes().all(|it| it.is_ascii_lowercase() || it.is_ascii_digit() || it == b'_'), "{slug}");
            assert_eq!(Code::from_slug(slug), Some(*code));
        }
    }

    #[test]
    fn what_may_be_retried_never_tells_the_shell_it_is_final() {
        for code in Code::ALL.iter().filter(|it| it.retryable()) {
            assert_eq!(code.exit(), Exit::Later, "{}", code.slug());
        }
    }
}
