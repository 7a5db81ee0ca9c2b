//! What whoever may decide about webhooks can do with them.

use super::deliver::prune_job;
use super::events::EventKind;
use super::model::*;
use super::ports::Courier;
use super::{delivery_job, secrets, tell};
use crate::App;
use crate::audit_trail::changes::Telling;
use crate::audit_trail::entry;
use crate::descarga::transition::Moment;
use crate::error::{AppError, AppResult};
use crate::mail::ADDRESS_BYTES_AT_MOST;
use crate::ports::{StoreError, Tx};
use fedatario_base::id::{DeliveryId, EventId, WebhookId};
use fedatario_base::{Code, Permission, Scope, Secret};
use jiff::SignedDuration;
use serde_json::{Value, json};
use std::sync::Arc;

/// Addresses of a tenant: every event costs a row for each.
pub const WEBHOOKS_AT_MOST: usize = 20;
/// Bytes of an address.
pub const URL_BYTES_AT_MOST: usize = 2_048;
/// Characters of a description.
const DESCRIPTION_CHARS_AT_MOST: usize = 200;
/// How long a secret signs beside its successor unless somebody chooses otherwise.
const OVERLAP: SignedDuration = SignedDuration::from_hours(24);
/// The longest.
const OVERLAP_AT_MOST: SignedDuration = SignedDuration::from_hours(7 * 24);
/// Deliveries that one replay takes up; whoever wants more replays again.
pub const REPLAYED_AT_MOST: u32 = 1_000;

/// An address as somebody words it.
#[derive(Debug, Clone)]
pub struct Draft {
    /// Where.
    pub url: String,
    /// What it is called.
    pub description: String,
    /// Which events; none is all.
    pub events: Vec<EventKind>,
    /// Whom to mail when it is switched off.
    pub notify: Option<String>,
    /// How it is signed; none is HMAC.
    pub signatures: Vec<SecretKind>,
}

/// What somebody changes of an address; what is not there stays.
#[derive(Debug, Clone, Default)]
pub struct Changes {
    /// Where.
    pub url: Option<String>,
    /// What it is called.
    pub description: Option<String>,
    /// Which events; none is all.
    pub events: Option<Vec<EventKind>>,
    /// Whether it is told anything.
    pub state: Option<HookState>,
    /// Whom to mail; an empty text is nobody.
    pub notify: Option<String>,
}

/// A secret, shown once.
pub struct Revealed {
    /// How it signs.
    pub kind: SecretKind,
    /// `whsec_…` or `whpk_…`.
    pub shown: Secret,
}

/// An address that was made, with its secrets.
pub struct NewWebhook {
    /// The address.
    pub webhook: Webhook,
    /// What it is signed with.
    pub secrets: Vec<Revealed>,
}

/// The service.
#[derive(Clone)]
pub struct HookService {
    /// The other services' ports.
    pub app: App,
    /// Who knows where events may go.
    pub courier: Arc<dyn Courier>,
}

impl HookService {
    /// Adds an address.
    pub async fn create(&self, scope: &Scope, draft: Draft) -> AppResult<NewWebhook> {
        let now = self.begin(scope).await?;
        let kinds = if draft.signatures.is_empty() { vec![SecretKind::Hmac] } else { draft.signatures.clone() };
        let mut webhook = Webhook {
            id: WebhookId::fresh(now.wall),
            url: self.address(&draft.url)?,
            description: described(&draft.description)?,
            events: draft.events,
            state: HookState::Enabled,
            reason: None,
            notify: notified(draft.notify)?,
            secrets: Vec::new(),
            failing_since: None,
            created: now.wall,
            revision: 0,
        };
        let mut revealed = Vec::new();
        for (n, kind) in (1..).zip(kinds) {
            let fresh = secrets::fresh(&self.app, scope, webhook.id, n, kind, now.wall).await?;
            webhook.secrets.push(fresh.kept);
            revealed.push(Revealed { kind, shown: fresh.shown });
        }
        let mut tx = self.app.store.begin(scope).await?;
        if tx.webhooks().await?.len() >= WEBHOOKS_AT_MOST {
            return Err(input(Code::WebhookLimit, format!("{WEBHOOKS_AT_MOST} addresses are the most")));
        }
        tx.add_webhook(&webhook).await?;
        tx.enqueue(&prune_job(&now), now.service).await?;
        self.told(tx, &now, webhook.id, "created", Value::Null, told_of(&webhook)).await?;
        Ok(NewWebhook { webhook, secrets: revealed })
    }

    /// All of a tenant.
    pub async fn list(&self, scope: &Scope) -> AppResult<Vec<Webhook>> {
        may(scope)?;
        Ok(self.app.store.read(scope).await?.webhooks().await?)
    }

    /// One of them.
    pub async fn get(&self, scope: &Scope, id: WebhookId) -> AppResult<Webhook> {
        may(scope)?;
        found(self.app.store.read(scope).await?.as_mut(), id).await
    }

    /// Changes an address; with `revision`, only if it is still the one that was seen. The entry binds what
    /// it was before and after, sealed.
    pub async fn change(&self, scope: &Scope, id: WebhookId, changes: Changes, revision: Option<i64>) -> AppResult<Webhook> {
        let now = self.begin(scope).await?;
        let seen = found(self.app.store.read(scope).await?.as_mut(), id).await?;
        let moved = || StoreError::Conflict("it was changed meanwhile".to_owned());
        if revision.is_some_and(|it| it != seen.revision) {
            return Err(moved().into());
        }
        let mut webhook = self.changed(seen.clone(), changes)?;
        let event = entry(&now, "webhook", &id.to_string(), "changed");
        let mut tx = self.app.store.begin(scope).await?;
        let current = found(tx.as_mut(), id).await?;
        if current.revision != seen.revision {
            return Err(moved().into());
        }
        if webhook.state == seen.state {
            webhook.failing_since = current.failing_since;
        }
        tx.update_webhook(&webhook).await?;
        now.change(tx.as_mut(), event, told_of(&seen), told_of(&webhook)).await?;
        tx.commit().await?;
        webhook.revision += 1;
        Ok(webhook)
    }

    fn changed(&self, mut webhook: Webhook, changes: Changes) -> AppResult<Webhook> {
        let url = changes.url.as_deref().map(|it| self.address(it)).transpose()?;
        let description = changes.description.as_deref().map(described).transpose()?;
        webhook.url = url.unwrap_or(webhook.url);
        webhook.description = description.unwrap_or(webhook.description);
        webhook.events = changes.events.unwrap_or(webhook.events);
        if let Some(notify) = changes.notify {
            webhook.notify = notified(Some(notify))?;
        }
        if let Some(state) = changes.state.filter(|it| *it != webhook.state) {
            (webhook.state, webhook.failing_since) = (state, None);
            webhook.reason = (state == HookState::Disabled).then(|| "by_hand".to_owned());
        }
        Ok(webhook)
    }

    /// Takes an address away with its log.
    pub async fn delete(&self, scope: &Scope, id: WebhookId) -> AppResult<()> {
        let now = self.begin(scope).await?;
        let mut tx = self.app.store.begin(scope).await?;
        let before = found(tx.as_mut(), id).await?;
        tx.delete_webhook(id).await?;
        self.told(tx, &now, id, "deleted", told_of(&before), Value::Null).await
    }

    /// Makes a new secret; the former signs beside it for a while, and one before that no more.
    pub async fn rotate(&self, scope: &Scope, id: WebhookId, kind: SecretKind, overlap_s: Option<u32>) -> AppResult<NewWebhook> {
        let now = self.begin(scope).await?;
        let overlap = overlap_s.map_or(OVERLAP, |it| SignedDuration::from_secs(i64::from(it)));
        if overlap > OVERLAP_AT_MOST {
            return Err(input(Code::WebhookUrl, format!("overlap: at most {} seconds", OVERLAP_AT_MOST.as_secs())));
        }
        let seen = self.get(scope, id).await?;
        let n = seen.secrets.iter().map(|it| it.n).max().unwrap_or_default() + 1;
        let fresh = secrets::fresh(&self.app, scope, id, n, kind, now.wall).await?;
        let mut tx = self.app.store.begin(scope).await?;
        let mut webhook = found(tx.as_mut(), id).await?;
        if webhook.revision != seen.revision {
            return Err(StoreError::Conflict("it was changed meanwhile".to_owned()).into());
        }
        let before = told_of(&webhook);
        let until = now.wall + overlap;
        webhook.secrets.retain(|it| it.kind != kind || it.expires.is_none());
        webhook.secrets.iter_mut().filter(|it| it.kind == kind).for_each(|it| it.expires = Some(until));
        webhook.secrets.push(fresh.kept);
        tx.update_webhook(&webhook).await?;
        self.told(tx, &now, id, "rotated", before, told_of(&webhook)).await?;
        webhook.revision += 1;
        Ok(NewWebhook { webhook, secrets: vec![Revealed { kind, shown: fresh.shown }] })
    }

    /// Sends a test event, whatever the address listens to.
    pub async fn test(&self, scope: &Scope, id: WebhookId) -> AppResult<EventId> {
        let now = self.begin(scope).await?;
        let mut tx = self.app.store.begin(scope).await?;
        let webhook = found(tx.as_mut(), id).await?;
        if webhook.state != HookState::Enabled {
            return Err(StoreError::Conflict("the address is switched off".to_owned()).into());
        }
        let data = json!({ "webhook": id.to_string() });
        let event = tell(tx.as_mut(), &now, EventKind::WebhookTest, data, &[id]).await?;
        self.noted(tx, &now, id, "tested").await?;
        Ok(event)
    }

    /// Sends one delivery again, whatever became of it.
    pub async fn replay(&self, scope: &Scope, id: DeliveryId) -> AppResult<Delivery> {
        let now = self.begin(scope).await?;
        let mut tx = self.app.store.begin(scope).await?;
        let mut delivery = tx.delivery(id).await?.ok_or_else(|| AppError::NotFound(id.to_string()))?;
        again(tx.as_mut(), &now, &mut delivery).await?;
        let webhook = delivery.webhook;
        self.noted(tx, &now, webhook, "replayed").await?;
        delivery.revision += 1;
        Ok(delivery)
    }

    /// Sends again what a filter lets through, oldest last: all that failed, or a range of time. How
    /// many, at most [`REPLAYED_AT_MOST`] at once, and whether there are more.
    pub async fn replay_all(&self, scope: &Scope, webhook: WebhookId, filter: DeliveryFilter) -> AppResult<(u64, bool)> {
        let now = self.begin(scope).await?;
        let filter = DeliveryFilter { webhook: Some(webhook), ..filter };
        let mut tx = self.app.store.begin(scope).await?;
        found(tx.as_mut(), webhook).await?;
        let mut all = tx.deliveries(&filter, None, REPLAYED_AT_MOST + 1).await?;
        let more = all.len() > REPLAYED_AT_MOST as usize;
        all.truncate(REPLAYED_AT_MOST as usize);
        for delivery in &mut all {
            again(tx.as_mut(), &now, delivery).await?;
        }
        self.noted(tx, &now, webhook, "replayed").await?;
        Ok((all.len() as u64, more))
    }

    async fn begin(&self, scope: &Scope) -> AppResult<Telling> {
        may(scope)?;
        Telling::begin(&self.app, scope).await
    }

    fn address(&self, url: &str) -> AppResult<String> {
        let url = url.trim();
        if url.len() > URL_BYTES_AT_MOST {
            return Err(input(Code::WebhookUrl, format!("{} bytes are no address", url.len())));
        }
        self.courier.check(url).map_err(|fault| input(fault.code(), fault.to_string()))?;
        Ok(url.to_owned())
    }

    async fn told(
        &self,
        mut tx: Box<dyn Tx>,
        now: &Telling,
        id: WebhookId,
        what: &str,
        before: Value,
        after: Value,
    ) -> AppResult<()> {
        now.change(tx.as_mut(), entry(now, "webhook", &id.to_string(), what), before, after).await?;
        Ok(tx.commit().await?)
    }

    /// What was done and changed nothing of the address.
    async fn noted(&self, mut tx: Box<dyn Tx>, now: &Moment, id: WebhookId, what: &str) -> AppResult<()> {
        tx.append(entry(now, "webhook", &id.to_string(), what), None).await?;
        Ok(tx.commit().await?)
    }
}

fn may(scope: &Scope) -> AppResult<()> {
    if scope.may(Permission::WebhookManage) { Ok(()) } else { Err(AppError::Denied(Permission::WebhookManage)) }
}

async fn found(tx: &mut dyn Tx, id: WebhookId) -> AppResult<Webhook> {
    tx.webhook(id).await?.ok_or_else(|| AppError::NotFound(id.to_string()))
}

/// A new round for a delivery. One that waits is sent at once.
async fn again(tx: &mut dyn Tx, now: &Moment, delivery: &mut Delivery) -> AppResult<()> {
    let is_waiting = delivery.state == DeliveryState::Waiting;
    (delivery.state, delivery.tries, delivery.next, delivery.ended) = (DeliveryState::Waiting, 0, None, None);
    tx.update_delivery(delivery).await?;
    let (job, is_new) = tx.enqueue(&delivery_job(now, delivery), now.service).await?;
    if is_waiting && !is_new {
        // One that a worker holds right now is being sent.
        match tx.job(job).await?.map(|it| it.state) {
            Some(crate::model::JobState::Ready) => tx.retry_job(job, now.service).await?,
            _ => return Ok(()),
        }
    }
    Ok(())
}

fn described(text: &str) -> AppResult<String> {
    let text = text.trim();
    if text.chars().count() > DESCRIPTION_CHARS_AT_MOST || text.chars().any(char::is_control) {
        return Err(input(Code::WebhookUrl, format!("description: a line of at most {DESCRIPTION_CHARS_AT_MOST} characters")));
    }
    Ok(text.to_owned())
}

fn notified(address: Option<String>) -> AppResult<Option<String>> {
    let Some(address) = address.map(|it| it.trim().to_owned()).filter(|it| !it.is_empty()) else { return Ok(None) };
    let is_one = address.len() <= ADDRESS_BYTES_AT_MOST
        && address.split_once('@').is_some_and(|(user, host)| !user.is_empty() && host.contains('.'))
        && !address.chars().any(|it| it.is_control() || it.is_whitespace());
    if is_one { Ok(Some(address)) } else { Err(input(Code::MailAddress, "notify: not an address".to_owned())) }
}

fn input(code: Code, text: String) -> AppError {
    AppError::Input { code, text }
}

/// What an entry tells of an address; its secrets are not among it.
fn told_of(webhook: &Webhook) -> serde_json::Value {
    let events: Vec<&str> = webhook.events.iter().map(|it| it.text()).collect();
    serde_json::json!({
        "url": webhook.url, "description": webhook.description, "events": events, "state": webhook.state.text(),
        "notify": webhook.notify, "signed_by": webhook.secrets.iter().map(|it| it.n).collect::<Vec<_>>(),
    })
}
