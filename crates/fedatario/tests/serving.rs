//! `serve` as an operator has it: sockets, roles, figures, logs, and its end.

mod support;

use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use support::{Shell, get, start};

/// A trace as a caller sends it (W3C).
const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

fn shell(dir: &tempfile::TempDir) -> Shell {
    Shell::new(dir.path().join("house")).with("FEDATARIO_SAT_URL", "http://127.0.0.1:9")
}

fn address(url: &Value) -> String {
    url.as_str().expect("a url").trim_start_matches("http://").trim_end_matches("/metrics").to_owned()
}

/// One request by hand, and all that comes back.
fn exchange(address: &str, path: &str) -> String {
    let mut stream = TcpStream::connect(address).expect("somebody listens");
    let parent = format!("00-{TRACE}-00f067aa0ba902b7-01");
    let head = format!("GET {path} HTTP/1.1\r\nhost: a\r\nconnection: close\r\ntraceparent: {parent}\r\n\r\n");
    stream.write_all(head.as_bytes()).expect("sent");
    let mut text = String::new();
    stream.read_to_string(&mut text).expect("an answer");
    text
}

fn signal(child: &Child, name: &str) {
    assert!(Command::new("kill").args([format!("-{name}"), child.id().to_string()]).status().expect("kill(1) runs").success());
}

#[test]
fn the_api_answers_where_it_says_and_figures_have_a_port_of_their_own() {
    let dir = tempfile::tempdir().unwrap();
    let serve = start(shell(&dir).command(&["serve", "--metrics-listen", "127.0.0.1:0", "--json"]));
    let api = serve.first["api"].as_str().expect("an address").to_owned();
    assert_eq!(get(&format!("{api}/healthz")), json!({ "status": "ok" }));
    assert_eq!(get(&format!("{api}/readyz")), json!({ "status": "ok" }));
    let document = get(&format!("{api}/api/openapi.json"));
    let printed = shell(&dir).run(&["openapi"]);
    assert_eq!(serde_json::from_str::<Value>(&printed.stdout).expect("JSON"), document);
    assert_eq!(get(&format!("{api}/api/principal"))["code"], "unauthenticated");
    let figures = exchange(&address(&serve.first["metrics"]), "/metrics");
    assert!(figures.contains("fedatario_http_requests_total{operation=\"health.live\",status=\"2xx\"} 1"), "{figures}");
    assert!(exchange(&address(&serve.first["api"]), "/metrics").starts_with("HTTP/1.1 404 "), "not on the public port");
    fedatario_testkit::covers!("serve: the API answers, figures have a port of their own, and `openapi` prints the same document");
}

#[test]
fn every_request_is_one_object_in_the_log() {
    let dir = tempfile::tempdir().unwrap();
    let mut command = shell(&dir).command(&["serve", "--log-json", "--json"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the binary starts");
    let first = BufReader::new(child.stdout.take().expect("piped")).lines().next().expect("a line").expect("text");
    let first: Value = serde_json::from_str(&first).expect("JSON");
    assert!(exchange(&address(&first["api"]), "/healthz?x=%0d%0aforged").starts_with("HTTP/1.1 400 "));
    let lines = BufReader::new(child.stderr.take().expect("piped")).lines().map_while(Result::ok);
    let line =
        lines.filter_map(|it| serde_json::from_str::<Value>(&it).ok()).find(|it| it["message"] == "request").expect("its line");
    let expected =
        json!({ "level": "INFO", "service": "fedatario", "trace_id": TRACE, "tenant_id": null, "path": "/healthz", "status": 400 });
    for (name, value) in expected.as_object().expect("an object") {
        assert_eq!(&line[name], value, "{name}: {line}");
    }
    assert!(line["timestamp"].as_str().is_some_and(|it| it.ends_with('Z')), "{line}");
    assert!(!line.to_string().contains("forged"), "what people write after the question mark is not logged");
    signal(&child, "TERM");
    assert_eq!(child.wait().unwrap().code(), Some(0), "it ends by itself");
    fedatario_testkit::covers!("serve: each request is one JSON object in the log, with its trace");
}

#[test]
fn a_role_alone_and_an_address_that_is_taken() {
    let dir = tempfile::tempdir().unwrap();
    let quiet = start(shell(&dir).command(&["serve", "--roles", "worker,scheduler", "--json"]));
    assert_eq!(quiet.first["api"], Value::Null);
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("its address").to_string();
    let other = tempfile::tempdir().unwrap();
    let refused = shell(&other).run(&["serve", "--listen", &address, "--json"]);
    assert_eq!((refused.exit, refused.json()["error"]["code"].as_str()), (2, Some("config_invalid")), "{refused:?}");
    assert!(!other.path().join("house").exists(), "whoever cannot serve makes nothing");
    let odd = shell(&other).run(&["serve", "--roles", "api,cook", "--json"]);
    assert_eq!((odd.exit, odd.json()["error"]["code"].as_str()), (2, Some("usage")), "{odd:?}");
    fedatario_testkit::covers!("serve: roles can run alone, and an address that is taken is said at once");
}
