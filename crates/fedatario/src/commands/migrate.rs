//! `migrate`: brings the database up to this program, and does nothing else. Where one role owns the
//! tables and another works on them, the owner runs this before the other starts.

use crate::cli::Globals;
use crate::failure::Failure;
use crate::present::Screen;
use crate::{config, files, wiring};
use fedatario_base::code::Exit;
use serde_json::json;

/// Runs the command.
pub async fn run(globals: &Globals, screen: &Screen) -> Result<Exit, Failure> {
    let dir = config::data(globals, "fedatario")?;
    files::private_dir(&dir)?;
    let db = wiring::database(&dir).await?;
    db.shut().await;
    screen.say("cli-migrated", &[]);
    screen.result(&json!({ "migrated": true }));
    Ok(Exit::Good)
}
