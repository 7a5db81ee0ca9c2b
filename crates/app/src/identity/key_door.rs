//! A door with two leaves: programs come in by their keys, everybody else by the other door.

use super::door::{Door, Means, Origin, Principal};
use super::key_text::BEGINNING;
use super::people::People;
use crate::error::AppResult;
use async_trait::async_trait;
use fedatario_base::id::TenantId;
use std::sync::Arc;

/// Lets in by key whatever looks like one.
pub struct KeyDoor {
    /// Who knows the keys.
    pub people: People,
    /// The door of people.
    pub others: Arc<dyn Door>,
}

#[async_trait]
impl Door for KeyDoor {
    async fn enter(&self, bearer: &str, tenant: Option<TenantId>, origin: &Origin) -> AppResult<Principal> {
        if bearer.starts_with(BEGINNING) {
            return self.people.admit_key(bearer, tenant, origin).await;
        }
        self.others.enter(bearer, tenant, origin).await
    }

    async fn still_in(&self, principal: &Principal) -> bool {
        match principal.means {
            // Storage that is away lets nobody stay.
            Means::Key { key, .. } => self.people.still_admits(key).await.unwrap_or(false),
            Means::Session { .. } => self.others.still_in(principal).await,
        }
    }
}
