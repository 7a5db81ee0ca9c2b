//! Certificates with their sealed keys: whose they are, which is in use, which rests and which waits.
//!
//! One of an owner and kind is in use and one waits at most: two unique indexes say so, whatever the code
//! above does.

use crate::read::{closed, exactly, from_row, instant};
use crate::tx::{SqlTx, fetch, list, one, run};
use async_trait::async_trait;
use fedatario_app::model::{
    CredentialFilter, CredentialKind, CredentialRow, CredentialState, Delegation, KeyUse, Owner, SignatureConfig, SignatureMode,
};
use fedatario_app::ports::{Credentials, StoreError, Stored};
use fedatario_base::clock::to_millis;
use fedatario_base::id::{CredentialId, TaxpayerId, UserId};
use jiff::Timestamp;
use sqlx::AssertSqlSafe;
use uuid::Uuid;

from_row!(CredentialRow, row => CredentialRow {
    id: CredentialId(row.try_get("id")?),
    owner: owner(row.try_get("taxpayer_id")?, row.try_get("user_id")?)?,
    kind: closed(row.try_get("kind")?, CredentialKind::from_text)?,
    number: row.try_get("number")?,
    name: row.try_get("name")?,
    certificate: row.try_get("certificate")?,
    not_before: instant(row.try_get("not_before_ms")?),
    not_after: instant(row.try_get("not_after_ms")?),
    state: closed(row.try_get("state")?, CredentialState::from_text)?,
    reason: row.try_get("reason")?,
    wrapped_key: row.try_get("wrapped_key")?,
    key_use: closed(row.try_get("key_use")?, KeyUse::from_text)?,
    key_version: row.try_get("key_version")?,
    digest: exactly(row.try_get("digest")?)?,
    object: row.try_get("object")?,
    activate: row.try_get::<Option<i64>, _>("activate_ms")?.map(instant),
    replaced: row.try_get::<Option<i64>, _>("replaced_ms")?.map(instant),
    keep_until: row.try_get::<Option<i64>, _>("keep_until_ms")?.map(instant),
    uploaded_by: row.try_get("uploaded_by")?,
    created: instant(row.try_get("created_ms")?),
});

from_row!(Delegation, row => Delegation {
    credential: CredentialId(row.try_get("credential_id")?),
    rnc: row.try_get("rnc")?,
    from: instant(row.try_get("from_ms")?),
    to: row.try_get::<Option<i64>, _>("to_ms")?.map(instant),
    granted_by: row.try_get("granted_by")?,
});

from_row!(SignatureConfig, row => SignatureConfig {
    mode: closed(row.try_get("mode")?, SignatureMode::from_text)?,
    credential: row.try_get::<Option<Uuid>, _>("credential_id")?.map(CredentialId),
    auto_sign: row.try_get("auto_sign")?,
    notify: row.try_get("notify")?,
    revision: row.try_get("revision")?,
});

/// Whose a row is: one of two columns is filled.
pub(crate) fn owner(taxpayer: Option<Uuid>, user: Option<Uuid>) -> sqlx::Result<Owner> {
    match (taxpayer, user) {
        (Some(id), None) => Ok(Owner::Taxpayer(TaxpayerId(id))),
        (None, Some(id)) => Ok(Owner::User(UserId(id))),
        _ => Err(sqlx::Error::Decode("a credential of nobody, or of two".into())),
    }
}

/// The id behind an owner; the columns of both kinds share one index.
fn owner_id(owner: Owner) -> Uuid {
    match owner {
        Owner::Taxpayer(id) => id.0,
        Owner::User(id) => id.0,
    }
}

/// What a filter says of states, in SQL: texts of a closed set, nothing of a caller's.
fn of_states(states: &[CredentialState]) -> String {
    if states.is_empty() {
        return String::new();
    }
    let texts: Vec<String> = states.iter().map(|it| format!("'{}'", it.text())).collect();
    format!(" and state in ({})", texts.join(", "))
}

impl SqlTx {
    /// Whether an owner is hidden from this transaction, as what is outside the sandbox is.
    async fn hides_owner(&mut self, owner: Owner) -> Stored<bool> {
        match owner {
            Owner::Taxpayer(id) => self.hides(id.0).await,
            Owner::User(_) => Ok(self.sandbox_only),
        }
    }

    async fn unless_hidden(&mut self, found: Option<CredentialRow>) -> Stored<Option<CredentialRow>> {
        match found {
            Some(it) if !self.hides_owner(it.owner).await? => Ok(Some(it)),
            _ => Ok(None),
        }
    }

    /// Whatever is in one of the states makes room: its key rests from `now` until `keep_until`.
    async fn retire(&mut self, owner: Owner, kind: CredentialKind, states: &[CredentialState], at: [Timestamp; 2]) -> Stored<()> {
        let sql = format!(
            "update credentials set state = 'replaced', activate_ms = null, replaced_ms = $4, keep_until_ms = $5 \
             where tenant_id = $1 and coalesce(taxpayer_id, user_id) = $2 and kind = $3{}",
            of_states(states),
        );
        let [now, keep_until] = at.map(to_millis);
        run!(self.work, AssertSqlSafe(sql.as_str()), self.tenant, owner_id(owner), kind.text(), now, keep_until).map(|_| ())
    }
}

#[async_trait]
impl Credentials for SqlTx {
    async fn put_credential(&mut self, it: &CredentialRow, keep_until: Timestamp) -> Stored<()> {
        if self.hides_owner(it.owner).await? {
            return Err(self.work.fall(StoreError::NotFound));
        }
        let makes_room: &[CredentialState] = match it.state {
            CredentialState::Next => &[CredentialState::Next],
            _ => &[CredentialState::Active, CredentialState::Blocked],
        };
        self.retire(it.owner, it.kind, makes_room, [it.created, keep_until]).await?;
        run!(
            self.work,
            "insert into credentials (tenant_id, id, taxpayer_id, user_id, kind, number, name, certificate, not_before_ms, \
             not_after_ms, state, reason, wrapped_key, key_use, key_version, digest, object, activate_ms, replaced_ms, \
             keep_until_ms, uploaded_by, created_ms) \
             values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22)",
            self.tenant,
            it.id.0,
            it.owner.taxpayer().map(|it| it.0),
            it.owner.user().map(|it| it.0),
            it.kind.text(),
            &it.number,
            &it.name,
            &it.certificate,
            to_millis(it.not_before),
            to_millis(it.not_after),
            it.state.text(),
            &it.reason,
            &it.wrapped_key,
            it.key_use.text(),
            it.key_version,
            &it.digest[..],
            &it.object,
            it.activate.map(to_millis),
            it.replaced.map(to_millis),
            it.keep_until.map(to_millis),
            &it.uploaded_by,
            to_millis(it.created),
        )
        .map(|_| ())
    }

    async fn promote_credential(&mut self, id: CredentialId, now: Timestamp, keep_until: Timestamp) -> Stored<()> {
        let found = self.credential(id).await?;
        let waits_or_rests = |it: &CredentialRow| matches!(it.state, CredentialState::Next | CredentialState::Replaced);
        let Some(it) = found.filter(|it| waits_or_rests(it) && it.reason.is_none()) else {
            return Err(self.work.fall(StoreError::NotFound));
        };
        self.retire(it.owner, it.kind, &[CredentialState::Active, CredentialState::Blocked], [now, keep_until]).await?;
        let changed = run!(
            self.work,
            "update credentials set state = 'active', activate_ms = null, replaced_ms = null, keep_until_ms = null \
             where tenant_id = $1 and id = $2 and state in ('next', 'replaced') and reason is null",
            self.tenant,
            id.0,
        )?;
        if changed == 1 { Ok(()) } else { Err(self.work.fall(StoreError::NotFound)) }
    }

    async fn destroy_credential(&mut self, id: CredentialId) -> Stored<bool> {
        let nothing: &[u8] = &[];
        let changed = run!(
            self.work,
            "update credentials set state = 'destroyed', wrapped_key = $3, activate_ms = null, keep_until_ms = null \
             where tenant_id = $1 and id = $2 and state <> 'destroyed'",
            self.tenant,
            id.0,
            nothing,
        )?;
        Ok(changed == 1)
    }

    async fn credential(&mut self, id: CredentialId) -> Stored<Option<CredentialRow>> {
        let found: Option<CredentialRow> =
            one!(self.work, "select * from credentials where tenant_id = $1 and id = $2", self.tenant, id.0)?;
        self.unless_hidden(found).await
    }

    async fn current_credential(&mut self, owner: Owner, kind: CredentialKind) -> Stored<Option<CredentialRow>> {
        let found: Option<CredentialRow> = one!(
            self.work,
            "select * from credentials where tenant_id = $1 and coalesce(taxpayer_id, user_id) = $2 and kind = $3 \
             and state in ('active', 'blocked')",
            self.tenant,
            owner_id(owner),
            kind.text(),
        )?;
        self.unless_hidden(found).await
    }

    async fn credentials(
        &mut self,
        filter: &CredentialFilter,
        before: Option<CredentialId>,
        limit: u32,
    ) -> Stored<Vec<CredentialRow>> {
        let whose = if filter.personal_only { "user_id = $5" } else { "(user_id is null or user_id = $5)" };
        let hidden = match self.sandbox_only {
            true => " and taxpayer_id in (select id from taxpayers where tenant_id = $1 and environment = 'sandbox')",
            false => "",
        };
        let sql = format!(
            "select * from credentials where tenant_id = $1 and ($2 is null or kind = $2) and ($3 is null or taxpayer_id = $3) \
             and ($4 is null or not_after_ms < $4) and {whose} and ($6 is null or id < $6){}{hidden} order by id desc limit $7",
            of_states(&filter.states),
        );
        list!(
            self.work,
            AssertSqlSafe(sql.as_str()),
            self.tenant,
            filter.kind.map(CredentialKind::text),
            filter.taxpayer.map(|it| it.0),
            filter.expires_before.map(to_millis),
            filter.personal_of.map(|it| it.0),
            before.map(|it| it.0),
            i64::from(limit),
        )
    }

    async fn credential_history(&mut self, owner: Owner, kind: CredentialKind, limit: u32) -> Stored<Vec<CredentialRow>> {
        if self.hides_owner(owner).await? {
            return Ok(Vec::new());
        }
        list!(
            self.work,
            "select * from credentials where tenant_id = $1 and coalesce(taxpayer_id, user_id) = $2 and kind = $3 \
             order by id desc limit $4",
            self.tenant,
            owner_id(owner),
            kind.text(),
            i64::from(limit),
        )
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
            "select count(*) from credentials where tenant_id = $1 and key_version < $2 and state <> 'destroyed'",
            self.tenant,
            version,
        )?;
        Ok(count.unsigned_abs())
    }

    async fn add_delegation(&mut self, it: &Delegation) -> Stored<()> {
        run!(
            self.work,
            "insert into delegations (tenant_id, credential_id, rnc, from_ms, to_ms, granted_by) values ($1, $2, $3, $4, $5, $6)",
            self.tenant,
            it.credential.0,
            &it.rnc,
            to_millis(it.from),
            it.to.map(to_millis),
            &it.granted_by,
        )
        .map(|_| ())
    }

    async fn end_delegations(&mut self, credential: CredentialId, rnc: &str, at: Timestamp) -> Stored<u64> {
        run!(
            self.work,
            "update delegations set to_ms = $4 where tenant_id = $1 and credential_id = $2 and rnc = $3 \
             and (to_ms is null or to_ms > $4)",
            self.tenant,
            credential.0,
            rnc,
            to_millis(at),
        )
    }

    async fn delegations(&mut self, credential: CredentialId) -> Stored<Vec<Delegation>> {
        list!(
            self.work,
            "select * from delegations where tenant_id = $1 and credential_id = $2 order by from_ms, rnc",
            self.tenant,
            credential.0,
        )
    }

    async fn signature_config(&mut self, user: UserId) -> Stored<SignatureConfig> {
        let found: Option<SignatureConfig> =
            one!(self.work, "select * from signature_configs where tenant_id = $1 and user_id = $2", self.tenant, user.0)?;
        Ok(found.unwrap_or_default())
    }

    async fn put_signature_config(&mut self, user: UserId, it: &SignatureConfig) -> Stored<()> {
        let changed = run!(
            self.work,
            "insert into signature_configs (tenant_id, user_id, mode, credential_id, auto_sign, notify, revision) \
             values ($1, $2, $3, $4, $5, $6, 1) on conflict (tenant_id, user_id) do update set mode = $3, credential_id = $4, \
             auto_sign = $5, notify = $6, revision = signature_configs.revision + 1 where signature_configs.revision = $7",
            self.tenant,
            user.0,
            it.mode.text(),
            it.credential.map(|it| it.0),
            it.auto_sign,
            it.notify,
            it.revision,
        )?;
        let stale = || StoreError::Conflict("the signature settings were changed meanwhile".to_owned());
        if changed == 1 { Ok(()) } else { Err(self.work.fall(stale())) }
    }
}
