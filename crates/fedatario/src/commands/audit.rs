//! `audit …`: the chain verified, from the database or from a file alone, proven and taken outside.

mod evidence;

use crate::cli::{Audit, Globals};
use crate::failure::Failure;
use crate::house::{House, Opening};
use crate::present::Screen;
use crate::{config, files, pins};
use fedatario_app::audit_trail;
use fedatario_app::audit_trail::parts::{COLUMNS, Stretch, export_part, export_rows, verify_part};
use fedatario_audit::{KeyTrust, PublicKey, Verdict, verify_export};
use fedatario_base::code::Exit;
use fedatario_base::id::TenantId;
use fedatario_tables::{Csv, CsvOptions};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Cursor, Read, Write};
use std::path::Path;

/// Bytes of an export's first line that are looked at for the tenant: it has some hundreds.
const HEADER_BYTES_AT_MOST: u64 = 64 * 1024;

/// Runs one of the commands.
pub async fn run(globals: &Globals, command: Audit, screen: &Screen) -> Result<Exit, Failure> {
    match command {
        Audit::Verify { proof: Some(proof), key, .. } => evidence::of_proof(globals, &proof, key.as_deref(), screen),
        Audit::Verify { custody: Some(custody), file, key, .. } => {
            evidence::of_custody(globals, &custody, file.as_deref(), key.as_deref(), screen)
        }
        Audit::Verify { file: Some(file), key, .. } => of_file(globals, &file, key.as_deref(), screen).await,
        Audit::Verify { from, to, since, .. } => {
            let checkpoint = since.map(|it| evidence::small(&it)).transpose()?;
            of_database(globals, Stretch { from, to, checkpoint }, screen).await
        }
        Audit::Export { output, from, to, csv } => {
            let stretch = Stretch { from, to, checkpoint: None };
            export(globals, output.as_deref(), (stretch, csv), screen).await
        }
        Audit::Prove { n, output } => evidence::prove(globals, n, output.as_deref(), screen).await,
        Audit::Checkpoint { output, since: None } => evidence::checkpoint(globals, output.as_deref(), screen).await,
        Audit::Checkpoint { output, since: Some(old) } => evidence::consistency(globals, &old, output.as_deref(), screen).await,
        Audit::Custody { credential, output, html } => {
            evidence::custody(globals, &credential, (output.as_deref(), html), screen).await
        }
        Audit::Key => key(globals, screen).await,
    }
}

async fn of_database(globals: &Globals, stretch: Stretch, screen: &Screen) -> Result<Exit, Failure> {
    let house = House::open(globals, Opening::existing()).await?;
    let verdict = match stretch.is_whole() {
        true => audit_trail::verify(&house.app, &house.scope).await?,
        false => verify_part(&house.app, &house.scope, &stretch).await?,
    };
    Ok(tell(screen, &verdict))
}

/// A file needs no database: the key is the one given, else the one pinned in a folder that is
/// there, else the file's own, and then the verdict says `unpinned`.
async fn of_file(globals: &Globals, file: &Path, key: Option<&str>, screen: &Screen) -> Result<Exit, Failure> {
    let opened = std::fs::File::open(file).map_err(|error| Failure::file(file, &error))?;
    let (first, lines) = first_line(BufReader::new(opened)).map_err(|error| Failure::file(file, &error))?;
    let pinned = match key {
        Some(text) => Some(text.trim().parse::<PublicKey>()?),
        None => pinned_in(globals, &first)?,
    };
    Ok(tell(screen, &verify_export(lines, pinned.as_ref())?))
}

/// The first line of a file (it may be a pipe), and all of its lines.
fn first_line(mut reader: impl BufRead) -> std::io::Result<(Vec<u8>, impl BufRead)> {
    let mut first = Vec::new();
    reader.by_ref().take(HEADER_BYTES_AT_MOST).read_until(b'\n', &mut first)?;
    Ok((first.clone(), Cursor::new(first).chain(reader)))
}

/// The key that the folder pinned for the tenant that the header names. A header that names none, or
/// one that is not pinned, leaves the file to vouch for itself, and the verdict says so.
fn pinned_in(globals: &Globals, header: &[u8]) -> Result<Option<PublicKey>, Failure> {
    let Ok(dir) = config::data(globals, "fedatario") else { return Ok(None) };
    let tenant = serde_json::from_slice::<Value>(header).ok().and_then(|it| it["tenant"].as_str()?.parse::<TenantId>().ok());
    let name = tenant.map(|it| fedatario_audit::note::origin(it.bytes()));
    pins::find(&dir, name.as_deref().unwrap_or_default())
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
    let damage: Vec<Value> =
        verdict.damage.iter().map(|it| json!({ "code": it.code().slug(), "kind": it.kind(), "n": it.at() })).collect();
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

async fn export(
    globals: &Globals,
    output: Option<&Path>,
    (stretch, csv): (Stretch, bool),
    screen: &Screen,
) -> Result<Exit, Failure> {
    let house = House::open(globals, Opening::existing()).await?;
    let key = audit_trail::public_key(&house.app, &house.scope).await?;
    pins::pin(&house.dir, &key)?;
    let last = match output {
        Some(path) => {
            // What is flushed is durable, and the export is flushed before the chain calls it anchored.
            let mut draft = files::Draft::common(path).map_err(|error| Failure::file(path, &error))?;
            let last = write(&house, &stretch, csv, &mut draft).await?;
            draft.publish().map_err(|error| Failure::file(path, &error))?;
            last
        }
        None => write(&house, &stretch, csv, &mut std::io::stdout()).await?,
    };
    if let Some(path) = output {
        screen.say(
            "cli-audit-exported",
            &[("entries", last.to_string()), ("path", path.display().to_string()), ("key", key.to_string())],
        );
        screen.result(&json!({ "entries": last, "path": path.display().to_string(), "key": key.to_string() }));
    }
    Ok(Exit::Good)
}

async fn write(house: &House, stretch: &Stretch, csv: bool, out: &mut (dyn Write + Send)) -> Result<u64, Failure> {
    if !csv {
        return Ok(export_part(&house.app, &house.scope, stretch, out).await?.n);
    }
    let sheet = Csv::begin(out, COLUMNS, CsvOptions::default()).map_err(|error| Failure::internal(error.to_string()))?;
    Ok(export_rows(&house.app, &house.scope, stretch, Box::new(sheet)).await?)
}

async fn key(globals: &Globals, screen: &Screen) -> Result<Exit, Failure> {
    let house = House::open(globals, Opening::existing()).await?;
    let key = audit_trail::public_key(&house.app, &house.scope).await?;
    pins::pin(&house.dir, &key)?;
    screen.print(&key.to_string());
    screen.result(&json!({ "key": key.to_string() }));
    Ok(Exit::Good)
}
