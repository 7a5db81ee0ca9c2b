//! People and how they come in, over SQL.
//!
//! One transaction that touches people, memberships and tenants, and may add to any chain and
//! enqueue for any tenant. A row that decides something is locked when it is read in a transaction
//! that writes, so that on PostgreSQL too nothing changes between what is read and what is written.

mod factors;
mod keys;
mod members;
mod one_times;
mod recoveries;
mod sessions;
mod throttles;
mod users;

pub(crate) use members::insert_grant;
pub(crate) use users::insert_user;

use crate::audit;
use crate::db::Db;
use crate::reach::Reach;
use crate::tx::{SqlTx, Work};
use async_trait::async_trait;
use fedatario_app::identity::ports::{Chain, IdentityStore, IdentityTx};
use fedatario_app::model::NewJob;
use fedatario_app::ports::{Jobs, Stored};
use fedatario_audit::Event;
use fedatario_base::PlatformScope;
use fedatario_base::id::{JobId, TenantId};
use jiff::Timestamp;
use uuid::Uuid;

/// The tenant of what belongs to none.
pub(crate) const PLATFORM: Uuid = Uuid::nil();

/// A transaction over people. Inside is one of a tenant, whose tenant changes with each call that
/// names one; between such calls it is the platform's.
pub(crate) struct IdTx {
    pub(crate) tx: SqlTx,
    /// Whether rows that are read are held.
    pub(crate) writes: bool,
}

impl IdTx {
    /// A statement that reads, with its rows held where the database has such a thing.
    pub(crate) fn holding(&self, plain: &'static str, held: &'static str) -> &'static str {
        if self.writes && !self.tx.work.is_lite() { held } else { plain }
    }
}

/// A transaction over people that works for somebody.
pub(crate) fn inside(work: Work, scope: &PlatformScope) -> SqlTx {
    SqlTx { work, tenant: PLATFORM, originator: scope.actor().originator(), sandbox_only: false }
}

impl SqlTx {
    /// Adds a job of a tenant from a transaction that is of none.
    pub(crate) async fn enqueue_for(&mut self, tenant: TenantId, job: &NewJob, now: Timestamp) -> Stored<(JobId, bool)> {
        self.work.speak_for(tenant.0).await?;
        self.tenant = tenant.0;
        let enqueued = self.enqueue(job, now).await;
        self.tenant = PLATFORM;
        enqueued
    }
}

#[async_trait]
impl IdentityStore for Db {
    async fn begin(&self, scope: &PlatformScope) -> Stored<Box<dyn IdentityTx>> {
        let tx = inside(self.writing(Reach::Platform).await?, scope);
        Ok(Box::new(IdTx { tx, writes: true }))
    }

    async fn read(&self, scope: &PlatformScope) -> Stored<Box<dyn IdentityTx>> {
        let tx = inside(self.reading(Reach::Platform).await?, scope);
        Ok(Box::new(IdTx { tx, writes: false }))
    }
}

#[async_trait]
impl IdentityTx for IdTx {
    async fn append(&mut self, chain: Chain, event: Event, detail: Option<Vec<u8>>) -> Stored<u64> {
        let tenant = match chain {
            Chain::Tenant(tenant) => tenant.0,
            Chain::Platform => PLATFORM,
        };
        self.tx.work.speak_for(tenant).await?;
        audit::append(&mut self.tx.work, tenant, &event, detail).await
    }

    async fn enqueue(&mut self, tenant: TenantId, job: &NewJob, now: Timestamp) -> Stored<(JobId, bool)> {
        self.tx.enqueue_for(tenant, job, now).await
    }

    async fn commit(self: Box<Self>) -> Stored<()> {
        self.tx.work.commit().await
    }
}
