//! `serve`: answers the API, works on everybody's jobs and ticks the schedules, until it is told to stop.
//!
//! Each role can run in a process of its own. Sockets are bound first: who cannot have them does nothing.

use crate::cli::{Globals, Role, Serve};
use crate::failure::Failure;
use crate::house::{Opening, Premises};
use crate::http::{self, Bound};
use crate::present::Screen;
use crate::signals::Stop;
use crate::{hygiene, identity, signer};
use fedatario_app::expiry;
use fedatario_app::identity::Identity;
use fedatario_app::jobs::schedule;
use fedatario_app::ports::{ClaimFilter, System};
use fedatario_app::replay::Replays;
use fedatario_base::code::Exit;
use fedatario_base::{Code, Scope};
use serde_json::json;
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// How often schedules are looked at: a schedule's unit is a minute.
const TICK: Duration = Duration::from_secs(5);
/// How often identity is looked after.
const TEND: Duration = Duration::from_secs(60);
/// How often old answers are forgotten.
const FORGET: Duration = Duration::from_secs(3_600);

/// Serves until SIGINT or SIGTERM; what has begun is let end.
pub async fn run(globals: &Globals, serve: Serve, screen: &Screen) -> Result<Exit, Failure> {
    let is = |role| serve.roles.contains(&role);
    if is(Role::Signer) {
        if serve.roles.iter().any(|it| *it != Role::Signer) {
            let text = "the role signer runs alone: its process is the only one that holds taxpayers' keys";
            return Err(Failure::new(Code::Usage, text).saying("cli-signer-alone"));
        }
        signer::check()?;
        return signer::serve(globals, &serve.signer_listen, screen).await;
    }
    hygiene::close()?;
    let bound = match is(Role::Api) {
        true => Some(Bound::to(&serve.listen, serve.metrics_listen.as_deref()).await?),
        false => None,
    };
    let premises = Premises::open(globals, Opening::making()).await?;
    let stop = Stop::listen(screen)?;
    signer::settle(&premises).await?;
    if is(Role::Worker) {
        sweep(&premises).await?;
    }
    let api = http::api(&premises).await?;
    tell(&premises, bound.as_ref(), screen)?;
    let answer = async {
        if let Some(bound) = bound {
            bound.serve(api, stop.receiver()).await;
        }
    };
    let work = async {
        if is(Role::Worker) {
            work(&premises, stop.receiver()).await;
        }
    };
    let tick = async {
        if is(Role::Scheduler) {
            tick(&premises, stop.receiver()).await;
        }
    };
    tokio::join!(answer, work, tick);
    Ok(Exit::Good)
}

/// What an earlier life left open at SAT is settled before anything new is sent.
async fn sweep(premises: &Premises) -> Result<(), Failure> {
    for (tenant, _) in premises.db.tenants(&premises.hands).await? {
        let swept = premises.sat.sweep(&Scope::system(tenant)).await;
        swept.map_err(|error| Failure::new(error.code(), error.to_string()))?;
    }
    Ok(())
}

fn tell(premises: &Premises, bound: Option<&Bound>, screen: &Screen) -> Result<(), Failure> {
    let dir = premises.dir.display().to_string();
    let api = bound.map(|it| it.address().map(|it| format!("http://{it}"))).transpose()?;
    let figures = bound.map(Bound::figures).transpose()?.flatten().map(|it| format!("http://{it}/metrics"));
    match &api {
        Some(url) => screen.say("cli-serving-api", &[("dir", dir.clone()), ("url", url.clone())]),
        None => screen.say("cli-serving", &[("dir", dir.clone())]),
    }
    screen.result(&json!({ "serving": dir, "api": api, "metrics": figures }));
    Ok(())
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
    let (mut forgotten, mut tended, mut watched) = (None, None, None);
    let identity =
        identity::of(premises).inspect_err(|it| tracing::error!(detail = it.detail, "identity is not looked after")).ok();
    while !*stopped.borrow() {
        tokio::select! {
            _ = interval.tick() => {}
            _ = stopped.changed() => return,
        }
        let next = |expression: &str, now| schedule::next_after(expression, now).ok();
        forget(premises, &mut forgotten).await;
        watch_ends(premises, &mut watched).await;
        if let Some(identity) = &identity {
            tend(identity, &mut tended).await;
        }
        if let Err(error) = premises.db.tick(&premises.hands, premises.app.clock.service(), &next).await {
            tracing::error!(code = error.code().slug(), %error, "schedules could not be looked at");
        }
        if let Err(error) = premises.people().sweep_leaving().await {
            tracing::error!(code = error.code().slug(), %error, "organisations that leave could not be looked at");
        }
    }
}

/// Now and then identity is looked after.
async fn tend(identity: &Identity, tended: &mut Option<Instant>) {
    if tended.is_none_or(|it| it.elapsed() >= TEND) {
        *tended = Some(Instant::now());
        identity.tend().await;
    }
}

/// At the start, and for organisations that are new since: certificates that end are looked for each day.
async fn watch_ends(premises: &Premises, watched: &mut Option<Instant>) {
    if watched.is_some_and(|it| it.elapsed() < FORGET) {
        return;
    }
    let at_once = watched.is_none();
    *watched = Some(Instant::now());
    if let Err(error) = expiry::summon(&premises.app, &premises.hands, at_once).await {
        tracing::error!(code = error.code().slug(), %error, "the watch over certificates could not be set");
    }
}

/// Now and then answers that nobody will ask for again are forgotten; when it fails, the next time will do.
async fn forget(premises: &Premises, forgotten: &mut Option<Instant>) {
    if forgotten.is_some_and(|it| it.elapsed() < FORGET) {
        return;
    }
    *forgotten = Some(Instant::now());
    if let Err(error) = Replays::forget(&premises.db, &premises.hands, premises.app.clock.wall()).await {
        tracing::warn!(code = error.code().slug(), %error, "old answers could not be forgotten");
    }
}
