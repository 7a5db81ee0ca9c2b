//! That no method of a port is forgotten: each is claimed by some test, on both databases.

/// The files that declare the ports, and the traits of them that are implemented here.
const PORTS: [(&str, &[&str]); 11] = [
    (
        include_str!("../../../app/src/ports.rs"),
        &["Store", "Tx", "Taxpayers", "Credentials", "Solicitudes", "Packages", "Documents", "Jobs", "Schedules", "System"],
    ),
    (include_str!("../../../app/src/audit_trail/ports.rs"), &["AuditLog"]),
    (include_str!("../../../app/src/hooks/ports.rs"), &["Hooks"]),
    (include_str!("../../../app/src/revision/ports.rs"), &["Checks", "Registry"]),
    (include_str!("../../../upstream/src/ports.rs"), &["Ledger", "Sessions", "Limits", "Breakers"]),
    (include_str!("../../../vault/src/ports.rs"), &["TenantKeys", "CredentialStore"]),
    (include_str!("../../../vault/src/log.rs"), &["SignatureLog"]),
    (include_str!("../../../app/src/signing/ports.rs"), &["Signatures"]),
    (include_str!("../../../app/src/trust/ports.rs"), &["Revocations"]),
    (include_str!("../../../app/src/expiry/ports.rs"), &["Notices"]),
    (include_str!("../../../app/src/releases/ports.rs"), &["Releases"]),
];

const TESTS: &[&str] = &[
    include_str!("audit.rs"),
    include_str!("certificates.rs"),
    include_str!("checks.rs"),
    include_str!("documents.rs"),
    include_str!("find.rs"),
    include_str!("hooks.rs"),
    include_str!("identity.rs"),
    include_str!("jobs.rs"),
    include_str!("ledger.rs"),
    include_str!("releases.rs"),
    include_str!("requests.rs"),
    include_str!("sat.rs"),
    include_str!("schedules.rs"),
    include_str!("sessions.rs"),
    include_str!("signatures.rs"),
    include_str!("trust.rs"),
    concat!(include_str!("store.rs"), include_str!("system.rs"), include_str!("vault.rs")),
];

/// `Trait::method` for each method of the traits named.
fn methods(source: &str, traits: &[&str]) -> Vec<String> {
    let mut within = "";
    let mut found = Vec::new();
    for line in source.lines() {
        if let Some(rest) = line.strip_prefix("pub trait ") {
            within = rest.split([':', ' ', '{']).next().unwrap_or_default();
        } else if let Some(rest) = line.trim_start().strip_prefix("async fn ")
            && traits.contains(&within)
        {
            found.push(format!("{within}::{}", rest.split('(').next().unwrap_or_default()));
        }
    }
    found
}

#[test]
fn every_method_of_every_port_is_claimed_by_a_test() {
    let all: Vec<String> = PORTS.iter().flat_map(|(source, traits)| methods(source, traits)).collect();
    assert!(all.len() > 70, "the ports were found: {}", all.len());
    let forgotten: Vec<_> = all.iter().filter(|it| !TESTS.iter().any(|test| test.contains(&format!("\"{it}\"")))).collect();
    assert!(forgotten.is_empty(), "{forgotten:?}");
    fedatario_testkit::covers!("store: no method of a port is without its test on both databases");
}
