//! Every attack in every profile: what comes of it, as one table.
//!
//! An attack is an edit of a signed document's text. What it meets first is in the table as the code
//! it is refused with, so that an attack which is only refused because its signature broke on the way
//! shows as that. `same` means: believed, because what was signed is still exactly what is handed back.

use super::common::{minted, stranger};
use super::dice::Dice;
use super::hostile::mutated;
use super::sat::{login, operation};
use fedatario_testkit::covers;
use fedatario_xmlsig::{Form, Profile, VerifyProfile, prepare, verify};

const MATRIX: &str = "signature attack x profile";
const MATRIX_NA: &str = "signature attack x profile n/a";
/// Seeded mutants of each kind of signed document.
const MUTANTS: usize = 300;
/// Of them at least so many are no longer what was signed: the rest fell on white space and comments.
const REFUSED_AT_LEAST: usize = 200;

/// A signed document, and the pieces that attacks are made of.
struct Case {
    name: &'static str,
    profile: VerifyProfile<'static>,
    whole: String,
    /// The signature, as it stands.
    signature: String,
    /// What is signed, without the signature.
    original: String,
    /// The same with what the attacker wants read.
    evil: String,
    octets: Vec<u8>,
}

const PLAIN: &str = "<inv a=\"1 2\" b=\"x&#10;y\"><to Id=\"t\">A1</to><amount>100</amount></inv>";

fn signed(profile: Profile, document: &str) -> String {
    let prepared = prepare(profile, document.as_bytes(), &minted().signatory).expect("prepared");
    String::from_utf8(minted().finish(prepared)).expect("UTF-8")
}

fn cases() -> Vec<Case> {
    let stamp = login("2026-09-01T12:00:00.000Z", "2026-09-01T12:05:00.000Z", "t-1");
    let request = operation("SolicitaDescargaFolio", "Folio=\"1 2\" RfcSolicitante=\"EKU9003173C9\"", "");
    let whole = |name, profile, verified, document: &str| {
        let evil = document.replace("100", "999").replace("Folio=\"1 2\"", "Folio=\"9\"");
        case(name, verified, signed(profile, document), document.to_owned(), evil)
    };
    let token = signed(Profile::SatToken, &stamp);
    let timestamp = between(&token, "<u:Timestamp", "</u:Timestamp>").to_owned();
    let later = timestamp.replace("12:05", "23:59");
    vec![
        whole("plain", Profile::Plain, VerifyProfile::Plain, PLAIN),
        whole("dgii", Profile::Dgii, VerifyProfile::Dgii, PLAIN),
        case("sat-token", VerifyProfile::SatToken, token, timestamp, later),
        whole("sat-request", Profile::SatRequest(Form::Phpcfdi), VerifyProfile::SatRequest, &request),
        whole("sat-request, official", Profile::SatRequest(Form::Official), VerifyProfile::SatRequest, &request),
    ]
}

fn case(name: &'static str, profile: VerifyProfile<'static>, whole: String, original: String, evil: String) -> Case {
    assert_ne!(original, evil);
    let verified = verify(whole.as_bytes(), profile, &minted().trust()).expect("what is signed verifies");
    let signature = between(&whole, "<Signature ", "</Signature>").to_owned();
    Case { name, profile, octets: verified.octets().to_vec(), signature, original, evil, whole }
}

/// From the beginning of `open` to the end of `close`, both included.
fn between<'t>(text: &'t str, open: &str, close: &str) -> &'t str {
    let start = text.find(open).expect("it begins");
    &text[start..start + text[start..].find(close).expect("it ends") + close.len()]
}

impl Case {
    fn is_token(&self) -> bool {
        self.profile == VerifyProfile::SatToken
    }

    /// The document with what is signed replaced by the attacker's, and something in the place of the
    /// signature.
    fn wrapped(&self, inner: &str) -> String {
        let bare = self.whole.replace(&self.signature, "\u{0}");
        match self.is_token() {
            true => bare.replace(&self.original, &self.evil),
            // The attacker's element has the signature where the signed one had it.
            false => bare.replace("100", "999").replace("Folio=\"1 2\"", "Folio=\"9\""),
        }
        .replace('\u{0}', inner)
    }

    fn in_signature(&self, before: &str, what: &str) -> String {
        self.signature.replacen(before, &format!("{what}{before}"), 1)
    }

    /// Replaces an algorithm.
    fn algorithm(&self, element: &str, uri: &str) -> String {
        let tag = between(&self.whole, &format!("<{element} Algorithm=\""), "\"");
        let value = format!("{tag}{}", &self.whole[self.whole.find(tag).expect("it is there") + tag.len()..]);
        let old = value[tag.len()..].split('"').next().expect("a value").to_owned();
        self.whole.replacen(&format!("{tag}{old}\""), &format!("{tag}{uri}\""), 1)
    }

    /// Puts something into an empty method, which is then a pair of tags.
    fn child(&self, element: &str, child: &str) -> String {
        let start = self.whole.find(&format!("<{element} ")).expect("it is there");
        let end = start + self.whole[start..].find('>').expect("it ends") + 1;
        let (head, rest) = (self.whole[..end].trim_end_matches('>').trim_end_matches('/'), &self.whole[end..]);
        let rest = rest.strip_prefix(&format!("</{element}>")).unwrap_or(rest);
        format!("{head}>{child}</{element}>{rest}")
    }

    fn transforms(&self, list: &str) -> String {
        let old = between(&self.whole, "<Transforms>", "</Transforms>");
        self.whole.replacen(old, &format!("<Transforms>{list}</Transforms>"), 1)
    }

    fn with_transform(&self, more: &str) -> String {
        self.whole.replacen("</Transforms>", &format!("{more}</Transforms>"), 1)
    }

    fn uri(&self, uri: &str) -> String {
        let start = self.whole.find("<Reference URI=\"").expect("a reference");
        let tag = between(&self.whole[start..], "<Reference", ">");
        self.whole.replacen(tag, &format!("<Reference{uri}>"), 1)
    }

    fn in_key_info(&self, more: &str) -> String {
        self.whole.replacen("</KeyInfo>", &format!("{more}</KeyInfo>"), 1)
    }

    fn key_info(&self, content: &str) -> String {
        let old = between(&self.whole, "<KeyInfo>", "</KeyInfo>");
        self.whole.replacen(old, &format!("<KeyInfo>{content}</KeyInfo>"), 1)
    }

    /// The outcome, as the table says it.
    fn outcome(&self, document: &str) -> &'static str {
        if document == self.whole {
            return "n/a"; // The profile's documents have nothing of the kind.
        }
        match verify(document.as_bytes(), self.profile, &minted().trust()) {
            Ok(verified) => {
                assert_eq!(verified.octets(), self.octets, "{}: something else is believed\n{document}", self.name);
                assert_eq!(verified.certificate_der(), minted().signatory.certificate_der, "{}", self.name);
                "same"
            }
            Err(error) => error.code().slug(),
        }
    }
}

const XPATH: &str =
    "<Transform Algorithm=\"http://www.w3.org/TR/1999/REC-xpath-19991116\"><XPath>not(self::amount)</XPath></Transform>";
const FILTER: &str =
    "<Transform Algorithm=\"http://www.w3.org/2002/06/xmldsig-filter2\"><XPath Filter=\"subtract\">//amount</XPath></Transform>";
const XSLT: &str = "<Transform Algorithm=\"http://www.w3.org/TR/1999/REC-xslt-19991116\"><x:stylesheet xmlns:x=\"http://www.w3.org/1999/XSL/Transform\"/></Transform>";
const BASE64: &str = "<Transform Algorithm=\"http://www.w3.org/2000/09/xmldsig#base64\"/>";
const ENVELOPED: &str = "<Transform Algorithm=\"http://www.w3.org/2000/09/xmldsig#enveloped-signature\"/>";
const KEY_VALUE: &str = "<KeyValue><RSAKeyValue><Modulus>AQAB</Modulus><Exponent>AQAB</Exponent></RSAKeyValue></KeyValue>";

/// How an attack is made.
type Edit = fn(&Case) -> String;
/// What comes of it in each profile, in the order of [`cases`]; one alone stands for all.
type Outcomes = &'static [&'static str];

fn certificate_of(base: &[u8]) -> String {
    base64::Engine::encode(&base64::prelude::BASE64_STANDARD, base)
}

/// Signature wrapping, after the eight forms of Somorovsky and others (USENIX Security 2012), carried
/// over from SAML: where the signed element goes when another stands in its place.
const WRAPPING: &[(&str, Edit, Outcomes)] = &[
    (
        "XSW 1: original at the end of the signature",
        |c| c.wrapped(&c.in_signature("</Signature>", &c.original)),
        &["signature_ambiguous"],
    ),
    (
        "XSW 2: original before the signature",
        |c| c.wrapped(&format!("{}{}", c.original, c.signature)),
        &["signature_digest", "signature_digest", "signature_missing", "signature_digest", "signature_reference"],
    ),
    (
        "XSW 3: another beside the signed one",
        |c| match c.is_token() {
            true => c.whole.replacen(&c.original, &format!("{}{}", c.evil, c.original), 1),
            false => format!("<w>{}{}</w>", c.evil, c.whole),
        },
        &["signature_missing"],
    ),
    (
        "XSW 4: another around the signed one",
        |c| match c.is_token() {
            true => c.whole.replacen(&c.original, &c.evil.replace("</u:Timestamp>", &format!("{}</u:Timestamp>", c.original)), 1),
            false => c.wrapped(&c.whole),
        },
        &["signature_missing", "signature_missing", "signature_reference", "signature_missing", "signature_missing"],
    ),
    (
        "XSW 5: original after the signature",
        |c| c.wrapped(&format!("{}{}", c.signature, c.original)),
        &["signature_digest", "signature_digest", "signature_missing", "signature_missing", "signature_missing"],
    ),
    (
        "XSW 6: original in KeyInfo",
        |c| c.wrapped(&c.in_signature("</KeyInfo>", &c.original)),
        &["signature_untrusted", "signature_untrusted", "signature_reference", "signature_untrusted", "signature_untrusted"],
    ),
    (
        "XSW 7: original in an extension",
        |c| c.wrapped(&format!("<x:Ext xmlns:x='urn:x'>{}</x:Ext>{}", c.original, c.signature)),
        &["signature_digest", "signature_digest", "signature_reference", "signature_digest", "signature_reference"],
    ),
    (
        "XSW 8: original in an Object of the signature",
        |c| c.wrapped(&c.in_signature("</Signature>", &format!("<Object>{}</Object>", c.original))),
        &["signature_ambiguous"],
    ),
    ("signed root inside a new root", |c| format!("<w>{}</w>", c.whole), &["signature_missing"]),
    ("new root that calls itself the signed one", |c| c.wrapped(&c.whole), &["signature_missing"]),
    ("two signatures", |c| c.whole.replace(&c.signature, &c.signature.repeat(2)), &["signature_ambiguous"]),
    ("signature hidden deeper", |c| c.whole.replace(&c.signature, &format!("<w>{}</w>", c.signature)), &["signature_missing"]),
    (
        "signature as root",
        |c| c.signature.clone(),
        &["signature_missing", "signature_missing", "xml_malformed", "signature_missing", "signature_missing"],
    ),
    (
        "signature in another namespace",
        |c| c.whole.replace("Signature xmlns=\"http://www.w3.org/2000/09/xmldsig#\"", "Signature xmlns=\"urn:x\""),
        &["signature_missing"],
    ),
    (
        "duplicate Id",
        |c| match c.is_token() {
            true => c.whole.replace("<s:Body>", "<s:Body><x Id='_0'/>"),
            false => c.whole.replacen('>', " Id='t'>", 1),
        },
        &["signature_digest", "signature_digest", "signature_reference", "signature_digest", "same"],
    ),
    ("unsigned", |c| c.whole.replace(&c.signature, ""), &["signature_missing"]),
];

const CLAIMS: &[(&str, Edit, Outcomes)] = &[
    ("RSA-MD5", |c| c.algorithm("SignatureMethod", "http://www.w3.org/2001/04/xmldsig-more#rsa-md5"), &["signature_algorithm"]),
    (
        "HMAC with the public key",
        |c| c.algorithm("SignatureMethod", "http://www.w3.org/2001/04/xmldsig-more#hmac-sha256"),
        &["signature_algorithm"],
    ),
    ("HMAC-SHA1", |c| c.algorithm("SignatureMethod", "http://www.w3.org/2000/09/xmldsig#hmac-sha1"), &["signature_algorithm"]),
    (
        "HMAC truncated to nothing",
        |c| c.child("SignatureMethod", "<HMACOutputLength>0</HMACOutputLength>"),
        &["signature_algorithm"],
    ),
    ("text in SignatureMethod", |c| c.child("SignatureMethod", "x"), &["signature_algorithm"]),
    (
        "SHA-1 for SHA-256, and the reverse",
        |c| match c.whole.contains("rsa-sha1") {
            true => c.algorithm("SignatureMethod", "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"),
            false => c.algorithm("SignatureMethod", "http://www.w3.org/2000/09/xmldsig#rsa-sha1"),
        },
        &["signature_algorithm"],
    ),
    ("MD5 digest", |c| c.algorithm("DigestMethod", "http://www.w3.org/2001/04/xmldsig-more#md5"), &["signature_algorithm"]),
    (
        "SHA-1 digest for SHA-256, and the reverse",
        |c| match c.whole.contains("rsa-sha1") {
            true => c.algorithm("DigestMethod", "http://www.w3.org/2001/04/xmlenc#sha256"),
            false => c.algorithm("DigestMethod", "http://www.w3.org/2000/09/xmldsig#sha1"),
        },
        &["signature_algorithm"],
    ),
    (
        "a name with a space behind it",
        |c| c.algorithm("DigestMethod", "http://www.w3.org/2001/04/xmlenc#sha256 "),
        &["signature_algorithm"],
    ),
    (
        "canonical form with comments",
        |c| c.algorithm("CanonicalizationMethod", "http://www.w3.org/2001/10/xml-exc-c14n#WithComments"),
        &["signature_algorithm"],
    ),
    (
        "canonical form 1.1",
        |c| c.algorithm("CanonicalizationMethod", "http://www.w3.org/2006/12/xml-c14n11"),
        &["signature_algorithm"],
    ),
    (
        "prefix list",
        |c| {
            c.child(
                "CanonicalizationMethod",
                "<InclusiveNamespaces xmlns=\"http://www.w3.org/2001/10/xml-exc-c14n#\" PrefixList=\"x\"/>",
            )
        },
        &["signature_algorithm"],
    ),
    ("XPath transform", |c| c.with_transform(XPATH), &["signature_algorithm"]),
    ("XPath filter", |c| c.with_transform(FILTER), &["signature_algorithm"]),
    ("XSLT transform", |c| c.with_transform(XSLT), &["signature_algorithm"]),
    ("base64 transform", |c| c.with_transform(BASE64), &["signature_algorithm"]),
    ("5,000 transforms", |c| c.with_transform(&ENVELOPED.repeat(5_000)), &["signature_algorithm"]),
    ("no transforms", |c| c.transforms(""), &["signature_algorithm"]),
    ("URI of a file", |c| c.uri(" URI=\"file:///etc/passwd\""), &["signature_reference"]),
    ("URI of a file beside it", |c| c.uri(" URI=\"secret.txt\""), &["signature_reference"]),
    ("URI on a network", |c| c.uri(" URI=\"http://169.254.169.254/\""), &["signature_reference"]),
    ("URI of a part", |c| c.uri(" URI=\"#t\""), &["signature_reference"]),
    ("URI by xpointer", |c| c.uri(" URI=\"#xpointer(/)\""), &["signature_reference"]),
    ("no URI", |c| c.uri(""), &["signature_reference"]),
    ("KeyValue for the certificate", |c| c.key_info(KEY_VALUE), &["signature_untrusted"]),
    ("KeyValue beside the certificate", |c| c.in_key_info(KEY_VALUE), &["signature_untrusted"]),
    ("KeyName", |c| c.key_info("<KeyName>us</KeyName>"), &["signature_untrusted"]),
    ("RetrievalMethod", |c| c.key_info("<RetrievalMethod URI=\"http://169.254.169.254/\"/>"), &["signature_untrusted"]),
    ("no key at all", |c| c.key_info(""), &["signature_untrusted"]),
    (
        "a stranger's certificate",
        |c| {
            c.whole.replace(
                &certificate_of(&minted().signatory.certificate_der),
                &certificate_of(&stranger().signatory.certificate_der),
            )
        },
        &["signature_untrusted"],
    ),
];

const SHAPES: &[(&str, Edit, Outcomes)] = &[
    (
        "two SignedInfo",
        |c| {
            let info = between(&c.whole, "<SignedInfo>", "</SignedInfo>");
            c.whole.replacen(info, &info.repeat(2), 1)
        },
        &["signature_ambiguous"],
    ),
    (
        "two References",
        |c| {
            let reference = between(&c.whole, "<Reference ", "</Reference>");
            c.whole.replacen(reference, &reference.repeat(2), 1)
        },
        &["signature_ambiguous"],
    ),
    ("no Reference", |c| c.whole.replacen(between(&c.whole, "<Reference ", "</Reference>"), "", 1), &["signature_ambiguous"]),
    (
        "two SignatureValues",
        |c| {
            let value = between(&c.whole, "<SignatureValue>", "</SignatureValue>");
            c.whole.replacen(value, &value.repeat(2), 1)
        },
        &["signature_ambiguous"],
    ),
    ("empty Object", |c| c.whole.replace("</Signature>", "<Object/></Signature>"), &["signature_ambiguous"]),
    ("comment in DigestValue", |c| c.whole.replace("<DigestValue>", "<DigestValue><!-- x -->"), &["signature_ambiguous"]),
    ("instruction in SignatureValue", |c| c.whole.replace("<SignatureValue>", "<SignatureValue><?x?>"), &["signature_ambiguous"]),
    ("text between the parts", |c| c.whole.replace("<SignedInfo>", "x<SignedInfo>"), &["signature_ambiguous"]),
    (
        "value cut short",
        |c| {
            let value = between(&c.whole, "<SignatureValue>", "</SignatureValue>");
            c.whole.replace(value, "<SignatureValue>AAAA</SignatureValue>")
        },
        &["signature_invalid"],
    ),
    ("what is signed replaced", |c| c.wrapped(&c.signature), &["signature_digest"]),
    ("internal entity for a value", |c| format!("<!DOCTYPE x [<!ENTITY e \"999\">]>{}", c.whole), &["xml_doctype"]),
    (
        "entities that multiply",
        |c| format!("<!DOCTYPE x [<!ENTITY a \"ha\"><!ENTITY b \"&a;&a;&a;\">]>{}", c.whole),
        &["xml_doctype"],
    ),
    ("external entity", |c| format!("<!DOCTYPE x SYSTEM \"file:///etc/passwd\">{}", c.whole), &["xml_doctype"]),
    ("undeclared entity", |c| c.whole.replacen("</", "&e;</", 1), &["xml_malformed"]),
    ("100,000 deep", |_| "<a>".repeat(100_000), &["xml_too_deep"]),
    ("300,000 elements", |c| c.whole.replacen("><", &format!(">{}<", "<a/>".repeat(300_000)), 1), &["xml_too_large"]),
    (
        "65,536 attributes",
        |c| c.whole.replacen('>', &format!(" {}>", (0..65_536).map(|it| format!("a{it}='' ")).collect::<String>()), 1),
        &["xml_too_large"],
    ),
    (
        "comment that splits a text",
        |c| match c.name {
            "plain" | "dgii" => c.whole.replacen("A1", "A<!-- x -->1", 1),
            "sat-token" => c.whole.replacen("2026-09", "2026<!-- x -->-09", 1),
            _ => c.whole.replacen("<Signature ", "<!-- x --><Signature ", 1),
        },
        &["same"],
    ),
    (
        "a raw newline for a space in an attribute",
        |c| c.whole.replacen("\"1 2\"", "\"1\n2\"", 1),
        &["same", "same", "n/a", "same", "same"],
    ),
    (
        "a raw tab for a space in an attribute",
        |c| c.whole.replacen("\"1 2\"", "\"1\t2\"", 1),
        &["same", "same", "n/a", "same", "same"],
    ),
    (
        "a reference to a newline for a space in an attribute",
        |c| c.whole.replacen("\"1 2\"", "\"1&#10;2\"", 1),
        &["signature_digest", "signature_digest", "n/a", "signature_digest", "signature_digest"],
    ),
    (
        "a raw newline for a reference to one",
        |c| c.whole.replacen("x&#10;y", "x\ny", 1),
        &["signature_digest", "signature_digest", "n/a", "n/a", "n/a"],
    ),
    (
        "CDATA for a text",
        |c| match c.name {
            "plain" | "dgii" => c.whole.replacen("A1", "<![CDATA[A1]]>", 1),
            _ => c.whole.replacen("2026-09", "<![CDATA[2026-09]]>", 1),
        },
        &["same", "same", "same", "n/a", "n/a"],
    ),
    ("a byte order mark before it", |c| format!("\u{feff}{}", c.whole), &["same"]),
    ("another root behind it", |c| format!("{}<a/>", c.whole), &["xml_malformed"]),
];

fn check(rows: &[(&str, Edit, Outcomes)]) {
    for (attack, edit, outcomes) in rows {
        let found: Vec<&str> = cases().iter().map(|it| it.outcome(&edit(it))).collect();
        let expected: Vec<&str> = if let [one] = outcomes { vec![*one; found.len()] } else { outcomes.to_vec() };
        assert_eq!(found, expected, "{attack}");
        for (case, outcome) in cases().iter().zip(found) {
            match outcome {
                "n/a" => covers!(MATRIX_NA, format!("{attack}: there is nothing of the kind in it"), case.name),
                _ => covers!(MATRIX, attack, case.name),
            }
        }
    }
}

#[test]
fn nothing_is_wrapped_around_what_was_signed() {
    check(WRAPPING);
}

#[test]
fn no_claim_of_a_signature_goes_beyond_its_profile() {
    check(CLAIMS);
}

#[test]
fn no_shape_of_a_document_deceives_its_reader() {
    check(SHAPES);
}

#[test]
fn a_mutant_is_believed_only_when_it_says_the_same() {
    let mut dice = Dice(0x0A77_AC75);
    for case in cases() {
        let (mut refused, mut same) = (0, 0);
        for _ in 0..MUTANTS {
            let mutant = mutated(&mut dice, case.whole.as_bytes());
            match verify(&mutant, case.profile, &minted().trust()) {
                Ok(verified) => {
                    assert_eq!(verified.octets(), case.octets, "{}: {}", case.name, String::from_utf8_lossy(&mutant));
                    same += 1;
                }
                Err(_) => refused += 1,
            }
        }
        assert_eq!(refused + same, MUTANTS);
        assert!(refused >= REFUSED_AT_LEAST, "{}: only {refused} were refused", case.name);
    }
    covers!("xmlsig: 300 mutants of each kind of signed document, and none is believed but for what was signed");
}
