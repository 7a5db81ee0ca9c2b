//! The custody report of a credential: every signature ever made with it, from the chain alone.
//!
//! Entries are found by their object and read as they were hashed; the report is bound to a checkpoint
//! made for it and signed with the tenant's key, behind a domain of its own.

use super::evidence::fresh;
use super::ports::AuditQuestion;
use super::{hex, public_key, sha256};
use crate::App;
use crate::error::{AppError, AppResult};
use base64::{Engine, engine::general_purpose::STANDARD};
use fedatario_audit::custody::{Custody, MAX_SIGNATURES_TOLD, SignedCustody};
use fedatario_base::id::CredentialId;
use fedatario_base::{Code, Permission, Scope};
use fedatario_vault::NotePurpose;
use std::collections::BTreeMap;

/// Entries read at once.
const PAGE: u32 = 1_000;

/// The report of a credential of the tenant, signed.
pub async fn custody(app: &App, scope: &Scope, credential: CredentialId) -> AppResult<SignedCustody> {
    if !scope.may(Permission::AuditRead) {
        return Err(AppError::Denied(Permission::AuditRead));
    }
    let row = app.store.read(scope).await?.credential(credential).await?;
    let row = row.ok_or_else(|| AppError::NotFound(credential.to_string()))?;
    let (checkpoint, note) = fresh(app, scope).await?;
    let certificate = BTreeMap::from([
        ("number".to_owned(), row.number.clone()),
        ("not_before".to_owned(), row.not_before.to_string()),
        ("not_after".to_owned(), row.not_after.to_string()),
        ("sha256".to_owned(), hex(&sha256(&row.certificate))),
    ]);
    let uses = read(app, scope, credential, checkpoint.size).await?;
    let key = public_key(app, scope).await?;
    let report = uses.report(scope.tenant().bytes(), certificate, &note, &key).ok_or_else(|| AppError::Input {
        code: Code::ArchiveTooLarge,
        text: format!("more than {MAX_SIGNATURES_TOLD} signatures"),
    })?;
    let signature = app.vault.sign_note(scope, NotePurpose::Custody, &report.canonical()?).await?;
    Ok(SignedCustody { report, signature: STANDARD.encode(signature) })
}

/// Its entries, as far as the checkpoint goes.
async fn read(app: &App, scope: &Scope, credential: CredentialId, size: u64) -> AppResult<Custody> {
    let object = credential.to_string();
    let question = AuditQuestion { object: Some(object.clone()), action: Some("signature.".into()), ..AuditQuestion::default() };
    let mut uses = Custody::of(&object);
    let mut tx = app.store.read(scope).await?;
    let mut after = None;
    loop {
        let rows = tx.audit_found(&question, after, PAGE).await?;
        rows.iter().filter(|it| it.row.n <= size).for_each(|it| uses.feed(&it.row.entry));
        after = rows.last().map(|it| it.row.n);
        if after.is_none() {
            return Ok(uses);
        }
    }
}
