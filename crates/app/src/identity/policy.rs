//! Of whom a tenant asks a second factor, beyond what the table of permissions asks for always.
//!
//! What it says is enforced where every token is judged ([`super::standing`]), within two seconds and in
//! open streams too. Programs have no second factor, and their keys are not touched by it.

use super::model::SecondFactor;
use super::people::{People, event, held, require, tell_change};
use crate::error::AppResult;
use fedatario_base::{Permission, Scope};
use serde_json::json;

impl People {
    /// Of whom this tenant asks a second factor.
    pub async fn second_factor_policy(&self, scope: &Scope) -> AppResult<SecondFactor> {
        require(scope, Permission::UserRead)?;
        let mut tx = self.read(scope.actor()).await?;
        Ok(held(tx.as_mut(), scope.tenant()).await?.second_factor)
    }

    /// Asks a second factor of these from now on.
    pub async fn set_second_factor_policy(&self, scope: &Scope, asked: SecondFactor) -> AppResult<SecondFactor> {
        require(scope, Permission::SettingsManage)?;
        let now = self.now();
        let pen = self.pen(scope.tenant()).await?;
        let mut tx = self.begin(scope.actor()).await?;
        let mut tenant = held(tx.as_mut(), scope.tenant()).await?;
        let before = tenant.second_factor;
        if before == asked {
            return Ok(asked);
        }
        tenant.second_factor = asked;
        tx.update_tenant(&tenant).await?;
        let entry = event(scope.actor(), now, "tenant.second_factor_changed", scope.tenant());
        let entry = entry.field("before", before.text()).field("after", asked.text());
        let told = |it: SecondFactor| json!({ "second_factor": it.text() });
        tell_change(tx.as_mut(), scope.tenant(), &pen, entry, told(before), told(asked)).await?;
        tx.commit().await?;
        Ok(asked)
    }
}
