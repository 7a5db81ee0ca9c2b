//! The two things SAT has signed: the Timestamp of a login, and a request.
//!
//! A request has two forms. The exercised one digests the operation element in exclusive form; the
//! official one digests the request as a document of its own, whose root is named after its type.

use super::template::{DS, Outline, x509_data};
use super::{Form, Prepared, Signatory, last_place, seal_enveloped};
use crate::algorithm::{C14N, ENVELOPED, EXCLUSIVE, Hash};
use crate::c14n::{Method, canonicalize_node, escaped_attribute, escaped_text};
use crate::document::{Content, Document, Limits, Node};
use crate::error::XmlSigError;
use std::fmt::Write;

pub(crate) const SOAP: &str = "http://schemas.xmlsoap.org/soap/envelope/";
pub(crate) const DES: &str = "http://DescargaMasivaTerceros.sat.gob.mx";
pub(crate) const WSU: &str = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd";
pub(crate) const WSSE: &str = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd";
const X509_V3: &str = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-x509-token-profile-1.0#X509v3";
const XSD: &str = "http://www.w3.org/2001/XMLSchema";

/// Operation element, the element within that carries the signature, and the name of its type.
const REQUESTS: &[(&str, &str, &str)] = &[
    ("SolicitaDescargaEmitidos", "solicitud", "SolicitudDescargaMasivaTerceroEmitidos"),
    ("SolicitaDescargaRecibidos", "solicitud", "SolicitudDescargaMasivaTerceroRecibidos"),
    ("SolicitaDescargaFolio", "solicitud", "SolicitudDescargaMasivaTerceroFolio"),
    ("VerificaSolicitudDescarga", "solicitud", "VerificaSolicitudDescargaMasivaTercero"),
    ("PeticionDescargaMasivaTercerosEntrada", "peticionDescarga", "PeticionDescargaMasivaTerceros"),
];

// --- login --------------------------------------------------------------------------------------

/// The parts of a login's security header.
pub(crate) struct Security<'d> {
    pub security: Node<'d>,
    pub timestamp: Node<'d>,
    pub token: Node<'d>,
}

/// Finds the security header and the two elements in it of which there must be exactly one.
pub(crate) fn security(document: &Document) -> Option<Security<'_>> {
    let envelope = Some(document.root()).filter(|it| it.is(SOAP, "Envelope"))?;
    let security = envelope.only_child(SOAP, "Header")?.only_child(WSSE, "Security")?;
    let timestamp = security.only_child(WSU, "Timestamp")?;
    let token = security.only_child(WSSE, "BinarySecurityToken")?;
    Some(Security { security, timestamp, token })
}

pub(super) fn prepare_token(document: &Document, signatory: &Signatory) -> Result<Prepared, XmlSigError> {
    let parts = security(document).ok_or(XmlSigError::Purpose("not the envelope of a login"))?;
    let id = |it: Node<'_>| it.attribute_ns(WSU, "Id").map(str::to_owned).ok_or(XmlSigError::Purpose("a part has no Id"));
    let (timestamp, token) = (id(parts.timestamp)?, id(parts.token)?);
    if parts.token.first_child().is_some() || parts.token.prefix().is_empty() {
        return Err(XmlSigError::Purpose("the token is to be empty and to have a prefix"));
    }
    let digested = canonicalize_node(document, parts.timestamp.id(), &Method::EXCLUSIVE, None)?;
    let filled = with_token(parts.token, &signatory.certificate_base64())?;
    let key_info = token_reference(parts.token.prefix(), &token);
    let outline = Outline {
        method: EXCLUSIVE,
        hash: Hash::Sha1,
        uri: &format!("#{timestamp}"),
        transforms: &[EXCLUSIVE],
        key_info: &key_info,
        is_paired: false,
    };
    let parts = security(&filled).ok_or(XmlSigError::Purpose("not the envelope of a login"))?;
    let (before, after) = last_place(parts.security);
    Ok(Prepared::around(&before, outline.seal(Some(parts.security), &digested)?, &after))
}

/// The envelope with the certificate in its token.
fn with_token(token: Node<'_>, certificate: &str) -> Result<Document, XmlSigError> {
    let (before, after) = last_place(token);
    Document::parse(format!("{before}{certificate}{after}").as_bytes(), Limits::VERIFY)
}

fn token_reference(prefix: &str, id: &str) -> String {
    let id = escaped_attribute(id);
    format!(
        "<{prefix}:SecurityTokenReference><{prefix}:Reference URI=\"#{id}\" ValueType=\"{X509_V3}\"/>\
         </{prefix}:SecurityTokenReference>"
    )
}

// --- requests -----------------------------------------------------------------------------------

/// A request inside its document.
pub(crate) struct Request<'d> {
    pub operation: Node<'d>,
    pub inner: Node<'d>,
    pub type_name: &'static str,
}

/// Reads an operation element: one of the known ones, with its one inner element and nothing else.
pub(crate) fn request(operation: Node<'_>) -> Option<Request<'_>> {
    let known = REQUESTS.iter().find(|it| operation.is(DES, it.0))?;
    let inner = operation.only_child(DES, known.1)?;
    let is_alone = operation.elements().count() == 1;
    is_alone.then_some(Request { operation, inner, type_name: known.2 })
}

pub(super) fn prepare_request(document: &Document, form: Form, signatory: &Signatory) -> Result<Prepared, XmlSigError> {
    let request = request(document.root()).ok_or(XmlSigError::Purpose("not a request to SAT"))?;
    let issuer_serial = Some((signatory.issuer_name.as_str(), signatory.serial_decimal.as_str()));
    let key_info = x509_data(&signatory.certificate_base64(), issuer_serial);
    let (before, after) = last_place(request.inner);
    let sealed = match form {
        Form::Phpcfdi => {
            let outline = Outline { is_paired: is_paired(&request), ..exercised(&key_info) };
            let digested = canonicalize_node(document, request.operation.id(), &Method::EXCLUSIVE, None)?;
            outline.seal(Some(request.inner), &digested)?
        }
        Form::Official => {
            let alone = Document::parse(standalone(&request, None)?.as_bytes(), Limits::VERIFY)?;
            seal_enveloped(&alone, &official(&key_info))?
        }
    };
    Ok(Prepared::around(&before, sealed, &after))
}

/// How the published messages of that library write empty elements: as pairs where something is
/// asked for, closed in themselves elsewhere.
fn is_paired(request: &Request<'_>) -> bool {
    request.operation.local().starts_with("SolicitaDescarga")
}

fn exercised(key_info: &str) -> Outline<'_> {
    Outline { method: EXCLUSIVE, hash: Hash::Sha1, uri: "", transforms: &[EXCLUSIVE], key_info, is_paired: false }
}

fn official(key_info: &str) -> Outline<'_> {
    Outline { method: C14N, hash: Hash::Sha1, uri: "", transforms: &[ENVELOPED], key_info, is_paired: false }
}

/// The request as a document of its own, which the official form signs: root named after the type,
/// the service's namespace by default, two declarations that its serialiser always writes.
pub(crate) fn standalone(request: &Request<'_>, signature: Option<&str>) -> Result<String, XmlSigError> {
    let name = request.type_name;
    let mut text = format!("<{name} xmlns=\"{DES}\" xmlns:xsd=\"{XSD}\" xmlns:xsi=\"{XSD}-instance\"");
    write_attributes(request.inner, &mut text)?;
    text.push('>');
    for child in request.inner.elements().filter(|it| !it.is(DS, "Signature")) {
        write_receivers(child, &mut text)?;
    }
    text.push_str(signature.unwrap_or_default());
    let _ = write!(text, "</{name}>");
    Ok(text)
}

fn write_attributes(element: Node<'_>, text: &mut String) -> Result<(), XmlSigError> {
    for attribute in element.attributes() {
        if !attribute.namespace.is_empty() {
            return Err(XmlSigError::Purpose("an attribute that requests do not have"));
        }
        let _ = write!(text, " {}=\"{}\"", attribute.local, escaped_attribute(attribute.value));
    }
    Ok(())
}

/// Receivers are the only elements of a request: two levels and text.
fn write_receivers(list: Node<'_>, text: &mut String) -> Result<(), XmlSigError> {
    let foreign = XmlSigError::Purpose("an element that requests do not have");
    if !list.is(DES, "RfcReceptores") || list.attributes().next().is_some() {
        return Err(foreign);
    }
    text.push_str("<RfcReceptores>");
    for receiver in list.elements() {
        let is_plain = receiver.children().all(|it| matches!(it.content(), Content::Text(_)));
        if !receiver.is(DES, "RfcReceptor") || receiver.attributes().next().is_some() || !is_plain {
            return Err(foreign);
        }
        let _ = write!(text, "<RfcReceptor>{}</RfcReceptor>", escaped_text(&receiver.text()));
    }
    text.push_str("</RfcReceptores>");
    Ok(())
}
