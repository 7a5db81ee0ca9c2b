//! Every code that the simulated service answers, and when, over real HTTP.

mod support;

use fedatario_credentials::Kind;
use fedatario_sandbox::sat::{Limits, Mode, Waits};
use fedatario_testkit::covers;
use jiff::SignedDuration;
use support::{RFC, Signer, World, emitidos, recibidos, unbase64, unzip};

const FAR: (&str, &str) = ("2026-01-01T00:00:00Z", "2030-01-01T00:00:00Z");

#[tokio::test]
async fn a_request_walks_through_its_states_to_a_package() {
    let wait = SignedDuration::from_mins(10);
    let world = World::with(|it| it.waits = Waits { accepted: wait, running: wait }).await;
    let token = world.login(&world.fiel).await;
    let asked = world.emitidos(&token, &[]).await;
    assert_eq!((asked.code(), asked.attribute("RfcSolicitante").as_deref()), (5000, Some(RFC)));
    let id = asked.attribute("IdSolicitud").unwrap();
    for (state, minutes) in [("1", 10), ("2", 10), ("3", 72 * 60), ("6", 0)] {
        let answer = world.verify(&token, &id.to_uppercase()).await;
        assert_eq!((answer.code(), answer.attribute("EstadoSolicitud").as_deref()), (5000, Some(state)));
        world.control(reqwest::Method::POST, "clock", &format!("{{\"advance_s\":{}}}", minutes * 60)).await;
    }
    covers!("sandbox: states of a request move with the virtual clock");
}

#[tokio::test]
async fn a_package_holds_what_was_asked_twice_and_not_a_third_time() {
    let world = World::new().await;
    let token = world.login(&world.fiel).await;
    let id = world.emitidos(&token, &[]).await.attribute("IdSolicitud").unwrap();
    let verified = world.verify(&token, &id).await;
    let packages = verified.text("IdsPaquetes");
    assert_eq!(packages, [format!("{}_01", id.to_uppercase())]);
    let count: usize = verified.attribute("NumeroCFDIs").unwrap().parse().unwrap();
    let first = world.download(&token, &packages[0]).await;
    let again = world.download(&token, &packages[0].to_lowercase()).await;
    let third = world.download(&token, &packages[0]).await;
    assert_eq!([first.code(), again.code(), third.code()], [5000, 5000, 5008]);
    assert_eq!(first.text("Paquete"), again.text("Paquete"));
    let entries = unzip(&unbase64(&first.text("Paquete")[0]));
    assert_eq!(entries.len(), count);
    assert!(
        count > 5
            && entries.iter().all(|(name, bytes)| {
                let uuid = name.strip_suffix(".xml").unwrap();
                uuid == uuid.to_lowercase() && String::from_utf8_lossy(bytes).contains(&format!("UUID=\"{}\"", uuid.to_uppercase()))
            })
    );
    let counts = world.counts().await;
    assert_eq!(counts, serde_json::json!({"requests":1,"downloads":2,"most_downloads_of_one_package":2,"refused":1,"logins":1}));
    covers!("sandbox: a package is handed out twice, then 5008");
    covers!("sandbox: counts of requests, downloads, refusals and logins");
}

#[tokio::test]
async fn packages_end_after_72_hours() {
    let world = World::new().await;
    let token = world.login(&world.fiel).await;
    let id = world.emitidos(&token, &[]).await.attribute("IdSolicitud").unwrap();
    let package = world.verify(&token, &id).await.text("IdsPaquetes").remove(0);
    world.sandbox.advance(SignedDuration::from_hours(72) - SignedDuration::from_secs(1)).unwrap();
    assert_eq!(world.download(&token, &package).await.code(), 5000);
    world.sandbox.advance(SignedDuration::from_secs(1)).unwrap();
    assert_eq!(world.download(&token, &package).await.code(), 5007);
    assert_eq!(world.verify(&token, &id).await.attribute("EstadoSolicitud").as_deref(), Some("6"));
    assert_eq!(world.download(&token, &format!("{}_02", id.to_uppercase())).await.code(), 5004);
    assert_eq!(world.download(&token, "nada").await.code(), 5004);
    covers!("sandbox: packages and requests end after 72 hours");
}

#[tokio::test]
async fn identical_requests_meet_5005_then_5002_and_metadata_neither_quota() {
    let wait = SignedDuration::from_mins(10);
    let world = World::with(|it| it.waits = Waits { accepted: wait, running: wait }).await;
    let token = world.login(&world.fiel).await;
    let hour = SignedDuration::from_hours(1);
    assert_eq!(world.emitidos(&token, &[]).await.code(), 5000);
    let active = world.emitidos(&token, &[("TipoComprobante", "I")]).await; // A filter makes no new request.
    assert_eq!((active.code(), active.attribute("IdSolicitud")), (5005, None));
    world.sandbox.advance(hour).unwrap();
    assert_eq!(world.emitidos(&token, &[]).await.code(), 5000);
    world.sandbox.advance(hour).unwrap();
    let third = world.emitidos(&token, &[]).await;
    assert_eq!((third.code(), third.attribute("IdSolicitud").is_some()), (5002, true));
    assert_eq!(world.emitidos(&token, &[("FechaInicial", "2025-12-31T23:59:59")]).await.code(), 5000);
    for _ in 0..4 {
        assert_eq!(world.emitidos(&token, &[("TipoSolicitud", "Metadata")]).await.code(), 5000);
        assert_eq!(world.emitidos(&token, &[("TipoSolicitud", "Metadata")]).await.code(), 5005);
        world.sandbox.advance(hour).unwrap();
    }
    let listed = world.sandbox.requests();
    assert_eq!(listed.len(), 7);
    assert_eq!(listed[0].solicitud.criteria.rfc_emisor.as_deref(), Some(RFC));
    covers!("sandbox: 5005 while identical is active, 5002 the third time in life, metadata without quota");
}

#[tokio::test]
async fn content_is_refused_with_301_or_a_fault() {
    let world = World::new().await;
    let token = world.login(&world.fiel).await;
    let cases: [(&[(&str, &str)], &str); 7] = [
        (&[("FechaFinal", "2026-01-01T00:00:00")], "La fecha inicial es mayor o igual a la fecha final."),
        (&[("FechaInicial", "2020-11-20T23:59:59")], "seis años"),
        (&[("FechaFinal", "2026-11-21T12:00:01")], "fecha actual"),
        (&[("RfcEmisor", "")], "RfcEmisor"),
        (&[("RfcEmisor", "eku9003173c9"), ("RfcSolicitante", "")], "RFC"),
        (&[("Complemento", "cartaporte31")], "Complemento"),
        (&[("EstadoComprobante", "1")], "EstadoComprobante"),
    ];
    for (change, expected) in cases {
        let answer = world.emitidos(&token, change).await;
        assert_eq!((answer.status, answer.code(), answer.attribute("IdSolicitud")), (200, 301, None), "{change:?}");
        assert!(answer.attribute("Mensaje").unwrap().contains(expected), "{answer:?}");
    }
    for state in ["Todos", "Cancelado"] {
        let answer = world.ask(&token, "SolicitaDescargaRecibidos", &recibidos(&[("EstadoComprobante", state)])).await;
        assert!(answer.code() == 301 && answer.attribute("Mensaje").unwrap().contains("cancelados"), "{answer:?}");
        let listed = recibidos(&[
            ("EstadoComprobante", state),
            ("TipoSolicitud", "Metadata"),
            ("RfcEmisor", if state == "Todos" { "" } else { "OÑO120726RX3" }),
        ]);
        assert_eq!(world.ask(&token, "SolicitaDescargaRecibidos", &listed).await.code(), 5000);
    }
    let six = ["H&E951128469"; 6];
    let body = world.fiel.request("SolicitaDescargaEmitidos", &emitidos(&[]), &six);
    assert_eq!(world.send("SolicitaDescargaEmitidos", &token, body).await.unwrap().code(), 301);
    for change in [("TipoSolicitud", "cfdi"), ("FechaInicial", "2026-01-01")] {
        let answer = world.emitidos(&token, &[change]).await;
        assert!(answer.status == 500 && answer.body.contains("a:DeserializationFailed"), "{answer:?}");
    }
    covers!("sandbox: 301 with its reason, deserialization faults");
}

#[tokio::test]
async fn token_certificate_rfc_and_signature_are_judged_in_this_order() {
    let world = World::with(|it| it.mode = Mode::Strict).await;
    let csd = world.mint(Kind::Csd, RFC, FAR.0, FAR.1);
    let expired = world.mint(Kind::Fiel, RFC, "2020-01-01T00:00:00Z", "2024-01-01T00:00:00Z");
    let early = world.mint(Kind::Fiel, RFC, "2028-01-01T00:00:00Z", "2030-01-01T00:00:00Z");
    let other = world.mint(Kind::Fiel, "H&E951128469", FAR.0, FAR.1);
    let stranger = {
        let elsewhere = World::new().await;
        elsewhere.mint(Kind::Fiel, RFC, FAR.0, FAR.1)
    };
    let broken = |body: String| body.replace("TipoSolicitud=\"CFDI\"", "TipoSolicitud=\"Metadata\"");
    let cases: [(&Signer, u16, bool); 6] = [
        (&csd, 305, true),
        (&stranger, 305, true),
        (&early, 305, true),
        (&expired, 304, true),
        (&other, 303, true),
        (&world.fiel, 302, true),
    ];
    for (signer, code, tampered) in cases {
        let token = world.login(signer).await; // Production gives a token to any of them.
        let body = signer.request("SolicitaDescargaEmitidos", &emitidos(&[]), &[]);
        let body = if tampered { broken(body) } else { body };
        let answer = world.send("SolicitaDescargaEmitidos", &token, body.clone()).await.unwrap();
        assert_eq!((answer.code(), answer.attribute("IdSolicitud")), (code, None), "{code}");
        let without = world.send("SolicitaDescargaEmitidos", "eyJ.token.fijo", body).await.unwrap();
        assert_eq!(without.code(), 300);
    }
    let token = world.login(&world.fiel).await;
    assert_eq!(world.emitidos(&token, &[("RfcSolicitante", "H&E951128469")]).await.code(), 5001);
    assert_eq!(world.verify("", "x").await.attribute("EstadoSolicitud").as_deref(), Some("0"));
    assert_eq!(world.verify(&token, "4e80345d-917f-40bb-a98f-4a73939343c5").await.code(), 5004);
    let theirs = world.login(&other).await;
    assert_eq!(world.emitidos(&theirs, &[]).await.code(), 300); // Another certificate's token.
    covers!("sandbox: order of checks: 300, 305/304, 303, 302, 301, business");
    covers!("sandbox: tokens are given to seals, strangers and the expired, as in production");
}

#[tokio::test]
async fn lenient_takes_any_signature_and_says_so_in_the_log() {
    let world = World::new().await;
    let token = world.login(&world.fiel).await;
    let body = world.fiel.request("SolicitaDescargaEmitidos", &emitidos(&[]), &[]);
    let tampered = body.replace("2026-01-31T23:59:59", "2026-01-30T23:59:59");
    assert_eq!(world.send("SolicitaDescargaEmitidos", &token, tampered).await.unwrap().code(), 5000);
    assert_eq!(world.send("SolicitaDescargaEmitidos", &token, body).await.unwrap().code(), 5000);
    let log = world.control(reqwest::Method::GET, "log", "").await;
    let profiles: Vec<_> = log.as_array().unwrap().iter().map(|it| it["profile"]["digest"].is_string()).collect();
    assert_eq!(profiles, [true, false, true]);
    covers!("sandbox: the log says which signature form matched");
}

#[tokio::test]
async fn a_login_needs_a_fresh_stamp_and_a_true_signature() {
    let world = World::new().await;
    let window = |created: &str, expires: &str| world.fiel.login(created, expires);
    let good = window("2026-11-21T18:00:00.123Z", "2026-11-21T18:05:00.123Z");
    let action = "http://DescargaMasivaTerceros.gob.mx/IAutenticacion/Autentica";
    let cases = [
        (good.clone(), 200),
        (window("2026-11-21T18:00:00.123456Z", "2026-11-21T18:05:00.123456Z"), 200),
        (window("2026-11-21T17:54:59.000Z", "2026-11-21T17:59:59.000Z"), 500),
        (window("2026-11-21T18:05:01.000Z", "2026-11-21T18:10:01.000Z"), 500),
        (window("2026-11-21T18:00:00.000Z", "2026-11-21T17:59:00.000Z"), 500),
        (good.replacen("18:05:00.123Z", "18:06:00.123Z", 1), 500),
        (good.replace("URI=\"#_0\"", "URI=\"#_1\""), 500),
        (good.replace("u:Id=\"_0\"", "u:Id=\"_9\""), 500),
        (good.replace("<SignatureValue>", "<SignatureValue>AA"), 500),
        ("<s:Envelope xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\"><s:Body><Autentica xmlns=\"http://DescargaMasivaTerceros.gob.mx\"/></s:Body></s:Envelope>".to_owned(), 500),
    ];
    for (body, status) in cases {
        let answer = world.post("/Autenticacion/Autenticacion.svc", action, "", body).await.unwrap();
        assert_eq!(answer.status, status, "{answer:?}");
        assert_eq!(answer.body.contains("a:InvalidSecurity"), status == 500);
    }
    world.clock.advance(SignedDuration::from_hours(1));
    let late = world.post("/Autenticacion/Autenticacion.svc", action, "", good).await.unwrap();
    assert_eq!(late.status, 500);
    covers!("sandbox: Autentica verifies window, reference, digest and signature");
}

#[tokio::test]
async fn tokens_end_and_belong_to_one_family() {
    let world = World::new().await;
    let token = world.login(&world.fiel).await;
    let decoded = token.replace("%26wrap_subject%3d", "&wrap_subject=");
    assert_eq!(world.verify(&decoded, "x").await.code(), 5004);
    let body = world.fiel.request("SolicitaDescargaEmitidos", &emitidos(&[]), &[]);
    let action = "\"http://DescargaMasivaTerceros.sat.gob.mx/ISolicitaDescargaService/SolicitaDescargaEmitidos\"";
    let across = world.post("/retenciones/SolicitaDescargaService.svc", action, &token, body.clone()).await.unwrap();
    assert_eq!(across.code(), 300);
    let own = world.try_login(&world.fiel, "/retenciones").await.unwrap().text("AutenticaResult").remove(0);
    assert_eq!(world.post("/retenciones/SolicitaDescargaService.svc", action, &own, body).await.unwrap().code(), 5000);
    world.sandbox.advance(SignedDuration::from_hours(48)).unwrap(); // Tokens follow the wall.
    assert_eq!(world.verify(&token, "x").await.code(), 5004);
    world.clock.advance(SignedDuration::from_secs(600));
    assert_eq!(world.verify(&token, "x").await.code(), 300);
    covers!("sandbox: tokens follow wall time and serve one family");
}

#[tokio::test]
async fn a_single_document_by_folio() {
    let world = World::with(|it| it.limits = Limits { folios_per_day: 1, ..Limits::default() }).await;
    let token = world.login(&world.fiel).await;
    let corpus = support::generated(300);
    let now = "2026-11-21T12:00:00".parse().unwrap();
    let uuid = |cancelled: bool| {
        let facts = (0..300).map(|it| corpus.facts(it)).find(|it| it.is_cancelled(now) == cancelled).unwrap();
        facts.uuid.to_string().to_uppercase()
    };
    let folio = async |folio: &str| world.ask(&token, "SolicitaDescargaFolio", &[("Folio", folio), ("RfcSolicitante", RFC)]).await;
    let good = folio(&uuid(false)).await;
    assert_eq!(good.code(), 5000);
    let verified = world.verify(&token, &good.attribute("IdSolicitud").unwrap()).await;
    let package = world.download(&token, &verified.text("IdsPaquetes")[0]).await;
    assert_eq!(unzip(&unbase64(&package.text("Paquete")[0]))[0].0, format!("{}.xml", uuid(false).to_lowercase()));
    assert_eq!(folio(&uuid(true)).await.code(), 5012);
    assert_eq!(folio(&uuid(false)).await.code(), 5011);
    world.sandbox.advance(SignedDuration::from_hours(24)).unwrap();
    assert_eq!(folio(&uuid(false).to_lowercase()).await.code(), 5000);
    world.sandbox.advance(SignedDuration::from_hours(24)).unwrap();
    let spent = folio(&uuid(false)).await;
    assert_eq!((spent.code(), spent.attribute("IdSolicitud").is_some()), (5002, true));
    let unknown = folio("22dac9d9-7a29-460d-a0a7-7d9e0be450d2").await;
    assert_eq!((unknown.code(), unknown.attribute("RfcSolicitante").as_deref()), (5004, Some(RFC)));
    assert_eq!(folio("22dac9d9").await.code(), 301);
    let other = world.mint(Kind::Fiel, "H&E951128469", FAR.0, FAR.1);
    let theirs = world.login(&other).await;
    let body = other.request("SolicitaDescargaFolio", &[("Folio", &uuid(false))], &[]);
    assert_eq!(world.send("SolicitaDescargaFolio", &theirs, body).await.unwrap().code(), 5001);
    covers!("sandbox: Folio: 5000, 5001, 5002, 5004, 5011, 5012");
}

#[tokio::test]
async fn empty_too_large_and_several_packages() {
    let limits = Limits { documents: 30, documents_per_package: 8, rows_per_package: 10, ..Limits::default() };
    let world = World::with(|it| it.limits = limits).await;
    let token = world.login(&world.fiel).await;
    let stands = async |change: &[(&str, &str)]| {
        let asked = world.emitidos(&token, change).await;
        assert_eq!(asked.code(), 5000, "{change:?}");
        let it = world.verify(&token, &asked.attribute("IdSolicitud").unwrap()).await;
        (it.attribute("EstadoSolicitud").unwrap(), it.attribute("CodigoEstadoSolicitud").unwrap(), it.text("IdsPaquetes"))
    };
    assert_eq!(
        stands(&[("FechaInicial", "2022-01-01T00:00:00"), ("FechaFinal", "2022-02-01T00:00:00")]).await,
        ("5".into(), "5004".into(), vec![])
    );
    assert_eq!(stands(&[("FechaFinal", "2026-10-01T00:00:00")]).await, ("5".into(), "5003".into(), vec![]));
    let (state, reason, packages) = stands(&[("FechaFinal", "2026-02-05T00:00:00")]).await;
    assert_eq!((state.as_str(), reason.as_str()), ("3", "5000"));
    assert!(packages.len() > 1 && packages[1].ends_with("_02"), "{packages:?}");
    let mut sizes = Vec::new();
    for package in &packages {
        sizes.push(unzip(&unbase64(&world.download(&token, package).await.text("Paquete")[0])).len());
    }
    assert!(sizes[..sizes.len() - 1].iter().all(|it| *it == 8), "{sizes:?}");
    covers!("sandbox: 5004 for nothing, 5003 above the maximum, packages of at most N");
}

#[tokio::test]
async fn a_crowd_gets_one_request_and_two_downloads() {
    let wait = SignedDuration::from_mins(10);
    let world = World::with(|it| it.waits = Waits { accepted: wait, running: wait }).await;
    let token = world.login(&world.fiel).await;
    let body = world.fiel.request("SolicitaDescargaEmitidos", &emitidos(&[]), &[]);
    let ask = || async { world.send("SolicitaDescargaEmitidos", &token, body.clone()).await.unwrap() };
    let asked = futures_util::future::join_all((0..8).map(|_| ask())).await;
    let mut codes: Vec<u16> = asked.iter().map(|it| it.code()).collect();
    codes.sort_unstable();
    assert_eq!(codes, [5000, 5005, 5005, 5005, 5005, 5005, 5005, 5005]);
    let id = asked.iter().find_map(|it| it.attribute("IdSolicitud")).unwrap();
    world.sandbox.advance(SignedDuration::from_hours(1)).unwrap();
    let package = format!("{}_01", id.to_uppercase());
    let attributes = [("IdPaquete", package.as_str()), ("RfcSolicitante", RFC)];
    let body = world.fiel.request("PeticionDescargaMasivaTercerosEntrada", &attributes, &[]);
    let fetch = || async { world.send("PeticionDescargaMasivaTercerosEntrada", &token, body.clone()).await.unwrap() };
    let fetched = futures_util::future::join_all((0..8).map(|_| fetch())).await;
    assert_eq!(fetched.iter().filter(|it| it.code() == 5000).count(), 2);
    assert!(fetched.iter().all(|it| matches!(it.code(), 5000 | 5008)));
    assert_eq!(world.sandbox.counts().most_downloads_of_one_package, 2);
    covers!("sandbox: limits hold under concurrent calls");
}

#[tokio::test]
async fn damaged_bodies_are_answered_and_bring_nothing_down() {
    let world = World::new().await;
    let token = world.login(&world.fiel).await;
    let good = world.fiel.request("SolicitaDescargaEmitidos", &emitidos(&[]), &["H&E951128469"]);
    let mut seed = 7_u64;
    for _ in 0..400 {
        let mut bytes = good.clone().into_bytes();
        for _ in 0..3 {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let at = (seed >> 33) as usize % bytes.len();
            bytes[at] = b"<>&\"' x/=0A"[(seed >> 20) as usize % 11];
        }
        let body = String::from_utf8_lossy(&bytes).into_owned();
        let answer = world.send("SolicitaDescargaEmitidos", &token, body).await.unwrap();
        assert!(matches!(answer.status, 200 | 400 | 500), "{answer:?}");
        assert!(answer.status == 400 || answer.body.starts_with("<s:Envelope"), "{answer:?}");
    }
    assert_eq!(world.verify(&token, "x").await.code(), 5004);
    covers!("sandbox: damaged bodies bring nothing down");
}
