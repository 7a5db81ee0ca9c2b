//! `vault …`: keys rotated, and what is still under an older one.

use crate::cli::{Globals, Vault};
use crate::failure::Failure;
use crate::house::{House, Opening};
use crate::present::Screen;
use fedatario_app::custody;
use fedatario_base::Code;
use fedatario_base::code::Exit;
use serde_json::json;

/// Runs one of the commands.
pub async fn run(globals: &Globals, command: Vault, screen: &Screen) -> Result<Exit, Failure> {
    let house = House::open(globals, Opening::existing()).await?;
    let rotated = match command {
        Vault::Rotate { root: true, .. } => crate::wiring::rotate_root(&house).await?,
        Vault::Rotate { tenant_key: true, .. } => custody::rotate_tenant(&house.app, &house.scope).await?,
        Vault::Rotate { .. } => return Err(Failure::new(Code::Usage, "vault rotate --root, or --tenant-key")),
        Vault::Status => custody::status(&house.app, &house.scope).await?,
    };
    screen.say("cli-keys", &[("moved", rotated.moved.to_string()), ("behind", rotated.behind.to_string())]);
    screen.result(&json!(rotated));
    Ok(Exit::Good)
}
