//! Grants: what a program, or a person beside their role, may have signed.
//!
//! A program signs by a grant or not at all. A person signs by their role; from the first grant that they were
//! given for a credential on, within their grants for it alone, so that somebody may be let sign up to a sum or
//! until a day. Taking the last one back sets nobody free.
//!
//! A grant is given by a person who may sign themselves, or by the shell; never by a program, which
//! could give itself one, and never by a person who is within grants for that credential, who could
//! widen their own. It is not changed and not prolonged: it ends, or is taken back.

use crate::audit_trail::changes::{Telling, of_grant};
use crate::audit_trail::entry;
use crate::error::{AppError, AppResult};
use crate::identity::people::People;
use crate::signing::Kind;
use crate::{App, certificates};
use fedatario_base::id::{ApiKeyId, CredentialId, GrantId, UserId};
use fedatario_base::{Actor, Code, Permission, PlatformScope, Scope};
use fedatario_vault::grant::{Amount, Grant};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

/// The longest that a grant may last: a longer one outlives the certificate that it is for.
const DAYS_AT_MOST: i64 = 4 * 366;

/// A grant as somebody words it.
#[derive(Debug, Clone)]
pub struct GrantAsked {
    /// The text of a user's or an API key's id.
    pub principal: String,
    /// With which credential.
    pub credential: CredentialId,
    /// Under which profile.
    pub kind: Kind,
    /// Until when.
    pub not_after: Timestamp,
    /// Up to which total: amount and currency.
    pub cap: Option<(String, String)>,
}

fn bad(text: &str) -> AppError {
    AppError::Input { code: Code::SignatureGrantFormat, text: text.to_owned() }
}

/// Who gives may sign themselves, and is no program.
fn require(scope: &Scope) -> AppResult<()> {
    if !scope.may(Permission::CredentialSign) {
        return Err(AppError::Denied(Permission::CredentialSign));
    }
    match scope.actor() {
        Actor::User(_) | Actor::Os(_) => Ok(()),
        Actor::ApiKey(_) | Actor::Job { .. } | Actor::System => Err(AppError::Refused(Code::SessionRequired)),
    }
}

/// Gives a grant.
pub async fn give(people: &People, scope: &Scope, asked: GrantAsked) -> AppResult<Grant> {
    require(scope)?;
    let now = Telling::begin(&people.app, scope).await?;
    let longest = now.wall.saturating_add(SignedDuration::from_hours(DAYS_AT_MOST * 24)).unwrap_or(Timestamp::MAX);
    if asked.not_after <= now.wall || asked.not_after > longest {
        return Err(bad("a grant ends within the next four years"));
    }
    let read =
        |(value, currency): (String, String)| Amount::read(&value, &currency).ok_or_else(|| bad("a cap is digits and a currency"));
    let cap = asked.cap.map(read).transpose()?;
    if !is_of_tenant(people, scope, &asked.principal, now.wall).await? {
        return Err(bad("nobody of this organisation"));
    }
    let grant = Grant {
        id: GrantId::fresh(now.wall),
        principal: asked.principal,
        credential: asked.credential,
        profile: asked.kind.text().to_owned(),
        not_after: asked.not_after,
        cap,
        created_by: scope.actor().to_string(),
        created: now.wall,
        revoked: None,
    };
    let mut tx = people.app.store.begin(scope).await?;
    // A person's own certificate is nobody else's to give away.
    let found = tx.credential(grant.credential).await?.filter(|it| certificates::readable(scope, it));
    found.ok_or_else(|| AppError::NotFound(grant.credential.to_string()))?;
    if !tx.signature_grants_of(grant.credential, &scope.actor().originator()).await?.is_empty() {
        return Err(AppError::Denied(Permission::CredentialSign));
    }
    tx.add_signature_grant(&grant).await?;
    let event = entry(&now, "signature.grant", &grant.id.to_string(), "given")
        .field("principal", grant.principal.as_str())
        .field("credential", grant.credential.to_string())
        .field("profile", grant.profile.as_str())
        .field("not_after", grant.not_after.to_string());
    let cap = |it: &Amount| format!("{} {}", it.value, it.currency);
    let event = grant.cap.iter().fold(event, |event, it| event.field("cap", cap(it)));
    now.change(tx.as_mut(), event, Value::Null, of_grant(&grant)).await?;
    tx.commit().await?;
    Ok(grant)
}

/// Whether a text names a member or a key of the tenant that may still act.
async fn is_of_tenant(people: &People, scope: &Scope, principal: &str, now: Timestamp) -> AppResult<bool> {
    let mut tx = people.identity.read_people(&PlatformScope::of(scope.actor().clone())).await?;
    if let Ok(user) = principal.parse::<UserId>() {
        return Ok(tx.member(scope.tenant(), user).await?.is_some());
    }
    let Ok(key) = principal.parse::<ApiKeyId>() else { return Ok(false) };
    let found = tx.api_key(key, now).await?;
    Ok(found.is_some_and(|(key, _)| key.tenant == scope.tenant() && key.revoked.is_none()))
}

/// Those of the tenant before one, newest first.
pub async fn page(app: &App, scope: &Scope, before: Option<GrantId>, limit: u32) -> AppResult<Vec<Grant>> {
    if !scope.may(Permission::CredentialRead) {
        return Err(AppError::Denied(Permission::CredentialRead));
    }
    Ok(app.store.read(scope).await?.signature_grants(before, limit).await?)
}

/// Takes one back; it allows nothing from here on.
pub async fn revoke(app: &App, scope: &Scope, id: GrantId) -> AppResult<()> {
    require(scope)?;
    let now = Telling::begin(app, scope).await?;
    let mut tx = app.store.begin(scope).await?;
    let grant = tx.signature_grant(id).await?.ok_or_else(|| AppError::NotFound(id.to_string()))?;
    if tx.revoke_signature_grant(id, now.wall).await? {
        let after = Grant { revoked: Some(now.wall), ..grant.clone() };
        let event = entry(&now, "signature.grant", &id.to_string(), "revoked");
        now.change(tx.as_mut(), event, of_grant(&grant), of_grant(&after)).await?;
        tx.commit().await?;
    }
    Ok(())
}
