//! Where passkeys are bound to, and what is read of them at all. What devices answer is judged in the API's tests.

use fedatario_base::id::UserId;
use fedatario_identity::passkey::{ANSWER_BYTES_MOST, Made, PasskeyError, Proven, Site};
use serde_json::json;

#[test]
fn keys_are_bound_to_a_name_and_an_origin() {
    // (address, whether keys can be bound to it)
    let table = [
        ("https://fedatario.empresa.mx", true),
        ("https://fedatario.empresa.mx:8443/portal", true),
        ("http://localhost:8080", true),
        ("http://127.0.0.1:8080", false),
        ("https://127.0.0.1", false),
        ("https://[::1]", false),
        ("http://fedatario.empresa.mx", false),
        ("ftp://localhost", false),
        ("fedatario.empresa.mx", false),
        ("", false),
    ];
    for (address, is_good) in table {
        assert_eq!(Site::at(address, "Fedatario").is_ok(), is_good, "{address}");
    }
    let user = UserId::fresh(jiff::Timestamp::UNIX_EPOCH);
    let site = Site::at("https://fedatario.empresa.mx:8443/portal", "Fedatario").unwrap();
    let asked = site.ask_new(user, "ana@empresa.mx", "", &[]).unwrap();
    assert_eq!(asked.options["rp"], json!({ "name": "Fedatario", "id": "fedatario.empresa.mx" }));
    assert_eq!(asked.options["authenticatorSelection"]["userVerification"], "preferred");
    assert_eq!(asked.options["attestation"], "none");
    assert_ne!(asked.digest, site.ask_new(user, "ana@empresa.mx", "", &[]).unwrap().digest, "no question twice");
    fedatario_testkit::covers!("identity: passkeys are bound to the name and the origin of the installation");
}

#[test]
fn what_is_no_answer_is_none() {
    let long = "A".repeat(ANSWER_BYTES_MOST);
    let table = [
        json!(null),
        json!([]),
        json!({}),
        json!({ "id": "", "rawId": "", "type": "public-key", "response": {} }),
        json!({ "id": "x", "rawId": "%%", "type": "public-key", "response": { "attestationObject": "", "clientDataJSON": "" } }),
        json!({ "id": long, "rawId": long, "type": "public-key", "response": { "attestationObject": long, "clientDataJSON": long } }),
    ];
    for answer in table {
        assert!(matches!(Made::read(answer.clone()), Err(PasskeyError::Shape)));
        assert!(matches!(Proven::read(answer), Err(PasskeyError::Shape)));
    }
    let empty = json!({ "id": "eA", "rawId": "eA", "type": "public-key", "response": { "attestationObject": "eA", "clientDataJSON": "eA" } });
    assert_eq!(Made::read(empty).unwrap().question(), Err(PasskeyError::Shape));
    fedatario_testkit::covers!("identity: what is no answer of a device is told so before anything is verified");
}
