//! The steps, and who may take them.

use super::model::{Backup, BackupState};
use super::tell::{Step, letters, post, tell};
use super::{ALONE_FOR, ALONE_SINCE, ASKED_FOR, MEMBER_FOR, REASON_CHARS_AT_MOST, TAKEN_WITHIN};
use crate::App;
use crate::audit_trail::changes::Telling;
use crate::audit_trail::ports::AuditQuestion;
use crate::audit_trail::{entry, sha256};
use crate::backups;
use crate::descarga::transition::Moment;
use crate::error::{AppError, AppResult};
use crate::identity::door::{Means, Principal};
use crate::ports::{StoreError, Tx};
use fedatario_base::id::{BackupId, CredentialId, UserId};
use fedatario_base::{Actor, Code, Permission, PlatformScope, Scope, Secret};
use fedatario_identity::password;
use jiff::Timestamp;
use serde_json::json;

/// What entries are about.
const WHAT: &str = "vault.backup";
/// People looked at for somebody who could approve: the second one suffices.
const LOOKED_AT: u32 = 2;

/// Whether the tenant lets key material out.
pub async fn allowed(app: &App, scope: &Scope) -> AppResult<bool> {
    require(scope, Permission::CredentialRead)?;
    Ok(app.store.read(scope).await?.backups_allowed().await?)
}

/// Lets key material out from now on, or no more. What is open then stays where it is and cannot be taken.
pub async fn allow(app: &App, principal: &Principal, is_allowed: bool) -> AppResult<bool> {
    let scope = &principal.scope;
    require(scope, Permission::SettingsManage)?;
    person(principal)?;
    let what = if is_allowed { "mail-export-allowed" } else { "mail-export-forbidden" };
    let letters = letters(app, scope, &Step { what, reason: None, until: None }).await?;
    let now = Telling::begin(app, scope).await?;
    let mut tx = app.store.begin(scope).await?;
    let before = tx.backups_allowed().await?;
    tx.allow_backups(is_allowed, &now.actor.to_string(), now.wall).await?;
    if before != is_allowed {
        post(tx.as_mut(), &now, &letters).await?;
    }
    let event = entry(&now, "vault.policy", &scope.tenant().to_string(), "changed");
    let told = |it: bool| json!({ "backups": it });
    now.change(tx.as_mut(), event.field("backups", is_allowed).field("before", before), told(before), told(is_allowed)).await?;
    tx.commit().await?;
    Ok(is_allowed)
}

/// Backups that were asked for, the newest first, before one.
pub async fn page(app: &App, scope: &Scope, before: Option<BackupId>, limit: u32) -> AppResult<Vec<Backup>> {
    require(scope, Permission::CredentialRead)?;
    let now = app.clock.wall();
    let rows = app.store.read(scope).await?.backups(before, limit).await?;
    Ok(rows.into_iter().map(|it| it.at(now)).collect())
}

/// One of them.
pub async fn one(app: &App, scope: &Scope, id: BackupId) -> AppResult<Backup> {
    require(scope, Permission::CredentialRead)?;
    let found = app.store.read(scope).await?.backup(id).await?.ok_or_else(|| AppError::NotFound(id.to_string()))?;
    Ok(found.at(app.clock.wall()))
}

/// Asks for a backup of all credentials, or of one.
pub async fn ask(app: &App, principal: &Principal, reason: &str, credential: Option<CredentialId>) -> AppResult<Backup> {
    let scope = &principal.scope;
    require(scope, Permission::CredentialExport)?;
    let me = person(principal)?;
    let reason = worded(reason)?;
    let mut tx = app.store.read(scope).await?;
    if !tx.backups_allowed().await? {
        return Err(AppError::Refused(Code::BackupsOff));
    }
    if let Some(id) = credential {
        tx.credential(id).await?.ok_or_else(|| AppError::NotFound(id.to_string()))?;
    }
    let is_alone = tx.members_beside(me).await? == 0 && !left_lately(tx.as_mut(), app.clock.wall()).await?;
    drop(tx);
    if !is_alone && !another_could(app, scope, me).await? {
        return Err(refused(Code::SecondPerson, "nobody else here may approve it"));
    }
    let now = Moment::now(app, scope);
    let backup = asked(&now, reason, credential, is_alone);
    let until = Some(backup.due.unwrap_or(backup.expires));
    let letters = letters(app, scope, &Step { what: "mail-export-asked", reason: Some(&backup.reason), until }).await?;

    let mut tx = app.store.begin(scope).await?;
    tx.lapse_backups(now.wall).await?;
    match tx.add_backup(&backup).await {
        Err(StoreError::Conflict(_)) => return Err(refused(Code::BackupState, "another one is open")),
        done => done?,
    }
    tell(tx.as_mut(), &now, &backup, &letters).await?;
    let mut event =
        entry(&now, WHAT, &backup.id.to_string(), "asked").field("reason_sha256", hex(&sha256(backup.reason.as_bytes())));
    event = event.field("alone", is_alone).field("expires", backup.expires.to_string());
    if let Some(id) = credential {
        event = event.field("credential", id.to_string());
    }
    tx.append(event, None).await?;
    tx.commit().await?;
    Ok(backup)
}

/// Whether somebody was kept out of late: whoever keeps the others out first is not alone for it.
async fn left_lately(tx: &mut dyn Tx, now: Timestamp) -> AppResult<bool> {
    let question =
        AuditQuestion { action: Some("member.disabled".to_owned()), from: Some(now - ALONE_SINCE), ..AuditQuestion::default() };
    Ok(!tx.audit_found(&question, None, 1).await?.is_empty())
}

fn asked(now: &Moment, reason: String, credential: Option<CredentialId>, is_alone: bool) -> Backup {
    let due = is_alone.then(|| now.wall + ALONE_FOR);
    Backup {
        id: BackupId::fresh(now.wall),
        state: if is_alone { BackupState::Waiting } else { BackupState::Asked },
        credential,
        reason,
        asked_by: now.actor.to_string(),
        asked: now.wall,
        due,
        expires: due.map_or(now.wall + ASKED_FOR, |it| it + TAKEN_WITHIN),
        approved_by: None,
        approved: None,
        ended_by: None,
        ended: None,
        digest: None,
    }
}

/// Approves what somebody else asked for.
pub async fn approve(app: &App, principal: &Principal, id: BackupId) -> AppResult<Backup> {
    let scope = &principal.scope;
    require(scope, Permission::CredentialExport)?;
    let me = person(principal)?;
    let now = Moment::now(app, scope);
    let mut backup = one(app, scope, id).await?;
    if backup.asked_by == now.actor.to_string() {
        return Err(refused(Code::SecondPerson, "whoever asked for it does not approve it"));
    }
    in_state(backup.state == BackupState::Asked)?;
    settled_member(app, scope, me, now.wall).await?;
    (backup.state, backup.expires) = (BackupState::Approved, now.wall + TAKEN_WITHIN);
    (backup.approved_by, backup.approved) = (Some(now.actor.to_string()), Some(now.wall));
    let step = Step { what: "mail-export-approved", reason: Some(&backup.reason), until: Some(backup.expires) };
    let letters = letters(app, scope, &step).await?;

    let mut tx = app.store.begin(scope).await?;
    allowed_now(tx.backups_allowed().await?)?;
    in_state(tx.move_backup(&backup, BackupState::Asked).await?)?;
    tell(tx.as_mut(), &now, &backup, &letters).await?;
    let event = entry(&now, WHAT, &id.to_string(), "approved").field("asked_by", backup.asked_by.as_str());
    tx.append(event.field("expires", backup.expires.to_string()), None).await?;
    tx.commit().await?;
    Ok(backup)
}

/// Calls off what is open: whoever could approve it, and whoever asked.
pub async fn call_off(app: &App, scope: &Scope, id: BackupId) -> AppResult<Backup> {
    require(scope, Permission::CredentialExport)?;
    let now = Moment::now(app, scope);
    let mut backup = one(app, scope, id).await?;
    in_state(backup.state.is_open())?;
    let from = backup.state;
    backup.state = BackupState::CalledOff;
    (backup.ended_by, backup.ended) = (Some(now.actor.to_string()), Some(now.wall));
    let letters = letters(app, scope, &Step { what: "mail-export-called-off", reason: Some(&backup.reason), until: None }).await?;

    let mut tx = app.store.begin(scope).await?;
    in_state(tx.move_backup(&backup, from).await?)?;
    tell(tx.as_mut(), &now, &backup, &letters).await?;
    tx.append(entry(&now, WHAT, &id.to_string(), "called_off").field("asked_by", backup.asked_by.as_str()), None).await?;
    tx.commit().await?;
    Ok(backup)
}

/// Makes the file under a passphrase and hands it to whoever asked, once. What is said of it is committed
/// before its first byte leaves; whoever loses it on the way asks anew.
pub async fn take(app: &App, principal: &Principal, id: BackupId, passphrase: &Secret) -> AppResult<Vec<u8>> {
    let scope = &principal.scope;
    require(scope, Permission::CredentialExport)?;
    let me = person(principal)?;
    let now = Moment::now(app, scope);
    let backup = one(app, scope, id).await?;
    if backup.asked_by != now.actor.to_string() {
        return Err(AppError::Refused(Code::BackupAsker));
    }
    takeable(&backup, now.wall)?;
    allowed_now(app.store.read(scope).await?.backups_allowed().await?)?;
    strong(app, me, passphrase).await?;
    let (file, credentials) = backups::file(app, scope, passphrase, backup.credential).await?;
    taken(app, scope, backup, &file, credentials).await?;
    Ok(file)
}

async fn taken(app: &App, scope: &Scope, mut backup: Backup, file: &[u8], credentials: usize) -> AppResult<()> {
    let letters = letters(app, scope, &Step { what: "mail-export-taken", reason: Some(&backup.reason), until: None }).await?;
    let (from, digest, now) = (backup.state, sha256(file), Moment::now(app, scope));
    backup.state = BackupState::Taken;
    (backup.ended_by, backup.ended, backup.digest) = (Some(now.actor.to_string()), Some(now.wall), Some(digest));
    let mut tx = app.store.begin(scope).await?;
    allowed_now(tx.backups_allowed().await?)?;
    in_state(tx.move_backup(&backup, from).await?)?;
    tell(tx.as_mut(), &now, &backup, &letters).await?;
    let mut event = entry(&now, WHAT, &backup.id.to_string(), "taken").field("credentials", credentials);
    event = event.field("sha256", hex(&digest));
    if let Some(by) = &backup.approved_by {
        event = event.field("approved_by", by.as_str());
    }
    tx.append(event, None).await?;
    Ok(tx.commit().await?)
}

/// Whether it may be taken now; too early says when to come back.
fn takeable(backup: &Backup, now: Timestamp) -> AppResult<()> {
    match (backup.state, backup.due) {
        (BackupState::Approved, _) => Ok(()),
        (BackupState::Waiting, Some(due)) if due <= now => Ok(()),
        (BackupState::Waiting, Some(due)) => {
            let after = std::time::Duration::try_from(due.duration_since(now)).unwrap_or_default();
            Err(AppError::Later { code: Code::BackupState, after })
        }
        _ => in_state(false),
    }
}

/// A passphrase is as good as a password must be: whoever finds the file tries at their leisure.
async fn strong(app: &App, me: UserId, passphrase: &Secret) -> AppResult<()> {
    let user = app.people.read(&PlatformScope::of(Actor::System)).await?.user(me).await?;
    let known = user.map(|it| (it.email, it.name)).unwrap_or_default();
    Ok(password::check(passphrase, &[&known.0, &known.1])?)
}

/// Whether somebody else could approve.
async fn another_could(app: &App, scope: &Scope, me: UserId) -> AppResult<bool> {
    let mut people = app.people.read(&PlatformScope::of(Actor::System)).await?;
    let holders = people.holders_of(scope.tenant(), Permission::CredentialExport, app.clock.wall(), LOOKED_AT).await?;
    Ok(holders.iter().any(|it| it.id != me))
}

/// Whoever approves has been here for a while.
async fn settled_member(app: &App, scope: &Scope, me: UserId, now: Timestamp) -> AppResult<()> {
    let mut people = app.people.read(&PlatformScope::of(Actor::System)).await?;
    let here = people.memberships(me).await?.into_iter().find(|it| it.tenant == scope.tenant());
    match here {
        Some(member) if member.created + MEMBER_FOR <= now => Ok(()),
        _ => Err(refused(Code::SecondPerson, "whoever approves it has been a member for a day at least")),
    }
}

/// A person with a session of their own and a factor that was just proven: never a key, never a job.
fn person(principal: &Principal) -> AppResult<UserId> {
    let Means::Session { user, .. } = principal.means else { return Err(AppError::Refused(Code::SessionRequired)) };
    if !principal.is_stepped_up {
        return Err(AppError::Refused(Code::StepUpRequired));
    }
    Ok(user)
}

fn require(scope: &Scope, permission: Permission) -> AppResult<()> {
    if scope.may(permission) { Ok(()) } else { Err(AppError::Denied(permission)) }
}

fn refused(code: Code, text: &str) -> AppError {
    AppError::Input { code, text: text.to_owned() }
}

fn in_state(is_so: bool) -> AppResult<()> {
    if is_so { Ok(()) } else { Err(AppError::Refused(Code::BackupState)) }
}

fn allowed_now(is_so: bool) -> AppResult<()> {
    if is_so { Ok(()) } else { Err(AppError::Refused(Code::BackupsOff)) }
}

fn worded(reason: &str) -> AppResult<String> {
    let text = reason.trim();
    let is_good = !text.is_empty() && text.chars().count() <= REASON_CHARS_AT_MOST && !text.chars().any(char::is_control);
    if is_good { Ok(text.to_owned()) } else { Err(refused(Code::ReasonRequired, "a reason of 1 to 300 printable characters")) }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|it| format!("{it:02x}")).collect()
}
