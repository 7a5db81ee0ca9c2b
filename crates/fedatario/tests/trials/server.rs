//! Workers and databases that are killed, on PostgreSQL.

use crate::here::{Begun, Here, is_home};
use crate::support::database;
use fedatario_testkit::covers;
use serde_json::json;
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const DATABASE: &str = "FEDATARIO_DATABASE_URL";

fn on(url: &str) -> Here {
    Here::on(|shell| shell.with(DATABASE, url))
}

/// Starts `serve` and answers when it works.
fn serve(here: &Here) -> Begun {
    let mut child = here.shell.command(&["serve"]).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("the binary starts");
    let mut first = String::new();
    BufReader::new(child.stdout.take().expect("piped")).read_line(&mut first).expect("a line");
    assert!(!first.is_empty(), "serve ended at once: {:?}", child.wait());
    Begun(child)
}

fn detach(here: &Here) {
    let year = here.year.to_string();
    here.shell.run(&["sat", "year", "--rfc", crate::here::RFC, "--year", &year, "--issued", "--detach", "--json"]).good();
}

#[test]
fn a_killed_worker_gives_its_jobs_back_at_once_on_postgresql() {
    let here = on(&database("killed"));
    detach(&here);
    here.arm("Solicita", "hold", 1);
    let serve = serve(&here);
    while here.sandbox.faults_waiting() > 0 {}
    assert_eq!(serve.signal("KILL"), -1);
    here.sandbox.release();
    let summary = here.year().good();
    assert_eq!((&summary["missing"], &summary["uncertain"]), (&json!(0), &json!(1)), "the one that was open at SAT: {summary}");
    here.assert_fair();
    covers!("trials: on PostgreSQL a killed process's leases end with its advisory lock, and another takes over");
}

/// A server of the test's own, which it may stop.
struct Server {
    bin: PathBuf,
    folder: tempfile::TempDir,
    port: u16,
}

impl Server {
    fn start() -> Self {
        let found = Command::new("pg_config").arg("--bindir").output().expect("pg_config of PostgreSQL");
        let bin = PathBuf::from(String::from_utf8(found.stdout).expect("UTF-8").trim());
        let folder = tempfile::tempdir().expect("a folder");
        let port = TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address").port();
        let server = Self { bin, folder, port };
        server.own();
        server
            .run("initdb", &["-A", "trust", "-U", "postgres", "--no-sync", "--locale=C.UTF-8", "-E", "UTF8", "-D", &server.data()]);
        server.up();
        server.admit();
        server
    }

    /// Makes the role that the program works as, and its database: it refuses to be the administrator.
    fn admit(&self) {
        let port = self.port.to_string();
        let to = ["-h", "127.0.0.1", "-p", &port, "-U", "postgres"];
        self.run("createuser", &[&to[..], &["plain"]].concat());
        self.run("createdb", &[&to[..], &["-O", "plain", "plain"]].concat());
    }

    /// The server refuses to run as root.
    fn own(&self) {
        use std::os::unix::fs::PermissionsExt;
        std::fs::set_permissions(self.folder.path(), std::fs::Permissions::from_mode(0o755)).expect("a mode");
        if is_root() {
            let owned = Command::new("chown").arg("postgres").arg(self.folder.path()).status();
            assert!(owned.expect("chown(1) runs").success());
        }
    }

    fn data(&self) -> String {
        self.folder.path().join("cluster").to_str().expect("UTF-8").to_owned()
    }

    fn run(&self, tool: &str, arguments: &[&str]) {
        let tool = self.bin.join(tool);
        let mut command = if is_root() {
            let mut command = Command::new("setpriv");
            command.args(["--reuid=postgres", "--regid=postgres", "--init-groups", "--"]).arg(tool);
            command
        } else {
            Command::new(tool)
        };
        command.args(arguments).current_dir(self.folder.path()).stdin(Stdio::null());
        let done = command.stdout(Stdio::null()).stderr(Stdio::null()).status();
        assert!(done.expect("the server's tools run").success(), "{arguments:?}");
    }

    fn up(&self) {
        let folder = self.folder.path().to_str().expect("UTF-8");
        let options = format!("-p {} -k '{folder}' -c listen_addresses=127.0.0.1", self.port);
        self.run("pg_ctl", &["-D", &self.data(), "-l", &format!("{folder}/log"), "-w", "-o", &options, "start"]);
    }

    fn down(&self) {
        self.run("pg_ctl", &["-D", &self.data(), "-m", "immediate", "-w", "stop"]);
    }

    fn url(&self) -> String {
        format!("postgres://plain@127.0.0.1:{}/plain", self.port)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if Path::new(&self.data()).join("postmaster.pid").exists() {
            self.down();
        }
    }
}

fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata("/proc/self").expect("proc").uid() == 0
}

#[test]
fn a_database_server_that_is_killed_in_the_middle_costs_time() {
    let server = Server::start();
    let here = on(&server.url());
    here.arm("Verifica", "hold", 2);
    let begun = here.begin();
    while here.sandbox.counts().requests < 2 {}
    server.down();
    server.up();
    here.sandbox.clear_faults();
    here.sandbox.release();
    let first = begun.ended();
    let summary = if first.exit == 0 { first.good() } else { here.year().good() };
    assert_eq!((&summary["missing"], &summary["open"], &summary["blocked"]), (&json!(0), &json!(0), &json!(0)), "{summary}");
    assert!(here.solicitudes().iter().all(|it| is_home(it) || it["state"] == "uncertain"));
    here.assert_fair();
    covers!("trials: a PostgreSQL server stopped in the middle of a run and started again costs time, and nothing else");
}
