//! The JSON of generated documents, judged by xmltodict: the same but for lists of one.

use fedatario_fiscal::mx::cfdi::{read_cfdi, xml_to_json};
use fedatario_sandbox::sat::{Corpus, Seals};
use fedatario_testkit::covers;
use serde_json::Value;
use std::collections::BTreeSet;
use std::process::Command;

const RFC: &str = "EKU9003173C9";
/// Enough that every kind and complement comes, with one line and with many.
const DOCUMENTS: u32 = 400;
/// Reads each file as its users would.
const SCRIPT: &str =
    "import sys, json, xmltodict\nfor path in sys.argv[1:]:\n    print(json.dumps(xmltodict.parse(open(path, 'rb').read())))";

/// A withholding of each version, with one tax and with several, and complements of its own.
const RETENCIONES: [&str; 2] = [
    r#"<retenciones:Retenciones xmlns:retenciones="http://www.sat.gob.mx/esquemas/retencionpago/2" Version="2.0" CveRetenc="14"
  FechaExp="2025-03-01T10:00:00" LugarExpRetenc="64000"><retenciones:Emisor RfcE="EKU9003173C9" NomDenRazSocE="Uno &amp; Dos"
  RegimenFiscalE="601"/><retenciones:Receptor NacionalidadR="Nacional"><retenciones:Nacional RfcR="MISC491214B86"
  NomDenRazSocR="Ñandú" DomicilioFiscalR="64000"/></retenciones:Receptor><retenciones:Periodo MesIni="01" MesFin="02" Ejercicio="2025"/>
  <retenciones:Totales MontoTotOperacion="10.00" MontoTotGrav="10.00" MontoTotExent="0" MontoTotRet="1.00">
  <retenciones:ImpRetenidos BaseRet="10.00" ImpuestoRet="001" MontoRet="1.00" TipoPagoRet="01"/></retenciones:Totales>
  <retenciones:Complemento><d:Dividendos xmlns:d="http://www.sat.gob.mx/esquemas/retencionpago/1/dividendos" Version="1.0"><d:DividOUtil
  CveTipDivOUtil="01" MontISRAcredRetMexico="0"/></d:Dividendos></retenciones:Complemento><retenciones:Addenda><x>texto<y/> y más</x>
  </retenciones:Addenda></retenciones:Retenciones>"#,
    r#"<retenciones:Retenciones xmlns:retenciones="http://www.sat.gob.mx/esquemas/retencionpago/1" Version="1.0" CveRetenc="16"
  FechaExp="2019-03-01T10:00:00-06:00"><!-- a comment --><retenciones:Emisor RFCEmisor="EKU9003173C9"/><retenciones:Receptor
  Nacionalidad="Extranjero"><retenciones:Extranjero NumRegIdTrib="1" NomDenRazSocR="John"/></retenciones:Receptor>
  <retenciones:Periodo MesIni="1" MesFin="12" Ejerc="2018"/><retenciones:Totales montoTotOperacion="10" montoTotGrav="10"
  montoTotExent="0" montoTotRet="2"><retenciones:ImpRetenidos BaseRet="5" Impuesto="01" montoRet="1" TipoPagoRet="Pago definitivo"/>
  <retenciones:ImpRetenidos BaseRet="5" Impuesto="02" montoRet="1" TipoPagoRet="Pago provisional"/></retenciones:Totales>
  <retenciones:Complemento><i:Intereses xmlns:i="http://www.sat.gob.mx/esquemas/retencionpago/1/intereses" Version="1.0"/><t:TimbreFiscalDigital
  xmlns:t="http://www.sat.gob.mx/TimbreFiscalDigital" version="1.0"/></retenciones:Complemento></retenciones:Retenciones>"#,
];

/// The same document as an older version writes its root: what repeats there repeats in ours.
fn older(xml: &str) -> [String; 2] {
    let third = xml.replace("http://www.sat.gob.mx/cfd/4", "http://www.sat.gob.mx/cfd/3");
    [third.replacen("Version=\"4.0\"", "Version=\"3.3\"", 1), third.replacen("Version=\"4.0\"", "version=\"3.2\"", 1)]
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

#[test]
fn xmltodict_reads_generated_documents_as_we_do() {
    let corpus = Corpus::generate(DOCUMENTS, 11, RFC, 2025, Seals::Filler).unwrap();
    let mut documents: Vec<String> = Vec::new();
    let (mut kinds, mut complements) = (BTreeSet::new(), BTreeSet::new());
    for place in 0..corpus.len() {
        let facts = corpus.facts(place);
        kinds.insert(facts.kind);
        complements.extend(facts.complements);
        let xml = String::from_utf8(corpus.xml(place).unwrap()).unwrap();
        documents.extend(older(&xml));
        documents.push(xml);
    }
    assert!(["I", "E", "T", "N", "P"].iter().all(|it| kinds.contains(*it)), "{kinds:?}");
    assert!(complements.len() >= 2, "{complements:?}");
    documents.extend(RETENCIONES.map(str::to_owned));
    let versions: BTreeSet<String> = documents.iter().map(|it| read_cfdi(it.as_bytes()).unwrap().version).collect();
    assert!(["1.0", "2.0", "3.2", "3.3", "4.0"].iter().all(|it| versions.contains(*it)), "{versions:?}");
    let dir = tempfile::tempdir().unwrap();
    let write = |(at, xml): (usize, &String)| {
        let path = dir.path().join(format!("{at:05}.xml"));
        std::fs::write(&path, xml).unwrap();
        path
    };
    let files: Vec<_> = documents.iter().enumerate().map(write).collect();
    let judged = Command::new("python3").args(["-c", SCRIPT]).args(&files).output().expect("python3 is there");
    assert!(judged.status.success(), "scripts/test installs xmltodict: {}", String::from_utf8_lossy(&judged.stderr));
    let text = String::from_utf8(judged.stdout).unwrap();
    assert_eq!(text.lines().count(), documents.len());
    for (xml, theirs) in documents.iter().zip(text.lines()) {
        let theirs: Value = serde_json::from_str(theirs).unwrap();
        let ours: Value = serde_json::from_str(&xml_to_json(xml.as_bytes()).unwrap()).unwrap();
        assert!(same(&ours, &theirs), "{xml}");
    }
    covers!("JSON: the same as xmltodict over generated documents of every kind, complements and versions");
}
