//! What does not open, and what opens and is refused: each for exactly its reason, and never with its password.

mod common;

use common::{NOW, at, authority_in, dominican, issue_to, openssl, secret};
use fedatario_base::{Code, Secret};
use fedatario_credentials::chain;
use fedatario_credentials::mint::{Authority, Country, Minted, archive_of};
use fedatario_credentials::{Certificate, CredentialError, Pair, Purpose, fuzz};
use fedatario_testkit::{covers, fixtures, fixtures_or_skip, storm};
use std::path::Path;

const PASSWORD: &str = "Clave-Secreta-7";

/// Few rounds: these tests open hundreds of archives.
const ROUNDS: u32 = 8;

struct Made {
    authority: Authority,
    minted: Minted,
    folder: tempfile::TempDir,
}

impl Made {
    fn new() -> Self {
        let authority = authority_in(Country::DominicanRepublic);
        let minted = issue_to(&authority, &dominican());
        let folder = tempfile::tempdir().expect("a folder");
        let made = Self { authority, minted, folder };
        made.write("cer.der", &made.minted.cer_der);
        made.write("key.der", made.minted.pkcs8_der.expose());
        made.write("ca.pem", made.authority.certificate_pem().as_bytes());
        made.write("ca.key", made.authority.key_pem().expose());
        made.openssl(&["x509", "-inform", "der", "-in", "cer.der", "-out", "cer.pem"]);
        made.openssl(&["pkey", "-inform", "der", "-in", "key.der", "-out", "key.pem"]);
        made
    }

    fn at(&self) -> &Path {
        self.folder.path()
    }

    fn write(&self, name: &str, bytes: &[u8]) {
        std::fs::write(self.at().join(name), bytes).expect("writable");
    }

    fn read(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.at().join(name)).expect("it was written")
    }

    fn openssl(&self, arguments: &[&str]) -> String {
        openssl(self.at(), arguments)
    }

    fn exported(&self, arguments: &[&str]) -> Vec<u8> {
        let out = ["-passout", "pass:Clave-Secreta-7", "-out", "it.p12"];
        self.openssl(&[&["pkcs12", "-export"], arguments, &out[..]].concat());
        self.read("it.p12")
    }

    fn archive(&self) -> Vec<u8> {
        archive_of(&[&self.minted], &[self.authority.certificate()], "x", &secret(PASSWORD), ROUNDS).expect("an archive")
    }
}

/// The iterations that stand in the open, all of them, replaced.
fn with_iterations(archive: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let mut bytes = archive.to_vec();
    let places: Vec<usize> = bytes.windows(from.len()).enumerate().filter(|it| it.1 == from).map(|it| it.0).collect();
    assert!(!places.is_empty(), "the count stands somewhere");
    places.iter().for_each(|it| bytes[*it..*it + to.len()].copy_from_slice(to));
    bytes
}

fn refusal(bytes: &[u8], password: &str) -> CredentialError {
    let Err(error) = Pair::from_pkcs12(bytes, &secret(password)) else { panic!("it is refused") };
    for told in [error.to_string(), format!("{error:?}")] {
        assert!(password.is_empty() || !told.contains(password), "the password in: {told}");
    }
    error
}

#[test]
fn an_archive_that_is_none_is_refused_for_its_reason() {
    let made = Made::new();
    let ec = ["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", "ec.key"];
    made.openssl(&ec);
    made.openssl(&[
        "req",
        "-new",
        "-x509",
        "-key",
        "ec.key",
        "-subj",
        "/C=DO/serialNumber=IDCDO-00199999996/CN=EC",
        "-out",
        "ec.pem",
    ]);
    let other = issue_to(&made.authority, &dominican());
    let crowd: Vec<&Certificate> = (0..8).map(|_| made.authority.certificate()).collect();
    let many = archive_of(&[&made.minted], &crowd, "x", &secret(PASSWORD), ROUNDS).expect("nine bags");
    let twice = archive_of(&[&made.minted, &other], &[], "x", &secret(PASSWORD), ROUNDS).expect("two keys");
    let keyless = archive_of(&[], &[made.authority.certificate()], "x", &secret(PASSWORD), ROUNDS).expect("no key");
    let costly = archive_of(&[&made.minted], &[], "x", &secret(PASSWORD), 0x01_0001).expect("an archive");
    let costly = with_iterations(&costly, &[2, 3, 1, 0, 1], &[2, 3, 0x7f, 0xff, 0xff]);
    let mut noise = vec![0x30, 0x83, 0x0f, 0xff, 0xfc];
    noise.extend((0..1_048_572u32).map(|it| (it.wrapping_mul(2_654_435_761) >> 24) as u8));
    let mut truncated = made.archive();
    truncated.truncate(truncated.len() * 9 / 10);
    let rows: Vec<(&str, Vec<u8>, Code, &str)> = vec![
        ("a megabyte of garbage", noise.clone(), Code::Pkcs12Bounds, "larger than 256 KiB"),
        ("as much as is looked at", noise[..200_000].to_vec(), Code::Pkcs12Format, "its ASN.1 is broken"),
        ("nothing", Vec::new(), Code::Pkcs12Format, "its ASN.1 is broken"),
        ("a page of a portal", b"<html>sesion vencida</html>".to_vec(), Code::Pkcs12Format, "its ASN.1 is broken"),
        ("a certificate", made.minted.cer_der.clone(), Code::Pkcs12Format, "its ASN.1 is broken"),
        ("cut short", truncated, Code::Pkcs12Format, "its ASN.1 is broken"),
        ("eight million iterations", costly, Code::Pkcs12Bounds, "too many iterations"),
        ("nine bags", many, Code::Pkcs12Bounds, "more than 8 bags"),
        ("two keys", twice, Code::Pkcs12Format, "it holds more than one private key with a certificate"),
        ("no key", keyless, Code::Pkcs12Format, "it holds no private key"),
        ("openssl's without a key", made.exported(&["-nokeys", "-in", "cer.pem"]), Code::Pkcs12Format, "it holds no private key"),
        (
            "a key without its certificate",
            made.exported(&["-nocerts", "-inkey", "key.pem"]),
            Code::Pkcs12Format,
            "it holds no certificate",
        ),
        (
            "a key on a curve",
            made.exported(&["-inkey", "ec.key", "-in", "ec.pem"]),
            Code::KeyFormat,
            "not an RSA key of 2,048 to 8,192 bits",
        ),
    ];
    for (name, bytes, code, reason) in &rows {
        let error = refusal(bytes, PASSWORD);
        assert_eq!(error.code(), *code, "{name}: {error}");
        assert!(error.to_string().contains(reason), "{name}: {error}");
    }
    assert_eq!(refusal(&made.archive(), "Clave-Secreta-8").code(), Code::KeyPassword);
    let curve = Certificate::parse(&made.read("ec.pem")).unwrap_err();
    assert_eq!((curve.code(), curve.to_string().contains("its key is not RSA")), (Code::CertificateFormat, true));

    // What opens, and is not what a taxpayer signs with.
    let pair = Pair::from_pkcs12(&made.exported(&["-inkey", "ca.key", "-in", "ca.pem"]), &secret(PASSWORD)).expect("it opens");
    assert_eq!(pair.certificate().purpose(), Purpose::Authority);
    for (from, to, code) in [
        ("2020-01-01T00:00:00Z", "2021-01-01T00:00:00Z", Code::CertificateExpired),
        ("2027-01-01T00:00:00Z", "2028-01-01T00:00:00Z", Code::CertificateNotYetValid),
    ] {
        let minted = made.authority.issue_to(&dominican(), at(from), at(to)).expect("a certificate");
        let archive = archive_of(&[&minted], &[], "x", &secret(PASSWORD), ROUNDS).expect("an archive");
        let pair = Pair::from_pkcs12(&archive, &secret(PASSWORD)).expect("it opens");
        assert_eq!(pair.certificate().check_valid_at(at(NOW)).unwrap_err().code(), code);
    }
    covers!("credentials: thirteen archives that are none, and authorities', expired and early ones, for exactly their reason");
}

#[test]
fn passwords_of_every_kind_open_what_they_closed() {
    let made = Made::new();
    let long = "ñ€漢".repeat(146); // 1,022 characters of two and three bytes each.
    let kilobyte = "x".repeat(1_024);
    let passwords = [
        "contraseña",
        "contrasen\u{303}a",
        "clave 🔐 segura",
        "👨\u{200d}👩\u{200d}👧",
        "пароль",
        "密码",
        "كلمة",
        "\u{202e}abc",
        " con espacios ",
        "a\tb",
        "\u{ffff}",
        "\u{10ffff}",
        "é\u{301}\u{323}",
        "ﬁ ligadura",
        "Å",
        "\u{212b}",
        "\u{1f1e9}\u{1f1f4}",
        "'\";--",
        "%00%0a",
        "",
        &long,
        &kilobyte,
    ];
    for password in passwords {
        let archive = archive_of(&[&made.minted], &[], "x", &secret(password), ROUNDS).expect("an archive");
        assert!(Pair::from_pkcs12(&archive, &secret(password)).is_ok(), "{password:?}");
        let wrong = format!("{password}x");
        assert_eq!(refusal(&archive, &wrong), CredentialError::Password, "{password:?}");
        if password.is_empty() || password.len() > 1_000 {
            continue; // openssl's command reads no more from a file, and nothing as nothing.
        }
        made.write("password", password.as_bytes());
        made.write("ours.p12", &archive);
        made.openssl(&["pkcs12", "-in", "ours.p12", "-passin", "file:password", "-nodes", "-noout"]);
        let out = ["-passout", "file:password", "-out", "theirs.p12"];
        made.openssl(&[&["pkcs12", "-export", "-inkey", "key.pem", "-in", "cer.pem"], &out[..]].concat());
        assert!(Pair::from_pkcs12(&made.read("theirs.p12"), &secret(password)).is_ok(), "openssl's, {password:?}");
        let legacy = ["-keypbe", "PBE-SHA1-3DES", "-certpbe", "PBE-SHA1-3DES", "-macalg", "sha1"];
        made.openssl(&[&["pkcs12", "-export", "-inkey", "key.pem", "-in", "cer.pem"], &out[..], &legacy[..]].concat());
        assert!(Pair::from_pkcs12(&made.read("theirs.p12"), &secret(password)).is_ok(), "openssl's 3DES, {password:?}");
    }
    // Typed on a machine that decomposes letters, made on one that composes them.
    let archive = archive_of(&[&made.minted], &[], "x", &secret("contraseña"), ROUNDS).expect("an archive");
    assert!(Pair::from_pkcs12(&archive, &secret("contrasen\u{303}a")).is_ok());
    // Not text at all: Latin-1, as old machines have it.
    let latin = Secret::new([b'a', 0xf1, b'o']);
    let archive = archive_of(&[&made.minted], &[], "x", &latin, ROUNDS).expect("an archive");
    assert!(Pair::from_pkcs12(&archive, &latin).is_ok());
    covers!("credentials: 22 passwords beyond ASCII, the BMP and good sense open here and in openssl, and no other does");
}

#[test]
fn texts_of_the_last_century_are_read() {
    let made = Made::new();
    let shown = made.openssl(&["asn1parse", "-inform", "der", "-in", "cer.der"]);
    assert!(shown.contains("T61STRING"), "accents are written as T61String, as issuers do: {shown}");
    let it = Certificate::parse(&made.minted.cer_der).expect("a certificate");
    assert!(it.subject().contains("PÉREZ MARTÍNEZ"), "{}", it.subject());
    covers!("credentials: T61 strings of a Dominican subject are read as Latin-1");
}

#[test]
fn what_is_published_opens_and_is_refused_for_its_reason() {
    let root = fixtures_or_skip!();
    let authority = authority_in(Country::DominicanRepublic);
    let trusted = [authority.certificate().clone()];
    let rows = [
        ("legacy-rc2-3des.p12", "pass123", Code::CertificateExpired),
        ("selfsigned-3des.p12", "test123", Code::CertificateChain),
        ("selfsigned-pbes2-aes128.p12", "synthetic-test-password", Code::CertificateChain),
    ];
    for (file, password, code) in rows {
        let bytes = fixtures::read(&root, &format!("do/certificates/{file}"));
        let pair = Pair::from_pkcs12(&bytes, &secret(password)).expect(file);
        let error = chain::path(pair.certificate(), &trusted, &[], at(NOW)).expect_err(file);
        assert_eq!(error.code(), code, "{file}: {error}");
        assert_eq!(refusal(&bytes, "another password"), CredentialError::Password, "{file}");
    }
    covers!("credentials: the published Dominican archives open, and are expired or nobody's authority's");
}

#[test]
fn two_thousand_mutants_break_no_promise() {
    let made = Made::new();
    let password = secret("12345678a");
    let ours = archive_of(&[&made.minted], &[made.authority.certificate()], "x", &password, 1).expect("an archive");
    let key = made.minted.key_file(&password).expect("a key file");
    let exact = |bytes: &[u8]| {
        fuzz::pkcs12(bytes);
        if let Err(error) = Pair::from_pkcs12(bytes, &secret("12345678a")) {
            assert!(!format!("{error} {error:?}").contains("12345678a"), "{error}");
        }
    };
    let mut tried = storm::over("minted.p12", &[ours], 1_500, exact);
    let published = fixtures::maybe().map(|it| storm::files(&it.join("do/certificates"), ".p12")).unwrap_or_default();
    tried += storm::over("published.p12", &published, 100, exact);
    tried += storm::over("minted.key", &[key], 200, fuzz::key);
    tried += storm::over("minted.cer", std::slice::from_ref(&made.minted.cer_der), 500, fuzz::certificate);
    assert!(tried >= 2_000, "{tried}");
    covers!("credentials: two thousand mutants of minted and published files, no panic, a reason each, the password in none");
}
