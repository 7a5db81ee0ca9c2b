//! *Año completo*: which windows a year needs, and which of them were never asked.
//!
//! Fourteen requests a direction: two of metadata, then twelve of CFDI. A window that any request
//! ever asked for is not planned again; the answer says which request holds it and how many
//! variants are left.

use super::handlers;
use super::transition::{Moment, mexico};
use crate::App;
use crate::audit_trail::entry;
use crate::error::{AppError, AppResult};
use crate::jobs::JobFailure;
use crate::model::*;
use crate::ports::{LeaseProof, Tx};
use fedatario_base::id::{SolicitudId, TaxpayerId};
use fedatario_base::{Code, Scope};
use fedatario_fiscal::mx::window::{self, MAX_VARIANTS, PlannedRequest, Window};
use jiff::SignedDuration;

/// A window that was not planned, because a request holds it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Held {
    /// From whose side.
    pub direction: Direction,
    /// What it brings.
    pub content: Content,
    /// Start of the window.
    pub from: String,
    /// End of the window.
    pub to: String,
    /// The request that holds it.
    pub held_by: String,
    /// Its state.
    pub state: SolicitudState,
    /// Variants of the window that are left of what we allow ourselves of SAT's lifetime allowance.
    pub variants_left: u32,
}

/// What planning did.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize)]
pub struct Plan {
    /// Requests that are new.
    pub planned: Vec<String>,
    /// Windows that were held already.
    pub held: Vec<Held>,
    /// Windows that the rules of the service do not let us ask, with the rule's code.
    pub refused: Vec<(String, &'static str)>,
}

/// How far behind now a running window is cut: SAT refuses an end in the future, and its clock need
/// not agree with ours to the second.
const CUT_BEHIND: SignedDuration = SignedDuration::from_mins(5);

/// The run that a year's jobs belong to, the same whenever it is asked for.
pub fn run_of(taxpayer: TaxpayerId, year: i16) -> String {
    format!("sat.year:{taxpayer}:{year}")
}

/// Plans what a year needs and was never asked for, and takes over what an earlier run left open.
/// With `retry`, windows whose request was rejected or waits for a person are asked once more.
pub async fn year(
    app: &App,
    scope: &Scope,
    taxpayer: TaxpayerId,
    year: i16,
    directions: &[Direction],
    retry: bool,
) -> AppResult<Plan> {
    let now = Moment::now(app, scope);
    if year > mexico(now.service)?.year() {
        return Err(AppError::Window { code: Code::WindowFuture, text: format!("{year} has not begun") });
    }
    let mut tx = app.store.begin(scope).await?;
    let mut plan = plan_year(tx.as_mut(), &now, taxpayer, year, directions).await?;
    if retry {
        ask_once_more(tx.as_mut(), &now, taxpayer, year, &mut plan).await?;
    }
    tx.commit().await?;
    Ok(plan)
}

/// A window that nothing answers and nobody works on gets its next variant.
async fn ask_once_more(tx: &mut dyn Tx, now: &Moment, taxpayer: TaxpayerId, year: i16, plan: &mut Plan) -> AppResult<()> {
    let all = tx.solicitudes(taxpayer, Some(year)).await?;
    let ended = |it: &&Solicitud| matches!(it.state, SolicitudState::Rejected | SolicitudState::Blocked);
    for s in all.iter().filter(ended) {
        let rivals = super::transition::same_window(tx, s).await?;
        if rivals.iter().any(|it| it.state.is_open()) || super::report::settled(s, &all) {
            continue;
        }
        if let Some(next) = super::transition::plan_variant(tx, now, s, Relation::Variant).await? {
            plan.planned.push(next.to_string());
        }
    }
    Ok(())
}

async fn plan_year(tx: &mut dyn Tx, now: &Moment, taxpayer: TaxpayerId, year: i16, directions: &[Direction]) -> AppResult<Plan> {
    tx.taxpayer(taxpayer).await?.ok_or_else(|| AppError::NotFound(taxpayer.to_string()))?;
    let asked = tx.solicitudes(taxpayer, None).await?;
    let mut plan = Plan::default();
    for direction in directions {
        let (needed, refused) = needed(&asked, now, year, *direction)?;
        plan.refused.extend(refused);
        for (content, slot) in window::slots(year) {
            let asked_for = needed.iter().find(|it| (it.content, it.slot) == (content, slot));
            match asked_for {
                Some(request) => add(tx, now, taxpayer, year, *direction, request, &mut plan).await?,
                None => plan.held.extend(holder(&asked, *direction, ours(content), slot)),
            }
        }
    }
    reopen_blocked(tx, now, taxpayer, year).await?;
    revive(tx, now, taxpayer, year).await?;
    let event = entry(now, "sat.year", &taxpayer.to_string(), "planned")
        .field("year", year.to_string())
        .field("planned", plan.planned.len().to_string())
        .field("held", plan.held.len().to_string());
    if !plan.planned.is_empty() {
        tx.append(event, None).await?;
    }
    Ok(plan)
}

/// What the year needs, given what was asked and where earlier runs cut the running windows.
#[expect(clippy::type_complexity, reason = "what may be asked, and what may not with the rule's code")]
fn needed(
    asked: &[Solicitud],
    now: &Moment,
    year: i16,
    direction: Direction,
) -> AppResult<(Vec<PlannedRequest>, Vec<(String, &'static str)>)> {
    let meant = |it: &&Solicitud| it.family == Family::Cfdi && it.direction == direction && it.relation != Some(Relation::Part);
    let prior: Vec<window::Asked> = asked
        .iter()
        .filter(meant)
        .map(|it| window::Asked { content: content(it.content), window: Window { from: it.base_from, to: it.to } })
        .collect();
    let today = mexico(now.service)?;
    let planned = window::year_plan(year, side(direction), mexico(now.service - CUT_BEHIND)?, &prior);
    let (mut allowed, mut refused) = (Vec::new(), Vec::new());
    for request in planned {
        // The rules of the service, before asking: strict order, six years, no future.
        match window::check(request.window, today) {
            Ok(()) => allowed.push(request),
            Err(error) => {
                refused.push((format!("{} {} {}", direction, ours(request.content), request.window), error.code().slug()))
            }
        }
    }
    Ok((allowed, refused))
}

async fn add(
    tx: &mut dyn Tx,
    now: &Moment,
    taxpayer: TaxpayerId,
    year: i16,
    direction: Direction,
    request: &PlannedRequest,
    plan: &mut Plan,
) -> AppResult<()> {
    let fresh = planned(now, taxpayer, year, direction, request);
    if !tx.add_solicitud(&fresh).await? {
        return Ok(());
    }
    // A millisecond apart, so that metadata is asked first and months in order.
    let due = now.service + SignedDuration::from_millis(plan.planned.len() as i64);
    tx.enqueue(&handlers::job(handlers::ASK, fresh.id, due, &fresh.run), now.service).await?;
    plan.planned.push(fresh.id.to_string());
    Ok(())
}

fn planned(now: &Moment, taxpayer: TaxpayerId, year: i16, direction: Direction, request: &PlannedRequest) -> Solicitud {
    Solicitud {
        id: SolicitudId::fresh(now.wall),
        taxpayer,
        family: Family::Cfdi,
        direction,
        content: ours(request.content),
        estado: match request.estado {
            window::Estado::Todos => Estado::Todos,
            window::Estado::Vigente => Estado::Vigente,
        },
        base_from: request.window.from,
        from: request.window.from,
        to: request.window.to,
        k: 0,
        year,
        state: SolicitudState::Planned,
        authority_id: None,
        codes: AuthorityCodes::default(),
        announced: None,
        replaces: None,
        relation: (request.window.from != request.slot.from).then_some(Relation::Remainder),
        run: run_of(taxpayer, year),
        accepted_at: None,
        ended_at: None,
        checks: 0,
        next_check: None,
        revision: 0,
        created: now.wall,
    }
}

/// The request that holds a slot, if any: the last variant of the last window in it.
fn holder(asked: &[Solicitud], direction: Direction, content: Content, slot: Window) -> Option<Held> {
    let inside = |it: &&Solicitud| {
        (it.family, it.direction, it.content) == (Family::Cfdi, direction, content)
            && slot.contains(it.base_from)
            && slot.contains(it.to)
    };
    let last = asked.iter().filter(inside).max_by_key(|it| (it.to, it.k))?;
    Some(Held {
        direction,
        content,
        from: last.from.to_string(),
        to: last.to.to_string(),
        held_by: last.id.to_string(),
        state: last.state,
        variants_left: MAX_VARIANTS.saturating_sub(last.k + 1),
    })
}

/// Requests that waited for a person because the certificate was refused go on from where they
/// were once there is an e.firma that may be used: one that SAT accepted is not asked again.
async fn reopen_blocked(tx: &mut dyn Tx, now: &Moment, taxpayer: TaxpayerId, year: i16) -> AppResult<()> {
    let current = tx.current_credential(taxpayer, CredentialKind::Fiel).await?;
    if current.is_none_or(|it| it.state == CredentialState::Blocked) {
        return Ok(());
    }
    for mut s in tx.solicitudes(taxpayer, Some(year)).await? {
        let refused = matches!(s.codes.cod_estatus.as_deref(), Some("304" | "305"));
        if s.state == SolicitudState::Blocked && refused {
            let listed = !tx.packages_of(s.id).await?.is_empty();
            let state = match s.authority_id {
                Some(_) if listed => SolicitudState::Ready,
                Some(_) => SolicitudState::Accepted,
                None => SolicitudState::Planned,
            };
            s.ended_at = None;
            super::transition::step(tx, now, &mut s, state).await?; // Its job is `revive`'s.
        }
    }
    Ok(())
}

/// Takes up what waited for a certificate, in every year of the taxpayer.
pub async fn take_up(tx: &mut dyn Tx, now: &Moment, taxpayer: TaxpayerId) -> AppResult<()> {
    let years: std::collections::BTreeSet<i16> = tx.solicitudes(taxpayer, None).await?.iter().map(|it| it.year).collect();
    for year in years {
        reopen_blocked(tx, now, taxpayer, year).await?;
        revive(tx, now, taxpayer, year).await?;
    }
    Ok(())
}

/// Gives every open request of the year the job that its state needs: one that was given up is
/// taken up again, one that waits joins this run. A job that is open already is left as it is.
async fn revive(tx: &mut dyn Tx, now: &Moment, taxpayer: TaxpayerId, year: i16) -> AppResult<()> {
    for s in tx.solicitudes(taxpayer, Some(year)).await? {
        let kind = match s.state {
            SolicitudState::Planned | SolicitudState::Asked => handlers::ASK,
            SolicitudState::Accepted | SolicitudState::Running | SolicitudState::Stuck => handlers::VERIFY,
            SolicitudState::Ready | SolicitudState::Fetched => {
                revive_packages(tx, now, &s).await?;
                continue;
            }
            _ => continue,
        };
        tx.enqueue(&handlers::job(kind, s.id, now.service, &s.run), now.service).await?;
    }
    Ok(())
}

async fn revive_packages(tx: &mut dyn Tx, now: &Moment, s: &Solicitud) -> AppResult<()> {
    for package in tx.packages_of(s.id).await? {
        let kind = match package.state {
            PackageState::Known => handlers::FETCH,
            PackageState::Stored => handlers::IMPORT,
            PackageState::Imported | PackageState::Lost | PackageState::Unreadable => continue,
        };
        tx.enqueue(&handlers::job(kind, package.id, now.service, &s.run), now.service).await?;
    }
    Ok(())
}

/// The job `sat.sync`: what a schedule does for a taxpayer, the running year in both directions.
pub async fn sync(app: &App, scope: &Scope, taxpayer: TaxpayerId, lease: LeaseProof) -> Result<(), JobFailure> {
    let now = Moment::now(app, scope);
    let mut tx = app.store.begin(scope).await?;
    let year = mexico(now.service)?.year();
    // What was left of last year when it ended; a year that nobody ever asked for is not begun.
    if !tx.solicitudes(taxpayer, Some(year - 1)).await?.is_empty() {
        plan_year(tx.as_mut(), &now, taxpayer, year - 1, Direction::ALL).await?;
    }
    plan_year(tx.as_mut(), &now, taxpayer, year, Direction::ALL).await?;
    tx.finish_job(lease).await?;
    Ok(tx.commit().await?)
}

fn side(direction: Direction) -> window::Direction {
    match direction {
        Direction::Issued => window::Direction::Issued,
        Direction::Received => window::Direction::Received,
    }
}

/// The planner's word for what a request brings.
pub fn content(content: Content) -> window::Content {
    match content {
        Content::Cfdi => window::Content::Cfdi,
        Content::Metadata => window::Content::Metadata,
    }
}

fn ours(content: window::Content) -> Content {
    match content {
        window::Content::Cfdi => Content::Cfdi,
        window::Content::Metadata => Content::Metadata,
    }
}
