//! Invitations: somebody is asked into a tenant, with the roles that wait for them.
//!
//! The link carries a token of 256 bits in its fragment; here is only its digest. One invitation is
//! open for an address at a time; it is good for a week and once. Whoever takes it either shows that
//! they have the address already (they are signed in with it) or becomes a new person with it. The
//! answer to a token that is unknown, used, taken back or lapsed is the same.

use super::members::allowed;
use super::model::{RoleGrant, User};
use super::people::{People, event, exceeding, held, refusal, require, tell_change};
use super::tenancy::{Invitation, InvitationState, Tenant, TenantState};
use crate::error::{AppError, AppResult};
use crate::hooks::events::EventKind;
use crate::ports::StoreError;
use fedatario_base::id::{InvitationId, RoleId, UserId};
use fedatario_base::{Actor, Code, Permission, Scope, Secret};
use fedatario_identity::{email, opaque};
use jiff::SignedDuration;
use serde_json::{Value, json};

/// How long an invitation is good.
pub const GOOD_FOR: SignedDuration = SignedDuration::from_hours(7 * 24);
/// Roles that come with one at most.
const ROLES_AT_MOST: usize = 8;
/// Invitations shown, the newest first.
pub const SHOWN_AT_MOST: u32 = 500;
/// The kind of token that a link carries.
const INVITATION: &str = "invitation";

/// Whom to invite.
#[derive(Debug, Clone)]
pub struct Inviting {
    /// Their address of mail.
    pub email: String,
    /// The language of the message: `es` or `en`.
    pub language: String,
    /// Names of the roles that wait for them.
    pub roles: Vec<String>,
}

/// An invitation, and how it reaches whoever is invited.
#[derive(Debug)]
pub struct Invited {
    /// As kept.
    pub invitation: Invitation,
    /// What is handed on by whoever invites, this once; none if a mail takes it.
    pub handed: Option<Handed>,
}

/// What opens the door to whoever is invited.
#[derive(Debug)]
pub struct Handed {
    /// The token.
    pub token: Secret,
    /// The link that holds it.
    pub link: Secret,
}

/// Who takes an invitation.
#[derive(Debug)]
pub enum Taker {
    /// Somebody who is signed in.
    Known(UserId),
    /// Somebody new, with a password that was checked and hashed. Their address is the invitation's.
    New(Box<User>),
}

impl People {
    /// Invites; an open invitation to the same address is replaced.
    pub async fn invite(&self, scope: &Scope, asked: Inviting) -> AppResult<Invited> {
        require(scope, Permission::UserInvite)?;
        let now = self.now();
        let email = email::normal(&asked.email).map_err(|_| refusal(Code::FieldInvalid, "not an address of mail"))?;
        if asked.roles.is_empty() || asked.roles.len() > ROLES_AT_MOST {
            return Err(refusal(Code::RoleUnknown, format!("between one role and {ROLES_AT_MOST}")));
        }
        let (token, digest) = opaque::fresh(INVITATION)?;
        let invitation = Invitation {
            id: InvitationId::fresh(now),
            tenant: scope.tenant(),
            email,
            language: if asked.language == "en" { "en".to_owned() } else { "es".to_owned() },
            roles: asked.roles,
            digest,
            invited_by: scope.actor().to_string(),
            created: now,
            expires: now + GOOD_FOR,
            state: InvitationState::Open,
        };
        let mut tx = self.read(scope.actor()).await?;
        let (organisation, by) = (self.name_of(tx.as_mut(), scope.tenant()).await?, self.by(tx.as_mut(), scope.actor()).await?);
        drop(tx); // Sealing a mail may write.
        let letter = self.invitation_letter(&invitation, &organisation, &by, &token).await?;
        let pen = self.pen(scope.tenant()).await?;
        let mut tx = self.begin(scope.actor()).await?;
        held(tx.as_mut(), scope.tenant()).await?;
        for role in &invitation.roles {
            exceeding(scope, &allowed(tx.as_mut(), scope.tenant(), role).await?)?;
        }
        if let Some(user) = tx.person_by_email(&invitation.email).await?
            && tx.member(scope.tenant(), user.id).await?.is_some()
        {
            return Err(refusal(Code::MemberExists, "they are a member already"));
        }
        tx.add_invitation(&invitation).await?;
        let data = json!({
            "invitation": invitation.id.to_string(), "roles": invitation.roles.join(" "), "by": scope.actor().to_string(),
        });
        self.tell_outside(tx.as_mut(), scope.tenant(), EventKind::MemberInvited, data).await?;
        self.post(tx.as_mut(), scope.tenant(), letter.as_slice()).await?;
        let entry = event(scope.actor(), now, "member.invited", invitation.id).field("roles", invitation.roles.join(" "));
        tell_change(tx.as_mut(), scope.tenant(), &pen, entry, Value::Null, of_invitation(&invitation, InvitationState::Open))
            .await?;
        tx.commit().await?;
        let handed = letter.is_none().then(|| {
            let link = self.outside.link(INVITATION, token.expose_str().unwrap_or_default());
            Handed { token, link: Secret::new(link) }
        });
        Ok(Invited { invitation, handed })
    }

    /// The newest first.
    pub async fn invitations(&self, scope: &Scope) -> AppResult<Vec<Invitation>> {
        require(scope, Permission::UserRead)?;
        Ok(self.read(scope.actor()).await?.invitations(scope.tenant(), SHOWN_AT_MOST).await?)
    }

    /// Takes one back that is open.
    pub async fn revoke_invitation(&self, scope: &Scope, id: InvitationId) -> AppResult<()> {
        require(scope, Permission::UserInvite)?;
        let now = self.now();
        let pen = self.pen(scope.tenant()).await?;
        let mut tx = self.begin(scope.actor()).await?;
        let open = tx.invitations(scope.tenant(), SHOWN_AT_MOST).await?.into_iter().find(|it| it.id == id);
        let told = |state| open.as_ref().map_or_else(|| json!({ "state": state }), |it| of_invitation(it, state));
        if !tx.end_invitation(scope.tenant(), id, InvitationState::Revoked, None, now).await? {
            return Err(AppError::NotFound(id.to_string()));
        }
        let entry = event(scope.actor(), now, "member.invitation_revoked", id);
        let (before, after) = (told(InvitationState::Open), told(InvitationState::Revoked));
        tell_change(tx.as_mut(), scope.tenant(), &pen, entry, before, after).await?;
        Ok(tx.commit().await?)
    }

    /// What a token is good for, for the page that asks for a password; nothing is used up.
    pub async fn look_at_invitation(&self, token: &str) -> AppResult<(Invitation, Tenant)> {
        let (now, digest) = (self.now(), opaque::read(INVITATION, token).ok_or_else(useless)?);
        let mut tx = self.read(&Actor::System).await?;
        let found = tx.invitation(&digest).await?;
        let invitation = found.filter(|it| it.state == InvitationState::Open && it.expires > now).ok_or_else(useless)?;
        let tenant = tx.tenant(invitation.tenant).await?.filter(|it| it.state == TenantState::Active).ok_or_else(useless)?;
        Ok((invitation, tenant))
    }

    /// Takes an invitation: its roles are held from now on, and it is used up.
    pub async fn take_invitation(&self, token: &str, taker: Taker) -> AppResult<(Tenant, UserId)> {
        let (now, digest) = (self.now(), opaque::read(INVITATION, token).ok_or_else(useless)?);
        let known = self.read(&Actor::System).await?.invitation(&digest).await?.ok_or_else(useless)?;
        let pen = self.pen(known.tenant).await?;
        let mut tx = self.begin(&Actor::System).await?;
        let found = tx.invitation(&digest).await?;
        let invitation = found.filter(|it| it.state == InvitationState::Open && it.expires > now).ok_or_else(useless)?;
        let tenant = held(tx.as_mut(), invitation.tenant).await?;
        if tenant.state != TenantState::Active {
            return Err(useless());
        }
        let user = match taker {
            Taker::Known(id) => {
                let user = tx.person(id).await?.filter(|it| it.email == invitation.email);
                user.ok_or_else(|| refusal(Code::InvitationForeign, "the invitation is for another address"))?.id
            }
            Taker::New(user) => {
                let user = User { email: invitation.email.clone(), last_tenant: Some(tenant.id), ..*user };
                match tx.add_person(&user).await {
                    // Whoever has an account shows it: the invitation is no way around its factors.
                    Err(StoreError::Conflict(_)) => {
                        return Err(refusal(Code::InvitationSignIn, "sign in with the address that was invited, then take it"));
                    }
                    done => done?,
                }
                user.id
            }
        };
        match tx.add_member(tenant.id, user, now).await {
            Err(StoreError::Conflict(_)) => return Err(refusal(Code::MemberExists, "they are a member already")),
            done => done?,
        }
        for role in &invitation.roles {
            allowed(tx.as_mut(), tenant.id, role).await?;
            let grant = RoleGrant {
                id: RoleId::fresh(now),
                user,
                role: role.clone(),
                from: now,
                until: None,
                in_place_of: None,
                granted_by: invitation.invited_by.clone(),
            };
            tx.give_role(tenant.id, &grant).await?;
        }
        if !tx.end_invitation(tenant.id, invitation.id, InvitationState::Accepted, Some(user), now).await? {
            return Err(useless());
        }
        let data = json!({ "user": user.to_string(), "role": invitation.roles.join(" "), "by": user.to_string() });
        self.tell_outside(tx.as_mut(), tenant.id, EventKind::MemberJoined, data).await?;
        let entry = event(&Actor::User(user), now, "member.joined", user).field("invitation", invitation.id.to_string());
        let entry = entry.field("roles", invitation.roles.join(" "));
        let after = of_invitation(&invitation, InvitationState::Accepted);
        tell_change(tx.as_mut(), tenant.id, &pen, entry, of_invitation(&invitation, InvitationState::Open), after).await?;
        tx.commit().await?;
        Ok((tenant, user))
    }
}

/// An invitation, as entries tell it.
fn of_invitation(it: &Invitation, state: InvitationState) -> Value {
    json!({
        "email": it.email, "roles": it.roles, "invited_by": it.invited_by, "expires": it.expires.to_string(), "state": state.text(),
    })
}

fn useless() -> AppError {
    refusal(Code::InvitationInvalid, "unknown, used, taken back or lapsed")
}
