//! Looking through a tenant's credentials, once a day.

use super::model::{Ending, Notice};
use super::{THRESHOLDS, tell, threshold};
use crate::audit_trail::entry;
use crate::descarga::transition::Moment;
use crate::error::AppResult;
use crate::jobs::{JobFailure, schedule};
use crate::model::{ClaimedJob, JobState, NewJob};
use crate::ports::{LeaseProof, Tx};
use crate::trust;
use crate::{App, certificates};
use fedatario_base::id::NoticeId;
use fedatario_base::{Scope, SystemScope};
use fedatario_credentials::Certificate;
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

/// Look through the credentials of a tenant.
pub const SWEEP: &str = "expiry.sweep";

/// When, each day: before offices open in all three countries.
const DAILY: &str = "0 6 * * * America/Mexico_City";
/// The only key: one look at a time.
const KEY: &str = "daily";
/// Credentials read at once.
const PAGE: u32 = 2_000;
/// Certificates whose authority is asked because of one look; the next look takes the rest.
const ASKED_AT_MOST: u32 = 500;
/// If a cron expression of ours could not be read: a day.
const A_DAY: SignedDuration = SignedDuration::from_hours(24);

/// The job that looks; it comes back every day by itself.
pub fn sweep_job(due: Timestamp) -> NewJob {
    NewJob { kind: SWEEP, key: KEY.to_owned(), payload: json!({}), due, run: None }
}

/// Sees to it that every tenant is looked through: those that wait for their hour at once if `at_once`.
pub async fn summon(app: &App, hands: &SystemScope, at_once: bool) -> AppResult<()> {
    for (tenant, _) in app.system.tenants(hands).await? {
        let now = app.clock.service();
        let mut tx = app.store.begin(&Scope::system(tenant)).await?;
        let (id, is_new) = tx.enqueue(&sweep_job(now), now).await?;
        let waits = !is_new && at_once && tx.job(id).await?.is_some_and(|it| it.state == JobState::Ready);
        if waits {
            tx.retry_job(id, now).await?;
        }
        if is_new || waits {
            tx.commit().await?;
        }
    }
    Ok(())
}

/// What one look came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Swept {
    /// Credentials whose end is near, or over.
    pub ending: u64,
    /// Notices that are new.
    pub noticed: u64,
}

/// One look at a tenant: makes the notices that are due, in one transaction with the job that tells of them.
pub async fn sweep(app: &App, scope: &Scope) -> AppResult<Swept> {
    let now = Moment::now(app, scope);
    let (swept, notices) = look(app, scope, &now).await?;
    let mut tx = app.store.begin(scope).await?;
    let noticed = put(tx.as_mut(), &now, &notices).await?;
    tx.commit().await?;
    Ok(Swept { noticed, ..swept })
}

pub(super) async fn handle(app: &App, job: &ClaimedJob, scope: &Scope) -> Result<(), JobFailure> {
    let now = Moment::now(app, scope);
    let (_, notices) = look(app, scope, &now).await?;
    let again = schedule::next_after(DAILY, now.service).unwrap_or(now.service + A_DAY);
    let mut tx = app.store.begin(scope).await?;
    put(tx.as_mut(), &now, &notices).await?;
    ask_again(app, tx.as_mut(), &now).await?;
    tx.enqueue(&certificates::collect_job(now.service), now.service).await?;
    tx.postpone_job(LeaseProof { job: job.id, token: job.token }, again, None).await?;
    Ok(tx.commit().await?)
}

async fn look(app: &App, scope: &Scope, now: &Moment) -> AppResult<(Swept, Vec<Notice>)> {
    let horizon = now.wall + SignedDuration::from_hours(24 * THRESHOLDS[0]) + A_DAY;
    let mut tx = app.store.read(scope).await?;
    let (mut swept, mut notices, mut after) = (Swept::default(), Vec::new(), None);
    loop {
        let page = tx.credentials_ending(horizon, after, PAGE).await?;
        swept.ending += page.len() as u64;
        notices.extend(page.iter().filter_map(|it| due(it, now.wall)));
        after = page.last().map(|it| it.credential);
        if page.len() < PAGE as usize {
            return Ok((swept, notices));
        }
    }
}

/// The notice that is due about a credential, if one is.
fn due(it: &Ending, now: Timestamp) -> Option<Notice> {
    let days = threshold(it.not_after, now)?;
    let is_news = it.last_days.is_none_or(|last| days < last);
    is_news.then(|| Notice {
        id: NoticeId::fresh(now),
        credential: it.credential,
        days,
        not_after: it.not_after,
        escalated: it.last_days.is_some() && !it.is_acknowledged,
        at: now,
    })
}

async fn put(tx: &mut dyn Tx, now: &Moment, notices: &[Notice]) -> AppResult<u64> {
    if notices.is_empty() {
        return Ok(0);
    }
    let new = tx.add_notices(notices).await?;
    if new > 0 {
        let escalated = notices.iter().filter(|it| it.escalated).count() as u64;
        let event = entry(now, "certificate.expiry", &now.tenant.to_string(), "noticed");
        tx.append(event.field("notices", new).field("escalated", escalated), None).await?;
        tx.enqueue(&tell::tell_job(now.service), now.service).await?;
    }
    Ok(new)
}

/// Authorities are asked about certificates whose last word has run out.
async fn ask_again(app: &App, tx: &mut dyn Tx, now: &Moment) -> AppResult<()> {
    if app.trust.authorities().iter().all(|it| app.trust.places_of(it).is_none()) {
        return Ok(());
    }
    for der in tx.certificates_due(now.wall, ASKED_AT_MOST).await? {
        let Ok(certificate) = Certificate::parse(&der) else { continue };
        let chain = app.trust.chain(&certificate, now.wall);
        if chain.issuer().is_some_and(|it| app.trust.places_of(it).is_some()) {
            tx.enqueue(&trust::check_job(&certificate, now.service), now.service).await?;
        }
    }
    Ok(())
}
