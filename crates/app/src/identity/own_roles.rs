//! Roles that a tenant defines beside the built-in ones.

use super::people::{People, event, exceeding, held, printable, refusal, require, tell_change};
use super::roles;
use super::tenancy::Role;
use crate::error::{AppError, AppResult};
use crate::ports::StoreError;
use fedatario_base::id::RoleId;
use fedatario_base::{Code, Permission, Scope};
use serde_json::{Value, json};

/// Roles of one tenant at most.
pub const ROLES_AT_MOST: usize = 64;
/// Bytes of what a role is for.
const DESCRIPTION_BYTES_AT_MOST: usize = 256;

/// A role as somebody words it.
#[derive(Debug, Clone)]
pub struct RoleAsked {
    /// Its name.
    pub name: String,
    /// What it is for; may be empty.
    pub description: String,
    /// Texts of permissions.
    pub permissions: Vec<String>,
}

/// A role as it is shown: built in, or the tenant's own.
#[derive(Debug, Clone)]
pub struct Shown {
    /// Its name.
    pub name: String,
    /// What it allows.
    pub permissions: Vec<Permission>,
    /// The tenant's own row, if it is none of the built-in ones.
    pub own: Option<Role>,
}

impl People {
    /// The built-in roles, then the tenant's own by name.
    pub async fn roles(&self, scope: &Scope) -> AppResult<Vec<Shown>> {
        require(scope, Permission::UserRead)?;
        let own = self.read(scope.actor()).await?.roles(scope.tenant()).await?;
        let built_in = roles::OF_TENANTS.iter().map(|name| Shown {
            name: (*name).to_owned(),
            permissions: roles::built_in(name).unwrap_or_default(),
            own: None,
        });
        let own = own.into_iter().map(|it| Shown { name: it.name.clone(), permissions: it.permissions.clone(), own: Some(it) });
        Ok(built_in.chain(own).collect())
    }

    /// One role.
    pub async fn role(&self, scope: &Scope, name: &str) -> AppResult<Shown> {
        let all = self.roles(scope).await?;
        all.into_iter().find(|it| it.name == name).ok_or_else(|| AppError::NotFound(name.to_owned()))
    }

    /// Defines one.
    pub async fn add_role(&self, scope: &Scope, asked: RoleAsked) -> AppResult<Role> {
        require(scope, Permission::RoleManage)?;
        let now = self.now();
        if !roles::is_own_name(&asked.name) {
            return Err(refusal(Code::RoleFormat, "a role's name is small letters, digits, - and _, and none that is built in"));
        }
        let role = Role {
            id: RoleId::fresh(now),
            name: asked.name,
            description: described(&asked.description)?,
            permissions: parsed(scope, &asked.permissions)?,
            created: now,
            created_by: scope.actor().to_string(),
            revision: 0,
        };
        let pen = self.pen(scope.tenant()).await?;
        let mut tx = self.begin(scope.actor()).await?;
        held(tx.as_mut(), scope.tenant()).await?;
        if tx.roles(scope.tenant()).await?.len() >= ROLES_AT_MOST {
            return Err(refusal(Code::RoleFormat, format!("an organisation defines {ROLES_AT_MOST} roles at most")));
        }
        match tx.add_role(scope.tenant(), &role).await {
            Err(StoreError::Conflict(_)) => return Err(refusal(Code::RoleExists, "there is a role of this name")),
            done => done?,
        }
        let entry = told(scope, now, "role.added", &role);
        tell_change(tx.as_mut(), scope.tenant(), &pen, entry, Value::Null, of_role(&role)).await?;
        tx.commit().await?;
        Ok(role)
    }

    /// Changes what one is for and what it allows, if it still is what its editor saw.
    pub async fn change_role(&self, scope: &Scope, name: &str, revision: i64, asked: RoleAsked) -> AppResult<Role> {
        require(scope, Permission::RoleManage)?;
        let now = self.now();
        let pen = self.pen(scope.tenant()).await?;
        let mut tx = self.begin(scope.actor()).await?;
        held(tx.as_mut(), scope.tenant()).await?;
        let mut role = own(tx.role(scope.tenant(), name).await?, name)?;
        // Nobody takes from a role what they could not have put into it.
        exceeding(scope, &role.permissions)?;
        let (before, was) = (texts(&role.permissions), of_role(&role));
        role.description = described(&asked.description)?;
        role.permissions = parsed(scope, &asked.permissions)?;
        role.revision = revision;
        tx.update_role(scope.tenant(), &role).await?;
        let entry = told(scope, now, "role.changed", &role).field("before", before);
        tell_change(tx.as_mut(), scope.tenant(), &pen, entry, was, of_role(&role)).await?;
        tx.commit().await?;
        role.revision += 1;
        Ok(role)
    }

    /// Takes one away that nobody holds.
    pub async fn remove_role(&self, scope: &Scope, name: &str) -> AppResult<()> {
        require(scope, Permission::RoleManage)?;
        let now = self.now();
        let pen = self.pen(scope.tenant()).await?;
        let mut tx = self.begin(scope.actor()).await?;
        held(tx.as_mut(), scope.tenant()).await?;
        let role = own(tx.role(scope.tenant(), name).await?, name)?;
        exceeding(scope, &role.permissions)?;
        if tx.count_grants(scope.tenant(), name, now).await? > 0 {
            return Err(refusal(Code::RoleInUse, "somebody holds this role"));
        }
        tx.remove_role(scope.tenant(), role.id).await?;
        let entry = told(scope, now, "role.removed", &role);
        tell_change(tx.as_mut(), scope.tenant(), &pen, entry, of_role(&role), Value::Null).await?;
        Ok(tx.commit().await?)
    }
}

fn own(found: Option<Role>, name: &str) -> AppResult<Role> {
    found.ok_or_else(|| AppError::NotFound(name.to_owned()))
}

fn described(text: &str) -> AppResult<String> {
    if text.trim().is_empty() {
        return Ok(String::new());
    }
    printable(text, DESCRIPTION_BYTES_AT_MOST)
        .ok_or_else(|| refusal(Code::RoleFormat, format!("a description has {DESCRIPTION_BYTES_AT_MOST} printable bytes at most")))
}

/// Permissions of a tenant, each once, none beyond those of whoever defines the role.
pub(super) fn parsed(scope: &Scope, texts: &[String]) -> AppResult<Vec<Permission>> {
    let mut all = Vec::new();
    for text in texts {
        let permission = Permission::from_text(text).filter(|it| !it.is_platform());
        all.push(permission.ok_or_else(|| refusal(Code::PermissionUnknown, "no such permission of a tenant"))?);
    }
    all.sort_unstable();
    all.dedup();
    if all.is_empty() {
        return Err(refusal(Code::PermissionUnknown, "at least one permission is needed"));
    }
    exceeding(scope, &all)?;
    Ok(all)
}

fn told(scope: &Scope, now: jiff::Timestamp, action: &str, role: &Role) -> fedatario_audit::Event {
    event(scope.actor(), now, action, role.id).field("role", role.name.as_str()).field("permissions", texts(&role.permissions))
}

/// A role, as entries tell it.
fn of_role(it: &Role) -> Value {
    json!({ "name": it.name, "description": it.description, "permissions": texts(&it.permissions) })
}

fn texts(permissions: &[Permission]) -> String {
    permissions.iter().map(|it| it.text()).collect::<Vec<_>>().join(" ")
}
