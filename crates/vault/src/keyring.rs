//! The keys of a tenant: made on first use, unwrapped for one use.
//!
//! A tenant has keys of three uses, each in versions: the newest serves whatever is new, older ones
//! stay until nothing needs them. All are wrapped by a root key of the class that their use belongs
//! to, and bound to tenant, use and version. Also here: bytes sealed directly under a tenant's key.

use crate::envelope::{self, Binding, KeyBytes};
use crate::{KeyUse, TenantKeyRow, Vault, VaultError};
use fedatario_base::Scope;
use fedatario_base::id::TenantId;
use zeroize::Zeroizing;

/// An unwrapped key with its version.
pub(crate) struct TenantKey {
    pub(crate) version: u32,
    pub(crate) key: KeyBytes,
}

/// A tenant's key for bytes, taken once: it seals and opens without asking storage again, so that it may be
/// used where nothing may be written, and for many blobs at once.
pub struct BytesKey {
    tenant: TenantId,
    inner: TenantKey,
}

impl std::fmt::Debug for BytesKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "BytesKey(version {} of {})", self.inner.version, self.tenant)
    }
}

impl BytesKey {
    /// As [`Vault::seal_bytes`].
    pub fn seal(&self, label: &str, plaintext: &[u8]) -> Result<Vec<u8>, VaultError> {
        envelope::seal(&self.inner.key, self.inner.version, bytes_binding(self.tenant, label), plaintext)
    }

    /// As [`Vault::open_bytes`], for blobs of this version.
    pub fn open(&self, label: &str, blob: &[u8]) -> Result<Zeroizing<Vec<u8>>, VaultError> {
        envelope::open(&self.inner.key, self.inner.version, bytes_binding(self.tenant, label), blob)
    }
}

impl Vault {
    /// The tenant's current key for bytes, made now if there is none.
    pub async fn bytes_key(&self, scope: &Scope) -> Result<BytesKey, VaultError> {
        Ok(BytesKey { tenant: scope.tenant(), inner: self.current_key(scope, KeyUse::Data).await? })
    }

    /// The key that a blob was sealed with. None where the tenant has no such key at all, as after its
    /// destruction: then nothing can be said of the blob. A version that nobody knows, of a tenant that has
    /// keys, is a broken seal.
    pub async fn bytes_key_of(&self, scope: &Scope, blob: &[u8]) -> Result<Option<BytesKey>, VaultError> {
        let version = envelope::version(blob).ok_or(VaultError::SealBroken)?;
        if self.tenant_keys.current(scope, KeyUse::Data).await?.is_none() {
            return Ok(None);
        }
        let key = self.key_of_version(scope, KeyUse::Data, version).await?;
        Ok(Some(BytesKey { tenant: scope.tenant(), inner: TenantKey { version, key } }))
    }

    /// Seals bytes for the tenant under a label that must be given again to open them: a session, the
    /// personal details of an audit entry.
    pub async fn seal_bytes(&self, scope: &Scope, label: &str, plaintext: &[u8]) -> Result<Vec<u8>, VaultError> {
        let current = self.current_key(scope, KeyUse::Data).await?;
        envelope::seal(&current.key, current.version, bytes_binding(scope.tenant(), label), plaintext)
    }

    /// Opens what [`Vault::seal_bytes`] sealed for the same tenant and label.
    pub async fn open_bytes(&self, scope: &Scope, label: &str, blob: &[u8]) -> Result<Zeroizing<Vec<u8>>, VaultError> {
        let version = envelope::version(blob).ok_or(VaultError::SealBroken)?;
        let key = self.key_of_version(scope, KeyUse::Data, version).await?;
        envelope::open(&key, version, bytes_binding(scope.tenant(), label), blob)
    }

    /// The tenant-key version under which bytes were sealed: what is below the current one is behind.
    pub fn version_of_bytes(blob: &[u8]) -> Option<u32> {
        envelope::version(blob)
    }

    /// The current key of a use, made now if the tenant has none.
    pub(crate) async fn current_key(&self, scope: &Scope, key_use: KeyUse) -> Result<TenantKey, VaultError> {
        let row = match self.tenant_keys.current(scope, key_use).await? {
            Some(row) => row,
            None => self.add_key(scope, key_use, 1).await?,
        };
        Ok(TenantKey { version: row.version, key: self.unwrap(scope.tenant(), &row)? })
    }

    /// The version of the current key of a use, made now if the tenant has none. It is not opened.
    pub(crate) async fn current_version(&self, scope: &Scope, key_use: KeyUse) -> Result<u32, VaultError> {
        match self.tenant_keys.current(scope, key_use).await? {
            Some(row) => Ok(row.version),
            None => Ok(self.add_key(scope, key_use, 1).await?.version),
        }
    }

    /// A key by version. A version that a blob claims and nobody knows is a broken seal.
    pub(crate) async fn key_of_version(&self, scope: &Scope, key_use: KeyUse, version: u32) -> Result<KeyBytes, VaultError> {
        let row = self.tenant_keys.by_version(scope, key_use, version).await?.ok_or(VaultError::SealBroken)?;
        self.unwrap(scope.tenant(), &row)
    }

    /// Makes a version; if somebody was faster, theirs is the one.
    pub(crate) async fn add_key(&self, scope: &Scope, key_use: KeyUse, version: u32) -> Result<TenantKeyRow, VaultError> {
        let row = self.wrap(scope.tenant(), key_use, version, &KeyBytes::generate()?)?;
        if self.tenant_keys.insert_if_absent(scope, &row).await? {
            return Ok(row);
        }
        self.tenant_keys.by_version(scope, key_use, version).await?.ok_or(VaultError::SealBroken)
    }

    /// Wraps under the current root key of its class.
    pub(crate) fn wrap(&self, tenant: TenantId, key_use: KeyUse, version: u32, key: &KeyBytes) -> Result<TenantKeyRow, VaultError> {
        let (root_version, root) = self.roots(key_use.class())?.current()?;
        let object = object_of(key_use, version);
        let binding = Binding { what: "tenant-key", tenant, object: &object };
        let wrapped = envelope::seal(&root, root_version, binding, key.expose())?;
        Ok(TenantKeyRow { key_use, version, root_version, wrapped })
    }

    pub(crate) fn unwrap(&self, tenant: TenantId, row: &TenantKeyRow) -> Result<KeyBytes, VaultError> {
        let root = self.roots(row.key_use.class())?.version(row.root_version)?;
        let object = object_of(row.key_use, row.version);
        let binding = Binding { what: "tenant-key", tenant, object: &object };
        let key = envelope::open(&root, row.root_version, binding, &row.wrapped)?;
        KeyBytes::from_slice(&key).ok_or(VaultError::SealBroken)
    }
}

fn object_of(key_use: KeyUse, version: u32) -> String {
    format!("{}/{version}", key_use.text())
}

fn bytes_binding(tenant: TenantId, label: &str) -> Binding<'_> {
    Binding { what: "bytes", tenant, object: label }
}
