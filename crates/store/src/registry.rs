//! What the installation knows of the world: certificates by number, the list of article 69-B.
//!
//! Public knowledge, hence of no tenant. A list is loaded beside the one that counts and takes its
//! place in one transaction, so that nobody ever sees half of one.

use crate::db::Db;
use crate::documents::{in_shapes, lists};
use crate::reach::Reach;
use crate::read::{Read, exactly, from_row, instant, small};
use crate::tx::{fetch, one, places, run};
use async_trait::async_trait;
use fedatario_app::ports::{StoreError, Stored};
use fedatario_app::revision::model::{EfosList, EfosRow, KnownCertificate};
use fedatario_app::revision::ports::Registry;
use fedatario_base::SystemScope;
use fedatario_base::clock::to_millis;
use fedatario_base::id::ListId;
use sqlx::AssertSqlSafe;

/// Numbers looked up by one statement.
const NUMBERS_MOST: usize = 256;

from_row!(KnownCertificate, row => KnownCertificate {
    number: row.try_get("number")?,
    certificate: row.try_get("certificate")?,
    source: row.try_get("source")?,
    added: instant(row.try_get("added_ms")?),
});

from_row!(EfosList, row => EfosList {
    id: ListId(row.try_get("id")?),
    source: row.try_get("source")?,
    digest: exactly(row.try_get("digest")?)?,
    dated: row.try_get("dated")?,
    rows: small(row.try_get("row_count")?)?,
    loaded: instant(row.try_get("loaded_ms")?),
});

from_row!(EfosRow, row => EfosRow {
    rfc: row.try_get("rfc")?,
    seq: small(row.try_get("seq")?)?,
    name: row.try_get("name")?,
    situation: row.try_get("situation")?,
});

fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

#[async_trait]
impl Registry for Db {
    async fn certificates(&self, _: &SystemScope, numbers: &[&str]) -> Stored<Vec<KnownCertificate>> {
        let mut work = self.reading(Reach::Nobody).await?;
        let mut found = Vec::new();
        for numbers in numbers.chunks(NUMBERS_MOST) {
            let sql = format!("select * from known_certificates where number in ({})", places(1, numbers.len()));
            let rows: Vec<Read<KnownCertificate>> =
                fetch!(work, fetch_all, AssertSqlSafe(sql.as_str()); for number in numbers => *number)?;
            found.extend(rows.into_iter().map(|it| it.0));
        }
        Ok(found)
    }

    async fn put_certificates(&self, _: &SystemScope, rows: &[KnownCertificate]) -> Stored<u64> {
        let mut work = self.writing(Reach::Nobody).await?;
        let mut new = 0;
        for batch in in_shapes(rows) {
            let sql = format!(
                "insert into known_certificates (number, certificate, source, added_ms) values {} on conflict (number) do nothing",
                lists(batch.len(), 4)
            );
            new += run!(
                work, AssertSqlSafe(sql.as_str());
                for it in batch => &it.number, &it.certificate, &it.source, to_millis(it.added)
            )?;
        }
        work.commit().await?;
        Ok(new)
    }

    async fn count_certificates(&self, _: &SystemScope) -> Stored<u64> {
        let mut work = self.reading(Reach::Nobody).await?;
        let (count,): (i64,) = fetch!(work, fetch_one, "select count(*) from known_certificates")?;
        Ok(count.unsigned_abs())
    }

    async fn add_listed(&self, _: &SystemScope, list: ListId, rows: &[EfosRow]) -> Stored<()> {
        let mut work = self.writing(Reach::Nobody).await?;
        for batch in in_shapes(rows) {
            let sql = format!("insert into efos_entries (list_id, rfc, seq, name, situation) values {}", lists(batch.len(), 5));
            run!(
                work, AssertSqlSafe(sql.as_str());
                for it in batch => list.0, &it.rfc, signed(it.seq), &it.name, &it.situation
            )?;
        }
        work.commit().await
    }

    async fn publish_list(&self, _: &SystemScope, list: &EfosList) -> Stored<()> {
        let mut work = self.writing(Reach::Nobody).await?;
        let (count,): (i64,) = fetch!(work, fetch_one, "select count(*) from efos_entries where list_id = $1", list.id.0)?;
        if count != signed(list.rows) {
            let why = format!("the list has {} rows, {count} of them are here", list.rows);
            return Err(work.fall(StoreError::Conflict(why)));
        }
        run!(work, "delete from efos_entries where list_id <> $1", list.id.0)?;
        run!(work, "delete from efos_lists")?;
        run!(
            work,
            "insert into efos_lists (id, source, digest, dated, row_count, loaded_ms) values ($1, $2, $3, $4, $5, $6)",
            list.id.0,
            &list.source,
            list.digest.to_vec(),
            &list.dated,
            signed(list.rows),
            to_millis(list.loaded),
        )?;
        work.commit().await
    }

    async fn current_list(&self, _: &SystemScope) -> Stored<Option<EfosList>> {
        let mut work = self.reading(Reach::Nobody).await?;
        one!(work, "select * from efos_lists order by loaded_ms desc, id desc limit 1")
    }

    async fn listed(&self, _: &SystemScope, rfc: Option<&str>, after: Option<(&str, u64)>, limit: u32) -> Stored<Vec<EfosRow>> {
        let mut work = self.reading(Reach::Nobody).await?;
        let rows: Vec<Read<EfosRow>> = fetch!(
            work,
            fetch_all,
            "select rfc, seq, name, situation from efos_entries \
             where list_id = (select id from efos_lists order by loaded_ms desc, id desc limit 1) \
             and ($1 = '' or rfc = $1) and (rfc > $2 or (rfc = $2 and seq > $3)) order by rfc, seq limit $4",
            rfc.unwrap_or_default(),
            after.map_or("", |it| it.0),
            after.map_or(0, |it| signed(it.1)),
            i64::from(limit),
        )?;
        Ok(rows.into_iter().map(|it| it.0).collect())
    }
}
