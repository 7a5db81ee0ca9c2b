//! The wire: headers, gzip, addresses, real clients' requests, and the published corpus.

mod support;

use fedatario_credentials::Certificate;
use fedatario_sandbox::sat::{Corpus, Limits, MetadataHeader};
use fedatario_testkit::{covers, fixtures};
use reqwest::header::HeaderMap;
use std::path::Path;
use support::{RFC, Signer, World, emitidos, recibidos, unbase64, unzip};

const SOLICITA: &str = "/SolicitaDescargaService.svc";
const EMITIDOS: &str = "http://DescargaMasivaTerceros.sat.gob.mx/ISolicitaDescargaService/SolicitaDescargaEmitidos";

#[tokio::test]
async fn headers_and_compression_are_those_of_the_captured_answers() {
    let root = fedatario_testkit::fixtures_or_skip!();
    let captured: serde_json::Value =
        serde_json::from_slice(&fixtures::read(&root, "mx/soap/captured-2025-09/response-headers.json")).unwrap();
    let mut world = World::new().await;
    world.http = reqwest::Client::builder().no_proxy().no_gzip().build().unwrap();
    let mut headers = HeaderMap::new();
    headers.insert("Accept-Encoding", "gzip, deflate".parse().unwrap());
    let plain = world.emitidos("x", &[]).await;
    assert!(plain.headers.get("content-encoding").is_none() && plain.body.starts_with("<s:Envelope"));
    world.http = reqwest::Client::builder().no_proxy().no_gzip().default_headers(headers).build().unwrap();
    let check = |name: &str, found: &HeaderMap| {
        for (header, value) in captured[name].as_object().unwrap().iter().filter(|(it, _)| *it != "status") {
            assert_eq!(found.get(header.as_str()).map(|it| it.to_str().unwrap()), value.as_str(), "{header}");
        }
        assert_eq!(found["date"], "Sat, 21 Nov 2026 18:00:00 GMT");
    };
    let asked = world.emitidos("x", &[]).await;
    check("solicita_verifica_autentica", &asked.headers);
    assert!(asked.headers.contains_key("content-length"));
    world.http = support::client();
    let token = world.login(&world.fiel).await;
    let id = world.emitidos(&token, &[]).await.attribute("IdSolicitud").unwrap();
    let package = world.verify(&token, &id).await.text("IdsPaquetes").remove(0);
    let headers = HeaderMap::from_iter([(reqwest::header::ACCEPT_ENCODING, "gzip".parse().unwrap())]);
    world.http = reqwest::Client::builder().no_proxy().no_gzip().default_headers(headers).build().unwrap();
    let download = world.download(&token, &package).await;
    check("descargar", &download.headers);
    assert_eq!(download.headers["transfer-encoding"], "chunked");
    covers!("sandbox: headers and gzip as captured");
}

#[tokio::test]
async fn addresses_actions_and_bodies_must_agree() {
    let world = World::new().await;
    let token = world.login(&world.fiel).await;
    let body = world.fiel.request("SolicitaDescargaEmitidos", &emitidos(&[]), &[]);
    let post = async |path: &str, action: &str, body: &str| world.post(path, action, &token, body.to_owned()).await.unwrap();
    for (path, action) in [
        (SOLICITA, "http://DescargaMasivaTerceros.sat.gob.mx/ISolicitaDescargaService/SolicitaDescarga"),
        (SOLICITA, "http://DescargaMasivaTerceros.sat.gob.mx/ISolicitaDescargaService/SolicitaDescargaRecibidos"),
        (SOLICITA, ""),
        ("/VerificaSolicitudDescargaService.svc", EMITIDOS),
    ] {
        let answer = post(path, action, &body).await;
        assert!(answer.status == 500 && answer.body.contains("a:ActionNotSupported"), "{path} {action} {answer:?}");
        assert!(answer.body.contains(&format!("Action '{action}'")));
    }
    assert_eq!(post(SOLICITA, &format!("\"{EMITIDOS}\""), &body).await.code(), 5000);
    assert_eq!(post(SOLICITA, EMITIDOS, "<html>").await.status, 400);
    assert_eq!(post("/nada", EMITIDOS, &body).await.status, 404);
    let huge = format!("{body}{}", " ".repeat(2 << 20));
    assert_eq!(post(SOLICITA, EMITIDOS, &huge).await.status, 413);
    let wsdl = world.http.get(format!("{}{SOLICITA}?wsdl", world.base)).send().await.unwrap().text().await.unwrap();
    assert!(wsdl.contains("wsdl:definitions") && wsdl.contains(EMITIDOS));
    let real = world.http.get(format!("{}{SOLICITA}", world.base)).header("Host", "cfdidescargamasiva.clouda.sat.gob.mx");
    assert_eq!(real.send().await.unwrap().status(), 421);
    let cer = world.http.get(format!("{}/_sandbox/authority.cer", world.base)).send().await.unwrap().bytes().await.unwrap();
    assert!(Certificate::parse(&world.fiel.cer).unwrap().is_issued_by(&Certificate::parse(&cer).unwrap()));
    covers!("sandbox: SOAPAction against body, ActionNotSupported, wsdl, production hosts refused");
}

fn certificate(root: &Path, file: &str) -> Certificate {
    Certificate::parse(&fixtures::read(root, &format!("mx/fiel/{file}"))).unwrap()
}

/// The published corpus behind a sandbox that trusts SAT's test authority, and its taxpayer.
async fn published(root: &Path, now: &str) -> World {
    let authority = certificate(root, "ca/AC_UAT_2022.cer");
    let corpus = Corpus::from_dir(&root.join("mx/cfdi/sim")).unwrap();
    let mut world = World::at(now, |it| {
        (it.trust, it.corpus) = (vec![authority], corpus);
        it.limits = Limits { documents_per_package: 8, ..Limits::default() };
    })
    .await;
    let read = |it: &str| fixtures::read(root, &format!("mx/fiel/sat-test-2023-2027/EKU9003173C9_fiel.{it}"));
    world.fiel = Signer::open(RFC, read("cer"), &read("key"), b"12345678a");
    world
}

#[tokio::test]
async fn requests_of_real_clients_get_past_the_signature() {
    let root = fedatario_testkit::fixtures_or_skip!();
    let world = published(&root, "2026-09-01T12:00:00Z").await; // When they were recorded.
    for client in ["satcfdi", "cfdiclient"] {
        let folder = root.join("mx/soap").join(client);
        let post = async |name: &str, token: Option<&str>| {
            let recorded: serde_json::Value =
                serde_json::from_slice(&std::fs::read(folder.join(format!("{name}.http.json"))).unwrap()).unwrap();
            let path = recorded["url"].as_str().unwrap().split(".gob.mx").nth(1).unwrap().to_owned();
            let family = if recorded["url"].as_str().unwrap().contains("//reten") { "/retenciones" } else { "" };
            let mut request = world.http.post(format!("{}{family}{path}", world.base));
            for (header, value) in recorded["headers"].as_object().unwrap() {
                let value = value.as_str().unwrap();
                let value = token.map_or(value.to_owned(), |it| value.replace("eyJ.token.fijo", it));
                request = request.header(header, value);
            }
            let body = std::fs::read(folder.join(format!("{name}.xml"))).unwrap();
            request.body(body).send().await.unwrap().text().await.unwrap()
        };
        let login = post("autentica", None).await;
        let token = login.split("<AutenticaResult>").nth(1).unwrap().split('<').next().unwrap().to_owned();
        assert!(post("verifica", None).await.contains("CodEstatus=\"300\""));
        // Dates up to 31 August, a request and a package nobody knows, a folio not in the corpus.
        let expected = [
            ("solicita-emitidos", "5000"),
            ("solicita-recibidos", "5000"),
            ("verifica", "5004"),
            ("descargar", "5004"),
            (if client == "satcfdi" { "solicita-folio" } else { "verifica" }, "5004"),
        ];
        for (name, code) in expected {
            let answer = post(name, Some(&token)).await;
            assert!(answer.contains(&format!("CodEstatus=\"{code}\"")), "{client} {name}: {answer}");
        }
        let log = world.sandbox.log();
        let judged: Vec<_> = log.iter().filter_map(|it| it.profile.as_ref()).collect();
        assert!(judged.len() >= 6 && judged.iter().all(|it| it.is_complete()), "{judged:?}");
        world.sandbox.advance(jiff::SignedDuration::from_secs(60)).unwrap();
    }
    covers!("sandbox: recorded requests of two real clients are taken unchanged but for the token");
}

async fn finished(world: &World, token: &str, operation: &str, attributes: &[(&str, &str)]) -> Vec<(String, Vec<u8>)> {
    let asked = world.ask(token, operation, attributes).await;
    assert_eq!(asked.code(), 5000, "{asked:?}");
    let verified = world.verify(token, &asked.attribute("IdSolicitud").unwrap()).await;
    let mut entries = Vec::new();
    for package in verified.text("IdsPaquetes") {
        entries.extend(unzip(&unbase64(&world.download(token, &package).await.text("Paquete")[0])));
    }
    entries
}

fn lines(text: &[u8]) -> Vec<String> {
    let mut lines: Vec<String> = String::from_utf8(text.to_vec()).unwrap().split_inclusive("\r\n").map(str::to_owned).collect();
    lines[1..].sort();
    lines
}

const YEAR: [(&str, &str); 2] = [("FechaInicial", "2026-01-01T00:00:00"), ("FechaFinal", "2026-12-31T23:59:59")];

#[tokio::test]
async fn the_published_corpus_comes_out_as_published() {
    let root = fedatario_testkit::fixtures_or_skip!();
    let world = published(&root, "2027-01-15T18:00:00Z").await;
    let token = world.login(&world.fiel).await;
    let with = |more: &[(&'static str, &'static str)]| [&YEAR[..], more].concat();
    let fixture = |file: &str| fixtures::read(&root, &format!("mx/metadata/sim/{file}.txt"));

    let issued = finished(&world, &token, "SolicitaDescargaEmitidos", &emitidos(&with(&[("TipoSolicitud", "Metadata")]))).await;
    assert_eq!(lines(&issued[0].1), lines(&fixture("92221C85-DE34-5C00-B7EC-5DEDBA48FE38_01")));
    assert_eq!(lines(&issued[1].1), lines(&fixture("92221C85-DE34-5C00-B7EC-5DEDBA48FE38_tercero")));
    assert!(issued[0].0.ends_with("_01.txt") && issued[1].0.ends_with("_tercero.txt"));

    let received = recibidos(&with(&[("TipoSolicitud", "Metadata"), ("EstadoComprobante", "Todos")]));
    let received = finished(&world, &token, "SolicitaDescargaRecibidos", &received).await;
    let mut expected = lines(&fixture("0AD9A87C-B0D6-5062-A401-5AFB1D42C635_01"));
    expected.extend(lines(&issued[0].1).into_iter().filter(|it| it.contains("~T~"))); // Issued to itself.
    expected[1..].sort();
    assert_eq!((lines(&received[0].1), received.len()), (expected, 1));

    let xml = finished(&world, &token, "SolicitaDescargaEmitidos", &emitidos(&YEAR)).await;
    assert_eq!(xml.len(), 14);
    let original = fixtures::read(&root, "mx/cfdi/sim/e14-xmlns-variantes.xml");
    assert!(xml.iter().any(|(_, bytes)| *bytes == original));
    let xml = finished(&world, &token, "SolicitaDescargaRecibidos", &recibidos(&YEAR)).await;
    assert_eq!(xml.len(), 5); // Four, and the transfer to itself; the cancelled one is not delivered.
    covers!("sandbox: metadata and packages of a folder equal the published ones");
}

#[tokio::test]
async fn filters_select() {
    let root = fedatario_testkit::fixtures_or_skip!();
    let world = published(&root, "2027-01-15T18:00:00Z").await;
    let token = world.login(&world.fiel).await;
    let mut second = 0;
    let mut count = async |more: &[(&str, &str)], receivers: &[&str]| {
        second += 1;
        let start = format!("2026-01-01T00:00:{second:02}");
        let base = [("FechaInicial", start.as_str()), ("FechaFinal", "2026-12-31T23:59:59")];
        let attributes =
            emitidos(&[&base[..], more].concat()).iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect::<Vec<_>>();
        let attributes: Vec<_> = attributes.iter().map(|(a, b)| (a.as_str(), b.as_str())).collect();
        let body = world.fiel.request("SolicitaDescargaEmitidos", &attributes, receivers);
        let asked = world.send("SolicitaDescargaEmitidos", &token, body).await.unwrap();
        world.verify(&token, &asked.attribute("IdSolicitud").unwrap()).await.attribute("NumeroCFDIs").unwrap()
    };
    type Case<'a> = (&'a [(&'a str, &'a str)], &'a [&'a str], &'a str);
    let cases: [Case<'_>; 9] = [
        (&[], &[], "14"),
        (&[("EstadoComprobante", "Vigente")], &[], "13"),
        (&[("EstadoComprobante", "Cancelado")], &[], "1"),
        (&[("TipoComprobante", "P")], &[], "1"),
        (&[("Complemento", "nomina12")], &[], "1"),
        (&[("Complemento", "iedu")], &[], "1"),
        (&[("RfcACuentaTerceros", "CACX7605101P8")], &[], "1"),
        (&[], &["H&E951128469"], "3"),
        (&[], &["H&E951128469", "IAÑL750210963"], "4"),
    ];
    for (change, receivers, expected) in cases {
        assert_eq!(count(change, receivers).await, expected, "{change:?} {receivers:?}");
    }
    covers!("sandbox: filters by state, kind, complement, third party, receivers");
}

#[tokio::test]
async fn cancelled_issued_documents_and_the_header_are_switches() {
    let root = fedatario_testkit::fixtures_or_skip!();
    let corpus = Corpus::from_dir(&root.join("mx/cfdi/sim")).unwrap();
    let world = World::at("2027-01-15T18:00:00Z", |it| {
        (it.corpus, it.cancelled_issued, it.metadata_header) = (corpus, false, MetadataHeader::PacCertifico);
    })
    .await;
    let token = world.login(&world.fiel).await;
    assert_eq!(finished(&world, &token, "SolicitaDescargaEmitidos", &emitidos(&YEAR)).await.len(), 13);
    let with = [&YEAR[..], &[("TipoSolicitud", "Metadata")]].concat();
    let listed = finished(&world, &token, "SolicitaDescargaEmitidos", &emitidos(&with)).await;
    let expected = fixtures::read(&root, "mx/metadata/sim/7948F0A9-9654-5D62-9350-EDA377AC4AC4_01.txt");
    assert_eq!(lines(&listed[0].1), lines(&expected));
    covers!("sandbox: switches for cancelled issued XML and the metadata header");
}

#[tokio::test]
async fn retenciones_have_their_own_addresses_and_documents() {
    let root = fedatario_testkit::fixtures_or_skip!();
    let world = published(&root, "2027-01-15T18:00:00Z").await;
    let token = world.try_login(&world.fiel, "/retenciones").await.unwrap().text("AutenticaResult").remove(0);
    let post = async |service: &str, action: &str, body: String| {
        let action = format!("http://DescargaMasivaTerceros.sat.gob.mx/{action}");
        world.post(&format!("/retenciones/{service}.svc"), &action, &token, body).await.unwrap()
    };
    let body =
        world.fiel.request("SolicitaDescargaEmitidos", &emitidos(&[&YEAR[..], &[("TipoSolicitud", "Metadata")]].concat()), &[]);
    let asked = post("SolicitaDescargaService", "ISolicitaDescargaService/SolicitaDescargaEmitidos", body).await;
    let id = asked.attribute("IdSolicitud").unwrap();
    let body = world.fiel.request("VerificaSolicitudDescarga", &[("IdSolicitud", &id), ("RfcSolicitante", RFC)], &[]);
    let verified =
        post("VerificaSolicitudDescargaService", "IVerificaSolicitudDescargaService/VerificaSolicitudDescarga", body).await;
    let package = verified.text("IdsPaquetes").remove(0);
    let body =
        world.fiel.request("PeticionDescargaMasivaTercerosEntrada", &[("IdPaquete", &package), ("RfcSolicitante", RFC)], &[]);
    let fetched = post("DescargaMasivaService", "IDescargaMasivaTercerosService/Descargar", body).await;
    let entries = unzip(&unbase64(&fetched.text("Paquete")[0]));
    let expected = fixtures::read(&root, "mx/metadata/sim/4BEE6B8A-62DE-5588-B67B-6C50D633806A_01.txt");
    assert_eq!(lines(&entries[0].1), lines(&expected));
    let across = world.login(&world.fiel).await;
    assert_eq!(world.verify(&across, &id).await.code(), 5004); // Unknown to the other family.
    covers!("sandbox: retenciones family");
}

#[tokio::test]
async fn the_status_query_knows_the_same_documents() {
    let root = fedatario_testkit::fixtures_or_skip!();
    let world = published(&root, "2027-01-15T18:00:00Z").await;
    let ask = async |expression: &str| {
        let body = format!(
            "<Envelope xmlns=\"http://schemas.xmlsoap.org/soap/envelope/\" xmlns:tem=\"http://tempuri.org/\"><Body><tem:Consulta>\
             <tem:expresionImpresa><![CDATA[{expression}]]></tem:expresionImpresa></tem:Consulta></Body></Envelope>"
        );
        world.post("/ConsultaCFDIService.svc", "http://tempuri.org/IConsultaCFDIService/Consulta", "", body).await.unwrap().body
    };
    let expected = |file: &str| String::from_utf8(fixtures::read(&root, &format!("mx/soap/consulta-cfdi/{file}.xml"))).unwrap();
    let e01 = "id=26DA5355-E4BD-57D7-8E8E-B567754A287F";
    let cases = [
        (format!("?re=EKU9003173C9&rr=H&E951128469&tt=1160.00&{e01}"), "vigente-no-cancelable-efos200"),
        (format!("?re=EKU9003173C9&rr=H&amp;E951128469&tt=1160.0&{e01}&fe=PaFQQtw=="), "no-encontrado-602"),
        (
            format!(
                "https://verificacfdi.facturaelectronica.sat.gob.mx/default.aspx?{e01}&re=EKU9003173C9&rr=H&amp;E951128469&tt=1160&fe=aMQQtw=="
            ),
            "vigente-no-cancelable-efos200",
        ),
        (format!("?re=EKU9003173C9&rr=H&amp;E951128469&tt=1161&{e01}"), "no-encontrado-602"),
        (
            "?re=EKU9003173C9&rr=H&amp;E951128469&tt=870.00&id=8862779A-6D71-5169-99BE-1D6E7593614B".into(),
            "cancelado-sin-aceptacion",
        ),
        ("?a=foo&b=bar".into(), "expresion-invalida-601"),
        ("foo".into(), "expresion-invalida-601"),
    ];
    for (expression, file) in cases {
        assert_eq!(ask(&expression).await.trim(), expected(file).trim(), "{expression}");
    }
    covers!("sandbox: status query over the same corpus");
}

#[test]
fn files_without_a_stamp_are_skipped_and_listed() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &[u8]| std::fs::write(folder.path().join(name), text).unwrap();
    let good = support::generated(3).xml(1).unwrap();
    write("b.xml", &good);
    write("junk-before.XML", &[b"\xef\xbb\xbf\n".as_slice(), &support::generated(3).xml(2).unwrap()].concat());
    write("z.xml", &good);
    write("a.xml", b"<cfdi:Comprobante xmlns:cfdi='http://www.sat.gob.mx/cfd/4' Fecha='2026-01-01T00:00:00'/>");
    write("c.xml", b"<html/>");
    write("d.xml", b"<!DOCTYPE a><a/>");
    write("e.xml", b"nada");
    write("notes.txt", b"nada");
    let corpus = Corpus::from_dir(folder.path()).unwrap();
    assert_eq!(corpus.len(), 2);
    let reasons: Vec<_> = corpus.skipped().iter().map(|it| (it.file.as_str(), it.reason.as_str())).collect();
    assert_eq!(reasons[0], ("a.xml", "no stamp (TimbreFiscalDigital)"));
    assert_eq!(reasons.iter().map(|it| it.0).collect::<Vec<_>>(), ["a.xml", "c.xml", "d.xml", "e.xml", "z.xml"]);
    write("index.json", br#"[{"file":"b.xml","estatus":"Cancelado","fecha_cancelacion":"2026-02-01 10:00:00"}]"#);
    assert!(Corpus::from_dir(folder.path()).unwrap().facts(0).cancelled.is_some());
    write("index.json", br#"[{"file":"b.xml","estatus":"Cancelado"}]"#);
    assert!(Corpus::from_dir(folder.path()).is_err());
    covers!("sandbox: a folder's files without a stamp are skipped and listed");
}

#[tokio::test]
async fn https_is_trusted_by_whoever_trusts_its_authority() {
    let mut world = World::new().await;
    let tls = fedatario_sandbox::sat::Tls::generate(&["localhost", "127.0.0.1"]).unwrap();
    let authority = reqwest::Certificate::from_pem(tls.authority_pem().as_bytes()).unwrap();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    world.base = format!("https://localhost:{}", listener.local_addr().unwrap().port());
    tokio::spawn(fedatario_sandbox::sat::serve_tls(listener, world.sandbox.clone(), tls));
    assert!(world.try_login(&world.fiel, "").await.is_err());
    world.http = reqwest::Client::builder().no_proxy().tls_certs_only([authority]).build().unwrap();
    let token = world.login(&world.fiel).await;
    assert_eq!(world.emitidos(&token, &[]).await.code(), 5000);
    covers!("sandbox: HTTPS under an authority of its own");
}
