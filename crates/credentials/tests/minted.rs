//! Certificates of the Dominican Republic and of Panama as our test authority makes them, judged by openssl.

mod common;

use common::{authority_in, dominican, issue_to, openssl, panamanian, secret};
use fedatario_credentials::mint::{Country, Minted, Person};
use fedatario_credentials::{Certificate, Pair, Purpose, TaxIdKind};
use fedatario_testkit::covers;
use std::path::Path;

const PASSWORD: &str = "contraseña 1";

/// What was minted, and its authority, as openssl likes them.
fn folder(minted: &Minted, ca_pem: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("cer.der"), &minted.cer_der).expect("writable");
    std::fs::write(folder.path().join("ca.pem"), ca_pem).expect("writable");
    std::fs::write(folder.path().join("password"), PASSWORD).expect("writable");
    openssl(folder.path(), &["x509", "-inform", "der", "-in", "cer.der", "-out", "cer.pem"]);
    folder
}

fn shown(folder: &Path) -> String {
    openssl(folder, &["x509", "-in", "cer.pem", "-noout", "-text", "-nameopt", "RFC2253,utf8,-esc_msb"])
}

#[test]
fn a_dominican_certificate_is_as_the_published_ones() {
    let authority = authority_in(Country::DominicanRepublic);
    let minted = issue_to(&authority, &dominican());
    let it = Certificate::parse(&minted.cer_der).expect("a certificate");
    let tax_id = it.tax_id().expect("a cédula");
    assert_eq!((it.purpose(), tax_id.kind, tax_id.number.as_str()), (Purpose::Ecf, TaxIdKind::Cedula, "00199999996"));
    assert_eq!(it.name(), "PEDRO PÉREZ MARTÍNEZ");
    assert!(it.is_issued_by(authority.certificate()));
    let folder = folder(&minted, &authority.certificate_pem());
    openssl(folder.path(), &["verify", "-no_check_time", "-partial_chain", "-CAfile", "ca.pem", "cer.pem"]);
    let text = shown(folder.path());
    for part in [
        "serialNumber=IDCDO-00199999996",
        "dnQualifier=QUALIFIED CERTIFICATE FOR NATURAL PERSON - TAX PROCEDURES",
        "Digital Signature, Non Repudiation, Key Encipherment",
        "TLS Web Client Authentication, E-mail Protection",
        "Policy: 1.3.6.1.4.1.27395.6.2.21.0",
        "email:nadie@example.test",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    for (document, expected) in [("131880738", (TaxIdKind::Rnc, "131880738")), ("X1234567", (TaxIdKind::Other, "X1234567"))] {
        let person = Person::Dominican { document: document.into(), given_name: "ANA".into(), surname: "X".into() };
        let it = Certificate::parse(&issue_to(&authority, &person).cer_der).expect("a certificate");
        assert_eq!(it.tax_id().map(|it| (it.kind, it.number.as_str())), Some(expected));
    }
    covers!("credentials: minted Dominican certificates are shaped as the published ones, and openssl accepts them");
}

#[test]
fn a_panamanian_certificate_is_as_the_published_one() {
    let authority = authority_in(Country::Panama);
    let minted = issue_to(&authority, &panamanian());
    let it = Certificate::parse(&minted.cer_der).expect("a certificate");
    let tax_id = it.tax_id().expect("a RUC");
    assert_eq!((it.purpose(), tax_id.kind), (Purpose::Pa, TaxIdKind::Ruc));
    assert_eq!((tax_id.number.as_str(), tax_id.check_digits.as_deref()), ("155596713-2-2015", Some("59")));
    let folder = folder(&minted, &authority.certificate_pem());
    openssl(folder.path(), &["verify", "-no_check_time", "-partial_chain", "-CAfile", "ca.pem", "cer.pem"]);
    let text = shown(folder.path());
    for part in [
        "CN=[F] COMERCIAL ÑANDÚ\\, S.A. - 155596713-2-2015 - 59 - PITTÍ JUAN",
        "OU=FACTURA ELECTRONICA,O=FIRMA ELECTRONICA,C=PA",
        "Policy: 2.16.591.1.2.2.6.2",
        "DirName",
        "2.16.591.1.1.2.2",
        "2.16.591.1.1.6.1",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert!(text.contains("Non Repudiation") && !text.contains("Digital Signature"), "nonRepudiation alone: {text}");
    covers!("credentials: minted Panamanian certificates are shaped as the published one, and openssl accepts them");
}

#[test]
fn archives_are_read_by_openssl_and_its_own_by_us() {
    for (country, person) in [(Country::DominicanRepublic, dominican()), (Country::Panama, panamanian())] {
        let authority = authority_in(country);
        let minted = issue_to(&authority, &person);
        let folder = folder(&minted, &authority.certificate_pem());
        let ours = minted.archive(&[authority.certificate()], "PÉREZ Ñ", &secret(PASSWORD)).expect("an archive");
        std::fs::write(folder.path().join("ours.p12"), &ours).expect("writable");
        let read = openssl(folder.path(), &["pkcs12", "-in", "ours.p12", "-passin", "file:password", "-nodes", "-info"]);
        assert_eq!(read.matches("BEGIN CERTIFICATE").count(), 2, "{read}");
        assert_eq!(read.matches("BEGIN PRIVATE KEY").count(), 1, "{read}");
        std::fs::write(folder.path().join("key.der"), minted.pkcs8_der.expose()).expect("writable");
        openssl(folder.path(), &["pkey", "-inform", "der", "-in", "key.der", "-out", "key.pem"]);
        let legacy: &[&str] = &["-keypbe", "PBE-SHA1-3DES", "-certpbe", "PBE-SHA1-3DES", "-macalg", "sha1"];
        for (file, more) in [("modern.p12", &[][..]), ("legacy.p12", legacy)] {
            let basic = ["pkcs12", "-export", "-inkey", "key.pem", "-in", "cer.pem", "-certfile", "ca.pem"];
            let out = ["-passout", "file:password", "-out", file];
            openssl(folder.path(), &[&basic[..], &out[..], more].concat());
            let bytes = std::fs::read(folder.path().join(file)).expect("openssl wrote it");
            let pair = Pair::from_pkcs12(&bytes, &secret(PASSWORD)).expect(file);
            assert_eq!(pair.certificate().der(), minted.cer_der, "{file}");
        }
        let pair = Pair::from_pkcs12(&ours, &secret(PASSWORD)).expect("our own");
        assert_eq!(pair.certificate().der(), minted.cer_der);
    }
    covers!("credentials: minted archives open in openssl, and openssl's modern and 3DES archives of them open here");
}
