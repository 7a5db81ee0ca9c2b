//! Which cryptography is in use, where, and until when: for whoever has to answer for it.
//!
//! What the program does is a closed table, kept beside the code that does it by whoever changes it; what the
//! tenant's certificates are is counted from their rows. Algorithms that are weak by today's measure stand
//! there with the reason why they are used all the same.

use crate::App;
use crate::error::{AppError, AppResult};
use crate::model::{CredentialFilter, CredentialState};
use crate::ports::Tx;
use fedatario_base::id::CredentialId;
use fedatario_base::{Permission, Scope};
use fedatario_credentials::Certificate;
use fedatario_vault::Standing;
use jiff::Timestamp;
use serde::Serialize;
use std::collections::BTreeMap;

/// Credentials counted at most: what one tenant can have, and then some.
const COUNTED_AT_MOST: usize = 100_000;
/// Credentials read at once.
const PAGE: u32 = 1_000;

/// One algorithm in one place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Use {
    /// Its name.
    pub algorithm: &'static str,
    /// What it is for.
    pub purpose: &'static str,
    /// Where in the program, by crate.
    pub place: &'static str,
    /// Whether it protects what is new; `false` reads what others made, and nothing else.
    pub makes: bool,
    /// Strength in bits against today's computers.
    pub bits: u16,
    /// What becomes of it with a quantum computer: `broken`, `halved` or `none` (nothing to break).
    pub quantum: &'static str,
    /// Why it is used although it is weak; empty if it is not.
    pub reason: &'static str,
}

/// Certificates of one kind and key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Keys {
    /// `fiel`, `csd`, `ecf` or `pa`.
    pub kind: &'static str,
    /// `rsa`.
    pub algorithm: &'static str,
    /// Bits of the modulus.
    pub key_bits: u32,
    /// How many, in use, blocked or waiting.
    pub count: u64,
    /// When the first of them ends.
    pub first_ends_at: Timestamp,
    /// When the last of them ends.
    pub last_ends_at: Timestamp,
}

/// Everything.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Inventory {
    /// What the program does.
    pub algorithms: Vec<Use>,
    /// What the tenant's certificates are.
    pub certificates: Vec<Keys>,
    /// What is to be done once there are quantum computers.
    pub post_quantum: &'static str,
}

/// What is said of the time after.
const POST_QUANTUM: &str = "RSA and Ed25519 fall to a quantum computer, AES-256 and SHA-2 do not. RSA is what the three authorities \
issue and accept; it is replaced when they issue something else. Data at rest is under AES-256-GCM alone and needs no change. \
Checkpoints carry the name of their algorithm, and a second signature can stand beside Ed25519 without breaking a verifier.";

const fn strong(algorithm: &'static str, purpose: &'static str, place: &'static str, bits: u16, quantum: &'static str) -> Use {
    Use { algorithm, purpose, place, makes: true, bits, quantum, reason: "" }
}

const fn reads(algorithm: &'static str, purpose: &'static str, bits: u16, reason: &'static str) -> Use {
    Use { algorithm, purpose, place: "credentials", makes: false, bits, quantum: "none", reason }
}

/// What the program does.
const TABLE: &[Use] = &[
    strong("AES-256-GCM", "private keys, data keys, tenant keys, sealed details and mails", "vault", 256, "halved"),
    strong("Argon2id", "root keys from a passphrase, passwords of people", "vault, identity", 128, "halved"),
    strong(
        "Ed25519",
        "checkpoints of the audit chain, reports, access tokens, webhooks (v1a)",
        "audit, vault, identity, webhooks",
        128,
        "broken",
    ),
    strong("SHA-512", "the links of the audit chain", "audit", 256, "none"),
    strong(
        "SHA-256",
        "digests of documents and objects, Merkle trees, identities of certificates",
        "audit, app, credentials",
        128,
        "none",
    ),
    strong(
        "HMAC-SHA256",
        "webhooks (v1), cursors, integrity of archives that are minted",
        "webhooks, api, credentials",
        256,
        "halved",
    ),
    strong(
        "TLS 1.2 and 1.3 (rustls, aws-lc-rs)",
        "every connection to the outside",
        "sat, webhooks, mailer, store, blobs",
        128,
        "broken",
    ),
    Use {
        algorithm: "RSA-PKCS1-v1_5 with SHA-256",
        purpose: "signatures on documents with taxpayers' keys",
        place: "vault",
        makes: true,
        bits: 112,
        quantum: "broken",
        reason: "The authorities issue keys of 2,048 bits and accept this padding alone.",
    },
    Use {
        algorithm: "RSA-PKCS1-v1_5 with SHA-1",
        purpose: "requests and sessions at SAT's mass download",
        place: "vault (profiles sat-token and sat-request)",
        makes: true,
        bits: 63,
        quantum: "broken",
        reason: "SAT's service refuses every other digest. The profiles are closed; no operation signs other documents with them.",
    },
    Use {
        algorithm: "HMAC-SHA1",
        purpose: "codes of second factors (RFC 6238)",
        place: "identity",
        makes: true,
        bits: 128,
        quantum: "halved",
        reason: "What authenticator programs have in common; collisions of SHA-1 do not matter in an HMAC.",
    },
    reads("PBES2 with AES-128, AES-192 or AES-256", "archives and keys that are brought", 128, ""),
    reads(
        "three-key DES, DES, RC2 in PBES1, PBES2 and PKCS#12",
        "archives and keys that are brought",
        40,
        "What authorities and older programs wrote. Opened, sealed under AES-256-GCM, never written.",
    ),
    reads(
        "MD5 in PEM key files",
        "keys that are brought",
        64,
        "OpenSSL's old form of a key under a password. Opened, never written.",
    ),
    reads(
        "SHA-1 in signatures of certificates",
        "chains of SAT's older authorities",
        63,
        "Certificates of documents of past years were signed so.",
    ),
    reads(
        "SHA-1 and SHA-256 as names",
        "certificates in OCSP, fingerprints for display",
        63,
        "They name and protect nothing: identity is SHA-256, trust is the signature.",
    ),
];

/// Everything that is in use in a tenant.
pub async fn of(app: &App, scope: &Scope) -> AppResult<Inventory> {
    if !scope.may(Permission::KeyRotate) {
        return Err(AppError::Denied(Permission::KeyRotate));
    }
    let mut tx = app.store.read(scope).await?;
    Ok(Inventory { algorithms: TABLE.to_vec(), certificates: counted(tx.as_mut()).await?, post_quantum: POST_QUANTUM })
}

async fn counted(tx: &mut dyn Tx) -> AppResult<Vec<Keys>> {
    let states = vec![CredentialState::Active, CredentialState::Blocked, CredentialState::Next];
    let filter = CredentialFilter { states, ..CredentialFilter::default() };
    let mut found: BTreeMap<(&'static str, u32), Keys> = BTreeMap::new();
    let (mut before, mut seen): (Option<CredentialId>, usize) = (None, 0);
    while seen < COUNTED_AT_MOST {
        let page = tx.credentials(&filter, before, PAGE).await?;
        let Some(last) = page.last() else { break };
        (before, seen) = (Some(last.id), seen + page.len());
        for row in &page {
            let bits = Certificate::parse(&row.certificate).map_or(0, |it| it.key_bits());
            let kind = row.kind.text();
            let keys = found.entry((kind, bits)).or_insert(Keys {
                kind,
                algorithm: "rsa",
                key_bits: bits,
                count: 0,
                first_ends_at: row.not_after,
                last_ends_at: row.not_after,
            });
            keys.count += 1;
            keys.first_ends_at = keys.first_ends_at.min(row.not_after);
            keys.last_ends_at = keys.last_ends_at.max(row.not_after);
        }
    }
    Ok(found.into_values().collect())
}

/// How the keys of a tenant stand, with what lies under older ones.
pub async fn standing(app: &App, scope: &Scope) -> AppResult<(Standing, u64)> {
    if !scope.may(Permission::KeyRotate) {
        return Err(AppError::Denied(Permission::KeyRotate));
    }
    let standing = app.vault.standing(scope).await?;
    let behind = if standing.is_sealed() { 0 } else { app.vault.credentials_behind(scope).await? };
    Ok((standing, behind))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_weak_says_why() {
        for it in TABLE {
            assert!(it.bits >= 112 || !it.reason.is_empty(), "{}", it.algorithm);
            assert!(!it.purpose.is_empty() && !it.place.is_empty(), "{}", it.algorithm);
            assert!(["broken", "halved", "none"].contains(&it.quantum), "{}", it.algorithm);
        }
        let sha1 = TABLE.iter().find(|it| it.algorithm.ends_with("SHA-1") && it.makes).expect("SAT's profiles");
        assert!(sha1.reason.contains("SAT"));
        fedatario_testkit::covers!("vault: the inventory names every algorithm, and each weak one with its reason");
    }
}
