//! The audit chain as the services use it: entries, checkpoints, exports, verification.

mod beside;
pub mod changes;
pub mod evidence;
pub mod parts;
pub mod ports;
pub mod signatures;

use crate::App;
use crate::descarga::transition::Moment;
use crate::error::{AppError, AppResult};
use aws_lc_rs::digest::{Context, SHA256, digest};
use fedatario_audit::{ChainVerifier, Checkpoint, Event, Head, PublicKey, Verdict};
use fedatario_base::Scope;
use fedatario_vault::NotePurpose;
use std::io::{Read, Write};

/// Rows of the chain read at once.
const PAGE: u32 = 1_000;
/// Bytes hashed at once.
const CHUNK: usize = 256 * 1024;

/// An event of the services: `what.result`, done to `object`.
pub fn entry(now: &Moment, what: &str, object: &str, result: &str) -> Event {
    Event::new(now.wall, &now.actor, &format!("{what}.{result}")).object(object)
}

/// SHA-256 of bytes.
pub fn sha256(bytes: &[u8]) -> [u8; 32] {
    digest(&SHA256, bytes).as_ref().try_into().unwrap_or_default()
}

/// SHA-256 (lower-case hex) and length of what a reader gives.
pub fn sha256_of(reader: &mut dyn Read) -> std::io::Result<(String, u64)> {
    let mut context = Context::new(&SHA256);
    let mut buffer = vec![0; CHUNK];
    let mut size = 0;
    loop {
        let read = reader.read(&mut buffer)?;
        if read == 0 {
            return Ok((hex(context.finish().as_ref()), size));
        }
        context.update(&buffer[..read]);
        size += read as u64;
    }
}

/// Lower-case hex.
pub fn hex(bytes: &[u8]) -> String {
    data_encoding::HEXLOWER.encode(bytes)
}

/// A digest from its lower-case hex.
pub fn unhex(text: &str) -> Option<[u8; 32]> {
    data_encoding::HEXLOWER.decode(text.as_bytes()).ok()?.try_into().ok()
}

/// RFC 8785 form of a JSON value.
pub fn canonical(value: &serde_json::Value) -> AppResult<Vec<u8>> {
    serde_json_canonicalizer::to_vec(value).map_err(|error| AppError::Internal(error.to_string()))
}

/// The tenant's public key of checkpoints and reports.
pub async fn public_key(app: &App, scope: &Scope) -> AppResult<PublicKey> {
    let key = app.vault.public_key(scope).await?;
    Ok(PublicKey::new(&fedatario_audit::note::origin(scope.tenant().bytes()), key)?)
}

/// Verifies the chain in the database: entries, columns, head row, anchored checkpoints.
pub async fn verify(app: &App, scope: &Scope) -> AppResult<Verdict> {
    let key = public_key(app, scope).await?;
    let mut tx = app.store.read(scope).await?;
    let head = tx.audit_head().await?;
    let mut verifier = ChainVerifier::new(scope.tenant().bytes(), Some(head));
    for (_, note, anchored) in tx.checkpoints().await? {
        if anchored {
            verifier.anchor(&note, &key);
        }
    }
    beside::feed(app, tx.as_mut(), &mut verifier, 0, None).await?;
    Ok(verifier.finish())
}

/// Writes the whole chain as an export, with a fresh signed checkpoint, and remembers the
/// checkpoint as anchored: a copy is outside now.
pub async fn export(app: &App, scope: &Scope, out: &mut (dyn Write + Send)) -> AppResult<Head> {
    parts::export_part(app, scope, &parts::Stretch::default(), out).await
}

async fn sign(app: &App, scope: &Scope, checkpoint: &Checkpoint, key: &PublicKey) -> AppResult<String> {
    let text = checkpoint.text();
    let signature = app.vault.sign_note(scope, NotePurpose::Checkpoint, text.as_bytes()).await?;
    Ok(fedatario_audit::assemble_note(&text, key, &signature))
}
