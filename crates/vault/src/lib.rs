//! The vault: where private keys rest sealed, and the only place where they are used.
//!
//! Three levels: a root key (from file, environment or passphrase) wraps the keys of each tenant,
//! those wrap a data key for each credential, and that encrypts the private key. Root keys are of two
//! classes: what leads to a taxpayer's private key stands under the class *signer*, everything else
//! under the class *house*, so that the signer can run alone ([`remote`]) and nobody else holds
//! anything that opens such a key. Every level is
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

mod backup;
mod cores;
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
pub mod remote;
mod root;
mod rotate;
mod seal;
mod sha1;
mod standing;
mod turns;

pub use backup::{MAX_BACKUP_BYTES, Restorable, backup_tenant};
pub use credential::SealedCredential;
pub use error::VaultError;
pub use handed::{Files, Handed};
pub use keyring::BytesKey;
pub use note::{MAX_NOTE_BYTES, NotePurpose, verify_note};
pub use passphrase::PassphraseParams;
pub use ports::{
    CredentialKind, CredentialRow, CredentialState, CredentialStore, KeyClass, KeyPlace, KeyUse, Owner, PortError, TenantKeyRow,
    TenantKeys, WrappedDataKey,
};
pub use remote::RemoteSigner;
pub use root::RootKeys;
pub use rotate::{MAX_BATCH, Planned, Progress, RotationPlan};
pub use seal::{Sealed, require_state, seal_with};
pub use standing::{KeyStanding, Standing};
pub use turns::{COME_BACK, Turn, Turns};

use std::sync::Arc;

/// The vault of an installation. Cheap to clone; clones share keys and ports.
#[derive(Clone)]
pub struct Vault {
    house: Option<Arc<RootKeys>>,
    hands: Hands,
    tenant_keys: Arc<dyn TenantKeys>,
    credentials: Arc<dyn CredentialStore>,
    opened: opened::OpenedKeys,
    opening: Turns,
}

/// Who opens taxpayers' private keys.
#[derive(Clone)]
enum Hands {
    /// This process, with the root keys of the class signer.
    Here(Arc<RootKeys>),
    /// The signer, which runs alone.
    There(Arc<dyn RemoteSigner>),
}

impl Vault {
    /// A vault over its root keys and the two ports. The same keys serve both classes, until
    /// [`Vault::with_signer_keys`] or [`Vault::with_signer`] says otherwise.
    pub fn new(roots: RootKeys, tenant_keys: Arc<dyn TenantKeys>, credentials: Arc<dyn CredentialStore>) -> Self {
        let roots = Arc::new(roots);
        Self {
            house: Some(roots.clone()),
            hands: Hands::Here(roots),
            tenant_keys,
            credentials,
            opened: opened::OpenedKeys::default(),
            opening: credential::opening(),
        }
    }

    /// The vault of a signer: without the keys of the house it opens nothing but taxpayers' keys.
    pub fn of_signer(
        house: Option<RootKeys>,
        signer: RootKeys,
        tenant_keys: Arc<dyn TenantKeys>,
        credentials: Arc<dyn CredentialStore>,
    ) -> Self {
        let hands = Hands::Here(Arc::new(signer));
        let opened = opened::OpenedKeys::default();
        Self { house: house.map(Arc::new), hands, tenant_keys, credentials, opened, opening: credential::opening() }
    }

    /// Turns at opening files that passwords protect, for whoever opens one outside of the vault.
    pub fn opening(&self) -> &Turns {
        &self.opening
    }

    /// The same, with keys of their own for the class signer.
    pub fn with_signer_keys(self, signer: RootKeys) -> Self {
        Self { hands: Hands::Here(Arc::new(signer)), ..self }
    }

    /// The same, which opens no taxpayer's key itself: the signer does.
    pub fn with_signer(self, signer: Arc<dyn RemoteSigner>) -> Self {
        Self { hands: Hands::There(signer), ..self }
    }

    /// Whether taxpayers' keys are opened by another process.
    pub fn is_remote(&self) -> bool {
        matches!(self.hands, Hands::There(_))
    }

    /// The signer, when it runs alone.
    pub(crate) fn remote(&self) -> Option<&dyn RemoteSigner> {
        match &self.hands {
            Hands::Here(_) => None,
            Hands::There(signer) => Some(signer.as_ref()),
        }
    }

    /// The root keys of a class, if this process holds them.
    pub(crate) fn roots(&self, class: KeyClass) -> Result<&RootKeys, VaultError> {
        let held = match (class, &self.hands) {
            (KeyClass::House, _) => self.house.as_deref(),
            (KeyClass::Signer, Hands::Here(roots)) => Some(roots.as_ref()),
            (KeyClass::Signer, Hands::There(_)) => None,
        };
        held.ok_or_else(|| VaultError::RootKeyMissing(format!("the class {} is not held by this process", class.text())))
    }
}

impl std::fmt::Debug for Vault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut shown = f.debug_struct("Vault");
        shown.field("house", &self.house);
        match &self.hands {
            Hands::Here(roots) => shown.field("signer", roots),
            Hands::There(_) => shown.field("signer", &"elsewhere"),
        };
        shown.finish_non_exhaustive()
    }
}
