//! Backups of key material that were asked for.

use crate::read::{closed, exactly, from_row, instant};
use crate::tx::{SqlTx, list, one, run};
use async_trait::async_trait;
use fedatario_app::ports::Stored;
use fedatario_app::releases::model::{Backup, BackupState};
use fedatario_app::releases::ports::Releases;
use fedatario_base::clock::to_millis;
use fedatario_base::id::{BackupId, CredentialId, UserId};
use jiff::Timestamp;

from_row!(Backup, row => Backup {
    id: BackupId(row.try_get("id")?),
    state: closed(row.try_get("state")?, BackupState::from_text)?,
    credential: row.try_get::<Option<uuid::Uuid>, _>("credential_id")?.map(CredentialId),
    reason: row.try_get("reason")?,
    asked_by: row.try_get("asked_by")?,
    asked: instant(row.try_get("asked_ms")?),
    due: row.try_get::<Option<i64>, _>("due_ms")?.map(instant),
    expires: instant(row.try_get("expires_ms")?),
    approved_by: row.try_get("approved_by")?,
    approved: row.try_get::<Option<i64>, _>("approved_ms")?.map(instant),
    ended_by: row.try_get("ended_by")?,
    ended: row.try_get::<Option<i64>, _>("ended_ms")?.map(instant),
    digest: row.try_get::<Option<Vec<u8>>, _>("digest")?.map(exactly).transpose()?,
});

/// Whether something is so.
struct Truth(bool);

from_row!(Truth, row => Truth(row.try_get("so")?));

/// How many.
struct Count(i64);

from_row!(Count, row => Count(row.try_get("many")?));

#[async_trait]
impl Releases for SqlTx {
    async fn backups_allowed(&mut self) -> Stored<bool> {
        let said: Stored<Option<Truth>> =
            one!(self.work, "select backups as so from vault_policies where tenant_id = $1", self.tenant);
        Ok(said?.is_some_and(|it| it.0))
    }

    async fn allow_backups(&mut self, allowed: bool, by: &str, now: Timestamp) -> Stored<()> {
        run!(
            self.work,
            "insert into vault_policies (tenant_id, backups, changed_by, changed_ms) values ($1, $2, $3, $4) \
             on conflict (tenant_id) do update set backups = excluded.backups, changed_by = excluded.changed_by, \
             changed_ms = excluded.changed_ms",
            self.tenant,
            allowed,
            by,
            to_millis(now),
        )
        .map(|_| ())
    }

    async fn members_beside(&mut self, user: UserId) -> Stored<u64> {
        let many: Stored<Option<Count>> = one!(
            self.work,
            "select count(*) as many from memberships where tenant_id = $1 and user_id <> $2 and state = 'active'",
            self.tenant,
            user.0,
        );
        Ok(many?.map_or(0, |it| it.0.unsigned_abs()))
    }

    async fn lapse_backups(&mut self, now: Timestamp) -> Stored<u64> {
        run!(
            self.work,
            "update vault_backups set state = 'lapsed' where tenant_id = $1 and expires_ms <= $2 \
             and state in ('asked', 'waiting', 'approved')",
            self.tenant,
            to_millis(now),
        )
    }

    async fn add_backup(&mut self, it: &Backup) -> Stored<()> {
        run!(
            self.work,
            "insert into vault_backups (tenant_id, id, state, credential_id, reason, asked_by, asked_ms, due_ms, expires_ms) \
             values ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
            self.tenant,
            it.id.0,
            it.state.text(),
            it.credential.map(|it| it.0),
            &it.reason,
            &it.asked_by,
            to_millis(it.asked),
            it.due.map(to_millis),
            to_millis(it.expires),
        )
        .map(|_| ())
    }

    async fn backup(&mut self, id: BackupId) -> Stored<Option<Backup>> {
        one!(self.work, "select * from vault_backups where tenant_id = $1 and id = $2", self.tenant, id.0)
    }

    async fn backups(&mut self, before: Option<BackupId>, limit: u32) -> Stored<Vec<Backup>> {
        list!(
            self.work,
            "select * from vault_backups where tenant_id = $1 and ($2 is null or id < $2) order by id desc limit $3",
            self.tenant,
            before.map(|it| it.0),
            i64::from(limit),
        )
    }

    async fn move_backup(&mut self, it: &Backup, from: BackupState) -> Stored<bool> {
        let changed = run!(
            self.work,
            "update vault_backups set state = $3, expires_ms = $4, approved_by = $5, approved_ms = $6, ended_by = $7, \
             ended_ms = $8, digest = $9 where tenant_id = $1 and id = $2 and state = $10",
            self.tenant,
            it.id.0,
            it.state.text(),
            to_millis(it.expires),
            &it.approved_by,
            it.approved.map(to_millis),
            &it.ended_by,
            it.ended.map(to_millis),
            it.digest.as_ref().map(|it| &it[..]),
            from.text(),
        )?;
        Ok(changed == 1)
    }
}
