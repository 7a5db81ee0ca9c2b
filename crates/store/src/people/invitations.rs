//! Invitations into a tenant; one is open for an address at a time.

use super::SqlPeopleTx;
use super::{joined, split};
use crate::read::{closed, exactly, from_row, instant};
use crate::tx::{list, one, run};
use async_trait::async_trait;
use fedatario_app::identity::tenancy::{Invitation, InvitationState};
use fedatario_app::identity::tenancy_ports::Invitations;
use fedatario_app::ports::Stored;
use fedatario_base::clock::to_millis;
use fedatario_base::id::{InvitationId, TenantId, UserId};
use jiff::Timestamp;
use sqlx::AssertSqlSafe;

from_row!(Invitation, row => Invitation {
    id: InvitationId(row.try_get("id")?),
    tenant: TenantId(row.try_get("tenant_id")?),
    email: row.try_get("email")?,
    language: row.try_get("language")?,
    roles: split(row.try_get("roles")?),
    digest: exactly(row.try_get("digest")?)?,
    invited_by: row.try_get("invited_by")?,
    created: instant(row.try_get("created_ms")?),
    expires: instant(row.try_get("expires_ms")?),
    state: closed(row.try_get("state")?, InvitationState::from_text)?,
});

#[async_trait]
impl Invitations for SqlPeopleTx {
    async fn add_invitation(&mut self, it: &Invitation) -> Stored<()> {
        run!(
            self.tx.work,
            "update invitations set state = 'replaced', ended_ms = $3 where tenant_id = $1 and email = $2 and state = 'open'",
            it.tenant.0,
            &it.email,
            to_millis(it.created),
        )?;
        run!(
            self.tx.work,
            "insert into invitations (tenant_id, id, email, language, roles, digest, invited_by, created_ms, expires_ms, state) \
             values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
            it.tenant.0,
            it.id.0,
            &it.email,
            &it.language,
            joined(&it.roles),
            it.digest.to_vec(),
            &it.invited_by,
            to_millis(it.created),
            to_millis(it.expires),
            it.state.text(),
        )
        .map(|_| ())
    }

    async fn invitations(&mut self, tenant: TenantId, limit: u32) -> Stored<Vec<Invitation>> {
        list!(self.tx.work, "select * from invitations where tenant_id = $1 order by id desc limit $2", tenant.0, i64::from(limit),)
    }

    async fn invitation(&mut self, digest: &[u8; 32]) -> Stored<Option<Invitation>> {
        let sql = format!("select * from invitations where digest = $1{}", self.holding());
        one!(self.tx.work, AssertSqlSafe(sql.as_str()), digest.to_vec())
    }

    async fn end_invitation(
        &mut self,
        tenant: TenantId,
        id: InvitationId,
        state: InvitationState,
        user: Option<UserId>,
        now: Timestamp,
    ) -> Stored<bool> {
        let ended = run!(
            self.tx.work,
            "update invitations set state = $3, ended_ms = $4, user_id = $5 where tenant_id = $1 and id = $2 and state = 'open'",
            tenant.0,
            id.0,
            state.text(),
            to_millis(now),
            user.map(|it| it.0),
        )?;
        Ok(ended == 1)
    }
}
