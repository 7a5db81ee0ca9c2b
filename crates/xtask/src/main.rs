//! The chores of the repository, in Rust: what checks its habits and what makes its tables.

mod cadena;
mod coverage;
mod coverage_plan;
mod coverage_promises;
mod edges;
mod errors;
mod links;
mod lists;
mod repository;
mod targets;
mod tidy;

use anyhow::{Context, bail};
use repository::Repository;
use std::path::PathBuf;
use std::process::ExitCode;

const USAGE: &str =
    "usage: xtask tidy | docs | coverage --from FOLDER [--check|--write] | lists [FOLDER OF SCHEMAS] | cadena [FIXTURES]";

fn main() -> anyhow::Result<ExitCode> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let repository = Repository::here();
    match arguments.as_slice() {
        ["tidy"] => tidy::run(&repository),
        ["docs"] => errors::write(&repository).map(|()| ExitCode::SUCCESS),
        ["coverage", "--from", folder, "--write"] => coverage::write(&repository, folder.as_ref()),
        ["coverage", "--from", folder] | ["coverage", "--from", folder, "--check"] => coverage::check(&repository, folder.as_ref()),
        ["lists"] => write_lists(&repository, None),
        ["lists", folder] => write_lists(&repository, Some(folder.into())),
        ["cadena"] => write_cadena(&repository, None),
        ["cadena", fixtures] => write_cadena(&repository, Some(fixtures.into())),
        _ => bail!("{USAGE}"),
    }
}

fn fixtures(repository: &Repository) -> PathBuf {
    std::env::var_os("FEDATARIO_FIXTURES").map_or_else(|| repository.path("../shared/fixtures"), PathBuf::from)
}

fn write_cadena(repository: &Repository, folder: Option<PathBuf>) -> anyhow::Result<ExitCode> {
    let folder = folder.unwrap_or_else(|| fixtures(repository));
    let path = repository.path(cadena::TABLE);
    std::fs::write(&path, cadena::generate(&folder)?).with_context(|| format!("writing {}", path.display()))?;
    Ok(ExitCode::SUCCESS)
}

fn write_lists(repository: &Repository, folder: Option<PathBuf>) -> anyhow::Result<ExitCode> {
    let folder = folder.unwrap_or_else(|| fixtures(repository).join("mx/xsd"));
    let path = repository.path(lists::TABLE);
    std::fs::write(&path, lists::generate(&folder)?).with_context(|| format!("writing {}", path.display()))?;
    Ok(ExitCode::SUCCESS)
}
