//! Organisations, the roles that they define, whom they invite, keys of programs, and all of it taken
//! away or destroyed.

//!
//! Reached with `Reach::Platform`: people and what tenants say of their members and programs, and nothing
//! that a tenant owns. A chain is written by naming its tenant for that one entry.

mod api_keys;
mod estate;
mod invitations;
mod persons;
mod roles;
mod tenants;

use crate::db::Db;
use crate::identity::inside;
use crate::reach::Reach;
use crate::tx::SqlTx;
use async_trait::async_trait;
use fedatario_app::identity::ports::Chain;
use fedatario_app::identity::tenancy_ports::{PeopleStore, PeopleTx};
use fedatario_app::model::NewJob;
use fedatario_app::ports::{StoreError, Stored};
use fedatario_audit::Event;
use fedatario_base::id::{JobId, TenantId};
use fedatario_base::{Permission, PlatformScope};
use jiff::Timestamp;
use uuid::Uuid;

/// A transaction over people and organisations.
struct SqlPeopleTx {
    tx: SqlTx,
    writes: bool,
}

impl SqlPeopleTx {
    /// Holds the rows that are read, where this transaction may change them. SQLite has one writer anyway.
    fn holding(&self) -> &'static str {
        if self.writes && !self.tx.work.is_lite() { " for update" } else { "" }
    }

    /// A change that touched one row is done; none means that there is no such row.
    fn touched(&mut self, rows: u64) -> Stored<()> {
        if rows == 1 { Ok(()) } else { Err(self.tx.work.fall(StoreError::NotFound)) }
    }
}

#[async_trait]
impl PeopleStore for Db {
    async fn begin_people(&self, scope: &PlatformScope) -> Stored<Box<dyn PeopleTx>> {
        let tx = inside(self.writing(Reach::Platform).await?, scope);
        Ok(Box::new(SqlPeopleTx { tx, writes: true }))
    }

    async fn read_people(&self, scope: &PlatformScope) -> Stored<Box<dyn PeopleTx>> {
        let tx = inside(self.reading(Reach::Platform).await?, scope);
        Ok(Box::new(SqlPeopleTx { tx, writes: false }))
    }
}

#[async_trait]
impl PeopleTx for SqlPeopleTx {
    async fn append(&mut self, chain: Chain, event: Event, detail: Option<Vec<u8>>) -> Stored<u64> {
        let tenant = match chain {
            Chain::Tenant(id) => id.0,
            Chain::Platform => Uuid::nil(),
        };
        self.tx.work.speak_for(tenant).await?;
        crate::audit::append(&mut self.tx.work, tenant, &event, detail).await
    }

    async fn enqueue(&mut self, tenant: TenantId, job: &NewJob, now: Timestamp) -> Stored<(JobId, bool)> {
        self.tx.enqueue_for(tenant, job, now).await
    }

    async fn commit(self: Box<Self>) -> Stored<()> {
        self.tx.work.commit().await
    }
}

/// Names with blanks between them.
fn joined<T: AsRef<str>>(all: &[T]) -> String {
    all.iter().map(AsRef::as_ref).collect::<Vec<_>>().join(" ")
}

/// Names that were kept with blanks between them.
fn split(text: &str) -> Vec<String> {
    text.split(' ').filter(|it| !it.is_empty()).map(str::to_owned).collect()
}

/// Texts of permissions with blanks between them.
fn texts_of(permissions: &[Permission]) -> String {
    permissions.iter().map(|it| it.text()).collect::<Vec<_>>().join(" ")
}

/// Permissions that were kept. One that this program does not know is left out: it allows nothing.
pub(crate) fn permissions_of(text: &str) -> Vec<Permission> {
    text.split(' ').filter_map(Permission::from_text).collect()
}
