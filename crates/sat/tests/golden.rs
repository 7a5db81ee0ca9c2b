//! The published messages are written again from their inputs, byte for byte.

use fedatario_app::model::{Content, Direction, Environment, Estado, Family};
use fedatario_app::ports::{SatAccount, SatRequest};
use fedatario_base::id::{CredentialId, TenantId};
use fedatario_base::{Scope, Secret};
use fedatario_credentials::mint::{Authority, Subject};
use fedatario_credentials::{Certificate, Kind, Pair};
use fedatario_sat::envelope::{Message, login_envelope};
use fedatario_sat::{Form, Signer};
use fedatario_testkit::{covers, fixtures, fixtures_or_skip};
use fedatario_vault::memory::Memory;
use fedatario_vault::{CredentialKind, CredentialState, RootKeys, Vault};
use fedatario_xmlsig::{Profile, PublicKey, VerifyProfile, verify};
use jiff::{SignedDuration, Timestamp};

const RFC: &str = "EKU9003173C9";

fn window(direction: Direction, content: Content, estado: Estado, from: &str, to: &str) -> Message {
    let request = SatRequest {
        direction,
        content,
        estado,
        from: from.parse().unwrap(),
        to: to.parse().unwrap(),
        filters: Default::default(),
    };
    Message::window(RFC, &request)
}

/// The inputs of the published phpcfdi messages, by file.
fn phpcfdi() -> Vec<(&'static str, Message)> {
    let (from, to) = ("2019-01-01T00:00:00", "2019-01-01T00:04:00");
    let received = window(Direction::Received, Content::Cfdi, Estado::Vigente, from, to)
        .with("Complemento", "nomina12")
        .with("RfcACuentaTerceros", "XXX01010199A")
        .with("RfcEmisor", "AAA010101AAA")
        .with("TipoComprobante", "N");
    vec![
        ("solicita-emitidos", window(Direction::Issued, Content::Metadata, Estado::Todos, from, to)),
        ("solicita-recibidos", received),
        ("solicita-folio", Message::folio(RFC, "96623061-61fe-49de-b298-c7156476aa8b")),
        ("verifica", Message::verifica(RFC, "3f30a4e1-af73-4085-8991-e4d97eef16bd")),
        ("descargar", Message::descargar(RFC, "4e80345d-917f-40bb-a98f-4a73939343c5_01")),
    ]
}

/// The inputs of the vectors of the official form, by name, in their order.
fn official() -> Vec<(&'static str, Message)> {
    let (from, to) = ("2026-08-01T00:00:00", "2026-08-31T23:59:59");
    let two = window(Direction::Issued, Content::Cfdi, Estado::Vigente, from, to)
        .with("TipoComprobante", "I")
        .with_receivers(&["H&E951128469", "IAÑL750210963"]);
    vec![
        ("solicita-emitidos", window(Direction::Issued, Content::Metadata, Estado::Todos, from, to)),
        ("solicita-emitidos, two receivers", two),
        ("solicita-recibidos", window(Direction::Received, Content::Cfdi, Estado::Vigente, from, to)),
        ("solicita-folio", Message::folio(RFC, "96623061-61fe-49de-b298-c7156476aa8b")),
        ("verifica", Message::verifica(RFC, "3f30a4e1-af73-4085-8991-e4d97eef16bd")),
        ("descargar", Message::descargar(RFC, "3F30A4E1-AF73-4085-8991-E4D97EEF16BD_01")),
    ]
}

/// When the published credential is valid.
fn now() -> Timestamp {
    "2026-09-01T12:00:00Z".parse().unwrap()
}

/// A vault that holds one credential, and its account.
async fn vault_with(pair: Pair) -> (Vault, SatAccount) {
    let (vault, memory) = Memory::vault(RootKeys::from_text(&Secret::new(format!("1 {}=", "A".repeat(43)))).unwrap());
    let scope = Scope::shell(TenantId::fresh(now()), 1000);
    let id = CredentialId::fresh(now());
    let rfc = pair.certificate().rfc().to_owned();
    let sealed = vault.admit(&scope, pair, CredentialKind::Fiel, id, now()).await.unwrap();
    memory.put(&scope, &sealed, CredentialState::Active);
    let account = SatAccount { scope, credential: id, rfc, family: Family::Cfdi, environment: Environment::Sandbox };
    (vault, account)
}

/// The test e.firma that SAT publishes.
async fn published(root: &std::path::Path) -> (Vault, SatAccount) {
    let file = |ending: &str| fixtures::read(root, &format!("mx/fiel/sat-test-2023-2027/EKU9003173C9_fiel.{ending}"));
    vault_with(Pair::from_files(&file("cer"), &file("key"), &Secret::new("12345678a")).unwrap()).await
}

/// The envelope of a message, signed in a form.
async fn sealed(vault: &Vault, account: &SatAccount, message: &Message, form: Form) -> Vec<u8> {
    let element = message.operation_element();
    let signed = Signer::seal(vault, account, Profile::SatRequest(form), element.as_bytes(), now()).await.unwrap();
    message.envelope(&signed).unwrap()
}

fn json(root: &std::path::Path, name: &str) -> serde_json::Value {
    serde_json::from_slice(&fixtures::read(root, name)).unwrap()
}

#[test]
fn what_the_digests_cover() {
    let root = fixtures_or_skip!();
    let golden = json(&root, "mx/soap/golden.json");
    for (name, message) in phpcfdi() {
        let file = format!("phpcfdi/{name}.xml");
        let entry = golden["requests"].as_array().unwrap().iter().find(|it| it["file"] == file.as_str()).unwrap();
        assert_eq!(message.operation_element(), entry["digest_input"].as_str().unwrap(), "{name}");
    }
    covers!("sat: the digested octets of the exercised form are reproduced");
}

#[tokio::test]
async fn the_exercised_form_byte_for_byte() {
    let root = fixtures_or_skip!();
    let (vault, account) = published(&root).await;
    for (name, message) in phpcfdi() {
        let written = sealed(&vault, &account, &message, Form::Phpcfdi).await;
        let expected = fixtures::read(&root, &format!("mx/soap/phpcfdi/{name}.xml"));
        assert_eq!(String::from_utf8_lossy(&written), String::from_utf8_lossy(&expected).trim_end(), "{name}");
        covers!("golden envelope", name, "phpcfdi");
    }
    // The stamp is older than the certificate, so the vault is told another day than the stamp's.
    let stamp = "2019-08-01T03:38:19Z".parse().unwrap();
    let envelope = login_envelope(stamp, uuid::uuid!("cf6c80fb-00ae-44c0-af56-54ec65decbaa"));
    let written = Signer::seal(&vault, &account, Profile::SatToken, envelope.as_bytes(), now()).await.unwrap();
    let expected = fixtures::read(&root, "mx/soap/phpcfdi/autentica.xml");
    assert_eq!(String::from_utf8_lossy(&written), String::from_utf8_lossy(&expected).trim_end());
    covers!("golden envelope", "autentica", "phpcfdi");
}

#[tokio::test]
async fn the_official_form_by_its_vectors() {
    let root = fixtures_or_skip!();
    let (vault, account) = published(&root).await;
    let vectors = json(&root, "mx/soap/official-v15/eku-vectors.json");
    let vectors = vectors["vectors"].as_array().unwrap();
    assert_eq!(vectors.len(), official().len());
    for (vector, (name, message)) in vectors.iter().zip(official()) {
        let written = String::from_utf8(sealed(&vault, &account, &message, Form::Official).await).unwrap();
        for (element, key) in [("DigestValue", "digest_value"), ("SignatureValue", "signature_value")] {
            let expected = format!("<{element}>{}</{element}>", vector[key].as_str().unwrap());
            assert!(written.contains(&expected), "{name}: {element}");
        }
        // Around the signature the two forms are the same.
        let other = String::from_utf8(sealed(&vault, &account, &message, Form::Phpcfdi).await).unwrap();
        let frame = |it: &str| {
            let (head, rest) = it.split_once("<Signature ").unwrap();
            (head.to_owned(), rest.split_once("</Signature>").unwrap().1.to_owned())
        };
        assert_eq!(frame(&written), frame(&other), "{name}");
        covers!("golden envelope", name, "official");
    }
}

#[tokio::test]
async fn what_a_minted_credential_signs_verifies() {
    let later = now() + SignedDuration::from_hours(24 * 365);
    let subject = Subject {
        rfc: "H&E951128469".into(),
        representative_rfc: Some("VADA800927DJ3".into()),
        name: "HERRERÍA & ELECTRICOS".into(),
        curp: None,
        branch: None,
    };
    let authority = Authority::generate("AC de prueba", now()).unwrap();
    let before = now() - SignedDuration::from_hours(1);
    let minted = authority.issue(&subject, Kind::Fiel, "30001000000500009999", before, later).unwrap();
    let key = minted.key_file(&Secret::new("12345678a")).unwrap();
    let pair = Pair::from_files(&minted.cer_der, &key, &Secret::new("12345678a")).unwrap();
    let (vault, account) = vault_with(pair).await;
    let trust = |der: &[u8]| {
        assert_eq!(der, minted.cer_der);
        Ok(PublicKey::from_pkcs1_der(Certificate::parse(der).unwrap().rsa_public_key()))
    };
    let message = Message::verifica(&account.rfc, "3f30a4e1").with_receivers(&[]);
    for form in [Form::Phpcfdi, Form::Official] {
        let envelope = sealed(&vault, &account, &message, form).await;
        let verified = verify(&envelope, VerifyProfile::SatRequest, &trust).unwrap();
        assert!(String::from_utf8_lossy(verified.octets()).contains("RfcSolicitante=\"H&amp;E951128469\""), "{form:?}");
        let altered = String::from_utf8(envelope).unwrap().replace("3f30a4e1", "3f30a4e2");
        assert!(verify(altered.as_bytes(), VerifyProfile::SatRequest, &trust).is_err(), "{form:?}");
    }
    let envelope = login_envelope(now(), uuid::Uuid::new_v4());
    let envelope = Signer::seal(&vault, &account, Profile::SatToken, envelope.as_bytes(), now()).await.unwrap();
    let verified = verify(&envelope, VerifyProfile::SatToken, &trust).unwrap();
    assert!(String::from_utf8_lossy(verified.octets()).contains("2026-09-01T12:05:00.000Z"));
    covers!("sat: a login and requests of both forms, signed in the vault, verify");
}

#[test]
fn hostile_values_stay_values() {
    let message = Message::descargar("A&B<C>\"D\"", "x' y=\"1\"\t\n\r]]>").with_receivers(&["<&>\r"]);
    let expected = "<des:peticionDescarga IdPaquete=\"x' y=&quot;1&quot;&#x9;&#xA;&#xD;]]>\" RfcSolicitante=\"A&amp;B&lt;C>&quot;D&quot;\">\
                    <des:RfcReceptores><des:RfcReceptor>&lt;&amp;&gt;&#xD;</des:RfcReceptor></des:RfcReceptores></des:peticionDescarga>";
    assert!(message.operation_element().contains(expected), "{}", message.operation_element());
    covers!("sat: values are escaped as canonical XML does");
}
