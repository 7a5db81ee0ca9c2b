//! Lists and answers as openssl makes them, and forty that are hostile: none of those is ever *good*.

mod common;

use common::{at, authority_in, dominican, openssl};
use fedatario_credentials::mint::{Authority, Country};
use fedatario_credentials::revocation::{
    List, MAX_ANSWER_BYTES, MAX_LIST_BYTES, NONCE_BYTES, RevocationError, State, Told, answer, question,
};
use fedatario_credentials::{Certificate, fuzz};
use fedatario_testkit::{covers, storm};
use jiff::{SignedDuration, Timestamp};
use std::path::Path;

const NONCE: [u8; NONCE_BYTES] = [0x5a; NONCE_BYTES];
const FIELDS: &str = "basicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature\n";

/// An authority with a certificate that is good and one that it took back, as openssl's own programs see them.
struct Bureau {
    folder: tempfile::TempDir,
    issuer: Certificate,
    good: Certificate,
    revoked: Certificate,
    stranger: Certificate,
    now: Timestamp,
}

impl Bureau {
    fn new() -> Self {
        // openssl stamps what it makes with the time of day.
        let now = Timestamp::now();
        let authority = Authority::generate_in(Country::DominicanRepublic, "AUTORIDAD DE PRUEBA", now).expect("an authority");
        let issued = || {
            let day = SignedDuration::from_hours(24);
            let minted = authority.issue_to(&dominican(), now - day, now + day * 300).expect("a certificate");
            Certificate::parse(&minted.cer_der).expect("a certificate")
        };
        let other = authority_in(Country::DominicanRepublic);
        let stranger = other.issue_to(&dominican(), at("2025-01-01T00:00:00Z"), at("2029-01-01T00:00:00Z")).expect("a certificate");
        let made = Self {
            folder: tempfile::tempdir().expect("a folder"),
            issuer: authority.certificate().clone(),
            good: issued(),
            revoked: issued(),
            stranger: Certificate::parse(&stranger.cer_der).expect("a certificate"),
            now: now + SignedDuration::from_mins(1), // What openssl makes begins now, and later than this began.
        };
        made.write("ca.pem", authority.certificate_pem().as_bytes());
        made.write("ca.key", authority.key_pem().expose());
        made.write("other.pem", other.certificate_pem().as_bytes());
        made.write("other.key", other.key_pem().expose());
        let line = |state: &str, at: &str, it: &Certificate| {
            format!("{state}\t400101000000Z\t{at}\t{}\tunknown\t/CN=x\n", it.number().to_uppercase())
        };
        let index = line("V", "", &made.good) + &line("R", "250601120000Z,keyCompromise", &made.revoked);
        made.write("index.txt", index.as_bytes());
        made.write("index.txt.attr", b"unique_subject = no\n");
        made.write("crlnumber", b"01\n");
        made.write(
            "ca.cnf",
            b"[ca]\ndefault_ca=it\n[it]\ndatabase=index.txt\ncrlnumber=crlnumber\ndefault_md=sha256\ndefault_crl_days=2\n\
              [delta]\ndeltaCRL=critical,@odd\n[odd]\n\
              [unknown]\n1.2.3.4=critical,ASN1:NULL\n[part]\nissuingDistributionPoint=critical,@idp\n[idp]\nonlyuser=TRUE\n",
        );
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

    /// A list by an authority of a name, with more arguments, as DER.
    fn list(&self, by: &str, more: &[&str]) -> Vec<u8> {
        let (cert, key) = (format!("{by}.pem"), format!("{by}.key"));
        let basic = ["ca", "-gencrl", "-config", "ca.cnf", "-cert", &cert, "-keyfile", &key, "-out", "list.pem"];
        openssl(self.at(), &[&basic[..], more].concat());
        openssl(self.at(), &["crl", "-in", "list.pem", "-outform", "der", "-out", "list.der"]);
        self.read("list.der")
    }

    /// What a responder answers about a certificate, with more arguments.
    fn answered(&self, about: &Certificate, by: &str, more: &[&str]) -> Vec<u8> {
        self.write("request.der", &question(about, &self.issuer, &NONCE).expect("a question"));
        let (cert, key) = (format!("{by}.pem"), format!("{by}.key"));
        let basic = [
            "ocsp",
            "-index",
            "index.txt",
            "-CA",
            "ca.pem",
            "-rsigner",
            &cert,
            "-rkey",
            &key,
            "-reqin",
            "request.der",
            "-respout",
            "answer.der",
            "-ndays",
            "1",
        ];
        openssl(self.at(), &[&basic[..], more].concat());
        self.read("answer.der")
    }

    /// A responder with a certificate of its own, by an authority of a name.
    fn responder(&self, name: &str, by: &str, extensions: &str, dates: &[&str]) {
        let (key, pem) = (format!("{name}.key"), format!("{name}.pem"));
        let (ca, ca_key) = (format!("{by}.pem"), format!("{by}.key"));
        openssl(self.at(), &["genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out", &key]);
        openssl(self.at(), &["req", "-new", "-key", &key, "-subj", "/CN=Responde", "-out", "request.csr"]);
        self.write("extensions.cnf", extensions.as_bytes());
        let basic =
            ["x509", "-req", "-in", "request.csr", "-CA", &ca, "-CAkey", &ca_key, "-CAcreateserial", "-extfile", "extensions.cnf"];
        openssl(self.at(), &[&basic[..], dates, &["-out", &pem]].concat());
    }

    fn by_answer(&self, bytes: &[u8], about: &Certificate) -> Result<Told, RevocationError> {
        answer(bytes, about, &self.issuer, &NONCE, self.now)
    }

    fn by_list(&self, bytes: &[u8], about: &Certificate) -> Result<Told, RevocationError> {
        List::read(bytes, &self.issuer, self.now)?.state_of(about, &self.issuer)
    }
}

#[test]
fn what_openssl_says_is_understood() {
    let bureau = Bureau::new();
    bureau.responder("delegate", "ca", &format!("{FIELDS}extendedKeyUsage=OCSPSigning\n"), &["-days", "10"]);
    for by in ["ca", "delegate"] {
        for more in [&[][..], &["-rmd", "sha384"], &["-resp_no_certs"], &["-resp_key_id"], &["-no_nonce"]] {
            if by == "delegate" && more == ["-resp_no_certs"] {
                continue; // Nobody could know whose signature it is.
            }
            let more: Vec<&str> = more.iter().copied().filter(|it| *it != "-no_nonce").collect();
            let told = bureau.by_answer(&bureau.answered(&bureau.good, by, &more), &bureau.good).expect("an answer");
            assert_eq!(told.state, State::Good, "{by} {more:?}");
            assert!(told.this_update <= bureau.now + SignedDuration::from_mins(5) && told.next_update > bureau.now);
            let told = bureau.by_answer(&bureau.answered(&bureau.revoked, by, &more), &bureau.revoked).expect("an answer");
            assert_eq!(told.state, State::Revoked { at: at("2025-06-01T12:00:00Z"), reason: "key_compromise" });
        }
    }
    let question = bureau.read("request.der");
    assert!(!question.is_empty());
    let shown = openssl(bureau.at(), &["ocsp", "-reqin", "request.der", "-req_text", "-noverify"]);
    assert!(shown.contains("Serial Number") && shown.contains("OCSP Nonce"), "{shown}");

    for form in [bureau.list("ca", &[]), bureau.read("list.pem")] {
        let list = List::read(&form, &bureau.issuer, bureau.now).expect("a list");
        assert_eq!((list.len(), list.is_empty()), (1, false));
        assert_eq!(list.state_of(&bureau.good, &bureau.issuer).map(|it| it.state), Ok(State::Good));
        let told = list.state_of(&bureau.revoked, &bureau.issuer).expect("about its own");
        assert_eq!(told.state, State::Revoked { at: at("2025-06-01T12:00:00Z"), reason: "key_compromise" });
        assert_eq!(list.state_of(&bureau.stranger, &bureau.issuer), Err(RevocationError::Elsewhere), "another's certificate");
    }
    covers!("revocation: lists and answers of openssl are understood, by the issuer and by a responder that it appointed");
}

#[test]
fn forty_hostile_answers_are_never_good() {
    let bureau = Bureau::new();
    let eku = format!("{FIELDS}extendedKeyUsage=OCSPSigning\n");
    bureau.responder("unappointed", "ca", FIELDS, &["-days", "10"]);
    bureau.responder("foreign", "other", &eku, &["-days", "10"]);
    bureau.responder("lapsed", "ca", &eku, &["-days", "0"]);
    bureau.responder("unsigning", "ca", &eku.replace("digitalSignature", "keyEncipherment"), &["-days", "10"]);
    // Without the certificates that openssl adds, which nobody signed here and nobody reads.
    let good = bureau.answered(&bureau.good, "ca", &["-resp_no_certs"]);
    let list = bureau.list("ca", &[]);
    assert!(bureau.by_answer(&good, &bureau.good).is_ok() && bureau.by_list(&list, &bureau.good).is_ok(), "the samples hold");

    let cut = |bytes: &[u8], part: usize| bytes[..bytes.len() * part / 8].to_vec();
    let flipped = |bytes: &[u8], from_end: usize| {
        let mut bytes = bytes.to_vec();
        let place = bytes.len() - from_end;
        bytes[place] ^= 0x10;
        bytes
    };
    let mut answers: Vec<(String, Vec<u8>)> = vec![
        ("nothing".into(), vec![]),
        ("a page".into(), b"<!DOCTYPE html><html><body>Mantenimiento</body></html>".to_vec()),
        ("JSON".into(), br#"{"status":"good"}"#.to_vec()),
        ("try later".into(), vec![0x30, 3, 0x0a, 1, 3]),
        ("unauthorized".into(), vec![0x30, 3, 0x0a, 1, 6]),
        ("malformed".into(), vec![0x30, 3, 0x0a, 1, 1]),
        ("an unheard-of status".into(), vec![0x30, 3, 0x0a, 1, 4]),
        ("success, and nothing in it".into(), vec![0x30, 3, 0x0a, 1, 0]),
        ("the question itself".into(), question(&bureau.good, &bureau.issuer, &NONCE).expect("a question")),
        ("a certificate".into(), bureau.good.der().to_vec()),
        ("a list".into(), list.clone()),
        ("about the other certificate".into(), bureau.answered(&bureau.revoked, "ca", &[])),
        ("signed by another authority of that name".into(), bureau.answered(&bureau.good, "other", &[])),
        ("by a responder that nobody appointed".into(), bureau.answered(&bureau.good, "unappointed", &[])),
        ("by another authority's responder".into(), bureau.answered(&bureau.good, "foreign", &[])),
        ("by a responder whose time is over".into(), bureau.answered(&bureau.good, "lapsed", &[])),
        ("by a responder that may not sign".into(), bureau.answered(&bureau.good, "unsigning", &[])),
        ("by a responder that brings no certificate".into(), bureau.answered(&bureau.good, "foreign", &["-resp_no_certs"])),
        ("of a certificate that it does not know".into(), {
            bureau.write("index.txt", b"");
            bureau.answered(&bureau.good, "ca", &[])
        }),
        ("huge".into(), [good.clone(), vec![0; MAX_ANSWER_BYTES]].concat()),
        ("with something behind it".into(), [good.clone(), vec![0]].concat()),
        ("twice".into(), [good.clone(), good.clone()].concat()),
    ];
    answers.extend((1..8).map(|it| (format!("{it} eighths of it"), cut(&good, it))));
    answers.extend([4, 64, 128, 200, 255, 330, 360].map(|it| (format!("one bit flipped, {it} from its end"), flipped(&good, it))));
    let mut lists: Vec<(String, Vec<u8>)> = vec![
        ("nothing".into(), vec![]),
        ("a page".into(), b"<html>404</html>".to_vec()),
        ("a certificate".into(), bureau.issuer.der().to_vec()),
        ("an answer".into(), good.clone()),
        ("by another authority of that name".into(), bureau.list("other", &[])),
        ("with something critical that nobody knows".into(), bureau.list("ca", &["-crlexts", "unknown"])),
        ("of some certificates alone".into(), bureau.list("ca", &["-crlexts", "part"])),
        ("huge".into(), [list.clone(), vec![0; MAX_LIST_BYTES]].concat()),
        ("with something behind it".into(), [list.clone(), vec![0]].concat()),
        ("damaged PEM".into(), b"-----BEGIN X509 CRL-----\nAAAA\n-----END CERTIFICATE-----\n".to_vec()),
    ];
    lists.extend((1..8).map(|it| (format!("{it} eighths of it"), cut(&list, it))));
    lists.extend([4, 128, 255, 300].map(|it| (format!("one bit flipped, {it} from its end"), flipped(&list, it))));
    for (name, bytes) in &answers {
        let told = bureau.by_answer(bytes, &bureau.good);
        assert!(told.is_err(), "an answer: {name}: {told:?}");
    }
    for (name, bytes) in &lists {
        let told = bureau.by_list(bytes, &bureau.good);
        assert!(told.is_err(), "a list: {name}: {told:?}");
    }
    // What was true once, and what will be.
    for (days, expected) in [(3, RevocationError::Stale), (-3, RevocationError::Early)] {
        let now = bureau.now + SignedDuration::from_hours(24 * days);
        assert_eq!(answer(&good, &bureau.good, &bureau.issuer, &NONCE, now), Err(expected));
        assert_eq!(List::read(&list, &bureau.issuer, now).err(), Some(expected));
    }
    let replayed = answer(&good, &bureau.good, &bureau.issuer, &[1; NONCE_BYTES], bureau.now);
    assert_eq!(replayed, Err(RevocationError::Nonce), "the answer to somebody else's question");
    assert!(answers.len() + lists.len() + 5 > 40, "{} and {}", answers.len(), lists.len());
    covers!("revocation: more than forty hostile lists and answers, none of them ever good");
}

#[test]
fn mutants_of_lists_and_answers_say_nothing_good() {
    let bureau = Bureau::new();
    let other = Certificate::parse(&bureau.read("other.pem")).expect("a certificate");
    let samples = [bureau.answered(&bureau.good, "other", &[]), bureau.list("other", &[])];
    let body = |bytes: &[u8]| {
        fuzz::revocation_of(bytes, &bureau.good, &bureau.issuer);
        fuzz::revocation(bytes);
    };
    let tried = storm::over("revocation", &samples, 1_000, body);
    assert!(tried >= 2_000, "{tried}");
    assert_ne!(other.rsa_public_key(), bureau.issuer.rsa_public_key());
    covers!("revocation: two thousand mutants of lists and answers, no panic, nothing good");
}
