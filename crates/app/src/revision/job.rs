//! A run over documents as a job: for whoever asks over the wire and does not wait.
//!
//! Its row is there from the moment that it is asked for. A worker that dies leaves passes that are
//! resumable, and the next one goes on in the same run.

use super::{Asked, Parts, Revision};
use crate::App;
use crate::audit_trail::entry;
use crate::descarga::transition::Moment;
use crate::error::{AppError, AppResult};
use crate::jobs::{Handler, JobFailure};
use crate::model::{ClaimedJob, NewJob, Taxpayer};
use crate::ports::LeaseProof;
use crate::revision::model::RunRow;
use async_trait::async_trait;
use fedatario_base::id::{RevisionId, TaxpayerId};
use fedatario_base::{Code, Scope};
use serde::{Deserialize, Serialize};
use serde_json::json;

/// Look at a taxpayer's documents.
pub const CHECK: &str = "sat.check";

/// What a job of this kind keeps.
#[derive(Debug, Serialize, Deserialize)]
struct Payload {
    id: String,
    run: String,
    from: Option<jiff::civil::Date>,
    to: Option<jiff::civil::Date>,
    uuids: Vec<String>,
    seals: bool,
    status: bool,
    efos: bool,
    status_of_all: bool,
    fetch_certificates: bool,
    again: bool,
}

impl Payload {
    fn asked(&self) -> Asked {
        Asked {
            from: self.from,
            to: self.to,
            uuids: self.uuids.clone(),
            parts: Parts { seals: self.seals, status: self.status, efos: self.efos },
            status_of_all: self.status_of_all,
            fetch_certificates: self.fetch_certificates,
            again: self.again,
        }
    }
}

/// Asks for a run; its row is there when this answers.
pub async fn ask(app: &App, scope: &Scope, taxpayer: &Taxpayer, asked: &Asked) -> AppResult<RunRow> {
    let now = Moment::now(app, scope);
    let run = RunRow {
        id: RevisionId::fresh(now.wall),
        taxpayer: taxpayer.id,
        begun: now.wall,
        ended: None,
        asked: asked.told(),
        counts: json!({}),
    };
    let payload = Payload {
        id: taxpayer.id.to_string(),
        run: run.id.to_string(),
        from: asked.from,
        to: asked.to,
        uuids: asked.uuids.clone(),
        seals: asked.parts.seals,
        status: asked.parts.status,
        efos: asked.parts.efos,
        status_of_all: asked.status_of_all,
        fetch_certificates: asked.fetch_certificates,
        again: asked.again,
    };
    let payload = serde_json::to_value(payload).map_err(|error| AppError::Internal(error.to_string()))?;
    let job = NewJob { kind: CHECK, key: run.id.to_string(), payload, due: now.service, run: Some(run_of(run.id)) };
    let mut tx = app.store.begin(scope).await?;
    tx.put_run(&run).await?;
    tx.enqueue(&job, now.service).await?;
    tx.append(entry(&now, "sat.check", &run.id.to_string(), "asked").field("taxpayer", taxpayer.id.to_string()), None).await?;
    tx.commit().await?;
    Ok(run)
}

/// The run of jobs that a run over documents is.
pub fn run_of(run: RevisionId) -> String {
    format!("sat.check:{run}")
}

#[async_trait]
impl Handler for Revision {
    fn kinds(&self) -> &'static [&'static str] {
        &[CHECK]
    }

    async fn handle(&self, job: &ClaimedJob, scope: Scope) -> Result<(), JobFailure> {
        let malformed = || JobFailure::Failed { code: Code::Internal, text: "payload of sat.check not understood".to_owned() };
        let payload: Payload = serde_json::from_value(job.payload.clone()).map_err(|_| malformed())?;
        let id: TaxpayerId = payload.id.parse().map_err(|_| malformed())?;
        let run: RevisionId = payload.run.parse().map_err(|_| malformed())?;
        let taxpayer = self.app.store.read(&scope).await?.taxpayer(id).await?;
        let taxpayer = taxpayer.ok_or_else(|| AppError::NotFound(id.to_string()))?;
        self.revise_as(run, &scope, &taxpayer, &payload.asked(), &mut |_| {}, &|_| {}).await?;
        let mut tx = self.app.store.begin(&scope).await?;
        tx.finish_job(LeaseProof { job: job.id, token: job.token }).await?;
        Ok(tx.commit().await?)
    }
}
