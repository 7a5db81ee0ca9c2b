//! The bodies of the fuzz targets: a stranger's certificates, keys and archives of both. Each panics
//! when a promise is broken, and only then.

use crate::chain;
use crate::mint::{Authority, Country, Person};
use crate::revocation::{self, List, NONCE_BYTES, State};
use crate::{Certificate, CredentialError, FileKind, IssuerStyle, Pair, PrivateKey, pem};
use fedatario_base::{Code, Secret};
use jiff::Timestamp;
use std::sync::LazyLock;

/// A certificate reads the same in each of its forms, and everything it says can be asked.
pub fn certificate(bytes: &[u8]) {
    match Certificate::parse(bytes) {
        Ok(it) => {
            assert_eq!(Certificate::parse(it.der()).as_ref(), Ok(&it));
            let text = pem::encode("CERTIFICATE", it.der());
            assert_eq!(Certificate::parse(text.as_bytes()).as_ref(), Ok(&it));
            for style in [IssuerStyle::Phpcfdi, IssuerStyle::Rfc4514, IssuerStyle::DotNet] {
                let _ = it.issuer(style);
            }
            let said = it.name().len() + it.number().len() + it.serial_decimal().len() + it.subject().len() + it.rfc().len();
            std::hint::black_box((said, it.tax_id(), it.purpose(), it.key_bits(), it.fingerprint_sha1()));
            std::hint::black_box(it.require_fiel().is_ok());
            let path = chain::path(&it, std::slice::from_ref(&it), &[], it.not_before());
            let trusts_itself = path.is_ok() || it.has_unknown_critical_extension() || it.not_before() > it.not_after();
            assert!(trusts_itself, "{path:?}");
            assert!(chain::path(&it, &[], std::slice::from_ref(&it), it.not_before()).is_err());
        }
        Err(error) => assert_eq!(error.code(), Code::CertificateFormat, "{error}"),
    }
    if let Ok(all) = Certificate::parse_all(bytes) {
        assert!(!all.is_empty());
    }
}

/// A key that opens is one, and opens again from what it is kept as.
pub fn key(bytes: &[u8]) {
    match PrivateKey::open(bytes, &Secret::new("12345678a")) {
        Ok(it) => {
            let again = PrivateKey::open(it.pkcs8_der(), &Secret::new("")).expect("what is kept opens");
            assert_eq!(again.rsa_public_key(), it.rsa_public_key());
            assert!((2_048..=8_192).contains(&it.bits()), "{} bits", it.bits());
            assert_eq!(format!("{it:?}"), "PrivateKey(…)");
        }
        Err(error) => assert!(matches!(error.code(), Code::KeyFormat | Code::KeyPassword), "{error}"),
    }
}

/// What comes out of an archive belongs together.
pub fn pkcs12(bytes: &[u8]) {
    match Pair::from_pkcs12(bytes, &Secret::new("12345678a")) {
        Ok(it) => assert!(it.key().belongs_to(it.certificate())),
        Err(error) => {
            let known = matches!(
                error,
                CredentialError::Pkcs12Format(_)
                    | CredentialError::Pkcs12Bounds(_)
                    | CredentialError::Password
                    | CredentialError::KeyFormat(_)
                    | CredentialError::KeyMismatch
                    | CredentialError::CertificateFormat(_)
            );
            assert!(known, "{error}");
        }
    }
}

/// What is written as PEM reads back; a file is of one kind, and the same whoever asks.
pub fn text_forms(bytes: &[u8]) {
    let written = pem::encode("PRIVATE KEY", bytes);
    let block = pem::block(written.as_bytes(), |it| it == "PRIVATE KEY");
    assert_eq!(block.as_ref().map(|it| it.contents.as_slice()), (!bytes.is_empty()).then_some(bytes));
    let all = pem::blocks(bytes, |_| true);
    assert!(all.is_none_or(|it| it.is_empty() || pem::block(bytes, |_| true).is_some()));
    let kind = FileKind::of(bytes);
    if bytes.first() == Some(&0x30) && Certificate::parse(bytes).is_ok() {
        assert_eq!(kind, Some(FileKind::Certificate));
    }
}

/// What a stranger writes in the place of a list or of an answer says nothing good of anybody: `issuer` signed
/// none of it.
pub fn revocation_of(bytes: &[u8], certificate: &Certificate, issuer: &Certificate) {
    let now = certificate.not_before();
    let list = List::read(bytes, issuer, now).and_then(|it| it.state_of(certificate, issuer));
    let answer = revocation::answer(bytes, certificate, issuer, &[0; NONCE_BYTES], now);
    for told in [list, answer] {
        match told {
            Ok(it) => assert!(!matches!(it.state, State::Good), "nobody signed this"),
            Err(error) => assert_eq!(error.code(), Code::RevocationUnknown),
        }
    }
}

/// Somebody whom nobody knows, and their authority.
static SOMEBODY: LazyLock<(Certificate, Certificate)> = LazyLock::new(|| {
    let [from, until]: [Timestamp; 2] = ["2026-01-01T00:00:00Z", "2036-01-01T00:00:00Z"].map(|it| it.parse().expect("an instant"));
    let issuer = Authority::generate_in(Country::Panama, "CA", from).expect("an authority");
    let person = Person::Dominican { document: "00199999996".into(), given_name: "A".into(), surname: "B".into() };
    let minted = issuer.issue_to(&person, from, until).expect("a certificate");
    (Certificate::parse(&minted.cer_der).expect("what was minted reads"), issuer.certificate().clone())
});

/// The same about somebody whom nobody knows.
pub fn revocation(bytes: &[u8]) {
    revocation_of(bytes, &SOMEBODY.0, &SOMEBODY.1);
}
