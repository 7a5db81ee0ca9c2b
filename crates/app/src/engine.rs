//! What the engine of calls is given by whoever wires it: the vault as its sealer, and time that passes.
//!
//! The engine declares both as ports and knows neither the vault nor a runtime; every wiring of the
//! services (the binary, the benches) hands it these two.

use async_trait::async_trait;
use fedatario_base::{Scope, Secret};
use fedatario_upstream::PortError;
use fedatario_upstream::ports::{Pause, Sealer};
use fedatario_vault::Vault;
use std::sync::Arc;
use std::time::Duration;

/// Sessions are sealed under the tenant's key.
pub struct VaultSealer(pub Arc<Vault>);

#[async_trait]
impl Sealer for VaultSealer {
    async fn seal(&self, scope: &Scope, label: &str, plain: &[u8]) -> Result<Vec<u8>, PortError> {
        let sealed = self.0.seal_bytes(scope, label, plain).await;
        sealed.map_err(|error| PortError::caused(error.code(), "a session could not be sealed", error))
    }

    async fn open(&self, scope: &Scope, label: &str, sealed: &[u8]) -> Result<Secret, PortError> {
        let opened = self.0.open_bytes(scope, label, sealed).await;
        let opened = opened.map_err(|error| PortError::caused(error.code(), "a session could not be opened", error))?;
        Ok(Secret::new(opened.as_slice()))
    }
}

/// Time passes as the runtime has it.
pub struct TokioPause;

#[async_trait]
impl Pause for TokioPause {
    async fn pause(&self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }
}
