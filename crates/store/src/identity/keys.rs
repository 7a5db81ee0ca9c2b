//! Keys that sign access tokens.

use super::IdTx;
use crate::read::{exactly, from_row, instant};
use crate::tx::{list, lock_key, run};
use async_trait::async_trait;
use fedatario_app::identity::model::{Hidden, SigningKeyRow};
use fedatario_app::identity::ports::SigningKeys;
use fedatario_app::ports::Stored;
use fedatario_base::clock::to_millis;
use jiff::Timestamp;

from_row!(SigningKeyRow, row => SigningKeyRow {
    kid: row.try_get("kid")?,
    public: exactly(row.try_get("public")?)?,
    sealed: Hidden(row.try_get("sealed")?),
    created: instant(row.try_get("created_ms")?),
    signs_from: instant(row.try_get("signs_from_ms")?),
    signs_until: instant(row.try_get("signs_until_ms")?),
    verifies_until: instant(row.try_get("verifies_until_ms")?),
});

#[async_trait]
impl SigningKeys for IdTx {
    async fn signing_keys(&mut self, now: Timestamp) -> Stored<Vec<SigningKeyRow>> {
        list!(
            self.tx.work,
            "select * from signing_keys where verifies_until_ms > $1 order by signs_from_ms, created_ms, kid",
            to_millis(now),
        )
    }

    async fn hold_signing_keys(&mut self) -> Stored<()> {
        self.tx.work.exclude(lock_key(&[b"signing keys"])).await
    }

    async fn add_signing_key(&mut self, it: &SigningKeyRow) -> Stored<()> {
        run!(
            self.tx.work,
            "insert into signing_keys (kid, public, sealed, created_ms, signs_from_ms, signs_until_ms, verifies_until_ms) \
             values ($1, $2, $3, $4, $5, $6, $7)",
            &it.kid,
            &it.public[..],
            &it.sealed.0,
            to_millis(it.created),
            to_millis(it.signs_from),
            to_millis(it.signs_until),
            to_millis(it.verifies_until),
        )
        .map(|_| ())
    }

    async fn end_signing_key(&mut self, kid: &str, signs_until: Timestamp, verifies_until: Timestamp) -> Stored<()> {
        let changed = run!(
            self.tx.work,
            "update signing_keys set signs_until_ms = $2, verifies_until_ms = $3 where kid = $1",
            kid,
            to_millis(signs_until),
            to_millis(verifies_until),
        )?;
        self.one(changed)
    }

    async fn prune_signing_keys(&mut self, before: Timestamp) -> Stored<u64> {
        run!(self.tx.work, "delete from signing_keys where verifies_until_ms < $1", to_millis(before))
    }
}
