//! Verifying: five rules, in this order, and only what was signed comes back.
//!
//! 1. bounds, no DOCTYPE, depth;
//! 2. exactly one signature, where the profile has it;
//! 3. closed lists of algorithms, transforms and references;
//! 4. the key comes from our trust, never from the document;
//! 5. signature first, digest after.
//!
//! What is handed back was parsed again from the digested bytes. Dates, chain and tax id of the
//! certificate are the caller's, in its [`Trust`].

mod sat;
mod shape;

use crate::algorithm::{Hash, PublicKey, verify_rsa};
use crate::c14n::{Method, canonicalize_node};
use crate::document::{Document, Limits, Node, NodeId, XML_NS};
use crate::error::{Refusal, XmlSigError};
use shape::{Parts, Rules};

/// Who decides what a certificate is worth.
pub trait Trust {
    /// The certificate's RSA key, once chain, dates and tax id are found good; or why not.
    fn key(&self, certificate_der: &[u8]) -> Result<PublicKey, Refusal>;
}

impl<F: Fn(&[u8]) -> Result<PublicKey, Refusal>> Trust for F {
    fn key(&self, certificate_der: &[u8]) -> Result<PublicKey, Refusal> {
        self(certificate_der)
    }
}

/// What is expected of a signed document. Each is a closed list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VerifyProfile<'a> {
    /// A whole document, enveloped, RSA-SHA256.
    Plain,
    /// A document for or from DGII; if it does not verify as received, then without the white space
    /// between its elements, which DGII's own reader drops.
    Dgii,
    /// SAT's login: the Timestamp of the envelope.
    SatToken,
    /// A request to SAT in either form, as an envelope or as the bare operation element. What comes
    /// back is the operation element, or in the official form the request as a document of its own.
    SatRequest,
    /// One element by its Id, apart from the signature, which is the root's child.
    Element {
        /// The one expected Id.
        id: &'a str,
    },
}

/// What was signed, and by whom.
pub struct Verified {
    octets: Vec<u8>,
    document: Document,
    certificate: Vec<u8>,
    signature: Vec<u8>,
    digest: Vec<u8>,
    reference: String,
    hash: Hash,
}

impl std::fmt::Debug for Verified {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "Verified({} octets, <{}>)", self.octets.len(), self.root().qualified_name())
    }
}

impl Verified {
    /// The root of what was signed. Business data is read from here and from nowhere else.
    pub fn root(&self) -> Node<'_> {
        self.document.root()
    }

    /// The same as a document.
    pub fn document(&self) -> &Document {
        &self.document
    }

    /// The digested octets.
    pub fn octets(&self) -> &[u8] {
        &self.octets
    }

    /// The signer's certificate, DER, which the trust accepted.
    pub fn certificate_der(&self) -> &[u8] {
        &self.certificate
    }

    /// The signature value.
    pub fn signature(&self) -> &[u8] {
        &self.signature
    }

    /// The digest of the octets, as signed.
    pub fn digest(&self) -> &[u8] {
        &self.digest
    }

    /// The hash of digest and signature.
    pub fn hash(&self) -> Hash {
        self.hash
    }

    /// What the signature refers to: empty for a whole document, `#` and an Id for an element.
    pub fn reference(&self) -> &str {
        &self.reference
    }
}

/// Verifies a document under a profile.
pub fn verify(document: &[u8], profile: VerifyProfile<'_>, trust: &dyn Trust) -> Result<Verified, XmlSigError> {
    let document = Document::parse(document, Limits::VERIFY)?;
    match profile {
        VerifyProfile::Plain => enveloped(&document, &shape::PLAIN, trust),
        VerifyProfile::Dgii => dgii(&document, trust),
        VerifyProfile::SatToken => sat::token(&document, trust),
        VerifyProfile::SatRequest => sat::request(&document, trust),
        VerifyProfile::Element { id } => element(&document, id, trust),
    }
}

/// Verifies a detached signature over octets that travelled apart under the name `uri`, and answers
/// the signer's certificate. The name is compared; nothing is ever fetched.
pub fn verify_external(signature: &[u8], uri: &str, octets: &[u8], trust: &dyn Trust) -> Result<Vec<u8>, XmlSigError> {
    let document = Document::parse(signature, Limits::VERIFY)?;
    let signature = shape::only_signature(&document, document.document_node())?;
    let parts = Parts::read(signature)?;
    let (method, _) = parts.check(&shape::EXTERNAL)?;
    expect_uri(&parts, uri)?;
    let (certificate, key) = trusted(parts.certificate()?, trust)?;
    check_signature(&document, &parts, &method, &shape::EXTERNAL, &key)?;
    check_digest(&parts, &shape::EXTERNAL, octets)?;
    Ok(certificate)
}

fn dgii(document: &Document, trust: &dyn Trust) -> Result<Verified, XmlSigError> {
    match enveloped(document, &shape::DGII, trust) {
        Err(XmlSigError::Invalid | XmlSigError::Digest) => {
            let compact = Document::parse(crate::sign::compact(document).as_bytes(), Limits::VERIFY)?;
            enveloped(&compact, &shape::DGII, trust)
        }
        result => result,
    }
}

fn enveloped(document: &Document, rules: &Rules, trust: &dyn Trust) -> Result<Verified, XmlSigError> {
    let signature = shape::only_signature(document, document.root())?;
    let parts = Parts::read(signature)?;
    let methods = parts.check(rules)?;
    expect_uri(&parts, "")?;
    let certificate = parts.certificate()?;
    conclude(document, &parts, rules, methods, (NodeId::DOCUMENT, Some(signature.id())), certificate, trust)
}

fn element(document: &Document, id: &str, trust: &dyn Trust) -> Result<Verified, XmlSigError> {
    let signature = shape::only_signature(document, document.root())?;
    let parts = Parts::read(signature)?;
    let methods = parts.check(&shape::ELEMENT)?;
    expect_uri(&parts, &format!("#{id}"))?;
    let target = by_id(document, id)?;
    if shape::is_within(signature, target.id()) || shape::is_within(target, signature.id()) {
        return Err(XmlSigError::Reference("the signature and what it signs are not apart"));
    }
    let certificate = parts.certificate()?;
    conclude(document, &parts, &shape::ELEMENT, methods, (target.id(), None), certificate, trust)
}

/// Rules four and five, the same for every profile.
fn conclude(
    document: &Document,
    parts: &Parts<'_>,
    rules: &Rules,
    (method, digested): (Method, Method),
    (apex, omit): (NodeId, Option<NodeId>),
    certificate: Vec<u8>,
    trust: &dyn Trust,
) -> Result<Verified, XmlSigError> {
    let (certificate, key) = trusted(certificate, trust)?;
    check_signature(document, parts, &method, rules, &key)?;
    let octets = canonicalize_node(document, apex, &digested, omit)?;
    check_digest(parts, rules, &octets)?;
    let document = Document::parse(&octets, Limits::VERIFY)?;
    let reference = parts.uri.unwrap_or_default().to_owned();
    let (signature, digest) = (parts.value.clone(), parts.digest.clone());
    Ok(Verified { octets, document, certificate, signature, digest, reference, hash: rules.hash })
}

fn trusted(certificate: Vec<u8>, trust: &dyn Trust) -> Result<(Vec<u8>, PublicKey), XmlSigError> {
    let key = trust.key(&certificate).map_err(XmlSigError::Untrusted)?;
    Ok((certificate, key))
}

fn check_signature(
    document: &Document,
    parts: &Parts<'_>,
    method: &Method,
    rules: &Rules,
    key: &PublicKey,
) -> Result<(), XmlSigError> {
    let octets = canonicalize_node(document, parts.info.id(), method, None)?;
    verify_rsa(rules.hash, key.as_der(), &octets, &parts.value)
}

fn check_digest(parts: &Parts<'_>, rules: &Rules, octets: &[u8]) -> Result<(), XmlSigError> {
    if rules.hash.digest(octets) == parts.digest { Ok(()) } else { Err(XmlSigError::Digest) }
}

fn expect_uri(parts: &Parts<'_>, uri: &str) -> Result<(), XmlSigError> {
    match parts.uri {
        Some(it) if it == uri => Ok(()),
        Some(_) => Err(XmlSigError::Reference("the URI is not the expected one")),
        None => Err(XmlSigError::Reference("there is no URI")),
    }
}

/// The element of an Id, if no other attribute that anybody could take for an Id has its value.
pub(crate) fn by_id<'d>(document: &'d Document, id: &str) -> Result<Node<'d>, XmlSigError> {
    let claims = |it: Node<'d>| it.attributes().filter(|it| it.local.eq_ignore_ascii_case("id") && it.value == id).count();
    let mut found = document.root().descendants().filter(|it| claims(*it) > 0);
    let target = found.next().ok_or(XmlSigError::Reference("there is no element of that Id"))?;
    if found.next().is_some() || claims(target) > 1 {
        return Err(XmlSigError::Reference("an Id stands twice"));
    }
    let plain = ["Id", "ID", "id"].iter().any(|it| target.attribute(it) == Some(id));
    let is_id = plain || target.attribute_ns(XML_NS, "id") == Some(id) || is_wsu_id(target, id);
    if is_id { Ok(target) } else { Err(XmlSigError::Reference("there is no element of that Id")) }
}

fn is_wsu_id(node: Node<'_>, id: &str) -> bool {
    node.attribute_ns(crate::sign::sat::WSU, "Id") == Some(id)
}
