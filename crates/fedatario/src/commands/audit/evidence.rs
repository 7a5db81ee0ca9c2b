//! `audit prove`, `audit checkpoint`, `audit custody`, and the files that they make, checked by themselves.

use crate::cli::Globals;
use crate::failure::Failure;
use crate::house::{House, Opening};
use crate::present::Screen;
use crate::{files, pins};
use base64::{Engine, engine::general_purpose::STANDARD};
use fedatario_api::printed;
use fedatario_app::audit_trail::{evidence, hex, sha256, signatures};
use fedatario_audit::custody::{Custody, MAX_CUSTODY_BYTES, SignedCustody, recounted, verify_custody};
use fedatario_audit::proof::{MAX_PROOF_BYTES, verify_proof};
use fedatario_audit::{KeyTrust, Link, PublicKey, parse_note, verify_export};
use fedatario_base::code::Exit;
use fedatario_base::id::CredentialId;
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;

/// A checkpoint or a proof, which are small.
pub fn small(path: &Path) -> Result<String, Failure> {
    String::from_utf8(bounded(path, MAX_PROOF_BYTES)?).map_err(|_| fedatario_audit::AuditError::NotAnExport.into())
}

fn bounded(path: &Path, at_most: usize) -> Result<Vec<u8>, Failure> {
    let file = std::fs::File::open(path).map_err(|error| Failure::file(path, &error))?;
    let mut bytes = Vec::new();
    file.take(at_most as u64 + 1).read_to_end(&mut bytes).map_err(|error| Failure::file(path, &error))?;
    if bytes.len() > at_most { Err(fedatario_audit::AuditError::NotAnExport.into()) } else { Ok(bytes) }
}

/// The key that was given, else the one pinned in a folder that is there.
fn key_for(globals: &Globals, given: Option<&str>, name: &str) -> Result<Option<PublicKey>, Failure> {
    match given {
        Some(text) => Ok(Some(text.trim().parse::<PublicKey>()?)),
        None => match crate::config::data(globals, "fedatario") {
            Ok(dir) => pins::find(&dir, name),
            Err(_) => Ok(None),
        },
    }
}

/// The name that a key in a file goes by.
fn name_in(file: &Value, place: &str) -> String {
    let key = file.pointer(place).and_then(Value::as_str).unwrap_or_default();
    key.split('+').next().unwrap_or_default().to_owned()
}

/// `audit verify --proof FILE`
pub fn of_proof(globals: &Globals, path: &Path, key: Option<&str>, screen: &Screen) -> Result<Exit, Failure> {
    let bytes = bounded(path, MAX_PROOF_BYTES)?;
    let file: Value = serde_json::from_slice(&bytes).unwrap_or_default();
    let pinned = key_for(globals, key, &name_in(&file, "/key"))?;
    let verdict = verify_proof(&bytes, pinned.as_ref())?;
    let said = [
        ("n", verdict.n.to_string()),
        ("size", verdict.size.to_string()),
        ("key", verdict.key.text().to_owned()),
        ("why", verdict.flaw.unwrap_or("-").to_owned()),
    ];
    let sentence = match (verdict.what, verdict.holds()) {
        ("inclusion", true) => "cli-audit-proven",
        ("inclusion", false) => "cli-audit-unproven",
        (_, true) => "cli-audit-consistent",
        (_, false) => "cli-audit-inconsistent",
    };
    screen.say(sentence, &said);
    tell_unpinned(verdict.key, screen);
    screen.result(&json!({
        "what": verdict.what, "holds": verdict.holds(), "flaw": verdict.flaw, "n": verdict.n, "size": verdict.size,
        "key": verdict.key.text(),
    }));
    Ok(if verdict.holds() { Exit::Good } else { Exit::Finding })
}

fn tell_unpinned(key: KeyTrust, screen: &Screen) {
    if key == KeyTrust::Unpinned {
        screen.say("cli-audit-unpinned", &[]);
    }
}

/// `audit verify --custody FILE [EXPORT]`
pub fn of_custody(
    globals: &Globals,
    path: &Path,
    export: Option<&Path>,
    key: Option<&str>,
    screen: &Screen,
) -> Result<Exit, Failure> {
    let bytes = bounded(path, MAX_CUSTODY_BYTES)?;
    let file: Value = serde_json::from_slice(&bytes).unwrap_or_default();
    let pinned = key_for(globals, key, &name_in(&file, "/report/key"))?;
    let (mut verdict, signed) = verify_custody(&bytes, pinned.as_ref())?;
    if let (None, Some(export)) = (verdict.flaw, export) {
        verdict.flaw = if told_by(&signed, export, pinned.as_ref())? { None } else { Some("chain") };
    }
    let said = [
        ("credential", verdict.credential.clone()),
        ("uses", verdict.uses.to_string()),
        ("size", verdict.size.to_string()),
        ("key", verdict.key.text().to_owned()),
        ("why", verdict.flaw.unwrap_or("-").to_owned()),
    ];
    screen.say(if verdict.holds() { "cli-custody-holds" } else { "cli-custody-broken" }, &said);
    if verdict.holds() && !verdict.gapless {
        screen.say("cli-custody-findings", &[]);
    }
    tell_unpinned(verdict.key, screen);
    screen.result(&json!({
        "holds": verdict.holds(), "flaw": verdict.flaw, "credential": verdict.credential, "uses": verdict.uses,
        "gapless": verdict.gapless, "size": verdict.size, "key": verdict.key.text(),
    }));
    Ok(if verdict.holds() && verdict.gapless { Exit::Good } else { Exit::Finding })
}

/// Whether an export of the chain says what the report says, entry by entry.
fn told_by(signed: &SignedCustody, export: &Path, pinned: Option<&PublicKey>) -> Result<bool, Failure> {
    let open = || std::fs::File::open(export).map(BufReader::new).map_err(|error| Failure::file(export, &error));
    let size = parse_note(&signed.report.checkpoint)?.checkpoint.size;
    let verdict = verify_export(open()?, pinned)?;
    if !verdict.is_intact() || verdict.head.n < size {
        return Ok(false);
    }
    let mut head = (verdict.head.n == size).then_some(verdict.head.hash);
    let mut again = Custody::of(&signed.report.credential);
    let mut first = None;
    for line in open()?.split(b'\n').skip(1) {
        let line = line.map_err(|error| Failure::file(export, &error))?;
        let Some((n, prev)) = place(&line) else { break };
        first = first.or(Some(n));
        if n == size + 1 {
            head = Some(prev);
        }
        if n > size {
            break;
        }
        again.feed(&line);
    }
    Ok(first == Some(1) && head.is_some_and(|head| recounted(&signed.report, again, &head)))
}

/// The number of an entry and the hash before it.
fn place(line: &[u8]) -> Option<(u64, Link)> {
    let entry: Value = serde_json::from_slice(line).ok()?;
    Some((entry["n"].as_u64()?, STANDARD.decode(entry["prev"].as_str()?).ok()?.try_into().ok()?))
}

/// Writes what was made to a file, or shows it.
fn give(text: &str, value: &Value, output: Option<&Path>, screen: &Screen) -> Result<Exit, Failure> {
    let Some(path) = output else {
        screen.print(text.trim_end());
        screen.result(value);
        return Ok(Exit::Good);
    };
    let mut draft = files::Draft::common(path).map_err(|error| Failure::file(path, &error))?;
    draft.write_all(text.as_bytes()).map_err(|error| Failure::file(path, &error))?;
    draft.publish().map_err(|error| Failure::file(path, &error))?;
    screen.say("cli-written", &[("path", path.display().to_string())]);
    screen.result(&json!({ "path": path.display().to_string() }));
    Ok(Exit::Good)
}

fn text_of(made: serde_json::Result<Value>) -> Result<(String, Value), Failure> {
    let value = made.map_err(|error| Failure::internal(error.to_string()))?;
    Ok((format!("{value}\n"), value))
}

/// `audit prove N`
pub async fn prove(globals: &Globals, n: u64, output: Option<&Path>, screen: &Screen) -> Result<Exit, Failure> {
    let house = House::open(globals, Opening::existing()).await?;
    let (text, value) = text_of(serde_json::to_value(evidence::prove(&house.app, &house.scope, n).await?))?;
    give(&text, &value, output, screen)
}

/// `audit checkpoint`
pub async fn checkpoint(globals: &Globals, output: Option<&Path>, screen: &Screen) -> Result<Exit, Failure> {
    let house = House::open(globals, Opening::existing()).await?;
    let (checkpoint, note) = evidence::make_checkpoint(&house.app, &house.scope).await?;
    give(&note, &json!({ "size": checkpoint.size, "note": note }), output, screen)
}

/// `audit checkpoint --since OLD`
pub async fn consistency(globals: &Globals, old: &Path, output: Option<&Path>, screen: &Screen) -> Result<Exit, Failure> {
    let house = House::open(globals, Opening::existing()).await?;
    let found = evidence::consistency(&house.app, &house.scope, &small(old)?).await?;
    let (text, value) = text_of(serde_json::to_value(&found.proof))?;
    let Some(damage) = found.damage else { return give(&text, &value, output, screen) };
    screen.say(
        "cli-audit-inconsistent",
        &[
            ("n", found.old.to_string()),
            ("size", found.new.to_string()),
            ("key", "-".to_owned()),
            ("why", damage.kind().to_owned()),
        ],
    );
    screen.result(&json!({ "consistent": false, "kind": damage.kind(), "n": damage.at() }));
    Ok(Exit::Finding)
}

/// `audit custody CREDENTIAL`
pub async fn custody(
    globals: &Globals,
    credential: &str,
    (output, html): (Option<&Path>, bool),
    screen: &Screen,
) -> Result<Exit, Failure> {
    let bad = || Failure::new(fedatario_base::Code::IdFormat, format!("{credential} is no id of a credential"));
    let credential: CredentialId = credential.parse().map_err(|_| bad())?;
    let house = House::open(globals, Opening::existing()).await?;
    let signed = signatures::custody(&house.app, &house.scope, credential).await?;
    let (text, value) = text_of(serde_json::to_value(&signed))?;
    let names = signatures::names(&house.app, &signed.report).await?;
    let page = || printed::custody(screen.language(), &signed, &names, &hex(&sha256(text.trim_end().as_bytes()))).html();
    give(&if html { page() } else { text.clone() }, &value, output, screen)
}
