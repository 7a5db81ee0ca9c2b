//! Lines of tokens. A refresh token follows another by one statement that names its generation and
//! its digest, so that of many at once exactly one does.

use super::IdTx;
use crate::read::{Read, closed, closed_opt, exactly, from_row, instant};
use crate::tx::{fetch, list, one, run};
use async_trait::async_trait;
use fedatario_app::identity::model::{Hidden, Rotation, SealedChild, SecondFactor, Session, SessionEnd, Standing, UserState};
use fedatario_app::identity::ports::{Members, Sessions};
use fedatario_app::identity::roles::built_in;
use fedatario_app::ports::Stored;
use fedatario_base::Permission;
use fedatario_base::clock::to_millis;
use fedatario_base::id::{SessionId, TenantId, UserId};
use jiff::Timestamp;
use uuid::Uuid;

from_row!(Session, row => Session {
    id: SessionId(row.try_get("id")?),
    user: UserId(row.try_get("user_id")?),
    tenant: row.try_get::<Option<Uuid>, _>("tenant_id")?.map(TenantId),
    created: instant(row.try_get("created_ms")?),
    expires: instant(row.try_get("expires_ms")?),
    used: instant(row.try_get("used_ms")?),
    authenticated: instant(row.try_get("authenticated_ms")?),
    methods: row.try_get("methods")?,
    address: row.try_get("address")?,
    user_agent: row.try_get("user_agent")?,
    generation: row.try_get("generation")?,
    digest: exactly(row.try_get("digest")?)?,
    child: match row.try_get::<Option<Vec<u8>>, _>("child")? {
        Some(blob) => Some(SealedChild {
            blob: Hidden(blob),
            until: instant(row.try_get("child_until_ms")?),
            address: row.try_get("child_address")?,
            user_agent: row.try_get("child_user_agent")?,
        }),
        None => None,
    },
    ended: match row.try_get::<Option<i64>, _>("ended_ms")? {
        Some(at) => closed_opt(row.try_get("ended_by")?, SessionEnd::from_text)?.map(|why| (instant(at), why)),
        None => None,
    },
});

/// The part of a standing that is one row.
struct Base {
    user: UserState,
    epoch: i64,
    ended: bool,
    begun: Timestamp,
    expires: Timestamp,
    authenticated: Timestamp,
    methods: String,
    signing_from: Option<Timestamp>,
}

from_row!(Base, row => Base {
    user: closed(row.try_get("state")?, UserState::from_text)?,
    epoch: row.try_get("epoch")?,
    ended: row.try_get::<Option<i64>, _>("ended_ms")?.is_some(),
    begun: instant(row.try_get("created_ms")?),
    expires: instant(row.try_get("expires_ms")?),
    authenticated: instant(row.try_get("authenticated_ms")?),
    methods: row.try_get("methods")?,
    signing_from: row.try_get::<Option<i64>, _>("signing_from_ms")?.map(instant),
});

#[async_trait]
impl Sessions for IdTx {
    async fn add_session(&mut self, it: &Session) -> Stored<()> {
        run!(
            self.tx.work,
            "insert into user_sessions (id, user_id, tenant_id, created_ms, expires_ms, used_ms, authenticated_ms, methods, address, \
             user_agent, generation, digest) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
            it.id.0,
            it.user.0,
            it.tenant.map(|it| it.0),
            to_millis(it.created),
            to_millis(it.expires),
            to_millis(it.used),
            to_millis(it.authenticated),
            &it.methods,
            &it.address,
            &it.user_agent,
            it.generation,
            &it.digest[..],
        )
        .map(|_| ())
    }

    async fn session(&mut self, id: SessionId) -> Stored<Option<Session>> {
        let sql = self.holding("select * from user_sessions where id = $1", "select * from user_sessions where id = $1 for update");
        one!(self.tx.work, sql, id.0)
    }

    async fn live_sessions(&mut self, user: UserId, now: Timestamp) -> Stored<Vec<Session>> {
        list!(
            self.tx.work,
            "select * from user_sessions where user_id = $1 and ended_ms is null and expires_ms > $2 order by id",
            user.0,
            to_millis(now),
        )
    }

    async fn rotate(&mut self, it: &Rotation) -> Stored<bool> {
        let changed = run!(
            self.tx.work,
            "update user_sessions set generation = generation + 1, digest = $4, child = $5, child_until_ms = $6, child_address = $7, \
             child_user_agent = $8, used_ms = $9, address = $7, user_agent = $8 \
             where id = $1 and generation = $2 and digest = $3 and ended_ms is null and expires_ms > $9",
            it.session.0,
            it.from,
            &it.spent[..],
            &it.digest[..],
            &it.child.blob.0,
            to_millis(it.child.until),
            &it.child.address,
            &it.child.user_agent,
            to_millis(it.at),
        )?;
        if changed == 1 {
            run!(
                self.tx.work,
                "insert into spent_tokens (session_id, generation, digest) values ($1, $2, $3)",
                it.session.0,
                it.from,
                &it.spent[..],
            )?;
        }
        Ok(changed == 1)
    }

    async fn spent_token(&mut self, id: SessionId, generation: i64) -> Stored<Option<[u8; 32]>> {
        let row: Option<(Vec<u8>,)> = fetch!(
            self.tx.work,
            fetch_optional,
            "select digest from spent_tokens where session_id = $1 and generation = $2",
            id.0,
            generation,
        )?;
        row.map(|it| self.tx.work.noted(exactly(it.0))).transpose()
    }

    async fn restate_session(
        &mut self,
        id: SessionId,
        tenant: Option<TenantId>,
        authenticated: Timestamp,
        methods: &str,
    ) -> Stored<()> {
        let changed = run!(
            self.tx.work,
            "update user_sessions set tenant_id = $2, authenticated_ms = $3, methods = $4 where id = $1 and ended_ms is null",
            id.0,
            tenant.map(|it| it.0),
            to_millis(authenticated),
            methods,
        )?;
        self.one(changed)
    }

    async fn end_session(&mut self, user: UserId, id: SessionId, why: SessionEnd, now: Timestamp) -> Stored<()> {
        let changed = run!(
            self.tx.work,
            "update user_sessions set ended_ms = coalesce(ended_ms, $4), ended_by = coalesce(ended_by, $3), child = null \
             where user_id = $1 and id = $2",
            user.0,
            id.0,
            why.text(),
            to_millis(now),
        )?;
        self.one(changed)
    }

    async fn end_sessions(&mut self, user: UserId, but: Option<SessionId>, why: SessionEnd, now: Timestamp) -> Stored<u64> {
        run!(
            self.tx.work,
            "update user_sessions set ended_ms = $4, ended_by = $3, child = null where user_id = $1 and id <> $2 and ended_ms is null",
            user.0,
            but.map_or(Uuid::nil(), |it| it.0),
            why.text(),
            to_millis(now),
        )
    }

    async fn prune_sessions(&mut self, before: Timestamp, limit: u32) -> Stored<u64> {
        // Their spent tokens go with them.
        run!(
            self.tx.work,
            "delete from user_sessions where id in (select id from user_sessions where expires_ms < $1 order by expires_ms limit $2)",
            to_millis(before),
            i64::from(limit),
        )
    }

    async fn standing(
        &mut self,
        session: SessionId,
        user: UserId,
        tenant: Option<TenantId>,
        now: Timestamp,
    ) -> Stored<Option<Standing>> {
        let base: Option<Read<Base>> = fetch!(
            self.tx.work,
            fetch_optional,
            "select u.state, u.epoch, u.signing_from_ms, s.ended_ms, s.created_ms, s.expires_ms, s.authenticated_ms, s.methods \
             from user_sessions s join users u on u.id = s.user_id where s.id = $1 and s.user_id = $2",
            session.0,
            user.0,
        )?;
        let Some(Read(base)) = base else { return Ok(None) };
        let in_force = match tenant {
            Some(tenant) => self.permissions_in(tenant, user, now, base.begun).await?,
            None => None,
        };
        let is_member = in_force.is_some();
        let (permissions, asked) = in_force.unwrap_or((Vec::new(), SecondFactor::Roles));
        let platform = self.platform_roles(user).await?;
        let platform = platform.iter().filter_map(|it| built_in(it)).flatten().filter(|it| it.is_platform());
        Ok(Some(Standing {
            user: base.user,
            epoch: base.epoch,
            ended: base.ended,
            expires: base.expires,
            authenticated: base.authenticated,
            methods: base.methods,
            is_member,
            permissions,
            asked,
            platform: sorted(platform.collect()),
            signing_from: base.signing_from,
        }))
    }
}

/// In order, each once.
pub(super) fn sorted(mut permissions: Vec<Permission>) -> Vec<Permission> {
    permissions.sort_unstable();
    permissions.dedup();
    permissions
}
