//! Who acts, for which tenant, and what they may do.
//!
//! No repository can be held without a [`Scope`]; only the local shell, a claimed job, a starting process and (later)
//! authentication and signed links make one. [`SystemScope`] claims jobs and ticks schedules: it
//! reads ids across tenants and nothing else.

use crate::id::{JobId, TenantId, UserId};

/// Whoever an audit entry names as the one who acted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Actor {
    /// A signed-in person.
    User(UserId),
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
        }
    };
}

permissions! {
    /// See taxpayers and their state.
    TaxpayerRead = "TENANT_TAXPAYER_READ";
    /// Register and change taxpayers.
    TaxpayerWrite = "TENANT_TAXPAYER_WRITE";
    /// Put a credential into the vault.
    CredentialUpload = "TENANT_CREDENTIAL_UPLOAD";
    /// Let the vault sign with a credential.
    CredentialSign = "TENANT_CREDENTIAL_SIGN";
    /// Ask SAT for documents.
    SatAsk = "TENANT_SAT_ASK";
    /// Read documents and reports.
    DocumentRead = "TENANT_DOCUMENT_READ";
    /// Bring documents in by hand.
    DocumentImport = "TENANT_DOCUMENT_IMPORT";
    /// See, retry and cancel jobs.
    JobManage = "TENANT_JOB_MANAGE";
    /// Read the audit chain.
    AuditRead = "TENANT_AUDIT_READ";
    /// Take the audit chain out of the house.
    AuditExport = "TENANT_AUDIT_EXPORT";
    /// Rotate the tenant's keys.
    KeyRotate = "TENANT_KEY_ROTATE";
}

/// A tenant, an actor and what the actor may do there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scope {
    tenant: TenantId,
    actor: Actor,
    permissions: Vec<Permission>,
}

impl Scope {
    /// The local shell: every tenant permission, because whoever holds the data holds the house.
    pub fn shell(tenant: TenantId, uid: u32) -> Self {
        Self { tenant, actor: Actor::Os(uid), permissions: Permission::ALL.to_vec() }
    }

    /// The installation itself, for one tenant: what a process settles there when it starts.
    pub fn system(tenant: TenantId) -> Self {
        Self { tenant, actor: Actor::System, permissions: Permission::ALL.to_vec() }
    }

    /// A claimed job, with what its originator might do when it was enqueued.
    pub fn job(tenant: TenantId, job: JobId, originator: String) -> Self {
        Self { tenant, actor: Actor::Job { job, originator }, permissions: Permission::ALL.to_vec() }
    }

    /// A scope with fewer permissions than `self`.
    pub fn only(mut self, allowed: &[Permission]) -> Self {
        self.permissions.retain(|it| allowed.contains(it));
        self
    }

    /// The tenant that every query is bound to.
    pub fn tenant(&self) -> TenantId {
        self.tenant
    }

    /// Who acts.
    pub fn actor(&self) -> &Actor {
        &self.actor
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
