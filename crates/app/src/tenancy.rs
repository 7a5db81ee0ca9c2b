//! Which tenant the local shell acts for.

use crate::error::{AppError, AppResult};
use crate::ports::System;
use fedatario_base::id::TenantId;
use fedatario_base::{Clock, Scope, SystemScope};

/// The tenant made on first use when nobody named one.
pub const LOCAL_TENANT: &str = "local";

/// A scope for the shell of user `uid`: of the tenant named, else of the only one, which is made
/// on first use. Several and none named is `tenant_required`.
pub async fn shell_scope(
    system: &dyn System,
    hands: &SystemScope,
    clock: &dyn Clock,
    named: Option<&str>,
    uid: u32,
) -> AppResult<Scope> {
    let tenants = system.tenants(hands).await?;
    let id = match (named, tenants.as_slice()) {
        (Some(name), all) => named_tenant(all, name)?,
        (None, []) => make_local(system, hands, clock).await?,
        (None, [(only, _)]) => *only,
        (None, all) => {
            let names: Vec<&str> = all.iter().map(|(_, name)| name.as_str()).collect();
            return Err(AppError::TenantRequired(names.join(", ")));
        }
    };
    Ok(Scope::shell(id, uid))
}

fn named_tenant(all: &[(TenantId, String)], name: &str) -> AppResult<TenantId> {
    let found = all.iter().find(|(id, its)| its == name || id.to_string() == name);
    found.map(|(id, _)| *id).ok_or_else(|| AppError::NotFound(format!("tenant {name}")))
}

/// Two processes may both be the first: whoever comes second finds the other's tenant.
async fn make_local(system: &dyn System, hands: &SystemScope, clock: &dyn Clock) -> AppResult<TenantId> {
    let now = clock.wall();
    let fresh = TenantId::fresh(now);
    match system.add_tenant(hands, fresh, LOCAL_TENANT, now).await {
        Ok(()) => Ok(fresh),
        Err(crate::ports::StoreError::Conflict(_)) => named_tenant(&system.tenants(hands).await?, LOCAL_TENANT),
        Err(error) => Err(error.into()),
    }
}
