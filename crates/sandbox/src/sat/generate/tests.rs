//! The generator against the official schemas, and against itself.

use super::*;
use crate::sat::folder;
use base64::Engine as _;

const RFC: &str = "EKU9003173C9";

fn corpus(n: u32, rfc: &str) -> Generator {
    Generator::new(n, 7, rfc, 2026, Seals::Filler).unwrap()
}

#[test]
fn what_the_listing_says_is_what_the_xml_says() {
    for rfc in [RFC, "XIQB891116QE4"] {
        let generator = corpus(600, rfc);
        for place in 0..600 {
            let mut listed = generator.facts(place);
            let xml = String::from_utf8(generator.xml(place).unwrap()).unwrap();
            let (read, marks) = folder::facts(&xml).unwrap();
            listed.cancelled = None; // The XML does not know of its own cancellation.
            assert_eq!((listed, generator.seal_tail(place).unwrap()), (read, marks.seal_tail), "{rfc} {place}");
        }
    }
    fedatario_testkit::covers!("sandbox: generated metadata and generated XML agree");
}

#[test]
fn every_kind_and_both_directions_appear() {
    let generator = corpus(2_000, RFC);
    let facts: Vec<Facts> = (0..2_000).map(|place| generator.facts(place)).collect();
    for kind in ["I", "E", "P", "N", "T"] {
        assert!(facts.iter().any(|it| it.kind == kind && it.emisor.rfc == RFC), "issued {kind}");
    }
    for kind in ["I", "E", "P"] {
        assert!(facts.iter().any(|it| it.kind == kind && it.receptor.rfc == RFC && it.emisor.rfc != RFC), "received {kind}");
    }
    assert!(facts.iter().any(|it| it.cancelled.is_some()) && facts.iter().any(|it| it.third.is_some()));
    assert!(facts.iter().any(|it| it.receptor.rfc.contains('&')) && facts.iter().any(|it| it.emisor.rfc.contains('Ñ')));
    assert!(facts.iter().all(|it| it.emitted.year() == 2026));
    let bytes: usize = (0..500).map(|place| generator.xml(place).unwrap().len()).sum();
    assert!((4_500..8_500).contains(&(bytes / 500)), "mean size {}", bytes / 500);
    fedatario_testkit::covers!("sandbox: generated documents are varied and of realistic size");
}

#[test]
fn a_seed_is_a_corpus_and_a_uuid_finds_its_place() {
    let (one, again) = (corpus(300, RFC), corpus(300, RFC));
    let other = Generator::new(300, 8, RFC, 2026, Seals::Filler).unwrap();
    let mut seen = std::collections::HashSet::new();
    for place in 0..300 {
        assert_eq!(one.xml(place).unwrap(), again.xml(place).unwrap());
        assert_ne!(one.xml(place).unwrap(), other.xml(place).unwrap());
        assert_eq!(one.find(one.uuid(place)), Some(place));
        assert!(seen.insert(one.uuid(place)));
    }
    assert_eq!(one.find(other.uuid(5)), None);
    assert_eq!(one.emitted(4).to_string(), "2026-12-31T23:59:59");
    fedatario_testkit::covers!("sandbox: a generated corpus is lazy and repeatable");
}

#[test]
fn real_documents_are_the_filler_ones_but_for_their_seals() {
    let (real, filler) = (Generator::new(40, 7, RFC, 2026, Seals::Real).unwrap(), corpus(40, RFC));
    for place in 0..40 {
        assert_eq!(real.facts(place), filler.facts(place));
        let xml = String::from_utf8(real.xml(place).unwrap()).unwrap();
        let (read, marks) = folder::facts(&xml).unwrap();
        assert_eq!((read.uuid, marks.seal_tail), (real.uuid(place), real.seal_tail(place).unwrap()));
        assert_eq!(real.xml(place).unwrap(), xml.into_bytes(), "made again, it is the same");
        let certificate = real.certificate(&marks.number).unwrap().unwrap();
        assert_eq!(base64::engine::general_purpose::STANDARD.encode(certificate), marks.certificate);
    }
    assert_eq!(real.certificate("30001000000799999998").unwrap(), None);
    assert_eq!(real.certificate("").unwrap(), None);
    fedatario_testkit::covers!("sandbox: real seals change nothing else, and are the same each time");
}

#[test]
fn forgeries_are_spread_and_of_every_kind() {
    let generator = Generator::new(90, 7, RFC, 2026, Seals::Real).unwrap().forge(30).unwrap();
    let forged: Vec<_> = generator.forged().collect();
    assert_eq!(forged.len(), 30);
    assert!(Forgery::ALL.iter().all(|how| forged.iter().filter(|(_, it)| it == how).count() == 10));
    assert!(forged.iter().filter(|(uuid, _)| generator.find(*uuid).unwrap() < 45).count() == 15);
    fedatario_testkit::covers!("sandbox: forgeries are spread over all documents, of each kind in turn");
}

#[test]
fn what_cannot_be_generated_says_why() {
    let make = |rfc, year, seals| Generator::new(1, 7, rfc, year, seals).err();
    let forge = |n, seals, forged| Generator::new(n, 7, RFC, 2026, seals).unwrap().forge(forged).err();
    assert_eq!(forge(3, Seals::Filler, 1), Some(GenerateError::Forged));
    assert_eq!(forge(3, Seals::Real, 4), Some(GenerateError::Forged));
    assert_eq!((forge(3, Seals::Real, 3), forge(3, Seals::Filler, 0)), (None, None));
    assert_eq!(make("eku9003173c9", 2026, Seals::Filler), Some(GenerateError::Rfc("eku9003173c9".into())));
    assert_eq!(make(RFC, 1999, Seals::Filler), Some(GenerateError::Year(1999)));
    fedatario_testkit::covers!("sandbox: impossible corpora are refused with a reason");
}

#[test]
fn the_official_schemas_accept_generated_documents() {
    let root = fedatario_testkit::fixtures_or_skip!();
    let folder = tempfile::tempdir().unwrap();
    let mut files = Vec::new();
    let real = Generator::new(120, 7, RFC, 2026, Seals::Real).unwrap().forge(12).unwrap();
    for (name, generator) in [("filler", corpus(300, RFC)), ("natural", corpus(100, "XIQB891116QE4")), ("real", real)] {
        for place in 0..generator.len() {
            let path = folder.path().join(format!("{name}-{place}.xml"));
            std::fs::write(&path, generator.xml(place).unwrap()).unwrap();
            files.push(path);
        }
    }
    let judged = std::process::Command::new("xmllint")
        .args(["--nonet", "--noout", "--schema", "driver-cfdi40.xsd"])
        .args(&files)
        .current_dir(root.join("mx/xsd"))
        .output()
        .expect("xmllint is installed");
    let said = String::from_utf8_lossy(&judged.stderr);
    let complaints: Vec<&str> = said.lines().filter(|it| !it.ends_with("validates")).take(5).collect();
    assert!(judged.status.success(), "{complaints:#?}");
    fedatario_testkit::covers!("sandbox: the official schemas accept generated documents, with filler and with real seals");
}
