//! Packages that are not what they should be.

use crate::stage::{RFC, Stage};
use crate::support::{self, Ended, Shell};
use fedatario_testkit::{covers, fixtures_or_skip};
use serde_json::{Value, json};
use std::io::Write as _;
use std::path::{Path, PathBuf};

/// A copy of the authored documents with one that breaks off after its stamp.
fn with_one_broken(dir: &Path) -> PathBuf {
    let folder = dir.join("cfdi");
    std::fs::create_dir_all(&folder).unwrap();
    for entry in std::fs::read_dir(support::examples()).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), folder.join(entry.file_name())).unwrap();
    }
    let broken = folder.join("emitido-01-colegiatura.xml");
    let text = std::fs::read_to_string(&broken).unwrap();
    let stamp = text.find("TimbreFiscalDigital").expect("a stamp");
    let end = text[stamp..].find('>').expect("its end") + stamp + 1;
    std::fs::write(&broken, &text[..end]).unwrap();
    folder
}

#[test]
fn one_bad_document_is_quarantined_and_the_rest_goes_on() {
    let base = tempfile::tempdir().unwrap();
    let folder = with_one_broken(base.path());
    let stage = Stage::with(2025, &["--cfdi", folder.to_str().unwrap()]);
    let whole = Stage::with(2025, &["--cfdi", support::examples().to_str().unwrap()]).year().good();
    let ended = stage.year();
    let summary = ended.json();
    assert_eq!(ended.exit, 1, "its document is missing, and that is said: {ended:?}");
    let count = |of: &Value, name: &str| of[name].as_u64().unwrap();
    assert_eq!(count(&summary, "cfdi") + 1, count(&whole, "cfdi"), "{summary}");
    assert_eq!((&summary["metadata"], &summary["missing"], &summary["quarantined"]), (&whole["metadata"], &json!(1), &json!(1)));
    assert_eq!(summary["open"], 0);
    stage.assert_fair();
    covers!("import: one bad file is quarantined with its reason and does not stop the rest");
}

/// Writes an archive.
fn archive(path: &Path, entries: &[(&str, &[u8])]) {
    let mut zip = zip::ZipWriter::new(std::fs::File::create(path).unwrap());
    for (name, bytes) in entries {
        zip.start_file(*name, zip::write::SimpleFileOptions::default()).unwrap();
        zip.write_all(bytes).unwrap();
    }
    zip.finish().unwrap();
}

fn import(shell: &Shell, path: &Path) -> Ended {
    shell.run(&["sat", "import", "--rfc", RFC, "--json", path.to_str().unwrap()])
}

fn tally(of: &Value) -> [u64; 7] {
    ["files", "cfdi", "metadata", "duplicates", "quarantined", "foreign", "ignored"].map(|it| of[it].as_u64().unwrap())
}

#[test]
fn packages_by_hand_tell_what_was_in_them() {
    let base = tempfile::tempdir().unwrap();
    let shell = Shell::new(base.path().join("house"));
    let read = |name: &str| std::fs::read(support::examples().join(name)).unwrap();
    let (one, two) = (read("emitido-01-colegiatura.xml"), read("emitido-02-taller-credito.xml"));
    let foreign = String::from_utf8(one.clone()).unwrap().replace(RFC, "XIA190128J61").replacen("UUID=\"", "UUID=\"a", 1);
    let foreign = shift_uuid(&foreign);
    let bomb = format!("<!DOCTYPE a [<!ENTITY b \"c\">]><a>{}</a>", "&b;".repeat(10));
    type Case<'a> = (&'a str, Vec<(&'a str, &'a [u8])>, i32, [u64; 7]);
    let cases: Vec<Case<'_>> = vec![
        ("two", vec![("a.xml", &one), ("b.xml", &two)], 0, [2, 2, 0, 0, 0, 0, 0]),
        ("again", vec![("c.xml", &one), ("a.xml", &one)], 0, [2, 0, 0, 2, 0, 0, 0]),
        ("broken", vec![("a.xml", &one[..one.len() / 2]), ("d.txt", b"nothing")], 1, [2, 0, 0, 0, 1, 0, 1]),
        ("noise", vec![("thumbs.db", b"x"), ("other.xml", b"<a/>"), ("bomb.xml", bomb.as_bytes())], 1, [3, 0, 0, 0, 1, 0, 2]),
        ("foreign", vec![("f.xml", foreign.as_bytes())], 0, [1, 0, 0, 0, 0, 1, 0]),
    ];
    for (name, entries, exit, expected) in cases {
        let path = base.path().join(format!("{name}.zip"));
        archive(&path, &entries);
        let ended = import(&shell, &path);
        assert_eq!((ended.exit, tally(&ended.json())), (exit, expected), "{name} {ended:?}");
    }
    let path = base.path().join("cut.zip");
    archive(&path, &[("a.xml", &one)]);
    let bytes = std::fs::read(&path).unwrap();
    std::fs::write(&path, &bytes[..bytes.len() - 30]).unwrap();
    let ended = import(&shell, &path);
    assert_eq!((ended.exit, tally(&ended.json())[4]), (1, 1), "{ended:?}");
    covers!(
        "import: packages by hand: duplicates, foreign, quarantined and ignored are each counted; a truncated one is kept and set aside"
    );
}

/// Another document's UUID in the same text.
fn shift_uuid(text: &str) -> String {
    let at = text.find("UUID=\"").expect("a UUID") + "UUID=\"".len();
    let mut bytes = text.as_bytes().to_vec();
    bytes.remove(at); // The letter that marked the place.
    bytes[at] = if bytes[at] == b'0' { b'1' } else { b'0' };
    String::from_utf8(bytes).expect("still text")
}

#[test]
fn published_odd_packages_come_to_what_was_settled() {
    let root = fixtures_or_skip!().join("mx/packages/quirks");
    let base = tempfile::tempdir().unwrap();
    // files, cfdi + foreign, metadata, quarantined, ignored at least; and the exit.
    let cases: &[(&str, u64, u64, u64, i32)] = &[
        ("noisy-metadata.zip", 0, 3, 0, 0),
        ("noisy-cfdi.zip", 2, 0, 1, 1),
        ("zip-slip.zip", 3, 0, 0, 0),
        ("zero-entries.zip", 0, 0, 0, 0),
    ];
    for (name, documents, metadata, quarantined, exit) in cases {
        let shell = Shell::new(base.path().join(name));
        let ended = import(&shell, &root.join(name));
        let [_, cfdi, lines, _, aside, foreign, _] = tally(&ended.json());
        assert_eq!((ended.exit, cfdi + foreign, lines, aside), (*exit, *documents, *metadata, *quarantined), "{name} {ended:?}");
        assert!(!base.path().join("escaped").exists());
    }
    // What began as an archive is kept and set aside; what never was one is refused.
    for (name, exit) in [("truncated.zip", 1), ("empty-file.zip", 2)] {
        let ended = import(&Shell::new(base.path().join(name)), &root.join(name));
        assert_eq!(ended.exit, exit, "{name} {ended:?}");
    }
    let ended = import(&Shell::new(base.path().join("ratio")), &root.join("high-ratio.zip"));
    assert_eq!((ended.exit, tally(&ended.json())[4]), (1, 1), "{ended:?}");
    covers!("import: the published odd packages come to what was settled");
}
