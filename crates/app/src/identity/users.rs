//! People across organisations, as whoever keeps the installation sees them.

use super::model::UserState;
use super::people::{People, Steward, event};
use super::ports::Chain;
use super::tenancy_ports::Person;
use crate::error::{AppError, AppResult};
use fedatario_base::Permission;
use fedatario_base::id::UserId;

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
        let mut tx = self.begin(by.actor()).await?;
        let mut person = tx.person(id).await?.ok_or_else(|| AppError::NotFound(id.to_string()))?;
        if person.state == state {
            return Ok(person);
        }
        tx.set_person_state(id, state).await?;
        let action = match state {
            UserState::Active => "user.enabled",
            UserState::Disabled => "user.disabled",
        };
        tx.append(Chain::Platform, event(by.actor(), now, action, id)).await?;
        tx.commit().await?;
        person.state = state;
        Ok(person)
    }
}
