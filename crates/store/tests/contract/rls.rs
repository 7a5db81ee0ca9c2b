//! Row-level security on PostgreSQL: what the server holds apart by itself.
//!
//! Built with `no-predicates`, every statement forgets its tenant; the tests of this suite that prove
//! isolation on PostgreSQL must pass all the same.

use crate::bench::{Bench, PLAIN, as_role, noon, sql};
use crate::samples::{RFC, job, our_taxpayer, taxpayer};
use fedatario_app::ports::{Store, StoreError};
use fedatario_store::Db;
use sqlx::{AssertSqlSafe, Connection, PgConnection, Row};

/// Tables that lie open because they hold nothing of anybody's.
const OF_NOBODY: &[&str] =
    &["_sqlx_migrations", "settings", "limits", "breakers", "known_certificates", "efos_lists", "efos_entries"];

async fn plain(bench: &Bench) -> PgConnection {
    PgConnection::connect(&bench.address).await.expect("the plain role may connect")
}

/// How many rows of a table one sees who says this.
async fn seen(connection: &mut PgConnection, saying: &str, table: &str) -> i64 {
    let mut tx = connection.begin().await.unwrap();
    sqlx::raw_sql(AssertSqlSafe(saying.to_owned())).execute(&mut *tx).await.unwrap();
    let row = sqlx::query(AssertSqlSafe(format!("select count(*) from {table}"))).fetch_one(&mut *tx).await.unwrap();
    row.get(0)
}

fn saying(reach: &str, tenant: &str) -> String {
    format!("set local fedatario.reach = '{reach}'; set local fedatario.tenant = '{tenant}'")
}

async fn tables(connection: &mut PgConnection) -> Vec<String> {
    let sql = "select relname::text from pg_class where relnamespace = 'public'::regnamespace and relkind in ('r', 'p') order by 1";
    sqlx::query_scalar(sql).fetch_all(connection).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_that_no_policy_binds_is_refused() {
    let bench = Bench::postgres().await;
    let admin = bench.admin().unwrap();
    let tag = uuid::Uuid::new_v4().simple().to_string();
    let [bypass, member, good] = ["bypass", "member", "good"].map(|it| format!("fedatario_{it}_{tag}"));
    sql(
        &admin,
        &format!(
            "create role {bypass} login bypassrls password 'plain'; \
         create role {member} login noinherit password 'plain'; grant {bypass} to {member}; \
         create role {good} login password 'plain'; grant {PLAIN} to {good}"
        ),
    )
    .await;
    let bad = [admin.clone(), as_role(&bench.address, &bypass), as_role(&bench.address, &member)];
    for address in bad {
        let db = Db::open_postgres(&address).await.unwrap();
        let refused = db.migrate().await;
        assert!(matches!(&refused, Err(StoreError::Unprotected(text)) if text.contains("row-level")), "{refused:?}");
        db.shut().await;
    }
    let db = Db::open_postgres(&as_role(&bench.address, &good)).await.unwrap();
    db.migrate().await.expect("a plain role that owns nothing itself");
    db.shut().await;
    sql(&admin, &format!("drop role {member}; drop role {bypass}; drop role {good}")).await;
    bench.drop().await;
    fedatario_testkit::covers!("rls: a superuser, a BYPASSRLS role and whoever may become one are refused at start");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_without_rights_over_the_schema_works_where_somebody_else_migrates() {
    let bench = Bench::postgres().await;
    let admin = bench.admin().unwrap();
    let role = format!("fedatario_worker_{}", uuid::Uuid::new_v4().simple());
    sql(
        &admin,
        &format!(
            "create role {role} login password 'plain'; grant usage on schema public to {role}; \
         grant select, insert, update, delete on all tables in schema public to {role}"
        ),
    )
    .await;
    let db = Db::open_postgres(&as_role(&bench.address, &role)).await.unwrap();
    db.migrate().await.expect("there is nothing to do");
    let mut tx = db.begin(&bench.ours).await.unwrap();
    tx.add_taxpayer(&taxpayer(RFC)).await.unwrap();
    tx.commit().await.unwrap();
    db.shut().await;
    sql(&admin, &format!("drop owned by {role}; drop role {role}")).await;
    bench.drop().await;
    fedatario_testkit::covers!("rls: a role that owns no table works where another one migrates");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_table_of_a_tenant_is_locked_and_whoever_unlocks_one_is_found_out() {
    let bench = Bench::postgres().await;
    let mut connection = plain(&bench).await;
    let locked: Vec<String> = sqlx::query_scalar(
        "select c.relname::text from pg_class c where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p') \
         and c.relrowsecurity and c.relforcerowsecurity and exists (select 1 from pg_policy p where p.polrelid = c.oid) order by 1",
    )
    .fetch_all(&mut connection)
    .await
    .unwrap();
    let open: Vec<String> = tables(&mut connection).await.into_iter().filter(|it| !locked.contains(it)).collect();
    let mut expected: Vec<&str> = OF_NOBODY.to_vec();
    expected.sort_unstable();
    assert_eq!(open, expected, "a table is either locked or listed here as one that holds nothing of anybody's");

    let unlocking = [
        ("alter table documents no force row level security", "documents", "alter table documents force row level security"),
        ("alter table jobs disable row level security", "jobs", "alter table jobs enable row level security"),
        ("drop policy fedatario_lock on taxpayers", "taxpayers", "select fedatario_lock('taxpayers')"),
        ("create table forgotten (tenant_id uuid)", "forgotten", "drop table forgotten"),
        ("create view peephole as select * from taxpayers", "peephole", "drop view peephole"),
    ];
    for (unlock, table, lock) in unlocking {
        bench.tamper(unlock).await;
        let refused = bench.db.migrate().await;
        assert!(matches!(&refused, Err(StoreError::Unprotected(text)) if text.contains(table)), "{unlock}: {refused:?}");
        bench.tamper(lock).await;
        bench.db.migrate().await.unwrap();
    }
    bench.tamper("create view window_pane with (security_invoker = true) as select * from taxpayers").await;
    bench.db.migrate().await.expect("a view that looks with its reader's eyes");
    connection.close().await.unwrap();
    bench.drop().await;
    fedatario_testkit::covers!(
        "rls: every table with a tenant is enabled, forced and has a policy; one that is not is refused at start"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_says_nothing_sees_nothing() {
    let bench = Bench::postgres().await;
    our_taxpayer(&bench).await;
    let mut tx = bench.our_tx().await;
    tx.enqueue(&job("a"), noon()).await.unwrap();
    tx.append(fedatario_audit::Event::new(noon(), bench.ours.actor(), "test.happened"), None).await.unwrap();
    tx.commit().await.unwrap();
    let mut connection = plain(&bench).await;
    let [ours, theirs] = [&bench.ours, &bench.theirs].map(|it| it.tenant().0.to_string());
    let all = tables(&mut connection).await;
    let told =
        [("select 1".to_owned(), "nothing"), (saying("nobody", ""), "nobody"), (saying("tenant", ""), "a tenant without a name")];
    for table in all.iter().filter(|it| !OF_NOBODY.contains(&it.as_str())) {
        for (said, who) in &told {
            assert_eq!(seen(&mut connection, said, table).await, 0, "{table}, saying {who}");
        }
    }
    // Rows seen by the installation's hands, by ours, by theirs.
    let seers =
        [("taxpayers", 0, 1, 0), ("audit_entries", 0, 1, 0), ("audit_heads", 0, 1, 0), ("jobs", 1, 1, 0), ("tenants", 2, 1, 1)];
    for (table, by_system, by_us, by_them) in seers {
        assert_eq!(seen(&mut connection, &saying("system", ""), table).await, by_system, "{table}, as the installation's hands");
        assert_eq!(seen(&mut connection, &saying("tenant", &ours), table).await, by_us, "{table}, as ours");
        assert_eq!(seen(&mut connection, &saying("tenant", &theirs), table).await, by_them, "{table}, as theirs");
    }
    // What was said ends with the transaction.
    let (left,): (i64,) = sqlx::query_as("select count(*) from taxpayers").fetch_one(&mut connection).await.unwrap();
    assert_eq!(left, 0);
    connection.close().await.unwrap();
    bench.drop().await;
    fedatario_testkit::covers!(
        "rls: without a tenant no row is seen; the installation's hands see ids and jobs, and no document or chain"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_of_others_are_neither_written_nor_moved() {
    let bench = Bench::postgres().await;
    let row = our_taxpayer(&bench).await;
    let mut connection = plain(&bench).await;
    let [ours, theirs] = [&bench.ours, &bench.theirs].map(|it| it.tenant().0.to_string());
    let insert = format!(
        "insert into taxpayers select '{theirs}', gen_random_uuid(), kind, 'X', name, environment, created_ms from taxpayers limit 1"
    );
    let refused = [insert, format!("update taxpayers set tenant_id = '{theirs}'")];
    for statement in refused {
        let mut tx = connection.begin().await.unwrap();
        sqlx::raw_sql(AssertSqlSafe(saying("tenant", &ours))).execute(&mut *tx).await.unwrap();
        let done = sqlx::raw_sql(AssertSqlSafe(statement.clone())).execute(&mut *tx).await;
        let code = done.unwrap_err().into_database_error().unwrap().code().map(|it| it.into_owned());
        assert_eq!(code.as_deref(), Some("42501"), "{statement}");
        tx.rollback().await.unwrap();
    }
    for statement in ["delete from taxpayers", "update taxpayers set name = 'mine'"] {
        let mut tx = connection.begin().await.unwrap();
        sqlx::raw_sql(AssertSqlSafe(saying("tenant", &theirs))).execute(&mut *tx).await.unwrap();
        let done = sqlx::raw_sql(AssertSqlSafe(statement)).execute(&mut *tx).await.unwrap();
        assert_eq!(done.rows_affected(), 0, "{statement}");
        tx.commit().await.unwrap();
    }
    assert_eq!(bench.our_tx().await.taxpayer(row.id).await.unwrap(), Some(row));
    connection.close().await.unwrap();
    bench.drop().await;
    fedatario_testkit::covers!("rls: a row can be neither written into another tenant nor changed from one");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_of_a_transaction_stays_on_its_connection() {
    /// Callers at once; twice as many as there are connections.
    const CALLERS: usize = 32;
    /// Questions of each.
    const QUESTIONS: usize = 60;
    let bench = Bench::postgres().await;
    let ours = our_taxpayer(&bench).await;
    let mut tx = bench.their_tx().await;
    let theirs = taxpayer("AAA010101AAA");
    tx.add_taxpayer(&theirs).await.unwrap();
    tx.commit().await.unwrap();
    let mut callers = tokio::task::JoinSet::new();
    for caller in 0..CALLERS {
        let db = bench.db.clone();
        let (scope, mine, foreign) = match caller % 2 {
            0 => (bench.ours.clone(), ours.clone(), theirs.id),
            _ => (bench.theirs.clone(), theirs.clone(), ours.id),
        };
        callers.spawn(async move {
            for question in 0..QUESTIONS {
                let mut tx = if question % 3 == 0 { db.begin(&scope).await } else { db.read(&scope).await }.unwrap();
                if question % 5 == 0 {
                    // Whoever asked went away in the middle.
                    let asked = tx.taxpayers(None, 10);
                    drop(tokio::time::timeout(std::time::Duration::ZERO, asked).await);
                    continue;
                }
                assert_eq!(tx.taxpayers(None, 10).await.unwrap(), std::slice::from_ref(&mine));
                assert_eq!(tx.taxpayer(foreign).await.unwrap(), None);
            }
        });
    }
    while let Some(done) = callers.join_next().await {
        done.expect("every answer was one's own");
    }
    bench.drop().await;
    fedatario_testkit::covers!(
        "rls: many callers of two tenants on few connections, some of whom go away in the middle, see no foreign row"
    );
}

/// Says that the suite was really built without predicates: where no server watches, others are seen.
#[cfg(feature = "no-predicates")]
#[tokio::test(flavor = "multi_thread")]
async fn without_predicates_a_file_shows_everybody_and_a_server_does_not() {
    let file = Bench::sqlite().await;
    let row = our_taxpayer(&file).await;
    assert_eq!(file.their_tx().await.taxpayer(row.id).await.unwrap(), Some(row));
    file.drop().await;
    let server = Bench::postgres().await;
    let row = our_taxpayer(&server).await;
    assert_eq!(server.their_tx().await.taxpayer(row.id).await.unwrap(), None);
    server.drop().await;
    fedatario_testkit::covers!(
        "rls: with every condition on the tenant taken out of the statements, PostgreSQL shows no foreign row"
    );
}
