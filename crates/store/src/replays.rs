//! Calls that named themselves, and what they were answered with.

use crate::db::Db;
use crate::reach::Reach;
use crate::tx::{fetch, run};
use async_trait::async_trait;
use fedatario_app::ports::{StoreError, Stored};
use fedatario_app::replay::{Answered, Claim, KEPT_FOR, Named, Replays, UNDER_WAY};
use fedatario_base::clock::to_millis;
use fedatario_base::{Scope, SystemScope};
use jiff::Timestamp;

/// What is kept of a call.
type Row = (Vec<u8>, i64, Option<i64>, Option<String>, Option<Vec<u8>>);

#[async_trait]
impl Replays for Db {
    async fn claim(&self, scope: &Scope, named: &Named, fingerprint: &[u8; 32], now: Timestamp) -> Stored<Claim> {
        let mut work = self.writing(Reach::Tenant(scope.tenant().0)).await?;
        let claimed = run!(
            work,
            "insert into replays (tenant_id, principal, method, path, key, fingerprint, claimed_ms) \
             values ($1, $2, $3, $4, $5, $6, $7) on conflict do nothing",
            scope.tenant().0,
            &named.principal,
            &named.method,
            &named.path,
            &named.key,
            fingerprint.as_slice(),
            to_millis(now),
        )?;
        if claimed == 1 {
            work.commit().await?;
            return Ok(Claim::Ours);
        }
        let row: Option<Row> = fetch!(
            work,
            fetch_optional,
            "select fingerprint, claimed_ms, status, headers, body from replays \
             where tenant_id = $1 and principal = $2 and method = $3 and path = $4 and key = $5",
            scope.tenant().0,
            &named.principal,
            &named.method,
            &named.path,
            &named.key,
        )?;
        // It was there a moment ago: whoever gave it back did nothing, and the caller may come again.
        row.map_or(Ok(Claim::UnderWay), |it| found(it, fingerprint, now))
    }

    async fn keep(&self, scope: &Scope, named: &Named, answered: &Answered) -> Stored<()> {
        let headers = serde_json::to_string(&answered.headers).map_err(|error| StoreError::Corrupt(error.to_string()))?;
        let mut work = self.writing(Reach::Tenant(scope.tenant().0)).await?;
        run!(
            work,
            "update replays set status = $6, headers = $7, body = $8 \
             where tenant_id = $1 and principal = $2 and method = $3 and path = $4 and key = $5",
            scope.tenant().0,
            &named.principal,
            &named.method,
            &named.path,
            &named.key,
            i64::from(answered.status),
            headers,
            answered.body.as_deref(),
        )?;
        work.commit().await
    }

    async fn give_back(&self, scope: &Scope, named: &Named) -> Stored<()> {
        let mut work = self.writing(Reach::Tenant(scope.tenant().0)).await?;
        run!(
            work,
            "delete from replays where tenant_id = $1 and principal = $2 and method = $3 and path = $4 and key = $5 and status is null",
            scope.tenant().0,
            &named.principal,
            &named.method,
            &named.path,
            &named.key,
        )?;
        work.commit().await
    }

    async fn forget(&self, _: &SystemScope, now: Timestamp) -> Stored<u64> {
        let before = to_millis(now).saturating_sub(millis(KEPT_FOR));
        let mut work = self.writing(Reach::System).await?;
        let gone = run!(work, "delete from replays where claimed_ms < $1", before)?;
        work.commit().await?;
        Ok(gone)
    }
}

fn found((fingerprint, claimed_ms, status, headers, body): Row, ours: &[u8; 32], now: Timestamp) -> Stored<Claim> {
    if fingerprint != ours {
        return Ok(Claim::Reused);
    }
    let Some(status) = status else {
        let since = to_millis(now).saturating_sub(claimed_ms);
        return Ok(if since > millis(UNDER_WAY) { Claim::Interrupted } else { Claim::UnderWay });
    };
    let corrupt = |what: &str| StoreError::Corrupt(format!("{what} of a kept answer"));
    let headers = serde_json::from_str(headers.as_deref().unwrap_or("[]")).map_err(|_| corrupt("headers"))?;
    let status = u16::try_from(status).map_err(|_| corrupt("status"))?;
    Ok(Claim::Answered(Answered { status, headers, body }))
}

fn millis(duration: std::time::Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
