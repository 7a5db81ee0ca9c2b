//! What the demo may call its own: a folder and a database that an earlier demo made, or nobody.

use crate::failure::Failure;
use crate::files;
use fedatario_app::model::Environment;
use fedatario_app::ports::{Store, System};
use fedatario_base::{Code, Scope, SystemScope};
use fedatario_store::Db;
use std::path::Path;

/// Marks a folder as the demo's own.
const MARKER: &str = ".fedatario-demo";
/// The setting that marks a database as the demo's own.
const SETTING: &str = "demo";
/// Taxpayers read at once.
const PAGE: u32 = 1_000;

/// The demo's own folder: made now, or made by an earlier demo. Anything else is not touched.
pub fn folder(dir: &Path) -> Result<(), Failure> {
    let is_empty = match std::fs::read_dir(dir) {
        Ok(mut entries) => entries.next().is_none(),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => true,
        Err(error) => return Err(Failure::file(dir, &error)),
    };
    let marker = dir.join(MARKER);
    if !is_empty && !marker.exists() {
        return Err(Failure::new(Code::DataForeign, format!("{} was not made by the demo", dir.display())));
    }
    files::private_dir(dir)?;
    std::fs::write(&marker, b"").map_err(|error| Failure::file(&marker, &error))
}

/// The demo's own database, looked at before anything is set in it: `FEDATARIO_DATABASE_URL` may
/// name the one that a firm lives from.
pub async fn database(db: &Db, hands: &SystemScope) -> Result<(), Failure> {
    let foreign = |why: &str| Failure::new(Code::DataForeign, format!("the database {why}"));
    let tenants = db.tenants(hands).await?;
    if db.setting(hands, SETTING).await?.is_none() {
        if !tenants.is_empty() {
            return Err(foreign("holds organisations that the demo did not make"));
        }
        return Ok(db.set_setting(hands, SETTING, "1").await?);
    }
    for (tenant, _) in tenants {
        if has_production(db, &Scope::system(tenant)).await? {
            return Err(foreign("holds a taxpayer of SAT's own service"));
        }
    }
    Ok(())
}

async fn has_production(db: &Db, scope: &Scope) -> Result<bool, Failure> {
    let mut tx = db.read(scope).await?;
    let mut after = None;
    loop {
        let page = tx.taxpayers(after, PAGE).await?;
        let Some(last) = page.last() else { return Ok(false) };
        after = Some(last.id);
        if page.iter().any(|it| it.environment == Environment::Production) {
            return Ok(true);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use fedatario_app::model::{Taxpayer, TaxpayerKind};
    use fedatario_base::id::{TaxpayerId, TenantId};
    use jiff::Timestamp;

    async fn fresh() -> (tempfile::TempDir, Db, SystemScope) {
        let dir = tempfile::tempdir().unwrap();
        let db = Db::open_sqlite(dir.path().join("fedatario.db")).await.unwrap();
        db.migrate().await.unwrap();
        (dir, db, SystemScope::for_this_process())
    }

    async fn tenant(db: &Db, hands: &SystemScope) -> Scope {
        let id = TenantId::fresh(Timestamp::now());
        db.add_tenant(hands, id, "local", Timestamp::now()).await.unwrap();
        Scope::system(id)
    }

    async fn taxpayer(db: &Db, scope: &Scope, tax_id: &str, environment: Environment) {
        let now = Timestamp::now();
        let id = TaxpayerId::fresh(now);
        let it = Taxpayer { id, kind: TaxpayerKind::Rfc, tax_id: tax_id.into(), name: "X".into(), environment, created: now };
        let mut tx = db.begin(scope).await.unwrap();
        tx.add_taxpayer(&it).await.unwrap();
        tx.commit().await.unwrap();
    }

    #[tokio::test]
    async fn a_database_is_the_demos_when_it_was_empty_and_has_no_real_taxpayer() {
        let (_dir, db, hands) = fresh().await;
        database(&db, &hands).await.unwrap();
        let scope = tenant(&db, &hands).await;
        taxpayer(&db, &scope, "EKU9003173C9", Environment::Sandbox).await;
        database(&db, &hands).await.unwrap();
        taxpayer(&db, &scope, "XAXX010101000", Environment::Production).await;
        assert_eq!(database(&db, &hands).await.unwrap_err().code, Code::DataForeign);

        let (_dir, db, hands) = fresh().await;
        tenant(&db, &hands).await;
        assert_eq!(database(&db, &hands).await.unwrap_err().code, Code::DataForeign);
        assert_eq!(db.setting(&hands, SETTING).await.unwrap(), None, "nothing was written");
        fedatario_testkit::covers!("demo: refuses a database that holds what it did not make, or a taxpayer of SAT's own service");
    }
}
