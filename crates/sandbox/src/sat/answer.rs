//! What the service says: envelopes, faults, and the words it uses for each code.
//!
//! Order and presence of attributes are those of captured answers, byte for byte where one exists.

use base64::Engine as _;
use jiff::Timestamp;
use quick_xml::escape::escape;
use std::fmt::Write as _;
use uuid::Uuid;

const ENVELOPE: &str = "http://schemas.xmlsoap.org/soap/envelope/";
/// Namespace of everything but the login.
pub(super) const NS_DES: &str = "http://DescargaMasivaTerceros.sat.gob.mx";
/// Namespace of the login: without `.sat.`.
pub(super) const NS_AUTH: &str = "http://DescargaMasivaTerceros.gob.mx";
/// WS-Security utility: ids and timestamps.
pub(super) const NS_WSU: &str = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd";
/// WS-Security extension: the header.
pub(super) const NS_WSSE: &str = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd";
const XSI: &str = "http://www.w3.org/2001/XMLSchema-instance";
const XSD: &str = "http://www.w3.org/2001/XMLSchema";
/// How long an answer of the login says that it is good for, in seconds.
const ANSWER_SECONDS: i64 = 300;

const BASE64: base64::engine::GeneralPurpose = base64::engine::general_purpose::STANDARD;
/// What stands where there is no package.
const EMPTY: &str = "<Paquete/>";

/// The operations of the service, and the status query beside it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "PascalCase")]
pub enum Operation {
    /// Login.
    Autentica,
    /// Ask for issued documents.
    SolicitaDescargaEmitidos,
    /// Ask for received documents.
    SolicitaDescargaRecibidos,
    /// Ask for one document.
    SolicitaDescargaFolio,
    /// Ask how a request stands.
    VerificaSolicitudDescarga,
    /// Fetch a package.
    Descargar,
    /// Ask for the state of one document.
    Consulta,
    /// Fetch a certificate by its number.
    Certificado,
    /// Fetch list 69-B.
    #[serde(rename = "Lista69B")]
    Lista69B,
    /// Fetch the state of one retención.
    ConsultaRetencion,
}

impl Operation {
    /// What is fetched by GET: faults know it, envelopes do not.
    pub const PAGES: [Self; 3] = [Self::Certificado, Self::Lista69B, Self::ConsultaRetencion];

    /// Every operation that is called in an envelope.
    pub const ALL: [Self; 7] = [
        Self::Autentica,
        Self::SolicitaDescargaEmitidos,
        Self::SolicitaDescargaRecibidos,
        Self::SolicitaDescargaFolio,
        Self::VerificaSolicitudDescarga,
        Self::Descargar,
        Self::Consulta,
    ];

    /// The exact SOAPAction; none for what is fetched.
    pub fn action(self) -> &'static str {
        match self {
            Self::Autentica => "http://DescargaMasivaTerceros.gob.mx/IAutenticacion/Autentica",
            Self::SolicitaDescargaEmitidos => {
                "http://DescargaMasivaTerceros.sat.gob.mx/ISolicitaDescargaService/SolicitaDescargaEmitidos"
            }
            Self::SolicitaDescargaRecibidos => {
                "http://DescargaMasivaTerceros.sat.gob.mx/ISolicitaDescargaService/SolicitaDescargaRecibidos"
            }
            Self::SolicitaDescargaFolio => {
                "http://DescargaMasivaTerceros.sat.gob.mx/ISolicitaDescargaService/SolicitaDescargaFolio"
            }
            Self::VerificaSolicitudDescarga => {
                "http://DescargaMasivaTerceros.sat.gob.mx/IVerificaSolicitudDescargaService/VerificaSolicitudDescarga"
            }
            Self::Descargar => "http://DescargaMasivaTerceros.sat.gob.mx/IDescargaMasivaTercerosService/Descargar",
            Self::Consulta => "http://tempuri.org/IConsultaCFDIService/Consulta",
            Self::Certificado | Self::Lista69B | Self::ConsultaRetencion => "",
        }
    }

    /// The element of the body, with its namespace.
    pub fn element(self) -> (&'static str, &'static str) {
        match self {
            Self::Autentica => (NS_AUTH, "Autentica"),
            Self::SolicitaDescargaEmitidos => (NS_DES, "SolicitaDescargaEmitidos"),
            Self::SolicitaDescargaRecibidos => (NS_DES, "SolicitaDescargaRecibidos"),
            Self::SolicitaDescargaFolio => (NS_DES, "SolicitaDescargaFolio"),
            Self::VerificaSolicitudDescarga => (NS_DES, "VerificaSolicitudDescarga"),
            Self::Descargar => (NS_DES, "PeticionDescargaMasivaTercerosEntrada"),
            Self::Consulta => ("http://tempuri.org/", "Consulta"),
            Self::Certificado | Self::Lista69B | Self::ConsultaRetencion => ("", ""),
        }
    }

    /// Whether it registers a request.
    pub fn is_solicita(self) -> bool {
        matches!(self, Self::SolicitaDescargaEmitidos | Self::SolicitaDescargaRecibidos | Self::SolicitaDescargaFolio)
    }
}

/// What the service usually says with a code.
pub(super) fn words(code: u16) -> &'static str {
    match code {
        300 => "Token invalido.",
        301 => "XML Mal Formado",
        302 => "Sello Mal Formado",
        303 => "Sello no corresponde con RfcSolicitante",
        304 => "Certificado Revocado o Caduco",
        305 => "Certificado Inválido",
        404 => "Error no controlado.",
        5000 => "Solicitud Aceptada",
        5001 => "Tercero no autorizado",
        5002 => "Se han agotado las solicitudes de por vida",
        5003 => "Tope máximo de elementos de la consulta",
        5004 => "No se encontro la informacion",
        5005 => "Ya se tiene una solicitud registrada",
        5006 => "Error interno en el proceso",
        5007 => "No existe el paquete solicitado",
        5008 => "Maximo de descargas permitidas.",
        5011 => "Límite de descargas por folio por día",
        5012 => "No se permite la descarga de xml que se encuentren cancelados",
        _ => "Respuesta no documentada",
    }
}

/// The status of one call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Status {
    pub code: u16,
    pub message: String,
}

impl Status {
    /// A code in the service's usual words.
    pub fn of(code: u16) -> Self {
        Self { code, message: words(code).to_owned() }
    }

    /// A 301 with its reason.
    pub fn malformed(reason: &str) -> Self {
        Self { code: 301, message: format!("XML Mal Formado:La solicitud de descarga no es válida. {reason}") }
    }
}

fn envelope(content: &str) -> String {
    format!("<s:Envelope xmlns:s=\"{ENVELOPE}\">{content}</s:Envelope>")
}

fn body(content: &str) -> String {
    format!("<s:Body xmlns:xsi=\"{XSI}\" xmlns:xsd=\"{XSD}\">{content}</s:Body>")
}

fn result(operation: Operation, attributes: &str, children: &str) -> String {
    let (_, name) = operation.element();
    let end = if children.is_empty() { "/>".to_owned() } else { format!(">{children}</{name}Result>") };
    envelope(&body(&format!("<{name}Response xmlns=\"{NS_DES}\"><{name}Result{attributes}{end}</{name}Response>")))
}

/// The answer of a login.
pub(super) fn autentica(token: &str, now: Timestamp) -> String {
    let expires = now.saturating_add(jiff::SignedDuration::from_secs(ANSWER_SECONDS)).unwrap_or(now);
    format!(
        "<s:Envelope xmlns:s=\"{ENVELOPE}\" xmlns:u=\"{NS_WSU}\"><s:Header><o:Security s:mustUnderstand=\"1\" xmlns:o=\"{NS_WSSE}\">\
         <u:Timestamp u:Id=\"_0\"><u:Created>{now:.3}</u:Created><u:Expires>{expires:.3}</u:Expires></u:Timestamp></o:Security>\
         </s:Header><s:Body><AutenticaResponse xmlns=\"{NS_AUTH}\"><AutenticaResult>{}</AutenticaResult></AutenticaResponse>\
         </s:Body></s:Envelope>",
        escape(token)
    )
}

/// The answer of any Solicita.
pub(super) fn solicita(operation: Operation, status: &Status, id: Option<Uuid>, rfc: Option<&str>) -> String {
    let mut attributes = String::new();
    if let Some(id) = id {
        let _ = write!(attributes, " IdSolicitud=\"{id}\"");
    }
    if let Some(rfc) = rfc {
        let _ = write!(attributes, " RfcSolicitante=\"{}\"", escape(rfc));
    }
    let _ = write!(attributes, " CodEstatus=\"{}\" Mensaje=\"{}\"", status.code, escape(&status.message));
    result(operation, &attributes, "")
}

/// How a request stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Standing {
    pub state: u8,
    pub reason: Option<u16>,
    pub count: usize,
    pub packages: Vec<String>,
}

impl Standing {
    /// What goes with a call that failed: state 0 and nothing else.
    pub fn none() -> Self {
        Self { state: 0, reason: None, count: 0, packages: Vec::new() }
    }
}

/// The answer of Verifica.
pub(super) fn verifica(status: &Status, standing: &Standing) -> String {
    let mut attributes = format!(" CodEstatus=\"{}\" EstadoSolicitud=\"{}\"", status.code, standing.state);
    if let Some(reason) = standing.reason {
        let _ = write!(attributes, " CodigoEstadoSolicitud=\"{reason}\"");
    }
    let _ = write!(attributes, " NumeroCFDIs=\"{}\" Mensaje=\"{}\"", standing.count, escape(&status.message));
    let packages: String = standing.packages.iter().map(|it| format!("<IdsPaquetes>{it}</IdsPaquetes>")).collect();
    result(Operation::VerificaSolicitudDescarga, &attributes, &packages)
}

/// The answer of Descargar around a package, which may be empty. A package is tens of MiB: it is
/// encoded straight into the answer and never copied again.
pub(super) fn descargar(status: &Status, package: &[u8]) -> String {
    let header = format!(
        "<s:Header><h:respuesta CodEstatus=\"{}\" Mensaje=\"{}\" xmlns:h=\"{NS_DES}\" xmlns=\"{NS_DES}\" xmlns:xsd=\"{XSD}\" \
         xmlns:xsi=\"{XSI}\"/></s:Header>",
        status.code,
        escape(&status.message)
    );
    let out = format!("<RespuestaDescargaMasivaTercerosSalida xmlns=\"{NS_DES}\">{EMPTY}</RespuestaDescargaMasivaTercerosSalida>");
    let shell = envelope(&(header + &body(&out)));
    let Some((head, tail)) = shell.split_once(EMPTY).filter(|_| !package.is_empty()) else { return shell };
    let mut out = String::with_capacity(shell.len() + package.len() / 3 * 4 + 64);
    out.push_str(head);
    out.push_str("<Paquete>");
    BASE64.encode_string(package, &mut out);
    out.push_str("</Paquete>");
    out.push_str(tail);
    out
}

/// The faults that the service's framework raises, all with HTTP 500.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum SoapFault {
    /// The login could not be verified; never says why.
    InvalidSecurity,
    /// No such operation here, or not the one in the body.
    ActionNotSupported(String),
    /// The body is not what the operation takes.
    Deserialization(&'static str),
}

/// The fault as an envelope.
pub(super) fn fault(fault: &SoapFault) -> String {
    let (namespace, code, words) = match fault {
        SoapFault::InvalidSecurity => {
            (NS_WSSE, "InvalidSecurity", "An error occurred when verifying security for the message.".to_owned())
        }
        SoapFault::ActionNotSupported(action) => (
            "http://schemas.microsoft.com/ws/2005/05/addressing/none",
            "ActionNotSupported",
            format!(
                "The message with Action '{}' cannot be processed at the receiver, due to a ContractFilter mismatch at the \
                 EndpointDispatcher. This may be because of either a contract mismatch (mismatched Actions between sender and \
                 receiver) or a binding/security mismatch between the sender and the receiver.  Check that sender and receiver have \
                 the same contract and the same binding (including security requirements, e.g. Message, Transport, None).",
                quick_xml::escape::partial_escape(action.as_str())
            ),
        ),
        SoapFault::Deserialization(operation) => (
            "http://schemas.microsoft.com/net/2005/12/windowscommunicationfoundation/dispatcher",
            "DeserializationFailed",
            format!(
                "The formatter threw an exception while trying to deserialize the message: Error in deserializing body of request \
                 message for operation '{operation}'."
            ),
        ),
    };
    envelope(&format!(
        "<s:Body><s:Fault><faultcode xmlns:a=\"{namespace}\">a:{code}</faultcode><faultstring xml:lang=\"en-US\">{words}\
         </faultstring></s:Fault></s:Body>"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn captured(root: &std::path::Path, file: &str) -> String {
        String::from_utf8(fedatario_testkit::fixtures::read(root, &format!("mx/soap/{file}.xml"))).unwrap().trim().to_owned()
    }

    #[test]
    fn answers_equal_the_captured_ones_byte_for_byte() {
        use Operation as Op;
        let root = fedatario_testkit::fixtures_or_skip!();
        let id = |text: &str| Some(Uuid::parse_str(text).unwrap());
        let some = |rfc| Some(rfc);
        let failed = |code| verifica(&Status::of(code), &Standing::none());
        let stands = |state, reason, count, packages: &[&str]| {
            let packages = packages.iter().map(|it| (*it).to_owned()).collect();
            verifica(&Status::of(5000), &Standing { state, reason: Some(reason), count, packages })
        };
        let both = "La fecha inicial es mayor o igual a la fecha final.";
        let cancelled = "No se permite la descarga de xml que se encuentren cancelados.";
        let generic = "XAXX010101000";
        let sample = "8b15cb57-85a4-4ef3-8797-805de260c6bb";
        let three = ["01", "02", "03"].map(|it| format!("{}_{it}", sample.to_uppercase()));
        let three: Vec<&str> = three.iter().map(String::as_str).collect();
        let cases = [
            (
                "captured-2025-09/solicita-emitidos-301-fechas",
                solicita(Op::SolicitaDescargaEmitidos, &Status::malformed(both), None, None),
            ),
            (
                "captured-2025-09/solicita-folio-404",
                solicita(Op::SolicitaDescargaFolio, &Status::of(404), id("f29e8844-9752-4380-962d-1ac71b5e2119"), None),
            ),
            (
                "captured-2025-09/solicita-folio-5002",
                solicita(Op::SolicitaDescargaFolio, &Status::of(5002), id("238aba5a-cd61-43f5-9562-b5c92be9a51d"), some(generic)),
            ),
            (
                "captured-2025-09/solicita-folio-5004",
                solicita(Op::SolicitaDescargaFolio, &Status::of(5004), id("15296bd9-29b1-4f5c-8f26-92d8dbbad926"), some(generic)),
            ),
            ("captured-2025-09/solicita-recibidos-305", solicita(Op::SolicitaDescargaRecibidos, &Status::of(305), None, None)),
            (
                "captured-2025-09/solicita-recibidos-5000",
                solicita(Op::SolicitaDescargaRecibidos, &Status::of(5000), id(sample), some(generic)),
            ),
            ("captured-2025-09/verifica-305-estado0", failed(305)),
            ("captured-2025-09/verifica-estado1", stands(1, 5000, 0, &[])),
            ("captured-2025-09/verifica-estado3-codigo5010", stands(3, 5010, 1, &["E7092BEB-1EAC-4C32-B4FE-DDA5FE95A712_01"])),
            ("captured-2025-09/verifica-estado5-codigo5004", stands(5, 5004, 0, &[])),
            ("captured-2025-09/verifica-estado6", stands(6, 5000, 0, &[])),
            ("captured-2025-09/descargar-305", descargar(&Status::of(305), b"")),
            ("captured-2025-09/descargar-5004", descargar(&Status::of(5004), b"")),
            ("captured-2025-09/descargar-5008", descargar(&Status::of(5008), b"")),
            ("derived/descargar-300", descargar(&Status::of(300), b"")),
            ("derived/descargar-5007", descargar(&Status::of(5007), b"")),
            (
                "derived/descargar-5000-zip-vacio",
                descargar(&Status::of(5000), &BASE64.decode("UEsFBgAAAAAAAAAAAAAAAAAAAAAAAA==").unwrap()),
            ),
            ("derived/fault-invalid-security", fault(&SoapFault::InvalidSecurity)),
            (
                "derived/fault-action-not-supported",
                fault(&SoapFault::ActionNotSupported(
                    "http://DescargaMasivaTerceros.sat.gob.mx/ISolicitaDescargaService/SolicitaDescarga".into(),
                )),
            ),
            ("derived/fault-deserialization", fault(&SoapFault::Deserialization("SolicitaDescargaEmitidos"))),
            ("derived/solicita-emitidos-300", solicita(Op::SolicitaDescargaEmitidos, &Status::of(300), None, None)),
            ("derived/solicita-emitidos-302", solicita(Op::SolicitaDescargaEmitidos, &Status::of(302), None, None)),
            ("derived/solicita-emitidos-303", solicita(Op::SolicitaDescargaEmitidos, &Status::of(303), None, None)),
            ("derived/solicita-emitidos-304", solicita(Op::SolicitaDescargaEmitidos, &Status::of(304), None, None)),
            (
                "derived/solicita-emitidos-5000",
                solicita(Op::SolicitaDescargaEmitidos, &Status::of(5000), id(sample), some("EKU9003173C9")),
            ),
            ("derived/solicita-emitidos-5001", solicita(Op::SolicitaDescargaEmitidos, &Status::of(5001), None, None)),
            (
                "derived/solicita-emitidos-5002",
                solicita(Op::SolicitaDescargaEmitidos, &Status::of(5002), id(sample), some("EKU9003173C9")),
            ),
            ("derived/solicita-emitidos-5005", solicita(Op::SolicitaDescargaEmitidos, &Status::of(5005), None, None)),
            ("derived/solicita-folio-5011", solicita(Op::SolicitaDescargaFolio, &Status::of(5011), None, None)),
            ("derived/solicita-folio-5012", solicita(Op::SolicitaDescargaFolio, &Status::of(5012), None, None)),
            (
                "derived/solicita-recibidos-301-cancelados",
                solicita(Op::SolicitaDescargaRecibidos, &Status::malformed(cancelled), None, None),
            ),
            ("derived/verifica-300-estado0", failed(300)),
            ("derived/verifica-5004", failed(5004)),
            ("derived/verifica-estado2", stands(2, 5000, 0, &[])),
            ("derived/verifica-estado3-cero-cfdi-con-paquete", stands(3, 5000, 0, &three[..1])),
            ("derived/verifica-estado3-tres-paquetes", stands(3, 5000, 25, &three)),
            ("derived/verifica-estado4", stands(4, 404, 0, &[])),
            ("derived/verifica-estado5-codigo5003", stands(5, 5003, 0, &[])),
        ];
        for (file, ours) in &cases {
            assert_eq!(*ours, captured(&root, file), "{file}");
        }
        let login = captured(&root, "captured-2025-09/autentica-cfdi");
        let token = login.split("<AutenticaResult>").nth(1).unwrap().split('<').next().unwrap();
        assert_eq!(autentica(token, "2025-09-12T03:55:32.573Z".parse().unwrap()), login);
        fedatario_testkit::covers!("sandbox: answers and faults equal the captured and derived ones byte for byte");
    }
}
