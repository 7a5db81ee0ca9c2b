//! Asking SAT for a window, once.
//!
//! A request that might have reached SAT is never sent again as it was. Before sending, the attempt
//! that an earlier life of this job may have left is looked up: answered (the answer is taken),
//! open (*uncertain*: the window is widened and asked anew), or none.

use super::handlers::{self, Gates};
use super::transition::{self, Moment, end, end_and_widen, note_codes, step};
use super::verify;
use crate::App;
use crate::audit_trail::entry;
use crate::error::{AppError, AppResult};
use crate::hooks;
use crate::jobs::JobFailure;
use crate::model::*;
use crate::ports::{CallError, LeaseProof, Recalled, SatAccount, SatAsked, SatRequest, Tx};
use fedatario_base::Scope;
use fedatario_base::id::{CredentialId, SolicitudId};
use fedatario_fiscal::mx::sat_codes::{self, Operation, Reaction, TRIES_BEFORE_BLOCK};
use std::time::Duration;

/// The delay before the n-th of those tries, in polling units (half an hour at SAT's pace).
const REFUSED_CERTIFICATE_DELAY_UNITS: u32 = 30;

/// The job `sat.ask`.
pub async fn ask(app: &App, gates: &Gates, scope: &Scope, id: SolicitudId, lease: LeaseProof) -> Result<(), JobFailure> {
    let seen = app.store.read(scope).await?.solicitud(id).await?.ok_or_else(|| AppError::NotFound(id.to_string()))?;
    // What our own metadata shows to be too much is divided without spending a request on the refusal.
    let parts = match seen.state {
        SolicitudState::Planned => super::counts::parts_of(app, scope, &seen).await?,
        _ => None,
    };
    let _gate = gates.pass(seen.taxpayer).await;
    let mut tx = app.store.begin(scope).await?;
    let found = tx.solicitud(id).await?;
    let Some(mut s) = found.filter(|it| matches!(it.state, SolicitudState::Planned | SolicitudState::Asked)) else {
        tx.finish_job(lease).await?;
        return Ok(tx.commit().await?);
    };
    if let (SolicitudState::Planned, Some(parts)) = (s.state, parts) {
        transition::split(tx.as_mut(), &Moment::now(app, scope), &mut s, Some(parts)).await?;
        tx.finish_job(lease).await?;
        return Ok(tx.commit().await?);
    }
    let account = match transition::account(tx.as_mut(), scope, &s).await {
        Ok(account) => account,
        Err(AppError::CredentialBlocked { reason, .. }) => return Ok(transition::block(app, scope, tx, s, lease, &reason).await?),
        Err(error) => return Err(error.into()),
    };
    step(tx.as_mut(), &Moment::now(app, scope), &mut s, SolicitudState::Asked).await?;
    tx.commit().await?;
    match answer(app, &account, &s, lease).await? {
        Some(asked) => settle(app, scope, account.credential, s, asked, lease).await,
        None => Ok(uncertain(app, scope, s, lease).await?),
    }
}

/// SAT's answer, of an earlier life or of now; `None` when nobody knows.
async fn answer(app: &App, account: &SatAccount, s: &Solicitud, lease: LeaseProof) -> Result<Option<SatAsked>, JobFailure> {
    match app.sat.recall_ask(account, s.id, Some(lease)).await.map_err(AppError::from)? {
        // A certificate that was refused for a passing reason is tried again; all else stands.
        Recalled::Answered(asked) if !is_passing(operation(s), &asked.cod_estatus) => return Ok(Some(asked)),
        Recalled::Uncertain(_) => return Ok(None),
        Recalled::Answered(_) | Recalled::Nothing => {}
    }
    let filters = s.filters.clone();
    let request = SatRequest { direction: s.direction, content: s.content, estado: s.estado, from: s.from, to: s.to, filters };
    match app.sat.ask(account, &request, s.id, Some(lease)).await {
        Ok(asked) => Ok(Some(asked)),
        Err(CallError::Uncertain { .. }) => Ok(None),
        Err(error) => Err(AppError::from(error).into()),
    }
}

fn is_passing(operation: Operation, cod_estatus: &str) -> bool {
    matches!(sat_codes::reaction(operation, cod_estatus), Reaction::BlockCredential | Reaction::RetryLater)
}

/// In which of SAT's answers a request's code is found.
pub fn operation(s: &Solicitud) -> Operation {
    if s.filters.folio.is_some() { Operation::Folio } else { Operation::Solicita }
}

async fn settle(
    app: &App,
    scope: &Scope,
    credential: CredentialId,
    mut s: Solicitud,
    asked: SatAsked,
    lease: LeaseProof,
) -> Result<(), JobFailure> {
    let now = Moment::now(app, scope);
    if asked.cod_estatus == "305" && s.codes.odd_in_a_row < TRIES_BEFORE_BLOCK {
        s.codes.odd_in_a_row += 1;
        let after = app.settings.poll_unit * REFUSED_CERTIFICATE_DELAY_UNITS * s.codes.odd_in_a_row;
        return Ok(try_again(app, scope, s, asked, lease, after).await?);
    }
    note_codes(&mut s, &asked.cod_estatus, &asked.mensaje);
    let reaction = sat_codes::reaction(operation(&s), &asked.cod_estatus);
    let parts = match reaction {
        Reaction::Split => super::counts::parts_of(app, scope, &s).await?,
        _ => None,
    };
    let mut tx = app.store.begin(scope).await?;
    match (reaction, asked.id_solicitud) {
        (Reaction::Accepted, Some(id)) => accept(app, tx.as_mut(), &now, &mut s, id).await?,
        // A folio is never asked again as it was; an id that came with the failure can be asked about.
        (Reaction::Uncertain, Some(id)) if s.filters.folio.is_some() => accept(app, tx.as_mut(), &now, &mut s, id).await?,
        // Accepted without an id cannot be followed: nobody knows what became of it.
        (Reaction::Accepted | Reaction::Uncertain | Reaction::AskAgain, id) => {
            s.authority_id = id;
            end_and_widen(tx.as_mut(), &now, &mut s, SolicitudState::Uncertain).await?;
        }
        (Reaction::NextVariant | Reaction::ReuseActive, _) => {
            end_and_widen(tx.as_mut(), &now, &mut s, SolicitudState::Rejected).await?
        }
        (Reaction::Empty, _) => end(tx.as_mut(), &now, &mut s, SolicitudState::Empty).await?,
        (Reaction::Split, _) => transition::split(tx.as_mut(), &now, &mut s, parts).await?,
        (Reaction::BlockCredential, _) => {
            let reason = asked.cod_estatus.clone();
            block_credential(tx.as_mut(), &now, credential, &reason).await?;
            end(tx.as_mut(), &now, &mut s, SolicitudState::Blocked).await?;
        }
        (Reaction::Permanent, _) => end(tx.as_mut(), &now, &mut s, SolicitudState::Rejected).await?,
        (Reaction::RetryLater | Reaction::Reauthenticate, _) => {
            drop(tx);
            let after = match s.filters.folio {
                Some(_) => transition::until_tomorrow(&now)?,
                None => app.settings.poll_unit * 10,
            };
            return Ok(try_again(app, scope, s, SatAsked { id_solicitud: None, ..asked }, lease, after).await?);
        }
        // SAT said something that nobody here has heard before: it is shown, and a person decides.
        (Reaction::Unknown, id) => {
            s.authority_id = id;
            end(tx.as_mut(), &now, &mut s, SolicitudState::Blocked).await?
        }
    }
    tx.finish_job(lease).await?;
    Ok(tx.commit().await?)
}

async fn accept(app: &App, tx: &mut dyn Tx, now: &Moment, s: &mut Solicitud, id: String) -> AppResult<()> {
    s.authority_id = Some(id);
    s.codes.odd_in_a_row = 0;
    s.accepted_at = Some(now.service);
    let due = now.after(verify::poll_delay(0, Duration::ZERO, app.settings.poll_unit, rand::random()));
    s.next_check = Some(due);
    step(tx, now, s, SolicitudState::Accepted).await?;
    tx.enqueue(&handlers::job(handlers::VERIFY, s.id, due, &s.run), now.service).await?;
    Ok(())
}

/// Asked, and the answer was lost: never sent again as it was.
async fn uncertain(app: &App, scope: &Scope, mut s: Solicitud, lease: LeaseProof) -> AppResult<()> {
    let mut tx = app.store.begin(scope).await?;
    end_and_widen(tx.as_mut(), &Moment::now(app, scope), &mut s, SolicitudState::Uncertain).await?;
    tx.finish_job(lease).await?;
    Ok(tx.commit().await?)
}

async fn try_again(
    app: &App,
    scope: &Scope,
    mut s: Solicitud,
    asked: SatAsked,
    lease: LeaseProof,
    after: Duration,
) -> AppResult<()> {
    let now = Moment::now(app, scope);
    note_codes(&mut s, &asked.cod_estatus, &asked.mensaje);
    let mut tx = app.store.begin(scope).await?;
    step(tx.as_mut(), &now, &mut s, SolicitudState::Planned).await?;
    tx.postpone_job(lease, now.after(after), Some(&format!("{} {}", asked.cod_estatus, asked.mensaje))).await?;
    Ok(tx.commit().await?)
}

/// SAT refuses the certificate: no further call is made with it. One that was replaced meanwhile stays
/// where it is, marked, so that nobody puts it back.
pub async fn block_credential(tx: &mut dyn Tx, now: &Moment, id: CredentialId, reason: &str) -> AppResult<()> {
    let used = tx.credential(id).await?;
    if let Some(used) = used.filter(|it| it.reason.is_none() && it.state != CredentialState::Destroyed) {
        let state = if used.state == CredentialState::Active { CredentialState::Blocked } else { used.state };
        tx.set_credential_state(id, state, Some(reason)).await?;
        tx.append(entry(now, "credential", &id.to_string(), "blocked").field("cod_estatus", reason), None).await?;
        let owner = match used.owner.taxpayer() {
            Some(id) => tx.taxpayer(id).await?,
            None => None,
        };
        if let Some(taxpayer) = owner {
            hooks::credential_blocked(tx, now, &taxpayer, &used.number, reason).await?;
        }
    }
    Ok(())
}
