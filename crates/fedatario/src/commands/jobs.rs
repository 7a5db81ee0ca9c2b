//! `jobs …`: what waits, runs, failed; retried or called off by hand.

use crate::cli::{Globals, Jobs};
use crate::failure::Failure;
use crate::house::{House, Opening};
use crate::present::Screen;
use fedatario_app::jobs::desk::{self, Wish};
use fedatario_app::model::{JobState, JobView};
use fedatario_base::Code;
use fedatario_base::code::Exit;
use fedatario_base::id::JobId;
use serde_json::{Value, json};

/// Runs one of the commands.
pub async fn run(globals: &Globals, command: Jobs, screen: &Screen) -> Result<Exit, Failure> {
    let house = House::open(globals, Opening::existing()).await?;
    match command {
        Jobs::List { state, limit } => list(&house, screen, state.as_deref().and_then(JobState::from_text), limit).await,
        Jobs::Retry { id } => change(&house, screen, &id, Wish::Retry).await,
        Jobs::Cancel { id } => change(&house, screen, &id, Wish::Cancel).await,
    }
}

async fn list(house: &House, screen: &Screen, state: Option<JobState>, limit: u32) -> Result<Exit, Failure> {
    let jobs = house.app.store.read(&house.scope).await?.jobs(state, None, limit).await?;
    for job in &jobs {
        let error = job.error.as_deref().unwrap_or_default();
        screen.print(&format!(
            "{} {:10} {:9} {:.0} ×{} {error}",
            job.id,
            job.kind,
            screen.word("job", job.state.text()),
            job.due,
            job.claims
        ));
    }
    screen.result(&json!({ "jobs": jobs.iter().map(view).collect::<Vec<Value>>() }));
    Ok(Exit::Good)
}

/// A job for programs.
pub fn view(job: &JobView) -> Value {
    json!({
        "id": job.id.to_string(), "kind": job.kind, "key": job.key, "state": job.state, "due": job.due.to_string(),
        "claims": job.claims, "failures": job.failures, "error": job.error, "run": job.run,
    })
}

async fn change(house: &House, screen: &Screen, id: &str, wish: Wish) -> Result<Exit, Failure> {
    let id: JobId = id.parse().map_err(|error| Failure::new(Code::IdFormat, format!("{id}: {error}")))?;
    desk::act(&house.app, &house.scope, id, wish).await?;
    screen.say("cli-done", &[("id", id.to_string())]);
    screen.result(&json!({ "id": id.to_string(), "done": wish.done() }));
    Ok(Exit::Good)
}
