//! Who is told of a step, and what: everybody who could call it off, by mail, and the addresses that listen.

use super::model::Backup;
use crate::App;
use crate::descarga::transition::Moment;
use crate::error::AppResult;
use crate::hooks::{self, events::EventKind};
use crate::identity::letters::TOLD_AT_MOST;
use crate::identity::model::User;
use crate::mail::{self, Mail, MailKind};
use crate::model::NewJob;
use crate::ports::Tx;
use fedatario_base::id::TenantId;
use fedatario_base::text::{Language, say};
use fedatario_base::{Actor, Permission, PlatformScope, Scope};
use jiff::Timestamp;
use serde_json::json;

/// What a letter says instead of what there is none of.
const NONE: &str = "—";

/// A step, before it is worded.
pub(super) struct Step<'a> {
    /// The key of the word for it.
    pub what: &'static str,
    /// Why, if a reason was given.
    pub reason: Option<&'a str>,
    /// Until or from when the next one can be done.
    pub until: Option<Timestamp>,
}

/// The mails that tell of a step, worded and sealed: made before the transaction is begun.
pub(super) async fn letters(app: &App, scope: &Scope, step: &Step<'_>) -> AppResult<Vec<NewJob>> {
    let (organisation, by, readers) = around(app, scope).await?;
    let mut jobs = Vec::new();
    for reader in readers {
        let language = Language::from_tag(&reader.language);
        let fields = [
            ("organisation", organisation.clone()),
            ("what", say(language, step.what, &[])),
            ("by", by.clone()),
            ("reason", step.reason.unwrap_or(NONE).to_owned()),
            ("until", step.until.map_or_else(|| NONE.to_owned(), |it| format!("{it:.0}"))),
        ];
        // An address that cannot be written to keeps nobody else from being told.
        let Ok(mail) = Mail::new(MailKind::KeyExport, &reader.email, language, app.clock.wall(), &fields) else {
            continue;
        };
        jobs.push(mail::job(app, scope, &mail).await?);
    }
    Ok(jobs)
}

/// What the organisation and whoever acts are called, and who is told: whoever may approve or call it off, and
/// whoever rules people.
async fn around(app: &App, scope: &Scope) -> AppResult<(String, String, Vec<User>)> {
    let (tenant, now) = (scope.tenant(), app.clock.wall());
    let mut people = app.people.read(&PlatformScope::of(Actor::System)).await?;
    let mut readers = Vec::new();
    for permission in [Permission::CredentialExport, Permission::UserManage] {
        readers.extend(people.holders_of(tenant, permission, now, TOLD_AT_MOST).await?);
    }
    readers.sort_by_key(|it| it.id);
    readers.dedup_by_key(|it| it.id);
    let by = match scope.actor() {
        Actor::User(id) => people.user(*id).await?.map(|it| if it.name.is_empty() { it.email } else { it.name }),
        _ => None,
    };
    let mut name = None;
    if let Some(reader) = readers.first() {
        name = named(people.memberships(reader.id).await?, tenant);
    }
    Ok((name.unwrap_or_else(|| tenant.to_string()), by.unwrap_or_else(|| scope.actor().to_string()), readers))
}

fn named(memberships: Vec<crate::identity::model::Membership>, tenant: TenantId) -> Option<String> {
    memberships.into_iter().find(|it| it.tenant == tenant).map(|it| it.tenant_name).filter(|it| !it.is_empty())
}

/// Enqueues the letters and the event of a step, in its transaction.
pub(super) async fn tell(tx: &mut dyn Tx, now: &Moment, backup: &Backup, letters: &[NewJob]) -> AppResult<()> {
    post(tx, now, letters).await?;
    let data = json!({
        "backup": backup.id.to_string(), "state": backup.state, "asked_by": backup.asked_by, "by": now.actor.to_string(),
        "due": backup.due.map(|it| it.to_string()), "expires": backup.expires.to_string(),
    });
    hooks::emit(tx, now, EventKind::VaultBackup, data).await
}

/// Enqueues letters alone.
pub(super) async fn post(tx: &mut dyn Tx, now: &Moment, letters: &[NewJob]) -> AppResult<()> {
    for letter in letters {
        tx.enqueue(letter, now.service).await?;
    }
    Ok(())
}
