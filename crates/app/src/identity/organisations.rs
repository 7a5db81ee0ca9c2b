//! Organisations: added, suspended, resumed, held, and in the end taken away.
//!
//! Everything here is told in two chains: the organisation's own and the platform's. A deletion takes
//! two persons and thirty days: it is asked for, confirmed by somebody else, which closes the door at
//! once, and carried out when its day has come, unless something says that nothing may be destroyed.

use super::letters::told;
use super::people::{People, Steward, event, held, printable, refusal, require};
use super::ports::Chain;
use super::service::NO_TENANT;
use super::tenancy::{Departure, Tenant, TenantState};
use super::tenancy_ports::PeopleTx;
use super::tenancy_ports::{Census, ExportedRow};
use crate::called::Pen;
use crate::descarga::layout;
use crate::error::{AppError, AppResult};
use crate::mail::MailKind;
use crate::model::NewJob;
use crate::ports::StoreError;
use fedatario_audit::Event;
use fedatario_base::id::TenantId;
use fedatario_base::{Actor, Code, Permission, Scope};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use tokio::sync::mpsc;

/// How long a deletion can be called off.
pub const LEAVING_FOR: SignedDuration = SignedDuration::from_hours(30 * 24);
/// Bytes of an organisation's name: it stands in lists and in messages.
pub const NAME_BYTES_AT_MOST: usize = 128;
/// Bytes of a reason.
const REASON_BYTES_AT_MOST: usize = 512;
/// Organisations that one look of the clockwork takes away.
const SWEPT_AT_MOST: u32 = 8;
/// Rows on their way to whoever takes an organisation's data away.
const ROWS_AHEAD: usize = 256;

/// What is done to an organisation's standing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Move {
    Suspend,
    Resume,
    Hold,
    Release,
    Leave,
    Confirm,
    Stay,
}

impl Move {
    fn action(self) -> &'static str {
        match self {
            Move::Suspend => "tenant.suspended",
            Move::Resume => "tenant.resumed",
            Move::Hold => "tenant.held",
            Move::Release => "tenant.released",
            Move::Leave => "tenant.deletion_asked",
            Move::Confirm => "tenant.deletion_confirmed",
            Move::Stay => "tenant.deletion_cancelled",
        }
    }
}

impl People {
    /// Those after one, in order of id.
    pub async fn organisations(&self, by: &Steward, after: Option<TenantId>, limit: u32) -> AppResult<Vec<Tenant>> {
        by.require(Permission::PlatformTenantRead)?;
        Ok(self.read(by.actor()).await?.tenants(after, limit).await?)
    }

    /// One, by id or by name.
    pub async fn organisation(&self, by: &Steward, named: &str) -> AppResult<Tenant> {
        by.require(Permission::PlatformTenantRead)?;
        let mut tx = self.read(by.actor()).await?;
        let found = match named.parse::<TenantId>() {
            Ok(id) => tx.tenant(id).await?,
            Err(_) => tx.tenant_named(named).await?,
        };
        found.ok_or_else(|| AppError::NotFound(named.to_owned()))
    }

    /// The tenant of a scope, as its members see it, and the worlds of its taxpayers.
    pub async fn own_organisation(&self, scope: &Scope) -> AppResult<(Tenant, Vec<(String, u64)>)> {
        let mut tx = self.read(scope.actor()).await?;
        let tenant = tx.tenant(scope.tenant()).await?.ok_or_else(|| AppError::NotFound(scope.tenant().to_string()))?;
        let worlds = tx.worlds(tenant.id).await?;
        Ok((tenant, worlds))
    }

    /// In which worlds the taxpayers of an organisation are, with how many.
    pub async fn worlds(&self, by: &Steward, id: TenantId) -> AppResult<Vec<(String, u64)>> {
        by.require(Permission::PlatformTenantRead)?;
        Ok(self.read(by.actor()).await?.worlds(id).await?)
    }

    /// How many people, organisations and keys there are.
    pub async fn census(&self, by: &Steward) -> AppResult<Census> {
        by.require(Permission::PlatformMetricsRead)?;
        Ok(self.read(by.actor()).await?.census().await?)
    }

    /// Adds one.
    pub async fn add_organisation(&self, by: &Steward, name: &str) -> AppResult<Tenant> {
        by.require(Permission::PlatformTenantWrite)?;
        let name = organisation_name(name)?;
        let now = self.now();
        let id = TenantId::fresh(now);
        // The organisation has no key yet, and its own chain begins without values.
        let pens = Pens { own: None, platform: self.pen(NO_TENANT).await? };
        let mut tx = self.begin(by.actor()).await?;
        match tx.add_tenant(id, &name, now).await {
            Err(StoreError::Conflict(_)) => return Err(refusal(Code::TenantExists, "there is an organisation of this name")),
            done => done?,
        }
        let tenant = held(tx.as_mut(), id).await?;
        let (entry, after) = (event(by.actor(), now, "tenant.added", id), of_tenant(&tenant));
        pens.tell(tx.as_mut(), id, entry, Value::Null, after).await?;
        tx.commit().await?;
        Ok(tenant)
    }

    /// Gives it another name.
    pub async fn rename_organisation(&self, by: &Steward, id: TenantId, name: &str) -> AppResult<Tenant> {
        by.require(Permission::PlatformTenantWrite)?;
        let name = organisation_name(name)?;
        let now = self.now();
        let pens = self.pens(by.actor(), id).await?;
        let mut tx = self.begin(by.actor()).await?;
        let mut tenant = held(tx.as_mut(), id).await?;
        if tenant.state == TenantState::Gone {
            return Err(wrong_state(&tenant));
        }
        let before = of_tenant(&tenant);
        tenant.name = name;
        match tx.update_tenant(&tenant).await {
            Err(StoreError::Conflict(_)) => return Err(refusal(Code::TenantExists, "there is an organisation of this name")),
            done => done?,
        }
        pens.tell(tx.as_mut(), id, event(by.actor(), now, "tenant.renamed", id), before, of_tenant(&tenant)).await?;
        tx.commit().await?;
        tenant.revision += 1;
        Ok(tenant)
    }

    /// From now on nobody comes in and no job runs.
    pub async fn suspend(&self, by: &Steward, id: TenantId, reason: &str) -> AppResult<Tenant> {
        by.require(Permission::PlatformTenantSuspend)?;
        self.move_it(by.actor(), id, Move::Suspend, Some(reason)).await
    }

    /// It works again.
    pub async fn resume(&self, by: &Steward, id: TenantId) -> AppResult<Tenant> {
        by.require(Permission::PlatformTenantSuspend)?;
        self.move_it(by.actor(), id, Move::Resume, None).await
    }

    /// Nothing of it may be destroyed, for this reason.
    pub async fn hold(&self, by: &Steward, id: TenantId, reason: &str) -> AppResult<Tenant> {
        by.require(Permission::PlatformTenantSuspend)?;
        self.move_it(by.actor(), id, Move::Hold, Some(reason)).await
    }

    /// That reason is over.
    pub async fn release(&self, by: &Steward, id: TenantId) -> AppResult<Tenant> {
        by.require(Permission::PlatformTenantSuspend)?;
        self.move_it(by.actor(), id, Move::Release, None).await
    }

    /// Asks for the deletion of all of it: by one of its own, who may.
    pub async fn ask_deletion(&self, scope: &Scope, reason: &str) -> AppResult<Tenant> {
        require(scope, Permission::DataDelete)?;
        self.move_it(scope.actor(), scope.tenant(), Move::Leave, Some(reason)).await
    }

    /// Confirms it: by another one of its own.
    pub async fn confirm_deletion(&self, scope: &Scope) -> AppResult<Tenant> {
        require(scope, Permission::DataDelete)?;
        self.move_it(scope.actor(), scope.tenant(), Move::Confirm, None).await
    }

    /// Calls it off.
    pub async fn cancel_deletion(&self, scope: &Scope) -> AppResult<Tenant> {
        require(scope, Permission::DataDelete)?;
        self.move_it(scope.actor(), scope.tenant(), Move::Stay, None).await
    }

    /// The same three, by whoever keeps the installation: once it is confirmed, its own people are out.
    pub async fn ask_deletion_of(&self, by: &Steward, id: TenantId, reason: &str) -> AppResult<Tenant> {
        by.require(Permission::PlatformTenantSuspend)?;
        self.move_it(by.actor(), id, Move::Leave, Some(reason)).await
    }

    /// Confirms a deletion that somebody else asked for.
    pub async fn confirm_deletion_of(&self, by: &Steward, id: TenantId) -> AppResult<Tenant> {
        by.require(Permission::PlatformTenantSuspend)?;
        self.move_it(by.actor(), id, Move::Confirm, None).await
    }

    /// Calls a deletion off.
    pub async fn cancel_deletion_of(&self, by: &Steward, id: TenantId) -> AppResult<Tenant> {
        by.require(Permission::PlatformTenantSuspend)?;
        self.move_it(by.actor(), id, Move::Stay, None).await
    }

    async fn move_it(&self, actor: &Actor, id: TenantId, which: Move, reason: Option<&str>) -> AppResult<Tenant> {
        let now = self.now();
        let reason = reason.map(worded).transpose()?;
        let letters = self.move_letters(actor, id, which, now).await?;
        let pens = self.pens(actor, id).await?;
        let mut tx = self.begin(actor).await?;
        let mut tenant = held(tx.as_mut(), id).await?;
        let before = of_tenant(&tenant);
        moved(&mut tenant, which, actor, reason.clone(), now)?;
        tx.update_tenant(&tenant).await?;
        self.post(tx.as_mut(), id, &letters).await?;
        let mut entry = event(actor, now, which.action(), id);
        if let Some(reason) = &reason {
            // The words may name people; their digest shows later that they were not changed.
            entry = entry.digest("reason", &crate::audit_trail::sha256(reason.as_bytes()));
        }
        pens.tell(tx.as_mut(), id, entry, before, of_tenant(&tenant)).await?;
        tx.commit().await?;
        tenant.revision += 1;
        Ok(tenant)
    }

    /// What whoever rules an organisation is told when its doors close, or when it is to go.
    async fn move_letters(&self, actor: &Actor, id: TenantId, which: Move, now: Timestamp) -> AppResult<Vec<NewJob>> {
        let (kind, when) = match which {
            Move::Suspend => (MailKind::TenantSuspended, ("at", told(now))),
            Move::Leave | Move::Confirm => (MailKind::TenantDeletion, ("until", told(now + LEAVING_FOR))),
            Move::Resume | Move::Hold | Move::Release | Move::Stay => return Ok(Vec::new()),
        };
        let mut tx = self.read(actor).await?;
        let (organisation, by) = (self.name_of(tx.as_mut(), id).await?, self.by(tx.as_mut(), actor).await?);
        let to = self.administrators(tx.as_mut(), id).await?;
        drop(tx); // Sealing a mail may write.
        let fields = |language| vec![("organisation", organisation.clone()), ("by", by.words(language)), when.clone()];
        self.letters(id, kind, &to, fields).await
    }

    /// All rows of the tenant, as JSON, table by table; told in its chain before the first leaves.
    pub async fn export_data(&self, scope: &Scope) -> AppResult<mpsc::Receiver<ExportedRow>> {
        require(scope, Permission::DataExport)?;
        let mut tx = self.begin(scope.actor()).await?;
        let entry = event(scope.actor(), self.now(), "tenant.data_exported", scope.tenant());
        super::people::tell(tx.as_mut(), scope.tenant(), entry).await?;
        tx.commit().await?;
        let (to, from) = mpsc::channel(ROWS_AHEAD);
        let (estate, scope) = (self.estate.clone(), scope.clone());
        tokio::spawn(async move {
            if let Err(error) = estate.export(&scope, to.clone()).await {
                tracing::error!(%error, tenant_id = %scope.tenant(), "an export of all data ended early");
                let told = serde_json::json!({ "error": error.code().slug() });
                let _ = to.send((EXPORT_FAILED.to_owned(), told.to_string())).await;
            }
        });
        Ok(from)
    }

    /// Paths of the objects of the tenant.
    pub async fn objects(&self, scope: &Scope) -> AppResult<Vec<String>> {
        require(scope, Permission::DataExport)?;
        Ok(self.app.blobs.list(&layout::tenant(scope.tenant())).await?)
    }

    /// Destroys what is due: objects first, then rows and keys. What fails is told and tried again by the
    /// next look; how many organisations went.
    pub async fn sweep_leaving(&self) -> AppResult<u64> {
        let now = self.now();
        let due = self.read(&Actor::System).await?.tenants_due(now, SWEPT_AT_MOST).await?;
        let mut gone = 0;
        for tenant in due {
            match self.destroy(&tenant, now).await {
                Ok(rows) => {
                    tracing::warn!(tenant_id = %tenant.id, rows, "an organisation's data was destroyed");
                    gone += 1;
                }
                Err(error) => tracing::error!(tenant_id = %tenant.id, %error, "an organisation's data could not be destroyed"),
            }
        }
        Ok(gone)
    }

    async fn destroy(&self, tenant: &Tenant, now: Timestamp) -> AppResult<u64> {
        let folder = layout::tenant(tenant.id);
        for path in self.app.blobs.list(&folder).await? {
            self.app.blobs.delete(&path).await?;
        }
        let mut entry = event(&Actor::System, now, "tenant.destroyed", tenant.id);
        if let Some(leaving) = &tenant.leaving {
            entry = entry.field("asked_by", leaving.by.as_str());
            entry = entry.field("confirmed_by", leaving.confirmed_by.clone().unwrap_or_default());
        }
        Ok(self.estate.destroy(&Scope::system(tenant.id), now, entry).await?)
    }
}

/// The name of a table that is none: the export broke off, and what came is not all.
pub const EXPORT_FAILED: &str = "!failed";

/// One move of the table of states; every other is refused.
fn moved(tenant: &mut Tenant, which: Move, actor: &Actor, reason: Option<String>, now: Timestamp) -> AppResult<()> {
    use TenantState::*;
    match (which, tenant.state) {
        (Move::Suspend, Active) => (tenant.state, tenant.reason) = (Suspended, reason),
        (Move::Resume, Suspended) => (tenant.state, tenant.reason) = (Active, None),
        (Move::Hold, Active | Suspended | Leaving) => tenant.legal_hold = reason,
        (Move::Release, Active | Suspended | Leaving) if tenant.legal_hold.is_some() => tenant.legal_hold = None,
        (Move::Leave, Active | Suspended) if tenant.leaving.is_none() => {
            destructible(tenant)?;
            tenant.leaving = Some(Departure { by: actor.to_string(), confirmed_by: None, at: now + LEAVING_FOR });
            tenant.reason = reason;
        }
        (Move::Confirm, Active | Suspended) => confirm(tenant, actor, now)?,
        (Move::Stay, Leaving) => (tenant.state, tenant.leaving, tenant.reason) = (Active, None, None),
        (Move::Stay, Active | Suspended) if tenant.leaving.is_some() => (tenant.leaving, tenant.reason) = (None, None),
        _ => return Err(wrong_state(tenant)),
    }
    tenant.changed = now;
    Ok(())
}

fn destructible(tenant: &Tenant) -> AppResult<()> {
    match &tenant.legal_hold {
        Some(_) => Err(refusal(Code::LegalHold, "something says that nothing of it may be destroyed")),
        None => Ok(()),
    }
}

/// From here on nobody comes in, and the days are counted.
fn confirm(tenant: &mut Tenant, actor: &Actor, now: Timestamp) -> AppResult<()> {
    destructible(tenant)?;
    let Some(leaving) = tenant.leaving.as_mut() else { return Err(wrong_state(tenant)) };
    if leaving.by == actor.to_string() {
        return Err(refusal(Code::SecondPerson, "whoever asked for it does not confirm it"));
    }
    leaving.confirmed_by = Some(actor.to_string());
    leaving.at = now + LEAVING_FOR;
    tenant.state = TenantState::Leaving;
    Ok(())
}

fn wrong_state(tenant: &Tenant) -> AppError {
    refusal(Code::TenantState, format!("the organisation is {}", tenant.state))
}

fn worded(reason: &str) -> AppResult<String> {
    printable(reason, REASON_BYTES_AT_MOST).ok_or_else(|| refusal(Code::ReasonRequired, "a reason of 1 to 512 printable bytes"))
}

/// A name that can be told from an id and printed on a line.
fn organisation_name(name: &str) -> AppResult<String> {
    let good = printable(name, NAME_BYTES_AT_MOST).filter(|it| it.parse::<TenantId>().is_err());
    good.ok_or_else(|| refusal(Code::TenantName, "a name is 1 to 128 printable bytes that are no id"))
}

/// What seals the values of an organisation that changes, for its own chain and the installation's.
struct Pens {
    own: Option<Pen>,
    platform: Pen,
}

impl People {
    /// Before the transaction. Somebody else's id is not found; whoever is gone keeps no values.
    async fn pens(&self, actor: &Actor, id: TenantId) -> AppResult<Pens> {
        let found = self.read(actor).await?.tenant(id).await?.ok_or_else(|| AppError::NotFound(id.to_string()))?;
        let own = if found.state == TenantState::Gone { None } else { Some(self.pen(id).await?) };
        Ok(Pens { own, platform: self.pen(NO_TENANT).await? })
    }
}

impl Pens {
    async fn tell(&self, tx: &mut dyn PeopleTx, id: TenantId, event: Event, before: Value, after: Value) -> AppResult<()> {
        for (chain, pen) in [(Chain::Tenant(id), self.own.as_ref()), (Chain::Platform, Some(&self.platform))] {
            let (event, detail) = match pen {
                Some(pen) => pen.change(event.clone(), &before, &after)?,
                None => (event.clone(), None),
            };
            tx.append(chain, event, detail).await?;
        }
        Ok(())
    }
}

/// An organisation, as entries tell it.
fn of_tenant(it: &Tenant) -> Value {
    json!({
        "name": it.name, "state": it.state.text(), "reason": it.reason, "legal_hold": it.legal_hold,
        "leaving": it.leaving.as_ref().map(|it| json!({
            "asked_by": it.by, "confirmed_by": it.confirmed_by, "at": it.at.to_string(),
        })),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use TenantState::*;

    fn tenant(state: TenantState) -> Tenant {
        let leaving = Departure { by: "os:1".to_owned(), confirmed_by: None, at: Timestamp::UNIX_EPOCH };
        Tenant {
            id: TenantId::fresh(Timestamp::UNIX_EPOCH),
            name: "x".to_owned(),
            state,
            reason: None,
            created: Timestamp::UNIX_EPOCH,
            changed: Timestamp::UNIX_EPOCH,
            leaving: (state == Leaving).then_some(leaving),
            legal_hold: None,
            second_factor: crate::identity::model::SecondFactor::Roles,
            revision: 0,
        }
    }

    #[test]
    fn moves_of_every_state() {
        let table: &[(TenantState, &[Move])] = &[
            (Active, &[Move::Suspend, Move::Hold, Move::Leave]),
            (Suspended, &[Move::Resume, Move::Hold, Move::Leave]),
            (Leaving, &[Move::Hold, Move::Stay]),
            (Gone, &[]),
        ];
        for (state, may) in table {
            for which in [Move::Suspend, Move::Resume, Move::Hold, Move::Release, Move::Leave, Move::Confirm, Move::Stay] {
                let mut it = tenant(*state);
                let done = moved(&mut it, which, &Actor::Os(2), Some("why".to_owned()), Timestamp::UNIX_EPOCH);
                assert_eq!(done.is_ok(), may.contains(&which), "{which:?} of one that is {state}");
            }
        }
        fedatario_testkit::covers!("tenants: each state allows its moves and no others");
    }

    #[test]
    fn a_deletion_takes_two_persons_and_no_hold() {
        let (now, why) = (Timestamp::UNIX_EPOCH, Some("why".to_owned()));
        let mut it = tenant(Active);
        moved(&mut it, Move::Leave, &Actor::Os(1), why.clone(), now).unwrap();
        assert_eq!(it.state, Active, "asked for is not decided");
        let same = moved(&mut it, Move::Confirm, &Actor::Os(1), None, now).unwrap_err();
        assert_eq!(same.code(), Code::SecondPerson);
        moved(&mut it, Move::Hold, &Actor::Os(2), why, now).unwrap();
        let held = moved(&mut it, Move::Confirm, &Actor::Os(2), None, now).unwrap_err();
        assert_eq!(held.code(), Code::LegalHold);
        moved(&mut it, Move::Release, &Actor::Os(2), None, now).unwrap();
        moved(&mut it, Move::Confirm, &Actor::Os(2), None, now).unwrap();
        assert_eq!((it.state, it.leaving.as_ref().unwrap().at), (Leaving, now + LEAVING_FOR));
        let again = moved(&mut it, Move::Confirm, &Actor::Os(3), None, now).unwrap_err();
        assert_eq!(again.code(), Code::TenantState);
        moved(&mut it, Move::Stay, &Actor::Os(1), None, now).unwrap();
        assert_eq!((it.state, it.leaving), (Active, None));
        fedatario_testkit::covers!("tenants: a deletion is confirmed by a second person, and never under a legal hold");
    }
}
