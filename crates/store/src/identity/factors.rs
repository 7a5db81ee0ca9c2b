//! Second factors. A time step and a recovery code are taken by one statement each, so that of many
//! at once exactly one has it.

use super::IdTx;
use crate::read::{closed, from_row, instant};
use crate::tx::{fetch, list, run};
use async_trait::async_trait;
use fedatario_app::identity::model::{Factor, FactorKind, FactorState, Hidden, NewPasskey};
use fedatario_app::identity::ports::Factors;
use fedatario_app::ports::{StoreError, Stored};
use fedatario_base::clock::to_millis;
use fedatario_base::id::{FactorId, UserId};
use jiff::Timestamp;

from_row!(Factor, row => Factor {
    id: FactorId(row.try_get("id")?),
    user: UserId(row.try_get("user_id")?),
    kind: closed(row.try_get("kind")?, FactorKind::from_text)?,
    label: row.try_get("label")?,
    state: closed(row.try_get("state")?, FactorState::from_text)?,
    secret: Hidden(row.try_get("secret")?),
    last_step: row.try_get("last_step")?,
    created: instant(row.try_get("created_ms")?),
    confirmed: row.try_get::<Option<i64>, _>("confirmed_ms")?.map(instant),
    used: row.try_get::<Option<i64>, _>("used_ms")?.map(instant),
});

#[async_trait]
impl Factors for IdTx {
    async fn add_factor(&mut self, it: &Factor) -> Stored<()> {
        run!(
            self.tx.work,
            "insert into user_factors (id, user_id, kind, label, state, secret, last_step, created_ms, confirmed_ms, used_ms) \
             values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
            it.id.0,
            it.user.0,
            it.kind.text(),
            &it.label,
            it.state.text(),
            &it.secret.0,
            it.last_step,
            to_millis(it.created),
            it.confirmed.map(to_millis),
            it.used.map(to_millis),
        )
        .map(|_| ())
    }

    async fn factors(&mut self, user: UserId) -> Stored<Vec<Factor>> {
        list!(self.tx.work, "select * from user_factors where user_id = $1 order by id", user.0)
    }

    async fn confirm_factor(&mut self, user: UserId, id: FactorId, now: Timestamp) -> Stored<()> {
        let changed = run!(
            self.tx.work,
            "update user_factors set state = 'active', confirmed_ms = $3 where user_id = $1 and id = $2 and state = 'pending'",
            user.0,
            id.0,
            to_millis(now),
        )?;
        self.one(changed)
    }

    async fn take_step(&mut self, user: UserId, id: FactorId, step: i64, now: Timestamp) -> Stored<bool> {
        let changed = run!(
            self.tx.work,
            "update user_factors set last_step = $3, used_ms = $4 where user_id = $1 and id = $2 and last_step < $3",
            user.0,
            id.0,
            step,
            to_millis(now),
        )?;
        Ok(changed == 1)
    }

    async fn confirm_passkey(&mut self, id: FactorId, key: &NewPasskey, now: Timestamp) -> Stored<()> {
        let changed = run!(
            self.tx.work,
            "update user_factors set state = 'active', confirmed_ms = $3, secret = $4, credential = $5, last_step = $6 \
             where user_id = $1 and id = $2 and state = 'pending' and kind = 'passkey'",
            key.user.0,
            id.0,
            to_millis(now),
            &key.secret.0,
            &key.credential[..],
            key.counter,
        )?;
        self.one(changed)
    }

    async fn is_passkey_known(&mut self, credential: &[u8; 32]) -> Stored<bool> {
        let (count,): (i64,) =
            fetch!(self.tx.work, fetch_one, "select count(*) from user_factors where credential = $1", &credential[..])?;
        Ok(count > 0)
    }

    async fn use_passkey(&mut self, user: UserId, id: FactorId, counter: i64, now: Timestamp) -> Stored<bool> {
        let changed = run!(
            self.tx.work,
            "update user_factors set last_step = $3, used_ms = $4 where user_id = $1 and id = $2 and kind = 'passkey' \
             and state = 'active' and (last_step < $3 or (last_step = 0 and $3 = 0))",
            user.0,
            id.0,
            counter,
            to_millis(now),
        )?;
        Ok(changed == 1)
    }

    async fn suspend_factor(&mut self, user: UserId, id: FactorId) -> Stored<()> {
        let changed = run!(
            self.tx.work,
            "update user_factors set state = 'suspended' where user_id = $1 and id = $2 and state = 'active'",
            user.0,
            id.0,
        )?;
        self.one(changed)
    }

    async fn remove_factor(&mut self, user: UserId, id: FactorId) -> Stored<()> {
        let gone = run!(self.tx.work, "delete from user_factors where user_id = $1 and id = $2", user.0, id.0)?;
        self.one(gone)
    }

    async fn put_recovery_codes(&mut self, user: UserId, digests: &[[u8; 32]], now: Timestamp) -> Stored<()> {
        run!(self.tx.work, "delete from recovery_codes where user_id = $1", user.0)?;
        for digest in digests {
            run!(
                self.tx.work,
                "insert into recovery_codes (user_id, digest, created_ms) values ($1, $2, $3)",
                user.0,
                &digest[..],
                to_millis(now),
            )?;
        }
        Ok(())
    }

    async fn use_recovery_code(&mut self, user: UserId, digest: &[u8; 32], now: Timestamp) -> Stored<bool> {
        let changed = run!(
            self.tx.work,
            "update recovery_codes set used_ms = $3 where user_id = $1 and digest = $2 and used_ms is null",
            user.0,
            &digest[..],
            to_millis(now),
        )?;
        Ok(changed == 1)
    }

    async fn recovery_codes_left(&mut self, user: UserId) -> Stored<u32> {
        let (count,): (i64,) =
            fetch!(self.tx.work, fetch_one, "select count(*) from recovery_codes where user_id = $1 and used_ms is null", user.0)?;
        Ok(u32::try_from(count).unwrap_or(u32::MAX))
    }
}

impl IdTx {
    /// Exactly one row was meant; somebody else's, or one that is not there, is *not found*.
    pub(super) fn one(&mut self, touched: u64) -> Stored<()> {
        if touched == 1 { Ok(()) } else { Err(self.tx.work.fall(StoreError::NotFound)) }
    }
}
