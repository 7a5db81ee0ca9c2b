//! Invitations: somebody is asked into a tenant, with the roles that wait for them.
//!
//! The link carries a token of 256 bits in its fragment; here is only its digest. One invitation is
//! open for an address at a time; it is good for a week and once. Whoever takes it either shows that
//! they have the address already (they are signed in with it) or becomes a new person with it. The
//! answer to a token that is unknown, used, taken back or lapsed is the same.

use super::members::allowed;
use super::model::{RoleGrant, User, UserState};
use super::people::{People, event, exceeding, held, refusal, require, tell};
use super::tenancy::{Invitation, InvitationState, Tenant, TenantState};
use crate::audit_trail::sha256;
use crate::error::{AppError, AppResult};
use crate::ports::StoreError;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use fedatario_base::id::{InvitationId, RoleId, UserId};
use fedatario_base::{Actor, Code, Permission, Scope, Secret};
use jiff::SignedDuration;

/// How long an invitation is good.
pub const GOOD_FOR: SignedDuration = SignedDuration::from_hours(7 * 24);
/// Roles that come with one at most.
const ROLES_AT_MOST: usize = 8;
/// Invitations shown, the newest first.
pub const SHOWN_AT_MOST: u32 = 500;
/// The longest address of mail, in bytes (RFC 5321).
const EMAIL_BYTES_AT_MOST: usize = 254;
/// Random bytes of a token.
const TOKEN_BYTES: usize = 32;

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

/// An invitation, and what goes into its link: this once.
#[derive(Debug)]
pub struct Invited {
    /// As kept.
    pub invitation: Invitation,
    /// The token.
    pub token: Secret,
}

/// Who takes an invitation.
#[derive(Debug)]
pub enum Taker {
    /// Somebody who is signed in.
    Known(UserId),
    /// Somebody new.
    New {
        /// What others call them.
        name: String,
        /// PHC string of their password.
        password: String,
    },
}

impl People {
    /// Invites; an open invitation to the same address is replaced.
    pub async fn invite(&self, scope: &Scope, asked: Inviting) -> AppResult<Invited> {
        require(scope, Permission::UserInvite)?;
        let now = self.now();
        let email = address(&asked.email).ok_or_else(|| refusal(Code::FieldInvalid, "not an address of mail"))?;
        if asked.roles.is_empty() || asked.roles.len() > ROLES_AT_MOST {
            return Err(refusal(Code::RoleUnknown, format!("between one role and {ROLES_AT_MOST}")));
        }
        let mut tx = self.begin(scope.actor()).await?;
        held(tx.as_mut(), scope.tenant()).await?;
        for role in &asked.roles {
            exceeding(scope, &allowed(tx.as_mut(), scope.tenant(), role).await?)?;
        }
        if let Some(user) = tx.person_by_email(&email).await?
            && tx.member(scope.tenant(), user.id).await?.is_some()
        {
            return Err(refusal(Code::MemberExists, "they are a member already"));
        }
        let token = token()?;
        let invitation = Invitation {
            id: InvitationId::fresh(now),
            tenant: scope.tenant(),
            email,
            language: if asked.language == "en" { "en".to_owned() } else { "es".to_owned() },
            roles: asked.roles,
            digest: sha256(token.as_bytes()),
            invited_by: scope.actor().to_string(),
            created: now,
            expires: now + GOOD_FOR,
            state: InvitationState::Open,
        };
        tx.add_invitation(&invitation).await?;
        let entry = event(scope.actor(), now, "member.invited", invitation.id).field("roles", invitation.roles.join(" "));
        tell(tx.as_mut(), scope.tenant(), entry).await?;
        tx.commit().await?;
        Ok(Invited { invitation, token: Secret::new(token) })
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
        let mut tx = self.begin(scope.actor()).await?;
        if !tx.end_invitation(scope.tenant(), id, InvitationState::Revoked, None, now).await? {
            return Err(AppError::NotFound(id.to_string()));
        }
        tell(tx.as_mut(), scope.tenant(), event(scope.actor(), now, "member.invitation_revoked", id)).await?;
        Ok(tx.commit().await?)
    }

    /// What a token is good for, for the page that asks for a password; nothing is used up.
    pub async fn look_at_invitation(&self, token: &str) -> AppResult<(Invitation, Tenant)> {
        let now = self.now();
        let mut tx = self.read(&Actor::System).await?;
        let found = tx.invitation(&sha256(token.as_bytes())).await?;
        let invitation = found.filter(|it| it.state == InvitationState::Open && it.expires > now).ok_or_else(useless)?;
        let tenant = tx.tenant(invitation.tenant).await?.filter(|it| it.state == TenantState::Active).ok_or_else(useless)?;
        Ok((invitation, tenant))
    }

    /// Takes an invitation: its roles are held from now on, and it is used up.
    pub async fn take_invitation(&self, token: &str, taker: Taker) -> AppResult<(Tenant, UserId)> {
        let now = self.now();
        let mut tx = self.begin(&Actor::System).await?;
        let found = tx.invitation(&sha256(token.as_bytes())).await?;
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
            Taker::New { name, password } => {
                let user = newcomer(&invitation, name, password, now);
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
        tx.end_invitation(tenant.id, invitation.id, InvitationState::Accepted, Some(user), now).await?;
        let entry = event(&Actor::User(user), now, "member.joined", user).field("invitation", invitation.id.to_string());
        tell(tx.as_mut(), tenant.id, entry.field("roles", invitation.roles.join(" "))).await?;
        tx.commit().await?;
        Ok((tenant, user))
    }
}

fn newcomer(invitation: &Invitation, name: String, password: String, now: jiff::Timestamp) -> User {
    User {
        id: UserId::fresh(now),
        email: invitation.email.clone(),
        name,
        language: invitation.language.clone(),
        password: Some(super::model::Hidden(password)),
        state: UserState::Active,
        epoch: 0,
        last_tenant: Some(invitation.tenant),
        created: now,
        password_set: Some(now),
        signing_from: None,
        revision: 0,
    }
}

fn useless() -> AppError {
    refusal(Code::InvitationInvalid, "unknown, used, taken back or lapsed")
}

fn token() -> AppResult<String> {
    let mut bytes = [0; TOKEN_BYTES];
    aws_lc_rs::rand::fill(&mut bytes).map_err(|_| AppError::Internal("no randomness".to_owned()))?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}

/// A normalised address of mail: NFC, small letters, one `@` with something on both sides, no blank.
fn address(text: &str) -> Option<String> {
    use unicode_normalization::UnicodeNormalization;
    let text: String = text.trim().nfc().collect::<String>().to_lowercase();
    let (before, after) = text.split_once('@')?;
    let odd = |it: char| it.is_whitespace() || it.is_control() || "<>(),;:\"[]\\".contains(it);
    let good =
        !before.is_empty() && after.contains('.') && !after.starts_with('.') && !after.ends_with('.') && !after.contains('@');
    (good && text.len() <= EMAIL_BYTES_AT_MOST && !text.chars().any(odd)).then_some(text)
}
