//! What a stranger makes of good input: the bodies of the fuzz targets over seeded mutations of
//! documents, metadata, packages, reports and the small texts in them. None panics, every promise holds.

use fedatario_fiscal::fuzz;
use fedatario_fiscal::mx::cfdi::read_cfdi;
use fedatario_fiscal::mx::metadata::MetadataReader;
use fedatario_fiscal::mx::package::Package;
use fedatario_testkit::storm::{self, Storm};
use fedatario_testkit::{covers, fixtures};
use std::io::{Cursor, Write};
use std::path::Path;

/// Mutations of each authored sample: enough to reach every refusal, few enough for every run.
const ROUNDS: usize = 200;
/// Mutations of each published one: there are many, and they are large.
const PUBLISHED: usize = 25;
/// Mutations of a small text.
const TEXTS: usize = 1_500;

fn authored() -> Vec<Vec<u8>> {
    storm::files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/cfdi"), ".xml")
}

fn published(folder: &str, ending: &str) -> Vec<Vec<u8>> {
    fixtures::maybe().map(|it| storm::files(&it.join(folder), ending)).unwrap_or_default()
}

/// Runs a body over what is authored, and over what is published if that is there.
fn over(name: &str, authored: &[Vec<u8>], published: &[Vec<u8>], body: impl Fn(&[u8])) {
    assert!(storm::over(name, authored, ROUNDS, &body) > ROUNDS);
    if !published.is_empty() {
        storm::over(name, published, PUBLISHED, &body);
    }
}

/// Of mutations some are still read and some are not: else the storm proves nothing.
fn is_mixed(sample: &[u8], reads: impl Fn(&[u8]) -> bool) {
    let mut storm = Storm::new(7);
    let read = (0..ROUNDS).filter(|_| reads(&storm.mutated(sample))).count();
    assert!(read > 5 && read < ROUNDS - 5, "{read} of {ROUNDS} were read");
}

#[test]
fn documents_survive_the_storm() {
    let samples = authored();
    assert!(samples.len() > 10 && samples.iter().all(|it| read_cfdi(it).is_ok()));
    is_mixed(&samples[0], |it| read_cfdi(it).is_ok());
    let few: Vec<Vec<u8>> = samples.iter().step_by(3).cloned().collect();
    over("cfdi", &few, &published("mx/cfdi", ".xml"), fuzz::cfdi);
    over("tree", &few, &[], fuzz::tree);
    covers!("hostile CFDI: seeded mutations are read or refused with a code");
}

fn metadata() -> Vec<Vec<u8>> {
    let row = "26DA5355-E4BD-57D7-8E8E-B567754A287F~EKU9003173C9~A\nB~H&E951128469~C~D~SPR190613I52~2026-09-01 09:15:02~2026-09-01 09:15:33~1160.00~I~1~\r\n";
    let header = "Uuid~RfcEmisor~NombreEmisor~RfcReceptor~NombreReceptor~RfcPac~FechaEmision~FechaCertificacionSat~Monto~EfectoComprobante~Estatus~FechaCancelacion\r\n";
    let third = "Uuid~RfcACuentaTerceros~NombreACuentaTerceros\r\n";
    let account = "26DA5355-E4BD-57D7-8E8E-B567754A287F~X~Y\r\n";
    vec![format!("{header}{}", row.repeat(4)).into_bytes(), format!("{third}{}", account.repeat(4)).into_bytes()]
}

#[test]
fn metadata_survive_the_storm() {
    let samples = metadata();
    is_mixed(&samples[0], |it| MetadataReader::new(it).is_ok_and(|it| it.filter(Result::is_ok).count() == 4));
    over("metadata", &samples, &published("mx/metadata", ".txt"), fuzz::metadata);
    covers!("hostile metadata: seeded mutations are read or refused with a code");
}

#[test]
fn packages_survive_the_storm() {
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (place, sample) in authored().iter().take(3).chain(&metadata()).enumerate() {
        let name = if place < 3 { format!("{place}.xml") } else { format!("{place}.txt") };
        writer.start_file(name, zip::write::SimpleFileOptions::default()).unwrap();
        writer.write_all(&sample[..sample.len().min(600)]).unwrap();
    }
    let sample = writer.finish().unwrap().into_inner();
    is_mixed(&sample, |it| Package::open(Cursor::new(it)).is_ok());
    over("package", &[sample], &published("mx/packages/quirks", ".zip"), fuzz::package);
    covers!("hostile packages: seeded mutations are read or refused with a code");
}

#[test]
fn reports_survive_the_storm() {
    let report = fedatario_fiscal::mx::completeness::Builder::new(
        "EKU9003173C9".parse().unwrap(),
        2025,
        "2026-01-15T06:00:00Z".parse().unwrap(),
    )
    .finish();
    over("report", &[report.canonical()], &[], fuzz::report);
    covers!("hostile reports: what is read back is what would be written");
}

#[test]
fn small_texts_survive_the_storm() {
    let texts = |all: &[&str]| all.iter().map(|it| it.as_bytes().to_vec()).collect::<Vec<_>>();
    let latin = b"<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?><a b='\xD1'/>".to_vec();
    let utf16: Vec<u8> = std::iter::once(0xFEFF).chain("<a>Ñ</a>".encode_utf16()).flat_map(u16::to_le_bytes).collect();
    let documents = [texts(&["<a/>", "\u{feff}<a/>", "x <a/>"]), vec![latin, utf16]].concat();
    type Body = (&'static str, Vec<Vec<u8>>, fn(&[u8]));
    let rows: [Body; 4] = [
        ("rfc", texts(&["EKU9003173C9", "H&E951128469", "IAÑL750210963", " xaxx010101000 "]), fuzz::rfc),
        ("uuid", texts(&["26DA5355-E4BD-57D7-8E8E-B567754A287F", "26da5355-e4bd-57d7-8e8e-b567754a287f"]), fuzz::uuid),
        ("civil_time", texts(&["2026-09-01T09:15:02", "2015-02-24 11:02:49.123-06:00", "9999-12-31T23:59:59"]), fuzz::civil_time),
        ("text", documents, fuzz::text),
    ];
    for (name, samples, body) in rows {
        assert!(storm::over(name, &samples, TEXTS, body) > TEXTS);
    }
    covers!("hostile texts: RFC, folios, times and encodings read the same again, or not at all");
}
