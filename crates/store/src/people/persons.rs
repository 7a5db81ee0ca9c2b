//! People, as far as organisations need to know them.

use super::SqlPeopleTx;
use crate::identity::{insert_grant, insert_user};
use crate::read::{closed, from_row, instant};
use crate::tx::{list, one, run};
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
    language: row.try_get("language")?,
    state: closed(row.try_get("state")?, UserState::from_text)?,
    created: instant(row.try_get("created_ms")?),
});

#[async_trait]
impl Persons for SqlPeopleTx {
    async fn person(&mut self, id: UserId) -> Stored<Option<Person>> {
        one!(self.tx.work, "select * from users where id = $1", id.0)
    }

    async fn person_by_email(&mut self, email: &str) -> Stored<Option<Person>> {
        one!(self.tx.work, "select * from users where email = $1", email)
    }

    async fn persons(&mut self, after: Option<UserId>, limit: u32) -> Stored<Vec<Person>> {
        list!(
            self.tx.work,
            "select * from users where id > $1 order by id limit $2",
            after.map_or(Uuid::nil(), |it| it.0),
            i64::from(limit),
        )
    }

    async fn holders(&mut self, tenant: TenantId, role: &str, now: Timestamp, limit: u32) -> Stored<Vec<Person>> {
        list!(
            self.tx.work,
            "select * from users where state = 'active' and id in \
             (select m.user_id from memberships m join member_roles g on g.tenant_id = m.tenant_id and g.user_id = m.user_id \
             where m.tenant_id = $1 and m.state = 'active' and g.role = $2 and g.from_ms <= $3 \
             and (g.until_ms is null or g.until_ms > $3)) order by id limit $4",
            tenant.0,
            role,
            to_millis(now),
            i64::from(limit),
        )
    }

    async fn add_person(&mut self, it: &User) -> Stored<()> {
        insert_user(&mut self.tx.work, it).await
    }

    async fn set_person_state(&mut self, id: UserId, state: UserState) -> Stored<()> {
        let changed = run!(
            self.tx.work,
            "update users set state = $2, epoch = epoch + 1, revision = revision + 1 where id = $1",
            id.0,
            state.text(),
        )?;
        self.touched(changed)
    }

    async fn add_member(&mut self, tenant: TenantId, user: UserId, now: Timestamp) -> Stored<()> {
        run!(
            self.tx.work,
            "insert into memberships (tenant_id, user_id, state, created_ms) values ($1, $2, $3, $4)",
            tenant.0,
            user.0,
            MemberState::Active.text(),
            to_millis(now),
        )
        .map(|_| ())
    }

    async fn give_role(&mut self, tenant: TenantId, it: &RoleGrant) -> Stored<()> {
        insert_grant(&mut self.tx.work, tenant, it).await
    }
}
