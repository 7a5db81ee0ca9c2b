//! The exchanges with authorities: the ledger of the engine.
//!
//! A row says before the first byte leaves that an attempt is made, and at its end what became of
//! it; the end is chained in the same transaction, or counted if it was quiet. Every change of a
//! row is one guarded statement, so that an earlier and a later life of a job agree on which came
//! first. Whoever decides on several rows holds the tenant's chain meanwhile, as every writer of the
//! tenant does: what was counted cannot change before what follows from it is written.

use crate::audit;
use crate::db::Db;
use crate::error::port;
use crate::reach::Reach;
use crate::read::{Read, closed_opt, exactly, from_row, instant};
use crate::tx::{Work, fetch, one, run};
use async_trait::async_trait;
use fedatario_app::ports::{StoreError, Stored};
use fedatario_audit::Event;
use fedatario_base::clock::to_millis;
use fedatario_base::id::{CredentialId, ExchangeId};
use fedatario_base::{Code, Scope};
use fedatario_upstream::ports::{Closing, ExchangeRecord, Ledger, NewExchange, Outcome};
use fedatario_upstream::{LeaseProof, Notice, PortError, Refusal};
use jiff::Timestamp;
use sqlx::AssertSqlSafe;
use uuid::Uuid;

/// Characters of an authority's code that go into the chain: all that are codes, none that are pages.
const CHAINED_CODE_CHARS: usize = 64;

/// Rows that one sweep closes; the next takes the rest.
const SWEEP_MOST: i64 = 1_000;

/// An exchange with what only the chain needs of it.
struct Row {
    record: ExchangeRecord,
    request_digest: Option<[u8; 32]>,
    request_size: i64,
    response_digest: Option<[u8; 32]>,
    response_size: Option<i64>,
    elapsed_ms: Option<i64>,
}

from_row!(ExchangeRecord, row => ExchangeRecord {
    id: ExchangeId(row.try_get("id")?),
    authority: row.try_get("authority")?,
    operation: row.try_get("operation")?,
    subject: Some(row.try_get::<String, _>("subject")?).filter(|it| !it.is_empty()),
    credential: CredentialId(row.try_get("credential_id")?),
    opened: instant(row.try_get("opened_ms")?),
    departed: row.try_get::<Option<i64>, _>("departed_ms")?.map(instant),
    closed: row.try_get::<Option<i64>, _>("closed_ms")?.map(instant),
    outcome: closed_opt(row.try_get("outcome")?, Outcome::from_text)?,
    notice: match (row.try_get("notice_code")?, row.try_get("notice_text")?) {
        (Some(code), Some(text)) => Some(Notice { code, text }),
        _ => None,
    },
    answer: row.try_get("answer")?,
});

from_row!(Row, row => Row {
    record: <Read<ExchangeRecord> as sqlx::FromRow<_>>::from_row(row)?.0,
    request_digest: row.try_get::<Option<Vec<u8>>, _>("request_digest")?.map(exactly).transpose()?,
    request_size: row.try_get("request_size")?,
    response_digest: row.try_get::<Option<Vec<u8>>, _>("response_digest")?.map(exactly).transpose()?,
    response_size: row.try_get("response_size")?,
    elapsed_ms: row.try_get("elapsed_ms")?,
});

/// What a call is about, within a tenant.
#[derive(Clone, Copy)]
struct Topic<'a> {
    tenant: Uuid,
    operation: &'a str,
    subject: &'a str,
}

impl<'a> Topic<'a> {
    fn new(scope: &Scope, operation: &'a str, subject: Option<&'a str>) -> Self {
        Self { tenant: scope.tenant().0, operation, subject: subject.unwrap_or_default() }
    }
}

#[async_trait]
impl Ledger for Db {
    async fn open(&self, scope: &Scope, exchange: NewExchange) -> Result<ExchangeId, Refusal> {
        flat(self.open_exchange(scope, exchange).await)
    }

    async fn depart(&self, scope: &Scope, id: ExchangeId, lease: Option<LeaseProof>, now: Timestamp) -> Result<(), Refusal> {
        flat(self.depart_exchange(scope, id, lease, now).await)
    }

    async fn close(&self, scope: &Scope, id: ExchangeId, closing: Closing) -> Result<(), PortError> {
        self.close_exchange(scope, id, closing).await.map_err(port)
    }

    async fn last(&self, scope: &Scope, operation: &str, subject: Option<&str>) -> Result<Option<ExchangeRecord>, PortError> {
        self.last_exchange(Topic::new(scope, operation, subject)).await.map_err(port)
    }

    async fn count(&self, scope: &Scope, operation: &str, subject: Option<&str>) -> Result<u32, PortError> {
        let counted = async {
            let mut work = self.reading(Reach::Tenant(scope.tenant().0)).await?;
            count(&mut work, Topic::new(scope, operation, subject)).await
        };
        counted.await.map_err(port)
    }

    async fn reclaim(
        &self,
        scope: &Scope,
        operation: &str,
        subject: &str,
        lease: Option<LeaseProof>,
        now: Timestamp,
    ) -> Result<Vec<ExchangeRecord>, Refusal> {
        flat(self.reclaim_exchanges(scope, Topic::new(scope, operation, Some(subject)), lease, now).await)
    }

    async fn sweep(&self, scope: &Scope, opened_before: Timestamp, now: Timestamp) -> Result<Vec<ExchangeRecord>, PortError> {
        self.sweep_exchanges(scope, opened_before, now).await.map_err(port)
    }
}

/// A refusal, or storage's failure as one.
fn flat<T>(done: Stored<Result<T, Refusal>>) -> Result<T, Refusal> {
    done.unwrap_or_else(|error| Err(Refusal::Port(port(error))))
}

impl Db {
    async fn open_exchange(&self, scope: &Scope, new: NewExchange) -> Stored<Result<ExchangeId, Refusal>> {
        let mut work = self.writing_in(scope.tenant().0).await?;
        let topic = Topic::new(scope, new.operation, new.subject.as_deref());
        if !holds(&mut work, scope, new.lease).await? {
            return Ok(Err(Refusal::LeaseLost));
        }
        if new.exclusive
            && let Some(open) = make_way(&mut work, scope, topic, new.now).await?
        {
            return Ok(Err(Refusal::StillOpen(open)));
        }
        if let Some(most) = new.attempts_at_most {
            let made = count(&mut work, topic).await?;
            if made >= most {
                return Ok(Err(Refusal::AttemptsExhausted { made }));
            }
        }
        let id = insert(&mut work, topic, &new).await?;
        work.commit().await?;
        Ok(Ok(id))
    }

    async fn depart_exchange(
        &self,
        scope: &Scope,
        id: ExchangeId,
        lease: Option<LeaseProof>,
        now: Timestamp,
    ) -> Stored<Result<(), Refusal>> {
        let mut work = self.writing(Reach::Tenant(scope.tenant().0)).await?;
        if !holds(&mut work, scope, lease).await? {
            return Ok(Err(Refusal::LeaseLost));
        }
        let departed = run!(
            work,
            "update exchanges set departed_ms = $3 where tenant_id = $1 and id = $2 and closed_ms is null",
            scope.tenant().0,
            id.0,
            to_millis(now),
        )?;
        if departed == 0 {
            return Ok(Err(Refusal::Superseded));
        }
        work.commit().await?;
        Ok(Ok(()))
    }

    async fn close_exchange(&self, scope: &Scope, id: ExchangeId, closing: Closing) -> Stored<()> {
        let mut work = self.writing_in(scope.tenant().0).await?;
        let (quiet, now) = (closing.quiet, closing.now);
        match end(&mut work, scope, id, closing).await? {
            Some(row) => {
                record_end(&mut work, scope, &row, quiet, now).await?;
                work.commit().await
            }
            None => known(&mut work, scope, id).await,
        }
    }

    async fn last_exchange(&self, topic: Topic<'_>) -> Stored<Option<ExchangeRecord>> {
        let mut work = self.reading(Reach::Tenant(topic.tenant)).await?;
        let sql = format!(
            "select * from exchanges where tenant_id = $1 and operation = $2 and subject = $3 and departed_ms is not null \
             and (closed_ms is null or outcome in ({})) order by seq desc limit 1",
            outcomes(Outcome::decides)
        );
        one!(work, AssertSqlSafe(sql.as_str()), topic.tenant, topic.operation, topic.subject)
    }

    async fn reclaim_exchanges(
        &self,
        scope: &Scope,
        topic: Topic<'_>,
        lease: Option<LeaseProof>,
        now: Timestamp,
    ) -> Stored<Result<Vec<ExchangeRecord>, Refusal>> {
        let mut work = self.writing_in(topic.tenant).await?;
        if !holds(&mut work, scope, lease).await? {
            return Ok(Err(Refusal::LeaseLost));
        }
        let open = open_rows(&mut work, topic).await?;
        let closed = abandon_all(&mut work, scope, &open, now).await?;
        work.commit().await?;
        Ok(Ok(closed))
    }

    async fn sweep_exchanges(&self, scope: &Scope, opened_before: Timestamp, now: Timestamp) -> Stored<Vec<ExchangeRecord>> {
        let mut work = self.writing_in(scope.tenant().0).await?;
        let open: Vec<(Uuid,)> = fetch!(
            work,
            fetch_all,
            "select e.id from exchanges e where e.tenant_id = $1 and e.closed_ms is null and e.opened_ms < $2 and not exists (\
               select 1 from jobs j where j.tenant_id = $1 and j.id = e.job_id and j.token = e.job_token and j.state = 'running' \
               and j.lease_ms > $3) order by e.opened_ms, e.seq limit $4",
            scope.tenant().0,
            to_millis(opened_before),
            to_millis(now),
            SWEEP_MOST,
        )?;
        let closed = abandon_all(&mut work, scope, &open, now).await?;
        work.commit().await?;
        Ok(closed)
    }
}

/// The texts of the outcomes that fit, as a list for `in`.
fn outcomes(fit: impl Fn(Outcome) -> bool) -> String {
    Outcome::ALL.into_iter().filter(|it| fit(*it)).map(|it| format!("'{}'", it.text())).collect::<Vec<_>>().join(", ")
}

/// Whether the lease, if any, is held in this tenant.
async fn holds(work: &mut Work, scope: &Scope, lease: Option<LeaseProof>) -> Stored<bool> {
    let Some(lease) = lease else { return Ok(true) };
    let row: Option<(String,)> = fetch!(
        work,
        fetch_optional,
        "select state from jobs where tenant_id = $1 and id = $2 and token = $3 and state = 'running'",
        scope.tenant().0,
        lease.job.0,
        lease.token,
    )?;
    Ok(row.is_some())
}

/// Clears the way for an exclusive exchange; answers the one that stands in it.
async fn make_way(work: &mut Work, scope: &Scope, topic: Topic<'_>, now: Timestamp) -> Stored<Option<ExchangeId>> {
    for (id,) in open_rows(work, topic).await? {
        let closed = run!(
            work,
            "update exchanges set closed_ms = $3, outcome = $4 \
             where tenant_id = $1 and id = $2 and closed_ms is null and departed_ms is null",
            scope.tenant().0,
            id,
            to_millis(now),
            Outcome::NotSent.text(),
        )?;
        if closed == 0 {
            return Ok(Some(ExchangeId(id)));
        }
        count_quiet(work, topic).await?;
    }
    Ok(None)
}

async fn open_rows(work: &mut Work, topic: Topic<'_>) -> Stored<Vec<(Uuid,)>> {
    fetch!(
        work,
        fetch_all,
        "select id from exchanges where tenant_id = $1 and operation = $2 and subject = $3 and closed_ms is null order by seq",
        topic.tenant,
        topic.operation,
        topic.subject,
    )
}

async fn count(work: &mut Work, topic: Topic<'_>) -> Stored<u32> {
    let sql = format!(
        "select count(*) from exchanges where tenant_id = $1 and operation = $2 and subject = $3 \
         and (closed_ms is null or outcome in ({}))",
        outcomes(Outcome::counts)
    );
    let (count,): (i64,) = fetch!(work, fetch_one, AssertSqlSafe(sql.as_str()), topic.tenant, topic.operation, topic.subject)?;
    Ok(u32::try_from(count).unwrap_or(u32::MAX))
}

async fn insert(work: &mut Work, topic: Topic<'_>, new: &NewExchange) -> Stored<ExchangeId> {
    let id = ExchangeId::fresh(new.now);
    run!(
        work,
        "insert into exchanges (tenant_id, id, authority, operation, subject, seq, credential_id, request_digest, request_size, \
         job_id, job_token, opened_ms) \
         select $1, $2, $3, $4, $5, coalesce(max(seq), 0) + 1, $6, $7, $8, $9, $10, $11 \
         from exchanges where tenant_id = $1 and operation = $4 and subject = $5",
        topic.tenant,
        id.0,
        new.authority,
        topic.operation,
        topic.subject,
        new.credential.0,
        new.request_digest.map(|it| it.to_vec()),
        new.request_size as i64,
        new.lease.map(|it| it.job.0),
        new.lease.map(|it| it.token),
        to_millis(new.now),
    )?;
    Ok(id)
}

/// Writes the end of an exchange that has none, or was merely found open.
async fn end(work: &mut Work, scope: &Scope, id: ExchangeId, it: Closing) -> Stored<Option<Row>> {
    let (code, text) = it.notice.map(|it| (it.code, it.text)).unzip();
    one!(
        work,
        "update exchanges set closed_ms = $3, outcome = $4, notice_code = $5, notice_text = $6, answer = $7, response_digest = $8, \
         response_size = $9, elapsed_ms = $10 \
         where tenant_id = $1 and id = $2 and (closed_ms is null or outcome = $11) returning *",
        scope.tenant().0,
        id.0,
        to_millis(it.now),
        it.outcome.text(),
        code,
        text,
        it.answer,
        it.response_digest.map(|it| it.to_vec()),
        it.response_size.map(|it| it as i64),
        it.elapsed_ms as i64,
        Outcome::FoundOpen.text(),
    )
}

async fn known(work: &mut Work, scope: &Scope, id: ExchangeId) -> Stored<()> {
    let row: Option<(i64,)> =
        fetch!(work, fetch_optional, "select seq from exchanges where tenant_id = $1 and id = $2", scope.tenant().0, id.0)?;
    row.map(|_| ()).ok_or(StoreError::NotFound)
}

/// Closes rows that nobody will close.
async fn abandon_all(work: &mut Work, scope: &Scope, open: &[(Uuid,)], now: Timestamp) -> Stored<Vec<ExchangeRecord>> {
    let mut closed = Vec::new();
    for (id,) in open {
        let row: Option<Read<Row>> = fetch!(
            work,
            fetch_optional,
            "update exchanges set closed_ms = $3, outcome = case when departed_ms is null then $4 else $5 end \
             where tenant_id = $1 and id = $2 and closed_ms is null returning *",
            scope.tenant().0,
            *id,
            to_millis(now),
            Outcome::NotSent.text(),
            Outcome::FoundOpen.text(),
        )?;
        if let Some(Read(row)) = row {
            let quiet = row.record.departed.is_none();
            record_end(work, scope, &row, quiet, now).await?;
            closed.push(row.record);
        }
    }
    Ok(closed)
}

/// Chains the end of an exchange, or counts it.
async fn record_end(work: &mut Work, scope: &Scope, row: &Row, quiet: bool, now: Timestamp) -> Stored<()> {
    let topic = Topic::new(scope, &row.record.operation, row.record.subject.as_deref());
    if quiet {
        return count_quiet(work, topic).await;
    }
    let before = take_quiet(work, topic).await?;
    let event = event(scope, row, before, now);
    audit::append(work, topic.tenant, &event, None).await.map(|_| ())
}

async fn count_quiet(work: &mut Work, topic: Topic<'_>) -> Stored<()> {
    run!(
        work,
        "insert into exchanges_quiet (tenant_id, operation, subject, n) values ($1, $2, $3, 1) \
         on conflict (tenant_id, operation, subject) do update set n = exchanges_quiet.n + 1",
        topic.tenant,
        topic.operation,
        topic.subject,
    )
    .map(|_| ())
}

async fn take_quiet(work: &mut Work, topic: Topic<'_>) -> Stored<i64> {
    let row: Option<(i64,)> = fetch!(
        work,
        fetch_optional,
        "delete from exchanges_quiet where tenant_id = $1 and operation = $2 and subject = $3 returning n",
        topic.tenant,
        topic.operation,
        topic.subject,
    )?;
    Ok(row.map_or(0, |it| it.0))
}

/// The chained entry of an exchange: ids, sizes, digests and their code; their words stay in the row.
fn event(scope: &Scope, row: &Row, quiet_before: i64, now: Timestamp) -> Event {
    let record = &row.record;
    let mut event = Event::new(now, scope.actor(), &format!("exchange.{}", record.operation))
        .object(record.id)
        .field("authority", record.authority.as_str())
        .field("credential", record.credential.to_string())
        .field("request_size", row.request_size);
    if let Some(outcome) = record.outcome {
        event = event.outcome(audited(outcome)).field("outcome", outcome.text());
        event = code(outcome).into_iter().fold(event, Event::code);
    }
    if let Some(notice) = &record.notice {
        event = event.field("authority_code", notice.code.chars().take(CHAINED_CODE_CHARS).collect::<String>());
    }
    let counts =
        [("response_size", row.response_size), ("elapsed_ms", row.elapsed_ms), ("quiet", Some(quiet_before).filter(|it| *it > 0))];
    for (name, count) in counts {
        event = count.into_iter().fold(event, |event, it| event.field(name, it));
    }
    event = record.subject.iter().fold(event, |event, it| event.field("subject", it.as_str()));
    event = row.request_digest.iter().fold(event, |event, it| event.digest("request", it));
    row.response_digest.iter().fold(event, |event, it| event.digest("response", it))
}

fn audited(outcome: Outcome) -> fedatario_audit::Outcome {
    match outcome {
        Outcome::Answered => fedatario_audit::Outcome::Done,
        Outcome::SessionRefused | Outcome::Throttled | Outcome::Rejected => fedatario_audit::Outcome::Refused,
        Outcome::Unreachable | Outcome::NotSent => fedatario_audit::Outcome::Failed,
        Outcome::Unanswered | Outcome::FoundOpen => fedatario_audit::Outcome::Uncertain,
    }
}

fn code(outcome: Outcome) -> Option<Code> {
    match outcome {
        Outcome::Answered | Outcome::NotSent => None,
        Outcome::SessionRefused => Some(Code::AuthoritySession),
        Outcome::Throttled => Some(Code::AuthorityThrottled),
        Outcome::Unreachable => Some(Code::AuthorityUnreachable),
        Outcome::Unanswered | Outcome::FoundOpen => Some(Code::AuthorityUnanswered),
        Outcome::Rejected => Some(Code::AuthorityRejected),
    }
}
