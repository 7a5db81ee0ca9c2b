//! Who may depend on whom: the table of the architecture, as data.
//!
//! pure ← engine ← services ← adapters, edges ← the binary. An edge that is not in this table is
//! refused; a new one needs a line here and one in `ARCHITECTURE.md`. Tests may see `testkit` and,
//! beside the simulators themselves, `sandbox`.

use crate::repository::Repository;
use anyhow::Context;
use toml::Table;

/// A crate of the workspace, by its folder.
pub struct Edges {
    /// Its folder under `crates/`.
    pub name: &'static str,
    /// What it may depend on, by folder.
    pub may: &'static [&'static str],
    /// Whether it performs no I/O and knows no runtime.
    pub pure: bool,
}

const fn pure(name: &'static str, may: &'static [&'static str]) -> Edges {
    Edges { name, may, pure: true }
}

const fn acting(name: &'static str, may: &'static [&'static str]) -> Edges {
    Edges { name, may, pure: false }
}

/// The table.
pub const TABLE: &[Edges] = &[
    pure("base", &[]),
    pure("fiscal", &["base"]),
    pure("xmlsig", &["base"]),
    pure("credentials", &["base"]),
    pure("audit", &["base"]),
    pure("identity", &["base"]),
    acting("upstream", &["base"]),
    acting("vault", &["base", "credentials", "fiscal", "xmlsig"]),
    acting("app", &["audit", "base", "credentials", "fiscal", "identity", "upstream", "vault", "xmlsig"]),
    acting("sat", &["app", "base", "credentials", "fiscal", "upstream", "vault", "xmlsig"]),
    acting("signer", &["base", "credentials", "vault", "xmlsig"]),
    acting("store", &["app", "audit", "base", "upstream", "vault"]),
    acting("blobs", &["app", "base"]),
    acting("tables", &["app"]),
    acting("mailer", &["app", "base"]),
    acting("webhooks", &["app", "base"]),
    acting("api", &["app", "audit", "base", "credentials", "fiscal", "identity", "tables"]),
    acting("sandbox", &["base", "credentials", "fiscal", "xmlsig"]),
    acting(
        "fedatario",
        &[
            "api",
            "app",
            "audit",
            "base",
            "blobs",
            "credentials",
            "fiscal",
            "identity",
            "mailer",
            "sandbox",
            "sat",
            "signer",
            "store",
            "tables",
            "upstream",
            "vault",
            "webhooks",
            "xmlsig",
        ],
    ),
    acting("testkit", &["base"]),
    acting("xtask", &["base"]),
];

/// What a pure crate may not name: whoever names it can reach the network, a database or a clock.
const IMPURE: &[&str] = &["axum", "hyper", "object_store", "reqwest", "sqlx", "tokio", "tokio-util"];

/// What only tests may see, beyond the table.
const FOR_TESTS: &[&str] = &["testkit", "sandbox"];

/// What the tests of an edge are wired to: a real database and real objects instead of pretended ones.
const BENEATH_TESTS: &[(&str, &[&str])] = &[("api", &["blobs", "store", "vault"]), ("store", &["identity"])];

/// What breaks the table.
pub fn check(repository: &Repository) -> anyhow::Result<Vec<String>> {
    let mut found = Vec::new();
    for folder in repository.names("crates")? {
        match TABLE.iter().find(|it| it.name == folder) {
            Some(edges) => found.extend(check_crate(repository, edges)?),
            None => found.push(format!("crates/{folder}: not in the table of crates (xtask/src/edges.rs)")),
        }
    }
    for edges in TABLE {
        if !repository.path(&format!("crates/{}", edges.name)).is_dir() {
            found.push(format!("crates/{}: in the table of crates, but not there", edges.name));
        }
    }
    Ok(found)
}

fn check_crate(repository: &Repository, edges: &Edges) -> anyhow::Result<Vec<String>> {
    let path = format!("crates/{}/Cargo.toml", edges.name);
    let manifest: Table = repository.read(&path)?.parse().with_context(|| path.clone())?;
    Ok(broken(edges, &manifest).into_iter().map(|it| format!("{path}: {it}")).collect())
}

/// What a manifest breaks.
fn broken(edges: &Edges, manifest: &Table) -> Vec<String> {
    let mut found = Vec::new();
    let expected = if edges.name == "fedatario" { "fedatario".to_owned() } else { format!("fedatario-{}", edges.name) };
    if manifest.get("package").and_then(|it| it.get("name")).and_then(|it| it.as_str()) != Some(expected.as_str()) {
        found.push(format!("the package is not named {expected}"));
    }
    for (section, for_tests) in [("dependencies", false), ("build-dependencies", false), ("dev-dependencies", true)] {
        for name in names(manifest, section) {
            let ours = name.strip_prefix("fedatario-");
            if ours.is_some_and(|it| !may(edges, it, for_tests)) {
                found.push(format!("{section}: {name} is not allowed here"));
            }
            if edges.pure && IMPURE.contains(&name) {
                found.push(format!("{section}: {name} has no place in a pure crate"));
            }
        }
    }
    found
}

fn may(edges: &Edges, name: &str, for_tests: bool) -> bool {
    let beneath = BENEATH_TESTS.iter().any(|(edge, all)| *edge == edges.name && all.contains(&name));
    edges.may.contains(&name) || (for_tests && (beneath || FOR_TESTS.contains(&name)) && name != edges.name)
}

fn names<'a>(manifest: &'a Table, section: &str) -> Vec<&'a str> {
    let table = manifest.get(section).and_then(|it| it.as_table());
    table.into_iter().flat_map(|it| it.keys().map(String::as_str)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_edge_outside_the_table_is_found() {
        let crate_of = |name: &str| TABLE.iter().find(|it| it.name == name).expect("it is in the table");
        let cases = [
            ("base", "[package]\nname = 'fedatario-base'\n[dependencies]\nuuid = '1'", 0),
            ("base", "[package]\nname = 'base'", 1),
            ("fiscal", "[package]\nname = 'fedatario-fiscal'\n[dependencies]\nfedatario-xmlsig = {}", 1),
            ("audit", "[package]\nname = 'fedatario-audit'\n[dev-dependencies]\ntokio = '1'\nfedatario-testkit = {}", 1),
            ("store", "[package]\nname = 'fedatario-store'\n[dependencies]\nfedatario-sat = {}\ntokio = '1'", 1),
            ("sandbox", "[package]\nname = 'fedatario-sandbox'\n[dependencies]\nfedatario-vault = {}\nfedatario-testkit = {}", 2),
            ("sandbox", "[package]\nname = 'fedatario-sandbox'\n[dev-dependencies]\nfedatario-sandbox = {}", 1),
            ("sat", "[package]\nname = 'fedatario-sat'\n[dev-dependencies]\nfedatario-sandbox = {}", 0),
            ("vault", "[package]\nname = 'fedatario-vault'\n[build-dependencies]\nfedatario-app = {}", 1),
        ];
        for (name, manifest, count) in cases {
            let found = broken(crate_of(name), &manifest.parse().expect("a manifest"));
            assert_eq!(found.len(), count, "{name}: {found:?}");
        }
        fedatario_testkit::covers!("workspace: the table of dependencies holds");
    }

    #[test]
    fn the_table_has_no_cycle_and_pure_crates_stand_on_pure_ones() {
        for (place, edges) in TABLE.iter().enumerate() {
            for name in edges.may {
                let below = TABLE.iter().position(|it| it.name == *name).expect("it is in the table");
                assert!(below < place, "{} stands before {name}", edges.name);
                assert!(!edges.pure || TABLE[below].pure, "{} is pure and {name} is not", edges.name);
            }
        }
    }
}
