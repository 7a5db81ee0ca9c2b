//! A database that an older program has written, under this one's schema.

use fedatario_app::model::{Family, Filters, PackageState, Purpose, SolicitudState};
use fedatario_app::ports::Store;
use fedatario_base::Scope;
use fedatario_base::id::{SolicitudId, TaxpayerId, TenantId};
use fedatario_store::Db;
use sqlx::migrate::Migrator;
use std::path::Path;
use tempfile::TempDir;
use uuid::Uuid;

/// The first migration that knows requests of every kind.
const REQUESTS: &str = "0005";

/// What the older program left: a year's request with its variant, a package of it, what was set aside
/// of that, a line of metadata, a schedule.
const OLD: &str = "
insert into tenants values (x'00000000000000000000000000000001', 'ours', 0);
insert into taxpayers values (x'00000000000000000000000000000001', x'00000000000000000000000000000002', 'rfc', 'EKU9003173C9', 'E', 'sandbox', 0);
insert into solicitudes (tenant_id, id, taxpayer_id, family, direction, content, estado, base_from, from_at, to_at, k, year, state,
  codes, run, checks, revision, created_ms) values
  (x'00000000000000000000000000000001', x'00000000000000000000000000000003', x'00000000000000000000000000000002', 'cfdi', 'issued',
   'cfdi', 'todos', '2025-01-01T00:00:00', '2025-01-01T00:00:00', '2025-01-31T23:59:59', 0, 2025, 'uncertain', '{}', 'r', 0, 4, 0);
insert into solicitudes (tenant_id, id, taxpayer_id, family, direction, content, estado, base_from, from_at, to_at, k, year, state,
  authority_id, codes, replaces_id, relation, run, checks, revision, created_ms) values
  (x'00000000000000000000000000000001', x'00000000000000000000000000000004', x'00000000000000000000000000000002', 'cfdi', 'issued',
   'cfdi', 'todos', '2025-01-01T00:00:00', '2024-12-31T23:59:59', '2025-01-31T23:59:59', 1, 2025, 'reconciled', 'abc',
   '{\"cod_estatus\":\"5000\"}', x'00000000000000000000000000000003', 'variant', 'r', 2, 9, 0);
insert into packages values (x'00000000000000000000000000000001', x'00000000000000000000000000000005',
  x'00000000000000000000000000000004', x'00000000000000000000000000000002', 'ABC_01', 'cfdi', 'imported', 'p', null, 1, '{\"files\":1,\"cfdi\":1,\"metadata\":0,\"duplicates\":0,\"quarantined\":0,\"foreign\":0,\"ignored\":0}', null, 1);
insert into quarantine values (x'00000000000000000000000000000001', x'00000000000000000000000000000005', 'a.xml',
  x'00000000000000000000000000000002', 'xml_malformed', '');
insert into metadata values (x'00000000000000000000000000000001', x'00000000000000000000000000000002', 'u', 'EKU9003173C9', '', 'X', '', '',
  '2025-01-05T00:00:00', '', 202501, '1', 'I', 'vigente', null, '{}', x'00000000000000000000000000000005');
insert into schedules values (x'00000000000000000000000000000001', x'00000000000000000000000000000006', 's', '0 23 * * * UTC', 'sat.sync',
  '{\"id\":\"x\"}', 0, 1, 'os:1');
";

fn id(last: u8) -> Uuid {
    Uuid::from_u128(u128::from(last))
}

/// Writes a database as the programs before a migration did.
async fn written_before(path: &Path, migration: &str) {
    let earlier = TempDir::new().unwrap();
    let all = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations/sqlite");
    for file in std::fs::read_dir(all).unwrap().map(|it| it.unwrap().path()) {
        let name = file.file_name().unwrap().to_owned();
        if name.to_str().unwrap() < migration {
            std::fs::copy(&file, earlier.path().join(name)).unwrap();
        }
    }
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(path).create_if_missing(true).foreign_keys(true);
    let pool = sqlx::SqlitePool::connect_with(options).await.unwrap();
    Migrator::new(earlier.path()).await.unwrap().run(&pool).await.unwrap();
    sqlx::raw_sql(OLD).execute(&pool).await.unwrap();
    pool.close().await;
}

#[tokio::test]
async fn old_requests_keep_their_meaning_and_what_refers_to_them() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("fedatario.db");
    written_before(&path, REQUESTS).await;

    let db = Db::open_sqlite(&path).await.unwrap();
    db.migrate().await.unwrap();
    let scope = Scope::shell(TenantId(id(1)), 1_000);
    let mut tx = db.begin(&scope).await.unwrap();
    let all = tx.solicitudes(TaxpayerId(id(2)), None).await.unwrap();
    assert_eq!(all.len(), 2);
    assert_eq!((all[0].state, all[1].state), (SolicitudState::Uncertain, SolicitudState::Reconciled));
    assert_eq!(all[1].replaces, Some(SolicitudId(id(3))));
    for s in &all {
        assert_eq!((s.purpose, s.family, &s.filters, &s.problem), (Purpose::Year, Family::Cfdi, &Filters::default(), &None));
    }
    let packages = tx.packages_of(SolicitudId(id(4))).await.unwrap();
    assert_eq!(
        packages.iter().map(|it| (it.id_paquete.as_str(), it.state)).collect::<Vec<_>>(),
        [("ABC_01", PackageState::Imported)]
    );
    assert_eq!(tx.quarantined(TaxpayerId(id(2)), 10).await.unwrap().len(), 1);
    let counts = tx.document_counts(TaxpayerId(id(2))).await.unwrap();
    assert_eq!((counts.metadata, counts.retenciones_metadata, counts.cancelled_late, counts.third_party), (1, 0, 0, 0));
    assert_eq!(tx.schedules().await.unwrap()[0].spread_s, 0);

    // Both rules stand in the new table too: what was asked is asked once, and nobody refers to nothing.
    let mut again = all[0].clone();
    again.id = SolicitudId(id(9));
    assert!(!tx.add_solicitud(&again).await.unwrap());
    again.filters.counterparties = vec!["XAXX010101000".into()];
    assert!(tx.add_solicitud(&again).await.unwrap(), "other RFCs are another request");
    let mut orphan = again.clone();
    (orphan.id, orphan.from, orphan.replaces) =
        (SolicitudId(id(10)), "2020-01-01T00:00:00".parse().unwrap(), Some(SolicitudId(id(99))));
    assert!(tx.add_solicitud(&orphan).await.is_err());
    drop(tx);
    db.shut().await;

    let pool = sqlx::SqlitePool::connect(&path.display().to_string()).await.unwrap();
    let broken: Vec<(String,)> = sqlx::query_as("select \"table\" from pragma_foreign_key_check").fetch_all(&pool).await.unwrap();
    assert_eq!(broken, []);
    let left: Vec<(String,)> = sqlx::query_as("select name from sqlite_master where name like '%_links' or name like '%_new'")
        .fetch_all(&pool)
        .await
        .unwrap();
    assert_eq!(left, []);
    pool.close().await;
    fedatario_testkit::covers!("store: a database of an older program keeps its requests, their meaning and what refers to them");
}
