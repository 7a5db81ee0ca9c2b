//! What organisations, members, roles, invitations and keys of programs need of storage.
//!
//! A [`PeopleTx`] is reached with a [`PlatformScope`] only. Each of its methods that names a tenant
//! touches rows of that tenant alone. Rows are changed first, entries appended last, a tenant's before the
//! platform's: so no two transactions wait for each other in a circle.

use super::model::{MemberState, RoleGrant, User, UserState};
use super::ports::Chain;
use super::tenancy::*;
use crate::model::NewJob;
use crate::ports::Stored;
use async_trait::async_trait;
use fedatario_audit::Event;
use fedatario_base::id::{ApiKeyId, InvitationId, JobId, RoleId, TenantId, UserId};
use fedatario_base::{PlatformScope, Scope};
use jiff::Timestamp;
use tokio::sync::mpsc;

/// The database, as the services of people and organisations see it.
#[async_trait]
pub trait PeopleStore: Send + Sync {
    /// Opens a transaction that writes. Dropping it undoes everything.
    async fn begin_people(&self, scope: &PlatformScope) -> Stored<Box<dyn PeopleTx>>;

    /// Opens a transaction that only reads: one consistent view, beside any writer.
    async fn read_people(&self, scope: &PlatformScope) -> Stored<Box<dyn PeopleTx>>;
}

/// One transaction over organisations and whoever belongs to them.
#[async_trait]
pub trait PeopleTx: Tenants + Persons + Roles + Invitations + ApiKeys + Send {
    /// Adds an entry to a chain, with what is sealed beside it; answers its `n`. Comes last (see above).
    async fn append(&mut self, chain: Chain, event: Event, detail: Option<Vec<u8>>) -> Stored<u64>;
    /// Adds a job of a tenant, or finds the open one of the same (kind, key).
    async fn enqueue(&mut self, tenant: TenantId, job: &NewJob, now: Timestamp) -> Stored<(JobId, bool)>;
    /// Makes everything durable at once.
    async fn commit(self: Box<Self>) -> Stored<()>;
}

/// Somebody, as far as it matters here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// Who.
    pub id: UserId,
    /// Their normalised address of mail.
    pub email: String,
    /// What others call them.
    pub name: String,
    /// `es` or `en`.
    pub language: String,
    /// Whether they may come in.
    pub state: UserState,
    /// Since when they are here (wall).
    pub created: Timestamp,
}

/// People, across tenants.
#[async_trait]
pub trait Persons {
    /// By id.
    async fn person(&mut self, id: UserId) -> Stored<Option<Person>>;
    /// By normalised address.
    async fn person_by_email(&mut self, email: &str) -> Stored<Option<Person>>;
    /// Those after an id, in order of id.
    async fn persons(&mut self, after: Option<UserId>, limit: u32) -> Stored<Vec<Person>>;
    /// Members that count, of people who may come in, who hold a role now; in order of id.
    async fn holders(&mut self, tenant: TenantId, role: &str, now: Timestamp, limit: u32) -> Stored<Vec<Person>>;
    /// Adds one; a conflict if the address is taken.
    async fn add_person(&mut self, user: &User) -> Stored<()>;
    /// Says whether somebody may come in. Their tokens end: the epoch grows.
    async fn set_person_state(&mut self, id: UserId, state: UserState) -> Stored<()>;
    /// Adds a membership; a conflict if there is one.
    async fn add_member(&mut self, tenant: TenantId, user: UserId, now: Timestamp) -> Stored<()>;
    /// Gives a role.
    async fn give_role(&mut self, tenant: TenantId, grant: &RoleGrant) -> Stored<()>;
}

/// Organisations.
#[async_trait]
pub trait Tenants {
    /// Adds one; a conflict if the name is taken.
    async fn add_tenant(&mut self, id: TenantId, name: &str, now: Timestamp) -> Stored<()>;
    /// By id. In a transaction that writes, it is held until the end.
    async fn tenant(&mut self, id: TenantId) -> Stored<Option<Tenant>>;
    /// By name.
    async fn tenant_named(&mut self, name: &str) -> Stored<Option<Tenant>>;
    /// Those after an id, in order of id.
    async fn tenants(&mut self, after: Option<TenantId>, limit: u32) -> Stored<Vec<Tenant>>;
    /// Those that leave, whose time has come, in order of time.
    async fn tenants_due(&mut self, now: Timestamp, limit: u32) -> Stored<Vec<Tenant>>;
    /// Writes all but id and creation, guarded by `revision`. A conflict if the name is taken.
    async fn update_tenant(&mut self, tenant: &Tenant) -> Stored<()>;
    /// In which worlds the taxpayers of a tenant are: (environment, how many).
    async fn worlds(&mut self, id: TenantId) -> Stored<Vec<(String, u64)>>;
    /// People, members that count, keys that are not revoked, over all tenants.
    async fn census(&mut self) -> Stored<Census>;
}

/// How many there are on the installation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize)]
pub struct Census {
    /// Organisations whose data is here.
    pub tenants: u64,
    /// Of them, those that do not work.
    pub tenants_closed: u64,
    /// People.
    pub users: u64,
    /// Of them, those that may not come in.
    pub users_disabled: u64,
    /// Memberships that count.
    pub memberships: u64,
    /// Keys of programs that are not revoked.
    pub api_keys: u64,
}

/// Roles that tenants defined, and who is a member.
#[async_trait]
pub trait Roles {
    /// Adds one; a conflict if the name is taken.
    async fn add_role(&mut self, tenant: TenantId, role: &Role) -> Stored<()>;
    /// By name.
    async fn role(&mut self, tenant: TenantId, name: &str) -> Stored<Option<Role>>;
    /// All of them, by name.
    async fn roles(&mut self, tenant: TenantId) -> Stored<Vec<Role>>;
    /// Writes description and permissions, guarded by `revision`.
    async fn update_role(&mut self, tenant: TenantId, role: &Role) -> Stored<()>;
    /// Takes one away; `NotFound` if there is none.
    async fn remove_role(&mut self, tenant: TenantId, id: RoleId) -> Stored<()>;
    /// Members after an id, in order of id.
    async fn members(&mut self, tenant: TenantId, after: Option<UserId>, limit: u32) -> Stored<Vec<Member>>;
    /// One member.
    async fn member(&mut self, tenant: TenantId, user: UserId) -> Stored<Option<Member>>;
    /// Says whether a membership counts; `NotFound` if there is none.
    async fn set_member_state(&mut self, tenant: TenantId, user: UserId, state: MemberState) -> Stored<()>;
    /// Takes a grant away; `NotFound` if there is none.
    async fn remove_grant(&mut self, tenant: TenantId, user: UserId, id: RoleId) -> Stored<()>;
    /// Grants of a role that are in force or will be.
    async fn count_grants(&mut self, tenant: TenantId, role: &str, now: Timestamp) -> Stored<u64>;
    /// Members that count, of people who may come in, who hold a role now and without an end.
    async fn count_holders(&mut self, tenant: TenantId, role: &str, now: Timestamp) -> Stored<u64>;
}

/// Invitations.
#[async_trait]
pub trait Invitations {
    /// Adds one; whichever is open for the same address is replaced.
    async fn add_invitation(&mut self, invitation: &Invitation) -> Stored<()>;
    /// The newest first, at most `limit`.
    async fn invitations(&mut self, tenant: TenantId, limit: u32) -> Stored<Vec<Invitation>>;
    /// The one of a token, in whatever state. In a transaction that writes, it is held until the end.
    async fn invitation(&mut self, digest: &[u8; 32]) -> Stored<Option<Invitation>>;
    /// Ends an open one; `false` if it is not open.
    async fn end_invitation(
        &mut self,
        tenant: TenantId,
        id: InvitationId,
        state: InvitationState,
        user: Option<UserId>,
        now: Timestamp,
    ) -> Stored<bool>;
}

/// Keys of programs.
#[async_trait]
pub trait ApiKeys {
    /// Adds one with its first secret.
    async fn add_api_key(&mut self, key: &ApiKey, secret: &ApiKeySecret) -> Stored<()>;
    /// By id, of any tenant, with its secrets that have not ended: for the door alone. In a transaction
    /// that writes, it is held until the end.
    async fn api_key(&mut self, id: ApiKeyId, now: Timestamp) -> Stored<Option<(ApiKey, Vec<ApiKeySecret>)>>;
    /// Those of a tenant after an id, in order of id, revoked ones too.
    async fn api_keys(&mut self, tenant: TenantId, after: Option<ApiKeyId>, limit: u32) -> Stored<Vec<ApiKey>>;
    /// How many of a tenant are neither revoked nor past their end.
    async fn count_api_keys(&mut self, tenant: TenantId, now: Timestamp) -> Stored<u64>;
    /// Writes name, scopes, networks, limit, end, step-up and revocation, guarded by `revision`.
    async fn update_api_key(&mut self, key: &ApiKey) -> Stored<()>;
    /// Adds a secret and lets the others end at `overlap`, unless they end before; those that have
    /// ended by `now` are removed.
    async fn add_api_key_secret(
        &mut self,
        tenant: TenantId,
        id: ApiKeyId,
        secret: &ApiKeySecret,
        overlap: Timestamp,
        now: Timestamp,
    ) -> Stored<()>;
    /// Notes that a key was shown.
    async fn note_api_key_use(&mut self, tenant: TenantId, id: ApiKeyId, now: Timestamp, from: &str) -> Stored<()>;
}

/// A table and one of its rows, as JSON: bytes in lower-case hex, everything else as it is stored.
pub type ExportedRow = (String, String);

/// All that a tenant has, at once: taken away, or destroyed.
#[async_trait]
pub trait Estate: Send + Sync {
    /// Sends every row of the scope's tenant, table by table, as of one moment. Wrapped keys, digests of
    /// secrets and sealed sessions are left out. Ends early if nobody listens any more.
    async fn export(&self, scope: &Scope, to: mpsc::Sender<ExportedRow>) -> Stored<()>;

    /// Destroys the rows of the scope's tenant, its keys first among them. Digests of its chain,
    /// checkpoints and its line among the tenants stay, and the platform's chain tells it; how many rows
    /// went. A conflict unless it is leaving, confirmed, due and without legal hold.
    async fn destroy(&self, scope: &Scope, now: Timestamp, event: Event) -> Stored<u64>;
}
