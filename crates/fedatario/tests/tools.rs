//! The tools that work offline, as a user runs them in a pipe, with xmllint, xmlsec1 and openssl as judges.

mod support;

#[path = "../../xmlsig/tests/suite/dice.rs"]
#[allow(dead_code, reason = "shared with the suite of xmlsig")]
mod dice;
#[path = "../../xmlsig/tests/suite/generate.rs"]
#[allow(dead_code, reason = "shared with the suite of xmlsig")]
mod generate;

use dice::Dice;
use fedatario_base::Secret;
use fedatario_credentials::Kind;
use fedatario_credentials::mint::{Authority, Subject};
use fedatario_testkit::{covers, fixtures, fixtures_or_skip};
use jiff::{Span, Timestamp};
use serde_json::Value;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use support::{Ended, Shell, examples};

/// Documents whose canonical forms are compared through the shell; the library's own suite has more.
const DOCUMENTS: usize = 40;
const PASSWORD: &str = "contraseña que nadie ve";
const RFC: &str = "EKU9003173C9";
const DOCUMENT: &str = "<?xml version=\"1.0\"?>\n<a xmlns=\"urn:a\">\r\n <b c='1\t2'>Ñandú</b><!-- x -->\n</a>\n";

/// A folder with an authority, an e.firma and a seal of it, in the forms that people have them.
struct Desk {
    folder: tempfile::TempDir,
    shell: Shell,
    now: Timestamp,
}

impl Desk {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        // Whatever needed the folder of the data would make it.
        let shell = Shell::new(folder.path().join("never"));
        let desk = Self { shell, now: now(&folder), folder };
        let authority = Authority::generate("AC DE PRUEBA", desk.now).expect("an authority");
        desk.write("ca.pem", authority.certificate_pem().as_bytes());
        let other = Authority::generate("AC DE NADIE", desk.now).expect("an authority");
        desk.write("other.pem", other.certificate_pem().as_bytes());
        desk.mint(&authority, "fiel", Kind::Fiel, "30001000000500003415");
        desk.mint(&authority, "csd", Kind::Csd, "30001000000500003416");
        desk.write("password.txt", format!("{PASSWORD}\n").as_bytes());
        desk.write("wrong.txt", b"another\n");
        desk.write("in.xml", DOCUMENT.as_bytes());
        desk
    }

    fn mint(&self, authority: &Authority, name: &str, kind: Kind, number: &str) {
        let subject = Subject {
            rfc: RFC.into(),
            representative_rfc: Some("VADA800927DJ3".into()),
            name: "ESCUELA KEMPER URGATE SA DE CV".into(),
            curp: Some("VADA800927HSRSRL05".into()),
            branch: (kind == Kind::Csd).then(|| "Matriz".to_owned()),
        };
        let until = self.now + Span::new().hours(24 * 300);
        let minted = authority.issue(&subject, kind, number, self.now - Span::new().hours(24), until).expect("issued");
        self.write(&format!("{name}.cer"), &minted.cer_der);
        self.write(&format!("{name}.key"), &minted.key_file(&Secret::new(PASSWORD)).expect("a key file"));
        self.write(&format!("{name}.pkcs8"), minted.pkcs8_der.expose());
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).to_str().expect("UTF-8").to_owned()
    }

    fn write(&self, name: &str, bytes: &[u8]) -> String {
        std::fs::write(self.path(name), bytes).expect("writable");
        self.path(name)
    }

    fn judge(&self, program: &str, arguments: &[&str]) -> Output {
        let done = Command::new(program).args(arguments).current_dir(&self.folder).stdin(Stdio::null()).output();
        done.unwrap_or_else(|error| panic!("{program} is needed: {error}"))
    }

    fn agreed(&self, program: &str, arguments: &[&str]) -> Vec<u8> {
        let done = self.judge(program, arguments);
        assert!(done.status.success(), "{program} {arguments:?}: {}", String::from_utf8_lossy(&done.stderr));
        done.stdout
    }

    /// Runs a tool with something at its standard input: exit, output, errors.
    fn piped(&self, arguments: &[&str], input: &[u8]) -> (i32, Vec<u8>, String) {
        let mut command = self.shell.command(arguments);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
        let mut pipe = child.stdin.take().expect("piped");
        let input = input.to_vec();
        let writer = std::thread::spawn(move || drop(pipe.write_all(&input)));
        let done = child.wait_with_output().expect("it ends");
        writer.join().expect("the writer ends");
        (done.status.code().unwrap_or(-1), done.stdout, String::from_utf8_lossy(&done.stderr).into_owned())
    }

    fn sign(&self, more: &[&str]) -> Vec<u8> {
        let (cer, key, password) = (self.path("fiel.cer"), self.path("fiel.key"), self.path("password.txt"));
        let arguments = [&["xml", "sign", "--cer", &cer, "--key", &key, "--password-file", &password][..], more, &["-"]].concat();
        let (exit, signed, said) = self.piped(&arguments, DOCUMENT.as_bytes());
        assert_eq!((exit, said.as_str()), (0, ""));
        signed
    }

    fn verify(&self, document: &[u8], more: &[&str]) -> Ended {
        let (exit, stdout, stderr) = self.piped(&[&["xml", "verify", "--json"], more, &["-"]].concat(), document);
        Ended { exit, stdout: String::from_utf8(stdout).expect("UTF-8"), stderr }
    }
}

/// The time of the machine, by a file that was just made: the tools go by it too.
fn now(folder: &tempfile::TempDir) -> Timestamp {
    let made = std::fs::metadata(folder.path()).and_then(|it| it.modified()).expect("a time");
    Timestamp::try_from(made).expect("in range")
}

#[test]
fn canonical_forms_of_the_shell_are_those_of_libxml2() {
    let desk = Desk::new();
    let mut dice = Dice(0x70_015);
    for place in 0..DOCUMENTS {
        let document = generate::document(&mut dice);
        let path = desk.write(&format!("c14n-{place}.xml"), document.as_bytes());
        let exclusive = place % 2 == 1;
        let theirs = desk.agreed("xmllint", &[if exclusive { "--exc-c14n" } else { "--c14n" }, &path]);
        let mut arguments = vec!["xml", "c14n", "--comments"];
        arguments.extend(exclusive.then_some("--exclusive"));
        let (exit, ours, said) = match place % 3 {
            0 => desk.piped(&[&arguments[..], &["-"]].concat(), document.as_bytes()),
            _ => desk.piped(&[&arguments[..], &[&path]].concat(), b""),
        };
        assert_eq!((exit, said.as_str()), (0, ""), "{document}");
        assert_eq!(String::from_utf8_lossy(&ours), String::from_utf8_lossy(&theirs), "{document}");
    }
    let rows: [(&[&str], &str); 3] = [
        (&[], "<a xmlns=\"urn:a\" xmlns:u=\"urn:u\"><u:b c=\"1\"></u:b></a>"),
        (&["--comments"], "<a xmlns=\"urn:a\" xmlns:u=\"urn:u\"><u:b c=\"1\"></u:b><!-- x --></a>"),
        (&["--exclusive"], "<a xmlns=\"urn:a\"><u:b xmlns:u=\"urn:u\" c=\"1\"></u:b></a>"),
    ];
    for (options, expected) in rows {
        let arguments = [&["xml", "c14n"], options, &["-"]].concat();
        let (exit, ours, _) = desk.piped(&arguments, b"<a xmlns:u='urn:u' xmlns='urn:a'><u:b c='1'/><!-- x --></a>");
        assert_eq!((exit, String::from_utf8_lossy(&ours).as_ref()), (0, expected));
    }
    covers!("tools: xml c14n gives libxml2's bytes, from a file and from a pipe");
}

#[test]
fn what_the_shell_signs_xmlsec_verifies() {
    let desk = Desk::new();
    let fiel = [("plain", desk.sign(&[])), ("dgii", desk.sign(&["--profile", "dgii"]))];
    for (profile, signed) in &fiel {
        let path = desk.write(&format!("signed-{profile}.xml"), signed);
        desk.agreed("xmlsec1", &["--verify", "--trusted-pem", &desk.path("ca.pem"), &path]);
        let good = desk.verify(signed, &["--profile", profile, "--ca", &desk.path("ca.pem")]).good();
        assert_eq!((good["good"].as_bool(), good["chain"]["state"].as_str()), (Some(true), Some("holds")), "{good}");
        assert_eq!(good["chain"]["path"].as_array().map(Vec::len), Some(2));
        assert_eq!((good["signed"]["root"].as_str(), good["signed"]["namespace"].as_str()), (Some("a"), Some("urn:a")));
        assert_eq!((good["signer"]["tax_id"].as_str(), good["signer"]["kind"].as_str()), (Some(RFC), Some("fiel")));
        assert_eq!(
            (good["signer"]["number"].as_str(), good["signer"]["valid_at"].as_bool()),
            (Some("30001000000500003415"), Some(true))
        );
    }
    let (pem, key) = (desk.path("fiel.pem"), desk.path("fiel.pkcs8"));
    desk.agreed("openssl", &["x509", "-inform", "der", "-in", &desk.path("fiel.cer"), "-out", &pem]);
    desk.agreed("openssl", &["pkey", "-inform", "der", "-in", &key, "-out", "fiel.plain.pem"]);
    let export = ["pkcs12", "-export", "-inkey", "fiel.plain.pem", "-in", &pem, "-out", "fiel.p12"];
    desk.agreed("openssl", &[&export[..], &["-passout", &format!("pass:{PASSWORD}")]].concat());
    let (p12, password) = (desk.path("fiel.p12"), desk.path("password.txt"));
    let of_p12 = desk.piped(&["xml", "sign", "--p12", &p12, "--password-file", &password, &desk.path("in.xml")], b"");
    // RSA PKCS#1 v1.5 has no chance in it: the same key signs the same.
    assert_eq!(of_p12, (0, fiel[0].1.clone(), String::new()));
    assert!(!desk.shell.dir.exists(), "a filter made the folder of the data");
    covers!("tools: xml sign, from two files and from one, makes what xmlsec1 verifies, and touches no folder");
}

#[test]
fn what_xmlsec_signs_the_shell_verifies() {
    let desk = Desk::new();
    let pem = desk.path("fiel.pem");
    desk.agreed("openssl", &["x509", "-inform", "der", "-in", &desk.path("fiel.cer"), "-out", &pem]);
    desk.agreed("openssl", &["pkey", "-inform", "der", "-in", &desk.path("fiel.pkcs8"), "-out", "fiel.plain.pem"]);
    for method in ["http://www.w3.org/TR/2001/REC-xml-c14n-20010315", "http://www.w3.org/2001/10/xml-exc-c14n#"] {
        let template = format!(
            "<r xmlns:x='urn:x' x:y='&#13;'>a<b/><Signature xmlns=\"http://www.w3.org/2000/09/xmldsig#\"><SignedInfo>\
             <CanonicalizationMethod Algorithm=\"{method}\"/><SignatureMethod Algorithm=\"http://www.w3.org/2001/04/xmldsig-more#rsa-sha256\"/>\
             <Reference URI=\"\"><Transforms><Transform Algorithm=\"http://www.w3.org/2000/09/xmldsig#enveloped-signature\"/></Transforms>\
             <DigestMethod Algorithm=\"http://www.w3.org/2001/04/xmlenc#sha256\"/><DigestValue/></Reference></SignedInfo>\
             <SignatureValue/><KeyInfo><X509Data><X509Certificate/></X509Data></KeyInfo></Signature></r>"
        );
        let path = desk.write("template.xml", template.as_bytes());
        let signed = desk.agreed("xmlsec1", &["--sign", "--privkey-pem", &format!("fiel.plain.pem,{pem}"), &path]);
        let good = desk.verify(&signed, &["--ca", &desk.path("ca.pem")]).good();
        assert_eq!((good["signed"]["root"].as_str(), good["chain"]["state"].as_str()), (Some("r"), Some("holds")));
        let unchecked = desk.verify(&signed, &[]).good();
        assert_eq!(unchecked["chain"]["state"], "unchecked");
        let spoken = desk.piped(&["xml", "verify", "-"], &signed);
        let spoken = String::from_utf8_lossy(&spoken.1).into_owned();
        assert!(spoken.contains(RFC) && spoken.contains("sin comprobar"), "{spoken}");
    }
    covers!("tools: xml verify believes what xmlsec1 signs, and says whether the chain was checked");
}

#[test]
fn a_signature_that_is_not_good_has_a_coded_reason() {
    let desk = Desk::new();
    let signed = String::from_utf8(desk.sign(&[])).expect("UTF-8");
    let (ca, other) = (desk.path("ca.pem"), desk.path("other.pem"));
    let rows: &[(&str, String, &[&str], i32, &str)] = &[
        ("altered", signed.replace("Ñandú", "Nandu"), &[], 1, "signature_digest"),
        ("value altered", signed.replace("<SignatureValue>", "<SignatureValue>AAAA"), &[], 1, "signature_invalid"),
        ("unsigned", DOCUMENT.to_owned(), &[], 1, "signature_missing"),
        (
            "signed root in a new one",
            format!("<n>{}</n>", signed.replace("<?xml version=\"1.0\"?>", "")),
            &[],
            1,
            "signature_missing",
        ),
        ("SHA-1", signed.replace("2001/04/xmldsig-more#rsa-sha256", "2000/09/xmldsig#rsa-sha1"), &[], 1, "signature_algorithm"),
        ("nobody's authority", signed.clone(), &["--ca", &other], 1, "certificate_chain"),
        ("after its validity", signed.clone(), &["--ca", &ca, "--at", "2199-01-01"], 1, "certificate_expired"),
        ("before its validity", signed.clone(), &["--ca", &ca, "--at", "2001-01-01T00:00:00Z"], 1, "certificate_not_yet_valid"),
        ("another profile", signed.clone(), &["--profile", "sat-request"], 1, "signature_missing"),
        ("a DOCTYPE", format!("<!DOCTYPE a>{}", signed.replace("<?xml version=\"1.0\"?>", "")), &[], 2, "xml_doctype"),
        ("100,000 deep", "<a>".repeat(100_000), &[], 2, "xml_too_deep"),
        ("no XML", "garbage".to_owned(), &[], 2, "xml_malformed"),
    ];
    for (name, document, options, exit, code) in rows {
        let ended = desk.verify(document.as_bytes(), options);
        let told = ended.json();
        assert_eq!(
            (ended.exit, told["good"].as_bool(), told["code"].as_str()),
            (*exit, Some(false), Some(*code)),
            "{name}: {ended:?}"
        );
    }
    let both = desk.verify(signed.as_bytes(), &["--ca", &other, "--ca", &ca]);
    assert_eq!(both.good()["chain"]["state"], "holds");
    covers!("tools: xml verify ends with 1 and a coded reason when the signature is not good");
}

#[test]
fn what_the_tools_refuse_is_coded_and_gives_nothing_away() {
    let desk = Desk::new();
    let (cer, key, csd) = (desk.path("fiel.cer"), desk.path("fiel.key"), desk.path("csd.cer"));
    let (password, wrong, xml, missing) =
        (desk.path("password.txt"), desk.path("wrong.txt"), desk.path("in.xml"), desk.path("missing"));
    let signed = desk.write("signed.xml", &desk.sign(&[]));
    let sign = |cer: &str, key: &str, password: &str, file: &str| {
        desk.shell.run(&["xml", "sign", "--cer", cer, "--key", key, "--password-file", password, file, "--json"])
    };
    let rows = [
        (sign(&cer, &key, &wrong, &xml), 2, "key_password"),
        (sign(&csd, &key, &password, &xml), 2, "key_mismatch"),
        (sign(&key, &cer, &password, &xml), 2, "certificate_format"),
        (sign(&cer, &key, &password, &missing), 2, "usage"),
        (sign(&cer, &key, &password, &signed), 1, "signature_ambiguous"),
        (sign(&cer, &key, &password, &cer), 2, "xml_malformed"),
        (desk.shell.run(&["xml", "sign", "--cer", &cer, "--password-file", &password, &xml, "--json"]), 2, "usage"),
        (desk.shell.run(&["xml", "verify", "--profile", "none", &xml, "--json"]), 2, "usage"),
        (desk.shell.run(&["xml", "verify", "--at", "yesterday", &xml, "--json"]), 2, "usage"),
        (desk.shell.run(&["xml", "verify", "--ca", &xml, &xml, "--json"]), 2, "certificate_format"),
        (desk.shell.run(&["xml", "c14n", &cer, "--json"]), 2, "xml_malformed"),
        (desk.shell.run(&["cfdi", "json", &xml, "--json"]), 2, "cfdi_format"),
        (desk.shell.run(&["cfdi", "json", &cer, "--json"]), 2, "xml_malformed"),
    ];
    for (ended, exit, code) in rows {
        assert_eq!((ended.exit, ended.json()["error"]["code"].as_str()), (exit, Some(code)), "{ended:?}");
        let said = format!("{}{}", ended.stdout, ended.stderr);
        assert!(!said.contains(PASSWORD) && !said.contains("another"), "{said}");
    }
    covers!("tools: bad input to the tools ends with 2 and a code, and no password is repeated");
}

fn lines(ended: &Ended) -> Vec<Value> {
    ended.stdout.lines().map(|it| serde_json::from_str(it).unwrap_or_else(|error| panic!("{error}: {ended:?}"))).collect()
}

#[test]
fn certificates_and_keys_are_told_apart_and_together() {
    let desk = Desk::new();
    let (cer, key, csd) = (desk.path("fiel.cer"), desk.path("fiel.key"), desk.path("csd.cer"));
    let (plain, password) = (desk.path("fiel.pkcs8"), desk.path("password.txt"));
    let inspect = |more: &[&str]| desk.shell.run(&[&["cert", "inspect", "--json"], more].concat());

    let all = inspect(&[&cer, &csd, &key, &plain, "--password-file", &password]);
    let told = lines(&all);
    assert_eq!((all.exit, told.len()), (0, 4), "{all:?}");
    let brief = |it: &Value| format!("{} {} {} {}", it["type"], it["kind"], it["tax_id"], it["key_match"]).replace('"', "");
    assert_eq!(brief(&told[0]), format!("certificate fiel {RFC} {key}"));
    assert_eq!(brief(&told[1]), format!("certificate csd {RFC} null"));
    assert_eq!(
        (told[0]["tax_id_kind"].as_str(), told[0]["valid"].as_bool(), told[1]["branch"].as_str()),
        (Some("rfc"), Some(true), Some("Matriz"))
    );
    assert_eq!((told[2]["key_match"].as_str(), told[2]["key_bits"].as_u64()), (Some(cer.as_str()), Some(2048)));
    let shown = desk.agreed("openssl", &["x509", "-inform", "der", "-in", &cer, "-noout", "-fingerprint", "-sha256"]);
    let theirs = String::from_utf8_lossy(&shown).split('=').nth(1).expect("a digest").trim().replace(':', "").to_lowercase();
    assert_eq!(told[0]["fingerprint_sha256"].as_str(), Some(theirs.as_str()));

    let stray = inspect(&[&csd, &plain]);
    assert_eq!((stray.exit, lines(&stray)[1]["code"].as_str()), (1, Some("key_mismatch")), "{stray:?}");
    let closed = inspect(&[&key]);
    assert_eq!((closed.exit, lines(&closed)[0]["opened"].as_bool()), (0, Some(false)), "{closed:?}");
    let mixed = inspect(&[&desk.path("in.xml"), &cer]);
    assert_eq!((mixed.exit, lines(&mixed)[0]["error"]["code"].as_str(), lines(&mixed).len()), (2, Some("certificate_format"), 2));
    let piped = desk.piped(&["cert", "inspect", "-"], &std::fs::read(&cer).expect("readable"));
    assert!(piped.0 == 0 && String::from_utf8_lossy(&piped.1).contains(RFC));
    covers!("tools: cert inspect tells kinds, tax ids, validity and which key is whose");
}

#[test]
fn every_published_credential_is_inspected() {
    let fixtures = fixtures_or_skip!();
    let desk = Desk::new();
    let password = fixtures.join("mx/fiel/password.txt");
    let folder = fixtures.join("mx/fiel/key-formats");
    let mut files: Vec<PathBuf> = std::fs::read_dir(&folder).expect("a folder").map(|it| it.expect("an entry").path()).collect();
    files.sort();
    let text = |it: &Path| it.to_str().expect("UTF-8").to_owned();
    let names: Vec<String> = files.iter().map(|it| text(it)).collect();
    let mut arguments = vec!["cert", "inspect", "--json", "--password-file"];
    let password = text(&password);
    arguments.push(&password);
    arguments.extend(names.iter().map(String::as_str));
    let ended = desk.shell.run(&arguments);
    for told in lines(&ended) {
        let file = told["file"].as_str().expect("a file");
        let is_other = file.contains("WERX");
        assert!(told["error"].is_null(), "{told}");
        assert_eq!(told["key_match"].is_null(), is_other, "{told}");
    }
    assert_eq!((ended.exit, lines(&ended).len()), (1, names.len())); // One key has no certificate there.
    let login = fixtures::read(&fixtures, "mx/soap/phpcfdi/autentica.xml");
    let told = desk.verify(&login, &["--profile", "sat-token"]).good();
    assert_eq!((told["signed"]["root"].as_str(), told["signed"]["digest_algorithm"].as_str()), (Some("u:Timestamp"), Some("sha1")));
    let receipt = fixtures::read(&fixtures, "do/ecf/dgii-signed/131880738E310000000002.xml");
    let told = desk.verify(&receipt, &["--profile", "dgii"]).good();
    assert_eq!((told["signer"]["kind"].as_str(), told["signer"]["tax_id_kind"].as_str()), (Some("ecf"), Some("cedula")));
    covers!("tools: every published form of certificate and key is inspected, and published signatures verify");
}

#[test]
fn a_cfdi_becomes_json_in_a_pipe() {
    let desk = Desk::new();
    let mut seen = 0;
    for entry in std::fs::read_dir(examples()).expect("the examples") {
        let path = entry.expect("an entry").path();
        if path.extension().is_none_or(|it| it != "xml") {
            continue;
        }
        let xml = std::fs::read(&path).expect("readable");
        let (exit, json, said) = desk.piped(&["cfdi", "json", "-"], &xml);
        assert_eq!((exit, said.as_str()), (0, ""), "{}", path.display());
        let told: Value = serde_json::from_slice(&json).expect("JSON");
        let root = told.as_object().and_then(|it| it.keys().next()).expect("a root");
        assert!(String::from_utf8_lossy(&xml).contains(&format!("<{root}")), "{root}");
        assert_eq!(json.iter().filter(|it| **it == b'\n').count(), 1);
        seen += 1;
    }
    assert!(seen >= 10, "{seen}");
    covers!("tools: cfdi json writes one line of JSON for each document");
}
