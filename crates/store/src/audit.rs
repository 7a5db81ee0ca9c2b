//! The audit chain of the tenant.
//!
//! The head row is taken first: whoever holds it holds the chain until the commit, so numbers are
//! contiguous among any number of writers. The bytes are stored as they were hashed.
//!
//! The head is also what makes a tenant's writers follow one another: each transaction that writes
//! more than one row of a tenant takes it before anything else ([`Db::writing_in`]), so that no two
//! of them can wait for each other in a circle.

use crate::db::Db;
use crate::reach::Reach;
use crate::read::{Read, exactly, from_row};
use crate::tx::{Inner, SqlTx, Work, fetch, list, parts, rows_of, run};
use async_trait::async_trait;
use fedatario_app::ports::{AuditLog, AuditRow, StoreError, Stored};
use fedatario_audit::chain::GENESIS;
use fedatario_audit::{Appended, Event, Head};
use fedatario_base::id::TenantId;
use sqlx::AssertSqlSafe;
use uuid::Uuid;

from_row!(AuditRow, row => AuditRow {
    n: row.try_get::<i64, _>("n")?.unsigned_abs(),
    tenant: TenantId(row.try_get("tenant_id")?),
    prev: row.try_get("prev")?,
    hash: row.try_get("hash")?,
    entry: row.try_get("entry")?,
});

from_row!(Head, row => Head {
    n: row.try_get::<i64, _>("n")?.unsigned_abs(),
    hash: exactly(row.try_get("hash")?)?,
});

/// Appends to a tenant's chain; the number of the entry.
pub(crate) async fn append(work: &mut Work, tenant: Uuid, event: &Event, detail: Option<Vec<u8>>) -> Stored<u64> {
    let head = take_head(work, tenant).await?;
    let new = next(work, tenant, &head, event)?;
    run!(
        work,
        "insert into audit_entries (tenant_id, n, prev, hash, entry, detail) values ($1, $2, $3, $4, $5, $6)",
        tenant,
        new.n as i64,
        &new.prev[..],
        &new.hash[..],
        &new.entry,
        detail,
    )?;
    move_head(work, tenant, &new.head()).await?;
    Ok(new.n)
}

/// Appends several events, none with a detail; the numbers of their entries. The head is moved once.
pub(crate) async fn append_all(work: &mut Work, tenant: Uuid, events: &[Event]) -> Stored<Vec<u64>> {
    let mut head = take_head(work, tenant).await?;
    let mut all = Vec::with_capacity(events.len());
    for event in events {
        let new = next(work, tenant, &head, event)?;
        head = new.head();
        all.push(new);
    }
    for part in parts(&all) {
        let rows = rows_of(part.len(), 1, 4);
        let sql = format!("insert into audit_entries (tenant_id, n, prev, hash, entry) values {rows}");
        run!(work, AssertSqlSafe(sql.as_str()), tenant; for it in part => it.n as i64, &it.prev[..], &it.hash[..], &it.entry)?;
    }
    move_head(work, tenant, &head).await?;
    Ok(all.into_iter().map(|it| it.n).collect())
}

fn next(work: &mut Work, tenant: Uuid, head: &Head, event: &Event) -> Stored<Appended> {
    fedatario_audit::append(tenant.into_bytes(), head, event)
        .map_err(|error| work.fall(StoreError::Corrupt(format!("no audit entry: {error}"))))
}

async fn move_head(work: &mut Work, tenant: Uuid, head: &Head) -> Stored<()> {
    run!(work, "update audit_heads set n = $2, hash = $3 where tenant_id = $1", tenant, head.n as i64, &head.hash[..]).map(|_| ())
}

impl Db {
    /// A transaction that writes several rows of a tenant: it holds the head of the tenant's chain.
    pub(crate) async fn writing_in(&self, tenant: Uuid) -> Stored<Work> {
        let mut work = self.writing(Reach::Tenant(tenant)).await?;
        // SQLite has one writer anyway.
        if matches!(work.inner, Inner::Pg(_)) && !hold_head(&mut work, tenant).await? {
            take_head(&mut work, tenant).await?;
        }
        Ok(work)
    }
}

/// Locks the head, if there is one, without writing to it.
async fn hold_head(work: &mut Work, tenant: Uuid) -> Stored<bool> {
    let row: Option<(i64,)> = fetch!(work, fetch_optional, "select n from audit_heads where tenant_id = $1 for update", tenant)?;
    Ok(row.is_some())
}

/// Locks the head and answers it; makes the first one.
async fn take_head(work: &mut Work, tenant: Uuid) -> Stored<Head> {
    let head: Read<Head> = fetch!(
        work,
        fetch_one,
        "insert into audit_heads (tenant_id, n, hash) values ($1, 0, $2) \
         on conflict (tenant_id) do update set n = audit_heads.n returning n, hash",
        tenant,
        &GENESIS[..],
    )?;
    Ok(head.0)
}

#[async_trait]
impl AuditLog for SqlTx {
    async fn append(&mut self, event: Event, detail: Option<Vec<u8>>) -> Stored<u64> {
        append(&mut self.work, self.tenant, &event, detail).await
    }

    async fn audit_head(&mut self) -> Stored<Head> {
        let head: Option<Read<Head>> =
            fetch!(self.work, fetch_optional, "select n, hash from audit_heads where tenant_id = $1", self.tenant)?;
        Ok(head.map_or(Head::EMPTY, |it| it.0))
    }

    async fn audit_rows(&mut self, from: u64, limit: u32) -> Stored<Vec<AuditRow>> {
        list!(
            self.work,
            "select n, tenant_id, prev, hash, entry from audit_entries where tenant_id = $1 and n >= $2 order by n limit $3",
            self.tenant,
            i64::try_from(from).unwrap_or(i64::MAX),
            i64::from(limit),
        )
    }

    async fn add_checkpoint(&mut self, size: u64, note: &str, anchored: bool) -> Stored<()> {
        run!(
            self.work,
            "insert into audit_checkpoints (tenant_id, seq, size, note, anchored) \
             select $1, coalesce(max(seq), 0) + 1, $2, $3, $4 from audit_checkpoints where tenant_id = $1",
            self.tenant,
            size as i64,
            note,
            anchored,
        )
        .map(|_| ())
    }

    async fn checkpoints(&mut self) -> Stored<Vec<(u64, String, bool)>> {
        let rows: Vec<(i64, String, bool)> = fetch!(
            self.work,
            fetch_all,
            "select size, note, anchored from audit_checkpoints where tenant_id = $1 order by seq",
            self.tenant,
        )?;
        Ok(rows.into_iter().map(|(size, note, anchored)| (size.unsigned_abs(), note, anchored)).collect())
    }
}
