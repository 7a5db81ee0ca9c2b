//! Every certificate and key of the published fixtures, against what is known of them.

mod common;

use common::{at, secret};
use fedatario_base::Secret;
use fedatario_credentials::{Certificate, CredentialError, IssuerStyle, Kind, Pair, PrivateKey};
use fedatario_testkit::{covers, fixtures, fixtures_or_skip};
use serde_json::Value;
use std::path::Path;

const MATRIX: &str = "key format x outcome";
const MATRIX_NA: &str = "key format x outcome n/a";

fn facts(root: &Path) -> Vec<Value> {
    serde_json::from_slice(&fixtures::read(root, "mx/fiel/certificates.json")).expect("a list of facts")
}

fn text<'a>(fact: &'a Value, field: &str) -> Option<&'a str> {
    fact[field].as_str()
}

fn certificate(root: &Path, file: &str) -> Certificate {
    Certificate::parse(&fixtures::read(root, &format!("mx/fiel/{file}"))).unwrap_or_else(|error| panic!("{file}: {error}"))
}

#[test]
fn every_certificate_says_what_is_known_of_it() {
    let root = fixtures_or_skip!();
    let facts = facts(&root);
    assert_eq!(facts.len(), 33);
    for fact in &facts {
        let file = text(fact, "file").unwrap();
        let certificate = certificate(&root, file);
        let kind = match text(fact, "kind").unwrap() {
            "efirma" => Kind::Fiel,
            "csd" => Kind::Csd,
            "authority" => Kind::Authority,
            other => panic!("{other}"),
        };
        assert_eq!(certificate.kind(), kind, "{file}");
        assert_eq!(certificate.rfc(), text(fact, "rfc").unwrap_or_default(), "{file}");
        assert_eq!(certificate.representative_rfc(), text(fact, "rfc_representative"), "{file}");
        let curp = text(fact, "subject_serial_number").map(|it| it.trim_start_matches(" / "));
        assert_eq!(certificate.curp(), curp, "{file}");
        assert_eq!(certificate.name(), text(fact, "legal_name").unwrap(), "{file}");
        assert_eq!(certificate.branch(), text(fact, "branch_ou"), "{file}");
        assert_eq!(certificate.number(), text(fact, "certificate_number").unwrap(), "{file}");
        assert_eq!(certificate.serial_decimal(), text(fact, "serial_decimal").unwrap(), "{file}");
        assert_eq!(certificate.not_before(), at(text(fact, "not_before").unwrap()), "{file}");
        assert_eq!(certificate.not_after(), at(text(fact, "not_after").unwrap()), "{file}");
        let sha256: String = certificate.fingerprint_sha256().iter().map(|it| format!("{it:02x}")).collect();
        assert_eq!(sha256, text(fact, "sha256").unwrap(), "{file}");
        let in_order = text(fact, "issuer_certificate_order").unwrap().replace("\\,", "\\2c");
        assert_eq!(certificate.issuer(IssuerStyle::Phpcfdi), in_order, "{file}");
        assert_eq!(certificate.issuer(IssuerStyle::Rfc4514), text(fact, "issuer_rfc4514_order").unwrap(), "{file}");
    }
    covers!("credentials: RFC, CURP, name, 20-digit number, validity, kind and issuer of every published certificate");
}

#[test]
fn every_key_belongs_to_its_certificate_and_to_no_other() {
    let root = fixtures_or_skip!();
    let password = Secret::new(fixtures::read(&root, "mx/fiel/password.txt").trim_ascii());
    let stranger = certificate(&root, "synthetic/SIM_CA.cer");
    let mut pairs = 0;
    for fact in facts(&root).iter().filter(|it| it["key_matches"] == true) {
        let file = text(fact, "file").unwrap();
        let key = fixtures::read(&root, &format!("mx/fiel/{}", file.replace(".cer", ".key")));
        let pair =
            Pair::from_files(certificate(&root, file).der(), &key, &password).unwrap_or_else(|error| panic!("{file}: {error}"));
        let (_, key) = pair.into_parts();
        assert_eq!(Pair::new(stranger.clone(), key).err(), Some(CredentialError::KeyMismatch), "{file}");
        pairs += 1;
    }
    assert_eq!(pairs, 23);
    covers!("credentials: a key belongs to its certificate and to no other");
}

#[test]
fn issuers_verify_what_they_issued_and_nothing_else() {
    let root = fixtures_or_skip!();
    let cases = [
        ("sat-test-2017-2021/AAA010101AAA_fiel.cer", "ca/ac2_4096_DER.cer", true),
        ("sat-test-2019-2023/IANL750210963_csd.cer", "ca/AC_4096_2018.cer", true),
        ("sat-test-2023-2027/EKU9003173C9_fiel.cer", "ca/AC_UAT_2022.cer", true),
        ("synthetic/SIM_EKU9003173C9_fiel.cer", "synthetic/SIM_CA.cer", true),
        ("ca/AC_UAT_2022.cer", "ca/ARC_UAT_2022.cer", true),
        ("ca/ARC_UAT_2022.cer", "ca/ARC_UAT_2022.cer", true),
        // The same name, an older key.
        ("sat-test-2023-2027/EKU9003173C9_fiel.cer", "ca/AC_4096_2018.cer", false),
        ("sat-test-2023-2027/EKU9003173C9_fiel.cer", "synthetic/SIM_CA.cer", false),
        ("synthetic/SIM_EKU9003173C9_fiel.cer", "sat-test-2023-2027/EKU9003173C9_fiel.cer", false),
    ];
    for (leaf, authority, expected) in cases {
        assert_eq!(certificate(&root, leaf).is_issued_by(&certificate(&root, authority)), expected, "{leaf} by {authority}");
    }
    covers!("credentials: a certificate is issued by whoever's key verifies it");
}

#[test]
fn der_pem_and_base64_are_one_certificate() {
    let root = fixtures_or_skip!();
    let der = certificate(&root, "sat-test-2023-2027/EKU9003173C9_fiel.cer");
    for form in ["key-formats/EKU9003173C9_fiel.cer.pem", "key-formats/EKU9003173C9_fiel.cer.base64"] {
        assert_eq!(certificate(&root, form), der, "{form}");
    }
    covers!("credentials: .cer in DER, PEM and base64");
}

#[test]
fn each_refusal_is_its_own_error() {
    let root = fixtures_or_skip!();
    let now = at("2026-09-01T12:00:00Z");
    let expired = certificate(&root, "synthetic/SIM_NYE890407AB1_fiel_expired.cer");
    assert_eq!(expired.check_valid_at(now), Err(CredentialError::Expired(expired.not_after())));
    let future = certificate(&root, "synthetic/SIM_HAE951128469_fiel_future.cer");
    assert_eq!(future.check_valid_at(now), Err(CredentialError::NotYetValid(future.not_before())));
    let fiel = certificate(&root, "synthetic/SIM_EKU9003173C9_fiel.cer");
    assert_eq!((fiel.check_valid_at(now), fiel.require_fiel()), (Ok(()), Ok(())));
    let csd = certificate(&root, "synthetic/SIM_EKU9003173C9_csd.cer");
    assert_eq!(csd.require_fiel(), Err(CredentialError::FielRequired(Kind::Csd)));
    let authority = certificate(&root, "synthetic/SIM_CA.cer");
    assert_eq!(authority.require_fiel(), Err(CredentialError::FielRequired(Kind::Authority)));
    assert_eq!(certificate(&root, "ca/ARC_UAT.cer").require_rfc(), Err(CredentialError::SubjectWithoutRfc));
    covers!("credentials: expired, not yet valid, CSD instead of FIEL, no RFC: each its own error");
}

/// A key file, its password, and the certificate it belongs to.
struct Row {
    file: &'static str,
    password: &'static str,
    certificate: Option<&'static str>,
    encrypted: bool,
}

const EKU: Option<&str> = Some("sat-test-2023-2027/EKU9003173C9_fiel.cer");

const fn row(file: &'static str, certificate: Option<&'static str>, encrypted: bool) -> Row {
    Row { file, password: "12345678a", certificate, encrypted }
}

const ROWS: &[Row] = &[
    row("mx/fiel/sat-test-2023-2027/EKU9003173C9_fiel.key", EKU, true),
    row("mx/fiel/key-formats/EKU9003173C9_fiel.pkcs8-pbes2-aes256-sha256.key", EKU, true),
    row("mx/fiel/key-formats/EKU9003173C9_fiel.pkcs8-pbes1-sha1-3des.key", EKU, true),
    row("mx/fiel/key-formats/EKU9003173C9_fiel.pkcs8-pbes2-3des.key.pem", EKU, true),
    row("mx/fiel/key-formats/EKU9003173C9_fiel.pkcs1-dekinfo.key.pem", EKU, true),
    row("mx/fiel/key-formats/EKU9003173C9_fiel.pkcs8-plain.key", EKU, false),
    row("mx/fiel/key-formats/WERX631016S30_fiel.pkcs1-plain.key", Some("sat-test-2023-2027/WERX631016S30_fiel.cer"), false),
    row("mx/fiel/key-formats/EKU9003173C9_fiel.pfx", EKU, true),
    Row { file: "do/certificates/legacy-rc2-3des.p12", password: "pass123", certificate: None, encrypted: true },
    Row { file: "do/certificates/selfsigned-3des.p12", password: "test123", certificate: None, encrypted: true },
    Row {
        file: "do/certificates/selfsigned-pbes2-aes128.p12",
        password: "synthetic-test-password",
        certificate: None,
        encrypted: true,
    },
];

impl Row {
    fn name(&self) -> &str {
        self.file.rsplit('/').next().unwrap()
    }

    fn is_pkcs12(&self) -> bool {
        self.file.ends_with(".pfx") || self.file.ends_with(".p12")
    }

    fn open(&self, bytes: &[u8], password: &str) -> Result<(Option<Certificate>, PrivateKey), CredentialError> {
        if self.is_pkcs12() {
            let (certificate, key) = Pair::from_pkcs12(bytes, &secret(password))?.into_parts();
            return Ok((Some(certificate), key));
        }
        PrivateKey::open(bytes, &secret(password)).map(|key| (None, key))
    }
}

#[test]
fn every_format_of_key_opens() {
    let root = fixtures_or_skip!();
    for row in ROWS {
        let bytes = fixtures::read(&root, row.file);
        let (inside, key) = row.open(&bytes, row.password).unwrap_or_else(|error| panic!("{}: {error}", row.file));
        let expected = row.certificate.map(|it| certificate(&root, it)).or(inside.clone()).unwrap();
        assert!(key.belongs_to(&expected), "{}", row.file);
        assert!(inside.is_none_or(|it| it == expected), "{}", row.file);
    }
    ROWS.iter().for_each(|row| covers!(MATRIX, row.name(), "opens"));
}

#[test]
fn a_wrong_password_is_told_as_that() {
    let root = fixtures_or_skip!();
    for row in ROWS.iter().filter(|it| it.encrypted) {
        let bytes = fixtures::read(&root, row.file);
        for wrong in ["", "12345678b", "contraseña"] {
            assert_eq!(row.open(&bytes, wrong).err(), Some(CredentialError::Password), "{}", row.file);
        }
    }
    ROWS.iter().filter(|it| it.encrypted).for_each(|row| covers!(MATRIX, row.name(), "wrong password"));
    let plain = ROWS.iter().filter(|it| !it.encrypted);
    plain.for_each(|row| covers!(MATRIX_NA, format!("{}: a plain key has no password", row.name()), "wrong password"));
}

#[test]
fn a_damaged_file_is_an_error_and_never_a_key() {
    let root = fixtures_or_skip!();
    for row in ROWS {
        let bytes = fixtures::read(&root, row.file);
        let format = |error: &CredentialError| matches!(error, CredentialError::KeyFormat(_) | CredentialError::Pkcs12Format(_));
        for len in [0, 1, 4, 40, bytes.len() / 2, bytes.len() * 9 / 10] {
            let error = row.open(&bytes[..len], row.password).err().unwrap_or_else(|| panic!("{} cut at {len}", row.file));
            assert!(format(&error), "{} cut at {len}: {error}", row.file);
        }
        // Inside ciphertext, damage and a wrong password are one error; in the clear it is the format.
        let mut flipped = bytes.clone();
        let place = flipped.len() * 2 / 3;
        flipped[place] = if flipped[place] == b'A' { b'B' } else { b'A' };
        let error = row.open(&flipped, row.password).err().unwrap_or_else(|| panic!("{} damaged", row.file));
        assert!(if row.encrypted { error == CredentialError::Password } else { format(&error) }, "{}: {error}", row.file);
    }
    ROWS.iter().for_each(|row| covers!(MATRIX, row.name(), "garbage or truncated"));
}

#[test]
fn a_key_with_another_certificate_is_a_mismatch() {
    let root = fixtures_or_skip!();
    let stranger = certificate(&root, "sat-test-2023-2027/EKU9003173C9_csd.cer");
    for row in ROWS {
        let bytes = fixtures::read(&root, row.file);
        let (_, key) = row.open(&bytes, row.password).expect("it opens");
        assert_eq!(Pair::new(stranger.clone(), key).err(), Some(CredentialError::KeyMismatch), "{}", row.file);
    }
    ROWS.iter().for_each(|row| covers!(MATRIX, row.name(), "mismatched certificate"));
}
