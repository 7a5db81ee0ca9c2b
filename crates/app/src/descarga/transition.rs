//! The moves of a request: every change of state goes through here, with its audit entry and the
//! jobs that follow from it.

use super::handlers;
use crate::App;
use crate::audit_trail::entry;
use crate::error::{AppError, AppResult};
use crate::model::*;
use crate::ports::{LeaseProof, SatAccount, Tx};
use fedatario_base::id::{PackageId, SolicitudId};
use fedatario_base::{Actor, Scope};
use fedatario_fiscal::mx::sat_codes::EstadoSolicitud;
use fedatario_fiscal::mx::window::{self, MAX_VARIANTS, Window};
use jiff::{SignedDuration, Timestamp};

/// The instants and the actor of one move.
#[derive(Clone)]
pub struct Moment {
    /// The service reading: due dates, ages.
    pub service: Timestamp,
    /// The wall reading: audit times, ids.
    pub wall: Timestamp,
    /// Who acts.
    pub actor: Actor,
}

impl Moment {
    /// Now, for whoever the scope names.
    pub fn now(app: &App, scope: &Scope) -> Self {
        Self { service: app.clock.service(), wall: app.clock.wall(), actor: scope.actor().clone() }
    }

    /// An instant after now, on the service clock.
    pub fn after(&self, delay: std::time::Duration) -> Timestamp {
        self.service + SignedDuration::try_from(delay).unwrap_or_default()
    }
}

/// Mexico City civil time of an instant: the time of SAT's windows.
pub fn mexico(at: Timestamp) -> AppResult<jiff::civil::DateTime> {
    let zoned = at.in_tz("America/Mexico_City").map_err(|error| AppError::Internal(error.to_string()))?;
    Ok(zoned.datetime())
}

/// Who asks SAT for a request, if its taxpayer has an e.firma that may be used.
pub async fn account(tx: &mut dyn Tx, scope: &Scope, s: &Solicitud) -> AppResult<SatAccount> {
    let taxpayer = tx.taxpayer(s.taxpayer).await?.ok_or_else(|| AppError::NotFound(s.taxpayer.to_string()))?;
    account_of(tx, scope, &taxpayer, s.family).await
}

/// Who asks SAT for a taxpayer.
pub async fn account_of(tx: &mut dyn Tx, scope: &Scope, taxpayer: &Taxpayer, family: Family) -> AppResult<SatAccount> {
    let current = tx.current_credential(taxpayer.id, CredentialKind::Fiel).await?;
    let current = current.ok_or_else(|| AppError::CredentialMissing(taxpayer.tax_id.clone()))?;
    if current.state == CredentialState::Blocked {
        let reason = current.reason.unwrap_or_default();
        return Err(AppError::CredentialBlocked { rfc: taxpayer.tax_id.clone(), reason });
    }
    let (rfc, environment) = (taxpayer.tax_id.clone(), taxpayer.environment);
    Ok(SatAccount { scope: scope.clone(), credential: current.id, rfc, family, environment })
}

/// Writes a state that is not an end.
pub async fn step(tx: &mut dyn Tx, now: &Moment, s: &mut Solicitud, state: SolicitudState) -> AppResult<()> {
    let changed = s.state != state;
    s.state = state;
    tx.update_solicitud(s).await?;
    s.revision += 1;
    if changed {
        tx.append(moved(now, s), None).await?;
    }
    Ok(())
}

/// Ends a request: its state, its audit entry, and the job that compares the year.
pub async fn end(tx: &mut dyn Tx, now: &Moment, s: &mut Solicitud, state: SolicitudState) -> AppResult<()> {
    s.ended_at = Some(now.service);
    s.next_check = None;
    step(tx, now, s, state).await?;
    tx.enqueue(&handlers::report_job(s.taxpayer, s.year, s.id, now.service, &s.run), now.service).await?;
    Ok(())
}

/// Ends the job of a request whose certificate SAT refuses: nothing more is asked with it, and a
/// person has to bring another.
pub async fn block(
    app: &App,
    scope: &Scope,
    mut tx: Box<dyn Tx>,
    mut s: Solicitud,
    lease: LeaseProof,
    reason: &str,
) -> AppResult<()> {
    s.codes.cod_estatus = Some(reason.to_owned());
    s.codes.mensaje = None;
    if s.state.is_open() {
        end(tx.as_mut(), &Moment::now(app, scope), &mut s, SolicitudState::Blocked).await?;
    }
    tx.finish_job(lease).await?;
    Ok(tx.commit().await?)
}

fn moved(now: &Moment, s: &Solicitud) -> fedatario_audit::Event {
    entry(now, "sat.solicitud", &s.id.to_string(), s.state.text())
        .field("window", format!("{} {} {}/{}", s.direction, s.content, s.from, s.to))
        .field("id_solicitud", s.authority_id.clone().unwrap_or_default())
        .field("cod_estatus", s.codes.cod_estatus.clone().unwrap_or_default())
        .field("codigo_estado", s.codes.codigo_estado.clone().unwrap_or_default())
}

/// Ends a request in a way that leaves its window without an answer, and plans the same window
/// again, widened so that SAT takes it for a new one, unless another request for it is under way.
/// With every variant used up the request is `Blocked`: a person decides.
pub async fn end_and_widen(tx: &mut dyn Tx, now: &Moment, s: &mut Solicitud, state: SolicitudState) -> AppResult<()> {
    let family = same_window(tx, s).await?;
    // One that is stuck itself is not relied on: the request beside it is the one that ends here.
    if family.iter().any(|it| it.id != s.id && it.state.is_open() && it.state != SolicitudState::Stuck) {
        return end(tx, now, s, state).await;
    }
    match plan_variant(tx, now, s, Relation::Variant).await? {
        Some(_) => end(tx, now, s, state).await,
        None => end(tx, now, s, SolicitudState::Blocked).await,
    }
}

/// Plans the next variant of a request's window; `None` when all are used.
pub async fn plan_variant(tx: &mut dyn Tx, now: &Moment, s: &Solicitud, relation: Relation) -> AppResult<Option<SolicitudId>> {
    let family = same_window(tx, s).await?;
    let used = family.iter().map(|it| it.k).max().unwrap_or(s.k);
    for k in used + 1..MAX_VARIANTS {
        let window = window::widen(Window { from: s.base_from, to: s.to }, k);
        let next = derived(now, s, relation, s.base_from, window, k);
        if tx.add_solicitud(&next).await? {
            tx.enqueue(&handlers::job(handlers::ASK, next.id, now.service, &s.run), now.service).await?;
            tx.append(moved(now, &next), None).await?;
            return Ok(Some(next.id));
        }
    }
    Ok(None)
}

/// Every request for the window that is meant, whatever its variant.
pub async fn same_window(tx: &mut dyn Tx, s: &Solicitud) -> AppResult<Vec<Solicitud>> {
    let all = tx.solicitudes(s.taxpayer, None).await?;
    Ok(all.into_iter().filter(|it| is_same_window(it, s)).collect())
}

/// Whether two requests are for the same window, as it is meant.
pub fn is_same_window(one: &Solicitud, other: &Solicitud) -> bool {
    let key = |it: &Solicitud| (it.family, it.direction, it.content, it.base_from, it.to);
    key(one) == key(other)
}

/// Ends a request that is too large and plans its parts: months of a half-year, halves of less.
pub async fn split(tx: &mut dyn Tx, now: &Moment, s: &mut Solicitud) -> AppResult<()> {
    let parts = window::split_months(Window { from: s.base_from, to: s.to });
    if parts.len() < 2 {
        return end(tx, now, s, SolicitudState::Blocked).await; // One second holds too much: a filter has to be chosen.
    }
    for part in parts {
        plan_part(tx, now, s, part).await?;
    }
    end(tx, now, s, SolicitudState::TooLarge).await
}

async fn plan_part(tx: &mut dyn Tx, now: &Moment, s: &Solicitud, part: Window) -> AppResult<()> {
    for k in 0..MAX_VARIANTS {
        let next = derived(now, s, Relation::Part, part.from, window::widen(part, k), k);
        if tx.add_solicitud(&next).await? {
            tx.enqueue(&handlers::job(handlers::ASK, next.id, now.service, &s.run), now.service).await?;
            tx.append(moved(now, &next), None).await?;
            return Ok(());
        }
    }
    Err(AppError::Window {
        code: fedatario_base::Code::WindowExhausted,
        text: format!("every variant of {}/{} was asked", part.from, part.to),
    })
}

fn derived(now: &Moment, s: &Solicitud, relation: Relation, base_from: jiff::civil::DateTime, window: Window, k: u32) -> Solicitud {
    Solicitud {
        id: SolicitudId::fresh(now.wall),
        base_from,
        from: window.from,
        to: window.to,
        k,
        state: SolicitudState::Planned,
        authority_id: None,
        codes: AuthorityCodes::default(),
        announced: None,
        replaces: Some(s.id),
        relation: Some(relation),
        accepted_at: None,
        ended_at: None,
        checks: 0,
        next_check: None,
        revision: 0,
        created: now.wall,
        ..s.clone()
    }
}

/// A request that was stuck and the one beside it race: when one comes to an end that answers the
/// window, the other is no longer waited for.
pub async fn supersede_rivals(tx: &mut dyn Tx, now: &Moment, winner: &Solicitud) -> AppResult<()> {
    for mut rival in same_window(tx, winner).await? {
        let waits = matches!(
            rival.state,
            SolicitudState::Planned | SolicitudState::Accepted | SolicitudState::Running | SolicitudState::Stuck
        );
        if rival.id != winner.id && waits {
            end(tx, now, &mut rival, SolicitudState::Superseded).await?;
        }
    }
    Ok(())
}

/// Notes SAT's words on a request.
pub fn note_codes(s: &mut Solicitud, cod_estatus: &str, mensaje: &str) {
    s.codes.cod_estatus = Some(cod_estatus.to_owned());
    s.codes.mensaje = Some(mensaje.to_owned());
}

/// Adds the packages that SAT lists, each with the job that fetches it.
pub async fn list_packages(tx: &mut dyn Tx, now: &Moment, s: &Solicitud, ids: &[String]) -> AppResult<()> {
    for id_paquete in ids {
        let package = PackageRow {
            id: PackageId::fresh(now.wall),
            solicitud: Some(s.id),
            taxpayer: s.taxpayer,
            id_paquete: id_paquete.clone(),
            content: s.content,
            state: PackageState::Known,
            path: None,
            sha256: None,
            size: None,
            tally: Tally::default(),
            problem: None,
            revision: 0,
        };
        if tx.add_package(&package).await? {
            tx.enqueue(&handlers::job(handlers::FETCH, package.id, now.service, &s.run), now.service).await?;
        }
    }
    Ok(())
}

/// The state of ours for a state of SAT that is not an end.
pub fn waiting_state(estado: &EstadoSolicitud) -> SolicitudState {
    match estado {
        EstadoSolicitud::EnProceso => SolicitudState::Running,
        _ => SolicitudState::Accepted,
    }
}
