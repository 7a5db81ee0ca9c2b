//! The bodies of the fuzz targets over seeded mutations of certificates, keys and PKCS#12 files.

mod common;

use common::{authority, company, issue, openssl, person};
use fedatario_base::Secret;
use fedatario_credentials::{Kind, fuzz};
use fedatario_testkit::storm;
use fedatario_testkit::{covers, fixtures};

/// Mutations of each sample.
const ROUNDS: usize = 600;
/// Of those whose every reading may derive a key: thousands of rounds of a hash, and twice.
const COSTLY: usize = 150;

#[test]
fn what_a_stranger_makes_of_credentials_breaks_no_promise() {
    let authority = authority();
    let (fiel, csd) = (issue(&authority, &company(), Kind::Fiel), issue(&authority, &person(), Kind::Csd));
    let folder = tempfile::tempdir().expect("a folder");
    let at = |name: &str| folder.path().join(name);
    std::fs::write(at("cer.der"), &fiel.cer_der).expect("writable");
    std::fs::write(at("key.der"), fiel.pkcs8_der.expose()).expect("writable");
    openssl(folder.path(), &["x509", "-inform", "der", "-in", "cer.der", "-out", "cer.pem"]);
    openssl(folder.path(), &["pkey", "-inform", "der", "-in", "key.der", "-out", "key.pem"]);
    openssl(folder.path(), &["rsa", "-in", "key.pem", "-traditional", "-aes128", "-passout", "pass:12345678a", "-out", "dek.pem"]);
    let export = ["pkcs12", "-export", "-inkey", "key.pem", "-in", "cer.pem", "-passout", "pass:12345678a", "-out", "pair.p12"];
    openssl(folder.path(), &export);
    let read = |name: &str| std::fs::read(at(name)).expect("openssl wrote it");
    let published =
        |folder: &str, ending: &str| fixtures::maybe().map(|it| storm::files(&it.join(folder), ending)).unwrap_or_default();

    let certificates = [
        vec![fiel.cer_der.clone(), csd.cer_der.clone(), read("cer.pem"), authority.certificate_pem().into_bytes()],
        published("mx/fiel/ca", ".cer"),
    ]
    .concat();
    let mut tried = storm::over("certificate", &certificates, ROUNDS, fuzz::certificate);
    let plain = [fiel.pkcs8_der.expose().to_vec(), read("key.pem")];
    tried += storm::over("key", &plain, COSTLY, fuzz::key);
    let sealed = [fiel.key_file(&Secret::new("12345678a")).expect("a key file"), read("dek.pem")];
    tried += storm::over("key", &sealed, COSTLY, fuzz::key);
    tried += storm::over("pkcs12", &[read("pair.p12")], COSTLY, fuzz::pkcs12);
    let texts = [certificates[..3].to_vec(), plain.to_vec(), sealed.to_vec(), vec![Vec::new()]].concat();
    tried += storm::over("text_forms", &texts, ROUNDS, fuzz::text_forms);
    assert!(tried > 4_000, "{tried}");
    covers!("credentials: seeded mutations of certificates, keys and PKCS#12 files break no promise of their readers");
}
