//! Signatures across the fence: xmlsec1 verifies what is signed here, and the reverse.

use super::common::{agreed, anybody, file, minted, run};
use fedatario_testkit::{covers, fixtures, fixtures_or_skip};
use fedatario_xmlsig::{Hash, Profile, Signatory, Target, VerifyProfile, prepare, prepare_detached, verify, verify_external};

const C14N: &str = "http://www.w3.org/TR/2001/REC-xml-c14n-20010315";
const EXCLUSIVE: &str = "http://www.w3.org/2001/10/xml-exc-c14n#";
const ENVELOPED: &str = "http://www.w3.org/2000/09/xmldsig#enveloped-signature";

const DOCUMENTS: &[&str] = &[
    "<a/>",
    "<a></a>",
    "<a  />",
    "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<?pi x?><!-- c -->\n<a>\n  <b>text</b>\n</a>\n<?pi y?>\n",
    "<e:a xmlns:e='urn:e' xmlns='urn:d' xmlns:unused='urn:u' xml:lang='es'><b c='&#13;&#10;\t\n' e:d='\"'/>\r\n</e:a>",
    "<cfdi:Comprobante xmlns:cfdi=\"http://www.sat.gob.mx/cfd/4\" Total=\"1160.00\" Nombre='Ñandú &amp; Cía \u{1F4B6}'>\
     <cfdi:Emisor Rfc=\"H&amp;E951128469\"/><![CDATA[<&>]]></cfdi:Comprobante>",
    "<ECF xmlns:xsd=\"http://www.w3.org/2001/XMLSchema\">\r\n\t<Encabezado>\r\n\t\t<Version>1.0</Version> </Encabezado></ECF>",
];

#[test]
fn xmlsec_verifies_what_is_signed_here() {
    for (place, document) in DOCUMENTS.iter().enumerate() {
        for profile in [Profile::Plain, Profile::Dgii] {
            let prepared = prepare(profile, document.as_bytes(), &minted().signatory).expect("prepared");
            assert_eq!(prepared.hash(), Hash::Sha256);
            let signed = minted().finish(prepared);
            let path = file(&format!("ours-{place}-{profile:?}.xml"), &signed);
            agreed("xmlsec1", &["--verify", "--trusted-pem", &minted().certificate_pem(), &path]);
            let read = if profile == Profile::Plain { VerifyProfile::Plain } else { VerifyProfile::Dgii };
            let verified = verify(&signed, read, &minted().trust()).expect("it verifies here too");
            assert_eq!(verified.certificate_der(), minted().signatory.certificate_der);
            assert!(verified.root().descendants().all(|it| it.local() != "Signature"));
        }
    }
    covers!("xmlsig: xmlsec1 verifies our enveloped signatures");
}

#[test]
fn the_bytes_given_stay_as_they_are_around_the_signature() {
    let prepared = prepare(Profile::Plain, DOCUMENTS[3].as_bytes(), &minted().signatory).expect("prepared");
    let signed = String::from_utf8(minted().finish(prepared)).expect("UTF-8");
    let (before, rest) = signed.split_once("<Signature ").expect("a signature");
    let (_, after) = rest.split_once("</Signature>").expect("its end");
    assert_eq!(format!("{before}{after}"), DOCUMENTS[3]);

    let pretty = "<a>\n <b> x </b>\n <c>&#10;</c> <d> </d></a>\n";
    let prepared = prepare(Profile::Dgii, pretty.as_bytes(), &minted().signatory).expect("prepared");
    let signed = String::from_utf8(minted().finish(prepared)).expect("UTF-8");
    assert!(signed.starts_with("<a><b> x </b><c>&#10;</c><d></d><Signature xmlns="), "{signed}");
    covers!("xmlsig: signing leaves the document's bytes alone, but for white space under DGII's profile");
}

#[test]
fn xmlsec_verifies_detached_signatures() {
    let document = "<r xmlns:x='urn:x'><part Id='p1' x:y='1'>of <b/> it</part><other/></r>";
    let target = Target::Element { document: document.as_bytes(), id: "p1" };
    let signed = minted().finish(prepare_detached(target, &minted().signatory).expect("prepared"));
    let path = file("detached.xml", &signed);
    let trusted = ["--verify", "--trusted-pem", &minted().certificate_pem()];
    agreed("xmlsec1", &[&trusted[..], &["--id-attr:Id", "part", &path]].concat());
    let verified = verify(&signed, VerifyProfile::Element { id: "p1" }, &minted().trust()).expect("it verifies");
    assert_eq!(verified.root().local(), "part");

    let octets = b"\x00 any octets, no XML at all \xff";
    file("octets.bin", octets);
    let target = Target::External { uri: "octets.bin", octets };
    let signed = minted().finish(prepare_detached(target, &minted().signatory).expect("prepared"));
    let path = file("external.xml", &signed);
    agreed("xmlsec1", &[&trusted[..], &[path.as_str()]].concat());
    let signer = verify_external(&signed, "octets.bin", octets, &minted().trust()).expect("it verifies");
    assert_eq!(signer, minted().signatory.certificate_der);
    let refusals = [
        (verify_external(&signed, "other.bin", octets, &minted().trust()), "signature_reference"),
        (verify_external(&signed, "octets.bin", b"other", &minted().trust()), "signature_digest"),
    ];
    for (result, slug) in refusals {
        assert_eq!(result.expect_err("a refusal").code().slug(), slug);
    }
    covers!("xmlsig: detached signatures, over an element and over octets apart, verify in xmlsec1");
}

/// A document with an empty signature for xmlsec1 to fill.
fn template(method: &str, uri: &str, transforms: &[&str], around: (&str, &str)) -> String {
    let each: String = transforms.iter().map(|it| format!("<Transform Algorithm=\"{it}\"/>")).collect();
    let transforms = if each.is_empty() { String::new() } else { format!("<Transforms>{each}</Transforms>") };
    format!(
        "{}<Signature xmlns=\"http://www.w3.org/2000/09/xmldsig#\"><SignedInfo><CanonicalizationMethod Algorithm=\"{method}\"/>\
         <SignatureMethod Algorithm=\"http://www.w3.org/2001/04/xmldsig-more#rsa-sha256\"/><Reference URI=\"{uri}\">{transforms}\
         <DigestMethod Algorithm=\"http://www.w3.org/2001/04/xmlenc#sha256\"/><DigestValue/></Reference></SignedInfo>\
         <SignatureValue/><KeyInfo><X509Data><X509Certificate/></X509Data></KeyInfo></Signature>{}",
        around.0, around.1
    )
}

/// What xmlsec1 makes of a template.
fn signed_by_xmlsec(name: &str, template: &str) -> Vec<u8> {
    let key = format!("{},{}", minted().key_pem(), minted().certificate_pem());
    let path = file(name, template.as_bytes());
    agreed("xmlsec1", &["--sign", "--privkey-pem", &key, "--id-attr:Id", "part", &path])
}

#[test]
fn what_xmlsec_signs_verifies_here() {
    let around = ("<r xmlns:x='urn:x' xml:lang='es'><?pi?><part Id='p1' x:y='&#13;'>a\tb</part>", "</r>");
    let enveloped: [&[&str]; 3] = [&[ENVELOPED], &[ENVELOPED, C14N], &[ENVELOPED, EXCLUSIVE]];
    let element: [&[&str]; 2] = [&[C14N], &[EXCLUSIVE]];
    for method in [C14N, EXCLUSIVE] {
        for transforms in enveloped {
            let signed = signed_by_xmlsec("theirs.xml", &template(method, "", transforms, around));
            let verified = verify(&signed, VerifyProfile::Plain, &minted().trust()).expect("it verifies");
            assert_eq!(verified.root().child("", "part").map(|it| it.text()).as_deref(), Some("a\tb"));
        }
        for transforms in element {
            let signed = signed_by_xmlsec("theirs.xml", &template(method, "#p1", transforms, around));
            let verified = verify(&signed, VerifyProfile::Element { id: "p1" }, &minted().trust()).expect("it verifies");
            assert_eq!(verified.root().attribute_ns("urn:x", "y"), Some("\r"));
        }
        file("apart.bin", b"apart");
        let signed = signed_by_xmlsec("theirs.xml", &template(method, "apart.bin", &[], ("", "")));
        assert!(verify_external(&signed, "apart.bin", b"apart", &minted().trust()).is_ok());
    }
    covers!("xmlsig: what xmlsec1 signs verifies here, in each form of the closed lists");
}

#[test]
fn documents_of_dgii_verify_as_published() {
    let fixtures = fixtures_or_skip!();
    let rows = [
        ("dgii-signed/131880738E310000000002", None),
        ("dgii-signed/acecf-E450000000001", None),
        ("dgii-signed/arecf-E310005000113.compact", None),
        ("dgii-signed/arecf-E310005000113.pretty", None),
        ("dgii-signed/131880738E310000000007.altered", Some("signature_digest")),
        ("dgii-signed/wrong-type-32.altered", Some("signature_digest")),
        ("ecf31-synthetic-cert.compact", None),
        ("ecf31-synthetic-cert.pretty", None),
        ("synthetic-c14n-two-transforms", None),
    ];
    for (name, refusal) in rows {
        let document = fixtures::read(&fixtures, &format!("do/ecf/{name}.xml"));
        let result = verify(&document, VerifyProfile::Dgii, &anybody);
        assert_eq!(result.as_ref().err().map(|it| it.code().slug()), refusal, "{name} {result:?}");
    }
    covers!("xmlsig: documents that DGII's own services signed verify, also indented, and not once altered");
}

#[test]
fn the_judge_disagrees_when_something_is_wrong() {
    let prepared = prepare(Profile::Plain, b"<a>1</a>", &minted().signatory).expect("prepared");
    let altered = String::from_utf8(minted().finish(prepared)).expect("UTF-8").replace("<a>1", "<a>2");
    let path = file("altered.xml", altered.as_bytes());
    let output = run("xmlsec1", &["--verify", "--trusted-pem", &minted().certificate_pem(), &path]);
    assert!(!output.status.success());
    assert!(verify(altered.as_bytes(), VerifyProfile::Plain, &minted().trust()).is_err());
    let nobody = Signatory { certificate_der: Vec::new(), ..minted().signatory.clone() };
    let signed = prepare(Profile::Plain, b"<a/>", &nobody).expect("prepared").finish(&[0; 256]);
    let result = verify(&signed, VerifyProfile::Plain, &minted().trust());
    assert_eq!(result.expect_err("a refusal").code().slug(), "signature_untrusted");
    covers!("xmlsig: an altered document is refused here and by xmlsec1");
}

/// What the other library says of a signature, trusting the minted certificate's key alone.
fn judged_by_bergshamra(signed: &[u8]) -> Result<bool, String> {
    let pem = std::fs::read(minted().certificate_pem()).expect("a certificate");
    let mut keys = bergshamra::KeysManager::new();
    keys.add_key(bergshamra::keys::loader::load_x509_cert_pem(&pem).map_err(|it| it.to_string())?);
    let text = std::str::from_utf8(signed).expect("UTF-8");
    let result = bergshamra::verify(&bergshamra::DsigContext::new(keys), text).map_err(|it| it.to_string())?;
    Ok(result.is_valid())
}

#[test]
fn a_second_library_agrees_on_what_is_signed_here() {
    // A raw line end in an attribute is a space by XML, which that library's parser leaves as it is.
    let judged: Vec<&&str> = DOCUMENTS.iter().filter(|it| !it.contains("\t\n'")).collect();
    assert_eq!(judged.len(), DOCUMENTS.len() - 1);
    for document in judged {
        for profile in [Profile::Plain, Profile::Dgii] {
            let prepared = prepare(profile, document.as_bytes(), &minted().signatory).expect("prepared");
            let signed = minted().finish(prepared);
            assert_eq!(judged_by_bergshamra(&signed), Ok(true), "{profile:?} {document}");
            let altered = String::from_utf8(signed).expect("UTF-8").replacen("</SignedInfo>", " </SignedInfo>", 1);
            assert_ne!(judged_by_bergshamra(altered.as_bytes()), Ok(true), "{profile:?} {document}");
        }
    }
    covers!("xmlsig: bergshamra verifies our enveloped signatures, and not once altered");
}
