//! Certificates with their sealed keys.

use crate::read::{Read, closed, exactly, from_row, instant};
use crate::tx::{SqlTx, fetch, run};
use async_trait::async_trait;
use fedatario_app::model::{CredentialKind, CredentialRow, CredentialState};
use fedatario_app::ports::{Credentials, StoreError, Stored};
use fedatario_base::clock::to_millis;
use fedatario_base::id::{CredentialId, TaxpayerId};

from_row!(CredentialRow, row => CredentialRow {
    id: CredentialId(row.try_get("id")?),
    taxpayer: TaxpayerId(row.try_get("taxpayer_id")?),
    kind: closed(row.try_get("kind")?, CredentialKind::from_text)?,
    number: row.try_get("number")?,
    certificate: row.try_get("certificate")?,
    not_before: instant(row.try_get("not_before_ms")?),
    not_after: instant(row.try_get("not_after_ms")?),
    state: closed(row.try_get("state")?, CredentialState::from_text)?,
    reason: row.try_get("reason")?,
    wrapped_key: row.try_get("wrapped_key")?,
    key_version: row.try_get("key_version")?,
    digest: exactly(row.try_get("digest")?)?,
    object: row.try_get("object")?,
    created: instant(row.try_get("created_ms")?),
});

#[async_trait]
impl Credentials for SqlTx {
    async fn put_credential(&mut self, it: &CredentialRow) -> Stored<()> {
        if self.hides(it.taxpayer.0).await? {
            return Err(self.work.fall(StoreError::NotFound));
        }
        run!(
            self.work,
            "update credentials set state = 'replaced' \
             where tenant_id = $1 and taxpayer_id = $2 and kind = $3 and state in ('active', 'blocked')",
            self.tenant,
            it.taxpayer.0,
            it.kind.text(),
        )?;
        run!(
            self.work,
            "insert into credentials (tenant_id, id, taxpayer_id, kind, number, certificate, not_before_ms, not_after_ms, \
             state, reason, wrapped_key, key_version, digest, object, created_ms) \
             values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)",
            self.tenant,
            it.id.0,
            it.taxpayer.0,
            it.kind.text(),
            &it.number,
            &it.certificate,
            to_millis(it.not_before),
            to_millis(it.not_after),
            it.state.text(),
            &it.reason,
            &it.wrapped_key,
            it.key_version,
            &it.digest[..],
            &it.object,
            to_millis(it.created),
        )
        .map(|_| ())
    }

    async fn credential(&mut self, id: CredentialId) -> Stored<Option<CredentialRow>> {
        let row: Option<Read<CredentialRow>> =
            fetch!(self.work, fetch_optional, "select * from credentials where tenant_id = $1 and id = $2", self.tenant, id.0)?;
        match row {
            Some(Read(it)) if !self.hides(it.taxpayer.0).await? => Ok(Some(it)),
            _ => Ok(None),
        }
    }

    async fn current_credential(&mut self, taxpayer: TaxpayerId, kind: CredentialKind) -> Stored<Option<CredentialRow>> {
        let row: Option<Read<CredentialRow>> = fetch!(
            self.work,
            fetch_optional,
            "select * from credentials where tenant_id = $1 and taxpayer_id = $2 and kind = $3 and state in ('active', 'blocked')",
            self.tenant,
            taxpayer.0,
            kind.text(),
        )?;
        match row {
            Some(Read(it)) if !self.hides(it.taxpayer.0).await? => Ok(Some(it)),
            _ => Ok(None),
        }
    }

    async fn set_credential_state(&mut self, id: CredentialId, state: CredentialState, reason: Option<&str>) -> Stored<()> {
        let changed = run!(
            self.work,
            "update credentials set state = $3, reason = $4 where tenant_id = $1 and id = $2",
            self.tenant,
            id.0,
            state.text(),
            reason,
        )?;
        if changed == 1 { Ok(()) } else { Err(StoreError::NotFound) }
    }

    async fn credentials_behind(&mut self, version: i64) -> Stored<u64> {
        let (count,): (i64,) = fetch!(
            self.work,
            fetch_one,
            "select count(*) from credentials where tenant_id = $1 and key_version < $2",
            self.tenant,
            version,
        )?;
        Ok(count.unsigned_abs())
    }
}
