//! Attacks on signatures, each refused with its code; and what does verify is read from nowhere else.

use super::common::{Signer, file, key_of, minted, stranger};
use super::sat::{login, operation};
use fedatario_base::Code;
use fedatario_testkit::covers;
use fedatario_xmlsig::{
    Form, Hash, Method, Profile, PublicKey, Refusal, Target, VerifyProfile, XmlSigError, canonicalize, prepare, prepare_detached,
    verify,
};

const DS: &str = "http://www.w3.org/2000/09/xmldsig#";
const INVOICE: &str = "<inv><to Id='t'>A1</to><amount>100</amount></inv>";

fn signed_with(signer: &Signer, document: &str) -> String {
    let prepared = prepare(Profile::Plain, document.as_bytes(), &signer.signatory).expect("prepared");
    String::from_utf8(signer.finish(prepared)).expect("UTF-8")
}

fn signed() -> String {
    signed_with(minted(), INVOICE)
}

fn signature() -> String {
    let whole = signed();
    whole[whole.find("<Signature").expect("a start")..whole.rfind("</inv>").expect("an end")].to_owned()
}

fn base64(octets: &[u8]) -> String {
    base64::Engine::encode(&base64::prelude::BASE64_STANDARD, octets)
}

/// A signature whose arithmetic is right for whatever its `SignedInfo` says: the worst case, where
/// the attacker's claims are signed by the trusted key itself.
fn forged(document: &str, info: &str, key_info: &str) -> String {
    let scoped = info.replacen("<SignedInfo>", &format!("<SignedInfo xmlns=\"{DS}\">"), 1);
    let octets = canonicalize(scoped.as_bytes(), &Method::EXCLUSIVE).expect("a form");
    let value = base64(&minted().sign(Hash::Sha256, &octets));
    let signature = format!(
        "<Signature xmlns=\"{DS}\">{info}<SignatureValue>{value}</SignatureValue><KeyInfo>{key_info}</KeyInfo></Signature>"
    );
    document.replacen("</inv>", &format!("{signature}</inv>"), 1)
}

const EXCLUSIVE: &str = "<CanonicalizationMethod Algorithm=\"http://www.w3.org/2001/10/xml-exc-c14n#\"/>";
const RSA: &str = "<SignatureMethod Algorithm=\"http://www.w3.org/2001/04/xmldsig-more#rsa-sha256\"/>";
const SHA256: &str = "<DigestMethod Algorithm=\"http://www.w3.org/2001/04/xmlenc#sha256\"/>";
const ENVELOPED: &str = "<Transform Algorithm=\"http://www.w3.org/2000/09/xmldsig#enveloped-signature\"/>";

fn reference(uri: &str, transforms: &str, method: &str, digested: &str) -> String {
    let digest = base64(&Hash::Sha256.digest(&canonicalize(digested.as_bytes(), &Method::INCLUSIVE).expect("a form")));
    format!("<Reference{uri}><Transforms>{transforms}</Transforms>{method}<DigestValue>{digest}</DigestValue></Reference>")
}

fn info(c14n: &str, signature_method: &str, references: &str) -> String {
    format!("<SignedInfo>{c14n}{signature_method}{references}</SignedInfo>")
}

fn certificate() -> String {
    format!("<X509Data><X509Certificate>{}</X509Certificate></X509Data>", base64(&minted().signatory.certificate_der))
}

fn sound_reference() -> String {
    reference(" URI=\"\"", ENVELOPED, SHA256, INVOICE)
}

/// One row: what is tried, and the code it is refused with.
type Row = (&'static str, String, &'static str);

fn check(profile: VerifyProfile<'_>, rows: Vec<Row>) {
    for (name, document, slug) in rows {
        match verify(document.as_bytes(), profile, &minted().trust()) {
            Ok(verified) => panic!("{name}: believed {}", String::from_utf8_lossy(verified.octets())),
            Err(error) => assert_eq!(error.code().slug(), slug, "{name}: {error}\n{document}"),
        }
        covers!("signature attack", name, slug);
    }
}

#[test]
fn the_forge_itself_is_sound() {
    let document = forged(INVOICE, &info(EXCLUSIVE, RSA, &sound_reference()), &certificate());
    let verified = verify(document.as_bytes(), VerifyProfile::Plain, &minted().trust()).expect("the sound one verifies");
    assert_eq!(verified.root().child("", "amount").map(|it| it.text()).as_deref(), Some("100"));
    covers!("xmlsig: the table of attacks starts from a signature that verifies");
}

#[test]
fn bounds_come_before_anything_else() {
    let deep = format!("{}{}", "<a>".repeat(100_000), "</a>".repeat(100_000));
    let wide = format!("<a {}/>", (0..65_536).map(|it| format!("a{it}='' ")).collect::<String>());
    let spaces = format!("<a {}/>", (0..65_536).map(|it| format!("xmlns:a{it}='urn:a' ")).collect::<String>());
    let laughs = "<!DOCTYPE a [<!ENTITY l 'ha'><!ENTITY m '&l;&l;&l;'>]><a>&m;</a>".to_owned();
    let external = "<!DOCTYPE a SYSTEM 'file:///etc/passwd'><a/>".to_owned();
    let rows = vec![
        ("100,000 deep", deep, "xml_too_deep"),
        ("65 deep", format!("{}{}", "<a>".repeat(65), "</a>".repeat(65)), "xml_too_deep"),
        ("65,536 attributes", wide, "xml_too_large"),
        ("65,536 namespaces", spaces, "xml_too_large"),
        ("300,000 siblings", format!("<a>{}</a>", "<b/>".repeat(300_000)), "xml_too_large"),
        ("17 MiB", format!("<a>{}</a>", " ".repeat(17 << 20)), "xml_too_large"),
        ("entities that multiply", laughs, "xml_doctype"),
        ("external entity", external, "xml_doctype"),
        ("DOCTYPE around a good signature", format!("<!DOCTYPE inv>{}", signed()), "xml_doctype"),
        ("undeclared entity", signed().replace(">A1<", ">&x;<"), "xml_malformed"),
        ("not XML", "not XML".to_owned(), "xml_malformed"),
        ("nothing", String::new(), "xml_malformed"),
    ];
    check(VerifyProfile::Plain, rows);
}

#[test]
fn there_is_one_signature_and_it_is_in_its_place() {
    let evil = "<inv><to>EVIL</to><amount>999</amount></inv>";
    let evil_open = evil.trim_end_matches("</inv>");
    let whole = signed();
    let rows = vec![
        ("unsigned", INVOICE.to_owned(), "signature_missing"),
        ("signed root inside a new root", format!("<inv><to>EVIL</to>{whole}</inv>"), "signature_missing"),
        ("signature moved up, old root below it", format!("{evil_open}{}{INVOICE}</inv>", signature()), "signature_digest"),
        ("signature deeper", INVOICE.replace("</to>", &format!("{}</to>", signature())), "signature_missing"),
        ("old root inside the signature's Object", with_object(evil_open, &whole), "signature_ambiguous"),
        ("two signatures", whole.replace("</inv>", &format!("{}</inv>", signature())), "signature_ambiguous"),
        ("second signature hidden deeper", whole.replace("<amount>", &format!("{}<amount>", signature())), "signature_ambiguous"),
        ("signature as root", signature(), "signature_missing"),
        ("prefix rebound", whole.replace(&format!("Signature xmlns=\"{DS}\""), "Signature xmlns=\"urn:x\""), "signature_missing"),
        ("content added", whole.replace("</amount>", "</amount><extra/>"), "signature_digest"),
        ("content changed", whole.replace(">100<", ">999<"), "signature_digest"),
        ("content removed", whole.replace("<amount>100</amount>", ""), "signature_digest"),
        ("instruction before the root", format!("<?evil?>{whole}"), "signature_digest"),
        ("instruction inside text", whole.replace(">A1<", ">A<?x?>1<"), "signature_digest"),
        ("attribute added", whole.replace("<inv>", "<inv evil='1'>"), "signature_digest"),
        ("namespace added", whole.replace("<inv>", "<inv xmlns:x='urn:x'>"), "signature_invalid"),
    ];
    check(VerifyProfile::Plain, rows);
}

fn with_object(evil_open: &str, whole: &str) -> String {
    let inner = signature().replace("</Signature>", &format!("<Object>{INVOICE}</Object></Signature>"));
    assert!(whole.contains("</Signature>"));
    format!("{evil_open}{inner}</inv>")
}

#[test]
fn the_parts_of_a_signature_are_the_expected_ones() {
    let whole = signed();
    let one = info(EXCLUSIVE, RSA, &sound_reference());
    let two = info(EXCLUSIVE, RSA, &format!("{}{}", sound_reference(), sound_reference()));
    let none = info(EXCLUSIVE, RSA, "");
    let doubled_info = forged(INVOICE, &one, &certificate()).replace(&one, &format!("{one}{one}"));
    let commented = |local: &str| whole.replace(&format!("<{local}>"), &format!("<{local}><!-- x -->"));
    let rows = vec![
        ("two references", forged(INVOICE, &two, &certificate()), "signature_ambiguous"),
        ("no reference", forged(INVOICE, &none, &certificate()), "signature_ambiguous"),
        ("two SignedInfo", doubled_info, "signature_ambiguous"),
        ("two SignatureValue", whole.replace("<KeyInfo>", "<SignatureValue>AA==</SignatureValue><KeyInfo>"), "signature_ambiguous"),
        ("no KeyInfo", forged(INVOICE, &one, "").replace("<KeyInfo></KeyInfo>", ""), "signature_ambiguous"),
        ("an Object", whole.replace("</Signature>", "<Object>x</Object></Signature>"), "signature_ambiguous"),
        ("comment in DigestValue", commented("DigestValue"), "signature_ambiguous"),
        ("comment in SignatureValue", commented("SignatureValue"), "signature_ambiguous"),
        ("instruction in SignatureValue", whole.replace("<SignatureValue>", "<SignatureValue><?x?>"), "signature_ambiguous"),
        ("element in DigestValue", whole.replace("<DigestValue>", "<DigestValue><b/>"), "signature_ambiguous"),
        ("second DigestValue", whole.replace("</Reference>", "<DigestValue>AA==</DigestValue></Reference>"), "signature_ambiguous"),
        ("text between the parts", whole.replace("<SignedInfo>", "x<SignedInfo>"), "signature_ambiguous"),
        ("value that is no base64", whole.replace("<SignatureValue>", "<SignatureValue>!"), "xml_malformed"),
    ];
    check(VerifyProfile::Plain, rows);
}

#[test]
fn algorithms_come_from_closed_lists() {
    let method = |uri: &str| format!("<SignatureMethod Algorithm=\"{uri}\"/>");
    let c14n = |uri: &str| format!("<CanonicalizationMethod Algorithm=\"{uri}\"/>");
    let digest = |uri: &str| sound_reference().replace("http://www.w3.org/2001/04/xmlenc#sha256", uri);
    let with = |c14n: &str, method: &str, reference: &str| forged(INVOICE, &info(c14n, method, reference), &certificate());
    let transformed = |transforms: &str| with(EXCLUSIVE, RSA, &reference(" URI=\"\"", transforms, SHA256, INVOICE));
    let truncated = RSA.replace("/>", "><HMACOutputLength>0</HMACOutputLength></SignatureMethod>");
    let xpath =
        "<Transform Algorithm=\"http://www.w3.org/TR/1999/REC-xpath-19991116\"><XPath>not(self::amount)</XPath></Transform>";
    let filter = "<Transform Algorithm=\"http://www.w3.org/2002/06/xmldsig-filter2\"><XPath Filter=\"subtract\">//amount</XPath></Transform>";
    let xslt = "<Transform Algorithm=\"http://www.w3.org/TR/1999/REC-xslt-19991116\"><x:stylesheet xmlns:x=\"http://www.w3.org/1999/XSL/Transform\"/></Transform>";
    let base64 = "<Transform Algorithm=\"http://www.w3.org/2000/09/xmldsig#base64\"/>";
    let listed = "<Transform Algorithm=\"http://www.w3.org/2001/10/xml-exc-c14n#\"><InclusiveNamespaces xmlns=\"http://www.w3.org/2001/10/xml-exc-c14n#\" PrefixList=\"x\"/></Transform>";
    let exclusive = "<Transform Algorithm=\"http://www.w3.org/2001/10/xml-exc-c14n#\"/>";
    let slug = "signature_algorithm";
    let rows = vec![
        (
            "HMAC with the public key",
            with(EXCLUSIVE, &method("http://www.w3.org/2001/04/xmldsig-more#hmac-sha256"), &sound_reference()),
            slug,
        ),
        ("HMAC-SHA1", with(EXCLUSIVE, &method("http://www.w3.org/2000/09/xmldsig#hmac-sha1"), &sound_reference()), slug),
        ("HMAC truncated", with(EXCLUSIVE, &truncated, &sound_reference()), slug),
        ("RSA-SHA1 outside SAT", with(EXCLUSIVE, &method("http://www.w3.org/2000/09/xmldsig#rsa-sha1"), &sound_reference()), slug),
        ("RSA-MD5", with(EXCLUSIVE, &method("http://www.w3.org/2001/04/xmldsig-more#rsa-md5"), &sound_reference()), slug),
        ("DSA", with(EXCLUSIVE, &method("http://www.w3.org/2000/09/xmldsig#dsa-sha1"), &sound_reference()), slug),
        ("no algorithm at all", with(EXCLUSIVE, "<SignatureMethod/>", &sound_reference()), slug),
        ("SHA-1 digest", with(EXCLUSIVE, RSA, &digest("http://www.w3.org/2000/09/xmldsig#sha1")), slug),
        ("MD5 digest", with(EXCLUSIVE, RSA, &digest("http://www.w3.org/2001/04/xmldsig-more#md5")), slug),
        (
            "canonical form with comments",
            with(&c14n("http://www.w3.org/2001/10/xml-exc-c14n#WithComments"), RSA, &sound_reference()),
            slug,
        ),
        ("canonical form 1.1", with(&c14n("http://www.w3.org/2006/12/xml-c14n11"), RSA, &sound_reference()), slug),
        ("XPath transform", transformed(&format!("{ENVELOPED}{xpath}")), slug),
        ("XPath filter", transformed(&format!("{ENVELOPED}{filter}")), slug),
        ("XSLT transform", transformed(&format!("{ENVELOPED}{xslt}")), slug),
        ("base64 transform", transformed(&format!("{ENVELOPED}{base64}")), slug),
        ("prefix list", transformed(&format!("{ENVELOPED}{listed}")), slug),
        ("no transform", transformed(""), slug),
        ("transforms in another order", transformed(&format!("{exclusive}{ENVELOPED}")), slug),
        ("5,000 transforms", transformed(&ENVELOPED.repeat(5_000)), slug),
    ];
    check(VerifyProfile::Plain, rows);
}

#[test]
fn references_lead_nowhere_else() {
    let with = |uri: &str| forged(INVOICE, &info(EXCLUSIVE, RSA, &reference(uri, ENVELOPED, SHA256, INVOICE)), &certificate());
    let slug = "signature_reference";
    let rows = vec![
        ("file address", with(" URI=\"file:///etc/passwd\""), slug),
        ("file name", with(" URI=\"secret.txt\""), slug),
        ("address on a network", with(" URI=\"http://169.254.169.254/latest\""), slug),
        ("no URI", with(""), slug),
        ("Id of a part", with(" URI=\"#t\""), slug),
        ("xpointer to all", with(" URI=\"#xpointer(/)\""), slug),
    ];
    check(VerifyProfile::Plain, rows);
}

#[test]
fn keys_come_from_our_trust() {
    let one = info(EXCLUSIVE, RSA, &sound_reference());
    let key_value = "<KeyValue><RSAKeyValue><Modulus>AQAB</Modulus><Exponent>AQAB</Exponent></RSAKeyValue></KeyValue>";
    let foreign =
        format!("<X509Data><X509Certificate>{}</X509Certificate></X509Data>", base64(&stranger().signatory.certificate_der));
    let pair = certificate().replace("</X509Data>", "<X509Certificate>AAAA</X509Certificate></X509Data>");
    let slug = "signature_untrusted";
    let rows = vec![
        ("KeyValue", forged(INVOICE, &one, key_value), slug),
        ("KeyValue beside the certificate", forged(INVOICE, &one, &format!("{}{key_value}", certificate())), slug),
        ("KeyName", forged(INVOICE, &one, "<KeyName>us</KeyName>"), slug),
        ("RetrievalMethod", forged(INVOICE, &one, "<RetrievalMethod URI=\"http://evil/\"/>"), slug),
        ("empty KeyInfo", forged(INVOICE, &one, ""), slug),
        ("X509Data without certificate", forged(INVOICE, &one, "<X509Data><X509SKI>AAAA</X509SKI></X509Data>"), slug),
        ("X509Data with a CRL", forged(INVOICE, &one, "<X509Data><X509CRL>AAAA</X509CRL></X509Data>"), slug),
        ("two certificates", forged(INVOICE, &one, &pair), "signature_ambiguous"),
        ("signed by a stranger", signed_with(stranger(), INVOICE), slug),
        (
            "our certificate over a stranger's signature",
            signed_with(stranger(), INVOICE)
                .replace(&base64(&stranger().signatory.certificate_der), &base64(&minted().signatory.certificate_der)),
            "signature_invalid",
        ),
        ("a stranger's certificate over our signature", forged(INVOICE, &one, &foreign), slug),
        ("SignedInfo changed", signed().replace("<Reference URI=\"\">", "<Reference URI=\"\" Type=\"x\">"), "signature_invalid"),
    ];
    check(VerifyProfile::Plain, rows);
}

#[test]
fn whoever_decides_on_certificates_names_the_code() {
    for code in [Code::CertificateExpired, Code::CertificateTaxpayerMismatch, Code::FielRequired] {
        let trust = move |_: &[u8]| -> Result<PublicKey, Refusal> { Err(Refusal::new(code, "no")) };
        let refused = verify(signed().as_bytes(), VerifyProfile::Plain, &trust);
        assert_eq!(refused.expect_err("a refusal").code(), code);
    }
    let broken = |_: &[u8]| -> Result<PublicKey, Refusal> { Ok(PublicKey::from_pkcs1_der(*b"no key")) };
    assert_eq!(verify(signed().as_bytes(), VerifyProfile::Plain, &broken).err(), Some(XmlSigError::Invalid));
    covers!("xmlsig: a refusal of trust keeps the code of whoever refuses");
}

#[test]
fn a_weak_key_signs_nothing_that_counts() {
    let (key, certificate) = (file("weak.pem", b""), file("weak.cer", b""));
    super::common::agreed(
        "openssl",
        &[
            "req",
            "-x509",
            "-newkey",
            "rsa:1024",
            "-nodes",
            "-subj",
            "/CN=weak",
            "-keyout",
            &key,
            "-outform",
            "DER",
            "-out",
            &certificate,
        ],
    );
    let der = std::fs::read(&certificate).expect("a certificate");
    let signatory = fedatario_xmlsig::Signatory { certificate_der: der, ..minted().signatory.clone() };
    let prepared = prepare(Profile::Plain, INVOICE.as_bytes(), &signatory).expect("prepared");
    let octets = file("weak.octets", prepared.octets());
    let signature = super::common::agreed("openssl", &["dgst", "-sha256", "-sign", &key, &octets]);
    let trust = |it: &[u8]| -> Result<PublicKey, Refusal> { Ok(key_of(it)) };
    assert_eq!(verify(&prepared.finish(&signature), VerifyProfile::Plain, &trust).err(), Some(XmlSigError::Invalid));
    covers!("xmlsig: a key below 2048 bits verifies nothing");
}

#[test]
fn an_element_is_found_by_one_id_or_not_at_all() {
    let document = "<r><part Id='p'>good</part><x/></r>";
    let target = Target::Element { document: document.as_bytes(), id: "p" };
    let prepared = prepare_detached(target, &minted().signatory).expect("prepared");
    let whole = String::from_utf8(minted().finish(prepared)).expect("UTF-8");
    let evil = "<part Id='p'>evil</part>";
    let slug = "signature_reference";
    let rows = vec![
        ("Id twice", whole.replace("<x/>", evil), slug),
        ("Id twice, the other before", whole.replace("<part", &format!("{evil}<part")), slug),
        ("Id twice in another spelling", whole.replace("<x/>", "<x ID='p'/>"), slug),
        ("Id twice in another namespace", whole.replace("<x/>", "<x xml:id='p'/>"), slug),
        ("another Id than the expected", whole.replace("Id='p'", "Id='q'").replace("#p", "#q"), slug),
        ("no such Id", whole.replace("Id='p'", "Id='q'"), slug),
        ("an Id of no kind that we know", whole.replace("Id='p'", "iD='p'"), slug),
        ("the whole instead of the part", whole.replace("URI=\"#p\"", "URI=\"\""), slug),
        ("the target around the signature", whole.replace("<r>", "<r Id='p'>").replace("part Id='p'", "part"), slug),
        ("the element replaced", whole.replace(">good<", ">evil<"), "signature_digest"),
    ];
    check(VerifyProfile::Element { id: "p" }, rows);

    // Moved, it is still what was signed, and only that is handed back.
    let moved = whole.replace("<part Id='p'>good</part><x/>", "<part>evil</part><y><part Id='p'>good</part></y>");
    let verified = verify(moved.as_bytes(), VerifyProfile::Element { id: "p" }, &minted().trust()).expect("it verifies");
    assert_eq!(verified.root().text(), "good");
    let root = Target::Element { document: b"<r Id='p'/>", id: "p" };
    assert!(matches!(prepare_detached(root, &minted().signatory), Err(XmlSigError::Reference(_))));
    covers!("xmlsig: a detached signature is about one element, wherever it stands");
}

#[test]
fn a_login_cannot_be_wrapped() {
    let unsigned = login("2026-09-01T12:00:00.000Z", "2026-09-01T12:05:00.000Z", "t-1");
    let prepared = prepare(Profile::SatToken, unsigned.as_bytes(), &minted().signatory).expect("prepared");
    let whole = String::from_utf8(minted().finish(prepared)).expect("UTF-8");
    let stamp = &whole[whole.find("<u:Timestamp").expect("a start")..whole.find("<o:Binary").expect("an end")];
    let evil = stamp.replace("2026", "2031");
    let token = &whole[whole.find("<o:Binary").expect("a start")..whole.find("<Signature").expect("an end")];
    let header = |it: &str| whole.replace("<s:Header>", &format!("<s:Header>{it}"));
    let rows = vec![
        ("login: stamp changed", whole.replace("12:05", "12:59"), "signature_digest"),
        ("login: second stamp of the same Id", whole.replace(stamp, &format!("{evil}{stamp}")), "signature_missing"),
        ("login: signed stamp moved out", header(stamp).replacen(&format!("\"1\">{stamp}"), &format!("\"1\">{}", evil.replace("_0", "_1")), 1), "signature_reference"),
        ("login: same Id elsewhere", header(&format!("<w xmlns:u2='urn:x' u2:Id='_0'>{}</w>", evil.replace("_0", "_9"))), "signature_reference"),
        ("login: reference to the body", whole.replace("URI=\"#_0\"", "URI=\"\""), "signature_reference"),
        ("login: two headers of security", whole.replace("</o:Security>", "</o:Security><o:Security xmlns:o='http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd'/>"), "signature_missing"),
        ("login: second token", whole.replace(token, &format!("{token}{}", token.replace("t-1", "t-2"))), "signature_missing"),
        ("login: key by another token", whole.replace("URI=\"#t-1\"", "URI=\"#_0\""), "signature_untrusted"),
        ("login: key by an address", whole.replace("URI=\"#t-1\"", "URI=\"http://evil/\""), "signature_untrusted"),
        ("login: key by X509Data", whole.replace("</o:SecurityTokenReference>", &format!("</o:SecurityTokenReference>{}", certificate())), "signature_untrusted"),
        ("login: SHA-256 where SAT has none", whole.replace("http://www.w3.org/2000/09/xmldsig#rsa-sha1", "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"), "signature_algorithm"),
        ("login: no envelope", signed(), "signature_missing"),
    ];
    check(VerifyProfile::SatToken, rows);
}

#[test]
fn a_request_to_sat_cannot_be_wrapped() {
    let unsigned = operation("SolicitaDescargaFolio", "Folio=\"1\" RfcSolicitante=\"EKU9003173C9\"", "");
    for form in [Form::Phpcfdi, Form::Official] {
        let prepared = prepare(Profile::SatRequest(form), unsigned.as_bytes(), &minted().signatory).expect("prepared");
        let whole = String::from_utf8(minted().finish(prepared)).expect("UTF-8");
        let after = |it: &str| whole.replace("</Signature>", &format!("</Signature>{it}"));
        let sha256 =
            whole.replace("http://www.w3.org/2000/09/xmldsig#rsa-sha1", "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256");
        let beside = if form == Form::Phpcfdi { "signature_digest" } else { "signature_reference" };
        let rows = vec![
            ("request: folio changed", whole.replace("Folio=\"1\"", "Folio=\"2\""), "signature_digest"),
            ("request: attribute added", whole.replace("Folio=", "Complemento=\"x\" Folio="), "signature_digest"),
            ("request: another operation", whole.replace("SolicitaDescargaFolio", "VerificaSolicitudDescarga"), "signature_digest"),
            ("request: element before the signature", whole.replace("<Signature ", "<des:Otro/><Signature "), beside),
            ("request: element after the signature", after("<des:Otro/>"), "signature_missing"),
            ("request: element after a comment", after("<!-- x --><des:Otro/>"), "signature_missing"),
            (
                "request: second inner element",
                whole.replace("</des:solicitud>", "</des:solicitud><des:solicitud/>"),
                "signature_missing",
            ),
            ("request: signature outside", format!("<a>{whole}</a>"), "signature_missing"),
            ("request: reference elsewhere", whole.replace("URI=\"\"", "URI=\"#x\""), "signature_reference"),
            ("request: SHA-256 where SAT has none", sha256, "signature_algorithm"),
            ("request: unsigned", unsigned.clone(), "signature_missing"),
        ];
        check(VerifyProfile::SatRequest, rows);
    }
}

#[test]
fn what_is_read_is_what_was_signed() {
    // Comments are not signed. They may be added anywhere, and must not cut a value short.
    let commented = signed().replace(">A1<", ">A<!-- cut -->1<").replace("<inv>", "<!-- a --><inv><!-- b -->");
    let verified = verify(commented.as_bytes(), VerifyProfile::Plain, &minted().trust()).expect("comments change nothing");
    assert_eq!(verified.root().child("", "to").map(|it| it.text()).as_deref(), Some("A1"));
    assert_eq!(verified.octets(), INVOICE.replace('\'', "\"").as_bytes());
    let octets = canonicalize(INVOICE.as_bytes(), &Method::INCLUSIVE).expect("a form");
    assert_eq!(verified.octets(), octets);
    assert_eq!(verified.signature().len(), 256);
    // A document that is signed already is not signed again: nobody could verify it.
    let again = prepare(Profile::Plain, signed().as_bytes(), &minted().signatory);
    assert!(matches!(again, Err(XmlSigError::Ambiguous(_))));
    covers!("xmlsig: verification hands back the digested bytes, and text read whole");
}
