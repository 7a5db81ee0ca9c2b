//! From a package to the tables: XML → JSON → SQLite, beside Python doing the same.

use anyhow::{Context, bail, ensure};
use fedatario_benches::{Bench, Goal, Measured, Row, Table, house, input, stages};
use std::path::{Path, PathBuf};

/// Documents of the package in the claim.
const DOCUMENTS: usize = 200_000;
/// A package whose import must not take less memory.
const FEW: usize = 20_000;
/// Lines of the metadata in the claim.
const LINES: usize = 1_000_000;

fn main() -> anyhow::Result<()> {
    Bench::start(part, bench)
}

fn part(name: &str, arguments: &[String]) -> anyhow::Result<()> {
    let text = |at: usize| arguments.get(at).map(String::as_str).context("an argument is missing");
    let path = |at: usize| text(at).map(Path::new);
    let number = |at: usize| -> anyhow::Result<usize> { Ok(text(at)?.parse()?) };
    let url = |at: usize| arguments.get(at).map(String::as_str);
    let runtime = tokio::runtime::Runtime::new()?;
    match name {
        "make-cfdi" => stages::nothing(input::make_documents(number(0)?, path(1)?)),
        "make-metadata" => stages::nothing(input::make_metadata(number(0)?, path(1)?)),
        "inflate" => stages::inflate(path(0)?),
        "parse" => stages::parse(path(0)?, number(1)?),
        "serialise" => stages::serialise(path(0)?, number(1)?),
        "read" => stages::read(path(0)?, number(1)?),
        "insert" => runtime.block_on(stages::insert(path(0)?, url(3), path(1)?, number(2)?)),
        "stock" => runtime.block_on(stages::stock(path(0)?, url(2), path(1)?)),
        "import" => runtime.block_on(stages::run_import(path(0)?, url(1))),
        "by-hand" => runtime.block_on(stages::by_hand(path(0)?, path(1)?)),
        _ => bail!("no part `{name}`"),
    }
}

fn bench(bench: &Bench) -> anyhow::Result<()> {
    let mut table = Table::default();
    documents(bench, &mut table)?;
    metadata(bench, &mut table)?;
    print!("{table}");
    Ok(())
}

fn documents(bench: &Bench, table: &mut Table) -> anyhow::Result<()> {
    let count = bench.size(DOCUMENTS);
    let package = input::documents(bench, count)?;
    let slowest = alone(bench, table, &package, count)?;
    let lite = import(bench, &package, count, None)?;
    let python = python(bench, "pipeline.py", &package, count)?;
    table.push(Row::beside("CFDI → SQLite, documents/s", &lite, &python, Goal::Ratio(6.0)));
    let share = lite.rate() / slowest * 100.0;
    table.push(Row::figure("… in % of its slowest stage alone", share, Goal::AtLeast(60.0)));
    let per_cpu = (lite.rate_of_cpu(), python.rate_of_cpu());
    table.push(Row { peer: Some(per_cpu.1), ..Row::figure("… documents per CPU second", per_cpu.0, Goal::None) });
    table.push(Row::figure("… peak memory, MiB", lite.peak_mib(), Goal::AtMost(256.0)));
    let few = input::documents(bench, bench.size(FEW))?;
    let few = import(bench, &few, bench.size(FEW), None)?;
    let grown = lite.peak_mib() / few.peak_mib();
    table.push(Row::figure("… peak memory, times that of a tenth of the documents", grown, Goal::AtMost(1.1)));
    let scratch = Scratch::new(bench)?;
    let by_hand = bench.ours("by-hand", &[scratch.text(), &package.to_string_lossy()])?;
    drop(scratch);
    table.push(Row::rate("… given by hand: surveyed, copied, imported, documents/s", &by_hand, Goal::None));
    if let Some(url) = fresh_postgres()? {
        let server = import(bench, &package, count, Some(&url))?;
        table.push(Row::rate("CFDI → PostgreSQL, documents/s", &server, Goal::AtLeast(0.6 * lite.rate())));
    }
    Ok(())
}

/// Each stage by itself; the rate of the slowest.
fn alone(bench: &Bench, table: &mut Table, package: &Path, count: usize) -> anyhow::Result<f64> {
    let (package, text) = (package.to_string_lossy(), count.to_string());
    let mut slowest = f64::INFINITY;
    let mut keep = |name: &str, it: &Measured| {
        slowest = slowest.min(it.rate());
        table.push(Row::rate(format!("alone, one thread: {name}, documents/s"), it, Goal::None));
    };
    keep("inflate", &bench.ours("inflate", &[&package])?);
    keep("parse", &bench.ours("parse", &[&package, &text])?);
    keep("serialise", &bench.ours("serialise", &[&package, &text])?);
    let scratch = Scratch::new(bench)?;
    keep("insert into SQLite", &bench.ours("insert", &[scratch.text(), &package, &text])?);
    let read = bench.ours("read", &[&package, &text])?;
    table.push(Row::rate("together, one thread: parse, columns, serialise, documents/s", &read, Goal::None));
    Ok(slowest)
}

fn metadata(bench: &Bench, table: &mut Table) -> anyhow::Result<()> {
    let count = bench.size(LINES);
    let package = input::metadata(bench, count)?;
    let lite = import(bench, &package, count, None)?;
    let python = python(bench, "metadata.py", &package, count)?;
    table.push(Row::beside("metadata → SQLite, lines/s", &lite, &python, Goal::None));
    table.push(Row::figure(format!("… seconds for {count} lines"), lite.seconds, Goal::AtMost(30.0)));
    table.push(Row::figure("… peak memory, MiB", lite.peak_mib(), Goal::AtMost(128.0)));
    if let Some(url) = fresh_postgres()? {
        let server = import(bench, &package, count, Some(&url))?;
        table.push(Row::rate("metadata → PostgreSQL, lines/s", &server, Goal::None));
    }
    Ok(())
}

fn fresh_postgres() -> anyhow::Result<Option<String>> {
    tokio::runtime::Runtime::new()?.block_on(house::fresh_postgres("pipeline"))
}

/// The import alone: its package was stored by another process.
fn import(bench: &Bench, package: &Path, count: usize, postgres: Option<&str>) -> anyhow::Result<Measured> {
    let scratch = Scratch::new(bench)?;
    let mut stock = vec![scratch.text(), package.to_str().context("a path")?];
    stock.extend(postgres);
    bench.ours("stock", &stock)?;
    let mut import = vec![scratch.text()];
    import.extend(postgres);
    let measured = bench.ours("import", &import)?;
    ensure!(measured.units as usize == count, "{} of {count} arrived: {}", measured.units, measured.said);
    Ok(measured)
}

fn python(bench: &Bench, script: &str, package: &Path, count: usize) -> anyhow::Result<Measured> {
    let scratch = Scratch::new(bench)?;
    let measured = bench.peer(script, &[&package.to_string_lossy(), scratch.text(), input::RFC])?;
    ensure!(measured.units as usize == count, "{} of {count} arrived", measured.units);
    Ok(measured)
}

/// A folder that goes when its measurement is over.
struct Scratch(PathBuf, String);

impl Scratch {
    fn new(bench: &Bench) -> anyhow::Result<Self> {
        let path = bench.scratch.join("house");
        std::fs::create_dir(&path)?;
        let text = path.to_str().context("a path")?.to_owned();
        Ok(Self(path, text))
    }

    fn text(&self) -> &str {
        &self.1
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
