//! Events told to addresses outside: webhooks in the profile of Standard Webhooks.
//!
//! An event is written in the transaction of the change that it tells of, with one delivery for each
//! address that listens and the job that makes it; so nothing is told that did not happen, and nothing
//! that happened goes untold. The table of events is closed and published with a schema for each.
//! What is sent is what was stored. Signing and the way out are a [`ports::Courier`]'s.

mod deliver;
pub mod events;
pub mod model;
pub mod ports;
pub mod secrets;
mod service;

pub use deliver::{Deliveries, HOOK_DELIVER, HOOK_EVENT, HOOK_PRUNE};
pub use service::{Changes, Draft, HookService, NewWebhook, Revealed};

use crate::descarga::plan::YearOf;
use crate::descarga::report::Made;
use crate::descarga::transition::Moment;
use crate::error::{AppError, AppResult};
use crate::model::{ClaimedJob, NewJob, PackageRow, Solicitud, Taxpayer};
use crate::ports::Tx;
use crate::revision::model::RunRow;
use events::EventKind;
use fedatario_base::Clock;
use fedatario_base::id::{CredentialId, DeliveryId, EventId, JobId, WebhookId};
use fedatario_credentials::Certificate;
use jiff::Timestamp;
use model::{Delivery, DeliveryState, EventRow, Webhook};
use serde_json::{Value, json};

/// Bytes of an event as it is sent: the profile asks for less than twenty thousand.
pub const EVENT_BYTES_AT_MOST: usize = 16 << 10;

/// Tells an event to every address that listens to its kind, in the caller's transaction. With nobody
/// listening nothing is written.
pub async fn emit(tx: &mut dyn Tx, now: &Moment, kind: EventKind, data: Value) -> AppResult<()> {
    let hooks = tx.webhooks().await?;
    let listening: Vec<WebhookId> = hooks.iter().filter(|it| it.listens_to(kind)).map(|it| it.id).collect();
    if !listening.is_empty() {
        tell(tx, now, kind, data, &listening).await?;
    }
    Ok(())
}

/// The same to some addresses alone, whatever they listen to.
async fn tell(tx: &mut dyn Tx, now: &Moment, kind: EventKind, data: Value, to: &[WebhookId]) -> AppResult<EventId> {
    let event = event(now, kind, data)?;
    tx.add_event(&event).await?;
    for webhook in to {
        let delivery = Delivery::fresh(DeliveryId::fresh(now.wall), &event, *webhook, now.wall);
        tx.add_delivery(&delivery).await?;
        tx.enqueue(&delivery_job(now, &delivery), now.service).await?;
    }
    Ok(event.id)
}

/// The event as it is stored and sent: byte for byte.
fn event(now: &Moment, kind: EventKind, data: Value) -> AppResult<EventRow> {
    let conforms = kind.conforms(&data);
    debug_assert_eq!(conforms, Ok(()), "{kind}: {data}");
    conforms.map_err(|why| AppError::Internal(format!("{kind}: {why}")))?;
    let body = json!({
        "type": kind,
        "timestamp": now.wall.to_string(),
        "tenant_id": now.tenant.to_string(),
        "environment": now.environment,
        "data": data,
    })
    .to_string();
    if body.len() > EVENT_BYTES_AT_MOST {
        return Err(AppError::Internal(format!("an event of {} bytes", body.len())));
    }
    Ok(EventRow { id: EventId::fresh(now.wall), kind, at: now.wall, body })
}

fn delivery_job(now: &Moment, delivery: &Delivery) -> NewJob {
    debug_assert_eq!(delivery.state, DeliveryState::Waiting);
    let id = delivery.id.to_string();
    NewJob { kind: HOOK_DELIVER, key: id.clone(), payload: json!({ "id": id }), due: now.service, run: None }
}

/// The job that tells an event, for transactions that reach jobs and no webhooks.
pub fn event_job(now: &Moment, kind: EventKind, data: Value) -> AppResult<NewJob> {
    event_job_at(now.wall, now.service, kind, data)
}

/// The same, for whoever has no more than a clock.
pub fn event_job_over(clock: &dyn Clock, kind: EventKind, data: Value) -> AppResult<NewJob> {
    event_job_at(clock.wall(), clock.service(), kind, data)
}

fn event_job_at(wall: Timestamp, due: Timestamp, kind: EventKind, data: Value) -> AppResult<NewJob> {
    let conforms = kind.conforms(&data);
    debug_assert_eq!(conforms, Ok(()), "{kind}: {data}");
    conforms.map_err(|why| AppError::Internal(format!("{kind}: {why}")))?;
    let key = EventId::fresh(wall).to_string();
    Ok(NewJob { kind: HOOK_EVENT, key, payload: json!({ "kind": kind, "data": data }), due, run: None })
}

/// A request came to an end.
pub async fn request_ended(tx: &mut dyn Tx, now: &Moment, s: &Solicitud) -> AppResult<()> {
    let data = json!({
        "taxpayer": s.taxpayer.to_string(), "request": s.id.to_string(), "state": s.state, "family": s.family,
        "direction": s.direction, "content": s.content, "from": s.from.to_string(), "to": s.to.to_string(),
        "year": s.year, "purpose": s.purpose, "id_solicitud": s.authority_id,
        "cod_estatus": s.codes.cod_estatus, "codigo_estado": s.codes.codigo_estado, "problem": s.problem.as_deref().map(slug),
    });
    emit(tx, now, EventKind::RequestEnded, data).await
}

/// The slug before the words.
fn slug(text: &str) -> &str {
    text.split(':').next().unwrap_or_default()
}

/// A package was read, whole or in part; cancellations that it told late are an event of their own.
pub async fn package_read(tx: &mut dyn Tx, now: &Moment, package: &PackageRow) -> AppResult<()> {
    let tally = package.tally;
    let data = json!({
        "taxpayer": package.taxpayer.to_string(), "package": package.id.to_string(), "id_paquete": package.id_paquete,
        "request": package.solicitud.map(|it| it.to_string()), "content": package.content, "state": package.state,
        "cfdi": tally.cfdi, "metadata": tally.metadata, "duplicates": tally.duplicates, "quarantined": tally.quarantined,
        "foreign": tally.foreign, "problem": package.problem,
    });
    emit(tx, now, EventKind::PackageImported, data).await?;
    if tally.cancelled == 0 {
        return Ok(());
    }
    let data = json!({
        "taxpayer": package.taxpayer.to_string(), "package": package.id.to_string(), "count": tally.cancelled,
    });
    emit(tx, now, EventKind::CancelledLate, data).await
}

/// SAT refused a certificate.
pub async fn credential_blocked(tx: &mut dyn Tx, now: &Moment, taxpayer: &Taxpayer, number: &str, reason: &str) -> AppResult<()> {
    let data = json!({
        "taxpayer": taxpayer.id.to_string(), "tax_id": taxpayer.tax_id, "number": number, "cod_estatus": reason,
    });
    emit(tx, now, EventKind::CredentialBlocked, data).await
}

/// A certificate was admitted.
pub async fn credential_admitted(
    tx: &mut dyn Tx,
    now: &Moment,
    taxpayer: &Taxpayer,
    id: CredentialId,
    certificate: &Certificate,
) -> AppResult<()> {
    let data = json!({
        "taxpayer": taxpayer.id.to_string(), "tax_id": taxpayer.tax_id, "credential": id.to_string(),
        "number": certificate.number(), "not_after": certificate.not_after().to_string(),
    });
    emit(tx, now, EventKind::CredentialAdmitted, data).await
}

/// A year was compared after its last request had ended, or because somebody asked.
pub async fn year_compared(tx: &mut dyn Tx, now: &Moment, of: YearOf, made: &Made) -> AppResult<()> {
    let kind = if made.complete { EventKind::YearComplete } else { EventKind::YearIncomplete };
    let totals = &made.totals;
    let data = json!({
        "taxpayer": of.taxpayer.to_string(), "year": of.year, "family": of.family,
        "metadata": totals.metadata, "cfdi": totals.cfdi, "missing": totals.missing, "not_delivered": totals.not_delivered,
        "unsettled": made.unsettled, "report_sha256": made.sha256,
    });
    emit(tx, now, kind, data).await
}

/// A run over documents ended.
pub async fn check_ended(tx: &mut dyn Tx, now: &Moment, run: &RunRow, count: impl Fn(&str) -> u64) -> AppResult<()> {
    let found = ["forged", "altered", "cancelled", "unverifiable", "listed"].map(|it| (it, count(&format!("/findings/{it}"))));
    let kind = if found.iter().any(|(_, n)| *n > 0) { EventKind::CheckFindings } else { EventKind::CheckClean };
    let mut data = json!({
        "taxpayer": run.taxpayer.to_string(), "check": run.id.to_string(), "documents": count("/documents"),
    });
    found.iter().for_each(|(name, n)| data[*name] = json!(n));
    emit(tx, now, kind, data).await
}

/// A job was given up.
pub async fn job_died(tx: &mut dyn Tx, now: &Moment, job: &ClaimedJob, why: &str) -> AppResult<()> {
    dead_job(tx, now, job.id, &job.kind, why).await
}

async fn dead_job(tx: &mut dyn Tx, now: &Moment, job: JobId, kind: &str, why: &str) -> AppResult<()> {
    let data = json!({ "job": job.to_string(), "kind": kind, "code": slug(why) });
    emit(tx, now, EventKind::JobDead, data).await
}

/// Those of a tenant's addresses that may be told anything.
fn enabled(hooks: &[Webhook]) -> impl Iterator<Item = &Webhook> {
    hooks.iter().filter(|it| it.state == model::HookState::Enabled)
}
