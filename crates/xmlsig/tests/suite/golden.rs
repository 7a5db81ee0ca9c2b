//! The published table of signed messages: which bytes digest and signature cover, recomputed by the
//! canonicaliser wherever the bytes are a standard form of the message.

use super::common::{anybody, key_of};
use fedatario_testkit::{covers, fixtures, fixtures_or_skip};
use fedatario_xmlsig::{Document, Hash, Limits, Method, Node, VerifyProfile, XmlSigError, canonicalize_node, verify, verify_rsa};
use serde_json::Value;
use std::path::Path;

const DS: &str = "http://www.w3.org/2000/09/xmldsig#";
const SOAP: &str = "http://schemas.xmlsoap.org/soap/envelope/";
const MATRIX: &str = "golden file x form";
/// Of the 35 messages these have a digest over, and a signature over, a form of theirs.
const WITH_DIGEST: usize = 33;
const WITH_SIGNED_INFO: usize = 32;

#[test]
fn every_message_of_the_table_has_the_bytes_that_it_lists() {
    let fixtures = fixtures_or_skip!();
    let table: Value = serde_json::from_slice(&fixtures::read(&fixtures, "mx/soap/golden.json")).expect("JSON");
    let rows = table["requests"].as_array().expect("requests");
    assert_eq!(rows.len(), 35);
    let digests = rows.iter().filter(|it| has_digest(&fixtures, it)).count();
    let signed = rows.iter().filter(|it| has_signed_info(&fixtures, it)).count();
    assert_eq!((digests, signed), (WITH_DIGEST, WITH_SIGNED_INFO));
    covers!("xmlsig: the golden table of 35 messages is recomputed");
}

fn message(fixtures: &Path, row: &Value) -> (String, Vec<u8>) {
    let name = row["file"].as_str().expect("a file").to_owned();
    let bytes = fixtures::read(fixtures, &format!("mx/soap/{name}"));
    (name, bytes)
}

fn find<'d>(document: &'d Document, local: &str) -> Node<'d> {
    let mut all = document.root().descendants();
    all.find(|it| it.local() == local).unwrap_or_else(|| panic!("no {local}"))
}

fn signature(document: &Document) -> Node<'_> {
    document.root().descendants().find(|it| it.is(DS, "Signature")).expect("a signature")
}

fn operation(document: &Document) -> Node<'_> {
    document.root().child(SOAP, "Body").and_then(|it| it.elements().next()).expect("an operation")
}

/// Recomputes what the digest covers, if that is a form of the message.
fn has_digest(fixtures: &Path, row: &Value) -> bool {
    let (name, bytes) = message(fixtures, row);
    let document = Document::parse(&bytes, Limits::VERIFY).expect("a message");
    let omit = Some(signature(&document).id());
    let canonical = |node: Node<'_>, method: Method| canonicalize_node(&document, node.id(), &method, omit).expect("a form");
    let ours = match row["digest_profile"].as_str() {
        None => return false,
        Some("exclusive c14n of u:Timestamp") => canonical(find(&document, "Timestamp"), Method::EXCLUSIVE),
        Some("exclusive c14n of the operation element without Signature") => canonical(operation(&document), Method::EXCLUSIVE),
        Some("inclusive c14n of the operation element without Signature, namespaces in scope kept") => {
            canonical(operation(&document), Method::INCLUSIVE)
        }
        Some("inclusive c14n of the stand-alone serialised request object (official form)") => {
            let verified = verify(&bytes, VerifyProfile::SatRequest, &anybody).expect("it verifies");
            verified.octets().to_vec()
        }
        Some(other) => panic!("{name}: {other}"),
    };
    assert_eq!(Some(String::from_utf8_lossy(&ours).as_ref()), row["digest_input"].as_str(), "{name}");
    let digest = base64::Engine::encode(&base64::prelude::BASE64_STANDARD, Hash::Sha1.digest(&ours));
    assert_eq!(Some(digest.as_str()), row["digest_value"].as_str(), "{name}");
    covers!(MATRIX, name, "digest");
    true
}

/// Recomputes the bytes of `SignedInfo` and checks the signature over them.
fn has_signed_info(fixtures: &Path, row: &Value) -> bool {
    let (name, bytes) = message(fixtures, row);
    let document = Document::parse(&bytes, Limits::VERIFY).expect("a message");
    match row["signed_info_profile"].as_str() {
        Some("exclusive c14n of SignedInfo") => {
            let info = find(&document, "SignedInfo");
            let ours = canonicalize_node(&document, info.id(), &Method::EXCLUSIVE, None).expect("a form");
            assert_eq!(Some(String::from_utf8_lossy(&ours).as_ref()), row["signed_info_bytes"].as_str(), "{name}");
            check_value(&document, &ours, &name);
        }
        Some("inclusive c14n of SignedInfo inside the stand-alone object (xmlns:xsd, xmlns:xsi in scope)") => {
            let listed = row["signed_info_bytes"].as_str().expect("bytes");
            check_value(&document, listed.as_bytes(), &name);
            // The signature passes before the digest is looked at.
            let result = verify(&bytes, VerifyProfile::SatRequest, &anybody);
            assert!(matches!(result, Ok(_) | Err(XmlSigError::Digest)), "{name} {result:?}");
        }
        // Signed with one prefix and sent with another: no form of what is on the wire.
        Some(other) if other.contains("rewritten") => return false,
        other => panic!("{name}: {other:?}"),
    }
    covers!(MATRIX, name, "signedinfo");
    true
}

fn check_value(document: &Document, octets: &[u8], name: &str) {
    let decode = |node: Node<'_>| {
        let text: String = node.text().split_ascii_whitespace().collect();
        base64::Engine::decode(&base64::prelude::BASE64_STANDARD, text).expect("base64")
    };
    let mut all = document.root().descendants();
    let certificate = all.find(|it| matches!(it.local(), "BinarySecurityToken" | "X509Certificate")).expect("a certificate");
    let key = key_of(&decode(certificate));
    let value = decode(find(document, "SignatureValue"));
    assert_eq!(verify_rsa(Hash::Sha1, key.as_der(), octets, &value), Ok(()), "{name}");
}
