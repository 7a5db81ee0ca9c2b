//! The page of the first day, run as it stands: only its ports are others, and somebody listens for the
//! webhook. What it prints is what it says.

use fedatario_testkit::covers;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::process::Command;
use std::sync::mpsc;

/// The page, and the ports that it names: the simulator's, the API's, the receiver's.
const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/first-day.md");
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

#[test]
fn the_page_of_the_first_day_says_what_happens() {
    let page = std::fs::read_to_string(PAGE).unwrap();
    let (hook, told) = receiver();
    let mut script = PORTS.iter().fold(commands(&page), |script, port| script.replace(port, &free_port().to_string()));
    script = script.replace(RECEIVER, &hook.to_string());
    let base = tempfile::tempdir().unwrap();
    let programs = std::path::Path::new(env!("CARGO_BIN_EXE_fedatario")).parent().unwrap();
    let path = format!("{}:{}", programs.display(), std::env::var("PATH").unwrap());
    let script = format!("set -euo pipefail\ntrap 'kill $(jobs -p)' EXIT\n{script}");
    let mut command = Command::new("bash");
    command.args(["-c", &script]).current_dir(base.path()).env("PATH", path).env("FEDATARIO_LANG", "es");
    let ended = command.output().unwrap();
    let (said, logged) = (String::from_utf8_lossy(&ended.stdout), String::from_utf8_lossy(&ended.stderr));
    assert!(ended.status.success(), "{said}\n{logged}");
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
