//! Signing, in two pure halves: the octets to sign, and the document once they are.
//!
//! No key comes near. [`prepare`] writes everything but the signature value and says which octets
//! to sign with which hash; [`Prepared::finish`] puts the value in its place. The bytes given stay as they
//! are but for what the profile adds (and the white space that DGII's profile drops). Whether this signer may
//! sign this document is decided by whoever holds the key.

mod compact;
pub(crate) mod sat;
mod template;

use crate::algorithm::{C14N, ENVELOPED, EXCLUSIVE, Hash};
use crate::c14n::{Method, canonicalize_node};
use crate::document::{Document, Limits, Node, NodeId};
use crate::error::XmlSigError;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
pub(crate) use compact::compact;
use template::{DS, Outline, Sealed, x509_data};

/// What is signed, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Profile {
    /// A whole document, enveloped: RSA-SHA256, canonical XML 1.0.
    Plain,
    /// A document for DGII: the same with the one transform that DGII knows, white space between
    /// elements dropped before.
    Dgii,
    /// SAT's login: the Timestamp of a WS-Security header.
    SatToken,
    /// A request to SAT.
    SatRequest(Form),
}

/// In which of the two published forms a request to SAT is signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub enum Form {
    /// That of the library most exercised in production: exclusive form of the operation element.
    #[default]
    Phpcfdi,
    /// That of SAT's own documents: the request as a document of its own.
    Official,
}

/// Who signs: what a signature says about its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signatory {
    /// The certificate, DER.
    pub certificate_der: Vec<u8>,
    /// The issuer's name as the profile wants it written; only SAT's requests carry it.
    pub issuer_name: String,
    /// The certificate's serial number in decimal; likewise.
    pub serial_decimal: String,
}

impl Signatory {
    fn certificate_base64(&self) -> String {
        STANDARD.encode(&self.certificate_der)
    }
}

/// A document that lacks only the signature value.
pub struct Prepared {
    before: String,
    after: String,
    octets: Vec<u8>,
    hash: Hash,
}

impl std::fmt::Debug for Prepared {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "Prepared({:?}, {} octets to sign)", self.hash, self.octets.len())
    }
}

impl Prepared {
    fn around(before: &str, sealed: Sealed, after: &str) -> Self {
        let Sealed { head, tail, octets, hash } = sealed;
        Self { before: format!("{before}{head}"), after: format!("{tail}{after}"), octets, hash }
    }

    /// The octets to sign with RSA PKCS#1 v1.5: the canonical form of `SignedInfo`.
    pub fn octets(&self) -> &[u8] {
        &self.octets
    }

    /// The hash to sign them with.
    pub fn hash(&self) -> Hash {
        self.hash
    }

    /// The signed document.
    pub fn finish(self, signature: &[u8]) -> Vec<u8> {
        let mut whole = self.before.into_bytes();
        whole.extend_from_slice(STANDARD.encode(signature).as_bytes());
        whole.extend_from_slice(self.after.as_bytes());
        whole
    }
}

/// Prepares a document to be signed under a profile.
///
/// `SatToken` takes the whole envelope of a login with an empty `BinarySecurityToken`; `SatRequest`
/// takes the bare operation element, which declares `des` itself.
pub fn prepare(profile: Profile, document: &[u8], signatory: &Signatory) -> Result<Prepared, XmlSigError> {
    prepare_parsed(profile, &Document::parse(document, Limits::VERIFY)?, signatory)
}

/// Whether a document carries a signature, wherever.
pub fn is_signed(document: &Document) -> bool {
    document.root().descendants().any(|it| it.is(DS, "Signature"))
}

/// The same for a document that was read already, within [`Limits::VERIFY`].
pub fn prepare_parsed(profile: Profile, document: &Document, signatory: &Signatory) -> Result<Prepared, XmlSigError> {
    if is_signed(document) {
        return Err(XmlSigError::Ambiguous("the document is signed already"));
    }
    match profile {
        Profile::Plain => enveloped(document, &[ENVELOPED, C14N], signatory),
        Profile::Dgii => {
            let document = Document::parse(compact(document).as_bytes(), Limits::VERIFY)?;
            enveloped(&document, &[ENVELOPED], signatory)
        }
        Profile::SatToken => sat::prepare_token(document, signatory),
        Profile::SatRequest(form) => sat::prepare_request(document, form, signatory),
    }
}

/// What a detached signature is about.
#[derive(Debug, Clone, Copy)]
pub enum Target<'a> {
    /// Octets that travel apart; the signature is a document of its own and names them.
    External {
        /// How the signature calls them.
        uri: &'a str,
        /// The octets.
        octets: &'a [u8],
    },
    /// One element of a document, by its `Id`; the signature becomes the root's last child.
    Element {
        /// The document.
        document: &'a [u8],
        /// The value of the element's `Id`, `ID`, `id` or `xml:id`.
        id: &'a str,
    },
}

/// Prepares a detached signature, RSA-SHA256.
pub fn prepare_detached(target: Target<'_>, signatory: &Signatory) -> Result<Prepared, XmlSigError> {
    match target {
        Target::External { uri, octets } => external(uri, octets, signatory),
        Target::Element { document, id } => element(&Document::parse(document, Limits::VERIFY)?, id, signatory),
    }
}

fn enveloped(document: &Document, transforms: &[&str], signatory: &Signatory) -> Result<Prepared, XmlSigError> {
    let outline = Outline {
        method: C14N,
        hash: Hash::Sha256,
        uri: "",
        transforms,
        key_info: &x509_data(&signatory.certificate_base64(), None),
        is_paired: false,
    };
    let (before, after) = last_place(document.root());
    let sealed = seal_enveloped(document, &outline)?;
    Ok(Prepared::around(&before, sealed, &after))
}

/// Seals a whole document as its enveloped signature will, inclusive form.
fn seal_enveloped(document: &Document, outline: &Outline<'_>) -> Result<Sealed, XmlSigError> {
    let digested = canonicalize_node(document, NodeId::DOCUMENT, &Method::INCLUSIVE, None)?;
    outline.seal(Some(document.root()), &digested)
}

fn external(uri: &str, octets: &[u8], signatory: &Signatory) -> Result<Prepared, XmlSigError> {
    if uri.is_empty() || uri.starts_with('#') {
        return Err(XmlSigError::Reference("octets apart need a name of their own"));
    }
    let key_info = x509_data(&signatory.certificate_base64(), None);
    let outline = Outline { method: EXCLUSIVE, hash: Hash::Sha256, uri, transforms: &[], key_info: &key_info, is_paired: false };
    Ok(Prepared::around("", outline.seal(None, octets)?, ""))
}

fn element(document: &Document, id: &str, signatory: &Signatory) -> Result<Prepared, XmlSigError> {
    if document.root().descendants().any(|it| it.is(DS, "Signature")) {
        return Err(XmlSigError::Ambiguous("the document is signed already"));
    }
    let target = crate::verify::by_id(document, id)?;
    if target.id() == document.root().id() {
        return Err(XmlSigError::Reference("the root cannot be signed apart from itself"));
    }
    let digested = canonicalize_node(document, target.id(), &Method::EXCLUSIVE, None)?;
    let outline = Outline {
        method: EXCLUSIVE,
        hash: Hash::Sha256,
        uri: &format!("#{id}"),
        transforms: &[EXCLUSIVE],
        key_info: &x509_data(&signatory.certificate_base64(), None),
        is_paired: false,
    };
    let (before, after) = last_place(document.root());
    let sealed = outline.seal(Some(document.root()), &digested)?;
    Ok(Prepared::around(&before, sealed, &after))
}

/// The source before and after the place of an element's last child.
fn last_place(element: Node<'_>) -> (String, String) {
    let source = element.document().source();
    let range = element.range();
    match element.content_range() {
        Some(content) => (source[..content.end].to_owned(), source[content.end..].to_owned()),
        None => {
            let open = source[..range.end].trim_end_matches("/>");
            (format!("{open}>"), format!("</{}>{}", element.qualified_name(), &source[range.end..]))
        }
    }
}
