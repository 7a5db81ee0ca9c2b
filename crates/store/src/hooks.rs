//! Addresses that are told of events, the events, and each one's way.

use crate::read::{closed, from_row, instant, small};
use crate::tx::{SqlTx, list, one, run};
use async_trait::async_trait;
use fedatario_app::hooks::events::EventKind;
use fedatario_app::hooks::model::*;
use fedatario_app::hooks::ports::Hooks;
use fedatario_app::ports::Stored;
use fedatario_base::clock::to_millis;
use fedatario_base::id::{DeliveryId, EventId, WebhookId};
use jiff::Timestamp;
use sqlx::types::Json;
use uuid::Uuid;

from_row!(Webhook, row => Webhook {
    id: WebhookId(row.try_get("id")?),
    url: row.try_get("url")?,
    description: row.try_get("description")?,
    events: row.try_get::<Json<Vec<EventKind>>, _>("events")?.0,
    state: closed(row.try_get("state")?, HookState::from_text)?,
    reason: row.try_get("reason")?,
    notify: row.try_get("notify")?,
    secrets: row.try_get::<Json<Vec<SealedSecret>>, _>("secrets")?.0,
    failing_since: row.try_get::<Option<i64>, _>("failing_ms")?.map(instant),
    created: instant(row.try_get("created_ms")?),
    revision: row.try_get("revision")?,
});

from_row!(EventRow, row => EventRow {
    id: EventId(row.try_get("id")?),
    kind: closed(row.try_get("kind")?, EventKind::from_text)?,
    at: instant(row.try_get("at_ms")?),
    body: row.try_get("body")?,
});

from_row!(Delivery, row => Delivery {
    id: DeliveryId(row.try_get("id")?),
    event: EventId(row.try_get("event_id")?),
    kind: closed(row.try_get("kind")?, EventKind::from_text)?,
    webhook: WebhookId(row.try_get("webhook_id")?),
    state: closed(row.try_get("state")?, DeliveryState::from_text)?,
    tries: small(row.try_get("tries")?)?,
    attempts: row.try_get::<Json<Vec<Attempt>>, _>("attempts")?.0,
    next: row.try_get::<Option<i64>, _>("next_ms")?.map(instant),
    created: instant(row.try_get("created_ms")?),
    ended: row.try_get::<Option<i64>, _>("ended_ms")?.map(instant),
    revision: row.try_get("revision")?,
});

#[async_trait]
impl Hooks for SqlTx {
    async fn add_webhook(&mut self, it: &Webhook) -> Stored<()> {
        run!(
            self.work,
            "insert into webhooks (tenant_id, id, url, description, events, state, reason, notify, secrets, failing_ms, created_ms, revision) \
             values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
            self.tenant,
            it.id.0,
            &it.url,
            &it.description,
            Json(&it.events),
            it.state.text(),
            &it.reason,
            &it.notify,
            Json(&it.secrets),
            it.failing_since.map(to_millis),
            to_millis(it.created),
            it.revision,
        )
        .map(|_| ())
    }

    async fn webhooks(&mut self) -> Stored<Vec<Webhook>> {
        list!(self.work, "select * from webhooks where tenant_id = $1 order by id", self.tenant)
    }

    async fn webhook(&mut self, id: WebhookId) -> Stored<Option<Webhook>> {
        one!(self.work, "select * from webhooks where tenant_id = $1 and id = $2", self.tenant, id.0)
    }

    async fn update_webhook(&mut self, it: &Webhook) -> Stored<()> {
        let changed = run!(
            self.work,
            "update webhooks set url = $4, description = $5, events = $6, state = $7, reason = $8, notify = $9, secrets = $10, \
             failing_ms = $11, revision = revision + 1 where tenant_id = $1 and id = $2 and revision = $3",
            self.tenant,
            it.id.0,
            it.revision,
            &it.url,
            &it.description,
            Json(&it.events),
            it.state.text(),
            &it.reason,
            &it.notify,
            Json(&it.secrets),
            it.failing_since.map(to_millis),
        )?;
        match changed {
            1 => Ok(()),
            _ => Err(self.why_not_changed("select revision from webhooks where tenant_id = $1 and id = $2", it.id.0).await),
        }
    }

    async fn mark_webhook(&mut self, id: WebhookId, failing_since: Option<Timestamp>) -> Stored<()> {
        run!(
            self.work,
            "update webhooks set failing_ms = $3 where tenant_id = $1 and id = $2",
            self.tenant,
            id.0,
            failing_since.map(to_millis),
        )
        .map(|_| ())
    }

    async fn delete_webhook(&mut self, id: WebhookId) -> Stored<bool> {
        let gone = run!(self.work, "delete from webhooks where tenant_id = $1 and id = $2", self.tenant, id.0)?;
        Ok(gone == 1)
    }

    async fn add_event(&mut self, it: &EventRow) -> Stored<()> {
        run!(
            self.work,
            "insert into events (tenant_id, id, kind, at_ms, body) values ($1, $2, $3, $4, $5)",
            self.tenant,
            it.id.0,
            it.kind.text(),
            to_millis(it.at),
            &it.body,
        )
        .map(|_| ())
    }

    async fn event(&mut self, id: EventId) -> Stored<Option<EventRow>> {
        one!(self.work, "select * from events where tenant_id = $1 and id = $2", self.tenant, id.0)
    }

    async fn events(&mut self, kind: Option<EventKind>, before: Option<EventId>, limit: u32) -> Stored<Vec<EventRow>> {
        list!(
            self.work,
            "select * from events where tenant_id = $1 and id < $2 and ($3 = '' or kind = $3) order by id desc limit $4",
            self.tenant,
            before.map_or(Uuid::max(), |it| it.0),
            kind.map_or("", EventKind::text),
            i64::from(limit),
        )
    }

    async fn add_delivery(&mut self, it: &Delivery) -> Stored<()> {
        run!(
            self.work,
            "insert into deliveries (tenant_id, id, event_id, webhook_id, kind, state, tries, attempts, next_ms, created_ms, ended_ms, revision) \
             values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
            self.tenant,
            it.id.0,
            it.event.0,
            it.webhook.0,
            it.kind.text(),
            it.state.text(),
            i64::from(it.tries),
            Json(&it.attempts),
            it.next.map(to_millis),
            to_millis(it.created),
            it.ended.map(to_millis),
            it.revision,
        )
        .map(|_| ())
    }

    async fn delivery(&mut self, id: DeliveryId) -> Stored<Option<Delivery>> {
        one!(self.work, "select * from deliveries where tenant_id = $1 and id = $2", self.tenant, id.0)
    }

    async fn update_delivery(&mut self, it: &Delivery) -> Stored<()> {
        let changed = run!(
            self.work,
            "update deliveries set state = $4, tries = $5, attempts = $6, next_ms = $7, ended_ms = $8, revision = revision + 1 \
             where tenant_id = $1 and id = $2 and revision = $3",
            self.tenant,
            it.id.0,
            it.revision,
            it.state.text(),
            i64::from(it.tries),
            Json(&it.attempts),
            it.next.map(to_millis),
            it.ended.map(to_millis),
        )?;
        match changed {
            1 => Ok(()),
            _ => Err(self.why_not_changed("select revision from deliveries where tenant_id = $1 and id = $2", it.id.0).await),
        }
    }

    async fn deliveries(&mut self, filter: &DeliveryFilter, before: Option<DeliveryId>, limit: u32) -> Stored<Vec<Delivery>> {
        list!(
            self.work,
            "select * from deliveries where tenant_id = $1 and id < $2 and ($3 = $9 or webhook_id = $3) and ($4 = $9 or event_id = $4) \
             and ($5 = '' or state = $5) and created_ms >= $6 and created_ms < $7 order by id desc limit $8",
            self.tenant,
            before.map_or(Uuid::max(), |it| it.0),
            filter.webhook.map_or(Uuid::nil(), |it| it.0),
            filter.event.map_or(Uuid::nil(), |it| it.0),
            filter.state.map_or("", DeliveryState::text),
            filter.from.map_or(i64::MIN, to_millis),
            filter.to.map_or(i64::MAX, to_millis),
            i64::from(limit),
            Uuid::nil(),
        )
    }

    async fn prune_events(&mut self, before: Timestamp) -> Stored<u64> {
        run!(
            self.work,
            "delete from events where tenant_id = $1 and at_ms < $2 and not exists (select 1 from deliveries d \
             where d.tenant_id = $1 and d.event_id = events.id and d.state = 'waiting')",
            self.tenant,
            to_millis(before),
        )
    }
}
