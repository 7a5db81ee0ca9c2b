//! People, as far as organisations need to know them.

use super::SqlPeopleTx;
use crate::read::{Read, closed, from_row, instant};
use crate::tx::{fetch, list, run};
use async_trait::async_trait;
use fedatario_app::identity::model::{MemberState, RoleGrant, User, UserState};
use fedatario_app::identity::tenancy_ports::{Person, Persons};
use fedatario_app::ports::Stored;
use fedatario_base::clock::to_millis;
use fedatario_base::id::{TenantId, UserId};
use jiff::Timestamp;
use uuid::Uuid;

from_row!(Person, row => Person {
    id: UserId(row.try_get("id")?),
    email: row.try_get("email")?,
    name: row.try_get("name")?,
    state: closed(row.try_get("state")?, UserState::from_text)?,
    created: instant(row.try_get("created_ms")?),
});

#[async_trait]
impl Persons for SqlPeopleTx {
    async fn person(&mut self, id: UserId) -> Stored<Option<Person>> {
        let row: Option<Read<Person>> = fetch!(self.work, fetch_optional, "select * from users where id = $1", id.0)?;
        Ok(row.map(|it| it.0))
    }

    async fn person_by_email(&mut self, email: &str) -> Stored<Option<Person>> {
        let row: Option<Read<Person>> = fetch!(self.work, fetch_optional, "select * from users where email = $1", email)?;
        Ok(row.map(|it| it.0))
    }

    async fn persons(&mut self, after: Option<UserId>, limit: u32) -> Stored<Vec<Person>> {
        list!(
            self.work,
            "select * from users where id > $1 order by id limit $2",
            after.map_or(Uuid::nil(), |it| it.0),
            i64::from(limit),
        )
    }

    async fn add_person(&mut self, it: &User) -> Stored<()> {
        run!(
            self.work,
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

    async fn set_person_state(&mut self, id: UserId, state: UserState) -> Stored<()> {
        let changed = run!(
            self.work,
            "update users set state = $2, epoch = epoch + 1, revision = revision + 1 where id = $1",
            id.0,
            state.text(),
        )?;
        self.touched(changed)
    }

    async fn add_member(&mut self, tenant: TenantId, user: UserId, now: Timestamp) -> Stored<()> {
        run!(
            self.work,
            "insert into memberships (tenant_id, user_id, state, created_ms) values ($1, $2, $3, $4)",
            tenant.0,
            user.0,
            MemberState::Active.text(),
            to_millis(now),
        )
        .map(|_| ())
    }

    async fn give_role(&mut self, tenant: TenantId, it: &RoleGrant) -> Stored<()> {
        run!(
            self.work,
            "insert into member_roles (tenant_id, id, user_id, role, from_ms, until_ms, in_place_of_id, granted_by) \
             values ($1, $2, $3, $4, $5, $6, $7, $8)",
            tenant.0,
            it.id.0,
            it.user.0,
            &it.role,
            to_millis(it.from),
            it.until.map(to_millis),
            it.in_place_of.map(|it| it.0),
            &it.granted_by,
        )
        .map(|_| ())
    }
}
