//! Credentials carried out of the house under a passphrase, and brought back.
//!
//! The vault seals and opens the file; what is decided here is whose a credential is and whether it takes
//! its place. One that is in use already is left as it is, so that a file can be restored again and
//! again; one that would push out another is a conflict, and does so only when that was asked for. Each
//! that comes back goes the way of an upload: the same transaction, entry, event and jobs, and one more
//! entry for the whole. What rested or waited when the file was made, or has expired since, stays out.

use crate::App;
use crate::audit_trail::changes::Telling;
use crate::audit_trail::entry;
use crate::certificates::{self, Entry};
use crate::descarga::layout;
use crate::descarga::transition::Moment;
use crate::error::AppResult;
use crate::model::{CredentialRow, CredentialState, Owner, Taxpayer, TaxpayerKind};
use crate::ports::Tx;
use fedatario_base::id::CredentialId;
use fedatario_base::{Scope, Secret, SystemScope};
use fedatario_credentials::TaxIdKind;
use fedatario_vault::{CredentialState as State, Restorable};

/// What became, or would become, of a credential of a backup.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Nothing was in its place: it is in use now.
    New,
    /// This very certificate is in use already.
    Same,
    /// An older one is in use; it stays.
    Conflict,
    /// A newer one is in use; it stays, whatever was asked: an older one comes back by a roll-back.
    Newer,
    /// Another one, or this one with a key that may not open any more, was in use, and rests now.
    Replaced,
    /// It was not in use when the backup was made.
    Resting,
    /// Its validity is over.
    Expired,
    /// Neither its owner nor a taxpayer of its tax id is here.
    NoOwner,
    /// The backup is of another tenant that is here too.
    AnotherTenant,
}

/// One credential of a backup.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct RestoredItem {
    /// Its id where it was backed up.
    pub was: String,
    /// The name in its certificate.
    pub name: String,
    /// The certificate number.
    pub number: String,
    /// What it is for.
    pub kind: &'static str,
    /// Last instant of validity.
    pub not_after: String,
    /// What became of it.
    pub outcome: Outcome,
    /// Its id here, if it is in use.
    pub credential: Option<String>,
}

/// How a backup is restored.
#[derive(Debug, Clone, Copy, Default)]
pub struct How {
    /// Only says what would be done.
    pub dry_run: bool,
    /// What is in use gives way.
    pub replace: bool,
}

/// All credentials of the tenant that have their keys, or one, as a file under `passphrase`; how many they are.
/// Whoever hands it on appends the entry.
pub(crate) async fn file(app: &App, scope: &Scope, passphrase: &Secret, one: Option<CredentialId>) -> AppResult<(Vec<u8>, usize)> {
    let file = app.vault.back_up(scope, passphrase, one, app.clock.wall()).await?;
    let credentials = file.iter().filter(|it| **it == b'\n').count().saturating_sub(3);
    Ok((file, credentials))
}

/// The same for whoever holds the host, with its entry.
pub async fn make(app: &App, scope: &Scope, passphrase: &Secret, one: Option<CredentialId>) -> AppResult<Vec<u8>> {
    let now = Moment::now(app, scope);
    let (file, credentials) = file(app, scope, passphrase, one).await?;
    let object = one.map_or_else(|| scope.tenant().to_string(), |it| it.to_string());
    let event = entry(&now, "vault.backup", &object, "made").field("credentials", credentials);
    let mut tx = app.store.begin(scope).await?;
    tx.append(event, None).await?;
    tx.commit().await?;
    Ok(file)
}

/// Brings back what a file holds, as far as it has a place.
pub async fn restore(app: &App, scope: &Scope, passphrase: &Secret, file: &[u8], how: How) -> AppResult<Vec<RestoredItem>> {
    let now = Telling::begin(app, scope).await?;
    let mut told = Vec::new();
    let items = app.vault.open_backup(scope, passphrase, file, now.wall).await?;
    let is_anothers = is_anothers(app, scope, file).await?;
    for item in items {
        told.push(if is_anothers { anothers(&item) } else { one(app, scope, &now, item, how).await? });
    }
    if !how.dry_run {
        let brought = told.iter().filter(|it| matches!(it.outcome, Outcome::New | Outcome::Replaced)).count();
        let event = entry(&now, "vault.backup", &scope.tenant().to_string(), "restored");
        let mut tx = app.store.begin(scope).await?;
        tx.append(event.field("credentials", told.len()).field("brought", brought), None).await?;
        tx.commit().await?;
    }
    Ok(told)
}

/// Whether the backup is of another tenant that is here: its keys are not brought into this one, whoever knows
/// the passphrase. A tenant that is not here any more, or never was, is no obstacle: so an installation moves.
async fn is_anothers(app: &App, scope: &Scope, file: &[u8]) -> AppResult<bool> {
    let Some(of) = fedatario_vault::backup_tenant(file).filter(|it| *it != scope.tenant()) else { return Ok(false) };
    let tenants = app.system.tenants(&SystemScope::for_this_process()).await?;
    Ok(tenants.iter().any(|(id, _)| *id == of))
}

fn anothers(item: &Restorable) -> RestoredItem {
    RestoredItem { outcome: Outcome::AnotherTenant, ..described(item) }
}

fn described(item: &Restorable) -> RestoredItem {
    let certificate = &item.sealed.certificate;
    RestoredItem {
        was: item.was.clone(),
        name: certificate.name().to_owned(),
        number: certificate.number().to_owned(),
        kind: item.sealed.kind.text(),
        not_after: certificate.not_after().to_string(),
        outcome: Outcome::NoOwner,
        credential: None,
    }
}

/// Where a credential would go, and what is there.
struct Home {
    owner: Owner,
    taxpayer: Option<Taxpayer>,
    folder: String,
    current: Option<CredentialRow>,
    former: Option<CredentialRow>,
}

async fn one(app: &App, scope: &Scope, now: &Telling, item: Restorable, how: How) -> AppResult<RestoredItem> {
    let home = home(app, scope, &item).await?;
    let outcome = judged(now, &item, home.as_ref(), how);
    let mut told = RestoredItem { outcome, ..described(&item) };
    let Some(home) = home else { return Ok(told) };
    match outcome {
        Outcome::Same => told.credential = home.current.map(|it| it.id.to_string()),
        Outcome::New | Outcome::Replaced if !how.dry_run => {
            told.credential = Some(brought(app, scope, now, item, home).await?.to_string());
        }
        _ => {}
    }
    Ok(told)
}

fn judged(now: &Moment, item: &Restorable, home: Option<&Home>, how: How) -> Outcome {
    let Some(home) = home else { return Outcome::NoOwner };
    let certificate = &item.sealed.certificate;
    let was_in_use = matches!(item.state, State::Active | State::Blocked);
    let is_here = |it: &CredentialRow| it.certificate == certificate.der();
    match &home.current {
        // With `replace` it is brought again: that its row is here does not say that its key still opens.
        Some(current) if is_here(current) && !(how.replace && was_in_use) => Outcome::Same,
        _ if !was_in_use => Outcome::Resting,
        _ if now.wall > certificate.not_after() => Outcome::Expired,
        None => Outcome::New,
        Some(current) if !is_here(current) && current.not_before > certificate.not_before() => Outcome::Newer,
        Some(_) if how.replace => Outcome::Replaced,
        Some(_) => Outcome::Conflict,
    }
}

/// The owner that the credential had here, else the taxpayer of its tax id.
async fn home(app: &App, scope: &Scope, item: &Restorable) -> AppResult<Option<Home>> {
    let mut tx = app.store.read(scope).await?;
    let former = match item.was.parse() {
        Ok(id) => tx.credential(id).await?,
        Err(_) => None,
    };
    let owner = match &former {
        Some(row) => Some(row.owner),
        None => by_tax_id(tx.as_mut(), item).await?.map(|it| Owner::Taxpayer(it.id)),
    };
    let Some(owner) = owner else { return Ok(None) };
    let taxpayer = match owner {
        Owner::Taxpayer(id) => tx.taxpayer(id).await?,
        Owner::User(_) => None,
    };
    let folder = match (owner, &taxpayer) {
        (Owner::User(user), _) => layout::person(scope.tenant(), user),
        (_, Some(taxpayer)) => taxpayer.tax_id.clone(),
        (_, None) => return Ok(None),
    };
    let current = tx.current_credential(owner, certificates::kind_of(item.sealed.kind)).await?;
    Ok(Some(Home { owner, taxpayer, folder, current, former }))
}

async fn by_tax_id(tx: &mut dyn Tx, item: &Restorable) -> AppResult<Option<Taxpayer>> {
    let Some(id) = item.sealed.certificate.tax_id() else { return Ok(None) };
    let kind = match id.kind {
        TaxIdKind::Rfc => TaxpayerKind::Rfc,
        TaxIdKind::Rnc | TaxIdKind::Cedula => TaxpayerKind::Rnc,
        TaxIdKind::Ruc => TaxpayerKind::Ruc,
        TaxIdKind::Other => return Ok(None),
    };
    Ok(tx.taxpayer_by_tax_id(kind, &id.number).await?)
}

async fn brought(app: &App, scope: &Scope, now: &Telling, item: Restorable, home: Home) -> AppResult<CredentialId> {
    let (sealed, is_blocked) = (item.sealed, item.state == State::Blocked);
    let object = match &home.taxpayer {
        Some(taxpayer) => layout::credential(scope.tenant(), &taxpayer.tax_id, sealed.id),
        None => format!("{}/{}.sealed", home.folder, sealed.id),
    };
    match &home.taxpayer {
        Some(taxpayer) => certificates::keep(app, scope, &sealed, &object, &taxpayer.tax_id).await?,
        None => app.blobs.put(&object, &sealed.object).await?,
    }
    let mut tx = app.store.begin(scope).await?;
    let name = home.former.as_ref().map(|it| it.name.clone());
    let of = Entry { owner: home.owner, name, activate: None, object };
    let row = certificates::put(app, tx.as_mut(), now, sealed, of, home.taxpayer.as_ref()).await?;
    if let Some(former) = &home.former {
        for mut delegation in tx.delegations(former.id).await? {
            delegation.credential = row.id;
            tx.add_delegation(&delegation).await?;
        }
    }
    if is_blocked {
        tx.set_credential_state(row.id, CredentialState::Blocked, Some("restored")).await?;
    }
    tx.commit().await?;
    Ok(row.id)
}
