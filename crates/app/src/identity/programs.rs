//! Programs that show a key instead of a token: whoever keeps the keys lets them in.

use super::door::{Origin, Principal};
use crate::error::AppResult;
use async_trait::async_trait;
use fedatario_base::id::TenantId;
use fedatario_identity::api_key::ShownKey;

/// Lets programs in.
#[async_trait]
pub trait Programs: Send + Sync {
    /// Who shows this key. Its text was whole and its checksum right; whether there is such a key, with
    /// such a secret, from such an address, is decided here.
    async fn enter(&self, key: &ShownKey, tenant: Option<TenantId>, origin: &Origin) -> AppResult<Principal>;

    /// Whether a program that was let in still would be.
    async fn still_in(&self, principal: &Principal) -> bool;
}
