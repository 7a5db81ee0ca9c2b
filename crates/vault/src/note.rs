//! Each tenant's Ed25519 key, for what the house itself signs: checkpoints of the audit chain and
//! reports.
//!
//! A checkpoint is a C2SP signed note: its text is signed as it stands, so that any verifier of such
//! notes accepts it. A report is signed behind the prefix `fedatario.report.v1\0`. The two cannot
//! be confused, nor a report of custody (`fedatario.custody.v1\0`): a note's text holds no control character but the newline, and the prefixes end in NUL.

use crate::credential::require;
use crate::{KeyUse, Vault, VaultError};
use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};
use fedatario_base::{Permission, Scope};

/// Most bytes of what is signed: a checkpoint has hundreds, a report names every missing document.
pub const MAX_NOTE_BYTES: usize = 64 * 1024 * 1024;

const REPORT_DOMAIN: &[u8] = b"fedatario.report.v1\0";
const CUSTODY_DOMAIN: &[u8] = b"fedatario.custody.v1\0";

/// What the tenant's key may sign.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotePurpose {
    /// A checkpoint of the audit chain, as the text of a C2SP signed note.
    Checkpoint,
    /// A report, as canonical bytes.
    Report,
    /// A report of what was signed with a credential, as canonical bytes.
    Custody,
}

impl NotePurpose {
    fn permission(self) -> Permission {
        match self {
            Self::Checkpoint => Permission::AuditRead,
            Self::Report => Permission::DocumentRead,
            Self::Custody => Permission::AuditRead,
        }
    }

    /// The octets that are really signed.
    fn octets(self, bytes: &[u8]) -> Result<Vec<u8>, VaultError> {
        if bytes.len() > MAX_NOTE_BYTES {
            return Err(VaultError::NoteRefused("too large"));
        }
        match self {
            Self::Checkpoint => {
                is_note_text(bytes).then(|| bytes.to_vec()).ok_or(VaultError::NoteRefused("not the text of a signed note"))
            }
            Self::Report => Ok([REPORT_DOMAIN, bytes].concat()),
            Self::Custody => Ok([CUSTODY_DOMAIN, bytes].concat()),
        }
    }
}

/// UTF-8, no control character but newlines, and a newline at its end.
fn is_note_text(bytes: &[u8]) -> bool {
    std::str::from_utf8(bytes)
        .is_ok_and(|it| it.len() > 1 && it.ends_with('\n') && !it.chars().any(|it| it.is_control() && it != '\n'))
}

impl Vault {
    /// Signs a checkpoint or a report with the tenant's key.
    pub async fn sign_note(&self, scope: &Scope, purpose: NotePurpose, bytes: &[u8]) -> Result<[u8; 64], VaultError> {
        require(scope, purpose.permission())?;
        let octets = purpose.octets(bytes)?;
        let signature = self.note_key(scope).await?.sign(&octets);
        signature.as_ref().try_into().map_err(|_| VaultError::Crypto("an Ed25519 signature has 64 bytes"))
    }

    /// The public half of the tenant's key, made now if the tenant has none.
    pub async fn public_key(&self, scope: &Scope) -> Result<[u8; 32], VaultError> {
        let pair = self.note_key(scope).await?;
        pair.public_key().as_ref().try_into().map_err(|_| VaultError::Crypto("an Ed25519 public key has 32 bytes"))
    }

    async fn note_key(&self, scope: &Scope) -> Result<Ed25519KeyPair, VaultError> {
        let seed = self.current_key(scope, KeyUse::Note).await?.key;
        Ed25519KeyPair::from_seed_unchecked(seed.expose()).map_err(|_| VaultError::Crypto("the tenant's signing key"))
    }
}

/// Whether `signature` is the key's, over these bytes, for this purpose.
pub fn verify_note(public_key: &[u8; 32], purpose: NotePurpose, bytes: &[u8], signature: &[u8]) -> bool {
    let Ok(octets) = purpose.octets(bytes) else { return false };
    UnparsedPublicKey::new(&ED25519, public_key).verify(&octets, signature).is_ok()
}
