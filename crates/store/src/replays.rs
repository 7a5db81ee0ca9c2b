//! Calls that named themselves, and what they were answered with.

use crate::db::Db;
use crate::group::Writes;
use crate::reach::Reach;
use crate::shared;
use crate::tx::{OfRows, Work, fetch, parts, rows_after, rows_of, run};
use async_trait::async_trait;
use fedatario_app::ports::{StoreError, Stored};
use fedatario_app::replay::{Answered, Claim, KEPT_FOR, Named, Replays, UNDER_WAY};
use fedatario_base::clock::to_millis;
use fedatario_base::{Scope, SystemScope};
use jiff::Timestamp;
use std::collections::HashSet;
use tokio::sync::oneshot;
use uuid::Uuid;

/// What is kept of a call.
type Row = (Vec<u8>, i64, Option<i64>, Option<String>, Option<Vec<u8>>);

/// What waits to be written: claims and answers of many calls share a transaction of their tenant.
pub(crate) enum Asked {
    Claim { it: Claiming, reply: oneshot::Sender<Stored<Claim>> },
    Keep { it: Box<Keeping>, reply: oneshot::Sender<Stored<()>> },
}

/// A call that names itself.
pub(crate) struct Claiming {
    named: Named,
    fingerprint: [u8; 32],
    now: Timestamp,
}

/// What a call was answered with.
pub(crate) struct Keeping {
    named: Named,
    status: u16,
    headers: String,
    body: Option<Vec<u8>>,
}

fn away() -> StoreError {
    StoreError::Unavailable("the keeper of answers was shut down".into())
}

/// The same failure for everybody who shared the transaction.
fn same(error: &StoreError) -> StoreError {
    match error {
        StoreError::NotFound => StoreError::NotFound,
        StoreError::Conflict(text) => StoreError::Conflict(text.clone()),
        StoreError::LeaseLost => StoreError::LeaseLost,
        StoreError::SchemaNewer => StoreError::SchemaNewer,
        StoreError::Unprotected(text) => StoreError::Unprotected(text.clone()),
        StoreError::Corrupt(text) => StoreError::Corrupt(text.clone()),
        StoreError::Unavailable(text) => StoreError::Unavailable(text.clone()),
    }
}

/// Tells each what it found, in order.
pub(crate) fn answer(batch: Vec<Asked>, claims: Vec<Claim>) {
    let mut claims = claims.into_iter();
    for asked in batch {
        match asked {
            Asked::Claim { reply, .. } => drop(reply.send(claims.next().ok_or_else(away))),
            Asked::Keep { reply, .. } => drop(reply.send(Ok(()))),
        }
    }
}

/// Tells everybody who shared a transaction that it failed.
pub(crate) fn fail(batch: Vec<Asked>, error: &StoreError) {
    for asked in batch {
        match asked {
            Asked::Claim { reply, .. } => drop(reply.send(Err(same(error)))),
            Asked::Keep { reply, .. } => drop(reply.send(Err(same(error)))),
        }
    }
}

static ANSWERS: OfRows = OfRows::new(|rows| {
    format!(
        "update replays set status = v.column5, headers = v.column6, body = v.column7 from (values {}) as v \
         where replays.tenant_id = $1 and replays.principal = v.column1 and replays.method = v.column2 \
         and replays.path = v.column3 and replays.key = v.column4",
        rows_after(rows, 1, 7)
    )
});

static CLAIMS: OfRows = OfRows::new(|rows| {
    format!(
        "insert into replays (tenant_id, principal, method, path, key, fingerprint, claimed_ms) values {} \
         on conflict do nothing returning principal, method, path, key",
        rows_of(rows, 1, 6)
    )
});

/// Writes answers, then claims; what each claim found, in order.
pub(crate) async fn write(work: &mut Work, tenant: Uuid, batch: &[Asked]) -> Stored<Vec<Claim>> {
    let keeps: Vec<&Keeping> =
        batch.iter().filter_map(|it| if let Asked::Keep { it, .. } = it { Some(&**it) } else { None }).collect();
    for part in parts(&keeps) {
        run!(
            work, ANSWERS.of(part), tenant;
            for it in part =>
                &it.named.principal, &it.named.method, &it.named.path, &it.named.key, i64::from(it.status), &it.headers,
                it.body.as_deref()
        )?;
    }
    let claims: Vec<&Claiming> =
        batch.iter().filter_map(|it| if let Asked::Claim { it, .. } = it { Some(it) } else { None }).collect();
    let mut made = insert_claims(work, tenant, &claims).await?;
    let mut found = Vec::with_capacity(claims.len());
    for it in claims {
        // Of two in one transaction the first made it.
        found.push(if made.remove(&key_of(&it.named)) { Claim::Ours } else { earlier(work, tenant, it).await? });
    }
    Ok(found)
}

type Key = (String, String, String, String);

fn key_of(it: &Named) -> Key {
    (it.principal.clone(), it.method.clone(), it.path.clone(), it.key.clone())
}

/// Inserts those that nobody made before, in one order for every process; which were made.
async fn insert_claims(work: &mut Work, tenant: Uuid, claims: &[&Claiming]) -> Stored<HashSet<Key>> {
    let mut sorted = claims.to_vec();
    sorted.sort_by_key(|it| key_of(&it.named));
    let mut made = HashSet::new();
    for part in parts(&sorted) {
        let rows: Vec<Key> = fetch!(
            work, fetch_all, CLAIMS.of(part), tenant;
            for it in part =>
                &it.named.principal, &it.named.method, &it.named.path, &it.named.key, it.fingerprint.as_slice(), to_millis(it.now)
        )?;
        made.extend(rows);
    }
    Ok(made)
}

/// What became of the call that was there before.
async fn earlier(work: &mut Work, tenant: Uuid, it: &Claiming) -> Stored<Claim> {
    let row: Option<Row> = fetch!(
        work,
        fetch_optional,
        "select fingerprint, claimed_ms, status, headers, body from replays \
         where tenant_id = $1 and principal = $2 and method = $3 and path = $4 and key = $5",
        tenant,
        &it.named.principal,
        &it.named.method,
        &it.named.path,
        &it.named.key,
    )?;
    // It was there a moment ago: whoever gave it back did nothing, and the caller may come again.
    row.map_or(Ok(Claim::UnderWay), |row| found(row, &it.fingerprint, it.now))
}

#[async_trait]
impl Replays for Db {
    async fn claim(&self, scope: &Scope, named: &Named, fingerprint: &[u8; 32], now: Timestamp) -> Stored<Claim> {
        let (reply, answer) = oneshot::channel();
        let it = Claiming { named: named.clone(), fingerprint: *fingerprint, now };
        self.ask(scope.tenant().0, shared::Asked::Replay(Asked::Claim { it, reply })).map_err(|_| away())?;
        answer.await.map_err(|_| away())?
    }

    async fn keep(&self, scope: &Scope, named: &Named, answered: &Answered) -> Stored<()> {
        let headers = serde_json::to_string(&answered.headers).map_err(|error| StoreError::Corrupt(error.to_string()))?;
        let (reply, answer) = oneshot::channel();
        let it = Keeping { named: named.clone(), status: answered.status, headers, body: answered.body.clone() };
        self.ask(scope.tenant().0, shared::Asked::Replay(Asked::Keep { it: Box::new(it), reply })).map_err(|_| away())?;
        answer.await.map_err(|_| away())?
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

#[cfg(test)]
mod tests {
    use super::*;

    /// However many answers are kept, one is written by the key of its row.
    #[tokio::test]
    async fn answers_walk_no_others() {
        let dir = tempfile::tempdir().unwrap();
        let db = Db::open_sqlite(dir.path().join("t.db")).await.unwrap();
        db.migrate().await.unwrap();
        for rows in [&[(); 32][..], &[(); 2], &[()]] {
            let key = "(tenant_id=? AND principal=? AND method=? AND path=? AND key=?)";
            crate::tx::assert_searches(&db, ANSWERS.of(rows), "replays", key).await;
        }
        fedatario_testkit::covers!("replays: an answer is kept by the key of its row, however many there are");
    }
}
