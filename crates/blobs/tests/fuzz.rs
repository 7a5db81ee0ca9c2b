//! The body of the fuzz target over seeded mutations of paths.

use fedatario_blobs::fuzz;
use fedatario_testkit::covers;
use fedatario_testkit::storm;

/// Mutations of each path.
const ROUNDS: usize = 1_000;

#[test]
fn no_path_leads_outside() {
    let long = "a/".repeat(600);
    let paths = [
        "tenants/tnt_01/clientes/EKU9003173C9/2025/paquetes/cfdi/a_01-00ff.zip",
        "a/../../etc/passwd",
        "/etc/passwd",
        "a//b",
        "a/.hidden",
        "C:\\windows",
        "%2e%2e/%2e%2e",
        &long,
    ];
    let samples: Vec<Vec<u8>> = paths.iter().map(|it| it.as_bytes().to_vec()).collect();
    assert!(storm::over("path", &samples, ROUNDS, fuzz::path) > ROUNDS);
    covers!("blobs: seeded mutations of paths stay inside or are refused");
}
