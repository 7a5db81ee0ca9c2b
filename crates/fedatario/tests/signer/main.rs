//! The signer alone in its process, the real program on PostgreSQL: who is let in, what is kept when it
//! is gone, and what the memory of everybody else holds of a taxpayer's key.

mod memory;
mod stage;
#[path = "../support/mod.rs"]
mod support;

use data_encoding::{BASE64, HEXLOWER};
use fedatario_testkit::covers;
use memory::{found, lasting, number, numbers, text};
use serde_json::{Value, json};
use stage::{Answer, PASSWORD, Stage, api_key, call, efirma, form, identities, parts, wrapping_keys};
use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, Stdio};
use support::{Running, Shell, as_administrator, start};

/// Signatures after which memory is searched.
const SIGNATURES: usize = 1_000;
/// Documents of one call.
const BATCH: usize = 100;

fn refused(ended: &support::Ended, exit: i32, code: &str) {
    assert_eq!((ended.exit, ended.json()["error"]["code"].as_str()), (exit, Some(code)), "{ended:?}");
}

#[test]
fn what_cannot_be_is_said_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    let shell = Shell::new(at("house"));
    refused(&shell.run(&["serve", "--role", "signer", "--json"]), 2, "config_invalid");
    refused(&shell.run(&["serve", "--roles", "api,signer", "--json"]), 2, "usage");
    assert!(!shell.dir.exists(), "nothing was made");
    let made = identities(dir.path(), "identities");
    let path = made.to_str().unwrap();
    refused(&shell.run(&["signer", "init", path, "--json"]), 2, "config_invalid");
    for file in ["ca.key", "signer/key.pem", "client/key.pem"] {
        use std::os::unix::fs::PermissionsExt as _;
        assert_eq!(made.join(file).metadata().unwrap().permissions().mode() & 0o777, 0o600, "{file}");
    }
    let client = made.join("client");
    let asks =
        |shell: Shell| shell.with("FEDATARIO_SIGNER_URL", "tls://127.0.0.1:9").with("FEDATARIO_SAT_URL", "http://127.0.0.1:9");
    let known = |shell: Shell| shell.with("FEDATARIO_SIGNER_IDENTITY", client.to_str().unwrap());
    let tenant = ["tenant", "add", "uno", "--json"];
    refused(&known(asks(Shell::new(at("lite")))).run(&tenant), 2, "config_invalid");
    let url = support::database("signer_config");
    let on_postgres = |name: &str| Shell::new(at(name)).with("FEDATARIO_DATABASE_URL", &url);
    refused(&asks(on_postgres("no-identity")).run(&tenant), 2, "config_invalid");
    let both = known(asks(on_postgres("both"))).with("FEDATARIO_SIGNER_KEY", "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=");
    refused(&both.run(&tenant), 2, "config_invalid");
    refused(&known(on_postgres("odd")).with("FEDATARIO_SIGNER_URL", "http://x/y").run(&tenant), 2, "config_invalid");
    known(asks(on_postgres("good"))).run(&tenant).good();
    assert!(!at("good/signer.key").exists(), "whoever asks a signer makes no key for one");
    covers!("signer: SQLite, other roles beside it, a missing identity or its own keys in another process are refused at once");
}

/// A question by hand over TLS, with what `openssl s_client` is given: what came back.
fn by_hand(stage: &Stage, arguments: &[&str]) -> String {
    let head = br#"{"scope":null,"ask":{"what":"alive"}}"#;
    let mut question = (head.len() as u32).to_be_bytes().to_vec();
    question.extend_from_slice(&[0, 0]);
    question.extend_from_slice(head);
    let ca = stage.identities.join("client/ca.pem");
    let mut all = vec!["s_client", "-connect", &stage.address, "-CAfile", ca.to_str().unwrap()];
    all.extend(["-verify_return_error", "-verify_hostname", "signer.fedatario.internal", "-alpn", "fedatario-signer/1", "-quiet"]);
    all.extend_from_slice(arguments);
    let mut child = Command::new("openssl")
        .args(&all)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("openssl is there");
    use std::io::{Read as _, Write as _};
    let mut input = child.stdin.take().unwrap();
    let _ = input.write_all(&question);
    let _ = input.flush();
    let mut said = Vec::new();
    let mut output = child.stdout.take().unwrap();
    let mut buffer = [0; 4096];
    while !String::from_utf8_lossy(&said).contains('}') {
        match output.read(&mut buffer) {
            Ok(0) | Err(_) => break,
            Ok(read) => said.extend_from_slice(&buffer[..read]),
        }
    }
    let _ = child.kill();
    let _ = child.wait();
    String::from_utf8_lossy(&said).into_owned()
}

#[test]
fn only_who_shows_a_certificate_of_the_authority_is_answered() {
    let dir = tempfile::tempdir().unwrap();
    let stage = Stage::new(dir.path());
    let _signer = stage.signer();
    let path = |place: &Path| place.to_str().unwrap().to_owned();
    let pair = |folder: &Path| (path(&folder.join("cert.pem")), path(&folder.join("key.pem")));
    let strangers = identities(dir.path(), "strangers");
    let (cert, key) = pair(&stage.identities.join("client"));
    assert!(by_hand(&stage, &["-cert", &cert, "-key", &key]).contains(r#"{"what":"done"}"#), "one of ours is answered");
    assert_eq!(by_hand(&stage, &["-cert", &cert, "-key", &key, "-tls1_2"]), "", "nothing older than TLS 1.3");
    assert_eq!(by_hand(&stage, &[]), "", "no certificate, no answer");
    for folder in [strangers.join("client"), strangers.join("signer"), stage.identities.join("signer")] {
        let (cert, key) = pair(&folder);
        assert_eq!(by_hand(&stage, &["-cert", &cert, "-key", &key]), "", "{}", folder.display());
    }
    // The program itself, with a certificate of another authority; and with ours.
    let ours = stage.client();
    ours.run(&["tenant", "add", "uno", "--json"]).good();
    refused(&stage.house(&strangers.join("client")).run(&["vault", "rotate", "--tenant-key", "--json"]), 4, "signer_unavailable");
    assert_eq!(ours.run(&["vault", "rotate", "--tenant-key", "--json"]).good()["made"], 2);
    let status = ours.run(&["vault", "status", "--json"]).good();
    assert_eq!((&status["signer"], &status["roots"]["signer"]["behind"]), (&json!("alone"), &Value::Null));
    covers!("signer: without a certificate, with another authority's, or with the signer's own, nobody is answered");
}

/// Uploads the e.firma; what came back.
fn upload(api: &str, key: &str, files: &(std::path::PathBuf, std::path::PathBuf)) -> Answer {
    let (media, body) = form(&files.0, &files.1, PASSWORD);
    call(api, "POST", "/api/sat/taxpayers", key, &media, &body)
}

fn sign(api: &str, key: &str, from: usize, count: usize) -> Vec<Value> {
    let line = |n: usize| json!({ "id": n.to_string(), "profile": "plain", "document": BASE64.encode(document(n).as_bytes()) });
    let body: String = (from..from + count).map(|n| format!("{}\n", line(n))).collect();
    let answer = call(api, "POST", "/api/sign/xml", key, "application/x-ndjson", body.as_bytes());
    assert_eq!(answer.status, 200, "{}", String::from_utf8_lossy(&answer.body));
    let text = String::from_utf8(answer.body).unwrap();
    text.lines().map(|it| serde_json::from_str(it).unwrap()).collect()
}

fn document(n: usize) -> String {
    format!("<factura><folio>{n}</folio><total>100.00</total></factura>")
}

/// Lets the key of the API sign with the credential: a grant, as a person would give it.
fn grant(stage: &Stage, credential: &str) {
    let sql = "insert into signature_grants (tenant_id, id, principal, credential_id, profile, not_after_ms, created_by, created_ms) \
         select c.tenant_id, gen_random_uuid(), :'principal', c.id, 'plain', 4102444800000, 'system', 0 from credentials c";
    let keys = stage.client().run(&["api-keys", "list", "--json"]).good();
    let principal = format!("principal={}", keys["api_keys"][0]["id"].as_str().expect("an id"));
    assert!(!credential.is_empty());
    let mut child = Command::new("psql")
        .args([&as_administrator(&stage.url), "-q", "-v", "ON_ERROR_STOP=1", "-v", &principal])
        .stdin(Stdio::piped())
        .spawn()
        .expect("psql is there");
    use std::io::Write as _;
    child.stdin.take().unwrap().write_all(format!("{sql};\n").as_bytes()).unwrap();
    assert!(child.wait().unwrap().success());
}

/// The signer's entries name the request that asked and the address that it came from, as those of the API do.
fn named_by_their_calls(shell: &Shell, dir: &Path) {
    let export = dir.join("audit.ndjson");
    shell.run(&["audit", "export", "--output", export.to_str().unwrap(), "--json"]).good();
    let text = std::fs::read_to_string(export).unwrap();
    let all: Vec<Value> = text.lines().filter_map(|it| serde_json::from_str(it).ok()).collect();
    let uses: Vec<&Value> = all.iter().filter(|it| it["action"].as_str().is_some_and(|it| it.starts_with("signature."))).collect();
    assert_eq!(uses.len(), 2 * SIGNATURES);
    let requests: BTreeSet<&str> = uses.iter().filter_map(|it| it["request"].as_str()).collect();
    assert_eq!(requests.len(), SIGNATURES / BATCH, "one for each call: {:?}", uses[0]);
    assert!(uses.iter().all(|it| it["request"].is_string() && it["address"].is_string()), "{:?}", uses[0]);
    covers!("signer: its entries name the request that asked and seal the address that it came from");
}

/// Starts some roles with the modulus of the key, which is public, where any process keeps what it was
/// started with: a search that does not find it looks at nothing.
fn serve(shell: &Shell, roles: &str, modulus: &[u8]) -> Running {
    let mut command = shell.command(&["serve", "--roles", roles, "--json"]);
    command.env("PUBLIC_MODULUS", HEXLOWER.encode(modulus));
    start(command)
}

#[test]
fn after_a_thousand_signatures_nobody_but_the_signer_holds_anything_of_the_key() {
    let dir = tempfile::tempdir().unwrap();
    let stage = Stage::new(dir.path());
    let files = efirma(dir.path());
    let (shell, signer) = (stage.client(), stage.signer());
    shell.run(&["tenant", "add", "uno", "--json"]).good();
    let key = api_key(&shell);
    let all = numbers(&files.1, PASSWORD);
    let api = serve(&shell, "api", &all[0]);
    let worker = serve(&shell, "worker,scheduler", &all[0]);
    let url = api.first["api"].as_str().unwrap().to_owned();
    let registered = upload(&url, &key, &files);
    assert_eq!(registered.status, 200, "{}", String::from_utf8_lossy(&registered.body));
    grant(&stage, registered.json()["credential"].as_str().unwrap());

    let mut signed = 0;
    for from in (0..SIGNATURES).step_by(BATCH) {
        let lines = sign(&url, &key, from, BATCH);
        signed += lines.iter().filter(|it| it["document"].is_string()).count();
        assert_eq!(signed, from + BATCH, "{:?}", lines.iter().find(|it| !it["document"].is_string()));
    }
    assert_eq!(shell.run(&["audit", "verify", "--json"]).good()["intact"], true);
    named_by_their_calls(&shell, dir.path());

    let names = ["n", "e", "d", "p", "q", "dp", "dq", "qinv"];
    let mut secret = Vec::new();
    for (name, it) in names.iter().zip(&all).skip(2) {
        secret.extend(number(name, it));
    }
    secret.extend(text("the password", PASSWORD));
    let root = std::fs::read_to_string(stage.dir.join("signer/signer.key")).unwrap();
    let root = root.lines().last().unwrap().split(' ').nth(1).unwrap().to_owned();
    secret.extend(number("the signer's root key", &BASE64.decode(root.as_bytes()).unwrap()));
    for (name, key) in wrapping_keys(&stage) {
        secret.extend(number(&name, &key));
    }
    let public = number("n", &all[0]);
    for (role, process) in [("api", &api), ("worker", &worker)] {
        let pid = process.child.id();
        let Some(seen) = found(pid, &public) else {
            assert_ne!(rustix::process::getuid().as_raw(), 0, "root may look");
            continue; // Whoever is not root may not even look: that is what they promise.
        };
        assert!(seen.contains("n, hex"), "{role}: the search finds what is there: {seen:?}");
        assert_eq!(lasting(pid, &secret).unwrap(), BTreeSet::new(), "{role}");
    }
    if let Some(seen) = lasting(signer.child.id(), &secret) {
        assert!(!seen.iter().any(|it| it.starts_with("the password")), "not even the signer keeps the password: {seen:?}");
    }
    covers!(
        "signer: after 1,000 signatures the memory of API and worker holds no number of the key in any encoding, no password, and no key of the signer's class, a tenant's or a credential's"
    );
}

#[test]
fn a_signer_that_dies_loses_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let stage = Stage::new(dir.path());
    let files = efirma(dir.path());
    let (shell, signer) = (stage.client(), stage.signer());
    shell.run(&["tenant", "add", "uno", "--json"]).good();
    let key = api_key(&shell);
    let api = serve(&shell, "api", b"");
    let url = api.first["api"].as_str().unwrap().to_owned();
    assert_eq!(upload(&url, &key, &files).status, 200);
    grant(&stage, "it");
    assert!(sign(&url, &key, 0, 3).iter().all(|it| it["document"].is_string()));

    drop(signer); // Killed, with connections that are kept.
    let away = upload(&url, &key, &files);
    let told = away.json();
    assert_eq!((away.status, &told["code"], &told["retryable"]), (503, &json!("signer_unavailable"), &json!(true)), "{told}");
    for line in sign(&url, &key, 3, 2) {
        assert_eq!((&line["code"], &line["retryable"]), (&json!("signer_unavailable"), &json!(true)), "{line}");
    }
    refused(&shell.run(&["vault", "rotate", "--tenant-key", "--plan", "--json"]), 4, "signer_unavailable");
    assert_eq!(shell.run(&["vault", "status", "--json"]).good()["behind"], 0, "what needs no signer goes on");

    let again = stage.signer();
    let lines = sign(&url, &key, 3, 4);
    let counters: Vec<u64> = lines.iter().filter_map(|it| it["counter"].as_u64()).collect();
    assert_eq!(counters.len(), 4, "{lines:?}");
    assert_eq!(counters.iter().collect::<BTreeSet<_>>(), (4..8).collect::<Vec<_>>().iter().collect(), "gapless: {lines:?}");
    let plan = shell.run(&["vault", "rotate", "--tenant-key", "--plan", "--json"]).good();
    let done = shell.run(&["vault", "rotate", "--tenant-key", "--json"]).good();
    assert_eq!((&plan["makes"], &plan["moves"], &plan["broken"]), (&done["made"], &done["moved"], &done["behind"]));

    // A second root key of the signer's class, on the signer's machine alone; then everything still opens.
    refused(&shell.run(&["vault", "rotate", "--signer-root", "--json"]), 2, "root_key_missing");
    let plan = stage.signers().run(&["vault", "rotate", "--signer-root", "--plan", "--json"]).good();
    let done = stage.signers().run(&["vault", "rotate", "--signer-root", "--json"]).good();
    assert_eq!((&plan["makes"], &plan["moves"], &plan["broken"]), (&done["made"], &done["moved"], &done["behind"]));
    assert!(!stage.dir.join("signer/root.key").exists(), "the house's key never was there");
    assert!(sign(&url, &key, 7, 1)[0]["document"].is_string(), "the running signer follows its file");
    drop(again);
    covers!("signer: killed and started again it loses nothing; meanwhile everybody is told to come back");
}

/// A password that is sent over a connection that the caller would keep.
const KEPT_PASSWORD: &str = "Ocelote-turquesa-2846-Mezquite";

/// What a backup is carried under.
const PASSPHRASE: &str = "Tlacuache-granate-5173-Ahuehuete";

/// A backup made at the shell, and brought back over HTTP.
fn restored(shell: &Shell, api: &str, key: &str, dir: &Path) {
    let (phrase, file) = (dir.join("phrase.txt"), dir.join("credentials.txt"));
    std::fs::write(&phrase, PASSPHRASE).unwrap();
    let (phrase, output) = (phrase.to_str().unwrap(), file.to_str().unwrap());
    shell.run(&["vault", "backup", "-o", output, "--passphrase-file", phrase, "--json"]).good();
    let (media, body) = parts(&[("file", &std::fs::read(&file).unwrap()), ("passphrase", PASSPHRASE.as_bytes())]);
    let told = call(api, "POST", "/api/vault/restorations", key, &media, &body).json();
    assert_eq!(told["credentials"][0]["outcome"], "same", "{told}");
}

/// Uploads over a connection that its caller keeps open; it, after the answer.
fn kept_alive(api: &str, key: &str, files: &(std::path::PathBuf, std::path::PathBuf)) -> std::net::TcpStream {
    use std::io::{Read as _, Write as _};
    let (media, body) = form(&files.0, &files.1, KEPT_PASSWORD);
    let mut stream = std::net::TcpStream::connect(api.trim_start_matches("http://")).unwrap();
    let head = format!(
        "POST /api/sat/taxpayers HTTP/1.1\r\nhost: a\r\nauthorization: Bearer {key}\r\ncontent-type: {media}\r\n\
         idempotency-key: kept\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(&[head.as_bytes(), &body].concat()).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).expect("the other side ends it");
    let answer = String::from_utf8_lossy(&answer).to_lowercase();
    assert!(answer.starts_with("http/1.1 4") && answer.contains("connection: close"), "{answer}");
    stream
}

#[test]
fn nobody_keeps_a_password_when_its_upload_is_over() {
    let dir = tempfile::tempdir().unwrap();
    let files = efirma(dir.path());
    let shell = Shell::new(dir.path().join("house")).with("FEDATARIO_SAT_URL", "http://127.0.0.1:9");
    shell.run(&["tenant", "add", "uno", "--json"]).good();
    let key = api_key(&shell);
    let modulus = numbers(&files.1, PASSWORD).remove(0);
    let serve = serve(&shell, "api,worker,scheduler", &modulus);
    let url = serve.first["api"].as_str().unwrap();
    assert_eq!(upload(url, &key, &files).status, 200);
    let (media, body) = form(&files.0, &files.1, "una contraseña equivocada");
    assert_eq!(call(url, "POST", "/api/sat/taxpayers", &key, &media, &body).json()["retryable"], false);
    let kept = kept_alive(url, &key, &files);
    restored(&shell, url, &key, dir.path());
    let public = number("n", &modulus);
    let mut secret = text("the password", PASSWORD);
    secret.extend(text("the wrong password", "una contraseña equivocada"));
    secret.extend(text("the password over a connection that is kept", KEPT_PASSWORD));
    secret.extend(text("the passphrase of a backup", PASSPHRASE));
    match found(serve.child.id(), &public) {
        Some(seen) => {
            assert!(seen.contains("n, hex"), "the search finds what is there: {seen:?}");
            assert_eq!(lasting(serve.child.id(), &secret).unwrap(), BTreeSet::new());
        }
        None => assert_ne!(rustix::process::getuid().as_raw(), 0, "root may look"),
    }
    drop(kept);
    let core = std::fs::read_to_string(format!("/proc/{}/limits", serve.child.id())).unwrap();
    let core = core.lines().find(|it| it.starts_with("Max core file size")).unwrap();
    assert_eq!(core.split_whitespace().nth(4), Some("0"), "{core}");
    covers!(
        "signer: in one process too no password is in memory when its upload is over, over a connection that is kept neither, and no core is ever written"
    );
}
