//! How a taxpayer's year stands, for people and programs.

use crate::App;
use crate::error::AppResult;
use crate::model::*;
use crate::ports::DocumentCounts;
use fedatario_base::Scope;
use fedatario_base::text::{Language, say};
use fedatario_fiscal::mx::sat_codes::{self, Operation};
use serde_json::{Value, json};

/// A year of a taxpayer.
#[derive(Debug, Clone)]
pub struct YearStatus {
    /// Its requests, with their packages.
    pub solicitudes: Vec<(Solicitud, Vec<PackageRow>)>,
    /// What is here.
    pub counts: DocumentCounts,
    /// Jobs of the year that are open.
    pub open_jobs: u64,
    /// Jobs of this taxpayer's requests that died, with their last words.
    pub dead_jobs: Vec<JobView>,
    /// Documents that were in force and were found cancelled, the last noticed first.
    pub cancelled_late: Vec<LateCancellation>,
}

/// Dead jobs that are looked at.
const DEAD_JOBS_AT_MOST: u32 = 1_000;
/// Late cancellations that are shown one by one; all are counted.
const CANCELLATIONS_AT_MOST: u32 = 100;

impl YearStatus {
    /// Requests that SAT or we still work on.
    pub fn open(&self) -> usize {
        self.solicitudes.iter().filter(|(s, _)| s.state.is_open()).count()
    }

    /// Requests that wait for a person.
    pub fn blocked(&self) -> usize {
        self.solicitudes.iter().filter(|(s, _)| s.state == SolicitudState::Blocked).count()
    }

    /// The same with some of its requests alone.
    pub fn only(mut self, which: impl Fn(&Solicitud) -> bool) -> Self {
        self.solicitudes.retain(|(s, _)| which(s));
        self
    }

    /// What the packages of its requests brought.
    pub fn tally(&self) -> Tally {
        let mut tally = Tally::default();
        self.solicitudes.iter().flat_map(|(_, packages)| packages).for_each(|it| tally += it.tally);
        tally
    }

    /// How many of each state, in the order of a request's life.
    pub fn by_state(&self) -> Vec<(SolicitudState, usize)> {
        let count = |state: &SolicitudState| self.solicitudes.iter().filter(|(s, _)| s.state == *state).count();
        SolicitudState::ALL.iter().map(|state| (*state, count(state))).filter(|(_, n)| *n > 0).collect()
    }
}

/// Reads how a year stands (all years without one).
pub async fn year(app: &App, scope: &Scope, taxpayer: &Taxpayer, year: Option<i16>) -> AppResult<YearStatus> {
    let mut tx = app.store.read(scope).await?;
    let mut solicitudes = Vec::new();
    let mut all = tx.solicitudes(taxpayer.id, year).await?;
    all.sort_by_key(|it| (it.year, it.direction, std::cmp::Reverse(it.content), it.base_from, it.k));
    for s in all {
        let packages = tx.packages_of(s.id).await?;
        solicitudes.push((s, packages));
    }
    let counts = tx.document_counts(taxpayer.id).await?;
    let mut open_jobs = 0;
    for family in Family::ALL {
        let run = year.map(|year| super::plan::run_of(taxpayer.id, year, *family));
        open_jobs += if let Some(run) = run { tx.open_jobs(&run).await? } else { 0 };
    }
    let about: std::collections::BTreeSet<String> = solicitudes
        .iter()
        .flat_map(|(s, packages): &(Solicitud, Vec<PackageRow>)| {
            std::iter::once(s.id.to_string()).chain(packages.iter().map(|it| it.id.to_string()))
        })
        .collect();
    let mut dead_jobs = tx.jobs(Some(JobState::Dead), None, DEAD_JOBS_AT_MOST).await?;
    let own = taxpayer.id.to_string();
    dead_jobs
        .retain(|it| about.contains(&it.key) || it.key.starts_with(&own) || it.run.as_ref().is_some_and(|run| run.contains(&own)));
    let cancelled_late = tx.late_cancellations(taxpayer.id, CANCELLATIONS_AT_MOST).await?;
    Ok(YearStatus { solicitudes, counts, open_jobs, dead_jobs, cancelled_late })
}

/// The record of a request, as written under `solicitudes/` and shown by `sat status`.
pub fn record(s: &Solicitud, packages: &[PackageRow]) -> Value {
    json!({
        "id": s.id.to_string(),
        "id_solicitud": s.authority_id,
        "family": s.family,
        "purpose": s.purpose,
        // A folio has neither side nor window.
        "direction": s.filters.folio.is_none().then_some(s.direction),
        "content": s.content,
        "filters": s.filters,
        "problem": s.problem,
        "estado_comprobante": s.estado,
        "from": s.from.to_string(),
        "to": s.to.to_string(),
        "k": s.k,
        "year": s.year,
        "state": s.state,
        "sat": s.codes,
        "announced": s.announced,
        "replaces": s.replaces.map(|it| it.to_string()),
        "relation": s.relation,
        "checks": s.checks,
        "accepted_at": s.accepted_at.map(|it| it.to_string()),
        "next_check": s.next_check.map(|it| it.to_string()),
        "ended_at": s.ended_at.map(|it| it.to_string()),
        "packages": packages.iter().map(package).collect::<Vec<_>>(),
    })
}

fn package(p: &PackageRow) -> Value {
    json!({
        "id": p.id.to_string(),
        "id_paquete": p.id_paquete,
        "state": p.state,
        "path": p.path,
        "sha256": p.sha256.map(|it| crate::audit_trail::hex(&it)),
        "size": p.size,
        "tally": p.tally,
        "problem": p.problem,
    })
}

/// SAT's code and words, what they mean, and who must act.
pub fn explain(s: &Solicitud, language: Language) -> String {
    let (operation, code) = match (&s.codes.codigo_estado, s.codes.estado) {
        (Some(reason), Some(5)) => (Operation::VerificaReason, reason.as_str()),
        (_, Some(_)) => (Operation::Verifica, s.codes.cod_estatus.as_deref().unwrap_or_default()),
        _ => (super::ask::operation(s), s.codes.cod_estatus.as_deref().unwrap_or_default()),
    };
    let words = s.codes.mensaje.as_deref().unwrap_or_default();
    match sat_codes::fact(operation, code) {
        None if code.is_empty() => say(language, "sat-no-answer", &[]),
        None => say(language, "sat-unknown-code", &[("code", code.to_owned()), ("words", words.to_owned())]),
        Some(fact) => {
            let meaning = if language == Language::Es { fact.es } else { fact.en };
            format!("{code} «{words}» {meaning} {}", say(language, &format!("sat-who-{}", fact.who.slug()), &[]))
        }
    }
}
