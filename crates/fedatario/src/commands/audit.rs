//! `audit …`: the chain verified, from the database or from a file alone, and taken outside.

use crate::cli::{Audit, Globals};
use crate::failure::Failure;
use crate::house::House;
use crate::present::Screen;
use fedatario_app::audit_trail;
use fedatario_audit::{KeyTrust, PublicKey, Verdict, verify_export};
use fedatario_base::Code;
use fedatario_base::code::Exit;
use serde_json::{Value, json};
use std::io::BufReader;
use std::path::Path;

/// Runs one of the commands.
pub async fn run(globals: &Globals, command: Audit, screen: &Screen) -> Result<Exit, Failure> {
    match command {
        Audit::Verify { file: Some(file), key } => of_file(globals, &file, key.as_deref(), screen).await,
        Audit::Verify { file: None, .. } => of_database(globals, screen).await,
        Audit::Export { output } => export(globals, output.as_deref(), screen).await,
        Audit::Key => key(globals, screen).await,
    }
}

async fn of_database(globals: &Globals, screen: &Screen) -> Result<Exit, Failure> {
    let house = House::open(globals).await?;
    let verdict = audit_trail::verify(&house.app, &house.scope).await?;
    Ok(tell(screen, &verdict))
}

/// A file needs no database: the key is the one given, else the one pinned in a folder that is
/// there, else the file's own, and then the verdict says `unpinned`.
async fn of_file(globals: &Globals, file: &Path, key: Option<&str>, screen: &Screen) -> Result<Exit, Failure> {
    let pinned = match key {
        Some(text) => Some(text.parse::<PublicKey>()?),
        None => pinned_in(globals),
    };
    let opened = std::fs::File::open(file).map_err(|error| Failure::file(file, &error))?;
    let verdict = verify_export(BufReader::new(opened), pinned.as_ref())?;
    Ok(tell(screen, &verdict))
}

/// The key that a folder pinned when it first exported or signed.
fn pinned_in(globals: &Globals) -> Option<PublicKey> {
    let dir = globals.data.as_deref()?;
    std::fs::read_to_string(dir.join("audit.pub")).ok()?.trim().parse().ok()
}

fn tell(screen: &Screen, verdict: &Verdict) -> Exit {
    let arguments = [
        ("entries", verdict.entries.to_string()),
        ("anchored", verdict.anchored.map_or("-".to_owned(), |it| it.to_string())),
        ("unanchored", verdict.unanchored.to_string()),
        ("key", verdict.key.text().to_owned()),
    ];
    screen.say(if verdict.is_intact() { "cli-audit-intact" } else { "cli-audit-damaged" }, &arguments);
    for damage in &verdict.damage {
        let what = screen.text(damage.code().slug(), &[]);
        screen.print(&format!("  n={} {}: {what}", damage.at(), damage.code().slug()));
    }
    if verdict.key == KeyTrust::Unpinned {
        screen.say("cli-audit-unpinned", &[]);
    }
    screen.result(&as_json(verdict));
    if verdict.is_intact() { Exit::Good } else { Exit::Finding }
}

fn as_json(verdict: &Verdict) -> Value {
    let damage: Vec<Value> = verdict.damage.iter().map(|it| json!({ "code": it.code().slug(), "kind": it.kind(), "n": it.at() })).collect();
    json!({
        "intact": verdict.is_intact(),
        "entries": verdict.entries,
        "head": { "n": verdict.head.n, "hash": audit_trail::hex(&verdict.head.hash) },
        "damage": damage,
        "more": verdict.more,
        "anchored": verdict.anchored,
        "unanchored": verdict.unanchored,
        "key": verdict.key.text(),
    })
}

async fn export(globals: &Globals, output: Option<&Path>, screen: &Screen) -> Result<Exit, Failure> {
    let house = House::open(globals).await?;
    let key = audit_trail::public_key(&house.app, &house.scope).await?;
    pin(&house.dir, &key)?;
    let head = match output {
        Some(path) => {
            let file = std::fs::File::create(path).map_err(|error| Failure::file(path, &error))?;
            let head = audit_trail::export(&house.app, &house.scope, &mut std::io::BufWriter::new(&file)).await?;
            file.sync_all().map_err(|error| Failure::file(path, &error))?;
            head
        }
        None => audit_trail::export(&house.app, &house.scope, &mut std::io::stdout()).await?,
    };
    if let Some(path) = output {
        screen.say("cli-audit-exported", &[("entries", head.n.to_string()), ("path", path.display().to_string()), ("key", key.to_string())]);
        screen.result(&json!({ "entries": head.n, "path": path.display().to_string(), "key": key.to_string() }));
    }
    Ok(Exit::Good)
}

async fn key(globals: &Globals, screen: &Screen) -> Result<Exit, Failure> {
    let house = House::open(globals).await?;
    let key = audit_trail::public_key(&house.app, &house.scope).await?;
    pin(&house.dir, &key)?;
    screen.print(&key.to_string());
    screen.result(&json!({ "key": key.to_string() }));
    Ok(Exit::Good)
}

/// Pins the key on first use; another one later is refused, never taken over silently.
fn pin(dir: &Path, key: &PublicKey) -> Result<(), Failure> {
    let path = dir.join("audit.pub");
    match std::fs::read_to_string(&path) {
        Ok(text) if text.trim() == key.to_string() => Ok(()),
        Ok(_) => Err(Failure::new(Code::AuditCheckpoint, format!("{} holds another key", path.display()))),
        Err(_) => std::fs::write(&path, format!("{key}\n")).map_err(|error| Failure::file(&path, &error)),
    }
}
