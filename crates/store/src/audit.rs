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
use crate::read::{Read, exactly, from_row, small};
use crate::tx::{Inner, OfRows, SqlTx, Work, fetch, list, one, parts, rows_of, run};
use async_trait::async_trait;
use fedatario_app::audit_trail::ports::{AuditFound, AuditLog, AuditQuestion, AuditRow, AuditTree};
use fedatario_app::called::{self, Called};
use fedatario_app::ports::{StoreError, Stored};
use fedatario_audit::chain::GENESIS;
use fedatario_audit::tree::KeptNode;
use fedatario_audit::{Appended, Event, Head, Merkle};
use fedatario_base::clock::to_millis;
use fedatario_base::id::TenantId;
use sqlx::AssertSqlSafe;
use uuid::Uuid;

/// Nodes of a tree read or written by one statement: far below the binds that either database takes.
const NODES_AT_ONCE: usize = 64;

from_row!(AuditRow, row => AuditRow {
    n: row.try_get::<i64, _>("n")?.unsigned_abs(),
    tenant: TenantId(row.try_get("tenant_id")?),
    prev: row.try_get("prev")?,
    hash: row.try_get("hash")?,
    entry: row.try_get("entry")?,
    actor: row.try_get("actor")?,
    action: row.try_get("action")?,
    object: row.try_get("object")?,
    result: row.try_get("result")?,
    request: row.try_get("request")?,
    at_ms: row.try_get("at_ms")?,
});

from_row!(Head, row => Head {
    n: row.try_get::<i64, _>("n")?.unsigned_abs(),
    hash: exactly(row.try_get("hash")?)?,
});

from_row!(AuditFound, row => AuditFound {
    row: AuditRow {
        n: row.try_get::<i64, _>("n")?.unsigned_abs(),
        tenant: TenantId(row.try_get("tenant_id")?),
        prev: row.try_get("prev")?,
        hash: row.try_get("hash")?,
        entry: row.try_get("entry")?,
        actor: row.try_get("actor")?,
        action: row.try_get("action")?,
        object: row.try_get("object")?,
        result: row.try_get("result")?,
        request: row.try_get("request")?,
        at_ms: row.try_get("at_ms")?,
    },
    detail: row.try_get("detail")?,
    origin: row.try_get("origin")?,
});

from_row!(AuditTree, row => {
    let size = row.try_get::<i64, _>("size")?.unsigned_abs();
    let peaks: Vec<u8> = row.try_get("peaks")?;
    let merkle = Merkle::from_bytes(size, &peaks).ok_or_else(|| sqlx::Error::Decode("no tree of that size".into()))?;
    AuditTree { merkle, head: exactly(row.try_get("head")?)?, before: exactly(row.try_get("before")?)? }
});

from_row!(KeptNode, row => KeptNode {
    level: small(row.try_get("level")?)?,
    index: row.try_get::<i64, _>("place")?.unsigned_abs(),
    hash: exactly(row.try_get("hash")?)?,
});

/// An event with the call that it is part of.
pub(crate) struct Told {
    event: Event,
    called: Option<Called>,
}

impl Told {
    /// By which request it came, and from where, is added here: every entry passes this place, whichever
    /// service wrote it.
    pub(crate) fn new(event: Event, called: Option<Called>) -> Self {
        match &called {
            Some(it) => Self { event: event.asked(it.by, it.origin.as_ref().map(|it| it.digest)), called },
            None => Self { event, called },
        }
    }

    fn request(&self) -> Option<String> {
        self.called.as_ref().map(|it| it.by.to_string())
    }

    fn origin(&self) -> Option<Vec<u8>> {
        self.called.as_ref().and_then(|it| it.origin.as_ref()).map(|it| it.stored())
    }
}

/// Appends to a tenant's chain, as part of the call that is under way; the number of the entry.
pub(crate) async fn append(work: &mut Work, tenant: Uuid, event: &Event, detail: Option<Vec<u8>>) -> Stored<u64> {
    let told = Told::new(event.clone(), called::now());
    let head = take_head(work, tenant).await?;
    let new = next(work, tenant, &head, &told.event)?;
    run!(
        work,
        "insert into audit_entries (tenant_id, n, prev, hash, entry, detail, at_ms, actor, action, result, object, request, origin) \
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)",
        tenant,
        new.n as i64,
        &new.prev[..],
        &new.hash[..],
        &new.entry,
        detail,
        to_millis(told.event.at()),
        told.event.actor(),
        told.event.action(),
        told.event.ended().text(),
        told.event.object_id(),
        told.request(),
        told.origin(),
    )?;
    move_head(work, tenant, &new.head()).await?;
    Ok(new.n)
}

static ENTRIES: OfRows = OfRows::new(|rows| {
    format!(
        "insert into audit_entries (tenant_id, n, prev, hash, entry, at_ms, actor, action, result, object, request, origin) values {}",
        rows_of(rows, 1, 11)
    )
});

/// Appends several events, none with a detail; the numbers of their entries. The head is moved once.
pub(crate) async fn append_all(work: &mut Work, tenant: Uuid, told: &[Told]) -> Stored<Vec<u64>> {
    let mut head = take_head(work, tenant).await?;
    let mut all = Vec::with_capacity(told.len());
    for told in told {
        let new = next(work, tenant, &head, &told.event)?;
        head = new.head();
        all.push((new, told));
    }
    for part in parts(&all) {
        run!(
            work, ENTRIES.of(part), tenant;
            for it in part =>
                it.0.n as i64, &it.0.prev[..], &it.0.hash[..], &it.0.entry, to_millis(it.1.event.at()), it.1.event.actor(),
                it.1.event.action(), it.1.event.ended().text(), it.1.event.object_id(), it.1.request(), it.1.origin()
        )?;
    }
    move_head(work, tenant, &head).await?;
    Ok(all.into_iter().map(|(new, _)| new.n).collect())
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
            "select n, tenant_id, prev, hash, entry, actor, action, object, result, request, at_ms from audit_entries \
             where tenant_id = $1 and n >= $2 order by n limit $3",
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

    async fn audit_found(&mut self, question: &AuditQuestion, after: Option<u64>, limit: u32) -> Stored<Vec<AuditFound>> {
        let after = after.map(|it| i64::try_from(it).unwrap_or(i64::MAX));
        let sql = selection(question);
        let action = question.action.as_deref().unwrap_or_default();
        list!(
            self.work,
            AssertSqlSafe(sql.as_str()),
            self.tenant,
            after.unwrap_or(if question.newest_first { i64::MAX } else { 0 }),
            i64::from(limit),
            question.actor.as_deref().unwrap_or_default(),
            action,
            // No character of an action sorts after `~`.
            format!("{action}~"),
            question.object.as_deref().unwrap_or_default(),
            question.result.map_or("", |it| it.text()),
            question.request.as_deref().unwrap_or_default(),
            question.from.map_or(i64::MIN, to_millis),
            question.until.map_or(i64::MAX, to_millis),
        )
    }

    async fn audit_tree(&mut self) -> Stored<AuditTree> {
        let tree: Option<AuditTree> =
            one!(self.work, "select size, head, before, peaks from audit_trees where tenant_id = $1", self.tenant)?;
        Ok(tree.unwrap_or_else(AuditTree::empty))
    }

    async fn grow_audit_tree(&mut self, from: u64, tree: &AuditTree, nodes: &[KeptNode]) -> Stored<bool> {
        let (size, peaks) = (tree.merkle.size() as i64, tree.merkle.to_bytes());
        let (head, before) = (&tree.head[..], &tree.before[..]);
        run!(
            self.work,
            "insert into audit_trees (tenant_id, size, head, before, peaks) values ($1, 0, $2, $2, $3) \
             on conflict (tenant_id) do nothing",
            self.tenant,
            &GENESIS[..],
            Vec::<u8>::new(),
        )?;
        let moved = run!(
            self.work,
            "update audit_trees set size = $2, head = $3, before = $4, peaks = $5 where tenant_id = $1 and size = $6",
            self.tenant,
            size,
            head,
            before,
            peaks,
            from as i64,
        )?;
        if moved == 0 {
            return Ok(false);
        }
        for node in nodes {
            run!(
                self.work,
                "insert into audit_nodes (tenant_id, level, place, hash) values ($1, $2, $3, $4)",
                self.tenant,
                i64::from(node.level),
                node.index as i64,
                &node.hash[..],
            )?;
        }
        Ok(true)
    }

    async fn audit_nodes(&mut self, places: &[(u32, u64)]) -> Stored<Vec<KeptNode>> {
        let mut found = Vec::with_capacity(places.len());
        for places in places.chunks(NODES_AT_ONCE) {
            let one = |at: usize| format!("(level = ${} and place = ${})", 2 * at + 2, 2 * at + 3);
            let wanted = (0..places.len()).map(one).collect::<Vec<_>>().join(" or ");
            let sql = format!("select level, place, hash from audit_nodes where tenant_id = $1 and ({wanted})");
            let some: Vec<KeptNode> =
                list!(self.work, AssertSqlSafe(sql.as_str()), self.tenant; for it in places => i64::from(it.0), it.1 as i64)?;
            found.extend(some);
        }
        Ok(found)
    }
}

/// The statement of a question. Only what is asked for stands in it, so that each has an index to go by;
/// every bind is always there, and the others are compared with themselves.
fn selection(question: &AuditQuestion) -> String {
    let (order, beyond) = if question.newest_first { ("desc", "n < $2") } else { ("asc", "n > $2") };
    let exact = question.action.as_deref().is_some_and(|it| !it.ends_with('.'));
    let action = if exact { "action = $5 and $6 = $6" } else { "action >= $5 and action < $6" };
    let of = |asked: bool, clause: &str, unasked: &str| if asked { clause.to_owned() } else { unasked.to_owned() };
    let clauses = [
        of(question.actor.is_some(), "actor = $4", "$4 = $4"),
        of(question.action.is_some(), action, "$5 = $5 and $6 = $6"),
        of(question.object.is_some(), "object = $7", "$7 = $7"),
        of(question.result.is_some(), "result = $8", "$8 = $8"),
        of(question.request.is_some(), "request = $9", "$9 = $9"),
        of(question.from.is_some(), "at_ms >= $10", "$10 = $10"),
        of(question.until.is_some(), "at_ms < $11", "$11 = $11"),
    ];
    format!(
        "select n, tenant_id, prev, hash, entry, actor, action, object, result, request, at_ms, detail, origin from audit_entries \
         where tenant_id = $1 and {beyond} and {} order by n {order} limit $3",
        clauses.join(" and ")
    )
}
