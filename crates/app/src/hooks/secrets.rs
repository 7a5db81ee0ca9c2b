//! Secrets of addresses: made, sealed, shown once.

use super::model::{SealedSecret, SecretKind};
use super::ports::LiveSecret;
use crate::App;
use crate::error::{AppError, AppResult};
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use fedatario_base::id::WebhookId;
use fedatario_base::{Scope, Secret};
use jiff::Timestamp;

/// Bytes of a secret of either kind; the profile asks for 24 to 64.
const SECRET_BYTES: usize = 32;

/// A secret that was just made, with what its owner is shown.
pub struct Fresh {
    /// As it is kept.
    pub kept: SealedSecret,
    /// `whsec_…`, or for Ed25519 the public `whpk_…`: our half of that is nobody's.
    pub shown: Secret,
}

/// What a secret is sealed under.
fn label(webhook: WebhookId, n: u32) -> String {
    format!("webhook:{webhook}:{n}")
}

/// Makes one and seals it; before a transaction is opened, since sealing may make a key.
pub async fn fresh(app: &App, scope: &Scope, webhook: WebhookId, n: u32, kind: SecretKind, now: Timestamp) -> AppResult<Fresh> {
    let mut bytes = vec![0; SECRET_BYTES];
    aws_lc_rs::rand::fill(&mut bytes).map_err(|_| AppError::Internal("no randomness".to_owned()))?;
    let key = Secret::new(bytes);
    let sealed = app.vault.seal_bytes(scope, &label(webhook, n), key.expose()).await?;
    let (public, shown) = match kind {
        SecretKind::Hmac => (None, Secret::new(format!("whsec_{}", STANDARD.encode(key.expose())))),
        SecretKind::Ed25519 => {
            let pair = Ed25519KeyPair::from_seed_unchecked(key.expose());
            let pair = pair.map_err(|_| AppError::Internal("no key of that seed".to_owned()))?;
            let public = format!("whpk_{}", STANDARD.encode(pair.public_key().as_ref()));
            (Some(public.clone()), Secret::new(public))
        }
    };
    let kept = SealedSecret { n, kind, sealed: STANDARD.encode(sealed), public, created: now, expires: None };
    Ok(Fresh { kept, shown })
}

/// Opens one to sign with.
pub async fn open(app: &App, scope: &Scope, webhook: WebhookId, secret: &SealedSecret) -> AppResult<LiveSecret> {
    let sealed = STANDARD.decode(&secret.sealed).map_err(|error| AppError::Internal(error.to_string()))?;
    let plain = app.vault.open_bytes(scope, &label(webhook, secret.n), &sealed).await?;
    Ok(LiveSecret { kind: secret.kind, key: Secret::new(plain.as_slice()) })
}
