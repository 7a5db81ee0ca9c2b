//! Who belongs where, with which roles.

use super::IdTx;
use super::sessions::sorted;
use crate::read::{Read, closed, from_row, instant};
use crate::tx::{Work, fetch, list, run};
use async_trait::async_trait;
use fedatario_app::identity::model::{MemberState, Membership, RoleGrant, SecondFactor, SessionEnd, User};
use fedatario_app::identity::ports::Members;
use fedatario_app::identity::roles::built_in;
use fedatario_app::ports::Stored;
use fedatario_base::Permission;
use fedatario_base::clock::to_millis;
use fedatario_base::id::{RoleId, TenantId, UserId};
use jiff::Timestamp;
use uuid::Uuid;

/// A member and one of their roles in force.
struct Holder {
    user: User,
    role: String,
    own: Option<String>,
}

from_row!(Holder, row => Holder {
    user: Read::<User>::from_row(row)?.0,
    role: row.try_get("held_role")?,
    own: row.try_get("held_permissions")?,
});

from_row!(Membership, row => Membership {
    tenant: TenantId(row.try_get("tenant_id")?),
    tenant_name: row.try_get("name")?,
    user: UserId(row.try_get("user_id")?),
    state: closed(row.try_get("state")?, MemberState::from_text)?,
    created: instant(row.try_get("created_ms")?),
});

from_row!(RoleGrant, row => RoleGrant {
    id: RoleId(row.try_get("id")?),
    user: UserId(row.try_get("user_id")?),
    role: row.try_get("role")?,
    from: instant(row.try_get("from_ms")?),
    until: row.try_get::<Option<i64>, _>("until_ms")?.map(instant),
    in_place_of: row.try_get::<Option<Uuid>, _>("in_place_of_id")?.map(UserId),
    granted_by: row.try_get("granted_by")?,
});

#[async_trait]
impl Members for IdTx {
    async fn add_membership(&mut self, it: &Membership) -> Stored<()> {
        run!(
            self.tx.work,
            "insert into memberships (tenant_id, user_id, state, created_ms) values ($1, $2, $3, $4)",
            it.tenant.0,
            it.user.0,
            it.state.text(),
            to_millis(it.created),
        )
        .map(|_| ())
    }

    async fn memberships(&mut self, user: UserId) -> Stored<Vec<Membership>> {
        list!(
            self.tx.work,
            "select m.tenant_id, t.name, m.user_id, m.state, m.created_ms from memberships m join tenants t on t.id = m.tenant_id \
             where m.user_id = $1 and m.state = 'active' order by m.tenant_id",
            user.0,
        )
    }

    async fn grant_role(&mut self, tenant: TenantId, it: &RoleGrant) -> Stored<()> {
        insert_grant(&mut self.tx.work, tenant, it).await
    }

    async fn grants(&mut self, tenant: TenantId, user: UserId) -> Stored<Vec<RoleGrant>> {
        list!(self.tx.work, "select * from member_roles where tenant_id = $1 and user_id = $2 order by id", tenant.0, user.0)
    }

    async fn allowed_in(&mut self, tenant: TenantId, user: UserId, now: Timestamp) -> Stored<Option<Vec<Permission>>> {
        // A line that begins now is no older than any that was shut.
        Ok(self.permissions_in(tenant, user, now, Timestamp::MAX).await?.map(|it| it.0))
    }

    async fn holders_of(&mut self, tenant: TenantId, permission: Permission, now: Timestamp, limit: u32) -> Stored<Vec<User>> {
        let rows: Vec<Read<Holder>> = fetch!(
            self.tx.work,
            fetch_all,
            "select u.*, g.role as held_role, r.permissions as held_permissions from memberships m \
             join users u on u.id = m.user_id and u.state = 'active' \
             join member_roles g on g.tenant_id = m.tenant_id and g.user_id = m.user_id \
             left join roles r on r.tenant_id = g.tenant_id and r.name = g.role \
             where m.tenant_id = $1 and m.state = 'active' and g.from_ms <= $2 and (g.until_ms is null or g.until_ms > $2) \
             order by u.id",
            tenant.0,
            to_millis(now),
        )?;
        let holds = |it: &Holder| allowed(&it.role, it.own.as_deref()).contains(&permission);
        let mut holders: Vec<User> = rows.into_iter().map(|it| it.0).filter(holds).map(|it| it.user).collect();
        holders.dedup_by_key(|it| it.id);
        holders.truncate(limit as usize);
        Ok(holders)
    }

    async fn shut_lines(&mut self, tenant: TenantId, user: UserId, now: Timestamp) -> Stored<u64> {
        let shut = run!(
            self.tx.work,
            "update memberships set lines_from_ms = $3 where tenant_id = $1 and user_id = $2",
            tenant.0,
            user.0,
            to_millis(now),
        )?;
        self.one(shut)?;
        run!(
            self.tx.work,
            "update user_sessions set ended_ms = $4, ended_by = $3, child = null \
             where user_id = $2 and tenant_id = $1 and ended_ms is null and expires_ms > $4",
            tenant.0,
            user.0,
            SessionEnd::Forced.text(),
            to_millis(now),
        )
    }

    async fn grant_platform_role(&mut self, user: UserId, role: &str, granted_by: &str, now: Timestamp) -> Stored<()> {
        run!(
            self.tx.work,
            "insert into platform_roles (user_id, role, granted_by, created_ms) values ($1, $2, $3, $4) \
             on conflict (user_id, role) do nothing",
            user.0,
            role,
            granted_by,
            to_millis(now),
        )
        .map(|_| ())
    }

    async fn platform_roles(&mut self, user: UserId) -> Stored<Vec<String>> {
        let rows: Vec<(String,)> =
            fetch!(self.tx.work, fetch_all, "select role from platform_roles where user_id = $1 order by role", user.0)?;
        Ok(rows.into_iter().map(|it| it.0).collect())
    }

    async fn first_tenants(&mut self, limit: u32) -> Stored<Vec<(TenantId, String)>> {
        let rows: Vec<(Uuid, String)> =
            fetch!(self.tx.work, fetch_all, "select id, name from tenants order by id limit $1", i64::from(limit))?;
        Ok(rows.into_iter().map(|(id, name)| (TenantId(id), name)).collect())
    }

    async fn make_tenant(&mut self, id: TenantId, name: &str, now: Timestamp) -> Stored<()> {
        run!(self.tx.work, "insert into tenants (id, name, created_ms) values ($1, $2, $3)", id.0, name, to_millis(now)).map(|_| ())
    }
}

impl IdTx {
    /// What the roles in force of a member allow, and of whom the tenant asks a second factor; none for
    /// whoever is no member of an open tenant, or whose line began before its lines were shut.
    pub(super) async fn permissions_in(
        &mut self,
        tenant: TenantId,
        user: UserId,
        now: Timestamp,
        begun: Timestamp,
    ) -> Stored<Option<(Vec<Permission>, SecondFactor)>> {
        let Some(asked) = self.belongs(tenant, user, begun).await? else { return Ok(None) };
        let roles: Vec<(String, Option<String>)> = fetch!(
            self.tx.work,
            fetch_all,
            "select g.role, r.permissions from member_roles g left join roles r on r.tenant_id = g.tenant_id and r.name = g.role \
             where g.tenant_id = $1 and g.user_id = $2 and g.from_ms <= $3 and (g.until_ms is null or g.until_ms > $3)",
            tenant.0,
            user.0,
            to_millis(now),
        )?;
        let permissions = roles.iter().flat_map(|(name, own)| allowed(name, own.as_deref())).filter(|it| !it.is_platform());
        Ok(Some((sorted(permissions.collect()), asked)))
    }

    /// Of whom a tenant asks a second factor, if somebody is a member of it, one may come into it, and a
    /// line that began then is good in it.
    async fn belongs(&mut self, tenant: TenantId, user: UserId, begun: Timestamp) -> Stored<Option<SecondFactor>> {
        let asked: Option<(String,)> = fetch!(
            self.tx.work,
            fetch_optional,
            "select t.second_factor from memberships m join tenants t on t.id = m.tenant_id and t.state = 'active' \
             where m.tenant_id = $1 and m.user_id = $2 and m.state = 'active' and (m.lines_from_ms is null or m.lines_from_ms < $3)",
            tenant.0,
            user.0,
            to_millis(begun),
        )?;
        // What is not understood asks for more, not for less.
        Ok(asked.map(|it| SecondFactor::from_text(&it.0).unwrap_or(SecondFactor::Everybody)))
    }
}

/// What a role allows: a built-in one by its name, one that a tenant defined by what it wrote down.
fn allowed(name: &str, own: Option<&str>) -> Vec<Permission> {
    match built_in(name) {
        Some(permissions) => permissions.into_iter().collect(),
        None => own.unwrap_or_default().split(' ').filter_map(Permission::from_text).collect(),
    }
}

/// Writes a role given to a member, for whoever gives it.
pub(crate) async fn insert_grant(work: &mut Work, tenant: TenantId, it: &RoleGrant) -> Stored<()> {
    run!(
        work,
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
