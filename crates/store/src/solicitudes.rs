//! Requests at SAT.

use crate::read::{Read, civil, closed, closed_opt, from_row, instant, small};
use crate::tx::{SqlTx, fetch, run};
use async_trait::async_trait;
use fedatario_app::model::{AuthorityCodes, Content, Direction, Estado, Family, Relation, Solicitud, SolicitudState};
use fedatario_app::ports::{Solicitudes, StoreError, Stored};
use fedatario_base::clock::to_millis;
use fedatario_base::id::{SolicitudId, TaxpayerId};
use sqlx::types::Json;

from_row!(Solicitud, row => Solicitud {
    id: SolicitudId(row.try_get("id")?),
    taxpayer: TaxpayerId(row.try_get("taxpayer_id")?),
    family: closed(row.try_get("family")?, Family::from_text)?,
    direction: closed(row.try_get("direction")?, Direction::from_text)?,
    content: closed(row.try_get("content")?, Content::from_text)?,
    estado: closed(row.try_get("estado")?, Estado::from_text)?,
    base_from: civil(row.try_get("base_from")?)?,
    from: civil(row.try_get("from_at")?)?,
    to: civil(row.try_get("to_at")?)?,
    k: small(row.try_get("k")?)?,
    year: small(row.try_get("year")?)?,
    state: closed(row.try_get("state")?, SolicitudState::from_text)?,
    authority_id: row.try_get("authority_id")?,
    codes: row.try_get::<Json<AuthorityCodes>, _>("codes")?.0,
    announced: row.try_get("announced")?,
    replaces: row.try_get::<Option<uuid::Uuid>, _>("replaces_id")?.map(SolicitudId),
    relation: closed_opt(row.try_get("relation")?, Relation::from_text)?,
    run: row.try_get("run")?,
    accepted_at: row.try_get::<Option<i64>, _>("accepted_ms")?.map(instant),
    ended_at: row.try_get::<Option<i64>, _>("ended_ms")?.map(instant),
    checks: small(row.try_get("checks")?)?,
    next_check: row.try_get::<Option<i64>, _>("next_check_ms")?.map(instant),
    revision: row.try_get("revision")?,
    created: instant(row.try_get("created_ms")?),
});

#[async_trait]
impl Solicitudes for SqlTx {
    async fn add_solicitud(&mut self, it: &Solicitud) -> Stored<bool> {
        let added = run!(
            self.work,
            "insert into solicitudes (tenant_id, id, taxpayer_id, family, direction, content, estado, base_from, from_at, to_at, \
             k, year, state, authority_id, codes, announced, replaces_id, relation, run, accepted_ms, ended_ms, checks, \
             next_check_ms, revision, created_ms) \
             values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24, $25) \
             on conflict (tenant_id, taxpayer_id, family, direction, content, from_at, to_at) do nothing",
            self.tenant,
            it.id.0,
            it.taxpayer.0,
            it.family.text(),
            it.direction.text(),
            it.content.text(),
            it.estado.text(),
            it.base_from.to_string(),
            it.from.to_string(),
            it.to.to_string(),
            i64::from(it.k),
            i64::from(it.year),
            it.state.text(),
            &it.authority_id,
            Json(&it.codes),
            it.announced,
            it.replaces.map(|it| it.0),
            it.relation.map(|it| it.text()),
            &it.run,
            it.accepted_at.map(to_millis),
            it.ended_at.map(to_millis),
            i64::from(it.checks),
            it.next_check.map(to_millis),
            it.revision,
            to_millis(it.created),
        )?;
        Ok(added == 1)
    }

    async fn solicitud(&mut self, id: SolicitudId) -> Stored<Option<Solicitud>> {
        let row: Option<Read<Solicitud>> =
            fetch!(self.work, fetch_optional, "select * from solicitudes where tenant_id = $1 and id = $2", self.tenant, id.0)?;
        Ok(row.map(|it| it.0))
    }

    async fn solicitudes(&mut self, taxpayer: TaxpayerId, year: Option<i16>) -> Stored<Vec<Solicitud>> {
        let rows: Vec<Read<Solicitud>> = match year {
            Some(year) => fetch!(
                self.work,
                fetch_all,
                "select * from solicitudes where tenant_id = $1 and taxpayer_id = $2 and year = $3 order by id",
                self.tenant,
                taxpayer.0,
                i64::from(year),
            )?,
            None => fetch!(
                self.work,
                fetch_all,
                "select * from solicitudes where tenant_id = $1 and taxpayer_id = $2 order by id",
                self.tenant,
                taxpayer.0,
            )?,
        };
        Ok(rows.into_iter().map(|it| it.0).collect())
    }

    async fn update_solicitud(&mut self, it: &Solicitud) -> Stored<()> {
        let changed = run!(
            self.work,
            "update solicitudes set estado = $4, base_from = $5, k = $6, year = $7, state = $8, authority_id = $9, codes = $10, \
             announced = $11, replaces_id = $12, relation = $13, run = $14, accepted_ms = $15, ended_ms = $16, checks = $17, \
             next_check_ms = $18, revision = revision + 1 \
             where tenant_id = $1 and id = $2 and revision = $3",
            self.tenant,
            it.id.0,
            it.revision,
            it.estado.text(),
            it.base_from.to_string(),
            i64::from(it.k),
            i64::from(it.year),
            it.state.text(),
            &it.authority_id,
            Json(&it.codes),
            it.announced,
            it.replaces.map(|it| it.0),
            it.relation.map(|it| it.text()),
            &it.run,
            it.accepted_at.map(to_millis),
            it.ended_at.map(to_millis),
            i64::from(it.checks),
            it.next_check.map(to_millis),
        )?;
        if changed == 1 {
            Ok(())
        } else {
            Err(self.why_not_changed("select revision from solicitudes where tenant_id = $1 and id = $2", it.id.0).await)
        }
    }
}

impl SqlTx {
    /// Why an update guarded by a revision touched nothing.
    pub(crate) async fn why_not_changed(&mut self, sql: &'static str, id: uuid::Uuid) -> StoreError {
        let row: Stored<Option<(i64,)>> = fetch!(self.work, fetch_optional, sql, self.tenant, id);
        match row {
            Ok(Some((revision,))) => self.work.fall(StoreError::Conflict(format!("the row has moved on to revision {revision}"))),
            Ok(None) => StoreError::NotFound,
            Err(error) => error,
        }
    }
}
