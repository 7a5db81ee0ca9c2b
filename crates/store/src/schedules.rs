//! Schedules of a tenant, and the tick that makes their jobs.
//!
//! A schedule fires at most once for each of its times, however many processes tick: whoever moves
//! it on makes the job. Times that passed while nobody ticked become one job; a job of the schedule
//! that is still open is not doubled.

use crate::db::Db;
use crate::reach::Reach;
use crate::read::{Read, from_row, instant, small};
use crate::tx::{SqlTx, Work, fetch, list, run};
use async_trait::async_trait;
use fedatario_app::model::ScheduleRow;
use fedatario_app::ports::{NextTime, Schedules, Stored};
use fedatario_base::clock::to_millis;
use fedatario_base::id::{JobId, ScheduleId};
use jiff::{SignedDuration, Timestamp};
use sqlx::types::Json;
use uuid::Uuid;

/// Schedules moved on by one tick; the next tick takes the rest.
const TICK_MOST: i64 = 1_000;

from_row!(ScheduleRow, row => ScheduleRow {
    id: ScheduleId(row.try_get("id")?),
    name: row.try_get("name")?,
    expression: row.try_get("expression")?,
    kind: row.try_get("kind")?,
    payload: row.try_get::<Json<serde_json::Value>, _>("payload")?.0,
    spread_s: small(row.try_get("spread_s")?)?,
    next: instant(row.try_get("next_ms")?),
    enabled: row.try_get("enabled")?,
});

/// What a tick reads of a schedule that is due.
struct Due {
    tenant: Uuid,
    id: Uuid,
    expression: String,
    spread_s: i64,
    next_ms: i64,
}

from_row!(Due, row => Due {
    tenant: row.try_get("tenant_id")?,
    id: row.try_get("id")?,
    expression: row.try_get("expression")?,
    spread_s: row.try_get("spread_s")?,
    next_ms: row.try_get("next_ms")?,
});

#[async_trait]
impl Schedules for SqlTx {
    async fn put_schedule(&mut self, it: &ScheduleRow) -> Stored<()> {
        run!(
            self.work,
            "insert into schedules (tenant_id, id, name, expression, kind, payload, next_ms, enabled, originator, spread_s) \
             values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) \
             on conflict (tenant_id, name) do update set expression = excluded.expression, kind = excluded.kind, \
             payload = excluded.payload, next_ms = excluded.next_ms, enabled = excluded.enabled, originator = excluded.originator, \
             spread_s = excluded.spread_s",
            self.tenant,
            it.id.0,
            &it.name,
            &it.expression,
            &it.kind,
            Json(&it.payload),
            to_millis(it.next),
            it.enabled,
            &self.originator,
            i64::from(it.spread_s),
        )
        .map(|_| ())
    }

    async fn schedules(&mut self) -> Stored<Vec<ScheduleRow>> {
        list!(self.work, "select * from schedules where tenant_id = $1 order by name", self.tenant)
    }
}

/// Fires what is due; how many jobs are new.
pub(crate) async fn tick(db: &Db, now: Timestamp, next: &NextTime<'_>) -> Stored<u64> {
    let mut work = db.writing(Reach::System).await?;
    let due: Vec<Read<Due>> = fetch!(
        work,
        fetch_all,
        "select tenant_id, id, expression, spread_s, next_ms from schedules where enabled and next_ms <= $1 \
         and tenant_id in (select id from tenants where state = 'active') order by tenant_id, id limit $2",
        to_millis(now),
        TICK_MOST,
    )?;
    let mut fired = 0;
    for Read(schedule) in due {
        let spread = SignedDuration::from_secs(schedule.spread_s);
        // Both ways, so that the spread moves each time and stretches none.
        let following = next(&schedule.expression, now - spread).map(|it| it + spread);
        if move_on(&mut work, &schedule, following).await? {
            fired += fire(&mut work, &schedule, now).await?;
        }
    }
    work.commit().await?;
    Ok(fired)
}

/// Sets the next time, or switches off a schedule that has none; `false` if another tick was first.
async fn move_on(work: &mut Work, it: &Due, following: Option<Timestamp>) -> Stored<bool> {
    let moved = run!(
        work,
        "update schedules set next_ms = $4, enabled = $5 where tenant_id = $1 and id = $2 and next_ms = $3 and enabled",
        it.tenant,
        it.id,
        it.next_ms,
        following.map_or(it.next_ms, to_millis),
        following.is_some(),
    )?;
    Ok(moved == 1)
}

async fn fire(work: &mut Work, it: &Due, now: Timestamp) -> Stored<u64> {
    run!(
        work,
        "insert into jobs (tenant_id, id, kind, key, payload, state, due_ms, token, failures, run, originator, created_ms) \
         select s.tenant_id, $3, s.kind, $4, s.payload, 'ready', $5, 0, 0, null, s.originator, $5 \
         from schedules s where s.tenant_id = $1 and s.id = $2 \
         on conflict (tenant_id, kind, key) where state in ('ready', 'running') do nothing",
        it.tenant,
        it.id,
        JobId::fresh(now).0,
        ScheduleId(it.id).to_string(),
        to_millis(now),
    )
}
