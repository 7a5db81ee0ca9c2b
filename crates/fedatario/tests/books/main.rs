//! What is here, found and taken out: the binary, judged by readers of others.

#[path = "../support/mod.rs"]
mod support;

mod authored;
mod exports;
mod summaries;

use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Command;
use support::Shell;

/// Runs a judge of ours over other people's libraries; a judge that is missing is a failure.
fn judge(script: &str, arguments: &[&str]) -> Value {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/books").join(script);
    let done = Command::new("python3").arg(script).args(arguments).output().expect("python3 is there");
    assert!(done.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&done.stderr));
    serde_json::from_slice(&done.stdout).expect("the judge prints JSON")
}

/// A package of XML files by their folder.
fn package_of(folder: &Path, path: &Path) {
    use std::io::Write;
    let mut zip = zip::ZipWriter::new(std::fs::File::create(path).unwrap());
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|it| it.unwrap().path()).collect();
    files.sort();
    for file in files.iter().filter(|it| it.extension().is_some_and(|it| it == "xml")) {
        zip.start_file(file.file_name().unwrap().to_str().unwrap(), zip::write::SimpleFileOptions::default()).unwrap();
        zip.write_all(&std::fs::read(file).unwrap()).unwrap();
    }
    zip.finish().unwrap();
}

/// Brings packages in.
fn import(shell: &Shell, packages: &[&Path]) -> Value {
    let mut arguments = vec!["sat", "import", "--rfc", authored::RFC, "--json"];
    arguments.extend(packages.iter().map(|it| it.to_str().unwrap()));
    shell.run(&arguments).good()
}

fn text(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}
