//! The door: from what a caller shows to what the caller may do.
//!
//! Edges hold a [`Door`] and nothing else of identity to let somebody in; what they get is a
//! [`Principal`] with its [`Scope`]. A refusal says no more than its code.

use crate::error::AppResult;
use async_trait::async_trait;
use fedatario_base::id::{ApiKeyId, SessionId, TenantId, UserId};
use fedatario_base::{Permission, Scope};
use jiff::Timestamp;
use std::net::IpAddr;

/// Where a call comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// The caller's address, after the configured proxies.
    pub address: IpAddr,
    /// What the caller says that it is, cut to a bound.
    pub user_agent: String,
}

/// What was shown at the door.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Means {
    /// An access token.
    Session {
        /// Of which login.
        session: SessionId,
        /// Whose.
        user: UserId,
    },
    /// An API key.
    Key {
        /// Which.
        key: ApiKeyId,
        /// Whether it reaches the sandbox only.
        is_test: bool,
    },
}

/// Somebody who was let in.
#[derive(Debug, Clone)]
pub struct Principal {
    /// The tenant, the actor, and what they may do there.
    pub scope: Scope,
    /// What they showed.
    pub means: Means,
    /// What they may do on the installation itself; nothing for a key.
    pub platform: Vec<Permission>,
    /// When they last proved a factor (wall); for a key, when its scopes were granted.
    pub authenticated: Timestamp,
    /// Whether what they showed counts as freshly proven for acts that ask for it.
    pub is_stepped_up: bool,
    /// Calls a minute that a key was given, if it has a limit of its own.
    pub calls_a_minute: Option<u32>,
}

/// Lets in, or refuses.
#[async_trait]
pub trait Door: Send + Sync {
    /// Who shows this (the value of `Authorization: Bearer`), for the tenant named or the one it is for.
    async fn enter(&self, bearer: &str, tenant: Option<TenantId>, origin: &Origin) -> AppResult<Principal>;

    /// Whether somebody who was let in still would be: for streams that stay open.
    async fn still_in(&self, principal: &Principal) -> bool;
}
