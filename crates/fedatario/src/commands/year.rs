//! Running a year to its end: the jobs of its own run, with progress, resumable at any moment.

use crate::failure::Failure;
use crate::house::House;
use crate::present::Screen;
use fedatario_app::descarga::status::{self, YearStatus};
use fedatario_app::model::{Solicitud, SolicitudState, Taxpayer};
use fedatario_app::ports::ClaimFilter;
use fedatario_base::code::Exit;
use fedatario_base::Code;
use std::time::Duration;
use tokio::sync::watch;

/// How often progress is drawn.
const DRAW: Duration = Duration::from_millis(200);

/// Works until no job of the run is open, or the person says stop.
pub async fn to_its_end(house: &House, screen: &Screen, taxpayer: &Taxpayer, year: i16) -> Result<YearStatus, Failure> {
    let run = fedatario_app::descarga::plan::run_of(taxpayer.id, year);
    let filter = ClaimFilter { run: Some(run), tenant: Some(house.scope.tenant()), kinds: Vec::new() };
    let (stop, stopped) = watch::channel(false);
    let worker = house.worker();
    let work = worker.work(filter, stopped);
    tokio::pin!(work);
    let bar = screen.progress(0);
    let mut draw = tokio::time::interval(DRAW);
    loop {
        tokio::select! {
            done = &mut work => { done?; break }
            _ = draw.tick(), if !bar.is_hidden() => show(house, screen, taxpayer, year, &bar).await?,
            _ = tokio::signal::ctrl_c() => { let _ = stop.send(true); }
        }
    }
    bar.finish_and_clear();
    Ok(status::year(&house.app, &house.scope, taxpayer, Some(year)).await?)
}

async fn show(house: &House, screen: &Screen, taxpayer: &Taxpayer, year: i16, bar: &indicatif::ProgressBar) -> Result<(), Failure> {
    let status = status::year(&house.app, &house.scope, taxpayer, Some(year)).await?;
    let total = status.solicitudes.len() as u64;
    bar.set_length(total);
    bar.set_position(total - status.open() as u64);
    let arguments = [("cfdi", status.counts.cfdi.to_string()), ("metadata", status.counts.metadata.to_string())];
    bar.set_message(screen.text("cli-progress", &arguments));
    Ok(())
}

/// What a year's state means for the shell: refused when SAT does not take the certificate, later
/// while something is open, a finding when a person is needed or documents are missing.
pub fn exit_of(status: &YearStatus, missing: u64) -> Exit {
    let refused = |it: &Solicitud| it.state == SolicitudState::Blocked && matches!(it.codes.cod_estatus.as_deref(), Some("304" | "305"));
    match (status.open(), status.blocked(), missing) {
        (0, 0, 0) => Exit::Good,
        _ if status.solicitudes.iter().any(|(s, _)| refused(s)) => Code::CredentialBlocked.exit(),
        (0, _, _) => Exit::Finding,
        _ => Code::AuthorityUnreachable.exit(),
    }
}

/// The states of a year in words: `imported 26, empty 2`.
pub fn states(status: &YearStatus) -> String {
    let parts: Vec<String> = status.by_state().into_iter().map(|(state, n)| format!("{state} {n}")).collect();
    parts.join(", ")
}
