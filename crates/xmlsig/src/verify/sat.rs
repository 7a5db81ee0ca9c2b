//! What SAT has signed: the Timestamp of a login, and a request in either published form.
//!
//! Only forms whose digest is bound to the message count here. Clients in the wild send others;
//! whether to put up with them is the business of the simulator that meets them.

use super::shape::{self, Parts, base64, untrusted};
use super::{Trust, Verified, by_id, conclude, expect_uri};
use crate::c14n::{Method, canonicalize_node};
use crate::document::{Document, Limits, Node, NodeId};
use crate::error::XmlSigError;
use crate::sign::sat::{Request, SOAP, Security, WSSE, request as read_request, security, standalone};

pub(super) fn token(document: &Document, trust: &dyn Trust) -> Result<Verified, XmlSigError> {
    let header = security(document).ok_or(XmlSigError::Missing)?;
    let signature = shape::only_signature(document, header.security)?;
    let parts = Parts::read(signature)?;
    let methods = parts.check(&shape::SAT_TOKEN)?;
    let timestamp = timestamp(document, &header, &parts)?;
    let certificate = token_certificate(document, &header, &parts)?;
    conclude(document, &parts, &shape::SAT_TOKEN, methods, (timestamp, None), certificate, trust)
}

/// The header's Timestamp, if it is what the signature refers to.
fn timestamp(document: &Document, header: &Security<'_>, parts: &Parts<'_>) -> Result<NodeId, XmlSigError> {
    let id = parts.uri.and_then(|it| it.strip_prefix('#')).ok_or(XmlSigError::Reference("there is no URI of an Id"))?;
    let target = by_id(document, id)?.id();
    if target == header.timestamp.id() { Ok(target) } else { Err(XmlSigError::Reference("not to the Timestamp")) }
}

/// The certificate in the header's token, if `KeyInfo` refers to that.
fn token_certificate(document: &Document, header: &Security<'_>, parts: &Parts<'_>) -> Result<Vec<u8>, XmlSigError> {
    let outer = only_element(parts.key_info, "SecurityTokenReference");
    let reference = outer.and_then(|it| only_element(it, "Reference"));
    let reference = reference.ok_or_else(|| untrusted("KeyInfo refers to no token"))?;
    let id = reference.attribute("URI").and_then(|it| it.strip_prefix('#'));
    let id = id.ok_or_else(|| untrusted("KeyInfo refers to no token"))?;
    if by_id(document, id)?.id() != header.token.id() {
        return Err(untrusted("KeyInfo refers to something else"));
    }
    base64(header.token)
}

fn only_element<'d>(parent: Node<'d>, local: &str) -> Option<Node<'d>> {
    let found = parent.only_child(WSSE, local)?;
    (parent.elements().count() == 1).then_some(found)
}

pub(super) fn request(document: &Document, trust: &dyn Trust) -> Result<Verified, XmlSigError> {
    let request = operation(document).and_then(read_request).ok_or(XmlSigError::Missing)?;
    let signature = shape::only_signature(document, request.inner)?;
    if request.inner.elements().last().is_none_or(|it| it.id() != signature.id()) {
        return Err(XmlSigError::Missing);
    }
    let parts = Parts::read(signature)?;
    match parts.claims_enveloped() {
        true => official(document, &request, signature, trust),
        false => exercised(document, &request, &parts, trust),
    }
}

/// The operation element: the root itself, or the only element of an envelope's body.
fn operation(document: &Document) -> Option<Node<'_>> {
    let root = document.root();
    if !root.is(SOAP, "Envelope") {
        return Some(root);
    }
    let body = root.only_child(SOAP, "Body")?;
    let mut elements = body.elements();
    elements.next().filter(|_| elements.next().is_none())
}

fn exercised(document: &Document, request: &Request<'_>, parts: &Parts<'_>, trust: &dyn Trust) -> Result<Verified, XmlSigError> {
    let methods = parts.check(&shape::SAT_EXERCISED)?;
    expect_uri(parts, "")?;
    let digested = (request.operation.id(), Some(parts.signature.id()));
    conclude(document, parts, &shape::SAT_EXERCISED, methods, digested, parts.certificate()?, trust)
}

/// The official form is an enveloped signature in a document that is never sent: it is written anew
/// from the message, with the signature in it, and verified as that.
fn official(document: &Document, request: &Request<'_>, signature: Node<'_>, trust: &dyn Trust) -> Result<Verified, XmlSigError> {
    let signature = canonicalize_node(document, signature.id(), &Method::EXCLUSIVE, None)?;
    let signature = String::from_utf8(signature).map_err(|_| XmlSigError::Missing)?;
    let alone = standalone(request, Some(&signature));
    let alone = alone.map_err(|_| XmlSigError::Reference("the request holds what its form does not sign"))?;
    let alone = Document::parse(alone.as_bytes(), Limits::VERIFY)?;
    super::enveloped(&alone, &shape::SAT_OFFICIAL, trust)
}
