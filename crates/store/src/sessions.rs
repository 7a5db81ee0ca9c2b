//! The sessions with authorities: one row for each slot, and the right to open one in it.
//!
//! Whoever decides on a row first writes to it, so that on PostgreSQL too the row cannot change
//! between what is read and what is written.

use crate::db::Db;
use crate::error::port;
use crate::reach::Reach;
use crate::read::{Read, from_row, instant, small};
use crate::tx::{Work, fetch, run};
use async_trait::async_trait;
use fedatario_app::ports::Stored;
use fedatario_base::Scope;
use fedatario_base::clock::to_millis;
use fedatario_base::id::HolderId;
use fedatario_upstream::PortError;
use fedatario_upstream::ports::{Claim, Opening, Sessions, Slot, StoredSession};
use jiff::Timestamp;

struct Row {
    session: Option<StoredSession>,
    opening: Option<Timestamp>,
    cooling: Option<Timestamp>,
    refusals: u32,
}

from_row!(Row, row => Row {
    session: match (row.try_get("sealed")?, row.try_get::<Option<i64>, _>("expires_ms")?) {
        (Some(sealed), Some(expires)) => {
            Some(StoredSession { generation: row.try_get::<i64, _>("generation")?.unsigned_abs(), sealed, expires: instant(expires) })
        }
        _ => None,
    },
    opening: row.try_get::<Option<i64>, _>("holder_until_ms")?.map(instant),
    cooling: row.try_get::<Option<i64>, _>("cool_until_ms")?.map(instant),
    refusals: small(row.try_get("refusals")?)?,
});

#[async_trait]
impl Sessions for Db {
    async fn load(&self, scope: &Scope, slot: Slot) -> Result<Option<StoredSession>, PortError> {
        let loaded = async {
            let mut work = self.reading(Reach::Tenant(scope.tenant().0)).await?;
            let row: Option<Read<Row>> = fetch!(
                work,
                fetch_optional,
                "select * from sessions where tenant_id = $1 and authority = $2 and credential_id = $3",
                scope.tenant().0,
                slot.authority,
                slot.credential.0,
            )?;
            Ok(row.and_then(|it| it.0.session))
        };
        loaded.await.map_err(port)
    }

    async fn claim(&self, scope: &Scope, slot: Slot, opening: Opening) -> Result<Claim, PortError> {
        let claimed = async {
            let mut work = self.writing(Reach::Tenant(scope.tenant().0)).await?;
            let row = take(&mut work, scope, slot).await?;
            let claim = decide(row, &opening);
            if let Claim::Yours { .. } = claim {
                hand_over(&mut work, scope, slot, &opening).await?;
            }
            work.commit().await?;
            Ok(claim)
        };
        claimed.await.map_err(port)
    }

    async fn store(
        &self,
        scope: &Scope,
        slot: Slot,
        holder: HolderId,
        sealed: Vec<u8>,
        expires: Timestamp,
    ) -> Result<Option<u64>, PortError> {
        let stored = async {
            let mut work = self.writing(Reach::Tenant(scope.tenant().0)).await?;
            let row: Option<(i64,)> = fetch!(
                work,
                fetch_optional,
                "update sessions set generation = generation + 1, sealed = $5, expires_ms = $6, holder_id = null, \
                 holder_until_ms = null, cool_until_ms = null, refusals = 0 \
                 where tenant_id = $1 and authority = $2 and credential_id = $3 and holder_id = $4 returning generation",
                scope.tenant().0,
                slot.authority,
                slot.credential.0,
                holder.0,
                sealed,
                to_millis(expires),
            )?;
            work.commit().await?;
            Ok(row.map(|it| it.0.unsigned_abs()))
        };
        stored.await.map_err(port)
    }

    async fn release(&self, scope: &Scope, slot: Slot, holder: HolderId) -> Result<(), PortError> {
        let released = async {
            let mut work = self.writing(Reach::Tenant(scope.tenant().0)).await?;
            run!(
                work,
                "update sessions set holder_id = null, holder_until_ms = null \
                 where tenant_id = $1 and authority = $2 and credential_id = $3 and holder_id = $4",
                scope.tenant().0,
                slot.authority,
                slot.credential.0,
                holder.0,
            )?;
            work.commit().await
        };
        released.await.map_err(port)
    }

    async fn forget(&self, scope: &Scope, slot: Slot, generation: u64) -> Result<(), PortError> {
        let forgotten = async {
            let mut work = self.writing(Reach::Tenant(scope.tenant().0)).await?;
            run!(
                work,
                "update sessions set sealed = null, expires_ms = null \
                 where tenant_id = $1 and authority = $2 and credential_id = $3 and generation = $4",
                scope.tenant().0,
                slot.authority,
                slot.credential.0,
                generation as i64,
            )?;
            work.commit().await
        };
        forgotten.await.map_err(port)
    }

    async fn cool(&self, scope: &Scope, slot: Slot, holder: HolderId, until: Timestamp) -> Result<(), PortError> {
        let cooled = async {
            let mut work = self.writing(Reach::Tenant(scope.tenant().0)).await?;
            take(&mut work, scope, slot).await?;
            run!(
                work,
                "update sessions set refusals = refusals + 1, cool_until_ms = $5, \
                 holder_until_ms = case when holder_id = $4 then null else holder_until_ms end, \
                 holder_id = case when holder_id = $4 then null else holder_id end \
                 where tenant_id = $1 and authority = $2 and credential_id = $3",
                scope.tenant().0,
                slot.authority,
                slot.credential.0,
                holder.0,
                to_millis(until),
            )?;
            work.commit().await
        };
        cooled.await.map_err(port)
    }
}

/// The slot's row, held to the end of the transaction; made if there is none.
async fn take(work: &mut Work, scope: &Scope, slot: Slot) -> Stored<Row> {
    let row: Read<Row> = fetch!(
        work,
        fetch_one,
        "insert into sessions (tenant_id, authority, credential_id, generation, refusals) values ($1, $2, $3, 0, 0) \
         on conflict (tenant_id, authority, credential_id) do update set refusals = sessions.refusals returning *",
        scope.tenant().0,
        slot.authority,
        slot.credential.0,
    )?;
    Ok(row.0)
}

fn decide(row: Row, opening: &Opening) -> Claim {
    let prior = row.session.filter(|it| Some(it.generation) != opening.refused);
    if let Some(good) = prior.clone().filter(|it| it.expires > opening.good_after) {
        return Claim::Ready(good);
    }
    if let Some(until) = row.cooling.filter(|it| *it > opening.now) {
        return Claim::Cooling(until);
    }
    match row.opening.filter(|it| *it > opening.now) {
        Some(until) => Claim::Taken(until),
        None => Claim::Yours { prior, refusals: row.refusals },
    }
}

async fn hand_over(work: &mut Work, scope: &Scope, slot: Slot, opening: &Opening) -> Stored<()> {
    run!(
        work,
        "update sessions set holder_id = $4, holder_until_ms = $5 where tenant_id = $1 and authority = $2 and credential_id = $3",
        scope.tenant().0,
        slot.authority,
        slot.credential.0,
        opening.holder.0,
        to_millis(opening.until),
    )
    .map(|_| ())
}
