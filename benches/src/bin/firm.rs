//! A firm: 200 taxpayers and a year of each, from the e.firma to the report, in one process with a
//! sandbox beside it. Time, memory, and what the authority was asked.

use anyhow::{Context, bail, ensure};
use async_trait::async_trait;
use fedatario_app::certificates::{Files, Handed};
use fedatario_app::descarga::handlers::Descarga;
use fedatario_app::descarga::{plan, register};
use fedatario_app::jobs::worker::{Liveness, Worker};
use fedatario_app::model::{Direction, Family};
use fedatario_app::ports::ClaimFilter;
use fedatario_base::Secret;
use fedatario_base::id::HolderId;
use fedatario_benches::house::House;
use fedatario_benches::{Bench, Goal, Row, Table};
use fedatario_sandbox::sat::{Corpus, Sandbox, SatConfig, Seals, Waits, serve};
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

/// Taxpayers in the claim.
const TAXPAYERS: usize = 200;
/// How many of them must not take less memory.
const FEW: usize = 20;
/// Documents of each in the year.
const DOCUMENTS: u32 = 120;
const YEAR: i16 = 2025;
const SEED: u64 = 1_917;

fn main() -> anyhow::Result<()> {
    Bench::start(part, bench)
}

fn part(name: &str, arguments: &[String]) -> anyhow::Result<()> {
    let (Some(folder), Some(count)) = (arguments.first(), arguments.get(1)) else { bail!("a folder and a number") };
    let (folder, count) = (Path::new(folder), count.parse()?);
    match name {
        "documents" => documents(folder, count),
        "firm" => tokio::runtime::Runtime::new()?.block_on(firm(folder, count)),
        _ => bail!("no part `{name}`"),
    }
}

fn bench(bench: &Bench) -> anyhow::Result<()> {
    let mut table = Table::default();
    let (many, few) = if bench.small { (4, 2) } else { (TAXPAYERS, FEW) };
    let mut peaks = Vec::new();
    for count in [few, many] {
        let folder = bench.scratch.join(format!("firm-{count}"));
        let arguments = [folder.to_str().context("a path")?, &count.to_string()];
        bench.ours("documents", &arguments)?;
        let it = bench.ours("firm", &arguments)?;
        let said = |name: &str| it.said[name].as_f64().unwrap_or_default();
        table.push(Row::rate(format!("a year of {count} taxpayers, documents and lines/s"), &it, Goal::None));
        table.push(Row::figure("… seconds, from plan to report", it.seconds, Goal::None));
        table.push(Row::figure("… requests at the authority", said("requests"), Goal::None));
        table.push(Row::figure("… downloads", said("downloads"), Goal::None));
        table.push(Row::figure("… most downloads of one package", said("most_downloads_of_one_package"), Goal::AtMost(2.0)));
        peaks.push(it.peak_mib());
        std::fs::remove_dir_all(folder)?;
    }
    let grown = peaks[1] / peaks[0];
    table.push(Row::figure(format!("peak memory with {many}, times that with {few}"), grown, Goal::AtMost(1.5)));
    print!("{table}");
    Ok(())
}

fn rfc(place: usize) -> String {
    format!("FIR200101{place:03}")
}

/// Writes every taxpayer's documents into one folder, as the sandbox reads them.
fn documents(folder: &Path, count: usize) -> anyhow::Result<()> {
    let began = Instant::now();
    let cfdi = folder.join("cfdi");
    std::fs::create_dir_all(&cfdi)?;
    for place in 0..count {
        let corpus = Corpus::generate(DOCUMENTS, SEED + place as u64, &rfc(place), YEAR, Seals::Filler)?;
        for document in 0..corpus.len() {
            std::fs::write(cfdi.join(format!("{}.xml", corpus.facts(document).uuid)), corpus.xml(document)?)?;
        }
    }
    fedatario_benches::part::done(count, began);
    Ok(())
}

/// Nobody died: there is one process.
struct Alone;

#[async_trait]
impl Liveness for Alone {
    async fn dead(&self, _: &[HolderId]) -> Vec<HolderId> {
        Vec::new()
    }
}

async fn firm(folder: &Path, count: usize) -> anyhow::Result<()> {
    let (sandbox, url) = authority(folder).await?;
    let house = House::open_with(&folder.join("house"), None, Some(&url)).await?;
    for place in 0..count {
        let minted = sandbox.mint_fiel(&rfc(place), "FIRMA DE PRUEBA SA DE CV")?;
        let files = Files::Two { cer: Secret::new(minted.cer), key: Secret::new(minted.key) };
        register::register(&house.app, &house.scope, Handed::new(files, minted.password)).await?;
    }
    let began = Instant::now();
    for place in 0..count {
        let taxpayer = register::find_for_calls(&house.app, &house.scope, &rfc(place)).await?;
        let of = plan::YearOf { taxpayer: taxpayer.id, family: Family::Cfdi, year: YEAR };
        plan::year(&house.app, &house.scope, of, Direction::ALL, false).await?;
    }
    work(&house).await?;
    let seconds = began.elapsed().as_secs_f64();
    let (documents, lines) = arrived(&house, count).await?;
    ensure!(documents >= count as u64 * u64::from(DOCUMENTS), "{documents} documents arrived");
    let counts = sandbox.counts();
    println!(
        "{}",
        serde_json::json!({
            "units": documents + lines,
            "seconds": seconds,
            "requests": counts.requests,
            "downloads": counts.downloads,
            "most_downloads_of_one_package": counts.most_downloads_of_one_package,
        })
    );
    Ok(())
}

async fn authority(folder: &Path) -> anyhow::Result<(Arc<Sandbox>, String)> {
    let corpus = Corpus::from_dir(&folder.join("cfdi"))?;
    let sandbox = Sandbox::new(SatConfig { corpus, waits: Waits::NONE, ..SatConfig::default() })?;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}", listener.local_addr()?);
    tokio::spawn(serve(listener, sandbox.clone()));
    Ok((sandbox, url))
}

/// Does every job there is, due or not: nothing sleeps.
async fn work(house: &House) -> anyhow::Result<()> {
    let holder = HolderId::fresh(house.app.clock.wall());
    let descarga = Arc::new(Descarga::new(house.app.clone()));
    let worker = Worker::new(house.app.clone(), house.hands.clone(), holder, Arc::new(Alone), vec![descarga]);
    let kinds = vec!["sat.ask", "sat.verify", "sat.fetch", "sat.import", "sat.report"];
    while worker.pass(ClaimFilter { kinds: kinds.clone(), ..ClaimFilter::default() }).await? > 0 {}
    Ok(())
}

async fn arrived(house: &House, count: usize) -> anyhow::Result<(u64, u64)> {
    let (mut documents, mut lines) = (0, 0);
    for place in 0..count {
        let taxpayer = register::find_for_calls(&house.app, &house.scope, &rfc(place)).await?;
        let mut tx = house.app.store.read(&house.scope).await?;
        let found = tx.document_counts(taxpayer.id).await?;
        documents += found.cfdi;
        lines += found.metadata;
    }
    Ok((documents, lines))
}
