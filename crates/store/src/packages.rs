//! Packages of requests.

use crate::read::{Read, closed, exactly, from_row};
use crate::tx::{SqlTx, fetch, list, one, run};
use async_trait::async_trait;
use fedatario_app::model::{Content, PackageRow, PackageState, Tally};
use fedatario_app::ports::{Packages, Stored};
use fedatario_base::id::{PackageId, SolicitudId, TaxpayerId};
use sqlx::types::Json;

from_row!(PackageRow, row => PackageRow {
    id: PackageId(row.try_get("id")?),
    solicitud: row.try_get::<Option<uuid::Uuid>, _>("solicitud_id")?.map(SolicitudId),
    taxpayer: TaxpayerId(row.try_get("taxpayer_id")?),
    id_paquete: row.try_get("id_paquete")?,
    content: closed(row.try_get("content")?, Content::from_text)?,
    state: closed(row.try_get("state")?, PackageState::from_text)?,
    path: row.try_get("path")?,
    sha256: row.try_get::<Option<Vec<u8>>, _>("sha256")?.map(exactly).transpose()?,
    size: row.try_get("size")?,
    tally: row.try_get::<Json<Tally>, _>("tally")?.0,
    problem: row.try_get("problem")?,
    revision: row.try_get("revision")?,
});

#[async_trait]
impl Packages for SqlTx {
    async fn add_package(&mut self, it: &PackageRow) -> Stored<bool> {
        let added = run!(
            self.work,
            "insert into packages (tenant_id, id, solicitud_id, taxpayer_id, id_paquete, content, state, path, sha256, size, \
             tally, problem, revision) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) \
             on conflict (tenant_id, taxpayer_id, id_paquete) do nothing",
            self.tenant,
            it.id.0,
            it.solicitud.map(|it| it.0),
            it.taxpayer.0,
            &it.id_paquete,
            it.content.text(),
            it.state.text(),
            &it.path,
            it.sha256.map(|it| it.to_vec()),
            it.size,
            Json(it.tally),
            &it.problem,
            it.revision,
        )?;
        Ok(added == 1)
    }

    async fn package(&mut self, id: PackageId) -> Stored<Option<PackageRow>> {
        let row: Option<Read<PackageRow>> =
            fetch!(self.work, fetch_optional, "select * from packages where tenant_id = $1 and id = $2", self.tenant, id.0)?;
        match row {
            Some(Read(it)) if !self.hides(it.taxpayer.0).await? => Ok(Some(it)),
            _ => Ok(None),
        }
    }

    async fn package_by_id_paquete(&mut self, taxpayer: TaxpayerId, id_paquete: &str) -> Stored<Option<PackageRow>> {
        one!(
            self.work,
            "select * from packages where tenant_id = $1 and taxpayer_id = $2 and id_paquete = $3",
            self.tenant,
            taxpayer.0,
            id_paquete,
        )
    }

    async fn packages_of(&mut self, solicitud: SolicitudId) -> Stored<Vec<PackageRow>> {
        list!(
            self.work,
            "select * from packages where tenant_id = $1 and solicitud_id = $2 order by id_paquete",
            self.tenant,
            solicitud.0,
        )
    }

    async fn update_package(&mut self, it: &PackageRow) -> Stored<()> {
        let changed = run!(
            self.work,
            "update packages set state = $4, path = $5, sha256 = $6, size = $7, tally = $8, problem = $9, \
             revision = revision + 1 where tenant_id = $1 and id = $2 and revision = $3",
            self.tenant,
            it.id.0,
            it.revision,
            it.state.text(),
            &it.path,
            it.sha256.map(|it| it.to_vec()),
            it.size,
            Json(it.tally),
            &it.problem,
        )?;
        if changed == 1 {
            return Ok(());
        }
        Err(self.why_not_changed("select revision from packages where tenant_id = $1 and id = $2", it.id.0).await)
    }
}
