//! Addresses, events, and what became of each on its way.

use super::events::EventKind;
use crate::model::texts;
use fedatario_base::id::{DeliveryId, EventId, WebhookId};
use jiff::Timestamp;

/// Attempts that a delivery remembers: all of one round and the last of the round before.
pub const ATTEMPTS_KEPT: usize = 16;

texts! {
    /// Whether an address is told anything.
    HookState {
        /// It is.
        Enabled = "enabled",
        /// It is not; what happens meanwhile is not kept for it.
        Disabled = "disabled",
    }
}

texts! {
    /// How an event is signed.
    SecretKind {
        /// HMAC-SHA256 with a shared secret.
        Hmac = "v1",
        /// Ed25519: whoever receives needs our public key only.
        Ed25519 = "v1a",
    }
}

texts! {
    /// How far an event has come on its way to one address.
    DeliveryState {
        /// To be sent, or sent again.
        Waiting = "waiting",
        /// Answered with 2xx.
        Delivered = "delivered",
        /// Given up.
        Failed = "failed",
        /// Not sent: its address was switched off or taken away.
        Skipped = "skipped",
    }
}

/// An address that is told of events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Webhook {
    /// Its id.
    pub id: WebhookId,
    /// Where.
    pub url: String,
    /// What its owner calls it.
    pub description: String,
    /// Which events; none is all.
    pub events: Vec<EventKind>,
    /// Whether it is told anything.
    pub state: HookState,
    /// Why not: a slug.
    pub reason: Option<String>,
    /// Whom to mail when it is switched off.
    pub notify: Option<String>,
    /// What it is signed with; at most two of a kind live at once.
    pub secrets: Vec<SealedSecret>,
    /// Since when nothing arrived (wall).
    pub failing_since: Option<Timestamp>,
    /// When it was made (wall).
    pub created: Timestamp,
    /// Grows by one at each write.
    pub revision: i64,
}

impl Webhook {
    /// Whether it is told of a kind.
    pub fn listens_to(&self, kind: EventKind) -> bool {
        self.state == HookState::Enabled && (self.events.is_empty() || self.events.contains(&kind))
    }

    /// The secrets that sign at an instant.
    pub fn live(&self, at: Timestamp) -> impl Iterator<Item = &SealedSecret> {
        self.secrets.iter().filter(move |it| it.expires.is_none_or(|until| until > at))
    }
}

/// What an address is signed with; the secret itself only under the tenant's key.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct SealedSecret {
    /// Which of the address: grows.
    pub n: u32,
    /// How it signs.
    pub kind: SecretKind,
    /// The secret, sealed, base64.
    pub sealed: String,
    /// What a receiver verifies with, where that is public: `whpk_…`.
    pub public: Option<String>,
    /// When it was made (wall).
    pub created: Timestamp,
    /// Until when it signs beside its successor (wall).
    pub expires: Option<Timestamp>,
}

/// An event, as it is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventRow {
    /// Its id: the same in every delivery and every attempt.
    pub id: EventId,
    /// What happened.
    pub kind: EventKind,
    /// When (wall).
    pub at: Timestamp,
    /// The bytes that are signed and sent.
    pub body: String,
}

/// An event on its way to one address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// Its id.
    pub id: DeliveryId,
    /// Which event.
    pub event: EventId,
    /// What happened.
    pub kind: EventKind,
    /// Where to.
    pub webhook: WebhookId,
    /// How far it came.
    pub state: DeliveryState,
    /// Attempts of this round: a replay begins a new one.
    pub tries: u32,
    /// What became of them, oldest first, the last ones alone.
    pub attempts: Vec<Attempt>,
    /// When it is tried next (service).
    pub next: Option<Timestamp>,
    /// When it was made (wall).
    pub created: Timestamp,
    /// When it came to an end (wall).
    pub ended: Option<Timestamp>,
    /// Grows by one at each write.
    pub revision: i64,
}

impl Delivery {
    /// One that was never tried.
    pub fn fresh(id: DeliveryId, event: &EventRow, webhook: WebhookId, now: Timestamp) -> Self {
        Self {
            id,
            event: event.id,
            kind: event.kind,
            webhook,
            state: DeliveryState::Waiting,
            tries: 0,
            attempts: Vec::new(),
            next: None,
            created: now,
            ended: None,
            revision: 0,
        }
    }

    /// Notes an attempt, forgetting the oldest beyond those that are kept.
    pub fn note(&mut self, attempt: Attempt) {
        self.tries += 1;
        self.attempts.push(attempt);
        let over = self.attempts.len().saturating_sub(ATTEMPTS_KEPT);
        self.attempts.drain(..over);
    }
}

/// One attempt.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Attempt {
    /// When (wall).
    pub at: Timestamp,
    /// What they answered.
    pub status: Option<u16>,
    /// Why there was no answer: a slug.
    pub code: Option<String>,
    /// How long it took, in milliseconds.
    pub took_ms: u64,
    /// The beginning of what they said.
    pub said: Option<String>,
}

/// Which deliveries are meant; every part narrows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DeliveryFilter {
    /// To this address.
    pub webhook: Option<WebhookId>,
    /// Of this event.
    pub event: Option<EventId>,
    /// In this state.
    pub state: Option<DeliveryState>,
    /// Made from this instant on (wall).
    pub from: Option<Timestamp>,
    /// Made before that one.
    pub to: Option<Timestamp>,
}
