//! Seals of documents, with openssl as the judge of both directions.

mod common;

use common::{authority, company, issue, openssl, person};
use fedatario_credentials::mint::Sealer;
use fedatario_credentials::sello::verify_sello_by_key;
use fedatario_credentials::{Certificate, Kind, SealDigest, SealKey, verify_sello};
use fedatario_testkit::covers;

const CADENA: &str = "||4.0|A|1001|2026-09-01T09:15:02|03|IAÑL750210963|LUIS IAN ÑUZCO|1160.00||";

fn write(folder: &std::path::Path, files: &[(&str, &[u8])]) {
    files.iter().for_each(|(name, bytes)| std::fs::write(folder.join(name), bytes).unwrap());
}

#[test]
fn openssl_verifies_what_is_sealed_here() {
    let authority = authority();
    let minted = issue(&authority, &person(), Kind::Csd);
    let sealer = Sealer::load(minted.pkcs8_der.expose()).unwrap();
    let sello = sealer.seal(CADENA.as_bytes()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), &[("cer.der", &minted.cer_der), ("cadena", CADENA.as_bytes()), ("sello", &sello)]);
    openssl(folder.path(), &["x509", "-inform", "der", "-in", "cer.der", "-pubkey", "-noout", "-out", "pub.pem"]);
    let said = openssl(folder.path(), &["dgst", "-sha256", "-verify", "pub.pem", "-signature", "sello", "cadena"]);
    assert_eq!(said.trim(), "Verified OK");
    assert!(verify_sello(&Certificate::parse(&minted.cer_der).unwrap(), SealDigest::Sha256, CADENA.as_bytes(), &sello));
    covers!("seal: openssl verifies the seals that the test authority's keys make");
}

/// Bits of the key, digest, and what openssl calls it.
const MADE_BY_OPENSSL: [(&str, SealDigest, &str); 5] = [
    ("1024", SealDigest::Sha1, "-sha1"),
    ("2048", SealDigest::Sha1, "-sha1"),
    ("1024", SealDigest::Sha256, "-sha256"),
    ("2048", SealDigest::Sha256, "-sha256"),
    ("4096", SealDigest::Sha256, "-sha256"),
];

#[test]
fn what_openssl_seals_is_verified_and_nothing_near_it() {
    for (bits, digest, flag) in MADE_BY_OPENSSL {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), &[("cadena", CADENA.as_bytes())]);
        openssl(folder.path(), &["genrsa", "-out", "key.pem", bits]);
        openssl(folder.path(), &["rsa", "-in", "key.pem", "-RSAPublicKey_out", "-outform", "der", "-out", "pub.der"]);
        openssl(folder.path(), &["dgst", flag, "-sign", "key.pem", "-out", "sello", "cadena"]);
        let (key, sello) =
            (std::fs::read(folder.path().join("pub.der")).unwrap(), std::fs::read(folder.path().join("sello")).unwrap());
        let verifies = |digest, message: &[u8], sello: &[u8]| verify_sello_by_key(&key, digest, message, sello);
        assert!(verifies(digest, CADENA.as_bytes(), &sello), "{bits} {flag}");
        assert!(SealKey::new(&key, digest).unwrap().verifies(CADENA.as_bytes(), &sello));
        let other = if digest == SealDigest::Sha1 { SealDigest::Sha256 } else { SealDigest::Sha1 };
        assert!(!verifies(other, CADENA.as_bytes(), &sello), "the digest is part of the seal");
        assert!(!verifies(digest, CADENA.replace("1160.00", "1160.01").as_bytes(), &sello));
        for place in [0, sello.len() / 2, sello.len() - 1] {
            let mut bent = sello.clone();
            bent[place] ^= 1;
            assert!(!verifies(digest, CADENA.as_bytes(), &bent), "{bits} {flag} {place}");
        }
        for cut in [&sello[..0], &sello[1..], &sello[..sello.len() - 1], &[sello.as_slice(), &[0]].concat()] {
            assert!(!verifies(digest, CADENA.as_bytes(), cut), "{bits} {flag} {}", cut.len());
        }
    }
    covers!("seal: RSA PKCS#1 v1.5 seals by openssl verify, with SHA-1 and SHA-256; altered ones do not");
}

#[test]
fn another_certificate_and_a_broken_key_verify_nothing() {
    let authority = authority();
    let (one, other) = (issue(&authority, &person(), Kind::Csd), issue(&authority, &company(), Kind::Csd));
    let sello = Sealer::load(one.pkcs8_der.expose()).unwrap().seal(CADENA.as_bytes()).unwrap();
    let verifies = |der: &[u8]| verify_sello(&Certificate::parse(der).unwrap(), SealDigest::Sha256, CADENA.as_bytes(), &sello);
    assert_eq!((verifies(&one.cer_der), verifies(&other.cer_der)), (true, false));
    for key in [&b""[..], b"junk", &[0x30, 0x00]] {
        assert!(!verify_sello_by_key(key, SealDigest::Sha256, CADENA.as_bytes(), &sello));
    }
    covers!("seal: another certificate's key, or no key, verifies nothing");
}
