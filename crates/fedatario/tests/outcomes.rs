//! What the import makes of files that are odd, broken or meant to harm: one table, through the same
//! door as any package.

mod support;

use fedatario_testkit::{covers, fixtures, fixtures_or_skip};
use serde_json::Value;
use std::io::{Cursor, Write};
use std::path::Path;
use std::process::Command;
use support::{Ended, Shell, examples};
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

const RFC: &str = "EKU9003173C9";
const MATRIX: &str = "import x outcome";
/// Entries of an archive of nothing but entries: more than a field of 16 bits counts.
const MANY: usize = 100_000;
/// Times that an archive lists one entry's bytes over and over.
const OVERLAPS: usize = 2_000;
/// Bytes of the document that is listed over and over: together beyond what may come out.
const OVERLAPPED: usize = 60_000;

/// The archive is kept, set aside as a whole.
const KEPT: &str = "kept in quarantine";

/// files, cfdi, metadata, duplicates, quarantined, foreign, ignored.
type Tally = [u64; 7];

fn zipped(entries: &[(&str, &[u8])]) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in entries {
        zip.start_file(*name, SimpleFileOptions::default()).unwrap();
        zip.write_all(bytes).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

fn import(base: &Path, name: &str, package: &[u8]) -> Ended {
    let path = base.join(format!("{}.zip", name.replace(['/', ' '], "-")));
    std::fs::write(&path, package).unwrap();
    let shell = Shell::new(base.join(format!("house-{}", name.replace(['/', ' '], "-"))));
    shell.run(&["sat", "import", "--rfc", RFC, "--json", path.to_str().unwrap()])
}

fn tally(of: &Value) -> Tally {
    ["files", "cfdi", "metadata", "duplicates", "quarantined", "foreign", "ignored"].map(|it| of[it].as_u64().unwrap())
}

/// What a query of the tables says, by a reader that is not ours.
fn asked(base: &Path, name: &str, query: &str) -> String {
    let database = base.join(format!("house-{}", name.replace(['/', ' '], "-"))).join("fedatario.db");
    let script =
        "import sys, sqlite3\nfor row in sqlite3.connect(sys.argv[1]).execute(sys.argv[2]): print('|'.join(str(it) for it in row))";
    let done = Command::new("python3").args(["-c", script, database.to_str().unwrap(), query]).output().expect("python3 is there");
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8(done.stdout).unwrap().trim_end().to_owned()
}

fn example(name: &str) -> Vec<u8> {
    std::fs::read(examples().join(name)).unwrap()
}

#[test]
fn published_documents_and_metadata_come_to_what_was_settled() {
    let root = fixtures_or_skip!();
    let base = tempfile::tempdir().unwrap();
    // File, tally, and the warnings or problems that are kept with it.
    let cases: &[(&str, Tally, &str)] = &[
        (
            "cfdi/oddities/cfdiutils_v32-dirty.xml",
            [1, 0, 0, 0, 0, 1, 0],
            "unstamped,party_missing,date_unreadable,total_unreadable,unknown_version",
        ),
        ("cfdi/oddities/cfdiutils_xml-with-namespace-definitions-at-child-level.xml", [1, 0, 0, 0, 0, 0, 1], ""),
        ("cfdi/oddities/sat-ws_cfdi.xml", [1, 0, 0, 0, 0, 1, 0], ""),
        (
            "cfdi/invalid/cfdiutils_v32-dirty-errors.xml",
            [1, 0, 0, 0, 0, 1, 0],
            "unstamped,schema_location_as_namespace,party_missing,date_unreadable,total_unreadable,unknown_version",
        ),
        ("cfdi/invalid/satcfdi_registro_fiscal.xml", [1, 0, 0, 0, 0, 1, 0], "unstamped,schema_location_as_namespace,rfc_shape"),
        ("metadata/quirks/blank-lines.txt", [1, 0, 2, 0, 0, 0, 0], ""),
        ("metadata/quirks/bom.txt", [1, 0, 2, 0, 0, 0, 0], ""),
        ("metadata/quirks/cancelled.txt", [1, 0, 2, 0, 0, 0, 0], ""),
        ("metadata/quirks/crlf-with-lf-inside-names.txt", [1, 0, 3, 0, 0, 0, 0], ""),
        ("metadata/quirks/extra-columns.txt", [1, 0, 1, 0, 0, 0, 0], ""),
        ("metadata/quirks/header-only.txt", [1, 0, 0, 0, 0, 0, 0], ""),
        ("metadata/quirks/latin1.txt", [1, 0, 1, 0, 0, 0, 0], ""),
        ("metadata/quirks/lf-only.txt", [1, 0, 2, 0, 0, 0, 0], ""),
        ("metadata/quirks/missing-last-column.txt", [1, 0, 1, 0, 0, 0, 0], ""),
        ("metadata/quirks/mixed-case-duplicate.txt", [1, 0, 1, 1, 0, 0, 0], ""),
        ("metadata/quirks/no-final-eol.txt", [1, 0, 2, 0, 0, 0, 0], ""),
        ("metadata/quirks/not-metadata.txt", [1, 0, 0, 0, 0, 0, 1], ""),
        ("metadata/quirks/quirks_tercero.txt", [1, 0, 0, 0, 0, 0, 0], ""),
        ("metadata/quirks/quotes.txt", [1, 0, 2, 0, 0, 0, 0], ""),
        ("metadata/quirks/reordered-columns.txt", [1, 0, 1, 0, 0, 0, 0], ""),
        ("metadata/quirks/tilde-in-name.txt", [1, 0, 2, 0, 0, 0, 0], ""),
    ];
    for (file, expected, kept) in cases {
        let bytes = fixtures::read(&root, &format!("mx/{file}"));
        let name = file.rsplit('/').next().unwrap();
        let ended = import(base.path(), name, &zipped(&[(name, &bytes)]));
        let query =
            if name.ends_with(".xml") { "select warnings from documents" } else { "select code from quarantine order by 1" };
        let found = (ended.exit, tally(&ended.json()), asked(base.path(), name, query).replace('\n', ","));
        assert_eq!(found, (i32::from(expected[4] > 0), *expected, (*kept).to_owned()), "{file}: {ended:?}");
        covers!(MATRIX, file, if expected[4] > 0 { "read, and what could not be read set aside" } else { "read" });
    }
    let listed: usize = ["cfdi/oddities", "cfdi/invalid", "metadata/quirks"]
        .iter()
        .map(|it| std::fs::read_dir(root.join("mx").join(it)).unwrap().count())
        .sum();
    assert_eq!(cases.len(), listed - 1); // What is expected of metadata is a file beside them.
}

#[test]
fn hostile_packages_harm_nothing() {
    let base = tempfile::tempdir().unwrap();
    let good = example("emitido-01-colegiatura.xml");
    let text = String::from_utf8(good.clone()).unwrap();
    let inner = zipped(&[("inner.xml", &good)]);
    let deep = format!("{}{}", "<a>".repeat(100_000), "</a>".repeat(100_000));
    let entity = text.replacen("<cfdi:Comprobante", "<!DOCTYPE a [<!ENTITY e \"999\">]><cfdi:Comprobante", 1);
    let bomb = vec![b' '; 8 << 20];
    let other = text.replacen("Total=\"", "Total=\"9", 1);
    let rows: Vec<(&str, Vec<u8>, Result<Tally, &str>)> = vec![
        ("nested archives", zipped(&[("a.zip", &inner), ("b.xml", &inner), ("c.xml", &good)]), Ok([3, 1, 0, 0, 0, 0, 2])),
        (
            "paths that lead outside",
            zipped(&[("../../escaped.xml", &good), ("/escaped.xml", b"<a/>"), ("C:\\escaped.xml", b"<a/>")]),
            Ok([3, 1, 0, 0, 0, 0, 2]),
        ),
        ("links", linked(&good), Ok([3, 1, 0, 0, 0, 0, 2])),
        ("a document type with an entity", zipped(&[("a.xml", entity.as_bytes()), ("b.xml", &good)]), Ok([2, 1, 0, 0, 1, 0, 0])),
        ("100,000 deep", zipped(&[("a.xml", deep.as_bytes()), ("b.xml", &good)]), Ok([2, 1, 0, 0, 1, 0, 0])),
        ("an entry that explodes", zipped(&[("a.xml", &bomb), ("b.xml", &good)]), Ok([2, 1, 0, 0, 1, 0, 0])),
        ("one folio for two documents", zipped(&[("a.xml", &good), ("b.xml", other.as_bytes())]), Ok([2, 1, 0, 1, 0, 0, 0])),
        ("one name for two documents", twice(&good, &example("emitido-02-taller-credito.xml")), Ok([2, 2, 0, 0, 0, 0, 0])),
        ("sizes that lie", lying(&good), Ok([1, 0, 0, 0, 1, 0, 0])),
        ("one entry's bytes listed over and over", overlapping(&text), Err(KEPT)),
        ("100,000 entries", many(), Ok([MANY as u64, 0, 0, 0, 0, 0, MANY as u64])),
        ("a directory cut off", inner[..inner.len() - 30].to_vec(), Err(KEPT)),
        ("no bytes", Vec::new(), Err("archive_empty")),
        ("an HTML page", b"<html>503</html>".to_vec(), Err("archive_format")),
        ("a directory that points beyond the end", beyond(&inner), Err(KEPT)),
    ];
    for (name, package, expected) in rows {
        let ended = import(base.path(), name, &package);
        match expected {
            Ok(expected) => {
                assert_eq!((ended.exit, tally(&ended.json())), (i32::from(expected[4] > 0), expected), "{name}: {ended:?}")
            }
            Err(KEPT) => assert_eq!((ended.exit, tally(&ended.json())[4]), (1, 1), "{name}: {ended:?}"),
            Err(code) => {
                let told = ended.json();
                assert_eq!((ended.exit, told["error"]["code"].as_str()), (2, Some(code)), "{name}: {ended:?}");
            }
        }
        assert!(!base.path().join("escaped.xml").exists() && !Path::new("/escaped.xml").exists());
        covers!(
            MATRIX,
            name,
            expected.map_or_else(|it| format!("refused: {it}"), |_| "read, and what could not be read set aside".to_owned())
        );
    }
    let kept = asked(base.path(), "one folio for two documents", "select count(*), min(total) from documents");
    assert_eq!(kept.split('|').next(), Some("1"), "{kept}");
    assert!(
        text.contains(&format!("Total=\"{}\"", kept.split('|').nth(1).unwrap())),
        "the second took the place of the first: {kept}"
    );
}

/// A link to a file, one to a folder, and a document.
fn linked(good: &[u8]) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    zip.add_symlink("passwd.xml", "/etc/passwd", SimpleFileOptions::default()).unwrap();
    zip.add_symlink("up", "../..", SimpleFileOptions::default()).unwrap();
    zip.start_file("up/good.xml", SimpleFileOptions::default()).unwrap();
    zip.write_all(good).unwrap();
    zip.finish().unwrap().into_inner()
}

fn twice(one: &[u8], other: &[u8]) -> Vec<u8> {
    let bytes = zipped(&[("a.xml", one), ("b.xml", other)]);
    replaced(&bytes, b"b.xml", b"a.xml")
}

fn replaced(bytes: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    assert_eq!(from.len(), to.len());
    let mut out = bytes.to_vec();
    for at in 0..=bytes.len() - from.len() {
        if &bytes[at..at + from.len()] == from {
            out[at..at + from.len()].copy_from_slice(to);
        }
    }
    out
}

/// Where the directory begins, and its end record.
fn directory(bytes: &[u8]) -> (usize, usize) {
    let end = bytes.windows(4).rposition(|it| it == b"PK\x05\x06").expect("an end");
    (u32::from_le_bytes(bytes[end + 16..end + 20].try_into().unwrap()) as usize, end)
}

/// The directory says that a document is eight bytes long.
fn lying(good: &[u8]) -> Vec<u8> {
    let mut bytes = zipped(&[("a.xml", good)]);
    let (start, _) = directory(&bytes);
    bytes[start + 20..start + 24].copy_from_slice(&8u32.to_le_bytes());
    bytes[start + 24..start + 28].copy_from_slice(&8u32.to_le_bytes());
    bytes
}

/// One entry, and a directory that lists it two thousand times.
fn overlapping(text: &str) -> Vec<u8> {
    let wide = text.replacen(" Version=", &format!(" relleno=\"{}\" Version=", "x y z ".repeat(OVERLAPPED / 6)), 1);
    let bytes = zipped(&[("a.xml", wide.as_bytes())]);
    let (start, end) = directory(&bytes);
    let mut out = bytes[..start].to_vec();
    for _ in 0..OVERLAPS {
        out.extend_from_slice(&bytes[start..end]);
    }
    let mut tail = bytes[end..].to_vec();
    tail[8..10].copy_from_slice(&(OVERLAPS as u16).to_le_bytes());
    tail[10..12].copy_from_slice(&(OVERLAPS as u16).to_le_bytes());
    tail[12..16].copy_from_slice(&((OVERLAPS * (end - start)) as u32).to_le_bytes());
    out.extend(tail);
    out
}

fn beyond(archive: &[u8]) -> Vec<u8> {
    let mut bytes = archive.to_vec();
    let (_, end) = directory(&bytes);
    bytes[end + 16..end + 20].copy_from_slice(&0x7FFF_FFFFu32.to_le_bytes());
    bytes
}

fn many() -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for it in 0..MANY {
        zip.start_file(format!("{it}.bin"), SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored))
            .unwrap();
        zip.write_all(b"x").unwrap();
    }
    zip.finish().unwrap().into_inner()
}
