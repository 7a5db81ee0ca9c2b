//! Keys of a tenant, rotated: a new version wraps what comes, and what is there is wrapped anew.

use crate::App;
use crate::audit_trail::entry;
use crate::descarga::transition::Moment;
use crate::error::AppResult;
use fedatario_base::Scope;
use fedatario_base::id::TenantId;
use fedatario_vault::RotationPlan;

/// Where a tenant's keys stand.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct KeyStatus {
    /// Credentials whose data key an older version wraps.
    pub behind: u64,
    /// The version that was made, when one was.
    pub made: Option<u32>,
    /// Data keys that were wrapped anew.
    pub moved: u64,
}

/// How far a rotation has come.
pub async fn status(app: &App, scope: &Scope) -> AppResult<KeyStatus> {
    Ok(KeyStatus { behind: app.vault.credentials_behind(scope).await?, made: None, moved: 0 })
}

/// Ends what an earlier life began, or an older version left: whatever is not under the current key for
/// credentials is moved there. Nothing is made, and nothing is written where nothing is behind.
pub async fn settle(app: &App, tenant: TenantId) -> AppResult<u64> {
    let scope = Scope::system(tenant);
    if app.vault.credentials_behind(&scope).await? == 0 {
        return Ok(0);
    }
    Ok(rewrapped(app, &scope, None).await?.moved)
}

/// What a rotation would do now. Nothing is written.
pub async fn plan(app: &App, scope: &Scope) -> AppResult<RotationPlan> {
    Ok(app.vault.plan_tenant_key(scope).await?)
}

/// Makes the next version of the tenant's key and wraps every data key under it. Ended half-way it
/// is taken up again by the next call: with anything behind, no further version is made.
pub async fn rotate_tenant(app: &App, scope: &Scope) -> AppResult<KeyStatus> {
    let resumed = app.vault.credentials_behind(scope).await? > 0;
    let made = if resumed { None } else { Some(app.vault.rotate_tenant_key(scope).await?) };
    rewrapped(app, scope, made).await
}

async fn rewrapped(app: &App, scope: &Scope, made: Option<u32>) -> AppResult<KeyStatus> {
    let mut moved = 0;
    loop {
        let progress = app.vault.rewrap_data_keys(scope).await?;
        moved += progress.moved;
        if progress.behind == 0 || progress.moved == 0 {
            let status = KeyStatus { behind: progress.behind, made, moved };
            if made.is_some() || moved > 0 {
                told(app, scope, &status).await?;
            }
            return Ok(status);
        }
    }
}

async fn told(app: &App, scope: &Scope, status: &KeyStatus) -> AppResult<()> {
    let now = Moment::now(app, scope);
    let mut tx = app.store.begin(scope).await?;
    let event = entry(&now, "vault.tenant_key", &scope.tenant().to_string(), "rotated");
    tx.append(event.field("moved", status.moved).field("behind", status.behind), None).await?;
    Ok(tx.commit().await?)
}
