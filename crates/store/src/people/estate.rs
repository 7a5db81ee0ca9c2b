//! All that a tenant has: taken away as rows of JSON, or destroyed.
//!
//! Which tables are a tenant's is asked of the database, so that a table made later is neither
//! forgotten in an export nor left behind by a deletion; what stays or is left out is named here.

use crate::audit::append;
use crate::db::Db;
use crate::reach::Reach;
use crate::tx::{Inner, Work, fetch, run};
use async_trait::async_trait;
use fedatario_app::identity::tenancy_ports::{Estate, ExportedRow};
use fedatario_app::ports::{StoreError, Stored};
use fedatario_audit::Event;
use fedatario_base::Scope;
use fedatario_base::clock::to_millis;
use futures_util::TryStreamExt;
use jiff::Timestamp;
use sqlx::AssertSqlSafe;
use std::collections::BTreeSet;
use tokio::sync::mpsc;
use uuid::Uuid;

/// Tables of tenants that outlive them, or that belong to a person rather than to the tenant.
const STAYING: &[&str] = &["audit_entries", "audit_heads", "audit_checkpoints", "audit_leaves", "user_sessions", "one_time_tokens"];

/// Tables of which no row is handed out: keys, what opens something, and what belongs to a person.
const SECRET: &[&str] = &["tenant_keys", "api_key_secrets", "sessions", "user_sessions", "one_time_tokens"];

/// Columns that are left out of the rows that are handed out, for the same reason.
const SECRET_COLUMNS: &[&str] = &["wrapped_key", "digest", "sealed", "secret"];

/// Entries of a chain whose digests are taken at once.
const LEAVES: i64 = 1_000;

#[async_trait]
impl Estate for Db {
    async fn export(&self, scope: &Scope, to: mpsc::Sender<ExportedRow>) -> Stored<()> {
        let tenant = scope.tenant().0;
        let mut work = self.reading(Reach::Tenant(tenant)).await?;
        for table in tables(&mut work).await?.into_iter().filter(|it| !SECRET.contains(&it.as_str())) {
            let columns = columns(&mut work, &table).await?;
            let sql = rows_sql(&table, &columns, work.is_lite());
            if !send(&mut work, &sql, tenant, &table, &to).await? {
                break; // Nobody listens any more.
            }
        }
        Ok(())
    }

    async fn destroy(&self, scope: &Scope, now: Timestamp, event: Event) -> Stored<u64> {
        let tenant = scope.tenant().0;
        let mut work = self.writing_in(tenant).await?;
        let left = run!(
            work,
            "update tenants set state = 'gone', name = $2, reason = null, changed_ms = $3, revision = revision + 1 \
             where id = $1 and state = 'leaving' and leaving_confirmed_by is not null and legal_hold is null and leaves_ms <= $3",
            tenant,
            scope.tenant().to_string(),
            to_millis(now),
        )?;
        if left == 0 {
            return Err(work.fall(StoreError::Conflict("the organisation is not due to be destroyed".into())));
        }
        let mut gone = 0;
        for table in in_order(tables(&mut work).await?, edges(&mut work).await?) {
            let sql = format!("delete from {table} where tenant_id = $1");
            gone += run!(work, AssertSqlSafe(sql.as_str()), tenant)?;
        }
        gone += keep_leaves(&mut work, tenant).await?;
        work.speak_for(Uuid::nil()).await?;
        append(&mut work, Uuid::nil(), &event.field("rows", gone), None).await?;
        work.commit().await?;
        Ok(gone)
    }
}

/// Tables with a tenant, by name.
async fn tables(work: &mut Work) -> Stored<Vec<String>> {
    let rows: Vec<(String,)> = if work.is_lite() {
        fetch!(
            work,
            fetch_all,
            "select m.name from sqlite_schema m join pragma_table_info(m.name) c where m.type = 'table' and c.name = 'tenant_id' order by 1",
        )?
    } else {
        fetch!(
            work,
            fetch_all,
            "select c.relname::text from pg_class c join pg_attribute a on a.attrelid = c.oid where c.relkind in ('r', 'p') \
             and a.attname = 'tenant_id' and not a.attisdropped \
             and c.relnamespace = (select relnamespace from pg_class where oid = 'tenants'::regclass) order by 1",
        )?
    };
    Ok(rows.into_iter().map(|it| it.0).collect())
}

/// Which table refers to which.
async fn edges(work: &mut Work) -> Stored<Vec<(String, String)>> {
    if work.is_lite() {
        fetch!(
            work,
            fetch_all,
            "select distinct m.name, f.\"table\" from sqlite_schema m join pragma_foreign_key_list(m.name) f where m.type = 'table'",
        )
    } else {
        fetch!(
            work,
            fetch_all,
            "select distinct c.relname::text, r.relname::text from pg_constraint k join pg_class c on c.oid = k.conrelid \
             join pg_class r on r.oid = k.confrelid where k.contype = 'f'",
        )
    }
}

/// Columns of a table with their types, in order.
async fn columns(work: &mut Work, table: &str) -> Stored<Vec<(String, String)>> {
    if work.is_lite() {
        fetch!(work, fetch_all, "select name, lower(type) from pragma_table_info($1) order by cid", table)
    } else {
        fetch!(
            work,
            fetch_all,
            "select a.attname::text, t.typname::text from pg_attribute a join pg_type t on t.oid = a.atttypid \
             where a.attrelid = $1::text::regclass and a.attnum > 0 and not a.attisdropped order by a.attnum",
            table,
        )
    }
}

/// Whatever refers to a table comes before it; what stays is left out.
fn in_order(tables: Vec<String>, edges: Vec<(String, String)>) -> Vec<String> {
    let mut waiting: BTreeSet<String> = tables.into_iter().filter(|it| !STAYING.contains(&it.as_str())).collect();
    let mut order = Vec::new();
    while !waiting.is_empty() {
        let is_referred = |it: &String| edges.iter().any(|(from, to)| to == it && from != it && waiting.contains(from));
        let free: Vec<String> = waiting.iter().filter(|it| !is_referred(it)).cloned().collect();
        // A circle has no order; the first of it is refused by the database, and nothing is destroyed.
        let next = if free.is_empty() { waiting.iter().take(1).cloned().collect() } else { free };
        waiting.retain(|it| !next.contains(it));
        order.extend(next);
    }
    order
}

/// One row as one JSON object.
fn rows_sql(table: &str, columns: &[(String, String)], lite: bool) -> String {
    let shown = columns.iter().filter(|(name, _)| !SECRET_COLUMNS.contains(&name.as_str()) && name != "tenant_id");
    let pairs: Vec<String> = shown
        .map(|(name, kind)| match (kind.as_str(), lite) {
            ("blob", true) => format!("'{name}', lower(hex(\"{name}\"))"),
            ("bytea", false) => format!("'{name}', encode(\"{name}\", 'hex')"),
            ("uuid", false) => format!("'{name}', replace(\"{name}\"::text, '-', '')"),
            _ => format!("'{name}', \"{name}\""),
        })
        .collect();
    let object = if lite { "json_object" } else { "json_build_object" };
    let text = if lite { "" } else { "::text" };
    format!("select {object}({}){text} from {table} where tenant_id = $1", pairs.join(", "))
}

/// Sends the rows of one table; `false` once nobody listens.
async fn send(work: &mut Work, sql: &str, tenant: Uuid, table: &str, to: &mpsc::Sender<ExportedRow>) -> Stored<bool> {
    macro_rules! stream {
        ($tx:expr) => {{
            let mut rows = sqlx::query_scalar::<_, String>(AssertSqlSafe(sql)).bind(tenant).fetch(&mut **$tx);
            loop {
                match rows.try_next().await {
                    Ok(Some(row)) => {
                        if to.send((table.to_owned(), row)).await.is_err() {
                            break Ok(false);
                        }
                    }
                    Ok(None) => break Ok(true),
                    Err(error) => break Err(error),
                }
            }
        }};
    }
    let done = match &mut work.inner {
        Inner::Lite(tx) => stream!(tx),
        Inner::Pg(tx) => stream!(tx),
    };
    work.noted(done)
}

/// Puts the digest of each entry in its place; how many there were.
async fn keep_leaves(work: &mut Work, tenant: Uuid) -> Stored<u64> {
    let mut kept = 0;
    loop {
        let rows: Vec<(i64, Vec<u8>, Vec<u8>)> = fetch!(
            work,
            fetch_all,
            "select n, entry, hash from audit_entries where tenant_id = $1 order by n limit $2",
            tenant,
            LEAVES,
        )?;
        let Some((last, _, _)) = rows.last() else { return Ok(kept) };
        for (n, entry, hash) in &rows {
            run!(
                work,
                "insert into audit_leaves (tenant_id, n, leaf, hash) values ($1, $2, $3, $4)",
                tenant,
                *n,
                fedatario_audit::merkle::leaf_hash(entry).to_vec(),
                hash,
            )?;
        }
        kept += rows.len() as u64;
        run!(work, "delete from audit_entries where tenant_id = $1 and n <= $2", tenant, *last)?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_refers_goes_first() {
        let tables = ["a", "b", "c", "audit_heads"].map(str::to_owned).to_vec();
        let edges = vec![("c".to_owned(), "a".to_owned()), ("a".to_owned(), "b".to_owned()), ("b".to_owned(), "b".to_owned())];
        assert_eq!(in_order(tables, edges), ["c", "a", "b"]);
    }

    #[test]
    fn a_row_says_everything_but_secrets() {
        let columns = [("tenant_id", "uuid"), ("id", "uuid"), ("name", "text"), ("digest", "bytea")];
        let columns: Vec<(String, String)> = columns.map(|(name, kind)| (name.to_owned(), kind.to_owned())).to_vec();
        assert_eq!(
            rows_sql("things", &columns, false),
            "select json_build_object('id', replace(\"id\"::text, '-', ''), 'name', \"name\")::text from things where tenant_id = $1"
        );
    }
}
