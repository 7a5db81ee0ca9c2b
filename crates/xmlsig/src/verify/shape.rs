//! Rules two and three: exactly one signature of exactly one shape, from closed lists.

use crate::algorithm::{C14N, ENVELOPED, EXCLUSIVE, Hash};
use crate::c14n::Method;
use crate::document::{Content, Document, Node, NodeId};
use crate::error::XmlSigError;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

pub(super) const DS: &str = "http://www.w3.org/2000/09/xmldsig#";

/// The closed lists of a profile.
pub(super) struct Rules {
    pub hash: Hash,
    /// Pairs of `CanonicalizationMethod` and transforms that may go together.
    pub forms: &'static [(&'static str, &'static [&'static str])],
}

pub(super) const PLAIN: Rules = Rules {
    hash: Hash::Sha256,
    forms: &[
        (C14N, &[ENVELOPED]),
        (C14N, &[ENVELOPED, C14N]),
        (C14N, &[ENVELOPED, EXCLUSIVE]),
        (EXCLUSIVE, &[ENVELOPED]),
        (EXCLUSIVE, &[ENVELOPED, C14N]),
        (EXCLUSIVE, &[ENVELOPED, EXCLUSIVE]),
    ],
};
pub(super) const DGII: Rules = Rules { hash: Hash::Sha256, forms: &[(C14N, &[ENVELOPED]), (C14N, &[ENVELOPED, C14N])] };
pub(super) const SAT_TOKEN: Rules = Rules { hash: Hash::Sha1, forms: &[(EXCLUSIVE, &[EXCLUSIVE])] };
pub(super) const SAT_EXERCISED: Rules = SAT_TOKEN;
pub(super) const SAT_OFFICIAL: Rules = Rules { hash: Hash::Sha1, forms: &[(C14N, &[ENVELOPED])] };
pub(super) const ELEMENT: Rules =
    Rules { hash: Hash::Sha256, forms: &[(C14N, &[C14N]), (C14N, &[EXCLUSIVE]), (EXCLUSIVE, &[C14N]), (EXCLUSIVE, &[EXCLUSIVE])] };
pub(super) const EXTERNAL: Rules = Rules { hash: Hash::Sha256, forms: &[(C14N, &[]), (EXCLUSIVE, &[])] };

/// The one signature of a document, which must be a child of `home`.
pub(super) fn only_signature<'d>(document: &'d Document, home: Node<'d>) -> Result<Node<'d>, XmlSigError> {
    let mut all = document.root().descendants().filter(|it| it.is(DS, "Signature"));
    let found = all.next().ok_or(XmlSigError::Missing)?;
    if all.next().is_some() {
        return Err(XmlSigError::Ambiguous("more than one Signature"));
    }
    let is_home = found.parent().is_some_and(|it| it.id() == home.id());
    if is_home { Ok(found) } else { Err(XmlSigError::Missing) }
}

/// A signature taken apart; its shape is checked, its claims are not.
pub(super) struct Parts<'d> {
    pub signature: Node<'d>,
    pub info: Node<'d>,
    pub key_info: Node<'d>,
    pub value: Vec<u8>,
    pub digest: Vec<u8>,
    pub uri: Option<&'d str>,
    method: Node<'d>,
    signature_method: Node<'d>,
    digest_method: Node<'d>,
    transforms: Vec<Node<'d>>,
}

impl<'d> Parts<'d> {
    pub(super) fn read(signature: Node<'d>) -> Result<Self, XmlSigError> {
        check_only_elements(signature)?;
        let [info, value, key_info] = exactly(signature, ["SignedInfo", "SignatureValue", "KeyInfo"])?;
        let [method, signature_method, reference] = exactly(info, ["CanonicalizationMethod", "SignatureMethod", "Reference"])?;
        let (transforms, digest_method, digest) = match reference.elements().count() {
            2 => {
                let [method, digest] = exactly(reference, ["DigestMethod", "DigestValue"])?;
                (Vec::new(), method, digest)
            }
            _ => {
                let [transforms, method, digest] = exactly(reference, ["Transforms", "DigestMethod", "DigestValue"])?;
                (transforms.elements().collect(), method, digest)
            }
        };
        let uri = reference.attribute("URI");
        let (value, digest) = (base64(value)?, base64(digest)?);
        Ok(Self { signature, info, key_info, value, digest, uri, method, signature_method, digest_method, transforms })
    }

    /// Checks the claims against the closed lists and answers how to canonicalise `SignedInfo` and
    /// what is referred to.
    pub(super) fn check(&self, rules: &Rules) -> Result<(Method, Method), XmlSigError> {
        let refuse = |what| Err(XmlSigError::Algorithm(what));
        if algorithm(self.signature_method)? != rules.hash.signature_uri() {
            return refuse("SignatureMethod");
        }
        if algorithm(self.digest_method)? != rules.hash.digest_uri() {
            return refuse("DigestMethod");
        }
        let method = algorithm(self.method)?;
        let allowed = rules.forms.iter().filter(|it| it.0 == method);
        for (_, transforms) in allowed {
            if self.has_transforms(transforms)? {
                return Ok((method_of(Some(&method)), method_of(transforms.last())));
            }
        }
        refuse("CanonicalizationMethod or Transforms")
    }

    fn has_transforms(&self, expected: &[&str]) -> Result<bool, XmlSigError> {
        if self.transforms.len() != expected.len() {
            return Ok(false);
        }
        for (transform, expected) in self.transforms.iter().zip(expected) {
            if !transform.is(DS, "Transform") || algorithm(*transform)? != *expected {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Whether it claims to be of the form `[enveloped]`; which of SAT's two forms to expect.
    pub(super) fn claims_enveloped(&self) -> bool {
        self.transforms.first().and_then(|it| it.attribute("Algorithm")) == Some(ENVELOPED)
    }

    /// The one certificate of `KeyInfo/X509Data`, DER.
    pub(super) fn certificate(&self) -> Result<Vec<u8>, XmlSigError> {
        let [data] = exactly(self.key_info, ["X509Data"]).map_err(|_| untrusted("KeyInfo holds no certificate"))?;
        let known = ["X509IssuerSerial", "X509SubjectName", "X509SKI", "X509Certificate"];
        if !data.elements().all(|it| it.namespace() == DS && known.contains(&it.local())) {
            return Err(untrusted("X509Data holds what we do not know"));
        }
        let mut all = data.elements().filter(|it| it.local() == "X509Certificate");
        let certificate = all.next().ok_or_else(|| untrusted("KeyInfo holds no certificate"))?;
        if all.next().is_some() {
            return Err(XmlSigError::Ambiguous("more than one certificate"));
        }
        base64(certificate)
    }
}

pub(super) fn untrusted(reason: &str) -> XmlSigError {
    XmlSigError::Untrusted(crate::error::Refusal::untrusted(reason))
}

fn method_of(uri: Option<&&str>) -> Method {
    if uri == Some(&EXCLUSIVE) { Method::EXCLUSIVE } else { Method::INCLUSIVE }
}

/// The address in a method's `Algorithm`; a method with parameters is none that we know.
fn algorithm<'d>(method: Node<'d>) -> Result<&'d str, XmlSigError> {
    let is_bare = method.elements().next().is_none() && method.text().trim().is_empty();
    match method.attribute("Algorithm") {
        Some(uri) if is_bare => Ok(uri),
        _ => Err(XmlSigError::Algorithm("a method with parameters, or without a name")),
    }
}

/// The elements within, if they are just these, in this order, and no text stands between.
fn exactly<'d, const N: usize>(parent: Node<'d>, names: [&str; N]) -> Result<[Node<'d>; N], XmlSigError> {
    let found: Vec<Node<'d>> = parent.elements().take(N + 1).collect();
    let is_shape = found.len() == N && found.iter().zip(names).all(|(it, name)| it.is(DS, name));
    if !is_shape || !parent.text().trim().is_empty() {
        return Err(XmlSigError::Ambiguous("the parts of the signature are not the expected ones"));
    }
    found.try_into().map_err(|_| XmlSigError::Ambiguous("the parts of the signature are not the expected ones"))
}

/// Comments and instructions inside a signature only ever served to deceive its readers.
fn check_only_elements(signature: Node<'_>) -> Result<(), XmlSigError> {
    let is_aside = |it: Node<'_>| matches!(it.content(), Content::Comment(_) | Content::Instruction(..));
    if signature.descendants().any(is_aside) {
        return Err(XmlSigError::Ambiguous("comments or instructions in the signature"));
    }
    Ok(())
}

/// The octets of an element whose content is base64, white space ignored.
pub(super) fn base64(element: Node<'_>) -> Result<Vec<u8>, XmlSigError> {
    if element.elements().next().is_some() {
        return Err(XmlSigError::Ambiguous("elements where base64 is expected"));
    }
    let mut text = element.text();
    text.retain(|it| !it.is_ascii_whitespace());
    STANDARD.decode(text).map_err(|_| XmlSigError::Malformed { at: element.range().start, what: "not base64" })
}

/// Whether `node` is `outer` or stands within it.
pub(super) fn is_within(node: Node<'_>, outer: NodeId) -> bool {
    std::iter::successors(Some(node), |it| it.parent()).any(|it| it.id() == outer)
}
