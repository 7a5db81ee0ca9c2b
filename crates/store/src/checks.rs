//! What is kept of documents beyond their contents: seals, status at SAT, runs and findings.
//!
//! Verdicts come in batches, by statements of few shapes like documents; the questions that page
//! through everything start from the narrow tables, never from the documents' bodies.

use crate::documents::{in_shapes, lists, lookup, padded};
use crate::read::{Read, civil, closed, closed_opt, from_row, instant, small};
use crate::tx::{SqlTx, fetch, list, one, run};
use async_trait::async_trait;
use fedatario_app::model::{DocumentStatus, Role};
use fedatario_app::ports::Stored;
use fedatario_app::revision::model::*;
use fedatario_app::revision::ports::{Checks, Dates, StatusAnswer};
use fedatario_base::clock::to_millis;
use fedatario_base::id::{PackageId, RevisionId, TaxpayerId};
use sqlx::AssertSqlSafe;
use sqlx::types::Json;
use uuid::Uuid;

/// UUIDs looked up by one statement.
const LOOKUP_MOST: usize = 512;

from_row!(ReadablePackage, row => ReadablePackage {
    id: PackageId(row.try_get("id")?),
    path: row.try_get("path")?,
    window: match (row.try_get::<Option<String>, _>("from_at")?, row.try_get::<Option<String>, _>("to_at")?) {
        (Some(from), Some(to)) => Some((civil(&from)?, civil(&to)?)),
        _ => None,
    },
    mark: match (row.try_get::<Option<String>, _>("knowledge")?, row.try_get::<Option<i64>, _>("wanting")?) {
        (Some(knowledge), Some(wanting)) => Some((knowledge, small(wanting)?)),
        _ => None,
    },
});

from_row!(Brief, row => Brief {
    uuid: row.try_get("uuid")?,
    package: PackageId(row.try_get("package_id")?),
    entry: row.try_get("entry")?,
    role: closed(row.try_get("role")?, Role::from_text)?,
    date: row.try_get("issued_at")?,
    knowledge: row.try_get("knowledge")?,
});

from_row!(Askable, row => Askable {
    uuid: row.try_get("uuid")?,
    version: row.try_get("version")?,
    kind: row.try_get("kind")?,
    role: closed(row.try_get("role")?, Role::from_text)?,
    issuer: row.try_get("issuer")?,
    receiver: row.try_get("receiver")?,
    date: row.try_get("issued_at")?,
    total: row.try_get("total")?,
    seal_tail: row.try_get::<Option<String>, _>("seal_tail")?.filter(|it| !it.is_empty()),
    metadata: row.try_get::<Option<Uuid>, _>("metadata_package")?.map(PackageId),
    asked: match (row.try_get::<Option<i64>, _>("asked_ms")?, row.try_get::<Option<String>, _>("estado")?) {
        (Some(asked), Some(estado)) => Some((instant(asked), estado)),
        _ => None,
    },
});

from_row!(Suspect, row => Suspect {
    uuid: row.try_get("uuid")?,
    role: closed(row.try_get("role")?, Role::from_text)?,
    issuer: row.try_get("issuer")?,
    receiver: row.try_get("receiver")?,
    date: row.try_get("issued_at")?,
    total: row.try_get("total")?,
    currency: row.try_get("currency")?,
    stamped_at: row.try_get("stamped_at")?,
    status: closed(row.try_get("status")?, DocumentStatus::from_text)?,
    seal: match row.try_get::<Option<String>, _>("verdict")? {
        None => None,
        Some(verdict) => Some((
            closed(&verdict, Verdict::from_text)?,
            closed_opt(row.try_get::<Option<String>, _>("reason")?.as_deref(), Reason::from_text)?,
            closed(row.try_get("trust")?, Trust::from_text)?,
        )),
    },
    asked: match row.try_get::<Option<i64>, _>("asked_ms")? {
        None => None,
        Some(asked) => Some((
            StatusAnswer {
                codigo_estatus: row.try_get("codigo_estatus")?,
                estado: row.try_get("estado")?,
                es_cancelable: row.try_get("es_cancelable")?,
                estatus_cancelacion: row.try_get("estatus_cancelacion")?,
                validacion_efos: row.try_get("validacion_efos")?,
            },
            instant(asked),
        )),
    },
});

from_row!(SealCount, row => SealCount {
    verdict: closed_opt(row.try_get::<Option<String>, _>("verdict")?.as_deref(), Verdict::from_text)?,
    reason: closed_opt(row.try_get::<Option<String>, _>("reason")?.as_deref(), Reason::from_text)?,
    trust: closed_opt(row.try_get::<Option<String>, _>("trust")?.as_deref(), Trust::from_text)?,
    count: small(row.try_get("documents")?)?,
});

from_row!(ListedCounterparty, row => ListedCounterparty {
    rfc: row.try_get("rfc")?,
    name: row.try_get("name")?,
    situation: row.try_get("situation")?,
    role: closed(row.try_get("role")?, Role::from_text)?,
    currency: row.try_get("currency")?,
    documents: small(row.try_get("documents")?)?,
    total_e6: row.try_get("total_e6")?,
    first: row.try_get("first_at")?,
    last: row.try_get("last_at")?,
});

from_row!(RunRow, row => RunRow {
    id: RevisionId(row.try_get("id")?),
    taxpayer: TaxpayerId(row.try_get("taxpayer_id")?),
    begun: instant(row.try_get("begun_ms")?),
    ended: row.try_get::<Option<i64>, _>("ended_ms")?.map(instant),
    asked: row.try_get::<Json<serde_json::Value>, _>("asked")?.0,
    counts: row.try_get::<Json<serde_json::Value>, _>("counts")?.0,
});

from_row!(FindingRow, row => FindingRow {
    seq: small(row.try_get("seq")?)?,
    subject: row.try_get("subject")?,
    verdict: row.try_get("verdict")?,
    reason: row.try_get("reason")?,
    told: row.try_get::<Json<serde_json::Value>, _>("told")?.0,
});

#[async_trait]
impl Checks for SqlTx {
    async fn readable_packages(
        &mut self,
        taxpayer: TaxpayerId,
        after: Option<PackageId>,
        limit: u32,
    ) -> Stored<Vec<ReadablePackage>> {
        list!(
            self.work,
            "select p.id, p.path, s.from_at, s.to_at, c.knowledge, c.wanting from packages p \
             left join solicitudes s on s.tenant_id = $1 and s.id = p.solicitud_id \
             left join checked_packages c on c.tenant_id = $1 and c.package_id = p.id \
             where p.tenant_id = $1 and p.taxpayer_id = $2 and p.id > $3 and p.content = 'cfdi' and p.state = 'imported' \
             and p.path is not null order by p.id limit $4",
            self.tenant,
            taxpayer.0,
            after.map_or(Uuid::nil(), |it| it.0),
            i64::from(limit),
        )
    }

    async fn mark_package(&mut self, package: PackageId, knowledge: &str, wanting: u64) -> Stored<()> {
        run!(
            self.work,
            "insert into checked_packages (tenant_id, package_id, knowledge, wanting) values ($1, $2, $3, $4) \
             on conflict (tenant_id, package_id) do update set knowledge = excluded.knowledge, wanting = excluded.wanting",
            self.tenant,
            package.0,
            knowledge,
            i64::try_from(wanting).unwrap_or(i64::MAX),
        )
        .map(|_| ())
    }

    async fn briefs(&mut self, taxpayer: TaxpayerId, uuids: &[&str]) -> Stored<Vec<Brief>> {
        let mut found = Vec::with_capacity(uuids.len());
        for uuids in uuids.chunks(LOOKUP_MOST) {
            let named = lookup("select uuid, package_id, entry, role, issued_at from documents", uuids.len());
            let sql = format!(
                "select d.*, c.knowledge from ({named}) d \
                 left join seal_checks c on c.tenant_id = $1 and c.taxpayer_id = $2 and c.uuid = d.uuid"
            );
            let rows: Vec<Read<Brief>> =
                fetch!(self.work, fetch_all, AssertSqlSafe(sql.as_str()), self.tenant, taxpayer.0; for it in padded(uuids) => it)?;
            found.extend(rows.into_iter().map(|it| it.0));
        }
        Ok(found)
    }

    async fn put_seal_checks(&mut self, taxpayer: TaxpayerId, rows: &[SealCheck]) -> Stored<()> {
        let rows = last_of_each(rows, |it| &it.uuid);
        let tenant = self.tenant;
        for batch in in_shapes(&rows) {
            let sql = format!(
                "insert into seal_checks (tenant_id, taxpayer_id, uuid, verdict, reason, trust, certificate, stamp_certificate, \
                 seal_tail, stamped_at, knowledge, checked_ms) values {} on conflict (tenant_id, taxpayer_id, uuid) do update set \
                 verdict = excluded.verdict, reason = excluded.reason, trust = excluded.trust, certificate = excluded.certificate, \
                 stamp_certificate = excluded.stamp_certificate, seal_tail = excluded.seal_tail, stamped_at = excluded.stamped_at, knowledge = excluded.knowledge, \
                 checked_ms = excluded.checked_ms",
                lists(batch.len(), 12)
            );
            run!(
                self.work, AssertSqlSafe(sql.as_str());
                for it in batch =>
                    tenant, taxpayer.0, &it.uuid, it.verdict.text(), it.reason.map(Reason::text), it.trust.text(), &it.certificate,
                    &it.stamp_certificate, &it.seal_tail, &it.stamped_at, &it.knowledge, to_millis(it.checked)
            )?;
        }
        Ok(())
    }

    async fn put_status_checks(&mut self, taxpayer: TaxpayerId, rows: &[StatusCheck]) -> Stored<()> {
        let rows = last_of_each(rows, |it| &it.uuid);
        let tenant = self.tenant;
        for batch in in_shapes(&rows) {
            let sql = format!(
                "insert into status_checks (tenant_id, taxpayer_id, uuid, codigo_estatus, estado, es_cancelable, \
                 estatus_cancelacion, validacion_efos, asked_ms) values {} on conflict (tenant_id, taxpayer_id, uuid) do update set \
                 codigo_estatus = excluded.codigo_estatus, estado = excluded.estado, es_cancelable = excluded.es_cancelable, \
                 estatus_cancelacion = excluded.estatus_cancelacion, validacion_efos = excluded.validacion_efos, \
                 asked_ms = excluded.asked_ms",
                lists(batch.len(), 9)
            );
            run!(
                self.work, AssertSqlSafe(sql.as_str());
                for it in batch =>
                    tenant, taxpayer.0, &it.uuid, &it.answer.codigo_estatus, &it.answer.estado, &it.answer.es_cancelable,
                    &it.answer.estatus_cancelacion, &it.answer.validacion_efos, to_millis(it.asked)
            )?;
        }
        Ok(())
    }

    async fn askable(&mut self, taxpayer: TaxpayerId, dates: Dates<'_>, after: &str, limit: u32) -> Stored<Vec<Askable>> {
        list!(
            self.work,
            "select d.uuid, d.version, d.kind, d.role, d.issuer, d.receiver, d.issued_at, d.total, c.seal_tail, \
               m.package_id as metadata_package, s.asked_ms, s.estado \
             from documents d \
             left join metadata m on m.tenant_id = $1 and m.taxpayer_id = $2 and m.uuid = d.uuid \
             left join seal_checks c on c.tenant_id = $1 and c.taxpayer_id = $2 and c.uuid = d.uuid \
             left join status_checks s on s.tenant_id = $1 and s.taxpayer_id = $2 and s.uuid = d.uuid \
             where d.tenant_id = $1 and d.taxpayer_id = $2 and d.uuid > $3 and d.role <> 'foreign' \
             and d.issued_at between $4 and $5 order by d.uuid limit $6",
            self.tenant,
            taxpayer.0,
            after,
            dates.0,
            dates.1,
            i64::from(limit),
        )
    }

    async fn suspects(&mut self, taxpayer: TaxpayerId, dates: Dates<'_>, after: &str, limit: u32) -> Stored<Vec<Suspect>> {
        list!(
            self.work,
            "select d.uuid, d.role, d.issuer, d.receiver, d.issued_at, d.total, d.currency, d.status, coalesce(c.stamped_at, m.stamped_at, '') as stamped_at, c.verdict, c.reason, c.trust, \
               s.codigo_estatus, s.estado, s.es_cancelable, s.estatus_cancelacion, s.validacion_efos, s.asked_ms \
             from (select uuid from seal_checks where tenant_id = $1 and taxpayer_id = $2 and uuid > $3 and verdict <> 'good' \
               union select uuid from status_checks where tenant_id = $1 and taxpayer_id = $2 and uuid > $3 and estado <> 'Vigente' \
               union select uuid from metadata where tenant_id = $1 and taxpayer_id = $2 and uuid > $3 and status = 'cancelado') n \
             join documents d on d.tenant_id = $1 and d.taxpayer_id = $2 and d.uuid = n.uuid and d.role <> 'foreign' \
               and d.issued_at between $4 and $5 \
             left join seal_checks c on c.tenant_id = $1 and c.taxpayer_id = $2 and c.uuid = n.uuid \
             left join status_checks s on s.tenant_id = $1 and s.taxpayer_id = $2 and s.uuid = n.uuid \
             left join metadata m on m.tenant_id = $1 and m.taxpayer_id = $2 and m.uuid = n.uuid \
             order by n.uuid limit $6",
            self.tenant,
            taxpayer.0,
            after,
            dates.0,
            dates.1,
            i64::from(limit),
        )
    }

    async fn seal_counts(&mut self, taxpayer: TaxpayerId, dates: Dates<'_>) -> Stored<Vec<SealCount>> {
        list!(
            self.work,
            "select c.verdict, c.reason, c.trust, count(*) as documents from documents d \
             left join seal_checks c on c.tenant_id = $1 and c.taxpayer_id = $2 and c.uuid = d.uuid \
             where d.tenant_id = $1 and d.taxpayer_id = $2 and d.role <> 'foreign' and d.issued_at between $3 and $4 \
             group by c.verdict, c.reason, c.trust order by documents desc, c.verdict, c.reason",
            self.tenant,
            taxpayer.0,
            dates.0,
            dates.1,
        )
    }

    async fn listed_counterparties(&mut self, taxpayer: TaxpayerId, dates: Dates<'_>) -> Stored<Vec<ListedCounterparty>> {
        list!(
            self.work,
            "select e.rfc, e.name, e.situation, d.role, d.currency, d.documents, d.total_e6, d.first_at, d.last_at \
             from (select case role when 'issued' then receiver else issuer end as other, role, currency, count(*) as documents, \
                 cast(sum(total_e6) as bigint) as total_e6, min(issued_at) as first_at, max(issued_at) as last_at \
               from documents where tenant_id = $1 and taxpayer_id = $2 and role in ('issued', 'received') \
               and issued_at between $3 and $4 group by case role when 'issued' then receiver else issuer end, role, currency) d \
             join efos_entries e on e.rfc = d.other and e.list_id = (select id from efos_lists order by loaded_ms desc, id desc limit 1) \
             order by e.rfc, e.seq, d.role, d.currency",
            self.tenant,
            taxpayer.0,
            dates.0,
            dates.1,
        )
    }

    async fn put_run(&mut self, it: &RunRow) -> Stored<()> {
        run!(
            self.work,
            "insert into check_runs (tenant_id, id, taxpayer_id, begun_ms, ended_ms, asked, counts) \
             values ($1, $2, $3, $4, $5, $6, $7) \
             on conflict (tenant_id, id) do update set ended_ms = excluded.ended_ms, counts = excluded.counts",
            self.tenant,
            it.id.0,
            it.taxpayer.0,
            to_millis(it.begun),
            it.ended.map(to_millis),
            Json(&it.asked),
            Json(&it.counts),
        )
        .map(|_| ())
    }

    async fn run(&mut self, id: RevisionId) -> Stored<Option<RunRow>> {
        let found: Option<RunRow> =
            one!(self.work, "select * from check_runs where tenant_id = $1 and id = $2", self.tenant, id.0)?;
        match found {
            Some(it) if !self.hides(it.taxpayer.0).await? => Ok(Some(it)),
            _ => Ok(None),
        }
    }

    async fn runs(&mut self, taxpayer: TaxpayerId, limit: u32) -> Stored<Vec<RunRow>> {
        list!(
            self.work,
            "select * from check_runs where tenant_id = $1 and taxpayer_id = $2 order by begun_ms desc, id desc limit $3",
            self.tenant,
            taxpayer.0,
            i64::from(limit),
        )
    }

    async fn add_findings(&mut self, of: RevisionId, rows: &[FindingRow]) -> Stored<()> {
        let tenant = self.tenant;
        for batch in in_shapes(rows) {
            let sql = format!(
                "insert into check_findings (tenant_id, run_id, seq, subject, verdict, reason, told) values {} \
                 on conflict (tenant_id, run_id, seq) do update set subject = excluded.subject, verdict = excluded.verdict, \
                 reason = excluded.reason, told = excluded.told",
                lists(batch.len(), 7)
            );
            run!(
                self.work, AssertSqlSafe(sql.as_str());
                for it in batch =>
                    tenant, of.0, i64::try_from(it.seq).unwrap_or(i64::MAX), &it.subject, &it.verdict, &it.reason, Json(&it.told)
            )?;
        }
        Ok(())
    }

    async fn findings(&mut self, of: RevisionId, after: u64, limit: u32) -> Stored<Vec<FindingRow>> {
        list!(
            self.work,
            "select * from check_findings where tenant_id = $1 and run_id = $2 and seq > $3 order by seq limit $4",
            self.tenant,
            of.0,
            i64::try_from(after).unwrap_or(i64::MAX),
            i64::from(limit),
        )
    }
}

/// The last row of each UUID, in order of UUID: one statement cannot change a row twice, and two
/// writers never wait for each other in a circle.
fn last_of_each<T>(rows: &[T], uuid: impl Fn(&T) -> &String) -> Vec<&T> {
    let last: std::collections::BTreeMap<&str, &T> = rows.iter().map(|it| (uuid(it).as_str(), it)).collect();
    last.into_values().collect()
}
