//! `vault …`: keys rotated, what is still under an older one, and which cryptography is in use.

use crate::cli::{Globals, Vault};
use crate::failure::Failure;
use crate::house::{House, Opening};
use crate::present::Screen;
use fedatario_app::custody::{self, KeyStatus};
use fedatario_app::inventory;
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
        Vault::Status => return status(&house, screen).await,
        Vault::Inventory => return inventory(&house, screen).await,
    };
    tell(&rotated, screen);
    screen.result(&json!(rotated));
    Ok(Exit::Good)
}

fn tell(status: &KeyStatus, screen: &Screen) {
    screen.say("cli-keys", &[("moved", status.moved.to_string()), ("behind", status.behind.to_string())]);
}

async fn status(house: &House, screen: &Screen) -> Result<Exit, Failure> {
    let (standing, behind) = inventory::standing(&house.app, &house.scope).await?;
    let keys: Vec<_> = standing
        .keys
        .iter()
        .map(
            |it| json!({ "key_use": it.key_use.text(), "version": it.version, "root_version": it.root_version, "opens": it.opens }),
        )
        .collect();
    for it in &standing.keys {
        let arguments = [
            ("use", it.key_use.text().to_owned()),
            ("version", it.version.to_string()),
            ("root", it.root_version.to_string()),
            ("sealed", (!it.opens).to_string()),
        ];
        screen.say("cli-vault-key", &arguments);
    }
    tell(&KeyStatus { behind, made: None, moved: 0 }, screen);
    screen.result(&json!({
        "sealed": standing.is_sealed(), "root_key_version": standing.root_version, "tenant_keys": keys, "behind": behind,
    }));
    Ok(Exit::Good)
}

async fn inventory(house: &House, screen: &Screen) -> Result<Exit, Failure> {
    let found = inventory::of(&house.app, &house.scope).await?;
    for it in &found.algorithms {
        let arguments = [
            ("algorithm", it.algorithm.to_owned()),
            ("purpose", it.purpose.to_owned()),
            ("place", it.place.to_owned()),
            ("bits", it.bits.to_string()),
            ("reason", it.reason.to_owned()),
        ];
        screen.say("cli-vault-algorithm", &arguments);
    }
    for it in &found.certificates {
        let arguments = [
            ("kind", it.kind.to_owned()),
            ("bits", it.key_bits.to_string()),
            ("count", it.count.to_string()),
            ("first", it.first_ends_at.to_string()),
            ("last", it.last_ends_at.to_string()),
        ];
        screen.say("cli-vault-certificates", &arguments);
    }
    screen.result(&json!(found));
    Ok(Exit::Good)
}
