//! Keys of programs. Of a secret only its digest is here.

use super::SqlPeopleTx;
use super::{joined, permissions_of, split, texts_of};
use crate::read::{Read, exactly, from_row, instant, small};
use crate::tx::{fetch, list, run};
use async_trait::async_trait;
use fedatario_app::identity::tenancy::{ApiKey, ApiKeySecret};
use fedatario_app::identity::tenancy_ports::ApiKeys;
use fedatario_app::ports::{StoreError, Stored};
use fedatario_base::clock::to_millis;
use fedatario_base::id::{ApiKeyId, TenantId};
use jiff::Timestamp;
use sqlx::AssertSqlSafe;
use uuid::Uuid;

from_row!(ApiKey, row => ApiKey {
    id: ApiKeyId(row.try_get("id")?),
    tenant: TenantId(row.try_get("tenant_id")?),
    name: row.try_get("name")?,
    is_test: row.try_get("is_test")?,
    scopes: permissions_of(row.try_get("scopes")?),
    networks: split(row.try_get("networks")?),
    calls_a_minute: row.try_get::<Option<i64>, _>("calls_a_minute")?.map(small).transpose()?,
    created: instant(row.try_get("created_ms")?),
    created_by: row.try_get("created_by")?,
    stepped_up: row.try_get::<Option<i64>, _>("stepped_up_ms")?.map(instant),
    expires: instant(row.try_get("expires_ms")?),
    revoked: match row.try_get::<Option<i64>, _>("revoked_ms")? {
        Some(at) => Some((instant(at), row.try_get::<Option<String>, _>("revoked_by")?.unwrap_or_default())),
        None => None,
    },
    used: match row.try_get::<Option<i64>, _>("used_ms")? {
        Some(at) => Some((instant(at), row.try_get::<Option<String>, _>("used_from")?.unwrap_or_default())),
        None => None,
    },
    revision: row.try_get("revision")?,
});

from_row!(ApiKeySecret, row => ApiKeySecret {
    digest: exactly(row.try_get("digest")?)?,
    created: instant(row.try_get("created_ms")?),
    until: row.try_get::<Option<i64>, _>("until_ms")?.map(instant),
});

impl SqlPeopleTx {
    async fn insert_secret(&mut self, tenant: TenantId, id: ApiKeyId, it: &ApiKeySecret) -> Stored<()> {
        run!(
            self.tx.work,
            "insert into api_key_secrets (tenant_id, key_id, digest, created_ms, until_ms) values ($1, $2, $3, $4, $5)",
            tenant.0,
            id.0,
            it.digest.to_vec(),
            to_millis(it.created),
            it.until.map(to_millis),
        )
        .map(|_| ())
    }
}

#[async_trait]
impl ApiKeys for SqlPeopleTx {
    async fn add_api_key(&mut self, it: &ApiKey, secret: &ApiKeySecret) -> Stored<()> {
        run!(
            self.tx.work,
            "insert into api_keys (tenant_id, id, name, is_test, scopes, networks, calls_a_minute, created_ms, created_by, \
             stepped_up_ms, expires_ms, revision) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
            it.tenant.0,
            it.id.0,
            &it.name,
            it.is_test,
            texts_of(&it.scopes),
            joined(&it.networks),
            it.calls_a_minute.map(i64::from),
            to_millis(it.created),
            &it.created_by,
            it.stepped_up.map(to_millis),
            to_millis(it.expires),
            it.revision,
        )?;
        self.insert_secret(it.tenant, it.id, secret).await
    }

    async fn api_key(&mut self, id: ApiKeyId, now: Timestamp) -> Stored<Option<(ApiKey, Vec<ApiKeySecret>)>> {
        let sql = format!("select * from api_keys where id = $1{}", self.holding());
        let row: Option<Read<ApiKey>> = fetch!(self.tx.work, fetch_optional, AssertSqlSafe(sql.as_str()), id.0)?;
        let Some(Read(key)) = row else { return Ok(None) };
        let secrets: Vec<Read<ApiKeySecret>> = fetch!(
            self.tx.work,
            fetch_all,
            "select * from api_key_secrets where tenant_id = $1 and key_id = $2 and (until_ms is null or until_ms > $3) \
             order by created_ms, digest",
            key.tenant.0,
            id.0,
            to_millis(now),
        )?;
        Ok(Some((key, secrets.into_iter().map(|it| it.0).collect())))
    }

    async fn api_keys(&mut self, tenant: TenantId, after: Option<ApiKeyId>, limit: u32) -> Stored<Vec<ApiKey>> {
        list!(
            self.tx.work,
            "select * from api_keys where tenant_id = $1 and id > $2 order by id limit $3",
            tenant.0,
            after.map_or(Uuid::nil(), |it| it.0),
            i64::from(limit),
        )
    }

    async fn count_api_keys(&mut self, tenant: TenantId, now: Timestamp) -> Stored<u64> {
        let (count,): (i64,) = fetch!(
            self.tx.work,
            fetch_one,
            "select count(*) from api_keys where tenant_id = $1 and revoked_ms is null and expires_ms > $2",
            tenant.0,
            to_millis(now),
        )?;
        Ok(count.unsigned_abs())
    }

    async fn update_api_key(&mut self, it: &ApiKey) -> Stored<()> {
        let changed = run!(
            self.tx.work,
            "update api_keys set name = $3, scopes = $4, networks = $5, calls_a_minute = $6, stepped_up_ms = $7, expires_ms = $8, \
             revoked_ms = $9, revoked_by = $10, revision = revision + 1 where tenant_id = $1 and id = $2 and revision = $11",
            it.tenant.0,
            it.id.0,
            &it.name,
            texts_of(&it.scopes),
            joined(&it.networks),
            it.calls_a_minute.map(i64::from),
            it.stepped_up.map(to_millis),
            to_millis(it.expires),
            it.revoked.as_ref().map(|(at, _)| to_millis(*at)),
            it.revoked.as_ref().map(|(_, by)| by.as_str()),
            it.revision,
        )?;
        match changed {
            1 => Ok(()),
            _ => Err(self.tx.work.fall(StoreError::Conflict("the key was changed meanwhile".into()))),
        }
    }

    async fn add_api_key_secret(
        &mut self,
        tenant: TenantId,
        id: ApiKeyId,
        secret: &ApiKeySecret,
        overlap: Timestamp,
        now: Timestamp,
    ) -> Stored<()> {
        run!(
            self.tx.work,
            "delete from api_key_secrets where tenant_id = $1 and key_id = $2 and until_ms <= $3",
            tenant.0,
            id.0,
            to_millis(now),
        )?;
        run!(
            self.tx.work,
            "update api_key_secrets set until_ms = $3 where tenant_id = $1 and key_id = $2 and (until_ms is null or until_ms > $3)",
            tenant.0,
            id.0,
            to_millis(overlap),
        )?;
        self.insert_secret(tenant, id, secret).await
    }

    async fn note_api_key_use(&mut self, tenant: TenantId, id: ApiKeyId, now: Timestamp, from: &str) -> Stored<()> {
        run!(
            self.tx.work,
            "update api_keys set used_ms = $3, used_from = $4 where tenant_id = $1 and id = $2",
            tenant.0,
            id.0,
            to_millis(now),
            from,
        )
        .map(|_| ())
    }
}
