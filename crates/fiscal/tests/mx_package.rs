//! Packages as SAT makes them, as the field has seen them, and as nobody should send them.

use fedatario_base::Code;
use fedatario_fiscal::mx::cfdi::{CfdiError, read_cfdi};
use fedatario_fiscal::mx::metadata::{MetadataReader, RowProblem, ThirdPartyReader};
use fedatario_fiscal::mx::package::*;
use fedatario_testkit::{covers, fixtures, fixtures_or_skip};
use serde_json::Value;
use std::collections::BTreeSet;
use std::io::{Cursor, Read, Write};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

/// What an import would find.
#[derive(Debug, Default, PartialEq, Eq, Clone)]
struct Found {
    cfdi: Vec<String>,
    rows: usize,
    third: usize,
    ignored: Vec<&'static str>,
    quarantined: Vec<(String, Code)>,
}

fn open(bytes: &[u8]) -> Result<Found, Code> {
    let mut package = Package::open(Cursor::new(bytes)).map_err(|it| it.code())?;
    let mut entries = package.entries().map_err(|it| it.code())?;
    let mut found = Found::default();
    while let Some(entry) = entries.next_entry().map_err(|it| it.code())? {
        let name = entry.name().to_owned();
        if let Err(code) = take(entry, &mut found) {
            found.quarantined.push((name, code));
        }
    }
    Ok(found)
}

fn take<R: Read>(entry: Entry<'_, R>, found: &mut Found) -> Result<(), Code> {
    match entry {
        Entry::Xml(mut reader) => match read_cfdi(&reader.read_all().map_err(|it| it.code())?) {
            Ok(it) => found.cfdi.push(it.uuid.map(|it| it.upper()).unwrap_or_default()),
            Err(CfdiError::NotCfdi { .. }) => found.ignored.push("not_cfdi"),
            Err(error) => return Err(error.code()),
        },
        Entry::Metadata(reader) => {
            let rows: Result<Vec<_>, RowProblem> = MetadataReader::new(reader).map_err(|it| it.code())?.collect();
            found.rows += rows.map_err(|it| it.code())?.len();
        }
        Entry::ThirdParty(reader) => {
            found.third += ThirdPartyReader::new(reader).map_err(|it| it.code())?.filter(Result::is_ok).count()
        }
        Entry::Ignored { reason, .. } => found.ignored.push(reason.slug()),
        Entry::Refused { error, .. } => return Err(error.code()),
    }
    Ok(())
}

fn cfdi(folios: &[&str]) -> Vec<String> {
    folios.iter().map(|it| (*it).to_owned()).collect()
}

#[test]
fn the_published_quirks_have_their_outcome() {
    let root = fixtures_or_skip!();
    const E01: &str = "26DA5355-E4BD-57D7-8E8E-B567754A287F";
    const E02: &str = "525C2813-7307-5897-860F-951A02A8E94F";
    const E03: &str = "1D628EA9-EA92-5012-9C91-15F481DBC33A";
    let name = |it: &str| it.to_owned();
    let noisy = Found {
        cfdi: cfdi(&[E01, E02]),
        ignored: vec!["macos", "not_cfdi", "not_a_document"],
        quarantined: vec![(name("roto.xml"), Code::XmlMalformed)],
        ..Found::default()
    };
    let ratio =
        Found { quarantined: vec![(name("11111111-1111-4111-8111-111111111111.xml"), Code::ArchiveRatio)], ..Found::default() };
    let cases = [
        ("noisy-cfdi.zip", "imported", Ok(noisy)),
        (
            "noisy-metadata.zip",
            "imported",
            Ok(Found { rows: 3, ignored: vec!["macos", "not_a_document", "empty"], ..Found::default() }),
        ),
        ("zip-slip.zip", "imported", Ok(Found { cfdi: cfdi(&[E01, E02, E03]), ..Found::default() })),
        ("zero-entries.zip", "imported", Ok(Found::default())),
        ("high-ratio.zip", "refused", Ok(ratio)),
        ("truncated.zip", "quarantined", Err(Code::ArchiveFormat)),
        ("empty-file.zip", "refused", Err(Code::ArchiveEmpty)),
    ];
    for (file, outcome, expected) in &cases {
        assert_eq!(open(&fixtures::read(&root, &format!("mx/packages/quirks/{file}"))), *expected, "{file}");
        covers!("fixture x outcome", format!("packages/{file}"), outcome);
    }
    assert_eq!(std::fs::read_dir(root.join("mx/packages/quirks")).unwrap().count(), cases.len() + 1);
}

#[test]
fn published_packages_hold_what_their_manifest_says() {
    let root = fixtures_or_skip!();
    let manifest: Vec<Value> = serde_json::from_slice(&fixtures::read(&root, "mx/packages/sim/manifest.json")).unwrap();
    for it in &manifest {
        let file = it["file"].as_str().unwrap();
        let found = open(&fixtures::read(&root, &format!("mx/{file}"))).unwrap();
        let folios: BTreeSet<&str> = it["uuids"].as_array().unwrap().iter().map(|it| it.as_str().unwrap()).collect();
        match it["tipo_solicitud"].as_str().unwrap() {
            "Metadata" => assert_eq!((found.rows, found.cfdi.len()), (folios.len(), 0), "{file}"),
            _ => assert_eq!(found.cfdi.iter().map(String::as_str).collect::<BTreeSet<_>>(), folios, "{file}"),
        }
        assert!(found.quarantined.is_empty() && found.ignored.is_empty(), "{file}: {found:?}");
    }
    let upstream = |file: &str| open(&fixtures::read(&root, &format!("mx/packages/upstream/{file}"))).unwrap();
    assert_eq!(upstream("sat-doc-v15-sample_4e80345d-917f-40bb-a98f-4a73939343c5_01.zip").cfdi.len(), 1);
    let third = upstream("metadata-terceros.zip");
    assert!(third.rows > 0 && third.third > 0, "{third:?}");
    // One file bears SAT's name for metadata and is none: that is said, and the other is read.
    let metadata = upstream("metadata.zip");
    assert_eq!((metadata.rows, metadata.quarantined.len()), (2, 1));
    assert_eq!(upstream("cfdi.zip").cfdi.len(), 2);
    covers!("packages: published ones hold what their manifest says");
}

fn zipped(entries: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in entries {
        writer.start_file(*name, SimpleFileOptions::default()).unwrap();
        writer.write_all(bytes).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

fn document(folio: u8) -> Vec<u8> {
    format!(
        r#"<c:Comprobante xmlns:c="http://www.sat.gob.mx/cfd/4" Version="4.0"><c:Complemento><t:TimbreFiscalDigital xmlns:t="http://www.sat.gob.mx/TimbreFiscalDigital" UUID="00000000-0000-4000-8000-0000000000{folio:02X}"/></c:Complemento></c:Comprobante>"#
    )
    .into_bytes()
}

#[test]
fn entries_are_told_apart_by_what_they_are() {
    const HEADER: &[u8] = b"Uuid~RfcEmisor~NombreEmisor~RfcReceptor~NombreReceptor~RfcPac~FechaEmision~FechaCertificacionSat~Monto~EfectoComprobante~Estatus~FechaCancelacion\r\n";
    let inner = zipped(&[("a.xml", &document(9))]);
    let third = b"Uuid~RfcACuentaTerceros~NombreACuentaTerceros\r\n00000000-0000-4000-8000-000000000001~CACX7605101P8~X\r\n";
    let mut writer = ZipWriter::new(Cursor::new(zipped(&[])));
    writer.add_directory("carpeta", SimpleFileOptions::default()).unwrap();
    writer.add_symlink("liga.xml", "/etc/passwd", SimpleFileOptions::default()).unwrap();
    let entries: &[(&str, &[u8])] = &[
        ("a.xml", &document(1)),
        ("../B.XML", &document(2)),
        ("c.xml.xml", &document(3)),
        ("sin-extension", &document(4)),
        ("._d.xml", b"\0\x05\x16\x07"),
        ("__macosx/e.xml", &document(5)),
        ("vacio.xml", b""),
        ("otro.zip", &inner),
        ("disfraz.xml", &inner),
        ("nota.txt", HEADER),
        ("8B15CB57-85A4-4EF3-8797-805DE260C6BB_01.txt", b"Error interno\r\n"),
        ("8B15CB57-85A4-4EF3-8797-805DE260C6BB_tercero.txt", third),
    ];
    for (name, bytes) in entries {
        writer.start_file(*name, SimpleFileOptions::default()).unwrap();
        writer.write_all(bytes).unwrap();
    }
    let found = open(&writer.finish().unwrap().into_inner()).unwrap();
    let folio = |it: u8| format!("00000000-0000-4000-8000-0000000000{it:02X}");
    assert_eq!(found.cfdi, [folio(1), folio(2), folio(3)]);
    let ignored = ["directory", "symlink", "not_a_document", "macos", "macos", "empty", "nested_archive", "nested_archive"];
    assert_eq!((found.ignored.as_slice(), found.third), (ignored.as_slice(), 1));
    assert_eq!(found.quarantined, [("8B15CB57-85A4-4EF3-8797-805DE260C6BB_01.txt".to_owned(), Code::MetadataFormat)]);
    covers!("packages: documents, metadata and noise are told apart; links and nested archives are not followed");
}

#[test]
fn two_documents_under_one_name_are_two_documents() {
    let bytes = zipped(&[("aa.xml", &document(1)), ("bb.xml", &document(2))]);
    let same = replace(&bytes, b"bb.xml", b"aa.xml");
    assert_eq!(open(&same).unwrap().cfdi.len(), 2);
    covers!("packages: equal names hide nothing");
}

fn replace(bytes: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for at in 0..=bytes.len() - from.len() {
        if &bytes[at..at + from.len()] == from {
            bytes[at..at + to.len()].copy_from_slice(to);
        }
    }
    bytes
}

#[test]
fn a_damaged_entry_does_not_stop_the_rest() {
    let bytes = zipped(&[("a.xml", &document(1)), ("b.xml", &document(2)), ("c.xml", &document(3))]);
    // The name of the second local header marks where its data begin.
    let at = bytes.windows(5).position(|it| it == b"b.xml").unwrap() + 5;
    let mut damaged = bytes.clone();
    damaged[at + 20..at + 30].fill(0xAA);
    let found = open(&damaged).unwrap();
    assert_eq!((found.cfdi.len(), found.quarantined.len()), (2, 1));
    assert_eq!(found.quarantined[0], ("b.xml".to_owned(), Code::ArchiveFormat));
    // An entry that says it is encrypted, in both of its headers.
    let mut sealed = bytes.clone();
    for (signature, flags) in [(b"PK\x03\x04", 6), (b"PK\x01\x02", 8)] {
        let at = bytes.windows(4).enumerate().filter(|(_, it)| it == signature).nth(1).unwrap().0;
        sealed[at + flags] |= 1;
    }
    let found = open(&sealed).unwrap();
    assert_eq!((found.cfdi.len(), found.quarantined.len()), (2, 1));
    covers!("packages: a damaged or encrypted entry is quarantined alone");
}

#[test]
fn sizes_are_counted_and_never_believed() {
    let stored = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    writer.start_file("grande.xml", stored).unwrap();
    writer.write_all(&vec![b' '; MAX_XML_BYTES as usize + 1]).unwrap();
    writer.start_file("bien.xml", SimpleFileOptions::default()).unwrap();
    writer.write_all(&document(1)).unwrap();
    let found = open(&writer.finish().unwrap().into_inner()).unwrap();
    assert_eq!((found.cfdi.len(), found.quarantined), (1, vec![("grande.xml".to_owned(), Code::ArchiveTooLarge)]));

    // One entry inflates a thousandfold.
    let bomb = vec![b' '; 8 * RATIO_FREE_BYTES as usize];
    let found = open(&zipped(&[("bomba.xml", &bomb), ("bien.xml", &document(1))])).unwrap();
    assert_eq!((found.cfdi.len(), found.quarantined), (1, vec![("bomba.xml".to_owned(), Code::ArchiveRatio)]));

    // Many entries, each below its bounds: together they are a bomb.
    let small = vec![b' '; RATIO_FREE_BYTES as usize];
    let names: Vec<String> = (0..80).map(|it| format!("{it}.xml")).collect();
    let entries: Vec<(&str, &[u8])> = names.iter().map(|it| (it.as_str(), small.as_slice())).collect();
    assert_eq!(open(&zipped(&entries)), Err(Code::ArchiveRatio));
    covers!("packages: entry size, ratio and total are bounded by what comes out");
}

/// A directory of `count` entries, in the form that archives of more than 65,535 need.
fn directory_of(count: u64) -> Vec<u8> {
    let mut header = [0u8; 46];
    header[..4].copy_from_slice(b"PK\x01\x02");
    let mut bytes = header.repeat(count as usize);
    let size = bytes.len() as u64;
    bytes.extend(b"PK\x06\x06");
    bytes.extend(44u64.to_le_bytes());
    bytes.extend([45, 0, 45, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    for number in [count, count, size, 0] {
        bytes.extend(number.to_le_bytes());
    }
    bytes.extend(b"PK\x06\x07\0\0\0\0");
    bytes.extend(size.to_le_bytes());
    bytes.extend(1u32.to_le_bytes());
    bytes.extend(b"PK\x05\x06\0\0\0\0");
    bytes.extend([0xFF; 12]);
    bytes.extend([0, 0]);
    bytes
}

#[test]
fn entries_are_bounded() {
    let opened = |count: u64| Package::open(Cursor::new(directory_of(count))).map(|it| it.len()).map_err(|it| it.code());
    assert_eq!(opened(MAX_ENTRIES as u64), Ok(MAX_ENTRIES));
    assert_eq!(opened(MAX_ENTRIES as u64 + 1), Err(Code::ArchiveEntries));
    covers!("packages: entries are bounded");
}

#[test]
fn garbage_is_refused_with_its_code() {
    let whole = zipped(&[("a.xml", &document(1))]);
    let cases: [(&[u8], Code); 5] = [
        (b"", Code::ArchiveEmpty),
        (b"<html>503 Service Unavailable</html>", Code::ArchiveFormat),
        (b"PK\x03\x04", Code::ArchiveFormat),
        (&whole[..whole.len() - 1], Code::ArchiveFormat),
        (&whole[..whole.len() / 2], Code::ArchiveFormat),
    ];
    for (bytes, expected) in cases {
        assert_eq!(open(bytes), Err(expected), "{:.40}", String::from_utf8_lossy(bytes));
    }
    covers!("packages: zero bytes, garbage and truncation are coded errors");
}
