//! What a passing test says that it covers.
//!
//! A test calls [`covers!`](crate::covers) after its last assertion, so a failing test claims
//! nothing. With `FEDATARIO_COVERAGE` set to a folder, each claim is a line `kind \t cell…` in a
//! file of this process; `cargo xtask coverage` gathers them into `docs/coverage.md`.

use std::io::Write;

/// Writes one claim; does nothing unless `FEDATARIO_COVERAGE` names a folder.
pub fn record(kind: &str, cells: &[&str]) {
    let Some(folder) = std::env::var_os("FEDATARIO_COVERAGE") else { return };
    let path = std::path::Path::new(&folder).join(format!("{}.tsv", std::process::id()));
    let line = format!("{kind}\t{}\n", cells.join("\t"));
    let mut file = std::fs::OpenOptions::new().create(true).append(true).open(&path).expect("the coverage folder is writable");
    file.write_all(line.as_bytes()).expect("the coverage folder is writable");
}

/// Claims, at the end of a test, a bullet (`covers!("jobs: …")`) or a cell of a matrix
/// (`covers!("fault-operation", row, column)`).
#[macro_export]
macro_rules! covers {
    ($bullet:expr) => {
        $crate::coverage::record("bullet", &[&$bullet.to_string(), concat!(env!("CARGO_PKG_NAME"), "/", module_path!())])
    };
    ($matrix:expr, $row:expr, $column:expr) => {
        $crate::coverage::record(
            "cell",
            &[&$matrix.to_string(), &$row.to_string(), &$column.to_string(), concat!(env!("CARGO_PKG_NAME"), "/", module_path!())],
        )
    };
}
