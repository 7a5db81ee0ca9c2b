//! What happens to a taxpayer by itself, and when: its schedule, set and switched off.

use super::handlers;
use super::plan::Nightly;
use super::recheck;
use crate::App;
use crate::audit_trail::changes::{Telling, of_schedule};
use crate::audit_trail::entry;
use crate::error::{AppError, AppResult};
use crate::jobs::schedule;
use crate::model::{CredentialKind, Family, Owner, ScheduleRow, Taxpayer};
use fedatario_base::Scope;
use fedatario_base::id::ScheduleId;
use jiff::Timestamp;
use serde_json::Value;

/// Every night at 23:00 in Mexico City, when the day's documents are stamped and offices are closed.
pub const DAILY: &str = "0 23 * * * America/Mexico_City";
/// How many fires are told ahead.
pub const AHEAD: usize = 5;
/// Taxpayers that one wish is about.
const TAXPAYERS_AT_MOST: u32 = 10_000;

/// What somebody wants to happen by itself.
#[derive(Debug, Clone)]
pub struct Wish {
    /// Five cron fields and a time zone.
    pub cron: String,
    /// At the second that it says, not spread over half an hour with the others.
    pub exact: bool,
    /// At which services.
    pub families: Vec<Family>,
    /// Metadata of how many months is asked again each time; none asks nothing again.
    pub recheck_months: Option<u32>,
}

impl Wish {
    /// What a night is unless somebody chooses otherwise.
    pub fn daily() -> Self {
        Self { cron: DAILY.to_owned(), exact: false, families: vec![Family::Cfdi], recheck_months: Some(recheck::MONTHS) }
    }
}

/// The name of a taxpayer's schedule.
pub fn name_of(tax_id: &str) -> String {
    format!("{}:{tax_id}", handlers::SYNC)
}

/// Sets the schedule of a taxpayer, in place of the one that it has.
pub async fn put(app: &App, scope: &Scope, taxpayer: &Taxpayer, wish: &Wish) -> AppResult<ScheduleRow> {
    let spread_s = if wish.exact { 0 } else { schedule::spread_s(taxpayer.id) };
    let months = wish.recheck_months.map(|it| it.min(recheck::MONTHS_AT_MOST));
    let nightly = Nightly { id: taxpayer.id.to_string(), families: wish.families.clone(), recheck_months: months };
    let next = schedule::next_spread(&wish.cron, spread_s, app.clock.service()).map_err(bad)?;
    let row = ScheduleRow {
        id: ScheduleId::fresh(app.clock.wall()),
        name: name_of(&taxpayer.tax_id),
        spread_s,
        next,
        expression: wish.cron.clone(),
        kind: handlers::SYNC.to_owned(),
        payload: serde_json::to_value(nightly).map_err(|error| AppError::Internal(error.to_string()))?,
        enabled: true,
    };
    keep(app, scope, taxpayer, &row).await?;
    Ok(row)
}

/// The schedule of a taxpayer.
pub async fn of(app: &App, scope: &Scope, taxpayer: &Taxpayer) -> AppResult<Option<ScheduleRow>> {
    let all = app.store.read(scope).await?.schedules().await?;
    Ok(all.into_iter().find(|it| it.name == name_of(&taxpayer.tax_id)))
}

/// Switches a schedule off; it keeps what it was told. None if there is none.
pub async fn switch_off(app: &App, scope: &Scope, taxpayer: &Taxpayer) -> AppResult<Option<ScheduleRow>> {
    let Some(mut row) = of(app, scope, taxpayer).await? else { return Ok(None) };
    row.enabled = false;
    keep(app, scope, taxpayer, &row).await?;
    Ok(Some(row))
}

async fn keep(app: &App, scope: &Scope, taxpayer: &Taxpayer, row: &ScheduleRow) -> AppResult<()> {
    let now = Telling::begin(app, scope).await?;
    let mut tx = app.store.begin(scope).await?;
    let before = tx.schedules().await?.into_iter().find(|it| it.name == row.name);
    tx.put_schedule(row).await?;
    let event = entry(&now, "schedule", &taxpayer.id.to_string(), "set");
    let event = event.field("cron", row.expression.clone()).field("enabled", row.enabled);
    now.change(tx.as_mut(), event, before.as_ref().map_or(Value::Null, of_schedule), of_schedule(row)).await?;
    Ok(tx.commit().await?)
}

/// Every taxpayer that has an e.firma: whose schedules `--all` means.
pub async fn everybody(app: &App, scope: &Scope) -> AppResult<Vec<Taxpayer>> {
    let mut tx = app.store.read(scope).await?;
    let mut found = Vec::new();
    for taxpayer in tx.taxpayers(None, TAXPAYERS_AT_MOST).await? {
        if tx.current_credential(Owner::Taxpayer(taxpayer.id), CredentialKind::Fiel).await?.is_some() {
            found.push(taxpayer);
        }
    }
    Ok(found)
}

/// When a schedule fires next, a few times.
pub fn ahead(row: &ScheduleRow, now: Timestamp) -> AppResult<Vec<Timestamp>> {
    let mut times = Vec::new();
    let mut at = now;
    for _ in 0..AHEAD {
        at = schedule::next_spread(&row.expression, row.spread_s, at).map_err(bad)?;
        times.push(at);
    }
    Ok(times)
}

fn bad(error: schedule::ScheduleError) -> AppError {
    AppError::Input { code: error.code(), text: error.to_string() }
}
