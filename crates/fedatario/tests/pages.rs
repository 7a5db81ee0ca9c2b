//! Pages of the documentation, run as they stand: only their ports are others, and somebody listens for the
//! webhook of the first day. What they print is what they say.

use fedatario_testkit::covers;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::process::Command;
use std::sync::mpsc;

/// Where the pages are.
const PAGES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs");
/// The ports that they name: the simulator's, the API's, the receiver's.
const PORTS: [&str; 2] = ["8180", "8080"];
const RECEIVER: &str = "8280";

/// The commands of a page, in order.
fn commands(page: &str) -> String {
    let blocks = page.split("```sh\n").skip(1).filter_map(|it| it.split("```").next());
    blocks.collect()
}

/// A port that is free now.
fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Takes whatever is posted, and hands it on.
fn receiver() -> (u16, mpsc::Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let (send, receive) = mpsc::channel();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let (mut text, mut buffer) = (String::new(), [0; 16 << 10]);
            while !is_whole(&text) {
                match stream.read(&mut buffer) {
                    Ok(0) | Err(_) => break,
                    Ok(read) => text.push_str(&String::from_utf8_lossy(&buffer[..read])),
                }
            }
            let _ = stream.write_all(b"HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n");
            let _ = send.send(text);
        }
    });
    (port, receive)
}

/// Whether a request came to its end.
fn is_whole(text: &str) -> bool {
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
    let length = head.to_lowercase().lines().find_map(|it| it.strip_prefix("content-length: ")?.trim().parse::<usize>().ok());
    body.len() >= length.unwrap_or_default()
}

/// What a page says when it is run.
struct Ran {
    said: String,
    logged: String,
}

/// Runs a page in an empty folder, with other ports.
fn run(page: &str, receiver: u16) -> Ran {
    let page = std::fs::read_to_string(format!("{PAGES}/{page}")).unwrap();
    let mut script = PORTS.iter().fold(commands(&page), |script, port| script.replace(port, &free_port().to_string()));
    script = script.replace(RECEIVER, &receiver.to_string());
    let base = tempfile::tempdir().unwrap();
    let programs = std::path::Path::new(env!("CARGO_BIN_EXE_fedatario")).parent().unwrap();
    let path = format!("{}:{}", programs.display(), std::env::var("PATH").unwrap());
    let script = format!("set -euo pipefail\ntrap 'kill $(jobs -p) 2>/dev/null || true' EXIT\n{script}");
    let mut command = Command::new("bash");
    command.args(["-c", &script]).current_dir(base.path()).env("PATH", path).env("FEDATARIO_LANG", "es");
    let ended = command.output().unwrap();
    let [said, logged] = [ended.stdout, ended.stderr].map(|it| String::from_utf8_lossy(&it).into_owned());
    assert!(ended.status.success(), "{said}\n{logged}");
    Ran { said, logged }
}

#[test]
fn the_page_of_the_first_day_says_what_happens() {
    let (hook, told) = receiver();
    let Ran { said, logged } = run("first-day.md", hook);
    for part in [
        "\"mfa_enrolled\": true,\n  \"mfa_enrolment_required\": false",
        "\"email\": \"luis@empresa.mx\"",
        "403 permission_denied",
        "\"unverifiable\": 0",
        "event: progress",
        "event: done",
        "\"missing\": 0",
        "sat.year.complete delivered",
        "1 sat.report.made",
        "\"forged\": 0",
        "1 sat.check.asked",
        "1 member.joined",
    ] {
        assert!(said.contains(part), "{part}: {said}\n{logged}");
    }
    assert!(said.trim_end().ends_with("true"), "{said}");
    let events: Vec<String> = told.try_iter().collect();
    assert_eq!(events.len(), 1, "{events:#?}");
    assert!(events[0].contains("webhook-signature: v1,") && events[0].contains("\"sat.year.complete\""), "{events:?}");
    covers!("operation x refusal", "POST /api/sat/taxpayers/{taxpayer}/checks", "audit entry");
    covers!("the API's first day: the page with curl, from an empty folder to a year and its webhook, runs as it stands");
}

#[test]
fn the_page_of_a_signature_says_what_happens() {
    let Ran { said, logged } = run("a-signature.md", 0);
    let told = [
        "ESCUELA KEMPER URGATE fiel active true, 729 days",
        "active\nreplaced",
        "400 certificate_password",
        "422 certificate_taxpayer_mismatch",
        "422 certificate_delegation",
        "\necf\n",
        "1 plain done",
        "signature.intended done",
        "signature.ended done",
        "\"intact\": true",
        "\"key\": \"pinned\"",
        "exit 1",
        "{\"intact\":false,\"damage\":[{\"code\":\"audit_altered\",\"kind\":\"altered\"",
    ];
    for part in told {
        assert!(said.contains(part), "{part}: {said}\n{logged}");
    }
    assert!(said.contains("\nOK\n") || said.contains("Verification status: OK"), "xmlsec1: {said}\n{logged}");
    assert!(said.contains("403 purpose_refused"), "the seed: {said}");
    covers!(
        "the proof: the page with curl, from a certificate to a signature that others verify and a byte that is found, runs as it stands"
    );
}
