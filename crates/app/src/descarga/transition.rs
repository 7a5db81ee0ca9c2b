//! The moves of a request: every change of state goes through here, with its audit entry and the
//! jobs that follow from it.

use super::handlers;
use crate::App;
use crate::audit_trail::entry;
use crate::error::{AppError, AppResult};
use crate::hooks;
use crate::model::*;
use crate::ports::{LeaseProof, SatAccount, Tx};
use fedatario_base::id::{PackageId, SolicitudId, TenantId};
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
    /// Whose data it is about.
    pub tenant: TenantId,
    /// Which world this installation lives in.
    pub environment: Environment,
}

impl Moment {
    /// Now, for whoever the scope names.
    pub fn now(app: &App, scope: &Scope) -> Self {
        Self {
            service: app.clock.service(),
            wall: app.clock.wall(),
            actor: scope.actor().clone(),
            tenant: scope.tenant(),
            environment: app.settings.environment,
        }
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
    let current = tx.current_credential(Owner::Taxpayer(taxpayer.id), CredentialKind::Fiel).await?;
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

/// Ends a request: its state, its audit entry, the event for whoever listens, and the job that compares
/// each year it touches.
pub async fn end(tx: &mut dyn Tx, now: &Moment, s: &mut Solicitud, state: SolicitudState) -> AppResult<()> {
    s.ended_at = Some(now.service);
    s.next_check = None;
    step(tx, now, s, state).await?;
    hooks::request_ended(tx, now, s).await?;
    for year in years(s) {
        tx.enqueue(&handlers::report_job(s.taxpayer, year, s.id, now.service, &s.run), now.service).await?;
    }
    Ok(())
}

/// The years that a request's window touches; a folio's is the one it was planned in.
fn years(s: &Solicitud) -> std::ops::RangeInclusive<i16> {
    match s.filters.folio {
        Some(_) => s.year..=s.year,
        None => s.base_from.year().min(s.year)..=s.to.year().max(s.year),
    }
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
    let window = match &s.filters.folio {
        Some(folio) => format!("folio {folio}"),
        None => format!("{} {} {}/{}", s.direction, s.content, s.from, s.to),
    };
    let event = entry(now, "sat.solicitud", &s.id.to_string(), s.state.text()).field("window", window);
    let event = if s.filters.is_none() { event } else { event.field("filters", filters_text(&s.filters)) };
    let event = if s.family == Family::Cfdi { event } else { event.field("family", s.family.text()) };
    let event = s.problem.iter().fold(event, |event, problem| event.field("problem", problem.clone()));
    event
        .field("id_solicitud", s.authority_id.clone().unwrap_or_default())
        .field("cod_estatus", s.codes.cod_estatus.clone().unwrap_or_default())
        .field("codigo_estado", s.codes.codigo_estado.clone().unwrap_or_default())
}

/// What narrows a request, in one line.
pub fn filters_text(filters: &Filters) -> String {
    let named = [("type", &filters.kind), ("complement", &filters.complement), ("third", &filters.third_party)];
    let counterparties = filters.counterparties.iter().map(|it| format!("rfc={it}"));
    let rest = named.into_iter().filter_map(|(name, value)| value.as_ref().map(|it| format!("{name}={it}")));
    counterparties.chain(rest).collect::<Vec<_>>().join(" ")
}

/// Ends a request in a way that leaves its window without an answer, and plans the same window
/// again, widened so that SAT takes it for a new one, unless another request for it is under way.
/// With every variant used up the request is `Blocked`: a person decides. A folio cannot be widened:
/// one whose answer was lost is not asked again by itself.
pub async fn end_and_widen(tx: &mut dyn Tx, now: &Moment, s: &mut Solicitud, state: SolicitudState) -> AppResult<()> {
    if s.filters.folio.is_some() && state == SolicitudState::Uncertain {
        return end(tx, now, s, state).await;
    }
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

/// How far a window is widened in search of one that SAT has not seen, in seconds beyond the last: far
/// more than requests that share a window can use up.
const SEARCH_AT_MOST: u32 = 64;

/// How often one folio is asked for: SAT counts for life here too, and nothing makes it a new one.
const FOLIO_ASKS_AT_MOST: usize = 2;

/// Plans the next variant of a request's window; `None` when all are used.
pub async fn plan_variant(tx: &mut dyn Tx, now: &Moment, s: &Solicitud, relation: Relation) -> AppResult<Option<SolicitudId>> {
    let all = tx.solicitudes(s.taxpayer, None).await?;
    let asked = all.iter().filter(|it| is_same_window(it, s)).count();
    let at_most = if s.filters.folio.is_some() { FOLIO_ASKS_AT_MOST } else { MAX_VARIANTS as usize };
    if asked >= at_most {
        return Ok(None);
    }
    let base = match s.filters.folio {
        Some(_) => this_second(now)?,
        None => Window { from: s.base_from, to: s.to },
    };
    let Some(next) = add_free(tx, now, derived(now, s, relation, base), next_k(&all, s)).await? else { return Ok(None) };
    let due = if is_due_tomorrow(s) { now.after(until_tomorrow(now)?) } else { now.service };
    tx.enqueue(&handlers::job(handlers::ASK, next.id, due, &next.run), now.service).await?;
    tx.append(moved(now, &next), None).await?;
    Ok(Some(next.id))
}

/// Adds a planned request as the first variant, from `k` on, that was never asked; `None` if all of
/// those looked at were.
pub async fn add_free(tx: &mut dyn Tx, now: &Moment, planned: Solicitud, k: u32) -> AppResult<Option<Solicitud>> {
    let base = Window { from: planned.base_from, to: planned.to };
    // SAT wants a first second before the last; a single second takes those before it along. A folio
    // has no window, and its row only says when it was planned.
    let alone = base.from == base.to && planned.filters.folio.is_none();
    let first = if alone { k.max(1) } else { k };
    for k in first..first + SEARCH_AT_MOST {
        let next = Solicitud { id: SolicitudId::fresh(now.wall), from: window::widen(base, k).from, k, ..planned.clone() };
        if tx.add_solicitud(&next).await? {
            return Ok(Some(next));
        }
    }
    Ok(None)
}

/// The first variant that no request with the same window and RFCs has taken, whatever its filters.
fn next_k(all: &[Solicitud], s: &Solicitud) -> u32 {
    all.iter().filter(|it| shares_identity(it, s)).map(|it| it.k + 1).max().unwrap_or(0)
}

/// Whether SAT takes two requests for the same but for the widening: filters do not count.
pub fn shares_identity(one: &Solicitud, other: &Solicitud) -> bool {
    let key = |it: &Solicitud| {
        let of_window = (it.base_from, it.to, it.filters.counterparties.clone());
        (it.family, it.direction, it.content, it.filters.folio.clone(), it.filters.folio.is_none().then_some(of_window))
    };
    key(one) == key(other)
}

/// Every request for the window that is meant, whatever its variant.
pub async fn same_window(tx: &mut dyn Tx, s: &Solicitud) -> AppResult<Vec<Solicitud>> {
    let all = tx.solicitudes(s.taxpayer, None).await?;
    Ok(all.into_iter().filter(|it| is_same_window(it, s)).collect())
}

/// Whether two requests mean the same documents, whatever their variants: either answers for both.
pub fn is_same_window(one: &Solicitud, other: &Solicitud) -> bool {
    shares_identity(one, other) && one.estado == other.estado && one.filters == other.filters
}

/// The second that it is, as a window.
fn this_second(now: &Moment) -> AppResult<Window> {
    let at = mexico(now.service)?;
    let at = at.date().at(at.hour(), at.minute(), at.second(), 0);
    Ok(Window { from: at, to: at })
}

/// 5011: a folio may be asked for so often in a day.
fn is_due_tomorrow(s: &Solicitud) -> bool {
    s.filters.folio.is_some() && s.codes.codigo_estado.as_deref() == Some("5011")
}

/// How long it is until the next day begins at SAT, and some minutes more.
pub fn until_tomorrow(now: &Moment) -> AppResult<std::time::Duration> {
    /// Whoever waits for midnight is not alone.
    const AFTER_MIDNIGHT: SignedDuration = SignedDuration::from_mins(5);
    let zone = jiff::tz::TimeZone::get("America/Mexico_City").map_err(|error| AppError::Internal(error.to_string()))?;
    let midnight = mexico(now.service)?.date().saturating_add(jiff::Span::new().days(1)).at(0, 0, 0, 0);
    let midnight = zone.to_timestamp(midnight).map_err(|error| AppError::Internal(error.to_string()))?;
    Ok((midnight.duration_since(now.service) + AFTER_MIDNIGHT).unsigned_abs())
}

/// A part of a request that is too large.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct PartPlan {
    /// From when.
    #[serde(serialize_with = "as_text")]
    pub from: jiff::civil::DateTime,
    /// To when, included.
    #[serde(serialize_with = "as_text")]
    pub to: jiff::civil::DateTime,
    /// What narrows it.
    pub filters: Filters,
    /// How many documents it should bring; none when nobody knows.
    pub expected: Option<u64>,
}

/// Ends a request that is too large and plans its parts: those that the counts of its metadata give,
/// else months of a half-year, halves of less, and the kinds of comprobante of a second or two.
pub async fn split(tx: &mut dyn Tx, now: &Moment, s: &mut Solicitud, counted: Option<Vec<PartPlan>>) -> AppResult<()> {
    let parts = counted.filter(|it| it.len() > 1).unwrap_or_else(|| blind_parts(s));
    if parts.len() < 2 {
        s.problem = Some(format!("{}: nothing is left to divide it by", fedatario_base::Code::RequestTooLarge.slug()));
        return end(tx, now, s, SolicitudState::Blocked).await;
    }
    for part in parts {
        plan_part(tx, now, s, part).await?;
    }
    end(tx, now, s, SolicitudState::TooLarge).await
}

/// The parts of a window that nobody has counted.
fn blind_parts(s: &Solicitud) -> Vec<PartPlan> {
    let part = |window: Window, filters: Filters| PartPlan { from: window.from, to: window.to, filters, expected: None };
    let whole = Window { from: s.base_from, to: s.to };
    let halves = window::split_months(whole);
    if halves.len() > 1 {
        return halves.into_iter().map(|it| part(it, s.filters.clone())).collect();
    }
    if s.family == Family::Retenciones || s.filters.kind.is_some() || s.filters.folio.is_some() {
        return Vec::new();
    }
    let of = |kind: &str| Filters { kind: Some(kind.to_owned()), ..s.filters.clone() };
    fedatario_fiscal::mx::asking::KINDS.iter().map(|kind| part(whole, of(kind))).collect()
}

async fn plan_part(tx: &mut dyn Tx, now: &Moment, s: &Solicitud, part: PartPlan) -> AppResult<()> {
    let exhausted = AppError::Window {
        code: fedatario_base::Code::WindowExhausted,
        text: format!("every variant of {}/{} was asked", part.from, part.to),
    };
    let base = Window { from: part.from, to: part.to };
    let planned = Solicitud { filters: part.filters, ..derived(now, s, Relation::Part, base) };
    let all = tx.solicitudes(s.taxpayer, None).await?;
    let k = next_k(&all, &planned);
    let next = add_free(tx, now, planned, k).await?.ok_or(exhausted)?;
    tx.enqueue(&handlers::job(handlers::ASK, next.id, now.service, &next.run), now.service).await?;
    tx.append(moved(now, &next), None).await?;
    Ok(())
}

/// A request that stands for another, as it is meant.
fn derived(now: &Moment, s: &Solicitud, relation: Relation, base: Window) -> Solicitud {
    Solicitud {
        id: SolicitudId::fresh(now.wall),
        base_from: base.from,
        from: base.from,
        to: base.to,
        k: 0,
        state: SolicitudState::Planned,
        authority_id: None,
        codes: AuthorityCodes::default(),
        announced: None,
        problem: None,
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
