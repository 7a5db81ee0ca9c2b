//! What the people of an organisation are told by mail: invitations, and what was done to them.
//!
//! A letter is worded in its reader's language and sealed before the transaction of what it tells of is
//! opened, since sealing may write, and enqueued in it. Where this installation is reached from outside
//! is all that is known here of the network: a link is that address with a token behind the `#`, which no
//! server is told.

use super::model::RoleGrant;
use super::people::{People, event, refusal, require, tell};
use super::roles;
use super::tenancy_ports::{PeopleTx, Person};
use crate::audit_trail::sha256;
use crate::error::{AppError, AppResult};
use crate::hooks::{self, events::EventKind};
use crate::mail::{self, Mail, MailKind};
use crate::model::NewJob;
use fedatario_base::id::{JobId, TenantId};
use fedatario_base::text::{Language, say};
use fedatario_base::{Actor, Code, Permission, Scope};
use fedatario_identity::email;
use jiff::Timestamp;
use serde_json::Value;

/// Administrators who are told of one thing at most: beyond that it is a list, not a notice.
pub const TOLD_AT_MOST: u32 = 50;

/// How this installation is seen from outside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outside {
    /// Where people reach it: links begin with it.
    pub public_url: String,
    /// Whether mail leaves it. Without, whoever invites hands the link on themselves.
    pub has_mail: bool,
}

impl Default for Outside {
    fn default() -> Self {
        Self { public_url: "http://127.0.0.1:8080".to_owned(), has_mail: false }
    }
}

impl Outside {
    /// A link: `what` is done with the token by the page that it opens.
    pub fn link(&self, what: &str, token: &str) -> String {
        link(&self.public_url, what, token)
    }
}

/// A link to an installation, with a token in its fragment.
pub fn link(public_url: &str, what: &str, token: &str) -> String {
    format!("{}/#{what}={token}", public_url.trim_end_matches('/'))
}

/// An instant as mails tell it: to the second.
pub(super) fn told(at: Timestamp) -> String {
    format!("{at:.0}")
}

/// Who acted, before it is said in somebody's language.
pub(super) enum By {
    /// Somebody, by name or address.
    Person(String),
    /// A program, by the name of its key.
    Key(String),
    /// Whoever holds the host's shell.
    Shell,
    /// The installation itself.
    Itself,
}

impl By {
    /// The words for it.
    pub(super) fn words(&self, language: Language) -> String {
        match self {
            By::Person(name) => name.clone(),
            By::Key(name) => say(language, "mail-by-key", &[("name", name.clone())]),
            By::Shell => say(language, "mail-by-shell", &[]),
            By::Itself => "Fedatario".to_owned(),
        }
    }
}

impl People {
    /// Who acts, as the readers of a mail know them.
    pub(super) async fn by(&self, tx: &mut dyn PeopleTx, actor: &Actor) -> AppResult<By> {
        Ok(match actor {
            Actor::User(id) => match tx.person(*id).await? {
                Some(it) if !it.name.is_empty() => By::Person(it.name),
                Some(it) => By::Person(it.email),
                None => By::Itself,
            },
            Actor::ApiKey(id) => By::Key(tx.api_key(*id, self.now()).await?.map_or_else(|| id.to_string(), |(key, _)| key.name)),
            Actor::Os(_) => By::Shell,
            Actor::Job { .. } | Actor::System => By::Itself,
        })
    }

    /// Whoever rules a tenant now.
    pub(super) async fn administrators(&self, tx: &mut dyn PeopleTx, tenant: TenantId) -> AppResult<Vec<Person>> {
        Ok(tx.holders(tenant, roles::OWNER, self.now(), TOLD_AT_MOST).await?)
    }

    /// The jobs that mail the same thing to each of these, in their languages; `fields` words it.
    pub(super) async fn letters(
        &self,
        tenant: TenantId,
        kind: MailKind,
        to: &[Person],
        fields: impl Fn(Language) -> Vec<(&'static str, String)>,
    ) -> AppResult<Vec<NewJob>> {
        let mut jobs = Vec::new();
        for person in to {
            let language = Language::from_tag(&person.language);
            match self.letter(tenant, kind, &person.email, language, &fields(language)).await {
                // An act does not fail because somebody's address cannot be written to.
                Err(error) if error.code() == Code::MailAddress => {
                    tracing::warn!(user = %person.id, kind = kind.text(), "nobody can be written to there");
                }
                done => jobs.push(done?),
            }
        }
        Ok(jobs)
    }

    /// The job that mails one thing to an address.
    pub(super) async fn letter(
        &self,
        tenant: TenantId,
        kind: MailKind,
        to: &str,
        language: Language,
        fields: &[(&str, String)],
    ) -> AppResult<NewJob> {
        let mail = Mail::new(kind, to, language, self.now(), fields)?;
        mail::job(&self.app, &Scope::system(tenant), &mail).await
    }

    /// Enqueues letters with the change that they tell of.
    pub(super) async fn post(&self, tx: &mut dyn PeopleTx, tenant: TenantId, letters: &[NewJob]) -> AppResult<()> {
        for job in letters {
            tx.enqueue(tenant, job, self.app.clock.service()).await?;
        }
        Ok(())
    }

    /// Tells an event to the addresses outside that listen, with the change that it tells of.
    pub(super) async fn tell_outside(
        &self,
        tx: &mut dyn PeopleTx,
        tenant: TenantId,
        kind: EventKind,
        data: Value,
    ) -> AppResult<()> {
        let job = hooks::event_job_over(self.app.clock.as_ref(), kind, data)?;
        self.post(tx, tenant, &[job]).await
    }

    /// The name of a tenant.
    pub(super) async fn name_of(&self, tx: &mut dyn PeopleTx, tenant: TenantId) -> AppResult<String> {
        let found = tx.tenant(tenant).await?;
        found.map(|it| it.name).ok_or_else(|| AppError::NotFound(tenant.to_string()))
    }
}

/// Names of the roles that are held now or will be, each once.
pub(super) fn names_of(grants: &[RoleGrant], now: Timestamp, language: Language) -> String {
    let mut names: Vec<&str> = grants.iter().filter(|it| it.until.is_none_or(|end| end > now)).map(|it| it.role.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    if names.is_empty() { say(language, "mail-no-role", &[]) } else { names.join(", ") }
}

impl People {
    /// Mails somebody a word, so that whoever keeps an organisation sees whether mail arrives; the job
    /// tells what became of it.
    pub async fn test_mail(&self, scope: &Scope, to: &str) -> AppResult<JobId> {
        require(scope, Permission::SettingsManage)?;
        let now = self.now();
        let to = email::normal(to).map_err(|_| refusal(Code::FieldInvalid, "not an address of mail"))?;
        let known = self.read(scope.actor()).await?.person_by_email(&to).await?;
        let language = Language::from_tag(known.as_ref().map_or("es", |it| it.language.as_str()));
        let letter = self.letter(scope.tenant(), MailKind::Test, &to, language, &[("at", told(now))]).await?;
        let mut tx = self.begin(scope.actor()).await?;
        let (job, _) = tx.enqueue(scope.tenant(), &letter, self.app.clock.service()).await?;
        // The address is somebody's own; its digest shows later which one it was.
        let entry = event(scope.actor(), now, "mail.tested", job).digest("to", &sha256(to.as_bytes()));
        tell(tx.as_mut(), scope.tenant(), entry).await?;
        tx.commit().await?;
        Ok(job)
    }
}
