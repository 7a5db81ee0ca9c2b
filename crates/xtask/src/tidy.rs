//! What the repository's habits forbid, found in one pass.

use crate::repository::Repository;
use crate::{coverage, edges, errors, links, targets};
use std::process::ExitCode;

/// Marks that no source may carry. Written apart, so that this file does not carry them.
const UNFINISHED: &[&str] = &[concat!("tod", "o!("), concat!("unimplem", "ented!("), concat!("#[ign", "ore")];

/// Words that tell where or how the text was made; each looks at nothing but the text itself.
const TRACES: &[&str] = &[concat!("/wo", "rk/"), concat!("help", "er-")];

/// A word that is a trace only before a number.
const NUMBERED: &str = concat!("iss", "ue ");

/// The one module that reads the time.
const CLOCK: &str = "crates/base/src/clock.rs";

/// Types that hold keys or passwords: none is cloned or printed by a derive.
const KEYS: &[&str] = &["Secret", "KeyBytes", "TenantKey", "RootKeys", "PrivateKey", "Handed", "Opened", "Identity"];

/// How the time is read. Written apart, so that this file does not read it.
const TIME: &[&str] = &[concat!("Timestamp::no", "w("), concat!("SystemTime::no", "w("), concat!("Zoned::no", "w(")];

/// Files whose text is not ours.
const FOREIGN: &[&str] = &["Cargo.lock", "LICENSE"];

/// What a stranger looks for first.
const DOCUMENTS: &[&str] = &[
    "README.md",
    "ARCHITECTURE.md",
    "LICENSE",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "SECURITY.md",
    "deny.toml",
    "scripts/test",
    ".ci/run",
];

/// Runs every check; each finding is a line.
pub fn run(repository: &Repository) -> anyhow::Result<ExitCode> {
    let mut found = Vec::new();
    found.extend(documents(repository));
    found.extend(edges::check(repository)?);
    found.extend(headers(repository)?);
    found.extend(clocks(repository)?);
    found.extend(keys(repository)?);
    found.extend(links::check(repository)?);
    found.extend(errors::check(repository)?);
    found.extend(targets::check(repository)?);
    found.extend(migrations(repository)?);
    found.extend(words(repository)?);
    found.extend(coverage::gaps(repository)?);
    for line in &found {
        println!("{line}");
    }
    println!("tidy: {}", if found.is_empty() { "nothing to mend".to_owned() } else { format!("{} to mend", found.len()) });
    Ok(if found.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn documents(repository: &Repository) -> Vec<String> {
    let missing = DOCUMENTS.iter().filter(|it| !repository.path(it).is_file());
    missing.map(|it| format!("{it}: missing")).collect()
}

/// Every module opens with what it is for.
fn headers(repository: &Repository) -> anyhow::Result<Vec<String>> {
    let sources = repository.files(&[".rs"])?.into_iter().filter(|it| it.starts_with("crates/") && it.contains("/src/"));
    let mut found = Vec::new();
    for file in sources {
        if !repository.read(&file)?.starts_with("//!") {
            found.push(format!("{file}: does not open with //!"));
        }
    }
    Ok(found)
}

/// Nobody but the clock reads the time; tests inside a module may.
fn clocks(repository: &Repository) -> anyhow::Result<Vec<String>> {
    let sources = repository.files(&[".rs"])?.into_iter().filter(|it| it.starts_with("crates/") && it.contains("/src/"));
    let mut found = Vec::new();
    for file in sources.filter(|it| it != CLOCK) {
        let source = repository.read(&file)?;
        let program = source.split("#[cfg(test)]").next().unwrap_or_default();
        found.extend(TIME.iter().filter(|it| program.contains(*it)).map(|it| format!("{file}: `{it}…)`: time is a parameter")));
    }
    Ok(found)
}

/// What holds a key derives neither `Clone` nor `Debug`.
fn keys(repository: &Repository) -> anyhow::Result<Vec<String>> {
    let sources = repository.files(&[".rs"])?.into_iter().filter(|it| it.starts_with("crates/") && it.contains("/src/"));
    let mut found = Vec::new();
    for file in
        sources.filter(|it| ["base", "credentials", "vault", "signer"].iter().any(|name| it.split('/').nth(1) == Some(name)))
    {
        let source = repository.read(&file)?;
        found.extend(derived(&source).into_iter().map(|it| format!("{file}: `{it}` holds a key and derives Clone or Debug")));
    }
    Ok(found)
}

/// The key types of a source that derive what they must not.
fn derived(source: &str) -> Vec<&'static str> {
    let mut attributes = String::new();
    let mut found = Vec::new();
    for line in source.lines().map(str::trim) {
        if line.starts_with("#[") {
            attributes.push_str(line);
            continue;
        }
        if let Some((_, rest)) = line.split_once("struct ") {
            let name = rest.split(|it: char| !it.is_alphanumeric()).next().unwrap_or_default();
            let derives = attributes.contains("derive(") && (attributes.contains("Clone") || attributes.contains("Debug"));
            found.extend(KEYS.iter().filter(|it| derives && **it == name));
        }
        attributes.clear();
    }
    found
}

/// Both databases have the same steps.
fn migrations(repository: &Repository) -> anyhow::Result<Vec<String>> {
    let of = |database: &str| repository.names(&format!("crates/store/migrations/{database}"));
    let (lite, server) = (of("sqlite")?, of("postgres")?);
    let only = |these: &[String], others: &[String], which: &str| -> Vec<String> {
        these.iter().filter(|it| !others.contains(it)).map(|it| format!("migration {it} exists for {which} only")).collect()
    };
    Ok([only(&lite, &server, "sqlite"), only(&server, &lite, "postgres")].concat())
}

fn words(repository: &Repository) -> anyhow::Result<Vec<String>> {
    let mut found = Vec::new();
    for file in repository.files(&[])? {
        // What is not text has no words.
        let Ok(text) = repository.read(&file) else { continue };
        if FOREIGN.contains(&file.as_str()) {
            continue;
        }
        let of_source = file.ends_with(".rs");
        for (n, line) in text.lines().enumerate() {
            found.extend(words_of(line, of_source).into_iter().map(|it| format!("{file}:{}: `{it}`", n + 1)));
        }
    }
    Ok(found)
}

fn words_of(line: &str, of_source: bool) -> Vec<String> {
    let mut found: Vec<String> = TRACES.iter().filter(|it| line.contains(*it)).map(|it| (*it).to_owned()).collect();
    let lower = line.to_lowercase();
    if lower.split(NUMBERED).skip(1).any(|it| it.starts_with(|it: char| it.is_ascii_digit())) {
        found.push(format!("{NUMBERED}…"));
    }
    if of_source {
        found.extend(UNFINISHED.iter().filter(|it| line.contains(*it)).map(|it| (*it).to_owned()));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(files: &[(&str, &str)]) -> (tempfile::TempDir, Repository) {
        let folder = tempfile::tempdir().expect("a folder");
        let repository = Repository::at(folder.path());
        for (path, text) in files {
            repository.write(path, text).expect("a file");
        }
        (folder, repository)
    }

    #[test]
    fn keys_that_can_be_copied_or_printed_are_found() {
        let cases = [
            ("/// A key.\npub struct KeyBytes([u8; 32]);", 0),
            ("#[derive(Clone)]\npub struct KeyBytes([u8; 32]);", 1),
            ("#[derive(PartialEq, Debug)]\n#[allow(dead_code)]\nstruct PrivateKey {", 1),
            ("#[derive(Clone, Debug)]\npub struct KeyStanding {", 0),
        ];
        for (source, count) in cases {
            assert_eq!(derived(source).len(), count, "{source}");
        }
        fedatario_testkit::covers!("workspace: types that hold keys derive neither Clone nor Debug");
    }

    #[test]
    fn words_that_do_not_belong_are_found() {
        let unfinished = format!("    {}\"later\")", UNFINISHED[0]);
        let skipped = format!("{}]", UNFINISHED[2]);
        let path = format!("see {}main", TRACES[0]);
        let numbered = format!("as {}12 says", NUMBERED.to_uppercase());
        let cases = [
            (unfinished.as_str(), true, 1),
            (unfinished.as_str(), false, 0),
            (skipped.as_str(), true, 1),
            (path.as_str(), false, 1),
            (numbered.as_str(), false, 1),
            ("the issue of certificates, network/path, a homework", true, 0),
        ];
        for (line, of_source, count) in cases {
            assert_eq!(words_of(line, of_source).len(), count, "{line}");
        }
    }

    #[test]
    fn a_module_without_its_opening_is_found() {
        let (_folder, repository) = written(&[
            ("crates/a/src/lib.rs", "//! Says what it is for.\n"),
            ("crates/a/src/deep/b.rs", "use std::fs;\n"),
            ("crates/a/tests/c.rs", "use std::fs;\n"),
        ]);
        assert_eq!(headers(&repository).expect("a check"), ["crates/a/src/deep/b.rs: does not open with //!"]);
        fedatario_testkit::covers!("workspace: every module opens with what it is for");
    }

    #[test]
    fn a_clock_read_on_the_way_is_found() {
        let reads = format!("//! It.\nfn f() {{ {}) }}\n", TIME[0]);
        let tested = format!("//! It.\n#[cfg(test)]\nmod tests {{ {reads} }}\n");
        let (_folder, repository) =
            written(&[("crates/a/src/lib.rs", reads.as_str()), ("crates/a/src/b.rs", &tested), (CLOCK, reads.as_str())]);
        let found = clocks(&repository).expect("a check");
        assert!(found.len() == 1 && found[0].starts_with("crates/a/src/lib.rs"), "{found:?}");
        fedatario_testkit::covers!("base: nothing but the clock reads the time");
    }

    #[test]
    fn migrations_of_one_database_alone_are_found() {
        let at = |database: &str, name: &str| format!("crates/store/migrations/{database}/{name}.sql");
        let both = [at("sqlite", "0001"), at("postgres", "0001"), at("postgres", "0002")];
        let files: Vec<(&str, &str)> = both.iter().map(|it| (it.as_str(), "")).collect();
        let (_folder, repository) = written(&files);
        assert_eq!(migrations(&repository).expect("a check"), ["migration 0002.sql exists for postgres only"]);
        fedatario_testkit::covers!("workspace: both databases have the same migrations");
    }

    #[test]
    fn this_repository_keeps_its_table_its_openings_and_its_links() {
        let here = Repository::here();
        let none: Vec<String> = Vec::new();
        assert_eq!(documents(&here), none);
        assert_eq!(edges::check(&here).expect("a check"), none);
        assert_eq!(headers(&here).expect("a check"), none);
        assert_eq!(clocks(&here).expect("a check"), none);
        assert_eq!(links::check(&here).expect("a check"), none);
        assert_eq!(errors::check(&here).expect("a check"), none);
        assert_eq!(migrations(&here).expect("a check"), none);
        fedatario_testkit::covers!("workspace: README, ARCHITECTURE, LICENSE and the rest are there and tidy");
    }
}
