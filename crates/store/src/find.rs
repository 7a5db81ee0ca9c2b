//! Documents found again: one selection for every question, on both databases.
//!
//! A question is answered in two steps: the keys that a filter lets through, in order and after a
//! cursor, from columns alone; then the bodies of those that are wanted, by their key. The order is
//! (period, date, UUID): the index gives the months, so both databases sort one month at a time and
//! stop at the limit, and no index is needed that every insert would pay for. No offset anywhere.

use crate::documents::{lookup, padded};
use crate::read::{Read, closed, from_row, raw, small};
use crate::tx::{SqlTx, fetch, list};
use fedatario_app::model::{
    Direction, DocumentFilter, DocumentKey, DocumentKind, DocumentRow, DocumentStatus, Family, FoundDocument, MetadataRow,
};
use fedatario_app::ports::Stored;
use fedatario_base::id::{PackageId, TaxpayerId};
use sqlx::AssertSqlSafe;
use std::collections::BTreeMap;

/// UUIDs looked up by one statement.
const LOOKUP_MOST: usize = 512;

from_row!(DocumentKey, row => DocumentKey { date: row.try_get("issued_at")?, uuid: row.try_get("uuid")? });

from_row!(MetadataRow, row => MetadataRow {
    taxpayer: TaxpayerId(row.try_get("taxpayer_id")?),
    uuid: row.try_get("uuid")?,
    issuer: row.try_get("issuer")?,
    issuer_name: row.try_get("issuer_name")?,
    receiver: row.try_get("receiver")?,
    receiver_name: row.try_get("receiver_name")?,
    pac: row.try_get("pac")?,
    issued_at: row.try_get("issued_at")?,
    stamped_at: row.try_get("stamped_at")?,
    period: small(row.try_get("period")?)?,
    amount: row.try_get("amount")?,
    effect: row.try_get("effect")?,
    status: closed(row.try_get("status")?, DocumentStatus::from_text)?,
    cancelled_at: row.try_get("cancelled_at")?,
    extra: raw(row.try_get("extra")?),
    family: closed(row.try_get("family")?, Family::from_text)?,
    package: PackageId(row.try_get("package_id")?),
});

/// A document beside the column that [`DocumentRow`] leaves out.
struct WithStatus {
    row: DocumentRow,
    status: DocumentStatus,
}

/// Both databases read it alike.
macro_rules! with_status {
    ($($of:ty),*) => { $(
        impl sqlx::FromRow<'_, $of> for WithStatus {
            fn from_row(row: &$of) -> sqlx::Result<Self> {
                use sqlx::Row as _;
                let status = closed(row.try_get("status")?, DocumentStatus::from_text)?;
                Ok(Self { row: Read::<DocumentRow>::from_row(row)?.0, status })
            }
        }
    )* };
}
with_status!(sqlx::sqlite::SqliteRow, sqlx::postgres::PgRow);

impl SqlTx {
    pub(crate) async fn find_keys(
        &mut self,
        taxpayer: TaxpayerId,
        filter: &DocumentFilter,
        after: Option<&DocumentKey>,
        limit: u32,
    ) -> Stored<Vec<DocumentKey>> {
        let (period, date, uuid) = after.map_or((-1, "", ""), |it| (period(&it.date), it.date.as_str(), it.uuid.as_str()));
        let sql = selection(filter);
        let empty = String::new;
        let (from, to) = filter.dates.clone().unwrap_or_default();
        list!(
            self.work,
            AssertSqlSafe(sql.as_str()),
            self.tenant,
            taxpayer.0,
            i64::from(filter.periods.0).max(period),
            i64::from(filter.periods.1),
            period,
            date,
            uuid,
            filter.totals.0,
            filter.totals.1,
            filter.currency.clone().unwrap_or_default(),
            filter.complement.as_deref().map_or_else(|| "%".to_owned(), like),
            filter.counterparty.clone().unwrap_or_else(empty),
            from.as_str(),
            to.as_str(),
            filter.uuid.clone().unwrap_or_else(empty),
            i64::from(limit),
        )
    }

    pub(crate) async fn find_named(&mut self, taxpayer: TaxpayerId, uuids: &[&str]) -> Stored<Vec<FoundDocument>> {
        let mut found = Vec::with_capacity(uuids.len());
        for uuids in uuids.chunks(LOOKUP_MOST) {
            let sql = lookup("select * from documents", uuids.len());
            let rows: Vec<WithStatus> =
                fetch!(self.work, fetch_all, AssertSqlSafe(sql.as_str()), self.tenant, taxpayer.0; for it in padded(uuids) => it)?;
            let cancelled: Vec<&str> =
                rows.iter().filter(|it| it.status == DocumentStatus::Cancelado).map(|it| it.row.uuid.as_str()).collect();
            let mut when = self.cancelled_when(taxpayer, &cancelled).await?;
            let one = |it: WithStatus| FoundDocument {
                cancelled_at: when.remove(&it.row.uuid).flatten(),
                row: it.row,
                status: it.status,
            };
            found.extend(rows.into_iter().map(one));
        }
        found.sort_by(|a, b| a.row.uuid.cmp(&b.row.uuid));
        Ok(found)
    }

    async fn cancelled_when(&mut self, taxpayer: TaxpayerId, uuids: &[&str]) -> Stored<BTreeMap<String, Option<String>>> {
        if uuids.is_empty() {
            return Ok(BTreeMap::new());
        }
        let sql = lookup("select uuid, cancelled_at from metadata", uuids.len());
        let rows: Vec<(String, Option<String>)> =
            fetch!(self.work, fetch_all, AssertSqlSafe(sql.as_str()), self.tenant, taxpayer.0; for it in padded(uuids) => it)?;
        Ok(rows.into_iter().collect())
    }

    pub(crate) async fn find_lines(
        &mut self,
        taxpayer: TaxpayerId,
        periods: (i32, i32),
        after: Option<&str>,
        limit: u32,
    ) -> Stored<Vec<MetadataRow>> {
        list!(
            self.work,
            "select * from metadata where tenant_id = $1 and taxpayer_id = $2 and uuid > $3 and period between $4 and $5 \
             order by uuid limit $6",
            self.tenant,
            taxpayer.0,
            after.unwrap_or_default(),
            i64::from(periods.0),
            i64::from(periods.1),
            i64::from(limit),
        )
    }
}

/// The statement of a filter. Only words of closed sets are written into it; all else is bound.
fn selection(filter: &DocumentFilter) -> String {
    let roles = match filter.direction {
        None => "'issued', 'received', 'both'",
        Some(Direction::Issued) => "'issued', 'both'",
        Some(Direction::Received) => "'received', 'both'",
    };
    // A UUID alone decides, so its own index is left open to the planner.
    let uuid = if filter.uuid.is_some() { "uuid = $15" } else { "$15 = ''" };
    format!(
        "select issued_at, uuid from documents \
         where tenant_id = $1 and taxpayer_id = $2 and period between $3 and $4 \
           and (period, issued_at, uuid) > ($5, $6, $7) \
           and role in ({roles}){}{} \
           and total_e6 between $8 and $9 \
           and ($10 = '' or currency = $10) \
           and (',' || lower(complements) || ',') like $11 \
           and ($12 = '' or (issuer = $12 and role in ('received', 'both')) or (receiver = $12 and role in ('issued', 'both'))) \
           and ($13 = '' or issued_at >= $13) and ($14 = '' or issued_at < $14) \
           and {uuid} \
         order by period, issued_at, uuid limit $16",
        kinds(&filter.kinds),
        statuses(&filter.statuses),
    )
}

fn kinds(kinds: &[DocumentKind]) -> String {
    let one = |it: &DocumentKind| match it {
        DocumentKind::Retencion => "kind like 'R%'".to_owned(),
        other => format!("kind = '{}'", other.text()),
    };
    either(kinds.iter().map(one).collect())
}

fn statuses(statuses: &[DocumentStatus]) -> String {
    either(statuses.iter().map(|it| format!("status = '{}'", it.text())).collect())
}

/// ` and (a or b)`, or nothing.
fn either(conditions: Vec<String>) -> String {
    if conditions.is_empty() { String::new() } else { format!(" and ({})", conditions.join(" or ")) }
}

/// The pattern of one name in a list with commas; only letters and digits can be meant.
fn like(name: &str) -> String {
    let letters: String = name.chars().filter(char::is_ascii_alphanumeric).collect();
    // A list has a comma at either end, so one comma is none.
    if letters.is_empty() { ",".to_owned() } else { format!("%,{},%", letters.to_ascii_lowercase()) }
}

/// The month of a date, as the column has it; none is 0.
fn period(date: &str) -> i64 {
    let part = |from: usize, to: usize| date.get(from..to).and_then(|it| it.parse::<i64>().ok());
    part(0, 4).zip(part(5, 7)).map_or(0, |(year, month)| year * 100 + month)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_gives_the_month_of_its_column() {
        for (date, expected) in [("2025-03-04T05:06:07", 202_503), ("", 0), ("2025", 0), ("abcd-ef", 0)] {
            assert_eq!(period(date), expected, "{date}");
        }
    }

    #[test]
    fn patterns_hold_one_name_and_no_wildcard() {
        assert_eq!(like("Pagos"), "%,pagos,%");
        assert_eq!(like("%_'"), ",");
    }
}
