//! `tenants …`: the organisations that one installation works for, from their first day to their last.

use crate::cli::{Globals, Tenant};
use crate::failure::Failure;
use crate::house::{House, Opening, Premises, user};
use crate::present::Screen;
use fedatario_app::identity::organisations::EXPORT_FAILED;
use fedatario_app::identity::people::{People, Steward};
use fedatario_app::identity::tenancy;
use fedatario_base::Code;
use fedatario_base::code::Exit;
use fedatario_base::id::TenantId;
use serde_json::{Value, json};
use std::io::Write;
use std::path::Path;

/// Organisations read at once.
const PAGE: u32 = 200;

/// Runs one of the commands.
pub async fn run(globals: &Globals, command: Tenant, screen: &Screen) -> Result<Exit, Failure> {
    let opening = if matches!(command, Tenant::Add { .. }) { Opening::making() } else { Opening::existing() };
    if let Tenant::Export { name, output } = &command {
        return export(&Premises::open(globals, opening).await?.of(Some(name)).await?, output, screen).await;
    }
    let premises = Premises::open(globals, opening).await?;
    let (people, by) = (premises.people(), Steward::shell(user()));
    let of = async |name: &str| Ok::<TenantId, Failure>(people.organisation(&by, name).await?.id);
    let changed = match &command {
        Tenant::Add { name } => return add(&people, &by, name, screen).await,
        Tenant::List => return list(&people, &by, screen).await,
        Tenant::Export { .. } => return Err(Failure::internal("an export goes its own way")),
        Tenant::Suspend { name, reason } => people.suspend(&by, of(name).await?, reason).await?,
        Tenant::Resume { name } => people.resume(&by, of(name).await?).await?,
        Tenant::Hold { name, reason } => people.hold(&by, of(name).await?, reason).await?,
        Tenant::Release { name } => people.release(&by, of(name).await?).await?,
        Tenant::Delete { name, reason } => people.ask_deletion_of(&by, of(name).await?, reason).await?,
        Tenant::ConfirmDelete { name } => people.confirm_deletion_of(&by, of(name).await?).await?,
        Tenant::CancelDelete { name } => people.cancel_deletion_of(&by, of(name).await?).await?,
    };
    tell(&people, &by, &changed, screen).await?;
    screen.result(&view(&people, &by, &changed).await?);
    Ok(Exit::Good)
}

/// Adding it again changes nothing.
async fn add(people: &People, by: &Steward, name: &str, screen: &Screen) -> Result<Exit, Failure> {
    let (tenant, changed) = match people.add_organisation(by, name).await {
        Ok(tenant) => (tenant, true),
        Err(error) if error.code() == Code::TenantExists => (people.organisation(by, name.trim()).await?, false),
        // A name that is none is a mistake of whoever typed it.
        Err(error) if error.code() == Code::TenantName => return Err(Failure::new(Code::Usage, error.to_string())),
        Err(error) => return Err(error.into()),
    };
    let key = if changed { "cli-tenant-added" } else { "cli-tenant-there" };
    screen.say(key, &[("name", tenant.name.clone()), ("id", tenant.id.to_string())]);
    screen.result(&json!({ "id": tenant.id.to_string(), "name": tenant.name, "changed": changed }));
    Ok(Exit::Good)
}

async fn list(people: &People, by: &Steward, screen: &Screen) -> Result<Exit, Failure> {
    let (mut all, mut after) = (Vec::<Value>::new(), None);
    loop {
        let page = people.organisations(by, after, PAGE).await?;
        for tenant in &page {
            tell(people, by, tenant, screen).await?;
            all.push(view(people, by, tenant).await?);
        }
        after = page.last().map(|it| it.id);
        if page.len() < PAGE as usize {
            screen.result(&json!({ "tenants": all }));
            return Ok(Exit::Good);
        }
    }
}

async fn worlds(people: &People, by: &Steward, id: TenantId) -> Result<String, Failure> {
    let worlds = people.worlds(by, id).await?;
    Ok(worlds.iter().map(|(world, count)| format!("{world} {count}")).collect::<Vec<_>>().join(", "))
}

async fn tell(people: &People, by: &Steward, it: &tenancy::Tenant, screen: &Screen) -> Result<(), Failure> {
    let state = screen.word("tenant", it.state.text());
    screen.print(&format!("{} {} {state} {}", it.id, it.name, worlds(people, by, it.id).await?));
    if let Some(leaving) = &it.leaving {
        let confirmed = leaving.confirmed_by.clone().unwrap_or_else(|| "–".to_owned());
        let day = [("by", leaving.by.clone()), ("confirmed", confirmed), ("at", leaving.at.to_string())];
        screen.say("cli-tenant-leaving", &day);
    }
    Ok(())
}

async fn view(people: &People, by: &Steward, it: &tenancy::Tenant) -> Result<Value, Failure> {
    let worlds = people.worlds(by, it.id).await?;
    let worlds: Vec<Value> = worlds.into_iter().map(|(world, count)| json!({ "environment": world, "taxpayers": count })).collect();
    let deletion =
        it.leaving.as_ref().map(|it| json!({ "asked_by": it.by, "confirmed_by": it.confirmed_by, "at": it.at.to_string() }));
    Ok(json!({
        "id": it.id.to_string(),
        "name": it.name,
        "state": it.state.text(),
        "reason": it.reason,
        "environments": worlds,
        "deletion": deletion,
        "legal_hold": it.legal_hold,
    }))
}

/// Everything into a folder that is not there yet: rows as NDJSON, objects as they lie. The rows' last
/// line says how many came; without it the copy is not whole.
async fn export(house: &House, output: &Path, screen: &Screen) -> Result<Exit, Failure> {
    let failed = |error: std::io::Error| Failure::file(output, &error);
    std::fs::create_dir(output).map_err(failed)?;
    let people = house.people();
    let mut rows = people.export_data(&house.scope).await?;
    let mut file = std::io::BufWriter::new(std::fs::File::create_new(output.join("rows.ndjson")).map_err(failed)?);
    let mut count = 0_u64;
    while let Some((table, row)) = rows.recv().await {
        if table == EXPORT_FAILED {
            return Err(Failure::new(Code::OutputFailed, "the database broke the export off"));
        }
        writeln!(file, "{{\"table\":\"{table}\",\"row\":{row}}}").map_err(failed)?;
        count += 1;
    }
    writeln!(file, "{{\"rows\":{count}}}").and_then(|()| file.flush()).map_err(failed)?;
    let objects = people.objects(&house.scope).await?;
    for path in &objects {
        let target = output.join("objects").join(path);
        std::fs::create_dir_all(target.parent().unwrap_or(output)).map_err(failed)?;
        let mut from = house.app.blobs.open(path).await?;
        let copied = tokio::task::block_in_place(|| {
            let mut to = std::fs::File::create_new(target)?;
            std::io::copy(&mut from, &mut to)
        });
        copied.map_err(failed)?;
    }
    let told = [("rows", count.to_string()), ("objects", objects.len().to_string()), ("dir", output.display().to_string())];
    screen.say("cli-tenant-exported", &told);
    screen.result(&json!({ "rows": count, "objects": objects.len(), "output": output.display().to_string() }));
    Ok(Exit::Good)
}
