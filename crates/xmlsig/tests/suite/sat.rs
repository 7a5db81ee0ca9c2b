//! SAT's two forms: the published messages reproduce byte for byte from their inputs, ours verify,
//! and what is not bound to its message does not.

use super::common::{Signer, agreed, anybody, eku, file, minted};
use fedatario_testkit::{covers, fixtures, fixtures_or_skip};
use fedatario_xmlsig::{Form, Hash, Profile, VerifyProfile, XmlSigError, prepare, verify};

const DES: &str = " xmlns:des=\"http://DescargaMasivaTerceros.sat.gob.mx\"";
const WSU: &str = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd";
const WSSE: &str = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd";
const BODY: &str = "<s:Body><Autentica xmlns=\"http://DescargaMasivaTerceros.gob.mx\"/></s:Body>";

/// An operation element as a client writes it: name, attributes, receivers.
pub fn operation(name: &str, attributes: &str, within: &str) -> String {
    let inner = if name.starts_with("Peticion") { "peticionDescarga" } else { "solicitud" };
    format!("<des:{name}{DES}><des:{inner} {attributes}>{within}</des:{inner}></des:{name}>")
}

/// The envelope of a login before it is signed.
pub fn login(created: &str, expires: &str, token: &str) -> String {
    let x509 = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-x509-token-profile-1.0#X509v3";
    let base64 = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-soap-message-security-1.0#Base64Binary";
    format!(
        "<s:Envelope xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\" xmlns:u=\"{WSU}\"><s:Header>\
         <o:Security xmlns:o=\"{WSSE}\" s:mustUnderstand=\"1\"><u:Timestamp u:Id=\"_0\"><u:Created>{created}</u:Created>\
         <u:Expires>{expires}</u:Expires></u:Timestamp><o:BinarySecurityToken u:Id=\"{token}\" ValueType=\"{x509}\" \
         EncodingType=\"{base64}\"></o:BinarySecurityToken></o:Security></s:Header>{BODY}</s:Envelope>"
    )
}

/// The envelope of a request as the exercised client sends it, around a signed operation element.
fn envelope(signed: &[u8]) -> String {
    let element = std::str::from_utf8(signed).expect("UTF-8").replacen(DES, "", 1);
    format!(
        "<s:Envelope xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\"{DES} \
         xmlns:xd=\"http://www.w3.org/2000/09/xmldsig#\"><s:Header/><s:Body>{element}</s:Body></s:Envelope>"
    )
}

fn request(signer: &Signer, form: Form, operation: &str) -> Vec<u8> {
    let prepared = prepare(Profile::SatRequest(form), operation.as_bytes(), &signer.signatory).expect("a request");
    assert_eq!(prepared.hash(), Hash::Sha1);
    signer.finish(prepared)
}

#[test]
fn the_published_login_reproduces_byte_for_byte() {
    let fixtures = fixtures_or_skip!();
    let unsigned = login("2019-08-01T03:38:19.000Z", "2019-08-01T03:43:19.000Z", "uuid-cf6c80fb-00ae-44c0-af56-54ec65decbaa-1");
    let signer = eku(&fixtures);
    let ours = signer.finish(prepare(Profile::SatToken, unsigned.as_bytes(), &signer.signatory).expect("a login"));
    let theirs = fixtures::read(&fixtures, "mx/soap/phpcfdi/autentica.xml");
    assert_eq!(String::from_utf8_lossy(&ours), String::from_utf8_lossy(&theirs).trim_end());
    covers!("xmlsig: the phpcfdi login reproduces byte for byte");
}

#[test]
fn the_published_requests_reproduce_byte_for_byte() {
    let fixtures = fixtures_or_skip!();
    let rows = [
        (
            "solicita-emitidos",
            "SolicitaDescargaEmitidos",
            "EstadoComprobante=\"Todos\" FechaFinal=\"2019-01-01T00:04:00\" FechaInicial=\"2019-01-01T00:00:00\" RfcEmisor=\"EKU9003173C9\" RfcSolicitante=\"EKU9003173C9\" TipoSolicitud=\"Metadata\"",
        ),
        (
            "solicita-recibidos",
            "SolicitaDescargaRecibidos",
            "Complemento=\"nomina12\" EstadoComprobante=\"Vigente\" FechaFinal=\"2019-01-01T00:04:00\" FechaInicial=\"2019-01-01T00:00:00\" RfcACuentaTerceros=\"XXX01010199A\" RfcEmisor=\"AAA010101AAA\" RfcReceptor=\"EKU9003173C9\" RfcSolicitante=\"EKU9003173C9\" TipoComprobante=\"N\" TipoSolicitud=\"CFDI\"",
        ),
        (
            "solicita-folio",
            "SolicitaDescargaFolio",
            "Folio=\"96623061-61fe-49de-b298-c7156476aa8b\" RfcSolicitante=\"EKU9003173C9\"",
        ),
        (
            "verifica",
            "VerificaSolicitudDescarga",
            "IdSolicitud=\"3f30a4e1-af73-4085-8991-e4d97eef16bd\" RfcSolicitante=\"EKU9003173C9\"",
        ),
        (
            "descargar",
            "PeticionDescargaMasivaTercerosEntrada",
            "IdPaquete=\"4e80345d-917f-40bb-a98f-4a73939343c5_01\" RfcSolicitante=\"EKU9003173C9\"",
        ),
    ];
    for (name, element, attributes) in rows {
        let ours = request(eku(&fixtures), Form::Phpcfdi, &operation(element, attributes, ""));
        let theirs = fixtures::read(&fixtures, &format!("mx/soap/phpcfdi/{name}.xml"));
        assert_eq!(envelope(&ours), String::from_utf8_lossy(&theirs).trim_end(), "{name}");
        let verified = verify(&theirs, VerifyProfile::SatRequest, &eku(&fixtures).trust()).expect("it verifies");
        assert_eq!(verified.root().local(), element);
    }
    covers!("xmlsig: the phpcfdi requests reproduce byte for byte");
}

#[test]
fn the_official_vectors_reproduce() {
    let fixtures = fixtures_or_skip!();
    let file = fixtures::read(&fixtures, "mx/soap/official-v15/eku-vectors.json");
    let file: serde_json::Value = serde_json::from_slice(&file).expect("JSON");
    let vectors = file["vectors"].as_array().expect("vectors");
    assert_eq!(vectors.len(), 6);
    for vector in vectors {
        let text = |name: &str| vector[name].as_str().expect("a text");
        let name = if text("operation") == "Descargar" { "PeticionDescargaMasivaTercerosEntrada" } else { text("operation") };
        let unsigned = from_standalone(name, text("digest_input"));
        let prepared =
            prepare(Profile::SatRequest(Form::Official), unsigned.as_bytes(), &eku(&fixtures).signatory).expect("a request");
        assert_eq!(String::from_utf8_lossy(prepared.octets()), text("signed_info_canonical"));
        let signed = String::from_utf8(eku(&fixtures).finish(prepared)).expect("UTF-8");
        assert!(signed.contains(&format!("<SignatureValue>{}</SignatureValue>", text("signature_value"))));
        assert!(signed.contains(&format!("<DigestValue>{}</DigestValue>", text("digest_value"))));
        let verified = verify(signed.as_bytes(), VerifyProfile::SatRequest, &eku(&fixtures).trust()).expect("it verifies");
        assert_eq!(String::from_utf8_lossy(verified.octets()), text("digest_input"));
    }
    covers!("xmlsig: the official form reproduces the six vectors of digest and signature");
}

/// The operation element that carries what the stand-alone document says.
fn from_standalone(name: &str, standalone: &str) -> String {
    let (_, rest) = standalone.split_once("XMLSchema-instance\" ").expect("the declarations");
    let (attributes, rest) = rest.split_once('>').expect("a start");
    let within = &rest[..rest.rfind("</").expect("an end")];
    let within = within.replace("<Rfc", "<des:Rfc").replace("</Rfc", "</des:Rfc");
    operation(name, attributes, &within)
}

#[test]
fn requests_in_both_forms_verify_bare_and_in_an_envelope() {
    let attributes = "RfcEmisor=\"H&amp;E951128469\" TipoSolicitud=\"CFDI\" EstadoComprobante='Vigente'";
    let receivers = "<des:RfcReceptores><des:RfcReceptor>IAÑ&amp;0</des:RfcReceptor><des:RfcReceptor/></des:RfcReceptores>";
    let unsigned = operation("SolicitaDescargaEmitidos", attributes, receivers);
    for form in [Form::Phpcfdi, Form::Official] {
        let signed = request(minted(), form, &unsigned);
        for document in [signed.clone(), envelope(&signed).into_bytes()] {
            let verified = verify(&document, VerifyProfile::SatRequest, &minted().trust()).expect("it verifies");
            let rfc = verified.root().descendants().find_map(|it| it.attribute("RfcEmisor"));
            assert_eq!(rfc, Some("H&E951128469"));
            assert_eq!(verified.certificate_der(), minted().signatory.certificate_der);
        }
        let altered = String::from_utf8(signed).expect("UTF-8").replace("IAÑ", "IAN");
        let refused = verify(altered.as_bytes(), VerifyProfile::SatRequest, &minted().trust());
        assert_eq!(refused.err(), Some(XmlSigError::Digest));
    }
    covers!("xmlsig: requests to SAT verify in both forms, and not once altered");
}

#[test]
fn a_login_verifies_and_hands_back_the_timestamp_alone() {
    let unsigned = login("2026-09-01T12:00:00.123Z", "2026-09-01T12:05:00.123Z", "uuid-1");
    let prepared = prepare(Profile::SatToken, unsigned.as_bytes(), &minted().signatory).expect("a login");
    let signed = minted().finish(prepared);
    let verified = verify(&signed, VerifyProfile::SatToken, &minted().trust()).expect("it verifies");
    assert!(verified.root().is(WSU, "Timestamp"));
    assert_eq!(verified.root().child(WSU, "Created").map(|it| it.text()).as_deref(), Some("2026-09-01T12:00:00.123Z"));
    let timestamp = format!("{WSU}:Timestamp");
    let path = file("login.xml", &signed);
    let arguments = ["--verify", "--pubkey-cert-pem", &minted().certificate_pem(), "--id-attr:Id", &timestamp, &path];
    agreed("xmlsec1", &arguments);
    covers!("xmlsig: WS-Security: a signed Timestamp verifies here and in xmlsec1");
}

#[test]
fn what_is_no_message_of_sat_is_not_signed_as_one() {
    let foreign = |text: &str| text.replace("<des:solicitud ", "<des:solicitud xmlns:x='urn:x' x:y='1' ");
    let good = operation("SolicitaDescargaFolio", "Folio=\"1\"", "");
    let rows = [
        (Profile::SatToken, "<a/>".to_owned()),
        (Profile::SatToken, login("a", "b", "t").replace(" u:Id=\"_0\"", "")),
        (Profile::SatToken, login("a", "b", "t").replace("></o:Bin", ">AAAA</o:Bin")),
        (Profile::SatRequest(Form::Phpcfdi), "<a/>".to_owned()),
        (Profile::SatRequest(Form::Phpcfdi), good.replace("des:solicitud", "des:otra")),
        (Profile::SatRequest(Form::Phpcfdi), good.replace("SolicitaDescargaFolio", "SolicitaDescarga")),
        (Profile::SatRequest(Form::Official), foreign(&good)),
        (Profile::SatRequest(Form::Official), operation("SolicitaDescargaFolio", "Folio=\"1\"", "<des:Otro/>")),
    ];
    for (profile, document) in rows {
        let refused = prepare(profile, document.as_bytes(), &minted().signatory);
        assert!(matches!(refused, Err(XmlSigError::Purpose(_))), "{profile:?} {document}");
    }
    covers!("xmlsig: the SAT profiles sign nothing but SAT's messages");
}

#[test]
fn published_messages_of_other_signers_verify_or_are_refused_as_they_deserve() {
    let fixtures = fixtures_or_skip!();
    let rows = [
        ("official-v15/Autentica-solicitud", VerifyProfile::SatToken, None),
        ("official-v15/Autentica-verificacion", VerifyProfile::SatToken, None),
        ("official-v15/SolicitaDescargaEmitidos", VerifyProfile::SatRequest, None),
        ("official-v15/SolicitaDescargaRecibidos", VerifyProfile::SatRequest, None),
        ("official-v15/SolicitaDescargaFolio", VerifyProfile::SatRequest, None),
        // These two repeat one digest of 2018 for two operations.
        ("official-v15/VerificaSolicitudDescarga", VerifyProfile::SatRequest, Some("signature_digest")),
        ("official-v15/PeticionDescargaMasivaTercerosEntrada", VerifyProfile::SatRequest, Some("signature_digest")),
        ("nodecfdi/autentica", VerifyProfile::SatToken, None),
        ("nodecfdi/solicita-emitidos", VerifyProfile::SatRequest, None),
        ("satcfdi/autentica", VerifyProfile::SatToken, None),
        // Its SignedInfo is signed as no standard form of the message.
        ("satcfdi/solicita-emitidos", VerifyProfile::SatRequest, Some("signature_invalid")),
        ("cfdiclient/autentica", VerifyProfile::SatToken, None),
        // No URI at all: bound to nothing.
        ("cfdiclient/verifica", VerifyProfile::SatRequest, Some("signature_reference")),
    ];
    for (name, profile, refusal) in rows {
        let message = fixtures::read(&fixtures, &format!("mx/soap/{name}.xml"));
        let result = verify(&message, profile, &anybody);
        assert_eq!(result.as_ref().err().map(|it| it.code().slug()), refusal, "{name} {result:?}");
    }
    covers!("xmlsig: published SAT messages verify where they are bound to what they say, and only there");
}
