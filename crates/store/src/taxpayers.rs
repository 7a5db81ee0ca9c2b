//! Fiscal identities.

use crate::read::{Read, closed, from_row, instant};
use crate::tx::{SqlTx, fetch, list, run};
use async_trait::async_trait;
use fedatario_app::model::{Environment, Taxpayer, TaxpayerKind};
use fedatario_app::ports::{StoreError, Stored, Taxpayers};
use fedatario_base::clock::to_millis;
use fedatario_base::id::TaxpayerId;
use uuid::Uuid;

from_row!(Taxpayer, row => Taxpayer {
    id: TaxpayerId(row.try_get("id")?),
    kind: closed(row.try_get("kind")?, TaxpayerKind::from_text)?,
    tax_id: row.try_get("tax_id")?,
    name: row.try_get("name")?,
    environment: closed(row.try_get("environment")?, Environment::from_text)?,
    created: instant(row.try_get("created_ms")?),
});

impl SqlTx {
    /// What was found, unless it is hidden from whoever reaches the sandbox only.
    fn shown(&self, row: Option<Read<Taxpayer>>) -> Option<Taxpayer> {
        row.map(|it| it.0).filter(|it| !self.sandbox_only || it.environment == Environment::Sandbox)
    }
}

#[async_trait]
impl Taxpayers for SqlTx {
    async fn add_taxpayer(&mut self, it: &Taxpayer) -> Stored<()> {
        if self.sandbox_only && it.environment != Environment::Sandbox {
            return Err(self.work.fall(StoreError::NotFound));
        }
        run!(
            self.work,
            "insert into taxpayers (tenant_id, id, kind, tax_id, name, environment, created_ms) \
             values ($1, $2, $3, $4, $5, $6, $7)",
            self.tenant,
            it.id.0,
            it.kind.text(),
            &it.tax_id,
            &it.name,
            it.environment.text(),
            to_millis(it.created),
        )
        .map(|_| ())
    }

    async fn taxpayer(&mut self, id: TaxpayerId) -> Stored<Option<Taxpayer>> {
        let row: Option<Read<Taxpayer>> =
            fetch!(self.work, fetch_optional, "select * from taxpayers where tenant_id = $1 and id = $2", self.tenant, id.0)?;
        Ok(self.shown(row))
    }

    async fn taxpayer_by_tax_id(&mut self, kind: TaxpayerKind, tax_id: &str) -> Stored<Option<Taxpayer>> {
        let row: Option<Read<Taxpayer>> = fetch!(
            self.work,
            fetch_optional,
            "select * from taxpayers where tenant_id = $1 and kind = $2 and tax_id = $3",
            self.tenant,
            kind.text(),
            tax_id,
        )?;
        Ok(self.shown(row))
    }

    async fn taxpayers(&mut self, after: Option<TaxpayerId>, limit: u32) -> Stored<Vec<Taxpayer>> {
        list!(
            self.work,
            "select * from taxpayers where tenant_id = $1 and id > $2 and ($4 = 0 or environment = 'sandbox') order by id limit $3",
            self.tenant,
            after.map_or(Uuid::nil(), |it| it.0),
            i64::from(limit),
            i64::from(self.sandbox_only),
        )
    }
}
