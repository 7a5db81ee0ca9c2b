//! Judged by clients that others wrote: public libraries of the real service, unchanged but for the
//! address, from login to package. The scripts that drive them are in `clients/`.

mod support;

use fedatario_base::Clock;
use fedatario_base::clock::SystemClock;
use fedatario_sandbox::sat::{Sandbox, SatConfig, Tls, Waits, serve_tls};
use fedatario_testkit::{FakeClock, covers};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use support::{RFC, Signer, World, client, generated, listen, unbase64, unzip};

/// All requests are for this month of the generated year.
const FROM: &str = "2026-01-01T00:00:00";
const TO: &str = "2026-01-31T23:59:59";

/// Where `scripts/test` installed the libraries.
fn libraries() -> PathBuf {
    let folder = std::env::var_os("FEDATARIO_TEST_CLIENTS").expect(
        "FEDATARIO_TEST_CLIENTS names the folder with other people's clients of SAT: scripts/test installs them \
         from PyPI and npm, which have to be in reach the first time",
    );
    PathBuf::from(folder)
}

/// A sandbox on both schemes under the real clock, an e.firma in a folder, and a place for packages.
struct Stage {
    world: World,
    https: String,
    dir: tempfile::TempDir,
}

impl Stage {
    async fn set() -> Self {
        // Other people's programs know no clock but the machine's.
        let real = Arc::new(SystemClock::default());
        let clock = Arc::new(FakeClock::at(&real.wall().to_string()));
        let config = SatConfig { corpus: generated(300), clock: real, waits: Waits::NONE, ..SatConfig::default() };
        let sandbox = Sandbox::new(config).unwrap();
        let minted = sandbox.mint_fiel(RFC, "ESCUELA KEMPER URGATE SA DE CV").unwrap();
        let dir = tempfile::tempdir().unwrap();
        let tls = Tls::generate(&["127.0.0.1"]).unwrap();
        let files = [
            ("fiel.cer", minted.cer.as_slice()),
            ("fiel.key", &minted.key),
            ("password.txt", minted.password.expose()),
            ("ca.pem", tls.authority_pem().as_bytes()),
        ];
        for (name, bytes) in files {
            std::fs::write(dir.path().join(name), bytes).unwrap();
        }
        std::fs::create_dir(dir.path().join("out")).unwrap();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let https = format!("https://{}", listener.local_addr().unwrap());
        tokio::spawn(serve_tls(listener, sandbox.clone(), tls));
        let base = listen(sandbox.clone()).await;
        let fiel = Signer::new(RFC, &minted);
        Self { world: World { base, sandbox, clock, http: client(), fiel }, https, dir }
    }

    /// Runs a script to its end; what it said of each request.
    async fn run(&self, mut command: Command, script: &str, base: &str) -> Vec<Value> {
        let at = |name: &str| self.dir.path().join(name);
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients").join(script);
        command.arg(&script).arg(base).arg(self.dir.path()).arg(at("out")).args([RFC, FROM, TO]);
        command.env("NODE_EXTRA_CA_CERTS", at("ca.pem")).env("NO_PROXY", "127.0.0.1").env("no_proxy", "127.0.0.1");
        let ended = tokio::task::spawn_blocking(move || command.output()).await.unwrap().expect("the interpreter is there");
        let said = String::from_utf8_lossy(&ended.stdout).into_owned();
        assert!(ended.status.success(), "{}: {said}{}", script.display(), String::from_utf8_lossy(&ended.stderr));
        said.lines().map(|it| serde_json::from_str(it).unwrap()).collect()
    }

    /// Holds every package that a library got against the one that we get, and against the corpus.
    async fn judge(&self, requests: &[Value]) {
        let token = self.world.login(&self.world.fiel).await;
        let asked: Vec<_> = requests.iter().map(|it| (text(it, "direction"), text(it, "content"))).collect();
        let expected = [("issued", "CFDI"), ("issued", "Metadata"), ("received", "CFDI"), ("received", "Metadata")];
        assert!(expected.iter().all(|it| asked.contains(it)), "{asked:?}");
        for request in requests {
            let packages = request["packages"].as_array().unwrap();
            assert!(!packages.is_empty(), "{request}");
            let mut documents = 0;
            for package in packages {
                let id = package.as_str().unwrap();
                let theirs = std::fs::read(self.dir.path().join("out").join(format!("{id}.zip"))).unwrap();
                let ours = unbase64(&self.world.download(&token, id).await.text("Paquete").remove(0));
                assert!(theirs == ours, "{id}: {} bytes are not the {} that SAT's simulator gave", theirs.len(), ours.len());
                documents += contents(&theirs, text(request, "content"));
            }
            assert_eq!(request["cfdis"].as_u64(), Some(documents), "{request}");
        }
        assert_eq!(self.world.counts().await["refused"], 0, "nothing of what they sent was refused");
    }
}

fn text<'a>(request: &'a Value, name: &str) -> &'a str {
    request[name].as_str().unwrap_or_default()
}

/// How many documents a package holds: files, or lines below the header.
fn contents(package: &[u8], content: &str) -> u64 {
    let entries = unzip(package);
    if content == "CFDI" {
        return entries.iter().filter(|(name, _)| name.ends_with(".xml")).count() as u64;
    }
    let lines = |bytes: &[u8]| String::from_utf8_lossy(bytes).lines().filter(|it| !it.trim().is_empty()).count() as u64 - 1;
    entries.iter().filter(|(name, _)| !name.contains("tercero")).map(|(_, bytes)| lines(bytes)).sum()
}

fn python() -> Command {
    let mut command = Command::new("python3");
    command.env("PYTHONPATH", libraries().join("python")).env("PYTHONDONTWRITEBYTECODE", "1");
    command
}

#[tokio::test]
async fn cfdiclient_from_pypi_walks_the_whole_way() {
    let stage = Stage::set().await;
    let requests = stage.run(python(), "cfdiclient_driver.py", &stage.world.base).await;
    stage.judge(&requests).await;
    covers!("clients: cfdiclient (PyPI) walks from login to package; its bytes are the sandbox's");
}

#[tokio::test]
async fn satcfdi_from_pypi_walks_the_whole_way() {
    let stage = Stage::set().await;
    let requests = stage.run(python(), "satcfdi_driver.py", &stage.world.base).await;
    stage.judge(&requests).await;
    assert!(requests.iter().any(|it| it["direction"] == "folio" && it["cfdis"] == 1), "one document was asked for by its folio");
    covers!("clients: satcfdi (PyPI) walks from login to package, by period and by folio; its bytes are the sandbox's");
}

#[tokio::test]
async fn nodecfdi_from_npm_walks_the_whole_way() {
    let stage = Stage::set().await;
    let mut node = Command::new("node");
    node.env("FEDATARIO_TEST_NODE_MODULES", libraries().join("node/node_modules"));
    let requests = stage.run(node, "nodecfdi_driver.mjs", &stage.https).await;
    stage.judge(&requests).await;
    covers!("clients: @nodecfdi/sat-ws-descarga-masiva (npm) walks from login to package over HTTPS; its bytes are the sandbox's");
}
