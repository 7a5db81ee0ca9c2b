//! What a report on a signature says: what it leaves uncovered, and what is wrong with signatures whose
//! mathematics are right. Each is forged here by hand, and openssl makes the digests.

use crate::support::Stage;
use crate::trust::trusting;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use fedatario_api::testing::person;
use fedatario_app::trust::Places;
use fedatario_app::trust::model::{RevocationRow, RevocationState};
use fedatario_base::{Clock, Permission, Scope};
use fedatario_credentials::mint::{Authority, Country, Minted, Person, Sealer, Subject};
use fedatario_credentials::{Certificate, Kind};
use fedatario_testkit::covers;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use std::process::Command;

const DS: &str = "http://www.w3.org/2000/09/xmldsig#";
const EXCLUSIVE: &str = "http://www.w3.org/2001/10/xml-exc-c14n#";
const INCLUSIVE: &str = "http://www.w3.org/TR/2001/REC-xml-c14n-20010315";
const ENVELOPED: &str = "http://www.w3.org/2000/09/xmldsig#enveloped-signature";
const RSA_SHA256: &str = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256";
const RSA_SHA1: &str = "http://www.w3.org/2000/09/xmldsig#rsa-sha1";
const HMAC_SHA256: &str = "http://www.w3.org/2001/04/xmldsig-more#hmac-sha256";
const SHA256: &str = "http://www.w3.org/2001/04/xmlenc#sha256";
const DAY: SignedDuration = SignedDuration::from_hours(24);

fn openssl(arguments: &[&str], bytes: &[u8]) -> Vec<u8> {
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), bytes).expect("written");
    let output = Command::new("openssl").args(["dgst", "-sha256"]).args(arguments).arg("-binary").arg(file.path()).output();
    output.expect("openssl is installed").stdout
}

/// What a signature claims, and with what it is made.
struct Forge<'a> {
    /// Empty for the document, `#` and an Id for a part.
    uri: &'a str,
    /// What is digested, in canonical form.
    digested: &'a str,
    method: &'a str,
    /// What stands in `KeyInfo`.
    key_info: String,
    sign: &'a dyn Fn(&[u8]) -> Vec<u8>,
}

fn x509(certificate: &[u8]) -> String {
    format!("<X509Data><X509Certificate>{}</X509Certificate></X509Data>", STANDARD.encode(certificate))
}

impl Forge<'_> {
    /// A `Signature` for a document whose root declares no namespaces, so that text and canonical form agree.
    fn signature(&self) -> String {
        let (c14n, transforms) = match self.uri {
            "" => (INCLUSIVE, vec![ENVELOPED, INCLUSIVE]),
            _ => (EXCLUSIVE, vec![EXCLUSIVE]),
        };
        let transforms: String = transforms.iter().map(|it| format!("<Transform Algorithm=\"{it}\"></Transform>")).collect();
        let digest = STANDARD.encode(openssl(&[], self.digested.as_bytes()));
        let info = format!(
            "<CanonicalizationMethod Algorithm=\"{c14n}\"></CanonicalizationMethod><SignatureMethod Algorithm=\"{}\"></SignatureMethod>\
             <Reference URI=\"{}\"><Transforms>{transforms}</Transforms><DigestMethod Algorithm=\"{SHA256}\"></DigestMethod>\
             <DigestValue>{digest}</DigestValue></Reference></SignedInfo>",
            self.method, self.uri
        );
        let value = STANDARD.encode((self.sign)(format!("<SignedInfo xmlns=\"{DS}\">{info}").as_bytes()));
        format!(
            "<Signature xmlns=\"{DS}\"><SignedInfo>{info}<SignatureValue>{value}</SignatureValue><KeyInfo>{}</KeyInfo></Signature>",
            self.key_info
        )
    }
}

fn mexican(authority: &Authority, from: Timestamp, to: Timestamp) -> Minted {
    let subject = Subject { rfc: "EKU9003173C9".into(), representative_rfc: None, name: "PRUEBA".into(), curp: None, branch: None };
    authority.issue(&subject, Kind::Fiel, "30001000000500003415", from, to).expect("a certificate")
}

fn seal(minted: &Minted) -> impl Fn(&[u8]) -> Vec<u8> + use<> {
    let key = Sealer::load(minted.pkcs8_der.expose()).expect("a key");
    move |bytes| key.seal(bytes).expect("sealed")
}

async fn told(stage: &Stage, query: &str, document: &str) -> Value {
    stage.clock.advance(SignedDuration::from_secs(2)); // Far from any limit.
    let call = stage.api.post(&format!("/api/sign/verify?{query}")).bearer("ana");
    call.body("application/xml", document.to_owned()).send().await.is(200)
}

fn noon() -> Timestamp {
    crate::support::NOON.parse().expect("an instant")
}

#[tokio::test]
async fn a_report_names_what_a_signature_leaves_uncovered() {
    let stage = Stage::new().await;
    stage.api.knows("ana", person(stage.ours, &[]));
    let authority = Authority::generate("AC", noon()).expect("an authority");
    let minted = mexican(&authority, noon() - DAY, noon() + DAY * 30);
    let sign = seal(&minted);
    let of = |uri, digested| {
        let forge = Forge { uri, digested, method: RSA_SHA256, key_info: x509(&minted.cer_der), sign: &sign };
        forge.signature()
    };
    let part = of("#p", "<part Id=\"p\">bueno</part>");
    let whole = of("", "<r><a>1</a><b></b></r>");
    let outside = |elements: u64, paths: &[&str], comments: u64, instructions: u64| json!({ "elements": elements, "paths": paths, "comments": comments, "instructions": instructions });
    let rows = [
        ("the whole", format!("<r><a>1</a><b></b>{whole}</r>"), Ok(Value::Null)),
        ("a comment, which nobody signs", format!("<r><a>1<!--no--></a><b></b>{whole}</r>"), Ok(outside(0, &[], 1, 0))),
        ("a comment before the root", format!("<!--no--><r><a>1</a><b></b>{whole}</r>"), Ok(outside(0, &[], 1, 0))),
        ("an instruction inside", format!("<r><a>1<?no?></a><b></b>{whole}</r>"), Err("signature_digest")),
        ("an instruction before the root", format!("<?no x?><r><a>1</a><b></b>{whole}</r>"), Err("signature_digest")),
        ("an element beside", format!("<r><a>1</a><b></b><c></c>{whole}</r>"), Err("signature_digest")),
        (
            "a part, beside others",
            format!("<r><part Id=\"p\">bueno</part><x><y></y></x>{part}</r>"),
            Ok(outside(3, &["/r", "/r/x"], 0, 0)),
        ),
        (
            "a part, and text, a comment and an instruction beside it",
            format!("<r>falso<part Id=\"p\">bueno</part><!--no--><?no?>{part}</r>"),
            Ok(outside(1, &["/r"], 1, 1)),
        ),
        (
            "content added beside it later",
            format!("<r><part>falso</part><part Id=\"p\">bueno</part><part>falso</part>{part}</r>"),
            Ok(outside(3, &["/r", "/r/part[1]", "/r/part[3]"], 0, 0)),
        ),
        (
            "a part moved into another",
            format!("<r><part>falso</part><y><z></z><part Id=\"p\">bueno</part></y>{part}</r>"),
            Ok(outside(4, &["/r", "/r/y", "/r/part", "/r/y/z"], 0, 0)),
        ),
        (
            "the signature moved into what nobody signed",
            format!("<r><part Id=\"p\">bueno</part><x><y></y>{part}</x></r>"),
            Err("signature_missing"),
        ),
        ("the signature moved into what is signed", format!("<r><part Id=\"p\">bueno{part}</part></r>"), Err("signature_missing")),
        ("the part replaced", format!("<r><part Id=\"p\">falso</part>{part}</r>"), Err("signature_digest")),
        (
            "its Id twice",
            format!("<r><part Id=\"p\">bueno</part><part Id=\"p\">falso</part>{part}</r>"),
            Err("signature_reference"),
        ),
        ("no such Id", format!("<r><part Id=\"q\">bueno</part>{part}</r>"), Err("signature_reference")),
        ("two signatures", format!("<r><part Id=\"p\">bueno</part>{part}{part}</r>"), Err("signature_ambiguous")),
    ];
    for (name, document, expected) in rows {
        let told = told(&stage, "", &document).await;
        match expected {
            Ok(not_covered) => {
                assert_eq!((told["valid"].as_bool(), &told["not_covered"]), (Some(true), &not_covered), "{name}: {told}");
            }
            Err(code) => {
                assert_eq!((told["valid"].as_bool(), told["code"].as_str()), (Some(false), Some(code)), "{name}: {told}");
                assert_eq!((&told["signed"], &told["not_covered"]), (&Value::Null, &Value::Null), "{name}");
            }
        }
    }
    // Whoever expects the whole document is not content with a part of it.
    let document = format!("<r><part Id=\"p\">bueno</part>{part}</r>");
    let refused = told(&stage, "profile=plain", &document).await;
    assert_eq!(refused["valid"], false, "{refused}");
    covers!("signing: a report names each element, comment and instruction that a signature leaves uncovered");
}

fn dominican(authority: &Authority, from: Timestamp, to: Timestamp) -> Minted {
    let person = Person::Dominican { document: "00199999996".into(), given_name: "PEDRO".into(), surname: "PÉREZ".into() };
    authority.issue_to(&person, from, to).expect("minted")
}

/// A revocation as its authority told it.
async fn revoke(stage: &Stage, der: &[u8]) {
    let certificate = Certificate::parse(der).expect("a certificate");
    let now = stage.clock.wall();
    let row = RevocationRow {
        fingerprint: certificate.fingerprint_sha256(),
        certificate: der.to_vec(),
        state: RevocationState::Revoked,
        source: Some("ocsp".into()),
        problem: None,
        reason: Some("keyCompromise".into()),
        revoked: Some(now - DAY),
        this_update: Some(now),
        next_update: Some(now + DAY * 7),
        checked: now,
        due: now + DAY * 7,
    };
    let mut tx = stage.app.store.begin(&Scope::system(stage.ours)).await.expect("a transaction");
    tx.put_revocation(&row).await.expect("kept");
    tx.commit().await.expect("committed");
}

/// What is wrong with a signature, by the member of the report that says so.
type Wrong = (&'static str, &'static str);

#[tokio::test]
async fn right_mathematics_under_a_wrong_policy_are_told_for_their_reason() {
    let ours = Authority::generate_in(Country::DominicanRepublic, "AUTORIDAD DE PRUEBA", noon()).expect("an authority");
    let stranger = Authority::generate_in(Country::DominicanRepublic, "AUTORIDAD DE PRUEBA", noon()).expect("an authority");
    let sat = Authority::generate("AC", noon()).expect("an authority");
    let places = Places { ocsp: vec!["https://ocsp.example".into()], ..Places::default() };
    let stage = trusting(vec![(ours.certificate().clone(), places), (sat.certificate().clone(), Places::default())]).await;
    stage.api.knows("ana", person(stage.ours, &[Permission::CredentialRead]));
    let later = noon() + DAY * 30;
    let good = dominican(&ours, noon() - DAY, later);
    let other = dominican(&ours, noon() - DAY, later);
    let old = dominican(&ours, noon() - DAY * 9, noon() - DAY);
    let early = dominican(&ours, noon() + DAY * 3, later);
    let unknown = dominican(&stranger, noon() - DAY, later);
    let taken_back = dominican(&ours, noon() - DAY, later);
    revoke(&stage, &taken_back.cer_der).await;
    let fiel = mexican(&sat, noon() - DAY, later);
    let root = ours.key_pem();
    let root = STANDARD.decode(root.expose_str().expect("text").lines().filter(|it| !it.starts_with('-')).collect::<String>());
    let root = Minted { cer_der: ours.certificate().der().to_vec(), pkcs8_der: fedatario_base::Secret::new(root.expect("PEM")) };

    let public = Certificate::parse(&good.cer_der).expect("a certificate").rsa_public_key().to_vec();
    let hex: String = public.iter().map(|it| format!("{it:02x}")).collect();
    let by_hmac = move |bytes: &[u8]| openssl(&["-mac", "HMAC", "-macopt", &format!("hexkey:{hex}")], bytes);
    let body = "<ECF><Encabezado><Emisor><RNCEmisor>131880738</RNCEmisor></Emisor></Encabezado></ECF>";
    let document = |forge: Forge<'_>| body.replace("</ECF>", &format!("{}</ECF>", forge.signature()));
    let of = |by: &Minted, method, key_info: String| document(Forge { uri: "", digested: body, method, key_info, sign: &seal(by) });
    let plain = |by: &Minted| of(by, RSA_SHA256, x509(&by.cer_der));
    let key_value = "<KeyValue><RSAKeyValue><Modulus>AQAB</Modulus><Exponent>AQAB</Exponent></RSAKeyValue></KeyValue>";
    let hmac = Forge { uri: "", digested: body, method: HMAC_SHA256, key_info: x509(&good.cer_der), sign: &by_hmac };
    let claimed = Forge { uri: "", digested: body, method: RSA_SHA256, key_info: x509(&good.cer_der), sign: &by_hmac };
    let rows: Vec<(&str, String, Vec<Wrong>)> = vec![
        ("nothing is wrong", plain(&good), vec![]),
        ("a keyed hash with the public key", document(hmac), vec![("code", "signature_algorithm")]),
        ("a keyed hash that calls itself RSA", document(claimed), vec![("code", "signature_invalid")]),
        ("SHA-1", of(&good, RSA_SHA1, x509(&good.cer_der)), vec![("code", "signature_algorithm")]),
        ("another's certificate in KeyInfo", of(&good, RSA_SHA256, x509(&other.cer_der)), vec![("code", "signature_invalid")]),
        (
            "a stranger's key under our certificate",
            of(&unknown, RSA_SHA256, x509(&good.cer_der)),
            vec![("code", "signature_invalid")],
        ),
        ("a bare key in KeyInfo", of(&good, RSA_SHA256, key_value.into()), vec![("code", "signature_untrusted")]),
        ("a name in KeyInfo", of(&good, RSA_SHA256, "<KeyName>quien sea</KeyName>".into()), vec![("code", "signature_untrusted")]),
        ("no certificate that anybody reads", of(&good, RSA_SHA256, x509(b"no")), vec![("code", "certificate_format")]),
        ("nobody's authority, of the same name", plain(&unknown), vec![("chain", "certificate_chain")]),
        ("expired", plain(&old), vec![("dates", "certificate_expired")]),
        ("not yet valid", plain(&early), vec![("dates", "certificate_not_yet_valid")]),
        ("revoked", plain(&taken_back), vec![("revocation", "bad")]),
        ("an e.firma where an e-CF certificate is needed", plain(&fiel), vec![("purpose", "certificate_purpose")]),
        ("an authority that signs documents", plain(&root), vec![("purpose", "certificate_purpose")]),
    ];
    for (name, document, wrong) in rows {
        let told = told(&stage, "", &document).await;
        let is_valid = !wrong.iter().any(|it| it.0 == "code");
        assert_eq!(told["valid"], is_valid, "{name}: {told}");
        for member in ["chain", "dates", "purpose"].into_iter().filter(|_| is_valid) {
            let code = wrong.iter().find(|it| it.0 == member).map(|it| it.1);
            assert_eq!(told[member]["code"].as_str(), code, "{name}, {member}: {told}");
            assert_eq!(told[member]["state"], if code.is_some() { "bad" } else { "good" }, "{name}, {member}: {told}");
        }
        if let Some((_, code)) = wrong.iter().find(|it| it.0 == "code") {
            assert_eq!(told["code"], *code, "{name}: {told}");
        }
        if is_valid {
            let revocation = wrong.iter().find(|it| it.0 == "revocation").map_or("unknown", |it| it.1);
            assert_eq!(told["revocation"], revocation, "{name}: {told}");
        }
    }
    covers!("signing: right mathematics under a wrong key, certificate or policy are told for their exact reason");
}
