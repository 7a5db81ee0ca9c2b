//! Points around jobs: what is leased, what is begun, what is done.

use super::{OPERATION, reach};
use async_trait::async_trait;
use fedatario_app::jobs::{self, JobFailure};
use fedatario_app::model::ClaimedJob;
use fedatario_app::ports::{self, ClaimFilter, LeaseProof, NextTime, Stored};
use fedatario_base::id::{HolderId, JobId, TenantId};
use fedatario_base::{Scope, SystemScope};
use jiff::Timestamp;
use std::sync::Arc;
use std::time::Duration;

/// A handler whose every operation goes by its name.
pub struct Handler(pub Arc<dyn jobs::Handler>);

/// What a kind of job is called here.
fn name(kind: &str) -> &'static str {
    match kind {
        "sat.ask" => "ask",
        "sat.verify" => "verify",
        "sat.fetch" => "fetch",
        "sat.import" => "import",
        "sat.report" => "report",
        _ => "job",
    }
}

#[async_trait]
impl jobs::Handler for Handler {
    fn kinds(&self) -> &'static [&'static str] {
        self.0.kinds()
    }

    async fn handle(&self, job: &ClaimedJob, scope: Scope) -> Result<(), JobFailure> {
        let of = name(&job.kind);
        reach(of, "begun");
        OPERATION.scope(of, self.0.handle(job, scope)).await?;
        reach(of, "done");
        Ok(())
    }
}

/// The installation's hands, whose claims can be died at.
pub struct System(pub Arc<dyn ports::System>);

#[async_trait]
impl ports::System for System {
    async fn claim(
        &self,
        scope: &SystemScope,
        holder: HolderId,
        filter: &ClaimFilter,
        limit: u32,
        service: Timestamp,
        wall: Timestamp,
        lease: Duration,
    ) -> Stored<Vec<ClaimedJob>> {
        reach("claim", "before");
        let claimed = self.0.claim(scope, holder, filter, limit, service, wall, lease).await?;
        if !claimed.is_empty() {
            reach("claim", "after");
        }
        Ok(claimed)
    }

    async fn heartbeat(&self, scope: &SystemScope, leases: &[LeaseProof], wall: Timestamp, lease: Duration) -> Stored<Vec<JobId>> {
        self.0.heartbeat(scope, leases, wall, lease).await
    }

    async fn release(&self, scope: &SystemScope, dead: &[HolderId]) -> Stored<u64> {
        self.0.release(scope, dead).await
    }

    async fn holders(&self, scope: &SystemScope) -> Stored<Vec<HolderId>> {
        self.0.holders(scope).await
    }

    async fn next_due(&self, scope: &SystemScope, filter: &ClaimFilter) -> Stored<Option<Timestamp>> {
        self.0.next_due(scope, filter).await
    }

    async fn tick(&self, scope: &SystemScope, now: Timestamp, next: &NextTime<'_>) -> Stored<u64> {
        self.0.tick(scope, now, next).await
    }

    async fn tenants(&self, scope: &SystemScope) -> Stored<Vec<(TenantId, String)>> {
        self.0.tenants(scope).await
    }

    async fn add_tenant(&self, scope: &SystemScope, id: TenantId, name: &str, now: Timestamp) -> Stored<()> {
        self.0.add_tenant(scope, id, name, now).await
    }

    async fn setting(&self, scope: &SystemScope, key: &str) -> Stored<Option<String>> {
        self.0.setting(scope, key).await
    }

    async fn set_setting(&self, scope: &SystemScope, key: &str, value: &str) -> Stored<()> {
        self.0.set_setting(scope, key, value).await
    }
}
