//! The targets of the fuzzer against the bodies that they wrap: each body has its target, and no
//! target is without a body. The package itself needs a nightly compiler and is not built here.

use crate::repository::Repository;
use anyhow::Context;
use std::collections::BTreeSet;

const FOLDER: &str = "fuzz/fuzz_targets/";

/// What is missing on either side.
pub fn check(repository: &Repository) -> anyhow::Result<Vec<String>> {
    let mut found = Vec::new();
    let bodies = bodies(repository)?;
    let manifest: toml::Table = repository.read("fuzz/Cargo.toml")?.parse().context("fuzz/Cargo.toml")?;
    let listed = names(&manifest);
    for (name, call) in &bodies {
        let path = format!("{FOLDER}{name}.rs");
        match repository.read(&path) {
            Ok(text) if text.contains(call) => {}
            Ok(_) => found.push(format!("{path}: does not call {call}")),
            Err(_) => found.push(format!("{path}: missing, for {call}")),
        }
    }
    let known: BTreeSet<String> = bodies.into_iter().map(|it| it.0).collect();
    let files: BTreeSet<String> =
        repository.names(FOLDER)?.iter().filter_map(|it| it.strip_suffix(".rs").map(str::to_owned)).collect();
    for (what, names) in [("fuzz/fuzz_targets", &files), ("fuzz/Cargo.toml", &listed)] {
        found.extend(names.difference(&known).map(|it| format!("{what}: {it} has no body")));
        found.extend(known.difference(names).map(|it| format!("{what}: {it} is missing")));
    }
    found.dedup();
    Ok(found)
}

/// The targets that the manifest lists.
fn names(manifest: &toml::Table) -> BTreeSet<String> {
    let all = manifest.get("bin").and_then(|it| it.as_array()).into_iter().flatten();
    all.filter_map(|it| it.get("name")?.as_str().map(str::to_owned)).collect()
}

/// Each body: the name of its target, and how it is called.
fn bodies(repository: &Repository) -> anyhow::Result<Vec<(String, String)>> {
    let mut found = Vec::new();
    for folder in repository.names("crates")? {
        let Ok(source) = repository.read(&format!("crates/{folder}/src/fuzz.rs")) else { continue };
        for line in source.lines().filter(|it| it.ends_with("(bytes: &[u8]) {")) {
            let Some(name) = line.strip_prefix("pub fn ").and_then(|it| it.split('(').next()) else { continue };
            found.push((format!("{folder}_{name}"), format!("fedatario_{folder}::fuzz::{name}(bytes)")));
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_body_has_its_target_and_no_target_is_without() {
        let repository = Repository::here();
        assert!(bodies(&repository).unwrap().len() >= 20);
        assert_eq!(check(&repository).unwrap(), Vec::<String>::new());
        fedatario_testkit::covers!("fuzz: the targets wrap the bodies that the tests run, each of them");
    }

    #[test]
    fn a_body_without_a_target_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let repository = Repository::at(folder.path());
        repository.write("crates/a/src/fuzz.rs", "pub fn one(bytes: &[u8]) {\n}\npub fn two(bytes: &[u8]) {\n}\n").unwrap();
        repository.write("fuzz/Cargo.toml", "[[bin]]\nname = \"a_one\"\n[[bin]]\nname = \"b_one\"\n").unwrap();
        repository.write("fuzz/fuzz_targets/a_one.rs", "fedatario_a::fuzz::one(bytes)").unwrap();
        let found = check(&repository).unwrap();
        for expected in
            ["fuzz/fuzz_targets/a_two.rs: missing", "fuzz/Cargo.toml: b_one has no body", "fuzz/Cargo.toml: a_two is missing"]
        {
            assert!(found.iter().any(|it| it.starts_with(expected)), "{expected}: {found:?}");
        }
    }
}
