//! People, their history, the machines that they came in from.

use super::IdTx;
use crate::read::{closed, exactly, from_row, instant};
use crate::tx::{Work, fetch, list, one, run};
use async_trait::async_trait;
use fedatario_app::identity::model::{Hidden, LoginEvent, LoginRecord, User, UserState};
use fedatario_app::identity::ports::Users;
use fedatario_app::ports::{StoreError, Stored};
use fedatario_base::clock::to_millis;
use fedatario_base::id::{SessionId, TenantId, UserId};
use jiff::Timestamp;
use uuid::Uuid;

from_row!(User, row => User {
    id: UserId(row.try_get("id")?),
    email: row.try_get("email")?,
    name: row.try_get("name")?,
    language: row.try_get("language")?,
    password: row.try_get::<Option<String>, _>("password")?.map(Hidden),
    state: closed(row.try_get("state")?, UserState::from_text)?,
    epoch: row.try_get("epoch")?,
    last_tenant: row.try_get::<Option<Uuid>, _>("last_tenant_id")?.map(TenantId),
    created: instant(row.try_get("created_ms")?),
    password_set: row.try_get::<Option<i64>, _>("password_ms")?.map(instant),
    signing_from: row.try_get::<Option<i64>, _>("signing_from_ms")?.map(instant),
    revision: row.try_get("revision")?,
});

from_row!(LoginRecord, row => LoginRecord {
    at: instant(row.try_get("at_ms")?),
    event: closed(row.try_get("event")?, LoginEvent::from_text)?,
    address: row.try_get("address")?,
    user_agent: row.try_get("user_agent")?,
    session: row.try_get::<Option<Uuid>, _>("session_id")?.map(SessionId),
});

#[async_trait]
impl Users for IdTx {
    async fn add_user(&mut self, it: &User) -> Stored<()> {
        insert_user(&mut self.tx.work, it).await
    }

    async fn user(&mut self, id: UserId) -> Stored<Option<User>> {
        let sql = self.holding("select * from users where id = $1", "select * from users where id = $1 for update");
        one!(self.tx.work, sql, id.0)
    }

    async fn user_by_email(&mut self, email: &str) -> Stored<Option<User>> {
        let sql = self.holding("select * from users where email = $1", "select * from users where email = $1 for update");
        one!(self.tx.work, sql, email)
    }

    async fn update_user(&mut self, it: &User) -> Stored<()> {
        let changed = run!(
            self.tx.work,
            "update users set email = $2, name = $3, language = $4, password = $5, state = $6, epoch = $7, last_tenant_id = $8, \
             password_ms = $9, signing_from_ms = $10, revision = revision + 1 where id = $1 and revision = $11",
            it.id.0,
            &it.email,
            &it.name,
            &it.language,
            it.password.as_ref().map(|it| it.0.as_str()),
            it.state.text(),
            it.epoch,
            it.last_tenant.map(|it| it.0),
            it.password_set.map(to_millis),
            it.signing_from.map(to_millis),
            it.revision,
        )?;
        match changed {
            1 => Ok(()),
            _ => Err(self.tx.work.fall(StoreError::Conflict("the person changed meanwhile".into()))),
        }
    }

    async fn any_user(&mut self) -> Stored<bool> {
        let row: Option<(Uuid,)> = fetch!(self.tx.work, fetch_optional, "select id from users limit 1")?;
        Ok(row.is_some())
    }

    async fn record_login(&mut self, user: UserId, it: &LoginRecord) -> Stored<()> {
        run!(
            self.tx.work,
            "insert into login_history (user_id, id, at_ms, event, address, user_agent, session_id) values ($1, $2, $3, $4, $5, $6, $7)",
            user.0,
            fedatario_base::id::fresh(it.at),
            to_millis(it.at),
            it.event.text(),
            &it.address,
            &it.user_agent,
            it.session.map(|it| it.0),
        )
        .map(|_| ())
    }

    async fn login_history(&mut self, user: UserId, limit: u32) -> Stored<Vec<LoginRecord>> {
        list!(
            self.tx.work,
            "select * from login_history where user_id = $1 order by at_ms desc, id desc limit $2",
            user.0,
            i64::from(limit),
        )
    }

    async fn is_known_device(&mut self, user: UserId, digest: &[u8; 32]) -> Stored<bool> {
        let row: Option<(i64,)> = fetch!(
            self.tx.work,
            fetch_optional,
            "select first_ms from known_devices where user_id = $1 and digest = $2",
            user.0,
            &digest[..],
        )?;
        Ok(row.is_some())
    }

    async fn remember_device(&mut self, user: UserId, digest: &[u8; 32], now: Timestamp, most: u32) -> Stored<()> {
        run!(
            self.tx.work,
            "insert into known_devices (user_id, digest, first_ms, last_ms) values ($1, $2, $3, $3) \
             on conflict (user_id, digest) do update set last_ms = excluded.last_ms",
            user.0,
            &digest[..],
            to_millis(now),
        )?;
        run!(
            self.tx.work,
            "delete from known_devices where user_id = $1 and digest not in \
             (select digest from known_devices where user_id = $1 order by last_ms desc, digest limit $2)",
            user.0,
            i64::from(most),
        )
        .map(|_| ())
    }

    async fn forget_devices(&mut self, user: UserId) -> Stored<()> {
        run!(self.tx.work, "delete from known_devices where user_id = $1", user.0).map(|_| ())
    }

    async fn known_devices(&mut self, user: UserId) -> Stored<Vec<[u8; 32]>> {
        let rows: Vec<(Vec<u8>,)> =
            fetch!(self.tx.work, fetch_all, "select digest from known_devices where user_id = $1 order by digest", user.0)?;
        rows.into_iter().map(|it| self.tx.work.noted(exactly(it.0))).collect()
    }

    async fn prune_history(&mut self, before: Timestamp, since: Timestamp, most: u32, limit: u32) -> Stored<u64> {
        let mut gone = run!(
            self.tx.work,
            "delete from login_history where (user_id, id) in \
             (select user_id, id from login_history where at_ms < $1 order by at_ms limit $2)",
            to_millis(before),
            i64::from(limit),
        )?;
        let busy: Vec<(Uuid,)> = fetch!(
            self.tx.work,
            fetch_all,
            "select user_id from login_history where at_ms >= $1 group by user_id order by count(*) desc, user_id limit $2",
            to_millis(since),
            i64::from(limit),
        )?;
        for (user,) in busy {
            // Ids grow with time, so that the key finds the newest.
            gone += run!(
                self.tx.work,
                "delete from login_history where user_id = $1 and id <= \
                 (select id from login_history where user_id = $1 order by id desc limit 1 offset $2)",
                user,
                i64::from(most),
            )?;
        }
        Ok(gone)
    }
}

/// Writes somebody new, for whoever brings them in.
pub(crate) async fn insert_user(work: &mut Work, it: &User) -> Stored<()> {
    run!(
        work,
        "insert into users (id, email, name, language, password, state, epoch, last_tenant_id, created_ms, password_ms, \
     signing_from_ms, revision) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
        it.id.0,
        &it.email,
        &it.name,
        &it.language,
        it.password.as_ref().map(|it| it.0.as_str()),
        it.state.text(),
        it.epoch,
        it.last_tenant.map(|it| it.0),
        to_millis(it.created),
        it.password_set.map(to_millis),
        it.signing_from.map(to_millis),
        it.revision,
    )
    .map(|_| ())
}
