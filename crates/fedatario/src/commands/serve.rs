//! `serve`: works on everybody's jobs and ticks the schedules, until it is told to stop.

use crate::cli::Globals;
use crate::failure::Failure;
use crate::house::{Opening, Premises};
use crate::present::Screen;
use crate::signals::Stop;
use fedatario_app::jobs::schedule;
use fedatario_app::ports::{ClaimFilter, System};
use fedatario_base::Scope;
use fedatario_base::code::Exit;
use serde_json::json;
use std::time::Duration;
use tokio::sync::watch;

/// How often schedules are looked at: a schedule's unit is a minute.
const TICK: Duration = Duration::from_secs(5);

/// Serves until SIGINT or SIGTERM; what has begun is let end.
pub async fn run(globals: &Globals, screen: &Screen) -> Result<Exit, Failure> {
    let premises = Premises::open(globals, Opening::making()).await?;
    let stop = Stop::listen(screen)?;
    for (tenant, _) in premises.db.tenants(&premises.hands).await? {
        let swept = premises.sat.sweep(&Scope::system(tenant)).await;
        swept.map_err(|error| Failure::new(error.code(), error.to_string()))?;
    }
    let dir = premises.dir.display().to_string();
    screen.say("cli-serving", &[("dir", dir.clone())]);
    screen.result(&json!({ "serving": dir }));
    until_told(&premises, &stop).await;
    Ok(Exit::Good)
}

/// Works and ticks until somebody asks to stop. A database that is away for a while ends nothing:
/// what was held comes back when its leases end.
pub async fn until_told(premises: &Premises, stop: &Stop) {
    tokio::join!(work(premises, stop.receiver()), tick(premises, stop.receiver()));
}

async fn work(premises: &Premises, stopped: watch::Receiver<bool>) {
    let worker = premises.worker();
    while let Err(error) = worker.work(ClaimFilter::default(), stopped.clone()).await {
        tracing::error!(code = error.code().slug(), %error, "the worker lost its database and will try again");
        tokio::time::sleep(TICK).await;
        if *stopped.borrow() {
            return;
        }
    }
}

async fn tick(premises: &Premises, mut stopped: watch::Receiver<bool>) {
    let mut interval = tokio::time::interval(TICK);
    while !*stopped.borrow() {
        tokio::select! {
            _ = interval.tick() => {}
            _ = stopped.changed() => return,
        }
        let next = |expression: &str, now| schedule::next_after(expression, now).ok();
        if let Err(error) = premises.db.tick(&premises.hands, premises.app.clock.service(), &next).await {
            tracing::error!(code = error.code().slug(), %error, "schedules could not be looked at");
        }
    }
}
