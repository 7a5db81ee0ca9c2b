//! A part of the chain: verified, or taken outside.

use super::evidence::{broken, merkle_of};
use super::{PAGE, entry, public_key, sign};
use crate::App;
use crate::books::sheet::{Cell, Column, Kind, SheetWriter};
use crate::descarga::transition::Moment;
use crate::error::{AppError, AppResult};
use crate::ports::Tx;
use fedatario_audit::chain::GENESIS;
use fedatario_audit::{ChainVerifier, ExportHeader, ExportWriter, Head, Link, Part, Verdict, link, verify_note};
use fedatario_base::{Code, Permission, Scope};
use serde_json::Value;
use std::io::Write;

/// Which part is meant.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Stretch {
    /// The first entry; the first of all if none is named.
    pub from: Option<u64>,
    /// The last entry; the last of all if none is named.
    pub to: Option<u64>,
    /// Instead of the first entry: a checkpoint, after which it begins and whose head it has to follow.
    pub checkpoint: Option<String>,
}

impl Stretch {
    /// Whether it is the whole chain.
    pub fn is_whole(&self) -> bool {
        *self == Self::default()
    }
}

/// Verifies a part. What lies before it is taken for what the row before claims, or for what a checkpoint
/// says that the tenant's key signed; so a part after a checkpoint is as good as the whole.
pub async fn verify_part(app: &App, scope: &Scope, stretch: &Stretch) -> AppResult<Verdict> {
    let key = public_key(app, scope).await?;
    let mut tx = app.store.read(scope).await?;
    let head = tx.audit_head().await?;
    let start = match &stretch.checkpoint {
        Some(note) => verify_note(note, &key)?.chain_head(),
        None => before(tx.as_mut(), stretch.from.unwrap_or(1)).await?,
    };
    let last = stretch.to.unwrap_or(head.n.max(start.n)).min(head.n.max(start.n));
    if last < start.n {
        return Err(bounds());
    }
    let end = end_of(tx.as_mut(), head, last).await?;
    let mut verifier = ChainVerifier::part(scope.tenant().bytes(), Part { first: start.n + 1, prev: start.hash, head: end });
    for (_, note, anchored) in tx.checkpoints().await? {
        if anchored {
            verifier.anchor(&note, &key);
        }
    }
    super::beside::feed(app, tx.as_mut(), &mut verifier, start.n, Some(last)).await?;
    Ok(verifier.finish())
}

fn bounds() -> AppError {
    AppError::Input { code: Code::FieldInvalid, text: "the range ends before it begins".into() }
}

/// The number and the hash before an entry, as the row before it says.
async fn before(tx: &mut dyn Tx, first: u64) -> AppResult<Head> {
    let Some(n) = first.checked_sub(1) else { return Err(bounds()) };
    if n == 0 {
        return Ok(Head::EMPTY);
    }
    let rows = tx.audit_rows(n, 1).await?;
    let row = rows.into_iter().next().filter(|it| it.n == n).ok_or_else(|| AppError::NotFound(format!("entry {n}")))?;
    Ok(Head { n, hash: exactly(row.hash).ok_or_else(|| broken(Code::AuditAltered, n))? })
}

/// The last entry and its hash, as the head row or the row after it says.
async fn end_of(tx: &mut dyn Tx, head: Head, last: u64) -> AppResult<Head> {
    if last >= head.n {
        return Ok(head);
    }
    let rows = tx.audit_rows(last + 1, 1).await?;
    let next = rows.into_iter().next().filter(|it| it.n == last + 1).ok_or_else(|| broken(Code::AuditGap, last + 1))?;
    Ok(Head { n: last, hash: exactly(next.prev).ok_or_else(|| broken(Code::AuditAltered, last + 1))? })
}

fn exactly(hash: Vec<u8>) -> Option<Link> {
    hash.try_into().ok()
}

/// Writes a part of the chain as an export, with a fresh signed checkpoint of its last entry, and
/// remembers the checkpoint as anchored: a copy is outside now. Answers the last entry.
pub async fn export_part(app: &App, scope: &Scope, stretch: &Stretch, out: &mut (dyn Write + Send)) -> AppResult<Head> {
    may_export(scope)?;
    let key = public_key(app, scope).await?;
    let mut tx = app.store.read(scope).await?;
    let head = tx.audit_head().await?;
    let first = stretch.from.unwrap_or(1);
    let last = stretch.to.unwrap_or(head.n).min(head.n);
    if first == 0 || last + 1 < first {
        return Err(bounds());
    }
    let end = end_of(tx.as_mut(), head, last).await?;
    let prev = match first {
        1 => GENESIS,
        // What follows from the row's own bytes; a row that was altered leads to no head.
        _ => own_hash(tx.as_mut(), scope, first - 1).await?,
    };
    drop(tx);
    let merkle = if first == 1 { fedatario_audit::Merkle::new() } else { merkle_of(app, scope, first - 1).await? };
    let mut tx = app.store.read(scope).await?;
    let header = ExportHeader { tenant: scope.tenant().bytes(), first, last, prev, key: key.clone() };
    let mut writer = ExportWriter::new(out, header, merkle)?;
    let mut from = first;
    while from <= last {
        let rows = tx.audit_rows(from, PAGE).await?;
        let Some(end) = rows.last().map(|it| it.n) else { break };
        for row in rows.iter().filter(|it| it.n <= last) {
            writer.entry(&row.entry)?;
        }
        from = end + 1;
    }
    drop(tx);
    let checkpoint = writer.checkpoint(app.clock.wall())?;
    if checkpoint.chain_head() != end {
        // What lies in the rows is not what was appended: nothing is signed over it.
        return Err(broken(Code::AuditAltered, end.n));
    }
    let note = sign(app, scope, &checkpoint, &key).await?;
    writer.finish(&note)?;
    told(app, scope, (first, last), Some(&note)).await?;
    Ok(end)
}

fn may_export(scope: &Scope) -> AppResult<()> {
    if scope.may(Permission::AuditExport) { Ok(()) } else { Err(AppError::Denied(Permission::AuditExport)) }
}

async fn own_hash(tx: &mut dyn Tx, scope: &Scope, n: u64) -> AppResult<Link> {
    let rows = tx.audit_rows(n, 1).await?;
    let row = rows.into_iter().next().filter(|it| it.n == n).ok_or_else(|| broken(Code::AuditGap, n))?;
    let prev = exactly(row.prev).ok_or_else(|| broken(Code::AuditAltered, n))?;
    Ok(link(scope.tenant().bytes(), n, &prev, &row.entry))
}

/// The export is chained too, so that the chain tells who took it out.
async fn told(app: &App, scope: &Scope, (first, last): (u64, u64), note: Option<&str>) -> AppResult<()> {
    let now = Moment::now(app, scope);
    let mut tx = app.store.begin(scope).await?;
    if let Some(note) = note {
        tx.add_checkpoint(last, note, true).await?;
    }
    let mut event = entry(&now, "audit", &scope.tenant().to_string(), "exported").field("size", last);
    if first > 1 {
        event = event.field("first", first);
    }
    if note.is_none() {
        event = event.field("format", "csv");
    }
    tx.append(event, None).await?;
    Ok(tx.commit().await?)
}

/// The columns of an export for a spreadsheet.
pub const COLUMNS: &[Column] = &[
    text("n"),
    text("at"),
    text("actor"),
    text("on_behalf_of"),
    text("action"),
    text("object"),
    text("result"),
    text("code"),
    text("request"),
    text("fields"),
    text("digests"),
    text("hash"),
];

const fn text(name: &'static str) -> Column {
    Column { name, kind: Kind::Text }
}

/// Writes a part of the chain as rows of a sheet: for reading, not for proving. Each row has the entry's
/// hash, by which it is found in an export that proves it. Answers the last entry's number.
pub async fn export_rows(app: &App, scope: &Scope, stretch: &Stretch, mut sheet: Box<dyn SheetWriter + '_>) -> AppResult<u64> {
    may_export(scope)?;
    let mut tx = app.store.read(scope).await?;
    let head = tx.audit_head().await?;
    let first = stretch.from.unwrap_or(1);
    let last = stretch.to.unwrap_or(head.n).min(head.n);
    if first == 0 || last + 1 < first {
        return Err(bounds());
    }
    let mut from = first;
    while from <= last {
        let rows = tx.audit_rows(from, PAGE).await?;
        let Some(end) = rows.last().map(|it| it.n) else { break };
        for row in rows.iter().filter(|it| it.n <= last) {
            let entry = serde_json::from_slice(&row.entry).unwrap_or_default();
            sheet.row(&cells(&entry, row.n, &row.hash)).map_err(|error| AppError::Internal(error.to_string()))?;
        }
        from = end + 1;
    }
    drop(tx);
    sheet.finish().map_err(|error| AppError::Internal(error.to_string()))?;
    told(app, scope, (first, last), None).await?;
    Ok(last)
}

fn cells(entry: &Value, n: u64, hash: &[u8]) -> Vec<Cell> {
    let of = |name: &str| match &entry[name] {
        Value::Null => Cell::Empty,
        Value::String(text) => Cell::text(text.as_str()),
        other => Cell::text(other.to_string()),
    };
    let named = ["at", "actor", "on_behalf_of", "action", "object", "result", "code", "request", "fields", "digests"];
    let first = std::iter::once(Cell::text(n.to_string()));
    first.chain(named.iter().map(|it| of(it))).chain(std::iter::once(Cell::text(super::hex(hash)))).collect()
}
