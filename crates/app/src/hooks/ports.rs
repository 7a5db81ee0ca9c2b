//! What webhooks need from the outside: rows, and a way out.

use super::events::EventKind;
use super::model::*;
use crate::ports::Stored;
use async_trait::async_trait;
use fedatario_base::id::{DeliveryId, EventId, WebhookId};
use fedatario_base::{Code, Secret};
use jiff::Timestamp;
use std::time::Duration;

/// Addresses, events and deliveries of a tenant.
#[async_trait]
pub trait Hooks {
    /// Adds an address.
    async fn add_webhook(&mut self, webhook: &Webhook) -> Stored<()>;
    /// All of them, in order of id.
    async fn webhooks(&mut self) -> Stored<Vec<Webhook>>;
    /// By id.
    async fn webhook(&mut self, id: WebhookId) -> Stored<Option<Webhook>>;
    /// Writes all but its identity; `Conflict` unless the stored revision is the one given. The stored
    /// revision becomes one more.
    async fn update_webhook(&mut self, webhook: &Webhook) -> Stored<()>;
    /// Since when nothing arrives, or that something did; nobody else's change is lost over it.
    async fn mark_webhook(&mut self, id: WebhookId, failing_since: Option<Timestamp>) -> Stored<()>;
    /// Takes one away with its deliveries; whether it was there.
    async fn delete_webhook(&mut self, id: WebhookId) -> Stored<bool>;
    /// Keeps an event.
    async fn add_event(&mut self, event: &EventRow) -> Stored<()>;
    /// By id.
    async fn event(&mut self, id: EventId) -> Stored<Option<EventRow>>;
    /// Events, newest first, before an id; of a kind or all.
    async fn events(&mut self, kind: Option<EventKind>, before: Option<EventId>, limit: u32) -> Stored<Vec<EventRow>>;
    /// Keeps a delivery.
    async fn add_delivery(&mut self, delivery: &Delivery) -> Stored<()>;
    /// By id.
    async fn delivery(&mut self, id: DeliveryId) -> Stored<Option<Delivery>>;
    /// Writes all but its identity, guarded by `revision`.
    async fn update_delivery(&mut self, delivery: &Delivery) -> Stored<()>;
    /// Deliveries that a filter lets through, newest first, before an id.
    async fn deliveries(&mut self, filter: &DeliveryFilter, before: Option<DeliveryId>, limit: u32) -> Stored<Vec<Delivery>>;
    /// Forgets events of before an instant, with their deliveries, but for those that still wait; how many.
    async fn prune_events(&mut self, before: Timestamp) -> Stored<u64>;
}

/// An event on its way, for one attempt.
#[derive(Debug)]
pub struct Parcel<'a> {
    /// Where to.
    pub url: &'a str,
    /// The event's id: the same in every attempt, so that a receiver drops what it knows.
    pub id: String,
    /// When this attempt is made (wall).
    pub at: Timestamp,
    /// The bytes.
    pub body: &'a str,
    /// What it is signed with.
    pub secrets: Vec<LiveSecret>,
}

/// A secret that signs.
#[derive(Debug)]
pub struct LiveSecret {
    /// How.
    pub kind: SecretKind,
    /// The key: of an HMAC its bytes, of Ed25519 the seed of 32 bytes.
    pub key: Secret,
}

/// What they answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// How long they ask to be left alone.
    pub retry_after: Option<Duration>,
    /// The beginning of what they said, one line.
    pub said: String,
}

/// Why nothing was answered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CourierFault {
    /// Not an address that events are sent to.
    #[error("{0}")]
    Url(String),
    /// The name leads to a place that is not public.
    #[error("the address is not public")]
    Forbidden,
    /// Nobody there, or no answer in time.
    #[error("no answer: {0}")]
    Unanswered(String),
    /// A secret that cannot sign.
    #[error("the event could not be signed")]
    Signing,
}

impl CourierFault {
    /// Its place in the table of codes.
    pub fn code(&self) -> Code {
        match self {
            CourierFault::Url(_) => Code::WebhookUrl,
            CourierFault::Forbidden => Code::WebhookForbidden,
            CourierFault::Unanswered(_) => Code::WebhookUnanswered,
            CourierFault::Signing => Code::CryptoFailed,
        }
    }
}

/// Signs and sends, to places that may be reached.
#[async_trait]
pub trait Courier: Send + Sync {
    /// Whether events may be sent to an address, by its text alone.
    fn check(&self, url: &str) -> Result<(), CourierFault>;
    /// One attempt. Nothing is followed, nothing is repeated.
    async fn deliver(&self, parcel: Parcel<'_>) -> Result<Answer, CourierFault>;
}
