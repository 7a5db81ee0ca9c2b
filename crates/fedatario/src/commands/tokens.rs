//! Sessions are written beside the certificates too, sealed, with their expiry: for people who look
//! at a taxpayer's folder. SQL stays the truth; a file that cannot be written is only logged.

use async_trait::async_trait;
use fedatario_app::descarga::layout;
use fedatario_app::model::Family;
use fedatario_app::ports::{Blobs, Store};
use fedatario_base::Scope;
use fedatario_base::id::HolderId;
use fedatario_store::Db;
use fedatario_upstream::PortError;
use fedatario_upstream::ports::{Claim, Opening, Sessions, Slot, StoredSession};
use jiff::Timestamp;
use std::sync::Arc;

/// The sessions of the database, mirrored into the folder of objects.
pub struct Mirrored {
    /// Where sessions are kept.
    pub db: Db,
    /// Where they are shown.
    pub blobs: Arc<dyn Blobs>,
}

impl Mirrored {
    async fn mirror(&self, scope: &Scope, slot: Slot, sealed: &[u8], expires: Timestamp) -> Option<()> {
        let mut tx = self.db.read(scope).await.ok()?;
        let credential = tx.credential(slot.credential).await.ok()??;
        let taxpayer = tx.taxpayer(credential.owner.taxpayer()?).await.ok()??;
        drop(tx);
        let family = if slot.authority.contains("retenciones") { Family::Retenciones } else { Family::Cfdi };
        let record = serde_json::json!({
            "credential": slot.credential.to_string(),
            "expires": expires.to_string(),
            "sealed": base64::Engine::encode(&base64::engine::general_purpose::STANDARD, sealed),
        });
        let path = layout::token(scope.tenant(), &taxpayer.tax_id, family);
        self.blobs.put(&path, record.to_string().as_bytes()).await.ok()
    }
}

#[async_trait]
impl Sessions for Mirrored {
    async fn load(&self, scope: &Scope, slot: Slot) -> Result<Option<StoredSession>, PortError> {
        Sessions::load(&self.db, scope, slot).await
    }

    async fn claim(&self, scope: &Scope, slot: Slot, opening: Opening) -> Result<Claim, PortError> {
        Sessions::claim(&self.db, scope, slot, opening).await
    }

    async fn store(
        &self,
        scope: &Scope,
        slot: Slot,
        holder: HolderId,
        sealed: Vec<u8>,
        expires: Timestamp,
    ) -> Result<Option<u64>, PortError> {
        let generation = Sessions::store(&self.db, scope, slot, holder, sealed.clone(), expires).await?;
        if generation.is_some() && self.mirror(scope, slot, &sealed, expires).await.is_none() {
            tracing::warn!(%slot, "the session's file could not be written");
        }
        Ok(generation)
    }

    async fn release(&self, scope: &Scope, slot: Slot, holder: HolderId) -> Result<(), PortError> {
        Sessions::release(&self.db, scope, slot, holder).await
    }

    async fn forget(&self, scope: &Scope, slot: Slot, generation: u64) -> Result<(), PortError> {
        Sessions::forget(&self.db, scope, slot, generation).await
    }

    async fn cool(&self, scope: &Scope, slot: Slot, holder: HolderId, until: Timestamp) -> Result<(), PortError> {
        Sessions::cool(&self.db, scope, slot, holder, until).await
    }
}
