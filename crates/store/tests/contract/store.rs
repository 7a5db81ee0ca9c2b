//! Transactions, migrations, opening.

use crate::bench::{Bench, methods, noon, on_both};
use crate::samples::{RFC, our_taxpayer, taxpayer};
use fedatario_app::ports::{Store, StoreError};
use fedatario_base::id::HolderId;
use fedatario_store::Db;

on_both!(
    a_transaction_is_all_or_nothing,
    a_refused_part_fells_the_whole,
    readers_see_one_moment_and_do_not_write,
    a_newer_schema_is_refused,
    migrations_run_together_and_again,
    values_of_no_set_are_named,
    a_process_that_holds_its_lock_is_not_dead,
    a_lock_that_the_server_forgot_is_taken_anew,
    writers_of_a_tenant_never_wait_in_a_circle,
    a_transaction_that_lost_to_another_may_be_made_again,
    an_answered_commit_is_synced,
);

async fn a_transaction_is_all_or_nothing(bench: &Bench) {
    let row = taxpayer(RFC);
    let mut tx = bench.our_tx().await;
    tx.add_taxpayer(&row).await.unwrap();
    drop(tx);
    let mut tx = bench.our_tx().await;
    assert_eq!(tx.taxpayer(row.id).await.unwrap(), None);
    tx.add_taxpayer(&row).await.unwrap();
    tx.commit().await.unwrap();
    let other = bench.reopened().await;
    let mut tx = other.read(&bench.ours).await.unwrap();
    assert_eq!(tx.taxpayer(row.id).await.unwrap(), Some(row.clone()));
    drop(tx);
    let mut tx = other.read(&bench.theirs).await.unwrap();
    assert_eq!(tx.taxpayer(row.id).await.unwrap(), None);
    drop(tx);
    other.shut().await;
    methods!(bench; "Store::begin", "Store::read", "Tx::commit");
}

async fn a_refused_part_fells_the_whole(bench: &Bench) {
    our_taxpayer(bench).await;
    let mut tx = bench.our_tx().await;
    let other = taxpayer("AAA010101AAA");
    tx.add_taxpayer(&other).await.unwrap();
    assert!(matches!(tx.add_taxpayer(&taxpayer(RFC)).await, Err(StoreError::Conflict(_))));
    assert!(matches!(tx.commit().await, Err(StoreError::Conflict(_))));
    let mut tx = bench.our_tx().await;
    assert_eq!(tx.taxpayer(other.id).await.unwrap(), None);
    fedatario_testkit::covers!("store: a transaction of which a statement failed cannot commit");
}

async fn readers_see_one_moment_and_do_not_write(bench: &Bench) {
    let mut reader = bench.db.read(&bench.ours).await.unwrap();
    assert_eq!(reader.taxpayers(None, 10).await.unwrap(), []);
    let row = our_taxpayer(bench).await;
    assert_eq!(reader.taxpayers(None, 10).await.unwrap(), [], "the moment it began");
    drop(reader);
    let mut reader = bench.db.read(&bench.ours).await.unwrap();
    assert_eq!(reader.taxpayers(None, 10).await.unwrap(), [row]);
    assert!(reader.add_taxpayer(&taxpayer("AAA010101AAA")).await.is_err());
}

async fn a_newer_schema_is_refused(bench: &Bench) {
    let true_ = if bench.name == "sqlite" { "1" } else { "true" };
    bench
        .tamper(&format!(
            "insert into _sqlx_migrations (version, description, success, checksum, execution_time) \
             select 9999, 'from the future', {true_}, checksum, 0 from _sqlx_migrations limit 1"
        ))
        .await;
    assert!(matches!(bench.db.migrate().await, Err(StoreError::SchemaNewer)));
    fedatario_testkit::covers!("store: a database of a newer program is refused");
}

async fn migrations_run_together_and_again(bench: &Bench) {
    if bench.name == "postgres" {
        bench.tamper("drop schema public cascade; create schema public authorization pg_database_owner;").await;
    }
    let others = [bench.reopened().await, bench.reopened().await, bench.reopened().await];
    let (a, b, c) = tokio::join!(others[0].migrate(), others[1].migrate(), others[2].migrate());
    for done in [a, b, c] {
        done.unwrap();
    }
    bench.db.migrate().await.unwrap();
    let mut tx = bench.our_tx().await;
    assert_eq!(tx.taxpayers(None, 1).await.unwrap(), [], "the schema is there");
    drop(tx);
    for other in others {
        other.shut().await;
    }
}

async fn values_of_no_set_are_named(bench: &Bench) {
    let row = our_taxpayer(bench).await;
    bench.tamper("update taxpayers set environment = 'moon'").await;
    let mut tx = bench.our_tx().await;
    let odd = tx.taxpayer(row.id).await;
    assert!(matches!(&odd, Err(StoreError::Corrupt(text)) if text.contains("moon")), "{odd:?}");
}

async fn a_process_that_holds_its_lock_is_not_dead(bench: &Bench) {
    let [alive, gone] = [HolderId::fresh(noon()), HolderId::fresh(noon())];
    let presence = bench.db.hold(alive).await.unwrap();
    let other = bench.reopened().await;
    // Files say it on SQLite, so there the database knows of no dead.
    let expected = if other.is_shared() { vec![gone] } else { Vec::new() };
    assert_eq!(other.is_shared(), bench.name == "postgres");
    assert_eq!(other.dead(&[alive, gone]).await.unwrap(), expected);
    drop(presence);
    drop(other.hold(alive).await.expect("free again, or this would wait for ever"));
    other.shut().await;
    fedatario_testkit::covers!("store: a process on PostgreSQL is alive while it holds its lock");
}

async fn a_lock_that_the_server_forgot_is_taken_anew(bench: &Bench) {
    let alive = HolderId::fresh(noon());
    let presence = bench.db.hold(alive).await.unwrap();
    presence.ensure().await.unwrap();
    if bench.name == "postgres" {
        // What a restart does to a connection.
        bench
            .tamper(
                "select pg_terminate_backend(pid, 10000) from pg_locks where locktype = 'advisory' \
                 and database = (select oid from pg_database where datname = current_database())",
            )
            .await;
        assert_eq!(bench.db.dead(&[alive]).await.unwrap(), [alive]);
        presence.ensure().await.unwrap();
    }
    assert_eq!(bench.db.dead(&[alive]).await.unwrap(), []);
    presence.ensure().await.unwrap();
    fedatario_testkit::covers!("store: a process whose lock the server forgot takes it anew");
}

async fn writers_of_a_tenant_never_wait_in_a_circle(bench: &Bench) {
    const ROUNDS: u64 = 40;
    let mut tx = bench.our_tx().await;
    let mut ids = Vec::new();
    for key in ["a", "b"] {
        ids.push(tx.enqueue(&crate::samples::job(key), noon()).await.unwrap().0);
    }
    tx.commit().await.unwrap();
    // Rows and chain, in every order.
    let mut writers = tokio::task::JoinSet::new();
    for writer in 0..4 {
        let (db, scope, mut ids) = (bench.db.clone(), bench.ours.clone(), ids.clone());
        if writer % 2 == 1 {
            ids.reverse();
        }
        writers.spawn(async move {
            for round in 0..ROUNDS {
                let event = fedatario_audit::Event::new(noon(), scope.actor(), "test.happened").field("number", round);
                let mut tx = db.begin(&scope).await.unwrap();
                if writer < 2 {
                    tx.append(event.clone(), None).await.unwrap();
                }
                for id in &ids {
                    tx.retry_job(*id, noon()).await.unwrap();
                }
                if writer >= 2 {
                    tx.append(event, None).await.unwrap();
                }
                tx.commit().await.unwrap();
            }
        });
    }
    writers.join_all().await;
    let mut tx = bench.our_tx().await;
    assert_eq!(tx.audit_head().await.unwrap().n, 4 * ROUNDS);
    fedatario_testkit::covers!("store: writers of a tenant follow one another, whatever rows they take in which order");
}

async fn a_transaction_that_lost_to_another_may_be_made_again(bench: &Bench) {
    if bench.name == "sqlite" {
        return; // There is no such transaction where there is one writer.
    }
    for code in ["40P01", "40001"] {
        bench
            .tamper(&format!(
                "create or replace function lose() returns trigger language plpgsql as \
                 $$ begin raise exception 'lost' using errcode = '{code}'; end $$; \
                 create or replace trigger lose before insert on taxpayers for each row execute function lose()"
            ))
            .await;
        let mut tx = bench.our_tx().await;
        let lost = tx.add_taxpayer(&taxpayer(RFC)).await;
        assert!(matches!(&lost, Err(StoreError::Unavailable(text)) if text.contains("came first")), "{lost:?}");
    }
    fedatario_testkit::covers!("store: a deadlock or a failed serialisation is told as something to be tried again");
}

async fn an_answered_commit_is_synced(bench: &Bench) {
    if bench.name == "postgres" {
        // Even where the server says otherwise.
        let name = bench.address.split(['/', '?']).nth(3).unwrap();
        bench.tamper(&format!("alter database {name} set synchronous_commit = off")).await;
    }
    let db = bench.reopened().await;
    assert_eq!(db.durability().await.unwrap(), if bench.name == "postgres" { "on" } else { "2" });
    db.shut().await;
    fedatario_testkit::covers!("store: an answered commit is on disk, on both databases");
}

#[tokio::test]
async fn a_first_migration_by_many_processes_at_once_happens_once() {
    let dir = tempfile::TempDir::new().unwrap();
    let path = dir.path().join("fedatario.db");
    let mut opening = tokio::task::JoinSet::new();
    for _ in 0..6 {
        let path = path.clone();
        opening.spawn(async move {
            let db = Db::open_sqlite(&path).await?;
            db.migrate().await?;
            db.shut().await;
            Ok::<_, StoreError>(())
        });
    }
    for done in opening.join_all().await {
        done.unwrap();
    }
    fedatario_testkit::covers!("store: migrations run under an exclusive lock");
}

#[cfg(unix)]
#[tokio::test]
async fn the_file_is_its_owners_alone_and_synced() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::TempDir::new().unwrap();
    let path = dir.path().join("fedatario.db");
    let db = Db::open_sqlite(&path).await.unwrap();
    db.migrate().await.unwrap();
    for file in ["fedatario.db", "fedatario.db-wal"] {
        let mode = std::fs::metadata(dir.path().join(file)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{file}");
    }
    db.shut().await;
}

#[tokio::test]
async fn addresses_without_a_server_are_unavailable_and_tell_no_password() {
    for address in ["nonsense", "postgres://u:hunter2@127.0.0.1:1/x"] {
        let error = Db::open_postgres(address).await.expect_err("nobody listens");
        assert!(matches!(error, StoreError::Unavailable(_)));
        assert!(!format!("{error} {error:?}").contains("hunter2"));
    }
}
