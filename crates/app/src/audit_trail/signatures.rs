//! The custody report of a credential: every signature ever made with it, from the chain alone.
//!
//! Entries are found by their object and read as they were hashed; the report is bound to a checkpoint
//! made for it and signed with the tenant's key, behind a domain of its own.

use super::evidence::fresh;
use super::ports::AuditQuestion;
use super::{hex, public_key, sha256};
use crate::App;
use crate::error::{AppError, AppResult};
use crate::model::{CredentialRow, Owner};
use base64::{Engine, engine::general_purpose::STANDARD};
use fedatario_audit::custody::{Custody, CustodyReport, MAX_SIGNATURES_TOLD, SignedCustody};
use fedatario_base::id::{CredentialId, UserId};
use fedatario_base::{Actor, Code, Permission, PlatformScope, Scope};
use fedatario_credentials::{Certificate, IssuerStyle};
use fedatario_vault::NotePurpose;
use std::collections::{BTreeMap, BTreeSet};

/// Entries read at once.
const PAGE: u32 = 1_000;
/// People of a report whose names are looked up: far more than sign with one certificate.
const NAMES_AT_MOST: usize = 500;

/// The report of a credential of the tenant, signed.
pub async fn custody(app: &App, scope: &Scope, credential: CredentialId) -> AppResult<SignedCustody> {
    if !scope.may(Permission::AuditRead) {
        return Err(AppError::Denied(Permission::AuditRead));
    }
    let row = app.store.read(scope).await?.credential(credential).await?;
    let row = row.ok_or_else(|| AppError::NotFound(credential.to_string()))?;
    let (checkpoint, note) = fresh(app, scope).await?;
    let certificate = described(app, scope, &row).await?;
    let uses = read(app, scope, credential, checkpoint.size).await?;
    let key = public_key(app, scope).await?;
    let report = uses.report(scope.tenant().bytes(), certificate, &note, &key).ok_or_else(|| AppError::Input {
        code: Code::ArchiveTooLarge,
        text: format!("more than {MAX_SIGNATURES_TOLD} signatures"),
    })?;
    let signature = app.vault.sign_note(scope, NotePurpose::Custody, &report.canonical()?).await?;
    Ok(SignedCustody { report, signature: STANDARD.encode(signature) })
}

/// What is known of the certificate and of whose it is, as it stands now.
async fn described(app: &App, scope: &Scope, row: &CredentialRow) -> AppResult<BTreeMap<String, String>> {
    let mut known = vec![
        ("name", row.name.clone()),
        ("number", row.number.clone()),
        ("not_before", row.not_before.to_string()),
        ("not_after", row.not_after.to_string()),
        ("sha256", hex(&sha256(&row.certificate))),
        ("state", row.state.text().to_owned()),
        ("owner", row.owner.to_string()),
    ];
    if let Ok(certificate) = Certificate::parse(&row.certificate) {
        known.push(("subject", certificate.subject().to_owned()));
        known.push(("issuer", certificate.issuer(IssuerStyle::Rfc4514)));
        known.push(("serial", certificate.serial_decimal().to_owned()));
    }
    match row.owner {
        Owner::Taxpayer(id) => {
            if let Some(taxpayer) = app.store.read(scope).await?.taxpayer(id).await? {
                known.extend([("owner_tax_id", taxpayer.tax_id), ("owner_name", taxpayer.name)]);
            }
        }
        Owner::User(id) => known.extend(named(app, id).await?.map(|it| ("owner_name", it))),
    }
    Ok(known.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
}

/// What a person is called.
async fn named(app: &App, id: UserId) -> AppResult<Option<String>> {
    let mut people = app.people.read(&PlatformScope::of(Actor::System)).await?;
    Ok(people.user(id).await?.map(|it| it.name))
}

/// What the people of a report are called, by the texts that name them there; for the page, since the report
/// itself tells what the chain does. At most [`NAMES_AT_MOST`].
pub async fn names(app: &App, report: &CustodyReport) -> AppResult<BTreeMap<String, String>> {
    let texts = report.signatures.iter().flat_map(|it| [Some(&it.actor), it.on_behalf_of.as_ref()]).flatten();
    let people: BTreeSet<(UserId, &String)> = texts.filter_map(|it| Some((it.parse().ok()?, it))).collect();
    let mut names = BTreeMap::new();
    for (id, text) in people.into_iter().take(NAMES_AT_MOST) {
        names.extend(named(app, id).await?.map(|it| (text.clone(), it)));
    }
    Ok(names)
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
