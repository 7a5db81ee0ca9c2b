//! The log of every use of a taxpayer's key, written by many at once.
//!
//! Whoever signs asks and waits; what has gathered of a tenant is written in one transaction
//! ([`crate::shared`]): rows, entries of the chain, and the head once. So a signature costs a share of a commit, and
//! nobody is answered before theirs is durable. The rules that an intent is held against (the credential
//! is in use, the document is of an RNC that it signs for, whoever asks has a grant, if they need one) are looked at there, with
//! the head of the chain held: what was revoked before is refused, and chained as such.
//!
//! The counter of a credential is its highest row and one more, under the same lock: no gap can come
//! about. An intent that its process left open is closed as uncertain by [`SignatureBook::close_lost`].

use crate::audit::{Told, append_all};
use crate::db::Db;
use crate::group::Writes;
use crate::reach::Reach;
use crate::read::{exactly, from_row, instant};
use crate::shared;
use crate::tx::{OfRows, SqlTx, Work, fetch, list, one, parts, rows_after, rows_of, run};
use async_trait::async_trait;
use fedatario_app::called::{self, Called};
use fedatario_app::ports::{StoreError, Stored};
use fedatario_app::signing::ports::{SignatureRow, Signatures};
use fedatario_audit::{Event, Outcome};
use fedatario_base::clock::to_millis;
use fedatario_base::id::{CredentialId, GrantId, HolderId, TenantId};
use fedatario_base::{Actor, Clock, Code, Scope, SystemScope};
use fedatario_vault::grant::{Amount, Grant, Wanted};
use fedatario_vault::log::{Ending, Intent, Intention, Leave, Refusal, Unsigned};
use fedatario_vault::ports::{CredentialRow, PortError};
use fedatario_vault::require_state;
use jiff::Timestamp;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;
use tokio::sync::oneshot;
use uuid::Uuid;

/// Intents of a tenant that wait at most; further ones are told to come back.
const WAITING_AT_MOST: usize = 4_096;
/// Grants of one principal for one credential that are looked at, the newest first.
const GRANTS_AT_MOST: i64 = 100;
/// Intents closed at a time when a process is found dead.
const LOST_AT_ONCE: i64 = 200;

/// Who asks, as far as it is written.
#[derive(Clone)]
pub(crate) struct Who {
    actor: Actor,
    is_sandbox_only: bool,
    /// When: the wall clock of whoever asks.
    at: Timestamp,
    /// The call that it is part of: whoever writes does so outside of it.
    called: Option<Called>,
}

impl Who {
    fn of(scope: &Scope, at: Timestamp) -> Self {
        Self { actor: scope.actor().clone(), is_sandbox_only: scope.is_sandbox_only(), at, called: called::now() }
    }
}

/// Whoever waits for an answer; nobody, where an outcome is written for one who is gone.
pub(crate) type Waiting<T> = Option<oneshot::Sender<T>>;

pub(crate) enum Asked {
    Intend { who: Who, holder: HolderId, it: Box<Intention>, reply: oneshot::Sender<Result<Intent, Unsigned>> },
    End { who: Who, ended: Ended, reply: Waiting<Result<u64, PortError>> },
    Refuse { who: Who, it: Refusal, reply: oneshot::Sender<Result<(), PortError>> },
}

impl Asked {
    fn who(&self) -> &Who {
        match self {
            Self::Intend { who, .. } | Self::End { who, .. } | Self::Refuse { who, .. } => who,
        }
    }
}

/// An outcome, and which intent's.
#[derive(Clone, Copy)]
pub(crate) struct Ended {
    credential: CredentialId,
    counter: u64,
    intended: u64,
    ending: Ending,
}

impl Ended {
    fn of(intent: &Intent, ending: Ending) -> Self {
        Self { credential: intent.credential, counter: intent.counter, intended: intent.entry, ending }
    }
}

/// What was decided of one thing asked, before it has a number in the chain.
pub(crate) enum Decided {
    Intend(Box<New>),
    Refuse(Code),
    End(Ended),
    Note,
}

/// A row to be.
pub(crate) struct New {
    it: Intention,
    who: Who,
    holder: HolderId,
    counter: u64,
    grant: Option<GrantId>,
    row: CredentialRow,
    entry: u64,
}

/// What the intents of one batch share: all of it was read in their transaction.
#[derive(Default)]
struct Known {
    seats: HashMap<CredentialId, Option<Seat>>,
    grants: HashMap<(CredentialId, String), Vec<Grant>>,
}

/// A credential as an intent finds it.
struct Seat {
    row: CredentialRow,
    tax_id: Option<String>,
    is_sandbox: bool,
    last: u64,
}

from_row!((Option<String>, Option<String>), row => (row.try_get("tax_id")?, row.try_get("environment")?));

from_row!(Grant, row => Grant {
    id: GrantId(row.try_get("id")?),
    principal: row.try_get("principal")?,
    credential: CredentialId(row.try_get("credential_id")?),
    profile: row.try_get("profile")?,
    not_after: instant(row.try_get("not_after_ms")?),
    cap: row.try_get::<Option<String>, _>("max_amount")?.zip(row.try_get::<Option<String>, _>("currency")?)
        .map(|(value, currency)| Amount::read(&value, &currency).ok_or_else(|| sqlx::Error::Decode("a cap that is none".into())))
        .transpose()?,
    created_by: row.try_get("created_by")?,
    created: instant(row.try_get("created_ms")?),
    revoked: row.try_get::<Option<i64>, _>("revoked_ms")?.map(instant),
});

/// The log over a database.
#[derive(Clone)]
pub(crate) struct SignatureBook {
    db: Db,
    holder: HolderId,
    clock: Arc<dyn Clock>,
}

fn away() -> PortError {
    PortError::new(Code::StoreUnavailable, "the log of signatures was shut down")
}

impl SignatureBook {
    pub(crate) fn new(db: Db, holder: HolderId, clock: Arc<dyn Clock>) -> Self {
        Self { db, holder, clock }
    }

    pub(crate) async fn intend(&self, scope: &Scope, it: Intention) -> Result<Intent, Unsigned> {
        let (reply, answer) = oneshot::channel();
        if self.db.group().waiting(scope.tenant().0) >= WAITING_AT_MOST {
            return Err(PortError::new(Code::Busy, "too many signatures wait").into());
        }
        let asked = Asked::Intend { who: Who::of(scope, self.clock.wall()), holder: self.holder, it: Box::new(it), reply };
        ask(&self.db, scope.tenant().0, asked)?;
        answer.await.map_err(|_| away())?
    }

    pub(crate) async fn ended(&self, scope: &Scope, intent: &Intent, ending: Ending) -> Result<u64, PortError> {
        let (reply, answer) = oneshot::channel();
        let ended = Ended::of(intent, ending);
        ask(&self.db, scope.tenant().0, Asked::End { who: Who::of(scope, self.clock.wall()), ended, reply: Some(reply) })?;
        answer.await.map_err(|_| away())?
    }

    pub(crate) fn abandon(&self, scope: &Scope, intent: &Intent, ending: Ending) {
        let ended = Ended::of(intent, ending);
        // Left open where nobody runs any more; the next start closes it.
        let _ = ask(&self.db, scope.tenant().0, Asked::End { who: Who::of(scope, self.clock.wall()), ended, reply: None });
    }

    pub(crate) async fn refused(&self, scope: &Scope, it: Refusal) -> Result<(), PortError> {
        let (reply, answer) = oneshot::channel();
        ask(&self.db, scope.tenant().0, Asked::Refuse { who: Who::of(scope, self.clock.wall()), it, reply })?;
        answer.await.map_err(|_| away())?
    }
}

fn ask(db: &Db, tenant: Uuid, asked: Asked) -> Result<(), PortError> {
    db.ask(tenant, shared::Asked::Signature(asked)).map_err(|_| away())
}

/// Tells each what became of it.
pub(crate) fn answer(db: &Db, tenant: Uuid, batch: Vec<Asked>, all: Vec<(Decided, u64)>) {
    batch.into_iter().zip(all).for_each(|(asked, (decided, entry))| answer_one(db, tenant, asked, decided, entry));
}

fn answer_one(db: &Db, tenant: Uuid, asked: Asked, decided: Decided, entry: u64) {
    match (asked, decided) {
        (Asked::Intend { who, it, reply, .. }, Decided::Intend(new)) => {
            let intent = Intent { credential: it.credential, counter: new.counter, entry, row: new.row };
            let Err(Ok(intent)) = reply.send(Ok(intent)) else { return };
            // Nobody waits any more, and nothing was signed.
            let ended = Ended::of(&intent, Ending::Failed(Code::SignatureAbandoned));
            let _ = ask(db, tenant, Asked::End { who, ended, reply: None });
        }
        (Asked::Intend { reply, .. }, Decided::Refuse(code)) => drop(reply.send(Err(Unsigned::Refused(code)))),
        (Asked::End { reply: Some(reply), .. }, _) => drop(reply.send(Ok(entry))),
        (Asked::Refuse { reply, .. }, _) => drop(reply.send(Ok(()))),
        (Asked::Intend { .. } | Asked::End { .. }, _) => {}
    }
}

/// Tells everybody who shared a transaction that it failed.
pub(crate) fn fail(batch: Vec<Asked>, error: &StoreError) {
    batch.into_iter().for_each(|it| fail_one(it, error));
}

fn fail_one(asked: Asked, error: &StoreError) {
    let port = || PortError::new(error.code(), error.to_string());
    match asked {
        Asked::Intend { reply, .. } => drop(reply.send(Err(Unsigned::Port(port())))),
        Asked::End { reply: Some(reply), .. } => drop(reply.send(Err(port()))),
        Asked::End { reply: None, .. } => {}
        Asked::Refuse { reply, .. } => drop(reply.send(Err(port()))),
    }
}

/// Decides and writes a batch: what became of each, and the number of its entry.
pub(crate) async fn write(work: &mut Work, tenant: Uuid, batch: &[Asked]) -> Stored<Vec<(Decided, u64)>> {
    let Some(now) = batch.iter().map(|it| it.who().at).max() else { return Ok(Vec::new()) };
    let (tenant, mut known) = (TenantId(tenant), Known::default());
    let mut all = Vec::with_capacity(batch.len());
    for asked in batch {
        all.push(match asked {
            Asked::Intend { who, holder, it, .. } => decide_intent(work, tenant, &mut known, (who, *holder), it, now).await?,
            Asked::End { ended, .. } => Decided::End(*ended),
            Asked::Refuse { .. } => Decided::Note,
        });
    }
    let told = |(asked, decided): (&Asked, &Decided)| Told::new(event(asked, decided, now), asked.who().called.clone());
    let told: Vec<Told> = batch.iter().zip(&all).map(told).collect();
    let numbers = append_all(work, tenant.0, &told).await?;
    let mut all: Vec<(Decided, u64)> = all.into_iter().zip(numbers).collect();
    for (decided, entry) in &mut all {
        if let Decided::Intend(new) = decided {
            new.entry = *entry;
        }
    }
    put_intents(work, tenant, &all, now).await?;
    put_ends(work, tenant, &all, now).await?;
    Ok(all)
}

static INTENTS: OfRows = OfRows::new(|rows| {
    format!(
        "insert into signatures (tenant_id, intended_ms, holder_id, credential_id, n, actor, on_behalf, profile, purpose, \
         root, document, amount, currency, grant_id, intended_n, outcome) values {}",
        rows_of(rows, 2, 14)
    )
});

/// Rows are named by their whole key: joined to a list of values, SQLite would walk every signature of the
/// tenant instead, since it holds a tenant for the narrowest of conditions.
static ENDS: OfRows = OfRows::new(|rows| {
    format!(
        "with v (credential_id, n, outcome, code, ended_n, signed) as (values {}) \
         update signatures set ended_ms = $2, (outcome, code, ended_n, signed) = (select v.outcome, v.code, v.ended_n, v.signed \
         from v where v.credential_id = signatures.credential_id and v.n = signatures.n limit 1) \
         where tenant_id = $1 and (credential_id, n) in (select v.credential_id, v.n from v) and outcome is null",
        rows_after(rows, 2, 6)
    )
});

async fn put_intents(work: &mut Work, tenant: TenantId, all: &[(Decided, u64)], now: Timestamp) -> Stored<()> {
    let news: Vec<&New> =
        all.iter().filter_map(|(it, _)| if let Decided::Intend(new) = it { Some(&**new) } else { None }).collect();
    for part in parts(&news) {
        run!(
            work, INTENTS.of(part), tenant.0, to_millis(now);
            for new in part =>
                new.holder.0,
                new.it.credential.0,
                new.counter as i64,
                new.who.actor.to_string(),
                on_behalf(&new.who.actor),
                new.it.profile,
                new.it.purpose,
                &new.it.root,
                &new.it.document[..],
                new.it.amount.as_ref().map(|it| it.value.to_string()),
                new.it.amount.as_ref().map(|it| it.currency.clone()),
                new.grant.map(|it| it.0),
                new.entry as i64,
                None::<String>
        )?;
    }
    Ok(())
}

/// Writes outcomes on rows that have none: what was closed as uncertain meanwhile stays so.
async fn put_ends(work: &mut Work, tenant: TenantId, all: &[(Decided, u64)], now: Timestamp) -> Stored<()> {
    let ends: Vec<(&Ended, u64)> =
        all.iter().filter_map(|(it, n)| if let Decided::End(end) = it { Some((end, *n)) } else { None }).collect();
    for part in parts(&ends) {
        run!(
            work, ENDS.of(part), tenant.0, to_millis(now);
            for it in part =>
                it.0.credential.0,
                it.0.counter as i64,
                it.0.ending.text(),
                code_of(it.0.ending).map(Code::slug),
                it.1 as i64,
                digest_of(&it.0.ending)
        )?;
    }
    Ok(())
}

fn on_behalf(actor: &Actor) -> Option<String> {
    let behind = actor.originator();
    Some(behind).filter(|it| *it != actor.to_string())
}

fn code_of(ending: Ending) -> Option<Code> {
    match ending {
        Ending::Failed(code) => Some(code),
        Ending::Signed(_) | Ending::Uncertain => None,
    }
}

fn digest_of(ending: &Ending) -> Option<Vec<u8>> {
    match ending {
        Ending::Signed(digest) => Some(digest.to_vec()),
        Ending::Failed(_) | Ending::Uncertain => None,
    }
}

/// The entry of one thing asked.
fn event(asked: &Asked, decided: &Decided, now: Timestamp) -> Event {
    match (asked, decided) {
        (Asked::Intend { who, it, .. }, Decided::Intend(new)) => Event::new(now, &who.actor, "signature.intended")
            .object(it.credential)
            .field("counter", new.counter)
            .field("profile", it.profile)
            .field("purpose", it.purpose)
            .field("root", it.root.as_str())
            .digest("document", &it.document),
        (Asked::Intend { who, it, .. }, Decided::Refuse(code)) => refusal(who, it.credential, it.profile, &it.document, *code, now),
        (Asked::Refuse { who, it, .. }, _) => refusal(who, it.credential, it.profile, &it.document, it.code, now),
        (Asked::End { who, ended, .. }, _) => ended_event(&who.actor, ended, now),
        (Asked::Intend { who, .. }, Decided::End(_) | Decided::Note) => Event::new(now, &who.actor, "signature.intended"),
    }
}

fn ended_event(actor: &Actor, ended: &Ended, now: Timestamp) -> Event {
    let event = Event::new(now, actor, "signature.ended")
        .object(ended.credential)
        .field("counter", ended.counter)
        .field("intent", ended.intended);
    match ended.ending {
        Ending::Signed(digest) => event.digest("signed", &digest),
        Ending::Failed(code) => event.outcome(Outcome::Failed).code(code),
        Ending::Uncertain => event.outcome(Outcome::Uncertain),
    }
}

fn refusal(who: &Who, credential: CredentialId, profile: &str, document: &[u8; 32], code: Code, now: Timestamp) -> Event {
    Event::new(now, &who.actor, "signature.refused")
        .object(credential)
        .outcome(Outcome::Refused)
        .code(code)
        .field("profile", profile)
        .digest("document", document)
}

/// Holds an intent against the credential, its owner, the delegations and the grants.
async fn decide_intent(
    work: &mut Work,
    tenant: TenantId,
    known: &mut Known,
    (who, holder): (&Who, HolderId),
    it: &Intention,
    now: Timestamp,
) -> Stored<Decided> {
    let Known { seats, grants } = known;
    if let Entry::Vacant(place) = seats.entry(it.credential) {
        place.insert(seat(work, tenant, it.credential).await?);
    }
    let Some(Some(seat)) = seats.get_mut(&it.credential) else { return Ok(Decided::Refuse(Code::CredentialMissing)) };
    if who.is_sandbox_only && !seat.is_sandbox {
        return Ok(Decided::Refuse(Code::CredentialMissing));
    }
    if let Err(code) = require_state(seat.row.state) {
        return Ok(Decided::Refuse(code));
    }
    if let Some(rnc) = &it.rnc
        && seat.tax_id.as_ref() != Some(rnc)
        && !is_delegated(work, tenant, it.credential, rnc, now).await?
    {
        return Ok(Decided::Refuse(Code::DocumentForeign));
    }
    let grant = match granted(work, tenant, grants, who, it, now).await? {
        Ok(grant) => grant,
        Err(code) => return Ok(Decided::Refuse(code)),
    };
    seat.last += 1;
    let (counter, row) = (seat.last, seat.row.clone());
    Ok(Decided::Intend(Box::new(New { it: it.clone(), who: who.clone(), holder, counter, grant, row, entry: 0 })))
}

async fn seat(work: &mut Work, tenant: TenantId, id: CredentialId) -> Stored<Option<Seat>> {
    let row: Option<CredentialRow> = one!(work, "select * from credentials where tenant_id = $1 and id = $2", tenant.0, id.0)?;
    let Some(row) = row else { return Ok(None) };
    let owner: Option<(Option<String>, Option<String>)> = one!(
        work,
        "select tax_id, environment from taxpayers where tenant_id = $1 and id = $2",
        tenant.0,
        row.owner.taxpayer().map_or(Uuid::nil(), |it| it.0),
    )?;
    let (tax_id, environment) = owner.unwrap_or_default();
    let (last,): (i64,) = fetch!(
        work,
        fetch_one,
        "select coalesce(max(n), 0) from signatures where tenant_id = $1 and credential_id = $2",
        tenant.0,
        id.0,
    )?;
    let is_sandbox = environment.as_deref() == Some("sandbox");
    Ok(Some(Seat { row, tax_id, is_sandbox, last: last.unsigned_abs() }))
}

/// The grant that somebody signs by; nothing for whoever needs none.
async fn granted(
    work: &mut Work,
    tenant: TenantId,
    known: &mut HashMap<(CredentialId, String), Vec<Grant>>,
    who: &Who,
    it: &Intention,
    now: Timestamp,
) -> Stored<Result<Option<GrantId>, Code>> {
    if it.leave == Leave::Free {
        return Ok(Ok(None));
    }
    let grants = match known.entry((it.credential, who.actor.originator())) {
        Entry::Occupied(known) => known.into_mut(),
        Entry::Vacant(place) => {
            let grants = grants_of(work, tenant.0, it.credential, &place.key().1).await?;
            place.insert(grants)
        }
    };
    Ok(it.leave.decide(grants, Wanted { profile: it.profile, amount: it.amount.as_ref(), now }))
}

async fn grants_of(work: &mut Work, tenant: Uuid, credential: CredentialId, principal: &str) -> Stored<Vec<Grant>> {
    list!(
        work,
        "select * from signature_grants where tenant_id = $1 and credential_id = $2 and principal = $3 order by id desc limit $4",
        tenant,
        credential.0,
        principal,
        GRANTS_AT_MOST,
    )
}

async fn is_delegated(work: &mut Work, tenant: TenantId, credential: CredentialId, rnc: &str, now: Timestamp) -> Stored<bool> {
    let row: Option<(i64,)> = fetch!(
        work,
        fetch_optional,
        "select from_ms from delegations where tenant_id = $1 and credential_id = $2 and rnc = $3 \
         and from_ms <= $4 and (to_ms is null or to_ms > $4) limit 1",
        tenant.0,
        credential.0,
        rnc,
        to_millis(now),
    )?;
    Ok(row.is_some())
}

/// An intent without an outcome.
type OpenRow = (Uuid, i64, i64);

impl SignatureBook {
    /// Who holds intents open, other than this process.
    pub(crate) async fn holders(&self, _: &SystemScope) -> Stored<Vec<(TenantId, HolderId)>> {
        let mut work = self.db.reading(Reach::System).await?;
        let rows: Vec<(Uuid, Uuid)> = fetch!(
            work,
            fetch_all,
            "select distinct tenant_id, holder_id from signatures where outcome is null and holder_id <> $1",
            self.holder.0,
        )?;
        Ok(rows.into_iter().map(|(tenant, holder)| (TenantId(tenant), HolderId(holder))).collect())
    }

    /// Closes as uncertain what a process left open that is known to be dead; how many there were.
    pub(crate) async fn close_lost(&self, tenant: TenantId, dead: HolderId) -> Stored<u64> {
        let mut closed = 0;
        loop {
            let now = self.clock.wall();
            let mut work = self.db.writing_in(tenant.0).await?;
            let open: Vec<OpenRow> = fetch!(
                work,
                fetch_all,
                "select credential_id, n, intended_n from signatures \
                 where tenant_id = $1 and holder_id = $2 and outcome is null order by intended_n limit $3",
                tenant.0,
                dead.0,
                LOST_AT_ONCE,
            )?;
            if open.is_empty() {
                return Ok(closed);
            }
            let ends: Vec<Ended> = open.iter().map(lost).collect();
            let told: Vec<Told> = ends.iter().map(|it| Told::new(ended_event(&Actor::System, it, now), None)).collect();
            let numbers = append_all(&mut work, tenant.0, &told).await?;
            let all: Vec<(Decided, u64)> = ends.into_iter().map(Decided::End).zip(numbers).collect();
            put_ends(&mut work, tenant, &all, now).await?;
            work.commit().await?;
            closed += all.len() as u64;
        }
    }
}

fn lost((credential, counter, intended): &OpenRow) -> Ended {
    Ended {
        credential: CredentialId(*credential),
        counter: counter.unsigned_abs(),
        intended: intended.unsigned_abs(),
        ending: Ending::Uncertain,
    }
}

from_row!(SignatureRow, row => SignatureRow {
    counter: row.try_get::<i64, _>("n")?.unsigned_abs(),
    actor: row.try_get("actor")?,
    on_behalf: row.try_get("on_behalf")?,
    profile: row.try_get("profile")?,
    purpose: row.try_get("purpose")?,
    root: row.try_get("root")?,
    document: exactly(row.try_get("document")?)?,
    amount: row.try_get::<Option<String>, _>("amount")?.zip(row.try_get::<Option<String>, _>("currency")?)
        .and_then(|(value, currency)| Amount::read(&value, &currency)),
    grant: row.try_get::<Option<Uuid>, _>("grant_id")?.map(GrantId),
    intended: (instant(row.try_get("intended_ms")?), row.try_get::<i64, _>("intended_n")?.unsigned_abs()),
    outcome: row.try_get("outcome")?,
    code: row.try_get("code")?,
    ended: row.try_get::<Option<i64>, _>("ended_ms")?.map(instant)
        .zip(row.try_get::<Option<i64>, _>("ended_n")?.map(i64::unsigned_abs)),
    signed: row.try_get::<Option<Vec<u8>>, _>("signed")?.map(exactly).transpose()?,
});

#[async_trait]
impl Signatures for SqlTx {
    async fn add_signature_grant(&mut self, it: &Grant) -> Stored<()> {
        run!(
            self.work,
            "insert into signature_grants (tenant_id, id, principal, credential_id, profile, not_after_ms, max_amount, currency, \
             created_by, created_ms, revoked_ms) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
            self.tenant,
            it.id.0,
            &it.principal,
            it.credential.0,
            &it.profile,
            to_millis(it.not_after),
            it.cap.as_ref().map(|it| it.value.to_string()),
            it.cap.as_ref().map(|it| it.currency.clone()),
            &it.created_by,
            to_millis(it.created),
            it.revoked.map(to_millis),
        )
        .map(|_| ())
    }

    async fn signature_grant(&mut self, id: GrantId) -> Stored<Option<Grant>> {
        one!(self.work, "select * from signature_grants where tenant_id = $1 and id = $2", self.tenant, id.0)
    }

    async fn signature_grants(&mut self, before: Option<GrantId>, limit: u32) -> Stored<Vec<Grant>> {
        list!(
            self.work,
            "select * from signature_grants where tenant_id = $1 and ($2 is null or id < $2) order by id desc limit $3",
            self.tenant,
            before.map(|it| it.0),
            i64::from(limit),
        )
    }

    async fn signature_grants_of(&mut self, credential: CredentialId, principal: &str) -> Stored<Vec<Grant>> {
        grants_of(&mut self.work, self.tenant, credential, principal).await
    }

    async fn revoke_signature_grant(&mut self, id: GrantId, now: Timestamp) -> Stored<bool> {
        let changed = run!(
            self.work,
            "update signature_grants set revoked_ms = $3 where tenant_id = $1 and id = $2 and revoked_ms is null",
            self.tenant,
            id.0,
            to_millis(now),
        )?;
        Ok(changed == 1)
    }

    async fn signatures(&mut self, credential: CredentialId, before: Option<u64>, limit: u32) -> Stored<Vec<SignatureRow>> {
        list!(
            self.work,
            "select * from signatures where tenant_id = $1 and credential_id = $2 and n < $3 order by n desc limit $4",
            self.tenant,
            credential.0,
            before.and_then(|it| i64::try_from(it).ok()).unwrap_or(i64::MAX),
            i64::from(limit),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// However many signatures there are, an outcome is written by the key of its row.
    #[tokio::test]
    async fn outcomes_walk_no_other_signatures() {
        let dir = tempfile::tempdir().unwrap();
        let db = Db::open_sqlite(dir.path().join("t.db")).await.unwrap();
        db.migrate().await.unwrap();
        for rows in [&[(); 32][..], &[(); 2], &[()]] {
            crate::tx::assert_searches(&db, ENDS.of(rows), "signatures", "(tenant_id=? AND credential_id=? AND n=?)").await;
        }
        fedatario_testkit::covers!("signatures: an outcome is written by the key of its row, however many there are");
    }
}
