//! The audit chain: entries appended and chains verified in a second.
//!
//! Beside it a chain that somebody would write by hand: `sqlite3` and `hashlib`, one transaction an
//! entry, as durable as ours.

use anyhow::{Context, ensure};
use fedatario_app::ports::Store;
use fedatario_audit::{ChainVerifier, Event, Row as Link};
use fedatario_base::Scope;
use fedatario_benches::database::{fresh, kinds, runtime};
use fedatario_benches::{Bench, Goal, Row, Table, part};
use fedatario_store::Db;
use jiff::Timestamp;
use std::path::Path;
use std::time::Instant;

/// Entries appended one by one.
const ALONE: usize = 5_000;
/// Entries of the chain that is verified.
const CHAIN: usize = 200_000;
/// Entries in one transaction, where work brings many.
const TOGETHER: usize = 100;
/// Rows read at once, as the program does.
const PAGE: u32 = 1_000;

fn main() -> anyhow::Result<()> {
    Bench::start(part, bench)
}

fn bench(bench: &Bench) -> anyhow::Result<()> {
    let mut table = Table::default();
    let scratch = bench.scratch.to_str().context("a path in UTF-8")?;
    let (alone, chain) = (bench.size(ALONE).to_string(), bench.size(CHAIN).to_string());
    let peer = bench.peer("audit.py", &["append", &alone, scratch])?;
    for kind in kinds() {
        let ours = bench.ours("append", &[kind, scratch, &alone, "1"])?;
        let what = format!("entries appended/s, a transaction each, {kind}");
        table.push(if kind == "SQLite" { Row::beside(what, &ours, &peer, Goal::None) } else { Row::rate(what, &ours, Goal::None) });
        let together = bench.ours("append", &[kind, scratch, &chain, &TOGETHER.to_string()])?;
        table.push(Row::rate(format!("entries appended/s, {TOGETHER} a transaction, {kind}"), &together, Goal::None));
        let verified = bench.ours("verify", &[kind, scratch, &chain])?;
        table.push(Row::rate(format!("entries verified/s, {chain} of them, {kind}"), &verified, Goal::None));
    }
    print!("{table}");
    Ok(())
}

fn part(name: &str, arguments: &[String]) -> anyhow::Result<()> {
    let number = |at: usize| arguments.get(at).and_then(|it| it.parse::<usize>().ok());
    let [kind, folder, ..] = arguments else { anyhow::bail!("part KIND FOLDER COUNT …") };
    let count = number(2).context("a count")?;
    runtime()?.block_on(async {
        let (db, scope, _) = fresh(kind, Path::new(folder)).await?;
        match name {
            "append" => {
                let since = Instant::now();
                append(&db, &scope, count, number(3).context("how many together")?).await?;
                part::done(count, since);
            }
            _ => {
                append(&db, &scope, count, TOGETHER).await?;
                let since = Instant::now();
                verify(&db, &scope).await?;
                part::done(count, since);
            }
        }
        db.shut().await;
        Ok(())
    })
}

/// An entry of the size that a call to an authority leaves.
fn event(scope: &Scope, at: usize) -> Event {
    Event::new(Timestamp::now(), scope.actor(), "sat.solicitud.accepted")
        .object(format!("sol_{at:026}"))
        .field("id_solicitud", "f3b1c1de-5f0e-4d6c-8f5b-2f6d3f2c9a11")
        .field("cod_estatus", "5000")
        .field("window", "2025-03-01T00:00:00 – 2025-03-31T23:59:59")
        .digest("request", &[7; 32])
}

async fn append(db: &Db, scope: &Scope, count: usize, together: usize) -> anyhow::Result<()> {
    for from in (0..count).step_by(together) {
        let mut tx = db.begin(scope).await?;
        for at in from..count.min(from + together) {
            tx.append(event(scope, at), None).await?;
        }
        tx.commit().await?;
    }
    Ok(())
}

async fn verify(db: &Db, scope: &Scope) -> anyhow::Result<()> {
    let mut tx = db.read(scope).await?;
    let head = tx.audit_head().await?;
    let mut verifier = ChainVerifier::new(scope.tenant().bytes(), Some(head));
    let mut from = 0;
    loop {
        let rows = tx.audit_rows(from, PAGE).await?;
        let Some(last) = rows.last() else { break };
        from = last.n + 1;
        for row in &rows {
            verifier.feed(Link { n: row.n, prev: &row.prev, hash: &row.hash, entry: &row.entry });
        }
    }
    ensure!(verifier.finish().is_intact(), "the chain is broken");
    Ok(())
}
