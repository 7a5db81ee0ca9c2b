//! What is sent: the messages of the six operations, in the forms that SAT takes.
//!
//! A [`Message`] is what is asked, without signature. It is written as the element to be signed and,
//! once it is, as the SOAP envelope around it; which of the two published forms the signature has is
//! the signer's business. Attributes go in alphabetical order, as the documents of the service
//! demand. Whether SAT would accept what is asked is checked before, by the services.

use crate::endpoints::Door;
use fedatario_app::model::{Content, Direction, Estado};
use fedatario_app::ports::SatRequest;
use jiff::civil::DateTime;
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeMap;
use std::fmt::Write;
use uuid::Uuid;

/// SOAP 1.1.
pub(crate) const SOAP: &str = "http://schemas.xmlsoap.org/soap/envelope/";
/// The service's own namespace, for all operations but Autentica.
pub(crate) const DES: &str = "http://DescargaMasivaTerceros.sat.gob.mx";
/// Namespace of Autentica: the only one without `.sat.`.
pub(crate) const AUTH: &str = "http://DescargaMasivaTerceros.gob.mx";
/// WS-Security's utility namespace.
pub(crate) const WSU: &str = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd";
/// WS-Security's own namespace.
pub(crate) const WSSE: &str = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd";
/// XML signatures; declared in every envelope because the exercised form does.
const DS: &str = "http://www.w3.org/2000/09/xmldsig#";
/// The action of Autentica, which alone has no `.sat.` in its namespace.
pub const AUTENTICA_ACTION: &str = "http://DescargaMasivaTerceros.gob.mx/IAutenticacion/Autentica";

/// How long a login's stamp is valid.
const STAMP: SignedDuration = SignedDuration::from_mins(5);

/// The envelope of a login, complete but for the certificate in its token and the signature.
pub fn login_envelope(now: Timestamp, token: Uuid) -> String {
    let base = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss";
    let (created, expires) = (stamp(now), stamp(now.saturating_add(STAMP).unwrap_or(now)));
    format!(
        "<s:Envelope xmlns:s=\"{SOAP}\" xmlns:u=\"{WSU}\"><s:Header><o:Security xmlns:o=\"{WSSE}\" s:mustUnderstand=\"1\">\
         <u:Timestamp u:Id=\"_0\"><u:Created>{created}</u:Created><u:Expires>{expires}</u:Expires></u:Timestamp>\
         <o:BinarySecurityToken u:Id=\"uuid-{token}-1\" ValueType=\"{base}-x509-token-profile-1.0#X509v3\" \
         EncodingType=\"{base}-soap-message-security-1.0#Base64Binary\"></o:BinarySecurityToken></o:Security></s:Header>\
         <s:Body><Autentica xmlns=\"{AUTH}\"/></s:Body></s:Envelope>"
    )
}

/// UTC, milliseconds, a literal Z.
fn stamp(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string()
}

/// The operations that carry a message; Autentica alone has none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Operation {
    /// Ask for what was issued.
    Emitidos,
    /// Ask for what was received.
    Recibidos,
    /// Ask for one document by its UUID.
    Folio,
    /// How a request stands.
    Verifica,
    /// Fetch a package.
    Descargar,
}

impl Operation {
    /// Every one there is.
    pub const ALL: [Operation; 5] =
        [Operation::Emitidos, Operation::Recibidos, Operation::Folio, Operation::Verifica, Operation::Descargar];

    /// The `SOAPAction`, exactly.
    pub fn soap_action(self) -> &'static str {
        match self {
            Operation::Emitidos => "http://DescargaMasivaTerceros.sat.gob.mx/ISolicitaDescargaService/SolicitaDescargaEmitidos",
            Operation::Recibidos => "http://DescargaMasivaTerceros.sat.gob.mx/ISolicitaDescargaService/SolicitaDescargaRecibidos",
            Operation::Folio => "http://DescargaMasivaTerceros.sat.gob.mx/ISolicitaDescargaService/SolicitaDescargaFolio",
            Operation::Verifica => {
                "http://DescargaMasivaTerceros.sat.gob.mx/IVerificaSolicitudDescargaService/VerificaSolicitudDescarga"
            }
            Operation::Descargar => "http://DescargaMasivaTerceros.sat.gob.mx/IDescargaMasivaTercerosService/Descargar",
        }
    }

    /// The element in the body. That of Descargar is not named after it.
    pub fn element(self) -> &'static str {
        match self {
            Operation::Emitidos => "SolicitaDescargaEmitidos",
            Operation::Recibidos => "SolicitaDescargaRecibidos",
            Operation::Folio => "SolicitaDescargaFolio",
            Operation::Verifica => "VerificaSolicitudDescarga",
            Operation::Descargar => "PeticionDescargaMasivaTercerosEntrada",
        }
    }

    /// The element within, which carries the attributes and the signature.
    pub fn inner(self) -> &'static str {
        match self {
            Operation::Emitidos | Operation::Recibidos | Operation::Folio | Operation::Verifica => "solicitud",
            Operation::Descargar => "peticionDescarga",
        }
    }

    /// Where it is sent.
    pub fn door(self) -> Door {
        match self {
            Operation::Emitidos | Operation::Recibidos | Operation::Folio => Door::Solicita,
            Operation::Verifica => Door::Verifica,
            Operation::Descargar => Door::Descargar,
        }
    }
}

/// What one operation asks, before it has a form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    operation: Operation,
    attributes: BTreeMap<&'static str, String>,
    receivers: Vec<String>,
}

impl Message {
    fn new(operation: Operation, rfc: &str, rest: &[(&'static str, &str)]) -> Self {
        let mut attributes = BTreeMap::from([("RfcSolicitante", rfc.to_owned())]);
        attributes.extend(rest.iter().map(|(name, value)| (*name, (*value).to_owned())));
        Self { operation, attributes, receivers: Vec::new() }
    }

    /// What is asked: a window with its filters, or one document by its folio.
    pub fn ask(rfc: &str, request: &SatRequest) -> Self {
        let filters = &request.filters;
        if let Some(folio) = &filters.folio {
            return Self::folio(rfc, folio);
        }
        let named = [
            ("TipoComprobante", &filters.kind),
            ("Complemento", &filters.complement),
            ("RfcACuentaTerceros", &filters.third_party),
        ];
        let mut message = Self::window(rfc, request);
        for (name, value) in named.into_iter().filter_map(|(name, value)| value.as_ref().map(|it| (name, it))) {
            message = message.with(name, value);
        }
        let counterparties: Vec<&str> = filters.counterparties.iter().map(String::as_str).collect();
        match (request.direction, counterparties.as_slice()) {
            (_, []) => message,
            (Direction::Issued, receivers) => message.with_receivers(receivers),
            (Direction::Received, [issuer, ..]) => message.with("RfcEmisor", issuer),
        }
    }

    /// A request for a window, with no filter but the direction and the state.
    pub fn window(rfc: &str, request: &SatRequest) -> Self {
        let (operation, own_side) = match request.direction {
            Direction::Issued => (Operation::Emitidos, "RfcEmisor"),
            Direction::Received => (Operation::Recibidos, "RfcReceptor"),
        };
        let (from, to) = (civil(request.from), civil(request.to));
        let state = match request.estado {
            Estado::Todos => "Todos",
            Estado::Vigente => "Vigente",
            Estado::Cancelado => "Cancelado",
        };
        let content = match request.content {
            Content::Cfdi => "CFDI",
            Content::Metadata => "Metadata",
        };
        let rest = [
            ("FechaInicial", from.as_str()),
            ("FechaFinal", to.as_str()),
            (own_side, rfc),
            ("EstadoComprobante", state),
            ("TipoSolicitud", content),
        ];
        Self::new(operation, rfc, &rest)
    }

    /// A request for one document.
    pub fn folio(rfc: &str, uuid: &str) -> Self {
        Self::new(Operation::Folio, rfc, &[("Folio", uuid)])
    }

    /// How a request stands. Its id goes back as it came.
    pub fn verifica(rfc: &str, id_solicitud: &str) -> Self {
        Self::new(Operation::Verifica, rfc, &[("IdSolicitud", id_solicitud)])
    }

    /// A package. Its id goes back as it came.
    pub fn descargar(rfc: &str, id_paquete: &str) -> Self {
        Self::new(Operation::Descargar, rfc, &[("IdPaquete", id_paquete)])
    }

    /// The same with one more attribute, as `TipoComprobante`, `Complemento`, `RfcACuentaTerceros`
    /// or the other side's RFC.
    pub fn with(mut self, name: &'static str, value: &str) -> Self {
        self.attributes.insert(name, value.to_owned());
        self
    }

    /// The same for these receivers only; Emitidos alone takes them, five at most.
    pub fn with_receivers(mut self, receivers: &[&str]) -> Self {
        self.receivers = receivers.iter().map(|it| (*it).to_owned()).collect();
        self
    }

    /// Which operation it is for.
    pub fn operation(&self) -> Operation {
        self.operation
    }

    /// The operation's element in canonical form, without signature: what is given to be signed, and
    /// what the exercised form digests.
    pub fn operation_element(&self) -> String {
        let (outer, inner) = (self.operation.element(), self.operation.inner());
        let mut text = format!("<des:{outer} xmlns:des=\"{DES}\"><des:{inner}");
        self.write_attributes(&mut text);
        text.push('>');
        self.write_receivers(&mut text, "des:");
        let _ = write!(text, "</des:{inner}></des:{outer}>");
        text
    }

    /// The envelope as it is sent, around the signed operation element. None if that is not this
    /// message's.
    ///
    /// The envelope declares `des`, so the element sheds its own declaration: neither form digests
    /// the place where it stood.
    pub fn envelope(&self, signed: &[u8]) -> Option<Vec<u8>> {
        let name = self.operation.element();
        let rest = signed.strip_prefix(format!("<des:{name} xmlns:des=\"{DES}\">").as_bytes())?;
        let head = format!("<s:Envelope xmlns:s=\"{SOAP}\" xmlns:des=\"{DES}\" xmlns:xd=\"{DS}\"><s:Header/><s:Body><des:{name}>");
        Some([head.as_bytes(), rest, b"</s:Body></s:Envelope>"].concat())
    }

    fn write_attributes(&self, text: &mut String) {
        for (name, value) in &self.attributes {
            let _ = write!(text, " {name}=\"{}\"", attribute(value));
        }
    }

    fn write_receivers(&self, text: &mut String, prefix: &str) {
        if self.receivers.is_empty() {
            return;
        }
        let _ = write!(text, "<{prefix}RfcReceptores>");
        for rfc in &self.receivers {
            let _ = write!(text, "<{prefix}RfcReceptor>{}</{prefix}RfcReceptor>", content(rfc));
        }
        let _ = write!(text, "</{prefix}RfcReceptores>");
    }
}

/// `yyyy-MM-ddTHH:mm:ss`: civil time of Mexico City, no zone, no fraction.
fn civil(at: DateTime) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S").to_string()
}

/// Escapes an attribute's value as canonical XML does, so that what is signed is what is sent.
fn attribute(value: &str) -> String {
    escaped(value, |it| match it {
        '&' => Some("&amp;"),
        '<' => Some("&lt;"),
        '"' => Some("&quot;"),
        '\t' => Some("&#x9;"),
        '\n' => Some("&#xA;"),
        '\r' => Some("&#xD;"),
        _ => None,
    })
}

/// Escapes text as canonical XML does.
fn content(value: &str) -> String {
    escaped(value, |it| match it {
        '&' => Some("&amp;"),
        '<' => Some("&lt;"),
        '>' => Some("&gt;"),
        '\r' => Some("&#xD;"),
        _ => None,
    })
}

fn escaped(value: &str, replace: impl Fn(char) -> Option<&'static str>) -> String {
    let mut text = String::with_capacity(value.len());
    for character in value.chars() {
        match replace(character) {
            Some(reference) => text.push_str(reference),
            None => text.push(character),
        }
    }
    text
}
