//! `schedule …`: what happens by itself, and when.

use crate::cli::{Globals, Schedule};
use crate::failure::Failure;
use crate::house::{House, Opening};
use crate::present::Screen;
use fedatario_app::descarga::plan::Nightly;
use fedatario_app::descarga::{handlers, recheck, register};
use fedatario_app::jobs::schedule;
use fedatario_app::model::{Family, ScheduleRow, Taxpayer};
use fedatario_base::Code;
use fedatario_base::code::Exit;
use fedatario_base::id::ScheduleId;
use serde_json::{Value, json};

/// Every night at 23:00 in Mexico City, when the day's documents are stamped and offices are closed.
pub const DAILY: &str = "0 23 * * * America/Mexico_City";
/// How many fires are shown ahead.
const PREVIEW: usize = 5;
/// Taxpayers that one command schedules.
const TAXPAYERS_AT_MOST: u32 = 10_000;

/// What somebody wants to happen by itself.
pub struct Wish {
    cron: String,
    exact: bool,
    families: Vec<Family>,
    recheck_months: Option<u32>,
}

impl Wish {
    /// What a night is unless somebody chooses otherwise.
    pub fn daily() -> Self {
        Self { cron: DAILY.to_owned(), exact: false, families: vec![Family::Cfdi], recheck_months: Some(recheck::MONTHS) }
    }
}

/// Runs one of the commands.
pub async fn run(globals: &Globals, command: Schedule, screen: &Screen) -> Result<Exit, Failure> {
    let house = House::open(globals, Opening::existing()).await?;
    match command {
        Schedule::Set { rfc, off: true, all, .. } | Schedule::Off { rfc, all } => {
            let rfcs = chosen(&house, rfc, all).await?;
            let mut rows = Vec::new();
            for rfc in rfcs {
                rows.extend(switch_off(&house, &rfc).await?);
            }
            tell(&house, screen, &rows, all)
        }
        Schedule::Set { rfc, all, cron, exact, family, months, no_recheck, off: false } => {
            let recheck_months = (!no_recheck).then_some(months);
            let wish = Wish { cron, exact, families: super::sat::families(&family), recheck_months };
            let mut rows = Vec::new();
            for rfc in chosen(&house, rfc, all).await? {
                rows.push(put(&house, &rfc, &wish).await?);
            }
            tell(&house, screen, &rows, all)
        }
        Schedule::List => {
            let rows = house.app.store.read(&house.scope).await?.schedules().await?;
            tell(&house, screen, &rows, true)
        }
    }
}

/// Whose schedules are meant: one taxpayer's, or those of all that have an e.firma.
async fn chosen(house: &House, rfc: Option<String>, all: bool) -> Result<Vec<String>, Failure> {
    if let (Some(rfc), false) = (rfc, all) {
        return Ok(vec![rfc]);
    }
    let mut tx = house.app.store.read(&house.scope).await?;
    let mut rfcs = Vec::new();
    for taxpayer in tx.taxpayers(None, TAXPAYERS_AT_MOST).await? {
        let fiel = tx.current_credential(taxpayer.id, fedatario_app::model::CredentialKind::Fiel).await?;
        rfcs.extend(fiel.map(|_| taxpayer.tax_id));
    }
    Ok(rfcs)
}

fn name_of(rfc: &str) -> String {
    format!("{}:{rfc}", handlers::SYNC)
}

/// Sets the schedule of a taxpayer, in place of the one that it has.
pub async fn put(house: &House, rfc: &str, wish: &Wish) -> Result<ScheduleRow, Failure> {
    let taxpayer = register::find(&house.app, &house.scope, rfc).await?;
    let spread_s = if wish.exact { 0 } else { schedule::spread_s(taxpayer.id) };
    let nightly = Nightly { id: taxpayer.id.to_string(), families: wish.families.clone(), recheck_months: wish.recheck_months };
    let row = ScheduleRow {
        id: ScheduleId::fresh(house.app.clock.wall()),
        name: name_of(rfc),
        spread_s,
        next: schedule::next_spread(&wish.cron, spread_s, house.app.clock.service())?,
        expression: wish.cron.clone(),
        kind: handlers::SYNC.to_owned(),
        payload: serde_json::to_value(nightly).map_err(|error| Failure::internal(error.to_string()))?,
        enabled: true,
    };
    keep(house, &taxpayer, &row).await?;
    Ok(row)
}

/// Switches a schedule off; it keeps what it was told.
async fn switch_off(house: &House, rfc: &str) -> Result<Option<ScheduleRow>, Failure> {
    let taxpayer = register::find(&house.app, &house.scope, rfc).await?;
    let found = house.app.store.read(&house.scope).await?.schedules().await?;
    let Some(mut row) = found.into_iter().find(|it| it.name == name_of(rfc)) else { return Ok(None) };
    row.enabled = false;
    keep(house, &taxpayer, &row).await?;
    Ok(Some(row))
}

async fn keep(house: &House, taxpayer: &Taxpayer, row: &ScheduleRow) -> Result<(), Failure> {
    let mut tx = house.app.store.begin(&house.scope).await?;
    tx.put_schedule(row).await?;
    let moment = fedatario_app::descarga::transition::Moment::now(&house.app, &house.scope);
    let event = fedatario_app::audit_trail::entry(&moment, "schedule", &taxpayer.id.to_string(), "set");
    tx.append(event.field("cron", row.expression.clone()).field("enabled", row.enabled), None).await?;
    Ok(tx.commit().await?)
}

fn tell(house: &House, screen: &Screen, rows: &[ScheduleRow], as_list: bool) -> Result<Exit, Failure> {
    let now = house.app.clock.service();
    for row in rows {
        show(screen, row, now)?;
    }
    let views: Vec<Value> = rows.iter().map(|it| view(it, now)).collect::<Result<_, _>>()?;
    match (as_list, views.as_slice()) {
        (false, [one]) => screen.result(one),
        (false, []) => return Err(Failure::new(Code::NotFound, "no schedule of that taxpayer")),
        (_, all) => screen.result(&json!({ "schedules": all })),
    }
    Ok(Exit::Good)
}

/// Shows a schedule and when it fires next.
pub fn show(screen: &Screen, row: &ScheduleRow, now: jiff::Timestamp) -> Result<(), Failure> {
    screen.print(&format!("{} {} +{} s {}", row.name, row.expression, row.spread_s, if row.enabled { "✓" } else { "—" }));
    for at in ahead(row, now)? {
        screen.print(&format!("    {at}"));
    }
    Ok(())
}

fn ahead(row: &ScheduleRow, now: jiff::Timestamp) -> Result<Vec<String>, Failure> {
    let mut at = now;
    let mut times = Vec::new();
    for _ in 0..PREVIEW {
        at = schedule::next_spread(&row.expression, row.spread_s, at)?;
        times.push(at.to_string());
    }
    Ok(times)
}

/// A schedule for programs.
pub fn view(row: &ScheduleRow, now: jiff::Timestamp) -> Result<Value, Failure> {
    Ok(json!({
        "name": row.name, "cron": row.expression, "spread_s": row.spread_s, "enabled": row.enabled, "payload": row.payload,
        "next": ahead(row, now)?,
    }))
}
