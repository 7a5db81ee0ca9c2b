//! Where the published fixtures lie, if they are on this machine.
//!
//! `FEDATARIO_FIXTURES`, by default `../shared/fixtures` beside the repository. On a machine
//! without that folder the tests that need it are recorded as skipped; everything essential is
//! proven on generated data as well.

use std::path::{Path, PathBuf};

/// The folder, or `None` (recorded as skipped under `test`) when this machine has none.
pub fn root(test: &str) -> Option<PathBuf> {
    if let Some(root) = maybe() {
        return Some(root);
    }
    crate::coverage::record("skipped", &[test]);
    eprintln!("skipped {test}: no fixtures on this machine");
    None
}

/// The folder, for those who use it when it is there and do as well without: no skip is counted.
pub fn maybe() -> Option<PathBuf> {
    let root = std::env::var_os("FEDATARIO_FIXTURES").map(PathBuf::from);
    let root = root.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/fixtures"));
    root.is_dir().then_some(root)
}

/// Reads one file of the folder. A folder without the file is a failure, never a skip.
pub fn read(root: &Path, relative: &str) -> Vec<u8> {
    let path = root.join(relative);
    std::fs::read(&path).unwrap_or_else(|error| panic!("fixture {}: {error}", path.display()))
}

/// The fixtures' folder, or an early return that is counted as a skip.
#[macro_export]
macro_rules! fixtures_or_skip {
    () => {
        match $crate::fixtures::root(concat!(module_path!(), ":", line!())) {
            Some(root) => root,
            None => return,
        }
    };
}
