//! What travels when all goes well, and what never does.

mod common;

use common::*;
use fedatario_app::model::{Direction, Environment, Estado, Family, Filters};
use fedatario_app::ports::{Sat, SatRequest};
use fedatario_base::id::{PackageId, SolicitudId};
use fedatario_base::{Code, Secret};
use fedatario_sat::{Addresses, Door, Endpoints};
use fedatario_testkit::covers;
use fedatario_upstream::memory::Memory;
use fedatario_vault::RootKeys;
use jiff::SignedDuration;
use std::sync::Arc;

fn solicitud() -> SolicitudId {
    SolicitudId::fresh(NOW.parse().unwrap())
}

#[tokio::test]
async fn headers_and_bodies_are_what_the_service_expects() {
    let (script, base) = Script::start().await;
    let (rig, shelf) = (rig(&base), MemoryShelf::default());
    rig.client.ask(&rig.account, &request(), solicitud(), None).await.unwrap();
    rig.client.verify(&rig.account, "ABC-1", solicitud(), None).await.unwrap();
    rig.client.download(&rig.account, "ABC_01", PackageId::fresh(NOW.parse().unwrap()), None, &shelf).await.unwrap();
    let prefix = "http://DescargaMasivaTerceros.sat.gob.mx";
    let expected = [
        (
            Door::Autentica,
            "http://DescargaMasivaTerceros.gob.mx/IAutenticacion/Autentica".to_owned(),
            "<u:Created>2026-09-01T12:00:00.000Z</u:Created><u:Expires>2026-09-01T12:05:00.000Z</u:Expires>",
        ),
        (Door::Solicita, format!("{prefix}/ISolicitaDescargaService/SolicitaDescargaEmitidos"), "RfcEmisor=\"EKU9003173C9\""),
        (Door::Verifica, format!("{prefix}/IVerificaSolicitudDescargaService/VerificaSolicitudDescarga"), "IdSolicitud=\"ABC-1\""),
        (Door::Descargar, format!("{prefix}/IDescargaMasivaTercerosService/Descargar"), "IdPaquete=\"ABC_01\""),
    ];
    for (door, action, part) in expected {
        let seen = script.seen(door);
        assert_eq!(seen.len(), 1, "{door:?}");
        let it = &seen[0];
        assert_eq!(it.path, door.path());
        assert!(it.head.starts_with("POST ") && it.head.contains(" HTTP/1.1\r\n"), "{}", it.head);
        assert_eq!(it.header("SOAPAction"), Some(format!("\"{action}\"").as_str()));
        assert_eq!(it.header("Content-Type"), Some("text/xml; charset=utf-8"));
        assert_eq!(it.header("Accept-Encoding"), Some("gzip"));
        assert_eq!(it.header("User-Agent"), Some(concat!("fedatario/", env!("CARGO_PKG_VERSION"))));
        let token = (door != Door::Autentica).then(|| format!("WRAP access_token=\"{TOKEN}\""));
        assert_eq!(it.header("Authorization"), token.as_deref());
        assert!(it.body.contains(part), "{}", it.body);
    }
    assert_eq!(*shelf.kept.lock().unwrap(), [b"Hello, mundo!"]);
    covers!("sat: headers, actions, paths and bodies of the four doors");
}

#[tokio::test]
async fn one_login_serves_a_family_until_it_is_due() {
    let (script, base) = Script::start().await;
    let rig = rig(&base);
    let until = rig.client.login(&rig.account).await.unwrap();
    assert_eq!(until.to_string(), "2026-09-01T12:05:00Z");
    let request = request();
    let asking = rig.client.ask(&rig.account, &request, solicitud(), None);
    let (asked, verified) = tokio::join!(asking, rig.client.verify(&rig.account, "x", solicitud(), None));
    assert!(asked.is_ok() && verified.is_ok());
    assert_eq!(script.seen(Door::Autentica).len(), 1);

    let mut retenciones = rig.account.clone();
    retenciones.family = Family::Retenciones;
    rig.client.verify(&retenciones, "x", solicitud(), None).await.unwrap();
    let logins = script.seen(Door::Autentica);
    assert_eq!(logins.len(), 2);
    assert_eq!(logins[1].path, "/retenciones/Autenticacion/Autenticacion.svc");

    rig.clock.advance(SignedDuration::from_secs(4 * 60 + 29));
    rig.client.login(&rig.account).await.unwrap();
    assert_eq!(script.seen(Door::Autentica).len(), 2);
    rig.clock.advance(SignedDuration::from_secs(2));
    rig.client.login(&rig.account).await.unwrap();
    assert_eq!(script.seen(Door::Autentica).len(), 3);
    covers!("sat: one login for each credential and family, renewed 30 s before its expiry");
}

#[tokio::test]
async fn the_other_world_is_refused_before_a_byte_leaves() {
    let (script, base) = Script::start().await;
    let sandbox = Endpoints::from_base(&base).unwrap();
    // A production taxpayer with a simulator in its place, and a sandbox taxpayer without address.
    let swapped = Addresses { production: Some(sandbox.clone()), sandbox: None };
    for environment in [Environment::Production, Environment::Sandbox] {
        let memory = Memory::new();
        let mut rig = rig_at(swapped.clone(), memory.clone(), PATIENT);
        rig.account.environment = environment;
        let shelf = MemoryShelf::default();
        let package = PackageId::fresh(NOW.parse().unwrap());
        let codes = [
            rig.client.login(&rig.account).await.unwrap_err().code(),
            rig.client.ask(&rig.account, &request(), solicitud(), None).await.unwrap_err().code(),
            rig.client.verify(&rig.account, "x", solicitud(), None).await.unwrap_err().code(),
            rig.client.download(&rig.account, "x", package, None, &shelf).await.unwrap_err().code(),
        ];
        assert_eq!(codes, [Code::EnvironmentMismatch; 4]);
        assert!(memory.exchanges(&rig.account.scope).is_empty());
        assert_eq!(*shelf.begun.lock().unwrap(), 0);
    }
    assert!(Door::ALL.into_iter().all(|door| script.seen(door).is_empty()));
    covers!("sat: environment_mismatch before any byte leaves, in both directions, at every operation");
}

#[tokio::test]
async fn a_shelf_without_room_costs_no_download() {
    let (script, base) = Script::start().await;
    let rig = rig(&base);
    let shelf = MemoryShelf { broken: true, ..MemoryShelf::default() };
    let error = rig.client.download(&rig.account, "x", PackageId::fresh(NOW.parse().unwrap()), None, &shelf).await.unwrap_err();
    assert_eq!(error.code(), Code::BlobUnavailable);
    assert!(script.seen(Door::Descargar).is_empty());
    covers!("sat: storage that cannot take a package costs none of its two downloads");
}

#[tokio::test]
async fn a_credential_that_cannot_sign_is_told_by_its_own_code() {
    let (script, base) = Script::start().await;
    let sandbox = Addresses { production: None, sandbox: Some(Endpoints::from_base(&base).unwrap()) };
    let roots = RootKeys::from_text(&Secret::new(format!("1 {}=", "A".repeat(43)))).unwrap();
    let (vault, _) = fedatario_vault::memory::Memory::vault(roots);
    let memory = Memory::new();
    let rig = rig_with(sandbox, memory.clone(), PATIENT, Arc::new(vault));
    let codes = [
        rig.client.login(&rig.account).await.unwrap_err().code(),
        rig.client.ask(&rig.account, &request(), solicitud(), None).await.unwrap_err().code(),
        rig.client.verify(&rig.account, "x", solicitud(), None).await.unwrap_err().code(),
    ];
    assert_eq!(codes, [Code::CredentialMissing; 3]);
    assert!(memory.exchanges(&rig.account.scope).is_empty());
    assert!(Door::ALL.into_iter().all(|door| script.seen(door).is_empty()));
    covers!("sat: what the vault refuses to sign is not sent, and keeps the vault's code");
}

#[tokio::test]
async fn a_package_with_status_5000_may_be_empty() {
    let (script, base) = Script::start().await;
    let (rig, shelf) = (rig(&base), MemoryShelf::default());
    script.next(Door::Descargar, Act::answer(200, coded(Door::Descargar, "5000").replace("SGVsbG8sIG11bmRvIQ==", "")));
    let it = rig.client.download(&rig.account, "x", PackageId::fresh(NOW.parse().unwrap()), None, &shelf).await.unwrap();
    assert_eq!((it.cod_estatus.as_str(), it.kept), ("5000", None));
    assert!(shelf.kept.lock().unwrap().is_empty());
    covers!("sat: status 5000 with an empty Paquete is an answer without package");
}

#[tokio::test]
async fn both_directions_are_asked_from_the_taxpayers_side() {
    let (script, base) = Script::start().await;
    let mut rig = rig(&base);
    rig.account.rfc = "H&E951128469".into();
    let mut received = request();
    (received.direction, received.estado) = (Direction::Received, Estado::Vigente);
    let answer = coded(Door::Solicita, "5000").replace("Emitidos", "Recibidos");
    script.next(Door::Solicita, Act::answer(200, answer));
    rig.client.ask(&rig.account, &received, solicitud(), None).await.unwrap();
    let body = &script.seen(Door::Solicita)[0].body;
    let expected = "<des:SolicitaDescargaRecibidos><des:solicitud EstadoComprobante=\"Vigente\" FechaFinal=\"2026-08-31T23:59:59\" \
                    FechaInicial=\"2026-08-01T00:00:00\" RfcReceptor=\"H&amp;E951128469\" RfcSolicitante=\"H&amp;E951128469\" \
                    TipoSolicitud=\"CFDI\">";
    assert!(body.contains(expected), "{body}");
    covers!("sat: an RFC with an ampersand is escaped on the wire");
}

#[tokio::test]
async fn every_filter_goes_where_the_service_reads_it() {
    let (script, base) = Script::start().await;
    let rig = rig(&base);
    let mut issued = request();
    issued.estado = Estado::Cancelado;
    issued.filters = Filters {
        counterparties: vec!["H&E951128469".into(), "XAXX010101000".into()],
        kind: Some("I".into()),
        complement: Some("pagos20".into()),
        third_party: Some("IAÑL750210963".into()),
        folio: None,
    };
    let received = SatRequest {
        direction: Direction::Received,
        filters: Filters { counterparties: vec!["XAXX010101000".into()], ..Filters::default() },
        ..request()
    };
    let folio = SatRequest {
        filters: Filters { folio: Some("96623061-61fe-49de-b298-c7156476aa8b".into()), ..Filters::default() },
        ..request()
    };
    let cases = [
        (issued, "Emitidos", "Complemento=\"pagos20\" EstadoComprobante=\"Cancelado\""),
        (received, "Recibidos", "RfcEmisor=\"XAXX010101000\" RfcReceptor="),
        (
            folio,
            "Folio",
            "<des:SolicitaDescargaFolio><des:solicitud Folio=\"96623061-61fe-49de-b298-c7156476aa8b\" RfcSolicitante=",
        ),
    ];
    for (at, (request, operation, expected)) in cases.iter().enumerate() {
        script.next(Door::Solicita, Act::answer(200, coded(Door::Solicita, "5000").replace("Emitidos", operation)));
        rig.client.ask(&rig.account, request, solicitud(), None).await.unwrap();
        let body = script.seen(Door::Solicita)[at].body.clone();
        assert!(body.contains(expected), "{body}");
        let receivers = "<des:RfcReceptores><des:RfcReceptor>H&amp;E951128469</des:RfcReceptor>\
                         <des:RfcReceptor>XAXX010101000</des:RfcReceptor></des:RfcReceptores>";
        assert_eq!(body.contains(receivers), *operation == "Emitidos", "{body}");
        for name in ["TipoComprobante=\"I\"", "RfcACuentaTerceros=\"IAÑL750210963\""] {
            assert_eq!(body.contains(name), *operation == "Emitidos", "{body}");
        }
        assert_eq!(body.contains("FechaInicial"), *operation != "Folio", "{body}");
    }
    covers!("requests: each filter, both sides' RFCs and the folio go where the service reads them");
}

#[tokio::test]
async fn packed_answers_are_unpacked_as_they_stream() {
    let (script, base) = Script::start().await;
    let (rig, shelf) = (rig(&base), MemoryShelf::default());
    for door in Door::ALL {
        script.next(door, Act::gzipped(coded(door, "5000")));
    }
    rig.client.ask(&rig.account, &request(), solicitud(), None).await.unwrap();
    rig.client.verify(&rig.account, "x", solicitud(), None).await.unwrap();
    rig.client.download(&rig.account, "x", PackageId::fresh(NOW.parse().unwrap()), None, &shelf).await.unwrap();
    assert_eq!(*shelf.kept.lock().unwrap(), [b"Hello, mundo!"]);
    covers!("sat: answers packed with gzip are read");
}

#[tokio::test]
async fn a_certificate_that_the_system_does_not_trust_ends_the_call() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (key, certificate) = (path("key.pem"), path("cert.pem"));
    let minted = std::process::Command::new("openssl")
        .args(["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"])
        .args(["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", &key, "-out", &certificate])
        .output()
        .expect("openssl is installed");
    assert!(minted.status.success(), "{}", String::from_utf8_lossy(&minted.stderr));
    let port = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    let mut server = tokio::process::Command::new("openssl")
        .args(["s_server", "-accept", &format!("127.0.0.1:{port}"), "-cert", &certificate, "-key", &key])
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut said = tokio::io::BufReader::new(server.stdout.take().unwrap());
    let mut line = String::new();
    while !line.contains("ACCEPT") {
        line.clear();
        let read = tokio::io::AsyncBufReadExt::read_line(&mut said, &mut line).await.unwrap();
        assert!(read > 0, "openssl s_server did not start");
    }
    let rig = rig(&format!("https://127.0.0.1:{port}"));
    let error = rig.client.login(&rig.account).await.unwrap_err();
    assert_eq!(error.code(), Code::AuthorityUnreachable, "{error:?}");
    assert!(format!("{error:?}").to_lowercase().contains("certificate"), "{error:?}");
    covers!("sat: a server whose certificate the system does not trust gets nothing, and no setting changes that");
}
