//! Requests at SAT.

use crate::read::{Read, civil, closed, closed_opt, from_row, instant, small};
use crate::tx::{SqlTx, fetch, places, run};
use async_trait::async_trait;
use fedatario_app::model::{
    AuthorityCodes, Content, Direction, Estado, Family, Filters, Purpose, Relation, Solicitud, SolicitudState,
};
use fedatario_app::ports::{Solicitudes, StoreError, Stored};
use fedatario_base::clock::to_millis;
use fedatario_base::id::{SolicitudId, TaxpayerId};
use sqlx::types::Json;
use std::sync::LazyLock;

from_row!(Solicitud, row => Solicitud {
    id: SolicitudId(row.try_get("id")?),
    taxpayer: TaxpayerId(row.try_get("taxpayer_id")?),
    family: closed(row.try_get("family")?, Family::from_text)?,
    direction: closed(row.try_get("direction")?, Direction::from_text)?,
    content: closed(row.try_get("content")?, Content::from_text)?,
    estado: closed(row.try_get("estado")?, Estado::from_text)?,
    filters: filters(row.try_get::<Json<Filters>, _>("filters")?.0, row.try_get("counterparties")?, row.try_get("folio")?),
    purpose: closed(row.try_get("purpose")?, Purpose::from_text)?,
    base_from: civil(row.try_get("base_from")?)?,
    from: civil(row.try_get("from_at")?)?,
    to: civil(row.try_get("to_at")?)?,
    k: small(row.try_get("k")?)?,
    year: small(row.try_get("year")?)?,
    state: closed(row.try_get("state")?, SolicitudState::from_text)?,
    authority_id: row.try_get("authority_id")?,
    codes: row.try_get::<Json<AuthorityCodes>, _>("codes")?.0,
    announced: row.try_get("announced")?,
    problem: row.try_get("problem")?,
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

/// What narrows a request: part of it has columns of its own, because it is part of its identity.
fn filters(rest: Filters, counterparties: &str, folio: &str) -> Filters {
    let named = |it: &str| (!it.is_empty()).then(|| it.to_owned());
    Filters { counterparties: counterparties.split(',').filter_map(named).collect(), folio: named(folio), ..rest }
}

/// What the column `filters` holds.
fn rest(it: &Filters) -> Filters {
    Filters { counterparties: Vec::new(), folio: None, ..it.clone() }
}

/// The columns that are written once, in the order of their binds.
const IDENTITY: &str = "tenant_id, id, taxpayer_id, family, direction, content, from_at, to_at, counterparties, folio, created_ms";
/// The columns that an update writes, in the order of their binds, which follow those that are not.
const CHANGING: [&str; 19] = [
    "estado",
    "filters",
    "purpose",
    "base_from",
    "k",
    "year",
    "state",
    "authority_id",
    "codes",
    "announced",
    "problem",
    "replaces_id",
    "relation",
    "run",
    "accepted_ms",
    "ended_ms",
    "checks",
    "next_check_ms",
    "revision",
];
/// How many binds come before the changing columns when a row is added.
const IDENTITY_BINDS: usize = 11;
/// How many come before them when it is updated: tenant, id, the revision that was read.
const GUARD_BINDS: usize = 3;

/// The binds of [`CHANGING`], after those given.
macro_rules! changing {
    ($how:ident, $work:expr, $sql:expr, $it:ident, $revision:expr; $($first:expr),+ $(,)?) => {
        $how!(
            $work,
            $sql,
            $($first,)+
            $it.estado.text(),
            Json(rest(&$it.filters)),
            $it.purpose.text(),
            $it.base_from.to_string(),
            i64::from($it.k),
            i64::from($it.year),
            $it.state.text(),
            &$it.authority_id,
            Json(&$it.codes),
            $it.announced,
            &$it.problem,
            $it.replaces.map(|it| it.0),
            $it.relation.map(|it| it.text()),
            &$it.run,
            $it.accepted_at.map(to_millis),
            $it.ended_at.map(to_millis),
            i64::from($it.checks),
            $it.next_check.map(to_millis),
            $revision,
        )
    };
}

static INSERT: LazyLock<String> = LazyLock::new(|| {
    format!(
        "insert into solicitudes ({IDENTITY}, {}) values ({}) \
         on conflict (tenant_id, taxpayer_id, family, direction, content, from_at, to_at, counterparties, folio) do nothing",
        CHANGING.join(", "),
        places(1, IDENTITY_BINDS + CHANGING.len())
    )
});

static UPDATE: LazyLock<String> = LazyLock::new(|| {
    let set = |(at, name): (usize, &&str)| format!("{name} = ${}", GUARD_BINDS + 1 + at);
    let all: Vec<String> = CHANGING.iter().enumerate().map(set).collect();
    format!("update solicitudes set {} where tenant_id = $1 and id = $2 and revision = $3", all.join(", "))
});

#[async_trait]
impl Solicitudes for SqlTx {
    async fn add_solicitud(&mut self, it: &Solicitud) -> Stored<bool> {
        let added = changing!(
            run, self.work, INSERT.as_str(), it, it.revision;
            self.tenant,
            it.id.0,
            it.taxpayer.0,
            it.family.text(),
            it.direction.text(),
            it.content.text(),
            it.from.to_string(),
            it.to.to_string(),
            it.filters.counterparties.join(","),
            it.filters.folio.clone().unwrap_or_default(),
            to_millis(it.created),
        )?;
        Ok(added == 1)
    }

    async fn solicitud(&mut self, id: SolicitudId) -> Stored<Option<Solicitud>> {
        let row: Option<Read<Solicitud>> =
            fetch!(self.work, fetch_optional, "select * from solicitudes where tenant_id = $1 and id = $2", self.tenant, id.0)?;
        match row {
            Some(Read(it)) if !self.hides(it.taxpayer.0).await? => Ok(Some(it)),
            _ => Ok(None),
        }
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
        let changed = changing!(run, self.work, UPDATE.as_str(), it, it.revision + 1; self.tenant, it.id.0, it.revision)?;
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
