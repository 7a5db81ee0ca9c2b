//! Whether whoever enqueued a job may still have it done: asked when the job is claimed.
//!
//! A person who was disabled, or is no member of the tenant any more, originates nothing. What the
//! host's shell, the installation itself or a schedule of theirs enqueued never lapses, nor do mails and
//! webhooks: they tell of what has happened.

use super::model::UserState;
use super::ports::IdentityStore;
use super::recovery::IDENTITY_RECOVER;
use crate::certificates::{ACTIVATE, EXPUNGE};
use crate::hooks::{HOOK_DELIVER, HOOK_EVENT, HOOK_PRUNE};
use crate::mail::MAIL_SEND;
use crate::ports::Stored;
use fedatario_base::PlatformScope;
use fedatario_base::id::{TenantId, UserId};

/// Kinds that tell of what has happened, whoever brought it about.
const TELLING: &[&str] = &[MAIL_SEND, HOOK_DELIVER, HOOK_EVENT, HOOK_PRUNE];

/// Kinds that were settled when they were enqueued: an organisation's certificate goes into use, and a rested
/// key is destroyed, whoever left meanwhile.
const SETTLED: &[&str] = &[ACTIVATE, EXPUNGE];

/// Kinds that ask themselves whether their originator still may, and write down what follows.
const ASKING: &[&str] = &[IDENTITY_RECOVER];

/// Whether a job of this kind, enqueued by the actor of this text, is still to be done.
pub async fn stands(people: &dyn IdentityStore, tenant: TenantId, kind: &str, originator: &str) -> Stored<bool> {
    let Ok(user) = originator.parse::<UserId>() else { return Ok(true) };
    if [TELLING, ASKING, SETTLED].iter().any(|it| it.contains(&kind)) {
        return Ok(true);
    }
    let mut tx = people.read(&PlatformScope::for_authentication()).await?;
    let is_active = tx.user(user).await?.is_some_and(|it| it.state == UserState::Active);
    Ok(is_active && tx.memberships(user).await?.iter().any(|it| it.tenant == tenant))
}
