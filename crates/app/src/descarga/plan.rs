//! *Año completo*: which windows a year needs, and which of them were never asked.
//!
//! Fourteen requests a direction: two of metadata, then twelve of CFDI. A window that any request
//! ever asked for is not planned again; the answer says which request holds it and how many
//! variants are left.

use super::handlers;
use super::transition::{self, Moment, mexico};
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
pub const CUT_BEHIND: SignedDuration = SignedDuration::from_mins(5);

/// The run that a year's jobs belong to, the same whenever it is asked for.
pub fn run_of(taxpayer: TaxpayerId, year: i16, family: Family) -> String {
    match family {
        Family::Cfdi => format!("sat.year:{taxpayer}:{year}"),
        Family::Retenciones => format!("sat.year:{taxpayer}:{year}:{family}"),
    }
}

/// A year of one taxpayer at one of SAT's two services.
#[derive(Debug, Clone, Copy)]
pub struct YearOf {
    /// Whose.
    pub taxpayer: TaxpayerId,
    /// At which service.
    pub family: Family,
    /// Which year.
    pub year: i16,
}

impl YearOf {
    /// Whether a request was made to bring this year home.
    pub fn holds(&self, s: &Solicitud) -> bool {
        (s.taxpayer, s.family, s.year, s.purpose) == (self.taxpayer, self.family, self.year, Purpose::Year)
    }
}

/// Plans what a year needs and was never asked for, and takes over what an earlier run left open.
/// With `retry`, windows whose request was rejected or waits for a person are asked once more.
pub async fn year(app: &App, scope: &Scope, of: YearOf, directions: &[Direction], retry: bool) -> AppResult<Plan> {
    let now = Moment::now(app, scope);
    if of.year > mexico(now.service)?.year() {
        return Err(AppError::Window { code: Code::WindowFuture, text: format!("{} has not begun", of.year) });
    }
    let mut tx = app.store.begin(scope).await?;
    let mut plan = plan_year(tx.as_mut(), &now, of, directions).await?;
    if retry {
        ask_once_more(tx.as_mut(), &now, of, &mut plan).await?;
    }
    tx.commit().await?;
    Ok(plan)
}

/// A window that nothing answers and nobody works on gets its next variant.
async fn ask_once_more(tx: &mut dyn Tx, now: &Moment, of: YearOf, plan: &mut Plan) -> AppResult<()> {
    let mut all = tx.solicitudes(of.taxpayer, Some(of.year)).await?;
    all.retain(|it| of.holds(it));
    let ended = |it: &&Solicitud| matches!(it.state, SolicitudState::Rejected | SolicitudState::Blocked);
    for s in all.iter().filter(ended) {
        let rivals = transition::same_window(tx, s).await?;
        if rivals.iter().any(|it| it.state.is_open()) || super::report::settled(s, &all) {
            continue;
        }
        if let Some(next) = transition::plan_variant(tx, now, s, Relation::Variant).await? {
            plan.planned.push(next.to_string());
        }
    }
    Ok(())
}

/// The same in a transaction of the caller's.
pub async fn plan_year(tx: &mut dyn Tx, now: &Moment, of: YearOf, directions: &[Direction]) -> AppResult<Plan> {
    tx.taxpayer(of.taxpayer).await?.ok_or_else(|| AppError::NotFound(of.taxpayer.to_string()))?;
    let asked = tx.solicitudes(of.taxpayer, None).await?;
    let mut plan = Plan::default();
    for direction in directions {
        let (needed, refused) = needed(&asked, now, of, *direction)?;
        plan.refused.extend(refused);
        for (content, slot) in window::slots(of.year) {
            let asked_for = needed.iter().find(|it| (it.content, it.slot) == (content, slot));
            match asked_for {
                Some(request) => add(tx, now, of, *direction, request, &mut plan).await?,
                None => plan.held.extend(holder(&asked, of.family, *direction, ours(content), slot)),
            }
        }
    }
    take_up_those(tx, now, of.taxpayer, Some(of.year), |it| of.holds(it)).await?;
    let event = entry(now, "sat.year", &of.taxpayer.to_string(), "planned")
        .field("year", of.year.to_string())
        .field("planned", plan.planned.len().to_string())
        .field("held", plan.held.len().to_string());
    let event = if of.family == Family::Cfdi { event } else { event.field("family", of.family.text()) };
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
    of: YearOf,
    direction: Direction,
) -> AppResult<(Vec<PlannedRequest>, Vec<(String, &'static str)>)> {
    let meant = |it: &&Solicitud| {
        (it.family, it.direction, it.purpose) == (of.family, direction, Purpose::Year) && it.relation != Some(Relation::Part)
    };
    let prior: Vec<window::Asked> = asked
        .iter()
        .filter(meant)
        .map(|it| window::Asked { content: content(it.content), window: Window { from: it.base_from, to: it.to } })
        .collect();
    let today = mexico(now.service)?;
    let planned = window::year_plan(of.year, side(direction), mexico(now.service - CUT_BEHIND)?, &prior);
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
    of: YearOf,
    direction: Direction,
    request: &PlannedRequest,
    plan: &mut Plan,
) -> AppResult<()> {
    let fresh = planned(now, of, direction, request);
    if let Some(same) = transition::same_window(tx, &fresh).await?.into_iter().max_by_key(|it| it.k) {
        // Somebody asked for just this by itself: it counts in the year from now on.
        plan.held.push(held(&same));
        return adopt(tx, now, of, &same).await;
    }
    let Some(fresh) = transition::add_free(tx, now, fresh, 0).await? else { return Ok(()) };
    // A millisecond apart, so that metadata is asked first and months in order.
    let due = now.service + SignedDuration::from_millis(plan.planned.len() as i64);
    tx.enqueue(&handlers::job(handlers::ASK, fresh.id, due, &fresh.run), now.service).await?;
    plan.planned.push(fresh.id.to_string());
    Ok(())
}

/// Lets a request and all that stand for it count in a year.
async fn adopt(tx: &mut dyn Tx, now: &Moment, of: YearOf, s: &Solicitud) -> AppResult<()> {
    let all = tx.solicitudes(of.taxpayer, None).await?;
    let mut family: Vec<Solicitud> = all.iter().filter(|it| transition::is_same_window(it, s)).cloned().collect();
    while let Some(mut it) = family.pop() {
        family.extend(all.iter().filter(|heir| heir.replaces == Some(it.id) && heir.relation == Some(Relation::Part)).cloned());
        (it.purpose, it.year, it.run) = (Purpose::Year, of.year, run_of(of.taxpayer, of.year, of.family));
        let state = it.state;
        transition::step(tx, now, &mut it, state).await?;
    }
    Ok(())
}

/// A request that nobody has made yet.
pub fn fresh(now: &Moment, taxpayer: TaxpayerId, wanted: &Wanted, purpose: Purpose, run: String) -> Solicitud {
    Solicitud {
        id: SolicitudId::fresh(now.wall),
        taxpayer,
        family: wanted.family,
        direction: wanted.direction,
        content: wanted.content,
        estado: wanted.estado,
        filters: wanted.filters.clone(),
        purpose,
        base_from: wanted.from,
        from: wanted.from,
        to: wanted.to,
        k: 0,
        year: wanted.from.year(),
        state: SolicitudState::Planned,
        authority_id: None,
        codes: AuthorityCodes::default(),
        announced: None,
        problem: None,
        replaces: None,
        relation: None,
        run,
        accepted_at: None,
        ended_at: None,
        checks: 0,
        next_check: None,
        revision: 0,
        created: now.wall,
    }
}

fn planned(now: &Moment, of: YearOf, direction: Direction, request: &PlannedRequest) -> Solicitud {
    let wanted = Wanted {
        family: of.family,
        direction,
        content: ours(request.content),
        estado: match request.estado {
            window::Estado::Todos => Estado::Todos,
            window::Estado::Vigente => Estado::Vigente,
            window::Estado::Cancelado => Estado::Cancelado,
        },
        from: request.window.from,
        to: request.window.to,
        filters: Filters::default(),
    };
    Solicitud {
        year: of.year,
        relation: (request.window.from != request.slot.from).then_some(Relation::Remainder),
        ..fresh(now, of.taxpayer, &wanted, Purpose::Year, run_of(of.taxpayer, of.year, of.family))
    }
}

/// The request that holds a slot, if any: the last variant of the last window in it.
fn holder(asked: &[Solicitud], family: Family, direction: Direction, content: Content, slot: Window) -> Option<Held> {
    let inside = |it: &&Solicitud| {
        (it.family, it.direction, it.content, it.purpose) == (family, direction, content, Purpose::Year)
            && slot.contains(it.base_from)
            && slot.contains(it.to)
    };
    asked.iter().filter(inside).max_by_key(|it| (it.to, it.k)).map(held)
}

/// What is told of a window that a request holds.
pub fn held(s: &Solicitud) -> Held {
    Held {
        direction: s.direction,
        content: s.content,
        from: s.from.to_string(),
        to: s.to.to_string(),
        held_by: s.id.to_string(),
        state: s.state,
        variants_left: MAX_VARIANTS.saturating_sub(s.k + 1),
    }
}

/// Takes up what waited for a certificate, in every year of the taxpayer.
pub async fn take_up(tx: &mut dyn Tx, now: &Moment, taxpayer: TaxpayerId) -> AppResult<()> {
    take_up_those(tx, now, taxpayer, None, |_| true).await
}

/// Takes up requests that were given up or whose certificate was refused, and gives every open one
/// the job that its state needs. One that waits joins its run; a job that is open already is left as
/// it is.
pub async fn take_up_those(
    tx: &mut dyn Tx,
    now: &Moment,
    taxpayer: TaxpayerId,
    year: Option<i16>,
    which: impl Fn(&Solicitud) -> bool + Send,
) -> AppResult<()> {
    let current = tx.current_credential(Owner::Taxpayer(taxpayer), CredentialKind::Fiel).await?;
    let can_ask = current.is_some_and(|it| it.state != CredentialState::Blocked);
    for mut s in tx.solicitudes(taxpayer, year).await?.into_iter().filter(which) {
        let refused = matches!(s.codes.cod_estatus.as_deref(), Some("304" | "305"));
        if s.state == SolicitudState::Blocked && can_ask && (refused || was_given_up(&s)) {
            reopen(tx, now, &mut s).await?;
        }
        revive(tx, now, &s).await?;
    }
    Ok(())
}

/// Whether a request is blocked because a job of its own died.
fn was_given_up(s: &Solicitud) -> bool {
    s.problem.as_ref().is_some_and(|it| it.starts_with(Code::JobDead.slug()))
}

/// Lets a blocked request go on from where it was: one that SAT accepted is not asked again.
pub async fn reopen(tx: &mut dyn Tx, now: &Moment, s: &mut Solicitud) -> AppResult<()> {
    let listed = !tx.packages_of(s.id).await?.is_empty();
    let state = match s.authority_id {
        Some(_) if listed => SolicitudState::Ready,
        Some(_) => SolicitudState::Accepted,
        None => SolicitudState::Planned,
    };
    (s.ended_at, s.problem) = (None, None);
    transition::step(tx, now, s, state).await // Its job is `revive`'s.
}

/// Gives an open request the job that its state needs.
pub async fn revive(tx: &mut dyn Tx, now: &Moment, s: &Solicitud) -> AppResult<()> {
    let kind = match s.state {
        SolicitudState::Planned | SolicitudState::Asked => handlers::ASK,
        SolicitudState::Accepted | SolicitudState::Running | SolicitudState::Stuck => handlers::VERIFY,
        SolicitudState::Ready | SolicitudState::Fetched => return revive_packages(tx, now, s).await,
        _ => return Ok(()),
    };
    tx.enqueue(&handlers::job(kind, s.id, now.service, &s.run), now.service).await?;
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

/// What a schedule does for a taxpayer.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Nightly {
    /// Whose, by id.
    pub id: String,
    /// At which services.
    #[serde(default = "cfdi_alone")]
    pub families: Vec<Family>,
    /// Metadata of how many months before the running one is asked again each time, that one too;
    /// none asks nothing again.
    #[serde(default = "two_months")]
    pub recheck_months: Option<u32>,
}

fn cfdi_alone() -> Vec<Family> {
    vec![Family::Cfdi]
}

fn two_months() -> Option<u32> {
    Some(super::recheck::MONTHS)
}

/// The job `sat.sync`: what a schedule does for a taxpayer, the running year in both directions, what
/// is left of the last, and late cancellations.
pub async fn sync(app: &App, scope: &Scope, taxpayer: TaxpayerId, nightly: &Nightly, lease: LeaseProof) -> Result<(), JobFailure> {
    let now = Moment::now(app, scope);
    let year = mexico(now.service)?.year();
    let mut planned = Vec::new();
    for family in &nightly.families {
        if let Some(months) = nightly.recheck_months {
            planned.extend(super::recheck::plan(app, scope, taxpayer, *family, months).await?);
        }
    }
    let mut tx = app.store.begin(scope).await?;
    super::recheck::add(tx.as_mut(), &now, planned).await?;
    for family in nightly.families.iter().copied() {
        // What was left of last year when it ended; a year that nobody ever asked for is not begun.
        let last = YearOf { taxpayer, family, year: year - 1 };
        if tx.solicitudes(taxpayer, Some(year - 1)).await?.iter().any(|it| last.holds(it)) {
            plan_year(tx.as_mut(), &now, last, Direction::ALL).await?;
        }
        plan_year(tx.as_mut(), &now, YearOf { year, ..last }, Direction::ALL).await?;
    }
    take_up_those(tx.as_mut(), &now, taxpayer, None, |it| it.purpose != Purpose::Year).await?;
    tx.finish_job(lease).await?;
    Ok(tx.commit().await?)
}

/// The planner's word for a side.
pub fn side(direction: Direction) -> window::Direction {
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
