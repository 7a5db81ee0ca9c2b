//! The way up to an authority, judged by openssl: what it accepts holds here, what it refuses does not.

mod common;

use common::openssl;
use fedatario_base::Code;
use fedatario_credentials::chain::{MAX_CHAIN, path};
use fedatario_credentials::{Certificate, Purpose, TaxIdKind};
use fedatario_testkit::covers;
use jiff::{Span, Timestamp};
use std::path::Path;

const CA: &str = "basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign\n";
const LEAF: &str = "basicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature\n";

/// A workshop of certificates: one key for each name.
struct Workshop(tempfile::TempDir);

impl Workshop {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a folder"))
    }

    fn at(&self) -> &Path {
        self.0.path()
    }

    fn key(&self, name: &str) {
        if !self.at().join(format!("{name}.key")).exists() {
            openssl(
                self.at(),
                &["genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out", &format!("{name}.key")],
            );
        }
    }

    /// Issues `file`.pem to `subject` with the key of that name, by `issuer` (a file; itself if none).
    fn issue(&self, file: &str, subject: &str, key: &str, issuer: Option<(&str, &str)>, days: u32, extensions: &str) {
        self.key(key);
        let request = ["req", "-new", "-utf8", "-key", &format!("{key}.key"), "-subj", subject, "-out", "request.csr"];
        openssl(self.at(), &request);
        std::fs::write(self.at().join("extensions.cnf"), extensions).expect("writable");
        let (days, out) = (days.to_string(), format!("{file}.pem"));
        let mut arguments =
            vec!["x509", "-req", "-sha256", "-in", "request.csr", "-days", &days, "-extfile", "extensions.cnf", "-out", &out];
        let (cer, signer) = match issuer {
            Some((cer, signer)) => (format!("{cer}.pem"), format!("{signer}.key")),
            None => (String::new(), format!("{key}.key")),
        };
        match issuer {
            Some(_) => arguments.extend(["-CA", &cer, "-CAkey", &signer, "-CAcreateserial"]),
            None => arguments.extend(["-signkey", &signer]),
        }
        openssl(self.at(), &arguments);
    }

    fn read(&self, names: &[&str]) -> Vec<Certificate> {
        names.iter().map(|it| self.one(it)).collect()
    }

    fn one(&self, name: &str) -> Certificate {
        let bytes = std::fs::read(self.at().join(format!("{name}.pem"))).expect("it was issued");
        Certificate::parse(&bytes).expect("a certificate")
    }

    fn bundle(&self, file: &str, names: &[&str]) {
        let all: Vec<u8> =
            names.iter().flat_map(|it| std::fs::read(self.at().join(format!("{it}.pem"))).expect("it was issued")).collect();
        std::fs::write(self.at().join(file), all).expect("writable");
    }

    /// Whether openssl accepts it, anybody in `trusted` being the end of the way.
    fn judged(&self, leaf: &str, trusted: &[&str], others: &[&str], at: Timestamp) -> bool {
        self.bundle("trusted.bundle", trusted);
        self.bundle("others.bundle", others);
        let (at, leaf) = (at.as_second().to_string(), format!("{leaf}.pem"));
        let mut arguments =
            vec!["verify", "-partial_chain", "-attime", &at, "-no-CApath", "-no-CAstore", "-CAfile", "trusted.bundle"];
        if !others.is_empty() {
            arguments.extend(["-untrusted", "others.bundle"]);
        }
        arguments.push(&leaf);
        let done = std::process::Command::new("openssl").current_dir(self.at()).args(arguments).output();
        done.expect("openssl is installed").status.success()
    }
}

/// A row: what is tried, leaf, trusted, others, days from issue, and how many certificates the path
/// has, or why there is none.
type Row<'a> = (&'a str, &'a str, &'a [&'a str], &'a [&'a str], i64, Result<usize, &'a str>);

#[test]
fn the_way_up_is_that_of_openssl() {
    let w = Workshop::new();
    w.issue("root", "/CN=Raíz", "root", None, 3000, CA);
    w.issue("mid", "/CN=Intermedia", "mid", Some(("root", "root")), 2000, CA);
    w.issue("mid-short", "/CN=Intermedia", "mid", Some(("root", "root")), 1, CA);
    w.issue("mid-leaf", "/CN=Intermedia", "mid", Some(("root", "root")), 2000, LEAF);
    w.issue(
        "mid-unsigning",
        "/CN=Intermedia",
        "mid",
        Some(("root", "root")),
        2000,
        "basicConstraints=critical,CA:TRUE\nkeyUsage=critical,cRLSign\n",
    );
    w.issue("mid-zero", "/CN=Intermedia", "mid", Some(("root", "root")), 2000, &CA.replace("CA:TRUE", "CA:TRUE,pathlen:0"));
    w.issue("low", "/CN=Baja", "low", Some(("mid", "mid")), 2000, CA);
    w.issue("leaf", "/CN=Persona", "leaf", Some(("mid", "mid")), 1000, LEAF);
    w.issue("deep", "/CN=Persona", "leaf", Some(("low", "low")), 1000, LEAF);
    w.issue("odd", "/CN=Persona", "leaf", Some(("mid", "mid")), 1000, &format!("{LEAF}1.2.3.4=critical,ASN1:NULL\n"));
    w.issue("other-root", "/CN=Otra", "other", None, 3000, CA);
    w.issue("impostor", "/CN=Intermedia", "other", None, 3000, CA);
    w.issue("cross", "/CN=Intermedia", "mid", Some(("other-root", "other")), 2000, CA);
    w.issue("alone", "/CN=Sola", "leaf", None, 1000, LEAF);
    let rows: &[Row] = &[
        ("by its issuer", "leaf", &["mid"], &[], 10, Ok(2)),
        ("by the root and an intermediate", "leaf", &["root"], &["mid"], 10, Ok(3)),
        ("by two intermediates", "deep", &["root"], &["low", "mid"], 10, Ok(4)),
        ("by another root that issued the same intermediate", "leaf", &["other-root"], &["impostor", "cross", "mid"], 10, Ok(3)),
        ("itself trusted", "alone", &["alone"], &[], 10, Ok(1)),
        ("nobody knows the issuer", "leaf", &["other-root"], &["mid"], 10, Err("no authority given issued it")),
        ("an intermediate is missing", "leaf", &["root"], &[], 10, Err("no authority given issued it")),
        ("an impostor of the same name", "leaf", &["impostor"], &[], 10, Err("the issuer's key did not sign it")),
        (
            "an intermediate whose time is over",
            "leaf",
            &["root"],
            &["mid-short"],
            10,
            Err("an authority of the chain is outside its validity"),
        ),
        ("a holder who plays the authority", "leaf", &["root"], &["mid-leaf"], 10, Err("the issuer is no authority")),
        (
            "an authority that may not sign certificates",
            "leaf",
            &["root"],
            &["mid-unsigning"],
            10,
            Err("the issuer is no authority"),
        ),
        (
            "an intermediate that allows none below it",
            "deep",
            &["root"],
            &["low", "mid-zero"],
            10,
            Err("the chain is longer than an authority allows"),
        ),
        (
            "a critical extension that nobody knows",
            "odd",
            &["mid"],
            &[],
            10,
            Err("a critical extension of the certificate is not understood"),
        ),
        ("its own time is over", "leaf", &["mid"], &[], 1500, Err("")),
        ("its time has not come", "leaf", &["mid"], &[], -10, Err("")),
        ("signed by itself and trusted by nobody", "alone", &["root"], &["alone"], 10, Err("no authority given issued it")),
    ];
    for (name, leaf, trusted, others, days, expected) in rows {
        let certificate = w.one(leaf);
        let at = certificate.not_before() + Span::new().hours(days * 24 + 1);
        let (here, besides) = (w.read(trusted), w.read(others));
        let found = path(&certificate, &here, &besides, at);
        match (&found, expected) {
            (Ok(path), Ok(length)) => assert_eq!(path.len(), *length, "{name}"),
            (Err(error), Err(reason)) => assert!(error.to_string().contains(reason), "{name}: {error}"),
            _ => panic!("{name}: {found:?}"),
        }
        assert_eq!(w.judged(leaf, trusted, others, at), expected.is_ok(), "openssl on: {name}");
    }
    let over = w.one("leaf").not_after() + Span::new().hours(1);
    assert_eq!(path(&w.one("leaf"), &w.read(&["mid"]), &[], over).unwrap_err().code(), Code::CertificateExpired);
    let alone = path(&w.one("leaf"), &[], &[], w.one("leaf").not_before()).unwrap_err();
    assert_eq!(alone.code(), Code::CertificateChain);
    covers!("credentials: the way from a certificate to a trusted authority is that of openssl, in 16 cases");
}

#[test]
fn a_way_is_short_and_its_search_bounded() {
    let w = Workshop::new();
    w.issue("a0", "/CN=Autoridad 0", "a", None, 3000, CA);
    for it in 1..=MAX_CHAIN {
        let (file, subject, above) = (format!("a{it}"), format!("/CN=Autoridad {it}"), format!("a{}", it - 1));
        w.issue(&file, &subject, "a", Some((&above, "a")), 2000, CA);
    }
    let names: Vec<String> = (1..MAX_CHAIN).map(|it| format!("a{it}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let (root, between) = (w.read(&["a0"]), w.read(&names));
    let at = w.one("a8").not_before() + Span::new().hours(1);
    assert_eq!(path(&w.one("a7"), &root, &between, at).expect("eight in all").len(), MAX_CHAIN);
    let refused = path(&w.one("a8"), &root, &between, at).expect_err("nine are too many");
    assert!(refused.to_string().contains("too long"), "{refused}");

    // Two authorities that issued each other lead round and round, and a name may be borne by many.
    w.issue("x", "/CN=X", "x", Some(("a0", "a")), 2000, CA);
    w.issue("y", "/CN=Y", "y", Some(("x", "x")), 2000, CA);
    w.issue("x-by-y", "/CN=X", "x", Some(("y", "y")), 2000, CA);
    w.issue("end", "/CN=Persona", "leaf", Some(("y", "y")), 1000, LEAF);
    let mut round = w.read(&["y", "x-by-y"]);
    assert!(path(&w.one("end"), &root, &round, at).is_err());
    let others: Vec<Certificate> = (0..100).map(|_| w.one("y")).collect();
    w.issue("false-y", "/CN=Y", "other", None, 2000, CA);
    round = vec![w.one("false-y"); 100];
    let refused = path(&w.one("end"), &[], &round, at).expect_err("none of them signed it");
    assert!(refused.to_string().contains("too many"), "{refused}");
    assert!(path(&w.one("end"), &root, &[others, w.read(&["x"])].concat(), at).is_ok());
    covers!("credentials: a chain is at most eight long, circles end, and the work of its search is bounded");
}

#[test]
fn whose_a_certificate_is_in_three_countries() {
    let w = Workshop::new();
    let panama = format!(
        "{LEAF}subjectAltName=email:a@example.com,dirName:holder\n[holder]\n0.2.16.591.1.1.2.2=155596713-2-2015\n0.2.16.591.1.1.6.1=59\n"
    );
    let rows = [
        ("/C=DO/CN=PEDRO PEREZ/serialNumber=IDCDO-00199999996", LEAF, Purpose::Ecf, Some((TaxIdKind::Cedula, "00199999996", None))),
        ("/C=DO/CN=EMPRESA/serialNumber=RNC 130222509", LEAF, Purpose::Ecf, Some((TaxIdKind::Rnc, "130222509", None))),
        ("/CN=FOREIGNER/serialNumber=PASDO-X1234567", LEAF, Purpose::Ecf, Some((TaxIdKind::Other, "X1234567", None))),
        (
            "/C=PA/O=FIRMA ELECTRONICA/CN=[F] EMPRESA, S.A. - 155596713-2-2015 - 59 - JUAN",
            LEAF,
            Purpose::Pa,
            Some((TaxIdKind::Ruc, "155596713-2-2015", Some("59"))),
        ),
        ("/C=PA/O=FIRMA ELECTRONICA/CN=[F] EMPRESA", &panama, Purpose::Pa, Some((TaxIdKind::Ruc, "155596713-2-2015", Some("59")))),
        ("/C=US/CN=Somebody/serialNumber=123", LEAF, Purpose::Other, None),
        ("/CN=A CA", CA, Purpose::Authority, None),
    ];
    for (subject, extensions, purpose, tax_id) in rows {
        w.issue("it", subject, "leaf", None, 1000, extensions);
        let it = w.one("it");
        assert_eq!(it.purpose(), purpose, "{subject}");
        let found = it.tax_id().map(|it| (it.kind, it.number.as_str(), it.check_digits.as_deref()));
        assert_eq!(found, tax_id, "{subject}");
        assert_eq!(it.key_bits(), 2048);
    }
    covers!("credentials: purpose and tax id of Mexican, Dominican and Panamanian certificates");
}
