//! What a signature is worth: what was signed, by whom, whether chain and dates hold, and what it does
//! *not* cover.
//!
//! The mathematics are checked whatever the certificate is; what the certificate is worth is told apart,
//! each thing by itself. Without a configured authority the chain is `unknown`, and nothing here ever
//! says *good* for what was not looked at. Revocation is asked for at one place, [`revocation`].

use fedatario_base::Code;
use fedatario_credentials::{Certificate, CredentialError, Purpose, chain};
use fedatario_xmlsig::document::Content;
use fedatario_xmlsig::{Document, Limits, Node, PublicKey, Refusal, Verified, VerifyProfile, XmlSigError, verify};
use jiff::Timestamp;
use std::cell::RefCell;

/// Elements outside of what was signed that are named, at most; further ones are counted.
pub const OUTSIDE_AT_MOST: usize = 100;
/// Documents for DGII, by their root.
const DGII_ROOTS: [&str; 6] = ["ECF", "RFCE", "ARECF", "ACECF", "ANECF", "SemillaModel"];
/// The namespace of signatures.
const DS: &str = "http://www.w3.org/2000/09/xmldsig#";

/// Which signature is expected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expected {
    /// Whatever the document's own reference says: a whole document, as `plain` or `dgii`, or one element.
    Any,
    /// A whole document.
    Plain,
    /// A document for or from DGII.
    Dgii,
    /// SAT's login.
    SatToken,
    /// A request to SAT.
    SatRequest,
}

impl Expected {
    /// Its permanent text; none for whatever it is.
    pub fn text(self) -> Option<&'static str> {
        match self {
            Self::Any => None,
            Self::Plain => Some("plain"),
            Self::Dgii => Some("dgii"),
            Self::SatToken => Some("sat_token"),
            Self::SatRequest => Some("sat_request"),
        }
    }

    /// The one of a text.
    pub fn from_text(text: &str) -> Option<Self> {
        [Self::Plain, Self::Dgii, Self::SatToken, Self::SatRequest].into_iter().find(|it| it.text() == Some(text))
    }
}

/// How far something was looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It holds.
    Good,
    /// It does not, and why.
    Bad(Code),
    /// Nobody could tell.
    Unknown,
}

impl Standing {
    /// Its text.
    pub fn text(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Bad(_) => "bad",
            Self::Unknown => "unknown",
        }
    }

    /// Why it is bad.
    pub fn code(self) -> Option<Code> {
        match self {
            Self::Bad(code) => Some(code),
            Self::Good | Self::Unknown => None,
        }
    }
}

/// What a signature does not cover.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outside {
    /// Elements that were not signed: those that hold what was, and the uppermost of the others, as paths.
    pub paths: Vec<String>,
    /// How many there are, with everything in them.
    pub elements: usize,
    /// Comments, wherever they stand: canonical forms leave them out.
    pub comments: usize,
    /// Processing instructions outside of what was signed.
    pub instructions: usize,
}

/// What was found.
pub struct Report {
    /// The profile it was verified under.
    pub profile: &'static str,
    /// What was signed, or why the signature is no good.
    pub signed: Result<Verified, XmlSigError>,
    /// Whoever signed, or claims to have.
    pub signer: Option<Certificate>,
    /// Whether the chain reaches a configured authority.
    pub chain: Standing,
    /// Whether the certificate was valid at the instant.
    pub dates: Standing,
    /// Whether such documents are signed with certificates of its kind.
    pub purpose: Standing,
    /// Whether it was revoked.
    pub revocation: Standing,
    /// What is not covered; nothing if the whole document is, or the signature is no good.
    pub outside: Option<Outside>,
}

/// Verifies a document. Only what cannot be read at all is an error.
pub fn report(document: &[u8], expected: Expected, authorities: &[Certificate], at: Timestamp) -> Result<Report, XmlSigError> {
    let parsed = Document::parse(document, Limits::VERIFY)?;
    let seen = RefCell::new(None);
    let trust = |der: &[u8]| key(der, &seen);
    let (profile, signed) = match expected {
        Expected::Any => any(&parsed, document, &trust),
        Expected::Plain => ("plain", verify(document, VerifyProfile::Plain, &trust)),
        Expected::Dgii => ("dgii", verify(document, VerifyProfile::Dgii, &trust)),
        Expected::SatToken => ("sat_token", verify(document, VerifyProfile::SatToken, &trust)),
        Expected::SatRequest => ("sat_request", verify(document, VerifyProfile::SatRequest, &trust)),
    };
    let signer: Option<Certificate> = seen.into_inner();
    let outside = signed.as_ref().ok().and_then(|it| outside_of(&parsed, it));
    let (chain, dates) = match &signer {
        Some(signer) => (chain_of(signer, authorities, at), dates(signer, at)),
        None => (Standing::Unknown, Standing::Unknown),
    };
    let revocation = revocation(signer.as_ref(), chain);
    let purpose = signer.as_ref().map_or(Standing::Unknown, |it| purpose_of(it, profile, parsed.root().local()));
    Ok(Report { profile, signed, signer, chain, dates, purpose, revocation, outside })
}

/// An authority signs certificates and no documents; what goes to DGII or SAT is signed with what they gave out
/// for it. Any other document says nothing of who may sign it.
fn purpose_of(signer: &Certificate, profile: &str, root: &str) -> Standing {
    let is_right = match (profile, signer.purpose()) {
        (_, Purpose::Authority) => false,
        ("sat_token" | "sat_request", purpose) => purpose == Purpose::Fiel,
        ("dgii", purpose) => purpose == Purpose::Ecf,
        _ if DGII_ROOTS.contains(&root) => signer.purpose() == Purpose::Ecf,
        (_, Purpose::Other) => return Standing::Unknown,
        _ => true,
    };
    if is_right { Standing::Good } else { Standing::Bad(Code::CertificatePurpose) }
}

/// The key of whoever signed; what the certificate is worth is told apart.
fn key(der: &[u8], seen: &RefCell<Option<Certificate>>) -> Result<PublicKey, Refusal> {
    let refuse = |error: CredentialError| Refusal::new(error.code(), error.to_string());
    let certificate = Certificate::parse(der).map_err(refuse)?;
    let key = PublicKey::from_pkcs1_der(certificate.rsa_public_key());
    seen.replace(Some(certificate));
    Ok(key)
}

/// As the document's own reference says.
fn any(parsed: &Document, document: &[u8], trust: &dyn fedatario_xmlsig::Trust) -> (&'static str, Result<Verified, XmlSigError>) {
    let mut references = parsed.root().descendants().filter(|it| it.is(DS, "Reference"));
    let uri = references.next().and_then(|it| it.attribute("URI")).unwrap_or_default();
    let is_envelope = parsed.root().local() == "Envelope";
    match uri.strip_prefix('#') {
        Some(_) if is_envelope => ("sat_token", verify(document, VerifyProfile::SatToken, trust)),
        Some(id) => ("element", verify(document, VerifyProfile::Element { id }, trust)),
        None => match verify(document, VerifyProfile::Plain, trust) {
            // DGII reads without the white space between elements; so does this look, before it says no.
            Err(XmlSigError::Digest | XmlSigError::Invalid) => ("dgii", verify(document, VerifyProfile::Dgii, trust)),
            result => ("plain", result),
        },
    }
}

fn chain_of(signer: &Certificate, authorities: &[Certificate], at: Timestamp) -> Standing {
    if authorities.is_empty() {
        return Standing::Unknown;
    }
    match chain::path(signer, authorities, &[], at) {
        Ok(_) => Standing::Good,
        Err(error) => Standing::Bad(error.code()),
    }
}

fn dates(signer: &Certificate, at: Timestamp) -> Standing {
    match signer.check_valid_at(at) {
        Ok(()) => Standing::Good,
        Err(error) => Standing::Bad(error.code()),
    }
}

/// Whether the certificate was revoked: nobody is asked here, so nobody knows.
fn revocation(_: Option<&Certificate>, _: Standing) -> Standing {
    Standing::Unknown
}

/// What of a document lies outside of what was signed of it; nothing if that is all of it.
pub fn outside(document: &[u8], signed: &Verified) -> Option<Outside> {
    Document::parse(document, Limits::VERIFY).ok().and_then(|it| outside_of(&it, signed))
}

/// A whole document is covered but for its signature. SAT's requests name none of their parts: what is
/// covered is the operation element.
fn outside_of(document: &Document, signed: &Verified) -> Option<Outside> {
    let root = document.root();
    let is_it = |it: &Node<'_>| match signed.reference().strip_prefix('#') {
        Some(id) => it.attributes().any(|it| it.local.eq_ignore_ascii_case("id") && it.value == id),
        None => it.namespace() == signed.root().namespace() && it.local() == signed.root().local(),
    };
    let mut found = Outside { paths: Vec::new(), elements: 0, comments: comments(document), instructions: 0 };
    let Some(target) = root.descendants().find(|it| it.is_element() && is_it(it)) else {
        // Signed as a document of its own, under another name: nothing here is it.
        found.add(root, elements_of(root));
        return Some(found);
    };
    // A reference to the whole document takes in what stands before and after its root.
    if !signed.reference().is_empty() || target.id() != root.id() {
        found.instructions = instructions(document.document_node()) - instructions(target);
    }
    let above: Vec<Node<'_>> = std::iter::successors(target.parent(), |it| it.parent()).filter(|it| it.is_element()).collect();
    for ancestor in above.iter().rev() {
        found.add(*ancestor, 1);
    }
    for ancestor in above.iter().rev() {
        for child in ancestor.elements() {
            let holds = child.id() == target.id() || above.iter().any(|it| it.id() == child.id());
            if !holds && !child.is(DS, "Signature") {
                found.add(child, elements_of(child));
            }
        }
    }
    (found.elements + found.comments + found.instructions > 0).then_some(found)
}

/// Elements from one on, without those of a signature among them.
fn elements_of(node: Node<'_>) -> usize {
    let all = node.descendants().filter(|it| it.is_element()).count();
    let signatures = node.descendants().filter(|it| it.is(DS, "Signature"));
    all - signatures.map(|it| it.descendants().filter(|it| it.is_element()).count()).sum::<usize>()
}

fn comments(document: &Document) -> usize {
    document.document_node().descendants().filter(|it| matches!(it.content(), Content::Comment(_))).count()
}

fn instructions(node: Node<'_>) -> usize {
    node.descendants().filter(|it| matches!(it.content(), Content::Instruction(..))).count()
}

impl Outside {
    fn add(&mut self, node: Node<'_>, elements: usize) {
        self.elements += elements;
        if self.paths.len() < OUTSIDE_AT_MOST {
            self.paths.push(path(node));
        }
    }
}

/// `/soap:Envelope/soap:Body[1]`: an XPath as the document writes its names.
fn path(node: Node<'_>) -> String {
    let mut steps: Vec<String> =
        std::iter::successors(Some(node), |it| it.parent()).filter(|it| it.is_element()).map(step).collect();
    steps.reverse();
    steps.concat()
}

fn step(node: Node<'_>) -> String {
    let name = node.qualified_name();
    let Some(parent) = node.parent().filter(|it| it.is_element()) else { return format!("/{name}") };
    let same: Vec<_> = parent.elements().filter(|it| it.qualified_name() == name).map(|it| it.id()).collect();
    match same.iter().position(|it| *it == node.id()) {
        Some(place) if same.len() > 1 => format!("/{name}[{}]", place + 1),
        _ => format!("/{name}"),
    }
}
