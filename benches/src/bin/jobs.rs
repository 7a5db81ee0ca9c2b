//! Trivial jobs in a second: enqueued, claimed ten at a time, each ended in a transaction of its own.
//!
//! Beside it `huey` with its SQLite storage, synced as ours is: enqueue, take, run, one after the other.

use anyhow::{Context, ensure};
use fedatario_app::model::NewJob;
use fedatario_app::ports::{ClaimFilter, LeaseProof, Store, System};
use fedatario_base::id::HolderId;
use fedatario_base::{Scope, SystemScope};
use fedatario_benches::database::{fresh, kinds, runtime};
use fedatario_benches::{Bench, Goal, Row, Table, part};
use fedatario_store::Db;
use jiff::Timestamp;
use std::path::Path;
use std::time::{Duration, Instant};

/// Jobs of one part.
const JOBS: usize = 10_000;
/// Jobs claimed at once, as a worker does.
const CLAIM: u32 = 10;
/// Jobs put in by one transaction.
const TOGETHER: usize = 100;
/// Longer than any part.
const LEASE: Duration = Duration::from_secs(600);

fn main() -> anyhow::Result<()> {
    Bench::start(part, bench)
}

fn bench(bench: &Bench) -> anyhow::Result<()> {
    let mut table = Table::default();
    let scratch = bench.scratch.to_str().context("a path in UTF-8")?;
    let jobs = bench.size(JOBS).to_string();
    let peer = bench.peer("jobs.py", &[&jobs, scratch])?;
    for kind in kinds() {
        let ours = bench.ours("work", &[kind, scratch, &jobs])?;
        let what = format!("jobs claimed and ended/s, {kind}");
        table.push(if kind == "SQLite" { Row::beside(what, &ours, &peer, Goal::None) } else { Row::rate(what, &ours, Goal::None) });
        let put = bench.ours("put", &[kind, scratch, &jobs])?;
        table.push(Row::rate(format!("jobs enqueued/s, {TOGETHER} a transaction, {kind}"), &put, Goal::None));
    }
    print!("{table}");
    Ok(())
}

fn part(name: &str, arguments: &[String]) -> anyhow::Result<()> {
    let [kind, folder, count] = arguments else { anyhow::bail!("part KIND FOLDER COUNT") };
    let count = count.parse()?;
    runtime()?.block_on(async {
        let (db, scope, hands) = fresh(kind, Path::new(folder)).await?;
        let since = Instant::now();
        put(&db, &scope, count).await?;
        if name == "put" {
            part::done(count, since);
        } else {
            let since = Instant::now();
            let done = work(&db, &scope, &hands).await?;
            ensure!(done == count, "{done} of {count} jobs");
            part::done(count, since);
        }
        db.shut().await;
        Ok(())
    })
}

async fn put(db: &Db, scope: &Scope, count: usize) -> anyhow::Result<()> {
    for from in (0..count).step_by(TOGETHER) {
        let mut tx = db.begin(scope).await?;
        for at in from..count.min(from + TOGETHER) {
            let due = Timestamp::UNIX_EPOCH;
            let job = NewJob { kind: "bench.nothing", key: at.to_string(), payload: serde_json::Value::Null, due, run: None };
            tx.enqueue(&job, due).await?;
        }
        tx.commit().await?;
    }
    Ok(())
}

async fn work(db: &Db, scope: &Scope, hands: &SystemScope) -> anyhow::Result<usize> {
    let holder = HolderId::fresh(Timestamp::now());
    let filter = ClaimFilter { run: None, tenant: Some(scope.tenant()), kinds: vec!["bench.nothing"] };
    let mut done = 0;
    loop {
        let now = Timestamp::now();
        let claimed = db.claim(hands, holder, &filter, CLAIM, now, now, LEASE).await?;
        if claimed.is_empty() {
            return Ok(done);
        }
        for job in claimed {
            let mut tx = db.begin(scope).await?;
            tx.finish_job(LeaseProof { job: job.id, token: job.token }).await?;
            tx.commit().await?;
            done += 1;
        }
    }
}
