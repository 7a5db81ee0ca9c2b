//! Lines of metadata. A line changes once: when it becomes cancelled.
//!
//! Documents follow the status of their line in the same transaction. A line that a package changed
//! is that package's from then on, so an import that is done again finds its own work.

use crate::documents::{in_shapes, insert_unless_known, lists, lookup, padded, placed};
use crate::tx::{SqlTx, fetch, run};
use fedatario_app::model::{DocumentStatus, MetadataRow, Written};
use fedatario_app::ports::{StoreError, Stored};
use fedatario_base::id::TaxpayerId;
use sqlx::AssertSqlSafe;
use sqlx::types::{Json, JsonRawValue};
use std::collections::{BTreeMap, BTreeSet};
use uuid::Uuid;

const INTO: &str = "metadata (tenant_id, taxpayer_id, uuid, issuer, issuer_name, receiver, receiver_name, pac, issued_at, \
     stamped_at, period, amount, effect, status, cancelled_at, extra, package_id, family) values ";
const COLUMNS: usize = 18;

/// UUIDs looked up by one statement.
const LOOKUP_MOST: usize = 512;

/// A line of a batch, its extra columns checked to be JSON.
struct Line<'a> {
    row: &'a MetadataRow,
    extra: &'a JsonRawValue,
}

impl SqlTx {
    pub(crate) async fn put_lines(&mut self, taxpayer: TaxpayerId, rows: Vec<&MetadataRow>) -> Stored<Written> {
        let total = rows.len() as u64;
        let lines = strongest_of_each(rows)?;
        let mut written = Written { duplicates: total - lines.len() as u64, ..Written::default() };
        let added = self.insert_lines(taxpayer, &lines).await?;
        written.new += added.len() as u64;
        let (new, left): (Vec<_>, Vec<_>) = lines.into_iter().partition(|it| added.contains(&it.row.uuid));
        let changed = self.change_lines(taxpayer, &left, &mut written).await?;
        let touched: Vec<&MetadataRow> = new.iter().map(|it| it.row).chain(changed).collect();
        self.documents_follow(taxpayer, &touched).await?;
        Ok(written)
    }

    /// Inserts what is not here yet; answers its UUIDs.
    async fn insert_lines(&mut self, taxpayer: TaxpayerId, lines: &[Line<'_>]) -> Stored<BTreeSet<String>> {
        let known = if self.work.is_lite() { self.known_lines(taxpayer, lines).await? } else { BTreeMap::new() };
        let lines: Vec<&Line<'_>> = lines.iter().filter(|it| !known.contains_key(&it.row.uuid)).collect();
        let mut added = BTreeSet::new();
        for batch in in_shapes(&lines) {
            added.extend(self.insert_shape(batch).await?);
        }
        Ok(added)
    }

    async fn insert_shape(&mut self, batch: &[&Line<'_>]) -> Stored<Vec<String>> {
        let (tenant, is_lite) = (self.tenant, self.work.is_lite());
        let sql = insert_unless_known(is_lite, INTO, &lists(batch.len(), COLUMNS));
        let new: Vec<(String,)> = fetch!(
            self.work, fetch_all, AssertSqlSafe(sql.as_str());
            for it in batch =>
                tenant, it.row.taxpayer.0, &it.row.uuid, &it.row.issuer, &it.row.issuer_name, &it.row.receiver,
                &it.row.receiver_name, &it.row.pac, &it.row.issued_at, &it.row.stamped_at, i64::from(it.row.period),
                &it.row.amount, &it.row.effect, it.row.status.text(), &it.row.cancelled_at, Json(it.extra), it.row.package.0,
                it.row.family.text()
        )?;
        Ok(match is_lite {
            true => batch.iter().map(|it| it.row.uuid.clone()).collect(),
            false => new.into_iter().map(|it| it.0).collect(),
        })
    }

    /// Those that were here already: changed, or counted. Answers the changed ones.
    async fn change_lines<'a>(
        &mut self,
        taxpayer: TaxpayerId,
        lines: &[Line<'a>],
        written: &mut Written,
    ) -> Stored<Vec<&'a MetadataRow>> {
        let mut changed = Vec::new();
        let known = self.known_lines(taxpayer, lines).await?;
        for line in lines {
            let Some((status, package)) = known.get(&line.row.uuid) else { continue };
            if status != DocumentStatus::Cancelado.text() && line.row.status == DocumentStatus::Cancelado {
                self.cancel_line(line, status == DocumentStatus::Vigente.text()).await?;
                changed.push(line.row);
                written.new += 1;
                written.cancelled += u64::from(status == DocumentStatus::Vigente.text());
            } else if *package == line.row.package.0 {
                written.again += 1;
            } else {
                written.duplicates += 1;
            }
        }
        Ok(changed)
    }

    async fn known_lines(&mut self, taxpayer: TaxpayerId, lines: &[Line<'_>]) -> Stored<BTreeMap<String, (String, Uuid)>> {
        let mut known = BTreeMap::new();
        for lines in lines.chunks(LOOKUP_MOST) {
            let uuids: Vec<&str> = lines.iter().map(|it| it.row.uuid.as_str()).collect();
            let sql = placed(self.work.is_lite(), lookup("select uuid, status, package_id from metadata", uuids.len()));
            let found: Vec<(String, String, Uuid)> =
                fetch!(self.work, fetch_all, AssertSqlSafe(sql.as_str()), self.tenant, taxpayer.0; for it in padded(&uuids) => it)?;
            known.extend(found.into_iter().map(|(uuid, status, package)| (uuid, (status, package))));
        }
        Ok(known)
    }

    /// `late` when it was here in force until now.
    async fn cancel_line(&mut self, line: &Line<'_>, late: bool) -> Stored<()> {
        run!(
            self.work,
            "update metadata set status = $4, cancelled_at = $5, extra = $6, package_id = $7, cancelled_late = $8 \
             where tenant_id = $1 and taxpayer_id = $2 and uuid = $3",
            self.tenant,
            line.row.taxpayer.0,
            &line.row.uuid,
            line.row.status.text(),
            &line.row.cancelled_at,
            Json(line.extra),
            line.row.package.0,
            i64::from(late),
        )
        .map(|_| ())
    }

    /// Metadata come first as a rule: while there is no document, none has to follow.
    async fn has_documents(&mut self, taxpayer: TaxpayerId) -> Stored<bool> {
        let any: Option<(i32,)> = fetch!(
            self.work,
            fetch_optional,
            "select 1 from documents where tenant_id = $1 and taxpayer_id = $2 limit 1",
            self.tenant,
            taxpayer.0,
        )?;
        Ok(any.is_some())
    }

    async fn documents_follow(&mut self, taxpayer: TaxpayerId, rows: &[&MetadataRow]) -> Stored<()> {
        if !self.has_documents(taxpayer).await? {
            return Ok(());
        }
        for status in DocumentStatus::ALL {
            let uuids: Vec<&str> = rows.iter().filter(|it| it.status == *status).map(|it| it.uuid.as_str()).collect();
            for uuids in uuids.chunks(LOOKUP_MOST) {
                let sql =
                    placed(self.work.is_lite(), lookup(&format!("update documents set status = '{}'", status.text()), uuids.len()));
                run!(self.work, AssertSqlSafe(sql.as_str()), self.tenant, taxpayer.0; for it in padded(uuids) => it)?;
            }
        }
        Ok(())
    }
}

/// One line for each UUID, in order of UUID: the cancelled one if there is one, else the first.
fn strongest_of_each(rows: Vec<&MetadataRow>) -> Stored<Vec<Line<'_>>> {
    let mut strongest: BTreeMap<&str, &MetadataRow> = BTreeMap::new();
    for row in rows {
        let kept = strongest.entry(&row.uuid).or_insert(row);
        if kept.status != DocumentStatus::Cancelado && row.status == DocumentStatus::Cancelado {
            *kept = row;
        }
    }
    strongest.into_values().map(line).collect()
}

fn line(row: &MetadataRow) -> Stored<Line<'_>> {
    let extra = serde_json::from_str(&row.extra).map_err(|error| StoreError::Corrupt(format!("not JSON: {error}")))?;
    Ok(Line { row, extra })
}
