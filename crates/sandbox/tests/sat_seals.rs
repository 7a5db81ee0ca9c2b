//! Real seals, certificates by number, list 69-B and the status of documents, as a stranger meets them.

mod support;

use fedatario_credentials::{Certificate, SealDigest, verify_sello};
use fedatario_fiscal::mx::cadena::{self, SealHash, Seals as Read};
use fedatario_sandbox::sat::{Corpus, Limits, Sandbox, SatConfig, StatePath};
use fedatario_testkit::covers;
use reqwest::Method;
use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::process::Command;
use support::{RFC, World, unbase64};

/// After the year of the documents.
const LATER: &str = "2027-01-15T18:00:00Z";

/// A world with real seals, some forged.
async fn sealed(n: u32, forged: u32) -> World {
    World::at(LATER, |it| it.corpus = Corpus::forged(n, 7, RFC, 2026, forged).unwrap()).await
}

impl World {
    async fn get(&self, path: &str) -> (u16, Vec<u8>, String) {
        let answer = self.http.get(format!("{}{path}", self.base)).send().await.unwrap();
        let kind = answer.headers()["content-type"].to_str().unwrap().to_owned();
        (answer.status().as_u16(), answer.bytes().await.unwrap().to_vec(), kind)
    }

    async fn certificate(&self, number: &str) -> Option<Vec<u8>> {
        let folders = [&number[..6], &number[6..12], &number[12..14], &number[14..16], &number[16..18]].join("/");
        let (status, bytes, kind) = self.get(&format!("/rccf/{folders}/{number}.cer")).await;
        assert_eq!(kind, if status == 200 { "application/pkix-cert" } else { "text/html; charset=utf-8" });
        (status == 200).then_some(bytes)
    }

    async fn status(&self, expression: &str) -> support::Answer {
        let body = format!(
            "<Envelope xmlns=\"http://schemas.xmlsoap.org/soap/envelope/\" xmlns:tem=\"http://tempuri.org/\"><Body><tem:Consulta>\
             <tem:expresionImpresa><![CDATA[{expression}]]></tem:expresionImpresa></tem:Consulta></Body></Envelope>"
        );
        self.post("/ConsultaCFDIService.svc", "http://tempuri.org/IConsultaCFDIService/Consulta", "", body).await.unwrap()
    }
}

/// Whether openssl finds that the key of a certificate sealed a text.
fn openssl_verifies(folder: &Path, certificate: &[u8], text: &str, seal: &[u8]) -> bool {
    for (name, bytes) in [("cer", certificate), ("text", text.as_bytes()), ("seal", seal)] {
        std::fs::write(folder.join(name), bytes).unwrap();
    }
    let run =
        |arguments: &[&str]| Command::new("openssl").current_dir(folder).args(arguments).output().expect("openssl is installed");
    let key = run(&["x509", "-inform", "der", "-in", "cer", "-pubkey", "-noout"]);
    assert!(key.status.success(), "{}", String::from_utf8_lossy(&key.stderr));
    std::fs::write(folder.join("key"), key.stdout).unwrap();
    run(&["dgst", "-sha256", "-verify", "key", "-signature", "seal", "text"]).status.success()
}

/// What a checker finds: seal, stamp, and whether the stamp is this document's.
async fn judged(world: &World, folder: &Path, it: &Read) -> (bool, bool, bool) {
    let stamp = it.stamp.as_ref().unwrap();
    let (issuer, sat) =
        (world.certificate(&it.no_certificado).await.unwrap(), world.certificate(&stamp.no_certificado_sat).await.unwrap());
    let own = Certificate::parse(&issuer).unwrap();
    assert_eq!(
        (own.rfc(), own.number(), it.certificate.as_deref()),
        (it.emisor.as_str(), it.no_certificado.as_str(), Some(issuer.as_slice()))
    );
    assert!(own.is_issued_by(&Certificate::parse(&world.sandbox.authority_cer()).unwrap()));
    let seal = openssl_verifies(folder, &issuer, &it.document, &it.sello);
    assert_eq!(verify_sello(&own, SealDigest::Sha256, it.document.as_bytes(), &it.sello), seal);
    (seal, openssl_verifies(folder, &sat, &stamp.cadena, &stamp.sello_sat), stamp.matches)
}

#[tokio::test]
async fn openssl_finds_every_forgery_and_nothing_else() {
    let (world, folder) = (sealed(36, 9).await, tempfile::tempdir().unwrap());
    let listed = world.control(Method::GET, "forged", "").await;
    let mut forged: BTreeMap<String, String> = listed
        .as_array()
        .unwrap()
        .iter()
        .map(|it| (it["uuid"].as_str().unwrap().into(), it["how"].as_str().unwrap().into()))
        .collect();
    assert_eq!(forged.len(), 9);
    let (year, token) =
        ([("FechaInicial", "2026-01-01T00:00:00"), ("FechaFinal", "2026-12-31T23:59:59")], world.login(&world.fiel).await);
    let mut found = BTreeMap::new();
    let mut documents = Vec::new();
    for (operation, attributes) in
        [("SolicitaDescargaEmitidos", support::emitidos(&year)), ("SolicitaDescargaRecibidos", support::recibidos(&year))]
    {
        let asked = world.ask(&token, operation, &attributes).await;
        let ready = world.verify(&token, &asked.attribute("IdSolicitud").unwrap()).await;
        let package = world.download(&token, &ready.text("IdsPaquetes")[0]).await;
        documents.extend(
            support::unzip(&unbase64(&package.text("Paquete")[0])).into_iter().map(|(_, xml)| cadena::read_bytes(&xml).unwrap()),
        );
    }
    assert!(documents.len() > 30, "{}", documents.len());
    for seals in &documents {
        let folio = seals.stamp.as_ref().unwrap().uuid.clone();
        let how = match judged(&world, folder.path(), seals).await {
            (true, true, true) => continue,
            (false, true, true) => ["amount", "seal"].into_iter().find(|it| *it == forged[&folio]).unwrap(),
            (true, false, false) => "stamp",
            other => panic!("{folio}: {other:?}"),
        };
        found.insert(folio, how.to_owned());
    }
    forged.retain(|folio, _| documents.iter().any(|it| it.stamp.as_ref().is_some_and(|stamp| stamp.uuid == *folio)));
    assert!(forged.len() > 6, "{forged:?}");
    assert_eq!(found, forged);
    covers!("sandbox: openssl finds every seal and stamp good but those of the forged documents, which are listed");
}

#[tokio::test]
async fn the_same_books_seal_the_same_documents() {
    let folder = tempfile::tempdir().unwrap();
    let state = StatePath::File(folder.path().join("sat.journal"));
    let open = || {
        let config =
            SatConfig { corpus: Corpus::forged(20, 7, RFC, 2026, 3).unwrap(), state: state.clone(), ..SatConfig::default() };
        Sandbox::new(config).unwrap().certificate("30001000000799999999").unwrap().unwrap()
    };
    let first = open();
    assert_eq!(open(), first);
    let stranger = sealed(20, 3).await;
    assert_ne!(stranger.certificate("30001000000799999999").await.unwrap(), first);
    covers!("sandbox: keys of real seals are kept in its books; a restart hands out the same certificates");
}

#[tokio::test]
async fn certificates_are_served_by_number() {
    let root = fedatario_testkit::fixtures_or_skip!();
    let sim = fedatario_testkit::fixtures::read(&root, "mx/fiel/synthetic/SIM_PAC_SPR190613I52_csd.cer");
    let world = World::with(|it| {
        it.corpus = Corpus::from_dir(&root.join("mx/cfdi/sim")).unwrap();
        it.certificates = vec![Certificate::parse(&sim).unwrap()];
    })
    .await;
    assert_eq!(world.certificate("30001000000599990001").await, Some(sim));
    let csd = fedatario_testkit::fixtures::read(&root, "mx/fiel/sat-test-2023-2027/EKU9003173C9_csd.cer");
    assert_eq!(world.certificate("30001000000500003416").await, Some(csd));
    assert_eq!(world.certificate("30001000000599990000").await, Some(world.sandbox.authority_cer()));
    assert_eq!(world.certificate("30001000000000000000").await, None);
    let wrong = "/rccf/300010/000005/00/00/99/30001000000500003416.cer";
    assert_eq!(world.get(wrong).await.0, 404);
    world.control(Method::POST, "faults", r#"{"operation":"certificado","fault":"503"}"#).await;
    assert_eq!(world.get("/rccf/300010/000005/00/00/34/30001000000500003416.cer").await.0, 503);
    covers!("sandbox: certificates of the authority, of the certifier and of issuers are served by number");
}

fn rows(csv: &[u8]) -> HashMap<String, (String, String)> {
    let script = "import csv,io,json,sys\nt=sys.stdin.buffer.read().decode('windows-1252')\n\
                  print(json.dumps([[r[1],r[2],r[3]] for r in list(csv.reader(io.StringIO(t)))[3:]]))";
    let mut python = Command::new("python3")
        .args(["-c", script])
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .expect("python3 is installed");
    std::io::Write::write_all(&mut python.stdin.take().unwrap(), csv).unwrap();
    let rows: Vec<[String; 3]> = serde_json::from_slice(&python.wait_with_output().unwrap().stdout).unwrap();
    rows.into_iter().map(|[rfc, name, situation]| (rfc, (name, situation))).collect()
}

#[tokio::test]
async fn list_69b_and_the_status_query_agree() {
    let world = World::at(LATER, |it| it.corpus = support::generated(600)).await;
    let (status, csv, kind) = world.get("/cifras_sat/Documents/Listado_Completo_69-B.csv").await;
    assert_eq!((status, kind.as_str()), (200, "text/csv"));
    for other in ["/_sandbox/69b.csv", "/agsc-publicaciones/Datos_abiertos/Documents_AGAFF/Listado_completo_69-B.csv"] {
        assert_eq!(world.get(other).await.1, csv);
    }
    let listed = rows(&csv);
    assert!(listed.keys().any(|it| it.contains('Ñ')) && listed.values().any(|(name, _)| name.contains(',') && name.contains('"')));
    let mut seen = BTreeMap::<(String, String), u32>::new();
    let corpus = support::generated(600);
    for place in 0..corpus.len() {
        let it = corpus.facts(place);
        let id = |text: &str| text.replace('&', "&amp;");
        let answer =
            world.status(&format!("?re={}&rr={}&tt={}&id={}", id(&it.emisor.rfc), id(&it.receptor.rfc), it.total, it.uuid)).await;
        let field = |name: &str| answer.text(&format!("a:{name}")).pop().unwrap_or_default();
        let suspect =
            |rfc: &String| listed.get(rfc).is_some_and(|(_, situation)| ["Definitivo", "Presunto"].contains(&situation.as_str()));
        let warned = suspect(&it.emisor.rfc) || it.third.as_ref().is_some_and(|third| suspect(&third.rfc));
        assert_eq!(field("ValidacionEFOS") == "100", warned, "{answer:?}");
        assert_eq!(field("Estado"), if it.is_cancelled("2027-01-15T12:00:00".parse().unwrap()) { "Cancelado" } else { "Vigente" });
        assert!(field("CodigoEstatus").starts_with("S - "));
        *seen.entry((field("EsCancelable"), field("EstatusCancelacion"))).or_default() += 1;
        *seen.entry(("EFOS".into(), field("ValidacionEFOS"))).or_default() += 1;
    }
    assert_eq!(seen.len(), 6 + 3 + 2, "{seen:?}");
    covers!("sandbox: list 69-B names counterparties, and the status query warns of the same");
}

#[tokio::test]
async fn the_status_of_a_retencion_is_a_page() {
    let root = fedatario_testkit::fixtures_or_skip!();
    let world = World::with(|it| it.corpus = Corpus::from_dir(&root.join("mx/cfdi/sim")).unwrap()).await;
    let corpus = Corpus::from_dir(&root.join("mx/cfdi/sim")).unwrap();
    let facts = (0..corpus.len()).map(|it| corpus.facts(it));
    let it = facts.into_iter().find(|it| it.family == fedatario_sandbox::sat::Family::Retenciones).unwrap();
    let ask = async |folio: &str, receiver: &str| {
        let query = format!("folio={folio}&rfcEmisor={}&rfcReceptor={receiver}", it.emisor.rfc.replace('&', "%26"));
        String::from_utf8(world.get(&format!("/retenciones/Home/ConsultaRetencion?{query}")).await.1).unwrap()
    };
    let found = ask(&it.uuid.to_string(), &it.receptor.rfc).await;
    assert!(found.contains("id=\"tbl_resultado\"") && found.contains("<span>Vigente</span>"), "{found}");
    assert!(found.contains(&it.uuid.to_string().to_uppercase()) && found.contains(&format!("<span>${}</span>", it.total)));
    for (folio, receiver) in
        [(it.uuid.to_string().as_str(), "XAXX010101000"), ("26DA5355-E4BD-57D7-8E8E-B567754A287F", &it.receptor.rfc), ("x", "")]
    {
        assert!(ask(folio, receiver).await.contains("noresultados"));
    }
    world.control(Method::POST, "faults", r#"{"operation":"retencion","fault":"429"}"#).await;
    assert_eq!(world.get("/Home/ConsultaRetencion?folio=x").await.0, 429);
    covers!("sandbox: the status of a retención is a page, found or not");
}

#[tokio::test]
async fn a_pace_that_is_exceeded_is_throttled() {
    let world = World::with(|it| it.limits = Limits { status_per_second: Some(2), ..Limits::default() }).await;
    let mut statuses = Vec::new();
    for _ in 0..4 {
        statuses.push(world.status("?a=b").await.status);
    }
    world.clock.advance(jiff::SignedDuration::from_secs(1));
    statuses.push(world.status("?a=b").await.status);
    assert_eq!(statuses, [200, 200, 429, 429, 200]);
    assert_eq!(world.control(Method::GET, "status", "").await, serde_json::json!({ "answered": 3, "throttled": 2 }));
    world.control(Method::POST, "faults", r#"{"operation":"consulta","fault":"503","times":1}"#).await;
    assert_eq!(world.status("?a=b").await.status, 503);
    assert_eq!(world.counts().await["refused"], 0);
    covers!("sandbox: status queries beyond the pace are answered 429, and counted");
}

/// The certificates of the fixtures, by number.
fn published(root: &Path) -> HashMap<String, Certificate> {
    let list: Vec<serde_json::Value> =
        serde_json::from_slice(&std::fs::read(root.join("mx/fiel/certificates.json")).unwrap()).unwrap();
    let read = |it: &serde_json::Value| {
        Certificate::parse(&std::fs::read(root.join("mx/fiel").join(it["file"].as_str().unwrap())).unwrap()).unwrap()
    };
    list.iter().map(|it| (it["certificate_number"].as_str().unwrap().to_owned(), read(it))).collect()
}

fn digest(hash: SealHash) -> SealDigest {
    match hash {
        SealHash::Sha1 => SealDigest::Sha1,
        SealHash::Sha256 => SealDigest::Sha256,
    }
}

/// Seal, stamp, and stamp of this document, by certificates at hand.
fn found(certificates: &HashMap<String, Certificate>, it: &Read) -> (bool, bool, bool) {
    let stamp = it.stamp.as_ref().unwrap();
    let own = verify_sello(&certificates[&it.no_certificado], digest(it.hash), it.document.as_bytes(), &it.sello);
    let sat = &certificates[&stamp.no_certificado_sat];
    (own, verify_sello(sat, digest(stamp.hash), stamp.cadena.as_bytes(), &stamp.sello_sat), stamp.matches)
}

#[test]
fn the_published_documents_verify_and_their_mutants_do_not() {
    let root = fedatario_testkit::fixtures_or_skip!();
    let certificates = published(&root);
    let sim = root.join("mx/cfdi/sim");
    let mut files: Vec<_> = std::fs::read_dir(&sim)
        .unwrap()
        .map(|it| it.unwrap().path())
        .filter(|it| it.extension().is_some_and(|it| it == "xml"))
        .collect();
    files.sort();
    assert_eq!(files.len(), 25);
    let texts: Vec<String> = files.iter().map(|it| std::fs::read_to_string(it).unwrap()).collect();
    for (place, text) in texts.iter().enumerate() {
        let (name, seals) = (files[place].display(), cadena::read(text).unwrap());
        assert_eq!(found(&certificates, &seals), (true, true, true), "{name}");
        assert_eq!(seals.certificate.as_deref(), Some(certificates[&seals.no_certificado].der()), "{name}");

        let after = |mark: &str| text.find(mark).map(|it| it + mark.len());
        let price = after(" ValorUnitario=\"").or_else(|| after(" MontoTotOperacion=\"")).unwrap();
        let altered = [&text[..price], "9", &text[price..]].concat();
        assert_eq!(found(&certificates, &cadena::read(&altered).unwrap()), (false, true, true), "{name}");

        let other = cadena::read(&texts[(place + 1) % texts.len()]).unwrap().stamp.unwrap();
        let own = seals.stamp.clone().unwrap();
        let in_text = text.replacen(&format!("SelloCFD=\"{}\"", own.sello_cfd), &format!("SelloCFD=\"{}\"", other.sello_cfd), 1);
        assert_eq!(found(&certificates, &cadena::read(&in_text).unwrap()), (true, false, false), "{name}");

        let folio = own.uuid.replace(['A', 'B', 'C', 'D', 'E', 'F', 'a', 'b', 'c', 'd', 'e', 'f'], "0");
        let renamed = text.replace(&format!("UUID=\"{}\"", own.uuid), &format!("UUID=\"{folio}\""));
        assert_eq!(found(&certificates, &cadena::read(&renamed).unwrap()), (true, false, true), "{name}");
    }
    covers!(
        "seal: the 25 published documents verify, seal and stamp; an altered amount, another document's seal in the stamp and a changed folio do not"
    );
}
