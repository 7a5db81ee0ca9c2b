//! A SOAP request, read far enough to know what is asked and by whom.
//!
//! Names are matched by namespace and local name, never by prefix. Size and depth are bounded and a
//! DOCTYPE is refused. Signatures are judged elsewhere, over canonical bytes; nothing read here is
//! to be believed before that.

use super::answer::{NS_DES, NS_WSSE, NS_WSU, Operation};
use super::rules::Sent;
use fedatario_xmlsig::{Document, Limits, Node};

const NS_ENVELOPE: &str = "http://schemas.xmlsoap.org/soap/envelope/";
/// Namespace of XML signatures.
pub(super) const NS_DS: &str = "http://www.w3.org/2000/09/xmldsig#";
/// Namespace of the status query.
const NS_CONSULTA: &str = "http://tempuri.org/";

/// Why a body is no message at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct NotSoap;

/// The request as a document.
#[derive(Debug)]
pub(super) struct Message(Document);

impl Message {
    pub fn parse(body: &[u8]) -> Result<Self, NotSoap> {
        let document = Document::parse(body.trim_ascii_start(), Limits::VERIFY).map_err(|_| NotSoap)?;
        if document.root().is(NS_ENVELOPE, "Envelope") { Ok(Self(document)) } else { Err(NotSoap) }
    }

    /// The document, for canonical forms.
    pub fn document(&self) -> &Document {
        &self.0
    }

    /// Namespace and name of the first element of the body.
    pub fn operation(&self) -> Option<(&str, &str)> {
        self.body().map(|it| (it.namespace(), it.local()))
    }

    /// The first element of the body.
    pub fn body(&self) -> Option<Node<'_>> {
        self.0.root().child(NS_ENVELOPE, "Body")?.elements().next()
    }

    /// The element that holds what is asked.
    pub fn inner(&self, operation: Operation) -> Option<Node<'_>> {
        let name = if operation == Operation::Descargar { "peticionDescarga" } else { "solicitud" };
        self.body()?.child(NS_DES, name)
    }

    /// What the inner element carries.
    pub fn sent(&self, operation: Operation) -> Option<Sent> {
        let inner = self.inner(operation)?;
        let attributes = inner.attributes().map(|it| (it.local.to_owned(), it.value.to_owned())).collect();
        let list = inner.child(NS_DES, "RfcReceptores");
        let receptores = list.into_iter().flat_map(|it| it.elements()).map(|it| it.text().trim().to_owned());
        Some(Sent { attributes, receptores: receptores.filter(|it| !it.is_empty()).collect() })
    }

    /// The signature of a request.
    pub fn signature(&self, operation: Operation) -> Option<Node<'_>> {
        self.inner(operation)?.child(NS_DS, "Signature")
    }

    /// The certificate inside the signature of a request, base64.
    pub fn certificate(&self, operation: Operation) -> Option<String> {
        find(self.signature(operation)?, NS_DS, "X509Certificate").map(|it| it.text())
    }

    /// Text of `expresionImpresa`.
    pub fn expression(&self) -> Option<String> {
        self.body()?.child(NS_CONSULTA, "expresionImpresa").map(|it| it.text())
    }

    /// What the security header of a login carries.
    pub fn login(&self) -> Option<Login<'_>> {
        let security = self.0.root().child(NS_ENVELOPE, "Header")?.child(NS_WSSE, "Security")?;
        let timestamp = security.child(NS_WSU, "Timestamp")?;
        let signature = security.child(NS_DS, "Signature")?;
        let token = find(signature, NS_WSSE, "Reference")?.attribute("URI")?.strip_prefix('#')?;
        let named = |it: &Node<'_>| it.is(NS_WSSE, "BinarySecurityToken") && it.attribute_ns(NS_WSU, "Id") == Some(token);
        Some(Login {
            created: timestamp.child(NS_WSU, "Created")?.text(),
            expires: timestamp.child(NS_WSU, "Expires")?.text(),
            timestamp,
            signature,
            reference: find(signature, NS_DS, "Reference")?.attribute("URI")?,
            certificate: security.elements().find(named)?.text(),
        })
    }
}

/// The first element of that name within a node.
pub(super) fn find<'d>(node: Node<'d>, namespace: &str, local: &str) -> Option<Node<'d>> {
    node.descendants().find(|it| it.is(namespace, local))
}

/// The parts of a login that are checked.
#[derive(Debug)]
pub(super) struct Login<'d> {
    pub created: String,
    pub expires: String,
    pub timestamp: Node<'d>,
    pub signature: Node<'d>,
    pub reference: &'d str,
    pub certificate: String,
}

impl Login<'_> {
    /// Whether the reference names the timestamp and nothing else.
    pub fn is_bound(&self) -> bool {
        let id = self.timestamp.attribute_ns(NS_WSU, "Id");
        id.is_some() && self.reference.strip_prefix('#') == id
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_soap_is_none() {
        let deep = format!("{}{}", "<a>".repeat(100_000), "</a>".repeat(100_000));
        let bodies = [
            "",
            "hola",
            "<html></html>",
            "<a",
            "<a></b>",
            "<a/><b/>",
            &deep,
            "<!DOCTYPE a [<!ENTITY b 'c'>]><s:Envelope xmlns:s='http://schemas.xmlsoap.org/soap/envelope/'/>",
            "<s:Envelope xmlns:s='http://schemas.xmlsoap.org/soap/envelope/'>&b;</s:Envelope>",
        ];
        for body in bodies {
            assert!(Message::parse(body.as_bytes()).is_err(), "{body:.80}");
        }
        assert!(Message::parse(&[0xff, 0xfe, 0x00]).is_err());
        fedatario_testkit::covers!("sandbox: bodies that are no SOAP are refused");
    }

    #[test]
    fn names_are_matched_by_namespace_and_empty_receivers_are_nothing() {
        let text = "<E xmlns='http://schemas.xmlsoap.org/soap/envelope/'><Body>\
            <q:SolicitaDescargaEmitidos xmlns:q='http://DescargaMasivaTerceros.sat.gob.mx'><q:solicitud RfcEmisor='H&amp;E951128469'>\
            <q:RfcReceptores><q:RfcReceptor>IAÑL750210963</q:RfcReceptor><q:RfcReceptor/></q:RfcReceptores></q:solicitud>\
            </q:SolicitaDescargaEmitidos></Body></E>"
            .replace("<E ", "<Envelope ")
            .replace("</E>", "</Envelope>");
        let message = Message::parse(text.as_bytes()).unwrap();
        assert_eq!(message.operation(), Some(Operation::SolicitaDescargaEmitidos.element()));
        let sent = message.sent(Operation::SolicitaDescargaEmitidos).unwrap();
        assert_eq!(sent.get("RfcEmisor"), Some("H&E951128469"));
        assert_eq!(sent.receptores, ["IAÑL750210963"]);
        fedatario_testkit::covers!("sandbox: any prefix will do, an empty receiver is none");
    }
}
