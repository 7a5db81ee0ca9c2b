//! A command that runs beside the test, to be watched and interrupted.

#![allow(dead_code, reason = "each test file uses its part")]

use super::Ended;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

/// What the log says when an exchange was closed.
const CLOSED: &str = "update exchanges set closed_ms";

/// A command that runs beside the test.
pub struct Begun(pub Child);

impl Begun {
    /// Starts a command.
    pub fn of(mut command: Command) -> Self {
        Self(command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("the binary starts"))
    }

    /// Waits until it has recorded the end of so many exchanges.
    pub fn closes(&mut self, exchanges: usize) {
        let log = BufReader::new(self.0.stderr.take().expect("piped"));
        let mut lines = log.lines().map_while(Result::ok);
        let seen = lines.by_ref().filter(|it| it.contains(CLOSED)).take(exchanges).count();
        assert_eq!(seen, exchanges, "it ended before");
        // What is not read would stop it.
        std::thread::spawn(move || lines.for_each(drop));
    }

    /// Signals it, and waits for its end; its exit code, -1 for one that a signal ended.
    pub fn signal(mut self, name: &str) -> i32 {
        let told = Command::new("kill").args([format!("-{name}"), self.0.id().to_string()]).status();
        assert!(told.expect("kill(1) runs").success());
        self.0.wait().expect("a child can be waited for").code().unwrap_or(-1)
    }

    /// Waits for its end; what it printed.
    pub fn ended(mut self) -> Ended {
        let mut stdout = String::new();
        std::io::Read::read_to_string(&mut self.0.stdout.take().expect("piped"), &mut stdout).expect("text");
        Ended { exit: self.0.wait().expect("a child can be waited for").code().unwrap_or(-1), stdout, stderr: String::new() }
    }
}

impl Drop for Begun {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
