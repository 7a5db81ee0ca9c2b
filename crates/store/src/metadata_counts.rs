//! What lines of metadata tell besides themselves: how many lie where, on whose account, what changed.

use crate::read::{closed, from_row, instant};
use crate::tx::{SqlTx, fetch, list, places, run};
use fedatario_app::model::{CountOf, Direction, Family, Grain, LateCancellation, Share, ThirdParty};
use fedatario_app::ports::Stored;
use fedatario_base::id::TaxpayerId;
use sqlx::AssertSqlSafe;
use uuid::Uuid;

from_row!(LateCancellation, row => LateCancellation {
    uuid: row.try_get("uuid")?,
    family: closed(row.try_get("family")?, Family::from_text)?,
    issuer: row.try_get("issuer")?,
    receiver: row.try_get("receiver")?,
    issued_at: row.try_get("issued_at")?,
    amount: row.try_get("amount")?,
    cancelled_at: row.try_get("cancelled_at")?,
    noticed_at: listed_at(row.try_get("package_id")?)?,
    has_document: row.try_get::<i64, _>("has_document")? == 1,
});

/// A package's id holds the instant at which it was first known here.
fn listed_at(package: Uuid) -> sqlx::Result<jiff::Timestamp> {
    let (seconds, nanos) = package.get_timestamp().map(|it| it.to_unix()).ok_or(sqlx::Error::RowNotFound)?;
    let millis = i64::try_from(seconds).unwrap_or_default() * 1_000 + i64::from(nanos / 1_000_000);
    Ok(instant(millis))
}

/// The conditions of a count on lines, its texts bound from `$3` on in the order of [`texts`].
fn conditions(of: &CountOf) -> String {
    let (own, other) = match of.direction {
        Direction::Issued => ("issuer", "receiver"),
        Direction::Received => ("receiver", "issuer"),
    };
    let mut all = format!(
        "tenant_id = $1 and taxpayer_id = $2 and family = $3 and issued_at between $4 and $5 \
         and ($6 = '' or status = $6) and ($7 = '' or effect = $7) and ($8 = '' or third_rfc = $8) \
         and {own} = (select tax_id from taxpayers where tenant_id = $1 and id = $2)"
    );
    if !of.filters.counterparties.is_empty() {
        all.push_str(&format!(" and {other} in ({})", places(FIXED + 1, of.filters.counterparties.len())));
    }
    all
}

/// Binds before the counterparties: tenant, taxpayer, and what [`texts`] gives.
const FIXED: usize = 8;

/// What is bound from `$3` to `$8`.
fn texts(of: &CountOf) -> [String; 6] {
    let text = |it: &Option<String>| it.clone().unwrap_or_default();
    [
        of.family.text().to_owned(),
        of.from.to_string(),
        of.to.to_string(),
        of.status.map_or("", |it| it.text()).to_owned(),
        text(&of.filters.kind),
        text(&of.filters.third_party),
    ]
}

impl SqlTx {
    pub(crate) async fn counted(&mut self, taxpayer: TaxpayerId, of: &CountOf, grain: Grain) -> Stored<Vec<(String, u64)>> {
        let prefix = format!("substr(issued_at, 1, {})", grain.characters());
        let sql = format!("select {prefix} as stretch, count(*) as n from metadata where {} group by 1 order by 1", conditions(of));
        let [family, from, to, status, kind, third] = texts(of);
        let rows: Vec<(String, i64)> = fetch!(
            self.work, fetch_all, AssertSqlSafe(sql.as_str()),
            self.tenant, taxpayer.0, family.as_str(), from.as_str(), to.as_str(), status.as_str(), kind.as_str(), third.as_str();
            for rfc in &of.filters.counterparties => rfc
        )?;
        Ok(rows.into_iter().map(|(stretch, n)| (stretch, n.unsigned_abs())).collect())
    }

    pub(crate) async fn shared(&mut self, taxpayer: TaxpayerId, of: &CountOf) -> Stored<Vec<Share>> {
        let other = match of.direction {
            Direction::Issued => "receiver",
            Direction::Received => "issuer",
        };
        let sql = format!(
            "select effect, {other} as counterparty, count(*) as n from metadata where {} group by 1, 2 order by 1, 2",
            conditions(of)
        );
        let [family, from, to, status, kind, third] = texts(of);
        let rows: Vec<(String, String, i64)> = fetch!(
            self.work, fetch_all, AssertSqlSafe(sql.as_str()),
            self.tenant, taxpayer.0, family.as_str(), from.as_str(), to.as_str(), status.as_str(), kind.as_str(), third.as_str();
            for rfc in &of.filters.counterparties => rfc
        )?;
        Ok(rows.into_iter().map(|(kind, counterparty, n)| Share { kind, counterparty, count: n.unsigned_abs() }).collect())
    }

    pub(crate) async fn cancelled_late(&mut self, taxpayer: TaxpayerId, limit: u32) -> Stored<Vec<LateCancellation>> {
        list!(
            self.work,
            "select m.uuid, m.family, m.issuer, m.receiver, m.issued_at, m.amount, m.cancelled_at, m.package_id, \
             cast(case when d.uuid is null then 0 else 1 end as bigint) as has_document \
             from metadata m left join documents d \
               on d.tenant_id = m.tenant_id and d.taxpayer_id = m.taxpayer_id and d.uuid = m.uuid and d.role <> 'foreign' \
             where m.tenant_id = $1 and m.taxpayer_id = $2 and m.cancelled_late = 1 \
             order by m.package_id desc, m.uuid limit $3",
            self.tenant,
            taxpayer.0,
            i64::from(limit),
        )
    }

    pub(crate) async fn note_third_parties(&mut self, taxpayer: TaxpayerId, rows: &[ThirdParty]) -> Stored<u64> {
        let mut noted = 0;
        for it in rows {
            noted += run!(
                self.work,
                "update metadata set third_rfc = $4, third_name = $5 where tenant_id = $1 and taxpayer_id = $2 and uuid = $3",
                self.tenant,
                taxpayer.0,
                &it.uuid,
                &it.rfc,
                &it.name,
            )?;
        }
        Ok(noted)
    }
}
