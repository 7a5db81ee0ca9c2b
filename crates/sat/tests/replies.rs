//! Every published answer means what it should, and nothing else passes for one.

use fedatario_app::ports::{SatAsked, SatVerified};
use fedatario_sat::NoAnswer;
use fedatario_sat::envelope::Operation;
use fedatario_sat::reply::{self, FaultKind, Reply};
use fedatario_testkit::{covers, fixtures, fixtures_or_skip};
use std::path::Path;

const ASK: [(&str, Operation); 3] = [
    ("solicita-emitidos", Operation::Emitidos),
    ("solicita-recibidos", Operation::Recibidos),
    ("solicita-folio", Operation::Folio),
];

fn result<T>(reply: Result<Reply<T>, NoAnswer>, name: &str) -> T {
    match reply {
        Ok(Reply::Result(it)) => it,
        Ok(Reply::Fault(fault)) => panic!("{name}: {fault:?}"),
        Err(error) => panic!("{name}: {error}"),
    }
}

fn asked(root: &Path, name: &str) -> SatAsked {
    let kind = ASK.iter().find(|(prefix, _)| name.rsplit('/').next().unwrap().starts_with(prefix)).expect("a request");
    result(reply::asked(kind.1, &fixtures::read(root, &format!("mx/soap/{name}.xml"))), name)
}

fn verified(root: &Path, name: &str) -> SatVerified {
    result(reply::verified(&fixtures::read(root, &format!("mx/soap/{name}.xml"))), name)
}

#[test]
fn answers_to_requests() {
    let root = fixtures_or_skip!();
    // (file, code, whether an id came)
    let cases = [
        ("captured-2025-09/solicita-emitidos-301-fechas", "301", false),
        ("captured-2025-09/solicita-recibidos-305", "305", false),
        ("captured-2025-09/solicita-recibidos-5000", "5000", true),
        ("captured-2025-09/solicita-folio-404", "404", true),
        ("captured-2025-09/solicita-folio-5002", "5002", true),
        ("captured-2025-09/solicita-folio-5004", "5004", true),
        ("derived/solicita-emitidos-300", "300", false),
        ("derived/solicita-emitidos-302", "302", false),
        ("derived/solicita-emitidos-303", "303", false),
        ("derived/solicita-emitidos-304", "304", false),
        ("derived/solicita-emitidos-5000", "5000", true),
        ("derived/solicita-emitidos-5001", "5001", false),
        ("derived/solicita-emitidos-5002", "5002", true),
        ("derived/solicita-emitidos-5005", "5005", false),
        ("derived/solicita-folio-5011", "5011", false),
        ("derived/solicita-folio-5012", "5012", false),
        ("derived/solicita-recibidos-301-cancelados", "301", false),
    ];
    for (name, code, id) in cases {
        let it = asked(&root, name);
        assert_eq!((it.cod_estatus.as_str(), it.id_solicitud.is_some()), (code, id), "{name}");
        assert!(!it.mensaje.is_empty(), "{name}");
    }
    assert_eq!(asked(&root, "captured-2025-09/solicita-recibidos-305").mensaje, "Certificado Inválido");
    let published = [
        ("phpcfdi/query-response-issued", Operation::Emitidos),
        ("phpcfdi/query-response-received", Operation::Recibidos),
        ("phpcfdi/query-response-item", Operation::Folio),
        ("official-v15/SolicitaDescargaEmitidosResponse", Operation::Emitidos),
        ("official-v15/SolicitaDescargaRecibidosResponse", Operation::Recibidos),
        ("official-v15/SolicitaDescargaFolioResponse", Operation::Folio),
    ];
    for (name, operation) in published {
        let it = result(reply::asked(operation, &fixtures::read(&root, &format!("mx/soap/{name}.xml"))), name);
        assert_eq!(it.cod_estatus, "5000", "{name}");
        assert!(it.id_solicitud.is_some(), "{name}");
    }
    covers!("sat: every captured, derived and published answer to a request parses to its meaning");
}

#[test]
fn answers_to_verifications() {
    let root = fixtures_or_skip!();
    // (file, CodEstatus, EstadoSolicitud, CodigoEstadoSolicitud, NumeroCFDIs, packages)
    let cases = [
        ("captured-2025-09/verifica-305-estado0", "305", 0, None, 0, 0),
        ("captured-2025-09/verifica-estado1", "5000", 1, Some("5000"), 0, 0),
        ("captured-2025-09/verifica-estado3-codigo5010", "5000", 3, Some("5010"), 1, 1),
        ("captured-2025-09/verifica-estado5-codigo5004", "5000", 5, Some("5004"), 0, 0),
        ("captured-2025-09/verifica-estado6", "5000", 6, Some("5000"), 0, 0),
        ("derived/verifica-300-estado0", "300", 0, None, 0, 0),
        ("derived/verifica-5004", "5004", 0, None, 0, 0),
        ("derived/verifica-estado2", "5000", 2, Some("5000"), 0, 0),
        ("derived/verifica-estado3-tres-paquetes", "5000", 3, Some("5000"), 25, 3),
        ("derived/verifica-estado3-cero-cfdi-con-paquete", "5000", 3, Some("5000"), 0, 1),
        ("derived/verifica-estado4", "5000", 4, Some("404"), 0, 0),
        ("derived/verifica-estado5-codigo5003", "5000", 5, Some("5003"), 0, 0),
        ("phpcfdi/verify-response-0-packages", "5000", 5, Some("5004"), 0, 0),
        ("phpcfdi/verify-response-2-packages", "5000", 3, Some("5000"), 12345, 2),
        ("official-v15/VerificaSolicitudDescargaResponse", "5000", 3, Some("5000"), 0, 6),
    ];
    for (name, code, estado, reason, count, packages) in cases {
        let it = verified(&root, name);
        let found = (it.cod_estatus.as_str(), it.estado, it.codigo_estado.as_deref(), it.numero_cfdis, it.packages.len());
        assert_eq!(found, (code, estado, reason, count, packages), "{name}");
    }
    let ids = verified(&root, "phpcfdi/verify-response-2-packages").packages;
    assert_eq!(ids, ["4e80345d-917f-40bb-a98f-4a73939343c5_01", "4e80345d-917f-40bb-a98f-4a73939343c5_02"]);
    covers!("sat: every captured, derived and published answer to a verification parses to its meaning");
}

#[test]
fn answers_to_logins() {
    let root = fixtures_or_skip!();
    for name in
        ["captured-2025-09/autentica-cfdi", "captured-2025-09/autentica-retenciones", "phpcfdi/authenticate-response-with-token"]
    {
        let it = result(reply::login(&fixtures::read(&root, &format!("mx/soap/{name}.xml"))), name);
        let token = it.token.expose_str().unwrap();
        assert!(token.starts_with("eyJ") && token.contains("%26wrap_subject%3d"), "{name}");
        assert_eq!(it.lifetime.as_secs(), 300, "{name}");
    }
    covers!("sat: the token is kept as received and its life measured by the answer's own clock");
}

#[test]
fn faults_are_told_apart() {
    let root = fixtures_or_skip!();
    let index: serde_json::Value = serde_json::from_slice(&fixtures::read(&root, "mx/soap/derived/index.json")).unwrap();
    let cases = [
        ("derived/fault-invalid-security", FaultKind::InvalidSecurity, "InvalidSecurity"),
        ("derived/fault-action-not-supported", FaultKind::NotUnderstood, "ActionNotSupported"),
        ("derived/fault-deserialization", FaultKind::NotUnderstood, "DeserializationFailed"),
        ("phpcfdi/authenticate-response-with-error", FaultKind::InvalidSecurity, "InvalidSecurity"),
    ];
    for (name, kind, code) in cases {
        let bytes = fixtures::read(&root, &format!("mx/soap/{name}.xml"));
        let fault = reply::fault(&bytes).unwrap();
        assert_eq!((fault.kind(), fault.code.as_str()), (kind, code), "{name}");
        assert!(matches!(reply::login(&bytes), Ok(Reply::Fault(_))), "{name}");
        assert!(matches!(reply::asked(Operation::Emitidos, &bytes), Ok(Reply::Fault(_))), "{name}");
        assert!(matches!(reply::verified(&bytes), Ok(Reply::Fault(_))), "{name}");
    }
    // Every derived file is in one of the tables of this suite, by its status.
    for (file, facts) in index.as_object().unwrap() {
        let is_fault = reply::fault(&fixtures::read(&root, &format!("mx/soap/derived/{file}"))).is_ok();
        assert_eq!(is_fault, facts["http_status"] == 500, "{file}");
    }
    covers!("sat: SOAP faults are told from answers and from each other");
}

const DES: &str = "http://DescargaMasivaTerceros.sat.gob.mx";

fn envelope(body: &str) -> String {
    format!("<E:Envelope xmlns:E=\"http://schemas.xmlsoap.org/soap/envelope/\"><E:Body>{body}</E:Body></E:Envelope>")
}

fn verify_with(attributes: &str) -> Result<Reply<SatVerified>, NoAnswer> {
    let body = format!(
        "<q:VerificaSolicitudDescargaResponse xmlns:q=\"{DES}\"><q:VerificaSolicitudDescargaResult {attributes}/></q:VerificaSolicitudDescargaResponse>"
    );
    reply::verified(envelope(&body).as_bytes())
}

#[test]
fn unknown_codes_are_kept_and_prefixes_do_not_matter() {
    let it = result(
        verify_with("CodEstatus='7777' EstadoSolicitud='42' CodigoEstadoSolicitud='x&amp;y' Mensaje='Algo  nuevo'"),
        "unknown",
    );
    assert_eq!(
        (it.cod_estatus.as_str(), it.estado, it.codigo_estado.as_deref(), it.mensaje.as_str()),
        ("7777", 42, Some("x&y"), "Algo  nuevo")
    );
    let negative = result(verify_with("CodEstatus='5000' EstadoSolicitud='-1' NumeroCFDIs='muchos'"), "negative");
    assert_eq!((negative.estado, negative.numero_cfdis), (-1, 0));
    covers!("sat: unknown codes and states are kept as written");
}

#[test]
fn what_is_not_sats_own_is_no_answer() {
    for attributes in [
        "",
        "CodEstatus='5000'",
        "CodEstatus='' EstadoSolicitud='1'",
        "CodEstatus='5000' EstadoSolicitud='uno'",
        "EstadoSolicitud='1'",
    ] {
        assert!(matches!(verify_with(attributes), Err(NoAnswer::Missing(_))), "{attributes}");
    }
    let foreign = "<VerificaSolicitudDescargaResponse xmlns='urn:x'><VerificaSolicitudDescargaResult CodEstatus='5000' EstadoSolicitud='1'/></VerificaSolicitudDescargaResponse>";
    let another = format!(
        "<SolicitaDescargaEmitidosResponse xmlns='{DES}'><SolicitaDescargaEmitidosResult CodEstatus='5000'/></SolicitaDescargaEmitidosResponse>"
    );
    let misplaced = format!("<x><VerificaSolicitudDescargaResult xmlns='{DES}' CodEstatus='5000' EstadoSolicitud='1'/></x>");
    for body in [foreign, &another, &misplaced, "", "<html><body>Mantenimiento</body></html>"] {
        assert!(matches!(reply::verified(envelope(body).as_bytes()), Err(NoAnswer::Missing(_))), "{body}");
    }
    // An answer to one kind of request is none to another.
    assert!(reply::asked(Operation::Recibidos, envelope(&another).as_bytes()).is_err());
    assert!(reply::asked(Operation::Emitidos, envelope(&another).as_bytes()).is_ok());
    for page in
        ["", "OK", "<html><head/><body>503</body></html>", "<!DOCTYPE html><html><br></html>", "{\"error\":1}", "\u{0}\u{1}"]
    {
        assert!(reply::verified(page.as_bytes()).is_err() && reply::login(page.as_bytes()).is_err(), "{page}");
        assert!(reply::fault(page.as_bytes()).is_err(), "{page}");
    }
    covers!("sat: HTML, non-XML, a foreign or missing result are no answer");
}

#[test]
fn every_truncation_is_no_answer() {
    let text = envelope(&format!(
        "<R:SolicitaDescargaEmitidosResponse xmlns:R='{DES}'><R:SolicitaDescargaEmitidosResult IdSolicitud='8b15' CodEstatus='5000' Mensaje='é'/></R:SolicitaDescargaEmitidosResponse>"
    ));
    for end in 0..text.len() {
        assert!(reply::asked(Operation::Emitidos, &text.as_bytes()[..end]).is_err(), "{end}");
    }
    assert_eq!(result(reply::asked(Operation::Emitidos, text.as_bytes()), "whole").id_solicitud.as_deref(), Some("8b15"));
    covers!("sat: an answer cut at any byte is no answer");
}

fn login_with(stamp: &str, token: &str) -> Result<Reply<reply::Login>, NoAnswer> {
    let text = format!(
        "<s:Envelope xmlns:s='http://schemas.xmlsoap.org/soap/envelope/'><s:Header>{stamp}</s:Header><s:Body>\
         <AutenticaResponse xmlns='http://DescargaMasivaTerceros.gob.mx'><AutenticaResult>{token}</AutenticaResult></AutenticaResponse>\
         </s:Body></s:Envelope>"
    );
    reply::login(text.as_bytes())
}

fn stamp(created: &str, expires: &str) -> String {
    let base = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity";
    format!(
        "<o:Security xmlns:o='{base}-secext-1.0.xsd'><u:Timestamp xmlns:u='{base}-utility-1.0.xsd'>\
         <u:Created>{created}</u:Created><u:Expires>{expires}</u:Expires></u:Timestamp></o:Security>"
    )
}

#[test]
fn a_token_that_fits_no_header_is_none_and_its_life_is_bounded() {
    let lifetimes = [
        ("2026-09-01T12:00:00.000Z", "2026-09-01T12:05:00.000Z", 300),
        ("2026-09-01T12:00:00Z", "2026-09-01T12:00:40Z", 40),
        ("2026-09-01T12:00:00Z", "2027-09-01T12:00:00Z", 600),
        ("2026-09-01T12:05:00Z", "2026-09-01T12:00:00Z", 300),
        ("yesterday", "tomorrow", 300),
    ];
    for (created, expires, secs) in lifetimes {
        let it = result(login_with(&stamp(created, expires), "abc"), created);
        assert_eq!(it.lifetime.as_secs(), secs, "{created}");
    }
    assert_eq!(result(login_with("", " a.b.c%26x \n"), "trimmed").token.expose(), b"a.b.c%26x");
    for token in ["", "  ", "two words", "quo\"te", "ñ", "a&#10;b", &"x".repeat(9000)] {
        assert!(login_with("", token).is_err(), "{token}");
    }
    covers!("sat: a token that fits no header line is refused, its lifetime is bounded");
}

#[test]
fn an_echoed_secret_does_not_reach_a_message() {
    let secret = "eyJ".repeat(100);
    let body = format!(
        "<s:Fault xmlns:s='http://schemas.xmlsoap.org/soap/envelope/'><faultcode>s:Client</faultcode><faultstring>token {secret} bad</faultstring></s:Fault>"
    );
    let fault = reply::fault(envelope(&body).as_bytes()).unwrap();
    assert_eq!((fault.text.as_str(), fault.kind()), ("token […] bad", FaultKind::Unknown));
}
