//! Invitations taken: looked at, taken by somebody new or by somebody who is signed in.
//!
//! Here the two halves of identity meet: whom an organisation asks in ([`People`]), and how people come
//! in ([`Identity`]). Only whoever holds the token learns whether its address has an account; a token
//! that is unknown, used, taken back or lapsed is answered alike, and counted against where it comes
//! from. Somebody new is let in at once: they have just chosen the password.

use super::door::{Means, Origin, Principal};
use super::invitations::Taker;
use super::letters::told;
use super::login::active_factors;
use super::model::UserState;
use super::people::{People, refusal};
use super::service::Identity;
use super::tenancy::{Invitation, Tenant};
use super::tokens::{Beginning, Entered};
use super::tries::Tries;
use crate::error::{AppError, AppResult};
use crate::mail::MailKind;
use fedatario_base::id::{JobId, TenantId, UserId};
use fedatario_base::{Actor, Code, Scope, Secret};
use fedatario_identity::email;

/// What a token is good for.
#[derive(Debug)]
pub struct Waiting {
    /// The invitation.
    pub invitation: Invitation,
    /// Into which organisation.
    pub tenant: Tenant,
    /// Whether its address has an account, which then has to be shown.
    pub has_account: bool,
}

/// Somebody new, as they introduce themselves.
#[derive(Debug)]
pub struct Newcomer {
    /// What others call them; the first half of their address if nothing.
    pub name: String,
    /// Their password; none from somebody who believes to have an account.
    pub password: Option<Secret>,
    /// Their language, if not the one of the invitation.
    pub language: Option<String>,
}

/// The two halves of identity, where they meet.
pub struct Welcome<'a> {
    /// Whom organisations ask in.
    pub people: &'a People,
    /// How people come in.
    pub identity: &'a Identity,
}

impl Welcome<'_> {
    /// What a token is good for, for the page that asks for a password; nothing is used up.
    pub async fn look(&self, token: &str, origin: &Origin) -> AppResult<Waiting> {
        let tries = self.patient(origin).await?;
        self.counted(&tries, self.found(token).await).await
    }

    /// Takes an invitation as somebody new, and lets them in.
    pub async fn accept(&self, token: &str, who: Newcomer, origin: &Origin) -> AppResult<Entered> {
        let tries = self.patient(origin).await?;
        let waiting = self.counted(&tries, self.found(token).await).await?;
        if waiting.has_account {
            return Err(refusal(Code::InvitationSignIn, "sign in with the address that was invited, then take it"));
        }
        let password = who.password.as_ref().ok_or_else(|| refusal(Code::FieldMissing, "a newcomer chooses a password"))?;
        let Invitation { email, language, .. } = &waiting.invitation;
        let name = if who.name.trim().is_empty() { email.split('@').next().unwrap_or_default() } else { &who.name };
        let language = who.language.as_deref().unwrap_or(language);
        // Hashed before anything is held: a hash takes its time, and may have to wait for its turn.
        let user = self.identity.newcomer(email, name, password, language).await?;
        let taken = self.people.take_invitation(token, Taker::New(Box::new(user))).await;
        let (tenant, user) = self.counted(&tries, taken).await?;
        self.let_in(user, tenant.id, origin).await
    }

    /// Takes an invitation as somebody who is signed in.
    pub async fn join(&self, token: &str, caller: &Principal, origin: &Origin) -> AppResult<Tenant> {
        let Means::Session { user, .. } = caller.means else { return Err(AppError::Refused(Code::SessionRequired)) };
        let tries = self.patient(origin).await?;
        let taken = self.people.take_invitation(token, Taker::Known(user)).await;
        Ok(self.counted(&tries, taken).await?.0)
    }

    /// Begins the first session of somebody who has just been made.
    async fn let_in(&self, user: UserId, tenant: TenantId, origin: &Origin) -> AppResult<Entered> {
        let identity = self.identity;
        let now = identity.now();
        let mut tx = identity.writing_as(user).await?;
        let user = tx.user(user).await?.filter(|it| it.state == UserState::Active);
        let user = user.ok_or(AppError::Refused(Code::LoginRefused))?;
        if !active_factors(tx.as_mut(), user.id).await?.is_empty() {
            return Err(AppError::Refused(Code::MfaRequired));
        }
        // The machine is new and so is everything else: nobody has to be told of it.
        let beginning = Beginning { user, tenant: Some(tenant), methods: "pwd", device: None, origin, notice: None };
        let begun = identity.begin_line(tx.as_mut(), beginning, now).await?;
        tx.commit().await?;
        identity.entered(begun).await
    }

    /// Mails somebody a word on behalf of an organisation. To one address, and from one place, not often:
    /// a stranger's inbox is not the one to be tried out.
    pub async fn test_mail(&self, scope: &Scope, to: &str, origin: &Origin) -> AppResult<JobId> {
        let (identity, now) = (self.identity, self.identity.now());
        let tries = Tries::mail(&email::normal(to).unwrap_or_default(), origin);
        tries.check(identity.reading().await?.as_mut(), now).await?;
        let job = self.people.test_mail(scope, to).await?;
        let mut tx = identity.writing().await?;
        tries.count(tx.as_mut(), now).await?;
        tx.commit().await?;
        Ok(job)
    }

    async fn found(&self, token: &str) -> AppResult<Waiting> {
        let (invitation, tenant) = self.people.look_at_invitation(token).await?;
        let mut tx = self.people.read(&Actor::System).await?;
        let has_account = tx.person_by_email(&invitation.email).await?.is_some();
        Ok(Waiting { invitation, tenant, has_account })
    }

    /// Refuses whoever showed too many tokens that were none.
    async fn patient(&self, origin: &Origin) -> AppResult<Tries> {
        let tries = Tries::place(origin);
        tries.check(self.identity.reading().await?.as_mut(), self.identity.now()).await?;
        Ok(tries)
    }

    /// Counts a token that was none.
    async fn counted<T>(&self, tries: &Tries, done: AppResult<T>) -> AppResult<T> {
        if done.as_ref().is_err_and(|it| it.code() == Code::InvitationInvalid) {
            let mut tx = self.identity.writing().await?;
            tries.count(tx.as_mut(), self.identity.now()).await?;
            tx.commit().await?;
        }
        done
    }
}

impl People {
    /// The mail of an invitation, if mail leaves this installation.
    pub(super) async fn invitation_letter(
        &self,
        invitation: &Invitation,
        organisation: &str,
        by: &super::letters::By,
        token: &Secret,
    ) -> AppResult<Option<crate::model::NewJob>> {
        if !self.outside.has_mail {
            return Ok(None);
        }
        let language = fedatario_base::text::Language::from_tag(&invitation.language);
        let fields = [
            ("organisation", organisation.to_owned()),
            ("by", by.words(language)),
            ("role", invitation.roles.join(", ")),
            (crate::mail::LINK, self.outside.link(MailKind::Invitation.text(), token.expose_str().unwrap_or_default())),
            ("until", told(invitation.expires)),
        ];
        self.letter(invitation.tenant, MailKind::Invitation, &invitation.email, language, &fields).await.map(Some)
    }
}
