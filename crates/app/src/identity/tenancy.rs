//! What is kept of organisations, the roles that they define, whom they invite, and keys of programs.

use crate::identity::model::{MemberState, RoleGrant, SecondFactor, UserState};
use crate::model::texts;
use fedatario_base::Permission;
use fedatario_base::id::{ApiKeyId, InvitationId, RoleId, TenantId, UserId};
use jiff::Timestamp;

texts! {
    /// Where an organisation stands.
    TenantState {
        /// Works.
        Active = "active",
        /// Nobody comes in and no job runs.
        Suspended = "suspended",
        /// The same, and its data will be destroyed.
        Leaving = "leaving",
        /// Its data was destroyed.
        Gone = "gone",
    }
}

/// A deletion on its way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Departure {
    /// Text of the actor who asked for it.
    pub by: String,
    /// Text of the actor who confirmed it; never the same.
    pub confirmed_by: Option<String>,
    /// When it may happen at the earliest (wall).
    pub at: Timestamp,
}

/// An organisation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tenant {
    /// Which.
    pub id: TenantId,
    /// Its name; unique.
    pub name: String,
    /// Where it stands.
    pub state: TenantState,
    /// Why, in the words of whoever put it there.
    pub reason: Option<String>,
    /// Since when it is here (wall).
    pub created: Timestamp,
    /// When its state last changed (wall).
    pub changed: Timestamp,
    /// Its deletion, if one was asked for.
    pub leaving: Option<Departure>,
    /// Why nothing of it may be destroyed.
    pub legal_hold: Option<String>,
    /// Of whom it asks a second factor.
    pub second_factor: SecondFactor,
    /// Guards updates.
    pub revision: i64,
}

/// A role that a tenant defined.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Role {
    /// Which.
    pub id: RoleId,
    /// Its name; unique in the tenant, and none of the built-in ones.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// What it allows.
    pub permissions: Vec<Permission>,
    /// Since when it is here (wall).
    pub created: Timestamp,
    /// Text of the actor who made it.
    pub created_by: String,
    /// Guards updates.
    pub revision: i64,
}

/// Somebody in a tenant, as the tenant sees them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Who.
    pub user: UserId,
    /// Their address of mail.
    pub email: String,
    /// What others call them.
    pub name: String,
    /// Whether they may come in at all.
    pub user_state: UserState,
    /// Whether their membership counts.
    pub state: MemberState,
    /// Whether they have a second factor that counts.
    pub has_factor: bool,
    /// Since when they are a member (wall).
    pub since: Timestamp,
    /// Their roles, lapsed ones too, in order of id.
    pub grants: Vec<RoleGrant>,
}

texts! {
    /// Where an invitation stands.
    InvitationState {
        /// Waits.
        Open = "open",
        /// Was taken.
        Accepted = "accepted",
        /// Was taken back.
        Revoked = "revoked",
        /// A newer one to the same address took its place.
        Replaced = "replaced",
    }
}

/// An invitation into a tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invitation {
    /// Which.
    pub id: InvitationId,
    /// Into which tenant.
    pub tenant: TenantId,
    /// Whom: a normalised address of mail.
    pub email: String,
    /// In which language: `es` or `en`.
    pub language: String,
    /// Names of the roles that come with it.
    pub roles: Vec<String>,
    /// SHA-256 of the token in the link.
    pub digest: [u8; 32],
    /// Text of the actor who invited.
    pub invited_by: String,
    /// When (wall).
    pub created: Timestamp,
    /// Until when it is good (wall).
    pub expires: Timestamp,
    /// Where it stands.
    pub state: InvitationState,
}

/// A key of a program, without its secrets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiKey {
    /// Which.
    pub id: ApiKeyId,
    /// Whose.
    pub tenant: TenantId,
    /// What people call it.
    pub name: String,
    /// Whether it reaches the sandbox only.
    pub is_test: bool,
    /// What it may do.
    pub scopes: Vec<Permission>,
    /// Networks (`address/bits`) that it may be shown from; empty means any.
    pub networks: Vec<String>,
    /// Calls a minute, if it has a limit of its own.
    pub calls_a_minute: Option<u32>,
    /// When it was made (wall).
    pub created: Timestamp,
    /// Text of the actor who made it.
    pub created_by: String,
    /// When its scopes were granted under a fresh second factor (wall).
    pub stepped_up: Option<Timestamp>,
    /// When it ends (wall).
    pub expires: Timestamp,
    /// When it was revoked, and by whom.
    pub revoked: Option<(Timestamp, String)>,
    /// When it was last shown, and from where.
    pub used: Option<(Timestamp, String)>,
    /// Guards updates.
    pub revision: i64,
}

/// One of the secrets of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiKeySecret {
    /// SHA-256 of it.
    pub digest: [u8; 32],
    /// When it was made (wall).
    pub created: Timestamp,
    /// When it ends (wall); with its key if none.
    pub until: Option<Timestamp>,
}
