//! `serve`: works on everybody's jobs and ticks the schedules, until it is told to stop.

use crate::cli::Globals;
use crate::failure::Failure;
use crate::house::House;
use crate::present::Screen;
use fedatario_app::jobs::schedule;
use fedatario_app::ports::{ClaimFilter, System};
use fedatario_base::code::Exit;
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

/// How often schedules are looked at: a schedule's unit is a minute.
const TICK: Duration = Duration::from_secs(5);

/// Serves until SIGINT or SIGTERM; what has begun is let end.
pub async fn run(globals: &Globals, screen: &Screen) -> Result<Exit, Failure> {
    let house = House::open(globals).await?;
    for (tenant, _) in house.db.tenants(&house.hands).await? {
        let scope = fedatario_base::Scope::shell(tenant, 0);
        house.sat.sweep(&scope).await.map_err(|error| Failure::new(error.code(), error.to_string()))?;
    }
    screen.say("cli-serving", &[("dir", house.dir.display().to_string())]);
    until_told(&house).await?;
    Ok(Exit::Good)
}

/// Works and ticks until a signal comes.
pub async fn until_told(house: &House) -> Result<(), Failure> {
    let (stop, stopped) = watch::channel(false);
    let worker = house.worker();
    let work = worker.work(ClaimFilter::default(), stopped);
    tokio::pin!(work);
    let mut tick = tokio::time::interval(TICK);
    let mut terminate = signal(SignalKind::terminate()).map_err(|error| Failure::internal(error.to_string()))?;
    loop {
        tokio::select! {
            done = &mut work => return Ok(done?),
            _ = tick.tick() => {
                let next = |expression: &str, now| schedule::next_after(expression, now).ok();
                house.db.tick(&house.hands, house.app.clock.service(), &next).await?;
            }
            _ = tokio::signal::ctrl_c() => { let _ = stop.send(true); }
            _ = terminate.recv() => { let _ = stop.send(true); }
        }
    }
}
