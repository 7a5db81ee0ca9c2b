//! `signer init`: the certificates with which the signer and the other roles know each other.

use crate::cli::Signer;
use crate::failure::Failure;
use crate::present::Screen;
use fedatario_base::Clock;
use fedatario_base::clock::SystemClock;
use fedatario_base::code::Exit;
use serde_json::json;

/// Runs one of the commands.
pub fn run(command: Signer, screen: &Screen) -> Result<Exit, Failure> {
    let Signer::Init { dir } = command;
    fedatario_signer::identity::make(&dir, SystemClock::default().wall())?;
    let place = |name: &str| dir.join(name).display().to_string();
    screen.say("cli-signer-made", &[("signer", place("signer")), ("client", place("client")), ("authority", place("ca.key"))]);
    screen.result(&json!({ "signer": place("signer"), "client": place("client"), "authority": place("ca.key") }));
    Ok(Exit::Good)
}
