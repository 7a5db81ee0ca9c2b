//! Keys, judges and small helpers for the tests.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use fedatario_xmlsig::{Hash, Prepared, PublicKey, Refusal, Signatory};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;
use x509_cert::Certificate;
use x509_cert::der::Decode;

thread_local! {
    // Each test has a thread of its own, whose end removes the folder.
    static FOLDER: tempfile::TempDir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a temporary folder");
}

/// A folder of this test.
pub fn folder() -> PathBuf {
    FOLDER.with(|it| it.path().to_owned())
}

/// Runs a judge; that it is missing is a failure.
pub fn run(program: &str, arguments: &[&str]) -> Output {
    let mut command = Command::new(program);
    command.args(arguments).current_dir(folder()).stdin(Stdio::null());
    command.output().unwrap_or_else(|error| panic!("{program} is needed: {error}"))
}

/// Runs a judge that must agree, and answers its standard output.
pub fn agreed(program: &str, arguments: &[&str]) -> Vec<u8> {
    let output = run(program, arguments);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{program} {arguments:?}: {said}");
    output.stdout
}

/// Writes a file of this run and answers its path.
pub fn file(name: &str, bytes: &[u8]) -> String {
    let path = folder().join(name);
    std::fs::write(&path, bytes).expect("the folder is writable");
    path.to_str().expect("a plain path").to_owned()
}

/// A signer with certificate and key.
pub struct Signer {
    pub signatory: Signatory,
    key: Vec<u8>,
    certificate: Vec<u8>,
    pkcs8: Vec<u8>,
}

impl Signer {
    /// A file with the key.
    pub fn key_pem(&self) -> String {
        file("signer.key.pem", &self.key)
    }

    /// A file with the certificate.
    pub fn certificate_pem(&self) -> String {
        file("signer.cer.pem", &self.certificate)
    }

    /// Signs what was prepared: SHA-256 here, SHA-1 by openssl.
    pub fn finish(&self, prepared: Prepared) -> Vec<u8> {
        let signature = self.sign(prepared.hash(), prepared.octets());
        prepared.finish(&signature)
    }

    pub fn sign(&self, hash: Hash, octets: &[u8]) -> Vec<u8> {
        match hash {
            Hash::Sha256 => self.sign_here(octets),
            Hash::Sha1 => {
                let input = file(&format!("octets-{:x}", fingerprint(octets)), octets);
                agreed("openssl", &["dgst", "-sha1", "-sign", &self.key_pem(), &input])
            }
        }
    }

    fn sign_here(&self, octets: &[u8]) -> Vec<u8> {
        let key = RsaKeyPair::from_pkcs8(&self.pkcs8).expect("a PKCS#8 key");
        let mut signature = vec![0; key.public_modulus_len()];
        key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), octets, &mut signature).expect("a signature");
        signature
    }

    /// Trusts this signer's certificate and no other.
    pub fn trust(&self) -> impl Fn(&[u8]) -> Result<PublicKey, Refusal> + use<> {
        let known = self.signatory.certificate_der.clone();
        move |certificate| match certificate == known {
            true => Ok(key_of(certificate)),
            false => Err(Refusal::untrusted("not the certificate of the test")),
        }
    }
}

fn fingerprint(octets: &[u8]) -> u64 {
    octets.iter().fold(0xcbf2_9ce4_8422_2325, |sum, it| (sum ^ u64::from(*it)).wrapping_mul(0x0100_0000_01b3))
}

/// The key in a certificate, whoever issued it.
pub fn key_of(certificate_der: &[u8]) -> PublicKey {
    let certificate = Certificate::from_der(certificate_der).expect("a certificate");
    let key = &certificate.tbs_certificate().subject_public_key_info().subject_public_key;
    PublicKey::from_pkcs1_der(key.raw_bytes())
}

/// Trusts any certificate at all: for messages whose signer is not the question.
pub fn anybody(certificate_der: &[u8]) -> Result<PublicKey, Refusal> {
    Ok(key_of(certificate_der))
}

/// A signer minted for this run.
pub fn minted() -> &'static Signer {
    static MINTED: OnceLock<Signer> = OnceLock::new();
    MINTED.get_or_init(|| mint("minted"))
}

/// Another one, whom nobody trusts.
pub fn stranger() -> &'static Signer {
    static STRANGER: OnceLock<Signer> = OnceLock::new();
    STRANGER.get_or_init(|| mint("stranger"))
}

fn mint(name: &str) -> Signer {
    let (key, certificate) = (format!("{name}.key.pem"), format!("{name}.cer.pem"));
    let subject = format!("/CN={name}");
    let new = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "3650", "-subj", &subject];
    agreed("openssl", &[&new[..], &["-keyout", &key, "-out", &certificate]].concat());
    let der = agreed("openssl", &["x509", "-in", &certificate, "-outform", "DER"]);
    signer(&key, &certificate, der, "CN=minted", "1")
}

fn signer(key: &str, certificate: &str, der: Vec<u8>, issuer: &str, serial: &str) -> Signer {
    let read = |it: &str| std::fs::read(folder().join(it)).expect("what openssl wrote");
    Signer {
        pkcs8: agreed("openssl", &["pkcs8", "-topk8", "-nocrypt", "-in", key, "-outform", "DER"]),
        signatory: Signatory { certificate_der: der, issuer_name: issuer.to_owned(), serial_decimal: serial.to_owned() },
        key: read(key),
        certificate: read(certificate),
    }
}

/// The issuer of the published test e.firma as the exercised form writes it.
pub const EKU_ISSUER: &str = "CN=AC UAT,O=SERVICIO DE ADMINISTRACION TRIBUTARIA,OU=SAT-IES Authority,\
     emailAddress=oscar.martinez@sat.gob.mx,street=3ra cerrada de caliz,postalCode=06370,C=MX,\
     ST=CIUDAD DE MEXICO,L=COYOACAN,x500UniqueIdentifier=2.5.4.45,unstructuredName=responsable: ACDMA-SAT";

/// The published test e.firma of EKU9003173C9.
pub fn eku(fixtures: &Path) -> &'static Signer {
    static EKU: OnceLock<Signer> = OnceLock::new();
    EKU.get_or_init(|| open_eku(&fixtures.join("mx/fiel")))
}

fn open_eku(fiel: &Path) -> Signer {
    let base: PathBuf = fiel.join("sat-test-2023-2027/EKU9003173C9_fiel");
    let path = |extension: &str| base.with_extension(extension).to_str().expect("a plain path").to_owned();
    let password = format!("file:{}", fiel.join("password.txt").to_str().expect("a plain path"));
    let (key, certificate) = (path("key"), path("cer"));
    agreed("openssl", &["pkcs8", "-inform", "DER", "-in", &key, "-passin", &password, "-out", "eku.key.pem"]);
    agreed("openssl", &["x509", "-inform", "DER", "-in", &certificate, "-out", "eku.cer.pem"]);
    let der = std::fs::read(&certificate).expect("the certificate");
    let serial = "292233162870206001759766198462772978647764840757";
    signer("eku.key.pem", "eku.cer.pem", der, EKU_ISSUER, serial)
}
