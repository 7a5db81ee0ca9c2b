//! What is kept of people: who they are, their factors, their lines of tokens, their memberships.
//!
//! Plain values. What must not be shown (a password's hash, a sealed secret) is wrapped so that
//! `Debug` shows nothing of it.

use crate::model::texts;
use fedatario_base::Permission;
use fedatario_base::id::{FactorId, RecoveryId, RoleId, SessionId, TenantId, UserId};
use jiff::Timestamp;

/// A value that `Debug` does not show.
#[derive(Clone, PartialEq, Eq)]
pub struct Hidden<T>(pub T);

impl<T> std::fmt::Debug for Hidden<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Hidden(…)")
    }
}

texts! {
    /// Whether a person may come in.
    UserState {
        /// May.
        Active = "active",
        /// May not, until an administrator says otherwise.
        Disabled = "disabled",
    }
}

/// A person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// Who.
    pub id: UserId,
    /// Normalised address of mail; unique.
    pub email: String,
    /// What others call them.
    pub name: String,
    /// `es` or `en`.
    pub language: String,
    /// PHC string of the password, once there is one.
    pub password: Option<Hidden<String>>,
    /// Whether they may come in.
    pub state: UserState,
    /// Grows with whatever ends every token of the person.
    pub epoch: i64,
    /// The tenant that they used last.
    pub last_tenant: Option<TenantId>,
    /// Since when they are here (wall).
    pub created: Timestamp,
    /// When the password was last set (wall).
    pub password_set: Option<Timestamp>,
    /// Nothing is signed for them before this (wall).
    pub signing_from: Option<Timestamp>,
    /// Guards updates.
    pub revision: i64,
}

texts! {
    /// What a second factor is.
    FactorKind {
        /// Codes by time (RFC 6238).
        Totp = "totp",
        /// A key that stays in a device (WebAuthn).
        Passkey = "passkey",
    }
}

texts! {
    /// Whether a factor counts.
    FactorState {
        /// Shown to the person, not proven yet.
        Pending = "pending",
        /// Proven once; asked for from then on.
        Active = "active",
        /// Its counter went back, so there may be two of it: nobody passes by it, and nobody passes with it.
        Suspended = "suspended",
    }
}

/// A second factor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Factor {
    /// Which.
    pub id: FactorId,
    /// Whose.
    pub user: UserId,
    /// What it is.
    pub kind: FactorKind,
    /// What the person calls it.
    pub label: String,
    /// Whether it counts.
    pub state: FactorState,
    /// Its secret, sealed.
    pub secret: Hidden<Vec<u8>>,
    /// The last time step that was accepted, or the last counter of a device.
    pub last_step: i64,
    /// When it was begun (wall).
    pub created: Timestamp,
    /// When it was proven (wall).
    pub confirmed: Option<Timestamp>,
    /// When it was last used (wall).
    pub used: Option<Timestamp>,
}

/// A passkey that was proven for the first time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewPasskey {
    /// Whose.
    pub user: UserId,
    /// What proves it, sealed.
    pub secret: Hidden<Vec<u8>>,
    /// SHA-256 of its name.
    pub credential: [u8; 32],
    /// What its device counted so far.
    pub counter: i64,
}

texts! {
    /// Why a line of tokens ended.
    SessionEnd {
        /// Its person left.
        Logout = "logout",
        /// Its person closed it from elsewhere.
        Closed = "closed",
        /// An administrator closed it.
        Forced = "forced",
        /// A spent refresh token was shown again.
        Replay = "replay",
        /// The password or a factor changed.
        Changed = "changed",
        /// The person was disabled.
        Disabled = "disabled",
    }
}

/// The refresh token that followed the last one, for whoever did not hear of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedChild {
    /// Sealed under a key derived from its parent.
    pub blob: Hidden<Vec<u8>>,
    /// Until when it is handed out again (wall).
    pub until: Timestamp,
    /// The address that it was handed to.
    pub address: String,
    /// What that caller said that it was.
    pub user_agent: String,
}

/// One login, and the line of tokens that follows from it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// Which.
    pub id: SessionId,
    /// Whose.
    pub user: UserId,
    /// The tenant that its tokens are for.
    pub tenant: Option<TenantId>,
    /// When it began (wall).
    pub created: Timestamp,
    /// When it ends, whatever happens (wall).
    pub expires: Timestamp,
    /// When it was last refreshed (wall).
    pub used: Timestamp,
    /// When its person last proved a factor (wall).
    pub authenticated: Timestamp,
    /// How: names of RFC 8176 with blanks between, as `pwd otp`.
    pub methods: String,
    /// From where it was last used.
    pub address: String,
    /// With what it was last used.
    pub user_agent: String,
    /// Number of the refresh token that is alive, from 1.
    pub generation: i64,
    /// SHA-256 of that token.
    pub digest: [u8; 32],
    /// The same token, for the one before it.
    pub child: Option<SealedChild>,
    /// When and why it ended (wall).
    pub ended: Option<(Timestamp, SessionEnd)>,
}

/// A refresh token takes the place of another.
#[derive(Debug, Clone)]
pub struct Rotation {
    /// In which line.
    pub session: SessionId,
    /// The generation that it follows; refused if another is alive.
    pub from: i64,
    /// SHA-256 of the one that it follows.
    pub spent: [u8; 32],
    /// SHA-256 of the new one.
    pub digest: [u8; 32],
    /// The new one, for the one that it follows.
    pub child: SealedChild,
    /// Now (wall).
    pub at: Timestamp,
}

texts! {
    /// What a token for one act is good for.
    Purpose {
        /// Makes the first owner.
        Bootstrap = "bootstrap",
        /// The second half of a login.
        Mfa = "mfa",
        /// Another password.
        Reset = "reset",
        /// Another address of mail.
        EmailChange = "email_change",
        /// Into a tenant.
        Invitation = "invitation",
        /// A question for a device that makes a key.
        PasskeyNew = "passkey_new",
        /// A question for a device, as the second half of a login.
        PasskeyLogin = "passkey_login",
        /// A question for a device, for an act that asks for a factor.
        PasskeyStepUp = "passkey_step_up",
        /// A question for a device, for another password.
        PasskeyReset = "passkey_reset",
    }
}

/// A token for one act, as kept.
#[derive(Debug, Clone, PartialEq)]
pub struct OneTime {
    /// SHA-256 of the token.
    pub digest: [u8; 32],
    /// What it is good for.
    pub purpose: Purpose,
    /// For whom.
    pub user: Option<UserId>,
    /// For which tenant.
    pub tenant: Option<TenantId>,
    /// What else the act needs to know; no secret.
    pub detail: serde_json::Value,
    /// When it was made (wall).
    pub created: Timestamp,
    /// Until when it is good (wall).
    pub expires: Timestamp,
    /// How often it was tried with something that was wrong.
    pub attempts: u32,
    /// When it was used (wall).
    pub used: Option<Timestamp>,
}

/// A key that signs access tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SigningKeyRow {
    /// Its name.
    pub kid: String,
    /// The public half, 32 bytes of Ed25519.
    pub public: [u8; 32],
    /// The seed, sealed.
    pub sealed: Hidden<Vec<u8>>,
    /// When it was made and announced (wall).
    pub created: Timestamp,
    /// When it begins to sign (wall).
    pub signs_from: Timestamp,
    /// When it stops (wall).
    pub signs_until: Timestamp,
    /// When the last token that it signed has ended (wall).
    pub verifies_until: Timestamp,
}

/// Failures under one name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Count {
    /// How many.
    pub failures: u32,
    /// The first of the current run (wall).
    pub first: Timestamp,
    /// The last (wall).
    pub last: Timestamp,
}

texts! {
    /// What a line of somebody's history tells.
    LoginEvent {
        /// Came in.
        Login = "login",
        /// The password was wrong.
        PasswordRefused = "password_refused",
        /// The second factor was wrong.
        FactorRefused = "factor_refused",
        /// A recovery code was used up.
        RecoveryUsed = "recovery_used",
        /// Left.
        Logout = "logout",
        /// A spent refresh token was shown again.
        Replay = "replay",
        /// The password was changed.
        PasswordChanged = "password_changed",
        /// The password was set anew by mail.
        PasswordReset = "password_reset",
        /// The address of mail was changed.
        EmailChanged = "email_changed",
        /// A factor was added.
        FactorAdded = "factor_added",
        /// A factor was taken away.
        FactorRemoved = "factor_removed",
        /// New recovery codes took the place of the last ones.
        CodesMade = "recovery_codes_made",
        /// An administrator began the recovery of lost factors.
        RecoveryStarted = "recovery_started",
        /// It was called off.
        RecoveryCalledOff = "recovery_called_off",
        /// All factors were taken away by a recovery.
        FactorsRecovered = "factors_recovered",
        /// The counter of a device went back; it proves nothing any more.
        FactorSuspended = "factor_suspended",
    }
}

/// A line of somebody's history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoginRecord {
    /// When (wall).
    pub at: Timestamp,
    /// What.
    pub event: LoginEvent,
    /// From where.
    pub address: String,
    /// With what.
    pub user_agent: String,
    /// In which line of tokens.
    pub session: Option<SessionId>,
}

texts! {
    /// Whether a membership counts.
    MemberState {
        /// It does.
        Active = "active",
        /// It does not.
        Disabled = "disabled",
    }
}

/// Somebody in a tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Membership {
    /// Where.
    pub tenant: TenantId,
    /// The tenant's name.
    pub tenant_name: String,
    /// Who.
    pub user: UserId,
    /// Whether it counts.
    pub state: MemberState,
    /// Since when (wall).
    pub created: Timestamp,
}

/// A role that somebody holds for a while.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoleGrant {
    /// Which grant.
    pub id: RoleId,
    /// Who holds it.
    pub user: UserId,
    /// The role's name.
    pub role: String,
    /// From when (wall).
    pub from: Timestamp,
    /// Until when (wall); for good if none.
    pub until: Option<Timestamp>,
    /// In whose place.
    pub in_place_of: Option<UserId>,
    /// Text of the actor who gave it.
    pub granted_by: String,
}

texts! {
    /// Of whom a tenant asks a second factor.
    SecondFactor {
        /// Of whoever signs, sees keys or administers: what the table of permissions says.
        Roles = "roles",
        /// Of everybody.
        Everybody = "everybody",
    }
}

texts! {
    /// Where a recovery of lost factors stands.
    RecoveryState {
        /// Waits for its time.
        Open = "open",
        /// The factors were taken away.
        Done = "done",
        /// They were not.
        CalledOff = "called_off",
    }
}

/// Somebody's second factors are to be taken away, because they are lost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recovery {
    /// Which.
    pub id: RecoveryId,
    /// The tenant whose administrator began it.
    pub tenant: TenantId,
    /// Whose factors.
    pub user: UserId,
    /// Where it stands.
    pub state: RecoveryState,
    /// Text of the actor who began it.
    pub started_by: String,
    /// When (wall).
    pub started: Timestamp,
    /// When it is done at the earliest (wall).
    pub due: Timestamp,
    /// When it ended (wall), and the text of the actor who ended it.
    pub ended: Option<(Timestamp, String)>,
}

/// Everything that decides whether an access token is still good, and what it is good for; one
/// answer of storage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// The person's state.
    pub user: UserState,
    /// The person's epoch.
    pub epoch: i64,
    /// Whether the line of tokens was ended.
    pub ended: bool,
    /// When it ends by itself (wall).
    pub expires: Timestamp,
    /// When its person last proved a factor (wall).
    pub authenticated: Timestamp,
    /// How its person came in.
    pub methods: String,
    /// Whether the person is a member of the tenant in force, and the tenant is open.
    pub is_member: bool,
    /// What their roles in force there allow.
    pub permissions: Vec<Permission>,
    /// Of whom the tenant asks a second factor.
    pub asked: SecondFactor,
    /// What their roles on the installation allow.
    pub platform: Vec<Permission>,
    /// Nothing is signed for them before this (wall).
    pub signing_from: Option<Timestamp>,
}
