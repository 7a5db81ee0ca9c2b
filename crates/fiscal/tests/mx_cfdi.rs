//! CFDI through their front door: authored documents, the published ones, a foreign converter, and
//! whatever a stranger makes of them.

use fedatario_base::Code;
use fedatario_fiscal::mx::cfdi::{Cfdi, CfdiError, Complement, Family, Kind, Warning, glimpse, read_cfdi, xml_to_json};
use fedatario_fiscal::mx::time;
use fedatario_testkit::{covers, fixtures, fixtures_or_skip};
use rust_decimal::Decimal;
use serde_json::Value;
use std::path::{Path, PathBuf};

fn examples() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/cfdi")
}

fn xml_files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut files: Vec<PathBuf> =
        entries.map(|it| it.unwrap().path()).filter(|it| it.extension().is_some_and(|it| it == "xml")).collect();
    files.sort();
    files
}

fn read(path: &Path) -> Cfdi {
    read_cfdi(&std::fs::read(path).unwrap()).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[test]
fn authored_documents_are_read_whole() {
    let cases = [
        ("emitido-01-colegiatura", "I", "EKU9003173C9", "WERX631016S30", 202501, "4850.00", "MXN", 0),
        ("emitido-03-nota-de-credito", "E", "EKU9003173C9", "H&E951128469", 202502, "2900.00", "MXN", 0),
        ("emitido-04-pago-parcial", "P", "EKU9003173C9", "H&E951128469", 202503, "0", "XXX", 1),
        ("emitido-05-nomina", "N", "EKU9003173C9", "XIQB891116QE4", 202504, "7849.75", "MXN", 1),
        ("emitido-06-curso-en-dolares", "I", "EKU9003173C9", "XEXX010101000", 202505, "660.00", "USD", 0),
        ("emitido-09-fin-de-ejercicio", "I", "EKU9003173C9", "OÑO120726RX3", 202512, "20880.00", "MXN", 0),
        ("recibido-04-cancelado", "I", "H&E951128469", "EKU9003173C9", 202507, "7888.00", "MXN", 0),
    ];
    for (name, kind, issuer, receiver, period, total, currency, complements) in cases {
        let it = read(&examples().join(format!("{name}.xml")));
        let found = (
            it.kind.text(),
            it.issuer.id.as_str(),
            it.receiver.id.as_str(),
            it.period,
            it.total_text.as_str(),
            it.currency.as_deref(),
            it.complements.len(),
        );
        assert_eq!(found, (kind, issuer, receiver, Some(period), total, Some(currency), complements), "{name}");
        assert_eq!((it.warnings.as_slice(), it.family, it.version.as_str()), (&[][..], Family::Cfdi, "4.0"), "{name}");
        assert_eq!(it.total, Decimal::from_str_exact(total).ok());
        assert!(it.uuid.is_some() && it.stamped_at > it.date && it.pac.as_deref() == Some("SPR190613I52"));
        assert!(it.concerns(&"EKU9003173C9".parse().unwrap()) && !it.concerns(&"CACX7605101P8".parse().unwrap()));
    }
    let third = read(&examples().join("emitido-08-por-cuenta-de-tercero.xml"));
    assert_eq!(third.third_party, Some(("CACX7605101P8".to_owned(), "XOCHILT CASAS CHAVEZ".to_owned())));
    let payment = read(&examples().join("emitido-04-pago-parcial.xml"));
    assert_eq!(
        payment.complements,
        [Complement { namespace: "http://www.sat.gob.mx/Pagos20".to_owned(), name: "Pagos".to_owned() }]
    );
    assert_eq!((payment.series.as_deref(), payment.folio.as_deref()), (Some("CP"), Some("12")));
    let json: Value = serde_json::from_str(&payment.json).unwrap();
    let pago = &json["cfdi:Comprobante"]["cfdi:Complemento"]["pago20:Pagos"]["pago20:Pago"];
    assert_eq!(pago[0]["pago20:DoctoRelacionado"][0]["@NumParcialidad"], "1");
    assert_eq!(json["cfdi:Comprobante"]["cfdi:Conceptos"]["cfdi:Concepto"][0]["@ValorUnitario"], "0");
    covers!("CFDI: JSON and indexed columns in one pass");
}

#[test]
fn a_glimpse_tells_the_date_that_reading_tells() {
    let files = xml_files(&examples());
    for file in &files {
        assert_eq!(glimpse(&std::fs::read(file).unwrap()), Some(read(file).date), "{}", file.display());
    }
    assert!(!files.is_empty());
    let cases: [(&[u8], Option<bool>); 6] = [
        (b"<retenciones:Retenciones FechaExp='2025-01-31T10:00:00-06:00'/>", Some(true)),
        (b"<?xml version='1.0'?><!-- c --><Comprobante fecha='2013-01-31T10:00:00'><never closed", Some(true)),
        (b"<cfdi:Comprobante Fecha='ayer'/>", Some(false)),
        (b"<cfdi:Comprobante/>", Some(false)),
        (b"<factura Fecha='2025-01-31T10:00:00'/>", None),
        (b"<!DOCTYPE a><Comprobante/>", None),
    ];
    for (bytes, expected) in cases {
        assert_eq!(glimpse(bytes).map(|it| it.is_some()), expected, "{}", String::from_utf8_lossy(bytes));
    }
}

#[test]
fn the_authored_index_names_each_document_once() {
    let index: Vec<Value> = serde_json::from_slice(&std::fs::read(examples().join("index.json")).unwrap()).unwrap();
    let named: Vec<String> = index.iter().map(|it| it["file"].as_str().unwrap().to_owned()).collect();
    let files: Vec<String> = xml_files(&examples()).iter().map(|it| it.file_name().unwrap().to_str().unwrap().to_owned()).collect();
    assert_eq!(named, files);
    let cancelled: Vec<&str> =
        index.iter().filter(|it| it["estatus"] == "Cancelado").map(|it| it["file"].as_str().unwrap()).collect();
    assert_eq!(cancelled, ["recibido-04-cancelado.xml"]);
    let mut folios: Vec<_> =
        xml_files(&examples()).iter().map(|it| read(it)).map(|it| (it.date.unwrap().year(), it.uuid.unwrap())).collect();
    folios.sort();
    folios.dedup();
    assert_eq!(folios.len(), files.len());
    assert!(folios.iter().all(|(year, _)| *year == 2025));
}

#[test]
fn authored_documents_satisfy_the_official_schemas() {
    let root = fixtures_or_skip!();
    let mut xmllint = std::process::Command::new("xmllint");
    xmllint
        .args(["--nonet", "--noout", "--schema", "driver-cfdi40.xsd"])
        .args(xml_files(&examples()).iter().map(|it| it.canonicalize().unwrap()));
    let judged = xmllint.current_dir(root.join("mx/xsd")).output().expect("xmllint is installed by scripts/test");
    assert!(judged.status.success(), "{}", String::from_utf8_lossy(&judged.stderr));
    covers!("the authored documents satisfy the official schemas");
}

#[test]
fn the_published_corpus_agrees_with_its_index() {
    let root = fixtures_or_skip!();
    let index: Vec<Value> = serde_json::from_slice(&fixtures::read(&root, "mx/cfdi/sim/index.json")).unwrap();
    for expected in &index {
        let text = |name: &str| expected[name].as_str();
        let file = text("file").unwrap();
        let it = read(&root.join("mx/cfdi/sim").join(file));
        assert_eq!(it.uuid.map(|it| it.upper()).as_deref(), text("uuid"), "{file}");
        assert_eq!(Some(it.version.as_str()), text("version"), "{file}");
        assert_eq!(Some(it.issuer.id.as_str()), text("rfc_emisor"), "{file}");
        assert_eq!(it.issuer.name.as_deref(), text("nombre_emisor"), "{file}");
        assert_eq!(Some(it.receiver.id.as_str()), text("rfc_receptor"), "{file}");
        assert_eq!(it.receiver.name.as_deref(), text("nombre_receptor"), "{file}");
        assert_eq!(it.date, time::parse(text("fecha_emision").unwrap()), "{file}");
        assert_eq!(it.stamped_at, time::parse(text("fecha_timbrado").unwrap()), "{file}");
        assert_eq!(it.total, Decimal::from_str_exact(text("monto").unwrap()).ok(), "{file}");
        assert_eq!(Some(it.kind.text()), text("tipo"), "{file}");
        assert_eq!(it.pac.as_deref(), text("rfc_pac"), "{file}");
        assert_eq!(it.third_party.as_ref().map(|it| it.0.as_str()), text("rfc_a_cuenta_terceros"), "{file}");
        assert_eq!(it.is_retenciones(), text("kind") != Some("cfdi"), "{file}");
        let odd: &[Warning] = if file.starts_with("e03") { &[Warning::StampedBeforeIssue] } else { &[] };
        assert_eq!(it.warnings, odd, "{file}");
    }
    assert_eq!(index.len(), 25);
    covers!("CFDI 3.3, 4.0 and Retenciones 2.0: columns agree with the published index");
}

#[test]
fn every_version_in_the_field_is_read() {
    let root = fixtures_or_skip!();
    let cases = [("upstream-32", "3.2", 1), ("upstream-33", "3.3", 8), ("upstream-40", "4.0", 19), ("upstream-ret", "", 5)];
    for (folder, version, count) in cases {
        let files = xml_files(&root.join("mx/cfdi").join(folder));
        assert_eq!(files.len(), count, "{folder}");
        for path in files {
            let it = read(&path);
            let known = if version.is_empty() {
                it.is_retenciones() && ["1.0", "2.0"].contains(&it.version.as_str())
            } else {
                it.version == version
            };
            assert!(known && !it.warnings.contains(&Warning::UnknownVersion), "{}: {:?}", path.display(), it.warnings);
            // One file is the bare shape of an expression: it has no date.
            let dated = it.date.is_some() || path.ends_with("cfdi-expresiones_ret20-foreign-fake.xml");
            assert!(dated && it.total.is_some() && !it.issuer.id.is_empty(), "{}: {:?}", path.display(), it.warnings);
        }
    }
    let old = read(&root.join("mx/cfdi/upstream-ret/retenciones10-pagos-a-extranjeros.xml"));
    assert_eq!(old.date.map(time::format).as_deref(), Some("2015-02-24T11:02:49"));
    covers!("CFDI 3.2, 3.3, 4.0 and Retenciones 1.0, 2.0 are read");
}

#[test]
fn oddities_and_invalid_documents_have_their_outcome() {
    let root = fixtures_or_skip!();
    use Warning::*;
    let nameless: &[Warning] = &[Unstamped, PartyMissing, DateUnreadable, TotalUnreadable, UnknownVersion];
    let quirk: &[Warning] = &[Unstamped, SchemaLocationAsNamespace, PartyMissing, DateUnreadable, TotalUnreadable, UnknownVersion];
    let cases: &[(&str, &str, Option<&[Warning]>)] = &[
        ("oddities/sat-ws_cfdi.xml", "imported", Some(&[])),
        ("oddities/cfdiutils_v32-dirty.xml", "imported", Some(nameless)),
        ("oddities/cfdiutils_xml-with-namespace-definitions-at-child-level.xml", "ignored", None),
        ("invalid/cfdiutils_v32-dirty-errors.xml", "imported with a warning", Some(quirk)),
        ("invalid/satcfdi_registro_fiscal.xml", "imported with a warning", Some(&[Unstamped, SchemaLocationAsNamespace, RfcShape])),
    ];
    for (file, outcome, warnings) in cases {
        let bytes = fixtures::read(&root, &format!("mx/cfdi/{file}"));
        match (read_cfdi(&bytes), warnings) {
            (Ok(it), Some(warnings)) => assert_eq!(it.warnings, *warnings, "{file}"),
            (Err(error @ CfdiError::NotCfdi { .. }), None) => assert_eq!(error.code(), Code::CfdiFormat, "{file}"),
            (other, _) => panic!("{file}: {other:?}"),
        }
        let json: Value = serde_json::from_str(&xml_to_json(&bytes).unwrap()).unwrap();
        assert_eq!(json.as_object().unwrap().len(), 1, "{file}");
        covers!("fixture x outcome", file, outcome);
    }
    let listed = xml_files(&root.join("mx/cfdi/oddities")).len() + xml_files(&root.join("mx/cfdi/invalid")).len();
    assert_eq!(listed, cases.len());
}

const TINY: &str = r#"<cfdi:Comprobante xmlns:cfdi="http://www.sat.gob.mx/cfd/4" Version="4.0" Fecha="2025-01-02T03:04:05" Total="1.10" Moneda="MXN" TipoDeComprobante="I"><cfdi:Emisor Rfc="EKU9003173C9" Nombre="A"/><cfdi:Receptor Rfc="WERX631016S30" Nombre="B"/><cfdi:Complemento><tfd:TimbreFiscalDigital xmlns:tfd="http://www.sat.gob.mx/TimbreFiscalDigital" UUID="26DA5355-E4BD-57D7-8E8E-B567754A287F" FechaTimbrado="2025-01-02T03:04:06"/></cfdi:Complemento></cfdi:Comprobante>"#;

#[test]
fn each_oddity_has_its_warning() {
    use Warning::*;
    let stamp = TINY.split_once("<cfdi:Complemento>").unwrap().1.split_once("</cfdi:Complemento>").unwrap().0;
    let cases: &[(String, &[Warning])] = &[
        (TINY.to_owned(), &[]),
        (format!("\u{feff}{TINY}"), &[]),
        (format!("\u{feff}\u{feff}{TINY}"), &[RepeatedMark]),
        (format!("HTTP/1.1 200 OK\r\n\r\n{TINY}"), &[JunkBefore]),
        (format!("{TINY}\n\n"), &[]),
        (format!("{TINY} fin"), &[JunkAfter]),
        (TINY.replace("UUID", "uuid"), &[Unstamped]),
        (TINY.replace("26DA5355-", "26DA5355"), &[Unstamped]),
        (TINY.replace(stamp, &stamp.repeat(2)), &[SeveralStamps]),
        (TINY.replace("03:04:06", "03:04:04"), &[StampedBeforeIssue]),
        (TINY.replace(stamp, &format!("<x xmlns:schemaLocation=\"a b\"/>{stamp}")), &[SchemaLocationAsNamespace]),
        (TINY.replace(stamp, &format!("<q:x/>{stamp}")), &[UndeclaredPrefix]),
        (TINY.replace("\"EKU", "\" EKU"), &[BlankInRfc]),
        (TINY.replace("EKU9003173C9", "EKU9003173CX"), &[RfcShape]),
        (TINY.replace("cfdi:Emisor", "cfdi:Emitente"), &[PartyMissing]),
        (TINY.replace("2025-01-02T03:04:05", "ayer"), &[DateUnreadable]),
        (TINY.replace("1.10", "1,10"), &[TotalUnreadable]),
        (TINY.replace("\"4.0\"", "\"5.0\""), &[UnknownVersion]),
        (TINY.replace("\"I\"", "\"X\""), &[UnknownVersion]),
        // A stamp in the addenda, or in another namespace, stamps nothing.
        (TINY.replace("cfdi:Complemento", "cfdi:Addenda"), &[Unstamped]),
        (TINY.replace("http://www.sat.gob.mx/TimbreFiscalDigital", "urn:x"), &[Unstamped]),
    ];
    for (text, warnings) in cases {
        let it = read_cfdi(text.as_bytes()).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(it.warnings, *warnings, "{text}");
        assert_eq!(it.uuid.is_none(), warnings.contains(&Unstamped), "{text}");
    }
    covers!("CFDI: each oddity is read and has its warning");
}

#[test]
fn what_cannot_be_a_cfdi_is_refused_with_its_reason() {
    let latin = format!("<?xml version='1.0' encoding='ISO-8859-1'?>{}", TINY.replace("\"A\"", "\"#\""));
    let it = read_cfdi(&latin.bytes().map(|it| if it == b'#' { 0xD1 } else { it }).collect::<Vec<u8>>()).unwrap();
    assert_eq!(it.issuer.name.as_deref(), Some("Ñ"));
    let cases: &[(Vec<u8>, Code)] = &[
        (Vec::new(), Code::XmlMalformed),
        (b"no es XML".to_vec(), Code::XmlMalformed),
        (b"<html><body>503</body></html>".to_vec(), Code::CfdiFormat),
        (b"<Comprobante xmlns='urn:otro'/>".to_vec(), Code::CfdiFormat),
        (TINY.replace("\"A\"", "\"\u{1}\"").replace('\u{1}', "\0").into_bytes(), Code::XmlMalformed),
        (format!("<!DOCTYPE x>{TINY}").into_bytes(), Code::XmlDoctype),
        (TINY.as_bytes()[..TINY.len() - 3].to_vec(), Code::XmlMalformed),
        ([TINY.as_bytes(), TINY.as_bytes()].concat(), Code::XmlMalformed),
        (vec![b' '; 64 * 1024 * 1024 + 1], Code::XmlTooLarge),
        (format!("<?xml version='1.0' encoding='EBCDIC'?>{TINY}").into_bytes(), Code::XmlMalformed),
        (TINY.replace("\"A\"", "\"\u{d1}\"").bytes().filter(|it| *it != 0x91).collect(), Code::XmlMalformed),
    ];
    for (bytes, expected) in cases {
        let code = read_cfdi(bytes).map(|_| ()).map_err(|it| it.code());
        assert_eq!(code, Err(*expected), "{:.120}", String::from_utf8_lossy(&bytes[..bytes.len().min(200)]));
    }
    covers!("CFDI: garbage, foreign XML, entities and broken encodings are refused with their code");
}

#[test]
fn kinds_of_every_version() {
    let cases = [
        ("I", Kind::Ingreso),
        ("ingreso", Kind::Ingreso),
        ("egreso", Kind::Egreso),
        ("T", Kind::Traslado),
        ("N", Kind::Nomina),
        ("P", Kind::Pago),
    ];
    for (text, expected) in cases {
        assert_eq!(Kind::parse(text), expected);
    }
    assert_eq!(Kind::parse("Q"), Kind::Unknown("Q".to_owned()));
}

/// The converter that users have: every document, theirs against ours.
#[test]
fn xmltodict_gives_the_same_but_for_lists_of_one() {
    const SCRIPT: &str =
        "import sys, json, xmltodict\nfor path in sys.argv[1:]:\n    print(json.dumps(xmltodict.parse(open(path, 'rb').read())))";
    let mut files = xml_files(&examples());
    if let Some(root) = fixtures::root("xmltodict over the published documents") {
        for folder in ["sim", "oddities", "invalid", "upstream-32", "upstream-33", "upstream-40", "upstream-ret"] {
            files.extend(xml_files(&root.join("mx/cfdi").join(folder)));
        }
    }
    let judged = std::process::Command::new("python3").args(["-c", SCRIPT]).args(&files).output().expect("python3 is there");
    assert!(judged.status.success(), "scripts/test installs xmltodict: {}", String::from_utf8_lossy(&judged.stderr));
    let text = String::from_utf8(judged.stdout).unwrap();
    assert_eq!(text.lines().count(), files.len());
    for (path, theirs) in files.iter().zip(text.lines()) {
        let theirs: Value = serde_json::from_str(theirs).unwrap();
        let ours: Value = serde_json::from_str(&xml_to_json(&std::fs::read(path).unwrap()).unwrap()).unwrap();
        assert!(same(&ours, &theirs), "{}", path.display());
    }
    covers!("JSON: the same as xmltodict but for lists of one");
}

fn same(ours: &Value, theirs: &Value) -> bool {
    match (ours, theirs) {
        (Value::Array(ours), Value::Array(theirs)) => {
            ours.len() == theirs.len() && ours.iter().zip(theirs).all(|(a, b)| same(a, b))
        }
        (Value::Array(ours), theirs) => ours.len() == 1 && same(&ours[0], theirs),
        (Value::Object(ours), Value::Object(theirs)) => {
            ours.len() == theirs.len() && ours.iter().all(|(key, value)| theirs.get(key).is_some_and(|it| same(value, it)))
        }
        (ours, theirs) => ours == theirs,
    }
}

/// A document that says how many times an element may come: its JSON has one type for any number.
#[test]
fn a_list_is_a_list_for_one_and_for_many() {
    let document = |concepts: usize, related: usize| {
        let concepts = "<cfdi:Concepto a='1'/>".repeat(concepts);
        let related =
            "<cfdi:CfdiRelacionados TipoRelacion='01'><cfdi:CfdiRelacionado UUID='x'/></cfdi:CfdiRelacionados>".repeat(related);
        TINY.replace("<cfdi:Emisor", &format!("{related}<cfdi:Emisor"))
            .replace("<cfdi:Complemento>", &format!("<cfdi:Conceptos>{concepts}</cfdi:Conceptos><cfdi:Complemento>"))
    };
    for (concepts, related) in [(1, 1), (2, 1), (1, 3), (40, 40)] {
        let it = read_cfdi(document(concepts, related).as_bytes()).unwrap();
        let json: Value = serde_json::from_str(&it.json).unwrap();
        let root = &json["cfdi:Comprobante"];
        assert_eq!(root["cfdi:Conceptos"]["cfdi:Concepto"].as_array().map(Vec::len), Some(concepts));
        assert_eq!(root["cfdi:CfdiRelacionados"].as_array().map(Vec::len), Some(related));
        assert!(root["cfdi:CfdiRelacionados"][0]["cfdi:CfdiRelacionado"].is_array());
        assert!(root["cfdi:Emisor"].is_object() && root["cfdi:Conceptos"].is_object());
    }
    covers!("JSON: an element that may repeat has one type, however often it comes");
}
