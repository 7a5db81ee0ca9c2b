//! `mail …`: does mail leave this installation, and does it arrive?
//!
//! Sent at once, not by a job, so that whoever set it up is told here what the server says.

use crate::cli::{Globals, Mail as MailCommand};
use crate::failure::Failure;
use crate::house::{House, Opening};
use crate::present::Screen;
use fedatario_app::audit_trail::{entry, sha256};
use fedatario_app::descarga::transition::Moment;
use fedatario_app::mail::{Mail, MailKind};
use fedatario_base::code::Exit;
use fedatario_base::id::MailId;
use serde_json::json;

/// Runs one of the commands.
pub async fn run(globals: &Globals, command: MailCommand, screen: &Screen) -> Result<Exit, Failure> {
    let MailCommand::Test { to } = command;
    let house = House::open(globals, Opening::making()).await?;
    let now = Moment::now(&house.app, &house.scope);
    let fields = [("at", format!("{:.0}", now.wall))];
    let mail = Mail::new(MailKind::Test, &to, screen.language(), now.wall, &fields)?;
    let id = MailId::fresh(now.wall);
    let sent = house.postman.send(id, &mail).await;
    let state = if sent.is_ok() { "sent" } else { "failed" };
    let mut tx = house.app.store.begin(&house.scope).await?;
    let event = entry(&now, "mail.test", &id.to_string(), state).digest("to", &sha256(mail.to.as_bytes()));
    tx.append(event, None).await?;
    tx.commit().await?;
    sent.map_err(|error| Failure::new(error.code(), error.to_string()))?;
    screen.say("cli-mail-sent", &[("to", mail.to.clone())]);
    screen.result(&json!({ "to": mail.to, "id": id.to_string(), "state": state }));
    Ok(Exit::Good)
}
