//! What people are told by mail about their account.
//!
//! A letter is worded and sealed before the transaction of what it tells of is opened, since sealing may
//! write, and enqueued in it. It goes out as a job of a tenant that its person is in; whoever is in
//! none is told by nobody's mail.

use super::door::Origin;
use super::model::{Factor, User};
use super::ports::IdentityTx;
use super::service::{Identity, NO_TENANT};
use super::tokens::{address_of, agent_of};
use crate::error::AppResult;
use crate::mail::{self, LINK, Mail, MailKind};
use crate::model::NewJob;
use fedatario_base::id::TenantId;
use fedatario_base::text::{Language, say};
use fedatario_base::{Scope, Secret};
use jiff::Timestamp;

/// Whom a letter is worded for when there is nobody: the same work, and no mail.
const NOBODY: &str = "nobody@example.invalid";

/// A mail, sealed, with the tenant whose job sends it.
pub(super) struct Letter {
    tenant: Option<TenantId>,
    job: NewJob,
}

/// What changed of somebody's second factors.
pub(super) enum Change<'a> {
    /// This one counts now.
    Added(&'a Factor),
    /// This one is gone.
    Removed(&'a Factor),
    /// This one proves nothing any more: there may be two of it.
    #[cfg(feature = "passkeys")]
    Suspended(&'a Factor),
    /// New recovery codes took the place of the last ones.
    Codes,
}

impl Change<'_> {
    fn told(&self, language: Language) -> String {
        let (key, factor) = match self {
            Change::Added(factor) => ("mail-factor-added", factor),
            Change::Removed(factor) => ("mail-factor-removed", factor),
            #[cfg(feature = "passkeys")]
            Change::Suspended(factor) => ("mail-factor-suspended", factor),
            Change::Codes => return say(language, "mail-factor-codes", &[]),
        };
        let kind = say(language, &format!("mail-factor-{}", factor.kind), &[]);
        say(language, key, &[("kind", kind), ("label", factor.label.clone())])
    }
}

impl Identity {
    /// Words what happened at somebody's account: when, with what, from where.
    pub(super) async fn notice(&self, user: &User, kind: MailKind, origin: &Origin) -> AppResult<Letter> {
        self.letter(Some(user), kind, &user.email, &self.circumstances(origin)).await
    }

    fn circumstances(&self, origin: &Origin) -> Vec<(&'static str, String)> {
        vec![("at", self.now().to_string()), ("device", agent_of(origin)), ("address", address_of(origin))]
    }

    /// The same of somebody's second factors: what changed, by kind and by the name that they gave it.
    pub(super) async fn notice_of_factor(&self, user: &User, change: Change<'_>, origin: &Origin) -> AppResult<Letter> {
        let mut fields = self.circumstances(origin);
        fields.push(("what", change.told(Language::from_tag(&user.language))));
        self.letter(Some(user), MailKind::FactorChanged, &user.email, &fields).await
    }

    /// Words a letter that a job of this tenant sends.
    pub(super) async fn letter_in(
        &self,
        tenant: TenantId,
        reader: &User,
        kind: MailKind,
        fields: &[(&str, String)],
    ) -> AppResult<Letter> {
        let mail = Mail::new(kind, &reader.email, Language::from_tag(&reader.language), self.now(), fields)?;
        let job = mail::job_over(&self.vault, self.clock.as_ref(), &Scope::system(tenant), &mail).await?;
        Ok(Letter { tenant: Some(tenant), job })
    }

    /// Words a link with a token in its fragment, which no server is told.
    pub(super) async fn link(
        &self,
        user: Option<&User>,
        kind: MailKind,
        to: &str,
        token: &Secret,
        until: Timestamp,
    ) -> AppResult<Letter> {
        let token = token.expose_str().unwrap_or_default();
        let link = self.address_with(kind.text(), token);
        self.letter(user, kind, to, &[(LINK, link), ("until", until.to_string())]).await
    }

    /// Where people reach this installation, with a token behind the `#`, which no server is told.
    pub fn address_with(&self, what: &str, token: &str) -> String {
        super::letters::link(&self.settings.public_url, what, token)
    }

    pub(super) async fn letter(
        &self,
        user: Option<&User>,
        kind: MailKind,
        to: &str,
        fields: &[(&str, String)],
    ) -> AppResult<Letter> {
        let tenant = match user {
            Some(user) => self.mail_tenant(user).await?,
            None => None,
        };
        let language = Language::from_tag(user.map_or("es", |it| it.language.as_str()));
        let to = if to.is_empty() { NOBODY } else { to };
        let mail = Mail::new(kind, to, language, self.now(), fields)?;
        let scope = Scope::system(tenant.unwrap_or(NO_TENANT));
        let job = mail::job_over(&self.vault, self.clock.as_ref(), &scope, &mail).await?;
        Ok(Letter { tenant, job })
    }

    /// The tenant whose jobs send the mails of somebody.
    async fn mail_tenant(&self, user: &User) -> AppResult<Option<TenantId>> {
        let all = self.reading().await?.memberships(user.id).await?;
        let is_in = |id: &TenantId| all.iter().any(|it| it.tenant == *id);
        Ok(user.last_tenant.filter(is_in).or_else(|| all.first().map(|it| it.tenant)))
    }
}

/// Enqueues a letter with the change that it tells of.
pub(super) async fn send(tx: &mut dyn IdentityTx, letter: &Letter, now: Timestamp) -> AppResult<()> {
    if let Some(tenant) = letter.tenant {
        tx.enqueue(tenant, &letter.job, now).await?;
    }
    Ok(())
}
