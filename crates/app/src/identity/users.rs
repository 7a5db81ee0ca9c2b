//! People across organisations, as whoever keeps the installation sees them.

use super::letters::told;
use super::model::{Membership, UserState};
use super::people::{People, Steward, event};
use super::ports::Chain;
use super::service::NO_TENANT;
use super::tenancy_ports::Person;
use crate::error::{AppError, AppResult};
use crate::hooks::events::EventKind;
use crate::mail::MailKind;
use crate::model::NewJob;
use fedatario_base::id::{TenantId, UserId};
use fedatario_base::{Permission, PlatformScope};
use serde_json::json;

impl People {
    /// Those after one, in order of id.
    pub async fn users(&self, by: &Steward, after: Option<UserId>, limit: u32) -> AppResult<Vec<Person>> {
        by.require(Permission::PlatformUserManage)?;
        Ok(self.read(by.actor()).await?.persons(after, limit).await?)
    }

    /// One, by id or by address of mail.
    pub async fn user(&self, by: &Steward, named: &str) -> AppResult<Person> {
        by.require(Permission::PlatformUserManage)?;
        let mut tx = self.read(by.actor()).await?;
        let found = match named.parse::<UserId>() {
            Ok(id) => tx.person(id).await?,
            Err(_) => tx.person_by_email(&named.trim().to_lowercase()).await?,
        };
        found.ok_or_else(|| AppError::NotFound(named.to_owned()))
    }

    /// Lets somebody in, or keeps them out of every organisation: whatever they hold ends at once. The
    /// last owner of an organisation may be kept out too: whoever keeps the installation can let them in.
    pub async fn set_user(&self, by: &Steward, id: UserId, state: UserState) -> AppResult<Person> {
        by.require(Permission::PlatformUserManage)?;
        let now = self.now();
        let told = match state {
            UserState::Disabled => self.outcast(by, id).await?,
            UserState::Active => Vec::new(),
        };
        let pen = self.pen(NO_TENANT).await?;
        let mut tx = self.begin(by.actor()).await?;
        let mut person = tx.person(id).await?.ok_or_else(|| AppError::NotFound(id.to_string()))?;
        if person.state == state {
            return Ok(person);
        }
        tx.set_person_state(id, state).await?;
        for (tenant, letters) in &told {
            let data = json!({ "user": id.to_string(), "role": null, "by": by.actor().to_string() });
            self.tell_outside(tx.as_mut(), *tenant, EventKind::MemberDisabled, data).await?;
            self.post(tx.as_mut(), *tenant, letters).await?;
        }
        let action = match state {
            UserState::Active => "user.enabled",
            UserState::Disabled => "user.disabled",
        };
        let told = |state: UserState| json!({ "state": state.text() });
        let (event, detail) = pen.change(event(by.actor(), now, action, id), &told(person.state), &told(state))?;
        tx.append(Chain::Platform, event, detail).await?;
        tx.commit().await?;
        person.state = state;
        Ok(person)
    }

    /// Where somebody is a member who is kept out, with what they are told: once, by the organisation
    /// that they were in last.
    async fn outcast(&self, by: &Steward, id: UserId) -> AppResult<Vec<(TenantId, Vec<NewJob>)>> {
        let mut tx = self.app.people.read(&PlatformScope::of(by.actor().clone())).await?;
        let Some(user) = tx.user(id).await? else { return Ok(Vec::new()) };
        let mut all: Vec<Membership> = tx.memberships(id).await?;
        drop(tx);
        all.sort_by_key(|it| Some(it.tenant) != user.last_tenant);
        let mut tx = self.read(by.actor()).await?;
        let (who, to) = (self.by(tx.as_mut(), by.actor()).await?, tx.person(id).await?);
        drop(tx);
        let mut told_of = Vec::new();
        for (place, it) in all.iter().enumerate() {
            let fields =
                |language| vec![("organisation", it.tenant_name.clone()), ("by", who.words(language)), ("at", told(self.now()))];
            let to = if place == 0 { to.as_slice() } else { &[] };
            told_of.push((it.tenant, self.letters(it.tenant, MailKind::AccountDisabled, to, fields).await?));
        }
        Ok(told_of)
    }
}
