//! The job that sends a mail.
//!
//! A server that is away is tried again at growing distances for a day; what it refuses for good is
//! given up at once. A mail may go out twice when a process dies in between: both bear the same
//! name, and readers drop the second.

use super::{Mail, PostError, Postman, label};
use crate::App;
use crate::audit_trail::entry;
use crate::descarga::transition::Moment;
use crate::error::AppError;
use crate::hooks;
use crate::jobs::{Handler, JobFailure};
use crate::model::ClaimedJob;
use crate::ports::LeaseProof;
use async_trait::async_trait;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use fedatario_base::id::MailId;
use fedatario_base::{Code, Scope};
use std::sync::Arc;
use std::time::Duration;

/// Send a mail.
pub const MAIL_SEND: &str = "mail.send";

/// How long a mail is tried: what it says is stale after a day.
const PATIENCE: Duration = Duration::from_secs(24 * 3_600);
/// The shortest pause between two attempts.
const PAUSE_AT_LEAST: Duration = Duration::from_secs(5);
/// The longest.
const PAUSE_AT_MOST: Duration = Duration::from_secs(30 * 60);
/// A mail that nobody has a way for is looked at this often: somebody may configure one.
const UNCONFIGURED_PAUSE: Duration = Duration::from_secs(10 * 60);

/// Does the jobs of mail.
pub struct Mails {
    app: App,
    postman: Arc<dyn Postman>,
}

impl Mails {
    /// Over the services of this process.
    pub fn new(app: App, postman: Arc<dyn Postman>) -> Self {
        Self { app, postman }
    }

    async fn opened(&self, job: &ClaimedJob, scope: &Scope) -> Result<(MailId, Mail), JobFailure> {
        let malformed = || JobFailure::Failed { code: Code::Internal, text: "payload of mail.send not understood".to_owned() };
        let text = |name: &str| job.payload.get(name).and_then(|it| it.as_str());
        let id: MailId = text("id").and_then(|it| it.parse().ok()).ok_or_else(malformed)?;
        let sealed = text("sealed").and_then(|it| STANDARD.decode(it).ok()).ok_or_else(malformed)?;
        let plain = self.app.vault.open_bytes(scope, &label(id), &sealed).await.map_err(AppError::from)?;
        let mail = serde_json::from_slice(&plain).ok().and_then(|it| Mail::from_json(&it)).ok_or_else(malformed)?;
        Ok((id, mail))
    }

    /// What becomes of a mail that did not go out.
    async fn not_sent(&self, job: &ClaimedJob, scope: &Scope, mail: &Mail, error: PostError) -> Result<(), JobFailure> {
        let age = Duration::try_from(self.app.clock.wall().duration_since(mail.at)).unwrap_or_default();
        if !error.is_final() && age < PATIENCE {
            return Err(JobFailure::Later { after: pause(&error, age), why: format!("{}: {error}", error.code().slug()) });
        }
        let why = format!("{}: {error}", error.code().slug());
        let now = Moment::now(&self.app, scope);
        let mut tx = self.app.store.begin(scope).await?;
        tx.bury_job(LeaseProof { job: job.id, token: job.token }, &why).await?;
        let event = entry(&now, "mail", &job.key, "given_up").field("kind", mail.kind.text()).field("code", error.code().slug());
        tx.append(event, None).await?;
        hooks::job_died(tx.as_mut(), &now, job, &why).await?;
        Ok(tx.commit().await?)
    }
}

/// Half of its age again, within bounds.
fn pause(error: &PostError, age: Duration) -> Duration {
    match error {
        PostError::Unconfigured => UNCONFIGURED_PAUSE,
        _ => (age / 2).clamp(PAUSE_AT_LEAST, PAUSE_AT_MOST),
    }
}

#[async_trait]
impl Handler for Mails {
    fn kinds(&self) -> &'static [&'static str] {
        &[MAIL_SEND]
    }

    async fn handle(&self, job: &ClaimedJob, scope: Scope) -> Result<(), JobFailure> {
        let (id, mail) = self.opened(job, &scope).await?;
        if let Err(error) = self.postman.send(id, &mail).await {
            return self.not_sent(job, &scope, &mail, error).await;
        }
        let now = Moment::now(&self.app, &scope);
        let mut tx = self.app.store.begin(&scope).await?;
        tx.append(entry(&now, "mail", &id.to_string(), "sent").field("kind", mail.kind.text()), None).await?;
        tx.finish_job(LeaseProof { job: job.id, token: job.token }).await?;
        Ok(tx.commit().await?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_is_away_is_asked_less_and_less_often() {
        let away = PostError::Unavailable(String::new());
        let minutes = |it: u64| Duration::from_secs(60 * it);
        let cases = [(Duration::ZERO, PAUSE_AT_LEAST), (minutes(10), minutes(5)), (minutes(600), PAUSE_AT_MOST)];
        for (age, expected) in cases {
            assert_eq!(pause(&away, age), expected, "{age:?}");
        }
    }
}
