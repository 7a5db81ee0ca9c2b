//! The stages of an import, each alone and on one thread, and the import itself.

use crate::house::House;
use crate::input::RFC;
use crate::part::done;
use anyhow::{Context, bail};
use fedatario_app::descarga::reading::{self, Of};
use fedatario_app::descarga::{handlers, import};
use fedatario_app::model::*;
use fedatario_app::ports::{ClaimFilter, LeaseProof};
use fedatario_base::Scope;
use fedatario_base::id::{HolderId, PackageId, TaxpayerId};
use fedatario_fiscal::mx::package::{Entry, Package};
use fedatario_fiscal::mx::{cfdi, encoding, json, tree};
use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::time::{Duration, Instant};

/// Documents held in memory by the stages that are fed from it.
const HELD: usize = 10_000;
/// How long a lease is: longer than any import here.
const LEASE: Duration = Duration::from_secs(3_600);

/// Calls `take` with each document of a package, until it has enough.
fn each_document(path: &Path, mut take: impl FnMut(Vec<u8>) -> bool) -> anyhow::Result<()> {
    let mut package = Package::open(File::open(path)?)?;
    let mut entries = package.entries()?;
    while let Some(entry) = entries.next_entry()? {
        let Entry::Xml(mut reader) = entry else { continue };
        if !take(reader.read_all()?) {
            return Ok(());
        }
    }
    Ok(())
}

fn held(path: &Path) -> anyhow::Result<Vec<Vec<u8>>> {
    let mut documents = Vec::new();
    each_document(path, |bytes| {
        documents.push(bytes);
        documents.len() < HELD
    })?;
    Ok(documents)
}

/// Does something to every held document, again and again until `count` are done.
fn repeat(path: &Path, count: usize, mut one: impl FnMut(&[u8]) -> anyhow::Result<usize>) -> anyhow::Result<()> {
    let documents = held(path)?;
    let began = Instant::now();
    let mut bytes = 0;
    for it in documents.iter().cycle().take(count) {
        bytes += std::hint::black_box(one(it)?);
    }
    std::hint::black_box(bytes);
    done(count, began);
    Ok(())
}

/// From the archive to the bytes of documents.
pub fn inflate(path: &Path) -> anyhow::Result<()> {
    let began = Instant::now();
    let mut count = 0;
    each_document(path, |bytes| {
        std::hint::black_box(bytes);
        count += 1;
        true
    })?;
    done(count, began);
    Ok(())
}

/// From bytes to the tree of a document.
pub fn parse(path: &Path, count: usize) -> anyhow::Result<()> {
    repeat(path, count, |bytes| {
        let decoded = encoding::decode_xml(bytes)?;
        Ok(tree::Tree::read(&decoded.text)?.len())
    })
}

/// From bytes to JSON and columns.
pub fn read(path: &Path, count: usize) -> anyhow::Result<()> {
    repeat(path, count, |bytes| Ok(cfdi::read_cfdi(bytes)?.json.len()))
}

/// From the tree to the JSON.
pub fn serialise(path: &Path, count: usize) -> anyhow::Result<()> {
    let documents = held(path)?;
    let texts = documents.iter().map(|it| encoding::decode_xml(it)).collect::<Result<Vec<_>, _>>()?;
    let trees = texts.iter().map(|it| tree::Tree::read(&it.text)).collect::<Result<Vec<_>, _>>()?;
    let began = Instant::now();
    for it in trees.iter().cycle().take(count) {
        std::hint::black_box(json::to_json(it));
    }
    done(count, began);
    Ok(())
}

/// From rows to the tables; making the rows does not count.
pub async fn insert(dir: &Path, postgres: Option<&str>, path: &Path, count: usize) -> anyhow::Result<()> {
    let house = House::open(dir, postgres).await?;
    let package = package_row(&house, None).await?;
    let rows = ready_rows(path, &package)?;
    let (mut written, mut spent) = (0, Duration::ZERO);
    for (turn, rows) in rows.chunks(BATCH).cycle().enumerate() {
        if written >= count {
            break;
        }
        let rows: Vec<DocumentRow> = rows.iter().map(|it| DocumentRow { uuid: another(&it.uuid, turn), ..it.clone() }).collect();
        let began = Instant::now();
        let mut tx = house.app.store.begin(&house.scope).await?;
        let found = tx.add_documents(&rows).await?;
        tx.commit().await?;
        spent += began.elapsed();
        if found.new != rows.len() as u64 {
            bail!("{found:?} of {}", rows.len());
        }
        written += rows.len();
    }
    println!("{}", serde_json::json!({ "units": written, "seconds": spent.as_secs_f64() }));
    Ok(())
}

/// Rows of one batch, as the import makes them.
const BATCH: usize = 1_000;

/// Another UUID for each turn, as scattered as the first.
fn another(uuid: &str, turn: usize) -> String {
    let value = uuid.parse::<uuid::Uuid>().unwrap_or_default().as_u128();
    uuid::Uuid::from_u128(value ^ (turn as u128).wrapping_mul(0x9E37_79B9_7F4A_7C15_F39C_C060_5CED_C834)).to_string()
}

fn ready_rows(path: &Path, package: &PackageRow) -> anyhow::Result<Vec<DocumentRow>> {
    let of = Of { taxpayer: package.taxpayer, package: package.id, family: None };
    let mut rows = Vec::new();
    reading::read(File::open(path)?, of, &mut |portion| {
        rows.append(&mut portion.rows(of, RFC).documents);
        rows.len() < HELD
    })?;
    Ok(rows)
}

/// A package that waits for its import, its bytes kept as a download keeps them, and the job.
pub async fn stock(dir: &Path, postgres: Option<&str>, path: &Path) -> anyhow::Result<()> {
    let began = Instant::now();
    let house = House::open(dir, postgres).await?;
    let mut slot = house.app.blobs.slot("packages", Box::new(|it| format!("{it}.zip")), 4 << 30).await?;
    let mut file = File::open(path)?;
    let mut buffer = vec![0; 1 << 20];
    loop {
        let read = file.read(&mut buffer)?;
        if read == 0 {
            break;
        }
        slot.write(&buffer[..read]).await?;
    }
    let kept = slot.keep().await?;
    let package = package_row(&house, Some(kept.path)).await?;
    let now = house.app.clock.wall();
    let mut tx = house.app.store.begin(&house.scope).await?;
    let payload = serde_json::json!({ "package": package.id.to_string() });
    tx.enqueue(&NewJob { kind: handlers::IMPORT, key: package.id.to_string(), payload, due: now, run: None }, now).await?;
    tx.commit().await?;
    done(1, began);
    Ok(())
}

async fn package_row(house: &House, path: Option<String>) -> anyhow::Result<PackageRow> {
    let now = house.app.clock.wall();
    let taxpayer = Taxpayer {
        id: TaxpayerId::fresh(now),
        kind: TaxpayerKind::Rfc,
        tax_id: RFC.to_owned(),
        name: String::new(),
        environment: Environment::Sandbox,
        created: now,
    };
    let package = PackageRow {
        id: PackageId::fresh(now),
        solicitud: None,
        taxpayer: taxpayer.id,
        id_paquete: "bench".to_owned(),
        content: Content::Cfdi,
        state: PackageState::Stored,
        path,
        sha256: None,
        size: None,
        tally: Tally::default(),
        problem: None,
        revision: 0,
    };
    let mut tx = house.app.store.begin(&house.scope).await?;
    tx.add_taxpayer(&taxpayer).await?;
    tx.add_package(&package).await?;
    tx.commit().await?;
    Ok(package)
}

/// The import job itself, as a worker runs it.
pub async fn run_import(dir: &Path, postgres: Option<&str>) -> anyhow::Result<()> {
    let house = House::open(dir, postgres).await?;
    let now = house.app.clock.wall();
    let filter = ClaimFilter { kinds: vec![handlers::IMPORT], ..ClaimFilter::default() };
    let claimed = house.app.system.claim(&house.hands, HolderId::fresh(now), &filter, 1, now, now, LEASE).await?;
    let job = claimed.first().context("no job waits")?;
    let package: PackageId = job.key.parse()?;
    let scope = Scope::job(job.tenant, job.id, job.originator.clone());
    let lease = LeaseProof { job: job.id, token: job.token };
    let began = Instant::now();
    import::import(&house.app, &scope, package, lease).await.map_err(|error| anyhow::anyhow!("{error:?}"))?;
    let seconds = began.elapsed().as_secs_f64();
    let mut tx = house.app.store.read(&house.scope).await?;
    let tally = tx.package(package).await?.context("no package")?.tally;
    println!("{}", serde_json::json!({ "units": tally.cfdi + tally.metadata, "seconds": seconds, "tally": format!("{tally:?}") }));
    Ok(())
}

/// A package given by hand, from the file to the tables.
pub async fn by_hand(dir: &Path, path: &Path) -> anyhow::Result<()> {
    let house = House::open(dir, None).await?;
    let began = Instant::now();
    let tally = import::by_hand(&house.app, &house.scope, RFC, path).await?;
    done(usize::try_from(tally.cfdi + tally.metadata)?, began);
    Ok(())
}

/// Something that is not measured.
pub fn nothing(made: anyhow::Result<()>) -> anyhow::Result<()> {
    let began = Instant::now();
    made.map(|()| done(1, began))
}
