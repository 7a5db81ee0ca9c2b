//! Taking a credential in, and opening its key for one use.
//!
//! A credential's key is encrypted under a data key of its own, which the tenant's key wraps. Both
//! blobs are bound to credential, kind and certificate: a row whose certificate or kind was changed
//! does not open.

use crate::envelope::{self, Binding, KeyBytes};
use crate::{CredentialKind, CredentialRow, CredentialState, Handed, KeyUse, Owner, Turns, Vault, VaultError};
use aws_lc_rs::digest;
use fedatario_base::id::CredentialId;
use fedatario_base::{Permission, Scope};
use fedatario_credentials::{Certificate, CredentialError, Kind, Pair, Purpose};
use jiff::Timestamp;
use zeroize::{Zeroize, Zeroizing};

/// The data key of a credential has one version: rotation re-wraps it and never changes it.
const DATA_KEY_VERSION: u32 = 1;

/// A credential ready to be stored: the object first, then the row with the state change that it
/// belongs to. It holds nothing secret in the clear.
#[derive(Debug, Clone)]
pub struct SealedCredential {
    /// Its id.
    pub id: CredentialId,
    /// What it is for.
    pub kind: CredentialKind,
    /// The data key, wrapped by the tenant's key.
    pub data_key: Vec<u8>,
    /// The use of the tenant's key that wraps it.
    pub key_use: KeyUse,
    /// The version of the tenant's key that wraps it.
    pub key_version: u32,
    /// SHA-256 of `object`.
    pub digest: [u8; 32],
    /// The ciphertext.
    pub object: Vec<u8>,
    /// The certificate.
    pub certificate: Certificate,
    /// Other certificates of the file that it came in: the way up to its authority, perhaps.
    pub along: Vec<Certificate>,
}

impl SealedCredential {
    /// What `digest` is of an object.
    pub fn digest_of(object: &[u8]) -> [u8; 32] {
        sha256(object)
    }

    /// Its row as a credential of `owner`, once the object lies at `object_path`.
    pub fn row(&self, owner: Owner, object_path: &str, state: CredentialState) -> CredentialRow {
        CredentialRow {
            id: self.id,
            owner,
            kind: self.kind,
            state,
            data_key: self.data_key.clone(),
            key_use: self.key_use,
            key_version: self.key_version,
            digest: self.digest,
            certificate: self.certificate.der().to_vec(),
            object_path: object_path.to_owned(),
        }
    }
}

impl Vault {
    /// Opens what was handed in and seals it, as a credential of the kind that its certificate says. An
    /// expired one is refused; one whose time has not come, and whose it is, are the caller's to judge.
    pub async fn take_in(
        &self,
        scope: &Scope,
        handed: Handed,
        id: CredentialId,
        now: Timestamp,
    ) -> Result<SealedCredential, VaultError> {
        // Whoever may sign may bring their own; the services say whose it becomes.
        if !scope.may(Permission::CredentialSign) {
            require(scope, Permission::CredentialUpload)?;
        }
        if let Some(signer) = self.remote() {
            return signer.take_in(scope, handed, id).await;
        }
        let pair = opened(handed, self.opening()).await?;
        let kind = kind_of(pair.certificate())?;
        if now > pair.certificate().not_after() {
            pair.certificate().check_valid_at(now)?;
        }
        self.sealed(scope, pair, kind, id).await
    }

    /// Seals a pair as a credential. Refuses one of the wrong kind or outside its validity. With a signer
    /// that runs alone there is nobody here who could: files go to [`Vault::take_in`] unopened.
    pub async fn admit(
        &self,
        scope: &Scope,
        pair: Pair,
        kind: CredentialKind,
        id: CredentialId,
        now: Timestamp,
    ) -> Result<SealedCredential, VaultError> {
        require(scope, Permission::CredentialUpload)?;
        require_kind(pair.certificate(), kind)?;
        pair.certificate().check_valid_at(now)?;
        self.sealed(scope, pair, kind, id).await
    }

    pub(crate) async fn sealed(
        &self,
        scope: &Scope,
        pair: Pair,
        kind: CredentialKind,
        id: CredentialId,
    ) -> Result<SealedCredential, VaultError> {
        let along = pair.along().to_vec();
        let (certificate, key) = pair.into_parts();
        let object_name = object_of(id, kind, &certificate);
        let binding = |what| Binding { what, tenant: scope.tenant(), object: &object_name };
        let data_key = KeyBytes::generate()?;
        let object = envelope::seal(&data_key, DATA_KEY_VERSION, binding("credential"), key.pkcs8_der())?;
        let current = self.current_key(scope, KeyUse::Credential).await?;
        let wrapped = envelope::seal(&current.key, current.version, binding("data-key"), data_key.expose())?;
        Ok(SealedCredential {
            id,
            kind,
            data_key: wrapped,
            key_use: KeyUse::Credential,
            key_version: current.version,
            digest: sha256(&object),
            object,
            certificate,
            along,
        })
    }

    /// The row of a credential that may be used now.
    pub(crate) async fn usable(&self, scope: &Scope, id: CredentialId) -> Result<CredentialRow, VaultError> {
        let row = self.credentials.credential(scope, id).await?.ok_or(VaultError::CredentialMissing(id))?;
        match row.state {
            CredentialState::Active => Ok(row),
            CredentialState::Blocked => Err(VaultError::CredentialBlocked(id)),
            CredentialState::Next | CredentialState::Replaced | CredentialState::Destroyed => {
                Err(VaultError::CredentialMissing(id))
            }
        }
    }

    /// The private key of a row, as PKCS#8, for as long as the caller holds it.
    pub(crate) async fn private_key(
        &self,
        scope: &Scope,
        row: &CredentialRow,
        certificate: &Certificate,
    ) -> Result<Zeroizing<Vec<u8>>, VaultError> {
        let object = self.credentials.object(scope, &row.object_path).await?.ok_or(VaultError::SealBroken)?;
        if sha256(&object) != row.digest {
            return Err(VaultError::SealBroken);
        }
        let object_name = object_of(row.id, row.kind, certificate);
        let data_key = self.data_key(scope, row, &object_name).await?;
        let binding = Binding { what: "credential", tenant: scope.tenant(), object: &object_name };
        envelope::open(&data_key, DATA_KEY_VERSION, binding, &object)
    }

    async fn data_key(&self, scope: &Scope, row: &CredentialRow, object: &str) -> Result<KeyBytes, VaultError> {
        let key = self.key_of_version(scope, row.key_use, row.key_version).await?;
        let binding = Binding { what: "data-key", tenant: scope.tenant(), object };
        let opened = envelope::open(&key, row.key_version, binding, &row.data_key)?;
        KeyBytes::from_slice(&opened).ok_or(VaultError::SealBroken)
    }

    /// Refuses a row whose data key does not open.
    pub(crate) async fn opens(&self, scope: &Scope, row: &CredentialRow) -> Result<(), VaultError> {
        let certificate = Certificate::parse(&row.certificate).map_err(|_| VaultError::SealBroken)?;
        self.data_key(scope, row, &object_of(row.id, row.kind, &certificate)).await.map(drop)
    }

    /// As it was before there were two classes, for tests of the move.
    pub(crate) async fn wrapped_by_the_house(&self, scope: &Scope, row: &CredentialRow) -> Result<(Vec<u8>, u32), VaultError> {
        let certificate = Certificate::parse(&row.certificate).map_err(|_| VaultError::SealBroken)?;
        let object = object_of(row.id, row.kind, &certificate);
        let data_key = self.data_key(scope, row, &object).await?;
        let current = self.current_key(scope, KeyUse::Data).await?;
        let binding = Binding { what: "data-key", tenant: scope.tenant(), object: &object };
        Ok((envelope::seal(&current.key, current.version, binding, data_key.expose())?, current.version))
    }

    /// The same data key, wrapped by version `to` of the key that is for credentials.
    pub(crate) async fn rewrapped(&self, scope: &Scope, row: &CredentialRow, to: u32) -> Result<Vec<u8>, VaultError> {
        let certificate = Certificate::parse(&row.certificate).map_err(|_| VaultError::SealBroken)?;
        let object = object_of(row.id, row.kind, &certificate);
        let data_key = self.data_key(scope, row, &object).await?;
        let key = self.key_of_version(scope, KeyUse::Credential, to).await?;
        envelope::seal(&key, to, Binding { what: "data-key", tenant: scope.tenant(), object: &object }, data_key.expose())
    }
}

/// Keys that are opened at once: each takes a core for as long as its file says.
const OPENING_AT_MOST: usize = 2;
/// Who may wait for that: some seconds' work, at a second for the costliest file that is read.
const WAITING_AT_MOST: usize = 16;

/// Turns at opening keys.
pub(crate) fn opening() -> Turns {
    Turns::new(OPENING_AT_MOST, WAITING_AT_MOST)
}

/// Bytes of stack that are overwritten when a key was opened: the libraries that derive keys from passwords
/// leave them in frames that are no type of ours, and the thread lives on.
const SCRUBBED_BYTES: usize = 256 * 1024;

/// Overwrites what calls from here left behind.
#[inline(never)]
fn scrub_stack() {
    let mut left = [0u8; SCRUBBED_BYTES];
    left.zeroize();
    std::hint::black_box(&left);
}

/// Opened on a thread that nobody waits for; what was handed in is wiped there.
async fn opened(handed: Handed, turns: &Turns) -> Result<Pair, VaultError> {
    let turn = turns.take().await.ok_or(VaultError::Busy)?;
    let opening = tokio::task::spawn_blocking(move || {
        let pair = handed.open();
        drop(handed);
        scrub_stack();
        drop(turn);
        pair
    });
    Ok(opening.await.map_err(|_| VaultError::Crypto("the opening of a key was cut off"))??)
}

/// Refuses a scope that lacks a permission.
pub(crate) fn require(scope: &Scope, permission: Permission) -> Result<(), VaultError> {
    if scope.may(permission) { Ok(()) } else { Err(VaultError::PermissionDenied(permission)) }
}

/// The kind that a certificate is of by what it says itself. What no authority of ours issued for
/// signing documents has none.
fn kind_of(certificate: &Certificate) -> Result<CredentialKind, VaultError> {
    match certificate.purpose() {
        Purpose::Fiel => Ok(CredentialKind::Fiel),
        Purpose::Csd => Ok(CredentialKind::Csd),
        Purpose::Ecf => Ok(CredentialKind::Ecf),
        Purpose::Pa => Ok(CredentialKind::Pa),
        Purpose::Authority => Err(CredentialError::CertificateFormat("it is an authority's").into()),
        Purpose::Other => Err(CredentialError::CertificateFormat("no tax authority's, nor for signing documents").into()),
    }
}

fn require_kind(certificate: &Certificate, kind: CredentialKind) -> Result<(), VaultError> {
    match (kind, certificate.kind()) {
        (CredentialKind::Fiel, _) => Ok(certificate.require_fiel()?),
        (CredentialKind::Csd, Kind::Csd) => Ok(()),
        (CredentialKind::Csd, _) => Err(VaultError::PurposeRefused(kind)),
        (CredentialKind::Ecf | CredentialKind::Pa, Kind::Authority) => {
            Err(CredentialError::CertificateFormat("it is an authority's").into())
        }
        (CredentialKind::Ecf | CredentialKind::Pa, _) => Ok(()),
    }
}

fn object_of(id: CredentialId, kind: CredentialKind, certificate: &Certificate) -> String {
    let fingerprint: String = certificate.fingerprint_sha256().iter().map(|it| format!("{it:02x}")).collect();
    format!("{id}/{}/{fingerprint}", kind.text())
}

fn sha256(bytes: &[u8]) -> [u8; 32] {
    digest::digest(&digest::SHA256, bytes).as_ref().try_into().expect("SHA-256 has 32 bytes")
}
