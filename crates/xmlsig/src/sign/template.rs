//! The text of a signature around its value.

use crate::algorithm::{C14N, Hash};
use crate::c14n::{Method, canonicalize_node, escaped_attribute, escaped_text, in_scope, inherited};
use crate::document::{Document, Limits, MAX_SIGNED_BYTES, MAX_SIGNED_NODES, Node, NsId, XML_NS};
use crate::error::XmlSigError;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// The namespace of XML signatures.
pub(crate) const DS: &str = "http://www.w3.org/2000/09/xmldsig#";

/// What a signature says, but for digest and value.
pub(super) struct Outline<'a> {
    pub method: &'a str,
    pub hash: Hash,
    pub uri: &'a str,
    pub transforms: &'a [&'a str],
    /// The content of `KeyInfo`.
    pub key_info: &'a str,
    /// Whether empty elements are written as a pair of tags. It makes no difference but to bytes.
    pub is_paired: bool,
}

/// A signature that lacks only its value, and the octets to sign.
pub(super) struct Sealed {
    pub head: String,
    pub tail: String,
    pub octets: Vec<u8>,
    pub hash: Hash,
}

impl Outline<'_> {
    /// Writes the signature that will be the last child of `place`, or a document of its own.
    pub(super) fn seal(&self, place: Option<Node<'_>>, digested: &[u8]) -> Result<Sealed, XmlSigError> {
        let info = self.signed_info(&STANDARD.encode(self.hash.digest(digested)));
        let head = format!("<Signature xmlns=\"{DS}\">{info}<SignatureValue>");
        let tail = format!("</SignatureValue><KeyInfo>{}</KeyInfo></Signature>", self.key_info);
        if let Some(place) = place {
            check_room(place.document(), head.len() + tail.len())?;
        }
        let octets = self.octets(place, &format!("<Signature xmlns=\"{DS}\">{info}</Signature>"))?;
        Ok(Sealed { head, tail, octets, hash: self.hash })
    }

    /// The canonical form of `SignedInfo` where it stands. The inclusive one depends on the place, but
    /// on nothing of it but what is in scope there; the exclusive one on nothing.
    fn octets(&self, place: Option<Node<'_>>, signature: &str) -> Result<Vec<u8>, XmlSigError> {
        let (before, after) = match place.filter(|_| self.method == C14N) {
            Some(place) => (format!("<s{}>", scope_of(place)), "</s>"),
            None => (String::new(), ""),
        };
        let document = Document::parse(format!("{before}{signature}{after}").as_bytes(), Limits::VERIFY)?;
        let mut nodes = document.root().descendants();
        let info = nodes.find(|it| it.is(DS, "SignedInfo")).ok_or(XmlSigError::Missing)?;
        let method = if self.method == C14N { Method::INCLUSIVE } else { Method::EXCLUSIVE };
        canonicalize_node(&document, info.id(), &method, None)
    }

    fn signed_info(&self, digest: &str) -> String {
        let method = self.empty("CanonicalizationMethod", self.method);
        let signature = self.empty("SignatureMethod", self.hash.signature_uri());
        let hash = self.empty("DigestMethod", self.hash.digest_uri());
        let uri = escaped_attribute(self.uri);
        let transforms = self.transforms();
        format!(
            "<SignedInfo>{method}{signature}<Reference URI=\"{uri}\">{transforms}{hash}\
             <DigestValue>{digest}</DigestValue></Reference></SignedInfo>"
        )
    }

    fn transforms(&self) -> String {
        if self.transforms.is_empty() {
            return String::new();
        }
        let each: String = self.transforms.iter().map(|it| self.empty("Transform", it)).collect();
        format!("<Transforms>{each}</Transforms>")
    }

    fn empty(&self, name: &str, algorithm: &str) -> String {
        match self.is_paired {
            true => format!("<{name} Algorithm=\"{algorithm}\"></{name}>"),
            false => format!("<{name} Algorithm=\"{algorithm}\"/>"),
        }
    }
}

/// What a signature adds to a document besides its text: nodes, and bytes of its value, at most.
const ROOM: usize = 2_048;

/// A document that is too large with its signature in it could be verified by nobody.
fn check_room(document: &Document, text: usize) -> Result<(), XmlSigError> {
    if document.source().len() + text + ROOM > MAX_SIGNED_BYTES {
        return Err(XmlSigError::TooLarge("bytes with the signature"));
    }
    let fits = document.len() + ROOM <= MAX_SIGNED_NODES;
    if fits { Ok(()) } else { Err(XmlSigError::TooLarge("nodes with the signature")) }
}

/// The declarations and `xml:` attributes that hold within an element, as it could carry them itself.
fn scope_of(element: Node<'_>) -> String {
    let document = element.document();
    let declared =
        in_scope(element).into_iter().filter(|(prefix, ns)| *ns != NsId::XML && !(prefix.is_empty() && *ns == NsId::NONE));
    let declaration = |(prefix, ns): (&str, NsId)| {
        let namespace = escaped_attribute(document.namespace(ns));
        if prefix.is_empty() { format!(" xmlns=\"{namespace}\"") } else { format!(" xmlns:{prefix}=\"{namespace}\"") }
    };
    let own = element.attributes().filter(|it| it.namespace == XML_NS);
    let attributes = own.chain(inherited(element)).map(|it| format!(" xml:{}=\"{}\"", it.local, escaped_attribute(it.value)));
    declared.map(declaration).chain(attributes).collect()
}

/// `X509Data` with a certificate, and before it the issuer and serial number if they are given.
pub(super) fn x509_data(certificate: &str, issuer_serial: Option<(&str, &str)>) -> String {
    let issuer = issuer_serial.map_or(String::new(), |(issuer, serial)| {
        let (issuer, serial) = (escaped_text(issuer), escaped_text(serial));
        format!(
            "<X509IssuerSerial><X509IssuerName>{issuer}</X509IssuerName>\
             <X509SerialNumber>{serial}</X509SerialNumber></X509IssuerSerial>"
        )
    });
    format!("<X509Data>{issuer}<X509Certificate>{certificate}</X509Certificate></X509Data>")
}
