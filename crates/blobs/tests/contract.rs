//! What every store of objects promises, run on each.

mod support;

use data_encoding::HEXLOWER;
use fedatario_app::ports::{BlobError, Blobs, Kept};
use fedatario_blobs::{Folder, Memory};
use fedatario_testkit::covers;
use std::io::{Read, Seek, SeekFrom};

const FOLDER: &str = "tenants/ten_0/clientes/H%26E951128469/2026/paquetes/cfdi";

fn sha256(bytes: &[u8]) -> String {
    HEXLOWER.encode(aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, bytes).as_ref())
}

async fn keep(store: &dyn Blobs, chunks: &[&[u8]], at_most: u64) -> Result<Kept, BlobError> {
    let mut slot = store.slot(FOLDER, Box::new(|sha256| format!("ABC_01-{sha256}.zip")), at_most).await?;
    for chunk in chunks {
        slot.write(chunk).await?;
    }
    slot.keep().await
}

async fn small_objects(store: &dyn Blobs) {
    let path = "tenants/ten_0/clientes/IA%C3%91L750210963/tokens/cfdi.sealed";
    assert!(matches!(store.get(path, 10).await, Err(BlobError::NotFound)));
    store.put(path, b"one").await.unwrap();
    store.put(path, b"three").await.unwrap();
    assert_eq!(store.get(path, 5).await.unwrap(), b"three");
    assert!(matches!(store.get(path, 4).await, Err(BlobError::TooLarge(4))));
    store.put("empty", b"").await.unwrap();
    assert_eq!(store.get("empty", 0).await.unwrap(), b"");
    store.delete(path).await.unwrap();
    store.delete(path).await.unwrap();
    assert!(matches!(store.get(path, 10).await, Err(BlobError::NotFound)));
    assert!(matches!(store.open(path).await.err(), Some(BlobError::NotFound)));
    for not_an_object in ["tenants/ten_0", "empty/below"] {
        assert!(matches!(store.get(not_an_object, 10).await, Err(BlobError::NotFound)), "{not_an_object}");
    }
}

async fn streams(store: &dyn Blobs) {
    // Around the size of a buffer, and across several.
    for size in [0, 1, 262_143, 262_144, 262_145, 1_000_000] {
        let bytes: Vec<u8> = (0..size).map(|it: usize| (it * 31 % 251) as u8).collect();
        let kept = keep(store, &bytes.chunks(70_000).collect::<Vec<_>>(), size as u64).await.unwrap();
        assert_eq!(kept.path, format!("{FOLDER}/ABC_01-{}.zip", sha256(&bytes)));
        assert_eq!((&kept.sha256, kept.size), (&sha256(&bytes), size as u64));
        assert_eq!(store.get(&kept.path, size as u64).await.unwrap(), bytes);
        assert_eq!(keep(store, &[&bytes], u64::MAX).await.unwrap(), kept, "the same bytes keep the same name");
    }
}

async fn seeks(store: &dyn Blobs) {
    store.put("seek", b"0123456789").await.unwrap();
    let mut object = store.open("seek").await.unwrap();
    let read = tokio::task::spawn_blocking(move || {
        let mut read = String::new();
        object.seek(SeekFrom::End(-3)).unwrap();
        object.read_to_string(&mut read).unwrap();
        object.seek(SeekFrom::Start(1)).unwrap();
        object.take(2).read_to_string(&mut read).unwrap();
        read
    });
    assert_eq!(read.await.unwrap(), "78912");
    store.put("nothing", b"").await.unwrap();
    let mut object = store.open("nothing").await.unwrap();
    let read = tokio::task::spawn_blocking(move || (object.seek(SeekFrom::End(0)).unwrap(), object.read(&mut [0; 1]).unwrap()));
    assert_eq!(read.await.unwrap(), (0, 0));
}

async fn bounds_and_drops(store: &dyn Blobs) {
    let before = store.list("").await.unwrap();
    assert!(matches!(keep(store, &[b"1234", b"5"], 4).await, Err(BlobError::TooLarge(4))));
    let mut slot = store.slot(FOLDER, Box::new(|_| "over".into()), 4).await.unwrap();
    assert!(slot.write(b"12345").await.is_err());
    assert!(slot.write(b"1").await.is_err() && slot.keep().await.is_err(), "a part is never kept as the whole");
    let mut slot = store.slot(FOLDER, Box::new(|_| "dropped".into()), 1_000_000).await.unwrap();
    slot.write(&[7; 600_000]).await.unwrap();
    drop(slot);
    for name in ["", "..", ".hidden", "a/b", "/a"] {
        let slot = store.slot(FOLDER, Box::new(move |_| name.into()), 10).await.unwrap();
        assert!(matches!(slot.keep().await, Err(BlobError::Path(_))), "{name}");
    }
    assert_eq!(store.list("").await.unwrap(), before);
}

async fn lists(store: &dyn Blobs) {
    for path in ["l/b/2", "l/b/10", "l/a", "l/b-c", "lx"] {
        store.put(path, b"x").await.unwrap();
    }
    let cases: [(&str, &[&str]); 6] = [
        ("l/", &["l/a", "l/b-c", "l/b/10", "l/b/2"]),
        ("l", &["l/a", "l/b-c", "l/b/10", "l/b/2", "lx"]),
        ("l/b", &["l/b-c", "l/b/10", "l/b/2"]),
        ("l/b/", &["l/b/10", "l/b/2"]),
        ("l/a/", &[]),
        ("nothing/here/", &[]),
    ];
    for (prefix, expected) in cases {
        assert_eq!(store.list(prefix).await.unwrap(), expected, "{prefix}");
    }
}

async fn paths(store: &dyn Blobs) {
    let long = "x".repeat(256);
    let deep = "x/".repeat(600) + "x";
    let refused =
        ["", "/", "/etc/passwd", "a//b", "a/", "..", "../a", "a/../b", "a/./b", ".tmp/x", "a\\b", "a b", "ñ", "a\0b", &long, &deep];
    for path in refused {
        assert!(matches!(store.put(path, b"").await, Err(BlobError::Path(_))), "put {path}");
        assert!(matches!(store.get(path, 1).await, Err(BlobError::Path(_))), "get {path}");
        assert!(matches!(store.open(path).await.err(), Some(BlobError::Path(_))), "open {path}");
        assert!(matches!(store.delete(path).await, Err(BlobError::Path(_))), "delete {path}");
        assert!(matches!(store.slot(path, Box::new(|_| "n".into()), 1).await.err(), Some(BlobError::Path(_))), "slot {path}");
    }
    for prefix in ["/", "../", "a/../", "a//", ".tmp", ".tmp/", "a/.."] {
        assert!(matches!(store.list(prefix).await, Err(BlobError::Path(_))), "list {prefix}");
    }
}

async fn many_at_once(store: &dyn Blobs) {
    let (a, b, c) = tokio::join!(keep(store, &[b"same"], 9), keep(store, &[b"same"], 9), keep(store, &[b"other"], 9));
    assert_eq!(a.unwrap(), b.unwrap());
    assert_eq!(c.unwrap().sha256, sha256(b"other"));
}

async fn contract(name: &str, store: &dyn Blobs) {
    small_objects(store).await;
    streams(store).await;
    seeks(store).await;
    bounds_and_drops(store).await;
    lists(store).await;
    paths(store).await;
    many_at_once(store).await;
    covers!(format!("blobs: the contract of object stores, {name}"));
}

#[tokio::test]
async fn memory_keeps_the_contract() {
    contract("memory", &Memory::new()).await;
}

#[tokio::test]
async fn folder_keeps_the_contract() {
    let dir = tempfile::tempdir().unwrap();
    contract("folder", &Folder::open(dir.path().join("objects")).unwrap()).await;
    let left = std::fs::read_dir(dir.path().join("objects/.tmp")).unwrap().count();
    assert_eq!(left, 0, "nothing on its way is left");
}

#[tokio::test]
async fn a_bucket_keeps_the_contract() {
    contract("S3", &support::bucket("contract")).await;
}
