//! The jobs of webhooks: an event sent to an address, and again until it is taken.
//!
//! An attempt is made outside any transaction and noted in one with what follows from it. A process
//! that dies in between sends again: receivers know an event by its id. One address that is slow or
//! gone holds no more than its own few places among the workers.

use super::events::EventKind;
use super::model::*;
use super::ports::{Answer, Courier, CourierFault, Parcel};
use super::{emit, enabled, secrets, tell};
use crate::App;
use crate::audit_trail::entry;
use crate::descarga::transition::Moment;
use crate::error::{AppError, AppResult};
use crate::jobs::{Handler, JobFailure};
use crate::mail::{self, Mail, MailKind};
use crate::model::{ClaimedJob, NewJob};
use crate::ports::{LeaseProof, Tx};
use async_trait::async_trait;
use fedatario_base::id::{DeliveryId, WebhookId};
use fedatario_base::text::{Language, say};
use fedatario_base::{Code, PlatformScope, Scope};
use fedatario_identity::email;
use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Send an event to an address.
pub const HOOK_DELIVER: &str = "hook.deliver";
/// Tell an event that was written where webhooks are out of reach.
pub const HOOK_EVENT: &str = "hook.event";
/// Forget events that nobody asks for any more.
pub const HOOK_PRUNE: &str = "hook.prune";

/// The pauses after the attempts of a round, in seconds, as the profile proposes them: three days.
const PAUSES_S: [u64; 9] = [5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400];
/// Up to so much of a pause is taken off, so that many do not come back in one second.
const JITTER: f64 = 0.1;
/// The longest that an address may ask to be left alone.
const RETRY_AFTER_AT_MOST: Duration = Duration::from_secs(3_600);
/// An address that answered nothing for so long, when a round ends, is switched off.
const FAILING_AT_MOST: SignedDuration = SignedDuration::from_hours(72);
/// Attempts under way to one address in one process.
const AT_ONCE: usize = 2;
/// How long a delivery waits for a place.
const WAIT_FOR_PLACE: Duration = Duration::from_secs(2);
/// How long events are kept.
const KEPT: SignedDuration = SignedDuration::from_hours(30 * 24);
/// How often what is older is forgotten.
const PRUNED_EVERY: Duration = Duration::from_secs(24 * 3_600);
/// The status by which an address says that it wants nothing more.
const GONE: u16 = 410;

/// Does the jobs of webhooks.
pub struct Deliveries {
    app: App,
    courier: Arc<dyn Courier>,
    places: Mutex<HashMap<WebhookId, Weak<Semaphore>>>,
}

/// What an attempt came to.
enum Outcome {
    Taken,
    Gone,
    NotTaken(Option<Duration>),
}

impl Deliveries {
    /// Over the services of this process.
    pub fn new(app: App, courier: Arc<dyn Courier>) -> Self {
        Self { app, courier, places: Mutex::default() }
    }

    fn place(&self, webhook: WebhookId) -> Option<OwnedSemaphorePermit> {
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        places.retain(|_, it| it.strong_count() > 0);
        let of_hook = places.get(&webhook).and_then(Weak::upgrade).unwrap_or_else(|| Arc::new(Semaphore::new(AT_ONCE)));
        places.insert(webhook, Arc::downgrade(&of_hook));
        of_hook.try_acquire_owned().ok()
    }

    async fn deliver(&self, job: &ClaimedJob, scope: &Scope) -> Result<(), JobFailure> {
        let lease = LeaseProof { job: job.id, token: job.token };
        let id: DeliveryId = named(job)?;
        let mut tx = self.app.store.read(scope).await?;
        let Some(delivery) = tx.delivery(id).await?.filter(|it| it.state == DeliveryState::Waiting) else {
            drop(tx);
            return self.over(scope, lease).await;
        };
        drop(tx);
        // Before the address is read: whoever had the place before may have been told that it is gone.
        let Some(_place) = self.place(delivery.webhook) else {
            return Err(JobFailure::Later { after: WAIT_FOR_PLACE, why: "its address is busy".to_owned() });
        };
        let mut tx = self.app.store.read(scope).await?;
        let (event, webhook) = (tx.event(delivery.event).await?, tx.webhook(delivery.webhook).await?);
        drop(tx);
        let (Some(event), Some(webhook)) = (event, webhook.filter(|it| it.state == HookState::Enabled)) else {
            return Ok(self.skip(scope, delivery, lease).await?);
        };
        let begun = self.app.clock.wall();
        let answer = self.attempt(scope, &webhook, &event, begun).await?;
        Ok(self.settle(scope, delivery, (begun, answer), lease).await?)
    }

    async fn attempt(
        &self,
        scope: &Scope,
        webhook: &Webhook,
        event: &EventRow,
        at: Timestamp,
    ) -> AppResult<Result<Answer, CourierFault>> {
        let mut live = Vec::new();
        for secret in webhook.live(at) {
            live.push(secrets::open(&self.app, scope, webhook.id, secret).await?);
        }
        let parcel = Parcel { url: &webhook.url, id: event.id.to_string(), at, body: &event.body, secrets: live };
        Ok(self.courier.deliver(parcel).await)
    }

    /// Notes an attempt with what follows from it.
    async fn settle(
        &self,
        scope: &Scope,
        mut delivery: Delivery,
        (begun, answer): (Timestamp, Result<Answer, CourierFault>),
        lease: LeaseProof,
    ) -> AppResult<()> {
        let now = Moment::now(&self.app, scope);
        delivery.note(attempt(begun, now.wall, &answer));
        let notice = self.notice(scope, delivery.webhook, &answer, &delivery, &now).await?;
        let mut tx = self.app.store.begin(scope).await?;
        match outcome(&answer) {
            Outcome::Taken => {
                tx.mark_webhook(delivery.webhook, None).await?;
                self.end(tx.as_mut(), &now, &mut delivery, DeliveryState::Delivered, lease).await?;
            }
            Outcome::Gone => {
                self.end(tx.as_mut(), &now, &mut delivery, DeliveryState::Failed, lease).await?;
                switch_off(tx.as_mut(), &now, delivery.webhook, "webhook_gone", notice).await?;
            }
            Outcome::NotTaken(asked) => match pause(delivery.tries, asked, rand::random()) {
                Some(pause) => {
                    mark_failing(tx.as_mut(), &now, delivery.webhook).await?;
                    self.again(tx.as_mut(), &now, &mut delivery, pause, lease).await?;
                }
                None => {
                    self.end(tx.as_mut(), &now, &mut delivery, DeliveryState::Failed, lease).await?;
                    if is_hopeless(tx.as_mut(), &now, delivery.webhook).await? {
                        switch_off(tx.as_mut(), &now, delivery.webhook, "webhook_failing", notice).await?;
                    }
                }
            },
        }
        Ok(tx.commit().await?)
    }

    async fn again(
        &self,
        tx: &mut dyn Tx,
        now: &Moment,
        delivery: &mut Delivery,
        pause: Duration,
        lease: LeaseProof,
    ) -> AppResult<()> {
        let due = now.after(pause);
        delivery.next = Some(due);
        tx.update_delivery(delivery).await?;
        let last = delivery.attempts.last();
        let why = last.map(|it| it.status.map_or_else(|| it.code.clone().unwrap_or_default(), |status| status.to_string()));
        Ok(tx.postpone_job(lease, due, why.as_deref()).await?)
    }

    async fn end(
        &self,
        tx: &mut dyn Tx,
        now: &Moment,
        delivery: &mut Delivery,
        state: DeliveryState,
        lease: LeaseProof,
    ) -> AppResult<()> {
        (delivery.state, delivery.next, delivery.ended) = (state, None, Some(now.wall));
        tx.update_delivery(delivery).await?;
        let event = entry(now, "webhook.delivery", &delivery.id.to_string(), state.text())
            .field("webhook", delivery.webhook.to_string())
            .field("event", delivery.event.to_string())
            .field("kind", delivery.kind.text());
        tx.append(event, None).await?;
        Ok(tx.finish_job(lease).await?)
    }

    async fn skip(&self, scope: &Scope, mut delivery: Delivery, lease: LeaseProof) -> AppResult<()> {
        let now = Moment::now(&self.app, scope);
        let mut tx = self.app.store.begin(scope).await?;
        self.end(tx.as_mut(), &now, &mut delivery, DeliveryState::Skipped, lease).await?;
        Ok(tx.commit().await?)
    }

    async fn over(&self, scope: &Scope, lease: LeaseProof) -> Result<(), JobFailure> {
        let mut tx = self.app.store.begin(scope).await?;
        tx.finish_job(lease).await?;
        Ok(tx.commit().await?)
    }

    /// The job that mails whoever wants to know that an address is switched off; made before the
    /// transaction, and only when it may come to that.
    async fn notice(
        &self,
        scope: &Scope,
        webhook: WebhookId,
        answer: &Result<Answer, CourierFault>,
        delivery: &Delivery,
        now: &Moment,
    ) -> AppResult<Option<NewJob>> {
        let is_last = matches!(outcome(answer), Outcome::NotTaken(_)) && pause(delivery.tries, None, 0.0).is_none();
        if !is_last && !matches!(outcome(answer), Outcome::Gone) {
            return Ok(None);
        }
        let Some(webhook) = self.app.store.read(scope).await?.webhook(webhook).await? else { return Ok(None) };
        let Some(to) = webhook.notify else { return Ok(None) };
        let language = self.language_of(&to).await?;
        let reason = if is_last { say(language, "mail-webhook-silent", &[]) } else { "410 Gone".to_owned() };
        let fields = [("url", webhook.url), ("reason", reason), ("at", format!("{:.0}", now.wall))];
        let Ok(mail) = Mail::new(MailKind::WebhookDisabled, &to, language, now.wall, &fields) else { return Ok(None) };
        Ok(Some(mail::job(&self.app, scope, &mail).await?))
    }

    /// The language of whoever has an address, or Spanish if nobody here has it.
    async fn language_of(&self, to: &str) -> AppResult<Language> {
        let address = email::normal(to).unwrap_or_default();
        let mut tx = self.app.people.read(&PlatformScope::for_authentication()).await?;
        let user = tx.user_by_email(&address).await?;
        Ok(Language::from_tag(user.map_or("es", |it| if it.language == "en" { "en" } else { "es" })))
    }

    /// The job `hook.event`.
    async fn told(&self, job: &ClaimedJob, scope: &Scope) -> Result<(), JobFailure> {
        let kind = job.payload.get("kind").and_then(|it| it.as_str()).and_then(EventKind::from_text);
        let kind = kind.ok_or_else(|| malformed(job))?;
        let data = job.payload.get("data").cloned().unwrap_or_default();
        let mut tx = self.app.store.begin(scope).await?;
        emit(tx.as_mut(), &Moment::now(&self.app, scope), kind, data).await?;
        tx.finish_job(LeaseProof { job: job.id, token: job.token }).await?;
        Ok(tx.commit().await?)
    }

    /// The job `hook.prune`: once a day, as long as there is an address.
    async fn prune(&self, job: &ClaimedJob, scope: &Scope) -> Result<(), JobFailure> {
        let lease = LeaseProof { job: job.id, token: job.token };
        let now = Moment::now(&self.app, scope);
        let mut tx = self.app.store.begin(scope).await?;
        let forgotten = tx.prune_events(now.wall - KEPT).await?;
        if forgotten > 0 {
            tx.append(entry(&now, "webhook.events", &now.tenant.to_string(), "pruned").field("count", forgotten), None).await?;
        }
        match tx.webhooks().await?.is_empty() {
            true => tx.finish_job(lease).await?,
            false => tx.postpone_job(lease, now.after(PRUNED_EVERY), None).await?,
        }
        Ok(tx.commit().await?)
    }
}

/// The job that forgets, one for a tenant.
pub(super) fn prune_job(now: &Moment) -> NewJob {
    let key = now.tenant.to_string();
    NewJob { kind: HOOK_PRUNE, key, payload: json!({}), due: now.after(PRUNED_EVERY), run: None }
}

fn attempt(begun: Timestamp, ended: Timestamp, answer: &Result<Answer, CourierFault>) -> Attempt {
    let took_ms = u64::try_from(ended.duration_since(begun).as_millis()).unwrap_or_default();
    match answer {
        Ok(it) => Attempt {
            at: begun,
            status: Some(it.status),
            code: None,
            took_ms,
            said: Some(it.said.clone()).filter(|said| !said.is_empty()),
        },
        Err(fault) => Attempt {
            at: begun,
            status: None,
            code: Some(fault.code().slug().to_owned()),
            took_ms,
            said: None, // What the network says of a place that may be ours is not told outside.
        },
    }
}

fn outcome(answer: &Result<Answer, CourierFault>) -> Outcome {
    match answer {
        Ok(it) if (200..300).contains(&it.status) => Outcome::Taken,
        Ok(it) if it.status == GONE => Outcome::Gone,
        Ok(it) => Outcome::NotTaken(it.retry_after),
        Err(_) => Outcome::NotTaken(None),
    }
}

/// How long until the next attempt after `tries` of a round; none when it is over. `random` in 0..1.
fn pause(tries: u32, asked: Option<Duration>, random: f64) -> Option<Duration> {
    let planned = Duration::from_secs(*PAUSES_S.get(usize::try_from(tries).ok()?.checked_sub(1)?)?);
    let planned = planned.mul_f64(1.0 - JITTER * random.clamp(0.0, 1.0));
    Some(asked.map_or(planned, |it| it.min(RETRY_AFTER_AT_MOST).max(planned)))
}

async fn mark_failing(tx: &mut dyn Tx, now: &Moment, id: WebhookId) -> AppResult<()> {
    if tx.webhook(id).await?.is_some_and(|it| it.failing_since.is_none()) {
        tx.mark_webhook(id, Some(now.wall)).await?;
    }
    Ok(())
}

async fn is_hopeless(tx: &mut dyn Tx, now: &Moment, id: WebhookId) -> AppResult<bool> {
    let since = tx.webhook(id).await?.and_then(|it| it.failing_since);
    Ok(since.is_some_and(|it| now.wall.duration_since(it) >= FAILING_AT_MOST))
}

/// Switches an address off, and tells whoever can be told.
async fn switch_off(tx: &mut dyn Tx, now: &Moment, id: WebhookId, reason: &str, notice: Option<NewJob>) -> AppResult<()> {
    let Some(mut webhook) = tx.webhook(id).await?.filter(|it| it.state == HookState::Enabled) else { return Ok(()) };
    (webhook.state, webhook.reason) = (HookState::Disabled, Some(reason.to_owned()));
    tx.update_webhook(&webhook).await?;
    tx.append(entry(now, "webhook", &id.to_string(), "disabled").field("reason", reason), None).await?;
    if let Some(job) = notice {
        tx.enqueue(&job, now.service).await?;
    }
    let others: Vec<WebhookId> = {
        let hooks = tx.webhooks().await?;
        let listening = enabled(&hooks).filter(|it| it.id != id && it.listens_to(EventKind::WebhookDisabled));
        listening.map(|it| it.id).collect()
    };
    if !others.is_empty() {
        let data = json!({ "webhook": id.to_string(), "url": webhook.url, "reason": reason });
        tell(tx, now, EventKind::WebhookDisabled, data, &others).await?;
    }
    Ok(())
}

fn named<T: std::str::FromStr>(job: &ClaimedJob) -> Result<T, JobFailure> {
    job.payload.get("id").and_then(|it| it.as_str()).and_then(|it| it.parse().ok()).ok_or_else(|| malformed(job))
}

fn malformed(job: &ClaimedJob) -> JobFailure {
    JobFailure::Failed { code: Code::Internal, text: format!("payload of {} not understood", job.kind) }
}

#[async_trait]
impl Handler for Deliveries {
    fn kinds(&self) -> &'static [&'static str] {
        &[HOOK_DELIVER, HOOK_EVENT, HOOK_PRUNE]
    }

    async fn handle(&self, job: &ClaimedJob, scope: Scope) -> Result<(), JobFailure> {
        match job.kind.as_str() {
            HOOK_DELIVER => self.deliver(job, &scope).await,
            HOOK_EVENT => self.told(job, &scope).await,
            HOOK_PRUNE => self.prune(job, &scope).await,
            _ => Err(malformed(job)),
        }
    }

    async fn buried(&self, tx: &mut dyn Tx, job: &ClaimedJob, scope: &Scope, _why: &str) -> Result<(), JobFailure> {
        if job.kind != HOOK_DELIVER {
            return Ok(());
        }
        if let Some(mut delivery) = tx.delivery(named(job)?).await?.filter(|it| it.state == DeliveryState::Waiting) {
            let now = Moment::now(&self.app, scope);
            (delivery.state, delivery.next, delivery.ended) = (DeliveryState::Failed, None, Some(now.wall));
            tx.update_delivery(&delivery).await.map_err(AppError::from)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_round_takes_three_days_and_heeds_what_it_is_asked() {
        let seconds = |it: u64| Duration::from_secs(it);
        let round: Vec<u64> = (1..=10).map_while(|tries| pause(tries, None, 0.0)).map(|it| it.as_secs()).collect();
        assert_eq!(round, PAUSES_S);
        assert_eq!(pause(10, None, 0.0), None, "ten attempts");
        assert_eq!(pause(1, Some(seconds(60)), 0.0), Some(seconds(60)));
        assert_eq!(pause(1, Some(seconds(999_999)), 0.0), Some(RETRY_AFTER_AT_MOST));
        assert_eq!(pause(3, Some(seconds(1)), 0.0), Some(seconds(1_800)), "never sooner than planned");
        assert_eq!(pause(2, None, 1.0), Some(seconds(270)));
        let total: u64 = PAUSES_S.iter().sum();
        assert!(SignedDuration::from_secs(total as i64) >= FAILING_AT_MOST, "whoever is switched off failed for a whole round");
        fedatario_testkit::covers!("webhooks: retried over three days with jitter, heeding Retry-After within a bound");
    }

    #[test]
    fn only_2xx_is_taken_and_only_410_is_gone() {
        let of = |status| outcome(&Ok(Answer { status, retry_after: None, said: String::new() }));
        for status in [200, 201, 204, 299] {
            assert!(matches!(of(status), Outcome::Taken), "{status}");
        }
        for status in [100, 301, 302, 307, 400, 401, 404, 429, 500, 503] {
            assert!(matches!(of(status), Outcome::NotTaken(_)), "{status}");
        }
        assert!(matches!(of(410), Outcome::Gone));
        assert!(matches!(outcome(&Err(CourierFault::Forbidden)), Outcome::NotTaken(None)));
    }
}
