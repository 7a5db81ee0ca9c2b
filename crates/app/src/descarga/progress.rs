//! How far a year or a request has come, in figures that are cheap to look at again and again.

use super::plan;
use super::request;
use crate::App;
use crate::error::{AppError, AppResult};
use crate::model::*;
use crate::ports::Tx;
use fedatario_base::Scope;
use fedatario_base::id::SolicitudId;
use jiff::Timestamp;
use std::collections::BTreeMap;

/// How far something has come.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Progress {
    /// Requests that belong to it.
    pub requests: u64,
    /// Those that SAT or we still work on.
    pub open: u64,
    /// Those that wait for a person.
    pub blocked: u64,
    /// How many of each state.
    pub states: BTreeMap<&'static str, u64>,
    /// Packages that SAT listed.
    pub packages: u64,
    /// Those that were read, or could not be.
    pub packages_read: u64,
    /// What they brought.
    pub tally: Tally,
    /// Jobs that are open.
    pub open_jobs: u64,
    /// When SAT is asked next (service).
    pub next_check: Option<Timestamp>,
}

impl Progress {
    /// Whether nothing more happens by itself.
    pub fn is_over(&self) -> bool {
        self.open == 0 && self.open_jobs == 0
    }

    async fn add(&mut self, tx: &mut dyn Tx, s: &Solicitud) -> AppResult<()> {
        self.requests += 1;
        self.open += u64::from(s.state.is_open());
        self.blocked += u64::from(s.state == SolicitudState::Blocked);
        *self.states.entry(s.state.text()).or_default() += 1;
        self.next_check = match (self.next_check, s.next_check) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        };
        for package in tx.packages_of(s.id).await? {
            let is_read = !matches!(package.state, PackageState::Known | PackageState::Stored);
            (self.packages, self.packages_read) = (self.packages + 1, self.packages_read + u64::from(is_read));
            self.tally += package.tally;
        }
        Ok(())
    }
}

/// How far a year has come, at one service or both.
pub async fn of_year(app: &App, scope: &Scope, taxpayer: &Taxpayer, year: i16, family: Option<Family>) -> AppResult<Progress> {
    let mut tx = app.store.read(scope).await?;
    let mut progress = Progress::default();
    let is_meant = |it: &Solicitud| it.purpose == Purpose::Year && family.is_none_or(|family| it.family == family);
    for s in tx.solicitudes(taxpayer.id, Some(year)).await?.iter().filter(|it| is_meant(it)) {
        progress.add(tx.as_mut(), s).await?;
    }
    for of in Family::ALL.iter().filter(|it| family.is_none_or(|family| **it == family)) {
        progress.open_jobs += tx.open_jobs(&plan::run_of(taxpayer.id, year, *of)).await?;
    }
    Ok(progress)
}

/// How far a request has come, with all that stands for it.
pub async fn of_request(app: &App, scope: &Scope, id: SolicitudId) -> AppResult<Progress> {
    let mut tx = app.store.read(scope).await?;
    let s = tx.solicitud(id).await?.ok_or_else(|| AppError::NotFound(id.to_string()))?;
    let all = tx.solicitudes(s.taxpayer, None).await?;
    let mut progress = Progress::default();
    for of in request::family(&all, &s) {
        progress.add(tx.as_mut(), of).await?;
    }
    progress.open_jobs = if s.purpose == Purpose::Request { tx.open_jobs(&s.run).await? } else { 0 };
    Ok(progress)
}
