//! What the signals of a terminal and of a supervisor mean.
//!
//! The first Ctrl+C (or SIGTERM) asks to stop: what has begun is let end, and the person is told so.
//! A Ctrl+C after that ends the process at once, with the exit of *try again later*: whatever was
//! under way is durable, and the same command takes it up.

use crate::failure::Failure;
use crate::present::Screen;
use fedatario_base::code::Exit;
use std::io::Write;
use std::sync::OnceLock;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;

/// Signals are the process's, so there is one listener however many parts of a command ask for it.
static LISTENING: OnceLock<watch::Receiver<bool>> = OnceLock::new();

/// Whether somebody asked this process to stop. Clones hear the same.
#[derive(Debug, Clone)]
pub struct Stop(watch::Receiver<bool>);

impl Stop {
    /// Listens from now on: until then a signal ends the process as it always does.
    pub fn listen(screen: &Screen) -> Result<Self, Failure> {
        if let Some(listening) = LISTENING.get() {
            return Ok(Self(listening.clone()));
        }
        let heard = |kind| signal(kind).map_err(|error| Failure::internal(error.to_string()));
        let (interrupts, terminations) = (heard(SignalKind::interrupt())?, heard(SignalKind::terminate())?);
        let (asked, listening) = watch::channel(false);
        tokio::spawn(hear(interrupts, terminations, asked, screen.text("cli-stopping", &[])));
        Ok(Self(LISTENING.get_or_init(|| listening).clone()))
    }

    /// For a worker: turns true when somebody asked.
    pub fn receiver(&self) -> watch::Receiver<bool> {
        self.0.clone()
    }

    /// Whether somebody asked.
    pub fn is_asked(&self) -> bool {
        *self.0.borrow()
    }
}

async fn hear(mut interrupts: Signal, mut terminations: Signal, asked: watch::Sender<bool>, sentence: String) {
    tokio::select! {
        _ = interrupts.recv() => {}
        _ = terminations.recv() => {}
    }
    let _ = asked.send(true);
    let _ = writeln!(std::io::stderr(), "{sentence}"); // Whoever read it may be gone.
    interrupts.recv().await;
    std::process::exit(Exit::Later as i32);
}
