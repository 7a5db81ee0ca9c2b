//! `owner-link`: prints the link by which the first owner of an installation comes in. Good once and for
//! half an hour; a new one voids the one before. The secret stands behind the `#`, so that no server on
//! the way sees it, and in no log.

use crate::cli::Globals;
use crate::failure::Failure;
use crate::house::{Opening, Premises, user};
use crate::present::Screen;
use fedatario_app::identity::bootstrap::OWNER_TOKEN_FOR;
use fedatario_base::Actor;
use fedatario_base::code::Exit;
use serde_json::json;

/// Runs the command.
pub async fn run(globals: &Globals, screen: &Screen) -> Result<Exit, Failure> {
    let premises = Premises::open(globals, Opening::making()).await?;
    let identity = crate::identity::of(&premises)?;
    let token = identity.owner_token(Actor::Os(user())).await?;
    let token = token.expose_str().unwrap_or_default();
    let link = identity.address_with("owner", token);
    screen.say("cli-owner-link-made", &[("link", link.clone()), ("minutes", OWNER_TOKEN_FOR.as_mins().to_string())]);
    screen.result(&json!({ "link": link, "token": token, "minutes": OWNER_TOKEN_FOR.as_mins() }));
    Ok(Exit::Good)
}
