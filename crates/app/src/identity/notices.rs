//! What people are told by mail about their account.
//!
//! A notice is a job of a tenant that its person is in, enqueued with the change it tells of. A token
//! inside it is sealed under the platform's key: jobs are read by whoever operates.

use super::model::User;
use super::ports::IdentityTx;
use super::service::{Identity, NO_TENANT};
use crate::error::AppResult;
use crate::model::NewJob;
use data_encoding::BASE64;
use fedatario_base::id::{MailId, TenantId};
use fedatario_base::{Scope, Secret};
use jiff::Timestamp;
use serde_json::json;

/// The kind of job that sends a mail.
pub const MAIL_JOB: &str = "mail.send";
/// Under which label a mail's secret is sealed; the mail's id follows.
pub const MAIL_LABEL: &str = "identity.mail/";

/// What somebody is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Notice {
    /// A machine came in that was not known.
    NewDevice,
    /// A spent refresh token was shown again.
    SessionReplayed,
    /// The password was changed.
    PasswordChanged,
    /// A factor was added.
    FactorAdded,
    /// A factor was taken away.
    FactorRemoved,
    /// The address of mail was changed: told to the old one.
    EmailChanged,
}

impl Notice {
    /// The template of the mail.
    pub fn template(self) -> &'static str {
        match self {
            Notice::NewDevice => "new_device",
            Notice::SessionReplayed => "session_replayed",
            Notice::PasswordChanged => "password_changed",
            Notice::FactorAdded => "factor_added",
            Notice::FactorRemoved => "factor_removed",
            Notice::EmailChanged => "email_changed",
        }
    }
}

/// A mail with a token in it, ready to be enqueued: sealing may wait for storage, which no open
/// transaction may.
pub(super) struct Letter {
    id: MailId,
    template: &'static str,
    to: String,
    language: String,
    sealed: String,
}

impl Identity {
    /// Seals a token into a mail.
    pub(super) async fn letter(&self, template: &'static str, to: &str, language: &str, token: &Secret) -> AppResult<Letter> {
        let id = MailId::fresh(self.now());
        let sealed = self.vault.seal_bytes(&Scope::system(NO_TENANT), &format!("{MAIL_LABEL}{id}"), token.expose()).await?;
        Ok(Letter { id, template, to: to.to_owned(), language: language.to_owned(), sealed: BASE64.encode(&sealed) })
    }

    /// Opens the token of a mail, for whoever writes it.
    pub async fn open_letter(&self, id: MailId, sealed: &str) -> AppResult<Secret> {
        let blob = BASE64.decode(sealed.as_bytes()).map_err(|_| fedatario_vault::VaultError::SealBroken)?;
        let opened = self.vault.open_bytes(&Scope::system(NO_TENANT), &format!("{MAIL_LABEL}{id}"), &blob).await?;
        Ok(Secret::new(opened.to_vec()))
    }

    /// Tells somebody of a change, with the change. Whoever is in no tenant is told by nobody's mail.
    pub(super) async fn notify(&self, tx: &mut dyn IdentityTx, user: &User, notice: Notice, now: Timestamp) -> AppResult<()> {
        let Some(tenant) = mail_tenant(tx, user).await? else { return Ok(()) };
        let id = MailId::fresh(now);
        let payload =
            json!({ "template": notice.template(), "to": user.email, "language": user.language, "name": user.name, "at": now });
        self.enqueue_mail(tx, tenant, id, payload, now).await
    }

    /// Sends a letter, with what makes its token good.
    pub(super) async fn send(&self, tx: &mut dyn IdentityTx, user: &User, letter: Letter, now: Timestamp) -> AppResult<()> {
        let Some(tenant) = mail_tenant(tx, user).await? else { return Ok(()) };
        let payload = json!({
            "template": letter.template, "to": letter.to, "language": letter.language, "name": user.name, "sealed_token": letter.sealed,
        });
        self.enqueue_mail(tx, tenant, letter.id, payload, now).await
    }

    async fn enqueue_mail(
        &self,
        tx: &mut dyn IdentityTx,
        tenant: TenantId,
        id: MailId,
        payload: serde_json::Value,
        now: Timestamp,
    ) -> AppResult<()> {
        let job = NewJob { kind: MAIL_JOB, key: id.to_string(), payload, due: self.clock.service(), run: None };
        tx.enqueue(tenant, &job, now).await?;
        Ok(())
    }
}

/// The tenant whose jobs send the mails of somebody.
async fn mail_tenant(tx: &mut dyn IdentityTx, user: &User) -> AppResult<Option<TenantId>> {
    let all = tx.memberships(user.id).await?;
    let is_in = |id: &TenantId| all.iter().any(|it| it.tenant == *id);
    Ok(user.last_tenant.filter(is_in).or_else(|| all.first().map(|it| it.tenant)))
}
