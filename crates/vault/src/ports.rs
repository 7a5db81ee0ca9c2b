//! What the vault needs of storage. `store` implements it over SQL and `blobs`; [`crate::memory`]
//! for tests.
//!
//! Every method is one transaction. None sees a plaintext: rows hold wrapped keys, objects hold
//! ciphertext. A method that takes a [`Scope`] answers for that tenant only; what belongs to
//! another does not exist.

use crate::log::SignatureLog;
use async_trait::async_trait;
use fedatario_base::id::{CredentialId, TaxpayerId, TenantId, UserId};
use fedatario_base::{Code, Scope, SystemScope};

/// A failure of storage, with the code it has there.
#[derive(Debug, thiserror::Error)]
#[error("the vault's storage failed")]
pub struct PortError {
    code: Code,
    source: Box<dyn std::error::Error + Send + Sync>,
}

impl PortError {
    /// Wraps what the store said.
    pub fn new(code: Code, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self { code, source: source.into() }
    }

    /// The code of what the store said.
    pub fn code(&self) -> Code {
        self.code
    }
}

/// What a tenant's key is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum KeyUse {
    /// AES-256: seals bytes of the house. Wrapped data keys before there were two classes.
    Data,
    /// Ed25519: signs checkpoints and reports.
    Note,
    /// AES-256: wraps the data keys of taxpayers' credentials, and nothing else.
    Credential,
}

/// Whose root key wraps a tenant's key: so that whoever answers calls need not hold what opens a
/// taxpayer's private key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum KeyClass {
    /// Everything that is not a taxpayer's private key.
    House,
    /// Taxpayers' private keys.
    Signer,
}

impl KeyClass {
    /// Both.
    pub const ALL: [Self; 2] = [Self::House, Self::Signer];

    /// Its permanent text.
    pub fn text(self) -> &'static str {
        match self {
            Self::House => "house",
            Self::Signer => "signer",
        }
    }
}

impl KeyUse {
    /// Every use there is.
    pub const ALL: &[KeyUse] = &[KeyUse::Data, KeyUse::Note, KeyUse::Credential];

    /// Its permanent text, as stored.
    pub fn text(self) -> &'static str {
        match self {
            Self::Data => "data",
            Self::Note => "note",
            Self::Credential => "credential",
        }
    }

    /// The class of root key that wraps it.
    pub fn class(self) -> KeyClass {
        match self {
            Self::Data | Self::Note => KeyClass::House,
            Self::Credential => KeyClass::Signer,
        }
    }

    /// The use of a stored text.
    pub fn from_text(text: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|it| it.text() == text)
    }
}

/// One version of a tenant's key, wrapped by a root key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TenantKeyRow {
    /// What it is for.
    pub key_use: KeyUse,
    /// Counts from 1 within tenant and use; the highest is current.
    pub version: u32,
    /// The version of the root key that wraps it: an indexed column, so that what is behind is one query.
    pub root_version: u32,
    /// The wrapped key.
    pub wrapped: Vec<u8>,
}

/// Where a tenant's key stands among all of them.
pub type KeyPlace = (TenantId, KeyUse, u32);

/// The keys of tenants: rows keyed by (tenant, use, version).
#[async_trait]
pub trait TenantKeys: Send + Sync {
    /// The newest key of a use, if there is one yet.
    async fn current(&self, scope: &Scope, key_use: KeyUse) -> Result<Option<TenantKeyRow>, PortError>;

    /// A key by version.
    async fn by_version(&self, scope: &Scope, key_use: KeyUse, version: u32) -> Result<Option<TenantKeyRow>, PortError>;

    /// Stores a key unless (tenant, use, version) is taken; tells whether it was stored. Of two that
    /// race, one is told `false`.
    async fn insert_if_absent(&self, scope: &Scope, row: &TenantKeyRow) -> Result<bool, PortError>;

    /// How many keys of a class, of all tenants, another root key than `root_version` wraps.
    async fn behind(&self, system: &SystemScope, class: KeyClass, root_version: u32) -> Result<u64, PortError>;

    /// Up to `limit` of those, in the order of tenant, use and version, behind the one named in `after`.
    async fn next_behind(
        &self,
        system: &SystemScope,
        class: KeyClass,
        root_version: u32,
        after: Option<KeyPlace>,
        limit: u32,
    ) -> Result<Vec<(TenantId, TenantKeyRow)>, PortError>;

    /// Replaces wrapping and root version of the row that is still wrapped as `before`; `false` if it
    /// no longer is.
    async fn rewrap(
        &self,
        system: &SystemScope,
        tenant: TenantId,
        before: &TenantKeyRow,
        after: &TenantKeyRow,
    ) -> Result<bool, PortError>;
}

/// Whose a credential is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Owner {
    /// A taxpayer of the tenant.
    Taxpayer(TaxpayerId),
    /// A person, who signs with it in the tenant.
    User(UserId),
}

impl Owner {
    /// The taxpayer, if it is one's.
    pub fn taxpayer(self) -> Option<TaxpayerId> {
        match self {
            Self::Taxpayer(id) => Some(id),
            Self::User(_) => None,
        }
    }

    /// The person, if it is one's.
    pub fn user(self) -> Option<UserId> {
        match self {
            Self::User(id) => Some(id),
            Self::Taxpayer(_) => None,
        }
    }
}

impl std::fmt::Display for Owner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Taxpayer(id) => id.fmt(f),
            Self::User(id) => id.fmt(f),
        }
    }
}

/// What a credential is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CredentialKind {
    /// An e.firma of SAT.
    Fiel,
    /// A *sello digital* of SAT.
    Csd,
    /// A certificate for Dominican e-CF.
    Ecf,
    /// A Panamanian certificate.
    Pa,
}

impl CredentialKind {
    /// Its permanent text, as stored and published.
    pub fn text(self) -> &'static str {
        match self {
            Self::Fiel => "fiel",
            Self::Csd => "csd",
            Self::Ecf => "ecf",
            Self::Pa => "pa",
        }
    }

    /// The kind of a stored text.
    pub fn from_text(text: &str) -> Option<Self> {
        [Self::Fiel, Self::Csd, Self::Ecf, Self::Pa].into_iter().find(|it| it.text() == text)
    }
}

/// Whether a credential may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CredentialState {
    /// The one in use of its owner and kind.
    Active,
    /// The authority refused it (SAT's 304, 305).
    Blocked,
    /// It waits for the instant at which it takes the place of the one in use.
    Next,
    /// Another one took its place; its key still rests for a while.
    Replaced,
    /// Its key is gone; certificate and history remain.
    Destroyed,
}

impl CredentialState {
    /// Its permanent text, as stored and published.
    pub fn text(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Blocked => "blocked",
            Self::Next => "next",
            Self::Replaced => "replaced",
            Self::Destroyed => "destroyed",
        }
    }

    /// The state of a stored text.
    pub fn from_text(text: &str) -> Option<Self> {
        [Self::Active, Self::Blocked, Self::Next, Self::Replaced, Self::Destroyed].into_iter().find(|it| it.text() == text)
    }
}

/// A credential as stored: everything but the ciphertext itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CredentialRow {
    /// Its id.
    pub id: CredentialId,
    /// Whose it is.
    pub owner: Owner,
    /// What it is for.
    pub kind: CredentialKind,
    /// Whether it may be used.
    pub state: CredentialState,
    /// The data key, wrapped by the tenant's key.
    pub data_key: Vec<u8>,
    /// The use of the tenant's key that wraps it.
    pub key_use: KeyUse,
    /// The version of the tenant's key that wraps it: an indexed column.
    pub key_version: u32,
    /// SHA-256 of the ciphertext object.
    pub digest: [u8; 32],
    /// The certificate, in DER.
    pub certificate: Vec<u8>,
    /// Where the ciphertext object lies.
    pub object_path: String,
}

/// The part of a credential that rotation touches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WrappedDataKey {
    /// The credential.
    pub id: CredentialId,
    /// Its wrapped data key.
    pub data_key: Vec<u8>,
    /// The use of the tenant's key that wraps it.
    pub key_use: KeyUse,
    /// The version of the tenant's key that wraps it.
    pub key_version: u32,
}

/// Credentials at rest, and the log of every use of their keys: there are none without it.
#[async_trait]
pub trait CredentialStore: SignatureLog + Send + Sync {
    /// A credential's row.
    async fn credential(&self, scope: &Scope, id: CredentialId) -> Result<Option<CredentialRow>, PortError>;

    /// A ciphertext object.
    async fn object(&self, scope: &Scope, path: &str) -> Result<Option<Vec<u8>>, PortError>;

    /// How many data keys of the tenant are wrapped by anything but [`KeyUse::Credential`] of
    /// `key_version`. Destroyed credentials have none.
    async fn behind(&self, scope: &Scope, key_version: u32) -> Result<u64, PortError>;

    /// Up to `limit` of those, in the order of their ids, behind the one named in `after`.
    async fn next_behind(
        &self,
        scope: &Scope,
        key_version: u32,
        after: Option<CredentialId>,
        limit: u32,
    ) -> Result<Vec<WrappedDataKey>, PortError>;

    /// Replaces wrapping and version of the row that is still wrapped as `before`; `false` if it no
    /// longer is.
    async fn rewrap(&self, scope: &Scope, before: &WrappedDataKey, after: &WrappedDataKey) -> Result<bool, PortError>;
}
