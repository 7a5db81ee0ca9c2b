//! An installation of several processes on PostgreSQL: a signer alone, and others that ask it.

use crate::support::{Running, Shell, as_administrator, database, start};
use data_encoding::HEXLOWER;
use serde_json::Value;
use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The password of the test's e.firma: no word of it stands anywhere else.
pub const PASSWORD: &str = "Ñandú-zafiro-7391-Quetzal";

/// A signer's address that is free now.
pub fn free_address() -> String {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string()
}

/// Certificates for signer and clients, in a folder.
pub fn identities(dir: &Path, name: &str) -> PathBuf {
    let made = dir.join(name);
    Shell::new(dir.join("nowhere")).run(&["signer", "init", made.to_str().unwrap(), "--json"]).good();
    made
}

/// One installation: a database, objects and folders, an address for the signer.
pub struct Stage {
    pub dir: PathBuf,
    pub url: String,
    pub identities: PathBuf,
    pub address: String,
}

impl Stage {
    pub fn new(dir: &Path) -> Self {
        let (url, address) = (database("signer"), free_address());
        std::fs::create_dir_all(dir.join("signer")).unwrap();
        std::fs::create_dir_all(dir.join("house/objects")).unwrap();
        // Two folders, one for each class of keys, over the same objects.
        std::os::unix::fs::symlink(dir.join("house/objects"), dir.join("signer/objects")).unwrap();
        Self { dir: dir.to_owned(), url, identities: identities(dir, "identities"), address }
    }

    /// A shell of the machine that answers calls, which knows the signer's address.
    pub fn house(&self, identity: &Path) -> Shell {
        Shell::new(self.dir.join("house"))
            .with("FEDATARIO_DATABASE_URL", &self.url)
            .with("FEDATARIO_SAT_URL", "http://127.0.0.1:9")
            .with("FEDATARIO_SIGNER_URL", &format!("tls://{}", self.address))
            .with("FEDATARIO_SIGNER_IDENTITY", identity.to_str().unwrap())
    }

    /// The same with the right certificate.
    pub fn client(&self) -> Shell {
        self.house(&self.identities.join("client"))
    }

    /// A shell of the signer's machine.
    pub fn signers(&self) -> Shell {
        Shell::new(self.dir.join("signer"))
            .with("FEDATARIO_DATABASE_URL", &self.url)
            .with("FEDATARIO_SAT_URL", "http://127.0.0.1:9")
            .with("FEDATARIO_SIGNER_LISTEN", &self.address)
            .with("FEDATARIO_SIGNER_IDENTITY", self.identities.join("signer").to_str().unwrap())
    }

    /// Starts the signer; it answers when this returns.
    pub fn signer(&self) -> Running {
        start(self.signers().command(&["serve", "--role", "signer", "--json"]))
    }
}

/// A key of the API with everything that a certificate takes.
pub fn api_key(shell: &Shell) -> String {
    let scopes = ["TENANT_CREDENTIAL_UPLOAD", "TENANT_CREDENTIAL_SIGN", "TENANT_CREDENTIAL_READ"];
    let mut arguments = vec!["api-keys", "make", "prueba", "--test", "--json"];
    scopes.iter().for_each(|it| arguments.extend(["--scope", it]));
    shell.run(&arguments).good()["secret"].as_str().expect("a secret").to_owned()
}

/// What came back: the status and the body.
pub struct Answer {
    pub status: u16,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("{}: {}", self.status, String::from_utf8_lossy(&self.body)))
    }
}

/// One request over a connection of its own, which is closed behind it.
pub fn call(api: &str, method: &str, path: &str, key: &str, media: &str, body: &[u8]) -> Answer {
    let mut stream = TcpStream::connect(api.trim_start_matches("http://")).expect("somebody listens");
    let head = format!(
        "{method} {path} HTTP/1.1\r\nhost: a\r\nconnection: close\r\nauthorization: Bearer {key}\r\ncontent-type: {media}\r\n\
         idempotency-key: {}\r\ncontent-length: {}\r\n\r\n",
        fedatario_testkit_unique(),
        body.len()
    );
    stream.write_all(head.as_bytes()).expect("sent");
    stream.write_all(body).expect("sent");
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).expect("an answer");
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let status = text.split(' ').nth(1).and_then(|it| it.parse().ok()).expect("a status");
    let at = bytes.windows(4).position(|it| it == b"\r\n\r\n").expect("a head") + 4;
    Answer { status, body: unchunked(&bytes[..at], &bytes[at..]) }
}

fn fedatario_testkit_unique() -> u64 {
    use std::sync::atomic::{AtomicU64, Ordering};
    static NEXT: AtomicU64 = AtomicU64::new(1);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

fn unchunked(head: &[u8], body: &[u8]) -> Vec<u8> {
    if !String::from_utf8_lossy(head).to_lowercase().contains("transfer-encoding: chunked") {
        return body.to_vec();
    }
    let (mut rest, mut whole) = (body, Vec::new());
    while let Some(at) = rest.windows(2).position(|it| it == b"\r\n") {
        let size = usize::from_str_radix(String::from_utf8_lossy(&rest[..at]).trim(), 16).unwrap_or(0);
        if size == 0 {
            break;
        }
        whole.extend_from_slice(&rest[at + 2..at + 2 + size]);
        rest = &rest[at + 2 + size + 2..];
    }
    whole
}

/// An e.firma of the sandbox's authority under [`PASSWORD`]: certificate and key.
pub fn efirma(dir: &Path) -> (PathBuf, PathBuf) {
    let sandbox = crate::support::sandbox(dir, &[]);
    let (old, new) = (dir.join("fiel/fiel.key"), dir.join("own.key"));
    let password = format!("file:{}", dir.join("fiel/password.txt").display());
    let own = format!("pass:{PASSWORD}");
    let (plain, path) = (dir.join("plain.pem"), |it: &Path| it.to_str().unwrap().to_owned());
    let openssl = |arguments: &[&str]| assert!(Command::new("openssl").args(arguments).status().expect("openssl").success());
    openssl(&["pkcs8", "-inform", "DER", "-in", &path(&old), "-passin", &password, "-out", &path(&plain)]);
    let new_path = path(&new);
    openssl(&[
        "pkcs8",
        "-topk8",
        "-in",
        &path(&plain),
        "-outform",
        "DER",
        "-out",
        &new_path,
        "-passout",
        &own,
        "-v2",
        "aes-256-cbc",
    ]);
    std::fs::remove_file(plain).unwrap();
    drop(sandbox);
    (dir.join("fiel/fiel.cer"), new)
}

/// The form of an upload.
pub fn form(cer: &Path, key: &Path, password: &str) -> (String, Vec<u8>) {
    let (cer, key) = (std::fs::read(cer).unwrap(), std::fs::read(key).unwrap());
    parts(&[("cer", &cer), ("key", &key), ("password", password.as_bytes())])
}

/// A form of these parts.
pub fn parts(all: &[(&str, &[u8])]) -> (String, Vec<u8>) {
    const BOUNDARY: &str = "----fedatario-5c1d";
    let mut body = Vec::new();
    for (name, bytes) in all {
        write!(body, "--{BOUNDARY}\r\ncontent-disposition: form-data; name=\"{name}\"; filename=\"{name}\"\r\n\r\n").unwrap();
        body.extend_from_slice(bytes);
        body.extend_from_slice(b"\r\n");
    }
    write!(body, "--{BOUNDARY}--\r\n").unwrap();
    (format!("multipart/form-data; boundary={BOUNDARY}"), body)
}

/// What the database holds of the keys that wrap those of taxpayers, as JSON.
const WRAPPED: &str = "select json_build_object(\
    'tenant_keys', (select json_agg(json_build_object('tenant', replace(tenant_id::text, '-', ''), 'key_use', key_use, \
        'version', version, 'root_version', root_version, 'wrapped', encode(wrapped, 'hex'))) \
        from tenant_keys where key_use = 'credential'), \
    'credentials', (select json_agg(json_build_object('tenant', replace(tenant_id::text, '-', ''), \
        'id', replace(id::text, '-', ''), 'kind', kind, 'key_use', key_use, 'key_version', key_version, \
        'certificate', encode(certificate, 'hex'), 'wrapped', encode(wrapped_key, 'hex'))) from credentials))";

/// The keys between the signer's root key and those of taxpayers, by name: opened by another implementation.
pub fn wrapping_keys(stage: &Stage) -> Vec<(String, Vec<u8>)> {
    let rows = Command::new("psql").args([&as_administrator(&stage.url), "-Atqc", WRAPPED]).output().expect("psql is there");
    let mut asked: Value = serde_json::from_slice(&rows.stdout).expect("rows");
    let roots = std::fs::read_to_string(stage.dir.join("signer/signer.key")).expect("the signer's root keys");
    let lines = roots.lines().filter(|it| !it.starts_with('#')).filter_map(|it| it.split_once(' '));
    asked["roots"] = lines.map(|(version, key)| (version.to_owned(), Value::from(key.trim()))).collect();
    let mut python = Command::new("python3")
        .args(["-c", include_str!("keys.py")])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("python3 is there");
    python.stdin.take().unwrap().write_all(asked.to_string().as_bytes()).unwrap();
    let done = python.wait_with_output().unwrap();
    assert!(done.status.success(), "python3 with cryptography opens what the signer sealed");
    let found: BTreeMap<String, String> = serde_json::from_slice(&done.stdout).expect("names and keys");
    let keys = found.into_iter().map(|(name, key)| (name, HEXLOWER.decode(key.as_bytes()).expect("hex")));
    let keys: Vec<_> = keys.collect();
    assert!(keys.len() >= 2, "a tenant's key and a data key at least");
    keys
}
