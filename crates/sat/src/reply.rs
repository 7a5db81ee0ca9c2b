//! What SAT's answers say: by namespace and local name, whatever the prefixes.
//!
//! An answer is a [`Reply`]: the operation's result, or a SOAP fault. Anything else is
//! [`NoAnswer`], and nothing is known then of what became of the call. Codes are kept as SAT wrote
//! them, also those that nobody has seen before; what they mean is decided by the services.

use crate::envelope::{AUTH, DES, Operation, SOAP, WSSE, WSU};
use crate::xml::{self, Element, NoAnswer};
use fedatario_app::ports::{SatAsked, SatVerified};
use fedatario_base::Secret;
use jiff::{SignedDuration, Timestamp};

/// Bytes of a token. Real ones have about 395; it has to fit into a header line.
const MAX_TOKEN_BYTES: usize = 8 << 10;
/// Lifetime of a token when the answer carries no usable stamp, and what all of them have had.
const USUAL_LIFETIME: SignedDuration = SignedDuration::from_mins(5);
/// No token is trusted for longer, whatever the stamp says: its own `exp` is ten minutes away.
const MAX_LIFETIME: SignedDuration = SignedDuration::from_mins(10);
/// Characters of a code that are kept. The longest known has four.
const MAX_CODE_CHARS: usize = 64;
/// Characters of SAT's words that are kept.
const MAX_TEXT_CHARS: usize = 2_000;
/// Characters of one word of SAT's. The longest known is an action of 75; a token has 395, and a
/// server that echoes one must not get it into our logs.
const MAX_WORD_CHARS: usize = 120;
/// Bytes of an opaque id. Real ones have 39.
const MAX_ID_BYTES: usize = 256;

/// A well-formed answer.
#[derive(Debug)]
pub enum Reply<T> {
    /// The operation's own result.
    Result(T),
    /// The server refused the message as such.
    Fault(SoapFault),
}

/// A SOAP fault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SoapFault {
    /// The code without its prefix.
    pub code: String,
    /// The words.
    pub text: String,
}

/// Why a message as such was refused, as far as it tells what became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FaultKind {
    /// The signature, the stamp or the certificate of a login.
    InvalidSecurity,
    /// Refused before it was dispatched: an action or a body that the server does not know.
    NotUnderstood,
    /// Anything else: it may have been processed.
    Unknown,
}

impl SoapFault {
    /// What the code tells.
    pub fn kind(&self) -> FaultKind {
        match self.code.as_str() {
            "InvalidSecurity" => FaultKind::InvalidSecurity,
            "ActionNotSupported" | "DeserializationFailed" => FaultKind::NotUnderstood,
            _ => FaultKind::Unknown,
        }
    }
}

/// A session as SAT hands it out.
#[derive(Debug)]
pub struct Login {
    /// The token, as received.
    pub token: Secret,
    /// How long it lasts, by the clock of the answer.
    pub lifetime: SignedDuration,
}

/// Reads the answer to Autentica.
pub fn login(bytes: &[u8]) -> Result<Reply<Login>, NoAnswer> {
    let root = envelope(bytes)?;
    let body = match body(&root)? {
        Reply::Result(body) => body,
        Reply::Fault(fault) => return Ok(Reply::Fault(fault)),
    };
    let result = body.child(AUTH, "AutenticaResponse").and_then(|it| it.child(AUTH, "AutenticaResult"));
    let token = result.ok_or(NoAnswer::Missing("AutenticaResult"))?.text();
    // It travels in a header line, between quotes.
    if token.is_empty() || token.len() > MAX_TOKEN_BYTES || !token.bytes().all(|it| it.is_ascii_graphic() && it != b'"') {
        return Err(NoAnswer::Missing("a token"));
    }
    Ok(Reply::Result(Login { token: Secret::new(token), lifetime: lifetime(&root) }))
}

/// `Expires − Created` of the answer: only their difference is free of anybody's clock.
fn lifetime(root: &Element) -> SignedDuration {
    let stamp = root.child(SOAP, "Header").and_then(|it| it.child(WSSE, "Security")).and_then(|it| it.child(WSU, "Timestamp"));
    let at = |name| stamp.and_then(|it| it.child(WSU, name)).and_then(|it| it.text().parse::<Timestamp>().ok());
    let span = at("Expires").zip(at("Created")).map(|(expires, created)| expires.duration_since(created));
    span.filter(SignedDuration::is_positive).unwrap_or(USUAL_LIFETIME).min(MAX_LIFETIME)
}

/// Reads the answer to one of the three requests.
pub fn asked(operation: Operation, bytes: &[u8]) -> Result<Reply<SatAsked>, NoAnswer> {
    let (response, result) = match operation {
        Operation::Emitidos => ("SolicitaDescargaEmitidosResponse", "SolicitaDescargaEmitidosResult"),
        Operation::Recibidos => ("SolicitaDescargaRecibidosResponse", "SolicitaDescargaRecibidosResult"),
        Operation::Folio => ("SolicitaDescargaFolioResponse", "SolicitaDescargaFolioResult"),
        Operation::Verifica | Operation::Descargar => return Err(NoAnswer::Missing("the result of a request")),
    };
    within(bytes, response, result, |it| {
        let id_solicitud = it.attribute("IdSolicitud").map(str::trim).filter(|id| !id.is_empty()).map(opaque).transpose()?;
        Ok(SatAsked { cod_estatus: cod_estatus(it)?, mensaje: mensaje(it), id_solicitud })
    })
}

/// Reads the answer to a verification.
pub fn verified(bytes: &[u8]) -> Result<Reply<SatVerified>, NoAnswer> {
    within(bytes, "VerificaSolicitudDescargaResponse", "VerificaSolicitudDescargaResult", |it| {
        let estado = it.attribute("EstadoSolicitud").and_then(|text| text.trim().parse().ok());
        let packages = it.all(DES, "IdsPaquetes").map(Element::text).filter(|id| !id.is_empty());
        Ok(SatVerified {
            cod_estatus: cod_estatus(it)?,
            estado: estado.ok_or(NoAnswer::Missing("EstadoSolicitud"))?,
            codigo_estado: it.attribute("CodigoEstadoSolicitud").map(str::trim).filter(|code| !code.is_empty()).map(code),
            // Decides nothing, so nothing hangs on its being there.
            numero_cfdis: it.attribute("NumeroCFDIs").and_then(|text| text.trim().parse().ok()).unwrap_or(0),
            mensaje: mensaje(it),
            packages: packages.map(opaque).collect::<Result<_, _>>()?,
        })
    })
}

/// The status of a download: it lies in the header of the answer, not in its body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Respuesta {
    /// `CodEstatus`.
    pub cod_estatus: String,
    /// `Mensaje`.
    pub mensaje: String,
}

/// Reads the answer to a download whose `Paquete` was taken out of it (or was never there).
pub(crate) fn downloaded(bytes: &[u8]) -> Result<Reply<Respuesta>, NoAnswer> {
    let root = envelope(bytes)?;
    let body = match body(&root)? {
        Reply::Result(body) => body,
        Reply::Fault(fault) => return Ok(Reply::Fault(fault)),
    };
    let salida = body.child(DES, "RespuestaDescargaMasivaTercerosSalida").ok_or(NoAnswer::Missing("the answer to a download"))?;
    let mut packages = salida.all(DES, "Paquete");
    let paquete = packages.next().ok_or(NoAnswer::Missing("Paquete"))?;
    // Its text was taken out; whatever is left is more than one text, or none that was understood.
    if packages.next().is_some() || !paquete.text().is_empty() || !paquete.children().is_empty() {
        return Err(NoAnswer::Package);
    }
    let header = root.child(SOAP, "Header").and_then(|it| it.child(DES, "respuesta"));
    let header = header.ok_or(NoAnswer::Missing("respuesta"))?;
    Ok(Reply::Result(Respuesta { cod_estatus: cod_estatus(header)?, mensaje: mensaje(header) }))
}

/// Reads whatever a server answered with an error status: a fault, or no answer.
pub fn fault(bytes: &[u8]) -> Result<SoapFault, NoAnswer> {
    match body(&envelope(bytes)?)? {
        Reply::Fault(fault) => Ok(fault),
        Reply::Result(_) => Err(NoAnswer::Missing("a fault")),
    }
}

fn within<T>(
    bytes: &[u8],
    response: &'static str,
    result: &'static str,
    read: impl FnOnce(&Element) -> Result<T, NoAnswer>,
) -> Result<Reply<T>, NoAnswer> {
    let root = envelope(bytes)?;
    match body(&root)? {
        Reply::Fault(fault) => Ok(Reply::Fault(fault)),
        Reply::Result(body) => {
            let found = body.child(DES, response).and_then(|it| it.child(DES, result));
            read(found.ok_or(NoAnswer::Missing(result))?).map(Reply::Result)
        }
    }
}

fn envelope(bytes: &[u8]) -> Result<Element, NoAnswer> {
    let root = xml::read(bytes)?;
    if root.is(SOAP, "Envelope") { Ok(root) } else { Err(NoAnswer::Missing("a SOAP envelope")) }
}

fn body(root: &Element) -> Result<Reply<&Element>, NoAnswer> {
    let body = root.child(SOAP, "Body").ok_or(NoAnswer::Missing("a SOAP body"))?;
    let Some(fault) = body.child(SOAP, "Fault") else { return Ok(Reply::Result(body)) };
    let text = |name| fault.child("", name).map(Element::text).unwrap_or_default();
    let local = text("faultcode").rsplit(':').next().unwrap_or_default();
    Ok(Reply::Fault(SoapFault { code: code(local), text: words(text("faultstring")) }))
}

fn cod_estatus(of: &Element) -> Result<String, NoAnswer> {
    let text = of.attribute("CodEstatus").map(str::trim).filter(|it| !it.is_empty());
    text.map(code).ok_or(NoAnswer::Missing("CodEstatus"))
}

fn mensaje(of: &Element) -> String {
    words(of.attribute("Mensaje").unwrap_or_default())
}

fn code(text: &str) -> String {
    text.chars().take(MAX_CODE_CHARS).collect()
}

fn words(text: &str) -> String {
    let word = |it: &str| if it.chars().count() > MAX_WORD_CHARS { "[…]".to_owned() } else { it.to_owned() };
    let text: Vec<String> = text.trim().split(' ').map(word).collect();
    text.join(" ").chars().take(MAX_TEXT_CHARS).collect()
}

/// An id is sent back unchanged, so a shortened one would be another one.
fn opaque(text: &str) -> Result<String, NoAnswer> {
    if text.len() <= MAX_ID_BYTES { Ok(text.to_owned()) } else { Err(NoAnswer::TooComplex) }
}
