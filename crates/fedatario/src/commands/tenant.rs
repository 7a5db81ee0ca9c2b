//! `tenant …`: the organisations that one installation works for.

use crate::cli::{Globals, Tenant};
use crate::failure::Failure;
use crate::house::{Opening, Premises, user};
use crate::present::Screen;
use fedatario_app::audit_trail;
use fedatario_app::descarga::transition::Moment;
use fedatario_app::ports::{StoreError, System};
use fedatario_base::code::Exit;
use fedatario_base::id::TenantId;
use fedatario_base::{Code, Scope};
use serde_json::{Value, json};

/// Bytes of an organisation's name: it stands in lists and in messages.
const NAME_BYTES_AT_MOST: usize = 128;

/// Runs one of the commands.
pub async fn run(globals: &Globals, command: Tenant, screen: &Screen) -> Result<Exit, Failure> {
    match command {
        Tenant::Add { name } => add(globals, &named(&name)?, screen).await,
        Tenant::List => list(globals, screen).await,
    }
}

/// A name that can be told from an id and printed on a line.
fn named(name: &str) -> Result<String, Failure> {
    let name = name.trim();
    let good = !name.is_empty() && name.len() <= NAME_BYTES_AT_MOST && !name.chars().any(char::is_control);
    if good && name.parse::<TenantId>().is_err() {
        return Ok(name.to_owned());
    }
    Err(Failure::new(Code::Usage, format!("{name:?} is no name: 1 to {NAME_BYTES_AT_MOST} printable bytes that are no id")))
}

/// Adding it again changes nothing.
async fn add(globals: &Globals, name: &str, screen: &Screen) -> Result<Exit, Failure> {
    let premises = Premises::open(globals, Opening::making()).await?;
    let (now, fresh) = (premises.app.clock.wall(), TenantId::fresh(premises.app.clock.wall()));
    let changed = match premises.db.add_tenant(&premises.hands, fresh, name, now).await {
        Ok(()) => true,
        Err(StoreError::Conflict(_)) => false,
        Err(error) => return Err(error.into()),
    };
    let tenants = premises.db.tenants(&premises.hands).await?;
    let (id, _) = tenants.iter().find(|(_, its)| its == name).ok_or_else(|| Failure::internal("a tenant without a row"))?;
    if changed {
        tell(&premises, *id).await?;
    }
    let key = if changed { "cli-tenant-added" } else { "cli-tenant-there" };
    screen.say(key, &[("name", name.to_owned()), ("id", id.to_string())]);
    screen.result(&json!({ "id": id.to_string(), "name": name, "changed": changed }));
    Ok(Exit::Good)
}

/// A chain begins with who made it.
async fn tell(premises: &Premises, id: TenantId) -> Result<(), Failure> {
    let scope = Scope::shell(id, user());
    let now = Moment::now(&premises.app, &scope);
    let mut tx = premises.app.store.begin(&scope).await?;
    tx.append(audit_trail::entry(&now, "tenant", &id.to_string(), "added"), None).await?;
    Ok(tx.commit().await?)
}

async fn list(globals: &Globals, screen: &Screen) -> Result<Exit, Failure> {
    let premises = Premises::open(globals, Opening::existing()).await?;
    let tenants = premises.db.tenants(&premises.hands).await?;
    for (id, name) in &tenants {
        screen.print(&format!("{id} {name}"));
    }
    let all: Vec<Value> = tenants.iter().map(|(id, name)| json!({ "id": id.to_string(), "name": name })).collect();
    screen.result(&json!({ "tenants": all }));
    Ok(Exit::Good)
}
