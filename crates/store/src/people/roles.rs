//! Roles that tenants defined, and who is a member with which.

use super::SqlPeopleTx;
use super::{permissions_of, texts_of};
use crate::read::{Read, closed, from_row, instant};
use crate::tx::{fetch, list, one, places, run};
use async_trait::async_trait;
use fedatario_app::identity::model::{MemberState, RoleGrant, UserState};
use fedatario_app::identity::tenancy::{Member, Role};
use fedatario_app::identity::tenancy_ports::Roles;
use fedatario_app::ports::{StoreError, Stored};
use fedatario_base::clock::to_millis;
use fedatario_base::id::{RoleId, TenantId, UserId};
use jiff::Timestamp;
use sqlx::AssertSqlSafe;
use uuid::Uuid;

/// Members in one page at most, so that their grants are fetched by one statement.
const PAGE_MOST: u32 = 200;

from_row!(Role, row => Role {
    id: RoleId(row.try_get("id")?),
    name: row.try_get("name")?,
    description: row.try_get("description")?,
    permissions: permissions_of(row.try_get("permissions")?),
    created: instant(row.try_get("created_ms")?),
    created_by: row.try_get("created_by")?,
    revision: row.try_get("revision")?,
});

from_row!(Member, row => Member {
    user: UserId(row.try_get("id")?),
    email: row.try_get("email")?,
    name: row.try_get("name")?,
    user_state: closed(row.try_get("user_state")?, UserState::from_text)?,
    state: closed(row.try_get("state")?, MemberState::from_text)?,
    has_factor: row.try_get::<i64, _>("factors")? > 0,
    since: instant(row.try_get("created_ms")?),
    grants: Vec::new(),
});

const MEMBERS: &str = "select u.id, u.email, u.name, u.state as user_state, m.state, m.created_ms, \
     (select count(*) from user_factors f where f.user_id = u.id and f.state = 'active') as factors \
     from memberships m join users u on u.id = m.user_id where m.tenant_id = $1 and ";

/// A grant, with whose it is.
struct Granted(Uuid, RoleGrant);

from_row!(Granted, row => Granted(row.try_get("user_id")?, RoleGrant {
    id: RoleId(row.try_get("id")?),
    user: UserId(row.try_get("user_id")?),
    role: row.try_get("role")?,
    from: instant(row.try_get("from_ms")?),
    until: row.try_get::<Option<i64>, _>("until_ms")?.map(instant),
    in_place_of: row.try_get::<Option<Uuid>, _>("in_place_of_id")?.map(UserId),
    granted_by: row.try_get("granted_by")?,
}));

impl SqlPeopleTx {
    async fn with_grants(&mut self, tenant: TenantId, mut members: Vec<Member>) -> Stored<Vec<Member>> {
        if members.is_empty() {
            return Ok(members);
        }
        let sql =
            format!("select * from member_roles where tenant_id = $1 and user_id in ({}) order by id", places(2, members.len()));
        let rows: Vec<Read<Granted>> =
            fetch!(self.tx.work, fetch_all, AssertSqlSafe(sql.as_str()), tenant.0; for it in &members => it.user.0)?;
        for Read(Granted(user, grant)) in rows {
            if let Some(member) = members.iter_mut().find(|it| it.user.0 == user) {
                member.grants.push(grant);
            }
        }
        Ok(members)
    }
}

#[async_trait]
impl Roles for SqlPeopleTx {
    async fn add_role(&mut self, tenant: TenantId, it: &Role) -> Stored<()> {
        run!(
            self.tx.work,
            "insert into roles (tenant_id, id, name, description, permissions, created_ms, created_by, revision) \
             values ($1, $2, $3, $4, $5, $6, $7, $8)",
            tenant.0,
            it.id.0,
            &it.name,
            &it.description,
            texts_of(&it.permissions),
            to_millis(it.created),
            &it.created_by,
            it.revision,
        )
        .map(|_| ())
    }

    async fn role(&mut self, tenant: TenantId, name: &str) -> Stored<Option<Role>> {
        one!(self.tx.work, "select * from roles where tenant_id = $1 and name = $2", tenant.0, name)
    }

    async fn roles(&mut self, tenant: TenantId) -> Stored<Vec<Role>> {
        list!(self.tx.work, "select * from roles where tenant_id = $1 order by name", tenant.0)
    }

    async fn update_role(&mut self, tenant: TenantId, it: &Role) -> Stored<()> {
        let changed = run!(
            self.tx.work,
            "update roles set description = $3, permissions = $4, revision = revision + 1 \
             where tenant_id = $1 and id = $2 and revision = $5",
            tenant.0,
            it.id.0,
            &it.description,
            texts_of(&it.permissions),
            it.revision,
        )?;
        match changed {
            1 => Ok(()),
            _ => Err(self.tx.work.fall(StoreError::Conflict("the role was changed meanwhile".into()))),
        }
    }

    async fn remove_role(&mut self, tenant: TenantId, id: RoleId) -> Stored<()> {
        let removed = run!(self.tx.work, "delete from roles where tenant_id = $1 and id = $2", tenant.0, id.0)?;
        self.touched(removed)
    }

    async fn members(&mut self, tenant: TenantId, after: Option<UserId>, limit: u32) -> Stored<Vec<Member>> {
        let sql = format!("{MEMBERS} m.user_id > $2 order by m.user_id limit $3");
        let rows: Vec<Read<Member>> = fetch!(
            self.tx.work,
            fetch_all,
            AssertSqlSafe(sql.as_str()),
            tenant.0,
            after.map_or(Uuid::nil(), |it| it.0),
            i64::from(limit.min(PAGE_MOST)),
        )?;
        self.with_grants(tenant, rows.into_iter().map(|it| it.0).collect()).await
    }

    async fn member(&mut self, tenant: TenantId, user: UserId) -> Stored<Option<Member>> {
        let sql = format!("{MEMBERS} m.user_id = $2");
        let row: Option<Read<Member>> = fetch!(self.tx.work, fetch_optional, AssertSqlSafe(sql.as_str()), tenant.0, user.0)?;
        let found = self.with_grants(tenant, row.into_iter().map(|it| it.0).collect()).await?;
        Ok(found.into_iter().next())
    }

    async fn set_member_state(&mut self, tenant: TenantId, user: UserId, state: MemberState) -> Stored<()> {
        let changed = run!(
            self.tx.work,
            "update memberships set state = $3 where tenant_id = $1 and user_id = $2",
            tenant.0,
            user.0,
            state.text(),
        )?;
        self.touched(changed)
    }

    async fn remove_grant(&mut self, tenant: TenantId, user: UserId, id: RoleId) -> Stored<()> {
        let removed = run!(
            self.tx.work,
            "delete from member_roles where tenant_id = $1 and user_id = $2 and id = $3",
            tenant.0,
            user.0,
            id.0,
        )?;
        self.touched(removed)
    }

    async fn count_grants(&mut self, tenant: TenantId, role: &str, now: Timestamp) -> Stored<u64> {
        let (count,): (i64,) = fetch!(
            self.tx.work,
            fetch_one,
            "select count(*) from member_roles where tenant_id = $1 and role = $2 and (until_ms is null or until_ms > $3)",
            tenant.0,
            role,
            to_millis(now),
        )?;
        Ok(count.unsigned_abs())
    }

    async fn count_holders(&mut self, tenant: TenantId, role: &str, now: Timestamp) -> Stored<u64> {
        let (count,): (i64,) = fetch!(
            self.tx.work,
            fetch_one,
            "select count(distinct g.user_id) from member_roles g \
             join memberships m on m.tenant_id = g.tenant_id and m.user_id = g.user_id and m.state = 'active' \
             join users u on u.id = g.user_id and u.state = 'active' \
             where g.tenant_id = $1 and g.role = $2 and g.from_ms <= $3 and g.until_ms is null",
            tenant.0,
            role,
            to_millis(now),
        )?;
        Ok(count.unsigned_abs())
    }
}
