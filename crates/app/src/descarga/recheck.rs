//! Cancellations that arrive late: metadata of the last months is asked once more, each night.
//!
//! One window a direction, from the first day of the oldest month to now: its end is new each night,
//! so that it is a new request for SAT too. Only what was asked before is asked again, and nothing
//! while the one of an earlier night is still under way. What it changes is noted on the lines
//! themselves, and counted in the audit entry of the package that told.

use super::counts;
use super::handlers;
use super::plan::{self, CUT_BEHIND};
use super::transition::{self, Moment, mexico};
use crate::App;
use crate::audit_trail::entry;
use crate::error::AppResult;
use crate::model::*;
use crate::ports::Tx;
use fedatario_base::Scope;
use fedatario_base::id::TaxpayerId;
use fedatario_fiscal::mx::window::{self, Window};
use jiff::Span;
use jiff::civil::DateTime;

/// Months before the running one that are asked again unless somebody chooses otherwise: cancelling
/// needs the receiver's word, which has three days and often comes after the month has ended.
pub const MONTHS: u32 = 2;
/// The most: all that SAT answers.
pub const MONTHS_AT_MOST: u32 = 71;

/// The run of the jobs that ask again.
pub fn run_of(taxpayer: TaxpayerId, family: Family) -> String {
    format!("sat.recheck:{taxpayer}:{family}")
}

/// What has to be asked again; already cut into parts that fit, by what is known.
pub async fn plan(app: &App, scope: &Scope, taxpayer: TaxpayerId, family: Family, months: u32) -> AppResult<Vec<Solicitud>> {
    let now = Moment::now(app, scope);
    let mut tx = app.store.read(scope).await?;
    let all = tx.solicitudes(taxpayer, None).await?;
    let mut planned = Vec::new();
    for direction in Direction::ALL {
        let Some(wanted) = wanted(&all, &now, family, *direction, months)? else { continue };
        let cap = counts::at_most(app, Content::Metadata).get();
        let (_, parts) = counts::look(tx.as_mut(), taxpayer, &wanted, cap).await?;
        let windows =
            parts.map_or_else(|| vec![(wanted.from, wanted.to)], |it| it.into_iter().map(|it| (it.from, it.to)).collect());
        for (from, to) in windows {
            let part = Wanted { from, to, ..wanted.clone() };
            planned.push(plan::fresh(&now, taxpayer, &part, Purpose::Recheck, run_of(taxpayer, family)));
        }
    }
    Ok(planned)
}

/// Puts them in, each with its job.
pub async fn add(tx: &mut dyn Tx, now: &Moment, planned: Vec<Solicitud>) -> AppResult<()> {
    for s in planned {
        let Some(s) = transition::add_free(tx, now, s, 0).await? else { continue };
        tx.enqueue(&handlers::job(handlers::ASK, s.id, now.service, &s.run), now.service).await?;
        let event = entry(now, "sat.recheck", &s.id.to_string(), "planned");
        tx.append(event.field("window", format!("{} {}/{}", s.direction, s.from, s.to)), None).await?;
    }
    Ok(())
}

/// The window of a night; none if there is nothing to ask again, or the last one is under way.
fn wanted(all: &[Solicitud], now: &Moment, family: Family, direction: Direction, months: u32) -> AppResult<Option<Wanted>> {
    let is_plain = |it: &&Solicitud| {
        (it.family, it.direction, it.content, it.estado) == (family, direction, Content::Metadata, Estado::Todos)
            && it.filters.is_none()
    };
    if all.iter().filter(is_plain).any(|it| it.purpose == Purpose::Recheck && it.state.is_open()) {
        return Ok(None);
    }
    let answered = |it: &&Solicitud| {
        matches!(it.state, SolicitudState::Imported | SolicitudState::Reconciled | SolicitudState::Empty | SolicitudState::TooLarge)
    };
    let Some(earliest) = all.iter().filter(is_plain).filter(answered).map(|it| it.base_from).min() else { return Ok(None) };
    let to = whole_second(mexico(now.service - CUT_BEHIND)?);
    let month = to.date().first_of_month().saturating_sub(Span::new().months(i64::from(months.min(MONTHS_AT_MOST))));
    let from = month.at(0, 0, 0, 0).max(earliest);
    if window::check(Window { from, to }, mexico(now.service)?).is_err() {
        return Ok(None);
    }
    let (content, estado, filters) = (Content::Metadata, Estado::Todos, Filters::default());
    Ok(Some(Wanted { family, direction, content, estado, from, to, filters }))
}

fn whole_second(at: DateTime) -> DateTime {
    at.date().at(at.hour(), at.minute(), at.second(), 0)
}
