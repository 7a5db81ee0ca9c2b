//! Telling people of notices: mail to whoever can do something about it, and an event.
//!
//! A pass takes all notices that nobody was told of, up to a bound, and whoever is to read of several gets one
//! mail that lists them. Mails are worded and sealed first, and the notices are marked in the
//! transaction that enqueues them, so that nobody is told twice and nobody is passed over.

use super::model::NoticeRow;
use crate::App;
use crate::descarga::transition::Moment;
use crate::error::AppResult;
use crate::hooks::{self, events::EventKind};
use crate::identity::letters::TOLD_AT_MOST;
use crate::identity::model::User;
use crate::jobs::JobFailure;
use crate::mail::{self, LINES_AT_MOST, LIST, Mail, MailKind};
use crate::model::{ClaimedJob, NewJob, Owner};
use crate::ports::{LeaseProof, Tx};
use fedatario_base::id::UserId;
use fedatario_base::text::{Language, say};
use fedatario_base::{Actor, Permission, PlatformScope, Scope};
use jiff::Timestamp;
use serde_json::json;
use std::collections::BTreeMap;
use std::time::Duration;

/// Tell people of notices.
pub const TELL: &str = "expiry.tell";

/// Notices of one pass: what one transaction marks within a second. A pass that finds more is followed by another.
const AT_ONCE: u32 = 1_000;
/// The only key.
const KEY: &str = "all";

pub(super) fn tell_job(due: Timestamp) -> NewJob {
    NewJob { kind: TELL, key: KEY.to_owned(), payload: json!({}), due, run: None }
}

pub(super) async fn handle(app: &App, job: &ClaimedJob, scope: &Scope) -> Result<(), JobFailure> {
    let mut tx = app.store.read(scope).await?;
    let untold = tx.notices_untold(AT_ONCE).await?;
    drop(tx);
    let letters = letters(app, scope, &untold).await?;
    let now = Moment::now(app, scope);
    let mut tx = app.store.begin(scope).await?;
    for it in &untold {
        tell(tx.as_mut(), &now, it).await?;
    }
    for letter in &letters {
        tx.enqueue(letter, now.service).await?;
    }
    let lease = LeaseProof { job: job.id, token: job.token };
    match untold.len() < AT_ONCE as usize {
        true => tx.finish_job(lease).await?,
        false => tx.postpone_job(lease, now.after(Duration::ZERO), None).await?,
    }
    Ok(tx.commit().await?)
}

async fn tell(tx: &mut dyn Tx, now: &Moment, it: &NoticeRow) -> AppResult<()> {
    if !tx.tell_notice(it.notice.id, now.wall).await? {
        return Ok(());
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

/// Who reads of notices, as it is asked once a pass.
#[derive(Default)]
struct Readers {
    uploaders: Option<Vec<User>>,
    administrators: Option<Vec<User>>,
}

impl Readers {
    /// Whoever may put another in its place; when the last notice was left lying, every administrator too.
    async fn of(&mut self, app: &App, scope: &Scope, it: &NoticeRow) -> AppResult<Vec<User>> {
        if let Owner::User(user) = it.owner {
            let mut people = app.people.read(&PlatformScope::of(Actor::System)).await?;
            let user = if wants(app, scope, user).await? { people.user(user).await? } else { None };
            return Ok(user.into_iter().collect());
        }
        let mut readers = held(app, scope, &mut self.uploaders, Permission::CredentialUpload).await?;
        if it.notice.escalated {
            readers.extend(held(app, scope, &mut self.administrators, Permission::UserManage).await?);
        }
        readers.sort_by_key(|it| it.id);
        readers.dedup_by_key(|it| it.id);
        Ok(readers)
    }
}

/// Whoever holds a permission, asked once.
async fn held(app: &App, scope: &Scope, known: &mut Option<Vec<User>>, which: Permission) -> AppResult<Vec<User>> {
    if known.is_none() {
        let mut people = app.people.read(&PlatformScope::of(Actor::System)).await?;
        *known = Some(people.holders_of(scope.tenant(), which, app.clock.wall(), TOLD_AT_MOST).await?);
    }
    Ok(known.clone().unwrap_or_default())
}

/// Whether a person wants to be told of their own (`notifyOnExpiration`).
async fn wants(app: &App, scope: &Scope, user: UserId) -> AppResult<bool> {
    Ok(app.store.read(scope).await?.signature_config(user).await?.notify)
}

/// One mail for each reader, sealed.
async fn letters(app: &App, scope: &Scope, all: &[NoticeRow]) -> AppResult<Vec<NewJob>> {
    let (mut readers, mut of) = (Readers::default(), BTreeMap::<UserId, (User, Vec<&NoticeRow>)>::new());
    for it in all {
        for reader in readers.of(app, scope, it).await? {
            of.entry(reader.id).or_insert_with(|| (reader, Vec::new())).1.push(it);
        }
    }
    let mut jobs = Vec::with_capacity(of.len());
    for (reader, mut notices) in of.into_values() {
        notices.sort_by_key(|it| (it.notice.not_after, it.notice.id));
        // An address that cannot be written to keeps nobody else from being told.
        let Ok(mail) = worded(&reader, &notices, app.clock.wall()) else { continue };
        jobs.push(mail::job(app, scope, &mail).await?);
    }
    Ok(jobs)
}

/// What somebody is told of notices, the most urgent first: of one all there is to say, of several a line each.
fn worded(reader: &User, notices: &[&NoticeRow], now: Timestamp) -> AppResult<Mail> {
    let language = Language::from_tag(&reader.language);
    let escalated = notices.iter().any(|it| it.notice.escalated);
    let note = if escalated { say(language, "mail-certificate-escalated", &[]) } else { String::new() };
    if let [one] = notices {
        let fields: Vec<_> = told_of(language, reader, one).into_iter().chain([("note", note)]).collect();
        return Mail::new(MailKind::CertificateExpiring, &reader.email, language, now, &fields);
    }
    let line = |it: &&NoticeRow| say(language, "mail-certificates-line", &told_of(language, reader, it));
    let list: Vec<String> = notices.iter().take(LINES_AT_MOST).map(line).collect();
    let more = notices.len().saturating_sub(LINES_AT_MOST);
    let more = if more > 0 { say(language, "mail-certificates-more", &[("count", more.to_string())]) } else { String::new() };
    let fields = [
        ("count", notices.len().to_string()),
        ("when", notices.first().map(|it| when(language, it)).unwrap_or_default()),
        (LIST, list.join("\n")),
        ("more", more),
        ("note", note),
    ];
    Mail::new(MailKind::CertificatesExpiring, &reader.email, language, now, &fields)
}

/// What there is to say of one.
fn told_of(language: Language, reader: &User, it: &NoticeRow) -> [(&'static str, String); 5] {
    [
        ("rfc", it.tax_id.clone().unwrap_or_else(|| reader.name.clone())),
        ("name", it.holder.clone().unwrap_or_else(|| it.name.clone())),
        ("number", it.number.clone()),
        ("until", format!("{:.0}", it.notice.not_after)),
        ("when", when(language, it)),
    ]
}

fn when(language: Language, it: &NoticeRow) -> String {
    match it.notice.days {
        0 => say(language, "mail-certificate-over", &[]),
        1 => say(language, "mail-certificate-day", &[]),
        days => say(language, "mail-certificate-days", &[("days", days.to_string())]),
    }
}
