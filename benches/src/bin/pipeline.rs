//! From a package to the tables: XML → JSON → SQLite, beside Python doing the same.

use anyhow::bail;
use fedatario_benches::{Bench, Table};

fn main() -> anyhow::Result<()> {
    Bench::start(part, bench)
}

fn part(name: &str, _: &[String]) -> anyhow::Result<()> {
    bail!("no part `{name}`")
}

fn bench(_: &Bench) -> anyhow::Result<()> {
    print!("{}", Table::default());
    Ok(())
}
