//! The same promises on data made here: minted certificates, and keys re-exported by openssl.

mod common;

use common::{NOW, Seeded, at, authority, company, issue, openssl, person, secret};
use fedatario_base::Code;
use fedatario_credentials::mint::Authority;
use fedatario_credentials::{Certificate, CredentialError, IssuerStyle, Kind, Pair, PrivateKey};
use fedatario_testkit::covers;
use std::path::Path;

/// A folder with `cer.pem`, `key.pem` (plain PKCS#8) and `ca.pem`, as openssl likes them.
fn folder(minted: &fedatario_credentials::mint::Minted, authority: &Authority) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("cer.der"), &minted.cer_der).unwrap();
    std::fs::write(folder.path().join("key.der"), minted.pkcs8_der.expose()).unwrap();
    std::fs::write(folder.path().join("ca.pem"), authority.certificate_pem()).unwrap();
    openssl(folder.path(), &["x509", "-inform", "der", "-in", "cer.der", "-out", "cer.pem"]);
    openssl(folder.path(), &["pkey", "-inform", "der", "-in", "key.der", "-out", "key.pem"]);
    folder
}

fn read(folder: &Path, name: &str) -> Vec<u8> {
    std::fs::read(folder.join(name)).unwrap()
}

#[test]
fn what_is_minted_reads_back_and_openssl_agrees() {
    let authority = authority();
    for (subject, kind) in [(company(), Kind::Fiel), (company(), Kind::Csd), (person(), Kind::Fiel), (person(), Kind::Csd)] {
        let minted = issue(&authority, &subject, kind);
        let certificate = Certificate::parse(&minted.cer_der).unwrap();
        assert_eq!(certificate.kind(), kind);
        assert_eq!(certificate.rfc(), subject.rfc);
        assert_eq!(certificate.representative_rfc(), subject.representative_rfc.as_deref());
        assert_eq!(certificate.curp(), subject.curp.as_deref());
        assert_eq!(certificate.name(), subject.name);
        assert_eq!(certificate.branch().is_some(), kind == Kind::Csd);
        assert_eq!(certificate.number(), "30001000000500003415");
        assert_eq!(certificate.serial_decimal(), "292233162870206001759766198462772978647764840757");
        assert!(certificate.issuer(IssuerStyle::Phpcfdi).starts_with("CN=AC DE PRUEBA,O=SERVICIO"));
        assert!(certificate.is_issued_by(authority.certificate()));

        let folder = folder(&minted, &authority);
        openssl(folder.path(), &["verify", "-no_check_time", "-CAfile", "ca.pem", "cer.pem"]);
        let shown = openssl(folder.path(), &["x509", "-in", "cer.pem", "-noout", "-fingerprint", "-sha1"]);
        assert!(shown.replace(':', "").contains(&certificate.fingerprint_sha1()));
        std::fs::write(folder.path().join("sat.key"), minted.key_file(&secret("contraseña")).unwrap()).unwrap();
        let shown = openssl(folder.path(), &["asn1parse", "-inform", "der", "-in", "sat.key"]);
        assert!(shown.contains("PBES2") && shown.contains(":0800") && shown.contains("des-ede3-cbc"), "{shown}");
        openssl(folder.path(), &["pkey", "-inform", "der", "-in", "sat.key", "-passin", "pass:contraseña", "-check", "-noout"]);
    }
    covers!("credentials: minted certificates and keys are shaped as SAT's, and openssl accepts them");
}

#[test]
fn an_authority_can_be_kept_and_loaded_again() {
    let authority = authority();
    let again = Authority::load(authority.certificate_pem().as_bytes(), authority.key_pem().expose()).unwrap();
    let minted = issue(&again, &company(), Kind::Fiel);
    assert!(Certificate::parse(&minted.cer_der).unwrap().is_issued_by(authority.certificate()));
    let other = common::authority();
    assert!(!Certificate::parse(&minted.cer_der).unwrap().is_issued_by(other.certificate()));
    let swapped = Authority::load(other.certificate_pem().as_bytes(), authority.key_pem().expose());
    assert_eq!(swapped.err(), Some(CredentialError::KeyMismatch));
    covers!("credentials: a test authority is kept as PEM and loaded again");
}

#[test]
fn the_order_of_refusals_is_that_of_a_friendly_message() {
    let authority = authority();
    let (fiel, csd) = (issue(&authority, &company(), Kind::Fiel), issue(&authority, &company(), Kind::Csd));
    let key = fiel.key_file(&secret("good")).unwrap();
    let cases = [
        (Pair::from_files(b"junk", &key, &secret("bad")).err(), Some(Code::CertificateFormat)),
        (Pair::from_files(&key, &fiel.cer_der, &secret("good")).err(), Some(Code::CertificateFormat)),
        (Pair::from_files(&fiel.cer_der, b"junk", &secret("good")).err(), Some(Code::KeyFormat)),
        (Pair::from_files(&fiel.cer_der, &key, &secret("bad")).err(), Some(Code::KeyPassword)),
        (Pair::from_files(&csd.cer_der, &key, &secret("good")).err(), Some(Code::KeyMismatch)),
        (Pair::from_files(&fiel.cer_der, &key, &secret("good")).err(), None),
    ];
    for (error, code) in cases {
        assert_eq!(error.map(|it| it.code()), code);
    }
    let certificate = Certificate::parse(&csd.cer_der).unwrap();
    assert_eq!(certificate.require_fiel().unwrap_err().code(), Code::FielRequired);
    assert_eq!(certificate.check_valid_at(at("2024-12-31T23:59:59Z")).unwrap_err().code(), Code::CertificateNotYetValid);
    assert_eq!(certificate.check_valid_at(at("2029-01-01T00:00:01Z")).unwrap_err().code(), Code::CertificateExpired);
    for inside in ["2025-01-01T00:00:00Z", NOW, "2029-01-01T00:00:00Z"] {
        assert_eq!(certificate.check_valid_at(at(inside)), Ok(()));
    }
    covers!("credentials: certificate, key, password, pair, kind and dates are refused in that order");
}

#[test]
fn keys_that_openssl_writes_open_with_their_password_only() {
    let authority = authority();
    let minted = issue(&authority, &company(), Kind::Fiel);
    let folder = folder(&minted, &authority);
    let certificate = Certificate::parse(&minted.cer_der).unwrap();
    let legacy = ["-provider", "legacy", "-provider", "default"];
    let pkcs8 = |options: &[&'static str]| {
        [&["pkcs8", "-topk8", "-in", "key.pem", "-passout", "pass:ñandú 1", "-out", "out"], options].concat()
    };
    let cases: Vec<Vec<&str>> = vec![
        pkcs8(&["-v2", "des3", "-v2prf", "hmacWithSHA1", "-outform", "der"]),
        pkcs8(&["-v2", "aes128", "-v2prf", "hmacWithSHA512"]),
        pkcs8(&["-v2", "aes192", "-outform", "der"]),
        pkcs8(&["-scrypt", "-scrypt_N", "1024", "-outform", "der"]),
        [pkcs8(&["-v1", "PBE-MD5-DES", "-outform", "der"]), legacy.to_vec()].concat(),
        [pkcs8(&["-v1", "PBE-SHA1-DES"]), legacy.to_vec()].concat(),
        [pkcs8(&["-v1", "PBE-SHA1-RC2-64", "-outform", "der"]), legacy.to_vec()].concat(),
        [pkcs8(&["-v1", "PBE-MD5-RC2-64", "-outform", "der"]), legacy.to_vec()].concat(),
        [pkcs8(&["-v1", "PBE-SHA1-3DES"]), legacy.to_vec()].concat(),
        [pkcs8(&["-v1", "PBE-SHA1-2DES"]), legacy.to_vec()].concat(),
        [pkcs8(&["-v1", "PBE-SHA1-RC2-128"]), legacy.to_vec()].concat(),
        [pkcs8(&["-v1", "PBE-SHA1-RC2-40"]), legacy.to_vec()].concat(),
        vec!["rsa", "-traditional", "-in", "key.pem", "-aes256", "-passout", "pass:ñandú 1", "-out", "out"],
        vec!["rsa", "-traditional", "-in", "key.pem", "-aes128", "-passout", "pass:ñandú 1", "-out", "out"],
        vec!["rsa", "-traditional", "-in", "key.pem", "-des3", "-passout", "pass:ñandú 1", "-out", "out"],
    ];
    for arguments in &cases {
        openssl(folder.path(), arguments);
        let bytes = read(folder.path(), "out");
        let key = PrivateKey::open(&bytes, &secret("ñandú 1")).unwrap_or_else(|error| panic!("{arguments:?}: {error}"));
        assert!(key.belongs_to(&certificate), "{arguments:?}");
        assert_eq!(PrivateKey::open(&bytes, &secret("ñandú 2")).err(), Some(CredentialError::Password), "{arguments:?}");
    }
    for plain in [vec!["rsa", "-traditional", "-in", "key.pem", "-out", "out"], vec!["pkey", "-in", "key.pem", "-out", "out"]] {
        openssl(folder.path(), &plain);
        let bytes = read(folder.path(), "out");
        let windows = [b"\xef\xbb\xbf".as_slice(), String::from_utf8_lossy(&bytes).replace('\n', "\r\n").as_bytes()].concat();
        assert!(PrivateKey::open(&windows, &secret("")).unwrap().belongs_to(&certificate), "{plain:?}");
    }
    covers!("credentials: .key as PKCS#8 (PBES2, PBES1, scrypt, plain), PKCS#1 and DEK-Info PEM, written by openssl");
}

#[test]
fn pkcs12_files_that_openssl_writes_open() {
    let authority = authority();
    let minted = issue(&authority, &person(), Kind::Fiel);
    let folder = folder(&minted, &authority);
    let base = ["pkcs12", "-export", "-inkey", "key.pem", "-in", "cer.pem", "-certfile", "ca.pem", "-out", "out", "-passout"];
    let cases: [(&str, &[&str]); 8] = [
        ("pass:ñandú", &[]),
        ("pass:ñandú", &["-legacy"]),
        ("pass:ñandú", &["-legacy", "-certpbe", "NONE"]),
        ("pass:ñandú", &["-nomac"]),
        ("pass:ñandú", &["-macalg", "sha512", "-keypbe", "aes-128-cbc"]),
        ("pass:ñandú", &["-keypbe", "NONE", "-certpbe", "NONE"]),
        ("pass:ñandú", &["-legacy", "-keypbe", "PBE-SHA1-RC2-128", "-certpbe", "PBE-SHA1-2DES"]),
        ("pass:n\u{303}andu\u{301}", &[]),
    ];
    for (password, options) in cases {
        openssl(folder.path(), &[base.as_slice(), &[password], options].concat());
        let bytes = read(folder.path(), "out");
        let password = password.trim_start_matches("pass:");
        let pair = Pair::from_pkcs12(&bytes, &secret(password)).unwrap_or_else(|error| panic!("{options:?}: {error}"));
        assert_eq!(pair.certificate().der(), minted.cer_der, "{options:?}");
        assert_eq!(Pair::from_pkcs12(&bytes, &secret("nandu")).err(), Some(CredentialError::Password), "{options:?}");
    }
    // A file made with the composed form opens for whoever types the decomposed one.
    openssl(folder.path(), &[base.as_slice(), &["pass:ñandú"]].concat());
    assert!(Pair::from_pkcs12(&read(folder.path(), "out"), &secret("n\u{303}andu\u{301}")).is_ok());
    covers!(
        "credentials: .pfx and .p12, legacy RC2/3DES and modern AES, with and without checksum, passwords in both Unicode forms"
    );
}

/// Replaces the first occurrence of `from`, which must be there.
fn patch(bytes: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let at = bytes.windows(from.len()).position(|it| it == from).expect("the pattern is there");
    [&bytes[..at], to, &bytes[at + from.len()..]].concat()
}

#[test]
fn bounds_are_refused_before_the_work() {
    let authority = authority();
    let minted = issue(&authority, &company(), Kind::Fiel);
    let folder = folder(&minted, &authority);
    // 70,000 = 01 11 70: three bytes that can be made 8,388,607.
    let (seventy_thousand, eight_million) = ([2, 3, 0x01, 0x11, 0x70], [2, 3, 0x7f, 0xff, 0xff]);
    openssl(
        folder.path(),
        &["pkcs8", "-topk8", "-in", "key.pem", "-passout", "pass:x", "-iter", "70000", "-outform", "der", "-out", "out"],
    );
    let key = patch(&read(folder.path(), "out"), &seventy_thousand, &eight_million);
    assert_eq!(PrivateKey::open(&key, &secret("x")).err(), Some(CredentialError::KeyFormat("too many iterations")));

    openssl(
        folder.path(),
        &[
            "pkcs8",
            "-topk8",
            "-in",
            "key.pem",
            "-passout",
            "pass:x",
            "-scrypt",
            "-scrypt_N",
            "16384",
            "-outform",
            "der",
            "-out",
            "out",
        ],
    );
    let scrypt = read(folder.path(), "out");
    assert!(PrivateKey::open(&scrypt, &secret("x")).is_ok());
    // 16,384 blocks of 8 become blocks of 127: 254 MiB.
    let greedy = patch(&scrypt, &[2, 2, 0x40, 0, 2, 1, 8], &[2, 2, 0x40, 0, 2, 1, 127]);
    let too_much = CredentialError::KeyFormat("scrypt takes too much memory");
    assert_eq!(PrivateKey::open(&greedy, &secret("x")).err(), Some(too_much));

    let base = ["pkcs12", "-export", "-inkey", "key.pem", "-in", "cer.pem", "-out", "out", "-passout", "pass:x"];
    openssl(folder.path(), &[base.as_slice(), &["-iter", "70000"]].concat());
    let bytes = read(folder.path(), "out");
    let work = Some(CredentialError::Pkcs12Bounds("too many iterations"));
    assert_eq!(Pair::from_pkcs12(&patch(&bytes, &seventy_thousand, &eight_million), &secret("x")).err(), work);

    let many: String = (0..8).map(|_| authority.certificate_pem()).collect();
    std::fs::write(folder.path().join("many.pem"), many).unwrap();
    openssl(folder.path(), &[base.as_slice(), &["-certfile", "many.pem"]].concat());
    let bags = Some(CredentialError::Pkcs12Bounds("more than 8 bags"));
    assert_eq!(Pair::from_pkcs12(&read(folder.path(), "out"), &secret("x")).err(), bags);

    let large = Some(CredentialError::Pkcs12Bounds("larger than 256 KiB"));
    assert_eq!(Pair::from_pkcs12(&vec![0x30; 256 * 1024 + 1], &secret("x")).err(), large);
    assert!(matches!(PrivateKey::open(&vec![0x30; 64 * 1024 + 1], &secret("x")), Err(CredentialError::KeyFormat(_))));
    assert!(matches!(Certificate::parse(&vec![0x30; 64 * 1024 + 1]), Err(CredentialError::CertificateFormat(_))));
    covers!("credentials: sizes, iterations, bags and scrypt memory are bounded before the work");
}

#[test]
fn other_kinds_of_keys_are_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    openssl(folder, &["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", "ec.pem"]);
    openssl(folder, &["req", "-x509", "-key", "ec.pem", "-subj", "/CN=x", "-out", "ec.cer"]);
    openssl(folder, &["genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:1024", "-out", "short.pem"]);
    openssl(
        folder,
        &[
            "req",
            "-x509",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-keyout",
            "x.pem",
            "-subj",
            "/CN=x",
            "-addext",
            "basicConstraints=CA:FALSE",
            "-out",
            "x.cer",
        ],
    );
    let unusable = Some(CredentialError::KeyFormat("not an RSA key of 2,048 to 8,192 bits"));
    assert_eq!(PrivateKey::open(&read(folder, "ec.pem"), &secret("")).err(), unusable);
    assert_eq!(PrivateKey::open(&read(folder, "short.pem"), &secret("")).err(), unusable);
    let not_rsa = Some(CredentialError::CertificateFormat("its key is not RSA"));
    assert_eq!(Certificate::parse(&read(folder, "ec.cer")).err(), not_rsa);
    let nobody = Certificate::parse(&read(folder, "x.cer")).unwrap();
    assert_eq!((nobody.kind(), nobody.rfc()), (Kind::Other, ""));
    assert_eq!(nobody.require_fiel().unwrap_err().code(), Code::CertificateSubject);
    covers!("credentials: keys that are not RSA or too short, and subjects without an RFC, are refused");
}

#[test]
fn nothing_secret_is_printed() {
    let minted = issue(&authority(), &company(), Kind::Fiel);
    let pair = Pair::from_files(&minted.cer_der, &minted.key_file(&secret("hunter2")).unwrap(), &secret("hunter2")).unwrap();
    let shown = format!("{pair:?} {:?} {minted:?}", pair.key());
    assert!(shown.contains("PrivateKey(…)") && shown.contains("Minted(…)") && !shown.contains("hunter2"), "{shown}");
    let decimal = format!("{:?}", &pair.key().pkcs8_der()[30..40]);
    assert!(!shown.contains(decimal.trim_matches(['[', ']'])), "{shown}");
    covers!("credentials: no key and no password in Debug");
}

#[test]
fn mutated_files_never_panic() {
    let authority = authority();
    let minted = issue(&authority, &company(), Kind::Fiel);
    let folder = folder(&minted, &authority);
    let path = folder.path();
    openssl(
        path,
        &[
            "pkcs8",
            "-topk8",
            "-in",
            "key.pem",
            "-passout",
            "pass:x",
            "-iter",
            "1",
            "-v2",
            "des3",
            "-outform",
            "der",
            "-out",
            "cheap.key",
        ],
    );
    openssl(
        path,
        &["pkcs12", "-export", "-inkey", "key.pem", "-in", "cer.pem", "-iter", "1", "-passout", "pass:x", "-out", "cheap.p12"],
    );
    openssl(
        path,
        &[
            "pkcs12", "-export", "-legacy", "-nomac", "-inkey", "key.pem", "-in", "cer.pem", "-iter", "1", "-passout", "pass:x",
            "-out", "old.p12",
        ],
    );
    openssl(path, &["rsa", "-traditional", "-in", "key.pem", "-aes128", "-passout", "pass:x", "-out", "dek.pem"]);
    let mut seeded = Seeded(0x5eed_0001);
    let mut refused = 0;
    for _ in 0..2_000 {
        refused += usize::from(Certificate::parse(&seeded.mutate(&minted.cer_der)).is_err());
        refused += usize::from(Certificate::parse(&seeded.mutate(&read(path, "cer.pem"))).is_err());
    }
    for file in ["cheap.key", "key.der", "dek.pem", "key.pem"] {
        let bytes = read(path, file);
        refused += (0..1_000).filter(|_| PrivateKey::open(&seeded.mutate(&bytes), &secret("x")).is_err()).count();
    }
    for file in ["cheap.p12", "old.p12"] {
        let bytes = read(path, file);
        refused += (0..1_500).filter(|_| Pair::from_pkcs12(&seeded.mutate(&bytes), &secret("x")).is_err()).count();
    }
    // Some mutations are harmless (names, signatures, text around PEM); most are not.
    assert!(refused > 6_000, "{refused} of 11,000 refused");
    covers!("credentials: 11,000 seeded mutations of certificates, keys and PKCS#12 files, no panic");
}
