//! Which of the known forms of signature a message bears.
//!
//! Clients that work against the real service sign in ways that no single procedure accepts: some
//! digests cover the operation, some a document that is not the message, some nothing. So each form
//! is tried and the one that matched is named. These unbound forms live here and nowhere else; what
//! the product itself verifies goes by the standard.

use super::answer::{NS_DES, Operation};
use super::message::{Login, Message, NS_DS, find};
use base64::Engine as _;
use fedatario_credentials::Certificate;
use fedatario_xmlsig::{Hash, Method, Node, canonicalize_node, verify_rsa};

const XSD: &str = "http://www.w3.org/2001/XMLSchema";
const XSI: &str = "http://www.w3.org/2001/XMLSchema-instance";

/// Which forms of a signature matched.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
pub struct Profile {
    /// The form of `SignedInfo` that the signature covers.
    pub signed_info: Option<&'static str>,
    /// The form of the message that the digest covers.
    pub digest: Option<&'static str>,
}

impl Profile {
    /// Whether both the signature and the digest matched some form.
    pub fn is_complete(&self) -> bool {
        self.signed_info.is_some() && self.digest.is_some()
    }
}

type Forms = Vec<(&'static str, Vec<u8>)>;

/// How a login is signed: only by the standard.
pub(super) fn of_login(message: &Message, login: &Login<'_>, certificate: &Certificate) -> Profile {
    let stamp = canonicalize_node(message.document(), login.timestamp.id(), &Method::EXCLUSIVE, None).ok();
    let digests = stamp.map(|it| ("exclusive of Timestamp", it)).into_iter().collect();
    let info = login.signature.child(NS_DS, "SignedInfo");
    let signed = info.and_then(|it| canonical(it, &Method::EXCLUSIVE, None)).map(|it| ("exclusive", it)).into_iter().collect();
    profile(login.signature, signed, digests, certificate)
}

/// How a request is signed: by any form seen in the field.
pub(super) fn of_request(operation: Operation, message: &Message, certificate: &Certificate) -> Profile {
    let Some(signature) = message.signature(operation) else { return Profile::default() };
    profile(signature, signed_info_forms(signature), digest_forms(operation, message, signature), certificate)
}

fn profile(signature: Node<'_>, signed: Forms, digests: Forms, certificate: &Certificate) -> Profile {
    let text = |node: Option<Node<'_>>| {
        let text: String = node.map(|it| it.text()).unwrap_or_default().split_ascii_whitespace().collect();
        base64::engine::general_purpose::STANDARD.decode(text).unwrap_or_default()
    };
    let value = text(signature.child(NS_DS, "SignatureValue"));
    let digest = text(find(signature, NS_DS, "DigestValue"));
    let verifies = |octets: &[u8]| verify_rsa(Hash::Sha1, certificate.rsa_public_key(), octets, &value).is_ok();
    Profile {
        signed_info: signed.iter().find(|(_, octets)| verifies(octets)).map(|(name, _)| *name),
        digest: digests.iter().find(|(_, octets)| Hash::Sha1.digest(octets) == digest).map(|(name, _)| *name),
    }
}

fn canonical(node: Node<'_>, method: &Method, omit: Option<Node<'_>>) -> Option<Vec<u8>> {
    canonicalize_node(node.document(), node.id(), method, omit.map(|it| it.id())).ok()
}

fn signed_info_forms(signature: Node<'_>) -> Forms {
    let Some(info) = signature.child(NS_DS, "SignedInfo") else { return Forms::new() };
    let Some(exclusive) = canonical(info, &Method::EXCLUSIVE, None) else { return Forms::new() };
    let bare = unprefixed(&exclusive, info.prefix(), NS_DS);
    let object =
        bare.replacen(&format!(" xmlns=\"{NS_DS}\""), &format!(" xmlns=\"{NS_DS}\" xmlns:xsd=\"{XSD}\" xmlns:xsi=\"{XSI}\""), 1);
    let mut forms = vec![("exclusive", exclusive)];
    forms.extend(canonical(info, &Method::INCLUSIVE, None).map(|it| ("inclusive in place", it)));
    forms.push(("exclusive, rewritten to the default namespace", bare.into_bytes()));
    forms.push(("inclusive, inside the stand-alone object", object.into_bytes()));
    forms
}

fn digest_forms(operation: Operation, message: &Message, signature: Node<'_>) -> Forms {
    let (Some(body), Some(inner)) = (message.body(), message.inner(operation)) else { return Forms::new() };
    let without = |node, method: &Method| canonical(node, method, Some(signature));
    let object = without(inner, &Method::EXCLUSIVE).map(|it| stand_alone(operation, inner, &it).into_bytes());
    let forms = [
        ("exclusive of the operation", without(body, &Method::EXCLUSIVE)),
        ("inclusive of the operation in place", without(body, &Method::INCLUSIVE)),
        ("inclusive of the stand-alone object", object),
        ("inclusive of the document", without(message.document().root(), &Method::INCLUSIVE)),
        ("exclusive of the document", without(message.document().root(), &Method::EXCLUSIVE)),
    ];
    forms.into_iter().filter_map(|(name, octets)| octets.map(|it| (name, it))).collect()
}

/// The request object as a document of its own, as Microsoft's serialiser writes it: its type as the
/// root, the service's namespace as the default, the two schema namespaces declared and unused.
fn stand_alone(operation: Operation, inner: Node<'_>, exclusive: &[u8]) -> String {
    let kind = match operation {
        Operation::SolicitaDescargaEmitidos => "SolicitudDescargaMasivaTerceroEmitidos",
        Operation::SolicitaDescargaRecibidos => "SolicitudDescargaMasivaTerceroRecibidos",
        Operation::SolicitaDescargaFolio => "SolicitudDescargaMasivaTerceroFolio",
        Operation::VerificaSolicitudDescarga => "VerificaSolicitudDescargaMasivaTercero",
        _ => "PeticionDescargaMasivaTerceros",
    };
    let bare = unprefixed(exclusive, inner.prefix(), NS_DES);
    let name = inner.local();
    let opened = bare.replacen(
        &format!("<{name} xmlns=\"{NS_DES}\""),
        &format!("<{kind} xmlns=\"{NS_DES}\" xmlns:xsd=\"{XSD}\" xmlns:xsi=\"{XSI}\""),
        1,
    );
    match opened.strip_suffix(&format!("</{name}>")) {
        Some(open) => format!("{open}</{kind}>"),
        None => opened,
    }
}

/// A canonical form with one prefix taken off its elements and made the default namespace. In a
/// canonical form `<` stands only where a tag begins, so that replacing text is exact.
fn unprefixed(canonical: &[u8], prefix: &str, namespace: &str) -> String {
    let text = String::from_utf8_lossy(canonical).into_owned();
    if prefix.is_empty() {
        return text;
    }
    text.replace(&format!("<{prefix}:"), "<").replace(&format!("</{prefix}:"), "</").replacen(
        &format!(" xmlns:{prefix}=\"{namespace}\""),
        &format!(" xmlns=\"{namespace}\""),
        1,
    )
}

#[cfg(test)]
mod tests;
