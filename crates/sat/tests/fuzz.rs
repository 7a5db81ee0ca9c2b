//! The bodies of the fuzz targets over seeded mutations of answers, downloads and kept sessions.

use fedatario_sat::fuzz;
use fedatario_testkit::storm;
use fedatario_testkit::{covers, fixtures};

/// Mutations of each authored sample.
const ROUNDS: usize = 500;
/// Mutations of each published one.
const PUBLISHED: usize = 20;

const DES: &str = "http://DescargaMasivaTerceros.sat.gob.mx";

fn envelope(header: &str, body: &str) -> Vec<u8> {
    format!(
        "<s:Envelope xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\"><s:Header>{header}</s:Header><s:Body>{body}</s:Body></s:Envelope>"
    )
    .into_bytes()
}

fn answers() -> Vec<Vec<u8>> {
    let result = |operation: &str, attributes: &str, within: &str| {
        let body = format!(
            "<{operation}Response xmlns=\"{DES}\"><{operation}Result {attributes}>{within}</{operation}Result></{operation}Response>"
        );
        envelope("", &body)
    };
    let login = "<AutenticaResponse xmlns=\"http://DescargaMasivaTerceros.gob.mx\"><AutenticaResult>eyJ.eyJ.x</AutenticaResult></AutenticaResponse>";
    vec![
        result("SolicitaDescargaEmitidos", "IdSolicitud=\"be2a3e76\" CodEstatus=\"5000\" Mensaje=\"Aceptada\"", ""),
        result(
            "VerificaSolicitudDescarga",
            "CodEstatus=\"5000\" EstadoSolicitud=\"3\" CodigoEstadoSolicitud=\"5000\" NumeroCFDIs=\"2\" Mensaje=\"x\"",
            "<IdsPaquetes>a_01</IdsPaquetes>",
        ),
        envelope("", login),
        envelope("", "<s:Fault><faultcode>s:Client</faultcode><faultstring>no</faultstring></s:Fault>"),
    ]
}

fn download() -> Vec<u8> {
    let header = format!("<h:respuesta CodEstatus=\"5000\" Mensaje=\"x\" xmlns:h=\"{DES}\"/>");
    envelope(
        &header,
        &format!(
            "<RespuestaDescargaMasivaTercerosSalida xmlns=\"{DES}\"><Paquete>\n SGVs\r\nbG8s IG11bmRvIQ==\n</Paquete></RespuestaDescargaMasivaTercerosSalida>"
        ),
    )
}

#[test]
fn what_a_stranger_makes_of_answers_breaks_no_promise() {
    let published = fixtures::maybe().map(|it| storm::files(&it.join("mx/soap/captured-2025-09"), ".xml")).unwrap_or_default();
    let mut tried = storm::over("answer", &answers(), ROUNDS, fuzz::answer);
    tried += storm::over("download", &[download()], ROUNDS, fuzz::download);
    tried += storm::over("session", &[b"sat-token-1\n1788264000000\neyJ.eyJ.x".to_vec()], ROUNDS, fuzz::session);
    if !published.is_empty() {
        tried += storm::over("answer", &published, PUBLISHED, fuzz::answer);
        tried += storm::over("download", &published, PUBLISHED, fuzz::download);
    }
    assert!(tried > 2_500, "{tried}");
    covers!("sat: seeded mutations of answers, downloads and kept sessions break no promise of their readers");
}
