//! Members of a tenant: who they are, which roles they hold from when to when, and in whose place.

use super::letters::{names_of, told};
use super::model::{MemberState, RoleGrant};
use super::people::{People, event, exceeding, held, refusal, require, tell_change};
use super::roles;
use super::tenancy::Member;
use super::tenancy_ports::PeopleTx;
use crate::error::{AppError, AppResult};
use crate::hooks::events::EventKind;
use crate::mail::MailKind;
use crate::model::NewJob;
use fedatario_base::id::{RoleId, TenantId, UserId};
use fedatario_base::{Code, Permission, Scope};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

/// Grants of one member at most, lapsed ones too: far more than anybody's duties.
pub const GRANTS_AT_MOST: usize = 32;

/// How long somebody stands in for another at most: a long leave.
pub const SUBSTITUTION_AT_MOST: SignedDuration = SignedDuration::from_hours(366 * 24);

/// A role that somebody is to hold.
#[derive(Debug, Clone, Default)]
pub struct Granting {
    /// The role's name.
    pub role: String,
    /// From when (wall); now if none.
    pub from: Option<Timestamp>,
    /// Until when (wall); for good if none.
    pub until: Option<Timestamp>,
    /// In whose place. Needs an end, and a role that the other holds.
    pub in_place_of: Option<UserId>,
}

impl People {
    /// Members after one, in order of id.
    pub async fn members(&self, scope: &Scope, after: Option<UserId>, limit: u32) -> AppResult<Vec<Member>> {
        require(scope, Permission::UserRead)?;
        Ok(self.read(scope.actor()).await?.members(scope.tenant(), after, limit).await?)
    }

    /// One member.
    pub async fn member(&self, scope: &Scope, user: UserId) -> AppResult<Member> {
        require(scope, Permission::UserRead)?;
        let mut tx = self.read(scope.actor()).await?;
        member(tx.as_mut(), scope.tenant(), user).await
    }

    /// Gives a role; counts from the next call of its holder on, two seconds later at most.
    pub async fn grant(&self, scope: &Scope, user: UserId, asked: Granting) -> AppResult<RoleGrant> {
        require(scope, Permission::RoleManage)?;
        let now = self.now();
        let grant = RoleGrant {
            id: RoleId::fresh(now),
            user,
            role: asked.role,
            from: asked.from.unwrap_or(now),
            until: asked.until,
            in_place_of: asked.in_place_of,
            granted_by: scope.actor().to_string(),
        };
        timely(&grant, now)?;
        let letters = self.role_letters(scope, user, |held| held.push(grant.clone())).await?;
        let pen = self.pen(scope.tenant()).await?;
        let mut tx = self.begin(scope.actor()).await?;
        held(tx.as_mut(), scope.tenant()).await?;
        exceeding(scope, &allowed(tx.as_mut(), scope.tenant(), &grant.role).await?)?;
        let whose = member(tx.as_mut(), scope.tenant(), user).await?;
        if whose.grants.len() >= GRANTS_AT_MOST {
            return Err(refusal(Code::GrantFormat, format!("one member holds {GRANTS_AT_MOST} roles at most")));
        }
        if let Some(other) = grant.in_place_of {
            let other = member(tx.as_mut(), scope.tenant(), other).await?;
            stands_in(&grant, &other, now)?;
        }
        tx.give_role(scope.tenant(), &grant).await?;
        self.tell_role(tx.as_mut(), scope, user, &grant.role, "given", &letters).await?;
        let mut entry = event(scope.actor(), now, "member.role_granted", user).field("role", grant.role.as_str());
        entry = entry.field("grant", grant.id.to_string()).field("from", grant.from.to_string());
        if let Some(until) = grant.until {
            entry = entry.field("until", until.to_string());
        }
        if let Some(other) = grant.in_place_of {
            entry = entry.field("in_place_of", other.to_string());
        }
        tell_change(tx.as_mut(), scope.tenant(), &pen, entry, Value::Null, of_role(&grant)).await?;
        tx.commit().await?;
        Ok(grant)
    }

    /// Takes a role back. The last owner's stays.
    pub async fn take_back(&self, scope: &Scope, user: UserId, grant: RoleId) -> AppResult<()> {
        require(scope, Permission::RoleManage)?;
        let now = self.now();
        let letters = self.role_letters(scope, user, |held| held.retain(|it| it.id != grant)).await?;
        let pen = self.pen(scope.tenant()).await?;
        let mut tx = self.begin(scope.actor()).await?;
        held(tx.as_mut(), scope.tenant()).await?;
        let whose = member(tx.as_mut(), scope.tenant(), user).await?;
        let which = whose.grants.iter().find(|it| it.id == grant).ok_or_else(|| AppError::NotFound(grant.to_string()))?;
        // Whoever could not give it does not take it from those above.
        if let Ok(permissions) = allowed(tx.as_mut(), scope.tenant(), &which.role).await {
            exceeding(scope, &permissions)?;
        }
        tx.remove_grant(scope.tenant(), user, grant).await?;
        somebody_rules(tx.as_mut(), scope.tenant(), now).await?;
        self.tell_role(tx.as_mut(), scope, user, &which.role, "taken_back", &letters).await?;
        let entry = event(scope.actor(), now, "member.role_revoked", user).field("role", which.role.as_str());
        let entry = entry.field("grant", grant.to_string());
        tell_change(tx.as_mut(), scope.tenant(), &pen, entry, of_role(which), Value::Null).await?;
        Ok(tx.commit().await?)
    }

    /// Lets a member in, or keeps them out of this tenant; of others they stay members.
    pub async fn set_member(&self, scope: &Scope, user: UserId, state: MemberState) -> AppResult<Member> {
        require(scope, Permission::UserManage)?;
        let now = self.now();
        let letters = match state {
            MemberState::Disabled => self.disabled_letters(scope, user).await?,
            MemberState::Active => Vec::new(),
        };
        let pen = self.pen(scope.tenant()).await?;
        let mut tx = self.begin(scope.actor()).await?;
        held(tx.as_mut(), scope.tenant()).await?;
        let mut whose = member(tx.as_mut(), scope.tenant(), user).await?;
        if whose.state == state {
            return Ok(whose);
        }
        for grant in &whose.grants {
            if let Ok(permissions) = allowed(tx.as_mut(), scope.tenant(), &grant.role).await {
                exceeding(scope, &permissions)?;
            }
        }
        tx.set_member_state(scope.tenant(), user, state).await?;
        somebody_rules(tx.as_mut(), scope.tenant(), now).await?;
        if state == MemberState::Disabled {
            let data = json!({ "user": user.to_string(), "role": null, "by": scope.actor().to_string() });
            self.tell_outside(tx.as_mut(), scope.tenant(), EventKind::MemberDisabled, data).await?;
            self.post(tx.as_mut(), scope.tenant(), &letters).await?;
        }
        let action = match state {
            MemberState::Active => "member.enabled",
            MemberState::Disabled => "member.disabled",
        };
        let told = |state: MemberState| json!({ "state": state.text() });
        let entry = event(scope.actor(), now, action, user);
        tell_change(tx.as_mut(), scope.tenant(), &pen, entry, told(whose.state), told(state)).await?;
        tx.commit().await?;
        whose.state = state;
        Ok(whose)
    }
}

impl People {
    /// What a member is told whose roles change: the roles that they hold afterwards.
    async fn role_letters(&self, scope: &Scope, user: UserId, change: impl FnOnce(&mut Vec<RoleGrant>)) -> AppResult<Vec<NewJob>> {
        let (tenant, now) = (scope.tenant(), self.now());
        let mut tx = self.read(scope.actor()).await?;
        let mut grants = member(tx.as_mut(), tenant, user).await?.grants;
        let (organisation, by) = (self.name_of(tx.as_mut(), tenant).await?, self.by(tx.as_mut(), scope.actor()).await?);
        let to: Vec<_> = tx.person(user).await?.into_iter().collect();
        drop(tx); // Sealing a mail may write.
        change(&mut grants);
        let fields = |language| {
            let role = names_of(&grants, now, language);
            vec![("organisation", organisation.clone()), ("role", role), ("by", by.words(language)), ("at", told(now))]
        };
        self.letters(tenant, MailKind::RoleChanged, &to, fields).await
    }

    async fn tell_role(
        &self,
        tx: &mut dyn PeopleTx,
        scope: &Scope,
        user: UserId,
        role: &str,
        change: &str,
        letters: &[NewJob],
    ) -> AppResult<()> {
        let data = json!({ "user": user.to_string(), "role": role, "change": change, "by": scope.actor().to_string() });
        self.tell_outside(tx, scope.tenant(), EventKind::MemberRoleChanged, data).await?;
        self.post(tx, scope.tenant(), letters).await
    }

    /// What a member is told who is kept out.
    async fn disabled_letters(&self, scope: &Scope, user: UserId) -> AppResult<Vec<NewJob>> {
        let (tenant, now) = (scope.tenant(), self.now());
        let mut tx = self.read(scope.actor()).await?;
        member(tx.as_mut(), tenant, user).await?; // Somebody else's is nobody's.
        let (organisation, by) = (self.name_of(tx.as_mut(), tenant).await?, self.by(tx.as_mut(), scope.actor()).await?);
        let to: Vec<_> = tx.person(user).await?.into_iter().collect();
        drop(tx);
        let fields = |language| vec![("organisation", organisation.clone()), ("by", by.words(language)), ("at", told(now))];
        self.letters(tenant, MailKind::AccountDisabled, &to, fields).await
    }
}

/// A role that somebody holds, as entries tell it.
fn of_role(it: &RoleGrant) -> Value {
    json!({
        "role": it.role, "from": it.from.to_string(), "until": it.until.map(|it| it.to_string()),
        "in_place_of": it.in_place_of.map(|it| it.to_string()), "granted_by": it.granted_by,
    })
}

pub(super) async fn member(tx: &mut dyn PeopleTx, tenant: TenantId, user: UserId) -> AppResult<Member> {
    tx.member(tenant, user).await?.ok_or_else(|| AppError::NotFound(user.to_string()))
}

/// What a role of this tenant allows, built in or its own.
pub(super) async fn allowed(tx: &mut dyn PeopleTx, tenant: TenantId, role: &str) -> AppResult<Vec<Permission>> {
    if roles::OF_TENANTS.contains(&role) {
        return Ok(roles::built_in(role).unwrap_or_default());
    }
    let own = tx.role(tenant, role).await?;
    own.map(|it| it.permissions).ok_or_else(|| refusal(Code::RoleUnknown, "no such role here"))
}

/// A tenant whose last owner went away would be nobody's.
async fn somebody_rules(tx: &mut dyn PeopleTx, tenant: TenantId, now: Timestamp) -> AppResult<()> {
    if tx.count_holders(tenant, roles::OWNER, now).await? > 0 {
        return Ok(());
    }
    Err(refusal(Code::OwnerLast, "one member has to hold tenant_admin without an end"))
}

fn timely(grant: &RoleGrant, now: Timestamp) -> AppResult<()> {
    let ends_well = grant.until.is_none_or(|it| it > now && it > grant.from);
    if ends_well { Ok(()) } else { Err(refusal(Code::GrantFormat, "a role ends after it begins, and after now")) }
}

/// Somebody stands in for another for a while, in a role that the other holds.
fn stands_in(grant: &RoleGrant, other: &Member, now: Timestamp) -> AppResult<()> {
    let bad = |text: &str| Err(refusal(Code::GrantFormat, text));
    let Some(until) = grant.until else { return bad("whoever stands in for somebody does so until a day") };
    if until.duration_since(grant.from) > SUBSTITUTION_AT_MOST {
        return bad("nobody stands in for somebody for more than a year");
    }
    let holds = other
        .grants
        .iter()
        .any(|it| it.role == grant.role && it.in_place_of.is_none() && it.from <= now && it.until.is_none_or(|end| end > now));
    if other.user == grant.user || !holds {
        return bad("one stands in for somebody else, in a role that they hold");
    }
    Ok(())
}
