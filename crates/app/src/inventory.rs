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
use fedatario_base::text::{Language, say};
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
    /// Which row of the table: `word-use-…` in the catalogues.
    pub id: &'static str,
    /// Its name.
    pub algorithm: &'static str,
    /// Where in the program, by crate.
    pub place: &'static str,
    /// Whether it protects what is new; `false` reads what others made, and nothing else.
    pub makes: bool,
    /// Strength in bits against today's computers.
    pub bits: u16,
    /// What becomes of it with a quantum computer: `broken`, `halved` or `none` (nothing to break).
    pub quantum: &'static str,
    /// Whether somebody may ask why it is used at all.
    pub is_weak: bool,
}

impl Use {
    /// What it is for.
    pub fn purpose(&self, language: Language) -> String {
        say(language, &format!("word-use-{}", self.id), &[])
    }

    /// Why it is used although it is weak; nothing if it is not.
    pub fn reason(&self, language: Language) -> Option<String> {
        self.is_weak.then(|| say(language, &format!("word-use-{}-why", self.id), &[]))
    }
}

/// What is to be done once there are quantum computers.
pub fn post_quantum(language: Language) -> String {
    say(language, "word-post-quantum", &[])
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
}

const fn used(id: &'static str, algorithm: &'static str, place: &'static str, bits: u16, quantum: &'static str) -> Use {
    Use { id, algorithm, place, makes: true, bits, quantum, is_weak: false }
}

/// What is read and never written.
const fn reads(id: &'static str, algorithm: &'static str, bits: u16) -> Use {
    Use { id, algorithm, place: "credentials", makes: false, bits, quantum: "none", is_weak: false }
}

const fn weak(it: Use) -> Use {
    Use { is_weak: true, ..it }
}

/// What the program does.
const TABLE: &[Use] = &[
    used("aes", "AES-256-GCM", "vault", 256, "halved"),
    used("argon", "Argon2id", "vault, identity", 128, "halved"),
    used("ed25519", "Ed25519", "audit, vault, identity, webhooks", 128, "broken"),
    used("links", "SHA-512", "audit", 256, "none"),
    used("digests", "SHA-256", "audit, app, credentials", 128, "none"),
    used("hmac", "HMAC-SHA256", "webhooks, api, credentials", 256, "halved"),
    used("tls", "TLS 1.2, 1.3", "sat, webhooks, mailer, store, blobs, signer", 128, "broken"),
    weak(used("documents", "RSA-PKCS1-v1_5, SHA-256", "vault", 112, "broken")),
    weak(used("sat", "RSA-PKCS1-v1_5, SHA-1", "vault (sat_token, sat_request)", 63, "broken")),
    weak(used("totp", "HMAC-SHA1", "identity", 128, "halved")),
    reads("pbes2", "PBES2, AES-128, AES-192, AES-256", 128),
    weak(reads("des", "3DES, DES, RC2 (PBES1, PBES2, PKCS#12)", 40)),
    weak(reads("md5", "MD5 (PEM)", 64)),
    weak(reads("chains", "SHA-1 (X.509)", 63)),
    weak(reads("names", "SHA-1, SHA-256 (OCSP)", 63)),
];

/// Everything that is in use in a tenant.
pub async fn of(app: &App, scope: &Scope) -> AppResult<Inventory> {
    if !scope.may(Permission::KeyRotate) {
        return Err(AppError::Denied(Permission::KeyRotate));
    }
    let mut tx = app.store.read(scope).await?;
    Ok(Inventory { algorithms: TABLE.to_vec(), certificates: counted(tx.as_mut()).await? })
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
            assert!(it.bits >= 112 || it.is_weak, "{}", it.algorithm);
            assert!(["broken", "halved", "none"].contains(&it.quantum), "{}", it.algorithm);
            for language in [Language::Es, Language::En] {
                let told = [Some(it.purpose(language)), it.reason(language)].into_iter().flatten();
                told.for_each(|text| assert!(!text.is_empty() && !text.contains("word-use"), "{}: {text}", it.algorithm));
            }
        }
        let sha1 = TABLE.iter().find(|it| it.algorithm.ends_with("SHA-1") && it.makes).expect("SAT's profiles");
        assert!(sha1.reason(Language::Es).is_some_and(|it| it.contains("SAT")));
        fedatario_testkit::covers!("vault: the inventory names every algorithm, and each weak one with its reason");
    }
}
