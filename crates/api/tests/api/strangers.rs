//! Programs that nobody here wrote, over a real socket: a fuzzer that reads the OpenAPI document, and
//! clients that generators make of it.

use crate::support::Stage;
use fedatario_api::settings::Rates;
use fedatario_api::testing::{MapDoor, TestApi, parts, person};
use fedatario_api::{routes, server};
use fedatario_base::Permission;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio::sync::watch;

/// What the fuzzer holds answers against.
const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance,\
    response_headers_conformance,unsupported_method,ignored_auth";
/// Its examples are the same in every run.
const SEED: &str = "7";
/// Examples for each operation: enough to meet every branch of a form, within a minute for all.
const EXAMPLES: &str = "20";
/// Its own bounds are not what is tried here.
const MANY: u32 = 1_000_000;

/// A folder of other people's programs, made by `scripts/test`; without it these tests fail.
fn tools(name: &str) -> PathBuf {
    let folder = std::env::var_os("FEDATARIO_TEST_API_TOOLS").expect("FEDATARIO_TEST_API_TOOLS names what scripts/test installs");
    Path::new(&folder).join(name)
}

/// The API on a socket; `all` may do everything.
struct Open {
    url: String,
    stage: Stage,
    _stop: watch::Sender<bool>,
}

async fn open() -> Open {
    let stage = Stage::new().await;
    let door = Arc::new(MapDoor::default());
    door.knows("all", person(stage.ours, Permission::ALL));
    door.knows("none", person(stage.ours, &[]));
    let mut parts = parts(stage.people.clone(), Arc::new(stage.db.clone()), door);
    parts.settings.limits = Rates { tenant: MANY, key: MANY, address: MANY };
    let api = TestApi::over(parts, &routes::all());
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("its address"));
    let (stop, stopped) = watch::channel(false);
    tokio::spawn(server::serve(listener, routes::all().router(api.api.clone()), stopped));
    Open { url, stage, _stop: stop }
}

/// Runs a program to its end, off the runtime that serves it.
async fn run(mut command: Command) -> (bool, String) {
    let output = tokio::task::spawn_blocking(move || command.stdin(Stdio::null()).output()).await.expect("it ran");
    let output = output.expect("the program is there");
    let text = format!("{}\n{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    (output.status.success(), text)
}

fn python(program: &str) -> Command {
    let python = tools("python");
    let mut command = Command::new("python3");
    command.env("PYTHONPATH", &python).env("PYTHONDONTWRITEBYTECODE", "1").arg(python.join("bin").join(program));
    command
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fuzzer_finds_no_fault_and_no_answer_that_is_not_documented() {
    let open = open().await;
    let dir = tempfile::tempdir().expect("a folder");
    let mut command = python("schemathesis");
    command.current_dir(dir.path()).args([
        "run",
        &format!("{}/api/openapi.json", open.url),
        "--header",
        "Authorization: Bearer all",
    ]);
    command.args(["--checks", CHECKS, "--max-examples", EXAMPLES, "--seed", SEED, "--generation-database", "none", "--no-color"]);
    // Who looks at documents is not wired here, and says so.
    command.args(["--exclude-tag", "checks"]);
    let (good, text) = run(command).await;
    assert!(good, "{text}");
    assert!(open.stage.chained(open.stage.theirs).await.is_empty(), "nothing was done to somebody else");
    fedatario_testkit::covers!("api: schemathesis finds no 500 and no undocumented answer");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_a_generator_wrote_in_python_works() {
    let open = open().await;
    let dir = tempfile::tempdir().expect("a folder");
    document(dir.path());
    std::fs::write(
        dir.path().join("config.yaml"),
        "post_hooks: []\ncontent_type_overrides:\n  \"*/*\": application/octet-stream\n",
    )
    .expect("written");
    let mut command = python("openapi-python-client");
    command.current_dir(dir.path()).args(["generate", "--path", "openapi.json", "--meta", "none", "--output-path", "made"]);
    let (good, text) = run({
        command.args(["--config", "config.yaml"]);
        command
    })
    .await;
    assert!(good && !text.contains("WARNING"), "{text}");
    std::fs::write(dir.path().join("main.py"), include_str!("clients/main.py")).expect("written");
    let mut command = Command::new("python3");
    command.current_dir(dir.path()).env("PYTHONPATH", tools("python")).args(["main.py", &open.url]);
    let (good, text) = run(command).await;
    assert!(good && text.contains("everything as it should be"), "{text}");
    fedatario_testkit::covers!("api: a generated Python client works");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_a_generator_wrote_in_typescript_works() {
    let open = open().await;
    let dir = tempfile::tempdir().expect("a folder");
    document(dir.path());
    let modules = tools("node").join("node_modules");
    std::os::unix::fs::symlink(&modules, dir.path().join("node_modules")).expect("linked");
    std::fs::write(dir.path().join("package.json"), r#"{"type":"module"}"#).expect("written");
    std::fs::write(dir.path().join("main.ts"), include_str!("clients/main.ts")).expect("written");
    let tool = |name: &str, arguments: &[&str]| {
        let mut command = Command::new("node");
        command.current_dir(dir.path()).arg(modules.join(name)).args(arguments);
        run(command)
    };
    let (good, text) = tool("openapi-typescript/bin/cli.js", &["openapi.json", "-o", "schema.d.ts"]).await;
    assert!(good, "{text}");
    let strict = ["--strict", "--target", "es2022", "--module", "nodenext", "--lib", "es2022,dom", "--skipLibCheck", "main.ts"];
    let (good, text) = tool("typescript/bin/tsc", &strict).await;
    assert!(good, "{text}");
    let mut command = Command::new("node");
    command.current_dir(dir.path()).args(["main.js", &open.url]);
    let (good, text) = run(command).await;
    assert!(good && text.contains("everything as it should be"), "{text}");
    fedatario_testkit::covers!("api: a generated TypeScript client works");
}

fn document(dir: &Path) {
    let document = fedatario_api::openapi::document(&routes::all());
    std::fs::write(dir.join("openapi.json"), document.to_string()).expect("written");
}
