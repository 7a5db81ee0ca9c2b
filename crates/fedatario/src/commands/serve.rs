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

/// Works and ticks until a signal comes. A database that is away for a while ends nothing: what
/// was held comes back when its leases end.
pub async fn until_told(house: &House) -> Result<(), Failure> {
    let (stop, stopped) = watch::channel(false);
    let mut terminate = signal(SignalKind::terminate()).map_err(|error| Failure::internal(error.to_string()))?;
    let serving = async { tokio::join!(work(house, stopped.clone()), tick(house, stopped)) };
    tokio::pin!(serving);
    loop {
        tokio::select! {
            _ = &mut serving => return Ok(()),
            _ = tokio::signal::ctrl_c() => { let _ = stop.send(true); }
            _ = terminate.recv() => { let _ = stop.send(true); }
        }
    }
}

async fn work(house: &House, stopped: watch::Receiver<bool>) {
    let worker = house.worker();
    while let Err(error) = worker.work(ClaimFilter::default(), stopped.clone()).await {
        tracing::error!(code = error.code().slug(), %error, "the worker lost its database and will try again");
        tokio::time::sleep(TICK).await;
        if *stopped.borrow() {
            return;
        }
    }
}

async fn tick(house: &House, mut stopped: watch::Receiver<bool>) {
    let mut interval = tokio::time::interval(TICK);
    while !*stopped.borrow() {
        tokio::select! {
            _ = interval.tick() => {}
            _ = stopped.changed() => return,
        }
        let next = |expression: &str, now| schedule::next_after(expression, now).ok();
        if let Err(error) = house.db.tick(&house.hands, house.app.clock.service(), &next).await {
            tracing::error!(code = error.code().slug(), %error, "schedules could not be looked at");
        }
    }
}
