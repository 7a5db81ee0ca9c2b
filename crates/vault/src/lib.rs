//! The vault: where private keys rest sealed, and the only place where they are used.
//!
//! Three levels: a root key (from file, environment or passphrase) wraps the keys of each tenant,
//! those wrap a data key for each credential, and that encrypts the private key. Every level is
//! AES-256-GCM with a random nonce; algorithm and key version stand in every blob, and tenant,
//! object and version are bound to it as associated data, so that nothing can be moved, swapped or
//! rolled back unnoticed. Whatever fails to open is one error, [`VaultError::SealBroken`].
//!
//! Promises: a private key never leaves; callers hand over a document and a profile
//! ([`Vault::seal`]) or a note and its purpose ([`Vault::sign_note`]), never bytes to sign; so it is
//! for a key that its owner brings along ([`seal_with`]). Every use of a taxpayer's key is in the log ([`log`]) before
//! the key is opened and after. Keys are opened for one use, or for a burst of a few seconds, and wiped after it. The RSA-SHA1 signer that SAT demands is the module `sha1`, and
//! only SAT's profiles reach it.
//!
//! It leaves to the services: storing a [`SealedCredential`] with its job and audit entry, and
//! deciding who may ask; and to `store`: the ports of [`ports`].

mod credential;
mod document;
mod envelope;
mod error;
pub mod grant;
mod handed;
mod keyring;
pub mod log;
pub mod memory;
mod note;
mod opened;
mod passphrase;
pub mod ports;
mod root;
mod rotate;
mod seal;
mod sha1;
mod standing;

pub use credential::SealedCredential;
pub use error::VaultError;
pub use handed::{Files, Handed};
pub use note::{MAX_NOTE_BYTES, NotePurpose, verify_note};
pub use passphrase::PassphraseParams;
pub use ports::{
    CredentialKind, CredentialRow, CredentialState, CredentialStore, KeyUse, Owner, PortError, TenantKeyRow, TenantKeys,
    WrappedDataKey,
};
pub use root::RootKeys;
pub use rotate::{MAX_BATCH, Progress};
pub use seal::{Sealed, require_state, seal_with};
pub use standing::{KeyStanding, Standing};

use std::sync::Arc;

/// The vault of an installation. Cheap to clone; clones share keys and ports.
#[derive(Clone)]
pub struct Vault {
    roots: Arc<RootKeys>,
    tenant_keys: Arc<dyn TenantKeys>,
    credentials: Arc<dyn CredentialStore>,
    opened: opened::OpenedKeys,
}

impl Vault {
    /// A vault over its root keys and the two ports.
    pub fn new(roots: RootKeys, tenant_keys: Arc<dyn TenantKeys>, credentials: Arc<dyn CredentialStore>) -> Self {
        Self { roots: Arc::new(roots), tenant_keys, credentials, opened: opened::OpenedKeys::default() }
    }
}

impl std::fmt::Debug for Vault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Vault").field("roots", &self.roots).finish_non_exhaustive()
    }
}
