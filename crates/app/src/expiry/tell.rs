//! Telling people of notices: mail to whoever can do something about it, and an event.
//!
//! A few notices at a time: their mails are worded and sealed first, and each notice is marked in the
//! transaction that enqueues them, so that nobody is told twice and nobody is passed over.

use super::model::NoticeRow;
use crate::App;
use crate::descarga::transition::Moment;
use crate::error::AppResult;
use crate::hooks::{self, events::EventKind};
use crate::identity::letters::TOLD_AT_MOST;
use crate::identity::model::User;
use crate::jobs::JobFailure;
use crate::mail::{self, Mail, MailKind};
use crate::model::{ClaimedJob, NewJob, Owner};
use crate::ports::{LeaseProof, Tx};
use fedatario_base::id::UserId;
use fedatario_base::text::{Language, say};
use fedatario_base::{Actor, Permission, PlatformScope, Scope};
use jiff::Timestamp;
use serde_json::json;
use std::time::Duration;

/// Tell people of notices.
pub const TELL: &str = "expiry.tell";

/// Notices of one turn.
const AT_ONCE: u32 = 20;
/// The only key.
const KEY: &str = "all";

pub(super) fn tell_job(due: Timestamp) -> NewJob {
    NewJob { kind: TELL, key: KEY.to_owned(), payload: json!({}), due, run: None }
}

pub(super) async fn handle(app: &App, job: &ClaimedJob, scope: &Scope) -> Result<(), JobFailure> {
    let mut tx = app.store.read(scope).await?;
    let untold = tx.notices_untold(AT_ONCE).await?;
    drop(tx);
    let mut letters = Vec::new();
    for it in &untold {
        letters.push(mails(app, scope, it).await?);
    }
    let now = Moment::now(app, scope);
    let mut tx = app.store.begin(scope).await?;
    for (it, mails) in untold.iter().zip(&letters) {
        tell(tx.as_mut(), &now, it, mails).await?;
    }
    let lease = LeaseProof { job: job.id, token: job.token };
    match untold.len() < AT_ONCE as usize {
        true => tx.finish_job(lease).await?,
        false => tx.postpone_job(lease, now.after(Duration::ZERO), None).await?,
    }
    Ok(tx.commit().await?)
}

async fn tell(tx: &mut dyn Tx, now: &Moment, it: &NoticeRow, mails: &[NewJob]) -> AppResult<()> {
    if !tx.tell_notice(it.notice.id, now.wall).await? {
        return Ok(());
    }
    for mail in mails {
        tx.enqueue(mail, now.service).await?;
    }
    // A person's own certificate is nobody else's business.
    let Owner::Taxpayer(taxpayer) = it.owner else { return Ok(()) };
    let kind = if it.notice.days == 0 { EventKind::CertificateExpired } else { EventKind::CertificateExpiring };
    let data = json!({
        "taxpayer": taxpayer.to_string(), "tax_id": it.tax_id, "credential": it.notice.credential.to_string(),
        "notice": it.notice.id.to_string(), "kind": it.kind, "number": it.number, "days": it.notice.days,
        "not_after": it.notice.not_after.to_string(), "escalated": it.notice.escalated,
    });
    hooks::emit(tx, now, kind, data).await
}

/// Whoever may put another in its place; when the last notice was left lying, every administrator too.
async fn readers(app: &App, scope: &Scope, it: &NoticeRow) -> AppResult<Vec<User>> {
    let now = app.clock.wall();
    let mut people = app.people.read(&PlatformScope::of(Actor::System)).await?;
    let tenant = scope.tenant();
    if let Owner::User(user) = it.owner {
        let user = if wants(app, scope, user).await? { people.user(user).await? } else { None };
        return Ok(user.into_iter().collect());
    }
    let mut readers = people.holders_of(tenant, Permission::CredentialUpload, now, TOLD_AT_MOST).await?;
    if it.notice.escalated {
        readers.extend(people.holders_of(tenant, Permission::UserManage, now, TOLD_AT_MOST).await?);
    }
    readers.sort_by_key(|it| it.id);
    readers.dedup_by_key(|it| it.id);
    Ok(readers)
}

/// Whether a person wants to be told of their own (`notifyOnExpiration`).
async fn wants(app: &App, scope: &Scope, user: UserId) -> AppResult<bool> {
    Ok(app.store.read(scope).await?.signature_config(user).await?.notify)
}

async fn mails(app: &App, scope: &Scope, it: &NoticeRow) -> AppResult<Vec<NewJob>> {
    let mut jobs = Vec::new();
    for reader in readers(app, scope, it).await? {
        let language = Language::from_tag(&reader.language);
        let fields = [
            ("rfc", it.tax_id.clone().unwrap_or_else(|| reader.name.clone())),
            ("name", it.holder.clone().unwrap_or_else(|| it.name.clone())),
            ("number", it.number.clone()),
            ("until", format!("{:.0}", it.notice.not_after)),
            ("when", when(language, it)),
            ("note", if it.notice.escalated { say(language, "mail-certificate-escalated", &[]) } else { String::new() }),
        ];
        // An address that cannot be written to keeps nobody else from being told.
        let Ok(mail) = Mail::new(MailKind::CertificateExpiring, &reader.email, language, app.clock.wall(), &fields) else {
            continue;
        };
        jobs.push(mail::job(app, scope, &mail).await?);
    }
    Ok(jobs)
}

fn when(language: Language, it: &NoticeRow) -> String {
    match it.notice.days {
        0 => say(language, "mail-certificate-over", &[]),
        1 => say(language, "mail-certificate-day", &[]),
        days => say(language, "mail-certificate-days", &[("days", days.to_string())]),
    }
}
