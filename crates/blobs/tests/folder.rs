//! What only files can get wrong: processes that die, processes that share, strangers' files.

use data_encoding::HEXLOWER;
use fedatario_app::ports::{BlobError, Blobs};
use fedatario_blobs::Folder;
use fedatario_testkit::covers;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};

/// Where the child of a crash test writes; absent in the test itself.
const CHILD: &str = "FEDATARIO_BLOBS_CHILD";

/// More than a buffer, so that each write reaches the file.
const CHUNK_BYTES: usize = 300_000;

fn temporaries(root: &Path) -> usize {
    std::fs::read_dir(root.join(".tmp")).unwrap().count()
}

/// Runs one test of this file as another process, and kills it after so many of its lines.
fn kill_after(lines: usize, test: &str, root: &Path) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture"])
        .env(CHILD, root)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let said = BufReader::new(child.stdout.take().unwrap()).lines();
    let seen = said.map_while(Result::ok).filter(|it| it.contains("child wrote")).take(lines).count();
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(seen, lines, "the child ended by itself");
}

#[tokio::test]
async fn a_write_that_dies_leaves_no_object() {
    if let Some(root) = std::env::var_os(CHILD) {
        let store = Folder::open(&root).unwrap();
        let mut slot = store.slot("packages", Box::new(|_| "final".into()), u64::MAX).await.unwrap();
        loop {
            slot.write(&[7; CHUNK_BYTES]).await.unwrap();
            println!("child wrote");
        }
    }
    let dir = tempfile::tempdir().unwrap();
    let store = Folder::open(dir.path()).unwrap();
    kill_after(3, "a_write_that_dies_leaves_no_object", dir.path());
    assert_eq!(store.list("").await.unwrap(), Vec::<String>::new());
    assert_eq!(temporaries(dir.path()), 1);
    Folder::open(dir.path()).unwrap();
    assert_eq!(temporaries(dir.path()), 0, "opening collects what the dead left");
    covers!("blobs: killed in the middle of a write, no object stands under its name");
}

#[tokio::test]
async fn whatever_moment_a_process_dies_every_object_is_whole() {
    if let Some(root) = std::env::var_os(CHILD) {
        let store = Folder::open(&root).unwrap();
        for round in 0u64.. {
            let mut slot = store.slot("packages", Box::new(str::to_owned), u64::MAX).await.unwrap();
            slot.write(&round.to_be_bytes().repeat(1 + (round as usize % 7) * 9_000)).await.unwrap();
            slot.keep().await.unwrap();
            println!("child wrote");
        }
    }
    for lines in [1, 2, 5, 13] {
        let dir = tempfile::tempdir().unwrap();
        kill_after(lines, "whatever_moment_a_process_dies_every_object_is_whole", dir.path());
        let store = Folder::open(dir.path()).unwrap();
        let found = store.list("packages/").await.unwrap();
        assert!(found.len() >= lines, "what was said to be kept is kept: {} of {lines}", found.len());
        for path in found {
            let bytes = store.get(&path, u64::MAX).await.unwrap();
            let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &bytes);
            assert_eq!(path, format!("packages/{}", HEXLOWER.encode(digest.as_ref())));
        }
        assert_eq!(temporaries(dir.path()), 0);
    }
    covers!("blobs: whatever moment a process dies, every object is whole");
}

#[tokio::test]
async fn opening_the_store_spares_the_writes_of_the_living() {
    let dir = tempfile::tempdir().unwrap();
    let store = Folder::open(dir.path()).unwrap();
    let mut slot = store.slot("packages", Box::new(|_| "final".into()), u64::MAX).await.unwrap();
    slot.write(&[7; CHUNK_BYTES]).await.unwrap();
    std::fs::write(dir.path().join(".tmp/left"), b"by the dead").unwrap();
    let other = Folder::open(dir.path()).unwrap();
    assert_eq!(temporaries(dir.path()), 1);
    let kept = slot.keep().await.unwrap();
    assert_eq!(other.get(&kept.path, u64::MAX).await.unwrap(), [7; CHUNK_BYTES]);
    covers!("blobs: leftover temporaries are collected at open, those of living writers are not");
}

#[tokio::test]
async fn only_the_owner_reads_what_is_written() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("objects");
    let store = Folder::open(&root).unwrap();
    store.put("a/b", b"sealed").await.unwrap();
    for (path, mode) in [("", 0o700), ("a", 0o700), ("a/b", 0o600), (".tmp", 0o700)] {
        let found = std::fs::metadata(root.join(path)).unwrap().permissions().mode() & 0o777;
        assert_eq!(found, mode, "{path}");
    }
}

#[tokio::test]
async fn links_and_strangers_files_are_not_listed() {
    let dir = tempfile::tempdir().unwrap();
    let store = Folder::open(dir.path()).unwrap();
    store.put("a/object", b"x").await.unwrap();
    std::os::unix::fs::symlink("/etc", dir.path().join("a/link")).unwrap();
    std::fs::write(dir.path().join("a/a name with spaces"), b"x").unwrap();
    std::fs::write(dir.path().join("a/.hidden"), b"x").unwrap();
    assert_eq!(store.list("").await.unwrap(), ["a/object"]);
}

#[tokio::test]
async fn a_folder_that_cannot_be_written_is_unavailable_and_keeps_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let store = Folder::open(dir.path()).unwrap();
    store.put("a", b"a file where a folder would have to be").await.unwrap();
    let slot = store.slot("a", Box::new(|_| "b".into()), 9).await.unwrap();
    assert!(slot.keep().await.is_err());
    std::fs::remove_dir(dir.path().join(".tmp")).unwrap();
    let refused = store.put("b", b"x").await.unwrap_err();
    assert!(matches!(refused, BlobError::NotFound | BlobError::Unavailable(_)));
    assert_eq!(store.list("").await.unwrap(), ["a"]);
}
