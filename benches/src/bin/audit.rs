//! The audit chain: entries appended and chains verified in a second.
//!
//! Beside it a chain that somebody would write by hand: `sqlite3` and `hashlib`, one transaction an
//! entry, as durable as ours; and beside our verifier of exports the one in Python that is handed out.

use anyhow::{Context, ensure};
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use fedatario_app::ports::Store;
use fedatario_audit::note::origin;
use fedatario_audit::{
    ChainVerifier, Event, ExportHeader, ExportWriter, Head, Merkle, PublicKey, Row as Link, assemble_note, verify_export,
};
use fedatario_base::Scope;
use fedatario_base::id::TenantId;
use fedatario_benches::database::{fresh, kinds, runtime};
use fedatario_benches::{Bench, Goal, Row, Table, part};
use fedatario_store::Db;
use jiff::Timestamp;
use std::fs::File;
use std::io::{BufReader, BufWriter};
use std::path::Path;
use std::time::Instant;

/// Entries appended one by one.
const ALONE: usize = 5_000;
/// Entries of the chain that is verified.
const CHAIN: usize = 200_000;
/// Entries in one transaction, where work brings many.
const TOGETHER: usize = 100;
/// Entries of the export that both verifiers read.
const EXPORTED: usize = 300_000;
/// Rows read at once, as the program does.
const PAGE: u32 = 1_000;
/// What an append may take of a transaction, without its sync, at the 99th percentile (milliseconds).
const APPEND_P99_MS: f64 = 1.5;
/// Entries of an export that one core verifies in a second.
const VERIFIED_A_SECOND: f64 = 150_000.0;

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
        table.push(Row::rate(format!("entries verified/s from the rows, {chain} of them, {kind}"), &verified, Goal::None));
        let waits = bench.ours("waits", &[kind, scratch, &alone])?;
        // The part says how long the slowest of a hundred took, as seconds of one unit.
        let slowest = 1_000.0 / waits.rate();
        table.push(Row::figure(format!("append without the sync, p99, ms, {kind}"), slowest, Goal::AtMost(APPEND_P99_MS)));
    }
    let exported = bench.size(EXPORTED).to_string();
    let file = bench.scratch.join("export.ndjson");
    let file = file.to_str().context("a path in UTF-8")?;
    bench.ours("export", &["SQLite", scratch, &exported, file])?;
    let ours = bench.ours("file", &["SQLite", scratch, &exported, file])?;
    let peer = bench.peer("verify_audit.py", &[&exported, file])?;
    let what = format!("entries verified/s from an export, one core, {exported} of them");
    table.push(Row::beside(what, &ours, &peer, Goal::AtLeast(VERIFIED_A_SECOND)));
    print!("{table}");
    Ok(())
}

fn part(name: &str, arguments: &[String]) -> anyhow::Result<()> {
    let number = |at: usize| arguments.get(at).and_then(|it| it.parse::<usize>().ok());
    let [kind, folder, ..] = arguments else { anyhow::bail!("part KIND FOLDER COUNT …") };
    let count = number(2).context("a count")?;
    match name {
        "export" => return export(count, arguments.get(3).context("a file")?),
        "file" => return verify_file(count, arguments.get(3).context("a file")?),
        _ => {}
    }
    runtime()?.block_on(async {
        let (db, scope, _) = fresh(kind, Path::new(folder)).await?;
        match name {
            "append" => {
                let since = Instant::now();
                append(&db, &scope, count, number(3).context("how many together")?).await?;
                part::done(count, since);
            }
            "waits" => waits(&db, &scope, count).await?,
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

/// How long an append takes within its transaction, whose commit is not counted: the slowest of a hundred,
/// told as the time of one unit.
async fn waits(db: &Db, scope: &Scope, count: usize) -> anyhow::Result<()> {
    let mut all = Vec::with_capacity(count);
    for at in 0..count {
        let mut tx = db.begin(scope).await?;
        let since = Instant::now();
        tx.append(event(scope, at), None).await?;
        all.push(since.elapsed());
        tx.commit().await?;
    }
    all.sort_unstable();
    let slowest = all.get(all.len() * 99 / 100).context("a measurement")?;
    part::told(1, slowest.as_secs_f64());
    Ok(())
}

/// The whole chain of entries as an export, under a key of the bench's own.
fn export(count: usize, file: &str) -> anyhow::Result<()> {
    let since = Instant::now();
    let pair = Ed25519KeyPair::from_seed_unchecked(&[1; 32]).map_err(|_| anyhow::anyhow!("no key"))?;
    let tenant = [1; 16];
    let key = PublicKey::new(&origin(tenant), pair.public_key().as_ref().try_into()?)?;
    let header = ExportHeader { tenant, first: 1, last: count as u64, prev: Head::EMPTY.hash, key: key.clone() };
    let mut writer = ExportWriter::new(BufWriter::new(File::create(file)?), header, Merkle::new())?;
    let (scope, mut head) = (Scope::system(TenantId(uuid::Uuid::from_bytes(tenant))), Head::EMPTY);
    for at in 0..count {
        let next = fedatario_audit::append(tenant, &head, &event(&scope, at))?;
        writer.entry(&next.entry)?;
        head = next.head();
    }
    let text = writer.checkpoint(Timestamp::now())?.text();
    let signature: [u8; 64] = pair.sign(text.as_bytes()).as_ref().try_into()?;
    writer.finish(&assemble_note(&text, &key, &signature))?;
    part::done(count, since);
    Ok(())
}

fn verify_file(count: usize, file: &str) -> anyhow::Result<()> {
    let since = Instant::now();
    let verdict = verify_export(BufReader::new(File::open(file)?), None)?;
    ensure!(verdict.is_intact() && verdict.entries == count as u64, "the export is broken");
    part::done(count, since);
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
