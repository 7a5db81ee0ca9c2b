//! What happens to certificates later: one goes into use at its instant, a rested key is destroyed, what no
//! row names is collected.
//!
//! Each job looks at the row first: what was put back, replaced or destroyed meanwhile is left alone, and a
//! job that comes twice does nothing the second time.

use super::{life, orphans};
use crate::App;
use crate::audit_trail::changes::Telling;
use crate::descarga::transition::Moment;
use crate::error::{AppError, AppResult};
use crate::jobs::{Handler, JobFailure};
use crate::model::{ClaimedJob, CredentialRow, CredentialState, NewJob};
use crate::ports::{LeaseProof, Tx};
use async_trait::async_trait;
use fedatario_base::Scope;
use fedatario_base::id::CredentialId;
use jiff::Timestamp;
use serde_json::json;

/// The job that puts a waiting certificate into use.
pub const ACTIVATE: &str = "certificates.activate";
/// The job that destroys a key that has rested.
pub const EXPUNGE: &str = "certificates.expunge";

/// The jobs that follow from a row: its own instant, and the end of the rest of the one it replaced.
pub(super) async fn follow_up(
    tx: &mut dyn Tx,
    now: &Moment,
    row: &CredentialRow,
    former: Option<(CredentialId, Timestamp)>,
) -> AppResult<()> {
    if let Some(at) = row.activate {
        tx.enqueue(&job(now, ACTIVATE, row.id, at), now.service).await?;
    }
    if let Some((former, keep_until)) = former {
        tx.enqueue(&job(now, EXPUNGE, former, keep_until), now.service).await?;
    }
    Ok(())
}

/// Instants of certificates are the wall's, due dates the service's.
fn job(now: &Moment, kind: &'static str, id: CredentialId, at: Timestamp) -> NewJob {
    let due = now.service + at.duration_since(now.wall);
    let id = id.to_string();
    NewJob { kind, key: format!("{id}@{}", at.as_millisecond()), payload: json!({ "id": id, "at": at }), due, run: None }
}

/// Does them.
pub struct Certificates {
    app: App,
}

impl Certificates {
    /// Over the services.
    pub fn new(app: App) -> Self {
        Self { app }
    }

    async fn work(&self, scope: &Scope, job: &ClaimedJob) -> AppResult<()> {
        let broken = || AppError::Internal(format!("a job {} without an id", job.kind));
        let id: CredentialId = job.payload["id"].as_str().and_then(|it| it.parse().ok()).ok_or_else(broken)?;
        let lease = LeaseProof { job: job.id, token: job.token };
        let now = Telling::begin(&self.app, scope).await?;
        let mut tx = self.app.store.begin(scope).await?;
        let found = tx.credential(id).await?;
        let due = found.filter(|it| is_due(it, &job.kind, now.wall));
        let expunged = match (&due, job.kind.as_str()) {
            (Some(row), ACTIVATE) => self.activate(tx.as_mut(), &now, row).await.map(|()| None)?,
            (Some(row), _) => life::forget(tx.as_mut(), &now, row, "expunged").await.map(|()| Some(row.object.clone()))?,
            (None, _) => None,
        };
        tx.finish_job(lease).await?;
        tx.commit().await?;
        if let Some(object) = expunged {
            life::sweep(&self.app, &object).await;
        }
        Ok(())
    }

    /// Into use, if it still may be: it was let in long ago, and an authority may have taken it back since.
    async fn activate(&self, tx: &mut dyn Tx, now: &Telling, row: &CredentialRow) -> AppResult<()> {
        match life::fit(&self.app, tx, now, row).await {
            Ok(()) => life::promote(&self.app, tx, now, row, "activated").await,
            Err(error @ (AppError::Store(_) | AppError::Internal(_))) => Err(error),
            Err(error) => life::pass_over(tx, now, row, error.code()).await,
        }
    }
}

/// Whether the job is for the row as it stands.
fn is_due(row: &CredentialRow, kind: &str, now: Timestamp) -> bool {
    match kind {
        ACTIVATE => row.state == CredentialState::Next && row.activate.is_some_and(|it| it <= now),
        _ => row.state == CredentialState::Replaced && row.keep_until.is_some_and(|it| it <= now),
    }
}

#[async_trait]
impl Handler for Certificates {
    fn kinds(&self) -> &'static [&'static str] {
        &[ACTIVATE, EXPUNGE, orphans::COLLECT]
    }

    async fn handle(&self, job: &ClaimedJob, scope: Scope) -> Result<(), JobFailure> {
        match job.kind.as_str() {
            orphans::COLLECT => Ok(orphans::collect(&self.app, &scope, job).await?),
            _ => Ok(self.work(&scope, job).await?),
        }
    }
}
