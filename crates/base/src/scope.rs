//! Who acts, for which tenant, and what they may do.
//!
//! No repository can be held without a [`Scope`]; only the local shell, a claimed job, a starting
//! process, authentication and (later) signed links make one. [`SystemScope`] claims jobs and ticks
//! schedules: it reads ids across tenants and nothing else. [`PlatformScope`] reaches people and
//! tenants, and nothing that a tenant owns.

use crate::id::{ApiKeyId, JobId, TenantId, UserId};

/// Whoever an audit entry names as the one who acted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Actor {
    /// A signed-in person.
    User(UserId),
    /// A program that showed a key.
    ApiKey(ApiKeyId),
    /// The local shell, by its numeric user id: whoever holds the data holds the house.
    Os(u32),
    /// A job, acting for whoever enqueued it.
    Job {
        /// The job that acts.
        job: JobId,
        /// The text of the actor that enqueued it.
        originator: String,
    },
    /// The installation itself: schedules, recovery.
    System,
}

impl std::fmt::Display for Actor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Actor::User(user) => write!(f, "{user}"),
            Actor::ApiKey(key) => write!(f, "{key}"),
            Actor::Os(uid) => write!(f, "os:{uid}"),
            Actor::Job { job, .. } => write!(f, "{job}"),
            Actor::System => f.write_str("system"),
        }
    }
}

impl Actor {
    /// Who stands behind a job: its originator; for everybody else, themselves.
    pub fn originator(&self) -> String {
        match self {
            Actor::Job { originator, .. } => originator.clone(),
            other => other.to_string(),
        }
    }
}

macro_rules! permissions {
    ($($(#[$doc:meta])* $name:ident = $text:literal;)*) => {
        /// What an actor may do: `PLATFORM_` or `TENANT_`, a noun, a verb.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Permission { $($(#[$doc])* $name),* }

        impl Permission {
            /// Every permission there is.
            pub const ALL: &'static [Permission] = &[$(Permission::$name),*];

            /// Its permanent text, the same in roles, key scopes and the published API.
            pub fn text(self) -> &'static str {
                match self { $(Permission::$name => $text),* }
            }

            /// The permission of a text.
            pub fn from_text(text: &str) -> Option<Permission> {
                Permission::ALL.iter().copied().find(|it| it.text() == text)
            }

            /// Whether it is about the installation rather than about one tenant.
            pub fn is_platform(self) -> bool {
                self.text().starts_with("PLATFORM_")
            }

            /// Every permission within a tenant.
            pub fn of_tenants() -> Vec<Permission> {
                Permission::ALL.iter().copied().filter(|it| !it.is_platform()).collect()
            }
        }
    };
}

permissions! {
    /// See taxpayers and their state.
    TaxpayerRead = "TENANT_TAXPAYER_READ";
    /// Register and change taxpayers.
    TaxpayerWrite = "TENANT_TAXPAYER_WRITE";
    /// See certificates, without their keys.
    CredentialRead = "TENANT_CREDENTIAL_READ";
    /// Put a credential into the vault.
    CredentialUpload = "TENANT_CREDENTIAL_UPLOAD";
    /// Let the vault sign with a credential.
    CredentialSign = "TENANT_CREDENTIAL_SIGN";
    /// Destroy a key.
    CredentialDestroy = "TENANT_CREDENTIAL_DESTROY";
    /// Take key material out of the vault.
    CredentialExport = "TENANT_CREDENTIAL_EXPORT";
    /// Ask SAT for documents.
    SatAsk = "TENANT_SAT_ASK";
    /// Read documents and reports.
    DocumentRead = "TENANT_DOCUMENT_READ";
    /// Bring documents in by hand.
    DocumentImport = "TENANT_DOCUMENT_IMPORT";
    /// Take documents out in bulk.
    DocumentExport = "TENANT_DOCUMENT_EXPORT";
    /// Issue fiscal documents.
    InvoiceEmit = "TENANT_INVOICE_EMIT";
    /// Approve or reject documents of others.
    ApprovalSend = "TENANT_APPROVAL_SEND";
    /// See jobs and schedules.
    JobRead = "TENANT_JOB_READ";
    /// Retry and cancel jobs, change schedules.
    JobManage = "TENANT_JOB_MANAGE";
    /// Read the audit chain.
    AuditRead = "TENANT_AUDIT_READ";
    /// Take the audit chain out of the house.
    AuditExport = "TENANT_AUDIT_EXPORT";
    /// Rotate the tenant's keys.
    KeyRotate = "TENANT_KEY_ROTATE";
    /// See who belongs to the tenant.
    UserRead = "TENANT_USER_READ";
    /// Invite people.
    UserInvite = "TENANT_USER_INVITE";
    /// Disable people, end their sessions, begin the recovery of their factors.
    UserManage = "TENANT_USER_MANAGE";
    /// Define roles and give them to people.
    RoleManage = "TENANT_ROLE_MANAGE";
    /// Make, rotate and revoke API keys.
    ApiKeyManage = "TENANT_API_KEY_MANAGE";
    /// Decide who outside is told of events.
    WebhookManage = "TENANT_WEBHOOK_MANAGE";
    /// Change the tenant's settings and policies.
    SettingsManage = "TENANT_SETTINGS_MANAGE";
    /// Take all of the tenant's data away.
    DataExport = "TENANT_DATA_EXPORT";
    /// Have all of the tenant's data deleted.
    DataDelete = "TENANT_DATA_DELETE";
    /// See the tenants of the installation.
    PlatformTenantRead = "PLATFORM_TENANT_READ";
    /// Make and rename tenants.
    PlatformTenantWrite = "PLATFORM_TENANT_WRITE";
    /// Suspend and resume tenants.
    PlatformTenantSuspend = "PLATFORM_TENANT_SUSPEND";
    /// Give a tenant its plan.
    PlatformTenantPlanAssign = "PLATFORM_TENANT_PLAN_ASSIGN";
    /// Disable and unlock people across tenants.
    PlatformUserManage = "PLATFORM_USER_MANAGE";
    /// Read the installation's figures.
    PlatformMetricsRead = "PLATFORM_METRICS_READ";
    /// Read the installation's own chain.
    PlatformAuditRead = "PLATFORM_AUDIT_READ";
    /// Load what every tenant's documents are judged by: the list of article 69-B, certificates.
    PlatformReferenceLoad = "PLATFORM_REFERENCE_LOAD";
}

impl Permission {
    /// Whether whoever holds it must have a second factor: those who sign, see keys or administer
    /// (ASVS 6.3.3).
    pub fn needs_second_factor(self) -> bool {
        use Permission::*;
        match self {
            TaxpayerRead | CredentialRead | DocumentRead | DocumentImport | DocumentExport | JobRead | AuditRead | UserRead => {
                false
            }
            TaxpayerWrite | SatAsk | ApprovalSend | JobManage => false,
            CredentialUpload | CredentialSign | CredentialDestroy | CredentialExport | InvoiceEmit | AuditExport | KeyRotate => {
                true
            }
            UserInvite | UserManage | RoleManage | ApiKeyManage | WebhookManage | SettingsManage | DataExport | DataDelete => true,
            PlatformTenantRead | PlatformTenantWrite | PlatformTenantSuspend | PlatformTenantPlanAssign => true,
            PlatformUserManage | PlatformMetricsRead | PlatformAuditRead | PlatformReferenceLoad => true,
        }
    }
}

/// A tenant, an actor and what the actor may do there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scope {
    tenant: TenantId,
    actor: Actor,
    permissions: Vec<Permission>,
    sandbox_only: bool,
}

impl Scope {
    /// The local shell: every tenant permission, because whoever holds the data holds the house.
    pub fn shell(tenant: TenantId, uid: u32) -> Self {
        Self { tenant, actor: Actor::Os(uid), permissions: Permission::of_tenants(), sandbox_only: false }
    }

    /// Whoever authentication let in, with what their roles or their key allow.
    pub fn signed_in(tenant: TenantId, actor: Actor, permissions: Vec<Permission>) -> Self {
        Self { tenant, actor, permissions, sandbox_only: false }
    }

    /// The installation itself, for one tenant: what a process settles there when it starts.
    pub fn system(tenant: TenantId) -> Self {
        Self { tenant, actor: Actor::System, permissions: Permission::of_tenants(), sandbox_only: false }
    }

    /// A claimed job, with what its originator might do when it was enqueued.
    pub fn job(tenant: TenantId, job: JobId, originator: String) -> Self {
        Self { tenant, actor: Actor::Job { job, originator }, permissions: Permission::of_tenants(), sandbox_only: false }
    }

    /// A scope with fewer permissions than `self`.
    pub fn only(mut self, allowed: &[Permission]) -> Self {
        self.permissions.retain(|it| allowed.contains(it));
        self
    }

    /// The same, which reaches taxpayers of the sandbox only: others are not found, and none can be added.
    pub fn in_sandbox_only(mut self) -> Self {
        self.sandbox_only = true;
        self
    }

    /// Whether it reaches taxpayers of the sandbox only.
    pub fn is_sandbox_only(&self) -> bool {
        self.sandbox_only
    }

    /// The tenant that every query is bound to.
    pub fn tenant(&self) -> TenantId {
        self.tenant
    }

    /// Who acts.
    pub fn actor(&self) -> &Actor {
        &self.actor
    }

    /// What the actor may do.
    pub fn permissions(&self) -> &[Permission] {
        &self.permissions
    }

    /// Whether the actor may.
    pub fn may(&self, permission: Permission) -> bool {
        self.permissions.contains(&permission)
    }
}

/// The installation's own hands: claims jobs, ticks schedules, reads ids across tenants.
#[derive(Debug, Clone)]
pub struct SystemScope(());

impl SystemScope {
    /// Made once by the process that wires the workers.
    pub fn for_this_process() -> Self {
        Self(())
    }
}

/// Reaches people, their sessions and the list of tenants; never what a tenant owns.
#[derive(Debug, Clone)]
pub struct PlatformScope {
    actor: Actor,
}

impl PlatformScope {
    /// For whoever authentication serves, before and after it knows them: the installation itself.
    pub fn for_authentication() -> Self {
        Self { actor: Actor::System }
    }

    /// For a known actor: somebody signed in, or the local shell.
    pub fn of(actor: Actor) -> Self {
        Self { actor }
    }

    /// Who acts.
    pub fn actor(&self) -> &Actor {
        &self.actor
    }
}
