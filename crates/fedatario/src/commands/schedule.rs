//! `schedule …`: when a taxpayer's running year is asked for without anybody asking.

use crate::cli::{Globals, Schedule};
use crate::failure::Failure;
use crate::house::{House, Opening};
use crate::present::Screen;
use fedatario_app::descarga::{handlers, register};
use fedatario_app::jobs::schedule;
use fedatario_app::model::ScheduleRow;
use fedatario_base::code::Exit;
use fedatario_base::id::ScheduleId;
use serde_json::{Value, json};

/// How many fires are shown ahead.
const PREVIEW: usize = 5;

/// Runs one of the commands.
pub async fn run(globals: &Globals, command: Schedule, screen: &Screen) -> Result<Exit, Failure> {
    let house = House::open(globals, Opening::existing()).await?;
    match command {
        Schedule::Set { rfc, cron, off } => set(&house, screen, &rfc, cron, !off).await,
        Schedule::List => list(&house, screen).await,
    }
}

async fn set(house: &House, screen: &Screen, rfc: &str, cron: String, enabled: bool) -> Result<Exit, Failure> {
    let taxpayer = register::find(&house.app, &house.scope, rfc).await?;
    let now = house.app.clock.service();
    let row = ScheduleRow {
        id: ScheduleId::fresh(house.app.clock.wall()),
        name: format!("{}:{rfc}", handlers::SYNC),
        next: schedule::next_after(&cron, now)?,
        expression: cron,
        kind: handlers::SYNC.to_owned(),
        payload: json!({ "id": taxpayer.id.to_string() }),
        enabled,
    };
    let mut tx = house.app.store.begin(&house.scope).await?;
    tx.put_schedule(&row).await?;
    let moment = fedatario_app::descarga::transition::Moment::now(&house.app, &house.scope);
    let event = fedatario_app::audit_trail::entry(&moment, "schedule", &taxpayer.id.to_string(), "set");
    tx.append(event.field("cron", row.expression.clone()).field("enabled", enabled), None).await?;
    tx.commit().await?;
    show(screen, &row, now)?;
    screen.result(&view(&row, now)?);
    Ok(Exit::Good)
}

async fn list(house: &House, screen: &Screen) -> Result<Exit, Failure> {
    let now = house.app.clock.service();
    let rows = house.app.store.read(&house.scope).await?.schedules().await?;
    for row in &rows {
        show(screen, row, now)?;
    }
    let views: Vec<Value> = rows.iter().map(|it| view(it, now)).collect::<Result<_, _>>()?;
    screen.result(&json!({ "schedules": views }));
    Ok(Exit::Good)
}

fn show(screen: &Screen, row: &ScheduleRow, now: jiff::Timestamp) -> Result<(), Failure> {
    screen.print(&format!("{} {} {}", row.name, row.expression, if row.enabled { "✓" } else { "—" }));
    for at in ahead(row, now)? {
        screen.print(&format!("    {at}"));
    }
    Ok(())
}

fn ahead(row: &ScheduleRow, now: jiff::Timestamp) -> Result<Vec<String>, Failure> {
    let mut at = now;
    let mut times = Vec::new();
    for _ in 0..PREVIEW {
        at = schedule::next_after(&row.expression, at)?;
        times.push(at.to_string());
    }
    Ok(times)
}

fn view(row: &ScheduleRow, now: jiff::Timestamp) -> Result<Value, Failure> {
    Ok(json!({ "name": row.name, "cron": row.expression, "enabled": row.enabled, "next": ahead(row, now)? }))
}
