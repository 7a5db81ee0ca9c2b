//! A disk that is full, and one that can only be read: a small file system of memory in a mount
//! namespace of the test's own. Whoever may not make one (containers may forbid it) fails clearly.

use crate::here::Here;
use crate::support::Ended;
use fedatario_testkit::covers;
use serde_json::json;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

/// The file system, in MiB: a year of thirty documents and its database, several times over.
const MIB: u32 = 64;
/// How a command ends that may be tried later.
const LATER: i32 = 4;

/// A mount namespace that lives as long as this does, with the house on a disk of its own.
struct Disk<'a> {
    here: &'a Here,
    holder: Child,
}

impl<'a> Disk<'a> {
    fn under(here: &'a Here) -> Self {
        let house = here.house().to_str().expect("UTF-8").to_owned();
        let kept = here.path("kept").to_str().expect("UTF-8").to_owned();
        let script = format!(
            "cp -a '{house}' '{kept}' && mount -t tmpfs -o size={MIB}m tmpfs '{house}' && cp -a '{kept}/.' '{house}/' && echo mounted && read end"
        );
        let mut command = Command::new("unshare");
        let private: &[&str] = if is_root() { &["-m"] } else { &["-r", "-m"] };
        command.args(private).args(["sh", "-c", &script]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut holder = command.spawn().expect("unshare(1) runs");
        let mut line = String::new();
        BufReader::new(holder.stdout.take().expect("piped")).read_line(&mut line).expect("a line");
        assert_eq!(line.trim(), "mounted", "a mount namespace with a tmpfs is needed for this test");
        Self { here, holder }
    }

    /// A command inside.
    fn inside(&self, program: &str, arguments: &[&str]) -> Command {
        let user: &[&str] = if is_root() { &[] } else { &["-U", "--preserve-credentials"] };
        let mut command = Command::new("nsenter");
        command.args(["-t", &self.holder.id().to_string(), "-m"]).args(user).arg(program).args(arguments);
        command
    }

    fn sh(&self, script: &str) {
        let house = self.here.house().to_str().expect("UTF-8");
        let done = self.inside("sh", &["-c", script, "sh", house]).output().expect("nsenter(1) runs");
        assert!(done.status.success(), "{script}: {}", String::from_utf8_lossy(&done.stderr));
    }

    /// Leaves so many KiB.
    fn fill(&self, left_kib: u32) {
        self.sh(&format!(
            "free=$(df -k --output=avail \"$1\" | tail -n 1); head -c $(((free - {left_kib}) * 1024)) /dev/zero > \"$1/ballast\""
        ));
    }

    fn empty(&self) {
        self.sh("rm \"$1/ballast\"");
    }

    /// Runs the year inside.
    fn year(&self) -> Ended {
        let done = self.as_inside(&self.here.year_command()).output().expect("the binary starts");
        Ended {
            exit: done.status.code().unwrap_or(-1),
            stdout: String::from_utf8_lossy(&done.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&done.stderr).into_owned(),
        }
    }

    /// The same command, inside.
    fn as_inside(&self, outside: &Command) -> Command {
        let arguments: Vec<&str> = outside.get_args().map(|it| it.to_str().expect("UTF-8")).collect();
        let mut command = self.inside(outside.get_program().to_str().expect("UTF-8"), &arguments);
        for (name, value) in outside.get_envs() {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        command
    }

    fn assert_fair(&self) {
        let verify = self.here.shell.command(&["audit", "verify", "--json"]);
        let done = self.as_inside(&verify).output().expect("the binary starts");
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stdout));
        let counts = self.here.sandbox.counts();
        assert_eq!((counts.requests, counts.most_downloads_of_one_package), (2, 1), "{counts:?}");
    }
}

impl Drop for Disk<'_> {
    fn drop(&mut self) {
        let _ = self.holder.kill();
        let _ = self.holder.wait();
    }
}

fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata("/proc/self").expect("proc").uid() == 0
}

fn code(ended: &Ended) -> String {
    ended.json()["error"]["code"].as_str().unwrap_or_else(|| panic!("a code: {ended:?}")).to_owned()
}

#[test]
fn a_full_disk_is_told_and_the_same_command_finishes_when_there_is_room() {
    let here = Here::new();
    let disk = Disk::under(&here);
    disk.fill(0);
    let full = disk.year();
    assert_eq!(full.exit, LATER, "{full:?}");
    assert!(["store_unavailable", "blob_unavailable"].contains(&code(&full).as_str()), "{full:?}");
    assert_eq!(here.sandbox.counts().requests, 0, "no first byte without a row");
    disk.empty();

    // In the middle: room for rows, none for a package, which is not even asked for.
    here.arm("Verifica", "hold", 2);
    let mut begun = disk.as_inside(&here.year_command());
    let begun = crate::here::Begun(begun.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("the binary starts"));
    while here.sandbox.faults_waiting() > 0 {}
    disk.fill(2 * 1024);
    here.sandbox.release();
    here.until_in(&|it| disk.as_inside(it), "ready and waiting for room", |all| {
        all.len() == 2 && all.iter().all(|it| it["state"] == "ready")
    });
    assert_eq!(here.sandbox.counts().downloads, 0, "a full disk costs no download");
    disk.empty();
    let summary = begun.ended().good();
    assert_eq!((&summary["missing"], &summary["uncertain"], &summary["lost_packages"]), (&json!(0), &json!(0), &json!(0)));
    disk.assert_fair();
    covers!("trials: a full disk: its code, exit 4, no request, no download spent; with room again the same command finishes");
}

#[test]
fn a_disk_that_can_only_be_read_is_told_and_the_same_command_finishes_later() {
    let here = Here::new();
    let disk = Disk::under(&here);
    disk.sh("mount -o remount,ro \"$1\"");
    let refused = disk.year();
    assert_eq!((refused.exit, code(&refused).as_str()), (LATER, "blob_unavailable"), "{refused:?}");
    assert_eq!(here.sandbox.counts().requests, 0);
    disk.sh("mount -o remount,rw \"$1\"");
    assert_eq!(disk.year().good()["missing"], 0);
    disk.assert_fair();
    covers!("trials: a folder that can only be read: its code, exit 4, nothing asked; writable again, the same command finishes");
}
