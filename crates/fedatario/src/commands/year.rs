//! Running a year to its end: the jobs of its own run, with progress, resumable at any moment.

use crate::failure::Failure;
use crate::house::House;
use crate::present::Screen;
use crate::signals::Stop;
use fedatario_app::descarga::plan::{self, YearOf};
use fedatario_app::descarga::report::{Made, settled};
use fedatario_app::descarga::status::{self, YearStatus};
use fedatario_app::model::{JobState, Solicitud, SolicitudState, Taxpayer};
use fedatario_app::ports::ClaimFilter;
use fedatario_base::code::Exit;
use jiff::Timestamp;
use std::time::Duration;
use tokio::sync::watch;

/// How often progress is drawn.
const DRAW: Duration = Duration::from_millis(200);
/// How often it is looked whether anything gets on at all.
const LOOK: Duration = Duration::from_secs(5);
/// When nothing but failures has been seen for so long, the shell says why and lets go: the same
/// command, or `serve`, takes the jobs up again.
const PATIENCE: Duration = Duration::from_secs(180);
/// Jobs of the run that are looked at.
const JOBS_AT_MOST: u32 = 200;

/// Works until no job of a year's run is open, or the person says stop.
pub async fn to_its_end(house: &House, screen: &Screen, taxpayer: &Taxpayer, of: YearOf) -> Result<YearStatus, Failure> {
    run_to_its_end(house, screen, taxpayer, plan::run_of(of.taxpayer, of.year, of.family), Some(of.year)).await?;
    Ok(status::year(&house.app, &house.scope, taxpayer, Some(of.year)).await?.only(|it| of.holds(it)))
}

/// The same for any run.
pub async fn run_to_its_end(
    house: &House,
    screen: &Screen,
    taxpayer: &Taxpayer,
    run: String,
    year: Option<i16>,
) -> Result<(), Failure> {
    let filter = ClaimFilter { run: Some(run.clone()), tenant: Some(house.scope.tenant()), kinds: Vec::new() };
    let (stop, stopped) = watch::channel(false);
    let worker = house.worker();
    let work = worker.work(filter, stopped);
    tokio::pin!(work);
    let mut asked = Stop::listen(screen)?.receiver();
    let bar = screen.progress(0);
    let mut draw = tokio::time::interval(DRAW);
    let mut look = tokio::time::interval(LOOK);
    let mut failing_since: Option<Timestamp> = None;
    loop {
        tokio::select! {
            done = &mut work => { done?; break }
            _ = look.tick() => {
                let why = only_failures(house, &run).await.ok().flatten();
                failing_since = why.as_ref().map(|_| failing_since.unwrap_or_else(|| house.app.clock.wall()));
                let waited = failing_since.map(|it| house.app.clock.wall().duration_since(it)).unwrap_or_default();
                if let Some(why) = why.filter(|_| waited.unsigned_abs() >= PATIENCE && !*stop.borrow()) {
                    screen.say("cli-not-getting-on", &[("why", why)]);
                    let _ = stop.send(true);
                }
            }
            // What is only for the eye must not cut the calls under way: a failure draws nothing.
            _ = draw.tick(), if !bar.is_hidden() => { let _ = show(house, screen, taxpayer, year, &bar).await; }
            _ = asked.changed() => { let _ = stop.send(true); }
        }
    }
    bar.finish_and_clear();
    Ok(())
}

/// The last failure, if every waiting job of the run waits because of one.
async fn only_failures(house: &House, run: &str) -> Result<Option<String>, Failure> {
    let mut tx = house.app.store.read(&house.scope).await?;
    let jobs = tx.jobs(Some(JobState::Ready), None, JOBS_AT_MOST).await?;
    let mine: Vec<_> = jobs.into_iter().filter(|it| it.run.as_deref() == Some(run)).collect();
    let all_failed = !mine.is_empty() && mine.iter().all(|it| it.error.is_some());
    Ok(mine.into_iter().filter(|_| all_failed).find_map(|it| it.error))
}

async fn show(
    house: &House,
    screen: &Screen,
    taxpayer: &Taxpayer,
    year: Option<i16>,
    bar: &indicatif::ProgressBar,
) -> Result<(), Failure> {
    let status = status::year(&house.app, &house.scope, taxpayer, year).await?;
    let total = status.solicitudes.len() as u64;
    bar.set_length(total);
    bar.set_position(total - status.open() as u64);
    let arguments = [("cfdi", status.counts.cfdi.to_string()), ("metadata", status.counts.metadata.to_string())];
    bar.set_message(screen.text("cli-progress", &arguments));
    Ok(())
}

/// What a year's state means for the shell: refused when SAT said no, later while something is open,
/// a finding when documents are missing or a window is without an answer that could have one.
pub fn exit_of(status: &YearStatus, made: &Made) -> Exit {
    exit_by(status, made.totals.missing)
}

/// The same for requests that have no report: nothing is missing that nobody counts.
pub fn exit_by(status: &YearStatus, missing: u64) -> Exit {
    let all: Vec<Solicitud> = status.solicitudes.iter().map(|(s, _)| s.clone()).collect();
    let unanswered = |it: &&Solicitud| !settled(it, &all);
    let refused = all.iter().filter(unanswered).any(|it| matches!(it.state, SolicitudState::Blocked | SolicitudState::Rejected));
    match (status.open(), missing) {
        (0, 0) if all.iter().all(|it| settled(it, &all)) => Exit::Good,
        (0, _) if refused => Exit::Refused,
        (0, _) => Exit::Finding,
        _ => Exit::Later,
    }
}

/// The states of a year in the reader's words: `imported 26, empty 2`.
pub fn states(screen: &Screen, status: &YearStatus) -> String {
    let parts: Vec<String> = status.by_state().into_iter().map(|(state, n)| format!("{} {n}", screen.state(state))).collect();
    parts.join(", ")
}
