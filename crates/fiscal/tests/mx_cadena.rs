//! The cadena original: authored documents with their texts, the verified ones, and hostile ones.

use fedatario_base::Code;
use fedatario_fiscal::mx::cadena::{self, CadenaError, SealHash, Seals};
use fedatario_testkit::{covers, fixtures_or_skip};
use std::path::{Path, PathBuf};

const V4: &str = "http://www.sat.gob.mx/cfd/4";
const V3: &str = "http://www.sat.gob.mx/cfd/3";
const STAMP: &str = r#"<t:TimbreFiscalDigital xmlns:t="http://www.sat.gob.mx/TimbreFiscalDigital" Version="1.1" UUID="AB-1" FechaTimbrado="2026-01-02T03:04:05" RfcProvCertif="SPR190613I52" SelloCFD="c2VsbG8=" NoCertificadoSAT="00001" SelloSAT="c2F0"/>"#;

/// A CFDI 4.0 of two lines, with a stamp, `extra` beside it in the complement, and an addenda.
fn cfdi40(extra: &str) -> String {
    format!(
        r#"<?xml version="1.0"?><c:Comprobante xmlns:c="{V4}" LugarExpedicion="01000" Version="4.0" Serie="" Fecha="2026-01-01T00:00:00"
        Sello="c2VsbG8=" NoCertificado="30001" Certificado="Y2Vy" SubTotal="10.00" Moneda="MXN" Total="11.60" TipoDeComprobante="I" Exportacion="01">
        <c:Emisor Rfc=" AAA010101AAA " Nombre="  Uno &amp;&#xA;  Dos " RegimenFiscal="601"/>
        <c:Receptor Rfc="BBB010101BBB" Nombre="Tres" DomicilioFiscalReceptor="01000" RegimenFiscalReceptor="601" UsoCFDI="G03"/>
        <c:Conceptos><c:Concepto ObjetoImp="02" ClaveProdServ="1" Cantidad="1" ClaveUnidad="H87" Descripcion="Café&#9;&quot;x&quot;" ValorUnitario="10" Importe="10">
            <c:Impuestos><c:Retenciones><c:Retencion Base="10" Impuesto="001" TipoFactor="Tasa" TasaOCuota="0.1" Importe="1"/></c:Retenciones>
            <c:Traslados><c:Traslado Base="10" Impuesto="002" TipoFactor="Exento"/></c:Traslados></c:Impuestos></c:Concepto></c:Conceptos>
        <c:Impuestos TotalImpuestosTrasladados="1.60" TotalImpuestosRetenidos="1"><c:Retenciones><c:Retencion Impuesto="001" Importe="1"/></c:Retenciones>
            <c:Traslados><c:Traslado Base="10" Impuesto="002" TipoFactor="Tasa" TasaOCuota="0.16" Importe="1.60"/></c:Traslados></c:Impuestos>
        <c:Complemento>{extra}{STAMP}</c:Complemento><c:Addenda><any Total="7"/></c:Addenda></c:Comprobante>"#
    )
}

const CADENA40: &str = "||4.0||2026-01-01T00:00:00|30001|10.00|MXN|11.60|I|01|01000|AAA010101AAA|Uno & Dos|601|BBB010101BBB|Tres|01000|601|G03|\
    1|1|H87|Café \"x\"|10|10|02|10|002|Exento|10|001|Tasa|0.1|1|001|1|1|10|002|Tasa|0.16|1.60|1.60";

#[test]
fn the_values_stand_in_the_order_of_the_law() {
    let seals = cadena::read(&cfdi40("")).unwrap();
    assert_eq!(seals.document, format!("{CADENA40}||"));
    assert_eq!((seals.version, seals.hash), ("4.0", SealHash::Sha256));
    assert_eq!((seals.sello.as_slice(), seals.certificate.as_deref()), (&b"sello"[..], Some(&b"cer"[..])));
    assert_eq!((seals.no_certificado.as_str(), seals.emisor.as_str()), ("30001", "AAA010101AAA"));
    assert_eq!((seals.unknown.len(), seals.bars, seals.stamps), (0, false, 1));
    let stamp = seals.stamp.unwrap();
    assert_eq!(stamp.cadena, "||1.1|AB-1|2026-01-02T03:04:05|SPR190613I52|c2VsbG8=|00001||");
    assert_eq!((stamp.matches, stamp.sello_sat.as_slice(), stamp.hash), (true, &b"sat"[..], SealHash::Sha256));
    assert_eq!((stamp.uuid.as_str(), stamp.rfc_pac.as_str()), ("AB-1", "SPR190613I52"));
    covers!("cadena: a CFDI 4.0 and its stamp give the text of the law, white space collapsed, addenda left out");
}

#[test]
fn complements_stand_in_the_order_of_the_document_and_unknown_ones_are_named() {
    let local = r#"<i:ImpuestosLocales xmlns:i="http://www.sat.gob.mx/implocal" version="1.0" TotaldeTraslados="0" TotaldeRetenciones="2"><i:RetencionesLocales TasadeRetencion="1" ImpLocRetenido="CAP" Importe="2"/></i:ImpuestosLocales>"#;
    let legends = r#"<l:LeyendasFiscales xmlns:l="http://www.sat.gob.mx/leyendasFiscales" version="1.0"><l:Leyenda textoLeyenda="Sea" norma="LISR"/></l:LeyendasFiscales>"#;
    let local_text = cadena::read(&cfdi40(local)).unwrap().document;
    assert_eq!(local_text, format!("{CADENA40}|1.0|2|0|CAP|1|2||"));
    let both = cadena::read(&cfdi40(&format!("{legends}{local}"))).unwrap().document;
    assert_eq!(both, format!("{CADENA40}|1.0|LISR|Sea|1.0|2|0|CAP|1|2||"));

    let foreign = r#"<x:New xmlns:x="http://www.sat.gob.mx/Novedad" Importe="7"/><x:New xmlns:x="http://www.sat.gob.mx/Novedad"/>"#;
    let seals = cadena::read(&cfdi40(&format!("{foreign}{local}"))).unwrap();
    assert_eq!(seals.unknown, ["http://www.sat.gob.mx/Novedad"]);
    assert_eq!(seals.document, local_text);
    let odd = r#"<i:Nonsense xmlns:i="http://www.sat.gob.mx/implocal"/>"#;
    assert_eq!(cadena::read(&cfdi40(odd)).unwrap().unknown, ["http://www.sat.gob.mx/implocal"]);
    covers!("cadena: complements count in the order of the document; unknown ones are reported, never passed over");
}

#[test]
fn the_older_versions_have_their_own_order() {
    let v33 = format!(
        r#"<cfdi:Comprobante xmlns:cfdi="{V3}" Version="3.3" Fecha="F" NoCertificado="N" SubTotal="1" Moneda="MXN" Total="1" TipoDeComprobante="I"
        LugarExpedicion="L" Sello="eA"><cfdi:Emisor Rfc="A" RegimenFiscal="601"/><cfdi:Receptor Rfc="B" UsoCFDI="G03"/></cfdi:Comprobante>"#
    );
    let v32 = format!(
        r#"<Comprobante xmlns="{V3}" version="3.2" fecha="F" sello="eA==" noCertificado="N" certificado="Y2Vy" subTotal="1" total="1"
        tipoDeComprobante="ingreso" formaDePago="una" metodoDePago="01" LugarExpedicion="L"><Emisor rfc="A"><RegimenFiscal Regimen="601"/></Emisor>
        <Receptor rfc="B"><Domicilio calle="C" pais="México"/></Receptor></Comprobante>"#
    );
    let ret1 = r#"<r:Retenciones xmlns:r="http://www.sat.gob.mx/esquemas/retencionpago/1" Version="1.0" NumCert="N" Cert="Y2Vy" Sello="eA==" FechaExp="F" CveRetenc="14">
        <r:Emisor RFCEmisor="A"/><r:Receptor Nacionalidad="Nacional"><r:Nacional RFCRecep="B"/></r:Receptor></r:Retenciones>"#;
    let ret2 = r#"<r:Retenciones xmlns:r="http://www.sat.gob.mx/esquemas/retencionpago/2" Version="2.0" NoCertificado="N" Sello="eA==" FechaExp="F" LugarExpRetenc="L" CveRetenc="14">
        <r:Emisor RfcE="A" NomDenRazSocE="M" RegimenFiscalE="601"/></r:Retenciones>"#;
    let cases = [
        (v33.as_str(), "3.3", "||3.3|F|N|1|MXN|1|I|L|A|601|B|G03||", "N", SealHash::Sha256),
        (v32.as_str(), "3.2", "||3.2|F|ingreso|una|1|1|01|L|A|601|B|C|México||", "N", SealHash::Sha1),
        (ret1, "1.0", "||1.0|N|F|14|A|Nacional|B||", "N", SealHash::Sha1),
        (ret2, "2.0", "||2.0|N|F|L|14|A|M|601||", "N", SealHash::Sha256),
    ];
    for (xml, version, text, number, hash) in cases {
        let seals = cadena::read(xml).unwrap();
        assert_eq!((seals.version, seals.document.as_str(), seals.no_certificado.as_str()), (version, text, number));
        assert_eq!((seals.hash, seals.emisor.as_str(), seals.fecha.as_str()), (hash, "A", "F"));
        assert_eq!((seals.sello.as_slice(), seals.stamp, seals.stamps), (&b"x"[..], None, 0), "{version}");
    }
    assert_eq!(cadena::read(ret1).unwrap().hashes(), [SealHash::Sha1, SealHash::Sha256]);
    covers!("cadena: CFDI 3.2 and 3.3, Retenciones 1.0 and 2.0 have their own order, seal and digest");
}

#[test]
fn what_the_seal_does_not_see_does_not_change_it() {
    let plain = cfdi40("");
    let prefixed = plain.replace("<c:", "<otro:").replace("</c:", "</otro:").replace("xmlns:c=", "xmlns:otro=");
    let tight = plain.replace("\n        ", "").replace("\n            ", "").replace("\"01\">", "\"01\" >");
    let without = plain.split_once("<c:Addenda>").unwrap().0.to_owned() + "</c:Comprobante>";
    for same in [prefixed, tight, without, format!("\u{feff}\n{plain}")] {
        assert_eq!(cadena::read(&same).unwrap(), cadena::read(&plain).unwrap());
    }
    let changed = ["11.60", "Café", "601", "2026-01-01", "1.60"];
    for part in changed {
        assert_ne!(cadena::read(&plain.replacen(part, "9", 1)).unwrap().document, format!("{CADENA40}||"), "{part}");
    }
    covers!("cadena: prefixes, layout and addenda do not count; every amount and name does");
}

#[test]
fn doubtful_seals_are_told_and_never_mended() {
    let with = |from: &str, to: &str| cadena::read(&cfdi40("").replacen(from, to, 1)).unwrap();
    assert_eq!(with("Sello=\"c2VsbG8=\"", "Sello=\"*\"").sello, b"");
    assert_eq!(with("Sello=\"c2VsbG8=\"", "Sello=\"c2Vs&#xA; bG8=\"").sello, b"sello");
    assert_eq!(with("Sello=\"c2VsbG8=\"", "").sello, b"");
    assert_eq!(with("Certificado=\"Y2Vy\"", "Certificado=\"~\"").certificate, None);
    assert!(!with("Sello=\"c2VsbG8=\"", "Sello=\"b3Rybw==\"").stamp.unwrap().matches);
    assert!(!with("SelloCFD=\"c2VsbG8=\"", "SelloCFD=\"\"").stamp.unwrap().matches);
    assert!(with("Nombre=\"Tres\"", "Nombre=\"Tres|9\"").bars);
    let twice = with(STAMP, &format!("{STAMP}{STAMP}"));
    assert_eq!((twice.stamps, twice.unknown.len()), (2, 0));
    let version = with("Version=\"1.1\"", "Version=\"9.9\"");
    assert_eq!((version.stamp, version.stamps), (None, 1));
    covers!("cadena: broken base64, foreign stamps, several stamps and bars inside values are told");
}

#[test]
fn what_has_no_order_says_why() {
    let unknown = |version: &str| CadenaError::UnknownVersion { version: version.into() };
    let cases = [
        (format!("<Comprobante xmlns='{V4}' Version='5.0'/>"), unknown("5.0")),
        (format!("<Comprobante xmlns='{V4}'/>"), unknown("")),
        (format!("<Comprobante xmlns='{V3}' version='2.2'/>"), unknown("2.2")),
        ("<Comprobante Version='4.0'/>".into(), CadenaError::NotCfdi { root: "Comprobante".into() }),
        ("<html/>".into(), CadenaError::NotCfdi { root: "html".into() }),
    ];
    for (xml, expected) in cases {
        assert_eq!(cadena::read(&xml), Err(expected.clone()), "{xml}");
        assert_eq!(expected.code(), Code::CfdiFormat);
    }
    let codes = [("<!DOCTYPE a><a/>", Code::XmlDoctype), ("<a", Code::XmlMalformed), ("", Code::XmlMalformed)];
    for (xml, code) in codes {
        assert_eq!(cadena::read_bytes(xml.as_bytes()).unwrap_err().code(), code, "{xml}");
    }
    covers!("cadena: what is no CFDI, or of no known version, is refused with its reason");
}

#[test]
fn nested_and_repeated_elements_take_bounded_work() {
    let third = |inner: &str| {
        format!(
            r#"<t:PorCuentadeTerceros xmlns:t="http://www.sat.gob.mx/terceros" version="1.1" rfc="A">{inner}</t:PorCuentadeTerceros>"#
        )
    };
    let deep = (0..100)
        .fold(String::new(), |inner, _| third(&format!("<t:Parte>{inner}<t:InformacionAduanera numero='1' fecha='F'/></t:Parte>")));
    let wide = third(&"<t:InformacionAduanera numero='1' fecha='F'/>".repeat(50_000));
    for (xml, times) in [(deep, 100), (wide, 50_000)] {
        let text = cadena::read(&cfdi40(&xml).replace(V4, V3).replace("\"4.0\"", "\"3.3\"")).unwrap().document;
        assert!(text.matches("|1|F").count() >= times, "{}", text.len());
    }
    let levels = "<x:a xmlns:x='urn:x'>".repeat(250) + "word" + &"</x:a>".repeat(250);
    let seals = cadena::read(&cfdi40(&levels)).unwrap();
    assert_eq!((seals.unknown.as_slice(), seals.document.contains("word")), (&["urn:x".to_owned()][..], true));
    covers!("cadena: depth and width cost in proportion, whatever the order says");
}

/// xorshift64*: the same mutants on every run and machine.
fn dice(seed: &mut u64, below: usize) -> usize {
    *seed ^= *seed >> 12;
    *seed ^= *seed << 25;
    *seed ^= *seed >> 27;
    (seed.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) as usize % below.max(1)
}

#[test]
fn mutants_are_read_or_refused_and_never_panic() {
    let seeds = [cfdi40(STAMP), cfdi40("<a><b/></a>").replace(V4, V3).replace("\"4.0\"", "\"3.3\"")];
    let (mut state, mut read, mut refused) = (0x5EA1, 0, 0);
    for n in 0..6_000 {
        let mut bytes = seeds[n % seeds.len()].clone().into_bytes();
        for _ in 0..=dice(&mut state, 4) {
            let (at, other) = (dice(&mut state, bytes.len()), dice(&mut state, bytes.len()));
            match dice(&mut state, 4) {
                0 => bytes[at] = b"<>\"'/ =&|:x4\n"[dice(&mut state, 13)],
                1 => drop(bytes.drain(at..(at + dice(&mut state, 40)).min(bytes.len()))),
                2 => bytes.swap(at, other),
                _ => {
                    let piece = bytes[at..(at + dice(&mut state, 60)).min(bytes.len())].to_vec();
                    bytes.splice(other..other, piece);
                }
            }
        }
        match cadena::read_bytes(&bytes) {
            Ok(seals) => {
                assert!(seals.document.starts_with("||") && seals.document.ends_with("||"));
                read += 1;
            }
            Err(error) => {
                assert!(!error.to_string().is_empty());
                refused += 1;
            }
        }
    }
    assert!(read > 500 && refused > 500, "{read} read, {refused} refused");
    covers!("cadena: 6,000 mutants are read or refused, none panics");
}

fn xml_files(folder: &Path, found: &mut Vec<PathBuf>) {
    let mut entries: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|it| it.unwrap().path()).collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            xml_files(&path, found);
        } else if path.extension().is_some_and(|it| it == "xml") {
            found.push(path);
        }
    }
}

fn seals_of(path: &Path) -> Result<Seals, CadenaError> {
    cadena::read_bytes(&std::fs::read(path).unwrap())
}

#[test]
fn the_verified_texts_come_out_to_the_letter() {
    let root = fixtures_or_skip!();
    let sim = root.join("mx/cfdi/sim");
    let index: Vec<serde_json::Value> = serde_json::from_slice(&std::fs::read(sim.join("index.json")).unwrap()).unwrap();
    assert_eq!(index.len(), 25);
    for it in &index {
        let file = it["file"].as_str().unwrap();
        let seals = seals_of(&sim.join(file)).unwrap();
        let stamp = seals.stamp.unwrap();
        assert_eq!(Some(seals.document.as_str()), it["cadena_original"].as_str(), "{file}");
        assert_eq!(Some(stamp.cadena.as_str()), it["cadena_tfd"].as_str(), "{file}");
        assert_eq!(Some(stamp.uuid.to_uppercase().as_str()), it["uuid"].as_str(), "{file}");
        assert_eq!(Some(seals.emisor.as_str()), it["rfc_emisor"].as_str(), "{file}");
        assert!(stamp.matches && seals.unknown.is_empty() && !seals.bars && seals.stamps == 1, "{file}");
    }
    covers!("cadena: the verified texts of the 25 sealed documents come out to the letter");
}

#[test]
fn every_published_document_has_a_text_or_a_reason() {
    let root = fixtures_or_skip!();
    let mut files = Vec::new();
    xml_files(&root.join("mx/cfdi"), &mut files);
    let mut told = Vec::new();
    for path in &files {
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        match seals_of(path) {
            Ok(seals) if seals.unknown.is_empty() => assert!(seals.document.len() > 20, "{name}"),
            Ok(seals) => told.push(format!("{name}: unknown {}", seals.unknown.join(" "))),
            Err(error) => told.push(format!("{name}: {}", error.code().slug())),
        }
    }
    assert!(files.len() > 55, "{}", files.len());
    let expected = [
        "cfdiutils_v32-dirty-errors.xml: unknown http://example.org/add",
        "cfdiutils_v32-dirty.xml: unknown http://example.org/add",
        "cfdiutils_xml-with-namespace-definitions-at-child-level.xml: cfdi_format",
    ];
    assert_eq!(told, expected, "documents without a whole text");
    covers!("cadena: every published document has its text, or says what is missing");
}

#[test]
fn another_interpreter_of_the_facts_writes_the_same() {
    let root = fixtures_or_skip!();
    let mut files = Vec::new();
    xml_files(&root.join("mx/cfdi"), &mut files);
    let judge = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cadena_judge.py");
    let run = std::process::Command::new("python3")
        .arg(judge)
        .arg(root.join("mx/cfdi/original-string-order.json"))
        .args(&files)
        .output()
        .expect("python3 is installed");
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    let judged: std::collections::BTreeMap<String, String> = serde_json::from_slice(&run.stdout).unwrap();
    let ours = files.iter().filter_map(|it| Some((it.file_name()?.to_str()?.to_owned(), seals_of(it).ok()?.document)));
    let ours: std::collections::BTreeMap<String, String> = ours.filter(|(name, _)| judged.contains_key(name)).collect();
    assert!(judged.len() > 50, "{}", judged.len());
    assert_eq!(ours, judged);
    covers!("cadena: another interpreter of the facts, on another parser, writes the same for every published document");
}
