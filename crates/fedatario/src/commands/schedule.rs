//! `schedule …`: what happens by itself, and when.

use crate::cli::{Globals, Schedule};
use crate::failure::Failure;
use crate::house::{House, Opening};
use crate::present::Screen;
use fedatario_app::descarga::nightly::{self, Wish};
use fedatario_app::descarga::register;
use fedatario_app::model::ScheduleRow;
use fedatario_base::Code;
use fedatario_base::code::Exit;
use serde_json::{Value, json};

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
    let all = nightly::everybody(&house.app, &house.scope).await?;
    Ok(all.into_iter().map(|it| it.tax_id).collect())
}

/// Sets the schedule of a taxpayer, in place of the one that it has.
pub async fn put(house: &House, rfc: &str, wish: &Wish) -> Result<ScheduleRow, Failure> {
    let taxpayer = register::find(&house.app, &house.scope, rfc).await?;
    Ok(nightly::put(&house.app, &house.scope, &taxpayer, wish).await?)
}

/// Switches a schedule off; it keeps what it was told.
async fn switch_off(house: &House, rfc: &str) -> Result<Option<ScheduleRow>, Failure> {
    let taxpayer = register::find(&house.app, &house.scope, rfc).await?;
    Ok(nightly::switch_off(&house.app, &house.scope, &taxpayer).await?)
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
    Ok(nightly::ahead(row, now)?.iter().map(ToString::to_string).collect())
}

/// A schedule for programs.
pub fn view(row: &ScheduleRow, now: jiff::Timestamp) -> Result<Value, Failure> {
    Ok(json!({
        "name": row.name, "cron": row.expression, "spread_s": row.spread_s, "enabled": row.enabled, "payload": row.payload,
        "next": ahead(row, now)?,
    }))
}
