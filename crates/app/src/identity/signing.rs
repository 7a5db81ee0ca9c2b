//! The keys that sign access tokens: made, announced, turned over, forgotten.
//!
//! A key is announced one cache period before it signs, so that whoever keeps a copy of the published
//! set knows it by then, and stays known until the last token that it signed has ended. The first key
//! of an installation signs at once: no copy can be older than it. Rows are the truth; each process
//! reads them again every [`READ_AGAIN`], which is less than a cache period.

use super::model::{Hidden, SigningKeyRow};
use super::service::{Identity, NO_TENANT};
use crate::error::{AppError, AppResult};
use fedatario_audit::Event;
use fedatario_base::{Actor, Scope, Secret};
use fedatario_identity::jwt::{self, KeyTable, SigningKey};
use jiff::{SignedDuration, Timestamp};
use std::sync::{Arc, RwLock};

use super::ports::Chain;

/// How long a copy of the published keys may be kept, as its `Cache-Control` says.
pub const CACHE_PERIOD: SignedDuration = SignedDuration::from_mins(10);
/// How long a key signs before the next takes over by itself.
pub const SIGNS_FOR: SignedDuration = SignedDuration::from_hours(30 * 24);
/// How often the rows are read again.
pub const READ_AGAIN: SignedDuration = SignedDuration::from_secs(60);
/// How soon they are read again for a token of a key that is not known here.
pub const READ_AGAIN_UNKNOWN: SignedDuration = SignedDuration::from_secs(5);

/// The keys as this process knows them.
#[derive(Default)]
pub(super) struct Keys(RwLock<Option<Arc<Ring>>>);

/// The keys at one reading.
pub(super) struct Ring {
    read: Timestamp,
    /// Judges tokens.
    pub(super) table: KeyTable,
    /// From when each signs, the latest last.
    signers: Vec<(Timestamp, Timestamp, SigningKey)>,
}

impl Ring {
    /// The key that signs at an instant.
    pub(super) fn signer(&self, now: Timestamp) -> Option<&SigningKey> {
        self.signers.iter().rev().find(|it| it.0 <= now && now < it.1).map(|it| &it.2)
    }
}

impl Keys {
    fn known(&self, now: Timestamp, age: SignedDuration) -> Option<Arc<Ring>> {
        let ring = self.0.read().ok()?.clone()?;
        (now.duration_since(ring.read) < age).then_some(ring)
    }

    fn keep(&self, ring: Arc<Ring>) {
        if let Ok(mut place) = self.0.write() {
            *place = Some(ring);
        }
    }
}

/// What is to be done about the keys at an instant.
#[derive(Debug, PartialEq, Eq)]
enum Due {
    Nothing,
    /// There is none that signs: one that does at once.
    First,
    /// The one that signs ends soon and has no successor.
    Next,
}

fn due(rows: &[SigningKeyRow], now: Timestamp) -> Due {
    let Some(current) = rows.iter().rev().find(|it| it.signs_from <= now && now < it.signs_until) else { return Due::First };
    let has_next = rows.iter().any(|it| it.signs_from >= current.signs_until);
    let is_soon = current.signs_until.duration_since(now) <= CACHE_PERIOD + CACHE_PERIOD;
    if is_soon && !has_next { Due::Next } else { Due::Nothing }
}

impl Identity {
    /// The keys, read again when they are old; made when there are none.
    pub(super) async fn ring(&self) -> AppResult<Arc<Ring>> {
        let now = self.now();
        if let Some(ring) = self.keys.known(now, READ_AGAIN).filter(|it| it.signer(now).is_some()) {
            return Ok(ring);
        }
        self.look_after_keys().await?;
        self.sweep().await;
        self.read_keys().await
    }

    /// The keys as they are now, for a token of one that is not known here; at most so often.
    pub(super) async fn ring_for_unknown(&self) -> AppResult<Arc<Ring>> {
        match self.keys.known(self.now(), READ_AGAIN_UNKNOWN) {
            Some(ring) => Ok(ring),
            None => self.read_keys().await,
        }
    }

    /// The published keys.
    pub async fn jwks(&self) -> AppResult<serde_json::Value> {
        Ok(self.ring().await?.table.jwks(self.now()))
    }

    /// Makes the next key when it is time for it. For whoever ticks, and for whoever finds none.
    pub async fn look_after_keys(&self) -> AppResult<()> {
        let now = self.now();
        let rows = self.reading().await?.signing_keys(now).await?;
        match due(&rows, now) {
            Due::Nothing => Ok(()),
            Due::First | Due::Next => self.add_key(Actor::System, |rows| due(rows, now)).await,
        }
    }

    /// Turns the keys over now: the next is announced, and takes over after a cache period.
    pub async fn turn_keys_over(&self, actor: Actor) -> AppResult<()> {
        self.look_after_keys().await?;
        self.add_key(actor, |_| Due::Next).await
    }

    /// Adds a key if it is still due once nobody else adds one.
    async fn add_key(&self, actor: Actor, still: impl Fn(&[SigningKeyRow]) -> Due + Send) -> AppResult<()> {
        let now = self.now();
        let mut row = self.fresh_key(now).await?;
        let mut tx = self.writing().await?;
        tx.hold_signing_keys().await?;
        let rows = tx.signing_keys(now).await?;
        row.signs_from = match still(&rows) {
            Due::Nothing => return Ok(()),
            Due::First => now,
            Due::Next => now + CACHE_PERIOD,
        };
        for late in rows.iter().filter(|it| it.signs_until > row.signs_from) {
            let ends = row.signs_from.max(late.signs_from);
            tx.end_signing_key(&late.kid, ends, known_until(ends)).await?;
        }
        row.signs_until = row.signs_from + SIGNS_FOR;
        row.verifies_until = known_until(row.signs_until);
        tx.add_signing_key(&row).await?;
        tx.prune_signing_keys(now).await?;
        let from = row.signs_from.as_second();
        tx.append(Chain::Platform, Event::new(now, &actor, "auth.key.announced").object(&row.kid).field("signs_from", from), None)
            .await?;
        tx.commit().await?;
        self.read_keys().await.map(|_| ())
    }

    async fn fresh_key(&self, now: Timestamp) -> AppResult<SigningKeyRow> {
        let (key, secret) = SigningKey::fresh()?;
        let sealed = self.vault.seal_bytes(&Scope::system(NO_TENANT), &label(key.kid()), secret.expose()).await?;
        let (kid, public) = (key.kid().to_owned(), key.public());
        Ok(SigningKeyRow {
            kid,
            public,
            sealed: Hidden(sealed),
            created: now,
            signs_from: now,
            signs_until: now,
            verifies_until: now,
        })
    }

    async fn read_keys(&self) -> AppResult<Arc<Ring>> {
        let now = self.now();
        let rows = self.reading().await?.signing_keys(now).await?;
        let mut signers = Vec::new();
        for row in rows.iter().filter(|it| it.signs_until > now) {
            let secret = self.vault.open_bytes(&Scope::system(NO_TENANT), &label(&row.kid), &row.sealed.0).await?;
            signers.push((row.signs_from, row.signs_until, SigningKey::open(&Secret::new(secret.to_vec()))?));
        }
        let keys: Vec<_> = rows.iter().map(|it| (it.public, it.verifies_until)).collect();
        let table = KeyTable::new(self.settings.audience.clone(), &keys);
        let ring = Arc::new(Ring { read: now, table, signers });
        self.keys.keep(ring.clone());
        Ok(ring)
    }

    /// Signs an access token.
    pub(super) async fn sign(&self, access: &jwt::Access) -> AppResult<Secret> {
        let ring = self.ring().await?;
        let signer = ring.signer(self.now()).ok_or_else(|| AppError::Internal("no key signs".into()))?;
        Ok(signer.sign(&self.settings.audience, access)?)
    }
}

fn known_until(signs_until: Timestamp) -> Timestamp {
    signs_until + jwt::LIFETIME + jwt::SKEW
}

fn label(kid: &str) -> String {
    format!("identity.signing-key/{kid}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minute: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + 60 * minute).unwrap()
    }

    fn row(from: i64, until: i64) -> SigningKeyRow {
        let (signs_from, signs_until) = (at(from), at(until));
        SigningKeyRow {
            kid: format!("{from}"),
            public: [0; 32],
            sealed: Hidden(Vec::new()),
            created: signs_from,
            signs_from,
            signs_until,
            verifies_until: known_until(signs_until),
        }
    }

    #[test]
    fn the_next_key_is_due_two_cache_periods_before_the_end() {
        let table = [
            (vec![], 0, Due::First),
            (vec![row(0, 100)], 0, Due::Nothing),
            (vec![row(0, 100)], 79, Due::Nothing),
            (vec![row(0, 100)], 80, Due::Next),
            (vec![row(0, 100), row(100, 200)], 90, Due::Nothing),
            (vec![row(0, 100), row(100, 200)], 100, Due::Nothing),
            (vec![row(0, 100)], 100, Due::First),
            (vec![row(0, 100), row(100, 200)], 190, Due::Next),
        ];
        for (rows, minute, expected) in table {
            assert_eq!(due(&rows, at(minute)), expected, "{minute}");
        }
        fedatario_testkit::covers!("identity: the next signing key is due two cache periods before the last one ends");
    }
}
