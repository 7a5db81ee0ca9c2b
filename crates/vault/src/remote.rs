//! The signer as everybody else sees it when it runs alone in a process of its own.
//!
//! These are exactly the operations that need a taxpayer's private key, or what leads to one. Files and
//! passwords go over as they came, documents whole: there is no way to have bytes signed here either.
//! The signer judges by its own clock, its own storage and its own rules; the scope says who asks.

use crate::{Handed, Progress, Restorable, RotationPlan, Sealed, SealedCredential, VaultError};
use async_trait::async_trait;
use fedatario_base::id::CredentialId;
use fedatario_base::{Scope, Secret};
use fedatario_xmlsig::Profile;

/// Whoever opens taxpayers' keys, in another process. Whatever cannot be asked is
/// [`VaultError::SignerUnavailable`], and may be asked again.
#[async_trait]
pub trait RemoteSigner: Send + Sync {
    /// As [`Vault::take_in`](crate::Vault::take_in).
    async fn take_in(&self, scope: &Scope, handed: Handed, id: CredentialId) -> Result<SealedCredential, VaultError>;

    /// As [`Vault::seal_logged`](crate::Vault::seal_logged): the signer writes the log.
    async fn seal(&self, scope: &Scope, credential: CredentialId, profile: Profile, document: &[u8]) -> Result<Sealed, VaultError>;

    /// Makes the next version of the tenant's key for credentials, and tells it.
    async fn rotate(&self, scope: &Scope) -> Result<u32, VaultError>;

    /// As [`Vault::rewrap_data_keys`](crate::Vault::rewrap_data_keys).
    async fn rewrap(&self, scope: &Scope) -> Result<Progress, VaultError>;

    /// As [`Vault::plan_tenant_key`](crate::Vault::plan_tenant_key).
    async fn plan(&self, scope: &Scope) -> Result<RotationPlan, VaultError>;

    /// As [`Vault::back_up`](crate::Vault::back_up).
    async fn back_up(&self, scope: &Scope, passphrase: &Secret, one: Option<CredentialId>) -> Result<Vec<u8>, VaultError>;

    /// As [`Vault::open_backup`](crate::Vault::open_backup).
    async fn open_backup(&self, scope: &Scope, passphrase: &Secret, file: &[u8]) -> Result<Vec<Restorable>, VaultError>;

    /// Whether it is there.
    async fn alive(&self) -> Result<(), VaultError>;
}
