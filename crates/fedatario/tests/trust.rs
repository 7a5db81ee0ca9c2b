//! Certificates minted, inspected and judged in the shell, with openssl as the responder of their authority.

mod support;

use fedatario_testkit::covers;
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use support::Shell;

/// A responder that openssl runs; it ends with this.
struct Responder {
    child: Child,
    port: u16,
}

impl Drop for Responder {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Responder {
    fn start(folder: &Path) -> Self {
        let port = TcpListener::bind("127.0.0.1:0").and_then(|it| it.local_addr()).expect("a port").port();
        let number = port.to_string();
        let arguments = ["ocsp", "-port", &number, "-index", "index.txt", "-CA", "do.pem", "-rsigner", "do.pem", "-rkey", "do.key"];
        let mut command = Command::new("openssl");
        command.current_dir(folder).args(arguments).args(["-ndays", "1"]).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("openssl is installed");
        // It says that it waits on either of the two, by its version.
        let (out, err) = (child.stdout.take().expect("piped"), child.stderr.take().expect("piped"));
        let (told, heard) = std::sync::mpsc::channel();
        for stream in [Box::new(out) as Box<dyn Read + Send>, Box::new(err)] {
            let told = told.clone();
            std::thread::spawn(move || {
                for line in BufReader::new(stream).lines().map_while(Result::ok) {
                    let _ = told.send(line);
                }
            });
        }
        while !heard.recv().expect("it goes on").contains("waiting for OCSP client connections") {}
        Self { child, port }
    }
}

struct Desk {
    folder: tempfile::TempDir,
}

impl Desk {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().expect("a folder") }
    }

    fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn shell(&self) -> Shell {
        Shell::new(self.at("never"))
    }

    fn mint(&self, more: &[&str]) -> Value {
        let out = self.at("certs").display().to_string();
        self.shell().run(&[&["sandbox", "mint", "--json", "--out", &out], more].concat()).good()
    }

    fn inspect(&self, shell: &Shell, file: &str, more: &[&str]) -> (i32, Value) {
        let (file, password) = (self.at("certs").join(file), self.at("certs/password.txt"));
        let basic =
            ["cert", "inspect", "--json", "--password-file", password.to_str().expect("UTF-8"), file.to_str().expect("UTF-8")];
        let ended = shell.run(&[&basic[..], more].concat());
        (ended.exit, serde_json::from_str(ended.stdout.trim()).unwrap_or_else(|error| panic!("{error}: {ended:?}")))
    }

    /// What the authority knows of a certificate, as openssl keeps it.
    fn index(&self, minted: &[(&Value, bool)]) {
        let line = |(it, is_revoked): &(&Value, bool)| {
            let serial = it["number"].as_str().expect("a number").to_uppercase();
            let (state, at) = if *is_revoked { ("R", "250601120000Z,keyCompromise") } else { ("V", "") };
            format!("{state}\t400101000000Z\t{at}\t{serial}\tunknown\t/CN={serial}\n")
        };
        std::fs::write(self.at("certs/authority/index.txt"), minted.iter().map(line).collect::<String>()).expect("writable");
    }
}

const ECF: &[&str] = &["--kind", "ecf", "--tax-id", "00199999996", "--name", "PEDRO PÉREZ"];

#[test]
fn certificates_of_three_countries_are_minted_and_told_apart() {
    let desk = Desk::new();
    let rows = [
        (ECF, "ecf-00199999996.p12", "ecf", "cedula", "00199999996"),
        (
            &["--kind", "pa", "--tax-id", "155596713-2-2015", "--name", "COMERCIAL ÑANDÚ, S.A."],
            "pa-155596713-2-2015.p12",
            "pa",
            "ruc",
            "155596713-2-2015",
        ),
        (
            &["--kind", "fiel", "--tax-id", "EKU9003173C9", "--name", "ESCUELA"],
            "fiel-EKU9003173C9.p12",
            "fiel",
            "rfc",
            "EKU9003173C9",
        ),
        (&["--kind", "csd", "--tax-id", "EKU9003173C9", "--name", "ESCUELA"], "csd-EKU9003173C9.cer", "csd", "rfc", "EKU9003173C9"),
    ];
    for (arguments, file, kind, tax_id_kind, tax_id) in rows {
        let minted = desk.mint(arguments);
        assert_eq!((minted["kind"].as_str(), minted["tax_id"].as_str()), (Some(kind), Some(tax_id)), "{minted}");
        let trust = desk.at("certs/authority").display().to_string();
        let (exit, told) = desk.inspect(&desk.shell(), file, &["--trust", &trust]);
        assert_eq!(
            (exit, told["chain"]["state"].as_str(), told["tax_id_kind"].as_str()),
            (0, Some("trusted"), Some(tax_id_kind)),
            "{told}"
        );
        assert_eq!(told["revocation"], json!({ "state": "unknown", "why": "not_asked" }));
        let (exit, told) = desk.inspect(&desk.shell(), file, &[]);
        assert_eq!((exit, told["chain"]["state"].as_str()), (0, Some("unknown")), "nobody configured: {told}");
        let p12 = desk.at("certs").join(file).with_extension("p12").display().to_string();
        let read = Command::new("openssl").args(["pkcs12", "-in", &p12, "-passin", "pass:12345678a", "-nodes", "-noout"]).output();
        assert!(read.expect("openssl is installed").status.success(), "openssl on {file}");
    }
    desk.mint(&[ECF, &["--valid-from", "2020-01-01", "--valid-days", "30"]].concat());
    let trust = desk.at("certs/authority").display().to_string();
    let (_, told) = desk.inspect(&desk.shell(), "ecf-00199999996.p12", &["--trust", &trust]);
    assert_eq!((told["valid"].as_bool(), told["chain"]["state"].as_str()), (Some(false), Some("trusted")), "its time is over");
    let other = desk.shell().with("FEDATARIO_TRUST", &trust);
    let stranger = Desk::new();
    stranger.mint(ECF);
    let (exit, told) = stranger.inspect(&other, "ecf-00199999996.p12", &[]);
    assert_eq!((exit, told["chain"]["state"].as_str()), (1, Some("untrusted")), "nobody's authority is a finding: {told}");
    let bad = desk.shell().run(&["sandbox", "mint", "--kind", "pa", "--tax-id", "x", "--name", "X", "--out", &trust, "--json"]);
    assert_eq!((bad.exit, bad.json()["error"]["code"].as_str()), (2, Some("tax_id_format")), "{bad:?}");
    covers!("mint: the shell mints certificates of three countries that openssl opens and cert inspect judges");
}

#[test]
fn an_authority_is_asked_over_the_network_and_its_silence_is_unknown() {
    let desk = Desk::new();
    let good = desk.mint(ECF);
    std::fs::rename(desk.at("certs/ecf-00199999996.p12"), desk.at("certs/good.p12")).expect("moved");
    let revoked = desk.mint(ECF);
    desk.index(&[(&good, false), (&revoked, true)]);
    let responder = Responder::start(&desk.at("certs/authority"));
    let (lists, page) = (served(b"<html>en mantenimiento</html>".to_vec()), served(vec![b'x'; 100 << 10]));
    let url = format!("http://127.0.0.1:{}/", responder.port);
    let trust = desk.at("certs/authority").display().to_string();
    let configured = |ocsp: &[&str], crl: &[&str]| {
        let asking = json!({ "authorities": [{ "file": "do.pem", "ocsp": ocsp, "crl": crl }] });
        std::fs::write(desk.at("certs/authority/revocation.json"), asking.to_string()).expect("writable");
    };
    let open = desk.shell().with("FEDATARIO_TRUST_ALLOW_PRIVATE", "127.0.0.0/8");
    let look = |shell: &Shell, file: &str| desk.inspect(shell, file, &["--trust", &trust, "--online"]);

    configured(&[&page, &url], &[]);
    let (exit, told) = look(&open, "good.p12");
    assert_eq!((exit, told["revocation"]["state"].as_str()), (0, Some("good")), "{told}");
    let (exit, told) = look(&open, "ecf-00199999996.p12");
    assert_eq!((exit, told["revocation"]["reason"].as_str()), (1, Some("key_compromise")), "a revoked one is a finding: {told}");

    let unknown = |shell: &Shell, why: &str| {
        let (exit, told) = look(shell, "good.p12");
        let said = told["revocation"]["why"].as_str().unwrap_or_default().to_owned();
        assert_eq!((exit, told["revocation"]["state"].as_str()), (0, Some("unknown")), "{told}");
        assert!(said.contains(why), "{why}: {said}");
    };
    configured(&[&page], &[]);
    unknown(&open, "too large");
    configured(&[], &[&lists]);
    unknown(&open, "ASN.1");
    configured(&[], &["http://127.0.0.1:1/a.crl"]);
    unknown(&open, "no answer");
    configured(&[&url], &[]);
    unknown(&desk.shell(), "only the ports of the web");
    for odd in ["ftp://127.0.0.1/a.crl", "http://user@127.0.0.1/", "file:///etc/passwd"] {
        configured(&[], &[odd]);
        unknown(&open, "");
    }
    configured(&[], &[]);
    unknown(&open, "no_address");
    std::fs::write(desk.at("certs/authority/revocation.json"), br#"{"authorities":[{"file":"nobody.pem"}]}"#).expect("writable");
    let stray = open.run(&["cert", "inspect", "--json", "--trust", &trust, &trust]);
    assert_eq!((stray.exit, stray.json()["error"]["code"].as_str()), (2, Some("config_invalid")), "{stray:?}");
    covers!("revocation: openssl's responder is asked over the network through the guard, and whatever fails is unknown");
}

/// An address that answers everybody with the same bytes.
fn served(body: Vec<u8>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("its address").port();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let mut asked = [0; 8 << 10];
            let _ = stream.read(&mut asked);
            let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
            let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&body));
        }
    });
    format!("http://127.0.0.1:{port}/")
}
