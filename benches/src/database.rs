//! A fresh database with one tenant in it, as the parts that measure storage need it.

use anyhow::Context;
use fedatario_app::ports::System;
use fedatario_base::id::TenantId;
use fedatario_base::{Scope, SystemScope};
use fedatario_store::Db;
use jiff::Timestamp;
use std::path::Path;

/// Which databases this run has: always a file, and a server if one was started.
pub fn kinds() -> Vec<&'static str> {
    let server = std::env::var_os("FEDATARIO_BENCH_POSTGRES_URL").is_some();
    if server { vec!["SQLite", "PostgreSQL"] } else { vec!["SQLite"] }
}

/// A database that nobody used yet: a file in the folder, or a new tenant on the server.
pub async fn fresh(kind: &str, folder: &Path) -> anyhow::Result<(Db, Scope, SystemScope)> {
    let now = Timestamp::now();
    let tenant = TenantId::fresh(now);
    let db = match kind {
        "SQLite" => Db::open_sqlite(folder.join(format!("{tenant}.db"))).await?,
        _ => Db::open_postgres(&std::env::var("FEDATARIO_BENCH_POSTGRES_URL").context("no server")?).await?,
    };
    db.migrate().await?;
    let hands = SystemScope::for_this_process();
    db.add_tenant(&hands, tenant, &tenant.to_string(), now).await?;
    Ok((db, Scope::shell(tenant, 1_000), hands))
}

/// A runtime as the program has it.
pub fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    Ok(tokio::runtime::Builder::new_multi_thread().enable_all().build()?)
}
