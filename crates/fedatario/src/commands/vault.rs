//! `vault …`: keys rotated or rehearsed, what is still under an older one, which cryptography is in use,
//! credentials carried out and back.

use crate::cli::{Globals, Vault};
use crate::failure::Failure;
use crate::house::{House, Opening};
use crate::present::Screen;
use crate::{config, files, roots};
use fedatario_app::backups::{self, How, Outcome, RestoredItem};
use fedatario_app::custody::{self, KeyStatus};
use fedatario_app::inventory;
use fedatario_base::Code;
use fedatario_base::code::Exit;
use fedatario_vault::{KeyClass, MAX_BACKUP_BYTES, RotationPlan};
use serde_json::{Value, json};
use std::path::Path;

/// Runs one of the commands.
pub async fn run(globals: &Globals, command: Vault, screen: &Screen) -> Result<Exit, Failure> {
    let opening = match command {
        Vault::Rotate { signer_root: true, .. } => Opening::signers_shell(),
        _ => Opening::existing(),
    };
    let house = House::open(globals, opening).await?;
    match command {
        Vault::Rotate { root, signer_root, tenant_key, plan } => {
            let what = What::of(root, signer_root, tenant_key)?;
            if plan { tell_plan(&planned(&house, what).await?, screen) } else { tell(&rotated(&house, what).await?, screen) }
        }
        Vault::Status => return status(&house, screen).await,
        Vault::Inventory => return inventory(&house, screen).await,
        Vault::Backup { output, passphrase_file, credential } => {
            back_up(&house, &output, &passphrase_file, credential.as_deref(), screen).await?;
        }
        Vault::Restore { file, passphrase_file, dry_run, replace } => {
            return restore(&house, &file, &passphrase_file, How { dry_run, replace }, screen).await;
        }
    }
    Ok(Exit::Good)
}

/// What is rotated.
#[derive(Clone, Copy)]
enum What {
    Root(KeyClass),
    TenantKey,
}

impl What {
    fn of(root: bool, signer_root: bool, tenant_key: bool) -> Result<Self, Failure> {
        match (root, signer_root, tenant_key) {
            (true, ..) => Ok(Self::Root(KeyClass::House)),
            (_, true, _) => Ok(Self::Root(KeyClass::Signer)),
            (_, _, true) => Ok(Self::TenantKey),
            _ => Err(Failure::new(Code::Usage, "vault rotate --root, --signer-root, or --tenant-key")),
        }
    }
}

async fn rotated(house: &House, what: What) -> Result<KeyStatus, Failure> {
    match what {
        What::Root(class) => roots::rotate_root(house, class).await,
        What::TenantKey => Ok(custody::rotate_tenant(&house.app, &house.scope).await?),
    }
}

async fn planned(house: &House, what: What) -> Result<RotationPlan, Failure> {
    match what {
        What::Root(class) => roots::plan_root(house, class).await,
        What::TenantKey => Ok(custody::plan(&house.app, &house.scope).await?),
    }
}

fn tell(status: &KeyStatus, screen: &Screen) {
    screen.say("cli-keys", &[("moved", status.moved.to_string()), ("behind", status.behind.to_string())]);
    screen.result(&json!(status));
}

fn tell_plan(plan: &RotationPlan, screen: &Screen) {
    let (moves, broken) = (plan.moves(), plan.broken());
    screen.say("cli-keys-plan", &[("moves", moves.to_string()), ("broken", broken.to_string()), ("to", plan.to.to_string())]);
    let rows: Vec<Value> = plan
        .rows
        .iter()
        .map(|it| {
            json!({ "tenant": it.tenant.to_string(), "class": it.key_use.class().text(), "use": it.key_use.text(),
                "version": it.version, "moves": it.moves, "broken": it.broken })
        })
        .collect();
    screen.result(&json!({ "makes": plan.makes, "to": plan.to, "moves": moves, "broken": broken, "rows": rows }));
}

/// A class whose keys this process does not hold has no number here.
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
    screen.say("cli-keys", &[("moved", "0".to_owned()), ("behind", behind.to_string())]);
    let mut told = json!({
        "sealed": standing.is_sealed(), "root_key_version": standing.root_version, "tenant_keys": keys, "behind": behind,
        "signer": if house.app.vault.is_remote() { "alone" } else { "here" },
    });
    for class in KeyClass::ALL {
        let behind = house.app.vault.roots_behind(&house.hands, class).await.ok();
        told["roots"][class.text()] = json!({ "behind": behind });
    }
    screen.result(&told);
    Ok(Exit::Good)
}

async fn inventory(house: &House, screen: &Screen) -> Result<Exit, Failure> {
    let found = inventory::of(&house.app, &house.scope).await?;
    for it in &found.algorithms {
        let arguments = [
            ("algorithm", it.algorithm.to_owned()),
            ("purpose", it.purpose(screen.language())),
            ("place", it.place.to_owned()),
            ("bits", it.bits.to_string()),
            ("reason", it.reason(screen.language()).unwrap_or_default()),
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
    let mut told = json!(found);
    for (row, it) in told["algorithms"].as_array_mut().into_iter().flatten().zip(&found.algorithms) {
        row["purpose"] = json!(it.purpose(screen.language()));
        row["reason"] = json!(it.reason(screen.language()));
    }
    told["post_quantum"] = json!(inventory::post_quantum(screen.language()));
    screen.result(&told);
    Ok(Exit::Good)
}

async fn back_up(house: &House, output: &Path, passphrase: &Path, one: Option<&str>, screen: &Screen) -> Result<(), Failure> {
    let bad = |text: &str| Failure::new(Code::IdFormat, format!("{text} is no id of a credential"));
    let one = one.map(|it| it.parse().map_err(|_| bad(it))).transpose()?;
    let file = backups::make(&house.app, &house.scope, &config::password(passphrase)?, one).await?;
    files::write_private(output, &file)?;
    screen.say("cli-backup-made", &[("file", output.display().to_string())]);
    screen.result(&json!({ "file": output.display().to_string(), "bytes": file.len() }));
    Ok(())
}

/// A conflict is a finding: what is in use stayed.
async fn restore(house: &House, file: &Path, passphrase: &Path, how: How, screen: &Screen) -> Result<Exit, Failure> {
    let bytes = crate::commands::pipe::read(file, MAX_BACKUP_BYTES)?;
    let items = backups::restore(&house.app, &house.scope, &config::password(passphrase)?, &bytes, how).await?;
    for it in &items {
        screen.say("cli-restored", &[("name", it.name.clone()), ("number", it.number.clone()), ("outcome", text(it))]);
    }
    screen.result(&json!({ "dry_run": how.dry_run, "credentials": items }));
    let stays_out =
        |it: &RestoredItem| matches!(it.outcome, Outcome::Conflict | Outcome::Newer | Outcome::NoOwner | Outcome::AnotherTenant);
    let is_open = items.iter().any(stays_out);
    Ok(if is_open { Exit::Finding } else { Exit::Good })
}

fn text(it: &RestoredItem) -> String {
    json!(it.outcome).as_str().unwrap_or_default().to_owned()
}
