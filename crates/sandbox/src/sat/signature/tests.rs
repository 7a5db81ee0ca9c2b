//! The golden messages of real clients and of SAT's own documents, below every other check.

use super::*;
use crate::sat::answer::Operation;
use fedatario_testkit::{covers, fixtures};

fn operation(name: &str) -> Operation {
    Operation::ALL.into_iter().find(|it| it.element().1 == name).unwrap()
}

/// Our name of a form, in the words of the golden file.
fn golden_name(ours: Option<&str>) -> Option<&'static str> {
    Some(match ours? {
        "exclusive" => "exclusive c14n of SignedInfo",
        "exclusive, rewritten to the default namespace" => {
            "exclusive c14n of SignedInfo rewritten to the default namespace (sent with a prefix)"
        }
        "inclusive, inside the stand-alone object" => {
            "inclusive c14n of SignedInfo inside the stand-alone object (xmlns:xsd, xmlns:xsi in scope)"
        }
        "exclusive of Timestamp" => "exclusive c14n of u:Timestamp",
        "exclusive of the operation" => "exclusive c14n of the operation element without Signature",
        "inclusive of the operation in place" => {
            "inclusive c14n of the operation element without Signature, namespaces in scope kept"
        }
        "inclusive of the stand-alone object" => "inclusive c14n of the stand-alone serialised request object (official form)",
        other => panic!("{other}"),
    })
}

fn judge(operation: Operation, body: &[u8]) -> Profile {
    let message = Message::parse(body).unwrap();
    if operation == Operation::Autentica {
        let login = message.login().unwrap();
        let certificate = Certificate::parse(login.certificate.as_bytes()).unwrap();
        assert!(login.is_bound());
        return of_login(&message, &login, &certificate);
    }
    let certificate = Certificate::parse(message.certificate(operation).unwrap().as_bytes()).unwrap();
    of_request(operation, &message, &certificate)
}

#[test]
fn of_35_golden_messages_35_pass_in_lenient_and_33_in_strict() {
    let root = fedatario_testkit::fixtures_or_skip!();
    let golden: serde_json::Value = serde_json::from_slice(&fixtures::read(&root, "mx/soap/golden.json")).unwrap();
    let requests = golden["requests"].as_array().unwrap();
    let mut strict = 0;
    for it in requests {
        let file = it["file"].as_str().unwrap();
        let found = judge(operation(it["operation"].as_str().unwrap()), &fixtures::read(&root, &format!("mx/soap/{file}")));
        assert_eq!(golden_name(found.signed_info), it["signed_info_profile"].as_str(), "{file}");
        assert_eq!(golden_name(found.digest), it["digest_profile"].as_str(), "{file}");
        strict += usize::from(found.is_complete());
        covers!("golden file x signature mode", file, "lenient");
        covers!("golden file x signature mode", file, "strict");
    }
    assert_eq!((requests.len(), strict), (35, 33));
}

#[test]
fn the_official_form_matches_its_computed_vectors() {
    let root = fedatario_testkit::fixtures_or_skip!();
    let vectors = fixtures::read(&root, "mx/soap/official-v15/eku-vectors.json");
    let vectors: serde_json::Value = serde_json::from_slice(&vectors).unwrap();
    let cer = fixtures::read(&root, "mx/fiel/sat-test-2023-2027/EKU9003173C9_fiel.cer");
    let certificate = Certificate::parse(&cer).unwrap();
    for vector in vectors["vectors"].as_array().unwrap() {
        let text = |name: &str| vector[name].as_str().unwrap();
        let operation = operation(match text("operation") {
            "Descargar" => "PeticionDescargaMasivaTercerosEntrada",
            other => other,
        });
        let body = message_of(operation, text("digest_input"), text("signed_info_canonical"), text("signature_value"));
        let found = of_request(operation, &Message::parse(body.as_bytes()).unwrap(), &certificate);
        assert_eq!(found.digest, Some("inclusive of the stand-alone object"), "{body}");
        assert_eq!(found.signed_info, Some("inclusive, inside the stand-alone object"), "{body}");
    }
    covers!("sandbox: the official signature form matches its computed vectors");
}

/// The message that a client would send for a stand-alone object: its attributes and children in
/// the body, under a prefix that the object does not have.
fn message_of(operation: Operation, object: &str, signed_info: &str, value: &str) -> String {
    let inner = if operation == Operation::Descargar { "peticionDescarga" } else { "solicitud" };
    let (open, rest) = object.split_once('>').unwrap();
    let attributes = open.split_once("XMLSchema-instance\"").unwrap().1;
    let children = rest.rsplit_once("</").unwrap().0.replace("<Rfc", "<d:Rfc").replace("</Rfc", "</d:Rfc");
    let info = signed_info.replacen(&format!(" xmlns:xsd=\"{XSD}\" xmlns:xsi=\"{XSI}\""), "", 1);
    let name = operation.element().1;
    format!(
        "<e:Envelope xmlns:e=\"http://schemas.xmlsoap.org/soap/envelope/\" xmlns:d=\"{NS_DES}\"><e:Body><d:{name}>\
         <d:{inner}{attributes}>{children}<Signature xmlns=\"{NS_DS}\">{info}<SignatureValue>{value}</SignatureValue></Signature>\
         </d:{inner}></d:{name}></e:Body></e:Envelope>"
    )
}

#[test]
fn a_message_without_a_signature_matches_nothing() {
    let body = "<e:Envelope xmlns:e='http://schemas.xmlsoap.org/soap/envelope/'><e:Body><a/></e:Body></e:Envelope>";
    let message = Message::parse(body.as_bytes()).unwrap();
    assert!(message.login().is_none() && message.signature(Operation::Descargar).is_none());
    covers!("sandbox: a message without a signature matches no form");
}
