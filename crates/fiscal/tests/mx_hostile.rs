//! What a stranger makes of good input: every mutation is read or refused with a code, none panics.
//!
//! Seeded, so that a failure comes back; the bodies are plain functions that a fuzzer can call too.

use fedatario_base::Code;
use fedatario_fiscal::mx::cfdi::{read_cfdi, xml_to_json};
use fedatario_fiscal::mx::completeness::Report;
use fedatario_fiscal::mx::metadata::{MetadataReader, ThirdPartyReader};
use fedatario_fiscal::mx::package::{Entry, Package};
use fedatario_testkit::covers;
use std::io::{Cursor, Write};
use std::path::Path;

/// Mutations of each sample; enough to reach every refusal, few enough for every run.
const MUTATIONS: u64 = 400;

/// xorshift64*: reproducible and good enough to pick bytes.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound.max(1) as u64) as usize
    }
}

const SPICE: &[&[u8]] = &[
    b"<",
    b">",
    b"\"",
    b"&",
    b"&#x0;",
    b"&lol;",
    b"<!DOCTYPE a [<!ENTITY x SYSTEM 'file:///etc/passwd'>]>",
    b"<![CDATA[",
    b"]]>",
    b"<!--",
    b"\0",
    b"\xFF",
    b"\xEF\xBB\xBF",
    b"~",
    b"~~~~",
    b"\r",
    b"\n",
    b"\r\n",
    b"xmlns=''",
    b"<a/>",
    b"</cfdi:Comprobante>",
    b"PK\x03\x04",
    b"PK\x05\x06",
    b"\xFF\xFF\xFF\xFF",
    b"-",
    b"99999999999999999999999999",
    b"\xE2\x80\xA8",
    b"2025-02-30T25:61:61",
];

fn mutate(sample: &[u8], random: &mut Random) -> Vec<u8> {
    let mut bytes = sample.to_vec();
    for _ in 0..=random.below(4) {
        let at = random.below(bytes.len() + 1);
        let spice = SPICE[random.below(SPICE.len())];
        match random.below(6) {
            0 if at < bytes.len() => bytes[at] ^= 1 << random.below(8),
            1 => bytes.truncate(at),
            2 => drop(bytes.splice(at..at, spice.iter().copied())),
            3 => drop(bytes.drain(at..(at + random.below(40)).min(bytes.len()))),
            4 => {
                let end = (at + random.below(200)).min(bytes.len());
                let piece = bytes[at..end].to_vec();
                let to = random.below(bytes.len() + 1);
                bytes.splice(to..to, piece);
            }
            _ if at < bytes.len() => bytes[at] = random.next() as u8,
            _ => {}
        }
    }
    bytes
}

/// Runs `body` over seeded mutations of the sample; returns how many were accepted and refused.
fn storm(sample: &[u8], seed: u64, body: impl Fn(&[u8]) -> bool) -> (usize, usize) {
    let mut random = Random(seed | 1);
    let accepted = (0..MUTATIONS).filter(|_| body(&mutate(sample, &mut random))).count();
    (accepted, MUTATIONS as usize - accepted)
}

fn samples() -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/cfdi");
    let names = ["emitido-04-pago-parcial.xml", "emitido-05-nomina.xml", "recibido-02-papeleria.xml"];
    names.iter().map(|it| std::fs::read(folder.join(it)).unwrap()).collect()
}

/// A document: read, and then its JSON is JSON; or refused with one of the codes of XML.
fn cfdi_body(bytes: &[u8]) -> bool {
    match read_cfdi(bytes) {
        Ok(it) => {
            let value: serde_json::Value = serde_json::from_str(&it.json).expect("our JSON is JSON");
            assert!(value.as_object().is_some_and(|it| it.len() == 1));
            assert_eq!(xml_to_json(bytes), Ok(it.json));
            true
        }
        Err(error) => {
            let known = [Code::XmlMalformed, Code::XmlDoctype, Code::XmlTooDeep, Code::XmlTooLarge, Code::CfdiFormat];
            assert!(known.contains(&error.code()), "{error}");
            false
        }
    }
}

fn metadata_body(bytes: &[u8]) -> bool {
    let third = ThirdPartyReader::new(bytes).map(|it| it.count()).unwrap_or_default();
    let Ok(reader) = MetadataReader::new(bytes) else { return false };
    let lines = bytes.iter().filter(|it| **it == b'\n').count() + 1;
    let rows = reader.inspect(|it| assert!(it.is_ok() || it.as_ref().is_err_and(|it| !it.to_string().is_empty()))).count();
    assert!(rows <= lines && third <= lines);
    true
}

fn package_body(bytes: &[u8]) -> bool {
    let Ok(mut package) = Package::open(Cursor::new(bytes)) else { return false };
    let Ok(mut entries) = package.entries() else { return false };
    let mut whole = true;
    loop {
        match entries.next_entry() {
            Ok(None) => return whole,
            Err(error) => {
                assert!(matches!(error.code(), Code::ArchiveFormat | Code::ArchiveRatio | Code::ArchiveTooLarge), "{error}");
                return false;
            }
            Ok(Some(Entry::Xml(mut it) | Entry::Metadata(mut it) | Entry::ThirdParty(mut it))) => match it.read_all() {
                Ok(bytes) => drop(cfdi_body(&bytes)),
                Err(error) => {
                    assert!(matches!(error.code(), Code::ArchiveFormat | Code::ArchiveRatio | Code::ArchiveTooLarge), "{error}");
                    whole = false;
                }
            },
            Ok(Some(Entry::Ignored { .. } | Entry::Refused { .. })) => {}
        }
    }
}

#[test]
fn documents_survive_the_storm() {
    for (seed, sample) in samples().iter().enumerate() {
        assert!(cfdi_body(sample));
        let (accepted, refused) = storm(sample, seed as u64 + 7, cfdi_body);
        assert!(accepted > 10 && refused > 10, "{accepted} {refused}");
    }
    covers!("hostile CFDI: seeded mutations are read or refused with a code");
}

#[test]
fn metadata_survive_the_storm() {
    let row = "26DA5355-E4BD-57D7-8E8E-B567754A287F~EKU9003173C9~A\nB~H&E951128469~C~D~SPR190613I52~2026-09-01 09:15:02~2026-09-01 09:15:33~1160.00~I~1~\r\n";
    let header = "Uuid~RfcEmisor~NombreEmisor~RfcReceptor~NombreReceptor~RfcPac~FechaEmision~FechaCertificacionSat~Monto~EfectoComprobante~Estatus~FechaCancelacion\r\n";
    let sample = format!("{header}{}", row.repeat(4));
    let (accepted, refused) = storm(sample.as_bytes(), 11, metadata_body);
    assert!(accepted > 10 && refused > 10, "{accepted} {refused}");
    let third =
        format!("Uuid~RfcACuentaTerceros~NombreACuentaTerceros\r\n{}", "26DA5355-E4BD-57D7-8E8E-B567754A287F~X~Y\r\n".repeat(4));
    storm(third.as_bytes(), 13, metadata_body);
    covers!("hostile metadata: seeded mutations are read or refused with a code");
}

#[test]
fn packages_survive_the_storm() {
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (place, sample) in samples().iter().enumerate() {
        writer.start_file(format!("{place}.xml"), zip::write::SimpleFileOptions::default()).unwrap();
        writer.write_all(&sample[..sample.len().min(600)]).unwrap();
    }
    let sample = writer.finish().unwrap().into_inner();
    let (accepted, refused) = storm(&sample, 17, package_body);
    assert!(accepted > 10 && refused > 10, "{accepted} {refused}");
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
    let sample = report.canonical();
    let (_, refused) = storm(&sample, 19, |bytes| Report::parse(bytes).is_ok_and(|it| it.canonical() == bytes));
    assert!(refused > 10);
    covers!("hostile reports: what is read back is what would be written");
}
