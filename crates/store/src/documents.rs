//! Documents, what is set aside, and the comparison with the metadata.
//!
//! Rows come in batches. A batch is written by few statements of fixed shapes, so that they stay
//! prepared; what was already there is then told apart by the package that brought it.

use crate::read::{Read, closed, from_row, raw, small};
use crate::tx::{SqlTx, fetch, list, lock_key, one, places, run};
use async_trait::async_trait;
use fedatario_app::model::{
    CompletenessRow, CountOf, Direction, DocumentFilter, DocumentKey, DocumentRow, DocumentStatus, Family, FoundDocument, Grain,
    LateCancellation, MetadataRow, QuarantineRow, Role, Share, ThirdParty, Written,
};
use fedatario_app::ports::{DocumentCounts, Documents, StoreError, Stored};
use fedatario_base::id::{PackageId, TaxpayerId};
use sqlx::AssertSqlSafe;
use sqlx::types::{Json, JsonRawValue};
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use uuid::Uuid;

/// Rows in one `values` list. 64 × 21 columns stay far below the 32,766 binds of SQLite, and larger
/// lists measured no faster.
const ROWS_MOST: usize = 64;

/// UUIDs looked up by one statement.
const LOOKUP_MOST: usize = 512;

from_row!(DocumentRow, row => DocumentRow {
    taxpayer: TaxpayerId(row.try_get("taxpayer_id")?),
    uuid: row.try_get("uuid")?,
    role: closed(row.try_get("role")?, Role::from_text)?,
    version: row.try_get("version")?,
    kind: row.try_get("kind")?,
    issuer: row.try_get("issuer")?,
    issuer_name: row.try_get("issuer_name")?,
    receiver: row.try_get("receiver")?,
    receiver_name: row.try_get("receiver_name")?,
    date: row.try_get("issued_at")?,
    period: small(row.try_get("period")?)?,
    currency: row.try_get("currency")?,
    total: row.try_get("total")?,
    total_e6: row.try_get("total_e6")?,
    complements: row.try_get("complements")?,
    warnings: row.try_get("warnings")?,
    package: PackageId(row.try_get("package_id")?),
    entry: row.try_get("entry")?,
    json: raw(row.try_get("body")?),
});

from_row!(QuarantineRow, row => QuarantineRow {
    taxpayer: TaxpayerId(row.try_get("taxpayer_id")?),
    package: PackageId(row.try_get("package_id")?),
    entry: row.try_get("entry")?,
    code: row.try_get("code")?,
    detail: row.try_get("detail")?,
});

from_row!(CompletenessRow, row => CompletenessRow {
    uuid: row.try_get("uuid")?,
    issuer: row.try_get("issuer")?,
    receiver: row.try_get("receiver")?,
    issued_at: row.try_get("issued_at")?,
    amount: row.try_get("amount")?,
    effect: row.try_get("effect")?,
    status: closed(row.try_get("status")?, DocumentStatus::from_text)?,
    has_metadata: row.try_get::<i64, _>("has_metadata")? == 1,
    has_document: row.try_get::<i64, _>("has_document")? == 1,
});

from_row!(DocumentCounts, row => DocumentCounts {
    cfdi: row.try_get::<i64, _>("cfdi")?.unsigned_abs(),
    metadata: row.try_get::<i64, _>("metadata")?.unsigned_abs(),
    retenciones: row.try_get::<i64, _>("retenciones")?.unsigned_abs(),
    retenciones_metadata: row.try_get::<i64, _>("retenciones_metadata")?.unsigned_abs(),
    third_party: row.try_get::<i64, _>("third_party")?.unsigned_abs(),
    cancelled_late: row.try_get::<i64, _>("cancelled_late")?.unsigned_abs(),
    foreign: row.try_get::<i64, _>("foreign")?.unsigned_abs(),
    quarantined: row.try_get::<i64, _>("quarantined")?.unsigned_abs(),
});

const INTO: &str = "documents (tenant_id, taxpayer_id, uuid, role, status, version, kind, issuer, issuer_name, receiver, \
     receiver_name, issued_at, period, currency, total, total_e6, complements, warnings, package_id, entry, body) values ";
const COLUMNS: usize = 21;

/// A document of a batch, with its body checked to be JSON.
struct Ready<'a> {
    row: &'a DocumentRow,
    body: &'a JsonRawValue,
    status: DocumentStatus,
}

#[async_trait]
impl Documents for SqlTx {
    async fn add_documents(&mut self, rows: &[DocumentRow]) -> Stored<Written> {
        self.known_packages(rows.iter().map(|it| (it.taxpayer, it.package))).await?;
        let mut written = Written::default();
        for (taxpayer, batch) in by_taxpayer(rows, |it| it.taxpayer) {
            // Shared with other documents, never with metadata: one of the two sees the other.
            self.work.share(self.taxpayer_lock(taxpayer)).await?;
            let (batch, repeated) = first_of_each(batch);
            // A second life of an import meets them one batch later, never twice in one.
            written.duplicates += repeated;
            let added = self.insert_documents(taxpayer, &batch).await?;
            written.new += added.len() as u64;
            let left: Vec<_> = batch.into_iter().filter(|it| !added.contains(&it.uuid)).collect();
            self.count_known(taxpayer, &left, &mut written).await?;
        }
        Ok(written)
    }

    async fn put_metadata(&mut self, rows: &[MetadataRow]) -> Stored<Written> {
        self.known_packages(rows.iter().map(|it| (it.taxpayer, it.package))).await?;
        let mut written = Written::default();
        for (taxpayer, batch) in by_taxpayer(rows, |it| it.taxpayer) {
            self.work.exclude(self.taxpayer_lock(taxpayer)).await?;
            let one = self.put_lines(taxpayer, batch).await?;
            written.new += one.new;
            written.again += one.again;
            written.duplicates += one.duplicates;
            written.cancelled += one.cancelled;
        }
        Ok(written)
    }

    async fn put_third_parties(&mut self, taxpayer: TaxpayerId, rows: &[ThirdParty]) -> Stored<u64> {
        self.note_third_parties(taxpayer, rows).await
    }

    async fn metadata_status(&mut self, taxpayer: TaxpayerId, uuid: &str) -> Stored<Option<DocumentStatus>> {
        Ok(self.metadata_statuses(taxpayer, &[uuid]).await?.remove(uuid))
    }

    async fn count_metadata(&mut self, taxpayer: TaxpayerId, of: &CountOf, grain: Grain) -> Stored<Vec<(String, u64)>> {
        self.counted(taxpayer, of, grain).await
    }

    async fn share_metadata(&mut self, taxpayer: TaxpayerId, of: &CountOf) -> Stored<Vec<Share>> {
        self.shared(taxpayer, of).await
    }

    async fn late_cancellations(&mut self, taxpayer: TaxpayerId, limit: u32) -> Stored<Vec<LateCancellation>> {
        self.cancelled_late(taxpayer, limit).await
    }

    async fn quarantine(&mut self, it: &QuarantineRow) -> Stored<()> {
        run!(
            self.work,
            "insert into quarantine (tenant_id, package_id, entry, taxpayer_id, code, detail) values ($1, $2, $3, $4, $5, $6) \
             on conflict (tenant_id, package_id, entry) do nothing",
            self.tenant,
            it.package.0,
            &it.entry,
            it.taxpayer.0,
            &it.code,
            &it.detail,
        )
        .map(|_| ())
    }

    async fn quarantined(&mut self, taxpayer: TaxpayerId, limit: u32) -> Stored<Vec<QuarantineRow>> {
        list!(
            self.work,
            "select * from quarantine where tenant_id = $1 and taxpayer_id = $2 order by package_id, entry limit $3",
            self.tenant,
            taxpayer.0,
            i64::from(limit),
        )
    }

    async fn document(&mut self, taxpayer: TaxpayerId, uuid: &str) -> Stored<Option<DocumentRow>> {
        one!(
            self.work,
            "select * from documents where tenant_id = $1 and taxpayer_id = $2 and uuid = $3",
            self.tenant,
            taxpayer.0,
            uuid,
        )
    }

    async fn document_keys(
        &mut self,
        taxpayer: TaxpayerId,
        filter: &DocumentFilter,
        after: Option<&DocumentKey>,
        limit: u32,
    ) -> Stored<Vec<DocumentKey>> {
        self.find_keys(taxpayer, filter, after, limit).await
    }

    async fn documents_named(&mut self, taxpayer: TaxpayerId, uuids: &[&str]) -> Stored<Vec<FoundDocument>> {
        self.find_named(taxpayer, uuids).await
    }

    async fn metadata_lines(
        &mut self,
        taxpayer: TaxpayerId,
        periods: (i32, i32),
        after: Option<&str>,
        limit: u32,
    ) -> Stored<Vec<MetadataRow>> {
        self.find_lines(taxpayer, periods, after, limit).await
    }

    async fn document_counts(&mut self, taxpayer: TaxpayerId) -> Stored<DocumentCounts> {
        let row: Read<DocumentCounts> = fetch!(
            self.work,
            fetch_one,
            "select (select count(*) from documents where tenant_id = $1 and taxpayer_id = $2 and role <> 'foreign') as cfdi, \
             (select count(*) from metadata where tenant_id = $1 and taxpayer_id = $2) as metadata, \
             (select count(*) from documents where tenant_id = $1 and taxpayer_id = $2 and role <> 'foreign' \
               and kind like 'R%') as retenciones, \
             (select count(*) from metadata where tenant_id = $1 and taxpayer_id = $2 and family = 'retenciones') \
               as retenciones_metadata, \
             (select count(third_rfc) from metadata where tenant_id = $1 and taxpayer_id = $2) as third_party, \
             (select count(*) from metadata where tenant_id = $1 and taxpayer_id = $2 and cancelled_late = 1) as cancelled_late, \
             (select count(*) from documents where tenant_id = $1 and taxpayer_id = $2 and role = 'foreign') as \"foreign\", \
             (select count(*) from quarantine where tenant_id = $1 and taxpayer_id = $2) as quarantined",
            self.tenant,
            taxpayer.0,
        )?;
        Ok(row.0)
    }

    async fn completeness(
        &mut self,
        taxpayer: TaxpayerId,
        family: Family,
        direction: Direction,
        periods: (i32, i32),
        after: Option<&str>,
        limit: u32,
    ) -> Stored<Vec<CompletenessRow>> {
        // `period + 0` keeps both planners on the primary key, whose order is the page's.
        let side = match direction {
            Direction::Issued => "issuer",
            Direction::Received => "receiver",
        };
        // The kind of a retención is an R and its key; no other kind begins so.
        let kinds = match family {
            Family::Cfdi => "kind not like 'R%'",
            Family::Retenciones => "kind like 'R%'",
        };
        let sql = format!(
            "with named as (\
               select uuid from metadata where tenant_id = $1 and taxpayer_id = $2 and period + 0 between $3 and $4 and uuid > $5 \
                 and family = $8 and {side} = (select tax_id from taxpayers where tenant_id = $1 and id = $2) \
               union \
               select uuid from documents where tenant_id = $1 and taxpayer_id = $2 and period + 0 between $3 and $4 and uuid > $5 \
                 and role in ($6, 'both') and {kinds} \
               order by uuid limit $7) \
             select n.uuid, coalesce(m.issuer, d.issuer) as issuer, coalesce(m.receiver, d.receiver) as receiver, \
               coalesce(m.issued_at, d.issued_at) as issued_at, coalesce(m.amount, d.total) as amount, \
               coalesce(m.effect, d.kind) as effect, \
               coalesce(m.status, 'unknown') as status, \
               cast(case when m.uuid is null then 0 else 1 end as bigint) as has_metadata, \
               cast(case when d.uuid is null then 0 else 1 end as bigint) as has_document \
             from named n \
             left join metadata m on m.tenant_id = $1 and m.taxpayer_id = $2 and m.uuid = n.uuid \
             left join documents d on d.tenant_id = $1 and d.taxpayer_id = $2 and d.uuid = n.uuid and d.role <> 'foreign' \
             order by n.uuid"
        );
        list!(
            self.work,
            AssertSqlSafe(sql.as_str()),
            self.tenant,
            taxpayer.0,
            i64::from(periods.0),
            i64::from(periods.1),
            after.unwrap_or_default(),
            direction.text(),
            i64::from(limit),
            family.text(),
        )
    }
}

impl SqlTx {
    /// Refuses a batch that names a package or taxpayer which is not this tenant's.
    async fn known_packages(&mut self, named: impl Iterator<Item = (TaxpayerId, PackageId)> + Send) -> Stored<()> {
        let named: BTreeSet<_> = named.collect();
        for (taxpayer, package) in named {
            let row: Option<(i64,)> = fetch!(
                self.work,
                fetch_optional,
                "select cast(1 as bigint) from packages where tenant_id = $1 and id = $2 and taxpayer_id = $3",
                self.tenant,
                package.0,
                taxpayer.0,
            )?;
            row.ok_or(StoreError::NotFound)?;
        }
        Ok(())
    }

    fn taxpayer_lock(&self, taxpayer: TaxpayerId) -> i64 {
        lock_key(&[b"documents", self.tenant.as_bytes(), taxpayer.0.as_bytes()])
    }

    /// Inserts what is not here yet; answers its UUIDs. With one writer, looking first is exact, and
    /// far cheaper than having each new row answered; with several only the insert itself knows.
    async fn insert_documents(&mut self, taxpayer: TaxpayerId, rows: &[&DocumentRow]) -> Stored<BTreeSet<String>> {
        let known = if self.work.is_lite() { self.known_documents(taxpayer, rows).await? } else { BTreeMap::new() };
        let rows: Vec<&DocumentRow> = rows.iter().copied().filter(|it| !known.contains_key(&it.uuid)).collect();
        let uuids: Vec<&str> = rows.iter().map(|it| it.uuid.as_str()).collect();
        let statuses = self.metadata_statuses(taxpayer, &uuids).await?;
        let mut ready = Vec::with_capacity(rows.len());
        for row in rows {
            let body = serde_json::from_str(&row.json).map_err(|error| StoreError::Corrupt(format!("not JSON: {error}")))?;
            let status = statuses.get(&row.uuid).copied().unwrap_or(DocumentStatus::Unknown);
            ready.push(Ready { row, body, status });
        }
        let mut added = BTreeSet::new();
        for batch in in_shapes(&ready) {
            added.extend(self.insert_batch(batch).await?);
        }
        Ok(added)
    }

    async fn insert_batch(&mut self, batch: &[Ready<'_>]) -> Stored<Vec<String>> {
        let (tenant, is_lite) = (self.tenant, self.work.is_lite());
        let sql = insert_unless_known(is_lite, INTO, &lists(batch.len(), COLUMNS));
        let new: Vec<(String,)> = fetch!(
            self.work, fetch_all, AssertSqlSafe(sql.as_str());
            for it in batch =>
                tenant, it.row.taxpayer.0, &it.row.uuid, it.row.role.text(), it.status.text(), &it.row.version, &it.row.kind,
                &it.row.issuer, &it.row.issuer_name, &it.row.receiver, &it.row.receiver_name, &it.row.date, i64::from(it.row.period),
                &it.row.currency, &it.row.total, it.row.total_e6, &it.row.complements, &it.row.warnings, it.row.package.0,
                &it.row.entry, Json(it.body)
        )?;
        Ok(match is_lite {
            true => batch.iter().map(|it| it.row.uuid.clone()).collect(),
            false => new.into_iter().map(|it| it.0).collect(),
        })
    }

    async fn metadata_statuses(&mut self, taxpayer: TaxpayerId, uuids: &[&str]) -> Stored<BTreeMap<String, DocumentStatus>> {
        let mut statuses = BTreeMap::new();
        for uuids in uuids.chunks(LOOKUP_MOST) {
            let sql = placed(self.work.is_lite(), lookup("select uuid, status from metadata", uuids.len()));
            let rows: Vec<(String, String)> =
                fetch!(self.work, fetch_all, AssertSqlSafe(sql.as_str()), self.tenant, taxpayer.0; for it in padded(uuids) => it)?;
            for (uuid, status) in rows {
                let status = DocumentStatus::from_text(&status).ok_or(StoreError::Corrupt(status))?;
                statuses.insert(uuid, status);
            }
        }
        Ok(statuses)
    }

    async fn count_known(&mut self, taxpayer: TaxpayerId, rows: &[&DocumentRow], written: &mut Written) -> Stored<()> {
        let known = self.known_documents(taxpayer, rows).await?;
        for row in rows {
            let same = known.get(&row.uuid).is_some_and(|(package, entry)| *package == row.package.0 && *entry == row.entry);
            if same { written.again += 1 } else { written.duplicates += 1 }
        }
        Ok(())
    }

    /// Those that are here: from which package and entry.
    async fn known_documents(&mut self, taxpayer: TaxpayerId, rows: &[&DocumentRow]) -> Stored<BTreeMap<String, (Uuid, String)>> {
        let mut known = BTreeMap::new();
        for rows in rows.chunks(LOOKUP_MOST) {
            let uuids: Vec<&str> = rows.iter().map(|it| it.uuid.as_str()).collect();
            let sql = placed(self.work.is_lite(), lookup("select uuid, package_id, entry from documents", uuids.len()));
            let found: Vec<(String, Uuid, String)> =
                fetch!(self.work, fetch_all, AssertSqlSafe(sql.as_str()), self.tenant, taxpayer.0; for it in padded(&uuids) => it)?;
            known.extend(found.into_iter().map(|(uuid, package, entry)| (uuid, (package, entry))));
        }
        Ok(known)
    }
}

/// The rows of each taxpayer, in order of UUID, so that two writers never wait for each other.
pub(crate) fn by_taxpayer<T>(rows: &[T], whose: impl Fn(&T) -> TaxpayerId) -> BTreeMap<TaxpayerId, Vec<&T>> {
    let mut parts: BTreeMap<TaxpayerId, Vec<&T>> = BTreeMap::new();
    for row in rows {
        parts.entry(whose(row)).or_default().push(row);
    }
    parts
}

/// The first row of each UUID, in order of UUID, and how many came again.
fn first_of_each(rows: Vec<&DocumentRow>) -> (Vec<&DocumentRow>, u64) {
    let mut first: BTreeMap<&str, &DocumentRow> = BTreeMap::new();
    let mut repeated = 0;
    for row in rows {
        match first.entry(&row.uuid) {
            Entry::Occupied(_) => repeated += 1,
            Entry::Vacant(place) => drop(place.insert(row)),
        }
    }
    (first.into_values().collect(), repeated)
}

/// Slices of `ROWS_MOST`, then of the powers of two that the rest is made of.
pub(crate) fn in_shapes<T>(rows: &[T]) -> Vec<&[T]> {
    let mut rest = rows;
    let mut slices = Vec::new();
    while !rest.is_empty() {
        let size = if rest.len() >= ROWS_MOST { ROWS_MOST } else { 1 << rest.len().ilog2() };
        let (slice, more) = rest.split_at(size);
        slices.push(slice);
        rest = more;
    }
    slices
}

/// An insert of what is not here yet. On SQLite what is here was looked up in the same transaction, of
/// which there is one at a time: a row that is there all the same is an error, and because an error
/// undoes the transaction anyway, the statement need not be able to undo itself (`or fail`), which
/// would cost a second journal.
pub(crate) fn insert_unless_known(is_lite: bool, into: &str, lists: &str) -> String {
    match is_lite {
        true => placed(true, format!("insert or fail into {into}{lists}")),
        false => format!("insert into {into}{lists} on conflict (tenant_id, taxpayer_id, uuid) do nothing returning uuid"),
    }
}

/// `($1, …, $c), ($c+1, …), …`
pub(crate) fn lists(rows: usize, columns: usize) -> String {
    let list = |row: usize| format!("({})", places(row * columns + 1, columns));
    (0..rows).map(list).collect::<Vec<_>>().join(", ")
}

/// A selection of one taxpayer's rows by UUID, in one of few shapes.
pub(crate) fn lookup(select: &str, count: usize) -> String {
    format!("{select} where tenant_id = $1 and taxpayer_id = $2 and uuid in ({})", places(3, count.next_power_of_two()))
}

/// A statement of many places, each bound once and in order, as its database takes it best. To SQLite
/// `$1` is a name, and each bind walks the list of all names to find its own: with a thousand of
/// them that costs more than the insert itself. A bare `?` has none.
pub(crate) fn placed(is_lite: bool, sql: String) -> String {
    if !is_lite {
        return sql;
    }
    let mut pieces = sql.split('$');
    let first = pieces.next().unwrap_or_default().to_owned();
    pieces.fold(first, |sql, piece| sql + "?" + piece.trim_start_matches(|it: char| it.is_ascii_digit()))
}

/// The UUIDs, filled up to the shape by repeating the last.
pub(crate) fn padded<'a>(uuids: &'a [&'a str]) -> impl Iterator<Item = &'a str> {
    let last = uuids.last().copied().unwrap_or_default();
    let more = uuids.len().next_power_of_two() - uuids.len();
    uuids.iter().copied().chain(std::iter::repeat_n(last, more))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_take_few_shapes_and_lose_nothing() {
        for count in [0usize, 1, 2, 63, 64, 65, 200, 1_000] {
            let rows: Vec<usize> = (0..count).collect();
            let slices = in_shapes(&rows);
            assert_eq!(slices.concat(), rows);
            assert!(slices.iter().all(|it| it.len() <= ROWS_MOST && it.len().is_power_of_two()));
        }
    }

    #[test]
    fn lists_number_their_places() {
        assert_eq!(lists(2, 3), "($1, $2, $3), ($4, $5, $6)");
        assert_eq!(placed(false, lists(2, 3)), "($1, $2, $3), ($4, $5, $6)");
        assert_eq!(placed(true, lists(4, 3)), "(?, ?, ?), (?, ?, ?), (?, ?, ?), (?, ?, ?)");
        assert_eq!(padded(&["a", "b", "c"]).collect::<Vec<_>>(), ["a", "b", "c", "c"]);
    }
}
